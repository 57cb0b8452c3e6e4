//! The similarity between two sets of points in least squares (Umeyama 1991).

use nalgebra::{Matrix3, Vector3};

use super::Placed;

/// `p' = scale · rotation · p + translation`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Similarity {
    /// Rotation, active.
    pub rotation: Matrix3<f64>,
    /// Translation, metres.
    pub translation: Vector3<f64>,
    /// Scale; 1 where only a rigid motion was asked for.
    pub scale: f64,
}

impl Similarity {
    /// A pose moved by it.
    pub fn apply(&self, pose: &Placed) -> Placed {
        let translation = self.rotation * pose.translation * self.scale + self.translation;
        Placed { rotation: self.rotation * pose.rotation, translation }
    }
}

/// The motion that brings `estimate` nearest to `reference`, point by point.
///
/// `None` where points are too few or on one line, or the lengths differ.
pub fn align(reference: &[Placed], estimate: &[Placed], with_scale: bool) -> Option<Similarity> {
    let n = reference.len() as f64;
    if reference.len() != estimate.len() || reference.is_empty() {
        return None;
    }
    let mean = |poses: &[Placed]| poses.iter().fold(Vector3::zeros(), |sum, p| sum + p.translation) / n;
    let (to, from) = (mean(reference), mean(estimate));
    let mut covariance = Matrix3::zeros();
    let mut variance = 0.0;
    for (r, e) in reference.iter().zip(estimate) {
        let (y, x) = (r.translation - to, e.translation - from);
        covariance += y * x.transpose() / n;
        variance += x.norm_squared() / n;
    }
    let svd = covariance.svd(true, true);
    let (u, v_t, d) = (svd.u?, svd.v_t?, svd.singular_values);
    if d.iter().filter(|s| **s > f64::EPSILON).count() < 2 {
        return None;
    }
    let least = d.imin();
    let mut s = Vector3::repeat(1.0);
    if u.determinant() * v_t.determinant() < 0.0 {
        s[least] = -1.0;
    }
    let rotation = u * Matrix3::from_diagonal(&s) * v_t;
    let scale = if with_scale { d.dot(&s) / variance } else { 1.0 };
    Some(Similarity { rotation, translation: to - rotation * from * scale, scale })
}

#[cfg(test)]
mod tests {
    use nalgebra::Rotation3;

    use super::*;
    use crate::coord::Pose;

    #[test]
    fn a_known_similarity_is_found_and_a_line_is_refused() {
        let at = |t: f64| Pose::level(Vector3::new(t, libm::sin(t), 0.1 * t * t), 4.0 * t).into();
        let points: Vec<Placed> = (0..20).map(|i| at(f64::from(i))).collect();
        let made = Similarity {
            rotation: Rotation3::from_euler_angles(0.3, -0.2, 2.0).into_inner(),
            translation: Vector3::new(5.0, -6.0, 7.0),
            scale: 1.7,
        };
        let moved: Vec<Placed> = points.iter().map(|p| made.apply(p)).collect();
        let found = align(&moved, &points, true).expect("not on a line");
        assert!((found.scale - 1.7).abs() < 1e-12 && (found.rotation - made.rotation).amax() < 1e-12);
        assert!((found.translation - made.translation).norm() < 1e-10);
        assert_eq!(align(&moved, &points, false).expect("not on a line").scale, 1.0);
        let on_line = |x: i32| Pose::level(Vector3::new(f64::from(x), 0.0, 0.0), 0.0).into();
        let line: Vec<Placed> = (0..5).map(on_line).collect();
        assert!(align(&line, &line, false).is_none() && align(&[], &[], false).is_none());
    }
}
