//! [`carried`]: the trajectory of a camera that is carried along places of another one.

use super::draft::STEP_NS;
use super::motion::fill_motion;
use super::segment::LONGEST_GAP_NS;
use super::{FusedPose, State, Track};
use crate::coord::Pose;

/// Slower than this between two stops, m/s, needs no rows between them.
const STANDING_MPS: f64 = 0.05;

/// A place that a camera is carried to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stop {
    /// When, nanoseconds on the reference clock; `None` without a clock.
    pub t_ns: Option<i64>,
    /// Path length, metres.
    pub s_m: f64,
    /// `world_se3_ego` there, in the frame of the base's track.
    pub pose: Pose,
    /// The base's state there: what is known of the place.
    pub base: State,
}

/// The trajectory over `stops`, straight and even from one to the next, in the frame of the track it was found on.
///
/// A row lies at each stop; where all have times, each later than the one before, also at least ten a second between them
/// while it moves, with speeds, accelerations and yaw rates. Otherwise the track is one over path length, which has to
/// ascend. Sigmas, matched ways and where poses come from are those of the base at the place.
pub fn carried(base: &Track, stops: &[Stop]) -> Track {
    let timed = stops.iter().all(|s| s.t_ns.is_some()) && stops.windows(2).all(|w| w[0].t_ns < w[1].t_ns);
    let row = |t_ns: Option<i64>, s_m: f64, pose: Pose, at: &State| {
        let of = &base.rows[at.row];
        FusedPose {
            t_ns: t_ns.filter(|_| timed),
            s_m,
            pose,
            speed_mps: f64::NAN,
            acceleration_mps2: f64::NAN,
            yaw_rate_radps: f64::NAN,
            sigma_xy_m: base.mix(at, |r| r.sigma_xy_m),
            sigma_z_m: base.mix(at, |r| r.sigma_z_m),
            sigma_heading_deg: base.mix(at, |r| r.sigma_heading_deg),
            ..*of
        }
    };
    let mut rows: Vec<FusedPose> = Vec::new();
    for (i, stop) in stops.iter().enumerate() {
        if let (true, Some(before)) = (timed, i.checked_sub(1).map(|k| &stops[k])) {
            let (from, to) = (before.t_ns.unwrap_or_default(), stop.t_ns.unwrap_or_default());
            let span = to.saturating_sub(from);
            let standing = (stop.pose.translation - before.pose.translation).norm() < STANDING_MPS * span as f64 / 1e9
                && before.pose.rotation.angle_to(&stop.pose.rotation) < 1e-6;
            let silent = standing || span > LONGEST_GAP_NS;
            let parts = if silent { 1 } else { span.saturating_add(STEP_NS - 1) / STEP_NS };
            rows.extend((1..parts).map(|k| {
                let t = from + (i128::from(span) * i128::from(k) / i128::from(parts)) as i64;
                let w = (t - from) as f64 / span as f64;
                let at = base.at_time(t).unwrap_or(before.base);
                let s_m = before.s_m * (1.0 - w) + stop.s_m * w;
                row(Some(t), s_m, before.pose.interpolate(&stop.pose, w), &at)
            }));
        }
        rows.push(row(stop.t_ns, stop.s_m, stop.pose, &stop.base));
    }
    let times = stops.iter().filter_map(|s| s.t_ns).filter(|_| timed);
    let mut track = Track {
        timed,
        rows,
        input_t_ns: times.collect(),
        input_s_m: stops.iter().map(|s| s.s_m).collect(),
        frame_s_m: std::collections::BTreeMap::new(),
        ..base.clone()
    };
    if timed {
        fill_motion(&mut track);
    }
    track
}

#[cfg(test)]
mod tests {
    use nalgebra::Vector3;

    use super::*;
    use crate::coord::{EnuFrame, Geodetic};
    use crate::error::Quarantine;
    use crate::fuse::{FuseConfig, fuse};
    use crate::record::{PoseFix, Recording};
    use crate::time::Timestamp;

    const S: i64 = 1_000_000_000;

    /// Eastwards at 4 m/s for 20 s.
    fn base() -> Track {
        let frame = EnuFrame::new(Geodetic::new(127.0, 37.4, 60.0));
        let mut recording = Recording::new("drive", "folder", "CC0-1.0");
        let fix = |k: i64| PoseFix {
            t: Some(Timestamp::from_ns(k * S / 2)),
            place: frame.to_geodetic(Vector3::new(2.0 * k as f64, 0.0, 0.0)),
            rotation: Pose::identity().rotation,
        };
        recording.poses = (0..=40).map(fix).collect();
        fuse(&recording, &FuseConfig::default(), &mut Quarantine::new()).expect("it has poses")
    }

    /// A stop every two seconds, looking north.
    fn stops(base: &Track, count: i64) -> Vec<Stop> {
        let stop = |k: i64| {
            let at = base.at_time(2 * k * S).expect("on the track");
            Stop { t_ns: at.t_ns, s_m: at.s_m, pose: Pose::level(at.pose.translation, 0.0), base: at }
        };
        (0..count).map(stop).collect()
    }

    #[test]
    fn between_stops_it_goes_straight_with_ten_rows_a_second() {
        let base = base();
        let track = carried(&base, &stops(&base, 6));
        assert!(track.timed && track.rows.len() == 101 && track.input_t_ns.len() == 6);
        let at = track.at_time(3 * S + S / 20).expect("on the track");
        assert!((at.pose.translation.x - 12.2).abs() < 1e-6 && (at.s_m - 12.2).abs() < 1e-6, "{at:?}");
        // It moves to its right, not forward.
        assert!(track.mix(&at, |r| r.speed_mps).abs() < 1e-6 && track.mix(&at, |r| r.yaw_rate_radps).abs() < 1e-9);
    }

    #[test]
    fn there_and_back_has_no_clock_and_its_path_grows() {
        let base = base();
        let mut there = stops(&base, 6);
        let turn = there[5].s_m;
        let back: Vec<Stop> = there[..5].iter().rev().map(|s| Stop { s_m: 2.0 * turn - s.s_m, ..*s }).collect();
        there.extend(back);
        let track = carried(&base, &there);
        assert!(!track.timed && track.rows.len() == 11 && track.rows.iter().all(|r| r.t_ns.is_none()));
        assert!((track.length_m() - 80.0).abs() < 1e-6, "{}", track.length_m());
        assert_eq!(track.rows[0].pose, track.rows[10].pose);
        assert!(track.rows.windows(2).all(|w| w[0].s_m < w[1].s_m && w[0].speed_mps.is_nan()));
    }
}
