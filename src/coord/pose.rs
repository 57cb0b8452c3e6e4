//! [`Pose`]: a rigid transform, SE(3).

use std::ops::Mul;

use nalgebra::{Matrix3, Quaternion, Rotation3, UnitQuaternion, Vector3};
use serde::{Deserialize, Serialize};

/// What rounding may take a rotation off its form: lengths are off 1, and angles off right ones, by no more.
const OFF: f64 = 0.01;

/// A rigid transform `dst_se3_src`: `p_dst = rotation * p_src + translation`.
///
/// Translation in metres, rotation active, quaternion `w, x, y, z` with `w >= 0` wherever it is written.
/// `world_se3_ego * ego_se3_camera` is `world_se3_camera`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Pose {
    /// Position of the source frame's origin in the destination frame, metres.
    pub translation: Vector3<f64>,
    /// Rotation from source to destination axes.
    pub rotation: UnitQuaternion<f64>,
}

impl Pose {
    /// A pose from its parts; the quaternion's sign is made `w >= 0`.
    pub fn new(translation: Vector3<f64>, rotation: UnitQuaternion<f64>) -> Pose {
        Pose { translation, rotation: positive(rotation) }
    }

    /// The identity.
    pub fn identity() -> Pose {
        Pose { translation: Vector3::zeros(), rotation: UnitQuaternion::identity() }
    }

    /// `flu_se3_rdf`: a camera (x right, y down, z forward) that looks along x of an ego (x forward, y left, z up).
    pub fn flu_se3_rdf() -> Pose {
        // Columns: the camera's axes in the ego's.
        let r = Matrix3::new(0.0, 0.0, 1.0, -1.0, 0.0, 0.0, 0.0, -1.0, 0.0);
        Pose::from_rotation_matrix(&r, Vector3::zeros())
    }

    /// From a translation and a quaternion `[w, x, y, z]`, which is normalised.
    ///
    /// This, [`Pose::from_rows`] and [`Pose::from_rotation_vector`] are how what a file says becomes a pose. `None` where a
    /// number is not finite or the quaternion's norm is off 1 by more than [`OFF`], which no rounding explains.
    pub fn from_wxyz(t: [f64; 3], q: [f64; 4]) -> Option<Pose> {
        let quaternion = Quaternion::new(q[0], q[1], q[2], q[3]);
        let norm = quaternion.norm();
        let fine = t.iter().all(|v| v.is_finite()) && (norm - 1.0).abs() <= OFF;
        fine.then(|| Pose::new(Vector3::from(t), UnitQuaternion::new_normalize(quaternion)))
    }

    /// From a translation and a rotation matrix row by row (columns: the source axes in the destination frame), which is made
    /// orthonormal.
    ///
    /// `None` where a number is not finite, the columns are off length 1 or a right angle by more than [`OFF`], or are
    /// left-handed.
    pub fn from_rows(t: [f64; 3], r: [f64; 9]) -> Option<Pose> {
        let matrix = Matrix3::from_row_slice(&r);
        let off = (matrix.transpose() * matrix - Matrix3::identity()).abs();
        // The product has squares of lengths.
        let fine = t.iter().all(|v| v.is_finite()) && off.iter().all(|v| *v <= 2.0 * OFF) && matrix.determinant() > 0.0;
        let pose = || Pose::from_rotation_matrix(&matrix, Vector3::from(t));
        fine.then(pose).map(|p| Pose::new(p.translation, UnitQuaternion::new_normalize(p.rotation.into_inner())))
    }

    /// From a translation and a rotation vector: the axis, as long as the angle is in radians.
    ///
    /// `None` where a number is not finite or the angle is beyond a turn, as one in degrees mostly is.
    pub fn from_rotation_vector(t: [f64; 3], r: [f64; 3]) -> Option<Pose> {
        let angle = Vector3::from(r).norm();
        let fine = t.iter().all(|v| v.is_finite()) && angle <= std::f64::consts::TAU * (1.0 + OFF);
        fine.then(|| Pose::new(Vector3::from(t), UnitQuaternion::from_scaled_axis(Vector3::from(r))))
    }

