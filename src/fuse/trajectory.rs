//! [`fuse`]: one segment of a recording becomes one trajectory.

use nalgebra::Vector3;

use crate::coord::EnuFrame;
use crate::error::{ErrorKind, Quarantine, Result};
use crate::record::Recording;

use super::draft::{Draft, DraftRow, SOURCE_JITTER_M, steps};
use super::given::given;
use super::inertial::{self, SolvedRow};
use super::positions::{Position, PositionSource, positions};
use super::segment::fewest;
use super::smoother::{ACCELERATION_PSD_XY, ACCELERATION_PSD_Z, AxisState, between, smooth_axis, variance_between};
use super::{ClockChoice, FuseConfig, PoseChoice, PoseOrigin, Track};

/// In gaps longer than this, seconds, the ego is taken to move straight and evenly: a spline would swing.
const SPLINE_S: f64 = 2.5;
/// Bounds of the jitter of estimated positions, metres.
const JITTER_M: (f64, f64) = (0.1, 3.0);

/// Fuses one segment (see [`super::segments`]) into its ego trajectory.
///
/// Poses that the source gives are kept (`pose = "auto"` or `"source"`). Else positions come from GNSS, else from the
/// geotags of pictures. GNSS with an IMU, or at least every 2.5 s, goes through the smoother of `inertial`, which also
/// finds the clocks of IMU and wheels; sparse fixes and geotags with times are
/// smoothed at constant velocity, with the heading that of the path over at least 2 m. A row lies at each position and at
/// least ten a second between. Without times positions are taken as they are, in the order given, and the track is one
/// over distance. A track that never moves takes its heading from the compass of its pictures, where they have one.
///
/// `sigma_xy_m` knows that errors of neighbouring fixes are alike and do not average out; between distant fixes it grows.
/// Refused positions and readings (off the globe, repeated, jumping, not finite) go to `quarantine`, and so does what was
/// put right (units, mounts). Offsets of clocks are estimated, or trusted to be 0 if the config says so.
///
/// # Errors
///
/// [`ErrorKind::Config`] where the config asks for the source's poses and there are none: the build cannot go on.
/// [`ErrorKind::Malformed`] where the segment has fewer than two positions, or none where only its photos place it: it is
/// for the caller to quarantine.
pub fn fuse(recording: &Recording, config: &FuseConfig, quarantine: &mut Quarantine) -> Result<Track> {
    if config.pose == PoseChoice::Source && recording.poses.is_empty() {
        let reason = format!("`fuse.pose` is \"source\", but recording `{}` gives no poses", recording.name);
        return Err(ErrorKind::Config(reason).bare().with_hint("use \"auto\" or \"estimate\""));
    }
    let draft = match config.pose {
        PoseChoice::Estimate => None,
        PoseChoice::Auto | PoseChoice::Source => given(recording, config, quarantine),
    };
    let draft = match draft {
        Some(draft) => Some(draft),
        None if config.pose == PoseChoice::Source => None,
        None => estimated(recording, config, quarantine),
    };
    let Some(draft) = draft else {
        let why = match fewest(recording) {
            1 => "a segment without positions",
            _ => "a segment with fewer than two positions",
        };
        return Err(ErrorKind::malformed("recording", why).in_file(&recording.name));
    };
    Ok(draft.track(recording, config))
}

/// A trajectory from positions alone, or `None` where fewer than two are usable (none where only photos place it).
fn estimated(recording: &Recording, config: &FuseConfig, quarantine: &mut Quarantine) -> Option<Draft> {
    let (source, fixes) = positions(recording, quarantine);
    if fixes.len() < fewest(recording) {
        return None;
    }
    let frame = EnuFrame::new(recording.origin.unwrap_or(fixes[0].place));
    let points: Vec<Vector3<f64>> = fixes.iter().map(|f| frame.to_enu(f.place)).collect();
    let trust = config.clock == ClockChoice::Trust;
    let solution = (source == PositionSource::Gnss && fixes[0].t_ns.is_some())
        .then(|| inertial::drive(recording, &frame, inertial::fixes(recording, &fixes, &points), trust, quarantine))
        .flatten()
        .and_then(|drive| inertial::solve(&drive));
    let mut found = Vec::new();
    let rows = match (fixes[0].t_ns, &solution) {
        (_, Some(solution)) => {
            let clocks = [("imu", solution.imu_clock), ("wheel", solution.wheel_clock)];
            found.extend(clocks.into_iter().filter_map(|(sensor, clock)| Some((sensor, clock?))));
            solution.rows.iter().map(|row| of_ego(row, &fixes)).collect()
        }
        (Some(start), None) if fixes.len() > 1 => smoothed(&fixes, &points, start),
        (_, None) => fixes.iter().zip(&points).map(|(fix, at)| at_fix(fix, *at)).collect(),
    };
    let mut references = match source {
        PositionSource::Gnss => vec!["gnss".to_string()],
        PositionSource::Geotags => fixes.iter().map(|f| recording.frames[f.index].channel.clone()).collect(),
    };
    references.sort_unstable();
    references.dedup();
    let from_frames = source == PositionSource::Geotags;
    Some(Draft { frame, rows, origin: PoseOrigin::Estimated, references, from_frames, found })
}

