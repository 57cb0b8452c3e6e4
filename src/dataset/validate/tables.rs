//! Reading the tables of a data set file by file, with the rules that hold for all of them.

use std::path::{Path, PathBuf};

use geo::Geometry;
use polars::prelude::{BinaryChunked, DataFrame, Float64Chunked, PolarsResult};
use serde_json::Value;

use super::Watch;
use super::findings::{Place, Rule, Validation};
use crate::coord::BBox;
use crate::dataset::cells::{Cell, Cells, Table, checked};
use crate::dataset::geoparquet::{self, GEOMETRY, ROWS_PER_GROUP, bounds, from_wkb};
use crate::error::Result;

/// How much of a table could be read.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Read {
    /// Rows that are there.
    pub rows: u64,
    /// Whether some could not be read; then what is not found may be among them.
    pub partly: bool,
}

/// Looks at each row of each file of a table, files in the order of their names.
///
/// A table without a file counts as one that could not be read.
///
/// `look` gets the row, the geometries and boxes of its file, and the number of the row in it.
pub(super) fn each_row<V>(
    dir: &Path,
    files: &[PathBuf],
    empty: PolarsResult<DataFrame>,
    watch: &Watch<'_>,
    found: &mut Validation,
    decode: impl Fn(&Cells<'_>, usize) -> Cell<V>,
    mut look: impl FnMut(&mut Place<'_>, V, &Shapes, usize) -> Result<()>,
) -> Result<Read> {
    let empty = empty.expect("our own tables can be built without rows");
    let mut read = Read { rows: 0, partly: files.is_empty() };
    let mut first: Option<(DataFrame, String)> = None;
    for path in files {
        watch.step(0)?;
        let name = crate::dataset::unit::relative(dir, path);
        let mut place = Place { found, file: &name, row: None };
        let rows = match checked(path, &empty).and_then(|rows| Ok((rows, geoparquet::footer(path)?))) {
            Ok((rows, footer)) => {
                check_footer(&footer, rows.column(GEOMETRY).is_ok(), &mut place);
                rows
            }
            Err(error) => {
                place.report(Rule::Schema, error.kind().to_string());
                read.partly = true;
                continue;
            }
        };
        match &first {
            None => first = Some((rows.clear(), name.clone())),
            Some((other, of)) => place.expect(Rule::Schema, other.schema() == rows.schema(), || {
                format!("does not have the same columns as {of}")
            }),
        }
        let shapes = Shapes::of(&rows);
        let table = Table { path: path.clone(), rows };
        let cells = table.cells();
        for i in 0..table.rows.height() {
            let mut place = Place { found, file: &name, row: Some(i as u64) };
            match decode(&cells, i) {
                Ok(row) => look(&mut place, row, &shapes, i)?,
                Err(reason) => {
                    place.report(Rule::Rows, reason);
                    read.partly = true;
                }
            }
        }
        read.rows += table.rows.height() as u64;
    }
    Ok(read)
}

/// The Parquet files of a table's folder, in the order of their names.
pub(super) fn files(dir: &Path, folder: &str, needed: bool, found: &mut Validation) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir.join(folder)).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut files: Vec<PathBuf> = entries.filter(|p| p.extension().is_some_and(|e| e == "parquet")).collect();
    files.sort();
    if needed {
        let what = || "no file of this table, not even one without rows".to_string();
        Place { found, file: folder, row: None }.expect(Rule::Schema, !files.is_empty(), what);
    }
    files
}

fn check_footer(footer: &geoparquet::Footer, spatial: bool, place: &mut Place<'_>) {
    let largest = footer.groups.iter().max().copied().unwrap_or_default();
    place.expect(Rule::RowGroups, largest <= ROWS_PER_GROUP, || {
        format!("a row group of {largest} rows, {ROWS_PER_GROUP} are the most")
    });
    if spatial {
        let geo: Value = footer.geo.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        let column = &geo["columns"][GEOMETRY];
        let version = geo["version"].as_str().is_some_and(|v| v.starts_with("1.1"));
        let fine = version && column["encoding"] == "WKB" && column["covering"]["bbox"].is_object();
        place.expect(Rule::Schema, fine, || "is not GeoParquet 1.1 with WKB and a bbox covering".to_string());
    }
}

/// The columns of geometries and boxes of one file; none where its table has no places.
pub(super) struct Shapes(Option<(BinaryChunked, [Float64Chunked; 4])>);

