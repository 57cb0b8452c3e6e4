//! Maps: one file or folder a format. What several of them need of plane geometry is in [`shape`].

pub mod argoverse2;
pub mod geojson;
pub mod geoparquet;
pub mod mbtiles;
mod mvt;
pub mod osm;
mod plain;
pub mod pmtiles;
mod roads;
pub mod shape;
mod tile_map;
pub mod tiles;
