//! A raw drive: OXTS as poses, GNSS fixes and IMU readings; pictures and sweeps with their own times.

use std::sync::Arc;

use nalgebra::{UnitQuaternion, Vector3};
use rayon::prelude::*;

use crate::coord::{Pose, heading_deg};
use crate::error::{ErrorKind, Location, Quarantine, Result};
use crate::record::{
    Clock, FrameRecord, GnssFix, HeightDatum, ImuReading, Modality, PoseFix, Recording, Sensor, SourceFile, SourceRef,
};
use crate::source::{Limits, RecordingOptions};
use crate::time::{ClockScale, Timestamp};

use super::super::folder::{self, Remarks};
use super::super::media_file::{self, Context, stem};
use super::super::{civil, files, order, trace};
use super::KIND;
use super::calib::{self, Calibration};
use super::layout::{Channel, Folder, RAW};

/// The day's calibration, in the drive's folder or the one above.
pub(super) const CALIBRATIONS: [&str; 3] = ["calib_cam_to_cam.txt", "calib_imu_to_velo.txt", "calib_velo_to_cam.txt"];

/// A file of the day's calibration.
pub(super) fn calibration(drive: &Folder, name: &str) -> Option<SourceFile> {
    drive.near(&[name.to_string(), format!("../{name}")])
}

/// The OXTS records, by name.
pub(super) fn oxts_files(drive: &Folder) -> Result<Vec<SourceFile>> {
    let relative = format!("{}oxts/data", drive.prefix);
    let path = drive.root.join(&relative);
    let mut files = if path.is_dir() { files::entries(&path, &relative)?.files } else { Vec::new() };
    files.retain(|file| file.relative.ends_with(".txt"));
    Ok(files)
}

/// Reads a drive.
///
/// # Errors
///
/// Where no OXTS record can be used: then nothing says where the drive was.
pub(super) fn read(
    drive: &Folder,
    options: &RecordingOptions,
    zone_s: Option<i32>,
    quarantine: &mut Quarantine,
    remarks: &mut Remarks,
) -> Result<Recording> {
    let license: Arc<str> = options.license.as_str().into();
    let limits = &options.limits;
    let mut recording = Recording::new(drive.name(), KIND, &options.license);
    recording.height_datum = HeightDatum::Orthometric;
    let scale = if zone_s.is_some() { ClockScale::Utc } else { ClockScale::Unknown };
    if zone_s.is_none() {
        let note = "times are local and name no zone; `timezone` makes them UTC (Karlsruhe in summer: +02:00)";
        *remarks.notes.entry(note.to_string()).or_default() += 1;
    }
    let mut used: Vec<SourceFile> = Vec::new();

    oxts(drive, zone_s, limits, &mut recording, quarantine)?;
    used.extend(drive.file("oxts/timestamps.txt"));
    recording.sensors = sensors(drive, limits, &mut used, quarantine);
    for (channel, (folder, ..)) in drive.channels(&RAW, "/data")?.into_iter().zip(RAW) {
        let timestamps = drive.file(&format!("{folder}/timestamps.txt"));
        let times = times(timestamps.as_ref(), zone_s, limits, quarantine)?;
        let context = Context { license: license.clone(), zone_s, limits };
        let mut frames = frames(&channel, &times, timestamps.as_ref(), &context, quarantine);
        folder::refuse_other_sizes(&mut frames, recording.sensor(channel.name), quarantine);
        recording.frames.extend(frames);
    }
    recording
        .frames
        .sort_by(|a, b| (&a.channel, a.modality, a.t, &a.stem).cmp(&(&b.channel, b.modality, b.t, &b.stem)));
    // A calibration names cameras of which no picture is here.
    let there = |s: &Sensor| s.modality.is_none() || recording.frames.iter().any(|f| f.channel == s.channel);
    recording.sensors.retain(there);
    folder::complete_sensors(&mut recording);
    let mut channels: Vec<String> = ["poses", "gnss", "imu"].map(String::from).to_vec();
    channels.extend(recording.frames.iter().map(|f| f.channel.clone()));
    channels.dedup();
    recording.clocks = channels.into_iter().map(|sensor| Clock { sensor, scale }).collect();
    recording.sources.extend(used.into_iter().map(|file| SourceRef {
        path: file.relative.as_str().into(),
        record: None,
        license: license.clone(),
    }));
    Ok(recording)
}

/// The times of a `timestamps.txt`, a line a record; a line that is no time is `None`.
fn times(
    file: Option<&SourceFile>,
    zone_s: Option<i32>,
    limits: &Limits,
    quarantine: &mut Quarantine,
) -> Result<Vec<Option<Timestamp>>> {
    let Some(file) = file else { return Ok(Vec::new()) };
    let bytes = files::read(&file.absolute, limits).map_err(|kind| kind.in_file(&file.absolute))?;
    let lines = bytes.trim_ascii_end().split(|&c| c == b'\n').filter(|_| !bytes.trim_ascii_end().is_empty());
    let parse = |(i, line): (usize, &[u8])| {
        let t = civil::parse(line).and_then(|civil| civil.instant(zone_s.unwrap_or(0)));
        if t.is_none() {
            quarantine.refuse(&Location::line(&file.absolute, i as u64 + 1), "the time is not a time");
        }
        t
    };
    Ok(lines.enumerate().map(parse).collect())
}

