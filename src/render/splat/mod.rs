//! [`Splat`]: a picture with depth, warped forward into another camera.
//!
//! Depth is in metres along z for perspective and fisheye cameras and along the ray for panoramas, as depth files have
//! it. The picture becomes a surface: neighbouring pixels are joined where their depths belong together, and torn where
//! they do not, so that every pixel is a small quadrilateral which covers in the target what its solid angle covers
//! there. Close-ups get no pinholes, and a wall does not bleed into what stands before it.
//!
//! Each pixel of the target shows the nearest quadrilateral over its centre; the earlier pixel of the source wins a tie.
//! So the result depends neither on the order of the work nor on the number of threads.

mod block;
mod fill;
mod links;
mod place;
mod quad;
mod rays;
mod surface;
mod zbuffer;

use ndarray::{Array2, Array3, ArrayView3};
use rayon::prelude::*;

use crate::coord::{Camera, Pose, RowProjector};
use crate::error::ErrorKind;

use super::lanes::{self, BLOCK};
use fill::{Motion, Strip};
use place::Places;
pub use rays::SourceRays;
use rays::TILE;
pub use surface::Surface;
use zbuffer::{Turn, ZBuffer};

/// Rows of a source that are worth a thread; whole strips of tiles.
const ROWS_PER_BAND: usize = 16 * TILE;

/// What a target camera sees of a picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Warp {
    /// Colours, shape `(H, W, 3)`; black where nothing is seen.
    pub rgb: Array3<u8>,
    /// 255 where the source saw what is there, 0 in holes; shape `(H, W)`.
    pub seen: Array2<u8>,
    /// Metres along z, in panoramas along the ray; NaN in holes; shape `(H, W)`.
    pub depth: Array2<f32>,
}

/// A pair of cameras, prepared to warp pictures of the one into the other; made once, used for many poses.
#[derive(Debug, Clone)]
pub struct Splat {
    source: SourceRays,
    target: [usize; 2],
    target_turn: Turn,
    projector: RowProjector,
    /// Fisheye only: z of the unit ray of each target pixel, which makes depth of distance.
    target_z: Option<Vec<f32>>,
}

impl Splat {
    /// Prepares a pair of cameras.
    pub fn new(source: &SourceRays, target: &Camera) -> Splat {
        Splat {
            source: source.clone(),
            target: [target.width() as usize, target.height() as usize],
            target_turn: Turn { px: target.turn_px().map_or(f32::INFINITY, |px| px as f32), wraps: target.wraps() },
            projector: RowProjector::new(target),
            target_z: rays::pixel_z(target),
        }
    }

