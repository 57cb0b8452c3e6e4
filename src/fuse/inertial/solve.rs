//! The rounds of filter and smoother.

use super::super::kalman::{Filter, Known, Row};
use super::guess::guess;
use super::measure::{Problem, variances};
use super::model::{AHEAD, C, DI, DW, LATE, M, Moment, N, Nav, P, Shared, T, TI, TW, YAW, skew};
use super::nodes::{Nodes, Sensed, gap_s};
use super::noise::{Noises, median};
use super::preintegrate::Readings;
use super::silence::unheard;
use super::{Drive, FoundClock, Solution, SolvedRow};
use nalgebra::Vector3;

/// Most rounds, and those after which the noise is taken to be known.
const ROUNDS: usize = 20;
const LEARNING: usize = 3;
/// A round that moves nothing by more than this is the last: metres, radians, seconds.
const SETTLED: (f64, f64, f64) = (0.02, 1e-3, 3e-4);
/// A clock has settled, too, where it moves by less than this much of its sigma.
const SETTLED_SIGMAS: f64 = 0.2;
/// No round turns the ego by more than this, radians.
const FARTHEST_TURN: f64 = 0.5;
/// A receiver's velocity that lags by less than so many sigmas, and seconds, is on time.
const LATE_SIGMAS: f64 = 4.0;
const LATE_S: f64 = 0.02;
/// What on time is, seconds.
const ON_TIME_S: f64 = 1e-5;
/// What an antenna without a calibration may be off by more than the filter finds, metres.
const UNMEASURED_M: f64 = 0.15;

/// The trajectory of a drive with an IMU; `None` where it does not move enough to have a heading.
pub(in crate::fuse) fn solve(drive: &Drive) -> Option<Solution> {
    let gap_s = gap_s(&drive.taken());
    let readings = Readings::new(&drive.imu, gap_s).on_clock(drive.imu_clock.offset_s, 0.0, 0.0);
    let nodes = Nodes::of(drive, &readings);
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
        ahead: 0.0,
        late_s: 0.0,
    };
    let mut navs = guess(drive, &nodes, &shared, &readings)?;
    let variances = variances(drive, nodes.felt[0]);
    let mut problem = Problem { drive, nodes, prior: (navs[0], shared), variances };
    let mut noises = Noises::of(drive);
    // Without a gyro the heading is not known so well as to be worth more rounds.
    let turned = if drive.felt && drive.unfelt.is_empty() { SETTLED.1 } else { 10.0 * SETTLED.1 };
    let mut filter = Filter::new(navs.len());
    for round in 1..=ROUNDS {
        let sensed = problem.nodes.sense(drive, &navs, &shared, gap_s);
        if (2..=LEARNING + 1).contains(&round) {
            // What the rounds so far leave over, the sensors on the clocks that these found.
            if round == LEARNING && !drive.sigmas_said {
                noises.weigh_slow(&problem, &navs, &shared, &sensed);
            }
            noises.learn(&problem, &navs, &shared, &sensed);
        }
        problem.run(&mut filter, &navs, &shared, &sensed, &noises);
        if round == LEARNING && is_on_time(&filter, &shared) {
            filter.revise(|f| f.update(&Row::new().with(LATE, 1.0), -shared.late_s, ON_TIME_S * ON_TIME_S));
            problem.variances[LATE] = 0.0;
        }
        let errors = filter.smooth(None);
        let most = |at: usize| errors.iter().map(|e| e.fixed_rows::<3>(at).norm()).fold(0.0, f64::max);
        let sigma = |i: usize| filter.known().1[(i, i)].max(0.0).sqrt();
        let clocks_settled = [TI, TW].iter().all(|i| errors[0][*i].abs() < SETTLED.2.max(SETTLED_SIGMAS * sigma(*i)));
        let settled = round > LEARNING && most(P) < SETTLED.0 && most(T) < turned && clocks_settled;
        // What is linear about a heading holds for a part of a radian: a farther step is cut, and taken again.
        let step = (FARTHEST_TURN / most(T).max(1e-9)).min(1.0);
        for (nav, error) in navs.iter_mut().zip(&errors) {
            *nav = nav.corrected(&(error * step));
        }
        shared = shared.corrected(&(errors[errors.len() - 1] * step));
        if !navs.iter().all(|n| n.p.iter().chain(n.v.iter()).chain(n.q.coords.iter()).all(|x| x.is_finite())) {
            return None;
        }
        if settled || round == ROUNDS {
            if !fits(&problem, &navs, &shared, &sensed, &noises) {
                return None;
            }
            let mut sigmas = vec![[0.0; 3]; navs.len()];
            let calibrated = drive.imu_at.is_some();
            let stays = noises.unseen(drive) * noises.usual_sigma_m;
            let unheard = unheard(drive, &problem.nodes, &navs);
            filter.smooth(Some(&mut |k: usize, known: &Known<N>| {
                sigmas[k] = row_sigmas(&navs[k], &shared, calibrated, known);
                sigmas[k][0] = libm::hypot(sigmas[k][0], stays);
                sigmas[k][1] = libm::hypot(sigmas[k][1], stays);
                sigmas[k][0] = sigmas[k][0].max(unheard[k][0]);
                sigmas[k][2] = sigmas[k][2].max(unheard[k][1]);
            }));
            // An antenna that sits ahead of where it is thought to looks like a clock that is late by as much way.
            let usual_mps = median(navs.iter().map(|n| n.v.norm()).filter(|v| *v > 1.0).collect()).unwrap_or(1.0);
            let aside = if drive.antenna.is_some() && calibrated { 0.0 } else { UNMEASURED_M / usual_mps };
            let clock = |offset_s: f64, drift_ppm: f64, i: usize, d: usize| FoundClock {
                offset_s,
                sigma_s: libm::hypot(sigma(i), aside),
                drift_ppm,
                drift_sigma_ppm: sigma(d),
            };
            return Some(Solution {
                rows: rows(&problem.nodes, &navs, &shared, calibrated, &sensed, &sigmas),
                imu_clock: drive.felt.then(|| clock(shared.imu_s, shared.imu_ppm, TI, DI)),
                wheel_clock: (!drive.wheel.is_empty()).then(|| clock(shared.wheel_s, shared.wheel_ppm, TW, DW)),
            });
        }
        // What was felt lies elsewhere in the next round, and so does the trajectory that follows it.
        let later = |k: usize, here: &Moment| step * (errors[k][TI] + errors[k][DI] * 1e-6 * here.since_middle_s);
        navs = (0..navs.len())
            .map(|k| problem.nodes.moment(k, &navs, &shared, &sensed))
            .enumerate()
            .map(|(k, here)| here.earlier(later(k, &here)))
            .collect();
    }
    None
}

