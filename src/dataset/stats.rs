//! What a data set holds, in numbers: rows, bytes, splits, channels, kilometres, and how its samples are distributed.

use std::collections::{BTreeMap, BTreeSet};

use polars::prelude::{DataFrame, Float64Chunked, Int64Chunked, StringChunked};
use rayon::prelude::*;
use serde::Serialize;

use super::histogram::Histogram;
use super::{Dataset, geoparquet};
use crate::coord::BBox;
use crate::error::Result;
use crate::record::LAYERS;
use crate::time::Timestamp;

/// What `worldloom stats` tells.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Stats {
    /// The data set's name.
    pub name: String,
    /// The code that built it.
    pub code_version: String,
    /// Rows by table; map layers as `map/LAYER`.
    pub rows: BTreeMap<String, u64>,
    /// Bytes on disk by folder; files beside the folders by their name.
    pub bytes: BTreeMap<String, u64>,
    /// Samples by split.
    pub splits: BTreeMap<String, u64>,
    /// Frames and media bytes by channel, modality and format.
    pub channels: Vec<ChannelStats>,
    /// Time between the first and last pose of each recording with a clock, added up, hours.
    pub hours: f64,
    /// Path lengths of recordings, added up, kilometres.
    pub km: f64,
    /// The box around all trajectories, degrees.
    pub extent: Option<BBox>,
    /// First and last time, RFC 3339.
    pub times: Option<[String; 2]>,
    /// How samples are distributed by speed, heading, gap and sync residual.
    pub histograms: Vec<Histogram>,
    /// Samples by the licences that they name.
    pub licenses: BTreeMap<String, u64>,
    /// Everybody who must be named.
    pub attributions: BTreeSet<String>,
    /// A row a recording, by id.
    pub recordings: Vec<RecordingStats>,
}

/// Frames of one channel, modality and format.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChannelStats {
    /// Channel of the sensor.
    pub channel: String,
    /// `camera`, `lidar`, …
    pub modality: String,
    /// `jpg`, `pcd`, …
    pub format: String,
    /// How many.
    pub frames: u64,
    /// Bytes of their media.
    pub bytes: u64,
}

/// One recording.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RecordingStats {
    /// Its id.
    pub recording_id: String,
    /// Kind of source.
    pub kind: String,
    /// First time, RFC 3339.
    pub start: Option<String>,
    /// Seconds to the last.
    pub duration_s: Option<f64>,
    /// Path length, metres.
    pub length_m: f64,
    /// Its frames.
    pub frames: u64,
    /// Samples made of it.
    pub samples: u64,
    /// SPDX licence.
    pub license: String,
}

impl Stats {
    /// Counts a data set.
    ///
    /// # Errors
    ///
    /// [`crate::error::ErrorKind::Damaged`] naming the file that cannot be read.
    pub fn of(dataset: &Dataset) -> Result<Stats> {
        let manifest = dataset.manifest();
        let samples = dataset.samples();
        let frames = dataset.frames()?;
        let frames_of = tally(text(frames, "recording_id"));
        let samples_of = tally(text(samples, "recording_id"));
        let count = |of: &BTreeMap<String, u64>, id: &str| of.get(id).copied().unwrap_or_default();
        let mut recordings = Vec::new();
        for (id, row) in dataset.recordings()? {
            let span_ns = row.t_start_ns.zip(row.t_end_ns).map(|(start, end)| end.saturating_sub(start));
            recordings.push(RecordingStats {
                recording_id: id.clone(),
                kind: row.kind.clone(),
                start: row.t_start_ns.map(|t| Timestamp::from_ns(t).to_string()),
                duration_s: span_ns.map(|ns| ns as f64 / 1e9),
                length_m: row.length_m,
                frames: count(&frames_of, id),
                samples: count(&samples_of, id),
                license: row.license.clone(),
            });
        }
        let mut bytes = BTreeMap::new();
        for file in &manifest.files {
            let folder = file.path.split('/').next().unwrap_or_default();
            *bytes.entry(folder.to_string()).or_default() += file.size;
        }
        let counted = counted(dataset)?;
        let mut licenses = BTreeMap::new();
        for license in counted.iter().flat_map(|(_, licenses)| licenses) {
            *licenses.entry(license.clone()).or_default() += 1;
        }
        Ok(Stats {
            name: manifest.name.clone(),
            code_version: manifest.code_version.clone(),
            rows: rows(dataset)?,
            bytes,
            splits: tally(text(samples, "split")),
            channels: channels(frames),
            hours: recordings.iter().filter_map(|r| r.duration_s).sum::<f64>() / 3600.0,
            km: recordings.iter().map(|r| r.length_m).sum::<f64>() / 1000.0,
            extent: manifest.extent,
            times: manifest.times.map(|t| [t.start_ns, t.end_ns].map(|ns| Timestamp::from_ns(ns).to_string())),
            histograms: vec![
                Histogram::even("speed at t0", "m/s", counted.iter().map(|(speed, _)| *speed).collect()),
                Histogram::compass("heading at t0", float(samples, "heading_deg").iter().collect()),
                Histogram::decades("interpolation gap", "ms", float(samples, "interpolation_gap_ms").iter().collect()),
                Histogram::decades("sync residual", "ms", float(samples, "sync_residual_ms").iter().collect()),
            ],
            licenses,
            attributions: manifest.sources.iter().filter_map(|s| s.attribution.clone()).collect(),
            recordings,
        })
    }
}

