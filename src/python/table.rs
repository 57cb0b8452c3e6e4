//! [`Table`]: rows of a data set for any reader of Arrow.

use std::ffi::CStr;

use polars::prelude::{CompatLevel, DataFrame, IntoSeries};
use polars_arrow::ffi::export_iterator;
use pyo3::prelude::*;
use pyo3::types::PyCapsule;

/// The name that the Arrow PyCapsule interface gives such a capsule.
const STREAM: &CStr = c"arrow_array_stream";

/// Rows in Arrow's memory layout, for any library that reads the Arrow PyCapsule interface.
///
/// ``pyarrow.table(t)``, ``polars.DataFrame(t)`` and, in DuckDB's SQL, ``from t`` take it as it is, without a copy.
/// `geometry` is WKB in longitude, latitude (OGC:CRS84).
#[pyclass(module = "worldloom", frozen)]
pub(super) struct Table {
    rows: DataFrame,
}

impl Table {
    pub(super) fn new(rows: DataFrame) -> Table {
        Table { rows }
    }
}

#[pymethods]
impl Table {
    /// How many rows there are.
    #[getter]
    fn num_rows(&self) -> usize {
        self.rows.height()
    }

    /// The names of the columns.
    #[getter]
    fn column_names(&self) -> Vec<String> {
        self.rows.get_column_names_owned().into_iter().map(|name| name.to_string()).collect()
    }

    fn __len__(&self) -> usize {
        self.rows.height()
    }

    fn __repr__(&self) -> String {
        format!("Table({} rows, {} columns)", self.rows.height(), self.rows.width())
    }

    /// Export the rows as an Arrow C stream.
    ///
    /// Parameters
    /// ----------
    /// requested_schema
    ///     Accepted as the interface asks for, and ignored as it allows.
    ///
    /// Returns
    /// -------
    /// A capsule named ``arrow_array_stream``.
    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        let _ = requested_schema;
        // `oldest`: without view types, which not every reader knows.
        let rows = self.rows.clone().into_struct("".into()).into_series();
        let field = rows.field().to_arrow(CompatLevel::oldest());
        let chunks = (0..rows.n_chunks()).map(move |i| Ok(rows.to_arrow(i, CompatLevel::oldest())));
        PyCapsule::new_with_value(py, export_iterator(Box::new(chunks), field), STREAM)
    }
}
