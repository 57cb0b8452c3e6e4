//! How near the fused trajectories of a data set are to known truth: [`evaluate`].

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use nalgebra::Vector3;
use serde::{Deserialize, Serialize};

use super::Dataset;
use super::manifest::MANIFEST;
use super::rows::RecordingRow;
use super::truth::{Truth, rows};
use crate::coord::Pose;
use crate::error::{ErrorKind, Result};
use crate::fuse::Track;
use crate::fuse::metrics::{
    ErrorStats, Placed, absolute, align, associate, nees, pairs_by_path, pairs_by_time, relative,
};
use crate::source::trajectory_file::read_trajectory;

/// Bins of the reliability table.
const BINS: usize = 10;
/// Poses of two trajectory files within so many seconds belong together, as in `evo`.
const TOGETHER_S: f64 = 0.01;

/// What `worldloom evaluate fusion` tells of a data set.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evaluation {
    /// A drive of the truth each, the largest horizontal RMSE first.
    pub drives: Vec<DriveEvaluation>,
    /// Of all drives with known ways: how often a match of a stated probability is right, by length.
    pub reliability: Vec<ReliabilityBin>,
    /// Expected calibration error of these probabilities, by length; `None` without matches.
    pub calibration_error: Option<f64>,
}

/// A drive against its truth, no alignment unless said.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DriveEvaluation {
    /// What the truth is called.
    pub drive: String,
    /// `recording_id`.
    pub recording_id: String,
    /// Metres of true path that the trajectory covers.
    pub length_m: f64,
    /// Horizontal distance, metres.
    pub horizontal_m: ErrorStats,
    /// Height, metres.
    pub vertical_m: ErrorStats,
    /// Distance in space (ATE), metres.
    pub ate_m: ErrorStats,
    /// The same after the rigid motion that makes it least; `None` where the path is a straight line.
    pub ate_aligned_m: Option<ErrorStats>,
    /// Heading, degrees; `None` where the truth is of positions alone.
    pub heading_deg: Option<ErrorStats>,
    /// Relative error over a second, metres.
    pub rpe_1s_m: Option<ErrorStats>,
    /// Relative error over 100 m of path, metres.
    pub rpe_100m_m: Option<ErrorStats>,
    /// Mean of (error / sigma)² per horizontal axis: 1 where sigmas are honest.
    pub nees_xy: Option<f64>,
    /// Clocks that the truth knows.
    pub clock: Vec<ClockEvaluation>,
    /// Ways, where the truth knows them.
    pub ways: Option<WayEvaluation>,
}

/// A clock against its truth.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClockEvaluation {
    /// `imu`, `wheel` or a channel.
    pub sensor: String,
    /// What should be added to its times, milliseconds.
    pub true_ms: f64,
    /// What was found; `None` where nothing was.
    pub found_ms: Option<f64>,
    /// One sigma of it.
    pub sigma_ms: Option<f64>,
    /// Found less true.
    pub error_ms: Option<f64>,
}

/// Matched ways against true ones, by length.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct WayEvaluation {
    /// Metres on a known way.
    pub true_m: f64,
    /// Metres that were matched to any.
    pub matched_m: f64,
    /// Metres that were matched to the right one.
    pub right_m: f64,
    /// `right_m / matched_m`; `None` where nothing was matched.
    pub precision: Option<f64>,
    /// `right_m / true_m`; `None` where the truth knows no way.
    pub recall: Option<f64>,
}

/// Matches whose stated probability lies between two values.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ReliabilityBin {
    /// From this probability.
    pub from: f64,
    /// To this.
    pub to: f64,
    /// Metres of path.
    pub length_m: f64,
    /// Mean stated probability.
    pub stated: f64,
    /// Share that is right.
    pub right: f64,
}

/// Two trajectory files against each other.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TrajectoryEvaluation {
    /// Poses that were compared.
    pub poses: usize,
    /// Absolute error, metres.
    pub ate_m: ErrorStats,
    /// After the best rigid motion.
    pub ate_aligned_m: Option<ErrorStats>,
    /// After the best similarity.
    pub ate_scaled_m: Option<ErrorStats>,
    /// Relative error over 100 m of path, all pairs within a tenth of it.
    pub rpe_100m_m: Option<ErrorStats>,
}

