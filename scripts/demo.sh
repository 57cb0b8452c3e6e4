#!/usr/bin/env bash
# The main job on samples/town: builds worldloom, builds the data set out/town, and shows what is in it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
cargo build --release --bin worldloom
worldloom="${CARGO_TARGET_DIR:-target}/release/worldloom"
"$worldloom" build samples/town/build.toml --out out/town --overwrite
"$worldloom" validate out/town --deep
"$worldloom" stats out/town
"$worldloom" query out/town --near 127.1128,37.3935,150 --limit 5
"$worldloom" show out/town 23 --out out/sample.png
echo
echo "Look at out/town/report.html, and at out/sample.png."
