//! `kitti`: raw drives with OXTS, sequences of the odometry benchmark, and (to look at only) the object benchmark.
//!
//! ```text
//! DATE/calib_{cam_to_cam,velo_to_cam,imu_to_velo}.txt                                   raw
//! DATE/DRIVE/{oxts,velodyne_points,image_0X}/{timestamps.txt, data/0000000000.*}
//! sequences/NN/{calib.txt,times.txt,image_X/000000.png,velodyne/000000.bin}, poses/NN.txt   odometry
//! {training,testing}/{image_2,velodyne,calib}/000000.*                                  object
//! ```
//!
//! - Ego: the OXTS unit (forward, left, up) in raw drives; camera 0 with its axes turned to forward, left, up in the
//!   odometry benchmark, which has no mount of the car.
//! - Times of raw drives are local and name no zone: the clock is `unknown` unless the config gives `timezone`.
//! - Heights are above sea level: OXTS takes a geoid off (Karlsruhe: 116 m where the ellipsoid is 48 m lower).
//! - The odometry benchmark says nowhere where its sequences are: a `recording.toml` beside `calib.txt` has to.
//!
//! Source: A. Geiger et al., *Vision meets Robotics: The KITTI Dataset* (IJRR 2013), and the development kits' readmes.

mod calib;
mod layout;
mod odometry;
mod raw;
#[cfg(test)]
mod tests;

use std::path::Path;

use crate::error::{ErrorKind, Quarantine, Result};
use crate::record::{Recording, SourceFile};
use crate::source::{Probe, RecordingOptions, RecordingSource};

use super::civil;
use super::folder::{self, Remarks};
use layout::Part;

const KIND: &str = "kitti";

/// Drives, sequences or single frames.
pub struct Kitti {
    parts: Vec<Part>,
    files: Vec<SourceFile>,
    options: RecordingOptions,
    zone_s: Option<i32>,
}

/// Whether `path` has one of the layouts, at it or up to two folders below.
pub(crate) fn detect(path: &Path) -> bool {
    !layout::parts(path).is_empty()
}

/// Opens a drive, a sequence, or a folder of them.
///
/// # Errors
///
/// Where there is none, a folder cannot be listed, or the timezone is unknown.
pub(crate) fn open(path: &Path, options: &RecordingOptions) -> Result<Box<dyn RecordingSource>> {
    let parts = layout::parts(path);
    if parts.is_empty() {
        let reason =
            "there are neither drives with `oxts` or timestamps nor sequences with `calib.txt` and `times.txt`";
        return Err(ErrorKind::malformed("KITTI folder", reason).in_file(path));
    }
    let zone_s =
        options.timezone.as_ref().map(|name| civil::zone(name).map_err(|kind| kind.in_file(path))).transpose()?;
    let mut files = Vec::new();
    for part in &parts {
        files.extend(part.files()?);
    }
    files.sort_by(|a: &SourceFile, b| a.relative.cmp(&b.relative));
    files.dedup();
    Ok(Box::new(Kitti { parts, files, options: options.clone(), zone_s }))
}

impl RecordingSource for Kitti {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn files(&self) -> &[SourceFile] {
        &self.files
    }

    fn probe(&self) -> Result<Probe> {
        let objects: Vec<&Part> = self.parts.iter().filter(|part| matches!(part, Part::Object(_))).collect();
        if objects.len() < self.parts.len() {
            return folder::probe_read(|quarantine, remarks| self.recordings(quarantine, remarks));
        }
        let mut probe = Probe { kind: KIND.to_string(), ..Probe::default() };
        for file in &self.files {
            let folder = file.relative.rsplit('/').nth(1).unwrap_or_default();
            *probe.counts.entry(folder.to_string()).or_default() += 1;
        }
        probe.notes.push(OBJECT.to_string());
        Ok(probe)
    }

    fn read(&self, quarantine: &mut Quarantine) -> Result<Vec<Recording>> {
        self.recordings(quarantine, &mut Remarks::default())
    }
}

const OBJECT: &str = "frames of the object benchmark have neither place nor time: no recording can be made of them";

impl Kitti {
    fn recordings(&self, quarantine: &mut Quarantine, remarks: &mut Remarks) -> Result<Vec<Recording>> {
        let mut recordings = Vec::new();
        for part in &self.parts {
            recordings.push(match part {
                Part::Raw(drive) => raw::read(drive, &self.options, self.zone_s, quarantine, remarks)?,
                Part::Odometry(sequence) => odometry::read(sequence, &self.options, quarantine, remarks)?,
                Part::Object(_) => continue,
            });
        }
        match (self.parts.first(), recordings.is_empty()) {
            (Some(part), true) => Err(ErrorKind::Unsupported(OBJECT.to_string())
                .in_file(part.folder())
                .with_hint("use the raw drives: the benchmark's `mapping` says which frame of which drive it is")),
            _ => Ok(recordings),
        }
    }
}
