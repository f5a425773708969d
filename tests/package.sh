#!/usr/bin/env bash
# Builds the packages for Debian, installs them into a clean system, starts the window from its menu
# entry there, removes them, and looks for what they left behind: `tests/package.sh`. Needs root, for the
# clean system; says SKIPPED without. The two binaries have been built (`tests/run.sh` does it).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "SKIPPED: a clean Debian needs root on a Debian"
    exit 0
fi

# The version is pinned, so that the packages are made alike everywhere.
cargo_deb=3.8.0
tools=$PWD/target/tools
PATH="$tools/bin:$PATH:/usr/sbin:/sbin"

# What the clean system is given to start a menu entry as a desktop would, beside what the package
# itself recommends.
desktop=(libglib2.0-bin desktop-file-utils)

# How long a window may take to appear, in seconds.
patience=60

fail() { echo "FAILED: $*" >&2; exit 1; }

packages=$PWD/target/debian

# What follows the packages runs in a clean system, in which nothing outlives this script: its processes end with
# their first one, and its mounts are seen by nobody else.
if [ "${1:-}" != --inside ]; then
    # 1. The packages.
    [ "$(cargo deb --version 2>/dev/null)" = "$cargo_deb" ] ||
        CARGO_PROFILE_DEV_DEBUG=0 CARGO_PROFILE_DEV_OPT_LEVEL=1 \
            cargo install --quiet --locked --debug --version "$cargo_deb" --root "$tools" cargo-deb
    rm -rf "$packages"
    for package in fardrop fardrop-rendezvous; do
        cargo deb --quiet --locked --no-build -p "$package" -o "$packages/$package.deb" >/dev/null
    done

    # 2. What describes the program to a desktop.
    desktop-file-validate deploy/package/linux/fardrop.desktop deploy/package/linux/thunar-sendto.desktop
    # No domain belongs to the project, so that its identifier is a plain name; nothing else is to be said.
    told=$(appstreamcli validate --no-net deploy/package/linux/fardrop.metainfo.xml || true)
    ! grep -E '^[EW]:' <<<"$told" | grep -v cid-desktopapp-is-not-rdns || fail "AppStream: $told"

    work=$(mktemp -d)
    trap 'rm -rf --one-file-system "$work"' EXIT
    unshare --mount --pid --fork --kill-child "$0" --inside "$work"
    exit
fi
work=$2
root=$work/root
site=$(apt-get indextargets --format '$(SITE) $(CODENAME)' 'Created-By: Packages' | head -1)
echo "making a clean system"
debootstrap --variant=minbase "${site#* }" "$root" "${site% *}" >"$work/log" 2>&1 ||
    { tail -5 "$work/log"; fail "no clean system"; }
mount -t proc proc "$root/proc"
cp /etc/resolv.conf "$root/etc/"
cp -r /etc/apt/apt.conf.d/. "$root/etc/apt/apt.conf.d/"
cp "$packages"/*.deb "$root/var/tmp/"

inside() {
    env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C DEBIAN_FRONTEND=noninteractive \
        XDG_RUNTIME_DIR=/run/person DISPLAY="${display:-}" LIBGL_ALWAYS_SOFTWARE=1 chroot "$root" "$@"
}

# Every file and folder; without what the package manager itself keeps, and the person's own.
everything() {
    (cd "$root" && find . \( -path ./proc -o -path ./root -o -path ./run -o -path ./tmp -o -path ./var/tmp \
        -o -path ./var/log -o -path ./var/cache -o -path ./var/lib/dpkg -o -path ./var/lib/apt \) -prune \
        -o -print | sort)
}

# cycle PACKAGE COMMAND...: installs it, runs the command, removes it, and compares.
cycle() {
    local package=$1
    shift
    everything >"$work/before"
    inside dpkg -i "/var/tmp/$package.deb" >"$work/log" 2>&1 || { cat "$work/log"; fail "$package: not installed"; }
    "$@"
    inside dpkg --purge "$package" >"$work/log" 2>&1 || { cat "$work/log"; fail "$package: not removed"; }
    everything >"$work/after"
    diff "$work/before" "$work/after" || fail "$package leaves something behind, or took something away"
}

version=$(cargo metadata --no-deps --format-version 1 --offline | sed 's/.*"name":"fardrop","version":"\([^"]*\)".*/\1/')

# Without a display, and without the libraries of one, it works as a command and says why it shows nothing.
without_display() {
    [ "$(inside fardrop --version)" = "fardrop $version" ] || fail "fardrop --version"
    local said code
    for display in "" :4711 "$display"; do
        code=0
        said=$(inside timeout "$patience" fardrop 2>&1 </dev/null) || code=$?
        [ "$code" = 1 ] || fail "DISPLAY='$display': exit code $code, $said"
        [ "$(wc -l <<<"$said")" = 1 ] || fail "DISPLAY='$display': more than a sentence: $said"
    done
}

# The menu entry opens the window, and so does a link.
from_the_menu() {
    [ "$(inside fardrop --version)" = "fardrop $version" ] || fail "fardrop --version"
    inside gio mime x-scheme-handler/fardrop | grep fardrop.desktop >/dev/null || fail "nobody opens fardrop: links"
    local how
    for how in "launch /usr/share/applications/fardrop.desktop" "open fardrop:417-acid-lemon"; do
        # shellcheck disable=SC2086 # two words
        inside gio $how >"$work/log" 2>&1 || { cat "$work/log"; fail "gio $how"; }
        local end=$((SECONDS + patience))
        until xwininfo -display "$display" -root -tree | grep '"Fardrop"' >/dev/null; do
            [ "$SECONDS" -lt "$end" ] || { cat "$work/log"; fail "gio $how: no window"; }
            sleep 0.2
        done
        echo "a window came up by: gio ${how%% *}"
        # Everything that runs in the clean system is of this script's own making.
        local process
        for process in /proc/[0-9]*; do
            [ "$(readlink "$process/exe")" != "$root/usr/bin/fardrop" ] || kill "${process#/proc/}"
        done
        until ! xwininfo -display "$display" -root -tree | grep '"Fardrop"' >/dev/null; do
            [ "$SECONDS" -lt "$end" ] || fail "SIGTERM does not end it"
            sleep 0.2
        done
    done
}

server() {
    inside fardrop-rendezvous --version
    [ -L "$root/etc/systemd/system/multi-user.target.wants/fardrop-rendezvous.service" ] ||
        fail "the server would not be started"
}

mount -t proc proc /proc
exec 3< <(exec Xvfb -displayfd 1 -screen 0 1024x768x24 -nolisten tcp -noreset 2>/dev/null)
read -r -u 3 number
mkdir -p "$root/tmp/.X11-unix" "$root/run/person"
mount --bind /tmp/.X11-unix "$root/tmp/.X11-unix"

cycle fardrop-rendezvous server
display=:$number cycle fardrop without_display

echo "installing what the window needs"
recommended=$(dpkg-deb -f "$packages/fardrop.deb" Recommends | tr -d ,)
# shellcheck disable=SC2086 # a list of names
{ inside apt-get update -qq && inside apt-get install -y -qq --no-install-recommends \
    $recommended "${desktop[@]}"; } >"$work/log" 2>&1 || { tail -5 "$work/log"; fail "no libraries"; }
display=:$number cycle fardrop from_the_menu
echo "ok: installed, started from the menu, removed, nothing left behind"
