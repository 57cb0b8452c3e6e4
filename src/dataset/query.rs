//! Queries by place, time and attributes (`docs/query.md`): an R-tree over the samples' boxes finds candidates, an
//! exact test on the trajectory decides, polars filters by columns.

use std::collections::BTreeSet;
use std::path::Path;
use std::str::FromStr;

use geo::{Coord, Distance, Euclidean, Geometry, Intersects, LineString, MultiPolygon, Polygon, Rect};
use h3o::{CellIndex, LatLng};
use nalgebra::Vector3;
use rstar::primitives::{GeomWithData, Rectangle};
use rstar::{AABB, RTree};

use super::Dataset;
use super::geoparquet::{bounds, from_wkb};
use super::where_expr::Filter;
use crate::coord::{BBox, EnuFrame, Geodetic};
use crate::error::{ErrorKind, Result};
use crate::sample::Split;
use crate::source::map::geojson::read_geometries;
use crate::time::Timestamp;

/// What is asked for: samples that meet all of it.
///
/// A place is met where any part of the ego trajectory lies in it; an H3 cell and times by the anchor (t0).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Query {
    /// The trajectory crosses the box.
    pub bbox: Option<BBox>,
    /// The trajectory comes near a point.
    pub near: Option<Near>,
    /// The trajectory crosses a polygon, `lon, lat` degrees.
    pub within: Option<MultiPolygon<f64>>,
    /// The trajectory comes near a line.
    pub along: Option<Along>,
    /// The anchor lies in the cell, of any resolution.
    pub h3: Option<CellIndex>,
    /// t0 lies in the span.
    pub time: Option<Span>,
    /// The expression holds.
    pub filter: Option<Filter>,
    /// The sample is of the split.
    pub split: Option<Split>,
    /// At most so many, the first in the order of the data set.
    pub limit: Option<usize>,
}

/// A circle.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Near {
    /// Longitude, degrees.
    pub lon: f64,
    /// Latitude, degrees.
    pub lat: f64,
    /// Metres.
    pub radius_m: f64,
}

/// The surroundings of lines.
#[derive(Debug, Clone, PartialEq)]
pub struct Along {
    /// Lines, `lon, lat` degrees.
    pub lines: Vec<LineString<f64>>,
    /// Metres.
    pub buffer_m: f64,
}

/// A span of time, the start in it, the end not; `None` is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// First instant, nanoseconds.
    pub start_ns: Option<i64>,
    /// First instant after it, nanoseconds.
    pub end_ns: Option<i64>,
}

/// An index over the boxes of samples.
pub(super) type BoxTree = RTree<GeomWithData<Rectangle<[f64; 2]>, usize>>;

/// Longest piece of a line that is looked at as straight in the local plane, metres.
const PIECE_M: f64 = 1000.0;

impl FromStr for Near {
    type Err = String;

    /// `LON,LAT,METRES`.
    fn from_str(text: &str) -> Result<Near, String> {
        match numbers(text).as_deref() {
            Some(&[lon, lat, radius_m]) if lon.abs() <= 180.0 && lat.abs() <= 90.0 && radius_m >= 0.0 => {
                Ok(Near { lon, lat, radius_m })
            }
            _ => Err(format!("`{text}` is not LON,LAT,METRES, e.g. 127.111,37.394,200")),
        }
    }
}

/// A box from `WEST,SOUTH,EAST,NORTH` in degrees.
///
/// # Errors
///
/// A sentence where it is not.
pub fn parse_bbox(text: &str) -> Result<BBox, String> {
    match numbers(text).as_deref() {
        Some(&[xmin, ymin, xmax, ymax])
            if (-180.0..=xmax).contains(&xmin) && xmax <= 180.0 && (-90.0..=ymax).contains(&ymin) && ymax <= 90.0 =>
        {
            Ok(BBox { xmin, ymin, xmax, ymax })
        }
        _ => Err(format!("`{text}` is not WEST,SOUTH,EAST,NORTH, e.g. 127.10,37.39,127.12,37.40")),
    }
}

impl FromStr for Span {
    type Err = String;

