//! Clocks of cameras and LiDARs: how they turned from one picture or sweep to the next, against how the ego did.
//!
//! What is compared is the angle turned between two exposures with that of the trajectory between the same two times, each
//! shifted by the offset that is looked for: whatever happens in between enters both alike. Without turns, or where
//! pictures and trajectory do not agree, nothing is found.

mod epipolar;
mod picture;
mod sweep;
#[cfg(test)]
mod tests;

pub use picture::{CornerPairs, Eye, Glimpse};
pub use sweep::Contour;

use nalgebra::{Matrix3, Vector3};

use super::clock::lag::{Lag, Seen, Signal, lag};
use super::inertial::{log_rotation, median};
use super::{FusedPose, State, Track};
use sweep::Motion;

/// Two looks are compared that lie so far apart, seconds: long enough for the rate to change, short enough to see the same.
const APART_S: (f64, f64) = (0.18, 1.1);
/// At most so many pairs of looks are compared for a sensor, those of the stretches that tell most.
const MOST_PAIRS: usize = 320;
/// Length of such a stretch, seconds.
const STRETCH_S: f64 = 6.0;
/// Changes of the turn rate, squared and summed over all pairs, below which no clock can be told, (rad/s)²: at 2 mrad a
/// pair, that is a sigma of 20 ms.
const LEAST_CHANGE: f64 = 0.01;
/// A turn that is not known to this, radians, is of no use.
const SIGMA_RAD: f64 = 0.01;
/// Fewer turns than this tell nothing.
const FEWEST_TURNS: usize = 20;
/// Turns of camera and trajectory have to be alike to this; the focal length of a camera may be a guess.
const LOWEST_CORRELATION: f64 = 0.85;
const GAIN: (f64, f64) = (0.7, 1.4);
/// A way shorter than this, metres, has no direction.
const NO_WAY_M: f64 = 0.3;
/// A clock was set where early and late turns tell offsets that differ by more than this, seconds, …
const SET_S: f64 = 0.05;
/// … and by so many sigmas.
const SET_SIGMAS: f64 = 6.0;
/// No sensor is believed to better than this, seconds: exposures, and what interpolation leaves.
const FLOOR_S: f64 = 3e-4;

/// What two looks of a sensor say: how far the ego turned between its times (nanoseconds on the sensor's clock).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TurnSeen {
    /// The first look.
    pub from_ns: i64,
    /// The second.
    pub to_ns: i64,
    /// Radians, left positive.
    pub turn_rad: f64,
}

/// How an ego turned, to find the clocks of its cameras and LiDARs by.
pub struct Turning<'a> {
    track: &'a Track,
    start_ns: i64,
    turned: Signal,
}

