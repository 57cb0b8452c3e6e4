//! The arguments of `Dataset.query`.

use std::path::{Path, PathBuf};

use geo::Geometry;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use super::error::argument;
use crate::dataset::Query;
use crate::dataset::query::{Along, Near, Span, lines, parse_bbox, parse_h3, polygons, read_lines, read_polygons};
use crate::dataset::where_expr::Filter;
use crate::error::Result;
use crate::sample::Split;
use crate::source::map::geojson::parse_geometries;
use crate::time::Timestamp;

/// What stands for the file in messages about a geometry that was passed as an object.
const OBJECT: &str = "geometry";

/// The arguments as Python gives them.
pub(super) struct QueryArguments<'py> {
    pub(super) bbox: Option<(f64, f64, f64, f64)>,
    pub(super) near: Option<(f64, f64, f64)>,
    pub(super) within: Option<Bound<'py, PyAny>>,
    pub(super) along: Option<(Bound<'py, PyAny>, f64)>,
    pub(super) h3: Option<Bound<'py, PyAny>>,
    pub(super) time: Option<Bound<'py, PyAny>>,
    pub(super) filter: Option<String>,
    pub(super) split: Option<String>,
}

impl QueryArguments<'_> {
    /// The query they mean, without a limit.
    pub(super) fn query(self) -> PyResult<Query> {
        let bbox = match self.bbox {
            Some((w, s, e, n)) => Some(parse_bbox(&format!("{w},{s},{e},{n}")).map_err(argument)?),
            None => None,
        };
        let near = match self.near {
            Some((lon, lat, m)) => Some(format!("{lon},{lat},{m}").parse::<Near>().map_err(argument)?),
            None => None,
        };
        let within = match &self.within {
            Some(shape) => Some(match shape_of(shape)? {
                Shape::File(path) => read_polygons(&path)?,
                Shape::Object(shape) => polygons(shape).ok_or_else(|| argument("`within` has no polygon"))?,
            }),
            None => None,
        };
        let along = match &self.along {
            Some((_, buffer_m)) if !(buffer_m.is_finite() && *buffer_m >= 0.0) => {
                return Err(argument("`along` is (line, metres)").into());
            }
            Some((line, buffer_m)) => {
                let lines = match shape_of(line)? {
                    Shape::File(path) => read_lines(&path)?,
                    Shape::Object(shape) => lines(shape).ok_or_else(|| argument("`along` has no line"))?,
                };
                Some(Along { lines, buffer_m: *buffer_m })
            }
            None => None,
        };
        let h3 = match &self.h3 {
            Some(cell) => Some(match cell.extract::<u64>() {
                Ok(number) => parse_h3(&format!("{number:x}")).map_err(argument)?,
                Err(_) => parse_h3(&cell.extract::<String>()?).map_err(argument)?,
            }),
            None => None,
        };
        let time = self.time.as_ref().map(span).transpose()?;
        let filter = match &self.filter {
            Some(text) => Some(Filter::parse(text).map_err(|e| argument(format!("`where`, {e}")))?),
            None => None,
        };
        let split = self.split.as_deref().map(split_of).transpose()?;
        Ok(Query { bbox, near, within, along, h3, time, filter, split, limit: None })
    }
}

enum Shape {
    File(PathBuf),
    Object(Vec<Geometry<f64>>),
}

/// The path of a GeoJSON file, GeoJSON as a dict, or an object with `__geo_interface__`, e.g. of shapely.
fn shape_of(value: &Bound<'_, PyAny>) -> PyResult<Shape> {
    let json = match value.getattr_opt("__geo_interface__")? {
        Some(interface) => interface,
        None if value.is_instance_of::<PyDict>() => value.clone(),
        None => return Ok(Shape::File(value.extract()?)),
    };
    let text: String = value.py().import("json")?.call_method1("dumps", (json,))?.extract()?;
    Ok(Shape::Object(parse_geometries(text.as_bytes(), Path::new(OBJECT))?))
}

/// `"START/END"` or a pair of times.
fn span(value: &Bound<'_, PyAny>) -> PyResult<Span> {
    if let Ok(text) = value.extract::<String>() {
        return Ok(text.parse().map_err(argument)?);
    }
    let pair = value.cast::<PyTuple>().ok().filter(|pair| pair.len() == 2);
    let pair = pair.ok_or_else(|| argument("`time` is \"START/END\" or (start, end)"))?;
    Ok(Span { start_ns: instant(&pair.get_item(0)?)?, end_ns: instant(&pair.get_item(1)?)? })
}

/// Nanoseconds, text, a `datetime`, a `numpy.datetime64`, or `None`.
fn instant(value: &Bound<'_, PyAny>) -> PyResult<Option<i64>> {
    if value.is_none() {
        return Ok(None);
    }
    if let Ok(t_ns) = value.extract::<i64>() {
        return Ok(Some(t_ns));
    }
    let text = match value.getattr_opt("isoformat")? {
        Some(isoformat) => isoformat.call0()?.str()?,
        None => value.str()?,
    };
    let time = Timestamp::parse(text.to_str()?).map_err(|e| argument(e.to_string()))?;
    Ok(Some(time.ns()))
}

fn split_of(name: &str) -> Result<Split> {
    let unknown = || argument(format!("no split is called `{name}`: train, val, test, buffer, none"));
    Split::from_name(name).ok_or_else(unknown)
}
