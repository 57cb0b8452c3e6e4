//! The ego's trajectory from GNSS, IMU and wheels: an error-state Kalman filter and smoother, repeated about its own
//! result until it stays.
//!
//! The state is position and velocity of the IMU, attitude, biases, the slow error of the receiver, the wheels' scale,
//! the clocks of IMU and wheels with their drift, the mount's yaw and pitch and the antenna's place. Sources: Sola
//! (2017), *Quaternion kinematics for the error-state Kalman filter*, arXiv 1711.02508; Groves (2013), *Principles of
//! GNSS, Inertial, and Multisensor Integrated Navigation Systems*, chapters 14 and 15.

mod fill;
mod guess;
mod measure;
mod model;
mod mount;
mod nodes;
mod noise;
mod preintegrate;
mod readings;
mod receiver;
mod silence;
mod solve;
#[cfg(test)]
mod tests;
mod units;

pub(super) use noise::median;
pub(super) use preintegrate::{Reading, exp as exp_rotation, log as log_rotation};
pub(super) use readings::{drive, fixes, imu, wheel};
pub(super) use solve::solve;

use std::borrow::Cow;

use nalgebra::{UnitQuaternion, Vector3};

/// No receiver and no wheel says more, m/s.
const MOST_SPEED: f64 = 120.0;

/// A cleaned GNSS fix.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fix {
    /// Nanoseconds on the reference clock, and seconds since the first fix.
    pub t_ns: i64,
    pub t: f64,
    /// The antenna, ENU metres.
    pub at: Vector3<f64>,
    /// One sigma, metres.
    pub sigma_xy_m: f64,
    pub sigma_z_m: f64,
    /// Speed over ground, m/s.
    pub speed_mps: Option<f64>,
    /// Direction of travel, radians from east to north.
    pub course_rad: Option<f64>,
}

/// A sensor's clock before it is looked into: what is to be added to its times.
#[derive(Debug, Clone, Copy)]
pub(super) struct ClockPrior {
    /// Seconds.
    pub offset_s: f64,
    /// One sigma, seconds; 0 where the clock is trusted.
    pub sigma_s: f64,
}

/// What a drive gives the smoother.
#[derive(Debug, Clone)]
pub(super) struct Drive {
    /// Fixes by time, at least two.
    pub fixes: Vec<Fix>,
    /// Inertial readings by time, in the ego's axes, on the IMU's clock.
    pub imu: Vec<Reading>,
    /// Whether an IMU felt them; else they are those of a level ego that keeps its course and speed, and how it does not
    /// is estimated as their biases: a smoother of constant turn rate and acceleration.
    pub felt: bool,
    /// Stretches that such readings fill although an IMU felt the rest, by time on the reference clock.
    pub unfelt: Vec<fill::Span>,
    /// Wheel speeds (s, m/s) by time, on the wheels' clock.
    pub wheel: Vec<(f64, f64)>,
    /// The antenna and the IMU in the ego frame, metres, where calibrated.
    pub antenna: Option<Vector3<f64>>,
    pub imu_at: Option<Vector3<f64>>,
    pub imu_clock: ClockPrior,
    pub wheel_clock: ClockPrior,
    /// Whether the receiver says how good its fixes are.
    pub sigmas_said: bool,
    /// Latitude (degrees) and height (metres) of the ENU frame's origin.
    pub origin: (f64, f64),
}

/// Without a gyro and without a fix for so long, seconds, the ego may have turned round.
const SILENT_S: f64 = 3.0;

impl Drive {
    /// Whether an IMU felt the ego at a time on the reference clock.
    fn is_felt(&self, t: f64) -> bool {
        let after = self.unfelt.partition_point(|span| span.0 <= t);
        self.felt && after.checked_sub(1).is_none_or(|i| self.unfelt[i].1 < t)
    }

    /// The readings that an IMU took; all of them where none did.
    fn taken(&self) -> Cow<'_, [Reading]> {
        match self.unfelt.is_empty() {
            true => Cow::Borrowed(&self.imu),
            false => self.imu.iter().filter(|r| self.is_felt(r.t + self.imu_clock.offset_s)).copied().collect(),
        }
    }

    /// Whether nothing was felt or heard of the ego from a fix to the next for so long that it may have turned round.
    fn is_silent(&self, after: usize) -> bool {
        let pair = self.fixes.get(after).zip(self.fixes.get(after + 1));
        pair.is_some_and(|(a, b)| b.t - a.t >= SILENT_S && !self.is_felt(0.5 * (a.t + b.t)))
    }
}

/// The ego at one time.
#[derive(Debug, Clone, Copy)]
pub(super) struct SolvedRow {
    pub t_ns: i64,
    /// `world_se3_ego`.
    pub at: Vector3<f64>,
    pub rotation: UnitQuaternion<f64>,
    pub sigma_xy_m: f64,
    pub sigma_z_m: f64,
    pub sigma_heading_rad: f64,
    pub speed_mps: f64,
    pub acceleration_mps2: f64,
    pub yaw_rate_radps: f64,
    /// The fix at this time.
    pub fix: Option<usize>,
}

/// A clock as found.
#[derive(Debug, Clone, Copy)]
pub(super) struct FoundClock {
    pub offset_s: f64,
    pub sigma_s: f64,
    pub drift_ppm: f64,
    pub drift_sigma_ppm: f64,
}

/// What came out.
#[derive(Debug, Clone)]
pub(super) struct Solution {
    pub rows: Vec<SolvedRow>,
    /// Those of sensors that were used.
    pub imu_clock: Option<FoundClock>,
    pub wheel_clock: Option<FoundClock>,
}
