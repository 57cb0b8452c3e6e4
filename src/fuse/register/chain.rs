//! What a drive is off by along its way: a Kalman filter and smoother from place to place.

use nalgebra::{Matrix2, Matrix4, SMatrix, SVector, Vector2};

use super::similarity::left_of;

/// The slow error (east, north, in sigmas), that of the whole drive (east, north, metres), the lane kept (metres to the right
/// of where it is expected), and by how much the whole drive grows and turns about its middle (in sigmas).
const N: usize = 7;
const LANE: usize = 4;
const GROWTH: usize = 5;
const TURN: usize = 6;
/// A slow error forgets itself over this way, metres: that of a receiver lasts most of a minute.
const SLOW_M: f64 = 400.0;
/// One sigma of the lane that is kept, metres: who drives in one goes on to.
pub(super) const LANE_M: f64 = 1.5;
/// No variance is less: a state that is known is still a state.
const LEAST: f64 = 1e-6;

type State = SVector<f64, N>;
type Covariance = SMatrix<f64, N, N>;

/// How large the errors are taken to be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Sizes {
    /// One sigma of the slow error, in sigmas of the trajectory.
    pub slow: f64,
    /// One sigma of the whole drive's per axis, metres.
    pub whole_m: f64,
    /// One sigma of the whole drive's scale, and of its turn in radians; 0 where they are known.
    pub similar: f64,
}

/// A place of the drive, and what its points say of the shift that is due there.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// Path length, metres.
    pub s_m: f64,
    /// One sigma of the trajectory per axis, metres.
    pub sigma_m: f64,
    /// From the middle of the drive to it, metres.
    pub arm_m: Vector2<f64>,
    /// How the rigid motion of the whole drive (east and north at the origin in metres, yaw in radians) changes with the
    /// shift of this place, metres.
    pub pull: SMatrix<f64, 3, 2>,
    pub seen: Vec<Seen>,
}

/// The part of a shift across a line: `across · shift = value + lane`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    pub across: Vector2<f64>,
    /// From the middle of the drive to the point, metres.
    pub arm_m: Vector2<f64>,
    pub value_m: f64,
    pub variance: f64,
}

/// What is found.
#[derive(Debug, Clone)]
pub(super) struct Found {
    /// The shift of each place, and its covariance: ENU metres.
    pub shifts: Vec<(Vector2<f64>, Matrix2<f64>)>,
    /// What of it makes the whole drive larger and turns it, as in [`super::Similarity`].
    pub growth: f64,
    pub turn: f64,
    /// The covariance of the motion that the places pull at, and of the scale: metres, radians.
    pub whole: Matrix4<f64>,
    /// The lane, metres to the right of where it is expected.
    pub lane_m: f64,
    /// Half the χ² of what was known beforehand.
    pub prior_cost: f64,
    /// What being open to errors of these sizes costs: the logarithm of the determinant in a Gaussian's evidence.
    pub openness: f64,
}

