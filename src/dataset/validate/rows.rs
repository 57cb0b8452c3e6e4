//! Rows of every table but `samples`: ids, what they refer to, poses, places, licences.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use super::Watch;
use super::findings::{Place, Rule, Validation};
use super::maps::Features;
use super::samples::Samples;
use super::tables::{Read, check_point, check_pose, each_row, files};
use crate::dataset::manifest::Manifest;
use crate::dataset::rows::{FrameRow, ReferenceRow};
use crate::dataset::walk::walked;
use crate::dataset::{decode, tables};
use crate::error::Result;
use crate::record::{FrameFormat, Modality};
use crate::sample::{Axis, SampleConfig, tick_offsets};

/// Ids that were seen, and where first.
#[derive(Default)]
pub(super) struct Ids {
    first: HashMap<String, (Arc<str>, u64)>,
    names: Names,
}

impl Ids {
    pub(super) fn check(&mut self, place: &mut Place<'_>, id: &str) {
        let before = self.first.get(id);
        place.expect(Rule::Ids, before.is_none(), || match before {
            Some((file, row)) => format!("`{id}` is also the id of {file}, row {row}"),
            None => String::new(),
        });
        if before.is_none() {
            let file = self.names.shared(place.file);
            self.first.insert(id.to_string(), (file, place.row.unwrap_or_default()));
        }
    }
}

/// Texts that repeat in many rows, kept once.
#[derive(Default)]
pub(super) struct Names {
    known: HashSet<Arc<str>>,
}

impl Names {
    fn shared(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.known.get(text) {
            return known.clone();
        }
        let text: Arc<str> = Arc::from(text);
        self.known.insert(text.clone());
        text
    }
}

/// The recordings by their ids.
#[derive(Default)]
pub(super) struct Recordings {
    pub read: Read,
    pub by_id: HashMap<String, RecordingFacts>,
}

/// What others need to know of a recording.
pub(super) struct RecordingFacts {
    /// The recording whose pictures it shows: itself, or that which a walk was taken along.
    pub shows: String,
    pub channels: Vec<String>,
    /// How its samples are cut, and the offsets of their ticks; `None` where the config does not say.
    pub sample: Option<(SampleConfig, Vec<f64>)>,
}

impl Recordings {
    /// Looks whether a row's recording is there.
    fn check(&self, place: &mut Place<'_>, id: &str) {
        place
            .expect(Rule::Resolves, self.read.partly || self.by_id.contains_key(id), || format!("no recording `{id}`"));
    }
}

pub(super) fn recordings(
    dir: &Path,
    manifest: &Manifest,
    watch: &Watch<'_>,
    found: &mut Validation,
) -> Result<Recordings> {
    let sources: HashSet<&str> = manifest.sources.iter().map(|s| s.path.as_str()).collect();
    let entries = manifest.config.get("recording").and_then(|all| all.as_array()).map_or(0, Vec::len);
    let mut recordings = Recordings::default();
    let mut ids = Ids::default();
    let files = files(dir, "recordings", true, found);
    recordings.read =
        each_row(dir, &files, tables::recordings_table(&[]), watch, found, decode::recording, |place, row, _, _| {
            ids.check(place, &row.recording_id);
            place.expect(Rule::Licences, !row.license.trim().is_empty(), || "has no licence".to_string());
            for source in &row.sources {
                place.expect(Rule::Resolves, sources.contains(source.as_str()), || {
                    format!("its source `{source}` is not in the manifest")
                });
            }
            let entry = usize::try_from(row.entry).unwrap_or(usize::MAX);
            place.expect(Rule::Resolves, entry < entries, || {
                format!("is of `[[recording]]` {}, the config has {entries}", row.entry)
            });
            let sample = manifest.sample_config(entry).and_then(|c| tick_offsets(&c).map(|offsets| (c, offsets)));
            place.expect(Rule::Manifest, sample.is_ok(), || match &sample {
                Err(error) => format!("how it is sampled: {}", error.kind()),
                Ok(_) => String::new(),
            });
            let channels = row.sensors.into_iter().map(|s| s.channel).collect();
            let shows = walked(&row.recording_id, manifest.walk_name(entry)).to_string();
            recordings.by_id.insert(row.recording_id, RecordingFacts { shows, channels, sample: sample.ok() });
            Ok(())
        })?;
    Ok(recordings)
}

/// The frames by their ids, and where their bytes lie.
#[derive(Default)]
pub(super) struct Frames {
    pub read: Read,
    pub by_id: HashMap<String, usize>,
    pub all: Vec<Frame>,
}

/// What others need to know of a frame.
pub(super) struct Frame {
    pub id: String,
    pub recording: Arc<str>,
    pub channel: Arc<str>,
    pub modality: Arc<str>,
    pub t_ns: Option<i64>,
    pub shard: Arc<str>,
    pub offset: i64,
    pub length: i64,
    pub checksum: String,
    pub format: Arc<str>,
    pub size: Option<(i32, i32)>,
    pub points: Option<i32>,
    /// File and row of the `frames` table.
    pub at: (Arc<str>, u64),
}

impl Frames {
    pub(super) fn get(&self, id: &str) -> Option<&Frame> {
        self.by_id.get(id).map(|&i| &self.all[i])
    }
}

