//! The shifts along a drive that bring its points onto the lines that they follow.

use nalgebra::{Matrix4, Vector2, Vector4};

use super::chain::Sizes;
use super::drive::{Drive, Solved, StretchOf};
use super::similarity::Similarity;
use crate::fuse::Register;

/// Where the ego was, and the line of the map that it is taken to have followed, if any.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OnLine {
    /// Path length, metres; points are by it.
    pub s_m: f64,
    /// ENU metres.
    pub at: [f64; 2],
    /// One sigma of the trajectory there per axis, metres.
    pub trajectory_m: f64,
    /// Index of the line; `None` off the roads.
    pub line: Option<usize>,
    /// Metres to the right of the line's middle that an ego going along it is expected at, and one sigma beside the lane
    /// that it keeps all along.
    pub right_m: (f64, f64),
    /// One sigma of the line across itself, metres.
    pub line_m: f64,
}

/// What a stretch of a drive is moved by.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Stretch {
    /// Its middle, path length, metres.
    pub s_m: f64,
    /// ENU metres.
    pub shift_m: [f64; 2],
    /// One sigma per axis of where it lies then, metres: the root of half the trace of the covariance.
    pub sigma_m: f64,
    /// Covariance of where it lies then, m²: east·east, east·north, north·north.
    pub covariance_m2: [f64; 3],
    /// Residual across the lines afterwards, metres; `None` off the roads.
    pub residual_m: Option<f64>,
    /// Share of its points that lie within three sigmas of their lines; `None` off the roads.
    pub inliers: Option<f64>,
}

/// The stretch around a path length, metres; `None` where there is none within 50 m.
pub fn stretch_at(stretches: &[Stretch], s_m: f64) -> Option<Stretch> {
    let away = |stretch: &Stretch| (stretch.s_m - s_m).abs();
    let near = stretches.iter().copied().filter(|stretch| away(stretch) <= STRETCH_M);
    near.min_by(|a, b| away(a).total_cmp(&away(b)))
}

/// A correction and what speaks for it.
#[derive(Debug, Clone, PartialEq)]
pub struct Registration {
    /// The motion `p' = scale R(dyaw) p + (dx, dy)` in the recording's ENU frame that comes nearest to that of the stretches.
    pub register: Register,
    /// What makes the whole drive larger, where a scale was found.
    pub similarity: Option<Similarity>,
    /// The motion of each stretch.
    pub stretches: Vec<Stretch>,
    /// What of it is not the similarity's, ENU metres.
    pub beside: Vec<Vector2<f64>>,
    /// What is left of the trajectory's sigma in each.
    pub left: Vec<f64>,
    /// Whether it is more than chance, and the map fits.
    pub accepted: bool,
    /// How the points lie without a correction; `None` where the map does not fit them then.
    pub as_it_is: Option<Register>,
    /// Minus the logarithm of the evidence: which of two ideas of the lines fits better.
    pub cost: f64,
}

/// A stretch is so long, metres.
pub(super) const STRETCH_M: f64 = 50.0;
/// Least share of inliers of a correction.
const LEAST_INLIERS: f64 = 0.6;
/// Largest residual of a correction, metres.
const MOST_RESIDUAL_M: f64 = 3.0;
/// Farther from 1, or turned by more, in radians, no scale is believed.
const MOST_SIMILAR: f64 = 0.1;
/// No errors; those that the trajectory says; and, where these do not do: a datum or a receiver that is off all along, and
/// sigmas that are too small.
const NONE: Sizes = Sizes { slow: 0.0, whole_m: 0.0, similar: 0.0 };
const OWN: Sizes = Sizes { slow: 1.0, ..NONE };
const OTHERS: [Sizes; 3] = [Sizes { whole_m: 10.0, ..OWN }, Sizes { slow: 3.0, ..NONE }, Sizes { slow: 8.0, ..NONE }];
/// A scale that is not known, of which a few hundredths are expected, beside what the trajectory says and where that does not do.
const SCALED: [Sizes; 2] =
    [Sizes { slow: 1.0, whole_m: 10.0, similar: 0.02 }, Sizes { slow: 3.0, whole_m: 10.0, similar: 0.02 }];
/// Something is more likely for sure where the evidence for it is e³, 20 to 1 (Kass & Raftery 1995: strong).
pub(super) const SURELY: f64 = 3.0;
/// Roads that take away more than this share of the variance that a trajectory says it has are worth it.
const TELLS: f64 = 0.25;

