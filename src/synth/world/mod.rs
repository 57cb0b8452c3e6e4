//! [`generate`]: a whole world on disk, as `worldloom synth` writes it: map, drives, street-view surveys, their truth
//! and the `build.toml` that makes a data set of them.
//!
//! The same options give the same bytes, whatever the thread count.

mod config;
mod detail;
mod drive;
mod files;
mod mounts;
mod pictures;
mod sound;
mod survey;
mod truth;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::{ErrorKind, Result};

use super::town::{Town, map};
pub use detail::Detail;
use files::Folder;

/// What to generate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorldOptions {
    /// How many drives; the first two are planned (turns, halts, a tunnel, a stretch off the road), others wander.
    pub drives: usize,
    /// Seed of everything that is left to chance.
    pub seed: u64,
    /// How much the sensors record.
    pub detail: Detail,
    /// About how many metres each drive goes, up and down the town, instead of those that are planned.
    pub length_m: Option<u32>,
}

/// What was generated.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct WorldSummary {
    /// Drives and surveys, by folder.
    pub recordings: Vec<String>,
    /// Pictures, depth not counted.
    pub pictures: u64,
    /// LiDAR sweeps.
    pub sweeps: u64,
    /// Bytes of all files.
    pub bytes: u64,
}

/// Who looks on: told what comes next, and asked whether to stop.
pub struct Watch<'a> {
    /// Called with a folder's name before it is written.
    pub begins: &'a (dyn Fn(&str) + Sync),
    /// Set from outside to stop between pictures.
    pub stop: &'a AtomicBool,
}

impl Watch<'_> {
    fn check(&self) -> Result<()> {
        if self.stop.load(Ordering::Relaxed) { Err(ErrorKind::Interrupted.bare()) } else { Ok(()) }
    }
}

/// Writes a world into the folder `out`, which must not exist yet (an empty one may).
///
/// Everything is written into the sibling `out.staging` first and renamed at the end, so that `out` is whole or absent;
/// what an interrupted run left there is thrown away.
///
/// # Errors
///
/// [`ErrorKind::Exists`] where something lies at `out`, [`ErrorKind::Interrupted`], files that cannot be written.
pub fn generate(out: &Path, options: &WorldOptions, watch: &Watch<'_>) -> Result<WorldSummary> {
    let taken = fs::read_dir(out).map_or(out.exists(), |mut entries| entries.next().is_some());
    if taken {
        return Err(ErrorKind::Exists(out.to_path_buf()).bare().with_hint("give a folder that does not exist"));
    }
    let mut name = out.as_os_str().to_owned();
    name.push(".staging");
    let staging = PathBuf::from(name);
    if staging.exists() {
        fs::remove_dir_all(&staging).map_err(|e| ErrorKind::io("remove", e).in_file(&staging))?;
    }
    let root = Folder::create(&staging)?;
    let town = Town::new(options.seed);
    let mut summary = WorldSummary::default();

    (watch.begins)("map");
    root.write("map/town.osm.pbf", &map::osm(&town).to_pbf())?;
    for index in 0..options.drives {
        drive::write(&root, &town, options, index, watch, &mut summary)?;
    }
    if options.detail != Detail::Traces {
        for pass in &survey::PASSES {
            survey::write(&root, &town, options, pass, watch, &mut summary)?;
        }
    }
    root.write("build.toml", config::build_toml(options).as_bytes())?;
    root.write("README.md", config::readme(options).as_bytes())?;
    summary.bytes = root.bytes();
    if out.exists() {
        fs::remove_dir(out).map_err(|e| ErrorKind::io("replace", e).in_file(out))?;
    }
    fs::rename(&staging, out).map_err(|e| ErrorKind::io("rename the finished world to", e).in_file(out))?;
    Ok(summary)
}

#[cfg(test)]
mod tests;
