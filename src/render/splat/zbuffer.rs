//! [`ZBuffer`]: what is nearest at each pixel of a target, and parallelograms painted into it.

use wide::{f32x8, i32x8};

use super::block::{LANES, MARGIN, Parallelogram};
use super::place::{NOTHING, Places};

/// Added to a number, it leaves the nearest whole one in the lowest bits.
const TO_WHOLE: f32 = 8_388_608.0;

/// A square of the source picture: its first column and row, and pixels along its side.
#[derive(Debug, Clone, Copy)]
pub(super) struct Square {
    pub(super) column: usize,
    pub(super) row: usize,
    pub(super) side: usize,
}

/// The nearest at each pixel's centre: its nearness (0 where nothing is), and the place in the source that is seen there.
///
/// Of what is equally near, the place with the smaller number wins, so the order of painting does not matter.
pub(super) struct ZBuffer {
    pub(super) nearness: Vec<f32>,
    /// [`NOTHING`] also where a surface is seen from behind: it hides, and has no colour.
    pub(super) place: Vec<i32>,
    pub(super) size: [usize; 2],
    pub(super) turn: Turn,
    pub(super) places: Places,
}

/// How columns go around a panorama.
#[derive(Debug, Clone, Copy)]
pub(super) struct Turn {
    /// Columns of a full turn, pixels; infinite for other cameras.
    pub(super) px: f32,
    /// The picture has all of them.
    pub(super) wraps: bool,
}

impl ZBuffer {
    pub(super) fn new(size: [usize; 2], turn: Turn, places: Places) -> ZBuffer {
        let n = size[0] * size[1];
        ZBuffer { nearness: vec![0.0; n], place: vec![NOTHING; n], size, turn, places }
    }

    /// Takes over what another of the same size has nearer.
    pub(super) fn merge(&mut self, other: &ZBuffer) {
        let own = self.nearness.iter_mut().zip(&mut self.place);
        for ((nearness, place), (&near, &at)) in own.zip(other.nearness.iter().zip(&other.place)) {
            if near > *nearness || near == *nearness && at < *place {
                (*nearness, *place) = (near, at);
            }
        }
    }

    #[inline]
    pub(super) fn put(&mut self, at: usize, nearness: f32, place: i32) {
        let (near, own) = (&mut self.nearness[at], &mut self.place[at]);
        if nearness > *near || nearness == *near && place < *own {
            (*near, *own) = (nearness, place);
        }
    }

    /// Paints a square of the source that is seen as a parallelogram, pixel by pixel: for small ones.
    pub(super) fn paint_small(&mut self, seen: &Parallelogram, square: Square) {
        let Parallelogram { middle, right, down, inverse, farthest, nearest, .. } = *seen;
        let [across, along] = square.axes(self.places);
        for row in seen.rows[0]..seen.rows[1] {
            let line = row as usize * self.size[0];
            let y = row as f32 - middle[1];
            for column in seen.columns[0]..seen.columns[1] {
                let x = column as f32 - middle[0];
                let s = (x * down[1] - y * down[0]) * inverse;
                let t = (right[0] * y - right[1] * x) * inverse;
                if !((s.abs() <= 0.5 + MARGIN) & (t.abs() <= 0.5 + MARGIN)) {
                    continue;
                }
                let nearness = least(most(middle[2] + s * right[2] + t * down[2], farthest), nearest);
                self.put(line + column as usize, nearness, along.whole(t) << self.places.shift() | across.whole(s));
            }
        }
    }

    /// The same, eight pixels at a time: for large ones.
    pub(super) fn paint_large(&mut self, seen: &Parallelogram, square: Square) {
        let Parallelogram { middle, right, down, inverse, farthest, nearest, .. } = *seen;
        let [across, along] = square.axes(self.places);
        let steps = f32x8::new([0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]);
        let [s_x, s_y, t_x, t_y] = [down[1], -down[0], -right[1], right[0]].map(|v| v * inverse);
        let (farthest, nearest, half) = (f32x8::splat(farthest), f32x8::splat(nearest), f32x8::splat(0.5 + MARGIN));
        // The last eight of a row end where it does.
        let last = self.size[0] as i32 - LANES as i32;
        if last < 0 {
            return self.paint_small(seen, square);
        }
        for column in (seen.columns[0]..seen.columns[1]).step_by(LANES).map(|column| column.min(last)) {
            let x = steps + (column as f32 - middle[0]);
            let (s_0, t_0) = (x * s_x, x * t_x);
            for row in seen.rows[0]..seen.rows[1] {
                let y = row as f32 - middle[1];
                let (s, t) = (s_0 + y * s_y, t_0 + y * t_y);
                let inside = s.abs().simd_le(half) & t.abs().simd_le(half);
                let nearness = (s * right[2] + t * down[2] + middle[2]).fast_max(farthest).fast_min(nearest);
                let place = along.whole_lanes(t).unbounded_shl_scalar(self.places.shift()) | across.whole_lanes(s);
                let from = row as usize * self.size[0] + column as usize;
                let near = self.nearness.get_mut(from..).and_then(|rest| rest.first_chunk_mut::<LANES>());
                let own = self.place.get_mut(from..).and_then(|rest| rest.first_chunk_mut::<LANES>());
                let (Some(near), Some(own)) = (near, own) else { continue };
                let (old_near, old_own) = (f32x8::new(*near), i32x8::new(*own));
                let first: f32x8 = bytemuck::cast(place.simd_lt(old_own));
                let wins = inside & (nearness.simd_gt(old_near) | nearness.simd_eq(old_near) & first);
                *near = wins.bitselect(nearness, old_near).to_array();
                *own = bytemuck::cast::<f32x8, i32x8>(wins).bitselect(place, old_own).to_array();
            }
        }
    }
}

