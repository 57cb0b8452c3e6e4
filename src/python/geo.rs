//! `worldloom.geo`: coordinates and frames on their own.

use numpy::PyArray2;
use numpy::ndarray::ArrayView2;
use pyo3::prelude::*;

use super::error::argument;
use super::values::{matrix, rows};
use crate::coord::tile::Tile;
use crate::coord::{Crs, EnuFrame, Geodetic, h3_cell};
use crate::error::Result;

/// A local east, north, up frame, as every recording has one at its origin.
///
/// Parameters
/// ----------
/// lon
///     Of its origin, WGS84 degrees.
/// lat
///     Of its origin, WGS84 degrees.
/// height_m
///     Of its origin, metres above the ellipsoid (or above whatever the heights given are above).
///
/// Raises
/// ------
/// ConfigError
///     Where the origin is not on the globe.
#[pyclass(module = "worldloom.geo", frozen)]
pub(super) struct Enu {
    frame: EnuFrame,
}

#[pymethods]
impl Enu {
    #[new]
    #[pyo3(signature = (lon, lat, height_m = 0.0))]
    fn new(lon: f64, lat: f64, height_m: f64) -> PyResult<Enu> {
        let origin = Geodetic::new(lon, lat, height_m);
        if !origin.is_valid() {
            return Err(argument(format!("no place has longitude {lon}, latitude {lat}, height {height_m}")).into());
        }
        Ok(Enu { frame: EnuFrame::new(origin) })
    }

    /// Longitude (degrees), latitude (degrees) and height (metres) of the origin.
    #[getter]
    fn origin(&self) -> (f64, f64, f64) {
        let o = self.frame.origin();
        (o.lon_deg, o.lat_deg, o.height_m)
    }

    /// Turn places into metres east, north and up of the origin.
    ///
    /// Parameters
    /// ----------
    /// places
    ///     Longitude and latitude in degrees and height in metres, shape (N, 3).
    ///
    /// Returns
    /// -------
    /// Shape (N, 3), metres.
    ///
    /// Raises
    /// ------
    /// ConfigError
    ///     Where a place is not on the globe.
    fn to_enu<'py>(&self, py: Python<'py>, places: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyArray2<f64>>> {
        let places = rows::<3>(py, places, "places")?;
        let places = places.as_array();
        let points = py.detach(|| {
            each(&places, |i, [lon, lat, height_m]| {
                let place = Geodetic::new(lon, lat, height_m);
                let no_place = || argument(format!("place {i}: no longitude {lon}, latitude {lat}, height {height_m}"));
                place.is_valid().then(|| self.frame.to_enu(place).into()).ok_or_else(no_place)
            })
        });
        matrix(py, &points?)
    }

    /// Turn metres east, north and up of the origin into places.
    ///
    /// Parameters
    /// ----------
    /// points
    ///     Shape (N, 3), metres.
    ///
    /// Returns
    /// -------
    /// Longitude and latitude in degrees and height in metres, shape (N, 3).
    fn to_geodetic<'py>(&self, py: Python<'py>, points: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyArray2<f64>>> {
        let points = rows::<3>(py, points, "points")?;
        let points = points.as_array();
        let places = py.detach(|| {
            each(&points, |_, p: [f64; 3]| {
                let place = self.frame.to_geodetic(p.into());
                Ok([place.lon_deg, place.lat_deg, place.height_m])
            })
        });
        matrix(py, &places?)
    }

    fn __repr__(&self) -> String {
        let (lon, lat, height) = self.origin();
        format!("Enu({lon}, {lat}, {height})")
    }
}