    /// From a matrix that is known to be a rotation (columns: the source axes in the destination frame) and a translation.
    pub fn from_rotation_matrix(r: &Matrix3<f64>, translation: Vector3<f64>) -> Pose {
        let rotation = UnitQuaternion::from_rotation_matrix(&Rotation3::from_matrix_unchecked(*r));
        Pose::new(translation, rotation)
    }

    /// A level pose in ENU with the x axis at `heading_deg` (clockwise from north).
    pub fn level(translation: Vector3<f64>, heading_deg: f64) -> Pose {
        Pose::new(translation, yaw_rotation((90.0 - heading_deg).to_radians()))
    }

    /// The quaternion `[w, x, y, z]`, `w >= 0`.
    pub fn wxyz(&self) -> [f64; 4] {
        let q = positive(self.rotation);
        [q.w, q.i, q.j, q.k]
    }

    /// The inverse transform.
    pub fn inverse(&self) -> Pose {
        let rotation = self.rotation.inverse();
        Pose::new(-(rotation * self.translation), rotation)
    }

    /// A point of the source frame in the destination frame, metres.
    pub fn apply(&self, point: Vector3<f64>) -> Vector3<f64> {
        self.rotation * point + self.translation
    }

    /// The pose's x axis in the destination frame: the direction of travel of a FLU ego.
    pub fn forward(&self) -> Vector3<f64> {
        self.rotation * Vector3::x()
    }

    /// Yaw of the x axis, radians, counter-clockwise from the destination's x axis (east in ENU).
    pub fn yaw_rad(&self) -> f64 {
        let f = self.forward();
        libm::atan2(f.y, f.x)
    }

    /// The pose with the same position and yaw, roll and pitch removed.
    pub fn levelled(&self) -> Pose {
        Pose::new(self.translation, yaw_rotation(self.yaw_rad()))
    }

    /// Between two poses: position linear, rotation SLERP along the shorter arc; `w` 0 is `self`, 1 is `other`.
    ///
    /// The one interpolation that a trajectory means anywhere (DESIGN, section 3); bit-equal on every machine.
    pub fn interpolate(&self, other: &Pose, w: f64) -> Pose {
        let translation = self.translation * (1.0 - w) + other.translation * w;
        let a = self.rotation.into_inner();
        let mut b = other.rotation.into_inner();
        let mut dot = a.coords.dot(&b.coords);
        if dot < 0.0 {
            b = -b;
            dot = -dot;
        }
        let mixed = if dot > 0.999_999 {
            a * (1.0 - w) + b * w
        } else {
            let angle = libm::acos(dot.min(1.0));
            let sin = libm::sin(angle);
            a * (libm::sin((1.0 - w) * angle) / sin) + b * (libm::sin(w * angle) / sin)
        };
        Pose::new(translation, UnitQuaternion::new_normalize(mixed))
    }

    /// Angle of the rotation between the two, radians, in `[0, pi]`.
    pub fn angle_to(&self, other: &Pose) -> f64 {
        let dot = self.rotation.coords.dot(&other.rotation.coords).abs().min(1.0);
        2.0 * libm::acos(dot)
    }
}

impl Mul for Pose {
    type Output = Pose;

    fn mul(self, other: Pose) -> Pose {
        Pose::new(self.apply(other.translation), self.rotation * other.rotation)
    }
}

/// The same rotation with `w >= 0`.
fn positive(q: UnitQuaternion<f64>) -> UnitQuaternion<f64> {
    if q.w < 0.0 { UnitQuaternion::new_unchecked(-q.into_inner()) } else { q }
}

/// Rotation by `yaw` radians about z.
fn yaw_rotation(yaw: f64) -> UnitQuaternion<f64> {
    let (sin, cos) = libm::sincos(yaw / 2.0);
    UnitQuaternion::new_normalize(Quaternion::new(cos, 0.0, 0.0, sin))
}

/// Heading of a direction in ENU, degrees clockwise from north, `[0, 360)`.
pub fn heading_deg(east: f64, north: f64) -> f64 {
    wrap_degrees(libm::atan2(east, north).to_degrees())
}

