#!/usr/bin/env bash
# One big file, tmpfs to tmpfs: fardrop against a bare quinn loop, turn and turn about.
#
#   tests/bench/goodput.sh [ROUNDS [MIB]]
#
# Over a veth cable at MTU 1500 between two namespaces (needs root), then on loopback. Gives the
# medians, their ratio (at least 0.9 is wanted), CPU seconds per GiB and the peak memory of each end.
set -euo pipefail
source "$(dirname "$0")/lib.sh"

rounds=${1:-7}
mib=${2:-2048}
bare_quinn=$programs/bare_quinn

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

# app NAMESPACE NAMESPACE: rate by the receiver's own clock, and by its whole life.
app() {
    rm -rf "$work/app.out"
    mkdir "$work/app.out"
    start_measured_sender "$1" sender "$work/big.bin" --rendezvous "$rendezvous_at" --once
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
    local round bare_rate app_rate
    start_rendezvous "$3" "$4"
    : >"$work/bare.tsv"
    : >"$work/app.tsv"
    for ((round = 1; round <= rounds; round++)); do
        bare "$2" "$3" "$4" "$5" >>"$work/bare.tsv"
        app "$2" "$3" >>"$work/app.tsv"
        say "$1 $round/$rounds: bare $(tail -n 1 "$work/bare.tsv" | cut -f 1), fardrop $(tail -n 1 "$work/app.tsv" | cut -f 1) MB/s"
    done
    stop "$rendezvous_process"
    bare_rate=$(column "$work/bare.tsv" 1)
    app_rate=$(column "$work/app.tsv" 1)
    printf '%s, %s MiB, medians of %s\n' "$1" "$mib" "$rounds"
    printf '                 MB/s   CPU s/GiB  peak MiB sender  receiver\n'
    printf 'bare quinn  %9.0f %10.2f %12.1f %12.1f\n' "$bare_rate" "$(column "$work/bare.tsv" 2)" \
        "$(column "$work/bare.tsv" 3)" "$(column "$work/bare.tsv" 4)"
    printf 'fardrop     %9.0f %10.2f %12.1f %12.1f   (%.0f MB/s with start, pairing and exit)\n' "$app_rate" \
        "$(column "$work/app.tsv" 2)" "$(column "$work/app.tsv" 3)" "$(column "$work/app.tsv" 4)" "$(column "$work/app.tsv" 5)"
    at_least "$(compute "$app_rate / $bare_rate")" 0.9 "$1: goodput against the bare loop"
    at_most "$(column "$work/app.tsv" 3)" 64 "$1: peak MiB of the sender"
    at_most "$(column "$work/app.tsv" 4)" 64 "$1: peak MiB of the receiver"
}

begin
random_bytes "$work/big.bin" "$mib"
join_by_veth 1500
compare 'veth, MTU 1500' "$near" "$far" "$far_address" 1500
compare 'loopback' - - 127.0.0.1 65536
conclude
