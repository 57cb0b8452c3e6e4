"""What moves in an Argoverse 2 log: masks of pictures and sweeps against NumPy, on the log's own boxes."""

import io
import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy.spatial.transform import Rotation, Slerp

import worldloom as wl

LOG = "7fab2350-7eaf-3b7e-a39d-6937a4c1bede"
CAMERA = "ring_front_center"
SWEEPS = (315_966_265_259_836_000, 315_966_265_360_032_000)
# Between two sweeps, where boxes are interpolated.
PICTURES = (SWEEPS[0], SWEEPS[0] + 40_000_000)
CORNERS = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)])


def matrix(row: pd.Series) -> NDArray[np.float64]:
    """A rigid transform, 4 × 4."""
    pose = np.eye(4)
    pose[:3, :3] = Rotation.from_quat([row[k] for k in ("qx", "qy", "qz", "qw")]).as_matrix()
    pose[:3, 3] = [row[k] for k in ("tx_m", "ty_m", "tz_m")]
    return pose


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The log with two grey pictures of the camera ahead, which the data at hand are without."""
    data = os.environ.get("WORLDLOOM_DATA")
    if data is None:
        pytest.skip("WORLDLOOM_DATA names no data")
    copy = tmp_path_factory.mktemp("av2") / LOG
    shutil.copytree(Path(data) / "av2-pit-7fab2350" / LOG, copy)
    folder = copy / "sensors" / "cameras" / CAMERA
    folder.mkdir(parents=True)
    for t_ns in PICTURES:
        Image.new("RGB", (1550, 2048), (90, 90, 90)).save(folder / f"{t_ns}.jpg")
    return copy


@pytest.fixture(scope="module")
def moving(log: Path) -> dict[int, list[tuple[NDArray[np.float64], NDArray[np.float64]]]]:
    """`ego_se3_box` and sizes of what moves at each time, by the rule that the documentation states."""
    ego = feather.read_feather(log / "city_SE3_egovehicle.feather").drop_duplicates("timestamp_ns")
    ego = ego.sort_values("timestamp_ns")
    times = ego["timestamp_ns"].to_numpy()
    spin = Slerp((times - times[0]) / 1e9, Rotation.from_quat(ego[["qx", "qy", "qz", "qw"]].to_numpy()))
    places = ego[["tx_m", "ty_m", "tz_m"]].to_numpy()

    def city_se3_ego(t_ns: int) -> NDArray[np.float64]:
        pose = np.eye(4)
        pose[:3, :3] = spin((t_ns - times[0]) / 1e9).as_matrix()
        pose[:3, 3] = [np.interp(t_ns - times[0], times - times[0], places[:, k]) for k in range(3)]
        return pose

    found: dict[int, list[tuple[NDArray[np.float64], NDArray[np.float64]]]] = {t: [] for t in (*SWEEPS, *PICTURES)}
    for _, track in feather.read_feather(log / "annotations.feather").groupby("track_uuid"):
        track = track.sort_values("timestamp_ns")
        at = track["timestamp_ns"].to_numpy()
        boxes = [city_se3_ego(t) @ matrix(row) for t, (_, row) in zip(at, track.iterrows(), strict=True)]
        middles = np.array([box[:3, 3] for box in boxes])
        moves = []
        for t in at:
            near = np.flatnonzero(np.abs(at - t) <= 500_000_000)
            seconds = (at[near[-1]] - at[near[0]]) / 1e9
            apart = np.linalg.norm(middles[near[-1]] - middles[near[0]])
            moves.append(seconds == 0 or apart > 0.5 * seconds)
        sizes = track[["length_m", "width_m", "height_m"]].to_numpy()
        for t, things in found.items():
            after = int(np.searchsorted(at, t))
            if after < len(at) and at[after] == t:
                pair, w = (after, after), 0.0
            elif 0 < after < len(at):
                pair, w = (after - 1, after), (t - at[after - 1]) / (at[after] - at[after - 1])
            else:
                continue
            if moves[pair[0]] or moves[pair[1]]:
                box = np.eye(4)
                both = Rotation.from_matrix([boxes[pair[0]][:3, :3], boxes[pair[1]][:3, :3]])
                box[:3, :3] = Slerp([0, 1], both)(w).as_matrix()
                box[:3, 3] = middles[pair[0]] * (1 - w) + middles[pair[1]] * w
                size = np.maximum(sizes[pair[0]], sizes[pair[1]]) + 0.2
                things.append((np.linalg.inv(city_se3_ego(t)) @ box, size))
    return found


@pytest.fixture(scope="module")
def built(log: Path) -> Path:
    """A data set of it."""
    config = log.parent / "build.toml"
    config.write_text(
        '[dataset]\nname = "m"\nlicense = "CC-BY-NC-SA-4.0"\n'
        f'[[recording]]\nkind = "argoverse2"\npath = "{LOG}"\nlicense = "CC-BY-NC-SA-4.0"\n'
    )
    out = log.parent / "out"
    wl.build(config, out=out, progress=False)
    return out


def frame(built: Path, frame_id: str) -> NDArray[np.uint8]:
    """The mask that lies in the shard."""
    rows = [r for f in built.glob("frames/*.parquet") for r in pq.read_table(f).to_pylist()]
    row = next(r for r in rows if r["frame_id"] == frame_id)
    assert row["modality"] == "mask" and row["format"] == "png"
    with (built / "shards" / Path(row["shard"]).name).open("rb") as shard:
        shard.seek(row["offset"])
        return np.asarray(Image.open(io.BytesIO(shard.read(row["length"]))))


def test_pictures_are_masked_where_moving_boxes_are(log: Path, moving: dict, built: Path) -> None:
    mounts = feather.read_feather(log / "calibration/egovehicle_SE3_sensor.feather").set_index("sensor_name")
    k = feather.read_feather(log / "calibration/intrinsics.feather").set_index("sensor_name").loc[CAMERA]
    camera_se3_ego = np.linalg.inv(matrix(mounts.loc[CAMERA]))
    for t in PICTURES:
        drawn = Image.new("L", (1550, 2048))
        seen = 0
        for ego_se3_box, size in moving[t]:
            corners = np.hstack([CORNERS * size / 2, np.ones((8, 1))]) @ (camera_se3_ego @ ego_se3_box).T
            if corners[:, 2].min() < 0.5:
                continue
            u = k["fx_px"] * corners[:, 0] / corners[:, 2] + k["cx_px"]
            v = k["fy_px"] * corners[:, 1] / corners[:, 2] + k["cy_px"]
            # The outline of a box is that of its twelve faces' triangles.
            pixels = [(float(a), float(b)) for a, b in zip(u, v, strict=True)]
            for face in ((0, 1, 3, 2), (4, 5, 7, 6), (0, 1, 5, 4), (2, 3, 7, 6), (0, 2, 6, 4), (1, 3, 7, 5)):
                ImageDraw.Draw(drawn).polygon([pixels[i] for i in face], fill=255)
            seen += 1
        want, got = np.asarray(drawn) > 0, frame(built, f"{LOG}/{CAMERA}/mask-{t}") > 0
        assert seen >= 3 and want.sum() > 1000
        assert (want & got).sum() / (want | got).sum() > 0.95, (want.sum(), got.sum())


def test_points_in_moving_boxes_are_marked(log: Path, moving: dict, built: Path) -> None:
    for t in SWEEPS:
        sweep = feather.read_feather(log / f"sensors/lidar/{t}.feather")
        points = np.hstack([sweep[["x", "y", "z"]].to_numpy(dtype=float), np.ones((len(sweep), 1))])
        inside = np.zeros(len(points), dtype=bool)
        for ego_se3_box, size in moving[t]:
            inside |= (np.abs((points @ np.linalg.inv(ego_se3_box).T)[:, :3]) <= size / 2).all(axis=1)
        got = frame(built, f"{LOG}/lidar/mask-{t}")
        assert got.shape == (1, len(points))
        assert inside.sum() > 500 and ((got[0] > 0) != inside).sum() <= 0.005 * inside.sum()


def test_what_is_masked_has_no_weight(built: Path) -> None:
    ds = wl.open(built)
    sample = next(s for s in ds if s.frames.get(CAMERA))
    weight = sample.loss_weight(CAMERA, (32, 24))
    there = weight.max(axis=(1, 2)) > 0
    assert there.any() and weight[there].min() < 0.5 and weight[there].mean() > 0.5
