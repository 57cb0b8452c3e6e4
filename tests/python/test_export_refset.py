"""The grounded export: a target, street view of another day, and what of it is seen from the target."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image
from readers import pinhole, video

import worldloom as wl


@pytest.fixture(scope="session")
def grounded(config: Path, tmp_path_factory: pytest.TempPathFactory) -> wl.Dataset:
    """The town with references."""
    if config.parent.name != "town":
        pytest.skip("needs samples/town")
    out = tmp_path_factory.mktemp("grounded") / "town"
    references = {"count": 2, "min_days": 30, "min_overlap": 0.1}
    return wl.build(config, out=out, set={"sample.references": references}, progress=False)


@pytest.fixture(scope="session")
def refset(grounded: wl.Dataset, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    out = tmp_path_factory.mktemp("refset") / "refset"
    referred = set(pq.read_table(Path(grounded.path) / "references")["sample_id"].to_pylist())
    ids = [s.id for s in grounded if s.id in referred][:6]
    some = grounded.query(where="sample_id in (" + ", ".join(f"'{i}'" for i in ids) + ")")
    return out, wl.export(some, to="refset", out=out)


def test_a_clip_has_its_target_and_pictures_of_another_day(grounded: wl.Dataset, refset: Any) -> None:
    out, told = refset
    folders = sorted(p.parent for p in out.glob("*/clip.json"))
    assert folders and len(folders) == told["clips"]
    cameras = [note.split(":")[0] for note in told["notes"] if note.startswith("pictures of ")]
    assert len(cameras) == len(set(cameras)), "one line a camera and recording"
    for folder in folders:
        clip = json.loads((folder / "clip.json").read_text())
        sample = grounded[clip["sample_id"]]
        frames = video(folder / "target.mp4")
        with np.load(folder / "cameras.npz") as cameras:
            k, c2w, size = cameras["K"], cameras["c2w"], cameras["size"]
            assert (np.diff(cameras["t_us"]) > 0).all()
        assert len(frames) == len(k) == len(c2w) == clip["frames"] == len(sample.poses)
        assert frames.shape[1:3] == (size[1], size[0]) and clip["trajectory_kind"] == "vehicle"
        assert clip["route_command"] in ("left", "right", "straight", "unknown")

        references = json.loads((folder / "refs.json").read_text())
        rows = [r for r in sample.references if r.channel == clip["channel"]]
        assert [r["image_id"] for r in references] == [r.frame.id for r in rows]
        for reference in references:
            assert reference["sequence_id"] != clip["recording_id"] and reference["dt_days"] >= 30
            assert len(reference["overlap"]) == clip["frames"] and reference["captured_at"].endswith("Z")
            picture = Image.open(folder / f"refs/{reference['file']}.jpg")
            assert picture.size == (reference["width"], reference["height"])
            # Where the target drives lies ahead of the reference, or beside it, but never hundreds of metres off.
            pose = np.array(reference["c2w"])
            assert np.linalg.norm(pose[:3, 3] - c2w[:, :3, 3], axis=-1).min() < 60
            # A cut of a panorama looks where the target looks from the place nearest to it.
            nearest = np.linalg.norm(pose[:3, 3] - c2w[:, :3, 3], axis=-1).argmin()
            assert pose[:3, 2] @ c2w[nearest, :3, 2] > 0.99
            mask = folder / f"refs/{reference['file']}.mask.png"
            if mask.exists():
                assert Image.open(mask).mode == "L" and Image.open(mask).size == picture.size
                assert set(np.unique(np.asarray(Image.open(mask)))) <= {0, 255}
            depth = folder / f"refs/{reference['file']}.depth.npy"
            assert depth.exists() == (reference["depth"] is not None)
            if depth.exists():
                assert np.load(depth).shape == picture.size[::-1] and np.load(depth).dtype == np.float16
        assert list(folder.glob("refs/*.mask.png")), "surveys of the town mask what moves"
        text = json.loads((folder / "caption.json").read_text())
        assert any(text["caption"].startswith(caption.text[:6]) for caption in sample.captions)


def test_a_warp_shows_what_the_reference_saw(refset: Any) -> None:
    out, _ = refset
    warped = [p.parent for p in sorted(out.glob("*/warp.mp4"))]
    if not warped:
        pytest.skip("no reference of the town has depth")
    for folder in warped:
        clip = json.loads((folder / "clip.json").read_text())
        references = json.loads((folder / "refs.json").read_text())
        reference = next(r for r in references if r["file"] == clip["warped_ref"])
        seen = video(folder / "warp_mask.mp4")[..., 0] > 128
        assert seen.shape == video(folder / "target.mp4").shape[:3] == video(folder / "warp.mp4").shape[:3]
        if reference["overlap_source"] == "depth":
            overlap = np.array(reference["overlap"], float)
            assert np.abs(seen.mean((1, 2)) - overlap).max() < 0.08
        # Points of the reference's depth fall on pixels that the warp has.
        depth = np.load(folder / f"refs/{reference['file']}.depth.npy").astype(float)
        k = np.array(reference["K"]).reshape(3, 3)
        v, u = np.nonzero(np.isfinite(depth))
        z = depth[v, u]
        points = np.stack([(u - k[0, 2]) / k[0, 0] * z, (v - k[1, 2]) / k[1, 1] * z, z, np.ones_like(z)], -1)
        world = (points @ np.array(reference["c2w"]).T)[:, :3]
        with np.load(folder / "cameras.npz") as cameras:
            pixels = pinhole(cameras["K"][0], cameras["c2w"][0], world)
            ahead = (np.linalg.inv(cameras["c2w"][0]) @ np.c_[world, np.ones(len(world))].T)[2] > 1
        size = seen.shape[:0:-1]
        inside = ahead & ((pixels > 2) & (pixels < np.array(size) - 3)).all(-1)
        if inside.sum() > 500:
            column, row = pixels[inside].round().astype(int).T
            assert seen[0][row, column].mean() > 0.9
