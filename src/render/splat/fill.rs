//! [`Strip`]: a row of tiles of a source picture, painted into a z-buffer.
//!
//! Tiles of one surface that the target sees as parallelograms are painted whole, the pixels of all others one by one.

use std::ops::Range;

use nalgebra::Matrix3;
use wide::f32x8;

use super::block::{Block, LANES, Row};
use super::rays::{SourceRays, TILE};
use super::surface::{Surface, Tile};
use super::zbuffer::{Square, ZBuffer};
use crate::coord::{Pose, RowProjector};

/// `target_se3_source` in single precision, the rotation row by row.
pub(super) struct Motion {
    rotation: [f32; 9],
    translation: [f32; 3],
}

impl Motion {
    pub(super) fn new(pose: &Pose) -> Motion {
        let r: Matrix3<f64> = pose.rotation.to_rotation_matrix().into_inner();
        let rotation = std::array::from_fn(|i| r[(i / 3, i % 3)] as f32);
        Motion { rotation, translation: std::array::from_fn(|i| pose.translation[i] as f32) }
    }

    /// Metres that the target is away.
    fn length(&self) -> f32 {
        self.translation.iter().map(|t| t * t).sum::<f32>().sqrt()
    }
}

/// Room for the points of a strip, used again for the next.
pub(super) struct Strip<'a> {
    source: &'a SourceRays,
    projector: &'a RowProjector,
    surface: &'a Surface,
    motion: &'a Motion,
    /// Corners of tiles above and below, the middles of their upper and of their left sides.
    tile_rows: [Row; 4],
    /// Corners of a row of pixels, above and below.
    above: Row,
    below: Row,
    /// Columns of the pixels that are painted one by one.
    rough: Vec<Range<usize>>,
}

