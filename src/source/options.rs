//! What a config says about how to read a source.

use std::collections::BTreeMap;

/// Names of the columns of a user's CSV, by our names (`t_ns`, `lon`, `lat`, `height_m`, `track`, …).
pub type CsvColumns = BTreeMap<String, String>;

/// What readers accept from untrusted input; above it a record or file is refused, never the machine exhausted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Pixels of a picture.
    pub pixels: u64,
    /// Points of a sweep.
    pub points: u64,
    /// Bytes of one file that is read whole.
    pub file_bytes: u64,
    /// Bytes that a compressed block may grow to.
    pub inflated_bytes: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { pixels: 400_000_000, points: 100_000_000, file_bytes: 4 << 30, inflated_bytes: 1 << 30 }
    }
}

/// How to read a `[[map]]`.
#[derive(Debug, Clone, Default)]
pub struct MapOptions {
    /// The source's path as the config writes it: what `MapFeature::source` says.
    pub label: String,
    /// SPDX licence.
    pub license: String,
    /// Put plain lines and polygons (`geojson`, `geoparquet`, MVT) into this layer.
    pub layer: Option<String>,
    /// Our attribute or `class`/`name`/`id` by the source's property.
    pub columns: CsvColumns,
    /// Coordinate system of the source where it does not say, e.g. `EPSG:5186`.
    pub crs: Option<String>,
    /// Use this zoom of a tile archive.
    pub zoom: Option<u8>,
    /// What is accepted from untrusted input.
    pub limits: Limits,
}

/// How to read a `[[recording]]`.
#[derive(Debug, Clone, Default)]
pub struct RecordingOptions {
    /// The source's path as the config writes it.
    pub label: String,
    /// SPDX licence; a recording's own `recording.toml` may name another.
    pub license: String,
    /// The channel of pictures that lie flat in a folder, without `images/CHANNEL/`.
    pub channel: Option<String>,
    /// CSV columns by our names.
    pub columns: CsvColumns,
    /// Coordinate system of positions where it is not WGS84.
    pub crs: Option<String>,
    /// Zone of local times without one, `+09:00` or `Asia/Seoul`-like fixed offset.
    pub timezone: Option<String>,
    /// What is accepted from untrusted input.
    pub limits: Limits,
}
