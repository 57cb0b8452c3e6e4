//! [`Row`]: what is shown in a row of the target, of what its z-buffer holds.

use pulp::NullaryFnOnce;

use super::place::{At, INNER, NOTHING, Places};
use super::surface::Surface;
use crate::render::lanes::{self, BLOCK, STEP_BITS, STEPS, Squares};

/// The middle of a pixel, in steps.
const HALF: u32 = STEPS / 2;

/// A row to be filled, in vectors as wide as the machine's.
pub(super) struct Row<'a> {
    pub(super) surface: &'a Surface,
    /// The source picture, shape `(H, W, 3)`.
    pub(super) rgb: &'a [u8],
    pub(super) places: Places,
    /// The place in the source that each pixel shows.
    pub(super) place: &'a [i32],
    pub(super) colours: &'a mut [u8],
    pub(super) seen: &'a mut [u8],
    /// Nearness, of which it makes depth.
    pub(super) depth: &'a mut [f32],
    /// Fisheye only: z of the unit ray of each pixel.
    pub(super) target_z: Option<&'a [f32]>,
}

impl NullaryFnOnce for Row<'_> {
    type Output = ();

    #[inline(always)]
    fn call(mut self) {
        for ((seen, depth), place) in self.seen.iter_mut().zip(self.depth.iter_mut()).zip(self.place) {
            let holds = (*depth > 0.0) & (*place != NOTHING);
            *seen = if holds { 255 } else { 0 };
            *depth = if holds { 1.0 / *depth } else { f32::NAN };
        }
        if let Some(z) = self.target_z {
            for (depth, z) in self.depth.iter_mut().zip(z) {
                // Behind a fisheye's plane there is no depth along its axis.
                *depth = if *z > 0.0 { *depth * z } else { f32::NAN };
            }
        }
        let (out, out_rest) = std::mem::take(&mut self.colours).as_chunks_mut::<{ 3 * BLOCK }>();
        let (place, place_rest) = self.place.as_chunks::<BLOCK>();
        let (seen, seen_rest) = self.seen.as_chunks::<BLOCK>();
        for ((out, place), seen) in out.iter_mut().zip(place).zip(seen) {
            *out = self.colours_at(place, seen);
        }
        let (mut place, mut seen) = ([NOTHING; BLOCK], [0; BLOCK]);
        place[..place_rest.len()].copy_from_slice(place_rest);
        seen[..seen_rest.len()].copy_from_slice(seen_rest);
        out_rest.copy_from_slice(&self.colours_at(&place, &seen)[..out_rest.len()]);
    }
}

impl Row<'_> {
    /// The colours at places of the picture, black where nothing is seen.
    #[inline(always)]
    #[allow(clippy::needless_range_loop)] // of lanes by their numbers the compiler makes vectors
    fn colours_at(&self, place: &[i32; BLOCK], seen: &[u8; BLOCK]) -> [u8; 3 * BLOCK] {
        if *seen == [0; BLOCK] {
            return [0; 3 * BLOCK];
        }
        let width = self.surface.width();
        // The last byte from which a pair can be read in one piece, and one in the row below it.
        let last = self.rgb.len().checked_sub(3 * width + 8).and_then(|last| u32::try_from(last).ok());
        let Some(last) = last else { return self.rough_at(place, seen) };
        let (below, width) = (&self.rgb[3 * width..], width as u32);
        let (mut byte, mut steps, mut others) = ([0; BLOCK], [0; BLOCK], [0; BLOCK]);
        for i in 0..BLOCK {
            let At { row, column, x, y } = self.places.at(place[i]);
            let corner = (row * width + column).wrapping_sub(u32::from(x < HALF) + if y < HALF { width } else { 0 });
            let first = corner.wrapping_mul(3);
            let easy = (seen[i] != 0) & (place[i] & INNER != 0) & (first <= last);
            byte[i] = if easy { first } else { 0 };
            others[i] = u32::from(!easy);
            steps[i] = steps_of(x, y);
        }
        let mut squares = Squares::new();
        for i in 0..BLOCK {
            let at = byte[i] as usize;
            if let (Some(above), Some(below)) = (lanes::pair(self.rgb, at), lanes::pair(below, at)) {
                squares.set(i, [above, below]);
            }
        }
        if others.iter().fold(0, |any, other| any | other) != 0 {
            for i in (0..BLOCK).filter(|i| others[*i] != 0) {
                squares.set(i, self.around(place[i], seen[i]));
            }
        }
        squares.mix(&steps)
    }

    /// The same for pictures too small for pairs, or too large for numbers of 32 bits.
    #[cold]
    fn rough_at(&self, place: &[i32; BLOCK], seen: &[u8; BLOCK]) -> [u8; 3 * BLOCK] {
        let (mut squares, mut steps) = (Squares::new(), [0; BLOCK]);
        for i in 0..BLOCK {
            let At { x, y, .. } = self.places.at(place[i]);
            steps[i] = steps_of(x, y);
            squares.set(i, self.around(place[i], seen[i]));
        }
        squares.mix(&steps)
    }

    /// The four pixels around a place, black where nothing is seen.
    fn around(&self, place: i32, seen: u8) -> [[u32; 2]; 2] {
        match seen {
            0 => [[0; 2]; 2],
            _ => self.surface.around(self.rgb, self.places.at(place)),
        }
    }
}

/// Steps right of the left ones and below the upper ones of the four pixels around a place, as [`Squares::mix`] takes them.
#[inline(always)]
fn steps_of(x: u32, y: u32) -> u16 {
    (((x + HALF) % STEPS) | (((y + HALF) % STEPS) << STEP_BITS)) as u16
}
