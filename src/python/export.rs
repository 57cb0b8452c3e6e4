//! `export`.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use pyo3::prelude::*;

use super::dataset::Dataset;
use super::error::argument;
use super::values::json_to_python;
use crate::dataset;
use crate::export::{ExportOptions, Target};

/// Write samples as other tools read them.
///
/// The folder is made as a whole or not at all, and has a card (`CONVENTIONS.md`, `export.json`) that states every axis,
/// unit and order. What cannot be written, and what the tool's own reader would drop without a word, is left out and
/// counted; `docs/consumers.md` has what each tool reads.
///
/// Parameters
/// ----------
/// data
///     A data set, or a view of one, or the folder of one.
/// to
///     For whom: ``"refset"``, ``"cosmos"``, ``"vista"``, ``"nwm"``, ``"dust3r"``, ``"interp"``, ``"colmap"``,
///     ``"nerfstudio"`` or ``"svgraph"``.
/// out
///     The folder to be made.
/// cameras
///     Channels; without it all that are no panoramas, and all where there are no others.
/// size
///     (height, width) of pictures: cut to this aspect around their middle, then resized. As stored without.
/// overwrite
///     Replace an export that lies there.
///
/// Returns
/// -------
/// ``target``, ``out``, ``samples`` that were asked for, ``clips`` that were written (samples and cameras), ``files``,
/// ``bytes``, and counts by reason of what was ``left_out`` and of ``notes`` on what was changed.
///
/// Raises
/// ------
/// ConfigError
///     For another tool, or a folder that may not be made there.
/// ExistingFileError
///     Where something lies at `out`.
/// UnknownNameError
///     For a camera that no recording has.
#[pyfunction]
#[pyo3(signature = (data, *, to, out, cameras=None, size=None, overwrite=false))]
pub(super) fn export<'py>(
    py: Python<'py>,
    data: &Bound<'py, PyAny>,
    to: &str,
    out: PathBuf,
    cameras: Option<Vec<String>>,
    size: Option<(u32, u32)>,
    overwrite: bool,
) -> PyResult<Bound<'py, PyAny>> {
    let target = Target::from_name(to)
        .ok_or_else(|| argument(format!("`to` is one of {}, not {to:?}", Target::ALL.map(Target::name).join(", "))))?;
    let (data, rows) = match data.cast::<Dataset>() {
        Ok(view) => view.get().parts(),
        Err(_) => {
            let path = data.extract::<PathBuf>()?;
            let whole = py.detach(|| dataset::Dataset::open(&path))?;
            let rows = (0..whole.len()).collect();
            (Arc::new(whole), rows)
        }
    };
    let size = size.map(|(height, width)| [width, height]);
    let options = ExportOptions { target, out, rows, cameras: cameras.unwrap_or_default(), size, overwrite };
    let stop = AtomicBool::new(false);
    // Between samples, Ctrl-C is looked for.
    let tell = |_| {
        if Python::attach(|py| py.check_signals()).is_err() {
            stop.store(true, Ordering::SeqCst);
        }
    };
    let exported = py.detach(|| crate::export::export(&data, &options, &tell, &stop));
    py.check_signals()?;
    json_to_python(py, &exported?)
}