impl<'a> Turning<'a> {
    /// That of a track; `None` where it has no clock.
    pub fn of(track: &'a Track) -> Option<Turning<'a>> {
        let start_ns = track.rows.first()?.t_ns.filter(|_| track.timed)?;
        let mut points = Vec::with_capacity(track.rows.len());
        let mut turned = 0.0;
        let mut before: Option<&FusedPose> = None;
        for row in &track.rows {
            if let Some(before) = before {
                turned += log_rotation(&(before.pose.rotation.inverse() * row.pose.rotation)).z;
            }
            points.push((seconds(row.t_ns?, start_ns), turned));
            before = Some(row);
        }
        // An ego that stands has few rows.
        Some(Turning { track, start_ns, turned: Signal::through(&rounded(&points), 61.0) })
    }

    /// Which looks at these times (ascending, nanoseconds) are to be compared: first and second of each pair, by time.
    ///
    /// Empty where the ego does not turn enough to tell a clock. At most 320 pairs.
    pub fn pairs(&self, times_ns: &[i64]) -> Vec<(usize, usize)> {
        let at = |i: usize| seconds(times_ns[i], self.start_ns);
        let rate = |t: f64| (self.turned.at(t + 0.15) - self.turned.at(t - 0.15)) / 0.3;
        // Pairs one after the other, gathered into stretches with what they tell.
        let mut stretches: Vec<(f64, Vec<(usize, usize)>)> = Vec::new();
        let (mut i, mut begun) = (0, f64::NEG_INFINITY);
        while i < times_ns.len() {
            let Some(j) = (i + 1..times_ns.len()).find(|j| at(*j) - at(i) >= APART_S.0) else { break };
            let change = rate(at(j)) - rate(at(i));
            if at(j) - at(i) <= APART_S.1 && change.is_finite() {
                if at(i) - begun > STRETCH_S {
                    begun = at(i);
                    stretches.push((0.0, Vec::new()));
                }
                if let Some(stretch) = stretches.last_mut() {
                    stretch.0 += change * change;
                    stretch.1.push((i, j));
                }
            }
            i = j;
        }
        // The best first; of equal ones the earlier.
        stretches.sort_by(|a, b| b.0.total_cmp(&a.0));
        let (mut chosen, mut told) = (Vec::new(), 0.0);
        for (change, pairs) in stretches {
            if !chosen.is_empty() && chosen.len() + pairs.len() > MOST_PAIRS {
                break;
            }
            told += change;
            chosen.extend(pairs);
        }
        chosen.truncate(MOST_PAIRS);
        chosen.sort_unstable();
        if told < LEAST_CHANGE { Vec::new() } else { chosen }
    }

    /// How the ego turned between two sweeps (nanoseconds on the LiDAR's clock, to which `offset_ns` is added where the
    /// trajectory's help is needed); `None` where the two do not tell.
    pub fn between_sweeps(&self, first: (&Contour, i64), second: (&Contour, i64), offset_ns: i64) -> Option<TurnSeen> {
        let (from, to) = (first.1.checked_add(offset_ns)?, second.1.checked_add(offset_ns)?);
        let (a, b) = (self.track.at_time(from)?, self.track.at_time(to)?);
        let motion = |t: i64, state: &State| Motion {
            speed_mps: self.track.mix(state, |r| r.speed_mps),
            rate_radps: {
                let t = seconds(t, self.start_ns);
                (self.turned.at(t + 0.1) - self.turned.at(t)) / 0.1
            },
        };
        let motions = [motion(from, &a), motion(to, &b)];
        if !motions.iter().all(|m| m.speed_mps.is_finite() && m.rate_radps.is_finite()) {
            return None;
        }
        let way = a.pose.inverse().apply(b.pose.translation);
        let turn = log_rotation(&(a.pose.rotation.inverse() * b.pose.rotation)).z;
        let found = first.0.turned(second.0, motions, [way.x, way.y, turn])?;
        (found.sigma_rad < SIGMA_RAD).then_some(TurnSeen { from_ns: first.1, to_ns: second.1, turn_rad: found.yaw_rad })
    }

    /// How the ego turned between two pictures (nanoseconds on the camera's clock, to which `offset_ns` is added where the
    /// trajectory's help is needed); `None` where the two do not tell.
    pub fn between_pictures(
        &self,
        corners: &CornerPairs,
        (first_ns, second_ns): (i64, i64),
        offset_ns: i64,
    ) -> Option<TurnSeen> {
        let at = |t: i64| self.track.at_time(t.checked_add(offset_ns)?);
        let (a, b) = (at(first_ns)?, at(second_ns)?);
        let way = a.pose.inverse().apply(b.pose.translation);
        let turn = log_rotation(&(a.pose.rotation.inverse() * b.pose.rotation)).z;
        // An ego that hardly moves has no way to speak of.
        let aside = if way.x.abs() > NO_WAY_M { libm::atan(way.y / way.x) - 0.5 * turn } else { 0.0 };
        let found = corners.turned(way.norm(), aside).filter(|f| f.sigma_rad < SIGMA_RAD)?;
        Some(TurnSeen { from_ns: first_ns, to_ns: second_ns, turn_rad: found.yaw_rad })
    }

    /// The clock of a sensor by what it saw: what is to be added to its times, and one sigma, seconds. `None` where
    /// nothing can be told.
    pub fn clock(&self, seen: &[TurnSeen]) -> Option<(f64, f64)> {
        let seen: Vec<Seen> = (seen.iter())
            .map(|s| Seen {
                since: Some(seconds(s.from_ns, self.start_ns)),
                t: seconds(s.to_ns, self.start_ns),
                value: s.turn_rad,
            })
            .collect();
        let alike = |l: &Lag| l.correlation > LOWEST_CORRELATION && (GAIN.0..GAIN.1).contains(&l.gain);
        let coarse = lag(&seen, &self.turned).filter(alike)?;
        let (offset_s, sigma_s) = refine(&seen, &self.turned, &coarse)?;
        // The trajectory turned when the gyro's clock says so.
        let gyro = self.track.clock.iter().find(|c| c.sensor == "imu").and_then(|c| c.sigma_ms).unwrap_or(0.0) / 1e3;
        let own = libm::hypot(sigma_s, FLOOR_S);
        // What was looked at is the reference there: its offset is the other way round.
        Some((-offset_s, libm::hypot(own, gyro)))
    }
}

impl Turning<'_> {
    /// By how much a sensor's clock was set on the way, seconds: how much more has to be added to its times late than early.
    ///
    /// Early and late are the two halves of the turns, or their outer thirds, each with an offset of its own. `None` where one
    /// offset will do, or where a part does not tell its own.
    pub fn set_by(&self, seen: &[TurnSeen]) -> Option<f64> {
        let mut seen = seen.to_vec();
        seen.sort_by_key(|s| (s.from_ns, s.to_ns));
        [2, 3].into_iter().find_map(|parts| {
            let length = seen.len() / parts;
            let (early, late) = (self.clock(&seen[..length])?, self.clock(&seen[seen.len() - length..])?);
            let by_s = late.0 - early.0;
            (by_s.abs() > SET_S.max(SET_SIGMAS * libm::hypot(early.1, late.1))).then_some(by_s)
        })
    }
}

