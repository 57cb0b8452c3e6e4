//! The global order of samples: a function of their ids, the seed and the epoch.

use std::sync::Arc;

use rayon::prelude::*;

use crate::dataset::Dataset;

/// The rows in the order of a keyed hash of their ids.
///
/// Two samples stand in the same order in every data set and view that has both, however its files are cut.
pub(super) fn order(data: &Dataset, rows: &[usize], seed: u64, epoch: u64) -> Arc<[usize]> {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    key[8..16].copy_from_slice(&epoch.to_le_bytes());
    let ids = ids(data);
    let mut keyed: Vec<([u8; 16], usize)> = rows
        .par_iter()
        .map(|&row| {
            let hash = blake3::keyed_hash(&key, ids.get(row).unwrap_or_default().as_bytes());
            let mut first = [0; 16];
            first.copy_from_slice(&hash.as_bytes()[..16]);
            (first, row)
        })
        .collect();
    keyed.par_sort_unstable();
    keyed.into_iter().map(|(_, row)| row).collect()
}

/// blake3 over the ids of the rows, hex.
pub(super) fn fingerprint(data: &Dataset, rows: &[usize]) -> String {
    let ids = ids(data);
    let mut hasher = blake3::Hasher::new();
    for &row in rows {
        hasher.update(ids.get(row).unwrap_or_default().as_bytes());
        hasher.update(b"\n");
    }
    hasher.finalize().to_hex().to_string()
}

fn ids(data: &Dataset) -> &polars::prelude::StringChunked {
    let ids = data.samples().column("sample_id").and_then(|c| c.str());
    ids.expect("the schema was checked when the table was read")
}
