//! [`Unicycle`]: a trajectory as acceleration and curvature, and how far from it these lead.

use nalgebra::{DMatrix, DVector};

use super::actions::OnGround;

/// What places may be off on the way, one sigma, metres: much less than what is asked of the way back.
const PLACE_M: f64 = 0.002;
/// How fast curvature changes from step to step, one sigma, 1/m.
const CURVATURE: f64 = 0.01;
/// How far a step may differ from the one measured, one sigma, metres.
const STEP_M: f64 = 0.02;
/// How far the heading at the start may be off the ego's, one sigma, radians.
const HEADING: f64 = 0.02;
/// Steps that are solved for at once; longer trajectories in parts, each from where the last one ends.
const PART: usize = 96;
/// Gauss–Newton steps.
const ROUNDS: usize = 12;

/// A trajectory on the ground as a unicycle drives it.
///
/// In step i it goes `v_i dt_i` along an arc of curvature `k_i`; then the speed is `v_i + a_i dt_i`. So steps are
/// `[a_i, k_i]`, T − 1 of them, and the last acceleration, behind the last place, is 0.
#[derive(Debug, Clone, PartialEq)]
pub struct Unicycle {
    /// Where it starts: x, y metres, yaw radians.
    pub start: OnGround,
    /// Its speed in the first step, m/s; negative backwards.
    pub start_mps: f64,
    /// Acceleration m/s² and curvature 1/m (left positive) of each step.
    pub steps: Vec<[f64; 2]>,
    /// The largest distance between the places that it was made of and those that it leads to, metres.
    pub error_m: f64,
}

impl Unicycle {
    /// Fits steps to places, the smoothest that lead through them within millimetres: a least-squares fit of arcs, whose
    /// curvature changes little from step to step. `dt_s` has the seconds of each step.
    ///
    /// `None` with fewer than two places, or steps without duration.
    pub fn fit(places: &[OnGround], dt_s: &[f64]) -> Option<Unicycle> {
        if places.len() < 2 || dt_s.len() + 1 != places.len() || !dt_s.iter().all(|dt| *dt > 0.0 && dt.is_finite()) {
            return None;
        }
        let mut arcs: Vec<Arc> = Vec::with_capacity(dt_s.len());
        let mut start = places[0];
        let mut at = places[0];
        for first in (0..dt_s.len()).step_by(PART) {
            let last = (first + PART).min(dt_s.len());
            let (heading, part) = fit_part(at, &places[first..=last], first == 0);
            at[2] = heading;
            if first == 0 {
                start = at;
            }
            at = part.iter().fold(at, |place, arc| arc.go(place));
            arcs.extend(part);
        }
        let speeds: Vec<f64> = arcs.iter().zip(dt_s).map(|(arc, dt)| arc.length_m / dt).collect();
        let faster = |i: usize| speeds.get(i + 1).map_or(0.0, |next| (next - speeds[i]) / dt_s[i]);
        let steps: Vec<[f64; 2]> = arcs.iter().enumerate().map(|(i, arc)| [faster(i), arc.curvature]).collect();
        let mut fitted = Unicycle { start, start_mps: speeds[0], steps, error_m: 0.0 };
        let apart = |(a, b): (&OnGround, &OnGround)| libm::hypot(a[0] - b[0], a[1] - b[1]);
        fitted.error_m = fitted.drive(dt_s).iter().zip(places).map(apart).fold(0.0, f64::max);
        Some(fitted)
    }

    /// Where the steps lead; T places.
    pub fn drive(&self, dt_s: &[f64]) -> Vec<OnGround> {
        let (mut place, mut speed) = (self.start, self.start_mps);
        let mut places = vec![place];
        for ([acceleration, curvature], dt) in self.steps.iter().zip(dt_s) {
            place = Arc { length_m: speed * dt, curvature: *curvature }.go(place);
            speed += acceleration * dt;
            places.push(place);
        }
        places
    }

    /// Speed, m/s, and yaw rate, rad/s (left positive), of each step.
    pub fn speed_and_yaw_rate(&self, dt_s: &[f64]) -> Vec<[f64; 2]> {
        let mut speed = self.start_mps;
        let one = |([acceleration, curvature], dt): (&[f64; 2], &f64)| {
            let step = [speed, speed * curvature];
            speed += acceleration * dt;
            step
        };
        self.steps.iter().zip(dt_s).map(one).collect()
    }
}

