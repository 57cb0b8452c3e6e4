//! `[split]` and `[output]` of `build.toml`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `[split]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SplitConfig {
    /// By what.
    pub method: SplitMethod,
    /// Shares of train, val, test.
    pub fractions: Fractions,
    /// H3 resolution of a cell.
    pub cell: u8,
    /// Metres between samples of different splits.
    pub buffer_m: f64,
}

/// `split.method`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SplitMethod {
    /// By H3 cell, with a buffer.
    Place,
    /// By recording.
    Recording,
    /// Not at all.
    None,
}

/// `split.fractions`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)] // shares by name
pub struct Fractions {
    pub train: f64,
    pub val: f64,
    pub test: f64,
}

impl Default for SplitConfig {
    fn default() -> SplitConfig {
        let fractions = Fractions { train: 0.8, val: 0.1, test: 0.1 };
        SplitConfig { method: SplitMethod::Place, fractions, cell: 8, buffer_m: 50.0 }
    }
}

/// `[output]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct OutputConfig {
    /// Size of a shard, MB (10⁶ bytes).
    pub shard_mb: u64,
    /// `keep`, `jpeg:QUALITY` or `webp`.
    pub image: String,
}

impl Default for OutputConfig {
    fn default() -> OutputConfig {
        OutputConfig { shard_mb: 256, image: "keep".to_string() }
    }
}
