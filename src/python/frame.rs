//! [`Frame`]: an observation of a sample.

use std::sync::{Arc, OnceLock};

use numpy::{IntoPyArray, PyArray1, PyArray2, PyArray3, PyArrayMethods};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use super::error::argument;
use super::map_line::MapLine;
use super::values::matrix;
use crate::dataset::Dataset;
use crate::dataset::rows::FrameRow;
use crate::error::{ErrorKind, Result};
use crate::record::CameraIntrinsics;

/// A sound clip as numpy has it: shape (N, channels), and samples a second.
type Sound<'py> = (Bound<'py, PyArray2<f32>>, u32);

/// An observation: a picture, a sweep of points, a clip of sound, a depth picture or a mask.
///
/// Its row and its bytes are read when first asked for.
#[pyclass(module = "worldloom", frozen)]
pub(super) struct Frame {
    data: Arc<Dataset>,
    id: String,
    tick: Option<i32>,
    row: OnceLock<FrameRow>,
}

impl Frame {
    pub(super) fn new(data: Arc<Dataset>, id: String, tick: Option<i32>) -> Frame {
        Frame { data, id, tick, row: OnceLock::new() }
    }

    fn row(&self) -> Result<&FrameRow> {
        match self.row.get() {
            Some(row) => Ok(row),
            None => {
                let row = self.data.frame(&self.id)?;
                Ok(self.row.get_or_init(|| row))
            }
        }
    }

    /// The calibration of its camera.
    fn camera(&self) -> Result<Option<&CameraIntrinsics>> {
        let row = self.row()?;
        let sensors = &self.data.recording(&row.recording_id)?.sensors;
        Ok(sensors.iter().find(|s| s.channel == row.channel).and_then(|s| s.camera.as_ref()))
    }

    /// Its row, where it is of the modality that a method needs.
    fn of(&self, modalities: &[&str], method: &str) -> Result<&FrameRow> {
        let row = self.row()?;
        match modalities.contains(&row.modality.as_str()) {
            true => Ok(row),
            false => Err(argument(format!("frame `{}` is of `{}`: it has no {method}", row.frame_id, row.modality))),
        }
    }
}

#[pymethods]
impl Frame {
    /// Its id, also the name of its file in the shard, without ending.
    #[getter]
    fn id(&self) -> &str {
        &self.id
    }

    /// Index of the tick that it belongs to, from 0; ``None`` for a reference.
    #[getter]
    fn tick(&self) -> Option<i32> {
        self.tick
    }

    /// The recording that it is of.
    #[getter]
    fn recording_id(&self) -> PyResult<&str> {
        Ok(&self.row()?.recording_id)
    }

    /// Channel of its sensor.
    #[getter]
    fn channel(&self) -> PyResult<&str> {
        Ok(&self.row()?.channel)
    }

    /// ``"camera"``, ``"lidar"``, ``"audio"``, ``"depth"`` or ``"mask"``.
    #[getter]
    fn modality(&self) -> PyResult<&str> {
        Ok(&self.row()?.modality)
    }

    /// Time on the reference clock, nanoseconds; ``None`` without a clock.
    #[getter]
    fn t_ns(&self) -> PyResult<Option<i64>> {
        Ok(self.row()?.t_ns)
    }

    /// Time as its sensor recorded it, nanoseconds.
    #[getter]
    fn t_source_ns(&self) -> PyResult<Option<i64>> {
        Ok(self.row()?.t_source_ns)
    }

    /// Path length along the recording, metres.
    #[getter]
    fn s_m(&self) -> PyResult<Option<f64>> {
        Ok(self.row()?.s_m)
    }

    /// Longitude of the sensor, degrees; ``None`` where its pose is unknown.
    #[getter]
    fn lon(&self) -> PyResult<Option<f64>> {
        Ok(self.row()?.lon)
    }

    /// Latitude of the sensor, degrees.
    #[getter]
    fn lat(&self) -> PyResult<Option<f64>> {
        Ok(self.row()?.lat)
    }

    /// Height of the sensor, metres over the recording's datum.
    #[getter]
    fn height_m(&self) -> PyResult<Option<f64>> {
        Ok(self.row()?.height_m)
    }

    /// Heading of the sensor's forward axis, degrees clockwise from true north.
    #[getter]
    fn heading_deg(&self) -> PyResult<Option<f64>> {
        Ok(self.row()?.heading_deg)
    }

    /// Pose of the sensor in the recording's ENU frame, as x y z qw qx qy qz, shape (7,); ``None`` where unknown.
    #[getter]
    fn world_se3_sensor<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyArray1<f64>>>> {
        Ok(self.row()?.pose.map(|pose| PyArray1::from_slice(py, &pose)))
    }

