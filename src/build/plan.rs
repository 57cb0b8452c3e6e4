//! The plan of a build: which sources there are, which segments they hold, and how small ones are packed into units.
//!
//! Made from names, sizes and timestamps alone, in the order of the config, so that every worker makes the same one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use rayon::prelude::*;
use serde::Serialize;

use crate::coord::{BBox, Geodetic, LocalPlane};
use crate::error::{ErrorKind, Location, Quarantine, Result};
use crate::record::{Modality, Recording, SourceFile};
use crate::sample::{ChannelFilter, SampleConfig};
use crate::source::registry::{check_map_options, open_map, open_recording};
use crate::source::{MapOptions, MapSource, RecordingOptions, RecordingSource};

use super::config::{RecordingConfig, Use};
use super::names::{label, name_recordings};
use super::walk::panorama_channel;
use super::{Loaded, check_stop};

/// Segments of this many sources at most share a unit.
const SOURCES_PER_UNIT: usize = 256;

/// Metres between the positions of a path that the plan keeps.
const PATH_M: f64 = 25.0;

/// What a build is going to do.
pub struct Plan {
    /// Maps, in the order of the config.
    pub maps: Vec<PlannedMap>,
    /// Recordings, by config entry, then path.
    pub sources: Vec<PlannedSource>,
    /// Units of phase 1: ranges of `sources`.
    pub units: Vec<PlannedUnit>,
    /// What could not be used.
    pub quarantine: Quarantine,
}

/// A map that can be read.
pub struct PlannedMap {
    /// Path as the manifest says it.
    pub label: String,
    /// Its reader.
    pub source: Box<dyn MapSource>,
}

/// A recording source that can be read.
#[derive(Clone)]
pub struct PlannedSource {
    /// Which `[[recording]]`, from 0.
    pub entry: usize,
    /// Path as the manifest says it.
    pub label: String,
    /// Where it lies.
    pub path: PathBuf,
    /// SPDX licence: its own, else the config's.
    pub license: String,
    /// The files it reads.
    pub files: Vec<SourceFile>,
    /// Its channels with observations; with a walk also the walk's.
    pub channels: BTreeSet<(Modality, String)>,
    /// The name of the walks that become recordings instead of its own.
    pub walk: Option<String>,
    /// The stretches that become recordings of the data set.
    pub segments: Vec<PlannedSegment>,
}

/// A stretch of a source without a gap.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedSegment {
    /// Which recording of the source, from 0.
    pub recording: usize,
    /// Which segment of that recording, from 0.
    pub segment: usize,
    /// `recording_id`.
    pub id: String,
    /// Where it has positions.
    pub bounds: BBox,
    /// The way it went, `(lon, lat)` degrees, a position every [`PATH_M`] metres at most often.
    pub path: Vec<(f64, f64)>,
    /// Bytes of its selected media.
    pub media_bytes: u64,
    /// Its selected observations.
    pub frames: u64,
}

/// Sources that are built together: one large one, or several small ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedUnit {
    /// What its files are named.
    pub name: String,
    /// Index of its first source.
    pub first: usize,
    /// One past its last source.
    pub end: usize,
}

/// The plan in numbers, for `--dry-run`.
#[derive(Debug, Clone, Serialize)]
pub struct PlanSummary {
    /// Maps by path.
    pub maps: Vec<String>,
    /// Recordings of the data set to be.
    pub recordings: Vec<String>,
    /// Units of phase 1.
    pub units: usize,
    /// Observations to store.
    pub frames: u64,
    /// Their bytes.
    pub media_bytes: u64,
}

