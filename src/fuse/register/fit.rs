//! The shifts along a drive that bring its points onto the lines that they follow.

use nalgebra::{Matrix2, Matrix3, SMatrix, Vector2};

use super::chain::{Found, Place, Seen, Sizes, smooth};
use crate::fuse::Register;

/// Where the ego was, and the line of the map that it is taken to have followed, if any.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OnLine {
    /// Path length, metres; points are by it.
    pub s_m: f64,
    /// ENU metres.
    pub at: [f64; 2],
    /// One sigma of the trajectory there per axis, metres.
    pub trajectory_m: f64,
    /// Index of the line; `None` off the roads.
    pub line: Option<usize>,
    /// Metres to the right of the line's middle that an ego going along it is expected at, and one sigma beside the lane
    /// that it keeps all along.
    pub right_m: (f64, f64),
    /// One sigma of the line across itself, metres.
    pub line_m: f64,
}

/// What a stretch of a drive is moved by.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Stretch {
    /// Its middle, path length, metres.
    pub s_m: f64,
    /// ENU metres.
    pub shift_m: [f64; 2],
    /// One sigma per axis of where it lies then, metres: the root of half the trace of the covariance.
    pub sigma_m: f64,
    /// Covariance of where it lies then, m²: east·east, east·north, north·north.
    pub covariance_m2: [f64; 3],
    /// Residual across the lines afterwards, metres; `None` off the roads.
    pub residual_m: Option<f64>,
    /// Share of its points that lie within three sigmas of their lines; `None` off the roads.
    pub inliers: Option<f64>,
}

/// The stretch around a path length, metres; `None` where there is none within 50 m.
pub fn stretch_at(stretches: &[Stretch], s_m: f64) -> Option<Stretch> {
    let away = |stretch: &Stretch| (stretch.s_m - s_m).abs();
    let near = stretches.iter().copied().filter(|stretch| away(stretch) <= STRETCH_M);
    near.min_by(|a, b| away(a).total_cmp(&away(b)))
}

/// A correction and what speaks for it.
#[derive(Debug, Clone, PartialEq)]
pub struct Registration {
    /// The rigid motion `p' = R(dyaw) p + (dx, dy)` in the recording's ENU frame that comes nearest to that of the stretches.
    pub register: Register,
    /// The motion of each stretch.
    pub stretches: Vec<Stretch>,
    /// What is left of the trajectory's sigma in each.
    pub left: Vec<f64>,
    /// Whether it is more than chance, and the map fits.
    pub accepted: bool,
    /// How the points lie without a correction; `None` where the map does not fit them then.
    pub as_it_is: Option<Register>,
    /// Minus the logarithm of the evidence: which of two ideas of the lines fits better.
    pub cost: f64,
}

/// A stretch is so long, metres.
pub(super) const STRETCH_M: f64 = 50.0;
/// Points of a straight stretch this far apart say something new about where a lane lies, metres.
const INDEPENDENT_M: f64 = 150.0;
/// What is straight: the cosine of 30 degrees.
const STRAIGHT: f64 = 0.866;
/// Beyond this many sigmas a point pulls no harder than at them (Cauchy).
const CAUCHY: f64 = 2.0;
/// A point within so many sigmas is an inlier.
const INLIER: f64 = 3.0;
/// Least share of inliers of a correction.
const LEAST_INLIERS: f64 = 0.6;
/// Largest residual of a correction, metres.
const MOST_RESIDUAL_M: f64 = 3.0;
/// No errors; those that the trajectory says; and, where these do not do: a datum or a receiver that is off all along, and
/// sigmas that are too small.
const NONE: Sizes = Sizes { slow: 0.0, whole_m: 0.0 };
const OWN: Sizes = Sizes { slow: 1.0, whole_m: 0.0 };
const OTHERS: [Sizes; 3] =
    [Sizes { slow: 1.0, whole_m: 10.0 }, Sizes { slow: 3.0, whole_m: 0.0 }, Sizes { slow: 8.0, whole_m: 0.0 }];
/// Something is more likely for sure where the evidence for it is e³, 20 to 1 (Kass & Raftery 1995: strong).
pub(super) const SURELY: f64 = 3.0;
/// Roads that take away more than this share of the variance that a trajectory says it has are worth it.
const TELLS: f64 = 0.25;
const ROUNDS: usize = 20;
const SETTLED_M: f64 = 1e-4;

