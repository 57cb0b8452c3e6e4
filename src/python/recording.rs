//! [`Recording`] and [`Sensor`].

use numpy::PyArray1;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use super::render::Camera;
use crate::coord::Pose;
use crate::dataset::rows::RecordingRow;
use crate::fuse::Stretch;
use crate::record;

/// A recording: a stretch of one source without a gap, which samples are cut from.
#[pyclass(module = "worldloom", frozen)]
pub(super) struct Recording {
    row: RecordingRow,
}

impl Recording {
    pub(super) fn new(row: RecordingRow) -> Recording {
        Recording { row }
    }
}

#[pymethods]
impl Recording {
    /// Its id.
    #[getter]
    fn id(&self) -> &str {
        &self.row.recording_id
    }

    /// Which ``[[recording]]`` of the config it comes from, counted from 0.
    #[getter]
    fn entry(&self) -> i32 {
        self.row.entry
    }

    /// The kind of source, e.g. ``"folder"``.
    #[getter]
    fn kind(&self) -> &str {
        &self.row.kind
    }

    /// Origin of its ENU frame: longitude and latitude in degrees, height in metres.
    #[getter]
    fn origin(&self) -> (f64, f64, f64) {
        let origin = self.row.origin;
        (origin.lon_deg, origin.lat_deg, origin.height_m)
    }

    /// What heights are measured from: ``"ellipsoidal"``, ``"orthometric"`` or ``"none"``.
    #[getter]
    fn height_datum(&self) -> &str {
        &self.row.height_datum
    }

    /// First time, nanoseconds; ``None`` without a clock.
    #[getter]
    fn t_start_ns(&self) -> Option<i64> {
        self.row.t_start_ns
    }

    /// Last time, nanoseconds; ``None`` without a clock.
    #[getter]
    fn t_end_ns(&self) -> Option<i64> {
        self.row.t_end_ns
    }

    /// Path length, metres.
    #[getter]
    fn length_m(&self) -> f64 {
        self.row.length_m
    }

    /// What is known of its sensors' clocks.
    ///
    /// Dicts of ``sensor``, ``offset_ms`` (added to the source's time), ``sigma_ms``, ``drift_ppm``, ``method``,
    /// ``applied``; offset, sigma and method are None where the clock is not known.
    #[getter]
    fn clock<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let clocks = PyList::empty(py);
        for clock in &self.row.clock {
            let dict = PyDict::new(py);
            dict.set_item("sensor", &clock.sensor)?;
            dict.set_item("offset_ms", clock.offset_ms)?;
            dict.set_item("sigma_ms", clock.sigma_ms)?;
            dict.set_item("drift_ppm", clock.drift_ppm)?;
            dict.set_item("method", &clock.method)?;
            dict.set_item("applied", clock.applied)?;
            clocks.append(dict)?;
        }
        Ok(clocks)
    }

    /// Its sensors by channel.
    #[getter]
    fn sensors<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        for sensor in &self.row.sensors {
            dict.set_item(&sensor.channel, Sensor { sensor: sensor.clone() })?;
        }
        Ok(dict)
    }

    /// The correction to the map as one motion; ``None`` where it was not registered.
    ///
    /// A dict of ``dx_m``, ``dy_m``, ``dyaw_deg``, ``scale``, ``residual_m``, ``inliers``: ``p' = scale R(dyaw) p +
    /// (dx, dy)`` in the recording's ENU comes nearest to what its stretches were moved by. The scale is 1 where it was not
    /// asked for or the roads do not tell it; ``scale_sigma`` is one sigma by what they tell, ``None`` where it was not asked
    /// for. ``covariance`` is that of (dx, dy, dyaw, scale), the upper triangle row by row, in metres and degrees; ``None``
    /// where it was left as it is.
    #[getter]
    fn register<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyDict>>> {
        let Some(register) = self.row.register else { return Ok(None) };
        let dict = PyDict::new(py);
        dict.set_item("dx_m", register.dx_m)?;
        dict.set_item("dy_m", register.dy_m)?;
        dict.set_item("dyaw_deg", register.dyaw_deg)?;
        dict.set_item("residual_m", register.residual_m)?;
        dict.set_item("inliers", register.inliers)?;
        dict.set_item("scale", register.scale)?;
        dict.set_item("scale_sigma", register.scale_sigma)?;
        dict.set_item("covariance", register.covariance)?;
        Ok(Some(dict))
    }

    /// What its stretches were moved by to lie on the map; empty where it was left as it is.
    ///
    /// Each a dict of ``s_m`` (path length of its middle), ``dx_m``, ``dy_m`` (east, north), ``sigma_m`` (of its
    /// place then, per axis), ``covariance_m2`` (the same as [east·east, east·north, north·north]), ``residual_m`` and
    /// ``inliers`` (the share of its points within three sigmas; both None off the roads).
    #[getter]
    fn register_stretches<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyDict>>> {
        let dict = |stretch: &Stretch| {
            let dict = PyDict::new(py);
            dict.set_item("s_m", stretch.s_m)?;
            dict.set_item("dx_m", stretch.shift_m[0])?;
            dict.set_item("dy_m", stretch.shift_m[1])?;
            dict.set_item("sigma_m", stretch.sigma_m)?;
            dict.set_item("covariance_m2", stretch.covariance_m2)?;
            dict.set_item("residual_m", stretch.residual_m)?;
            dict.set_item("inliers", stretch.inliers)?;
            Ok(dict)
        };
        self.row.register_stretches.iter().map(dict).collect()
    }

    /// The sources that it was made of, by their path in the manifest.
    #[getter]
    fn sources(&self) -> Vec<String> {
        self.row.sources.clone()
    }

    /// SPDX licence.
    #[getter]
    fn license(&self) -> &str {
        &self.row.license
    }

    fn __repr__(&self) -> String {
        format!("Recording('{}', {:.0} m)", self.row.recording_id, self.row.length_m)
    }
}

