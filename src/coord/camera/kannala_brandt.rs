//! Kannala–Brandt: a fisheye whose radius is an odd polynomial of the angle from the axis.

use std::f64::consts::PI;

use nalgebra::Vector3;

use super::polynomial::{sign_changes, solve_rising, value};

/// `r = θ (1 + k1 θ² + k2 θ⁴ + k3 θ⁶ + k4 θ⁸)` on a plane of focal length 1.
///
/// Source: Kannala and Brandt (2006), *A generic camera model and calibration method*, eq. 6, in OpenCV's `fisheye`
/// form; unlike OpenCV's, angles beyond 90° are valid where the polynomial still rises.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct KannalaBrandt {
    /// Polynomial in θ², constant first.
    pub(super) growth: [f64; 5],
    /// Its derivative `dr/dθ`, a polynomial in θ².
    slope: [f64; 5],
    /// Up to here the radius rises; π at most.
    pub(super) theta_max: f64,
}

impl KannalaBrandt {
    /// A lens of the coefficients `k1 k2 k3 k4`.
    pub(super) fn new([k1, k2, k3, k4]: [f64; 4]) -> KannalaBrandt {
        let growth = [1.0, k1, k2, k3, k4];
        let slope = [1.0, 3.0 * k1, 5.0 * k2, 7.0 * k3, 9.0 * k4];
        let theta_max = sign_changes(&slope, PI * PI).first().map_or(PI, |s| s.sqrt());
        KannalaBrandt { growth, slope, theta_max }
    }

    /// The largest angle from the axis that is valid, radians.
    #[cfg(test)]
    pub(super) fn theta_max(&self) -> f64 {
        self.theta_max
    }

    /// The position on a plane of focal length 1.
    pub(super) fn project(&self, point: Vector3<f64>) -> Option<(f64, f64)> {
        let side = libm::hypot(point.x, point.y);
        if side == 0.0 {
            // Straight behind, every direction of the picture is as right as another.
            return (point.z > 0.0).then_some((0.0, 0.0));
        }
        let theta = libm::atan2(side, point.z);
        if theta.is_nan() || theta >= self.theta_max {
            return None;
        }
        let scale = theta * value(&self.growth, theta * theta) / side;
        Some((point.x * scale, point.y * scale))
    }

    /// The unit ray of a position on a plane of focal length 1.
    pub(super) fn unproject(&self, x: f64, y: f64) -> Option<Vector3<f64>> {
        let radius = libm::hypot(x, y);
        if radius == 0.0 {
            return Some(Vector3::z());
        }
        let grown = |t: f64| (t * value(&self.growth, t * t), value(&self.slope, t * t));
        if radius.is_nan() || radius >= grown(self.theta_max).0 {
            return None;
        }
        let (sin, cos) = libm::sincos(solve_rising(radius, 0.0, self.theta_max, grown));
        Some(Vector3::new(x / radius * sin, y / radius * sin, cos))
    }
}
