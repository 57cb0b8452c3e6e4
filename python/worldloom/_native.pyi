# Docstrings are written by scripts/stub_docs.py.

import builtins
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from os import PathLike
from pathlib import Path
from typing import Any, Literal, Protocol, SupportsIndex, TypeAlias, final, overload

import numpy as np
from numpy.typing import NDArray

from worldloom._torch import TorchLoader

class _HasGeoInterface(Protocol):
    @property
    def __geo_interface__(self) -> Mapping[str, Any]: ...

_Geometry: TypeAlias = str | PathLike[str] | dict[str, Any] | _HasGeoInterface
_Time: TypeAlias = str | int | datetime | np.datetime64 | None
__version__: str

def open(path: str | PathLike[str]) -> Dataset:
    """Open a finished data set.

    Reads its manifest and samples; other tables when first asked for, media never as a whole.

    Parameters
    ----------
    path
        The folder that `build` made.

    Returns
    -------
    The data set, all of its samples in it.

    Raises
    ------
    MissingFileError
        Where the folder is not a data set.
    DamagedError
        Where a file of it cannot be read; ``location`` names it.
    """

def probe(path: str | PathLike[str]) -> dict[str, Any]:
    """Say what a file or folder is: its kind, counts, extent, times, sensors, problems.

    Reads the source but writes nothing.

    Parameters
    ----------
    path
        A map or a recording, or a folder of one.

    Returns
    -------
    ``kind``, ``path``, ``counts`` by name, ``extent`` as (west, south, east, north) in degrees or ``None``,
    ``times`` as RFC 3339 or ``None``, and lists of ``sensors``, ``notes`` and ``problems``.

    Raises
    ------
    MissingFileError
        Where nothing is there.
    UnsupportedError
        Where no reader knows it.
    """

