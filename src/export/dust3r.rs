//! `dust3r`: pairs of posed pictures with depth, as DUSt3R's and MASt3R's `Waymo` data set reads them.
//!
//! Source: naver/dust3r, `dust3r/datasets/waymo.py`, `base_stereo_view_dataset.py`, `dust3r/utils/image.py`.

use std::collections::{BTreeMap, BTreeSet};

use exr::prelude::{Compression, Encoding, Image, Layer, LayerAttributes, SpecificChannels, Text, WritableImage};
use ndarray::Array2;

use super::axes::{Axes, camera_to_world};
use super::clip::k_matrix;
use super::crew::each;
use super::job::Job;
use super::npz::{Array, to_npz};
use super::scene::{self, Scene, SceneStill};
use super::{Card, Shot, Sink, Skip};
use crate::coord::Camera;
use crate::dataset::rows::FrameRow;
use crate::error::{ErrorKind, Result};
use crate::render::{SourceRays, Splat, Surface};

/// Pairs farther apart see too little alike, metres.
const FAR_M: f64 = 20.0;
/// Overlaps that are worth learning from: share of the second picture that the first one sees.
const OVERLAP: std::ops::RangeInclusive<f64> = 0.2..=0.95;
/// Pairs that a picture begins at most.
const PAIRS_EACH: usize = 6;
/// Overlap is found in pictures of about this width, pixels.
const SMALL: u32 = 80;

/// `waymo_pairs.npz` and a folder a scene.
pub(super) struct Dust3r;

/// A picture with its depth, small too.
struct Seen {
    name: String,
    surface: Option<(SourceRays, Surface, Camera)>,
}

impl Sink for Dust3r {
    type Made = Vec<FrameRow>;

    fn make(&self, job: &Job<'_>, shot: &Shot<'_>) -> Result<Vec<FrameRow>, Skip> {
        scene::frames(job, shot)
    }

    fn finish(&self, job: &Job<'_>, made: Vec<Vec<FrameRow>>) -> Result<(u64, Card)> {
        let (mut scenes, mut frames, mut pairs) = (Vec::new(), Vec::new(), Vec::new());
        let mut paired = BTreeSet::new();
        for scene in scene::scenes(job, &made, |_| false)? {
            let seen = each(&scene.stills, |s| write(job, &scene, s));
            let seen: Vec<Seen> = seen.into_iter().collect::<Result<_>>()?;
            let without = seen.iter().filter(|s| s.surface.is_none()).count();
            job.leave_out("pictures without depth (a depth picture, or LiDAR at their time)", without as u64);
            let found = pair(&scene, &seen)?;
            if found.is_empty() {
                // Its reader demands that the last scene has a pair.
                job.leave_out("scenes without a pair of pictures that overlap", 1);
                continue;
            }
            let mut index = vec![0; seen.len()];
            for (at, s) in index.iter_mut().zip(&seen).filter(|(_, s)| s.surface.is_some()) {
                *at = frames.len();
                frames.push(s.name.clone());
            }
            paired.extend(found.iter().flatten().map(|i| scene.stills[*i].still.frame.frame_id.clone()));
            pairs.extend(found.into_iter().flat_map(|[i, j]| [scenes.len(), index[i], index[j]].map(|n| n as i64)));
            scenes.push(scene.folder());
        }
        let clips = scene::count_with(&made, &paired);
        job.leave_out("samples and cameras none of whose pictures is in a pair", made.len() as u64 - clips);
        let index = to_npz(&[
            ("scenes", Array::text(scenes.iter().map(String::as_str))),
            ("frames", Array::text(frames.iter().map(String::as_str))),
            ("pairs", Array::i64(&[pairs.len() / 3, 3], pairs)),
        ]);
        job.write("waymo_pairs.npz", &index)?;
        let card =
            Card::new("Pairs of pictures with depth for DUSt3R and MASt3R: `Waymo(ROOT=this folder)` reads them.")
                .file("waymo_pairs.npz", "scenes (S,), frames (F,), pairs (N, 3): scene, first and second frame")
                .file("SCENE/FRAME.jpg", "pictures: pinholes; lenses undistorted, panoramas as four")
                .file("SCENE/FRAME.exr", "float32 metres along z; 0 where it is unknown or not to be learned from")
                .file("SCENE/FRAME.npz", "intrinsics (3, 3), cam2world (4, 4), float32")
                .convention("camera axes", "OpenCV: x right, y down, z forward")
                .convention("cam2world", "camera to world, metres; the world is the recording's ENU")
                .convention("pixels", "the centre of the top-left pixel is (0, 0)")
                .convention(
                    "pairs",
                    "within 20 m, where 20 to 95 % of the second picture are seen by the first; six a picture at most",
                )
                .reader("fails on NaN in poses and depth: neither is written")
                .reader("cuts pictures around the principal point, then resizes");
        Ok((clips, card))
    }
}

