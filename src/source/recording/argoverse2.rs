//! `argoverse2`: a log of the Argoverse 2 sensor (or lidar) data set, or a folder of logs (`val/`, or the root above).
//!
//! ```text
//! LOG/city_SE3_egovehicle.feather            poses in the city frame
//! LOG/calibration/egovehicle_SE3_sensor.feather, intrinsics.feather
//! LOG/sensors/lidar/T.feather                sweeps in the ego frame, motion-compensated
//! LOG/sensors/cameras/CAMERA/T.jpg
//! LOG/annotations.feather                    boxes, in the ego frame at the times of the sweeps
//! LOG/map/log_map_archive_LOG____PIT_city_N.json     here only its name is used, for the city
//! ```
//!
//! - Places: city frame → UTM → WGS84; rotations turn by the grid convergence. The z of the city frame is kept as
//!   the height: Argo does not say what it is measured from, hence [`HeightDatum::None`].
//! - Times are nanoseconds of a clock of unknown epoch, kept as they are.
//! - Sweeps of both LiDARs come joined in the ego frame, so the channel `lidar` is mounted at the identity;
//!   `up_lidar` and `down_lidar` of the calibration are not channels of their own.
//! - Cameras are plain pinholes: Argo undistorted the pictures before publishing them, and `k1 k2 k3` of
//!   `intrinsics.feather` say what was removed (av2-api issues 219 and 226; its `PinholeCamera` ignores them too).
//!
//! Source: `argoverse/av2-api`, `src/av2/datasets/sensor/README.md` and `src/av2/geometry/camera/pinhole_camera.py`.

mod boxes;

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::coord::{BBox, Pose};
use crate::error::{ErrorKind, Location, Quarantine, Result};
use crate::record::{
    CameraIntrinsics, CameraModelKind, Clock, FrameFormat, FrameRecord, HeightDatum, MediaRef, Modality, PoseFix,
    Recording, Sensor, SourceFile, SourceRef,
};
use crate::source::argoverse2_city::City;
use crate::source::arrow_ipc::{self, Table};
use crate::source::{Probe, RecordingOptions, RecordingSource};
use crate::time::{ClockScale, Timestamp};

use super::{lidar, picture};

const KIND: &str = "argoverse2";
const POSES: &str = "city_SE3_egovehicle.feather";
const MOUNTS: &str = "calibration/egovehicle_SE3_sensor.feather";
/// Not in the logs of the test split and of the lidar data set.
const BOXES: &str = "annotations.feather";
const INTRINSICS: &str = "calibration/intrinsics.feather";
/// The channel of the joined sweeps.
const LIDAR: &str = "lidar";

/// One log or a folder of logs.
pub struct Argoverse2Log {
    logs: Vec<Log>,
    files: Vec<SourceFile>,
    options: RecordingOptions,
}

/// Where one log lies.
struct Log {
    folder: PathBuf,
    /// Path from the source's root, with a trailing `/` unless empty.
    prefix: String,
    map: PathBuf,
}

/// Whether `path` is a log or a folder of logs.
pub fn detect(path: &Path) -> bool {
    !log_folders(path).is_empty()
}

