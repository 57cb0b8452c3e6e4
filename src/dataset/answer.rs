//! What a query is answered with: its rows as a table, as JSON, as GeoJSON; and the streets that they lie on.

use std::collections::BTreeMap;

use polars::prelude::*;
use serde_json::{Map, Value, json};

use super::Dataset;
use super::geoparquet::{GEOMETRY, from_wkb};
use crate::error::{ErrorKind, Result};
use crate::record::MapLayer;
use crate::time::Timestamp;

impl Dataset {
    /// Rows of `samples` as a table of the same columns, in the order given.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unknown`] for a row that is not there.
    pub fn select(&self, rows: &[usize]) -> Result<DataFrame> {
        let indices: Vec<IdxSize> = rows.iter().map(|&row| row as IdxSize).collect();
        self.samples().take(&IdxCa::from_vec(PlSmallStr::EMPTY, indices)).map_err(|_| {
            let worst = rows.iter().max().copied().unwrap_or_default();
            ErrorKind::Unknown { what: "sample", name: worst.to_string() }.in_file(self.dir())
        })
    }

    /// A row of `samples` as GeoJSON: the trajectory with the scalar columns as properties.
    ///
    /// `t0` is `t0_ns` in RFC 3339, since not every reader of JSON keeps 19 digits; null for a clock of unknown epoch.
    pub fn feature(&self, row: usize) -> Value {
        let cell = |name: &str| {
            let column = self.samples().column(name).expect("the schema was checked when the table was read");
            json_cell(column.as_materialized_series(), row)
        };
        let one_value = |dtype: &DataType| !dtype.is_nested() && *dtype != DataType::Binary;
        let mut properties = Map::new();
        for field in self.samples().schema().iter_fields().filter(|field| one_value(field.dtype())) {
            let value = cell(field.name());
            if field.name() == "t0_ns" {
                let t0 = value.as_i64().map(Timestamp::from_ns).filter(|t| t.is_date()).map(|t| t.to_string());
                properties.insert("t0".to_string(), json!(t0));
            }
            properties.insert(field.name().to_string(), value);
        }
        let bbox = cell("bbox");
        let bbox: Vec<&Value> = ["xmin", "ymin", "xmax", "ymax"].iter().filter_map(|edge| bbox.get(edge)).collect();
        json!({ "type": "Feature", "id": cell("sample_id"), "bbox": bbox, "geometry": cell(GEOMETRY),
                "properties": properties })
    }

    /// The name of the street of each row, where its captions rest on a road that has one.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Damaged`] where a row or the map's roads cannot be read.
    pub fn streets(&self, rows: &[usize]) -> Result<Vec<Option<String>>> {
        let names = road_names(&self.map_table(MapLayer::Road)?);
        let street = |&row: &usize| {
            let captions = self.sample(row)?.captions.unwrap_or_default();
            let mut evidence = captions.iter().flat_map(|caption| &caption.evidence);
            Ok(evidence.find_map(|id| names.get(id).cloned()))
        };
        rows.iter().map(street).collect()
    }
}

/// Names of roads by their ids: as on the spot, else Korean, else English.
fn road_names(roads: &DataFrame) -> BTreeMap<String, String> {
    let text = |name: &str| {
        let column = roads.column(name).and_then(|c| c.str());
        column.expect("the schema was checked when the table was read").clone()
    };
    let ids = text("feature_id");
    let mut names = BTreeMap::new();
    for column in ["name", "name_ko", "name_en"].map(text) {
        for (id, name) in ids.iter().zip(column.iter()) {
            if let (Some(id), Some(name)) = (id, name.filter(|n| !n.trim().is_empty())) {
                names.entry(id.to_string()).or_insert_with(|| name.to_string());
            }
        }
    }
    names
}

