//! From columns to values: [`Cells`] reads the cells of one table, [`load`] reads all its files as one.

use std::path::{Path, PathBuf};

use polars::prelude::*;

use super::{geoparquet, later};
use crate::error::{ErrorKind, Result};

/// A folder of Parquet files as one table.
#[derive(Debug)]
pub(super) struct Table {
    /// The folder or file that it was read from.
    pub(super) path: PathBuf,
    /// Its rows, in one chunk.
    pub(super) rows: DataFrame,
}

impl Table {
    /// Its cells.
    pub(super) fn cells(&self) -> Cells<'_> {
        Cells { rows: &self.rows }
    }

    /// A value of row `i`, by `decode`; what cannot be decoded names the table and the row.
    pub(super) fn row<V>(&self, i: usize, decode: impl Fn(&Cells<'_>, usize) -> Cell<V>) -> Result<V> {
        decode(&self.cells(), i)
            .map_err(|reason| ErrorKind::Damaged(reason).at(crate::error::Location::record(&self.path, i as u64)))
    }
}

/// Reads `dir/folder/*.parquet`, in the order of their names, as one table with (at least) the columns of `schema`.
///
/// # Errors
///
/// [`ErrorKind::Damaged`] naming the file that is not Parquet, or lacks a column or has it with another type.
pub(super) fn load(dir: &Path, folder: &str, empty: PolarsResult<DataFrame>) -> Result<Table> {
    let path = dir.join(folder);
    let empty = empty.expect("our own tables can be built without rows");
    let tables = files(&path)?.iter().map(|file| checked(file, &empty)).collect::<Result<Vec<_>>>()?;
    // Columns beyond the format stay where every file has them.
    let alike = tables.iter().all(|t| t.schema() == tables[0].schema());
    let mut rows = if alike { tables[0].clear() } else { empty };
    let names: Vec<PlSmallStr> = rows.get_column_names_owned();
    for table in tables {
        let part = table.select(names.iter().cloned()).and_then(|part| rows.vstack_mut_owned(part).map(|_| ()));
        part.map_err(|e| ErrorKind::Damaged(e.to_string()).in_file(&path))?;
    }
    rows.rechunk_mut();
    Ok(Table { path, rows })
}

/// Reads `dir/folder/*.parquet` in the order of their names and hands over one at a time, with the `columns` named only.
///
/// # Errors
///
/// As [`load`], and those of `each`.
pub(super) fn scan(
    dir: &Path,
    folder: &str,
    empty: PolarsResult<DataFrame>,
    columns: &[&str],
    each: &mut dyn FnMut(&Table) -> Result<()>,
) -> Result<()> {
    let empty = empty.and_then(|empty| empty.select(columns.iter().copied()));
    let empty = empty.expect("our own tables can be built without rows");
    for path in files(&dir.join(folder))? {
        let rows = fitting(geoparquet::read_columns(&path, Some(columns))?, &path, &empty)?;
        each(&Table { path, rows })?;
    }
    Ok(())
}

/// The Parquet files of a folder, in the order of their names; at least one.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).map_err(|e| ErrorKind::io("read folder", e).in_file(folder))?;
    let mut files: Vec<PathBuf> =
        entries.flatten().map(|e| e.path()).filter(|p| p.extension().is_some_and(|e| e == "parquet")).collect();
    files.sort();
    match files.is_empty() {
        true => Err(ErrorKind::Damaged("the folder has no table".to_string()).in_file(folder)),
        false => Ok(files),
    }
}

/// Reads one file with (at least) the columns of `empty`.
///
/// # Errors
///
/// As [`load`].
pub(super) fn checked(file: &Path, empty: &DataFrame) -> Result<DataFrame> {
    fitting(geoparquet::read(file)?, file, empty)
}

/// The table of a file, where it has the columns of `empty`, but for those that came later.
fn fitting(table: DataFrame, file: &Path, empty: &DataFrame) -> Result<DataFrame> {
    let table = later::completed(table, empty.schema());
    let table = table.map_err(|e| ErrorKind::Damaged(e.to_string()).in_file(file))?;
    for field in empty.schema().iter_fields() {
        let found = table.schema().get(field.name()).cloned();
        let reason = match found {
            None => format!("no column `{}`", field.name()),
            Some(dtype) if dtype != *field.dtype() => {
                format!("column `{}` is {dtype}, not {}", field.name(), field.dtype())
            }
            Some(_) => continue,
        };
        return Err(ErrorKind::Damaged(reason).in_file(file));
    }
    Ok(table)
}

/// A value, or what is wrong with its cell.
pub(super) type Cell<T> = std::result::Result<T, String>;

