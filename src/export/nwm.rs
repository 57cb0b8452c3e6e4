//! `nwm`: the folders of trajectories that NoMaD, ViNT and Meta's Navigation World Model read.
//!
//! Source: facebookresearch/nwm, `datasets.py`, `misc.py`, `config/data_config.yaml`; visualnav-transformer's README.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use super::actions::{OnGround, on_ground, spacing};
use super::crew::each;
use super::job::file_name;
use super::pickle::dict_of_arrays;
use super::view::Wish;
use super::{Card, Job, Shot, Sink, Skip, Still};
use crate::error::Result;
use crate::sample::Split;

/// Name of the data set in its files.
const NAME: &str = "worldloom";
/// Pictures that the model sees before it predicts, and steps that it predicts: NWM's own config.
const CONTEXT: usize = 4;
/// Steps.
const PREDICTED: usize = 64;
/// A pause longer than so many steps ends a trajectory.
const PAUSE_STEPS: f64 = 1.5;

/// Folders `worldloom/TRAJECTORY/` and `data_splits/`.
pub(super) struct Nwm;

/// The pictures of a shot, and how its split is called there.
pub(super) struct Made {
    split: &'static str,
    stills: Vec<Still>,
    step_ns: i64,
}

impl Sink for Nwm {
    type Made = Made;

    fn make(&self, job: &Job<'_>, shot: &Shot<'_>) -> Result<Made, Skip> {
        let split = match shot.sample.split {
            Split::Buffer => return Err(Skip::because("a sample in the border between splits")),
            Split::Val | Split::Test => "test",
            Split::Train | Split::None => "train",
        };
        let rate = shot.rate_hz().ok_or_else(|| Skip::because("a sample without a clock"))?;
        let wish = Wish { size: job.size, ..Wish::default() };
        let pictures = job.dataset.pictures(shot.sample, shot.channel)?;
        let mut stills = Vec::new();
        for frame in pictures.into_iter().flatten() {
            let Some(still) = job.still(frame, wish)? else {
                return Err(Skip::because("a camera without calibration, or whose pose is unknown"));
            };
            stills.push(still);
        }
        Ok(Made { split, stills, step_ns: (1e9 / rate) as i64 })
    }

    fn finish(&self, job: &Job<'_>, made: Vec<Made>) -> Result<(u64, Card)> {
        // By split, recording and camera.
        let mut drives: BTreeMap<(&str, String, String), Drive> = BTreeMap::new();
        let mut shots: Vec<Vec<String>> = Vec::with_capacity(made.len());
        for Made { split, stills, step_ns } in made {
            shots.push(stills.iter().map(|s| s.frame.frame_id.clone()).collect());
            for still in stills {
                let key = (split, still.frame.recording_id.clone(), still.frame.channel.clone());
                let Some(t_ns) = still.frame.t_ns else { continue };
                let drive = drives.entry(key).or_insert_with(|| Drive { step_ns, stills: BTreeMap::new() });
                drive.stills.insert(t_ns, still);
            }
        }
        let mut names: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        let mut train: Vec<Vec<OnGround>> = Vec::new();
        let mut written: BTreeSet<String> = BTreeSet::new();
        for ((split, recording, channel), drive) in drives {
            for (i, part) in drive.parts().into_iter().enumerate() {
                if part.len() < 2 {
                    job.leave_out("trajectories of one picture, which have no step", 1);
                    continue;
                }
                if part.len() < CONTEXT + PREDICTED {
                    job.note(format!(
                        "trajectories of fewer than {} pictures: NWM's own config (context 4, 64 steps) takes nothing from them",
                        CONTEXT + PREDICTED
                    ));
                }
                let name = format!("{}-{}-{split}-{i:03}", file_name(&recording), file_name(&channel));
                if let Some(places) = self.trajectory(job, &name, &part)? {
                    names.entry(split).or_default().push(name);
                    written.extend(part.into_iter().map(|still| still.frame.frame_id));
                    if split == "train" {
                        train.push(places);
                    }
                }
            }
        }
        for split in ["train", "test"] {
            let list = names.get(split).map(Vec::as_slice).unwrap_or_default();
            let mut text = String::new();
            for name in list {
                let _ = writeln!(text, "{name}");
            }
            job.write(&format!("data_splits/{NAME}/{split}/traj_names.txt"), text.as_bytes())?;
        }
        let spacing_m = spacing(train.iter().map(Vec::as_slice));
        if let Some(why) = without_spacing(&train, spacing_m) {
            job.note(format!("{why}: metric_waypoint_spacing is 1"));
        }
        let spacing_m = spacing_m.unwrap_or(1.0);
        let config = format!(
            "action_stats:\n  min: [-2.5, -4] # [min_dx, min_dy]\n  max: [5, 4] # [max_dx, max_dy]\n\n{NAME}:\n  \
             metric_waypoint_spacing: {spacing_m:.6} # mean step of the training split, metres\n"
        );
        job.write("config/data_config.yaml", config.as_bytes())?;
        let card = Card::new("Trajectories for NoMaD, ViNT and the Navigation World Model.")
            .file("worldloom/TRAJECTORY/N.jpg", "pictures 0, 1, 2, …; lenses undistorted")
            .file("worldloom/TRAJECTORY/traj_data.pkl", "dict: position (T, 2), yaw (T,), float64")
            .file("data_splits/worldloom/{train,test}/traj_names.txt", "names; test has the samples of val and test")
            .file("config/data_config.yaml", "metric_waypoint_spacing, and NWM's own action_stats")
            .convention("masks", "none: the format has no place for them, and what moves is in the pictures")
            .convention("position", "x east, y north in metres in the recording's ENU: of the ego when the picture was taken")
            .convention("yaw", "radians counter-clockwise from east; so waypoints are x forward, y left")
            .convention("step", "one tick of the data set; a pause of more than 1.5 ticks begins a new trajectory")
            .convention("actions", "made by the reader: local positions divided by metric_waypoint_spacing, then by action_stats to −1 … 1")
            .reader("takes nothing from trajectories shorter than context and prediction together, without a word: noted here")
            .reader("cuts pictures to 4:3 around their middle")
            .fact("metric_waypoint_spacing", spacing_m);
        let clips = shots.iter().filter(|ids| ids.iter().any(|id| written.contains(id))).count();
        Ok((clips as u64, card))
    }
}

