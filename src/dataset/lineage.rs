//! Where a sample comes from: [`Lineage`], from source files to split.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::{Map, Value};

use super::cells::{load, must};
use super::manifest::SourceEntry;
use super::rows::{FrameRow, RecordingRow, ReferenceRow};
use super::{Dataset, SplitMethod, tables};
use crate::error::{ErrorKind, Result};
use crate::fuse::{ClockOffset, Register, Stretch, stretch_at};
use crate::record::MapFeature;
use crate::sample::{Axis, PrivacyState, SampleFrame, SampleRow};
use crate::time::Timestamp;

/// What `worldloom explain` tells of a sample.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Lineage {
    /// Its id.
    pub sample_id: String,
    /// Its row over all files of `samples`.
    pub row: usize,
    /// The data set's name.
    pub dataset: String,
    /// The code that built it.
    pub code_version: String,
    /// t0, RFC 3339.
    pub t0: Option<String>,
    /// Path length at the anchor, metres.
    pub s0_m: f64,
    /// Longitude of the anchor, degrees.
    pub lon: f64,
    /// Latitude of the anchor, degrees.
    pub lat: f64,
    /// Heading at the anchor, degrees clockwise from true north.
    pub heading_deg: f64,
    /// The recording that it was cut from.
    pub recording: RecordingLineage,
    /// What it was made of: its recording's source, and maps.
    pub sources: Vec<SourceLineage>,
    /// The parts of the config that shaped it, with those of its own `[[recording]]` over the common ones.
    pub config: Map<String, Value>,
    /// Its frames, in the order of its list.
    pub frames: Vec<FrameLineage>,
    /// Pictures of the same place from other recordings.
    pub references: Vec<ReferenceLineage>,
    /// How its poses came about.
    pub poses: PoseLineage,
    /// What of the map its texts rest on.
    pub evidence: Vec<EvidenceLineage>,
    /// What was done for privacy.
    pub privacy: PrivacyState,
    /// Its split, and why.
    pub split: SplitLineage,
    /// Licences that apply.
    pub licenses: Vec<String>,
    /// Who must be named.
    pub attributions: Vec<String>,
}

/// The recording of a sample.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[allow(missing_docs)] // columns of `recordings`
pub struct RecordingLineage {
    pub recording_id: String,
    pub entry: i32,
    pub kind: String,
    pub start: Option<String>,
    pub end: Option<String>,
    pub length_m: f64,
    pub height_datum: String,
    pub clock: Vec<ClockOffset>,
    pub license: String,
}

/// A source, with its files that had a part in the sample.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SourceLineage {
    /// The source as the manifest has it.
    #[serde(flatten)]
    pub source: SourceEntry,
    /// All its files but pictures, sweeps and clips of other samples.
    pub files: Vec<SourceFileLineage>,
}

/// A source file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[allow(missing_docs)] // columns of `sources`
pub struct SourceFileLineage {
    pub path: String,
    pub size: i64,
    pub blake3: String,
}

/// A frame of a sample.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FrameLineage {
    /// Its id.
    pub frame_id: String,
    /// Channel of the sensor.
    pub channel: String,
    /// `camera`, `lidar`, …
    pub modality: String,
    /// Index of the tick.
    pub tick: i32,
    /// Its time less its tick's, milliseconds; `None` without a clock.
    pub after_tick_ms: Option<f64>,
    /// What was added to the sensor's own time, milliseconds.
    pub clock_ms: Option<f64>,
    /// File in its source.
    pub source_path: String,
    /// Record in that file.
    pub source_record: Option<i64>,
    /// blake3 of that file, where it is listed in `sources`.
    pub source_blake3: Option<String>,
    /// Shard, first byte and bytes of what is stored.
    pub shard: String,
    /// First byte.
    pub offset: i64,
    /// Bytes.
    pub length: i64,
    /// Their blake3.
    pub checksum: String,
    /// `metadata_stripped`, …
    pub privacy_state: String,
    /// SPDX licence.
    pub license: String,
}

/// A reference of a sample.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[allow(missing_docs)] // columns of `references`
pub struct ReferenceLineage {
    pub frame_id: String,
    pub recording_id: String,
    pub role: String,
    pub channel: Option<String>,
    pub dt_days: Option<f64>,
    pub distance_m: f64,
    pub overlap_source: Option<String>,
}

