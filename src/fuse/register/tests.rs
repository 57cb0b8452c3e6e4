//! A drive to the right of the middle of its streets, moved.

use nalgebra::Vector2;

use super::fit::{OnLine, Registration, register};

const RIGHT_M: f64 = 1.6;

/// Points every 5 m along streets from corner to corner, less the corners themselves, each moved by what `move_by` says of
/// its path length.
fn drive(
    corners: &[[f64; 2]],
    trajectory_m: f64,
    move_by: impl Fn(f64, Vector2<f64>) -> Vector2<f64>,
) -> (Vec<OnLine>, Vec<Vec<[f64; 2]>>) {
    let lines: Vec<Vec<[f64; 2]>> = corners.windows(2).map(|c| c.to_vec()).collect();
    let (mut points, mut before_m) = (Vec::new(), 0.0);
    for (line, ends) in lines.iter().enumerate() {
        let (a, b) = (Vector2::from(ends[0]), Vector2::from(ends[1]));
        let along = (b - a).normalize();
        let right = Vector2::new(along.y, -along.x);
        for step in 2..((b - a).norm() / 5.0) as usize - 1 {
            let s_m = before_m + 5.0 * step as f64;
            let at = move_by(s_m, a + along * (5.0 * step as f64) + right * RIGHT_M);
            points.push(OnLine { s_m, at: at.into(), trajectory_m, line, right_m: (RIGHT_M, 0.5), line_m: 0.5 });
        }
        before_m += (b - a).norm();
    }
    (points, lines)
}

fn block() -> Vec<[f64; 2]> {
    vec![[0.0, 0.0], [400.0, 30.0], [380.0, 300.0], [-20.0, 280.0], [0.0, 0.0]]
}

fn found((points, lines): &(Vec<OnLine>, Vec<Vec<[f64; 2]>>)) -> Registration {
    register(points, lines).expect("lines")
}

#[test]
fn a_known_move_is_undone_though_the_trajectory_is_sure_of_itself() {
    for trajectory_m in [0.5, 5.0] {
        let moved = drive(&block(), trajectory_m, |_, p| p + Vector2::new(6.0, -5.0));
        let found = found(&moved);
        assert!(found.accepted && found.register.inliers > 0.99 && found.register.residual_m < 0.5, "{found:?}");
        for stretch in &found.stretches {
            let left = Vector2::from(stretch.shift_m) + Vector2::new(6.0, -5.0);
            // An error that may wander is not known along the first street and the last, one of the whole drive is.
            assert!(left.norm() < 3.0 * stretch.sigma_m && (trajectory_m > 1.0 || left.norm() < 1.0), "{stretch:?}");
        }
        let r = found.register;
        assert!((r.dx_m + 6.0).abs() < 2.0 && (r.dy_m - 5.0).abs() < 2.0 && r.dyaw_deg.abs() < 0.5, "{r:?}");
    }
}

#[test]
fn a_drive_that_lies_right_is_left_where_it_is() {
    let found = found(&drive(&block(), 0.5, |_, p| p));
    assert!(!found.accepted, "{found:?}");
    assert!(found.as_it_is.is_some_and(|r| r.dx_m == 0.0 && r.residual_m < 0.01 && r.inliers > 0.99));
}

#[test]
fn an_error_that_wanders_is_followed() {
    // Streets up and down, 8 km; a slow error of 6 m that comes and goes.
    let corners: Vec<[f64; 2]> =
        (0..42).map(|i| [f64::from(i / 2) * 200.0, if (i + 1) / 2 % 2 == 0 { 0.0 } else { 200.0 }]).collect();
    let wander = |s_m: f64| Vector2::new(6.0 * (s_m / 500.0).sin(), 6.0 * (s_m / 400.0).cos());
    let found = found(&drive(&corners, 5.0, |s_m, p| p + wander(s_m)));
    assert!(found.accepted && found.stretches.len() > 100, "{:?}", found.register);
    let left = |s: &super::fit::Stretch| (Vector2::from(s.shift_m) + wander(s.s_m)).norm_squared();
    let square = found.stretches.iter().map(left).sum::<f64>() / found.stretches.len() as f64;
    assert!(square.sqrt() < 2.0, "{}", square.sqrt());
    // No less sure than it is right: that lanes are where they are expected here is luck.
    assert!(found.stretches.iter().all(|s| left(s) < (4.0 * s.sigma_m).powi(2)), "{:?}", found.stretches);
}

#[test]
fn a_straight_road_moves_nothing_along_itself_and_another_lane_nothing_across() {
    let road = [[0.0, 0.0], [5000.0, 0.0]];
    let aside = found(&drive(&road, 3.0, |_, p| p + Vector2::new(0.0, -4.0)));
    assert!(aside.stretches.iter().all(|s| s.shift_m[0].abs() < 0.05 && s.sigma_m > 2.0), "{aside:?}");
    // The next lane but one.
    let lane = found(&drive(&road, 0.6, |_, p| p + Vector2::new(0.0, 3.5)));
    assert!(!lane.accepted, "{lane:?}");
}

#[test]
fn a_stretch_in_a_car_park_does_not_pull_the_rest() {
    let mut moved = drive(&block(), 2.0, |_, p| p + Vector2::new(4.0, 0.0));
    let all = moved.0.len();
    for p in moved.0.iter_mut().take(all / 6) {
        p.at[1] += 25.0;
    }
    let found = found(&moved);
    assert!(found.accepted && found.register.inliers < 0.9, "{found:?}");
    let rest = found.stretches.iter().filter(|s| s.s_m > 450.0);
    assert!(rest.clone().count() > 5);
    for stretch in rest {
        assert!((stretch.shift_m[0] + 4.0).abs() < 1.5, "{stretch:?}");
    }
}

#[test]
fn nothing_is_accepted_where_the_map_does_not_fit() {
    let mut moved = drive(&block(), 3.0, |_, p| p);
    for (i, p) in moved.0.iter_mut().enumerate() {
        p.at[0] += (i * 7919 % 31) as f64 - 15.0;
        p.at[1] += (i * 104_729 % 37) as f64 - 18.0;
    }
    let (points, lines) = moved;
    assert!(register(&points, &lines).is_none_or(|found| !found.accepted));
    assert!(register(&points[..2], &lines).is_none());
    assert!(register(&points, &[]).is_none());
    let mut odd = points;
    odd[3].at[0] = f64::NAN;
    odd[4].s_m = f64::INFINITY;
    assert!(register(&odd, &lines).is_none_or(|found| !found.accepted));
}
