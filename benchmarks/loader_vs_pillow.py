#!/usr/bin/env python3
"""Pictures a second of `Dataset.loader`, beside Pillow in as many processes as there are cores.

    python benchmarks/loader_vs_pillow.py [--pictures N]

Makes a recording of N JPEGs of 1600x900 (quality 90), builds it into windows of 4 pictures, and gives both the same
windows in the same order, resized to 448x256. The peer opens each window's files, decodes them whole and resizes by
Pillow's antialiased bilinear filter, as a torch `DataLoader` of 2 workers would. Prints both, and how far the pictures
of the two lie apart. Both read through the page cache.
"""

import argparse
import io
import os
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

import worldloom as wl

BATCH, SIZE = 8, (256, 448)
RUNS = 3


def street(index: int, folder: Path) -> None:
    """Write a picture with structure at all scales, about as many bytes as a photograph of a street."""
    dice = np.random.default_rng(index)
    picture = np.zeros((900, 1600, 3))
    for scale in (9, 30, 90, 200):
        noise = dice.uniform(0, 255, (scale, scale * 16 // 9, 3)).astype(np.uint8)
        picture += np.asarray(Image.fromarray(noise).resize((1600, 900), Image.Resampling.BICUBIC), float) / 4
    Image.fromarray(picture.astype(np.uint8)).save(
        folder / f"{1_700_000_000_000_000_000 + index * 500_000_000}.jpg", quality=90
    )


def recording(root: Path, pictures: int) -> Path:
    """Write the recording and its config; 10 m/s eastwards, 2 pictures a second."""
    drive = root / "drive"
    images = drive / "images/front"
    images.mkdir(parents=True)
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(street, range(pictures), [images] * pictures))
    rows = [f"{1_700_000_000 + i}000000000,{127 + i * 1.13e-4:.7f},37.4,0" for i in range(pictures // 2 + 2)]
    (drive / "gnss.csv").write_text("t_ns,lon,lat,height_m\n" + "\n".join(rows) + "\n")
    config = root / "build.toml"
    config.write_text(
        '[dataset]\nname = "loader"\nlicense = "CC0-1.0"\n'
        '[[recording]]\nkind = "folder"\npath = "drive"\nlicense = "CC0-1.0"\n'
        "[sample]\npast_s = 0.5\nfuture_s = 1.0\nrate_hz = 2.0\nstride_s = 1.0\n"
    )
    return config


def window(files: list[bytes]) -> np.ndarray:
    """Decode and resize a window by Pillow."""
    size = (SIZE[1], SIZE[0])
    pictures = [Image.open(io.BytesIO(f)).convert("RGB").resize(size, Image.Resampling.BILINEAR) for f in files]
    return np.stack([np.asarray(p) for p in pictures])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--pictures", type=int, default=200)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        ds = wl.build(recording(root, arguments.pictures), out=root / "out", progress=False)
        samples = [s for s in ds if len(s.frames.get("front", [])) == 4]
        full = ds.query(where="sample_id in (" + ", ".join(f"'{s.id}'" for s in samples) + ")")
        windows = [[f.bytes() for f in s.frames["front"]] for s in samples]
        count = sum(map(len, windows))
        print(f"{len(ds)} windows, {count} pictures of {np.mean([len(f) for w in windows for f in w]) / 1e3:.0f} kB")
        with ProcessPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(window, windows[:4]))
            for _ in range(RUNS):
                start = time.perf_counter()
                theirs = list(pool.map(window, windows))
                peer = count / (time.perf_counter() - start)
                start = time.perf_counter()
                batches = list(full.loader(BATCH, image_size=SIZE, shuffle=False, with_bev=False))
                ours = sum(int(b["mask"]["front"].sum()) for b in batches) / (time.perf_counter() - start)
                print(f"worldloom {ours:7.1f}/s   Pillow {peer:7.1f}/s   ratio {ours / peer:.2f}")
        mine = {i: images for b in batches for i, images in zip(b["sample_id"], b["images"]["front"], strict=True)}
        apart = [np.abs(mine[s.id].astype(int) - t).mean() for s, t in zip(samples, theirs, strict=True)]
        print(f"mean difference of the pictures {np.mean(apart):.2f} of 255")


if __name__ == "__main__":
    main()