impl Plan {
    /// Makes the plan of a config: opens every source, reads traces and headers, keeps only what the plan needs.
    ///
    /// # Errors
    ///
    /// A path without a match, a source of an unknown kind, no usable recording at all, or the user interrupts. A
    /// recording that cannot be read beside others that can is quarantined.
    pub fn make(loaded: &Loaded, stop: &AtomicBool) -> Result<Plan> {
        let mut quarantine = Quarantine::new();
        let mut maps = Vec::new();
        for (i, map) in loaded.config.map.iter().enumerate() {
            let label = label(&map.path, Path::new(&map.path));
            let options = MapOptions {
                label: label.clone(),
                license: map.license.clone().unwrap_or_default(),
                layer: map.layer.clone(),
                columns: map.columns.clone(),
                crs: map.crs.clone(),
                zoom: map.zoom,
                ..MapOptions::default()
            };
            let source = open_map(&loaded.base.join(&map.path), map.kind.as_deref(), &options)
                .and_then(|source| check_map_options(source.kind(), &options).map(|()| source))
                .map_err(|e| in_config(loaded, "map", i, e))?;
            maps.push(PlannedMap { label, source });
        }

        let mut found = Vec::new();
        for (entry, config) in loaded.config.recording.iter().enumerate() {
            for (label, path) in matches(loaded, entry, config)? {
                found.push((entry, label, path));
            }
        }
        check_repeated(loaded, &found)?;
        let read: Vec<_> = found
            .into_par_iter()
            .map(|(entry, label, path)| {
                let mut quarantine = Quarantine::new();
                let source = check_stop(stop).and_then(|()| survey(loaded, entry, &label, &path, &mut quarantine));
                (entry, path, source, quarantine)
            })
            .collect();
        let mut sources = Vec::new();
        let mut failures = Vec::new();
        for (entry, path, source, refused) in read {
            quarantine.merge(refused);
            match source {
                Ok(source) => sources.push(source),
                // A kind that does not exist is the config's fault, not the data's.
                Err(e) if matches!(e.kind(), ErrorKind::Unknown { .. } | ErrorKind::Config(_)) => {
                    return Err(in_config(loaded, "recording", entry, e));
                }
                Err(e) if matches!(e.kind(), ErrorKind::Interrupted) => return Err(e),
                Err(e) => {
                    let location = e.location().cloned().unwrap_or_else(|| Location::file(&path));
                    quarantine.refuse(&location, e.kind());
                    failures.push(e);
                }
            }
        }
        check_walks(loaded, &sources)?;
        sources.retain(|s: &PlannedSource| !s.segments.is_empty());
        if sources.is_empty() {
            return Err(failures.into_iter().next().unwrap_or_else(|| {
                let reasons: Vec<String> = quarantine.iter().take(3).map(|(f, r, _)| format!("{f}: {r}")).collect();
                let why = if reasons.is_empty() { "none has positions".to_string() } else { reasons.join("; ") };
                loaded.error("recording", 0, "path", format!("no recording can be used: {why}"))
            }));
        }
        check_channels(loaded, &sources)?;
        if let Err((entry, id)) = name_recordings(&mut sources) {
            let reason = format!("there is a recording `{id}` already: give the walk another name");
            return Err(loaded.error("recording.panowalk", entry, "name", reason));
        }
        let units = pack(&sources, loaded.config.output.shard_mb * 1_000_000);
        Ok(Plan { maps, sources, units, quarantine })
    }

    /// The plan in numbers.
    pub fn summary(&self) -> PlanSummary {
        let segments = || self.sources.iter().flat_map(|s| &s.segments);
        PlanSummary {
            maps: self.maps.iter().map(|m| m.label.clone()).collect(),
            recordings: segments().map(|s| s.id.clone()).collect(),
            units: self.units.len(),
            frames: segments().map(|s| s.frames).sum(),
            media_bytes: segments().map(|s| s.media_bytes).sum(),
        }
    }
}

/// Opens a recording source as its config entry says.
///
/// # Errors
///
/// The reader's.
pub fn open_source(loaded: &Loaded, entry: usize, label: &str, path: &Path) -> Result<Box<dyn RecordingSource>> {
    let config = &loaded.config.recording[entry];
    let options = RecordingOptions {
        label: label.to_string(),
        license: config.license.clone().unwrap_or_default(),
        channel: config.channel.clone(),
        columns: config.columns.clone(),
        crs: config.crs.clone(),
        timezone: config.timezone.clone(),
        ..RecordingOptions::default()
    };
    open_recording(path, config.kind.as_deref(), &options)
}

