#!/usr/bin/env bash
# kill -9 of either end at random moments of a transfer, on loopback.
#
#   tests/bench/kill9.sh [MOMENTS [SEED]]
#
# After each kill, every file that has a final name must equal its source, and whatever else is
# there must be one of fardrop's own (KEPT_NAMES, a pattern of grep -E). Then both ends are started
# again, with a new code, and the transfer must complete. Every tenth moment begins with an empty
# folder and is followed by two more kills before the end: resuming what was resumed.
set -euo pipefail
source "$(dirname "$0")/lib.sh"

moments=${1:-200}
seed=${2:-$RANDOM}
kept_names=${KEPT_NAMES:-fardrop}

# start_both: the receiver in the background, its process in receiver_process.
start_both() {
    start_sender - sender "$work/tree" --rendezvous "$rendezvous_at" --once
    # In a subshell of its own that becomes the program, so that the id is the program's.
    (FARDROP_CODE=$code exec "$fardrop" receive -o "$work/out" --yes --allow-programs --json --on-conflict skip \
        --rendezvous "$rendezvous_at" >"$work/receiver.json" 2>"$work/receiver.err") &
    receiver_process=$!
}

# run_to_the_end: prints nothing; fails unless both ends end well.
run_to_the_end() {
    start_both
    wait "$receiver_process" || fail "receive: $(tail -n 3 "$work/receiver.json" "$work/receiver.err")"
    wait "$sender_process" || fail "send: $(tail -n 3 "$work/sender.json" "$work/sender.err")"
}

# kill_one MILLISECONDS sender|receiver: after that time in a run; the other end is asked to stop.
kill_one() {
    local victim other
    start_both
    if [[ $2 == sender ]]; then
        victim=$sender_process other=$receiver_process
    else
        victim=$receiver_process other=$sender_process
    fi
    sleep "$(compute "$1 / 1000")"
    if kill -KILL "$victim" 2>/dev/null; then
        in_time=$((in_time + 1))
    fi
    wait "$victim" 2>/dev/null || true
    check_final_names "$2 killed after $1 ms"
    # Not INT, which a background process of a script is born ignoring.
    kill -TERM "$other" 2>/dev/null || true
    wait "$other" 2>/dev/null || true
    check_final_names "$2 killed after $1 ms, then the other end stopped"
}

# check_final_names WHEN
check_final_names() {
    local wrong
    [[ -d $work/out/tree ]] || return 0
    "$test_tree" digest "$work/out/tree" >"$work/found"
    # What is there and not in the source, line for line: a file that differs, or one of our own.
    wrong=$(grep -v '^folder ' "$work/found" | LC_ALL=C sort | LC_ALL=C comm -23 - "$work/source" | grep -Ev "$kept_names" || true)
    [[ -z $wrong ]] || fail "seed $seed, $1: $wrong"
}

begin
RANDOM=$seed
say "seed $seed"
# Some big files, so that kills fall inside one, and many small ones, so that they fall between.
"$test_tree" many "$work/tree/small" --files 3000 --folders 30 --size 3000
for index in 1 2 3; do
    random_bytes "$work/tree/big-$index.bin" 128
done
"$test_tree" digest "$work/tree" | LC_ALL=C sort >"$work/source"
mkdir "$work/out"
start_rendezvous - 127.0.0.1

start=$EPOCHREALTIME
run_to_the_end
whole_ms=$(awk "BEGIN { printf \"%d\", ($EPOCHREALTIME - $start) * 1000 }")
same_tree "$work/tree" "$work/out/tree"
say "a whole run takes $whole_ms ms"

in_time=0
resumed=0
for ((moment = 1; moment <= moments; moment++)); do
    rm -rf "$work/out"
    mkdir "$work/out"
    kills=$((moment % 10 == 0 ? 3 : 1))
    for ((kill = 0; kill < kills; kill++)); do
        end=$((RANDOM % 2 ? 1 : 0))
        kill_one $(((RANDOM * 32768 + RANDOM) % whole_ms)) "$([[ $end == 1 ]] && echo sender || echo receiver)"
    done
    run_to_the_end
    same_tree "$work/tree" "$work/out/tree"
    kept=$(field "$work/receiver.json" 'done' resumed)
    if [[ $kept != 0 && $kept != null ]]; then
        resumed=$((resumed + 1))
    fi
    ((moment % 20)) || say "$moment/$moments"
done
printf '%s moments: %s kills fell in a running transfer, %s of the runs after them resumed\n' "$moments" "$in_time" "$resumed"
verdict 1.000 'kill -9: no file with a final name differed, and every transfer completed'
at_least "$resumed" 1 'runs that resumed'
conclude
