//! `open` and [`Dataset`]: a data set, or a view of some of its samples.

use std::path::PathBuf;
use std::sync::Arc;

use numpy::{IntoPyArray, PyArray2};
use polars::prelude::IdxCa;
use pyo3::exceptions::{PyIndexError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PySlice};

use super::error::argument;
use super::loader::Loader;
use super::query::QueryArguments;
use super::recording::Recording;
use super::sample::Sample;
use super::table::Table;
use super::values::{json_to_python, matrix};
use crate::coord::{Geodetic, Pose};
use crate::dataset;
use crate::dataset::manifest::MANIFEST;
use crate::dataset::walk::{Gaze, WalkOptions};
use crate::error::{ErrorKind, Result};
use crate::loader::{Channels, LoaderConfig};
use crate::record::{LAYERS, MapLayer};

/// What a pickle keeps: the function that makes the view again, and its arguments.
type Reduced<'py> = (Bound<'py, PyAny>, (PathBuf, Vec<usize>));

/// Open a finished data set.
///
/// Reads its manifest and samples; other tables when first asked for, media never as a whole.
///
/// Parameters
/// ----------
/// path
///     The folder that `build` made.
///
/// Returns
/// -------
/// The data set, all of its samples in it.
///
/// Raises
/// ------
/// MissingFileError
///     Where the folder is not a data set.
/// DamagedError
///     Where a file of it cannot be read; ``location`` names it.
#[pyfunction]
pub(super) fn open(py: Python<'_>, path: PathBuf) -> PyResult<Dataset> {
    let data = py.detach(|| dataset::Dataset::open(path))?;
    let rows = (0..data.len()).collect();
    Ok(Dataset { data: Arc::new(data), rows })
}

/// A data set, or a view of some of its samples: what `query` and slices give.
///
/// ``ds[3]``, ``ds[-1]``, ``ds["5ca1ab1e00c0ffee"]`` (a sample's id) and iteration give samples, ``ds[2:8]`` gives
/// a view. A view shares the memory of its data set. Samples are in Hilbert order of their place within each file,
/// so neighbours are near each other.
#[pyclass(module = "worldloom", frozen)]
pub(super) struct Dataset {
    data: Arc<dataset::Dataset>,
    /// Rows of the whole `samples` table.
    rows: Arc<[usize]>,
}

impl Dataset {
    fn view(&self, rows: impl IntoIterator<Item = usize>) -> Dataset {
        Dataset { data: Arc::clone(&self.data), rows: rows.into_iter().collect() }
    }

    /// The whole data set, and the rows of its `samples` that this view holds.
    pub(super) fn parts(&self) -> (Arc<dataset::Dataset>, Vec<usize>) {
        (Arc::clone(&self.data), self.rows.to_vec())
    }

    fn sample(&self, row: usize) -> Result<Sample> {
        Ok(Sample::new(Arc::clone(&self.data), self.data.sample(row)?))
    }

    /// Its rows of the `samples` table.
    fn selected(&self) -> Table {
        let rows: IdxCa = self.rows.iter().map(|&row| Some(row as u32)).collect();
        Table::new(self.data.samples().take(&rows).expect("a view's rows are rows of its data set"))
    }
}

#[pymethods]
impl Dataset {
    /// The folder that it lies in.
    #[getter]
    fn path(&self) -> PathBuf {
        self.data.dir().to_path_buf()
    }

