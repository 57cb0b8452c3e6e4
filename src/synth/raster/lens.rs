//! Rays of a camera's pixels.

use nalgebra::Vector3;

use crate::error::ErrorKind;
use crate::record::{CameraIntrinsics, CameraModelKind};

/// A camera ready for use.
#[derive(Debug, Clone)]
pub struct Camera {
    model: CameraModelKind,
    width: u32,
    height: u32,
    k: [f64; 4],
}

impl Camera {
    /// From the numbers of a calibration.
    pub fn new(intrinsics: &CameraIntrinsics) -> Result<Camera, ErrorKind> {
        let k = match (intrinsics.model, intrinsics.intrinsics.as_slice()) {
            (CameraModelKind::Equirectangular, _) => [0.0; 4],
            (CameraModelKind::Pinhole, &[fx, fy, cx, cy]) if intrinsics.distortion.is_empty() => [fx, fy, cx, cy],
            _ => return Err(ErrorKind::Unsupported(format!("camera model {}", intrinsics.model.name()))),
        };
        Ok(Camera { model: intrinsics.model, width: intrinsics.width, height: intrinsics.height, k })
    }

    /// Width, pixels.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Height, pixels.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// Which model.
    pub fn model(&self) -> CameraModelKind {
        self.model
    }

    /// The unit ray (RDF) through a pixel position.
    pub fn unproject(&self, u: f64, v: f64) -> Option<Vector3<f64>> {
        match self.model {
            CameraModelKind::Equirectangular => {
                let longitude = ((u + 0.5) / f64::from(self.width) - 0.5) * std::f64::consts::TAU;
                let latitude = (0.5 - (v + 0.5) / f64::from(self.height)) * std::f64::consts::PI;
                let (sin, cos) = libm::sincos(latitude);
                let (east, north) = libm::sincos(longitude);
                Some(Vector3::new(cos * east, -sin, cos * north))
            }
            _ => {
                let [fx, fy, cx, cy] = self.k;
                Some(Vector3::new((u - cx) / fx, (v - cy) / fy, 1.0).normalize())
            }
        }
    }
}
