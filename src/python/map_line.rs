//! [`MapLine`]: a line of the map in a picture.

use numpy::PyArray2;
use pyo3::prelude::*;

use super::values::matrix;
use crate::render::ViewLine;

/// A line of the map in a picture.
#[pyclass(module = "worldloom", frozen)]
pub(super) struct MapLine {
    layer: &'static str,
    feature_id: String,
    class: String,
    points: Vec<[f64; 3]>,
}

impl From<ViewLine<'_>> for MapLine {
    fn from(line: ViewLine<'_>) -> MapLine {
        let feature = line.feature;
        let (feature_id, class) = (feature.id.clone(), feature.class.clone());
        MapLine { layer: feature.layer.name(), feature_id, class, points: line.points }
    }
}

#[pymethods]
impl MapLine {
    /// The map layer that it is of, e.g. ``"lane_divider"``.
    #[getter]
    fn layer(&self) -> &str {
        self.layer
    }

    /// The feature's id in that layer.
    #[getter]
    fn feature_id(&self) -> &str {
        &self.feature_id
    }

    /// What the feature is, in the map's words, e.g. ``"zebra"``.
    #[getter]
    fn feature_class(&self) -> &str {
        &self.class
    }

    /// Column and row in pixels, all on the picture, and distance from the camera in metres, shape (N, 3), N >= 2.
    #[getter]
    fn points<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray2<f64>>> {
        matrix(py, &self.points)
    }

    fn __repr__(&self) -> String {
        format!("MapLine({} '{}', {} points)", self.layer, self.feature_id, self.points.len())
    }
}
