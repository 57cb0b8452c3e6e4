//! Running a plan: phases of units, each with its receipt; then report, manifest and commit.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::dataset::manifest::{FORMAT_VERSION, MANIFEST, Manifest, SourceEntry};
use crate::dataset::shard::ShardWriter;
use crate::dataset::split::Splitter;
use crate::dataset::tables::{
    write_frames, write_poses, write_recordings, write_references, write_samples, write_sources,
};
use crate::dataset::unit::{Hold, Receipt, Staging, finish_interrupted_commit, hash_file, is_taken};
use crate::error::{ErrorKind, Quarantine, Result};
use crate::privacy::read_zones;
use crate::record::SourceFile;
use crate::render::MapIndex;

use super::finish::{finish, stored_config, told, unfinished_manifest};
use super::hash::hash_sources;
use super::maps::{MapFacts, build_maps, road_graph};
use super::plan::{Plan, PlannedUnit, open_source, sample_config};
use super::references::Grounding;
use super::segment::{Rows, SegmentFacts, Shared, Terms, build_segment};
use super::{CODE_VERSION, Loaded, Progress, check_stop};

/// How to run a build.
#[derive(Debug, Clone)]
pub struct BuildOptions {
    /// The data set to be.
    pub out: PathBuf,
    /// Threads; 0 for all. The bytes do not depend on it.
    pub threads: usize,
    /// Replace a data set that is there.
    pub overwrite: bool,
    /// Do only the I-th of N parts and do not commit.
    pub units: Option<(usize, usize)>,
}

/// What a build came to.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Built {
    /// Whether the data set is in its place.
    pub committed: bool,
    /// Units that this run did, in this and earlier runs.
    pub units_done: usize,
    /// Units that wait for an earlier phase or another worker.
    pub units_waiting: usize,
    /// Rows by table, features by map layer.
    pub counts: BTreeMap<String, u64>,
    /// How many records were left out.
    pub left_out: u64,
    /// What was left out, a line a file and reason.
    pub quarantine: Vec<String>,
    /// Windows that were not made into samples, by reason.
    pub dropped_windows: BTreeMap<String, u64>,
}

impl Built {
    /// Whether a data set was committed that has nothing to train on.
    pub fn is_without_samples(&self) -> bool {
        self.committed && self.counts.get("samples") == Some(&0)
    }

    /// Why there are no samples, as far as the windows that were dropped tell.
    pub fn why_none(&self) -> String {
        let reasons: Vec<String> = self.dropped_windows.iter().map(|(why, n)| format!("{why} ({n} windows)")).collect();
        match reasons.is_empty() {
            true => "no recording that is used as a target holds a window of past + future".to_string(),
            false => reasons.join(", "),
        }
    }
}

/// What a unit of phase 1 tells the last phase.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct UnitFacts {
    /// Rows by table.
    pub counts: BTreeMap<String, u64>,
    /// Rows of the manifest.
    pub sources: Vec<SourceEntry>,
    /// What the report says.
    pub segments: SegmentFacts,
}

/// The name of the unit of phase 0.
const MAPS: &str = "maps";

/// Builds a data set: goes on where an interrupted run of the same config stopped, and commits.
///
/// # Errors
///
/// [`ErrorKind::Exists`] where something lies at `out` and may not be replaced; [`ErrorKind::Interrupted`]; whatever
/// the config, the sources or the disk refuse.
pub fn build(loaded: &Loaded, options: &BuildOptions, progress: &dyn Progress, stop: &AtomicBool) -> Result<Built> {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(options.threads.min(most_threads()))
        .build()
        .map_err(|e| ErrorKind::Config(format!("cannot start {} threads: {e}", options.threads)).bare())?;
    pool.install(|| run(loaded, options, progress, stop))
}

/// More threads than this only wait for each other.
fn most_threads() -> usize {
    4 * std::thread::available_parallelism().map_or(1, usize::from)
}

