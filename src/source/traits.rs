//! What a reader is to the rest of the crate.

use crate::coord::BBox;
use crate::error::{Quarantine, Result};
use crate::record::{FrameRecord, MapFeature, MediaRef, Recording, RoadGraphBuilder, SourceFile};

use super::Probe;

/// A map: vector features, imagery tiles, or both.
pub trait MapSource: Send + Sync {
    /// The kind as in the config, e.g. `osm`.
    fn kind(&self) -> &'static str;

    /// The files it reads, sorted by relative path.
    fn files(&self) -> &[SourceFile];

    /// What it holds. Reads the whole source but keeps nothing.
    fn probe(&self) -> Result<Probe>;

    /// Gives every feature whose bounds touch `area` (all without one) to `sink`, in a fixed order.
    ///
    /// Geometries are valid WGS84 lon/lat; area layers hold polygons only. Refused records go to `quarantine`.
    fn read(
        &self,
        area: Option<BBox>,
        quarantine: &mut Quarantine,
        sink: &mut dyn FnMut(MapFeature) -> Result<()>,
    ) -> Result<()>;

    /// Adds the roads whose bounds touch `area` (all without one), with who may use them, to a graph; none by default.
    ///
    /// # Errors
    ///
    /// Where the map cannot be read at all.
    fn roads(&self, area: Option<BBox>, quarantine: &mut Quarantine, builder: &mut RoadGraphBuilder) -> Result<()> {
        let _ = (area, quarantine, builder);
        Ok(())
    }

    /// The imagery, where this map is (or has) raster tiles.
    fn raster(&self) -> Option<&dyn RasterTiles> {
        None
    }
}

/// How the bytes of a tile are encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TileEncoding {
    /// PNG picture.
    Png,
    /// JPEG picture.
    Jpeg,
    /// WebP picture.
    Webp,
    /// Mapbox vector tile (decompressed).
    Mvt,
}

/// Imagery as Web Mercator tiles, XYZ rows (y grows southwards).
pub trait RasterTiles: Send + Sync {
    /// Zoom levels that hold tiles, ascending.
    fn zooms(&self) -> Vec<u8>;

    /// How pictures are encoded.
    fn encoding(&self) -> TileEncoding;

    /// The encoded bytes of a tile; `None` where there is none.
    fn tile(&self, z: u8, x: u32, y: u32) -> Result<Option<Vec<u8>>>;

    /// Every tile that is there at a zoom, by x, then y.
    fn list(&self, z: u8) -> Result<Vec<(u32, u32)>>;
}

/// A drive or photo sequence (or several: one CSV may hold many tracks).
pub trait RecordingSource: Send + Sync {
    /// The kind as in the config, e.g. `folder`.
    fn kind(&self) -> &'static str;

    /// The files it reads, sorted by relative path.
    fn files(&self) -> &[SourceFile];

    /// What it holds. Reads headers and traces, not pixels.
    fn probe(&self) -> Result<Probe>;

    /// The recordings in it: traces in memory, media by reference; a fixed order.
    ///
    /// Refused records go to `quarantine`; an error means that nothing of the source can be used.
    fn read(&self, quarantine: &mut Quarantine) -> Result<Vec<Recording>>;

    /// Gives the recordings that [`RecordingSource::read`] gives one after the other; a trace file's are not held together.
    ///
    /// # Errors
    ///
    /// As `read`, where some may have been given by then; and the first of `sink`.
    fn each(&self, quarantine: &mut Quarantine, sink: &mut dyn FnMut(Recording) -> Result<()>) -> Result<()> {
        self.read(quarantine)?.into_iter().try_for_each(sink)
    }

    /// The bytes of an observation, as they lie in the source.
    fn media(&self, frame: &FrameRecord) -> Result<Vec<u8>> {
        read_media(&frame.media)
    }
}

/// The bytes that a [`MediaRef`] points to.
pub fn read_media(media: &MediaRef) -> Result<Vec<u8>> {
    use crate::error::ErrorKind;
    use std::io::{Read, Seek, SeekFrom};
    match media {
        MediaRef::File(path) => std::fs::read(path).map_err(|e| ErrorKind::io("read", e).in_file(path)),
        MediaRef::Range { path, offset, length } => {
            let mut file = std::fs::File::open(path).map_err(|e| ErrorKind::io("open", e).in_file(path))?;
            file.seek(SeekFrom::Start(*offset)).map_err(|e| ErrorKind::io("read", e).in_file(path))?;
            let mut bytes = Vec::new();
            file.take(*length).read_to_end(&mut bytes).map_err(|e| ErrorKind::io("read", e).in_file(path))?;
            if bytes.len() as u64 != *length {
                return Err(
                    ErrorKind::malformed("media range", format!("{} bytes of {length}", bytes.len())).in_file(path)
                );
            }
            Ok(bytes)
        }
        MediaRef::Video(picture) => super::recording::video_media(picture).map_err(|kind| kind.in_file(media.path())),
        MediaRef::Message(message) => {
            super::recording::message_media(message).map_err(|kind| kind.in_file(&message.block.path))
        }
    }
}