/// The `[sample]` settings of a config entry.
pub fn sample_config(loaded: &Loaded, entry: usize) -> SampleConfig {
    loaded.config.sample.with(loaded.config.recording[entry].sample.as_ref())
}

/// Whether windows are made of a config entry's recordings.
pub fn is_target(loaded: &Loaded, entry: usize) -> bool {
    loaded.config.recording[entry].r#use != Use::Reference
}

/// The paths that a `[[recording]]` means, with their labels, sorted.
fn matches(loaded: &Loaded, entry: usize, config: &RecordingConfig) -> Result<Vec<(String, PathBuf)>> {
    let pattern = loaded.base.join(&config.path);
    let bad = |why: String| loaded.error("recording", entry, "path", why);
    let text = pattern.to_str().ok_or_else(|| bad(format!("`{}` is not UTF-8", config.path)))?;
    // A path with brackets is a path first and a pattern second.
    if pattern.exists() {
        return Ok(vec![(label(&config.path, Path::new(&config.path)), pattern)]);
    }
    let found = glob::glob(text).map_err(|e| bad(format!("`{}` is not a pattern: {e}", config.path)))?;
    let mut paths: Vec<PathBuf> = found.filter_map(std::result::Result::ok).collect();
    // Only whole recordings: files that lie about beside the folders are not meant by `drives/*`.
    if paths.iter().any(|p| p.is_dir()) {
        paths.retain(|p| p.is_dir());
    }
    paths.sort();
    if paths.is_empty() {
        return Err(bad(format!("nothing matches `{}`", config.path)));
    }
    Ok(paths
        .into_iter()
        .map(|path| {
            let inner = path.strip_prefix(&loaded.base).unwrap_or(&path).to_path_buf();
            (label(&config.path, &inner), path)
        })
        .collect())
}

/// Opens and reads a source once, and keeps what the plan needs to know of it.
fn survey(
    loaded: &Loaded,
    entry: usize,
    label: &str,
    path: &Path,
    quarantine: &mut Quarantine,
) -> Result<PlannedSource> {
    let source = open_source(loaded, entry, label, path)?;
    let recordings = source.read(quarantine)?;
    let channels = ChannelFilter::new(&sample_config(loaded, entry))?;
    let walk = loaded.config.recording[entry].panowalk.as_ref();
    let license = recordings
        .first()
        .map(|r| r.license.clone())
        .filter(|l| !l.is_empty())
        .or_else(|| loaded.config.recording[entry].license.clone())
        .unwrap_or_default();
    loaded.check_terms(entry, &license)?;
    let mut segments = Vec::new();
    let mut seen = BTreeSet::new();
    for (number, recording) in recordings.into_iter().enumerate() {
        seen.extend(recording.frames.iter().map(|f| (f.modality, f.channel.clone())));
        let name = recording.name.clone();
        for (segment, part) in crate::fuse::segments(recording).into_iter().enumerate() {
            let Some(bounds) = bounds(&part) else {
                quarantine.refuse(&Location::file(path), format!("`{name}` has no positions"));
                continue;
            };
            let asked = walk.map(|w| panorama_channel(&part, w.channel.as_deref()).map(|(channel, _)| channel));
            if asked == Some(None) {
                quarantine.refuse(&Location::file(path), format!("`{name}` has no panoramas to walk along"));
                continue;
            }
            let media = || {
                part.frames.iter().filter(|f| match &asked {
                    Some(panoramas) => f.modality == Modality::Camera && Some(&f.channel) == panoramas.as_ref(),
                    None => channels.takes(f.modality, &f.channel),
                })
            };
            segments.push(PlannedSegment {
                recording: number,
                segment,
                id: name.clone(),
                bounds,
                path: path_of(&part),
                media_bytes: media().map(|f| f.size).sum(),
                frames: media().count() as u64,
            });
        }
    }
    if let Some(walk) = walk {
        if seen.iter().any(|(_, channel)| *channel == walk.name) {
            let reason = format!("`{}` is a channel of the recording: give the walk another name", walk.name);
            return Err(loaded.error("recording.panowalk", entry, "name", reason));
        }
        seen.insert((Modality::Camera, walk.name.clone()));
    }
    let files = source.files().to_vec();
    let (label, path) = (label.to_string(), path.to_path_buf());
    let walk = walk.map(|w| w.name.clone());
    Ok(PlannedSource { entry, label, path, license, files, channels: seen, walk, segments })
}