fn run(loaded: &Loaded, options: &BuildOptions, progress: &dyn Progress, stop: &AtomicBool) -> Result<Built> {
    let out = &options.out;
    if finish_interrupted_commit(out)? {
        // Of this very config, or of an older one, whose data set is then one like any other.
        let manifest = Manifest::read(out)?;
        if manifest.code_version == CODE_VERSION && manifest.config == stored_config(loaded)? {
            return Ok(Built { committed: true, counts: told(manifest.counts), ..Built::default() });
        }
    }
    if is_taken(out) {
        if !options.overwrite {
            return Err(ErrorKind::Exists(out.clone()).bare());
        }
        if !out.join(MANIFEST).exists() {
            let kind = ErrorKind::Config(format!("{} is not a data set", out.display()));
            return Err(kind.bare().with_hint("`--overwrite` replaces data sets only; choose another `--out`"));
        }
    }
    if let Some(parent) = out.parent().filter(|p| !p.as_os_str().is_empty()) {
        std::fs::create_dir_all(parent).map_err(|e| ErrorKind::io("create folder", e).in_file(parent))?;
    }
    progress.phase("planning", loaded.config.recording.len() as u64);
    let plan = Plan::make(loaded, stop)?;
    let staging = Staging::open(out, if options.units.is_some() { Hold::Shared } else { Hold::Alone })?;
    let work = Work { loaded, plan: &plan, staging: &staging, progress, stop };

    let Some(maps) = work.phase_0(options.units)? else {
        return Ok(Built { units_waiting: plan.units.len(), ..Built::default() });
    };
    let units = work.phase_1(&maps, options.units)?;
    let references = work.phase_2(&maps, options.units)?.unwrap_or_default();
    if options.units.is_some() {
        return Ok(Built { units_done: units.len() + references.len(), ..Built::default() });
    }
    progress.phase("finishing", 1);
    let built = finish(loaded, &plan, &staging, &maps, &units, &references)?;
    check_stop(stop)?;
    staging.commit(options.overwrite)?;
    Ok(built)
}

struct Work<'a> {
    loaded: &'a Loaded,
    plan: &'a Plan,
    staging: &'a Staging,
    progress: &'a dyn Progress,
    stop: &'a AtomicBool,
}

