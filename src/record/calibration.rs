//! Sensors of a recording: what they are, where they sit, how they see.

use nalgebra::{Matrix3, Vector3};
use serde::{Deserialize, Serialize};

use crate::coord::{CameraIntrinsics, Pose};

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

    /// The modality of a name.
    pub fn from_name(name: &str) -> Option<Modality> {
        use Modality::{Audio, Camera, Depth, Lidar, Mask};
        [Camera, Lidar, Audio, Depth, Mask].into_iter().find(|m| m.name() == name)
    }
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

/// Turn from the axes of the stored pixels to those of the upright picture (EXIF orientation 1 to 8).
///
/// Mirrored orientations (2, 4, 5, 7) are no rotation; their turning part alone is taken.
pub fn exif_turn(orientation: u8) -> Pose {
    let degrees: f64 = match orientation {
        3 | 4 => 180.0,
        5 | 6 => 90.0,
        7 | 8 => 270.0,
        _ => return Pose::identity(),
    };
    // Showing the picture upright turns it clockwise by `degrees`; about z forward, x right, y down that is positive.
    let (sin, cos) = libm::sincos(degrees.to_radians());
    let r = Matrix3::new(cos, -sin, 0.0, sin, cos, 0.0, 0.0, 0.0, 1.0);
    Pose::from_rotation_matrix(&r, Vector3::zeros())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_stored_on_its_side_has_a_mount_that_is() {
        // Orientation 6: the stored row 0 is the right side of the scene, so stored "up" is the scene's right.
        let turn = exif_turn(6);
        let stored_up = turn.rotation * Vector3::new(0.0, -1.0, 0.0);
        assert!((stored_up - Vector3::new(1.0, 0.0, 0.0)).norm() < 1e-12);
    }
}
