//! [`Job`]: what all sinks share: the data set, the folder, cameras as consumers see them, and what is told at the end.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use image::{ExtendedColorType, RgbImage};
use ndarray::Array2;

use super::card::{Card, EXPORT, Summary};
use super::view::{View, Wish};
use super::{ExportOptions, Exported, Skip};
use crate::coord::Pose;
use crate::dataset::Dataset;
use crate::dataset::ground::calibration;
use crate::dataset::rows::FrameRow;
use crate::dataset::unit::list_files;
use crate::error::{ErrorKind, Result};
use crate::record::Modality;
use crate::sample::SampleRow;
use crate::source::recording::picture::encode_png;

/// Quality of JPEG pictures that are not copied.
const JPEG_QUALITY: u8 = 95;

/// A sample and one of its cameras.
#[derive(Debug, Clone, Copy)]
pub struct Shot<'a> {
    /// The sample.
    pub sample: &'a SampleRow,
    /// Channel of the camera.
    pub channel: &'a str,
}

impl Shot<'_> {
    /// `SAMPLE-CHANNEL`, of letters that file names may have.
    pub fn name(&self) -> String {
        format!("{}-{}", self.sample.sample_id, file_name(self.channel))
    }

    /// Ticks a second; `None` without a clock or with one tick.
    pub fn rate_hz(&self) -> Option<f64> {
        let times = self.sample.pose_t_ns.as_ref()?;
        let steps = times.len().checked_sub(1).filter(|n| *n > 0)?;
        let span = (times[steps] - times[0]) as f64 / 1e9;
        (span > 0.0).then(|| steps as f64 / span)
    }
}

/// A picture of a shot and where it was taken.
#[derive(Debug, Clone)]
pub struct Still {
    /// Index of its tick.
    pub tick: usize,
    /// The stored picture.
    pub frame: FrameRow,
    /// How the consumer sees it.
    pub view: Arc<View>,
    /// Where the consumer's camera is, in the ENU frame of its recording.
    pub world_se3_camera: Pose,
}

/// What sinks work with.
pub struct Job<'a> {
    /// The data set that is exported.
    pub dataset: &'a Dataset,
    /// Width and height that were asked for.
    pub size: Option<[u32; 2]>,
    cameras: &'a [String],
    folder: PathBuf,
    stop: &'a AtomicBool,
    views: Mutex<BTreeMap<(String, String, String), Arc<View>>>,
    told: Mutex<Told>,
}

#[derive(Default)]
struct Told {
    left_out: BTreeMap<String, u64>,
    notes: BTreeMap<String, u64>,
    /// How many views the pictures of a camera and recording have, and what was done to them.
    views: BTreeMap<(String, String), (u64, BTreeSet<String>)>,
    licenses: BTreeSet<String>,
    attributions: BTreeSet<String>,
    /// Files that several shots share and that one has written.
    written: BTreeSet<String>,
}

