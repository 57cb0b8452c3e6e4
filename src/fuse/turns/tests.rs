//! Drives, pictures and sweeps made up of functions, so that the turn between two of them is known.

use nalgebra::{Matrix3, Vector3};

use super::epipolar::{Way, turned};
use super::*;
use crate::coord::{Camera, CameraIntrinsics, CameraModelKind, Geodetic, Pose};
use crate::error::Quarantine;
use crate::fuse::inertial::exp_rotation;
use crate::fuse::{FuseConfig, fuse};
use crate::record::{PoseFix, Recording};
use crate::time::Timestamp;

/// From 0 to 1, by index.
fn chance(k: u64) -> f64 {
    let mut x = k.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0xd1b5_4a32_d192_ed03;
    for _ in 0..3 {
        x ^= x >> 29;
        x = x.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    }
    (x >> 11) as f64 / (1u64 << 53) as f64
}

fn about_up(yaw: f64) -> nalgebra::UnitQuaternion<f64> {
    exp_rotation(Vector3::z() * yaw)
}

#[test]
fn a_turn_is_told_from_near_and_far_points_though_a_third_of_them_are_wrong() {
    let (yaw, length_m, lever_m) = (0.11, 2.0, 1.6);
    let sensor = Vector3::new(lever_m, 0.0, 0.0);
    let (sin, cos) = libm::sincos(0.5 * yaw);
    let way = Vector3::new(cos, sin, 0.0) * length_m + about_up(yaw) * sensor - sensor;
    let seen: Vec<_> = (0..120u64)
        .map(|k| {
            let (bearing, up) = (1.2 * chance(k) - 0.6, 0.4 * chance(k + 1000) - 0.2);
            let a = Vector3::new(libm::cos(bearing), libm::sin(bearing), up).normalize();
            let point = a * (4.0 + 60.0 * chance(k + 2000));
            let b = about_up(yaw).inverse() * (point - way);
            let wrong = Vector3::new(0.0, 0.3 * chance(k + 3000), 0.2 * chance(k + 4000));
            (a, if k % 3 == 0 { (b + wrong * b.norm()).normalize() } else { b.normalize() })
        })
        .collect();
    let known = Way { length_m, lever_m, aside_rad: 0.0 };
    let found = turned(&seen, known).expect("most agree");
    assert!((found.yaw_rad - yaw).abs() < 5e-4 && found.sigma_rad < 1e-3, "{found:?}");
    // Points that have nothing to do with each other agree on nothing.
    let torn: Vec<_> = (0..120).map(|k| (seen[k].0, seen[(k * 37 + 11) % 120].1)).collect();
    assert_eq!(turned(&torn, known), None);
    assert_eq!(turned(&seen[..10], known), None);
}

/// A grey picture of a patterned sky, seen by a camera whose ego is turned.
fn sky(camera: &Camera, ego_se3_camera: &Pose, yaw: f64) -> Vec<u8> {
    let pattern = |d: Vector3<f64>| {
        // Lattice noise on the bearing and height of a direction, smooth between lattice points.
        let (x, y) = (libm::atan2(d.y, d.x) * 24.0 + 1000.0, d.z * 24.0 + 1000.0);
        let (i, j) = (x as u64, y as u64);
        let fade = |w: f64| w * w * (3.0 - 2.0 * w);
        let (u, v) = (fade(x - i as f64), fade(y - j as f64));
        let at = |i: u64, j: u64| chance(i * 7919 + j);
        let row = |j: u64| at(i, j) * (1.0 - u) + at(i + 1, j) * u;
        row(j) * (1.0 - v) + row(j + 1) * v
    };
    let (w, h) = (camera.width(), camera.height());
    let mut out = Vec::with_capacity((w * h) as usize);
    for y in 0..h {
        for x in 0..w {
            let ray = camera.unproject(f64::from(x), f64::from(y)).expect("a ray");
            out.push((255.0 * pattern(about_up(yaw) * (ego_se3_camera.rotation * ray))) as u8);
        }
    }
    out
}

