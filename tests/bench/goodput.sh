#!/usr/bin/env bash
# One big file, tmpfs to tmpfs: fardrop over QUIC against a bare quinn loop, and over Go-Back-N against a
# bare UDP loop that repairs nothing, turn and turn about.
#
#   tests/bench/goodput.sh [ROUNDS [MIB]]
#
# Over a veth cable at MTU 1500 between two namespaces (needs root), then on loopback. Gives the
# medians, their ratio (at least 0.9 is wanted of QUIC, and 0.8 of Go-Back-N over the cable), CPU seconds
# per GiB and the peak memory of each end.
set -euo pipefail
source "$(dirname "$0")/lib.sh"

rounds=${1:-7}
mib=${2:-2048}
bare_quinn=$programs/bare_quinn
bare_udp=$programs/bare_udp

# bare NAMESPACE NAMESPACE ADDRESS MTU
bare() {
    rm -f "$work/bare.out" "$work/bare.certificate"
    inside "$2" "$bare_quinn" receive --listen "$3:4455" --output "$work/bare.out" \
        --certificate "$work/bare.certificate" --mtu "$4" >"$work/bare.receive.json" &
    local receiver=$!
    wait_until 10 test -f "$work/bare.certificate"
    (inside "$1" "$bare_quinn" send --to "$3:4455" --input "$work/big.bin" \
        --certificate "$work/bare.certificate" --mtu "$4") >"$work/bare.send.json"
    wait "$receiver"
    rm "$work/bare.out"
    jq -rs --arg gib "$(compute "$mib / 1024")" '[.[1].mb_per_s, (.[0].cpu_seconds + .[1].cpu_seconds) / ($gib | tonumber),
        .[0].peak_kib / 1024, .[1].peak_kib / 1024] | @tsv' "$work/bare.send.json" "$work/bare.receive.json"
}

# floor NAMESPACE NAMESPACE ADDRESS MTU: over a cable only, since what it leaves on its way fits a socket
# there.
floor() {
    local payload=$(($4 - 28))
    rm -f "$work/bare.out" "$work/bare.ready"
    inside "$2" "$bare_udp" --payload "$payload" receive --listen "$3:4455" --output "$work/bare.out" \
        --ready "$work/bare.ready" >"$work/bare.receive.json" &
    local receiver=$!
    wait_until 10 test -f "$work/bare.ready"
    (inside "$1" "$bare_udp" --payload "$payload" send --to "$3:4455" --input "$work/big.bin") >"$work/bare.send.json"
    wait "$receiver"
    rm "$work/bare.out"
    jq -rs --arg gib "$(compute "$mib / 1024")" '[.[1].mb_per_s, (.[0].cpu_seconds + .[1].cpu_seconds) / ($gib | tonumber),
        .[0].peak_kib / 1024, .[1].peak_kib / 1024] | @tsv' "$work/bare.send.json" "$work/bare.receive.json"
}

# app NAMESPACE NAMESPACE LINK: rate by the receiver's own clock, and by its whole life.
app() {
    rm -rf "$work/app.out"
    mkdir "$work/app.out"
    start_measured_sender "$1" sender "$work/big.bin" --rendezvous "$rendezvous_at" --link "$3" --once
    receive "$2" receiver -o "$work/app.out" --rendezvous "$rendezvous_at" ||
        fail "receive: $(tail -n 3 "$work/receiver.json" "$work/receiver.err")"
    wait "$sender_process" || fail "send: $(tail -n 3 "$work/sender.json" "$work/sender.err")"
    cmp -s "$work/big.bin" "$work/app.out/big.bin" || fail 'the file differs'
    rm -rf "$work/app.out"
    local seconds wall
    seconds=$(field "$work/receiver.json" "done" seconds)
    wall=$(cost receiver wall)
    printf '%s\t%s\t%s\t%s\t%s\n' "$(compute "$mib * 1.048576 / $seconds")" \
        "$(compute "($(cost sender cpu) + $(cost receiver cpu)) * 1024 / $mib")" \
        "$(cost sender peak_mib)" "$(cost receiver peak_mib)" "$(compute "$mib * 1.048576 / $wall")"
}

# column FILE N: the median of a column of a file of results.
column() {
    cut -f "$2" "$1" | median
}

# compare TITLE NAMESPACE NAMESPACE ADDRESS MTU
compare() {
    local round name names=(bare-quinn quic gbn)
    [[ $2 == - ]] || names=(bare-quinn quic bare-udp gbn)
    start_rendezvous "$3" "$4"
    rm -f "$work"/*.tsv
    for ((round = 1; round <= rounds; round++)); do
        bare "$2" "$3" "$4" "$5" >>"$work/bare-quinn.tsv"
        app "$2" "$3" quic >>"$work/quic.tsv"
        [[ $2 == - ]] || floor "$2" "$3" "$4" "$5" >>"$work/bare-udp.tsv"
        app "$2" "$3" gbn >>"$work/gbn.tsv"
        say "$1 $round/$rounds: $(for name in "${names[@]}"; do
            printf '%s %.0f  ' "$name" "$(tail -n 1 "$work/$name.tsv" | cut -f 1)"
        done)MB/s"
    done
    stop "$rendezvous_process"
    printf '%s, %s MiB, medians of %s\n' "$1" "$mib" "$rounds"
    printf '                 MB/s   CPU s/GiB  peak MiB sender  receiver\n'
    for name in "${names[@]}"; do
        printf '%-11s %9.0f %10.2f %12.1f %12.1f\n' "$name" "$(column "$work/$name.tsv" 1)" \
            "$(column "$work/$name.tsv" 2)" "$(column "$work/$name.tsv" 3)" "$(column "$work/$name.tsv" 4)"
    done
    printf 'with start, pairing and exit: quic %.0f, gbn %.0f MB/s\n' "$(column "$work/quic.tsv" 5)" "$(column "$work/gbn.tsv" 5)"
    at_least "$(ratio quic bare-quinn)" 0.9 "$1: goodput of QUIC against the bare loop"
    if [[ $2 != - ]]; then
        at_least "$(ratio gbn bare-udp)" 0.8 "$1: goodput of Go-Back-N against the floor"
    fi
    for name in quic gbn; do
        at_most "$(column "$work/$name.tsv" 3)" 64 "$1: peak MiB of the sender over $name"
        at_most "$(column "$work/$name.tsv" 4)" 64 "$1: peak MiB of the receiver over $name"
    done
}

# ratio NAME NAME: of their median rates.
ratio() {
    compute "$(column "$work/$1.tsv" 1) / $(column "$work/$2.tsv" 1)"
}

begin
random_bytes "$work/big.bin" "$mib"
join_by_veth 1500
compare 'veth, MTU 1500' "$near" "$far" "$far_address" 1500
compare 'loopback' - - 127.0.0.1 65536
conclude
