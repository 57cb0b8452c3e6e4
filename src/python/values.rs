//! Conversions that several wrapped types share.

use numpy::{Element, PyArray1, PyArray2, PyArrayMethods};
use pyo3::prelude::*;
use serde::Serialize;

use super::error::argument;

/// A value as `json.loads` gives it: dicts in the order of their keys, lists, numbers, text.
pub(super) fn json_to_python<'py>(py: Python<'py>, value: &impl Serialize) -> PyResult<Bound<'py, PyAny>> {
    let text = serde_json::to_string(value).map_err(|e| argument(e.to_string()))?;
    py.import("json")?.call_method1("loads", (text,))
}

/// Rows of N numbers as an array of shape (rows, N).
pub(super) fn matrix<'py, T: Element, const N: usize>(
    py: Python<'py>,
    rows: &[[T; N]],
) -> PyResult<Bound<'py, PyArray2<T>>> {
    PyArray1::from_slice(py, rows.as_flattened()).reshape([rows.len(), N])
}
