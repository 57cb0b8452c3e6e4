//! Header and directories of PMTiles 3, byte by byte. Source:
//! <https://github.com/protomaps/PMTiles/blob/main/spec/v3/spec.md>.
//!
//! Nothing is believed: every offset is held against the file's size, entries must ascend and not overlap, and the
//! bytes of all directories and the number of tiles are limited.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use ::pmtiles::{MAX_TILE_ID, TileCoord, TileId};

use crate::error::{ErrorKind, Location, Result};
use crate::source::TileEncoding;
use crate::source::map::osm::raw::wire::varint;

/// Size of the header, bytes.
const HEADER: usize = 127;
/// Bytes that all directories may inflate to together.
const MAX_DIRECTORIES: u64 = 256 << 20;
/// Levels of directories: the root, and leaves of leaves.
const MAX_DEPTH: u32 = 4;
/// Tiles that an archive may address.
const MAX_TILES: u64 = 50_000_000;
/// Bytes of one tile.
const MAX_TILE: u64 = 64 << 20;

/// The header's fields that reading needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Offset and length of the root directory.
    pub root: (u64, u64),
    /// Offset and length of the metadata.
    pub metadata: (u64, u64),
    /// Offset and length of the leaf directories.
    pub leaves: (u64, u64),
    /// Offset and length of the tiles.
    pub data: (u64, u64),
    /// Compression of directories and metadata: 1 none, 2 gzip, 3 brotli, 4 zstd.
    pub internal_compression: u8,
    /// Compression of tiles, likewise.
    pub tile_compression: u8,
    /// Type of tiles: 1 MVT, 2 PNG, 3 JPEG, 4 WebP, 5 AVIF.
    pub tile_type: u8,
}

/// An entry of a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// The first tile.
    pub tile_id: u64,
    /// How many tiles from it on are the same; 0 for a leaf directory.
    pub run_length: u32,
    /// Bytes.
    pub length: u32,
    /// From the start of the tiles, or of the leaves.
    pub offset: u64,
}

fn bad(reason: impl Into<String>) -> ErrorKind {
    ErrorKind::malformed("PMTiles", reason)
}

impl Header {
    /// Parses the first 127 bytes of a file of `size` bytes.
    ///
    /// # Errors
    ///
    /// Another format or version; a section that lies outside the file.
    pub fn parse(bytes: &[u8], size: u64) -> Result<Header, ErrorKind> {
        let bytes = bytes.get(..HEADER).ok_or_else(|| bad("the file ends inside its header"))?;
        if !bytes.starts_with(b"PMTiles") {
            return Err(bad("it does not start with `PMTiles`"));
        }
        if bytes[7] != 3 {
            return Err(ErrorKind::Unsupported(format!("PMTiles version {}", bytes[7])));
        }
        let number = |at: usize| bytes[at..].first_chunk::<8>().map_or(0, |b| u64::from_le_bytes(*b));
        let section = |at: usize, what: &str| {
            let (offset, length) = (number(at), number(at + 8));
            let fits = offset.checked_add(length).is_some_and(|end| end <= size);
            if fits { Ok((offset, length)) } else { Err(bad(format!("the {what} lies beyond the end of the file"))) }
        };
        Ok(Header {
            root: section(8, "root directory")?,
            metadata: section(24, "metadata")?,
            leaves: section(40, "leaf directories")?,
            data: section(56, "tile data")?,
            internal_compression: bytes[97],
            tile_compression: bytes[98],
            tile_type: bytes[99],
        })
    }
}

/// Bytes without their compression, at most `limit` of them.
fn unpack(bytes: Vec<u8>, compression: u8, limit: u64) -> Result<Vec<u8>, ErrorKind> {
    match compression {
        1 => Ok(bytes),
        2 => {
            let mut out = Vec::new();
            let read = flate2::read::MultiGzDecoder::new(&bytes[..]).take(limit + 1).read_to_end(&mut out);
            read.map_err(|e| bad(format!("gzip: {e}")))?;
            if out.len() as u64 > limit {
                let found = out.len() as u64;
                return Err(ErrorKind::LimitExceeded { what: "bytes of directories", found, limit });
            }
            Ok(out)
        }
        other => {
            let name = ["unknown", "no", "gzip", "brotli", "Zstandard"].get(usize::from(other)).unwrap_or(&"unknown");
            Err(ErrorKind::Unsupported(format!("{name} compression in PMTiles")))
        }
    }
}

