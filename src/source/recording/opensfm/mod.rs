//! `opensfm`: photos with the poses that structure from motion gave them, in `reconstruction.json`.
//!
//! ```text
//! DATASET/reconstruction.json        also DATASET/opensfm/ (ODM), or the path of the file itself
//! DATASET/reference_lla.json         the origin, in data sets of old versions
//! DATASET/images/NAME                pictures, also beside the folder of the file
//! ```
//!
//! - Poses turn the world to a camera; the world is ENU metres about `reference_lla`. Altitudes come from EXIF, which
//!   counts from sea level.
//! - Ego: the camera with its axes turned to forward, left, up; of a rig, its frame.
//! - `capture_time` is EXIF's, which may be local. Photos that share times or have none become geotagged frames in the
//!   order of names: a trajectory needs a time (or a place) for every pose.
//! - Poses are of the pixels as stored, so EXIF's orientation is not applied again.
//!
//! Source: `mapillary/OpenSfM`, `doc/source/geometry.rst` and `opensfm/io.py`.

mod file;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nalgebra::Vector3;
use rayon::prelude::*;

use crate::coord::{EnuFrame, Geodetic, Pose};
use crate::error::{ErrorKind, Location, Quarantine, Result};
use crate::record::{
    Clock, FrameRecord, GeoTag, HeightDatum, Modality, PoseFix, Recording, Sensor, SourceFile, SourceRef, Tilt,
};
use crate::source::{Probe, RecordingOptions, RecordingSource};
use crate::time::{ClockScale, Timestamp};

use super::folder::{self, Remarks};
use super::media_file::{self, Context};
use super::{MOTION_HEADING_DEG, files, order};
pub(super) use file::CameraModel;
use file::{Reconstruction, Reference, Shot};

const KIND: &str = "opensfm";
const NAME: &str = "reconstruction.json";

/// A data set of OpenSfM.
pub struct OpenSfm {
    /// What paths are relative to.
    root: PathBuf,
    name: String,
    reconstruction: SourceFile,
    reference: Option<SourceFile>,
    /// Pictures by name.
    pictures: BTreeMap<String, SourceFile>,
    files: Vec<SourceFile>,
    options: RecordingOptions,
}

/// The file of a data set: the path itself, or in its folder or the `opensfm` folder in it.
fn reconstruction_of(path: &Path) -> Option<PathBuf> {
    let fits = |path: &Path| {
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        path.is_file() && name.starts_with("reconstruction") && name.ends_with(".json")
    };
    if path.is_file() {
        return fits(path).then(|| path.to_path_buf());
    }
    for folder in [path.to_path_buf(), path.join("opensfm")] {
        let whole = folder.join(NAME);
        if whole.is_file() {
            return Some(whole);
        }
        let listed = files::entries(&folder, "").map(|e| e.files).unwrap_or_default();
        if let Some(file) = listed.into_iter().find(|file| fits(&file.absolute)) {
            return Some(file.absolute);
        }
    }
    None
}

/// Whether `path` is a reconstruction or a folder with one.
pub(crate) fn detect(path: &Path) -> bool {
    reconstruction_of(path).is_some()
}

/// Opens a data set.
///
/// # Errors
///
/// Where there is no reconstruction, or a folder cannot be listed.
pub(crate) fn open(path: &Path, options: &RecordingOptions) -> Result<Box<dyn RecordingSource>> {
    let Some(file) = reconstruction_of(path) else {
        return Err(ErrorKind::malformed("OpenSfM data set", format!("there is no `{NAME}` in it")).in_file(path));
    };
    let beside = file.parent().unwrap_or(Path::new("")).to_path_buf();
    // A file that was named by itself has its pictures beside it or one folder up.
    let root = match path.is_file() {
        true if beside.join("images").is_dir() => beside.clone(),
        true => beside.join(".."),
        false => path.to_path_buf(),
    };
    let relative = |absolute: &Path| {
        let inside = absolute.strip_prefix(&root).map(Path::to_path_buf);
        let below =
            inside.unwrap_or_else(|_| match (absolute.parent().and_then(Path::file_name), absolute.file_name()) {
                (Some(folder), Some(name)) => Path::new(folder).join(name),
                _ => absolute.to_path_buf(),
            });
        below.components().map(|c| c.as_os_str().to_string_lossy().into_owned()).collect::<Vec<_>>().join("/")
    };
    let source_file = |absolute: PathBuf| {
        let size = std::fs::metadata(&absolute).map_err(|e| ErrorKind::io("read", e).in_file(&absolute))?.len();
        Ok(SourceFile { relative: relative(&absolute), absolute, size })
    };
    let reference = beside.join("reference_lla.json");
    let reference = reference.is_file().then(|| source_file(reference)).transpose()?;
    let reconstruction = source_file(file)?;
    let mut pictures = BTreeMap::new();
    for folder in [root.join("images"), beside.join("images")] {
        if pictures.is_empty() && folder.is_dir() {
            let listed = files::entries(&folder, "images")?.files;
            let name = |file: &SourceFile| file.relative.rsplit('/').next().unwrap_or_default().to_string();
            pictures.extend(listed.into_iter().map(|file| (name(&file), file)));
        }
    }
    let mut files: Vec<SourceFile> =
        reference.iter().chain([&reconstruction]).chain(pictures.values()).cloned().collect();
    files.sort_by(|a, b| a.relative.cmp(&b.relative));
    let name = folder::folder_name(&root);
    let name = if name == ".." { folder::folder_name(&root.canonicalize().unwrap_or(root.clone())) } else { name };
    Ok(Box::new(OpenSfm { root, name, reconstruction, reference, pictures, files, options: options.clone() }))
}

