//! [`bev`]: the map around the ego as a bird's-eye raster (DESIGN, section 3).

use std::collections::BTreeSet;

use geo::{Coord, Geometry, LineString, Polygon};
use nalgebra::Vector3;
use ndarray::{Array3, Axis};

use super::config::ROUTE;
use super::stencil::Stencil;
use super::{BevConfig, MapIndex};
use crate::coord::{BBox, EnuFrame, Geodetic, Pose};
use crate::error::{ErrorKind, Result};
use crate::record::{MapFeature, MapLayer};

/// Width of lines, metres.
const LINE_M: f64 = 0.3;
/// Radius of points, metres.
const POINT_M: f64 = 0.5;

/// Where the cells of a BEV raster lie: the ego at the centre, row 0 farthest forward, column 0 farthest left.
///
/// The centre of cell `(r, c)` is at `x = (H/2 − r − 0.5)·res` forward and `y = (W/2 − c − 0.5)·res` left of the ego,
/// roll and pitch removed. Places have the ego's height: a map says where things are, not how high.
#[derive(Debug, Clone)]
pub struct BevGrid {
    frame: EnuFrame,
    ego: Vector3<f64>,
    height_m: f64,
    cos: f64,
    sin: f64,
    resolution_m: f64,
    rows: usize,
    columns: usize,
    window: BBox,
}

impl BevGrid {
    /// The grid around `world_se3_ego`, a pose in the ENU frame `frame`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] for a raster that is empty or too large, or a layer that there is not.
    pub fn new(frame: &EnuFrame, world_se3_ego: &Pose, config: &BevConfig) -> Result<BevGrid> {
        if let Some((key, reason)) = config.problem() {
            return Err(ErrorKind::Config(format!("`bev.{key}`: {reason}")).bare());
        }
        let ego = world_se3_ego.translation;
        let place = frame.to_geodetic(ego);
        let (sin, cos) = libm::sincos(world_se3_ego.yaw_rad());
        let [rows, columns] = config.shape();
        let here = BBox { xmin: place.lon_deg, ymin: place.lat_deg, xmax: place.lon_deg, ymax: place.lat_deg };
        // A cell more than the corners: what a line's width or a point's radius brings in from outside.
        let window = here.grown_m(config.reach_m() * 1.01 + 2.0 * config.resolution_m + 1.0);
        let resolution_m = config.resolution_m;
        Ok(BevGrid { frame: *frame, ego, height_m: place.height_m, cos, sin, resolution_m, rows, columns, window })
    }

    /// Rows and columns, `(H, W)`.
    pub fn shape(&self) -> (usize, usize) {
        (self.rows, self.columns)
    }

    /// Side of a cell, metres.
    pub fn resolution_m(&self) -> f64 {
        self.resolution_m
    }

    /// A box in degrees around all cells.
    pub fn window(&self) -> BBox {
        self.window
    }

    /// Row and column of a place in degrees, fractional: whole numbers are centres of cells.
    pub fn cell(&self, lon: f64, lat: f64) -> [f64; 2] {
        let d = self.frame.to_enu(Geodetic::new(lon, lat, self.height_m)) - self.ego;
        let (x, y) = (self.cos * d.x + self.sin * d.y, self.cos * d.y - self.sin * d.x);
        [self.rows as f64 / 2.0 - 0.5 - x / self.resolution_m, self.columns as f64 / 2.0 - 0.5 - y / self.resolution_m]
    }

    /// The place of a fractional row and column: the inverse of [`cell`](BevGrid::cell).
    pub fn place(&self, row: f64, column: f64) -> Geodetic {
        let x = (self.rows as f64 / 2.0 - 0.5 - row) * self.resolution_m;
        let y = (self.columns as f64 / 2.0 - 0.5 - column) * self.resolution_m;
        let d = Vector3::new(self.cos * x - self.sin * y, self.sin * x + self.cos * y, 0.0);
        self.frame.to_geodetic(self.ego + d)
    }
}

/// The map around an ego: shape `(C, H, W)`, 0 or 1, a channel for each of `config.layers`; cells as in [`BevGrid`].
///
/// `frame` is the recording's ENU frame and `world_se3_ego` the ego's pose in it, of which position and yaw count.
/// `route` are ids of road features that the ego has followed.
///
/// - Polygons of area layers: 1 where a cell's centre is inside one, holes excepted.
/// - Lines, and outlines of polygons in other layers: 1 where a centre is within 0.15 m of one. Where cells are larger
///   than the line's 0.3 m: within half a cell, and the cells of its vertices, so that no line breaks or vanishes.
/// - Points: 1 where a centre is within 0.5 m of one, and the cell that it is in.
/// - `route`: the roads of `route` as lines, whole; nothing without one.
///
/// # Errors
///
/// As [`BevGrid::new`].
pub fn bev(
    map: &MapIndex,
    frame: &EnuFrame,
    world_se3_ego: &Pose,
    route: &[&str],
    config: &BevConfig,
) -> Result<Array3<u8>> {
    let grid = BevGrid::new(frame, world_se3_ego, config)?;
    let near = map.in_box(grid.window, None);
    let route: BTreeSet<&str> = route.iter().copied().collect();
    let mut raster = Array3::zeros((config.layers.len(), grid.rows, grid.columns));
    for (name, channel) in config.layers.iter().zip(raster.axis_iter_mut(Axis(0))) {
        let mut pen = Pen { grid: &grid, stencil: Stencil::new(channel), rings: Vec::new() };
        let wanted = |f: &MapFeature| match name == ROUTE {
            true => f.layer == MapLayer::Road && route.contains(f.id.as_str()),
            false => f.layer.name() == name,
        };
        for feature in near.iter().filter(|f| wanted(f)) {
            pen.draw(&feature.geometry, feature.layer.is_area());
        }
    }
    Ok(raster)
}

