"""Batches: what is in them, their order, and going on exactly."""

import itertools
import json
import random
import shutil
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import worldloom as wl

SIZE = (24, 32)
BARE: dict[str, Any] = {"cameras": [], "with_bev": False}


def ids(loader: wl.Loader) -> list[str]:
    """The ids of the rest of the loader's epoch."""
    return [i for batch in loader for i in batch["sample_id"]]


def order(ds: wl.Dataset, **options: Any) -> list[str]:
    return ids(ds.loader(options.pop("batch_size", 4), **BARE, **options))


def test_a_batch_is_its_samples(pictured: wl.Dataset) -> None:
    loader = pictured.loader(3, image_size=SIZE, with_bev=False, shuffle=False)
    batch = next(loader)
    samples = [pictured[i] for i in batch["sample_id"]]
    ticks = max(len(s.poses) for s in pictured)
    assert [s.id for s in samples] == [s.id for s in pictured[:3]]
    assert batch["poses"].shape == (len(samples), ticks, 7)
    assert batch["actions"].dtype == np.float32
    for b, sample in enumerate(samples):
        own = batch["ticks"][b]
        assert own == len(sample.poses)
        np.testing.assert_array_equal(batch["poses"][b, :own], sample.poses)
        np.testing.assert_array_equal(batch["actions"][b, :own], sample.actions)
        assert np.isnan(batch["poses"][b, own:]).all()
        assert [c.text for c in batch["captions"][b]] == [c.text for c in sample.captions]
        for channel in loader.cameras:
            here = sample.frames.get(channel, [])
            assert batch["mask"][channel][b].nonzero()[0].tolist() == [f.tick for f in here]
    for channel in loader.cameras:
        images = batch["images"][channel]
        assert (images.shape, images.dtype) == ((len(samples), ticks, *SIZE, 3), np.uint8)
        assert not images[~batch["mask"][channel]].any()


def test_a_batch_has_the_raster_of_each_sample(ds: wl.Dataset) -> None:
    batch = next(ds.loader(3, cameras=[], shuffle=False))
    assert batch["bev"].dtype == np.uint8
    for raster, sample in zip(batch["bev"], ds[:3], strict=True):
        assert raster.shape[0] == len(sample.bev_layers)
        np.testing.assert_array_equal(raster, sample.bev())
    assert "bev" not in next(ds.loader(3, **BARE))


def test_a_batch_has_the_warps_rays_and_weights_of_each_sample(ds: wl.Dataset) -> None:
    grounded = [s.id for s in ds if any(r.role == "geometric" and r.overlap_source == "depth" for r in s.references)]
    if not grounded:
        pytest.skip("no sample has a reference with depth")
    listed = ", ".join(f"'{i}'" for i in grounded[:2])
    view = ds.query(where=f"sample_id in ({listed})")
    options: dict[str, Any] = {"image_size": SIZE, "with_bev": False, "shuffle": False}
    loader = view.loader(2, warp=True, rays=(3, 5), loss_weight=(4, 6), **options)
    batch, again = next(loader), next(view.loader(2, warp=True, rays=(3, 5), loss_weight=(4, 6), **options))
    for b, channel in itertools.product(range(len(batch["sample_id"])), loader.cameras):
        sample = view[batch["sample_id"][b]]
        ticks = len(sample.poses)
        warp = sample.warp(channel, SIZE)
        ours, seen = batch["warp"][channel][b], batch["warp_mask"][channel][b]
        assert (ours.dtype, ours.shape[1:]) == (np.uint8, (*SIZE, 3))
        if warp is None:
            assert not ours.any() and not seen.any()
        else:
            np.testing.assert_array_equal(ours[:ticks], warp[0])
            np.testing.assert_array_equal(seen[:ticks], warp[1])
        rays = sample.rays(channel, (3, 5))
        assert rays is not None
        np.testing.assert_array_equal(batch["rays"][channel][b, :ticks], rays)
        np.testing.assert_array_equal(batch["loss_weight"][channel][b, :ticks], sample.loss_weight(channel, (4, 6)))
    for name in ("warp", "warp_mask", "rays", "loss_weight"):
        for channel in loader.cameras:
            np.testing.assert_array_equal(batch[name][channel], again[name][channel])
    only = next(view.loader(1, warp=["front"], cameras=[], image_size=SIZE, with_bev=False))
    assert list(only["warp"]) == ["front"]
    assert "rays" not in only
    with pytest.raises(wl.UnknownNameError):
        view.loader(1, warp=["nowhere"])
    with pytest.raises(wl.ConfigError):
        view.loader(1, rays=(0, 3))