/// The number that a record's file is called by.
fn number(file: &SourceFile) -> Option<usize> {
    stem(&file.relative).parse().ok()
}

/// A channel's files with the times of their numbers; times without a file are told.
fn frames(
    channel: &Channel,
    times: &[Option<Timestamp>],
    timestamps: Option<&SourceFile>,
    context: &Context,
    quarantine: &mut Quarantine,
) -> Vec<FrameRecord> {
    let open = |file| media_file::open(file, channel.name, channel.modality, context);
    let opened: Vec<_> = channel.files.par_iter().map(open).collect();
    let (mut frames, mut without) = (Vec::with_capacity(opened.len()), vec![true; times.len()]);
    for (file, opened) in channel.files.iter().zip(opened) {
        let place = Location::file(&file.absolute);
        let t = number(file).and_then(|n| {
            if let Some(w) = without.get_mut(n) {
                *w = false;
            }
            times.get(n).copied().flatten()
        });
        match (opened, t) {
            (Ok((frame, _)), Some(_)) => frames.push(FrameRecord { t, ..frame }),
            (Ok(_), None) => quarantine.refuse(&place, "its number has no time in timestamps.txt"),
            (Err(kind), _) => quarantine.refuse(&place, kind),
        }
    }
    refuse_missing(timestamps, &without, quarantine);
    frames
}

fn refuse_missing(timestamps: Option<&SourceFile>, without: &[bool], quarantine: &mut Quarantine) {
    let count = without.iter().filter(|missing| **missing).count() as u64;
    if let (Some(file), Some(first)) = (timestamps, without.iter().position(|missing| *missing)) {
        let place = Location::line(&file.absolute, first as u64 + 1);
        quarantine.refuse_many(&place, "is the time of a record whose file is not there", count);
    }
}

/// One OXTS record.
struct Oxts {
    t: Timestamp,
    pose: PoseFix,
    fix: GnssFix,
    imu: ImuReading,
}

fn oxts(
    drive: &Folder,
    zone_s: Option<i32>,
    limits: &Limits,
    recording: &mut Recording,
    quarantine: &mut Quarantine,
) -> Result<()> {
    let timestamps = drive.file("oxts/timestamps.txt");
    let times = times(timestamps.as_ref(), zone_s, limits, quarantine)?;
    let (mut records, mut without) = (Vec::new(), vec![true; times.len()]);
    for file in oxts_files(drive)? {
        let record = number(&file).ok_or("its name is not a number").and_then(|n| {
            if let Some(w) = without.get_mut(n) {
                *w = false;
            }
            let t = times.get(n).copied().flatten().ok_or("its number has no time in timestamps.txt")?;
            let bytes = std::fs::read(&file.absolute).map_err(|_| "it cannot be read")?;
            Ok((n as u64, parse(&bytes, t, n as u64)?))
        });
        match record {
            Ok(record) => records.push(record),
            Err(reason) => quarantine.refuse(&Location::file(&file.absolute), reason),
        }
    }
    refuse_missing(timestamps.as_ref(), &without, quarantine);
    let folder = drive.path().join("oxts/data");
    for record in order::rising(records, |r: &Oxts| r.t, &folder, quarantine) {
        recording.poses.push(record.pose);
        recording.gnss.push(record.fix);
        recording.imu.push(record.imu);
    }
    if recording.poses.is_empty() {
        return Err(ErrorKind::malformed("KITTI drive", "no usable OXTS record says where it was").in_file(folder));
    }
    Ok(())
}

/// The 30 values of `oxts/dataformat.txt`; the last five are states of the receiver.
fn parse(bytes: &[u8], t: Timestamp, record: u64) -> Result<Oxts, &'static str> {
    let text = std::str::from_utf8(bytes).map_err(|_| "it is not text")?;
    let mut v = [0.0; 25];
    let mut words = text.split_ascii_whitespace();
    for value in &mut v {
        let word = words.next().ok_or("it has fewer than 25 values")?;
        *value = word.parse().ok().filter(|x: &f64| x.is_finite()).ok_or("a value is not a finite number")?;
    }
    let place = trace::place(v[1], v[0], v[2])?;
    let [roll, pitch, yaw, north, east] = [v[3], v[4], v[5], v[6], v[7]];
    // Yaw counts from east, counter-clockwise; pitch is positive front down, as a turn about the left axis is.
    let turn = |axis: nalgebra::Unit<Vector3<f64>>, angle| UnitQuaternion::from_axis_angle(&axis, angle);
    let rotation = turn(Vector3::z_axis(), yaw) * turn(Vector3::y_axis(), pitch) * turn(Vector3::x_axis(), roll);
    let speed = libm::hypot(north, east);
    let fix = GnssFix {
        t: Some(t),
        place,
        speed_mps: Some(speed),
        // Standing still it has no course.
        course_deg: (speed > 0.5).then(|| heading_deg(east, north)),
        sigma_xy_m: Some(v[23]).filter(|s| *s > 0.0),
        sigma_z_m: None,
        record,
    };
    let imu =
        ImuReading { t, accel_mps2: Vector3::new(v[11], v[12], v[13]), gyro_radps: Vector3::new(v[17], v[18], v[19]) };
    Ok(Oxts { t, pose: PoseFix { t: Some(t), place, rotation }, fix, imu })
}

