//! `[sample]` of `build.toml`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::render::BevConfig;

/// Along what windows are cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Axis {
    /// Time: `past_s`, `future_s`, `rate_hz`, `stride_s`.
    Time,
    /// Distance along the path: `past_m`, `future_m`, `step_m`, `stride_m`.
    Distance,
}

/// `[sample]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SampleConfig {
    /// Time for drives, distance for photo sequences.
    pub axis: Axis,
    /// Seconds before the anchor.
    pub past_s: f64,
    /// Seconds after it.
    pub future_s: f64,
    /// Ticks a second.
    pub rate_hz: f64,
    /// Seconds between anchors.
    pub stride_s: f64,
    /// Metres before the anchor.
    pub past_m: f64,
    /// Metres after it.
    pub future_m: f64,
    /// Metres between ticks.
    pub step_m: f64,
    /// Metres between anchors.
    pub stride_m: f64,
    /// Globs over camera channels.
    pub cameras: Vec<String>,
    /// Globs over LiDAR channels.
    pub lidar: Vec<String>,
    /// Globs over audio channels.
    pub audio: Vec<String>,
    /// Bird's-eye raster of the map.
    pub bev: BevConfig,
    /// Street view of the same place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub references: Option<ReferencesConfig>,
    /// Texts.
    pub text: TextConfig,
}

impl Default for SampleConfig {
    fn default() -> SampleConfig {
        let all = || vec!["*".to_string()];
        SampleConfig {
            axis: Axis::Time,
            past_s: 1.0,
            future_s: 3.0,
            rate_hz: 5.0,
            stride_s: 0.5,
            past_m: 10.0,
            future_m: 30.0,
            step_m: 2.0,
            stride_m: 5.0,
            cameras: all(),
            lidar: all(),
            audio: all(),
            bev: BevConfig::default(),
            references: None,
            text: TextConfig::default(),
        }
    }
}

/// `[recording.sample]`: keys of `[sample]` that differ for these recordings.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs)] // each is the key of the same name in `SampleConfig`
pub struct SampleOverride {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub axis: Option<Axis>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub past_s: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub future_s: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_hz: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stride_s: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub past_m: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub future_m: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step_m: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stride_m: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cameras: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lidar: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audio: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bev: Option<BevConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub references: Option<ReferencesConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<TextConfig>,
}

impl SampleConfig {
    /// The settings of a recording: these, with its own over them.
    pub fn with(&self, own: Option<&SampleOverride>) -> SampleConfig {
        let mut all = self.clone();
        let Some(own) = own.cloned() else { return all };
        macro_rules! take {
            ($($key:ident),*) => { $(if let Some(value) = own.$key { all.$key = value; })* };
        }
        take!(
            axis, past_s, future_s, rate_hz, stride_s, past_m, future_m, step_m, stride_m, cameras, lidar, audio, bev,
            text
        );
        if own.references.is_some() {
            all.references = own.references;
        }
        all
    }
}

/// `[sample.references]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ReferencesConfig {
    /// How many pictures a window.
    pub count: u32,
    /// Days between picture and window.
    pub min_days: f64,
    /// Metres between picture and the window's path.
    pub max_distance_m: f64,
    /// Share of the target picture that it sees.
    pub min_overlap: f64,
    /// Add the picture nearest the window's end.
    pub lookahead: bool,
}

impl Default for ReferencesConfig {
    fn default() -> ReferencesConfig {
        ReferencesConfig { count: 3, min_days: 30.0, max_distance_m: 40.0, min_overlap: 0.3, lookahead: true }
    }
}

/// `[sample.text]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TextConfig {
    /// `ko`, `en`.
    pub languages: Vec<String>,
    /// `caption`, `route`, `spatial_qa`.
    pub tasks: Vec<String>,
}

impl Default for TextConfig {
    fn default() -> TextConfig {
        TextConfig {
            languages: vec!["ko".to_string(), "en".to_string()],
            tasks: vec!["caption".to_string(), "route".to_string(), "spatial_qa".to_string()],
        }
    }
}
