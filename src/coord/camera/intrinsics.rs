//! The numbers of a camera, and what cropping and resizing a picture does to them.

use std::f64::consts::{PI, TAU};

use serde::{Deserialize, Serialize};

use super::InvalidCamera;

/// Camera models by the names that tables and calibration files use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CameraModelKind {
    /// Pinhole with Brown–Conrady distortion `k1 k2 p1 p2 [k3 [k4 k5 k6]]`.
    Pinhole,
    /// Kannala–Brandt fisheye, distortion `k1 k2 k3 k4`.
    KannalaBrandt,
    /// Unified omnidirectional camera (Mei and Rives), distortion `xi k1 k2 p1 p2`.
    Mei,
    /// f-theta fisheye (NVIDIA), distortion `k0 … k5` of the radius by the angle, or `k0 … k5 backward d e max_angle`.
    Ftheta,
    /// Panorama, longitude along u, latitude along v; intrinsics empty for the whole sphere.
    Equirectangular,
}

impl CameraModelKind {
    /// All of them.
    pub const ALL: [CameraModelKind; 5] = [
        CameraModelKind::Pinhole,
        CameraModelKind::KannalaBrandt,
        CameraModelKind::Mei,
        CameraModelKind::Ftheta,
        CameraModelKind::Equirectangular,
    ];

    /// The name in tables: `pinhole`, `kannala_brandt`, `mei`, `ftheta`, `equirectangular`.
    pub fn name(self) -> &'static str {
        match self {
            CameraModelKind::Pinhole => "pinhole",
            CameraModelKind::KannalaBrandt => "kannala_brandt",
            CameraModelKind::Mei => "mei",
            CameraModelKind::Ftheta => "ftheta",
            CameraModelKind::Equirectangular => "equirectangular",
        }
    }

    /// Whether its pictures are panoramas, whole or in part: their depth is along the ray, not along z.
    pub fn is_panorama(self) -> bool {
        self == CameraModelKind::Equirectangular
    }
}

/// How a camera sees: its model and numbers, for pictures of `width` × `height` stored pixels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CameraIntrinsics {
    /// Which model.
    pub model: CameraModelKind,
    /// Picture width, pixels.
    pub width: u32,
    /// Picture height, pixels.
    pub height: u32,
    /// `[fx, fy, cx, cy]` in pixels; of `ftheta` in pixels per unit of its radius, of `equirectangular` in pixels a radian,
    /// or empty for the whole sphere. Pixel (0, 0) is the centre of the top-left pixel.
    pub intrinsics: Vec<f64>,
    /// Distortion coefficients in the model's order; empty for none.
    pub distortion: Vec<f64>,
}

impl CameraIntrinsics {
    /// Whether its pictures are panoramas of the whole sphere.
    pub fn is_sphere(&self) -> bool {
        self.model.is_panorama() && self.intrinsics.is_empty()
    }

    /// The intrinsics of the picture resized to `width` × `height` pixels.
    ///
    /// With (0, 0) at a pixel's centre, `u' = (u + 0.5) * width' / width - 0.5`.
    pub fn resized(&self, width: u32, height: u32) -> CameraIntrinsics {
        let (sx, sy) = (f64::from(width) / f64::from(self.width), f64::from(height) / f64::from(self.height));
        let intrinsics = match *self.intrinsics.as_slice() {
            [fx, fy, cx, cy] => vec![fx * sx, fy * sy, (cx + 0.5) * sx - 0.5, (cy + 0.5) * sy - 0.5],
            _ => self.intrinsics.clone(),
        };
        CameraIntrinsics { width, height, intrinsics, ..self.clone() }
    }

    /// The intrinsics of the part of the picture whose top-left pixel is `(left, top)`.
    ///
    /// # Errors
    ///
    /// [`InvalidCamera`] where the part is empty or reaches outside, or the camera has no `fx, fy, cx, cy`.
    pub fn cropped(&self, left: u32, top: u32, width: u32, height: u32) -> Result<CameraIntrinsics, InvalidCamera> {
        let fits = |from: u32, size: u32, all: u32| size > 0 && from.checked_add(size).is_some_and(|end| end <= all);
        if !(fits(left, width, self.width) && fits(top, height, self.height)) {
            return Err(InvalidCamera::new("the crop is empty or reaches outside the picture"));
        }
        if [width, height] == [self.width, self.height] {
            return Ok(self.clone());
        }
        let intrinsics = match *self.intrinsics.as_slice() {
            [fx, fy, cx, cy] => vec![fx, fy, cx - f64::from(left), cy - f64::from(top)],
            [] if self.model.is_panorama() => {
                let [w, h] = [self.width, self.height].map(f64::from);
                vec![w / TAU, h / PI, 0.5 * w - 0.5 - f64::from(left), 0.5 * h - 0.5 - f64::from(top)]
            }
            _ => return Err(InvalidCamera::new("a crop needs a camera with fx, fy, cx, cy")),
        };
        Ok(CameraIntrinsics { width, height, intrinsics, ..self.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resizing_keeps_corners_on_corners_and_cropping_moves_the_centre() {
        let whole = CameraIntrinsics {
            model: CameraModelKind::Pinhole,
            width: 640,
            height: 480,
            intrinsics: vec![500.0, 500.0, 319.5, 239.5],
            distortion: vec![],
        };
        assert_eq!(whole.resized(320, 240).intrinsics, [250.0, 250.0, 159.5, 119.5]);
        let part = whole.cropped(100, 40, 200, 100).expect("inside");
        assert_eq!((part.width, part.height, part.intrinsics), (200, 100, vec![500.0, 500.0, 219.5, 199.5]));
        assert!(whole.cropped(600, 0, 41, 10).is_err() && whole.cropped(u32::MAX, 0, 2, 10).is_err());
    }
}
