//! Pictures in space: their cameras, their depth, and references warped into a sample's cameras.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use nalgebra::Vector3;
use ndarray::{Array2, Array3, Array4, ArrayView3, Axis};

use super::Dataset;
use super::rows::{FrameRow, RecordingRow, companion_id};
use crate::coord::{Camera, CameraIntrinsics, EnuFrame, Pose};
use crate::error::{ErrorKind, Result};
use crate::record::Modality;
use crate::render::{SourceRays, Splat, Surface, Warp, lidar_depth, ray_map};
use crate::sample::SampleRow;

/// Sweeps this long before and after a picture make its depth, nanoseconds.
const SWEEPS_NS: i64 = 500_000_000;
/// Pixels or cells a side that a warp or a ray map may have.
const MOST: usize = 1 << 14;

/// A camera and where it took a picture.
#[derive(Debug, Clone)]
pub struct Posed {
    /// How it sees, in the pixels of the stored picture.
    pub camera: Camera,
    /// In the ENU frame of its recording.
    pub world_se3_camera: Pose,
}

/// Where the depth of a picture is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DepthSource {
    /// A depth picture of the source.
    File,
    /// The recording's LiDAR sweeps around the picture's time.
    Lidar,
}

impl DepthSource {
    /// `file`, `lidar`.
    pub fn name(self) -> &'static str {
        match self {
            DepthSource::File => "file",
            DepthSource::Lidar => "lidar",
        }
    }
}

/// Depth of a picture, and what of it is to be left out.
#[derive(Debug, Clone)]
pub struct PictureDepth {
    /// Metres along z, of a panorama along the ray; NaN where nobody knows; shape `(H, W)`.
    pub depth: Array2<f32>,
    /// Not 0 where the picture's mask says not to learn: moving things, the ego's hood; `None` without a mask.
    pub mask: Option<Array2<u8>>,
    /// Where the depth is from.
    pub source: DepthSource,
}

/// A reference, warped into a window's target pictures; T is the window's ticks.
#[derive(Debug, Clone)]
pub struct WindowWarp {
    /// The reference's frame.
    pub frame_id: String,
    /// Where its depth is from.
    pub depth: DepthSource,
    /// Colours, shape `(T, H, W, 3)`; black in holes and at ticks without a target picture.
    pub rgb: Array4<u8>,
    /// 255 where the reference saw what is there, else 0; shape `(T, H, W)`.
    pub seen: Array3<u8>,
}

/// Metres `(H, W)` and 0 or more `(H, W)`, each where there is one.
pub type DepthAndMask = (Option<Array2<f32>>, Option<Array2<u8>>);

impl Dataset {
    /// The camera and the pose of a picture; `None` where its channel is not calibrated or it has no pose.
    ///
    /// # Errors
    ///
    /// As [`recording`](Dataset::recording); [`ErrorKind::Damaged`] for a calibration that is no camera, or a pose that
    /// is none.
    pub fn posed(&self, frame: &FrameRow) -> Result<Option<Posed>> {
        let recording = self.recording(&frame.recording_id)?;
        let (Some(intrinsics), Some([x, y, z, q @ ..])) = (calibration(recording, &frame.channel), frame.pose) else {
            return Ok(None);
        };
        let damaged = |reason: String| ErrorKind::Damaged(reason).in_file(self.dir());
        let camera = Camera::new(intrinsics).map_err(|e| damaged(format!("camera `{}`: {e}", frame.channel)))?;
        let world_se3_camera = Pose::from_wxyz([x, y, z], q)
            .ok_or_else(|| damaged(format!("the pose of frame `{}` is none", frame.frame_id)))?;
        Ok(Some(Posed { camera, world_se3_camera }))
    }

    /// From the ENU frame of one recording to that of another: `to_se3_from`.
    ///
    /// # Errors
    ///
    /// As [`recording`](Dataset::recording).
    pub fn between(&self, to: &str, from: &str) -> Result<Pose> {
        let frame = |id: &str| Ok(EnuFrame::new(self.recording(id)?.origin));
        Ok(between(&frame(to)?, &frame(from)?))
    }

