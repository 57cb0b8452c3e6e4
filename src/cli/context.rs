//! What every subcommand shares: how to answer, how to show progress, how to be interrupted.

use std::io::{IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use crate::build::Progress;
use crate::error::{ErrorKind, Result};

/// How a command ended, where it did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Done.
    Done,
    /// Done, but something was left out or found.
    Found,
}

impl Outcome {
    /// The exit code.
    pub fn code(self) -> u8 {
        match self {
            Outcome::Done => 0,
            Outcome::Found => 3,
        }
    }

    /// [`Outcome::Found`] where `found`.
    pub fn found_if(found: bool) -> Outcome {
        if found { Outcome::Found } else { Outcome::Done }
    }
}

/// What every subcommand shares.
pub struct Context {
    /// Whether to answer in JSON.
    pub json: bool,
    /// Set by Ctrl-C where [`stop_on_ctrl_c`](Context::stop_on_ctrl_c) was called; long work looks at it between steps.
    pub stop: Arc<AtomicBool>,
}

impl Context {
    /// A context of a command that Ctrl-C ends at once.
    pub fn new(json: bool) -> Context {
        Context { json, stop: Arc::new(AtomicBool::new(false)) }
    }

    /// From now on Ctrl-C sets [`stop`](Context::stop): for work that looks at it.
    pub fn stop_on_ctrl_c(&self) {
        let flag = Arc::clone(&self.stop);
        // Inside Python, or called twice, the handler is somebody else's: then theirs counts.
        let _ = ctrlc::set_handler(move || {
            if flag.swap(true, Ordering::SeqCst) {
                // A second Ctrl-C does not wait for the current step.
                std::process::exit(130);
            }
        });
    }

    /// Progress on stderr: bars on a terminal, a plain line a phase otherwise.
    pub fn progress(&self) -> TerminalProgress {
        TerminalProgress { bar: std::sync::Mutex::new(None), terminal: std::io::stderr().is_terminal() }
    }
}

/// Writes a value as pretty JSON with a line end.
///
/// # Errors
///
/// Where `out` cannot be written.
pub fn write_json(out: &mut dyn Write, value: &impl Serialize) -> Result<()> {
    serde_json::to_writer_pretty(&mut *out, value)
        .map_err(std::io::Error::from)
        .and_then(|()| writeln!(out))
        .map_err(|e| ErrorKind::io("write to the terminal", e).bare())
}

/// Writes a line of text.
///
/// # Errors
///
/// Where `out` cannot be written.
pub fn write_line(out: &mut dyn Write, line: impl std::fmt::Display) -> Result<()> {
    writeln!(out, "{line}").map_err(|e| ErrorKind::io("write to the terminal", e).bare())
}

/// Progress for people.
pub struct TerminalProgress {
    bar: std::sync::Mutex<Option<ProgressBar>>,
    terminal: bool,
}

impl Progress for TerminalProgress {
    fn phase(&self, name: &str, total: u64) {
        let mut bar = self.bar.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(old) = bar.take() {
            old.finish_and_clear();
        }
        if self.terminal {
            let style = ProgressStyle::with_template("{msg:24} {bar:32} {pos}/{len}  {per_sec}  {eta} left")
                .expect("the template is valid");
            let new = ProgressBar::new(total).with_style(style).with_message(name.to_string());
            new.enable_steady_tick(Duration::from_millis(200));
            *bar = Some(new);
        } else {
            let _ = writeln!(std::io::stderr(), "{name} ({total})");
        }
    }

    fn advance(&self, n: u64) {
        if let Some(bar) = &*self.bar.lock().unwrap_or_else(std::sync::PoisonError::into_inner) {
            bar.inc(n);
        }
    }
}

impl Drop for TerminalProgress {
    fn drop(&mut self) {
        if let Some(bar) = self.bar.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner).take() {
            bar.finish_and_clear();
        }
    }
}
