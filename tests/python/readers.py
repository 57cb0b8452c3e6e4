"""How other tools read exports, without any code of ours: projections, videos, matrices."""

from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def video(path: Path) -> NDArray[np.uint8]:
    """Return the frames of a video, (T, H, W, 3)."""
    with av.open(str(path)) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])


def psnr(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    """Return the peak signal-to-noise ratio of pictures, decibels."""
    return float(10 * np.log10(255**2 / max(np.mean((a.astype(float) - b.astype(float)) ** 2), 1e-9)))


def homogeneous(points: Array) -> Array:
    """Return points (N, 3) with a one, (N, 4)."""
    return np.concatenate([points, np.ones((len(points), 1))], -1)


def pinhole(k: Array, c2w: Array, points: Array) -> Array:
    """Return the pixels of world points, by intrinsics 3 × 3 and an OpenCV camera-to-world matrix."""
    camera = homogeneous(points) @ np.linalg.inv(c2w).T
    pixels = camera[:, :3] @ k.T
    return pixels[:, :2] / pixels[:, 2:]


def brown(x: Array, y: Array, k1: float, k2: float, p1: float, p2: float, k3: float = 0.0) -> Array:
    """Return distorted positions on the plane z = 1 (OpenCV's model)."""
    s = x * x + y * y
    f = 1 + s * (k1 + s * (k2 + s * k3))
    return np.stack([x * f + 2 * p1 * x * y + p2 * (s + 2 * x * x), y * f + p1 * (s + 2 * y * y) + 2 * p2 * x * y], -1)


def fisheye(points: Array, k1: float, k2: float, k3: float, k4: float) -> Array:
    """Return distorted positions on the plane z = 1 of camera points (OpenCV's fisheye model)."""
    r = np.maximum(np.hypot(points[:, 0], points[:, 1]), 1e-12)
    theta = np.arctan2(r, points[:, 2])
    s = theta**2
    grown = theta * (1 + s * (k1 + s * (k2 + s * (k3 + s * k4))))
    return points[:, :2] * (grown / r)[:, None]
