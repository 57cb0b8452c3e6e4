//! Media of a data set, decoded.

use image::RgbImage;
use ndarray::Array2;

use super::Dataset;
use super::rows::FrameRow;
use crate::coord::Pose;
use crate::error::{ErrorKind, Result};
use crate::record::{FrameFormat, PointCloud, Sound, comes_compensated};
use crate::render::compensate;
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

    /// The points of a sweep as if all had been measured at one time (of `at_ns`, else of the frame), in the frame of
    /// the sensor at that time: each is moved by what the sensor moved between its own time and that one, along the
    /// recording's poses. Points from outside the poses are NaN.
    ///
    /// Argoverse 2 has compensated its sweeps to the frame's time: they are moved from there as a whole.
    ///
    /// # Errors
    ///
    /// As [`points`](Dataset::points); [`ErrorKind::Unsupported`] where the recording has no clock, the points have no
    /// times, or the poses do not reach to that time.
    pub fn points_at(&self, frame: &FrameRow, at_ns: Option<i64>) -> Result<PointCloud> {
        let cannot = |why: &str| ErrorKind::Unsupported(format!("moving `{}`: {why}", frame.frame_id)).bare();
        let cloud = self.points(frame)?;
        let track = self.track(&frame.recording_id)?;
        let recording = self.recording(&frame.recording_id)?;
        let Some((t_ns, t_source_ns)) = frame.t_ns.zip(frame.t_source_ns) else {
            return Err(cannot("it has no time"));
        };
        let whole = vec![0; cloud.len()];
        let (offsets, t0_ns) = match (&cloud.offset_ns, cloud.start_ns) {
            _ if comes_compensated(&recording.kind) => (&whole, t_ns),
            (Some(offsets), 0) => (offsets, t_ns),
            // Times of the sensor's own clock, which the frame's was corrected by.
            (Some(offsets), start_ns) => (offsets, start_ns + (t_ns - t_source_ns)),
            (None, _) => return Err(cannot("its points have no times")),
        };
        let mount = recording.sensors.iter().find(|s| s.channel == frame.channel).and_then(|s| s.ego_se3_sensor);
        let mount = mount.unwrap_or_else(Pose::identity);
        let at = |t| track.at_time(t).map(|ego| ego.pose * mount);
        compensate(&cloud, offsets, t0_ns, at_ns.unwrap_or(t_ns), at)
            .ok_or_else(|| cannot("the recording has no pose at that time"))
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