impl RecordingSource for OpenSfm {
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

/// A picture with its pose: `enu_se3_ego`, and where its camera sits on the ego.
struct Placed<'a> {
    name: &'a str,
    shot: &'a Shot,
    channel: String,
    enu_se3_ego: Pose,
    ego_se3_camera: Pose,
}

impl OpenSfm {
    fn recordings(&self, quarantine: &mut Quarantine, remarks: &mut Remarks) -> Result<Vec<Recording>> {
        let path = &self.reconstruction.absolute;
        let bytes = files::read(path, &self.options.limits).map_err(|kind| kind.in_file(path))?;
        let parts: Vec<Reconstruction> = serde_json::from_slice(&bytes).map_err(|error| {
            ErrorKind::malformed("OpenSfM reconstruction", error.to_string())
                .at(Location::line(path, error.line() as u64))
        })?;
        let mut recordings = Vec::new();
        let single = parts.iter().filter(|part| !part.shots.is_empty()).count() == 1;
        for (i, part) in parts.iter().enumerate().filter(|(_, part)| !part.shots.is_empty()) {
            let name = if single { self.name.clone() } else { format!("{}-{}", self.name, i + 1) };
            recordings.push(self.recording(name, part, quarantine, remarks)?);
        }
        if recordings.is_empty() {
            return Err(ErrorKind::malformed("OpenSfM reconstruction", "no picture has a pose in it").in_file(path));
        }
        Ok(recordings)
    }

