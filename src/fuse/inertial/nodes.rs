//! The moments that the trajectory is solved at, and what the sensors say there.

use nalgebra::Vector3;

use super::Drive;
use super::model::{Moment, Nav, Shared};
use super::noise::median;
use super::preintegrate::{Reading, Readings, Stretch};

/// Nodes lie no farther apart than this, nanoseconds.
const STEP_NS: i64 = 100_000_000;
/// Between two nodes the ego turns evenly to this, radians: interpolation is to be true within 0.1 degrees.
const EVEN_RAD: f64 = 0.0012;
/// Readings of wheels that are averaged for a node: those within this of it, seconds.
const WHEEL_HALF_S: f64 = 0.05;
/// All wheel speeds within this of a node are below the next number where the ego stands.
const STILL_HALF_S: f64 = 0.25;
const STILL_MPS: f64 = 0.03;

/// The nodes: at all fixes, and between them where they lie far apart.
pub(super) struct Nodes {
    pub t_ns: Vec<i64>,
    /// Seconds since the first.
    pub t: Vec<f64>,
    /// The fix at the node, and the last at or before it.
    pub fix: Vec<Option<usize>>,
    pub fix_before: Vec<usize>,
    /// Whether an IMU felt the ego from the node to the next.
    pub felt: Vec<bool>,
}

/// Wheel speed at a node: mean, and how much later than the node it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct WheelMean {
    pub speed_mps: f64,
    pub late_s: f64,
}

/// A round's view of the sensors, on the clocks as known so far.
pub(super) struct Sensed {
    pub stretches: Vec<Stretch>,
    pub wheel: Vec<Option<WheelMean>>,
    pub still: Vec<bool>,
}

impl Nodes {
    /// The nodes of a drive, closer where the readings (on about the right clock) turn unevenly.
    pub fn of(drive: &Drive, readings: &Readings) -> Nodes {
        let mut out =
            Nodes { t_ns: Vec::new(), t: Vec::new(), fix: Vec::new(), fix_before: Vec::new(), felt: Vec::new() };
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
                let at = |k: i64, of: i64| before.t_ns + (i128::from(span) * i128::from(k) / i128::from(of)) as i64;
                for k in 0..parts {
                    if k > 0 {
                        push(at(k, parts), None, i - 1);
                    }
                    let seconds = |t_ns: i64| (t_ns - start) as f64 / 1e9;
                    let finer = pieces(readings, seconds(at(k, parts)), seconds(at(k + 1, parts)));
                    for piece in 1..finer {
                        push(at(k * finer + piece, parts * finer), None, i - 1);
                    }
                }
            }
            push(fix.t_ns, Some(i), i);
        }
        let next = |k: usize| out.t[(k + 1).min(out.t.len() - 1)];
        out.felt = out.t.iter().enumerate().map(|(k, t)| drive.is_felt(0.5 * (t + next(k)))).collect();
        out
    }

    pub fn len(&self) -> usize {
        self.t.len()
    }

    /// The middle of the drive, seconds.
    pub fn middle(&self) -> f64 {
        0.5 * self.t[self.t.len() - 1]
    }

    /// What the sensors say at and between the nodes.
    pub fn sense(&self, drive: &Drive, navs: &[Nav], shared: &Shared, gap_s: f64) -> Sensed {
        let middle = self.middle();
        let readings = Readings::new(&drive.imu, gap_s).on_clock(shared.imu_s, shared.imu_ppm, middle);
        let stretches = readings.stretches(&self.t, navs.iter().map(|nav| (nav.bg, nav.ba)));
        let late = |t: f64| t + shared.wheel_s + shared.wheel_ppm * 1e-6 * (t - middle);
        let wheel: Vec<(f64, f64)> = drive.wheel.iter().map(|(t, v)| (late(*t), *v)).collect();
        let within = |t: f64, half: f64| {
            let from = wheel.partition_point(|w| w.0 < t - half);
            &wheel[from..from + wheel[from..].partition_point(|w| w.0 < t + half)]
        };
        let mean = |t: f64| {
            let near = within(t, WHEEL_HALF_S);
            let n = near.len() as f64;
            (!near.is_empty()).then(|| WheelMean {
                speed_mps: near.iter().map(|w| w.1).sum::<f64>() / n,
                late_s: near.iter().map(|w| w.0 - t).sum::<f64>() / n,
            })
        };
        let still = |t: f64| {
            let near = within(t, STILL_HALF_S);
            near.len() >= 3 && near.iter().all(|w| w.1.abs() < STILL_MPS)
        };
        Sensed {
            stretches,
            wheel: self.t.iter().map(|t| mean(*t)).collect(),
            still: self.t.iter().map(|t| still(*t)).collect(),
        }
    }

    /// The state at a node with its motion.
    pub fn moment<'a>(&self, k: usize, navs: &'a [Nav], shared: &'a Shared, sensed: &Sensed) -> Moment<'a> {
        let (a, b) = (k.saturating_sub(1), (k + 1).min(navs.len() - 1));
        let span = self.t[b] - self.t[a];
        let acceleration = if span > 0.0 { (navs[b].v - navs[a].v) / span } else { Vector3::zeros() };
        let around = [k.checked_sub(1).map(|i| &sensed.stretches[i]), sensed.stretches.get(k)];
        let (mut rate, mut known) = (Vector3::zeros(), 0.0);
        for stretch in around.into_iter().flatten().filter(|s| s.covered) {
            rate += stretch.rate;
            known += 1.0;
        }
        Moment {
            nav: &navs[k],
            shared,
            r: navs[k].q.to_rotation_matrix().into_inner(),
            rate: rate / f64::max(known, 1.0),
            acceleration,
            since_middle_s: self.t[k] - self.middle(),
        }
    }
}

/// Into how many pieces a stretch is to be cut, so that each turns evenly.
fn pieces(readings: &Readings, from: f64, to: f64) -> i64 {
    let zero = Vector3::zeros();
    let part = |a: f64, b: f64| readings.between(a, b, zero, zero);
    let (first, second) = (part(from, 0.5 * (from + to)), part(0.5 * (from + to), to));
    // How far halfway round is from half the turn.
    let uneven = (first.rate - second.rate).norm() * 0.25 * (to - from);
    match first.covered && second.covered {
        true if uneven > 4.0 * EVEN_RAD => 4,
        true if uneven > EVEN_RAD => 2,
        _ => 1,
    }
}

/// Neighbouring readings farther apart than this have a gap between them, seconds.
pub(super) fn gap_s(imu: &[Reading]) -> f64 {
    let period = median(imu.windows(2).map(|w| w[1].t - w[0].t).collect()).unwrap_or(0.01);
    (5.0 * period).clamp(0.05, 0.25)
}