/// Fits shifts of the stretches of a drive to the lines that it follows, by iterated robust least squares of distances
/// across the lines (point-to-line ICP, Chen & Medioni 1992; Cauchy weights). Shifts change slowly along the way, as a
/// receiver's error does, and a lane that is kept all along is not taken for one: what the lines do not say, such as where
/// along a straight road an ego is, stays as the trajectory has it.
///
/// Whether errors are larger than the trajectory says is decided by evidence (MacKay 1992).
///
/// Lines are ENU metres and drawn the way that they are driven. Points of a stretch share the error of which lane it was,
/// so that 150 m count once. `None` with fewer than three points, or lines without length.
pub fn register(points: &[OnLine], lines: &[Vec<[f64; 2]>]) -> Option<Registration> {
    let finite = |p: &&OnLine| p.at.iter().chain([&p.s_m, &p.trajectory_m]).all(|v| v.is_finite());
    let points: Vec<&OnLine> = points.iter().filter(finite).collect();
    if points.iter().filter(|p| p.line.is_some()).count() < 3 {
        return None;
    }
    let drive = Drive::of(points, lines);
    let none = drive.solve(NONE)?;
    let own = drive.solve(OWN)?;
    let others = OTHERS.iter().filter_map(|sizes| drive.solve(*sizes));
    let other = others.min_by(|a, b| a.cost.total_cmp(&b.cost))?;
    let (believed, doubted) = (own.cost <= other.cost, other.cost + SURELY < own.cost);
    let best = if doubted { other } else { own };
    let (register, fits_of) = drive.judge(&best.found.shifts.iter().map(|s| s.0).collect::<Vec<_>>())?;
    let still = vec![Vector2::zeros(); drive.stretches.len()];
    let as_it_is = drive.judge(&still).map(|judged| judged.0).filter(fits);
    let register = Register { covariance: Some(in_degrees(&best.found.rigid)), ..register };
    let stretches: Vec<Stretch> = (drive.stretches.iter().zip(&best.found.shifts).zip(fits_of))
        .map(|((stretch, (shift, covariance)), fit)| Stretch {
            s_m: stretch.s_m,
            shift_m: [shift.x, shift.y],
            sigma_m: (0.5 * covariance.trace()).sqrt(),
            covariance_m2: [covariance[(0, 0)], covariance[(0, 1)], covariance[(1, 1)]],
            residual_m: fit.map(|fit| fit.residual_m),
            inliers: fit.map(|fit| fit.inliers),
        })
        .collect();
    let left = drive.stretches.iter().zip(&stretches).map(|(of, moved)| moved.sigma_m / of.sigma_m).collect();
    // Roads that disagree with what the trajectory says of itself, though not for sure, do not make it better.
    let worth = doubted || none.cost - best.cost > SURELY || believed && drive.told(&best.found) > TELLS;
    let accepted = fits(&register) && worth;
    Some(Registration { register, stretches, left, accepted, as_it_is, cost: best.cost.min(none.cost) })
}

/// The upper triangle of a covariance of metres, metres and radians, row by row, with degrees.
fn in_degrees(rigid: &Matrix3<f64>) -> [f64; 6] {
    let yaw = |of: f64| of.to_degrees();
    [rigid.m11, rigid.m12, yaw(rigid.m13), rigid.m22, yaw(rigid.m23), yaw(yaw(rigid.m33))]
}

/// Whether the map fits a drive that lies so.
fn fits(register: &Register) -> bool {
    register.inliers >= LEAST_INLIERS && register.residual_m <= MOST_RESIDUAL_M
}

/// Points of a drive, cut into stretches.
struct Drive<'a> {
    points: Vec<&'a OnLine>,
    lines: &'a [Vec<[f64; 2]>],
    /// What each point counts for.
    shares: Vec<f64>,
    stretches: Vec<StretchOf>,
}

struct StretchOf {
    s_m: f64,
    sigma_m: f64,
    points: std::ops::Range<usize>,
    /// How the rigid motion of the drive changes with its shift.
    pull: SMatrix<f64, 3, 2>,
}

/// How the points of a stretch lie.
#[derive(Clone, Copy)]
struct StretchFit {
    residual_m: f64,
    inliers: f64,
}

/// An idea of the errors, and what it makes of the drive.
struct Solved {
    found: Found,
    /// Minus the logarithm of its evidence.
    cost: f64,
}

