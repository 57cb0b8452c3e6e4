//! [`Scene`]: the pictures of one recording that any exported sample shows, each once, for tools that rebuild a place.

use std::collections::{BTreeMap, BTreeSet};

use super::crew::each;
use super::cuts::cuts_deg;
use super::job::{Job, Shot, Still, file_name, stem};
use super::view::Wish;
use super::{Skip, job};
use crate::coord::CameraIntrinsics;
use crate::dataset::rows::FrameRow;
use crate::error::Result;

/// A picture of a scene, and the names it goes by.
#[derive(Debug, Clone)]
pub struct SceneStill {
    /// The picture.
    pub still: Still,
    /// Its camera: the channel, and for cuts of panoramas which of them.
    pub camera: String,
    /// `CAMERA/STEM`.
    pub name: String,
}

/// The pictures of one recording.
#[derive(Debug, Clone)]
pub struct Scene {
    /// Its recording.
    pub recording_id: String,
    /// By camera, then by time or place.
    pub stills: Vec<SceneStill>,
}

/// The pictures of a shot: what a scene is gathered from.
///
/// # Errors
///
/// [`Skip::LeftOut`] where the camera is not calibrated or its pose unknown.
pub fn frames(job: &Job<'_>, shot: &Shot<'_>) -> Result<Vec<FrameRow>, Skip> {
    let frames: Vec<FrameRow> = job.dataset.pictures(shot.sample, shot.channel)?.into_iter().flatten().collect();
    match frames.first().map(|f| job.dataset.posed(f)).transpose()?.flatten() {
        Some(_) => Ok(frames),
        None => Err(Skip::because("a camera without calibration, or whose pose is unknown")),
    }
}

/// Gathers the pictures of all shots by recording, each once; panoramas are cut into four pinholes all around, parts of them
/// into as many as there is room for, and lenses that `keeps` does not know are undistorted.
///
/// # Errors
///
/// As [`Job::still`].
pub fn scenes(job: &Job<'_>, shots: &[Vec<FrameRow>], keeps: impl Fn(&CameraIntrinsics) -> bool) -> Result<Vec<Scene>> {
    let mut by_recording: BTreeMap<String, BTreeMap<(String, i64, String), FrameRow>> = BTreeMap::new();
    for frame in shots.iter().flatten() {
        let millimetres = frame.s_m.map_or(0, |s| (s * 1000.0) as i64);
        let key = (frame.channel.clone(), frame.t_ns.unwrap_or(millimetres), frame.frame_id.clone());
        by_recording.entry(frame.recording_id.clone()).or_default().insert(key, frame.clone());
    }
    let mut scenes = Vec::new();
    for (recording_id, frames) in by_recording {
        let mut stills = Vec::new();
        for frame in frames.into_values() {
            let Some(posed) = job.dataset.posed(&frame)? else {
                job.leave_out("pictures whose pose is unknown", 1);
                continue;
            };
            let panorama = posed.camera.is_panorama();
            let distorted = !panorama && keeps(posed.camera.intrinsics());
            let cuts = if panorama { cuts_deg(&posed.camera) } else { vec![0.0] };
            for yaw_deg in cuts {
                let wish = Wish { size: job.size, distorted, yaw_deg, ..Wish::default() };
                let Some(still) = job.still(frame.clone(), wish)? else { continue };
                let channel = file_name(&frame.channel);
                let camera = if panorama { format!("{channel}-{}", libm::round(yaw_deg) + 0.0) } else { channel };
                let name = format!("{camera}/{}", stem(&frame));
                stills.push(SceneStill { still, camera, name });
            }
        }
        stills.sort_by(|a, b| a.camera.cmp(&b.camera));
        scenes.push(Scene { recording_id, stills });
    }
    Ok(scenes)
}

/// How many shots have one of the pictures with these ids.
pub fn count_with(shots: &[Vec<FrameRow>], frame_ids: &BTreeSet<String>) -> u64 {
    shots.iter().filter(|frames| frames.iter().any(|f| frame_ids.contains(&f.frame_id))).count() as u64
}

impl Scene {
    /// The ids of its pictures.
    pub fn frame_ids(&self) -> impl Iterator<Item = String> {
        self.stills.iter().map(|s| s.still.frame.frame_id.clone())
    }

    /// The folder that it is written into.
    pub fn folder(&self) -> String {
        file_name(&self.recording_id)
    }

    /// Its cameras, by name, each with one of its pictures.
    pub fn cameras(&self) -> BTreeMap<&str, &Still> {
        self.stills.iter().map(|s| (s.camera.as_str(), &s.still)).collect()
    }

    /// Writes the pictures as `FOLDER/images/NAME.jpg`.
    ///
    /// # Errors
    ///
    /// As [`Job::jpeg`] and [`Job::write`].
    pub fn write_pictures(&self, job: &Job<'_>) -> Result<()> {
        let folder = self.folder();
        for batch in self.stills.chunks(256) {
            job.check_stop()?;
            let write = |s: &SceneStill| job.write(&format!("{folder}/images/{}.jpg", s.name), &job.jpeg(&s.still)?);
            each(batch, write).into_iter().collect::<Result<()>>()?;
        }
        Ok(())
    }

    /// Writes the masks of the pictures that have one, as `FOLDER/masks/NAME` with this ending; which have.
    ///
    /// # Errors
    ///
    /// As [`Job::mask`] and [`Job::write`].
    pub fn write_masks(&self, job: &Job<'_>, ending: &str) -> Result<Vec<bool>> {
        let write = |s: &SceneStill| -> Result<bool> {
            let Some(mask) = job.mask(&s.still)? else { return Ok(false) };
            job.write(&self.mask_path(s, ending), &mask)?;
            Ok(true)
        };
        let mut masked = Vec::with_capacity(self.stills.len());
        for batch in self.stills.chunks(256) {
            job.check_stop()?;
            masked.extend(each(batch, write).into_iter().collect::<Result<Vec<bool>>>()?);
        }
        Ok(masked)
    }

    /// Where a picture's mask lies.
    pub fn mask_path(&self, s: &SceneStill, ending: &str) -> String {
        format!("{}/masks/{}{ending}", self.folder(), s.name)
    }

    /// The recording's origin, for the folder's own `scene.json`.
    ///
    /// # Errors
    ///
    /// As [`crate::dataset::Dataset::recording`], and where the folder cannot be written.
    pub fn write_place(&self, job: &Job<'_>) -> Result<()> {
        let recording = job.dataset.recording(&self.recording_id)?;
        let place = serde_json::json!({
            "recording_id": self.recording_id,
            "origin_lon": recording.origin.lon_deg,
            "origin_lat": recording.origin.lat_deg,
            "origin_height_m": recording.origin.height_m,
            "world": "ENU metres at the origin: x east, y north, z up",
            "license": recording.license,
        });
        job.write(&format!("{}/scene.json", self.folder()), &job::json(&place)?)
    }
}