def match(
    trace: str | PathLike[str] | NDArray[np.float64] | Sequence[Sequence[float]],
    map: str | PathLike[str] | Roads,
    mode: str = "car",
    *,
    t_ns: NDArray[np.int64] | Sequence[int] | None = None,
    columns: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Find the roads that a trace was driven on.

    One setting serves every interval and noise.

    Parameters
    ----------
    trace
        A file (GPX, NMEA, CSV, GeoJSON) or recording folder, or longitudes and latitudes in degrees, shape (N, 2).
    map
        A map with roads, e.g. an OSM extract, or ``Roads`` for many traces.
    mode
        ``"car"``, ``"bicycle"`` or ``"foot"``.
    t_ns
        Nanoseconds since the Unix epoch of each row of ``trace``, shape (N,), where it is an array and has times.
    columns
        Names of a CSV's columns by ours, e.g. ``{"lon": "longitude", "lat": "latitude"}``.

    Returns
    -------
    ``points``, a row each fix: ``index``, ``t_ns``, ``way_id``, ``offset_m`` (along the way), ``lon``, ``lat`` (on the road),
    ``distance_m``, ``probability``, all ``None`` where it is on no road; ``path``, the edges driven: ``way_id``,
    ``from_node``, ``to_node``, ``from_offset_m``, ``to_offset_m``, ``probability``; and ``breaks``: ``index``, ``reason``.

    Raises
    ------
    ValueError
        Where the arrays have other shapes, or there is no such mode.
    UnsupportedError
        Where the map has no roads.
    """

def export(
    data: Dataset | str | PathLike[str],
    *,
    to: str,
    out: str | PathLike[str],
    cameras: Sequence[str] | None = None,
    size: tuple[int, int] | None = None,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Write samples as other tools read them.

    The folder is made as a whole or not at all, and has a card (`CONVENTIONS.md`, `export.json`) that states every axis,
    unit and order. What cannot be written, and what the tool's own reader would drop without a word, is left out and
    counted; `docs/consumers.md` has what each tool reads.

    Parameters
    ----------
    data
        A data set, or a view of one, or the folder of one.
    to
        For whom: ``"refset"``, ``"cosmos"``, ``"vista"``, ``"nwm"``, ``"dust3r"``, ``"interp"``, ``"colmap"``,
        ``"nerfstudio"`` or ``"svgraph"``.
    out
        The folder to be made.
    cameras
        Channels; without it all that are no panoramas, and all where there are no others.
    size
        (height, width) of pictures: cut to this aspect around their middle, then resized. As stored without.
    overwrite
        Replace an export that lies there.

    Returns
    -------
    ``target``, ``out``, ``samples`` that were asked for, ``clips`` that were written (samples and cameras), ``files``,
    ``bytes``, and counts by reason of what was ``left_out`` and of ``notes`` on what was changed.

    Raises
    ------
    ConfigError
        For another tool, or a folder that may not be made there.
    ExistingFileError
        Where something lies at `out`.
    UnknownNameError
        For a camera that no recording has.
    """

def build(
    config: str | PathLike[str],
    out: str | PathLike[str],
    threads: int,
    overrides: Sequence[str],
    overwrite: bool,
    progress: Callable[[str, int, int], object] | None,
) -> dict[str, Any]:
    """Build a data set; `worldloom.build` has the arguments."""

def main(argv: Sequence[str]) -> int:
    """Run a command line (its first word is the program) and return the exit code."""

def _reopen(path: str | PathLike[str], rows: Sequence[int]) -> Dataset:
    """Open a view by its rows, as pickles have it."""

@final
class Dataset:
    """A data set, or a view of some of its samples: what `query` and slices give.

    ``ds[3]``, ``ds[-1]``, ``ds["5ca1ab1e00c0ffee"]`` (a sample's id) and iteration give samples, ``ds[2:8]`` gives
    a view. A view shares the memory of its data set. Samples are in Hilbert order of their place within each file,
    so neighbours are near each other.
    """

    @property
    def path(self) -> Path:
        """The folder that it lies in."""

    @property
    def manifest(self) -> dict[str, Any]:
        """The manifest of the whole data set as a dict.

        Format version, config with all defaults, sources, counts, extent, times, every file with its size and blake3.
        """

    @property
    def recordings(self) -> dict[str, Recording]:
        """The recordings of the whole data set by their ids."""

    @property
    def lonlat(self) -> NDArray[np.float64]:
        """The anchors of the samples: longitude, latitude in degrees, shape (N, 2)."""

    def evaluate_fusion(self, truth: str | PathLike[str]) -> dict[str, Any]:
        """Compare the fused trajectories, clocks and matched ways of the whole data set with known truth.

        Parameters
        ----------
        truth
            A folder of ``DRIVE/poses.csv`` (``t_ns,lon,lat,height_m,qw,qx,qy,qz``), ``clock.csv`` and ``matched.csv``; or one
            drive: its folder, ``poses.csv`` or a trace (NMEA, GPX, CSV), with which ``heading_deg`` is ``None``.

        Returns
        -------
        ``drives``, a dict each, the largest horizontal RMSE first: ``recording_id``, ``horizontal_m``, ``vertical_m``,
        ``ate_m``, ``ate_aligned_m``, ``heading_deg``, ``rpe_1s_m``, ``rpe_100m_m`` (each with ``rmse``, ``mean``, ``median``,
        ``p95``, ``max``), ``nees_xy``, ``clock`` and ``ways``; ``reliability`` and ``calibration_error`` of the probabilities.

        Raises
        ------
        WorldloomError
            Where the truth cannot be read, or has no drive of this data set.
        """

    def _repr_html_(self) -> str: ...
    def network(self, channels: Sequence[str] | None = None) -> dict[str, Any]:
        """Return the street view of the data set as a network: places with their stacks of dates, and links along the roads.

        Panoramas (where there are none, all pictures) less than 4 m apart are one place. Places on roads are linked to
        those that come next along them within 30 m, over junctions too; others to those before and after them in their
        recording.

        Parameters
        ----------
        channels
            Camera channels; all without it.

        Returns
        -------
        A dict of ``places`` and ``links``. A place has a ``stack`` of pictures, the newest first: ``frame_id``,
        ``recording_id``, ``t_ns``, ``lon``, ``lat``, ``heading_deg``, ``heading_sigma_deg``, and ``also``: frames of the same
        bytes. A link has ``from`` and ``to`` (indices of places), ``heading_deg`` and ``length_m``.

        Raises
        ------
        DamagedError
            Where a table or the map cannot be read.
        """

    def panowalk(
        self,
        recording_id: str,
        *,
        channel: str | None = None,
        look: str | float | Sequence[float] | dict[str, float] | None = None,
        size: tuple[int, int] | None = None,
        fov_deg: float = 90.0,
        nadir_deg: float = 0.0,
        between_m: tuple[float, float] | None = None,
        out_and_back: bool = False,
    ) -> dict[str, Any]:
        """Walk along the panoramas of a recording with a camera: perspective views cut from them.

        Views are level, whatever the tilt of the panoramas; one at a place of known height is tilted to have it in its
        middle row.

        Parameters
        ----------
        recording_id
            Whose panoramas.
        channel
            The panorama channel; the first one without it.
        look
            ``"follow"`` the way; degrees, left positive, to follow it turned; ``(longitude, latitude)`` to turn to a place,
            with a height in metres as a third to look at it; or ``{"start_deg": heading, "step_deg": left}`` to pan with every picture.
        size
            Height and width of the pictures; 480 x 640 without it.
        fov_deg
            Horizontal field of view.
        nadir_deg
            Mask what lies within so many degrees of straight down: the car, the mount.
        between_m
            Metres along the recording to begin and to end at.
        out_and_back
            Turn at the end and come back over the same places, looking as on the way out: 2 N - 1 pictures, of which the
            last is the first.

        Returns
        -------
        A dict: ``rgb``, shape (N, H, W, 3), uint8; ``ignored``, shape (N, H, W), uint8: 255 at the nadir and where the
        panorama's mask says not to learn; ``poses``, shape (N, 7): x y z qw qx qy qz of ``world_se3_camera`` (right, down,
        forward) in the recording's frame; ``intrinsics``: fx, fy, cx, cy; ``frame_ids`` of the panoramas.

        Raises
        ------
        UnknownNameError
            Where the recording has no such panoramas.
        ConfigError
            Where the options are no camera, or ask for too many pictures.
        """

    def query(
        self,
        *,
        bbox: tuple[float, float, float, float] | None = None,
        near: tuple[float, float, float] | None = None,
        within: _Geometry | None = None,
        along: tuple[_Geometry, float] | None = None,
        h3: str | int | None = None,
        time: str | tuple[_Time, _Time] | None = None,
        where: str | None = None,
        split: str | None = None,
        limit: int | None = None,
    ) -> Dataset:
        """Find samples by place, time and attributes.

        A sample must meet all that is given. A place is met where any part of the ego trajectory lies in it; the H3
        cell and the times by the anchor (t0).

        Parameters
        ----------
        bbox
            (west, south, east, north) in degrees.
        near
            (longitude, latitude, metres).
        within
            Polygons: the path of a GeoJSON file, GeoJSON as a dict, or an object with ``__geo_interface__`` such as
            shapely's; longitude, latitude.
        along
            (lines, metres): lines given as in `within`.
        h3
            An H3 cell of any resolution, as text or number.
        time
            ``"START/END"`` in RFC 3339, either part empty or ``..`` for open, or a pair of ``datetime``,
            ``numpy.datetime64``, text, nanoseconds or ``None``. The start is in it, the end is not; UTC without a zone.
        where
            An expression over the columns of `samples`, e.g. ``"pose_sigma_m < 0.5 and split != 'buffer'"``.
        split
            ``"train"``, ``"val"``, ``"test"``, ``"buffer"`` or ``"none"``.
        limit
            At most so many, the first of them.

        Returns
        -------
        A view of the samples, in this data set's order. No sample is read.

        Raises
        ------
        ConfigError
            Where an argument does not say what it should.
        FormatError
            Where a geometry is not GeoJSON in degrees.
        """

    def table(self) -> Table:
        """Return the rows of the `samples` table, in this view's order, for any reader of Arrow.

        Returns
        -------
        A table with the columns that `docs/format.md` describes.
        """

    def loader(
        self,
        batch_size: int,
        *,
        image_size: tuple[int, int] | None = None,
        seed: int = 0,
        rank: int = 0,
        world_size: int = 1,
        cameras: Sequence[str] | None = None,
        shuffle: bool = True,
        drop_last: bool = False,
        with_bev: bool = True,
        warp: bool | list[str] | None = None,
        rays: tuple[int, int] | None = None,
        loss_weight: tuple[int, int] | None = None,
        on_error: Literal["raise", "skip"] = "raise",
    ) -> Loader:
        """Return a loader of batches for training.

        The order of an epoch is a function of the samples, the seed and the epoch: it does not depend on the number of
        ranks or threads. In a step, all ranks together take the next ``batch_size * world_size`` samples of it, and
        rank r those at r, r + world_size, … of them.

        Parameters
        ----------
        batch_size
            Samples in a batch of this rank.
        image_size
            (height, width) that pictures are resized to, by an antialiasing triangle filter and without keeping their
            aspect; without it pictures stay as stored, and must be alike.
        seed
            Makes the order, with the epoch.
        rank, world_size
            Which of how many ranks this is.
        cameras
            Channels to decode; all unless given, none where empty.
        shuffle
            Without it, each epoch has this data set's order.
        drop_last
            Leave out the samples at an epoch's end that do not fill a batch of every rank. Without it the last batch
            is smaller, and a rank may have one batch less than another.
        with_bev
            Draw a bird's-eye raster for each sample.
        warp
            Warp the geometric references into the pictures, as `Sample.warp` does, at the size of the pictures here:
            ``True`` for all cameras of the loader, or a list of channels, also of those that it does not decode.
        rays
            (h, w) of a grid: ray maps of the loader's cameras, as `Sample.rays` makes them.
        loss_weight
            (h, w) of a grid: what of each cell is to be learned from, as `Sample.loss_weight` finds it.
        on_error
            ``"raise"`` where a sample cannot be read, or ``"skip"``: its batch is smaller, and `Loader.skipped` has it. A
            rank all of whose batch is skipped goes on with its next one, a step ahead of the others: repair such data first.

        Returns
        -------
        The loader, at the start of epoch 0.

        Raises
        ------
        ConfigError
            Where an argument asks for something impossible.
        UnknownNameError
            Where a camera is none of these samples'.
        """

    def map(self, layer: str) -> Table:
        """Return a layer of the map that samples were made with.

        Parameters
        ----------
        layer
            E.g. ``"road"``, ``"building"``.

        Returns
        -------
        A table with the columns that `docs/format.md` describes; without rows where the map has no such features.

        Raises
        ------
        UnknownNameError
            Where no layer has this name.
        """

    def __len__(self) -> int: ...
    @overload
    def __getitem__(self, key: SupportsIndex | str) -> Sample: ...
    @overload
    def __getitem__(self, key: slice) -> Dataset: ...
    def __iter__(self) -> Iterator[Sample]: ...
    def __contains__(self, key: object) -> bool: ...
    def __reduce__(self) -> tuple[Callable[..., Dataset], tuple[Path, list[int]]]: ...

@final
class SampleIterator:
    """Goes through the samples of a data set."""

    def __iter__(self) -> SampleIterator: ...
    def __next__(self) -> Sample: ...

@final
class Table:
    """Rows in Arrow's memory layout, for any library that reads the Arrow PyCapsule interface.

    ``pyarrow.table(t)``, ``polars.DataFrame(t)`` and, in DuckDB's SQL, ``from t`` take it as it is, without a copy.
    `geometry` is WKB in longitude, latitude (OGC:CRS84).
    """

    @property
    def num_rows(self) -> int:
        """How many rows there are."""

    @property
    def column_names(self) -> list[str]:
        """The names of the columns."""

    def __len__(self) -> int: ...
    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Export the rows as an Arrow C stream.

        Parameters
        ----------
        requested_schema
            Accepted as the interface asks for, and ignored as it allows.

        Returns
        -------
        A capsule named ``arrow_array_stream``.
        """

@final
class Loader:
    """Batches of one rank, epoch after epoch; `Dataset.loader` makes one.

    It is its own iterator: a ``for`` loop over it goes to the end of the epoch that it stands in, the next loop over the
    next epoch. The next batch is made while the caller works on the last. After a fork, make a new one.

    A batch of B samples is a dict of numpy arrays, T being the largest number of ticks that a sample of the loader has:

    ``images``
        By channel: RGB, shape (B, T, H, W, 3), uint8; 0 where there is no picture.
    ``mask``
        By channel: whether there is a picture, shape (B, T), bool.
    ``intrinsics``
        By channel: fx, fy, cx, cy of the pictures as they are here, shape (B, 4), float32; NaN where not calibrated.
    ``poses``, ``actions``
        As of `Sample`, shapes (B, T, 7) and (B, T, 4), float32; NaN beyond a sample's own ticks.
    ``ticks``
        How many ticks each sample has, shape (B,), int64.
    ``warp``, ``warp_mask``
        By channel, as of `Sample.warp`: the geometric reference warped into the pictures, shape (B, T, H, W, 3), uint8,
        and 255 where it saw what is there, shape (B, T, H, W), uint8; 0 for samples without a reference that has depth.
        Absent where they were not asked for.
    ``rays``
        By channel, as of `Sample.rays`: shape (B, T, 6, h, w), float32; absent where they were not asked for.
    ``loss_weight``
        By channel, as of `Sample.loss_weight`: shape (B, T, h, w), float32; absent where they were not asked for.
    ``bev``
        Bird's-eye rasters as of `Sample.bev`, shape (B, C, H, W), uint8; absent where they were not asked for.
    ``sample_id``, ``captions``
        Lists of B ids, and of B lists of captions.
    """

    @property
    def epoch(self) -> int:
        """The epoch of the next batch, from 0."""

    @property
    def cameras(self) -> list[str]:
        """The camera channels of the batches."""

    @property
    def skipped(self) -> dict[str, str]:
        """The samples that were left out because they cannot be read: reasons by id."""

    def state_dict(self) -> dict[str, Any]:
        """Return where the loader stands: seed, epoch, position in the epoch's order.

        All ranks have the same state after the same number of batches. It is plain numbers and text, fit for JSON.
        """

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on exactly where another loader of the same samples stood.

        The number of ranks and the batch size may be others: no sample of the epoch comes twice, none is left out.

        Parameters
        ----------
        state
            What `state_dict` returned.

        Raises
        ------
        ConfigError
            Where it is no such state, or that of other samples.
        """

    def as_torch(self) -> TorchLoader:
        """Return a loader that gives torch tensors instead of numpy arrays; the two share one position.

        Raises
        ------
        ImportError
            Where torch is not installed.
        """

    def __len__(self) -> int: ...
    def __iter__(self) -> Loader: ...
    def __next__(self) -> dict[str, Any]: ...

@final
class Roads:
    """The roads of a map, read once to match many traces.

    Parameters
    ----------
    path
        A map with roads, e.g. an OSM extract.
    """

    def __new__(cls, path: str | PathLike[str]) -> Roads: ...
    def __len__(self) -> int: ...

@final
class Recording:
    """A recording: a stretch of one source without a gap, which samples are cut from."""

    @property
    def id(self) -> str:
        """Its id."""

    @property
    def entry(self) -> int:
        """Which ``[[recording]]`` of the config it comes from, counted from 0."""

    @property
    def kind(self) -> str:
        """The kind of source, e.g. ``"folder"``."""

    @property
    def origin(self) -> tuple[float, float, float]:
        """Origin of its ENU frame: longitude and latitude in degrees, height in metres."""

    @property
    def height_datum(self) -> str:
        """What heights are measured from: ``"ellipsoidal"``, ``"orthometric"`` or ``"none"``."""

    @property
    def t_start_ns(self) -> int | None:
        """First time, nanoseconds; ``None`` without a clock."""

    @property
    def t_end_ns(self) -> int | None:
        """Last time, nanoseconds; ``None`` without a clock."""

    @property
    def length_m(self) -> float:
        """Path length, metres."""

    @property
    def clock(self) -> list[dict[str, Any]]:
        """What is known of its sensors' clocks.

        Dicts of ``sensor``, ``offset_ms`` (added to the source's time), ``sigma_ms``, ``drift_ppm``, ``method``,
        ``applied``; offset, sigma and method are None where the clock is not known.
        """

    @property
    def sensors(self) -> dict[str, Sensor]:
        """Its sensors by channel."""

    @property
    def register(self) -> dict[str, Any] | None:
        """The correction to the map as one motion; ``None`` where it was not registered.

        A dict of ``dx_m``, ``dy_m``, ``dyaw_deg``, ``scale``, ``residual_m``, ``inliers``: ``p' = scale R(dyaw) p +
        (dx, dy)`` in the recording's ENU comes nearest to what its stretches were moved by. The scale is 1 where it was not
        asked for or the roads do not tell it; ``scale_sigma`` is one sigma by what they tell, ``None`` where it was not asked
        for. ``covariance`` is that of (dx, dy, dyaw, scale), the upper triangle row by row, in metres and degrees; ``None``
        where it was left as it is.
        """

    @property
    def register_stretches(self) -> list[dict[str, Any]]:
        """What its stretches were moved by to lie on the map; empty where it was left as it is.

        Each a dict of ``s_m`` (path length of its middle), ``dx_m``, ``dy_m`` (east, north), ``sigma_m`` (of its
        place then, per axis), ``covariance_m2`` (the same as [east·east, east·north, north·north]), ``residual_m`` and
        ``inliers`` (the share of its points within three sigmas; both None off the roads).
        """

    @property
    def sources(self) -> list[str]:
        """The sources that it was made of, by their path in the manifest."""

    @property
    def license(self) -> str:
        """SPDX licence."""

@final
class Sensor:
    """A sensor of a recording: what it is, where it sits, how it sees."""

    @property
    def channel(self) -> str:
        """``"gnss"``, ``"imu"``, ``"wheel"``, or the name of a camera, LiDAR or audio channel."""

    @property
    def modality(self) -> str | None:
        """``"camera"``, ``"lidar"``, ``"audio"``; ``None`` for ``gnss``, ``imu`` and ``wheel``."""

    @property
    def model(self) -> str | None:
        """The camera's model; ``None`` where not calibrated.

        ``"pinhole"``, ``"kannala_brandt"``, ``"mei"``, ``"ftheta"`` or ``"equirectangular"``.
        """

    @property
    def width(self) -> int | None:
        """Width of its pictures, pixels."""

    @property
    def height(self) -> int | None:
        """Height of its pictures, pixels."""

    @property
    def intrinsics(self) -> NDArray[np.float64] | None:
        """[fx, fy, cx, cy] in pixels, the centre of the top-left pixel being (0, 0).

        Of a part of a panorama in pixels a radian, and empty for a whole one.
        """

    @property
    def distortion(self) -> NDArray[np.float64] | None:
        """Distortion coefficients in the model's order; empty for none."""

    @property
    def camera(self) -> Camera | None:
        """Its camera, for ``worldloom.render``; ``None`` where not calibrated."""

    @property
    def ego_se3_sensor(self) -> NDArray[np.float64] | None:
        """Where it sits, as x y z qw qx qy qz, shape (7,); ``None`` where unknown.

        A camera's axes are right, down, forward; a LiDAR's forward, left, up.
        """

@final
class Sample:
    """A training sample: a window of T ticks along a drive or photo sequence.

    Poses are ``dst_se3_src`` as x y z qw qx qy qz: metres, and a rotation that takes vectors of `src` to `dst`. The
    ego's axes are forward, left, up; a camera's right, down, forward. Times are nanoseconds UTC.
    """

    @property
    def id(self) -> str:
        """Its id: 16 hex digits."""

    @property
    def recording_id(self) -> str:
        """The recording that it was cut from."""

    @property
    def t0_ns(self) -> int | None:
        """Time of the anchor tick; ``None`` without a clock."""

    @property
    def s0_m(self) -> float:
        """Path length from the recording's start to the anchor tick, metres."""

    @property
    def anchor_tick(self) -> int:
        """Index of the anchor among the ticks."""

    @property
    def split(self) -> str:
        """``"train"``, ``"val"``, ``"test"``, ``"buffer"`` (too near another split) or ``"none"``."""

    @property
    def lon(self) -> float:
        """Longitude of the anchor, degrees."""

    @property
    def lat(self) -> float:
        """Latitude of the anchor, degrees."""

    @property
    def height_m(self) -> float:
        """Height of the anchor, metres over the recording's datum."""

    @property
    def heading_deg(self) -> float:
        """Heading at the anchor, degrees clockwise from true north."""

    @property
    def h3(self) -> str:
        """H3 cell of the anchor, resolution 12."""

    @property
    def path(self) -> NDArray[np.float64]:
        """The ego's path over the window: longitude, latitude in degrees, shape (N, 2)."""

    @property
    def poses(self) -> NDArray[np.float32]:
        """Poses ``ego0_se3_ego`` at each tick, in the ego's frame at the anchor, shape (T, 7), float32."""

    @property
    def pose_t_ns(self) -> NDArray[np.int64] | None:
        """Time of each tick, shape (T,), int64; ``None`` without a clock."""

    @property
    def pose_s_m(self) -> NDArray[np.float64]:
        """Path length at each tick, metres, shape (T,)."""

    @property
    def actions(self) -> NDArray[np.float32]:
        """The motion at each tick, shape (T, 4), float32; NaN without a clock.

        Speed m/s (forward), acceleration m/s², yaw rate rad/s (left positive), curvature 1/m.
        """

    @property
    def steering_rad(self) -> NDArray[np.float64] | None:
        """Steering angle at each tick, rad, shape (T,); ``None`` where the source has none."""

    @property
    def frames(self) -> dict[str, list[Frame]]:
        """Pictures, sweeps and clips by channel, each channel's in the order of ticks.

        A tick without a frame has no entry: look at `Frame.tick`. Clips that overlap the window are at tick 0.
        """

    @property
    def depth(self) -> dict[str, list[Frame]]:
        """Depth pictures by the channel of their camera."""

    @property
    def masks(self) -> dict[str, list[Frame]]:
        """Masks (255: do not learn from this pixel) by the channel of their camera."""

    @property
    def captions(self) -> list[Caption]:
        """Texts about the window; empty where there is nothing to say."""

    @property
    def references(self) -> list[Reference]:
        """Street view of the same place from other recordings."""

    def warp(
        self, channel: str, size: tuple[int, int] | None = None
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint8]] | None:
        """Warp the geometric reference of a camera by its depth into the camera's picture at each tick.

        Parameters
        ----------
        channel
            The target camera.
        size
            Height and width to warp to; those of the pictures where it is ``None``.

        Returns
        -------
        Colours, shape (T, H, W, 3), uint8, and a mask, shape (T, H, W), uint8: 255 where the reference saw what is
        there, 0 in holes, and at ticks without a picture. ``None`` where the camera has no geometric reference.

        Raises
        ------
        ConfigError
            For a size of no pixels or too many.
        UnsupportedError
            Where the reference has no depth or no calibration.
        DamagedError
            Where a table or a picture cannot be read.
        """

    def loss_weight(self, channel: str, grid: tuple[int, int]) -> NDArray[np.float32]:
        """Find how much of each cell of a grid is to be learned from, at each tick.

        Left out is what the masks of the source say (moving things, watermarks), and what the config's
        ``[recording.ignore]`` says of the camera (the ego's hood, the car below a panorama).

        Parameters
        ----------
        channel
            The camera.
        grid
            Rows and columns of cells that the picture is divided into, e.g. those of a latent.

        Returns
        -------
        The share of each cell that is not left out, 0 to 1, shape (T, h, w), float32; 0 at ticks without a picture.

        Raises
        ------
        ConfigError
            For a grid of no cells or too many.
        DamagedError
            Where a table or a mask cannot be read.
        """

    def rays(self, channel: str, grid: tuple[int, int]) -> NDArray[np.float32] | None:
        """Plücker rays of a camera at each tick: unit direction d and moment o × d in metres.

        Parameters
        ----------
        channel
            The camera.
        grid
            Rows and columns of cells that the picture is divided into; each has the ray through its middle.

        Returns
        -------
        Shape (T, 6, h, w), float32, in the frame of the camera (right, down, forward) at the first tick with a picture;
        0 where there is no ray and at ticks without a picture. ``None`` where the camera has no calibration or poses.

        Raises
        ------
        ConfigError
            For a grid of no cells or too many.
        DamagedError
            Where a table cannot be read.
        """

    @property
    def bev_layers(self) -> list[str]:
        """Layers of `bev`, in the order of its channels."""

    @property
    def bev_resolution_m(self) -> float:
        """Side of a cell of `bev`, metres."""

    def bev_image(self) -> NDArray[np.uint8] | None:
        """Sample the imagery around the ego where the cells of `bev` lie.

        Returns
        -------
        RGB, shape (H, W, 3), uint8; 0 where the imagery has no tile. ``None`` where the data set has no imagery.

        Raises
        ------
        DamagedError
            Where the imagery or the poses cannot be read.
        """

    def show(self) -> Sheet:
        """Draw the sample on one page: frames, map with the way driven, LiDAR, motion, texts, provenance.

        Returns
        -------
        A sheet, which notebooks show and `Sheet.save` writes as a PNG file.

        Raises
        ------
        DamagedError
            Where a table or the map cannot be read; frames that cannot are in `Sheet.problems`.
        """

    def bev(self) -> NDArray[np.uint8]:
        """Draw the map around the ego at the anchor as a bird's-eye raster.

        The ego is at the centre and level, row 0 farthest forward, column 0 farthest left: the centre of cell (r, c)
        lies at x = (H/2 - r - 0.5) * res, y = (W/2 - c - 0.5) * res in its frame. A cell of an area layer is 1 where
        its centre is inside; lines are 0.3 m wide. ``route`` is the matched road so far and where it leads.

        Returns
        -------
        0 or 1, shape (C, H, W), uint8: a channel for each of `bev_layers`.

        Raises
        ------
        DamagedError
            Where the map or the poses cannot be read.
        """

    def _repr_html_(self) -> str: ...
    @property
    def pose_sigma_m(self) -> float | None:
        """Largest position sigma in the window, metres; ``None`` where unknown."""

    @property
    def pose_source(self) -> str:
        """``"source"``, ``"estimated"`` or ``"mixed"``."""

    @property
    def sync_residual_ms(self) -> float | None:
        """Largest difference between a frame's time and its tick's, milliseconds."""

    @property
    def interpolation_gap_ms(self) -> float | None:
        """Largest gap in the trajectory's inputs that a pose of the window was interpolated over, milliseconds."""

    @property
    def match_way_ids(self) -> list[str] | None:
        """Matched ways in driving order; ``None`` where not matched."""

    @property
    def match_probability(self) -> float | None:
        """Smallest match probability in the window; ``None`` where not matched."""

    @property
    def register_residual_m(self) -> float | None:
        """Residual of the correction to the map, metres; ``None`` where not registered, and off the roads.

        Of the stretch around the anchor; of the whole drive where that was left as it is.
        """

    @property
    def register_inliers(self) -> float | None:
        """Share of the points of that stretch within three sigmas of the roads; ``None`` where the residual is."""

    @property
    def register_covariance_m2(self) -> list[float] | None:
        """Covariance of where that stretch lies after the correction; ``None`` where it was left as it is.

        m² in the recording's ENU: [east·east, east·north, north·north].
        """

    @property
    def privacy(self) -> dict[str, Any]:
        """What was done for privacy: ``state``, ``detector`` (or ``None``) and how many ``regions``."""

    @property
    def licenses(self) -> list[str]:
        """SPDX licences that apply."""

    @property
    def attributions(self) -> list[str]:
        """Who must be named."""

    @property
    def sources(self) -> list[str]:
        """The sources that it was made of, by their path in the manifest."""