impl<'a> Drive<'a> {
    fn of(points: Vec<&'a OnLine>, lines: &'a [Vec<[f64; 2]>]) -> Drive<'a> {
        let mut stretches = Vec::new();
        let mut first = 0;
        while first < points.len() {
            let end = points[first..].partition_point(|p| p.s_m - points[first].s_m < STRETCH_M) + first;
            let inside = &points[first..end.max(first + 1)];
            let mean = |of: fn(&OnLine) -> f64| inside.iter().map(|p| of(p)).sum::<f64>() / inside.len() as f64;
            let (s_m, sigma_m) = (mean(|p| p.s_m), mean(|p| p.trajectory_m));
            let pull = SMatrix::zeros();
            stretches.push(StretchOf { s_m, sigma_m, points: first..first + inside.len(), pull });
            first += inside.len();
        }
        let centre = points.iter().map(|p| Vector2::from(p.at)).sum::<Vector2<f64>>() / points.len() as f64;
        let arm = |i: usize| Vector2::from(points[i].at) - centre;
        let arms: f64 = (0..points.len()).map(|i| arm(i).norm_squared()).sum();
        for stretch in &mut stretches {
            let share = stretch.points.len() as f64 / points.len() as f64;
            let turn = stretch.points.clone().map(arm).sum::<Vector2<f64>>() / arms.max(f64::MIN_POSITIVE);
            // To first order in the turn, which the origin feels as a shift.
            let yaw = Vector2::new(-turn.y, turn.x);
            let (dx, dy) = (share * Vector2::x() + centre.y * yaw, share * Vector2::y() - centre.x * yaw);
            stretch.pull = SMatrix::from_rows(&[dx.transpose(), dy.transpose(), yaw.transpose()]);
        }
        Drive { shares: shares(&points, lines), points, lines, stretches }
    }

    fn solve(&self, sizes: Sizes) -> Option<Solved> {
        let mut shifts = vec![Vector2::zeros(); self.stretches.len()];
        let mut lane_m = 0.0;
        for round in 1.. {
            let places: Vec<Place> = (self.stretches.iter().zip(&shifts))
                .map(|(stretch, shift)| Place {
                    s_m: stretch.s_m,
                    sigma_m: stretch.sigma_m,
                    pull: stretch.pull,
                    seen: stretch.points.clone().filter_map(|i| self.seen(i, *shift, lane_m)).collect(),
                })
                .collect();
            let found = smooth(&places, sizes)?;
            let moved = |(a, b): (&Vector2<f64>, &(Vector2<f64>, Matrix2<f64>))| (a - b.0).norm();
            let most = shifts.iter().zip(&found.shifts).map(moved).fold((lane_m - found.lane_m).abs(), f64::max);
            shifts = found.shifts.iter().map(|s| s.0).collect();
            lane_m = found.lane_m;
            if most < SETTLED_M || round == ROUNDS {
                let cost = found.prior_cost + found.openness + self.misfit(&shifts, lane_m);
                return Some(Solved { found, cost });
            }
        }
        None
    }

    /// Which share of the trajectory's own variance the lines take away.
    fn told(&self, found: &Found) -> f64 {
        let before: f64 = self.stretches.iter().map(|stretch| stretch.sigma_m.powi(2)).sum();
        let after: f64 = found.shifts.iter().map(|shift| 0.5 * shift.1.trace()).sum();
        1.0 - after / before.max(f64::MIN_POSITIVE)
    }

    /// What a point says of the shift that is due, as weighted as it is likely at the one so far.
    fn seen(&self, i: usize, shift: Vector2<f64>, lane_m: f64) -> Option<Seen> {
        let across = across(self.points[i], self.lines, shift)?;
        let far = across.far(lane_m);
        Some(Seen {
            across: across.right,
            // Zero were the error the lane's.
            value_m: across.right.dot(&shift) - across.error_m,
            variance: across.sigma_m.powi(2) * (1.0 + far * far) / self.shares[i],
        })
    }

    /// Robust cost of all points.
    fn misfit(&self, shifts: &[Vector2<f64>], lane_m: f64) -> f64 {
        let of = |far: f64| 0.5 * CAUCHY * CAUCHY * libm::log1p(far * far);
        self.all(shifts).map(|(_, i, across)| self.shares[i] * of(across.far(lane_m))).sum()
    }

    /// Stretch, point and how it lies, of all points.
    fn all<'b>(&'b self, shifts: &'b [Vector2<f64>]) -> impl Iterator<Item = (usize, usize, Across)> + 'b {
        self.stretches.iter().zip(shifts).enumerate().flat_map(move |(k, (stretch, shift))| {
            stretch.points.clone().filter_map(move |i| Some((k, i, across(self.points[i], self.lines, *shift)?)))
        })
    }

    /// The rigid motion that is nearest to shifts with the share and the residual of inliers after them; and how each stretch
    /// lies, its residual of all that is in it, `None` off the roads.
    fn judge(&self, shifts: &[Vector2<f64>]) -> Option<(Register, Vec<Option<StretchFit>>)> {
        // Squares, points and inliers.
        let mut each = vec![(0.0, 0u32, 0u32); shifts.len()];
        let mut square = 0.0;
        for (k, _, across) in self.all(shifts) {
            let off = across.error_m.powi(2);
            each[k].0 += off;
            each[k].1 += 1;
            if across.error_m.abs() <= INLIER * across.whole_sigma_m {
                square += off;
                each[k].2 += 1;
            }
        }
        let (seen, inliers) = each.iter().fold((0, 0), |sum, of| (sum.0 + of.1, sum.1 + of.2));
        if seen == 0 {
            return None;
        }
        let residual = |square: f64, count: u32| (square / f64::from(count.max(1))).sqrt();
        let share = |inliers: u32, count: u32| f64::from(inliers) / f64::from(count);
        let fit = |&(square, count, inliers): &(f64, u32, u32)| {
            (count > 0).then(|| StretchFit { residual_m: residual(square, count), inliers: share(inliers, count) })
        };
        let [dx_m, dy_m, yaw] = self.rigid(shifts);
        let register = Register {
            dx_m,
            dy_m,
            dyaw_deg: yaw.to_degrees(),
            residual_m: residual(square, inliers),
            inliers: share(inliers, seen),
            covariance: None,
        };
        Some((register, each.iter().map(fit).collect()))
    }

    /// Shift and turn nearest to shifts, points alike: ENU metres at the origin, radians.
    fn rigid(&self, shifts: &[Vector2<f64>]) -> [f64; 3] {
        let moves = || {
            let each = self.stretches.iter().zip(shifts);
            each.flat_map(|(stretch, shift)| stretch.points.clone().map(|i| (Vector2::from(self.points[i].at), *shift)))
        };
        let n = self.points.len() as f64;
        let (centre, mean) = moves().fold((Vector2::zeros(), Vector2::zeros()), |sum, of| (sum.0 + of.0, sum.1 + of.1));
        let (centre, mean) = (centre / n, mean / n);
        let (turned, arms) = moves().fold((0.0, 0.0), |(turned, arms), (at, shift)| {
            let (arm, more) = (at - centre, shift - mean);
            let to = arm + more;
            (turned + arm.perp(&to), arms + arm.dot(&to))
        });
        let yaw = libm::atan2(turned, arms);
        let (sin, cos) = libm::sincos(yaw);
        let at = centre + mean - Vector2::new(cos * centre.x - sin * centre.y, sin * centre.x + cos * centre.y);
        [at.x, at.y, yaw]
    }
}