/// Parses an inflated directory.
///
/// # Errors
///
/// A count that the bytes cannot hold, ids that do not ascend, runs that overlap, numbers that overflow.
pub fn directory(bytes: &[u8]) -> Result<Vec<Entry>, ErrorKind> {
    let mut rest = bytes;
    let count = number(&mut rest)?;
    // Every entry takes four numbers of a byte or more.
    if count > rest.len() as u64 / 4 {
        return Err(bad(format!("a directory of {} bytes says that it has {count} entries", bytes.len())));
    }
    let mut entries = vec![Entry { tile_id: 0, run_length: 0, length: 0, offset: 0 }; count as usize];
    let mut id = 0u64;
    for (i, entry) in entries.iter_mut().enumerate() {
        let step = number(&mut rest)?;
        if i > 0 && step == 0 {
            return Err(bad(format!("entry {i} of a directory has the tile of the one before")));
        }
        id = id.checked_add(step).filter(|id| *id <= MAX_TILE_ID).ok_or_else(|| bad("a tile id beyond zoom 31"))?;
        entry.tile_id = id;
    }
    for entry in &mut entries {
        entry.run_length = small(&mut rest)?;
    }
    for entry in &mut entries {
        entry.length = small(&mut rest)?;
    }
    for i in 0..entries.len() {
        let told = number(&mut rest)?;
        entries[i].offset = match (told.checked_sub(1), i.checked_sub(1)) {
            (Some(offset), _) => offset,
            // 0: right behind the one before.
            (None, Some(before)) => {
                let before = entries[before];
                let end = before.offset.checked_add(u64::from(before.length));
                end.ok_or_else(|| bad("an offset that overflows"))?
            }
            (None, None) => return Err(bad("the first entry of a directory has no offset")),
        };
    }
    for (i, pair) in entries.windows(2).enumerate() {
        if pair[0].tile_id + u64::from(pair[0].run_length) > pair[1].tile_id {
            return Err(bad(format!("the run of entry {i} of a directory reaches over the next one")));
        }
    }
    Ok(entries)
}

fn number(bytes: &mut &[u8]) -> Result<u64, ErrorKind> {
    varint(bytes).map_err(|_| bad("a directory ends inside a number"))
}

fn small(bytes: &mut &[u8]) -> Result<u32, ErrorKind> {
    u32::try_from(number(bytes)?).map_err(|_| bad("a length or run above 32 bits"))
}

/// An archive whose directories were read and checked.
#[derive(Debug)]
pub struct Archive {
    path: PathBuf,
    file: Mutex<File>,
    size: u64,
    header: Header,
    encoding: TileEncoding,
    /// Entries of tiles, by id.
    entries: Vec<Entry>,
    /// Tiles of each zoom, by x, then y.
    levels: BTreeMap<u8, Vec<(u32, u32)>>,
    attribution: Option<String>,
    limit: u64,
}

impl Archive {
    /// Reads header, directories and metadata of a file; tiles may inflate to `limit` bytes.
    ///
    /// # Errors
    ///
    /// What [`Header::parse`] and [`directory`] refuse; leaves deeper than four levels, directories of more than
    /// 256 MiB, more than 50 million tiles, a tile beyond the end of the data; tiles that are neither PNG, JPEG, WebP
    /// nor MVT.
    pub fn open(path: &Path, limit: u64) -> Result<Archive> {
        let mut file = File::open(path).map_err(|e| ErrorKind::io("open", e).in_file(path))?;
        let size = file.metadata().map_err(|e| ErrorKind::io("read", e).in_file(path))?.len();
        let mut first = Vec::new();
        file.by_ref()
            .take(HEADER as u64)
            .read_to_end(&mut first)
            .map_err(|e| ErrorKind::io("read", e).in_file(path))?;
        let header = Header::parse(&first, size).map_err(|kind| kind.at(Location::byte(path, 0)))?;
        let encoding = match header.tile_type {
            1 => TileEncoding::Mvt,
            2 => TileEncoding::Png,
            3 => TileEncoding::Jpeg,
            4 => TileEncoding::Webp,
            other => return Err(ErrorKind::Unsupported(format!("the PMTiles tile type {other}")).in_file(path)),
        };
        if !matches!(header.tile_compression, 0..=2) {
            let kind = ErrorKind::Unsupported(format!("tile compression {} in PMTiles", header.tile_compression));
            return Err(kind.in_file(path));
        }
        let mut walk = Walk { path, file: &mut file, header, entries: Vec::new(), left: MAX_DIRECTORIES };
        walk.directory(header.root, 0)?;
        let mut entries = walk.entries;
        entries.sort_by_key(|e| e.tile_id);
        let levels = levels(&entries).map_err(|kind| kind.in_file(path))?;
        let attribution = read_at(&mut file, header.metadata, MAX_TILE)
            .and_then(|bytes| unpack(bytes, header.internal_compression, MAX_TILE))
            .ok()
            .and_then(|bytes| serde_json::from_slice::<serde_json::Value>(&bytes).ok())
            .and_then(|json| json.get("attribution").and_then(|a| a.as_str()).map(str::to_string));
        let (path, file) = (path.to_path_buf(), Mutex::new(file));
        Ok(Archive { path, file, size, header, encoding, entries, levels, attribution, limit })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its size, bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Bytes that a tile may inflate to.
    pub fn limit(&self) -> u64 {
        self.limit
    }

    /// How tiles are encoded.
    pub fn tile_encoding(&self) -> TileEncoding {
        self.encoding
    }

    /// Whom the metadata credits.
    pub fn attribution(&self) -> Option<&str> {
        self.attribution.as_deref()
    }

    /// The tiles of each zoom, by x, then y.
    pub fn levels(&self) -> &BTreeMap<u8, Vec<(u32, u32)>> {
        &self.levels
    }

    /// The bytes of a tile as they lie in the file; `None` where there is none.
    ///
    /// # Errors
    ///
    /// Where the file cannot be read.
    pub fn bytes_of(&self, z: u8, x: u32, y: u32) -> Result<Option<Vec<u8>>> {
        let Ok(coord) = TileCoord::new(z, x, y) else { return Ok(None) };
        let id = TileId::from(coord).value();
        let at = self.entries.partition_point(|e| e.tile_id <= id);
        let Some(entry) = at.checked_sub(1).map(|i| self.entries[i]) else { return Ok(None) };
        if id - entry.tile_id >= u64::from(entry.run_length) {
            return Ok(None);
        }
        let range = (self.header.data.0 + entry.offset, u64::from(entry.length));
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        read_at(&mut file, range, MAX_TILE).map(Some).map_err(|kind| kind.at(Location::byte(&self.path, range.0)))
    }
}

/// Reads `range` = (offset, length) of a file.
fn read_at(file: &mut File, range: (u64, u64), limit: u64) -> Result<Vec<u8>, ErrorKind> {
    if range.1 > limit {
        return Err(ErrorKind::LimitExceeded { what: "bytes of a part of PMTiles", found: range.1, limit });
    }
    file.seek(SeekFrom::Start(range.0)).map_err(|e| ErrorKind::io("read", e))?;
    let mut bytes = Vec::new();
    file.take(range.1).read_to_end(&mut bytes).map_err(|e| ErrorKind::io("read", e))?;
    if bytes.len() as u64 != range.1 {
        return Err(bad("the file ends inside a part"));
    }
    Ok(bytes)
}

/// The walk through root and leaves.
struct Walk<'a> {
    path: &'a Path,
    file: &'a mut File,
    header: Header,
    entries: Vec<Entry>,
    /// Bytes of directories that may still be inflated: also what ends a leaf that names itself.
    left: u64,
}

