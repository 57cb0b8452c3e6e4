//! Seconds to choose references by footprint: 100,000 windows of a front camera among 1,000,000 panoramas of a city of
//! streets, three passes a street; and the memory that takes. `cargo bench --bench references [-- WINDOWS]`.
#![allow(clippy::print_stdout)] // it is a program

use std::time::Instant;

use nalgebra::{Matrix3, Vector3};
use rayon::prelude::*;
use worldloom::coord::{Camera, CameraIntrinsics, CameraModelKind, Pose};
use worldloom::sample::ReferencesConfig;
use worldloom::sample::references::{
    Footprint, Overlap, OverlapSource, Picture, PictureIndex, View, Window, choose, directions,
};

/// Streets each way, 100 m apart, and metres between the panoramas on them.
const STREETS: usize = 130;
const BLOCK_M: f64 = 100.0;
const STEP_M: f64 = 10.0;
const PASSES: usize = 3;
/// Ticks of a window: 4 s at 5 Hz.
const TICKS: usize = 21;
const DAY_NS: i64 = 86_400_000_000_000;
/// Degrees a metre, near enough for a city of its own.
const PER_M: (f64, f64) = (1.0 / 88_000.0, 1.0 / 111_000.0);
const CORNER: (f64, f64) = (126.9, 37.4);

fn degrees(x: f64, y: f64) -> (f64, f64) {
    (CORNER.0 + x * PER_M.0, CORNER.1 + y * PER_M.1)
}

/// A place on a street: metres east and north, and the yaw along it.
fn on_street(street: usize, along_m: f64, side_m: f64) -> (f64, f64, f64) {
    let across = (street / 2) as f64 * BLOCK_M;
    match street % 2 {
        0 => (along_m, across + side_m, 0.0),
        _ => (across - side_m, along_m, std::f64::consts::FRAC_PI_2),
    }
}

fn pose(x: f64, y: f64, yaw: f64, height_m: f64) -> Pose {
    let rdf = Matrix3::new(0.0, 0.0, 1.0, -1.0, 0.0, 0.0, 0.0, -1.0, 0.0);
    let turn = nalgebra::UnitQuaternion::from_euler_angles(0.0, 0.0, yaw);
    Pose::new(Vector3::new(x, y, height_m), turn) * Pose::from_rotation_matrix(&rdf, Vector3::zeros())
}

fn camera(model: CameraModelKind, width: u32, height: u32, intrinsics: &[f64]) -> Camera {
    let of = CameraIntrinsics { model, width, height, intrinsics: intrinsics.to_vec(), distortion: vec![] };
    Camera::new(&of).expect("a camera")
}

fn main() {
    let windows: usize = std::env::args().skip(1).find_map(|a| a.parse().ok()).unwrap_or(100_000);
    let front = camera(CameraModelKind::Pinhole, 1280, 720, &[700.0, 700.0, 639.5, 359.5]);
    let panorama = camera(CameraModelKind::Equirectangular, 5760, 2880, &[]);
    let length_m = STREETS as f64 * BLOCK_M;
    let per_street = (length_m / STEP_M) as usize;

    let began = Instant::now();
    let (mut pictures, mut poses) = (Vec::new(), Vec::new());
    for pass in 0..PASSES {
        for street in 0..2 * STREETS {
            for i in 0..per_street {
                let (x, y, yaw) = on_street(street, i as f64 * STEP_M + 3.0 * pass as f64, 1.5 * pass as f64 - 1.5);
                let (lon, lat) = degrees(x, y);
                pictures.push(Picture {
                    recording: (pass * 2 * STREETS + street) as u32,
                    t_ns: Some(pass as i64 * 100 * DAY_NS),
                    lon,
                    lat,
                    content: pictures.len() as u64,
                });
                poses.push((x, y, yaw));
            }
        }
    }
    let count = pictures.len();
    let index = PictureIndex::new(pictures);
    println!("{count} pictures indexed in {:.1} s", began.elapsed().as_secs_f64());

    let config = ReferencesConfig::default();
    let rays = directions(&front);
    let began = Instant::now();
    let found: usize = (0..windows)
        .into_par_iter()
        .map(|i| {
            // Scattered over the city by a step that has no factor in common with it.
            let (street, along_m) =
                ((i * 7919) % (2 * STREETS), ((i * 104_729) % (per_street * 9)) as f64 / 9.0 * STEP_M);
            let ticks: Vec<(f64, f64, f64)> =
                (0..TICKS).map(|k| on_street(street, along_m + 2.0 * k as f64, -1.75)).collect();
            let path: Vec<(f64, f64)> = ticks.iter().map(|t| degrees(t.0, t.1)).collect();
            let window = Window {
                recording: u32::MAX,
                t0_ns: Some(50 * DAY_NS),
                path: &path,
                anchor: path[5],
                heading_deg: 90.0 - ticks[5].2.to_degrees(),
            };
            let footprints: Vec<Footprint> =
                ticks.iter().map(|&(x, y, yaw)| Footprint::new(&rays, &pose(x, y, yaw, 1.5))).collect();
            let overlap = |number: usize| {
                let (x, y, yaw) = poses[number];
                let view = View { camera: &panorama, pose: pose(x, y, yaw, 2.5) };
                let shares = footprints.iter().map(|f| f.seen_by(&view)).collect();
                Ok(Overlap { shares, source: OverlapSource::Footprint })
            };
            choose(&index, &window, &config, |_| true, overlap).expect("overlaps").chosen.len()
        })
        .sum();
    let seconds = began.elapsed().as_secs_f64();
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or("VmHWM: unknown");
    println!(
        "{windows} windows in {seconds:.1} s on {} threads, {found} references; {peak}",
        rayon::current_num_threads()
    );
}
