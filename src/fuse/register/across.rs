//! How points lie beside the lines that they follow.

use nalgebra::Vector2;

use super::chain::LANE_M;
use super::fit::OnLine;

/// Points of a straight stretch this far apart say something new about where a lane lies, metres.
const INDEPENDENT_M: f64 = 150.0;
/// What is straight: the cosine of 30 degrees.
const STRAIGHT: f64 = 0.866;
/// Beyond this many sigmas a point pulls no harder than at them (Cauchy).
pub(super) const CAUCHY: f64 = 2.0;

/// How far a moved point lies across its line from where it is expected.
pub(super) struct Across {
    /// To the right.
    pub error_m: f64,
    /// Beside the lane that is kept, and all told.
    pub sigma_m: f64,
    pub whole_sigma_m: f64,
    /// Unit vector to the right.
    pub right: Vector2<f64>,
}

impl Across {
    /// How far it lies from the lane, in the sigmas beyond which it pulls no harder.
    pub(super) fn far(&self, lane_m: f64) -> f64 {
        (self.error_m - lane_m) / (CAUCHY * self.sigma_m)
    }
}

/// How a point lies that is moved by `shift`; `None` off the roads.
pub(super) fn across(point: &OnLine, lines: &[Vec<[f64; 2]>], shift: Vector2<f64>) -> Option<Across> {
    let at = Vector2::from(point.at) + shift;
    let (foot, along) = nearest(lines.get(point.line?)?, at)?;
    let right = Vector2::new(along.y, -along.x);
    let (expected, beside_m) = point.right_m;
    let sigma_m = libm::hypot(beside_m, point.line_m).max(0.1);
    Some(Across {
        error_m: right.dot(&(at - foot)) - expected,
        sigma_m,
        whole_sigma_m: libm::hypot(sigma_m, LANE_M),
        right,
    })
}

/// What a point counts for: those of a straight stretch share one.
pub(super) fn shares(points: &[&OnLine], lines: &[Vec<[f64; 2]>]) -> Vec<f64> {
    let ahead = |p: &OnLine| Some(nearest(lines.get(p.line?)?, Vector2::from(p.at))?.1);
    let mut shares = vec![0.0; points.len()];
    let mut first = 0;
    while first < points.len() {
        let start = ahead(points[first]);
        let straight = |p: &OnLine| start.zip(ahead(p)).is_some_and(|(a, b)| a.dot(&b) > STRAIGHT);
        let (mut end, mut length_m) = (first + 1, 0.0);
        while end < points.len() && straight(points[end]) {
            length_m += (Vector2::from(points[end].at) - Vector2::from(points[end - 1].at)).norm();
            end += 1;
        }
        let independent = (length_m / INDEPENDENT_M).max(1.0);
        shares[first..end].fill((independent / (end - first) as f64).min(1.0));
        first = end;
    }
    shares
}

/// The nearest point of a line, and its direction there.
fn nearest(line: &[[f64; 2]], at: Vector2<f64>) -> Option<(Vector2<f64>, Vector2<f64>)> {
    let mut best: Option<(f64, Vector2<f64>, Vector2<f64>)> = None;
    for pair in line.windows(2) {
        let (a, b) = (Vector2::from(pair[0]), Vector2::from(pair[1]));
        let along = b - a;
        let length = along.norm();
        if length == 0.0 || length.is_nan() {
            continue;
        }
        let foot = a + along * ((at - a).dot(&along) / (length * length)).clamp(0.0, 1.0);
        let distance = (at - foot).norm();
        if best.is_none_or(|(d, ..)| distance < d) {
            best = Some((distance, foot, along / length));
        }
    }
    best.map(|(_, foot, along)| (foot, along))
}