    /// The manifest of the whole data set as a dict.
    ///
    /// Format version, config with all defaults, sources, counts, extent, times, every file with its size and blake3.
    #[getter]
    fn manifest<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        json_to_python(py, self.data.manifest())
    }

    /// The recordings of the whole data set by their ids.
    #[getter]
    fn recordings<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let all = py.detach(|| self.data.recordings())?;
        let dict = PyDict::new(py);
        for (id, row) in all {
            dict.set_item(id, Recording::new(row.clone()))?;
        }
        Ok(dict)
    }

    /// The anchors of the samples: longitude, latitude in degrees, shape (N, 2).
    #[getter]
    fn lonlat<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray2<f64>>> {
        matrix(py, &self.data.anchors(&self.rows))
    }

    /// Compare the fused trajectories, clocks and matched ways of the whole data set with known truth.
    ///
    /// Parameters
    /// ----------
    /// truth
    ///     A folder of ``DRIVE/poses.csv`` (``t_ns,lon,lat,height_m,qw,qx,qy,qz``), ``clock.csv`` and ``matched.csv``; or one
    ///     drive: its folder, ``poses.csv`` or a trace (NMEA, GPX, CSV), with which ``heading_deg`` is ``None``.
    ///
    /// Returns
    /// -------
    /// ``drives``, a dict each, the largest horizontal RMSE first: ``recording_id``, ``horizontal_m``, ``vertical_m``,
    /// ``ate_m``, ``ate_aligned_m``, ``heading_deg``, ``rpe_1s_m``, ``rpe_100m_m`` (each with ``rmse``, ``mean``, ``median``,
    /// ``p95``, ``max``), ``nees_xy``, ``clock`` and ``ways``; ``reliability`` and ``calibration_error`` of the probabilities.
    ///
    /// Raises
    /// ------
    /// WorldloomError
    ///     Where the truth cannot be read, or has no drive of this data set.
    fn evaluate_fusion<'py>(&self, py: Python<'py>, truth: PathBuf) -> PyResult<Bound<'py, PyAny>> {
        let found = py.detach(|| dataset::evaluate::evaluate(&self.data, &truth))?;
        // Numbers, texts and lists alone: nothing of it can fail.
        json_to_python(py, &serde_json::to_value(found).unwrap_or_default())
    }

    fn _repr_html_<'py>(slf: Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        slf.py().import("worldloom._html")?.call_method1("dataset", (slf,))
    }

    fn __len__(&self) -> usize {
        self.rows.len()
    }

    fn __repr__(&self) -> String {
        let (here, all) = (self.rows.len(), self.data.len());
        let of = if here == all { String::new() } else { format!(" of {all}") };
        format!("Dataset('{}', {here}{of} samples)", self.data.dir().display())
    }

    fn __getitem__<'py>(slf: &Bound<'py, Self>, key: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let (py, this) = (slf.py(), slf.get());
        if let Ok(slice) = key.cast::<PySlice>() {
            let at = slice.indices(this.rows.len().try_into().unwrap_or(isize::MAX))?;
            let steps = (0..at.slicelength).map(|k| this.rows[(at.start + k as isize * at.step) as usize]);
            return Ok(Bound::new(py, this.view(steps))?.into_any());
        }
        let row = if let Ok(id) = key.extract::<String>() {
            let row = this.data.find(&id)?;
            let unknown = || ErrorKind::Unknown { what: "sample", name: id }.in_file(this.data.dir());
            this.rows.contains(&row).then_some(row).ok_or_else(unknown)?
        } else {
            let index = key.extract::<isize>().map_err(|_| {
                PyTypeError::new_err("samples are asked for by number, by id (a str) or by a slice of numbers")
            })?;
            let from_start = if index < 0 { index + this.rows.len() as isize } else { index };
            let row = usize::try_from(from_start).ok().and_then(|i| this.rows.get(i).copied());
            row.ok_or_else(|| PyIndexError::new_err(format!("no sample {index} among {}", this.rows.len())))?
        };
        Ok(Bound::new(py, this.sample(row)?)?.into_any())
    }

    fn __iter__(slf: Bound<'_, Self>) -> SampleIterator {
        SampleIterator { dataset: slf.unbind(), next: 0 }
    }

    fn __contains__(&self, key: &Bound<'_, PyAny>) -> bool {
        let Ok(id) = key.extract::<String>() else { return false };
        self.data.find(&id).is_ok_and(|row| self.rows.contains(&row))
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<Reduced<'py>> {
        let reopen = py.import("worldloom._native")?.getattr("_reopen")?;
        Ok((reopen, (self.data.dir().to_path_buf(), self.rows.to_vec())))
    }

    /// Find samples by place, time and attributes.
    ///
    /// A sample must meet all that is given. A place is met where any part of the ego trajectory lies in it; the H3
    /// cell and the times by the anchor (t0).
    ///
    /// Parameters
    /// ----------
    /// bbox
    ///     (west, south, east, north) in degrees.
    /// near
    ///     (longitude, latitude, metres).
    /// within
    ///     Polygons: the path of a GeoJSON file, GeoJSON as a dict, or an object with ``__geo_interface__`` such as
    ///     shapely's; longitude, latitude.
    /// along
    ///     (lines, metres): lines given as in `within`.
    /// h3
    ///     An H3 cell of any resolution, as text or number.
    /// time
    ///     ``"START/END"`` in RFC 3339, either part empty or ``..`` for open, or a pair of ``datetime``,
    ///     ``numpy.datetime64``, text, nanoseconds or ``None``. The start is in it, the end is not; UTC without a zone.
    /// where
    ///     An expression over the columns of `samples`, e.g. ``"pose_sigma_m < 0.5 and split != 'buffer'"``.
    /// split
    ///     ``"train"``, ``"val"``, ``"test"``, ``"buffer"`` or ``"none"``.
    /// limit
    ///     At most so many, the first of them.
    ///
    /// Returns
    /// -------
    /// A view of the samples, in this data set's order. No sample is read.
    ///
    /// Raises
    /// ------
    /// ConfigError
    ///     Where an argument does not say what it should.
    /// FormatError
    ///     Where a geometry is not GeoJSON in degrees.
    #[pyo3(signature = (*, bbox=None, near=None, within=None, along=None, h3=None, time=None, r#where=None, split=None, limit=None))]
    #[allow(clippy::too_many_arguments)] // they are Python's keywords
    fn query<'py>(
        &self,
        py: Python<'py>,
        bbox: Option<(f64, f64, f64, f64)>,
        near: Option<(f64, f64, f64)>,
        within: Option<Bound<'py, PyAny>>,
        along: Option<(Bound<'py, PyAny>, f64)>,
        h3: Option<Bound<'py, PyAny>>,
        time: Option<Bound<'py, PyAny>>,
        r#where: Option<String>,
        split: Option<String>,
        limit: Option<i64>,
    ) -> PyResult<Dataset> {
        let limit = match limit {
            None => usize::MAX,
            Some(limit) => usize::try_from(limit).map_err(|_| argument(format!("a limit of {limit} samples")))?,
        };
        let arguments = QueryArguments { bbox, near, within, along, h3, time, filter: r#where, split };
        let query = arguments.query()?;
        let mut found = vec![false; self.data.len()];
        for row in py.detach(|| self.data.query(&query))? {
            found[row] = true;
        }
        let rows = self.rows.iter().copied().filter(|&row| found[row]);
        Ok(self.view(rows.take(limit)))
    }

    /// Return the rows of the `samples` table, in this view's order, for any reader of Arrow.
    ///
    /// Returns
    /// -------
    /// A table with the columns that `docs/format.md` describes.
    fn table(&self, py: Python<'_>) -> Table {
        py.detach(|| self.selected())
    }

    /// Return a loader of batches for training.
    ///
    /// The order of an epoch is a function of the samples, the seed and the epoch: it does not depend on the number of
    /// ranks or threads. In a step, all ranks together take the next ``batch_size * world_size`` samples of it, and
    /// rank r those at r, r + world_size, … of them.
    ///
    /// Parameters
    /// ----------
    /// batch_size
    ///     Samples in a batch of this rank.
    /// image_size
    ///     (height, width) that pictures are resized to, by an antialiasing triangle filter and without keeping their
    ///     aspect; without it pictures stay as stored, and must be alike.
    /// seed
    ///     Makes the order, with the epoch.
    /// rank, world_size
    ///     Which of how many ranks this is.
    /// cameras
    ///     Channels to decode; all unless given, none where empty.
    /// shuffle
    ///     Without it, each epoch has this data set's order.
    /// drop_last
    ///     Leave out the samples at an epoch's end that do not fill a batch of every rank. Without it the last batch
    ///     is smaller, and a rank may have one batch less than another.
    /// with_bev
    ///     Draw a bird's-eye raster for each sample.
    /// warp
    ///     Warp the geometric references into the pictures, as `Sample.warp` does, at the size of the pictures here:
    ///     ``True`` for all cameras of the loader, or a list of channels, also of those that it does not decode.
    /// rays
    ///     (h, w) of a grid: ray maps of the loader's cameras, as `Sample.rays` makes them.
    /// loss_weight
    ///     (h, w) of a grid: what of each cell is to be learned from, as `Sample.loss_weight` finds it.
    /// on_error
    ///     ``"raise"`` where a sample cannot be read, or ``"skip"``: its batch is smaller, and `Loader.skipped` has it. A
    ///     rank all of whose batch is skipped goes on with its next one, a step ahead of the others: repair such data first.
    ///
    /// Returns
    /// -------
    /// The loader, at the start of epoch 0.
    ///
    /// Raises
    /// ------
    /// ConfigError
    ///     Where an argument asks for something impossible.
    /// UnknownNameError
    ///     Where a camera is none of these samples'.
    #[pyo3(signature = (batch_size, *, image_size=None, seed=0, rank=0, world_size=1, cameras=None, shuffle=true, drop_last=false, with_bev=true, warp=None, rays=None, loss_weight=None, on_error="raise"))]
    #[allow(clippy::too_many_arguments)] // they are Python's keywords
    fn loader(
        &self,
        py: Python<'_>,
        batch_size: usize,
        image_size: Option<(u32, u32)>,
        seed: u64,
        rank: usize,
        world_size: usize,
        cameras: Option<Vec<String>>,
        shuffle: bool,
        drop_last: bool,
        with_bev: bool,
        warp: Option<Bound<'_, PyAny>>,
        rays: Option<[usize; 2]>,
        loss_weight: Option<[usize; 2]>,
        on_error: &str,
    ) -> PyResult<Loader> {
        let warp = match warp {
            None => Channels::None,
            Some(value) => match (value.extract::<bool>(), value.extract::<Vec<String>>()) {
                (Ok(true), _) => Channels::All,
                (Ok(false), _) => Channels::None,
                (_, Ok(channels)) => Channels::These(channels),
                _ => return Err(argument("`warp` is True, False or a list of channels".to_string()).into()),
            },
        };
        let skip_broken = match on_error {
            "raise" => false,
            "skip" => true,
            other => return Err(argument(format!("`on_error` is \"raise\" or \"skip\", not {other:?}")).into()),
        };
        let config = LoaderConfig {
            batch_size,
            image_size,
            seed,
            rank,
            world_size,
            cameras,
            shuffle,
            drop_last,
            with_bev,
            warp,
            rays,
            loss_weight,
            skip_broken,
        };
        Ok(py.detach(|| Loader::new(Arc::clone(&self.data), Arc::clone(&self.rows), config))?)
    }

    /// Return the street view of the data set as a network: places with their stacks of dates, and links along the roads.
    ///
    /// Panoramas (where there are none, all pictures) less than 4 m apart are one place. Places on roads are linked to
    /// those that come next along them within 30 m, over junctions too; others to those before and after them in their
    /// recording.
    ///
    /// Parameters
    /// ----------
    /// channels
    ///     Camera channels; all without it.
    ///
    /// Returns
    /// -------
    /// A dict of ``places`` and ``links``. A place has a ``stack`` of pictures, the newest first: ``frame_id``,
    /// ``recording_id``, ``t_ns``, ``lon``, ``lat``, ``heading_deg``, ``heading_sigma_deg``, and ``also``: frames of the same
    /// bytes. A link has ``from`` and ``to`` (indices of places), ``heading_deg`` and ``length_m``.
    ///
    /// Raises
    /// ------
    /// DamagedError
    ///     Where a table or the map cannot be read.
    #[pyo3(signature = (channels=None))]
    fn network<'py>(&self, py: Python<'py>, channels: Option<Vec<String>>) -> PyResult<Bound<'py, PyAny>> {
        let network = py.detach(|| self.data.network(channels.as_deref()))?;
        json_to_python(py, &network)
    }

    /// Walk along the panoramas of a recording with a camera: perspective views cut from them.
    ///
    /// Views are level, whatever the tilt of the panoramas; one at a place of known height is tilted to have it in its
    /// middle row.
    ///
    /// Parameters
    /// ----------
    /// recording_id
    ///     Whose panoramas.
    /// channel
    ///     The panorama channel; the first one without it.
    /// look
    ///     ``"follow"`` the way; degrees, left positive, to follow it turned; ``(longitude, latitude)`` to turn to a place,
    ///     with a height in metres as a third to look at it; or ``{"start_deg": heading, "step_deg": left}`` to pan with every picture.
    /// size
    ///     Height and width of the pictures; 480 x 640 without it.
    /// fov_deg
    ///     Horizontal field of view.
    /// nadir_deg
    ///     Mask what lies within so many degrees of straight down: the car, the mount.
    /// between_m
    ///     Metres along the recording to begin and to end at.
    /// out_and_back
    ///     Turn at the end and come back over the same places, looking as on the way out: 2 N - 1 pictures, of which the
    ///     last is the first.
    ///
    /// Returns
    /// -------
    /// A dict: ``rgb``, shape (N, H, W, 3), uint8; ``ignored``, shape (N, H, W), uint8: 255 at the nadir and where the
    /// panorama's mask says not to learn; ``poses``, shape (N, 7): x y z qw qx qy qz of ``world_se3_camera`` (right, down,
    /// forward) in the recording's frame; ``intrinsics``: fx, fy, cx, cy; ``frame_ids`` of the panoramas.
    ///
    /// Raises
    /// ------
    /// UnknownNameError
    ///     Where the recording has no such panoramas.
    /// ConfigError
    ///     Where the options are no camera, or ask for too many pictures.
    #[pyo3(signature = (recording_id, *, channel=None, look=None, size=None, fov_deg=90.0, nadir_deg=0.0, between_m=None, out_and_back=false))]
    #[allow(clippy::too_many_arguments)] // they are Python's keywords
    fn panowalk<'py>(
        &self,
        py: Python<'py>,
        recording_id: &str,
        channel: Option<String>,
        look: Option<Bound<'py, PyAny>>,
        size: Option<(u32, u32)>,
        fov_deg: f64,
        nadir_deg: f64,
        between_m: Option<[f64; 2]>,
        out_and_back: bool,
    ) -> PyResult<Bound<'py, PyDict>> {
        let options = WalkOptions {
            channel,
            gaze: gaze(look.as_ref())?,
            size: size.map_or([640, 480], |(height, width)| [width, height]),
            fov_deg,
            nadir_deg,
            between_m: between_m.unwrap_or([f64::NEG_INFINITY, f64::INFINITY]),
            out_and_back,
        };
        let walk = py.detach(|| self.data.panowalk(recording_id, &options))?;
        let poses: Vec<[f64; 7]> = walk.poses.iter().map(numbers).collect();
        let dict = PyDict::new(py);
        dict.set_item("rgb", walk.rgb.into_pyarray(py))?;
        dict.set_item("ignored", walk.ignored.into_pyarray(py))?;
        dict.set_item("poses", matrix(py, &poses)?)?;
        dict.set_item("intrinsics", walk.camera.intrinsics().intrinsics.clone())?;
        dict.set_item("frame_ids", walk.panoramas.into_iter().map(|f| f.frame_id).collect::<Vec<_>>())?;
        Ok(dict)
    }

    /// Return a layer of the map that samples were made with.
    ///
    /// Parameters
    /// ----------
    /// layer
    ///     E.g. ``"road"``, ``"building"``.
    ///
    /// Returns
    /// -------
    /// A table with the columns that `docs/format.md` describes; without rows where the map has no such features.
    ///
    /// Raises
    /// ------
    /// UnknownNameError
    ///     Where no layer has this name.
    fn map(&self, py: Python<'_>, layer: &str) -> PyResult<Table> {
        let unknown = || {
            let names: Vec<&str> = LAYERS.iter().map(|l| l.name()).collect();
            let error = ErrorKind::Unknown { what: "map layer", name: layer.to_string() };
            error.in_file(self.data.dir().join(MANIFEST)).with_hint(format!("layers: {}", names.join(", ")))
        };
        let layer = MapLayer::from_name(layer).ok_or_else(unknown)?;
        Ok(Table::new(py.detach(|| self.data.map_table(layer))?))
    }
}

