//! Against a street of boxes whose depth is exact, by casting a ray through every pixel.

use nalgebra::{UnitQuaternion, Vector3};
use ndarray::{Array2, Array3};
use pulp::NullaryFnOnce;

use super::rays::FLATTEST;
use super::*;
use crate::coord::{CameraIntrinsics, CameraModelKind};

/// A ground, four walls without a roof, and boxes: `(low, high)` corners, metres, z up.
const BOXES: [([f64; 3], [f64; 3]); 5] = [
    ([4.0, 2.5, 0.0], [8.5, 4.3, 1.5]),
    ([9.0, -4.5, 0.0], [13.0, -2.7, 1.6]),
    ([-9.0, 2.4, 0.0], [-4.6, 4.2, 1.4]),
    ([6.0, -0.6, 0.0], [6.6, 0.0, 2.2]),
    ([-6.0, -3.0, 0.0], [-5.7, -2.7, 5.0]),
];
const WALLS: [f64; 4] = [-20.0, 24.0, -9.0, 11.0];
const ROOF_M: f64 = 7.0;

/// Distance along a unit ray to what it meets first.
fn cast(from: Vector3<f64>, ray: Vector3<f64>) -> Option<f64> {
    let mut first = f64::INFINITY;
    if ray.z < 0.0 {
        first = first.min(-from.z / ray.z);
    }
    for (side, wall) in WALLS.iter().enumerate() {
        let axis = side / 2;
        let t = (wall - from[axis]) / ray[axis];
        if t > 0.0 && (0.0..ROOF_M).contains(&(from.z + t * ray.z)) {
            first = first.min(t);
        }
    }
    for (low, high) in BOXES {
        let (mut enter, mut leave) = (0.0_f64, f64::INFINITY);
        for axis in 0..3 {
            let (a, b) = ((low[axis] - from[axis]) / ray[axis], (high[axis] - from[axis]) / ray[axis]);
            (enter, leave) = (enter.max(a.min(b)), leave.min(a.max(b)));
        }
        if enter < leave && enter > 0.0 {
            first = first.min(enter);
        }
    }
    first.is_finite().then_some(first)
}

fn camera(model: CameraModelKind, width: u32, height: u32, intrinsics: &[f64], distortion: &[f64]) -> Camera {
    let (intrinsics, distortion) = (intrinsics.to_vec(), distortion.to_vec());
    Camera::new(&CameraIntrinsics { model, width, height, intrinsics, distortion }).expect("a camera")
}

fn cameras() -> Vec<Camera> {
    use CameraModelKind::{Equirectangular, Ftheta, KannalaBrandt, Mei, Pinhole};
    vec![
        camera(Pinhole, 400, 240, &[220.0, 220.0, 199.5, 119.5], &[]),
        camera(Pinhole, 400, 240, &[230.0, 225.0, 205.0, 115.0], &[-0.25, 0.08, 0.001, -0.001, -0.01]),
        camera(KannalaBrandt, 400, 300, &[130.0, 130.0, 199.5, 149.5], &[0.02, -0.005, 0.001, -0.0002]),
        camera(Equirectangular, 720, 360, &[], &[]),
        camera(Mei, 400, 300, &[330.0, 330.0, 199.5, 149.5], &[1.6, 0.02, 0.3, 0.0004, -0.0003]),
        camera(Ftheta, 400, 300, &[0.33, 0.33, 199.5, 149.5], &[0.0, 473.6, -9.59, 24.95, -42.34, 15.14]),
        // A band that ends above the ground and at the sides, and one all around whose middle looks aside.
        camera(Equirectangular, 500, 200, &[120.0, 118.0, 300.5, 90.5], &[]),
        camera(Equirectangular, 720, 200, &[114.591_559, 114.591_559, 12.0, 99.5], &[]),
    ]
}

/// `world_se3_camera` at a place, looking along a heading (counter-clockwise from x), with a little tilt.
fn looking(at: [f64; 3], yaw_deg: f64, tilt_deg: f64) -> Pose {
    let flu = UnitQuaternion::from_euler_angles(0.01, tilt_deg.to_radians(), yaw_deg.to_radians());
    // Camera axes (x right, y down, z forward) in an ego frame (x forward, y left, z up).
    let rdf = nalgebra::Matrix3::new(0.0, 0.0, 1.0, -1.0, 0.0, 0.0, 0.0, -1.0, 0.0);
    Pose::new(Vector3::from(at), flu) * Pose::from_rotation_matrix(&rdf, Vector3::zeros())
}

/// Exact depth of what a camera sees.
fn depth(camera: &Camera, world_se3_camera: &Pose) -> Array2<f32> {
    let panorama = camera.is_panorama();
    Array2::from_shape_fn((camera.height() as usize, camera.width() as usize), |(row, column)| {
        let Some(ray) = camera.unproject(column as f64, row as f64) else { return f32::NAN };
        let along = if panorama { 1.0 } else { ray.z };
        let hit = cast(world_se3_camera.translation, world_se3_camera.rotation * ray);
        hit.map_or(f32::NAN, |t| (t * along) as f32)
    })
}

