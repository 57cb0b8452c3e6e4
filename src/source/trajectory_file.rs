//! Trajectories in a local frame, as odometry and SLAM tools write them: TUM, KITTI and EuRoC.

use std::path::Path;

use nalgebra::{Matrix3, Vector3};

use crate::coord::Pose;
use crate::error::{ErrorKind, Location, Result};

/// A rotation, active, as a file has it (nearly orthonormal), and a position, metres.
pub type RawPose = (Matrix3<f64>, Vector3<f64>);

/// Poses of a file, in its order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TrajectoryFile {
    /// Seconds as the file has them; `None` where the format has no times (KITTI): then poses belong together by their
    /// number.
    pub t_s: Option<Vec<f64>>,
    /// In the frame of the file.
    pub poses: Vec<RawPose>,
}

/// Bytes that a file may have.
const MAX_BYTES: u64 = 1 << 30;

/// Reads a trajectory: TUM (`t x y z qx qy qz qw`, seconds), KITTI odometry (12 numbers of a 3×4 matrix, row by row) or
/// EuRoC (CSV of `t_ns, x, y, z, qw, qx, qy, qz`), told apart by their columns. Lines that begin with `#` are comments.
///
/// # Errors
///
/// The first line that is none of them, by its number; a file that cannot be read, is too large or has no pose.
pub fn read_trajectory(path: &Path) -> Result<TrajectoryFile> {
    let io = |e| ErrorKind::io("read", e).in_file(path);
    let size = std::fs::metadata(path).map_err(io)?.len();
    if size > MAX_BYTES {
        return Err(ErrorKind::LimitExceeded { what: "size in bytes", found: size, limit: MAX_BYTES }.in_file(path));
    }
    let text = std::fs::read_to_string(path).map_err(io)?;
    let mut file = TrajectoryFile::default();
    for (i, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let wrong = |reason: &str| {
            let place = Location { line: Some(i as u64 + 1), ..Location::file(path) };
            ErrorKind::malformed("trajectory (TUM, KITTI or EuRoC)", reason).at(place)
        };
        let (t_s, pose) = parse(line).ok_or_else(|| wrong("the line is no pose"))?;
        if !file.poses.is_empty() && t_s.is_some() != file.t_s.is_some() {
            return Err(wrong("the line has other columns than those before it"));
        }
        if let Some(t_s) = t_s {
            file.t_s.get_or_insert_default().push(t_s);
        }
        file.poses.push(pose);
    }
    if file.poses.is_empty() {
        return Err(ErrorKind::malformed("trajectory (TUM, KITTI or EuRoC)", "there is no pose in it").in_file(path));
    }
    Ok(file)
}

/// The time and pose of a line.
fn parse(line: &str) -> Option<(Option<f64>, RawPose)> {
    let words = line.split(|c: char| c == ',' || c.is_whitespace()).filter(|w| !w.is_empty());
    let numbers = words.map(|w| w.parse::<f64>().ok().filter(|v| v.is_finite())).collect::<Option<Vec<f64>>>()?;
    let quaternion = |at: [f64; 3], wxyz: [f64; 4]| {
        let pose = Pose::from_wxyz(at, wxyz)?;
        Some((pose.rotation.to_rotation_matrix().into_inner(), pose.translation))
    };
    match *numbers.as_slice() {
        [t_ns, x, y, z, w, i, j, k, ..] if line.contains(',') => {
            Some((Some(t_ns / 1e9), quaternion([x, y, z], [w, i, j, k])?))
        }
        [t_s, x, y, z, i, j, k, w] => Some((Some(t_s), quaternion([x, y, z], [w, i, j, k])?)),
        [a, b, c, x, d, e, f, y, g, h, i, z] => {
            // The matrix is kept as it is written, as others compare it.
            Pose::from_rows([x, y, z], [a, b, c, d, e, f, g, h, i])?;
            Some((None, (Matrix3::new(a, b, c, d, e, f, g, h, i), Vector3::new(x, y, z))))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<TrajectoryFile> {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), text).expect("written");
        read_trajectory(file.path())
    }

    #[test]
    fn the_three_formats_are_told_apart() {
        let tum = read("# t x y z qx qy qz qw\n1305031098.6659 1 2 3 0 0 0 1\n1.5e9 1 2 3 0 0 0.6 0.8\n").expect("TUM");
        assert_eq!(tum.t_s, Some(vec![1_305_031_098.665_9, 1.5e9]));
        assert!((tum.poses[1].0[(1, 0)] - 0.96).abs() < 1e-12);
        let euroc = read("#timestamp\n1403715273262142976,0.8,2.1,0.9,0.06,-0.8,-0.05,-0.59,0,0,0\n").expect("EuRoC");
        assert_eq!(euroc.t_s, Some(vec![1_403_715_273.262_143]));
        assert!(euroc.poses[0].0[(0, 0)] > 0.2);
        let kitti = read("1e0 0 0 1.5 0 1 0 -2 0 0 1 3\n").expect("KITTI");
        assert!(kitti.t_s.is_none() && kitti.poses[0].1.z == 3.0);
    }

    #[test]
    fn what_is_no_pose_is_named_by_its_line() {
        for text in [
            "1 2 3\n",
            "1 1 2 3 0 0 0 0\n",
            "2 0 0 0 0 1 0 0 0 0 1 0\n",
            "-1 0 0 0 0 1 0 0 0 0 1 0\n",
            "x 1 2 3 0 0 0 1\n",
            "1 NaN 2 3 0 0 0 1\n",
        ] {
            let error = read(&format!("# a comment\n{text}")).expect_err("no pose").to_string();
            assert!(error.contains("line 2"), "{error}");
        }
        assert!(read("").is_err() && read("1 1 2 3 0 0 0 1\n1 0 0 0 0 1 0 0 0 0 1 0\n").is_err());
    }
}
