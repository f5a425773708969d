# What the measurements share: the programs, a work folder, namespaces, runs of fardrop, numbers.
#
# To be sourced, with `set -euo pipefail`, by a script that then calls `begin`. Everything that was
# started or made is ended or removed when the script ends, by its own id or name.
# shellcheck shell=bash disable=SC2034

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
programs=${PROGRAMS:-$root/target/release}
fardrop=${FARDROP:-$programs/fardrop}
rendezvous=${RENDEZVOUS:-$programs/fardrop-rendezvous}
test_tree=$programs/test_tree

work=
namespaces=()
removed_last=()

# begin: builds the programs, unless PROGRAMS says where they are, and makes the work folder on tmpfs.
begin() {
    install_missing jq jq
    install_missing /usr/bin/time time
    install_missing ip iproute2
    if [[ -z ${PROGRAMS:-} ]]; then
        (cd "$root" && cargo build --release --locked --quiet -p fardrop -p fardrop-rendezvous -p fardrop-tests --bins)
    fi
    work=$(mktemp -d "/dev/shm/fardrop-bench.XXXXXX")
    trap clean_up EXIT
    trap 'exit 130' INT TERM
}

clean_up() {
    local status=$? child namespace folder
    trap - EXIT
    for child in $(jobs -p); do
        stop "$child"
    done
    for namespace in "${namespaces[@]}"; do
        ip netns del "$namespace" 2>/dev/null || true
    done
    if [[ -n ${KEEP:-} ]]; then
        say "kept $work"
    else
        for folder in "$work" "${removed_last[@]}"; do
            rm -rf "$folder"
        done
    fi
    exit "$status"
}

say() {
    printf '%s\n' "$*" >&2
}

fail() {
    say "FAILED: $*"
    exit 1
}

# install_missing PROGRAM PACKAGE
install_missing() {
    command -v "$1" >/dev/null && return
    [[ $(id -u) == 0 ]] || fail "$1 is missing: install $2"
    apt-get install -y -qq "$2" >/dev/null || { apt-get update -qq && apt-get install -y -qq "$2" >/dev/null; }
}

# ---- namespaces

# The names carry the script's process id, so that two runs do not meet.
near=fardrop-$$-a
far=fardrop-$$-b
near_address=10.99.0.1
far_address=10.99.0.2

# make_namespace NAME
make_namespace() {
    ip netns add "$1"
    namespaces+=("$1")
    ip -n "$1" link set lo up
}

# join_by_veth MTU: makes both namespaces, joined by a cable.
join_by_veth() {
    make_namespace "$near"
    make_namespace "$far"
    ip link add cable0 netns "$near" mtu "$1" type veth peer name cable0 netns "$far" mtu "$1"
    ip -n "$near" address add "$near_address/24" dev cable0
    ip -n "$far" address add "$far_address/24" dev cable0
    ip -n "$near" link set cable0 up
    ip -n "$far" link set cable0 up
}

# join_by_wanlink RATE RTT_MS QUEUE [OPTION...]: makes both namespaces, joined by an emulated long
# line; what else wanlink is told comes last. Sets wanlink_process; wanlink.json has its figures once
# `separate` has stopped it.
join_by_wanlink() {
    local rate=$1 rtt_ms=$2 queue=$3
    shift 3
    local wanlink=${WANLINK:-}
    if [[ -z $wanlink ]]; then
        local source=$root/../shared/wanlink
        [[ -d $source ]] || fail "no wanlink: say where the program is with WANLINK="
        CARGO_TARGET_DIR=$root/target/wanlink cargo build --release --quiet --manifest-path "$source/Cargo.toml"
        wanlink=$root/target/wanlink/release/wanlink
    fi
    make_namespace "$near"
    make_namespace "$far"
    # What an earlier one said is not what this one says.
    rm -f "$work/wanlink.err"
    "$wanlink" --ns-a "$near" --ns-b "$far" --rate "$rate" --delay $((rtt_ms / 2)) --queue "$queue" \
        --addr-a "$near_address/24" --addr-b "$far_address/24" --tick-us 250 "$@" \
        >"$work/wanlink.json" 2>"$work/wanlink.err" &
    wanlink_process=$!
    wait_until 10 grep -q ready "$work/wanlink.err"
}

separate() {
    if [[ -n ${wanlink_process:-} ]]; then
        stop "$wanlink_process"
        wanlink_process=
    fi
    ip netns del "$near"
    ip netns del "$far"
    namespaces=()
}

# inside NAMESPACE COMMAND...: `-` is where the script itself is.
inside() {
    local namespace=$1
    shift
    if [[ $namespace == - ]]; then
        exec "$@"
    else
        exec ip netns exec "$namespace" "$@"
    fi
}

# ---- processes

# wait_until SECONDS COMMAND...: until it succeeds.
wait_until() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@" 2>/dev/null; do
        ((SECONDS <= deadline)) || fail "waited too long for: $*"
        sleep 0.01
    done
}

# stop PROCESS...: ends them, with what runs under `time`, and waits; no complaint when they have ended.
stop() {
    local process
    for process in "$@"; do
        pkill -TERM -P "$process" || true
        kill "$process" 2>/dev/null || true
        wait "$process" 2>/dev/null || true
    done
}

# start_rendezvous NAMESPACE ADDRESS: sets rendezvous_process and rendezvous_at.
start_rendezvous() {
    rendezvous_at=$2:4840
    inside "$1" "$rendezvous" --listen "$rendezvous_at" --listen-second "$2:4841" \
        >"$work/rendezvous.out" 2>&1 &
    rendezvous_process=$!
    # The clients ask again until it answers; this only keeps its start out of the figures.
    sleep 0.3
}

