//! The manifest against the folder: every file listed, as it says, and none besides.

use std::collections::BTreeMap;
use std::path::Path;

use rayon::prelude::*;

use super::findings::{Place, Rule, Validation};
use super::{Watch, manifest_place};
use crate::dataset::manifest::{MANIFEST, Manifest};
use crate::dataset::unit::{hash_file, list_files, relative};
use crate::error::Result;

pub(super) fn check(
    dir: &Path,
    manifest: &Manifest,
    deep: bool,
    watch: &Watch<'_>,
    found: &mut Validation,
) -> Result<()> {
    let mut on_disk = BTreeMap::new();
    for path in list_files(dir)? {
        let name = relative(dir, &path);
        if name != MANIFEST && !name.starts_with("index/") {
            on_disk.insert(name, path);
        }
    }
    let mut alike = Vec::new();
    for file in &manifest.files {
        let mut place = Place { found, file: &file.path, row: None };
        let Some(path) = on_disk.remove(&file.path) else {
            place.report(Rule::Files, "is listed in the manifest but not there");
            continue;
        };
        let size = path.metadata().map(|m| m.len()).unwrap_or_default();
        place.expect(Rule::Files, size == file.size, || format!("has {size} bytes, the manifest says {}", file.size));
        if size == file.size {
            alike.push((file, path));
        }
    }
    for name in on_disk.keys() {
        Place { found, file: name, row: None }.report(Rule::Files, "is there but not listed in the manifest");
    }
    let pairs = manifest.files.windows(2);
    let sorted = pairs.clone().all(|pair| pair[0].path < pair[1].path);
    manifest_place(found).expect(Rule::Manifest, sorted, || "its files are not in order, each once".to_string());
    check_sources(manifest, found);
    if deep {
        let hashes = alike.par_iter().map(|(file, path)| {
            watch.step(file.size)?;
            Ok((*file, hash_file(path)?))
        });
        for (file, hash) in hashes.collect::<Result<Vec<_>>>()? {
            let mut place = Place { found, file: &file.path, row: None };
            place.expect(Rule::Files, hash == file.blake3, || {
                format!("has the blake3 {hash}, the manifest says {}", file.blake3)
            });
        }
    }
    Ok(())
}

fn check_sources(manifest: &Manifest, found: &mut Validation) {
    let mut place = manifest_place(found);
    for source in &manifest.sources {
        let path = &source.path;
        place.expect(Rule::Licences, !source.license.trim().is_empty(), || format!("source {path} has no licence"));
        let hash = source.blake3.len() == 64 && source.blake3.bytes().all(|b| b.is_ascii_hexdigit());
        place.expect(Rule::Manifest, hash && !path.is_empty(), || format!("source {path} has no path or hash"));
    }
}
