//! A drive as stretches of points beside lines, and what an idea of its errors makes of it.

use nalgebra::{Matrix2, SMatrix, Vector2};

use super::across::{Across, CAUCHY, across, shares};
use super::chain::{Found, Place, Seen, Sizes, smooth};
use super::fit::{OnLine, STRETCH_M};
use super::similarity::{Similarity, left_of};
use crate::fuse::Register;

/// A point within so many sigmas is an inlier.
const INLIER: f64 = 3.0;
const ROUNDS: usize = 20;
const SETTLED_M: f64 = 1e-4;

/// Points of a drive, cut into stretches.
pub(super) struct Drive<'a> {
    points: Vec<&'a OnLine>,
    lines: &'a [Vec<[f64; 2]>],
    /// What each point counts for.
    shares: Vec<f64>,
    /// Of the points.
    centre: Vector2<f64>,
    pub stretches: Vec<StretchOf>,
}

/// A stretch of a drive.
pub(super) struct StretchOf {
    /// Its middle: path length, metres, and place.
    pub s_m: f64,
    pub at: Vector2<f64>,
    /// One sigma of the trajectory per axis, metres.
    pub sigma_m: f64,
    points: std::ops::Range<usize>,
    /// How the rigid motion of the drive changes with its shift.
    pull: SMatrix<f64, 3, 2>,
}

/// How the points of a stretch lie.
#[derive(Clone, Copy)]
pub(super) struct StretchFit {
    pub residual_m: f64,
    pub inliers: f64,
}

/// What a drive is moved by.
#[derive(Clone)]
pub(super) struct Moves {
    /// Of the middle of each stretch.
    pub shifts: Vec<Vector2<f64>>,
    /// What of it is the same similarity all along, which points beside the middles feel.
    pub similarity: Similarity,
    /// The lane that is kept, metres to the right of where it is expected.
    lane_m: f64,
}

/// An idea of the errors, and what it makes of the drive.
pub(super) struct Solved {
    pub found: Found,
    pub moves: Moves,
    /// Minus the logarithm of its evidence.
    pub cost: f64,
}

