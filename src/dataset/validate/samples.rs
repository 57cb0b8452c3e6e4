//! Rows of `samples`: windows on their grid, poses, frames, splits, texts, licences.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::Path;

use geo::Geometry;

use super::Watch;
use super::findings::{Place, Rule, Validation};
use super::maps::Features;
use super::rows::{Frames, Ids, Recordings, check_way, stride};
use super::tables::{Read, check_box, check_pose, each_row, files};
use crate::coord::hilbert;
use crate::dataset::manifest::Manifest;
use crate::dataset::split::Splitter;
use crate::dataset::{decode, tables};
use crate::error::Result;
use crate::sample::{Axis, SampleConfig, SampleRow};

/// What samples are looked at against.
pub(super) struct Around<'a> {
    pub manifest: &'a Manifest,
    pub splitter: Option<&'a Splitter>,
    pub features: &'a Features,
    pub recordings: &'a Recordings,
    pub frames: &'a Frames,
}

/// The samples by their ids, with their number of ticks and their recording.
#[derive(Default)]
pub(super) struct Samples {
    pub read: Read,
    pub by_id: HashMap<String, (usize, String)>,
}

pub(super) fn check(dir: &Path, around: &Around<'_>, watch: &Watch<'_>, found: &mut Validation) -> Result<Samples> {
    let terms = Terms::of(around.manifest);
    let mut samples = Samples::default();
    let mut ids = Ids::default();
    // File, key and id of the row before; `None` after a row that is out of order, which is told once a file.
    let mut before: Option<(String, (u64, String))> = None;
    let files = files(dir, "samples", true, found);
    samples.read =
        each_row(dir, &files, tables::samples_table(&[]), watch, found, decode::sample, |place, row, shapes, i| {
            ids.check(place, &row.sample_id);
            let key = (hilbert::key(row.lon, row.lat), row.sample_id.clone());
            if i == 0 {
                before = Some((place.file.to_string(), key));
            } else if let Some((file, last)) = &mut before {
                let ordered = *last <= key;
                place.expect(Rule::Order, ordered, || {
                    "comes before the last row by Hilbert key, then sample_id".to_string()
                });
                *last = key;
                if !ordered {
                    file.clear();
                    before = None;
                }
            }
            let line = check_box(place, shapes, i);
            let fine = matches!(&line, Some(Geometry::LineString(line)) if line.0.len() >= 2);
            place.expect(Rule::Geometry, fine, || "its geometry is not a line of at least two points".to_string());
            check_place(place, &row);
            check_links(place, &row, around);
            if check_lengths(place, &row) {
                check_poses(place, &row);
                let sample = around.recordings.by_id.get(&row.recording_id).and_then(|r| r.sample.as_ref());
                if let Some((config, offsets)) = sample {
                    check_grid(place, &row, config, offsets);
                    check_sync(place, &row, config, around.frames);
                }
            }
            if let Some(splitter) = around.splitter {
                let shows = around.recordings.by_id.get(&row.recording_id).map_or(&row.recording_id, |r| &r.shows);
                let split = splitter.split(shows, &row.path);
                place.expect(Rule::Split, split == row.split, || {
                    format!("is in `{}`, by the rule it belongs in `{}`", row.split.name(), split.name())
                });
            }
            terms.check(place, &row);
            samples.by_id.insert(row.sample_id, (row.poses.len(), row.recording_id));
            Ok(())
        })?;
    Ok(samples)
}

fn check_place(place: &mut Place<'_>, row: &SampleRow) {
    let cell = h3o::LatLng::new(row.lat, row.lon).ok().map(|p| p.to_cell(h3o::Resolution::Twelve).to_string());
    place.expect(Rule::Place, cell.as_deref() == Some(row.h3.as_str()), || {
        format!("h3 is {}, the cell of its lon, lat is {}", row.h3, cell.as_deref().unwrap_or("none"))
    });
    place.expect(Rule::Place, (0.0..360.0).contains(&row.heading_deg), || {
        format!("heading_deg is {}, not in [0, 360)", row.heading_deg)
    });
}

