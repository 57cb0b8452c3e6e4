//! `refset`: a target video with pictures of the same place on another day, one of them warped into every frame.
//!
//! The layout that models in the manner of the Seoul World Model (arXiv 2603.15583) are trained on; nobody has published
//! a reader, so `docs/consumers.md` is its description.

use image::{Rgb, RgbImage};
use nalgebra::Vector3;
use ndarray::ArrayView3;
use serde::Serialize;
use serde_json::{Value, json};

use super::axes::{Axes, camera_to_world};
use super::clip::{Clip, action_conventions, k_matrix};
use super::job::{Job, Still};
use super::npz::{Array, to_npz};
use super::route::Routes;
use super::video::Video;
use super::view::Wish;
use super::{Card, Shot, Sink, Skip, words};
use crate::coord::{Pose, wrap_degrees};
use crate::dataset::PictureDepth;
use crate::dataset::rows::ReferenceRow;
use crate::error::{ErrorKind, Result};
use crate::render::{SourceRays, Splat, Surface};
use crate::time::Timestamp;

/// A trajectory that reaches this somewhere in its recording is a vehicle's, m/s.
const VEHICLE_MPS: f64 = 4.0;
/// Cuts of panoramas are turned in steps, so that few are prepared, degrees.
const YAW_STEP_DEG: f64 = 5.0;

/// Folders `SAMPLE-CAMERA/`.
pub(super) struct Refset<'a> {
    routes: Routes<'a>,
}

impl<'a> Refset<'a> {
    /// With the roads of the data set's map.
    pub(super) fn new(job: &Job<'a>) -> Result<Refset<'a>> {
        Ok(Refset { routes: Routes::new(job.dataset)? })
    }
}

/// A reference as `refs.json` has it.
#[derive(Debug, Serialize)]
struct Reference {
    /// Number of its files in `refs/`.
    file: String,
    image_id: String,
    sequence_id: String,
    role: String,
    captured_at: Option<String>,
    dt_days: Option<f64>,
    lat: Option<f64>,
    lon: Option<f64>,
    heading_deg: Option<f64>,
    #[serde(rename = "K")]
    k: [f64; 9],
    width: u32,
    height: u32,
    c2w: [[f64; 4]; 4],
    dist_m: f64,
    ahead_m: Option<f64>,
    overlap: Vec<Option<f64>>,
    overlap_source: Option<String>,
    depth: Option<&'static str>,
    /// The lens that it was cut from, where it is no whole stored picture.
    cut_from: Option<&'static str>,
    license: String,
}

/// What is written of a reference.
struct Files {
    entry: Reference,
    /// `.npy`, where there is depth.
    depth: Option<Vec<u8>>,
    /// JPEG.
    picture: Vec<u8>,
    /// PNG, where there is a mask.
    mask: Option<Vec<u8>>,
}

impl Sink for Refset<'_> {
    type Made = ();

