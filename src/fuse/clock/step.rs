//! A clock that was set while it was recorded: from then on its offset is another one.

use super::lag::{Seen, Signal, lag};

/// Offsets are taken of stretches of this length, seconds.
const STRETCH_S: f64 = 30.0;
/// A step is more than this, seconds: less is what a drift and a bad stretch come to.
const LEAST_S: f64 = 0.15;
/// And more than so many sigmas.
const SIGMAS: f64 = 6.0;
/// With the step, so small a share of the squared residuals is left.
const LEFT: f64 = 0.3;
/// Each side of it has to last this long, seconds.
const SHORTEST_S: f64 = 20.0;

/// A step of a sensor's clock.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::fuse) struct Step {
    /// When, seconds on the reference clock; known to about a second.
    pub at_s: f64,
    /// What is to be added to the sensor's times before, and from then on, seconds.
    pub offsets_s: (f64, f64),
}

/// The largest step of a signal's clock against what the reference saw (by ascending time); `None` where one offset will do.
///
/// Offsets of stretches show that there is one and how large it is; where it lies is where the residuals on both sides are
/// least. It has to explain most of what a single offset leaves: a stretch that happens to look like another is no step.
pub(in crate::fuse) fn step(seen: &[Seen], signal: &Signal) -> Option<Step> {
    let (first, last) = (seen.first()?.t, seen.last()?.t);
    let count = ((last - first) / STRETCH_S) as usize;
    if count < 2 {
        return None;
    }
    let length = (last - first) / count as f64;
    let stretch = |k: usize| {
        let edge = |k: usize| seen.partition_point(|s| s.t < first + k as f64 * length);
        &seen[edge(k)..if k + 1 == count { seen.len() } else { edge(k + 1) }]
    };
    let offsets: Vec<(f64, f64, f64)> = (0..count)
        .filter_map(|k| {
            let found = lag(stretch(k), signal).filter(|l| l.correlation > 0.8)?;
            Some((first + (k as f64 + 0.5) * length, found.offset_s, found.sigma_s))
        })
        .collect();
    let whole = lag(seen, signal).map_or(0.0, |l| l.offset_s);
    let single = residuals(seen, signal, |_| whole)?;
    let mut best: Option<(f64, Step)> = None;
    // The stretch that the step lies in tells neither: those on both sides of it are compared, too.
    let pairs = (1..=2).flat_map(|apart| offsets.iter().zip(offsets.iter().skip(apart)));
    for (&(from, before, sa), &(to, after, sb)) in pairs {
        if (after - before).abs() < LEAST_S.max(SIGMAS * libm::hypot(sa, sb)) {
            continue;
        }
        let mut at_s = from.max(first + SHORTEST_S);
        while at_s < to.min(last - SHORTEST_S) {
            let left = residuals(seen, signal, |t| if t < at_s { before } else { after });
            if let Some(left) = left.filter(|left| best.is_none_or(|b| *left < b.0)) {
                best = Some((left, Step { at_s, offsets_s: (before, after) }));
            }
            at_s += 0.5;
        }
    }
    best.filter(|(left, _)| *left < LEFT * single).map(|b| b.1)
}

/// Mean squared difference of signal and reference, each less its mean, at an offset that depends on the time. Means, since
/// offsets that leave the signal's range have fewer to add up; `None` of hardly any.
fn residuals(seen: &[Seen], signal: &Signal, offset: impl Fn(f64) -> f64) -> Option<f64> {
    let off: Vec<f64> = (seen.iter())
        .map(|s| {
            let offset = offset(s.t);
            signal.at(s.t - offset) - s.since.map_or(0.0, |t| signal.at(t - offset)) - s.value
        })
        .filter(|r| r.is_finite())
        .collect();
    if off.len() * 2 < seen.len() {
        return None;
    }
    let mean = off.iter().sum::<f64>() / off.len() as f64;
    Some(off.iter().map(|r| (r - mean).powi(2)).sum::<f64>() / off.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn speed(t: f64) -> f64 {
        8.0 + 3.0 * libm::sin(0.4 * t) + 1.5 * libm::sin(0.23 * t + 0.01 * t * t / 10.0)
    }

    /// Two minutes of speeds, seen at 5 Hz, and a sensor's at 50 Hz whose clock goes by `late`.
    fn drive(late: impl Fn(f64) -> f64) -> (Vec<Seen>, Signal) {
        let wobble = |k: i32| f64::from((k * 7919) % 101 - 50) / 1000.0;
        let seen = (0..600).map(|k| (k, f64::from(k) * 0.2));
        let seen = seen.map(|(k, t)| Seen { since: None, t, value: speed(t) + wobble(k) }).collect();
        let mut points: Vec<(f64, f64)> = Vec::new();
        for k in 0..6000 {
            let t = f64::from(k) * 0.02;
            // What comes again on a clock that was put back is refused by readers.
            if points.last().is_none_or(|p| p.0 < t - late(t)) {
                points.push((t - late(t), 1.01 * speed(t) + wobble(k + 17)));
            }
        }
        (seen, Signal::through(&points, 1.0))
    }

    #[test]
    fn a_clock_that_is_put_forward_or_back_is_found_out() {
        for by in [1.7, -0.8, -6.0] {
            let (seen, signal) = drive(|t| if t < 70.0 { 0.1 } else { 0.1 - by });
            let found = step(&seen, &signal).expect("it was set");
            let size = found.offsets_s.1 - found.offsets_s.0;
            assert!((size + by).abs() < 0.1, "{by}: {found:?}");
            // A clock that is put back says nothing new for as long.
            assert!((66.0..74.0 + f64::max(0.0, -by)).contains(&found.at_s), "{by}: {found:?}");
        }
    }

    #[test]
    fn a_clock_that_goes_on_or_drifts_or_misses_some_seconds_makes_no_step() {
        for late in [|_: f64| 0.1, |t: f64| 1e-4 * t, |_: f64| -1.3] {
            let (seen, signal) = drive(late);
            assert_eq!(step(&seen, &signal), None);
        }
        let (mut seen, signal) = drive(|_| 0.1);
        seen.retain(|s| !(50.0..75.0).contains(&s.t));
        assert_eq!(step(&seen, &signal), None);
        assert_eq!(step(&seen[..3], &signal), None);
    }
}
