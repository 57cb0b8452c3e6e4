//! Getting a trace ready: what cannot be is left out, noise is measured and smoothed away, and points that lie closer
//! than twice the noise are thinned.

use crate::coord::LocalPlane;
use crate::record::GnssFix;

use super::smooth::{Motion, smooth};

/// One sigma of a position about the road that it was taken on, metres, before a trace tells its own.
pub(super) const USUAL_SIGMA_M: f64 = 8.0;
/// Speed that a trace without times is taken to have, m/s.
const USUAL_SPEED_MPS: f64 = 10.0;
/// Points of a trace without times that lie no farther apart (median) are taken to be a second apart, metres.
const DENSE_M: f64 = 40.0;
/// Noise is told from motion only between points no further apart, seconds.
const DENSE_S: f64 = 10.0;
/// Acceleration of a usual drive, m/s²: what remains of it in the middle of three points is not noise.
const USUAL_ACCELERATION_MPS2: f64 = 0.7;
/// So many triples are needed to measure noise.
const TRIPLES: usize = 8;
/// Faster than this, m/s, is a jump.
const FASTEST_MPS: f64 = 100.0;
/// A single position this far (metres) off the line between its neighbours, and beyond reach, is a jump.
const JUMP_M: f64 = 200.0;

/// Bands of latitude whose places share one scale: 111 m each.
const BANDS_PER_DEGREE: f64 = 1000.0;

/// A position that matching works with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Point {
    /// Index in the trace as given.
    pub index: u32,
    /// Seconds from the first; guessed where the trace has no times.
    pub t_s: f64,
    /// The plane at the smoothed place.
    pub plane: LocalPlane,
    /// Smoothed velocity east and north, m/s; 0 where it means nothing.
    pub velocity: [f32; 2],
    /// One sigma of the velocity, m/s.
    pub velocity_sigma_mps: f32,
}

impl Point {
    /// Longitude and latitude of the smoothed place, degrees.
    #[inline]
    pub(super) fn degrees(&self) -> (f64, f64) {
        self.plane.origin()
    }
}

/// A trace, smoothed.
#[derive(Debug, Clone, Default)]
pub(super) struct Trace {
    /// The positions that are used, ordered by time.
    pub points: Vec<Point>,
    /// White noise of the positions as given, metres per axis.
    pub noise_m: f64,
    /// Whether times are real.
    pub timed: bool,
}

/// Makes a trace of fixes.
pub(super) fn prepare(fixes: &[GnssFix]) -> Trace {
    let (used, timed) = usable(fixes);
    let Some(&first) = used.first() else { return Trace::default() };
    let place = |i: usize| (fixes[i].place.lon_deg, fixes[i].place.lat_deg);
    let middle = place(used[used.len() / 2]);
    let plane = LocalPlane::at(middle.0, middle.1);
    let mut z: Vec<[f64; 2]> = used
        .iter()
        .map(|&i| {
            let (x, y) = plane.to_m(place(i).0, place(i).1);
            [x, y]
        })
        .collect();
    let mut used = used;
    let mut t = times(fixes, &used, &z, timed, first);
    without_jumps(&mut used, &mut t, &mut z);
    let noise_m = white_noise(&t, &z);
    let mut motions: Vec<Motion> = Vec::with_capacity(z.len());
    smooth(&t, &z, noise_m.max(1.0), &mut motions);
    let mut planes = Planes::default();
    let points = used
        .iter()
        .zip(&motions)
        .enumerate()
        .map(|(k, (&index, motion))| {
            let (lon, lat) = plane.to_deg(motion.p[0], motion.p[1]);
            let gap = |a: usize, b: usize| (t[b] - t[a]).abs();
            let near = (k > 0 && gap(k - 1, k) <= DENSE_S) || (k + 1 < t.len() && gap(k, k + 1) <= DENSE_S);
            let fix = &fixes[index];
            let told = match (fix.speed_mps, fix.course_deg) {
                (Some(speed), Some(course)) if speed.is_finite() && course.is_finite() => {
                    let (sin, cos) = libm::sincos(course.to_radians());
                    Some([speed * sin, speed * cos])
                }
                _ => None,
            };
            let velocity = told.or(Some(motion.v).filter(|_| near && z.len() > 1)).unwrap_or_default();
            let velocity_sigma_mps = if told.is_some() { 1.0 } else { motion.vv.max(0.0).sqrt() as f32 };
            let (index, velocity) = (index as u32, velocity.map(|v| v as f32));
            Point { index, t_s: t[k], plane: planes.at(lon, lat), velocity, velocity_sigma_mps }
        })
        .collect();
    Trace { points, noise_m, timed }
}

