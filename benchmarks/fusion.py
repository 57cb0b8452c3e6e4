#!/usr/bin/env python3
"""What fusion makes of drives whose truth is known: positions, heading, error bars, clocks, and how long it takes.

    python benchmarks/fusion.py [--worldloom target/release/worldloom] [--data DIR] [--drives 10] [--seeds 11 0]
                                [--worlds samples/town]

Generates drives with `worldloom synth` (a seed of 0 is a fresh one), leaves sensors out or cuts GNSS for 20 s, builds data sets,
and compares `poses` with the truth, without alignment; raw GNSS is compared at the antenna. `on the map` is with receivers as
they are and with worse ones, without `register` and with it. DIR holds `comma2k19-sf`: its live GNSS, IMU and CAN are fused
without its poses, which are the truth; 100 ms are then added to the times of CAN. `bound` is
what no estimator can be better at on these drives (Cramér and Rao), with everything but the IMU's clock known. Clocks of
cameras and LiDARs are those of whole worlds with pictures. `mountain-view-nmea-span` has gaps of up to 40 s. The last row is
an hour of 100 Hz IMU and 10 Hz GNSS, CPU seconds of the whole build less those of a minute's. Needs numpy, pyarrow, pyproj.
"""

import argparse
import csv
import json
import math
import os
import resource
import secrets
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pyproj

ROOT = Path(__file__).resolve().parents[1]
TO_ECEF = pyproj.Transformer.from_crs("EPSG:4979", "EPSG:4978", always_xy=True)
TO_GEODETIC = pyproj.Transformer.from_crs("EPSG:4978", "EPSG:4979", always_xy=True)


def axes(lon: float, lat: float) -> np.ndarray:
    """East, north and up in ECEF, as rows."""
    a, b = math.radians(lon), math.radians(lat)
    sa, ca, sb, cb = math.sin(a), math.cos(a), math.sin(b), math.cos(b)
    return np.array([[-sa, ca, 0], [-sb * ca, -sb * sa, cb], [cb * ca, cb * sa, sb]])


class Local:
    """ENU at an origin."""

    def __init__(self, lon: float, lat: float, height: float) -> None:
        self.origin, self.axes = np.array(TO_ECEF.transform(lon, lat, height)), axes(lon, lat)

    def enu(self, lon, lat, height) -> np.ndarray:
        return (np.stack(TO_ECEF.transform(lon, lat, height), axis=1) - self.origin) @ self.axes.T


def columns(path: Path) -> dict[str, np.ndarray]:
    """A CSV by column; times as integers."""
    with path.open(newline="") as f:
        rows = list(csv.DictReader(f))
    return {
        k: np.array(
            [int(r[k]) if k == "t_ns" else float(r[k] or "nan") for r in rows], dtype=np.int64 if k == "t_ns" else float
        )
        for k in rows[0]
    }


def forward(table) -> np.ndarray:
    w, x, y, z = (np.asarray(table[k]) for k in ("qw", "qx", "qy", "qz"))
    return np.stack([1 - 2 * (y * y + z * z), 2 * (x * y + w * z), 2 * (x * z - w * y)], axis=1)


