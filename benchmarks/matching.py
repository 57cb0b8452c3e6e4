#!/usr/bin/env python3
"""`worldloom match` against fastmm: the same trace and network, one core each, speed and route error side by side.

    python benchmarks/matching.py --data DIR [--worldloom target/release/worldloom] [--times 100]

DIR holds `kubicka-000` (Kubicka et al. 2015, track 0: 2,503 points at 1 Hz, 18,196 arcs, the true arcs). Needs numpy,
pyproj and `pip install fastmm`.

Times are CPU seconds. worldloom's is that of the command on a CSV of N tracks less that on one track, over N - 1: it
holds reading the CSV and writing JSON. fastmm's is that of `match` and of reading the edges of its answer, in a warm
process; `match` alone, and the making of its table, are told apart. Memory is the peak of the command with the graph mapped
from the cache, less that of the same on a street of two nodes: the graph, the trace and all that matching takes. Route
error: (length missed + length added) / true length, by arcs (Newson and Krumm 2009). worldloom has no settings;
fastmm gets its own best ones of those that are tried.
"""

import argparse
import collections
import fcntl
import json
import os
import select
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import fastmm
import numpy as np
import pyproj

ROOT = Path(__file__).resolve().parents[1]


class Kubicka:
    """The network, the trace and the truth."""

    def __init__(self, folder: Path) -> None:
        self.nodes = np.loadtxt(folder / "00000000.nodes")
        self.arcs = np.loadtxt(folder / "00000000.arcs", dtype=int)
        self.truth = collections.Counter(np.loadtxt(folder / "00000000.route", dtype=int).tolist())
        self.track = np.loadtxt(folder / "00000000.track")
        a, b = self.nodes[self.arcs[:, 0]], self.nodes[self.arcs[:, 1]]
        self.length = pyproj.Geod(ellps="WGS84").inv(a[:, 0], a[:, 1], b[:, 0], b[:, 1])[2]

    def error(self, driven: list[int]) -> float:
        """Route error of a sequence of arcs."""
        got = collections.Counter(d for i, d in enumerate(driven) if i == 0 or d != driven[i - 1])
        missed = sum(self.length[a] * max(0, n - got[a]) for a, n in self.truth.items())
        added = sum(self.length[a] * max(0, n - self.truth[a]) for a, n in got.items())
        return (missed + added) / sum(self.length[a] * n for a, n in self.truth.items())

    def write_osm(self, path: Path) -> None:
        """Each arc as a one-way road whose id is the arc's index + 1."""
        with path.open("w") as f:
            f.write('<osm version="0.6">\n')
            for i, (lon, lat) in enumerate(self.nodes):
                f.write(f'<node id="{i + 1}" lat="{lat:.7f}" lon="{lon:.7f}"/>\n')
            for i, (a, b) in enumerate(self.arcs):
                tags = '<tag k="highway" v="residential"/><tag k="oneway" v="yes"/>'
                f.write(f'<way id="{i + 1}"><nd ref="{a + 1}"/><nd ref="{b + 1}"/>{tags}</way>\n')
            f.write("</osm>\n")

    def write_csv(self, path: Path, times: int) -> None:
        """The trace so many times, a track each."""
        with path.open("w") as f:
            f.write("track,t_ns,lon,lat\n")
            for k in range(times):
                for lon, lat, t in self.track:
                    f.write(f"{k},{1_420_070_400_000_000_000 + int(t * 1e9)},{lon:.8f},{lat:.8f}\n")


def run(command: list[str], cache: Path) -> tuple[bytes, float]:
    """Output and CPU seconds of a command on one core."""
    one_core = lambda: os.sched_setaffinity(0, {0})
    environment = {**os.environ, "WORLDLOOM_CACHE": str(cache)}
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, preexec_fn=one_core, env=environment
    )
    out = process.stdout.read()
    _, _, usage = os.wait4(process.pid, 0)
    return out, usage.ru_utime + usage.ru_stime


def peak_mb(command: list[str], cache: Path) -> float:
    """Peak memory of a command: its own, and the pages of a mapped graph; not those of the program's code.

    It gives nothing back to the system, and is asked while it writes into a pipe of one page: what it had by then is
    still there.
    """
    keeps = {"MALLOC_TRIM_THRESHOLD_": str(1 << 30), "MALLOC_MMAP_THRESHOLD_": str(1 << 30)}
    environment = {**os.environ, **keeps, "WORLDLOOM_CACHE": str(cache)}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment)
    fcntl.fcntl(process.stdout.fileno(), fcntl.F_SETPIPE_SZ, 4096)
    kb, pages = 0, 0
    while select.select([process.stdout], [], [])[0]:
        if pages % 32 == 0:
            maps = Path(f"/proc/{process.pid}/smaps").read_text().split("VmFlags")
            of = lambda key, m: int(m.split(f"\n{key}:")[1].split()[0]) if f"\n{key}:" in m else 0
            kb = max(kb, sum(of("Rss" if ".roads\n" in m else "Anonymous", m) for m in maps))
        pages += 1
        if not os.read(process.stdout.fileno(), 1 << 16):
            break
    process.wait()
    return kb * 1024 / 1e6


