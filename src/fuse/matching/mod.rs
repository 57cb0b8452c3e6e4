//! Map matching: which roads a trace was driven on.
//!
//! A trace is cleaned, smoothed and thinned ([`trace`]); each position left has candidates on the graph ([`candidates`]);
//! a hidden Markov model over them ([`lattice`], [`steps`], [`search`]) gives the most likely sequence and the probability
//! of everything ([`posterior`]); the sequence becomes a path, and every position given gets its place on it ([`route`]).
//! One setting for every interval and noise: what differs between traces is measured on the trace.

mod candidates;
mod heights;
mod lattice;
mod posterior;
mod route;
mod search;
mod smooth;
mod steps;
mod stream;
#[cfg(test)]
mod tests;
mod trace;
mod track;

use crate::record::{GnssFix, Mode, RoadGraph};

pub use stream::MatchStream;
pub use track::match_track;

use lattice::Lattice;
use trace::{Kept, Point, Trace, USUAL_SIGMA_M};

/// What beginning anew where no way leads costs, nats; detours that cost more are not looked at.
const BREAK: f64 = 30.0;
/// What leaving the road network costs, and coming back, nats.
const LEAVE: f64 = 10.0;
/// Being off the road is as likely as being so many sigmas from one…
const OFF_SIGMAS: f64 = 6.0;
/// … but no nearer to it than this, metres.
const OFF_M: f64 = 60.0;
/// How much surer the model is than it should be.
const TEMPERATURE: f64 = 1.2;
/// No trace is better, metres: roads are drawn as lines, and have lanes.
const LEAST_SIGMA_M: f64 = 4.0;
/// No trace is worse that can be matched, metres.
const MOST_SIGMA_M: f64 = 100.0;
/// Positions that the usual sigma counts for beside those of a trace.
const PRIOR_WEIGHT: f64 = 5.0;
/// What smoothing leaves of white noise, at most.
const SMOOTHED: f64 = 0.5;
/// Matched again where sigma turns out to be off by this factor.
const REMATCH: f64 = 1.2;
/// A pause longer than this, seconds, and than so many usual intervals, says that the rest is another trip.
const PAUSE_S: f64 = 180.0;
const PAUSE_INTERVALS: f64 = 10.0;
/// So far apart, metres, neighbours say nothing about each other.
const APART_M: f64 = 10_000.0;
/// Faster than this, m/s, is no drive.
const JUMP_MPS: f64 = 100.0;

/// The model's numbers for one trace.
#[derive(Debug, Clone, Copy)]
struct Model {
    mode: Mode,
    /// One sigma of positions about their road, metres.
    sigma_m: f64,
}

impl Model {
    /// Metres that the way may differ from the straight line for a nat.
    fn beta_m(&self, seconds: f64, straight_m: f64) -> f64 {
        2.0 + 0.25 * seconds.min(straight_m / 5.0 + 2.0) + 0.1 * (self.sigma_m + straight_m)
    }

    /// Log likelihood of a position off the road.
    fn off(&self) -> f64 {
        candidates::log_of_distance(OFF_SIGMAS.max(OFF_M / self.sigma_m))
    }
}

/// Where a fix is on the graph.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MatchedPoint {
    /// The edge, in the direction of travel; `None` where it is unmatched, as is all else.
    pub edge: Option<u32>,
    /// Metres along the edge.
    pub edge_m: f64,
    /// Index of the way.
    pub way: Option<u32>,
    /// Metres along the way, from its first node.
    pub offset_m: f64,
    /// Longitude of the place on the road, degrees.
    pub lon: f64,
    /// Latitude, degrees.
    pub lat: f64,
    /// Metres from the fix.
    pub distance_m: f64,
    /// Probability that the way is the right one.
    pub probability: f64,
}

impl MatchedPoint {
    /// A fix on no road.
    pub const UNMATCHED: MatchedPoint = MatchedPoint {
        edge: None,
        edge_m: f64::NAN,
        way: None,
        offset_m: f64::NAN,
        lon: f64::NAN,
        lat: f64::NAN,
        distance_m: f64::NAN,
        probability: f64::NAN,
    };
}

/// A piece of the path: the part of an edge that lies on one way.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PathEdge {
    /// The edge, in the direction of travel.
    pub edge: u32,
    /// Index of the way.
    pub way: u32,
    /// The source's ids of the nodes at its ends, in the direction of travel.
    pub nodes: [i64; 2],
    /// Metres along the edge where it was entered and left.
    pub edge_m: [f64; 2],
    /// Metres along the way where it was entered and left; falling against the way's nodes.
    pub way_m: [f64; 2],
    /// Which unbroken part of the path it belongs to, from 0.
    pub part: u32,
    /// Probability that it was driven.
    pub probability: f64,
}

/// Where the path is interrupted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Break {
    /// Index of the first fix after it.
    pub index: usize,
    /// Why.
    pub reason: String,
}

/// A matched trace.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Matched {
    /// A place for each fix.
    pub points: Vec<MatchedPoint>,
    /// The path, in the order of travel.
    pub path: Vec<PathEdge>,
    /// Interruptions, in order.
    pub breaks: Vec<Break>,
    /// One sigma of the positions about their roads, metres.
    pub sigma_m: f64,
}

