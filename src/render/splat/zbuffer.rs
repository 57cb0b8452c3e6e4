//! [`ZBuffer`]: what is nearest at each pixel of a target, and parallelograms painted into it.

use rayon::prelude::*;

use super::block::{LANES, MARGIN, Parallelogram};
use super::place::{NOTHING, NUMBER, Places};

/// Added to a number, it leaves the nearest whole one in the lowest bits.
const TO_WHOLE: f32 = 8_388_608.0;

/// So many columns are quicker painted one by one.
const SMALL: i32 = 2;

/// A square of the source picture: its first column and row, and pixels along its side.
#[derive(Debug, Clone, Copy)]
pub(super) struct Square {
    pub(super) column: usize,
    pub(super) row: usize,
    pub(super) side: usize,
    /// [`INNER`] where all of it is one surface with all around it, else 0.
    pub(super) inner: i32,
}

/// The nearest at each pixel's centre: its nearness (0 where nothing is), and the place in the source that is seen there (any
/// number where nothing is).
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

/// Nearness and places of a buffer that is no longer needed; may be empty.
pub(super) type Room = (Vec<f32>, Vec<i32>);

/// How columns go around a panorama.
#[derive(Debug, Clone, Copy)]
pub(super) struct Turn {
    /// Columns of a full turn, pixels; infinite for other cameras.
    pub(super) px: f32,
    /// The picture has all of them.
    pub(super) wraps: bool,
}

impl ZBuffer {
    /// An empty one, in the room of what was there before.
    pub(super) fn new((mut nearness, mut place): Room, size: [usize; 2], turn: Turn, places: Places) -> ZBuffer {
        let n = size[0] * size[1];
        nearness.clear();
        nearness.resize(n, 0.0);
        place.resize(n, NOTHING);
        ZBuffer { nearness, place, size, turn, places }
    }

    /// Takes over what others of the same size have nearer.
    pub(super) fn merge(&mut self, others: &[ZBuffer]) {
        let across = self.size[0];
        let rows = self.nearness.par_chunks_mut(across).zip(self.place.par_chunks_mut(across)).enumerate();
        rows.with_min_len(64).for_each(|(row, (nearness, place))| {
            for other in others {
                let from = row * across;
                let (near, at) = (&other.nearness[from..from + across], &other.place[from..from + across]);
                for i in 0..across {
                    let wins = near[i] > nearness[i] || near[i] == nearness[i] && at[i] & NUMBER < place[i] & NUMBER;
                    (nearness[i], place[i]) = if wins { (near[i], at[i]) } else { (nearness[i], place[i]) };
                }
            }
        });
    }

    #[inline]
    pub(super) fn put(&mut self, at: usize, nearness: f32, place: i32) {
        let (near, own) = (&mut self.nearness[at], &mut self.place[at]);
        if nearness > *near || nearness == *near && place & NUMBER < *own & NUMBER {
            (*near, *own) = (nearness, place);
        }
    }

    /// Paints a square of the source that is seen as a parallelogram.
    #[inline(always)]
    pub(super) fn paint_whole(&mut self, seen: &Parallelogram, square: Square) {
        match seen.columns[1] - seen.columns[0] <= SMALL || self.size[0] < LANES {
            true => self.paint_small(seen, square),
            false => self.paint_large(seen, square),
        }
    }

    /// The same, pixel by pixel.
    #[inline(always)]
    fn paint_small(&mut self, seen: &Parallelogram, square: Square) {
        let Parallelogram { middle, shares: [[s_x, s_y], [t_x, t_y]], slope, farthest, nearest, .. } = *seen;
        let [across, along] = square.axes(self.places);
        for row in seen.rows[0]..seen.rows[1] {
            let line = row as usize * self.size[0];
            let y = row as f32 - middle[1];
            for column in seen.columns[0]..seen.columns[1] {
                let x = column as f32 - middle[0];
                let (s, t) = (x * s_x + y * s_y, x * t_x + y * t_y);
                if !((s.abs() <= 0.5 + MARGIN) & (t.abs() <= 0.5 + MARGIN)) {
                    continue;
                }
                let nearness = least(most(s * slope[0] + t * slope[1] + middle[2], farthest), nearest);
                let place = along.whole(t) << self.places.shift() | across.whole(s);
                self.put(line + column as usize, nearness, place | square.inner);
            }
        }
    }

