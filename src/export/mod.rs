//! Layer 7: samples as other tools read them. [`export`] writes a folder; [`Target`] lists the tools.
//!
//! A [`Sink`] makes the files of one [`Shot`] (a sample and one of its cameras) after the other, on many threads, and at
//! the end those that are about all of them. What it cannot write, and what the consumer's own reader would drop without
//! a word, is left out and counted with its reason. Each folder has a card that states every axis, unit and order
//! (`CONVENTIONS.md`, and `export.json` for machines). A folder is made beside its place and renamed into it as a whole.

pub mod actions;
pub mod axes;
mod card;
mod clip;
mod colmap;
mod cosmos;
mod crew;
mod cuts;
mod dust3r;
mod interp;
mod job;
mod nerfstudio;
pub mod npz;
mod nwm;
mod pickle;
mod points;
mod refset;
mod route;
mod scene;
mod sink;
mod statistics;
mod svgraph;
pub mod unicycle;
pub mod video;
pub mod view;
mod vista;
mod words;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use serde::Serialize;

use crate::dataset::Dataset;
use crate::dataset::unit::{Hold, Staging, is_taken};
use crate::error::{ErrorKind, Result};

use card::EXPORT;
pub use card::{Card, Convention};
pub use job::{Job, Shot, Still};
pub use sink::{Sink, Skip};

/// Who an export is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Target {
    /// Videos with references of another day.
    Refset,
    /// NVIDIA Cosmos 3.
    Cosmos,
    /// OpenDriveLab's Vista.
    Vista,
    /// NoMaD, ViNT and the Navigation World Model.
    Nwm,
    /// DUSt3R and MASt3R.
    Dust3r,
    /// Sparse keyframes of dense drives.
    Interp,
    /// COLMAP's text model.
    Colmap,
    /// nerfstudio's `transforms.json`.
    Nerfstudio,
    /// Touchdown's graph of street view.
    Svgraph,
}

impl Target {
    /// All there are.
    pub const ALL: [Target; 9] = [
        Target::Refset,
        Target::Cosmos,
        Target::Vista,
        Target::Nwm,
        Target::Dust3r,
        Target::Interp,
        Target::Colmap,
        Target::Nerfstudio,
        Target::Svgraph,
    ];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Target::Refset => "refset",
            Target::Cosmos => "cosmos",
            Target::Vista => "vista",
            Target::Nwm => "nwm",
            Target::Dust3r => "dust3r",
            Target::Interp => "interp",
            Target::Colmap => "colmap",
            Target::Nerfstudio => "nerfstudio",
            Target::Svgraph => "svgraph",
        }
    }

    /// What it is, in a line.
    pub fn about(self) -> &'static str {
        match self {
            Target::Refset => "target videos with street view of the same place on another day, warped into them",
            Target::Cosmos => "NVIDIA Cosmos 3: videos with structured captions, actions, statistics",
            Target::Vista => "OpenDriveLab Vista: clips of 25 frames with actions",
            Target::Nwm => "NoMaD, ViNT and the Navigation World Model: trajectories of pictures",
            Target::Dust3r => "DUSt3R and MASt3R: pairs of posed pictures with depth",
            Target::Interp => "keyframes every 10 m of dense drives, with what lies between",
            Target::Colmap => "COLMAP text models with known poses, a folder a recording, points from LiDAR",
            Target::Nerfstudio => "nerfstudio transforms.json, a folder a recording",
            Target::Svgraph => "Touchdown, V-IRL and map2seq: street view as nodes.txt and links.txt along the roads",
        }
    }

    /// The target of a name.
    pub fn from_name(name: &str) -> Option<Target> {
        Target::ALL.into_iter().find(|t| t.name() == name)
    }
}

/// What to export, and where to.
#[derive(Debug, Clone)]
pub struct ExportOptions {
    /// For whom.
    pub target: Target,
    /// The folder to be made.
    pub out: PathBuf,
    /// Rows of `samples`, as [`Dataset::query`] finds them.
    pub rows: Vec<usize>,
    /// Camera channels; all that are no panoramas where empty, and all where there are no others.
    pub cameras: Vec<String>,
    /// Width and height of pictures: cut to their aspect around the middle, then resized. As stored without.
    pub size: Option<[u32; 2]>,
    /// Replace an export that lies at `out`.
    pub overwrite: bool,
}

