#!/usr/bin/env python3
"""Warping a picture by its depth beside NumPy, cutting a panorama beside OpenCV: milliseconds, in one run.

    python benchmarks/kernels.py [--rounds N] [--program PATH]

`benches/splat.rs` (compiled and run by cargo, or `--program`, as cargo has compiled it) and the peers take turns, each on
one thread; the shortest call counts.

The warp takes a street's picture and depth of 1280 x 800 to a pinhole of 1280 x 704. The peer does the same work: every
pixel a quadrilateral whose corners it shares with neighbours of one surface, its parallelogram tested at each centre
around, the nearest on top; it takes the colour of the nearest pixel, where ours mixes four. Beside it the cheap way: every
pixel a point. What is found once for a camera or a picture (rays, corners' depths) is not counted, of neither.

The crop takes 640 x 480 from 5760 x 2880, bilinear at 1/32 of a pixel, with maps made before: `cv2.remap` with its fixed
and with its floating maps.
"""

import argparse
import os
import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

# NumPy, which OpenCV imports, multiplies matrices on all cores otherwise.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import cv2
import numpy as np

SOURCE, TARGET, FOCAL = (800, 1280), (704, 1280), 700.0
TURN, SHIFT = (0.02, 0.1, 0.01), np.array([0.3, 0.1, -1.0])
PANORAMA, CROP = (2880, 5760), (480, 640)
CASES = ("warp/pinhole-pinhole", "warp/panorama-pinhole", "crop")
UNITS = {"ns": 1e-6, "µs": 1e-3, "us": 1e-3, "ms": 1.0, "s": 1e3}


def ours(program: Path | None) -> dict[str, float]:
    """Milliseconds of each case, as criterion estimates them."""
    command = [str(program), "--bench"] if program else ["cargo", "bench", "--bench", "splat", "--"]
    command += ["--quick", "--noplot", f"^({'|'.join(CASES)})(/new)?$"]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = re.findall(r"(\S+)\s+time:\s+\[\S+ \S+ (\S+) (\S+) ", text)
    return {name: float(value) * UNITS[unit] for name, value, unit in found}


def rotation(roll: float, pitch: float, yaw: float) -> np.ndarray:
    """Rotation about x, then y, then z."""
    (sr, sp, sy), (cr, cp, cy) = np.sin([roll, pitch, yaw]), np.cos([roll, pitch, yaw])
    about_z = np.array([[cy, -sy, 0], [sy, cy, 0], [0, 0, 1]])
    return about_z @ np.array([[cp, 0, sp], [0, 1, 0], [-sp, 0, cp]]) @ np.array([[1, 0, 0], [0, cr, -sr], [0, sr, cr]])