/// Opens a log or a folder of logs.
///
/// # Errors
///
/// Where there is no log, or a log's map file (which names the city) is missing.
pub fn open(path: &Path, options: &RecordingOptions) -> Result<Box<dyn RecordingSource>> {
    let folders = log_folders(path);
    if folders.is_empty() {
        let reason = format!("neither `{POSES}` nor folders with it");
        return Err(ErrorKind::malformed("Argoverse 2 log", reason).in_file(path));
    }
    let mut logs = Vec::new();
    let mut files = Vec::new();
    for folder in folders {
        let map = map_file(&folder)?;
        let relative = folder.strip_prefix(path).unwrap_or(Path::new(""));
        let mut prefix = String::new();
        for part in relative.components() {
            prefix.push_str(&part.as_os_str().to_string_lossy());
            prefix.push('/');
        }
        let mut list = |absolute: PathBuf| {
            let inside = absolute.strip_prefix(&folder).unwrap_or(&absolute);
            let inside: Vec<_> = inside.components().map(|c| c.as_os_str().to_string_lossy().into_owned()).collect();
            if let Ok(meta) = std::fs::metadata(&absolute) {
                files.push(SourceFile {
                    relative: format!("{prefix}{}", inside.join("/")),
                    absolute,
                    size: meta.len(),
                });
            }
        };
        list(folder.join(POSES));
        list(folder.join(MOUNTS));
        list(folder.join(INTRINSICS));
        list(folder.join(BOXES));
        list(map.clone());
        for (_, observations) in observation_files(&folder)? {
            observations.into_iter().for_each(&mut list);
        }
        logs.push(Log { folder, prefix, map });
    }
    files.sort_by(|a, b| a.relative.cmp(&b.relative));
    Ok(Box::new(Argoverse2Log { logs, files, options: options.clone() }))
}

impl RecordingSource for Argoverse2Log {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn files(&self) -> &[SourceFile] {
        &self.files
    }

    fn probe(&self) -> Result<Probe> {
        let mut quarantine = Quarantine::new();
        let read = self.read_logs(&mut quarantine)?;
        let recordings = || read.iter().map(|(_, recording)| recording);
        let mut probe = Probe { kind: KIND.to_string(), ..Probe::default() };
        probe.counts.insert("logs".to_string(), read.len() as u64);
        let mut sensors = BTreeMap::new();
        for (log, recording) in &read {
            *probe.counts.entry("poses".to_string()).or_default() += recording.poses.len() as u64;
            for frame in &recording.frames {
                let folder = if frame.modality == Modality::Lidar { "lidar" } else { "images" };
                *probe.counts.entry(format!("{folder}/{}", frame.channel)).or_default() += 1;
                *probe.counts.entry("points".to_string()).or_default() += frame.points.unwrap_or(0);
            }
            if !recording.cuboids.is_empty() {
                *probe.counts.entry("boxes".to_string()).or_default() += recording.cuboids.len() as u64;
            }
            for sensor in &recording.sensors {
                let camera = sensor.camera.as_ref();
                let how = camera.map_or_else(
                    || "LiDAR, in the ego frame".to_string(),
                    |c| format!("{} {}×{}", c.model.name(), c.width, c.height),
                );
                sensors.insert(sensor.channel.clone(), format!("{}: {how}", sensor.channel));
            }
            if let (Some(first), Some(last)) = (recording.poses.first(), recording.poses.last()) {
                let times = first.t.zip(last.t).map(|(a, b)| (a.ns(), b.ns())).unwrap_or_default();
                let city = City::of_map_file(&log.map).map_err(|e| e.in_file(&log.map))?.name;
                probe.notes.push(format!(
                    "{}: {city}, clock of unknown epoch from {} to {} ns ({:.2} s)",
                    recording.name,
                    times.0,
                    times.1,
                    (times.1 - times.0) as f64 / 1e9,
                ));
            }
        }
        probe.sensors = sensors.into_values().collect();
        let places = recordings().flat_map(|r| &r.poses).map(|p| (p.place.lon_deg, p.place.lat_deg));
        Ok(probe.with_extent(BBox::of_points(places)).with_problems(&quarantine))
    }

    fn read(&self, quarantine: &mut Quarantine) -> Result<Vec<Recording>> {
        Ok(self.read_logs(quarantine)?.into_iter().map(|(_, recording)| recording).collect())
    }
}

impl Argoverse2Log {
    /// The logs that can be read; the others are refused, unless there is no other.
    fn read_logs(&self, quarantine: &mut Quarantine) -> Result<Vec<(&Log, Recording)>> {
        let mut read = Vec::with_capacity(self.logs.len());
        for log in &self.logs {
            match self.read_log(log, quarantine) {
                Ok(recording) => read.push((log, recording)),
                Err(error) if self.logs.len() == 1 => return Err(error),
                Err(error) => {
                    let place = error.location().cloned().unwrap_or_else(|| Location::file(&log.folder));
                    quarantine.refuse(&place, format!("the log is left out: {}", error.kind()));
                }
            }
        }
        Ok(read)
    }