/// Writes a picture with its depth and camera; without depth nothing is written.
fn write(job: &Job<'_>, scene: &Scene, s: &SceneStill) -> Result<Seen> {
    job.check_stop()?;
    let name = s.name.replace('/', "_");
    let Some(found) = job.dataset.picture_depth(&s.still.frame)? else {
        return Ok(Seen { name, surface: None });
    };
    let view = &s.still.view;
    let mut depth = view.depth(&found.depth)?;
    if let Some(mask) = found.mask.as_ref().and_then(|mask| job.seen_mask(view, mask)) {
        depth.zip_mut_with(&mask, |d, m| {
            if *m != 0 {
                *d = f32::NAN
            }
        });
    }
    let folder = format!("{}/{name}", scene.folder());
    job.write(&format!("{folder}.jpg"), &job.jpeg(&s.still)?)?;
    job.write(&format!("{folder}.exr"), &exr(&depth.mapv(|d| if d.is_finite() { d } else { 0.0 }))?)?;
    let c2w = camera_to_world(&s.still.world_se3_camera, Axes::OpenCv);
    let camera = to_npz(&[
        ("intrinsics", Array::f32(&[3, 3], k_matrix(view.k()).map(|v| v as f32))),
        ("cam2world", Array::f32(&[4, 4], c2w.into_iter().flatten().map(|v| v as f32))),
    ]);
    job.write(&format!("{folder}.npz"), &camera)?;

    let wrong = |e: ErrorKind| e.bare();
    let (width, height) = (view.size()[0], view.size()[1]);
    let width_small = SMALL.min(width);
    let height_small = (height * width_small).div_ceil(width).max(1);
    let camera = Camera::new(&view.intrinsics().resized(width_small, height_small)).map_err(|e| wrong(e.into()))?;
    let small = Array2::from_shape_fn((height_small as usize, width_small as usize), |(row, column)| {
        let at = |i: usize, small: u32, all: u32| (i as u32 * all + all / 2) / small;
        depth[[at(row, height_small, height) as usize, at(column, width_small, width) as usize]]
    });
    let rays = SourceRays::new(&camera);
    let surface = Surface::new(&rays, small.view(), None).map_err(wrong)?;
    Ok(Seen { name, surface: Some((rays, surface, camera)) })
}

/// Pairs of a scene, by the first, then from the nearest to the farthest second.
fn pair(scene: &Scene, seen: &[Seen]) -> Result<Vec<[usize; 2]>> {
    let at = |i: usize| scene.stills[i].still.world_se3_camera;
    let of = |i: usize| -> Result<Vec<[usize; 2]>> {
        let Some((rays, surface, _)) = &seen[i].surface else { return Ok(Vec::new()) };
        let mut near: BTreeMap<(u64, usize), f64> = BTreeMap::new();
        for j in (0..seen.len()).filter(|j| *j != i && seen[*j].surface.is_some()) {
            let far = (at(j).translation - at(i).translation).norm();
            if far <= FAR_M {
                near.insert(((far * 1000.0) as u64, j), far);
            }
        }
        let mut found = Vec::new();
        for (_, j) in near.into_keys() {
            let Some((.., camera)) = &seen[j].surface else { continue };
            let share = Splat::new(rays, camera).coverage(surface, &(at(j).inverse() * at(i)));
            if OVERLAP.contains(&share.map_err(ErrorKind::bare)?) {
                found.push([i, j]);
                if found.len() == PAIRS_EACH {
                    break;
                }
            }
        }
        Ok(found)
    };
    let all: Vec<usize> = (0..seen.len()).collect();
    let found: Vec<Vec<[usize; 2]>> = each(&all, |i| of(*i)).into_iter().collect::<Result<_>>()?;
    Ok(found.into_iter().flatten().collect())
}

/// One channel of float32 as OpenEXR.
fn exr(depth: &Array2<f32>) -> Result<Vec<u8>> {
    let (height, width) = depth.dim();
    let channels =
        SpecificChannels::build().with_channel::<f32>(Text::from("Y")).with_pixel_fn(|at| (depth[[at.y(), at.x()]],));
    let encoding = Encoding { compression: Compression::ZIP16, ..Encoding::SMALL_LOSSLESS };
    let layer = Layer::new((width, height), LayerAttributes::default(), encoding, channels);
    let mut file = std::io::Cursor::new(Vec::new());
    Image::from_layer(layer)
        .write()
        .non_parallel()
        .to_buffered(&mut file)
        .map_err(|e| ErrorKind::malformed("OpenEXR", e.to_string()).bare())?;
    Ok(file.into_inner())
}
