//! `cosmos`: what NVIDIA's cosmos-framework fine-tunes Cosmos 3 on: a JSONL of videos with structured captions, and the
//! camera's steps as actions.
//!
//! Source: cosmos-framework, `docs/dataset_jsonl.md`, `sft_dataset.py` (what it drops), `pose_utils.py` (steps),
//! `inputs/omni/action_*_av.json` (the spec), August 2026.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::actions::{Relative, se3_steps};
use super::clip::Clip;
use super::statistics::statistics;
use super::view::Wish;
use super::{Card, Job, Shot, Sink, Skip, words};
use crate::error::Result;
use crate::sample::Split;

/// The loader drops longer videos, seconds.
const LONGEST_S: f64 = 61.0;
/// The loader drops windows of fewer frames, whatever the recipe asks for.
const FEWEST_FRAMES: usize = 61;
/// Frames that the loader's own default takes of a window.
const USUAL_FRAMES: usize = 93;
/// The loader cuts to 4 n + 1 frames.
const FRAMES_STEP: usize = 4;
/// Rates that the model knows, frames a second.
const RATES: [f64; 4] = [10.0, 16.0, 24.0, 30.0];
/// Domains of actions, and what translations are multiplied by in each: NVIDIA's own driving example has 1.35.
const DOMAINS: [(&str, f64); 2] = [("av", 1.35), ("camera_pose", 1.0)];

/// Folders `SPLIT/{video_dataset_file.jsonl,videos,actions,specs}`.
pub(super) struct Cosmos;

/// What the end needs of a clip.
pub(super) struct Made {
    split: Split,
    line: Value,
    steps: Vec<[f64; 9]>,
}

impl Sink for Cosmos {
    type Made = Made;

    fn make(&self, job: &Job<'_>, shot: &Shot<'_>) -> Result<Made, Skip> {
        let split = match shot.sample.split {
            Split::Buffer => return Err(Skip::because("a sample in the border between splits")),
            Split::None => Split::Train,
            split => split,
        };
        let ticks = shot.sample.pose_s_m.len();
        if ticks < FEWEST_FRAMES {
            return Err(Skip::because(format!(
                "a window of fewer than {FEWEST_FRAMES} frames, which its loader drops: make windows longer \
                 ([sample] past_s, future_s, rate_hz)"
            )));
        }
        let wish = Wish { size: job.size, even: true, ..Wish::default() };
        let clip = Clip::new(job, shot, wish, 1, usize::MAX)?;
        if clip.duration_s() > LONGEST_S {
            return Err(Skip::because(format!("a video longer than {LONGEST_S} s, which its loader drops")));
        }
        if clip.frames() < USUAL_FRAMES {
            job.note(format!("clips of fewer than {USUAL_FRAMES} frames: pass num_video_frames=-1, or at most theirs"));
        }
        if clip.frames() % FRAMES_STEP != 1 {
            job.note("clips that its loader shortens to 4 n + 1 frames");
        }
        if !RATES.iter().any(|rate| (rate - clip.fps).abs() < 0.01) {
            job.note(format!("clips at {:.3} frames a second: the model knows 10, 16, 24 and 30", clip.fps));
        }
        let (name, folder) = (shot.name(), split.name());
        job.write(&format!("{folder}/videos/{name}.mp4"), &clip.video(job)?)?;
        let steps = se3_steps(&clip.cameras(), Relative::Previous, 1.0);
        let dense = words::dense(shot, &clip);
        for (domain, scale) in DOMAINS {
            let rows: Vec<[f64; 9]> = steps.iter().map(|step| scaled(step, scale)).collect();
            job.write_json(&format!("{folder}/actions/{name}.{domain}.json"), &rows)?;
            for mode in ["forward_dynamics", "inverse_dynamics", "wam"] {
                let spec = spec(&name, domain, mode, &clip, &dense);
                job.write_json(&format!("{folder}/specs/{name}.{domain}.{mode}.json"), &spec)?;
            }
        }
        let [width, height] = clip.size();
        let line = json!({
            "uuid": name,
            "duration": clip.duration_s(),
            "width": width,
            "height": height,
            "nb_frames": clip.frames(),
            "framerate": words::whole(clip.fps),
            "vision_path": format!("videos/{name}.mp4"),
            "t2w_windows": [{
                "start_frame": 0,
                "end_frame": clip.frames() - 1,
                "temporal_interval": 1,
                "caption_json": words::structured(shot, &clip),
                "caption": dense,
            }],
        });
        Ok(Made { split, line, steps })
    }

