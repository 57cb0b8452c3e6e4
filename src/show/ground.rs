//! [`Ground`]: a square of ground around the anchor, and where the map's features lie on a picture of it.

use geo::Geometry;
use nalgebra::Vector3;

use super::canvas::Spot;
use super::clip::{Frame, Point, clip_line, clip_ring};
use crate::coord::{BBox, EnuFrame, Geodetic};
use crate::sample::SampleRow;

/// A square of ground around the anchor, in the levelled ego frame (x forward, y left, metres).
#[derive(Debug, Clone, Copy)]
pub(super) struct Ground {
    enu: EnuFrame,
    /// sin and cos of the heading.
    turn: (f64, f64),
    pub(super) heading_deg: f64,
    /// Metres from the middle to each side.
    pub(super) half_m: f64,
}

impl Ground {
    /// As much as a sample's raster and its way need.
    pub(super) fn around(sample: &SampleRow, size_m: [f64; 2]) -> Ground {
        let way = sample.poses.iter().map(|p| f64::from(p[0].abs().max(p[1].abs())));
        let reach = way.filter(|m| m.is_finite()).fold(0.0, f64::max) * 1.15;
        let half_m = (0.5 * size_m[0].max(size_m[1])).max(reach).clamp(5.0, 50_000.0);
        Ground {
            enu: EnuFrame::new(Geodetic::new(sample.lon, sample.lat, 0.0)),
            turn: libm::sincos(sample.heading_deg.to_radians()),
            heading_deg: sample.heading_deg,
            half_m,
        }
    }

    /// A place of the map in the ego frame.
    pub(super) fn local(&self, lon: f64, lat: f64) -> Point {
        let p = self.enu.to_enu(Geodetic::new(lon, lat, 0.0));
        let (sin, cos) = self.turn;
        (p.x * sin + p.y * cos, p.y * sin - p.x * cos)
    }

    /// The box in degrees that holds it.
    pub(super) fn bounds(&self) -> BBox {
        let reach = self.half_m * std::f64::consts::SQRT_2;
        let corners = [(-reach, -reach), (reach, reach)].map(|(e, n)| self.enu.to_geodetic(Vector3::new(e, n, 0.0)));
        BBox { xmin: corners[0].lon_deg, ymin: corners[0].lat_deg, xmax: corners[1].lon_deg, ymax: corners[1].lat_deg }
    }

    fn frame(&self) -> Frame {
        // A margin, so that the cut edges of areas lie outside the picture.
        let m = self.half_m * 1.05;
        Frame { min: (-m, -m), max: (m, m) }
    }

    /// Pixels a metre on a picture of so many pixels a side.
    pub(super) fn scale(&self, side: f32) -> f32 {
        side / (2.0 * self.half_m as f32)
    }

    /// The pixel of a place on a picture of so many pixels a side.
    pub(super) fn pixel(&self, p: Point, side: f32) -> Spot {
        let scale = f64::from(self.scale(side));
        let middle = f64::from(side) / 2.0;
        ((middle - p.1 * scale) as f32, (middle - p.0 * scale) as f32)
    }

    /// What of a feature lies inside, on a picture of so many pixels a side.
    pub(super) fn parts(&self, geometry: &Geometry<f64>, side: f32) -> Parts {
        let mut parts = Parts::default();
        self.collect(geometry, side, &mut parts);
        parts
    }

    fn collect(&self, geometry: &Geometry<f64>, side: f32, parts: &mut Parts) {
        let local = |line: &geo::LineString<f64>| line.0.iter().map(|c| self.local(c.x, c.y)).collect::<Vec<_>>();
        let pixels = |points: Vec<Point>| points.into_iter().map(|p| self.pixel(p, side)).collect::<Vec<_>>();
        match geometry {
            Geometry::Polygon(polygon) => {
                let rings = std::iter::once(polygon.exterior()).chain(polygon.interiors());
                let rings: Vec<Vec<Spot>> = rings.map(|r| pixels(clip_ring(&local(r), self.frame()))).collect();
                if rings.first().is_some_and(|r| r.len() >= 3) {
                    parts.areas.push(rings);
                }
            }
            Geometry::LineString(line) => {
                parts.lines.extend(clip_line(&local(line), self.frame()).into_iter().map(pixels));
            }
            Geometry::Point(p) => {
                let p = self.local(p.x(), p.y());
                if p.0.abs() <= self.half_m && p.1.abs() <= self.half_m {
                    parts.points.push(self.pixel(p, side));
                }
            }
            Geometry::MultiPolygon(many) => many.iter().for_each(|p| self.collect(&p.clone().into(), side, parts)),
            Geometry::MultiLineString(many) => many.iter().for_each(|l| self.collect(&l.clone().into(), side, parts)),
            Geometry::MultiPoint(many) => many.iter().for_each(|p| self.collect(&(*p).into(), side, parts)),
            _ => {}
        }
    }
}

/// What of a feature lies on the ground, pixels.
#[derive(Default)]
pub(super) struct Parts {
    /// Rings of each area, the outer one first, not closed.
    pub areas: Vec<Vec<Vec<Spot>>>,
    pub lines: Vec<Vec<Spot>>,
    pub points: Vec<Spot>,
}
