//! One run of the filter over a drive, about a trajectory.

use nalgebra::{SVector, Vector3};

use super::super::kalman::{Filter, Row};
use super::Drive;
use super::model::{
    AHEAD, BA, BG, C, DI, DW, LATE, LEVER, M, N, Nav, P, PITCH, SCALE, Shared, T, TI, TW, U, V, YAW, gravity, step,
};
use super::nodes::{Nodes, Sensed};
use super::noise::Noises;
use super::preintegrate::log;

/// No fix is better than this from one to the next, metres.
const WHITE_FLOOR_M: f64 = 0.02;
/// Wheel speeds are filtered on their way: by so much of the acceleration they are off, seconds.
const WHEEL_BLUR_S: f64 = 0.02;
/// Slower than this, m/s, a receiver knows no course.
pub(super) const COURSE_MPS: f64 = 0.5;
/// A speed below zero is held to zero in silence with this sigma at each node, m/s: nodes a tenth of a second apart say the
/// same over and over, so that each may say little.
const FORWARD_MPS: f64 = 6.0;
/// One sigma of the curvature of a vehicle's path while nothing tells it, 1/m.
const STEERED: f64 = 0.1;
/// Two residuals together, and one, in sigmas squared, beyond which they are weighted down: 99 % of good ones lie below.
const GATE2: f64 = 9.21;
const GATE1: f64 = 6.63;

/// A drive to be solved: what does not change from round to round.
pub(super) struct Problem<'a> {
    pub drive: &'a Drive,
    pub nodes: Nodes,
    /// What is known beforehand.
    pub prior: (Nav, Shared),
    pub variances: SVector<f64, N>,
}

/// One sigma of the biases of gyro and accelerometer; where nothing was felt they are how the vehicle turns and speeds up.
fn biases(felt: bool) -> [[f64; 3]; 2] {
    if felt { [[0.02; 3], [0.3; 3]] } else { [[0.02, 0.02, 0.3], [2.0, 2.0, 0.1]] }
}

/// Variances of what is known beforehand, of a drive whose start was `felt` or not.
pub(super) fn variances(drive: &Drive, felt: bool) -> SVector<f64, N> {
    let mut sigma = SVector::<f64, N>::zeros();
    let mut set = |from: usize, values: &[f64]| sigma.as_mut_slice()[from..from + values.len()].copy_from_slice(values);
    let wheel = if drive.wheel.is_empty() { 0.0 } else { 1.0 };
    set(P, &[100.0; 3]);
    set(V, &[10.0, 10.0, 3.0]);
    set(T, &[0.1, 0.1, 0.5]);
    let [gyro, accel] = biases(felt);
    set(BG, &gyro);
    set(BA, &accel);
    set(U, &[1.0; 3]);
    set(SCALE, &[0.05 * wheel]);
    set(TI, &[drive.imu_clock.sigma_s]);
    set(TW, &[drive.wheel_clock.sigma_s * wheel]);
    if drive.felt {
        set(YAW, &[0.1]);
        set(PITCH, &[0.1]);
        set(AHEAD, &[1.5]);
    }
    // Between the two both calibrations lie.
    let measured = drive.antenna.is_some() && drive.imu_at.is_some();
    // Readings that nobody took are the antenna's own: nothing lies between the two.
    set(
        LEVER,
        &match (drive.felt, measured) {
            (false, _) => [0.0, 0.0],
            (true, true) => [0.05, 0.05],
            (true, false) => [0.7, 0.2],
        },
    );
    set(LATE, &[0.1]);
    let drift = |sigma_s: f64| if sigma_s > 0.0 { 20.0 } else { 0.0 };
    set(DI, &[drift(drive.imu_clock.sigma_s)]);
    set(DW, &[drift(drive.wheel_clock.sigma_s) * wheel]);
    sigma.component_mul(&sigma)
}