impl Work<'_> {
    /// The receipt of the maps; `None` where another worker has them to do.
    fn phase_0(&self, units: Option<(usize, usize)>) -> Result<Option<Receipt>> {
        let files: Vec<&SourceFile> = self.plan.maps.iter().flat_map(|m| m.source.files()).collect();
        let areas: Vec<_> =
            self.plan.sources.iter().flat_map(|s| &s.segments).map(|s| json!([s.bounds, s.path])).collect();
        let config = &self.loaded.config;
        let bevs: Vec<_> = (0..config.recording.len()).map(|entry| sample_config(self.loaded, entry).bev).collect();
        let inputs = self.inputs(&json!([config.map, bevs, areas]), &files)?;
        if let Some(receipt) = self.staging.receipt(MAPS, &inputs)? {
            return Ok(Some(receipt));
        }
        if units.is_some_and(|(i, _)| i != 0) {
            return Ok(None);
        }
        self.progress.phase("reading maps", self.plan.maps.len() as u64);
        let (paths, facts) = build_maps(self.loaded, self.plan, &self.staging.data(), self.stop)?;
        self.staging.finish(MAPS, &inputs, &paths, &facts).map(Some)
    }

    /// The receipts of the units that are done, in plan order.
    fn phase_1(&self, maps: &Receipt, units: Option<(usize, usize)>) -> Result<Vec<Receipt>> {
        let facts: MapFacts = maps.facts()?;
        let config = &self.loaded.config;
        let mut todo = Vec::new();
        let mut receipts = Vec::new();
        for (number, unit) in self.plan.units.iter().enumerate() {
            if units.is_some_and(|(i, n)| number % n != i) {
                continue;
            }
            let inputs = self.unit_inputs(unit, maps)?;
            match self.staging.receipt(&unit.name, &inputs)? {
                Some(receipt) => receipts.push((number, receipt)),
                None => todo.push((number, unit, inputs)),
            }
        }
        if !todo.is_empty() {
            let frames = |u: &PlannedUnit| -> u64 {
                self.plan.sources[u.first..u.end].iter().flat_map(|s| &s.segments).map(|s| s.frames).sum()
            };
            self.progress.phase("building samples", todo.iter().map(|(_, unit, _)| frames(unit)).sum());
            let map = if self.plan.maps.is_empty() {
                None
            } else {
                Some(MapIndex::new(crate::dataset::read_map(&self.staging.data())?))
            };
            let roads = if config.fuse.r#match { road_graph(self.loaded, self.plan)? } else { None };
            let zones = match &config.privacy.exclude {
                Some(path) => read_zones(&self.loaded.base.join(path))?,
                None => Vec::new(),
            };
            let shape_hash = self.shape_hashes()?;
            let mut terms = Terms::default();
            for entry in &facts.sources {
                terms.licenses.insert(entry.license.clone());
                terms.attributions.extend(entry.attribution.clone());
                terms.sources.insert(entry.path.clone());
            }
            let splitter = Splitter::new(&config.split, config.dataset.seed)?;
            let shared = Shared {
                loaded: self.loaded,
                shape_hash: &shape_hash,
                map: map.as_ref(),
                roads: roads.as_ref(),
                map_terms: &terms,
                splitter: &splitter,
                zones: &zones,
                output: self.loaded.image_output()?,
                progress: self.progress,
                stop: self.stop,
            };
            for (number, unit, inputs) in todo {
                check_stop(self.stop)?;
                receipts.push((number, self.unit(&shared, unit, &inputs)?));
            }
        }
        receipts.sort_by_key(|(number, _)| *number);
        Ok(receipts.into_iter().map(|(_, receipt)| receipt).collect())
    }

    /// Builds one unit of phase 1 and writes its receipt.
    fn unit(&self, shared: &Shared<'_>, unit: &PlannedUnit, inputs: &str) -> Result<Receipt> {
        let data = self.staging.data();
        let limit = self.loaded.config.output.shard_mb * 1_000_000;
        let mut shard = ShardWriter::new(&data, &unit.name, limit)?;
        let mut rows = Rows::default();
        let mut sources = Vec::new();
        let mut source_rows = Vec::new();
        for planned in &self.plan.sources[unit.first..unit.end] {
            let source = open_source(self.loaded, planned.entry, &planned.label, &planned.path)?;
            // What reading refuses was told when the plan was made.
            let recordings = source.read(&mut Quarantine::new())?;
            let mut own = Rows::default();
            for (number, recording) in recordings.into_iter().enumerate() {
                let wanted: Vec<_> = planned.segments.iter().filter(|s| s.recording == number).collect();
                if wanted.is_empty() {
                    continue;
                }
                let kind = recording.kind;
                let parts = crate::fuse::segments(recording);
                for segment in wanted {
                    let part = parts.get(segment.segment).ok_or_else(|| {
                        ErrorKind::Damaged(format!("{} changed while it was built ({kind})", planned.label)).bare()
                    })?;
                    build_segment(shared, planned, &segment.id, source.as_ref(), part, &mut shard, &mut own)?;
                }
            }
            let entry = format!("recording/{}", planned.entry);
            let (files, tree) = hash_sources(&planned.label, &entry, &planned.files, &own.hashes)?;
            source_rows.extend(files);
            sources.push(SourceEntry {
                path: planned.label.clone(),
                kind: source.kind().to_string(),
                entry,
                size: tree.size,
                blake3: tree.blake3,
                license: planned.license.clone(),
                attribution: self.loaded.config.recording[planned.entry].attribution.clone(),
            });
            own.facts.quarantine = std::mem::take(&mut own.facts.quarantine).relabelled(&planned.path, &planned.label);
            rows.append(own);
        }

        let mut paths = shard.finish()?;
        let mut path = |table: &str| -> Result<PathBuf> {
            let folder = data.join(table);
            std::fs::create_dir_all(&folder).map_err(|e| ErrorKind::io("create folder", e).in_file(&folder))?;
            let path = folder.join(format!("{}.parquet", unit.name));
            paths.push(path.clone());
            Ok(path)
        };
        write_samples(&path("samples")?, &rows.samples)?;
        write_frames(&path("frames")?, &rows.frames)?;
        write_poses(&path("poses")?, &rows.poses)?;
        write_recordings(&path("recordings")?, &rows.recordings)?;
        write_sources(&path("sources")?, &source_rows)?;
        let counts = [
            ("samples", rows.samples.len()),
            ("frames", rows.frames.len()),
            ("poses", rows.poses.len()),
            ("recordings", rows.recordings.len()),
        ];
        let counts = counts.into_iter().map(|(table, n)| (table.to_string(), n as u64)).collect();
        let facts = UnitFacts { counts, sources, segments: rows.facts };
        self.staging.finish(&unit.name, inputs, &paths, &facts)
    }

    /// Phase 2: the receipts of the references of each unit, in plan order; `None` where the config asks for none, or
    /// where units of phase 1 are still to be done by others.
    fn phase_2(&self, maps: &Receipt, units: Option<(usize, usize)>) -> Result<Option<Vec<Receipt>>> {
        let wanted = |entry| sample_config(self.loaded, entry).references.is_some();
        if !(0..self.loaded.config.recording.len()).any(wanted) {
            return Ok(None);
        }
        let mut tables = Vec::new();
        for unit in &self.plan.units {
            let Some(receipt) = self.staging.receipt(&unit.name, &self.unit_inputs(unit, maps)?)? else {
                return Ok(None);
            };
            tables.extend(receipt.outputs);
        }
        let data = self.staging.data();
        let folder = data.join("references");
        std::fs::create_dir_all(&folder).map_err(|e| ErrorKind::io("create folder", e).in_file(&folder))?;
        self.progress.phase("choosing references", self.plan.units.len() as u64);
        let mut grounding = None;
        let mut receipts = Vec::new();
        for (number, unit) in self.plan.units.iter().enumerate() {
            check_stop(self.stop)?;
            if units.is_some_and(|(i, n)| number % n != i) {
                continue;
            }
            let sources = &self.plan.sources[unit.first..unit.end];
            let ids: Vec<&str> = sources.iter().flat_map(|s| &s.segments).map(|g| g.id.as_str()).collect();
            let inputs = self.inputs(&json!([self.loaded.config, ids, tables]), &[])?;
            let name = format!("references-{}", unit.name);
            if let Some(receipt) = self.staging.receipt(&name, &inputs)? {
                receipts.push(receipt);
                continue;
            }
            if grounding.is_none() {
                grounding = Some(Grounding::new(self.loaded, &data, unfinished_manifest(self.loaded)?)?);
            }
            let Some(grounding) = &grounding else { continue };
            let (rows, facts) = grounding.unit(&ids, self.stop)?;
            let path = folder.join(format!("{}.parquet", unit.name));
            write_references(&path, &rows)?;
            receipts.push(self.staging.finish(&name, &inputs, &[path], &facts)?);
            self.progress.advance(1);
        }
        Ok(Some(receipts))
    }

    /// Hash of everything that a unit of phase 1 depends on.
    fn unit_inputs(&self, unit: &PlannedUnit, maps: &Receipt) -> Result<String> {
        let sources = &self.plan.sources[unit.first..unit.end];
        let files: Vec<&SourceFile> = sources.iter().flat_map(|s| &s.files).collect();
        let segments: Vec<_> =
            sources.iter().map(|s| (s.entry, &s.label, s.segments.iter().map(|g| &g.id).collect::<Vec<_>>())).collect();
        self.inputs(&json!([self.loaded.config, segments, maps.outputs, self.zones_hash()?]), &files)
    }

    /// Hash of everything that a unit's outputs depend on: code, config, and the files it reads.
    fn inputs(&self, what: &serde_json::Value, files: &[&SourceFile]) -> Result<String> {
        let mut hasher = blake3::Hasher::new();
        hasher.update(format!("{} {FORMAT_VERSION}\n{what}\n", CODE_VERSION).as_bytes());
        for file in files {
            // Contents are hashed when the unit reads them; size and time say whether they changed since.
            let meta =
                std::fs::metadata(&file.absolute).map_err(|e| ErrorKind::io("read", e).in_file(&file.absolute))?;
            let changed = meta.modified().ok().and_then(|t| t.duration_since(std::time::UNIX_EPOCH).ok());
            hasher.update(format!("{}\0{}\0{changed:?}\n", file.relative, meta.len()).as_bytes());
        }
        Ok(hasher.finalize().to_hex().to_string())
    }

    fn zones_hash(&self) -> Result<Option<String>> {
        let path = self.loaded.config.privacy.exclude.as_ref().map(|p| self.loaded.base.join(p));
        path.map(|p| hash_file(&p)).transpose()
    }

    /// By config entry: hash of the config that shapes samples, which their ids carry.
    fn shape_hashes(&self) -> Result<Vec<String>> {
        let config = &self.loaded.config;
        (0..config.recording.len())
            .map(|entry| {
                let shape = json!([sample_config(self.loaded, entry), config.fuse]);
                Ok(blake3::hash(shape.to_string().as_bytes()).to_hex().to_string())
            })
            .collect()
    }
}
