//! Finding segments of roads by place: a grid of cells, stored row by row, empty ones left out.

use crate::coord::{LocalPlane, nearest_on_segment};

use super::RoadGraph;
use super::column::Column;

/// Edge of a cell from south to north, in stored units of latitude: about 150 m.
const CELL: i64 = 13_475;

/// A segment of a road near a place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Segment {
    /// The road.
    pub road: u32,
    /// The point where it begins, counted over all roads.
    pub point: u32,
    /// Metres along the road of the nearest place.
    pub along_m: f64,
    /// The nearest place, metres in the plane of the search.
    pub at: (f64, f64),
    /// Metres to it.
    pub distance_m: f64,
    /// Metres to the point where it begins.
    pub begin_m: f64,
    /// Direction of the road there, in the plane; not normalised.
    pub direction: (f64, f64),
}

/// Cells of a grid over all segments.
#[derive(Debug, Clone, Default)]
pub(super) struct Grid {
    pub(super) south: i64,
    pub(super) west: i64,
    /// Width of a cell in stored units of longitude.
    pub(super) width: i64,
    /// Where each row begins in `columns`; one more than there are rows.
    pub(super) rows: Column<u32>,
    /// The column of each cell that is not empty.
    pub(super) columns: Column<u32>,
    /// Where each cell begins in `entries`; one more than there are cells.
    pub(super) cells: Column<u32>,
    /// Points where segments begin.
    pub(super) entries: Column<u32>,
}

impl Grid {
    pub(super) fn bytes(&self) -> usize {
        4 * (self.rows.len() + self.columns.len() + self.cells.len() + self.entries.len())
    }

    /// The grid over the roads of a graph.
    pub(super) fn of(graph: &RoadGraph) -> Grid {
        let south = graph.points.iter().map(|p| i64::from(p[1])).min().unwrap_or(0);
        let north = graph.points.iter().map(|p| i64::from(p[1])).max().unwrap_or(0);
        let west = graph.points.iter().map(|p| i64::from(p[0])).min().unwrap_or(0);
        let middle = (south + north) as f64 / 2.0 / super::PER_DEGREE;
        let width = (CELL as f64 / libm::cos(middle.to_radians()).max(0.01)) as i64;
        let mut grid = Grid { south, west, width, ..Grid::default() };
        let mut pairs: Vec<(u32, u32, u32)> = Vec::new();
        for road in 0..graph.roads.len() as u32 {
            let points = graph.road_points(road);
            for i in points.start..points.end - 1 {
                let (a, b) = (graph.points[i].map(i64::from), graph.points[i + 1].map(i64::from));
                grid.cover(a, b, |row, column| pairs.push((row, column, i as u32)));
            }
        }
        pairs.sort_unstable();
        let last_row = pairs.last().map_or(0, |p| p.0);
        grid.rows.vec().push(0);
        for (k, &(row, column, point)) in pairs.iter().enumerate() {
            let fresh = k == 0 || (pairs[k - 1].0, pairs[k - 1].1) != (row, column);
            if fresh {
                while grid.rows.len() <= row as usize {
                    grid.rows.vec().push(grid.columns.len() as u32);
                }
                grid.columns.vec().push(column);
                grid.cells.vec().push(grid.entries.len() as u32);
            }
            grid.entries.vec().push(point);
        }
        while grid.rows.len() <= last_row as usize + 1 {
            grid.rows.vec().push(grid.columns.len() as u32);
        }
        grid.cells.vec().push(grid.entries.len() as u32);
        grid
    }

    fn row(&self, y: i64) -> i64 {
        (y - self.south).div_euclid(CELL)
    }

    fn column(&self, x: i64) -> i64 {
        (x - self.west).div_euclid(self.width)
    }

