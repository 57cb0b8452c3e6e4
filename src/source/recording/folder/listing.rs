//! What lies in a recording folder: which files are whose, found by names alone.

use std::collections::BTreeMap;
use std::path::Path;

use crate::error::Result;
use crate::record::{FrameFormat, Modality, SourceFile};
use crate::source::RecordingOptions;

use super::super::files::entries;
use super::super::media_file::stem;
use super::settings::Settings;

/// The files of one channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Channel {
    /// Its name.
    pub name: String,
    /// What its files are.
    pub modality: Modality,
    /// Its files, by name.
    pub files: Vec<SourceFile>,
    /// Its `times.csv`.
    pub times: Option<SourceFile>,
}

/// Everything that the reader will read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Listing {
    /// `calibration.json`.
    pub calibration: Option<SourceFile>,
    /// `gnss.csv`, or every GPX, NMEA and UBX file where there is none.
    pub gnss: Vec<SourceFile>,
    /// `imu.csv`.
    pub imu: Option<SourceFile>,
    /// `wheel.csv`.
    pub wheel: Option<SourceFile>,
    /// `poses.csv`.
    pub poses: Option<SourceFile>,
    /// Channels, by name and modality.
    pub channels: Vec<Channel>,
    /// How many files are of no kind that is read.
    pub aside: u64,
}

/// Folders of a recording and what they hold.
pub(super) const FOLDERS: [(&str, Modality); 5] = [
    ("images", Modality::Camera),
    ("lidar", Modality::Lidar),
    ("audio", Modality::Audio),
    ("depth", Modality::Depth),
    ("masks", Modality::Mask),
];

/// Lists a recording folder.
///
/// # Errors
///
/// Where a folder cannot be listed.
pub(super) fn list(root: &Path, settings: &Settings, options: &RecordingOptions) -> Result<Listing> {
    let mut listing = Listing::default();
    let top = entries(root, "")?;
    let file = |name: &str| {
        top.files.iter().find(|f| f.relative == name || f.relative.strip_suffix(".gz") == Some(name)).cloned()
    };
    listing.calibration = file("calibration.json");
    listing.imu = file("imu.csv");
    listing.wheel = file("wheel.csv");
    listing.poses = file("poses.csv");
    listing.gnss = match file("gnss.csv") {
        Some(table) => vec![table],
        None => top.files.iter().filter(|f| is_trace(&f.relative)).cloned().collect(),
    };
    let mut channels: BTreeMap<(String, Modality), Channel> = BTreeMap::new();
    let flat_camera = || options.channel.clone().unwrap_or_else(|| "camera".to_string());
    let flat_lidar = || "lidar".to_string();
    let own: Vec<&str> = settings.channels.values().filter_map(|c| c.path.as_deref()).collect();
    for (folder, modality) in FOLDERS {
        if !top.folders.iter().any(|f| f == folder) {
            continue;
        }
        let inside = entries(&root.join(folder), folder)?;
        for name in &inside.folders {
            let relative = format!("{folder}/{name}");
            if !own.contains(&relative.as_str()) {
                take(root, &relative, name, modality, &mut channels, &mut listing.aside)?;
            }
        }
        let times = inside.files.iter().find(|f| f.relative.ends_with("/times.csv"));
        for file in &inside.files {
            let name = match modality {
                Modality::Audio => stem(&file.relative).to_string(),
                Modality::Lidar => flat_lidar(),
                _ => flat_camera(),
            };
            add(&mut channels, name, modality, file, times, &mut listing.aside);
        }
    }
    // Pictures or sweeps that lie flat in the folder itself.
    let times = top.files.iter().find(|f| f.relative == "times.csv");
    for file in &top.files {
        for (modality, name) in [(Modality::Camera, flat_camera()), (Modality::Lidar, flat_lidar())] {
            if is_media(modality, &file.relative) {
                add(&mut channels, name, modality, file, times, &mut listing.aside);
            }
        }
    }
    for (name, channel) in &settings.channels {
        if let Some(path) = &channel.path {
            let modality = modality_of(root, path)?;
            channels.remove(&(name.clone(), modality));
            take(root, path, name, modality, &mut channels, &mut listing.aside)?;
        }
        if channel.skip {
            channels.retain(|(of, _), _| of != name);
        }
    }
    listing.channels = channels.into_values().filter(|c| !c.files.is_empty()).collect();
    Ok(listing)
}

impl Listing {
    /// All files, sorted by relative path.
    pub(super) fn files(&self) -> Vec<SourceFile> {
        let traces = [&self.calibration, &self.imu, &self.wheel, &self.poses].into_iter().flatten();
        let media = self.channels.iter().flat_map(|c| c.files.iter().chain(&c.times));
        let mut files: Vec<SourceFile> = traces.chain(&self.gnss).chain(media).cloned().collect();
        files.sort_by(|a, b| a.relative.cmp(&b.relative));
        files.dedup();
        files
    }
}

/// Whether a file's name is that of a GNSS trace other than CSV.
pub(in crate::source::recording) fn is_trace(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    [".gpx", ".nmea", ".nma", ".gga", ".ubx"].iter().any(|ending| name.ends_with(ending))
}

/// Whether a file's ending is one that a modality has; what it really is, its bytes will tell.
pub(super) fn is_media(modality: Modality, name: &str) -> bool {
    use FrameFormat as F;
    let Some(format) = name.rsplit_once('.').and_then(|(_, ending)| F::from_extension(ending)) else { return false };
    match modality {
        Modality::Camera => matches!(format, F::Jpg | F::Png | F::Webp),
        Modality::Lidar => matches!(format, F::Pcd | F::Bin | F::Ply | F::Las | F::Laz | F::Feather),
        Modality::Audio => matches!(format, F::Wav | F::Flac),
        Modality::Depth => matches!(format, F::Png | F::Npy),
        Modality::Mask => matches!(format, F::Png),
    }
}

fn add(
    channels: &mut BTreeMap<(String, Modality), Channel>,
    name: String,
    modality: Modality,
    file: &SourceFile,
    times: Option<&SourceFile>,
    aside: &mut u64,
) {
    if !is_media(modality, &file.relative) {
        *aside += u64::from(!file.relative.ends_with("times.csv"));
        return;
    }
    let channel = channels.entry((name.clone(), modality)).or_insert_with(|| Channel {
        name,
        modality,
        files: Vec::new(),
        times: times.cloned(),
    });
    channel.files.push(file.clone());
}

fn take(
    root: &Path,
    relative: &str,
    name: &str,
    modality: Modality,
    channels: &mut BTreeMap<(String, Modality), Channel>,
    aside: &mut u64,
) -> Result<()> {
    let inside = entries(&root.join(relative), relative)?;
    let times = inside.files.iter().find(|f| f.relative.ends_with("/times.csv"));
    for file in &inside.files {
        add(channels, name.to_string(), modality, file, times, aside);
    }
    Ok(())
}

/// What a folder that settings name for a channel holds: the parent's meaning, else that of its first media file.
fn modality_of(root: &Path, path: &str) -> Result<Modality> {
    let parent = path.split('/').next().unwrap_or_default();
    if let Some((_, modality)) = FOLDERS.iter().find(|(folder, _)| *folder == parent) {
        return Ok(*modality);
    }
    let inside = entries(&root.join(path), path)?;
    let found = inside.files.iter().find_map(|f| FOLDERS.iter().map(|x| x.1).find(|m| is_media(*m, &f.relative)));
    Ok(found.unwrap_or(Modality::Camera))
}
