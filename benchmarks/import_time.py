#!/usr/bin/env python3
"""How long `import worldloom` takes beside `import numpy`, and how large the installed package is.

    python benchmarks/import_time.py

Each import runs in a fresh interpreter, eleven times, warm; medians are printed. The interpreter's own start is
measured beside them and taken off.
"""

import importlib.util
import statistics
import subprocess
import sys
import time
from pathlib import Path

RUNS = 11


def median_ms(statement: str) -> float:
    """Median wall time of an interpreter that runs the statement, milliseconds."""
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", statement], check=True)
        times.append((time.perf_counter() - start) * 1e3)
    return statistics.median(times)


def main() -> None:
    bare = median_ms("pass")
    for module in ("numpy", "worldloom"):
        print(f"import {module:10} {median_ms(f'import {module}') - bare:7.1f} ms")
    spec = importlib.util.find_spec("worldloom")
    assert spec is not None and spec.origin is not None
    size = sum(f.stat().st_size for f in Path(spec.origin).parent.rglob("*") if f.is_file())
    print(f"installed size    {size / 1e6:7.1f} MB")


if __name__ == "__main__":
    main()