@final
class Sheet:
    """A sample on one page: its frames over the ticks, the map with the way driven, LiDAR, motion, texts, provenance.

    A notebook shows it where it is the last value of a cell.
    """

    @property
    def problems(self) -> list[str]:
        """What is there but could not be drawn, and why."""

    def image(self) -> NDArray[np.uint8]:
        """Return the picture: RGB, shape (H, W, 3), uint8."""

    def save(self, path: str | PathLike[str]) -> None:
        """Write the picture as a PNG file.

        Parameters
        ----------
        path
            Where it goes; what lies there is replaced.

        Raises
        ------
        FileAccessError
            Where it cannot be written.
        """

    def _repr_png_(self) -> bytes: ...

@final
class Caption:
    """A text about a window, with the map features that make it true."""

    @property
    def lang(self) -> str:
        """``"ko"`` or ``"en"``."""

    @property
    def task(self) -> str:
        """``"caption"``, ``"route"`` or ``"spatial_qa"``."""

    @property
    def question(self) -> str | None:
        """The question, for tasks that have one."""

    @property
    def text(self) -> str:
        """The text, or the answer."""

    @property
    def evidence(self) -> list[str]:
        """Ids of map features, each in some layer of the map."""

@final
class MapLine:
    """A line of the map in a picture."""

    @property
    def layer(self) -> str:
        """The map layer that it is of, e.g. ``"lane_divider"``."""

    @property
    def feature_id(self) -> str:
        """The feature's id in that layer."""

    @property
    def feature_class(self) -> str:
        """What the feature is, in the map's words, e.g. ``"zebra"``."""

    @property
    def points(self) -> NDArray[np.float64]:
        """Column and row in pixels, all on the picture, and distance from the camera in metres, shape (N, 3), N >= 2."""