def build(
    worldloom: Path, folder: Path, extra: str = "", roads: Path | None = None, register: str = "off"
) -> tuple[dict, dict]:
    """Builds the drives of a folder, on a map's roads where there is one; poses and clocks by recording."""
    config = folder / "fuse.toml"
    on_map = f'[[map]]\nkind = "osm"\npath = "{roads}"\nlicense = "CC-BY-4.0"\n' if roads else ""
    match = "true" if roads else "false"
    config.write_text(
        '[dataset]\nname = "fusion"\nlicense = "CC0-1.0"\n[[recording]]\n'
        + (extra or f'kind = "folder"\npath = "{folder}/drives/*"\n')
        + f'license = "CC0-1.0"\n{on_map}[fuse]\npose = "estimate"\nmatch = {match}\nregister = "{register}"\n'
    )
    out = folder / "out"
    shutil.rmtree(out, ignore_errors=True)
    done = subprocess.run([worldloom, "build", config, "--out", out], capture_output=True, text=True)
    if done.returncode not in (0, 3):
        raise SystemExit(done.stderr)
    poses: dict = {}
    for file in sorted(out.glob("poses/*.parquet")):
        table = pq.read_table(file)
        for name in set(table["recording_id"].to_pylist()):
            mask = np.array(table["recording_id"].to_pylist()) == name
            poses[name] = {
                k: np.asarray(table[k].to_numpy(zero_copy_only=False))[mask]
                for k in (
                    "t_ns",
                    "lon",
                    "lat",
                    "height_m",
                    "heading_deg",
                    "sigma_xy_m",
                    "speed_mps",
                    "acceleration_mps2",
                    "yaw_rate_radps",
                )
                if k in table.column_names
            }
            for k in ("qw", "qx", "qy", "qz"):
                poses[name][k] = table[k].to_numpy()[mask]
    rows = [r for f in sorted(out.glob("recordings/*.parquet")) for r in pq.read_table(f).to_pylist()]
    origin = {r["recording_id"]: (r["origin_lon"], r["origin_lat"], r["origin_height_m"]) for r in rows}
    clocks = {r["recording_id"]: {c["sensor"]: c for c in r["clock"] or []} for r in rows}
    for name, at in origin.items():
        poses[name]["origin"] = at
    return poses, clocks


def errors(pose: dict, truth: dict, shift_ns: int = 0) -> dict:
    """Horizontal RMSE and largest error (m), RMSE of the heading (degrees), NEES per degree of freedom."""
    local = Local(*pose["origin"])
    t = (truth["t_ns"] - pose["t_ns"][0] + shift_ns) / 1e9
    at = (pose["t_ns"] - pose["t_ns"][0]) / 1e9
    inside = (at >= t[0]) & (at <= t[-1])
    want = local.enu(truth["lon"], truth["lat"], truth["height_m"])
    got = local.enu(pose["lon"], pose["lat"], pose["height_m"])
    off = np.stack([got[inside, k] - np.interp(at[inside], t, want[:, k]) for k in range(2)], axis=1)
    square = (off**2).sum(axis=1)
    ahead, true_ahead = forward(pose), forward(truth)
    true_yaw = np.unwrap(np.arctan2(true_ahead[:, 1], true_ahead[:, 0]))
    turn = np.arctan2(ahead[inside, 1], ahead[inside, 0]) - np.interp(at[inside], t, true_yaw)
    turn = np.degrees((turn + np.pi) % (2 * np.pi) - np.pi)
    return {
        "rmse": math.sqrt(square.mean()),
        "max": math.sqrt(square.max()),
        "heading": math.sqrt((turn**2).mean()),
        "nees": float((square / (2 * pose["sigma_xy_m"][inside] ** 2)).mean()),
    }


def raw_error(drive: Path, truth: dict) -> float:
    """RMSE of the fixes, at the antenna."""
    gnss = columns(drive / "gnss.csv")
    arm = json.loads((drive / "calibration.json").read_text())["gnss"]["ego_se3_sensor"]["t"]
    local = Local(truth["lon"][0], truth["lat"][0], truth["height_m"][0])
    want = local.enu(truth["lon"], truth["lat"], truth["height_m"]) + arm[0] * forward(truth)
    got = local.enu(gnss["lon"], gnss["lat"], gnss["height_m"])
    t, at = truth["t_ns"] - truth["t_ns"][0], gnss["t_ns"] - truth["t_ns"][0]
    off = np.stack([got[:, k] - np.interp(at, t, want[:, k]) for k in range(2)], axis=1)
    return math.sqrt((off**2).sum(axis=1).mean())


def vary(drives: Path, case: str) -> None:
    """Takes sensors or 20 s of fixes out of drives."""
    for drive in sorted(drives.iterdir()):
        if "no IMU" in case:
            (drive / "imu.csv").unlink()
        if "no wheels" in case:
            (drive / "wheel.csv").unlink()
        if "outage" in case:
            head, *lines = (drive / "gnss.csv").read_text().splitlines()
            start = int(lines[0].split(",")[0])
            kept = [x for x in lines if not 50e9 <= int(x.split(",")[0]) - start < 70e9]
            (drive / "gnss.csv").write_text("\n".join([head, *kept]) + "\n")


def copied(world: Path, work: Path) -> Path:
    """A folder with the drives of a world, in place of the one before."""
    folder = work / "case"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(world / "drives", folder / "drives")
    return folder


