//! GeoParquet 1.0 and 1.1: a feature a row, its geometry as WKB, its other columns as properties.
//!
//! As for GeoJSON the config says which `layer` the features go to, and `columns` names the columns of our attributes.
//! The CRS is that of the file's metadata (OGC:CRS84 where it says nothing), the config's where the file says it knows
//! none. Row groups are read one after the other, so memory does not grow with the file.
//!
//! Source: <https://geoparquet.org/releases/v1.1.0/>. Other encodings than WKB are refused.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use geo::{Coord, Geometry, MapCoords};
use geo_traits::to_geo::ToGeoGeometry;
use polars::prelude::{AnyValue, Column, DataFrame, ParquetReader, PolarsResult, SerReader};
use serde_json::Value;

use super::geojson::{crs_named, layer_of};
use super::plain::PlainReading;
use super::shape;
use crate::coord::{BBox, Crs};
use crate::error::{Error, ErrorKind, Location, Quarantine, Result};
use crate::record::{MapFeature, MapLayer, RoadGraphBuilder, SourceFile};
use crate::source::{MapOptions, MapSource, Probe};

/// Rows that are decoded at once where row groups are larger.
const ROWS: usize = 1 << 16;

/// Whether a path is a Parquet file by its name and first bytes.
pub fn detect(path: &Path) -> bool {
    let name = path.file_name().map(|n| n.to_string_lossy().to_lowercase()).unwrap_or_default();
    let mut magic = [0; 4];
    (name.ends_with(".parquet") || name.ends_with(".geoparquet"))
        && File::open(path).and_then(|mut f| f.read_exact(&mut magic)).is_ok()
        && &magic == b"PAR1"
}

/// Opens a GeoParquet file: reads its footer.
///
/// # Errors
///
/// Where it is missing, damaged, no GeoParquet or not in WKB, or a `layer` or `crs` in the options is unknown.
pub fn open(path: &Path, options: &MapOptions) -> Result<Box<dyn MapSource>> {
    let size = std::fs::metadata(path).map_err(|e| ErrorKind::io("read", e).in_file(path))?.len();
    let relative = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let layer = options.layer.as_deref().map(|name| layer_of(name, path)).transpose()?;
    let (groups, geo) = guarded(path, |file| {
        let mut reader = ParquetReader::new(file);
        let metadata = reader.get_metadata()?;
        let geo = metadata.key_value_metadata().iter().flatten().find(|entry| entry.key == "geo");
        Ok((metadata.row_groups.iter().map(|g| g.num_rows()).collect(), geo.and_then(|entry| entry.value.clone())))
    })?;
    let malformed = |reason: String| ErrorKind::malformed("GeoParquet", reason).in_file(path);
    let no_geo = || malformed("no `geo` in its metadata: it is plain Parquet".to_string());
    let geo: Value = serde_json::from_str(&geo.ok_or_else(no_geo)?).map_err(|e| malformed(e.to_string()))?;
    let geometry = geo.get("primary_column").and_then(Value::as_str).unwrap_or("geometry").to_string();
    let column = geo.get("columns").and_then(|c| c.get(&geometry));
    let column = column.ok_or_else(|| malformed(format!("its metadata has no geometry column `{geometry}`")))?;
    match column.get("encoding").and_then(Value::as_str) {
        Some(encoding) if encoding.eq_ignore_ascii_case("wkb") => {}
        other => {
            let other = other.unwrap_or("no encoding");
            let error = ErrorKind::Unsupported(format!("GeoParquet with geometries as `{other}`")).in_file(path);
            return Err(error.with_hint("write it with geometries as WKB"));
        }
    }
    let crs = crs_of(column.get("crs"), options, path)?;
    Ok(Box::new(GeoParquet {
        path: path.to_path_buf(),
        files: vec![SourceFile { relative, absolute: path.to_path_buf(), size }],
        layer,
        options: options.clone(),
        geometry,
        groups,
        crs,
    }))
}

