//! How noisy the sensors are, from their own readings where those tell.

use nalgebra::Vector3;

use super::super::kalman::Filter;
use super::measure::{COURSE_MPS, Problem};
use super::model::{Nav, Noise, Shared};
use super::nodes::Sensed;
use super::{Drive, Reading};

/// Densities of a good consumer IMU: nothing is believed to be better (vibration is rectified, scales are off).
const GYRO_FLOOR: f64 = 2e-4;
const ACCEL_FLOOR: f64 = 5e-3;
/// Walks of the biases of consumer IMUs.
const GYRO_WALK: f64 = 5e-5;
const ACCEL_WALK: f64 = 1e-3;
/// Correlation time of GNSS errors (multipath, atmosphere): 30 to 60 s in the literature.
const TAU_S: f64 = 45.0;
/// Receivers take their errors for independent: what is slow of them is a little more than they say.
const SLOW: f64 = 1.2;
/// Share of a fix's sigma that may stay over a drive, where the sigma is but assumed.
const UNSEEN: f64 = 0.3;
/// Nodes that the likelihood of the slow error is taken over.
const LIKELY_NODES: usize = 6000;

/// What is known of the noise so far.
#[derive(Debug, Clone, Copy)]
pub(super) struct Noises {
    pub model: Noise,
    /// That of stretches that no IMU felt.
    pub unfelt: Noise,
    /// White share of a fix's sigma; the rest is slow.
    pub white: f64,
    /// Slow error over what the receiver's sigma leaves for it.
    pub slow: f64,
    /// One sigma of GNSS velocity per axis at the median fix, m/s.
    pub velocity_mps: f64,
    /// One sigma of a node's wheel speed, m/s.
    pub wheel_mps: f64,
    /// Sigma of the median fix, metres.
    pub usual_sigma_m: f64,
}

impl Noises {
    /// Before anything is known but the readings themselves.
    pub fn of(drive: &Drive) -> Noises {
        Noises {
            model: if drive.felt { of_imu(&drive.taken()) } else { of_vehicle() },
            unfelt: of_vehicle(),
            white: 0.4,
            slow: SLOW,
            velocity_mps: 0.2,
            wheel_mps: 0.05,
            usual_sigma_m: median(drive.fixes.iter().map(|f| f.sigma_xy_m).collect()).unwrap_or(1.0),
        }
    }

    /// Sigma of the slow error over that of the fix.
    pub fn slow_share(&self) -> f64 {
        self.slow * (1.0 - self.white * self.white).max(0.25).sqrt()
    }

    /// One sigma of an error that stays over a whole drive, over that of the median fix: no drive tells it, so that a
    /// receiver that says nothing of itself is believed no more than this.
    pub fn unseen(&self, drive: &Drive) -> f64 {
        if drive.sigmas_said { 0.0 } else { UNSEEN }
    }

    /// Learns from what a round left over.
    pub fn learn(&mut self, problem: &Problem, navs: &[Nav], shared: &Shared, sensed: &Sensed) {
        let (mut white, mut velocity, mut wheel) = (Vec::new(), Vec::new(), Vec::new());
        let mut last = None;
        for k in 0..problem.nodes.len() {
            let here = problem.nodes.moment(k, navs, shared, sensed);
            if let Some(fix) = problem.nodes.fix[k].map(|i| &problem.drive.fixes[i]) {
                // White is what differs from one fix to the next: the rest is slow, or the model's.
                let sigma = fix.sigma_xy_m;
                let off: [f64; 2] =
                    std::array::from_fn(|a| (fix.at[a] - here.position(a, self.slow_share() * sigma).value) / sigma);
                if let Some((_, before)) = last.filter(|(t, _): &(f64, [f64; 2])| fix.t - t < 1.5) {
                    white.extend((0..2).map(|a| (off[a] - before[a]) / std::f64::consts::SQRT_2));
                }
                last = Some((fix.t, off));
                if let Some((speed, course)) = fix.speed_mps.zip(fix.course_rad).filter(|s| s.0 > COURSE_MPS) {
                    let (sin, cos) = libm::sincos(course);
                    let usual = (self.usual_sigma_m / sigma).min(2.0);
                    velocity.push((speed - here.velocity_along(Vector3::new(cos, sin, 0.0)).value) * usual);
                    velocity.push(-here.velocity_along(Vector3::new(-sin, cos, 0.0)).value * usual);
                }
            }
            if let Some(mean) = sensed.wheel[k].filter(|_| !sensed.still[k]) {
                wheel.push(mean.speed_mps - here.wheel(mean.late_s).value);
            }
        }
        if let Some(sigma) = robust_sigma(white) {
            self.white = sigma.clamp(0.01, 0.85);
        }
        // Along and across come in turn: each with its own kind.
        let lasting = longer(&velocity, 2);
        if let Some(sigma) = robust_sigma(velocity) {
            self.velocity_mps = (sigma * lasting).clamp(0.03, 1.0);
        }
        let lasting = longer(&wheel, 1);
        if let Some(sigma) = robust_sigma(wheel) {
            self.wheel_mps = (sigma * lasting).clamp(0.01, 0.5);
        }
    }

