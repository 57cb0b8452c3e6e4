//! Trajectories of another size than the map.

use nalgebra::{Rotation2, Vector2, Vector3};

use super::super::fit::{Registration, register};
use super::covariance::Random;
use super::{drive, errors, laid_with, rms, roads, track};
use crate::coord::{Geodetic, Pose};
use crate::fuse::{PoseOrigin, Track};

/// Along every street of a grid of three by three blocks of 300 m and 240 m.
fn grid() -> Vec<[f64; 2]> {
    let at = |i: i32, j: i32| [f64::from(i) * 300.0, f64::from(j) * 240.0];
    let rows = (0..4).flat_map(|j| if j % 2 == 0 { [at(0, j), at(3, j)] } else { [at(3, j), at(0, j)] });
    let columns = (0..4).flat_map(|i| if i % 2 == 0 { [at(i, 3), at(i, 0)] } else { [at(i, 0), at(i, 3)] });
    let mut corners: Vec<[f64; 2]> = rows.chain(columns).collect();
    corners.dedup();
    corners
}

/// A drive past corners that is so many times larger than it should be, turned to the left and moved.
fn found(corners: &[[f64; 2]], trajectory_m: f64, scale: f64, yaw_deg: f64) -> Registration {
    let wrong = |_, p: Vector2<f64>| scale * (Rotation2::new(yaw_deg.to_radians()) * p) + Vector2::new(2.0, -3.0);
    let (points, lines) = drive(corners, trajectory_m, wrong);
    register(&points, &lines, true).expect("lines")
}

#[test]
fn a_scale_and_a_turn_are_found_on_a_grid_of_streets() {
    for (trajectory_m, scale, yaw_deg, within) in [
        (0.5, 0.99, 0.0, 2e-4),
        (0.5, 1.01, 0.4, 2e-4),
        (0.5, 1.01, -0.4, 2e-4),
        (0.5, 1.004, 0.0, 2e-4),
        (3.0, 0.98, 0.4, 1e-3),
        (3.0, 1.02, -0.4, 1e-3),
    ] {
        let found = found(&grid(), trajectory_m, scale, yaw_deg);
        let (r, similarity) = (found.register, found.similarity.expect("found"));
        assert!(found.accepted && r.residual_m < 0.05 && r.inliers == 1.0, "{r:?}");
        assert!((r.scale * scale - 1.0).abs() < within && (r.dyaw_deg + yaw_deg).abs() < 0.05, "{r:?}");
        let sigma = r.scale_sigma.expect("looked for");
        assert!(sigma > 2e-4 && sigma < 3e-3 && r.scale == similarity.scale(), "{r:?}");
        // The motion of the whole takes the middle where it belongs.
        let centre = similarity.centre;
        let true_centre = Rotation2::new(-yaw_deg.to_radians()) * (centre - Vector2::new(2.0, -3.0)) / scale;
        let by = r.scale * (Rotation2::new(r.dyaw_deg.to_radians()) * centre) + Vector2::new(r.dx_m, r.dy_m);
        assert!((by - true_centre).norm() < 0.1, "{r:?}");
    }
}

#[test]
fn what_roads_do_not_tell_of_a_scale_stays_one() {
    // A straight road says nothing of what lies along it.
    let straight = found(&[[0.0, 0.0], [5000.0, 0.0]], 0.5, 1.01, 0.0);
    assert!(straight.similarity.is_none() && straight.register.scale == 1.0, "{:?}", straight.register);
    assert!(straight.register.scale_sigma.is_some_and(|sigma| sigma > 0.015), "{:?}", straight.register);
    // A grid says that the scale is right.
    let right = found(&grid(), 0.5, 1.0, 0.0);
    assert!(right.similarity.is_none() && right.register.scale == 1.0, "{:?}", right.register);
    assert!(right.register.scale_sigma.is_some_and(|sigma| sigma < 1e-3), "{:?}", right.register);
    // Streets of the wrong town are not reached.
    assert!(found(&grid(), 0.5, 1.2, 0.0).similarity.is_none());
}

#[test]
fn scales_are_as_sure_as_they_say() {
    let (mut squares, mut found_of, mut nees) = ([0.0; 2], [0.0; 2], [0.0; 2]);
    for seed in 1..=8 {
        for (k, (scale, sigma_m)) in [(1.0, 3.0), (1.02, 1.5)].into_iter().enumerate() {
            let mut random = Random(0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(seed));
            let kept = libm::exp(-5.0 / 600.0_f64);
            let mut new = || Vector2::new(random.normal(), random.normal());
            // Every 5 m.
            let mut slow = vec![new()];
            (0..2000).for_each(|i| slow.push(kept * slow[i] + (1.0 - kept * kept).sqrt() * new()));
            let error = |s_m: f64| sigma_m * slow[(s_m / 5.0).round() as usize];
            let (points, lines) = drive(&grid(), sigma_m, |s_m, p| scale * p + error(s_m));
            let (right, _) = drive(&grid(), sigma_m, |_, p| p);
            let found = register(&points, &lines, true).expect("lines");
            if found.similarity.is_some() {
                let sigma = found.register.scale_sigma.expect("looked for");
                squares[k] += ((found.register.scale * scale - 1.0) / sigma).powi(2);
                found_of[k] += 1.0;
            }
            let off = |s: &crate::fuse::Stretch| {
                let at = points.partition_point(|p| p.s_m < s.s_m).min(points.len() - 1);
                let off = Vector2::from(points[at].at) - Vector2::from(right[at].at) + Vector2::from(s.shift_m);
                off.norm_squared() / (2.0 * s.sigma_m * s.sigma_m)
            };
            nees[k] += found.stretches.iter().map(off).sum::<f64>() / found.stretches.len() as f64 / 8.0;
        }
    }
    eprintln!("found {found_of:?}, z² {squares:?}, NEES {nees:?}");
    // None is seen that is not there, and all that are.
    assert_eq!(found_of, [0.0, 8.0]);
    assert!(squares[1] / 8.0 < 2.5 && nees.iter().all(|nees| *nees < 1.6), "{squares:?} {nees:?}");
}

