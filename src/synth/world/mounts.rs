//! Where the sensors of a vehicle sit: `ego_se3_sensor` and `calibration.json`.

use nalgebra::{Quaternion, UnitQuaternion, Vector3};
use serde_json::{Map, Value, json};

use crate::coord::{CameraIntrinsics, Pose};

/// The axes of a camera (right, down, forward) in a FLU body, looking forward and `down_deg` downwards.
fn camera_axes(down_deg: f64) -> UnitQuaternion<f64> {
    let level = Pose::flu_se3_rdf();
    let (sin, cos) = libm::sincos(down_deg.to_radians() / 2.0);
    UnitQuaternion::new_normalize(Quaternion::new(cos, 0.0, sin, 0.0)) * level.rotation
}

/// `ego_se3_sensor` of a channel.
pub(super) fn mount(channel: &str) -> Pose {
    match channel {
        "front" => Pose::new(Vector3::new(1.62, 0.0, 1.42), camera_axes(1.5)),
        "pano" => Pose::new(Vector3::new(0.55, 0.0, 2.35), camera_axes(0.0)),
        "top" => Pose::new(Vector3::new(0.85, 0.0, 1.92), UnitQuaternion::identity()),
        _ => Pose::new(Vector3::new(1.1, 0.0, 1.2), UnitQuaternion::identity()),
    }
}

fn json(pose: &Pose) -> Value {
    json!({"t": pose.translation.as_slice(), "q": pose.wxyz()})
}

/// `calibration.json`: the cameras and other sensors that a recording has.
pub(super) fn calibration(cameras: &[(&str, &CameraIntrinsics)], others: &[(&str, &str, Pose)]) -> String {
    let mut file = Map::new();
    let cameras: Map<String, Value> = cameras
        .iter()
        .map(|(channel, c)| {
            let camera = json!({
                "model": c.model.name(), "width": c.width, "height": c.height, "intrinsics": c.intrinsics,
                "distortion": c.distortion, "ego_se3_sensor": json(&mount(channel)),
            });
            (channel.to_string(), camera)
        })
        .collect();
    file.insert("cameras".into(), cameras.into());
    for (kind, channel, pose) in others {
        let mounted = json!({"ego_se3_sensor": json(pose)});
        // `lidars` and `audio` are by channel; there is one `imu` and one `gnss`.
        match *kind {
            "lidars" | "audio" => file.insert((*kind).into(), json!({*channel: mounted})),
            _ => file.insert((*kind).into(), mounted),
        };
    }
    format!("{:#}\n", Value::Object(file))
}
