//! [`Truth`]: where a drive really went, from whatever says so.

use std::path::{Path, PathBuf};

use nalgebra::UnitQuaternion;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::coord::{Geodetic, Pose};
use crate::error::{ErrorKind, Location, Quarantine, Result};
use crate::record::Recording;
use crate::source::RecordingOptions;
use crate::source::registry::open_recording;
use crate::time::{ClockScale, Timestamp};

/// A drive's true states.
#[derive(Debug)]
pub(super) struct Truth {
    /// What it is called: its folder, or its file without the ending.
    pub(super) name: String,
    /// Where `clock.csv` and `matched.csv` may lie beside it.
    pub(super) folder: Option<PathBuf>,
    pub(super) states: Vec<TrueState>,
    /// What keeps it from being compared by time: how many positions have none, or that its times have no dates.
    pub(super) untimed: usize,
    pub(super) undated: bool,
    /// What could not be read of it, and why.
    pub(super) refused: Quarantine,
}

/// Where the ego was.
#[derive(Debug)]
pub(super) struct TrueState {
    pub(super) t_ns: i64,
    pub(super) place: Geodetic,
    /// Rotation of the FLU ego in the ENU axes at `place`; `None` of traces, which know positions alone.
    pub(super) rotation: Option<UnitQuaternion<f64>>,
}

#[derive(Debug, Deserialize)]
struct TruePose {
    t_ns: i64,
    lon: f64,
    lat: f64,
    height_m: f64,
    qw: f64,
    qx: f64,
    qy: f64,
    qz: f64,
}

impl Truth {
    /// Of a folder that holds `poses.csv`.
    ///
    /// # Errors
    ///
    /// Where it cannot be read, or a line of it is no pose.
    pub(super) fn of_folder(folder: &Path) -> Result<Truth> {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Truth {
            name,
            folder: Some(folder.to_path_buf()),
            states: poses(&folder.join("poses.csv"))?,
            untimed: 0,
            undated: false,
            refused: Quarantine::new(),
        })
    }

    /// Of one drive, by itself: a recording folder or the `poses.csv` of one, a trace (NMEA, GPX, CSV, …), or any other
    /// recording with times.
    ///
    /// # Errors
    ///
    /// Where it is none of them, or cannot be read.
    pub(super) fn of_drive(path: &Path) -> Result<Truth> {
        let named = path.file_name().is_some_and(|file| file == "poses.csv");
        let folder = if named { path.parent().unwrap_or(path) } else { path };
        if named || folder.join("poses.csv").is_file() {
            return Truth::of_folder(folder);
        }
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let (options, mut refused) = (RecordingOptions::default(), Quarantine::new());
        let recordings = open_recording(path, None, &options)?.read(&mut refused)?;
        let states: Vec<TrueState> = recordings.iter().flat_map(states).collect();
        let places = recordings.iter().map(|r| r.poses.len().max(r.gnss.len())).sum::<usize>();
        let unknown = |r: &Recording| {
            let position = if r.poses.is_empty() { "gnss" } else { "poses" };
            r.clocks.iter().any(|c| c.sensor == position && c.scale == ClockScale::Unknown)
        };
        let undated = recordings.iter().all(unknown);
        Ok(Truth { name, folder: None, untimed: places.saturating_sub(states.len()), undated, states, refused })
    }

    /// Why no trajectory has a time of it: those of the data set are from `first` to `last`, nanoseconds.
    pub(super) fn apart(&self, dataset: Option<(i64, i64)>) -> String {
        let span = |first: i64, last: i64| format!("{} to {}", Timestamp::from_ns(first), Timestamp::from_ns(last));
        let times = || self.states.iter().map(|state| state.t_ns);
        let what = match (times().min().zip(times().max()), dataset) {
            (None, _) => format!("none of the {} positions of {} has a time", self.untimed, self.name),
            (_, None) => "no trajectory of the data set has times".to_string(),
            (Some(_), Some(_)) if self.undated => {
                format!("times of {} have no date: they count from a moment that it does not tell", self.name)
            }
            (Some((first, last)), Some((from, to))) => format!(
                "{} has no time of a trajectory: it goes from {}, the data set from {}",
                self.name,
                span(first, last),
                span(from, to)
            ),
        };
        // The reason that costs most comes first.
        match self.refused.iter().max_by_key(|(_, _, refused)| refused.count) {
            None => what,
            Some((_, reason, refused)) => format!("{what}; of its lines {} were refused: {reason}", refused.count),
        }
    }
}

/// The states of a recording that have times: of its own trajectory, else of its receiver.
fn states(recording: &Recording) -> Vec<TrueState> {
    let poses = recording.poses.iter();
    let known: Vec<TrueState> =
        poses.filter_map(|p| Some(TrueState { t_ns: p.t?.ns(), place: p.place, rotation: Some(p.rotation) })).collect();
    if !known.is_empty() {
        return known;
    }
    let fixes = recording.gnss.iter();
    fixes.filter_map(|fix| Some(TrueState { t_ns: fix.t?.ns(), place: fix.place, rotation: None })).collect()
}

fn poses(path: &Path) -> Result<Vec<TrueState>> {
    let state = |(i, row): (usize, TruePose)| {
        let rotation = Pose::from_wxyz([0.0; 3], [row.qw, row.qx, row.qy, row.qz]).ok_or_else(|| {
            let place = Location::record(path, i as u64);
            ErrorKind::malformed("CSV of truth", "a quaternion that is no rotation").at(place)
        })?;
        let place = Geodetic::new(row.lon, row.lat, row.height_m);
        Ok(TrueState { t_ns: row.t_ns, place, rotation: Some(rotation.rotation) })
    };
    rows::<TruePose>(path)?.into_iter().enumerate().map(state).collect()
}

/// The rows of a CSV of the truth.
///
/// # Errors
///
/// The line that is none.
pub(super) fn rows<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>> {
    let wrong = |e: csv::Error| {
        let line = e.position().map(csv::Position::line);
        ErrorKind::malformed("CSV of truth", e.to_string()).at(Location { line, ..Location::file(path) })
    };
    csv::Reader::from_path(path).map_err(wrong)?.deserialize().collect::<csv::Result<_>>().map_err(wrong)
}
