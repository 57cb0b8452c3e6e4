"""What notebooks show of a data set and of a sample: plain HTML and SVG, nothing fetched, nothing run."""

from __future__ import annotations

import struct
import zlib
from base64 import b64encode
from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from worldloom._native import Dataset, Frame, Sample

T = TypeVar("T")

SPLITS = {"train": "#2f6fa8", "val": "#d18416", "test": "#a33a68", "buffer": "#969692", "none": "#56685c"}
PAST, FUTURE = "#2661a6", "#d65c18"
# From the lowest to what is painted last.
LAYERS = {
    "water": (190, 215, 230),
    "vegetation": (209, 224, 198),
    "sidewalk": (231, 222, 206),
    "drivable": (190, 188, 184),
    "route": (164, 184, 214),
    "crossing": (245, 224, 158),
    "building": (214, 199, 187),
    "lane_divider": (255, 255, 255),
    "stop_line": (196, 70, 62),
}
OTHER_LAYER = (150, 110, 190)
GROUND = (251, 250, 247)
DOTS = 3000
PICTURES = 6
MAP_WIDTH = 360
CELL = "style='text-align:left;padding:1px 12px 1px 0'"


def dataset(ds: Dataset) -> str:
    """Return counts, a coverage map and some pictures of a data set or view."""
    manifest = ds.manifest
    counts = {split: len(ds.query(split=split)) for split in SPLITS}
    whole = manifest["counts"]["samples"]
    facts = [
        ("samples", f"{len(ds)}" + ("" if len(ds) == whole else f" of {whole}")),
        ("splits", ", ".join(f"{split} {n}" for split, n in counts.items() if n)),
        ("recordings", str(manifest["counts"].get("recordings", 0))),
        ("licence", manifest["config"]["dataset"]["license"]),
    ]
    title = f"<b>{escape(manifest['name'])}</b> <code>{escape(str(ds.path))}</code>"
    return f"<div>{title}{_table(facts)}{_coverage(ds)}{_pictures(_spread(ds))}</div>"


def sample(one: Sample) -> str:
    """Return pictures, bird's-eye view, texts and provenance of a sample."""
    facts = [
        ("recording", one.recording_id),
        ("place", f"{one.lat:.6f}, {one.lon:.6f}, heading {one.heading_deg:.0f}°"),
        ("time", "no clock" if one.t0_ns is None else str(np.datetime64(one.t0_ns, "ns")) + " UTC"),
        ("window", f"{len(one.poses)} ticks, {one.pose_s_m[-1] - one.pose_s_m[0]:.1f} m"),
        ("split", one.split),
        ("poses", one.pose_source + _measure(", sigma {:.2f} m", one.pose_sigma_m)),
        ("sync", _measure("{:.1f} ms", one.sync_residual_ms) or "unknown"),
        ("licences", ", ".join(one.licenses)),
        ("attributions", "; ".join(one.attributions)),
        ("sources", ", ".join(one.sources)),
    ]
    texts = [(f"{c.lang} {c.task}", (f"{c.question} " if c.question else "") + c.text) for c in one.captions]
    rows = ""
    for channel, frames in one.frames.items():
        pictures = [f for f in frames if f.modality == "camera"]
        if pictures:
            rows += f"<div>{escape(channel)}</div>{_pictures(_evenly(pictures, PICTURES))}"
    title = f"<b>Sample {escape(one.id)}</b>"
    aside = "style='display:inline-block;vertical-align:top;margin-right:16px'"
    return f"<div>{title}{rows}<div {aside}>{_bird(one)}</div><div {aside}>{_table(facts)}</div>{_table(texts)}</div>"


def _table(facts: Iterable[tuple[str, str]]) -> str:
    rows = "".join(f"<tr><th {CELL}>{escape(k)}</th><td {CELL}>{escape(v)}</td></tr>" for k, v in facts if v)
    return f"<table>{rows}</table>" if rows else ""


def _measure(text: str, value: float | None) -> str:
    return "" if value is None else text.format(value)


def _uri(kind: str, data: bytes) -> str:
    return f"data:image/{kind};base64,{b64encode(data).decode()}"


