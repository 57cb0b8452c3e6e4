//! The rigid correction that brings points onto the lines that they follow.

use nalgebra::{Matrix3, Vector2, Vector3};

use crate::fuse::Register;

/// Where the ego was, and the line of the map that it is taken to have followed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OnLine {
    /// ENU metres.
    pub at: [f64; 2],
    /// Index of the line.
    pub line: usize,
    /// Whether it went along the line or against it.
    pub forward: bool,
    /// Metres to the right of the line's middle that an ego going this way is expected at, one sigma beside it.
    pub right_m: (f64, f64),
    /// One sigma of the position per axis, metres.
    pub sigma_m: f64,
}

/// What is known of the correction before the map is looked at: one sigma each, the mean is none.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RegisterPrior {
    /// Per axis, metres.
    pub shift_m: f64,
    /// Degrees.
    pub yaw_deg: f64,
}

/// A correction and what speaks for it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Registration {
    /// `p' = R(dyaw) p + (dx, dy)` in the recording's ENU frame.
    pub register: Register,
    /// Covariance of the shift at the middle of the points, m², and of the yaw, rad².
    pub covariance: Matrix3<f64>,
    /// Whether it differs from none by more than chance, and the map fits.
    pub accepted: bool,
    /// How the points lie without a correction; `None` where the map does not fit them then.
    pub as_it_is: Option<Register>,
    /// Mean robust cost of a point after the correction: which of two ideas of the lines fits better.
    pub cost: f64,
}

/// Points of one line this far apart say something new about where a lane lies, metres.
const INDEPENDENT_M: f64 = 150.0;
/// Beyond this many sigmas a point pulls no harder than at them (Cauchy).
const CAUCHY: f64 = 2.0;
/// A point within so many sigmas is an inlier.
const INLIER: f64 = 3.0;
/// Least share of inliers of a correction.
const LEAST_INLIERS: f64 = 0.6;
/// Largest residual of a correction, metres.
const MOST_RESIDUAL_M: f64 = 3.0;
/// A correction is more than chance where χ² of its three numbers exceeds this (99 %).
const SIGNIFICANT: f64 = 11.34;
const ROUNDS: usize = 12;

/// Fits a rigid correction of points to the lines that they follow, by iterated robust least squares of their distances
/// across the lines (point-to-line ICP, Chen & Medioni 1992; Cauchy weights), with a Gaussian prior that holds what the
/// lines do not: a straight road says nothing of where along it an ego is.
///
/// Lines are ENU metres. Points of a stretch share the error of which lane it was, so that a stretch of 150 m counts
/// once. `None` with fewer than three points, or lines without length.
pub fn register(points: &[OnLine], lines: &[Vec<[f64; 2]>], prior: RegisterPrior) -> Option<Registration> {
    let points: Vec<&OnLine> = points.iter().filter(|p| p.at.iter().all(|v| v.is_finite())).collect();
    if points.len() < 3 {
        return None;
    }
    let share = shares(&points);
    let centre = points.iter().fold(Vector2::zeros(), |sum, p| sum + Vector2::from(p.at)) / points.len() as f64;
    let information = Matrix3::from_diagonal(&Vector3::new(
        prior.shift_m.powi(-2),
        prior.shift_m.powi(-2),
        prior.yaw_deg.to_radians().powi(-2),
    ));
    let mut x = Vector3::zeros();
    let mut covariance = information.try_inverse()?;
    for _ in 0..ROUNDS {
        let (mut a, mut b) = (information, -information * x);
        for (point, share) in points.iter().zip(&share) {
            let Some(seen) = across(point, lines, centre, &x) else { continue };
            let weight = share / (seen.sigma_m.powi(2) * (1.0 + (seen.error_m / (CAUCHY * seen.sigma_m)).powi(2)));
            a += seen.slope * seen.slope.transpose() * weight;
            b -= seen.slope * (seen.error_m * weight);
        }
        covariance = a.try_inverse()?;
        let step = covariance * b;
        x += step;
        if step.norm() < 1e-9 {
            break;
        }
    }
    let turned = turn(centre, x.z);
    let moved = (centre.x + x.x - turned.x, centre.y + x.y - turned.y, x.z.to_degrees());
    let (register, cost) = judge(&points, lines, centre, &x, moved)?;
    let (as_it_is, _) = judge(&points, lines, centre, &Vector3::zeros(), (0.0, 0.0, 0.0))?;
    let significant = (x.transpose() * covariance.try_inverse()? * x).x > SIGNIFICANT;
    let as_it_is = Some(as_it_is).filter(fits);
    Some(Registration { register, covariance, accepted: fits(&register) && significant, as_it_is, cost })
}