/// A drive around the grid as somebody has it who takes a metre for longer than it is, turned to the left.
fn wrong(scale: f64, yaw_deg: f64, origin: PoseOrigin) -> Track {
    let mut wrong = track(&grid(), 2.5, [0.0; 2], 0.6);
    let turn = Pose::level(Vector3::zeros(), 90.0 - yaw_deg);
    for row in &mut wrong.rows {
        row.pose = turn * row.pose;
        row.pose.translation *= scale;
        (row.s_m, row.speed_mps, row.acceleration_mps2) = (row.s_m * scale, row.speed_mps * scale, 0.2 * scale);
        row.origin = origin;
    }
    wrong
}

#[test]
fn a_track_of_another_scale_is_made_as_large_as_the_map() {
    let (graph, right) = (roads(&grid()), track(&grid(), 2.5, [0.0; 2], 0.6));
    for origin in [PoseOrigin::Estimated, PoseOrigin::Source] {
        let before = wrong(1.01, 0.3, origin);
        let found = laid_with(before.clone(), &graph, true);
        let r = found.register.expect("registered");
        assert!((r.scale * 1.01 - 1.0).abs() < 5e-4 && (r.dyaw_deg + 0.3).abs() < 0.03, "{r:?}");
        assert!(rms(&errors(&before, &right)) > 5.0 && rms(&errors(&found, &right)) < 0.5, "{r:?}");
        for (row, right) in found.rows.iter().zip(&right.rows) {
            assert!((row.s_m - right.s_m).abs() < 5e-4 * right.s_m + 1e-6, "{} {}", row.s_m, right.s_m);
            assert!((row.speed_mps - 10.0).abs() < 0.01 && (row.acceleration_mps2 - 0.2).abs() < 0.01);
            let yaw = libm::remainder(row.pose.yaw_rad() - right.pose.yaw_rad(), std::f64::consts::TAU);
            assert!(yaw.to_degrees().abs() < 0.03 && row.pose.translation.z == 0.0, "{yaw}");
        }
        let last = found.stretches.last().expect("moved");
        assert!((last.s_m - right.length_m()).abs() < 60.0 && found.registered(last.s_m).covariance_m2.is_some());
        // Who does not ask for it has given poses as they were.
        let without = laid_with(before.clone(), &graph, false).register;
        assert!(origin == PoseOrigin::Estimated || without.is_none_or(|r| r.dx_m == 0.0 && r.scale_sigma.is_none()));
    }
}

#[test]
fn a_scale_goes_along_to_another_origin() {
    let found = laid_with(wrong(1.01, 0.3, PoseOrigin::Estimated), &roads(&grid()), true);
    let moved = found.clone().moved_to(Geodetic::new(127.13, 37.42, 30.0));
    let (a, b) = (found.register.expect("registered"), moved.register.expect("registered"));
    let by = |r: crate::fuse::Register, p: Vector3<f64>| {
        let turned = Pose::level(Vector3::zeros(), 90.0 - r.dyaw_deg).apply(p);
        r.scale * turned + Vector3::new(r.dx_m, r.dy_m, 0.0)
    };
    let there = |p: Vector3<f64>| moved.frame.to_enu(found.frame.to_geodetic(p));
    for p in [[0.0, 0.0, 0.0], [900.0, 720.0, 0.0]].map(Vector3::from) {
        // The ground falls away from the level of an origin: by half a metre here, a hundredth of which is felt.
        let apart = there(by(a, p)) - by(b, there(p));
        assert!(apart.xy().norm() < 0.02, "{apart}");
    }
    // How sure it is where the middle of the drive lies is the same in both.
    let sigma = |r: crate::fuse::Register, p: Vector3<f64>| {
        let [xx, _, xw, xs, yy, yw, ys, ww, ws, ss] = r.covariance.expect("moved");
        let turned = Pose::level(Vector3::zeros(), 90.0 - r.dyaw_deg).apply(p);
        let (x_yaw, y_yaw) = (-turned.y.to_radians() * r.scale, turned.x.to_radians() * r.scale);
        let both = |v: f64, vw: f64, vs: f64, w: f64, s: f64| {
            v + w * w * ww + s * s * ss + 2.0 * (w * vw + s * vs + w * s * ws)
        };
        both(xx, xw, xs, x_yaw, turned.x) + both(yy, yw, ys, y_yaw, turned.y)
    };
    let middle = Vector3::new(450.0, 360.0, 0.0);
    let (before, after) = (sigma(a, middle), sigma(b, there(middle)));
    assert!((before - after).abs() < 0.01 * before && before.sqrt() < 1.0, "{before} {after}");
}