    fn recording(
        &self,
        name: String,
        part: &Reconstruction,
        quarantine: &mut Quarantine,
        remarks: &mut Remarks,
    ) -> Result<Recording> {
        let path = &self.reconstruction.absolute;
        let origin = self.origin(part)?;
        let frame = EnuFrame::new(origin);
        let license: Arc<str> = self.options.license.as_str().into();
        let mut recording = Recording::new(name, KIND, &self.options.license);
        recording.origin = Some(origin);
        recording.height_datum = HeightDatum::Orthometric;
        let mut note = |text: &str, n: u64| *remarks.notes.entry(text.to_string()).or_default() += n;

        let placed = self.placed(part, quarantine);
        // One camera of a name is one channel: its mount and intrinsics are the sensor's.
        let mut sensors: BTreeMap<&str, Sensor> = BTreeMap::new();
        for one in &placed {
            let sensor = || {
                let camera = part.cameras.get(&one.shot.camera).map(|camera| camera.intrinsics());
                let camera = camera.and_then(|c| c.map_err(|kind| quarantine.refuse(&Location::file(path), kind)).ok());
                let modality = Some(Modality::Camera);
                Sensor { channel: one.channel.clone(), modality, camera, ego_se3_sensor: Some(one.ego_se3_camera) }
            };
            sensors.entry(&one.channel).or_insert_with(sensor);
        }
        recording.sensors = sensors.into_values().collect();

        let times = times(&placed);
        if times.is_none() {
            note("pictures share capture times or have none: they are ordered by name", placed.len() as u64);
            // There is no trajectory of the rig to mount a camera on: each picture says itself how it looks.
            recording.sensors.iter_mut().for_each(|sensor| sensor.ego_se3_sensor = None);
        } else {
            note("times are EXIF's, which may be local", 1);
        }
        let context = Context { license: license.clone(), zone_s: None, limits: &self.options.limits };
        let opened: Vec<_> = placed
            .par_iter()
            .map(|one| {
                let file = self.pictures.get(one.name)?;
                Some((file, media_file::open(file, &one.channel, Modality::Camera, &context)))
            })
            .collect();
        let mut poses = Vec::new();
        for ((i, one), opened) in placed.iter().enumerate().zip(opened) {
            let t = times.as_ref().map(|times| times[i]);
            if let Some(t) = t {
                poses.push((i as u64, pose_fix(&frame, &one.enu_se3_ego, t)));
            }
            let opened = match opened {
                Some((file, Ok((frame, _)))) => Ok((file, frame)),
                Some((file, Err(kind))) => Err((file.absolute.clone(), kind.to_string())),
                None => Err((self.root.join("images").join(one.name), "a picture that has a pose is not there".into())),
            };
            match opened {
                Ok((_, record)) => recording.frames.push(FrameRecord {
                    t,
                    geotag: Some(geotag(&frame, &(one.enu_se3_ego * one.ego_se3_camera))),
                    orientation: 1,
                    intrinsics: None,
                    ..record
                }),
                Err((file, reason)) => quarantine.refuse(&Location::file(file), reason),
            }
        }
        // Cameras of a rig fire together: their instance is one pose.
        poses.sort_by_key(|(_, pose): &(u64, PoseFix)| pose.t);
        poses.dedup_by_key(|(_, pose)| pose.t);
        recording.poses = order::rising(poses, |p| p.t.unwrap_or_default(), path, quarantine);
        let left = self.pictures.len().saturating_sub(part.shots.len()) as u64;
        if left > 0 {
            note("pictures have no pose", left);
        }
        for sensor in recording.sensors.clone() {
            refuse_other_sizes(&mut recording.frames, &sensor, quarantine);
        }
        recording.frames.sort_by(|a, b| (&a.channel, a.t, &a.stem).cmp(&(&b.channel, b.t, &b.stem)));
        if recording.poses.is_empty() && recording.frames.is_empty() {
            let error = ErrorKind::malformed("OpenSfM reconstruction", "neither capture times nor pictures are there");
            return Err(error.in_file(path));
        }
        let mut clocks: Vec<String> = recording.frames.iter().map(|f| f.channel.clone()).collect();
        clocks.extend((!recording.poses.is_empty()).then(|| "poses".to_string()));
        clocks.dedup();
        recording.clocks = clocks.into_iter().map(|sensor| Clock { sensor, scale: ClockScale::Utc }).collect();
        recording.sources.extend(self.reference.iter().chain([&self.reconstruction]).map(|file| SourceRef {
            path: file.relative.as_str().into(),
            record: None,
            license: license.clone(),
        }));
        Ok(recording)
    }

    fn origin(&self, part: &Reconstruction) -> Result<Geodetic> {
        let path = &self.reconstruction.absolute;
        let reference = match (part.reference_lla, &self.reference) {
            (Some(reference), _) => reference,
            (None, Some(file)) => {
                let bytes = files::read(&file.absolute, &self.options.limits).map_err(|k| k.in_file(&file.absolute))?;
                serde_json::from_slice::<Reference>(&bytes).map_err(|error| {
                    ErrorKind::malformed("reference_lla.json", error.to_string()).in_file(&file.absolute)
                })?
            }
            (None, None) => {
                return Err(ErrorKind::malformed("OpenSfM reconstruction", "there is no `reference_lla`")
                    .in_file(path)
                    .with_hint(
                        "nothing says where on Earth the reconstruction is; put `reference_lla.json` beside it",
                    ));
            }
        };
        reference
            .place()
            .ok_or_else(|| ErrorKind::malformed("OpenSfM reconstruction", "`reference_lla` is no place").in_file(path))
    }