/// Recording, frames, evidence and ways that a sample refers to.
fn check_links(place: &mut Place<'_>, row: &SampleRow, around: &Around<'_>) {
    let recordings = around.recordings;
    let there = recordings.read.partly || recordings.by_id.contains_key(&row.recording_id);
    place.expect(Rule::Resolves, there, || format!("no recording `{}`", row.recording_id));
    for entry in &row.frames {
        let Some(frame) = around.frames.get(&entry.frame_id) else {
            let partly = around.frames.read.partly;
            place.expect(Rule::Resolves, partly, || format!("no frame `{}`", entry.frame_id));
            continue;
        };
        let same = *frame.recording == row.recording_id
            && *frame.channel == entry.channel
            && *frame.modality == entry.modality;
        place.expect(Rule::Resolves, same, || {
            format!("frame `{}` is not of its recording, channel and modality", entry.frame_id)
        });
    }
    for id in row.captions.iter().flatten().flat_map(|caption| &caption.evidence) {
        let there = around.features.partly || around.features.all.contains(id);
        place.expect(Rule::Resolves, there, || format!("evidence `{id}` is in no map layer"));
    }
    for way in row.match_way_ids.iter().flatten() {
        check_way(place, way, around.features);
    }
}

/// Whether all lists have an entry a tick.
fn check_lengths(place: &mut Place<'_>, row: &SampleRow) -> bool {
    let ticks = row.poses.len();
    let lengths = [
        ("actions", Some(row.actions.len())),
        ("pose_s_m", Some(row.pose_s_m.len())),
        ("pose_t_ns", row.pose_t_ns.as_ref().map(Vec::len)),
        ("steering_rad", row.steering_rad.as_ref().map(Vec::len)),
    ];
    let other = lengths.iter().find(|(_, length)| length.is_some_and(|n| n != ticks));
    place.expect(Rule::Ticks, ticks > 0 && other.is_none(), || match other {
        Some((name, length)) => format!("has {ticks} poses, but {} {name}", length.unwrap_or_default()),
        None => "has no poses".to_string(),
    });
    let mut taken = HashSet::new();
    for frame in &row.frames {
        let inside = usize::try_from(frame.tick).is_ok_and(|tick| tick < ticks);
        place.expect(Rule::Ticks, inside, || {
            format!("frame `{}` is at tick {}, there are {ticks}", frame.frame_id, frame.tick)
        });
        let free = taken.insert((&frame.channel, &frame.modality, frame.tick)) || frame.modality == "audio";
        place.expect(Rule::Ticks, free, || {
            format!("tick {} has two frames of {} ({})", frame.tick, frame.channel, frame.modality)
        });
    }
    ticks > 0 && other.is_none()
}

fn check_poses(place: &mut Place<'_>, row: &SampleRow) {
    for (tick, pose) in row.poses.iter().enumerate() {
        check_pose(place, &pose.map(f64::from), &|| format!("ego0_se3_ego at tick {tick}"));
    }
    let anchor = row.poses[row.anchor_tick()];
    let identity = [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0_f32];
    let near = anchor.iter().zip(&identity).all(|(a, b)| (a - b).abs() < 1e-5);
    place.expect(Rule::Poses, near, || format!("ego0_se3_ego at the anchor is {anchor:?}, not the identity"));
}