impl<'a> Strip<'a> {
    pub(super) fn new(
        source: &'a SourceRays,
        projector: &'a RowProjector,
        surface: &'a Surface,
        motion: &'a Motion,
    ) -> Strip<'a> {
        let row = || Row::new(source.width + 1);
        let tiles = || Row::new(source.width / TILE + 1);
        let tile_rows = [tiles(), tiles(), tiles(), tiles()];
        Strip { source, projector, surface, motion, tile_rows, above: row(), below: row(), rough: Vec::new() }
    }

    /// Paints the strip that begins at a multiple of [`TILE`] rows; the last one may be lower.
    pub(super) fn paint(&mut self, strip: usize, buffer: &mut ZBuffer) {
        let [across, down] = self.surface.tiles_across_and_down();
        self.rough.clear();
        if strip < down {
            self.paint_tiles(strip, buffer);
        }
        let beyond = if strip < down { across * TILE } else { 0 };
        if beyond < self.source.width {
            add(&mut self.rough, beyond..self.source.width);
        }
        for columns in std::mem::take(&mut self.rough) {
            self.paint_pixels(strip * TILE..((strip + 1) * TILE).min(self.source.height), columns, buffer);
        }
    }

    /// Paints the tiles that can be painted whole, and notes the others.
    fn paint_tiles(&mut self, strip: usize, buffer: &mut ZBuffer) {
        let Strip { source, projector, surface, motion, tile_rows, rough, .. } = self;
        let [x, y, z] = &*source.tiles;
        let grids = &surface.tile_corners;
        let all = [
            ([&x.corners, &y.corners, &z.corners], &grids.corners, strip),
            ([&x.corners, &y.corners, &z.corners], &grids.corners, strip + 1),
            ([&x.tops, &y.tops, &z.tops], &grids.tops, strip),
            ([&x.sides, &y.sides, &z.sides], &grids.sides, strip),
        ];
        for (out, (rays, nearness, row)) in tile_rows.iter_mut().zip(all) {
            let nearness = nearness.row(row);
            project(projector, motion, rays.map(|grid| grid.row(row)), nearness, out.part(0..nearness.len()));
        }
        let [above, below, tops, sides] = &*tile_rows;
        // What moves a pixel of the target by as much as a share of inverse depth, over nearness there.
        let reach = motion.length() * projector.pixels_per_radian();
        let tiles = surface.tiles(strip);
        for (block, tiles) in tiles.chunks(LANES).enumerate() {
            let from = block * LANES;
            if tiles.iter().all(|tile| *tile == Tile::Blank) {
                continue;
            }
            let corners = [above.lanes(from), above.lanes(from + 1), below.lanes(from + 1), below.lanes(from)];
            let [a, b, _, d] = &corners;
            let relief = |k: usize| match tiles.get(k) {
                Some(Tile::Smooth(relief)) => *relief,
                _ => 0.0,
            };
            let relief = f32x8::new(std::array::from_fn(relief)) * a[2] * reach;
            let (top, side) = (tops.lanes(from), sides.lanes(from));
            let bend = |axis: usize| {
                let (top, side) = (top[axis] - (a[axis] + b[axis]) * 0.5, side[axis] - (a[axis] + d[axis]) * 0.5);
                top * top + side * side
            };
            let block = Block::new(corners, bend(0) + bend(1) + relief * relief, buffer.size);
            for (k, tile) in tiles.iter().enumerate() {
                let (column, row) = ((from + k) * TILE, strip * TILE);
                match tile {
                    Tile::Blank => {}
                    Tile::Smooth(_) if block.is_empty(k) => {}
                    Tile::Smooth(_) if let Some(seen) = block.plain(k) => {
                        buffer.paint_large(&seen, Square { column, row, side: TILE });
                    }
                    _ => add(rough, column..column + TILE),
                }
            }
        }
    }

    /// Paints pixels one by one.
    fn paint_pixels(&mut self, rows: Range<usize>, columns: Range<usize>, buffer: &mut ZBuffer) {
        self.corners(rows.start, &columns, true);
        for row in rows {
            self.corners(row + 1, &columns, false);
            let Strip { above, below, surface, .. } = &*self;
            for from in columns.clone().step_by(LANES) {
                let corners = [above.lanes(from), above.lanes(from + 1), below.lanes(from + 1), below.lanes(from)];
                let block = Block::new(corners, f32x8::ZERO, buffer.size);
                for column in from..(from + LANES).min(columns.end) {
                    let pixel = Square { column, row, side: 1 };
                    if surface.nearness(row * self.source.width + column) == 0.0 || block.is_empty(column - from) {
                        continue;
                    }
                    if let Some(seen) = block.plain(column - from) {
                        buffer.paint_small(&seen, pixel);
                        continue;
                    }
                    let mut quad = [above.at(column), above.at(column + 1), below.at(column + 1), below.at(column)];
                    for (corner, at) in quad.iter_mut().enumerate() {
                        if at[2] == 0.0 {
                            *at = self.torn(row, column, corner);
                        }
                    }
                    buffer.paint(quad, pixel);
                }
            }
            std::mem::swap(&mut self.above, &mut self.below);
        }
    }

    /// The corners between source rows `row - 1` and `row` around some columns, in the target.
    fn corners(&mut self, row: usize, columns: &Range<usize>, above: bool) {
        let range = columns.start..columns.end + 1;
        let [x, y, z] = &*self.source.corners;
        let rays = [x, y, z].map(|grid| &grid.row(row)[range.clone()]);
        let nearness = &self.surface.corners.row(row)[range.clone()];
        let out = if above { &mut self.above } else { &mut self.below };
        project(self.projector, self.motion, rays, nearness, out.part(range));
    }

    /// The corner (0 to 3, clockwise from the top left) of a pixel where the surface is torn.
    fn torn(&self, row: usize, column: usize, corner: usize) -> [f32; 3] {
        let nearness = self.surface.torn(row, column, corner);
        let (row, column) = (row + corner / 2, column + usize::from(corner == 1 || corner == 2));
        let [x, y, z] = &*self.source.corners;
        let rays = [x, y, z].map(|grid| &grid.row(row)[column..=column]);
        let mut out = [[0.0]; 3];
        project(self.projector, self.motion, rays, &[nearness], out.each_mut().map(|axis| &mut axis[..]));
        out.map(|[axis]| axis)
    }
}

/// Adds columns to the right of all that are there.
fn add(rough: &mut Vec<Range<usize>>, columns: Range<usize>) {
    match rough.last_mut() {
        Some(last) if last.end == columns.start => last.end = columns.end,
        _ => rough.push(columns),
    }
}

/// Points at some rays, of some inverse depths, as the target sees them: columns, rows, nearness.
fn project(
    projector: &RowProjector,
    motion: &Motion,
    [x, y, z]: [&[f32]; 3],
    nearness: &[f32],
    [u, v, w]: [&mut [f32]; 3],
) {
    let (r, t) = (&motion.rotation, &motion.translation);
    let rays = x.iter().zip(y).zip(z.iter().zip(nearness));
    for (((x, y), (z, w)), ((out_x, out_y), out_z)) in rays.zip(u.iter_mut().zip(v.iter_mut()).zip(w.iter_mut())) {
        *out_x = r[0] * x + r[1] * y + r[2] * z + t[0] * w;
        *out_y = r[3] * x + r[4] * y + r[5] * z + t[1] * w;
        *out_z = r[6] * x + r[7] * y + r[8] * z + t[2] * w;
    }
    projector.project(u, v, w, nearness);
}