    /// The pictures with their poses, by name.
    fn placed<'a>(&self, part: &'a Reconstruction, quarantine: &mut Quarantine) -> Vec<Placed<'a>> {
        let flu_se3_rdf = Pose::flu_se3_rdf();
        let moved = |t: &file::Transform| t.rotation.iter().chain(&t.translation).any(|v| v.abs() > 1e-9);
        let rig = part.rig_cameras.values().any(moved);
        let instances: BTreeMap<&str, (&file::RigInstance, &str)> = part
            .rig_instances
            .values()
            .flat_map(|i| i.rig_camera_ids.iter().map(move |(shot, camera)| (shot.as_str(), (i, camera.as_str()))))
            .collect();
        let cameras: BTreeSet<&str> = part.shots.values().map(|shot| shot.camera.as_str()).collect();
        let mut all = Vec::with_capacity(part.shots.len());
        let pose = |rotation, translation| Pose::from_rotation_vector(translation, rotation);
        for (name, shot) in &part.shots {
            let on_rig = || {
                let (instance, id) = instances.get(name.as_str()).filter(|_| rig)?;
                let rig_camera = part.rig_cameras.get(*id)?;
                Some((instance, *id, pose(rig_camera.rotation, rig_camera.translation)))
            };
            let (ego, camera_se3_rig, channel) = match on_rig() {
                Some((i, id, camera)) => (pose(i.rotation, i.translation), camera, plain(id)),
                None if cameras.len() == 1 => {
                    let channel = self.options.channel.clone().unwrap_or_else(|| "camera".to_string());
                    (pose(shot.rotation, shot.translation), Some(Pose::identity()), channel)
                }
                None => (pose(shot.rotation, shot.translation), Some(Pose::identity()), plain(&shot.camera)),
            };
            let Some((rig_se3_world, camera_se3_rig)) = ego.zip(camera_se3_rig) else {
                let place = Location::file(&self.reconstruction.absolute);
                quarantine.refuse(&place, format!("the pose of `{name}` or of its camera on the rig is none"));
                continue;
            };
            all.push(Placed {
                name,
                shot,
                channel,
                enu_se3_ego: rig_se3_world.inverse() * flu_se3_rdf.inverse(),
                ego_se3_camera: flu_se3_rdf * camera_se3_rig.inverse(),
            });
        }
        all
    }
}

/// The capture time of every picture, where all have one and no two places share one.
fn times(placed: &[Placed]) -> Option<Vec<Timestamp>> {
    let time = |one: &Placed| {
        one.shot
            .capture_time
            .filter(|t| *t > 0.0)
            .and_then(Timestamp::from_seconds)
            .filter(|t| *t >= order::FIRST_PLAUSIBLE)
    };
    let times: Option<Vec<Timestamp>> = placed.iter().map(time).collect();
    let times = times?;
    let mut places: BTreeMap<Timestamp, &Pose> = BTreeMap::new();
    for (one, t) in placed.iter().zip(&times) {
        let first = places.entry(*t).or_insert(&one.enu_se3_ego);
        if (first.translation - one.enu_se3_ego.translation).norm() > 1e-6 {
            return None;
        }
    }
    Some(times)
}

/// A channel's name of a camera's: letters, digits, `-` and `_`.
fn plain(name: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    name.chars().map(|c| if fits(c) { c } else { '_' }).collect()
}

fn pose_fix(frame: &EnuFrame, enu_se3_ego: &Pose, t: Timestamp) -> PoseFix {
    let place = frame.to_geodetic(enu_se3_ego.translation);
    let turn = Pose::from_rotation_matrix(&EnuFrame::new(place).rotation_from(frame), Vector3::zeros());
    PoseFix { t: Some(t), place, rotation: turn.rotation * enu_se3_ego.rotation }
}

/// The place, and how the camera looks from there.
fn geotag(frame: &EnuFrame, enu_se3_camera: &Pose) -> GeoTag {
    let place = frame.to_geodetic(enu_se3_camera.translation);
    let here_r_frame =
        Pose::from_rotation_matrix(&EnuFrame::new(place).rotation_from(frame), Vector3::zeros()).rotation;
    let looks = Tilt::of(&(here_r_frame * enu_se3_camera.rotation));
    GeoTag {
        place,
        has_height: true,
        heading_deg: looks.map(|(heading, _)| heading),
        heading_sigma_deg: looks.map(|_| MOTION_HEADING_DEG),
        tilt: looks.map(|(_, tilt)| tilt),
        sigma_xy_m: None,
    }
}

fn refuse_other_sizes(frames: &mut Vec<FrameRecord>, sensor: &Sensor, quarantine: &mut Quarantine) {
    let (mut of_sensor, others): (Vec<_>, Vec<_>) =
        std::mem::take(frames).into_iter().partition(|frame| frame.channel == sensor.channel);
    folder::refuse_other_sizes(&mut of_sensor, Some(sensor), quarantine);
    *frames = others;
    frames.extend(of_sensor);
}
