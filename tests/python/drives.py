"""A recording made for tests: ten pictures a second of a turn, with exact poses and depth."""

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.spatial.transform import Rotation

ORIGIN = (127.111, 37.394, 60.0)
START_NS = 1_778_548_800_000_000_000
RATE_HZ = 10
FRAMES = 96
WIDTH, HEIGHT = 160, 90
K = (120.0, 121.0, 78.5, 43.5)
FISHEYE = (50.0, 50.0, 79.5, 59.5)
# The camera's axes in the ego's: right is -y, down is -z, forward is x; tilted down by two degrees.
EGO_R_CAMERA = Rotation.from_matrix([[0, 0, 1], [-1, 0, 0], [0, -1, 0]]) * Rotation.from_euler("x", -2, degrees=True)
EGO_T_CAMERA = np.array([1.5, 0.1, 1.4])
LEFT_R_CAMERA = Rotation.from_euler("z", 90, degrees=True) * EGO_R_CAMERA


def ground(t: NDArray[np.float64]) -> NDArray[np.float64]:
    """East, north, yaw of the ego at times: brakes from 9 m/s in a left turn, then a right turn."""
    fine = np.linspace(0, 12, 12001)
    speed = 9.0 - 0.35 * fine
    curvature = 0.05 * np.sin(0.7 * fine)
    yaw = 0.4 + np.concatenate([[0], np.cumsum((speed * curvature)[:-1] * 1e-3)])
    east = np.concatenate([[0], np.cumsum((speed * np.cos(yaw))[:-1] * 1e-3)])
    north = np.concatenate([[0], np.cumsum((speed * np.sin(yaw))[:-1] * 1e-3)])
    return np.stack([np.interp(t, fine, v) for v in (east, north, yaw)], -1)


def write_drive(folder: Path) -> None:
    """Write a recording folder with a front camera, a fisheye to the left, and depth of the front camera."""
    (folder / "images/front").mkdir(parents=True)
    (folder / "images/left").mkdir(parents=True)
    (folder / "depth/front").mkdir(parents=True)
    (folder / "recording.toml").write_text('id = "turn"\nlicense = "CC0-1.0"\nheight_datum = "ellipsoidal"\n')

    def mount(rotation: Rotation) -> dict[str, list[float]]:
        return {"t": EGO_T_CAMERA.tolist(), "q": rotation.as_quat(scalar_first=True).tolist()}

    cameras = {
        "front": {
            "model": "pinhole",
            "width": WIDTH,
            "height": HEIGHT,
            "intrinsics": K,
            "distortion": [-0.08, 0.01, 0.001, -0.0005],
            "ego_se3_sensor": mount(EGO_R_CAMERA),
        },
        "left": {
            "model": "kannala_brandt",
            "width": 160,
            "height": 120,
            "intrinsics": FISHEYE,
            "distortion": [0.01, -0.002, 0.0, 0.0],
            "ego_se3_sensor": mount(LEFT_R_CAMERA),
        },
    }
    (folder / "calibration.json").write_text(json.dumps({"cameras": cameras}))

    # A degree of longitude and latitude at the origin, metres: WGS84.
    lat = np.radians(ORIGIN[1])
    a, e2 = 6378137.0, 6.69437999014e-3
    w = np.sqrt(1 - e2 * np.sin(lat) ** 2)
    per_lon = np.radians(1) * a / w * np.cos(lat)
    per_lat = np.radians(1) * a * (1 - e2) / w**3
    lines = ["t_ns,lon,lat,height_m,qw,qx,qy,qz"]
    times = np.arange(0, FRAMES / RATE_HZ, 0.02)
    for t, (east, north, yaw) in zip(times, ground(times), strict=True):
        q = Rotation.from_euler("ZY", [yaw, 0.01 * np.sin(t)]).as_quat(scalar_first=True)
        place = f"{ORIGIN[0] + east / per_lon:.12f},{ORIGIN[1] + north / per_lat:.12f},{ORIGIN[2] + 0.05 * t:.6f}"
        lines.append(f"{START_NS + round(t * 1e9)},{place}," + ",".join(f"{v:.12f}" for v in q))
    (folder / "poses.csv").write_text("\n".join(lines) + "\n")

    u, v = np.meshgrid(np.arange(160), np.arange(120))
    stamps = ["file,t_ns"]
    for i in range(FRAMES):
        name = f"{i:06}"
        stamps.append(f"{name}.jpg,{START_NS + i * 1_000_000_000 // RATE_HZ}")
        picture = np.stack([(u * 2 + i * 3) % 256 // 2 + 60, v + 40, (u + v + i) // 3 + 30], -1).astype(np.uint8)
        Image.fromarray(picture[:HEIGHT]).save(folder / f"images/front/{name}.jpg", quality=95)
        Image.fromarray(picture).save(folder / f"images/left/{name}.jpg", quality=95)
        # A wall eight metres ahead, nothing above it; in centimetres.
        depth = np.where(v[:HEIGHT] > 20, 800, 0).astype(np.uint16)
        Image.fromarray(depth).save(folder / f"depth/front/{name}.png")
    for channel in ("front", "left"):
        (folder / f"images/{channel}/times.csv").write_text("\n".join(stamps) + "\n")


def write_config(folder: Path) -> Path:
    """Write the drive and a config with windows of 6.4 s at 10 Hz; returns the config."""
    write_drive(folder / "turn")
    config = folder / "build.toml"
    config.write_text(
        """
[dataset]
name = "turn"
license = "CC0-1.0"

[[recording]]
kind = "folder"
path = "turn"
license = "CC0-1.0"

[sample]
past_s = 0.0
future_s = 6.4
rate_hz = 10.0
stride_s = 1.0

[split]
method = "none"
"""
    )
    return config
