//! A file that is there whole or not at all.

use std::fs::File;
use std::path::{Path, PathBuf};

use crate::error::{ErrorKind, Result};

/// A file that is being written under another name beside it; dropped before [`Whole::keep`] it leaves nothing behind.
pub struct Whole {
    path: PathBuf,
    /// `None` where the path is a device or a pipe, which is written as it is.
    part: Option<PathBuf>,
    file: File,
}

impl Whole {
    /// Begins a file; one that is there stays until the new one is whole.
    ///
    /// # Errors
    ///
    /// Where it cannot be created.
    pub fn create(path: &Path) -> Result<Whole> {
        let is_other = std::fs::metadata(path).is_ok_and(|there| !there.is_file());
        let part = (!is_other).then(|| {
            let mut name = path.file_name().unwrap_or_default().to_os_string();
            name.push(".part");
            path.with_file_name(name)
        });
        let file = File::create(part.as_deref().unwrap_or(path));
        let file = file.map_err(|e| ErrorKind::io("create file", e).in_file(path))?;
        Ok(Whole { path: path.to_path_buf(), part, file })
    }

    /// What to write to.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Puts the file in its place, once it is on disk.
    ///
    /// # Errors
    ///
    /// Where it cannot be synced or renamed.
    pub fn keep(mut self) -> Result<()> {
        if let Some(part) = &self.part {
            self.file.sync_all().map_err(|e| ErrorKind::io("sync", e).in_file(part))?;
            std::fs::rename(part, &self.path).map_err(|e| ErrorKind::io("rename", e).in_file(&self.path))?;
            self.part = None;
        }
        Ok(())
    }
}

impl Drop for Whole {
    fn drop(&mut self) {
        if let Some(part) = &self.part {
            // It may be gone already.
            let _ = std::fs::remove_file(part);
        }
    }
}
