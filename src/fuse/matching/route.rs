//! From the most likely sequence to the path that was taken, and every position's place on it.

use crate::coord::nearest_on_segment;
use crate::record::{GnssFix, RoadGraph};

use super::candidates::Candidate;
use super::lattice::{Chosen, Column, Lattice, Link};
use super::steps::{Kind, Steps};
use super::trace::{Point, Trace};
use super::{Break, MatchedPoint, Model, PathEdge};

/// Steps less likely than this are not looked into for the probability of edges.
const NEGLIGIBLE: f64 = 0.01;
/// States less likely than this add nothing to what is told of a way.
const NOTHING: f64 = 1e-5;
/// A step as likely as this has no rivals.
const CERTAIN: f64 = 0.995;
/// Shorter than this, metres, an edge at an end of a part was not driven.
const TOUCHED_M: f64 = 0.05;

/// A stretch of an edge that was driven.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Leg {
    pub edge: u32,
    pub from_m: f64,
    pub to_m: f64,
    pub probability: f64,
    pub part: u32,
}

/// A place on the path: a leg, and metres along its edge.
#[derive(Debug, Clone, Copy, PartialEq)]
struct OnPath {
    leg: u32,
    m: f64,
    probability: f64,
    /// Whether a part begins here.
    begins: bool,
}

/// The path of a trace.
#[derive(Debug, Default)]
pub(super) struct Route {
    pub legs: Vec<Leg>,
    /// Where each column is; `None` off the road.
    at: Vec<Option<OnPath>>,
}

/// The path through the chosen states.
pub(super) fn route(
    graph: &RoadGraph,
    model: &Model,
    lattice: &mut Lattice,
    points: &[Point],
    chosen: &[Chosen],
) -> Route {
    let mut route = Route { legs: Vec::new(), at: Vec::with_capacity(chosen.len()) };
    let mut part = 0;
    let (mut middle, mut likely, mut over) = (Vec::new(), Vec::new(), Vec::new());
    for (i, state) in chosen.iter().enumerate() {
        let Some(candidate) = state.candidate else {
            route.at.push(None);
            continue;
        };
        let candidates = &lattice.candidates[lattice.candidates_of(i)];
        let here = candidates[candidate as usize];
        let before = state.step.and_then(|kind| Some((kind, chosen[i.checked_sub(1)?].candidate?)));
        // At a junction of edges of one way, whichever it is on, the way is known.
        let way_of = |c: &Candidate| graph.way_at(c.edge, c.m).0;
        let way = way_of(&here);
        let same = |c: &&Candidate| c.edge == here.edge || (c.weight > NOTHING && way_of(c) == way);
        let probability = candidates.iter().filter(same).map(|c| c.weight).sum::<f64>().min(1.0);
        match before {
            None => {
                part += u32::from(!route.legs.is_empty());
                route.legs.push(Leg { edge: here.edge, from_m: here.m, to_m: here.m, probability, part });
            }
            Some((kind, from)) => {
                let first = route.legs.len() - 1;
                middle.clear();
                if kind == Kind::Over {
                    let there = lattice.candidates[lattice.candidates_of(i - 1).start + from as usize];
                    let steps = lattice.steps_into(model, points, i);
                    steps.edges(graph, model.mode, &mut lattice.searches, &there, &here, &mut middle);
                }
                route.extend(graph, part, kind, &middle, here.edge, here.m);
                lattice.likely_steps(i, NEGLIGIBLE, &mut likely);
                match likely[..] {
                    [(_, probability)] if probability >= CERTAIN => {
                        let legs = &mut route.legs[first..];
                        legs.iter_mut().for_each(|l| l.probability = l.probability.max(probability.min(1.0)));
                    }
                    _ => {
                        over.clear();
                        for &(link, probability) in &likely {
                            middle.clear();
                            lattice.edges_of(graph, model, points, i, link, &mut middle);
                            middle.sort_unstable();
                            middle.dedup();
                            over.extend(middle.iter().map(|&e| (e, probability)));
                        }
                        route.judge(first, &over);
                    }
                }
            }
        }
        let leg = route.legs.len() as u32 - 1;
        route.at.push(Some(OnPath { leg, m: here.m, probability, begins: before.is_none() }));
    }
    route
}

impl Lattice {
    fn steps_into(&self, model: &Model, points: &[Point], column: usize) -> Steps {
        let point = |column: usize| &points[self.columns[column].point as usize];
        Steps::between(model, point(column - 1), point(column))
    }

