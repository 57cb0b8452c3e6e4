//! [`Links`]: which pixels of a depth picture belong to one surface.

use rayon::prelude::*;

/// Neighbours whose inverse depths differ by less than this share are one surface.
const ALIKE: f32 = 0.01;
/// So are those where either side, continued in a straight line, meets the other: inverse depth is linear on a plane.
const STRAIGHT: f32 = 0.01;
/// Joined to the pixel on the right.
const RIGHT: u8 = 1;
/// Joined to the pixel below.
const DOWN: u8 = 2;
/// One surface with all eight neighbours.
const INNER: u8 = 4;
/// Rows that are worth a thread.
const ROWS: usize = 32;

/// For each pixel whether it is one surface with the pixel to its right and the pixel below.
#[derive(Debug, Clone)]
pub(super) struct Links {
    width: usize,
    height: usize,
    /// A panorama's last column is a neighbour of its first.
    wraps: bool,
    bits: Vec<u8>,
}

/// What each row of a picture has, made row by row.
pub(super) fn by_rows<T: Copy + Default + Send>(
    [width, height]: [usize; 2],
    make: impl Fn(usize, &mut [T]) + Sync,
) -> Vec<T> {
    let mut all = vec![T::default(); width * height];
    all.par_chunks_mut(width.max(1)).with_min_len(ROWS).enumerate().for_each(|(row, out)| make(row, out));
    all
}

impl Links {
    /// Of inverse depths, row by row; 0 where there is none.
    pub(super) fn new(nearness: &[f32], [width, height]: [usize; 2], wraps: bool) -> Links {
        let mut links = Links { width, height, wraps, bits: Vec::new() };
        links.bits = by_rows([width, height], |row, out| links.join(nearness, row, out));
        links.bits = by_rows([width, height], |row, out| links.find_inner(row, out));
        links
    }

    fn join(&self, n: &[f32], row: usize, out: &mut [u8]) {
        let w = self.width;
        let line = |row: Option<usize>| row.filter(|r| *r < self.height).map(|r| &n[r * w..(r + 1) * w]);
        let here = &n[row * w..(row + 1) * w];
        let zeros = vec![0.0; w];
        let before = line(row.checked_sub(1)).unwrap_or(&zeros);
        let (after, beyond) = (line(Some(row + 1)).unwrap_or(&zeros), line(Some(row + 2)).unwrap_or(&zeros));
        for i in 0..w {
            out[i] = if joined(before[i], here[i], after[i], beyond[i]) { DOWN } else { 0 };
        }
        for i in 1..w.saturating_sub(2) {
            out[i] |= if joined(here[i - 1], here[i], here[i + 1], here[i + 2]) { RIGHT } else { 0 };
        }
        // The ends of the row, where neighbours lie across a panorama's seam or do not exist.
        let at = |i: usize, step: usize| match (i + w + step).wrapping_sub(1) {
            at if (w..2 * w).contains(&at) => here[at - w],
            at if self.wraps => here[at % w],
            _ => 0.0,
        };
        for i in [0, w.saturating_sub(2), w - 1] {
            let found = joined(at(i, 0), at(i, 1), at(i, 2), at(i, 3));
            out[i] = out[i] & DOWN | if found { RIGHT } else { 0 };
        }
    }

    /// The links of a row, and which of its pixels are one surface with all their neighbours; none at the border is.
    fn find_inner(&self, row: usize, out: &mut [u8]) {
        let w = self.width;
        let line = |row: usize| &self.bits[row * w..(row + 1) * w];
        let here = line(row);
        out.copy_from_slice(here);
        if row == 0 || row + 1 >= self.height {
            return;
        }
        let (above, below) = (line(row - 1), line(row + 1));
        for i in 1..w.saturating_sub(1) {
            let right = above[i - 1] & above[i] & here[i - 1] & here[i] & below[i - 1] & below[i] & RIGHT;
            let down = above[i - 1] & above[i] & above[i + 1] & here[i - 1] & here[i] & here[i + 1] & DOWN;
            out[i] |= if right | down == RIGHT | DOWN { INNER } else { 0 };
        }
    }

    /// Whether a pixel is one surface with all eight around it.
    #[inline]
    pub(super) fn inner(&self, pixel: usize) -> bool {
        self.bits[pixel] & INNER != 0
    }

    /// Whether it is one with the pixel to its right.
    pub(super) fn right(&self, pixel: usize) -> bool {
        self.bits[pixel] & RIGHT != 0
    }

    /// Whether it is one with the pixel below.
    pub(super) fn down(&self, pixel: usize) -> bool {
        self.bits[pixel] & DOWN != 0
    }

    /// Inverse depth at the corners between rows `row - 1` and `row`, the mean of the four pixels around; 0 where they
    /// are not one surface.
    pub(super) fn corners(&self, nearness: &[f32], row: usize, out: &mut [f32]) {
        let w = self.width;
        out.fill(0.0);
        if row == 0 || row == self.height {
            return;
        }
        let (above, below) = ((row - 1) * w..row * w, row * w..(row + 1) * w);
        let (a, b) = (&nearness[above.clone()], &nearness[below.clone()]);
        let (la, lb) = (&self.bits[above], &self.bits[below]);
        let corner = |[a0, a1, b0, b1]: [f32; 4], [la0, la1, lb0]: [u8; 3]| {
            let links = (la0 & RIGHT) + (lb0 & RIGHT) + (la0 & DOWN) / DOWN + (la1 & DOWN) / DOWN;
            if links >= 3 { 0.25 * ((a0 + a1) + (b0 + b1)) } else { 0.0 }
        };
        let pairs = a.iter().zip(&a[1..]).zip(b.iter().zip(&b[1..]));
        let links = la.iter().zip(&la[1..]).zip(lb);
        for (out, (((a0, a1), (b0, b1)), ((la0, la1), lb0))) in out[1..].iter_mut().zip(pairs.zip(links)) {
            *out = corner([*a0, *a1, *b0, *b1], [*la0, *la1, *lb0]);
        }
        if self.wraps {
            out[0] = corner([a[w - 1], a[0], b[w - 1], b[0]], [la[w - 1], la[0], lb[w - 1]]);
            out[w] = out[0];
        }
    }
}

/// Whether two neighbours `a`, `b` are one surface, by inverse depth; `before` and `after` lie beyond them.
fn joined(before: f32, a: f32, b: f32, after: f32) -> bool {
    let near = a.min(b);
    let step = b - a;
    let from_a = (before > 0.0) & ((step - (a - before)).abs() <= STRAIGHT * near);
    let from_b = (after > 0.0) & (((after - b) - step).abs() <= STRAIGHT * near);
    (near > 0.0) & ((step.abs() <= ALIKE * near) | from_a | from_b)
}
