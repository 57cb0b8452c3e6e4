//! `comma2k19`: a segment of comma.ai's commute data set, a route of such minutes, or a folder of routes.
//!
//! ```text
//! ROUTE/SEGMENT/global_pose/frame_{times,gps_times,positions,orientations}     a pose per video frame, 20 Hz
//! ROUTE/SEGMENT/processed_log/GNSS/live_gnss_ublox/{t,value}                   the receiver's own solution
//! ROUTE/SEGMENT/processed_log/IMU/{accelerometer,gyro}/{t,value}
//! ROUTE/SEGMENT/processed_log/CAN/{speed,steering_angle}/{t,value}             NumPy arrays without an ending
//! ROUTE/SEGMENT/video.hevc                                                     a picture per row of frame_times
//! ```
//!
//! - Times of the logs are seconds since the phone was booted. `frame_times` and `frame_gps_times` (GPS week and seconds)
//!   say what they are in UTC, one constant for a whole route; without them, the receiver's own UTC does; without both
//!   the clock is `unknown`. GNSS keeps the receiver's UTC stamps (milliseconds, whatever the data set's page says).
//! - Positions are ECEF metres of the phone. Orientations are `ecef_r_device`, the device's axes forward, right, down:
//!   the documentation says the inverse, the data (velocities lie along the first axis) do not.
//! - The ego is the phone with its axes turned to forward, left, up: the data set has no mount in the car.
//! - The camera is the phone's (a EON's, a OnePlus 3T): 1164 × 874 pixels, focal length 910 (openpilot's
//!   `common/transformations/camera.py`), its axes those of the device.
//! - The steering angle is that of the wheel in the driver's hands, degrees, left positive; the cars' ratios
//!   (openpilot's `values.py`: RAV4 16.88, Civic 15.38) turn it to that of the road wheels, told by CAN addresses.
//!
//! Source: `commaai/comma2k19`, `README.md` and `notebooks/processed_readers.ipynb`.

mod pictures;
mod streams;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nalgebra::{Quaternion, UnitQuaternion, Vector3};

use crate::coord::Pose;
use crate::error::{ErrorKind, Quarantine, Result};
use crate::record::{Clock, HeightDatum, Recording, Sensor, SourceFile, SourceRef};
use crate::source::{Probe, RecordingOptions, RecordingSource};
use crate::time::ClockScale;

use super::files;
use super::folder::{self, Remarks};
use streams::{BootClock, Segment};

const KIND: &str = "comma2k19";
/// What is read of a segment, relative to it.
const ARRAYS: [&str; 15] = [
    "global_pose/frame_gps_times",
    "global_pose/frame_orientations",
    "global_pose/frame_positions",
    "global_pose/frame_times",
    "processed_log/CAN/raw_can/address",
    "processed_log/CAN/speed/t",
    "processed_log/CAN/speed/value",
    "processed_log/CAN/steering_angle/t",
    "processed_log/CAN/steering_angle/value",
    "processed_log/GNSS/live_gnss_ublox/t",
    "processed_log/GNSS/live_gnss_ublox/value",
    "processed_log/IMU/accelerometer/t",
    "processed_log/IMU/accelerometer/value",
    "processed_log/IMU/gyro/t",
    "processed_log/IMU/gyro/value",
];

/// One or more routes.
pub struct Comma2k19 {
    routes: Vec<Route>,
    files: Vec<SourceFile>,
    options: RecordingOptions,
}

/// Minutes that follow one another: one recording.
struct Route {
    name: String,
    /// Segments in order: path from the source's root with a trailing `/` (empty for the root itself), and folder.
    segments: Vec<(String, PathBuf)>,
}

/// Whether `path` is a segment, a route or a folder of routes.
pub(crate) fn detect(path: &Path) -> bool {
    !segment_folders(path).is_empty()
}

/// Opens a segment, a route or a folder of routes.
///
/// # Errors
///
/// Where there is no segment.
pub(crate) fn open(path: &Path, options: &RecordingOptions) -> Result<Box<dyn RecordingSource>> {
    let segments = segment_folders(path);
    if segments.is_empty() {
        let reason = "there are neither `global_pose` nor `processed_log` in it or in its folders";
        return Err(ErrorKind::malformed("comma2k19 segment", reason).in_file(path));
    }
    let mut files = Vec::new();
    for prefix in &segments {
        let names = ARRAYS.iter().chain([&pictures::VIDEO]);
        let inside = names.filter_map(|name| files::find(path, &format!("{prefix}{name}")));
        files.extend(inside);
    }
    files.sort_by(|a, b| a.relative.cmp(&b.relative));
    let routes = routes(path, segments);
    Ok(Box::new(Comma2k19 { routes, files, options: options.clone() }))
}

impl RecordingSource for Comma2k19 {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn files(&self) -> &[SourceFile] {
        &self.files
    }

    fn probe(&self) -> Result<Probe> {
        folder::probe_read(|quarantine, remarks| self.recordings(quarantine, remarks))
    }

    fn read(&self, quarantine: &mut Quarantine) -> Result<Vec<Recording>> {
        self.recordings(quarantine, &mut Remarks::default())
    }
}

impl Comma2k19 {
    fn recordings(&self, quarantine: &mut Quarantine, remarks: &mut Remarks) -> Result<Vec<Recording>> {
        let recordings: Vec<Recording> =
            self.routes.iter().filter_map(|route| self.recording(route, quarantine, remarks)).collect();
        if recordings.is_empty() {
            let error = ErrorKind::malformed("comma2k19", "no segment has a usable pose or GNSS fix");
            let first = self.routes.first().and_then(|route| route.segments.first());
            let error = error.in_file(first.map_or(Path::new(""), |(_, folder)| folder));
            return Err(match quarantine.iter().next() {
                Some((file, reason, _)) => error.with_hint(format!("{file}: {reason}")),
                None => error.with_hint("positions come from `global_pose` and `processed_log/GNSS/live_gnss_ublox`"),
            });
        }
        Ok(recordings)
    }