/// How the poses of a sample came about.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[allow(missing_docs)] // columns of `samples`
pub struct PoseLineage {
    pub pose_source: String,
    pub pose_sigma_m: Option<f64>,
    pub interpolation_gap_ms: Option<f64>,
    pub sync_residual_ms: Option<f64>,
    pub match_way_ids: Option<Vec<String>>,
    pub match_probability: Option<f64>,
    /// The correction to the map, of the whole recording.
    pub register: Option<Register>,
    /// That of the stretch around its anchor; `None` where the drive was left as it is.
    pub register_stretch: Option<Stretch>,
}

/// A map feature that texts rest on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EvidenceLineage {
    /// Its id.
    pub feature_id: String,
    /// `LANG TASK` of the texts that name it.
    pub texts: BTreeSet<String>,
    /// Its layer; this and the rest are `None` where the map does not have it.
    pub layer: Option<String>,
    /// Its class.
    pub class: Option<String>,
    /// Its name.
    pub name: Option<String>,
    /// Its id in its source.
    pub source_id: Option<String>,
    /// The source.
    pub source: Option<String>,
    /// SPDX licence.
    pub license: Option<String>,
}

/// Why a sample is in its split.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SplitLineage {
    /// The split.
    pub split: String,
    /// By what: `place`, `recording`, `none`.
    pub method: SplitMethod,
    /// Metres around the path that count; by place only.
    pub within_m: Option<f64>,
    /// The split of each H3 cell that counts; by place only.
    pub cells: BTreeMap<String, String>,
    /// In a sentence.
    pub why: String,
}

impl Lineage {
    /// The lineage of the sample of a row.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unknown`] for a row that is not there; [`ErrorKind::Damaged`] where the data set contradicts itself.
    pub fn of(dataset: &Dataset, row: usize) -> Result<Lineage> {
        let sample = dataset.sample(row)?;
        let recording = dataset.recording(&sample.recording_id)?;
        let manifest = dataset.manifest();
        let files = source_files(dataset)?;
        let frames = sample.frames.iter().map(|entry| Ok((entry, dataset.frame(&entry.frame_id)?)));
        let frames = frames.collect::<Result<Vec<_>>>()?;
        Ok(Lineage {
            row,
            dataset: manifest.name.clone(),
            code_version: manifest.code_version.clone(),
            t0: sample.t0_ns.map(time),
            s0_m: sample.s0_m,
            lon: sample.lon,
            lat: sample.lat,
            heading_deg: sample.heading_deg,
            sources: sources(dataset, &sample, recording, &frames, &files)?,
            config: config(dataset, recording)?,
            frames: frames
                .iter()
                .map(|(entry, frame)| frame_lineage(&sample, recording, entry, frame, &files))
                .collect(),
            references: dataset.references(&sample.sample_id)?.into_iter().map(reference).collect(),
            poses: PoseLineage {
                pose_source: sample.pose_source.clone(),
                pose_sigma_m: sample.pose_sigma_m,
                interpolation_gap_ms: sample.interpolation_gap_ms,
                sync_residual_ms: sample.sync_residual_ms,
                match_way_ids: sample.match_way_ids.clone(),
                match_probability: sample.match_probability,
                register: recording.register,
                register_stretch: stretch_at(&recording.register_stretches, sample.s0_m),
            },
            evidence: evidence(dataset, &sample)?,
            split: split(dataset, &sample)?,
            recording: recording_lineage(recording),
            privacy: sample.privacy,
            licenses: sample.licenses,
            attributions: sample.attributions,
            sample_id: sample.sample_id,
        })
    }
}

fn time(ns: i64) -> String {
    Timestamp::from_ns(ns).said()
}

fn recording_lineage(row: &RecordingRow) -> RecordingLineage {
    RecordingLineage {
        recording_id: row.recording_id.clone(),
        entry: row.entry,
        kind: row.kind.clone(),
        start: row.t_start_ns.map(time),
        end: row.t_end_ns.map(time),
        length_m: row.length_m,
        height_datum: row.height_datum.clone(),
        clock: row.clock.clone(),
        license: row.license.clone(),
    }
}

/// The `sources` table by path.
fn source_files(dataset: &Dataset) -> Result<BTreeMap<String, SourceFileLineage>> {
    let table = load(dataset.dir(), "sources", tables::sources_table(&[]))?;
    let row = |i| {
        table.row(i, |cells, i| {
            let path = must("path", cells.text("path", i))?;
            let (size, blake3) = (must("size", cells.long("size", i))?, must("blake3", cells.text("blake3", i))?);
            Ok((path.clone(), SourceFileLineage { path, size, blake3 }))
        })
    };
    (0..table.rows.height()).map(row).collect()
}