#[test]
fn a_camera_and_a_panorama_see_how_far_they_turned() {
    let ahead = Matrix3::new(0.0, 0.0, 1.0, -1.0, 0.0, 0.0, 0.0, -1.0, 0.0);
    let mount = Pose::from_rotation_matrix(&ahead, Vector3::new(1.5, 0.0, 1.4));
    let pinhole = CameraIntrinsics {
        model: CameraModelKind::Pinhole,
        width: 320,
        height: 180,
        intrinsics: vec![200.0, 200.0, 159.5, 89.5],
        distortion: vec![],
    };
    let model = CameraModelKind::Equirectangular;
    let panorama = CameraIntrinsics { model, width: 768, height: 384, intrinsics: vec![], distortion: vec![] };
    for intrinsics in [pinhole, panorama] {
        let (camera, eye) =
            (Camera::new(&intrinsics).expect("a camera"), Eye::new(&intrinsics, mount).expect("an eye"));
        let look = |yaw: f64| {
            eye.look(intrinsics.width, intrinsics.height, &sky(&camera, &mount, yaw)).expect("of this camera")
        };
        let still = look(0.3);
        for yaw in [0.0, 0.013, -0.09] {
            let found = eye.pairs(&still, &look(0.3 + yaw)).turned(0.1, 0.0).expect("it is the same sky");
            assert!((found.yaw_rad - yaw).abs() < 6e-4, "{:?} {yaw}: {found:?}", intrinsics.model);
        }
        assert!(eye.look(64, 64, &[0; 64 * 64]).is_none());
    }
}

#[test]
fn a_lidar_sees_how_far_it_turned_while_it_drives_and_spins() {
    // A street with walls and some things along them, driven at 9 m/s and 0.4 rad/s, swept in 0.1 s from the back on.
    let motion = Motion { speed_mps: 9.0, rate_radps: 0.4 };
    let at = |t: f64| {
        let (sin, cos) = libm::sincos(0.4 * t);
        Pose::new(Vector3::new(22.5 * sin, 22.5 - 22.5 * cos, 0.0), about_up(0.4 * t))
    };
    let sweep = |start: f64| {
        let firings = (0..720u64).filter_map(move |k| {
            let after = 0.1 * k as f64 / 720.0;
            let pose = at(start + after);
            let bearing = std::f64::consts::PI - k as f64 / 720.0 * std::f64::consts::TAU;
            let d = pose.rotation * Vector3::new(libm::cos(bearing), libm::sin(bearing), 0.0);
            let o = pose.translation;
            // Walls at y = -6 and y = 14, broken by set-backs of 3 m every 8 m; ends at x = -40 and 50.
            let reach = (0..1500).map(|i| f64::from(i) * 0.04).find(|r| {
                let p = o + d * *r;
                let set_back = if libm::floor(p.x / 8.0) as i64 % 2 == 0 { 3.0 } else { 0.0 };
                p.y < -6.0 - set_back || p.y > 14.0 + set_back || p.x < -40.0 || p.x > 50.0
            })?;
            let seen = pose.inverse().apply(o + d * (reach + 0.02 * chance(k + (start * 1e3) as u64)));
            Some((Vector3::new(seen.x, seen.y, 2.0), after))
        });
        Contour::of(firings)
    };
    let (first, second) = (sweep(0.0), sweep(0.2));
    // Started from a turn and a way that are off.
    let found = first.turned(&second, [motion, motion], [1.5, 0.0, 0.05]).expect("it is the same street");
    assert!((found.yaw_rad - 0.08).abs() < 1.5e-3, "{found:?}");
    assert_eq!(first.turned(&Contour::of(std::iter::empty()), [motion, motion], [0.0; 3]), None);
}

/// A track through given poses: it turns by `yaw`, at 8 m/s.
fn track(yaw: impl Fn(f64) -> f64) -> Track {
    let frame = crate::coord::EnuFrame::new(Geodetic::new(127.0, 37.4, 60.0));
    let mut recording = Recording::new("drive", "folder", "CC0-1.0");
    let mut at = Vector3::zeros();
    for k in 0..=6000 {
        let t = f64::from(k) * 0.01;
        if k % 10 == 0 {
            let (place, rotation) = (frame.to_geodetic(at), about_up(yaw(t)));
            recording.poses.push(PoseFix { t: Some(Timestamp::from_ns(i64::from(k) * 10_000_000)), place, rotation });
        }
        at += about_up(yaw(t + 0.005)) * Vector3::x() * 0.08;
    }
    fuse(&recording, &FuseConfig::default(), &mut Quarantine::new()).expect("it has poses")
}