/// Whether the receiver's velocity is on time, as that of most is: one that is not shows it against its own positions.
fn is_on_time(filter: &Filter<N, M, C>, shared: &Shared) -> bool {
    let (error, known) = filter.known();
    (shared.late_s + error[LATE]).abs() < (LATE_SIGMAS * known[(LATE, LATE)].max(0.0).sqrt()).max(LATE_S)
}

/// Whether the trajectory goes by the fixes: nine of ten lie within five sigmas.
fn fits(problem: &Problem, navs: &[Nav], shared: &Shared, sensed: &Sensed, noises: &Noises) -> bool {
    let (mut near, mut all) = (0, 0);
    for (k, fix) in problem.nodes.fix.iter().enumerate() {
        let Some(fix) = fix.map(|i| &problem.drive.fixes[i]) else { continue };
        let here = problem.nodes.moment(k, navs, shared, sensed);
        let off = |a: usize| fix.at[a] - here.position(a, noises.slow_share() * fix.sigma_xy_m).value;
        all += 1;
        near += usize::from(libm::hypot(off(0), off(1)) < 5.0 * fix.sigma_xy_m);
    }
    near * 10 >= all * 9
}

/// One sigma of position per horizontal axis, of height (metres) and of heading (radians).
fn row_sigmas(nav: &Nav, shared: &Shared, calibrated: bool, known: &Known<N>) -> [f64; 3] {
    let r = nav.q.to_rotation_matrix().into_inner();
    // The ego's origin is the IMU's less its place in the ego: without a calibration, the rear axle.
    let turn = r * skew(if calibrated { shared.imu } else { shared.imu_past_axle() });
    let free = if calibrated { 0.0 } else { 1.0 };
    let axis = |a: usize| {
        let row = Row::new().with(P + a, 1.0).with3(T, turn.row(a).transpose());
        known.variance(&row.with(AHEAD, -free * r[(a, 0)]))
    };
    let up = r.transpose() * Vector3::z();
    let heading = known.variance(&Row::new().with3(T, up).with(YAW, free));
    [(0.5 * (axis(0) + axis(1))).sqrt(), axis(2).sqrt(), heading.sqrt()]
}

fn rows(
    nodes: &Nodes,
    navs: &[Nav],
    shared: &Shared,
    calibrated: bool,
    sensed: &Sensed,
    sigmas: &[[f64; 3]],
) -> Vec<SolvedRow> {
    let rates: Vec<Vector3<f64>> = (0..navs.len()).map(|k| nodes.moment(k, navs, shared, sensed).rate).collect();
    let speeds: Vec<f64> = navs.iter().zip(&rates).map(|(nav, rate)| nav.axle_velocity(shared, *rate).x).collect();
    (0..navs.len())
        .map(|k| {
            let nav = &navs[k];
            let (a, b) = (k.saturating_sub(1), (k + 1).min(navs.len() - 1));
            SolvedRow {
                t_ns: nodes.t_ns[k],
                at: nav.p - nav.q * if calibrated { shared.imu } else { shared.imu_past_axle() },
                // A calibration says how the ego lies to the IMU; without one the ego looks where it drives.
                rotation: if calibrated { nav.q } else { nav.q * shared.body_r_travel() },
                sigma_xy_m: sigmas[k][0],
                sigma_z_m: sigmas[k][1],
                sigma_heading_rad: sigmas[k][2],
                speed_mps: speeds[k],
                acceleration_mps2: (speeds[b] - speeds[a]) / (nodes.t[b] - nodes.t[a]).max(1e-9),
                yaw_rate_radps: rates[k].z,
                fix: nodes.fix[k],
            }
        })
        .collect()
}
