//! Observations of a segment: named, placed on the track, their bytes put into the unit's shard.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use nalgebra::{UnitQuaternion, Vector3};
use rayon::prelude::*;

use crate::coord::{EnuFrame, Pose};
use crate::dataset::rows::{FrameRow, companion_id};
use crate::dataset::shard::ShardWriter;
use crate::error::{Quarantine, Result};
use crate::fuse::{Movers, State, Track};
use crate::privacy::{Metadata, Withheld};
use crate::record::{FrameRecord, MediaRef, Modality, Recording, Tilt, exif_turn};
use crate::sample::ChannelFilter;
use crate::source::{Limits, RecordingSource};

use super::media::{Prepared, prepare};
use super::movers::{Masked, as_mask, moving_mask};
use super::names::encode_id;
use super::{ImageOutput, Progress, check_stop};

/// Bytes of media in memory at once: what keeps a build's memory flat.
const BATCH_BYTES: u64 = 64 << 20;

/// What storing media needs to know.
#[derive(Clone, Copy)]
pub struct FrameJob<'a> {
    /// Reads the bytes.
    pub source: &'a dyn RecordingSource,
    /// The segment.
    pub recording: &'a Recording,
    /// `recording_id`.
    pub id: &'a str,
    /// Its trajectory.
    pub track: &'a Track,
    /// What moves, where boxes say so.
    pub movers: &'a Movers,
    /// Which channels.
    pub channels: &'a ChannelFilter,
    /// What is dropped of files.
    pub metadata: Metadata,
    /// How pictures are stored.
    pub output: ImageOutput,
    /// What of the trajectory nothing may be made of.
    pub withheld: &'a Withheld,
    /// Who wants to know.
    pub progress: &'a dyn Progress,
    /// Set when the user interrupts.
    pub stop: &'a AtomicBool,
}

/// An observation with its name and place, before its bytes are read.
pub struct Placed<'a> {
    /// The observation.
    pub frame: &'a FrameRecord,
    /// `frame_id`.
    pub id: String,
    /// Time on the reference clock.
    pub t_ns: Option<i64>,
    /// The ego's state when it was made.
    pub ego: Option<State>,
    /// Where the sensor was.
    pub world_se3_sensor: Option<Pose>,
}

/// Stores the selected observations of a segment; returns a row each, and the hashes of the files they came from.
///
/// An observation that cannot be read is quarantined, the rest is stored. Memory is bounded by 64 MiB of media.
///
/// # Errors
///
/// Where the shard cannot be written, or the user interrupts.
pub fn store_frames(
    job: &FrameJob<'_>,
    shard: &mut ShardWriter,
    hashes: &mut BTreeMap<PathBuf, String>,
    quarantine: &mut Quarantine,
) -> Result<Vec<FrameRow>> {
    let selected = place_frames(job);
    let masked = Masked::new(&job.recording.frames);
    let mut rows = Vec::with_capacity(selected.len());
    for batch in batches(&selected, |placed| placed.frame.size) {
        let batch = &selected[batch];
        check_stop(job.stop)?;
        let prepared: Vec<Result<(Prepared, Option<Prepared>)>> = batch
            .par_iter()
            .map(|placed| {
                let prepared = prepare(job.source, placed.frame, job.metadata, job.output, &Limits::default());
                let prepared = prepared.and_then(|prepared| {
                    let mask = moving_mask(job, &masked, placed, &prepared);
                    Ok((prepared, mask.map_err(|kind| kind.in_file(placed.frame.media.path()))?))
                });
                job.progress.advance(1);
                prepared
            })
            .collect();
        for (placed, prepared) in batch.iter().zip(prepared) {
            match prepared {
                Ok((prepared, mask)) => {
                    if let (MediaRef::File(path), Some(hash)) = (&placed.frame.media, &prepared.source_hash) {
                        hashes.insert(path.clone(), hash.clone());
                    }
                    rows.push(store(job, placed, &prepared, shard)?);
                    if let Some(mask) = mask {
                        let (frame, id) = (as_mask(placed.frame), companion_id(&placed.id, Modality::Mask));
                        rows.push(store(job, &Placed { frame: &frame, id, ..*placed }, &mask, shard)?);
                    }
                }
                Err(error) => quarantine.refuse_error(&error),
            }
        }
    }
    Ok(rows)
}

