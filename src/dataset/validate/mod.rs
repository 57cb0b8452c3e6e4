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

use super::SplitConfig;
use super::manifest::Manifest;
use super::split::Splitter;
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
    let splitter = splitter(&manifest, &mut found);

    let features = maps::check(dir, watch, &mut found)?;
    let recordings = rows::recordings(dir, &manifest, watch, &mut found)?;
    let frames = rows::frames(dir, &recordings, watch, &mut found)?;
    let poses = rows::poses(dir, &recordings, &features, watch, &mut found)?;
    let around = samples::Around {
        manifest: &manifest,
        splitter: splitter.as_ref(),
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

/// The splitter that the manifest's config describes.
fn splitter(manifest: &Manifest, found: &mut Validation) -> Option<Splitter> {
    let part = |section: &str| manifest.config.get(section).cloned().unwrap_or_default();
    let seed = part("dataset").get("seed").and_then(serde_json::Value::as_u64);
    let config: Result<SplitConfig, String> = serde_json::from_value(part("split")).map_err(|e| e.to_string());
    let made = config.and_then(|config| Splitter::new(&config, seed.unwrap_or_default()).map_err(|e| e.to_string()));
    let mut place = manifest_place(found);
    match (made, seed) {
        (Ok(splitter), Some(_)) => Some(splitter),
        (Ok(_), None) => {
            place.report(Rule::Manifest, "the config has no `dataset.seed`");
            None
        }
        (Err(reason), _) => {
            place.report(Rule::Manifest, format!("the config's `[split]`: {reason}"));
            None
        }
    }
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