/// The places that speeds (m/s) and yaw rates (rad/s) lead to: the way back from [`Unicycle::speed_and_yaw_rate`].
pub fn drive_by_yaw_rate(start: OnGround, steps: &[[f64; 2]], dt_s: &[f64]) -> Vec<OnGround> {
    let mut places = vec![start];
    for ([speed, yaw_rate], dt) in steps.iter().zip(dt_s) {
        let curvature = if *speed == 0.0 { 0.0 } else { yaw_rate / speed };
        let last = places[places.len() - 1];
        places.push(Arc { length_m: speed * dt, curvature }.go(last));
    }
    places
}

/// A piece of a circle.
#[derive(Debug, Clone, Copy)]
struct Arc {
    length_m: f64,
    curvature: f64,
}

impl Arc {
    fn go(&self, [x, y, yaw]: OnGround) -> OnGround {
        let turn = self.length_m * self.curvature;
        let half = 0.5 * turn;
        let chord = self.length_m * if half.abs() < 1e-6 { 1.0 - half * half / 6.0 } else { libm::sin(half) / half };
        let (sin, cos) = libm::sincos(yaw + half);
        [x + chord * cos, y + chord * sin, yaw + turn]
    }
}

/// The heading at `from` and the arcs that lead through the places after the first. Unknowns are the heading (free at the
/// start of the trajectory only), then length and curvature of each arc.
fn fit_part(from: OnGround, places: &[OnGround], free: bool) -> (f64, Vec<Arc>) {
    let n = places.len() - 1;
    // Places are where they were measured, but the way starts where the last part ended.
    let mut measured = places.to_vec();
    measured[0] = from;
    let chord = |i: usize| {
        let (dx, dy) = (places[i + 1][0] - places[i][0], places[i + 1][1] - places[i][1]);
        let (sin, cos) = libm::sincos(places[i][2]);
        libm::hypot(dx, dy).copysign(dx * cos + dy * sin)
    };
    let chords: Vec<f64> = (0..n).map(chord).collect();
    let turned = |i: usize| super::actions::turn(places[i][2], places[i + 1][2]);
    let mut heading = from[2];
    let mut arcs: Vec<Arc> = (0..n)
        .map(|i| Arc {
            length_m: chords[i],
            curvature: if chords[i].abs() > 0.05 { turned(i) / chords[i] } else { 0.0 },
        })
        .collect();
    let way = |heading: f64, arcs: &[Arc]| {
        let mut way = vec![[from[0], from[1], heading]];
        for arc in arcs {
            way.push(arc.go(way[way.len() - 1]));
        }
        way
    };
    for _ in 0..ROUNDS {
        let now = way(heading, &arcs);
        let unknowns = 2 * n + 1;
        let (mut normal, mut right) = (DMatrix::<f64>::zeros(unknowns, unknowns), DVector::<f64>::zeros(unknowns));
        let mut row = |entries: &[(usize, f64)], residual: f64| {
            for &(i, a) in entries {
                right[i] += a * residual;
                for &(j, b) in entries {
                    normal[(i, j)] += a * b;
                }
            }
        };
        for k in 1..=n {
            // What turns or lengthens a step before place k moves that place about, or along, the step's middle.
            let mut entries = [Vec::with_capacity(2 * k + 1), Vec::with_capacity(2 * k + 1)];
            let mut push = |i: usize, dx: f64, dy: f64| {
                entries[0].push((i, dx / PLACE_M));
                entries[1].push((i, dy / PLACE_M));
            };
            push(0, -(now[k][1] - now[0][1]), now[k][0] - now[0][0]);
            for i in 0..k {
                let half = 0.5 * (now[i][2] + now[i + 1][2]);
                let (sin, cos) = libm::sincos(half);
                let middle = [0.5 * (now[i][0] + now[i + 1][0]), 0.5 * (now[i][1] + now[i + 1][1])];
                let about = [-(now[k][1] - middle[1]), now[k][0] - middle[0]];
                push(1 + 2 * i, cos + arcs[i].curvature * about[0], sin + arcs[i].curvature * about[1]);
                push(2 + 2 * i, arcs[i].length_m * about[0], arcs[i].length_m * about[1]);
            }
            for (axis, entries) in entries.iter().enumerate() {
                row(entries, (measured[k][axis] - now[k][axis]) / PLACE_M);
            }
        }
        for i in 0..n {
            row(&[(1 + 2 * i, 1.0 / STEP_M)], (chords[i] - arcs[i].length_m) / STEP_M);
            if i + 1 < n {
                let change = arcs[i + 1].curvature - arcs[i].curvature;
                row(&[(4 + 2 * i, 1.0 / CURVATURE), (2 + 2 * i, -1.0 / CURVATURE)], -change / CURVATURE);
            }
        }
        row(&[(2, 1e-3)], 0.0);
        let sigma = if free { HEADING } else { 1e-9 };
        row(&[(0, 1.0 / sigma)], super::actions::turn(heading, from[2]) / sigma);
        let Some(solved) = normal.cholesky() else { break };
        let step = solved.solve(&right);
        heading += step[0];
        for (i, arc) in arcs.iter_mut().enumerate() {
            arc.length_m += step[1 + 2 * i];
            arc.curvature += step[2 + 2 * i];
        }
        if step.amax() < 1e-10 {
            break;
        }
    }
    (heading, arcs)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 6.4 s at 10 Hz: brakes, turns left and right, with an ego whose yaw is half a degree off its way and whose places
    /// are off by millimetres.
    fn drive() -> (Vec<OnGround>, Vec<f64>) {
        let mut place = [100.0, -40.0, 2.9];
        let mut places = Vec::new();
        for i in 0..=640 {
            let t = f64::from(i) * 0.01;
            if i % 10 == 0 {
                let off = 0.002 * f64::from(i * 7 % 13 - 6) / 6.0;
                places.push([place[0] + off, place[1] - off, place[2] + 0.009]);
            }
            let speed = 9.0 - 0.8 * t;
            let curvature = 0.06 * (0.9 * t).sin();
            place = Arc { length_m: speed * 0.01, curvature }.go(place);
        }
        (places, vec![0.1; 64])
    }

    fn apart(a: &[OnGround], b: &[OnGround]) -> f64 {
        a.iter().zip(b).map(|(a, b)| libm::hypot(a[0] - b[0], a[1] - b[1])).fold(0.0, f64::max)
    }

    #[test]
    fn steps_integrate_back_within_a_centimetre_and_are_as_smooth_as_the_drive() {
        let (places, dt) = drive();
        let fitted = Unicycle::fit(&places, &dt).expect("it moves");
        assert!(fitted.error_m < 0.01, "{}", fitted.error_m);
        assert_eq!(fitted.error_m, apart(&fitted.drive(&dt), &places));
        for (i, [acceleration, curvature]) in fitted.steps.iter().enumerate().take(63) {
            let t = i as f64 * 0.1 + 0.05;
            assert!((curvature - 0.06 * (0.9 * t).sin()).abs() < 0.01, "step {i}: {curvature}");
            assert!((acceleration + 0.8).abs() < 1.0, "step {i}: {acceleration}");
        }
        let by_rate = drive_by_yaw_rate(fitted.start, &fitted.speed_and_yaw_rate(&dt), &dt);
        assert!(apart(&by_rate, &places) < 0.01);
    }

    #[test]
    fn every_sign_counts() {
        let (places, dt) = drive();
        let fitted = Unicycle::fit(&places, &dt).expect("it moves");
        for column in 0..2 {
            let mut wrong = fitted.clone();
            wrong.steps.iter_mut().for_each(|s| s[column] = -s[column]);
            assert!(apart(&wrong.drive(&dt), &places) > 0.5);
            let mut rates = fitted.speed_and_yaw_rate(&dt);
            rates.iter_mut().for_each(|s| s[column] = -s[column]);
            assert!(apart(&drive_by_yaw_rate(fitted.start, &rates, &dt), &places) > 0.5);
        }
    }

    #[test]
    fn long_stands_and_reversing_are_steps_like_others() {
        // Forward, a stand of five seconds, then backwards: 180 steps, more than one part.
        let mut place = [0.0, 0.0, 0.0];
        let mut places = vec![place];
        for i in 0..180 {
            let length_m = if i < 60 {
                0.5
            } else if i < 110 {
                0.0
            } else {
                -0.3
            };
            place = Arc { length_m, curvature: 0.02 }.go(place);
            places.push(place);
        }
        let dt = vec![0.1; 180];
        let fitted = Unicycle::fit(&places, &dt).expect("it moves");
        assert!(fitted.error_m < 0.01, "{}", fitted.error_m);
        assert!(fitted.speed_and_yaw_rate(&dt)[150][0] < -2.5);
        assert!(fitted.steps.iter().flatten().all(|v| v.is_finite()));
        assert!(Unicycle::fit(&places, &[0.1]).is_none() && Unicycle::fit(&places[..1], &[]).is_none());
    }
}
