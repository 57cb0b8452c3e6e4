//! A recording's fixes, inertial readings and wheel speeds, cleaned and in the ego's axes.

use nalgebra::Vector3;

use super::super::positions::Position;
use super::fill::{Span, covered, fill, level};
use super::mount;
use super::noise::median;
use super::receiver::hold_to_way;
use super::units::{SpeedUnit, unit};
use super::{ClockPrior, Drive, Fix, MOST_SPEED, Reading};
use crate::coord::{EnuFrame, Pose};
use crate::error::{Location, Quarantine};
use crate::fuse::clock::lag::{FARTHEST_S, Lag, Seen, Signal, lag};
use crate::fuse::clock::leap::gps_time;
use crate::fuse::clock::step::{Step, step};
use crate::record::Recording;

/// No vehicle's IMU says more, rad/s and m/s².
const MOST_RATE: f64 = 35.0;
const MOST_FORCE: f64 = 160.0;
/// One sigma of a clock of which nothing is known beforehand, seconds.
const CLOCK_SIGMA_S: f64 = 0.3;
/// Fewer inertial readings than this are not worth it.
const FEWEST: usize = 100;
/// An IMU that covers less of the drive may mislead more than it tells; one that covers less than the second is told.
const LEAST_COVERED: f64 = 0.35;
const MOSTLY_COVERED: f64 = 0.9;
/// Without an IMU: fixes farther apart than this, seconds, or fewer, do not tell how a vehicle turns.
const LONGEST_INTERVAL_S: f64 = 2.5;
const FEWEST_FIXES: usize = 10;
const STANDARD_GRAVITY: f64 = 9.806_65;

/// The fixes of a recording as positions with speed and course, seconds since the first.
pub(in crate::fuse) fn fixes(recording: &Recording, positions: &[Position], points: &[Vector3<f64>]) -> Vec<Fix> {
    let start = positions.iter().find_map(|p| p.t_ns).unwrap_or(0);
    (positions.iter().zip(points))
        .map(|(p, at)| {
            let said = &recording.gnss[p.index];
            let t_ns = p.t_ns.unwrap_or(start);
            Fix {
                t_ns,
                t: seconds(t_ns, start),
                at: *at,
                sigma_xy_m: p.sigma_xy_m,
                sigma_z_m: p.sigma_z_m,
                // In whatever unit: see `hold_to_way`.
                speed_mps: said.speed_mps.filter(|v| v.abs() < 4.0 * MOST_SPEED),
                course_rad: said.course_deg.filter(|c| c.is_finite()).map(|c| (90.0 - c).to_radians()),
            }
        })
        .collect()
}

fn seconds(t_ns: i64, start_ns: i64) -> f64 {
    (i128::from(t_ns) - i128::from(start_ns)) as f64 / 1e9
}

