//! How far a LiDAR turned between two of its sweeps.
//!
//! A sweep is reduced to contours: at some heights over the road, the nearest thing in each direction. Those of one sweep
//! are laid onto those of the other by points and lines (Censi (2008), *An ICP variant using a point-to-line metric*).

use nalgebra::{Matrix3, Vector2, Vector3};

use super::epipolar::Turned;

/// Directions that are told apart.
const BEARINGS: usize = 720;
/// Heights over the road between which a contour lies, metres: what stands there stands upright.
const HEIGHTS_M: [(f64, f64); 3] = [(0.6, 1.4), (1.4, 2.6), (2.6, 5.0)];
/// Nearer than this is the vehicle itself; farther, points lie too thin. Metres.
const RANGE_M: (f64, f64) = (2.0, 60.0);
/// Scales of the residuals, metres, as in [`super::epipolar`].
const FIRST_SCALE_M: f64 = 2.0;
const LAST_SCALE_M: f64 = 0.05;
const ROUNDS: usize = 16;
const SHRINK: f64 = 0.75;
/// Neighbours on a line lie no farther apart than this, and are off it by no more, metres.
const LINE_M: (f64, f64) = (2.5, 0.12);
/// Fewer points than this on lines, or a smaller share, tell nothing.
const FEWEST: usize = 60;
const AGREEING: f64 = 0.35;

/// A point of a contour.
#[derive(Debug, Clone, Copy)]
struct Spot {
    /// In the ego's axes at its own time, metres.
    at: Vector2<f64>,
    /// Seconds after the sweep's own time.
    after_s: f64,
}

/// A sweep as far as turns need it.
#[derive(Debug, Clone)]
pub struct Contour {
    slices: [Vec<Spot>; HEIGHTS_M.len()],
}

/// How the ego moves during a sweep, evenly.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Motion {
    /// Forward, m/s.
    pub speed_mps: f64,
    /// Left, rad/s.
    pub rate_radps: f64,
}

impl Contour {
    /// The contours of points in the ego's axes (forward, left, up from the road), each with its time after the sweep's
    /// own in seconds; not-a-number points are passed over.
    pub fn of(points: impl Iterator<Item = (Vector3<f64>, f64)>) -> Contour {
        let mut nearest = [(); HEIGHTS_M.len()].map(|()| vec![None::<(f64, Spot)>; BEARINGS]);
        for (p, after_s) in points {
            let range = libm::hypot(p.x, p.y);
            if !(RANGE_M.0..RANGE_M.1).contains(&range) {
                continue;
            }
            let Some(slice) = HEIGHTS_M.iter().position(|h| (h.0..h.1).contains(&p.z)) else { continue };
            let at = &mut nearest[slice][bearing(p.xy())];
            if at.is_none_or(|(r, _)| range < r) {
                *at = Some((range, Spot { at: p.xy(), after_s }));
            }
        }
        Contour { slices: nearest.map(|slice| slice.into_iter().flatten().map(|s| s.1).collect()) }
    }

    /// The contours as if the ego had stood still at the sweep's own time, by bearing.
    fn still(&self, motion: Motion) -> Vec<Vec<Option<Vector2<f64>>>> {
        let slice = |spots: &Vec<Spot>| {
            let mut out = vec![None; BEARINGS];
            for spot in spots {
                let turn = motion.rate_radps * spot.after_s;
                let way = motion.speed_mps * spot.after_s;
                // Along an arc the ego goes in the direction of half its turn.
                let (sin, cos) = libm::sincos(0.5 * turn);
                let at = rotated(spot.at, turn) + Vector2::new(cos, sin) * way;
                out[bearing(at)] = Some(at);
            }
            out
        };
        self.slices.iter().map(slice).collect()
    }