    /// Finds the scale of the slow error under which the fixes of a receiver that says nothing of itself are likeliest.
    /// What it changes by is seen here, what it stays at is not: see [`Noises::unseen`].
    pub fn weigh_slow(&mut self, problem: &Problem, navs: &[Nav], shared: &Shared, sensed: &Sensed) {
        const STEP: f64 = 0.5;
        const SPREAD: f64 = 1.5;
        const LEAST: f64 = -4.0;
        let score = |x: f64| {
            let noises = Noises { slow: SLOW * libm::exp(x), ..*self };
            let first = &navs[..navs.len().min(LIKELY_NODES)];
            let mut filter = Filter::new(0);
            problem.run(&mut filter, first, shared, sensed, &noises);
            filter.log_likelihood - 0.5 * (x / SPREAD) * (x / SPREAD)
        };
        let (mut x, mut best) = (0.0, score(0.0));
        let mut beside = [score(-STEP), score(STEP)];
        // Up to the top of a smooth hill, then to that of the parabola through three points.
        while x > LEAST && beside[0] > best {
            (x, beside, best) = (x - STEP, [score(x - 2.0 * STEP), best], beside[0]);
        }
        while x < 2.0 && beside[1] > best {
            (x, beside, best) = (x + STEP, [best, score(x + 2.0 * STEP)], beside[1]);
        }
        let bend = beside[0] + beside[1] - 2.0 * best;
        let top = if bend < 0.0 { 0.5 * STEP * (beside[0] - beside[1]) / bend } else { 0.0 };
        self.slow = SLOW * libm::exp((x + top.clamp(-STEP, STEP)).max(LEAST));
    }
}

/// The noise of an IMU: white noise from second differences, which motion hardly enters.
fn of_imu(readings: &[Reading]) -> Noise {
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
        gyro_walk: Vector3::repeat(GYRO_WALK),
        accel_walk: Vector3::repeat(ACCEL_WALK),
        tau_s: TAU_S,
    }
}

/// Readings that nobody took: their biases walk as a vehicle turns, brakes and leans.
fn of_vehicle() -> Noise {
    Noise {
        gyro: 2e-3,
        accel: 0.02,
        gyro_walk: Vector3::new(2e-3, 2e-3, 0.25),
        accel_walk: Vector3::new(1.0, 1.0, 0.02),
        tau_s: TAU_S,
    }
}

/// By how much a sigma grows since neighbouring residuals (`apart` places on) are alike: as if each had been counted as
/// often as it lasts.
fn longer(residuals: &[f64], apart: usize) -> f64 {
    let square: f64 = residuals.iter().map(|r| r * r).sum();
    let both: f64 = residuals.iter().zip(residuals.iter().skip(apart)).map(|(a, b)| a * b).sum();
    let alike = (both / square.max(1e-12)).clamp(0.0, 0.95);
    ((1.0 + alike) / (1.0 - alike)).sqrt()
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
fn robust_sigma(residuals: Vec<f64>) -> Option<f64> {
    if residuals.len() < 20 {
        return None;
    }
    median(residuals.into_iter().map(f64::abs).collect()).map(|m| m * 1.4826)
}
