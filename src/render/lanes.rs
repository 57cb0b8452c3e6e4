//! [`mix_block`]: colours between four pixels of three bytes, several at once in the lanes of one register.

use wide::{i16x8, i32x4, u8x16};

/// Steps between two pixels that a position is rounded to; as OpenCV's `remap`.
pub(super) const STEPS: u32 = 32;
/// The steps right of a pixel and below it lie in so many bits each.
pub(super) const STEP_BITS: u32 = STEPS.trailing_zeros();

/// For each number of steps right and down: the weights of the left and of the right pixels, the upper one's below 65,536,
/// the lower one's above. All four add up to 1,024.
static WEIGHTS: [[i32; 2]; (STEPS * STEPS) as usize] = weights();

const fn weights() -> [[i32; 2]; (STEPS * STEPS) as usize] {
    let (mut all, mut i) = ([[0; 2]; (STEPS * STEPS) as usize], 0);
    while i < all.len() {
        let (x, y) = (i as i32 % STEPS as i32, i as i32 / STEPS as i32);
        let (left, up) = (STEPS as i32 - x, STEPS as i32 - y);
        all[i] = [(left * up) | ((left * y) << 16), (x * up) | ((x * y) << 16)];
        i += 1;
    }
    all
}

/// Two neighbours, the left one in the lowest three bytes, the right one in the next three; what lies above does not
/// count. `None` at the very end of the picture.
#[inline]
pub(super) fn pair(pixels: &[u8], left: usize) -> Option<u64> {
    let bytes = pixels.get(3 * left..)?.first_chunk::<8>()?;
    Some(u64::from_le_bytes(*bytes))
}

/// Any two pixels, likewise.
pub(super) fn two(pixels: &[u8], left: usize, right: usize) -> u64 {
    let [l, r] = [left, right].map(|i| [pixels[3 * i], pixels[3 * i + 1], pixels[3 * i + 2]]);
    u64::from_le_bytes([l[0], l[1], l[2], r[0], r[1], r[2], 0, 0])
}

/// The colours at four places, one after the other: each between a [`pair`] of pixels above and one below, `steps` right of
/// the left ones and (in the next [`STEP_BITS`]) below the upper ones; bits above are not looked at. Rounded to the nearest.
#[inline]
fn mix(tops: [u64; 4], bottoms: [u64; 4], steps: [u16; 4]) -> [u8; 12] {
    let one = |i: usize| {
        let [top, bottom]: [u8x16; 2] = [tops[i], bottoms[i]].map(|pair| bytemuck::cast([pair, pair >> 24]));
        let left = i16x8::from_u8x16_low(u8x16::unpack_low(top, bottom));
        let right = i16x8::from_u8x16_low(u8x16::unpack_high(top, bottom));
        let weights = WEIGHTS[steps[i] as usize % WEIGHTS.len()];
        let [of_left, of_right]: [i16x8; 2] = weights.map(|w| bytemuck::cast(i32x4::splat(w)));
        (left.dot(of_left) + right.dot(of_right) + i32x4::splat(512)) >> 10
    };
    let both = |a, b| i16x8::from_i32x8_saturate(bytemuck::cast([one(a), one(b)]));
    let colours: [u32; 4] = bytemuck::cast(u8x16::narrow_i16x8(both(0, 1), both(2, 3)));
    let [a, b, c, d] = colours.map(|colour| u32::from_le(colour) & 0xff_ffff);
    bytemuck::cast([a | b << 24, b >> 8 | c << 16, c >> 16 | d << 8].map(u32::to_le))
}

/// Places whose colours are found together: first all their pixels are fetched, so that many are on their way at once.
pub(super) const BLOCK: usize = 32;

/// The colours at as many places, as [`mix`] gives them.
pub(super) fn mix_block(tops: &[u64; BLOCK], bottoms: &[u64; BLOCK], steps: &[u16; BLOCK]) -> [u8; 3 * BLOCK] {
    let mut out = [0; 3 * BLOCK];
    let fours = tops.as_chunks::<4>().0.iter().zip(bottoms.as_chunks::<4>().0).zip(steps.as_chunks::<4>().0);
    for (out, ((tops, bottoms), steps)) in out.as_chunks_mut::<12>().0.iter_mut().zip(fours) {
        *out = mix(*tops, *bottoms, *steps);
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn four_colours_are_those_of_the_formula(
            bytes in prop::collection::vec(any::<u8>(), 4 * 12),
            steps in prop::array::uniform4(0..STEPS * STEPS),
        ) {
            let pairs = |first: usize| std::array::from_fn(|i| two(&bytes, 4 * i + first, 4 * i + first + 1));
            let found = mix(pairs(0), pairs(2), steps.map(|s| s as u16 | 1 << 15));
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
