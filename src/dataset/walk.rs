//! [`Dataset::panowalk`]: perspective views along the panoramas of a recording, as if a camera had been carried there.

use nalgebra::Vector3;
use ndarray::{Array3, Array4, ArrayView3, Axis};
use rayon::prelude::*;

use super::Dataset;
use super::ground::Posed;
use super::rows::FrameRow;
use crate::coord::{Camera, CameraModelKind, EnuFrame, Geodetic, Pose};
use crate::error::{ErrorKind, Result};
use crate::record::Modality;
use crate::render::panowalk::{Crop, YawPath, out_and_back, pinhole};

/// Pixels that the pictures of a walk may have together.
const MOST_PIXELS: u64 = 1 << 31;

/// Where a walk looks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Gaze {
    /// Along the way, turned to the left by so many degrees.
    Follow {
        /// Degrees, left positive.
        offset_deg: f64,
    },
    /// At a place.
    LookAt {
        /// Degrees; the height of the first panorama where it is not finite.
        place: Geodetic,
    },
    /// From a heading on, turning evenly with every picture.
    Pan {
        /// Heading of the first, degrees clockwise from north.
        start_deg: f64,
        /// Degrees from one to the next, left positive.
        step_deg: f64,
    },
}

/// How a walk is taken.
#[derive(Debug, Clone, PartialEq)]
pub struct WalkOptions {
    /// The panorama channel; the first of the recording without it.
    pub channel: Option<String>,
    /// Where it looks.
    pub gaze: Gaze,
    /// Width and height of the pictures.
    pub size: [u32; 2],
    /// Horizontal field of view, degrees.
    pub fov_deg: f64,
    /// Mask what lies within so many degrees of straight down: the car, the mount.
    pub nadir_deg: f64,
    /// Metres along the recording to begin and to end at.
    pub between_m: [f64; 2],
    /// Whether it turns at the end and comes back over the same places, looking as on the way out.
    pub out_and_back: bool,
}

impl Default for WalkOptions {
    fn default() -> WalkOptions {
        WalkOptions {
            channel: None,
            gaze: Gaze::Follow { offset_deg: 0.0 },
            size: [640, 480],
            fov_deg: 90.0,
            nadir_deg: 0.0,
            between_m: [f64::NEG_INFINITY, f64::INFINITY],
            out_and_back: false,
        }
    }
}