def disturb(drives: Path, case: str) -> None:
    """Makes the receivers worse: off by 8 m all along, or by 6 m that wander within a minute; honest ones say so."""
    for number, drive in enumerate(sorted(drives.iterdir())):
        rng = np.random.default_rng(number)
        head, *lines = (drive / "gnss.csv").read_text().splitlines()
        at = {name: i for i, name in enumerate(head.split(","))}
        off, last, out = rng.normal(size=2), None, [head]
        for line in lines:
            cells = line.split(",")
            t = int(cells[0]) / 1e9
            keep = math.exp(-(t - last) / 60) if last is not None else 1.0
            off, last = keep * off + math.sqrt(1 - keep * keep) * rng.normal(size=2), t
            east, north = (6.0, -5.0) if "8 m off" in case else 6.0 * off
            lat = float(cells[at["lat"]])
            cells[at["lat"]] = f"{lat + north / 111_000:.9f}"
            cells[at["lon"]] = f"{float(cells[at['lon']]) + east / (111_320 * math.cos(math.radians(lat))):.9f}"
            if "and say so" in case:
                cells[at["sigma_xy_m"]] = f"{math.hypot(float(cells[at['sigma_xy_m']]), 6.0):.2f}"
            out.append(",".join(cells))
        (drive / "gnss.csv").write_text("\n".join(out) + "\n")


def registered(worldloom: Path, seed: int, work: Path) -> None:
    """What laying drives onto their roads does, where receivers are good, and where they are not."""
    world = work / f"world-{seed}"
    truths = {p.name: columns(world / "truth" / p.name / "poses.csv") for p in (world / "drives").iterdir()}
    roads = world / "map/town.osm.pbf"
    for case in ("as they are", "8 m off", "wander by 6 m", "wander by 6 m and say so"):
        found = {}
        for choice in ("off", "auto"):
            folder = copied(world, work)
            if case != "as they are":
                disturb(folder / "drives", case)
            poses, _ = build(worldloom, folder, roads=roads, register=choice)
            each = [errors(poses[next(k for k in poses if k.endswith(n))], truths[n]) for n in truths]
            found[choice] = [np.mean([e[k] for e in each]) for k in ("rmse", "nees")]
        (before, sure), (after, then) = found["off"], found["auto"]
        print(
            f"| synth {seed}: receivers {case}: on the map | | {before:.2f} to {after:.2f} | | | {sure:.2f} to {then:.2f} | |",
            flush=True,
        )


def true_clocks(folder: Path) -> dict[str, float]:
    """What must be added to each sensor's times, milliseconds."""
    with (folder / "clock.csv").open(newline="") as f:
        return {r["sensor"]: int(r["offset_ns"]) / 1e6 for r in csv.DictReader(f)}


def bound(drive: Path, truth: dict) -> float:
    """Cramér and Rao's bound of the IMU's clock against GNSS, milliseconds, all else known.

    The fixes tell an offset by how fast places and velocities change; their errors are those that `synth` gives them: 0.06 and
    0.07 m/s along and across, white 0.4 m and slow 1.1 m over 40 s, all times the fix's own sigma over that of open sky.
    """
    gnss = columns(drive / "gnss.csv")
    arm = json.loads((drive / "calibration.json").read_text())["gnss"]["ego_se3_sensor"]["t"]
    local = Local(truth["lon"][0], truth["lat"][0], truth["height_m"][0])
    at = local.enu(truth["lon"], truth["lat"], truth["height_m"])[:, :2] + arm[0] * forward(truth)[:, :2]
    t, tg = (x - truth["t_ns"][0] for x in (truth["t_ns"], gnss["t_ns"]))
    t, tg = t / 1e9, tg / 1e9
    velocity = np.gradient(at, t, axis=0)
    # Differences over 50 ms: places are written to a tenth of a millimetre.
    smooth = np.stack([np.convolve(velocity[:, k], np.ones(5) / 5, "same") for k in range(2)], axis=1)
    change = np.gradient(smooth, t, axis=0)
    inside = (tg > 0.2) & (tg < t[-1] - 0.2)
    tg, worse = tg[inside], gnss["sigma_xy_m"][inside] / math.hypot(1.1, 0.4)
    v, a = (np.stack([np.interp(tg, t, x[:, k]) for k in range(2)], axis=1) for x in (velocity, change))
    ahead = v / np.maximum(np.linalg.norm(v, axis=1), 0.01)[:, None]
    along, across = (a * ahead).sum(axis=1), a[:, 1] * ahead[:, 0] - a[:, 0] * ahead[:, 1]
    course = np.isfinite(gnss["course_deg"][inside])
    told = (along**2 / (0.06 * worse) ** 2).sum() + (across**2 / (0.07 * worse) ** 2)[course].sum()
    # Five minutes by themselves: what they share is as nothing.
    for first in range(0, len(tg), 1500):
        t, w, v_there = tg[first : first + 1500], worse[first : first + 1500], v[first : first + 1500]
        slow = np.exp(-np.abs(t[:, None] - t[None]) / 40) * 1.1**2 * np.outer(w, w)
        told += (v_there * np.linalg.solve(slow + np.diag((0.4 * w) ** 2), v_there)).sum()
    return 1e3 / math.sqrt(told)


