//! Readings of single messages, and how a camera sees by its calibration message.

use nalgebra::Vector3;

use super::super::trace;
use super::value::Value;
use crate::coord::{Camera, CameraIntrinsics, CameraModelKind};
use crate::record::{GnssFix, ImuReading, WheelReading};
use crate::time::Timestamp;

/// A fix; its covariance is in m², east, north, up, row by row.
pub(super) fn fix(value: &Value, t: Timestamp, record: u64) -> Result<GnssFix, &'static str> {
    if value.int("status.status") < 0 {
        return Err("the receiver had no fix");
    }
    let height_m = Some(value.number("altitude")).filter(|h| h.is_finite()).unwrap_or(0.0);
    let place = trace::place(value.number("longitude"), value.number("latitude"), height_m)?;
    let covariance = value.numbers("position_covariance");
    // Type 0 says that nothing is known.
    let sigma = |variance: f64| Some(variance.sqrt()).filter(|s| *s > 0.0 && s.is_finite());
    let (sigma_xy_m, sigma_z_m) = match covariance.as_slice() {
        [east, _, _, _, north, _, _, _, up] if value.int("position_covariance_type") != 0 => {
            (sigma((east + north) / 2.0), sigma(*up))
        }
        _ => (None, None),
    };
    Ok(GnssFix { t: Some(t), place, speed_mps: None, course_deg: None, sigma_xy_m, sigma_z_m, record })
}

/// A reading; a covariance that starts with -1 says that there is none.
pub(super) fn imu(value: &Value, t: Timestamp) -> Result<ImuReading, &'static str> {
    let absent = |name: &str| value.numbers(name).first().is_some_and(|v| *v == -1.0);
    if absent("linear_acceleration_covariance") || absent("angular_velocity_covariance") {
        return Err("it says that it has no acceleration or no angular rate");
    }
    let (accel_mps2, gyro_radps) = (value.vector("linear_acceleration"), value.vector("angular_velocity"));
    if !finite(accel_mps2) || !finite(gyro_radps) {
        return Err("a number is NaN or infinite");
    }
    Ok(ImuReading { t, accel_mps2, gyro_radps })
}

/// The forward speed of an odometry.
pub(super) fn wheel(value: &Value, t: Timestamp) -> Result<WheelReading, &'static str> {
    let velocity = value.vector("twist.twist.linear");
    if !finite(velocity) {
        return Err("a number is NaN or infinite");
    }
    Ok(WheelReading { t, speed_mps: velocity.x, steering_rad: None })
}

fn finite(v: Vector3<f64>) -> bool {
    v.iter().all(|x| x.is_finite())
}

/// Intrinsics of a calibration message; of rectified pictures by its projection matrix.
pub(super) fn camera(value: &Value, rectified: bool) -> Result<CameraIntrinsics, String> {
    let size = |name: &str| u32::try_from(value.int(name)).ok().filter(|v| *v > 0);
    let (Some(width), Some(height)) = (size("width"), size("height")) else {
        return Err("the calibration has no picture size".to_string());
    };
    let (k, p, d) = (value.numbers("k"), value.numbers("p"), value.numbers("d"));
    let intrinsics = match (k.as_slice(), p.as_slice()) {
        (_, &[fx, _, cx, _, _, fy, cy, ..]) if rectified && fx > 0.0 => vec![fx, fy, cx, cy],
        (&[fx, _, cx, _, fy, cy, ..], _) if fx > 0.0 => vec![fx, fy, cx, cy],
        _ => return Err("the camera is not calibrated".to_string()),
    };
    let model = value.text("distortion_model");
    let none = d.iter().all(|v| *v == 0.0);
    let (model, distortion) = match model {
        _ if rectified => (CameraModelKind::Pinhole, Vec::new()),
        "equidistant" | "fisheye" | "kannala_brandt" => (CameraModelKind::KannalaBrandt, d),
        _ if none => (CameraModelKind::Pinhole, Vec::new()),
        "plumb_bob" | "radtan" | "" if matches!(d.len(), 4 | 5) => (CameraModelKind::Pinhole, d),
        // Coefficients behind the eighth are those of a thin prism.
        "rational_polynomial" if d.len() >= 8 && d[8..].iter().all(|v| *v == 0.0) => {
            (CameraModelKind::Pinhole, d[..8].to_vec())
        }
        other => return Err(format!("distortion model `{other}` of {} numbers is not supported", d.len())),
    };
    let camera = CameraIntrinsics { model, width, height, intrinsics, distortion };
    Camera::new(&camera).map_err(|e| e.to_string())?;
    Ok(camera)
}
