//! The hidden Markov model: a column of candidates a position, and the most likely sequence through them (Viterbi).
//!
//! Source: Newson and Krumm (2009), *Hidden Markov map matching through noise and sparseness*: a step is as likely as the
//! way between two candidates is as long as the straight line between their positions. Beside the candidates each
//! column has a last state, *off the road*, and any candidate may begin anew where no way leads on.

use std::ops::Range;

use crate::record::RoadGraph;

use super::candidates::{Candidate, Finder, PLACES};
use super::heights::Hint;
use super::search::Searches;
use super::steps::{Kind, Start, Steps};
use super::trace::{Kept, Point};
use super::{BREAK, LEAVE, Model};

/// States less likely than the best by this are not followed, nats.
const BEAM: f64 = 40.0;
/// Positions nearer in time than this, seconds, have much of their error in common: each is less news, …
const ALIKE_S: f64 = 10.0;
/// … but no less than this share.
const LEAST_NEWS: f64 = 0.2;
/// Steps that are less likely than the best way to where they lead by this, nats, add nothing to any probability: what comes
/// after is the same for both.
const RIVAL: f64 = 20.0;
/// Positions so far apart in time, seconds, have errors of their own.
const STAY_S: f64 = 45.0;

/// A trace of more steps is a long one.
const LONG: usize = 1 << 16;

/// A state of a column; there are few enough.
pub(super) type State = u8;
const _: () = assert!(2 * PLACES < State::MAX as usize);

/// A step that may be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Link {
    /// Candidate of the column before.
    pub from: State,
    /// Candidate of this column.
    pub to: State,
    pub kind: Kind,
    /// Log probability; once the lattice was weighed, the probability that it was taken.
    pub weight: f32,
}

/// Where the best sequence up to a state comes from.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Back {
    state: State,
    /// The step from there; `None` where no way leads.
    step: Option<Kind>,
}

/// A position. Its states are its candidates and, last, being off the road.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Column {
    /// Index into the points.
    pub point: u32,
    /// Log likelihood of the position off the road.
    pub off: f64,
    /// Whether the positions before say nothing about this one.
    pub gap: bool,
    first_candidate: u32,
    first_link: u32,
}

/// A state of the most likely sequence.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Chosen {
    /// The candidate; `None` off the road.
    pub candidate: Option<State>,
    /// The step from the one before; `None` where no way leads here.
    pub step: Option<Kind>,
}

/// Columns with their candidates, steps and states, each in one row of memory.
#[derive(Debug, Default)]
pub(super) struct Lattice {
    /// The columns so far.
    pub columns: Vec<Column>,
    /// Where positions may be, column by column.
    pub candidates: Vec<Candidate>,
    /// Steps into the candidates, column by column.
    pub links: Vec<Link>,
    back: Vec<Back>,
    /// How likely each state is, given the positions up to its own; see [`Lattice::weigh`].
    pub(super) forward: Vec<f32>,
    /// Searches that later columns may need again.
    pub searches: Searches,
    /// Log of the best sequence up to each state of the last column, and of the one before.
    best: Vec<f64>,
    before: Vec<f64>,
    finder: Finder,
}

impl Lattice {
    /// Forgets all columns.
    pub(super) fn clear(&mut self) {
        self.columns.clear();
        self.candidates.clear();
        self.links.clear();
        self.back.clear();
    }

    /// The candidates of a column, as indices.
    pub(super) fn candidates_of(&self, column: usize) -> Range<usize> {
        let end = self.columns.get(column + 1).map_or(self.candidates.len(), |c| c.first_candidate as usize);
        self.columns[column].first_candidate as usize..end
    }

    /// The steps into a column, as indices.
    pub(super) fn links_of(&self, column: usize) -> Range<usize> {
        let end = self.columns.get(column + 1).map_or(self.links.len(), |c| c.first_link as usize);
        self.columns[column].first_link as usize..end
    }

    /// The states of a column, as indices: one more than there are candidates.
    pub(super) fn states_of(&self, column: usize) -> Range<usize> {
        let candidates = self.candidates_of(column);
        candidates.start + column..candidates.end + column + 1
    }

    /// Adds the column of a point; `gap` where the points before say nothing about it, `hint` of its storey.
    pub(super) fn push(
        &mut self,
        graph: &RoadGraph,
        model: &Model,
        points: &[Point],
        kept: Kept,
        gap: bool,
        hint: Option<Hint>,
    ) {
        let (first_candidate, first_link) = (self.candidates.len(), self.links.len());
        let point = &points[kept.point as usize];
        self.finder.find(graph, model.mode, point, model.sigma_m, &mut self.candidates);
        // What neighbours have in common counts once. Who stays gives many positions, of which those far apart in time
        // are news.
        let since = self.columns.last().map_or(f64::MAX, |c| point.t_s - points[c.point as usize].t_s);
        let own = (since / ALIKE_S).clamp(LEAST_NEWS, 1.0);
        let weight = own + (f64::from(kept.stay_s) / STAY_S).min(1.0);
        for candidate in &mut self.candidates[first_candidate..] {
            candidate.weight *= weight;
            candidate.weight += hint.map_or(0.0, |h| h.log(graph.storey(candidate.edge, candidate.m)));
        }
        let column = Column {
            point: kept.point,
            off: model.off() * weight,
            gap,
            first_candidate: first_candidate as u32,
            first_link: first_link as u32,
        };
        std::mem::swap(&mut self.best, &mut self.before);
        self.best.clear();
        match self.columns.last().copied() {
            None => self.begin(&column, 0.0, 0),
            Some(_) if gap => {
                let (top, highest) = max(&self.before);
                self.begin(&column, highest, top);
            }
            Some(before) => {
                let steps = Steps::between(model, &points[before.point as usize], point);
                self.follow(&before, &column, graph, model, &steps);
            }
        }
        self.columns.push(column);
    }