# start_sender NAMESPACE NAME ARGUMENT...: sets sender_process and code. Its JSON is in NAME.json,
# its cost in NAME.cost once it has ended.
start_sender() {
    local namespace=$1 name=$2
    shift 2
    # What an earlier one said is not what this one says.
    rm -f "$work/$name.json"
    inside "$namespace" "$fardrop" send "$@" --json >"$work/$name.json" 2>"$work/$name.err" &
    sender_process=$!
    wait_for_code "$name"
}

# start_measured_sender NAMESPACE NAME ARGUMENT...: the same, with its cost.
start_measured_sender() {
    local namespace=$1 name=$2
    shift 2
    rm -f "$work/$name.json"
    inside "$namespace" /usr/bin/time -q -f '%e %U %S %M' -o "$work/$name.cost" \
        "$fardrop" send "$@" --json >"$work/$name.json" 2>"$work/$name.err" &
    sender_process=$!
    wait_for_code "$name"
}

# start_sshd NAMESPACE ADDRESS: with a configuration, keys and a port of its own. Sets sshd_process and
# ssh_options.
start_sshd() {
    mkdir -p "$work/ssh" /run/sshd
    chmod 700 "$work/ssh"
    [[ -f $work/ssh/host ]] || ssh-keygen -q -t ed25519 -N '' -f "$work/ssh/host"
    [[ -f $work/ssh/user ]] || ssh-keygen -q -t ed25519 -N '' -f "$work/ssh/user"
    cp "$work/ssh/user.pub" "$work/ssh/authorized"
    cat >"$work/ssh/config" <<SSHD
ListenAddress $2:2222
HostKey $work/ssh/host
AuthorizedKeysFile $work/ssh/authorized
PidFile none
StrictModes no
UsePAM no
PermitRootLogin prohibit-password
PasswordAuthentication no
Subsystem sftp internal-sftp
SSHD
    inside "$1" /usr/sbin/sshd -D -f "$work/ssh/config" -E "$work/ssh/log" &
    sshd_process=$!
    ssh_options=(-q -i "$work/ssh/user" -o Port=2222 -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null)
    wait_until 10 ip netns exec "$near" ssh "${ssh_options[@]}" "root@$2" true
}

wait_for_code() {
    wait_until "${CODE_TIMEOUT:-60}" has_event "$work/$1.json" code
    code=$(field "$work/$1.json" code code)
}

# receive NAMESPACE NAME ARGUMENT...: in the foreground, with its cost.
receive() {
    local namespace=$1 name=$2
    shift 2
    # The code travels by environment: an argument would be seen by every user of the machine.
    (FARDROP_CODE=$code inside "$namespace" /usr/bin/time -q -f '%e %U %S %M' -o "$work/$name.cost" \
        "$fardrop" receive "$@" --yes --allow-programs --json >"$work/$name.json" 2>"$work/$name.err")
}

# cost NAME wall|cpu|peak_mib: of a measured run.
cost() {
    local wall user system peak_kib
    read -r wall user system peak_kib < <(tail -n 1 "$work/$1.cost")
    case $2 in
    wall) compute "$wall" ;;
    cpu) compute "$user + $system" ;;
    peak_mib) compute "$peak_kib / 1024" ;;
    *) fail "no such cost: $2" ;;
    esac
}

# ---- the JSON contract

# has_event FILE EVENT. Matched as text, since the last line may be half-written.
has_event() {
    grep -qs "\"event\":\"$2\".*}\$" "$1"
}

# field FILE EVENT NAME: of the last such event.
field() {
    grep "\"event\":\"$2\".*}\$" "$1" | tail -n 1 | jq -r --arg name "$3" '.[$name]'
}

# ---- numbers

# median: of the numbers on stdin, one a line.
median() {
    sort -g | awk '{ value[NR] = $1 }
        END { if (NR == 0) print "nan"; else printf "%.3f\n", (value[int((NR + 1) / 2)] + value[int(NR / 2) + 1]) / 2 }'
}

# quantile Q: of the numbers on stdin.
quantile() {
    sort -g | awk -v q="$1" '{ value[NR] = $1 } END { if (NR == 0) print "nan"; else print value[int(q * (NR - 1) + 0.5) + 1] }'
}

# compute EXPRESSION: three digits after the point.
compute() {
    awk "BEGIN { printf \"%.3f\n\", $1 }"
}

# at_most VALUE LIMIT WHAT, at_least VALUE LIMIT WHAT: the verdict on one acceptance figure.
at_most() {
    verdict "$(compute "($1 <= $2) ? 1 : 0")" "$3: $1 (at most $2)"
}

at_least() {
    verdict "$(compute "($1 >= $2) ? 1 : 0")" "$3: $1 (at least $2)"
}

missed=0
verdict() {
    if [[ $1 == 1.000 ]]; then
        printf 'holds   %s\n' "$2"
    else
        printf 'MISSED  %s\n' "$2"
        missed=$((missed + 1))
    fi
}

# conclude: the exit code of a script that gave verdicts.
conclude() {
    ((missed == 0)) || fail "$missed of the figures above"
}

# random_bytes FILE MIB: incompressible, and quick to make.
random_bytes() {
    openssl enc -aes-128-ctr -pass "pass:$1" -nosalt -md sha256 </dev/zero 2>/dev/null | head -c "${2}M" >"$1" || true
    [[ $(stat -c %s "$1") == $(($2 << 20)) ]] || fail "could not make $1"
}

# same_tree SOURCE COPY: by path, size, modification time, executable bit and BLAKE3.
same_tree() {
    diff <("$test_tree" digest "$1") <("$test_tree" digest "$2") >"$work/difference" ||
        fail "$2 differs from $1: $(head -n 5 "$work/difference")"
}