/// Planes of places near each other: the scale is that of the middle of a band of latitude, so that it is worked out once a
/// band, and is the same in whatever order places come.
#[derive(Debug, Default)]
struct Planes {
    last: Option<(i64, LocalPlane)>,
}

impl Planes {
    fn at(&mut self, lon: f64, lat: f64) -> LocalPlane {
        let band = libm::floor(lat * BANDS_PER_DEGREE) as i64;
        let scale = match self.last {
            Some((of, scale)) if of == band => scale,
            _ => LocalPlane::at(lon, (band as f64 + 0.5) / BANDS_PER_DEGREE),
        };
        self.last = Some((band, scale));
        scale.moved(lon, lat)
    }
}

/// Indices of fixes that are places, in order, none twice; and whether their times can be used.
fn usable(fixes: &[GnssFix]) -> (Vec<usize>, bool) {
    let sound = |f: &GnssFix| {
        f.place.lon_deg.abs() <= 180.0
            && f.place.lat_deg.abs() <= 90.0
            && (f.place.lon_deg != 0.0 || f.place.lat_deg != 0.0)
    };
    let places: Vec<usize> = (0..fixes.len()).filter(|&i| sound(&fixes[i])).collect();
    let mut timed: Vec<usize> = Vec::with_capacity(places.len());
    for &i in &places {
        let later = |j: &usize| fixes[*j].t < fixes[i].t;
        if fixes[i].t.is_some() && timed.last().is_none_or(later) {
            timed.push(i);
        }
    }
    // A trace whose times are mostly missing, equal or in no order is one without times, in the order given.
    if timed.len() * 2 > places.len() && (timed.len() > 1 || places.len() == 1) {
        return (timed, true);
    }
    let mut untimed = places;
    untimed.dedup_by(|b, a| {
        fixes[*a].place.lon_deg == fixes[*b].place.lon_deg && fixes[*a].place.lat_deg == fixes[*b].place.lat_deg
    });
    (untimed, false)
}

/// Seconds from the first.
fn times(fixes: &[GnssFix], used: &[usize], z: &[[f64; 2]], timed: bool, first: usize) -> Vec<f64> {
    if timed {
        let start = fixes[first].t.map_or(0, |t| t.ns());
        return used.iter().map(|&i| fixes[i].t.map_or(0.0, |t| t.ns().saturating_sub(start) as f64 / 1e9)).collect();
    }
    let mut steps: Vec<f64> = z.windows(2).map(|w| distance(w[0], w[1])).collect();
    let typical = median(&mut steps.clone());
    let dense = typical <= DENSE_M;
    steps
        .iter_mut()
        .for_each(|d| *d = if dense { 1.0f64.max(*d / (4.0 * USUAL_SPEED_MPS)) } else { d.max(1.0) / USUAL_SPEED_MPS });
    let mut t = vec![0.0];
    for step in steps {
        t.push(t[t.len() - 1] + step);
    }
    t
}

