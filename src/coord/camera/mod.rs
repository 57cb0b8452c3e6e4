//! Camera models: from points in the camera frame (RDF) to pixels and back.
//!
//! Pixel (0, 0) is the centre of the top-left pixel. A point beyond the largest radius up to which a model grows
//! monotonically is invalid and gives `None`: it is never folded back into the picture.

mod brown;
mod intrinsics;
mod kannala_brandt;
mod polynomial;
mod row;

use std::f64::consts::{PI, TAU};

use nalgebra::Vector3;

use crate::error::ErrorKind;

use brown::Brown;
use kannala_brandt::KannalaBrandt;

pub use intrinsics::{CameraIntrinsics, CameraModelKind};
pub use row::RowProjector;

/// Intrinsics that are no camera, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct InvalidCamera {
    /// What is wrong.
    pub reason: String,
}

impl InvalidCamera {
    fn new(reason: impl Into<String>) -> InvalidCamera {
        InvalidCamera { reason: reason.into() }
    }
}

impl From<InvalidCamera> for ErrorKind {
    fn from(e: InvalidCamera) -> ErrorKind {
        ErrorKind::malformed("camera calibration", e.reason)
    }
}

/// A camera that projects and unprojects; its domain was found when it was made.
#[derive(Debug, Clone, PartialEq)]
pub struct Camera {
    intrinsics: CameraIntrinsics,
    /// `fx, fy, cx, cy`; unused by panoramas.
    k: [f64; 4],
    lens: Lens,
}

#[derive(Debug, Clone, PartialEq)]
enum Lens {
    Brown(Brown),
    KannalaBrandt(KannalaBrandt),
    Equirectangular,
}

impl Camera {
    /// Checks the numbers and finds how far from the axis the model holds.
    ///
    /// A panorama may have any size: longitude spans its width and latitude its height, also after a resize.
    ///
    /// # Errors
    ///
    /// [`InvalidCamera`] for an empty picture, a wrong number of coefficients, one that is not finite, a focal length
    /// that is not positive, or a model that does not even hold on the axis.
    pub fn new(intrinsics: &CameraIntrinsics) -> Result<Camera, InvalidCamera> {
        let CameraIntrinsics { model, width, height, intrinsics: k, distortion } = intrinsics;
        if *width == 0 || *height == 0 {
            return Err(InvalidCamera::new("the picture has no pixels"));
        }
        if !k.iter().chain(distortion).all(|v| v.is_finite()) {
            return Err(InvalidCamera::new("an intrinsic or distortion coefficient is not finite"));
        }
        let wrong_count = |what: &str, wanted: &str, found: usize| {
            Err(InvalidCamera::new(format!("{} takes {wanted} {what}, not {found}", model.name())))
        };
        if *model == CameraModelKind::Equirectangular {
            if !k.is_empty() {
                return wrong_count("intrinsics", "no", k.len());
            }
            if !distortion.is_empty() {
                return wrong_count("distortion coefficients", "no", distortion.len());
            }
            return Ok(Camera { intrinsics: intrinsics.clone(), k: [0.0; 4], lens: Lens::Equirectangular });
        }
        let &[fx, fy, cx, cy] = k.as_slice() else {
            return wrong_count("intrinsics (fx, fy, cx, cy)", "4", k.len());
        };
        if fx <= 0.0 || fy <= 0.0 {
            return Err(InvalidCamera::new(format!("focal lengths are positive, not {fx} and {fy}")));
        }
        let lens = match model {
            CameraModelKind::Pinhole => match distortion.len() {
                0 | 4 | 5 | 8 => Lens::Brown(Brown::new(distortion)?),
                n => return wrong_count("distortion coefficients", "0, 4, 5 or 8", n),
            },
            _ => match *distortion.as_slice() {
                [] => Lens::KannalaBrandt(KannalaBrandt::new([0.0; 4])),
                [k1, k2, k3, k4] => Lens::KannalaBrandt(KannalaBrandt::new([k1, k2, k3, k4])),
                _ => return wrong_count("distortion coefficients", "0 or 4", distortion.len()),
            },
        };
        Ok(Camera { intrinsics: intrinsics.clone(), k: [fx, fy, cx, cy], lens })
    }