/// What the smoother takes, or `None` where fixes are too few and far between for it.
pub(in crate::fuse) fn drive(
    recording: &Recording,
    frame: &EnuFrame,
    mut fixes: Vec<Fix>,
    trust_clocks: bool,
    quarantine: &mut Quarantine,
) -> Option<Drive> {
    let start = fixes.first()?.t_ns;
    hold_to_way(recording, &mut fixes, quarantine);
    let mounted = |channel: &str| recording.sensor(channel).and_then(|s| s.ego_se3_sensor);
    let antenna = mounted("gnss").map(|m| m.translation);
    let imu_mount = mounted("imu");
    let (imu, imu_lag, imu_at) = match felt(recording, &fixes, start, trust_clocks, quarantine) {
        Some((imu, lag, calibrated)) => (Some(imu), lag, imu_mount.filter(|_| calibrated).map(|m| m.translation)),
        None => (None, None, None),
    };
    let felt = imu.is_some();
    let interval = median(fixes.windows(2).map(|w| w[1].t - w[0].t).collect()).unwrap_or(f64::INFINITY);
    if !felt && (interval > LONGEST_INTERVAL_S || fixes.len() < FEWEST_FIXES) {
        return None;
    }
    let mut wheel = wheel(recording, start, quarantine);
    ahead(recording, &mut wheel, quarantine);
    if !trust_clocks {
        let found = step(&speeds_seen(&fixes), &Signal::through(&wheel, 1.0));
        one_clock(recording, "wheel speeds", found, &mut wheel, |w| w.0, quarantine);
    }
    let wheel_lag = if trust_clocks { None } else { speed_lag(&fixes, &wheel) };
    let wheel = wheel_in_units(recording, &fixes, wheel, wheel_lag, quarantine);
    let found = [("the IMU", imu_lag), ("the wheels", wheel_lag.filter(|_| !wheel.is_empty()))];
    if let Some(reason) = gps_time(start, &found.map(|(sensor, lag)| Some((sensor, lag?.offset_s)))) {
        quarantine.refuse(&Location::file(&recording.name), reason);
    }
    let prior = |lag: Option<Lag>, free: bool| match lag {
        _ if trust_clocks || !free => ClockPrior { offset_s: 0.0, sigma_s: 0.0 },
        Some(lag) => ClockPrior { offset_s: lag.offset_s, sigma_s: CLOCK_SIGMA_S },
        None => ClockPrior { offset_s: 0.0, sigma_s: CLOCK_SIGMA_S },
    };
    let ((imu, unfelt), imu_at): ((_, Vec<Span>), _) = match imu {
        Some(imu) if interval > LONGEST_INTERVAL_S => ((imu, Vec::new()), imu_at),
        Some(imu) => (fill(imu, &fixes, imu_lag.map_or(0.0, |l| l.offset_s)), imu_at),
        // Where nobody took readings they may as well have been taken at the antenna.
        None => ((level(&fixes), Vec::new()), Some(antenna.unwrap_or_default())),
    };
    Some(Drive {
        fixes,
        imu,
        felt,
        unfelt,
        wheel,
        antenna: if felt { antenna } else { imu_at },
        imu_at,
        imu_clock: prior(imu_lag, felt),
        wheel_clock: prior(wheel_lag, true),
        sigmas_said: recording.gnss.iter().any(|f| f.sigma_xy_m.is_some()),
        origin: (frame.origin().lat_deg, frame.origin().height_m),
    })
}