impl<'a> Drive<'a> {
    pub(super) fn of(points: Vec<&'a OnLine>, lines: &'a [Vec<[f64; 2]>]) -> Drive<'a> {
        let at = |i: usize| Vector2::from(points[i].at);
        let middle = |of: std::ops::Range<usize>| of.clone().map(at).sum::<Vector2<f64>>() / of.len() as f64;
        let centre = middle(0..points.len());
        let arms: f64 = (0..points.len()).map(|i| (at(i) - centre).norm_squared()).sum();
        let mut stretches = Vec::new();
        let mut first = 0;
        while first < points.len() {
            let end = points[first..].partition_point(|p| p.s_m - points[first].s_m < STRETCH_M) + first;
            let inside = first..end.max(first + 1);
            let mean = |of: fn(&OnLine) -> f64| {
                points[inside.clone()].iter().map(|p| of(p)).sum::<f64>() / inside.len() as f64
            };
            let share = inside.len() as f64 / points.len() as f64;
            let turn = inside.clone().map(|i| at(i) - centre).sum::<Vector2<f64>>() / arms.max(f64::MIN_POSITIVE);
            // To first order in the turn, which the origin feels as a shift.
            let yaw = left_of(turn);
            let (dx, dy) = (share * Vector2::x() + centre.y * yaw, share * Vector2::y() - centre.x * yaw);
            stretches.push(StretchOf {
                s_m: mean(|p| p.s_m),
                at: middle(inside.clone()),
                sigma_m: mean(|p| p.trajectory_m),
                pull: SMatrix::from_rows(&[dx.transpose(), dy.transpose(), yaw.transpose()]),
                points: inside.clone(),
            });
            first = inside.end;
        }
        Drive { shares: shares(&points, lines), points, lines, centre, stretches }
    }

    /// As it is.
    pub(super) fn still(&self) -> Moves {
        let similarity = Similarity { centre: self.centre, ..Similarity::default() };
        Moves { shifts: vec![Vector2::zeros(); self.stretches.len()], similarity, lane_m: 0.0 }
    }

    pub(super) fn solve(&self, sizes: Sizes) -> Option<Solved> {
        let mut moves = self.still();
        for round in 1.. {
            let places: Vec<Place> = (self.stretches.iter().enumerate())
                .map(|(k, stretch)| Place {
                    s_m: stretch.s_m,
                    sigma_m: stretch.sigma_m,
                    arm_m: stretch.at - self.centre,
                    pull: stretch.pull,
                    seen: stretch.points.clone().filter_map(|i| self.seen(k, i, &moves)).collect(),
                })
                .collect();
            let found = smooth(&places, self.centre, sizes)?;
            let moved = |(a, b): (&Vector2<f64>, &(Vector2<f64>, Matrix2<f64>))| (a - b.0).norm();
            let aside_m = (moves.lane_m - found.lane_m).abs();
            let most = moves.shifts.iter().zip(&found.shifts).map(moved).fold(aside_m, f64::max);
            moves.shifts = found.shifts.iter().map(|s| s.0).collect();
            (moves.similarity.growth, moves.similarity.turn) = (found.growth, found.turn);
            moves.lane_m = found.lane_m;
            if most < SETTLED_M || round == ROUNDS {
                let cost = found.prior_cost + found.openness + self.misfit(&moves);
                return Some(Solved { found, moves, cost });
            }
        }
        None
    }

    /// Which share of the trajectory's own variance the lines take away.
    pub(super) fn told(&self, found: &Found) -> f64 {
        let before: f64 = self.stretches.iter().map(|stretch| stretch.sigma_m.powi(2)).sum();
        let after: f64 = found.shifts.iter().map(|shift| 0.5 * shift.1.trace()).sum();
        1.0 - after / before.max(f64::MIN_POSITIVE)
    }

    /// What a point of a stretch is moved by.
    fn shift(&self, k: usize, i: usize, moves: &Moves) -> Vector2<f64> {
        moves.shifts[k] + moves.similarity.apart(Vector2::from(self.points[i].at) - self.stretches[k].at)
    }

    /// What a point says of the shift that is due, as weighted as it is likely at the one so far.
    fn seen(&self, k: usize, i: usize, moves: &Moves) -> Option<Seen> {
        let shift = self.shift(k, i, moves);
        let across = across(self.points[i], self.lines, shift)?;
        let far = across.far(moves.lane_m);
        Some(Seen {
            across: across.right,
            arm_m: Vector2::from(self.points[i].at) - self.centre,
            // Zero were the error the lane's.
            value_m: across.right.dot(&shift) - across.error_m,
            variance: across.sigma_m.powi(2) * (1.0 + far * far) / self.shares[i],
        })
    }

    /// Robust cost of all points.
    fn misfit(&self, moves: &Moves) -> f64 {
        let of = |far: f64| 0.5 * CAUCHY * CAUCHY * libm::log1p(far * far);
        self.all(moves).map(|(_, i, across)| self.shares[i] * of(across.far(moves.lane_m))).sum()
    }

    /// Stretch, point and how it lies, of all points.
    fn all<'b>(&'b self, moves: &'b Moves) -> impl Iterator<Item = (usize, usize, Across)> + 'b {
        self.stretches.iter().enumerate().flat_map(move |(k, stretch)| {
            let lies = move |i: usize| Some((k, i, across(self.points[i], self.lines, self.shift(k, i, moves))?));
            stretch.points.clone().filter_map(lies)
        })
    }

    /// The motion of the whole drive that is nearest to what it is moved by, with the share and the residual of inliers; and
    /// how each stretch lies, its residual of all that is in it, `None` off the roads.
    pub(super) fn judge(&self, moves: &Moves) -> Option<(Register, Vec<Option<StretchFit>>)> {
        // Squares, points and inliers.
        let mut each = vec![(0.0, 0u32, 0u32); self.stretches.len()];
        let mut square = 0.0;
        for (k, _, across) in self.all(moves) {
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
        let [dx_m, dy_m, yaw] = self.rigid(moves);
        let register = Register {
            dx_m,
            dy_m,
            dyaw_deg: yaw.to_degrees(),
            scale: moves.similarity.scale(),
            residual_m: residual(square, inliers),
            inliers: share(inliers, seen),
            scale_sigma: None,
            covariance: None,
        };
        Some((register, each.iter().map(fit).collect()))
    }

    /// Shift and turn that are nearest to what points, all alike, are moved by, the scale given: ENU metres at the origin,
    /// radians.
    fn rigid(&self, moves: &Moves) -> [f64; 3] {
        let each = || {
            let of = |k: usize| self.stretches[k].points.clone().map(move |i| (k, i));
            let all = (0..self.stretches.len()).flat_map(of);
            all.map(|(k, i)| (Vector2::from(self.points[i].at), self.shift(k, i, moves)))
        };
        let mean = each().map(|of| of.1).sum::<Vector2<f64>>() / self.points.len() as f64;
        let (turned, arms) = each().fold((0.0, 0.0), |(turned, arms), (at, shift)| {
            let (arm, more) = (at - self.centre, shift - mean);
            let to = arm + more;
            (turned + arm.perp(&to), arms + arm.dot(&to))
        });
        let yaw = libm::atan2(turned, arms);
        let (sin, cos) = libm::sincos(yaw);
        let turned = cos * self.centre + sin * left_of(self.centre);
        let at = self.centre + mean - moves.similarity.scale() * turned;
        [at.x, at.y, yaw]
    }
}
