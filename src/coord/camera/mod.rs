//! Camera models: from points in the camera frame (RDF) to pixels and back.
//!
//! Pixel (0, 0) is the centre of the top-left pixel. A point beyond the largest radius up to which a model grows
//! monotonically is invalid and gives `None`: it is never folded back into the picture.

mod brown;
mod equirectangular;
mod ftheta;
mod intrinsics;
mod kannala_brandt;
mod mei;
mod polynomial;
mod row;

use std::f64::consts::TAU;

use nalgebra::Vector3;

use crate::error::ErrorKind;

use brown::Brown;
use equirectangular::Equirectangular;
use ftheta::Ftheta;
use kannala_brandt::KannalaBrandt;
use mei::Mei;

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
    /// `fx, fy, cx, cy`; of a panorama, which has its own, unused.
    k: [f64; 4],
    lens: Lens,
}

#[derive(Debug, Clone, PartialEq)]
enum Lens {
    Brown(Brown),
    KannalaBrandt(KannalaBrandt),
    Mei(Mei),
    Ftheta(Ftheta),
    Equirectangular(Equirectangular),
}

impl Camera {
    /// Checks the numbers and finds how far from the axis the model holds.
    ///
    /// A whole panorama may have any size: longitude spans its width and latitude its height, also after a resize.
    ///
    /// # Errors
    ///
    /// [`InvalidCamera`] for an empty picture, a wrong number of coefficients, one that is not finite, a focal length
    /// that is not positive, a model that does not even hold on the axis, or a panorama of more than there is.
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
        if model.is_panorama() && k.is_empty() {
            if !distortion.is_empty() {
                return wrong_count("distortion coefficients", "no", distortion.len());
            }
            let lens = Lens::Equirectangular(Equirectangular::new([*width, *height], &[])?);
            return Ok(Camera { intrinsics: intrinsics.clone(), k: [0.0; 4], lens });
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
            CameraModelKind::KannalaBrandt => match *distortion.as_slice() {
                [] => Lens::KannalaBrandt(KannalaBrandt::new([0.0; 4])),
                [k1, k2, k3, k4] => Lens::KannalaBrandt(KannalaBrandt::new([k1, k2, k3, k4])),
                _ => return wrong_count("distortion coefficients", "0 or 4", distortion.len()),
            },
            CameraModelKind::Mei => match distortion.as_slice() {
                [xi, lens @ ..] if matches!(lens.len(), 0 | 4) => Lens::Mei(Mei::new(*xi, lens)?),
                _ => return wrong_count("distortion coefficients (xi, k1, k2, p1, p2)", "1 or 5", distortion.len()),
            },
            CameraModelKind::Ftheta => Lens::Ftheta(Ftheta::new(distortion)?),
            CameraModelKind::Equirectangular => match distortion.len() {
                0 => Lens::Equirectangular(Equirectangular::new([*width, *height], k)?),
                n => return wrong_count("distortion coefficients", "no", n),
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

    /// The pixel `(u, v)` of a point in the camera frame (RDF, metres), perhaps outside the picture; of a panorama on the
    /// one round of columns whose middle is the picture's.
    ///
    /// `None` behind a pinhole, beyond the radius up to which the model is monotone, at the centre itself, and
    /// exactly behind a fisheye: no pixel is right there.
    pub fn project(&self, point: Vector3<f64>) -> Option<(f64, f64)> {
        let (x, y) = match &self.lens {
            Lens::Brown(lens) => lens.project(point)?,
            Lens::KannalaBrandt(lens) => lens.project(point)?,
            Lens::Mei(lens) => lens.project(point)?,
            Lens::Ftheta(lens) => lens.project(point)?,
            Lens::Equirectangular(part) => return part.project(point),
        };
        let [fx, fy, cx, cy] = self.k;
        let (u, v) = (fx * x + cx, fy * y + cy);
        (u.is_finite() && v.is_finite()).then_some((u, v))
    }

    /// The unit ray (RDF) through a pixel position; the inverse of [`Camera::project`].
    ///
    /// `None` where no ray within the model's domain meets the pixel; a panorama has rays on its own picture only.
    pub fn unproject(&self, u: f64, v: f64) -> Option<Vector3<f64>> {
        let [fx, fy, cx, cy] = self.k;
        match &self.lens {
            Lens::Brown(lens) => lens.unproject((u - cx) / fx, (v - cy) / fy),
            Lens::KannalaBrandt(lens) => lens.unproject((u - cx) / fx, (v - cy) / fy),
            Lens::Mei(lens) => lens.unproject((u - cx) / fx, (v - cy) / fy),
            Lens::Ftheta(lens) => lens.unproject((u - cx) / fx, (v - cy) / fy),
            Lens::Equirectangular(part) => part.unproject(u, v),
        }
    }

    /// Whether its pictures are panoramas, whole or in part: their depth is along the ray, not along z.
    pub fn is_panorama(&self) -> bool {
        self.model().is_panorama()
    }

    /// Whether a pixel position that something projects to is on the picture; one of a panorama all around is whatever its
    /// column, for half a pixel beside the first one is the last one's half.
    pub fn shows(&self, (u, v): (f64, f64)) -> bool {
        match self.wraps() {
            true => v >= -0.5 && v <= f64::from(self.height()) - 0.5,
            false => self.contains((u, v)),
        }
    }

    /// Whether the last column is a neighbour of the first: a panorama all around.
    pub fn wraps(&self) -> bool {
        matches!(&self.lens, Lens::Equirectangular(part) if part.wraps())
    }

    /// Columns of a full turn, pixels, of which a panorama may have only a part; `None` for other cameras.
    pub fn turn_px(&self) -> Option<f64> {
        match &self.lens {
            Lens::Equirectangular(part) => Some(part.full[0]),
            _ => None,
        }
    }

    /// Longitude of the middle of a panorama's picture, radians to the right of the z axis; 0 for other cameras.
    pub fn middle_rad(&self) -> f64 {
        match &self.lens {
            Lens::Equirectangular(part) => part.middle_rad(),
            _ => 0.0,
        }
    }

    /// Radians that a pixel is wide on the axis, of a panorama on the horizon.
    pub fn pixel_rad(&self) -> f64 {
        let fx = self.k[0];
        match &self.lens {
            Lens::Brown(_) | Lens::KannalaBrandt(_) => 1.0 / fx,
            Lens::Mei(lens) => (1.0 + lens.xi) / fx,
            Lens::Ftheta(lens) => lens.axis_rad() / fx,
            Lens::Equirectangular(part) => TAU / part.full[0],
        }
    }
}

#[cfg(test)]
mod tests;
