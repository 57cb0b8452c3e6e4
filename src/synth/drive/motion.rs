//! [`Motion`]: where the vehicle is at every moment, smooth enough to differentiate twice.

use nalgebra::{Quaternion, UnitQuaternion, Vector3};

use crate::coord::Pose;
use crate::synth::planar::{V2, cross};

use super::route::{Line, STEP_M};

/// Ticks of the table a second.
const TABLE_HZ: f64 = 200.0;
/// Strongest acceleration, braking and sideways acceleration, m/s².
const ACCELERATE: f64 = 1.5;
const BRAKE: f64 = 1.9;
const SIDEWAYS: f64 = 1.8;
/// How far the body leans, radians per m/s²: nose down when braking, outwards in bends.
const PITCH_PER_MPS2: f64 = -0.005;
const ROLL_PER_MPS2: f64 = 0.006;
/// Seconds at rest before the drive sets off.
const REST_S: f64 = 1.5;

/// State at one tick of the table.
#[derive(Debug, Clone, Copy)]
struct Tick {
    s: f64,
    place: V2,
    yaw: f64,
    pitch: f64,
    roll: f64,
}

/// A drive as a function of time. World: ENU of the town; ego: FLU at the rear axle on the ground.
pub struct Motion {
    ticks: Vec<Tick>,
    duration_s: f64,
}

impl Motion {
    /// Drives along a line within what it allows, for at most `limit_s` seconds.
    pub fn along(line: &Line, limit_s: f64) -> Motion {
        let (times, places) = timetable(line);
        let end = times[times.len() - 1].min(limit_s);
        let count = (end * TABLE_HZ) as usize;
        let at = |t: f64| {
            let i = times.partition_point(|&x| x <= t).clamp(1, times.len() - 1);
            let w = ((t - times[i - 1]) / (times[i] - times[i - 1])).clamp(0.0, 1.0);
            places[i - 1] + (places[i] - places[i - 1]) * w
        };
        // A Gaussian of 0.3 s over the way bounds the jerk and leaves standstill a standstill.
        let sigma = 0.3 * TABLE_HZ;
        let reach = (4.0 * sigma) as isize;
        let kernel: Vec<f64> = (-reach..=reach).map(|k| libm::exp(-0.5 * (k as f64 / sigma).powi(2))).collect();
        let total: f64 = kernel.iter().sum();
        let raw: Vec<f64> = (-reach..=count as isize + reach).map(|k| at(k as f64 / TABLE_HZ)).collect();
        let s: Vec<f64> =
            (0..=count).map(|i| kernel.iter().zip(&raw[i..]).map(|(k, v)| k * v).sum::<f64>() / total).collect();
        let mut ticks: Vec<Tick> = s
            .iter()
            .map(|&s| {
                let d = tangent(line, s);
                Tick { s, place: on(line, s), yaw: libm::atan2(d.y, d.x), pitch: 0.0, roll: 0.0 }
            })
            .collect();
        for i in 1..ticks.len() {
            let turn = ticks[i].yaw - ticks[i - 1].yaw;
            ticks[i].yaw -= std::f64::consts::TAU * libm::round(turn / std::f64::consts::TAU);
        }
        // The suspension follows the accelerations; both are smooth, so no filter of its own is needed.
        let h = 10usize;
        let span = h as f64 / TABLE_HZ;
        for i in h..ticks.len().saturating_sub(h) {
            let accel = (s[i + h] - 2.0 * s[i] + s[i - h]) / (span * span);
            let speed = (s[i + h] - s[i - h]) / (2.0 * span);
            let yaw_rate = (ticks[i + h].yaw - ticks[i - h].yaw) / (2.0 * span);
            ticks[i].pitch = PITCH_PER_MPS2 * accel;
            ticks[i].roll = ROLL_PER_MPS2 * speed * yaw_rate;
        }
        let duration_s = (count.saturating_sub(2 * h)) as f64 / TABLE_HZ;
        // The ends, where the lean is unknown, are left out of the drive.
        Motion { ticks: ticks.split_off(h.min(ticks.len())), duration_s }
    }

