//! Brown–Conrady: a pinhole with (rational) radial and tangential distortion.

use nalgebra::{Matrix2, Vector2, Vector3};

use super::InvalidCamera;
use super::polynomial::{derivative, product, sign_changes, solve_rising, value};

/// Largest radius on the plane at z = 1 that is looked at: 89.994° from the axis.
const RADIUS_END: f64 = 1e4;

/// Coefficients `k1 k2 p1 p2 k3 k4 k5 k6` of a lens on the plane at z = 1.
///
/// Source: OpenCV, *Camera Calibration and 3D Reconstruction*, detailed description; Brown (1966).
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Brown {
    /// Radial factor: numerator and denominator, polynomials in r², constant first.
    pub(super) numerator: [f64; 4],
    pub(super) denominator: [f64; 4],
    pub(super) p1: f64,
    pub(super) p2: f64,
    /// The factor is 1 and nothing is to be solved.
    pub(super) plain: bool,
    /// Up to here `r f(r)` rises.
    pub(super) radius_max: f64,
}

impl Brown {
    /// A lens of 0, 4, 5 or 8 coefficients; missing ones are 0.
    pub(super) fn new(coefficients: &[f64]) -> Result<Brown, InvalidCamera> {
        let c = |i: usize| coefficients.get(i).copied().unwrap_or(0.0);
        let numerator = [1.0, c(0), c(1), c(4)];
        let denominator = [1.0, c(5), c(6), c(7)];
        // With s = r², d(r N/D)/dr = (N D + 2 s (N' D - N D')) / D²; it ends to rise where that numerator, or D
        // itself, first changes sign.
        let (n, d) = (&numerator[..], &denominator[..]);
        let mut rise = product(n, d);
        let (nd, dn) = (product(&derivative(n), d), product(n, &derivative(d)));
        for (i, (a, b)) in nd.iter().zip(&dn).enumerate() {
            rise[i + 1] += 2.0 * (a - b);
        }
        let end = RADIUS_END * RADIUS_END;
        let first = |c: &[f64]| sign_changes(c, end).first().copied().unwrap_or(end);
        let radius_max = first(&rise).min(first(d)).sqrt();
        if radius_max < 1e-6 {
            return Err(InvalidCamera::new("the distortion folds the picture at its centre"));
        }
        let plain = coefficients.iter().all(|&k| k == 0.0);
        Ok(Brown { numerator, denominator, p1: c(2), p2: c(3), plain, radius_max })
    }

    /// The largest undistorted radius that is valid.
    #[cfg(test)]
    pub(super) fn radius_max(&self) -> f64 {
        self.radius_max
    }

    /// The distorted position on the plane at z = 1.
    pub(super) fn project(&self, point: Vector3<f64>) -> Option<(f64, f64)> {
        if !(point.z > 0.0 && point.x.is_finite() && point.y.is_finite()) {
            return None;
        }
        let p = Vector2::new(point.x / point.z, point.y / point.z);
        if self.plain {
            return Some((p.x, p.y));
        }
        if !self.holds(p) {
            return None;
        }
        let (q, _) = self.distort(p);
        Some((q.x, q.y))
    }

    /// The unit ray whose distorted position is given.
    pub(super) fn unproject(&self, x: f64, y: f64) -> Option<Vector3<f64>> {
        self.undistorted(x, y).map(|p| Vector3::new(p.x, p.y, 1.0).normalize())
    }

    /// The place on the plane at z = 1 whose distorted position is given.
    pub(super) fn undistorted(&self, x: f64, y: f64) -> Option<Vector2<f64>> {
        if !(x.is_finite() && y.is_finite()) {
            return None;
        }
        let target = Vector2::new(x, y);
        if self.plain { Some(target) } else { self.undistort(target) }
    }

    /// Whether the model is one to one around `p`: below the monotone radius, and not turned over by `p1`, `p2`.
    fn holds(&self, p: Vector2<f64>) -> bool {
        p.norm() < self.radius_max && self.distort(p).1.determinant() > 0.0
    }

    /// The radial factor at `s = r²` and its derivative by `s`.
    fn factor(&self, s: f64) -> (f64, f64) {
        let slope = |c: &[f64; 4]| c[1] + s * (2.0 * c[2] + s * 3.0 * c[3]);
        let (n, d) = (value(&self.numerator, s), value(&self.denominator, s));
        (n / d, (slope(&self.numerator) * d - n * slope(&self.denominator)) / (d * d))
    }

    /// The distorted position of `p` and the Jacobian there.
    pub(super) fn distort(&self, p: Vector2<f64>) -> (Vector2<f64>, Matrix2<f64>) {
        let (x, y, s) = (p.x, p.y, p.norm_squared());
        let (f, df) = self.factor(s);
        let q = Vector2::new(
            x * f + 2.0 * self.p1 * x * y + self.p2 * (s + 2.0 * x * x),
            y * f + self.p1 * (s + 2.0 * y * y) + 2.0 * self.p2 * x * y,
        );
        let cross = 2.0 * x * y * df + 2.0 * self.p1 * x + 2.0 * self.p2 * y;
        let jacobian = Matrix2::new(
            f + 2.0 * x * x * df + 2.0 * self.p1 * y + 6.0 * self.p2 * x,
            cross,
            cross,
            f + 2.0 * y * y * df + 6.0 * self.p1 * y + 2.0 * self.p2 * x,
        );
        (q, jacobian)
    }

    /// Newton's method in two dimensions, started at the radial solution, with steps halved until they help.
    fn undistort(&self, target: Vector2<f64>) -> Option<Vector2<f64>> {
        let mut p = self.undistort_radially(target);
        let (mut q, mut jacobian) = self.distort(p);
        let mut miss = (q - target).norm();
        // The last bits of a pixel of a wide lens; a pixel off by less is the same pixel.
        let close = 1e-15 * (1.0 + target.norm());
        for _ in 0..60 {
            if miss <= close {
                break;
            }
            let Some(step) = jacobian.try_inverse().map(|inverse| inverse * (q - target)) else { break };
            let mut share = 1.0;
            let better = loop {
                let next = p - step * share;
                let (q_next, j_next) = self.distort(next);
                let miss_next = (q_next - target).norm();
                if next.norm() < self.radius_max && miss_next < miss {
                    break Some((next, q_next, j_next, miss_next));
                }
                share *= 0.5;
                if share < 1e-6 {
                    break None;
                }
            };
            let Some(next) = better else { break };
            (p, q, jacobian, miss) = next;
        }
        (miss <= 1e-12 * (1.0 + target.norm()) && self.holds(p)).then_some(p)
    }

    /// The undistorted position if there were no tangential part; moved inside the valid disc where it lies outside.
    fn undistort_radially(&self, target: Vector2<f64>) -> Vector2<f64> {
        let wanted = target.norm();
        if wanted == 0.0 {
            return target;
        }
        let grown = |r: f64| {
            let (f, df) = self.factor(r * r);
            (r * f, f + 2.0 * r * r * df)
        };
        let inside = self.radius_max * (1.0 - 1e-9);
        let r = if grown(inside).0 <= wanted { inside } else { solve_rising(wanted, 0.0, inside, grown) };
        target * (r / wanted)
    }
}
