#!/usr/bin/env bash
# A line of 100 Mbit/s shared for a minute: with one flow of TCP CUBIC, and with another file.
#
#   [LINK=quic|gbn] tests/bench/fairness.sh [SECONDS]
#
# Over wanlink (WANLINK= names the program), a queue of one bandwidth-delay product, no loss, round
# trips of 20 and 100 ms. Each of the two is wanted to get 30 to 70 % beside CUBIC, 40 to 60 % beside
# another file. Both begin together.
set -euo pipefail
source "$(dirname "$0")/lib.sh"

link=${LINK:-quic}

seconds=${1:-60}

# begin_file NAME: a sender and its receiver, in the background. Sets sender_process and receiver_process.
begin_file() {
    mkdir "$work/$1.out"
    start_sender "$near" "$1.send" "$work/file.bin" --rendezvous "$rendezvous_at" --link "$link" --once
    (FARDROP_CODE=$code inside "$far" "$fardrop" receive -o "$work/$1.out" --rendezvous "$rendezvous_at" \
        --yes --json >"$work/$1.json" 2>"$work/$1.err") &
    receiver_process=$!
}

# arrived NAME: megabytes of that file by now.
arrived() {
    compute "$(field "$work/$1.json" progress bytes) / 1e6"
}

# begin_line RTT_MS
begin_line() {
    join_by_wanlink 100M "$1" $((12500 * $1))
    start_rendezvous "$far" "$far_address"
}

# end_line PROCESS...
end_line() {
    stop "$@" "$rendezvous_process"
    separate
    rm -rf "$work"/*.out "$work"/*.json
}

# share OURS THEIRS: ours of both, in per cent.
share() {
    compute "100 * $1 / ($1 + $2)"
}

# beside_cubic RTT_MS
beside_cubic() {
    begin_line "$1"
    inside "$far" iperf3 --server --one-off >"$work/iperf.server" 2>&1 &
    local server=$! ours theirs
    sleep 0.3
    begin_file file
    (inside "$near" iperf3 --client "$far_address" --congestion cubic --time "$seconds" --json) >"$work/iperf.json"
    ours=$(arrived file)
    theirs=$(jq '.end.sum_received.bytes / 1e6' "$work/iperf.json")
    end_line "$sender_process" "$receiver_process" "$server"
    say "beside CUBIC, $1 ms: $ours and $theirs MB"
    at_least "$(share "$ours" "$theirs")" 30 "beside CUBIC at $1 ms: per cent for the file"
    at_most "$(share "$ours" "$theirs")" 70 "beside CUBIC at $1 ms: per cent for the file"
}

# beside_another RTT_MS
beside_another() {
    begin_line "$1"
    begin_file first
    local processes=("$sender_process" "$receiver_process") first second
    begin_file second
    sleep "$seconds"
    first=$(arrived first)
    second=$(arrived second)
    end_line "${processes[@]}" "$sender_process" "$receiver_process"
    say "two files, $1 ms: $first and $second MB"
    at_least "$(share "$first" "$second")" 40 "two files at $1 ms: per cent for the first"
    at_most "$(share "$first" "$second")" 60 "two files at $1 ms: per cent for the first"
}

begin
install_missing iperf3 iperf3
# More than the line carries in that time.
random_bytes "$work/file.bin" $((seconds * 13))
for rtt_ms in 20 100; do
    beside_cubic "$rtt_ms"
    beside_another "$rtt_ms"
done
conclude
