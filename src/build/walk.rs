//! Phase 1 of a walk: perspective views cut along the panoramas of a segment, which become a recording of their own.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use image::{DynamicImage, RgbImage};
use nalgebra::Vector3;
use ndarray::{Array2, ArrayView3};
use rayon::prelude::*;

use crate::coord::{Camera, CameraIntrinsics, Pose};
use crate::dataset::rows::FrameRow;
use crate::dataset::shard::ShardWriter;
use crate::error::{Error, ErrorKind, Location, Quarantine, Result};
use crate::fuse::{ClockOffset, State, Stop, Track, carried};
use crate::record::{FrameFormat, FrameRecord, MediaRef, Modality, Recording, Sensor};
use crate::render::IgnoreConfig;
use crate::render::panowalk::level_view;
use crate::render::walk::{Gaze, WalkOptions, cut};
use crate::sample::{Axis, ChannelFilter, SampleConfig};
use crate::source::Limits;

use super::check_stop;
use super::config::PanowalkConfig;
use super::frames::{FrameJob, Placed, batches, frame_id, place_frames, store};
use super::media::{Opened, Prepared, encode, encode_mask, open_picture};
use super::segment::{Settled, sensors};

/// What a walk is made of.
pub struct WalkJob<'a> {
    /// How it is taken.
    pub config: &'a PanowalkConfig,
    /// The segment that it is taken in, with the id of the walk.
    pub base: FrameJob<'a>,
    /// What the panoramas show that is not to be learned from, by channel.
    pub ignore: &'a BTreeMap<String, IgnoreConfig>,
}

/// The channel of a recording's panoramas, whole or in part, the first by name or the one that is asked for, and how it sees.
pub fn panorama_channel(recording: &Recording, asked: Option<&str>) -> Option<(String, CameraIntrinsics)> {
    let sphere = |sensor: Sensor| {
        let camera = sensor.camera.filter(|c| c.model.is_panorama())?;
        let seen = |f: &FrameRecord| f.modality == Modality::Camera && f.channel == sensor.channel;
        recording.frames.iter().any(seen).then_some((sensor.channel, camera))
    };
    let mut channels = sensors(recording).into_iter().filter_map(sphere);
    channels.find(|(channel, _)| asked.is_none_or(|asked| asked == channel))
}