/// What is right at each target pixel: the place in the source, where the source sees what the target sees there.
fn truth(source: (&Camera, &Pose), target: (&Camera, &Pose), u: f64, v: f64) -> Option<(f64, f64)> {
    let ray = target.1.rotation * target.0.unproject(u, v)?;
    let point = target.1.translation + ray * cast(target.1.translation, ray)?;
    let seen = source.1.inverse().apply(point);
    let at = source.0.project(seen).filter(|at| source.0.contains(*at))?;
    let away = point - source.1.translation;
    let free = cast(source.1.translation, away.normalize())?;
    // Depth along z ends at the plane of a camera.
    let has_depth = source.0.is_panorama() || seen.z > FLATTEST * seen.norm();
    (has_depth && (free - away.norm()).abs() < 1e-6).then_some(at)
}

/// The place in the source that a pixel shows.
fn shown(buffer: &ZBuffer, pixel: usize) -> Option<place::At> {
    let place = buffer.place[pixel];
    (buffer.nearness[pixel] > 0.0 && place != place::NOTHING).then(|| buffer.places.at(place))
}

/// How a warp of exact depth does: errors in target pixels where the source sees, sorted; share of pixels that are
/// holes in both or in none.
fn judge(source: (&Camera, &Pose), target: (&Camera, &Pose)) -> (Vec<f64>, f64) {
    let rays = SourceRays::new(source.0);
    let surface = Surface::new(&rays, depth(source.0, source.1).view(), None).expect("fits");
    let splat = Splat::new(&rays, target.0);
    let buffer = splat.buffer(&surface, &(target.1.inverse() * *source.1), Room::default()).expect("fits");
    let (width, height) = (target.0.width() as usize, target.0.height() as usize);
    let (mut errors, mut alike) = (Vec::new(), 0);
    for (row, column) in (0..height).flat_map(|row| (0..width).map(move |column| (row, column))) {
        let (u, v) = (column as f64, row as f64);
        let (right, found) = (truth(source, target, u, v), shown(&buffer, row * width + column));
        alike += usize::from(right.is_some() == found.is_some());
        if let (Some(_), Some(at)) = (right, found) {
            // Where what is shown really lies in the target.
            let part = |steps: u32| f64::from(steps) / f64::from(crate::render::lanes::STEPS) - 0.5;
            let (su, sv) = (f64::from(at.column) + part(at.x), f64::from(at.row) + part(at.y));
            let lands = source.0.unproject(su, sv).and_then(|ray| {
                let ray = source.1.rotation * ray;
                let point = source.1.translation + ray * cast(source.1.translation, ray)?;
                target.0.project(target.1.inverse().apply(point))
            });
            let wrap = if splat.target_turn.wraps { width as f64 } else { f64::INFINITY };
            errors.push(lands.map_or(99.0, |(a, b)| {
                let across = (a - u).abs();
                across.min(wrap - across).hypot(b - v)
            }));
        }
    }
    errors.sort_by(f64::total_cmp);
    (errors, alike as f64 / (width * height) as f64)
}

#[test]
fn every_pair_of_cameras_warps_to_the_pixel_and_leaves_the_right_holes() {
    let from = looking([0.0, 0.0, 2.0], 0.0, 1.0);
    let cameras = cameras();
    let n = cameras.len();
    (0..n * n).into_par_iter().for_each(|i| {
        let (source, target) = (&cameras[i / n], &cameras[i % n]);
        // Each camera is source and target of either motion.
        let (yaw, at) =
            if (i / n + i % n).is_multiple_of(2) { (8.0, [1.2, -0.7, 1.7]) } else { (-35.0, [-1.5, 1.0, 2.3]) };
        let (errors, alike) = judge((source, &from), (target, &looking(at, yaw, 3.0)));
        let (median, most) = (errors[errors.len() / 2], errors[errors.len() * 95 / 100]);
        let pair = (source.model(), target.model(), median, most, alike);
        assert!(errors.len() > 5000 && median <= 0.5 && most <= 1.0 && alike >= 0.99, "{pair:?}");
    });
}