def _coverage(ds: Dataset) -> str:
    """Return where the samples are, in metres on the ground, coloured by split."""
    every = ds.lonlat
    if len(every) == 0:
        return ""
    low, high = every.min(axis=0), every.max(axis=0)
    scale = np.array([np.cos(np.radians((low[1] + high[1]) / 2)), 1.0])
    extent = np.maximum((high - low) * scale, 1e-6)
    size = np.minimum(MAP_WIDTH * extent / extent.max(), MAP_WIDTH).clip(40)
    zoom = (size / extent).min()
    dots = ""
    for split, colour in SPLITS.items():
        places = ds.query(split=split).lonlat
        places = places[:: max(1, len(places) * len(SPLITS) // DOTS)]
        for x, y in (places - low) * scale * zoom:
            dots += f"<circle cx='{x + 4:.1f}' cy='{size[1] - y + 4:.1f}' r='2' fill='{colour}'/>"
    width, height = size + 8
    frame = f"<rect width='{width:.0f}' height='{height:.0f}' fill='#f4f3ef'/>"
    return f"<svg width='{width:.0f}' height='{height:.0f}' role='img'>{frame}{dots}</svg>"


def _spread(ds: Dataset) -> list[Frame]:
    """Return a picture each of some samples that lie apart."""
    found: list[Frame] = []
    for one in (ds[i] for i in _evenly(range(len(ds)), 4 * PICTURES)):
        pictures = [f for frames in one.frames.values() for f in frames if f.modality == "camera"]
        found += pictures[:1]
        if len(found) == PICTURES:
            break
    return found


def _evenly(items: Sequence[T], count: int) -> Sequence[T]:
    """Return at most so many items, evenly spread over all of them."""
    return items[:: max(1, -(-len(items) // count))]


def _pictures(frames: Iterable[Frame]) -> str:
    shown = ""
    for frame in frames:
        tick = "" if frame.tick is None else f", tick {frame.tick}"
        try:
            small = _uri("jpeg", frame.thumbnail(200))
        except Exception as error:
            shown += f"<span title='{escape(str(error), quote=True)}'>unreadable</span> "
            continue
        title = escape(f"{frame.id}{tick}", quote=True)
        shown += f"<img src='{small}' width='200' style='display:inline' alt='{title}' title='{title}'/> "
    return f"<div>{shown}</div>" if shown else ""


def _bird(one: Sample) -> str:
    """Return the map around the ego, its past and its future."""
    raster = one.bev()
    height, width = raster.shape[1:]
    picture = _png(colour(raster, one.bev_layers))
    resolution = one.bev_resolution_m
    points = [f"{width / 2 - y / resolution:.1f},{height / 2 - x / resolution:.1f}" for x, y in one.poses[:, :2]]
    now = one.anchor_tick
    lines = ""
    for some, stroke in ((points[: now + 1], PAST), (points[now:], FUTURE)):
        lines += f"<polyline points='{' '.join(some)}' fill='none' stroke='{stroke}' stroke-width='1.5'/>"
    box = f"width='{MAP_WIDTH}' viewBox='0 0 {width} {height}'"
    image = f"<image href='{_uri('png', picture)}' width='{width}' height='{height}'/>"
    return f"<svg {box} role='img'>{image}{lines}</svg>"


def colour(raster: NDArray[np.uint8], layers: list[str]) -> NDArray[np.uint8]:
    """Return a raster (C, H, W) as a picture (H, W, 3): areas first, then what is painted on them."""
    picture = np.empty((*raster.shape[1:], 3), np.uint8)
    picture[:] = GROUND
    order = list(LAYERS)
    for layer in sorted(layers, key=lambda name: order.index(name) if name in LAYERS else len(order)):
        picture[raster[layers.index(layer)] != 0] = LAYERS.get(layer, OTHER_LAYER)
    return picture


def _png(picture: NDArray[np.uint8]) -> bytes:
    """Return a picture (H, W, 3) as a PNG file (ISO/IEC 15948)."""
    height, width = picture.shape[:2]
    lines = np.zeros((height, 1 + width * 3), np.uint8)
    lines[:, 1:] = picture.reshape(height, -1)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(lines.tobytes(), 6)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body
