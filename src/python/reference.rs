//! [`Reference`].

use std::sync::Arc;

use numpy::PyArray1;
use pyo3::prelude::*;

use super::frame::Frame;
use crate::dataset::Dataset;
use crate::dataset::rows::ReferenceRow;

/// Street view of a sample's place, from another recording.
#[pyclass(module = "worldloom", frozen)]
pub(super) struct Reference {
    data: Arc<Dataset>,
    row: ReferenceRow,
}

impl Reference {
    pub(super) fn new(data: Arc<Dataset>, row: ReferenceRow) -> Reference {
        Reference { data, row }
    }
}

#[pymethods]
impl Reference {
    /// The picture.
    #[getter]
    fn frame(&self) -> Frame {
        Frame::new(Arc::clone(&self.data), self.row.frame_id.clone(), None)
    }

    /// ``"geometric"`` (nearest, to be warped), ``"semantic"`` or ``"lookahead"``.
    #[getter]
    fn role(&self) -> &str {
        &self.row.role
    }

    /// The recording that the picture is of.
    #[getter]
    fn recording_id(&self) -> &str {
        &self.row.recording_id
    }

    /// Days between picture and anchor, absolute; ``None`` where one has no time.
    #[getter]
    fn dt_days(&self) -> Option<f64> {
        self.row.dt_days
    }

    /// Horizontal distance to the window's path, metres.
    #[getter]
    fn distance_m(&self) -> f64 {
        self.row.distance_m
    }

    /// Bearing from the pose at the anchor, degrees, left positive.
    #[getter]
    fn bearing_deg(&self) -> Option<f64> {
        self.row.bearing_deg
    }

    /// The camera channel that it is a reference for.
    #[getter]
    fn channel(&self) -> Option<&str> {
        self.row.channel.as_deref()
    }

    /// Share of the target picture that it sees at each tick, shape (T,); NaN where there is none.
    #[getter]
    fn overlap<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<f64>> {
        PyArray1::from_slice(py, &self.row.overlap)
    }

    /// What the overlap was found by: ``"depth"`` or ``"footprint"``.
    #[getter]
    fn overlap_source(&self) -> Option<&str> {
        self.row.overlap_source.as_deref()
    }

    /// Metres beyond the window's end (`lookahead` only).
    #[getter]
    fn ahead_m(&self) -> Option<f64> {
        self.row.ahead_m
    }

    fn __repr__(&self) -> String {
        format!("Reference('{}', {}, {:.1} m)", self.row.frame_id, self.row.role, self.row.distance_m)
    }
}
