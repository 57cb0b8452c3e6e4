//! A sequence of the odometry benchmark: poses of camera 0, rectified pictures, sweeps; seconds since its start.

use std::sync::Arc;

use nalgebra::Vector3;
use rayon::prelude::*;
use serde::Deserialize;

use crate::coord::{EnuFrame, Geodetic, Pose};
use crate::error::{ErrorKind, Location, Quarantine, Result};
use crate::record::{Clock, FrameRecord, HeightDatum, Modality, PoseFix, Recording, Sensor, SourceFile, SourceRef};
use crate::source::{Limits, RecordingOptions};
use crate::time::{ClockScale, Timestamp};

use super::super::folder::{self, Remarks};
use super::super::media_file::{self, Context, stem};
use super::super::{civil, files, order};
use super::KIND;
use super::calib::{self, Calibration};
use super::layout::{BENCHMARK, Folder};

/// `recording.toml` of a sequence: where its first camera was and which way it looked.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Start {
    /// Longitude, latitude (degrees), height (metres).
    origin: [f64; 3],
    /// Degrees clockwise from north.
    heading_deg: f64,
}

/// The ground truth of a sequence: beside its `calib.txt`, or in the benchmark's `poses/`.
pub(super) fn poses_file(sequence: &Folder) -> Option<SourceFile> {
    sequence.near(&["poses.txt".to_string(), format!("../../poses/{}.txt", sequence.name())])
}

/// Reads a sequence.
///
/// # Errors
///
/// Where it has no poses (sequences 11 to 21 have none) or nothing says where it was.
pub(super) fn read(
    sequence: &Folder,
    options: &RecordingOptions,
    quarantine: &mut Quarantine,
    remarks: &mut Remarks,
) -> Result<Recording> {
    let limits = &options.limits;
    let license: Arc<str> = options.license.as_str().into();
    let mut recording = Recording::new(sequence.name(), KIND, &options.license);
    recording.height_datum = HeightDatum::None;
    let start = start(sequence)?;
    let frame = EnuFrame::new(Geodetic::new(start.origin[0], start.origin[1], start.origin[2]));
    recording.origin = Some(frame.origin());
    *remarks.notes.entry("times are seconds since the start of the sequence".to_string()).or_default() += 1;

    let Some(file) = sequence.file("times.txt") else {
        return Err(ErrorKind::NotFound.in_file(sequence.path().join("times.txt")));
    };
    let times = times(&file, limits, quarantine)?;
    let mut used = vec![file];
    recording.poses = poses(sequence, &frame, &start, &times, limits, &mut used, quarantine)?;
    recording.sensors = sensors(sequence, limits, &mut used, quarantine);

    let context = Context { license: license.clone(), zone_s: None, limits };
    for channel in sequence.channels(&BENCHMARK, "")? {
        let open = |file| media_file::open(file, channel.name, channel.modality, &context);
        let opened: Vec<_> = channel.files.par_iter().map(open).collect();
        for (file, opened) in channel.files.iter().zip(opened) {
            let number = stem(&file.relative).parse::<usize>().ok();
            match (opened, number.and_then(|n| times.get(n).copied().flatten())) {
                (Ok((frame, _)), Some(t)) => recording.frames.push(FrameRecord { t: Some(t), ..frame }),
                (Ok(_), None) => {
                    quarantine.refuse(&Location::file(&file.absolute), "its number has no time in times.txt");
                }
                (Err(kind), _) => quarantine.refuse(&Location::file(&file.absolute), kind),
            }
        }
    }
    sizes(&mut recording);
    recording
        .frames
        .sort_by(|a, b| (&a.channel, a.modality, a.t, &a.stem).cmp(&(&b.channel, b.modality, b.t, &b.stem)));
    folder::complete_sensors(&mut recording);
    let mut channels = vec!["poses".to_string()];
    channels.extend(recording.frames.iter().map(|f| f.channel.clone()));
    channels.dedup();
    recording.clocks = channels.into_iter().map(|sensor| Clock { sensor, scale: ClockScale::Unknown }).collect();
    used.extend(sequence.file("recording.toml"));
    recording.sources.extend(used.into_iter().map(|file| SourceRef {
        path: file.relative.as_str().into(),
        record: None,
        license: license.clone(),
    }));
    Ok(recording)
}

fn start(sequence: &Folder) -> Result<Start> {
    let path = sequence.path().join("recording.toml");
    let text = std::fs::read_to_string(&path).map_err(|e| {
        ErrorKind::io("read", e).in_file(&path).with_hint(
            "the odometry benchmark does not say where its sequences are: write `origin = [lon, lat, height]` and \
             `heading_deg` of the first camera into this file",
        )
    })?;
    let start: Start = toml::from_str(&text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start).min(text.len());
        let line = 1 + text.as_bytes()[..at].iter().filter(|&&c| c == b'\n').count() as u64;
        ErrorKind::malformed("recording.toml", error.message().trim()).at(Location::line(&path, line))
    })?;
    let [lon, lat, height] = start.origin;
    if !Geodetic::new(lon, lat, height).is_valid() || !start.heading_deg.is_finite() {
        return Err(ErrorKind::malformed("recording.toml", "`origin` or `heading_deg` is out of range").in_file(&path));
    }
    Ok(start)
}

/// Seconds since the start, a line a frame.
fn times(file: &SourceFile, limits: &Limits, quarantine: &mut Quarantine) -> Result<Vec<Option<Timestamp>>> {
    let bytes = files::read(&file.absolute, limits).map_err(|kind| kind.in_file(&file.absolute))?;
    let parse = |(i, line): (usize, &[u8])| {
        let t = civil::count_ns(line.trim_ascii(), 1_000_000_000).map(Timestamp::from_ns);
        if t.is_none() {
            quarantine.refuse(&Location::line(&file.absolute, i as u64 + 1), "the time is not a number of seconds");
        }
        t
    };
    let text = bytes.trim_ascii_end();
    Ok(text.split(|&c| c == b'\n').filter(|_| !text.is_empty()).enumerate().map(parse).collect())
}

