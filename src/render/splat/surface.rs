//! [`Surface`]: a depth picture as a surface that is joined where neighbours belong together.

use ndarray::ArrayView2;

use super::links::{Links, by_rows};
use super::place::At;
use super::rays::{Grid, SourceRays, TILE, TileGrids};
use crate::error::ErrorKind;
use crate::render::lanes::{self, STEPS};

/// The middle of a pixel, in steps.
const HALF: u32 = STEPS / 2;

/// The depth of a picture, and which of its neighbours are one surface; made once, used for many poses.
#[derive(Debug, Clone)]
pub struct Surface {
    width: usize,
    height: usize,
    /// A panorama's last column is a neighbour of its first.
    wraps: bool,
    /// Inverse depth (of a fisheye: inverse distance); 0 where it is unknown or to be left out.
    nearness: Vec<f32>,
    links: Links,
    /// The same at the corners of pixels, the mean of the four around; 0 where they are not one surface.
    pub(super) corners: Grid,
    /// And at those of tiles.
    pub(super) tile_corners: TileGrids,
    tiles: Vec<Tile>,
}

/// What a square of [`TILE`] pixels a side holds.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) enum Tile {
    /// No depth.
    #[default]
    Blank,
    /// One surface, and one with all that is around it. How far it leaves the bend between its corners, as a share of
    /// inverse depth.
    Smooth(f32),
    /// Anything else.
    Rough,
}

