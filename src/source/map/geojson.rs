//! GeoJSON (RFC 7946): `FeatureCollection`, `Feature` or a bare geometry, plain or gzipped.
//!
//! The config says which `layer` the features go to; `columns` names the properties of our attributes where they are
//! called otherwise. The `crs` member of the 2008 draft is honoured; where there is none, the config's `crs` is. A
//! line or point in an area layer is given its `width_m`, else 6.5 m (drivable), 4 m (crossing), 2 m (sidewalk),
//! 5 m (building) or 3 m, and is `derived`.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use geo::{
    Coord, CoordsIter, Geometry, GeometryCollection, LineString, MultiLineString, MultiPoint, MultiPolygon, Point,
    Polygon,
};
use serde_json::Value;

use super::osm::raw::head;
use super::plain::PlainReading;
use super::shape;
use crate::coord::{BBox, Crs};
use crate::error::{ErrorKind, Location, Quarantine, Result};
use crate::record::{MapFeature, MapLayer, RoadGraphBuilder, SourceFile};
use crate::source::{MapOptions, MapSource, Probe};

/// Geometry collections may lie in each other this deep.
const MAX_DEPTH: u32 = 8;

/// Whether a path is GeoJSON: its name says so, or it is JSON that begins like it (TopoJSON does not).
pub fn detect(path: &Path) -> bool {
    let name = path.file_name().map(|n| n.to_string_lossy().to_lowercase()).unwrap_or_default();
    let plain = name.strip_suffix(".gz").unwrap_or(&name);
    if !path.is_file() || !(plain.ends_with(".geojson") || plain.ends_with(".json")) {
        return false;
    }
    let Ok((bytes, _)) = head(path) else { return false };
    let text = String::from_utf8_lossy(&bytes);
    text.trim_start_matches('\u{feff}').trim_start().starts_with('{')
        && !text.contains("\"Topology\"")
        && ["\"FeatureCollection\"", "\"Feature\"", "\"coordinates\""].iter().any(|word| text.contains(word))
}

/// Opens a GeoJSON file; it is read when it is asked for features.
///
/// # Errors
///
/// A missing file, or a `layer` or `crs` in the options that there is none of.
pub fn open(path: &Path, options: &MapOptions) -> Result<Box<dyn MapSource>> {
    let size = std::fs::metadata(path).map_err(|e| ErrorKind::io("read", e).in_file(path))?.len();
    let relative = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let layer = options.layer.as_deref().map(|name| layer_of(name, path)).transpose()?;
    Ok(Box::new(GeoJson {
        path: path.to_path_buf(),
        files: vec![SourceFile { relative, absolute: path.to_path_buf(), size }],
        layer,
        options: options.clone(),
    }))
}

/// Every geometry of a GeoJSON file in WGS84 degrees, collections taken apart: for zones and queries, where a geometry
/// that is not understood must not be overlooked.
///
/// # Errors
///
/// Where the file cannot be read or is not GeoJSON, with the record of a feature that has no geometry or whose
/// positions are not longitude, latitude in degrees.
pub fn read_geometries(path: &Path) -> Result<Vec<Geometry<f64>>> {
    let document = plain(path).load()?;
    geometries(&document, path)
}

/// The same of GeoJSON in memory; messages call it `name`.
///
/// # Errors
///
/// As [`read_geometries`].
pub fn parse_geometries(text: &[u8], name: &Path) -> Result<Vec<Geometry<f64>>> {
    let document = plain(name).parse(text)?;
    geometries(&document, name)
}

/// A file without a layer, in WGS84 unless it says otherwise itself.
fn plain(path: &Path) -> GeoJson {
    GeoJson { path: path.to_path_buf(), files: Vec::new(), layer: None, options: MapOptions::default() }
}

