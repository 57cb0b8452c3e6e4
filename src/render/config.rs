//! `[sample.bev]` of `build.toml`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::record::MapLayer;

/// The channel of matched roads, beside the map's layers.
pub const ROUTE: &str = "route";
/// Cells a side that a raster may have.
const MAX_CELLS: f64 = 8192.0;

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
        let layers = ["drivable", "lane_divider", "crossing", "sidewalk", "building", "vegetation", "water", ROUTE];
        BevConfig { size_m: [100.0, 100.0], resolution_m: 0.5, layers: layers.map(String::from).to_vec() }
    }
}

impl BevConfig {
    /// The key that makes the raster impossible, and why; `None` where it can be drawn.
    pub fn problem(&self) -> Option<(&'static str, String)> {
        let cells = self.size_m.map(|m| m / self.resolution_m);
        if !(self.resolution_m > 0.0 && cells.iter().all(|c| (1.0..=MAX_CELLS).contains(c))) {
            return Some(("size_m", format!("a BEV raster has 1 to {MAX_CELLS} cells a side")));
        }
        let unknown = self.layers.iter().find(|l| l.as_str() != ROUTE && MapLayer::from_name(l).is_none());
        unknown.map(|layer| ("layers", format!("no map layer `{layer}`")))
    }

    /// Rows and columns: the extent over the resolution, rounded.
    pub fn shape(&self) -> [usize; 2] {
        self.size_m.map(|m| libm::round(m / self.resolution_m) as usize)
    }

    /// How far from the ego the raster's corners are, metres.
    pub fn reach_m(&self) -> f64 {
        0.5 * libm::hypot(self.size_m[0], self.size_m[1])
    }
}
