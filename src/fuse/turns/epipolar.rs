//! How a sensor turned between two looks, from the directions in which it saw the same points.
//!
//! A point, its two directions and the way between the two places lie in one plane, however far the point is (Hartley and
//! Zisserman, *Multiple View Geometry*, 2nd ed., section 9.2). The turn and the direction of that way are found together;
//! the way is held loosely to straight ahead, which is all that points far away leave open.

use nalgebra::{SMatrix, SVector, Vector3};

use super::super::inertial::{exp_rotation, log_rotation};

/// How a vehicle goes: one sigma of the way between two looks to the side (beside what its turn has it) and up, as shares
/// of the way.
const ASIDE: (f64, f64) = (0.03, 0.05);
/// One sigma of where the sensor sits ahead of the point that does not slide, beside what is said of it, metres.
const LEVER_M: f64 = 1.0;
/// Scales of the residuals, radians: first what parallax and a wrong start leave, last what a third of a pixel is.
const FIRST_SCALE: f64 = 0.03;
const LAST_SCALE: f64 = 0.001;
/// Rounds; each works with a scale that is smaller by this.
const ROUNDS: usize = 14;
const SHRINK: f64 = 0.7;
/// Fewer points than this in one plane each do not tell a turn.
pub(super) const FEWEST: usize = 16;
/// So large a share of the points has to agree.
const AGREEING: f64 = 0.35;

/// What is known of the way between two looks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Way {
    /// How long it is, metres.
    pub length_m: f64,
    /// How far ahead of the ego's origin the sensor sits, metres.
    pub lever_m: f64,
    /// By how much more than half the turn the ego's own way points aside, radians: where a turn begins it is less.
    pub aside_rad: f64,
}

/// A turn between two looks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Turned {
    /// About the ego's own z axis, radians, left positive.
    pub yaw_rad: f64,
    /// One sigma, radians.
    pub sigma_rad: f64,
}

/// The turn that directions seen first and second (unit vectors in the axes of the ego: forward, left, up) agree on.
///
/// On an arc the chord points half the turn aside, and a sensor ahead of the axle swings out: that much of the way follows
/// from the turn itself, and what the trajectory has to say does not pull the turn to its own. `None` where too few directions agree. Weights are Geman and McClure's, with a scale that shrinks from round to round.
pub(super) fn turned(seen: &[(Vector3<f64>, Vector3<f64>)], known: Way) -> Option<Turned> {
    if seen.len() < FEWEST {
        return None;
    }
    // The first round starts from the middle of how far the points moved about up.
    let about_up = |d: &Vector3<f64>| libm::atan2(d.y, d.x);
    let mut moved: Vec<f64> =
        seen.iter().map(|(a, b)| libm::remainder(about_up(a) - about_up(b), std::f64::consts::TAU)).collect();
    moved.sort_by(f64::total_cmp);
    let mut first_r_second = exp_rotation(Vector3::z() * moved[moved.len() / 2]);
    let mut aside = [0.0, 0.0];
    let length_m = known.length_m.max(0.3);
    let swing = 0.5 + known.lever_m / length_m;
    let mut scale = FIRST_SCALE;
    let mut out = None;
    for _ in 0..ROUNDS {
        let way = Vector3::new(1.0, aside[0], aside[1]).normalize();
        let mut information = SMatrix::<f64, 5, 5>::zeros();
        let mut pull = SVector::<f64, 5>::zeros();
        let (mut agreeing, mut square) = (0usize, 0.0);
        for (a, b) in seen {
            let turned = first_r_second * b;
            let plane = way.cross(a);
            let norm = plane.norm();
            // Straight ahead every plane will do.
            if norm < 0.02 {
                continue;
            }
            let plane = plane / norm;
            let off = plane.dot(&turned);
            let weight = (scale * scale / (scale * scale + off * off)).powi(2);
            // The second direction turns by a small angle in the first's axes; the way leans to the side and up.
            let by_turn = turned.cross(&plane);
            let by_way = a.cross(&(turned - plane * off)) / norm;
            let row = SVector::<f64, 5>::from([by_turn.x, by_turn.y, by_turn.z, by_way.y, by_way.z]);
            information += row * row.transpose() * weight;
            pull -= row * (off * weight);
            if off.abs() < 2.0 * scale {
                agreeing += 1;
                square += off * off * weight;
            }
        }
        let yaw = log_rotation(&first_r_second).z;
        let sigma = libm::hypot(ASIDE.0, LEVER_M * yaw / length_m);
        for (row, off, sigma) in [
            (SVector::<f64, 5>::from([0.0, 0.0, -swing, 1.0, 0.0]), aside[0] - swing * yaw - known.aside_rad, sigma),
            (SVector::<f64, 5>::from([0.0, 0.0, 0.0, 0.0, 1.0]), aside[1], ASIDE.1),
        ] {
            let weight = (scale / sigma) * (scale / sigma);
            information += row * row.transpose() * weight;
            pull -= row * (off * weight);
        }
        let covariance = (information + SMatrix::<f64, 5, 5>::identity() * 1e-12).try_inverse()?;
        let step = covariance * pull;
        if !step.iter().all(|v| v.is_finite()) {
            return None;
        }
        first_r_second = exp_rotation(Vector3::new(step[0], step[1], step[2])) * first_r_second;
        aside = [(aside[0] + step[3]).clamp(-1.0, 1.0), (aside[1] + step[4]).clamp(-0.5, 0.5)];
        if (agreeing as f64) < AGREEING * seen.len() as f64 || agreeing < FEWEST {
            return None;
        }
        let variance = square / (agreeing as f64 - 5.0).max(1.0);
        out = Some(Turned {
            yaw_rad: log_rotation(&first_r_second).z,
            sigma_rad: (variance * covariance[(2, 2)]).sqrt(),
        });
        scale = (scale * SHRINK).max(LAST_SCALE).max(variance.sqrt());
    }
    out
}
