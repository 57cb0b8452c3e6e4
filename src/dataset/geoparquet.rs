//! Parquet and GeoParquet 1.1 files, the same bytes on every machine, over polars' eager writer and reader.
//!
//! Source: <https://geoparquet.org/releases/v1.1.0/>. Geometries are WKB, `lon, lat` in OGC:CRS84 (the default, so
//! `crs` is left out); the covering is a struct column `bbox` of float64.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Cursor, Write};
use std::path::Path;

use geo::{BoundingRect, Geometry};
use geo_traits::to_geo::ToGeoGeometry;
use polars::io::parquet::write::KeyValueMetadata;
use polars::prelude::*;

use polars_arrow::io::ipc::write::{default_ipc_fields, schema_to_bytes};
use polars_parquet::write::ZstdLevel;
use serde_json::json;

use crate::coord::BBox;
use crate::error::{ErrorKind, Result};

/// Rows of a row group: small, so that a query by place reads little (DESIGN section 5).
pub const ROWS_PER_GROUP: usize = 4096;

/// The column of geometries.
pub(super) const GEOMETRY: &str = "geometry";

/// Writes a table to `path` and syncs it; with a column `geometry` (WKB) and `bbox` it is GeoParquet.
///
/// The bytes depend on the rows alone: groups are cut here (polars would let them grow past the size asked for),
/// columns are encoded one after the other, and no time is written.
///
/// # Errors
///
/// [`ErrorKind::Io`] where the file cannot be written.
pub fn write(path: &Path, table: &DataFrame) -> Result<()> {
    let bytes = encode(table).map_err(|e| encoding(e).in_file(path))?;
    let io = |action| move |e| ErrorKind::io(action, e).in_file(path);
    let mut file = File::create(path).map_err(io("create file"))?;
    file.write_all(&bytes).map_err(io("write"))?;
    file.sync_all().map_err(io("write"))
}

/// A table as the bytes of a (Geo)Parquet file.
///
/// # Errors
///
/// polars', where a type cannot be stored.
pub fn encode(table: &DataFrame) -> PolarsResult<Vec<u8>> {
    let mut table = table.clone();
    table.rechunk_mut();
    let mut metadata = Vec::new();
    // polars states view types in ARROW:schema, which pyarrow cannot filter (geopandas' `bbox=`); an entry of ours
    // with large_string and large_binary wins over it.
    let mut schema: ArrowSchema = table
        .schema()
        .iter_fields()
        .map(|field| field.to_arrow(CompatLevel::oldest()))
        .map(|field| (field.name.clone(), field))
        .collect();
    if table.column(GEOMETRY).is_ok() {
        let geo = geo_metadata(&table)?;
        // Readers of a whole folder look for it in the schema, readers of a file in the file's own metadata.
        schema.metadata_mut().insert("geo".into(), geo.as_str().into());
        metadata.push(("geo".to_string(), geo));
    }
    metadata.push(("ARROW:schema".to_string(), arrow_schema_entry(&schema)));
    let mut bytes = Vec::new();
    let mut writer = ParquetWriter::new(&mut bytes)
        .with_compression(ParquetCompression::Zstd(Some(ZstdLevel::try_new(3)?)))
        .with_statistics(StatisticsOptions::full())
        .with_key_value_metadata(Some(KeyValueMetadata::from_static(metadata)))
        .set_parallel(false)
        .batched(table.schema())?;
    let mut first = 0;
    while first < table.height() {
        let group = table.slice(first as i64, ROWS_PER_GROUP);
        first += group.height();
        writer.write_batch(&group)?;
    }
    writer.finish()?;
    drop(writer);
    Ok(bytes)
}

/// The value of `ARROW:schema`: base64 of an encapsulated IPC message (Arrow columnar format, "Encapsulated message").
///
/// polars' own helper drops the schema's metadata where a column is nested.
fn arrow_schema_entry(schema: &ArrowSchema) -> String {
    use base64::Engine;
    let message = schema_to_bytes(schema, &default_ipc_fields(schema.iter_values()), None);
    let mut framed = vec![0xFF; 4];
    framed.extend((message.len() as u32).to_le_bytes());
    framed.extend(message);
    base64::engine::general_purpose::STANDARD.encode(framed)
}

/// Reads a whole (Geo)Parquet file as one chunk.
///
/// # Errors
///
/// [`ErrorKind::NotFound`], [`ErrorKind::Io`], or [`ErrorKind::Damaged`] where it is not Parquet.
pub fn read(path: &Path) -> Result<DataFrame> {
    read_columns(path, None)
}

/// Reads some columns of a (Geo)Parquet file as one chunk; all where none are named.
///
/// # Errors
///
/// As [`read`]; where a column is not there, too.
pub fn read_columns(path: &Path, columns: Option<&[&str]>) -> Result<DataFrame> {
    let columns = columns.map(|names| names.iter().map(|name| (*name).to_string()).collect());
    let bytes = std::fs::read(path).map_err(|e| ErrorKind::io("read", e).in_file(path))?;
    // polars' own cause is in the message; a garbled file must not bring the program down either.
    let table = std::panic::catch_unwind(move || decode(bytes, columns));
    match table {
        Ok(Ok(table)) => Ok(table),
        Ok(Err(e)) => Err(ErrorKind::Damaged(format!("not a readable Parquet file ({e})")).in_file(path)),
        Err(_) => Err(ErrorKind::Damaged("not a readable Parquet file".to_string()).in_file(path)),
    }
}

