#!/usr/bin/env bash
# Runs every test: formatting, lints, Rust. Set WORLDLOOM_DATA to the folder of real data for the tests that read it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
cargo fmt --check
cargo clippy --release --all-targets -- -D warnings
cargo test --release
