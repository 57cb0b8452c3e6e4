//! Phase 1 of one segment: fuse it, store its media, cut its windows, say what the map says there.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use geo::MultiPolygon;
use serde::{Deserialize, Serialize};

use crate::coord::BBox;
use crate::dataset::manifest::Times;
use crate::dataset::rows::{FrameRow, PoseRow, RecordingRow};
use crate::dataset::shard::ShardWriter;
use crate::dataset::split::Splitter;
use crate::dataset::walk::walked;
use crate::error::{ErrorKind, Location, Quarantine, Result};
use crate::fuse::matching::match_track;
use crate::fuse::{FusedPose, Movers, RegisterChoice, State, Track, fuse, register_track, settle_headings};
use crate::privacy::{Metadata, Withheld};
use crate::record::{Modality, Recording, RoadGraph, Sensor, exif_turn};
use crate::render::MapIndex;
use crate::sample::{ChannelFilter, Observation, PrivacyState, SampleRow, WindowInput, captions, windows};
use crate::source::RecordingSource;

use super::clocks::media_clocks;
use super::frames::{FrameJob, pose_numbers, store_frames, unmounted};
use super::plan::{PlannedSource, is_target, sample_config};
use super::walk::{WalkJob, sparse, walk as walk_along};
use super::{ImageOutput, Loaded, Progress};

/// What all segments of a build share.
pub struct Shared<'a> {
    /// The config.
    pub loaded: &'a Loaded,
    /// Hash of the config that shapes samples, by config entry.
    pub shape_hash: &'a [String],
    /// The map that samples are made with; `None` without a `[[map]]`.
    pub map: Option<&'a MapIndex>,
    /// The roads that drives are matched to; `None` without any, or where the config does not want it.
    pub roads: Option<&'a RoadGraph>,
    /// Licences, attributions and labels of the maps.
    pub map_terms: &'a Terms,
    /// Which split a sample belongs to.
    pub splitter: &'a Splitter,
    /// Where nothing may be made of.
    pub zones: &'a [MultiPolygon<f64>],
    /// How pictures are stored.
    pub output: ImageOutput,
    /// Who wants to know.
    pub progress: &'a dyn Progress,
    /// Set when the user interrupts.
    pub stop: &'a std::sync::atomic::AtomicBool,
}

/// What is owed to sources.
#[derive(Debug, Clone, Default)]
pub struct Terms {
    /// SPDX licences.
    pub licenses: BTreeSet<String>,
    /// Who must be named.
    pub attributions: BTreeSet<String>,
    /// Paths as in the manifest.
    pub sources: BTreeSet<String>,
}

/// What segments leave in the tables.
#[derive(Debug, Default)]
pub struct Rows {
    /// `samples`.
    pub samples: Vec<SampleRow>,
    /// `frames`.
    pub frames: Vec<FrameRow>,
    /// `poses`.
    pub poses: Vec<PoseRow>,
    /// `recordings`.
    pub recordings: Vec<RecordingRow>,
    /// blake3 of whole media files, hex.
    pub hashes: BTreeMap<PathBuf, String>,
    /// What the report should say.
    pub facts: SegmentFacts,
}

/// What the report says of segments beside their rows.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SegmentFacts {
    /// What was refused.
    pub quarantine: Quarantine,
    /// Ticks of windows without a frame, by channel: (empty, of all).
    pub empty_ticks: BTreeMap<String, (u64, u64)>,
    /// Anchors without a window, by reason.
    pub dropped_windows: BTreeMap<String, u64>,
    /// What is worth knowing of recordings.
    pub notes: BTreeSet<String>,
    /// Box around all trajectories.
    pub extent: Option<BBox>,
    /// First and last time.
    pub times: Option<Times>,
}

impl Rows {
    /// Adds the rows of another source.
    pub fn append(&mut self, other: Rows) {
        self.samples.extend(other.samples);
        self.frames.extend(other.frames);
        self.poses.extend(other.poses);
        self.recordings.extend(other.recordings);
        self.hashes.extend(other.hashes);
        self.facts.merge(other.facts);
    }
}

impl SegmentFacts {
    /// Adds all of `other`.
    pub fn merge(&mut self, other: SegmentFacts) {
        self.quarantine.merge(other.quarantine);
        for (channel, (empty, all)) in other.empty_ticks {
            let mine = self.empty_ticks.entry(channel).or_default();
            *mine = (mine.0 + empty, mine.1 + all);
        }
        for (reason, n) in other.dropped_windows {
            *self.dropped_windows.entry(reason).or_default() += n;
        }
        self.notes.extend(other.notes);
        self.extent = BBox::around(self.extent, other.extent);
        self.times = span(self.times, other.times);
    }
}