def test_pictures_are_resized_as_pillow_does(pictured: wl.Dataset) -> None:
    image = pytest.importorskip("PIL.Image")
    loader = pictured.loader(2, image_size=SIZE, with_bev=False, shuffle=False)
    batch = next(loader)
    looked = 0
    for b, channel in itertools.product(range(len(batch["sample_id"])), loader.cameras):
        sample = pictured[batch["sample_id"][b]]
        for frame in sample.frames.get(channel, []):
            whole = image.fromarray(frame.image())
            theirs = np.asarray(whole.resize((SIZE[1], SIZE[0]), image.Resampling.BILINEAR), int)
            ours = batch["images"][channel][b, frame.tick].astype(int)
            assert np.abs(ours - theirs).max() <= 2
            if frame.intrinsics is not None and len(frame.intrinsics) == 4:
                fx, fy, cx, cy = frame.intrinsics
                sx, sy = SIZE[1] / frame.width, SIZE[0] / frame.height
                want = [fx * sx, fy * sy, (cx + 0.5) * sx - 0.5, (cy + 0.5) * sy - 0.5]
                np.testing.assert_allclose(batch["intrinsics"][channel][b], want, rtol=1e-5)
            looked += 1
    assert looked > 0


def test_without_a_size_pictures_stay_as_stored(pictured: wl.Dataset) -> None:
    sample = pictured[0]
    batch = next(pictured[:1].loader(1, with_bev=False))
    for channel, frames in sample.frames.items():
        if frames[0].modality == "camera":
            np.testing.assert_array_equal(batch["images"][channel][0, frames[0].tick], frames[0].image())


def test_each_epoch_has_every_sample_once_in_an_order_of_its_own(ds: wl.Dataset) -> None:
    loader = ds.loader(5, **BARE)
    first, second = ids(loader), ids(loader)
    assert sorted(first) == sorted(second) == sorted(s.id for s in ds)
    assert first != second
    assert first != [s.id for s in ds]
    assert loader.epoch == 2
    assert order(ds, seed=1) != first
    assert order(ds, seed=0, batch_size=7) == first


def test_the_order_of_some_samples_is_that_of_all(ds: wl.Dataset) -> None:
    some = ds[::3]
    kept = {s.id for s in some}
    assert order(some) == [i for i in order(ds) if i in kept]
    assert order(ds[::-1]) == order(ds)
    assert order(some, shuffle=False) == [s.id for s in some]


@pytest.mark.parametrize("world_size", [2, 3, 5])
def test_ranks_together_take_the_same_steps(ds: wl.Dataset, world_size: int) -> None:
    batch = 2
    ranks = [ds.loader(batch, **BARE, rank=r, world_size=world_size) for r in range(world_size)]
    steps = itertools.zip_longest(*[[b["sample_id"] for b in rank] for rank in ranks], fillvalue=[])
    together = []
    for step in steps:
        width = max(len(mine) for mine in step)
        together += [mine[k] for k in range(width) for mine in step if k < len(mine)]
    assert together == order(ds)
    for r, rank in enumerate(ranks):
        fresh = ds.loader(batch, **BARE, rank=r, world_size=world_size)
        assert len(rank) == len(list(fresh))


def test_drop_last_gives_every_rank_whole_batches(ds: wl.Dataset) -> None:
    part = ds[:11]
    ranks = [list(part.loader(2, **BARE, rank=r, world_size=2, drop_last=True)) for r in range(2)]
    assert [[len(b["sample_id"]) for b in rank] for rank in ranks] == [[2, 2], [2, 2]]
    assert len(part.loader(2, **BARE, world_size=2, drop_last=True)) == 2


def test_a_loader_goes_on_exactly_also_with_other_ranks(ds: wl.Dataset) -> None:
    whole = ds.loader(3, **BARE)
    everything = ids(whole) + ids(whole)
    loader = ds.loader(3, **BARE)
    taken = ids(loader) + [i for _ in range(2) for i in next(loader)["sample_id"]]
    state = json.loads(json.dumps(loader.state_dict()))
    assert (state["epoch"], state["position"]) == (1, 6)
    again = ds.loader(3, **BARE, seed=99)
    again.load_state_dict(state)
    assert taken + ids(again) == everything
    ranks = [ds.loader(2, **BARE, rank=r, world_size=3) for r in range(3)]
    for rank in ranks:
        rank.load_state_dict(state)
    rest = [i for rank in ranks for i in ids(rank)]
    assert sorted(taken + rest) == sorted(everything)
    assert {rank.epoch for rank in ranks} == {2}


@pytest.mark.parametrize("draw", range(40))
def test_any_run_may_be_cut_and_go_on_in_any_way(ds: wl.Dataset, draw: int) -> None:
    dice = random.Random(draw)
    part = ds[: dice.randint(1, min(len(ds), 40))]
    seed, whole = dice.randrange(1000), []
    for epoch in range(2):
        loader = part.loader(7, seed=seed, **BARE)
        loader.load_state_dict({**loader.state_dict(), "epoch": epoch})
        whole.append(ids(loader))
    state, taken = part.loader(1, seed=seed, **BARE).state_dict(), []
    while state["epoch"] < 2:
        batch, world = dice.randint(1, 5), dice.randint(1, 4)
        ranks = [part.loader(batch, rank=r, world_size=world, **BARE) for r in range(world)]
        for rank in ranks:
            rank.load_state_dict(state)
        for _ in range(dice.randint(1, 4)):
            epoch = ranks[0].epoch
            step = [next(rank, {"sample_id": []})["sample_id"] for rank in ranks]
            taken += [i for row in itertools.zip_longest(*step) for i in row if i is not None]
            if any(rank.epoch != epoch for rank in ranks):
                # A rank without a sample in the last step has ended the epoch; the others end it by asking once more.
                assert all(next(rank, None) is None for rank in ranks if rank.epoch == epoch)
                break
        state = ranks[0].state_dict()
    assert taken == whole[0] + whole[1]