    fn finish(&self, job: &Job<'_>, made: Vec<Made>) -> Result<(u64, Card)> {
        let mut lines: BTreeMap<&str, String> = BTreeMap::new();
        for clip in &made {
            let text = lines.entry(clip.split.name()).or_default();
            text.push_str(&clip.line.to_string());
            text.push('\n');
        }
        for (split, text) in lines {
            job.write(&format!("{split}/video_dataset_file.jsonl"), text.as_bytes())?;
        }
        // Of the training split alone: the others must not leak into what it is normalised with.
        let train: Vec<[f64; 9]> =
            made.iter().filter(|m| m.split == Split::Train).flat_map(|m| m.steps.iter().copied()).collect();
        for (domain, scale) in DOMAINS {
            let rows: Vec<[f64; 9]> = train.iter().map(|step| scaled(step, scale)).collect();
            match statistics(&rows) {
                Some(found) => job.write_json(&format!("statistics.{domain}.json"), &found)?,
                None => job.note("no action statistics: no clip is in the training split"),
            }
        }
        let card = Card::new(
            "Videos, structured captions and actions for fine-tuning NVIDIA Cosmos 3 with cosmos-framework.",
        )
        .file("SPLIT/video_dataset_file.jsonl", "a line a clip; paths relative to the file")
        .file("SPLIT/videos/*.mp4", "H.264, BT.601 limited range")
        .file("SPLIT/actions/*.{av,camera_pose}.json", "T − 1 rows of 9 numbers")
        .file("SPLIT/specs/*.json", "inference arguments of forward_dynamics, inverse_dynamics and wam")
        .file("statistics.{av,camera_pose}.json", "mean, std, min, max, q01, q99 of the actions of the train split")
        .convention("masks", "none: the format has no place for them, and what moves is in the pictures")
        .convention("camera axes", "OpenCV: x right, y down, z forward")
        .convention(
            "actions",
            "translation, then the first and second column of the rotation of T_i⁻¹ T_(i+1), T camera to world",
        )
        .convention(
            "actions' translations",
            "metres × 1.35 for domain av, as in NVIDIA's example; metres for camera_pose",
        )
        .convention(
            "captions",
            "caption_json is what map and trajectory tell; subjects are empty, since neither tells them",
        )
        .reader(
            "drops videos longer than 61 s and windows of fewer than max(61, num_video_frames) frames: left out here",
        )
        .reader("cuts videos to 4 n + 1 frames from their start, and crops to its bucket of aspects around the middle")
        .reader("cuts captions to 1,024 tokens; these have fewer than 300 words")
        .fact("translation_scale", json!(DOMAINS.into_iter().collect::<BTreeMap<_, _>>()));
        Ok((made.len() as u64, card))
    }
}

fn scaled(step: &[f64; 9], scale: f64) -> [f64; 9] {
    std::array::from_fn(|i| if i < 3 { step[i] * scale } else { step[i] })
}

/// What cosmos-framework's inference takes for a clip; paths relative to the spec.
fn spec(name: &str, domain: &str, mode: &str, clip: &Clip, prompt: &str) -> Value {
    let height = clip.size()[1];
    let mut spec = json!({
        "name": format!("{name}_{domain}_{mode}"),
        "model_mode": mode,
        "domain_name": domain,
        "view_point": "ego_view",
        "fps": clip.fps.round() as u64,
        "action_chunk_size": clip.frames() - 1,
        "image_size": if height <= 256 { 256 } else { 480 },
        "vision_path": format!("../videos/{name}.mp4"),
        "prompt": if domain == "av" { "You are an autonomous vehicle planning system." } else { prompt },
    });
    if mode != "inverse_dynamics" {
        spec["action_path"] = json!(format!("../actions/{name}.{domain}.json"));
    }
    spec
}
