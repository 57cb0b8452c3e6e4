//! How noisy the sensors are, from their own readings where those tell.

use super::Reading;
use super::model::Noise;

/// Densities of a good consumer IMU: nothing is believed to be better (vibration is rectified, scales are off).
const GYRO_FLOOR: f64 = 2e-4;
const ACCEL_FLOOR: f64 = 5e-3;
/// Walks of the biases of consumer IMUs.
const GYRO_WALK: f64 = 5e-5;
const ACCEL_WALK: f64 = 1e-3;
/// Correlation time of GNSS errors (multipath, atmosphere): 30 to 60 s in the literature.
const TAU_S: f64 = 45.0;

/// The noise of an IMU: white noise from second differences, which motion hardly enters.
pub(super) fn of_imu(readings: &[Reading]) -> Noise {
    let period = median(readings.windows(2).map(|w| w[1].t - w[0].t).collect()).unwrap_or(0.01);
    let white = |of: &dyn Fn(&Reading) -> f64| {
        let second: Vec<f64> =
            readings.windows(3).step_by(3).map(|w| (of(&w[0]) - 2.0 * of(&w[1]) + of(&w[2])).abs()).collect();
        median(second).unwrap_or(0.0) * 1.4826 / 6f64.sqrt() * period.sqrt()
    };
    let worst = |of: [&dyn Fn(&Reading) -> f64; 3]| of.into_iter().map(white).fold(0.0, f64::max);
    Noise {
        gyro: worst([&|r| r.rate.x, &|r| r.rate.y, &|r| r.rate.z]).clamp(GYRO_FLOOR, 0.05),
        accel: worst([&|r| r.force.x, &|r| r.force.y, &|r| r.force.z]).clamp(ACCEL_FLOOR, 0.5),
        gyro_walk: GYRO_WALK,
        accel_walk: ACCEL_WALK,
        tau_s: TAU_S,
    }
}

/// The middle value; `None` of nothing. Not-numbers go to the end.
pub(in crate::fuse) fn median(mut values: Vec<f64>) -> Option<f64> {
    let middle = values.len() / 2;
    if values.is_empty() {
        return None;
    }
    Some(*values.select_nth_unstable_by(middle, f64::total_cmp).1)
}

/// One sigma of residuals that are mostly normal, by their median; `None` of fewer than 20.
pub(super) fn robust_sigma(residuals: Vec<f64>) -> Option<f64> {
    if residuals.len() < 20 {
        return None;
    }
    median(residuals.into_iter().map(f64::abs).collect()).map(|m| m * 1.4826)
}