    /// The states of a column that nothing leads to, after a sequence of log `highest` that ends in state `top`.
    fn begin(&mut self, column: &Column, highest: f64, top: usize) {
        let candidates = &self.candidates[column.first_candidate as usize..];
        self.best.extend(candidates.iter().map(|c| c.weight + highest));
        self.best.push(column.off - LEAVE + highest);
        let back = Back { state: top as State, step: None };
        self.back.resize(self.back.len() + self.best.len(), back);
    }

    fn follow(&mut self, before: &Column, column: &Column, graph: &RoadGraph, model: &Model, steps: &Steps) {
        let (there, here) = self.candidates.split_at(column.first_candidate as usize);
        let there = &there[before.first_candidate as usize..];
        let off = there.len();
        let (_, highest) = max(&self.before);
        let (top_on, highest_on) = max(&self.before[..off]);
        // Whatever the candidate: come back onto the road, or begin where no way leads.
        let anew_from = |state: usize| Back { state: state as State, step: None };
        let (back_on, anew) = (self.before[off] - LEAVE, highest_on - BREAK);
        let (log, back) = if anew > back_on { (anew, anew_from(top_on)) } else { (back_on, anew_from(off)) };
        self.best.resize(here.len(), log);
        let first = self.back.len();
        self.back.resize(first + here.len(), back);
        let backs = &mut self.back[first..];
        for (from, a) in there.iter().enumerate() {
            let so_far = self.before[from];
            if so_far < highest - BEAM {
                continue;
            }
            let mut start = Start::at(graph, a);
            for (to, b) in here.iter().enumerate() {
                let Some(step) = steps.best(graph, model.mode, &mut self.searches, &mut start, b) else { continue };
                let (from, kind) = (from as State, step.kind);
                self.links.push(Link { from, to: to as State, kind, weight: step.log as f32 });
                if so_far + step.log > self.best[to] {
                    self.best[to] = so_far + step.log;
                    backs[to] = Back { state: from, step: Some(kind) };
                }
            }
        }
        for (best, candidate) in self.best.iter_mut().zip(here) {
            *best += candidate.weight;
        }
        let (log, state) = match highest_on - LEAVE > self.before[off] {
            true => (highest_on - LEAVE, top_on),
            false => (self.before[off], off),
        };
        self.best.push(log + column.off);
        self.back.push(anew_from(state));
        self.drop_rivals(column);
    }

    /// Leaves out steps of the last column that add nothing: those with much better rivals, and those to states that are not
    /// followed.
    fn drop_rivals(&mut self, column: &Column) {
        let here = &self.candidates[column.first_candidate as usize..];
        let (_, highest) = max(&self.best);
        let first = column.first_link as usize;
        let mut kept = first;
        for i in first..self.links.len() {
            let link = self.links[i];
            let (from, to) = (link.from as usize, link.to as usize);
            let log = self.before[from] + f64::from(link.weight) + here[to].weight;
            if log >= self.best[to] - RIVAL && self.best[to] >= highest - BEAM {
                self.links[kept] = link;
                kept += 1;
            }
        }
        self.links.truncate(kept);
    }

    /// The most likely sequence: a state a column.
    pub(super) fn best(&self) -> Vec<Chosen> {
        let mut chosen = vec![Chosen { candidate: None, step: None }; self.columns.len()];
        let mut state = max(&self.best).0;
        for (i, out) in chosen.iter_mut().enumerate().rev() {
            let back = self.back[self.states_of(i).start + state];
            out.candidate = (state < self.candidates_of(i).len()).then_some(state as State);
            out.step = back.step;
            state = back.state as usize;
        }
        chosen
    }

    /// Gives back the memory of all but the columns where it is much. That of a short trace serves the next one.
    pub(super) fn shrink(&mut self) {
        if self.links.len() > LONG {
            self.candidates = Vec::new();
            self.links = Vec::new();
            self.back = Vec::new();
            self.forward = Vec::new();
        }
    }

    /// Distances of the columns' positions from the path, metres.
    pub(super) fn residuals(&self, chosen: &[Chosen]) -> Vec<f64> {
        let of = |(i, state): (usize, &Chosen)| {
            let candidate = self.candidates_of(i).start + state.candidate? as usize;
            Some(f64::from(self.candidates[candidate].distance_m))
        };
        chosen.iter().enumerate().filter_map(of).collect()
    }
}

/// Index and value of the greatest; the first of several. Minus infinity of nothing.
fn max(values: &[f64]) -> (usize, f64) {
    let mut best = (0, f64::NEG_INFINITY);
    for (i, &value) in values.iter().enumerate() {
        if value > best.1 {
            best = (i, value);
        }
    }
    best
}
