//! H3 cells: the cell of a place, the cells around a cell, and the cells within metres of a path.

use std::collections::BTreeSet;

use h3o::{CellIndex, LatLng, Resolution};

use super::{LocalPlane, nearest_on_segment};

/// A cell that is none, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no H3 cell: {reason}")]
pub struct InvalidCell {
    /// What is wrong.
    pub reason: String,
}

/// Longest stretch of a path that shares one projection, metres.
const STRETCH_M: f64 = 500.0;

/// The cell of a place (degrees) at a resolution 0–15, as H3 writes it: 15 hexadecimal digits.
///
/// # Errors
///
/// [`InvalidCell`] for a resolution above 15 or a place that is not finite.
pub fn h3_cell(lon: f64, lat: f64, resolution: u8) -> Result<String, InvalidCell> {
    Ok(cell(lon, lat, level(resolution)?)?.to_string())
}

/// The cells within `k` steps of a cell, itself included, in ascending order.
///
/// # Errors
///
/// [`InvalidCell`] for a string that is no cell.
pub fn h3_disk(of: &str, k: u32) -> Result<Vec<String>, InvalidCell> {
    let centre: CellIndex = of.parse().map_err(|_| InvalidCell { reason: format!("`{of}` is not a cell index") })?;
    let disk: BTreeSet<CellIndex> = centre.grid_disk(k);
    Ok(disk.into_iter().map(|c| c.to_string()).collect())
}

/// Every cell whose hexagon comes within `distance_m` of a path of `(lon, lat)` degrees, in ascending order.
///
/// Complete and exact: distances go from the path's segments to the cells' edges, which are great circles, in the
/// gnomonic projection at the segment, where both are straight. A path of one point is that point.
///
/// # Errors
///
/// [`InvalidCell`] for a resolution above 15, or a distance or place that is not finite.
pub fn h3_near_path(path: &[(f64, f64)], resolution: u8, distance_m: f64) -> Result<Vec<CellIndex>, InvalidCell> {
    let level = level(resolution)?;
    if !(distance_m.is_finite() && distance_m >= 0.0) {
        return Err(InvalidCell { reason: format!("a distance of {distance_m} m") });
    }
    let mut near = BTreeSet::new();
    for &(lon, lat) in path {
        near.insert(cell(lon, lat, level)?);
    }
    let path = unbroken(path);
    let Some(&first) = path.first() else { return Ok(Vec::new()) };
    // Points that lie close together are looked at together, as far as one disk of cells around them stays small.
    let longest = distance_m.max(level.edge_length_m()).min(STRETCH_M);
    let (mut run, mut length) = (vec![first], 0.0);
    for w in path.windows(2) {
        let [a, b] = [w[0], w[1]];
        let (dx, dy) = LocalPlane::at(a.0, a.1).to_m(b.0, b.1);
        let step = libm::hypot(dx, dy);
        let pieces = (step / STRETCH_M).ceil().max(1.0) as u32;
        for i in 1..=pieces {
            let share = f64::from(i) / f64::from(pieces);
            if length > 0.0 && length + step / f64::from(pieces) > longest {
                near_run(&run, level, distance_m, &mut near)?;
                run.drain(..run.len() - 1);
                length = 0.0;
            }
            run.push((a.0 + (b.0 - a.0) * share, a.1 + (b.1 - a.1) * share));
            length += step / f64::from(pieces);
        }
    }
    near_run(&run, level, distance_m, &mut near)?;
    Ok(near.into_iter().collect())
}

/// A path that goes on over the antimeridian, with longitudes beyond 180 degrees there.
fn unbroken(path: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut turns = 0.0;
    let mut last: Option<f64> = None;
    (path.iter())
        .map(|&(lon, lat)| {
            turns += last.map_or(0.0, |last| libm::round((last - lon) / 360.0));
            last = Some(lon);
            (lon + 360.0 * turns, lat)
        })
        .collect()
}