impl<'a> Job<'a> {
    pub(super) fn new(
        dataset: &'a Dataset,
        options: &'a ExportOptions,
        folder: PathBuf,
        stop: &'a AtomicBool,
    ) -> Job<'a> {
        let (size, cameras) = (options.size, options.cameras.as_slice());
        Job { dataset, size, cameras, folder, stop, views: Mutex::default(), told: Mutex::default() }
    }

    /// The cameras of a sample that are exported, by name.
    ///
    /// # Errors
    ///
    /// As [`Dataset::recording`].
    pub fn shots<'s>(&self, sample: &'s SampleRow) -> Result<Vec<Shot<'s>>> {
        let camera = Modality::Camera.name();
        let seen = sample.frames.iter().filter(|f| f.modality == camera).map(|f| f.channel.as_str());
        let channels: BTreeSet<&str> = seen.collect();
        let wanted: Vec<&str> = if self.cameras.is_empty() {
            let recording = self.dataset.recording(&sample.recording_id)?;
            let panorama = |channel: &&str| calibration(recording, channel).is_some_and(|c| c.model.is_panorama());
            let (panoramas, others): (Vec<_>, Vec<_>) = channels.into_iter().partition(panorama);
            if others.is_empty() { panoramas } else { others }
        } else {
            channels.into_iter().filter(|c| self.cameras.iter().any(|wanted| wanted == c)).collect()
        };
        Ok(wanted.into_iter().map(|channel| Shot { sample, channel }).collect())
    }

    /// The pictures of a shot at some of its ticks, all of them.
    ///
    /// # Errors
    ///
    /// [`Skip::LeftOut`] where a tick has no picture, or the camera is not calibrated or has no pose.
    pub fn stills(&self, shot: &Shot<'_>, wish: Wish, ticks: &[usize]) -> Result<Vec<Still>, Skip> {
        let pictures = self.dataset.pictures(shot.sample, shot.channel)?;
        let mut stills = Vec::with_capacity(ticks.len());
        for &tick in ticks {
            let Some(frame) = pictures.get(tick).cloned().flatten() else {
                return Err(Skip::because("a tick without a picture of the camera"));
            };
            let Some(mut still) = self.still(frame, wish)? else {
                return Err(Skip::because("a camera without calibration, or whose pose is unknown"));
            };
            still.tick = tick;
            stills.push(still);
        }
        Ok(stills)
    }

    /// A picture as a consumer gets it; `None` where its camera is not calibrated or its pose unknown, and where no pinhole
    /// can be made of it, which is told.
    ///
    /// # Errors
    ///
    /// As [`Dataset::posed`] and [`View::new`].
    pub fn still(&self, frame: FrameRow, wish: Wish) -> Result<Option<Still>> {
        let Some(posed) = self.dataset.posed(&frame)? else { return Ok(None) };
        let key = (frame.recording_id.clone(), frame.channel.clone(), format!("{wish:?}"));
        let known = self.views.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        let view = match known {
            Some(view) => view,
            None => {
                // No lock is held meanwhile: it uses the pool of threads.
                let view = match View::new(&posed.camera, wish) {
                    Ok(view) => Arc::new(view),
                    Err(e) if matches!(e.kind(), ErrorKind::Malformed { .. }) => {
                        let (channel, recording) = (&frame.channel, &frame.recording_id);
                        self.leave_out(format!("pictures of camera `{channel}` of {recording}: {e}"), 1);
                        return Ok(None);
                    }
                    Err(e) => return Err(e),
                };
                let mut views = self.views.lock().unwrap_or_else(PoisonError::into_inner);
                let first = !views.contains_key(&key);
                let view = Arc::clone(views.entry(key).or_insert(view));
                if first {
                    self.tell_change(&frame, &view);
                }
                view
            }
        };
        let world_se3_camera = view.pose(&posed.world_se3_camera);
        Ok(Some(Still { tick: 0, frame, view, world_se3_camera }))
    }

    /// Where the ego was when a picture was taken: `world_se3_ego` in the recording's ENU; `None` where the camera's mount
    /// is unknown.
    ///
    /// # Errors
    ///
    /// As [`Dataset::recording`].
    pub fn ego(&self, still: &Still) -> Result<Option<Pose>> {
        let recording = self.dataset.recording(&still.frame.recording_id)?;
        let mount = recording.sensors.iter().find(|s| s.channel == still.frame.channel).and_then(|s| s.ego_se3_sensor);
        let camera = still.frame.pose.and_then(|[x, y, z, q @ ..]| Pose::from_wxyz([x, y, z], q));
        Ok(camera.zip(mount).map(|(camera, mount)| camera * mount.inverse()))
    }

    /// The consumer's picture.
    ///
    /// # Errors
    ///
    /// As [`Dataset::image`] and [`View::picture`].
    pub fn picture(&self, still: &Still) -> Result<RgbImage> {
        still.view.picture(self.dataset.image(&still.frame)?)
    }

    /// The consumer's picture as a JPEG file: the stored bytes where nothing changes them, else quality 95.
    ///
    /// # Errors
    ///
    /// As [`Job::picture`].
    pub fn jpeg(&self, still: &Still) -> Result<Vec<u8>> {
        // A kept orientation tag would turn the picture in some readers, but not its camera.
        let stripped = still.frame.privacy_state == "metadata_stripped";
        if still.view.is_whole() && stripped && still.frame.format == "jpg" {
            return Ok(self.dataset.media_checked(&still.frame)?.to_vec());
        }
        jpeg(&self.picture(still)?)
    }

    /// What of the consumer's picture is to be learned from, as a grey PNG: white, and black where it is to be left out.
    /// `None` where nothing masks the picture.
    ///
    /// # Errors
    ///
    /// As [`Dataset::picture_mask`].
    pub fn mask(&self, still: &Still) -> Result<Option<Vec<u8>>> {
        let mask = self.dataset.picture_mask(&still.frame)?;
        mask.and_then(|mask| self.seen_mask(&still.view, &mask)).map(|mask| keep_png(&mask)).transpose()
    }

    /// A mask of the stored picture in the consumer's; one of another size is left out, since nobody knows what of the
    /// picture it marks.
    pub fn seen_mask(&self, view: &View, mask: &Array2<u8>) -> Option<Array2<u8>> {
        let seen = view.mask(mask);
        if seen.is_none() {
            self.leave_out("masks of another size than their camera's pictures", 1);
        }
        seen
    }

    /// Writes a file of the export; folders on the way are made.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`] where the disk refuses.
    pub fn write(&self, path: &str, bytes: &[u8]) -> Result<()> {
        let path = self.folder.join(path);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|e| ErrorKind::io("create folder", e).in_file(folder))?;
        }
        std::fs::write(&path, bytes).map_err(|e| ErrorKind::io("write", e).in_file(&path))
    }

    /// Writes a file that several shots share, for the first of them.
    ///
    /// # Errors
    ///
    /// As [`Job::write`], and those of making the bytes.
    pub fn write_once(&self, path: &str, bytes: impl FnOnce() -> Result<Vec<u8>>) -> Result<()> {
        if !self.told().written.insert(path.to_string()) {
            return Ok(());
        }
        self.write(path, &bytes()?)
    }

    /// Writes a file of JSON, for people too.
    ///
    /// # Errors
    ///
    /// As [`Job::write`].
    pub fn write_json(&self, path: &str, value: &impl serde::Serialize) -> Result<()> {
        self.write(path, &json(value)?)
    }

    /// Counts what is left out.
    pub fn leave_out(&self, reason: impl Into<String>, count: u64) {
        if count > 0 {
            *self.told().left_out.entry(reason.into()).or_default() += count;
        }
    }

    /// Says once more that something was changed on the way.
    pub fn note(&self, what: impl Into<String>) {
        *self.told().notes.entry(what.into()).or_default() += 1;
    }

    /// Says that pictures of a camera are changed for a view of them. All views of a camera make one note: panoramas that
    /// are cut at many angles would fill the card otherwise.
    fn tell_change(&self, frame: &FrameRow, view: &View) {
        if !view.is_whole() {
            let key = (frame.channel.clone(), frame.recording_id.clone());
            let mut told = self.told();
            let (count, changes) = told.views.entry(key).or_default();
            *count += 1;
            changes.insert(view.told().join(", then "));
        }
    }

    /// What is owed for a sample.
    pub(super) fn owe(&self, sample: &SampleRow) {
        let mut told = self.told();
        told.licenses.extend(sample.licenses.iter().cloned());
        told.attributions.extend(sample.attributions.iter().cloned());
    }

    /// What is owed for a picture beside the samples' own.
    pub fn owe_license(&self, license: &str) {
        self.told().licenses.insert(license.to_string());
    }

    /// # Errors
    ///
    /// [`ErrorKind::Interrupted`] where the user has interrupted the run.
    pub fn check_stop(&self) -> Result<()> {
        match self.stop.load(Ordering::SeqCst) {
            true => Err(ErrorKind::Interrupted.bare()),
            false => Ok(()),
        }
    }

    fn told(&self) -> std::sync::MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes the card and counts the files.
    pub(super) fn finish(self, options: &ExportOptions, clips: u64, card: &Card) -> Result<Exported> {
        let mut told = std::mem::take(&mut *self.told());
        told.notes.extend(changes(std::mem::take(&mut told.views)));
        let samples = options.rows.len() as u64;
        let name = &self.dataset.manifest().name;
        let summary = Summary {
            target: options.target,
            dataset: name,
            samples,
            clips,
            left_out: &told.left_out,
            notes: &told.notes,
            licenses: &told.licenses,
            attributions: &told.attributions,
        };
        let summary = card.summary(&summary);
        self.write("CONVENTIONS.md", card.markdown(&summary).as_bytes())?;
        self.write_json(EXPORT, &summary)?;
        let (mut files, mut bytes) = (0, 0);
        for file in list_files(&self.folder)? {
            let size = std::fs::metadata(&file).map_err(|e| ErrorKind::io("look at", e).in_file(&file))?.len();
            (files, bytes) = (files + 1, bytes + size);
        }
        let out = options.out.clone();
        let Told { left_out, notes, .. } = told;
        Ok(Exported { target: options.target, out, samples, clips, files, bytes, left_out, notes })
    }
}