#[test]
fn one_thread_or_many_make_the_same_bytes_and_the_mask_and_bad_depth_make_holes() {
    let [source, target] = [&cameras()[3], &cameras()[0]];
    let (from, to) = (looking([0.0, 0.0, 2.0], 0.0, 1.0), looking([1.2, -0.7, 1.7], 8.0, 3.0));
    let mut depth = depth(source, &from);
    for (i, d) in depth.iter_mut().enumerate() {
        // Every kind of what is no depth.
        *d = [f32::NAN, 0.0, -1.0, f32::INFINITY].get(i % 97).copied().unwrap_or(*d);
    }
    let rgb = Array3::from_shape_fn((360, 720, 3), |(r, c, k)| (r * 7 + c * 3 + k * 31) as u8);
    let rays = SourceRays::new(source);
    let splat = Splat::new(&rays, target);
    let warp = |threads: usize, moving: Option<&Array2<u8>>| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        let surface = Surface::new(&rays, depth.view(), moving.map(|m| m.view())).expect("fits");
        pool.install(|| splat.warp(rgb.view(), &surface, &(to.inverse() * from)).expect("warped"))
    };
    let one = warp(1, None);
    let many = warp(5, None);
    assert!(one.rgb == many.rgb && one.seen == many.seen);
    assert!(one.seen.iter().zip(&one.depth).all(|(s, d)| (*s == 0) == d.is_nan()));
    // The post at (6.3, -0.3) moves: the ground behind it shows in its place, and a hole where the post hid the ground.
    let mut moving = Array2::zeros((360, 720));
    let post = |row: usize, column: usize| {
        let ray = from.rotation * source.unproject(column as f64, row as f64).expect("a ray");
        let at = cast(from.translation, ray).map(|t| from.translation + ray * t);
        at.is_some_and(|p| (5.9..6.7).contains(&p.x) && (-0.7..0.1).contains(&p.y) && p.z > 0.0)
    };
    moving.indexed_iter_mut().for_each(|((r, c), m)| *m = u8::from(post(r, c)) * 255);
    let without = warp(2, Some(&moving));
    let (u, v) = target.project(to.inverse().apply(Vector3::new(6.0, -0.3, 1.2))).expect("in view");
    let at = [v.round() as usize, u.round() as usize];
    assert!(one.seen[at] == 255 && (f64::from(one.depth[at]) - 4.8).abs() < 0.2, "{}", one.depth[at]);
    assert!(without.seen[at] == 255 && without.depth[at] > 12.0);
    let holes = |warp: &Warp| warp.seen.iter().filter(|s| **s == 0).count();
    assert!(holes(&without) > holes(&one));
    assert!(
        splat
            .warp(rgb.view(), &Surface::new(&SourceRays::new(target), one.depth.view(), None).expect("fits"), &from)
            .is_err()
    );
    assert!(Surface::new(&rays, one.depth.view(), None).is_err());
}

#[test]
fn vectors_of_any_width_and_memory_used_again_make_the_same_bytes() {
    let (from, to) = (looking([0.0, 0.0, 2.0], 0.0, 1.0), looking([1.2, -0.7, 1.7], 8.0, 3.0));
    let (all, mut again) = (cameras(), Warp::default());
    // The last is narrower than a vector.
    let targets = [&all[0], &all[2], &all[3], &camera(CameraModelKind::Pinhole, 6, 9, &[4.0, 4.0, 2.5, 4.0], &[])];
    for source in [&all[0], &all[3]] {
        let rays = SourceRays::new(source);
        let surface = Surface::new(&rays, depth(source, &from).view(), None).expect("fits");
        let [width, height] = surface.size();
        let rgb = Array3::from_shape_fn((height, width, 3), |(r, c, k)| (r * 7 + c * 3 + k * 31) as u8);
        for target in targets {
            let splat = Splat::new(&rays, target);
            let target_se3_source = to.inverse() * from;
            let warp = splat.warp(rgb.view(), &surface, &target_se3_source).expect("warped");
            splat.warp_into(rgb.view(), &surface, &target_se3_source, &mut again).expect("warped");
            let bits = |warp: &Warp| warp.depth.iter().map(|d| d.to_bits()).collect::<Vec<u32>>();
            assert!(warp.rgb == again.rgb && warp.seen == again.seen && bits(&warp) == bits(&again));

            let motion = Motion::new(&target_se3_source);
            let places = Places::new([width, height]);
            let mut buffer = ZBuffer::new(Room::default(), splat.target, splat.target_turn, places);
            let strip = Strip::new(&rays, &splat.projector, &surface, &motion);
            Band { strip, strips: 0..height.div_ceil(TILE), buffer: &mut buffer }.call();
            let across = splat.target[0];
            for (row, (depth, place)) in buffer.nearness.chunks_mut(across).zip(buffer.place.chunks(across)).enumerate()
            {
                let (mut colours, mut seen) = (vec![0; 3 * across], vec![0; across]);
                let target_z = splat.target_z.as_ref().map(|z| &z[row * across..(row + 1) * across]);
                let rgb = rgb.as_slice().expect("rows");
                let (surface, colours_out, seen_out) = (&surface, &mut colours[..], &mut seen[..]);
                Row { surface, rgb, places, place, colours: colours_out, seen: seen_out, depth, target_z }.call();
                let same = |i: usize| {
                    let colour = [0, 1, 2].map(|k| warp.rgb[[row, i, k]]);
                    colours[3 * i..3 * i + 3] == colour
                        && seen[i] == warp.seen[[row, i]]
                        && depth[i].to_bits() == warp.depth[[row, i]].to_bits()
                };
                assert!((0..across).all(same), "row {row} of {:?}", target.model());
            }
        }
    }
}
