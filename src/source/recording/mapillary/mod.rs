//! `mapillary`: image entities of Mapillary's API v4 as JSON, and pictures named by their ids.
//!
//! ```text
//! FOLDER/**.json         an entity, a list of them, the API's {"data": […]}, an object by id, or one a line (.jsonl)
//! FOLDER/**/ID.jpg       pictures at any size, also in folders of their own
//! ```
//!
//! - A sequence is a recording; pictures without one are one recording together.
//! - `computed_rotation` is an angle-axis from ENU to the camera (right, down, forward) of the pixels as the sensor gave
//!   them. Pictures that the API serves are upright; those with EXIF's orientation still in them are not.
//! - The ego of a picture with a computed pose is its upright camera with its axes turned to forward, left, up.
//! - Lengths of `camera_parameters` are fractions of the longer side, so a picture of any size has its intrinsics.
//!
//! Sources: the API's documentation; `mapillary/mapillary-js` (`src/geo/Transform.ts`, `api/ents`) for the frames of
//! rotation and orientation; `facebookresearch/OrienterNet` (`maploc/data/mapillary`) for the camera models.

mod entity;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nalgebra::UnitQuaternion;
use rayon::prelude::*;
use serde_json::Value;

use crate::coord::{CameraIntrinsics, EnuFrame, Geodetic, Pose};
use crate::error::{ErrorKind, Location, Quarantine, Result};
use crate::record::{
    CameraModelKind, Clock, FrameRecord, GeoTag, HeightDatum, Modality, PoseFix, Recording, Sensor, SourceFile,
    SourceRef, Tilt, exif_turn,
};
use crate::source::{Probe, RecordingOptions, RecordingSource};
use crate::time::{ClockScale, Timestamp};

use super::folder::{self, Remarks};
use super::media_file::{self, Context};
use super::opensfm::CameraModel;
use super::{MOTION_HEADING_DEG, files, order};
use entity::Entity;

const KIND: &str = "mapillary";
/// Folders in folders that are looked into.
const DEPTH: usize = 3;
/// Bytes at the start of a JSON file that tell whether it holds image entities.
const HEAD: u64 = 1 << 16;
/// Pictures whose computed and received places are farther apart are worth a note, metres.
const FAR_M: f64 = 50.0;
/// Equal times are spread over no more than this.
const SECOND_NS: i64 = 1_000_000_000;
/// A side may differ so much from what the entity's aspect gives, as a share: thumbnails are rounded to whole pixels.
const ASPECT: f64 = 0.01;

/// A folder of image entities and pictures.
pub struct Mapillary {
    root: PathBuf,
    json: Vec<SourceFile>,
    /// Pictures by the name without its ending.
    pictures: BTreeMap<String, SourceFile>,
    files: Vec<SourceFile>,
    options: RecordingOptions,
}

/// Whether `path` is a folder with a JSON file of image entities in it.
pub(crate) fn detect(path: &Path) -> bool {
    if !path.is_dir() || path.join("recording.toml").is_file() || path.join("calibration.json").is_file() {
        return false;
    }
    let first = |folder: &Path| {
        let listed = files::entries(folder, "").map(|e| e.files).unwrap_or_default();
        listed.into_iter().find(|f| is_json(&f.relative))
    };
    let found = first(path).or_else(|| files::folders(path).iter().find_map(|name| first(&path.join(name))));
    found.is_some_and(|file| holds_entities(&file.absolute))
}

fn is_json(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    [".json", ".jsonl", ".ndjson", ".geojson"].iter().any(|ending| name.ends_with(ending))
}

fn holds_entities(path: &Path) -> bool {
    use std::io::Read;
    let mut head = Vec::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(HEAD).read_to_end(&mut head));
    let text = String::from_utf8_lossy(&head);
    let has = |key: &str| text.contains(&format!("\"{key}\""));
    read.is_ok()
        && has("id")
        && (has("geometry") || has("computed_geometry"))
        && (has("captured_at") || has("sequence"))
}

