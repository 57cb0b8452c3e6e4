"""`Dataset`, `Sample`, `Frame` and `Table` say what the files say, read by pyarrow and Pillow."""

import io
import math
import pickle
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import worldloom as wl


def rows(built: Path, table: str) -> list[dict[str, Any]]:
    return [row for path in sorted((built / table).glob("*.parquet")) for row in pq.read_table(path).to_pylist()]


@pytest.fixture(scope="module")
def stored(built: Path) -> list[dict[str, Any]]:
    return rows(built, "samples")


@pytest.fixture(scope="module")
def frames(built: Path) -> dict[str, dict[str, Any]]:
    return {row["frame_id"]: row for row in rows(built, "frames")}


def test_samples_are_the_rows_in_order(built: Path, ds: wl.Dataset, stored: list[dict[str, Any]]) -> None:
    assert len(ds) == len(stored) > 0
    assert [s.id for s in ds] == [row["sample_id"] for row in stored]
    references = rows(built, "references")
    for i in (0, len(ds) // 2, -1):
        sample, row = ds[i], stored[i]
        for name in ("recording_id", "t0_ns", "s0_m", "split", "lon", "lat", "height_m", "heading_deg", "h3"):
            assert getattr(sample, name) == row[name], name
        for name in ("pose_sigma_m", "pose_source", "sync_residual_ms", "interpolation_gap_ms", "match_probability"):
            assert getattr(sample, name) == row[name], name
        for name in ("register_residual_m", "register_inliers", "register_covariance_m2"):
            assert getattr(sample, name) == row[name], name
        for name in ("licenses", "attributions", "sources", "match_way_ids", "privacy"):
            assert getattr(sample, name) == row[name], name
        assert sample.poses.dtype == sample.actions.dtype == np.float32
        np.testing.assert_array_equal(sample.poses, np.array(row["poses"], np.float32).reshape(-1, 7))
        np.testing.assert_array_equal(sample.actions, np.array(row["actions"], np.float32).reshape(-1, 4))
        np.testing.assert_array_equal(sample.pose_s_m, row["pose_s_m"])
        assert (sample.pose_t_ns is None) == (row["pose_t_ns"] is None)
        np.testing.assert_allclose(sample.poses[sample.anchor_tick], [0, 0, 0, 1, 0, 0, 0], atol=1e-6)
        captions = [(c.lang, c.task, c.question, c.text, c.evidence) for c in sample.captions]
        keys = ("lang", "task", "question", "text", "evidence")
        assert captions == [tuple(c[k] for k in keys) for c in row["captions"] or []]
        assert sample.path.shape[1] == 2
        assert [r.role for r in sample.references] == [r["role"] for r in references if r["sample_id"] == sample.id]
        assert row["bbox"]["xmin"] == sample.path[:, 0].min()


def test_frames_are_those_of_the_row_with_their_bytes(
    built: Path, pictured: wl.Dataset, stored: list[dict[str, Any]], frames: dict[str, dict[str, Any]]
) -> None:
    image = pytest.importorskip("PIL.Image")
    by_id = {row["sample_id"]: row for row in stored}
    looked = 0
    for sample in pictured[:: max(1, len(pictured) // 5)]:
        want = [f for f in by_id[sample.id]["frames"] if f["modality"] in ("camera", "lidar", "audio")]
        assert {c: [f.id for f in fs] for c, fs in sample.frames.items()} == {
            c: [f["frame_id"] for f in want if f["channel"] == c] for c in dict.fromkeys(f["channel"] for f in want)
        }
        for channel, some in sample.frames.items():
            frame, row = some[0], frames[some[0].id]
            assert (frame.channel, frame.modality, frame.recording_id) == (
                channel,
                row["modality"],
                row["recording_id"],
            )
            assert (frame.t_ns, frame.width, frame.height, frame.license) == (
                row["t_ns"],
                row["width"],
                row["height"],
                row["license"],
            )
            if row["x_m"] is not None:
                pose = [row[k] for k in ("x_m", "y_m", "z_m", "qw", "qx", "qy", "qz")]
                np.testing.assert_array_equal(frame.world_se3_sensor, pose)
            with (built / row["shard"]).open("rb") as shard:
                shard.seek(row["offset"])
                assert frame.bytes() == shard.read(row["length"])
            if frame.modality == "camera":
                picture = frame.image()
                assert (picture.dtype, picture.shape) == (np.uint8, (row["height"], row["width"], 3))
                theirs = np.asarray(image.open(io.BytesIO(frame.bytes())).convert("RGB"), int)
                # Decoders may differ by rounding in the inverse DCT and in the upsampling of colour.
                assert np.abs(picture.astype(int) - theirs).mean() < 1.0
                looked += 1
                with pytest.raises(wl.ConfigError, match="no points"):
                    frame.points()
            if frame.modality == "lidar":
                points = frame.points()
                assert points["xyz"].shape == (row["points"], 3)
                assert all(len(a) == row["points"] for k, a in points.items() if k != "origin")
            if frame.modality == "audio":
                sound, rate = frame.audio()
                assert len(sound) / rate == pytest.approx(row["duration_ms"] / 1000, rel=1e-6)
                assert np.abs(sound).max() <= 1
    assert looked > 0


def test_a_sweep_is_compensated_along_the_poses(built: Path, frames: dict[str, dict[str, Any]], ds: wl.Dataset) -> None:
    """Against numpy: linear positions, SLERP rotations, from the tables."""
    mounts = {r["recording_id"]: {s["channel"]: s for s in r["sensors"]} for r in rows(built, "recordings")}
    table = rows(built, "poses")
    moved = 0.0
    for frame in (f for s in ds for fs in s.frames.values() for f in fs if f.modality == "lidar"):
        raw, row = frame.points(), frames[frame.id]
        own = sorted((r for r in table if r["recording_id"] == row["recording_id"]), key=lambda r: r["t_ns"])
        t_ns = row["t_ns"] + raw["offset_ns"].astype(np.int64)
        if t_ns[0] < own[0]["t_ns"] or t_ns[-1] > own[-1]["t_ns"]:
            continue
        mount = mounts[row["recording_id"]][row["channel"]]
        t, q = np.array(mount["t"]), np.array(mount["q"])
        positions, rotations = interpolated(own, t_ns)
        world = rotated(rotations, rotated(q, raw["xyz"].astype(float)) + t) + positions
        at = row["t_ns"] + 30_000_000
        position, rotation = interpolated(own, np.array([at]))
        back = np.array([1, -1, -1, -1])
        want = rotated(q * back, rotated(rotation * back, world - position) - t)
        np.testing.assert_allclose(frame.points(compensate=True, at_ns=at)["xyz"], want, atol=2e-4)
        moved = max(moved, float(np.abs(frame.points(compensate=True)["xyz"] - raw["xyz"]).max()))
    assert moved > 0.1


def test_numbers_slices_and_ids(ds: wl.Dataset) -> None:
    ids = [s.id for s in ds]
    assert ds[-1].id == ids[-1]
    assert ds[np.int64(0)].id == ids[0]
    assert ds[ids[1]].id == ids[1]
    assert [s.id for s in ds[1:7:2]] == ids[1:7:2]
    assert [s.id for s in ds[::-1]] == ids[::-1]
    assert [s.id for s in ds[2:][:2][-1:]] == ids[3:4]
    assert ids[0] in ds
    assert ids[0] not in ds[1:]
    assert 7 not in ds
    with pytest.raises(IndexError):
        ds[len(ds)]
    with pytest.raises(KeyError):
        ds["no such sample"]
    with pytest.raises(wl.UnknownNameError):
        ds[1:][ids[0]]
    with pytest.raises(TypeError):
        ds[1.5]  # type: ignore[call-overload]


def test_a_view_is_pickled_by_its_place(ds: wl.Dataset) -> None:
    view = pickle.loads(pickle.dumps(ds[3:1:-1]))
    assert [s.id for s in view] == [s.id for s in ds[3:1:-1]]
    error = pickle.loads(pickle.dumps(wl.DamagedError("broken", wl.Location("a", 1, None, None), "repair it")))
    assert (str(error), error.location.record) == ("broken\nhint: repair it", 1)


def test_queries_by_place(ds: wl.Dataset) -> None:
    geometry = pytest.importorskip("shapely.geometry")
    anchor = ds[len(ds) // 2]
    near = ds.query(near=(anchor.lon, anchor.lat, 30.0))
    assert anchor.id in near
    assert 0 < len(near) < len(ds)
    d = 2e-4
    box = (anchor.lon - d, anchor.lat - d, anchor.lon + d, anchor.lat + d)
    square = geometry.box(*box)
    crossing = {s.id for s in ds if geometry.LineString(s.path).intersects(square)}
    assert {s.id for s in ds.query(bbox=box)} == crossing
    assert {s.id for s in ds.query(within=square)} == crossing
    assert {s.id for s in ds.query(within=geometry.mapping(square))} == crossing
    assert anchor.id in ds.query(along=(geometry.LineString(anchor.path), 1.0))
    assert {s.id for s in ds.query(h3=anchor.h3)} == {s.id for s in ds if s.h3 == anchor.h3}
    assert len(ds.query(h3=int(anchor.h3, 16))) == len(ds.query(h3=anchor.h3))


def test_queries_by_file(ds: wl.Dataset, tmp_path: Path) -> None:
    anchor = ds[0]
    d = 1e-4
    ring = [(-d, -d), (d, -d), (d, d), (-d, d), (-d, -d)]
    ring = [(anchor.lon + x, anchor.lat + y) for x, y in ring]
    path = tmp_path / "zone.geojson"
    polygon = {"type": "Polygon", "coordinates": [ring]}
    path.write_text(str(polygon).replace("'", '"').replace("(", "[").replace(")", "]"))
    assert [s.id for s in ds.query(within=path)] == [s.id for s in ds.query(within=polygon)]
    with pytest.raises(wl.MissingFileError):
        ds.query(within=tmp_path / "nothing.geojson")
    with pytest.raises(wl.ConfigError, match="no line"):
        ds.query(along=(polygon, 3.0))


def test_queries_by_time_and_columns(ds: wl.Dataset) -> None:
    timed = [s for s in ds if s.t0_ns is not None]
    if timed:
        t0 = sorted(s.t0_ns for s in timed if s.t0_ns is not None)[len(timed) // 2]
        later = {s.id for s in timed if s.t0_ns is not None and s.t0_ns >= t0}
        assert {s.id for s in ds.query(time=(t0, None))} == later
        if t0 % 1000 == 0:
            when = datetime.fromtimestamp(t0 // 10**9, timezone.utc)
            whole = {s.id for s in timed if s.t0_ns is not None and s.t0_ns >= t0 // 10**9 * 10**9}
            assert {s.id for s in ds.query(time=(when, None))} == whole
            assert {s.id for s in ds.query(time=(np.datetime64(t0 // 10**9, "s"), None))} == whole
            assert {s.id for s in ds.query(time=f"{when:%Y-%m-%dT%H:%M:%SZ}/..")} == whole
    s0 = sorted(s.s0_m for s in ds)[len(ds) // 2]
    assert {s.id for s in ds.query(where=f"s0_m < {s0!r}")} == {s.id for s in ds if s.s0_m < s0}
    for split in ("train", "val", "test", "buffer", "none"):
        assert {s.id for s in ds.query(split=split)} == {s.id for s in ds if s.split == split}


def test_a_query_of_a_view_keeps_its_order_and_then_limits(ds: wl.Dataset) -> None:
    back = ds[::-1]
    found = back.query(where="s0_m >= 0", limit=3)
    assert [s.id for s in found] == [s.id for s in back[:3]]
    assert len(ds[:5].query(limit=9)) == 5


@pytest.mark.parametrize(
    "wrong",
    [
        {"where": "nothing = 1"},
        {"where": "lon >"},
        {"split": "training"},
        {"bbox": (2, 0, 1, 1)},
        {"bbox": (14135000, 4500000, 14136000, 4501000)},
        {"limit": -1},
        {"near": (0, 0, math.nan)},
        {"time": "yesterday"},
        {"time": (1, 2, 3)},
        {"h3": "zz"},
        {"within": {"type": "Point", "coordinates": [0, 0]}},
        {"along": ({"type": "LineString", "coordinates": [[0, 0], [1, 1]]}, -1.0)},
    ],
    ids=str,
)
def test_wrong_arguments_are_refused(ds: wl.Dataset, wrong: dict[str, Any]) -> None:
    with pytest.raises(wl.ConfigError):
        ds.query(**wrong)


def test_the_table_is_read_by_others_through_arrow(ds: wl.Dataset, stored: list[dict[str, Any]]) -> None:
    duckdb = pytest.importorskip("duckdb")
    view = ds[4::-2]
    exported = view.table()
    arrow = pa.table(exported)
    assert arrow["sample_id"].to_pylist() == [s.id for s in view]
    assert arrow.column_names == exported.column_names == list(stored[0])
    assert (len(exported), exported.num_rows) == (len(view), len(view))
    wanted = {row["sample_id"]: row for row in stored}
    for row in arrow.to_pylist():
        assert repr(row) == repr(wanted[row["sample_id"]])
    assert not any(pa.types.is_string_view(f.type) or pa.types.is_binary_view(f.type) for f in arrow.schema)
    ids = duckdb.sql("select sample_id from exported order by s0_m").fetchall()
    assert [i for (i,) in ids] == [s.id for s in sorted(view, key=lambda s: s.s0_m)]
    assert pa.table(ds[:0].table()).schema == arrow.schema


def test_map_and_recordings(built: Path, ds: wl.Dataset) -> None:
    for layer in ("road", "building"):
        path = built / f"map/{layer}.parquet"
        features = pa.table(ds.map(layer))
        assert len(features) == (pq.read_metadata(path).num_rows if path.exists() else 0)
        assert "feature_id" in features.column_names
    with pytest.raises(wl.UnknownNameError, match="road"):
        ds.map("motorway")
    stored = {row["recording_id"]: row for row in rows(built, "recordings")}
    assert set(ds.recordings) == set(stored)
    for name, recording in ds.recordings.items():
        row = stored[name]
        assert recording.origin == (row["origin_lon"], row["origin_lat"], row["origin_height_m"])
        assert recording.clock == row["clock"]
        assert recording.register == row["register"]
        assert recording.register_stretches == row["register_stretches"]
        for sensor in row["sensors"]:
            ours = recording.sensors[sensor["channel"]]
            assert (ours.modality, ours.model, ours.width) == (sensor["modality"], sensor["model"], sensor["width"])
            if sensor["t"] is not None:
                np.testing.assert_allclose(ours.ego_se3_sensor, [*sensor["t"], *sensor["q"]], atol=1e-12)
    assert ds.manifest["counts"]["samples"] == len(ds)


def test_imagery_lies_where_the_raster_does(built: Path, ds: wl.Dataset) -> None:
    sample = ds[0]
    height, width = sample.bev().shape[1:]
    picture = sample.bev_image()
    assert (picture is not None) == (built / "map/imagery.pmtiles").exists()
    if picture is not None:
        assert (picture.shape, picture.dtype) == ((height, width, 3), np.uint8)


def test_the_map_is_seen_where_the_camera_sees_it(built: Path, pictured: wl.Dataset) -> None:
    pyproj = pytest.importorskip("pyproj")
    shapely = pytest.importorskip("shapely")
    path = built / "map/lane_divider.parquet"
    table = pq.read_table(path).to_pylist() if path.exists() else []
    dividers = {row["feature_id"]: np.array(shapely.from_wkb(row["geometry"]).coords) for row in table}
    seen = 0
    for sample in pictured[::5]:
        lon, lat, height = pictured.recordings[sample.recording_id].origin
        steps = f"+step +proj=cart +step +proj=topocentric +lon_0={lon} +lat_0={lat} +h_0={height}"
        enu = pyproj.Transformer.from_pipeline(f"+proj=pipeline {steps}")
        for frame in (frames[0] for frames in sample.frames.values() if frames[0].model == "equirectangular"):
            if frame.world_se3_sensor is None:
                continue
            for line in frame.map_view() or []:
                u, v, distance = line.points.T
                assert (u >= -0.5).all()
                assert (u <= frame.width - 0.5).all()
                assert (v <= frame.height - 0.5).all()
                assert len(u) >= 2
                if line.layer == "lane_divider":
                    turn, rise = (
                        (u + 0.5) / frame.width * 2 * np.pi - np.pi,
                        np.pi / 2 - (v + 0.5) / frame.height * np.pi,
                    )
                    rays = np.stack([np.sin(turn) * np.cos(rise), -np.sin(rise), np.cos(turn) * np.cos(rise)], axis=1)
                    points = rotated(frame.world_se3_sensor[3:], rays * distance[:, None])
                    east_north = points[:, :2] + frame.world_se3_sensor[:2]
                    there = dividers[line.feature_id]
                    east, north, _ = enu.transform(*there.T, np.full(len(there), height))
                    divider = shapely.LineString(np.stack([east, north], axis=1))
                    assert shapely.distance(divider, shapely.points(east_north)).max() < 0.02
                    seen += 1
    assert seen > 0 or not dividers


def interpolated(own: list[dict[str, Any]], at_ns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Positions (N, 3), linear, and rotations (N, 4), SLERP, between rows of `poses`."""
    t_ns = np.array([r["t_ns"] for r in own], np.int64)
    xyz = np.array([[r[k] for k in ("x_m", "y_m", "z_m")] for r in own])
    wxyz = np.array([[r[k] for k in ("qw", "qx", "qy", "qz")] for r in own])
    i = np.clip(np.searchsorted(t_ns, at_ns, "right") - 1, 0, len(t_ns) - 2)
    w = ((at_ns - t_ns[i]) / (t_ns[i + 1] - t_ns[i]))[:, None]
    a, b = wxyz[i], wxyz[i + 1]
    dot = np.sum(a * b, axis=1, keepdims=True)
    b, angle = np.where(dot < 0, -b, b), np.arccos(np.clip(np.abs(dot), -1, 1))
    flat = angle < 1e-9
    sin = np.where(flat, 1, np.sin(angle))
    turned = np.where(flat, a, (np.sin((1 - w) * angle) * a + np.sin(w * angle) * b) / sin)
    return xyz[i] * (1 - w) + xyz[i + 1] * w, turned


def rotated(wxyz: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """Vectors (N, 3) rotated by a unit quaternion, or by one each."""
    w, axis = wxyz[..., :1], wxyz[..., 1:]
    turn = np.cross(axis, vectors)
    return vectors + 2 * (w * turn + np.cross(axis, turn))


def test_damage_is_named_and_nothing_crashes(built: Path, tmp_path: Path) -> None:
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(built, copy)
    for shard in copy.glob("shards/*.tar"):
        shard.write_bytes(b"\0" * 100)
    ds = wl.open(copy)
    frame = next(f[0] for s in ds for f in s.frames.values())
    with pytest.raises(wl.DamagedError) as caught:
        frame.bytes()
    assert caught.value.location is not None
    assert caught.value.location.source.endswith(".tar")
    table = next(copy.glob("frames/*.parquet"))
    table.write_bytes(table.read_bytes()[:-100])
    with pytest.raises(wl.DamagedError, match=table.name):
        _ = next(f[0] for s in wl.open(copy) for f in s.frames.values()).channel
    (copy / "manifest.json").write_text("{}")
    with pytest.raises(wl.DamagedError):
        wl.open(copy)


def test_a_network_has_places_with_stacks_and_links_both_ways(ds: wl.Dataset) -> None:
    network = ds.network()
    places, links = network["places"], network["links"]
    assert places
    for place in places:
        times = [shot["t_ns"] for shot in place["stack"] if shot["t_ns"] is not None]
        assert times == sorted(times, reverse=True)
        assert all(0 <= shot["heading_deg"] < 360 for shot in place["stack"])
    pairs = {(link["from"], link["to"]) for link in links}
    assert pairs == {(b, a) for a, b in pairs}
    assert all(a != b and link["length_m"] <= 30 for (a, b), link in zip(sorted(pairs), links, strict=True))


def test_a_walk_out_and_back_ends_where_it_began(ds: wl.Dataset) -> None:
    if not any(place["stack"][0]["frame_id"].startswith("2026-04-04-south/pano") for place in ds.network()["places"]):
        pytest.skip("there is no survey of panoramas")
    options: dict[str, Any] = {"size": (60, 80), "between_m": (0, 60), "nadir_deg": 25.0}
    there = ds.panowalk("2026-04-04-south", **options)
    back = ds.panowalk("2026-04-04-south", out_and_back=True, **options)
    n = len(there["rgb"])
    assert there["rgb"].shape == (n, 60, 80, 3)
    assert len(back["rgb"]) == 2 * n - 1
    np.testing.assert_array_equal(back["rgb"][0], back["rgb"][-1])
    np.testing.assert_array_equal(back["poses"][0], back["poses"][-1])
    np.testing.assert_array_equal(back["rgb"][:n], there["rgb"])
    assert back["frame_ids"] == there["frame_ids"] + there["frame_ids"][-2::-1]
    assert len(there["intrinsics"]) == 4
    pan = ds.panowalk("2026-04-04-south", look={"start_deg": 0.0, "step_deg": 30.0}, **options)
    assert (pan["rgb"][1:] != there["rgb"][1:]).any()
    place = ds.query(limit=1)[0]
    ds.panowalk("2026-04-04-south", look=(place.lon, place.lat), **options)
    with pytest.raises(wl.ConfigError):
        ds.panowalk("2026-04-04-south", fov_deg=200.0)
    with pytest.raises(wl.UnknownNameError):
        ds.panowalk("drive-1", channel="front")
