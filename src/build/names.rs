//! How recordings and their sources are called in a data set.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::plan::{PlannedSegment, PlannedSource};

/// A source's path as the manifest says it: relative to the config, or the last part and a hash of an absolute one.
pub fn label(written: &str, path: &Path) -> String {
    if Path::new(written).is_absolute() {
        let last = path.file_name().unwrap_or_default().to_string_lossy();
        let hash = blake3::hash(path.to_string_lossy().as_bytes()).to_hex();
        return format!("{last}@{}", &hash[..8]);
    }
    path.components().map(|c| c.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}

/// Turns names into ids, those of walks last: a walk is called like the recording that it was taken along, with its own
/// name behind.
///
/// # Errors
///
/// The entry and the id of a walk whose id is taken.
pub fn name_recordings(sources: &mut [PlannedSource]) -> std::result::Result<(), (usize, String)> {
    // A source that only walks are taken along is named for them, too.
    let key = |source: &PlannedSource, g: &PlannedSegment| (source.path.clone(), g.recording, g.segment);
    let whole: BTreeSet<PathBuf> = sources.iter().filter(|s| s.walk.is_none()).map(|s| s.path.clone()).collect();
    let mut bases: Vec<PlannedSource> = Vec::new();
    for source in sources.iter() {
        let first = !whole.contains(&source.path) && !bases.iter().any(|b| b.path == source.path);
        if source.walk.is_none() || first {
            bases.push(PlannedSource { files: Vec::new(), channels: BTreeSet::new(), ..source.clone() });
        }
    }
    name_bases(&mut bases);
    let mut ids = BTreeMap::new();
    for base in &bases {
        for segment in &base.segments {
            ids.entry(key(base, segment)).or_insert_with(|| segment.id.clone());
        }
    }
    let mut own = bases.iter().filter(|b| b.walk.is_none());
    let mut taken: BTreeSet<String> = bases.iter().flat_map(|b| b.segments.iter().map(|g| g.id.clone())).collect();
    for source in sources.iter_mut() {
        let Some(walk) = source.walk.clone() else {
            if let Some(base) = own.next() {
                source.segments.clone_from(&base.segments);
            }
            continue;
        };
        let path = source.path.clone();
        for segment in &mut source.segments {
            let base = ids.get(&(path.clone(), segment.recording, segment.segment));
            // Another walk may find panoramas in a stretch where this one found none.
            let base = base.cloned().unwrap_or_else(|| encode_id(&segment.id));
            segment.id = format!("{base}-{walk}");
            if !taken.insert(segment.id.clone()) {
                return Err((source.entry, segment.id.clone()));
            }
        }
    }
    Ok(())
}

/// Turns names into ids: percent-encoded with `_` for `%`, made unique by the folders above, `-s2` for a second
/// segment.
fn name_bases(sources: &mut [PlannedSource]) {
    let mut names: Vec<Vec<(String, usize)>> = Vec::new();
    let mut uses: BTreeMap<String, Vec<(usize, usize)>> = BTreeMap::new();
    for (s, source) in sources.iter().enumerate() {
        names.push(source.segments.iter().map(|g| (encode_id(&g.id), g.recording)).collect());
        for (name, recording) in &names[s] {
            let owners = uses.entry(name.clone()).or_default();
            if !owners.contains(&(s, *recording)) {
                owners.push((s, *recording));
            }
        }
    }
    let mut taken = BTreeSet::new();
    for (s, source) in sources.iter_mut().enumerate() {
        let mut last: Option<(usize, String, usize)> = None;
        let label = source.label.clone();
        for (g, segment) in source.segments.iter_mut().enumerate() {
            let (name, recording) = &names[s][g];
            let (id, mut count) = match last.take() {
                Some((r, id, count)) if r == *recording => (id, count + 1),
                _ => {
                    let mut id = name.clone();
                    if uses.get(name).is_some_and(|owners| owners.len() > 1) {
                        let mut above: Vec<&str> = label.split('/').filter(|p| *p != "..").collect();
                        above.pop();
                        while let Some(folder) = above.pop() {
                            id = format!("{}-{id}", encode_id(folder));
                            if !taken.contains(&id) {
                                break;
                            }
                        }
                    }
                    // Two of the same name in the same folder of two entries: the entry tells them apart.
                    let mut n = 1;
                    let base = id.clone();
                    while taken.contains(&id) {
                        id = format!("r{}{}-{base}", source.entry, if n > 1 { format!("-{n}") } else { String::new() });
                        n += 1;
                    }
                    taken.insert(id.clone());
                    (id, 1)
                }
            };
            segment.id = if count == 1 { id.clone() } else { format!("{id}-s{count}") };
            // A recording of its own may be called like a later segment of this one.
            while count > 1 && !taken.insert(segment.id.clone()) {
                count += 1;
                segment.id = format!("{id}-s{count}");
            }
            last = Some((*recording, id, count));
        }
    }
}

/// Characters outside `[A-Za-z0-9_-]` as `_` and two hex digits a byte.
pub fn encode_id(name: &str) -> String {
    let mut id = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' => id.push(byte as char),
            _ => id.push_str(&format!("_{byte:02X}")),
        }
    }
    if id.is_empty() { "_".to_string() } else { id }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::coord::BBox;

    /// A source of segments, each with its name and of which recording it is.
    pub(in crate::build) fn source(entry: usize, label: &str, names: &[(&str, usize)], bytes: u64) -> PlannedSource {
        let bounds = BBox { xmin: 0.0, ymin: 0.0, xmax: 0.0, ymax: 0.0 };
        let segments = names
            .iter()
            .enumerate()
            .map(|(i, (name, recording))| PlannedSegment {
                recording: *recording,
                segment: i,
                id: (*name).to_string(),
                bounds,
                path: Vec::new(),
                media_bytes: bytes,
                frames: 0,
            })
            .collect();
        let (path, license) = (PathBuf::from(label), String::new());
        PlannedSource {
            entry,
            label: label.to_string(),
            path,
            license,
            files: Vec::new(),
            channels: BTreeSet::new(),
            walk: None,
            segments,
        }
    }

    fn ids(mut sources: Vec<PlannedSource>) -> Vec<String> {
        name_recordings(&mut sources).expect("no id is taken");
        sources.iter().flat_map(|s| s.segments.iter().map(|g| g.id.clone())).collect()
    }

    #[test]
    fn a_recording_is_named_by_its_folder_and_later_segments_are_numbered() {
        assert_eq!(ids(vec![source(0, "drives/a b", &[("a b", 0), ("a b", 0)], 0)]), ["a_20b", "a_20b-s2"]);
    }

    #[test]
    fn folders_of_one_name_are_told_apart_by_the_folder_above() {
        let sources = vec![source(0, "mon/front", &[("front", 0)], 0), source(0, "tue/front", &[("front", 0)], 0)];
        assert_eq!(ids(sources), ["mon-front", "tue-front"]);
    }

    #[test]
    fn ids_are_unique_even_where_folders_do_not_tell() {
        let sources = vec![source(0, "a/x", &[("x", 0)], 0), source(1, "a/x", &[("x", 0)], 0)];
        let ids = ids(sources);
        assert_ne!(ids[0], ids[1]);
        assert!(ids.iter().all(|id| id.ends_with("-x")));
    }

    #[test]
    fn a_walk_is_called_like_the_recording_that_it_is_taken_along() {
        let walk = |entry, label: &str, names: &[(&str, usize)]| PlannedSource {
            walk: Some("left".to_string()),
            ..source(entry, label, names, 0)
        };
        let two = [("a b", 0), ("a b", 0)];
        let both = vec![source(0, "x/a b", &two, 0), walk(1, "x/a b", &two), source(2, "y/c", &[("c", 0)], 0)];
        assert_eq!(ids(both), ["a_20b", "a_20b-s2", "a_20b-left", "a_20b-s2-left", "c"]);
        // Alone, and with folders of one name.
        let alone = vec![walk(0, "mon/front", &[("front", 0)]), walk(0, "tue/front", &[("front", 0)])];
        assert_eq!(ids(alone), ["mon-front-left", "tue-front-left"]);
        let mut twice = vec![walk(0, "x/a", &[("a", 0)]), walk(1, "x/a", &[("a", 0)])];
        assert_eq!(name_recordings(&mut twice), Err((1, "a-left".to_string())));
    }

    #[test]
    fn absolute_paths_are_not_told() {
        let label = label("/data/secret/drive", Path::new("/data/secret/drive"));
        assert!(label.starts_with("drive@") && label.len() == 14, "{label}");
    }
}