/// How far a moved point lies across its line from where it is expected.
struct Across {
    /// To the right.
    error_m: f64,
    /// Beside the lane that is kept, and all told.
    sigma_m: f64,
    whole_sigma_m: f64,
    /// Unit vector to the right.
    right: Vector2<f64>,
}

impl Across {
    /// How far it lies from the lane, in the sigmas beyond which it pulls no harder.
    fn far(&self, lane_m: f64) -> f64 {
        (self.error_m - lane_m) / (CAUCHY * self.sigma_m)
    }
}

fn across(point: &OnLine, lines: &[Vec<[f64; 2]>], shift: Vector2<f64>) -> Option<Across> {
    let at = Vector2::from(point.at) + shift;
    let (foot, along) = nearest(lines.get(point.line?)?, at)?;
    let right = Vector2::new(along.y, -along.x);
    let (expected, beside_m) = point.right_m;
    let sigma_m = libm::hypot(beside_m, point.line_m).max(0.1);
    Some(Across {
        error_m: right.dot(&(at - foot)) - expected,
        sigma_m,
        whole_sigma_m: libm::hypot(sigma_m, super::chain::LANE_M),
        right,
    })
}

/// What a point counts for: those of a straight stretch share one.
fn shares(points: &[&OnLine], lines: &[Vec<[f64; 2]>]) -> Vec<f64> {
    let ahead = |p: &OnLine| Some(nearest(lines.get(p.line?)?, Vector2::from(p.at))?.1);
    let mut shares = vec![0.0; points.len()];
    let mut first = 0;
    while first < points.len() {
        let start = ahead(points[first]);
        let straight = |p: &OnLine| start.zip(ahead(p)).is_some_and(|(a, b)| a.dot(&b) > STRAIGHT);
        let (mut end, mut length_m) = (first + 1, 0.0);
        while end < points.len() && straight(points[end]) {
            length_m += (Vector2::from(points[end].at) - Vector2::from(points[end - 1].at)).norm();
            end += 1;
        }
        let independent = (length_m / INDEPENDENT_M).max(1.0);
        shares[first..end].fill((independent / (end - first) as f64).min(1.0));
        first = end;
    }
    shares
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
