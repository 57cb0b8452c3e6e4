//! Sensors of a recording: what they are, where they sit, how they see.

use serde::{Deserialize, Serialize};

use crate::coord::Pose;

/// What kind of observation a channel or frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Modality {
    /// A picture.
    Camera,
    /// A sweep of points.
    Lidar,
    /// A clip of sound.
    Audio,
    /// A depth picture of the camera of the same channel.
    Depth,
    /// Pixels not to learn from (255), of the camera of the same channel.
    Mask,
}

impl Modality {
    /// The name in tables: `camera`, `lidar`, `audio`, `depth`, `mask`.
    pub fn name(self) -> &'static str {
        match self {
            Modality::Camera => "camera",
            Modality::Lidar => "lidar",
            Modality::Audio => "audio",
            Modality::Depth => "depth",
            Modality::Mask => "mask",
        }
    }
}

/// Camera models by the names that tables and calibration files use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CameraModelKind {
    /// Pinhole with Brown–Conrady distortion `k1 k2 p1 p2 [k3 [k4 k5 k6]]`.
    Pinhole,
    /// Kannala–Brandt fisheye, distortion `k1 k2 k3 k4`.
    KannalaBrandt,
    /// Full panorama, 2:1, longitude along u, latitude along v; intrinsics empty.
    Equirectangular,
}

impl CameraModelKind {
    /// The name in tables: `pinhole`, `kannala_brandt`, `equirectangular`.
    pub fn name(self) -> &'static str {
        match self {
            CameraModelKind::Pinhole => "pinhole",
            CameraModelKind::KannalaBrandt => "kannala_brandt",
            CameraModelKind::Equirectangular => "equirectangular",
        }
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
    /// `[fx, fy, cx, cy]` in pixels; empty for `equirectangular`. Pixel (0, 0) is the centre of the top-left pixel.
    pub intrinsics: Vec<f64>,
    /// Distortion coefficients in the model's order; empty for none.
    pub distortion: Vec<f64>,
}

/// One sensor of a recording.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sensor {
    /// `gnss`, `imu`, `wheel`, or the name of a camera, LiDAR or audio channel.
    pub channel: String,
    /// What it gives; `None` for `gnss`, `imu` and `wheel`.
    pub modality: Option<Modality>,
    /// How it sees, for a calibrated camera.
    pub camera: Option<CameraIntrinsics>,
    /// Where it sits: `ego_se3_sensor`; a camera's axes are RDF, a LiDAR's FLU. `None` where unknown.
    pub ego_se3_sensor: Option<Pose>,
}
