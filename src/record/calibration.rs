//! Sensors of a recording: what they are, where they sit, how they see.

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