    fn read_log(&self, log: &Log, quarantine: &mut Quarantine) -> Result<Recording> {
        let city = City::of_map_file(&log.map).map_err(|e| e.in_file(&log.map))?;
        // `canonicalize` names the log also where the path is `.`.
        let folder = std::fs::canonicalize(&log.folder).map_err(|e| ErrorKind::io("read", e).in_file(&log.folder))?;
        let name = folder.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        let mut recording = Recording::new(name, KIND, self.options.license.clone());
        recording.height_datum = HeightDatum::None;

        let path = log.folder.join(POSES);
        let table = self.table(&path)?;
        recording.poses = poses(&table, &city, &path, quarantine).map_err(|e| e.in_file(&path))?;
        if recording.poses.is_empty() {
            return Err(ErrorKind::malformed("Argoverse 2 log", "no valid pose").in_file(&path));
        }
        recording.sources.push(self.source(log, POSES));

        recording.sensors.push(Sensor {
            channel: LIDAR.to_string(),
            modality: Some(Modality::Lidar),
            camera: None,
            ego_se3_sensor: Some(Pose::identity()),
        });
        let (mounts, intrinsics) = (log.folder.join(MOUNTS), log.folder.join(INTRINSICS));
        if mounts.exists() && intrinsics.exists() {
            let cameras = cameras(&self.table(&intrinsics)?).map_err(|e| e.in_file(&intrinsics))?;
            let mut poses = mount_poses(&self.table(&mounts)?).map_err(|e| e.in_file(&mounts))?;
            for (channel, camera) in cameras {
                let mount = poses.remove(&channel).flatten();
                if mount.is_none() {
                    quarantine.refuse(&Location::file(&mounts), format!("no valid pose of camera `{channel}`"));
                }
                recording.sensors.push(Sensor {
                    channel,
                    modality: Some(Modality::Camera),
                    camera: Some(camera),
                    ego_se3_sensor: mount,
                });
            }
            recording.sources.extend([self.source(log, MOUNTS), self.source(log, INTRINSICS)]);
        } else {
            quarantine.refuse(&Location::file(log.folder.join("calibration")), "no calibration of the cameras");
        }
        recording.sensors.sort_by(|a, b| a.channel.cmp(&b.channel));

        for (channel, files) in observation_files(&log.folder)? {
            for path in files {
                match self.frame(log, &channel, &path, recording.sensor(&channel)) {
                    Ok(frame) => recording.frames.push(frame),
                    Err(kind) => quarantine.refuse(&Location::file(&path), kind),
                }
            }
        }
        let path = log.folder.join(BOXES);
        if path.exists() {
            // What moves can be done without: broken boxes cost themselves.
            match self.table(&path).and_then(|t| boxes::boxes(&t, &path, quarantine).map_err(|e| e.in_file(&path))) {
                Ok(boxes) => {
                    recording.cuboids = boxes;
                    recording.sources.push(self.source(log, BOXES));
                }
                Err(error) => quarantine.refuse_error(&error),
            }
        }
        recording.frames.sort_by(|a, b| (&a.channel, a.modality, a.t).cmp(&(&b.channel, b.modality, b.t)));
        let mut channels: Vec<&str> = recording.frames.iter().map(|f| f.channel.as_str()).collect();
        channels.dedup();
        recording.clocks = std::iter::once("poses")
            .chain(channels)
            .map(|sensor| Clock { sensor: sensor.to_string(), scale: ClockScale::Unknown })
            .collect();
        Ok(recording)
    }

