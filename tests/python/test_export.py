"""Exports, read back as their consumers read them."""

import itertools
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pycolmap
import pytest
from drives import FISHEYE, HEIGHT, START_NS, WIDTH, K, write_config
from numpy.typing import NDArray
from PIL import Image
from readers import brown, fisheye, homogeneous, pinhole, psnr, video
from scipy.spatial.transform import Rotation

import worldloom as wl

Array = NDArray[np.float64]


@pytest.fixture(scope="session")
def turn(tmp_path_factory: pytest.TempPathFactory) -> wl.Dataset:
    """The data set of a drive that was made for this."""
    folder = tmp_path_factory.mktemp("turn")
    return wl.build(write_config(folder), out=folder / "data", progress=False)


@pytest.fixture(scope="session")
def exported(turn: wl.Dataset, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A function that exports the drive, each target and its arguments once."""
    done: dict[str, tuple[Path, dict[str, Any]]] = {}
    folder = tmp_path_factory.mktemp("exported")

    def run(to: str, **arguments: Any) -> tuple[Path, dict[str, Any]]:
        key = f"{to}-{len(done)}" if arguments else to
        if key not in done:
            done[key] = (folder / key, wl.export(turn, to=to, out=folder / key, **arguments))
        return done[key]

    return run


def stored(ds: wl.Dataset, frame_id: str) -> dict[str, Any]:
    """A row of `frames`."""
    rows = pq.read_table(Path(ds.path) / "frames").to_pylist()
    return next(row for row in rows if row["frame_id"] == frame_id)


def camera_pose(frame: dict[str, Any]) -> Array:
    """`world_se3_camera` of a row of `frames`, 4 × 4."""
    pose = np.eye(4)
    q = [frame[k] for k in ("qw", "qx", "qy", "qz")]
    pose[:3, :3] = Rotation.from_quat(q, scalar_first=True).as_matrix()
    pose[:3, 3] = [frame[k] for k in ("x_m", "y_m", "z_m")]
    return pose


# Points ahead of the first picture of the front camera, in its own axes.
AHEAD = np.array([[0.0, 0.0, 8.0], [2.0, 0.7, 9.0], [-1.5, -0.5, 5.0], [0.4, 1.0, 12.0]])


def test_every_export_has_a_card_and_says_what_was_left_out(exported: Any) -> None:
    for to in ("cosmos", "nwm", "dust3r", "interp", "colmap", "nerfstudio", "vista"):
        out, told = exported(to)
        card = json.loads((out / "export.json").read_text())
        assert card["target"] == to and card["clips"] == told["clips"]
        assert card["left_out"] == told["left_out"] and card["notes"] == told["notes"]
        assert card["licenses"] == ["CC0-1.0"]
        text = (out / "CONVENTIONS.md").read_text()
        for line in card["conventions"]:
            assert line["what"] in text
        assert told["files"] == sum(p.is_file() for p in out.rglob("*"))


def test_the_same_samples_give_the_same_bytes(exported: Any, turn: wl.Dataset, tmp_path: Path) -> None:
    for to in ("cosmos", "dust3r"):
        out, _ = exported(to)
        wl.export(turn.path, to=to, out=tmp_path / to)
        files = {p.relative_to(out): p.read_bytes() for p in out.rglob("*") if p.is_file()}
        again = {p.relative_to(tmp_path / to): p.read_bytes() for p in (tmp_path / to).rglob("*") if p.is_file()}
        assert files == again


def test_what_may_not_be_replaced_is_not(exported: Any, turn: wl.Dataset, tmp_path: Path) -> None:
    out, _ = exported("colmap")
    with pytest.raises(wl.ExistingFileError):
        wl.export(turn, to="colmap", out=out)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.txt").write_text("years of work")
    with pytest.raises(wl.ConfigError, match="not an export"):
        wl.export(turn, to="colmap", out=tmp_path / "mine", overwrite=True)
    with pytest.raises(wl.ConfigError, match="data set"):
        wl.export(turn, to="colmap", out=Path(turn.path) / "inside")
    with pytest.raises(wl.UnknownNameError, match="rear"):
        wl.export(turn, to="colmap", out=tmp_path / "x", cameras=["rear"])
    with pytest.raises(wl.ConfigError, match="refset"):
        wl.export(turn, to="nonsense", out=tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_one_point_hits_one_pixel_in_every_export(exported: Any, turn: wl.Dataset) -> None:
    sample = turn[0]
    frame = stored(turn, sample.frames["front"][0].id)
    world = (homogeneous(AHEAD) @ camera_pose(frame).T)[:, :3]
    name = frame["frame_id"].rsplit("/", 1)[1]
    plane = AHEAD[:, :2] / AHEAD[:, 2:]
    lens = brown(plane[:, 0], plane[:, 1], -0.08, 0.01, 0.001, -0.0005)
    raw = lens * K[:2] + K[2:]
    straight = plane * K[:2] + K[2:]

    # COLMAP: world to camera, lens kept, centres of pixels at a half.
    out, _ = exported("colmap")
    cameras = dict(line.split(" ", 1) for line in rows(out / "turn/sparse/0/cameras.txt"))
    line = next(line for line in rows(out / "turn/sparse/0/images.txt") if line.endswith(f" front/{name}.jpg"))
    _, *numbers, camera_id, _ = line.split()
    q, t = np.array(numbers[:4], float), np.array(numbers[4:], float)
    points = Rotation.from_quat(q, scalar_first=True).apply(world) + t
    model, *params = cameras[camera_id].split()
    fx, fy, cx, cy, *d = map(float, params[2:])
    assert model == "OPENCV" and params[:2] == [str(WIDTH), str(HEIGHT)]
    found = brown(points[:, 0] / points[:, 2], points[:, 1] / points[:, 2], *d) * [fx, fy] + [cx - 0.5, cy - 0.5]
    assert np.abs(found - raw).max() < 0.01

    # COLMAP's own reader and projection.
    model_of_colmap = pycolmap.Reconstruction(str(out / "turn/sparse/0"))
    image = next(i for i in model_of_colmap.images.values() if i.name == f"front/{name}.jpg")
    assert np.abs([image.project_point(p) - 0.5 for p in world] - raw).max() < 0.01

    # nerfstudio: camera to world of OpenGL's axes.
    out, _ = exported("nerfstudio")
    scene = json.loads((out / "turn/transforms.json").read_text())
    entry = next(f for f in scene["frames"] if f["file_path"] == f"images/front/{name}.jpg")
    points = homogeneous(world) @ np.linalg.inv(np.array(entry["transform_matrix"])).T
    x, y = points[:, 0] / -points[:, 2], points[:, 1] / points[:, 2]
    found = brown(x, y, *(entry[k] for k in ("k1", "k2", "p1", "p2")))
    found = found * [entry["fl_x"], entry["fl_y"]] + [entry["cx"] - 0.5, entry["cy"] - 0.5]
    assert np.abs(found - raw).max() < 0.01

    # DUSt3R: a pinhole, undistorted.
    out, _ = exported("dust3r")
    with np.load(out / f"turn/front_{name}.npz") as camera:
        found = pinhole(camera["intrinsics"].astype(float), camera["cam2world"].astype(float), world)
    assert np.abs(found - straight).max() < 0.01

    # Videos: a pinhole, and as resized and cut.
    out, _ = exported("interp")
    with np.load(out / f"{sample.id}-front/cameras.npz") as camera:
        assert camera["size"].tolist() == [WIDTH, HEIGHT]
        assert np.abs(pinhole(camera["K"][0], camera["c2w"][0], world) - straight).max() < 0.01
    out, _ = exported("interp", size=(48, 64), cameras=["front"])
    with np.load(out / f"{sample.id}-front/cameras.npz") as camera:
        # 160 × 90 is cut to 120 × 90, twenty pixels from the left, and made 64 × 48.
        want = (straight + 0.5 - [20, 0]) * (64 / 120) - 0.5
        assert camera["size"].tolist() == [64, 48]
        assert np.abs(pinhole(camera["K"][0], camera["c2w"][0], world) - want).max() < 0.01


def test_a_fisheye_keeps_its_lens_where_it_is_known_and_is_a_pinhole_elsewhere(exported: Any, turn: wl.Dataset) -> None:
    frame = stored(turn, turn[0].frames["left"][0].id)
    world = (homogeneous(AHEAD) @ camera_pose(frame).T)[:, :3]
    name = frame["frame_id"].rsplit("/", 1)[1]
    raw = fisheye(AHEAD, 0.01, -0.002, 0, 0) * FISHEYE[:2] + FISHEYE[2:]

    scene = json.loads((exported("nerfstudio")[0] / "turn/transforms.json").read_text())
    entry = next(f for f in scene["frames"] if f["file_path"] == f"images/left/{name}.jpg")
    assert entry["camera_model"] == "OPENCV_FISHEYE"
    points = (homogeneous(world) @ np.linalg.inv(np.array(entry["transform_matrix"])).T)[:, :3] * [1, -1, -1]
    found = fisheye(points, *(entry[k] for k in ("k1", "k2", "k3", "k4")))
    found = found * [entry["fl_x"], entry["fl_y"]] + [entry["cx"] - 0.5, entry["cy"] - 0.5]
    assert np.abs(found - raw).max() < 0.01

    out, told = exported("interp")
    assert any("fisheye" in note for note in told["notes"])
    with np.load(out / f"{turn[0].id}-left/cameras.npz") as camera:
        k, c2w = camera["K"][0], camera["c2w"][0]
    found = pinhole(k, c2w, world)
    inside = ((found > 2) & (found < np.array([157, 117]))).all(-1)
    assert inside.any() and np.isclose(k[0, 0], 80.0)
    # The pinhole shows there what the fisheye shows at its own place.
    shown = video(out / f"{turn[0].id}-left/target.mp4")[0].astype(float)
    picture = turn[0].frames["left"][0].image().astype(float)
    for (u, v), (a, b) in zip(found[inside], raw[inside], strict=True):
        assert np.abs(shown[round(v), round(u)] - picture[round(b), round(a)]).max() < 12


def rows(path: Path) -> list[str]:
    return [line for line in path.read_text().splitlines() if line and not line.startswith("#")]


def test_videos_are_the_pictures(exported: Any, turn: wl.Dataset) -> None:
    import av

    out, _ = exported("cosmos")
    lines = [json.loads(line) for line in (out / "train/video_dataset_file.jsonl").read_text().splitlines()]
    assert {line["uuid"] for line in lines} == {f"{s.id}-{c}" for s in turn for c in ("front", "left")}
    line = next(line for line in lines if line["uuid"] == f"{turn[0].id}-left")
    path = out / "train" / line["vision_path"]
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert (stream.frames, float(stream.average_rate or 0)) == (65, 10.0)
        assert (stream.width, stream.height) == (line["width"], line["height"]) == (160, 120)
        assert float(stream.duration * stream.time_base) == pytest.approx(6.5)
    window = line["t2w_windows"][0]
    assert (window["start_frame"], window["end_frame"], line["duration"]) == (0, 64, 6.5)
    caption = window["caption_json"]
    assert caption["fps"] == 10 and caption["aspect_ratio"] == "4,3" and caption["resolution"] == {"H": 120, "W": 160}
    assert "turns" in window["caption"] and "forward" in caption["cinematography"]["camera_motion"]
    # What was cut from panoramas and fisheyes has no stored twin; an untouched pinhole has: the odd one of the drive.
    frames = video(exported("interp", cameras=["front"])[0] / f"{turn[0].id}-front/target.mp4")
    assert frames.shape == (65, 90, 160, 3)
    picture = turn[0].frames["front"][10].image()
    assert psnr(frames[10][20:70, 40:120], picture[20:70, 40:120]) > 20


def test_cosmos_actions_are_steps_of_the_camera(exported: Any, turn: wl.Dataset) -> None:
    out, told = exported("cosmos")
    assert any("num_video_frames" in note for note in told["notes"])
    steps = []
    for sample in turn:
        poses = np.stack([camera_pose(stored(turn, f.id)) for f in sample.frames["front"]])
        # Rotations and translations by SciPy, from the stored poses.
        step = np.linalg.inv(poses[:-1]) @ poses[1:]
        want = np.concatenate([step[:, :3, 3], step[:, :3, 0], step[:, :3, 1]], -1)
        for domain, scale in (("av", 1.35), ("camera_pose", 1.0)):
            found = np.array(json.loads((out / f"train/actions/{sample.id}-front.{domain}.json").read_text()))
            assert found.shape == (64, 9)
            assert np.abs(found - want * ([scale] * 3 + [1.0] * 6)).max() < 1e-9
        # And back again, as their `pose_rel_to_abs` goes.
        pose = poses[0]
        for row in found:
            delta = np.eye(4)
            delta[:3, :3] = np.stack([row[3:6], row[6:9], np.cross(row[3:6], row[6:9])], -1)
            delta[:3, 3] = row[:3]
            pose = pose @ delta
        assert np.abs(pose - poses[-1]).max() < 1e-6
        spec = json.loads((out / f"train/specs/{sample.id}-front.av.forward_dynamics.json").read_text())
        assert spec["action_chunk_size"] == 64 and spec["domain_name"] == "av" and spec["fps"] == 10
        assert (out / "train/specs" / spec["vision_path"]).exists()
        assert (out / "train/specs" / spec["action_path"]).exists()
        steps.append(want)
        steps.append(np.array(json.loads((out / f"train/actions/{sample.id}-left.camera_pose.json").read_text())))
    statistics = json.loads((out / "statistics.camera_pose.json").read_text())
    every = np.concatenate(steps)
    for name, want in (
        ("mean", every.mean(0)),
        ("std", every.std(0)),
        ("min", every.min(0)),
        ("max", every.max(0)),
        ("q01", np.quantile(every, 0.01, axis=0)),
        ("q99", np.quantile(every, 0.99, axis=0)),
    ):
        assert np.abs(np.array(statistics[name]) - want).max() < 1e-9, name


def integrate(start: Array, steps: Array, dt: Array) -> Array:
    """Where speeds (N,) and curvatures (N,) lead."""
    x, y, yaw = start
    places = [(x, y)]
    for (speed, curvature), seconds in zip(steps, dt, strict=True):
        length = speed * seconds
        turn = length * curvature
        chord = length * np.sinc(turn / 2 / np.pi)
        x, y, yaw = x + chord * np.cos(yaw + turn / 2), y + chord * np.sin(yaw + turn / 2), yaw + turn
        places.append((x, y))
    return np.array(places)


def test_every_convention_of_actions_leads_back_to_the_poses(exported: Any, turn: wl.Dataset) -> None:
    out, _ = exported("interp")
    for sample in turn:
        with np.load(out / f"{sample.id}-front/actions.npz") as arrays:
            a = {k: arrays[k] for k in arrays}
        ego = a["world_se3_ego"]
        # The ego's own trajectory: by the sample's poses, which are relative to the anchor.
        relative = np.linalg.inv(ego[0]) @ ego
        assert np.abs(relative[:, :3, 3] - sample.poses[:, :3]).max() < 1e-3

        step = np.linalg.inv(ego[:-1]) @ ego[1:]
        want = np.concatenate([step[:, :3, 3], step[:, :3, 0], step[:, :3, 1]], -1)
        assert np.abs(a["se3_ego_framewise"] - want).max() < 1e-9
        anchored = np.concatenate([relative[1:, :3, 3], relative[1:, :3, 0], relative[1:, :3, 1]], -1)
        assert np.abs(a["se3_ego_anchored"] - anchored).max() < 1e-9

        forward = ego[:, :2, 0]
        yaw = np.unwrap(np.arctan2(forward[:, 1], forward[:, 0]))
        to_ego = Rotation.from_euler("z", -yaw[:-1, None]).apply(np.diff(ego[:, :3, 3], axis=0) * [1, 1, 0])
        framewise = np.concatenate([to_ego[:, :2], np.diff(yaw)[:, None]], -1)
        assert np.abs(a["xy_yaw_framewise"] - framewise).max() < 1e-9
        local = Rotation.from_euler("z", -yaw[0]).apply((ego[1:, :3, 3] - ego[0, :3, 3]) * [1, 1, 0])
        assert np.abs(a["xy_yaw_anchored"][:, :2] - local[:, :2]).max() < 1e-9
        spacing = a["waypoint_spacing_m"][0]
        assert spacing == pytest.approx(np.linalg.norm(np.diff(ego[:, :2, 3], axis=0), axis=-1).mean())
        assert np.abs(a["waypoints"][:, :2] * spacing - local[:, :2]).max() < 1e-9
        if sample.t0_ns == START_NS:
            assert a["xy_yaw_framewise"][:20, 2].min() > 0, "the drive turns left first"

        dt = a["dt_s"]
        x, y, start_yaw, speed = a["unicycle_start"]
        acceleration, curvature = a["acceleration_curvature"].T
        speeds = speed + np.concatenate([[0], np.cumsum(acceleration * dt)[:-1]])
        back = integrate(np.array([x, y, start_yaw]), np.stack([speeds, curvature], -1), dt)
        off = np.linalg.norm(back - ego[:, :2, 3], axis=-1).max()
        assert off < 0.01 and off == pytest.approx(a["unicycle_error_m"][0], abs=1e-6)
        assert np.abs(speeds - np.linalg.norm(step[:, :2, 3], axis=-1) / dt).max() < 0.1
        rates = a["speed_steering_yaw_rate"]
        back = integrate(np.array([x, y, start_yaw]), np.stack([rates[:, 0], rates[:, 2] / rates[:, 0]], -1), dt)
        assert np.linalg.norm(back - ego[:, :2, 3], axis=-1).max() < 0.01
        assert np.isnan(rates[:, 1]).all(), "this drive has no wheel"


def test_keyframes_are_ten_metres_apart_and_what_is_kept_are_they(exported: Any, turn: wl.Dataset) -> None:
    out, _ = exported("interp")
    folder = out / f"{turn[0].id}-front"
    keys = json.loads((folder / "keyframes.json").read_text())
    with np.load(folder / "actions.npz") as arrays:
        places = arrays["world_se3_ego"][:, :3, 3]
    along = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(places, axis=0), axis=-1))])
    assert [k["s_m"] for k in keys] == pytest.approx([along[k["frame"]] for k in keys])
    assert all(10 <= b["s_m"] - a["s_m"] < 12 for a, b in itertools.pairwise(keys))
    keep, frozen, target = np.load(folder / "keep.npy"), video(folder / "frozen.mp4"), video(folder / "target.mp4")
    assert len(keep) == len(frozen) == 4 * len(keys)
    for shown, key in zip(frozen[keep], keys, strict=True):
        assert psnr(shown, target[key["frame"]]) > 35


def test_nwm_reads_trajectories(exported: Any, turn: wl.Dataset) -> None:
    out, told = exported("nwm")
    names = (out / "data_splits/worldloom/train/traj_names.txt").read_text().split()
    assert names == ["turn-front-train-000", "turn-left-train-000"]
    folder = out / "worldloom" / names[0]
    with (folder / "traj_data.pkl").open("rb") as file:
        data = {k: v.astype("float") for k, v in pickle.load(file).items()}
    count = len(data["yaw"])
    assert data["position"].shape == (count, 2) and {f"{i}.jpg" for i in range(count)} == {
        p.name for p in folder.glob("*.jpg")
    }
    # As their `to_local_coords`: x forward, y left; the drive goes ahead and turns left at first.
    c, s = np.cos(data["yaw"][0]), np.sin(data["yaw"][0])
    local = (data["position"] - data["position"][0]) @ np.array([[c, -s], [s, c]])
    assert local[10, 0] > 5 and local[20, 1] > 0.5 and np.abs(np.diff(data["yaw"])).max() < 0.1
    spacing = np.linalg.norm(np.diff(data["position"], axis=0), axis=-1).mean()
    text = (out / "config/data_config.yaml").read_text()
    assert f"metric_waypoint_spacing: {spacing:.6f}" in text
    assert told["clips"] == 2 * len(turn)


def test_vista_reads_clips(exported: Any, turn: wl.Dataset) -> None:
    out, _ = exported("vista")
    clips = json.loads((out / "annos/worldloom_train.json").read_text())
    assert len(clips) == 2 * len(turn)
    for clip in clips:
        assert len(clip["frames"]) == 25 and len(clip["traj"]) == 10 and len(clip["speed"]) == 5
        assert clip["traj"][:2] == pytest.approx([0, 0]) and clip["cmd"] in (0, 1, 2, 3)
        for path in clip["frames"]:
            assert Image.open(out / path).size in {(160, 90), (160, 120)}
    first = next(c for c in clips if c["frames"][0].endswith("front/000000.jpg"))
    traj = np.array(first["traj"]).reshape(5, 2)
    pose = next(s for s in turn if s.t0_ns == START_NS).poses
    # x right and y forward of the ego at the start, which has no LiDAR.
    want = np.stack([-pose[[0, 5, 10, 15, 20], 1], pose[[0, 5, 10, 15, 20], 0]], -1)
    assert np.abs(traj - want).max() < 0.05
    assert first["speed"][0] == pytest.approx(9 * 3.6, rel=0.05)
    goal = np.array(first["goal"]) / [1600, 900]
    assert first["z"] > 5 and goal[0] < 0.5, "ahead, and to the left"


def test_dust3r_reads_pairs(exported: Any, turn: wl.Dataset) -> None:
    # DUSt3R itself reads them by OpenCV, whose wheels have no OpenEXR from version 5 on.
    openexr = pytest.importorskip("OpenEXR")
    out, told = exported("dust3r")
    with np.load(out / "waymo_pairs.npz") as index:
        scenes, frames, pairs = index["scenes"], index["frames"], index["pairs"]
    assert scenes.tolist() == ["turn"] and pairs[:, 0].max() == len(scenes) - 1 and len(pairs) > 50
    # The fisheye has no depth, so none of its clips is of use.
    assert told["clips"] == len(turn)
    assert told["left_out"]["samples and cameras none of whose pictures is in a pair"] == len(turn)
    assert sum("without depth" in reason for reason in told["left_out"]) == len(told["left_out"]) - 1
    for _, first, second in pairs[:: len(pairs) // 3]:
        points = []
        for i in (first, second):
            path = str(out / "turn" / frames[i])
            assert Image.open(path + ".jpg").size == (160, 90)
            depth = openexr.File(path + ".exr").channels()["Y"].pixels
            assert depth.dtype == np.float32
            with np.load(path + ".npz") as camera:
                k, pose = camera["intrinsics"].astype(float), camera["cam2world"].astype(float)
            assert depth.shape == (90, 160) and np.isfinite(depth).all() and set(np.unique(depth.round(4))) == {0, 8}
            v, u = np.nonzero(depth)
            z = depth[v, u]
            points.append((k, pose, np.stack([(u - k[0, 2]) / k[0, 0] * z, (v - k[1, 2]) / k[1, 1] * z, z], -1)))
        (_, a, seen), (k, b, _) = points
        pixels = pinhole(k, b, (homogeneous(seen) @ a.T)[:, :3])
        inside = ((pixels > -0.5) & (pixels < [159.5, 89.5])).all(-1)
        assert inside.mean() > 0.15