/// Draws geometries in degrees onto one channel.
struct Pen<'a> {
    grid: &'a BevGrid,
    stencil: Stencil<'a>,
    /// Rings of the polygon being filled, `[row, column]`; kept between polygons.
    rings: Vec<Vec<[f64; 2]>>,
}

impl Pen<'_> {
    fn draw(&mut self, geometry: &Geometry<f64>, filled: bool) {
        match geometry {
            Geometry::Point(p) => self.point(p.0),
            Geometry::MultiPoint(points) => points.iter().for_each(|p| self.point(p.0)),
            Geometry::Line(line) => self.line(&[line.start, line.end]),
            Geometry::LineString(line) => self.line(&line.0),
            Geometry::MultiLineString(lines) => lines.iter().for_each(|l| self.line(&l.0)),
            Geometry::Polygon(p) => self.polygon(p, filled),
            Geometry::MultiPolygon(all) => all.iter().for_each(|p| self.polygon(p, filled)),
            Geometry::Rect(r) => self.polygon(&r.to_polygon(), filled),
            Geometry::Triangle(t) => self.polygon(&t.to_polygon(), filled),
            Geometry::GeometryCollection(all) => all.iter().for_each(|g| self.draw(g, filled)),
        }
    }

    fn polygon(&mut self, polygon: &Polygon<f64>, filled: bool) {
        let rings = std::iter::once(polygon.exterior()).chain(polygon.interiors());
        if !filled {
            return rings.for_each(|r| self.line(&r.0));
        }
        let mut used = 0;
        for ring in rings {
            if used == self.rings.len() {
                self.rings.push(Vec::new());
            }
            cells_of_ring(self.grid, ring, &mut self.rings[used]);
            used += 1;
        }
        self.stencil.fill(self.rings[..used].iter().map(Vec::as_slice));
    }

    fn line(&mut self, line: &[Coord<f64>]) {
        let resolution = self.grid.resolution_m;
        let half = (LINE_M / resolution).max(1.0) / 2.0;
        // The end of the last segment, which is the start of the next.
        let mut last: Option<[f64; 2]> = None;
        for pair in line.windows(2) {
            if outside(&self.grid.window, pair[0]) & outside(&self.grid.window, pair[1]) != 0 {
                last = None;
                continue;
            }
            let a = last.unwrap_or_else(|| self.grid.cell(pair[0].x, pair[0].y));
            let b = self.grid.cell(pair[1].x, pair[1].y);
            self.stencil.stroke(a, b, half);
            if resolution > LINE_M {
                self.stencil.dot(a);
                self.stencil.dot(b);
            }
            last = Some(b);
        }
    }

    fn point(&mut self, at: Coord<f64>) {
        let cell = self.grid.cell(at.x, at.y);
        self.stencil.stroke(cell, cell, POINT_M / self.grid.resolution_m);
        self.stencil.dot(cell);
    }
}

/// The cells of a ring's vertices, without those that cannot matter inside the window.
///
/// Of vertices that are all beyond the same side of the window, only the first and the last are kept: the area that is
/// cut off lies beyond that side too. Polygons far larger than the raster cost what lies in it.
fn cells_of_ring(grid: &BevGrid, ring: &LineString<f64>, out: &mut Vec<[f64; 2]>) {
    out.clear();
    let mut kept: [u8; 2] = [0, 0];
    let mut pending: Option<Coord<f64>> = None;
    for &vertex in &ring.0 {
        let side = outside(&grid.window, vertex);
        if let Some(before) = pending.take()
            && (out.is_empty() || kept[0] & kept[1] & side == 0)
        {
            out.push(grid.cell(before.x, before.y));
            kept[0] = kept[1];
        }
        kept[1] = side;
        pending = Some(vertex);
    }
    out.extend(pending.map(|v| grid.cell(v.x, v.y)));
}

/// Beyond which sides of a box a vertex lies, a bit a side.
fn outside(b: &BBox, v: Coord<f64>) -> u8 {
    u8::from(v.x < b.xmin) | u8::from(v.x > b.xmax) << 1 | u8::from(v.y < b.ymin) << 2 | u8::from(v.y > b.ymax) << 3
}

#[cfg(test)]
mod tests;