/// A line a frame: `world_se3_cam0`, 3×4, where the world is the first camera.
fn poses(
    sequence: &Folder,
    frame: &EnuFrame,
    start: &Start,
    times: &[Option<Timestamp>],
    limits: &Limits,
    used: &mut Vec<SourceFile>,
    quarantine: &mut Quarantine,
) -> Result<Vec<PoseFix>> {
    let path = sequence.path().join("poses.txt");
    let file = poses_file(sequence).ok_or_else(|| {
        ErrorKind::NotFound
            .in_file(&path)
            .with_hint("the poses lie in `poses/NN.txt` of the benchmark; sequences 11 to 21 have none")
    })?;
    let bytes = files::read(&file.absolute, limits).map_err(|kind| kind.in_file(&file.absolute))?;
    let enu_se3_start = Pose::level(Vector3::zeros(), start.heading_deg);
    let flu_se3_rdf = Pose::flu_se3_rdf();
    let mut records = Vec::new();
    let text = String::from_utf8_lossy(&bytes);
    for (i, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let place = Location::line(&file.absolute, i as u64 + 1);
        let numbers: Option<Vec<f64>> = line.split_ascii_whitespace().map(|n| n.parse().ok()).collect();
        let rigid = match numbers.as_deref() {
            Some(&[a, b, c, x, d, e, f, y, g, h, j, z]) => calib::rigid(&[a, b, c, d, e, f, g, h, j], &[x, y, z]),
            _ => Err(ErrorKind::malformed("KITTI pose", "it is not 12 numbers")),
        };
        let pose = rigid.map(|start_se3_cam| enu_se3_start * flu_se3_rdf * start_se3_cam * flu_se3_rdf.inverse());
        match (pose, times.get(i).copied().flatten()) {
            (Ok(enu_se3_ego), Some(t)) if enu_se3_ego.translation.iter().all(|v| v.is_finite()) => {
                let at = frame.to_geodetic(enu_se3_ego.translation);
                let turn = Pose::from_rotation_matrix(&EnuFrame::new(at).rotation_from(frame), Vector3::zeros());
                let rotation = turn.rotation * enu_se3_ego.rotation;
                records.push((i as u64, PoseFix { t: Some(t), place: at, rotation }));
            }
            (Ok(_), Some(_)) => quarantine.refuse(&place, "its position is NaN or infinite"),
            (Ok(_), None) => quarantine.refuse(&place, "it has no time in times.txt"),
            (Err(kind), _) => quarantine.refuse(&place, kind),
        }
    }
    let poses = order::rising(records, |p: &PoseFix| p.t.unwrap_or_default(), &file.absolute, quarantine);
    if poses.is_empty() {
        return Err(ErrorKind::malformed("KITTI sequence", "there is no usable pose").in_file(&file.absolute));
    }
    used.push(file);
    Ok(poses)
}

/// Cameras by `P0` to `P3`, the LiDAR by `Tr` (`rect_0_se3_velo`); picture sizes are those of the pictures.
fn sensors(sequence: &Folder, limits: &Limits, used: &mut Vec<SourceFile>, quarantine: &mut Quarantine) -> Vec<Sensor> {
    let mut all = Vec::new();
    let Some(file) = sequence.file("calib.txt") else { return all };
    let text = files::read(&file.absolute, limits).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let calibration = match text {
        Ok(text) => Calibration::parse(&text),
        Err(kind) => {
            quarantine.refuse(&Location::file(&file.absolute), kind);
            return all;
        }
    };
    let flu_se3_rdf = Pose::flu_se3_rdf();
    for (channel, i) in BENCHMARK.iter().filter(|c| c.2 == Modality::Camera).zip(0..) {
        match calibration.rectified(&format!("P{i}")) {
            Ok((intrinsics, cam_se3_cam0)) => all.push(Sensor {
                channel: channel.1.to_string(),
                modality: Some(Modality::Camera),
                camera: Some(calib::pinhole([0, 0], intrinsics, &[])),
                ego_se3_sensor: Some(flu_se3_rdf * cam_se3_cam0.inverse()),
            }),
            Err(kind) => quarantine.refuse(&Location::file(&file.absolute), kind),
        }
    }
    // The grey-only download has no LiDAR in its calibration.
    if let Ok([a, b, c, x, d, e, f, y, g, h, i, z]) = calibration.numbers::<12>("Tr") {
        match calib::rigid(&[a, b, c, d, e, f, g, h, i], &[x, y, z]) {
            Ok(cam0_se3_velo) => all.push(Sensor {
                channel: "velodyne".to_string(),
                modality: Some(Modality::Lidar),
                camera: None,
                ego_se3_sensor: Some(flu_se3_rdf * cam0_se3_velo),
            }),
            Err(kind) => quarantine.refuse(&Location::file(&file.absolute), kind),
        }
    }
    used.push(file);
    all
}

/// Gives cameras the size of their pictures, and drops those without any.
fn sizes(recording: &mut Recording) {
    let frames = &recording.frames;
    recording.sensors.retain_mut(|sensor| {
        let first = frames.iter().find(|f| f.channel == sensor.channel);
        match (&mut sensor.camera, first.and_then(|f| f.width.zip(f.height))) {
            (Some(camera), Some(size)) => (camera.width, camera.height) = size,
            (Some(_), None) => return false,
            (None, _) => {}
        }
        first.is_some()
    });
}
