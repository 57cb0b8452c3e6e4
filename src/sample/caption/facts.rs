//! What the map says of the place where a window is anchored.

use geo::Geometry;
use nalgebra::Vector2;

use crate::coord::{EnuFrame, Geodetic};
use crate::record::MapFeature;

/// A road farther than this is not the one that the ego is on, metres.
const ON_ROAD_M: f64 = 15.0;
/// A road that runs otherwise than the ego by more than this is crossed, not followed, degrees.
const ALONG_DEG: f64 = 35.0;
/// How far ahead crossings are looked for, metres.
pub(super) const AHEAD_M: f64 = 80.0;
/// Rays that look ahead, degrees left of the heading: straight, and what a gentle bend allows.
const RAYS_DEG: [f64; 3] = [0.0, 4.0, -4.0];
/// How far from the anchor features matter, metres.
pub(super) const REACH_M: f64 = 100.0;

/// Where crossings lie ahead.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum CrossingAhead<'a> {
    /// The ego is on one.
    Here(&'a MapFeature),
    /// The nearest straight ahead, metres.
    At(&'a MapFeature, f64),
    /// None anywhere in front within [`AHEAD_M`].
    Nowhere,
    /// Some are in front, but none straight ahead: which comes first depends on the way.
    Unclear,
}

/// Facts that captions are made of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Facts<'a> {
    /// The road that the ego follows, the nearest that runs its way.
    pub road: Option<&'a MapFeature>,
    /// The next crossing.
    pub crossing: CrossingAhead<'a>,
    /// Heading, degrees clockwise from north.
    pub heading_deg: f64,
    /// Forward speed, m/s; `None` without a clock.
    pub speed_mps: Option<f64>,
}

/// Looks up the facts at a place (lon, lat degrees) among the roads and crossings around it.
pub(super) fn facts<'a>(
    place: (f64, f64),
    heading_deg: f64,
    speed_mps: Option<f64>,
    roads: &[&'a MapFeature],
    crossings: &[&'a MapFeature],
) -> Facts<'a> {
    let frame = EnuFrame::new(Geodetic::new(place.0, place.1, 0.0));
    let (sin, cos) = libm::sincos(heading_deg.to_radians());
    // East and north become forward and left.
    let ego = Ego { frame, forward: Vector2::new(sin, cos), left: Vector2::new(-cos, sin) };
    let road = roads
        .iter()
        .filter(|road| !is_side_path(road))
        .filter_map(|road| Some((ego.distance_along(road)?, *road)))
        .min_by(|(da, a), (db, b)| da.total_cmp(db).then_with(|| a.id.cmp(&b.id)))
        .map(|(_, road)| road);
    Facts { road, crossing: ego.crossing(crossings), heading_deg, speed_mps }
}

/// A nameless path for feet or bicycles, which maps draw apart from the street that it belongs to.
fn is_side_path(road: &MapFeature) -> bool {
    let for_feet = ["footway", "path", "steps", "cycleway", "pedestrian", "platform", "corridor"];
    for_feet.contains(&road.class.as_str()) && !has_name(road)
}

fn has_name(road: &MapFeature) -> bool {
    [&road.name, &road.name_ko, &road.name_en].iter().any(|n| n.as_ref().is_some_and(|n| !n.trim().is_empty()))
}

/// The anchor's own level frame: x forward, y left, metres.
struct Ego {
    frame: EnuFrame,
    forward: Vector2<f64>,
    left: Vector2<f64>,
}

impl Ego {
    fn local(&self, lon: f64, lat: f64) -> Vector2<f64> {
        let enu = self.frame.to_enu(Geodetic::new(lon, lat, 0.0)).xy();
        Vector2::new(enu.dot(&self.forward), enu.dot(&self.left))
    }