/// Opens a folder.
///
/// # Errors
///
/// Where there is no JSON file in it, or a folder cannot be listed.
pub(crate) fn open(path: &Path, options: &RecordingOptions) -> Result<Box<dyn RecordingSource>> {
    let (mut json, mut pictures) = (Vec::new(), BTreeMap::new());
    let mut folders = vec![(path.to_path_buf(), String::new(), 0)];
    while let Some((folder, relative, depth)) = folders.pop() {
        let inside = files::entries(&folder, &relative)?;
        for file in inside.files {
            if is_json(&file.relative) {
                json.push(file);
            } else if folder::is_picture(&file.relative) {
                pictures.entry(media_file::stem(&file.relative).to_string()).or_insert(file);
            }
        }
        if depth < DEPTH {
            let below = |name: &String| match relative.as_str() {
                "" => name.clone(),
                above => format!("{above}/{name}"),
            };
            folders.extend(inside.folders.iter().rev().map(|name| (folder.join(name), below(name), depth + 1)));
        }
    }
    if json.is_empty() {
        return Err(ErrorKind::malformed("Mapillary folder", "there is no JSON file in it").in_file(path).with_hint(
            "store what https://graph.mapillary.com gives for the images (id, sequence, captured_at, geometry, …)",
        ));
    }
    json.sort_by(|a, b| a.relative.cmp(&b.relative));
    let mut files: Vec<SourceFile> = json.iter().chain(pictures.values()).cloned().collect();
    files.sort_by(|a, b| a.relative.cmp(&b.relative));
    Ok(Box::new(Mapillary { root: path.to_path_buf(), json, pictures, files, options: options.clone() }))
}

impl RecordingSource for Mapillary {
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

/// A picture with what the API says of it.
struct Shot {
    entity: Entity,
    frame: FrameRecord,
    /// Index of the JSON file.
    file: usize,
    /// Whether its pixels lie as the sensor gave them.
    is_raw: bool,
    camera: Option<CameraIntrinsics>,
}

impl Mapillary {
    fn recordings(&self, quarantine: &mut Quarantine, remarks: &mut Remarks) -> Result<Vec<Recording>> {
        let entities = self.entities(quarantine, remarks)?;
        let known: BTreeSet<&str> = entities.iter().map(|(_, _, e)| e.id.as_str()).collect();
        let strangers = self.pictures.keys().filter(|stem| !known.contains(stem.as_str())).count() as u64;
        if strangers > 0 {
            *remarks.notes.entry("pictures without an entity are left out".to_string()).or_default() += strangers;
        }
        let mut sequences: BTreeMap<String, Vec<Shot>> = BTreeMap::new();
        for (sequence, shot) in self.shots(entities, quarantine, remarks) {
            sequences.entry(sequence).or_default().push(shot);
        }
        let mut recordings = Vec::new();
        for (name, shots) in sequences {
            recordings.push(self.recording(name, shots, quarantine, remarks));
        }
        if recordings.is_empty() {
            let first = quarantine.iter().next().map(|(file, reason, _)| format!("{file}: {reason}"));
            let error = ErrorKind::malformed("Mapillary folder", "no picture has an entity with a place");
            return Err(error.in_file(&self.root).with_hint(first.map_or(
                "pictures are named by the `id` of their entity, e.g. `498763468214164.jpg`".to_string(),
                |first| format!("what could not be used begins with: {first}"),
            )));
        }
        Ok(recordings)
    }

    /// The entities of all files, each once, with the index of its file and its number in it.
    fn entities(&self, quarantine: &mut Quarantine, remarks: &mut Remarks) -> Result<Vec<(usize, u64, Entity)>> {
        let mut found: Vec<(usize, u64, Entity)> = Vec::new();
        let mut by_id: BTreeMap<String, usize> = BTreeMap::new();
        for (index, file) in self.json.iter().enumerate() {
            let path = &file.absolute;
            let bytes = match files::read(path, &self.options.limits) {
                Ok(bytes) => bytes,
                Err(kind) => {
                    quarantine.refuse(&Location::file(path), kind);
                    continue;
                }
            };
            let (values, broken) = values(&bytes);
            for (line, reason) in broken {
                quarantine.refuse(&Location::line(path, line), ErrorKind::malformed("JSON", reason));
            }
            for (number, value) in values.iter().enumerate() {
                let place = Location::record(path, number as u64);
                let mut entity = match Entity::parse(value) {
                    Ok(entity) => entity,
                    Err(reason) => {
                        quarantine.refuse(&place, ErrorKind::malformed("image entity", reason));
                        continue;
                    }
                };
                if let Some(&first) = by_id.get(&entity.id) {
                    let same = found[first].2 == entity;
                    match same {
                        // Pages of neighbouring boxes overlap.
                        true => *remarks.notes.entry("entities that come again".to_string()).or_default() += 1,
                        false => quarantine.refuse(&place, "another entity has the same id and says other things"),
                    }
                    continue;
                }
                for problem in std::mem::take(&mut entity.problems) {
                    quarantine.refuse(&place, format!("{problem}: not used"));
                }
                by_id.insert(entity.id.clone(), found.len());
                found.push((index, number as u64, entity));
            }
        }
        Ok(found)
    }

