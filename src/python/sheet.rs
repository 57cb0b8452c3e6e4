//! [`Sheet`]: a sample on one page.

use std::io::Cursor;
use std::path::PathBuf;

use image::ImageFormat;
use numpy::{PyArray1, PyArray3, PyArrayMethods};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::error::{ErrorKind, Result};
use crate::show;

/// A sample on one page: its frames over the ticks, the map with the way driven, LiDAR, motion, texts, provenance.
///
/// A notebook shows it where it is the last value of a cell.
#[pyclass(module = "worldloom", frozen)]
pub(super) struct Sheet {
    sheet: show::Sheet,
}

impl Sheet {
    pub(super) fn new(sheet: show::Sheet) -> Sheet {
        Sheet { sheet }
    }

    fn png(&self) -> Result<Vec<u8>> {
        let mut png = Cursor::new(Vec::new());
        let written = self.sheet.picture.write_to(&mut png, ImageFormat::Png);
        written.map_err(|e| ErrorKind::io("encode a picture", std::io::Error::other(e)).bare())?;
        Ok(png.into_inner())
    }
}

#[pymethods]
impl Sheet {
    /// What is there but could not be drawn, and why.
    #[getter]
    fn problems(&self) -> Vec<String> {
        self.sheet.problems.clone()
    }

    /// Return the picture: RGB, shape (H, W, 3), uint8.
    fn image<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray3<u8>>> {
        let (width, height) = self.sheet.picture.dimensions();
        PyArray1::from_slice(py, self.sheet.picture.as_raw()).reshape([height as usize, width as usize, 3])
    }

    /// Write the picture as a PNG file.
    ///
    /// Parameters
    /// ----------
    /// path
    ///     Where it goes; what lies there is replaced.
    ///
    /// Raises
    /// ------
    /// FileAccessError
    ///     Where it cannot be written.
    fn save(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        py.detach(|| {
            let png = self.png()?;
            std::fs::write(&path, png).map_err(|e| ErrorKind::io("write", e).in_file(&path))
        })?;
        Ok(())
    }

    fn _repr_png_<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(py, &py.detach(|| self.png())?))
    }

    fn __repr__(&self) -> String {
        let (width, height) = self.sheet.picture.dimensions();
        format!("Sheet({width} x {height})")
    }
}