/// Ticks at their offsets from the anchor, the anchor at a multiple of the stride.
fn check_grid(place: &mut Place<'_>, row: &SampleRow, config: &SampleConfig, offsets: &[f64]) {
    let stride = stride(config);
    let (on_grid, multiple) = match (config.axis, row.t0_ns, &row.pose_t_ns) {
        (Axis::Time, Some(t0), Some(times)) => {
            let tick = |(t, offset): (&i64, &f64)| i128::from(*t) - i128::from(t0) == libm::round(*offset) as i128;
            (times.iter().zip(offsets).all(tick), t0 % stride as i64 == 0)
        }
        (Axis::Time, ..) => (false, true),
        (Axis::Distance, ..) => {
            let tick = |(s, offset): (&f64, &f64)| (s - row.s0_m - offset).abs() < 1e-6;
            let strides = row.s0_m / stride;
            (row.pose_s_m.iter().zip(offsets).all(tick), (strides - libm::round(strides)).abs() < 1e-6)
        }
    };
    place.expect(Rule::Ticks, row.poses.len() == offsets.len(), || {
        format!("has {} ticks, the config asks for {}", row.poses.len(), offsets.len())
    });
    place.expect(Rule::Ticks, on_grid, || "its ticks are not at the config's offsets from the anchor".to_string());
    place.expect(Rule::Ticks, multiple, || "its anchor is not a multiple of the stride".to_string());
}

/// On the time axis: frames within half a tick, and the residual the largest difference.
fn check_sync(place: &mut Place<'_>, row: &SampleRow, config: &SampleConfig, frames: &Frames) {
    let (Axis::Time, Some(times)) = (config.axis, &row.pose_t_ns) else { return };
    let half_ns = 0.5e9 / config.rate_hz;
    let mut worst_ns: Option<f64> = None;
    for entry in row.frames.iter().filter(|entry| entry.modality != "audio") {
        let tick = usize::try_from(entry.tick).ok().and_then(|tick| times.get(tick));
        let (Some(tick), Some(t)) = (tick, frames.get(&entry.frame_id).and_then(|frame| frame.t_ns)) else { return };
        let off_ns = (i128::from(t) - i128::from(*tick)).unsigned_abs() as f64;
        worst_ns = Some(worst_ns.unwrap_or_default().max(off_ns));
        place.expect(Rule::Sync, off_ns <= half_ns + 1.0, || {
            format!("frame `{}` is {:.3} ms from its tick, more than half a tick", entry.frame_id, off_ns / 1e6)
        });
    }
    let worst_ms = worst_ns.map(|ns| ns / 1e6);
    let same = match (worst_ms, row.sync_residual_ms) {
        (Some(worst), Some(says)) => (worst - says).abs() < 1e-3,
        (None, says) => says.is_none(),
        (Some(_), None) => false,
    };
    place.expect(Rule::Sync, same, || {
        let text = |ms: Option<f64>| ms.map_or("null".to_string(), |ms| format!("{ms:.3}"));
        format!("sync_residual_ms is {}, its frames say {}", text(row.sync_residual_ms), text(worst_ms))
    });
}

/// What samples owe to their sources.
struct Terms<'a> {
    licenses: BTreeSet<&'a str>,
    attributions: HashMap<&'a str, Option<&'a str>>,
}

impl<'a> Terms<'a> {
    fn of(manifest: &'a Manifest) -> Terms<'a> {
        let own = manifest.config.get("dataset").and_then(|d| d.get("license")).and_then(|l| l.as_str());
        Terms {
            licenses: manifest.sources.iter().map(|s| s.license.as_str()).chain(own).collect(),
            attributions: manifest.sources.iter().map(|s| (s.path.as_str(), s.attribution.as_deref())).collect(),
        }
    }

    fn check(&self, place: &mut Place<'_>, row: &SampleRow) {
        place.expect(Rule::Licences, !row.licenses.is_empty(), || "names no licence".to_string());
        for license in &row.licenses {
            place.expect(Rule::Licences, self.licenses.contains(license.as_str()), || {
                format!("names the licence `{license}`, which no source has")
            });
        }
        place.expect(Rule::Licences, !row.sources.is_empty(), || "names no source".to_string());
        for source in &row.sources {
            let owed = self.attributions.get(source.as_str());
            place.expect(Rule::Resolves, owed.is_some(), || format!("its source `{source}` is not in the manifest"));
            if let Some(Some(who)) = owed {
                place.expect(Rule::Licences, row.attributions.iter().any(|a| a == who), || {
                    format!("does not name `{who}`, as its source `{source}` asks")
                });
            }
        }
    }
}
