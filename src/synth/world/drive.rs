//! A drive as a recording folder, with its truth beside it.

use crate::coord::Pose;
use crate::error::Result;
use crate::synth::dice::Dice;
use crate::synth::drive::motion::Motion;
use crate::synth::drive::route::{excerpt, line, planned, tour, wander};
use crate::synth::drive::sensors::{Rig, Senses};
use crate::synth::raster::Renderer;
use crate::synth::town::Town;
use crate::time::Timestamp;

use super::files::{Folder, feather};
use super::mounts::{calibration, mount};
use super::pictures::{Beside, Shot, take};
use super::{Detail, Watch, WorldOptions, WorldSummary, sound, truth};

/// 10:20 in Korea on the day of the first drive, nanoseconds since 1970: 2026-05-12T01:20:00Z.
const FIRST_START_NS: i64 = 1_778_548_800_000_000_000;
/// Drives of a day, and the time between them.
const A_DAY: usize = 4;
const BETWEEN_NS: i64 = 5_400_000_000_000;

/// Writes the drive of an index, from 0.
pub(super) fn write(
    folder: &Folder,
    town: &Town,
    options: &WorldOptions,
    index: usize,
    watch: &Watch<'_>,
    summary: &mut WorldSummary,
) -> Result<()> {
    let name = format!("drive-{}", index + 1);
    let base = format!("drives/{name}");
    (watch.begins)(&base);
    let detail = options.detail;
    let mut dice = Dice::new(options.seed, &format!("route/{index}"));
    let legs = match (options.length_m, detail, index) {
        (Some(length_m), ..) => tour(town, &mut dice, f64::from(length_m)),
        (None, Detail::Small, 0) => excerpt(),
        _ => planned(index).unwrap_or_else(|| wander(town, &mut dice, 700.0)),
    };
    let line = line(town, &legs, &mut dice);
    let limit_s = if options.length_m.is_some() { f64::INFINITY } else { detail.limit_s(index) };
    let motion = Motion::along(&line, limit_s);
    let rig = Rig::new(options.seed, &name);
    let day = (index / A_DAY) as i64 * 86_400_000_000_000;
    let start = Timestamp::from_ns(FIRST_START_NS + day + (index % A_DAY) as i64 * BETWEEN_NS);
    let senses = Senses { town, motion: &motion, rig: &rig, start, seed: options.seed, name: &name };

    traces(folder, &base, &senses)?;
    truth::write(folder, &senses, &line)?;
    let cameras = detail.cameras();
    let described: Vec<_> = cameras.iter().map(|c| (c.channel, &c.intrinsics)).collect();
    let mut others: Vec<(&str, &str, Pose)> = vec![("imu", "imu", rig.imu), ("gnss", "gnss", rig.gnss)];
    if detail.lidar().is_some() {
        others.push(("lidars", "top", mount("top")));
        others.push(("audio", "cabin", mount("cabin")));
    }
    folder.write(&format!("{base}/calibration.json"), calibration(&described, &others).as_bytes())?;
    folder.write(&format!("{base}/recording.toml"), RECORDING.replace("NAME", &name).as_bytes())?;
    if cameras.is_empty() {
        summary.recordings.push(base);
        return Ok(());
    }

    let renderer = Renderer::new(&town.scene(start));
    for camera in &cameras {
        let times = ticks(camera.phase_s, camera.hz, motion.duration_s());
        let shots: Vec<Shot> = times
            .iter()
            .enumerate()
            .map(|(k, &t)| Shot {
                stem: format!("{k:06}"),
                pose: motion.pose(t) * mount(camera.channel),
                beside: if k % camera.depth_every == 0 { Beside::Truth } else { Beside::Nothing },
            })
            .collect();
        let stamps = times.iter().enumerate().map(|(k, &t)| stamped(&senses, camera.channel, k, "jpg", t));
        folder.csv(&format!("{base}/images/{}/times.csv", camera.channel), "file,t_ns", stamps)?;
        let eye = (&camera.intrinsics, camera.quality);
        take(folder, (&base, camera.channel), &renderer, eye, &shots, watch, summary)?;
    }
    if let Some((model, hz)) = detail.lidar() {
        let times = ticks(0.05, hz, motion.duration_s() - model.period_ns as f64 / 1e9);
        for (k, &t) in times.iter().enumerate() {
            watch.check()?;
            let pose = |offset_ns: i64| motion.pose(t + offset_ns as f64 / 1e9) * mount("top");
            let seed = options.seed ^ ((index as u64) << 32) ^ k as u64;
            let sweep = model.sweep(renderer.caster(), pose, seed);
            folder.write(&format!("{base}/lidar/top/{k:06}.feather"), &feather(&sweep)?)?;
        }
        let stamps = times.iter().enumerate().map(|(k, &t)| stamped(&senses, "top", k, "feather", t));
        folder.csv(&format!("{base}/lidar/top/times.csv"), "file,t_ns", stamps)?;
        summary.sweeps += times.len() as u64;
    }
    if let Some((hz, longest_s)) = detail.sound() {
        const FROM_S: f64 = 0.3;
        let clip = sound::wav(
            &motion,
            FROM_S..FROM_S + longest_s,
            hz,
            &mut Dice::new(options.seed, &format!("sound/{name}")),
        )?;
        folder.write(&format!("{base}/audio/cabin.wav"), &clip)?;
        let stamp = format!("cabin.wav,{}", senses.stamp("cabin", FROM_S).ns());
        folder.csv(&format!("{base}/audio/times.csv"), "file,t_ns", [stamp])?;
    }
    summary.recordings.push(base);
    Ok(())
}