# Half an hour and more in town.
LONG_M = 15_000
CASES = (
    "IMU and wheels",
    "IMU and wheels, 20 s outage",
    "IMU, no wheels",
    "wheels, no IMU",
    "GNSS alone: no IMU, no wheels",
)


def synth(
    worldloom: Path, seed: int, drives: int, work: Path, cases: tuple[str, ...] = CASES, length_m: int | None = None
) -> None:
    world = work / f"world-{seed}{f'-{length_m}' if length_m else ''}"
    command = [worldloom, "synth", "--out", world, "--drives", str(drives), "--seed", str(seed), "--detail", "traces"]
    command += ["--length", str(length_m)] if length_m else []
    subprocess.run(command, check=True, capture_output=True)
    names = sorted(p.name for p in (world / "drives").iterdir())
    truths = {n: columns(world / "truth" / n / "poses.csv") for n in names}
    raws = {n: raw_error(world / "drives" / n, truths[n]) for n in names}
    minutes = np.mean([np.ptp(t["t_ns"]) for t in truths.values()]) / 60e9
    for case in cases:
        folder = copied(world, work)
        vary(folder / "drives", case)
        poses, clocks = build(worldloom, folder)
        found = {n: errors(poses[next(k for k in poses if k.endswith(n))], truths[n]) for n in names}
        ratio = [found[n]["rmse"] / raws[n] for n in names]
        off, inside = [], []
        for n in names:
            said = clocks[next(k for k in clocks if k.endswith(n))]
            true = true_clocks(world / "truth" / n)
            for sensor in ("imu", "wheel"):
                c = said.get(sensor)
                if c and c["offset_ms"] is not None:
                    off.append(c["offset_ms"] - true[sensor])
                    inside.append(abs(off[-1]) < 3 * c["sigma_ms"])
        mean = lambda k, found=found: np.mean([f[k] for f in found.values()])
        clock = f"{np.sqrt(np.mean(np.square(off))):.1f} ms, {100 * np.mean(inside):.0f} %" if off else "–"
        print(
            f"| synth {seed}, {drives} drives of {minutes:.0f} min: {case} | {np.mean(list(raws.values())):.2f} "
            f"| {mean('rmse'):.2f} | {np.mean(ratio):.2f} ({max(ratio):.2f}) | {mean('heading'):.2f} | {mean('nees'):.2f} | {clock} |",
            flush=True,
        )


def bounds(world: Path) -> None:
    """The bound of the IMU's clock over the drives of a world."""
    found = [bound(d, columns(world / "truth" / d.name / "poses.csv")) for d in sorted((world / "drives").iterdir())]
    print(
        f"| {world.name}: bound of the IMU's clock | | | | | | {np.sqrt(np.mean(np.square(found))):.2f} ms |",
        flush=True,
    )


