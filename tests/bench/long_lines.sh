#!/usr/bin/env bash
# Long lines that lose packets: the share of the line that a file gets, its start included.
#
#   [LINK=quic|gbn|scp-cubic|scp-bbr] tests/bench/long_lines.sh [ROUNDS [CELL...]]
#
# A cell is a name from the table below, or the beginning of some; all of them without. Each is run
# ROUNDS times over wanlink (WANLINK= names the program); a cell holds when its median is within 3
# points of its figure. Prints also what the queue dropped, and how long the queue got on average
# and at most, by a ping beside the transfer, in bandwidth-delay products. For comparison, scp's whole life
# over TCP with CUBIC or BBR, of which nothing is wanted.
set -euo pipefail
source "$(dirname "$0")/lib.sh"

link=${LINK:-quic}

rounds=${1:-3}
shift || true
wanted=("${@:-}")

# name, bit/s, round trip in ms, queue in bandwidth-delay products, MB, figure in per cent of the
# line, most that the queue may drop in per cent, and what else wanlink is told.
cells() {
    cat <<'TABLE'
loss-20-0 100M 20 1 110 93 1
loss-20-0.1 100M 20 1 110 93 1 --loss 0.001
loss-20-1 100M 20 1 110 92 1 --loss 0.01
loss-20-3 100M 20 1 110 90 1 --loss 0.03
loss-100-0 100M 100 1 110 88 1
loss-100-0.1 100M 100 1 110 88 1 --loss 0.001
loss-100-1 100M 100 1 110 86 1 --loss 0.01
loss-100-3 100M 100 1 110 82 1 --loss 0.03
loss-200-0 100M 200 1 110 83 1
loss-200-0.1 100M 200 1 110 82 1 --loss 0.001
loss-200-1 100M 200 1 110 80 1 --loss 0.01
loss-200-3 100M 200 1 110 76 1 --loss 0.03
queue-0.1 100M 100 0.1 110 85 5
queue-10 100M 100 10 110 88 1
burst 100M 100 1 110 84 1 --loss 0.01 --burst 10
jitter 100M 50 1 110 88 1 --jitter 10 --jitter-reorder
fast-0.1 500M 50 1 550 86 1 --loss 0.001
fast-1 500M 50 1 550 86 1 --loss 0.01
gigabit 1G 50 1 1100 80 1 --loss 0.001
TABLE
}

is_wanted() {
    local prefix
    for prefix in "${wanted[@]}"; do
        [[ $1 == "$prefix"* ]] && return
    done
    return 1
}

# bits RATE: in full.
bits() {
    local figure=${1%[MG]}
    case $1 in
    *M) printf '%s\n' "${figure}000000" ;;
    *G) printf '%s\n' "${figure}000000000" ;;
    *) printf '%s\n' "$1" ;;
    esac
}

# Each sets seconds.

by_fardrop() {
    start_rendezvous "$far" "$far_address"
    start_sender "$near" sender "$work/file.bin" --rendezvous "$rendezvous_at" --link "$link" --once
    receive "$far" receiver -o "$work/out" --rendezvous "$rendezvous_at" ||
        fail "receive: $(tail -n 3 "$work/receiver.json" "$work/receiver.err")"
    wait "$sender_process" || fail "send: $(tail -n 3 "$work/sender.json" "$work/sender.err")"
    seconds=$(field "$work/receiver.json" "done" seconds)
    stop "$rendezvous_process"
}

# by_scp CONTROL: the congestion control of both ends.
by_scp() {
    local namespace start= route
    # By the route: a namespace's own default may only be what the whole machine allows to everybody.
    for namespace in "$near" "$far"; do
        route=$(ip -n "$namespace" route show "${near_address%.*}.0/24")
        # shellcheck disable=SC2086 # a route is several words
        ip -n "$namespace" route change $route congctl "$1"
    done
    start_sshd "$far" "$far_address"
    start=$EPOCHREALTIME
    (inside "$near" scp "${ssh_options[@]}" "$work/file.bin" "root@$far_address:$work/out/")
    seconds=$(compute "$EPOCHREALTIME - $start")
    stop "$sshd_process"
}

# one_run CELL...: appends share, drops in per cent, mean and largest extra ping in products to $1.tsv.
one_run() {
    local name=$1 rate rtt_ms=$3 megabytes=$5 queue_bytes
    rate=$(bits "$2")
    queue_bytes=$(compute "$rate / 8 * $3 / 1000 * $4")
    join_by_wanlink "$rate" "$rtt_ms" "${queue_bytes%.*}" "${@:8}"
    ln -f "$work/$megabytes.bin" "$work/file.bin"
    rm -rf "$work/out"
    mkdir "$work/out"
    inside "$near" ping -q -i 0.05 "$far_address" >"$work/ping.out" &
    local ping_process=$! seconds
    case $link in
    scp-*) by_scp "${link#scp-}" ;;
    *) by_fardrop ;;
    esac
    cmp -s "$work/file.bin" "$work/out/file.bin" || fail 'the file differs'
    kill -INT "$ping_process"
    wait "$ping_process" || true
    separate
    local share drops ping_mean ping_most
    share=$(compute "100 * $megabytes * 8e6 / $seconds / $rate")
    drops=$(jq -r '.ab | 100 * .queue_drops / .pkts_in' "$work/wanlink.json")
    IFS=/ read -r _ ping_mean ping_most _ < <(sed -n 's/^rtt .* = //p' "$work/ping.out")
    printf '%s\t%s\t%s\t%s\n' "$share" "$(compute "$drops")" \
        "$(compute "$ping_mean / $rtt_ms - 1")" "$(compute "$ping_most / $rtt_ms - 1")" >>"$work/$name.tsv"
    say "$name: $(tail -n 1 "$work/$name.tsv")"
}

# column FILE N: the median of a column of a file of results.
column() {
    cut -f "$2" "$1" | median
}

begin
install_missing ping iputils-ping
[[ $link != scp-* ]] || install_missing /usr/sbin/sshd openssh-server
for megabytes in $(cells | while read -r name _ _ _ megabytes _; do
    if is_wanted "$name"; then echo "$megabytes"; fi
done | sort -u); do
    # A million bytes to the MB: the line's rate is counted in tens as well.
    openssl enc -aes-128-ctr -pass pass:long -nosalt -md sha256 </dev/zero 2>/dev/null |
        head -c "${megabytes}000000" >"$work/$megabytes.bin" || true
done
for ((round = 1; round <= rounds; round++)); do
    while read -r -a cell <&3; do
        if is_wanted "${cell[0]}"; then one_run "${cell[@]}"; fi
    done 3< <(cells)
done
printf 'link %s, medians of %s: share of the line, dropped by the queue, ping beside it (mean, most)\n' "$link" "$rounds"
while read -r name rate rtt_ms queue _ figure drops rest <&3; do
    is_wanted "$name" || continue
    file=$work/$name.tsv
    printf '%-13s %5s %4s ms, queue %4s: %5.1f %% %6.2f %% %6.2f %6.2f products  %s\n' "$name" "$rate" "$rtt_ms" \
        "$queue" "$(column "$file" 1)" "$(column "$file" 2)" "$(column "$file" 3)" "$(column "$file" 4)" "$rest"
    [[ $link != scp-* ]] || continue
    at_least "$(column "$file" 1)" "$((figure - 3))" "$name: share of the line in per cent"
    at_most "$(column "$file" 2)" "$drops" "$name: per cent dropped by the queue"
done 3< <(cells)
conclude
