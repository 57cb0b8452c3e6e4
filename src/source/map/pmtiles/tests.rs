//! What the archive reader accepts and refuses, and that it reads what is written.

use proptest::prelude::*;

use super::*;
use crate::coord::tile::Tile;

fn written(tiles: &[(u8, u32, u32)]) -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.pmtiles");
    let tiles = tiles.iter().map(|&(z, x, y)| Tile::new(z, x, y).expect("a tile")).collect();
    let metadata = serde_json::Map::new();
    write(&path, TileEncoding::Png, tiles, &metadata, |t| Ok(vec![t.z, t.x as u8, t.y as u8 / 2])).expect("written");
    std::fs::read(path).expect("readable")
}

fn opened(bytes: &[u8]) -> Result<Archive> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.pmtiles");
    std::fs::write(&path, bytes).expect("written");
    Archive::open(&path, 1 << 20)
}

#[test]
fn what_is_written_is_read_whatever_the_order() {
    let bytes = written(&[(2, 3, 1), (1, 0, 0), (2, 0, 0)]);
    assert_eq!(bytes, written(&[(2, 0, 0), (2, 3, 1), (1, 0, 0)]));
    let archive = opened(&bytes).expect("an archive");
    assert_eq!(archive.zooms(), [1, 2]);
    assert_eq!(archive.list(2).expect("listed"), [(0, 0), (3, 1)]);
    assert_eq!(archive.tile(2, 3, 1).expect("read"), Some(vec![2, 3, 0]));
    assert_eq!(archive.tile(2, 3, 2).expect("read"), None);
}

/// A directory's bytes from its columns.
fn columns(all: &[&[u64]]) -> Vec<u8> {
    let mut out = Vec::new();
    for &n in all.iter().copied().flatten() {
        let mut n = n;
        while n >= 0x80 {
            out.push(n as u8 | 0x80);
            n >>= 7;
        }
        out.push(n as u8);
    }
    out
}

#[test]
fn a_directory_that_lies_is_refused() {
    let whole = columns(&[&[2], &[1, 2], &[1, 1], &[5, 5], &[1, 0]]);
    assert_eq!(raw::directory(&whole).expect("fine")[1].offset, 5);
    for (why, wrong) in [
        ("more entries than bytes", columns(&[&[1 << 40]])),
        ("the same tile twice", columns(&[&[2], &[1, 0], &[1, 1], &[5, 5], &[1, 0]])),
        ("a run over the next", columns(&[&[2], &[1, 2], &[9, 1], &[5, 5], &[1, 0]])),
        ("an id beyond zoom 31", columns(&[&[1], &[u64::MAX], &[1], &[5], &[1]])),
        ("a run above 32 bits", columns(&[&[1], &[1], &[1 << 33], &[5], &[1]])),
        ("no first offset", columns(&[&[1], &[1], &[1], &[5], &[0]])),
    ] {
        assert!(raw::directory(&wrong).is_err(), "{why}");
    }
}

/// An archive without compression whose root directory is `root` and whose leaves are `leaves`.
fn by_hand(root: &[u8], leaves: &[u8], data: &[u8]) -> Vec<u8> {
    let mut bytes = b"PMTiles\x03".to_vec();
    let mut at = 127u64;
    for length in [root.len(), 0, leaves.len(), data.len()] {
        bytes.extend(at.to_le_bytes());
        bytes.extend((length as u64).to_le_bytes());
        at += length as u64;
    }
    bytes.resize(127, 0);
    bytes[97] = 1;
    bytes[98] = 1;
    bytes[99] = 2;
    [&bytes, root, leaves, data].concat()
}

#[test]
fn a_tile_beyond_the_end_is_an_error_that_names_the_entry() {
    let root = columns(&[&[1], &[0], &[1], &[100], &[1]]);
    let error = opened(&by_hand(&root, &[], b"tile")).expect_err("beyond the end");
    assert!(error.to_string().contains("entry 0"), "{error}");
    assert!(error.location().is_some_and(|l| l.byte == Some(127)));
}

#[test]
fn a_leaf_that_names_itself_is_an_error() {
    let leaf = columns(&[&[1], &[0], &[0], &[5], &[1]]);
    assert!(opened(&by_hand(&leaf, &leaf, b"tile")).is_err());
}

#[test]
fn a_run_of_billions_is_an_error_not_a_list() {
    let root = columns(&[&[1], &[21], &[u64::from(u32::MAX)], &[4], &[1]]);
    let error = opened(&by_hand(&root, &[], b"tile")).expect_err("too many");
    assert!(matches!(error.kind(), ErrorKind::LimitExceeded { .. }), "{error}");
}

#[test]
fn real_archives_hold_what_the_python_reader_finds() {
    let Some(data) = std::env::var_os("WORLDLOOM_DATA") else {
        eprintln!("skipped: WORLDLOOM_DATA is not set");
        return;
    };
    // pmtiles 3.8.1 (Python), all_tiles().
    for (name, encoding, zooms, deepest, tiles) in [
        ("protomaps_firenze_vector", TileEncoding::Mvt, 15, 63, 108),
        ("stamen_toner_raster_z3", TileEncoding::Png, 4, 64, 85),
        ("usgs-mt-whitney-8-15-webp-512", TileEncoding::Webp, 8, 30, 50),
    ] {
        let path = Path::new(&data).join(format!("tile-archives/{name}.pmtiles"));
        let map = open(&path, &MapOptions::default()).expect("an archive");
        let archive = Archive::open(&path, 1 << 30).expect("an archive");
        let levels = archive.levels();
        let counts: Vec<usize> = levels.values().map(Vec::len).collect();
        assert_eq!((archive.encoding(), counts.len()), (encoding, zooms), "{name}");
        assert_eq!((counts.last().copied(), counts.iter().sum::<usize>()), (Some(deepest), tiles), "{name}");
        let mut quarantine = Quarantine::new();
        let mut layers = std::collections::BTreeMap::new();
        let mut sink = |f: crate::record::MapFeature| {
            assert!(geo::Validation::is_valid(&f.geometry), "{} {:?}", f.id, f.layer);
            *layers.entry(f.layer).or_insert(0) += 1;
            Ok(())
        };
        map.read(None, &mut quarantine, &mut sink).expect("readable");
        if encoding == TileEncoding::Mvt {
            use crate::record::MapLayer::*;
            assert!([Road, Building, Water, Vegetation, Poi].iter().all(|l| layers.contains_key(l)), "{layers:?}");
        }
    }
}

proptest! {
    #[test]
    fn mutated_archives_never_panic(at in 0usize..400, byte: u8, cut in 0usize..400) {
        let mut bytes = by_hand(&columns(&[&[2], &[0, 1], &[1, 0], &[4, 5], &[1, 1]]), &columns(&[&[1], &[5], &[1], &[4], &[1]]), b"tile");
        let length = bytes.len();
        bytes[at % length] = byte;
        bytes.truncate(length - cut % length);
        let _any = opened(&bytes);
    }

    #[test]
    fn arbitrary_directories_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _any = raw::directory(&bytes);
    }
}