    /// How the ego turned from this sweep to `next`, with one sigma; `None` where the two do not tell.
    ///
    /// `motions` are those during the two sweeps; `guess` is where the ego is expected at the second, in its axes at the
    /// first: ahead, left (metres) and turned (radians).
    pub(super) fn turned(&self, next: &Contour, motions: [Motion; 2], guess: [f64; 3]) -> Option<Turned> {
        let (first, second) = (self.still(motions[0]), next.still(motions[1]));
        let mut x = guess;
        let mut scale = FIRST_SCALE_M;
        let mut out = None;
        for _ in 0..ROUNDS {
            let mut information = Matrix3::<f64>::zeros();
            let mut pull = Vector3::<f64>::zeros();
            let (mut all, mut agreeing, mut square) = (0usize, 0usize, 0.0);
            for (from, onto) in first.iter().zip(&second) {
                for p in from.iter().flatten() {
                    let moved = rotated(p - Vector2::new(x[0], x[1]), -x[2]);
                    let Some((q, normal)) = nearest_line(onto, moved) else { continue };
                    let off = normal.dot(&(moved - q));
                    all += 1;
                    let weight = (scale * scale / (scale * scale + off * off)).powi(2);
                    let by_way = -rotated(normal, x[2]);
                    // Turning the ego on turns what it sees back.
                    let by_turn = normal.dot(&Vector2::new(moved.y, -moved.x));
                    let row = Vector3::new(by_way.x, by_way.y, by_turn);
                    information += row * row.transpose() * weight;
                    pull -= row * (off * weight);
                    if off.abs() < 2.0 * scale {
                        agreeing += 1;
                        square += off * off * weight;
                    }
                }
            }
            if agreeing < FEWEST || (agreeing as f64) < AGREEING * all as f64 {
                return None;
            }
            let covariance = (information + Matrix3::identity() * 1e-9).try_inverse()?;
            let step = covariance * pull;
            if !step.iter().all(|v| v.is_finite()) {
                return None;
            }
            (0..3).for_each(|k| x[k] += step[k]);
            let variance = square / (agreeing as f64 - 3.0).max(1.0);
            out = Some(Turned { yaw_rad: x[2], sigma_rad: (variance * covariance[(2, 2)]).sqrt() });
            scale = (scale * SHRINK).max(LAST_SCALE_M);
        }
        out
    }
}

fn rotated(v: Vector2<f64>, by: f64) -> Vector2<f64> {
    let (sin, cos) = libm::sincos(by);
    Vector2::new(cos * v.x - sin * v.y, sin * v.x + cos * v.y)
}

fn bearing(p: Vector2<f64>) -> usize {
    let turn = libm::atan2(p.y, p.x) / std::f64::consts::TAU + 0.5;
    ((turn * BEARINGS as f64) as usize).min(BEARINGS - 1)
}

/// The point of a contour nearest to another among those in about its direction, and the normal of the line through it
/// and its neighbours; `None` where they are not on one.
fn nearest_line(contour: &[Option<Vector2<f64>>], p: Vector2<f64>) -> Option<(Vector2<f64>, Vector2<f64>)> {
    const ABOUT: usize = 4;
    let middle = bearing(p) + BEARINGS;
    let near = (middle - ABOUT..=middle + ABOUT).filter_map(|k| Some((k, contour[k % BEARINGS]?)));
    let (k, q) = near.min_by(|a, b| (a.1 - p).norm_squared().total_cmp(&(b.1 - p).norm_squared()))?;
    let beside = |step: &dyn Fn(usize) -> usize| (1..=4).find_map(|n| contour[step(n) % BEARINGS]);
    let (a, b) = (beside(&|n| k - n)?, beside(&|n| k + n)?);
    let along = b - a;
    let length = along.norm();
    if !(0.01..LINE_M.0).contains(&length) {
        return None;
    }
    let normal = Vector2::new(-along.y, along.x) / length;
    (normal.dot(&(q - a)).abs() < LINE_M.1).then_some((q, normal))
}
