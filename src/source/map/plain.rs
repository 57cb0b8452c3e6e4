//! Features of formats that know geometries and properties but not our layers: GeoJSON, GeoParquet, vector tiles.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use geo::{Coord, Geometry, LineString, MultiPolygon};

use super::osm::{is_hangul, metres};
use super::shape::{self, Cap, Plane};
use crate::coord::BBox;
use crate::error::{Location, Quarantine};
use crate::record::{MapAttributes, MapFeature, MapLayer};
use crate::source::MapOptions;

/// Turns plain features of one source into features of our layers.
pub struct Plainer {
    columns: crate::source::CsvColumns,
    source: Arc<str>,
    license: Arc<str>,
}

/// A feature as such a format has it.
pub struct Plain<'a> {
    /// Its id, unique in its layer.
    pub id: String,
    /// The layer it goes to.
    pub layer: MapLayer,
    /// Its class where no property says.
    pub class: &'a str,
    /// WGS84 degrees; need not be valid.
    pub geometry: Geometry<f64>,
    /// The value of a property, as text.
    pub property: &'a dyn Fn(&str) -> Option<String>,
}

/// Width in metres that a line or point is given in an area layer, where no `width_m` says.
pub fn default_width_m(layer: MapLayer) -> f64 {
    match layer {
        MapLayer::Drivable => 6.5,
        MapLayer::Crossing => 4.0,
        MapLayer::Sidewalk => 2.0,
        MapLayer::Building => 5.0,
        _ => 3.0,
    }
}

impl Plainer {
    /// For a source with these options.
    pub fn new(options: &MapOptions) -> Plainer {
        Plainer {
            columns: options.columns.clone(),
            source: options.label.as_str().into(),
            license: options.license.as_str().into(),
        }
    }

    /// The property that stands for one of our attributes: as the config names it, else of the same name.
    pub fn column<'a>(&'a self, ours: &'a str) -> &'a str {
        self.columns.get(ours).map_or(ours, String::as_str)
    }

    /// The features of one plain feature: parts of a multi-line or multi-point get `/1`, `/2`, … behind the id.
    ///
    /// # Errors
    ///
    /// Why it cannot be used: out of range, no area, fewer than two points.
    pub fn features(&self, plain: Plain<'_>, out: &mut Vec<MapFeature>) -> Result<(), String> {
        let mut parts = Vec::new();
        flatten(plain.geometry.clone(), &mut parts);
        if parts.is_empty() {
            return Err("an empty geometry".to_string());
        }
        if !parts.iter().all(shape::in_range) {
            return Err("a coordinate that is no longitude and latitude".to_string());
        }
        let get = |ours: &str| (plain.property)(self.column(ours)).filter(|v| !v.trim().is_empty());
        let number = |ours: &str| get(ours).and_then(|v| metres(&v));
        let width_m = number("width_m");
        let name = get("name");
        let korean = get("name_ko").or_else(|| get("name:ko")).or_else(|| name.clone().filter(|n| is_hangul(n)));
        let count = parts.len();
        for (i, part) in parts.into_iter().enumerate() {
            let id = if count == 1 { plain.id.clone() } else { format!("{}/{}", plain.id, i + 1) };
            let (geometry, derived) = place(part, plain.layer, width_m)?;
            out.push(MapFeature {
                id,
                layer: plain.layer,
                geometry,
                class: get("class").unwrap_or_else(|| plain.class.to_string()),
                name: name.clone(),
                name_ko: korean.clone(),
                name_en: get("name_en").or_else(|| get("name:en")),
                attributes: MapAttributes {
                    lanes: get("lanes").and_then(|v| v.trim().parse().ok()).filter(|n| (1..=32).contains(n)),
                    oneway: get("oneway").and_then(|v| oneway(&v)),
                    width_m,
                    height_m: number("height_m"),
                    maxspeed_kmh: number("maxspeed_kmh"),
                    surface: get("surface"),
                    level: get("level").and_then(|v| v.trim().parse().ok()),
                    structure: get("structure").filter(|v| matches!(v.as_str(), "bridge" | "tunnel")),
                    marking: get("marking"),
                    direction_deg: get("direction_deg")
                        .and_then(|v| v.trim().parse::<f64>().ok())
                        .filter(|d| d.is_finite())
                        .map(|d| d.rem_euclid(360.0)),
                },
                derived,
                source_id: plain.id.clone(),
                source: self.source.clone(),
                license: self.license.clone(),
            });
        }
        Ok(())
    }
}

