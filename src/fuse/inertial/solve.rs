//! The rounds of filter and smoother.

use nalgebra::{SVector, Vector3};

use super::super::kalman::{Filter, Known, Row};
use super::guess::guess;
use super::model::{
    AHEAD, BA, BG, C, DI, DW, LEVER, M, Moment, N, Nav, Noise, P, PITCH, SCALE, Shared, T, TI, TW, U, V, YAW, gravity,
    skew, step,
};
use super::noise::{median, of_imu, robust_sigma};
use super::preintegrate::{Reading, Readings, Stretch};
use super::{Drive, FoundClock, Solution, SolvedRow};

/// Nodes lie no farther apart than this, nanoseconds.
const STEP_NS: i64 = 100_000_000;
/// Most rounds.
const ROUNDS: usize = 8;
/// Two residuals of a fix, in sigmas squared, beyond which it is weighted down: 99 % of good ones lie below.
const GATE2: f64 = 9.21;
/// The same for one residual.
const GATE1: f64 = 6.63;
/// Readings of wheels that are averaged for a node: those within this of it, seconds.
const WHEEL_HALF_S: f64 = 0.05;
/// All wheel speeds within this of a node are 0 where the ego stands.
const STILL_HALF_S: f64 = 0.25;
const STILL_MPS: f64 = 0.03;

struct Noises {
    model: Noise,
    /// White share of a fix's sigma; the rest is slow.
    white: f64,
    /// One sigma of GNSS velocity per axis at the median fix, m/s.
    velocity_mps: f64,
    /// One sigma of a node's wheel speed, m/s.
    wheel_mps: f64,
}

/// Wheel speed at a node: mean, and how much later than the node it is.
#[derive(Debug, Clone, Copy)]
struct WheelMean {
    speed_mps: f64,
    late_s: f64,
}

struct Nodes {
    t_ns: Vec<i64>,
    t: Vec<f64>,
    fix: Vec<Option<usize>>,
    fix_before: Vec<usize>,
}

/// A round's view of the sensors, on the clocks as known so far.
struct Sensed {
    stretches: Vec<Stretch>,
    wheel: Vec<Option<WheelMean>>,
    still: Vec<bool>,
}

/// The trajectory of a drive with an IMU; `None` where it does not move enough to have a heading.
pub(in crate::fuse) fn solve(drive: &Drive) -> Option<Solution> {
    let nodes = nodes(drive);
    let middle = 0.5 * nodes.t[nodes.t.len() - 1];
    let mut noises = Noises { model: of_imu(&drive.imu), white: 0.4, velocity_mps: 0.2, wheel_mps: 0.05 };
    let imu_at = drive.imu_at.unwrap_or_default();
    let mut shared = Shared {
        scale: 0.0,
        imu_s: drive.imu_clock.offset_s,
        wheel_s: drive.wheel_clock.offset_s,
        imu_ppm: 0.0,
        wheel_ppm: 0.0,
        yaw: 0.0,
        pitch: 0.0,
        antenna: drive.antenna.unwrap_or(imu_at) - imu_at,
        imu: imu_at,
    };
    let gap_s = gap_s(&drive.imu);
    let mut navs = {
        let shifted = shifted(&drive.imu, shared.imu_s, 0.0, middle);
        guess(drive, &nodes.t, &nodes.fix_before, &shared, &Readings::new(&shifted, gap_s))?
    };
    let (prior_nav, prior_shared) = (navs[0], shared);
    let variances = prior_variances(drive);
    let worst = median(drive.fixes.iter().map(|f| f.sigma_xy_m).collect()).unwrap_or(1.0);
    let mut rounds = 0;
    loop {
        let sensed = sense(drive, &nodes, &navs, &shared, middle, gap_s);
        let filter = filter(
            drive,
            &nodes,
            &navs,
            &shared,
            &sensed,
            &noises,
            middle,
            worst,
            (&prior_nav, &prior_shared),
            &variances,
        );
        rounds += 1;
        let errors = filter.smooth(None);
        let moved = errors.iter().map(|e| e.fixed_rows::<3>(P).norm()).fold(0.0, f64::max);
        let turned = errors.iter().map(|e| e.fixed_rows::<3>(T).norm()).fold(0.0, f64::max);
        let clocked = errors[0][TI].abs().max(errors[0][TW].abs());
        let settled = rounds >= 3 && moved < 0.01 && turned < 5e-4 && clocked < 2e-4;
        for (nav, error) in navs.iter_mut().zip(&errors) {
            *nav = nav.corrected(error);
        }
        shared = shared.corrected(&errors[errors.len() - 1]);
        if !navs.iter().all(|n| n.p.iter().chain(n.v.iter()).chain(n.q.coords.iter()).all(|x| x.is_finite())) {
            return None;
        }
        if settled || rounds >= ROUNDS {
            let mut sigmas = vec![[0.0; 3]; navs.len()];
            filter.smooth(Some(&mut |k: usize, known: &Known<N>| sigmas[k] = row_sigmas(&navs[k], &shared, known)));
            let last = filter.covariance();
            let clock = |offset_s: f64, ppm: f64, i: usize, d: usize| FoundClock {
                offset_s,
                sigma_s: last[(i, i)].max(0.0).sqrt(),
                drift_ppm: ppm,
                drift_sigma_ppm: last[(d, d)].max(0.0).sqrt(),
            };
            return Some(Solution {
                rows: rows(&nodes, &navs, &shared, &sensed, &sigmas),
                imu_clock: clock(shared.imu_s, shared.imu_ppm, TI, DI),
                wheel_clock: clock(shared.wheel_s, shared.wheel_ppm, TW, DW),
            });
        }
        learn(drive, &nodes, &navs, &shared, &sensed, middle, worst, &mut noises);
    }
}

