//! What a data set holds, in numbers: rows, bytes, splits, channels, kilometres, and how its samples are distributed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Serialize;

use super::cells::{must, scan};
use super::histogram::Histogram;
use super::manifest::Manifest;
use super::reader::read_recordings;
use super::survey::{Brief, Survey};
use super::{geoparquet, tables};
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
    /// How samples are distributed by speed, heading, yaw rate, gap, sync residual and recording.
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
    /// Counts the data set in `dir`, reading its tables a file at a time.
    ///
    /// # Errors
    ///
    /// [`crate::error::ErrorKind::Damaged`] naming the file that cannot be read.
    pub fn of(dir: &Path, manifest: &Manifest, survey: &Survey) -> Result<Stats> {
        let (channels, frames_of) = frames(dir)?;
        let mut samples_of = vec![0_u64; survey.recordings.len()];
        let mut splits: BTreeMap<String, u64> = BTreeMap::new();
        for sample in &survey.samples {
            samples_of[sample.recording as usize] += 1;
            *splits.entry(sample.split.name().to_string()).or_default() += 1;
        }
        let samples_of: BTreeMap<&str, u64> = survey.recordings.iter().map(String::as_str).zip(samples_of).collect();
        let mut recordings = Vec::new();
        for (id, row) in read_recordings(dir)? {
            let span_ns = row.t_start_ns.zip(row.t_end_ns).map(|(start, end)| end.saturating_sub(start));
            recordings.push(RecordingStats {
                kind: row.kind,
                start: row.t_start_ns.map(|t| Timestamp::from_ns(t).said()),
                duration_s: span_ns.map(|ns| ns as f64 / 1e9),
                length_m: row.length_m,
                frames: frames_of.get(&id).copied().unwrap_or_default(),
                samples: samples_of.get(id.as_str()).copied().unwrap_or_default(),
                license: row.license,
                recording_id: id,
            });
        }
        let mut bytes = BTreeMap::new();
        for file in &manifest.files {
            let folder = file.path.split('/').next().unwrap_or_default();
            *bytes.entry(folder.to_string()).or_default() += file.size;
        }
        let all = |value: fn(&Brief) -> f64| -> Vec<Option<f64>> {
            survey.samples.iter().map(|s| Some(value(s)).filter(|v| v.is_finite())).collect()
        };
        let of_recordings = recordings.iter().map(|r| Some(r.samples as f64)).collect();
        Ok(Stats {
            name: manifest.name.clone(),
            code_version: manifest.code_version.clone(),
            rows: rows(dir, manifest)?,
            bytes,
            splits,
            channels,
            hours: recordings.iter().filter_map(|r| r.duration_s).sum::<f64>() / 3600.0,
            km: recordings.iter().map(|r| r.length_m).sum::<f64>() / 1000.0,
            extent: manifest.extent,
            times: manifest.times.map(|t| [t.start_ns, t.end_ns].map(|ns| Timestamp::from_ns(ns).said())),
            histograms: vec![
                Histogram::even("speed at t0", "m/s", all(|s| s.speed_mps)),
                Histogram::compass("heading at t0", all(|s| s.heading_deg)),
                Histogram::even("yaw rate at t0", "°/s", all(|s| s.yaw_rate_radps.to_degrees())),
                Histogram::decades("interpolation gap", "ms", all(|s| s.interpolation_gap_ms)),
                Histogram::decades("sync residual", "ms", all(|s| s.sync_residual_ms)),
                Histogram::decades("samples a recording", "", of_recordings),
            ],
            licenses: survey.licenses.clone(),
            attributions: manifest.sources.iter().filter_map(|s| s.attribution.clone()).collect(),
            recordings,
        })
    }
}

/// Rows by table, from the files' own footers.
fn rows(dir: &Path, manifest: &Manifest) -> Result<BTreeMap<String, u64>> {
    let mut rows = BTreeMap::new();
    for file in &manifest.files {
        let (folder, name) = file.path.split_once('/').unwrap_or_default();
        let Some(stem) = name.strip_suffix(".parquet") else { continue };
        let table = match folder {
            "samples" | "frames" | "recordings" | "poses" | "references" | "sources" => folder.to_string(),
            "map" if LAYERS.iter().any(|layer| layer.name() == stem) => format!("map/{stem}"),
            _ => continue,
        };
        let footer = geoparquet::footer(&dir.join(&file.path))?;
        *rows.entry(table).or_default() += footer.groups.iter().map(|n| *n as u64).sum::<u64>();
    }
    Ok(rows)
}

/// Frames and bytes by channel, modality and format; frames by recording.
fn frames(dir: &Path) -> Result<(Vec<ChannelStats>, BTreeMap<String, u64>)> {
    let mut of_recordings: BTreeMap<String, u64> = BTreeMap::new();
    let mut by_kind: BTreeMap<[String; 3], (u64, u64)> = BTreeMap::new();
    let columns = ["recording_id", "channel", "modality", "format", "length"];
    scan(dir, "frames", tables::frames_table(&[]), &columns, &mut |table| {
        for i in 0..table.rows.height() {
            let (recording_id, kind, length) = table.row(i, |cells, i| {
                let text = |name| must(name, cells.text(name, i));
                let kind = [text("channel")?, text("modality")?, text("format")?];
                Ok((text("recording_id")?, kind, must("length", cells.long("length", i))?))
            })?;
            *of_recordings.entry(recording_id).or_default() += 1;
            let of_kind = by_kind.entry(kind).or_default();
            *of_kind = (of_kind.0 + 1, of_kind.1 + u64::try_from(length).unwrap_or_default());
        }
        Ok(())
    })?;
    let channels = by_kind.into_iter().map(|([channel, modality, format], (frames, bytes))| ChannelStats {
        channel,
        modality,
        format,
        frames,
        bytes,
    });
    Ok((channels.collect(), of_recordings))
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    #[test]
    fn the_fixture_is_counted() {
        let dir = tempfile::tempdir().expect("a folder");
        fixture::write(dir.path(), &fixture::samples());
        let manifest = Manifest::read(dir.path()).expect("a manifest");
        let survey = Survey::read(dir.path()).expect("read");
        let stats = Stats::of(dir.path(), &manifest, &survey).expect("counted");
        let rows = ["samples", "frames", "poses", "recordings", "references", "sources", "map/road", "map/rail"];
        assert_eq!(rows.map(|table| stats.rows[table]), [40, 2, 120, 2, 2, 1, 1, 0]);
        assert_eq!(stats.splits, [("none".to_string(), 14), ("train".to_string(), 26)].into());
        let bytes = 2 * fixture::picture().len() as u64;
        let [channel] = &stats.channels[..] else { panic!("one kind of frame: {:?}", stats.channels) };
        assert_eq!((channel.format.as_str(), channel.frames, channel.bytes), ("png", 2, bytes));
        assert!((stats.km - 0.59).abs() < 1e-9 && (stats.hours - 29.5 / 3600.0).abs() < 1e-12);
        let [speed, heading, yaw, gap, sync, recordings] = &stats.histograms[..] else { panic!("six") };
        assert_eq!((yaw.missing, yaw.max, recordings.min, recordings.max), (14, Some(0.0), Some(14.0), Some(26.0)));
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
