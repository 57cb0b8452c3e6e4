//! What data sets of this version lack that were built before it got a column more.

use polars::prelude::*;

/// Columns and fields (`column.field`) that came later. Where they are missing, nothing is known of them.
const LATER: [&str; 9] = [
    "heading_sigma_deg",
    "register.covariance",
    "register.scale",
    "register.scale_sigma",
    "register_covariance_m2",
    "register_inliers",
    "register_stretches",
    "register_stretches.covariance_m2",
    "register_stretches.inliers",
];

/// The table with nulls for all that it lacks only because it is older.
///
/// # Errors
///
/// Polars' own.
pub(super) fn completed(mut table: DataFrame, schema: &Schema) -> PolarsResult<DataFrame> {
    for field in schema.iter_fields() {
        let (name, dtype) = (field.name(), field.dtype());
        let column = match table.schema().get(name) {
            Some(found) if found != dtype && is_older(name, found, dtype) => table.column(name)?.cast(dtype)?,
            None if is_later(name) => Column::full_null(name.clone(), table.height(), dtype),
            _ => continue,
        };
        table.with_column(column)?;
    }
    Ok(table)
}

fn is_later(path: &str) -> bool {
    LATER.contains(&path)
}

/// Whether a type lacks nothing of another but what came later.
fn is_older(path: &str, found: &DataType, dtype: &DataType) -> bool {
    match (found, dtype) {
        (DataType::List(found), DataType::List(dtype)) => is_older(path, found, dtype),
        (DataType::Struct(found), DataType::Struct(fields)) => {
            found.iter().all(|old| fields.iter().any(|field| field.name == old.name))
                && fields.iter().all(|field| {
                    let path = format!("{path}.{}", field.name);
                    match found.iter().find(|old| old.name == field.name) {
                        Some(old) => is_older(&path, &old.dtype, &field.dtype),
                        None => is_later(&path),
                    }
                })
        }
        _ => found == dtype,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::cells::Table;
    use crate::dataset::rows::RecordingRow;
    use crate::dataset::{decode, fixture, tables};

    /// A type as it was before fields were added to it.
    fn before(path: &str, dtype: &DataType) -> DataType {
        match dtype {
            DataType::List(inner) => DataType::List(Box::new(before(path, inner))),
            DataType::Struct(fields) => {
                let path = |field: &Field| format!("{path}.{}", field.name);
                let kept = fields.iter().filter(|field| !is_later(&path(field)));
                DataType::Struct(kept.map(|f| Field::new(f.name.clone(), before(&path(f), &f.dtype))).collect())
            }
            _ => dtype.clone(),
        }
    }

    /// Recordings as an older build wrote them, without some columns.
    fn older(now: &DataFrame, without: &[&str]) -> DataFrame {
        let mut rows = now.drop_many(without.iter().copied());
        for column in now.columns().iter().filter(|column| !without.contains(&column.name().as_str())) {
            let old = column.cast(&before(column.name(), column.dtype())).expect("fewer fields");
            rows.with_column(old).expect("as many rows");
        }
        rows
    }

    fn read(rows: DataFrame, schema: &Schema, i: usize) -> RecordingRow {
        let rows = completed(rows, schema).expect("completed");
        assert!(schema.iter_fields().all(|field| rows.schema().get(field.name()) == Some(field.dtype())));
        Table { path: "recordings".into(), rows }.row(i, decode::recording).expect("read")
    }

    #[test]
    fn nothing_is_known_of_what_came_later() {
        let full = fixture::recording("a", true);
        let now = tables::recordings_table(&[full.clone(), fixture::recording("b", false)]).expect("a table");
        let rows = older(&now, &["register_stretches"]);
        assert!(rows.schema().get("register") != now.schema().get("register"));
        let (a, b) = (read(rows.clone(), now.schema(), 0), read(rows, now.schema(), 1));
        let (was, is) = (full.register.expect("there"), a.register.expect("still there"));
        assert_eq!((is.dx_m, is.inliers, is.residual_m), (was.dx_m, was.inliers, was.residual_m));
        assert_eq!((is.scale, is.scale_sigma, is.covariance), (1.0, None, None));
        assert!(a.register_stretches.is_empty() && b.register.is_none());
    }

    #[test]
    fn older_stretches_are_as_sure_either_way() {
        let full = fixture::recording("a", true);
        let now = tables::recordings_table(std::slice::from_ref(&full)).expect("a table");
        let (was, is) = (full.register_stretches[0], read(older(&now, &[]), now.schema(), 0).register_stretches[0]);
        assert_eq!((is.shift_m, is.sigma_m, is.inliers), (was.shift_m, was.sigma_m, None));
        assert_eq!(is.covariance_m2, [is.sigma_m * is.sigma_m, 0.0, is.sigma_m * is.sigma_m]);
    }

    #[test]
    fn what_was_always_there_is_not_made_up() {
        let now = tables::recordings_table(&[fixture::recording("a", true)]).expect("a table");
        let rows = completed(older(&now, &["height_datum"]), now.schema()).expect("completed");
        assert!(rows.column("height_datum").is_err());
        let other = now.column("register").expect("there").struct_().expect("structs").field_by_name("dx_m");
        let rows = now.drop_many(["register"]).hstack(&[other.expect("there").with_name("register".into()).into()]);
        let rows = completed(rows.expect("as many rows"), now.schema()).expect("completed");
        assert_eq!(rows.schema().get("register"), Some(&DataType::Float64));
    }
}
