//! `build.toml`: the build's configuration (DESIGN section 4), with its defaults.
//!
//! `schemas/build.schema.json` is generated from these types; the manifest holds the config with all defaults.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::coord::Geodetic;
use crate::dataset::{OutputConfig, SplitConfig};
use crate::fuse::FuseConfig;
use crate::privacy::PrivacyConfig;
use crate::record::Mode;
use crate::render::IgnoreConfig;
use crate::render::walk::{Gaze, WalkOptions};
use crate::sample::{SampleConfig, SampleOverride};
use crate::source::CsvColumns;

/// Pixels a side that pictures of a walk may have.
const MOST_PIXELS: u32 = 1 << 14;

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
    /// Perspective views along the panoramas of these recordings, instead of what their sensors saw.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub panowalk: Option<PanowalkConfig>,
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

/// `[recording.panowalk]`: a camera carried along the panoramas of recordings; each becomes a recording of its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PanowalkConfig {
    /// Its camera's channel, and what the ids of its recordings end in: letters, digits, `-`, `_`.
    pub name: String,
    /// The panorama channel; the first of each recording without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// Width and height of the pictures.
    pub size: [u32; 2],
    /// Horizontal field of view, degrees.
    pub fov_deg: f64,
    /// Mask what lies within so many degrees of straight down: the car, the mount.
    pub nadir_deg: f64,
    /// Follow the way, turned to the left by so many degrees. Without `follow_deg`, `look_at` and `pan` it looks ahead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub follow_deg: Option<f64>,
    /// Look at a place: longitude, latitude, and perhaps its height in metres; without one the view stays level.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub look_at: Option<Vec<f64>>,
    /// Turn evenly with every picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pan: Option<PanConfig>,
    /// Metres along the recording to begin and to end at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub between_m: Option<[f64; 2]>,
    /// Turn at the end and come back over the same places, looking as on the way out.
    pub out_and_back: bool,
}

/// `pan` of a walk.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PanConfig {
    /// Heading of the first picture, degrees clockwise from north.
    pub start_deg: f64,
    /// Degrees from one to the next, left positive.
    pub step_deg: f64,
}

impl Default for PanowalkConfig {
    fn default() -> PanowalkConfig {
        let WalkOptions { size, fov_deg, nadir_deg, .. } = WalkOptions::default();
        PanowalkConfig {
            name: "walk".to_string(),
            channel: None,
            size,
            fov_deg,
            nadir_deg,
            follow_deg: None,
            look_at: None,
            pan: None,
            between_m: None,
            out_and_back: false,
        }
    }
}

impl PanowalkConfig {
    /// The walk that it asks for.
    pub fn options(&self) -> WalkOptions {
        let gaze = match (&self.look_at, self.pan) {
            (Some(place), _) => {
                let number = |i: usize| place.get(i).copied().unwrap_or(f64::NAN);
                Gaze::LookAt { place: Geodetic::new(number(0), number(1), number(2)) }
            }
            (None, Some(pan)) => Gaze::Pan { start_deg: pan.start_deg, step_deg: pan.step_deg },
            (None, None) => Gaze::Follow { offset_deg: self.follow_deg.unwrap_or(0.0) },
        };
        WalkOptions {
            channel: self.channel.clone(),
            gaze,
            size: self.size,
            fov_deg: self.fov_deg,
            nadir_deg: self.nadir_deg,
            between_m: self.between_m.unwrap_or(WalkOptions::default().between_m),
            out_and_back: self.out_and_back,
        }
    }

    /// The key that makes no sense, and why; `None` where all is well.
    pub fn problem(&self) -> Option<(&'static str, String)> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if self.name.is_empty() || !self.name.chars().all(plain) {
            return Some(("name", format!("`{}` is not a name of letters, digits, - and _", self.name)));
        }
        if self.size.iter().any(|side| !(1..=MOST_PIXELS).contains(side)) {
            return Some(("size", format!("a picture is 1 to {MOST_PIXELS} pixels a side")));
        }
        if !(self.fov_deg > 0.0 && self.fov_deg < 180.0) {
            return Some(("fov_deg", "a field of view is more than 0 and less than 180 degrees".to_string()));
        }
        if let Err(error) = self.options().camera() {
            return Some(("fov_deg", error.to_string()));
        }
        if !(0.0..=90.0).contains(&self.nadir_deg) {
            return Some(("nadir_deg", "an angle around straight down is 0 to 90 degrees".to_string()));
        }
        let gazes = [self.follow_deg.is_some(), self.look_at.is_some(), self.pan.is_some()];
        if gazes.iter().filter(|given| **given).count() > 1 {
            let key = if self.look_at.is_some() { "look_at" } else { "pan" };
            return Some((key, "a walk has one of follow_deg, look_at and pan".to_string()));
        }
        if self.follow_deg.is_some_and(|d| !d.is_finite()) {
            return Some(("follow_deg", "it is not an angle in degrees".to_string()));
        }
        if self.pan.is_some_and(|p| !p.start_deg.is_finite() || !p.step_deg.is_finite()) {
            return Some(("pan", "start_deg and step_deg are angles in degrees".to_string()));
        }
        if let Some(place) = &self.look_at {
            let at = |i: usize| place.get(i).copied().unwrap_or(0.0);
            let fits = (2..=3).contains(&place.len()) && Geodetic::new(at(0), at(1), at(2)).is_valid();
            if !fits {
                return Some(("look_at", "a place is longitude, latitude and perhaps height".to_string()));
            }
        }
        let ordered = self.between_m.is_none_or(|[from, to]| from < to);
        (!ordered).then(|| ("between_m", "a walk begins before it ends".to_string()))
    }
}