    /// The depth picture that belongs to a picture, and what of it is to be left out, as
    /// [`picture_mask`](Dataset::picture_mask) says; `None` each where there is none.
    ///
    /// # Errors
    ///
    /// As [`frame`](Dataset::frame) and [`depth`](Dataset::depth).
    pub fn depth_and_mask(&self, picture: &FrameRow) -> Result<DepthAndMask> {
        let depth = self.companion(picture, Modality::Depth)?.map(|frame| self.depth(&frame)).transpose()?;
        Ok((depth, self.picture_mask(picture)?))
    }

    /// The depth of a picture: its depth picture, else what the LiDAR of its recording saw within half a second of it,
    /// each sweep placed by the recording's poses, as [`lidar_depth`] makes a picture of it; points of what moves are left
    /// out where the sweep has a mask. `None` without either, or where the camera is not calibrated or has no pose.
    ///
    /// # Errors
    ///
    /// As [`depth_and_mask`](Dataset::depth_and_mask), [`posed`](Dataset::posed) and [`points`](Dataset::points).
    pub fn picture_depth(&self, picture: &FrameRow) -> Result<Option<PictureDepth>> {
        let (depth, mask) = self.depth_and_mask(picture)?;
        if let Some(depth) = depth {
            return Ok(Some(PictureDepth { depth, mask, source: DepthSource::File }));
        }
        let (Some(Posed { camera, world_se3_camera }), Some(t_ns)) = (self.posed(picture)?, picture.t_ns) else {
            return Ok(None);
        };
        let sweeps = self.sweep_rows(&picture.recording_id)?;
        let first = sweeps.partition_point(|(t, _)| *t < t_ns - SWEEPS_NS);
        let camera_se3_world = world_se3_camera.inverse();
        let mut points = Vec::new();
        for (_, row) in sweeps[first..].iter().take_while(|(t, _)| *t <= t_ns + SWEEPS_NS) {
            let sweep = self.frame_at(*row)?;
            let Some(pose) = sweep.pose.and_then(|[x, y, z, q @ ..]| Pose::from_wxyz([x, y, z], q)) else { continue };
            let cloud = match self.points_at(&sweep, None) {
                // Points without times are taken as measured at once.
                Err(e) if matches!(e.kind(), ErrorKind::Unsupported(_)) => self.points(&sweep)?,
                cloud => cloud?,
            };
            let place = camera_se3_world * pose;
            let moving = self.sweep_mask(&sweep, cloud.xyz.len())?;
            let stays = |i: usize| moving.as_ref().is_none_or(|mask| mask[i] == 0);
            let whole = cloud.xyz.iter().enumerate().filter(|(i, p)| stays(*i) && p.iter().all(|v| v.is_finite()));
            let origin = Vector3::from(cloud.origin);
            points.extend(whole.map(|(_, p)| place.apply(origin + Vector3::from(p.map(f64::from)))));
        }
        if points.is_empty() {
            return Ok(None);
        }
        Ok(Some(PictureDepth { depth: lidar_depth(&camera, points), mask, source: DepthSource::Lidar }))
    }

    /// What of a sweep of so many points moves: not 0 there, a value a point. `None` where nothing is known to.
    ///
    /// # Errors
    ///
    /// As [`frame`](Dataset::frame) and [`image`](Dataset::image); [`ErrorKind::Damaged`] where the mask is of another
    /// number of points.
    pub fn sweep_mask(&self, sweep: &FrameRow, points: usize) -> Result<Option<Vec<u8>>> {
        let Some(frame) = self.companion(sweep, Modality::Mask)? else { return Ok(None) };
        let mask: Vec<u8> = self.image(&frame)?.pixels().map(|pixel| pixel.0[0]).collect();
        if mask.len() != points {
            let reason = format!("frame `{}`: {} values for {points} points", frame.frame_id, mask.len());
            return Err(ErrorKind::Damaged(reason).in_file(self.dir()));
        }
        Ok(Some(mask))
    }

    /// The LiDAR sweeps of a recording: their times, ascending, and their rows of [`frames`](Dataset::frames).
    ///
    /// # Errors
    ///
    /// As [`frames`](Dataset::frames).
    pub fn sweep_rows(&self, recording_id: &str) -> Result<&[(i64, usize)]> {
        Ok(self.sweeps()?.get(recording_id).map_or(&[][..], Vec::as_slice))
    }

