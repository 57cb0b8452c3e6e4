//! Actions at ticks: speed, acceleration, yaw rate, curvature; and the steering angle.

use crate::fuse::{State, Track};
use crate::record::WheelReading;

/// Slower than this, m/s, the curvature is 0: at a stop it would be noise over nothing.
const STANDING_MPS: f64 = 0.5;
/// Steering is not interpolated over longer pauses, nanoseconds.
const STEERING_GAP_NS: i64 = 500_000_000;

/// `[speed m/s, acceleration m/s², yaw rate rad/s, curvature 1/m]` at a state of a track, linear between its rows.
pub(super) fn action(track: &Track, state: &State) -> [f32; 4] {
    let speed = track.mix(state, |r| r.speed_mps);
    let acceleration = track.mix(state, |r| r.acceleration_mps2);
    let yaw_rate = track.mix(state, |r| r.yaw_rate_radps);
    let curvature = if speed.abs() < STANDING_MPS { 0.0 } else { yaw_rate / speed };
    [speed, acceleration, yaw_rate, curvature].map(|v| v as f32)
}

/// Steering angles over time.
pub(super) struct Steering<'a> {
    readings: Vec<&'a WheelReading>,
    offset_ns: i64,
}

impl<'a> Steering<'a> {
    /// The readings that have an angle; `offset_ns` is added to their times.
    pub fn new(wheel: &'a [WheelReading], offset_ns: i64) -> Steering<'a> {
        let mut readings: Vec<_> = wheel.iter().filter(|r| r.steering_rad.is_some_and(f64::is_finite)).collect();
        readings.sort_by_key(|r| r.t);
        Steering { readings, offset_ns }
    }

    /// The angle at every tick (rad), NaN where readings pause for over half a second; `None` where no tick has one.
    pub fn at(&self, ticks: &[State]) -> Option<Vec<f64>> {
        let angles: Vec<f64> = ticks.iter().map(|t| t.t_ns.and_then(|t| self.angle(t)).unwrap_or(f64::NAN)).collect();
        angles.iter().any(|a| a.is_finite()).then_some(angles)
    }

    fn angle(&self, t_ns: i64) -> Option<f64> {
        let time = |r: &WheelReading| r.t.ns().saturating_add(self.offset_ns);
        let after = self.readings.partition_point(|r| time(r) <= t_ns);
        let before = self.readings[after.checked_sub(1)?];
        let (ta, a) = (time(before), before.steering_rad?);
        if ta == t_ns {
            return Some(a);
        }
        let next = self.readings.get(after)?;
        let (tb, b) = (time(next), next.steering_rad?);
        let span = tb.saturating_sub(ta);
        (span <= STEERING_GAP_NS).then(|| a + (b - a) * ((t_ns - ta) as f64 / span as f64))
    }
}