    fn table(&self, path: &Path) -> Result<Table> {
        let bytes = std::fs::read(path).map_err(|e| ErrorKind::io("read", e).in_file(path))?;
        arrow_ipc::read(&bytes, &self.options.limits).map_err(|e| e.in_file(path))
    }

    fn source(&self, log: &Log, relative: &str) -> SourceRef {
        SourceRef {
            path: Arc::from(format!("{}{relative}", log.prefix)),
            record: None,
            license: Arc::from(self.options.license.as_str()),
        }
    }

    /// The frame in a file, its headers read.
    fn frame(&self, log: &Log, channel: &str, path: &Path, sensor: Option<&Sensor>) -> Result<FrameRecord, ErrorKind> {
        let limits = &self.options.limits;
        let io = |e| ErrorKind::io("read", e);
        let stem = path.file_stem().and_then(|s| s.to_str()).unwrap_or_default().to_string();
        let t_ns: i64 =
            stem.parse().map_err(|_| ErrorKind::malformed("Argoverse 2 log", "the name is no time in nanoseconds"))?;
        let mut file = File::open(path).map_err(io)?;
        let size = file.metadata().map_err(io)?.len();
        let inside = path.strip_prefix(&log.folder).unwrap_or(path);
        let inside: Vec<_> = inside.components().map(|c| c.as_os_str().to_string_lossy().into_owned()).collect();
        let (media, source) = (MediaRef::File(path.to_path_buf()), self.source(log, &inside.join("/")));
        let mut frame = FrameRecord {
            channel: channel.to_string(),
            modality: Modality::Lidar,
            t: Some(Timestamp::from_ns(t_ns)),
            stem,
            ..FrameRecord::of_bytes(media, size, FrameFormat::Feather, source)
        };
        if channel == LIDAR {
            frame.points = Some(lidar::header(&mut file, FrameFormat::Feather, limits)?.points);
            return Ok(frame);
        }
        let picture = picture::read(path, None, limits)?;
        if picture.format != FrameFormat::Jpg {
            return Err(ErrorKind::malformed("JPEG", "the bytes are those of another format"));
        }
        let (width, height) = (picture.width, picture.height);
        if let Some(camera) = sensor.and_then(|s| s.camera.as_ref())
            && (camera.width, camera.height) != (width, height)
        {
            let reason = format!("{width}×{height} pixels, but calibrated for {}×{}", camera.width, camera.height);
            return Err(ErrorKind::malformed("Argoverse 2 log", reason));
        }
        frame.modality = Modality::Camera;
        frame.format = FrameFormat::Jpg;
        (frame.width, frame.height) = (Some(width), Some(height));
        Ok(frame)
    }
}

/// The log folders at or up to two levels below `path`, sorted.
fn log_folders(path: &Path) -> Vec<PathBuf> {
    let mut level = vec![path.to_path_buf()];
    for _ in 0..3 {
        let logs: Vec<PathBuf> = level.iter().filter(|f| f.join(POSES).is_file()).cloned().collect();
        if !logs.is_empty() {
            return logs;
        }
        level = level.iter().flat_map(|folder| entries(folder)).filter(|f| f.is_dir()).collect();
    }
    Vec::new()
}

/// What lies in a folder, sorted; nothing where it cannot be read.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.path()).collect();
    all.sort();
    all
}

/// The map file of a log, whose name says the city.
fn map_file(log: &Path) -> Result<PathBuf> {
    let folder = log.join("map");
    entries(&folder).into_iter().find(|p| crate::source::map::argoverse2::is_map_file(p)).ok_or_else(|| {
        ErrorKind::NotFound
            .in_file(folder.join("log_map_archive_*.json"))
            .with_hint("the name of this file says which city the poses are in; download the log's `map/` too")
    })
}

