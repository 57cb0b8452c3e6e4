//! How an IMU sits in the vehicle, where no calibration says it or the one given cannot be.
//!
//! Gravity tells which way is up; what the vehicle feels when it brakes and turns, against what its positions do, tells
//! which way is ahead.

use nalgebra::{UnitQuaternion, Vector3};

use super::preintegrate::exp;
use super::{Fix, Reading};

/// A calibration that puts up so far from where gravity has it, degrees, is wrong.
const TILTED_DEG: f64 = 35.0;
/// Forces felt and seen that agree less than this do not tell what is ahead.
const LOWEST_CORRELATION: f64 = 0.4;
/// Fewer moments than this do not either.
const FEWEST: usize = 20;

/// Two accelerations on the ground, m/s².
type Pair = ([f64; 2], [f64; 2]);

/// Mean specific force: mostly gravity.
pub(super) fn mean_force(readings: &[Reading]) -> Vector3<f64> {
    readings.iter().map(|r| r.force).sum::<Vector3<f64>>() / readings.len().max(1) as f64
}

/// Whether gravity points down in the ego's axes as a calibration has them.
pub(super) fn is_upright(readings: &[Reading]) -> bool {
    let mean = mean_force(readings);
    mean.z > mean.norm() * libm::cos(TILTED_DEG.to_radians())
}

/// Turns readings so that gravity points down.
pub(super) fn level(readings: &mut [Reading]) {
    let up = mean_force(readings);
    let axis = up.cross(&Vector3::z());
    let angle = libm::atan2(axis.norm(), up.z);
    // Upside down any level axis will do.
    let axis = if axis.norm() > 1e-9 { axis.normalize() } else { Vector3::x() };
    turn(readings, &exp(axis * angle));
}

/// Turns levelled readings so that x is ahead, by the accelerations of the fixes; `false` where they do not tell.
/// `offset_s` is to be added to the readings' times.
pub(super) fn face_ahead(readings: &mut [Reading], fixes: &[Fix], offset_s: f64) -> bool {
    // Accelerations ahead and to the left: as the fixes have them, as felt.
    let mut pairs: Vec<Pair> = Vec::new();
    let mut j = 0;
    for b in fixes {
        while b.t - fixes[j].t > 1.05 {
            j += 1;
        }
        let a = &fixes[j];
        let dt = b.t - a.t;
        let (Some(va), Some(vb), Some(ca), Some(cb)) = (a.speed_mps, b.speed_mps, a.course_rad, b.course_rad) else {
            continue;
        };
        let from = readings.partition_point(|r| r.t + offset_s < a.t);
        let to = readings.partition_point(|r| r.t + offset_s < b.t);
        if dt < 0.15 || va.min(vb) < 1.0 || to < from + 5 {
            continue;
        }
        let turn = libm::remainder(cb - ca, std::f64::consts::TAU);
        let felt = readings[from..to].iter().map(|r| r.force).sum::<Vector3<f64>>() / (to - from) as f64;
        pairs.push(([(vb - va) / dt, 0.5 * (va + vb) * turn / dt], [felt.x, felt.y]));
    }
    if pairs.len() < FEWEST {
        return false;
    }
    let n = pairs.len() as f64;
    let mean = |of: &dyn Fn(&Pair) -> f64| pairs.iter().map(of).sum::<f64>() / n;
    let (a0, a1) = (mean(&|p| p.0[0]), mean(&|p| p.0[1]));
    let (f0, f1) = (mean(&|p| p.1[0]), mean(&|p| p.1[1]));
    let (mut along, mut across, mut seen, mut felt) = (0.0, 0.0, 0.0, 0.0);
    for (a, f) in &pairs {
        let (a, f) = ([a[0] - a0, a[1] - a1], [f[0] - f0, f[1] - f1]);
        along += a[0] * f[0] + a[1] * f[1];
        across += a[0] * f[1] - a[1] * f[0];
        seen += a[0] * a[0] + a[1] * a[1];
        felt += f[0] * f[0] + f[1] * f[1];
    }
    if libm::hypot(along, across) < LOWEST_CORRELATION * (seen * felt).sqrt() || seen <= 0.0 {
        return false;
    }
    turn(readings, &exp(Vector3::new(0.0, 0.0, -libm::atan2(across, along))));
    true
}

fn turn(readings: &mut [Reading], by: &UnitQuaternion<f64>) {
    for r in readings {
        r.force = by * r.force;
        r.rate = by * r.rate;
    }
}