def media(worldloom: Path, world: Path, work: Path) -> None:
    """Clocks of cameras and LiDARs of a world with pictures: against the truth, and against the IMU's as found."""
    folder = work / "media"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    _, clocks = build(worldloom, folder, f'kind = "folder"\npath = "{world}/drives/*"\n')
    for name, said in sorted(clocks.items()):
        true = true_clocks(world / "truth" / name.split("/")[-1])
        error = lambda c, true=true: c["offset_ms"] - true[c["sensor"]]
        imu = error(said["imu"]) if said["imu"]["offset_ms"] is not None else math.nan
        for sensor, c in sorted(said.items()):
            if sensor in ("gnss", "imu", "wheel"):
                continue
            if c["offset_ms"] is None:
                print(f"| {world.name}, {name}: {sensor} | | | | | | unknown |")
            else:
                words = (
                    f"{error(c):+.1f} ± {c['sigma_ms']:.1f} ms, against the IMU {error(c) - imu:+.1f} ({c['method']})"
                )
                print(f"| {world.name}, {name}: {sensor} | | | | | | {words} |", flush=True)


def gaps(worldloom: Path, data: Path, work: Path) -> None:
    """The largest acceleration and turn rate around the gaps of a drive with GNSS alone."""
    folder = work / "gaps"
    drive = folder / "drives" / "mountain-view"
    drive.mkdir(parents=True)
    nmea = next((data / "mountain-view-nmea-span").glob("*.nmea"))
    shutil.copy(nmea, drive / "gnss.nmea")
    poses, _ = build(worldloom, folder)
    most = lambda k: max(np.nanmax(np.abs(p[k])) for p in poses.values())
    print(
        f"| mountain-view-nmea-span: at most {most('acceleration_mps2'):.1f} m/s², "
        f"{math.degrees(most('yaw_rate_radps')):.0f} °/s | | | | | | |",
        flush=True,
    )


def comma(worldloom: Path, data: Path, work: Path) -> None:
    folder = work / "comma"
    shutil.copytree(data / "comma2k19-sf", folder)
    load = lambda name: np.load(folder / "segment40" / name, allow_pickle=True)
    times, gps = load("global_pose/frame_times"), load("global_pose/frame_gps_times")
    utc = np.median(gps[:, 1] - times) + gps[0, 0] * 604800 + 315964800 - 18
    places, turns = load("global_pose/frame_positions"), load("global_pose/frame_orientations")
    lon, lat, height = TO_GEODETIC.transform(*places.T)
    # Orientations turn the phone's axes (forward first) into ECEF.
    w, x, y, z = turns.T
    ahead = np.stack([1 - 2 * (y * y + z * z), 2 * (x * y + w * z), 2 * (x * z - w * y)], axis=1)
    enu = np.stack([axes(a, b) @ f for a, b, f in zip(lon, lat, ahead)])
    half = 0.5 * np.arctan2(enu[:, 1], enu[:, 0])
    zero = np.zeros_like(half)
    truth = {
        "t_ns": np.round(times * 1e9).astype(np.int64) + round(utc * 1e9),
        "lon": lon,
        "lat": lat,
        "height_m": height,
        "qw": np.cos(half),
        "qx": zero,
        "qy": zero,
        "qz": np.sin(half),
    }
    extra = f'kind = "comma2k19"\npath = "{folder}"\n'
    offsets = {}
    for late in (0.0, 0.1):
        file = folder / "segment40/processed_log/CAN/speed/t"
        before = np.load(file)
        with file.open("wb") as f:
            np.save(f, before + late)
        poses, clocks = build(worldloom, folder, extra)
        name = next(iter(poses))
        offsets[late] = clocks[name]["wheel"]["offset_ms"]
        if late == 0.0:
            imu = clocks[name]["imu"]["offset_ms"] or 0.0
            best = min(range(-250, 1, 10), key=lambda ms: errors(poses[name], truth, ms * 1_000_000)["rmse"])
            for what, ms in (
                ("as they are", 0),
                ("its poses on the IMU's clock", imu),
                (f"best shift: {best} ms", best),
            ):
                e = errors(poses[name], truth, round(ms * 1e6))
                print(
                    f"| comma2k19-sf, {what} | | {e['rmse']:.2f} | | {e['heading']:.2f} | {e['nees']:.2f} | |",
                    flush=True,
                )
    found = None if None in offsets.values() else offsets[0.0] - offsets[0.1]
    print(
        f"| comma2k19-sf, 100 ms added to CAN | | | | | | {'unknown' if found is None else f'{found:.1f} ms found'} |"
    )


