//! `interp`: sparse keyframes of a dense drive with what lies between them, for models that interpolate street view.
//!
//! Keyframes stand still for as many frames as a video autoencoder takes together, so that each has latents of its own.

use serde_json::json;

use super::clip::{Clip, action_conventions};
use super::npz::{Array, to_npz};
use super::video::Video;
use super::view::Wish;
use super::{Card, Job, Shot, Sink, Skip, words};
use crate::error::Result;

/// A keyframe comes when the ego has gone so far since the last, metres: street view has a picture every 5 to 20.
const EVERY_M: f64 = 10.0;
/// How often a keyframe is repeated: frames that the autoencoders of video models take together.
const STRIDE: usize = 4;

/// Folders `SAMPLE-CAMERA/`.
pub(super) struct Interp;

impl Sink for Interp {
    type Made = ();

    fn make(&self, job: &Job<'_>, shot: &Shot<'_>) -> Result<(), Skip> {
        let wish = Wish { size: job.size, even: true, ..Wish::default() };
        let clip = Clip::new(job, shot, wish, 1, usize::MAX)?;
        let s_m = along(&clip);
        let keys = keyframes(&s_m);
        if keys.len() < 2 {
            return Err(Skip::because(format!(
                "a window that moves less than {EVERY_M} m from a keyframe to the next"
            )));
        }
        let folder = shot.name();
        let write = |name: &str, bytes: &[u8]| job.write(&format!("{folder}/{name}"), bytes);
        write("target.mp4", &clip.video(job)?)?;
        let mut frozen = Video::new(clip.size(), clip.fps)?;
        for &key in &keys {
            let picture = job.picture(&clip.stills[key])?;
            for _ in 0..STRIDE {
                frozen.push(&picture)?;
            }
        }
        write("frozen.mp4", &frozen.finish()?)?;
        let keep = (0..keys.len() * STRIDE).map(|i| i % STRIDE == 0);
        write("keep.npy", &Array::bool(&[keys.len() * STRIDE], keep).to_npy())?;
        write("cameras.npz", &to_npz(&clip.camera_arrays(job, &shot.sample.recording_id)?))?;
        write("actions.npz", &to_npz(&clip.action_arrays()))?;
        let keys: Vec<_> = keys.iter().map(|&frame| json!({ "frame": frame, "s_m": s_m[frame] })).collect();
        job.write_json(&format!("{folder}/keyframes.json"), &keys)?;
        let caption = json!({ "caption_json": words::structured(shot, &clip), "caption": words::dense(shot, &clip) });
        job.write_json(&format!("{folder}/caption.json"), &caption)?;
        Ok(())
    }

    fn finish(&self, _: &Job<'_>, made: Vec<()>) -> Result<(u64, Card)> {
        let card = Card::new(
            "Dense drives with the keyframes that street view would have of them: to learn what lies between.",
        )
        .file("SAMPLE-CAMERA/target.mp4", "the dense video: T frames, H.264, BT.601 limited range")
        .file("…/keyframes.json", "frame (of target.mp4) and s_m (metres since its first frame) of each keyframe")
        .file("…/frozen.mp4", "each keyframe four times")
        .file("…/keep.npy", "bool, a value a frame of frozen.mp4: those that are left when the repeats are dropped")
        .file("…/cameras.npz, …/actions.npz, …/caption.json", "as in the refset export")
        .convention("keyframes", "the first frame, then whenever the ego has gone 10 m since the last")
        .convention("camera axes", "OpenCV: x right, y down, z forward; c2w is camera to the recording's ENU")
        .convention("masks", "none: the format has no place for them, and what moves is in the pictures")
        .convention("pixels", "the centre of the top-left pixel is (0, 0)");
        let card = action_conventions().into_iter().fold(card, |card, (what, holds)| card.convention(what, holds));
        Ok((made.len() as u64, card))
    }
}

/// Metres that the ego went since the first picture, at each.
fn along(clip: &Clip) -> Vec<f64> {
    let mut s_m = vec![0.0];
    for pair in clip.ego.windows(2) {
        s_m.push(s_m[s_m.len() - 1] + (pair[1].translation - pair[0].translation).norm());
    }
    s_m
}

fn keyframes(s_m: &[f64]) -> Vec<usize> {
    let mut keys = vec![0];
    for (i, s) in s_m.iter().enumerate() {
        if s - s_m[keys[keys.len() - 1]] >= EVERY_M {
            keys.push(i);
        }
    }
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keyframes_come_when_ten_metres_are_gone() {
        let s_m: Vec<f64> = (0..20).map(|i| f64::from(i) * 3.0).collect();
        assert_eq!(keyframes(&s_m), [0, 4, 8, 12, 16]);
        assert_eq!(keyframes(&[0.0, 0.1, 0.2]), [0]);
    }
}
