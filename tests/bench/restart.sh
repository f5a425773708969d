#!/usr/bin/env bash
# The rendezvous killed with SIGKILL while two peers pair, and started again a second later; and
# killed for good in the middle of a transfer.
#
#   tests/bench/restart.sh [ROUNDS [SEED]]
#
# In each round it is killed at a random moment of the first milliseconds of a receiver's life, in
# which a pairing takes place on loopback; the transfer must complete all the same.
set -euo pipefail
source "$(dirname "$0")/lib.sh"

rounds=${1:-20}
seed=${2:-$RANDOM}

# kill_rendezvous: at once, and without complaint.
kill_rendezvous() {
    kill -KILL "$rendezvous_process"
    wait "$rendezvous_process" 2>/dev/null || true
}

start_receiver() {
    rm -rf "$work/out" "$work/receiver.json"
    mkdir "$work/out"
    (FARDROP_CODE=$code exec "$fardrop" receive -o "$work/out" --yes --allow-programs --json \
        --rendezvous "$rendezvous_at" >"$work/receiver.json" 2>"$work/receiver.err") &
    receiver_process=$!
}

both_end_well() {
    wait "$receiver_process" || fail "seed $seed, receive: $(tail -n 3 "$work/receiver.json" "$work/receiver.err")"
    wait "$sender_process" || fail "seed $seed, send: $(tail -n 3 "$work/sender.json" "$work/sender.err")"
}

begin
RANDOM=$seed
say "seed $seed"
printf x >"$work/one"
unpaired=0
for ((round = 1; round <= rounds; round++)); do
    start_rendezvous - 127.0.0.1
    start_sender - sender "$work/one" --rendezvous "$rendezvous_at" --once
    start_receiver
    sleep "$(compute "($RANDOM % 12) / 1000")"
    kill_rendezvous
    if ! has_event "$work/receiver.json" paired; then
        unpaired=$((unpaired + 1))
    fi
    sleep 1
    start_rendezvous - 127.0.0.1
    both_end_well
    cmp -s "$work/one" "$work/out/one" || fail "seed $seed: no file"
    stop "$rendezvous_process"
done
say "in $unpaired of $rounds rounds it was killed before the two had paired"
verdict 1.000 'the rendezvous killed during pairing, back a second later: every transfer completed'
at_least "$unpaired" 1 'rounds in which that was before the pairing was over'

random_bytes "$work/big" 1024
start_rendezvous - 127.0.0.1
start_sender - sender "$work/big" --rendezvous "$rendezvous_at" --once
start_receiver
wait_until 10 has_event "$work/receiver.json" offer
kill_rendezvous
has_event "$work/receiver.json" 'done' && fail 'it was over too soon to tell'
both_end_well
cmp -s "$work/big" "$work/out/big" || fail 'the file differs'
verdict 1.000 'the rendezvous killed for good after pairing: the transfer completed'
conclude