    /// The chains of points of a feature's lines or outlines.
    fn chains(&self, geometry: &Geometry<f64>) -> Vec<Vec<Vector2<f64>>> {
        let chain = |line: &geo::LineString<f64>| line.0.iter().map(|c| self.local(c.x, c.y)).collect();
        match geometry {
            Geometry::LineString(line) => vec![chain(line)],
            Geometry::MultiLineString(lines) => lines.0.iter().map(chain).collect(),
            Geometry::Polygon(polygon) => vec![chain(polygon.exterior())],
            Geometry::MultiPolygon(polygons) => polygons.0.iter().map(|p| chain(p.exterior())).collect(),
            _ => Vec::new(),
        }
    }

    /// How far a road's nearest stretch that runs the ego's way is, metres; `None` beyond [`ON_ROAD_M`].
    fn distance_along(&self, road: &MapFeature) -> Option<f64> {
        let limit = libm::cos(ALONG_DEG.to_radians());
        self.chains(&road.geometry)
            .iter()
            .flat_map(|chain| chain.windows(2))
            .filter(|pair| {
                let run = pair[1] - pair[0];
                run.norm() > 0.0 && run.x.abs() >= limit * run.norm()
            })
            .map(|pair| nearest(pair[0], pair[1]).norm())
            .filter(|distance| *distance <= ON_ROAD_M)
            .reduce(f64::min)
    }

    fn crossing<'a>(&self, crossings: &[&'a MapFeature]) -> CrossingAhead<'a> {
        let mut best: Option<(f64, &'a MapFeature)> = None;
        let mut in_front = false;
        for &feature in crossings {
            for chain in self.chains(&feature.geometry) {
                if encloses(&chain) {
                    return CrossingAhead::Here(feature);
                }
                let near = |pair: &[Vector2<f64>]| {
                    let point = nearest(pair[0], pair[1]);
                    point.norm() <= AHEAD_M && (point.x > 0.0 || pair.iter().any(|p| p.x > 0.0))
                };
                in_front |= chain.windows(2).any(near);
                for degrees in RAYS_DEG {
                    let (sin, cos) = libm::sincos(degrees.to_radians());
                    let hit =
                        chain.windows(2).filter_map(|p| ray_hit(Vector2::new(cos, sin), p[0], p[1])).reduce(f64::min);
                    let Some(distance) = hit.filter(|d| *d <= AHEAD_M) else { continue };
                    let nearer = |(d, f): (f64, &MapFeature)| distance < d || distance == d && feature.id < f.id;
                    if best.is_none_or(nearer) {
                        best = Some((distance, feature));
                    }
                }
            }
        }
        match best {
            Some((distance, feature)) => CrossingAhead::At(feature, distance),
            None if in_front => CrossingAhead::Unclear,
            None => CrossingAhead::Nowhere,
        }
    }
}

/// The point of a segment nearest the origin.
fn nearest(a: Vector2<f64>, b: Vector2<f64>) -> Vector2<f64> {
    let run = b - a;
    let length2 = run.norm_squared();
    if length2 == 0.0 { a } else { a + run * (-a.dot(&run) / length2).clamp(0.0, 1.0) }
}

/// How far along a ray from the origin a segment is hit; `None` where it is not.
fn ray_hit(ray: Vector2<f64>, a: Vector2<f64>, b: Vector2<f64>) -> Option<f64> {
    let run = b - a;
    let cross = ray.perp(&run);
    if cross == 0.0 {
        return None;
    }
    let (along, share) = (a.perp(&run) / cross, a.perp(&ray) / cross);
    (along > 0.0 && (0.0..=1.0).contains(&share)).then_some(along)
}

/// Whether a closed chain encloses the origin, by the even-odd rule.
fn encloses(chain: &[Vector2<f64>]) -> bool {
    let closed = chain.len() > 3 && chain.first() == chain.last();
    let crossed = |p: &&[Vector2<f64>]| {
        (p[0].y > 0.0) != (p[1].y > 0.0) && {
            let x = p[0].x - p[0].y * (p[1].x - p[0].x) / (p[1].y - p[0].y);
            x > 0.0
        }
    };
    closed && chain.windows(2).filter(crossed).count() % 2 == 1
}