/// Adds the cells near a short run of points.
fn near_run(
    run: &[(f64, f64)],
    level: Resolution,
    distance_m: f64,
    near: &mut BTreeSet<CellIndex>,
) -> Result<(), InvalidCell> {
    let ends = [run[0], run[run.len() - 1]];
    let middle = (0.5 * (ends[0].0 + ends[1].0), 0.5 * (ends[0].1 + ends[1].1));
    let plane = Gnomonic::at(middle.0, middle.1);
    let points: Vec<(f64, f64)> = run.iter().map(|p| plane.to_m(p.0, p.1)).collect();
    let radius = points.iter().map(|p| libm::hypot(p.0, p.1)).fold(0.0, f64::max);
    let reach = distance_m + radius;
    // A ring of cells is wider than an average edge; the smallest cells have edges of over half the average.
    let k = (reach / (0.5 * level.edge_length_m())).ceil() as u32 + 1;
    let around: Vec<CellIndex> = cell(middle.0, middle.1, level)?.grid_disk(k);
    for candidate in around {
        if near.contains(&candidate) {
            continue;
        }
        let corners: Vec<(f64, f64)> = candidate.boundary().iter().map(|c| plane.to_m(c.lng(), c.lat())).collect();
        // Farther from the middle than any point of the run can bring it.
        if distance_to_polygon([(0.0, 0.0); 2], &corners) > reach {
            continue;
        }
        let mut segments = points.windows(2).map(|w| [w[0], w[1]]).chain((points.len() == 1).then(|| [points[0]; 2]));
        if segments.any(|segment| distance_to_polygon(segment, &corners) <= distance_m) {
            near.insert(candidate);
        }
    }
    Ok(())
}

/// Metres between a segment and a convex polygon; 0 where they meet.
fn distance_to_polygon(ends: [(f64, f64); 2], corners: &[(f64, f64)]) -> f64 {
    let edges = || corners.iter().copied().zip(corners.iter().copied().cycle().skip(1));
    let side = |p: (f64, f64), a: (f64, f64), b: (f64, f64)| (b.0 - a.0) * (p.1 - a.1) - (b.1 - a.1) * (p.0 - a.0);
    let inside = |p| edges().all(|(a, b)| side(p, a, b) >= 0.0) || edges().all(|(a, b)| side(p, a, b) <= 0.0);
    if inside(ends[0]) || inside(ends[1]) {
        return 0.0;
    }
    let apart = edges().map(|(a, b)| {
        let [p, q] = ends;
        if side(p, a, b) * side(q, a, b) < 0.0 && side(a, p, q) * side(b, p, q) < 0.0 {
            return 0.0;
        }
        let gaps = [(p, a, b), (q, a, b), (a, p, q), (b, p, q)].map(|(c, from, to)| nearest_on_segment(c, from, to).2);
        gaps.into_iter().fold(f64::INFINITY, f64::min)
    });
    apart.fold(f64::INFINITY, f64::min)
}

/// The gnomonic projection at a point: great circles of H3's sphere are straight, and near the point a metre is one.
struct Gnomonic {
    lon: f64,
    sin_lat: f64,
    cos_lat: f64,
    /// Metres per radian east and north, from the ellipsoid.
    east_m: f64,
    north_m: f64,
}

impl Gnomonic {
    fn at(lon: f64, lat: f64) -> Gnomonic {
        let (sin_lat, cos_lat) = libm::sincos(lat.to_radians());
        let (east, north) = LocalPlane::at(0.0, lat).to_m(1.0, lat + 1.0);
        let (east_m, north_m) = (east.to_degrees() / cos_lat.max(1e-9), north.to_degrees());
        Gnomonic { lon, sin_lat, cos_lat, east_m, north_m }
    }