fn bends(t: f64) -> f64 {
    0.9 * libm::sin(0.35 * t) + 0.25 * libm::sin(1.1 * t)
}

const LATE_S: f64 = 0.0473;

/// Turns between looks at 4 Hz by a clock that is late, off by a milliradian, some of them quite wrong.
fn turns(turning: &Turning, gain: f64) -> Vec<TurnSeen> {
    let times: Vec<i64> = (4..230).map(|k| k * 250_000_000 + 7_000_000).collect();
    let pairs = turning.pairs(&times);
    assert!(pairs.len() > 150 && pairs.windows(2).all(|w| w[0].1 <= w[1].0), "{}", pairs.len());
    (pairs.iter().enumerate())
        .map(|(k, &(a, b))| {
            let at = |i: usize| bends(times[i] as f64 / 1e9 + LATE_S);
            let off = 0.0035 * (chance(k as u64) - 0.5) + if k % 17 == 0 { 0.04 } else { 0.0 };
            TurnSeen { from_ns: times[a], to_ns: times[b], turn_rad: gain * (at(b) - at(a)) + off }
        })
        .collect()
}

#[test]
fn the_clock_of_what_turns_with_the_ego_is_found_within_its_sigma() {
    let track = track(bends);
    let turning = Turning::of(&track).expect("it has a clock");
    // Also of a camera whose focal length is a guess.
    for gain in [1.0, 0.9] {
        let (offset_s, sigma_s) = turning.clock(&turns(&turning, gain)).expect("it turns");
        assert!((offset_s - LATE_S).abs() < 3.0 * sigma_s && sigma_s < 4e-3, "{offset_s} ± {sigma_s}");
    }
}

#[test]
fn a_clock_that_is_set_on_the_way_is_told_from_one_that_is_only_off() {
    let track = track(bends);
    let turning = Turning::of(&track).expect("it has a clock");
    let seen = turns(&turning, 1.0);
    assert_eq!((turning.set_by(&seen), turning.set_by(&turns(&turning, 0.9)), turning.set_by(&[])), (None, None, None));
    for by_s in [0.4, -0.15] {
        for from in [seen.len() / 2, 2 * seen.len() / 5] {
            let mut set = seen.clone();
            // What has to be added grows: its times say less.
            let ns = libm::round(by_s * 1e9) as i64;
            set[from..].iter_mut().for_each(|s| (s.from_ns, s.to_ns) = (s.from_ns - ns, s.to_ns - ns));
            let told = turning.set_by(&set).expect("it was set");
            assert!((told - by_s).abs() < 0.05, "{by_s} from {from}: {told}");
        }
    }
}

#[test]
fn what_does_not_turn_or_turns_otherwise_has_no_clock() {
    let straight = track(|_| 0.3);
    let times: Vec<i64> = (0..240).map(|k| k * 250_000_000).collect();
    assert!(Turning::of(&straight).expect("it has a clock").pairs(&times).is_empty());
    let track = track(bends);
    let turning = Turning::of(&track).expect("it has a clock");
    let mut seen = turns(&turning, 1.0);
    for (k, turn) in seen.iter_mut().enumerate() {
        turn.turn_rad = 0.1 * (chance(k as u64 + 77) - 0.5);
    }
    assert_eq!(turning.clock(&seen), None);
    assert_eq!(turning.clock(&[]), None);
}

#[test]
fn of_a_long_drive_only_the_bends_are_looked_at() {
    // Turns in its second half only.
    let track = track(|t| if t < 30.0 { 0.0 } else { bends(t - 30.0) });
    let turning = Turning::of(&track).expect("it has a clock");
    let times: Vec<i64> = (0..6000).map(|k| k * 10_000_000).collect();
    let pairs = turning.pairs(&times);
    assert!(!pairs.is_empty() && pairs.len() <= MOST_PAIRS);
    let share = pairs.iter().filter(|p| times[p.0] > 28_000_000_000).count() as f64 / pairs.len() as f64;
    assert!(share > 0.45, "{share}");
    // Looks at 100 Hz are compared at least 0.18 s apart.
    assert!(pairs.iter().all(|p| times[p.1] - times[p.0] >= 180_000_000));
    assert!(turning.pairs(&[]).is_empty());
}
