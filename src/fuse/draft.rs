//! A trajectory in the making: places and what is known of them, before path length, heading and motion.

use std::collections::BTreeMap;

use nalgebra::{UnitQuaternion, Vector3};

use crate::coord::{EnuFrame, Pose};
use crate::record::Recording;

use super::clock::clocks;
use super::headings::COMPASS_DEG;
use super::inertial::FoundClock;
use super::motion::fill_motion;
use super::path::Path;
use super::segment::LONGEST_GAP_NS;
use super::{FuseConfig, FusedPose, PoseOrigin, Track};

/// Rows of a moving ego lie no farther apart than this, nanoseconds (DESIGN section 5: at least 10 Hz).
pub(super) const STEP_NS: i64 = 100_000_000;
/// Slower than this between two inputs, m/s, needs no rows between them.
const STANDING_MPS: f64 = 0.05;
/// Jitter of positions that a source gives with its poses, and of those that a smoother leaves, metres.
pub(super) const SOURCE_JITTER_M: f64 = 0.1;
/// The shortest baseline that a heading is taken over, metres.
const BASELINE_M: f64 = 2.0;

/// A row in the making.
#[derive(Debug, Clone, Copy)]
pub(super) struct DraftRow {
    pub t_ns: Option<i64>,
    /// ENU metres.
    pub at: Vector3<f64>,
    /// `world_r_ego`, where it is known.
    pub rotation: Option<UnitQuaternion<f64>>,
    pub sigma_xy_m: f64,
    pub sigma_z_m: f64,
    /// How far positions jitter, metres.
    pub jitter_m: f64,
    /// One sigma of the direction of travel from the smoother, radians; infinite at rest.
    pub sigma_course_rad: f64,
    /// Speed (m/s), acceleration (m/s²) and yaw rate (rad/s), where the estimate has them.
    pub motion: Option<[f64; 3]>,
    /// Index of the fix or frame, for rows at inputs.
    pub input: Option<usize>,
}

/// A trajectory without path length, heading and motion.
pub(super) struct Draft {
    pub frame: EnuFrame,
    pub rows: Vec<DraftRow>,
    pub origin: PoseOrigin,
    /// The clocks that are the reference, as sensors are called.
    pub references: Vec<String>,
    /// Whether inputs are frames, and so say where frames without times lie.
    pub from_frames: bool,
    /// Clocks that were found on the way, by sensor.
    pub found: Vec<(&'static str, FoundClock)>,
}

/// Times and shares of the way of the rows that are missing between two; none in a pause of over 60 s, of which nobody
/// knows.
pub(super) fn steps(a: &DraftRow, b: &DraftRow) -> Vec<(Option<i64>, f64)> {
    let (Some(from), Some(to)) = (a.t_ns, b.t_ns) else { return Vec::new() };
    let span = to.saturating_sub(from);
    let standing = (b.at - a.at).norm() < STANDING_MPS * span as f64 / 1e9;
    let silent = standing || span > LONGEST_GAP_NS;
    let parts = if silent { 1 } else { (span.saturating_add(STEP_NS - 1) / STEP_NS).max(1) };
    (1..parts)
        .map(|k| {
            let t = from + (i128::from(span) * i128::from(k) / i128::from(parts)) as i64;
            (Some(t), (t - from) as f64 / span as f64)
        })
        .collect()
}

impl Draft {
    /// Adds path length, heading, motion and clocks.
    pub fn track(mut self, recording: &Recording, config: &FuseConfig) -> Track {
        // Rows with a rotation are the ego's already.
        if self.rows.iter().any(|r| r.rotation.is_none()) {
            self.carry_to_ego(recording);
        }
        let points: Vec<Vector3<f64>> = self.rows.iter().map(|r| r.at).collect();
        let jitter: Vec<f64> = self.rows.iter().map(|r| r.jitter_m).collect();
        let path = Path::through(&points, &jitter);
        let compass = compass(recording);
        let mut sigma_held = f64::NAN;
        let rows: Vec<FusedPose> = (self.rows.iter().zip(&path.s_m))
            .map(|(row, s_m)| {
                let baseline = BASELINE_M.max(2.0 * row.jitter_m);
                let rotation = row.rotation.unwrap_or_else(|| self.level(row, &path, *s_m, baseline, compass));
                // Where the path has no direction, what the heading was taken from says how good it is.
                let still = row.rotation.is_none() && path.direction(*s_m, baseline).is_none();
                let course_rad = match (still, compass) {
                    (true, Some(_)) => COMPASS_DEG.to_radians(),
                    (true, None) => f64::INFINITY,
                    (false, _) => row.sigma_course_rad,
                };
                // Not `min`, which would turn an unknown sigma (NaN) into 180 degrees.
                let sigma = match course_rad {
                    s if s > std::f64::consts::PI => 180.0,
                    s => s.to_degrees(),
                };
                // A heading that is held at a standstill is as good as it was when it was last seen.
                if !still || sigma_held.is_nan() {
                    sigma_held = sigma;
                }
                FusedPose {
                    t_ns: row.t_ns,
                    s_m: *s_m,
                    pose: Pose::new(row.at, rotation),
                    speed_mps: row.motion.map_or(f64::NAN, |m| m[0]),
                    acceleration_mps2: row.motion.map_or(f64::NAN, |m| m[1]),
                    yaw_rate_radps: row.motion.map_or(f64::NAN, |m| m[2]),
                    sigma_xy_m: row.sigma_xy_m,
                    sigma_z_m: row.sigma_z_m,
                    sigma_heading_deg: sigma_held,
                    origin: self.origin,
                    way: None,
                    way_offset_m: f64::NAN,
                    match_probability: f64::NAN,
                }
            })
            .collect();
        let timed = rows.iter().all(|r| r.t_ns.is_some());
        let inputs = || self.rows.iter().zip(&path.s_m).filter_map(|(row, s)| Some((row.input?, *s)));
        let frame_s_m = match self.from_frames && !timed {
            true => inputs().map(|(i, s)| (recording.frames[i].stem.clone(), s)).collect(),
            false => BTreeMap::new(),
        };
        let references: Vec<&str> = self.references.iter().map(String::as_str).collect();
        let mut track = Track {
            frame: self.frame,
            height_datum: recording.height_datum,
            timed,
            rows,
            ways: Vec::new(),
            clock: clocks(recording, &references, &self.found, config),
            register: None,
            stretches: Vec::new(),
            input_t_ns: self.rows.iter().filter(|r| r.input.is_some()).filter_map(|r| r.t_ns).collect(),
            input_s_m: inputs().map(|(_, s)| s).collect(),
            frame_s_m,
        };
        if self.rows.iter().any(|r| r.motion.is_none()) {
            fill_motion(&mut track);
        }
        track
    }