/// Matches traces to one graph; keeps its buffers and what it learned of the graph between traces.
#[derive(Debug)]
pub struct Matcher<'a> {
    graph: &'a RoadGraph,
    mode: Mode,
    lattice: Lattice,
}

impl<'a> Matcher<'a> {
    /// A matcher for a mode.
    pub fn new(graph: &'a RoadGraph, mode: Mode) -> Matcher<'a> {
        Matcher { graph, mode, lattice: Lattice::default() }
    }

    /// Matches a trace, in the order of its fixes. Whatever is wrong with it ends in unmatched points and breaks.
    pub fn run(&mut self, fixes: &[GnssFix]) -> Matched {
        self.lattice.searches.begin_trace(self.graph);
        let trace = trace::prepare(fixes);
        let gaps = gaps(&trace);
        let told: Vec<f64> = fixes.iter().filter_map(|f| f.sigma_xy_m).filter(|s| s.is_finite() && *s > 0.0).collect();
        let usual = if told.is_empty() { USUAL_SIGMA_M } else { trace::median(&mut told.clone()) };
        let usual = usual.clamp(LEAST_SIGMA_M, MOST_SIGMA_M);
        let mut model = Model { mode: self.mode, sigma_m: usual };
        let mut chosen = self.solve(&trace, &model, &gaps, &[]);
        let mut residuals = self.lattice.residuals(&chosen);
        if !residuals.is_empty() {
            let n = residuals.len() as f64;
            // The median of absolute values of a normal distribution is 0.6745 sigma.
            let own = trace::median(&mut residuals) / 0.6745;
            let mixed = ((n * own * own + PRIOR_WEIGHT * usual * usual) / (n + PRIOR_WEIGHT)).sqrt();
            let sigma_m = mixed.clamp(LEAST_SIGMA_M, MOST_SIGMA_M);
            if sigma_m > model.sigma_m * REMATCH || sigma_m * REMATCH < model.sigma_m {
                model.sigma_m = sigma_m;
                chosen = self.solve(&trace, &model, &gaps, &[]);
            }
        }
        if let Some(hints) = heights::hints(self.graph, &self.lattice, &trace, fixes) {
            chosen = self.solve(&trace, &model, &gaps, &hints);
        }
        self.lattice.weigh();
        let route = route::route(self.graph, &model, &mut self.lattice, &trace.points, &chosen);
        let (path, breaks) = (route.path(self.graph), route.breaks(&self.lattice, &trace, &gaps));
        self.lattice.shrink();
        let points = route.points(self.graph, &self.lattice.columns, &trace, fixes);
        Matched { points, path, breaks, sigma_m: model.sigma_m }
    }

    /// The most likely sequence; `hints` by point, or none at all.
    fn solve(
        &mut self,
        trace: &Trace,
        model: &Model,
        gaps: &[(usize, String)],
        hints: &[Option<heights::Hint>],
    ) -> Vec<lattice::Chosen> {
        self.lattice.clear();
        let apart_m = 2.0 * model.sigma_m.max(SMOOTHED * trace.noise_m);
        let mut kept = trace::thin(&trace.points, apart_m);
        // Both sides of a gap stay.
        kept.extend(gaps.iter().flat_map(|g| [g.0 - 1, g.0]).map(|point| Kept { point: point as u32, stay_s: 0.0 }));
        kept.sort_by_key(|k| k.point);
        kept.dedup_by_key(|k| k.point);
        self.lattice.columns.reserve_exact(kept.len());
        for kept in kept {
            let point = kept.point as usize;
            let gap = gaps.binary_search_by_key(&point, |g| g.0).is_ok();
            let hint = hints.get(point).copied().flatten();
            self.lattice.push(self.graph, model, &trace.points, kept, gap, hint);
        }
        self.lattice.best()
    }
}

/// Points that those before say nothing about, with the reason.
fn gaps(trace: &Trace) -> Vec<(usize, String)> {
    let points = &trace.points;
    let mut intervals: Vec<f64> = points.windows(2).map(|w| w[1].t_s - w[0].t_s).collect();
    let usual = trace::median(&mut intervals);
    let mut gaps = Vec::new();
    for (i, pair) in points.windows(2).enumerate() {
        let [a, b] = pair else { continue };
        let seconds = b.t_s - a.t_s;
        let metres = straight_m(a, b);
        if trace.timed && seconds > PAUSE_S.max(PAUSE_INTERVALS * usual) {
            gaps.push((i + 1, format!("a pause of {seconds:.0} s")));
        } else if metres > APART_M || (trace.timed && metres > JUMP_MPS * seconds + 10.0 * MOST_SIGMA_M) {
            gaps.push((i + 1, format!("a jump of {metres:.0} m")));
        }
    }
    gaps
}

/// Metres between two points, the same both ways.
fn straight_m(a: &Point, b: &Point) -> f64 {
    let to = |from: &Point, to: &Point| from.plane.to_m(to.degrees().0, to.degrees().1);
    let ((x, y), (back_x, back_y)) = (to(a, b), to(b, a));
    let (x, y) = ((x - back_x) / 2.0, (y - back_y) / 2.0);
    (x * x + y * y).sqrt()
}