/// A note for each camera and recording on what was done to its pictures, with the number of its views.
fn changes(views: BTreeMap<(String, String), (u64, BTreeSet<String>)>) -> impl Iterator<Item = (String, u64)> {
    views.into_iter().map(|((channel, recording), (count, changes))| {
        let changes: Vec<String> = changes.into_iter().collect();
        (format!("pictures of `{channel}` of `{recording}`: {}", changes.join("; or ")), count)
    })
}

/// A value as JSON for people and machines, with a line end.
///
/// # Errors
///
/// [`ErrorKind::Io`] for what JSON cannot say.
pub fn json(value: &impl serde::Serialize) -> Result<Vec<u8>> {
    let mut text = serde_json::to_vec_pretty(value).map_err(|e| ErrorKind::io("write JSON", e.into()).bare())?;
    text.push(b'\n');
    Ok(text)
}

/// A picture as a JPEG file of quality 95.
///
/// # Errors
///
/// [`ErrorKind::Malformed`] where it has no pixels.
pub fn jpeg(picture: &RgbImage) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let encoder = image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY);
    picture.write_with_encoder(encoder).map_err(|e| ErrorKind::malformed("picture", e.to_string()).bare())?;
    Ok(bytes)
}

/// A mask (not 0: to be left out) as a grey PNG that is white where the picture is to be learned from, as COLMAP and
/// nerfstudio have it.
///
/// # Errors
///
/// [`ErrorKind::Malformed`] where it has no pixels.
pub fn keep_png(mask: &Array2<u8>) -> Result<Vec<u8>> {
    let (height, width) = mask.dim();
    let keep: Vec<u8> = mask.iter().map(|m| if *m == 0 { 255 } else { 0 }).collect();
    encode_png(&keep, width as u32, height as u32, ExtendedColorType::L8).map_err(ErrorKind::bare)
}

