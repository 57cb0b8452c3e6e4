//! [`bilinear`]: between four pixels of three bytes, all channels at once in the lanes of one word.

/// Steps between two pixels that a position is rounded to; as OpenCV's `remap`.
pub(super) const STEPS: u64 = 32;
/// Bits that a channel has in a sum of all three: 8, and 10 of the weights.
const LANE: u32 = 21;

/// Half of the weights, in every lane: sums are rounded.
const HALF: u64 = 512 | 512 << LANE | 512 << (2 * LANE);

/// Three bytes, a lane each.
#[inline]
fn spread(rgb: u64) -> u64 {
    rgb & 0xff | (rgb & 0xff00) << (LANE - 8) | (rgb & 0xff_0000) << (2 * LANE - 16)
}

/// A pixel and the one `right` of it, in lanes.
#[inline]
fn two(pixels: &[u8], pixel: usize, right: i32) -> [u64; 2] {
    let at = 3 * pixel;
    if let (1, Some(bytes)) = (right, pixels.get(at..at + 8).and_then(|b| b.first_chunk::<8>())) {
        let both = u64::from_le_bytes(*bytes);
        return [spread(both), spread(both >> 24)];
    }
    [pixel, pixel.wrapping_add_signed(right as isize)].map(|pixel| {
        let rgb = &pixels[3 * pixel..3 * pixel + 3];
        spread(u64::from(rgb[0]) | u64::from(rgb[1]) << 8 | u64::from(rgb[2]) << 16)
    })
}

/// The colour between the pixels that begin at `rows` and those `right` of them, `x` and `y` steps from the upper left.
pub(super) fn bilinear(pixels: &[u8], rows: [usize; 2], right: i32, [x, y]: [u64; 2]) -> [u8; 3] {
    let [top, bottom] = rows.map(|row| two(pixels, row, right));
    let (left, up) = (STEPS - x, STEPS - y);
    let sum = (top[0] * left + top[1] * x) * up + (bottom[0] * left + bottom[1] * x) * y + HALF;
    [sum >> 10, sum >> (10 + LANE), sum >> (10 + 2 * LANE)].map(|v| v as u8)
}