/// Refuses a recording that two entries mean: every sample of it would be there twice. Walks along it are others.
fn check_repeated(loaded: &Loaded, found: &[(usize, String, PathBuf)]) -> Result<()> {
    let mut first: BTreeMap<PathBuf, usize> = BTreeMap::new();
    for (entry, label, path) in found {
        if loaded.config.recording[*entry].panowalk.is_some() {
            continue;
        }
        let real = path.canonicalize().unwrap_or_else(|_| path.clone());
        let other = *first.entry(real).or_insert(*entry);
        if other != *entry {
            let (one, two) = (other + 1, entry + 1);
            let reason = format!("`{label}` is meant by `[[recording]]` {one} and by {two}: it would be built twice");
            let error = loaded.error("recording", *entry, "path", reason);
            return Err(error.with_hint("take it out of the `path` of one of them"));
        }
    }
    Ok(())
}

/// Refuses a walk that no recording has panoramas for.
fn check_walks(loaded: &Loaded, sources: &[PlannedSource]) -> Result<()> {
    for (entry, recording) in loaded.config.recording.iter().enumerate() {
        let Some(walk) = &recording.panowalk else { continue };
        let own = || sources.iter().filter(|s| s.entry == entry);
        if own().next().is_none() || own().any(|s| !s.segments.is_empty()) {
            continue;
        }
        let cameras: BTreeSet<&str> = own()
            .flat_map(|s| &s.channels)
            .filter(|(modality, channel)| *modality == Modality::Camera && *channel != walk.name)
            .map(|(_, channel)| channel.as_str())
            .collect();
        let there = cameras.into_iter().collect::<Vec<_>>().join(", ");
        let called = walk.channel.as_ref().map_or(String::new(), |channel| format!(" called `{channel}`"));
        let reason = format!("no recording here has panoramas{called} to walk along; cameras there are: {there}");
        return Err(loaded.error("recording.panowalk", entry, "channel", reason));
    }
    Ok(())
}

/// The positions that a recording's trajectory is made of, thinned.
fn path_of(recording: &Recording) -> Vec<(f64, f64)> {
    let places: Vec<Geodetic> = if !recording.poses.is_empty() {
        recording.poses.iter().map(|p| p.place).collect()
    } else if !recording.gnss.is_empty() {
        recording.gnss.iter().map(|g| g.place).collect()
    } else {
        recording.frames.iter().filter_map(|f| f.geotag.map(|g| g.place)).collect()
    };
    let mut path: Vec<(f64, f64)> = Vec::new();
    let mut skipped = None;
    for place in places.into_iter().filter(Geodetic::is_valid) {
        let (lon, lat) = (place.lon_deg, place.lat_deg);
        let far = path.last().is_none_or(|&(last_lon, last_lat)| {
            let (x, y) = LocalPlane::at(last_lon, last_lat).to_m(lon, lat);
            libm::hypot(x, y) >= PATH_M
        });
        skipped = if far { None } else { Some((lon, lat)) };
        if far {
            path.push((lon, lat));
        }
    }
    path.extend(skipped);
    path
}

/// The box around a recording's positions.
fn bounds(recording: &Recording) -> Option<BBox> {
    let poses = recording.poses.iter().map(|p| p.place);
    let gnss = recording.gnss.iter().map(|g| g.place);
    let tags = recording.frames.iter().filter_map(|f| f.geotag.map(|g| g.place));
    BBox::of_points(poses.chain(gnss).chain(tags).map(|p| (p.lon_deg, p.lat_deg)))
}