/// Files of sweeps and pictures by channel, in the order of their names.
fn observation_files(log: &Path) -> Result<BTreeMap<String, Vec<PathBuf>>> {
    let mut all = BTreeMap::new();
    let with = |folder: &Path, ending: &str| -> Vec<PathBuf> {
        entries(folder).into_iter().filter(|p| p.extension().is_some_and(|e| e == ending)).collect()
    };
    all.insert(LIDAR.to_string(), with(&log.join("sensors/lidar"), "feather"));
    for camera in entries(&log.join("sensors/cameras")) {
        if let Some(name) = camera.file_name().and_then(|n| n.to_str()).filter(|n| *n != LIDAR) {
            all.insert(name.to_string(), with(&camera, "jpg"));
        }
    }
    Ok(all)
}

/// The valid poses in order of time; the others are quarantined.
fn poses(table: &Table, city: &City, path: &Path, quarantine: &mut Quarantine) -> Result<Vec<PoseFix>, ErrorKind> {
    let times = table.ints("timestamp_ns")?;
    let transforms = transforms(table)?;
    let mut fixes: Vec<(usize, PoseFix)> = Vec::with_capacity(times.len());
    for (row, (t_ns, city_se3_ego)) in times.iter().zip(transforms).enumerate() {
        let fix = city_se3_ego.and_then(|pose| {
            let place = city.place(pose.translation)?;
            let rotation = city.enu_r_city(pose.translation)? * pose.rotation;
            Some(PoseFix { t: Some(Timestamp::from_ns(*t_ns)), place, rotation })
        });
        match fix {
            Some(fix) => fixes.push((row, fix)),
            None => quarantine.refuse(&Location::record(path, row as u64), "not a rigid transform on the earth"),
        }
    }
    fixes.sort_by_key(|(row, fix)| (fix.t, *row));
    let mut last = None;
    fixes.retain(|(row, fix)| {
        let fresh = last != fix.t;
        last = fix.t;
        if !fresh {
            quarantine.refuse(&Location::record(path, *row as u64), "a second pose of the same time");
        }
        fresh
    });
    Ok(fixes.into_iter().map(|(_, fix)| fix).collect())
}

/// The rigid transforms of a table with `qw … tz_m`; `None` for a row that is none.
fn transforms(table: &Table) -> Result<Vec<Option<Pose>>, ErrorKind> {
    let q = [table.floats("qw")?, table.floats("qx")?, table.floats("qy")?, table.floats("qz")?];
    let t = [table.floats("tx_m")?, table.floats("ty_m")?, table.floats("tz_m")?];
    Ok((0..table.rows).map(|i| Pose::from_wxyz(t.each_ref().map(|c| c[i]), q.each_ref().map(|c| c[i]))).collect())
}

/// `ego_se3_sensor` by sensor.
fn mount_poses(table: &Table) -> Result<BTreeMap<String, Option<Pose>>, ErrorKind> {
    Ok(table.text("sensor_name")?.iter().cloned().zip(transforms(table)?).collect())
}

/// Intrinsics by camera.
fn cameras(table: &Table) -> Result<BTreeMap<String, CameraIntrinsics>, ErrorKind> {
    let names = table.text("sensor_name")?;
    let numbers = [table.floats("fx_px")?, table.floats("fy_px")?, table.floats("cx_px")?, table.floats("cy_px")?];
    let (width, height) = (table.ints("width_px")?, table.ints("height_px")?);
    let mut all = BTreeMap::new();
    for (i, name) in names.iter().enumerate() {
        let size = u32::try_from(width[i]).ok().zip(u32::try_from(height[i]).ok());
        let (width, height) =
            size.ok_or_else(|| ErrorKind::malformed("Argoverse 2 log", format!("size of camera `{name}`")))?;
        let camera = CameraIntrinsics {
            model: CameraModelKind::Pinhole,
            width,
            height,
            intrinsics: numbers.iter().map(|column| column[i]).collect(),
            distortion: Vec::new(),
        };
        if !camera.intrinsics.iter().all(|v| v.is_finite()) {
            return Err(ErrorKind::malformed("Argoverse 2 log", format!("numbers of camera `{name}`")));
        }
        all.insert(name.clone(), camera);
    }
    Ok(all)
}