@final
class Reference:
    """Street view of a sample's place, from another recording."""

    @property
    def frame(self) -> Frame:
        """The picture."""

    @property
    def role(self) -> str:
        """``"geometric"`` (nearest, to be warped), ``"semantic"`` or ``"lookahead"``."""

    @property
    def recording_id(self) -> str:
        """The recording that the picture is of."""

    @property
    def dt_days(self) -> float | None:
        """Days between picture and anchor, absolute; ``None`` where one has no time."""

    @property
    def distance_m(self) -> float:
        """Horizontal distance to the window's path, metres."""

    @property
    def bearing_deg(self) -> float | None:
        """Bearing from the pose at the anchor, degrees, left positive."""

    @property
    def channel(self) -> str | None:
        """The camera channel that it is a reference for."""

    @property
    def overlap(self) -> NDArray[np.float64]:
        """Share of the target picture that it sees at each tick, shape (T,); NaN where there is none."""

    @property
    def overlap_source(self) -> str | None:
        """What the overlap was found by: ``"depth"`` or ``"footprint"``."""

    @property
    def ahead_m(self) -> float | None:
        """Metres beyond the window's end (`lookahead` only)."""

@final
class Frame:
    """An observation: a picture, a sweep of points, a clip of sound, a depth picture or a mask.

    Its row and its bytes are read when first asked for.
    """

    @property
    def id(self) -> str:
        """Its id, also the name of its file in the shard, without ending."""

    @property
    def tick(self) -> int | None:
        """Index of the tick that it belongs to, from 0; ``None`` for a reference."""

    @property
    def recording_id(self) -> str:
        """The recording that it is of."""

    @property
    def channel(self) -> str:
        """Channel of its sensor."""

    @property
    def modality(self) -> str:
        """``"camera"``, ``"lidar"``, ``"audio"``, ``"depth"`` or ``"mask"``."""

    @property
    def t_ns(self) -> int | None:
        """Time on the reference clock, nanoseconds; ``None`` without a clock."""

    @property
    def t_source_ns(self) -> int | None:
        """Time as its sensor recorded it, nanoseconds."""

    @property
    def s_m(self) -> float | None:
        """Path length along the recording, metres."""

    @property
    def lon(self) -> float | None:
        """Longitude of the sensor, degrees; ``None`` where its pose is unknown."""

    @property
    def lat(self) -> float | None:
        """Latitude of the sensor, degrees."""

    @property
    def height_m(self) -> float | None:
        """Height of the sensor, metres over the recording's datum."""

    @property
    def heading_deg(self) -> float | None:
        """Heading of the sensor's forward axis, degrees clockwise from true north."""

    @property
    def world_se3_sensor(self) -> NDArray[np.float64] | None:
        """Pose of the sensor in the recording's ENU frame, as x y z qw qx qy qz, shape (7,); ``None`` where unknown."""

    @property
    def model(self) -> str | None:
        """The camera's model; ``None`` where not calibrated.

        ``"pinhole"``, ``"kannala_brandt"``, ``"mei"``, ``"ftheta"`` or ``"equirectangular"``.
        """

    @property
    def intrinsics(self) -> NDArray[np.float64] | None:
        """[fx, fy, cx, cy] of the stored picture in pixels; ``None`` where not calibrated.

        The centre of the top-left pixel is (0, 0). Of a part of a panorama in pixels a radian, and empty for a whole one.
        """

    @property
    def distortion(self) -> NDArray[np.float64] | None:
        """Distortion coefficients in the model's order; empty for none."""

    @property
    def width(self) -> int | None:
        """Width of the stored picture, pixels."""

    @property
    def height(self) -> int | None:
        """Height of the stored picture, pixels."""

    @property
    def num_points(self) -> int | None:
        """How many points a sweep has."""

    @property
    def duration_ms(self) -> float | None:
        """Length of a clip, milliseconds."""

    @property
    def format(self) -> str:
        """How its bytes are encoded, e.g. ``"jpg"``, ``"pcd"``."""

    @property
    def checksum(self) -> str:
        """blake3 of its bytes, hex."""

    @property
    def privacy_state(self) -> str:
        """What was done for privacy, e.g. ``"metadata_stripped"``."""

    @property
    def source_path(self) -> str:
        """The file of the source that it came from."""

    @property
    def license(self) -> str:
        """SPDX licence."""

    def bytes(self) -> builtins.bytes:
        """Return the bytes as stored."""

    def image(self) -> NDArray[np.uint8]:
        """Decode the picture of a camera, or a mask.

        Returns
        -------
        RGB, shape (H, W, 3), uint8.

        Raises
        ------
        ConfigError
            Where the frame is no picture.
        DamagedError
            Where its bytes are missing or do not decode.
        """

    def depth(self) -> NDArray[np.float32]:
        """Decode a depth picture.

        Returns
        -------
        Metres along the camera's z axis, of a panorama along the ray, shape (H, W), float32; NaN where nothing was
        measured.

        Raises
        ------
        ConfigError
            Where the frame is no depth picture.
        DamagedError
            Where its bytes are missing or do not decode.
        """

    def map_view(self) -> list[MapLine] | None:
        """Project the map into the camera's picture.

        Lane dividers, stop lines, outlines of drivable areas, crossings and buildings, poles of signs and signals, as far
        from the ego as the corners of `Sample.bev`. The map is taken to lie on the plane that the ego stands on. Nothing
        hides anything: that is for whoever draws, by distance.

        Returns
        -------
        The lines, or ``None`` where the camera is not calibrated or its pose is unknown.

        Raises
        ------
        ConfigError
            Where the frame is not of a camera.
        """

    def thumbnail(self, width: int = 256) -> builtins.bytes:
        """Make a small picture.

        Parameters
        ----------
        width
            Its width in pixels, at most that of the picture.

        Returns
        -------
        A JPEG file.

        Raises
        ------
        ConfigError
            Where the frame is no picture.
        DamagedError
            Where its bytes are missing or do not decode.
        """

    def points(self, *, compensate: bool = False, at_ns: int | None = None) -> dict[str, NDArray[Any]]:
        """Decode the points of a sweep.

        Parameters
        ----------
        compensate
            Take the sensor's own motion out: each point is moved along the recording's poses from its own time to one
            time for all, into the sensor's frame at that time. A point from outside the poses is NaN.
        at_ns
            That time; the frame's own unless given. That of a tick takes out what the sweep is off it, too.

        Returns
        -------
        Arrays by name: ``xyz`` (N, 3) float32, metres, offsets from ``origin`` (3,) float64 (zero for sweeps) in the
        sensor's frame; where the file has them ``intensity`` (N,) float32 as the file scales it, ``ring`` (N,) uint16,
        ``offset_ns`` (N,) int32, ``rgb`` (N, 3) uint8, ``classification`` (N,) uint8. What was not measured is NaN.

        Raises
        ------
        ConfigError
            Where the frame is no sweep, or ``at_ns`` is given without ``compensate``.
        UnsupportedError
            Where its points have no times, or the recording has no pose at that time.
        DamagedError
            Where its bytes are missing or do not decode.
        """

    def audio(self) -> tuple[NDArray[np.float32], int]:
        """Decode a clip of sound.

        Returns
        -------
        The samples from -1 to 1, shape (N, channels), float32, and how many there are a second.

        Raises
        ------
        ConfigError
            Where the frame is no clip.
        DamagedError
            Where its bytes are missing or do not decode.
        """