/// A sensor of a recording: what it is, where it sits, how it sees.
#[pyclass(module = "worldloom", frozen)]
pub(super) struct Sensor {
    sensor: record::Sensor,
}

#[pymethods]
impl Sensor {
    /// ``"gnss"``, ``"imu"``, ``"wheel"``, or the name of a camera, LiDAR or audio channel.
    #[getter]
    fn channel(&self) -> &str {
        &self.sensor.channel
    }

    /// ``"camera"``, ``"lidar"``, ``"audio"``; ``None`` for ``gnss``, ``imu`` and ``wheel``.
    #[getter]
    fn modality(&self) -> Option<&str> {
        self.sensor.modality.map(record::Modality::name)
    }

    /// The camera's model; ``None`` where not calibrated.
    ///
    /// ``"pinhole"``, ``"kannala_brandt"``, ``"mei"``, ``"ftheta"`` or ``"equirectangular"``.
    #[getter]
    fn model(&self) -> Option<&str> {
        self.sensor.camera.as_ref().map(|c| c.model.name())
    }

    /// Width of its pictures, pixels.
    #[getter]
    fn width(&self) -> Option<u32> {
        self.sensor.camera.as_ref().map(|c| c.width)
    }

    /// Height of its pictures, pixels.
    #[getter]
    fn height(&self) -> Option<u32> {
        self.sensor.camera.as_ref().map(|c| c.height)
    }

    /// [fx, fy, cx, cy] in pixels, the centre of the top-left pixel being (0, 0).
    ///
    /// Of a part of a panorama in pixels a radian, and empty for a whole one.
    #[getter]
    fn intrinsics<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyArray1<f64>>> {
        self.sensor.camera.as_ref().map(|c| PyArray1::from_slice(py, &c.intrinsics))
    }

    /// Distortion coefficients in the model's order; empty for none.
    #[getter]
    fn distortion<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyArray1<f64>>> {
        self.sensor.camera.as_ref().map(|c| PyArray1::from_slice(py, &c.distortion))
    }

    /// Its camera, for ``worldloom.render``; ``None`` where not calibrated.
    #[getter]
    fn camera(&self) -> Option<Camera> {
        self.sensor.camera.as_ref().and_then(Camera::of)
    }

    /// Where it sits, as x y z qw qx qy qz, shape (7,); ``None`` where unknown.
    ///
    /// A camera's axes are right, down, forward; a LiDAR's forward, left, up.
    #[getter]
    fn ego_se3_sensor<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyArray1<f64>>> {
        self.sensor.ego_se3_sensor.map(|pose| PyArray1::from_slice(py, &numbers(&pose)))
    }

    fn __repr__(&self) -> String {
        let what = self.model().or(self.modality());
        format!("Sensor('{}'{})", self.sensor.channel, what.map(|w| format!(", {w}")).unwrap_or_default())
    }
}

/// x y z qw qx qy qz.
fn numbers(pose: &Pose) -> [f64; 7] {
    let (t, [w, x, y, z]) = (pose.translation, pose.wxyz());
    [t.x, t.y, t.z, w, x, y, z]
}