/// Leaves out single positions that jump away and back.
fn without_jumps(used: &mut Vec<usize>, t: &mut Vec<f64>, z: &mut Vec<[f64; 2]>) {
    let mut keep = vec![true; z.len()];
    let mut before = 0;
    for i in 1..z.len().saturating_sub(1) {
        let (a, b, c) = (z[before], z[i], z[i + 1]);
        let reach = |d: f64, s: f64| d > FASTEST_MPS * s.max(1e-3);
        let there = reach(distance(a, b), t[i] - t[before]);
        let back = reach(distance(b, c), t[i + 1] - t[i]);
        let direct = !reach(distance(a, c), t[i + 1] - t[before]);
        let w = (t[i] - t[before]) / (t[i + 1] - t[before]).max(1e-9);
        let line = [a[0] + (c[0] - a[0]) * w, a[1] + (c[1] - a[1]) * w];
        if there && back && direct && distance(b, line) > JUMP_M {
            keep[i] = false;
        } else {
            before = i;
        }
    }
    if keep.iter().all(|k| *k) {
        return;
    }
    let retain = |k: &mut usize| {
        *k += 1;
        keep[*k - 1]
    };
    let (mut i, mut j, mut k) = (0, 0, 0);
    used.retain(|_| retain(&mut i));
    t.retain(|_| retain(&mut j));
    z.retain(|_| retain(&mut k));
}

/// One sigma of white noise per axis, metres, from how far points lie off the line between their neighbours.
///
/// 0 where the points lie too far apart to tell noise from motion.
fn white_noise(t: &[f64], z: &[[f64; 2]]) -> f64 {
    let mut off: Vec<f64> = Vec::new();
    let mut motion: Vec<f64> = Vec::new();
    for i in 1..z.len().saturating_sub(1) {
        let (a, b) = (t[i] - t[i - 1], t[i + 1] - t[i]);
        if a > DENSE_S || b > DENSE_S || distance(z[i - 1], z[i + 1]) < 1.0 {
            continue;
        }
        let w = a / (a + b);
        let line = [0, 1].map(|k: usize| z[i - 1][k] * (1.0 - w) + z[i + 1][k] * w);
        // Variance of the difference, for each unit of variance of a point.
        let scale = (1.0 + w * w + (1.0 - w) * (1.0 - w)).sqrt();
        off.push(distance(z[i], line) / scale);
        motion.push(0.5 * USUAL_ACCELERATION_MPS2 * a * b / scale);
    }
    if off.len() < TRIPLES {
        return 0.0;
    }
    // The median of a Rayleigh distribution is 1.1774 sigma.
    let total = median(&mut off) / 1.1774;
    let moved = median(&mut motion) / std::f64::consts::SQRT_2;
    (total * total - moved * moved).max(0.0).sqrt()
}

fn distance(a: [f64; 2], b: [f64; 2]) -> f64 {
    let (x, y) = (a[0] - b[0], a[1] - b[1]);
    (x * x + y * y).sqrt()
}

/// The median; 0 of nothing. Reorders.
pub(super) fn median(values: &mut [f64]) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    let middle = values.len() / 2;
    *values.select_nth_unstable_by(middle, f64::total_cmp).1
}

/// A point that stays.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Kept {
    /// Its index.
    pub point: u32,
    /// Seconds that the trace stayed around it.
    pub stay_s: f32,
}

/// Points that lie at least `apart_m` from the one kept before; the first and the last stay.
pub(super) fn thin(points: &[Point], apart_m: f64) -> Vec<Kept> {
    let mut kept: Vec<Kept> = Vec::new();
    for (i, point) in points.iter().enumerate() {
        let far = kept.last().is_none_or(|last| {
            let (lon, lat) = point.degrees();
            let (x, y) = points[last.point as usize].plane.to_m(lon, lat);
            x * x + y * y >= apart_m * apart_m
        });
        if far {
            kept.push(Kept { point: i as u32, stay_s: 0.0 });
        } else if let Some(last) = kept.last_mut() {
            last.stay_s = (point.t_s - points[last.point as usize].t_s) as f32;
        }
    }
    let (Some(end), Some(&last)) = (points.len().checked_sub(1), kept.last()) else { return kept };
    if (last.point as usize) < end {
        // The end takes the place of the one that it is too near to.
        if kept.len() > 1 {
            kept.pop();
        }
        kept.push(Kept { point: end as u32, stay_s: last.stay_s });
    }
    kept
}