/// Takes a walk: stores its pictures and returns its recording, with the trajectory of the camera that is carried, and a
/// row for each picture and mask. `None` where fewer than two panoramas of this segment have a place on the way.
///
/// The ego of a walk stands level on the ground that the panoramas' vehicle stood on, and looks where the camera does. A
/// panorama that cannot be read is quarantined, and its place stays without a picture.
///
/// # Errors
///
/// Where the shard cannot be written, or the user interrupts.
pub fn walk(
    job: &WalkJob<'_>,
    shard: &mut ShardWriter,
    hashes: &mut BTreeMap<PathBuf, String>,
    quarantine: &mut Quarantine,
) -> Result<Option<(Settled, Vec<FrameRow>)>> {
    let (base, options) = (&job.base, job.config.options());
    let mut left_out = |reason: &str| {
        quarantine.refuse(&Location::file(&base.recording.name), format!("{} is left out: {reason}", base.id));
        Ok(None)
    };
    let Some((channel, sphere)) = panorama_channel(base.recording, options.channel.as_deref()) else {
        return left_out("it has no panoramas");
    };
    let invalid = |e: crate::coord::InvalidCamera| ErrorKind::Config(e.to_string()).bare();
    let (camera, sphere) = (options.camera().map_err(invalid)?, Camera::new(&sphere).map_err(invalid)?);
    let of_channel = SampleConfig { cameras: vec![glob::Pattern::escape(&channel)], ..SampleConfig::default() };
    let of_channel = ChannelFilter::new(&of_channel)?;
    let placing = FrameJob { channels: &of_channel, ..*base };
    let panoramas = panoramas(&placing, &options);
    if panoramas.len() < 2 {
        return left_out("fewer than two panoramas have a place on this part of the way");
    }
    let steps = steps(job, &channel, &panoramas);
    let cutter = Cutter::new(job, &channel, &camera, &sphere);
    let recording = recording(job, &channel, &camera);
    let track = trajectory(job, &channel, &steps);

    let own = FrameJob { recording: &recording, track: &track, ..*base };
    let kinds = if cutter.is_masked { &[Modality::Camera, Modality::Mask][..] } else { &[Modality::Camera] };
    let records: Vec<(Order, FrameRecord)> = (kinds.iter())
        .flat_map(|kind| steps.iter().enumerate().map(|(k, step)| ((*kind, k), step.record(*kind, job.config))))
        .collect();
    let mut taken = BTreeSet::new();
    let mut placed: BTreeMap<usize, Vec<(Order, Placed<'_>)>> = BTreeMap::new();
    for (at, frame) in &records {
        let step = &steps[at.1];
        let one = Placed {
            frame,
            id: frame_id(base.id, frame, &mut taken),
            t_ns: step.panorama.placed.t_ns,
            ego: Some(State { row: 0, weight: 0.0, s_m: step.s_m, t_ns: None, pose: step.ego }),
            world_se3_sensor: Some(step.view),
        };
        placed.entry(step.number).or_default().push((*at, one));
    }
    let mut rows: Vec<(Order, FrameRow)> = Vec::new();
    for batch in batches(&panoramas, |p| p.placed.frame.size) {
        check_stop(base.stop)?;
        let shots: Vec<Result<Shot>> =
            batch.clone().into_par_iter().map(|i| cutter.shot(&panoramas[i], &steps[i].view)).collect();
        for (i, shot) in batch.zip(shots) {
            let shot = match shot {
                Ok(shot) => shot,
                Err(error) => {
                    quarantine.refuse_error(&error);
                    continue;
                }
            };
            shot.refused.iter().for_each(|error| quarantine.refuse_error(error));
            hashes.extend(shot.hashes);
            for (at, one) in placed.get(&i).into_iter().flatten() {
                let prepared = if at.0 == Modality::Camera { Some(&shot.picture) } else { shot.mask.as_ref() };
                if let Some(prepared) = prepared {
                    rows.push((*at, store(&own, one, prepared, shard)?));
                }
            }
        }
    }
    rows.sort_by_key(|(at, _)| *at);
    let turn_m = panoramas.last().map_or(0.0, |p| p.ego.s_m);
    let withheld = if options.out_and_back { base.withheld.there_and_back(turn_m) } else { base.withheld.clone() };
    let frames = rows.into_iter().map(|(_, row)| row).collect();
    Ok(Some((Settled { recording, track, withheld }, frames)))
}

/// Where a row stands in its table: by modality, then by step of the walk.
type Order = (Modality, usize);

/// A panorama on the way.
struct Panorama<'a> {
    placed: Placed<'a>,
    ego: State,
    /// `world_se3_panorama`.
    at: Pose,
}

/// A step of a walk: a view from a panorama.
struct Step<'a> {
    /// Its number among the panoramas.
    number: usize,
    panorama: &'a Panorama<'a>,
    /// Whether it is on the way back.
    back: bool,
    /// Path length of the walk, metres: the base's on the way out.
    s_m: f64,
    /// `world_se3_camera`.
    view: Pose,
    /// `world_se3_ego`.
    ego: Pose,
}

impl Step<'_> {
    /// The observation that is stored.
    fn record(&self, modality: Modality, config: &PanowalkConfig) -> FrameRecord {
        let of = self.panorama.placed.frame;
        let way = if self.back { "-back" } else { "" };
        FrameRecord {
            channel: config.name.clone(),
            modality,
            stem: format!("{}{way}", of.stem),
            orientation: 1,
            geotag: None,
            intrinsics: None,
            ..of.clone()
        }
    }
}

/// Says that windows by distance have more ticks than the pictures of a walk can fill.
pub fn sparse(frames: &[FrameRow], sample: &SampleConfig, id: &str) -> Option<String> {
    let pictures = frames.iter().filter(|f| f.modality == Modality::Camera.name());
    let mut at: Vec<f64> = pictures.filter_map(|f| f.s_m).collect();
    at.sort_by(f64::total_cmp);
    let mut apart: Vec<f64> = at.windows(2).map(|w| w[1] - w[0]).filter(|d| *d > 0.0).collect();
    apart.sort_by(f64::total_cmp);
    let usual = *apart.get(apart.len() / 2)?;
    (sample.axis == Axis::Distance && sample.step_m < 0.75 * usual).then(|| {
        let step_m = sample.step_m;
        format!(
            "{id}: its panoramas are {usual:.1} m apart and its windows have a tick every {step_m} m, so that most show \
             nothing: set `step_m` in [recording.sample] to what lies between the panoramas"
        )
    })
}