/// The system of a column's coordinates; `None` where it is WGS84. `null` in the file means that nobody knows.
fn crs_of(said: Option<&Value>, options: &MapOptions, path: &Path) -> Result<Option<Crs>> {
    match said {
        None => Ok(None),
        Some(Value::Null) => options.crs.as_deref().map_or(Ok(None), |name| crs_named(name, path)),
        Some(projjson) => {
            let id = projjson.get("id");
            let authority = id.and_then(|id| id.get("authority")).and_then(Value::as_str);
            let code = id.and_then(|id| id.get("code")).map(|code| code.to_string().replace('"', ""));
            match (authority, code, options.crs.as_deref()) {
                (Some(authority), Some(code), _) => crs_named(&format!("{authority}:{code}"), path),
                (_, _, Some(name)) => crs_named(name, path),
                _ => Err(ErrorKind::Unsupported("GeoParquet with a CRS that has no code".to_string())
                    .in_file(path)
                    .with_hint("name it in this [[map]], e.g. crs = \"EPSG:5186\"")),
            }
        }
    }
}

struct GeoParquet {
    path: PathBuf,
    files: Vec<SourceFile>,
    layer: Option<MapLayer>,
    options: MapOptions,
    /// The column of geometries.
    geometry: String,
    /// Rows of each row group.
    groups: Vec<usize>,
    /// The system of the coordinates; `None` where it is WGS84.
    crs: Option<Crs>,
}

/// Runs polars on a file: a garbled one must not bring the program down.
fn guarded<T>(path: &Path, read: impl FnOnce(File) -> PolarsResult<T>) -> Result<T> {
    let file = File::open(path).map_err(|e| ErrorKind::io("open", e).in_file(path))?;
    let damaged =
        |why: String| -> Error { ErrorKind::Damaged(format!("not a readable Parquet file{why}")).in_file(path) };
    match std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| read(file))) {
        Ok(Ok(found)) => Ok(found),
        Ok(Err(e)) => Err(damaged(format!(" ({e})"))),
        Err(_) => Err(damaged(String::new())),
    }
}

impl GeoParquet {
    /// Gives `visit` the rows, some at a time, with the number of the first.
    fn batches(&self, visit: &mut dyn FnMut(usize, &DataFrame) -> Result<()>) -> Result<()> {
        let mut first = 0;
        for &group in &self.groups {
            let end = first + group;
            while first < end {
                let rows = (end - first).min(ROWS);
                let table =
                    guarded(&self.path, |file| ParquetReader::new(file).with_slice(Some((first, rows))).finish())?;
                visit(first, &table)?;
                first += rows;
            }
        }
        Ok(())
    }

    fn geometry_of(&self, wkb: Option<&[u8]>) -> Result<Geometry<f64>, String> {
        let wkb = wkb.ok_or("a row without a geometry")?;
        let read = wkb::reader::read_wkb(wkb).map_err(|e| format!("a geometry that is no WKB ({e})"))?;
        let geometry = read.try_to_geometry().ok_or("an empty geometry")?;
        match &self.crs {
            None => Ok(geometry),
            Some(crs) => geometry
                .try_map_coords(|c| crs.to_wgs84(c.x, c.y).map(|(x, y)| Coord { x, y }))
                .map_err(|e| e.to_string()),
        }
    }

    /// The geometries of some rows.
    fn geometries<'a>(&self, table: &'a DataFrame) -> Result<Vec<Option<&'a [u8]>>> {
        let column = table.column(&self.geometry).and_then(|c| c.binary());
        let column = column.map_err(|e| ErrorKind::malformed("GeoParquet", e.to_string()).in_file(&self.path))?;
        Ok(column.iter().collect())
    }
}