    /// Seconds that the drive lasts.
    pub fn duration_s(&self) -> f64 {
        self.duration_s
    }

    /// A smooth value between ticks (Catmull and Rom's cubic through four of them).
    fn value(&self, t: f64, of: impl Fn(&Tick) -> f64) -> f64 {
        let x = (t * TABLE_HZ).clamp(0.0, self.ticks.len() as f64 - 1.001);
        let i = x as usize;
        let w = x - i as f64;
        let last = self.ticks.len() - 1;
        let p = [i.saturating_sub(1), i, (i + 1).min(last), (i + 2).min(last)].map(|k| of(&self.ticks[k]));
        let (a, b) = (p[2] - p[0], 2.0 * p[0] - 5.0 * p[1] + 4.0 * p[2] - p[3]);
        let c = 3.0 * (p[1] - p[2]) + p[3] - p[0];
        p[1] + 0.5 * w * (a + w * (b + w * c))
    }

    /// `world_se3_ego` at `t` seconds after the start.
    pub fn pose(&self, t: f64) -> Pose {
        let translation = Vector3::new(self.value(t, |k| k.place.x), self.value(t, |k| k.place.y), 0.0);
        let (yaw, pitch, roll) = (self.value(t, |k| k.yaw), self.value(t, |k| k.pitch), self.value(t, |k| k.roll));
        Pose::new(translation, turned(Vector3::z(), yaw) * turned(Vector3::y(), pitch) * turned(Vector3::x(), roll))
    }

    /// Metres along the line.
    pub fn way_m(&self, t: f64) -> f64 {
        self.value(t, |k| k.s)
    }

    /// Forward speed, m/s.
    pub fn speed_mps(&self, t: f64) -> f64 {
        let h = 0.01;
        (self.value(t + h, |k| k.s) - self.value(t - h, |k| k.s)) / (2.0 * h)
    }

    /// Yaw rate, rad/s, left positive.
    pub fn yaw_rate_radps(&self, t: f64) -> f64 {
        let h = 0.01;
        (self.value(t + h, |k| k.yaw) - self.value(t - h, |k| k.yaw)) / (2.0 * h)
    }
}

/// Rotation by an angle about an axis, through `libm`.
fn turned(axis: Vector3<f64>, angle: f64) -> UnitQuaternion<f64> {
    let (sin, cos) = libm::sincos(angle / 2.0);
    UnitQuaternion::new_normalize(Quaternion::new(cos, axis.x * sin, axis.y * sin, axis.z * sin))
}

/// A point of the line, by a cubic through its neighbours: its points are evenly spaced to within rounding.
fn on(line: &Line, s: f64) -> V2 {
    let points = &line.path.points;
    let lengths = &line.path.lengths;
    let i = lengths.partition_point(|&l| l <= s).clamp(2, points.len() - 2) - 1;
    let w = (s - lengths[i]) / (lengths[i + 1] - lengths[i]);
    let (p0, p1, p2, p3) = (points[i - 1], points[i], points[i + 1], points[(i + 2).min(points.len() - 1)]);
    let b = p0 * 2.0 - p1 * 5.0 + p2 * 4.0 - p3;
    let c = (p1 - p2) * 3.0 + p3 - p0;
    p1 + ((p2 - p0) + (b + c * w) * w) * (0.5 * w)
}

fn tangent(line: &Line, s: f64) -> V2 {
    on(line, s + STEP_M) - on(line, s - STEP_M)
}

