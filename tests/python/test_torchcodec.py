"""Videos of exports as torchcodec decodes them, where it is installed (`pip install torch torchcodec`: gigabytes)."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from drives import write_config
from readers import video

import worldloom as wl

DECODE = """
import sys, numpy
from torchcodec.decoders import VideoDecoder
out, *videos = sys.argv[1:]
decoders = [VideoDecoder(video, dimension_order="NHWC") for video in videos]
assert all(decoder.metadata.average_fps == 10.0 for decoder in decoders)
numpy.savez(out, *(decoder[:].numpy() for decoder in decoders))
"""


def ffmpeg_of_pyav(folder: Path) -> list[str]:
    """Return where FFmpeg's libraries have its names: torchcodec brings none, PyAV's wheel names them otherwise."""
    import av

    libraries = Path(av.__file__).parent.parent / "av.libs"
    for library in libraries.glob("lib[as][vw]*-*.so.*"):
        # libavcodec-5e6b81c2.so.62.28.102 is libavcodec.so.62.
        name, version = library.name.split("-")[0], library.name.split(".so.")[1].split(".")[0]
        (folder / f"{name}.so.{version}").symlink_to(library)
    return [str(folder), str(libraries)]


def test_torchcodec_gives_the_pixels_of_pyav(tmp_path: Path) -> None:
    if importlib.util.find_spec("torchcodec") is None:
        pytest.skip("torchcodec is not installed")
    turn = wl.build(write_config(tmp_path), out=tmp_path / "data", progress=False)
    wl.export(turn, to="cosmos", out=tmp_path / "cosmos")
    libraries = tmp_path / "ffmpeg"
    libraries.mkdir()
    path = [*ffmpeg_of_pyav(libraries), *filter(None, [os.environ.get("LD_LIBRARY_PATH")])]
    environment = os.environ | {"LD_LIBRARY_PATH": os.pathsep.join(path)}
    videos = sorted((tmp_path / "cosmos").glob("train/videos/*.mp4"))
    assert len(videos) >= 2
    frames = tmp_path / "frames.npz"
    subprocess.run([sys.executable, "-c", DECODE, frames, *videos], env=environment, check=True)
    with np.load(frames) as decoded:
        for i, file in enumerate(videos):
            assert len(decoded[f"arr_{i}"]) == 65 and (decoded[f"arr_{i}"] == video(file)).all(), file.name
