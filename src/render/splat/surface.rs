//! [`Surface`]: a depth picture as a surface that is joined where neighbours belong together.

use ndarray::ArrayView2;
use rayon::prelude::*;

use super::SourceRays;
use super::raster::At;
use crate::error::ErrorKind;
use crate::render::lanes::bilinear;

/// Neighbours whose inverse depths differ by less than this share are one surface.
const ALIKE: f32 = 0.01;
/// So are those where either side, continued in a straight line, meets the other: inverse depth is linear on a plane.
const STRAIGHT: f32 = 0.01;
/// The middle of a pixel, in 256ths.
const HALF: u32 = 128;
/// Joined to the pixel on the right.
const RIGHT: u8 = 1;
/// Joined to the pixel below.
const DOWN: u8 = 2;
/// One surface with all eight neighbours.
const INNER: u8 = 4;

/// The depth of a picture, and which of its neighbours are one surface; made once, used for many poses.
#[derive(Debug, Clone)]
pub struct Surface {
    width: usize,
    height: usize,
    /// A panorama's last column is a neighbour of its first.
    wraps: bool,
    /// Inverse depth (of a fisheye: inverse distance); 0 where it is unknown or to be left out.
    nearness: Vec<f32>,
    links: Vec<u8>,
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
        let mut nearness: Vec<f32> = depth.iter().map(|&d| known(d)).collect();
        if let Some(z) = &camera.pixel_z {
            // Along a fisheye's axis depth says little at the rim; along the ray it is smooth there, too.
            nearness.iter_mut().zip(z.iter()).for_each(|(w, &z)| *w = if z > 0.0 { *w * z } else { 0.0 });
        }
        if let Some(moving) = moving {
            fits("mask", moving.dim())?;
            nearness.iter_mut().zip(moving).for_each(|(w, &m)| *w = if m == 0 { *w } else { 0.0 });
        }
        let mut surface = Surface { width, height, wraps, nearness, links: Vec::new() };
        surface.links =
            (0..height).into_par_iter().with_min_len(32).flat_map_iter(|row| surface.row_links(row)).collect();
        let inner: Vec<bool> =
            (0..height).into_par_iter().with_min_len(32).flat_map_iter(|row| surface.inner(row)).collect();
        surface.links.iter_mut().zip(inner).for_each(|(links, inner)| *links |= if inner { INNER } else { 0 });
        Ok(surface)
    }

    /// Whether the pixels of a row are one surface with all their neighbours; those at the border are not.
    fn inner(&self, row: usize) -> Vec<bool> {
        let w = self.width;
        let mut inner = vec![false; w];
        if row == 0 || row + 1 >= self.height {
            return inner;
        }
        let line = |row: usize| &self.links[row * w..(row + 1) * w];
        let (above, here, below) = (line(row - 1), line(row), line(row + 1));
        for i in 1..w.saturating_sub(1) {
            let both = above[i - 1] & above[i] & here[i - 1] & here[i];
            let joined = both & RIGHT != 0 && both & DOWN != 0;
            let sides = above[i + 1] & here[i + 1] & DOWN != 0 && below[i - 1] & below[i] & RIGHT != 0;
            inner[i] = joined && sides;
        }
        inner
    }

    pub(super) fn size(&self) -> [usize; 2] {
        [self.width, self.height]
    }

    /// Inverse depth of a pixel; 0 where it has none.
    pub(super) fn nearness(&self, index: usize) -> f32 {
        self.nearness[index]
    }

    fn row_links(&self, row: usize) -> Vec<u8> {
        let (w, n) = (self.width, &self.nearness);
        let line = |row: Option<usize>| row.filter(|r| *r < self.height).map(|r| &n[r * w..(r + 1) * w]);
        let here = &n[row * w..(row + 1) * w];
        let zeros = vec![0.0; w];
        let before = line(row.checked_sub(1)).unwrap_or(&zeros);
        let (after, beyond) = (line(Some(row + 1)).unwrap_or(&zeros), line(Some(row + 2)).unwrap_or(&zeros));
        let mut links = vec![0; w];
        for i in 0..w {
            links[i] = if joined(before[i], here[i], after[i], beyond[i]) { DOWN } else { 0 };
        }
        for i in 1..w.saturating_sub(2) {
            links[i] |= if joined(here[i - 1], here[i], here[i + 1], here[i + 2]) { RIGHT } else { 0 };
        }
        // The ends of the row, where neighbours lie across a panorama's seam or do not exist.
        let at = |i: usize, step: usize| match (i + w + step).wrapping_sub(1) {
            at if (w..2 * w).contains(&at) => here[at - w],
            at if self.wraps => here[at % w],
            _ => 0.0,
        };
        for i in [0, w.saturating_sub(2), w - 1] {
            let found = joined(at(i, 0), at(i, 1), at(i, 2), at(i, 3));
            links[i] = links[i] & DOWN | if found { RIGHT } else { 0 };
        }
        links
    }

    /// Inverse depth at the corners between rows `row - 1` and `row`, the mean of the four pixels around; 0 where they
    /// are not one surface.
    pub(super) fn joined(&self, row: usize, out: &mut [f32]) {
        let w = self.width;
        out.fill(0.0);
        if row == 0 || row == self.height {
            return;
        }
        let (a, b) = (&self.nearness[(row - 1) * w..row * w], &self.nearness[row * w..(row + 1) * w]);
        let (la, lb) = (&self.links[(row - 1) * w..row * w], &self.links[row * w..(row + 1) * w]);
        let corner = |left: usize, right: usize| {
            let links = (la[left] & RIGHT) + (lb[left] & RIGHT) + (la[left] & DOWN) / DOWN + (la[right] & DOWN) / DOWN;
            if links >= 3 { 0.25 * ((a[left] + a[right]) + (b[left] + b[right])) } else { 0.0 }
        };
        for (i, out) in out.iter_mut().enumerate().take(w).skip(1) {
            *out = corner(i - 1, i);
        }
        if self.wraps {
            out[0] = corner(w - 1, 0);
            out[w] = out[0];
        }
    }

    /// Inverse depth at a corner (0 to 3, clockwise from the top left) of a pixel: the mean of the pixels around the
    /// corner that are one surface with it.
    pub(super) fn torn(&self, row: usize, column: usize, corner: usize) -> f32 {
        let (top, left) = (row + corner / 2, column + usize::from(corner == 1 || corner == 2));
        // The pixels around the corner, clockwise from the top left; this one lies across from the corner's own place.
        let own = (corner + 2) % 4;
        let columns = [left.checked_sub(1).or(self.wraps.then(|| self.width - 1)), Some(left)];
        let columns = columns.map(|c| {
            c.and_then(|c| if self.wraps { Some(c % self.width) } else { Some(c).filter(|c| *c < self.width) })
        });
        let rows = [top.checked_sub(1), Some(top).filter(|r| *r < self.height)];
        let pixel = |r: usize, c: usize| rows[r].zip(columns[c]).map(|(r, c)| r * self.width + c);
        let around = [pixel(0, 0), pixel(0, 1), pixel(1, 1), pixel(1, 0)];
        // Whether each is joined to the next one clockwise.
        let link = |i: Option<usize>, other: Option<usize>, bit: u8| match (i, other) {
            (Some(i), Some(_)) => self.links[i] & bit != 0,
            _ => false,
        };
        let links = [
            link(around[0], around[1], RIGHT),
            link(around[1], around[2], DOWN),
            link(around[3], around[2], RIGHT),
            link(around[0], around[3], DOWN),
        ];
        let (next, across, last) = ((own + 1) % 4, (own + 2) % 4, (own + 3) % 4);
        let (to_next, to_last) = (links[own], links[last]);
        let to_across = to_next && links[next] || to_last && links[across];
        let mut mean = (0.0, 0.0);
        // In the order of the pixels, so that all that share the corner get the same bits.
        for (i, at) in around.iter().enumerate() {
            let one = i == own || i == next && to_next || i == last && to_last || i == across && to_across;
            if let (true, Some(at)) = (one, *at) {
                mean = (mean.0 + self.nearness[at], mean.1 + 1.0);
            }
        }
        mean.0 / mean.1
    }

    /// The colour at a place of a picture `(H, W, 3)`: bilinear between the pixels of one surface.
    pub(super) fn colour(&self, rgb: &[u8], at: At) -> [u8; 3] {
        let w = self.width;
        let here = at.index;
        if self.links[here] & INNER != 0 {
            // The four pixels around the place, from the one at the top left.
            let (x, left) = if at.x < HALF { (at.x + HALF, 1) } else { (at.x - HALF, 0) };
            let (y, up) = if at.y < HALF { (at.y + HALF, w) } else { (at.y - HALF, 0) };
            let from = here - left - up;
            return bilinear(rgb, [from, from + w], 1, [x, y].map(|v| u64::from(v / 8)));
        }
        let column = here % w;
        let beside = match at.x < HALF {
            true if column > 0 => Some(here - 1),
            true => self.wraps.then(|| here + w - 1),
            false if column + 1 < w => Some(here + 1),
            false => self.wraps.then(|| here + 1 - w),
        };
        let step = |i: usize| if at.y < HALF { i.checked_sub(w) } else { Some(i + w).filter(|i| *i < rgb.len() / 3) };
        let level = |a: usize, b: usize| self.links[if at.x < HALF { b } else { a }] & RIGHT != 0;
        let upright = |a: usize, b: usize| self.links[if at.y < HALF { b } else { a }] & DOWN != 0;
        let beside = beside.filter(|b| level(here, *b));
        let below = step(here).filter(|b| upright(here, *b));
        let corner = beside.and_then(|b| step(b).map(|d| (b, d)));
        let across = corner.filter(|&(b, d)| upright(b, d) || below.is_some_and(|below| level(below, d)));
        let (x, y) = (at.x.abs_diff(HALF), at.y.abs_diff(HALF));
        let pick = |i: usize| [rgb[3 * i], rgb[3 * i + 1], rgb[3 * i + 2]].map(u32::from);
        let own = pick(here);
        let side = beside.map_or(own, pick);
        let under = below.map_or(own, pick);
        let far = across.map_or_else(|| if below.is_some() { under } else { side }, |(_, d)| pick(d));
        std::array::from_fn(|c| {
            let top = own[c] * (256 - x) + side[c] * x;
            let bottom = under[c] * (256 - x) + far[c] * x;
            ((top * (256 - y) + bottom * y + (1 << 15)) >> 16) as u8
        })
    }
}

/// Whether two neighbours `a`, `b` are one surface, by inverse depth; `before` and `after` lie beyond them.
fn joined(before: f32, a: f32, b: f32, after: f32) -> bool {
    let near = a.min(b);
    let step = b - a;
    let from_a = before > 0.0 && (step - (a - before)).abs() <= STRAIGHT * near;
    let from_b = after > 0.0 && ((after - b) - step).abs() <= STRAIGHT * near;
    near > 0.0 && (step.abs() <= ALIKE * near || from_a || from_b)
}
