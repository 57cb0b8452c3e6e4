//! [`map_view`]: the map as a camera sees it, as polylines in the picture.

use geo::{Coord, Geometry, LineString, Point, Polygon};
use nalgebra::Vector3;

use super::MapIndex;
use super::trace::Tracer;
use crate::coord::{BBox, Camera, EnuFrame, Geodetic, Pose};
use crate::record::{MapFeature, MapLayer};

/// Height of a sign's pole where the map has none, metres.
const SIGN_M: f64 = 2.5;
/// Height of a signal's pole where the map has none, metres.
const SIGNAL_M: f64 = 5.0;
/// Above this slope an ego's tilt is no ground: cosine of 30 degrees.
const STEEPEST: f64 = 0.866;

/// A line of the map in a picture.
#[derive(Debug, Clone, PartialEq)]
pub struct ViewLine<'a> {
    /// What is drawn: its layer, class and attributes.
    pub feature: &'a MapFeature,
    /// `[u, v, depth]`: pixels, all on the picture ((0, 0) is the centre of the top-left one), and the distance from the
    /// camera in metres. At least two points.
    pub points: Vec<[f64; 3]>,
}

/// The map around an ego in the picture of a camera, in the order of the map's features.
///
/// `frame` is the recording's ENU frame; `world_se3_ego` and `world_se3_camera` are poses in it at the time of the
/// picture. What lies within `reach_m` of the ego, along the ground, is drawn:
///
/// - `lane_divider`, `stop_line`: the lines;
/// - `drivable`, `crossing`: the outlines;
/// - `building`: the outline, and where the map knows the height also that of the roof and the edges up to it;
/// - `sign`, `signal`: poles of the height that the map knows, else of 2.5 m and 5 m.
///
/// Maps say where things are, not how high: everything stands on the plane that the ego stands on (its z = 0). Lines
/// are cut into pieces until a curved model bends them right to a quarter of a pixel; they end at the border of the
/// picture and of the model, a decimetre before a pinhole's plane, and at the seam of a panorama. Nothing hides
/// anything: that is for whoever draws, by depth.
pub fn map_view<'a>(
    map: &'a MapIndex,
    frame: &EnuFrame,
    world_se3_ego: &Pose,
    world_se3_camera: &Pose,
    camera: &Camera,
    reach_m: f64,
) -> Vec<ViewLine<'a>> {
    let place = frame.to_geodetic(world_se3_ego.translation);
    let here = BBox { xmin: place.lon_deg, ymin: place.lat_deg, xmax: place.lon_deg, ymax: place.lat_deg };
    let tilted = world_se3_ego.rotation * Vector3::z();
    let scene = Scene {
        frame,
        ego: world_se3_ego.translation,
        height_m: place.height_m,
        normal: if tilted.z >= STEEPEST { tilted } else { Vector3::z() },
        camera_se3_world: world_se3_camera.inverse(),
        camera,
        reach_m,
    };
    let mut lines = Vec::new();
    for feature in map.in_box(here.grown_m(reach_m * 1.01 + 1.0), None) {
        let mut pen = Pen { scene: &scene, tracer: Tracer::new(scene.camera) };
        pen.feature(feature);
        lines.extend(pen.tracer.finish().into_iter().map(|points| ViewLine { feature, points }));
    }
    lines
}

/// Where the ground is, and who looks at it.
struct Scene<'a> {
    frame: &'a EnuFrame,
    ego: Vector3<f64>,
    height_m: f64,
    /// Of the ground, upwards.
    normal: Vector3<f64>,
    camera_se3_world: Pose,
    camera: &'a Camera,
    reach_m: f64,
}

