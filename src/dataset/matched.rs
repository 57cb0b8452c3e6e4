//! The table of a matched trace: a row a position.

use geo::{Geometry, Point};
use polars::prelude::{DataFrame, PolarsResult};

use crate::coord::BBox;

use super::columns::Build;
use super::geoparquet::{GEOMETRY, to_wkb};

/// A position of a trace, and where it is on the road.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MatchedRow {
    /// Its number in the trace, from 0.
    pub index: i64,
    /// When, ns since the Unix epoch.
    pub t_ns: Option<i64>,
    /// Longitude on the road, degrees; as given where it is unmatched.
    pub lon: f64,
    /// Latitude, degrees.
    pub lat: f64,
    /// The way; `None` where it is unmatched, as are all below.
    pub way_id: Option<i64>,
    /// Metres along the way.
    pub offset_m: Option<f64>,
    /// Metres between the road and the position as given.
    pub distance_m: Option<f64>,
    /// Probability of the match.
    pub probability: Option<f64>,
}

/// The rows as a table with a geometry column.
///
/// # Errors
///
/// polars', which these types do not cause.
pub fn matched_table(rows: &[MatchedRow]) -> PolarsResult<DataFrame> {
    Build::new(rows)
        .long("index", |r| Some(r.index))
        .long("t_ns", |r| r.t_ns)
        .bytes(GEOMETRY, |r| Some(to_wkb(&Geometry::Point(Point::new(r.lon, r.lat)))))
        .bbox(|r| Some(BBox { xmin: r.lon, ymin: r.lat, xmax: r.lon, ymax: r.lat }))?
        .long("way_id", |r| r.way_id)
        .float("offset_m", |r| r.offset_m)
        .float("distance_m", |r| r.distance_m)
        .float("probability", |r| r.probability)
        .finish()
}
