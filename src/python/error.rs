//! From [`crate::Error`] to the named exceptions of `python/worldloom/_errors.py`: the one place that maps them.

use pyo3::exceptions::PyKeyboardInterrupt;
use pyo3::prelude::*;

use crate::error::{Error, ErrorKind};

impl From<Error> for PyErr {
    fn from(error: Error) -> PyErr {
        Python::attach(|py| raised(py, &error).unwrap_or_else(|failure| failure))
    }
}

fn raised(py: Python<'_>, error: &Error) -> PyResult<PyErr> {
    let class = match error.kind() {
        ErrorKind::Interrupted => return Ok(PyKeyboardInterrupt::new_err(error.to_string())),
        ErrorKind::Io { .. } => "FileAccessError",
        ErrorKind::NotFound => "MissingFileError",
        ErrorKind::Malformed { .. } => "FormatError",
        ErrorKind::LimitExceeded { .. } => "LimitError",
        ErrorKind::Unsupported(_) => "UnsupportedError",
        ErrorKind::Config(_) => "ConfigError",
        ErrorKind::Exists(_) => "ExistingFileError",
        ErrorKind::Unknown { .. } => "UnknownNameError",
        ErrorKind::Damaged(_) => "DamagedError",
    };
    let mut message = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        message.push_str(&format!(" ({inner})"));
        cause = inner.source();
    }
    let hint = match error.kind() {
        // The command line's words for it are flags.
        ErrorKind::Exists(_) => Some("pass `overwrite=True` to replace it, or choose another `out`"),
        _ => error.hint(),
    };
    let errors = py.import("worldloom._errors")?;
    let location = match error.location() {
        Some(at) => {
            let source = at.source.display().to_string();
            Some(errors.getattr("Location")?.call1((source, at.record, at.line, at.byte))?)
        }
        None => None,
    };
    Ok(PyErr::from_value(errors.getattr(class)?.call1((message, location, hint))?))
}

/// An error in the arguments of a call.
pub(super) fn argument(reason: impl Into<String>) -> Error {
    ErrorKind::Config(reason.into()).bare()
}
