//! `build`, `probe` and the command line.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use pyo3::prelude::*;

use super::values::json_to_python;
use crate::build::{BuildOptions, Progress};

/// How often the calling thread looks at signals and tells of progress.
const BEAT: Duration = Duration::from_millis(100);

/// Progress as the calling thread reads it.
#[derive(Default)]
struct Counter {
    phase: Mutex<(String, u64)>,
    done: AtomicU64,
}

impl Progress for Counter {
    fn phase(&self, name: &str, total: u64) {
        let mut phase = self.phase.lock().unwrap_or_else(PoisonError::into_inner);
        self.done.store(0, Ordering::Relaxed);
        *phase = (name.to_string(), total);
    }

    fn advance(&self, n: u64) {
        self.done.fetch_add(n, Ordering::Relaxed);
    }
}

impl Counter {
    /// Phase, steps done, steps in all; `None` before the first phase.
    fn read(&self) -> Option<(String, u64, u64)> {
        let (name, total) = self.phase.lock().unwrap_or_else(PoisonError::into_inner).clone();
        (!name.is_empty()).then(|| (name, self.done.load(Ordering::Relaxed).min(total), total))
    }
}

/// Build a data set; `worldloom.build` has the arguments.
#[pyfunction]
pub(super) fn build<'py>(
    py: Python<'py>,
    config: PathBuf,
    out: PathBuf,
    threads: usize,
    overrides: Vec<String>,
    overwrite: bool,
    progress: Option<Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let stop = Arc::new(AtomicBool::new(false));
    let counter = Arc::new(Counter::default());
    let (sender, mut receiver) = mpsc::channel();
    let worker = {
        let (stop, counter) = (Arc::clone(&stop), Arc::clone(&counter));
        std::thread::Builder::new().name("worldloom-build".to_string()).spawn(move || {
            let options = BuildOptions { out, threads, overwrite, units: None };
            let built = crate::build::load(&config, &overrides)
                .and_then(|loaded| crate::build::build(&loaded, &options, &*counter, &stop));
            // Nobody listens any more where the caller's own function raised.
            let _ = sender.send(built);
        })?
    };
    let mut told = None;
    let mut tell = || -> PyResult<()> {
        py.check_signals()?;
        let now = counter.read();
        if let (Some(progress), true) = (&progress, now != told) {
            if let Some((phase, done, total)) = &now {
                progress.call1((phase, done, total))?;
            }
            told = now;
        }
        Ok(())
    };
    let mut raised = None;
    let built = loop {
        let waiting = &mut receiver;
        match py.detach(move || waiting.recv_timeout(BEAT)) {
            Ok(built) => break built,
            Err(RecvTimeoutError::Timeout) if raised.is_some() => {}
            Err(RecvTimeoutError::Timeout) => {
                if let Err(error) = tell() {
                    stop.store(true, Ordering::SeqCst);
                    raised = Some(error);
                }
            }
            Err(RecvTimeoutError::Disconnected) => match py.detach(|| worker.join()) {
                Err(panic) => std::panic::resume_unwind(panic),
                Ok(()) => unreachable!("a worker sends before it ends"),
            },
        }
    };
    if let Some(error) = raised {
        return Err(error);
    }
    let built = built?;
    tell()?;
    json_to_python(py, &built)
}

/// Say what a file or folder is: its kind, counts, extent, times, sensors, problems.
///
/// Reads the source but writes nothing.
///
/// Parameters
/// ----------
/// path
///     A map or a recording, or a folder of one.
///
/// Returns
/// -------
/// ``kind``, ``path``, ``counts`` by name, ``extent`` as (west, south, east, north) in degrees or ``None``,
/// ``times`` as RFC 3339 or ``None``, and lists of ``sensors``, ``notes`` and ``problems``.
///
/// Raises
/// ------
/// MissingFileError
///     Where nothing is there.
/// UnsupportedError
///     Where no reader knows it.
#[pyfunction]
pub(super) fn probe(py: Python<'_>, path: PathBuf) -> PyResult<Bound<'_, PyAny>> {
    let probe = py.detach(|| crate::source::probe(&path))?;
    json_to_python(py, &probe)
}

/// Run a command line (its first word is the program) and return the exit code.
#[pyfunction]
pub(super) fn main(py: Python<'_>, argv: Vec<OsString>) -> u8 {
    py.detach(|| crate::cli::main(argv))
}