/// Nodes at all fixes, and between them where they lie far apart.
fn nodes(drive: &Drive) -> Nodes {
    let mut out = Nodes { t_ns: Vec::new(), t: Vec::new(), fix: Vec::new(), fix_before: Vec::new() };
    let start = drive.fixes[0].t_ns;
    for (i, fix) in drive.fixes.iter().enumerate() {
        let mut push = |t_ns: i64, at: Option<usize>, before: usize| {
            out.t_ns.push(t_ns);
            out.t.push((t_ns - start) as f64 / 1e9);
            out.fix.push(at);
            out.fix_before.push(before);
        };
        if let Some(before) = i.checked_sub(1).map(|b| &drive.fixes[b]) {
            let span = fix.t_ns - before.t_ns;
            let parts = ((span + STEP_NS - 1) / STEP_NS).clamp(1, 1200);
            for k in 1..parts {
                push(before.t_ns + (i128::from(span) * i128::from(k) / i128::from(parts)) as i64, None, i - 1);
            }
        }
        push(fix.t_ns, Some(i), i);
    }
    out
}

/// Neighbouring readings farther apart than this have a gap between them, seconds.
fn gap_s(imu: &[Reading]) -> f64 {
    let period = median(imu.windows(2).map(|w| w[1].t - w[0].t).collect()).unwrap_or(0.01);
    (5.0 * period).clamp(0.05, 0.25)
}

fn shifted(imu: &[Reading], offset_s: f64, ppm: f64, middle: f64) -> Vec<Reading> {
    imu.iter().map(|r| Reading { t: r.t + offset_s + ppm * 1e-6 * (r.t - middle), ..*r }).collect()
}

fn prior_variances(drive: &Drive) -> SVector<f64, N> {
    let mut sigma = SVector::<f64, N>::zeros();
    let mut set = |from: usize, values: &[f64]| sigma.as_mut_slice()[from..from + values.len()].copy_from_slice(values);
    set(P, &[100.0; 3]);
    set(V, &[10.0, 10.0, 3.0]);
    set(T, &[0.1, 0.1, 0.5]);
    set(BG, &[0.02; 3]);
    set(BA, &[0.3; 3]);
    set(U, &[1.0; 3]);
    let wheel = !drive.wheel.is_empty();
    set(SCALE, &[if wheel { 0.05 } else { 0.0 }]);
    set(TI, &[drive.imu_clock.sigma_s]);
    set(TW, &[if wheel { drive.wheel_clock.sigma_s } else { 0.0 }]);
    let mount = if drive.imu_mounted { 0.02 } else { 0.1 };
    set(YAW, &[mount, mount]);
    set(LEVER, &if drive.antenna.is_some() { [0.05, 0.05] } else { [0.7, 0.2] });
    set(AHEAD, &[if drive.imu_at.is_some() { 0.05 } else { 1.0 }]);
    let drift = |sigma_s: f64| if sigma_s > 0.0 { 20.0 } else { 0.0 };
    set(DI, &[drift(drive.imu_clock.sigma_s)]);
    set(DW, &[if wheel { drift(drive.wheel_clock.sigma_s) } else { 0.0 }]);
    sigma.component_mul(&sigma)
}