/// The angle in `[0, 360)`.
pub fn wrap_degrees(angle: f64) -> f64 {
    let wrapped = angle.rem_euclid(360.0);
    // A tiny negative angle rounds up to 360 itself.
    if wrapped >= 360.0 { 0.0 } else { wrapped }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_camera_ahead_looks_along_x_and_is_upright() {
        let ahead = Pose::flu_se3_rdf();
        assert!((ahead.rotation * Vector3::z() - Vector3::x()).norm() < 1e-12);
        assert!((ahead.rotation * Vector3::x() + Vector3::y()).norm() < 1e-12);
        assert!((ahead.rotation * Vector3::y() + Vector3::z()).norm() < 1e-12);
    }

    #[test]
    fn what_is_no_rotation_is_refused_and_what_is_rounded_is_put_right() {
        let t = [1.0, 2.0, 3.0];
        let half = std::f64::consts::FRAC_1_SQRT_2;
        let unit = |pose: Option<Pose>| pose.map(|p| (p.rotation.norm() - 1.0).abs() < 1e-12);
        // Rounded to three digits.
        assert_eq!(unit(Pose::from_wxyz(t, [0.707, 0.0, 0.0, 0.707])), Some(true));
        assert_eq!(unit(Pose::from_rows(t, [0.707, -0.707, 0.0, 0.707, 0.707, 0.0, 0.0, 0.0, 1.0])), Some(true));
        for q in [[0.0; 4], [2.0, 0.0, 0.0, 0.0], [half, 0.0, 0.0, 0.5], [f64::NAN, 0.0, 0.0, 1.0], [1e300; 4]] {
            assert_eq!(Pose::from_wxyz(t, q), None, "{q:?}");
        }
        let turned = [0.0, -1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0];
        let (same, other) = (Pose::from_rows(t, turned), Pose::from_wxyz(t, [half, 0.0, 0.0, half]));
        assert!(same.zip(other).is_some_and(|(a, b)| a.angle_to(&b) < 1e-7 && a.translation == b.translation));
        let mirrored = turned.map(|v| -v);
        let scaled = turned.map(|v| 1.1 * v);
        let mut sheared = turned;
        sheared[0] = 0.05;
        let mut nan = turned;
        nan[4] = f64::NAN;
        for r in [mirrored, scaled, sheared, nan, [0.0; 9], [1e200; 9]] {
            assert_eq!(Pose::from_rows(t, r), None, "{r:?}");
        }
        let vector = Pose::from_rotation_vector(t, [0.0, 0.0, std::f64::consts::FRAC_PI_2]);
        assert!(vector.zip(other).is_some_and(|(a, b)| a.angle_to(&b) < 1e-7));
        for r in [[0.0, 0.0, 90.0], [f64::INFINITY, 0.0, 0.0], [1e300; 3], [f64::NAN; 3]] {
            assert_eq!(Pose::from_rotation_vector(t, r), None, "{r:?}");
        }
        for (bad, q) in
            [([f64::NAN, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0]), ([0.0, f64::INFINITY, 0.0], [1.0, 0.0, 0.0, 0.0])]
        {
            assert_eq!(Pose::from_wxyz(bad, q), None);
            assert_eq!((Pose::from_rows(bad, turned), Pose::from_rotation_vector(bad, [0.0; 3])), (None, None));
        }
    }

    #[test]
    fn a_level_pose_looks_where_its_heading_says() {
        let east = Pose::level(Vector3::zeros(), 90.0);
        assert!((east.forward() - Vector3::x()).norm() < 1e-12);
        let north = Pose::level(Vector3::zeros(), 0.0);
        assert!((north.forward() - Vector3::y()).norm() < 1e-12);
        assert!((heading_deg(-1.0, 0.0) - 270.0).abs() < 1e-12);
    }

    #[test]
    fn inverse_undoes_and_interpolation_takes_the_shorter_way() {
        let a = Pose::level(Vector3::new(1.0, 2.0, 3.0), 350.0);
        let b = Pose::level(Vector3::new(3.0, 2.0, 3.0), 10.0);
        let round = a * a.inverse();
        assert!(round.translation.norm() < 1e-12 && round.angle_to(&Pose::identity()) < 1e-7);
        let mid = a.interpolate(&b, 0.5);
        assert!((mid.translation.x - 2.0).abs() < 1e-12);
        assert!((heading_deg(mid.forward().x, mid.forward().y) + 0.0).min(1.0) < 1e-9);
    }
}
