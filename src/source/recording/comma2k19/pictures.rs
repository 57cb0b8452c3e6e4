//! The pictures of a segment's video.

use std::path::Path;
use std::sync::Arc;

use crate::coord::{CameraIntrinsics, CameraModelKind, Pose};
use crate::error::{Location, Quarantine};
use crate::record::{FrameFormat, FrameRecord, MediaRef, Modality, Sensor, SourceRef, VideoPicture, VideoStretch};
use crate::source::Limits;

use super::super::video;
use super::streams::{BootClock, NO_TIME, Segment};
use super::{Remarks, note};

/// The channel of the camera behind the windscreen.
pub(super) const CHANNEL: &str = "front";
/// The video, in the folder of its segment.
pub(super) const VIDEO: &str = "video.hevc";
/// Width, height and focal length of the phone's video in pixels; openpilot, `common/transformations/camera.py`.
const EON: (u32, u32, f64) = (1164, 874, 910.0);

/// Where a segment's video is.
pub(super) struct Video<'a> {
    /// The segment's folder.
    pub folder: &'a Path,
    /// Its path from the source's root, with a trailing `/`; empty for the root itself.
    pub prefix: &'a str,
    /// SPDX licence.
    pub license: &'a Arc<str>,
    /// What is accepted.
    pub limits: &'a Limits,
}

/// The pictures of a segment's video at the times of `frame_times`; a video that is missing has none, and what one that is
/// broken lacks goes to `quarantine`.
pub(super) fn frames(
    video: &Video<'_>,
    segment: &Segment,
    clock: &BootClock,
    remarks: &mut Remarks,
    quarantine: &mut Quarantine,
) -> Vec<FrameRecord> {
    let path = video.folder.join(VIDEO);
    if !path.is_file() {
        return Vec::new();
    }
    if segment.frame_times.is_empty() {
        note(remarks, "video.hevc is left out: global_pose/frame_times, which would say when, is not there");
        return Vec::new();
    }
    let (stretches, headless) = match video::stretches(&path, video.limits) {
        Ok(found) => found,
        Err(kind) => {
            quarantine.refuse(&Location::file(&path), kind);
            return Vec::new();
        }
    };
    for number in 0..headless {
        quarantine.refuse(&Location::record(&path, number), "it needs a key frame before it, which is not there");
    }
    let shown = stretches.last().map_or(0, |last| last.first + last.pictures);
    let timed = segment.frame_times.len() as u64;
    for number in timed..shown {
        quarantine.refuse(&Location::record(&path, number), "frame_times ends before this picture");
    }
    if shown < timed {
        note(remarks, "video.hevc ends before frame_times does");
    }
    let source: Arc<str> = format!("{}{VIDEO}", video.prefix).into();
    let name = super::folder::folder_name(video.folder);
    let mut frames = Vec::with_capacity(usize::try_from(shown).unwrap_or(0).min(segment.frame_times.len()));
    for (stretch, index) in stretches.iter().flat_map(|s| (0..s.pictures).map(move |index| (s, index))) {
        let number = stretch.first + index;
        let boot_s = usize::try_from(number).ok().and_then(|i| segment.frame_times.get(i));
        let Some(&boot_s) = boot_s else { break };
        let Some(t) = clock.time(boot_s) else {
            quarantine.refuse(&Location::record(&path, number), NO_TIME);
            continue;
        };
        let media = MediaRef::Video(VideoPicture { stretch: stretch.clone(), index });
        let source = SourceRef { path: source.clone(), record: Some(number), license: video.license.clone() };
        frames.push(FrameRecord {
            channel: CHANNEL.to_string(),
            t: Some(t),
            stem: format!("{name}-{number:04}"),
            width: Some(stretch.width),
            height: Some(stretch.height),
            ..FrameRecord::of_bytes(media, decoded_bytes(stretch), FrameFormat::Png, source)
        });
    }
    frames
}

/// Bytes of a decoded picture: how much reading it takes.
fn decoded_bytes(stretch: &VideoStretch) -> u64 {
    3 * u64::from(stretch.width) * u64::from(stretch.height)
}

/// The camera, where there are pictures. One that does not give the phone's usual size has no intrinsics.
pub(super) fn sensor(frames: &[FrameRecord]) -> Option<Sensor> {
    let first = frames.first()?;
    let (width, height, focal) = EON;
    let known = frames.iter().all(|f| (f.width, f.height) == (Some(width), Some(height)));
    Some(Sensor {
        channel: first.channel.clone(),
        modality: Some(Modality::Camera),
        camera: known.then(|| CameraIntrinsics {
            model: CameraModelKind::Pinhole,
            width,
            height,
            // The principal point is the middle of the picture: its first pixel's centre is (0, 0).
            intrinsics: vec![focal, focal, f64::from(width - 1) / 2.0, f64::from(height - 1) / 2.0],
            distortion: Vec::new(),
        }),
        ego_se3_sensor: Some(Pose::flu_se3_rdf()),
    })
}