_Rows: TypeAlias = NDArray[Any] | Sequence[Sequence[float]]
_Pose: TypeAlias = NDArray[Any] | Sequence[float] | Sequence[Sequence[float]]

@final
class Enu:
    """A local east, north, up frame, as every recording has one at its origin.

    Parameters
    ----------
    lon
        Of its origin, WGS84 degrees.
    lat
        Of its origin, WGS84 degrees.
    height_m
        Of its origin, metres above the ellipsoid (or above whatever the heights given are above).

    Raises
    ------
    ConfigError
        Where the origin is not on the globe.
    """

    def __new__(cls, lon: float, lat: float, height_m: float = 0.0) -> Enu: ...
    @property
    def origin(self) -> tuple[float, float, float]:
        """Longitude (degrees), latitude (degrees) and height (metres) of the origin."""

    def to_enu(self, places: _Rows) -> NDArray[np.float64]:
        """Turn places into metres east, north and up of the origin.

        Parameters
        ----------
        places
            Longitude and latitude in degrees and height in metres, shape (N, 3).

        Returns
        -------
        Shape (N, 3), metres.

        Raises
        ------
        ConfigError
            Where a place is not on the globe.
        """

    def to_geodetic(self, points: _Rows) -> NDArray[np.float64]:
        """Turn metres east, north and up of the origin into places.

        Parameters
        ----------
        points
            Shape (N, 3), metres.

        Returns
        -------
        Longitude and latitude in degrees and height in metres, shape (N, 3).
        """

