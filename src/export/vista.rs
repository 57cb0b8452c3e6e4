//! `vista`: the annotation list and pictures that OpenDriveLab's Vista trains on.
//!
//! Source: Vista, `vwm/data/subsets/nuscenes.py` and `common.py`; its issues 3, 25, 30, 31 and 42 for what the fields mean.

use nalgebra::Vector3;
use serde_json::{Value, json};

use super::clip::Clip;
use super::job::{file_name, stem};
use super::route::{Command, Routes};
use super::view::Wish;
use super::{Card, Job, Shot, Sink, Skip};
use crate::coord::Pose;
use crate::error::Result;
use crate::record::Modality;
use crate::sample::Split;

/// Frames of a clip.
const FRAMES: usize = 25;
/// Rates that are taken for its 10 Hz.
const RATES: std::ops::RangeInclusive<f64> = 8.0..=12.5;
/// Points of its trajectory, the first included, and how far apart they are, seconds.
const POINTS: usize = 5;
/// Seconds between them.
const POINT_S: f64 = 0.5;
/// The size that goals are told in: nuScenes' pictures.
const GOAL_SIZE: [f64; 2] = [1600.0, 900.0];
/// Slower than this at every point is a stop, m/s.
const STOP_MPS: f64 = 0.5;

/// `annos/*.json` and `images/`.
pub(super) struct Vista<'a> {
    routes: Routes<'a>,
}

impl<'a> Vista<'a> {
    /// With the roads of the data set's map.
    pub(super) fn new(job: &Job<'a>) -> Result<Vista<'a>> {
        Ok(Vista { routes: Routes::new(job.dataset)? })
    }
}

impl Sink for Vista<'_> {
    type Made = (Split, Value);

    fn make(&self, job: &Job<'_>, shot: &Shot<'_>) -> Result<(Split, Value), Skip> {
        let split = match shot.sample.split {
            Split::Buffer => return Err(Skip::because("a sample in the border between splits")),
            Split::None => Split::Train,
            split => split,
        };
        let rate = shot.rate_hz().ok_or_else(|| Skip::because("a sample without a clock"))?;
        let every = (rate / 10.0).round().max(1.0);
        if !RATES.contains(&(rate / every)) {
            return Err(Skip::because("a window whose rate is no multiple of about 10 Hz ([sample] rate_hz)"));
        }
        let every = every as usize;
        if (FRAMES - 1) * every >= shot.sample.pose_s_m.len() {
            return Err(Skip::because("a window shorter than 25 frames at 10 Hz ([sample] past_s, future_s)"));
        }
        let clip = Clip::new(job, shot, Wish { size: job.size, ..Wish::default() }, every, FRAMES)?;
        let Some(way) = self.way(job, shot, &clip)? else {
            return Err(Skip::because("a window whose trajectory ends before 2 s after its first frame"));
        };
        let mut frames = Vec::with_capacity(FRAMES);
        for still in &clip.stills {
            let recording = file_name(&still.frame.recording_id);
            let path = format!("images/{recording}/{}/{}.jpg", file_name(&still.frame.channel), stem(&still.frame));
            job.write_once(&path, || job.jpeg(still))?;
            frames.push(path);
        }
        let mut entry = way;
        entry["frames"] = json!(frames);
        Ok((split, entry))
    }

    fn finish(&self, job: &Job<'_>, made: Vec<(Split, Value)>) -> Result<(u64, Card)> {
        for split in [Split::Train, Split::Val, Split::Test] {
            let list: Vec<&Value> = made.iter().filter(|m| m.0 == split).map(|m| &m.1).collect();
            if !list.is_empty() {
                job.write_json(&format!("annos/worldloom_{}.json", split.name()), &list)?;
            }
        }
        let card = Card::new("Clips of 25 frames at 10 Hz with actions, as Vista's `NuScenesDataset` reads them.")
            .file("annos/worldloom_SPLIT.json", "the list that is its `anno_file`; `data_root` is this folder")
            .file("images/RECORDING/CAMERA/*.jpg", "pictures, each once; lenses undistorted")
            .convention("masks", "none: the format has no place for them, and what moves is in the pictures")
            .convention("traj", "10 numbers: x right, y forward in metres at 0, 0.5, 1, 1.5 and 2 s, of the LiDAR (the rear axle without one), level, relative to the first frame's")
            .convention("cmd", "0 right, 1 left, 2 straight on, 3 standing; of the route in the map, not of the future path")
            .convention("speed", "km/h at the same five times")
            .convention("angle", "empty: the angle of a steering wheel is not known from that of the wheels")
            .convention("goal, z", "where the last point of traj lies in the first picture, in pixels of 1600 × 900; z metres ahead of the camera, negative where it is behind")
            .reader("drops nothing; with `z` <= 0 or a goal beside the picture it goes without the goal, with an empty angle without it")
            .reader("repeats clips of cmd 0 and 1 five times, and those with speed, angle and a goal in the picture twice");
        Ok((made.len() as u64, card))
    }
}

impl Vista<'_> {
    /// All but the frames; `None` where the trajectory does not reach far enough.
    fn way(&self, job: &Job<'_>, shot: &Shot<'_>, clip: &Clip) -> Result<Option<Value>> {
        let recording = job.dataset.recording(&shot.sample.recording_id)?;
        let lidar = recording.sensors.iter().find(|s| s.modality == Some(Modality::Lidar));
        let mount = lidar.and_then(|s| s.ego_se3_sensor).map_or(Vector3::zeros(), |m| m.translation);
        let track = job.dataset.track(&shot.sample.recording_id)?;
        let Some(start_ns) = clip.stills.first().and_then(|s| s.frame.t_ns) else { return Ok(None) };
        let (mut points, mut speeds) = (Vec::new(), Vec::new());
        for i in 0..POINTS {
            let t_ns = start_ns + (i as f64 * POINT_S * 1e9) as i64;
            let Some(state) = track.at_time(t_ns) else { return Ok(None) };
            points.push(state.pose.apply(mount));
            speeds.push(track.mix(&state, |row| row.speed_mps));
        }
        let Some(first) = clip.ego.first() else { return Ok(None) };
        let level = Pose::new(points[0], first.levelled().rotation).inverse();
        let xy: Vec<f64> = points
            .iter()
            .flat_map(|p| {
                let p = level.apply(*p);
                // Forward and left become right and forward.
                [0.0 - p.y, p.x]
            })
            .collect();
        let command = if speeds.iter().all(|v| v.abs() < STOP_MPS) {
            3
        } else {
            match self.routes.command(job.dataset, shot.sample)? {
                Command::Right => 0,
                Command::Left => 1,
                Command::Straight => 2,
                Command::Unknown => {
                    job.note("clips whose drive is not matched to the map: cmd is 2");
                    2
                }
            }
        };
        let still = &clip.stills[0];
        let ahead = still.world_se3_camera.inverse().apply(points[POINTS - 1]);
        let [width, height] = still.view.size().map(f64::from);
        let goal = still
            .view
            .camera()
            .project(ahead)
            .map_or([-1.0, -1.0], |(u, v)| [(u + 0.5) / width * GOAL_SIZE[0], (v + 0.5) / height * GOAL_SIZE[1]]);
        Ok(Some(json!({
            "frames": [],
            "traj": xy,
            "cmd": command,
            "speed": speeds.iter().map(|v| v * 3.6).collect::<Vec<_>>(),
            "angle": [],
            "z": ahead.z,
            "goal": goal,
        })))
    }
}