pub(super) fn frames(dir: &Path, recordings: &Recordings, watch: &Watch<'_>, found: &mut Validation) -> Result<Frames> {
    let mut frames = Frames::default();
    let (mut ids, mut names) = (Ids::default(), Names::default());
    let files = files(dir, "frames", true, found);
    frames.read =
        each_row(dir, &files, tables::frames_table(&[]), watch, found, decode::frame, |place, row, shapes, i| {
            ids.check(place, &row.frame_id);
            check_frame(place, &row, recordings);
            check_point(place, shapes, i, row.lon, row.lat);
            if let Some(pose) = &row.pose {
                check_pose(place, pose, &|| "world_se3_sensor".to_string());
            }
            frames.by_id.entry(row.frame_id.clone()).or_insert(frames.all.len());
            frames.all.push(Frame {
                recording: names.shared(&row.recording_id),
                channel: names.shared(&row.channel),
                modality: names.shared(&row.modality),
                t_ns: row.t_ns,
                shard: names.shared(&row.shard),
                offset: row.offset,
                length: row.length,
                checksum: row.checksum,
                format: names.shared(&row.format),
                size: row.width.zip(row.height),
                points: row.points,
                at: (names.shared(place.file), i as u64),
                id: row.frame_id,
            });
            Ok(())
        })?;
    Ok(frames)
}

fn check_frame(place: &mut Place<'_>, row: &FrameRow, recordings: &Recordings) {
    let id = &row.frame_id;
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'/');
    place.expect(Rule::Ids, !id.is_empty() && id.bytes().all(plain), || {
        format!("`{id}` has other characters than letters, digits, - _ /")
    });
    recordings.check(place, &row.recording_id);
    let modality = Modality::from_name(&row.modality);
    place.expect(Rule::Rows, modality.is_some(), || format!("no modality is called `{}`", row.modality));
    let known = FrameFormat::from_extension(&row.format).is_some();
    place.expect(Rule::Rows, known, || format!("no format is called `{}`", row.format));
    if let (Some(recording), Some(Modality::Camera | Modality::Lidar | Modality::Audio)) =
        (recordings.by_id.get(&row.recording_id), modality)
    {
        place.expect(Rule::Resolves, recording.channels.contains(&row.channel), || {
            format!("its recording has no sensor `{}`", row.channel)
        });
    }
    let stated = match modality {
        Some(Modality::Camera) => row.width.zip(row.height).is_some_and(|(w, h)| w > 0 && h > 0),
        Some(Modality::Lidar) => row.points.is_some_and(|n| n >= 0),
        _ => true,
    };
    place.expect(Rule::Rows, stated, || "a picture has width and height, a sweep points".to_string());
    place.expect(Rule::Licences, !row.license.trim().is_empty(), || "has no licence".to_string());
}

pub(super) fn poses(
    dir: &Path,
    recordings: &Recordings,
    features: &Features,
    watch: &Watch<'_>,
    found: &mut Validation,
) -> Result<Read> {
    let files = files(dir, "poses", true, found);
    each_row(dir, &files, tables::poses_table(&[]), watch, found, decode::pose_row, |place, row, shapes, i| {
        recordings.check(place, &row.recording_id);
        check_point(place, shapes, i, Some(row.lon), Some(row.lat));
        check_pose(place, &row.pose, &|| "world_se3_ego".to_string());
        if let Some(way) = &row.way_id {
            check_way(place, way, features);
        }
        Ok(())
    })
}

/// A matched way is a road of the map.
pub(super) fn check_way(place: &mut Place<'_>, way: &str, features: &Features) {
    let there = features.partly || features.roads.contains(way);
    place.expect(Rule::Resolves, there, || format!("`{way}` is no road of the map"));
}

pub(super) fn references(
    dir: &Path,
    manifest: &Manifest,
    samples: &Samples,
    frames: &Frames,
    watch: &Watch<'_>,
    found: &mut Validation,
) -> Result<()> {
    let asked = manifest.config.get("sample").and_then(|s| s.get("references")).is_some_and(|r| !r.is_null());
    let files = files(dir, "references", asked, found);
    each_row(dir, &files, tables::references_table(&[]), watch, found, decode::reference, |place, row, _, _| {
        check_reference(place, &row, samples, frames);
        Ok(())
    })?;
    Ok(())
}

fn check_reference(place: &mut Place<'_>, row: &ReferenceRow, samples: &Samples, frames: &Frames) {
    let (sample, frame) = (samples.by_id.get(&row.sample_id), frames.get(&row.frame_id));
    place.expect(Rule::Resolves, samples.read.partly || sample.is_some(), || format!("no sample `{}`", row.sample_id));
    place.expect(Rule::Resolves, frames.read.partly || frame.is_some(), || format!("no frame `{}`", row.frame_id));
    if let Some(frame) = frame {
        place.expect(Rule::Resolves, *frame.recording == row.recording_id, || {
            format!("its frame is of recording `{}`, not `{}`", frame.recording, row.recording_id)
        });
    }
    let shares = row.overlap.iter().all(|share| share.is_nan() || (0.0..=1.0).contains(share));
    place.expect(Rule::Rows, shares, || "an overlap is not a share".to_string());
    if let Some((ticks, recording)) = sample {
        place.expect(Rule::Ticks, row.overlap.len() == *ticks, || {
            format!("has an overlap for {} ticks, its sample has {ticks}", row.overlap.len())
        });
        place.expect(Rule::Resolves, *recording != row.recording_id, || {
            "its picture is of the sample's own recording".to_string()
        });
    }
}

/// Nanoseconds or metres between anchors.
pub(super) fn stride(config: &SampleConfig) -> f64 {
    match config.axis {
        Axis::Time => libm::round(config.stride_s * 1e9),
        Axis::Distance => config.stride_m,
    }
}