    /// Pictures with a place, by the name of their sequence.
    fn shots(
        &self,
        entities: Vec<(usize, u64, Entity)>,
        quarantine: &mut Quarantine,
        remarks: &mut Remarks,
    ) -> Vec<(String, Shot)> {
        let context =
            Context { license: self.options.license.as_str().into(), zone_s: None, limits: &self.options.limits };
        let opened: Vec<_> = entities
            .par_iter()
            .map(|(_, _, entity)| {
                let file = self.pictures.get(&entity.id)?;
                Some((file, media_file::open(file, "camera", Modality::Camera, &context)))
            })
            .collect();
        let mut shots = Vec::new();
        for ((file, number, entity), opened) in entities.into_iter().zip(opened) {
            let at = Location::record(&self.json[file].absolute, number);
            let Some((picture, opened)) = opened else {
                quarantine.refuse(&at, "its picture is not there");
                continue;
            };
            let record = match opened {
                Ok((record, _)) => record,
                Err(kind) => {
                    quarantine.refuse(&Location::file(&picture.absolute), kind);
                    continue;
                }
            };
            if entity.place().is_none() {
                quarantine.refuse(&at, "it has no usable `geometry` or `computed_geometry`");
                continue;
            }
            let Some(is_raw) = lies_raw(&entity, &record) else {
                let reason = "its sides are not as those of its entity's `width` and `height`";
                quarantine.refuse(&Location::file(&picture.absolute), reason);
                continue;
            };
            let camera = camera(&entity, &record).unwrap_or_else(|reason| {
                *remarks.notes.entry(format!("without intrinsics: {reason}")).or_default() += 1;
                None
            });
            let sequence = entity.sequence.clone().unwrap_or_else(|| "no-sequence".to_string());
            shots.push((sequence, Shot { entity, frame: record, file, is_raw, camera }));
        }
        shots
    }

    fn recording(
        &self,
        name: String,
        mut shots: Vec<Shot>,
        quarantine: &mut Quarantine,
        remarks: &mut Remarks,
    ) -> Recording {
        let mut note = |text: &str, n: u64| {
            if n > 0 {
                *remarks.notes.entry(text.to_string()).or_default() += n;
            }
        };
        let license: Arc<str> = self.options.license.as_str().into();
        let mut recording = Recording::new(name, KIND, &self.options.license);
        shots.sort_by(|a, b| (a.entity.t, &a.entity.id).cmp(&(b.entity.t, &b.entity.id)));
        note("pictures without a date", shots.iter().filter(|s| s.entity.t.is_none()).count() as u64);
        note("pictures share a time with others: they are spread evenly up to the next", spread(&mut shots));
        let apart = |s: &Shot| s.entity.raw.zip(s.entity.computed).is_some_and(|(a, b)| apart_m(a, b) > FAR_M);
        note("computed and received places are over 50 m apart", shots.iter().filter(|s| apart(s)).count() as u64);

        let heights = shots.iter().any(|s| s.entity.place().is_some_and(|p| p.height_m.is_finite()));
        recording.height_datum = if heights { HeightDatum::Orthometric } else { HeightDatum::None };
        let mut poses: Vec<(u64, PoseFix)> = Vec::new();
        for (number, shot) in shots.iter().enumerate() {
            poses.extend(shot.pose().map(|pose| (number as u64, pose)));
        }
        // One pose is no trajectory; the places of the others then count as they are.
        let posed = poses.len() >= 2;
        if posed {
            note(
                "pictures without a computed pose take theirs from their neighbours",
                (shots.len() - poses.len()) as u64,
            );
            recording.poses = order::rising(poses, |p| p.t.unwrap_or_default(), &self.root, quarantine);
        }
        let mount = Pose::flu_se3_rdf();
        let channels = channels(&shots, self.options.channel.as_deref().unwrap_or("camera"));
        for (channel, members) in &channels {
            let camera = typical(members.iter().filter_map(|&i| shots[i].camera.as_ref()));
            let sensor = Sensor {
                channel: channel.clone(),
                modality: Some(Modality::Camera),
                camera,
                ego_se3_sensor: posed.then_some(mount),
            };
            recording.sensors.push(sensor);
            recording.clocks.push(Clock { sensor: channel.clone(), scale: ClockScale::Utc });
            for &i in members {
                let Shot { entity, frame, is_raw, .. } = &shots[i];
                recording.frames.push(FrameRecord {
                    channel: channel.clone(),
                    t: entity.t,
                    geotag: shots[i].geotag(),
                    orientation: if *is_raw { entity.orientation } else { 1 },
                    intrinsics: None,
                    ..frame.clone()
                });
            }
        }
        if posed {
            recording.clocks.push(Clock { sensor: "poses".to_string(), scale: ClockScale::Utc });
        }
        recording.frames.sort_by(|a, b| (&a.channel, a.t, &a.stem).cmp(&(&b.channel, b.t, &b.stem)));
        let used: BTreeSet<usize> = shots.iter().map(|s| s.file).collect();
        recording.sources.extend(used.into_iter().map(|index| SourceRef {
            path: self.json[index].relative.as_str().into(),
            record: None,
            license: license.clone(),
        }));
        recording
    }
}

impl Shot {
    /// `enu_r_camera` of the upright picture, the axes being those at its place.
    fn upright(&self) -> Option<UnitQuaternion<f64>> {
        Some(self.entity.rotation?.inverse() * exif_turn(self.entity.orientation).rotation.inverse())
    }

