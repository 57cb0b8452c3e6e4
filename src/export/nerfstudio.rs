//! nerfstudio's `transforms.json`.
//!
//! Source: nerfstudio, "Data conventions": camera to world, camera axes as OpenGL's; the world's z axis up; `cx`, `cy` as
//! COLMAP has them, the centre of the top-left pixel at (0.5, 0.5).

use std::collections::BTreeSet;

use ndarray::Array2;
use serde_json::{Map, Value, json};

use super::axes::{Axes, camera_to_world};
use super::job::keep_png;
use super::scene::{self, Scene};
use super::{Card, Job, Shot, Sink, Skip, points};
use crate::coord::{CameraIntrinsics, CameraModelKind};
use crate::dataset::rows::FrameRow;
use crate::error::Result;

/// Ending of the names of masks.
const MASK: &str = ".png";

/// Folders `RECORDING/{images,masks,transforms.json}`.
pub(super) struct Nerfstudio;

impl Sink for Nerfstudio {
    type Made = Vec<FrameRow>;

    fn make(&self, job: &Job<'_>, shot: &Shot<'_>) -> Result<Vec<FrameRow>, Skip> {
        scene::frames(job, shot)
    }

    fn finish(&self, job: &Job<'_>, made: Vec<Vec<FrameRow>>) -> Result<(u64, Card)> {
        let mut shown = BTreeSet::new();
        for scene in scene::scenes(job, &made, known_lens)? {
            shown.extend(scene.frame_ids());
            scene.write_pictures(job)?;
            let with_masks = write_masks(job, &scene)?;
            scene.write_place(job)?;
            let points = points::points(job, &scene)?;
            if !points.is_empty() {
                job.write(&format!("{}/sparse_pc.ply", scene.folder()), &ply(&points))?;
            }
            let transforms = transforms(&scene, !points.is_empty(), with_masks);
            job.write_json(&format!("{}/transforms.json", scene.folder()), &transforms)?;
        }
        let card = Card::new("nerfstudio scenes, one a recording: `ns-train METHOD --data RECORDING`.")
            .file("RECORDING/images/CAMERA/*.jpg", "pictures, lenses left as they are; panoramas as four pinholes")
            .file("RECORDING/transforms.json", "OPENCV or OPENCV_FISHEYE intrinsics and a pose of each picture")
            .file("RECORDING/masks/CAMERA/*.png", "`mask_path` of each picture, where any of the recording has a mask")
            .file("RECORDING/sparse_pc.ply", "LiDAR points, one of each 0.25 m cube, grey; where there is LiDAR")
            .file("RECORDING/scene.json", "the origin of the recording's world")
            .convention("camera axes", "OpenGL: x right, y up, z backward")
            .convention("pose", "`transform_matrix` is camera to world, 4 × 4, row by row")
            .convention("masks", "black (0) where nothing is to be learned (what moves, what the source or the config masks), else 255")
            .convention("pixels", "the centre of the top-left pixel is (0.5, 0.5), as in COLMAP")
            .convention("intrinsics", "pixels, of the pictures as they lie here")
            .reader("takes masks for all pictures of a recording or for none: those without get a white one")
            .reader("nerfstudio turns, centres and scales poses (`--orientation-method none --center-method none --auto-scale-poses False` leaves metres)");
        Ok((scene::count_with(&made, &shown), card))
    }
}

/// Whether nerfstudio has the lens: six radial coefficients are a ratio of polynomials, which it has not.
fn known_lens(camera: &CameraIntrinsics) -> bool {
    match camera.model {
        CameraModelKind::KannalaBrandt => true,
        CameraModelKind::Pinhole => camera.distortion.iter().skip(5).all(|c| *c == 0.0),
        CameraModelKind::Mei | CameraModelKind::Ftheta | CameraModelKind::Equirectangular => false,
    }
}

/// Writes the masks of a scene; whether it has any.
fn write_masks(job: &Job<'_>, scene: &Scene) -> Result<bool> {
    let masked = scene.write_masks(job, MASK)?;
    let any = masked.contains(&true);
    // nerfstudio takes masks for all pictures or for none.
    for (s, _) in scene.stills.iter().zip(masked).filter(|(_, masked)| any && !masked) {
        let [width, height] = s.still.view.size();
        let whole = Array2::zeros((height as usize, width as usize));
        job.write(&scene.mask_path(s, MASK), &keep_png(&whole)?)?;
    }
    Ok(any)
}

fn transforms(scene: &Scene, with_points: bool, with_masks: bool) -> Value {
    let frames: Vec<Value> = scene
        .stills
        .iter()
        .map(|s| {
            let mut frame = intrinsics(s.still.view.intrinsics());
            frame.insert("file_path".into(), json!(format!("images/{}.jpg", s.name)));
            if with_masks {
                frame.insert("mask_path".into(), json!(format!("masks/{}{MASK}", s.name)));
            }
            frame.insert("transform_matrix".into(), json!(camera_to_world(&s.still.world_se3_camera, Axes::OpenGl)));
            Value::Object(frame)
        })
        .collect();
    let mut whole = Map::new();
    if with_points {
        whole.insert("ply_file_path".into(), json!("sparse_pc.ply"));
    }
    whole.insert("frames".into(), json!(frames));
    Value::Object(whole)
}

fn intrinsics(camera: &CameraIntrinsics) -> Map<String, Value> {
    let at = |list: &[f64], i: usize| list.get(i).copied().unwrap_or_default();
    let (k, d) = (&camera.intrinsics, &camera.distortion);
    let fisheye = camera.model == CameraModelKind::KannalaBrandt;
    let mut map = Map::new();
    map.insert("camera_model".into(), json!(if fisheye { "OPENCV_FISHEYE" } else { "OPENCV" }));
    for (name, value) in [("w", camera.width), ("h", camera.height)] {
        map.insert(name.into(), json!(value));
    }
    let centre = [("fl_x", at(k, 0)), ("fl_y", at(k, 1)), ("cx", at(k, 2) + 0.5), ("cy", at(k, 3) + 0.5)];
    // k1 k2 p1 p2 k3 of a lens, k1 k2 k3 k4 of a fisheye.
    let lens = if fisheye {
        [("k1", at(d, 0)), ("k2", at(d, 1)), ("k3", at(d, 2)), ("k4", at(d, 3)), ("p1", 0.0), ("p2", 0.0)]
    } else {
        [("k1", at(d, 0)), ("k2", at(d, 1)), ("k3", at(d, 4)), ("k4", 0.0), ("p1", at(d, 2)), ("p2", at(d, 3))]
    };
    for (name, value) in centre.into_iter().chain(lens) {
        map.insert(name.into(), json!(value));
    }
    map
}

/// Points as binary PLY, grey.
fn ply(points: &[nalgebra::Vector3<f64>]) -> Vec<u8> {
    let mut file = format!(
        "ply\nformat binary_little_endian 1.0\nelement vertex {}\nproperty float x\nproperty float y\nproperty float z\n\
         property uchar red\nproperty uchar green\nproperty uchar blue\nend_header\n",
        points.len()
    )
    .into_bytes();
    for p in points {
        file.extend([p.x, p.y, p.z].iter().flat_map(|v| (*v as f32).to_le_bytes()));
        file.extend([128; 3]);
    }
    file
}
