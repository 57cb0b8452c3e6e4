//! A drive to the right of the middle of its streets, moved.

mod covariance;
mod scale;

use nalgebra::{Vector2, Vector3};

use super::fit::{OnLine, Registration, register};
use super::register_track;
use crate::coord::{EnuFrame, Geodetic, Pose};
use crate::fuse::matching::match_track;
use crate::fuse::{FusedPose, PoseOrigin, Track};
use crate::record::{HeightDatum, Mode, Modes, RoadGraph, RoadGraphBuilder, RoadLine};

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
            points.push(OnLine {
                s_m,
                at: at.into(),
                trajectory_m,
                line: Some(line),
                right_m: (RIGHT_M, 0.5),
                line_m: 0.5,
            });
        }
        before_m += (b - a).norm();
    }
    (points, lines)
}

fn block() -> Vec<[f64; 2]> {
    vec![[0.0, 0.0], [400.0, 30.0], [380.0, 300.0], [-20.0, 280.0], [0.0, 0.0]]
}

fn found((points, lines): &(Vec<OnLine>, Vec<Vec<[f64; 2]>>)) -> Registration {
    register(points, lines, false).expect("lines")
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
    assert!(register(&points, &lines, false).is_none_or(|found| !found.accepted));
    assert!(register(&points[..2], &lines, false).is_none());
    assert!(register(&points, &[], false).is_none());
    let mut odd = points;
    odd[3].at[0] = f64::NAN;
    odd[4].s_m = f64::INFINITY;
    assert!(register(&odd, &lines, false).is_none_or(|found| !found.accepted));
}

fn frame() -> EnuFrame {
    EnuFrame::new(Geodetic::new(127.1, 37.4, 50.0))
}

/// Two-way streets from corner to corner.
fn roads(corners: &[[f64; 2]]) -> RoadGraph {
    let mut builder = RoadGraphBuilder::default();
    // A block ends where it begins.
    let nodes = if corners.first() == corners.last() { corners.len() - 1 } else { corners.len() };
    for (i, ends) in corners.windows(2).enumerate() {
        let place = |p: [f64; 2]| frame().to_geodetic(Vector3::new(p[0], p[1], 0.0));
        builder.lines.push(RoadLine {
            id: i as i64 + 1,
            nodes: [i, i + 1].map(|k| (k % nodes) as i64 + 1).to_vec(),
            points: ends.iter().map(|p| (place(*p).lon_deg, place(*p).lat_deg)).collect(),
            access: [Modes::ALL; 2],
            ..RoadLine::default()
        });
    }
    builder.build().0
}

/// A drive at 10 m/s past corners, `right_m` to the right of the middle of the streets, moved by `off`.
fn track(corners: &[[f64; 2]], right_m: f64, off: [f64; 2], sigma_xy_m: f64) -> Track {
    let (mut rows, mut s_m) = (Vec::new(), 0.0);
    for ends in corners.windows(2) {
        let (a, b) = (Vector2::from(ends[0]), Vector2::from(ends[1]));
        let along = (b - a).normalize();
        let right = Vector2::new(along.y, -along.x);
        for step in 0..(b - a).norm() as u32 {
            let at = a + along * f64::from(step) + right * right_m + Vector2::from(off);
            rows.push(FusedPose {
                t_ns: Some((s_m * 1e8) as i64),
                s_m,
                pose: Pose::level(Vector3::new(at.x, at.y, 0.0), 90.0 - along.y.atan2(along.x).to_degrees()),
                speed_mps: 10.0,
                acceleration_mps2: 0.0,
                yaw_rate_radps: 0.0,
                sigma_xy_m,
                sigma_z_m: 1.0,
                sigma_heading_deg: 0.5,
                origin: PoseOrigin::Estimated,
                way: None,
                way_offset_m: f64::NAN,
                match_probability: f64::NAN,
            });
            s_m += 1.0;
        }
    }
    Track {
        frame: frame(),
        height_datum: HeightDatum::Ellipsoidal,
        timed: true,
        rows,
        ways: Vec::new(),
        clock: Vec::new(),
        register: None,
        stretches: Vec::new(),
        input_t_ns: Vec::new(),
        input_s_m: Vec::new(),
        frame_s_m: Default::default(),
    }
}

fn laid(track: Track, graph: &RoadGraph) -> Track {
    laid_with(track, graph, false)
}

fn laid_with(mut track: Track, graph: &RoadGraph, scale: bool) -> Track {
    let matched = match_track(&mut track, graph, Mode::Car);
    register_track(&mut track, graph, Mode::Car, &matched, scale);
    track
}

/// Where rows are beside where they were driven, metres.
fn errors(track: &Track, true_rows: &Track) -> Vec<f64> {
    let off = |(a, b): (&FusedPose, &FusedPose)| (a.pose.translation - b.pose.translation).xy().norm();
    track.rows.iter().zip(&true_rows.rows).map(off).collect()
}

fn rms(errors: &[f64]) -> f64 {
    (errors.iter().map(|e| e * e).sum::<f64>() / errors.len() as f64).sqrt()
}