/// What the footer of a Parquet file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Footer {
    /// Rows of each row group.
    pub groups: Vec<usize>,
    /// The value of its `geo` key, where it is GeoParquet.
    pub geo: Option<String>,
}

/// Reads the footer of a Parquet file, and none of its rows.
///
/// # Errors
///
/// As [`read`].
pub fn footer(path: &Path) -> Result<Footer> {
    let file = File::open(path).map_err(|e| ErrorKind::io("open", e).in_file(path))?;
    let footer = std::panic::catch_unwind(move || {
        let mut reader = ParquetReader::new(file);
        let metadata = reader.get_metadata()?;
        let mut keys = metadata.key_value_metadata().iter().flatten();
        let geo = keys.find(|entry| entry.key == "geo").and_then(|entry| entry.value.clone());
        PolarsResult::Ok(Footer { groups: metadata.row_groups.iter().map(|group| group.num_rows()).collect(), geo })
    });
    match footer {
        Ok(Ok(footer)) => Ok(footer),
        Ok(Err(e)) => Err(ErrorKind::Damaged(format!("not a readable Parquet file ({e})")).in_file(path)),
        Err(_) => Err(ErrorKind::Damaged("not a readable Parquet file".to_string()).in_file(path)),
    }
}

fn decode(bytes: Vec<u8>, columns: Option<Vec<String>>) -> PolarsResult<DataFrame> {
    let mut table = ParquetReader::new(Cursor::new(bytes)).with_columns(columns).finish()?;
    table.rechunk_mut();
    Ok(table)
}

/// The value of the `geo` key: types and extent from the columns themselves.
fn geo_metadata(table: &DataFrame) -> PolarsResult<String> {
    let mut types = BTreeSet::new();
    for wkb in table.column(GEOMETRY)?.binary()?.iter().flatten() {
        types.insert(geometry_type(wkb));
    }
    let mut column = json!({ "encoding": "WKB", "geometry_types": types });
    let fields = table.column("bbox")?.struct_()?.fields_as_series();
    let edge = |name: &str, least: bool| -> PolarsResult<Option<f64>> {
        let field = fields.iter().find(|f| f.name() == name);
        let Some(field) = field else { polars_bail!(ColumnNotFound: "bbox.{name}") };
        Ok(if least { field.f64()?.min() } else { field.f64()?.max() })
    };
    let extent = [edge("xmin", true)?, edge("ymin", true)?, edge("xmax", false)?, edge("ymax", false)?];
    if let [Some(xmin), Some(ymin), Some(xmax), Some(ymax)] = extent {
        column["bbox"] = json!([xmin, ymin, xmax, ymax]);
    }
    column["covering"] = json!({ "bbox": {
        "xmin": ["bbox", "xmin"], "ymin": ["bbox", "ymin"], "xmax": ["bbox", "xmax"], "ymax": ["bbox", "ymax"],
    } });
    Ok(json!({ "version": "1.1.0", "primary_column": GEOMETRY, "columns": { GEOMETRY: column } }).to_string())
}

/// The name of a 2-D WKB's geometry type (OGC 06-103r4, table 7).
fn geometry_type(wkb: &[u8]) -> &'static str {
    match wkb.get(1) {
        Some(1) => "Point",
        Some(2) => "LineString",
        Some(3) => "Polygon",
        Some(4) => "MultiPoint",
        Some(5) => "MultiLineString",
        Some(6) => "MultiPolygon",
        _ => "GeometryCollection",
    }
}

/// A geometry as little-endian WKB.
pub fn to_wkb(geometry: &Geometry<f64>) -> Vec<u8> {
    let mut bytes = Vec::new();
    wkb::writer::write_geometry(&mut bytes, geometry, &wkb::writer::WriteOptions::default())
        .expect("writing 2-D geometries to memory cannot fail");
    bytes
}

/// The geometry of a WKB.
///
/// # Errors
///
/// [`ErrorKind::Malformed`] where it is none.
pub fn from_wkb(bytes: &[u8]) -> Result<Geometry<f64>, ErrorKind> {
    let malformed = |reason: String| ErrorKind::malformed("WKB", reason);
    let read = wkb::reader::read_wkb(bytes).map_err(|e| malformed(e.to_string()))?;
    read.try_to_geometry().ok_or_else(|| malformed("an empty point".to_string()))
}

/// The box around a geometry; `None` where it is empty or not finite.
pub fn bounds(geometry: &Geometry<f64>) -> Option<BBox> {
    let rect = geometry.bounding_rect()?;
    BBox::of_points([(rect.min().x, rect.min().y), (rect.max().x, rect.max().y)])
}

/// A table that cannot be encoded, as an error kind.
pub(super) fn encoding(error: PolarsError) -> ErrorKind {
    ErrorKind::io("encode table", std::io::Error::other(error))
}