/// `(times, places)`: when the vehicle passes each step of the line.
fn timetable(line: &Line) -> (Vec<f64>, Vec<f64>) {
    let length = line.path.length() - 1.0;
    let n = (length / STEP_M) as usize;
    let mut speed: Vec<f64> = (0..=n)
        .map(|i| {
            let s = i as f64 * STEP_M;
            let a = tangent(line, (s - 1.0).max(0.0));
            let b = tangent(line, s + 1.0);
            let bend = libm::atan2(cross(a, b), a.dot(&b)).abs() / 2.0;
            let allowed = line.places.iter().rev().find(|p| p.s <= s).map_or(8.0, |p| p.limit_mps);
            allowed.min((SIDEWAYS / bend.max(1e-4)).sqrt())
        })
        .collect();
    let halts: Vec<(usize, f64)> =
        line.halts.iter().map(|h| ((h.s / STEP_M) as usize, h.dwell_s)).filter(|h| h.0 > 8 && h.0 < n).collect();
    // A drive begins and ends at rest.
    speed[0] = 0.0;
    speed[n] = 0.0;
    for &(i, _) in &halts {
        speed[i] = 0.0;
    }
    for i in 1..=n {
        speed[i] = speed[i].min((speed[i - 1] * speed[i - 1] + 2.0 * ACCELERATE * STEP_M).sqrt());
    }
    for i in (0..n).rev() {
        speed[i] = speed[i].min((speed[i + 1] * speed[i + 1] + 2.0 * BRAKE * STEP_M).sqrt());
    }
    let (mut times, mut places) = (vec![0.0, REST_S], vec![0.0, 0.0]);
    let mut t = REST_S;
    for i in 1..=n {
        t += 2.0 * STEP_M / (speed[i - 1] + speed[i]).max(0.05);
        times.push(t);
        places.push(i as f64 * STEP_M);
        if let Some(&(_, dwell)) = halts.iter().find(|h| h.0 == i) {
            t += dwell;
            times.push(t);
            places.push(i as f64 * STEP_M);
        }
    }
    (times, places)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synth::dice::Dice;
    use crate::synth::drive::route::{line, planned};
    use crate::synth::town::Town;

    fn motion() -> Motion {
        let town = Town::new(7);
        Motion::along(&line(&town, &planned(0).expect("planned"), &mut Dice::new(7, "route/0")), 120.0)
    }

    #[test]
    fn speed_integrates_to_the_way_and_the_way_to_the_positions() {
        let m = motion();
        assert!(m.duration_s() > 40.0, "{}", m.duration_s());
        let dt = 0.01;
        let n = (m.duration_s() / dt) as usize - 2;
        let from_speed: f64 = (1..n).map(|i| m.speed_mps(i as f64 * dt) * dt).sum();
        let chords: f64 =
            (1..n).map(|i| (m.pose((i + 1) as f64 * dt).translation - m.pose(i as f64 * dt).translation).norm()).sum();
        let way = m.way_m(n as f64 * dt) - m.way_m(dt);
        assert!((from_speed - way).abs() < 0.1 && (chords - way).abs() < 0.01 * way, "{from_speed} {chords} {way}");
    }

    #[test]
    fn accelerations_are_those_of_a_calm_driver_and_it_halts() {
        let m = motion();
        let mut halted = 0;
        for k in 10..(m.duration_s() * 50.0) as usize - 10 {
            let t = k as f64 / 50.0;
            let accel = (m.speed_mps(t + 0.05) - m.speed_mps(t - 0.05)) / 0.1;
            assert!(accel.abs() < 2.5, "{accel} at {t}");
            assert!((m.speed_mps(t) * m.yaw_rate_radps(t)).abs() < 2.5, "at {t}");
            halted += usize::from(m.speed_mps(t) < 0.01);
        }
        assert!(halted > 100, "{halted}");
    }

    #[test]
    fn the_nose_points_along_the_way() {
        let m = motion();
        for k in 100..(m.duration_s() * 10.0) as usize - 10 {
            let t = k as f64 / 10.0;
            let moved = m.pose(t + 0.01).translation - m.pose(t - 0.01).translation;
            if moved.norm() > 0.02 {
                let forward = m.pose(t).forward();
                assert!(moved.normalize().dot(&forward) > 0.9998, "at {t}");
            }
        }
    }
}
