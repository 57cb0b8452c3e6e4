//! [`Splat`]: a picture with depth, warped forward into another camera.
//!
//! Depth is in metres along z for perspective and fisheye cameras and along the ray for panoramas, as depth files have
//! it. The picture becomes a surface: neighbouring pixels are joined where their depths belong together, and torn where
//! they do not, so that every pixel is a small quadrilateral which covers in the target what its solid angle covers
//! there. Close-ups get no pinholes, and a wall does not bleed into what stands before it.
//!
//! Each pixel of the target shows the nearest quadrilateral over its centre; the earlier pixel of the source wins a tie.
//! So the result depends neither on the order of the work nor on the number of threads.
//!
//! Nor on the machine: the loops of [`Band`], [`Row`] and `Points` are compiled once for the vectors that every machine has
//! and once for wider ones, and both give the same bits, for numbers are multiplied and added one after the other, never in
//! one. What they call is inlined by force, for only then it is compiled so; that is also why they have loops over lanes, and
//! no `map` of arrays.

mod block;
mod fill;
mod links;
mod place;
mod points;
mod quad;
mod rays;
mod shown;
mod surface;
mod zbuffer;

use ndarray::{Array2, Array3, ArrayView3};
use pulp::Arch;
use rayon::prelude::*;

use crate::coord::{Camera, Pose, RowProjector};
use crate::error::ErrorKind;

use fill::{Band, Strip};
use place::Places;
use points::Motion;
pub use rays::SourceRays;
use rays::TILE;
use shown::Row;
pub use surface::Surface;
use zbuffer::{Room, Turn, ZBuffer};

/// Rows of a source that are worth a thread; whole strips of tiles.
const ROWS_PER_BAND: usize = 16 * TILE;

/// What a target camera sees of a picture.
#[derive(Debug, Clone, Default)]
pub struct Warp {
    /// Colours, shape `(H, W, 3)`; black where nothing is seen.
    pub rgb: Array3<u8>,
    /// 255 where the source saw what is there, 0 in holes; shape `(H, W)`.
    pub seen: Array2<u8>,
    /// Metres along z, in panoramas along the ray; NaN in holes; shape `(H, W)`.
    pub depth: Array2<f32>,
    /// Room for places in the source, for the next warp.
    place: Vec<i32>,
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
        let mut warp = Warp::default();
        self.warp_into(rgb, surface, target_se3_source, &mut warp)?;
        Ok(warp)
    }

    /// The same in the memory of an earlier warp, of any size: to fetch new memory for each picture takes up to a third of the
    /// time. After an error the warp is empty.
    ///
    /// # Errors
    ///
    /// As [`warp`](Splat::warp).
    pub fn warp_into(
        &self,
        rgb: ArrayView3<'_, u8>,
        surface: &Surface,
        target_se3_source: &Pose,
        warp: &mut Warp,
    ) -> Result<(), ErrorKind> {
        let SourceRays { width, height, .. } = self.source;
        let room = std::mem::take(warp);
        if rgb.dim() != (height, width, 3) {
            let reason = format!("it has the shape {:?}, its camera takes {width} x {height} pixels", rgb.shape());
            return Err(ErrorKind::malformed("picture", reason));
        }
        let rgb = rgb.as_standard_layout();
        let rgb = rgb.as_slice().unwrap_or_default();
        let buffer = self.buffer(surface, target_se3_source, (raw(room.depth), room.place))?;
        let ZBuffer { nearness: mut depth, place, places, .. } = buffer;
        let [across, down] = self.target;
        let (mut colours, mut seen) = (raw(room.rgb), raw(room.seen));
        colours.resize(3 * across * down, 0);
        seen.resize(across * down, 0);
        let rows = colours.par_chunks_mut(3 * across).zip(seen.par_chunks_mut(across));
        let rows = rows.zip(depth.par_chunks_mut(across).zip(place.par_chunks(across))).enumerate();
        rows.with_min_len(64).for_each(|(row, ((colours, seen), (depth, place)))| {
            let target_z = self.target_z.as_ref().map(|z| &z[row * across..(row + 1) * across]);
            Arch::new().dispatch(Row { surface, rgb, places, place, colours, seen, depth, target_z });
        });
        let wrong = |e: ndarray::ShapeError| ErrorKind::malformed("picture", e.to_string());
        *warp = Warp {
            rgb: Array3::from_shape_vec((down, across, 3), colours).map_err(wrong)?,
            seen: Array2::from_shape_vec((down, across), seen).map_err(wrong)?,
            depth: Array2::from_shape_vec((down, across), depth).map_err(wrong)?,
            place,
        };
        Ok(())
    }

    /// The share of the target's pixels, 0 to 1, that show something which the source saw.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Malformed`] where the surface is not of the source camera's size.
    pub fn coverage(&self, surface: &Surface, target_se3_source: &Pose) -> Result<f64, ErrorKind> {
        let buffer = self.buffer(surface, target_se3_source, Room::default())?;
        let pixels = buffer.nearness.iter().zip(&buffer.place);
        let seen = pixels.filter(|(nearness, place)| (**nearness > 0.0) & (**place != place::NOTHING)).count();
        Ok(seen as f64 / buffer.place.len() as f64)
    }

    /// The z-buffer of the target, filled by bands of source rows and merged: the nearest wins, whoever comes first.
    fn buffer(&self, surface: &Surface, target_se3_source: &Pose, room: Room) -> Result<ZBuffer, ErrorKind> {
        let SourceRays { width, height, .. } = self.source;
        if surface.size() != [width, height] {
            let [w, h] = surface.size();
            let reason = format!("it has {w} x {h} pixels, its camera {width} x {height}");
            return Err(ErrorKind::malformed("depth", reason));
        }
        let motion = Motion::new(target_se3_source);
        let places = Places::new([width, height]);
        // Bands are whole strips, so that tiles are the same for any number of them.
        let strips = height.div_ceil(TILE);
        let bands = rayon::current_num_threads().min(height / ROWS_PER_BAND).max(1);
        let from = |band: usize| band * strips / bands;
        let rooms: Vec<Room> = std::iter::once(room).chain((1..bands).map(|_| Room::default())).collect();
        let fill = |(band, room): (usize, Room)| {
            let mut buffer = ZBuffer::new(room, self.target, self.target_turn, places);
            let strip = Strip::new(&self.source, &self.projector, surface, &motion);
            Arch::new().dispatch(Band { strip, strips: from(band)..from(band + 1), buffer: &mut buffer });
            buffer
        };
        let mut buffers: Vec<ZBuffer> = rooms.into_par_iter().enumerate().map(fill).collect();
        let mut first = buffers.swap_remove(0);
        first.merge(&buffers);
        Ok(first)
    }
}

/// The memory of an array.
fn raw<T, D: ndarray::Dimension>(array: ndarray::Array<T, D>) -> Vec<T> {
    array.into_raw_vec_and_offset().0
}

#[cfg(test)]
mod tests;