/// Points with others between them at every 20 ms, on curves through them that have no corners (Catmull and Rom): an
/// ego's turn rate does not jump.
fn rounded(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    const STEP_S: f64 = 0.02;
    // Rows that lie far apart are those of an ego that stands.
    const LONGEST_S: f64 = 0.3;
    let slope = |i: usize| {
        let (a, b) = (points[i.saturating_sub(1)], points[(i + 1).min(points.len() - 1)]);
        if b.0 - a.0 > 0.0 && b.0 - a.0 < 2.0 * LONGEST_S { (b.1 - a.1) / (b.0 - a.0) } else { 0.0 }
    };
    let mut out = Vec::with_capacity(points.len() * 5);
    for (i, pair) in points.windows(2).enumerate() {
        let ((ta, a), (tb, b)) = (pair[0], pair[1]);
        let dt = tb - ta;
        out.push((ta, a));
        if dt > LONGEST_S {
            continue;
        }
        let (va, vb) = (slope(i), slope(i + 1));
        let parts = libm::ceil(dt / STEP_S) as usize;
        for k in 1..parts {
            let w = k as f64 / parts as f64;
            let (w2, w3) = (w * w, w * w * w);
            let ends = (2.0 * w3 - 3.0 * w2 + 1.0) * a + (3.0 * w2 - 2.0 * w3) * b;
            out.push((ta + w * dt, ends + ((w3 - 2.0 * w2 + w) * va + (w3 - w2) * vb) * dt));
        }
    }
    out.extend(points.last());
    out
}

