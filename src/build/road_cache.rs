//! Road graphs of maps that were read before, so that a second run opens them at once.

use std::path::{Path, PathBuf};

use crate::error::Quarantine;
use crate::record::{RoadGraph, SourceFile};

use super::hash::hash_sources;

/// Where graphs are kept, if not in the user's cache folder; empty for nowhere.
const FOLDER_VARIABLE: &str = "WORLDLOOM_CACHE";
/// Smaller maps are read as fast as they are hashed and opened.
const SMALLEST: u64 = 1 << 20;
/// What readers make of a map changes with them: a hash of their sources, see `build.rs`.
const READERS: &str = env!("WORLDLOOM_READERS");

/// The place of a map's graph in the cache. Its name is a hash of the map's bytes, so it is never out of date.
pub(super) struct Kept {
    path: PathBuf,
    map: PathBuf,
}

impl Kept {
    /// The place for a map; `None` where it is small, cannot be hashed, or no folder is known.
    pub(super) fn of(map: &Path, kind: &str, files: &[SourceFile]) -> Option<Kept> {
        if files.iter().map(|f| f.size).sum::<u64>() < SMALLEST {
            return None;
        }
        let folder = match std::env::var_os(FOLDER_VARIABLE) {
            Some(folder) => Some(PathBuf::from(folder)).filter(|f| !f.as_os_str().is_empty())?,
            None => match std::env::var_os("XDG_CACHE_HOME").filter(|f| !f.is_empty()) {
                Some(folder) => PathBuf::from(folder).join("worldloom"),
                None => PathBuf::from(std::env::var_os("HOME")?).join(".cache/worldloom"),
            },
        };
        let (_, tree) = hash_sources("", "", files, &Default::default()).ok()?;
        let what = format!("{}\0{READERS}\0{kind}", tree.blake3);
        let name = blake3::hash(what.as_bytes()).to_hex();
        Some(Kept { path: folder.join(format!("{}.roads", &name.as_str()[..32])), map: map.to_path_buf() })
    }

    /// The graph, and what reading the map refused; `None` where it is not there, or damaged.
    pub(super) fn open(&self) -> Option<(RoadGraph, Quarantine)> {
        let (graph, note) = RoadGraph::open(&self.path).ok()?;
        let refused: Quarantine = serde_json::from_str(&note).ok()?;
        Some((graph, refused.relabelled(Path::new(""), &self.map.display().to_string())))
    }

    /// Keeps a graph. A full disk or a folder that may not be written costs the next run its time, nothing else.
    pub(super) fn keep(&self, graph: &RoadGraph, refused: &Quarantine) {
        let Ok(note) = serde_json::to_string(&refused.clone().relabelled(&self.map, "")) else { return };
        let beside = self.path.with_extension(format!("{}.part", std::process::id()));
        let folder = self.path.parent().map(std::fs::create_dir_all);
        let written = folder.is_some_and(|made| made.is_ok()) && graph.write(&beside, &note).is_ok();
        if !written || std::fs::rename(&beside, &self.path).is_err() {
            // It may never have been there.
            let _ = std::fs::remove_file(&beside);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Location;
    use crate::record::{Modes, RoadGraphBuilder, RoadLine};

    #[test]
    fn what_is_kept_comes_back_and_damage_is_no_graph() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let kept = Kept { path: folder.path().join("new/a.roads"), map: PathBuf::from("here/town.osm.pbf") };
        assert!(kept.open().is_none());
        let mut builder = RoadGraphBuilder::default();
        builder.lines.push(RoadLine {
            nodes: vec![1, 2],
            points: vec![(127.0, 37.0), (127.001, 37.0)],
            access: [Modes::ALL; 2],
            ..RoadLine::default()
        });
        let (graph, _) = builder.build();
        let mut refused = Quarantine::new();
        refused.refuse(&Location::file("here/town.osm.pbf"), "a reason");
        kept.keep(&graph, &refused);

        let elsewhere = Kept { path: kept.path.clone(), map: PathBuf::from("there/town.osm.pbf") };
        let (opened, told) = elsewhere.open().expect("kept");
        assert_eq!(opened.road_count(), 1);
        let told: Vec<(&str, &str)> = told.iter().map(|(file, reason, _)| (file, reason)).collect();
        assert_eq!(told, [("there/town.osm.pbf", "a reason")]);

        std::fs::write(&kept.path, b"WLROADS\x02, but no more").expect("writable");
        assert!(kept.open().is_none());
    }
}
