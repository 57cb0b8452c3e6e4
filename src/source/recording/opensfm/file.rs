//! `reconstruction.json` as OpenSfM writes it, and what its numbers mean.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::coord::{Camera, CameraIntrinsics, CameraModelKind, Geodetic};
use crate::error::ErrorKind;

/// One connected part of a scene; the file is a list of them.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Reconstruction {
    #[serde(default)]
    pub cameras: BTreeMap<String, CameraModel>,
    #[serde(default)]
    pub shots: BTreeMap<String, Shot>,
    #[serde(default)]
    pub rig_cameras: BTreeMap<String, Transform>,
    #[serde(default)]
    pub rig_instances: BTreeMap<String, RigInstance>,
    pub reference_lla: Option<Reference>,
}

/// Origin of the topocentric (ENU) world.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) struct Reference {
    pub latitude: f64,
    pub longitude: f64,
    #[serde(default)]
    pub altitude: f64,
}

/// Angle-axis rotation and translation of the world into what it belongs to: `p = R p_world + t`.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) struct Transform {
    pub rotation: [f64; 3],
    pub translation: [f64; 3],
}

/// A picture.
#[derive(Debug, Deserialize)]
pub(super) struct Shot {
    pub rotation: [f64; 3],
    pub translation: [f64; 3],
    pub camera: String,
    /// Seconds since 1970; 0 where EXIF said nothing.
    pub capture_time: Option<f64>,
}

/// Pictures that cameras on one frame took together.
#[derive(Debug, Deserialize)]
pub(super) struct RigInstance {
    pub rotation: [f64; 3],
    pub translation: [f64; 3],
    /// Rig camera by shot.
    #[serde(default)]
    pub rig_camera_ids: BTreeMap<String, String>,
}

/// A camera; lengths are fractions of the longer side of the picture.
#[derive(Debug, Default, Deserialize)]
pub(in crate::source::recording) struct CameraModel {
    pub projection_type: String,
    #[serde(default)]
    pub width: u32,
    #[serde(default)]
    pub height: u32,
    pub focal: Option<f64>,
    pub focal_x: Option<f64>,
    pub focal_y: Option<f64>,
    #[serde(default)]
    pub c_x: f64,
    #[serde(default)]
    pub c_y: f64,
    #[serde(default)]
    pub k1: f64,
    #[serde(default)]
    pub k2: f64,
    #[serde(default)]
    pub k3: f64,
    #[serde(default)]
    pub k4: f64,
    #[serde(default)]
    pub p1: f64,
    #[serde(default)]
    pub p2: f64,
}

impl Reference {
    /// The place; `None` where it is none.
    pub(super) fn place(self) -> Option<Geodetic> {
        let place = Geodetic::new(self.longitude, self.latitude, self.altitude);
        (place.is_valid() && self.altitude.is_finite()).then_some(place)
    }
}

impl CameraModel {
    /// A camera of a type (`perspective`, `fisheye`, …) with one focal length and two radial coefficients.
    pub(in crate::source::recording) fn radial(
        projection_type: &str,
        [width, height]: [u32; 2],
        focal: f64,
        [k1, k2]: [f64; 2],
    ) -> CameraModel {
        let projection_type = projection_type.to_string();
        CameraModel { projection_type, width, height, focal: Some(focal), k1, k2, ..CameraModel::default() }
    }

    /// The same camera in pixels, (0, 0) at the centre of the top-left one.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unsupported`] for a model that has no counterpart here, [`ErrorKind::Malformed`] for numbers that
    /// are no camera.
    pub(in crate::source::recording) fn intrinsics(&self) -> Result<CameraIntrinsics, ErrorKind> {
        let (width, height) = (self.width, self.height);
        let side = f64::from(width.max(height));
        let (fx, fy) = match (self.focal_x.or(self.focal), self.focal_y.or(self.focal)) {
            (Some(fx), fy) => (fx, fy.unwrap_or(fx)),
            (None, _) => (0.0, 0.0),
        };
        // Normalised positions count from the middle of the picture, which lies between pixels where a side is even.
        let (cx, cy) =
            (self.c_x * side + (f64::from(width) - 1.0) / 2.0, self.c_y * side + (f64::from(height) - 1.0) / 2.0);
        let (model, distortion) = match self.projection_type.as_str() {
            "perspective" | "simple_radial" | "radial" => (CameraModelKind::Pinhole, vec![self.k1, self.k2, 0.0, 0.0]),
            "brown" => (CameraModelKind::Pinhole, vec![self.k1, self.k2, self.p1, self.p2, self.k3]),
            "fisheye" => (CameraModelKind::KannalaBrandt, vec![self.k1, self.k2, 0.0, 0.0]),
            "fisheye_opencv" => (CameraModelKind::KannalaBrandt, vec![self.k1, self.k2, self.k3, self.k4]),
            "spherical" | "equirectangular" => (CameraModelKind::Equirectangular, Vec::new()),
            other => return Err(ErrorKind::Unsupported(format!("OpenSfM's camera model `{other}`"))),
        };
        let intrinsics = match model {
            CameraModelKind::Equirectangular if u64::from(width) == 2 * u64::from(height) => Vec::new(),
            // Latitudes are at the scale of longitudes, which take the width, with the horizon in the middle row.
            CameraModelKind::Equirectangular => {
                let scale = f64::from(width) / std::f64::consts::TAU;
                vec![scale, scale, (f64::from(width) - 1.0) / 2.0, (f64::from(height) - 1.0) / 2.0]
            }
            _ => vec![fx * side, fy * side, cx, cy],
        };
        let camera = CameraIntrinsics { model, width, height, intrinsics, distortion };
        Camera::new(&camera)?;
        Ok(camera)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn camera(text: &str) -> Result<CameraIntrinsics, ErrorKind> {
        serde_json::from_str::<CameraModel>(text).expect("the form").intrinsics()
    }

    #[test]
    fn fractions_of_the_longer_side_become_pixels() {
        let brown = camera(
            r#"{"projection_type": "brown", "width": 2000, "height": 1000, "focal_x": 0.5, "focal_y": 0.51, "c_x": 0.01,
            "c_y": -0.02, "k1": 0.1, "k2": 0.2, "k3": 0.3, "p1": 0.01, "p2": 0.02}"#,
        )
        .expect("a camera");
        assert_eq!((brown.model, brown.intrinsics), (CameraModelKind::Pinhole, vec![1000.0, 1020.0, 1019.5, 459.5]));
        assert_eq!(brown.distortion, [0.1, 0.2, 0.01, 0.02, 0.3]);
        let fisheye =
            r#"{"projection_type": "fisheye", "width": 1000, "height": 2000, "focal": 0.3, "k1": 0.01, "k2": 0.02}"#;
        let fisheye = camera(fisheye).expect("a camera");
        assert_eq!((fisheye.model, fisheye.intrinsics[0]), (CameraModelKind::KannalaBrandt, 600.0));
        let sphere = camera(r#"{"projection_type": "spherical", "width": 512, "height": 256}"#).expect("a camera");
        assert!(sphere.is_sphere());
        let band = camera(r#"{"projection_type": "spherical", "width": 628, "height": 200}"#).expect("a camera");
        assert_eq!(band.intrinsics[2..], [313.5, 99.5]);
        assert!((band.intrinsics[1] - 99.949).abs() < 1e-3, "{band:?}");
        assert!(camera(r#"{"projection_type": "fisheye624", "width": 9, "height": 9, "focal": 1}"#).is_err());
        assert!(camera(r#"{"projection_type": "perspective", "width": 9, "height": 9}"#).is_err());
    }
}
