//! [`Strip`]: a row of tiles of a source picture, painted into a z-buffer.
//!
//! Tiles of one surface that the target sees as parallelograms are painted whole, the pixels of all others one by one.

use std::ops::Range;

use pulp::NullaryFnOnce;

use super::block::{Block, LANES, Row};
use super::place::INNER;
use super::points::{Motion, project};
use super::quad::Quad;
use super::rays::{SourceRays, TILE};
use super::surface::{Surface, Tile};
use super::zbuffer::{Square, ZBuffer};
use crate::coord::RowProjector;

/// Strips to be painted, in vectors as wide as the machine's.
pub(super) struct Band<'a, 'b> {
    pub(super) strip: Strip<'b>,
    pub(super) strips: Range<usize>,
    pub(super) buffer: &'a mut ZBuffer,
}

impl NullaryFnOnce for Band<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn call(mut self) {
        for strip in self.strips {
            self.strip.paint(strip, self.buffer);
        }
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
    /// The strip whose corners above are those that were below the last one.
    next: Option<usize>,
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
        let (above, below, rough) = (row(), row(), Vec::new());
        Strip { source, projector, surface, motion, tile_rows, next: None, above, below, rough }
    }

    /// Paints the strip that begins at a multiple of [`TILE`] rows; the last one may be lower.
    #[inline(always)]
    fn paint(&mut self, strip: usize, buffer: &mut ZBuffer) {
        let [across, down] = self.surface.tiles_across_and_down();
        self.rough.clear();
        if strip < down {
            self.project_tiles(strip);
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

    /// Where the target sees the corners of tiles and the middles of their sides.
    fn project_tiles(&mut self, strip: usize) {
        let [x, y, z] = &*self.source.tiles;
        let grids = &self.surface.tile_corners;
        let all = [
            ([&x.corners, &y.corners, &z.corners], &grids.corners, strip),
            ([&x.corners, &y.corners, &z.corners], &grids.corners, strip + 1),
            ([&x.tops, &y.tops, &z.tops], &grids.tops, strip),
            ([&x.sides, &y.sides, &z.sides], &grids.sides, strip),
        ];
        let known = self.next == Some(strip);
        if known {
            self.tile_rows.swap(0, 1);
        }
        for (out, (rays, nearness, row)) in self.tile_rows.iter_mut().zip(all).skip(usize::from(known)) {
            let nearness = nearness.row(row);
            let out = out.part(0..nearness.len());
            project(self.projector, self.motion, rays.map(|grid| grid.row(row)), nearness, out);
        }
        self.next = Some(strip + 1);
    }

    /// Paints the tiles that can be painted whole, and notes the others.
    #[inline(always)]
    fn paint_tiles(&mut self, strip: usize, buffer: &mut ZBuffer) {
        let [above, below, tops, sides] = &self.tile_rows;
        // What moves a pixel of the target by as much as a share of inverse depth, over nearness there.
        let reach = self.motion.length() * self.projector.pixels_per_radian();
        let tiles = self.surface.tiles(strip);
        for (block, tiles) in tiles.chunks(LANES).enumerate() {
            let from = block * LANES;
            if tiles.iter().all(|tile| *tile == Tile::Blank) {
                continue;
            }
            let corners = [above.lanes(from), above.lanes(from + 1), below.lanes(from + 1), below.lanes(from)];
            let [a, b, _, d] = &corners;
            let (top, side) = (tops.lanes(from), sides.lanes(from));
            let mut relief = [0.0; LANES];
            for (relief, tile) in relief.iter_mut().zip(tiles) {
                if let Tile::Smooth(share) = tile {
                    *relief = *share;
                }
            }
            let bend2 = std::array::from_fn(|k| {
                let bend = |axis: usize| {
                    let (a, b, d) = (a[axis][k], b[axis][k], d[axis][k]);
                    let (top, side) = (top[axis][k] - (a + b) * 0.5, side[axis][k] - (a + d) * 0.5);
                    top * top + side * side
                };
                let relief = relief[k] * a[2][k] * reach;
                bend(0) + bend(1) + relief * relief
            });
            let block = Block::new(&corners, &bend2, buffer.size);
            for (k, tile) in tiles.iter().enumerate() {
                let (column, row) = ((from + k) * TILE, strip * TILE);
                match tile {
                    Tile::Blank => {}
                    Tile::Smooth(_) if block.is_empty(k) => {}
                    Tile::Smooth(_) if let Some(seen) = block.plain(k) => {
                        buffer.paint_whole(&seen, Square { column, row, side: TILE, inner: INNER });
                    }
                    _ => add(&mut self.rough, column..column + TILE),
                }
            }
        }
    }

    /// Paints pixels one by one.
    #[inline(always)]
    fn paint_pixels(&mut self, rows: Range<usize>, columns: Range<usize>, buffer: &mut ZBuffer) {
        self.project_corners(rows.start, &columns, true);
        for row in rows {
            self.project_corners(row + 1, &columns, false);
            let Strip { above, below, surface, .. } = &*self;
            for from in columns.clone().step_by(LANES) {
                let corners = [above.lanes(from), above.lanes(from + 1), below.lanes(from + 1), below.lanes(from)];
                let block = Block::new(&corners, &[0.0; LANES], buffer.size);
                for column in from..(from + LANES).min(columns.end) {
                    let at = row * self.source.width + column;
                    if surface.nearness(at) == 0.0 || block.is_empty(column - from) {
                        continue;
                    }
                    let pixel = Square { column, row, side: 1, inner: if surface.inner(at) { INNER } else { 0 } };
                    match block.plain(column - from) {
                        Some(seen) => buffer.paint_whole(&seen, pixel),
                        None => buffer.paint(self.quad(row, column), pixel),
                    }
                }
            }
            std::mem::swap(&mut self.above, &mut self.below);
        }
    }

    /// The corners between source rows `row - 1` and `row` around some columns, in the target.
    fn project_corners(&mut self, row: usize, columns: &Range<usize>, above: bool) {
        // Whole vectors, as far as there are corners; rows have room for more.
        let count = (columns.len() + 1).next_multiple_of(LANES);
        let range = columns.start..(columns.start + count).min(self.source.width + 1);
        let [x, y, z] = &*self.source.corners;
        let rays = [x, y, z].map(|grid| &grid.row(row)[range.clone()]);
        let nearness = &self.surface.corners.row(row)[range.clone()];
        let out = if above { &mut self.above } else { &mut self.below };
        project(self.projector, self.motion, rays, nearness, out.part(range));
    }

    /// A pixel between the corners above and below, with its own corners where the surface is torn.
    #[inline(never)]
    fn quad(&self, row: usize, column: usize) -> Quad {
        let Strip { above, below, surface, .. } = self;
        let mut quad = [above.at(column), above.at(column + 1), below.at(column + 1), below.at(column)];
        let (mut rays, mut nearness, mut out) = ([[0.0; LANES]; 3], [0.0; LANES], [[0.0; LANES]; 3]);
        let torn = [0, 1, 2, 3].map(|corner: usize| quad[corner][2] == 0.0);
        if torn == [false; 4] {
            return quad;
        }
        let grids = &*self.source.corners;
        for corner in (0..4).filter(|corner| torn[*corner]) {
            let (top, left) = (row + corner / 2, column + usize::from(corner == 1 || corner == 2));
            let at = top * grids[0].columns + left;
            for axis in 0..3 {
                rays[axis][corner] = grids[axis].values[at];
            }
            nearness[corner] = surface.torn(top, left, corner);
        }
        let [u, v, w] = &mut out;
        project(self.projector, self.motion, [&rays[0], &rays[1], &rays[2]], &nearness, [u, v, w]);
        for corner in (0..4).filter(|corner| torn[*corner]) {
            quad[corner] = [out[0][corner], out[1][corner], out[2][corner]];
        }
        quad
    }
}

/// Adds columns to the right of all that are there.
fn add(rough: &mut Vec<Range<usize>>, columns: Range<usize>) {
    match rough.last_mut() {
        Some(last) if last.end == columns.start => last.end = columns.end,
        _ => rough.push(columns),
    }
}
