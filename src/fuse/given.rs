//! Trajectories that a source gives: kept as they are, but for what cannot be a pose; what looks mixed up is said.

use nalgebra::Vector3;

use super::clock::against_poses;
use super::draft::{Draft, DraftRow, SOURCE_JITTER_M, steps};
use super::inertial::{self, FoundClock, median};
use super::positions::{Position, longest_chain};
use super::segment::fewest;
use super::{ClockChoice, FuseConfig, PoseOrigin};
use crate::coord::{EnuFrame, Pose};
use crate::error::{Location, Quarantine};
use crate::record::{PoseFix, Recording};

/// A rotation is off being one by no more than this: quaternions are written with two digits at least.
const NORM: f64 = 0.01;
/// What a pose may be off by for all that is said here, metres: a jump is much more.
const POSE_SIGMA_M: f64 = 1.0;
/// The direction of travel is taken over this way, metres, at this speed, m/s.
const WAY_M: f64 = 1.0;
const MOVING_MPS: f64 = 2.0;
/// Fewer directions than this say nothing; so large a share of them has to agree within this of each other, degrees.
const FEWEST: usize = 20;
const AGREEING: f64 = 0.8;
const WITHIN_DEG: f64 = 30.0;
/// Poses whose speed is more times that of the wheels, or less, are in other units.
const SPEED_RATIO: (f64, f64) = (0.7, 1.43);

/// The source's own poses, or `None` where fewer than two are usable (none of a recording that only its photos place).
///
/// Refused are poses that are not on the globe, whose rotation is none, whose time repeats, and those that jump away.
/// Poses that look aside of where they go, and whose speed is not that of the wheels, are kept and told.
pub(super) fn given(recording: &Recording, config: &FuseConfig, quarantine: &mut Quarantine) -> Option<Draft> {
    let place = Location::file(&recording.name);
    let at = |i: usize| Location { record: Some(i as u64), ..place.clone() };
    let poses = sound(recording, |i, reason| quarantine.refuse(&at(i), reason));
    if poses.len() < fewest(recording) {
        return None;
    }
    let frame = EnuFrame::new(recording.origin.unwrap_or(poses[0].1.place));
    let mut rows: Vec<DraftRow> = Vec::with_capacity(poses.len());
    for (index, fix) in poses {
        let pose = frame.pose_from_local(fix.place, fix.rotation);
        let row = DraftRow {
            t_ns: fix.t.map(|t| t.ns()),
            at: pose.translation,
            rotation: Some(pose.rotation),
            sigma_xy_m: f64::NAN,
            sigma_z_m: f64::NAN,
            jitter_m: SOURCE_JITTER_M,
            sigma_course_rad: f64::NAN,
            motion: None,
            input: Some(index),
        };
        if let Some(before) = rows.last().copied() {
            let was = Pose::new(before.at, before.rotation.unwrap_or_default());
            for (t_ns, w) in steps(&before, &row) {
                let mid = was.interpolate(&pose, w);
                rows.push(DraftRow { t_ns, at: mid.translation, rotation: Some(mid.rotation), input: None, ..row });
            }
        }
        rows.push(row);
    }
    let timed = timed(&rows);
    if let Some((degrees, count, all)) = looks_aside(&timed) {
        let reason = format!(
            "given poses look {degrees:.0} degrees to the left of where they go ({count} of {all} places): \
             the ego's axes are forward, left, up"
        );
        quarantine.refuse_many(&place, reason, count);
    }
    let start = rows.first().and_then(|row| row.t_ns).unwrap_or_default();
    let imu = inertial::imu(recording, start, recording.sensor("imu").and_then(|s| s.ego_se3_sensor), quarantine);
    let wheel = inertial::wheel(recording, start, quarantine);
    if let Some(ratio) = wheels_over_poses(&timed, &wheel) {
        let reason =
            format!("wheel speeds are {ratio:.2} times those of the given poses: one of them is in other units");
        quarantine.refuse(&place, reason);
    }
    let found: Vec<(&'static str, FoundClock)> = match config.clock {
        ClockChoice::Trust => Vec::new(),
        ClockChoice::Estimate => {
            let found = [("imu", against_poses::gyro(&timed, &imu)), ("wheel", against_poses::wheel(&timed, &wheel))];
            found.into_iter().filter_map(|(sensor, clock)| Some((sensor, clock?))).collect()
        }
    };
    let references = vec!["poses".to_string()];
    Some(Draft { frame, rows, origin: PoseOrigin::Source, references, from_frames: false, found })
}