/// Change coordinates from one reference system to another.
///
/// Axes are always x (easting, longitude), then y (northing, latitude), whatever order the register has.
///
/// Parameters
/// ----------
/// points
///     Shape (N, 2): metres, or degrees in a geographic system.
/// source
///     The system that they are in, e.g. ``"EPSG:5186"``, or a well-known text.
/// target
///     The system that they shall be in.
///
/// Returns
/// -------
/// Shape (N, 2).
///
/// Raises
/// ------
/// ConfigError
///     For a system that is not known, or a point outside one.
#[pyfunction]
#[pyo3(signature = (points, source, target = "EPSG:4326"))]
pub(super) fn transform<'py>(
    py: Python<'py>,
    points: &Bound<'py, PyAny>,
    source: &str,
    target: &str,
) -> PyResult<Bound<'py, PyArray2<f64>>> {
    let points = rows::<2>(py, points, "points")?;
    let system = |text: &str| Crs::parse(text).map_err(|e| argument(e.to_string()));
    let (source, target) = (system(source)?, system(target)?);
    let points = points.as_array();
    let moved = py.detach(|| {
        each(&points, |i, [x, y]| {
            let moved = source.to_wgs84(x, y).and_then(|(lon, lat)| target.from_wgs84(lon, lat));
            moved.map(|(x, y)| [x, y]).map_err(|e| argument(format!("point {i}: {e}")))
        })
    });
    matrix(py, &moved?)
}

/// Find the Web Mercator tiles that places lie in.
///
/// Parameters
/// ----------
/// places
///     Longitude and latitude, degrees, shape (N, 2). Latitudes beyond the map count as its edge.
/// z
///     Zoom level, 0 to 30.
///
/// Returns
/// -------
/// Columns x and y (from the north), shape (N, 2), int64.
///
/// Raises
/// ------
/// ConfigError
///     For a level beyond 30, or a place that is not finite.
#[pyfunction]
pub(super) fn tiles<'py>(py: Python<'py>, places: &Bound<'py, PyAny>, z: u8) -> PyResult<Bound<'py, PyArray2<i64>>> {
    let places = rows::<2>(py, places, "places")?;
    Tile::new(z, 0, 0).map_err(|e| argument(e.to_string()))?;
    let places = places.as_array();
    let found = py.detach(|| {
        each(&places, |i, [lon, lat]| {
            let tile = finite(i, lon, lat).map(|()| Tile::of(lon, lat, z))?;
            Ok([i64::from(tile.x), i64::from(tile.y)])
        })
    });
    matrix(py, &found?)
}

/// Find the bounds of a Web Mercator tile.
///
/// Parameters
/// ----------
/// z
///     Zoom level.
/// x
///     Column, from 180° west.
/// y
///     Row, from the north.
///
/// Returns
/// -------
/// West, south, east and north edge, degrees.
///
/// Raises
/// ------
/// ConfigError
///     Where there is no such tile.
#[pyfunction]
pub(super) fn tile_bounds(z: u8, x: u32, y: u32) -> PyResult<(f64, f64, f64, f64)> {
    let tile = Tile::new(z, x, y).map_err(|e| argument(e.to_string()))?;
    let bounds = tile.bounds();
    Ok((bounds.xmin, bounds.ymin, bounds.xmax, bounds.ymax))
}

/// Find the H3 cells that places lie in.
///
/// Parameters
/// ----------
/// places
///     Longitude and latitude, degrees, shape (N, 2).
/// resolution
///     0 to 15.
///
/// Returns
/// -------
/// Cell indices as H3 writes them, a string each.
///
/// Raises
/// ------
/// ConfigError
///     For a resolution beyond 15, or a place that is not finite.
#[pyfunction]
#[pyo3(signature = (places, resolution = 12))]
pub(super) fn cells(py: Python<'_>, places: &Bound<'_, PyAny>, resolution: u8) -> PyResult<Vec<String>> {
    let places = rows::<2>(py, places, "places")?;
    let places = places.as_array();
    let found = py.detach(|| {
        each(&places, |i, [lon, lat]| {
            finite(i, lon, lat)?;
            h3_cell(lon, lat, resolution).map_err(|e| argument(format!("place {i}: {e}")))
        })
    });
    Ok(found?)
}

fn finite(i: usize, lon: f64, lat: f64) -> Result<()> {
    let fine = lon.is_finite() && lat.is_finite();
    fine.then_some(()).ok_or_else(|| argument(format!("place {i} is not finite")))
}

/// What becomes of each row.
fn each<T, const N: usize>(of: &ArrayView2<'_, f64>, becomes: impl Fn(usize, [f64; N]) -> Result<T>) -> Result<Vec<T>> {
    of.rows().into_iter().enumerate().map(|(i, row)| becomes(i, std::array::from_fn(|k| row[k]))).collect()
}