/// Cuts `all` into stretches of 64 MiB of media, by the bytes of each, with at least one in each.
pub fn batches<T>(all: &[T], bytes: impl Fn(&T) -> u64) -> Vec<Range<usize>> {
    let mut batches = Vec::new();
    let (mut first, mut sum) = (0, 0);
    for (i, one) in all.iter().enumerate() {
        let own = bytes(one);
        if i > first && sum + own > BATCH_BYTES {
            batches.push(first..i);
            (first, sum) = (i, 0);
        }
        sum += own;
    }
    batches.extend((first < all.len()).then_some(first..all.len()));
    batches
}

/// Puts an observation's bytes into the shard and makes its row.
///
/// # Errors
///
/// Where the shard cannot be written.
pub fn store(
    job: &FrameJob<'_>,
    placed: &Placed<'_>,
    prepared: &Prepared,
    shard: &mut ShardWriter,
) -> Result<FrameRow> {
    let stored = shard.append(&placed.id, prepared.format.extension(), &prepared.bytes)?;
    let mut row = row(job, placed, prepared);
    (row.shard, row.offset, row.length) = (stored.shard, stored.offset, stored.length);
    row.checksum = stored.checksum;
    Ok(row)
}

/// The selected observations that are not withheld, named and placed.
pub fn place_frames<'a>(job: &FrameJob<'a>) -> Vec<Placed<'a>> {
    let mut taken = BTreeSet::new();
    let mut placed = Vec::new();
    for frame in job.recording.frames.iter().filter(|f| job.channels.takes(f.modality, &f.channel)) {
        let id = frame_id(job.id, frame, &mut taken);
        let ego = job.track.at_frame(frame);
        // Where nobody knows the place of an observation, nobody can say that it may be shown.
        if !job.withheld.is_empty() && ego.is_none_or(|state| job.withheld.covers(&state)) {
            continue;
        }
        let t_ns = job.track.frame_t_ns(frame);
        // A clip is hidden as a whole where any of it is.
        let end_ns = t_ns.zip(frame.duration_ms).map(|(t, ms)| t.saturating_add((ms * 1e6) as i64));
        let hidden = |(end, start): (i64, State)| {
            let last = job.track.rows.last().and_then(|row| job.track.at_time(end.min(row.t_ns?)));
            last.is_none_or(|last| job.withheld.touches(&start, &last))
        };
        if !job.withheld.is_empty() && end_ns.zip(ego).is_some_and(hidden) {
            continue;
        }
        let world_se3_sensor = ego.map(|state| state.pose * mount(job.recording, frame, &job.track.frame, &state.pose));
        placed.push(Placed { frame, id, t_ns, ego, world_se3_sensor });
    }
    placed
}

/// `RECORDING/CHANNEL/STEM`, unique; depth pictures and masks say what they are.
pub fn frame_id(recording: &str, frame: &FrameRecord, taken: &mut BTreeSet<String>) -> String {
    let plain = format!("{recording}/{}/{}", encode_id(&frame.channel), encode_id(&frame.stem));
    let base = match frame.modality {
        Modality::Depth | Modality::Mask => companion_id(&plain, frame.modality),
        Modality::Camera | Modality::Lidar | Modality::Audio => plain,
    };
    let mut id = base.clone();
    let mut n = 1;
    while !taken.insert(id.clone()) {
        n += 1;
        id = format!("{base}-{n}");
    }
    id
}

