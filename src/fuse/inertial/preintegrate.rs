//! Inertial readings summed up between two moments, so that the filter takes ten steps a second and not a hundred.
//!
//! Source: Forster, Carlone, Dellaert and Scaramuzza (2017), *On-manifold preintegration for real-time visual-inertial
//! odometry*, IEEE Transactions on Robotics 33. Readings are linear between their times; each piece turns and pushes by
//! its middle.

use nalgebra::{Quaternion, UnitQuaternion, Vector3};

/// An inertial reading in the ego's axes, seconds on the reference clock.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::fuse) struct Reading {
    /// Seconds since the start.
    pub t: f64,
    /// Specific force, m/s².
    pub force: Vector3<f64>,
    /// Angular rate, rad/s.
    pub rate: Vector3<f64>,
}

/// What an IMU felt between two moments, in its own axes at the first.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stretch {
    /// Seconds.
    pub dt: f64,
    /// Turn from the first moment to the second.
    pub turn: UnitQuaternion<f64>,
    /// Change of velocity without gravity, m/s.
    pub dv: Vector3<f64>,
    /// Change of position without gravity and the velocity at the first moment, m.
    pub dp: Vector3<f64>,
    /// Mean angular rate without bias, rad/s.
    pub rate: Vector3<f64>,
    /// Whether readings cover the stretch; without them the rest is zero.
    pub covered: bool,
}

/// The rotation by a rotation vector, through `libm`.
pub(in crate::fuse) fn exp(v: Vector3<f64>) -> UnitQuaternion<f64> {
    let half = 0.5 * v.norm();
    // The series to rounding where the angle is small, as between two readings.
    let square = half * half;
    let (w, scale) = match half < 0.02 {
        true => (
            1.0 - square / 2.0 * (1.0 - square / 12.0 * (1.0 - square / 30.0)),
            0.5 * (1.0 - square / 6.0 * (1.0 - square / 20.0 * (1.0 - square / 42.0))),
        ),
        false => (libm::cos(half), 0.5 * libm::sin(half) / half),
    };
    UnitQuaternion::new_normalize(Quaternion::new(w, v.x * scale, v.y * scale, v.z * scale))
}

/// The rotation vector of a rotation.
pub(in crate::fuse) fn log(q: &UnitQuaternion<f64>) -> Vector3<f64> {
    let sign = if q.w < 0.0 { -1.0 } else { 1.0 };
    let (w, v) = (q.w * sign, q.imag() * sign);
    let norm = v.norm();
    if norm < 1e-10 { v * 2.0 } else { v * (2.0 * libm::atan2(norm, w) / norm) }
}

/// Readings in order, to be summed up stretch by stretch.
pub(super) struct Readings<'a> {
    readings: &'a [Reading],
    /// Neighbours farther apart than this leave a gap, seconds.
    gap_s: f64,
    /// A reading's time on the reference clock is so much, and so many times its own.
    clock: (f64, f64),
}

impl<'a> Readings<'a> {
    pub fn new(readings: &'a [Reading], gap_s: f64) -> Readings<'a> {
        Readings { readings, gap_s, clock: (0.0, 1.0) }
    }

    /// The same readings on a clock that is off by `offset_s` at `middle` (seconds) and drifts by so many millionths.
    pub fn on_clock(self, offset_s: f64, ppm: f64, middle: f64) -> Readings<'a> {
        Readings { clock: (offset_s - ppm * 1e-6 * middle, 1.0 + ppm * 1e-6), ..self }
    }

    #[inline]
    fn t(&self, r: &Reading) -> f64 {
        self.clock.0 + self.clock.1 * r.t
    }

    /// The first reading after a time.
    fn after(&self, t: f64) -> usize {
        self.readings.partition_point(|r| self.t(r) <= t)
    }