#[test]
fn roads_of_a_stretch_in_which_a_drive_is_lost_are_guesses() {
    let (graph, mut lost) = (roads(&block()), track(&block(), 2.5, [0.0; 2], 3.0));
    for row in &mut lost.rows[200..400] {
        row.sigma_xy_m = 12.0;
    }
    let matched = match_track(&mut lost, &graph, Mode::Car);
    let (points, _) = super::on_lines(&lost, &graph, Mode::Car, &matched, 15.0);
    let (inside, outside): (Vec<OnLine>, Vec<OnLine>) =
        points.iter().copied().partition(|point: &OnLine| point.trajectory_m > 9.0);
    assert!(!inside.is_empty() && inside.iter().all(|point| point.line.is_none()));
    assert!(outside.iter().filter(|point| point.line.is_some()).count() > 50);
}

#[test]
fn a_track_is_laid_onto_the_roads_and_fades_off_them() {
    let (block, graph) = (block(), roads(&block()));
    // On from the last corner, where no map is.
    let on: Vec<[f64; 2]> = block.iter().copied().chain([[-1500.0, -600.0]]).collect();
    let (right, off) = (track(&on, 2.5, [0.0; 2], 5.0), track(&on, 2.5, [6.0, -5.0], 5.0));
    let headings: Vec<f64> = off.rows.iter().map(|r| r.pose.yaw_rad()).collect();
    let found = laid(off, &graph);
    assert!(found.register.is_some_and(|r| r.residual_m < 0.5) && found.stretches.len() > 20, "{:?}", found.register);
    let off = errors(&found, &right);
    assert!(rms(&off[500..1200]) < 2.0, "{}", rms(&off[500..1200]));
    // What a receiver is off by fades, and with it what is known of it.
    let (last, sigma) = (off[off.len() - 1], found.rows[found.rows.len() - 1].sigma_xy_m);
    assert!((last - 61.0_f64.sqrt()).abs() < 0.5 && (sigma - 5.0).abs() < 0.2, "{last} {sigma}");
    assert!(found.rows[1000].sigma_xy_m < 3.5, "{}", found.rows[1000].sigma_xy_m);
    assert!(found.stretches.last().is_some_and(|s| s.residual_m.is_none()));
    let (on, beside) = (found.registered(1000.0), found.registered(2500.0));
    assert!(on.residual_m.is_some() && on.inliers == Some(1.0), "{on:?}");
    assert!(beside.residual_m.is_none() && beside.inliers.is_none(), "{beside:?}");
    let [xx, _, yy] = on.covariance_m2.expect("moved");
    assert!((0.5 * (xx + yy)).sqrt() < 3.5, "{on:?}");
    assert!(found.rows.iter().zip(headings).all(|(r, heading)| (r.pose.yaw_rad() - heading).abs() < 1e-12));
}

#[test]
fn who_drives_on_the_left_and_given_poses_stay_where_they_are() {
    let graph = roads(&block());
    let left = laid(track(&block(), -2.5, [0.0; 2], 0.6), &graph);
    assert!(left.stretches.is_empty() && left.register.is_some_and(|r| r.residual_m < 0.2), "{:?}", left.register);
    let mut given = track(&block(), 2.5, [2.0, 2.0], 5.0);
    given.rows.iter_mut().for_each(|row| row.origin = PoseOrigin::Source);
    let before = given.rows.clone();
    let given = laid(given, &graph);
    assert!(given.rows.iter().zip(&before).all(|(a, b)| a.pose == b.pose && a.sigma_xy_m == b.sigma_xy_m));
    assert!(given.stretches.is_empty() && given.register.is_some_and(|r| r.dx_m == 0.0));
}

#[test]
fn who_may_be_on_foot_is_not_put_onto_a_lane() {
    let graph = roads(&block());
    // On the pavement to the left, by a phone that is off by 5 m.
    let pavement = |speed_mps: f64| {
        let mut track = track(&block(), -5.0, [0.0; 2], 5.0);
        track.rows.iter_mut().for_each(|row| row.speed_mps = speed_mps);
        track
    };
    let off = |speed_mps: f64| rms(&errors(&laid(pavement(speed_mps), &graph), &pavement(speed_mps)));
    assert!(off(1.4) < 3.0 && off(f64::NAN) < 3.0, "{} {}", off(1.4), off(f64::NAN));
}

#[test]
fn a_correction_goes_along_to_another_origin() {
    let graph = roads(&block());
    let off = track(&block(), 2.5, [6.0, -5.0], 5.0);
    let found = laid(off, &graph);
    let moved = found.clone().moved_to(Geodetic::new(127.13, 37.42, 30.0));
    let (a, b) = (found.register.expect("registered"), moved.register.expect("registered"));
    let by = |r: crate::fuse::Register, p: Vector3<f64>| {
        Pose::level(Vector3::new(r.dx_m, r.dy_m, 0.0), 90.0 - r.dyaw_deg).apply(p)
    };
    for p in [[0.0, 0.0, 0.0], [400.0, 30.0, 0.0], [-20.0, 280.0, 0.0]].map(Vector3::from) {
        let there = |p: Vector3<f64>| moved.frame.to_enu(found.frame.to_geodetic(p));
        let apart = there(by(a, p)) - by(b, there(p));
        assert!(apart.xy().norm() < 0.01, "{apart}");
    }
}