/// A segment on the map.
pub struct Settled {
    /// The segment, its headings settled.
    pub recording: Recording,
    /// Its trajectory.
    pub track: Track,
    /// What of it nothing may be made of.
    pub withheld: Withheld,
}

/// Fuses a segment, matches and registers it, settles where its pictures look and what of it is withheld. `None` where
/// it cannot be used, which the quarantine says.
fn settle(
    shared: &Shared<'_>,
    planned: &PlannedSource,
    id: &str,
    source: &dyn RecordingSource,
    recording: &Recording,
    quarantine: &mut Quarantine,
) -> Result<Option<Settled>> {
    let config = &shared.loaded.config;
    let place = Location::file(&recording.name);
    let mut track = match fuse(recording, &config.fuse, quarantine) {
        Ok(track) => track,
        Err(error) if matches!(error.kind(), ErrorKind::Config(_)) => return Err(error),
        Err(error) => {
            quarantine.refuse(&place, format!("{id} is left out: {}", error.kind()));
            return Ok(None);
        }
    };
    media_clocks(source, recording, &config.fuse, &mut track, shared.stop, (&place, quarantine))?;
    if let Some(roads) = shared.roads {
        let mode = config.recording[planned.entry].mode;
        let matched = match_track(&mut track, roads, mode);
        if config.fuse.register == RegisterChoice::Auto {
            register_track(&mut track, roads, mode, &matched, config.fuse.register_scale);
        }
    }
    let withheld = Withheld::of(&track, shared.zones, config.privacy.trim_ends_m);
    if !withheld.is_empty() {
        let Some(start) = visible(&track, &withheld).next().map(|row| track.place(&row.pose)) else {
            quarantine.refuse(&place, format!("{id} is left out: all of it is withheld"));
            return Ok(None);
        };
        // The origin of the frame would tell where the hidden trip began.
        if recording.origin.is_none() {
            track = track.moved_to(start);
        }
    }
    let mut recording = recording.clone();
    settle_headings(&mut recording, &track, quarantine);
    Ok(Some(Settled { recording, track, withheld }))
}

/// Builds a segment, or the walk that the config asks for in its place: its rows are added to `rows`, its media to
/// `shard`.
///
/// # Errors
///
/// Where the disk fails, the user interrupts, or the config asks for what the segment lacks. What is wrong with the
/// segment's own data is quarantined.
pub fn build_segment(
    shared: &Shared<'_>,
    planned: &PlannedSource,
    id: &str,
    source: &dyn RecordingSource,
    recording: &Recording,
    shard: &mut ShardWriter,
    rows: &mut Rows,
) -> Result<()> {
    let mut quarantine = Quarantine::new();
    if let Some(settled) = settle(shared, planned, id, source, recording, &mut quarantine)? {
        let sample = sample_config(shared.loaded, planned.entry);
        let config = &shared.loaded.config;
        let movers = Movers::new(&settled.recording.cuboids, &settled.track);
        let job = FrameJob {
            source,
            recording: &settled.recording,
            id,
            track: &settled.track,
            movers: &movers,
            channels: &ChannelFilter::new(&sample)?,
            metadata: config.privacy.metadata,
            output: shared.output,
            withheld: &settled.withheld,
            progress: shared.progress,
            stop: shared.stop,
        };
        let entry = &config.recording[planned.entry];
        match &entry.panowalk {
            None => {
                rows.facts.notes.extend(unmounted(&settled.recording, id));
                let frames = store_frames(&job, shard, &mut rows.hashes, &mut quarantine)?;
                add_rows(shared, planned, id, &settled, frames, rows)?;
            }
            Some(walk) => {
                let job = WalkJob { config: walk, base: job, ignore: &entry.ignore };
                if let Some((walked, frames)) = walk_along(&job, shard, &mut rows.hashes, &mut quarantine)? {
                    rows.facts.notes.extend(sparse(&frames, &sample, id));
                    add_rows(shared, planned, id, &walked, frames, rows)?;
                }
            }
        }
    }
    // Fusion knows a recording by its name; users know it by its file.
    let label = format!("{} ({})", planned.label, recording.name);
    rows.facts.quarantine.merge(quarantine.relabelled(Path::new(&recording.name), &label));
    Ok(())
}