def rays(panorama: bool, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Rays of pixels of the source, (..., 3): z = 1 of the pinhole, unit ones of the panorama."""
    height, width = SOURCE
    if panorama:
        lon, lat = ((u + 0.5) / width - 0.5) * 2 * np.pi, (0.5 - (v + 0.5) / height) * np.pi
        return np.stack([np.cos(lat) * np.sin(lon), -np.sin(lat), np.cos(lat) * np.cos(lon)], -1)
    return np.stack([(u - 0.5 * width + 0.5) / FOCAL, (v - 0.5 * height + 0.5) / FOCAL, np.ones_like(u)], -1)


def street(panorama: bool) -> np.ndarray:
    """Depth of `benches/splat.rs`: ground, walls and posts; NaN in the sky."""
    v, u = np.mgrid[: SOURCE[0], : SOURCE[1]].astype(float)
    ray = rays(panorama, u, v)
    ray /= np.linalg.norm(ray, axis=-1, keepdims=True)
    x, y, z = np.moveaxis(ray, -1, 0)
    depth = np.full(SOURCE, np.inf)
    for along, metres in ((y, 1.6), (z, 25.0), (-z, 20.0), (x, 8.0), (-x, 10.0)):
        with np.errstate(divide="ignore"):
            depth = np.where(along > 1e-9, np.minimum(depth, metres / along), depth)
    post = (y > -0.3) & (np.sin(np.arctan2(x, z) * 18.0) > 0.9)
    depth = np.where(post, np.minimum(depth, 6.0), depth)
    return np.where(y < -0.5, np.nan, depth if panorama else depth * z).astype(np.float32)


class Surface:
    """What is known of a picture before it is warped: rays and inverse depths at the corners of its pixels."""

    def __init__(self, panorama: bool) -> None:
        own = np.nan_to_num(1.0 / street(panorama))
        around = np.lib.stride_tricks.sliding_window_view(np.pad(own, 1, mode="edge"), (2, 2))
        mean, apart = around.mean((2, 3)), around.max((2, 3)) - around.min((2, 3))
        joined = apart <= 0.05 * mean
        v, u = np.mgrid[: SOURCE[0] + 1, : SOURCE[1] + 1] - 0.5
        ray = rays(panorama, u, v).astype(np.float32)
        # Clockwise from the top left.
        parts = [np.s_[:-1, :-1], np.s_[:-1, 1:], np.s_[1:, 1:], np.s_[1:, :-1]]
        known = own.ravel() > 0
        self.pixels = np.flatnonzero(known)
        self.rays = [ray[part].reshape(-1, 3)[known] for part in parts]
        near = [np.where(joined[part], mean[part], own).ravel()[known].astype(np.float32) for part in parts]
        self.near = near


def project(ray: np.ndarray, near: np.ndarray, turn: np.ndarray) -> np.ndarray:
    """Columns, rows and inverse depths in the target, (3, N); NaN behind it."""
    x, y, z = turn @ ray.T + SHIFT.astype(np.float32)[:, None] * near
    z = np.where(z > 0, z, np.nan)
    height, width = TARGET
    return np.stack([FOCAL * x / z + 0.5 * width - 0.5, FOCAL * y / z + 0.5 * height - 0.5, near / z])


def shown(pixels: np.ndarray, near: np.ndarray, at: np.ndarray, rgb: np.ndarray) -> np.ndarray:
    """The target's picture of fragments: the nearest wins, of equals the first pixel."""
    buffer = np.zeros(TARGET[0] * TARGET[1], np.float32)
    np.maximum.at(buffer, at, near)
    wins = np.flatnonzero(near == buffer[at])[::-1]
    place = np.full(buffer.size, -1)
    place[at[wins]] = pixels[wins]
    return np.where(place[:, None] >= 0, rgb.reshape(-1, 3)[place], 0).reshape(*TARGET, 3)


def warp(surface: Surface, rgb: np.ndarray) -> np.ndarray:
    """Every pixel a parallelogram."""
    turn = rotation(*TURN).astype(np.float32)
    height, width = TARGET
    with np.errstate(invalid="ignore", divide="ignore"):
        a, b, c, d = (project(ray, near, turn) for ray, near in zip(surface.rays, surface.near, strict=True))
        low, high = np.minimum(np.minimum(a, b), np.minimum(c, d)), np.maximum(np.maximum(a, b), np.maximum(c, d))
        keep = (low[2] > 0) & (high[0] >= 0) & (high[1] >= 0) & (low[0] < width) & (low[1] < height)
    pixels, low, high = surface.pixels[keep], low[:, keep], high[:, keep]
    a, b, c, d = (corner[:, keep] for corner in (a, b, c, d))
    middle, right, down = 0.25 * (a + b + c + d), 0.5 * (b - a + c - d), 0.5 * (d - a + c - b)
    first = np.ceil(np.maximum(low[:2], 0)).astype(int)
    last = np.floor(np.minimum(high[:2], [[width - 1], [height - 1]])).astype(int)
    area = right[0] * down[1] - right[1] * down[0]
    count = last - first + 1
    some = (count > 0).all(0) & (area > 0)
    fragments = []
    for dy in range(count[1][some].max()):
        for dx in range(count[0][some].max()):
            i = np.flatnonzero(some & (dx < count[0]) & (dy < count[1]))
            x, y = first[0][i] + dx - middle[0][i], first[1][i] + dy - middle[1][i]
            s = (x * down[1][i] - y * down[0][i]) / area[i]
            t = (right[0][i] * y - right[1][i] * x) / area[i]
            inside = (np.abs(s) <= 0.52) & (np.abs(t) <= 0.52)
            i, s, t = i[inside], s[inside], t[inside]
            near = np.clip(middle[2][i] + s * right[2][i] + t * down[2][i], low[2][i], high[2][i])
            fragments.append((pixels[i], near.astype(np.float32), (first[1][i] + dy) * width + first[0][i] + dx))
    order = [np.concatenate(part) for part in zip(*fragments, strict=True)]
    return shown(*order, rgb)


def points(surface: Surface, rgb: np.ndarray) -> np.ndarray:
    """Every pixel a point: holes wherever the target sees closer."""
    turn = rotation(*TURN).astype(np.float32)
    height, width = TARGET
    ray, near = sum(surface.rays) / 4, sum(surface.near) / 4
    with np.errstate(invalid="ignore", divide="ignore"):
        u, v, near = project(ray, near, turn)
        keep = (near > 0) & (u > -0.5) & (v > -0.5) & (u < width - 0.5) & (v < height - 0.5)
    u, v, near = np.rint(u[keep]).astype(int), np.rint(v[keep]).astype(int), near[keep]
    return shown(surface.pixels[keep], near, v * width + u, rgb)


def crops() -> dict[str, Callable[[], np.ndarray]]:
    """The view of `benches/splat.rs` by `cv2.remap`, with either kind of maps."""
    rows, columns = np.mgrid[: PANORAMA[0], : PANORAMA[1]]
    panorama = np.stack([(rows * 7 + columns * 3 + k * 50) % 256 for k in range(3)], -1).astype(np.uint8)
    height, width = CROP
    v, u = np.mgrid[:height, :width].astype(float)
    x, y, z = (u - 0.5 * width + 0.5) / (0.5 * width), (v - 0.5 * height + 0.5) / (0.5 * width), np.ones_like(u)
    yaw, pitch = 3.1, 0.2
    y, z = np.cos(pitch) * y - np.sin(pitch) * z, np.sin(pitch) * y + np.cos(pitch) * z
    lon, lat = (np.arctan2(x, z) - yaw + np.pi) % (2 * np.pi) - np.pi, np.arctan2(-y, np.hypot(x, z))
    floating = [
        ((lon / (2 * np.pi) + 0.5) * PANORAMA[1] - 0.5).astype(np.float32),
        ((0.5 - lat / np.pi) * PANORAMA[0] - 0.5).astype(np.float32),
    ]
    fixed = cv2.convertMaps(*floating, cv2.CV_16SC2)
    wrap = cv2.BORDER_WRAP
    return {
        "cv2.remap, fixed maps": lambda: cv2.remap(panorama, *fixed, cv2.INTER_LINEAR, borderMode=wrap),
        "cv2.remap, floating maps": lambda: cv2.remap(panorama, *floating, cv2.INTER_LINEAR, borderMode=wrap),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--program", type=Path, help="benches/splat.rs as cargo has compiled it")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    rgb = np.random.default_rng(1).integers(0, 256, (*SOURCE, 3), np.uint8)
    peers: dict[str, dict[str, Callable[[], np.ndarray]]] = {}
    for case, panorama in zip(CASES, (False, True), strict=False):
        surface = Surface(panorama)
        peers[case] = {
            "NumPy, quadrilaterals": lambda surface=surface: warp(surface, rgb),
            "NumPy, points": lambda surface=surface: points(surface, rgb),
        }
        seen = [f"{name} {100 * (peer() > 0).any(-1).mean():.1f} %" for name, peer in peers[case].items()]
        print(f"{case}: pixels that show something: {', '.join(seen)}")
    peers["crop"] = crops()
    best: dict[tuple[str, str], float] = {}
    for _ in range(arguments.rounds):
        for case, ms in ours(arguments.program).items():
            best[case, "worldloom"] = min(best.get((case, "worldloom"), np.inf), ms)
        for case, of_case in peers.items():
            for name, peer in of_case.items():
                for _ in range(20 if case == "crop" else 1):
                    start = time.perf_counter()
                    peer()
                    ms = 1e3 * (time.perf_counter() - start)
                    best[case, name] = min(best.get((case, name), np.inf), ms)
    for case in CASES:
        own = best[case, "worldloom"]
        new = best.get((case + "/new", "worldloom"))
        print(f"{case:22} worldloom {own:8.2f} ms" + (f" (new memory: {new:.2f} ms)" if new else ""))
        for name in peers[case]:
            print(f"{'':22} {name:25} {best[case, name]:8.2f} ms   ratio {best[case, name] / own:.2f}")


if __name__ == "__main__":
    main()
