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

results=()
failed=0

# tier NAME COMMAND...: runs it and notes how it went.
tier() {
    local name=$1 start=$SECONDS
    shift
    echo
    echo "== $name: $*"
    if "$@" </dev/null; then
        results+=("ok      $name ($((SECONDS - start)) s)")
    else
        results+=("FAILED  $name ($((SECONDS - start)) s)")
        failed=$((failed + 1))
    fi
}

tier "unit" cargo test --locked -p fardrop-shared -p fardrop-rendezvous -p fardrop
tier "tidy" cargo test --locked -p fardrop-tests --test tidy
tier "sim" cargo test --locked -p fardrop-tests --test sim
tier "fuzz" cargo test --locked -p fardrop-tests --test fuzz
# The binaries that people run are the ones that are tested.
tier "build" cargo build --release --locked -p fardrop -p fardrop-rendezvous
tier "e2e" cargo test --release --locked -p fardrop-tests --test e2e
# Three rounds of a cell here; ten, for the figures of tests/natlab/README.md, take longer.
export FARDROP_NATLAB_ROUNDS=${FARDROP_NATLAB_ROUNDS:-3}
tier "natlab" ${lab[@]+"${lab[@]}"} cargo test --release --locked -p fardrop-tests --test natlab
# One after the other: each has a whole desktop, and the figures are of a machine that does nothing else.
tier "window" cargo test --release --locked -p fardrop-tests --test window -- --nocapture --test-threads=1
tier "package" tests/package.sh

echo
echo "== summary"
printf '%s\n' "${results[@]}"
echo "$((${#results[@]} - failed)) passed, $failed failed"
[ "$(id -u)" = 0 ] || echo "run by someone other than root: what says SKIPPED above was not tested"
[ "$failed" = 0 ]