    /// LiDAR sweeps by recording: their times, ascending, and rows of `frames`.
    fn sweeps(&self) -> Result<&BTreeMap<String, Vec<(i64, usize)>>> {
        self.sweeps.get(|| {
            let frames = self.frames()?;
            let checked = "the schema was checked when the table was read";
            let modality = frames.column("modality").and_then(|c| c.str()).expect(checked);
            let mut sweeps: BTreeMap<String, Vec<(i64, usize)>> = BTreeMap::new();
            for (row, modality) in modality.iter().enumerate() {
                if modality == Some(Modality::Lidar.name()) {
                    let sweep = self.frame_at(row)?;
                    if let Some(t_ns) = sweep.t_ns {
                        sweeps.entry(sweep.recording_id).or_default().push((t_ns, row));
                    }
                }
            }
            sweeps.values_mut().for_each(|of_one| of_one.sort_unstable());
            Ok(sweeps)
        })
    }

    /// The depth picture or mask of a picture.
    pub(super) fn companion(&self, picture: &FrameRow, modality: Modality) -> Result<Option<FrameRow>> {
        match self.frame(&companion_id(&picture.frame_id, modality)) {
            Ok(frame) => Ok(Some(frame).filter(|f| f.modality == modality.name())),
            Err(e) if matches!(e.kind(), ErrorKind::Unknown { .. }) => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// The pictures of a channel in a window, one a tick; shape (T,).
    ///
    /// # Errors
    ///
    /// As [`frame`](Dataset::frame).
    pub fn pictures(&self, sample: &SampleRow, channel: &str) -> Result<Vec<Option<FrameRow>>> {
        let mut ticks = vec![None; sample.pose_s_m.len()];
        let camera = Modality::Camera.name();
        for frame in sample.frames.iter().filter(|f| f.channel == channel && f.modality == camera) {
            if let Some(tick) = usize::try_from(frame.tick).ok().and_then(|tick| ticks.get_mut(tick)) {
                *tick = Some(self.frame(&frame.frame_id)?);
            }
        }
        Ok(ticks)
    }

    /// The geometric reference of a sample's camera, warped by its depth into the picture at each tick, at the size of
    /// the pictures or at another one (width, height). `None` where the camera has no such reference.
    ///
    /// # Errors
    ///
    /// As [`references`](Dataset::references), [`image`](Dataset::image) and [`posed`](Dataset::posed);
    /// [`ErrorKind::Unsupported`] where the reference has no depth or no calibration; [`ErrorKind::Config`] for a size
    /// of no pixels or more than 16,384 a side; [`ErrorKind::Damaged`] where depth
    /// or mask are not of the picture's size.
    pub fn warp(&self, sample: &SampleRow, channel: &str, size: Option<[u32; 2]>) -> Result<Option<WindowWarp>> {
        check_size(size.map(|side| side.map(|n| n as usize)))?;
        let references = self.references(&sample.sample_id)?;
        let geometric = |r: &super::rows::ReferenceRow| r.role == "geometric" && r.channel.as_deref() == Some(channel);
        let Some(reference) = references.into_iter().find(geometric) else { return Ok(None) };
        let picture = self.frame(&reference.frame_id)?;
        let cannot = |what: &str| ErrorKind::Unsupported(format!("a warp of `{}` ({what})", picture.frame_id)).bare();
        let Some(source) = self.posed(&picture)? else { return Err(cannot("it has no calibration or no pose")) };
        let Some(PictureDepth { depth, mask, source: depth_source }) = self.picture_depth(&picture)? else {
            return Err(cannot("it has no depth, and its recording no LiDAR at its time"));
        };
        let damaged =
            |e: ErrorKind| ErrorKind::Damaged(format!("frame `{}`: {e}", picture.frame_id)).in_file(self.dir());
        let rays = self.source_rays(&picture, &source.camera);
        let surface = Surface::new(&rays, depth.view(), mask.as_ref().map(|m| m.view())).map_err(damaged)?;
        let image = self.image(&picture)?;
        let pixels = (image.height() as usize, image.width() as usize, 3);
        let rgb = ArrayView3::from_shape(pixels, image.as_raw()).map_err(|e| cannot(&e.to_string()))?;
        let source_se3_reference = self.between(&sample.recording_id, &picture.recording_id)? * source.world_se3_camera;

        let ticks = self.pictures(sample, channel)?;
        let mut warp: Option<WindowWarp> = None;
        let mut splat: Option<Splat> = None;
        let mut one = Warp::default();
        for (tick, target) in ticks.iter().enumerate() {
            let Some(posed) = target.as_ref().map(|t| self.posed(t)).transpose()?.flatten() else { continue };
            let camera = resized(&posed.camera, size);
            let camera = camera.map_err(|e| cannot(&e.to_string()))?;
            let splat = splat.get_or_insert_with(|| Splat::new(&rays, &camera));
            let target_se3_source = posed.world_se3_camera.inverse() * source_se3_reference;
            splat.warp_into(rgb, &surface, &target_se3_source, &mut one).map_err(damaged)?;
            let [h, w] = [camera.height() as usize, camera.width() as usize];
            let warp = warp.get_or_insert_with(|| WindowWarp {
                frame_id: picture.frame_id.clone(),
                depth: depth_source,
                rgb: Array4::zeros((ticks.len(), h, w, 3)),
                seen: Array3::zeros((ticks.len(), h, w)),
            });
            warp.rgb.index_axis_mut(Axis(0), tick).assign(&one.rgb);
            warp.seen.index_axis_mut(Axis(0), tick).assign(&one.seen);
        }
        Ok(warp)
    }

    /// Plücker rays of a sample's camera at each tick, on a grid of `[h, w]` cells, in the frame of the camera at the
    /// first tick that has a picture; shape `(T, 6, h, w)` as [`ray_map`]. Zeros at ticks without a picture; `None`
    /// where the camera is not calibrated or has no poses.
    ///
    /// # Errors
    ///
    /// As [`posed`](Dataset::posed); [`ErrorKind::Config`] for a grid of no cells or more than 16,384 a side.
    pub fn rays(&self, sample: &SampleRow, channel: &str, grid: [usize; 2]) -> Result<Option<Array4<f32>>> {
        check_size(Some(grid))?;
        let ticks = self.pictures(sample, channel)?;
        let mut rays = Array4::zeros((ticks.len(), 6, grid[0], grid[1]));
        let mut first_se3_world = None;
        for (tick, picture) in ticks.iter().enumerate() {
            let Some(posed) = picture.as_ref().map(|p| self.posed(p)).transpose()?.flatten() else { continue };
            let first = *first_se3_world.get_or_insert_with(|| posed.world_se3_camera.inverse());
            let map = ray_map(&posed.camera, grid, &(first * posed.world_se3_camera));
            rays.index_axis_mut(Axis(0), tick).assign(&map);
        }
        Ok(first_se3_world.map(|_| rays))
    }

    /// The rays of a channel's camera, found once.
    fn source_rays(&self, frame: &FrameRow, camera: &Camera) -> SourceRays {
        let key = (frame.recording_id.clone(), frame.channel.clone());
        if let Some(rays) = self.rays.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return SourceRays::clone(rays);
        }
        // No lock is held meanwhile: it uses the pool of threads.
        let rays = Arc::new(SourceRays::new(camera));
        self.rays.lock().unwrap_or_else(PoisonError::into_inner).insert(key, Arc::clone(&rays));
        SourceRays::clone(&rays)
    }
}

/// The intrinsics of a camera channel.
pub fn calibration<'a>(recording: &'a RecordingRow, channel: &str) -> Option<&'a CameraIntrinsics> {
    let sensor = recording.sensors.iter().find(|s| s.channel == channel && s.modality == Some(Modality::Camera));
    sensor.and_then(|s| s.camera.as_ref())
}

/// From one ENU frame to another: `to_se3_from`.
pub fn between(to: &EnuFrame, from: &EnuFrame) -> Pose {
    let turn = Pose::from_rotation_matrix(&to.rotation_from(from), Vector3::zeros());
    Pose::new(to.to_enu(from.origin()), turn.rotation)
}

pub(super) fn check_size(size: Option<[usize; 2]>) -> Result<()> {
    match size.filter(|side| side.iter().any(|n| !(1..=MOST).contains(n))) {
        Some([a, b]) => Err(ErrorKind::Config(format!("{a} x {b} is not a size of 1 to {MOST} a side")).bare()),
        None => Ok(()),
    }
}

fn resized(camera: &Camera, size: Option<[u32; 2]>) -> std::result::Result<Camera, crate::coord::InvalidCamera> {
    match size {
        Some([width, height]) => Camera::new(&camera.intrinsics().resized(width, height)),
        None => Ok(camera.clone()),
    }
}
