//! Media of a data set, decoded.

use image::RgbImage;

use super::Dataset;
use super::rows::FrameRow;
use crate::error::{ErrorKind, Result};
use crate::record::{FrameFormat, PointCloud, Sound};
use crate::source::Limits;
use crate::source::recording::audio::read_sound;
use crate::source::recording::lidar::read_points;

impl Dataset {
    /// The picture of a camera's frame, (H, W, 3) uint8.
    ///
    /// # Errors
    ///
    /// As [`media`](Dataset::media); [`ErrorKind::Damaged`] where it does not decode.
    pub fn image(&self, frame: &FrameRow) -> Result<RgbImage> {
        let media = self.media(frame)?;
        let picture =
            image::load_from_memory(&media).map_err(|e| self.undecodable(frame, "picture", &e.to_string()))?;
        Ok(picture.into_rgb8())
    }

    /// The points of a sweep, in the frame of its file.
    ///
    /// # Errors
    ///
    /// As [`image`](Dataset::image).
    pub fn points(&self, frame: &FrameRow) -> Result<PointCloud> {
        let media = self.media(frame)?;
        read_points(&media, self.format(frame)?, &Limits::default())
            .map_err(|e| self.undecodable(frame, "sweep", &e.to_string()))
    }

    /// The sound of a clip.
    ///
    /// # Errors
    ///
    /// As [`image`](Dataset::image).
    pub fn sound(&self, frame: &FrameRow) -> Result<Sound> {
        let media = self.media(frame)?;
        read_sound(&media, self.format(frame)?).map_err(|e| self.undecodable(frame, "clip", &e.to_string()))
    }

    fn format(&self, frame: &FrameRow) -> Result<FrameFormat> {
        FrameFormat::from_extension(&frame.format)
            .ok_or_else(|| self.undecodable(frame, "observation", &format!("unknown format `{}`", frame.format)))
    }

    fn undecodable(&self, frame: &FrameRow, what: &str, reason: &str) -> crate::Error {
        let reason = format!("the {what} of frame `{}` does not decode ({reason})", frame.frame_id);
        ErrorKind::Damaged(reason).in_file(self.dir().join(&frame.shard))
    }
}
