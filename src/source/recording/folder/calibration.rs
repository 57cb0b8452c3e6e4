//! `calibration.json`: where the sensors of a recording folder sit and how its cameras see.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use crate::coord::Pose;
use crate::error::{ErrorKind, Location, Result};
use crate::record::{CameraIntrinsics, CameraModelKind, Modality, Sensor};

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    cameras: BTreeMap<String, Camera>,
    #[serde(default)]
    lidars: BTreeMap<String, Mounted>,
    #[serde(default)]
    audio: BTreeMap<String, Mounted>,
    imu: Option<Mounted>,
    gnss: Option<Mounted>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Camera {
    model: CameraModelKind,
    width: u32,
    height: u32,
    #[serde(default)]
    intrinsics: Vec<f64>,
    #[serde(default)]
    distortion: Vec<f64>,
    ego_se3_sensor: Option<Mount>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Mounted {
    ego_se3_sensor: Option<Mount>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Mount {
    t: [f64; 3],
    q: [f64; 4],
}

/// Parses `calibration.json` into sensors, sorted by kind and channel.
///
/// # Errors
///
/// Text that is not the form of DESIGN section 4, with its line; numbers that are no camera or no rotation.
pub(super) fn parse(text: &str, path: &Path) -> Result<Vec<Sensor>> {
    let file: File = serde_json::from_str(text).map_err(|error| {
        ErrorKind::malformed("calibration.json", error.to_string()).at(Location::line(path, error.line() as u64))
    })?;
    let wrong = |channel: &str, reason: &str| {
        ErrorKind::malformed("calibration.json", format!("`{channel}`: {reason}")).in_file(path)
    };
    let mount = |channel: &str, mount: Option<Mount>| -> Result<Option<Pose>> {
        mount
            .map(|m| Pose::from_wxyz(m.t, m.q).ok_or_else(|| wrong(channel, "`q` is not a unit quaternion w, x, y, z")))
            .transpose()
    };
    let mut sensors = Vec::new();
    for (channel, camera) in file.cameras {
        let Camera { model, width, height, intrinsics, distortion, ego_se3_sensor } = camera;
        let ego_se3_sensor = mount(&channel, ego_se3_sensor)?;
        let camera = CameraIntrinsics { model, width, height, intrinsics, distortion };
        crate::coord::Camera::new(&camera).map_err(|e| wrong(&channel, &e.reason))?;
        sensors.push(Sensor { channel, modality: Some(Modality::Camera), camera: Some(camera), ego_se3_sensor });
    }
    for (mounted, modality) in [(file.lidars, Modality::Lidar), (file.audio, Modality::Audio)] {
        for (channel, Mounted { ego_se3_sensor }) in mounted {
            let ego_se3_sensor = mount(&channel, ego_se3_sensor)?;
            sensors.push(Sensor { channel, modality: Some(modality), camera: None, ego_se3_sensor });
        }
    }
    for (channel, mounted) in [("imu", file.imu), ("gnss", file.gnss)] {
        if let Some(Mounted { ego_se3_sensor }) = mounted {
            let ego_se3_sensor = mount(channel, ego_se3_sensor)?;
            sensors.push(Sensor { channel: channel.to_string(), modality: None, camera: None, ego_se3_sensor });
        }
    }
    Ok(sensors)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sensors_of_every_kind_are_read() {
        let text = r#"{"cameras": {"front": {"model": "pinhole", "width": 640, "height": 480,
            "intrinsics": [500, 500, 319.5, 239.5], "distortion": [],
            "ego_se3_sensor": {"t": [1.5, 0, 1.6], "q": [0.5, -0.5, 0.5, -0.5]}},
            "pano": {"model": "equirectangular", "width": 512, "height": 256, "intrinsics": [], "distortion": []}},
            "lidars": {"top": {"ego_se3_sensor": {"t": [0, 0, 2], "q": [1, 0, 0, 0]}}}, "imu": {}, "gnss": {}}"#;
        let sensors = parse(text, Path::new("calibration.json")).expect("valid");
        let channels: Vec<_> = sensors.iter().map(|s| s.channel.as_str()).collect();
        assert_eq!(channels, ["front", "pano", "top", "imu", "gnss"]);
        let forward = sensors[0].ego_se3_sensor.expect("mounted").rotation * nalgebra::Vector3::z();
        assert!((forward - nalgebra::Vector3::x()).norm() < 1e-12, "the optical axis looks along x of the ego");
    }

    #[test]
    fn cameras_of_every_model_are_read_and_those_that_are_none_refused() {
        let read = |camera: &str| {
            let text = format!(r#"{{"cameras": {{"a": {{"width": 640, "height": 320, {camera}}}}}}}"#);
            parse(&text, Path::new("c.json")).map_err(|e| e.to_string())
        };
        for good in [
            r#""model": "pinhole", "intrinsics": [500, 500, 319.5, 159.5], "distortion": [0.1, 0, 0, 0]"#,
            r#""model": "kannala_brandt", "intrinsics": [200, 200, 319.5, 159.5]"#,
            r#""model": "mei", "intrinsics": [700, 700, 319.5, 159.5], "distortion": [2.2, 0.02, 1.6, 0, 0]"#,
            r#""model": "ftheta", "intrinsics": [1, 1, 319.5, 159.5], "distortion": [0, 473.6, -9.6]"#,
            r#""model": "equirectangular""#,
            r#""model": "equirectangular", "intrinsics": [150, 150, 319.5, 159.5]"#,
        ] {
            assert!(read(good).is_ok(), "{good}: {:?}", read(good));
        }
        for (bad, why) in [
            (r#""model": "pinhole", "intrinsics": []"#, "4 intrinsics (fx, fy, cx, cy), not 0"),
            (r#""model": "mei", "intrinsics": [700, 700, 319.5, 159.5]"#, "1 or 5 distortion coefficients"),
            (r#""model": "mei", "intrinsics": [700, 700, 319.5, 159.5], "distortion": [-1]"#, "xi is not negative"),
            (r#""model": "ftheta", "intrinsics": [1, 1, 319.5, 159.5], "distortion": [0, -400]"#, "does not rise"),
            (r#""model": "equirectangular", "intrinsics": [90, 150, 319.5, 159.5]"#, "407.437 degrees wide"),
            (r#""model": "equirectangular", "intrinsics": [150, 150, 319.5, 10.5]"#, "beyond a pole"),
            (r#""model": "fisheye62""#, "unknown variant"),
        ] {
            let error = read(bad).expect_err(bad);
            assert!(error.contains("c.json") && error.contains(why), "{error}");
        }
    }

    #[test]
    fn mistakes_name_line_or_channel() {
        let line = parse("{\n \"camera\": {}\n}", Path::new("c.json")).expect_err("unknown key").to_string();
        assert!(line.starts_with("c.json, line 2:"), "{line}");
        for q in ["0, 0, 0, 0", "2, 0, 0, 0", "0.5, 0.5, 0.5, 0.4", "1e200, 0, 0, 0"] {
            let bad = format!(r#"{{"lidars": {{"top": {{"ego_se3_sensor": {{"t": [0, 0, 2], "q": [{q}]}}}}}}}}"#);
            let error = parse(&bad, Path::new("c.json")).expect_err("no rotation").to_string();
            assert!(error.contains("c.json") && error.contains("`top`"), "{error}");
        }
    }
}