fn sense(drive: &Drive, nodes: &Nodes, navs: &[Nav], shared: &Shared, middle: f64, gap_s: f64) -> Sensed {
    let imu = shifted(&drive.imu, shared.imu_s, shared.imu_ppm, middle);
    let readings = Readings::new(&imu, gap_s);
    let stretches: Vec<Stretch> =
        (nodes.t.windows(2).zip(navs)).map(|(t, nav)| readings.between(t[0], t[1], nav.bg, nav.ba)).collect();
    let wheel: Vec<(f64, f64)> =
        drive.wheel.iter().map(|(t, v)| (t + shared.wheel_s + shared.wheel_ppm * 1e-6 * (t - middle), *v)).collect();
    let within = |t: f64, half: f64| {
        let from = wheel.partition_point(|w| w.0 < t - half);
        let to = wheel.partition_point(|w| w.0 < t + half);
        &wheel[from..to]
    };
    let means = nodes.t.iter().map(|&t| {
        let near = within(t, WHEEL_HALF_S);
        let n = near.len() as f64;
        (!near.is_empty()).then(|| WheelMean {
            speed_mps: near.iter().map(|w| w.1).sum::<f64>() / n,
            late_s: near.iter().map(|w| w.0 - t).sum::<f64>() / n,
        })
    });
    let still = nodes.t.iter().map(|&t| {
        let near = within(t, STILL_HALF_S);
        near.len() >= 3 && near.iter().all(|w| w.1.abs() < STILL_MPS)
    });
    Sensed { wheel: means.collect(), still: still.collect(), stretches }
}

/// The state at a node with its motion.
fn moment<'a>(
    k: usize,
    nodes: &Nodes,
    navs: &'a [Nav],
    shared: &'a Shared,
    sensed: &Sensed,
    middle: f64,
) -> Moment<'a> {
    let (a, b) = (k.saturating_sub(1), (k + 1).min(navs.len() - 1));
    let span = nodes.t[b] - nodes.t[a];
    let acceleration = if span > 0.0 { (navs[b].v - navs[a].v) / span } else { Vector3::zeros() };
    let around = [k.checked_sub(1), (k < sensed.stretches.len()).then_some(k)];
    let known: Vec<Vector3<f64>> =
        around.into_iter().flatten().map(|i| &sensed.stretches[i]).filter(|s| s.covered).map(|s| s.rate).collect();
    let rate = known.iter().sum::<Vector3<f64>>() / known.len().max(1) as f64;
    Moment {
        nav: &navs[k],
        shared,
        r: navs[k].q.to_rotation_matrix().into_inner(),
        rate,
        acceleration,
        since_middle_s: nodes.t[k] - middle,
    }
}

/// Slow share of a fix's sigma: what is not white, and a tenth more, since what receivers say of themselves takes their
/// errors for independent.
fn slow(noises: &Noises) -> f64 {
    1.1 * (1.0 - noises.white * noises.white).max(0.25).sqrt()
}

/// By how much the variance grows where a residual is beyond the gate: the pull of an outlier grows no more.
fn inflation(normalised: f64, gate: f64) -> f64 {
    (normalised / gate).max(1.0)
}

