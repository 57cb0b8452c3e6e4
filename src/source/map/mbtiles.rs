//! MBTiles 1.3: tiles in an SQLite file, rows counted from the south.
//!
//! Source: <https://github.com/mapbox/mbtiles-spec/blob/master/1.3/spec.md>. The metadata's bounds and zooms are not
//! believed: what is there is what the table of tiles says.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rusqlite::{Connection, OpenFlags, OptionalExtension};

use super::tile_map::{self, TileMap};
use crate::coord::tile::Tile;
use crate::error::{ErrorKind, Location, Quarantine, Result};
use crate::record::SourceFile;
use crate::source::{MapOptions, MapSource, RasterTiles, TileEncoding};

/// Whether a path is an SQLite file called `.mbtiles`.
pub fn detect(path: &Path) -> bool {
    let mut first = [0; 16];
    path.extension().is_some_and(|e| e.eq_ignore_ascii_case("mbtiles"))
        && File::open(path).and_then(|mut f| f.read_exact(&mut first)).is_ok()
        && &first == b"SQLite format 3\0"
}

struct Store {
    path: PathBuf,
    connection: Mutex<Connection>,
    tiles: BTreeMap<u8, Vec<(u32, u32)>>,
    encoding: TileEncoding,
    limit: u64,
}

fn sql(path: &Path) -> impl Fn(rusqlite::Error) -> crate::Error + '_ {
    move |e| ErrorKind::malformed("MBTiles", e.to_string()).in_file(path)
}

/// Opens an MBTiles file and lists its tiles.
///
/// # Errors
///
/// A file that is no SQLite database, lacks the table of tiles or names a format that is not known.
pub fn open(path: &Path, options: &MapOptions) -> Result<Box<dyn MapSource>> {
    let size = std::fs::metadata(path).map_err(|e| ErrorKind::io("read", e).in_file(path))?.len();
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(sql(path))?;
    let mut metadata: BTreeMap<String, String> = BTreeMap::new();
    {
        let mut statement = connection.prepare("SELECT name, value FROM metadata").map_err(sql(path))?;
        let mut rows = statement.query([]).map_err(sql(path))?;
        while let Some(row) = rows.next().map_err(sql(path))? {
            if let (Ok(name), Ok(value)) = (row.get(0), row.get(1)) {
                metadata.insert(name, value);
            }
        }
    }
    let mut refused = Quarantine::new();
    let tiles = list(&connection, path, &mut refused)?;
    let encoding = match metadata.get("format") {
        Some(name) => tile_map::encoding(name)
            .ok_or_else(|| ErrorKind::Unsupported(format!("the tile format `{name}`")).in_file(path))?,
        None => return Err(ErrorKind::malformed("MBTiles", "no `format` in the metadata").in_file(path)),
    };
    let mut notes = Vec::new();
    for key in ["name", "attribution"] {
        notes.extend(metadata.get(key).map(|value| format!("{key}: {value}")));
    }
    let relative = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let files = vec![SourceFile { relative, absolute: path.to_path_buf(), size }];
    let limit = options.limits.inflated_bytes;
    let store = Store { path: path.to_path_buf(), connection: Mutex::new(connection), tiles, encoding, limit };
    let (path, options) = (path.to_path_buf(), options.clone());
    Ok(Box::new(TileMap { kind: "mbtiles", path, files, store, options, refused, notes }))
}

/// The tiles of each zoom, by x, then y.
fn list(connection: &Connection, path: &Path, refused: &mut Quarantine) -> Result<BTreeMap<u8, Vec<(u32, u32)>>> {
    let mut tiles: BTreeMap<u8, Vec<(u32, u32)>> = BTreeMap::new();
    let query = "SELECT zoom_level, tile_column, tile_row FROM tiles ORDER BY 1, 2, 3 DESC";
    let mut statement = connection.prepare(query).map_err(sql(path))?;
    let mut rows = statement.query([]).map_err(sql(path))?;
    let mut record = 0;
    while let Some(row) = rows.next().map_err(sql(path))? {
        let whole = |i| row.get::<_, i64>(i).ok();
        let tile = (|| {
            let (z, x, y) = (whole(0)?.try_into().ok()?, whole(1)?.try_into().ok()?, whole(2)?.try_into().ok()?);
            Tile::from_tms(z, x, y).ok()
        })();
        match tile {
            Some(tile) => tiles.entry(tile.z).or_default().push((tile.x, tile.y)),
            None => refused.refuse(&Location::record(path, record), "a row that is no tile of its zoom"),
        }
        record += 1;
    }
    for level in tiles.values_mut() {
        level.dedup();
    }
    Ok(tiles)
}