    /// The camera's model; ``None`` where not calibrated.
    ///
    /// ``"pinhole"``, ``"kannala_brandt"``, ``"mei"``, ``"ftheta"`` or ``"equirectangular"``.
    #[getter]
    fn model(&self) -> PyResult<Option<&str>> {
        Ok(self.camera()?.map(|c| c.model.name()))
    }

    /// [fx, fy, cx, cy] of the stored picture in pixels; ``None`` where not calibrated.
    ///
    /// The centre of the top-left pixel is (0, 0). Of a part of a panorama in pixels a radian, and empty for a whole one.
    #[getter]
    fn intrinsics<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyArray1<f64>>>> {
        Ok(self.camera()?.map(|c| PyArray1::from_slice(py, &c.intrinsics)))
    }

    /// Distortion coefficients in the model's order; empty for none.
    #[getter]
    fn distortion<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyArray1<f64>>>> {
        Ok(self.camera()?.map(|c| PyArray1::from_slice(py, &c.distortion)))
    }

    /// Width of the stored picture, pixels.
    #[getter]
    fn width(&self) -> PyResult<Option<i32>> {
        Ok(self.row()?.width)
    }

    /// Height of the stored picture, pixels.
    #[getter]
    fn height(&self) -> PyResult<Option<i32>> {
        Ok(self.row()?.height)
    }

    /// How many points a sweep has.
    #[getter]
    fn num_points(&self) -> PyResult<Option<i32>> {
        Ok(self.row()?.points)
    }

    /// Length of a clip, milliseconds.
    #[getter]
    fn duration_ms(&self) -> PyResult<Option<f64>> {
        Ok(self.row()?.duration_ms)
    }

    /// How its bytes are encoded, e.g. ``"jpg"``, ``"pcd"``.
    #[getter]
    fn format(&self) -> PyResult<&str> {
        Ok(&self.row()?.format)
    }

    /// blake3 of its bytes, hex.
    #[getter]
    fn checksum(&self) -> PyResult<&str> {
        Ok(&self.row()?.checksum)
    }

    /// What was done for privacy, e.g. ``"metadata_stripped"``.
    #[getter]
    fn privacy_state(&self) -> PyResult<&str> {
        Ok(&self.row()?.privacy_state)
    }

    /// The file of the source that it came from.
    #[getter]
    fn source_path(&self) -> PyResult<&str> {
        Ok(&self.row()?.source_path)
    }

    /// SPDX licence.
    #[getter]
    fn license(&self) -> PyResult<&str> {
        Ok(&self.row()?.license)
    }