    /// `START/END` in RFC 3339, either may be left out (or be `..`).
    fn from_str(text: &str) -> Result<Span, String> {
        let (start, end) = text.split_once('/').ok_or_else(|| format!("`{text}` is not START/END"))?;
        let time = |part: &str| match part.trim() {
            "" | ".." => Ok(None),
            part => Timestamp::parse(part).map(|t| Some(t.ns())).map_err(|e| e.to_string()),
        };
        let span = Span { start_ns: time(start)?, end_ns: time(end)? };
        match (span.start_ns, span.end_ns) {
            (Some(start), Some(end)) if start > end => Err(format!("`{text}` ends before it starts")),
            _ => Ok(span),
        }
    }
}

fn numbers(text: &str) -> Option<Vec<f64>> {
    let all = text.split(',').map(|part| part.trim().parse::<f64>().ok().filter(|v| v.is_finite()));
    all.collect()
}

/// The polygons of a GeoJSON file.
///
/// # Errors
///
/// [`ErrorKind::Malformed`] where it is not GeoJSON or has no polygon; where it cannot be read.
pub fn read_polygons(path: &Path) -> Result<MultiPolygon<f64>> {
    polygons(read_geometries(path)?).ok_or_else(|| ErrorKind::malformed("GeoJSON", "it has no polygon").in_file(path))
}

/// The polygons among geometries; `None` without one.
pub fn polygons(geometries: Vec<Geometry<f64>>) -> Option<MultiPolygon<f64>> {
    let polygons = geometries.into_iter().flat_map(|geometry| match geometry {
        Geometry::Polygon(polygon) => vec![polygon],
        Geometry::MultiPolygon(many) => many.0,
        _ => Vec::new(),
    });
    let polygons: Vec<Polygon<f64>> = polygons.collect();
    (!polygons.is_empty()).then_some(MultiPolygon(polygons))
}

/// The lines of a GeoJSON file.
///
/// # Errors
///
/// [`ErrorKind::Malformed`] where it is not GeoJSON or has no line; where it cannot be read.
pub fn read_lines(path: &Path) -> Result<Vec<LineString<f64>>> {
    lines(read_geometries(path)?).ok_or_else(|| ErrorKind::malformed("GeoJSON", "it has no line").in_file(path))
}

/// The lines among geometries; `None` without one.
pub fn lines(geometries: Vec<Geometry<f64>>) -> Option<Vec<LineString<f64>>> {
    let lines = geometries.into_iter().flat_map(|geometry| match geometry {
        Geometry::LineString(line) => vec![line],
        Geometry::MultiLineString(many) => many.0,
        _ => Vec::new(),
    });
    let lines: Vec<LineString<f64>> = lines.filter(|line| !line.0.is_empty()).collect();
    (!lines.is_empty()).then_some(lines)
}

impl Dataset {
    /// The rows of `samples` that meet a query, ascending.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] where the expression does not fit the columns; [`ErrorKind::Damaged`] where a geometry is
    /// none.
    pub fn query(&self, query: &Query) -> Result<Vec<usize>> {
        let mut rows: Option<BTreeSet<usize>> = None;
        let mut keep = |found: BTreeSet<usize>| {
            rows = Some(match rows.take() {
                Some(before) => before.intersection(&found).copied().collect(),
                None => found,
            });
        };
        if let Some(bbox) = &query.bbox {
            keep(self.crossing_box(bbox)?);
        }
        if let Some(near) = &query.near {
            keep(self.near(near)?);
        }
        if let Some(polygons) = &query.within {
            keep(self.within(polygons)?);
        }
        if let Some(along) = &query.along {
            keep(self.along(along)?);
        }
        if query.h3.is_some() || query.time.is_some() || query.filter.is_some() || query.split.is_some() {
            keep(self.by_columns(query)?);
        }
        let limit = query.limit.unwrap_or(usize::MAX);
        Ok(match rows {
            Some(rows) => rows.into_iter().take(limit).collect(),
            None => (0..self.len()).take(limit).collect(),
        })
    }

    /// Rows whose own box meets `bbox`, in no order.
    fn candidates(&self, bbox: &BBox) -> impl Iterator<Item = usize> {
        let envelope = AABB::from_corners([bbox.xmin, bbox.ymin], [bbox.xmax, bbox.ymax]);
        self.boxes().locate_in_envelope_intersecting(&envelope).map(|hit| hit.data)
    }

