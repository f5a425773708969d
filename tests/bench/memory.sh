#!/usr/bin/env bash
# 100,000 files offered: the peak memory of each end (64 MiB at most is wanted).
#
#   tests/bench/memory.sh [FILES [BYTES]]
set -euo pipefail
source "$(dirname "$0")/lib.sh"

files=${1:-100000}
size=${2:-100}

begin
"$test_tree" many "$work/many" --files "$files" --folders 1000 --size "$size"
mkdir "$work/out"
start_rendezvous - 127.0.0.1
start=$EPOCHREALTIME
start_measured_sender - sender "$work/many" --rendezvous "$rendezvous_at" --once
say "code shown after $(compute "$EPOCHREALTIME - $start") s"
receive - receiver -o "$work/out" --rendezvous "$rendezvous_at" ||
    fail "receive: $(tail -n 3 "$work/receiver.json" "$work/receiver.err")"
wait "$sender_process" || fail "send: $(tail -n 3 "$work/sender.json" "$work/sender.err")"
same_tree "$work/many" "$work/out/many"
printf '%s files of %s bytes: %s s, CPU %s s and %s s\n' "$files" "$size" "$(cost receiver wall)" \
    "$(cost sender cpu)" "$(cost receiver cpu)"
at_most "$(cost sender peak_mib)" 64 'peak MiB of the sender'
at_most "$(cost receiver peak_mib)" 64 'peak MiB of the receiver'
conclude
