//! Where a record came from.

use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The file and record that something was read from, with its licence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceRef {
    /// Path relative to the source's root, `/` between parts: `images/front/0001.jpg`.
    pub path: Arc<str>,
    /// The record in that file, from 0, where the file has many.
    pub record: Option<u64>,
    /// SPDX licence of the source.
    pub license: Arc<str>,
}

/// A file that belongs to a source, for hashing and for resuming.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// Path relative to the source's root, `/` between parts.
    pub relative: String,
    /// Where it lies on this machine.
    pub absolute: PathBuf,
    /// Size in bytes.
    pub size: u64,
}
