"""What all tests share: a data set that is built once a session."""

import os
from pathlib import Path

import pytest

import worldloom as wl

ROOT = Path(__file__).parent.parent.parent
TOWN = ROOT / "samples/town/build.toml"
BERLIN = ROOT / "tests/configs/berlin-mitte.toml"


@pytest.fixture(scope="session")
def config() -> Path:
    """The config of the small data set that comes with the code; real data where the town is not there."""
    if TOWN.exists():
        return TOWN
    if "WORLDLOOM_DATA" in os.environ:
        return BERLIN
    pytest.skip("there is no samples/town and WORLDLOOM_DATA names no data")


@pytest.fixture(scope="session")
def built(config: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a data set."""
    out = tmp_path_factory.mktemp("built") / "dataset"
    wl.build(config, out=out, progress=False)
    return out


@pytest.fixture(scope="session")
def ds(built: Path) -> wl.Dataset:
    """The data set, opened."""
    return wl.open(built)


@pytest.fixture(scope="session")
def pictured(ds: wl.Dataset) -> wl.Dataset:
    """The samples that have pictures."""
    channels = {frame.channel for sample in ds for frames in sample.frames.values() for frame in frames}
    assert channels, "no sample has a frame"
    ids = [sample.id for sample in ds if any(f[0].modality == "camera" for f in sample.frames.values())]
    return ds.query(where="sample_id in (" + ", ".join(f"'{i}'" for i in ids) + ")")