def hour(worldloom: Path, work: Path) -> None:
    """CPU seconds for an hour of driving, less those for a minute."""
    rng = np.random.default_rng(1)
    spent = {}
    for minutes in (1, 60):
        folder = work / f"hour-{minutes}"
        drive = folder / "drives" / "long"
        drive.mkdir(parents=True)
        t = np.arange(0, minutes * 60, 0.01)
        speed, rate = 10 + 6 * np.sin(0.05 * t), 0.15 * np.sin(0.11 * t) + 0.1 * np.cos(0.037 * t)
        yaw = np.cumsum(rate) * 0.01
        x, y = np.cumsum(speed * np.cos(yaw)) * 0.01, np.cumsum(speed * np.sin(yaw)) * 0.01
        ns = np.round(t * 1e9).astype(np.int64) + 1_700_000_000_000_000_000
        force = np.stack([np.gradient(speed, 0.01), speed * rate, np.full_like(t, 9.7992)], axis=1)
        force += rng.normal(0, 0.05, force.shape)
        turn = np.stack([0 * t, 0 * t, rate], axis=1) + rng.normal(0, 0.002, force.shape)
        with (drive / "imu.csv").open("w") as f:
            f.write("t_ns,ax_mps2,ay_mps2,az_mps2,wx_radps,wy_radps,wz_radps\n")
            f.writelines(f"{a},{','.join(f'{v:.5f}' for v in (*b, *c))}\n" for a, b, c in zip(ns, force, turn))
        with (drive / "gnss.csv").open("w") as f:
            f.write("t_ns,lon,lat,height_m,speed_mps,course_deg,sigma_xy_m,sigma_z_m\n")
            for k in range(0, len(t), 10):
                e, n = x[k] + rng.normal(), y[k] + rng.normal()
                lon, lat = 127 + e / 88_996, 37 + n / 110_985
                course = (90 - math.degrees(yaw[k] + 0.01 * rng.normal())) % 360
                f.write(f"{ns[k]},{lon:.9f},{lat:.9f},50.0,{speed[k] + 0.1 * rng.normal():.3f},{course:.2f},1.0,1.5\n")
        mount = {"ego_se3_sensor": {"t": [0, 0, 0], "q": [1, 0, 0, 0]}}
        (drive / "calibration.json").write_text(json.dumps({"imu": mount, "gnss": mount}))
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        build(worldloom, folder)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent[minutes] = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(
        f"\nAn hour of 100 Hz IMU and 10 Hz GNSS, read, fused and written by a whole build: {spent[60] - spent[1]:.1f} s of CPU"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--worldloom", type=Path, default=ROOT / "target/release/worldloom")
    parser.add_argument("--data", type=Path, default=os.environ.get("WORLDLOOM_DATA"))
    parser.add_argument("--drives", type=int, default=10)
    parser.add_argument("--seeds", type=int, nargs="+", default=[11, 0])
    parser.add_argument("--worlds", type=Path, nargs="*", default=[ROOT / "samples/town"])
    args = parser.parse_args()
    print(
        "| drives | raw m | fused m | ratio (worst) | heading ° | NEES | clocks: RMSE, inside 3 sigma |\n|---|---|---|---|---|---|---|"
    )
    with tempfile.TemporaryDirectory() as folder:
        for seed in args.seeds:
            seed = seed or secrets.randbelow(1_000_000) + 1
            synth(args.worldloom, seed, args.drives, Path(folder))
            bounds(Path(folder) / f"world-{seed}")
            registered(args.worldloom, seed, Path(folder))
        # What clocks can be known to is a matter of how much is driven.
        synth(args.worldloom, args.seeds[0] or 11, args.drives, Path(folder), CASES[:1], LONG_M)
        bounds(Path(folder) / f"world-{args.seeds[0] or 11}-{LONG_M}")
        for world in args.worlds:
            media(args.worldloom, world.resolve(), Path(folder))
        if args.data and (Path(args.data) / "mountain-view-nmea-span").is_dir():
            gaps(args.worldloom, Path(args.data), Path(folder))
        if args.data and (Path(args.data) / "comma2k19-sf").is_dir():
            comma(args.worldloom, Path(args.data), Path(folder))
        hour(args.worldloom, Path(folder))


if __name__ == "__main__":
    main()