impl Square {
    /// The place at a share of the square right of and below its middle.
    pub(super) fn place(self, places: Places, right: f32, down: f32) -> i32 {
        let [across, along] = self.axes(places);
        along.whole(down) << places.shift() | across.whole(right)
    }

    fn axes(self, places: Places) -> [Axis; 2] {
        let steps = places.steps();
        [0, 1].map(|i: usize| {
            let (first, side) = ([self.column, self.row][i] as f32 * steps[i], self.side as f32 * steps[i]);
            Axis { scale: side, middle: first + 0.5 * side, first, last: first + side - 1.0 }
        })
    }
}

/// From a share of a square, -0.5 to 0.5, to steps in the source picture along one axis.
#[derive(Clone, Copy)]
struct Axis {
    scale: f32,
    middle: f32,
    first: f32,
    last: f32,
}

impl Axis {
    #[inline]
    fn whole(self, share: f32) -> i32 {
        let steps = least(most(share * self.scale + self.middle, self.first), self.last);
        ((steps + TO_WHOLE).to_bits() - TO_WHOLE.to_bits()) as i32
    }

    #[inline]
    fn whole_lanes(self, share: f32x8) -> i32x8 {
        let steps = share * self.scale + self.middle;
        let steps = steps.fast_max(f32x8::splat(self.first)).fast_min(f32x8::splat(self.last));
        bytemuck::cast::<f32x8, i32x8>(steps + TO_WHOLE) - i32x8::splat(TO_WHOLE.to_bits() as i32)
    }
}

/// The lesser, in one instruction; what is not a number is not cared for.
pub(super) fn least(a: f32, b: f32) -> f32 {
    if a < b { a } else { b }
}

/// The greater, likewise.
pub(super) fn most(a: f32, b: f32) -> f32 {
    if a > b { a } else { b }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::block::Block;
    use super::*;

    const SIZE: [usize; 2] = [40, 30];

    /// What a parallelogram covers, and where in its square: painted small or large.
    fn painted(all: &[([f32; 8], bool)]) -> ZBuffer {
        let mut buffer = ZBuffer::new(SIZE, Turn { px: f32::INFINITY, wraps: false }, Places::new([64, 64]));
        for &([x, y, near, rx, ry, dx, dy, tilt], large) in all {
            let corner =
                |s: f32, t: f32| [x + s * rx + t * dx, y + s * ry + t * dy, near * (1.0 + tilt * s)].map(f32x8::splat);
            let corners = [corner(-0.5, -0.5), corner(0.5, -0.5), corner(0.5, 0.5), corner(-0.5, 0.5)];
            let Some(seen) = Block::new(corners, f32x8::ZERO, SIZE).plain(3) else { continue };
            let square = Square { column: (x.abs() as usize).min(60), row: (y.abs() as usize).min(60), side: 4 };
            match large {
                true => buffer.paint_large(&seen, square),
                false => buffer.paint_small(&seen, square),
            }
        }
        buffer
    }

    /// Middle, nearness, sides and how the nearness leans.
    fn sides() -> impl Strategy<Value = [f32; 8]> {
        let place = (-5.0..45.0_f32, -5.0..35.0_f32, 0.1..2.0_f32, 0.0..0.3_f32);
        let shape = (0.5..20.0_f32, -0.5..0.5_f32, -0.5..0.5_f32, 0.5..20.0_f32);
        (place, shape).prop_map(|((x, y, near, tilt), (rx, ry, dx, dy))| [x, y, near, rx, ry * rx, dx * dy, dy, tilt])
    }

    proptest! {
        #[test]
        fn the_order_of_painting_does_not_matter(all in prop::collection::vec((sides(), any::<bool>()), 1..6)) {
            let turned: Vec<_> = all.iter().rev().copied().collect();
            let (one, other) = (painted(&all), painted(&turned));
            prop_assert!(one.nearness == other.nearness && one.place == other.place);
            // Halves that are merged are the whole.
            let (first, last) = all.split_at(all.len() / 2);
            let mut merged = painted(first);
            merged.merge(&painted(last));
            prop_assert!(one.nearness == merged.nearness && one.place == merged.place);
        }

        #[test]
        fn small_or_large_they_cover_the_same_and_show_the_same(one in sides()) {
            let (small, large) = (painted(&[(one, false)]), painted(&[(one, true)]));
            let area = one[3] * one[6] - one[4] * one[5];
            for (i, (a, b)) in small.place.iter().zip(&large.place).enumerate() {
                let (x, y) = ((i % SIZE[0]) as f32 - one[0], (i / SIZE[0]) as f32 - one[1]);
                let (s, t) = ((x * one[6] - y * one[5]) / area, (one[3] * y - one[4] * x) / area);
                let outside = s.abs().max(t.abs()) - (0.5 + MARGIN);
                if outside.abs() > 1e-3 {
                    prop_assert_eq!([*a != NOTHING, *b != NOTHING], [outside < 0.0; 2]);
                    prop_assert!((small.nearness[i] - large.nearness[i]).abs() <= 1e-4 * small.nearness[i]);
                }
                // What lies in the middle between two steps may be rounded either way.
                let steps = |place: i32| small.places.at(place).map(|at| [at.column as i32 * 32 + at.x as i32, at.row as i32 * 32 + at.y as i32]);
                if let Some((a, b)) = steps(*a).zip(steps(*b)) {
                    prop_assert!((a[0] - b[0]).abs() <= 1 && (a[1] - b[1]).abs() <= 1, "{:?} {:?}", a, b);
                }
            }
        }
    }
}
