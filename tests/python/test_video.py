"""The video of a comma2k19 segment, picture for picture as ffmpeg decodes it."""

import math
from pathlib import Path

import numpy as np
import pytest

import worldloom as wl

av = pytest.importorskip("av")

PICTURES = 45


def write_video(path: Path, parameters: str, width: int, height: int) -> None:
    """PICTURES pictures that change everywhere, in HEVC."""
    with av.open(str(path), "w", format="hevc") as container:
        stream = container.add_stream("libx265", rate=20)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = {"x265-params": f"{parameters}:log-level=0", "preset": "fast"}
        y, x = np.mgrid[0:height, 0:width]
        for k in range(PICTURES):
            rgb = np.stack([(x * 2 + k * 5) % 256, (y * 3 + k * 3) % 256, (x + y + k * 7) % 256], axis=-1)
            for packet in stream.encode(av.VideoFrame.from_ndarray(rgb.astype(np.uint8), format="rgb24")):
                container.mux(packet)
        for packet in stream.encode(None):
            container.mux(packet)


def write_segment(folder: Path) -> None:
    """A phone that goes east at 10 m/s, 20 poses a second, from GPS week 2000, 100 s."""
    poses = folder / "global_pose"
    poses.mkdir(parents=True)
    lon, lat = math.radians(-122.4), math.radians(37.7)
    up = np.array([math.cos(lat) * math.cos(lon), math.cos(lat) * math.sin(lon), math.sin(lat)])
    east = np.array([-math.sin(lon), math.cos(lon), 0.0])
    north = np.cross(up, east)
    # Columns: the device's axes, forward, right and down, in ECEF.
    r = np.stack([east, -north, -up], axis=1)
    w = math.sqrt(max(0.0, 1 + np.trace(r))) / 2
    if w > 0.1:
        q = [w, *((r[[2, 0, 1], [1, 2, 0]] - r[[1, 2, 0], [2, 0, 1]]) / (4 * w))]
    else:
        values, vectors = np.linalg.eigh((r + r.T) / 2)
        q = [0.0, *vectors[:, np.argmax(values)]]
    seconds = np.arange(PICTURES) * 0.05
    start = 6_378_137.0 / math.sqrt(1 - 0.00669437999014 * math.sin(lat) ** 2)
    at = np.array([start * up[0], start * up[1], start * (1 - 0.00669437999014) * up[2]])
    arrays = {
        "frame_times": 500 + seconds,
        "frame_gps_times": np.stack([np.full(PICTURES, 2000.0), 100 + seconds], axis=1),
        "frame_positions": at + 10 * seconds[:, None] * east,
        "frame_orientations": np.tile(q, (PICTURES, 1)),
    }
    for name, array in arrays.items():
        with (poses / name).open("wb") as f:
            np.save(f, array)


def rgb(frame: "av.VideoFrame") -> np.ndarray:
    """Its planes by BT.601, limited range: swscale's own RGB is up to 3 off that."""
    planes = frame.to_ndarray(format="yuv420p").astype(float)
    h, w = frame.height, frame.width
    y = (planes[:h] - 16) * 255 / 219
    cb, cr = (
        (c.reshape(h // 2, w // 2).repeat(2, 0).repeat(2, 1) - 128) * 255 / 224
        for c in np.split(planes[h:].reshape(-1), 2)
    )
    red, blue = y + 1.402 * cr, y + 1.772 * cb
    green = y - 0.114 / 0.587 * 1.772 * cb - 0.299 / 0.587 * 1.402 * cr
    return np.clip(np.rint(np.stack([red, green, blue], axis=-1)), 0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    ("parameters", "size"),
    [
        ("keyint=20:min-keyint=20:bframes=0", (1164, 874)),
        ("keyint=10:min-keyint=10:bframes=3:open-gop=1:scenecut=0", (322, 182)),
        ("keyint=-1:bframes=4:ref=4:no-wpp=1", (96, 64)),
    ],
)
def test_pictures_are_those_of_ffmpeg(tmp_path: Path, parameters: str, size: tuple[int, int]) -> None:
    segment = tmp_path / "route" / "7"
    write_segment(segment)
    write_video(segment / "video.hevc", parameters, *size)
    (tmp_path / "build.toml").write_text(
        '[dataset]\nname = "v"\nlicense = "MIT"\n'
        '[[recording]]\nkind = "comma2k19"\npath = "route"\nlicense = "MIT"\n'
        "[sample]\npast_s = 0.0\nfuture_s = 1.0\nrate_hz = 10.0\nstride_s = 0.5\n"
    )
    wl.build(str(tmp_path / "build.toml"), out=str(tmp_path / "out"))
    ds = wl.open(str(tmp_path / "out"))
    with av.open(str(segment / "video.hevc")) as container:
        theirs = [rgb(frame) for frame in container.decode(video=0)]
    assert len(theirs) == PICTURES
    seen = 0
    for sample in ds:
        for tick, frame in enumerate(sample.frames["front"]):
            ours = frame.image()
            # Windows begin on half seconds, pictures at 82.0 s on the minute, 20 a second.
            wanted = theirs[round((frame.t_ns / 1e9 - 1_525_564_882.0) * 20)]
            assert ours.shape == wanted.shape
            assert np.abs(ours.astype(int) - wanted).max() <= 1, tick
            seen += 1
    assert seen >= 20
    intrinsics = ds[0].frames["front"][0].intrinsics
    assert (intrinsics is not None) == (size == (1164, 874))