/// A name of letters, digits, `-` and `_`, which every file system takes; other characters become `_`.
pub fn file_name(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' || c == '_' { c } else { '_' }).collect()
}

/// The last part of a frame's id: the picture's own name.
pub fn stem(frame: &FrameRow) -> String {
    let path = Path::new(&frame.frame_id);
    path.file_name().map_or_else(|| file_name(&frame.frame_id), |n| file_name(&n.to_string_lossy()))
}

/// # Errors
///
/// [`ErrorKind::Unknown`] that names a camera which no recording has.
pub(super) fn check_cameras(dataset: &Dataset, cameras: &[String]) -> Result<()> {
    let recordings = dataset.recordings()?;
    let known: BTreeSet<&str> = recordings
        .values()
        .flat_map(|r| &r.sensors)
        .filter(|s| s.modality == Some(Modality::Camera))
        .map(|s| s.channel.as_str())
        .collect();
    match cameras.iter().find(|c| !known.contains(c.as_str())) {
        None => Ok(()),
        Some(camera) => {
            let names: Vec<&str> = known.into_iter().collect();
            let error = ErrorKind::Unknown { what: "camera", name: camera.clone() }.in_file(dataset.dir());
            Err(error.with_hint(format!("cameras: {}", names.join(", "))))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_views_of_a_camera_make_one_note() {
        let key = |recording: &str| ("pano".to_string(), recording.to_string());
        let done = |what: &[&str]| what.iter().map(|w| w.to_string()).collect::<BTreeSet<_>>();
        let views = BTreeMap::from([
            (key("a"), (12, done(&["cut to a pinhole", "cut to a pinhole, then resized"]))),
            (key("b"), (1, done(&["cut to a pinhole"]))),
        ]);
        let notes: Vec<(String, u64)> = changes(views).collect();
        let want = [
            ("pictures of `pano` of `a`: cut to a pinhole; or cut to a pinhole, then resized".to_string(), 12),
            ("pictures of `pano` of `b`: cut to a pinhole".to_string(), 1),
        ];
        assert_eq!(notes, want);
    }
}
