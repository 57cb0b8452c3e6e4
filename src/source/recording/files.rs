//! Files of a source: listed by name, found by relative path, read whole within the limits.

use std::path::{Path, PathBuf};

use crate::error::{ErrorKind, Result};
use crate::record::SourceFile;
use crate::source::Limits;

/// A folder's files and folders, by name; hidden ones are left out.
#[derive(Debug, Default)]
pub(super) struct Entries {
    /// Its files, their paths relative to the source's root.
    pub files: Vec<SourceFile>,
    /// Names of its folders.
    pub folders: Vec<String>,
}

/// Lists a folder; `relative` is its path from the source's root, `/` between parts, empty for the root itself.
///
/// # Errors
///
/// Where it cannot be listed.
pub(super) fn entries(path: &Path, relative: &str) -> Result<Entries> {
    let failed = |e| ErrorKind::io("list", e).in_file(path);
    let mut found = Entries { files: Vec::new(), folders: Vec::new() };
    for entry in std::fs::read_dir(path).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        if name.starts_with('.') {
            continue;
        }
        let absolute: PathBuf = entry.path();
        // Follows links; one that leads nowhere is no file.
        let Ok(metadata) = std::fs::metadata(&absolute) else { continue };
        if metadata.is_dir() {
            found.folders.push(name);
        } else {
            let relative = if relative.is_empty() { name } else { format!("{relative}/{name}") };
            found.files.push(SourceFile { relative, absolute, size: metadata.len() });
        }
    }
    found.folders.sort();
    found.files.sort_by(|a, b| a.relative.cmp(&b.relative));
    Ok(found)
}

/// Names of the folders in a folder, sorted, hidden ones left out; none where it cannot be listed.
///
/// For recognising layouts: files are not looked at, so that folders of many pictures cost little.
pub(super) fn folders(path: &Path) -> Vec<String> {
    let is_folder = |entry: &std::fs::DirEntry| {
        let kind = entry.file_type().ok();
        kind.is_some_and(|kind| kind.is_dir() || (kind.is_symlink() && entry.path().is_dir()))
    };
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten().filter(is_folder);
    let mut names: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.retain(|name| !name.starts_with('.'));
    names.sort();
    names
}

/// Whether a folder says itself that it is a recording folder: nobody need look into it for another layout.
pub(super) fn is_recording_folder(path: &Path) -> bool {
    path.join("recording.toml").is_file() || path.join("images").is_dir()
}

/// The file at `relative` below `root`, where there is one.
pub(super) fn find(root: &Path, relative: &str) -> Option<SourceFile> {
    let absolute = root.join(relative);
    let metadata = std::fs::metadata(&absolute).ok().filter(std::fs::Metadata::is_file)?;
    Some(SourceFile { relative: relative.to_string(), absolute, size: metadata.len() })
}

/// The bytes of a file.
///
/// # Errors
///
/// Where it cannot be read or is larger than `limits` allow.
pub(super) fn read(path: &Path, limits: &Limits) -> Result<Vec<u8>, ErrorKind> {
    let found = std::fs::metadata(path).map_err(|e| ErrorKind::io("read", e))?.len();
    if found > limits.file_bytes {
        return Err(ErrorKind::LimitExceeded { what: "number of bytes", found, limit: limits.file_bytes });
    }
    std::fs::read(path).map_err(|e| ErrorKind::io("read", e))
}
