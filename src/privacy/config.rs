//! `[privacy]` of `build.toml`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `[privacy]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PrivacyConfig {
    /// EXIF, XMP, comments and thumbnails.
    pub metadata: Metadata,
    /// Faces and plates.
    pub anonymize: Anonymize,
    /// GeoJSON polygons that nothing may be made of.
    pub exclude: Option<String>,
    /// Metres to drop at both ends of a recording.
    pub trim_ends_m: f64,
}

/// `privacy.metadata`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Metadata {
    /// Dropped; picture data stays bit for bit.
    Strip,
    /// Kept.
    Keep,
}

/// `privacy.anonymize`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Anonymize {
    /// Pictures as they are.
    Off,
}

impl Default for PrivacyConfig {
    fn default() -> PrivacyConfig {
        PrivacyConfig { metadata: Metadata::Strip, anonymize: Anonymize::Off, exclude: None, trim_ends_m: 0.0 }
    }
}