/// What an IMU felt, in the ego's axes, its offset against the course, and whether its calibration holds; `None` where it
/// is of no use.
fn felt(
    recording: &Recording,
    fixes: &[Fix],
    start: i64,
    trust_clocks: bool,
    quarantine: &mut Quarantine,
) -> Option<(Vec<Reading>, Option<Lag>, bool)> {
    let mount = recording.sensor("imu").and_then(|s| s.ego_se3_sensor);
    let mut imu = imu(recording, start, mount, quarantine);
    if imu.len() < FEWEST {
        return None;
    }
    let place = Location::file(&recording.name);
    // As far as any offset goes that can be found.
    let within = covered(&imu, fixes, 0.0, FARTHEST_S);
    if within < LEAST_COVERED {
        quarantine.refuse_many(&place, uncovered(within) + ": the IMU is left out", imu.len() as u64);
        return None;
    }
    let gravity = mount::mean_force(&imu).norm() / STANDARD_GRAVITY;
    if (gravity * STANDARD_GRAVITY - 1.0).abs() < 0.1 {
        quarantine.refuse(&place, "specific force is 1 at rest: taken to be in g");
        imu.iter_mut().for_each(|r| r.force *= STANDARD_GRAVITY);
    } else if !(0.8..1.25).contains(&gravity) {
        let reason = format!("specific force is {gravity:.2} g on the mean: the IMU is left out");
        quarantine.refuse_many(&place, reason, imu.len() as u64);
        return None;
    }
    let upright = mount.is_some() && mount::is_upright(&imu);
    if mount.is_some() && !upright {
        quarantine
            .refuse(&place, "the IMU's calibration has gravity pointing elsewhere than down: its mount is estimated");
    }
    if !upright {
        mount::level(&mut imu);
    }
    if !trust_clocks {
        let found = step(&turns_seen(fixes), &turned(&imu));
        one_clock(recording, "inertial readings", found, &mut imu, |r| r.t, quarantine);
    }
    let mut lag = if trust_clocks { None } else { turn_lag(fixes, &imu) };
    if lag.is_some_and(|l| (40.0..80.0).contains(&l.gain)) {
        quarantine.refuse(&place, "angular rates are 57 times the turns of the course: taken to be degrees a second");
        imu.iter_mut().for_each(|r| r.rate *= std::f64::consts::PI / 180.0);
    } else {
        lag = lag.filter(|l| (0.5..2.0).contains(&l.gain));
    }
    let within = covered(&imu, fixes, lag.map_or(0.0, |l| l.offset_s), 0.0);
    if within < LEAST_COVERED {
        quarantine.refuse_many(&place, uncovered(within) + ": the IMU is left out", imu.len() as u64);
        return None;
    } else if within < MOSTLY_COVERED {
        quarantine.refuse(&place, uncovered(within) + ": the rest is bridged without them");
    }
    if !upright && !mount::face_ahead(&mut imu, fixes, lag.map_or(0.0, |l| l.offset_s)) {
        let reason = "nothing tells how the IMU sits in the vehicle: it is left out";
        quarantine.refuse_many(&place, reason, imu.len() as u64);
        return None;
    }
    Some((imu, lag, upright))
}

/// What is said of an IMU that covers so much of the drive.
fn uncovered(share: f64) -> String {
    format!("inertial readings cover {:.0} % of the time of the fixes", (100.0 * share).floor())
}

/// Inertial readings in the ego's axes by time, seconds since `start`; what cannot be is refused.
pub(in crate::fuse) fn imu(
    recording: &Recording,
    start: i64,
    mount: Option<Pose>,
    quarantine: &mut Quarantine,
) -> Vec<Reading> {
    let rotation = mount.map(|m| m.rotation).unwrap_or_default();
    let place = |i: usize| Location::record(&recording.name, i as u64);
    let mut out: Vec<Reading> = Vec::with_capacity(recording.imu.len());
    let mut order: Vec<usize> = (0..recording.imu.len()).collect();
    order.sort_by_key(|i| recording.imu[*i].t);
    for i in order {
        let r = &recording.imu[i];
        let finite = r.accel_mps2.iter().chain(r.gyro_radps.iter()).all(|v| v.is_finite());
        let t = seconds(r.t.ns(), start);
        if !finite || r.gyro_radps.amax() > MOST_RATE || r.accel_mps2.amax() > MOST_FORCE {
            quarantine.refuse(&place(i), "inertial reading that is not finite or beyond what a vehicle feels");
        } else if out.last().is_some_and(|last| last.t >= t) {
            quarantine.refuse(&place(i), "inertial reading whose time repeats");
        } else {
            out.push(Reading { t, force: rotation * r.accel_mps2, rate: rotation * r.gyro_radps });
        }
    }
    out
}

/// Wheel speeds by time, seconds since `start`; what cannot be is refused.
pub(in crate::fuse) fn wheel(recording: &Recording, start: i64, quarantine: &mut Quarantine) -> Vec<(f64, f64)> {
    let place = |i: usize| Location::record(&recording.name, i as u64);
    let mut out: Vec<(f64, f64)> = Vec::with_capacity(recording.wheel.len());
    let mut order: Vec<usize> = (0..recording.wheel.len()).collect();
    order.sort_by_key(|i| recording.wheel[*i].t);
    for i in order {
        let r = &recording.wheel[i];
        let t = seconds(r.t.ns(), start);
        if !r.speed_mps.is_finite() || r.speed_mps.abs() > 4.0 * MOST_SPEED {
            quarantine.refuse(&place(i), "wheel speed that is not finite or beyond what a vehicle does");
        } else if out.last().is_some_and(|last| last.0 >= t) {
            quarantine.refuse(&place(i), "wheel speed whose time repeats");
        } else {
            out.push((t, r.speed_mps));
        }
    }
    out
}

