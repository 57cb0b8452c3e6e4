#!/usr/bin/env bash
# Runs every test, set-up included: formatting, lints, Rust, then the wheel with its Python tests, the notebook and the
# outside checks. Set WORLDLOOM_DATA to the folder of real data and WORLDLOOM_CHECKS to that of the checks for the tests
# that need them; without them these say that they are skipped.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# One profile and one target folder for lints, tests and wheel: the dependencies are compiled once.
cargo fmt --check
cargo test --release
cargo clippy --release --all-targets --features python -- -D warnings

python3 -m venv .venv
.venv/bin/python -m pip install --quiet --disable-pip-version-check '.[dev]'
.venv/bin/ruff check python tests benchmarks
.venv/bin/ruff format --check python tests benchmarks
.venv/bin/mypy
.venv/bin/python -m pytest --quiet tests/python
