//! [`Block`]: quadrilaterals side by side, looked at together in the lanes of vector registers.

use std::ops::Range;

use super::zbuffer::{least, most};

/// How many are looked at together.
pub(super) const LANES: usize = 8;
/// How far the corners of a quadrilateral may lie from those of a parallelogram for it to be painted as one: of its side,
/// squared.
const SKEW2: f32 = 2e-4;
/// How far such a one reaches beyond its sides, of itself, so that its skew opens no crack.
pub(super) const MARGIN: f32 = 0.02;
/// None that is larger is painted as one, pixels: its margin would be seen, and of one that ends just before the camera, which
/// is thousands of pixels wide beside the picture, it would cover all of it.
const LARGEST: f32 = 32.0;
/// How far around the corners of such a one its pixels are looked for, of its extent.
const REACH: f32 = 0.04;

/// Points of a row in the target: pixels, and nearness there, which is 0 where the surface is torn and NaN where the
/// target does not see the point.
pub(super) struct Row {
    pub(super) x: Vec<f32>,
    pub(super) y: Vec<f32>,
    pub(super) nearness: Vec<f32>,
}

impl Row {
    /// A row of `n` points, and as many more as a block needs.
    pub(super) fn new(n: usize) -> Row {
        let zeros = || vec![0.0; n + LANES];
        Row { x: zeros(), y: zeros(), nearness: zeros() }
    }

    pub(super) fn at(&self, i: usize) -> [f32; 3] {
        [self.x[i], self.y[i], self.nearness[i]]
    }

    /// Room for some of the points.
    pub(super) fn part(&mut self, range: Range<usize>) -> [&mut [f32]; 3] {
        [&mut self.x, &mut self.y, &mut self.nearness].map(|axis| &mut axis[range.clone()])
    }

    /// The points from one on.
    #[inline(always)]
    pub(super) fn lanes(&self, from: usize) -> [[f32; LANES]; 3] {
        [lanes(&self.x, from), lanes(&self.y, from), lanes(&self.nearness, from)]
    }
}

/// Eight numbers from one on; NaN where there are not so many.
#[inline(always)]
fn lanes(all: &[f32], from: usize) -> [f32; LANES] {
    let part = all.get(from..).and_then(|rest| rest.first_chunk::<LANES>());
    part.copied().unwrap_or([f32::NAN; LANES])
}

/// A parallelogram in the target.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parallelogram {
    /// Column, row and nearness.
    pub(super) middle: [f32; 3],
    /// What a pixel right and a pixel down add to the share of it from left to right, and to that from top to bottom.
    pub(super) shares: [[f32; 2]; 2],
    /// What its nearness rises by from left to right and from top to bottom.
    pub(super) slope: [f32; 2],
    /// The nearness of its corners lies between these.
    pub(super) farthest: f32,
    pub(super) nearest: f32,
    /// The target's columns and rows that it may cover, the last excluded.
    pub(super) columns: [i32; 2],
    pub(super) rows: [i32; 2],
}

/// Eight quadrilaterals, as [`Parallelogram`] has them.
#[derive(Default)]
pub(super) struct Block {
    middle: [[f32; LANES]; 3],
    shares: [[[f32; LANES]; 2]; 2],
    slope: [[f32; LANES]; 2],
    farthest: [f32; LANES],
    nearest: [f32; LANES],
    columns: [[i32; LANES]; 2],
    rows: [[i32; LANES]; 2],
    /// Not 0 where nothing of the target is covered for sure.
    empty: [u32; LANES],
    /// Not 0 where it is a parallelogram.
    plain: [u32; LANES],
}

/// One coordinate of the corners of a quadrilateral.
struct Along {
    middle: f32,
    /// What its sides add from left to right and from top to bottom.
    right: f32,
    down: f32,
    /// How far its corners lie from those of a parallelogram.
    skew: f32,
    low: f32,
    high: f32,
}

impl Along {
    /// Of corners clockwise from the top left.
    #[inline(always)]
    fn new([a, b, c, d]: [f32; 4]) -> Along {
        Along {
            middle: ((a + b) + (c + d)) * 0.25,
            right: ((b - a) + (c - d)) * 0.5,
            down: ((d - a) + (c - b)) * 0.5,
            skew: ((a - b) + (c - d)) * 0.25,
            low: least(least(a, b), least(c, d)),
            high: most(most(a, b), most(c, d)),
        }
    }

