//! Media of a data set, decoded.

use image::RgbImage;
use ndarray::Array2;

use super::Dataset;
use super::rows::FrameRow;
use crate::error::{ErrorKind, Result};
use crate::record::{FrameFormat, PointCloud, Sound};
use crate::source::Limits;
use crate::source::recording::audio::read_sound;
use crate::source::recording::depth::read_depth;
use crate::source::recording::lidar::read_points;
use crate::source::recording::picture::read_picture;

impl Dataset {
    /// The picture of a camera's frame, (H, W, 3) uint8.
    ///
    /// # Errors
    ///
    /// As [`media`](Dataset::media); [`ErrorKind::Damaged`] where it does not decode.
    pub fn image(&self, frame: &FrameRow) -> Result<RgbImage> {
        let media = self.media(frame)?;
        let picture = read_picture(&media, self.format(frame)?, &Limits::default())
            .map_err(|e| self.undecodable(frame, "picture", &e.to_string()))?;
        Ok(picture.into_rgb8())
    }

    /// The picture as a JPEG file, at most so many pixels wide.
    ///
    /// # Errors
    ///
    /// As [`image`](Dataset::image).
    pub fn thumbnail(&self, frame: &FrameRow, width: u32) -> Result<Vec<u8>> {
        let picture = self.image(frame)?;
        let width = width.clamp(1, picture.width().max(1));
        let height = (u64::from(picture.height()) * u64::from(width) / u64::from(picture.width().max(1))).max(1);
        let small = image::imageops::thumbnail(&picture, width, u32::try_from(height).unwrap_or(u32::MAX));
        let mut jpeg = Vec::new();
        let encoder = image::codecs::jpeg::JpegEncoder::new_with_quality(&mut jpeg, 80);
        small.write_with_encoder(encoder).map_err(|e| self.undecodable(frame, "picture", &e.to_string()))?;
        Ok(jpeg)
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

    /// A depth picture, metres, (H, W), NaN where nothing was measured: along the camera's z axis, of a panorama along
    /// the ray.
    ///
    /// # Errors
    ///
    /// As [`image`](Dataset::image).
    pub fn depth(&self, frame: &FrameRow) -> Result<Array2<f32>> {
        let media = self.media(frame)?;
        read_depth(&media, self.format(frame)?, &Limits::default())
            .map_err(|e| self.undecodable(frame, "depth", &e.to_string()))
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
