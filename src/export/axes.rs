//! Poses as other tools write them: 4 × 4 matrices, camera to world or world to camera, in three conventions of axes.

use nalgebra::Matrix4;

use crate::coord::Pose;

/// The axes of a camera (or of the ego) that a pose is told in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Axes {
    /// x right, y down, z forward: OpenCV, COLMAP, and this crate's cameras.
    OpenCv,
    /// x right, y up, z backward: OpenGL, Blender, nerfstudio.
    OpenGl,
    /// x forward, y left, z up: ISO 8855, ROS, and this crate's ego.
    Flu,
}

impl Axes {
    /// The name in conventions: `OpenCV`, `OpenGL`, `FLU`.
    pub fn name(self) -> &'static str {
        match self {
            Axes::OpenCv => "OpenCV",
            Axes::OpenGl => "OpenGL",
            Axes::Flu => "FLU",
        }
    }

    /// What the axes are, in words.
    pub fn told(self) -> &'static str {
        match self {
            Axes::OpenCv => "x right, y down, z forward",
            Axes::OpenGl => "x right, y up, z backward",
            Axes::Flu => "x forward, y left, z up",
        }
    }

    /// Takes points told in these axes to OpenCV's; columns are these axes.
    fn opencv_from(self) -> Matrix4<f64> {
        #[rustfmt::skip]
        let m = match self {
            Axes::OpenCv => return Matrix4::identity(),
            Axes::OpenGl => Matrix4::new(
                1.0, 0.0, 0.0, 0.0,
                0.0, -1.0, 0.0, 0.0,
                0.0, 0.0, -1.0, 0.0,
                0.0, 0.0, 0.0, 1.0,
            ),
            Axes::Flu => Matrix4::new(
                0.0, -1.0, 0.0, 0.0,
                0.0, 0.0, -1.0, 0.0,
                1.0, 0.0, 0.0, 0.0,
                0.0, 0.0, 0.0, 1.0,
            ),
        };
        m
    }
}

/// The 4 × 4 matrix of a pose, row by row: `p_dst = M p_src`.
pub fn matrix(pose: &Pose) -> [[f64; 4]; 4] {
    rows(&pose_matrix(pose))
}

/// Camera to world of a camera whose own axes are OpenCV's, told in `axes`: its columns are the camera's axes in the
/// world.
pub fn camera_to_world(world_se3_camera: &Pose, axes: Axes) -> [[f64; 4]; 4] {
    rows(&(pose_matrix(world_se3_camera) * axes.opencv_from()))
}

/// World to camera, told in `axes`: the inverse of [`camera_to_world`].
pub fn world_to_camera(world_se3_camera: &Pose, axes: Axes) -> [[f64; 4]; 4] {
    rows(&(axes.opencv_from().transpose() * pose_matrix(&world_se3_camera.inverse())))
}

fn pose_matrix(pose: &Pose) -> Matrix4<f64> {
    let mut m = pose.rotation.to_homogeneous();
    m.fixed_view_mut::<3, 1>(0, 3).copy_from(&pose.translation);
    m
}

fn rows(m: &Matrix4<f64>) -> [[f64; 4]; 4] {
    // A zero without a sign reads better and is the same number.
    std::array::from_fn(|r| std::array::from_fn(|c| m[(r, c)] + 0.0))
}

#[cfg(test)]
mod tests {
    use nalgebra::{UnitQuaternion, Vector3, Vector4};

    use super::*;

    fn times(m: &[[f64; 4]; 4], p: Vector4<f64>) -> Vector4<f64> {
        Vector4::from_fn(|r, _| (0..4).map(|c| m[r][c] * p[c]).sum())
    }

    #[test]
    fn a_point_ahead_right_and_below_has_the_signs_that_each_convention_gives_it() {
        let pose = Pose::new(Vector3::new(3.0, -1.0, 2.0), UnitQuaternion::from_euler_angles(0.2, -0.4, 1.1));
        // Five ahead, two to the right, one below the camera.
        let world = pose.apply(Vector3::new(2.0, 1.0, 5.0)).push(1.0);
        for (axes, want) in
            [(Axes::OpenCv, [2.0, 1.0, 5.0]), (Axes::OpenGl, [2.0, -1.0, -5.0]), (Axes::Flu, [5.0, -2.0, -1.0])]
        {
            let want = Vector3::from(want).push(1.0);
            assert!((times(&world_to_camera(&pose, axes), world) - want).norm() < 1e-12, "{axes:?}");
            assert!((times(&camera_to_world(&pose, axes), want) - world).norm() < 1e-12, "{axes:?}");
        }
        assert_eq!(matrix(&pose), camera_to_world(&pose, Axes::OpenCv));
    }
}