    fn make(&self, job: &Job<'_>, shot: &Shot<'_>) -> Result<(), Skip> {
        let all = job.dataset.references(&shot.sample.sample_id)?;
        let of_camera = |r: &ReferenceRow| r.channel.as_deref().is_none_or(|channel| channel == shot.channel);
        let references: Vec<ReferenceRow> = all.into_iter().filter(of_camera).collect();
        if references.is_empty() {
            return Err(Skip::because("a sample without references of another day ([sample.references] of the build)"));
        }
        let wish = Wish { size: job.size, even: true, ..Wish::default() };
        let clip = Clip::new(job, shot, wish, 1, usize::MAX)?;
        let folder = shot.name();
        let write = |name: &str, bytes: &[u8]| job.write(&format!("{folder}/{name}"), bytes);

        let mut told = Vec::with_capacity(references.len());
        let mut warped = None;
        for (i, reference) in references.iter().enumerate() {
            let file = format!("{i:02}");
            let Some(Files { entry, depth, picture, mask }) = self.reference(job, shot, &clip, reference, &file)?
            else {
                job.leave_out("references without calibration or pose", 1);
                continue;
            };
            write(&format!("refs/{file}.jpg"), &picture)?;
            if let Some(depth) = depth {
                write(&format!("refs/{file}.depth.npy"), &depth)?;
            }
            if let Some(mask) = mask {
                write(&format!("refs/{file}.mask.png"), &mask)?;
            }
            if reference.role == "geometric" && warped.is_none() {
                warped = self.warp(job, shot, &clip, reference)?.map(|videos| (file, videos));
            }
            told.push(entry);
        }
        if told.is_empty() {
            return Err(Skip::because("a sample whose references have no calibration or pose"));
        }
        write("target.mp4", &clip.video(job)?)?;
        for (frame, still) in clip.stills.iter().enumerate() {
            if let Some(mask) = job.mask(still)? {
                write(&format!("target_mask/{frame:06}.png"), &mask)?;
            }
        }
        write("cameras.npz", &to_npz(&clip.camera_arrays(job, &shot.sample.recording_id)?))?;
        write("actions.npz", &to_npz(&clip.action_arrays()))?;
        job.write_json(&format!("{folder}/caption.json"), &caption(shot, &clip))?;
        job.write_json(&format!("{folder}/refs.json"), &told)?;
        let warp_of = warped.map(|(file, [warp, mask])| -> Result<String> {
            write("warp.mp4", &warp)?;
            write("warp_mask.mp4", &mask)?;
            Ok(file)
        });
        let warp_of = warp_of.transpose()?;
        if warp_of.is_none() {
            job.note("clips without warp.mp4: no geometric reference, or one without depth");
        }
        job.write_json(&format!("{folder}/sink.json"), &sink(&told, &clip))?;
        let mut about = about(job, shot, &clip, warp_of)?;
        about["route_command"] = json!(self.routes.command(job.dataset, shot.sample)?.name());
        job.write_json(&format!("{folder}/clip.json"), &about)?;
        Ok(())
    }

    fn finish(&self, _: &Job<'_>, made: Vec<()>) -> Result<(u64, Card)> {
        let card = Card::new(
            "Target videos with street view of the same place on another day, for models that are grounded in it: a folder \
             a sample and camera.",
        )
        .file("SAMPLE-CAMERA/target.mp4", "T frames, H.264, BT.601 limited range; one a tick")
        .file("…/cameras.npz", "K (T, 3, 3), c2w (T, 4, 4), t_us (T,), size (width, height), origin (lon, lat, height)")
        .file("…/refs/NN.jpg", "reference pictures; panoramas are cut to where the target looks")
        .file("…/refs/NN.depth.npy", "float16 metres along z, NaN where unknown; where the reference has depth")
        .file("…/target_mask/NNNNNN.png, …/refs/NN.mask.png", "grey, of frame N of target.mp4 and of references; where there is a mask")
        .file("…/refs.json", "a reference each: ids, role, date, place, K (9 numbers, row by row), c2w, overlap a frame")
        .file("…/warp.mp4, …/warp_mask.mp4", "the geometric reference warped into each frame; white where it was seen")
        .file("…/sink.json", "the lookahead picture: ref, ahead_m, ahead_frames; null without")
        .file("…/caption.json", "caption_json (structured), caption (dense), and all texts of the sample")
        .file("…/actions.npz", "the trajectory as actions, see below")
        .file("…/clip.json", "ids, split, fps, trajectory_kind, route_command, licences, what was done to the pictures")
        .convention("camera axes", "OpenCV: x right, y down, z forward")
        .convention("c2w", "camera to world, 4 × 4; the world is the target recording's ENU, also for references")
        .convention("pixels", "the centre of the top-left pixel is (0, 0)")
        .convention("K", "pixels, of the pictures as they lie here, after undistortion, cut and resize")
        .convention("overlap", "share of the target's frame that the reference sees; null at frames without a picture")
        .convention("masks", "255, and 0 where nothing is to be learned (what moves, what the source or the config masks)")
        .convention("warp_mask.mp4", "lossy: compare with 128")
        .convention("route_command", "left, right, straight or unknown at the next junction, by the map, within 60 m of the anchor")
        .reader("no reader is published; references never are of the target's split's neighbours, nor of its day");
        let card = action_conventions().into_iter().fold(card, |card, (what, holds)| card.convention(what, holds));
        Ok((made.len() as u64, card))
    }
}

