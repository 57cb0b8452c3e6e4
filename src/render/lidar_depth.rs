//! [`lidar_depth`]: what LiDAR points say of the depth of a picture.

use nalgebra::Vector3;
use ndarray::Array2;

use crate::coord::Camera;

/// How far a point speaks for its surroundings, degrees: half the spacing of a LiDAR's beams, or a little more.
const REACH_DEG: f64 = 0.7;
/// A point farther than its nearest neighbour by this share and these metres was seen through that neighbour's surface.
const THROUGH: (f32, f32) = (0.08, 0.4);
/// Depths that are one surface differ by less than this share.
const ALIKE: f32 = 0.05;

/// The depth of a picture from points in the camera's frame (right, down, forward; metres), shape `(H, W)`: metres along
/// z, for panoramas along the ray; NaN where no point is near.
///
/// The nearest point of each pixel counts. Points that shine through gaps between those of a nearer surface are left
/// out. Between points the gaps are filled within 0.7°, from the nearer surface where two meet.
pub fn lidar_depth(camera: &Camera, points: impl IntoIterator<Item = Vector3<f64>>) -> Array2<f32> {
    let (panorama, wraps) = (camera.is_panorama(), camera.wraps());
    let (width, height) = (camera.width() as usize, camera.height() as usize);
    let mut depth = Array2::from_elem((height, width), f32::INFINITY);
    for point in points {
        let along = if panorama { point.norm() } else { point.z };
        let Some((u, v)) = camera.project(point).filter(|at| along > 0.0 && camera.contains(*at)) else { continue };
        // A panorama's seam: half a pixel left of the first column is the last one's half.
        let at = [(v.round().max(0.0) as usize).min(height - 1), (u.round().max(0.0) as usize).min(width - 1)];
        depth[at] = depth[at].min(along as f32);
    }
    let reach = reach_px(camera);
    let across = nearest_across(&depth, reach, wraps);
    for ((r, c), d) in depth.indexed_iter_mut().filter(|(_, d)| d.is_finite()) {
        let rows = r.saturating_sub(reach)..(r + reach + 1).min(height);
        let near = rows.map(|r| across[[r, c]]).fold(f32::INFINITY, f32::min);
        if *d > near * (1.0 + THROUGH.0) + THROUGH.1 {
            *d = f32::INFINITY;
        }
    }
    fill(&mut depth, reach, wraps);
    depth.mapv_inplace(|d| if d.is_finite() { d } else { f32::NAN });
    depth
}

/// [`REACH_DEG`] in pixels around the middle of the picture, at least 1.
fn reach_px(camera: &Camera) -> usize {
    let (u, v) = (0.5 * f64::from(camera.width()), 0.5 * f64::from(camera.height()));
    let (a, b) = (camera.unproject(u, v), camera.unproject(u + 1.0, v));
    let step = a.zip(b).map_or(REACH_DEG, |(a, b)| libm::acos(a.dot(&b).clamp(-1.0, 1.0)).to_degrees());
    ((REACH_DEG / step.max(1e-3)).round() as usize).clamp(1, 64)
}

/// The least depth within so many pixels across.
fn nearest_across(depth: &Array2<f32>, reach: usize, wraps: bool) -> Array2<f32> {
    let (height, width) = depth.dim();
    Array2::from_shape_fn((height, width), |(r, c)| {
        let near = (0..=2 * reach).filter_map(|k| column(c + k, reach, width, wraps));
        near.map(|c| depth[[r, c]]).fold(f32::INFINITY, f32::min)
    })
}

/// The column `at - back`, around a panorama's seam; `None` outside.
fn column(at: usize, back: usize, width: usize, wraps: bool) -> Option<usize> {
    match wraps {
        true => Some((at + width - back % width) % width),
        false => at.checked_sub(back).filter(|c| *c < width),
    }
}