/// The features of a file as they come, a record after the other.
pub struct PlainReading<'a> {
    path: &'a Path,
    layer: MapLayer,
    plainer: Plainer,
    area: Option<BBox>,
    /// How often an id was given.
    given: BTreeMap<String, u64>,
}

impl<'a> PlainReading<'a> {
    /// The reading of a file into a layer, around an area.
    pub fn new(path: &'a Path, layer: MapLayer, options: &MapOptions, area: Option<BBox>) -> PlainReading<'a> {
        PlainReading { path, layer, plainer: Plainer::new(options), area, given: BTreeMap::new() }
    }

    /// Gives `sink` the features of a record that touch the area; one that cannot be used is refused by its number.
    ///
    /// The id is that of the column for it, else the record's `own`, else its number; the second of the same becomes
    /// `ID#2`.
    ///
    /// # Errors
    ///
    /// Those of `sink`.
    pub fn take(
        &mut self,
        (record, geometry, own): (u64, Result<Geometry<f64>, String>, Option<String>),
        property: &dyn Fn(&str) -> Option<String>,
        quarantine: &mut Quarantine,
        sink: &mut dyn FnMut(MapFeature) -> crate::error::Result<()>,
    ) -> crate::error::Result<()> {
        let place = Location::record(self.path, record);
        let geometry = match geometry {
            Ok(geometry) => geometry,
            Err(reason) => {
                quarantine.refuse(&place, reason);
                return Ok(());
            }
        };
        let own = property(self.plainer.column("id")).or(own);
        let mut id = own.unwrap_or_else(|| record.to_string());
        let times = self.given.entry(id.clone()).or_default();
        *times += 1;
        if *times > 1 {
            id = format!("{id}#{times}");
        }
        let mut made = Vec::new();
        let plain = Plain { id, layer: self.layer, class: self.layer.name(), geometry, property };
        if let Err(reason) = self.plainer.features(plain, &mut made) {
            quarantine.refuse(&place, reason);
            return Ok(());
        }
        made.into_iter().filter(|one| shape::touches(&one.geometry, self.area)).try_for_each(sink)
    }
}

fn oneway(text: &str) -> Option<String> {
    let said = match text.trim() {
        "yes" | "true" | "1" => "yes",
        "no" | "false" | "0" => "no",
        "reverse" | "-1" => "reverse",
        _ => return None,
    };
    Some(said.to_string())
}

/// Single points and lines, and polygons together as one multipolygon.
fn flatten(geometry: Geometry<f64>, out: &mut Vec<Geometry<f64>>) {
    match geometry {
        Geometry::MultiPoint(many) => out.extend(many.0.into_iter().map(Geometry::Point)),
        Geometry::MultiLineString(many) => out.extend(many.0.into_iter().map(Geometry::LineString)),
        Geometry::GeometryCollection(many) => many.0.into_iter().for_each(|g| flatten(g, out)),
        one => out.push(one),
    }
}

/// The geometry as its layer wants it, and whether it had to be derived.
fn place(part: Geometry<f64>, layer: MapLayer, width_m: Option<f64>) -> Result<(Geometry<f64>, bool), String> {
    let width_m = width_m.filter(|w| *w <= 500.0).unwrap_or_else(|| default_width_m(layer));
    let no_area = || "a polygon without a valid area".to_string();
    match part {
        Geometry::Polygon(one) => Ok((shape::valid_area(MultiPolygon::new(vec![one])).ok_or_else(no_area)?, false)),
        Geometry::MultiPolygon(many) => Ok((shape::valid_area(many).ok_or_else(no_area)?, false)),
        Geometry::Point(point) if layer.is_area() => {
            let plane = Plane::at(point.x(), point.y());
            let disc = MultiPolygon::new(vec![shape::disc(Coord { x: 0.0, y: 0.0 }, width_m / 2.0)]);
            Ok((shape::area_from_plane(&plane, &disc).ok_or_else(no_area)?, true))
        }
        Geometry::LineString(line) => {
            if line.0.windows(2).all(|w| w[0] == w[1]) {
                return Err("a line without two different points".to_string());
            }
            if !layer.is_area() {
                return Ok((Geometry::LineString(line), false));
            }
            let plane = Plane::around(&line);
            let metres: Vec<Coord<f64>> = line.0.iter().map(|c| plane.to_metres(*c)).collect();
            let area = shape::stroke(&metres, width_m / 2.0, Cap::Round);
            Ok((shape::area_from_plane(&plane, &area).ok_or_else(no_area)?, true))
        }
        Geometry::Line(line) => place(Geometry::LineString(LineString::from(line)), layer, Some(width_m)),
        other => Ok((other, false)),
    }
}
