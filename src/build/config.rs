//! `build.toml`: the build's configuration (DESIGN section 4), with its defaults.
//!
//! `schemas/build.schema.json` is generated from these types; the manifest holds the config with all defaults.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::dataset::{OutputConfig, SplitConfig};
use crate::fuse::FuseConfig;
use crate::privacy::PrivacyConfig;
use crate::record::Mode;
use crate::render::IgnoreConfig;
use crate::sample::{SampleConfig, SampleOverride};
use crate::source::CsvColumns;

/// The whole of `build.toml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The data set itself.
    pub dataset: DatasetConfig,
    /// Maps, any number.
    #[serde(default)]
    pub map: Vec<MapConfig>,
    /// Drives and photo sequences.
    #[serde(default)]
    pub recording: Vec<RecordingConfig>,
    /// How drives become trajectories.
    #[serde(default)]
    pub fuse: FuseConfig,
    /// What a sample is.
    #[serde(default)]
    pub sample: SampleConfig,
    /// What leaves with the data.
    #[serde(default)]
    pub privacy: PrivacyConfig,
    /// Which sample is for what.
    #[serde(default)]
    pub split: SplitConfig,
    /// How files are written.
    #[serde(default)]
    pub output: OutputConfig,
}

/// `[dataset]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DatasetConfig {
    /// The data set's name.
    pub name: String,
    /// SPDX licence of media, samples and text; `map/` keeps its own.
    pub license: String,
    /// Seed of every choice that is left to chance.
    #[serde(default)]
    pub seed: u64,
}

/// A `[[map]]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MapConfig {
    /// The kind; detected when left out.
    pub kind: Option<String>,
    /// File or folder, relative to the config.
    pub path: String,
    /// SPDX licence, or `NOASSERTION`.
    pub license: Option<String>,
    /// Who must be named.
    pub attribution: Option<String>,
    /// Layer for plain features.
    pub layer: Option<String>,
    /// Our attributes by the source's properties.
    #[serde(default, skip_serializing_if = "CsvColumns::is_empty")]
    pub columns: CsvColumns,
    /// Coordinate system where the source does not say.
    pub crs: Option<String>,
    /// Zoom of a tile archive.
    pub zoom: Option<u8>,
}

/// A `[[recording]]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordingConfig {
    /// The kind; detected when left out.
    pub kind: Option<String>,
    /// A glob relative to the config: one recording a match.
    pub path: String,
    /// SPDX licence, or `NOASSERTION`.
    pub license: Option<String>,
    /// Who must be named.
    pub attribution: Option<String>,
    /// What it is used for.
    #[serde(default)]
    pub r#use: Use,
    /// How it moves on the roads that it is matched to.
    #[serde(default)]
    pub mode: Mode,
    /// Channel of pictures that lie flat in the folder.
    pub channel: Option<String>,
    /// Our columns by the CSV's.
    #[serde(default, skip_serializing_if = "CsvColumns::is_empty")]
    pub columns: CsvColumns,
    /// Coordinate system of positions.
    pub crs: Option<String>,
    /// Zone of local times.
    pub timezone: Option<String>,
    /// What pictures show that is not to be learned from, by camera channel.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub ignore: BTreeMap<String, IgnoreConfig>,
    /// Overrides of `[sample]`, key by key at its top level.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sample: Option<SampleOverride>,
}

/// What a recording is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Use {
    /// Windows are made of it.
    Target,
    /// Street view for other windows.
    Reference,
    /// Both.
    #[default]
    Both,
}