/// The poses that can be, by time (as given without times); the others go to `refuse`, by index.
fn sound(recording: &Recording, mut refuse: impl FnMut(usize, &'static str)) -> Vec<(usize, &PoseFix)> {
    let timed = recording.poses.iter().any(|p| p.t.is_some());
    let mut poses: Vec<(usize, &PoseFix)> = recording.poses.iter().enumerate().collect();
    poses.retain(|(i, p)| {
        let reason = if !p.place.is_valid() || !p.rotation.coords.iter().all(|v| v.is_finite()) {
            "given pose that is not on the globe or not finite"
        } else if (p.rotation.coords.norm() - 1.0).abs() > NORM {
            "given pose whose rotation is none: its quaternion is not of length 1"
        } else if timed && p.t.is_none() {
            "given pose without a time"
        } else {
            return true;
        };
        refuse(*i, reason);
        false
    });
    poses.sort_by_key(|(_, p)| p.t);
    let mut last = None;
    poses.retain(|(i, p)| {
        let repeats = p.t.is_some() && p.t == last;
        last = p.t;
        if repeats {
            refuse(*i, "given pose whose time repeats");
        }
        !repeats
    });
    let position = |&(index, p): &(usize, &PoseFix)| Position {
        t_ns: p.t.map(|t| t.ns()),
        place: p.place,
        sigma_xy_m: POSE_SIGMA_M,
        sigma_z_m: POSE_SIGMA_M,
        index,
    };
    let kept = longest_chain(poses.iter().map(position).collect(), |i| refuse(i, "given pose that jumps away"));
    kept.into_iter().map(|k| (k.index, &recording.poses[k.index])).collect()
}

/// Given poses with their times, seconds since the first row.
fn timed(rows: &[DraftRow]) -> Vec<against_poses::Timed> {
    let Some(start) = rows.first().and_then(|row| row.t_ns) else { return Vec::new() };
    (rows.iter().filter(|row| row.input.is_some()))
        .filter_map(|row| {
            let t = (i128::from(row.t_ns?) - i128::from(start)) as f64 / 1e9;
            Some((t, Pose::new(row.at, row.rotation?)))
        })
        .collect()
}

/// By how much poses look to the left of where they go, degrees, where it is about a right angle or more; how many of how
/// many places say so. A whole drive in reverse looks the same as axes that are turned round: it is told, not mended.
fn looks_aside(poses: &[against_poses::Timed]) -> Option<(f64, u64, u64)> {
    let mut from = 0;
    let mut aside: Vec<f64> = Vec::new();
    for i in 1..poses.len() {
        let (a, b) = (&poses[from], &poses[i]);
        let moved: Vector3<f64> = a.1.rotation.inverse() * (b.1.translation - a.1.translation);
        if moved.norm() < WAY_M {
            continue;
        }
        // A bend turns the way by half of what it turns the ego.
        let turn = 0.5 * (a.1.inverse() * b.1).yaw_rad();
        if moved.norm() / (b.0 - a.0).max(1e-9) > MOVING_MPS {
            aside.push(libm::remainder(turn - libm::atan2(moved.y, moved.x), std::f64::consts::TAU));
        }
        from = i;
    }
    if aside.len() < FEWEST {
        return None;
    }
    // The direction of the mean: angles near half a turn lie on both sides of it.
    let sum = aside.iter().fold((0.0, 0.0), |sum, a| (sum.0 + libm::cos(*a), sum.1 + libm::sin(*a)));
    let mean = libm::atan2(sum.1, sum.0);
    let near = |a: &&f64| libm::remainder(**a - mean, std::f64::consts::TAU).abs() < WITHIN_DEG.to_radians();
    let count = aside.iter().filter(near).count();
    let is_aside = mean.abs().to_degrees() > 90.0 - WITHIN_DEG && count as f64 > AGREEING * aside.len() as f64;
    is_aside.then(|| (mean.to_degrees(), count as u64, aside.len() as u64))
}

/// Speeds of the wheels over those of the poses, where that is far from 1.
fn wheels_over_poses(poses: &[against_poses::Timed], wheel: &[(f64, f64)]) -> Option<f64> {
    let mut ratios = Vec::new();
    for pair in poses.windows(2) {
        let (a, b) = (pair[0], pair[1]);
        let speed = (b.1.translation - a.1.translation).norm() / (b.0 - a.0).max(1e-9);
        let j = wheel.partition_point(|w| w.0 < 0.5 * (a.0 + b.0));
        if let Some(w) = wheel.get(j).filter(|w| speed > MOVING_MPS && (w.0 - b.0).abs() < 1.0) {
            ratios.push(w.1.abs() / speed);
        }
    }
    let ratio = (ratios.len() >= FEWEST).then(|| median(ratios)).flatten()?;
    (!(SPEED_RATIO.0..SPEED_RATIO.1).contains(&ratio)).then_some(ratio)
}

#[cfg(test)]
mod tests {
    use nalgebra::{Quaternion, UnitQuaternion};

    use super::*;
    use crate::coord::Geodetic;
    use crate::fuse::{Track, fuse};
    use crate::record::WheelReading;
    use crate::time::Timestamp;

    /// A minute of bends at 8 m/s, ten poses a second; their axes are turned by so many degrees to the left.
    fn drive(turned_deg: f64) -> Recording {
        let frame = EnuFrame::new(Geodetic::new(127.0, 37.4, 60.0));
        let mut recording = Recording::new("drive", "folder", "CC0-1.0");
        let mut at = Vector3::zeros();
        for k in 0..600i64 {
            let pose = Pose::level(at, 40.0 + 50.0 * libm::sin(k as f64 * 0.02));
            let rotation = pose.rotation * Pose::level(Vector3::zeros(), 90.0 - turned_deg).rotation;
            let t = Some(Timestamp::from_ns(k * 100_000_000));
            recording.poses.push(PoseFix { t, place: frame.to_geodetic(at), rotation });
            at += pose.forward() * 0.8;
        }
        recording
    }

    fn fused(recording: &Recording) -> (Track, Vec<(String, u64)>) {
        let mut quarantine = Quarantine::new();
        let track = fuse(recording, &FuseConfig::default(), &mut quarantine).expect("it has poses");
        (track, quarantine.iter().map(|(_, reason, n)| (reason.to_string(), n.count)).collect())
    }

    #[test]
    fn poses_that_look_aside_of_where_they_go_are_told_with_their_count() {
        assert!(fused(&drive(0.0)).1.is_empty() && fused(&drive(25.0)).1.is_empty());
        for (degrees, said) in [(90.0, "look 90 degrees"), (-90.0, "look -90 degrees"), (179.0, "look 179 degrees")] {
            let (track, lines) = fused(&drive(degrees));
            assert!(lines.len() == 1 && lines[0].0.contains(said) && lines[0].1 > 250, "{lines:?}");
            // They are kept as they are.
            assert_eq!(track.input_t_ns.len(), 600);
        }
    }

    #[test]
    fn rotations_that_are_none_and_jumps_and_repeats_are_refused_and_the_rest_is_kept() {
        let mut recording = drive(0.0);
        recording.poses[5].rotation = UnitQuaternion::new_unchecked(Quaternion::new(2.0, 0.0, 0.0, 0.0));
        recording.poses[6].rotation = UnitQuaternion::new_unchecked(Quaternion::new(0.0, 0.0, 0.0, 0.0));
        recording.poses[7].rotation = UnitQuaternion::new_unchecked(Quaternion::new(f64::NAN, 0.0, 0.0, 0.0));
        for pose in &mut recording.poses[100..103] {
            pose.place.lat_deg += 0.05;
        }
        recording.poses[200].t = recording.poses[199].t;
        recording.poses[300].t = None;
        let (track, lines) = fused(&recording);
        let count = |text: &str| lines.iter().filter(|l| l.0.contains(text)).map(|l| l.1).sum::<u64>();
        let counts = ["length 1", "not finite", "jumps away", "repeats", "without a time"].map(count);
        assert_eq!((counts, track.input_t_ns.len()), ([2, 1, 3, 1, 1], 592), "{lines:?}");
        assert!(track.rows.windows(2).all(|w| (w[1].pose.translation - w[0].pose.translation).norm() < 5.0));
    }

    #[test]
    fn poses_backwards_in_their_list_come_out_by_time() {
        let (there, mut recording) = (fused(&drive(0.0)).0, drive(0.0));
        recording.poses.reverse();
        let (back, lines) = fused(&recording);
        assert!(lines.is_empty() && back.rows.len() == there.rows.len());
        assert_eq!(back.input_t_ns, there.input_t_ns);
    }

    #[test]
    fn wheels_in_other_units_than_the_poses_are_told() {
        let mut recording = drive(0.0);
        let reading =
            |k: i64, speed_mps| WheelReading { t: Timestamp::from_ns(k * 50_000_000), speed_mps, steering_rad: None };
        recording.wheel = (0..1200).map(|k| reading(k, 8.1)).collect();
        assert!(fused(&recording).1.is_empty());
        recording.wheel = (0..1200).map(|k| reading(k, 8.0 * 3.6)).collect();
        let lines = fused(&recording).1;
        assert!(lines.len() == 1 && lines[0].0.contains("3.60 times"), "{lines:?}");
    }
}