impl Problem<'_> {
    /// Runs the filter about a trajectory.
    pub fn run(&self, filter: &mut Filter<N, M, C>, navs: &[Nav], shared: &Shared, sensed: &Sensed, noises: &Noises) {
        filter.start(difference((&self.prior.0, &self.prior.1), (&navs[0], shared)), &self.variances);
        let count = navs.len();
        for k in 0..count {
            self.measure(k, navs, shared, sensed, noises, filter);
            filter.keep();
            if k + 1 < count {
                let g = gravity(self.drive.origin.0, self.drive.origin.1, navs[k].p);
                let felt = &self.nodes.felt;
                let noise = if self.drive.felt && !felt[k] { &noises.unfelt } else { &noises.model };
                let (mut transition, mut drift) = step(&navs[k], &navs[k + 1], &sensed.stretches[k], g, noise);
                if felt[k] != felt[k + 1] {
                    // From here on the biases are something else.
                    let [gyro, accel] = biases(felt[k + 1]);
                    for (from, nominal, sigma) in [(BG, navs[k + 1].bg, gyro), (BA, navs[k + 1].ba, accel)] {
                        for a in 0..3 {
                            transition.keep[from + a] = 0.0;
                            drift.renew[from + a] = sigma[a] * sigma[a];
                            drift.drive[from + a] = -nominal[a];
                        }
                    }
                }
                filter.predict(transition, &drift);
            }
        }
    }

    fn measure(
        &self,
        k: usize,
        navs: &[Nav],
        shared: &Shared,
        sensed: &Sensed,
        noises: &Noises,
        filter: &mut Filter<N, M, C>,
    ) {
        let here = self.nodes.moment(k, navs, shared, sensed);
        if let Some(fix) = self.nodes.fix[k].map(|i| &self.drive.fixes[i]) {
            let sigma = [fix.sigma_xy_m, fix.sigma_xy_m, fix.sigma_z_m];
            let expected: [_; 3] = std::array::from_fn(|a| here.position(a, noises.slow_share() * sigma[a]));
            let white = sigma.map(|s| (noises.white * s).powi(2) + WHITE_FLOOR_M * WHITE_FLOOR_M);
            let off: [f64; 3] = std::array::from_fn(|a| fix.at[a] - expected[a].value);
            let flat = inflation(off[0] * off[0] / white[0] + off[1] * off[1] / white[1], GATE2);
            for a in 0..3 {
                let more = if a < 2 { flat } else { inflation(off[a] * off[a] / white[a], GATE1) };
                filter.update(&expected[a].row, off[a], white[a] * more);
            }
            if let Some((speed, course)) = fix.speed_mps.zip(fix.course_rad).filter(|s| s.0 > COURSE_MPS) {
                let variance = (noises.velocity_mps * (fix.sigma_xy_m / noises.usual_sigma_m).max(0.5)).powi(2);
                let (sin, cos) = libm::sincos(course);
                let along = here.velocity_along(Vector3::new(cos, sin, 0.0));
                let across = here.velocity_along(Vector3::new(-sin, cos, 0.0));
                let (a, b) = (speed - along.value, -across.value);
                let more = inflation((a * a + b * b) / variance, GATE2);
                filter.update(&along.row, a, variance * more);
                filter.update(&across.row, b, variance * more);
            }
        }
        let velocity = here.nav.axle_velocity(shared, here.rate);
        let spacing = if k > 0 { self.nodes.t[k] - self.nodes.t[k - 1] } else { 0.1 };
        // What these are off by lasts: nodes that lie closer than a tenth of a second count for less.
        let often = (0.1 / spacing.max(1e-3)).max(1.0);
        let sideways = (here.r.transpose() * here.acceleration).y.abs();
        let slip = 0.1 + 0.005 * velocity.x.abs() * (sideways / 3.0).min(1.0);
        let heave = 0.2 + 0.01 * velocity.x.abs();
        for (axis, sigma) in [(1, slip), (2, heave)] {
            let zero = here.axle_velocity(axis);
            take(filter, &zero.row, -zero.value, sigma * sigma * often);
        }
        if !self.nodes.felt[k] {
            // It turns as its wheels steer: hardly at all when it stands.
            let sigma = STEERED * velocity.x.abs() + 0.005;
            filter.update(&Row::new().with(BG + 2, 1.0), here.rate.z, sigma * sigma * often);
            // Nobody reverses while nobody hears of it: what would have to is a turn, or a stop.
            if velocity.x < 0.0 && self.drive.is_silent(self.nodes.fix_before[k]) {
                take(filter, &here.axle_velocity(0).row, -velocity.x, FORWARD_MPS * FORWARD_MPS * often);
            }
        }
        if sensed.still[k] {
            let sigma = (2.0 * noises.model.gyro / spacing.max(0.01).sqrt()).max(5e-4);
            for a in 0..3 {
                take(filter, &Row::new().with(V + a, 1.0), -here.nav.v[a], 0.02 * 0.02 * often);
                take(filter, &Row::new().with(BG + a, 1.0), here.rate[a], sigma * sigma * often);
            }
        } else if let Some(wheel) = sensed.wheel[k] {
            let expected = here.wheel(wheel.late_s);
            let blur = WHEEL_BLUR_S * here.acceleration.norm();
            let variance = (noises.wheel_mps.powi(2) + blur * blur) * often;
            take(filter, &expected.row, wheel.speed_mps - expected.value, variance);
        }
    }
}

/// Takes in one residual, weighted down where it is beyond the gate.
fn take(filter: &mut Filter<N, M, C>, row: &Row, off: f64, variance: f64) {
    filter.update(row, off, variance * inflation(off * off / variance, GATE1));
}

/// By how much the variance grows where a residual is beyond the gate: the pull of an outlier grows no more.
fn inflation(normalised: f64, gate: f64) -> f64 {
    (normalised / gate).max(1.0)
}

/// The errors of a state, given what was known beforehand.
fn difference(prior: (&Nav, &Shared), now: (&Nav, &Shared)) -> SVector<f64, N> {
    let (pn, ps, n, s) = (prior.0, prior.1, now.0, now.1);
    let mut e = SVector::<f64, N>::zeros();
    let mut put = |i: usize, v: Vector3<f64>| e.fixed_rows_mut::<3>(i).copy_from(&v);
    put(P, pn.p - n.p);
    put(V, pn.v - n.v);
    put(T, log(&(n.q.inverse() * pn.q)));
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
    e[AHEAD] = ps.ahead - s.ahead;
    e[LATE] = ps.late_s - s.late_s;
    e
}
