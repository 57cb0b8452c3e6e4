//! Plane geometry in metres around a feature: strokes, offset lines, discs, and valid polygons out of invalid ones.
//!
//! Everything here works in a [`Plane`], the linear map of degrees to metres east and north at one place. It is
//! affine, so straight stays straight and a polygon that is valid in the plane is valid in degrees too. No angle is
//! computed: round joins are made by halving directions, with square roots only, so bytes do not depend on a
//! machine's trigonometry.

use geo::algorithm::bool_ops::{BooleanOps, FillRule, unary_union};
use geo::orient::{Direction, Orient};
use geo::{Area, BoundingRect, Coord, Geometry, LineString, MapCoords, MultiPolygon, Polygon, Validation};

use crate::coord::{BBox, LocalPlane};

/// Directions closer than this (cosine of 15°) are joined by a straight edge in a round join.
const ROUND_COS: f64 = 0.965_925_826_289_068_3;
/// Two points nearer than this are one, metres.
const SAME_M: f64 = 1e-4;

/// A [`LocalPlane`] for the coordinates of `geo`: metres east and north of a place, linear in degrees.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Plane(LocalPlane);

impl Plane {
    /// The plane at a longitude and latitude, degrees.
    pub fn at(lon: f64, lat: f64) -> Plane {
        Plane(LocalPlane::at(lon, lat))
    }

    /// The plane in the middle of a geometry's bounds; at (0, 0) where there are none.
    pub fn around(bounded: &impl BoundingRect<f64, Output: Into<Option<geo::Rect<f64>>>>) -> Plane {
        let rect: Option<geo::Rect<f64>> = bounded.bounding_rect().into();
        rect.map_or(Plane::at(0.0, 0.0), |r| Plane::at(r.center().x, r.center().y))
    }

    /// Degrees to metres.
    pub fn to_metres(&self, c: Coord<f64>) -> Coord<f64> {
        let (x, y) = self.0.to_m(c.x, c.y);
        Coord { x, y }
    }

    /// Metres to degrees.
    pub fn to_degrees(&self, c: Coord<f64>) -> Coord<f64> {
        let (x, y) = self.0.to_deg(c.x, c.y);
        Coord { x, y }
    }
}

/// How a stroke ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cap {
    /// Half a disc beyond the last point.
    Round,
    /// Straight across the last point.
    Butt,
}

fn sub(a: Coord<f64>, b: Coord<f64>) -> Coord<f64> {
    Coord { x: a.x - b.x, y: a.y - b.y }
}

fn along(p: Coord<f64>, direction: Coord<f64>, metres: f64) -> Coord<f64> {
    Coord { x: p.x + direction.x * metres, y: p.y + direction.y * metres }
}

fn dot(a: Coord<f64>, b: Coord<f64>) -> f64 {
    a.x * b.x + a.y * b.y
}

fn cross(a: Coord<f64>, b: Coord<f64>) -> f64 {
    a.x * b.y - a.y * b.x
}

/// The left normal of a direction.
pub fn left(d: Coord<f64>) -> Coord<f64> {
    Coord { x: -d.y, y: d.x }
}

fn length(d: Coord<f64>) -> f64 {
    (d.x * d.x + d.y * d.y).sqrt()
}

/// The unit direction from `a` to `b`; `None` where they are one point.
pub fn direction(a: Coord<f64>, b: Coord<f64>) -> Option<Coord<f64>> {
    let d = sub(b, a);
    let l = length(d);
    (l > SAME_M).then(|| Coord { x: d.x / l, y: d.y / l })
}

/// The line without points that repeat the one before.
pub fn distinct(line: &[Coord<f64>]) -> Vec<Coord<f64>> {
    let mut out: Vec<Coord<f64>> = Vec::with_capacity(line.len());
    for &p in line {
        if out.last().is_none_or(|&q| length(sub(p, q)) > SAME_M) {
            out.push(p);
        }
    }
    out
}

/// Length of a line, metres.
pub fn length_m(line: &[Coord<f64>]) -> f64 {
    line.windows(2).map(|w| length(sub(w[1], w[0]))).sum()
}