impl MapSource for GeoParquet {
    fn kind(&self) -> &'static str {
        "geoparquet"
    }

    fn files(&self) -> &[SourceFile] {
        &self.files
    }

    fn probe(&self) -> Result<Probe> {
        let mut probe = Probe { kind: "geoparquet".into(), ..Probe::default() };
        let mut quarantine = Quarantine::new();
        let mut extent: Option<BBox> = None;
        probe.counts.insert("features".into(), self.groups.iter().sum::<usize>() as u64);
        self.batches(&mut |first, table| {
            for (row, wkb) in self.geometries(table)?.into_iter().enumerate() {
                match self.geometry_of(wkb) {
                    Ok(geometry) => {
                        let here = shape::bounds(&geometry).filter(|_| shape::in_range(&geometry));
                        extent = BBox::around(extent, here);
                    }
                    Err(reason) => quarantine.refuse(&Location::record(&self.path, (first + row) as u64), reason),
                }
            }
            Ok(())
        })?;
        probe.notes.push(match &self.crs {
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
            return Err(ErrorKind::Config("GeoParquet does not say which layer its features are".to_string())
                .in_file(&self.path)
                .with_hint("set `layer` in this [[map]], e.g. layer = \"road\""));
        };
        let mut reading = PlainReading::new(&self.path, layer, &self.options, area);
        self.batches(&mut |first, table| {
            let columns: BTreeMap<&str, &Column> = table.columns().iter().map(|c| (c.name().as_str(), c)).collect();
            for (row, wkb) in self.geometries(table)?.into_iter().enumerate() {
                let property = |name: &str| columns.get(name).and_then(|c| c.get(row).ok()).and_then(text);
                let record = ((first + row) as u64, self.geometry_of(wkb), None);
                reading.take(record, &property, quarantine, sink)?;
            }
            Ok(())
        })
    }

    fn roads(&self, area: Option<BBox>, quarantine: &mut Quarantine, builder: &mut RoadGraphBuilder) -> Result<()> {
        self.read(area, quarantine, &mut |feature| {
            super::roads::add(&feature, builder);
            Ok(())
        })
    }
}