/// What came of an export.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Exported {
    /// For whom.
    pub target: Target,
    /// The folder.
    pub out: PathBuf,
    /// Samples that were asked for.
    pub samples: u64,
    /// Samples and cameras that the consumer can use.
    pub clips: u64,
    /// Files in the folder.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// What was left out, by reason: samples and cameras, or what the reason names.
    pub left_out: BTreeMap<String, u64>,
    /// What was changed on the way, and how often.
    pub notes: BTreeMap<String, u64>,
}

/// Exports samples: all or nothing, in one rename. `tell` hears how many samples are done.
///
/// # Errors
///
/// [`ErrorKind::Exists`] where something lies at `out` and may not be replaced; [`ErrorKind::Config`] where that is no
/// export, lies in the data set or holds it; [`ErrorKind::Unknown`] for a camera that no recording has;
/// [`ErrorKind::Interrupted`]; [`ErrorKind::Damaged`] where the data set cannot be read.
pub fn export(
    dataset: &Dataset,
    options: &ExportOptions,
    tell: &(dyn Fn(u64) + Sync),
    stop: &AtomicBool,
) -> Result<Exported> {
    check_place(dataset, &options.out, options.overwrite)?;
    job::check_cameras(dataset, &options.cameras)?;
    if let Some(parent) = options.out.parent().filter(|p| !p.as_os_str().is_empty()) {
        std::fs::create_dir_all(parent).map_err(|e| ErrorKind::io("create folder", e).in_file(parent))?;
    }
    let staging = Staging::open(&options.out, Hold::Alone)?;
    // What an interrupted run left there is of no use.
    staging.sweep(&BTreeMap::new())?;
    let job = Job::new(dataset, options, staging.data(), stop);
    let (clips, card) = match options.target {
        Target::Refset => sink::run(&refset::Refset::new(&job)?, &job, &options.rows, tell)?,
        Target::Cosmos => sink::run(&cosmos::Cosmos, &job, &options.rows, tell)?,
        Target::Vista => sink::run(&vista::Vista::new(&job)?, &job, &options.rows, tell)?,
        Target::Nwm => sink::run(&nwm::Nwm, &job, &options.rows, tell)?,
        Target::Dust3r => sink::run(&dust3r::Dust3r, &job, &options.rows, tell)?,
        Target::Interp => sink::run(&interp::Interp, &job, &options.rows, tell)?,
        Target::Colmap => sink::run(&colmap::Colmap, &job, &options.rows, tell)?,
        Target::Nerfstudio => sink::run(&nerfstudio::Nerfstudio, &job, &options.rows, tell)?,
        Target::Svgraph => svgraph::write(&job, &options.rows, &options.cameras)?,
    };
    let exported = job.finish(options, clips, &card)?;
    staging.commit_named(EXPORT, options.overwrite)?;
    Ok(exported)
}

/// Whether a folder may be made there.
fn check_place(dataset: &Dataset, out: &Path, overwrite: bool) -> Result<()> {
    let config = |what: String| Err(ErrorKind::Config(what).bare().with_hint("choose another `--out`"));
    if let (Ok(data), Ok(out)) = (dataset.dir().canonicalize(), real_path(out))
        && (out.starts_with(&data) || data.starts_with(&out))
    {
        return config("an export may neither lie in its data set nor hold it".to_string());
    }
    if !is_taken(out) {
        return Ok(());
    }
    if !overwrite {
        return Err(ErrorKind::Exists(out.to_path_buf()).bare());
    }
    match out.join(EXPORT).is_file() {
        true => Ok(()),
        false => config(format!("{} is not an export, and `--overwrite` replaces nothing else", out.display())),
    }
}

/// The path without links, also of a folder that is not there yet.
fn real_path(path: &Path) -> std::io::Result<PathBuf> {
    match (path.canonicalize(), path.parent(), path.file_name()) {
        (Ok(real), ..) => Ok(real),
        (Err(_), Some(parent), Some(name)) if !parent.as_os_str().is_empty() => Ok(real_path(parent)?.join(name)),
        (Err(_), Some(_), Some(name)) => Ok(std::env::current_dir()?.canonicalize()?.join(name)),
        (Err(e), ..) => Err(e),
    }
}
