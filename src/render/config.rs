//! `[sample.bev]` of `build.toml`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `[sample.bev]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BevConfig {
    /// Forward × left extent, metres, ego-centred.
    pub size_m: [f64; 2],
    /// Side of a cell, metres.
    pub resolution_m: f64,
    /// Layers, a channel each: area layers, line layers (0.3 m wide), `route`.
    pub layers: Vec<String>,
}

impl Default for BevConfig {
    fn default() -> BevConfig {
        let layers = ["drivable", "lane_divider", "crossing", "sidewalk", "building", "vegetation", "water", "route"];
        BevConfig { size_m: [100.0, 100.0], resolution_m: 0.5, layers: layers.map(String::from).to_vec() }
    }
}
