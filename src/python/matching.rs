//! `match` and [`Roads`]: traces on roads.

use std::path::PathBuf;
use std::sync::Arc;

use numpy::PyReadonlyArray1;
use pyo3::prelude::*;

use super::error::argument;
use super::values::rows;
use crate::build::{MatchFormat, MatchSummary, MatchWriter, MatchedTrack, match_file, match_fixes, read_roads};
use crate::coord::Geodetic;
use crate::error::{Quarantine, Result};
use crate::record::{GnssFix, Mode, RoadGraph};
use crate::source::CsvColumns;
use crate::time::Timestamp;

/// The roads of a map, read once to match many traces.
///
/// Parameters
/// ----------
/// path
///     A map with roads, e.g. an OSM extract.
#[pyclass(module = "worldloom", frozen)]
pub(super) struct Roads {
    path: PathBuf,
    graph: Arc<RoadGraph>,
}

#[pymethods]
impl Roads {
    #[new]
    fn new(py: Python<'_>, path: PathBuf) -> PyResult<Roads> {
        let graph = py.detach(|| read_roads(&path, &mut Quarantine::new()))?;
        Ok(Roads { path, graph: Arc::new(graph) })
    }

    /// How many roads from junction to junction there are.
    fn __len__(&self) -> usize {
        self.graph.road_count()
    }

    fn __repr__(&self) -> String {
        format!("Roads('{}', {} roads)", self.path.display(), self.graph.road_count())
    }
}

/// Find the roads that a trace was driven on.
///
/// One setting serves every interval and noise.
///
/// Parameters
/// ----------
/// trace
///     A file (GPX, NMEA, CSV, GeoJSON) or recording folder, or longitudes and latitudes in degrees, shape (N, 2).
/// map
///     A map with roads, e.g. an OSM extract, or ``Roads`` for many traces.
/// mode
///     ``"car"``, ``"bicycle"`` or ``"foot"``.
/// t_ns
///     Nanoseconds since the Unix epoch of each row of ``trace``, shape (N,), where it is an array and has times.
/// columns
///     Names of a CSV's columns by ours, e.g. ``{"lon": "longitude", "lat": "latitude"}``.
///
/// Returns
/// -------
/// ``points``, a row each fix: ``index``, ``t_ns``, ``way_id``, ``offset_m`` (along the way), ``lon``, ``lat`` (on the road),
/// ``distance_m``, ``probability``, all ``None`` where it is on no road; ``path``, the edges driven: ``way_id``,
/// ``from_node``, ``to_node``, ``from_offset_m``, ``to_offset_m``, ``probability``; and ``breaks``: ``index``, ``reason``.
///
/// Raises
/// ------
/// ValueError
///     Where the arrays have other shapes, or there is no such mode.
/// UnsupportedError
///     Where the map has no roads.
#[pyfunction]
#[pyo3(name = "match", signature = (trace, map, mode = "car", *, t_ns = None, columns = None))]
pub(super) fn match_trace<'py>(
    py: Python<'py>,
    trace: Bound<'py, PyAny>,
    map: Bound<'py, PyAny>,
    mode: &str,
    t_ns: Option<Bound<'py, PyAny>>,
    columns: Option<CsvColumns>,
) -> PyResult<Bound<'py, PyAny>> {
    let mode = Mode::from_name(mode).ok_or_else(|| argument(format!("no mode {mode:?}: car, bicycle or foot")))?;
    let known = map.extract::<PyRef<'_, Roads>>().ok().map(|roads| Arc::clone(&roads.graph));
    let path = if known.is_some() { PathBuf::new() } else { map.extract::<PathBuf>()? };
    let roads = |refused: &mut Quarantine| match &known {
        Some(graph) => Ok(Arc::clone(graph)),
        None => read_roads(&path, refused).map(Arc::new),
    };
    let text = match trace.extract::<PathBuf>() {
        Ok(trace) if t_ns.is_none() => {
            let columns = columns.unwrap_or_default();
            py.detach(|| answer(|sink| match_file(&trace, &columns, mode, roads, sink)))?
        }
        Ok(_) => return Err(argument("t_ns goes with an array, not with a file".to_string()).into()),
        Err(_) if columns.is_some() => {
            return Err(argument("columns go with a file, not with an array".to_string()).into());
        }
        Err(_) => {
            let fixes = fixes(py, &trace, t_ns.as_ref())?;
            py.detach(|| answer(|sink| match_fixes(&*roads(&mut Quarantine::new())?, mode, &fixes, sink)))?
        }
    };
    py.import("json")?.call_method1("loads", (text,))
}

/// The text of an answer, from what gives its tracks.
fn answer(
    tracks: impl FnOnce(&mut dyn FnMut(&MatchedTrack<'_>) -> Result<()>) -> Result<MatchSummary>,
) -> Result<Vec<u8>> {
    let mut text = Vec::new();
    let mut writer = MatchWriter::new(MatchFormat::Json, &mut text);
    tracks(&mut |track| writer.track(track))?;
    writer.finish()?;
    Ok(text)
}

/// Rows of longitude and latitude, with times where there are any.
fn fixes(py: Python<'_>, trace: &Bound<'_, PyAny>, t_ns: Option<&Bound<'_, PyAny>>) -> PyResult<Vec<GnssFix>> {
    let rows = rows::<2>(py, trace, "longitudes and latitudes of a trace")?;
    let rows = rows.as_array();
    let times: Option<Vec<i64>> = match t_ns {
        None => None,
        Some(times) => {
            let times = py.import("numpy")?.call_method1("asarray", (times, "int64"))?;
            let wrong = |_| argument("t_ns is an array of whole numbers, shape (N,)".to_string());
            let times: PyReadonlyArray1<'_, i64> = times.extract().map_err(wrong)?;
            Some(times.as_array().to_vec())
        }
    };
    if times.as_ref().is_some_and(|t| t.len() != rows.nrows()) {
        return Err(argument("t_ns has as many rows as the trace".to_string()).into());
    }
    let fix = |(i, row): (usize, numpy::ndarray::ArrayView1<'_, f64>)| {
        let t = times.as_ref().map(|t| Timestamp::from_ns(t[i]));
        GnssFix::at(t, Geodetic::new(row[0], row[1], 0.0), i as u64)
    };
    Ok(rows.rows().into_iter().enumerate().map(fix).collect())
}