/// Cuts the windows of a segment whose media are stored, and adds all its rows.
fn add_rows(
    shared: &Shared<'_>,
    planned: &PlannedSource,
    id: &str,
    settled: &Settled,
    frames: Vec<FrameRow>,
    rows: &mut Rows,
) -> Result<()> {
    let Settled { recording, track, withheld } = settled;
    let sample = sample_config(shared.loaded, planned.entry);
    if is_target(shared.loaded, planned.entry) {
        let observations: Vec<Observation> = frames.iter().filter_map(observation).collect();
        let input = WindowInput {
            recording_id: id,
            track,
            observations: &observations,
            wheel: &recording.wheel,
            withheld,
            config: &sample,
            shape_hash: &shared.shape_hash[planned.entry],
        };
        let (mut samples, stats) = windows(&input)?;
        let ticks: u64 = samples.iter().map(|s| s.poses.len() as u64).sum();
        for ((channel, modality), empty) in stats.empty_ticks {
            let mine = rows.facts.empty_ticks.entry(format!("{channel} ({modality})")).or_default();
            *mine = (mine.0 + empty, mine.1 + ticks);
        }
        for (reason, n) in stats.dropped {
            *rows.facts.dropped_windows.entry(reason.to_string()).or_default() += n;
        }
        finish_samples(shared, planned, &terms(shared, planned, recording), &mut samples);
        rows.samples.extend(samples);
    }
    let shown: Vec<&FusedPose> = visible(track, withheld).collect();
    rows.poses.extend(shown.iter().map(|row| pose_row(id, track, row)));
    rows.facts.extent = BBox::around(rows.facts.extent, extent(track, &shown));
    rows.facts.times = span(rows.facts.times, times(&shown));
    rows.recordings.push(recording_row(planned, id, recording, track, withheld, &shown));
    rows.frames.extend(frames);
    Ok(())
}

/// Split, texts, licences and privacy of samples; in parallel, each on its own.
fn finish_samples(shared: &Shared<'_>, planned: &PlannedSource, terms: &Terms, samples: &mut [SampleRow]) {
    use rayon::prelude::*;
    let sample = sample_config(shared.loaded, planned.entry);
    let walk = shared.loaded.config.recording[planned.entry].panowalk.as_ref().map(|w| w.name.as_str());
    // What we encode ourselves carries no metadata of the source.
    let stripped = match (shared.loaded.config.privacy.metadata, shared.output, walk) {
        (Metadata::Keep, ImageOutput::Keep, None) => "metadata_kept",
        _ => "metadata_stripped",
    };
    samples.par_iter_mut().for_each(|row| {
        row.split = shared.splitter.split(walked(&row.recording_id, walk), &row.path);
        row.captions =
            shared.map.and_then(|map| captions(row, |area, layer| map.in_box(area, Some(layer)), &sample.text));
        row.privacy = PrivacyState { state: stripped.to_string(), detector: None, regions: 0 };
        row.licenses = terms.licenses.iter().cloned().collect();
        row.attributions = terms.attributions.iter().cloned().collect();
        row.sources = terms.sources.iter().cloned().collect();
    });
}

/// Licences and attributions of a recording's samples: its own, the maps', the data set's.
fn terms(shared: &Shared<'_>, planned: &PlannedSource, recording: &Recording) -> Terms {
    let config = &shared.loaded.config;
    let mut terms = shared.map_terms.clone();
    terms.licenses.insert(config.dataset.license.clone());
    terms.licenses.insert(recording.license.clone());
    terms.attributions.extend(config.recording[planned.entry].attribution.clone());
    terms.sources.insert(planned.label.clone());
    terms
}

fn observation(frame: &FrameRow) -> Option<Observation> {
    Some(Observation {
        frame_id: frame.frame_id.clone(),
        channel: frame.channel.clone(),
        modality: Modality::from_name(&frame.modality)?,
        t_ns: frame.t_ns,
        s_m: frame.s_m,
        duration_ms: frame.duration_ms,
    })
}

/// The rows of a track that are not withheld.
fn visible<'a>(track: &'a Track, withheld: &'a Withheld) -> impl Iterator<Item = &'a FusedPose> {
    let hidden = |row: &FusedPose| row_state(track, row).is_some_and(|state| withheld.covers(&state));
    track.rows.iter().filter(move |row| withheld.is_empty() || !hidden(row))
}

/// The state of the ego at a row of its own track.
fn row_state(track: &Track, row: &FusedPose) -> Option<State> {
    match row.t_ns {
        Some(t) if track.timed => track.at_time(t),
        _ => track.at_distance(row.s_m),
    }
}

