//! COLMAP's text model: `cameras.txt`, `images.txt`, `points3D.txt`, with the poses and calibration that are known.
//!
//! Source: <https://colmap.github.io/format.html>: `images.txt` has the world-to-camera rotation (w x y z) and
//! translation, camera axes as OpenCV's; the centre of the top-left pixel is (0.5, 0.5). Masks: its FAQ, "Mask image regions".

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use super::scene::{self, Scene};
use super::{Card, Job, Shot, Sink, Skip, points};
use crate::coord::{CameraIntrinsics, CameraModelKind};
use crate::dataset::rows::FrameRow;
use crate::error::Result;

/// Folders `RECORDING/{images,masks,sparse/0}`.
pub(super) struct Colmap;

impl Sink for Colmap {
    type Made = Vec<FrameRow>;

    fn make(&self, job: &Job<'_>, shot: &Shot<'_>) -> Result<Vec<FrameRow>, Skip> {
        scene::frames(job, shot)
    }

    fn finish(&self, job: &Job<'_>, made: Vec<Vec<FrameRow>>) -> Result<(u64, Card)> {
        let mut shown = BTreeSet::new();
        for scene in scene::scenes(job, &made, known_lens)? {
            shown.extend(scene.frame_ids());
            scene.write_pictures(job)?;
            // COLMAP looks for the picture's whole name with `.png` behind it.
            scene.write_masks(job, ".jpg.png")?;
            scene.write_place(job)?;
            let points = points::points(job, &scene)?;
            let sparse = format!("{}/sparse/0", scene.folder());
            job.write(&format!("{sparse}/cameras.txt"), cameras(&scene).as_bytes())?;
            job.write(&format!("{sparse}/images.txt"), images(&scene).as_bytes())?;
            job.write(&format!("{sparse}/points3D.txt"), points3d(&points).as_bytes())?;
        }
        let card = Card::new(
            "COLMAP text models with known poses: one a recording, for `point_triangulator` and 3D Gaussians.",
        )
        .file("RECORDING/images/CAMERA/*.jpg", "pictures, lenses left as they are; panoramas as four pinholes")
        .file("RECORDING/masks/CAMERA/*.jpg.png", "of pictures with a mask: `--ImageReader.mask_path RECORDING/masks`")
        .file("RECORDING/sparse/0/cameras.txt", "PINHOLE, OPENCV, FULL_OPENCV or OPENCV_FISHEYE")
        .file("RECORDING/sparse/0/images.txt", "poses; no keypoints")
        .file("RECORDING/sparse/0/points3D.txt", "LiDAR points, one of each 0.25 m cube, grey, without tracks")
        .file("RECORDING/scene.json", "the origin of the recording's world")
        .convention("camera axes", "OpenCV: x right, y down, z forward")
        .convention(
            "masks",
            "black (0) where no feature is to be taken (what moves, what the source or the config masks), else 255",
        )
        .convention("pose", "world to camera: quaternion w x y z, then translation; p_camera = R p_world + t")
        .convention("pixels", "the centre of the top-left pixel is (0.5, 0.5)")
        .convention("intrinsics", "pixels, of the pictures as they lie here");
        Ok((scene::count_with(&made, &shown), card))
    }
}

fn cameras(scene: &Scene) -> String {
    let mut text = String::from("# CAMERA_ID, MODEL, WIDTH, HEIGHT, PARAMS[]\n");
    for (i, still) in scene.cameras().values().enumerate() {
        let intrinsics = still.view.intrinsics();
        let (model, params) = model(intrinsics);
        let params: Vec<String> = params.iter().map(f64::to_string).collect();
        let (width, height) = (intrinsics.width, intrinsics.height);
        let _ = writeln!(text, "{} {model} {width} {height} {}", i + 1, params.join(" "));
    }
    text
}

/// Whether COLMAP has the lens.
fn known_lens(camera: &CameraIntrinsics) -> bool {
    matches!(camera.model, CameraModelKind::Pinhole | CameraModelKind::KannalaBrandt)
}

/// COLMAP's name and parameters of a camera that it knows.
fn model(camera: &CameraIntrinsics) -> (&'static str, Vec<f64>) {
    let [fx, fy, cx, cy] = [0, 1, 2, 3].map(|i| camera.intrinsics.get(i).copied().unwrap_or_default());
    let k = vec![fx, fy, cx + 0.5, cy + 0.5];
    let d = &camera.distortion;
    let with = |more: &[f64]| [k.as_slice(), more].concat();
    let at = |i: usize| d.get(i).copied().unwrap_or_default();
    match camera.model {
        CameraModelKind::KannalaBrandt => ("OPENCV_FISHEYE", with(&[at(0), at(1), at(2), at(3)])),
        _ if d.iter().all(|c| *c == 0.0) => ("PINHOLE", k),
        _ if d[4..].iter().all(|c| *c == 0.0) => ("OPENCV", with(&[at(0), at(1), at(2), at(3)])),
        _ => ("FULL_OPENCV", with(&[at(0), at(1), at(2), at(3), at(4), at(5), at(6), at(7)])),
    }
}

fn images(scene: &Scene) -> String {
    let ids: BTreeMap<&str, usize> = scene.cameras().keys().enumerate().map(|(i, name)| (*name, i + 1)).collect();
    let mut text = String::from("# IMAGE_ID, QW, QX, QY, QZ, TX, TY, TZ, CAMERA_ID, NAME\n# POINTS2D[]: none\n");
    for (i, s) in scene.stills.iter().enumerate() {
        let camera_se3_world = s.still.world_se3_camera.inverse();
        let [w, x, y, z] = camera_se3_world.wxyz();
        let t = camera_se3_world.translation;
        let camera = ids[s.camera.as_str()];
        let _ = writeln!(text, "{} {w} {x} {y} {z} {} {} {} {camera} {}.jpg\n", i + 1, t.x, t.y, t.z, s.name);
    }
    text
}

fn points3d(points: &[nalgebra::Vector3<f64>]) -> String {
    let mut text = String::from("# POINT3D_ID, X, Y, Z, R, G, B, ERROR, TRACK[]: none\n");
    for (i, p) in points.iter().enumerate() {
        let _ = writeln!(text, "{} {:.3} {:.3} {:.3} 128 128 128 0", i + 1, p.x, p.y, p.z);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lenses_get_the_model_that_holds_all_their_coefficients() {
        let camera = |model, distortion: &[f64]| CameraIntrinsics {
            model,
            width: 10,
            height: 10,
            intrinsics: vec![8.0, 9.0, 4.5, 4.0],
            distortion: distortion.to_vec(),
        };
        use CameraModelKind::{KannalaBrandt, Pinhole};
        assert_eq!(model(&camera(Pinhole, &[])), ("PINHOLE", vec![8.0, 9.0, 5.0, 4.5]));
        assert_eq!(model(&camera(Pinhole, &[0.1, 0.0, 0.0, 0.2, 0.0])).0, "OPENCV");
        let (name, params) = model(&camera(Pinhole, &[0.1, 0.2, 0.3, 0.4, 0.5]));
        assert_eq!((name, &params[4..]), ("FULL_OPENCV", &[0.1, 0.2, 0.3, 0.4, 0.5, 0.0, 0.0, 0.0][..]));
        assert_eq!(model(&camera(KannalaBrandt, &[])).1.len(), 8);
    }
}