fn geometries(document: &Document, path: &Path) -> Result<Vec<Geometry<f64>>> {
    let mut geometries = Vec::new();
    for (record, feature) in document.features.iter().enumerate() {
        let refuse = |reason: String| ErrorKind::malformed("GeoJSON", reason).at(Location::record(path, record as u64));
        let (geometry, _) = geometry_of(feature, document.crs.as_ref()).map_err(refuse)?;
        let in_range = |c: Coord<f64>| c.x.abs() <= 180.0 && c.y.abs() <= 90.0;
        if !geometry.coords_iter().all(in_range) {
            return Err(refuse("a position is not longitude, latitude in degrees".to_string()));
        }
        flatten(geometry, &mut geometries);
    }
    Ok(geometries)
}

fn flatten(geometry: Geometry<f64>, into: &mut Vec<Geometry<f64>>) {
    match geometry {
        Geometry::GeometryCollection(parts) => parts.into_iter().for_each(|part| flatten(part, into)),
        one => into.push(one),
    }
}

/// The layer that a config names.
pub(super) fn layer_of(name: &str, path: &Path) -> Result<MapLayer> {
    MapLayer::from_name(name).ok_or_else(|| {
        let known: Vec<&str> = crate::record::LAYERS.iter().map(|l| l.name()).collect();
        let unknown = ErrorKind::Unknown { what: "map layer", name: name.to_string() };
        unknown.in_file(path).with_hint(format!("layers: {}", known.join(", ")))
    })
}

struct GeoJson {
    path: PathBuf,
    files: Vec<SourceFile>,
    layer: Option<MapLayer>,
    options: MapOptions,
}

/// The features of a file, and how to bring their coordinates to WGS84.
struct Document {
    features: Vec<Value>,
    crs: Option<Crs>,
}

impl GeoJson {
    fn load(&self) -> Result<Document> {
        let path = &self.path;
        let io = |e| ErrorKind::io("read", e).in_file(path);
        let limit = self.options.limits.file_bytes;
        let (_, gzipped) = head(path).map_err(io)?;
        let file = File::open(path).map_err(io)?;
        let mut bytes = Vec::new();
        let read = if gzipped {
            flate2::read::MultiGzDecoder::new(file).take(limit + 1).read_to_end(&mut bytes)
        } else {
            file.take(limit + 1).read_to_end(&mut bytes)
        };
        read.map_err(io)?;
        if bytes.len() as u64 > limit {
            let found = bytes.len() as u64;
            return Err(ErrorKind::LimitExceeded { what: "bytes of GeoJSON", found, limit }.in_file(path));
        }
        null_for_nan(&mut bytes);
        self.parse(&bytes)
    }

    fn parse(&self, bytes: &[u8]) -> Result<Document> {
        let path = &self.path;
        let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let document: Value = serde_json::from_slice(text).map_err(|e| {
            let line = Location::line(path, e.line() as u64);
            ErrorKind::malformed("GeoJSON", e.to_string()).at(line)
        })?;
        let crs = self.crs(&document)?;
        let Value::Object(mut root) = document else {
            return Err(ErrorKind::malformed("GeoJSON", "it is not an object").in_file(path));
        };
        let kind = root.get("type").and_then(Value::as_str).unwrap_or_default().to_string();
        let features = match kind.as_str() {
            "FeatureCollection" => match root.remove("features") {
                Some(Value::Array(features)) => features,
                _ => return Err(ErrorKind::malformed("GeoJSON", "no `features`").in_file(path)),
            },
            "Feature" => vec![Value::Object(root)],
            _ if root.contains_key("coordinates") || root.contains_key("geometries") => {
                vec![serde_json::json!({"type": "Feature", "properties": {}, "geometry": root})]
            }
            other => return Err(ErrorKind::malformed("GeoJSON", format!("the type is `{other}`")).in_file(path)),
        };
        Ok(Document { features, crs })
    }

    /// The system of the coordinates; `None` where it is WGS84 already.
    fn crs(&self, document: &Value) -> Result<Option<Crs>> {
        let member = document.pointer("/crs/properties/name").and_then(Value::as_str);
        member.or(self.options.crs.as_deref()).map_or(Ok(None), |name| crs_named(name, &self.path))
    }
}

