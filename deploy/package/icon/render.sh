#!/usr/bin/env bash
# Makes every bitmap of the icon from fardrop.svg: `deploy/package/icon/render.sh`, after the drawing has
# changed. What it makes is kept beside it, so that building needs none of these tools. Debian has them:
# librsvg2-bin, imagemagick, icnsutils.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

for command in rsvg-convert convert png2icns; do
    command -v "$command" >/dev/null || { echo "needed, and not here: $command" >&2; exit 1; }
done

# The sizes that Windows, macOS and the icon theme of Linux ask for, in pixels.
for size in 16 32 48 128 256 512; do
    rsvg-convert --width "$size" --height "$size" fardrop.svg --output "fardrop-$size.png"
done
convert fardrop-16.png fardrop-32.png fardrop-48.png fardrop-256.png fardrop.ico
png2icns fardrop.icns fardrop-16.png fardrop-32.png fardrop-48.png fardrop-128.png fardrop-256.png fardrop-512.png >/dev/null