/// Refuses names of channels that no recording has: a data set without a camera would be built without a word.
fn check_channels(loaded: &Loaded, sources: &[PlannedSource]) -> Result<()> {
    let mut idle: BTreeMap<(&'static str, String), BTreeSet<usize>> = BTreeMap::new();
    let entries: BTreeSet<usize> = sources.iter().map(|s| s.entry).collect();
    for &entry in &entries {
        let own = || sources.iter().filter(move |s| s.entry == entry).flat_map(|s| &s.channels);
        let filter = ChannelFilter::new(&sample_config(loaded, entry))?;
        for found in filter.idle(own().map(|(modality, channel)| (*modality, channel.as_str()))) {
            idle.entry(found).or_default().insert(entry);
        }
    }
    for &entry in &entries {
        let cameras: BTreeSet<&str> = sources
            .iter()
            .filter(|s| s.entry == entry)
            .flat_map(|s| &s.channels)
            .filter(|(modality, _)| *modality == Modality::Camera)
            .map(|(_, c)| c.as_str())
            .collect();
        let ignore = &loaded.config.recording[entry].ignore;
        if let Some(channel) = ignore.keys().find(|channel| !cameras.contains(channel.as_str())) {
            let there = cameras.into_iter().collect::<Vec<_>>().join(", ");
            let reason = format!("no recording here has a camera `{channel}`; cameras there are: {there}");
            return Err(loaded.error(&format!("recording.ignore.{channel}"), entry, "polygons", reason));
        }
    }
    for ((key, glob), without) in idle {
        // What `[sample]` names may be in one recording and not in another; in none it is a mistake.
        let asked = |entry: &usize| {
            let sample = sample_config(loaded, *entry);
            [("cameras", &sample.cameras), ("lidar", &sample.lidar), ("audio", &sample.audio)]
                .iter()
                .any(|(of, globs)| *of == key && globs.contains(&glob))
        };
        if entries.iter().filter(|e| asked(e)).all(|e| without.contains(e)) {
            let there: BTreeSet<&str> = sources.iter().flat_map(|s| &s.channels).map(|(_, c)| c.as_str()).collect();
            let there = there.into_iter().collect::<Vec<_>>().join(", ");
            let reason = format!("no recording has a channel `{glob}` for `{key}`; channels there are: {there}");
            return Err(loaded.error("sample", 0, key, reason));
        }
    }
    Ok(())
}

/// Packs neighbouring small sources into units, so that a shard is rarely much smaller than asked for.
fn pack(sources: &[PlannedSource], shard_bytes: u64) -> Vec<PlannedUnit> {
    let mut units: Vec<PlannedUnit> = Vec::new();
    let mut first = 0;
    let mut bytes = 0;
    for (i, source) in sources.iter().enumerate() {
        let own: u64 = source.segments.iter().map(|s| s.media_bytes).sum();
        if i > first && (bytes + own > shard_bytes / 2 || i - first >= SOURCES_PER_UNIT) {
            units.push(PlannedUnit { name: format!("part-{:05}", units.len()), first, end: i });
            (first, bytes) = (i, 0);
        }
        bytes += own;
    }
    units.push(PlannedUnit { name: format!("part-{:05}", units.len()), first, end: sources.len() });
    units
}

/// A source's error as the config's, at the line of its path, where the path or kind is what is wrong.
fn in_config(loaded: &Loaded, table: &str, nth: usize, error: crate::Error) -> crate::Error {
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::Unknown { .. } | ErrorKind::Config(_) | ErrorKind::Unsupported(_) => {
            let hint = error.hint().map(str::to_string);
            let key = if matches!(error.kind(), ErrorKind::Unknown { .. }) { "kind" } else { "path" };
            let mapped = loaded.error(table, nth, key, error.to_string());
            match hint {
                Some(hint) => mapped.with_hint(hint),
                None => mapped,
            }
        }
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::super::names::tests::source;
    use super::*;

    #[test]
    fn small_sources_share_a_unit_and_large_ones_do_not() {
        let sizes = [10, 10, 600, 10, 10];
        let sources: Vec<_> = sizes.iter().map(|b| source(0, "x", &[("x", 0)], *b)).collect();
        let units: Vec<_> = pack(&sources, 1000).into_iter().map(|u| (u.first, u.end)).collect();
        assert_eq!(units, [(0, 2), (2, 3), (3, 5)]);
    }
}
