//! Which of KITTI's layouts a folder has, and which files belong to it.

use std::path::{Path, PathBuf};

use crate::error::Result;
use crate::record::{Modality, SourceFile};

use super::super::files;

/// A drive, a sequence or a set of single frames; `prefix` is its path from the source's root with a trailing `/`.
#[derive(Debug, Clone)]
pub(super) struct Folder {
    pub root: PathBuf,
    pub prefix: String,
}

/// One thing that a source holds.
#[derive(Debug, Clone)]
pub(super) enum Part {
    /// A raw drive.
    Raw(Folder),
    /// A sequence of the odometry benchmark.
    Odometry(Folder),
    /// Frames of the object benchmark.
    Object(Folder),
}

/// A channel's files, sorted by name.
pub(super) struct Channel {
    pub name: &'static str,
    pub modality: Modality,
    pub files: Vec<SourceFile>,
}

/// Folders of raw drives and what their channels are called.
pub(super) const RAW: [(&str, &str, Modality); 5] = [
    ("image_00", "image_00", Modality::Camera),
    ("image_01", "image_01", Modality::Camera),
    ("image_02", "image_02", Modality::Camera),
    ("image_03", "image_03", Modality::Camera),
    ("velodyne_points", "velodyne", Modality::Lidar),
];

/// Folders of benchmarks.
pub(super) const BENCHMARK: [(&str, &str, Modality); 5] = [
    ("image_0", "image_0", Modality::Camera),
    ("image_1", "image_1", Modality::Camera),
    ("image_2", "image_2", Modality::Camera),
    ("image_3", "image_3", Modality::Camera),
    ("velodyne", "velodyne", Modality::Lidar),
];

/// The parts at or up to two levels below `path` (root, date, drive), by name.
pub(super) fn parts(path: &Path) -> Vec<Part> {
    let mut level = vec![String::new()];
    for _ in 0..3 {
        let of = |prefix: &String| part(Folder { root: path.to_path_buf(), prefix: prefix.clone() });
        let parts: Vec<Part> = level.iter().filter_map(of).collect();
        if !parts.is_empty() {
            return parts;
        }
        let below = |prefix: &String| match files::is_recording_folder(&path.join(prefix)) {
            true => Vec::new(),
            false => files::folders(&path.join(prefix)),
        };
        level = level
            .iter()
            .flat_map(|prefix| below(prefix).into_iter().map(move |folder| format!("{prefix}{folder}/")))
            .collect();
    }
    Vec::new()
}

fn part(folder: Folder) -> Option<Part> {
    let path = folder.path();
    let timed = |name: &str| path.join(name).join("timestamps.txt").is_file();
    if timed("oxts") || RAW.iter().any(|(name, ..)| timed(name)) {
        return Some(Part::Raw(folder));
    }
    if path.join("calib.txt").is_file() && path.join("times.txt").is_file() {
        return Some(Part::Odometry(folder));
    }
    let (image, velodyne, calib) = (path.join("image_2"), path.join("velodyne"), path.join("calib"));
    (image.is_dir() && (velodyne.is_dir() || calib.is_dir())).then_some(Part::Object(folder))
}

impl Folder {
    /// Where it lies.
    pub(super) fn path(&self) -> PathBuf {
        self.root.join(&self.prefix)
    }

    /// Its own name.
    pub(super) fn name(&self) -> String {
        super::folder::folder_name(&self.path())
    }

    /// One of its files.
    pub(super) fn file(&self, name: &str) -> Option<SourceFile> {
        files::find(&self.root, &format!("{}{name}", self.prefix))
    }

    /// A file beside or above it that `names` lead to, from the source's root where it lies inside.
    pub(super) fn near(&self, names: &[String]) -> Option<SourceFile> {
        names.iter().find_map(|name| {
            let absolute = self.path().join(name);
            let size = std::fs::metadata(&absolute).ok().filter(std::fs::Metadata::is_file)?.len();
            let mut parts: Vec<&str> = self.prefix.split('/').filter(|part| !part.is_empty()).collect();
            for part in name.split('/') {
                match part {
                    ".." if parts.last().is_some_and(|last| *last != "..") => _ = parts.pop(),
                    part => parts.push(part),
                }
            }
            let relative = parts.join("/");
            // Without a way up and down again, where the source's root is far enough above.
            let absolute = if relative.starts_with("..") { absolute } else { self.root.join(&relative) };
            Some(SourceFile { relative, absolute, size })
        })
    }

    /// The files of its channels; raw drives keep them in `data/`.
    pub(super) fn channels(&self, folders: &[(&str, &'static str, Modality)], inside: &str) -> Result<Vec<Channel>> {
        let mut channels = Vec::new();
        for (folder, name, modality) in folders {
            let relative = format!("{}{folder}{inside}", self.prefix);
            let path = self.root.join(&relative);
            let files = if path.is_dir() { files::entries(&path, &relative)?.files } else { Vec::new() };
            channels.push(Channel { name, modality: *modality, files });
        }
        Ok(channels)
    }
}

impl Part {
    /// Where it lies.
    pub(super) fn folder(&self) -> PathBuf {
        match self {
            Part::Raw(folder) | Part::Odometry(folder) | Part::Object(folder) => folder.path(),
        }
    }

    /// Everything that is read of it.
    ///
    /// # Errors
    ///
    /// Where a folder cannot be listed.
    pub(super) fn files(&self) -> Result<Vec<SourceFile>> {
        let mut all: Vec<SourceFile> = Vec::new();
        match self {
            Part::Raw(folder) => {
                all.extend(super::raw::CALIBRATIONS.iter().filter_map(|name| super::raw::calibration(folder, name)));
                all.extend(folder.file("oxts/timestamps.txt"));
                all.extend(super::raw::oxts_files(folder)?);
                all.extend(RAW.iter().filter_map(|(name, ..)| folder.file(&format!("{name}/timestamps.txt"))));
                all.extend(folder.channels(&RAW, "/data")?.into_iter().flat_map(|c| c.files));
            }
            Part::Odometry(folder) => {
                all.extend(["calib.txt", "times.txt", "recording.toml"].iter().filter_map(|name| folder.file(name)));
                all.extend(super::odometry::poses_file(folder));
                all.extend(folder.channels(&BENCHMARK, "")?.into_iter().flat_map(|c| c.files));
            }
            Part::Object(folder) => {
                all.extend(folder.channels(&BENCHMARK, "")?.into_iter().flat_map(|c| c.files));
            }
        }
        Ok(all)
    }
}
