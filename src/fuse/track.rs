//! [`Track`]: the fused ego trajectory of one segment, and how it is read between its rows.

use std::collections::BTreeMap;

use nalgebra::{Matrix2, Matrix4, Vector3};

use crate::coord::{EnuFrame, Geodetic, Pose};
use crate::record::{FrameRecord, HeightDatum};

use super::register::{Stretch, stretch_at};
use super::segment::LONGEST_GAP_NS;

/// Where a pose comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PoseOrigin {
    /// Given by the source.
    Source,
    /// Estimated from GNSS, IMU, wheels or photo positions.
    Estimated,
}

impl PoseOrigin {
    /// The name in tables: `source`, `estimated`.
    pub fn name(self) -> &'static str {
        match self {
            PoseOrigin::Source => "source",
            PoseOrigin::Estimated => "estimated",
        }
    }
}

/// One row of the fused trajectory: `world_se3_ego` in the recording's ENU, with its motion and its error bars.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FusedPose {
    /// Nanoseconds on the reference clock; `None` without a clock.
    pub t_ns: Option<i64>,
    /// Path length from the recording's start, metres; does not grow at standstill.
    pub s_m: f64,
    /// `world_se3_ego`.
    pub pose: Pose,
    /// Forward speed, m/s; NaN without a clock.
    pub speed_mps: f64,
    /// Forward acceleration, m/s²; NaN without a clock.
    pub acceleration_mps2: f64,
    /// Yaw rate, rad/s, left positive; NaN without a clock.
    pub yaw_rate_radps: f64,
    /// One sigma per horizontal axis, metres; NaN where unknown.
    pub sigma_xy_m: f64,
    /// One sigma of the height, metres; NaN where unknown.
    pub sigma_z_m: f64,
    /// One sigma of the heading, degrees; NaN where unknown.
    pub sigma_heading_deg: f64,
    /// Given or estimated.
    pub origin: PoseOrigin,
    /// Matched way, e.g. `way/123`, as an index into [`Track::ways`]; `None` where unmatched.
    pub way: Option<u32>,
    /// Offset along the matched way, metres.
    pub way_offset_m: f64,
    /// Probability of the match; NaN where unmatched.
    pub match_probability: f64,
}

/// What was found out about a sensor's clock.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct ClockOffset {
    /// `gnss`, `imu`, `wheel` or a channel.
    pub sensor: String,
    /// To be added to the sensor's timestamps, milliseconds; `None` where unknown.
    pub offset_ms: Option<f64>,
    /// One sigma, milliseconds.
    pub sigma_ms: Option<f64>,
    /// Drift, parts per million.
    pub drift_ppm: Option<f64>,
    /// How it was found, e.g. `reference`, `trusted`, `gyro-course`, `image_motion`; `None` where it was not.
    pub method: Option<String>,
    /// Whether frames and readings were shifted by it.
    pub applied: bool,
}

/// Correction of a drive to the map, `p' = scale R(dyaw) p + (dx, dy)` in the recording's ENU.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Register {
    /// East, metres.
    pub dx_m: f64,
    /// North, metres.
    pub dy_m: f64,
    /// About up, degrees, left positive.
    pub dyaw_deg: f64,
    /// How many times larger it is then; 1 where that was not looked for, or the roads do not tell.
    pub scale: f64,
    /// One sigma of the scale by what the roads tell; `None` where it was not looked for.
    pub scale_sigma: Option<f64>,
    /// Residual after it, metres.
    pub residual_m: f64,
    /// Share of inliers.
    pub inliers: f64,
    /// Covariance of `(dx_m, dy_m, dyaw_deg, scale)`, the upper triangle row by row, in metres and degrees; `None` where the
    /// drive was left as it is. Zeros of a scale that was not looked for, or not found.
    pub covariance: Option<[f64; 10]>,
}

/// How a place of a track lies on the map.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Registered {
    /// Residual of the correction, metres; `None` where it was not registered, and off the roads.
    pub residual_m: Option<f64>,
    /// Share of inliers; `None` where the residual is.
    pub inliers: Option<f64>,
    /// Covariance after the correction, m², ENU: east·east, east·north, north·north; `None` where nothing was moved.
    pub covariance_m2: Option<[f64; 3]>,
}

/// After a pause of the positions of over 60 s, the way between two rows is not known where they are farther apart than
/// this, metres.
const UNKNOWN_M: f64 = 100.0;

