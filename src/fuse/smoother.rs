//! A smoother for positions alone: constant velocity, disturbed by white acceleration.
//!
//! Kalman filter and Rauch–Tung–Striebel smoother on (position, velocity) per axis. Source: Bar-Shalom, Li and
//! Kirubarajan (2001), *Estimation with Applications to Tracking and Navigation*, sections 6.2.2 and 8.6. An innovation
//! beyond three sigmas is weighted down as in Huber's estimator, so that an outlier bends the path and does not break it.

/// Density of the acceleration noise on the ground, m²/s³: a car that brakes or turns with 2–3 m/s² for seconds.
pub(super) const ACCELERATION_PSD_XY: f64 = 2.0;
/// The same for heights: roads are smooth.
pub(super) const ACCELERATION_PSD_Z: f64 = 0.05;
/// One sigma of the velocity before the first position is heard of, m/s.
const VELOCITY_PRIOR_MPS: f64 = 30.0;
/// Innovations beyond so many sigmas are weighted down.
const GATE: f64 = 3.0;

/// What is known of one axis at one time.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct AxisState {
    /// Position, metres.
    pub p: f64,
    /// Velocity, m/s.
    pub v: f64,
    /// Variance of the position, m².
    pub pp: f64,
    /// Covariance of the two, m²/s.
    pub pv: f64,
    /// Variance of the velocity, m²/s².
    pub vv: f64,
}

/// Smooths one axis: measurements `z` (metres, one `sigma` each) at ascending times `t` (seconds); as many come back.
pub(super) fn smooth_axis(t: &[f64], z: &[f64], sigma: &[f64], psd: f64) -> Vec<AxisState> {
    let mut filtered: Vec<AxisState> = Vec::with_capacity(t.len());
    for i in 0..t.len() {
        let prior = match filtered.last() {
            Some(before) => predict(before, t[i] - t[i - 1], psd),
            None => AxisState { p: z[i], v: 0.0, pp: 1e8, pv: 0.0, vv: VELOCITY_PRIOR_MPS * VELOCITY_PRIOR_MPS },
        };
        filtered.push(update(&prior, z[i], sigma[i]));
    }
    let mut smoothed = filtered.clone();
    for i in (0..t.len().saturating_sub(1)).rev() {
        smoothed[i] = step_back(&filtered[i], &smoothed[i + 1], t[i + 1] - t[i], psd);
    }
    smoothed
}

fn predict(a: &AxisState, dt: f64, psd: f64) -> AxisState {
    AxisState {
        p: a.p + a.v * dt,
        v: a.v,
        pp: a.pp + dt * (2.0 * a.pv + dt * a.vv) + psd * dt * dt * dt / 3.0,
        pv: a.pv + dt * a.vv + psd * dt * dt / 2.0,
        vv: a.vv + psd * dt,
    }
}

fn update(a: &AxisState, z: f64, sigma: f64) -> AxisState {
    let innovation = z - a.p;
    let limit = GATE * (a.pp + sigma * sigma).sqrt();
    // Huber: beyond the limit the pull grows no more, i.e. the measurement counts as noisier by the excess.
    let excess = (innovation.abs() / limit).max(1.0);
    let s = a.pp + sigma * sigma * excess * excess;
    let (kp, kv) = (a.pp / s, a.pv / s);
    AxisState {
        p: a.p + kp * innovation,
        v: a.v + kv * innovation,
        pp: (1.0 - kp) * a.pp,
        pv: (1.0 - kp) * a.pv,
        vv: a.vv - kv * a.pv,
    }
}

/// The Rauch–Tung–Striebel step: `now` filtered, `next` smoothed.
fn step_back(now: &AxisState, next: &AxisState, dt: f64, psd: f64) -> AxisState {
    let ahead = predict(now, dt, psd);
    let det = ahead.pp * ahead.vv - ahead.pv * ahead.pv;
    if det <= 0.0 {
        return *now;
    }
    // gain = P Fᵀ (P⁻)⁻¹
    let (a, b) = (now.pp + dt * now.pv, now.pv);
    let (c, d) = (now.pv + dt * now.vv, now.vv);
    let (gpp, gpv) = ((a * ahead.vv - b * ahead.pv) / det, (b * ahead.pp - a * ahead.pv) / det);
    let (gvp, gvv) = ((c * ahead.vv - d * ahead.pv) / det, (d * ahead.pp - c * ahead.pv) / det);
    let (dp, dv) = (next.p - ahead.p, next.v - ahead.v);
    let (epp, epv, evv) = (next.pp - ahead.pp, next.pv - ahead.pv, next.vv - ahead.vv);
    let quad = |x0: f64, x1: f64, y0: f64, y1: f64| x0 * (epp * y0 + epv * y1) + x1 * (epv * y0 + evv * y1);
    AxisState {
        p: now.p + gpp * dp + gpv * dv,
        v: now.v + gvp * dp + gvv * dv,
        pp: (now.pp + quad(gpp, gpv, gpp, gpv)).max(0.0),
        pv: now.pv + quad(gpp, gpv, gvp, gvv),
        vv: (now.vv + quad(gvp, gvv, gvp, gvv)).max(0.0),
    }
}

/// The position between two smoothed states, `w` of the way (0…1) through `dt` seconds: the cubic Hermite spline, which
/// is the smoother's own mean there.
pub(super) fn between(a: &AxisState, b: &AxisState, dt: f64, w: f64) -> f64 {
    let (w2, w3) = (w * w, w * w * w);
    (2.0 * w3 - 3.0 * w2 + 1.0) * a.p
        + (w3 - 2.0 * w2 + w) * dt * a.v
        + (3.0 * w2 - 2.0 * w3) * b.p
        + (w3 - w2) * dt * b.v
}

/// What not knowing the acceleration adds to the variance between two states, m²: `psd a³ b³ / (3 (a + b)³)`, with `a`
/// and `b` the seconds to the two.
pub(super) fn variance_between(dt: f64, w: f64, psd: f64) -> f64 {
    let share = w * (1.0 - w);
    psd * dt * dt * dt * share * share * share / 3.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_agrees_with_the_batch_solution() {
        // numpy: all states of the same model at once, by the inverse of the information matrix.
        let want = [
            (-0.188331983, 9.559395280, 0.820012163, 1.701193753),
            (9.444462176, 9.768970366, 0.477045769, 0.745922280),
            (19.493676014, 10.410747247, 0.567785491, 0.755910996),
            (24.835607591, 11.008683294, 0.695170418, 0.948459892),
            (69.515897233, 13.644353914, 2.160201390, 2.460916534),
        ];
        let (t, z) = ([0.0, 1.0, 2.0, 2.5, 6.0], [0.0, 9.5, 21.0, 24.0, 70.0]);
        let got = smooth_axis(&t, &z, &[1.0, 1.0, 2.0, 1.0, 1.5], 2.0);
        for (a, (p, v, pp, vv)) in got.iter().zip(want) {
            let off = [a.p - p, a.v - v, a.pp - pp, a.vv - vv];
            assert!(off.iter().all(|d| d.abs() < 1e-4), "{a:?}: {off:?}");
        }
        // And so is the spline between two states.
        let middle = between(&got[3], &got[4], 3.5, 1.5 / 3.5);
        assert!((middle - 42.80094083323555).abs() < 1e-4, "{middle}");
    }
}
