//! What all tile archives share: a store of tiles, read as imagery or, where it holds vector tiles, as features.

use std::io::Read;
use std::path::PathBuf;

use super::mvt;
use super::plain::Plainer;
use super::shape;
use crate::coord::BBox;
use crate::coord::tile::Tile;
use crate::error::{ErrorKind, Location, Quarantine, Result};
use crate::record::{MapFeature, MapLayer, SourceFile};
use crate::source::{MapOptions, MapSource, Probe, RasterTiles, TileEncoding};

/// Bytes that one tile may inflate to.
const MAX_TILE: u64 = 256 << 20;

/// A tile archive as a map.
pub struct TileMap<S> {
    pub kind: &'static str,
    pub path: PathBuf,
    pub files: Vec<SourceFile>,
    pub store: S,
    pub options: MapOptions,
    /// What the store refused when it was opened.
    pub refused: Quarantine,
    pub notes: Vec<String>,
}

impl<S: RasterTiles> TileMap<S> {
    /// The layer of the options, checked.
    fn layer(&self) -> Result<Option<MapLayer>> {
        let unknown = |name: &str| ErrorKind::Unknown { what: "map layer", name: name.into() }.in_file(&self.path);
        self.options.layer.as_deref().map(|n| MapLayer::from_name(n).ok_or_else(|| unknown(n))).transpose()
    }

    /// The zoom that features are read from: the config's, else the deepest.
    fn zoom(&self) -> Result<Option<u8>> {
        let zooms = self.store.zooms();
        match self.options.zoom {
            Some(z) if !zooms.contains(&z) => {
                let there: Vec<String> = zooms.iter().map(u8::to_string).collect();
                let missing = ErrorKind::Config(format!("no tiles at zoom {z}")).in_file(&self.path);
                Err(missing.with_hint(format!("zooms: {}", there.join(", "))))
            }
            Some(z) => Ok(Some(z)),
            None => Ok(zooms.last().copied()),
        }
    }
}

impl<S: RasterTiles> MapSource for TileMap<S> {
    fn kind(&self) -> &'static str {
        self.kind
    }

    fn files(&self) -> &[SourceFile] {
        &self.files
    }

    fn probe(&self) -> Result<Probe> {
        let mut probe = Probe { kind: self.kind.into(), notes: self.notes.clone(), ..Probe::default() };
        let encoding = self.store.encoding();
        probe.notes.push(format!("encoding: {}", format!("{encoding:?}").to_lowercase()));
        let mut extent: Option<BBox> = None;
        let zooms = self.store.zooms();
        for &z in &zooms {
            let tiles = self.store.list(z)?;
            probe.counts.insert(format!("tiles/z{z:02}"), tiles.len() as u64);
            *probe.counts.entry("tiles".into()).or_default() += tiles.len() as u64;
            // The deepest level says best where there is something.
            if Some(&z) == zooms.last() {
                for (x, y) in tiles {
                    if let Ok(tile) = Tile::new(z, x, y) {
                        extent = Some(extent.map_or(tile.bounds(), |e| e.union(&tile.bounds())));
                    }
                }
            }
        }
        Ok(probe.with_extent(extent).with_problems(&self.refused))
    }

    fn read(
        &self,
        area: Option<BBox>,
        quarantine: &mut Quarantine,
        sink: &mut dyn FnMut(MapFeature) -> Result<()>,
    ) -> Result<()> {
        quarantine.merge(self.refused.clone());
        if self.store.encoding() != TileEncoding::Mvt {
            return Ok(());
        }
        let layer = self.layer()?;
        let Some(z) = self.zoom()? else { return Ok(()) };
        let plainer = Plainer::new(&self.options);
        for (x, y) in self.store.list(z)? {
            let place = Location::file(self.path.join(format!("{z}/{x}/{y}")));
            let Ok(tile) = Tile::new(z, x, y) else {
                quarantine.refuse(&place, "a tile outside its level");
                continue;
            };
            if area.is_some_and(|a| !a.intersects(&tile.bounds())) {
                continue;
            }
            let bytes = match self.store.tile(z, x, y) {
                Ok(Some(bytes)) => bytes,
                Ok(None) => continue,
                Err(error) => {
                    quarantine.refuse_error(&error);
                    continue;
                }
            };
            let mut features = Vec::new();
            if let Err(kind) = mvt::features(&bytes, tile, layer, &plainer, &place, quarantine, &mut features) {
                quarantine.refuse(&place, kind);
            }
            for feature in features {
                if shape::touches(&feature.geometry, area) {
                    sink(feature)?;
                }
            }
        }
        Ok(())
    }

    fn raster(&self) -> Option<&dyn RasterTiles> {
        (self.store.encoding() != TileEncoding::Mvt).then_some(&self.store as &dyn RasterTiles)
    }
}

/// The bytes of a tile without gzip, where it has any.
///
/// # Errors
///
/// Bytes that do not inflate, or to more than 256 MiB or the source's own limit.
pub fn plain(bytes: Vec<u8>, limit: u64) -> Result<Vec<u8>, ErrorKind> {
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return Ok(bytes);
    }
    let limit = limit.min(MAX_TILE);
    let mut out = Vec::new();
    let read = flate2::read::MultiGzDecoder::new(&bytes[..]).take(limit + 1).read_to_end(&mut out);
    read.map_err(|e| ErrorKind::malformed("gzip", e.to_string()))?;
    if out.len() as u64 > limit {
        return Err(ErrorKind::LimitExceeded { what: "bytes of a tile", found: out.len() as u64, limit });
    }
    Ok(out)
}

/// The encoding of a file's extension or a format's name.
pub fn encoding(name: &str) -> Option<TileEncoding> {
    Some(match name.to_ascii_lowercase().as_str() {
        "png" => TileEncoding::Png,
        "jpg" | "jpeg" => TileEncoding::Jpeg,
        "webp" => TileEncoding::Webp,
        "mvt" | "pbf" => TileEncoding::Mvt,
        _ => return None,
    })
}