/// A row of the inertial smoother.
fn of_ego(row: &SolvedRow, fixes: &[Position]) -> DraftRow {
    DraftRow {
        t_ns: Some(row.t_ns),
        at: row.at,
        rotation: Some(row.rotation),
        sigma_xy_m: row.sigma_xy_m,
        sigma_z_m: row.sigma_z_m,
        jitter_m: SOURCE_JITTER_M,
        sigma_course_rad: row.sigma_heading_rad,
        motion: Some([row.speed_mps, row.acceleration_mps2, row.yaw_rate_radps]),
        input: row.fix.map(|i| fixes[i].index),
    }
}

fn at_fix(fix: &Position, at: Vector3<f64>) -> DraftRow {
    DraftRow {
        t_ns: fix.t_ns,
        at,
        rotation: None,
        sigma_xy_m: fix.sigma_xy_m,
        sigma_z_m: fix.sigma_z_m,
        jitter_m: fix.sigma_xy_m.clamp(JITTER_M.0, JITTER_M.1),
        sigma_course_rad: f64::NAN,
        motion: None,
        input: Some(fix.index),
    }
}

/// Rows of positions with times: smoothed, and filled to ten a second where they move.
fn smoothed(fixes: &[Position], points: &[Vector3<f64>], start_ns: i64) -> Vec<DraftRow> {
    let t: Vec<f64> = fixes.iter().map(|f| (f.t_ns.unwrap_or(start_ns) - start_ns) as f64 / 1e9).collect();
    let sigma: [Vec<f64>; 2] =
        [fixes.iter().map(|f| f.sigma_xy_m).collect(), fixes.iter().map(|f| f.sigma_z_m).collect()];
    let axis = |k: usize| {
        let z: Vec<f64> = points.iter().map(|p| p[k]).collect();
        let (sigma, psd) = if k < 2 { (&sigma[0], ACCELERATION_PSD_XY) } else { (&sigma[1], ACCELERATION_PSD_Z) };
        smooth_axis(&t, &z, sigma, psd)
    };
    let axes = [axis(0), axis(1), axis(2)];
    let mut rows: Vec<DraftRow> = Vec::new();
    for (i, fix) in fixes.iter().enumerate() {
        let at = Vector3::new(axes[0][i].p, axes[1][i].p, axes[2][i].p);
        let mut row = at_fix(fix, at);
        row.sigma_xy_m = row.sigma_xy_m.max(axes[0][i].pp.max(axes[1][i].pp).sqrt());
        row.sigma_z_m = row.sigma_z_m.max(axes[2][i].pp.sqrt());
        row.sigma_course_rad = sigma_course(&axes[0][i], &axes[1][i]);
        if let Some(before) = rows.last().copied() {
            let dt = t[i] - t[i - 1];
            for (t_ns, w) in steps(&before, &row) {
                let of = |k: usize| {
                    let (a, b) = (&axes[k][i - 1], &axes[k][i]);
                    if dt <= SPLINE_S { between(a, b, dt, w) } else { a.p * (1.0 - w) + b.p * w }
                };
                let grown = |a: f64, b: f64, psd: f64| {
                    let mixed = a * (1.0 - w) + b * w;
                    (mixed * mixed + variance_between(dt, w, psd)).sqrt()
                };
                rows.push(DraftRow {
                    t_ns,
                    at: Vector3::new(of(0), of(1), of(2)),
                    sigma_xy_m: grown(before.sigma_xy_m, row.sigma_xy_m, ACCELERATION_PSD_XY),
                    sigma_z_m: grown(before.sigma_z_m, row.sigma_z_m, ACCELERATION_PSD_Z),
                    sigma_course_rad: before.sigma_course_rad.max(row.sigma_course_rad),
                    input: None,
                    ..row
                });
            }
        }
        rows.push(row);
    }
    rows
}

