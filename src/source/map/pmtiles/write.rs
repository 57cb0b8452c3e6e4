//! Writing an archive, for `map/imagery.pmtiles`.

use std::fs::File;
use std::path::Path;

use ::pmtiles::{PmTilesWriter, TileCoord, TileId, TileType};

use crate::coord::BBox;
use crate::coord::tile::Tile;
use crate::error::{ErrorKind, Result};
use crate::source::TileEncoding;

/// Writes tiles to a PMTiles 3 archive, clustered by tile id; equal tiles are stored once.
///
/// `read` gives the encoded bytes of a tile (vector tiles without gzip: they are compressed here); it is called once
/// a tile, in the order of tile ids. `metadata` is the archive's JSON object, e.g. name and attribution. The same
/// tiles give the same bytes, in whatever order they are named.
///
/// # Errors
///
/// No tiles, a file that cannot be written, or what `read` answers.
pub fn write(
    path: &Path,
    encoding: TileEncoding,
    mut tiles: Vec<Tile>,
    metadata: &serde_json::Map<String, serde_json::Value>,
    mut read: impl FnMut(Tile) -> Result<Vec<u8>>,
) -> Result<()> {
    let coord = |t: &Tile| TileCoord::new(t.z, t.x, t.y).map_err(|e| ErrorKind::Config(e.to_string()).in_file(path));
    let mut keyed = Vec::with_capacity(tiles.len());
    for tile in tiles.drain(..) {
        keyed.push((TileId::from(coord(&tile)?), tile));
    }
    keyed.sort_by_key(|(id, _)| *id);
    keyed.dedup_by_key(|(id, _)| *id);
    let (Some((_, first)), Some((_, last))) = (keyed.first(), keyed.last()) else {
        return Err(ErrorKind::Config("an archive needs a tile".to_string()).in_file(path));
    };
    let deepest = keyed.iter().filter(|(_, t)| t.z == last.z).map(|(_, t)| t.bounds());
    let Some(b) = deepest.reduce(|a: BBox, b| a.union(&b)) else {
        return Err(ErrorKind::Config("an archive needs a tile".to_string()).in_file(path));
    };
    let kind = match encoding {
        TileEncoding::Png => TileType::Png,
        TileEncoding::Jpeg => TileType::Jpeg,
        TileEncoding::Webp => TileType::Webp,
        TileEncoding::Mvt => TileType::Mvt,
    };
    let failed = |e: ::pmtiles::PmtError| ErrorKind::io("write", std::io::Error::other(e)).in_file(path);
    let file = File::create(path).map_err(|e| ErrorKind::io("create", e).in_file(path))?;
    let mut writer = PmTilesWriter::new(kind)
        .min_zoom(first.z)
        .max_zoom(last.z)
        .bounds(b.xmin, b.ymin, b.xmax, b.ymax)
        .center((b.xmin + b.xmax) / 2.0, (b.ymin + b.ymax) / 2.0)
        .center_zoom(last.z)
        .metadata(serde_json::Value::Object(metadata.clone()).to_string())
        .create(file)
        .map_err(failed)?;
    for (_, tile) in &keyed {
        writer.add_tile(coord(tile)?, &read(*tile)?).map_err(failed)?;
    }
    writer.finalize().map_err(failed)
}
