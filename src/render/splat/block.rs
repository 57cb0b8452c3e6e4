//! [`Block`]: quadrilaterals side by side, looked at together in the lanes of vector registers.

use std::ops::Range;

use wide::{f32x8, i32x8};

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
    pub(super) fn lanes(&self, from: usize) -> [f32x8; 3] {
        [&self.x, &self.y, &self.nearness].map(|axis| lanes(axis, from))
    }
}

/// Eight numbers from one on; NaN where there are not so many.
fn lanes(all: &[f32], from: usize) -> f32x8 {
    let part = all.get(from..).and_then(|rest| rest.first_chunk::<LANES>());
    f32x8::new(part.copied().unwrap_or([f32::NAN; LANES]))
}

/// A parallelogram in the target: its middle, and what its sides add from left to right and from top to bottom; each x, y
/// and nearness.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parallelogram {
    pub(super) middle: [f32; 3],
    pub(super) right: [f32; 3],
    pub(super) down: [f32; 3],
    /// One over its area.
    pub(super) inverse: f32,
    /// The nearness of its corners lies between these.
    pub(super) farthest: f32,
    pub(super) nearest: f32,
    /// The target's columns and rows that it may cover, the last excluded.
    pub(super) columns: [i32; 2],
    pub(super) rows: [i32; 2],
}

/// Eight quadrilaterals.
pub(super) struct Block {
    middle: [[f32; LANES]; 3],
    right: [[f32; LANES]; 3],
    down: [[f32; LANES]; 3],
    inverse: [f32; LANES],
    farthest: [f32; LANES],
    nearest: [f32; LANES],
    ranges: [[[i32; LANES]; 2]; 2],
    /// A bit for each.
    whole: u32,
    plain: u32,
    unseen: u32,
}

impl Block {
    /// The quadrilaterals of which the corners are given, clockwise from the top left, in a target of a size.
    ///
    /// `bend2` is how far what lies between the corners strays from its place in a parallelogram, pixels, squared.
    pub(super) fn new([a, b, c, d]: [[f32x8; 3]; 4], bend2: f32x8, size: [usize; 2]) -> Block {
        let each = |f: &dyn Fn(usize) -> f32x8| [f(0), f(1), f(2)];
        let middle = each(&|i| ((a[i] + b[i]) + (c[i] + d[i])) * 0.25);
        let right = each(&|i| ((b[i] - a[i]) + (c[i] - d[i])) * 0.5);
        let down = each(&|i| ((d[i] - a[i]) + (c[i] - b[i])) * 0.5);
        let skew = each(&|i| ((a[i] - b[i]) + (c[i] - d[i])) * 0.25);
        let area = right[0] * down[1] - right[1] * down[0];
        let low = each(&|i| a[i].fast_min(b[i]).fast_min(c[i].fast_min(d[i])));
        let high = each(&|i| a[i].fast_max(b[i]).fast_max(c[i].fast_max(d[i])));
        let range = |axis: usize| {
            let end = f32x8::splat(size[axis] as f32);
            let reach = (high[axis] - low[axis]) * REACH;
            // A cast rounds towards zero: the first is rounded up from there; the last is counted from -1 on.
            let first = (low[axis] - reach).fast_max(f32x8::ZERO).fast_min(end);
            let cast = first.fast_trunc_int();
            let up: i32x8 = bytemuck::cast(f32x8::from_i32x8(cast).simd_lt(first));
            let last = (high[axis] + reach + 1.0).fast_max(f32x8::ZERO).fast_min(end);
            [(cast - up).to_array(), last.fast_trunc_int().to_array()]
        };
        let zero = f32x8::ZERO;
        let [na, nb, nc, nd] = [a[2], b[2], c[2], d[2]];
        let whole = na.simd_gt(zero) & nb.simd_gt(zero) & nc.simd_gt(zero) & nd.simd_gt(zero);
        let unseen = na.is_nan() & nb.is_nan() & nc.is_nan() & nd.is_nan();
        let stray2 = skew[0] * skew[0] + skew[1] * skew[1] + bend2;
        let small = |axis: usize| (high[axis] - low[axis]).simd_le(f32x8::splat(LARGEST));
        let plain = whole & stray2.simd_le(area * SKEW2) & area.simd_gt(zero) & small(0) & small(1);
        Block {
            middle: middle.map(f32x8::to_array),
            right: right.map(f32x8::to_array),
            down: down.map(f32x8::to_array),
            inverse: (f32x8::ONE / area).to_array(),
            farthest: low[2].to_array(),
            nearest: high[2].to_array(),
            ranges: [range(0), range(1)],
            whole: whole.to_bitmask(),
            plain: plain.to_bitmask(),
            unseen: unseen.to_bitmask(),
        }
    }

    /// Whether a quadrilateral surely covers nothing of the target.
    pub(super) fn is_empty(&self, k: usize) -> bool {
        let none = |[first, last]: &[[i32; LANES]; 2]| first[k] >= last[k];
        self.unseen >> k & 1 == 1 || self.whole >> k & 1 == 1 && self.ranges.iter().any(none)
    }

    /// One that is whole, seen from the side that the source saw, and a parallelogram; others are painted one by one.
    pub(super) fn plain(&self, k: usize) -> Option<Parallelogram> {
        (self.plain >> k & 1 == 1).then(|| Parallelogram {
            middle: [0, 1, 2].map(|i: usize| self.middle[i][k]),
            right: [0, 1, 2].map(|i: usize| self.right[i][k]),
            down: [0, 1, 2].map(|i: usize| self.down[i][k]),
            inverse: self.inverse[k],
            farthest: self.farthest[k],
            nearest: self.nearest[k],
            columns: self.ranges[0].map(|lanes| lanes[k]),
            rows: self.ranges[1].map(|lanes| lanes[k]),
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
            [[x, y], [x + side, y], [x + side, y + side], [x, y + side]].map(|[x, y]| [x, y, 5.0].map(f32x8::splat))
        };
        let plain = |at, side| Block::new(corners(at, side), f32x8::ZERO, size).plain(0).is_some();
        assert!(plain([20.0, 30.0], 5.0) && plain([20.0, 30.0], 31.0));
        // Below the picture; two hundredths of itself reach over all of it.
        assert!(!plain([-5000.0, 95.0], 1e4));
    }
}
