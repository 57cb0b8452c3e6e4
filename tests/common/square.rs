//! A round square whose depth is exact, and recordings in it.

use std::fs;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use nalgebra::{Matrix3, Vector3};
use worldloom::build::{BuildOptions, Built, Silent, build, load};
use worldloom::coord::{Camera, CameraIntrinsics, CameraModelKind, EnuFrame, Geodetic, Pose};

/// Where the square is.
pub const ORIGIN: Geodetic = Geodetic { lon_deg: 127.11, lat_deg: 37.39, height_m: 50.0 };
/// A day.
pub const DAY_NS: i64 = 86_400_000_000_000;
/// When drives begin.
pub const NOON_NS: i64 = 1_760_000_000_000_000_000;
/// A wall around the square, and a column in it: centre, radius, height in metres.
pub const WALL: ([f64; 2], f64, f64) = ([0.0, 0.0], 20.0, 9.0);
pub const COLUMN: ([f64; 2], f64, f64) = ([5.0, 2.5], 0.8, 6.0);

/// Distance along a unit ray to what it meets first, and what that is: the ground, the wall or the column.
pub fn cast(from: Vector3<f64>, ray: Vector3<f64>) -> Option<(f64, usize)> {
    let mut first = if ray.z < 0.0 { (-from.z / ray.z, 0) } else { (f64::INFINITY, 0) };
    for (([cx, cy], radius, height), thing) in [(WALL, 1), (COLUMN, 2)] {
        let (x, y) = (from.x - cx, from.y - cy);
        let (a, b) = (ray.x * ray.x + ray.y * ray.y, x * ray.x + y * ray.y);
        let root = (b * b - a * (x * x + y * y - radius * radius)).sqrt();
        let t = if thing == 1 { (-b + root) / a } else { (-b - root) / a };
        // Where the ray passes by, the root is not a number.
        if t > 0.0 && t < first.0 && (0.0..height).contains(&(from.z + t * ray.z)) {
            first = (t, thing);
        }
    }
    first.0.is_finite().then_some(first)
}

/// Whether what lies at an offset is the first thing there.
pub fn sees(from: Vector3<f64>, away: Vector3<f64>) -> bool {
    cast(from, away.normalize()).is_some_and(|(t, _)| (t - away.norm()).abs() < 0.02)
}

/// Whether a panorama sees one and the same thing within a pixel and a half of an offset.
pub fn one_thing(from: Vector3<f64>, away: Vector3<f64>) -> bool {
    let step = 1.5 * std::f64::consts::TAU / f64::from(panorama().width) * away.norm();
    let across = Vector3::new(-away.y, away.x, 0.0).normalize();
    let up = across.cross(&away).normalize();
    let thing = |away: Vector3<f64>| cast(from, away.normalize()).map(|(_, thing)| thing);
    [across * step, across * -step, up * step, up * -step].iter().all(|step| thing(away + step) == thing(away))
}

pub fn shade(p: Vector3<f64>) -> [u8; 3] {
    let wave = |v: f64, phase: f64| (127.0 + 60.0 * (1.3 * v + phase).sin()) as u8;
    [wave(p.x, p.z), wave(p.y, 1.0), wave(p.x + p.y, 2.0 * p.z)]
}

pub fn mount() -> Pose {
    let rdf = Matrix3::new(0.0, 0.0, 1.0, -1.0, 0.0, 0.0, 0.0, -1.0, 0.0);
    Pose::from_rotation_matrix(&rdf, Vector3::new(0.0, 0.0, 1.8))
}

pub fn front() -> CameraIntrinsics {
    let intrinsics = vec![160.0, 160.0, 159.5, 89.5];
    CameraIntrinsics { model: CameraModelKind::Pinhole, width: 320, height: 180, intrinsics, distortion: vec![] }
}

pub fn panorama() -> CameraIntrinsics {
    let model = CameraModelKind::Equirectangular;
    CameraIntrinsics { model, width: 640, height: 320, intrinsics: vec![], distortion: vec![] }
}

