//! Finding segments of roads by place: a grid of cells, stored row by row, empty ones left out.

use crate::coord::LocalPlane;

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
    /// Metres to it.
    pub distance_m: f64,
    /// Metres to the point where it begins.
    pub begin_m: f64,
    /// Direction of the road there, in the plane; not normalised.
    pub direction: (f64, f64),
}

/// The segments near a place. Kept from place to place, it remembers which roads they belong to.
#[derive(Debug, Clone, Default)]
pub struct Nearby {
    /// The segments that were found last, in the order of roads.
    pub segments: Vec<Segment>,
    /// Roads of segments that were found before, by the last bits of their points. They are guesses, checked before use.
    roads: Vec<u32>,
}

/// So many roads are remembered: a power of two.
const REMEMBERED: usize = 256;

impl Nearby {
    /// Fills in the roads of the segments.
    fn fill_roads(&mut self, graph: &RoadGraph) {
        self.roads.resize(REMEMBERED, 0);
        let roads = &graph.roads[..];
        for segment in &mut self.segments {
            let guess = &mut self.roads[segment.point as usize % REMEMBERED];
            let begins = |road: u32| roads.get(road as usize).is_some_and(|r| r.first_point <= segment.point);
            if !begins(*guess) || begins(*guess + 1) {
                *guess = roads.partition_point(|r| r.first_point <= segment.point) as u32 - 1;
            }
            segment.road = *guess;
        }
    }
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
        nearby: &mut Nearby,
    ) {
        let found = &mut nearby.segments;
        found.clear();
        if self.columns.is_empty() {
            return;
        }
        // In stored units from here on.
        let (px, py) = (lon * super::PER_DEGREE, lat * super::PER_DEGREE);
        let (x_m, y_m) = plane.m_per_deg();
        let (x_m, y_m) = (x_m / super::PER_DEGREE, y_m / super::PER_DEGREE);
        let (dx, dy) = (radius_m / x_m, radius_m / y_m);
        let rows = self.row((py - dy) as i64).max(0)..=self.row((py + dy) as i64).min(self.rows.len() as i64 - 2);
        let (first, last) = (self.column((px - dx) as i64), self.column((px + dx) as i64));
        let (all_rows, all_columns, all_cells) = (&self.rows[..], &self.columns[..], &self.cells[..]);
        let (all_entries, all_points, along) = (&self.entries[..], &graph.points[..], &graph.along[..]);
        // Most segments of a cell lie beyond reach on one side: whole numbers tell that.
        // One unit for their rounding, towards 0.
        let (west, east) = ((px - dx - 1.0) as i32, (px + dx + 1.0) as i32);
        let (south, north) = ((py - dy - 1.0) as i32, (py + dy + 1.0) as i32);
        let to_m = |[x, y]: [i32; 2]| ((f64::from(x) - px) * x_m, (f64::from(y) - py) * y_m);
        let radius2 = radius_m * radius_m;
        for row in rows {
            let cells = all_rows[row as usize] as usize..all_rows[row as usize + 1] as usize;
            let begin = cells.start + all_columns[cells.clone()].partition_point(|&c| i64::from(c) < first);
            for cell in (begin..cells.end).take_while(|&c| i64::from(all_columns[c]) <= last) {
                for &point in &all_entries[all_cells[cell] as usize..all_cells[cell + 1] as usize] {
                    let i = point as usize;
                    let (a, b) = (all_points[i], all_points[i + 1]);
                    let beyond = (a[0].min(b[0]) > east) | (a[0].max(b[0]) < west);
                    if beyond | (a[1].min(b[1]) > north) | (a[1].max(b[1]) < south) {
                        continue;
                    }
                    let (a, b) = (to_m(a), to_m(b));
                    let direction = (b.0 - a.0, b.1 - a.1);
                    let length2 = direction.0 * direction.0 + direction.1 * direction.1;
                    let ahead = -(a.0 * direction.0 + a.1 * direction.1);
                    let t = if length2 > 0.0 { (ahead / length2).clamp(0.0, 1.0) } else { 0.0 };
                    let (x, y) = (a.0 + t * direction.0, a.1 + t * direction.1);
                    let distance2 = x * x + y * y;
                    if distance2 <= radius2 {
                        let (from, to) = (f64::from(along[i]), f64::from(along[i + 1]));
                        let along_m = from + (to - from) * t;
                        let begin_m = (a.0 * a.0 + a.1 * a.1).sqrt();
                        found.push(Segment {
                            road: 0,
                            point,
                            along_m,
                            distance_m: distance2.sqrt(),
                            begin_m,
                            direction,
                        });
                    }
                }
            }
        }
        // A segment is in every cell that it passes.
        found.sort_unstable_by_key(|s| s.point);
        found.dedup_by_key(|s| s.point);
        nearby.fill_roads(graph);
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Modes, RoadGraphBuilder, RoadLine};
    use super::*;

    /// Streets to the east, 11 m apart, with so many nodes each.
    fn streets(nodes: i64) -> RoadGraph {
        let mut builder = RoadGraphBuilder::default();
        for street in 0..8 {
            builder.lines.push(RoadLine {
                id: street,
                nodes: (0..nodes).map(|k| 100 * street + k).collect(),
                points: (0..nodes).map(|k| (127.0 + 1e-4 * k as f64, 37.0 + 1e-4 * street as f64)).collect(),
                access: [Modes::ALL; 2],
                ..RoadLine::default()
            });
        }
        builder.build().0
    }

    #[test]
    fn what_was_found_before_changes_nothing_even_on_another_graph() {
        let mut kept = Nearby::default();
        for graph in [streets(2), streets(5), streets(2), streets(9)] {
            for place in [(127.0001, 37.0), (127.0001, 37.0007)] {
                let plane = LocalPlane::at(place.0, place.1);
                let mut fresh = Nearby::default();
                graph.near(&plane, place, 50.0, &mut fresh);
                graph.near(&plane, place, 50.0, &mut kept);
                assert!(fresh.segments.len() > 3);
                assert_eq!(kept.segments, fresh.segments);
            }
        }
    }
}