impl Shapes {
    /// Of a file whose columns were checked.
    fn of(rows: &DataFrame) -> Shapes {
        let columns = || {
            let geometry = rows.column(GEOMETRY)?.binary()?.clone();
            let boxes = rows.column("bbox")?.struct_()?;
            let edge = |name| boxes.field_by_name(name)?.f64().cloned();
            let edges = [edge("xmin")?, edge("ymin")?, edge("xmax")?, edge("ymax")?];
            PolarsResult::Ok((geometry, edges))
        };
        Shapes(columns().ok())
    }

    /// The geometry's bytes and the box of a row.
    fn get(&self, i: usize) -> (Option<&[u8]>, Option<BBox>) {
        let Some((geometry, edges)) = &self.0 else { return (None, None) };
        let bbox = match edges.each_ref().map(|edge| edge.get(i)) {
            [Some(xmin), Some(ymin), Some(xmax), Some(ymax)] => Some(BBox { xmin, ymin, xmax, ymax }),
            _ => None,
        };
        (geometry.get(i), bbox)
    }
}

/// The geometry and the box of a row: both or neither, finite on the globe, the box around the geometry.
pub(super) fn check_box(place: &mut Place<'_>, shapes: &Shapes, i: usize) -> Option<Geometry<f64>> {
    let (geometry, bbox) = match shapes.get(i) {
        (Some(wkb), Some(bbox)) => match from_wkb(wkb) {
            Ok(geometry) => (geometry, bbox),
            Err(reason) => {
                place.report(Rule::Geometry, reason.to_string());
                return None;
            }
        },
        (None, None) => return None,
        _ => {
            place.report(Rule::Geometry, "has a geometry without a bbox, or a bbox without a geometry");
            return None;
        }
    };
    let Some(own) = bounds(&geometry) else {
        place.report(Rule::Geometry, "its geometry is empty or not finite");
        return None;
    };
    let on_globe = own.xmin >= -180.0 && own.xmax <= 180.0 && own.ymin >= -90.0 && own.ymax <= 90.0;
    place.expect(Rule::Geometry, on_globe, || "its geometry is not in degrees on the globe".to_string());
    let covered = bbox.xmin <= own.xmin && bbox.ymin <= own.ymin && bbox.xmax >= own.xmax && bbox.ymax >= own.ymax;
    place.expect(Rule::Geometry, covered, || "its bbox does not cover its geometry".to_string());
    Some(geometry)
}

/// A point where `lon` and `lat` are, in the table and in the geometry.
pub(super) fn check_point(place: &mut Place<'_>, shapes: &Shapes, i: usize, lon: Option<f64>, lat: Option<f64>) {
    let same = match (check_box(place, shapes, i), lon.zip(lat)) {
        (Some(Geometry::Point(point)), Some(at)) => (point.x(), point.y()) == at,
        (None, None) => true,
        _ => false,
    };
    place.expect(Rule::Geometry, same, || "its geometry is not the point of its lon, lat".to_string());
}

/// A unit quaternion with `w >= 0` and a finite position: x y z qw qx qy qz.
pub(super) fn check_pose(place: &mut Place<'_>, pose: &[f64; 7], of: &dyn Fn() -> String) {
    let [_, _, _, w, x, y, z] = *pose;
    let norm = (w * w + x * x + y * y + z * z).sqrt();
    let fine = pose.iter().all(|v| v.is_finite()) && (norm - 1.0).abs() < 1e-5;
    place.expect(Rule::Poses, fine, || format!("{} is not a finite pose with a unit quaternion (|q| = {norm})", of()));
    place.expect(Rule::Poses, w >= 0.0 || w.is_nan(), || format!("{} has a quaternion with w < 0", of()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_footer_is_looked_at() {
        let rules = |groups: &[usize], geo: Option<&str>| -> Vec<Rule> {
            let mut found = Validation::default();
            let footer = geoparquet::Footer { groups: groups.to_vec(), geo: geo.map(str::to_string) };
            check_footer(&footer, true, &mut Place { found: &mut found, file: "samples/a.parquet", row: None });
            found.findings.iter().map(|finding| finding.rule).collect()
        };
        let geo = r#"{"version": "1.1.0", "columns": {"geometry": {"encoding": "WKB", "covering": {"bbox": {}}}}}"#;
        assert!(rules(&[4096, 12], Some(geo)).is_empty());
        assert_eq!(rules(&[4097], Some(geo)), [Rule::RowGroups]);
        assert_eq!(rules(&[], None), [Rule::Schema]);
        assert_eq!(rules(&[], Some(&geo.replace("WKB", "point"))), [Rule::Schema]);
        assert_eq!(rules(&[], Some(&geo.replace("1.1.0", "1.0.0"))), [Rule::Schema]);
    }
}