/// The cells of a table by column name and row; a null is `None`.
pub(super) struct Cells<'a> {
    rows: &'a DataFrame,
}

impl Cells<'_> {
    fn column(&self, name: &str) -> Cell<&Series> {
        let column = self.rows.column(name).map_err(|_| format!("no column `{name}`"))?;
        Ok(column.as_materialized_series())
    }

    pub(super) fn text(&self, name: &str, i: usize) -> Cell<Option<String>> {
        Ok(typed(name, self.column(name)?.str())?.get(i).map(str::to_string))
    }

    pub(super) fn float(&self, name: &str, i: usize) -> Cell<Option<f64>> {
        Ok(typed(name, self.column(name)?.f64())?.get(i))
    }

    pub(super) fn long(&self, name: &str, i: usize) -> Cell<Option<i64>> {
        Ok(typed(name, self.column(name)?.i64())?.get(i))
    }

    pub(super) fn int(&self, name: &str, i: usize) -> Cell<Option<i32>> {
        Ok(typed(name, self.column(name)?.i32())?.get(i))
    }

    pub(super) fn bool(&self, name: &str, i: usize) -> Cell<Option<bool>> {
        Ok(typed(name, self.column(name)?.bool())?.get(i))
    }

    pub(super) fn geometry(&self, name: &str, i: usize) -> Cell<Option<geo::Geometry<f64>>> {
        let wkb = typed(name, self.column(name)?.binary())?.get(i);
        wkb.map(|wkb| geoparquet::from_wkb(wkb).map_err(|e| format!("`{name}`: {e}"))).transpose()
    }

    fn list(&self, name: &str, i: usize) -> Cell<Option<Series>> {
        Ok(typed(name, self.column(name)?.list())?.get_as_series(i))
    }

    pub(super) fn texts(&self, name: &str, i: usize) -> Cell<Option<Vec<String>>> {
        let Some(items) = self.list(name, i)? else { return Ok(None) };
        Ok(Some(typed(name, items.str())?.iter().map(|v| v.unwrap_or_default().to_string()).collect()))
    }

    /// A null among them is NaN.
    pub(super) fn floats(&self, name: &str, i: usize) -> Cell<Option<Vec<f64>>> {
        let Some(items) = self.list(name, i)? else { return Ok(None) };
        Ok(Some(typed(name, items.f64())?.iter().map(|v| v.unwrap_or(f64::NAN)).collect()))
    }

    pub(super) fn longs(&self, name: &str, i: usize) -> Cell<Option<Vec<i64>>> {
        let Some(items) = self.list(name, i)? else { return Ok(None) };
        let items = typed(name, items.i64())?.iter().collect::<Option<Vec<i64>>>();
        items.map(Some).ok_or_else(|| format!("a null in `{name}`"))
    }

    /// Shape (T, N); a null number is NaN.
    pub(super) fn vectors<const N: usize>(&self, name: &str, i: usize) -> Cell<Option<Vec<[f32; N]>>> {
        let Some(items) = self.list(name, i)? else { return Ok(None) };
        let inner = typed(name, items.array())?.get_inner();
        let flat: Vec<f32> = typed(name, inner.f32())?.iter().map(|v| v.unwrap_or(f32::NAN)).collect();
        Ok(Some(flat.as_chunks::<N>().0.to_vec()))
    }

    /// The values of a struct.
    pub(super) fn group<V>(&self, name: &str, i: usize, decode: impl Fn(&Cells<'_>) -> Cell<V>) -> Cell<Option<V>> {
        let column = typed(name, self.column(name)?.struct_())?;
        if column.is_null().get(i) != Some(false) {
            return Ok(None);
        }
        let rows = column.slice(i as i64, 1).unnest();
        decode(&Cells { rows: &rows }).map(Some)
    }

    /// The values of a list of structs.
    pub(super) fn groups<V>(
        &self,
        name: &str,
        i: usize,
        decode: impl Fn(&Cells<'_>, usize) -> Cell<V>,
    ) -> Cell<Option<Vec<V>>> {
        let Some(items) = self.list(name, i)? else { return Ok(None) };
        let rows = typed(name, items.struct_())?.clone().unnest();
        let cells = Cells { rows: &rows };
        (0..rows.height()).map(|k| decode(&cells, k)).collect::<Cell<Vec<V>>>().map(Some)
    }
}

/// A value that must be there.
pub(super) fn must<T>(name: &str, value: Cell<Option<T>>) -> Cell<T> {
    value?.ok_or_else(|| format!("`{name}` is null"))
}

fn typed<T>(name: &str, column: PolarsResult<T>) -> Cell<T> {
    column.map_err(|_| format!("column `{name}` is of another type"))
}
