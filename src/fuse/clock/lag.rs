//! How late one sensor is against another, from signals that both see and that need no calibration.
//!
//! A coarse search by correlation over twenty seconds either way, then least squares on the offset itself: its curvature is
//! the sigma, its residuals say whether the two see the same at all.

/// Farthest offset looked for, seconds: the 18 s between GPS time and UTC are within.
pub(in crate::fuse) const FARTHEST_S: f64 = 20.0;
/// Step of the coarse search, seconds.
const COARSE_S: f64 = 0.05;
/// So many moments are looked at in it.
const COARSE_SEEN: usize = 4000;
/// Closer than this, seconds, they say the same twice: neither turns nor speeds change as fast.
const COARSE_SEEN_S: f64 = 0.25;
/// Step of the table of the sensor's signal, seconds.
const TABLE_S: f64 = 0.02;
/// Signals that agree less than this do not see the same.
const LOWEST_CORRELATION: f64 = 0.6;

/// A sensor's signal by its own time, evenly tabulated; not-a-number where it has a gap.
pub(in crate::fuse) struct Signal {
    from: f64,
    values: Vec<f64>,
}

impl Signal {
    /// From values by ascending time (seconds), linear between neighbours at most `gap_s` apart.
    pub fn through(points: &[(f64, f64)], gap_s: f64) -> Signal {
        let (Some(first), Some(last)) = (points.first(), points.last()) else {
            return Signal { from: 0.0, values: Vec::new() };
        };
        // A recording of days would be cut short, not fill the memory.
        let count = (((last.0 - first.0) / TABLE_S) as usize).min(50_000_000) + 1;
        let mut j = 0;
        let values = (0..count).map(|i| {
            let t = first.0 + i as f64 * TABLE_S;
            while j + 2 < points.len() && points[j + 1].0 <= t {
                j += 1;
            }
            let (a, b) = (points[j], *points.get(j + 1).unwrap_or(&points[j]));
            let span = b.0 - a.0;
            if span > gap_s {
                f64::NAN
            } else if span <= 0.0 {
                a.1
            } else {
                a.1 + (b.1 - a.1) * ((t - a.0) / span)
            }
        });
        Signal { from: first.0, values: values.collect() }
    }

    /// The value at a time; not-a-number outside and in gaps.
    pub fn at(&self, t: f64) -> f64 {
        let x = (t - self.from) * (1.0 / TABLE_S);
        if !(x >= 0.0 && x < self.values.len() as f64 - 1.0) {
            return f64::NAN;
        }
        let i = x as usize;
        let w = x - i as f64;
        self.values[i] * (1.0 - w) + self.values[i + 1] * w
    }
}

/// What the reference saw: the signal's value at a time, or its change since an earlier one.
#[derive(Debug, Clone, Copy)]
pub(in crate::fuse) struct Seen {
    /// Start of the change; `None` for a value.
    pub since: Option<f64>,
    pub t: f64,
    pub value: f64,
}

/// An offset: what is to be added to the sensor's times.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::fuse) struct Lag {
    /// Seconds.
    pub offset_s: f64,
    /// One sigma, seconds.
    pub sigma_s: f64,
    /// Signal over reference.
    pub gain: f64,
    /// How alike the two are, at most 1.
    pub correlation: f64,
}

/// Sums of a line fitted through (reference, signal).
struct Fit {
    n: f64,
    correlation: f64,
    gain: f64,
    base: f64,
    /// Mean square of what is left of the signal.
    left: f64,
}

fn fit(seen: &[Seen], signal: &Signal, offset: f64) -> Option<Fit> {
    let (mut n, mut x, mut y, mut xx, mut xy, mut yy) = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0);
    for s in seen {
        let v = value(s, signal, offset);
        if v.is_finite() {
            n += 1.0;
            x += s.value;
            y += v;
            xx += s.value * s.value;
            xy += s.value * v;
            yy += v * v;
        }
    }
    if n < 20.0 {
        return None;
    }
    let (vx, vy, c) = (xx / n - x * x / n / n, yy / n - y * y / n / n, xy / n - x * y / n / n);
    if !(vx > 1e-12 && vy > 1e-12) {
        return None;
    }
    let gain = c / vx;
    Some(Fit {
        n,
        correlation: c / (vx * vy).sqrt(),
        gain,
        base: y / n - gain * x / n,
        left: (vy - gain * c).max(1e-12),
    })
}

fn value(s: &Seen, signal: &Signal, offset: f64) -> f64 {
    signal.at(s.t - offset) - s.since.map_or(0.0, |t| signal.at(t - offset))
}