    /// A route as a recording; `None` where nothing in it gives a position.
    fn recording(&self, route: &Route, quarantine: &mut Quarantine, remarks: &mut Remarks) -> Option<Recording> {
        let limits = &self.options.limits;
        let segments: Vec<Segment> =
            route.segments.iter().map(|(_, folder)| Segment::read(folder, limits, quarantine)).collect();
        let clock = BootClock::of(&segments);
        let mut recording = Recording::new(route.name.clone(), KIND, self.options.license.clone());
        recording.height_datum = HeightDatum::Ellipsoidal;
        recording.poses = streams::poses(&segments, &clock, quarantine);
        recording.gnss = streams::gnss(&segments, quarantine);
        if recording.poses.is_empty() && recording.gnss.is_empty() {
            return None;
        }
        recording.imu = streams::imu(&segments, &clock, quarantine);
        recording.wheel = streams::wheel(&segments, &clock, quarantine);
        if !recording.wheel.is_empty() && segments.iter().all(|s| s.steering_ratio.is_none()) {
            note(remarks, "CAN addresses are those of no known car: the steering angle is left out");
        }
        note(remarks, clock.how());
        let license: Arc<str> = self.options.license.as_str().into();
        for ((prefix, folder), segment) in route.segments.iter().zip(&segments) {
            let video = pictures::Video { folder, prefix, license: &license, limits };
            recording.frames.extend(pictures::frames(&video, segment, &clock, remarks, quarantine));
        }
        recording.frames.sort_by(|a, b| (a.t, &a.stem).cmp(&(b.t, &b.stem)));
        recording.sensors.extend(pictures::sensor(&recording.frames));
        // The device's axes are forward, right, down.
        let turn = UnitQuaternion::new_normalize(Quaternion::new(0.0, 1.0, 0.0, 0.0));
        if !recording.imu.is_empty() {
            recording.sensors.push(Sensor {
                channel: "imu".to_string(),
                modality: None,
                camera: None,
                ego_se3_sensor: Some(Pose::new(Vector3::zeros(), turn)),
            });
        }
        folder::complete_sensors(&mut recording);
        for (sensor, present, scale) in [
            ("gnss", !recording.gnss.is_empty(), ClockScale::Utc),
            ("imu", !recording.imu.is_empty(), clock.scale()),
            ("wheel", !recording.wheel.is_empty(), clock.scale()),
            ("poses", !recording.poses.is_empty(), clock.scale()),
            (pictures::CHANNEL, !recording.frames.is_empty(), clock.scale()),
        ] {
            if present {
                recording.clocks.push(Clock { sensor: sensor.to_string(), scale });
            }
        }
        let used =
            self.files.iter().filter(|f| route.segments.iter().any(|(prefix, _)| f.relative.starts_with(prefix)));
        recording.sources.extend(used.map(|file| SourceRef {
            path: file.relative.as_str().into(),
            record: None,
            license: license.clone(),
        }));
        Some(recording)
    }
}

fn note(remarks: &mut Remarks, text: &str) {
    *remarks.notes.entry(text.to_string()).or_default() += 1;
}

fn is_segment(folder: &Path) -> bool {
    folder.join("global_pose/frame_positions").is_file() || folder.join("processed_log").is_dir()
}

/// Paths of the segments at or up to three levels (chunk, route, segment) below `path`, from it, with a trailing `/`.
fn segment_folders(path: &Path) -> Vec<String> {
    let mut level = vec![String::new()];
    for _ in 0..4 {
        let segments: Vec<String> =
            level.iter().filter(|prefix| is_segment(&path.join(prefix.as_str()))).cloned().collect();
        if !segments.is_empty() {
            return segments;
        }
        let mut next = Vec::new();
        for prefix in level.iter().filter(|prefix| !files::is_recording_folder(&path.join(prefix.as_str()))) {
            next.extend(files::folders(&path.join(prefix)).into_iter().map(|folder| format!("{prefix}{folder}/")));
        }
        level = next;
    }
    Vec::new()
}

/// Segments whose names are numbers belong to the route that they lie in; any other is a recording of its own.
fn routes(root: &Path, segments: Vec<String>) -> Vec<Route> {
    let mut routes: BTreeMap<String, Vec<(u64, String)>> = BTreeMap::new();
    for prefix in segments {
        let folder = root.join(&prefix);
        let name = folder::folder_name(&folder);
        let number = name.parse::<u64>().ok();
        let route = match number {
            Some(_) => prefix.trim_end_matches('/').rsplit_once('/').map_or("", |(route, _)| route).to_string(),
            None => prefix.clone(),
        };
        routes.entry(route).or_default().push((number.unwrap_or(0), prefix));
    }
    let mut all = Vec::with_capacity(routes.len());
    for (route, mut segments) in routes {
        segments.sort();
        let segments: Vec<_> = segments.into_iter().map(|(_, prefix)| (prefix.clone(), root.join(prefix))).collect();
        // A single segment opened by itself is called by its route, too.
        let own = folder::folder_name(&root.join(&route));
        let name = match (own.parse::<u64>(), root.canonicalize().ok().as_deref().and_then(Path::parent)) {
            (Ok(_), Some(parent)) if segments.len() == 1 => format!("{}--{own}", folder::folder_name(parent)),
            _ => own,
        };
        all.push(Route { name, segments });
    }
    all
}