/// Fills empty pixels from their eight neighbours, so many times over.
///
/// A pixel is filled as soon as a neighbour is known, so after the first time only those beside what was filled last can be.
fn fill(depth: &mut Array2<f32>, times: usize, wraps: bool) {
    let empty = |depth: &Array2<f32>, at: &[usize; 2]| !depth[*at].is_finite();
    let mut border: Vec<[usize; 2]> = depth.indexed_iter().map(|((r, c), _)| [r, c]).collect();
    border.retain(|at| empty(depth, at));
    for _ in 0..times {
        let found = |at: &[usize; 2]| Some((*at, from_neighbours(depth, *at, wraps)?));
        let filled: Vec<([usize; 2], f32)> = border.iter().filter_map(found).collect();
        border.clear();
        for (at, d) in &filled {
            depth[*at] = *d;
        }
        for (at, _) in &filled {
            border.extend(neighbours(depth.dim(), *at, wraps).filter(|at| empty(depth, at)));
        }
        border.sort_unstable();
        border.dedup();
    }
}

/// The pixels around one, itself among them.
fn neighbours((height, width): (usize, usize), [r, c]: [usize; 2], wraps: bool) -> impl Iterator<Item = [usize; 2]> {
    let rows = r.saturating_sub(1)..(r + 2).min(height);
    rows.flat_map(move |r| (0..3).filter_map(move |k| Some([r, column(c + k, 1, width, wraps)?])))
}

/// The mean inverse depth of the neighbours that are one surface with the nearest; `None` where none is known.
fn from_neighbours(depth: &Array2<f32>, at: [usize; 2], wraps: bool) -> Option<f32> {
    let around = || neighbours(depth.dim(), at, wraps).map(|at| depth[at]).filter(|d| d.is_finite());
    let near = around().fold(f32::INFINITY, f32::min);
    let (sum, n) =
        around().filter(|d| *d <= near * (1.0 + ALIKE)).fold((0.0, 0.0), |(sum, n), d| (sum + 1.0 / d, n + 1.0));
    (n > 0.0).then_some(n / sum)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coord::{CameraIntrinsics, CameraModelKind};

    #[test]
    fn sparse_points_become_a_wall_and_a_post_before_it_without_shining_through() {
        let camera = Camera::new(&CameraIntrinsics {
            model: CameraModelKind::Pinhole,
            width: 320,
            height: 180,
            intrinsics: vec![200.0, 200.0, 159.5, 89.5],
            distortion: vec![],
        })
        .expect("a camera");
        // Beams every 0.8 degrees: a wall at z = 20 m, seen by a LiDAR half a metre above and to the left of the camera,
        // so that it looks behind the post (1 m wide, at z = 8 m) a little.
        let mut points = Vec::new();
        let from = Vector3::new(-0.5, -0.5, 0.0);
        for (i, j) in (-60..60).flat_map(|i| (-40..40).map(move |j| (i, j))) {
            let (x, y) = ((f64::from(i) * 0.8).to_radians().tan(), (f64::from(j) * 0.8).to_radians().tan());
            let post = from + Vector3::new(x, y, 1.0) * 8.0;
            points.push(if post.x.abs() < 0.5 { post } else { from + Vector3::new(x, y, 1.0) * 20.0 });
        }
        let depth = lidar_depth(&camera, points);
        let (mut known, mut wrong) = (0, 0);
        for ((_, c), d) in depth.indexed_iter().filter(|(_, d)| d.is_finite()) {
            known += 1;
            let x = (c as f64 - 159.5) / 200.0;
            let want = if (x * 8.0).abs() < 0.5 { 8.0 } else { 20.0 };
            // A point speaks for three pixels around: at the post's sides either is right.
            let side = ((x * 8.0).abs() - 0.5).abs() < 3.5 / 200.0 * 8.0;
            wrong += u32::from((f64::from(*d) - want).abs() > 0.05 && !side);
        }
        assert!(known > 45_000 && wrong == 0, "{known} {wrong}");
    }
}