/// What a drive says of itself. Every sensor keeps UTC on a clock of its own: their offsets are for fusion to find.
const RECORDING: &str = "id = \"NAME\"\nlicense = \"CC-BY-4.0\"\nheight_datum = \"ellipsoidal\"\n";

/// Seconds at which something happens `hz` times a second before `end_s`.
fn ticks(phase_s: f64, hz: f64, end_s: f64) -> Vec<f64> {
    (0..).map(|k| phase_s + f64::from(k) / hz).take_while(|&t| t < end_s).collect()
}

fn stamped(senses: &Senses<'_>, channel: &str, k: usize, ending: &str, t: f64) -> String {
    format!("{k:06}.{ending},{}", senses.stamp(channel, t).ns())
}

/// `gnss.csv`, `imu.csv` and `wheel.csv`.
fn traces(folder: &Folder, base: &str, senses: &Senses<'_>) -> Result<()> {
    let number = |value: Option<f64>, digits: usize| value.map_or(String::new(), |v| format!("{v:.digits$}"));
    let fixes = senses.gnss(5.0).into_iter().map(|fix| {
        let t = fix.t.map_or(String::new(), |t| t.ns().to_string());
        let place = format!("{:.9},{:.9},{:.3}", fix.place.lon_deg, fix.place.lat_deg, fix.place.height_m);
        let (speed, course) = (number(fix.speed_mps, 3), number(fix.course_deg, 2));
        format!("{t},{place},{speed},{course},{},{}", number(fix.sigma_xy_m, 2), number(fix.sigma_z_m, 2))
    });
    let header = "t_ns,lon,lat,height_m,speed_mps,course_deg,sigma_xy_m,sigma_z_m";
    folder.csv(&format!("{base}/gnss.csv"), header, fixes)?;
    let imu = senses.imu().into_iter().map(|r| {
        let (a, w) = (r.accel_mps2, r.gyro_radps);
        format!("{},{:.4},{:.4},{:.4},{:.5},{:.5},{:.5}", r.t.ns(), a.x, a.y, a.z, w.x, w.y, w.z)
    });
    let header = "t_ns,ax_mps2,ay_mps2,az_mps2,wx_radps,wy_radps,wz_radps";
    folder.csv(&format!("{base}/imu.csv"), header, imu)?;
    let wheel =
        senses.wheel().into_iter().map(|r| format!("{},{:.2},{}", r.t.ns(), r.speed_mps, number(r.steering_rad, 4)));
    folder.csv(&format!("{base}/wheel.csv"), "t_ns,speed_mps,steering_rad", wheel)
}