impl RasterTiles for Store {
    fn zooms(&self) -> Vec<u8> {
        self.tiles.keys().copied().collect()
    }

    fn encoding(&self) -> TileEncoding {
        self.encoding
    }

    fn tile(&self, z: u8, x: u32, y: u32) -> Result<Option<Vec<u8>>> {
        let Ok(tile) = Tile::new(z, x, y) else { return Ok(None) };
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let query = "SELECT tile_data FROM tiles WHERE zoom_level = ? AND tile_column = ? AND tile_row = ?";
        let mut statement = connection.prepare_cached(query).map_err(sql(&self.path))?;
        let bytes: Option<Vec<u8>> =
            statement.query_row((z, x, tile.tms_y()), |row| row.get(0)).optional().map_err(sql(&self.path))?;
        let place = || self.path.join(format!("{z}/{x}/{y}"));
        bytes.map(|b| tile_map::plain(b, self.limit).map_err(|kind| kind.in_file(place()))).transpose()
    }

    fn list(&self, z: u8) -> Result<Vec<(u32, u32)>> {
        Ok(self.tiles.get(&z).cloned().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_turned_to_count_from_the_north() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.mbtiles");
        let made = Connection::open(&path).expect("a database");
        made.execute_batch(
            "CREATE TABLE metadata (name text, value text); CREATE TABLE tiles (zoom_level integer, tile_column integer, \
             tile_row integer, tile_data blob); INSERT INTO metadata VALUES ('format', 'png'); \
             INSERT INTO tiles VALUES (1, 0, 0, x'89504e47'), (1, 1, 9, x'00'), (1, 1, 1, x'01');",
        )
        .expect("filled");
        drop(made);
        assert!(detect(&path));
        let map = open(&path, &MapOptions::default()).expect("tiles");
        let raster = map.raster().expect("pictures");
        assert_eq!(raster.list(1).expect("listed"), [(0, 1), (1, 0)]);
        assert_eq!(raster.tile(1, 0, 1).expect("read"), Some(vec![0x89, 0x50, 0x4e, 0x47]));
        assert_eq!(map.probe().expect("probed").problems.len(), 1, "row 9 of zoom 1");
    }

    #[test]
    fn a_database_without_tiles_is_an_error() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.mbtiles");
        Connection::open(&path).and_then(|c| c.execute_batch("CREATE TABLE a (b)")).expect("a database");
        assert!(open(&path, &MapOptions::default()).is_err());
        std::fs::write(&path, b"SQLite format 3\0 and then nonsense").expect("written");
        assert!(open(&path, &MapOptions::default()).is_err());
    }

    #[test]
    fn boston_has_three_tiles_of_buildings_under_a_zoom_that_the_metadata_gets_wrong() {
        let Some(data) = std::env::var_os("WORLDLOOM_DATA") else {
            eprintln!("skipped: WORLDLOOM_DATA is not set");
            return;
        };
        let path = Path::new(&data).join("tile-archives/bostonbuildings.mbtiles");
        let map = open(&path, &MapOptions::default()).expect("tiles");
        let probe = map.probe().expect("probed");
        assert_eq!(probe.counts.get("tiles/z13"), Some(&3));
        let (mut buildings, mut quarantine) = (0u64, Quarantine::new());
        let mut sink = |f: crate::record::MapFeature| {
            assert!(geo::Validation::is_valid(&f.geometry), "{}", f.id);
            buildings += 1;
            Ok(())
        };
        map.read(None, &mut quarantine, &mut sink).expect("readable");
        // mapbox-vector-tile 2.2 finds 19,314 + 15,513 + 15,726; those wholly in a buffer are left out.
        assert!((45_000..=50_553).contains(&(buildings + quarantine.total())), "{buildings}, {}", quarantine.total());
    }
}