#[allow(clippy::too_many_arguments)]
fn filter(
    drive: &Drive,
    nodes: &Nodes,
    navs: &[Nav],
    shared: &Shared,
    sensed: &Sensed,
    noises: &Noises,
    middle: f64,
    usual_sigma: f64,
    prior: (&Nav, &Shared),
    variances: &SVector<f64, N>,
) -> Filter<N, M, C> {
    let mut filter = Filter::new(difference(prior, (&navs[0], shared)), *variances, nodes.t.len());
    for k in 0..nodes.t.len() {
        let here = moment(k, nodes, navs, shared, sensed, middle);
        if let Some(fix) = nodes.fix[k].map(|i| &drive.fixes[i]) {
            let slow = slow(noises);
            let sigma = [fix.sigma_xy_m, fix.sigma_xy_m, fix.sigma_z_m];
            let expected: [_; 3] = std::array::from_fn(|a| here.position(a, slow * sigma[a]));
            let white = sigma.map(|s| (noises.white * s).powi(2));
            let off: [f64; 3] = std::array::from_fn(|a| fix.at[a] - expected[a].value);
            let flat = inflation(off[0] * off[0] / white[0] + off[1] * off[1] / white[1], GATE2);
            for a in 0..3 {
                let more = if a < 2 { flat } else { inflation(off[a] * off[a] / white[a], GATE1) };
                filter.update(&expected[a].row, off[a], white[a] * more);
            }
            let variance = (noises.velocity_mps * (fix.sigma_xy_m / usual_sigma).max(0.5)).powi(2);
            if let (Some(speed), Some(course)) = (fix.speed_mps, fix.course_rad)
                && speed > 0.5
            {
                let (sin, cos) = libm::sincos(course);
                let along = here.velocity_along(Vector3::new(cos, sin, 0.0));
                let across = here.velocity_along(Vector3::new(-sin, cos, 0.0));
                let (a, b) = (speed - along.value, -across.value);
                let more = inflation((a * a + b * b) / variance, GATE2);
                filter.update(&along.row, a, variance * more);
                filter.update(&across.row, b, variance * more);
            }
        }
        let velocity = here.nav.ego_velocity(shared, here.rate);
        let spacing = if k > 0 { nodes.t[k] - nodes.t[k - 1] } else { 0.1 };
        // Errors of these last longer than a node: so much that ten a second count as one of so many sigmas a second.
        let often = (0.1 / spacing.max(1e-3)).max(1.0);
        let sideways = (here.r.transpose() * here.acceleration).y.abs();
        let slip = 0.1 + 0.005 * velocity.x.abs() * (sideways / 3.0).min(1.0);
        let heave = 0.2 + 0.01 * velocity.x.abs();
        for (axis, sigma) in [(1, slip), (2, heave)] {
            let zero = here.ego_velocity(axis);
            let variance = sigma * sigma * often;
            let more = inflation(zero.value * zero.value / variance, GATE1);
            filter.update(&zero.row, -zero.value, variance * more);
        }
        if sensed.still[k] {
            for a in 0..3 {
                let row = Row::new().with(V + a, 1.0);
                let v = here.nav.v[a];
                filter.update(&row, -v, 0.02f64.powi(2) * often * inflation(v * v / 0.0004, GATE1));
                let rate = here.rate[a];
                let sigma = (2.0 * noises.model.gyro / spacing.max(0.01).sqrt()).max(5e-4);
                filter.update(
                    &Row::new().with(BG + a, 1.0),
                    rate,
                    sigma * sigma * often * inflation(rate * rate / (sigma * sigma), GATE1),
                );
            }
        } else if let Some(wheel) = sensed.wheel[k] {
            let expected = here.wheel(wheel.late_s);
            let off = wheel.speed_mps - expected.value;
            let variance = noises.wheel_mps.powi(2) * often;
            filter.update(&expected.row, off, variance * inflation(off * off / variance, GATE1));
        }
        filter.keep();
        if k + 1 < nodes.t.len() {
            let g = gravity(drive.origin.0, drive.origin.1, navs[k].p);
            filter.predict(step(&navs[k], &navs[k + 1], &sensed.stretches[k], g, &noises.model));
        }
    }
    filter
}

/// The errors of a state, given what was known beforehand.
fn difference(prior: (&Nav, &Shared), now: (&Nav, &Shared)) -> SVector<f64, N> {
    let (pn, ps, n, s) = (prior.0, prior.1, now.0, now.1);
    let mut e = SVector::<f64, N>::zeros();
    let mut put = |i: usize, v: Vector3<f64>| e.fixed_rows_mut::<3>(i).copy_from(&v);
    put(P, pn.p - n.p);
    put(V, pn.v - n.v);
    put(T, super::preintegrate::log(&(n.q.inverse() * pn.q)));
    // Biases are 0 beforehand, whatever the first guess of them.
    put(BG, -n.bg);
    put(BA, -n.ba);
    put(U, -n.u);
    e[SCALE] = ps.scale - s.scale;
    e[TI] = ps.imu_s - s.imu_s;
    e[TW] = ps.wheel_s - s.wheel_s;
    e[DI] = ps.imu_ppm - s.imu_ppm;
    e[DW] = ps.wheel_ppm - s.wheel_ppm;
    e[YAW] = ps.yaw - s.yaw;
    e[PITCH] = ps.pitch - s.pitch;
    e[LEVER] = ps.antenna.x - s.antenna.x;
    e[LEVER + 1] = ps.antenna.y - s.antenna.y;
    e[AHEAD] = ps.imu.x - s.imu.x;
    e
}