    /// The pose of the ego, where structure from motion gave one and the time is known.
    fn pose(&self) -> Option<PoseFix> {
        let (t, place, upright) = (self.entity.t?, self.entity.computed?, self.upright()?);
        let rdf_r_flu = Pose::flu_se3_rdf().inverse().rotation;
        Some(PoseFix { t: Some(t), place: with_height(place), rotation: upright * rdf_r_flu })
    }

    fn geotag(&self) -> Option<GeoTag> {
        let place = self.entity.place()?;
        let rotated = self.upright().filter(|_| self.entity.computed.is_some()).and_then(|r| Tilt::of(&r));
        Some(GeoTag {
            place: with_height(place),
            has_height: place.height_m.is_finite(),
            heading_deg: (rotated.map(|(heading, _)| heading))
                .or(self.entity.computed_compass_deg)
                .or(self.entity.compass_deg),
            heading_sigma_deg: rotated.map(|_| MOTION_HEADING_DEG),
            tilt: rotated.map(|(_, tilt)| tilt),
            sigma_xy_m: None,
        })
    }
}

fn with_height(place: Geodetic) -> Geodetic {
    Geodetic { height_m: if place.height_m.is_finite() { place.height_m } else { 0.0 }, ..place }
}

fn apart_m(a: Geodetic, b: Geodetic) -> f64 {
    EnuFrame::new(Geodetic { height_m: 0.0, ..a }).to_enu(Geodetic { height_m: 0.0, ..b }).norm()
}

/// The values of a file that may be entities, and by line what is no JSON.
fn values(bytes: &[u8]) -> (Vec<Value>, Vec<(u64, String)>) {
    match serde_json::from_slice::<Value>(bytes) {
        Ok(Value::Array(list)) => (list, Vec::new()),
        Ok(Value::Object(mut object)) => match object.remove("data") {
            Some(Value::Array(list)) => (list, Vec::new()),
            _ if object.contains_key("id") => (vec![Value::Object(object)], Vec::new()),
            // By id, as some tools keep them; other objects are none of ours.
            _ => (object.into_iter().map(|(_, v)| v).filter(|v| v.get("id").is_some()).collect(), Vec::new()),
        },
        Ok(_) => (Vec::new(), vec![(1, "neither an object nor a list".to_string())]),
        Err(whole) => {
            let lines = || bytes.split(|b| *b == b'\n').zip(1..).filter(|(line, _)| !line.trim_ascii().is_empty());
            let first = lines().next().is_some_and(|(line, _)| serde_json::from_slice::<Value>(line).is_ok());
            if !first || lines().nth(1).is_none() {
                return (Vec::new(), vec![(whole.line() as u64, whole.to_string())]);
            }
            let (mut values, mut broken) = (Vec::new(), Vec::new());
            for (line, number) in lines() {
                match serde_json::from_slice(line) {
                    Ok(value) => values.push(value),
                    Err(error) => broken.push((number, error.to_string())),
                }
            }
            (values, broken)
        }
    }
}

/// Whether the pixels of a picture lie as the sensor gave them, or upright; `None` where its sides fit neither.
fn lies_raw(entity: &Entity, frame: &FrameRecord) -> Option<bool> {
    let (Some(width), Some(height)) = (frame.width, frame.height) else { return Some(true) };
    let fits = |[w, h]: [u32; 2]| {
        let scale = f64::from(width) / f64::from(w);
        (scale * f64::from(h) - f64::from(height)).abs() <= (ASPECT * f64::from(height)).max(1.0)
    };
    let turned = entity.orientation >= 5;
    match entity.size {
        Some([w, h]) => match (fits([w, h]), fits([h, w])) {
            (_, true) if turned && frame.orientation != entity.orientation => Some(false),
            (true, _) if turned => Some(true),
            (true, _) => Some(entity.orientation == 1 || frame.orientation == entity.orientation),
            _ => None,
        },
        None => Some(entity.orientation == 1 || frame.orientation == entity.orientation),
    }
}

/// The camera of a picture in its own pixels; `None` where the entity has no parameters.
///
/// # Errors
///
/// Why there is none though the entity says something.
fn camera(entity: &Entity, frame: &FrameRecord) -> std::result::Result<Option<CameraIntrinsics>, String> {
    let (Some(width), Some(height)) = (frame.width, frame.height) else { return Ok(None) };
    let Some(kind) = entity.camera_type.as_deref() else { return Ok(None) };
    if matches!(kind, "spherical" | "equirectangular") {
        if f64::from(width) / f64::from(height) != 2.0 && (f64::from(width) - 2.0 * f64::from(height)).abs() > 2.0 {
            return Err("a panorama that is not 2:1".to_string());
        }
        let model = CameraModelKind::Equirectangular;
        return Ok(Some(CameraIntrinsics { model, width, height, intrinsics: vec![], distortion: vec![] }));
    }
    let &[focal, k1, k2] = entity.parameters.as_slice() else {
        return match entity.parameters.len() {
            0 => Ok(None),
            n => Err(format!("a camera of type `{kind}` with {n} parameters")),
        };
    };
    let model = CameraModel::radial(kind, [width, height], focal, [k1, k2]);
    model.intrinsics().map(Some).map_err(|kind| kind.to_string())
}

/// Pictures by channel: those of one make, type, size and way of lying see alike.
fn channels(shots: &[Shot], name: &str) -> Vec<(String, Vec<usize>)> {
    let mut groups: BTreeMap<_, Vec<usize>> = BTreeMap::new();
    for (i, Shot { entity, frame, is_raw, .. }) in shots.iter().enumerate() {
        let lies = if *is_raw { entity.orientation } else { 1 };
        let key = (entity.maker.as_str(), entity.camera_type.as_deref(), frame.width, frame.height, lies);
        groups.entry(key).or_default().push(i);
    }
    // The one with the most pictures has the plain name.
    let mut groups: Vec<Vec<usize>> = groups.into_values().collect();
    groups.sort_by_key(|members| (std::cmp::Reverse(members.len()), members.first().copied()));
    let channel = |n: usize| if n == 0 { name.to_string() } else { format!("{name}-{}", n + 1) };
    groups.into_iter().enumerate().map(|(n, members)| (channel(n), members)).collect()
}

/// The camera of middle focal length: every reconstruction finds another for the same lens, all close together.
fn typical<'a>(cameras: impl Iterator<Item = &'a CameraIntrinsics>) -> Option<CameraIntrinsics> {
    let focal = |c: &CameraIntrinsics| c.intrinsics.first().copied().unwrap_or_default();
    let mut all: Vec<&CameraIntrinsics> = cameras.collect();
    all.sort_by(|a, b| focal(a).total_cmp(&focal(b)));
    all.get(all.len() / 2).map(|c| (*c).clone())
}

/// Spreads pictures that share a time evenly up to the next one; returns how many were moved.
///
/// Clocks of cameras that write whole seconds give several pictures one time; they come in the order of ids.
fn spread(shots: &mut [Shot]) -> u64 {
    let times: Vec<Option<Timestamp>> = shots.iter().map(|s| s.entity.t).collect();
    let (mut first, mut moved) = (0, 0);
    while first < times.len() {
        let same = times[first..].iter().take_while(|t| **t == times[first]).count();
        if let (Some(t), true) = (times[first], same > 1) {
            let next = times.get(first + same).copied().flatten().map_or(SECOND_NS, |next| next.ns() - t.ns());
            let step = next.min(SECOND_NS) / same as i64;
            for (k, shot) in shots[first..first + same].iter_mut().enumerate().skip(1) {
                shot.entity.t = t.checked_add_ns(step * k as i64);
                moved += 1;
            }
        }
        first += same;
    }
    moved
}
