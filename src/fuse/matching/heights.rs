//! On which storey of stacked roads a trace was driven, told by its heights.
//!
//! Nobody says how high a road is, and heights of receivers are off by metres. But where every road around is on the ground the
//! trace tells how high the ground is, and how well its own heights predict each other a few hundred metres on. Near such
//! places a climb of a storey says which of two roads, one above the other, it is on; far from them, and where heights
//! scatter, it says nothing.

use crate::record::{GnssFix, RoadGraph};

use super::lattice::Lattice;
use super::straight_m;
use super::trace::{Point, Trace, median};

/// Height of a storey, metres, and one sigma of it.
const STOREY_M: f64 = 7.0;
const STOREY_SIGMA_M: f64 = 2.5;
/// Heights are alike over so many metres of path: a stretch so long is one piece of news.
const ALIKE_M: f64 = 300.0;
/// Ground farther away than this, metres, says nothing.
const FAR_M: f64 = 1000.0;
/// Pairs of places on the ground that show how heights scatter are so far apart, metres: nearly the same place, and …
const CLOSE_M: [f64; 2] = [15.0, 80.0];
/// … another one; the model is a straight line between the middles of the two.
const APART_M: [f64; 2] = [200.0, 400.0];
const MIDDLE_M: f64 = 300.0;
/// So many pairs of each are needed.
const PAIRS: usize = 8;
/// No heights predict each other better, metres.
const LEAST_SIGMA_M: f64 = 1.0;
/// A storey that disagrees costs no more, nats.
const CAP: f64 = 4.0;
/// Fixes on each side whose heights are taken together.
const BESIDE: usize = 2;

/// How high a position is above the ground.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Hint {
    /// Metres above the ground near by.
    above_m: f64,
    /// One sigma of it.
    sigma_m: f64,
    /// How much news it is, up to 1.
    news: f64,
}

impl Hint {
    /// Log likelihood of being on a storey, counted from the ground.
    pub(super) fn log(&self, storey: i8) -> f64 {
        let storey = f64::from(storey);
        let variance = self.sigma_m * self.sigma_m + storey * storey * STOREY_SIGMA_M * STOREY_SIGMA_M;
        let off = self.above_m - storey * STOREY_M;
        let fit = -0.5 * off * off / variance - 0.5 * libm::log(variance / (self.sigma_m * self.sigma_m));
        self.news * fit.max(-CAP)
    }
}

/// A column: where it lies along the trace, its height, and whether roads of one storey alone are around.
struct Place {
    point: usize,
    s_m: f64,
    height_m: f64,
    sigma_z_m: f64,
    on_ground: bool,
    stacked: bool,
}

/// Hints by point, for those between roads of several storeys; `None` where there are none, or heights tell nothing.
pub(super) fn hints(
    graph: &RoadGraph,
    lattice: &Lattice,
    trace: &Trace,
    fixes: &[GnssFix],
) -> Option<Vec<Option<Hint>>> {
    let first = fixes.first()?.place.height_m;
    if fixes.iter().all(|f| f.place.height_m == first || !f.place.height_m.is_finite()) {
        return None;
    }
    let places = places(graph, lattice, trace, fixes);
    if !places.iter().any(|p| p.stacked) {
        return None;
    }
    let ground: Vec<(f64, f64)> = places.iter().filter(|p| p.on_ground).map(|p| (p.s_m, p.height_m)).collect();
    let (close, apart) = (scatter(&ground, CLOSE_M)?, scatter(&ground, APART_M)?);
    let mut hints = vec![None; trace.points.len()];
    let mut before_m = 0.0;
    for place in &places {
        let step_m = place.s_m - before_m;
        before_m = place.s_m;
        let Some((ground_m, far_m)) = level(&ground, place.s_m).filter(|l| place.stacked && l.1 <= FAR_M) else {
            continue;
        };
        let along = (far_m / MIDDLE_M) * (far_m / MIDDLE_M);
        let variance = close * close + (apart * apart - close * close).max(0.0) * along;
        let told = place.sigma_z_m * place.sigma_z_m;
        let sigma_m = (variance + told).sqrt().max(LEAST_SIGMA_M);
        let news = (step_m / ALIKE_M).clamp(0.0, 1.0);
        hints[place.point] = Some(Hint { above_m: place.height_m - ground_m, sigma_m, news });
    }
    Some(hints).filter(|h| h.iter().any(Option::is_some))
}

fn places(graph: &RoadGraph, lattice: &Lattice, trace: &Trace, fixes: &[GnssFix]) -> Vec<Place> {
    let mut places: Vec<Place> = Vec::with_capacity(lattice.columns.len());
    let mut s_m = 0.0;
    let mut before: Option<&Point> = None;
    for (i, column) in lattice.columns.iter().enumerate() {
        let at = column.point as usize;
        let point = &trace.points[at];
        s_m += before.map_or(0.0, |b| straight_m(b, point));
        before = Some(point);
        let beside = at.saturating_sub(BESIDE)..(at + BESIDE + 1).min(trace.points.len());
        let mut heights: Vec<f64> = beside.map(|k| fixes[trace.points[k].index as usize].place.height_m).collect();
        heights.retain(|h| h.is_finite());
        if heights.is_empty() {
            continue;
        }
        let candidates = &lattice.candidates[lattice.candidates_of(i)];
        let mut storeys = candidates.iter().map(|c| graph.storey(c.edge, c.m));
        let lowest = storeys.clone().min();
        places.push(Place {
            point: at,
            s_m,
            height_m: median(&mut heights),
            sigma_z_m: fixes[point.index as usize].sigma_z_m.filter(|s| s.is_finite()).unwrap_or(0.0),
            on_ground: lowest == Some(0) && storeys.clone().max() == Some(0),
            stacked: storeys.any(|s| Some(s) != lowest),
        });
    }
    places
}

/// One sigma of how heights (places and heights, by place) differ over a distance, metres; `None` where too few tell.
fn scatter(ground: &[(f64, f64)], [least_m, most_m]: [f64; 2]) -> Option<f64> {
    let mut off: Vec<f64> = Vec::new();
    let mut j = 0;
    for &(s_m, height_m) in ground {
        while ground.get(j).is_some_and(|g| g.0 < s_m + least_m) {
            j += 1;
        }
        let other = ground.get(j).filter(|g| g.0 <= s_m + most_m);
        off.extend(other.map(|g| (g.1 - height_m).abs()));
    }
    // The median of absolute values of a normal distribution is 0.6745 sigma.
    (off.len() >= PAIRS).then(|| median(&mut off) / 0.6745)
}

/// Height of the ground at a place along the trace, between the nearest known ones, and how far the nearest is.
fn level(ground: &[(f64, f64)], s_m: f64) -> Option<(f64, f64)> {
    let next = ground.partition_point(|g| g.0 < s_m);
    let (before, after) = (next.checked_sub(1).map(|i| ground[i]), ground.get(next).copied());
    match (before, after) {
        (Some(a), Some(b)) => {
            let w = (s_m - a.0) / (b.0 - a.0).max(1e-9);
            Some((a.1 + (b.1 - a.1) * w, (s_m - a.0).min(b.0 - s_m)))
        }
        (Some(one), None) | (None, Some(one)) => Some((one.1, (s_m - one.0).abs())),
        (None, None) => None,
    }
}