/// One sigma of the direction of the velocity, radians; infinite where it is not known at all.
fn sigma_course(x: &AxisState, y: &AxisState) -> f64 {
    let speed = libm::hypot(x.v, y.v);
    if speed > 0.0 { (x.vv.max(y.vv)).sqrt() / speed } else { f64::INFINITY }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::coord::{Geodetic, Pose};
    use crate::fuse::draft::STEP_NS;
    use crate::fuse::{FusedPose, segments};
    use crate::record::{GnssFix, PoseFix};
    use crate::time::Timestamp;

    const S: i64 = 1_000_000_000;

    fn fix(t_ns: Option<i64>, east_m: f64, north_m: f64) -> GnssFix {
        let place = Geodetic::new(127.0 + east_m / 88_996.0, 37.0 + north_m / 110_985.0, 0.0);
        GnssFix { sigma_xy_m: Some(0.5), ..GnssFix::at(t_ns.map(Timestamp::from_ns), place, 0) }
    }

    fn drive(fixes: Vec<GnssFix>) -> Recording {
        Recording { gnss: fixes, ..Recording::new("drive", "folder", "CC0-1.0") }
    }

    fn fused(recording: &Recording) -> (Track, Quarantine) {
        let mut quarantine = Quarantine::new();
        let track = fuse(recording, &FuseConfig::default(), &mut quarantine).expect("two positions");
        (track, quarantine)
    }

    /// Drives east at 10 m/s for 20 s, stands for 20 s with a jittering receiver, drives on.
    fn stop_and_go() -> Recording {
        let east = |t: f64| 10.0 * t.min(20.0) + 10.0 * (t - 40.0).max(0.0);
        let jitter = |i: i64| ((i * 7919 % 13) as f64 - 6.0) / 15.0;
        drive((0..=300).map(|i| fix(Some(i * S / 5), east(i as f64 / 5.0) + jitter(i), jitter(i + 5))).collect())
    }

    #[test]
    fn heading_speed_and_path_length_hold_at_a_stop() {
        let (track, quarantine) = fused(&stop_and_go());
        assert!(quarantine.is_empty());
        let at = |s: f64| track.at_time((s * 1e9) as i64).expect("on the track");
        assert!((track.length_m() - 400.0).abs() < 5.0, "{}", track.length_m());
        assert!(at(39.0).s_m - at(22.0).s_m < 0.6, "{} {}", at(22.0).s_m, at(39.0).s_m);
        for s in [5.0, 15.0, 25.0, 30.0, 38.0, 50.0] {
            let heading = track.heading_deg(&at(s).pose);
            assert!((heading - 90.0).abs() < 8.0, "{heading} at {s}");
        }
        assert!((track.mix(&at(10.0), |r| r.speed_mps) - 10.0).abs() < 0.5);
        assert!(track.mix(&at(30.0), |r| r.speed_mps).abs() < 0.5);
    }

    #[test]
    fn rows_of_a_moving_ego_are_a_tenth_of_a_second_apart() {
        let (track, _) = fused(&drive((0..=10).map(|i| fix(Some(i * S), 10.0 * i as f64, 0.0)).collect()));
        let times: Vec<i64> = track.rows.iter().filter_map(|r| r.t_ns).collect();
        assert_eq!(times.len(), 101);
        assert!(times.windows(2).all(|w| w[1] - w[0] == STEP_NS));
        assert_eq!(track.input_t_ns.len(), 11);
    }

    #[test]
    fn a_left_turn_has_a_positive_yaw_rate() {
        let circle = |i: i64| {
            let (sin, cos) = libm::sincos(i as f64 / 50.0);
            fix(Some(i * S / 10), 50.0 * sin, 50.0 - 50.0 * cos)
        };
        let (track, _) = fused(&drive((0..300).map(circle).collect()));
        let row = track.at_time(15 * S).expect("on the track");
        let (speed, yaw_rate) = (track.mix(&row, |r| r.speed_mps), track.mix(&row, |r| r.yaw_rate_radps));
        assert!((speed - 10.0).abs() < 0.2 && (yaw_rate - 0.2).abs() < 0.01, "{speed} {yaw_rate}");
    }

    #[test]
    fn jumps_repeats_and_zeros_are_refused_and_the_rest_is_fused() {
        let mut fixes: Vec<GnssFix> = (0..20).map(|i| fix(Some(i * S), 10.0 * i as f64, 0.0)).collect();
        fixes[0] = fix(Some(0), 5000.0, 0.0);
        fixes[7] = fix(Some(7 * S), 70.0, 90_000.0);
        fixes[9].t = fixes[8].t;
        fixes[12].place = Geodetic::new(0.0, 0.0, 0.0);
        fixes[13].place.lat_deg = f64::NAN;
        fixes[14].t = None;
        let (track, quarantine) = fused(&drive(fixes));
        assert_eq!((track.input_t_ns.len(), quarantine.total()), (14, 6));
        assert!(track.rows.iter().all(|r| r.pose.translation.norm() < 300.0));
    }

    #[test]
    fn given_poses_are_kept_and_a_config_that_wants_them_fails_without() {
        let mut recording = stop_and_go();
        let config = FuseConfig { pose: PoseChoice::Source, ..FuseConfig::default() };
        let error = fuse(&recording, &config, &mut Quarantine::new()).expect_err("no poses");
        assert!(matches!(error.kind(), ErrorKind::Config(_)));
        let rotation = Pose::level(Vector3::zeros(), 30.0).rotation;
        recording.poses = recording.gnss.iter().map(|f| PoseFix { t: f.t, place: f.place, rotation }).collect();
        let track = fuse(&recording, &config, &mut Quarantine::new()).expect("poses");
        let first = &track.rows[0];
        assert_eq!((first.origin, track.clock[0].sensor.as_str()), (PoseOrigin::Source, "poses"));
        assert!((track.heading_deg(&first.pose) - 30.0).abs() < 1e-9 && first.sigma_xy_m.is_nan());
    }

    #[test]
    fn clocks_are_the_reference_unknown_or_trusted() {
        let mut recording = stop_and_go();
        recording.wheel =
            vec![crate::record::WheelReading { t: Timestamp::from_ns(0), speed_mps: 1.0, steering_rad: None }];
        let said = |clock| {
            let config = FuseConfig { clock, ..FuseConfig::default() };
            let track = fuse(&recording, &config, &mut Quarantine::new()).expect("fuses");
            track.clock.into_iter().map(|c| (c.sensor, c.method, c.offset_ms, c.applied)).collect::<Vec<_>>()
        };
        let row = |s: &str, m: Option<&str>, o, a| (s.to_string(), m.map(str::to_string), o, a);
        let gnss = row("gnss", Some("reference"), Some(0.0), true);
        assert_eq!(said(ClockChoice::Estimate), [gnss.clone(), row("wheel", None, None, false)]);
        assert_eq!(said(ClockChoice::Trust), [gnss, row("wheel", Some("trusted"), Some(0.0), true)]);
    }

    #[test]
    fn fewer_than_two_positions_are_an_error_for_the_caller_to_quarantine() {
        for fixes in [Vec::new(), vec![fix(Some(0), 0.0, 0.0)]] {
            let error = fuse(&drive(fixes), &FuseConfig::default(), &mut Quarantine::new()).expect_err("no path");
            assert!(matches!(error.kind(), ErrorKind::Malformed { .. }));
        }
    }

    proptest! {
        #[test]
        fn any_times_and_places_give_finite_poses_in_order(
            fixes in prop::collection::vec((prop::option::weighted(0.9, any::<i64>()), -1e5..1e5f64, -1e5..1e5f64), 0..40),
            near in any::<bool>(),
        ) {
            let fixes = fixes.into_iter().map(|(t, e, n)| match near {
                true => fix(t.map(|t| t % (100 * S)), e / 1e3, n / 1e3),
                false => fix(t, e, n),
            });
            for segment in segments(drive(fixes.collect())) {
                let Ok(track) = fuse(&segment, &FuseConfig::default(), &mut Quarantine::new()) else { continue };
                prop_assert!(track.rows.windows(2).all(|w| w[0].s_m <= w[1].s_m && (!track.timed || w[0].t_ns < w[1].t_ns)));
                let finite = |r: &FusedPose| r.pose.translation.iter().chain(r.pose.rotation.coords.iter()).all(|v| v.is_finite());
                prop_assert!(track.rows.iter().all(finite));
            }
        }
    }
}
