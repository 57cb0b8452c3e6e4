//! Frames a second on one thread: a picture of a million pixels with depth, warped to 1280 × 704 by every pair of cameras,
//! each frame in the memory of the one before as those of a video are, and in `new` memory; how much a picture sees of
//! another at an eighth of the size; a panorama of 5760 × 2880 cut to 640 × 480.
#![allow(missing_docs)] // criterion's macros make undocumented functions

use std::hint::black_box;
use std::sync::Mutex;
use std::time::Instant;

use criterion::{Bencher, Criterion, criterion_group, criterion_main};
use nalgebra::{UnitQuaternion, Vector3};
use ndarray::{Array2, Array3};
use rayon::ThreadPool;
use worldloom::coord::{Camera, CameraIntrinsics, CameraModelKind, Pose};
use worldloom::render::panowalk::{Crop, level_view, pinhole};
use worldloom::render::{SourceRays, Splat, Surface};

fn cameras(width: u32, height: u32) -> Vec<(&'static str, Camera)> {
    use CameraModelKind::{Equirectangular, KannalaBrandt, Pinhole};
    let (cx, cy) = (0.5 * f64::from(width) - 0.5, 0.5 * f64::from(height) - 0.5);
    let of = |model, focal: f64, distortion: &[f64]| {
        let focal = focal * f64::from(width) / 1280.0;
        let intrinsics = if model == Equirectangular { vec![] } else { vec![focal, focal, cx, cy] };
        Camera::new(&CameraIntrinsics { model, width, height, intrinsics, distortion: distortion.to_vec() })
            .expect("a camera")
    };
    vec![
        ("pinhole", of(Pinhole, 700.0, &[])),
        ("brown", of(Pinhole, 700.0, &[-0.1, 0.01, 0.0, 0.0, 0.0])),
        ("fisheye", of(KannalaBrandt, 400.0, &[])),
        ("panorama", of(Equirectangular, 0.0, &[])),
    ]
}

/// Times calls on a thread of the pool, by the shortest of them: what else the machine does is not counted.
fn time<T: Send>(pool: &ThreadPool, b: &mut Bencher<'_>, one: impl Fn() -> T + Sync) {
    let call = || {
        let start = Instant::now();
        drop(black_box(one()));
        start.elapsed()
    };
    b.iter_custom(|n| pool.install(|| (0..n).map(|_| call()).min().unwrap_or_default()) * n as u32);
}

/// A street: ground 1.6 m below, walls 8 m and 10 m beside and 25 m ahead, posts every 20 degrees.
fn depth(camera: &Camera) -> Array2<f32> {
    Array2::from_shape_fn((camera.height() as usize, camera.width() as usize), |(row, column)| {
        let Some(ray) = camera.unproject(column as f64, row as f64) else { return f32::NAN };
        let walls = [(ray.y, 1.6), (ray.z, 25.0), (-ray.z, 20.0), (ray.x, 8.0), (-ray.x, 10.0)];
        let mut t = walls.iter().filter(|(a, _)| *a > 1e-9).map(|(a, d)| d / a).fold(f64::INFINITY, f64::min);
        if ray.y > -0.3 && (ray.x.atan2(ray.z) * 18.0).sin() > 0.9 {
            t = t.min(6.0);
        }
        let along = if camera.model() == CameraModelKind::Equirectangular { 1.0 } else { ray.z };
        if ray.y < -0.5 { f32::NAN } else { (t * along) as f32 }
    })
}

fn warp(c: &mut Criterion) {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a thread");
    let motion = Pose::new(Vector3::new(0.3, 0.1, -1.0), UnitQuaternion::from_euler_angles(0.02, 0.1, 0.01));
    let mut group = c.benchmark_group("warp");
    group.sample_size(20);
    for (from, source) in cameras(1280, 800) {
        let rays = SourceRays::new(&source);
        let surface = Surface::new(&rays, depth(&source).view(), None).expect("of its size");
        let picture = Array3::from_shape_fn((800, 1280, 3), |(r, c, k)| (r * 7 + c * 3 + k * 50) as u8);
        for (to, target) in cameras(1280, 704) {
            let splat = Splat::new(&rays, &target);
            let one = || splat.warp(picture.view(), &surface, &motion).expect("of its size");
            group.bench_function(format!("{from}-{to}/new"), |b| time(&pool, b, one));
            let frame = Mutex::new(one());
            let next = || {
                let mut frame = frame.lock().expect("one thread");
                splat.warp_into(picture.view(), &surface, &motion, &mut frame).expect("of its size");
            };
            group.bench_function(format!("{from}-{to}"), |b| time(&pool, b, next));
        }
    }
    group.finish();
}

fn overlap(c: &mut Criterion) {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a thread");
    let motion = Pose::new(Vector3::new(0.3, 0.1, -1.0), UnitQuaternion::from_euler_angles(0.02, 0.1, 0.01));
    let mut group = c.benchmark_group("overlap");
    for (from, source) in cameras(160, 100) {
        let rays = SourceRays::new(&source);
        let surface = Surface::new(&rays, depth(&source).view(), None).expect("of its size");
        let splat = Splat::new(&rays, &cameras(160, 88)[0].1);
        let one = || splat.coverage(&surface, &motion).expect("of its size");
        group.bench_function(from, |b| time(&pool, b, one));
    }
    group.finish();
}

fn crop(c: &mut Criterion) {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a thread");
    let panorama = Array3::from_shape_fn((2880, 5760, 3), |(r, c, k)| (r * 7 + c * 3 + k * 50) as u8);
    let view = level_view(Vector3::zeros(), 0.0, 0.0).inverse() * level_view(Vector3::zeros(), 3.1, 0.2);
    let sphere = CameraIntrinsics {
        model: CameraModelKind::Equirectangular,
        width: 5760,
        height: 2880,
        intrinsics: vec![],
        distortion: vec![],
    };
    let sphere = Camera::new(&sphere).expect("a camera");
    let crop = Crop::new(&sphere, &pinhole(640, 480, 90.0).expect("a camera"), &view, 0.0);
    let one = || crop.cut(panorama.view()).expect("of its size");
    c.bench_function("crop", |b| time(&pool, b, one));
}

criterion_group!(benches, warp, overlap, crop);
criterion_main!(benches);