def test_a_state_at_the_end_of_an_epoch_is_that_of_its_end(ds: wl.Dataset) -> None:
    loader = ds[:5].loader(4, **BARE)
    taken = [next(loader) for _ in range(2)]
    state = loader.state_dict()
    assert [len(b["sample_id"]) for b in taken] == [4, 1]
    assert (state["epoch"], state["position"]) == (0, 5)
    again = ds[:5].loader(3, **BARE)
    again.load_state_dict(state)
    assert ids(again) == ids(loader) == []
    assert ids(again) == ids(loader) != []


def test_the_state_of_other_samples_is_refused(ds: wl.Dataset) -> None:
    state = ds.loader(2, **BARE).state_dict()
    with pytest.raises(wl.ConfigError, match="other samples"):
        ds[1:].loader(2, **BARE).load_state_dict(state)
    with pytest.raises(wl.ConfigError):
        ds.loader(2, **BARE).load_state_dict({"epoch": 1})


def test_a_broken_sample_is_an_error_or_is_counted(built: Path, pictured: wl.Dataset, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(built, copy)
    frame = next(f for fs in pictured[0].frames.values() for f in fs if f.modality == "camera")
    for shard in copy.glob("shards/*.tar"):
        shard.write_bytes(shard.read_bytes().replace(frame.bytes(), b"\0" * len(frame.bytes())))
    ds = wl.open(copy)
    hit = {s.id for s in pictured if any(f.id == frame.id for fs in s.frames.values() for f in fs)}
    whole = ds.query(where="sample_id in (" + ", ".join(f"'{s.id}'" for s in pictured[:6]) + ")")
    with pytest.raises(wl.DamagedError, match=frame.id):
        for _ in whole.loader(2, image_size=SIZE, with_bev=False):
            pass
    loader = whole.loader(2, image_size=SIZE, with_bev=False, on_error="skip")
    assert set(ids(loader)) == {s.id for s in whole} - hit
    assert set(loader.skipped) == {s.id for s in whole} & hit
    assert all(frame.id in reason for reason in loader.skipped.values())


@pytest.mark.parametrize(
    "wrong",
    [
        {"batch_size": 0},
        {"batch_size": 1, "rank": 1},
        {"batch_size": 1, "image_size": (0, 4)},
        {"batch_size": 1, "on_error": "ignore"},
    ],
    ids=str,
)
def test_wrong_arguments_are_refused(ds: wl.Dataset, wrong: dict[str, Any]) -> None:
    with pytest.raises(wl.ConfigError):
        ds.loader(**wrong)


def test_an_unknown_camera_is_refused(ds: wl.Dataset) -> None:
    with pytest.raises(wl.UnknownNameError, match="periscope"):
        ds.loader(1, cameras=["periscope"])


def test_an_empty_view_has_no_batches(ds: wl.Dataset) -> None:
    loader = ds[:0].loader(4)
    assert list(loader) == []
    assert len(loader) == 0


def test_torch_tensors_share_the_loader_and_the_memory(ds: wl.Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    try:
        import torch
    except ImportError:
        # All that is asked of torch is `from_numpy`: where it is not installed, one that marks what it was given.
        torch = types.ModuleType("torch")
        torch.from_numpy = lambda array: ("tensor", array)  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "torch", torch)
        monkeypatch.delitem(sys.modules, "worldloom._torch", raising=False)
    loader, plain = ds.loader(2, shuffle=False), next(ds.loader(2, shuffle=False))
    tensors = loader.as_torch()
    assert len(tensors) == len(loader)
    batch = next(iter(tensors))
    kind = type(torch.from_numpy(np.zeros(1)))
    assert isinstance(batch["poses"], kind)
    assert all(isinstance(picture, kind) for picture in batch["images"].values())
    assert batch["sample_id"] == plain["sample_id"]
    assert tensors.state_dict() == loader.state_dict()
    tensors.load_state_dict({**loader.state_dict(), "position": 0})
    assert next(tensors)["sample_id"] == plain["sample_id"]
    monkeypatch.delitem(sys.modules, "worldloom._torch", raising=False)


def test_without_torch_the_error_says_so(ds: wl.Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "worldloom._torch", raising=False)
    with pytest.raises(ImportError, match="torch"):
        ds.loader(2, **BARE).as_torch()
