//! PMTiles 3: many tiles in one file. [`raw`] reads header and directories as the specification has them; here they
//! become a map; [`write`] makes an archive.

pub mod raw;
mod write;

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::tile_map::{self, TileMap};
use crate::error::{ErrorKind, Quarantine, Result};
use crate::record::SourceFile;
use crate::source::{MapOptions, MapSource, RasterTiles, TileEncoding};

pub use raw::Archive;
pub use write::write;

/// Whether a file starts like PMTiles 3.
pub fn detect(path: &Path) -> bool {
    let mut first = [0; 8];
    path.is_file() && File::open(path).and_then(|mut f| f.read_exact(&mut first)).is_ok() && &first == b"PMTiles\x03"
}

/// Opens an archive: reads its header and directories.
///
/// # Errors
///
/// As [`Archive::open`]; tiles of a type or compression that is not supported.
pub fn open(path: &Path, options: &MapOptions) -> Result<Box<dyn MapSource>> {
    let archive = Archive::open(path, options.limits.inflated_bytes)?;
    let relative = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let files = vec![SourceFile { relative, absolute: path.to_path_buf(), size: archive.size() }];
    let mut notes = Vec::new();
    if let Some(text) = archive.attribution() {
        notes.push(format!("attribution: {text}"));
    }
    let (path, options) = (path.to_path_buf(), options.clone());
    let refused = Quarantine::new();
    Ok(Box::new(TileMap { kind: "pmtiles", path, files, store: archive, options, refused, notes }))
}

impl RasterTiles for Archive {
    fn zooms(&self) -> Vec<u8> {
        self.levels().keys().copied().collect()
    }

    fn encoding(&self) -> TileEncoding {
        self.tile_encoding()
    }

    fn tile(&self, z: u8, x: u32, y: u32) -> Result<Option<Vec<u8>>> {
        let Some(bytes) = self.bytes_of(z, x, y)? else { return Ok(None) };
        let place = || self.path().join(format!("{z}/{x}/{y}"));
        tile_map::plain(bytes, self.limit()).map(Some).map_err(|kind: ErrorKind| kind.in_file(place()))
    }

    fn list(&self, z: u8) -> Result<Vec<(u32, u32)>> {
        Ok(self.levels().get(&z).cloned().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests;
