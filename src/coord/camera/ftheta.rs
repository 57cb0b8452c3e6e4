//! f-theta: a fisheye whose radius and angle are polynomials of each other, as NVIDIA's cameras are calibrated.

use std::f64::consts::PI;

use nalgebra::Vector3;

use super::InvalidCamera;
use super::polynomial::{derivative, sign_changes, solve_rising, value};

/// Coefficients of a polynomial, constant first.
pub(super) const COEFFICIENTS: usize = 6;
/// Radii are looked at up to here: far beyond any picture's size in pixels.
const RADIUS_END: f64 = 1e6;

/// Radius `r(θ)` by the angle from the axis, or that angle by the radius, `θ(r)`; then a shear `[1, d; e, 1]`.
///
/// Source: NVIDIA DriveWorks, `dwFThetaCameraConfig`, and NCore, *Sensor models*: there radii are pixels and the linear
/// term is `[c, d; e, 1]`, which is `fx = c`, `fy = 1` here and a shear of `[d / c, e]`. Unlike NCore's, angles beyond 90°
/// are valid where the polynomial still rises.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Ftheta {
    /// The polynomial is `θ(r)`, not `r(θ)`.
    pub(super) backward: bool,
    pub(super) poly: [f64; COEFFICIENTS],
    slope: Vec<f64>,
    pub(super) shear: [f64; 2],
    /// Up to here the radius rises with the angle.
    pub(super) theta_max: f64,
    /// The radius there.
    pub(super) radius_max: f64,
}

impl Ftheta {
    /// A lens of `k0 … k5` of `r(θ)`, or of `k0 … k5, backward, d, e, max_angle`: with `backward` 1 the polynomial is `θ(r)`,
    /// and a `max_angle` of 0 is none.
    pub(super) fn new(distortion: &[f64]) -> Result<Ftheta, InvalidCamera> {
        let (poly, rest) = match distortion.len() {
            2..=COEFFICIENTS => (distortion, [0.0; 4]),
            10 => (&distortion[..COEFFICIENTS], std::array::from_fn(|i| distortion[COEFFICIENTS + i])),
            n => {
                let reason = "ftheta takes 2 to 6 distortion coefficients (k0 to k5) or 10 (k0 to k5, backward, d, e, \
                              max_angle)";
                return Err(InvalidCamera::new(format!("{reason}, not {n}")));
            }
        };
        let mut coefficients = [0.0; COEFFICIENTS];
        coefficients[..poly.len()].copy_from_slice(poly);
        let [backward, d, e, max_angle] = rest;
        if backward != 0.0 && backward != 1.0 {
            return Err(InvalidCamera::new(format!("ftheta's `backward` is 0 or 1, not {backward}")));
        }
        if !(0.0..=PI).contains(&max_angle) {
            return Err(InvalidCamera::new(format!("ftheta's `max_angle` is 0 to 3.1416 radians, not {max_angle}")));
        }
        if 1.0 - d * e <= 0.0 {
            return Err(InvalidCamera::new(format!("ftheta's shear of {d} and {e} turns the picture over")));
        }
        if coefficients[0] != 0.0 {
            let reason = "ftheta's polynomial is 0 on the axis: its first coefficient is 0";
            return Err(InvalidCamera::new(format!("{reason}, not {}", coefficients[0])));
        }
        if coefficients[1] <= 0.0 {
            let reason = "ftheta's polynomial does not rise from the axis: its second coefficient is";
            return Err(InvalidCamera::new(format!("{reason} {}", coefficients[1])));
        }
        let slope = derivative(&coefficients);
        let first = |lens: &Ftheta, end: f64| sign_changes(&lens.slope, end).first().copied().unwrap_or(end);
        let widest = if max_angle > 0.0 { max_angle } else { PI };
        let lens = Ftheta {
            backward: backward == 1.0,
            poly: coefficients,
            slope,
            shear: [d, e],
            theta_max: 0.0,
            radius_max: 0.0,
        };
        let (theta_max, radius_max) = if lens.backward {
            let radius = first(&lens, RADIUS_END);
            match value(&lens.poly, radius) {
                theta if theta > widest => (widest, solve_rising(widest, 0.0, radius, |r| lens.at(r))),
                theta => (theta, radius),
            }
        } else {
            let theta = first(&lens, widest);
            (theta, value(&lens.poly, theta))
        };
        Ok(Ftheta { theta_max, radius_max, ..lens })
    }

    /// The polynomial and its slope.
    fn at(&self, x: f64) -> (f64, f64) {
        (value(&self.poly, x), value(&self.slope, x))
    }

    /// The position on a plane where radii are those of the polynomial.
    pub(super) fn project(&self, point: Vector3<f64>) -> Option<(f64, f64)> {
        let side = libm::hypot(point.x, point.y);
        if side == 0.0 {
            return (point.z > 0.0).then_some((0.0, 0.0));
        }
        let theta = libm::atan2(side, point.z);
        if theta.is_nan() || theta >= self.theta_max {
            return None;
        }
        let radius = match self.backward {
            true => solve_rising(theta, 0.0, self.radius_max, |r| self.at(r)),
            false => value(&self.poly, theta),
        };
        let (x, y) = (point.x / side * radius, point.y / side * radius);
        Some((x + self.shear[0] * y, self.shear[1] * x + y))
    }

    /// The unit ray of a position on that plane.
    pub(super) fn unproject(&self, x: f64, y: f64) -> Option<Vector3<f64>> {
        let [d, e] = self.shear;
        let whole = 1.0 - d * e;
        let (x, y) = ((x - d * y) / whole, (y - e * x) / whole);
        let radius = libm::hypot(x, y);
        if radius == 0.0 {
            return Some(Vector3::z());
        }
        if radius.is_nan() || radius >= self.radius_max {
            return None;
        }
        let theta = match self.backward {
            true => value(&self.poly, radius),
            false => solve_rising(radius, 0.0, self.theta_max, |t| self.at(t)),
        };
        let (sin, cos) = libm::sincos(theta);
        Some(Vector3::new(x / radius * sin, y / radius * sin, cos))
    }

    /// Radians that one unit of radius is on the axis.
    pub(super) fn axis_rad(&self) -> f64 {
        if self.backward { self.poly[1] } else { 1.0 / self.poly[1] }
    }
}