def transform(points: _Rows, source: str, target: str = "EPSG:4326") -> NDArray[np.float64]:
    """Change coordinates from one reference system to another.

    Axes are always x (easting, longitude), then y (northing, latitude), whatever order the register has.

    Parameters
    ----------
    points
        Shape (N, 2): metres, or degrees in a geographic system.
    source
        The system that they are in, e.g. ``"EPSG:5186"``, or a well-known text.
    target
        The system that they shall be in.

    Returns
    -------
    Shape (N, 2).

    Raises
    ------
    ConfigError
        For a system that is not known, or a point outside one.
    """

def tiles(places: _Rows, z: int) -> NDArray[np.int64]:
    """Find the Web Mercator tiles that places lie in.

    Parameters
    ----------
    places
        Longitude and latitude, degrees, shape (N, 2). Latitudes beyond the map count as its edge.
    z
        Zoom level, 0 to 30.

    Returns
    -------
    Columns x and y (from the north), shape (N, 2), int64.

    Raises
    ------
    ConfigError
        For a level beyond 30, or a place that is not finite.
    """

def tile_bounds(z: int, x: int, y: int) -> tuple[float, float, float, float]:
    """Find the bounds of a Web Mercator tile.

    Parameters
    ----------
    z
        Zoom level.
    x
        Column, from 180° west.
    y
        Row, from the north.

    Returns
    -------
    West, south, east and north edge, degrees.

    Raises
    ------
    ConfigError
        Where there is no such tile.
    """

