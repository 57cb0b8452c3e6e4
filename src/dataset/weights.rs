//! What of pictures is not to be learned from: masks of the source, and what the config says of a camera.

use std::sync::{Arc, PoisonError};

use ndarray::{Array2, Array3, Axis};

use super::Dataset;
use super::ground::{calibration, check_size};
use super::manifest::MANIFEST;
use super::rows::FrameRow;
use crate::coord::Camera;
use crate::error::Result;
use crate::record::Modality;
use crate::render::loss_weight;
use crate::sample::SampleRow;

impl Dataset {
    /// What of a picture is to be left out: its mask (moving things, what the source masked) and what
    /// `[recording.ignore]` says of its camera together; not 0 there, shape `(H, W)`. `None` without either.
    ///
    /// # Errors
    ///
    /// As [`frame`](Dataset::frame) and [`image`](Dataset::image).
    pub fn picture_mask(&self, picture: &FrameRow) -> Result<Option<Array2<u8>>> {
        let mask = self.companion(picture, Modality::Mask)?.map(|frame| self.image(&frame)).transpose()?;
        let mask = mask.map(|mask| {
            let at = |(row, column): (usize, usize)| mask.get_pixel(column as u32, row as u32).0[0] & 0x80;
            Array2::from_shape_fn((mask.height() as usize, mask.width() as usize), at)
        });
        let Some(ignored) = self.ignored(picture)? else { return Ok(mask) };
        Ok(Some(match mask {
            // One of another size is told where it is used.
            Some(mask) if mask.dim() == ignored.dim() => &mask | &*ignored,
            Some(mask) => mask,
            None => Array2::clone(&ignored),
        }))
    }

    /// How much each cell of a grid of `[h, w]` is to be learned from at each tick: the share of it that is not left out
    /// by [`picture_mask`](Dataset::picture_mask), 0 at ticks without a picture; shape `(T, h, w)`.
    ///
    /// # Errors
    ///
    /// As [`picture_mask`](Dataset::picture_mask); [`ErrorKind::Config`](crate::ErrorKind::Config) for a grid of no cells
    /// or more than 16,384 a side.
    pub fn loss_weight(&self, sample: &SampleRow, channel: &str, grid: [usize; 2]) -> Result<Array3<f32>> {
        check_size(Some(grid))?;
        let ticks = self.pictures(sample, channel)?;
        let mut weights = Array3::zeros((ticks.len(), grid[0], grid[1]));
        for (tick, picture) in ticks.iter().enumerate() {
            let Some(picture) = picture else { continue };
            let mut at_tick = weights.index_axis_mut(Axis(0), tick);
            match self.picture_mask(picture)? {
                Some(mask) => at_tick.assign(&loss_weight(mask.view(), grid)),
                None => at_tick.fill(1.0),
            }
        }
        Ok(weights)
    }

    /// What the config says of a picture's camera, found once for each camera.
    fn ignored(&self, picture: &FrameRow) -> Result<Option<Arc<Array2<u8>>>> {
        let key = (picture.recording_id.clone(), picture.channel.clone());
        if let Some(known) = self.ignored.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Ok(known.clone());
        }
        // No lock is held meanwhile: it uses the pool of threads.
        let recording = self.recording(&picture.recording_id)?;
        let entry = usize::try_from(recording.entry).unwrap_or(usize::MAX);
        let config = self.manifest().ignored(entry, &picture.channel);
        let config = config.map_err(|e| e.into_parts().0.in_file(self.dir().join(MANIFEST)))?;
        let side = |side: Option<i32>| side.and_then(|side| usize::try_from(side).ok());
        let made = config.zip(side(picture.width).zip(side(picture.height))).map(|(config, (width, height))| {
            let camera = calibration(recording, &picture.channel).and_then(|c| Camera::new(c).ok());
            Arc::new(config.mask(camera.as_ref(), [width, height]))
        });
        self.ignored.lock().unwrap_or_else(PoisonError::into_inner).insert(key, made.clone());
        Ok(made)
    }
}
