#!/usr/bin/env bash
# A real tree, copied and compared by hash, modification time and executable bit.
#
#   [LINK=auto|quic|gbn] tests/bench/tree.sh [ROUNDS [MIB]]
#
# The tree: a few thousand files of /usr/share, one file of 4 GiB, awkward names. First over a
# rendezvous on loopback, then with none named in a network namespace of its own, then to three
# receivers at once while a fourth joins midway; all over what LINK says. Needs three to five times the size of the big
# file in /dev/shm.
set -euo pipefail
source "$(dirname "$0")/lib.sh"

rounds=${1:-10}
mib=${2:-4096}
link=${LINK:-auto}
real_files=${REAL_FILES:-4000}

# copy_real FOLDER: files of this machine, less those whose names no receiver may take: what
# Windows cannot store, and what differs only by case from one that was taken.
copy_real() {
    mkdir -p "$1"
    (cd /usr/share && LC_ALL=C find . -type f -regextype posix-extended ! -regex '.*[*?"<>|:\\].*' \
        ! -regex '.*[^/.][. ](/.*)?' ! -iregex '.*/(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*|/.*)?' -size -1024k |
        LC_ALL=C sort | awk '{ path = tolower($0) } !(path in taken) { taken[path]; print }' |
        { head -n "$real_files" || true; cat >/dev/null; } | tar -c --format=posix --files-from=-) | tar -C "$1" -x
}

# one_transfer NAMESPACE ARGUMENT...: both ends get the arguments; compared and removed.
one_transfer() {
    local namespace=$1
    shift
    set -- --link "$link" "$@"
    rm -rf "$work/out"
    mkdir "$work/out"
    start_measured_sender "$namespace" sender "$work/tree" --once "$@"
    receive "$namespace" receiver -o "$work/out" "$@" ||
        fail "receive: $(tail -n 3 "$work/receiver.json" "$work/receiver.err")"
    wait "$sender_process" || fail "send: $(tail -n 3 "$work/sender.json" "$work/sender.err")"
    same_tree "$work/tree" "$work/out/tree"
    rm -rf "$work/out"
    carried receiver
    say "  $(cost receiver wall) s, peak MiB $(cost sender peak_mib) $(cost receiver peak_mib)"
}

# carried NAME: whether the link that was asked for carried that receiver's transfer.
carried() {
    local by
    by=$(field "$work/$1.json" 'done' link)
    [[ $link == auto || $by == "$link" ]] || fail "$1: over $by"
}

# make_lonely_network NAME: loopback and one interface that carries multicast to itself.
make_lonely_network() {
    make_namespace "$1"
    ip -n "$1" link set lo multicast on
    ip -n "$1" link add lan0 type veth peer name lan1
    ip -n "$1" link set lan1 up
    ip -n "$1" link set lan0 multicast on up
    ip -n "$1" address add 10.97.0.1/24 dev lan0
    ip -n "$1" route add 224.0.0.0/4 dev lan0
}

# start_receiver INDEX: in the background; its process is appended to receivers.
start_receiver() {
    mkdir "$work/out.$1"
    receive - "receiver.$1" -o "$work/out.$1" --link "$link" --rendezvous "$rendezvous_at" &
    receivers+=("$!")
}

# several_receivers: three at once, and a fourth when the first has had a tenth.
several_receivers() {
    local index
    receivers=()
    start_sender - sender "$work/several/tree" --keep --link "$link" --rendezvous "$rendezvous_at"
    for index in 1 2 3; do
        start_receiver "$index"
    done
    wait_until 60 has_had_a_tenth "$work/receiver.1.json"
    start_receiver 4
    if has_event "$work/receiver.1.json" 'done'; then
        fail 'the first had finished before the fourth joined: give a larger size'
    fi
    for index in 1 2 3 4; do
        wait "${receivers[index - 1]}" || fail "receive $index: $(tail -n 3 "$work/receiver.$index.json" "$work/receiver.$index.err")"
        same_tree "$work/several/tree" "$work/out.$index/tree"
        carried "receiver.$index"
        rm -rf "$work/out.$index"
    done
    kill -0 "$sender_process" || fail 'the sender ended by itself'
    stop "$sender_process"
}

has_had_a_tenth() {
    has_event "$1" progress && [[ $(grep '"event":"progress".*}$' "$1" | tail -n 1 | jq '.bytes * 10 > .total') == true ]]
}

begin
copy_real "$work/tree/share"
"$test_tree" awkward "$work/tree/awkward"
random_bytes "$work/tree/big.bin" "$mib"
say "the tree has $(find "$work/tree" -type f | wc -l) files"

start_rendezvous - 127.0.0.1
for ((round = 1; round <= rounds; round++)); do
    say "with a rendezvous, $round/$rounds"
    one_transfer - --rendezvous "$rendezvous_at"
done
verdict 1.000 "identical, $rounds runs in a row, with a rendezvous"

mkdir "$work/several"
mv "$work/tree" "$work/several/tree"
# Four copies of the whole would not fit beside it on a machine of 24 GiB.
truncate -s "$((mib / 4))M" "$work/several/tree/big.bin"
several_receivers
verdict 1.000 'identical for three receivers at once and a fourth that joined midway'
stop "$rendezvous_process"

mv "$work/several/tree" "$work/tree"
random_bytes "$work/tree/big.bin" "$mib"
lonely=fardrop-$$-lonely
make_lonely_network "$lonely"
for ((round = 1; round <= rounds; round++)); do
    say "with no rendezvous named, $round/$rounds"
    one_transfer "$lonely"
done
verdict 1.000 "identical, $rounds runs in a row, with no rendezvous named"
conclude