    /// The pixels, of so many, that it may cover, the last excluded.
    #[inline(always)]
    fn range(&self, end: usize) -> [i32; 2] {
        let (end, reach) = (end as f32, (self.high - self.low) * REACH);
        // A cast rounds towards zero: the first is rounded up from there; the last is counted from -1 on.
        let first = least(most(self.low - reach, 0.0), end);
        let last = least(most(self.high + reach + 1.0, 0.0), end);
        [first as i32 + i32::from((first as i32 as f32) < first), last as i32]
    }
}

impl Block {
    /// The quadrilaterals of which the corners are given, clockwise from the top left, in a target of a size.
    ///
    /// `bend2` is how far what lies between the corners strays from its place in a parallelogram, pixels, squared.
    #[inline(always)]
    pub(super) fn new(corners: &[[[f32; LANES]; 3]; 4], bend2: &[f32; LANES], size: [usize; 2]) -> Block {
        let mut block = Block::default();
        let [a, b, c, d] = corners;
        for k in 0..LANES {
            let corners = |axis: usize| [a[axis][k], b[axis][k], c[axis][k], d[axis][k]];
            let (x, y, near) = (Along::new(corners(0)), Along::new(corners(1)), Along::new(corners(2)));
            let (columns, rows) = (x.range(size[0]), y.range(size[1]));
            let area = x.right * y.down - y.right * x.down;
            let inverse = 1.0 / area;
            let [na, nb, nc, nd] = corners(2);
            let whole = (na > 0.0) & (nb > 0.0) & (nc > 0.0) & (nd > 0.0);
            let unseen = na.is_nan() & nb.is_nan() & nc.is_nan() & nd.is_nan();
            let beside = (columns[0] >= columns[1]) | (rows[0] >= rows[1]);
            let stray2 = x.skew * x.skew + y.skew * y.skew + bend2[k];
            let small = (x.high - x.low <= LARGEST) & (y.high - y.low <= LARGEST);
            let plain = whole & (stray2 <= area * SKEW2) & (area > 0.0) & small;
            (block.middle[0][k], block.middle[1][k], block.middle[2][k]) = (x.middle, y.middle, near.middle);
            (block.shares[0][0][k], block.shares[0][1][k]) = (y.down * inverse, -x.down * inverse);
            (block.shares[1][0][k], block.shares[1][1][k]) = (-y.right * inverse, x.right * inverse);
            (block.slope[0][k], block.slope[1][k]) = (near.right, near.down);
            (block.farthest[k], block.nearest[k]) = (near.low, near.high);
            (block.columns[0][k], block.columns[1][k]) = (columns[0], columns[1]);
            (block.rows[0][k], block.rows[1][k]) = (rows[0], rows[1]);
            (block.empty[k], block.plain[k]) = (u32::from(unseen | whole & beside), u32::from(plain));
        }
        block
    }

    /// Whether a quadrilateral surely covers nothing of the target.
    #[inline(always)]
    pub(super) fn is_empty(&self, k: usize) -> bool {
        self.empty[k] != 0
    }

    /// One that is whole, seen from the side that the source saw, and a parallelogram; others are painted one by one.
    #[inline(always)]
    pub(super) fn plain(&self, k: usize) -> Option<Parallelogram> {
        let Block { middle, shares: [[sx, sy], [tx, ty]], slope, columns, rows, .. } = self;
        (self.plain[k] != 0).then(|| Parallelogram {
            middle: [middle[0][k], middle[1][k], middle[2][k]],
            shares: [[sx[k], sy[k]], [tx[k], ty[k]]],
            slope: [slope[0][k], slope[1][k]],
            farthest: self.farthest[k],
            nearest: self.nearest[k],
            columns: [columns[0][k], columns[1][k]],
            rows: [rows[0][k], rows[1][k]],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_enormous_beside_the_picture_is_not_painted_as_one() {
        let size = [160, 90];
        let corners = |[x, y]: [f32; 2], side: f32| {
            [[x, y], [x + side, y], [x + side, y + side], [x, y + side]].map(|[x, y]| [x, y, 5.0].map(|v| [v; LANES]))
        };
        let plain = |at, side| Block::new(&corners(at, side), &[0.0; LANES], size).plain(0).is_some();
        assert!(plain([20.0, 30.0], 5.0) && plain([20.0, 30.0], 31.0));
        // Below the picture; two hundredths of itself reach over all of it.
        assert!(!plain([-5000.0, 95.0], 1e4));
    }
}