/// The offset once more by least squares on offset, gain and bias, with weights (Tukey's) that leave out what a picture
/// got wrong altogether; and its sigma.
///
/// Where the ego turns, things pass faster and turns are seen less well: what is large is weighed by how it scatters, not
/// by how what is small does. The sigma takes residuals as they are (White (1980), *A heteroskedasticity-consistent
/// covariance matrix estimator*) and counts neighbours that are alike as fewer (Newey and West (1987)).
fn refine(seen: &[Seen], turned: &Signal, coarse: &Lag) -> Option<(f64, f64)> {
    const ROUNDS: usize = 20;
    /// Beyond so many sigmas a turn counts for nothing.
    const BEYOND: f64 = 4.7;
    /// No turn is seen better than this, radians.
    const FINEST_RAD: f64 = 1e-4;
    /// Residuals so far apart are taken to be alike at most.
    const ALIKE: usize = 12;
    /// What is a turn at all, radians.
    const LARGE_RAD: f64 = 0.006;
    let h = 0.02;
    let change = |s: &Seen, offset: f64| turned.at(s.t - offset) - s.since.map_or(0.0, |t| turned.at(t - offset));
    let (mut offset, mut gain, mut bias) = (coarse.offset_s, coarse.gain, 0.0);
    let mut out = None;
    for _ in 0..ROUNDS {
        let residual = |s: &Seen| change(s, offset) - gain * s.value - bias;
        let scale = |of_large: bool| {
            let sizes = seen.iter().filter(|s| (s.value.abs() >= LARGE_RAD) == of_large).map(|s| residual(s).abs());
            let sizes: Vec<f64> = sizes.filter(|r| r.is_finite()).collect();
            (sizes.len() >= FEWEST_TURNS / 2).then(|| median(sizes)).flatten().map(|m| (m * 1.4826).max(FINEST_RAD))
        };
        let (small, large_scale) = match (scale(false), scale(true)) {
            (Some(small), Some(large)) => (small, large.max(small)),
            (None, Some(one)) => (one, one),
            // Few turns tell nothing of how well turns are seen.
            (_, None) => return None,
        };
        let mut information = Matrix3::<f64>::zeros();
        let mut pull = Vector3::<f64>::zeros();
        let mut weights = 0.0;
        // What each residual pulls by.
        let mut pulls: Vec<Vector3<f64>> = Vec::with_capacity(seen.len());
        for s in seen {
            let r = residual(s);
            let slope = (change(s, offset + h) - change(s, offset - h)) / (2.0 * h);
            if !(r.is_finite() && slope.is_finite()) {
                pulls.push(Vector3::zeros());
                continue;
            }
            let scale = if s.value.abs() >= LARGE_RAD { large_scale } else { small };
            let off = r / (BEYOND * scale);
            let trust = if off.abs() < 1.0 { (1.0 - off * off).powi(2) } else { 0.0 };
            let weight = trust / (scale * scale);
            let row = Vector3::new(slope, -s.value, -1.0);
            information += row * row.transpose() * weight;
            pull -= row * (r * weight);
            pulls.push(row * (r * weight));
            weights += trust;
        }
        if weights < FEWEST_TURNS as f64 {
            return None;
        }
        let inverse = information.try_inverse()?;
        let step = inverse * pull;
        let mut scatter = Matrix3::<f64>::zeros();
        for lag in 0..=ALIKE {
            let share = 1.0 - lag as f64 / (ALIKE + 1) as f64;
            for (a, b) in pulls.iter().zip(&pulls[lag..]) {
                let both = a * b.transpose();
                scatter += if lag == 0 { both } else { (both + both.transpose()) * share };
            }
        }
        // Never less than what the scales say: few residuals may happen to cancel.
        let variance = (inverse * scatter * inverse)[(0, 0)].max(inverse[(0, 0)]) * weights / (weights - 3.0);
        offset += step.x.clamp(-0.05, 0.05);
        gain += step.y;
        bias += step.z;
        out = Some((offset, variance.sqrt())).filter(|_| variance.is_finite());
    }
    out.filter(|o| (o.0 - coarse.offset_s).abs() < 0.3 && (GAIN.0..GAIN.1).contains(&gain))
}

fn seconds(t_ns: i64, start_ns: i64) -> f64 {
    (i128::from(t_ns) - i128::from(start_ns)) as f64 / 1e9
}
