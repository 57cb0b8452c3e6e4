#!/usr/bin/env python3
"""The build with `image = "keep"` against copying the same files, and its memory as the drives grow.

    python benchmarks/build_vs_copy.py [--binary target/release/worldloom] [--world samples/town]

Makes worlds of 1, 4 and 16 times the drives of a generated world (hard copies under other names), builds each, and
copies its recordings with `shutil.copytree` in the same run. Both read and write through the page cache. Prints frames
a second for both, their ratio, and the peak resident memory of the build.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def multiplied(world: Path, times: int, out: Path) -> int:
    """Writes the world with each drive `times` times; returns how many media files its drives hold."""
    shutil.copytree(world / "map", out / "map")
    media = 0
    for drive in sorted((world / "drives").iterdir()):
        for k in range(times):
            copy = out / "drives" / f"{drive.name}-{k:02}"
            shutil.copytree(drive, copy)
            settings = copy / "recording.toml"
            settings.write_text(settings.read_text().replace(f'id = "{drive.name}"', f'id = "{copy.name}"'))
            media += sum(f.suffix in {".jpg", ".feather", ".wav"} for f in copy.rglob("*"))
    config = (world / "build.toml").read_text()
    start = config.index("# Street view of the same streets")
    (out / "build.toml").write_text(config[:start] + config[config.index("[sample]", start) :])
    return media


def timed(command: list[str]) -> tuple[float, int]:
    """Runs a command; returns its seconds and its peak memory in bytes."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"{' '.join(command)}: status {status}")
    return time.perf_counter() - start, usage.ru_maxrss * 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--binary", default=ROOT / "target/release/worldloom")
    parser.add_argument("--world", type=Path, default=ROOT / "samples/town")
    args = parser.parse_args()
    print(f"{'drives':>8} {'frames':>8} {'build s':>9} {'frames/s':>9} {'copy s':>8} {'build/copy':>11} {'peak MB':>8}")
    for times in (1, 4, 16):
        with tempfile.TemporaryDirectory() as folder:
            world, built = Path(folder, "world"), Path(folder, "built")
            frames = multiplied(args.world, times, world)
            build_s, peak = timed([str(args.binary), "build", str(world / "build.toml"), "--out", str(built)])
            start = time.perf_counter()
            shutil.copytree(world / "drives", Path(folder, "copied"))
            copy_s = time.perf_counter() - start
            drives = len(list((world / "drives").iterdir()))
            print(
                f"{drives:8} {frames:8} {build_s:9.2f} {frames / build_s:9.0f} {copy_s:8.2f} {build_s / copy_s:11.1f}"
                f" {peak / 1e6:8.0f}"
            )


if __name__ == "__main__":
    main()
