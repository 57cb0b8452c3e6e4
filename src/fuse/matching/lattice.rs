//! The hidden Markov model: a column of candidates a position, and the most likely sequence through them (Viterbi).
//!
//! Source: Newson and Krumm (2009), *Hidden Markov map matching through noise and sparseness*: a step is as likely as the
//! way between two candidates is as long as the straight line between their positions. Beside the candidates each
//! column has a last state, *off the road*, and any candidate may begin anew where no way leads on.

use crate::record::RoadGraph;

use super::candidates::{Candidate, Finder};
use super::search::Searches;
use super::steps::Steps;
use super::trace::{Kept, Point};
use super::{BREAK, LEAVE, Model};

/// States less likely than the best by this are not followed, nats.
const BEAM: f64 = 40.0;
/// Positions nearer in time than this, seconds, have much of their error in common: each is less news, …
const ALIKE_S: f64 = 10.0;
/// … but no less than this share.
const LEAST_NEWS: f64 = 0.2;
/// Positions so far apart in time, seconds, have errors of their own.
const STAY_S: f64 = 45.0;

/// A step that may be, with its log probability.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Link {
    /// Candidate of the column before.
    pub from: u16,
    /// Candidate of this column.
    pub to: u16,
    /// Log probability.
    pub log: f32,
}

/// Where the best sequence up to a state comes from.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Back {
    state: u16,
    /// Whether no way leads from there.
    begins: bool,
}

/// What is known of a position. The states are the candidates and, last, being off the road.
#[derive(Debug, Default)]
pub(super) struct Column {
    /// Index into the points.
    pub point: usize,
    /// Where it may be.
    pub candidates: Vec<Candidate>,
    /// Log likelihood of the position in the last state.
    pub off: f64,
    /// Steps from the column before.
    pub links: Vec<Link>,
    /// Whether the positions before say nothing about this one.
    pub gap: bool,
    best: Vec<f64>,
    back: Vec<Back>,
    /// Log of the sum over all sequences up to each state.
    pub forward: Vec<f64>,
    /// The same over all that follow, the position's own likelihood included.
    pub backward: Vec<f64>,
    /// Log of the sum over all sequences.
    pub total: f64,
    /// Probability of each state.
    pub probability: Vec<f64>,
}

/// A state of the most likely sequence.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Chosen {
    /// The candidate; `None` off the road.
    pub candidate: Option<u16>,
    /// Whether no way leads here from the one before.
    pub begins: bool,
}

/// Columns, and the buffers that they are made with.
#[derive(Debug, Default)]
pub(super) struct Lattice {
    /// The columns so far.
    pub columns: Vec<Column>,
    /// Searches that later columns may need again.
    pub searches: Searches,
    finder: Finder,
    spare: Vec<Column>,
}

impl Column {
    /// How many states it has.
    pub(super) fn states(&self) -> usize {
        self.candidates.len() + 1
    }

    /// Log likelihood of the position in a state.
    pub(super) fn log(&self, state: usize) -> f64 {
        self.candidates.get(state).map_or(self.off, |c| c.log)
    }

    fn begin(&mut self) {
        self.best.clear();
        self.best.extend((0..self.states()).map(|s| if s < self.candidates.len() { 0.0 } else { -LEAVE }));
        for state in 0..self.states() {
            self.best[state] += self.log(state);
        }
        self.back.clear();
        self.back.resize(self.states(), Back { state: 0, begins: true });
    }

    /// As [`Column::begin`], with the best of what was before.
    fn begin_after(&mut self, before: &Column) {
        let (top, highest) = max(&before.best);
        self.begin();
        self.best.iter_mut().for_each(|b| *b += highest);
        self.back.iter_mut().for_each(|b| b.state = top as u16);
    }

    fn follow(&mut self, before: &Column, graph: &RoadGraph, model: &Model, steps: &Steps, searches: &mut Searches) {
        let off = before.candidates.len();
        let (_, highest) = max(&before.best);
        let (top_on, highest_on) = max(&before.best[..off]);
        // Whatever the candidate: come back onto the road, or begin where no way leads.
        let anew = [
            (before.best[off] - LEAVE, Back { state: off as u16, begins: true }),
            (highest_on - BREAK, Back { state: top_on as u16, begins: true }),
        ];
        let (log, back) = if anew[1].0 > anew[0].0 { anew[1] } else { anew[0] };
        self.best.clear();
        self.best.resize(self.candidates.len(), log);
        self.back.clear();
        self.back.resize(self.candidates.len(), back);
        for (from, a) in before.candidates.iter().enumerate() {
            if before.best[from] < highest - BEAM {
                continue;
            }
            for (to, b) in self.candidates.iter().enumerate() {
                let Some(step) = steps.best(graph, model, searches, a, b) else { continue };
                self.links.push(Link { from: from as u16, to: to as u16, log: step.log as f32 });
                if before.best[from] + step.log > self.best[to] {
                    self.best[to] = before.best[from] + step.log;
                    self.back[to] = Back { state: from as u16, begins: false };
                }
            }
        }
        for (best, candidate) in self.best.iter_mut().zip(&self.candidates) {
            *best += candidate.log;
        }
        let (log, state) = match highest_on - LEAVE > before.best[off] {
            true => (highest_on - LEAVE, top_on),
            false => (before.best[off], off),
        };
        self.best.push(log + self.off);
        self.back.push(Back { state: state as u16, begins: true });
    }
}

impl Lattice {
    /// Forgets all columns.
    pub(super) fn clear(&mut self) {
        self.spare.append(&mut self.columns);
    }

    /// Adds the column of a point; `gap` where the points before say nothing about it.
    pub(super) fn push(&mut self, graph: &RoadGraph, model: &Model, points: &[Point], kept: Kept, gap: bool) {
        let mut column = self.spare.pop().unwrap_or_default();
        column.point = kept.point;
        column.links.clear();
        self.finder.find(graph, model.mode, &points[kept.point], model.sigma_m, &mut column.candidates);
        column.off = model.off();
        // What neighbours have in common counts once. Who stays gives many positions, of which those far apart in time
        // are news.
        let since = self.columns.last().map_or(f64::MAX, |c| points[kept.point].t_s - points[c.point].t_s);
        let own = (since / ALIKE_S).clamp(LEAST_NEWS, 1.0);
        let weight = own + (kept.stay_s / STAY_S).min(1.0);
        column.off *= weight;
        column.candidates.iter_mut().for_each(|c| c.log *= weight);
        column.gap = gap;
        match self.columns.last() {
            None => column.begin(),
            Some(before) if gap => column.begin_after(before),
            Some(before) => {
                let steps = Steps::between(model, &points[before.point], &points[kept.point]);
                column.follow(before, graph, model, &steps, &mut self.searches);
            }
        }
        self.columns.push(column);
    }

    /// The most likely sequence: a state a column.
    pub(super) fn best(&self) -> Vec<Chosen> {
        let mut chosen = vec![Chosen { candidate: None, begins: true }; self.columns.len()];
        let Some(last) = self.columns.last() else { return chosen };
        let mut state = max(&last.best).0;
        for (column, out) in self.columns.iter().zip(&mut chosen).rev() {
            let back = column.back[state];
            out.candidate = (state < column.candidates.len()).then_some(state as u16);
            out.begins = back.begins;
            state = back.state as usize;
        }
        chosen
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
