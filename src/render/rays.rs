//! [`ray_map`]: Plücker coordinates of the rays of a camera, at any grid.

use ndarray::Array3;
use rayon::prelude::*;

use crate::coord::{Camera, Pose};

/// The rays of a camera in the frame that its pose is relative to, shape `(6, h, w)`: channels 0 to 2 are the unit
/// direction d, channels 3 to 5 the moment o × d, where o is the camera's centre in metres.
///
/// The picture is divided into `h` × `w` cells, and each has the ray through its middle; with `h` and `w` those of the
/// picture that is the ray of each pixel. Six zeros where the camera has no ray.
pub fn ray_map(camera: &Camera, [h, w]: [usize; 2], frame_se3_camera: &Pose) -> Array3<f32> {
    let (across, down) = (f64::from(camera.width()) / w as f64, f64::from(camera.height()) / h as f64);
    let o = frame_se3_camera.translation;
    let ray = |row: usize, column: usize| {
        let ray = camera.unproject((column as f64 + 0.5) * across - 0.5, (row as f64 + 0.5) * down - 0.5);
        ray.map_or([0.0; 6], |ray| {
            let d = frame_se3_camera.rotation * ray;
            let m = o.cross(&d);
            [d.x, d.y, d.z, m.x, m.y, m.z].map(|v| v as f32)
        })
    };
    let rows: Vec<Vec<[f32; 6]>> = (0..h).into_par_iter().map(|r| (0..w).map(|c| ray(r, c)).collect()).collect();
    Array3::from_shape_fn((6, h, w), |(channel, row, column)| rows[row][column][channel])
}

#[cfg(test)]
mod tests {
    use nalgebra::{UnitQuaternion, Vector3};

    use super::*;
    use crate::coord::{CameraIntrinsics, CameraModelKind};

    fn camera(model: CameraModelKind, intrinsics: &[f64], distortion: &[f64]) -> Camera {
        let (intrinsics, distortion) = (intrinsics.to_vec(), distortion.to_vec());
        Camera::new(&CameraIntrinsics { model, width: 640, height: 320, intrinsics, distortion }).expect("a camera")
    }

    fn at(rays: &Array3<f32>, row: usize, column: usize) -> [f64; 6] {
        std::array::from_fn(|i| f64::from(rays[[i, row, column]]))
    }

    #[test]
    fn rays_are_those_of_the_closed_forms() {
        let k = [400.0, 390.0, 310.0, 150.0];
        let pinhole = ray_map(&camera(CameraModelKind::Pinhole, &k, &[]), [40, 80], &Pose::identity());
        let panorama = ray_map(&camera(CameraModelKind::Equirectangular, &[], &[]), [40, 80], &Pose::identity());
        for (row, column) in (0..40).flat_map(|r| (0..80).map(move |c| (r, c))) {
            let (u, v) = ((column as f64 + 0.5) * 8.0 - 0.5, (row as f64 + 0.5) * 8.0 - 0.5);
            let want = Vector3::new((u - k[2]) / k[0], (v - k[3]) / k[1], 1.0).normalize();
            let found = at(&pinhole, row, column);
            assert!((Vector3::new(found[0], found[1], found[2]) - want).norm() < 1e-6);
            let (lon, lat) = (
                ((column as f64 + 0.5) / 80.0 - 0.5) * 2.0 * std::f64::consts::PI,
                (0.5 - (row as f64 + 0.5) / 40.0) * std::f64::consts::PI,
            );
            let want = Vector3::new(lat.cos() * lon.sin(), -lat.sin(), lat.cos() * lon.cos());
            let found = at(&panorama, row, column);
            assert!((Vector3::new(found[0], found[1], found[2]) - want).norm() < 1e-6);
            assert_eq!(found[3..], [0.0; 3]);
        }
    }

    #[test]
    fn directions_are_unit_and_moments_stand_on_them_through_the_camera() {
        let pose = Pose::new(Vector3::new(3.0, -2.0, 1.5), UnitQuaternion::from_euler_angles(0.3, -0.7, 2.0));
        let cameras = [
            camera(CameraModelKind::Pinhole, &[400.0, 390.0, 310.0, 150.0], &[-0.3, 0.1, 0.001, 0.002, 0.0]),
            camera(CameraModelKind::KannalaBrandt, &[120.0, 120.0, 320.0, 160.0], &[0.01, 0.0, 0.0, 0.0]),
            camera(CameraModelKind::Mei, &[600.0, 595.0, 310.0, 150.0], &[2.2, 0.02, 1.6, 0.0004, -0.0003]),
            camera(CameraModelKind::Ftheta, &[0.5, 0.5, 310.0, 150.0], &[0.0, 473.6, -9.59, 24.95, -42.34, 15.14]),
            camera(CameraModelKind::Equirectangular, &[], &[]),
            camera(CameraModelKind::Equirectangular, &[150.0, 140.0, -50.0, 120.0], &[]),
        ];
        for camera in &cameras {
            let rays = ray_map(camera, [320, 640], &pose);
            let mut seen = 0;
            for (row, column) in (0..320).flat_map(|r| (0..640).map(move |c| (r, c))) {
                let p = at(&rays, row, column);
                let (d, m) = (Vector3::new(p[0], p[1], p[2]), Vector3::new(p[3], p[4], p[5]));
                if d.norm() > 0.0 {
                    seen += 1;
                    assert!((d.norm() - 1.0).abs() < 1e-6 && d.dot(&m).abs() < 1e-6);
                    // The centre lies on the line, and so does what the pixel shows at any distance.
                    assert!((pose.translation.cross(&d) - m).norm() < 1e-5);
                    let shown = pose.inverse().apply(pose.translation + d * 7.0);
                    let (u, v) = camera.project(shown).expect("in view");
                    assert!((u - column as f64).hypot(v - row as f64) < 1e-3);
                } else {
                    assert_eq!(p, [0.0; 6]);
                }
            }
            assert!(seen > 150_000);
        }
    }
}
