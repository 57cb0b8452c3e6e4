"""Count nodes, ways and relations of a PBF: worldloom against a pyosmium handler in Python, side by side.

Both read every object with its tags, each in a process of its own; wall time and peak memory of the best of
three runs. Usage: ``WORLDLOOM_BIN=target/release/worldloom python benchmarks/pbf_vs_pyosmium.py FILE.osm.pbf``.
"""

import json
import os
import subprocess
import sys
import time

HANDLER = """
import json, sys, osmium

class Count(osmium.SimpleHandler):
    def __init__(self):
        super().__init__()
        self.nodes = self.ways = self.relations = self.highways = 0

    def node(self, n):
        self.nodes += 1

    def way(self, w):
        self.ways += 1
        self.highways += "highway" in w.tags

    def relation(self, r):
        self.relations += 1

count = Count()
count.apply_file(sys.argv[1])
print(json.dumps({"counts": {"nodes": count.nodes, "ways": count.ways, "relations": count.relations}}))
"""


def run(command: list[str]) -> tuple[float, float, dict]:
    """Seconds, peak MiB and the JSON of the fastest of three runs."""
    best = None
    for _ in range(3):
        start = time.perf_counter()
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            out = process.stdout.read()
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - start
        if process.returncode not in (0, 3):
            raise SystemExit(f"{command[0]} failed with {process.returncode}")
        if best is None or seconds < best[0]:
            best = (seconds, usage.ru_maxrss / 1024, json.loads(out))
    return best


def counts(answer: dict | list) -> dict[str, int]:
    """The counts in what either program printed."""
    while isinstance(answer, list):
        answer = answer[0]
    return {kind: answer["counts"][kind] for kind in ("nodes", "ways", "relations")}


def main() -> None:
    """Run both and print a table."""
    path = sys.argv[1]
    binary = os.environ.get("WORLDLOOM_BIN", "target/release/worldloom")
    ours = run([binary, "--json", "probe", path])
    theirs = run([sys.executable, "-c", HANDLER, path])
    if counts(ours[2]) != counts(theirs[2]):
        raise SystemExit(f"counts differ: {counts(ours[2])} and {counts(theirs[2])}")
    total = sum(counts(ours[2]).values())
    for name, (seconds, mib, _) in (("worldloom probe", ours), ("pyosmium handler", theirs)):
        print(f"{name:17} {seconds:7.3f} s {total / seconds / 1e6:8.2f} M objects/s {mib:7.1f} MiB peak")
    print(f"ratio: {theirs[0] / ours[0]:.1f} times the speed, {theirs[1] / ours[1]:.1f} times less memory")


if __name__ == "__main__":
    main()