impl Refset<'_> {
    /// What is written of a reference; `None` without calibration or pose.
    fn reference(
        &self,
        job: &Job<'_>,
        shot: &Shot<'_>,
        clip: &Clip,
        reference: &ReferenceRow,
        file: &str,
    ) -> Result<Option<Files>> {
        let frame = job.dataset.frame(&reference.frame_id)?;
        let Some(posed) = job.dataset.posed(&frame)? else { return Ok(None) };
        let target_se3_reference = job.dataset.between(&shot.sample.recording_id, &frame.recording_id)?;
        let panorama = posed.camera.is_panorama();
        let yaw_deg = if panorama { looks(clip, &(target_se3_reference * posed.world_se3_camera)) } else { 0.0 };
        let Some(still) = job.still(frame, Wish { yaw_deg, ..Wish::default() })? else { return Ok(None) };
        let depth = job.dataset.picture_depth(&still.frame)?;
        let (source, depth) = match depth {
            Some(PictureDepth { depth, source, .. }) => {
                let depth = still.view.depth(&depth)?;
                let (h, w) = depth.dim();
                (Some(source.name()), Some(Array::f16(&[h, w], depth).to_npy()))
            }
            None => (None, None),
        };
        let frame = &still.frame;
        job.owe_license(&frame.license);
        let [width, height] = still.view.size();
        let entry = Reference {
            file: file.to_string(),
            image_id: frame.frame_id.clone(),
            sequence_id: reference.recording_id.clone(),
            role: reference.role.clone(),
            captured_at: frame.t_ns.map(|t| Timestamp::from_ns(t).to_string()),
            dt_days: reference.dt_days,
            lat: frame.lat,
            lon: frame.lon,
            heading_deg: frame.heading_deg.map(|heading| wrap_degrees(heading - still.view.yaw_deg())),
            k: k_matrix(still.view.k()),
            width,
            height,
            c2w: camera_to_world(&(target_se3_reference * still.world_se3_camera), Axes::OpenCv),
            dist_m: reference.distance_m,
            ahead_m: reference.ahead_m,
            overlap: reference.overlap.iter().map(|o| o.is_finite().then_some(*o)).collect(),
            overlap_source: reference.overlap_source.clone(),
            depth: source,
            cut_from: (!still.view.is_whole()).then(|| posed.camera.model().name()),
            license: frame.license.clone(),
        };
        Ok(Some(Files { entry, depth, picture: job.jpeg(&still)?, mask: job.mask(&still)? }))
    }

    /// The reference warped into every frame, and what of it was seen; `None` without depth.
    fn warp(
        &self,
        job: &Job<'_>,
        shot: &Shot<'_>,
        clip: &Clip,
        reference: &ReferenceRow,
    ) -> Result<Option<[Vec<u8>; 2]>> {
        let frame = job.dataset.frame(&reference.frame_id)?;
        let (Some(posed), Some(depth)) = (job.dataset.posed(&frame)?, job.dataset.picture_depth(&frame)?) else {
            return Ok(None);
        };
        let damaged =
            |e: ErrorKind| ErrorKind::Damaged(format!("frame `{}`: {e}", frame.frame_id)).in_file(job.dataset.dir());
        let rays = SourceRays::new(&posed.camera);
        let mask = depth.mask.as_ref().map(|m| m.view());
        let surface = Surface::new(&rays, depth.depth.view(), mask).map_err(damaged)?;
        let picture = job.dataset.image(&frame)?;
        let shape = (picture.height() as usize, picture.width() as usize, 3);
        let wrong = |e: ndarray::ShapeError| damaged(ErrorKind::malformed("picture", e.to_string()));
        let pixels = ArrayView3::from_shape(shape, picture.as_raw()).map_err(wrong)?;
        let target_se3_reference = job.dataset.between(&shot.sample.recording_id, &frame.recording_id)?;
        let world_se3_source = target_se3_reference * posed.world_se3_camera;

        let [width, height] = clip.size();
        let (mut warp, mut seen) = (Video::new([width, height], clip.fps)?, Video::new([width, height], clip.fps)?);
        let splat = clip.stills.first().map(|still| Splat::new(&rays, still.view.camera()));
        for (still, splat) in clip.stills.iter().zip(std::iter::repeat(splat.as_ref())) {
            let Some(splat) = splat else { continue };
            job.check_stop()?;
            let view_se3_source = still.world_se3_camera.inverse() * world_se3_source;
            let one = splat.warp(pixels, &surface, &view_se3_source).map_err(damaged)?;
            let grey: Vec<u8> = one.seen.iter().flat_map(|s| [*s; 3]).collect();
            let pictures =
                [one.rgb.into_raw_vec_and_offset().0, grey].map(|raw| RgbImage::from_raw(width, height, raw));
            for (video, picture) in [&mut warp, &mut seen].into_iter().zip(pictures) {
                video.push(&picture.unwrap_or_else(|| RgbImage::from_pixel(width, height, Rgb([0; 3]))))?;
            }
        }
        Ok(Some([warp.finish()?, seen.finish()?]))
    }
}

