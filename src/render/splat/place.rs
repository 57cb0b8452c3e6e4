//! [`Places`]: a place in a source picture, finer than its pixels, as one number.

use crate::render::lanes::STEP_BITS;

/// What says that nothing is seen; no place has this number.
pub(super) const NOTHING: i32 = i32::MAX;
/// The bits of a place's number. The one above says, where it is kept, that the pixel is one surface with all around it.
pub(super) const NUMBER: i32 = i32::MAX;
/// That bit.
pub(super) const INNER: i32 = i32::MIN;

/// A place in a source picture: a pixel, and where in it, from its left and its upper edge in
/// [`STEPS`](crate::render::lanes::STEPS) a pixel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct At {
    pub(super) row: u32,
    pub(super) column: u32,
    pub(super) x: u32,
    pub(super) y: u32,
}

/// How places are numbered: steps from the upper border in the upper bits, from the left border in the lower ones. Of two
/// places the one further up has the smaller number.
#[derive(Debug, Clone, Copy)]
pub(super) struct Places {
    /// Bits of the steps of a pixel: right, down. Large pictures have fewer of them.
    bits: [u32; 2],
    shift: u32,
}

impl Places {
    /// Of pictures of a size.
    pub(super) fn new([width, height]: [usize; 2]) -> Places {
        let [across, down] = [width.saturating_sub(1), height].map(|n| usize::BITS - n.leading_zeros());
        let left = 31_u32.saturating_sub(across + down);
        let below = (left / 2).min(STEP_BITS);
        let right = (left - below).min(STEP_BITS);
        Places { bits: [right, below], shift: across + right }
    }

    /// Steps in a pixel, right and down.
    #[inline(always)]
    pub(super) fn steps(self) -> [f32; 2] {
        [(1_u32 << self.bits[0]) as f32, (1_u32 << self.bits[1]) as f32]
    }

    /// Bits of the steps from the left border.
    #[inline(always)]
    pub(super) fn shift(self) -> u32 {
        self.shift
    }

    /// The place that a number stands for, with [`INNER`] or not; any place for [`NOTHING`].
    #[inline(always)]
    pub(super) fn at(self, place: i32) -> At {
        let place = (place & NUMBER) as u32;
        let axis = |steps: u32, bits: u32| (steps >> bits, (steps & ((1 << bits) - 1)) << (STEP_BITS - bits));
        let (column, x) = axis(place & ((1 << self.shift) - 1), self.bits[0]);
        let (row, y) = axis(place >> self.shift, self.bits[1]);
        At { row, column, x, y }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn places_of_pictures_of_any_size_come_back_and_rise_from_row_to_row(
            size in prop::array::uniform2(1..9000_usize),
            part in prop::array::uniform4(0.0..1.0_f64),
        ) {
            let places = Places::new(size);
            let steps = places.steps().map(|steps| steps as usize);
            prop_assert!(steps.iter().all(|s| *s >= 4 || size[0] * size[1] > 1 << 25), "{:?}", steps);
            let number = |[x, y]: [f64; 2]| {
                let whole = |i: usize, share: f64| (share * (size[i] * steps[i]) as f64) as usize;
                let (x, y) = (whole(0, x), whole(1, y));
                (x, y, ((y << places.shift()) | x) as i32)
            };
            let (x, y, place) = number([part[0], part[1]]);
            let at = places.at(place);
            prop_assert_eq!(places.at(place | INNER), at);
            prop_assert_eq!([at.column as usize, at.row as usize], [x / steps[0], y / steps[1]]);
            let fine = 1 << STEP_BITS;
            prop_assert_eq!([at.x as usize, at.y as usize], [x % steps[0] * fine / steps[0], y % steps[1] * fine / steps[1]]);
            let other = number([part[2], part[3]]);
            prop_assert_eq!((y, x).cmp(&(other.1, other.0)), place.cmp(&other.2));
            prop_assert!(number([1.0 - 1e-9, 1.0 - 1e-9]).2 < NOTHING);
        }
    }
}
