//! [`Sample`].

use std::sync::Arc;

use numpy::{IntoPyArray, PyArray1, PyArray2, PyArray3, PyArray4};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use super::caption::Caption;
use super::frame::Frame;
use super::reference::Reference;
use super::sheet::Sheet;
use super::values::matrix;
use crate::dataset::Dataset;
use crate::sample::SampleRow;
use crate::show::sheet;

/// A training sample: a window of T ticks along a drive or photo sequence.
///
/// Poses are ``dst_se3_src`` as x y z qw qx qy qz: metres, and a rotation that takes vectors of `src` to `dst`. The
/// ego's axes are forward, left, up; a camera's right, down, forward. Times are nanoseconds UTC.
#[pyclass(module = "worldloom", frozen)]
pub(super) struct Sample {
    data: Arc<Dataset>,
    row: SampleRow,
}

impl Sample {
    pub(super) fn new(data: Arc<Dataset>, row: SampleRow) -> Sample {
        Sample { data, row }
    }

    /// The frames of some modalities by channel.
    fn by_channel<'py>(&self, py: Python<'py>, modalities: &[&str]) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        for frame in self.row.frames.iter().filter(|f| modalities.contains(&f.modality.as_str())) {
            let one = Frame::new(Arc::clone(&self.data), frame.frame_id.clone(), Some(frame.tick));
            match dict.get_item(&frame.channel)? {
                Some(list) => list.cast::<PyList>()?.append(one)?,
                None => dict.set_item(&frame.channel, vec![one])?,
            }
        }
        Ok(dict)
    }
}

#[pymethods]
impl Sample {
    /// Its id: 16 hex digits.
    #[getter]
    fn id(&self) -> &str {
        &self.row.sample_id
    }

    /// The recording that it was cut from.
    #[getter]
    fn recording_id(&self) -> &str {
        &self.row.recording_id
    }

    /// Time of the anchor tick; ``None`` without a clock.
    #[getter]
    fn t0_ns(&self) -> Option<i64> {
        self.row.t0_ns
    }

    /// Path length from the recording's start to the anchor tick, metres.
    #[getter]
    fn s0_m(&self) -> f64 {
        self.row.s0_m
    }

    /// Index of the anchor among the ticks.
    #[getter]
    fn anchor_tick(&self) -> usize {
        self.row.anchor_tick()
    }

    /// ``"train"``, ``"val"``, ``"test"``, ``"buffer"`` (too near another split) or ``"none"``.
    #[getter]
    fn split(&self) -> &str {
        self.row.split.name()
    }

    /// Longitude of the anchor, degrees.
    #[getter]
    fn lon(&self) -> f64 {
        self.row.lon
    }

    /// Latitude of the anchor, degrees.
    #[getter]
    fn lat(&self) -> f64 {
        self.row.lat
    }

    /// Height of the anchor, metres over the recording's datum.
    #[getter]
    fn height_m(&self) -> f64 {
        self.row.height_m
    }

    /// Heading at the anchor, degrees clockwise from true north.
    #[getter]
    fn heading_deg(&self) -> f64 {
        self.row.heading_deg
    }

    /// H3 cell of the anchor, resolution 12.
    #[getter]
    fn h3(&self) -> &str {
        &self.row.h3
    }

    /// The ego's path over the window: longitude, latitude in degrees, shape (N, 2).
    #[getter]
    fn path<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray2<f64>>> {
        let points: Vec<[f64; 2]> = self.row.path.iter().map(|&(lon, lat)| [lon, lat]).collect();
        matrix(py, &points)
    }

    /// Poses ``ego0_se3_ego`` at each tick, in the ego's frame at the anchor, shape (T, 7), float32.
    #[getter]
    fn poses<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray2<f32>>> {
        matrix(py, &self.row.poses)
    }

    /// Time of each tick, shape (T,), int64; ``None`` without a clock.
    #[getter]
    fn pose_t_ns<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyArray1<i64>>> {
        self.row.pose_t_ns.as_ref().map(|times| PyArray1::from_slice(py, times))
    }

    /// Path length at each tick, metres, shape (T,).
    #[getter]
    fn pose_s_m<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<f64>> {
        PyArray1::from_slice(py, &self.row.pose_s_m)
    }

    /// The motion at each tick, shape (T, 4), float32; NaN without a clock.
    ///
    /// Speed m/s (forward), acceleration m/s², yaw rate rad/s (left positive), curvature 1/m.
    #[getter]
    fn actions<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray2<f32>>> {
        matrix(py, &self.row.actions)
    }

    /// Steering angle at each tick, rad, shape (T,); ``None`` where the source has none.
    #[getter]
    fn steering_rad<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyArray1<f64>>> {
        self.row.steering_rad.as_ref().map(|angles| PyArray1::from_slice(py, angles))
    }

