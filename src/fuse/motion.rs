//! Speed, acceleration and yaw rate, read off the trajectory itself.

use super::Track;

/// Half of the window that differences are taken over, nanoseconds: long against the jitter of positions, short against
/// a manoeuvre.
const HALF_WINDOW_NS: i64 = 250_000_000;

/// Fills speed, acceleration and yaw rate of a track with times by central differences over half a second.
///
/// Speed is the forward part of the displacement in the ego frame; the yaw rate is the turn about the ego's own z axis.
/// At the ends the window is what there is of it. NaN where the track has no clock or no duration.
pub(super) fn fill_motion(track: &mut Track) {
    let windows: Vec<Option<(f64, f64)>> = track.rows.iter().map(|row| first_order(track, row.t_ns)).collect();
    for (row, motion) in track.rows.iter_mut().zip(&windows) {
        (row.speed_mps, row.yaw_rate_radps) = motion.unwrap_or((f64::NAN, f64::NAN));
        row.acceleration_mps2 = f64::NAN;
    }
    let accelerations: Vec<f64> = track.rows.iter().map(|row| acceleration(track, row.t_ns)).collect();
    for (row, acceleration_mps2) in track.rows.iter_mut().zip(accelerations) {
        row.acceleration_mps2 = acceleration_mps2;
    }
}

/// The window around a time, cut at the ends of the track and at pauses that it does not know.
fn window(track: &Track, t_ns: Option<i64>) -> Option<(i64, i64)> {
    let (first, last) = (track.rows.first()?.t_ns?, track.rows.last()?.t_ns?);
    let t = t_ns.filter(|_| track.timed)?;
    let (from, to) = (t.saturating_sub(HALF_WINDOW_NS).max(first), t.saturating_add(HALF_WINDOW_NS).min(last));
    let known = |at: i64| if track.at_time(at).is_some() { at } else { t };
    let (from, to) = (known(from), known(to));
    (to > from).then_some((from, to))
}

/// Speed (m/s) and yaw rate (rad/s) at a time.
fn first_order(track: &Track, t_ns: Option<i64>) -> Option<(f64, f64)> {
    let (from, to) = window(track, t_ns)?;
    let (before, now, after) = (track.at_time(from)?.pose, track.at_time(t_ns?)?.pose, track.at_time(to)?.pose);
    let seconds = (to - from) as f64 / 1e9;
    let moved = now.rotation.inverse() * (after.translation - before.translation);
    let turn = (before.inverse() * after).yaw_rad();
    Some((moved.x / seconds, turn / seconds))
}

/// Acceleration (m/s²) at a time, from the speeds of the rows.
fn acceleration(track: &Track, t_ns: Option<i64>) -> f64 {
    let Some((from, to)) = window(track, t_ns) else { return f64::NAN };
    let speed = |t| track.at_time(t).map_or(f64::NAN, |state| track.mix(&state, |row| row.speed_mps));
    (speed(to) - speed(from)) / ((to - from) as f64 / 1e9)
}