/// A row as a JSON object: a geometry as GeoJSON, lists as arrays, what is null or NaN as null.
pub fn json_row(table: &DataFrame, row: usize) -> Map<String, Value> {
    let columns = table.columns().iter().map(|column| column.as_materialized_series());
    columns.map(|column| (column.name().to_string(), json_cell(column, row))).collect()
}

fn json_cell(column: &Series, i: usize) -> Value {
    let Ok(cell) = column.get(i) else { return Value::Null };
    match cell {
        AnyValue::Null => Value::Null,
        AnyValue::Boolean(value) => json!(value),
        AnyValue::String(text) => json!(text),
        AnyValue::Float64(value) => json!(value),
        // The shortest digits that mean this float32, rather than those of the float64 beside it.
        AnyValue::Float32(value) => json!(value.to_string().parse::<f64>().ok()),
        AnyValue::Binary(wkb) => match from_wkb(wkb) {
            Ok(geometry) => json!(geojson::Geometry::new(geojson::GeometryValue::from(&geometry))),
            Err(_) => Value::Null,
        },
        AnyValue::List(items) | AnyValue::Array(items, _) => {
            Value::Array((0..items.len()).map(|k| json_cell(&items, k)).collect())
        }
        other => match (column.struct_(), other.extract::<i64>()) {
            (Ok(fields), _) => {
                let fields = fields.fields_as_series();
                Value::Object(fields.iter().map(|f| (f.name().to_string(), json_cell(f, i))).collect())
            }
            (_, Some(number)) => json!(number),
            _ => json!(other.to_string()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    #[test]
    fn a_feature_has_the_trajectory_and_what_is_one_value() {
        let dir = tempfile::tempdir().expect("a folder");
        fixture::write(dir.path(), &fixture::samples());
        let dataset = Dataset::open(dir.path()).expect("a data set");
        let row = dataset.find("s1").expect("there");
        let sample = dataset.sample(row).expect("read");
        let feature = dataset.feature(row);
        let line: Vec<(f64, f64)> = serde_json::from_value(feature["geometry"]["coordinates"].clone()).expect("pairs");
        assert_eq!((line, feature["geometry"]["type"].as_str()), (sample.path.clone(), Some("LineString")));
        assert_eq!(feature["bbox"][2], json!(sample.path[2].0));
        let properties = feature["properties"].as_object().expect("an object");
        assert_eq!(properties["t0_ns"].as_i64(), sample.t0_ns);
        assert_eq!(properties["t0"], json!("2023-11-14T22:13:21Z"));
        assert!(properties.values().all(|v| !v.is_array() && !v.is_object()));
        let whole = json_row(dataset.samples(), row);
        assert_eq!(whole["poses"][2], json!([5.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0]));
        assert_eq!(whole["captions"][1]["question"], json!("Which street is this?"));
        assert_eq!(whole["frames"][0]["tick"], json!(1));
        assert_eq!(json_row(dataset.samples(), dataset.find("s0").expect("there"))["actions"][0][0], Value::Null);
    }

    #[test]
    fn selected_rows_keep_the_order_asked_for() {
        let dir = tempfile::tempdir().expect("a folder");
        fixture::write(dir.path(), &fixture::samples());
        let dataset = Dataset::open(dir.path()).expect("a data set");
        let table = dataset.select(&[7, 3]).expect("there");
        let ids: Vec<_> = table.column("sample_id").and_then(|c| c.str()).expect("text").iter().flatten().collect();
        assert_eq!(ids, [dataset.sample(7).expect("read").sample_id, dataset.sample(3).expect("read").sample_id]);
        assert!(matches!(dataset.select(&[40]).expect_err("40 rows").kind(), ErrorKind::Unknown { .. }));
        let streets = dataset.streets(&[0, 1, 2]).expect("read");
        assert_eq!(streets.iter().flatten().collect::<std::collections::BTreeSet<_>>().len(), 1);
        assert!(streets.contains(&Some("판교역로".to_string())) && streets.contains(&None));
    }
}