/// Fits shifts of the stretches of a drive to the lines that it follows, by iterated robust least squares of distances
/// across the lines (point-to-line ICP, Chen & Medioni 1992; Cauchy weights). Shifts change slowly along the way, as a
/// receiver's error does, and a lane that is kept all along is not taken for one: what the lines do not say, such as where
/// along a straight road an ego is, stays as the trajectory has it.
///
/// Whether errors are larger than the trajectory says is decided by evidence (MacKay 1992).
///
/// Lines are ENU metres and drawn the way that they are driven. Points of a stretch share the error of which lane it was,
/// so that 150 m count once. `None` with fewer than three points, or lines without length.
///
/// With `scale`, that of the trajectory is taken to be unknown, and with it how the drive is turned: a drive that is larger and
/// turned all along is one more idea of the errors. What roads do not tell of it stays as it is.
pub fn register(points: &[OnLine], lines: &[Vec<[f64; 2]>], scale: bool) -> Option<Registration> {
    let finite = |p: &&OnLine| p.at.iter().chain([&p.s_m, &p.trajectory_m]).all(|v| v.is_finite());
    let points: Vec<&OnLine> = points.iter().filter(finite).collect();
    if points.iter().filter(|p| p.line.is_some()).count() < 3 {
        return None;
    }
    let drive = Drive::of(points, lines);
    let likeliest = |ideas: &[Sizes]| {
        let solved = ideas.iter().filter_map(|sizes| drive.solve(*sizes));
        solved.min_by(|a, b| a.cost.total_cmp(&b.cost))
    };
    let none = drive.solve(NONE)?;
    let own = drive.solve(OWN)?;
    let other = likeliest(&OTHERS)?;
    let (believed, doubted) = (own.cost <= other.cost, other.cost + SURELY < own.cost);
    let plain = if doubted { other } else { own };
    let scaled = if scale { likeliest(&SCALED) } else { None };
    let scale_sigma = scaled.as_ref().map(|scaled| scaled.found.whole.m44.sqrt());
    let surely = |scaled: &Solved| {
        scaled.cost + SURELY < plain.cost.min(none.cost) && scaled.moves.similarity.size() <= MOST_SIMILAR
    };
    let judged = scaled.filter(surely).and_then(|scaled| Some((drive.judge(&scaled.moves)?, scaled)));
    let grown = judged.filter(|((register, _), _)| fits(register));
    let similarity = grown.as_ref().map(|(_, scaled)| scaled.moves.similarity);
    let ((register, fits_of), best) = match grown {
        Some(grown) => grown,
        None => (drive.judge(&plain.moves)?, plain),
    };
    let as_it_is = drive.judge(&drive.still()).map(|judged| judged.0).filter(fits);
    let as_it_is = as_it_is.map(|register| Register { scale_sigma, ..register });
    let register = Register { scale_sigma, covariance: Some(in_degrees(&best.found.whole)), ..register };
    let stretches: Vec<Stretch> = (drive.stretches.iter().zip(&best.found.shifts).zip(fits_of))
        .map(|((stretch, (shift, covariance)), fit)| Stretch {
            s_m: stretch.s_m,
            shift_m: [shift.x, shift.y],
            sigma_m: (0.5 * covariance.trace()).sqrt(),
            covariance_m2: [covariance[(0, 0)], covariance[(0, 1)], covariance[(1, 1)]],
            residual_m: fit.map(|fit| fit.residual_m),
            inliers: fit.map(|fit| fit.inliers),
        })
        .collect();
    let left = drive.stretches.iter().zip(&stretches).map(|(of, moved)| moved.sigma_m / of.sigma_m).collect();
    // What is the same similarity all along is not the stretch's.
    let beside =
        |(of, (shift, _)): (&StretchOf, &(Vector2<f64>, _))| shift - similarity.unwrap_or_default().shift(of.at);
    let beside = drive.stretches.iter().zip(&best.found.shifts).map(beside).collect();
    // Roads that disagree with what the trajectory says of itself, though not for sure, do not make it better.
    let worth = doubted || none.cost - best.cost > SURELY || believed && drive.told(&best.found) > TELLS;
    let accepted = fits(&register) && (worth || similarity.is_some());
    let cost = best.cost.min(none.cost);
    Some(Registration { register, similarity, beside, stretches, left, accepted, as_it_is, cost })
}

/// The upper triangle of a covariance of metres, metres, radians and a scale, row by row, with degrees.
fn in_degrees(whole: &Matrix4<f64>) -> [f64; 10] {
    let to = Matrix4::from_diagonal(&Vector4::new(1.0, 1.0, 1.0_f64.to_degrees(), 1.0));
    let c = to * whole * to;
    [c.m11, c.m12, c.m13, c.m14, c.m22, c.m23, c.m24, c.m33, c.m34, c.m44]
}

/// Whether the map fits a drive that lies so.
fn fits(register: &Register) -> bool {
    register.inliers >= LEAST_INLIERS && register.residual_m <= MOST_RESIDUAL_M
}