    /// Return the bytes as stored.
    fn bytes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let media = self.data.media(self.row()?)?;
        Ok(PyBytes::new(py, &media))
    }

    /// Decode the picture of a camera, or a mask.
    ///
    /// Returns
    /// -------
    /// RGB, shape (H, W, 3), uint8.
    ///
    /// Raises
    /// ------
    /// ConfigError
    ///     Where the frame is no picture.
    /// DamagedError
    ///     Where its bytes are missing or do not decode.
    fn image<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray3<u8>>> {
        let row = self.of(&["camera", "mask"], "picture")?;
        let picture = py.detach(|| self.data.image(row))?;
        let shape = [picture.height() as usize, picture.width() as usize, 3];
        PyArray1::from_vec(py, picture.into_raw()).reshape(shape)
    }

    /// Project the map into the camera's picture.
    ///
    /// Lane dividers, stop lines, outlines of drivable areas, crossings and buildings, poles of signs and signals, as far
    /// from the ego as the corners of `Sample.bev`. The map is taken to lie on the plane that the ego stands on. Nothing
    /// hides anything: that is for whoever draws, by distance.
    ///
    /// Returns
    /// -------
    /// The lines, or ``None`` where the camera is not calibrated or its pose is unknown.
    ///
    /// Raises
    /// ------
    /// ConfigError
    ///     Where the frame is not of a camera.
    fn map_view(&self, py: Python<'_>) -> PyResult<Option<Vec<MapLine>>> {
        let row = self.of(&["camera"], "map view")?;
        let lines = py.detach(|| self.data.map_view(row))?;
        Ok(lines.map(|lines| lines.into_iter().map(MapLine::from).collect()))
    }

    /// Make a small picture.
    ///
    /// Parameters
    /// ----------
    /// width
    ///     Its width in pixels, at most that of the picture.
    ///
    /// Returns
    /// -------
    /// A JPEG file.
    ///
    /// Raises
    /// ------
    /// ConfigError
    ///     Where the frame is no picture.
    /// DamagedError
    ///     Where its bytes are missing or do not decode.
    #[pyo3(signature = (width=256))]
    fn thumbnail<'py>(&self, py: Python<'py>, width: u32) -> PyResult<Bound<'py, PyBytes>> {
        let row = self.of(&["camera", "mask"], "picture")?;
        let jpeg = py.detach(|| self.data.thumbnail(row, width))?;
        Ok(PyBytes::new(py, &jpeg))
    }

    /// Decode a depth picture.
    ///
    /// Returns
    /// -------
    /// Metres along the camera's z axis, of a panorama along the ray, shape (H, W), float32; NaN where nothing was
    /// measured.
    ///
    /// Raises
    /// ------
    /// ConfigError
    ///     Where the frame is no depth picture.
    /// DamagedError
    ///     Where its bytes are missing or do not decode.
    fn depth<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray2<f32>>> {
        let row = self.of(&["depth"], "depth")?;
        Ok(py.detach(|| self.data.depth(row))?.into_pyarray(py))
    }

    /// Decode the points of a sweep.
    ///
    /// Parameters
    /// ----------
    /// compensate
    ///     Take the sensor's own motion out: each point is moved along the recording's poses from its own time to one
    ///     time for all, into the sensor's frame at that time. A point from outside the poses is NaN.
    /// at_ns
    ///     That time; the frame's own unless given. That of a tick takes out what the sweep is off it, too.
    ///
    /// Returns
    /// -------
    /// Arrays by name: ``xyz`` (N, 3) float32, metres, offsets from ``origin`` (3,) float64 (zero for sweeps) in the
    /// sensor's frame; where the file has them ``intensity`` (N,) float32 as the file scales it, ``ring`` (N,) uint16,
    /// ``offset_ns`` (N,) int32, ``rgb`` (N, 3) uint8, ``classification`` (N,) uint8. What was not measured is NaN.
    ///
    /// Raises
    /// ------
    /// ConfigError
    ///     Where the frame is no sweep, or ``at_ns`` is given without ``compensate``.
    /// UnsupportedError
    ///     Where its points have no times, or the recording has no pose at that time.
    /// DamagedError
    ///     Where its bytes are missing or do not decode.
    #[pyo3(signature = (*, compensate = false, at_ns = None))]
    fn points<'py>(&self, py: Python<'py>, compensate: bool, at_ns: Option<i64>) -> PyResult<Bound<'py, PyDict>> {
        let row = self.of(&["lidar"], "points")?;
        let cloud = py.detach(|| match (compensate, at_ns) {
            (true, at_ns) => self.data.points_at(row, at_ns),
            (false, None) => self.data.points(row),
            (false, Some(_)) => {
                Err(ErrorKind::Config("`at_ns` moves points only with `compensate=True`".to_string()).bare())
            }
        })?;
        let arrays = PyDict::new(py);
        arrays.set_item("xyz", matrix(py, &cloud.xyz)?)?;
        arrays.set_item("origin", PyArray1::from_slice(py, &cloud.origin))?;
        if let Some(intensity) = cloud.intensity {
            arrays.set_item("intensity", PyArray1::from_vec(py, intensity))?;
        }
        if let Some(ring) = cloud.ring {
            arrays.set_item("ring", PyArray1::from_vec(py, ring))?;
        }
        if let Some(offset_ns) = cloud.offset_ns {
            arrays.set_item("offset_ns", PyArray1::from_vec(py, offset_ns))?;
        }
        if let Some(rgb) = cloud.rgb {
            arrays.set_item("rgb", matrix(py, &rgb)?)?;
        }
        if let Some(classification) = cloud.classification {
            arrays.set_item("classification", PyArray1::from_vec(py, classification))?;
        }
        Ok(arrays)
    }

    /// Decode a clip of sound.
    ///
    /// Returns
    /// -------
    /// The samples from -1 to 1, shape (N, channels), float32, and how many there are a second.
    ///
    /// Raises
    /// ------
    /// ConfigError
    ///     Where the frame is no clip.
    /// DamagedError
    ///     Where its bytes are missing or do not decode.
    fn audio<'py>(&self, py: Python<'py>) -> PyResult<Sound<'py>> {
        let row = self.of(&["audio"], "sound")?;
        let sound = py.detach(|| self.data.sound(row))?;
        let (samples, channels) = (sound.samples, usize::from(sound.channels));
        let shape = [samples.len() / channels, channels];
        Ok((PyArray1::from_vec(py, samples).reshape(shape)?, sound.sample_rate_hz))
    }

    fn __repr__(&self) -> String {
        match self.tick {
            Some(tick) => format!("Frame('{}', tick {tick})", self.id),
            None => format!("Frame('{}')", self.id),
        }
    }
}
