//! What a vehicle's GNSS receiver, IMU and wheels say of a drive, with the errors that real ones have.

use nalgebra::{Quaternion, UnitQuaternion, Vector3};

use crate::coord::{Geodetic, Pose, heading_deg};
use crate::record::{GnssFix, ImuReading, WheelReading};
use crate::synth::dice::Dice;
use crate::synth::town::Town;
use crate::time::Timestamp;

use super::motion::Motion;

/// Standard gravity at Pangyo (GRS 80 normal gravity at 37.39° and 60 m), m/s².
pub const GRAVITY_MPS2: f64 = 9.7992;
/// Distance of the axles, metres: steering angle from curvature.
const WHEELBASE_M: f64 = 2.8;
/// Correlation time of slow GNSS errors, seconds.
const GNSS_TAU_S: f64 = 40.0;
/// Slow and white GNSS error per horizontal axis under open sky, metres.
const GNSS_SLOW_M: f64 = 1.1;
const GNSS_WHITE_M: f64 = 0.4;
/// Seconds after the end of a tunnel until the receiver has a fix again.
const REACQUIRE_S: f64 = 1.5;

/// Where the sensors of the vehicle sit and how their clocks run.
pub struct Rig {
    /// `ego_se3_sensor` of the GNSS antenna.
    pub gnss: Pose,
    /// `ego_se3_sensor` of the IMU.
    pub imu: Pose,
    /// By sensor name: what must be added to its timestamps, nanoseconds; GNSS is the reference.
    pub offsets: Vec<(&'static str, i64)>,
}

impl Rig {
    /// The rig of a drive; clock offsets are drawn anew for each.
    pub fn new(seed: u64, drive: &str) -> Rig {
        let mut dice = Dice::new(seed, &format!("rig/{drive}"));
        let mut offset = |low_ms: f64, high_ms: f64| {
            let sign = if dice.chance(0.5) { 1.0 } else { -1.0 };
            // Whole microseconds, as clocks are set.
            libm::round(sign * dice.between(low_ms, high_ms) * 1e3) as i64 * 1000
        };
        let offsets = vec![
            ("gnss", 0),
            ("imu", offset(18.0, 60.0)),
            ("wheel", offset(40.0, 110.0)),
            ("front", offset(5.0, 25.0)),
            ("pano", offset(5.0, 40.0)),
            ("top", offset(2.0, 12.0)),
            ("cabin", offset(1.0, 30.0)),
        ];
        let (sin, cos) = libm::sincos(0.012);
        Rig {
            gnss: Pose::new(Vector3::new(0.9, 0.0, 1.55), UnitQuaternion::identity()),
            imu: Pose::new(
                Vector3::new(0.55, -0.1, 0.62),
                UnitQuaternion::new_normalize(Quaternion::new(cos, 0.0, 0.0, sin)),
            ),
            offsets,
        }
    }

    /// What must be added to a sensor's timestamps, nanoseconds.
    pub fn offset_ns(&self, sensor: &str) -> i64 {
        self.offsets.iter().find(|o| o.0 == sensor).map_or(0, |o| o.1)
    }
}

/// A drive at a date, as its sensors see it.
pub struct Senses<'a> {
    /// The town around it.
    pub town: &'a Town,
    /// The drive.
    pub motion: &'a Motion,
    /// The vehicle.
    pub rig: &'a Rig,
    /// True time of the drive's start.
    pub start: Timestamp,
    /// Seed of noise.
    pub seed: u64,
    /// Name of the drive.
    pub name: &'a str,
}