    /// Moves positions of the GNSS antenna to the ego's origin, where the calibration says where the antenna sits.
    ///
    /// The heading is that of the antenna's path: in a bend it differs from the ego's by the angle that the lever arm
    /// subtends at the centre of the bend, some degrees for an arm of a metre and a radius of 15 m.
    fn carry_to_ego(&mut self, recording: &Recording) {
        let mount = recording.sensor("gnss").and_then(|s| s.ego_se3_sensor);
        let Some(arm) = mount.map(|m| m.translation).filter(|_| self.references == ["gnss"]) else { return };
        let points: Vec<Vector3<f64>> = self.rows.iter().map(|r| r.at).collect();
        let jitter: Vec<f64> = self.rows.iter().map(|r| r.jitter_m).collect();
        let path = Path::through(&points, &jitter);
        let compass = compass(recording);
        let moved: Vec<Vector3<f64>> = (self.rows.iter().zip(&path.s_m))
            .map(|(row, s_m)| {
                let baseline = BASELINE_M.max(2.0 * row.jitter_m);
                row.at - self.level(row, &path, *s_m, baseline, compass) * arm
            })
            .collect();
        for (row, at) in self.rows.iter_mut().zip(moved) {
            row.at = at;
        }
    }

    /// The level rotation along the path; where the path has no direction, by the compass, else to the north.
    fn level(
        &self,
        row: &DraftRow,
        path: &Path,
        s_m: f64,
        baseline_m: f64,
        compass: Option<f64>,
    ) -> UnitQuaternion<f64> {
        let place = self.frame.to_geodetic(row.at);
        let heading_deg = match path.direction(s_m, baseline_m) {
            Some(d) => self.frame.heading_at(place, Vector3::new(d.x, d.y, 0.0)),
            None => compass.unwrap_or(0.0),
        };
        self.frame.pose_from_local(place, Pose::level(Vector3::zeros(), heading_deg).rotation).rotation
    }
}

/// The heading of the ego by the compass of the first picture that has one and whose mount is known to look ahead (or
/// not known at all), degrees.
fn compass(recording: &Recording) -> Option<f64> {
    recording.frames.iter().find_map(|frame| {
        let heading = frame.geotag?.heading_deg.filter(|h| h.is_finite())?;
        let mount = recording.sensor(&frame.channel).and_then(|s| s.ego_se3_sensor);
        // The optical axis of an RDF camera is its z axis; seen from above, left of forward is a positive yaw.
        let yaw_deg = mount.map_or(0.0, |m| {
            let axis = m.rotation * Vector3::z();
            libm::atan2(axis.y, axis.x).to_degrees()
        });
        Some(crate::coord::wrap_degrees(heading + yaw_deg))
    })
}