/// Rows by table, from the files' own footers where the table is not needed for anything else.
fn rows(dataset: &Dataset) -> Result<BTreeMap<String, u64>> {
    let mut rows = BTreeMap::from([
        ("samples".to_string(), dataset.len() as u64),
        ("frames".to_string(), dataset.frames()?.height() as u64),
        ("recordings".to_string(), dataset.recordings()?.len() as u64),
    ]);
    for file in &dataset.manifest().files {
        let (folder, name) = file.path.split_once('/').unwrap_or_default();
        let Some(stem) = name.strip_suffix(".parquet") else { continue };
        let table = match folder {
            "poses" | "references" | "sources" => folder.to_string(),
            "map" if LAYERS.iter().any(|layer| layer.name() == stem) => format!("map/{stem}"),
            _ => continue,
        };
        let footer = geoparquet::footer(&dataset.dir().join(&file.path))?;
        *rows.entry(table).or_default() += footer.groups.iter().map(|n| *n as u64).sum::<u64>();
    }
    Ok(rows)
}

fn channels(frames: &DataFrame) -> Vec<ChannelStats> {
    let [channel, modality, format] = ["channel", "modality", "format"].map(|name| text(frames, name));
    let length = long(frames, "length");
    let mut by_kind: BTreeMap<[&str; 3], (u64, u64)> = BTreeMap::new();
    for i in 0..frames.height() {
        let key = [channel, modality, format].map(|column| column.get(i).unwrap_or_default());
        let of_kind = by_kind.entry(key).or_default();
        of_kind.0 += 1;
        of_kind.1 += length.get(i).and_then(|n| u64::try_from(n).ok()).unwrap_or_default();
    }
    let stats = |([channel, modality, format], (frames, bytes)): ([&str; 3], (u64, u64))| ChannelStats {
        channel: channel.to_string(),
        modality: modality.to_string(),
        format: format.to_string(),
        frames,
        bytes,
    };
    by_kind.into_iter().map(stats).collect()
}

/// What is counted of one sample: forward speed at the anchor (`None` without a clock), and licences.
type Counted = (Option<f64>, Vec<String>);

fn counted(dataset: &Dataset) -> Result<Vec<Counted>> {
    let of_sample = |i| {
        let sample = dataset.sample(i)?;
        let speed = sample.actions.get(sample.anchor_tick()).map(|action| f64::from(action[0]));
        Ok((speed.filter(|v| v.is_finite()), sample.licenses))
    };
    (0..dataset.len()).into_par_iter().map(of_sample).collect()
}

fn tally(column: &StringChunked) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for value in column.iter().flatten() {
        match counts.get_mut(value) {
            Some(count) => *count += 1,
            None => drop(counts.insert(value.to_string(), 1)),
        }
    }
    counts
}

const CHECKED: &str = "the schema was checked when the table was read";

fn text<'a>(table: &'a DataFrame, name: &str) -> &'a StringChunked {
    table.column(name).and_then(|c| c.str()).expect(CHECKED)
}

fn float<'a>(table: &'a DataFrame, name: &str) -> &'a Float64Chunked {
    table.column(name).and_then(|c| c.f64()).expect(CHECKED)
}

fn long<'a>(table: &'a DataFrame, name: &str) -> &'a Int64Chunked {
    table.column(name).and_then(|c| c.i64()).expect(CHECKED)
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    #[test]
    fn the_fixture_is_counted() {
        let dir = tempfile::tempdir().expect("a folder");
        fixture::write(dir.path(), &fixture::samples());
        let stats = Stats::of(&Dataset::open(dir.path()).expect("a data set")).expect("counted");
        let rows = ["samples", "frames", "poses", "recordings", "references", "sources", "map/road", "map/rail"];
        assert_eq!(rows.map(|table| stats.rows[table]), [40, 2, 120, 2, 2, 1, 1, 0]);
        assert_eq!(stats.splits, [("none".to_string(), 14), ("train".to_string(), 26)].into());
        let bytes = 2 * fixture::picture().len() as u64;
        let [channel] = &stats.channels[..] else { panic!("one kind of frame: {:?}", stats.channels) };
        assert_eq!((channel.format.as_str(), channel.frames, channel.bytes), ("png", 2, bytes));
        assert!((stats.km - 0.59).abs() < 1e-9 && (stats.hours - 29.5 / 3600.0).abs() < 1e-12);
        let [speed, heading, gap, sync] = &stats.histograms[..] else { panic!("four") };
        assert_eq!((speed.missing, speed.median), (14, Some(10.0)));
        assert_eq!(heading.bins.iter().find(|bin| bin.label == "E").map(|bin| bin.count), Some(40));
        assert_eq!((gap.max, sync.min), (Some(1000.0), Some(12.5)));
        assert_eq!((stats.licenses["CC-BY-4.0"], stats.attributions.len()), (40, 1));
        assert_eq!(stats.recordings.iter().map(|r| (r.frames, r.samples)).collect::<Vec<_>>(), [(1, 26), (1, 14)]);
        let on_disk = |folder: &str| -> u64 {
            let files = std::fs::read_dir(dir.path().join(folder)).expect("a folder").flatten();
            files.map(|f| f.metadata().expect("a file").len()).sum()
        };
        assert_eq!(["samples", "shards", "map"].map(|f| stats.bytes[f]), ["samples", "shards", "map"].map(on_disk));
    }
}