/// The moments for the coarse search: thousands of them say as much as all.
fn coarse(seen: &[Seen]) -> Vec<Seen> {
    let mut few: Vec<Seen> = Vec::new();
    for s in seen.iter().step_by(seen.len() / COARSE_SEEN + 1) {
        if few.last().is_none_or(|last| (s.t - last.t).abs() >= COARSE_SEEN_S) {
            few.push(*s);
        }
    }
    few
}

/// The offset of a signal against what the reference saw; `None` where they do not agree or nothing happened.
pub(in crate::fuse) fn lag(seen: &[Seen], signal: &Signal) -> Option<Lag> {
    let few = coarse(seen);
    let steps = (FARTHEST_S / COARSE_S) as i32;
    let most = few.len() as f64;
    // Few common moments agree by chance: those count less.
    let score = |f: &Fit| f.correlation * (f.n / most).sqrt();
    let best = (-steps..=steps)
        .filter_map(|k| {
            let offset = f64::from(k) * COARSE_S;
            Some((offset, fit(&few, signal, offset)?))
        })
        .max_by(|a, b| score(&a.1).total_cmp(&score(&b.1)).then(b.0.abs().total_cmp(&a.0.abs())))?;
    if best.1.correlation < LOWEST_CORRELATION {
        return None;
    }
    // Newton's steps on the residuals, by the slope of the signal over 40 ms.
    let mut offset = best.0;
    let mut sigma_s = f64::INFINITY;
    let (mut gain, mut correlation) = (best.1.gain, best.1.correlation);
    for _ in 0..12 {
        let now = fit(seen, signal, offset)?;
        let h = 0.02;
        let (mut jj, mut jr, mut slopes, mut n) = (0.0, 0.0, 0.0, 0.0);
        let (mut before, mut both, mut square): (Option<f64>, f64, f64) = (None, 0.0, 0.0);
        for s in seen {
            let (a, b) = (value(s, signal, offset - h), value(s, signal, offset + h));
            let r = value(s, signal, offset) - now.gain * s.value - now.base;
            if !(a.is_finite() && b.is_finite() && r.is_finite()) {
                before = None;
                continue;
            }
            let slope = (b - a) / (2.0 * h);
            // An outlier's pull is bounded.
            let w = (3.0 * now.left.sqrt() / r.abs().max(1e-12)).min(1.0);
            jj += w * slope * slope;
            jr += w * slope * r;
            slopes += w * slope;
            n += w;
            both += before.map_or(0.0, |b: f64| b * r);
            square += r * r;
            before = Some(r);
        }
        jj -= slopes * slopes / n;
        if jj <= 0.0 || jj.is_nan() {
            return None;
        }
        let step = (-jr / jj).clamp(-0.1, 0.1);
        offset += step;
        (gain, correlation) = (now.gain, now.correlation);
        // Neighbouring residuals that are alike count as fewer.
        let alike = (both / square.max(1e-12)).clamp(0.0, 0.95);
        sigma_s = (now.left / jj * (1.0 + alike) / (1.0 - alike)).sqrt();
        if step.abs() < 1e-5 {
            break;
        }
    }
    Some(Lag { offset_s: offset, sigma_s, gain, correlation })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wave(t: f64) -> f64 {
        libm::sin(0.7 * t) + 0.5 * libm::sin(0.23 * t * t / 10.0)
    }

    #[test]
    fn an_offset_is_found_within_its_sigma_and_nothing_in_noise() {
        let noise = |i: i32| f64::from((i * 7919) % 101 - 50) / 500.0;
        let points: Vec<(f64, f64)> =
            (0..6000).map(|i| (f64::from(i) * 0.01 - 0.137, 3.0 * wave(f64::from(i) * 0.01) + 1.0)).collect();
        let signal = Signal::through(&points, 0.1);
        let seen: Vec<Seen> = (10..290)
            .map(|i| Seen { since: None, t: f64::from(i) * 0.2, value: wave(f64::from(i) * 0.2) + noise(i) })
            .collect();
        let found = lag(&seen, &signal).expect("they agree");
        assert!((found.offset_s - 0.137).abs() < 3.0 * found.sigma_s && found.sigma_s < 0.02, "{found:?}");
        let dull: Vec<Seen> =
            seen.iter().enumerate().map(|(i, s)| Seen { value: noise(i as i32 * 31), ..*s }).collect();
        assert_eq!(lag(&dull, &signal), None);
    }
}