    fn trajectory(&self, row: usize) -> Result<LineString<f64>> {
        let damaged = |reason: String| ErrorKind::Damaged(format!("sample {row}: {reason}")).in_file(self.dir());
        let column = self.samples().column("geometry").and_then(|c| c.binary());
        let wkb = column.ok().and_then(|c| c.get(row)).ok_or_else(|| damaged("no geometry".to_string()))?;
        match from_wkb(wkb) {
            Ok(Geometry::LineString(line)) => Ok(line),
            Ok(_) => Err(damaged("its geometry is not a LineString".to_string())),
            Err(e) => Err(damaged(e.to_string())),
        }
    }

    fn crossing_box(&self, bbox: &BBox) -> Result<BTreeSet<usize>> {
        let rect = Rect::new(Coord { x: bbox.xmin, y: bbox.ymin }, Coord { x: bbox.xmax, y: bbox.ymax });
        self.where_trajectory(self.candidates(bbox), |line| line.intersects(&rect))
    }

    fn near(&self, near: &Near) -> Result<BTreeSet<usize>> {
        let point = LineString::new(vec![Coord { x: near.lon, y: near.lat }]);
        let bbox =
            BBox { xmin: near.lon, ymin: near.lat, xmax: near.lon, ymax: near.lat }.grown_m(near.radius_m * 1.01);
        self.where_trajectory(self.candidates(&bbox), |line| distance_m(&point, line) <= near.radius_m)
    }

    fn within(&self, polygons: &MultiPolygon<f64>) -> Result<BTreeSet<usize>> {
        let mut rows = BTreeSet::new();
        for polygon in polygons {
            if let Some(bbox) = bounds(&Geometry::Polygon(polygon.clone())) {
                rows.extend(self.where_trajectory(self.candidates(&bbox), |line| line.intersects(polygon))?);
            }
        }
        Ok(rows)
    }

    fn along(&self, along: &Along) -> Result<BTreeSet<usize>> {
        let mut rows = BTreeSet::new();
        for piece in along.lines.iter().flat_map(pieces) {
            let Some(bbox) = bounds(&Geometry::LineString(piece.clone())) else { continue };
            let bbox = bbox.grown_m(along.buffer_m * 1.01);
            let candidates = self.candidates(&bbox).filter(|row| !rows.contains(row));
            let found = self.where_trajectory(candidates, |line| distance_m(&piece, line) <= along.buffer_m)?;
            rows.extend(found);
        }
        Ok(rows)
    }

    fn where_trajectory(
        &self,
        candidates: impl Iterator<Item = usize>,
        test: impl Fn(&LineString<f64>) -> bool,
    ) -> Result<BTreeSet<usize>> {
        let tested = candidates.map(|row| Ok(test(&self.trajectory(row)?).then_some(row)));
        tested.filter_map(Result::transpose).collect()
    }

    /// Rows by what their columns say.
    fn by_columns(&self, query: &Query) -> Result<BTreeSet<usize>> {
        let samples = self.samples();
        let checked = "the schema was checked when the table was read";
        let mask = match &query.filter {
            Some(filter) => Some(filter.mask(samples).map_err(|e| ErrorKind::Config(format!("`where`, {e}")).bare())?),
            None => None,
        };
        let splits = samples.column("split").and_then(|c| c.str()).expect(checked);
        let times = samples.column("t0_ns").and_then(|c| c.i64()).expect(checked);
        let lons = samples.column("lon").and_then(|c| c.f64()).expect(checked);
        let lats = samples.column("lat").and_then(|c| c.f64()).expect(checked);
        let keeps = |row: usize| {
            mask.as_ref().is_none_or(|mask| mask.get(row) == Some(true))
                && query.split.is_none_or(|split| splits.get(row) == Some(split.name()))
                && query.time.is_none_or(|span| times.get(row).is_some_and(|t| span.holds(t)))
                && query.h3.is_none_or(|cell| {
                    let place = lats.get(row).zip(lons.get(row)).and_then(|(lat, lon)| LatLng::new(lat, lon).ok());
                    place.is_some_and(|place| place.to_cell(cell.resolution()) == cell)
                })
        };
        Ok((0..self.len()).filter(|&row| keeps(row)).collect())
    }
}

impl Span {
    /// Whether a time lies in it.
    pub fn holds(&self, t_ns: i64) -> bool {
        self.start_ns.is_none_or(|start| t_ns >= start) && self.end_ns.is_none_or(|end| t_ns < end)
    }
}