impl Scene<'_> {
    /// A place on the ground, from the ego, in the world's axes.
    fn ground(&self, at: Coord<f64>) -> Vector3<f64> {
        let d = self.frame.to_enu(Geodetic::new(at.x, at.y, self.height_m)) - self.ego;
        Vector3::new(d.x, d.y, -(self.normal.x * d.x + self.normal.y * d.y) / self.normal.z)
    }

    /// The part of a line on the ground that is within reach.
    fn within(&self, a: Vector3<f64>, b: Vector3<f64>) -> Option<(Vector3<f64>, Vector3<f64>)> {
        let d = b - a;
        // |a + t d|² = reach² over the horizontal axes.
        let (qa, qb) = (d.x * d.x + d.y * d.y, a.x * d.x + a.y * d.y);
        let qc = a.x * a.x + a.y * a.y - self.reach_m * self.reach_m;
        if qa == 0.0 {
            return (qc <= 0.0).then_some((a, b));
        }
        let root = (qb * qb - qa * qc).sqrt();
        let (t0, t1) = (((-qb - root) / qa).max(0.0), ((-qb + root) / qa).min(1.0));
        // Where the line passes by, the root is not a number and the comparison fails.
        (t0 < t1).then(|| (a + d * t0, a + d * t1))
    }
}

/// Draws features through the tracer.
struct Pen<'a> {
    scene: &'a Scene<'a>,
    tracer: Tracer<'a>,
}

impl Pen<'_> {
    fn feature(&mut self, feature: &MapFeature) {
        let height = feature.attributes.height_m.filter(|h| *h > 0.0);
        match feature.layer {
            MapLayer::LaneDivider | MapLayer::StopLine | MapLayer::Drivable | MapLayer::Crossing => {
                self.geometry(&feature.geometry, None);
            }
            MapLayer::Building => self.geometry(&feature.geometry, height),
            MapLayer::Sign => self.geometry(&feature.geometry, height.or(Some(SIGN_M))),
            MapLayer::Signal => self.geometry(&feature.geometry, height.or(Some(SIGNAL_M))),
            _ => {}
        }
    }

    /// Lines and outlines on the ground; with a height also those of the top, and the edges between.
    fn geometry(&mut self, geometry: &Geometry<f64>, height: Option<f64>) {
        match geometry {
            Geometry::Point(p) => self.pole(p, height),
            Geometry::MultiPoint(points) => points.iter().for_each(|p| self.pole(p, height)),
            Geometry::Line(line) => self.line(&[line.start, line.end], height),
            Geometry::LineString(line) => self.line(&line.0, height),
            Geometry::MultiLineString(lines) => lines.iter().for_each(|l| self.line(&l.0, height)),
            Geometry::Polygon(p) => self.polygon(p, height),
            Geometry::MultiPolygon(all) => all.iter().for_each(|p| self.polygon(p, height)),
            Geometry::Rect(r) => self.polygon(&r.to_polygon(), height),
            Geometry::Triangle(t) => self.polygon(&t.to_polygon(), height),
            Geometry::GeometryCollection(all) => all.iter().for_each(|g| self.geometry(g, height)),
        }
    }

    fn polygon(&mut self, polygon: &Polygon<f64>, height: Option<f64>) {
        let rings = std::iter::once(polygon.exterior()).chain(polygon.interiors());
        rings.for_each(|LineString(ring)| self.line(ring, height));
    }

    fn pole(&mut self, at: &Point<f64>, height: Option<f64>) {
        let foot = self.scene.ground(at.0);
        if let (Some(height), true) = (height, foot.xy().norm() <= self.scene.reach_m) {
            self.segment(foot, foot + Vector3::z() * height);
        }
    }

    fn line(&mut self, line: &[Coord<f64>], height: Option<f64>) {
        let points: Vec<Vector3<f64>> = line.iter().map(|c| self.scene.ground(*c)).collect();
        let up = Vector3::z() * height.unwrap_or(0.0);
        for level in std::iter::once(Vector3::zeros()).chain(height.map(|_| up)) {
            for pair in points.windows(2) {
                if let Some((a, b)) = self.scene.within(pair[0], pair[1]) {
                    self.segment(a + level, b + level);
                }
            }
        }
        if height.is_some() {
            // A ring ends where it starts: that edge once.
            let closed = usize::from(line.len() > 1 && line.first() == line.last());
            for foot in &points[..points.len() - closed] {
                if foot.xy().norm() <= self.scene.reach_m {
                    self.segment(*foot, foot + up);
                }
            }
        }
    }

    /// A straight line between two points, from the ego in the world's axes.
    fn segment(&mut self, a: Vector3<f64>, b: Vector3<f64>) {
        let seen = |p: Vector3<f64>| self.scene.camera_se3_world.apply(p + self.scene.ego);
        self.tracer.segment(seen(a), seen(b));
    }
}

#[cfg(test)]
mod tests;
