//! [`Squares`]: colours between four pixels of three bytes, for many places at once.
//!
//! Plain loops, of which the compiler makes vector code; inside [`pulp::Arch::dispatch`] for the widest vectors of the machine.
//! All of it are whole numbers, the same everywhere.

/// Steps between two pixels that a position is rounded to; as OpenCV's `remap`.
pub(super) const STEPS: u32 = 32;
/// The steps right of a pixel and below it lie in so many bits each.
pub(super) const STEP_BITS: u32 = STEPS.trailing_zeros();

/// Two neighbours, left and right, from a byte on, each red in the lowest byte, green and blue above; what lies above does not
/// count. `None` at the very end of the picture.
#[inline(always)]
pub(super) fn pair(pixels: &[u8], byte: usize) -> Option<[u32; 2]> {
    let both = u64::from_le_bytes(*pixels.get(byte..)?.first_chunk::<8>()?);
    Some([both as u32, (both >> 24) as u32])
}

/// Any two pixels, likewise.
pub(super) fn two(pixels: &[u8], left: usize, right: usize) -> [u32; 2] {
    [left, right].map(|i| u32::from_le_bytes([pixels[3 * i], pixels[3 * i + 1], pixels[3 * i + 2], 0]))
}

/// Places whose colours are found together: first all their pixels are fetched, so that many are on their way at once.
pub(super) const BLOCK: usize = 32;

/// The four pixels around each place: the upper ones, left and right, and the lower ones.
pub(super) struct Squares([[u32; BLOCK]; 4]);

impl Squares {
    /// All black.
    pub(super) fn new() -> Squares {
        Squares([[0; BLOCK]; 4])
    }

    /// Sets the pixels around one place.
    #[inline(always)]
    pub(super) fn set(&mut self, i: usize, [above, below]: [[u32; 2]; 2]) {
        [self.0[0][i], self.0[1][i], self.0[2][i], self.0[3][i]] = [above[0], above[1], below[0], below[1]];
    }

    /// The colours at the places, one after the other: each `steps` right of the left pixels and (in the next [`STEP_BITS`])
    /// below the upper ones; bits above are not looked at. Rounded to the nearest.
    #[inline(always)]
    pub(super) fn mix(&self, steps: &[u16; BLOCK]) -> [u8; 3 * BLOCK] {
        let mut colours = [0; BLOCK];
        for i in 0..BLOCK {
            let steps = i32::from(steps[i]);
            let (x, y) = (steps % STEPS as i32, (steps >> STEP_BITS) % STEPS as i32);
            let channel = |shift: u32| {
                let [a, b, c, d] = [0, 1, 2, 3].map(|corner: usize| (self.0[corner][i] >> shift & 0xff) as i32);
                let (above, below) = ((a << STEP_BITS) + (b - a) * x, (c << STEP_BITS) + (d - c) * x);
                (((above << STEP_BITS) + (below - above) * y + 512) >> (2 * STEP_BITS)) as u32
            };
            colours[i] = channel(0) | channel(8) << 8 | channel(16) << 16;
        }
        let mut out = [0; 3 * BLOCK];
        for (out, colours) in out.as_chunks_mut::<12>().0.iter_mut().zip(colours.as_chunks::<4>().0) {
            let [a, b, c, d] = *colours;
            *out = bytemuck::cast([a | b << 24, b >> 8 | c << 16, c >> 16 | d << 8].map(u32::to_le));
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn colours_are_those_of_the_formula_with_vectors_of_any_width(
            bytes in prop::collection::vec(any::<u8>(), BLOCK * 12),
            steps in prop::collection::vec(0..STEPS * STEPS, BLOCK),
        ) {
            let mut squares = Squares::new();
            (0..BLOCK).for_each(|i| squares.set(i, [0, 2].map(|first| two(&bytes, 4 * i + first, 4 * i + first + 1))));
            let sixteen: [u16; BLOCK] = std::array::from_fn(|i| steps[i] as u16 | 1 << 15);
            let found = squares.mix(&sixteen);
            prop_assert_eq!(found, pulp::Arch::new().dispatch(|| squares.mix(&sixteen)));
            for (i, found) in found.iter().enumerate() {
                let (place, channel) = (i / 3, i % 3);
                let at = |corner: usize| u32::from(bytes[12 * place + 3 * corner + channel]);
                let (x, y) = (steps[place] % STEPS, steps[place] / STEPS);
                let (top, bottom) = (at(0) * (STEPS - x) + at(1) * x, at(2) * (STEPS - x) + at(3) * x);
                let want = (top * (STEPS - y) + bottom * y + 512) / 1024;
                prop_assert_eq!(u32::from(*found), want);
            }
        }
    }
}
