//! A smoother for the two horizontal axes at once: constant velocity, disturbed by white acceleration.
//!
//! As [`super::super::smoother`], but for positions of one sigma on both axes, which then share one covariance: half the
//! work, and an outlier on one axis is one on both. Matching smooths every trace, most of them long.

/// Density of the acceleration noise, m²/s³: 1.5 m/s of change in a second.
const PSD: f64 = 2.25;
/// One sigma of the velocity before anything is known of it, m/s.
const VELOCITY_PRIOR_MPS: f64 = 30.0;
/// Innovations beyond so many sigmas are weighted down.
const GATE: f64 = 3.0;

/// Position, velocity and their covariance, the same on both axes.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Motion {
    /// East, north, metres.
    pub p: [f64; 2],
    /// Metres per second.
    pub v: [f64; 2],
    /// Variance of the position, m².
    pub pp: f64,
    /// Covariance, m²/s.
    pub pv: f64,
    /// Variance of the velocity, m²/s².
    pub vv: f64,
}

impl Motion {
    fn first(z: [f64; 2], sigma_m: f64) -> Motion {
        Motion { p: z, v: [0.0; 2], pp: sigma_m * sigma_m, pv: 0.0, vv: VELOCITY_PRIOR_MPS * VELOCITY_PRIOR_MPS }
    }

    fn after(&self, dt: f64) -> Motion {
        Motion {
            p: [self.p[0] + self.v[0] * dt, self.p[1] + self.v[1] * dt],
            v: self.v,
            pp: self.pp + dt * (2.0 * self.pv + dt * self.vv) + PSD * dt * dt * dt / 3.0,
            pv: self.pv + dt * self.vv + PSD * dt * dt / 2.0,
            vv: self.vv + PSD * dt,
        }
    }

    fn heard(&self, z: [f64; 2], sigma_m: f64) -> Motion {
        let d = [z[0] - self.p[0], z[1] - self.p[1]];
        let limit2 = GATE * GATE * (self.pp + sigma_m * sigma_m) * 2.0;
        // Huber: beyond the limit the pull grows no more.
        let excess2 = ((d[0] * d[0] + d[1] * d[1]) / limit2).max(1.0);
        let s = self.pp + sigma_m * sigma_m * excess2;
        let (kp, kv) = (self.pp / s, self.pv / s);
        Motion {
            p: [self.p[0] + kp * d[0], self.p[1] + kp * d[1]],
            v: [self.v[0] + kv * d[0], self.v[1] + kv * d[1]],
            pp: (1.0 - kp) * self.pp,
            pv: (1.0 - kp) * self.pv,
            vv: self.vv - kv * self.pv,
        }
    }

    /// This filtered state, knowing the smoothed one `dt` seconds later.
    fn smoothed(&self, next: &Motion, dt: f64) -> Motion {
        let ahead = self.after(dt);
        let det = ahead.pp * ahead.vv - ahead.pv * ahead.pv;
        if det <= 0.0 || !det.is_finite() {
            return *self;
        }
        let (a, b) = (self.pp + dt * self.pv, self.pv);
        let (c, d) = (self.pv + dt * self.vv, self.vv);
        let (gpp, gpv) = ((a * ahead.vv - b * ahead.pv) / det, (b * ahead.pp - a * ahead.pv) / det);
        let (gvp, gvv) = ((c * ahead.vv - d * ahead.pv) / det, (d * ahead.pp - c * ahead.pv) / det);
        let mut out = *self;
        for i in 0..2 {
            let (dp, dv) = (next.p[i] - ahead.p[i], next.v[i] - ahead.v[i]);
            out.p[i] += gpp * dp + gpv * dv;
            out.v[i] += gvp * dp + gvv * dv;
        }
        let (epp, epv, evv) = (next.pp - ahead.pp, next.pv - ahead.pv, next.vv - ahead.vv);
        let quad = |x0: f64, x1: f64, y0: f64, y1: f64| x0 * (epp * y0 + epv * y1) + x1 * (epv * y0 + evv * y1);
        out.pp = (out.pp + quad(gpp, gpv, gpp, gpv)).max(0.0);
        out.pv += quad(gpp, gpv, gvp, gvv);
        out.vv = (out.vv + quad(gvp, gvv, gvp, gvv)).max(0.0);
        out
    }
}

/// Smooths positions `z` (metres) of one sigma at ascending times `t` (seconds) into `out`, one state each.
pub(super) fn smooth(t: &[f64], z: &[[f64; 2]], sigma_m: f64, out: &mut Vec<Motion>) {
    out.clear();
    for i in 0..t.len() {
        let state = match out.last() {
            Some(before) => before.after(t[i] - t[i - 1]).heard(z[i], sigma_m),
            None => Motion::first(z[i], sigma_m),
        };
        out.push(state);
    }
    for i in (0..t.len().saturating_sub(1)).rev() {
        out[i] = out[i].smoothed(&out[i + 1], t[i + 1] - t[i]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_noise_shrinks_and_turns_stay() {
        // A drive of 10 m/s round a corner, with a fixed pattern of noise of 10 m.
        let t: Vec<f64> = (0..200).map(f64::from).collect();
        let truth = |t: f64| if t < 100.0 { [10.0 * t, 0.0] } else { [1000.0, 10.0 * (t - 100.0)] };
        let noise = |k: u32| f64::from((k.wrapping_mul(2_654_435_761) >> 16) % 1000) / 1000.0 * 34.6 - 17.3;
        let z: Vec<[f64; 2]> = t
            .iter()
            .enumerate()
            .map(|(k, t)| {
                let k = k as u32;
                [truth(*t)[0] + noise(2 * k + 1), truth(*t)[1] + noise(2 * k + 7919)]
            })
            .collect();
        let mut out = Vec::new();
        smooth(&t, &z, 10.0, &mut out);
        let rms = |p: &dyn Fn(usize) -> [f64; 2]| {
            let sum: f64 =
                (0..200).map(|i| (p(i)[0] - truth(t[i])[0]).powi(2) + (p(i)[1] - truth(t[i])[1]).powi(2)).sum();
            (sum / 400.0).sqrt()
        };
        let (raw, smoothed) = (rms(&|i| z[i]), rms(&|i| out[i].p));
        assert!((raw - 10.0).abs() < 1.0 && smoothed < 0.6 * raw, "{raw} {smoothed}");
        assert!((out[50].v[0] - 10.0).abs() < 3.0 && (out[150].v[1] - 10.0).abs() < 3.0);
    }
}
