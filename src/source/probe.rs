//! [`probe`]: what a file or folder is, before anything is built from it.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use crate::coord::BBox;
use crate::error::{Quarantine, Result};

use super::registry;

/// What a source holds; printed by `worldloom probe`.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Probe {
    /// The kind as in the config, e.g. `osm`.
    pub kind: String,
    /// The path as given.
    pub path: String,
    /// How many of what, e.g. `nodes`, `ways`, `images/front`.
    pub counts: BTreeMap<String, u64>,
    /// Extent in degrees, `[west, south, east, north]`.
    pub extent: Option<[f64; 4]>,
    /// First and last time, RFC 3339.
    pub times: Option<[String; 2]>,
    /// Sensors, a line each.
    pub sensors: Vec<String>,
    /// Anything else worth saying, e.g. the encoding of tiles.
    pub notes: Vec<String>,
    /// What would be refused, a line each with its count.
    pub problems: Vec<String>,
}

impl Probe {
    /// Sets the extent from a box.
    pub fn with_extent(mut self, bbox: Option<BBox>) -> Probe {
        self.extent = bbox.map(|b| [b.xmin, b.ymin, b.xmax, b.ymax]);
        self
    }

    /// Adds what a reader refused.
    pub fn with_problems(mut self, quarantine: &Quarantine) -> Probe {
        for (file, reason, refused) in quarantine.iter() {
            self.problems.push(format!("{file}: {reason} ({} times, first at {})", refused.count, refused.examples[0]));
        }
        self
    }
}

/// Says what `path` is: finds its kind and asks its reader.
///
/// # Errors
///
/// Where nothing is there, no reader knows it, or its reader cannot open it.
pub fn probe(path: &Path) -> Result<Probe> {
    registry::probe(path)
}