/// The fused trajectory of a segment: rows by time (by distance without a clock), at least one.
///
/// Where photos alone say where it was, neighbouring rows may be over 60 s apart. Nobody knows where the ego was in such a
/// pause, nor on which way it went where it went over 100 m.
#[derive(Debug, Clone)]
pub struct Track {
    /// The ENU frame that all poses are in.
    pub frame: EnuFrame,
    /// What heights are measured from.
    pub height_datum: HeightDatum,
    /// Whether rows have times.
    pub timed: bool,
    /// The rows, ordered.
    pub rows: Vec<FusedPose>,
    /// Matched ways that rows point into.
    pub ways: Vec<String>,
    /// Clocks of the sensors, the reference first.
    pub clock: Vec<ClockOffset>,
    /// Correction to the map, where one was applied.
    pub register: Option<Register>,
    /// What its stretches were moved by; empty where it was left as it is.
    pub stretches: Vec<Stretch>,
    /// Times of the inputs that positions come from, ascending; empty without a clock. Gaps between neighbours are
    /// what `interpolation_gap_ms` states.
    pub input_t_ns: Vec<i64>,
    /// Places of the inputs along the path, ascending: the same for a track without a clock.
    pub input_s_m: Vec<f64>,
    /// Without a clock, and where pictures gave the positions: path length of a frame by its stem, metres.
    pub frame_s_m: BTreeMap<String, f64>,
}

/// The state of the ego between rows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct State {
    /// The row at or before.
    pub row: usize,
    /// Share of the way to the next row.
    pub weight: f64,
    /// Path length, metres.
    pub s_m: f64,
    /// Time where there is a clock.
    pub t_ns: Option<i64>,
    /// `world_se3_ego`.
    pub pose: Pose,
}

impl Track {
    /// How the stretch around a path length lies on the map where it was corrected, else how all does.
    pub fn registered(&self, s_m: f64) -> Registered {
        if self.stretches.is_empty() {
            let all = self.register.map(|r| (r.residual_m, r.inliers)).unzip();
            return Registered { residual_m: all.0, inliers: all.1, covariance_m2: None };
        }
        stretch_at(&self.stretches, s_m).map_or(Registered::default(), |stretch| Registered {
            residual_m: stretch.residual_m,
            inliers: stretch.inliers,
            covariance_m2: Some(stretch.covariance_m2),
        })
    }

    /// The ego at a time; `None` outside the track, in a pause of over 60 s, or without a clock. Never extrapolates.
    pub fn at_time(&self, t_ns: i64) -> Option<State> {
        let time = |r: &FusedPose| r.t_ns.unwrap_or(i64::MIN);
        if !self.timed || t_ns < time(self.rows.first()?) || t_ns > time(self.rows.last()?) {
            return None;
        }
        let after = self.rows.partition_point(|r| time(r) <= t_ns);
        let (i, j) = neighbours(after, self.rows.len());
        let (a, b) = (&self.rows[i], &self.rows[j]);
        let span = time(b) - time(a);
        let weight = if span > 0 { (t_ns - time(a)) as f64 / span as f64 } else { 0.0 };
        if paused(a, b) && weight > 0.0 && weight < 1.0 {
            return None;
        }
        Some(self.state(i, j, weight, Some(t_ns), a.s_m * (1.0 - weight) + b.s_m * weight))
    }

    /// The ego at a path length; `None` outside the track, and on a way of over 100 m in a pause of over 60 s. Of several
    /// rows at one place (a stop), the last counts.
    pub fn at_distance(&self, s_m: f64) -> Option<State> {
        if !(s_m >= self.rows.first()?.s_m && s_m <= self.rows.last()?.s_m) {
            return None;
        }
        let after = self.rows.partition_point(|r| r.s_m <= s_m);
        let (i, j) = neighbours(after, self.rows.len());
        let (a, b) = (&self.rows[i], &self.rows[j]);
        let span = b.s_m - a.s_m;
        let weight = if span > 0.0 { (s_m - a.s_m) / span } else { 0.0 };
        if way_unknown(a, b) && weight > 0.0 && weight < 1.0 {
            return None;
        }
        let t_ns = match (a.t_ns, b.t_ns) {
            (Some(ta), Some(tb)) if self.timed => Some(ta + libm::round((tb - ta) as f64 * weight) as i64),
            _ => None,
        };
        Some(self.state(i, j, weight, t_ns, s_m))
    }

    /// Whether the ego is known all the way between two of its states: at all times, or at all path lengths.
    pub fn is_unbroken(&self, first: &State, last: &State, by_time: bool) -> bool {
        // The last row of a track is the state behind all of its last step.
        let start = if first.weight < 1.0 { first.row } else { first.row + 1 };
        let end = if last.weight > 0.0 { last.row + 1 } else { last.row };
        let broken = if by_time { paused } else { way_unknown };
        !self.rows.get(start..=end).unwrap_or_default().windows(2).any(|w| broken(&w[0], &w[1]))
    }

    /// A number of the rows, linear between the two around `state`; NaN where one of those that count is.
    pub fn mix(&self, state: &State, value: impl Fn(&FusedPose) -> f64) -> f64 {
        let a = value(&self.rows[state.row]);
        match self.rows.get(state.row + 1) {
            Some(next) if state.weight > 0.0 => a * (1.0 - state.weight) + value(next) * state.weight,
            _ => a,
        }
    }