    /// The same, eight pixels at a time.
    #[inline(always)]
    fn paint_large(&mut self, seen: &Parallelogram, square: Square) {
        let Parallelogram { middle, shares: [[s_x, s_y], [t_x, t_y]], slope, farthest, nearest, .. } = *seen;
        let [across, along] = square.axes(self.places);
        // The last eight of a row end where it does.
        let last = self.size[0] as i32 - LANES as i32;
        for column in (seen.columns[0]..seen.columns[1]).step_by(LANES).map(|column| column.min(last)) {
            let (mut s_0, mut t_0) = ([0.0; LANES], [0.0; LANES]);
            for i in 0..LANES {
                let x = i as f32 + (column as f32 - middle[0]);
                (s_0[i], t_0[i]) = (x * s_x, x * t_x);
            }
            for row in seen.rows[0]..seen.rows[1] {
                let y = row as f32 - middle[1];
                let (s_y, t_y) = (y * s_y, y * t_y);
                let from = row as usize * self.size[0] + column as usize;
                let near = self.nearness.get_mut(from..).and_then(|rest| rest.first_chunk_mut::<LANES>());
                let own = self.place.get_mut(from..).and_then(|rest| rest.first_chunk_mut::<LANES>());
                let (Some(near), Some(own)) = (near, own) else { continue };
                let (old_near, old_own) = (*near, *own);
                let (mut new_near, mut new_own) = ([0.0; LANES], [0; LANES]);
                for i in 0..LANES {
                    let (s, t) = (s_0[i] + s_y, t_0[i] + t_y);
                    let inside = (s.abs() <= 0.5 + MARGIN) & (t.abs() <= 0.5 + MARGIN);
                    let nearness = least(most(s * slope[0] + t * slope[1] + middle[2], farthest), nearest);
                    let place = along.whole(t) << self.places.shift() | across.whole(s);
                    let wins = (nearness > old_near[i]) | (nearness == old_near[i]) & (place < old_own[i] & NUMBER);
                    let nearness = if inside { nearness } else { 0.0 };
                    new_near[i] = most_bits(nearness, old_near[i]);
                    new_own[i] = if inside & wins { place | square.inner } else { old_own[i] };
                }
                (*near, *own) = (new_near, new_own);
            }
        }
    }
}

impl Square {
    /// The place at a share of the square right of and below its middle, with [`INNER`](super::place::INNER) or not.
    pub(super) fn place(self, places: Places, right: f32, down: f32) -> i32 {
        let [across, along] = self.axes(places);
        along.whole(down) << places.shift() | across.whole(right) | self.inner
    }

    #[inline(always)]
    fn axes(self, places: Places) -> [Axis; 2] {
        let steps = places.steps();
        let axis = |first: usize, steps: f32| {
            let (first, side) = (first as f32 * steps, self.side as f32 * steps);
            Axis { scale: side, middle: first + 0.5 * side, first, last: first + side - 1.0 }
        };
        [axis(self.column, steps[0]), axis(self.row, steps[1])]
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
    #[inline(always)]
    fn whole(self, share: f32) -> i32 {
        let steps = least(most(share * self.scale + self.middle, self.first), self.last);
        (steps + TO_WHOLE).to_bits().wrapping_sub(TO_WHOLE.to_bits()) as i32
    }
}

/// The lesser, in one instruction; what is not a number is not cared for.
#[inline(always)]
pub(super) fn least(a: f32, b: f32) -> f32 {
    if a < b { a } else { b }
}

/// The greater, likewise.
#[inline(always)]
pub(super) fn most(a: f32, b: f32) -> f32 {
    if a > b { a } else { b }
}

/// The greater of two numbers that are not negative: their bits are in the same order. Of a comparison of floats the compiler
/// makes a masked store, which some processors take twenty times as long for.
#[inline(always)]
fn most_bits(a: f32, b: f32) -> f32 {
    f32::from_bits(a.to_bits().cast_signed().max(b.to_bits().cast_signed()).cast_unsigned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::block::Block;
    use super::super::place::INNER;
    use super::*;

    const SIZE: [usize; 2] = [40, 30];

    /// What a parallelogram covers, and where in its square: painted small or large.
    fn painted(all: &[([f32; 8], bool)]) -> ZBuffer {
        let mut buffer =
            ZBuffer::new(Room::default(), SIZE, Turn { px: f32::INFINITY, wraps: false }, Places::new([64, 64]));
        for &([x, y, near, rx, ry, dx, dy, tilt], large) in all {
            let corner = |s: f32, t: f32| {
                [x + s * rx + t * dx, y + s * ry + t * dy, near * (1.0 + tilt * s)].map(|v| [v; LANES])
            };
            let corners = [corner(-0.5, -0.5), corner(0.5, -0.5), corner(0.5, 0.5), corner(-0.5, 0.5)];
            let Some(seen) = Block::new(&corners, &[0.0; LANES], SIZE).plain(3) else { continue };
            let square =
                Square { column: (x.abs() as usize).min(60), row: (y.abs() as usize).min(60), side: 4, inner: INNER };
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
            merged.merge(&[painted(last)]);
            prop_assert!(one.nearness == merged.nearness && one.place == merged.place);
        }

        #[test]
        fn small_or_large_they_are_painted_alike(one in sides()) {
            let (small, large) = (painted(&[(one, false)]), painted(&[(one, true)]));
            prop_assert!(small.nearness == large.nearness && small.place == large.place);
            let area = one[3] * one[6] - one[4] * one[5];
            for i in 0..small.place.len() {
                let (x, y) = ((i % SIZE[0]) as f32 - one[0], (i / SIZE[0]) as f32 - one[1]);
                let (s, t) = ((x * one[6] - y * one[5]) / area, (one[3] * y - one[4] * x) / area);
                let outside = s.abs().max(t.abs()) - (0.5 + MARGIN);
                if outside.abs() > 1e-3 {
                    prop_assert_eq!(small.nearness[i] > 0.0, outside < 0.0);
                }
            }
        }
    }
}