impl Surface {
    /// A surface from depth, shape `(H, W)`: metres along z, for panoramas along the ray. What is not a positive finite
    /// number is unknown. Pixels where `moving` is not 0 are left out.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Malformed`] where a shape is not that of the camera's pictures.
    pub fn new(
        camera: &SourceRays,
        depth: ArrayView2<'_, f32>,
        moving: Option<ArrayView2<'_, u8>>,
    ) -> Result<Surface, ErrorKind> {
        let SourceRays { width, height, wraps, .. } = *camera;
        let fits = |what: &'static str, shape: (usize, usize)| match shape == (height, width) {
            true => Ok(()),
            false => {
                let reason = format!("it has {} x {} pixels, its camera {width} x {height}", shape.1, shape.0);
                Err(ErrorKind::malformed(what, reason))
            }
        };
        fits("depth", depth.dim())?;
        let known = |d: f32| if d > 0.0 && d.is_finite() { 1.0 / d } else { 0.0 };
        let depth = depth.as_standard_layout();
        let mut nearness: Vec<f32> = depth.as_slice().unwrap_or_default().iter().map(|&d| known(d)).collect();
        if let Some(z) = &camera.pixel_z {
            // Along a fisheye's axis depth says little at the rim; along the ray it is smooth there, too.
            nearness.iter_mut().zip(z.iter()).for_each(|(w, &z)| *w = if z > 0.0 { *w * z } else { 0.0 });
        }
        if let Some(moving) = moving {
            fits("mask", moving.dim())?;
            nearness.iter_mut().zip(moving).for_each(|(w, &m)| *w = if m == 0 { *w } else { 0.0 });
        }
        let links = Links::new(&nearness, [width, height], wraps);
        let values = by_rows([width + 1, height + 1], |row, out| links.corners(&nearness, row, out));
        let corners = Grid { columns: width + 1, values };
        let tile_corners = TileGrids::new(&corners);
        let mut surface = Surface { width, height, wraps, nearness, links, corners, tile_corners, tiles: Vec::new() };
        surface.tiles = by_rows(surface.tiles_across_and_down(), |row, out| {
            out.iter_mut().enumerate().for_each(|(column, tile)| *tile = surface.find_tile(row, column));
        });
        Ok(surface)
    }

    pub(super) fn size(&self) -> [usize; 2] {
        [self.width, self.height]
    }

    /// How many whole tiles there are.
    pub(super) fn tiles_across_and_down(&self) -> [usize; 2] {
        self.size().map(|n| n / TILE)
    }

    /// The tiles of a row of them.
    pub(super) fn tiles(&self, row: usize) -> &[Tile] {
        let [across, _] = self.tiles_across_and_down();
        &self.tiles[row * across..(row + 1) * across]
    }

    fn find_tile(&self, row: usize, column: usize) -> Tile {
        let (top, left) = (row * TILE, column * TILE);
        let pixels = |row: usize| row * self.width + left..row * self.width + left + TILE;
        if !(top..top + TILE).all(|row| pixels(row).all(|i| self.links.inner(i))) {
            let blank = (top..top + TILE).all(|row| self.nearness[pixels(row)].iter().all(|&w| w == 0.0));
            return if blank { Tile::Blank } else { Tile::Rough };
        }
        let corners: [&[f32]; TILE + 1] = std::array::from_fn(|i| &self.corners.row(top + i)[left..left + TILE + 1]);
        let (first, last) = (corners[0], corners[TILE]);
        let mut relief = 0.0_f32;
        for (i, row) in corners.iter().enumerate() {
            let down = i as f32 / TILE as f32;
            let (start, end) =
                (first[0] + (last[0] - first[0]) * down, first[TILE] + (last[TILE] - first[TILE]) * down);
            for (j, &w) in row.iter().enumerate() {
                relief = relief.max((w - (start + (end - start) * (j as f32 / TILE as f32))).abs());
            }
        }
        Tile::Smooth(relief / first[0])
    }

    /// Inverse depth of a pixel; 0 where it has none.
    pub(super) fn nearness(&self, index: usize) -> f32 {
        self.nearness[index]
    }

    /// Inverse depth at a corner between rows `top - 1` and `top`, columns `left - 1` and `left`, for the pixel whose corner
    /// it is (0 to 3, clockwise from the top left): the mean of the pixels around it that are one surface with that pixel.
    pub(super) fn torn(&self, top: usize, left: usize, corner: usize) -> f32 {
        let (w, h) = (self.width, self.height);
        let links = &self.links;
        // The pixels around the corner, clockwise from the top left, and whether each is joined to the next one; the pixel
        // itself lies across from the corner's own place.
        let own = (corner + 2) % 4;
        let (around, joined) = if (1..h).contains(&top) && (1..w).contains(&left) {
            let last = top * w + left;
            let around = [last - w - 1, last - w, last, last - 1];
            let [a, b, _, d] = around;
            (around, [links.right(a), links.down(b), links.right(d), links.down(a)])
        } else {
            let column = |c: Option<usize>| match c {
                Some(c) if c < w => Some(c),
                _ => self.wraps.then_some(if c.is_some() { 0 } else { w - 1 }),
            };
            let (rows, columns) =
                ([top.checked_sub(1), Some(top).filter(|r| *r < h)], [left.checked_sub(1), Some(left)]);
            let pixel = |r: usize, c: usize| rows[r].zip(column(columns[c])).map(|(r, c)| r * w + c);
            let around = [pixel(0, 0), pixel(0, 1), pixel(1, 1), pixel(1, 0)];
            let [a, b, c, d] = around;
            let right = |i: Option<usize>, other: Option<usize>| other.and(i).is_some_and(|i| links.right(i));
            let down = |i: Option<usize>, other: Option<usize>| other.and(i).is_some_and(|i| links.down(i));
            // Where there is none, nothing is joined.
            (around.map(|at| at.unwrap_or(0)), [right(a, b), down(b, c), right(d, c), down(a, d)])
        };
        let (next, across, last) = ((own + 1) % 4, (own + 2) % 4, (own + 3) % 4);
        let (to_next, to_last) = (joined[own], joined[last]);
        let to_across = to_next && joined[next] || to_last && joined[across];
        let mut mean = (0.0, 0.0);
        // In the order of the pixels, so that all that share the corner get the same bits.
        for (i, at) in around.into_iter().enumerate() {
            if i == own || i == next && to_next || i == last && to_last || i == across && to_across {
                mean = (mean.0 + self.nearness[at], mean.1 + 1.0);
            }
        }
        mean.0 / mean.1
    }

    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// Whether a pixel is one surface with all eight around it.
    #[inline(always)]
    pub(super) fn inner(&self, pixel: usize) -> bool {
        self.links.inner(pixel)
    }

    /// The four pixels around a place of a picture `(H, W, 3)`, [above, below] it; where some of them are of another surface,
    /// others stand in.
    #[cold]
    pub(super) fn around(&self, rgb: &[u8], At { row, column, x, y }: At) -> [[u32; 2]; 2] {
        let (row, column) = (row as usize, column as usize);
        let here = row * self.width + column;
        let (leftwards, upwards) = (x < HALF, y < HALF);
        let w = self.width;
        let beside = match leftwards {
            true if column > 0 => Some(here - 1),
            true => self.wraps.then(|| here + w - 1),
            false if column + 1 < w => Some(here + 1),
            false => self.wraps.then(|| here + 1 - w),
        };
        let step = |i: usize| if upwards { i.checked_sub(w) } else { Some(i + w).filter(|i| *i < rgb.len() / 3) };
        let level = |a: usize, b: usize| self.links.right(if leftwards { b } else { a });
        let upright = |a: usize, b: usize| self.links.down(if upwards { b } else { a });
        let beside = beside.filter(|b| level(here, *b));
        let below = step(here).filter(|b| upright(here, *b));
        let corner = beside.and_then(|b| step(b).map(|d| (b, d)));
        let across = corner.filter(|&(b, d)| upright(b, d) || below.is_some_and(|below| level(below, d)));
        let side = beside.unwrap_or(here);
        let under = below.unwrap_or(here);
        let far = across.map_or_else(|| if below.is_some() { under } else { side }, |(_, d)| d);
        let row = |own: usize, side: usize| match leftwards {
            true => lanes::two(rgb, side, own),
            false => lanes::two(rgb, own, side),
        };
        let rows = [row(here, side), row(under, far)];
        if upwards { [rows[1], rows[0]] } else { rows }
    }
}