/// The coordinate system of a name, `AUTHORITY:CODE` or its long form; `None` where it is WGS84.
pub(super) fn crs_named(name: &str, path: &Path) -> Result<Option<Crs>> {
    // urn:ogc:def:crs:EPSG::5186 and urn:ogc:def:crs:OGC:1.3:CRS84 are the long forms.
    let code = match name.strip_prefix("urn:ogc:def:crs:") {
        Some(long) => match (long.split(':').next(), long.rsplit(':').next()) {
            (Some(authority), Some(code)) => format!("{authority}:{code}"),
            _ => name.to_string(),
        },
        None => name.to_string(),
    };
    if matches!(code.as_str(), "OGC:CRS84" | "EPSG:4326") {
        return Ok(None);
    }
    Crs::parse(&code).map(Some).map_err(|e| ErrorKind::Config(e.to_string()).in_file(path))
}

impl MapSource for GeoJson {
    fn kind(&self) -> &'static str {
        "geojson"
    }

    fn files(&self) -> &[SourceFile] {
        &self.files
    }

    fn probe(&self) -> Result<Probe> {
        let document = self.load()?;
        let mut probe = Probe { kind: "geojson".into(), ..Probe::default() };
        let mut quarantine = Quarantine::new();
        let mut extent: Option<BBox> = None;
        probe.counts.insert("features".into(), document.features.len() as u64);
        for (record, feature) in document.features.iter().enumerate() {
            match geometry_of(feature, document.crs.as_ref()) {
                Ok((geometry, kind)) => {
                    *probe.counts.entry(format!("features/{kind}")).or_default() += 1;
                    extent = BBox::around(extent, shape::bounds(&geometry).filter(|_| shape::in_range(&geometry)));
                }
                Err(reason) => quarantine.refuse(&Location::record(&self.path, record as u64), reason),
            }
        }
        probe.notes.push(match &document.crs {
            Some(crs) => format!("coordinates in EPSG:{}", crs.code()),
            None => "coordinates in WGS84".to_string(),
        });
        Ok(probe.with_extent(extent).with_problems(&quarantine))
    }

    fn read(
        &self,
        area: Option<BBox>,
        quarantine: &mut Quarantine,
        sink: &mut dyn FnMut(MapFeature) -> Result<()>,
    ) -> Result<()> {
        let Some(layer) = self.layer else {
            return Err(ErrorKind::Config("GeoJSON does not say which layer its features are".to_string())
                .in_file(&self.path)
                .with_hint("set `layer` in this [[map]], e.g. layer = \"building\""));
        };
        let document = self.load()?;
        let mut reading = PlainReading::new(&self.path, layer, &self.options, area);
        for (record, feature) in document.features.iter().enumerate() {
            let geometry = geometry_of(feature, document.crs.as_ref()).map(|(geometry, _)| geometry);
            let property = |name: &str| feature.get("properties").and_then(|p| p.get(name)).and_then(text);
            let own = feature.get("id").and_then(text);
            reading.take((record as u64, geometry, own), &property, quarantine, sink)?;
        }
        Ok(())
    }

    fn roads(&self, area: Option<BBox>, quarantine: &mut Quarantine, builder: &mut RoadGraphBuilder) -> Result<()> {
        self.read(area, quarantine, &mut |feature| {
            super::roads::add(&feature, builder);
            Ok(())
        })
    }
}

/// A property as text; `null`, lists and objects are none.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(yes) => Some(yes.to_string()),
        _ => None,
    }
}

