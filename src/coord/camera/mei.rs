//! Mei: the unified model of omnidirectional cameras, a unit sphere seen by a pinhole behind its centre.

use nalgebra::Vector3;

use super::InvalidCamera;
use super::brown::Brown;

/// A point is moved onto the unit sphere, seen from `ξ` behind its centre, and bent by a Brown–Conrady lens.
///
/// Source: Mei and Rives (2007), *Single view point omnidirectional camera calibration from planar grids*, section II, as
/// in OpenCV's `omnidir` and in CamOdoCal (KITTI-360), without skew.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Mei {
    pub(super) xi: f64,
    pub(super) lens: Brown,
    /// Cosine of the angle from the axis up to which the radius grows: at -ξ it is infinite, at -1/ξ it turns back.
    pub(super) cos_end: f64,
}

impl Mei {
    /// A mirror or lens of `ξ` and `k1 k2 p1 p2`.
    pub(super) fn new(xi: f64, lens: &[f64]) -> Result<Mei, InvalidCamera> {
        if xi < 0.0 {
            return Err(InvalidCamera::new(format!("mei's xi is not negative, as {xi} is")));
        }
        let cos_end = if xi > 1.0 { -1.0 / xi } else { -xi };
        Ok(Mei { xi, lens: Brown::new(lens)?, cos_end })
    }

    /// The position on a plane of focal length 1.
    pub(super) fn project(&self, point: Vector3<f64>) -> Option<(f64, f64)> {
        let norm = point.norm();
        if !(norm > 0.0 && norm.is_finite() && point.z > self.cos_end * norm) {
            return None;
        }
        self.lens.project(Vector3::new(point.x / norm, point.y / norm, point.z / norm + self.xi))
    }

    /// The unit ray of a position on a plane of focal length 1.
    pub(super) fn unproject(&self, x: f64, y: f64) -> Option<Vector3<f64>> {
        let p = self.lens.undistorted(x, y)?;
        let s = p.norm_squared();
        let root = 1.0 + (1.0 - self.xi * self.xi) * s;
        if root.is_nan() || root <= 0.0 {
            return None;
        }
        let scale = (self.xi + root.sqrt()) / (1.0 + s);
        Some(Vector3::new(p.x * scale, p.y * scale, scale - self.xi).normalize())
    }
}
