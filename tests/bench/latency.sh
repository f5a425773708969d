#!/usr/bin/env bash
# From the receiver's start to a verified file of one byte, on loopback, the sender waiting.
#
#   tests/bench/latency.sh [ROUNDS]
#
# Gives the median (under 150 ms is wanted) and, for each event that the receiver tells of, the
# median moment at which it was told: where the time goes.
set -euo pipefail
source "$(dirname "$0")/lib.sh"

rounds=${1:-51}

# milliseconds MOMENT: since the receiver's start.
milliseconds() {
    compute "($1 - $start) * 1000"
}

# one_run: appends to a file per event, and to `exit`.
one_run() {
    local event line
    rm -rf "$work/out"
    mkdir "$work/out"
    start_sender - sender "$work/one" --rendezvous "$rendezvous_at" --once
    # Time for the sender to have settled down to waiting.
    sleep 0.2
    start=$EPOCHREALTIME
    while IFS= read -r line; do
        event=${line#*'"event":"'}
        printf '%s\n' "$(milliseconds "$EPOCHREALTIME")" >>"$work/at.${event%%\"*}"
    done < <(FARDROP_CODE=$code exec "$fardrop" receive -o "$work/out" --yes --json --rendezvous "$rendezvous_at" 2>"$work/receiver.err")
    printf '%s\n' "$(milliseconds "$EPOCHREALTIME")" >>"$work/exit"
    cmp -s "$work/one" "$work/out/one" || fail "no file: $(tail -n 3 "$work/receiver.err")"
    wait "$sender_process" || fail "send: $(tail -n 3 "$work/sender.json" "$work/sender.err")"
}

begin
printf x >"$work/one"
start_rendezvous - 127.0.0.1
for ((round = 1; round <= rounds; round++)); do
    one_run
done
printf 'ms after the receiver was started, medians of %s (quartiles)\n' "$rounds"
for file in "$work"/at.* "$work/exit"; do
    name=${file##*/}
    printf '%9.1f (%.1f to %.1f) %s\n' "$(median <"$file")" "$(quantile 0.25 <"$file")" "$(quantile 0.75 <"$file")" "${name#at.}"
done | sort -n
at_most "$(median <"$work/at.done")" 150 'ms to a verified file'
conclude