    /// What was added to a sensor's timestamps, nanoseconds: its offset where one was applied, else 0.
    pub fn clock_offset_ns(&self, sensor: &str) -> i64 {
        let applied = self.clock.iter().find(|c| c.sensor == sensor && c.applied);
        applied.and_then(|c| c.offset_ms).map_or(0, |ms| libm::round(ms * 1e6) as i64)
    }

    /// The time of a frame on the reference clock, nanoseconds.
    pub fn frame_t_ns(&self, frame: &FrameRecord) -> Option<i64> {
        Some(frame.t?.ns().saturating_add(self.clock_offset_ns(&frame.channel)))
    }

    /// The ego when a frame was taken: by its time, on a track without a clock by its stem; `None` outside the track.
    pub fn at_frame(&self, frame: &FrameRecord) -> Option<State> {
        match self.timed {
            true => self.at_time(self.frame_t_ns(frame)?),
            false => self.at_distance(*self.frame_s_m.get(&frame.stem)?),
        }
    }

    /// The place of a pose of this track.
    pub fn place(&self, pose: &Pose) -> Geodetic {
        self.frame.to_geodetic(pose.translation)
    }

    /// Heading of a pose of this track, degrees clockwise from true north at its place.
    pub fn heading_deg(&self, pose: &Pose) -> f64 {
        self.frame.heading_at(self.place(pose), pose.forward())
    }

    /// The same trajectory in the ENU frame of another origin.
    pub fn moved_to(mut self, origin: Geodetic) -> Track {
        let frame = EnuFrame::new(origin);
        let shift = frame.to_enu(self.frame.origin());
        let new_se3_old = Pose::from_rotation_matrix(&frame.rotation_from(&self.frame), shift);
        let level = frame.rotation_from(&self.frame).fixed_view::<2, 2>(0, 0).into_owned();
        for row in &mut self.rows {
            row.pose = new_se3_old * row.pose;
        }
        for stretch in &mut self.stretches {
            let [x, y] = stretch.shift_m;
            let turned = new_se3_old.rotation * Vector3::new(x, y, 0.0);
            stretch.shift_m = [turned.x, turned.y];
            let [xx, xy, yy] = stretch.covariance_m2;
            let turned = level * Matrix2::new(xx, xy, xy, yy) * level.transpose();
            stretch.covariance_m2 = [turned.m11, turned.m12, turned.m22];
        }
        if let Some(register) = &mut self.register {
            // Of p' = A p + d in the old frame, M and t from that to this one: p' = A p + M d + t - A t here.
            let turn = Pose::level(Vector3::zeros(), 90.0 - register.dyaw_deg);
            let turned = turn.apply(shift);
            let d = new_se3_old.apply(Vector3::new(register.dx_m, register.dy_m, 0.0)) - register.scale * turned;
            (register.dx_m, register.dy_m) = (d.x, d.y);
            // A t changes with turn and scale.
            let mut jacobian = Matrix4::identity();
            jacobian.fixed_view_mut::<2, 2>(0, 0).copy_from(&level);
            let a_degree = register.scale * 1.0_f64.to_radians();
            (jacobian.m13, jacobian.m23) = (a_degree * turned.y, -a_degree * turned.x);
            (jacobian.m14, jacobian.m24) = (-turned.x, -turned.y);
            register.covariance = register.covariance.map(|[xx, xy, xw, xs, yy, yw, ys, ww, ws, ss]| {
                let of = Matrix4::new(xx, xy, xw, xs, xy, yy, yw, ys, xw, yw, ww, ws, xs, ys, ws, ss);
                let c = jacobian * of * jacobian.transpose();
                [c.m11, c.m12, c.m13, c.m14, c.m22, c.m23, c.m24, c.m33, c.m34, c.m44]
            });
        }
        self.frame = frame;
        self
    }

    /// Path length of the whole track, metres.
    pub fn length_m(&self) -> f64 {
        self.rows.last().map_or(0.0, |r| r.s_m)
    }

    fn state(&self, i: usize, j: usize, weight: f64, t_ns: Option<i64>, s_m: f64) -> State {
        State { row: i, weight, s_m, t_ns, pose: self.rows[i].pose.interpolate(&self.rows[j].pose, weight) }
    }
}

/// Whether neighbouring rows lie on both sides of a pause of over 60 s.
fn paused(a: &FusedPose, b: &FusedPose) -> bool {
    let gap_ns = a.t_ns.zip(b.t_ns).map(|(a, b)| b.saturating_sub(a));
    gap_ns.is_some_and(|ns| ns > LONGEST_GAP_NS)
}

/// Whether nobody knows which way the ego went between neighbouring rows.
fn way_unknown(a: &FusedPose, b: &FusedPose) -> bool {
    paused(a, b) && b.s_m - a.s_m > UNKNOWN_M
}

/// The rows around the first row after a key: `(at or before, at or after)`.
fn neighbours(after: usize, len: usize) -> (usize, usize) {
    let i = after.saturating_sub(1).min(len - 1);
    let i = if i + 1 >= len && len >= 2 { len - 2 } else { i };
    (i, (i + 1).min(len - 1))
}