/// Where everything sits on the OXTS unit, and how the cameras see; a broken file costs what it says.
fn sensors(drive: &Folder, limits: &Limits, used: &mut Vec<SourceFile>, quarantine: &mut Quarantine) -> Vec<Sensor> {
    let mut read = |name: &str| {
        let Some(file) = calibration(drive, name) else {
            quarantine.refuse(&Location::file(drive.path().join(name)), "the calibration is not there");
            return Calibration::default();
        };
        let text = files::read(&file.absolute, limits).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        let calibration = text.map(|text| Calibration::parse(&text)).unwrap_or_else(|kind| {
            quarantine.refuse(&Location::file(&file.absolute), kind);
            Calibration::default()
        });
        used.push(file);
        calibration
    };
    let [cameras, imu, velo] = CALIBRATIONS.map(&mut read);
    let mount = |channel: &str, modality, ego_se3_sensor, camera| Sensor {
        channel: channel.to_string(),
        modality,
        camera,
        ego_se3_sensor,
    };
    let mut all =
        vec![mount("gnss", None, Some(Pose::identity()), None), mount("imu", None, Some(Pose::identity()), None)];
    let velo_se3_ego = told(imu.rigid("R", "T"), drive, CALIBRATIONS[1], quarantine);
    all.push(mount("velodyne", Some(Modality::Lidar), velo_se3_ego.map(|p| p.inverse()), None));
    let cam0_se3_velo = told(velo.rigid("R", "T"), drive, CALIBRATIONS[2], quarantine);
    let cam0_se3_ego = cam0_se3_velo.zip(velo_se3_ego).map(|(a, b)| a * b);
    // `_sync` drives hold rectified pictures, `_extract` ones as they were taken.
    let taken = drive.name().ends_with("_extract");
    for (channel, i) in RAW.iter().filter(|c| c.2 == Modality::Camera).zip(0..) {
        let camera = if taken { unrectified(&cameras, i) } else { rectified(&cameras, i) };
        if let Some((camera, cam_se3_cam0)) = told(camera, drive, CALIBRATIONS[0], quarantine) {
            let ego_se3_camera = cam0_se3_ego.map(|pose| (cam_se3_cam0 * pose).inverse());
            all.push(mount(channel.1, Some(Modality::Camera), ego_se3_camera, Some(camera)));
        }
    }
    all
}

fn told<T>(result: Result<T, ErrorKind>, drive: &Folder, name: &str, quarantine: &mut Quarantine) -> Option<T> {
    let path = calibration(drive, name).map_or_else(|| drive.path().join(name), |file| file.absolute);
    result.map_err(|kind| quarantine.refuse(&Location::file(path), kind)).ok()
}

type Camera = (crate::record::CameraIntrinsics, Pose);

fn rectified(calibration: &Calibration, i: u32) -> Result<Camera, ErrorKind> {
    let size = size(calibration.numbers(&format!("S_rect_0{i}"))?)?;
    let (intrinsics, rect_i_se3_rect_0) = calibration.rectified(&format!("P_rect_0{i}"))?;
    // Every projection matrix starts from camera 0 as rectified by its own rotation.
    let rect_0_se3_cam0 = calib::rigid(&calibration.numbers("R_rect_00")?, &[0.0; 3])?;
    Ok((calib::pinhole(size, intrinsics, &[]), rect_i_se3_rect_0 * rect_0_se3_cam0))
}

fn unrectified(calibration: &Calibration, i: u32) -> Result<Camera, ErrorKind> {
    let size = size(calibration.numbers(&format!("S_0{i}"))?)?;
    let [fx, _, cx, _, fy, cy, _, _, _] = calibration.numbers::<9>(&format!("K_0{i}"))?;
    let distortion = calibration.numbers::<5>(&format!("D_0{i}"))?;
    let cam_se3_cam0 = calibration.rigid(&format!("R_0{i}"), &format!("T_0{i}"))?;
    Ok((calib::pinhole(size, [fx, fy, cx, cy], &distortion), cam_se3_cam0))
}

fn size([width, height]: [f64; 2]) -> Result<[u32; 2], ErrorKind> {
    let fine = |v: f64| (1.0..=65_535.0).contains(&v).then_some(v as u32);
    let size = fine(width).zip(fine(height)).map(|(w, h)| [w, h]);
    size.ok_or_else(|| ErrorKind::malformed("KITTI calibration", "a picture's size is none"))
}