impl Senses<'_> {
    fn dice(&self, sensor: &str) -> Dice {
        Dice::new(self.seed, &format!("{sensor}/{}", self.name))
    }

    /// What a sensor's clock shows `t` seconds after the start.
    pub fn stamp(&self, sensor: &str, t: f64) -> Timestamp {
        Timestamp::from_ns(self.start.ns() + libm::round(t * 1e9) as i64 - self.rig.offset_ns(sensor))
    }

    /// GNSS fixes, `hz` a second: white and slow errors that grow between high buildings, none in the tunnel.
    pub fn gnss(&self, hz: f64) -> Vec<GnssFix> {
        let mut dice = self.dice("gnss");
        let mut slow = Vector3::from_fn(|_, _| dice.normal());
        let keep = libm::exp(-1.0 / (hz * GNSS_TAU_S));
        let renew = (1.0 - keep * keep).sqrt();
        let (mut fixes, mut last_dark) = (Vec::new(), f64::NEG_INFINITY);
        for k in 0..=(self.motion.duration_s() * hz) as usize {
            let t = k as f64 / hz;
            slow = slow * keep + Vector3::from_fn(|_, _| dice.normal()) * renew;
            let white = Vector3::from_fn(|_, _| dice.normal());
            let (speed_noise, course_noise) = (dice.normal(), dice.normal());
            let pose = self.motion.pose(t);
            if self.town.in_tunnel(pose.translation.xy()) {
                last_dark = t;
            }
            if t - last_dark < REACQUIRE_S {
                continue;
            }
            // The first fixes after a gap are worse, and say so.
            let fresh = 1.0 + 1.2 * libm::exp(-(t - last_dark) / 4.0);
            let worse = fresh * (1.0 + 0.2 * self.town.high_buildings_near(pose.translation.xy(), 30.0).min(5) as f64);
            let up = Vector3::new(1.0, 1.0, 1.9);
            let error = (slow * GNSS_SLOW_M + white * GNSS_WHITE_M).component_mul(&up) * worse;
            let sigma = libm::hypot(GNSS_SLOW_M, GNSS_WHITE_M) * worse;
            let place = self.town.frame.to_geodetic(pose.apply(self.rig.gnss.translation) + error);
            let before = self.motion.pose(t - 0.01).apply(self.rig.gnss.translation);
            let after = self.motion.pose(t + 0.01).apply(self.rig.gnss.translation);
            let velocity = (after - before) / 0.02;
            let speed = libm::hypot(velocity.x, velocity.y);
            // Across the way Doppler is as noisy as along it; at a crawl it does not know a course.
            let course =
                heading_deg(velocity.x, velocity.y) + (0.07 * worse * course_noise / speed.max(0.1)).to_degrees();
            fixes.push(GnssFix {
                t: Some(self.stamp("gnss", t)),
                place,
                speed_mps: Some((speed + 0.06 * worse * speed_noise).abs()),
                course_deg: (speed > 0.6).then(|| crate::coord::wrap_degrees(course)),
                sigma_xy_m: Some(sigma),
                sigma_z_m: Some(sigma * 1.9),
                record: fixes.len() as u64,
            });
        }
        fixes
    }

    /// IMU readings at 100 Hz in the sensor's frame: biases that wander, noise, and the shaking of the road.
    pub fn imu(&self) -> Vec<ImuReading> {
        const HZ: f64 = 100.0;
        let mut dice = self.dice("imu");
        let mut draw = |scale: f64| Vector3::from_fn(|_, _| dice.normal() * scale);
        let (mut accel_bias, mut gyro_bias) = (draw(0.06), draw(0.004));
        let phase = 0.0031;
        let h = 0.01;
        let at = |t: f64| self.motion.pose(t) * self.rig.imu;
        let mut readings = Vec::new();
        for k in 2..(self.motion.duration_s() * HZ) as usize - 2 {
            let t = k as f64 / HZ + phase;
            let (before, here, after) = (at(t - h), at(t), at(t + h));
            let acceleration = (after.translation - here.translation * 2.0 + before.translation) / (h * h);
            let force = here.rotation.inverse() * (acceleration + Vector3::new(0.0, 0.0, GRAVITY_MPS2));
            let turn = (before.rotation.inverse() * after.rotation).into_inner();
            // Of the two quaternions of a rotation the one of the smaller angle: poses keep w positive, their ratio need not.
            let turn = if turn.w < 0.0 { -turn } else { turn };
            // Half a small rotation's vector part over its time: the mean rate over ±h, right to h².
            let rate = turn.imag() * (2.0 / turn.w.max(0.5)) / (2.0 * h);
            accel_bias += draw(0.002 / HZ.sqrt());
            gyro_bias += draw(0.000_05 / HZ.sqrt());
            let shaking = 0.02 * self.motion.speed_mps(t).min(12.0);
            readings.push(ImuReading {
                t: self.stamp("imu", t),
                accel_mps2: force + accel_bias + draw(0.03 + shaking * 0.4),
                gyro_radps: rate + gyro_bias + draw(0.0012 + shaking * 0.01),
            });
        }
        readings
    }

    /// Wheel readings at 50 Hz: a scale that is off by the tyres' wear, steps of the encoder, a steering angle.
    pub fn wheel(&self) -> Vec<WheelReading> {
        const HZ: f64 = 50.0;
        let mut dice = self.dice("wheel");
        let scale = 1.0 + 0.012 * dice.normal();
        let zero = 0.004 * dice.normal();
        (1..(self.motion.duration_s() * HZ) as usize - 1)
            .map(|k| {
                let t = k as f64 / HZ + 0.0072;
                let speed = self.motion.speed_mps(t).max(0.0);
                let curvature = if speed > 0.3 { self.motion.yaw_rate_radps(t) / speed } else { 0.0 };
                WheelReading {
                    t: self.stamp("wheel", t),
                    speed_mps: libm::round(speed * scale / 0.02) * 0.02,
                    steering_rad: Some(libm::atan(WHEELBASE_M * curvature) + zero + 0.001 * dice.normal()),
                }
            })
            .collect()
    }

    /// True poses at 100 Hz: place and rotation of the ego in the ENU axes at that place.
    pub fn truth(&self) -> Vec<(Timestamp, Geodetic, UnitQuaternion<f64>)> {
        (0..=(self.motion.duration_s() * 100.0) as usize)
            .map(|k| {
                let t = k as f64 / 100.0;
                let (place, rotation) = self.town.at(&self.motion.pose(t));
                (Timestamp::from_ns(self.start.ns() + k as i64 * 10_000_000), place, rotation)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synth::drive::route::{line, planned};

    fn drive(test: impl Fn(&Senses)) {
        let town = Town::new(7);
        let line = line(&town, &planned(0).expect("planned"), &mut Dice::new(7, "route/0"));
        let motion = Motion::along(&line, 120.0);
        for k in 0..6 {
            let name = format!("drive-{k}");
            let rig = Rig::new(7, &name);
            let start = Timestamp::from_ns(1_776_000_000_000_000_000);
            test(&Senses { town: &town, motion: &motion, rig: &rig, start, seed: 7, name: &name });
        }
    }

    #[test]
    fn an_imu_at_rest_feels_gravity() {
        drive(|senses| {
            let rest: Vec<_> = senses.imu().into_iter().take(80).collect();
            let mean = rest.iter().map(|r| r.accel_mps2).sum::<Vector3<f64>>() / rest.len() as f64;
            assert!((mean - Vector3::new(0.0, 0.0, GRAVITY_MPS2)).norm() < 0.35, "{mean}");
            let turn = rest.iter().map(|r| r.gyro_radps).sum::<Vector3<f64>>() / rest.len() as f64;
            assert!(turn.norm() < 0.02, "{turn}");
        });
    }

    #[test]
    fn gyro_and_yaw_of_the_truth_agree_once_its_clock_is_put_right() {
        drive(|senses| {
            let readings = senses.imu();
            let mount = senses.rig.imu.rotation;
            let turned: f64 = readings.iter().map(|r| (mount * r.gyro_radps).z * 0.01).sum();
            let first = senses.motion.pose(0.0231).yaw_rad();
            let seconds = |t: Timestamp| (t.ns() + senses.rig.offset_ns("imu") - senses.start.ns()) as f64 / 1e9;
            let last = readings.last().expect("readings").t;
            let true_turn = senses.motion.pose(seconds(last)).yaw_rad() - first;
            let wrapped = libm::remainder(turned - true_turn, std::f64::consts::TAU);
            // A bias of 3 sigma over 100 s.
            assert!(wrapped.abs() < 1.5, "{turned} {true_turn}");
        });
    }

    #[test]
    fn gnss_errors_are_as_large_as_their_sigmas_and_the_tunnel_has_none() {
        let ratios = std::cell::RefCell::new(Vec::new());
        drive(|senses| {
            let mut last = senses.start;
            let mut longest: f64 = 0.0;
            for fix in senses.gnss(5.0) {
                let t = fix.t.expect("a time");
                longest = longest.max(t.seconds_since(last));
                last = t;
                let pose = senses.motion.pose(t.seconds_since(senses.start));
                let error = senses.town.frame.to_enu(fix.place) - pose.apply(senses.rig.gnss.translation);
                let sigma = fix.sigma_xy_m.expect("a sigma");
                ratios.borrow_mut().push((error.x * error.x + error.y * error.y) / (2.0 * sigma * sigma));
            }
            assert!(longest > 8.0, "the tunnel lasts only {longest} s");
        });
        let ratios = ratios.into_inner();
        let mean = ratios.iter().sum::<f64>() / ratios.len() as f64;
        // Six drives of 100 s hold about 15 independent slow errors in two axes.
        assert!((0.4..2.0).contains(&mean), "{mean}");
    }
}