/// Where a walk looks, as Python says it.
fn gaze(look: Option<&Bound<'_, PyAny>>) -> PyResult<Gaze> {
    let wrong = || {
        argument("`look` is \"follow\", degrees, (longitude, latitude[, height]) or {start_deg, step_deg}".to_string())
    };
    let Some(look) = look else { return Ok(Gaze::Follow { offset_deg: 0.0 }) };
    if let Ok(text) = look.extract::<String>() {
        return if text == "follow" { Ok(Gaze::Follow { offset_deg: 0.0 }) } else { Err(wrong().into()) };
    }
    if let Ok(offset_deg) = look.extract::<f64>() {
        return Ok(Gaze::Follow { offset_deg });
    }
    if let Ok(dict) = look.cast::<PyDict>() {
        let number = |key: &str| dict.get_item(key)?.ok_or_else(wrong)?.extract::<f64>();
        return Ok(Gaze::Pan { start_deg: number("start_deg")?, step_deg: number("step_deg")? });
    }
    match look.extract::<Vec<f64>>().as_deref() {
        Ok(&[lon, lat]) => Ok(Gaze::LookAt { place: Geodetic::new(lon, lat, f64::NAN) }),
        Ok(&[lon, lat, height]) => Ok(Gaze::LookAt { place: Geodetic::new(lon, lat, height) }),
        _ => Err(wrong().into()),
    }
}

