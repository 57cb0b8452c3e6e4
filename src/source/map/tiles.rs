//! A folder of Web Mercator tiles, XYZ rows: `z/x/y.png`, or flat `z-x-y.png`; PNG, JPEG, WebP or vector tiles.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::tile_map::{self, TileMap};
use crate::coord::tile::Tile;
use crate::error::{ErrorKind, Location, Quarantine, Result};
use crate::record::SourceFile;
use crate::source::{MapOptions, MapSource, RasterTiles, TileEncoding};

/// Entries of a folder that are looked at to recognise it.
const LOOK_AT: usize = 200;

/// Whether a folder holds tiles: `z/x/y.EXT` or `z-x-y.EXT` with numbers for z, x and y.
pub fn detect(path: &Path) -> bool {
    let entries = |p: &Path| fs::read_dir(p).into_iter().flatten().flatten().take(LOOK_AT).map(|e| e.path());
    entries(path).any(|z| {
        flat(&z).is_some()
            || number(&z, 31)
                && entries(&z).any(|x| number(&x, u64::from(u32::MAX)) && entries(&x).any(|y| row(&y).is_some()))
    })
}

fn number(path: &Path, most: u64) -> bool {
    name(path).parse::<u64>().is_ok_and(|n| n <= most)
}

fn name(path: &Path) -> &str {
    path.file_name().and_then(|n| n.to_str()).unwrap_or_default()
}

/// `y` and encoding of `y.png`.
fn row(path: &Path) -> Option<(u32, TileEncoding)> {
    let (stem, extension) = name(path).split_once('.')?;
    Some((stem.parse().ok()?, tile_map::encoding(extension.strip_suffix(".gz").unwrap_or(extension))?))
}

/// `z`, `x`, `y` and encoding of `z-x-y.png`.
fn flat(path: &Path) -> Option<(u8, u32, u32, TileEncoding)> {
    let (stem, extension) = name(path).split_once('.')?;
    let mut parts = stem.split('-');
    let (z, x, y) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    if parts.next().is_some() {
        return None;
    }
    Some((z, x, y, tile_map::encoding(extension.strip_suffix(".gz").unwrap_or(extension))?))
}

/// Tiles as files, by zoom, column and row.
struct Folder {
    tiles: BTreeMap<(u8, u32, u32), PathBuf>,
    encoding: TileEncoding,
    limit: u64,
}

/// Opens a folder of tiles: lists it and reads nothing.
///
/// # Errors
///
/// A folder that cannot be listed, or without a tile.
pub fn open(path: &Path, options: &MapOptions) -> Result<Box<dyn MapSource>> {
    let mut found: BTreeMap<(u8, u32, u32), (PathBuf, TileEncoding)> = BTreeMap::new();
    let mut refused = Quarantine::new();
    for z in sorted(path)? {
        if let Some((zoom, x, y, encoding)) = flat(&z) {
            add(&mut found, &mut refused, (zoom, x, y), z, encoding);
        } else if let Ok(zoom) = name(&z).parse::<u8>()
            && z.is_dir()
        {
            for column in sorted(&z)? {
                let Ok(x) = name(&column).parse::<u32>() else { continue };
                if !column.is_dir() {
                    continue;
                }
                for file in sorted(&column)? {
                    if let Some((y, encoding)) = row(&file) {
                        add(&mut found, &mut refused, (zoom, x, y), file, encoding);
                    }
                }
            }
        }
    }
    let Some(encoding) = found.values().next().map(|f| f.1) else {
        let none = ErrorKind::malformed("tile folder", "no file z/x/y.png, .jpg, .webp, .mvt or .pbf");
        return Err(none.in_file(path));
    };
    let mut tiles = BTreeMap::new();
    let mut files = Vec::new();
    for (key, (absolute, own)) in found {
        if own != encoding {
            refused.refuse(&Location::file(&absolute), format!("a tile that is not {encoding:?} like the first"));
            continue;
        }
        let size = fs::metadata(&absolute).map_err(|e| ErrorKind::io("read", e).in_file(&absolute))?.len();
        let relative = absolute.strip_prefix(path).unwrap_or(&absolute);
        let relative: Vec<_> = relative.components().map(|c| c.as_os_str().to_string_lossy()).collect();
        files.push(SourceFile { relative: relative.join("/"), absolute: absolute.clone(), size });
        tiles.insert(key, absolute);
    }
    files.sort_by(|a, b| a.relative.cmp(&b.relative));
    let limit = options.limits.inflated_bytes;
    let store = Folder { tiles, encoding, limit };
    let (path, options) = (path.to_path_buf(), options.clone());
    Ok(Box::new(TileMap { kind: "tiles", path, files, store, options, refused, notes: Vec::new() }))
}