def cells(places: _Rows, resolution: int = 12) -> list[str]:
    """Find the H3 cells that places lie in.

    Parameters
    ----------
    places
        Longitude and latitude, degrees, shape (N, 2).
    resolution
        0 to 15.

    Returns
    -------
    Cell indices as H3 writes them, a string each.

    Raises
    ------
    ConfigError
        For a resolution beyond 15, or a place that is not finite.
    """

@final
class Camera:
    """A camera: how points before it become pixels, and pixels rays.

    Axes are right, down, forward; pixel (0, 0) is the centre of the top-left pixel.

    Parameters
    ----------
    model
        One of the names that `calibration.json` takes, e.g. ``"pinhole"`` or ``"equirectangular"``.
    width
        Of its pictures, pixels, at most 32768.
    height
        Of its pictures, pixels, at most 32768.
    intrinsics
        ``[fx, fy, cx, cy]`` in pixels; none for a whole panorama.
    distortion
        Coefficients in the model's order; none for none.

    Raises
    ------
    ConfigError
        For numbers that are no camera.
    """

    def __new__(
        cls, model: str, width: int, height: int, intrinsics: Sequence[float] = ..., distortion: Sequence[float] = ...
    ) -> Camera: ...
    @property
    def model(self) -> str:
        """Its model's name."""

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of its pictures, pixels."""

    @property
    def intrinsics(self) -> list[float]:
        """``[fx, fy, cx, cy]`` in pixels; empty for a whole panorama."""

    @property
    def distortion(self) -> list[float]:
        """Distortion coefficients in the model's order; empty for none."""

    def project(self, points: _Rows) -> NDArray[np.float64]:
        """Find the pixels of points.

        Parameters
        ----------
        points
            In the camera's axes, metres, shape (N, 3).

        Returns
        -------
        u and v, perhaps outside the picture, shape (N, 2); NaN where the model has no pixel for a point.
        """

    def unproject(self, pixels: _Rows) -> NDArray[np.float64]:
        """Find the rays through pixels.

        Parameters
        ----------
        pixels
            u and v, shape (N, 2).

        Returns
        -------
        Unit vectors in the camera's axes, shape (N, 3); NaN where no ray of the model meets a pixel.
        """

    def rays(self, grid: tuple[int, int] | None = None, frame_se3_camera: _Pose | None = None) -> NDArray[np.float32]:
        """Map its rays at a grid, in Plücker coordinates.

        Parameters
        ----------
        grid
            Rows and columns that the picture is divided into; those of the picture without one.
        frame_se3_camera
            Where it stands, as x y z qw qx qy qz or a 4 × 4 matrix; at the origin without one.

        Returns
        -------
        Shape (6, h, w): the unit direction d, then the moment o × d; zeros where the camera has no ray.
        """

    def resized(self, height: int, width: int) -> Camera:
        """Get the camera of its pictures resized.

        Parameters
        ----------
        height
            New height, pixels.
        width
            New width, pixels.
        """

    def cropped(self, top: int, left: int, height: int, width: int) -> Camera:
        """Get the camera of a part of its pictures.

        Parameters
        ----------
        top
            First row.
        left
            First column.
        height
            Rows.
        width
            Columns.
        """