    /// Sums up from `from` to `to` (seconds on the reference clock), less the biases given.
    pub fn between(&self, from: f64, to: f64, gyro_bias: Vector3<f64>, accel_bias: Vector3<f64>) -> Stretch {
        self.sum(self.after(from), from, to, gyro_bias, accel_bias)
    }

    /// Sums up from each time to the next, less the biases (gyro, accelerometer) at the first of the two.
    pub fn stretches(&self, t: &[f64], biases: impl Iterator<Item = (Vector3<f64>, Vector3<f64>)>) -> Vec<Stretch> {
        let mut j = 0;
        (t.windows(2).zip(biases))
            .map(|(t, bias)| {
                while self.readings.get(j).is_some_and(|r| self.t(r) <= t[0]) {
                    j += 1;
                }
                self.sum(j, t[0], t[1], bias.0, bias.1)
            })
            .collect()
    }

    /// The same from the reading `j`, the first after `from`.
    fn sum(&self, mut j: usize, from: f64, to: f64, gyro_bias: Vector3<f64>, accel_bias: Vector3<f64>) -> Stretch {
        let mut out = Stretch {
            dt: to - from,
            turn: UnitQuaternion::identity(),
            dv: Vector3::zeros(),
            dp: Vector3::zeros(),
            rate: Vector3::zeros(),
            covered: false,
        };
        let all = self.readings;
        if j == 0 || to > all.last().map_or(f64::NEG_INFINITY, |r| self.t(r)) {
            return out;
        }
        let mut done = out;
        let mut at = from;
        while at < to {
            let Some(b) = all.get(j) else { return out };
            let a = &all[j - 1];
            let (since, until) = (self.t(a), self.t(b));
            let span = until - since;
            if span > self.gap_s {
                return out;
            }
            let end = until.min(to);
            let h = end - at;
            let w = ((0.5 * (at + end) - since) / span).clamp(0.0, 1.0);
            let rate = a.rate * (1.0 - w) + b.rate * w - gyro_bias;
            let force = a.force * (1.0 - w) + b.force * w - accel_bias;
            let half = exp(rate * (0.5 * h));
            let middle = done.turn * half;
            let push = middle * force;
            done.dp += done.dv * h + push * (0.5 * h * h);
            done.dv += push * h;
            done.turn = middle * half;
            done.rate += rate * h;
            at = end;
            j += 1;
        }
        out = done;
        out.rate /= out.dt.max(1e-9);
        out.covered = true;
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_circle_comes_out_as_a_circle() {
        // 10 m/s on a circle of 50 m: 0.2 rad/s, 2 m/s² to the left.
        let readings: Vec<Reading> = (0..200)
            .map(|k| Reading {
                t: f64::from(k) * 0.01 - 0.003,
                force: Vector3::new(0.01, 2.0, 0.0),
                rate: Vector3::new(0.0, 0.0, 0.21),
            })
            .collect();
        let readings = Readings::new(&readings, 0.05);
        let bias = (Vector3::new(0.0, 0.0, 0.01), Vector3::new(0.01, 0.0, 0.0));
        let s = readings.between(0.1, 1.1, bias.0, bias.1);
        let (sin, cos) = libm::sincos(0.2);
        // v1 − v0 and p1 − p0 − v0 with v0 = (10, 0).
        let dv = Vector3::new(10.0 * cos - 10.0, 10.0 * sin, 0.0);
        let dp = Vector3::new(50.0 * sin - 10.0, 50.0 - 50.0 * cos, 0.0);
        assert!(s.covered && (s.dv - dv).norm() < 1e-4 && (s.dp - dp).norm() < 1e-4, "{} {}", s.dv - dv, s.dp - dp);
        assert!((log(&s.turn) - Vector3::new(0.0, 0.0, 0.2)).norm() < 1e-9);
        assert!(
            !readings.between(1.5, 2.5, bias.0, bias.1).covered && !readings.between(-0.1, 0.5, bias.0, bias.1).covered
        );
    }
}