/// Whether the map fits a drive that lies so.
fn fits(register: &Register) -> bool {
    register.inliers >= LEAST_INLIERS && register.residual_m <= MOST_RESIDUAL_M
}

/// Residual and inliers of a correction, and its mean robust cost.
fn judge(
    points: &[&OnLine],
    lines: &[Vec<[f64; 2]>],
    centre: Vector2<f64>,
    x: &Vector3<f64>,
    (dx_m, dy_m, dyaw_deg): (f64, f64, f64),
) -> Option<(Register, f64)> {
    let seen: Vec<Across> = points.iter().filter_map(|p| across(p, lines, centre, x)).collect();
    if seen.is_empty() {
        return None;
    }
    let cost = seen.iter().map(|s| libm::log1p((s.error_m / (CAUCHY * s.sigma_m)).powi(2))).sum::<f64>();
    let inliers: Vec<&Across> = seen.iter().filter(|s| s.error_m.abs() <= INLIER * s.sigma_m).collect();
    let square = inliers.iter().map(|s| s.error_m.powi(2)).sum::<f64>() / inliers.len().max(1) as f64;
    let inliers = inliers.len() as f64 / points.len() as f64;
    Some((Register { dx_m, dy_m, dyaw_deg, residual_m: square.sqrt(), inliers }, cost / seen.len() as f64))
}

/// How far a corrected point lies across its line from where it is expected.
struct Across {
    error_m: f64,
    sigma_m: f64,
    /// Change of the error with shift (east, north) and yaw.
    slope: Vector3<f64>,
}

fn across(point: &OnLine, lines: &[Vec<[f64; 2]>], centre: Vector2<f64>, x: &Vector3<f64>) -> Option<Across> {
    let arm = turn(Vector2::from(point.at) - centre, x.z);
    let at = centre + arm + Vector2::new(x.x, x.y);
    let (foot, along) = nearest(lines.get(point.line)?, at)?;
    let along = if point.forward { along } else { -along };
    let right = Vector2::new(along.y, -along.x);
    let (expected, lane_m) = point.right_m;
    Some(Across {
        error_m: right.dot(&(at - foot)) - expected,
        sigma_m: libm::hypot(lane_m, point.sigma_m).max(0.1),
        slope: Vector3::new(right.x, right.y, right.dot(&Vector2::new(-arm.y, arm.x))),
    })
}

/// What a point counts for: those of a stretch of one line share one.
fn shares(points: &[&OnLine]) -> Vec<f64> {
    let mut shares = vec![0.0; points.len()];
    let mut first = 0;
    while first < points.len() {
        let (mut end, mut length_m) = (first + 1, 0.0);
        while end < points.len()
            && points[end].line == points[first].line
            && points[end].forward == points[first].forward
        {
            length_m += (Vector2::from(points[end].at) - Vector2::from(points[end - 1].at)).norm();
            end += 1;
        }
        let independent = (length_m / INDEPENDENT_M).max(1.0);
        shares[first..end].fill((independent / (end - first) as f64).min(1.0));
        first = end;
    }
    shares
}

fn turn(v: Vector2<f64>, angle_rad: f64) -> Vector2<f64> {
    let (sin, cos) = libm::sincos(angle_rad);
    Vector2::new(cos * v.x - sin * v.y, sin * v.x + cos * v.y)
}