    /// Pictures, sweeps and clips by channel, each channel's in the order of ticks.
    ///
    /// A tick without a frame has no entry: look at `Frame.tick`. Clips that overlap the window are at tick 0.
    #[getter]
    fn frames<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        self.by_channel(py, &["camera", "lidar", "audio"])
    }

    /// Depth pictures by the channel of their camera.
    #[getter]
    fn depth<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        self.by_channel(py, &["depth"])
    }

    /// Masks (255: do not learn from this pixel) by the channel of their camera.
    #[getter]
    fn masks<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        self.by_channel(py, &["mask"])
    }

    /// Texts about the window; empty where there is nothing to say.
    #[getter]
    fn captions(&self) -> Vec<Caption> {
        Caption::all(&self.row)
    }

    /// Street view of the same place from other recordings.
    #[getter]
    fn references(&self, py: Python<'_>) -> PyResult<Vec<Reference>> {
        let rows = py.detach(|| self.data.references(&self.row.sample_id))?;
        Ok(rows.into_iter().map(|row| Reference::new(Arc::clone(&self.data), row)).collect())
    }

    /// Warp the geometric reference of a camera by its depth into the camera's picture at each tick.
    ///
    /// Parameters
    /// ----------
    /// channel
    ///     The target camera.
    /// size
    ///     Height and width to warp to; those of the pictures where it is ``None``.
    ///
    /// Returns
    /// -------
    /// Colours, shape (T, H, W, 3), uint8, and a mask, shape (T, H, W), uint8: 255 where the reference saw what is
    /// there, 0 in holes, and at ticks without a picture. ``None`` where the camera has no geometric reference.
    ///
    /// Raises
    /// ------
    /// ConfigError
    ///     For a size of no pixels or too many.
    /// UnsupportedError
    ///     Where the reference has no depth or no calibration.
    /// DamagedError
    ///     Where a table or a picture cannot be read.
    #[pyo3(signature = (channel, size=None))]
    #[allow(clippy::type_complexity)]
    fn warp<'py>(
        &self,
        py: Python<'py>,
        channel: &str,
        size: Option<[u32; 2]>,
    ) -> PyResult<Option<(Bound<'py, PyArray4<u8>>, Bound<'py, PyArray3<u8>>)>> {
        let size = size.map(|[height, width]| [width, height]);
        let warp = py.detach(|| self.data.warp(&self.row, channel, size))?;
        Ok(warp.map(|warp| (warp.rgb.into_pyarray(py), warp.seen.into_pyarray(py))))
    }

    /// Plücker rays of a camera at each tick: unit direction d and moment o × d in metres.
    ///
    /// Parameters
    /// ----------
    /// channel
    ///     The camera.
    /// grid
    ///     Rows and columns of cells that the picture is divided into; each has the ray through its middle.
    ///
    /// Returns
    /// -------
    /// Shape (T, 6, h, w), float32, in the frame of the camera (right, down, forward) at the first tick with a picture;
    /// 0 where there is no ray and at ticks without a picture. ``None`` where the camera has no calibration or poses.
    ///
    /// Raises
    /// ------
    /// ConfigError
    ///     For a grid of no cells or too many.
    /// DamagedError
    ///     Where a table cannot be read.
    fn rays<'py>(
        &self,
        py: Python<'py>,
        channel: &str,
        grid: [usize; 2],
    ) -> PyResult<Option<Bound<'py, PyArray4<f32>>>> {
        Ok(py.detach(|| self.data.rays(&self.row, channel, grid))?.map(|rays| rays.into_pyarray(py)))
    }

    /// Find how much of each cell of a grid is to be learned from, at each tick.
    ///
    /// Left out is what the masks of the source say (moving things, watermarks), and what the config's
    /// ``[recording.ignore]`` says of the camera (the ego's hood, the car below a panorama).
    ///
    /// Parameters
    /// ----------
    /// channel
    ///     The camera.
    /// grid
    ///     Rows and columns of cells that the picture is divided into, e.g. those of a latent.
    ///
    /// Returns
    /// -------
    /// The share of each cell that is not left out, 0 to 1, shape (T, h, w), float32; 0 at ticks without a picture.
    ///
    /// Raises
    /// ------
    /// ConfigError
    ///     For a grid of no cells or too many.
    /// DamagedError
    ///     Where a table or a mask cannot be read.
    fn loss_weight<'py>(
        &self,
        py: Python<'py>,
        channel: &str,
        grid: [usize; 2],
    ) -> PyResult<Bound<'py, PyArray3<f32>>> {
        Ok(py.detach(|| self.data.loss_weight(&self.row, channel, grid))?.into_pyarray(py))
    }

    /// Layers of `bev`, in the order of its channels.
    #[getter]
    fn bev_layers(&self) -> PyResult<Vec<String>> {
        Ok(self.data.sample_config(&self.row.recording_id)?.bev.layers)
    }

    /// Side of a cell of `bev`, metres.
    #[getter]
    fn bev_resolution_m(&self) -> PyResult<f64> {
        Ok(self.data.sample_config(&self.row.recording_id)?.bev.resolution_m)
    }

    /// Draw the map around the ego at the anchor as a bird's-eye raster.
    ///
    /// The ego is at the centre and level, row 0 farthest forward, column 0 farthest left: the centre of cell (r, c)
    /// lies at x = (H/2 - r - 0.5) * res, y = (W/2 - c - 0.5) * res in its frame. A cell of an area layer is 1 where
    /// its centre is inside; lines are 0.3 m wide. ``route`` is the matched road so far and where it leads.
    ///
    /// Returns
    /// -------
    /// 0 or 1, shape (C, H, W), uint8: a channel for each of `bev_layers`.
    ///
    /// Raises
    /// ------
    /// DamagedError
    ///     Where the map or the poses cannot be read.
    fn bev<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray3<u8>>> {
        Ok(py.detach(|| self.data.bev(&self.row))?.into_pyarray(py))
    }

    /// Sample the imagery around the ego where the cells of `bev` lie.
    ///
    /// Returns
    /// -------
    /// RGB, shape (H, W, 3), uint8; 0 where the imagery has no tile. ``None`` where the data set has no imagery.
    ///
    /// Raises
    /// ------
    /// DamagedError
    ///     Where the imagery or the poses cannot be read.
    fn bev_image<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyArray3<u8>>>> {
        Ok(py.detach(|| self.data.bev_image(&self.row))?.map(|picture| picture.into_pyarray(py)))
    }

    /// Draw the sample on one page: frames, map with the way driven, LiDAR, motion, texts, provenance.
    ///
    /// Returns
    /// -------
    /// A sheet, which notebooks show and `Sheet.save` writes as a PNG file.
    ///
    /// Raises
    /// ------
    /// DamagedError
    ///     Where a table or the map cannot be read; frames that cannot are in `Sheet.problems`.
    fn show(&self, py: Python<'_>) -> PyResult<Sheet> {
        Ok(Sheet::new(py.detach(|| sheet(&self.data, &self.row))?))
    }

    fn _repr_html_<'py>(slf: Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        slf.py().import("worldloom._html")?.call_method1("sample", (slf,))
    }

    /// Largest position sigma in the window, metres; ``None`` where unknown.
    #[getter]
    fn pose_sigma_m(&self) -> Option<f64> {
        self.row.pose_sigma_m
    }

    /// ``"source"``, ``"estimated"`` or ``"mixed"``.
    #[getter]
    fn pose_source(&self) -> &str {
        &self.row.pose_source
    }

    /// Largest difference between a frame's time and its tick's, milliseconds.
    #[getter]
    fn sync_residual_ms(&self) -> Option<f64> {
        self.row.sync_residual_ms
    }

    /// Largest gap in the trajectory's inputs that a pose of the window was interpolated over, milliseconds.
    #[getter]
    fn interpolation_gap_ms(&self) -> Option<f64> {
        self.row.interpolation_gap_ms
    }

    /// Matched ways in driving order; ``None`` where not matched.
    #[getter]
    fn match_way_ids(&self) -> Option<Vec<String>> {
        self.row.match_way_ids.clone()
    }

    /// Smallest match probability in the window; ``None`` where not matched.
    #[getter]
    fn match_probability(&self) -> Option<f64> {
        self.row.match_probability
    }

    /// Residual of the correction to the map, metres; ``None`` where not registered, and off the roads.
    ///
    /// Of the stretch around the anchor; of the whole drive where that was left as it is.
    #[getter]
    fn register_residual_m(&self) -> Option<f64> {
        self.row.register_residual_m
    }

    /// Share of the points of that stretch within three sigmas of the roads; ``None`` where the residual is.
    #[getter]
    fn register_inliers(&self) -> Option<f64> {
        self.row.register_inliers
    }

    /// Covariance of where that stretch lies after the correction; ``None`` where it was left as it is.
    ///
    /// m² in the recording's ENU: [east·east, east·north, north·north].
    #[getter]
    fn register_covariance_m2(&self) -> Option<[f64; 3]> {
        self.row.register_covariance_m2
    }

    /// What was done for privacy: ``state``, ``detector`` (or ``None``) and how many ``regions``.
    #[getter]
    fn privacy<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let privacy = PyDict::new(py);
        privacy.set_item("state", &self.row.privacy.state)?;
        privacy.set_item("detector", &self.row.privacy.detector)?;
        privacy.set_item("regions", self.row.privacy.regions)?;
        Ok(privacy)
    }

    /// SPDX licences that apply.
    #[getter]
    fn licenses(&self) -> Vec<String> {
        self.row.licenses.clone()
    }

    /// Who must be named.
    #[getter]
    fn attributions(&self) -> Vec<String> {
        self.row.attributions.clone()
    }

    /// The sources that it was made of, by their path in the manifest.
    #[getter]
    fn sources(&self) -> Vec<String> {
        self.row.sources.clone()
    }

    fn __repr__(&self) -> String {
        let row = &self.row;
        let (ticks, frames) = (row.poses.len(), row.frames.len());
        format!("Sample('{}', {}, {ticks} ticks, {frames} frames)", row.sample_id, row.recording_id)
    }
}