def ours(data: Kubicka, program: str, times: int) -> float:
    """Prints a row; returns points a second."""
    with tempfile.TemporaryDirectory() as folder:
        cache = Path(folder, "cache")
        graph, one, many = Path(folder, "k.osm"), Path(folder, "one.csv"), Path(folder, "many.csv")
        street, slow = Path(folder, "street.osm"), Path(folder, "slow.csv")
        data.write_osm(graph)
        data.write_csv(one, 1)
        data.write_csv(many, times)
        street.write_text(
            '<osm version="0.6"><node id="1" lat="37.4" lon="127.1"/><node id="2" lat="37.5" lon="127.1"/><way id="1">'
            '<nd ref="1"/><nd ref="2"/><tag k="highway" v="residential"/></way></osm>'
        )
        slow.write_text("lon,lat\n" + "".join(f"127.1,{37.45 + k * 1e-4:.4f}\n" for k in range(100)))
        best = float("inf")
        command = lambda trace, roads: [program, "match", str(trace), "--map", str(roads), "--json"]
        run(command(one, graph), cache)
        for _ in range(3):
            out, first = run(command(one, graph), cache)
            _, all_s = run(command(many, graph), cache)
            best = min(best, (all_s - first) / (times - 1))
        peak = lambda trace, roads: statistics.median(peak_mb(command(trace, roads), cache) for _ in range(5))
        peaks = [peak(*files) for files in ((slow, street), (one, graph), (many, graph))]
        size = sum(file.stat().st_size for file in cache.glob("*.roads")) / 1e6
    error = data.error([p["way_id"] - 1 for p in json.loads(out)["path"]])
    speed = len(data.track) / best
    print(f"{'worldloom':24} {speed:12,.0f} {100 * error:8.3f} %")
    nothing, small, large = peaks
    print(
        f"peak memory {small:.1f} MB, {nothing:.1f} MB of it on a street of two nodes: {small - nothing:.1f} MB for a graph "
        f"of {size:.1f} MB, {(small - nothing) / size:.1f} times; with {times} tracks {large - nothing:.1f} MB, "
        f"{(large - nothing) / size:.1f} times"
    )
    return speed


def theirs(data: Kubicka) -> float:
    """Prints a row a setting; returns the best points a second."""
    os.sched_setaffinity(0, {0})
    flat = pyproj.Transformer.from_crs("OGC:CRS84", "EPSG:32639", always_xy=True)
    x, y = flat.transform(data.nodes[:, 0], data.nodes[:, 1])
    network = fastmm.Network()
    for i, (a, b) in enumerate(data.arcs):
        network.add_edge(i, source=int(a), target=int(b), geom=[(float(x[a]), float(y[a])), (float(x[b]), float(y[b]))])
    network.finalize()
    with tempfile.TemporaryDirectory() as cache:
        start = time.perf_counter()
        model = fastmm.FastMapMatch(network, fastmm.TransitionMode.SHORTEST, 3000.0, cache_dir=cache)
        made_s = time.perf_counter() - start
    tx, ty = flat.transform(data.track[:, 0], data.track[:, 1])
    trace = fastmm.Trajectory.from_xy_tuples([(float(a), float(b)) for a, b in zip(tx, ty, strict=True)])
    fastest = 0.0
    for candidates, radius, sigma in [(8, 50.0, 10.0), (8, 50.0, 50.0), (4, 50.0, 10.0)]:
        best = alone = float("inf")
        for _ in range(5):
            start = time.process_time()
            found = model.match(trace, candidates, radius, sigma)
            alone = min(alone, time.process_time() - start)
            driven = [e.edge_id for s in found.subtrajectories for g in s.segments for e in g.edges]
            best = min(best, time.process_time() - start)
        speed = len(data.track) / best
        fastest = max(fastest, speed)
        name = f"fastmm k {candidates} sigma {sigma:.0f}"
        print(
            f"{name:24} {speed:12,.0f} {100 * data.error(driven):8.3f} %   "
            f"{len(data.track) / alone:,.0f} points/s without reading the answer; table of 3 km made in {made_s:.1f} s"
        )
    return fastest


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--worldloom", default=str(ROOT / "target/release/worldloom"))
    parser.add_argument("--times", type=int, default=100)
    args = parser.parse_args()
    data = Kubicka(args.data / "kubicka-000")
    print(f"{'':24} {'points/s':>12} {'error':>10}")
    ratio = ours(data, args.worldloom, args.times) / theirs(data)
    print(f"worldloom / fastmm: {ratio:.1f}")


if __name__ == "__main__":
    main()