    /// Adds the edges that a step into a column touches to `out`.
    fn edges_of(
        &mut self,
        graph: &RoadGraph,
        model: &Model,
        points: &[Point],
        column: usize,
        link: usize,
        out: &mut Vec<u32>,
    ) {
        let Link { from, to, kind, .. } = self.links[link];
        let a = self.candidates[self.candidates_of(column - 1).start + from as usize];
        let b = self.candidates[self.candidates_of(column).start + to as usize];
        out.extend([a.edge, b.edge]);
        if kind == Kind::Over {
            let steps = self.steps_into(model, points, column);
            steps.edges(graph, model.mode, &mut self.searches, &a, &b, out);
        }
    }
}

impl Route {
    fn extend(&mut self, graph: &RoadGraph, part: u32, kind: Kind, middle: &[u32], edge: u32, m: f64) {
        let alone = self.legs.len() < 2 || self.legs[self.legs.len() - 2].part != part;
        let Some(last) = self.legs.last_mut() else { return };
        let fresh = |edge: u32, from_m: f64, to_m: f64| Leg { edge, from_m, to_m, probability: 0.0, part };
        match kind {
            Kind::Along => {
                last.to_m = last.to_m.max(m);
                if alone {
                    last.from_m = last.from_m.min(m);
                }
            }
            Kind::Round => {
                let length = graph.length_m(edge);
                last.to_m = last.to_m.max(length - m);
                let turned = length - last.to_m;
                self.legs.push(fresh(edge, turned, m.max(turned)));
            }
            Kind::Over => {
                last.to_m = graph.length_m(last.edge);
                self.legs.extend(middle.iter().map(|&e| fresh(e, 0.0, graph.length_m(e))));
                self.legs.push(fresh(edge, 0.0, m));
            }
        }
    }

    /// Gives the legs from `first` on the probability that a step led over their edges: `over` has the edges of each step.
    fn judge(&mut self, first: usize, over: &[(u32, f64)]) {
        for leg in &mut self.legs[first..] {
            let sum: f64 = over.iter().filter(|o| o.0 == leg.edge).map(|o| o.1).sum();
            leg.probability = leg.probability.max(sum.min(1.0));
        }
    }

    /// The path as pieces of ways, a piece an edge and way.
    pub(super) fn path(&self, graph: &RoadGraph) -> Vec<PathEdge> {
        let mut path = Vec::with_capacity(self.legs.len());
        let mut pieces = Vec::new();
        for (i, leg) in self.legs.iter().enumerate() {
            let same = |j: Option<usize>| j.and_then(|j| self.legs.get(j)).is_some_and(|l| l.part == leg.part);
            let (after, before) = (same(Some(i + 1)), same(i.checked_sub(1)));
            if leg.to_m - leg.from_m < TOUCHED_M && (after || before) && !(after && before) {
                continue;
            }
            pieces.clear();
            graph.pieces(leg.edge, leg.from_m, leg.to_m, &mut pieces);
            // A way that is touched at its end was not driven, where another was.
            let long = pieces.iter().any(|p| p.edge_m[1] - p.edge_m[0] >= TOUCHED_M);
            for piece in &pieces {
                let length = piece.edge_m[1] - piece.edge_m[0];
                let inner = piece.edge_m[0] > leg.from_m && piece.edge_m[1] < leg.to_m;
                if long && length < TOUCHED_M && !inner {
                    continue;
                }
                path.push(PathEdge {
                    edge: leg.edge,
                    way: piece.way,
                    nodes: piece.nodes,
                    edge_m: piece.edge_m,
                    way_m: piece.way_m,
                    part: leg.part,
                    probability: leg.probability,
                });
            }
        }
        path
    }

