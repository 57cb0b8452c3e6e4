"""Turns maps, street-view imagery and sensor traces into training data for world models.

>>> import worldloom as wl
>>> ds = wl.build("build.toml", out="out/town")
>>> near = ds.query(near=(127.111, 37.394, 200), split="train")
>>> picture = near[0].frames["front"][0].image()
"""

from worldloom import geo, render
from worldloom._build import build
from worldloom._errors import (
    ConfigError,
    DamagedError,
    ExistingFileError,
    FileAccessError,
    FormatError,
    LimitError,
    Location,
    MissingFileError,
    UnknownNameError,
    UnsupportedError,
    WorldloomError,
)
from worldloom._native import (
    Caption,
    Dataset,
    Frame,
    Loader,
    MapLine,
    Recording,
    Reference,
    Roads,
    Sample,
    Sensor,
    Sheet,
    Table,
    __version__,
    export,
    match,
    open,  # noqa: A004 (as gzip.open and others)
    probe,
)

__all__ = [
    "Caption",
    "ConfigError",
    "DamagedError",
    "Dataset",
    "ExistingFileError",
    "FileAccessError",
    "FormatError",
    "Frame",
    "LimitError",
    "Loader",
    "Location",
    "MapLine",
    "MissingFileError",
    "Recording",
    "Reference",
    "Roads",
    "Sample",
    "Sensor",
    "Sheet",
    "Table",
    "UnknownNameError",
    "UnsupportedError",
    "WorldloomError",
    "__version__",
    "build",
    "export",
    "geo",
    "match",
    "open",
    "probe",
    "render",
]
