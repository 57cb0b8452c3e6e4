//! [`Splat`]: a picture with depth, warped forward into another camera.
//!
//! Depth is in metres along z for perspective and fisheye cameras and along the ray for panoramas, as depth files have
//! it. The picture becomes a surface: neighbouring pixels are joined where their depths belong together, and torn where
//! they do not, so that every pixel is a small quadrilateral which covers in the target what its solid angle covers
//! there. Close-ups get no pinholes, and a wall does not bleed into what stands before it.
//!
//! Each pixel of the target shows the nearest quadrilateral over its centre; the earlier pixel of the source wins a tie.
//! So the result depends neither on the order of the work nor on the number of threads.

mod raster;
mod rays;
mod surface;

use nalgebra::Matrix3;
use ndarray::{Array2, Array3, ArrayView3};
use rayon::prelude::*;

use crate::coord::{Camera, CameraModelKind, Pose, RowProjector};
use crate::error::ErrorKind;

use raster::{Block, Corners, EMPTY, LANES, Packing, ZBuffer};
pub use rays::SourceRays;
pub use surface::Surface;

/// Rows of a source that are worth a thread.
const ROWS_PER_BAND: usize = 64;

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
    target_wraps: bool,
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
            target_wraps: target.model() == CameraModelKind::Equirectangular,
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
        let buffer = self.buffer(surface, target_se3_source)?;
        let packing = Packing::new(width * height);
        let [across, down] = self.target;
        let (mut colours, mut seen) = (vec![0; 3 * across * down], vec![0; across * down]);
        let mut depth = vec![f32::NAN; across * down];
        let rows = colours.par_chunks_mut(3 * across).zip(seen.par_chunks_mut(across));
        let rows = rows.zip(depth.par_chunks_mut(across)).zip(buffer.par_chunks(across)).enumerate();
        rows.with_min_len(64).for_each(|(row, (((colours, seen), depth), keys))| {
            let z = self.target_z.as_ref().map(|z| &z[row * across..(row + 1) * across]);
            let pixels = keys.iter().zip(colours.chunks_exact_mut(3)).zip(seen.iter_mut().zip(depth));
            for (column, ((&key, colour), (seen, depth))) in pixels.enumerate() {
                let Some((nearness, at)) = packing.unpack(key) else { continue };
                colour.copy_from_slice(&surface.colour(rgb, at));
                *seen = 255;
                let z = z.map_or(1.0, |z| z[column]);
                // Behind a fisheye's plane there is no depth along its axis.
                *depth = if z > 0.0 { z / nearness } else { f32::NAN };
            }
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
        let packing = Packing::new(self.source.width * self.source.height);
        let seen = buffer.iter().filter(|&&key| packing.unpack(key).is_some()).count();
        Ok(seen as f64 / buffer.len() as f64)
    }

    /// The z-buffer of the target, filled by bands of source rows and merged: the nearest wins, whoever comes first.
    fn buffer(&self, surface: &Surface, target_se3_source: &Pose) -> Result<Vec<u64>, ErrorKind> {
        let SourceRays { width, height, .. } = self.source;
        if surface.size() != [width, height] {
            let [w, h] = surface.size();
            let reason = format!("it has {w} x {h} pixels, its camera {width} x {height}");
            return Err(ErrorKind::malformed("depth", reason));
        }
        let motion = Motion::new(target_se3_source);
        let bands = rayon::current_num_threads().min(height / ROWS_PER_BAND).max(1);
        let from = |band: usize| band * height / bands;
        let fill = |band: usize| {
            let mut buffer = ZBuffer::new(self.target, self.target_wraps, Packing::new(width * height));
            self.fill(surface, &motion, from(band)..from(band + 1), &mut buffer);
            buffer.keys
        };
        if bands == 1 {
            return Ok(fill(0));
        }
        let merged = (0..bands).into_par_iter().map(fill).reduce_with(|mut a, b| {
            a.iter_mut().zip(b).for_each(|(a, b)| *a = (*a).min(b));
            a
        });
        Ok(merged.unwrap_or_else(|| vec![EMPTY; self.target[0] * self.target[1]]))
    }

    fn fill(&self, surface: &Surface, motion: &Motion, rows: std::ops::Range<usize>, buffer: &mut ZBuffer) {
        let width = self.source.width;
        // Whole blocks: what lies beyond the row has no nearness.
        let padded = width.next_multiple_of(LANES) + 1;
        let (mut above, mut below) = (Corners::new(padded), Corners::new(padded));
        self.corners(surface, motion, rows.start, &mut above);
        for row in rows {
            self.corners(surface, motion, row + 1, &mut below);
            for from in (0..width).step_by(LANES) {
                let block = Block::new(&above, &below, from, self.target);
                for column in from..(from + LANES).min(width) {
                    let (k, index) = (column - from, row * width + column);
                    if surface.nearness(index) == 0.0 || block.is_empty(k) {
                        continue;
                    }
                    if block.is_plain(k) {
                        buffer.plain(&block, k, index);
                        continue;
                    }
                    let mut quad = [above.at(column), above.at(column + 1), below.at(column + 1), below.at(column)];
                    for (corner, at) in quad.iter_mut().enumerate() {
                        if at[2] == 0.0 {
                            *at = self.torn(surface, motion, row, column, corner);
                        }
                    }
                    buffer.paint(quad, index);
                }
            }
            std::mem::swap(&mut above, &mut below);
        }
    }

    /// The corners between source rows `row - 1` and `row`, in the target.
    fn corners(&self, surface: &Surface, motion: &Motion, row: usize, out: &mut Corners) {
        let n = self.source.width + 1;
        surface.joined(row, &mut out.nearness[..n]);
        let range = row * n..(row + 1) * n;
        let [x, y, z] = [0, 1, 2].map(|i| &self.source.corners[i][range.clone()]);
        let (r, t) = (&motion.rotation, &motion.translation);
        for i in 0..n {
            let w = out.nearness[i];
            out.x[i] = r[0] * x[i] + r[1] * y[i] + r[2] * z[i] + t[0] * w;
            out.y[i] = r[3] * x[i] + r[4] * y[i] + r[5] * z[i] + t[1] * w;
            out.z[i] = r[6] * x[i] + r[7] * y[i] + r[8] * z[i] + t[2] * w;
        }
        self.projector.project(&mut out.x[..n], &mut out.y[..n], &mut out.z[..n], &out.nearness[..n]);
    }

    /// The corner (0 to 3, clockwise from the top left) of a pixel where the surface is torn.
    fn torn(&self, surface: &Surface, motion: &Motion, row: usize, column: usize, corner: usize) -> [f32; 3] {
        let w = surface.torn(row, column, corner);
        let at = (row + corner / 2) * (self.source.width + 1) + column + usize::from(corner == 1 || corner == 2);
        let [x, y, z] = [0, 1, 2].map(|i| self.source.corners[i][at]);
        let (r, t) = (&motion.rotation, &motion.translation);
        let mut x1 = [r[0] * x + r[1] * y + r[2] * z + t[0] * w];
        let mut y1 = [r[3] * x + r[4] * y + r[5] * z + t[1] * w];
        let mut z1 = [r[6] * x + r[7] * y + r[8] * z + t[2] * w];
        self.projector.project(&mut x1, &mut y1, &mut z1, &[w]);
        [x1[0], y1[0], z1[0]]
    }
}

/// `target_se3_source` in single precision, the rotation row by row.
struct Motion {
    rotation: [f32; 9],
    translation: [f32; 3],
}

impl Motion {
    fn new(pose: &Pose) -> Motion {
        let r: Matrix3<f64> = pose.rotation.to_rotation_matrix().into_inner();
        let rotation = std::array::from_fn(|i| r[(i / 3, i % 3)] as f32);
        Motion { rotation, translation: std::array::from_fn(|i| pose.translation[i] as f32) }
    }
}

#[cfg(test)]
mod tests;
