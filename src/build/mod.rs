//! Layer 8: config, plan, run: the only place that knows the whole path of an item.

mod card;
mod clocks;
pub mod config;
mod finish;
mod frames;
mod hash;
mod imagery;
mod load;
mod maps;
mod match_trace;
mod media;
mod movers;
mod names;
mod plan;
mod progress;
mod references;
mod road_cache;
mod run;
pub mod schemas;
mod segment;
mod walk;

use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::{ErrorKind, Result};

pub use load::{ImageOutput, Loaded, load};
pub use maps::read_map;
pub use match_trace::{MatchFormat, MatchSummary, MatchWriter, MatchedTrack, match_file, match_fixes, read_roads};
pub use plan::{Plan, PlanSummary};
pub use progress::{Progress, Silent};
pub use run::{BuildOptions, Built, build};

/// The code that builds, as manifests name it.
pub const CODE_VERSION: &str = concat!("worldloom ", env!("CARGO_PKG_VERSION"));

/// An error once the user asked to stop.
fn check_stop(stop: &AtomicBool) -> Result<()> {
    if stop.load(Ordering::Relaxed) { Err(ErrorKind::Interrupted.bare()) } else { Ok(()) }
}
