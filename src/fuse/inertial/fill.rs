//! Stretches that no IMU felt: filled with readings of a level ego that keeps its course and speed.

use nalgebra::Vector3;

use super::nodes::gap_s;
use super::{Fix, Reading};

/// Readings that nobody took are so far apart, seconds: closer than what counts as a gap.
const LEVEL_S: f64 = 0.05;
const FILLED_S: f64 = 0.04;
const STANDARD_GRAVITY: f64 = 9.806_65;
/// A shorter gap is bridged as it is, seconds: the gyro's bias stays known over it.
const LONG_S: f64 = 2.5;
/// Clocks are known to this beforehand, seconds: so much beside a gap counts to it.
const EDGE_S: f64 = 0.2;

/// A stretch from one time to another, seconds.
pub(super) type Span = (f64, f64);

/// Readings of a level IMU that keeps its course and speed, from before the first fix to after the last.
pub(super) fn level(fixes: &[Fix]) -> Vec<Reading> {
    let end = fixes.last().map_or(0.0, |f| f.t);
    (0..((end + 2.0) / LEVEL_S) as usize).map(|k| even(k as f64 * LEVEL_S - 1.0)).collect()
}

fn even(t: f64) -> Reading {
    Reading { t, force: Vector3::new(0.0, 0.0, STANDARD_GRAVITY), rate: Vector3::zeros() }
}

/// The share of the time of the fixes that readings cover, whose clock is off by up to `unsure_s` either way.
pub(super) fn covered(imu: &[Reading], fixes: &[Fix], offset_s: f64, unsure_s: f64) -> f64 {
    let end = fixes.last().map_or(0.0, |f| f.t);
    let gap_s = gap_s(imu);
    let inside = |t: f64| (t + offset_s).clamp(-unsure_s, end + unsure_s);
    let spans = imu.windows(2).filter(|w| w[1].t - w[0].t <= gap_s);
    (spans.map(|w| inside(w[1].t) - inside(w[0].t)).sum::<f64>() / end.max(1e-9)).min(1.0)
}

/// Fills long gaps between readings, before them and after them, whose clock is off by `offset_s`; returns the gaps, too, on
/// the reference clock.
pub(super) fn fill(imu: Vec<Reading>, fixes: &[Fix], offset_s: f64) -> (Vec<Reading>, Vec<Span>) {
    let end = fixes.last().map_or(0.0, |f| f.t);
    let (from, to) = (-1.0 - offset_s, end + 1.0 - offset_s);
    let (mut out, mut gaps) = (Vec::with_capacity(imu.len()), Vec::new());
    let mut bridge = |out: &mut Vec<Reading>, a: f64, b: f64| {
        let (a, b) = (a.max(from), b.min(to));
        if b - a > LONG_S {
            let count = ((b - a) / FILLED_S).ceil();
            let between = |k: usize| even(a + (b - a) * k as f64 / count);
            out.extend((usize::from(a > from)..count as usize).map(between));
            gaps.push((a + offset_s - EDGE_S, b + offset_s + EDGE_S));
        }
    };
    let mut last = f64::NEG_INFINITY;
    for reading in imu {
        bridge(&mut out, last, reading.t);
        last = reading.t;
        out.push(reading);
    }
    bridge(&mut out, last, f64::INFINITY);
    (out, gaps)
}
