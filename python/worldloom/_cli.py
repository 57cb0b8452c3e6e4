"""The console script: the same program as the Rust binary."""

import sys

from worldloom import _native


def main() -> int:
    """Run the command line in ``sys.argv`` and return its exit code."""
    return _native.main(sys.argv)
