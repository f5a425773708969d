#!/usr/bin/env bash
# 10,000 files of 4 KiB in 100 folders: fardrop against rsync and tar over ssh.
#
#   tests/bench/small_files.sh [ROUNDS]
#
# Needs root. Over a veth cable from tmpfs to tmpfs (no slower than `rsync -a` is wanted), over
# 100 Mbit/s with a round trip of 100 ms (5.5 s at most), and with the receiver on a real disk,
# in the folder that DISK names. The sender waits; what counts is the receiver's whole life.
set -euo pipefail
source "$(dirname "$0")/lib.sh"

rounds=${1:-5}
disk=${DISK:-/var/tmp}

# Each prints the seconds it took.

by_rsync() {
    fresh "$1"
    timed ip netns exec "$near" rsync -a -e "ssh ${ssh_options[*]}" "$work/small" "root@$far_address:$1/"
    same_tree "$work/small" "$1/small"
}

by_tar() {
    fresh "$1"
    timed ip netns exec "$near" bash -c "tar -C '$work' -c --format=posix small | ssh ${ssh_options[*]} root@$far_address tar -C '$1' -x"
    same_tree "$work/small" "$1/small"
}

by_fardrop() {
    fresh "$1"
    start_measured_sender "$near" sender "$work/small" --rendezvous "$rendezvous_at" --once
    receive "$far" receiver -o "$1" --rendezvous "$rendezvous_at" ||
        fail "receive: $(tail -n 3 "$work/receiver.json" "$work/receiver.err")"
    wait "$sender_process" || fail "send: $(tail -n 3 "$work/sender.json" "$work/sender.err")"
    same_tree "$work/small" "$1/small"
    cost receiver wall
    say "  fardrop: $(cost receiver wall) s, of them $(field "$work/receiver.json" "done" seconds) transferring;" \
        "peak MiB $(cost sender peak_mib) $(cost receiver peak_mib)"
}

fresh() {
    rm -rf "$1"
    mkdir "$1"
}

timed() {
    local start=$EPOCHREALTIME
    "$@" >&2
    compute "$EPOCHREALTIME - $start"
}

# compare TITLE FOLDER ROUNDS: turn and turn about; sets rsync_median and fardrop_median.
compare() {
    local round way
    for way in rsync tar fardrop; do
        : >"$work/$way.seconds"
    done
    for ((round = 1; round <= $3; round++)); do
        for way in rsync tar fardrop; do
            "by_$way" "$2" >>"$work/$way.seconds"
        done
        say "$1 $round/$3: rsync $(tail -n 1 "$work/rsync.seconds"), tar $(tail -n 1 "$work/tar.seconds")," \
            "fardrop $(tail -n 1 "$work/fardrop.seconds") s"
    done
    rsync_median=$(median <"$work/rsync.seconds")
    fardrop_median=$(median <"$work/fardrop.seconds")
    printf '%s, medians of %s: rsync -a %s, tar through ssh %s, fardrop %s s\n' "$1" "$3" \
        "$rsync_median" "$(median <"$work/tar.seconds")" "$fardrop_median"
}

begin
install_missing rsync rsync
install_missing /usr/sbin/sshd openssh-server
"$test_tree" many "$work/small" --files 10000 --folders 100 --size 4096
on_disk=$(mktemp -d "$disk/fardrop-bench.XXXXXX")
removed_last+=("$on_disk")

join_by_veth 1500
start_sshd "$far" "$far_address"
start_rendezvous "$far" "$far_address"
compare 'veth, tmpfs' "$work/copy" "$rounds"
at_most "$fardrop_median" "$rsync_median" 'veth: seconds, against rsync -a'
compare "veth, real disk ($(stat -f -c %T "$disk"))" "$on_disk/copy" "$rounds"
stop "$sshd_process" "$rendezvous_process"
separate

# The queue holds one bandwidth-delay product.
join_by_wanlink 100M 100 1.25M
start_sshd "$far" "$far_address"
start_rendezvous "$far" "$far_address"
compare '100 Mbit/s, 100 ms' "$work/copy" $(((rounds + 1) / 2))
at_most "$fardrop_median" 5.5 '100 Mbit/s, 100 ms: seconds'
conclude