/// Turns wheel speeds round that are negative throughout: nobody drives a whole way backwards.
fn ahead(recording: &Recording, wheel: &mut [(f64, f64)], quarantine: &mut Quarantine) {
    // In whatever unit: what is moving is fast against what the wheels come to half of the time that they turn.
    let turning: Vec<f64> = wheel.iter().map(|w| w.1).filter(|v| v.abs() > 0.1).collect();
    let Some(usual) = median(turning.iter().map(|v| v.abs()).collect()) else { return };
    let moving = turning.iter().filter(|v| v.abs() > 0.5 * usual).count();
    let back = turning.iter().filter(|v| **v < -0.5 * usual).count();
    if back >= FEWEST && 10 * back > 9 * moving {
        let reason = "wheel speeds are negative all along: taken to be forwards";
        quarantine.refuse(&Location::file(&recording.name), reason);
        wheel.iter_mut().for_each(|w| w.1 = -w.1);
    }
}

/// Speeds whose unit is not metres a second are put right where it is plain which one it is, else left out.
fn wheel_in_units(
    recording: &Recording,
    fixes: &[Fix],
    mut wheel: Vec<(f64, f64)>,
    lag: Option<Lag>,
    quarantine: &mut Quarantine,
) -> Vec<(f64, f64)> {
    let shift = lag.map_or(0.0, |l| l.offset_s);
    let ratios = (speeds(fixes).iter())
        .filter(|(_, v)| *v > 3.0)
        .filter_map(|(t, v)| {
            let j = wheel.partition_point(|w| w.0 + shift < *t);
            wheel.get(j).filter(|w| (w.0 + shift - t).abs() < 0.5).map(|w| w.1 / v)
        })
        .collect();
    let place = Location::file(&recording.name);
    let out = match unit(ratios) {
        SpeedUnit::Metres => return wheel,
        SpeedUnit::Other(name, factor, ratio) => {
            let reason = format!("wheel speeds are {ratio:.2} times those of GNSS: taken to be {name}");
            quarantine.refuse(&place, reason);
            wheel.iter_mut().for_each(|w| w.1 /= factor);
            return wheel;
        }
        SpeedUnit::Mixed(name) => format!("wheel speeds are in m/s at times and in {name} at others: left out"),
        SpeedUnit::None(ratio) => format!("wheel speeds are {ratio:.2} times those of GNSS: left out"),
    };
    quarantine.refuse_many(&place, out, wheel.len() as u64);
    Vec::new()
}

/// Speeds over ground by time: as the receiver says, else from its positions.
fn speeds(fixes: &[Fix]) -> Vec<(f64, f64)> {
    let said: Vec<(f64, f64)> = fixes.iter().filter_map(|f| Some((f.t, f.speed_mps?))).collect();
    if said.len() * 2 > fixes.len() {
        return said;
    }
    from_positions(fixes, |a, b, dt| (b.at - a.at).xy().norm() / dt)
}

/// A value per pair of fixes about a second apart, at its middle.
fn from_positions(fixes: &[Fix], of: impl Fn(&Fix, &Fix, f64) -> f64) -> Vec<(f64, f64)> {
    let mut j = 0;
    let mut out = Vec::new();
    for b in fixes {
        while b.t - fixes[j].t > 1.0 {
            j += 1;
        }
        let a = &fixes[j.saturating_sub(usize::from(b.t - fixes[j].t < 0.5 && j > 0))];
        let dt = b.t - a.t;
        if (0.5..2.5).contains(&dt) {
            out.push((0.5 * (a.t + b.t), of(a, b, dt)));
        }
    }
    out
}