fn add(
    found: &mut BTreeMap<(u8, u32, u32), (PathBuf, TileEncoding)>,
    refused: &mut Quarantine,
    key: (u8, u32, u32),
    file: PathBuf,
    encoding: TileEncoding,
) {
    match Tile::new(key.0, key.1, key.2) {
        Ok(_) => drop(found.entry(key).or_insert((file, encoding))),
        Err(error) => refused.refuse(&Location::file(file), error),
    }
}

fn sorted(folder: &Path) -> Result<Vec<PathBuf>> {
    let io = |e| ErrorKind::io("list", e).in_file(folder);
    let mut all =
        fs::read_dir(folder).map_err(io)?.map(|e| e.map(|e| e.path())).collect::<Result<Vec<_>, _>>().map_err(io)?;
    all.sort();
    Ok(all)
}

impl RasterTiles for Folder {
    fn zooms(&self) -> Vec<u8> {
        let mut zooms: Vec<u8> = self.tiles.keys().map(|k| k.0).collect();
        zooms.dedup();
        zooms
    }

    fn encoding(&self) -> TileEncoding {
        self.encoding
    }

    fn tile(&self, z: u8, x: u32, y: u32) -> Result<Option<Vec<u8>>> {
        let Some(path) = self.tiles.get(&(z, x, y)) else { return Ok(None) };
        let bytes = fs::read(path).map_err(|e| ErrorKind::io("read", e).in_file(path))?;
        tile_map::plain(bytes, self.limit).map(Some).map_err(|kind| kind.in_file(path))
    }

    fn list(&self, z: u8) -> Result<Vec<(u32, u32)>> {
        Ok(self.tiles.range((z, 0, 0)..=(z, u32::MAX, u32::MAX)).map(|(k, _)| (k.1, k.2)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_of_tiles_is_listed_by_zoom() {
        let folder = tempfile::tempdir().expect("a folder");
        for (z, x, y) in [(1, 0, 1), (1, 1, 0), (0, 0, 0)] {
            let at = folder.path().join(format!("{z}/{x}"));
            fs::create_dir_all(&at).expect("made");
            fs::write(at.join(format!("{y}.png")), b"not looked at").expect("written");
        }
        fs::create_dir_all(folder.path().join("1/9")).expect("made");
        fs::write(folder.path().join("1/9/0.png"), b"outside").expect("written");
        assert!(detect(folder.path()));
        let map = open(folder.path(), &MapOptions::default()).expect("tiles");
        let raster = map.raster().expect("pictures");
        assert_eq!(raster.zooms(), [0, 1]);
        assert_eq!(raster.list(1).expect("listed"), [(0, 1), (1, 0)]);
        assert_eq!(map.probe().expect("probed").problems.len(), 1);
        assert!(raster.tile(1, 1, 1).expect("no error").is_none());
    }

    #[test]
    fn an_empty_folder_is_an_error() {
        let folder = tempfile::tempdir().expect("a folder");
        assert!(!detect(folder.path()));
        assert!(open(folder.path(), &MapOptions::default()).is_err());
    }
}