/// Points of the arc from normal `n0` clockwise to `n1` around `p`, ends left out.
///
/// Halves the angle until a step is at most 15°; a half turn goes by way of the normal turned right.
fn arc(p: Coord<f64>, r: f64, n0: Coord<f64>, n1: Coord<f64>, out: &mut Vec<Coord<f64>>) {
    let cos = dot(n0, n1);
    if cos >= ROUND_COS {
        return;
    }
    let mid = if cos < -0.999_999 {
        Coord { x: n0.y, y: -n0.x }
    } else {
        let sum = Coord { x: n0.x + n1.x, y: n0.y + n1.y };
        let l = length(sum);
        Coord { x: sum.x / l, y: sum.y / l }
    };
    arc(p, r, n0, mid, out);
    out.push(along(p, mid, r));
    arc(p, r, mid, n1, out);
}

/// One side of the outline of a stroke: points at `r` to the left of `line`, arcs where it turns right.
///
/// Where it turns left the outline goes through the point itself, so that the outline is the sum of a rectangle per
/// segment and a wedge per join, all wound the same way.
fn side(line: &[Coord<f64>], r: f64, out: &mut Vec<Coord<f64>>) {
    let mut before: Option<Coord<f64>> = None;
    for w in line.windows(2) {
        let Some(d) = direction(w[0], w[1]) else { continue };
        let n = left(d);
        if let Some(n0) = before {
            if cross(n0, n) < 0.0 || dot(n0, n) < -0.999_999 {
                arc(w[0], r, n0, n, out);
            } else {
                out.push(w[0]);
            }
        }
        out.push(along(w[0], n, r));
        out.push(along(w[1], n, r));
        before = Some(n);
    }
}

/// All points within `half_m` of a line (metres), round at its joins; empty for fewer than two distinct points.
pub fn stroke(line: &[Coord<f64>], half_m: f64, cap: Cap) -> MultiPolygon<f64> {
    let line = distinct(line);
    if line.len() < 2 || half_m.is_nan() || half_m <= 0.0 {
        return MultiPolygon::new(Vec::new());
    }
    let mut outline = Vec::with_capacity(line.len() * 5 + 16);
    let back: Vec<Coord<f64>> = line.iter().rev().copied().collect();
    for one_way in [&line, &back] {
        side(one_way, half_m, &mut outline);
        let end = one_way.len() - 1;
        if cap == Cap::Round
            && let Some(d) = direction(one_way[end - 1], one_way[end])
        {
            let n = left(d);
            arc(one_way[end], half_m, n, Coord { x: -n.x, y: -n.y }, &mut outline);
        }
    }
    // The left side forth and the left side back wind clockwise.
    let polygon = Polygon::new(LineString::new(outline), Vec::new());
    let empty = MultiPolygon::new(Vec::new());
    polygon.boolean_op_with_fill_rule(&empty, geo::algorithm::bool_ops::OpType::Union, FillRule::NonZero)
}

/// A regular 16-gon around a point, metres.
pub fn disc(centre: Coord<f64>, radius_m: f64) -> Polygon<f64> {
    let mut ring = Vec::with_capacity(17);
    let corners = [(1.0, 0.0), (0.0, -1.0), (-1.0, 0.0), (0.0, 1.0), (1.0, 0.0)].map(|(x, y)| Coord { x, y });
    for w in corners.windows(2) {
        ring.push(along(centre, w[0], radius_m));
        let mid = Coord { x: (w[0].x + w[1].x) * 0.5f64.sqrt(), y: (w[0].y + w[1].y) * 0.5f64.sqrt() };
        for (a, b) in [(w[0], mid), (mid, w[1])] {
            let s = Coord { x: a.x + b.x, y: a.y + b.y };
            let l = length(s);
            ring.push(along(centre, Coord { x: s.x / l, y: s.y / l }, radius_m));
            if a == w[0] {
                ring.push(along(centre, mid, radius_m));
            }
        }
    }
    Polygon::new(LineString::new(ring), Vec::new()).orient(Direction::Default)
}

/// A rectangle around `centre`: `ahead_m` in all along the unit vector `d`, `across_m` in all across it.
pub fn rectangle(centre: Coord<f64>, d: Coord<f64>, ahead_m: f64, across_m: f64) -> Polygon<f64> {
    let n = left(d);
    let corner = |a: f64, l: f64| along(along(centre, d, a * ahead_m / 2.0), n, l * across_m / 2.0);
    let ring = vec![corner(-1.0, -1.0), corner(1.0, -1.0), corner(1.0, 1.0), corner(-1.0, 1.0)];
    Polygon::new(LineString::new(ring), Vec::new())
}

