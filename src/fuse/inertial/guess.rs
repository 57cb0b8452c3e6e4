//! A first trajectory to start from: positions by the smoother of single axes, the heading by the gyro, held to the
//! course where the ego moves.

use nalgebra::{UnitQuaternion, Vector3};

use super::super::smoother::{ACCELERATION_PSD_XY, ACCELERATION_PSD_Z, AxisState, between, smooth_axis};
use super::model::{Nav, Shared};
use super::nodes::Nodes;
use super::preintegrate::{Readings, exp};
use super::{Drive, noise::median};

/// Slower than this, m/s, positions tell no course.
const MOVING_MPS: f64 = 2.0;

/// A turn by more than this from fix to fix is a reversal, radians.
const REVERSES_RAD: f64 = 2.4;
/// A turn by less than this in silence is taken the short way, radians.
const SIDEWAYS_RAD: f64 = 1.5;

/// A turn by `step` from `course` (radians, left positive) the way round that leads to where the ego then was, `moved` on:
/// to the left where that lies left. Straight ahead and behind tell nothing.
fn towards(step: f64, course: f64, moved: Vector3<f64>) -> f64 {
    let left = libm::cos(course) * moved.y - libm::sin(course) * moved.x;
    let tells = left.abs() > 0.2 * moved.xy().norm();
    match tells && (left > 0.0) != (step > 0.0) {
        true => step - std::f64::consts::TAU * step.signum(),
        false => step,
    }
}