impl Walk<'_> {
    fn directory(&mut self, range: (u64, u64), depth: u32) -> Result<()> {
        let path = self.path;
        let here = |kind: ErrorKind| kind.at(Location::byte(path, range.0));
        if depth >= MAX_DEPTH {
            return Err(here(bad(format!("directories in directories, more than {MAX_DEPTH} deep"))));
        }
        let packed = read_at(self.file, range, MAX_DIRECTORIES).map_err(here)?;
        let bytes = unpack(packed, self.header.internal_compression, self.left).map_err(here)?;
        self.left = self.left.checked_sub(bytes.len() as u64).ok_or_else(|| {
            let limit = MAX_DIRECTORIES;
            here(ErrorKind::LimitExceeded { what: "bytes of directories", found: limit + 1, limit })
        })?;
        for (i, entry) in directory(&bytes).map_err(here)?.into_iter().enumerate() {
            let (start, length) = if entry.run_length == 0 { self.header.leaves } else { self.header.data };
            let end = entry.offset.checked_add(u64::from(entry.length));
            if entry.length == 0 || end.is_none_or(|end| end > length) {
                let what = if entry.run_length == 0 { "a leaf" } else { "a tile" };
                return Err(here(bad(format!("entry {i} points to {what} of no bytes or beyond the end of its part"))));
            }
            if entry.run_length == 0 {
                self.directory((start + entry.offset, u64::from(entry.length)), depth + 1)?;
            } else {
                self.entries.push(entry);
            }
        }
        Ok(())
    }
}

/// The tiles that entries address, by zoom.
fn levels(entries: &[Entry]) -> Result<BTreeMap<u8, Vec<(u32, u32)>>, ErrorKind> {
    let total = entries.iter().fold(0u64, |n, e| n.saturating_add(u64::from(e.run_length)));
    if total > MAX_TILES {
        return Err(ErrorKind::LimitExceeded { what: "tiles", found: total, limit: MAX_TILES });
    }
    let mut levels: BTreeMap<u8, Vec<(u32, u32)>> = BTreeMap::new();
    let mut next = 0;
    for entry in entries {
        if entry.tile_id < next {
            return Err(bad(format!("two directories address the tile {}", entry.tile_id)));
        }
        next = entry.tile_id.saturating_add(u64::from(entry.run_length));
        for id in entry.tile_id..next {
            let coord = TileCoord::from(TileId::new(id).map_err(|e| bad(e.to_string()))?);
            levels.entry(coord.z()).or_default().push((coord.x(), coord.y()));
        }
    }
    for level in levels.values_mut() {
        level.sort_unstable();
    }
    Ok(levels)
}