/// An H3 cell from its index in hexadecimal.
///
/// # Errors
///
/// A sentence where it is none.
pub fn parse_h3(text: &str) -> Result<CellIndex, String> {
    CellIndex::from_str(text.trim()).map_err(|_| format!("`{text}` is not an H3 cell, e.g. 8a30e1d8dc27fff"))
}

/// The index over the boxes of samples, from the `bbox` column.
pub(super) fn box_tree(samples: &polars::prelude::DataFrame) -> BoxTree {
    let checked = "the schema was checked when the table was read";
    let boxes = samples.column("bbox").and_then(|c| c.struct_()).expect(checked);
    let edge = |name: &str| boxes.field_by_name(name).expect(checked);
    let (xmin, ymin, xmax, ymax) = (edge("xmin"), edge("ymin"), edge("xmax"), edge("ymax"));
    let [xmin, ymin, xmax, ymax] = [&xmin, &ymin, &xmax, &ymax].map(|c| c.f64().expect(checked));
    let items = (0..samples.height()).filter_map(|row| {
        let low = [xmin.get(row)?, ymin.get(row)?];
        let high = [xmax.get(row)?, ymax.get(row)?];
        Some(GeomWithData::new(Rectangle::from_corners(low, high), row))
    });
    RTree::bulk_load(items.collect())
}

/// A line cut into pieces of at most [`PIECE_M`], straight between its vertices in degrees as GeoJSON has it.
fn pieces(line: &LineString<f64>) -> Vec<LineString<f64>> {
    if line.0.len() == 1 {
        return vec![line.clone()];
    }
    let mut all = Vec::new();
    for part in line.lines() {
        let frame = EnuFrame::new(Geodetic::new(part.start.x, part.start.y, 0.0));
        let length_m = frame.to_enu(Geodetic::new(part.end.x, part.end.y, 0.0)).norm();
        let count = (length_m / PIECE_M).ceil().clamp(1.0, 100_000.0) as u32;
        let at = |i: u32| part.start + part.delta() * (f64::from(i) / f64::from(count));
        all.extend((0..count).map(|i| LineString::new(vec![at(i), at(i + 1)])));
    }
    all
}

/// Metres between a short line (or point) and a trajectory, in a plane at the line's start.
fn distance_m(piece: &LineString<f64>, trajectory: &LineString<f64>) -> f64 {
    let Some(&centre) = piece.0.first() else { return f64::INFINITY };
    let frame = EnuFrame::new(Geodetic::new(centre.x, centre.y, 0.0));
    let flat = |line: &LineString<f64>| -> LineString<f64> {
        line.coords().map(|c| unrolled(frame.to_enu(Geodetic::new(c.x, c.y, 0.0)))).collect()
    };
    let (piece, trajectory) = (flat(piece), flat(trajectory));
    match piece.0.as_slice() {
        [only] => Euclidean.distance(&geo::Point(*only), &trajectory),
        _ => Euclidean.distance(&piece, &trajectory),
    }
}

