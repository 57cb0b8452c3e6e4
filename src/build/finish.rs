//! Phase 3: what speaks of the whole data set: its report, its card and its manifest.

use std::collections::BTreeMap;
use std::path::Path;

use crate::dataset::manifest::{FORMAT_VERSION, Manifest};
use crate::dataset::unit::{Receipt, StagedFile, Staging, stage_file};
use crate::error::{ErrorKind, Quarantine, Result};
use crate::show::{BuildFacts, report};

use super::card::card;
use super::maps::MapFacts;
use super::names::label;
use super::plan::Plan;
use super::references::ReferenceFacts;
use super::run::{Built, UnitFacts};
use super::segment::SegmentFacts;
use super::{CODE_VERSION, Loaded};

/// The tables whose rows a build counts for its user.
const TABLES: [&str; 5] = ["samples", "frames", "poses", "recordings", "references"];

/// What a manifest counts, of the tables that a build tells its user of.
pub(super) fn told(counts: BTreeMap<String, u64>) -> BTreeMap<String, u64> {
    counts.into_iter().filter(|(table, _)| TABLES.contains(&table.as_str())).collect()
}

/// What the last phase knows of all units together.
pub struct Whole {
    /// Rows by table, features by map layer.
    pub counts: BTreeMap<String, u64>,
    /// What the segments' units tell, together.
    pub segments: SegmentFacts,
    /// Everything that was left out.
    pub quarantine: Quarantine,
}

/// Writes report, card and manifest into `data/`, and sweeps away what belongs to no unit.
///
/// # Errors
///
/// Where a receipt does not fit or a file cannot be written.
pub fn finish(
    loaded: &Loaded,
    plan: &Plan,
    staging: &Staging,
    maps: &Receipt,
    units: &[Receipt],
    references: &[Receipt],
) -> Result<Built> {
    let data = staging.data();
    let map_facts: MapFacts = maps.facts()?;
    let receipts = std::iter::once(maps).chain(units).chain(references);
    let mut files: BTreeMap<String, StagedFile> =
        receipts.flat_map(|r| &r.outputs).map(|f| (f.path.clone(), f.clone())).collect();
    staging.sweep(&files)?;

    let mut counts: BTreeMap<String, u64> =
        map_facts.counts.iter().map(|(layer, n)| (format!("map/{layer}"), *n)).collect();
    let mut segments = SegmentFacts::default();
    let mut sources = map_facts.sources.clone();
    let mut quarantine = plan.quarantine.clone();
    quarantine.merge(map_facts.quarantine.clone());
    for unit in units {
        let facts: UnitFacts = unit.facts()?;
        for (table, n) in facts.counts {
            *counts.entry(table).or_default() += n;
        }
        sources.extend(facts.sources);
        quarantine.merge(facts.segments.quarantine.clone());
        segments.merge(facts.segments);
    }
    let mut notes = map_facts.notes.clone();
    notes.extend(segments.notes.iter().cloned());
    if !references.is_empty() {
        let mut all = ReferenceFacts::default();
        for receipt in references {
            all.merge(receipt.facts()?);
        }
        counts.insert("references".to_string(), all.rows);
        notes.extend(all.notes());
        quarantine.merge(all.quarantine);
    }
    let whole = Whole { counts, segments, quarantine };
    let facts = BuildFacts {
        quarantine: &whole.quarantine,
        empty_ticks: &whole.segments.empty_ticks,
        dropped_windows: &whole.segments.dropped_windows,
        notes: &notes,
    };

    let mut manifest = Manifest {
        format_version: FORMAT_VERSION,
        name: loaded.config.dataset.name.clone(),
        code_version: CODE_VERSION.to_string(),
        config: stored_config(loaded)?,
        sources,
        counts: whole.counts.clone(),
        extent: whole.segments.extent,
        times: whole.segments.times,
        files: files.values().cloned().collect(),
    };
    for (name, text) in [("README.md", card(&manifest, &whole)), ("report.html", report(&data, &manifest, &facts)?)] {
        let path = data.join(name);
        std::fs::write(&path, text).map_err(|e| ErrorKind::io("write", e).in_file(&path))?;
        let entry = stage_file(&data, &path)?;
        files.insert(entry.path.clone(), entry);
    }
    manifest.files = files.into_values().collect();
    manifest.write(&data)?;

    Ok(Built {
        committed: true,
        units_done: units.len() + references.len() + 1,
        units_waiting: 0,
        counts: told(manifest.counts),
        left_out: whole.quarantine.total(),
        quarantine: whole.quarantine.lines().iter().map(ToString::to_string).collect(),
        dropped_windows: whole.segments.dropped_windows.clone(),
    })
}

/// A manifest for reading what is built so far: with the config, without files.
pub(super) fn unfinished_manifest(loaded: &Loaded) -> Result<Manifest> {
    Ok(Manifest {
        format_version: FORMAT_VERSION,
        name: loaded.config.dataset.name.clone(),
        code_version: CODE_VERSION.to_string(),
        config: stored_config(loaded)?,
        sources: Vec::new(),
        counts: BTreeMap::new(),
        extent: None,
        times: None,
        files: Vec::new(),
    })
}

/// The config with all defaults, its paths as the manifest's sources say them.
pub(super) fn stored_config(loaded: &Loaded) -> Result<serde_json::Value> {
    let mut config = loaded.config.clone();
    for map in &mut config.map {
        map.path = label(&map.path, Path::new(&map.path));
    }
    for recording in &mut config.recording {
        recording.path = label(&recording.path, Path::new(&recording.path));
    }
    if let Some(zones) = &mut config.privacy.exclude {
        *zones = label(zones, Path::new(zones));
    }
    serde_json::to_value(config).map_err(|e| ErrorKind::Damaged(format!("config: {e}")).bare())
}