/// Compares every drive of `truth` (a folder a drive, as `worldloom synth` writes it: `poses.csv`, and where known
/// `clock.csv` and `matched.csv`) with the recording of that name; or one drive with the recording that has most of its
/// times: a recording folder, `poses.csv` of one, or a trace (NMEA, GPX, CSV), which knows no headings.
///
/// # Errors
///
/// Where the truth or the data set cannot be read, or they have no drive in common.
pub fn evaluate(dataset: &Dataset, truth: &Path) -> Result<Evaluation> {
    let (mut drives, mut bins) = (Vec::new(), [[0.0; 3]; BINS]);
    // Of truths without a time in common with their recording, why.
    let mut apart = Vec::new();
    let folders = drive_folders(truth)?;
    for folder in &folders {
        let truth = Truth::of_folder(folder)?;
        let named =
            |id: &str| id == truth.name || id.strip_suffix(&truth.name).is_some_and(|r| r.ends_with(['-', '_', '/']));
        if let Some(recording) = dataset.recordings()?.values().find(|r| named(&r.recording_id)) {
            match drive(dataset, recording, &truth, &mut bins)? {
                Some(found) => drives.push(found),
                None => apart.push(truth.apart(span(dataset, std::iter::once(recording))?)),
            }
        }
    }
    if folders.is_empty() && !truth.join(MANIFEST).exists() {
        let truth = Truth::of_drive(truth)?;
        let found = match at_its_times(dataset, &truth)? {
            Some(recording) => drive(dataset, recording, &truth, &mut bins)?,
            None => None,
        };
        match found {
            Some(found) => drives.push(found),
            None => apart.push(truth.apart(span(dataset, dataset.recordings()?.values())?)),
        }
    }
    if drives.is_empty() {
        if let Some(reason) = apart.into_iter().next() {
            return Err(ErrorKind::Config(reason).in_file(truth));
        }
        let reason = format!("no drive in {} has the name of a recording of the data set", truth.display());
        let hint = "it is a folder that holds a folder a drive, each with poses.csv; or one drive, or a trace of it";
        return Err(ErrorKind::Config(reason).bare().with_hint(hint));
    }
    drives.sort_by(|a, b| b.horizontal_m.rmse.total_cmp(&a.horizontal_m.rmse));
    let whole: f64 = bins.iter().map(|bin| bin[0]).sum();
    let reliability: Vec<ReliabilityBin> = (bins.iter().enumerate())
        .filter(|(_, bin)| bin[0] > 0.0)
        .map(|(i, [length_m, stated, right])| ReliabilityBin {
            from: i as f64 / BINS as f64,
            to: (i + 1) as f64 / BINS as f64,
            length_m: *length_m,
            stated: stated / length_m,
            right: right / length_m,
        })
        .collect();
    let off = reliability.iter().map(|bin| bin.length_m * (bin.stated - bin.right).abs()).sum::<f64>();
    Ok(Evaluation { drives, reliability, calibration_error: (whole > 0.0).then(|| off / whole) })
}

/// The folders in a folder that hold `poses.csv`.
fn drive_folders(truth: &Path) -> Result<Vec<PathBuf>> {
    if !truth.is_dir() {
        return Ok(Vec::new());
    }
    let io = |e| ErrorKind::io("read", e).in_file(truth);
    let mut folders: Vec<PathBuf> = Vec::new();
    for entry in std::fs::read_dir(truth).map_err(io)? {
        folders.push(entry.map_err(io)?.path());
    }
    folders.retain(|f| f.join("poses.csv").is_file());
    folders.sort();
    Ok(folders)
}

/// The first and the last time of some recordings' trajectories, nanoseconds; `None` where none has times.
fn span<'a>(dataset: &Dataset, recordings: impl Iterator<Item = &'a RecordingRow>) -> Result<Option<(i64, i64)>> {
    let mut span = None;
    for recording in recordings {
        for t_ns in dataset.track(&recording.recording_id)?.rows.iter().filter_map(|row| row.t_ns) {
            let (first, last) = span.unwrap_or((t_ns, t_ns));
            span = Some((t_ns.min(first), t_ns.max(last)));
        }
    }
    Ok(span)
}

