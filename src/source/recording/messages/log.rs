//! [`Log`]: a log in one file or in parts, whatever container its messages are in.

use std::path::PathBuf;

use crate::error::{ErrorKind, Location, Quarantine, Result};
use crate::record::{Recording, SourceFile, SourceRef};
use crate::source::recording::folder::{self, Remarks};
use crate::source::{Limits, Probe, RecordingOptions, RecordingSource};

use super::Collector;

/// Reads a file from its front; damage costs the record or chunk that it is in.
///
/// # Errors
///
/// Where it does not begin as a file of the kind does, or cannot be read.
pub(in crate::source::recording) type ReadFile =
    fn(&SourceFile, &Limits, &mut Collector, &mut Quarantine) -> Result<(), ErrorKind>;

/// One recording in one or more files.
pub(in crate::source::recording) struct Log {
    pub(in crate::source::recording) kind: &'static str,
    /// The ending of its files, without the dot.
    pub(in crate::source::recording) ending: &'static str,
    pub(in crate::source::recording) read: ReadFile,
    pub(in crate::source::recording) root: PathBuf,
    pub(in crate::source::recording) files: Vec<SourceFile>,
    pub(in crate::source::recording) options: RecordingOptions,
}

impl RecordingSource for Log {
    fn kind(&self) -> &'static str {
        self.kind
    }

    fn files(&self) -> &[SourceFile] {
        &self.files
    }

    fn probe(&self) -> Result<Probe> {
        folder::probe_read(|quarantine, remarks| Ok(vec![self.recording(quarantine, remarks)?]))
    }

    fn read(&self, quarantine: &mut Quarantine) -> Result<Vec<Recording>> {
        let recording = self.recording(quarantine, &mut Remarks::default())?;
        self.check_placed(&recording, quarantine)?;
        Ok(vec![recording])
    }
}

impl Log {
    fn recording(&self, quarantine: &mut Quarantine, remarks: &mut Remarks) -> Result<Recording> {
        let name = folder::folder_name(&self.root);
        let name = name.strip_suffix(&format!(".{}", self.ending)).unwrap_or(&name);
        let mut recording = Recording::new(name, self.kind, &self.options.license);
        let mut collector = Collector::new(&self.options.limits, &self.options.license);
        let mut readable = 0;
        for file in &self.files {
            match (self.read)(file, &self.options.limits, &mut collector, quarantine) {
                Ok(()) => readable += 1,
                Err(kind) if self.files.len() == 1 => return Err(kind.in_file(&file.absolute)),
                Err(kind) => quarantine.refuse(&Location::file(&file.absolute), kind),
            }
            recording.sources.push(SourceRef {
                path: file.relative.as_str().into(),
                record: None,
                license: self.options.license.as_str().into(),
            });
        }
        if readable == 0 {
            return Err(ErrorKind::malformed("log", "none of its files can be read").in_file(&self.root));
        }
        collector.finish(&mut recording, &self.root, quarantine, remarks);
        Ok(recording)
    }

    /// An error where nothing says where on Earth the log was made.
    fn check_placed(&self, recording: &Recording, quarantine: &Quarantine) -> Result<()> {
        if !recording.gnss.is_empty() {
            return Ok(());
        }
        let error = ErrorKind::malformed("log", "no message in it gives a position on Earth").in_file(&self.root);
        let hint = "positions come from NavSatFix or LocationFix messages; `worldloom probe` lists what is there";
        Err(match quarantine.iter().next() {
            Some((_, reason, refused)) => error.with_hint(format!("{}: {reason}", refused.examples[0])),
            None => error.with_hint(hint),
        })
    }
}