    /// The numbers it was made from.
    pub fn intrinsics(&self) -> &CameraIntrinsics {
        &self.intrinsics
    }

    /// Which model.
    pub fn model(&self) -> CameraModelKind {
        self.intrinsics.model
    }

    /// Picture width, pixels.
    pub fn width(&self) -> u32 {
        self.intrinsics.width
    }

    /// Picture height, pixels.
    pub fn height(&self) -> u32 {
        self.intrinsics.height
    }

    /// Whether a pixel position lies on the picture, its outer half pixels included.
    pub fn contains(&self, (u, v): (f64, f64)) -> bool {
        u >= -0.5 && v >= -0.5 && u < f64::from(self.width()) - 0.5 && v < f64::from(self.height()) - 0.5
    }

    /// The pixel `(u, v)` of a point in the camera frame (RDF, metres), perhaps outside the picture.
    ///
    /// `None` behind a pinhole, beyond the radius up to which the model is monotone, at the centre itself, and
    /// exactly behind a fisheye: no pixel is right there.
    pub fn project(&self, point: Vector3<f64>) -> Option<(f64, f64)> {
        let (x, y) = match &self.lens {
            Lens::Brown(lens) => lens.project(point)?,
            Lens::KannalaBrandt(lens) => lens.project(point)?,
            Lens::Equirectangular => return self.project_panorama(point),
        };
        let [fx, fy, cx, cy] = self.k;
        let (u, v) = (fx * x + cx, fy * y + cy);
        (u.is_finite() && v.is_finite()).then_some((u, v))
    }

    /// The unit ray (RDF) through a pixel position; the inverse of [`Camera::project`].
    ///
    /// `None` where no ray within the model's domain meets the pixel; a panorama has rays on its own pixels only.
    pub fn unproject(&self, u: f64, v: f64) -> Option<Vector3<f64>> {
        let [fx, fy, cx, cy] = self.k;
        match &self.lens {
            Lens::Brown(lens) => lens.unproject((u - cx) / fx, (v - cy) / fy),
            Lens::KannalaBrandt(lens) => lens.unproject((u - cx) / fx, (v - cy) / fy),
            Lens::Equirectangular => self.unproject_panorama(u, v),
        }
    }

    /// Longitude along u, latitude along v; the centre column looks along the camera's z axis.
    fn project_panorama(&self, point: Vector3<f64>) -> Option<(f64, f64)> {
        let level = libm::hypot(point.x, point.z);
        if !(point.norm_squared() > 0.0 && level.is_finite() && point.y.is_finite()) {
            return None;
        }
        let (lon, lat) = (libm::atan2(point.x, point.z), libm::atan2(-point.y, level));
        let u = (lon / TAU + 0.5) * f64::from(self.width()) - 0.5;
        let v = (0.5 - lat / PI) * f64::from(self.height()) - 0.5;
        Some((u, v))
    }

    fn unproject_panorama(&self, u: f64, v: f64) -> Option<Vector3<f64>> {
        let (across, down) = ((u + 0.5) / f64::from(self.width()), (v + 0.5) / f64::from(self.height()));
        if !((0.0..=1.0).contains(&across) && (0.0..=1.0).contains(&down)) {
            return None;
        }
        let (sin_lon, cos_lon) = libm::sincos((across - 0.5) * TAU);
        let (sin_lat, cos_lat) = libm::sincos((0.5 - down) * PI);
        Some(Vector3::new(cos_lat * sin_lon, -sin_lat, cos_lat * cos_lon))
    }
}

#[cfg(test)]
mod tests;