    /// The picture, shape `(H, W, 3)`, as the target sees it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Malformed`] where picture or surface are not of the source camera's size.
    pub fn warp(
        &self,
        rgb: ArrayView3<'_, u8>,
        surface: &Surface,
        target_se3_source: &Pose,
    ) -> Result<Warp, ErrorKind> {
        let SourceRays { width, height, .. } = self.source;
        if rgb.dim() != (height, width, 3) {
            let reason = format!("it has the shape {:?}, its camera takes {width} x {height} pixels", rgb.shape());
            return Err(ErrorKind::malformed("picture", reason));
        }
        let rgb = rgb.as_standard_layout();
        let rgb = rgb.as_slice().unwrap_or_default();
        let ZBuffer { nearness: mut depth, place, places, .. } = self.buffer(surface, target_se3_source)?;
        let [across, down] = self.target;
        let (mut colours, mut seen) = (vec![0; 3 * across * down], vec![0; across * down]);
        let rows = colours.par_chunks_mut(3 * across).zip(seen.par_chunks_mut(across));
        let rows = rows.zip(depth.par_chunks_mut(across).zip(place.par_chunks(across))).enumerate();
        rows.with_min_len(64).for_each(|(row, ((colours, seen), (depth, place)))| {
            for ((seen, depth), place) in seen.iter_mut().zip(depth.iter_mut()).zip(place) {
                let holds = *place != place::NOTHING;
                *seen = if holds { 255 } else { 0 };
                *depth = if holds { 1.0 / *depth } else { f32::NAN };
            }
            if let Some(z) = &self.target_z {
                for (depth, z) in depth.iter_mut().zip(&z[row * across..]) {
                    // Behind a fisheye's plane there is no depth along its axis.
                    *depth = if *z > 0.0 { *depth * z } else { f32::NAN };
                }
            }
            let (whole, rest) = place.as_chunks::<BLOCK>();
            let (out, out_rest) = colours.as_chunks_mut::<{ 3 * BLOCK }>();
            for (out, block) in out.iter_mut().zip(whole) {
                *out = colours_at(surface, rgb, places, block);
            }
            let mut last = [place::NOTHING; BLOCK];
            last[..rest.len()].copy_from_slice(rest);
            out_rest.copy_from_slice(&colours_at(surface, rgb, places, &last)[..out_rest.len()]);
        });
        let wrong = |e: ndarray::ShapeError| ErrorKind::malformed("picture", e.to_string());
        Ok(Warp {
            rgb: Array3::from_shape_vec((down, across, 3), colours).map_err(wrong)?,
            seen: Array2::from_shape_vec((down, across), seen).map_err(wrong)?,
            depth: Array2::from_shape_vec((down, across), depth).map_err(wrong)?,
        })
    }

    /// The share of the target's pixels, 0 to 1, that show something which the source saw.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Malformed`] where the surface is not of the source camera's size.
    pub fn coverage(&self, surface: &Surface, target_se3_source: &Pose) -> Result<f64, ErrorKind> {
        let buffer = self.buffer(surface, target_se3_source)?;
        let seen = buffer.place.iter().filter(|place| **place != place::NOTHING).count();
        Ok(seen as f64 / buffer.place.len() as f64)
    }

    /// The z-buffer of the target, filled by bands of source rows and merged: the nearest wins, whoever comes first.
    fn buffer(&self, surface: &Surface, target_se3_source: &Pose) -> Result<ZBuffer, ErrorKind> {
        let SourceRays { width, height, .. } = self.source;
        if surface.size() != [width, height] {
            let [w, h] = surface.size();
            let reason = format!("it has {w} x {h} pixels, its camera {width} x {height}");
            return Err(ErrorKind::malformed("depth", reason));
        }
        let motion = Motion::new(target_se3_source);
        let places = Places::new([width, height]);
        let empty = || ZBuffer::new(self.target, self.target_turn, places);
        // Bands are whole strips, so that tiles are the same for any number of them.
        let strips = height.div_ceil(TILE);
        let bands = rayon::current_num_threads().min(height / ROWS_PER_BAND).max(1);
        let from = |band: usize| band * strips / bands;
        let fill = |band: usize| {
            let mut buffer = empty();
            let mut strip = Strip::new(&self.source, &self.projector, surface, &motion);
            (from(band)..from(band + 1)).for_each(|row| strip.paint(row, &mut buffer));
            buffer
        };
        if bands == 1 {
            return Ok(fill(0));
        }
        let merged = (0..bands).into_par_iter().map(fill).reduce_with(|mut a, b| {
            a.merge(&b);
            a
        });
        Ok(merged.unwrap_or_else(empty))
    }
}

/// The colours at places of a picture, black where nothing is seen.
fn colours_at(surface: &Surface, rgb: &[u8], places: Places, block: &[i32; BLOCK]) -> [u8; 3 * BLOCK] {
    let (mut tops, mut bottoms, mut steps) = ([0; BLOCK], [0; BLOCK], [0; BLOCK]);
    for (i, place) in block.iter().enumerate() {
        if let Some(at) = places.at(*place) {
            ([tops[i], bottoms[i]], steps[i]) = surface.colour(rgb, at);
        }
    }
    lanes::mix_block(&tops, &bottoms, &steps)
}

#[cfg(test)]
mod tests;