/// The nearest point of a line, and its direction there.
fn nearest(line: &[[f64; 2]], at: Vector2<f64>) -> Option<(Vector2<f64>, Vector2<f64>)> {
    let mut best: Option<(f64, Vector2<f64>, Vector2<f64>)> = None;
    for pair in line.windows(2) {
        let (a, b) = (Vector2::from(pair[0]), Vector2::from(pair[1]));
        let along = b - a;
        let length = along.norm();
        if length == 0.0 || length.is_nan() {
            continue;
        }
        let foot = a + along * ((at - a).dot(&along) / (length * length)).clamp(0.0, 1.0);
        let distance = (at - foot).norm();
        if best.is_none_or(|(d, ..)| distance < d) {
            best = Some((distance, foot, along / length));
        }
    }
    best.map(|(_, foot, along)| (foot, along))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A block driven round, to the right of the middle of its streets; every 5 m a point.
    fn block(move_by: impl Fn([f64; 2]) -> [f64; 2]) -> (Vec<OnLine>, Vec<Vec<[f64; 2]>>) {
        let corners = [[0.0, 0.0], [400.0, 30.0], [380.0, 300.0], [-20.0, 280.0], [0.0, 0.0]];
        let lines: Vec<Vec<[f64; 2]>> = corners.windows(2).map(|c| c.to_vec()).collect();
        let mut points = Vec::new();
        for (line, ends) in lines.iter().enumerate() {
            let (a, b) = (Vector2::from(ends[0]), Vector2::from(ends[1]));
            let along = (b - a).normalize();
            let right = Vector2::new(along.y, -along.x);
            for step in 2..((b - a).norm() / 5.0) as usize - 1 {
                let at = a + along * (5.0 * step as f64) + right * 1.6;
                points.push(OnLine {
                    at: move_by([at.x, at.y]),
                    line,
                    forward: true,
                    right_m: (1.6, 0.5),
                    sigma_m: 0.5,
                });
            }
        }
        (points, lines)
    }

    const PRIOR: RegisterPrior = RegisterPrior { shift_m: 5.0, yaw_deg: 1.0 };

    #[test]
    fn a_known_move_is_undone() {
        let (points, lines) = block(|[x, y]| {
            let moved = turn(Vector2::new(x, y), 0.004) + Vector2::new(3.0, -2.0);
            [moved.x, moved.y]
        });
        let found = register(&points, &lines, PRIOR).expect("lines");
        assert!(found.accepted && found.register.inliers > 0.99, "{found:?}");
        for p in &points {
            let r = found.register;
            let at = turn(Vector2::from(p.at), r.dyaw_deg.to_radians()) + Vector2::new(r.dx_m, r.dy_m);
            let back = turn(Vector2::from(p.at) - Vector2::new(3.0, -2.0), -0.004);
            assert!((at - back).norm() < 0.15, "{at} {back}");
        }
        assert!(found.register.residual_m < 0.05);
    }

    #[test]
    fn a_drive_that_lies_right_is_left_where_it_is() {
        let (points, lines) = block(|p| p);
        let found = register(&points, &lines, PRIOR).expect("lines");
        assert!(!found.accepted && found.register.dx_m.abs() < 0.01, "{found:?}");
        assert!(found.as_it_is.is_some_and(|r| r.dx_m == 0.0 && r.residual_m < 0.01));
    }

    #[test]
    fn a_straight_road_moves_nothing_along_itself() {
        let lines = vec![vec![[0.0, 0.0], [1000.0, 0.0]]];
        let point = |i: u32| OnLine {
            at: [10.0 * f64::from(i), 4.0],
            line: 0,
            forward: true,
            right_m: (0.0, 0.5),
            sigma_m: 0.5,
        };
        let points: Vec<OnLine> = (5..95).map(point).collect();
        let found = register(&points, &lines, PRIOR).expect("lines");
        assert!((found.register.dy_m + 4.0).abs() < 0.2 && found.register.dx_m.abs() < 0.05, "{found:?}");
        let sigma = |i: usize| found.covariance[(i, i)].sqrt();
        assert!((sigma(0) - PRIOR.shift_m).abs() < 0.01 && sigma(1) < 0.5);
    }

    #[test]
    fn a_stretch_in_a_car_park_does_not_pull_the_rest() {
        let (mut points, lines) = block(|[x, y]| [x + 2.0, y]);
        let all = points.len();
        for p in points.iter_mut().take(all / 6) {
            p.at[1] += 25.0;
        }
        let found = register(&points, &lines, PRIOR).expect("lines");
        assert!(found.accepted && (found.register.dx_m + 2.0).abs() < 0.4, "{found:?}");
        assert!(found.register.inliers < 0.9);
    }

    #[test]
    fn nothing_is_accepted_where_the_map_does_not_fit() {
        let (mut points, lines) = block(|p| p);
        for (i, p) in points.iter_mut().enumerate() {
            p.at[0] += (i * 7919 % 31) as f64 - 15.0;
            p.at[1] += (i * 104_729 % 37) as f64 - 18.0;
        }
        assert!(register(&points, &lines, PRIOR).is_none_or(|found| !found.accepted));
        assert!(register(&points[..2], &lines, PRIOR).is_none());
        assert!(register(&points, &[], PRIOR).is_none());
    }
}