    /// A place for every fix.
    pub(super) fn points(
        &self,
        graph: &RoadGraph,
        columns: &[Column],
        trace: &Trace,
        fixes: &[GnssFix],
    ) -> Vec<MatchedPoint> {
        let points = &trace.points;
        let mut out = vec![MatchedPoint::UNMATCHED; fixes.len()];
        let mut put = |point: &Point, at: OnPath| {
            let edge = self.legs[at.leg as usize].edge;
            let (way, offset_m) = graph.way_at(edge, at.m);
            let (lon, lat) = graph.place(edge, at.m);
            let index = point.index as usize;
            let place = &fixes[index].place;
            let (x, y) = point.plane.moved(lon, lat).to_m(place.lon_deg, place.lat_deg);
            out[index] = MatchedPoint {
                edge: Some(edge),
                edge_m: at.m,
                way: Some(way),
                offset_m,
                lon,
                lat,
                distance_m: (x * x + y * y).sqrt(),
                probability: at.probability,
            };
        };
        let mut line = Vec::new();
        for (i, column) in columns.iter().enumerate() {
            if let Some(at) = self.at[i] {
                put(&points[column.point as usize], at);
            }
            let Some(next) = columns.get(i + 1) else { continue };
            let between = column.point as usize + 1..next.point as usize;
            if between.is_empty() {
                continue;
            }
            match (self.at[i], self.at[i + 1]) {
                (Some(a), Some(b)) if !b.begins => {
                    self.stretch(graph, a, b, &mut line);
                    let mut least = 0;
                    let count = between.len() as f64 + 1.0;
                    for (k, point) in between.enumerate() {
                        let mut at = nearest_on(&line, &points[point], &mut least);
                        let w = (k as f64 + 1.0) / count;
                        at.probability = a.probability * (1.0 - w) + b.probability * w;
                        put(&points[point], at);
                    }
                }
                // Next to where a part ends or begins.
                (a, b) => {
                    let middle = between.start + between.len() / 2;
                    for point in between {
                        if let Some(at) = if point < middle { a } else { b } {
                            put(&points[point], at);
                        }
                    }
                }
            }
        }
        fill_repeats(&mut out, trace, fixes);
        out
    }

    /// The corners of the path between two places.
    fn stretch(&self, graph: &RoadGraph, a: OnPath, b: OnPath, line: &mut Vec<(f64, f64, OnPath)>) {
        line.clear();
        for leg in a.leg..=b.leg.max(a.leg) {
            let Leg { edge, from_m, to_m, .. } = self.legs[leg as usize];
            let from = if leg == a.leg { a.m } else { from_m };
            let to = if leg == b.leg { b.m } else { to_m };
            graph.line(edge, from, to.max(from), |lon, lat, m| {
                line.push((lon, lat, OnPath { leg, m, probability: 0.0, begins: false }))
            });
        }
    }

    /// Where matching was interrupted, and why.
    pub(super) fn breaks(&self, lattice: &Lattice, trace: &Trace, gaps: &[(usize, String)]) -> Vec<Break> {
        let mut breaks = Vec::new();
        for (i, column) in lattice.columns.iter().enumerate() {
            let point = column.point as usize;
            let index = trace.points[point].index as usize;
            let gap = gaps.iter().find(|g| g.0 == point);
            let begins = self.at[i].is_some_and(|at| at.begins);
            let reason = match (i.checked_sub(1).map(|j| self.at[j].is_some()), self.at[i].is_some()) {
                (Some(_), true) if gap.is_some() => gap.map(|g| g.1.clone()),
                (Some(true), true) if begins => Some("no way leads here from the position before".to_string()),
                (Some(true) | None, false) => Some(match lattice.candidates_of(i).is_empty() {
                    true => "no road is near".to_string(),
                    false => "off the road".to_string(),
                }),
                _ => None,
            };
            breaks.extend(reason.map(|reason| Break { index, reason }));
        }
        breaks
    }
}

/// Fixes that were not used (they repeat a time, or jump) are where the one before is; the first where the next is.
fn fill_repeats(out: &mut [MatchedPoint], trace: &Trace, fixes: &[GnssFix]) {
    let mut used = vec![false; fixes.len()];
    trace.points.iter().for_each(|p| used[p.index as usize] = true);
    let mut before: Option<usize> = None;
    for i in 0..fixes.len() {
        if used[i] {
            before = Some(i);
        } else if let Some(j) = before
            && fixes[i].place == fixes[j].place
        {
            out[i] = out[j];
        }
    }
}

/// The place on a line nearest to a point, not before the corner `least`, which moves on to it.
fn nearest_on(line: &[(f64, f64, OnPath)], point: &Point, least: &mut usize) -> OnPath {
    let plane = point.plane;
    let mut best: Option<(f64, usize, OnPath)> = None;
    for i in *least..line.len().saturating_sub(1) {
        let (a, b) = (line[i], line[i + 1]);
        if a.2.leg != b.2.leg {
            continue;
        }
        let (t, _, distance) = nearest_on_segment((0.0, 0.0), plane.to_m(a.0, a.1), plane.to_m(b.0, b.1));
        if best.is_none_or(|(d, ..)| distance < d) {
            best = Some((distance, i, OnPath { m: a.2.m + (b.2.m - a.2.m) * t, ..a.2 }));
        }
    }
    match best {
        Some((_, i, at)) => {
            *least = i;
            at
        }
        None => line[line.len() - 1].2,
    }
}