/// Learns the noise of the sensors from what the last round left over.
#[allow(clippy::too_many_arguments)]
fn learn(
    drive: &Drive,
    nodes: &Nodes,
    navs: &[Nav],
    shared: &Shared,
    sensed: &Sensed,
    middle: f64,
    usual_sigma: f64,
    noises: &mut Noises,
) {
    let (mut white, mut velocity, mut wheel) = (Vec::new(), Vec::new(), Vec::new());
    let slow = slow(noises);
    for k in 0..nodes.t.len() {
        let here = moment(k, nodes, navs, shared, sensed, middle);
        if let Some(fix) = nodes.fix[k].map(|i| &drive.fixes[i]) {
            for a in 0..2 {
                white.push((fix.at[a] - here.position(a, slow * fix.sigma_xy_m).value) / fix.sigma_xy_m);
            }
            if let (Some(speed), Some(course)) = (fix.speed_mps, fix.course_rad)
                && speed > 0.5
            {
                let (sin, cos) = libm::sincos(course);
                let usual = (usual_sigma / fix.sigma_xy_m).min(2.0);
                velocity.push((speed - here.velocity_along(Vector3::new(cos, sin, 0.0)).value) * usual);
                velocity.push(-here.velocity_along(Vector3::new(-sin, cos, 0.0)).value * usual);
            }
        }
        if let Some(mean) = sensed.wheel[k].filter(|_| !sensed.still[k]) {
            wheel.push(mean.speed_mps - here.wheel(mean.late_s).value);
        }
    }
    if let Some(sigma) = robust_sigma(white) {
        noises.white = sigma.clamp(0.05, 0.85);
    }
    if let Some(sigma) = robust_sigma(velocity) {
        noises.velocity_mps = sigma.clamp(0.03, 1.0);
    }
    if let Some(sigma) = robust_sigma(wheel) {
        noises.wheel_mps = sigma.clamp(0.01, 0.5);
    }
}

/// One sigma of position per horizontal axis, of height (metres) and of heading (radians).
fn row_sigmas(nav: &Nav, shared: &Shared, known: &Known<N>) -> [f64; 3] {
    let r = nav.q.to_rotation_matrix().into_inner();
    // The ego's origin is the IMU's less its place in the ego.
    let turn = r * skew(shared.imu);
    let axis = |a: usize| {
        known.variance(&Row::new().with(P + a, 1.0).with3(T, turn.row(a).transpose()).with(AHEAD, -r[(a, 0)]))
    };
    let up = r.transpose() * Vector3::z();
    let heading = known.variance(&Row::new().with3(T, up).with(YAW, 1.0));
    [(0.5 * (axis(0) + axis(1))).sqrt(), axis(2).sqrt(), heading.sqrt()]
}

fn rows(nodes: &Nodes, navs: &[Nav], shared: &Shared, sensed: &Sensed, sigmas: &[[f64; 3]]) -> Vec<SolvedRow> {
    let moments = |k: usize| moment(k, nodes, navs, shared, sensed, 0.0);
    let speeds: Vec<f64> = (0..navs.len()).map(|k| navs[k].ego_velocity(shared, moments(k).rate).x).collect();
    (0..navs.len())
        .map(|k| {
            let nav = &navs[k];
            let here = moments(k);
            let rotation = nav.q * shared.body_r_ego();
            let (a, b) = (k.saturating_sub(1), (k + 1).min(navs.len() - 1));
            SolvedRow {
                t_ns: nodes.t_ns[k],
                at: nav.p - nav.q * shared.imu,
                rotation,
                sigma_xy_m: sigmas[k][0],
                sigma_z_m: sigmas[k][1],
                sigma_heading_rad: sigmas[k][2],
                speed_mps: speeds[k],
                acceleration_mps2: (speeds[b] - speeds[a]) / (nodes.t[b] - nodes.t[a]).max(1e-9),
                yaw_rate_radps: (shared.body_r_ego().inverse() * here.rate).z,
                fix: nodes.fix[k],
            }
        })
        .collect()
}
