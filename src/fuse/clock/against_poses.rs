//! Clocks of the IMU and of the wheels against poses that the source gives.

use nalgebra::Vector3;

use super::super::inertial::{FoundClock, Reading, log_rotation};
use super::lag::{Lag, Seen, Signal, lag};
use crate::coord::Pose;

/// Turns are compared over stretches of at least this, seconds; poses farther apart than the second tell no turn.
const STRETCH_S: (f64, f64) = (0.08, 1.5);

/// A pose by time (seconds).
pub(in crate::fuse) type Timed = (f64, Pose);

/// Offset of a gyro: its angle turned against that of the poses, about the axis that tells it best.
pub(in crate::fuse) fn gyro(poses: &[Timed], imu: &[Reading]) -> Option<FoundClock> {
    let axes = (0..3).filter_map(|axis| {
        let mut turned = 0.0;
        let mut points = Vec::with_capacity(imu.len());
        for (i, r) in imu.iter().enumerate() {
            if let Some(before) = i.checked_sub(1).map(|b| &imu[b]) {
                turned += 0.5 * (before.rate[axis] + r.rate[axis]) * (r.t - before.t).min(0.5);
            }
            points.push((r.t, turned));
        }
        let seen = stretches(poses).map(|((ta, a), (tb, b))| {
            let turn = log_rotation(&(a.rotation.inverse() * b.rotation));
            Seen { since: Some(ta), t: tb, value: turn[axis] }
        });
        lag(&seen.collect::<Vec<_>>(), &Signal::through(&points, 0.5)).filter(|l| (0.7..1.4).contains(&l.gain))
    });
    axes.min_by(|a, b| a.sigma_s.total_cmp(&b.sigma_s)).map(found)
}

/// Offset of wheels: their speed against that of the poses.
pub(in crate::fuse) fn wheel(poses: &[Timed], wheel: &[(f64, f64)]) -> Option<FoundClock> {
    let seen = stretches(poses).map(|((ta, a), (tb, b))| {
        let moved: Vector3<f64> = a.rotation.inverse() * (b.translation - a.translation);
        Seen { since: None, t: 0.5 * (ta + tb), value: moved.x / (tb - ta) }
    });
    lag(&seen.collect::<Vec<_>>(), &Signal::through(wheel, 1.0)).filter(|l| l.gain > 0.0).map(found)
}

fn found(lag: Lag) -> FoundClock {
    FoundClock { offset_s: lag.offset_s, sigma_s: lag.sigma_s, drift_ppm: 0.0, drift_sigma_ppm: f64::INFINITY }
}

/// Pairs of poses that lie a stretch apart, each beginning where the one before ends.
fn stretches(poses: &[Timed]) -> impl Iterator<Item = (Timed, Timed)> + '_ {
    let mut from = 0;
    (1..poses.len()).filter_map(move |i| {
        let span = poses[i].0 - poses[from].0;
        if span < STRETCH_S.0 {
            return None;
        }
        let pair = (poses[from], poses[i]);
        from = i;
        (span <= STRETCH_S.1).then_some(pair)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_of_imu_and_wheels_are_found_against_given_poses() {
        // A drive that turns and changes its speed: yaw and path are integrals of these.
        let yaw = |t: f64| 2.0 * libm::sin(0.3 * t) + 0.5 * libm::sin(1.1 * t);
        let rate = |t: f64| 0.6 * libm::cos(0.3 * t) + 0.55 * libm::cos(1.1 * t);
        let speed = |t: f64| 8.0 + 3.0 * libm::sin(0.4 * t);
        let (mut at, mut poses) = (Vector3::zeros(), Vec::new());
        for k in 0..6000 {
            let t = f64::from(k) * 0.01;
            let pose = Pose::level(at, 90.0 - yaw(t).to_degrees());
            if k % 10 == 0 {
                poses.push((t, pose));
            }
            at += pose.forward() * (speed(t + 0.005) * 0.01);
        }
        let wobble = |k: i32, scale: f64| f64::from((k * 7919) % 101 - 50) / 50.0 * scale;
        let readings: Vec<Reading> = (0..6000)
            .map(|k| Reading {
                t: f64::from(k) * 0.01 - 0.137,
                force: Vector3::zeros(),
                rate: Vector3::new(0.0, 0.0, rate(f64::from(k) * 0.01) + 0.01 + wobble(k, 0.02)),
            })
            .collect();
        let wheels: Vec<(f64, f64)> = (0..3000)
            .map(|k| (f64::from(k) * 0.02 + 0.21, 1.01 * speed(f64::from(k) * 0.02) + wobble(k, 0.03)))
            .collect();
        let (imu, wheel) = (gyro(&poses, &readings).expect("turns"), wheel(&poses, &wheels).expect("changes speed"));
        assert!((imu.offset_s - 0.137).abs() < 0.002 && imu.sigma_s < 0.002, "{imu:?}");
        assert!((wheel.offset_s + 0.21).abs() < 0.003 && wheel.sigma_s < 0.003, "{wheel:?}");
    }

    #[test]
    fn a_drive_that_goes_straight_at_one_speed_tells_no_clock() {
        let poses: Vec<Timed> =
            (0..600).map(|k| (f64::from(k) * 0.1, Pose::level(Vector3::y() * f64::from(k), 0.0))).collect();
        let wheels: Vec<(f64, f64)> = (0..3000).map(|k| (f64::from(k) * 0.02, 10.0)).collect();
        assert!(wheel(&poses, &wheels).is_none());
    }
}