/// The pictures of a walk; N is their number.
#[derive(Debug, Clone)]
pub struct Walk {
    /// The panorama that each was cut from.
    pub panoramas: Vec<FrameRow>,
    /// sRGB, shape `(N, H, W, 3)`.
    pub rgb: Array4<u8>,
    /// 255 where the nadir or the panorama's own mask says not to learn, else 0; shape `(N, H, W)`.
    pub ignored: Array3<u8>,
    /// `world_se3_camera` in the recording's ENU frame; level but for a view at a place above or below.
    pub poses: Vec<Pose>,
    /// The camera of all of them: a pinhole without distortion.
    pub camera: Camera,
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
        let camera = pinhole(width, height, options.fov_deg).map_err(|e| wrong(e.to_string()))?;
        let panoramas = self.panoramas(recording_id, options)?;
        let (frames, posed): (Vec<FrameRow>, Vec<Posed>) = panoramas.into_iter().unzip();
        let count = if options.out_and_back { 2 * frames.len() as u64 } else { frames.len() as u64 };
        if count * u64::from(width) * u64::from(height) > MOST_PIXELS {
            return Err(wrong(format!("{count} pictures of {width} x {height} are too many: walk a part of the way")));
        }
        let route: Vec<Vector3<f64>> = posed.iter().map(|p| p.world_se3_camera.translation).collect();
        let views = self.gaze(recording_id, options.gaze, &route)?.views(&route);
        let cut: Vec<Result<(Vec<u8>, Vec<u8>)>> = (0..frames.len())
            .into_par_iter()
            .map(|i| self.cut(&frames[i], &posed[i], &views[i], &camera, options.nadir_deg))
            .collect();
        let cut = cut.into_iter().collect::<Result<Vec<_>>>()?;
        let order = if options.out_and_back { out_and_back(frames.len()) } else { (0..frames.len()).collect() };
        let (h, w) = (height as usize, width as usize);
        let mut rgb = Array4::zeros((order.len(), h, w, 3));
        let mut ignored = Array3::zeros((order.len(), h, w));
        let shaped = |e: ndarray::ShapeError| ErrorKind::malformed("view", e.to_string()).bare();
        for (n, &i) in order.iter().enumerate() {
            rgb.index_axis_mut(Axis(0), n).assign(&ArrayView3::from_shape((h, w, 3), &cut[i].0).map_err(shaped)?);
            let mask = ndarray::ArrayView2::from_shape((h, w), &cut[i].1).map_err(shaped)?;
            ignored.index_axis_mut(Axis(0), n).assign(&mask);
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
            sensor.and_then(|s| s.camera.as_ref()).is_some_and(|c| c.model == CameraModelKind::Equirectangular)
        };
        let first = recording.sensors.iter().map(|s| s.channel.as_str()).find(|channel| sphere(channel));
        let channel = options.channel.as_deref().filter(|channel| sphere(channel)).or(first);
        let asked = options.channel.as_deref().or(first).unwrap_or("panorama");
        let Some(channel) = channel.filter(|c| *c == asked) else {
            let hint = "a walk needs a channel of full panoramas";
            return Err(ErrorKind::Unknown { what: "panorama channel", name: asked.to_string() }
                .in_file(self.dir())
                .with_hint(hint));
        };
        let mut found = Vec::new();
        for row in 0..self.frames()?.height() {
            let frame = self.frame_at(row)?;
            let own = frame.recording_id == recording_id && frame.channel == channel;
            let within = frame.s_m.is_some_and(|s| (options.between_m[0]..=options.between_m[1]).contains(&s));
            if own && within && frame.modality == Modality::Camera.name() {
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

    fn gaze(&self, recording_id: &str, gaze: Gaze, route: &[Vector3<f64>]) -> Result<YawPath> {
        Ok(match gaze {
            Gaze::Follow { offset_deg } => YawPath::Follow { offset_deg },
            Gaze::Pan { start_deg, step_deg } => YawPath::Pan { start_deg: 90.0 - start_deg, step_deg },
            Gaze::LookAt { place } => {
                let frame = EnuFrame::new(self.recording(recording_id)?.origin);
                let height_m = if place.height_m.is_finite() { place.height_m } else { frame.origin().height_m };
                let mut point = frame.to_enu(Geodetic { height_m, ..place });
                if let (false, Some(first)) = (place.height_m.is_finite(), route.first()) {
                    point.z = first.z;
                }
                YawPath::LookAt { point }
            }
        })
    }

    /// A view cut from a panorama, and where it is to be left out.
    fn cut(
        &self,
        frame: &FrameRow,
        posed: &Posed,
        view: &Pose,
        camera: &Camera,
        nadir_deg: f64,
    ) -> Result<(Vec<u8>, Vec<u8>)> {
        let damaged = |e: ErrorKind| ErrorKind::Damaged(format!("frame `{}`: {e}", frame.frame_id)).in_file(self.dir());
        let picture = self.image(frame)?;
        let size = [picture.width() as usize, picture.height() as usize];
        let turn = posed.world_se3_camera.rotation.inverse() * view.rotation;
        let crop = Crop::new(size, camera, &Pose::new(Vector3::zeros(), turn), nadir_deg);
        let malformed = |e: ndarray::ShapeError| ErrorKind::malformed("panorama", e.to_string());
        let whole = |bytes: &[u8]| -> Result<Vec<u8>> {
            let pixels = ArrayView3::from_shape((size[1], size[0], 3), bytes).map_err(|e| damaged(malformed(e)))?;
            Ok(crop.cut(pixels).map_err(damaged)?.into_raw_vec_and_offset().0)
        };
        let rgb = whole(picture.as_raw())?;
        let mut ignored: Vec<u8> = crop.nadir().iter().copied().collect();
        if let Some(mask) = self.picture_mask(frame)?.filter(|m| m.dim() == (size[1], size[0])) {
            let grey: Vec<u8> = mask.iter().flat_map(|m| [if *m == 0 { 0 } else { 255 }; 3]).collect();
            // What touches a masked pixel is masked.
            let cut = whole(&grey)?;
            ignored.iter_mut().zip(cut.chunks_exact(3)).for_each(|(own, m)| *own |= if m[0] > 0 { 255 } else { 0 });
        }
        Ok((rgb, ignored))
    }
}