/// x y z qw qx qy qz.
fn numbers(pose: &Pose) -> [f64; 7] {
    let (t, q) = (pose.translation, pose.wxyz());
    [t.x, t.y, t.z, q[0], q[1], q[2], q[3]]
}

/// Goes through the samples of a data set.
#[pyclass(module = "worldloom")]
pub(super) struct SampleIterator {
    dataset: Py<Dataset>,
    next: usize,
}

#[pymethods]
impl SampleIterator {
    fn __iter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __next__(&mut self) -> PyResult<Option<Sample>> {
        let dataset = self.dataset.get();
        let Some(&row) = dataset.rows.get(self.next) else { return Ok(None) };
        self.next += 1;
        Ok(Some(dataset.sample(row)?))
    }
}

/// Open a view by its rows, as pickles have it.
#[pyfunction]
#[pyo3(name = "_reopen")]
pub(super) fn reopen(py: Python<'_>, path: PathBuf, rows: Vec<usize>) -> PyResult<Dataset> {
    let whole = open(py, path)?;
    let known = whole.data.len();
    match rows.iter().find(|&&row| row >= known) {
        Some(row) => Err(ErrorKind::Unknown { what: "sample", name: row.to_string() }.in_file(whole.data.dir()).into()),
        None => Ok(whole.view(rows)),
    }
}
