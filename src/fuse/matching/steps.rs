//! What it costs to go from a candidate of one position to a candidate of the next.

use crate::record::{Mode, RoadGraph};

use super::candidates::Candidate;
use super::search::Searches;
use super::trace::Point;
use super::{BREAK, Model, straight_m};

/// What turning round costs, nats.
const TURN_ROUND: f64 = 7.0;
/// What a quarter of a turn costs, nats, between positions so far apart (metres) that they do not show it.
const TURN: f64 = 3.0;
const TURN_APART_M: f64 = 200.0;
/// What going backward on an edge costs, nats.
const BACKWARD: f64 = 1.5;
/// Less than this, metres, is no motion.
const STILL_M: f64 = 1.0;
/// Metres that going backward is tolerated over, at least; and how many sigmas.
const BACKWARD_M: f64 = 10.0;
const BACKWARD_SIGMAS: f64 = 2.0;
/// Nobody goes faster, m/s, …
const FASTEST_MPS: f64 = 70.0;
/// … beyond what positions are off, metres.
const SLACK_M: f64 = 200.0;

/// A way from one candidate to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Along the same edge, forward or a little back.
    Along,
    /// Turning round on the same road.
    Round,
    /// Over nodes.
    Over,
}

/// A step and its log probability.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Step {
    pub kind: Kind,
    pub log: f64,
}

/// A candidate that steps begin at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Start {
    edge: u32,
    m: f64,
    /// Metres from there to the end of the edge, and of the whole edge.
    rest_m: f64,
    length_m: f64,
    /// The search from there, once it was needed.
    search: Option<usize>,
}

impl Start {
    pub(super) fn at(graph: &RoadGraph, candidate: &Candidate) -> Start {
        let length_m = graph.length_m(candidate.edge);
        Start { edge: candidate.edge, m: candidate.m, rest_m: length_m - candidate.m, length_m, search: None }
    }
}

/// What all steps between two positions share.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Steps {
    /// Metres between the positions.
    straight_m: f64,
    /// Metres of difference that cost a nat.
    beta_m: f64,
    /// What a quarter of a turn costs, nats.
    turn: f64,
    /// The longest way that is looked at, metres.
    limit_m: f64,
    tolerance_m: f64,
}

impl Steps {
    pub(super) fn between(model: &Model, a: &Point, b: &Point) -> Steps {
        let straight_m = straight_m(a, b);
        let seconds = b.t_s - a.t_s;
        let beta_m = model.beta_m(seconds, straight_m);
        let limit_m = (straight_m + BREAK * beta_m).min(FASTEST_MPS * seconds + straight_m.min(SLACK_M) + SLACK_M);
        let tolerance_m = (BACKWARD_SIGMAS * model.sigma_m).max(BACKWARD_M);
        let turn = TURN * (straight_m / TURN_APART_M).min(1.0);
        Steps { straight_m, beta_m, turn, limit_m, tolerance_m }
    }

    fn log(&self, length_m: f64) -> f64 {
        -(length_m - self.straight_m).abs() / self.beta_m
    }

    /// The best step from one candidate to another; `None` where none is worth a look.
    #[inline]
    pub(super) fn best(
        &self,
        graph: &RoadGraph,
        mode: Mode,
        searches: &mut Searches,
        a: &mut Start,
        b: &Candidate,
    ) -> Option<Step> {
        let mut best: Option<Step> = None;
        let mut offer = |kind: Kind, log: f64| {
            if log > -BREAK && best.is_none_or(|s| log > s.log) {
                best = Some(Step { kind, log });
            }
        };
        if a.edge == b.edge {
            let ahead = b.m - a.m;
            if ahead >= -self.tolerance_m {
                let backward = if ahead < -STILL_M { BACKWARD } else { 0.0 };
                offer(Kind::Along, self.log(ahead.abs()) - backward);
                return best;
            }
        } else if a.edge == b.edge ^ 1 {
            let there = a.length_m - b.m;
            offer(Kind::Round, self.log((there - a.m).abs()) - TURN_ROUND);
        }
        let ends = a.rest_m + b.m;
        if ends <= self.limit_m {
            let search = *a.search.get_or_insert_with(|| searches.from(graph, mode, a.edge));
            if let Some(way) = searches.get(search).way_to(graph, mode, b.edge, self.limit_m - ends) {
                offer(Kind::Over, self.log(ends + way.length_m) - TURN_ROUND * way.rounds - self.turn * way.turns);
            }
        }
        best
    }

    /// Adds the edges between two candidates' of a step over nodes to `out`, both left out.
    pub(super) fn edges(
        &self,
        graph: &RoadGraph,
        mode: Mode,
        searches: &mut Searches,
        a: &Candidate,
        b: &Candidate,
        out: &mut Vec<u32>,
    ) {
        let bound = self.limit_m - (graph.length_m(a.edge) - a.m + b.m);
        let search = searches.from(graph, mode, a.edge);
        searches.get(search).edges_to(graph, mode, b.edge, bound, out);
    }
}