/// Offset of the gyro against the course over ground.
fn turn_lag(fixes: &[Fix], imu: &[Reading]) -> Option<Lag> {
    lag(&turns_seen(fixes), &turned(imu))
}

/// The angle that the gyro turned.
fn turned(imu: &[Reading]) -> Signal {
    let mut turned = 0.0;
    let mut points = Vec::with_capacity(imu.len());
    for (i, r) in imu.iter().enumerate() {
        if let Some(before) = i.checked_sub(1).map(|b| &imu[b]) {
            // A gap adds nothing: what spans it is not used.
            turned += 0.5 * (before.rate.z + r.rate.z) * (r.t - before.t).min(0.5);
        }
        points.push((r.t, turned));
    }
    Signal::through(&points, 0.5)
}

/// Turns of the course over ground.
fn turns_seen(fixes: &[Fix]) -> Vec<Seen> {
    let courses: Vec<(f64, f64)> = match fixes.iter().filter(|f| f.course_rad.is_some()).count() * 2 > fixes.len() {
        true => (fixes.iter())
            .filter(|f| f.speed_mps.is_none_or(|v| v > 2.0))
            .filter_map(|f| Some((f.t, f.course_rad?)))
            .collect(),
        false => {
            let courses = from_positions(fixes, |a, b, dt| {
                let d = b.at - a.at;
                if d.xy().norm() > 2.0 * dt { libm::atan2(d.y, d.x) } else { f64::NAN }
            });
            courses.into_iter().filter(|c| c.1.is_finite()).collect()
        }
    };
    // Changes over about a second: long against the noise of a course, short against a bend.
    let mut seen = Vec::new();
    let mut j = 0;
    for b in &courses {
        while b.0 - courses[j].0 > 1.05 {
            j += 1;
        }
        let a = courses[j];
        if b.0 - a.0 > 0.4 {
            let change = libm::remainder(b.1 - a.1, std::f64::consts::TAU);
            seen.push(Seen { since: Some(a.0), t: b.0, value: change });
        }
    }
    seen
}

/// Offset of the wheels against the speed over ground.
fn speed_lag(fixes: &[Fix], wheel: &[(f64, f64)]) -> Option<Lag> {
    lag(&speeds_seen(fixes), &Signal::through(wheel, 1.0))
}

fn speeds_seen(fixes: &[Fix]) -> Vec<Seen> {
    speeds(fixes).into_iter().map(|(t, value)| Seen { since: None, t, value }).collect()
}

/// Leaves out what a sensor says on the shorter side of a step of its clock; `t` is a reading's time on that clock.
fn one_clock<T>(
    recording: &Recording,
    what: &str,
    step: Option<Step>,
    readings: &mut Vec<T>,
    t: impl Fn(&T) -> f64,
    quarantine: &mut Quarantine,
) {
    let (Some(step), Some(first), Some(last)) = (step, readings.first().map(&t), readings.last().map(&t)) else {
        return;
    };
    let (before, after) = step.offsets_s;
    // On the sensor's clock the first side ends and the second begins.
    let (end, begin) = (step.at_s - before, step.at_s - after);
    let keep_first = end - first >= last - begin;
    let all = readings.len();
    // Where it steps is known to a second or two: a little more is left out.
    const UNSURE_S: f64 = 2.0;
    readings.retain(|r| if keep_first { t(r) < end.min(begin) - UNSURE_S } else { t(r) > begin.max(end) + UNSURE_S });
    let (by, at) = (before - after, step.at_s);
    let reason =
        format!("{what} whose clock was set by {by:+.2} s about {at:.0} s after the first fix: left out on one side");
    quarantine.refuse_many(&Location::file(&recording.name), reason, (all - readings.len()) as u64);
}