/// The panoramas of a segment that have a place on the way, in the order that they were passed.
fn panoramas<'a>(placing: &FrameJob<'a>, options: &WalkOptions) -> Vec<Panorama<'a>> {
    let on_the_way = |placed: Placed<'a>| {
        let (ego, at) = placed.ego.zip(placed.world_se3_sensor)?;
        let wanted = placed.frame.modality == Modality::Camera && options.passes(Some(ego.s_m));
        wanted.then_some(Panorama { placed, ego, at })
    };
    let mut panoramas: Vec<Panorama<'a>> = place_frames(placing).into_iter().filter_map(on_the_way).collect();
    panoramas.sort_by(|a, b| {
        let by_time = a.placed.t_ns.cmp(&b.placed.t_ns);
        by_time.then(a.ego.s_m.total_cmp(&b.ego.s_m)).then(a.placed.id.cmp(&b.placed.id))
    });
    panoramas
}

/// How high the panoramas were taken above their ego, metres.
fn height_m(job: &WalkJob<'_>, channel: &str) -> f64 {
    job.base.recording.sensor(channel).and_then(|s| s.ego_se3_sensor).map_or(0.0, |mount| mount.translation.z)
}

fn steps<'a>(job: &WalkJob<'_>, channel: &str, panoramas: &'a [Panorama<'a>]) -> Vec<Step<'a>> {
    let options = job.config.options();
    let route: Vec<Vector3<f64>> = panoramas.iter().map(|p| p.at.translation).collect();
    let views = options.views(&job.base.track.frame, &route);
    let down = Vector3::new(0.0, 0.0, -height_m(job, channel));
    let turn_m = panoramas.last().map_or(0.0, |p| p.ego.s_m);
    let step = |(k, number): (usize, usize)| {
        let (panorama, view) = (&panoramas[number], views[number]);
        let (back, ahead) = (k >= panoramas.len(), view.rotation * Vector3::z());
        let level = level_view(view.translation + down, libm::atan2(ahead.y, ahead.x), 0.0);
        Step {
            number,
            panorama,
            back,
            s_m: if back { 2.0 * turn_m - panorama.ego.s_m } else { panorama.ego.s_m },
            view,
            ego: level * Pose::flu_se3_rdf().inverse(),
        }
    };
    options.order(panoramas.len()).into_iter().enumerate().map(step).collect()
}

/// What the walk is as a recording: one camera, on the one mount that it has as long as it is level.
fn recording(job: &WalkJob<'_>, channel: &str, camera: &Camera) -> Recording {
    let of = job.base.recording;
    // A pitched camera has no one mount; each picture's own pose says it.
    let pitched = matches!(job.config.options().gaze, Gaze::LookAt { place } if place.height_m.is_finite());
    let mount = Pose::new(Vector3::new(0.0, 0.0, height_m(job, channel)), Pose::flu_se3_rdf().rotation);
    let sensor = Sensor {
        channel: job.config.name.clone(),
        modality: Some(Modality::Camera),
        camera: Some(camera.intrinsics().clone()),
        ego_se3_sensor: (!pitched).then_some(mount),
    };
    Recording {
        origin: of.origin,
        height_datum: of.height_datum,
        sensors: vec![sensor],
        sources: of.sources.clone(),
        ..Recording::new(of.name.clone(), of.kind, of.license.clone())
    }
}

/// The way of the ego; on a walk out and back there is no clock, for the way back was never walked.
fn trajectory(job: &WalkJob<'_>, channel: &str, steps: &[Step<'_>]) -> Track {
    let clock = |step: &Step<'_>| step.panorama.placed.t_ns.filter(|_| !job.config.out_and_back);
    let stop = |s: &Step<'_>| Stop { t_ns: clock(s), s_m: s.s_m, pose: s.ego, base: s.panorama.ego };
    let stops: Vec<Stop> = steps.iter().map(stop).collect();
    let mut track = carried(job.base.track, &stops);
    // Pictures have the panoramas' clock.
    track.clock.retain(|c| c.sensor == channel || c.method.as_deref() == Some("reference"));
    for clock in track.clock.iter_mut().filter(|c| c.sensor == channel) {
        *clock = ClockOffset { sensor: job.config.name.clone(), ..clock.clone() };
    }
    track
}

