//! What corrections say of their own errors.

use nalgebra::{Matrix2, Matrix3, Vector2, Vector3};

use super::super::fit::{OnLine, Stretch};
use super::{block, drive, found, laid, roads, track};
use crate::coord::{EnuFrame, Geodetic, Pose};
use crate::fuse::Register;

/// Independent numbers of variance 1 (Marsaglia's xorshift, Box & Muller 1958).
pub(super) struct Random(pub(super) u64);

impl Random {
    fn uniform(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }

    pub(super) fn normal(&mut self) -> f64 {
        let (a, b) = (self.uniform().max(1e-12), self.uniform());
        (-2.0 * libm::log(a)).sqrt() * libm::cos(std::f64::consts::TAU * b)
    }
}

/// Shift of all points alike and turn about the origin that is nearest to their shifts, metres and degrees.
fn rigid(points: &[(Vector2<f64>, Vector2<f64>)]) -> Vector3<f64> {
    let (mut normal, mut right) = (Matrix3::zeros(), Vector3::zeros());
    for (at, shift) in points {
        for (row, value) in [(Vector3::new(1.0, 0.0, -at.y), shift.x), (Vector3::new(0.0, 1.0, at.x), shift.y)] {
            normal += row * row.transpose();
            right += row * value;
        }
    }
    let found = normal.try_inverse().expect("no line of points") * right;
    Vector3::new(found.x, found.y, found.z.to_degrees())
}

#[test]
fn errors_are_as_large_as_the_covariances_say() {
    // Three times around, so that errors that are forgotten are seen again.
    let corners: Vec<[f64; 2]> = (0..3).flat_map(|_| block()[..4].to_vec()).chain([[0.0, 0.0]]).collect();
    let (still, _) = drive(&corners, 5.0, |_, p| p);
    let length_m = still.last().expect("points").s_m;
    let (mut nees, mut nees_of_whole, mut draws) = (0.0, 0.0, 0.0);
    for seed in 1..=12 {
        let mut random = Random(0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(seed));
        // The slow error every 5 m, the lane all along, and that of each 150 m of a street beside it.
        let kept = libm::exp(-5.0 / 400.0_f64);
        let mut slow = vec![Vector2::new(random.normal(), random.normal())];
        for k in 0..(length_m / 5.0) as usize + 1 {
            let new = Vector2::new(random.normal(), random.normal());
            slow.push(kept * slow[k] + (1.0 - kept * kept).sqrt() * new);
        }
        let lane_m = 1.5 * random.normal();
        let beside_m: Vec<f64> =
            (0..=(length_m / 150.0) as usize).map(|_| 0.5_f64.hypot(0.5) * random.normal()).collect();
        let error = |s_m: f64| 5.0 * slow[(s_m / 5.0).round() as usize];
        let (mut points, lines) = drive(&corners, 5.0, |s_m, p| p + error(s_m));
        for p in &mut points {
            let [a, b] = [0, 1].map(|k| Vector2::from(lines[p.line.expect("on a street")][k]));
            let along = (b - a).normalize();
            let off = (lane_m + beside_m[(p.s_m / 150.0) as usize]) * Vector2::new(along.y, -along.x);
            p.at = (Vector2::from(p.at) + off).into();
        }
        let found = found(&(points.clone(), lines));
        let left = |s: &Stretch| Vector2::from(s.shift_m) + error(s.s_m);
        for s in &found.stretches {
            let [xx, xy, yy] = s.covariance_m2;
            let information = Matrix2::new(xx, xy, xy, yy).try_inverse().expect("a covariance");
            assert!((s.sigma_m - (0.5 * (xx + yy)).sqrt()).abs() < 1e-12);
            nees += left(s).dot(&(information * left(s))) / (2.0 * found.stretches.len() as f64);
        }
        let of_stretch = |p: &OnLine| {
            let away = |s: &&Stretch| (s.s_m - p.s_m).abs();
            found.stretches.iter().min_by(|a, b| away(a).total_cmp(&away(b))).map(left).expect("stretches")
        };
        let left: Vec<_> = points.iter().map(|p| (Vector2::from(p.at), of_stretch(p))).collect();
        let [xx, xy, xw, _, yy, yw, _, ww, ..] = found.register.covariance.expect("of a correction");
        let covariance = Matrix3::new(xx, xy, xw, xy, yy, yw, xw, yw, ww);
        let off = rigid(&left);
        nees_of_whole += off.dot(&(covariance.try_inverse().expect("a covariance") * off)) / 3.0;
        draws += 1.0;
    }
    let (nees, nees_of_whole) = (nees / draws, nees_of_whole / draws);
    eprintln!("NEES per axis: stretches {nees:.2}, whole drives {nees_of_whole:.2}");
    assert!((0.6..1.5).contains(&nees) && (0.6..1.5).contains(&nees_of_whole), "{nees} {nees_of_whole}");
}

#[test]
fn covariances_turn_with_the_frame() {
    let mut old = laid(track(&block(), 2.5, [6.0, -5.0], 5.0), &roads(&block()));
    // Across the first street, which leads east, more is known than along it.
    let [xx, xy, yy] = old.stretches[0].covariance_m2;
    assert!(xx > 1.5 * yy, "{xx} {yy}");
    // A quarter of the way around the pole: axes are turned by a quarter as well.
    let [here, there] = [0.0, 90.0].map(|lon_deg| EnuFrame::new(Geodetic::new(lon_deg, 89.999, 0.0)));
    old.frame = here;
    let new = old.clone().moved_to(there.origin());
    let [turned_xx, turned_xy, turned_yy] = new.stretches[0].covariance_m2;
    let off = [turned_xx - yy, turned_xy + xy, turned_yy - xx];
    assert!(off.iter().all(|off| off.abs() < 0.01 * xx), "{off:?}");

    // That of the whole drive says the same of where a point comes to lie.
    let sigma = |register: Register, p: Vector3<f64>, axis: Vector3<f64>| {
        let [xx, xy, xw, _, yy, yw, _, ww, ..] = register.covariance.expect("moved");
        let turned = Pose::level(Vector3::zeros(), 90.0 - register.dyaw_deg).apply(Vector3::new(-p.y, p.x, 0.0));
        let h = Vector3::new(axis.x, axis.y, turned.dot(&axis).to_radians());
        h.dot(&(Matrix3::new(xx, xy, xw, xy, yy, yw, xw, yw, ww) * h)).sqrt()
    };
    let moved = |p: Vector3<f64>| there.to_enu(here.to_geodetic(p));
    let (a, b) = (old.register.expect("registered"), new.register.expect("registered"));
    for p in [[0.0, 0.0, 0.0], [380.0, 300.0, 0.0]].map(Vector3::from) {
        for axis in [Vector3::x(), Vector3::y()] {
            let (before, after) = (sigma(a, p, axis), sigma(b, moved(p), moved(p + axis) - moved(p)));
            assert!((before - after).abs() < 0.001 * before, "{before} {after}");
        }
    }
}