/// A value as text; nulls, lists and structs are none.
fn text(value: AnyValue<'_>) -> Option<String> {
    match value {
        AnyValue::String(text) => Some(text.to_string()),
        AnyValue::StringOwned(text) => Some(text.to_string()),
        AnyValue::Boolean(yes) => Some(yes.to_string()),
        number if number.is_primitive_numeric() => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use geo::{LineString, Point};
    use polars::io::parquet::write::KeyValueMetadata;
    use polars::prelude::{IntoColumn, NamedFrom, ParquetWriter, Series};

    use super::*;

    fn wkb_of(geometry: &Geometry<f64>) -> Vec<u8> {
        let mut bytes = Vec::new();
        wkb::writer::write_geometry(&mut bytes, geometry, &wkb::writer::WriteOptions::default()).expect("in memory");
        bytes
    }

    /// A file with a metadata entry and some geometries, their ids, whether they are one-way, and their speeds.
    fn file(geo: Option<&str>, geometries: &[Option<Vec<u8>>]) -> tempfile::NamedTempFile {
        let mut table = DataFrame::new(
            geometries.len(),
            vec![
                Series::new("shape".into(), geometries.iter().map(Option::as_deref).collect::<Vec<_>>()).into_column(),
                Series::new("gid".into(), (10..10 + geometries.len() as i64).collect::<Vec<_>>()).into_column(),
                Series::new("oneway".into(), vec![true; geometries.len()]).into_column(),
                Series::new(
                    "v".into(),
                    vec![Some(50.0), None].into_iter().cycle().take(geometries.len()).collect::<Vec<_>>(),
                )
                .into_column(),
            ],
        )
        .expect("columns of one length");
        let mut bytes = Vec::new();
        let geo = geo.map(|geo| KeyValueMetadata::from_static(vec![("geo".to_string(), geo.to_string())]));
        ParquetWriter::new(&mut bytes).with_key_value_metadata(geo).finish(&mut table).expect("in memory");
        let mut file = tempfile::Builder::new().suffix(".parquet").tempfile().expect("a temporary file");
        file.write_all(&bytes).expect("written");
        file
    }

    fn geo(crs: &str) -> String {
        format!(r#"{{"version":"1.1.0","primary_column":"shape","columns":{{"shape":{{"encoding":"WKB"{crs}}}}}}}"#)
    }

    fn options() -> MapOptions {
        let columns = [("id", "gid"), ("maxspeed_kmh", "v")].map(|(a, b)| (a.to_string(), b.to_string()));
        MapOptions { layer: Some("road".into()), columns: columns.into_iter().collect(), ..MapOptions::default() }
    }

    #[test]
    fn lines_become_roads_and_bad_rows_are_refused_by_number() {
        let line = |x: f64| wkb_of(&Geometry::LineString(LineString::from(vec![(x, 37.0), (x + 0.001, 37.0)])));
        let rows = [Some(line(127.0)), None, Some(vec![1, 2, 3]), Some(line(127.001)), Some(line(400.0))];
        let file = file(Some(&geo("")), &rows);
        assert!(detect(file.path()));
        let source = open(file.path(), &options()).expect("GeoParquet");
        let (mut all, mut quarantine) = (Vec::new(), Quarantine::new());
        let mut sink = |f: MapFeature| {
            all.push((f.id.clone(), f.attributes.maxspeed_kmh, f.attributes.oneway.clone()));
            Ok(())
        };
        source.read(None, &mut quarantine, &mut sink).expect("readable");
        let yes = || Some("yes".to_string());
        assert_eq!(all, [("10".to_string(), Some(50.0), yes()), ("13".to_string(), None, yes())]);
        assert_eq!(quarantine.total(), 3);
        let mut builder = RoadGraphBuilder::default();
        source.roads(None, &mut Quarantine::new(), &mut builder).expect("readable");
        assert_eq!(builder.build().0.road_count(), 1, "two lines that meet end to end are one road");
    }

    #[test]
    fn the_crs_of_the_file_is_honoured() {
        // pyproj 3.7.2: EPSG:5186 (200000, 600000) is 127 E 38 N.
        let point = [Some(wkb_of(&Geometry::Point(Point::new(200_000.0, 600_000.0))))];
        let place = |geo: &str, crs: Option<&str>| {
            let options = MapOptions { crs: crs.map(str::to_string), layer: Some("poi".into()), ..options() };
            let mut found = Vec::new();
            let mut sink = |f: MapFeature| {
                found.push(f.geometry);
                Ok(())
            };
            let file = file(Some(geo), &point);
            let source = open(file.path(), &options)?;
            source.read(None, &mut Quarantine::new(), &mut sink)?;
            Ok::<_, Error>(found)
        };
        let korea = r#","crs":{"id":{"authority":"EPSG","code":5186}}"#;
        for found in [place(&geo(korea), None), place(&geo(r#","crs":null"#), Some("EPSG:5186"))] {
            let Some(Geometry::Point(p)) = found.expect("readable").first().cloned() else { panic!("a point") };
            assert!((p.x() - 127.0).abs() < 1e-9 && (p.y() - 38.0).abs() < 1e-9);
        }
        assert!(place(&geo(r#","crs":{"name":"a city's own"}"#), None).is_err_and(|e| e.hint().is_some()));
    }

    #[test]
    fn what_is_no_geoparquet_is_told() {
        let point = [Some(wkb_of(&Geometry::Point(Point::new(127.0, 37.0))))];
        let arrow = geo("").replace("WKB", "point");
        for (geo, word) in [(None, "plain Parquet"), (Some("{"), "EOF"), (Some(arrow.as_str()), "`point`")] {
            let error = open(file(geo, &point).path(), &options()).err().expect("told");
            assert!(error.to_string().contains(word), "{error}");
        }
        let whole = file(Some(&geo("")), &point);
        let bytes = std::fs::read(whole.path()).expect("readable");
        for end in (4..bytes.len()).step_by(37) {
            std::fs::write(whole.path(), &bytes[..end]).expect("writable");
            assert!(open(whole.path(), &options()).is_err(), "cut at {end}");
        }
    }
}