    /// East and north metres of a place. Source: Snyder (1987), *Map Projections*, eq. 22-3 to 22-5.
    fn to_m(&self, lon: f64, lat: f64) -> (f64, f64) {
        let (sin_lat, cos_lat) = libm::sincos(lat.to_radians());
        let (sin_lon, cos_lon) = libm::sincos((lon - self.lon).to_radians());
        // A place on the far side goes far away, not through the centre.
        let c = (self.sin_lat * sin_lat + self.cos_lat * cos_lat * cos_lon).max(1e-6);
        let x = cos_lat * sin_lon / c;
        let y = (self.cos_lat * sin_lat - self.sin_lat * cos_lat * cos_lon) / c;
        (x * self.east_m, y * self.north_m)
    }
}

fn level(resolution: u8) -> Result<Resolution, InvalidCell> {
    Resolution::try_from(resolution)
        .map_err(|_| InvalidCell { reason: format!("resolution {resolution}; the finest is 15") })
}

fn cell(lon: f64, lat: f64, level: Resolution) -> Result<CellIndex, InvalidCell> {
    let place = LatLng::new(lat, lon).map_err(|_| InvalidCell { reason: format!("a place at {lon}, {lat}") })?;
    Ok(place.to_cell(level))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_has_the_cell_that_the_h3_library_gives() {
        // h3-py 4: latlng_to_cell(37.3947, 127.1112, r).
        assert_eq!(h3_cell(127.1112, 37.3947, 12).as_deref(), Ok("8c30e15341503ff"));
        assert_eq!(h3_cell(127.1112, 37.3947, 8).as_deref(), Ok("8830e15341fffff"));
        assert!(h3_cell(f64::NAN, 0.0, 8).is_err() && h3_cell(0.0, 0.0, 16).is_err());
        assert_eq!(h3_disk("8830e15341fffff", 1).map(|d| d.len()), Ok(7));
    }

    #[test]
    fn cells_near_a_path_are_those_that_shapely_measures() {
        // h3-py 4 and shapely 2 in an azimuthal equidistant plane (pyproj).
        let path = [(127.1112, 37.3947), (127.1135, 37.3951), (127.1141, 37.3972)];
        let cells = h3_near_path(&path, 10, 25.0).expect("a path");
        let got: Vec<String> = cells.into_iter().map(|c| c.to_string()).collect();
        assert_eq!(
            got,
            [
                "8a30e1534067fff",
                "8a30e153406ffff",
                "8a30e153414ffff",
                "8a30e1534157fff",
                "8a30e153415ffff",
                "8a30e1534a87fff",
                "8a30e1534a97fff",
                "8a30e1534aa7fff",
                "8a30e1534aaffff",
                "8a30e1534ab7fff"
            ]
        );
    }

    #[test]
    fn a_path_over_the_antimeridian_goes_the_short_way() {
        let over = [(179.9995, -17.0), (-179.9995, -17.0), (179.9998, -17.0005)];
        let near = h3_near_path(&over, 9, 30.0).expect("a path");
        let ends: Vec<CellIndex> = over.iter().map(|p| cell(p.0, p.1, Resolution::Nine).expect("finite")).collect();
        assert!(near.len() < 12 && ends.iter().all(|c| near.contains(c)), "{}", near.len());
    }

    #[test]
    fn no_point_within_the_distance_is_missed() {
        let path = [(127.1112, 37.3947), (127.1135, 37.3951)];
        for resolution in [7, 9, 11] {
            let cells = h3_near_path(&path, resolution, 60.0).expect("a path");
            for step in 0..=20 {
                let w = f64::from(step) / 20.0;
                let (lon, lat) = (path[0].0 + w * 0.0023, path[0].1 + w * 0.0004);
                let plane = LocalPlane::at(lon, lat);
                for turn in 0..36 {
                    let (sin, cos) = libm::sincos(f64::from(turn * 10).to_radians());
                    let (x, y) = plane.to_deg(59.99 * sin, 59.99 * cos);
                    let own = cell(x, y, Resolution::try_from(resolution).expect("valid")).expect("finite");
                    assert!(cells.contains(&own), "resolution {resolution}");
                }
            }
        }
    }
}