fn pose_row(id: &str, track: &Track, row: &FusedPose) -> PoseRow {
    let place = track.place(&row.pose);
    let known = |x: f64| x.is_finite().then_some(x);
    PoseRow {
        recording_id: id.to_string(),
        t_ns: row.t_ns,
        s_m: row.s_m,
        lon: place.lon_deg,
        lat: place.lat_deg,
        height_m: place.height_m,
        pose: pose_numbers(&row.pose),
        speed_mps: known(row.speed_mps),
        acceleration_mps2: known(row.acceleration_mps2),
        yaw_rate_radps: known(row.yaw_rate_radps),
        sigma_xy_m: known(row.sigma_xy_m),
        sigma_z_m: known(row.sigma_z_m),
        sigma_heading_deg: known(row.sigma_heading_deg),
        source: row.origin.name().to_string(),
        way_id: row.way.and_then(|w| track.ways.get(w as usize).cloned()),
        way_offset_m: row.way.and(known(row.way_offset_m)),
        match_probability: row.way.and(known(row.match_probability)),
    }
}

fn recording_row(
    planned: &PlannedSource,
    id: &str,
    recording: &Recording,
    track: &Track,
    withheld: &Withheld,
    shown: &[&FusedPose],
) -> RecordingRow {
    let span = times(shown);
    let length_m = shown.first().zip(shown.last()).map_or(0.0, |(first, last)| last.s_m - first.s_m);
    RecordingRow {
        recording_id: id.to_string(),
        entry: i32::try_from(planned.entry).unwrap_or(i32::MAX),
        kind: recording.kind.to_string(),
        origin: track.frame.origin(),
        height_datum: track.height_datum.name().to_string(),
        t_start_ns: span.map(|t| t.start_ns),
        t_end_ns: span.map(|t| t.end_ns),
        length_m,
        clock: track.clock.clone(),
        sensors: sensors(recording),
        register: track.register,
        register_stretches: track.stretches.iter().filter(|s| !withheld.hides(s.s_m)).copied().collect(),
        sources: vec![planned.label.clone()],
        license: recording.license.clone(),
    }
}

/// The sensors as they are stored: every channel with media has one; an EXIF rotation that all its pictures share goes
/// into the mount, and a file's own intrinsics stand in where there is no calibration.
pub fn sensors(recording: &Recording) -> Vec<Sensor> {
    let mut sensors = recording.sensors.clone();
    let mut channels: BTreeMap<&str, Modality> = BTreeMap::new();
    for frame in &recording.frames {
        if !matches!(frame.modality, Modality::Depth | Modality::Mask) {
            channels.entry(&frame.channel).or_insert(frame.modality);
        }
    }
    for (channel, modality) in channels {
        let at = sensors.iter().position(|s| s.channel == channel).unwrap_or_else(|| {
            let (camera, ego_se3_sensor) = (None, None);
            sensors.push(Sensor { channel: channel.to_string(), modality: Some(modality), camera, ego_se3_sensor });
            sensors.len() - 1
        });
        let sensor = &mut sensors[at];
        let pictures = || recording.frames.iter().filter(|f| f.channel == channel && f.modality == Modality::Camera);
        if let Some(first) = pictures().next() {
            // Parts of panoramas that differ have no one calibration, and none stands for another.
            let panoramas = pictures().any(|f| f.intrinsics.as_ref().is_some_and(|i| i.model.is_panorama()));
            let alike = !panoramas || pictures().all(|f| f.intrinsics == first.intrinsics);
            if sensor.camera.is_none() && alike {
                sensor.camera.clone_from(&first.intrinsics);
            }
            let uniform = pictures().all(|f| f.orientation == first.orientation);
            // Pictures of one camera turned in different ways have no one mount; each frame's own pose says it.
            sensor.ego_se3_sensor =
                sensor.ego_se3_sensor.filter(|_| uniform).map(|mount| mount * exif_turn(first.orientation));
        }
    }
    sensors.sort_by(|a, b| a.channel.cmp(&b.channel));
    sensors
}

fn extent(track: &Track, shown: &[&FusedPose]) -> Option<BBox> {
    BBox::of_points(shown.iter().map(|r| track.place(&r.pose)).map(|p| (p.lon_deg, p.lat_deg)))
}

fn times(shown: &[&FusedPose]) -> Option<Times> {
    let (first, last) = (shown.first()?.t_ns?, shown.last()?.t_ns?);
    Some(Times { start_ns: first, end_ns: last })
}

/// The span of both.
pub fn span(a: Option<Times>, b: Option<Times>) -> Option<Times> {
    match (a, b) {
        (Some(a), Some(b)) => Some(Times { start_ns: a.start_ns.min(b.start_ns), end_ns: a.end_ns.max(b.end_ns) }),
        _ => a.or(b),
    }
}