/// The most likely shifts (Rauch, Tung & Striebel 1965); `None` where nothing is finite. Places are by path length; `centre` is
/// the middle of the drive, ENU metres.
pub(super) fn smooth(places: &[Place], centre: Vector2<f64>, sizes: Sizes) -> Option<Found> {
    let start = State::from([1.0, 1.0, sizes.whole_m, sizes.whole_m, LANE_M, 1.0, 1.0]);
    let start = start.map(|sigma| (sigma * sigma).max(LEAST));
    let (mut x, mut p) = (State::zeros(), Covariance::from_diagonal(&start));
    let mut openness = 0.0;
    let mut filtered = Vec::with_capacity(places.len());
    let mut predicted = Vec::with_capacity(places.len());
    let mut last_m = None;
    for place in places {
        let kept = last_m.map_or(1.0, |last: f64| libm::exp(-(place.s_m - last).max(1.0) / SLOW_M));
        last_m = Some(place.s_m);
        let keep = State::from([kept, kept, 1.0, 1.0, 1.0, 1.0, 1.0]);
        x.component_mul_assign(&keep);
        p.component_mul_assign(&(keep * keep.transpose()));
        p[(0, 0)] += 1.0 - kept * kept;
        p[(1, 1)] += 1.0 - kept * kept;
        predicted.push((x, p, keep));
        for seen in &place.seen {
            let h = across(seen.across, seen.arm_m, place.sigma_m, sizes);
            let ph = p * h;
            let variance = h.dot(&ph) + seen.variance;
            openness += 0.5 * libm::log(variance / seen.variance);
            x += ph * ((seen.value_m - h.dot(&x)) / variance);
            p -= ph * ph.transpose() / variance;
            p = 0.5 * (p + p.transpose());
        }
        filtered.push((x, p));
    }
    let (mut shifts, mut prior_cost) = (Vec::with_capacity(places.len()), 0.0);
    // That of the part of the motion that later places make, and how the state here varies with it. What the middle does not
    // feel of the scale, the origin does.
    let mut scale = SMatrix::<f64, N, 4>::zeros();
    scale.set_row(GROWTH, &(sizes.similar * SMatrix::<f64, 1, 4>::new(-centre.x, -centre.y, 0.0, 1.0)));
    let (mut whole, mut with_later) = (scale.transpose() * p * scale, p * scale);
    for k in (0..places.len()).rev() {
        if k + 1 < places.len() {
            let (x_next, p_next, keep) = &predicted[k + 1];
            let (x_here, p_here) = &filtered[k];
            let gain = p_here.component_mul(&(State::repeat(1.0) * keep.transpose())) * p_next.try_inverse()?;
            let later = x;
            x = x_here + gain * (x - x_next);
            p = p_here + gain * (p - p_next) * gain.transpose();
            with_later = gain * with_later;
            let forgotten = 1.0 - keep[0] * keep[0];
            prior_cost += 0.5 * (0..2).map(|i| (later[i] - keep[i] * x[i]).powi(2)).sum::<f64>() / forgotten;
        }
        let [east, north] = [Vector2::x(), Vector2::y()].map(|axis| {
            let mut h = across(axis, places[k].arm_m, places[k].sigma_m, sizes);
            h[LANE] = 0.0;
            h
        });
        let covariance = Matrix2::new(
            east.dot(&(p * east)),
            east.dot(&(p * north)),
            north.dot(&(p * east)),
            north.dot(&(p * north)),
        );
        shifts.push((Vector2::new(east.dot(&x), north.dot(&x)), covariance));
        let mut pull = SMatrix::<f64, N, 4>::zeros();
        let of_shift = SMatrix::<f64, N, 2>::from_columns(&[east, north]) * places[k].pull.transpose();
        pull.fixed_columns_mut::<3>(0).copy_from(&of_shift);
        let both = pull.transpose() * with_later;
        whole += pull.transpose() * p * pull + both + both.transpose();
        with_later += p * pull;
    }
    shifts.reverse();
    // Now at the first place.
    prior_cost += 0.5 * x.component_mul(&x).component_div(&start).sum();
    let (growth, turn) = (sizes.similar * x[GROWTH], sizes.similar * x[TURN]);
    let found = Found { shifts, growth, turn, whole, lane_m: x[LANE], prior_cost, openness };
    (found.prior_cost.is_finite() && openness.is_finite()).then_some(found)
}

/// How what is seen across a line changes with the state.
fn across(axis: Vector2<f64>, arm_m: Vector2<f64>, sigma_m: f64, sizes: Sizes) -> State {
    let slow = axis * (sizes.slow * sigma_m);
    let similar = [arm_m, left_of(arm_m)].map(|way| sizes.similar * axis.dot(&way));
    State::from([slow.x, slow.y, axis.x, axis.y, -1.0, similar[0], similar[1]])
}