/// The line `left_m` to the left of another (right where negative), with mitred corners of at most twice the offset.
pub fn offset(line: &[Coord<f64>], left_m: f64) -> Vec<Coord<f64>> {
    let line = distinct(line);
    let normals: Vec<Coord<f64>> = line.windows(2).filter_map(|w| direction(w[0], w[1]).map(left)).collect();
    if normals.is_empty() || normals.len() + 1 != line.len() {
        return Vec::new();
    }
    let mut out = Vec::with_capacity(line.len());
    for (i, &p) in line.iter().enumerate() {
        let a = normals[i.saturating_sub(1)];
        let b = normals[i.min(normals.len() - 1)];
        // The mitre vector of two unit normals is (a + b) / (1 + a·b).
        let scale = 1.0 / (1.0 + dot(a, b)).max(0.5);
        out.push(along(p, Coord { x: (a.x + b.x) * scale, y: (a.y + b.y) * scale }, left_m));
    }
    out
}

/// The line without its first `start_m` and last `end_m` metres; `None` where less than 1 m is left.
pub fn trim(line: &[Coord<f64>], start_m: f64, end_m: f64) -> Option<Vec<Coord<f64>>> {
    let total = length_m(line);
    let (from, to) = (start_m.max(0.0), total - end_m.max(0.0));
    if to - from < 1.0 {
        return None;
    }
    let mut out = Vec::with_capacity(line.len());
    let mut s = 0.0;
    for w in line.windows(2) {
        let l = length(sub(w[1], w[0]));
        if l > 0.0 {
            let point = |at: f64| {
                let u = ((at - s) / l).clamp(0.0, 1.0);
                Coord { x: w[0].x + (w[1].x - w[0].x) * u, y: w[0].y + (w[1].y - w[0].y) * u }
            };
            if s + l > from && s < to {
                if out.is_empty() {
                    out.push(if from <= s { w[0] } else { point(from) });
                }
                out.push(if to >= s + l { w[1] } else { point(to) });
            }
        }
        s += l;
    }
    (out.len() >= 2).then_some(out)
}

/// Whether every coordinate is a finite longitude and latitude.
pub fn in_range(geometry: &impl geo::CoordsIter<Scalar = f64>) -> bool {
    geometry.coords_iter().all(|c| c.x.abs() <= 180.0 && c.y.abs() <= 90.0)
}

/// The bounds of a geometry; `None` where it is empty.
pub fn bounds(geometry: &Geometry<f64>) -> Option<BBox> {
    let r = geometry.bounding_rect()?;
    Some(BBox { xmin: r.min().x, ymin: r.min().y, xmax: r.max().x, ymax: r.max().y })
}

/// Whether the bounds of a geometry touch an area; all do without one.
pub fn touches(geometry: &Geometry<f64>, area: Option<BBox>) -> bool {
    area.is_none_or(|a| bounds(geometry).is_some_and(|b| b.intersects(&a)))
}

/// Polygons in degrees from polygons in a plane's metres: `None` where nothing valid of an area is left.
pub fn area_from_plane(plane: &Plane, area: &MultiPolygon<f64>) -> Option<Geometry<f64>> {
    one_or_many(area.map_coords(|c| plane.to_degrees(c)), plane)
}

/// A valid polygon or multipolygon of the same area in degrees, exterior rings counter-clockwise.
///
/// A valid one keeps its coordinates bit for bit. An invalid one (a ring that crosses itself, a hole outside) is
/// filled by the even-odd rule in a local plane, on a grid finer than a tenth of a millimetre for anything under
/// 50 km. `None` where no area is left, or a coordinate is out of range.
pub fn valid_area(area: MultiPolygon<f64>) -> Option<Geometry<f64>> {
    if !in_range(&area) {
        return None;
    }
    let plane = Plane::around(&area);
    one_or_many(area, &plane)
}

