//! Conversions that several wrapped types share.

use numpy::{Element, PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray1, PyReadonlyArray2};
use pyo3::prelude::*;
use serde::Serialize;

use super::error::argument;
use crate::coord::Pose;

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

/// An argument as rows of N numbers each.
///
/// # Errors
///
/// Where it has another shape; `what` names it.
pub(super) fn rows<'py, const N: usize>(
    py: Python<'py>,
    value: &Bound<'py, PyAny>,
    what: &str,
) -> PyResult<PyReadonlyArray2<'py, f64>> {
    let wrong = || argument(format!("{what} are an array of numbers, shape (N, {N})"));
    let array = py.import("numpy")?.call_method1("asarray", (value, "float64"))?;
    let array: PyReadonlyArray2<'py, f64> = array.extract().map_err(|_| wrong())?;
    if array.as_array().ncols() != N { Err(wrong().into()) } else { Ok(array) }
}

/// An argument as a rigid motion: x y z qw qx qy qz, or a 4 × 4 matrix.
///
/// # Errors
///
/// Where it is neither, or its rotation is none; `what` names it.
pub(super) fn pose(py: Python<'_>, value: &Bound<'_, PyAny>, what: &str) -> PyResult<Pose> {
    let wrong = || argument(format!("{what} is seven numbers x y z qw qx qy qz, or a 4 x 4 matrix of a rigid motion"));
    let array = py.import("numpy")?.call_method1("asarray", (value, "float64"))?;
    let found = if let Ok(numbers) = array.extract::<PyReadonlyArray1<'_, f64>>() {
        let n = numbers.as_array().to_vec();
        match n.as_slice() {
            &[x, y, z, qw, qx, qy, qz] => Pose::from_wxyz([x, y, z], [qw, qx, qy, qz]),
            _ => None,
        }
    } else if let Ok(m) = array.extract::<PyReadonlyArray2<'_, f64>>() {
        let m = m.as_array();
        match m.dim() {
            (4, 4) if m.row(3).iter().eq(&[0.0, 0.0, 0.0, 1.0]) => {
                let rotation = std::array::from_fn(|i| m[[i / 3, i % 3]]);
                Pose::from_rows([m[[0, 3]], m[[1, 3]], m[[2, 3]]], rotation)
            }
            _ => None,
        }
    } else {
        None
    };
    found.ok_or_else(|| wrong().into())
}

/// An argument as an array of shape (H, W), of a type that numpy can make of it.
///
/// # Errors
///
/// Where it has another shape; `what` names it.
pub(super) fn plane<'py, T: Element>(
    py: Python<'py>,
    value: &Bound<'py, PyAny>,
    dtype: &str,
    what: &str,
) -> PyResult<PyReadonlyArray2<'py, T>> {
    let array = py.import("numpy")?.call_method1("asarray", (value, dtype))?;
    array.extract().map_err(|_| argument(format!("{what} has the shape (H, W)")).into())
}
