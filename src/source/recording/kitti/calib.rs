//! KITTI's calibration texts: lines `KEY: numbers`, matrices row by row, metres and pixels.

use std::collections::BTreeMap;

use nalgebra::Vector3;

use crate::coord::{CameraIntrinsics, CameraModelKind, Pose};
use crate::error::ErrorKind;

const FORMAT: &str = "KITTI calibration";

/// The numbers of a file, by key.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Calibration {
    values: BTreeMap<String, Vec<f64>>,
}

impl Calibration {
    /// Takes the lines that are numbers; others (`calib_time`) are left out.
    pub(super) fn parse(text: &str) -> Calibration {
        let line = |line: &str| {
            let (key, numbers) = line.split_once(':')?;
            let numbers: Option<Vec<f64>> = numbers.split_ascii_whitespace().map(|n| n.parse().ok()).collect();
            numbers.filter(|n| !n.is_empty()).map(|numbers| (key.trim().to_string(), numbers))
        };
        Calibration { values: text.lines().filter_map(line).collect() }
    }

    /// The `N` finite numbers of a key.
    ///
    /// # Errors
    ///
    /// Where there are none or not as many.
    pub(super) fn numbers<const N: usize>(&self, key: &str) -> Result<[f64; N], ErrorKind> {
        let values =
            self.values.get(key).ok_or_else(|| ErrorKind::malformed(FORMAT, format!("there is no `{key}`")))?;
        let fit: Option<[f64; N]> = values.as_slice().try_into().ok();
        fit.filter(|v| v.iter().all(|v| v.is_finite())).ok_or_else(|| {
            ErrorKind::malformed(FORMAT, format!("`{key}` is {} numbers, not {N} finite ones", values.len()))
        })
    }

    /// The rigid transform of two keys (rotation, translation), or of one with a 3×4 matrix.
    ///
    /// # Errors
    ///
    /// As [`Calibration::numbers`], and where the matrix is no rotation.
    pub(super) fn rigid(&self, rotation: &str, translation: &str) -> Result<Pose, ErrorKind> {
        rigid(&self.numbers(rotation)?, &self.numbers(translation)?)
    }

    /// A rectified camera: its numbers (picture size left to the caller), and the transform from the frame that its
    /// projection matrix starts from (the rectified camera 0) to its own.
    ///
    /// # Errors
    ///
    /// As [`Calibration::numbers`], and where the matrix is none of a rectified pinhole.
    pub(super) fn rectified(&self, key: &str) -> Result<([f64; 4], Pose), ErrorKind> {
        let [fx, skew, cx, x, s, fy, cy, y, a, b, one, z] = self.numbers::<12>(key)?;
        if !(fx > 0.0 && fy > 0.0 && skew == 0.0 && s == 0.0 && a == 0.0 && b == 0.0 && one == 1.0) {
            return Err(ErrorKind::malformed(FORMAT, format!("`{key}` is no projection of a rectified camera")));
        }
        // P = K [I | t], so t is the fourth column with K taken off.
        let t = Vector3::new((x - cx * z) / fx, (y - cy * z) / fy, z);
        Ok(([fx, fy, cx, cy], Pose::new(t, nalgebra::UnitQuaternion::identity())))
    }
}

/// A rigid transform of a rotation matrix, row by row, and a translation.
///
/// # Errors
///
/// Where the matrix is no rotation.
pub(super) fn rigid(r: &[f64; 9], t: &[f64; 3]) -> Result<Pose, ErrorKind> {
    Pose::from_rows(*t, *r)
        .ok_or_else(|| ErrorKind::malformed(FORMAT, "a rotation matrix is not orthonormal or left-handed"))
}

/// A pinhole with the numbers of a calibration.
pub(super) fn pinhole([width, height]: [u32; 2], intrinsics: [f64; 4], distortion: &[f64]) -> CameraIntrinsics {
    let (intrinsics, distortion) = (intrinsics.to_vec(), distortion.to_vec());
    CameraIntrinsics { model: CameraModelKind::Pinhole, width, height, intrinsics, distortion }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_projection_matrix_is_focal_lengths_and_a_baseline() {
        let text = "calib_time: 09-Jan-2012\nP_rect_02: 7.215377e+02 0 6.095593e+02 4.485728e+01 0 7.215377e+02 \
            1.728540e+02 2.163791e-01 0 0 1 2.745884e-03\nR: 1 0 0 0 1 0 0 0 1\nT: 1 2 3\nM: -1 0 0 0 1 0 0 0 1\n";
        let calibration = Calibration::parse(text);
        let (k, pose) = calibration.rectified("P_rect_02").expect("a camera");
        assert_eq!(k, [721.5377, 721.5377, 609.5593, 172.854]);
        // The colour camera sits 6 cm to the left of camera 0.
        assert!((pose.translation.x - 0.059_849).abs() < 1e-5, "{}", pose.translation);
        assert_eq!(calibration.rigid("R", "T").expect("rigid").translation, Vector3::new(1.0, 2.0, 3.0));
        assert!(calibration.rigid("M", "T").is_err() && calibration.rigid("R", "none").is_err());
        assert!(calibration.rectified("R").is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in "(P2|R|T): ?[-0-9e. :\\n]{0,80}") {
            let calibration = Calibration::parse(&text);
            let _ = (calibration.rectified("P2"), calibration.rigid("R", "T"));
        }
    }
}