    /// The cells that a segment passes.
    fn cover(&self, a: [i64; 2], b: [i64; 2], mut visit: impl FnMut(u32, u32)) {
        let (low, high) = if a[1] <= b[1] { (a, b) } else { (b, a) };
        let (first, last) = (self.row(low[1]), self.row(high[1]));
        for row in first..=last {
            // The part of the segment in this row.
            let at = |y: i64| {
                let y = y.clamp(low[1], high[1]);
                if high[1] == low[1] { low[0] } else { low[0] + (high[0] - low[0]) * (y - low[1]) / (high[1] - low[1]) }
            };
            let (south, north) = (self.south + row * CELL, self.south + (row + 1) * CELL);
            let (mut x0, mut x1) = if first == last { (a[0], b[0]) } else { (at(south), at(north)) };
            if x0 > x1 {
                std::mem::swap(&mut x0, &mut x1);
            }
            // One unit for the rounding of the division.
            for column in self.column(x0 - 1).max(0)..=self.column(x1 + 1) {
                visit(row as u32, column as u32);
            }
        }
    }

    /// Segments within a radius of a place (degrees), by point.
    pub(super) fn near(
        &self,
        graph: &RoadGraph,
        plane: &LocalPlane,
        (lon, lat): (f64, f64),
        radius_m: f64,
        found: &mut Vec<Segment>,
    ) {
        found.clear();
        if self.columns.is_empty() {
            return;
        }
        let (px, py) = plane.to_m(lon, lat);
        let corner = |dx: f64, dy: f64| {
            let (x, y) = plane.to_deg(px + dx, py + dy);
            ((x * super::PER_DEGREE) as i64, (y * super::PER_DEGREE) as i64)
        };
        let ((x0, y0), (x1, y1)) = (corner(-radius_m, -radius_m), corner(radius_m, radius_m));
        let rows = self.row(y0).max(0)..=self.row(y1).min(self.rows.len() as i64 - 2);
        let (first, last) = (self.column(x0), self.column(x1));
        let mut metres = (u32::MAX, (0.0, 0.0));
        for row in rows {
            let cells = self.rows[row as usize] as usize..self.rows[row as usize + 1] as usize;
            let begin = cells.start + self.columns[cells.clone()].partition_point(|&c| i64::from(c) < first);
            for cell in (begin..cells.end).take_while(|&c| i64::from(self.columns[c]) <= last) {
                for &point in &self.entries[self.cells[cell] as usize..self.cells[cell + 1] as usize] {
                    let i = point as usize;
                    let to_m = |i: usize| {
                        let (x, y) = graph.degrees(i);
                        let (x, y) = plane.to_m(x, y);
                        (x - px, y - py)
                    };
                    let a = if metres.0 == point { metres.1 } else { to_m(i) };
                    let b = to_m(i + 1);
                    metres = (point + 1, b);
                    if (a.0 > radius_m && b.0 > radius_m)
                        || (a.0 < -radius_m && b.0 < -radius_m)
                        || (a.1 > radius_m && b.1 > radius_m)
                        || (a.1 < -radius_m && b.1 < -radius_m)
                    {
                        continue;
                    }
                    let (t, (x, y), distance_m) = nearest_on_segment((0.0, 0.0), a, b);
                    if distance_m <= radius_m {
                        let (from, to) = (f64::from(graph.along[i]), f64::from(graph.along[i + 1]));
                        let direction = (b.0 - a.0, b.1 - a.1);
                        let (at, along_m) = ((x + px, y + py), from + (to - from) * t);
                        let begin_m = libm::hypot(a.0, a.1);
                        found.push(Segment { road: 0, point, along_m, at, distance_m, begin_m, direction });
                    }
                }
            }
        }
        // A segment is in every cell that it passes.
        found.sort_unstable_by_key(|s| s.point);
        found.dedup_by_key(|s| s.point);
        let mut road = 0u32;
        for segment in found {
            let after = |r: u32| graph.roads.get(r as usize + 1).is_none_or(|n| n.first_point > segment.point);
            if !after(road) {
                road = graph.roads.partition_point(|r| r.first_point <= segment.point) as u32 - 1;
            }
            segment.road = road;
        }
    }
}