/// The recording that has most of the times of a truth; `None` where none has any.
fn at_its_times<'a>(dataset: &'a Dataset, truth: &Truth) -> Result<Option<&'a RecordingRow>> {
    let mut best = (0, None);
    for recording in dataset.recordings()?.values() {
        let track = dataset.track(&recording.recording_id)?;
        let common = truth.states.iter().filter(|state| track.at_time(state.t_ns).is_some()).count();
        if common > best.0 {
            best = (common, Some(recording));
        }
    }
    Ok(best.1)
}

/// Compares two files of trajectories (see [`read_trajectory`]): by time, without times by number.
///
/// # Errors
///
/// Where one cannot be read, or they have no poses in common.
pub fn evaluate_files(estimate: &Path, truth: &Path) -> Result<TrajectoryEvaluation> {
    let (e, r) = (read_trajectory(estimate)?, read_trajectory(truth)?);
    let pairs: Vec<(usize, usize)> = match (&r.t_s, &e.t_s) {
        (Some(r), Some(e)) => associate(r, e, TOGETHER_S),
        _ => (0..r.poses.len().min(e.poses.len())).map(|i| (i, i)).collect(),
    };
    let placed = |(rotation, translation)| Placed { rotation, translation };
    let reference: Vec<Placed> = pairs.iter().map(|p| placed(r.poses[p.0])).collect();
    let found: Vec<Placed> = pairs.iter().map(|p| placed(e.poses[p.1])).collect();
    let none = || {
        let reason = format!("no pose of {} has a time within 10 ms of one of {}", estimate.display(), truth.display());
        ErrorKind::Config(reason).bare()
    };
    let aligned = |with_scale| {
        let by = align(&reference, &found, with_scale)?;
        let moved: Vec<Placed> = found.iter().map(|p| by.apply(p)).collect();
        ErrorStats::of(&absolute(&reference, &moved))
    };
    Ok(TrajectoryEvaluation {
        poses: pairs.len(),
        ate_m: ErrorStats::of(&absolute(&reference, &found)).ok_or_else(none)?,
        ate_aligned_m: aligned(false),
        ate_scaled_m: aligned(true),
        rpe_100m_m: ErrorStats::of(&relative(&reference, &found, &pairs_by_path(&found, 100.0, 0.1))),
    })
}

#[derive(Debug, Deserialize)]
struct TrueClock {
    sensor: String,
    offset_ns: f64,
}

#[derive(Debug, Deserialize)]
struct TrueWay {
    t_ns: i64,
    way_id: Option<i64>,
}

/// `None` where the truth and the trajectory have no time in common.
fn drive(
    dataset: &Dataset,
    recording: &RecordingRow,
    truth: &Truth,
    bins: &mut [[f64; 3]; BINS],
) -> Result<Option<DriveEvaluation>> {
    let track = dataset.track(&recording.recording_id)?;
    let (mut t_s, mut reference, mut found) = (Vec::new(), Vec::<Placed>::new(), Vec::<Placed>::new());
    let (mut flat, mut height, mut heading, mut squares) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for true_state in &truth.states {
        let Some(state) = track.at_time(true_state.t_ns) else { continue };
        let at = track.frame.to_enu(true_state.place);
        // Where nobody knows how the ego lay, it is taken to be as found: nothing but positions is compared.
        let truth = match true_state.rotation {
            Some(rotation) => track.frame.pose_from_local(true_state.place, rotation),
            None => Pose::new(at, state.pose.rotation),
        };
        let error: Vector3<f64> = state.pose.translation - truth.translation;
        flat.push(libm::hypot(error.x, error.y));
        height.push(error.z.abs());
        if true_state.rotation.is_some() {
            let turn = track.heading_deg(&state.pose) - track.heading_deg(&truth);
            heading.push(libm::remainder(turn, 360.0).abs());
        }
        let sigma = track.mix(&state, |r| r.sigma_xy_m);
        squares.extend((sigma > 0.0).then(|| nees(error, sigma)));
        t_s.push((true_state.t_ns - track.rows[0].t_ns.unwrap_or(true_state.t_ns)) as f64 / 1e9);
        reference.push(truth.into());
        found.push(state.pose.into());
    }
    let stats = (ErrorStats::of(&flat), ErrorStats::of(&height), ErrorStats::of(&absolute(&reference, &found)));
    let (Some(horizontal_m), Some(vertical_m), Some(ate_m)) = stats else { return Ok(None) };
    let ate_aligned_m = align(&reference, &found, false).and_then(|by| {
        let moved: Vec<Placed> = found.iter().map(|p| by.apply(p)).collect();
        ErrorStats::of(&absolute(&reference, &moved))
    });
    let beside = |name: &str| truth.folder.as_ref().map(|folder| folder.join(name));
    let rpe = |pairs: Vec<(usize, usize)>| ErrorStats::of(&relative(&reference, &found, &pairs));
    Ok(Some(DriveEvaluation {
        drive: truth.name.clone(),
        recording_id: recording.recording_id.clone(),
        length_m: reference.windows(2).map(|w| (w[1].translation - w[0].translation).norm()).sum(),
        horizontal_m,
        vertical_m,
        ate_m,
        ate_aligned_m,
        heading_deg: ErrorStats::of(&heading),
        rpe_1s_m: rpe(pairs_by_time(&t_s, 1.0)),
        rpe_100m_m: rpe(pairs_by_path(&reference, 100.0, 0.1)),
        nees_xy: (!squares.is_empty()).then(|| squares.iter().sum::<f64>() / squares.len() as f64),
        clock: beside("clock.csv").map_or(Ok(Vec::new()), |path| clocks(recording, &path))?,
        ways: beside("matched.csv").map_or(Ok(None), |path| ways(&track, &path, bins))?,
    }))
}

