#!/usr/bin/env bash
# Makes Fardrop.app from a release binary, on macOS: `deploy/package/macos/bundle.sh [FOLDER]`. Not tried.
# A link of the scheme `fardrop:` starts the app, but macOS tells it which one by an event that winit 0.30
# does not pass on, so that the code is to be typed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."

folder=${1:-target}
bundle=$folder/Fardrop.app/Contents
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -1)

rm -rf "$folder/Fardrop.app"
mkdir -p "$bundle/MacOS" "$bundle/Resources"
cp target/release/fardrop "$bundle/MacOS/"
cp deploy/package/icon/fardrop.icns LICENSE "$bundle/Resources/"
sed "s/@VERSION@/$version/" deploy/package/macos/Info.plist >"$bundle/Info.plist"
# Without an identity of a developer: enough to run where it was built.
codesign --force --deep --sign - "$folder/Fardrop.app"
