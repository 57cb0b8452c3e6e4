//! The imagery of a data set: the raster tiles of its maps around the recordings' paths, in `map/imagery.pmtiles`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use crate::coord::tile::Tile;
use crate::coord::{BBox, LocalPlane};
use crate::dataset::IMAGERY;
use crate::error::{ErrorKind, Location, Quarantine, Result};
use crate::render::imagery::{levels, picture};
use crate::source::RasterTiles;
use crate::source::map::pmtiles;

use super::Loaded;
use super::maps::reach_m;
use super::plan::{Plan, sample_config};

/// Metres between the places around which tiles are looked for.
const STEP_M: f64 = 50.0;
/// Neighbouring positions farther apart than this, metres, are a jump and no path.
const JUMP_M: f64 = 5000.0;

/// What was copied.
pub struct Copied {
    /// The archive.
    pub path: PathBuf,
    /// Its tiles.
    pub tiles: u64,
}

/// Copies tiles as they are, each after decoding it once; `None` where no map has any there.
///
/// Of each map, the zooms that its recordings' rasters use (see [`levels`]), or the config's `zoom`. Where maps overlap,
/// the first has the tile. One archive has one encoding and one size of tiles: those of its first tile; what differs is
/// left out and said to be.
///
/// # Errors
///
/// A `zoom` without tiles, or an archive that cannot be written.
pub fn copy_imagery(
    loaded: &Loaded,
    plan: &Plan,
    data: &Path,
    quarantine: &mut Quarantine,
    notes: &mut Vec<String>,
) -> Result<Option<Copied>> {
    let mut chosen: BTreeMap<Tile, usize> = BTreeMap::new();
    let mut form = None;
    let mut attributions: BTreeSet<&str> = BTreeSet::new();
    for (number, map) in plan.maps.iter().enumerate() {
        let Some(tiles) = map.source.raster() else { continue };
        let encoding = tiles.encoding();
        if form.is_some_and(|(first, _)| first != encoding) {
            notes.push(format!("{}: tiles of another encoding than those of an earlier map are left out", map.label));
            continue;
        }
        let before = chosen.len();
        for z in zooms(loaded, plan, number, tiles)? {
            let wanted = around_paths(loaded, plan, z);
            for (x, y) in tiles.list(z)?.into_iter().filter(|place| wanted.contains(place)) {
                let Ok(tile) = Tile::new(z, x, y) else { continue };
                if chosen.contains_key(&tile) {
                    continue;
                }
                let place = Location::file(Path::new(&map.label).join(tile.to_string()));
                let size = match tiles.tile(z, x, y).map(|bytes| bytes.map(|b| picture(&b))) {
                    Ok(Some(Ok(picture))) => picture.width(),
                    Ok(Some(Err(kind))) => {
                        quarantine.refuse(&place, kind);
                        continue;
                    }
                    Ok(None) => continue,
                    Err(error) => {
                        quarantine.refuse(&place, error.kind());
                        continue;
                    }
                };
                let (_, usual) = *form.get_or_insert((encoding, size));
                if size == usual {
                    chosen.insert(tile, number);
                } else {
                    quarantine.refuse(&place, format!("a tile {size} pixels wide, where others are {usual}"));
                }
            }
        }
        if chosen.len() > before {
            attributions.extend(loaded.config.map[number].attribution.as_deref());
        }
    }
    let Some((encoding, _)) = form else { return Ok(None) };
    let path = data.join(IMAGERY);
    let mut metadata = Map::new();
    metadata.insert("name".to_string(), json!(loaded.config.dataset.name));
    if !attributions.is_empty() {
        metadata
            .insert("attribution".to_string(), Value::from(attributions.into_iter().collect::<Vec<_>>().join("; ")));
    }
    let count = chosen.len() as u64;
    pmtiles::write(&path, encoding, chosen.keys().copied().collect(), &metadata, |tile| {
        let source = chosen.get(&tile).and_then(|number| plan.maps[*number].source.raster());
        let bytes = source.map(|s| s.tile(tile.z, tile.x, tile.y)).transpose()?.flatten();
        bytes.ok_or_else(|| ErrorKind::Damaged(format!("the tile {tile} went away while it was copied")).bare())
    })?;
    Ok(Some(Copied { path, tiles: count }))
}

/// The zooms of a map that rasters use.
fn zooms(loaded: &Loaded, plan: &Plan, number: usize, tiles: &dyn RasterTiles) -> Result<Vec<u8>> {
    let all = tiles.zooms();
    if let Some(z) = loaded.config.map[number].zoom {
        if all.contains(&z) {
            return Ok(vec![z]);
        }
        let there: Vec<String> = all.iter().map(u8::to_string).collect();
        let error = loaded.error("map", number, "zoom", format!("no tiles at zoom {z}"));
        return Err(error.with_hint(format!("zooms: {}", there.join(", "))));
    }
    // A tile's size tells how fine a zoom is; where the first is no picture, the usual one is taken for it.
    let first = match all.first() {
        Some(&z) => tiles.list(z)?.first().map(|&(x, y)| tiles.tile(z, x, y)),
        None => None,
    };
    let size = first.and_then(Result::ok).flatten().and_then(|b| picture(&b).ok()).map_or(256, |p| p.width());
    let mut wanted = BTreeSet::new();
    for source in &plan.sources {
        let resolution = sample_config(loaded, source.entry).bev.resolution_m;
        for segment in &source.segments {
            // Pixels are largest where the path is nearest to the equator.
            let b = segment.bounds;
            let lat = if b.ymin <= 0.0 && b.ymax >= 0.0 { 0.0 } else { b.ymin.abs().min(b.ymax.abs()) };
            wanted.extend(levels(&all, size, lat, resolution));
        }
    }
    Ok(wanted.into_iter().collect())
}

/// Column and row of every tile of a zoom that a raster on some path can touch.
fn around_paths(loaded: &Loaded, plan: &Plan, z: u8) -> BTreeSet<(u32, u32)> {
    let mut found = BTreeSet::new();
    for source in &plan.sources {
        let reach = reach_m(loaded, source.entry);
        let mut add = |lon: f64, lat: f64| {
            let here = BBox { xmin: lon, ymin: lat, xmax: lon, ymax: lat }.grown_m(reach);
            let (columns, rows) = Tile::covering(here, z);
            found.extend(columns.flat_map(|x| rows.clone().map(move |y| (x, y))));
        };
        for segment in &source.segments {
            for &(lon, lat) in segment.path.iter().take(1) {
                add(lon, lat);
            }
            for pair in segment.path.windows(2) {
                let plane = LocalPlane::at(pair[0].0, pair[0].1);
                let (x, y) = plane.to_m(pair[1].0, pair[1].1);
                let length = libm::hypot(x, y);
                let steps = if length > JUMP_M { 1 } else { (length / STEP_M).ceil().max(1.0) as u32 };
                for step in 1..=steps {
                    let w = f64::from(step) / f64::from(steps);
                    let (lon, lat) = plane.to_deg(x * w, y * w);
                    add(lon, lat);
                }
            }
        }
    }
    found
}