/// A point of the ground, seen from the origin in ENU, at its distance along the ground (a sphere's) in its direction.
///
/// Plain ENU falls short by 2 ppm at 20 km and by 1 % at 1,500 km.
fn unrolled(enu: Vector3<f64>) -> Coord<f64> {
    const RADIUS_M: f64 = 6_371_008.8;
    let flat = (enu.x * enu.x + enu.y * enu.y).sqrt();
    if flat == 0.0 {
        return Coord { x: 0.0, y: 0.0 };
    }
    let chord = (enu.norm() / (2.0 * RADIUS_M)).min(1.0);
    let scale = 2.0 * RADIUS_M * libm::asin(chord) / flat;
    Coord { x: enu.x * scale, y: enu.y * scale }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{self, ORIGIN};
    use super::*;
    use h3o::Resolution;
    use proptest::prelude::*;
    use std::sync::OnceLock;

    fn dataset() -> &'static Dataset {
        static DATASET: OnceLock<(tempfile::TempDir, Dataset)> = OnceLock::new();
        let (_, dataset) = DATASET.get_or_init(|| {
            let dir = tempfile::tempdir().expect("a folder");
            let full = |i: usize| !i.is_multiple_of(3);
            let at = |i: usize| (f64::from(i as u32 % 20) * 13.0, f64::from(i as u32 / 20) * 17.0);
            let rows: Vec<_> = (0..200)
                .map(|i| {
                    fixture::sample(&format!("s{i:03}"), if full(i) { "a" } else { "b" }, at(i).0, at(i).1, full(i))
                })
                .collect();
            fixture::write(dir.path(), &rows);
            let dataset = Dataset::open(dir.path()).expect("a data set");
            (dir, dataset)
        });
        dataset
    }

    /// The trajectory of a row as `(from, to)` east metres and north metres in the fixture's frame.
    fn extent(row: usize) -> (f64, f64, f64) {
        let row = dataset().sample(row).expect("read");
        let i: u32 = row.sample_id[1..].parse().expect("a number");
        let (e, n) = (f64::from(i % 20) * 13.0, f64::from(i / 20) * 17.0);
        (e - 5.0, e + 15.0, n)
    }

    fn place(e: f64, n: f64) -> (f64, f64) {
        let at = EnuFrame::new(ORIGIN).to_geodetic(Vector3::new(e, n, 0.0));
        (at.lon_deg, at.lat_deg)
    }

    fn brute(test: impl Fn((f64, f64, f64)) -> bool) -> Vec<usize> {
        (0..dataset().len()).filter(|&row| test(extent(row))).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]

        #[test]
        fn near_finds_what_measuring_every_sample_finds(e in -60.0..300.0, n in -60.0..240.0, radius_m in 0.0..90.0) {
            let (lon, lat) = place(e, n);
            let found = dataset().query(&Query { near: Some(Near { lon, lat, radius_m }), ..Query::default() });
            let gap = |(from, to, north): (f64, f64, f64)| {
                let dx = (from - e).max(e - to).max(0.0);
                (dx * dx + (north - n) * (north - n)).sqrt()
            };
            let found = found.expect("found");
            for row in 0..dataset().len() {
                let gap = gap(extent(row));
                // A hair is left for heights and rounding.
                if (gap - radius_m).abs() > 0.005 {
                    prop_assert_eq!(found.contains(&row), gap <= radius_m, "row {}, {} m", row, gap);
                }
            }
        }

        #[test]
        fn a_box_finds_the_trajectories_that_cross_it(e in -60.0..300.0, n in -60.0..240.0, w in 0.0..120.0, h in 0.0..120.0) {
            let ((xmin, ymin), (xmax, ymax)) = (place(e, n), place(e + w, n + h));
            let found = dataset().query(&Query { bbox: Some(BBox { xmin, ymin, xmax, ymax }), ..Query::default() });
            let shrunk = |by: f64| brute(|(from, to, north)| {
                from <= e + w - by && to >= e + by && north <= n + h - by && north >= n + by
            });
            let found = found.expect("found");
            prop_assert!(shrunk(0.02).iter().all(|row| found.contains(row)));
            prop_assert!(found.iter().all(|row| shrunk(-0.02).contains(row)));
        }

        #[test]
        fn along_finds_what_measuring_every_sample_finds(n in -60.0..240.0, buffer_m in 0.5..60.0) {
            let ends = [place(-3000.0, n), place(20.0, n), place(2500.0, n)].map(|(x, y)| Coord { x, y });
            let along = Along { lines: vec![LineString::new(ends.to_vec())], buffer_m };
            let found = dataset().query(&Query { along: Some(along), ..Query::default() }).expect("found");
            for row in 0..dataset().len() {
                let gap = (extent(row).2 - n).abs();
                // Straight in degrees is not straight in ENU: over three kilometres they part by a decimetre.
                if (gap - buffer_m).abs() > 0.3 {
                    prop_assert_eq!(found.contains(&row), gap <= buffer_m, "row {}, {} m", row, gap);
                }
            }
        }
    }

    #[test]
    fn polygons_cells_times_and_splits_narrow_each_other() {
        // Between the places of samples, so that the curve of the earth decides nothing.
        let square = [place(20.3, 7.5), place(60.3, 7.5), place(60.3, 40.5), place(20.3, 40.5)];
        let square = MultiPolygon(vec![Polygon::new(LineString::from(square.to_vec()), Vec::new())]);
        let query = Query { within: Some(square), ..Query::default() };
        let inside = dataset().query(&query).expect("found");
        assert_eq!(inside, brute(|(from, to, north)| from <= 60.3 && to >= 20.3 && north > 7.5 && north < 40.5));
        let train = dataset().query(&Query { split: Some(Split::Train), ..query.clone() }).expect("found");
        assert!(!train.is_empty() && train.len() < inside.len());
        let two = dataset().query(&Query { limit: Some(2), ..query.clone() }).expect("found");
        assert_eq!(two, inside[..2]);
        let anchor = dataset().sample(inside[0]).expect("read");
        let cell = LatLng::new(anchor.lat, anchor.lon).expect("a place").to_cell(Resolution::Eleven);
        let there = dataset().query(&Query { h3: Some(cell), ..Query::default() }).expect("found");
        assert!(there.contains(&inside[0]) && there.len() < 200);
        let t0 = dataset().sample(train[0]).expect("read").t0_ns.expect("timed");
        let at = |start_ns, end_ns| Query { time: Some(Span { start_ns, end_ns }), ..Query::default() };
        assert!(dataset().query(&at(Some(t0), Some(t0 + 1))).expect("found").contains(&train[0]));
        assert!(!dataset().query(&at(None, Some(t0))).expect("found").contains(&train[0]));
        let timed = dataset().query(&at(None, None)).expect("found");
        assert_eq!(timed, dataset().query(&Query { split: Some(Split::Train), ..Query::default() }).expect("found"));
        let filter = Filter::parse("recording_id = 'b' and s0_m < 6").expect("an expression");
        let filtered = dataset().query(&Query { filter: Some(filter), ..Query::default() }).expect("found");
        assert_eq!(filtered.len() + timed.len(), 200);
        assert_eq!(dataset().query(&Query::default()).expect("found").len(), 200);
    }

    #[test]
    fn far_distances_are_those_along_the_ground() {
        // pyproj 3.7.2, Geod(ellps="WGS84").inv: Seoul to Busan.
        let line = |x: f64, y: f64| LineString::new(vec![Coord { x, y }, Coord { x, y }]);
        let gap = distance_m(&LineString::new(vec![Coord { x: 126.978, y: 37.5665 }]), &line(129.0756, 35.1796));
        assert!((gap / 324_915.3 - 1.0).abs() < 3e-3, "{gap}");
    }

    #[test]
    fn arguments_are_read_or_refused_with_an_example() {
        assert_eq!("127.1, 37.4,200".parse(), Ok(Near { lon: 127.1, lat: 37.4, radius_m: 200.0 }));
        assert!("127.1,37.4".parse::<Near>().is_err() && "200,37,1".parse::<Near>().is_err());
        assert!(parse_bbox("127.1,37.4,127.0,37.5").is_err() && parse_bbox("1,2,3,nan").is_err());
        assert!(parse_bbox("-180,-90,180,90").is_ok() && parse_bbox("14135000,4500000,14136000,4501000").is_err());
        let span: Span = "2024-05-01/..".parse().expect("a span");
        assert_eq!((span.start_ns, span.end_ns), (Some(1_714_521_600_000_000_000), None));
        assert!("2024-05-01".parse::<Span>().is_err() && "yesterday/".parse::<Span>().is_err());
        assert!(parse_h3("8c30e0000000dff").is_ok() || parse_h3("zz").is_err());
    }

    #[test]
    fn geojson_without_what_is_asked_for_is_refused() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("a.geojson");
        let write = |text: &str| std::fs::write(&path, text).expect("written");
        write(
            r#"{"type": "Feature", "properties": {}, "geometry": {"type": "GeometryCollection", "geometries": [
            {"type": "LineString", "coordinates": [[127, 37, 5], [127.1, 37]]},
            {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]}]}}"#,
        );
        assert_eq!(read_lines(&path).expect("a line").len(), 1);
        assert_eq!(read_polygons(&path).expect("a polygon").0.len(), 1);
        write(r#"{"type": "Point", "coordinates": [127, 37]}"#);
        assert!(read_polygons(&path).expect_err("a point").to_string().contains("no polygon"));
        for text in [
            "",
            "{}",
            "[",
            r#"{"type": "Polygon", "coordinates": [[[1], [2], [3], [1]]]}"#,
            r#"{"type": "Polygon", "coordinates": [[[14129000, 4500000], [14129001, 4500000], [14129000, 4500001]]]}"#,
        ] {
            write(text);
            assert!(matches!(read_polygons(&path).expect_err(text).kind(), ErrorKind::Malformed { .. }));
        }
    }
}