/// The trajectory at the nodes; `None` where the ego hardly moves.
pub(super) fn guess(drive: &Drive, nodes: &Nodes, shared: &Shared, readings: &Readings) -> Option<Vec<Nav>> {
    let fixes = &drive.fixes;
    let (times, fix_before) = (&nodes.t, &nodes.fix_before);
    let t: Vec<f64> = fixes.iter().map(|f| f.t).collect();
    let axis = |k: usize| {
        let z: Vec<f64> = fixes.iter().map(|f| f.at[k]).collect();
        let sigma: Vec<f64> = fixes.iter().map(|f| if k < 2 { f.sigma_xy_m } else { f.sigma_z_m }).collect();
        smooth_axis(&t, &z, &sigma, if k < 2 { ACCELERATION_PSD_XY } else { ACCELERATION_PSD_Z })
    };
    let axes = [axis(0), axis(1), axis(2)];
    let place = |k: usize, x: f64| -> (Vector3<f64>, Vector3<f64>) {
        let i = fix_before[k];
        let j = (i + 1).min(fixes.len() - 1);
        let dt = t[j] - t[i];
        let w = if dt > 0.0 { ((x - t[i]) / dt).clamp(0.0, 1.0) } else { 0.0 };
        let of = |f: &dyn Fn(&AxisState, &AxisState) -> f64| Vector3::from_fn(|a, _| f(&axes[a][i], &axes[a][j]));
        (of(&|a, b| between(a, b, dt, w)), of(&|a, b| a.v * (1.0 - w) + b.v * w))
    };
    // The gyro's turn from node to node, less its bias as seen at rest.
    let still: Vec<f64> = (times.windows(2).enumerate())
        .filter(|(k, _)| nodes.felt[*k])
        .filter(|(k, _)| fixes[fix_before[*k]].speed_mps.unwrap_or(f64::INFINITY) < 0.1)
        .map(|(_, w)| readings.between(w[0], w[1], Vector3::zeros(), Vector3::zeros()))
        .filter(|s| s.covered)
        .map(|s| s.rate.z)
        .collect();
    let bias = Vector3::new(0.0, 0.0, if still.len() >= 10 { median(still).unwrap_or(0.0) } else { 0.0 });
    // Speed and course at a fix.
    let moving = |i: usize| {
        let velocity = Vector3::new(axes[0][i].v, axes[1][i].v, 0.0);
        let speed = fixes[i].speed_mps.unwrap_or(velocity.norm());
        let fast = speed >= MOVING_MPS && velocity.norm() >= 0.5 * MOVING_MPS;
        fast.then(|| (speed, fixes[i].course_rad.unwrap_or(libm::atan2(velocity.y, velocity.x))))
    };
    // How fast it turns after a node by the courses of the fixes around it, where nobody felt it.
    let seen = |k: usize| {
        let i = fix_before[k];
        let (Some(a), Some(b)) = (moving(i), (i + 1 < fixes.len()).then(|| moving(i + 1)).flatten()) else {
            return 0.0;
        };
        let step = libm::remainder(b.1 - a.1, std::f64::consts::TAU);
        if step.abs() > REVERSES_RAD { 0.0 } else { step / (t[i + 1] - t[i]).max(1e-3) }
    };
    let mut turned = vec![0.0; times.len()];
    for k in 1..times.len() {
        let s = readings.between(times[k - 1], times[k], bias, Vector3::zeros());
        turned[k] = turned[k - 1] + if drive.felt && !nodes.felt[k - 1] { seen(k - 1) * s.dt } else { s.rate.z * s.dt };
    }
    // What is to be added to it: the course of each moving fix less the turn so far, smooth in time.
    let (mut at, mut offset, mut sigma) = (Vec::new(), Vec::new(), Vec::new());
    let mut last: Option<(f64, usize)> = None;
    for (k, &x) in times.iter().enumerate() {
        let i = fix_before[k];
        if x != t[i] || at.last() == Some(&x) {
            continue;
        }
        let Some((speed, course)) = moving(i) else { continue };
        let mut o = course - turned[k];
        if let Some((last, before)) = last {
            let mut step = libm::remainder(o - last, std::f64::consts::TAU);
            // It reverses; but where nothing was heard of it meanwhile, it turned round.
            let heard = (before..i).all(|j| !drive.is_silent(j));
            if step.abs() > REVERSES_RAD && heard {
                step = libm::remainder(step + std::f64::consts::PI, std::f64::consts::TAU);
            } else if step.abs() > SIDEWAYS_RAD && !heard {
                step = towards(step, course - step, fixes[i].at - fixes[before].at);
            }
            o = last + step;
        }
        last = Some((o, i));
        at.push(x);
        offset.push(o);
        sigma.push((0.5 / speed).max(0.03));
    }
    if at.len() < 5 {
        return None;
    }
    // Without a gyro it is the course itself.
    let smooth = smooth_axis(&at, &offset, &sigma, if drive.felt { 1e-4 } else { 0.3 });
    Some(
        times
            .iter()
            .enumerate()
            .map(|(k, &x)| {
                let j = at.partition_point(|a| *a <= x).clamp(1, at.len() - 1);
                let w = ((x - at[j - 1]) / (at[j] - at[j - 1])).clamp(0.0, 1.0);
                let yaw = turned[k] + smooth[j - 1].p * (1.0 - w) + smooth[j].p * w;
                let q: UnitQuaternion<f64> = exp(Vector3::new(0.0, 0.0, yaw));
                let (p, mut v) = place(k, x);
                if drive.is_silent(fix_before[k]) {
                    // Straight from velocity to velocity it would slow down, reverse and come out backwards.
                    let (a, b) =
                        (place(k, t[fix_before[k]]).1.xy().norm(), place(k, t[fix_before[k] + 1]).1.xy().norm());
                    let share = (x - t[fix_before[k]]) / (t[fix_before[k] + 1] - t[fix_before[k]]);
                    let speed = a + (b - a) * share;
                    (v.x, v.y) = (speed * libm::cos(yaw), speed * libm::sin(yaw));
                }
                let bg = if nodes.felt[k] { bias } else { Vector3::zeros() };
                Nav { p: p - q * shared.antenna, v, q, bg, ba: Vector3::zeros(), u: Vector3::zeros() }
            })
            .collect(),
    )
}
