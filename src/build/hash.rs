//! Hashes of source files, for `sources/*.parquet` and the manifest.

use std::collections::BTreeMap;
use std::path::PathBuf;

use rayon::prelude::*;

use crate::dataset::rows::SourceRow;
use crate::dataset::unit::hash_file;
use crate::error::Result;
use crate::record::SourceFile;

/// A source as a whole.
pub struct Tree {
    /// Bytes of all its files.
    pub size: u64,
    /// blake3 of the file where it is one, else of the lines `path NUL size NUL blake3 LF` of its files.
    pub blake3: String,
}

/// A row for each file of a source, and the hash of the whole; `known` hashes are not computed again.
///
/// # Errors
///
/// Where a file cannot be read.
pub fn hash_sources(
    label: &str,
    entry: &str,
    files: &[SourceFile],
    known: &BTreeMap<PathBuf, String>,
) -> Result<(Vec<SourceRow>, Tree)> {
    let hash = |file: &SourceFile| match known.get(&file.absolute) {
        Some(hash) => Ok(hash.clone()),
        None => hash_file(&file.absolute),
    };
    let hashes: Vec<String> = match files {
        // Threads for one file cost more memory than a small map.
        [one] => vec![hash(one)?],
        _ => files.par_iter().map(hash).collect::<Result<_>>()?,
    };
    let mut tree = blake3::Hasher::new();
    let mut rows = Vec::with_capacity(files.len());
    for (file, hash) in files.iter().zip(&hashes) {
        tree.update(format!("{}\0{}\0{hash}\n", file.relative, file.size).as_bytes());
        // A source that is one file is named like it.
        let single = files.len() == 1 && label.rsplit('/').next() == Some(file.relative.as_str());
        let path = if single { label.to_string() } else { format!("{label}/{}", file.relative) };
        rows.push(SourceRow { path, size: file.size as i64, blake3: hash.clone(), entry: entry.to_string() });
    }
    let size = files.iter().map(|f| f.size).sum();
    let blake3 = match &hashes[..] {
        [one] => one.clone(),
        _ => tree.finalize().to_hex().to_string(),
    };
    Ok((rows, Tree { size, blake3 }))
}
