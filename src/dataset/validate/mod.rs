//! Whether a data set keeps the rules of its format, looked at from the inside: [`validate`]. `docs/validate.md` lists
//! the rules.
//!
//! Tables are read file by file; of frames and samples only what others refer to is kept. Media are read one frame at a
//! time per thread.

mod files;
mod findings;
mod maps;
mod media;
mod rows;
mod samples;
mod tables;

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

pub use findings::{Finding, Rule, Validation};

use super::manifest::Manifest;
use crate::error::{ErrorKind, Result};
use findings::Place;
use tables::Read;

/// How a validation can be watched and stopped.
pub struct Watch<'a> {
    /// Set from outside; looked at between steps.
    pub stop: &'a AtomicBool,
    /// Told how many bytes more have been read.
    pub advance: &'a (dyn Fn(u64) + Sync),
}

impl Watch<'_> {
    fn step(&self, bytes: u64) -> Result<()> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(ErrorKind::Interrupted.bare());
        }
        (self.advance)(bytes);
        Ok(())
    }
}

/// Looks at every rule; `deep` also reads every byte: hashes of files and frames, pictures and sweeps.
///
/// # Errors
///
/// Those of [`Manifest::read`]: what is no data set, or of another version, cannot be validated;
/// [`ErrorKind::Interrupted`]; where the disk fails. What does not hold is no error but a finding.
pub fn validate(dir: &Path, deep: bool, watch: &Watch<'_>) -> Result<Validation> {
    let manifest = Manifest::read(dir)?;
    let mut found = Validation::default();
    files::check(dir, &manifest, deep, watch, &mut found)?;
    let splitter = manifest.splitter();
    if let Err(error) = &splitter {
        manifest_place(&mut found).report(Rule::Manifest, error.kind().to_string());
    }

    let features = maps::check(dir, watch, &mut found)?;
    let recordings = rows::recordings(dir, &manifest, watch, &mut found)?;
    let frames = rows::frames(dir, &recordings, watch, &mut found)?;
    let poses = rows::poses(dir, &recordings, &features, watch, &mut found)?;
    let around = samples::Around {
        manifest: &manifest,
        splitter: splitter.as_ref().ok(),
        features: &features,
        recordings: &recordings,
        frames: &frames,
    };
    let samples = samples::check(dir, &around, watch, &mut found)?;
    rows::references(dir, &manifest, &samples, &frames, watch, &mut found)?;
    let counted =
        [("samples", samples.read), ("frames", frames.read), ("poses", poses), ("recordings", recordings.read)];
    check_counts(&manifest, &counted, &mut found);
    media::check(dir, &frames, deep, watch, &mut found)?;
    found.findings.sort_by(|a, b| (a.rule, &a.file, a.row).cmp(&(b.rule, &b.file, b.row)));
    Ok(found)
}

fn check_counts(manifest: &Manifest, counted: &[(&str, Read)], found: &mut Validation) {
    let mut place = manifest_place(found);
    for &(table, Read { rows, partly }) in counted {
        let says = manifest.counts.get(table).copied();
        place.expect(Rule::Manifest, partly || says == Some(rows), || match says {
            Some(says) => format!("it counts {says} {table}, there are {rows}"),
            None => format!("it does not count its {rows} {table}"),
        });
    }
}

fn manifest_place(found: &mut Validation) -> Place<'_> {
    Place { found, file: super::manifest::MANIFEST, row: None }
}
