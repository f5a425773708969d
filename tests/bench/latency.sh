#!/usr/bin/env bash
# From the receiver's start to a verified file of one byte, on loopback and over a line of 100 ms of round
# trip, the sender waiting and the rendezvous beside it.
#
#   tests/bench/latency.sh [ROUNDS]
#
# Gives the medians (under 150 ms is wanted, and under 600 ms over the line) and, for each event that the
# receiver tells of, the median moment at which it was told: where the time goes. The line is wanlink's
# (WANLINK= names the program); there are a third as many rounds over it.
set -euo pipefail
source "$(dirname "$0")/lib.sh"

rounds=${1:-51}

# milliseconds MOMENT: since the receiver's start.
milliseconds() {
    compute "($1 - $start) * 1000"
}

# one_run WHERE [SENDER_NAMESPACE RECEIVER_NAMESPACE]: appends to a file per event, and to `exit`.
one_run() {
    local at=$work/$1 from=${2:--} to=${3:-}
    local receive=("$fardrop")
    [[ -z $to ]] || receive=(ip netns exec "$to" "$fardrop")
    local event line
    rm -rf "$work/out"
    mkdir "$work/out"
    start_sender "$from" sender "$work/one" --rendezvous "$rendezvous_at" --once
    # Time for the sender to have settled down to waiting.
    sleep 0.2
    start=$EPOCHREALTIME
    while IFS= read -r line; do
        event=${line#*'"event":"'}
        printf '%s\n' "$(milliseconds "$EPOCHREALTIME")" >>"$at/at.${event%%\"*}"
    done < <(FARDROP_CODE=$code exec "${receive[@]}" receive -o "$work/out" --yes --json --rendezvous "$rendezvous_at" 2>"$work/receiver.err")
    printf '%s\n' "$(milliseconds "$EPOCHREALTIME")" >>"$at/exit"
    cmp -s "$work/one" "$work/out/one" || fail "no file: $(tail -n 3 "$work/receiver.err")"
    wait "$sender_process" || fail "send: $(tail -n 3 "$work/sender.json" "$work/sender.err")"
}

# tell WHERE ROUNDS
tell() {
    local file name
    printf 'ms after the receiver was started, %s, medians of %s (quartiles)\n' "$1" "$2"
    for file in "$work/$1"/at.* "$work/$1/exit"; do
        name=${file##*/}
        printf '%9.1f (%.1f to %.1f) %s\n' "$(median <"$file")" "$(quantile 0.25 <"$file")" "$(quantile 0.75 <"$file")" "${name#at.}"
    done | sort -n
}

begin
printf x >"$work/one"
mkdir "$work/loopback" "$work/line"
start_rendezvous - 127.0.0.1
for ((round = 1; round <= rounds; round++)); do
    one_run loopback
done
join_by_wanlink 100M 100 1250000
start_rendezvous "$near" "$near_address"
for ((round = 1; round <= (rounds + 2) / 3; round++)); do
    one_run line "$near" "$far"
done
tell loopback "$rounds"
tell line "$(((rounds + 2) / 3))"
at_most "$(median <"$work/loopback/at.done")" 150 'ms to a verified file'
at_most "$(median <"$work/line/at.done")" 600 'ms to a verified file over 100 ms of round trip'
conclude