/// The path in `sources` of a file of a source; a source that is one file is named like it.
fn path_of(files: &BTreeMap<String, SourceFileLineage>, source: &str, inner: &str) -> String {
    let inside = format!("{source}/{inner}");
    if files.contains_key(&inside) { inside } else { source.to_string() }
}

fn sources(
    dataset: &Dataset,
    sample: &SampleRow,
    recording: &RecordingRow,
    frames: &[(&SampleFrame, FrameRow)],
    files: &BTreeMap<String, SourceFileLineage>,
) -> Result<Vec<SourceLineage>> {
    let media = dataset.frames()?.column("source_path").and_then(|c| c.str());
    let media: BTreeSet<&str> =
        media.expect("the schema was checked when the table was read").iter().flatten().collect();
    let used: BTreeSet<&str> = frames.iter().map(|(_, frame)| frame.source_path.as_str()).collect();
    // One folder may be the source of several entries: of recordings and of walks along them.
    let own = format!("recording/{}", recording.entry);
    let took_part = |entry: &&SourceEntry| {
        sample.sources.contains(&entry.path) && (!entry.entry.starts_with("recording/") || entry.entry == own)
    };
    let entries = dataset.manifest().sources.iter().filter(took_part);
    let lineage = |entry: &SourceEntry| {
        let inside = format!("{}/", entry.path);
        let took_part = |path: &str| match path.strip_prefix(&inside) {
            Some(inner) => used.contains(inner) || !media.contains(inner),
            None => path == entry.path,
        };
        let files = files.values().filter(|file| took_part(&file.path)).cloned().collect();
        SourceLineage { source: entry.clone(), files }
    };
    Ok(entries.map(lineage).collect())
}

/// `sample`, `fuse`, `privacy`, `split`, `output` and `seed`.
fn config(dataset: &Dataset, recording: &RecordingRow) -> Result<Map<String, Value>> {
    let whole = &dataset.manifest().config;
    let sample = dataset.sample_config(&recording.recording_id)?;
    let unused: &[&str] = match sample.axis {
        Axis::Time => &["past_m", "future_m", "step_m", "stride_m"],
        Axis::Distance => &["past_s", "future_s", "rate_hz", "stride_s"],
    };
    let mut sample =
        serde_json::to_value(sample).map_err(|e| ErrorKind::Damaged(e.to_string()).in_file(dataset.dir()))?;
    if let Some(settings) = sample.as_object_mut() {
        settings.retain(|key, _| !unused.contains(&key.as_str()));
    }
    let mut config = Map::from_iter([("sample".to_string(), sample)]);
    for section in ["fuse", "privacy", "split", "output"] {
        config.extend(whole.get(section).map(|value| (section.to_string(), value.clone())));
    }
    let seed = whole.get("dataset").and_then(|d| d.get("seed"));
    config.extend(seed.map(|seed| ("seed".to_string(), seed.clone())));
    Ok(config)
}

fn frame_lineage(
    sample: &SampleRow,
    recording: &RecordingRow,
    entry: &SampleFrame,
    frame: &FrameRow,
    files: &BTreeMap<String, SourceFileLineage>,
) -> FrameLineage {
    let tick_ns = usize::try_from(entry.tick).ok().and_then(|tick| sample.pose_t_ns.as_ref()?.get(tick).copied());
    let ms = |from: Option<i64>, to: Option<i64>| {
        from.zip(to).map(|(from, to)| (i128::from(to) - i128::from(from)) as f64 / 1e6)
    };
    let path = recording.sources.first().map(|source| path_of(files, source, &frame.source_path));
    FrameLineage {
        frame_id: frame.frame_id.clone(),
        channel: frame.channel.clone(),
        modality: frame.modality.clone(),
        tick: entry.tick,
        after_tick_ms: ms(tick_ns, frame.t_ns),
        clock_ms: ms(frame.t_source_ns, frame.t_ns),
        source_path: frame.source_path.clone(),
        source_record: frame.source_record,
        source_blake3: path.and_then(|path| files.get(&path)).map(|file| file.blake3.clone()),
        shard: frame.shard.clone(),
        offset: frame.offset,
        length: frame.length,
        checksum: frame.checksum.clone(),
        privacy_state: frame.privacy_state.clone(),
        license: frame.license.clone(),
    }
}