/// `NaN` and `Infinity` outside strings, which some writers put into JSON, become `null`: their feature is refused
/// then, and not the file.
fn null_for_nan(bytes: &mut Vec<u8>) {
    let mut out = Vec::with_capacity(bytes.len());
    let (mut at, mut quoted) = (0, false);
    while at < bytes.len() {
        let rest = &bytes[at..];
        let word = if quoted {
            None
        } else {
            [&b"NaN"[..], b"-Infinity", b"Infinity"].into_iter().find(|w| rest.starts_with(w))
        };
        if let Some(word) = word {
            out.extend_from_slice(b"null");
            at += word.len();
            continue;
        }
        match rest[0] {
            b'"' => quoted = !quoted,
            b'\\' if quoted => {
                out.push(rest[0]);
                at += 1;
            }
            _ => {}
        }
        out.extend(bytes.get(at));
        at += 1;
    }
    *bytes = out;
}

/// The geometry of a feature in WGS84 degrees, and its type's name.
fn geometry_of(feature: &Value, crs: Option<&Crs>) -> Result<(Geometry<f64>, String), String> {
    let geometry = feature.get("geometry").filter(|g| !g.is_null()).ok_or("a feature without a geometry")?;
    let kind = geometry.get("type").and_then(Value::as_str).unwrap_or_default().to_string();
    Ok((parse(geometry, crs, 0)?, kind))
}

fn parse(geometry: &Value, crs: Option<&Crs>, depth: u32) -> Result<Geometry<f64>, String> {
    if depth > MAX_DEPTH {
        return Err("geometry collections in each other".to_string());
    }
    let kind = geometry.get("type").and_then(Value::as_str).unwrap_or_default();
    if kind == "GeometryCollection" {
        let parts = list(geometry.get("geometries").unwrap_or(&Value::Null))?;
        let parts = parts.iter().map(|g| parse(g, crs, depth + 1)).collect::<Result<Vec<_>, _>>()?;
        return Ok(Geometry::GeometryCollection(GeometryCollection::from(parts)));
    }
    let coordinates = geometry.get("coordinates").unwrap_or(&Value::Null);
    let one = |v: &Value| position(v, crs);
    let line = |v: &Value| list(v)?.iter().map(one).collect::<Result<Vec<_>, String>>().map(LineString::new);
    let polygon = |v: &Value| -> Result<Polygon<f64>, String> {
        let mut rings = list(v)?.iter().map(line).collect::<Result<Vec<_>, _>>()?.into_iter();
        Ok(Polygon::new(rings.next().ok_or("a polygon without rings")?, rings.collect()))
    };
    Ok(match kind {
        "Point" => Geometry::Point(Point(one(coordinates)?)),
        "LineString" => Geometry::LineString(line(coordinates)?),
        "Polygon" => Geometry::Polygon(polygon(coordinates)?),
        "MultiPoint" => {
            let points = list(coordinates)?.iter().map(|v| one(v).map(Point)).collect::<Result<Vec<_>, _>>()?;
            Geometry::MultiPoint(MultiPoint::new(points))
        }
        "MultiLineString" => {
            let lines = list(coordinates)?.iter().map(line).collect::<Result<Vec<_>, _>>()?;
            Geometry::MultiLineString(MultiLineString::new(lines))
        }
        "MultiPolygon" => {
            let polygons = list(coordinates)?.iter().map(polygon).collect::<Result<Vec<_>, _>>()?;
            Geometry::MultiPolygon(MultiPolygon::new(polygons))
        }
        other => return Err(format!("a geometry of type `{other}`")),
    })
}

fn list(value: &Value) -> Result<&Vec<Value>, String> {
    value.as_array().ok_or_else(|| "coordinates that are no list".to_string())
}