@final
class Map:
    """A map, read once to be drawn around many poses.

    Parameters
    ----------
    path
        Anything that a ``[[map]]`` of a build reads as features, e.g. an OSM extract.
    layer
        Of features that do not say theirs, e.g. of plain GeoJSON.
    crs
        The system of coordinates where the map does not say it, e.g. ``"EPSG:5186"``.
    columns
        Our attribute by the map's own, as in a build's config.
    zoom
        Which level of a tile archive.

    Raises
    ------
    FormatError
        Where the file is not what it says.
    """

    def __new__(
        cls,
        path: str | PathLike[str],
        layer: str | None = None,
        *,
        crs: str | None = None,
        columns: Mapping[str, str] | None = None,
        zoom: int | None = None,
    ) -> Map: ...
    @property
    def left_out(self) -> list[str]:
        """What of the map is left out, a line for each reason."""

    def __len__(self) -> int: ...

def bev(
    map: Map,
    pose: tuple[float, float, float],
    *,
    size_m: tuple[float, float] = ...,
    resolution_m: float = 0.5,
    layers: Sequence[str] | None = None,
) -> NDArray[np.uint8]:
    """Draw the map around a place as a bird's-eye raster.

    Row 0 lies farthest ahead, column 0 farthest to the left; the centre of cell (r, c) is ``(H/2 - r - 0.5)`` cells ahead
    of the place and ``(W/2 - c - 0.5)`` to its left.

    Parameters
    ----------
    map
        What to draw.
    pose
        Longitude and latitude, and where ahead is: degrees clockwise from north.
    size_m
        Extent ahead and to the left, metres; 100 by 100 without one.
    resolution_m
        Side of a cell, metres.
    layers
        A channel each; those that a build draws without any, but for the route.

    Returns
    -------
    0 or 1, shape (C, H, W), uint8.

    Raises
    ------
    ConfigError
        For a layer that there is not, or a raster that is empty or too large.
    """

@final
class Splat:
    """A pair of cameras, made once to warp many pictures with depth from the one into the other.

    Parameters
    ----------
    source
        The camera that takes the pictures.
    target
        The camera to warp into.
    """

    def __new__(cls, source: Camera, target: Camera) -> Splat: ...
    def warp(
        self,
        picture: NDArray[np.uint8],
        depth: NDArray[Any],
        target_se3_source: _Pose,
        *,
        moving: NDArray[Any] | None = None,
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.float32]]:
        """Warp a picture forward.

        Parameters
        ----------
        picture
            RGB, shape (h, w, 3), uint8.
        depth
            Of its pixels, metres along z, of panoramas along the ray, shape (h, w); what is not positive is unknown.
        target_se3_source
            Where the source stands in the target's axes, as x y z qw qx qy qz or a 4 × 4 matrix.
        moving
            Pixels of the picture to leave out, where true or not 0, shape (h, w).

        Returns
        -------
        What the target sees: RGB, shape (H, W, 3), uint8; 255 where the source saw it, else 0, shape (H, W), uint8; and
        its depth, metres, NaN in holes, shape (H, W), float32.

        Raises
        ------
        FormatError
            Where shapes are not those of the source's pictures.
        """

@final
class Crop:
    """A view out of pictures of another camera at the same place, made once for many pictures.

    A perspective out of panoramas, a fisheye made a pinhole.

    Parameters
    ----------
    source
        The camera that takes the pictures.
    target
        The camera to look with.
    yaw_deg
        How far it looks to the left of the source, degrees.
    pitch_deg
        How far it looks up, degrees.

    Raises
    ------
    ConfigError
        Where an angle is not finite.
    """

    def __new__(cls, source: Camera, target: Camera, yaw_deg: float = 0.0, pitch_deg: float = 0.0) -> Crop: ...
    def cut(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Cut the view out of a picture.

        Parameters
        ----------
        picture
            RGB, shape (h, w, 3), uint8.

        Returns
        -------
        RGB, shape (H, W, 3), uint8; black where the source has no pixel.

        Raises
        ------
        FormatError
            Where the picture is not of the source's size.
        """