/// Cuts pictures and masks.
struct Cutter<'a> {
    job: &'a WalkJob<'a>,
    options: WalkOptions,
    camera: &'a Camera,
    /// How the panoramas see.
    sphere: &'a Camera,
    /// What the config leaves out of every panorama, at the size of the calibration.
    ignored: Option<Array2<u8>>,
    masks: BTreeMap<&'a str, &'a FrameRecord>,
    /// Whether there are masks at all: then each picture has one.
    is_masked: bool,
}

/// What a panorama gives.
struct Shot {
    picture: Prepared,
    mask: Option<Prepared>,
    /// blake3 of the files that were read, hex.
    hashes: Vec<(PathBuf, String)>,
    /// What could not be used of a picture that is used.
    refused: Vec<Error>,
}

impl<'a> Cutter<'a> {
    fn new(job: &'a WalkJob<'a>, channel: &str, camera: &'a Camera, sphere: &'a Camera) -> Cutter<'a> {
        let options = job.config.options();
        let size = [sphere.width() as usize, sphere.height() as usize];
        let ignored = job.ignore.get(channel).map(|ignore| ignore.mask(Some(sphere), size));
        let masks: BTreeMap<&str, &FrameRecord> = (job.base.recording.frames.iter())
            .filter(|f| f.modality == Modality::Mask && f.channel == channel)
            .map(|f| (f.stem.as_str(), f))
            .collect();
        let in_part = !sphere.intrinsics().is_sphere();
        let is_masked = in_part || options.nadir_deg > 0.0 || ignored.is_some() || !masks.is_empty();
        Cutter { job, options, camera, sphere, ignored, masks, is_masked }
    }

    /// The view from a panorama.
    fn shot(&self, panorama: &Panorama<'_>, view: &Pose) -> Result<Shot> {
        let (base, frame) = (&self.job.base, panorama.placed.frame);
        let here = |kind: ErrorKind| kind.in_file(frame.media.path());
        let (mut hashes, mut refused) = (Vec::new(), Vec::new());
        let mut open = |frame: &FrameRecord| -> Result<RgbImage> {
            let Opened { picture, source_hash, .. } = open_picture(base.source, frame, &Limits::default())?;
            if let (MediaRef::File(path), Some(hash)) = (&frame.media, source_hash) {
                hashes.push((path.clone(), hash));
            }
            Ok(picture.into_rgb8())
        };
        let picture = open(frame)?;
        let size = (picture.height() as usize, picture.width() as usize);
        let mut mask = self.ignored.clone().filter(|ignored| ignored.dim() == size);
        if let Some(own) = self.masks.get(frame.stem.as_str()) {
            match open(own) {
                Ok(own) if (own.height() as usize, own.width() as usize) == size => {
                    let mask = mask.get_or_insert_with(|| Array2::zeros(size));
                    let marked = own.pixels().map(|pixel| pixel.0[0] & 0x80);
                    mask.iter_mut().zip(marked).for_each(|(all, own)| *all |= own);
                }
                Ok(_) => {
                    let reason = "it is not of its panorama's size, and is not used";
                    refused.push(ErrorKind::malformed("mask", reason).in_file(own.media.path()));
                }
                Err(error) => refused.push(error),
            }
        }
        let pixels = ArrayView3::from_shape((size.0, size.1, 3), picture.as_raw())
            .map_err(|e| here(ErrorKind::malformed("panorama", e.to_string())))?;
        let mask = mask.as_ref().map(|m| m.view());
        let cut =
            cut(pixels, mask, self.sphere, &panorama.at, view, self.camera, self.options.nadir_deg).map_err(here)?;
        let [width, height] = self.options.size;
        let whole = RgbImage::from_raw(width, height, cut.rgb.into_raw_vec_and_offset().0)
            .ok_or_else(|| here(ErrorKind::malformed("view", "it is not of the size that was asked for")))?;
        let (bytes, format) = encode(&DynamicImage::ImageRgb8(whole), base.output).map_err(here)?;
        let prepared = |bytes, format, privacy_state| Prepared {
            bytes,
            format,
            source_hash: None,
            width: Some(width),
            height: Some(height),
            points: None,
            privacy_state,
        };
        let mask = if self.is_masked {
            let bytes = encode_mask(&cut.ignored.view()).map_err(here)?;
            Some(prepared(bytes, FrameFormat::Png, "none"))
        } else {
            None
        };
        base.progress.advance(1);
        Ok(Shot { picture: prepared(bytes, format, "metadata_stripped"), mask, hashes, refused })
    }
}
