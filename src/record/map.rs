//! Map features: one geometry, its layer and what the map says of it.

use std::sync::Arc;

use geo::Geometry;
use serde::{Deserialize, Serialize};

/// The map layers of a data set; each is a file `map/<layer>.parquet`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)] // the names are the field's own words
pub enum MapLayer {
    Road,
    Lane,
    LaneDivider,
    Drivable,
    Crossing,
    Sidewalk,
    StopLine,
    Building,
    Vegetation,
    Water,
    Rail,
    Sign,
    Signal,
    Poi,
    Address,
}

/// All layers, in the order of their files.
pub const LAYERS: [MapLayer; 15] = [
    MapLayer::Road,
    MapLayer::Lane,
    MapLayer::LaneDivider,
    MapLayer::Drivable,
    MapLayer::Crossing,
    MapLayer::Sidewalk,
    MapLayer::StopLine,
    MapLayer::Building,
    MapLayer::Vegetation,
    MapLayer::Water,
    MapLayer::Rail,
    MapLayer::Sign,
    MapLayer::Signal,
    MapLayer::Poi,
    MapLayer::Address,
];

impl MapLayer {
    /// The file's name, e.g. `lane_divider`.
    pub fn name(self) -> &'static str {
        match self {
            MapLayer::Road => "road",
            MapLayer::Lane => "lane",
            MapLayer::LaneDivider => "lane_divider",
            MapLayer::Drivable => "drivable",
            MapLayer::Crossing => "crossing",
            MapLayer::Sidewalk => "sidewalk",
            MapLayer::StopLine => "stop_line",
            MapLayer::Building => "building",
            MapLayer::Vegetation => "vegetation",
            MapLayer::Water => "water",
            MapLayer::Rail => "rail",
            MapLayer::Sign => "sign",
            MapLayer::Signal => "signal",
            MapLayer::Poi => "poi",
            MapLayer::Address => "address",
        }
    }

    /// The layer of a name.
    pub fn from_name(name: &str) -> Option<MapLayer> {
        LAYERS.into_iter().find(|l| l.name() == name)
    }

    /// Whether the layer holds polygons only: lines and points are given their width there, with `derived` true.
    pub fn is_area(self) -> bool {
        use MapLayer::*;
        matches!(self, Drivable | Crossing | Sidewalk | Building | Vegetation | Water)
    }
}

/// What a map says of a feature beside its class and names; the same columns in every layer.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct MapAttributes {
    /// Lanes, both directions together.
    pub lanes: Option<i32>,
    /// `yes`, `no`, `reverse` as the road is driven along its geometry.
    pub oneway: Option<String>,
    /// Width, metres.
    pub width_m: Option<f64>,
    /// Height over ground, metres.
    pub height_m: Option<f64>,
    /// Speed limit, km/h.
    pub maxspeed_kmh: Option<f64>,
    /// Surface, e.g. `asphalt`.
    pub surface: Option<String>,
    /// Vertical order at crossings without junction (OSM `layer`), with `bridge`/`tunnel` in `structure`.
    pub level: Option<i32>,
    /// `bridge` or `tunnel`.
    pub structure: Option<String>,
    /// Paint of a line: e.g. `white_dashed`, `yellow_solid`.
    pub marking: Option<String>,
    /// Which way a sign or signal faces, degrees clockwise from north.
    pub direction_deg: Option<f64>,
}

/// One feature of a map layer.
#[derive(Debug, Clone, PartialEq)]
pub struct MapFeature {
    /// Unique in its layer and the same on every read: `way/123`, `relation/5`, `lane/47`; parts get a suffix `/1`.
    pub id: String,
    /// Which layer.
    pub layer: MapLayer,
    /// WGS84 degrees, `lon, lat`, valid; polygons only in area layers.
    pub geometry: Geometry<f64>,
    /// What it is in the source's words, e.g. `residential`, `zebra`; never empty.
    pub class: String,
    /// Name as on the spot.
    pub name: Option<String>,
    /// Korean name.
    pub name_ko: Option<String>,
    /// English name.
    pub name_en: Option<String>,
    /// What else the map says.
    pub attributes: MapAttributes,
    /// Made from tags (e.g. a width), not surveyed.
    pub derived: bool,
    /// The id in the source, e.g. `way/123`.
    pub source_id: String,
    /// The source: its path relative to the config.
    pub source: Arc<str>,
    /// SPDX licence of the source.
    pub license: Arc<str>,
}

#[cfg(test)]
impl MapFeature {
    /// A feature of a map `map.osm` that says no more than this of it.
    pub(crate) fn example(id: &str, layer: MapLayer, class: &str, geometry: Geometry<f64>) -> MapFeature {
        MapFeature {
            id: id.to_string(),
            layer,
            geometry,
            class: class.to_string(),
            name: None,
            name_ko: None,
            name_en: None,
            attributes: MapAttributes::default(),
            derived: false,
            source_id: id.to_string(),
            source: "map.osm".into(),
            license: "ODbL-1.0".into(),
        }
    }
}