fn clocks(recording: &RecordingRow, path: &Path) -> Result<Vec<ClockEvaluation>> {
    if !path.is_file() {
        return Ok(Vec::new());
    }
    let of = |truth: TrueClock| {
        let clock =
            recording.clock.iter().find(|c| c.sensor == truth.sensor && c.method.as_deref() != Some("reference"));
        let true_ms = truth.offset_ns / 1e6;
        let found_ms = clock.and_then(|c| c.offset_ms);
        ClockEvaluation {
            sensor: truth.sensor,
            true_ms,
            found_ms,
            sigma_ms: clock.and_then(|c| c.sigma_ms),
            error_ms: found_ms.map(|ms| ms - true_ms),
        }
    };
    let reference =
        |sensor: &str| recording.clock.iter().any(|c| c.sensor == sensor && c.method.as_deref() == Some("reference"));
    Ok(rows::<TrueClock>(path)?.into_iter().filter(|truth| !reference(&truth.sensor)).map(of).collect())
}

/// Ways by length of the trajectory between neighbouring times of the truth.
fn ways(track: &Track, path: &Path, bins: &mut [[f64; 3]; BINS]) -> Result<Option<WayEvaluation>> {
    if !path.is_file() {
        return Ok(None);
    }
    let truth = rows::<TrueWay>(path)?;
    // Parts of one way (`way/5/1`) are that way.
    let numbers: BTreeMap<u32, Option<i64>> = (0..track.ways.len() as u32)
        .map(|i| (i, track.ways[i as usize].split('/').nth(1).and_then(|id| id.parse().ok())))
        .collect();
    let mut of = WayEvaluation { true_m: 0.0, matched_m: 0.0, right_m: 0.0, precision: None, recall: None };
    for pair in truth.windows(2) {
        let (Some(a), Some(b)) = (track.at_time(pair[0].t_ns), track.at_time(pair[1].t_ns)) else { continue };
        let length_m = b.s_m - a.s_m;
        let row = &track.rows[a.row + usize::from(a.weight > 0.5 && a.row + 1 < track.rows.len())];
        let known = pair[0].way_id;
        let right = row.way.is_some_and(|way| known.is_some() && numbers.get(&way).copied().flatten() == known);
        of.true_m += if known.is_some() { length_m } else { 0.0 };
        of.right_m += if right { length_m } else { 0.0 };
        if row.way.is_some() {
            of.matched_m += length_m;
            let probability = row.match_probability.clamp(0.0, 1.0);
            if probability.is_finite() {
                let bin = &mut bins[((probability * BINS as f64) as usize).min(BINS - 1)];
                *bin =
                    [bin[0] + length_m, bin[1] + length_m * probability, bin[2] + if right { length_m } else { 0.0 }];
            }
        }
    }
    let share = |of: f64, all: f64| (all > 0.0).then(|| of / all);
    (of.precision, of.recall) = (share(of.right_m, of.matched_m), share(of.right_m, of.true_m));
    Ok(Some(of))
}