fn one_or_many(area: MultiPolygon<f64>, plane: &Plane) -> Option<Geometry<f64>> {
    let kept: Vec<Polygon<f64>> = area.0.into_iter().filter(|p| p.exterior().0.len() >= 4).collect();
    let mut area = MultiPolygon::new(kept);
    if area.0.is_empty() || !in_range(&area) {
        return None;
    }
    if !area.is_valid() {
        let metres = area.map_coords(|c| plane.to_metres(c));
        let repaired = metres.union(&MultiPolygon::<f64>::new(Vec::new()));
        area = repaired.map_coords(|c| plane.to_degrees(c));
        if area.0.is_empty() || !area.is_valid() {
            return None;
        }
    }
    if area.unsigned_area() <= 0.0 {
        return None;
    }
    let mut area = area.orient(Direction::Default);
    match area.0.len() {
        0 => None,
        1 => area.0.pop().map(Geometry::Polygon),
        _ => Some(Geometry::MultiPolygon(area)),
    }
}

/// The union of polygons (metres), each wound counter-clockwise.
pub fn union(parts: &[Polygon<f64>]) -> MultiPolygon<f64> {
    unary_union(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(points: &[(f64, f64)]) -> Vec<Coord<f64>> {
        points.iter().map(|&(x, y)| Coord { x, y }).collect()
    }

    #[test]
    fn a_plane_agrees_with_geographiclib_at_a_hundred_metres() {
        // pyproj 3.7.2, Geod(ellps="WGS84").inv(127.11, 37.39, 127.111, 37.391): 141.98432 m.
        let plane = Plane::at(127.11, 37.39);
        let p = plane.to_metres(Coord { x: 127.111, y: 37.391 });
        assert!((length(p) - 141.98432).abs() < 1e-3, "{}", length(p));
        let back = plane.to_degrees(p);
        assert!((back.x - 127.111).abs() < 1e-13 && (back.y - 37.391).abs() < 1e-13);
    }

    #[test]
    fn a_stroke_has_the_area_of_a_buffer() {
        // shapely 2.2.0, LineString([(0, 0), (10, 0), (10, 10)]).buffer(2, quad_segs=6).area: 91.529.
        let area = stroke(&line(&[(0.0, 0.0), (10.0, 0.0), (10.0, 10.0)]), 2.0, Cap::Round);
        assert!((area.unsigned_area() - 91.529).abs() < 0.3, "{}", area.unsigned_area());
        let butt = stroke(&line(&[(0.0, 0.0), (10.0, 0.0)]), 2.0, Cap::Butt);
        assert!((butt.unsigned_area() - 40.0).abs() < 1e-6);
        assert!(area.is_valid() && butt.is_valid());
    }

    #[test]
    fn a_stroke_of_a_line_that_turns_back_is_its_outline() {
        let area = stroke(&line(&[(0.0, 0.0), (10.0, 0.0), (0.0, 0.0)]), 1.0, Cap::Round);
        assert!((area.unsigned_area() - (20.0 + std::f64::consts::PI)).abs() < 0.1);
    }

    #[test]
    fn a_stroke_of_a_ring_has_a_hole() {
        let square = line(&[(0.0, 0.0), (20.0, 0.0), (20.0, 20.0), (0.0, 20.0), (0.0, 0.0)]);
        let area = stroke(&square, 2.0, Cap::Round);
        assert_eq!(area.0.len(), 1);
        assert_eq!(area.0[0].interiors().len(), 1);
    }

    #[test]
    fn a_bow_tie_becomes_two_triangles() {
        let bow = Polygon::new(LineString::from(vec![(0.0, 0.0), (0.001, 0.001), (0.001, 0.0), (0.0, 0.001)]), vec![]);
        let fixed = valid_area(MultiPolygon::new(vec![bow])).expect("area is left");
        let Geometry::MultiPolygon(parts) = fixed else { panic!("two parts: {fixed:?}") };
        assert_eq!(parts.0.len(), 2);
    }

    #[test]
    fn a_valid_polygon_keeps_its_coordinates() {
        let ring = vec![(127.1, 37.1), (127.2, 37.1), (127.2, 37.2), (127.1, 37.1)];
        let polygon = Polygon::new(LineString::from(ring), vec![]);
        assert_eq!(valid_area(polygon.clone().into()), Some(Geometry::Polygon(polygon)));
    }

    #[test]
    fn trimming_shortens_both_ends() {
        let out = trim(&line(&[(0.0, 0.0), (10.0, 0.0), (20.0, 0.0)]), 3.0, 12.0).expect("5 m are left");
        assert_eq!(out, line(&[(3.0, 0.0), (8.0, 0.0)]));
        assert_eq!(trim(&line(&[(0.0, 0.0), (10.0, 0.0)]), 5.0, 5.0), None);
    }
}