/// A recording that drives east at 2 m/s along y, from x0 to x1, with a picture every `every_m` metres.
pub struct Drive<'a> {
    pub name: &'a str,
    pub channel: &'a str,
    pub camera: CameraIntrinsics,
    pub start_ns: i64,
    pub x: [f64; 2],
    pub y: f64,
    pub every_m: f64,
    pub depth: bool,
}

pub fn write(folder: &Path, drive: &Drive<'_>) {
    let folder = folder.join(drive.name);
    let (images, depths) = (folder.join("images").join(drive.channel), folder.join("depth").join(drive.channel));
    fs::create_dir_all(&images).expect("writable");
    fs::create_dir_all(&depths).expect("writable");
    let toml = format!("id = \"{}\"\nlicense = \"CC0-1.0\"\nheight_datum = \"ellipsoidal\"\n", drive.name);
    fs::write(folder.join("recording.toml"), toml).expect("writable");
    let (q, CameraIntrinsics { model, width, height, intrinsics, distortion }) = (mount().wxyz(), &drive.camera);
    let calibration = serde_json::json!({"cameras": {drive.channel: {
        "model": model.name(), "width": width, "height": height, "intrinsics": intrinsics, "distortion": distortion,
        "ego_se3_sensor": {"t": [0.0, 0.0, 1.8], "q": q},
    }}});
    fs::write(folder.join("calibration.json"), calibration.to_string()).expect("writable");

    let frame = EnuFrame::new(ORIGIN);
    let ego = |x: f64| Pose::new(Vector3::new(x, drive.y, 0.0), Pose::identity().rotation);
    let mut poses = "t_ns,lon,lat,height_m,qw,qx,qy,qz\n".to_string();
    let steps = ((drive.x[1] - drive.x[0]) / 0.2).round() as i64;
    for step in 0..=steps {
        let place = frame.to_geodetic(ego(drive.x[0] + 0.2 * step as f64).translation);
        let t_ns = drive.start_ns + step * 100_000_000;
        poses += &format!("{t_ns},{:.10},{:.10},{:.5},1,0,0,0\n", place.lon_deg, place.lat_deg, place.height_m);
    }
    fs::write(folder.join("poses.csv"), poses).expect("writable");

    let camera = Camera::new(&drive.camera).expect("a camera");
    let mut times = "file,t_ns\n".to_string();
    for number in 0..=((drive.x[1] - drive.x[0]) / drive.every_m) as u32 {
        let along = f64::from(number) * drive.every_m;
        let pose = ego(drive.x[0] + along) * mount();
        let mut picture = image::RgbImage::new(*width, *height);
        let mut depth = image::ImageBuffer::<image::Luma<u16>, Vec<u16>>::new(*width, *height);
        for (column, row, pixel) in picture.enumerate_pixels_mut() {
            let seen = camera.unproject(f64::from(column), f64::from(row)).expect("a ray");
            let ray = pose.rotation * seen;
            let Some((t, _)) = cast(pose.translation, ray) else { continue };
            pixel.0 = shade(pose.translation + ray * t);
            let along = if *model == CameraModelKind::Pinhole { seen.z } else { 1.0 };
            depth.put_pixel(column, row, image::Luma([(t * along * 100.0).round() as u16]));
        }
        let file = format!("{number:04}.png");
        picture.save(images.join(&file)).expect("writable");
        if drive.depth {
            depth.save(depths.join(&file)).expect("writable");
        }
        times += &format!("{file},{}\n", drive.start_ns + (along / 2.0 * 1e9).round() as i64);
    }
    fs::write(images.join("times.csv"), times).expect("writable");
}

pub fn make(config: &Path, out: &Path, threads: usize) -> Built {
    make_with(config, out, threads, &[])
}

pub fn make_with(config: &Path, out: &Path, threads: usize, overrides: &[String]) -> Built {
    let options = BuildOptions { out: out.to_path_buf(), threads, overwrite: false, units: None };
    build(&load(config, overrides).expect("a config"), &options, &Silent, &AtomicBool::new(false)).expect("built")
}
