//! Equirectangular: longitude along u, latitude along v, of the whole sphere or of a part of it.

use std::f64::consts::{FRAC_PI_2, PI, TAU};

use nalgebra::Vector3;

use super::InvalidCamera;

/// A picture may miss 360° by so much and still have its last column beside its first, and reach so far beyond a pole, as a
/// share of the whole: numbers in files are rounded. No pixels, so that a picture resized is what it was.
const SLACK: f64 = 1e-3;

/// Where the stored picture lies in the whole sphere's.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Equirectangular {
    /// Width and height of the picture, pixels.
    size: [f64; 2],
    /// Width and height that the picture of the whole sphere has at this scale, pixels.
    pub(super) full: [f64; 2],
    /// The picture's left and upper border in that one, pixels.
    pub(super) offset: [f64; 2],
}

impl Equirectangular {
    /// The part of the sphere that a picture of `size` pixels shows: all of it where `k` is empty, else by `fx`, `fy`
    /// (pixels a radian) and `cx`, `cy` (where the camera's z axis meets the picture, perhaps beside it).
    pub(super) fn new(size: [u32; 2], k: &[f64]) -> Result<Equirectangular, InvalidCamera> {
        let size = size.map(f64::from);
        let &[fx, fy, cx, cy] = k else {
            return Ok(Equirectangular { size, full: size, offset: [0.0; 2] });
        };
        let full = [TAU * fx, PI * fy];
        if size[0] > full[0] * (1.0 + SLACK) {
            let degrees = size[0] / full[0] * 360.0;
            return Err(InvalidCamera::new(format!(
                "the panorama is {degrees:.3} degrees wide: its width is at most 2 π fx, {:.1} pixels",
                full[0]
            )));
        }
        let top = 0.5 * full[1] - 0.5 - cy;
        if top < -SLACK * full[1] || top + size[1] > full[1] * (1.0 + SLACK) {
            return Err(InvalidCamera::new(format!(
                "the panorama reaches beyond a pole: of {:.1} rows from zenith to nadir it has {:.1} to {:.1}",
                full[1],
                top,
                top + size[1]
            )));
        }
        // Of all turns the one that has the picture's middle on the first round.
        let left = 0.5 * full[0] - 0.5 - cx;
        let middle = left + 0.5 * size[0];
        let left = left - (middle / full[0]).floor() * full[0];
        Ok(Equirectangular { size, full, offset: [left, top] })
    }

    /// Whether the last column is a neighbour of the first.
    pub(super) fn wraps(&self) -> bool {
        (self.size[0] - self.full[0]).abs() <= SLACK * self.full[0]
    }

    /// Longitude of the picture's middle, radians to the right of the z axis.
    pub(super) fn middle_rad(&self) -> f64 {
        ((self.offset[0] + 0.5 * self.size[0]) / self.full[0] - 0.5) * TAU
    }

    /// The pixel of a point; where it is not on the picture, it is beside the nearer of its borders.
    pub(super) fn project(&self, point: Vector3<f64>) -> Option<(f64, f64)> {
        let level = libm::hypot(point.x, point.z);
        if !(point.norm_squared() > 0.0 && level.is_finite() && point.y.is_finite()) {
            return None;
        }
        let (lon, lat) = (libm::atan2(point.x, point.z), libm::atan2(-point.y, level));
        let u = (lon / TAU + 0.5) * self.full[0] - 0.5 - self.offset[0];
        let v = (0.5 - lat / PI) * self.full[1] - 0.5 - self.offset[1];
        let [low, high] = self.round();
        let u = if u < low { u + self.full[0] } else { u };
        Some((if u > high { u - self.full[0] } else { u }, v))
    }

    /// The columns of one round whose middle is the picture's.
    pub(super) fn round(&self) -> [f64; 2] {
        let middle = 0.5 * self.size[0] - 0.5;
        [middle - 0.5 * self.full[0], middle + 0.5 * self.full[0]]
    }

    /// The unit ray of a place on the picture.
    pub(super) fn unproject(&self, u: f64, v: f64) -> Option<Vector3<f64>> {
        let at = [u + 0.5, v + 0.5];
        if !(0..2).all(|i| (0.0..=self.size[i]).contains(&at[i])) {
            return None;
        }
        let [across, down] = [0, 1].map(|i| (at[i] + self.offset[i]) / self.full[i]);
        let (sin_lon, cos_lon) = libm::sincos((across - 0.5) * TAU);
        let (sin_lat, cos_lat) = libm::sincos(((0.5 - down) * PI).clamp(-FRAC_PI_2, FRAC_PI_2));
        Some(Vector3::new(cos_lat * sin_lon, -sin_lat, cos_lat * cos_lon))
    }
}
