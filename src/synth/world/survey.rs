//! Street-view surveys: panoramas every few metres along the drives' streets, on other dates, each with its depth and a
//! mask of the parked vehicles, as a provider with LiDAR would give them.

use nalgebra::{Quaternion, UnitQuaternion, Vector3};

use crate::coord::Pose;
use crate::error::Result;
use crate::synth::dice::Dice;
use crate::synth::drive::motion::Motion;
use crate::synth::drive::route::{line, planned, surveyed};
use crate::synth::raster::Renderer;
use crate::synth::town::Town;
use crate::time::Timestamp;

use super::files::Folder;
use super::mounts::{calibration, mount};
use super::pictures::{Beside, Shot, take};
use super::truth::{POSES, pose_line};
use super::{Detail, Watch, WorldOptions, WorldSummary};

/// One survey.
pub(super) struct Pass {
    /// Its date, as in the folder's name.
    date: &'static str,
    /// When it begins, nanoseconds since 1970.
    start_ns: i64,
}

/// An autumn afternoon (15:10 in Korea) and a spring morning (9:25): other leaves, other light, other parked vehicles.
pub(super) const PASSES: [Pass; 2] = [
    Pass { date: "2025-10-29", start_ns: 1_761_718_200_000_000_000 },
    Pass { date: "2026-04-04", start_ns: 1_775_262_300_000_000_000 },
];

/// Writes a survey: `small` worlds have one stretch of it, others the streets of both planned drives.
pub(super) fn write(
    folder: &Folder,
    town: &Town,
    options: &WorldOptions,
    pass: &Pass,
    watch: &Watch<'_>,
    summary: &mut WorldSummary,
) -> Result<()> {
    let start = Timestamp::from_ns(pass.start_ns);
    let renderer = Renderer::new(&town.scene(start));
    let routes = match options.detail {
        Detail::Full => vec![("south", planned(0)), ("centre", planned(1))],
        Detail::Traces | Detail::Small => vec![("south", Some(surveyed()))],
    };
    let (intrinsics, quality, step_m) = options.detail.survey();
    for (k, (place, legs)) in routes.into_iter().enumerate() {
        let name = format!("{}-{place}", pass.date);
        let base = format!("surveys/{name}");
        (watch.begins)(&base);
        let mut dice = Dice::new(options.seed, &format!("survey/{name}"));
        let line = line(town, &legs.unwrap_or_default(), &mut dice);
        let motion = Motion::along(&line, 600.0);
        let start = Timestamp::from_ns(start.ns() + k as i64 * 1_200_000_000_000);

        let times = every(&motion, step_m);
        let error = provider_error(&mut dice);
        let stamp = |t: f64| Timestamp::from_ns(start.ns() + libm::round(t * 1e9) as i64);
        let poses = (0..=(motion.duration_s() * 10.0) as usize).map(|k| {
            let t = k as f64 / 10.0;
            let (place, rotation) = town.at(&(motion.pose(t) * error));
            pose_line(stamp(t), &place, &rotation)
        });
        folder.csv(&format!("{base}/poses.csv"), POSES, poses)?;
        let truth = (0..=(motion.duration_s() * 100.0) as usize).map(|k| {
            let t = k as f64 / 100.0;
            let (place, rotation) = town.at(&motion.pose(t));
            pose_line(stamp(t), &place, &rotation)
        });
        if options.detail == Detail::Full {
            folder.csv(&format!("truth/{name}/poses.csv"), POSES, truth)?;
        }
        let stamps = times.iter().enumerate().map(|(k, &t)| format!("{k:06}.jpg,{}", stamp(t).ns()));
        folder.csv(&format!("{base}/images/pano/times.csv"), "file,t_ns", stamps)?;
        folder.write(&format!("{base}/calibration.json"), calibration(&[("pano", &intrinsics)], &[]).as_bytes())?;
        let settings = format!("id = \"{name}\"\nlicense = \"CC-BY-4.0\"\nheight_datum = \"ellipsoidal\"\n");
        folder.write(&format!("{base}/recording.toml"), settings.as_bytes())?;
        let shots: Vec<Shot> = times
            .iter()
            .enumerate()
            .map(|(k, &t)| Shot {
                stem: format!("{k:06}"),
                pose: motion.pose(t) * mount("pano"),
                beside: Beside::Recording,
            })
            .collect();
        take(folder, (&base, "pano"), &renderer, (&intrinsics, quality), &shots, watch, summary)?;
        summary.recordings.push(base);
    }
    Ok(())
}

/// Seconds at which the vehicle has gone 0, `step_m`, 2 `step_m`, … metres.
fn every(motion: &Motion, step_m: f64) -> Vec<f64> {
    let mut times = Vec::new();
    let first = motion.way_m(0.0);
    for k in 0..(motion.duration_s() * 100.0) as usize {
        let t = k as f64 / 100.0;
        if motion.way_m(t) - first >= times.len() as f64 * step_m {
            times.push(t);
        }
    }
    times
}

/// What is wrong with the poses that a provider gives: some centimetres and tenths of a degree over the whole pass.
fn provider_error(dice: &mut Dice) -> Pose {
    let shift = Vector3::new(0.06 * dice.normal(), 0.06 * dice.normal(), 0.08 * dice.normal());
    let (sin, cos) = libm::sincos((0.2 * dice.normal()).to_radians() / 2.0);
    Pose::new(shift, UnitQuaternion::new_normalize(Quaternion::new(cos, 0.0, 0.0, sin)))
}
