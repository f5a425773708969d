#!/usr/bin/env bash
# Takes a picture of every screen, light and dark, at one and at two pixels a point, into
# target/screenshots: `tests/screenshots.sh`. `tests/screenshots.sh --keep` also replaces those that the
# README shows, in deploy/screenshots. It needs what the tier "window" of tests/run.sh needs, and convert
# (Debian's imagemagick).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# The pictures of the README.
kept=(home-light-1x share-light-1x offer-light-1x moving-dark-1x)

command -v convert >/dev/null || { echo "needed, and not here: convert" >&2; exit 1; }
folder=$PWD/target/screenshots
rm -rf "$folder"
mkdir -p "$folder"
profile=(${FARDROP_PROFILE---release})
cargo build ${profile[@]+"${profile[@]}"} --locked -p fardrop
FARDROP_SCREENSHOTS=$folder cargo test ${profile[@]+"${profile[@]}"} --locked -p fardrop-tests --test window -- \
    --ignored --exact screenshots::every_screen
for picture in "$folder"/*.ppm; do
    convert "$picture" -strip -define png:compression-level=9 "${picture%.ppm}.png"
    rm "$picture"
done
if [ "${1:-}" = --keep ]; then
    mkdir -p deploy/screenshots
    for name in "${kept[@]}"; do
        # A window has far fewer colours than a photograph.
        convert "$folder/$name.png" -strip +dither -colors 128 -define png:compression-level=9 "deploy/screenshots/$name.png"
    done
fi
ls "$folder"
