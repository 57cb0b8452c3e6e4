//! [`Dataset::panowalk`]: perspective views along the panoramas of a recording, as if a camera had been carried there.

use nalgebra::Vector3;
use ndarray::{Array3, Array4, ArrayView3, Axis};
use rayon::prelude::*;

use super::Dataset;
use super::ground::Posed;
use super::rows::FrameRow;
use crate::coord::{Camera, EnuFrame, Pose};
use crate::error::{ErrorKind, Result};
use crate::record::Modality;
use crate::render::walk::{Cut, cut};
pub use crate::render::walk::{Gaze, WalkOptions};

/// Pixels that the pictures of a walk may have together.
const MOST_PIXELS: u64 = 1 << 31;

/// The pictures of a walk; N is their number.
#[derive(Debug, Clone)]
pub struct Walk {
    /// The panorama that each was cut from.
    pub panoramas: Vec<FrameRow>,
    /// sRGB, shape `(N, H, W, 3)`.
    pub rgb: Array4<u8>,
    /// 255 where the nadir or the panorama's own mask says not to learn, or the panorama ends, else 0; shape `(N, H, W)`.
    pub ignored: Array3<u8>,
    /// `world_se3_camera` in the recording's ENU frame; level but for a view at a place above or below.
    pub poses: Vec<Pose>,
    /// The camera of all of them: a pinhole without distortion.
    pub camera: Camera,
}

/// The recording that a walk of a build was taken along, whose pictures it shows; a recording that is none itself.
///
/// `walk` is the name in the `[recording.panowalk]` of its entry.
pub fn walked<'a>(recording_id: &'a str, walk: Option<&str>) -> &'a str {
    let base = walk.and_then(|name| recording_id.strip_suffix(name)).and_then(|id| id.strip_suffix('-'));
    base.unwrap_or(recording_id)
}

impl Dataset {
    /// Walks along the panoramas of a recording.
    ///
    /// # Errors
    ///
    /// As [`recording`](Dataset::recording) and [`image`](Dataset::image); [`ErrorKind::Unknown`] where the recording has no
    /// such panoramas, [`ErrorKind::Config`] where the options are no camera or ask for too much.
    pub fn panowalk(&self, recording_id: &str, options: &WalkOptions) -> Result<Walk> {
        let wrong = |reason: String| ErrorKind::Config(reason).bare();
        let [width, height] = options.size;
        let camera = options.camera().map_err(|e| wrong(e.to_string()))?;
        let panoramas = self.panoramas(recording_id, options)?;
        let (frames, posed): (Vec<FrameRow>, Vec<Posed>) = panoramas.into_iter().unzip();
        let count = if options.out_and_back { 2 * frames.len() as u64 } else { frames.len() as u64 };
        if count * u64::from(width) * u64::from(height) > MOST_PIXELS {
            return Err(wrong(format!("{count} pictures of {width} x {height} are too many: walk a part of the way")));
        }
        let route: Vec<Vector3<f64>> = posed.iter().map(|p| p.world_se3_camera.translation).collect();
        let views = options.views(&EnuFrame::new(self.recording(recording_id)?.origin), &route);
        let cuts: Vec<Result<Cut>> = (0..frames.len())
            .into_par_iter()
            .map(|i| self.cut(&frames[i], &posed[i], &views[i], &camera, options.nadir_deg))
            .collect();
        let cuts = cuts.into_iter().collect::<Result<Vec<_>>>()?;
        let order = options.order(frames.len());
        let (h, w) = (height as usize, width as usize);
        let mut rgb = Array4::zeros((order.len(), h, w, 3));
        let mut ignored = Array3::zeros((order.len(), h, w));
        for (n, &i) in order.iter().enumerate() {
            rgb.index_axis_mut(Axis(0), n).assign(&cuts[i].rgb);
            ignored.index_axis_mut(Axis(0), n).assign(&cuts[i].ignored);
        }
        Ok(Walk {
            panoramas: order.iter().map(|&i| frames[i].clone()).collect(),
            poses: order.iter().map(|&i| views[i]).collect(),
            rgb,
            ignored,
            camera,
        })
    }

    /// The panoramas of a recording with their poses, in the order that they were passed.
    fn panoramas(&self, recording_id: &str, options: &WalkOptions) -> Result<Vec<(FrameRow, Posed)>> {
        let recording = self.recording(recording_id)?;
        let sphere = |channel: &str| {
            let sensor = recording.sensors.iter().find(|s| s.channel == channel);
            sensor.and_then(|s| s.camera.as_ref()).is_some_and(|c| c.model.is_panorama())
        };
        let first = recording.sensors.iter().map(|s| s.channel.as_str()).find(|channel| sphere(channel));
        let channel = options.channel.as_deref().filter(|channel| sphere(channel)).or(first);
        let asked = options.channel.as_deref().or(first).unwrap_or("panorama");
        let Some(channel) = channel.filter(|c| *c == asked) else {
            let hint = "a walk needs a channel of panoramas";
            return Err(ErrorKind::Unknown { what: "panorama channel", name: asked.to_string() }
                .in_file(self.dir())
                .with_hint(hint));
        };
        let mut found = Vec::new();
        for row in 0..self.frames()?.height() {
            let frame = self.frame_at(row)?;
            let own = frame.recording_id == recording_id && frame.channel == channel;
            if own && options.passes(frame.s_m) && frame.modality == Modality::Camera.name() {
                found.extend(self.posed(&frame)?.map(|posed| (frame, posed)));
            }
        }
        found.sort_by(|(a, _), (b, _)| {
            let at = |f: &FrameRow| f.s_m.unwrap_or_default();
            a.t_ns.cmp(&b.t_ns).then(at(a).total_cmp(&at(b))).then(a.frame_id.cmp(&b.frame_id))
        });
        if found.is_empty() {
            return Err(ErrorKind::Unknown {
                what: "panorama with a pose on this part of",
                name: recording_id.to_string(),
            }
            .in_file(self.dir()));
        }
        Ok(found)
    }

    /// The view cut from a panorama.
    fn cut(&self, frame: &FrameRow, posed: &Posed, view: &Pose, camera: &Camera, nadir_deg: f64) -> Result<Cut> {
        let damaged = |e: ErrorKind| ErrorKind::Damaged(format!("frame `{}`: {e}", frame.frame_id)).in_file(self.dir());
        let picture = self.image(frame)?;
        let size = (picture.height() as usize, picture.width() as usize);
        let pixels = ArrayView3::from_shape((size.0, size.1, 3), picture.as_raw())
            .map_err(|e| damaged(ErrorKind::malformed("panorama", e.to_string())))?;
        // One of another size says nothing of these pixels.
        let mask = self.picture_mask(frame)?.filter(|m| m.dim() == size);
        let mask = mask.as_ref().map(|m| m.view());
        cut(pixels, mask, &posed.camera, &posed.world_se3_camera, view, camera, nadir_deg).map_err(damaged)
    }
}
