//! How far a trajectory is from a reference: absolute and relative errors as `evo` computes them (Sturm et al. 2012, *A
//! Benchmark for the Evaluation of RGB-D SLAM Systems*), and whether stated sigmas are honest.

mod align;
mod pairs;

use nalgebra::{Matrix3, Vector3};
use serde::Serialize;

use crate::coord::Pose;

pub use align::{Similarity, align};
pub use pairs::{associate, pairs_by_path, pairs_by_time};

/// Errors in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ErrorStats {
    /// How many.
    pub count: usize,
    /// Root of the mean square.
    pub rmse: f64,
    /// Mean.
    pub mean: f64,
    /// Median.
    pub median: f64,
    /// 95th percentile, linear between ranks.
    pub p95: f64,
    /// Largest.
    pub max: f64,
}

impl ErrorStats {
    /// Of some errors; `None` of none.
    pub fn of(errors: &[f64]) -> Option<ErrorStats> {
        if errors.is_empty() {
            return None;
        }
        let count = errors.len();
        let mut sorted = errors.to_vec();
        sorted.sort_by(f64::total_cmp);
        let quantile = |q: f64| {
            let at = q * (count - 1) as f64;
            let (low, high) = (sorted[at as usize], sorted[(at as usize + 1).min(count - 1)]);
            low + (high - low) * (at - libm::floor(at))
        };
        Some(ErrorStats {
            count,
            rmse: (errors.iter().map(|e| e * e).sum::<f64>() / count as f64).sqrt(),
            mean: errors.iter().sum::<f64>() / count as f64,
            median: quantile(0.5),
            p95: quantile(0.95),
            max: sorted[count - 1],
        })
    }
}

/// A pose as errors are computed of it: its rotation is kept as the matrix that a file has, orthonormal or nearly.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Placed {
    /// Rotation, active.
    pub rotation: Matrix3<f64>,
    /// Metres.
    pub translation: Vector3<f64>,
}

impl From<Pose> for Placed {
    fn from(pose: Pose) -> Placed {
        Placed { rotation: pose.rotation.to_rotation_matrix().into_inner(), translation: pose.translation }
    }
}

impl Placed {
    /// `self⁻¹ · other`, taking the rotation as orthonormal.
    fn to(&self, other: &Placed) -> Placed {
        let back = self.rotation.transpose();
        Placed { rotation: back * other.rotation, translation: back * other.translation - back * self.translation }
    }
}

/// Absolute errors (ATE): distances between positions of the same index, metres.
pub fn absolute(reference: &[Placed], estimate: &[Placed]) -> Vec<f64> {
    reference.iter().zip(estimate).map(|(r, e)| (r.translation - e.translation).norm()).collect()
}

/// Relative errors (RPE): for each pair `(i, j)`, how far the estimated motion from i to j ends from the reference's,
/// `|(R_i⁻¹ R_j)⁻¹ (E_i⁻¹ E_j)|`, metres.
pub fn relative(reference: &[Placed], estimate: &[Placed], pairs: &[(usize, usize)]) -> Vec<f64> {
    let motion = |poses: &[Placed], (i, j): (usize, usize)| poses[i].to(&poses[j]);
    let error = |&pair: &(usize, usize)| motion(reference, pair).to(&motion(estimate, pair)).translation.norm();
    pairs.iter().map(error).collect()
}

/// Normalised squared error of a position per degree of freedom: 1 on average where sigmas per axis are honest.
pub fn nees(error: Vector3<f64>, sigma_xy_m: f64) -> f64 {
    (error.x * error.x + error.y * error.y) / (2.0 * sigma_xy_m * sigma_xy_m)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_numpy() {
        // numpy: percentile([3, 1, 4, 1, 5], 95) = 4.8.
        let stats = ErrorStats::of(&[3.0, 1.0, 4.0, 1.0, 5.0]).expect("five");
        assert_eq!((stats.median, stats.max, stats.count), (3.0, 5.0, 5));
        assert!((stats.p95 - 4.8).abs() < 1e-12 && (stats.rmse - 10.4_f64.sqrt()).abs() < 1e-12);
        assert!(ErrorStats::of(&[]).is_none());
    }

    #[test]
    fn a_common_move_is_an_absolute_error_and_no_relative_one() {
        let at = |x: f64, heading: f64| Pose::level(Vector3::new(x, 0.1 * x * x, 0.0), heading);
        let poses: Vec<Pose> = (0..10).map(|i| at(f64::from(i), 10.0 * f64::from(i))).collect();
        let by = Pose::level(Vector3::new(3.0, 4.0, 0.0), 35.0);
        let moved: Vec<Placed> = poses.iter().map(|p| (by * *p).into()).collect();
        let reference: Vec<Placed> = poses.into_iter().map(Placed::from).collect();
        assert!(absolute(&reference, &moved)[0] > 4.9);
        assert!(relative(&reference, &moved, &[(0, 3), (2, 9)]).iter().all(|e| *e < 1e-12));
        assert!((nees(Vector3::new(3.0, 4.0, 9.0), 5.0) - 0.5).abs() < 1e-12);
    }
}