fn position(value: &Value, crs: Option<&Crs>) -> Result<Coord<f64>, String> {
    let numbers = list(value)?;
    let (Some(x), Some(y)) = (numbers.first().and_then(Value::as_f64), numbers.get(1).and_then(Value::as_f64)) else {
        return Err("a position that is not two numbers".to_string());
    };
    let (x, y) = match crs {
        Some(crs) => crs.to_wgs84(x, y).map_err(|e| e.to_string())?,
        None => (x, y),
    };
    Ok(Coord { x, y })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn read(text: &str, options: &MapOptions) -> Result<(Vec<MapFeature>, Quarantine)> {
        let mut file = tempfile::Builder::new().suffix(".geojson").tempfile().expect("a temporary file");
        file.write_all(text.as_bytes()).expect("written");
        let (mut all, mut quarantine) = (Vec::new(), Quarantine::new());
        let mut sink = |f| {
            all.push(f);
            Ok(())
        };
        open(file.path(), options)?.read(None, &mut quarantine, &mut sink)?;
        Ok((all, quarantine))
    }

    fn layer(name: &str) -> MapOptions {
        MapOptions { layer: Some(name.into()), ..MapOptions::default() }
    }

    #[test]
    fn without_a_layer_the_error_says_what_to_write() {
        let error = read(r#"{"type":"Point","coordinates":[127,37]}"#, &MapOptions::default()).expect_err("no layer");
        assert!(error.hint().is_some_and(|h| h.contains("layer =")), "{error}");
    }

    #[test]
    fn bad_features_are_refused_by_record_and_the_rest_is_read() {
        let text = r#"{"type":"FeatureCollection","features":[
            {"type":"Feature","id":7,"properties":{"kind":"school","naam":"판교초"},"geometry":{"type":"Polygon","coordinates":[[[127,37],[127.1,37],[127.1,37.1],[127,37]]]}},
            {"type":"Feature","properties":{},"geometry":{"type":"Point","coordinates":[NaN,37]}},
            {"type":"Feature","properties":{},"geometry":{"type":"Point","coordinates":[400,37]}},
            {"type":"Feature","properties":{},"geometry":null}]}"#;
        let mut options = layer("building");
        options.columns.insert("class".into(), "kind".into());
        options.columns.insert("name".into(), "naam".into());
        let (all, quarantine) = read(text, &options).expect("readable");
        assert_eq!(all.len(), 1);
        assert_eq!(
            (all[0].id.as_str(), all[0].class.as_str(), all[0].name_ko.as_deref()),
            ("7", "school", Some("판교초"))
        );
        assert_eq!(quarantine.total(), 3);
    }

    #[test]
    fn a_line_in_an_area_layer_is_given_its_width() {
        let text = r#"{"type":"Feature","properties":{"width_m":4},"geometry":{"type":"LineString","coordinates":[[127,37],[127.001,37]]}}"#;
        let (all, _) = read(text, &layer("sidewalk")).expect("readable");
        assert!(all[0].derived && matches!(all[0].geometry, Geometry::Polygon(_)));
    }

    #[test]
    fn the_old_crs_member_is_honoured() {
        // pyproj 3.7.2: EPSG:5186 (200000, 600000) is 127 E 38 N.
        let text = r#"{"type":"FeatureCollection","crs":{"type":"name","properties":{"name":"urn:ogc:def:crs:EPSG::5186"}},
            "features":[{"type":"Feature","properties":{},"geometry":{"type":"Point","coordinates":[200000,600000]}}]}"#;
        let (all, _) = read(text, &layer("poi")).expect("readable");
        let Geometry::Point(p) = all[0].geometry else { panic!("a point") };
        assert!((p.x() - 127.0).abs() < 1e-9 && (p.y() - 38.0).abs() < 1e-9);
    }

    #[test]
    fn broken_json_names_its_line() {
        let error = read("{\"type\":\n\"FeatureCollection\",", &layer("poi")).expect_err("cut short");
        assert_eq!(error.location().and_then(|l| l.line), Some(2));
    }

    #[test]
    fn the_same_id_twice_stays_unique() {
        let feature =
            r#"{"type":"Feature","id":"a","properties":{},"geometry":{"type":"Point","coordinates":[127,37]}}"#;
        let text = format!(r#"{{"type":"FeatureCollection","features":[{feature},{feature}]}}"#);
        let (all, _) = read(&text, &layer("poi")).expect("readable");
        assert_eq!([all[0].id.as_str(), all[1].id.as_str()], ["a", "a#2"]);
    }
}