/// Why the trajectories of the training split have no mean step; `None` where they have one.
fn without_spacing(train: &[Vec<OnGround>], spacing_m: Option<f64>) -> Option<&'static str> {
    match spacing_m {
        Some(_) => None,
        None if train.is_empty() => Some("no trajectory in the training split"),
        None => Some("the ego stands still in the whole training split"),
    }
}

impl Nwm {
    /// Writes a trajectory; its places, or `None` where the ego's are unknown.
    fn trajectory(&self, job: &Job<'_>, name: &str, stills: &[Still]) -> Result<Option<Vec<OnGround>>> {
        let mut poses = Vec::with_capacity(stills.len());
        for still in stills {
            let Some(pose) = job.ego(still)? else {
                job.leave_out("pictures whose camera's place on the vehicle is unknown", stills.len() as u64);
                return Ok(None);
            };
            poses.push(pose);
        }
        job.check_stop()?;
        let numbered: Vec<(usize, &Still)> = stills.iter().enumerate().collect();
        let write = |(i, still): &(usize, &Still)| job.write(&format!("{NAME}/{name}/{i}.jpg"), &job.jpeg(still)?);
        each(&numbered, write).into_iter().collect::<Result<()>>()?;
        let places = on_ground(&poses);
        let position: Vec<f64> = places.iter().flat_map(|p| [p[0], p[1]]).collect();
        let mut yaw: Vec<f64> = places.iter().map(|p| p[2]).collect();
        // Without jumps of a full turn, as their own data has it.
        for i in 1..yaw.len() {
            yaw[i] = yaw[i - 1] + super::actions::turn(yaw[i - 1], yaw[i]);
        }
        let pickle = dict_of_arrays(&[("position", &[places.len(), 2], &position), ("yaw", &[places.len()], &yaw)]);
        job.write(&format!("{NAME}/{name}/traj_data.pkl"), &pickle)?;
        Ok(Some(places))
    }
}

/// The pictures of one camera of a recording, by their times.
struct Drive {
    step_ns: i64,
    stills: BTreeMap<i64, Still>,
}

impl Drive {
    /// The pictures, cut where they pause.
    fn parts(self) -> Vec<Vec<Still>> {
        let mut parts: Vec<Vec<Still>> = Vec::new();
        let mut last = None;
        for (t_ns, still) in self.stills {
            let pause = last.is_none_or(|last: i64| (t_ns - last) as f64 > PAUSE_STEPS * self.step_ns as f64);
            match parts.last_mut() {
                Some(part) if !pause => part.push(still),
                _ => parts.push(vec![still]),
            }
            last = Some(t_ns);
        }
        parts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_spacing_is_told_with_its_reason() {
        let why = |train: &[Vec<OnGround>]| without_spacing(train, spacing(train.iter().map(Vec::as_slice)));
        assert_eq!(why(&[]), Some("no trajectory in the training split"));
        assert_eq!(why(&[vec![[1.0, 2.0, 0.0]; 2]]), Some("the ego stands still in the whole training split"));
        assert_eq!(why(&[vec![[0.0; 3], [1.0, 0.0, 0.0]]]), None);
    }
}
