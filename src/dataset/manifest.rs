//! `manifest.json`: what a data set is, what it was made of, and every file in it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::SplitConfig;
use super::split::Splitter;
use super::unit::StagedFile;
use crate::coord::BBox;
use crate::error::{ErrorKind, Result};
use crate::render::IgnoreConfig;
use crate::sample::{SampleConfig, SampleOverride};

/// The version of the format that this crate writes and reads.
pub const FORMAT_VERSION: u32 = 1;

/// The file's name in a data set.
pub const MANIFEST: &str = "manifest.json";

/// The manifest of a data set. Paths are relative, `/` between parts; maps and lists are ordered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`FORMAT_VERSION`] of the writer.
    pub format_version: u32,
    /// The data set's name.
    pub name: String,
    /// Version of the code that built it, e.g. `worldloom 0.1.0`.
    pub code_version: String,
    /// The build config with all defaults filled in.
    pub config: serde_json::Value,
    /// A row a `[[map]]` and a row a recording.
    pub sources: Vec<SourceEntry>,
    /// Rows of each table, features of each map layer, …, by name.
    pub counts: BTreeMap<String, u64>,
    /// The box around all trajectories, degrees; `None` without any.
    pub extent: Option<BBox>,
    /// First and last time of recordings; `None` without a clock.
    pub times: Option<Times>,
    /// Every file but the manifest itself and `index/`, ordered by path.
    pub files: Vec<StagedFile>,
}

/// What a data set was made from: one `[[map]]` or one recording.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceEntry {
    /// Relative to the config; an absolute path as its last part and a hash.
    pub path: String,
    /// Kind of source, e.g. `osm`, `folder`.
    pub kind: String,
    /// `map/0`, `recording/2`: the entry of the config.
    pub entry: String,
    /// Bytes, over all files.
    pub size: u64,
    /// blake3 of the file, or of the tree of files, hex.
    pub blake3: String,
    /// SPDX licence.
    pub license: String,
    /// Who must be named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attribution: Option<String>,
}

/// A span of time, nanoseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Times {
    /// First.
    pub start_ns: i64,
    /// Last.
    pub end_ns: i64,
}

impl Manifest {
    /// Reads `DIR/manifest.json`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`] with a hint where `dir` is not a data set, [`ErrorKind::Unsupported`] where its format
    /// is another version, [`ErrorKind::Damaged`] where the file is not a manifest.
    pub fn read(dir: &Path) -> Result<Manifest> {
        let path = dir.join(MANIFEST);
        let text = std::fs::read(&path).map_err(|e| {
            ErrorKind::io("read", e)
                .in_file(&path)
                .with_hint("a data set is a folder with a `manifest.json`, as `worldloom build` makes it")
        })?;
        let damaged = |e: serde_json::Error| ErrorKind::Damaged(format!("not a manifest ({e})")).in_file(&path);
        let value: serde_json::Value = serde_json::from_slice(&text).map_err(damaged)?;
        match value.get("format_version").and_then(serde_json::Value::as_u64) {
            Some(version) if version == u64::from(FORMAT_VERSION) => {}
            Some(version) => {
                let what = format!("data set format version {version} (this is version {FORMAT_VERSION})");
                return Err(ErrorKind::Unsupported(what).in_file(&path));
            }
            None => return Err(ErrorKind::Damaged("no `format_version`".to_string()).in_file(&path)),
        }
        serde_json::from_value(value).map_err(damaged)
    }

    /// The `[sample]` settings of a `[[recording]]` of the config: the config's, with its own over them.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Damaged`] where the config is not one.
    pub fn sample_config(&self, entry: usize) -> Result<SampleConfig> {
        let damaged = |e: serde_json::Error| ErrorKind::Damaged(format!("config of the manifest: {e}")).bare();
        let common: SampleConfig = match self.config.get("sample") {
            Some(value) => serde_json::from_value(value.clone()).map_err(damaged)?,
            None => SampleConfig::default(),
        };
        let own = self.config.get("recording").and_then(|all| all.get(entry)).and_then(|r| r.get("sample"));
        let own: Option<SampleOverride> = match own {
            Some(value) => serde_json::from_value(value.clone()).map_err(damaged)?,
            None => None,
        };
        Ok(common.with(own.as_ref()))
    }

    /// What the pictures of a camera show that is not to be learned from, by the config's `[recording.ignore]`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Damaged`] where the config is not one.
    pub fn ignored(&self, entry: usize, channel: &str) -> Result<Option<IgnoreConfig>> {
        let damaged = |e: serde_json::Error| ErrorKind::Damaged(format!("config of the manifest: {e}")).bare();
        let recording = self.config.get("recording").and_then(|all| all.get(entry));
        let own = recording.and_then(|r| r.get("ignore")).and_then(|ignore| ignore.get(channel));
        own.map(|value| serde_json::from_value(value.clone()).map_err(damaged)).transpose()
    }

    /// The name of the walks that the recordings of a `[[recording]]` of the config are; `None` where they are none.
    pub fn walk_name(&self, entry: usize) -> Option<&str> {
        let recording = self.config.get("recording").and_then(|all| all.get(entry));
        recording.and_then(|r| r.get("panowalk")).and_then(|walk| walk.get("name")).and_then(|name| name.as_str())
    }

    /// How its config splits samples.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Damaged`] where the config does not say; those of [`Splitter::new`].
    pub fn splitter(&self) -> Result<Splitter> {
        let damaged = |reason: String| ErrorKind::Damaged(format!("config of the manifest: {reason}")).bare();
        let seed = self.config.get("dataset").and_then(|d| d.get("seed")).and_then(serde_json::Value::as_u64);
        let seed = seed.ok_or_else(|| damaged("no `dataset.seed`".to_string()))?;
        let split = self.config.get("split").cloned().unwrap_or_default();
        let config: SplitConfig = serde_json::from_value(split).map_err(|e| damaged(format!("`[split]`: {e}")))?;
        Splitter::new(&config, seed)
    }

    /// The file's text: pretty, the same for the same content.
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("a manifest has no keys that JSON lacks");
        text.push('\n');
        text
    }

    /// Writes `DIR/manifest.json` and syncs it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`] where it cannot be written.
    pub fn write(&self, dir: &Path) -> Result<()> {
        let path = dir.join(MANIFEST);
        let io = |action| move |e| (action, e);
        let written = File::create(&path).map_err(io("create file")).and_then(|mut file| {
            file.write_all(self.to_json().as_bytes()).and_then(|()| file.sync_all()).map_err(io("write"))
        });
        written.map_err(|(action, e)| ErrorKind::io(action, e).in_file(&path))
    }
}