/// The row of an observation, without its place in a shard.
fn row(job: &FrameJob<'_>, placed: &Placed<'_>, prepared: &Prepared) -> FrameRow {
    let frame = placed.frame;
    let pose = placed.world_se3_sensor;
    let place = pose.map(|p| job.track.place(&p));
    let forward = match frame.modality {
        Modality::Camera | Modality::Depth | Modality::Mask => Vector3::z(),
        Modality::Lidar | Modality::Audio => Vector3::x(),
    };
    let small = |n: u64| i32::try_from(n).ok();
    FrameRow {
        frame_id: placed.id.clone(),
        recording_id: job.id.to_string(),
        channel: frame.channel.clone(),
        modality: frame.modality.name().to_string(),
        t_ns: placed.t_ns,
        t_source_ns: frame.t.map(|t| t.ns()),
        lon: place.map(|p| p.lon_deg),
        lat: place.map(|p| p.lat_deg),
        height_m: place.map(|p| p.height_m),
        heading_deg: pose.zip(place).map(|(p, at)| job.track.frame.heading_at(at, p.rotation * forward)),
        heading_sigma_deg: heading_sigma_deg(job, placed),
        pose: pose.map(|p| pose_numbers(&p)),
        shard: String::new(),
        offset: 0,
        length: 0,
        checksum: String::new(),
        format: prepared.format.extension().to_string(),
        width: prepared.width.and_then(|w| small(w.into())),
        height: prepared.height.and_then(|h| small(h.into())),
        points: prepared.points.and_then(small),
        duration_ms: frame.duration_ms,
        privacy_state: prepared.privacy_state.to_string(),
        s_m: placed.ego.map(|state| state.s_m),
        source_path: frame.source.path.to_string(),
        source_record: frame.source.record.and_then(|r| i64::try_from(r).ok()),
        license: job.recording.license.clone(),
    }
}

/// One sigma of where an observation looks, degrees: of a picture that says so itself its own, else the trajectory's there.
fn heading_sigma_deg(job: &FrameJob<'_>, placed: &Placed<'_>) -> Option<f64> {
    let mounted = job.recording.sensor(&placed.frame.channel).is_some_and(|s| s.ego_se3_sensor.is_some());
    let tag = placed.frame.geotag.filter(|tag| !mounted && tag.heading_deg.is_some());
    let own = tag.and_then(|tag| tag.heading_sigma_deg);
    let state = placed.ego?;
    own.or_else(|| Some(job.track.mix(&state, |row| row.sigma_heading_deg)).filter(|sigma| sigma.is_finite()))
}

/// x y z qw qx qy qz.
pub fn pose_numbers(pose: &Pose) -> [f64; 7] {
    let (t, q) = (pose.translation, pose.wxyz());
    [t.x, t.y, t.z, q[0], q[1], q[2], q[3]]
}

/// Says which sensors of a recording with a trajectory of its own are not mounted anywhere: they count as lying at the ego's
/// origin, and cameras as looking ahead or where their own compass says. Photos that make the trajectory themselves do.
pub fn unmounted(recording: &Recording, id: &str) -> Option<String> {
    let traced = !(recording.gnss.is_empty() && recording.poses.is_empty());
    let open = recording.sensors.iter().filter(|s| traced && s.ego_se3_sensor.is_none() && s.modality.is_some());
    let seen = open.filter(|s| recording.frames.iter().any(|f| f.channel == s.channel));
    let channels: Vec<&str> = seen.map(|s| s.channel.as_str()).collect();
    (!channels.is_empty()).then(|| {
        let channels = channels.join(", ");
        format!(
            "{id}: {channels} have no mount (ego_se3_sensor) and are taken to be at the ego's origin, looking ahead"
        )
    })
}

/// `ego_se3_sensor` of an observation: the calibrated mount, turned by the picture's EXIF rotation; else the compass
/// heading of the picture itself, else straight ahead, tilted as the picture says.
fn mount(recording: &Recording, frame: &FrameRecord, world: &EnuFrame, world_se3_ego: &Pose) -> Pose {
    let calibrated = recording.sensor(&frame.channel).and_then(|s| s.ego_se3_sensor);
    let upright = match (calibrated, frame.modality) {
        (Some(mount), _) => mount,
        (None, Modality::Lidar | Modality::Audio) => Pose::identity(),
        (None, Modality::Camera | Modality::Depth | Modality::Mask) => {
            let tilt = frame.geotag.and_then(|g| g.tilt).map_or_else(UnitQuaternion::identity, Tilt::turn);
            let level = match frame.geotag.and_then(|g| g.heading_deg) {
                Some(heading) => {
                    let here = EnuFrame::new(world.to_geodetic(world_se3_ego.translation));
                    let axes = Pose::from_rotation_matrix(&world.rotation_from(&here), Vector3::zeros());
                    let ego_r_world = Pose::new(Vector3::zeros(), world_se3_ego.rotation).inverse();
                    ego_r_world * axes * Pose::level(Vector3::zeros(), heading) * Pose::flu_se3_rdf()
                }
                None => Pose::flu_se3_rdf(),
            };
            level * Pose::new(Vector3::zeros(), tilt)
        }
    };
    upright * exif_turn(frame.orientation)
}