/// Degrees to the left of a panorama's middle where the target looks from the place nearest to it, in whole steps.
fn looks(clip: &Clip, world_se3_panorama: &Pose) -> f64 {
    let far = |still: &&Still| (still.world_se3_camera.translation - world_se3_panorama.translation).norm();
    let nearest = clip.stills.iter().min_by(|a, b| far(a).total_cmp(&far(b)));
    let ahead = nearest.map_or(Vector3::z(), |still| {
        world_se3_panorama.rotation.inverse() * (still.world_se3_camera.rotation * Vector3::z())
    });
    let left = libm::atan2(-ahead.x, ahead.z).to_degrees();
    let steps = libm::round(left / YAW_STEP_DEG) * YAW_STEP_DEG;
    if steps <= -180.0 { 180.0 } else { steps + 0.0 }
}

fn sink(references: &[Reference], clip: &Clip) -> Value {
    let ahead = references.iter().find(|r| r.role == "lookahead");
    ahead.map_or(Value::Null, |r| {
        let mps = clip.length_m() / clip.dt_s.iter().sum::<f64>().max(1e-9);
        let frames = r.ahead_m.filter(|_| mps > 0.1).map(|m| (m / mps * clip.fps).round());
        json!({ "ref": r.file, "ahead_m": r.ahead_m, "ahead_frames": frames })
    })
}

fn caption(shot: &Shot<'_>, clip: &Clip) -> Value {
    let texts: Vec<Value> = shot
        .sample
        .captions
        .iter()
        .flatten()
        .map(|c| json!({ "lang": c.lang, "task": c.task, "question": c.question, "text": c.text }))
        .collect();
    json!({ "caption_json": words::structured(shot, clip), "caption": words::dense(shot, clip), "texts": texts })
}

fn about(job: &Job<'_>, shot: &Shot<'_>, clip: &Clip, warp_of: Option<String>) -> Result<Value> {
    let track = job.dataset.track(&shot.sample.recording_id)?;
    let fastest = track.rows.iter().map(|r| r.speed_mps).filter(|v| v.is_finite()).reduce(f64::max);
    let kind = fastest.map(|mps| if mps > VEHICLE_MPS { "vehicle" } else { "pedestrian" });
    let view = clip.stills.first().map(|s| s.view.told().to_vec()).unwrap_or_default();
    Ok(json!({
        "sample_id": shot.sample.sample_id,
        "recording_id": shot.sample.recording_id,
        "channel": shot.channel,
        "split": shot.sample.split.name(),
        "frames": clip.frames(),
        "fps": words::whole(clip.fps),
        "trajectory_kind": kind,
        "warped_ref": warp_of,
        "pictures": view,
        "sync_residual_ms": shot.sample.sync_residual_ms,
        "pose_sigma_m": shot.sample.pose_sigma_m,
        "licenses": shot.sample.licenses,
        "attributions": shot.sample.attributions,
        "privacy": shot.sample.privacy,
    }))
}
