#!/usr/bin/env bash
# Runs every tier of tests on this machine: `tests/run.sh`. As root on Debian it installs what is
# missing; elsewhere it says what it needs. Exits non-zero if anything fails.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

# command package: what a tier calls, and the Debian package that brings it.
needs=(
    "cc gcc"
)

# Tests that need a network or a disk of their own do without them for anyone but root. Whoever may
# be root in a user namespace of his own (and open /dev/net/tun) has the NAT lab all the same.
lab=()
if [ "$(uname -s)" = Linux ]; then
    as_root=(unshare --user --map-root-user --net --mount)
    if [ "$(id -u)" = 0 ] || { "${as_root[@]}" true && : <>/dev/net/tun; } 2>/dev/null; then
        [ "$(id -u)" = 0 ] || lab=("${as_root[@]}")
        needs+=("ip iproute2" "ss iproute2" "unshare util-linux" "nsenter util-linux" "mount mount")
        needs+=("setpriv util-linux" "sysctl procps" "nft nftables" "conntrack conntrack" "ethtool ethtool")
        # File systems that lose bytes or lack what others have, and programs cut off at a call.
        needs+=("mkfs.ext4 e2fsprogs" "bindfs bindfs" "strace strace")
        needs+=("mkfs.exfat exfatprogs" "mount.exfat-fuse exfat-fuse" "mkfs.xfs xfsprogs" "mkfs.btrfs btrfs-progs")
        # The lab's routers run it; nobody else does.
        needs+=("miniupnpd miniupnpd-nftables")
    fi
fi
# A display without a monitor, and what makes packages and looks at them. Without these the last two
# tiers say SKIPPED.
display=("Xvfb xvfb" "dbus-daemon dbus-daemon" "xwininfo x11-utils")
packaging=("debootstrap debootstrap" "appstreamcli appstream" "desktop-file-validate desktop-file-utils")
if [ "$(uname -s)" = Linux ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    needs+=("${display[@]}" "${packaging[@]}")
fi

# Debian keeps them where only root looks.
PATH="$PATH:/usr/sbin:/sbin"

missing=()
for need in "${needs[@]}"; do
    read -r command package <<<"$need"
    command -v "$command" >/dev/null || missing+=("$package")
done
# A compiler without the C library's headers cannot build ring.
[ -e /usr/include/stdlib.h ] || [ "$(uname -s)" != Linux ] || missing+=(libc6-dev)

# These have no command of their own: what screen readers speak over, and what the window opens.
if [ "$(id -u)" = 0 ] && command -v dpkg-query >/dev/null; then
    for package in at-spi2-core libgl1 libegl1 libgl1-mesa-dri libx11-6 libx11-xcb1 libxcursor1 libxi6 \
        libxkbcommon0 libxkbcommon-x11-0; do
        dpkg-query --status "$package" >/dev/null 2>&1 || missing+=("$package")
    done
fi

if [ "${#missing[@]}" -gt 0 ]; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "installing: ${missing[*]}"
        export DEBIAN_FRONTEND=noninteractive
        { apt-get update -qq && apt-get install -y -qq --no-install-recommends "${missing[@]}"; } \
            </dev/null || exit 1
    else
        echo "needed, and not here: ${missing[*]}" >&2
        exit 1
    fi
fi

# rustup puts cargo there; a shell that has not logged in since does not look.
command -v cargo >/dev/null || PATH="$HOME/.cargo/bin:$PATH"
command -v cargo >/dev/null || { echo "needed, and not here: cargo (rustup.rs)" >&2; exit 1; }

# What ran before, for the summary: a line each (`.ci/run`).
results=()
[ -z "${FARDROP_RAN_BEFORE:-}" ] || mapfile -t results <<<"$FARDROP_RAN_BEFORE"
failed=0

# note NAME EXIT-CODE SECONDS: how a tier went.
note() {
    if [ "$2" = 0 ]; then
        results+=("ok      $1 ($3 s)")
    else
        results+=("FAILED  $1 ($3 s)")
        failed=$((failed + 1))
    fi
}

# tier NAME COMMAND...: runs it, with nothing else beside it.
tier() {
    local name=$1 start=$SECONDS code=0
    shift
    echo
    echo "== $name: $*"
    "$@" </dev/null || code=$?
    note "$name" "$code" $((SECONDS - start))
}

# Tiers that run side by side: names, commands, processes, and a folder for what they say.
names=() commands=() processes=()
logs=$(mktemp -d) || exit 1
# Each leads a group of processes, so that nothing is left of it.
trap 'for each in ${processes[@]+"${processes[@]}"}; do kill -- "-$each" 2>/dev/null; done; rm -rf "$logs"' EXIT
trap 'exit 130' INT TERM

# beside NAME COMMAND...: starts it, and goes on. Only what no clock is held to may run so.
beside() {
    local name=$1
    shift
    echo "started: $name"
    set -m
    (
        start=$SECONDS code=0
        "$@" </dev/null >"$logs/$name" 2>&1 || code=$?
        echo "$code $((SECONDS - start))" >"$logs/$name.end"
    ) &
    set +m
    names+=("$name") commands+=("$*") processes+=("$!")
}

# together: waits for all that was started, and prints what each said, one after the other.
together() {
    local index name code seconds
    for index in "${!names[@]}"; do
        wait "${processes[index]}"
        name=${names[index]}
        echo
        echo "== $name: ${commands[index]}"
        cat "$logs/$name"
        read -r code seconds <"$logs/$name.end" || code=1 seconds=0
        note "$name" "$code" "$seconds"
    done
    names=() commands=() processes=()
}

# Every command names the whole workspace, because what cargo selects decides which features the
# dependencies have: with `-p` some of them would be built again for each selection. The binaries are the
# exception. People run them without what only tests ask for (`fuzzing` of fardrop-shared), and so do
# the tests: what drives them is built once, for all tiers, and not optimised as they are.
tests() {
    cargo test --locked --workspace "$@"
}
# A test that drives a binary looks for it here.
target=${CARGO_TARGET_DIR:-target}
[[ $target = /* ]] || target=$PWD/$target
export FARDROP_BIN_DIR=$target/release

unit() {
    tests --lib --bin fardrop --bin fardrop-rendezvous --test process && tests --doc
}

# Nothing but compilers.
echo
beside "build tests" tests --no-run
beside "build" cargo build --release --locked -p fardrop -p fardrop-rendezvous
together

tier "unit" unit
tier "e2e" tests --test e2e
# Three rounds of a cell here; ten, for the figures of tests/natlab/README.md, take longer.
export FARDROP_NATLAB_ROUNDS=${FARDROP_NATLAB_ROUNDS:-3}
tier "natlab" ${lab[@]+"${lab[@]}"} cargo test --locked --workspace --test natlab
# One after the other: each has a whole desktop, and the figures are of a machine that does nothing else.
tier "window" tests --test window -- --nocapture --test-threads=1

# These count virtual time, the time that they compute, or nothing at all, and the package waits for downloads.
echo
beside "tidy" tests --test tidy
beside "sim" tests --test sim
beside "fuzz" tests --test fuzz
beside "crash" tests --test crash
beside "package" tests/package.sh
together

echo
echo "== summary"
printf '%s\n' "${results[@]}"
echo "in all: $SECONDS s"
echo "$((${#results[@]} - failed)) passed, $failed failed"
[ "$(id -u)" = 0 ] || echo "run by someone other than root: what says SKIPPED above was not tested"
[ "$failed" = 0 ]