fn reference(row: ReferenceRow) -> ReferenceLineage {
    ReferenceLineage {
        frame_id: row.frame_id,
        recording_id: row.recording_id,
        role: row.role,
        channel: row.channel,
        dt_days: row.dt_days,
        distance_m: row.distance_m,
        overlap_source: row.overlap_source,
    }
}

fn evidence(dataset: &Dataset, sample: &SampleRow) -> Result<Vec<EvidenceLineage>> {
    let mut texts: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for caption in sample.captions.iter().flatten() {
        for id in &caption.evidence {
            texts.entry(id).or_default().insert(format!("{} {}", caption.lang, caption.task));
        }
    }
    if texts.is_empty() {
        return Ok(Vec::new());
    }
    let features = dataset.map_features()?;
    let lineage = |(id, texts): (&str, BTreeSet<String>)| {
        let found: Option<&MapFeature> = features.iter().find(|feature| feature.id == id);
        EvidenceLineage {
            feature_id: id.to_string(),
            texts,
            layer: found.map(|f| f.layer.name().to_string()),
            class: found.map(|f| f.class.clone()),
            name: found.and_then(|f| f.name.clone()),
            source_id: found.map(|f| f.source_id.clone()),
            source: found.map(|f| f.source.to_string()),
            license: found.map(|f| f.license.to_string()),
        }
    };
    Ok(texts.into_iter().map(lineage).collect())
}

fn split(dataset: &Dataset, sample: &SampleRow) -> Result<SplitLineage> {
    let splitter = dataset.manifest().splitter()?;
    let config = splitter.config();
    let split = sample.split.name();
    let mut lineage = SplitLineage {
        split: split.to_string(),
        method: config.method,
        within_m: None,
        cells: BTreeMap::new(),
        why: String::new(),
    };
    lineage.why = match config.method {
        SplitMethod::None => "the config asks for no split".to_string(),
        SplitMethod::Recording => {
            format!("all of recording `{}` is, by a hash of its id and the seed", sample.recording_id)
        }
        SplitMethod::Place => {
            let within_m = config.buffer_m / 2.0;
            lineage.within_m = Some(within_m);
            let votes = splitter.votes(&sample.path).into_iter();
            lineage.cells = votes.map(|(cell, split)| (cell.to_string(), split.name().to_string())).collect();
            let cells = lineage.cells.len();
            let of: BTreeSet<&str> = lineage.cells.values().map(String::as_str).collect();
            match of.len() {
                1 if cells == 1 => format!("the cell within {within_m} m of its path is"),
                1 => format!("all {cells} cells within {within_m} m of its path are"),
                _ => {
                    let of = of.into_iter().collect::<Vec<_>>().join(", ");
                    format!("the {cells} cells within {within_m} m of its path are of {of}")
                }
            }
        }
    };
    Ok(lineage)
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    #[test]
    fn the_lineage_of_a_sample_leads_to_its_files_features_and_cells() {
        let dir = tempfile::tempdir().expect("a folder");
        fixture::write(dir.path(), &fixture::samples());
        let dataset = Dataset::open(dir.path()).expect("a data set");
        let lineage = Lineage::of(&dataset, dataset.find("s1").expect("there")).expect("told");
        assert_eq!((lineage.recording.recording_id.as_str(), lineage.frames.len()), ("a", 1));
        let frame = &lineage.frames[0];
        assert_eq!((frame.clock_ms, frame.shard.as_str(), frame.offset), (Some(100.0), "shards/a-000.tar", 512));
        let files: Vec<&str> = lineage.sources[0].files.iter().map(|f| f.path.as_str()).collect();
        assert_eq!((lineage.sources[0].source.path.as_str(), files), ("drives/a", vec!["drives/a/gnss.csv"]));
        let road = &lineage.evidence[0];
        assert_eq!((road.feature_id.as_str(), road.layer.as_deref()), ("way/1", Some("road")));
        assert_eq!(road.texts, BTreeSet::from(["ko caption".to_string()]));
        assert_eq!(lineage.config["sample"]["rate_hz"], 2.0);
        assert!(!lineage.split.cells.is_empty() && lineage.split.why.contains("within 25 m"));
        let bare = Lineage::of(&dataset, dataset.find("s0").expect("there")).expect("told");
        assert_eq!((bare.frames.len(), bare.evidence.len(), bare.references.len(), bare.t0), (0, 0, 2, None));
    }
}
