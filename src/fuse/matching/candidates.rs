//! Where on the graph a position may be.

use crate::record::{Mode, Nearby, RoadGraph, RoadWay, Segment};

use super::trace::Point;

/// Roads are looked for at least this far, metres…
const NEAR_M: f64 = 50.0;
/// … or so many sigmas, …
const SIGMAS: f64 = 5.0;
/// … and where there is none, up to this far.
const FAR_M: f64 = 200.0;
/// At most so many places on roads, the nearest, each in up to two directions.
pub(super) const PLACES: usize = 48;
/// A road comes back where it went away by so much, metres: one leg of a hairpin bend is not the other.
const RISE_M: f64 = 1.5;
/// Below this speed, m/s, the direction of motion says nothing.
const SLOW_MPS: f64 = 2.0;
/// One sigma of how a road's drawn direction differs from that of who drives on it, radians.
const HEADING_SIGMA_RAD: f64 = 0.3;
/// A heading that disagrees costs no more, nats: it may be a manoeuvre, or a wrong heading.
const HEADING_CAP: f64 = 5.0;
/// What it costs to be in a tunnel while positions are received, nats.
const TUNNEL: f64 = 2.0;

/// A place on an edge that a position may belong to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Candidate {
    /// The edge, in the direction of travel.
    pub edge: u32,
    /// Metres along it.
    pub m: f64,
    /// Metres from the position.
    pub distance_m: f32,
    /// Log likelihood of the position; once the lattice was weighed, the probability that it belongs here.
    pub weight: f64,
}

/// Finds candidates; keeps its buffers.
#[derive(Debug, Default)]
pub(super) struct Finder {
    nearby: Nearby,
    places: Vec<Segment>,
}

/// Log likelihood of a distance of `x` sigmas: normal up to three, then falling only linearly, since far errors are not
/// as rare as a normal distribution has them.
pub(super) fn log_of_distance(x: f64) -> f64 {
    if x <= 3.0 { -0.5 * x * x } else { 4.5 - 3.0 * x }
}

impl Finder {
    /// Adds the candidates of a point to `out`, by edge and offset; none where there is no road in reach.
    pub(super) fn find(
        &mut self,
        graph: &RoadGraph,
        mode: Mode,
        point: &Point,
        sigma_m: f64,
        out: &mut Vec<Candidate>,
    ) {
        let mut radius = NEAR_M.max(SIGMAS * sigma_m);
        loop {
            graph.near(&point.plane, point.degrees(), radius, &mut self.nearby);
            self.nearby.segments.retain(|s| graph.usable(s.road, mode).contains(&true));
            if !self.nearby.segments.is_empty() || radius >= FAR_M {
                break;
            }
            radius = (radius * 2.0).min(FAR_M);
        }
        self.nearest_places();
        let motion = Motion::of(point);
        for place in &self.places {
            let near = log_of_distance(place.distance_m / sigma_m);
            let usable = graph.usable(place.road, mode);
            let off_ground = graph.leaves_ground(place.road);
            for (edge, usable) in [2 * place.road, 2 * place.road + 1].into_iter().zip(usable) {
                if usable {
                    let m = graph.along_edge(edge, place.along_m);
                    let mut log = near + motion.log(place, edge);
                    let way = |m: f64| graph.ways().get(graph.way_at(edge, m).0 as usize);
                    if off_ground && way(m).is_some_and(RoadWay::is_tunnel) {
                        log -= TUNNEL;
                    }
                    out.push(Candidate { edge, m, distance_m: place.distance_m as f32, weight: log });
                }
            }
        }
    }

    /// Of segments in a row on a road the nearest, and again wherever the road comes back.
    fn nearest_places(&mut self) {
        self.places.clear();
        let mut highest = 0.0;
        let mut before: Option<Segment> = None;
        for &segment in &self.nearby.segments {
            let goes_on = before.is_some_and(|b| b.road == segment.road && b.point + 1 == segment.point);
            before = Some(segment);
            match self.places.last_mut() {
                Some(best) if goes_on => {
                    highest = segment.begin_m.max(highest);
                    let risen = highest >= best.distance_m + RISE_M;
                    if risen && segment.distance_m <= highest - RISE_M {
                        highest = segment.distance_m;
                        self.places.push(segment);
                    } else if segment.distance_m < best.distance_m {
                        highest = segment.distance_m;
                        *best = segment;
                    } else {
                        highest = segment.distance_m.max(highest);
                    }
                }
                _ => {
                    highest = segment.distance_m;
                    self.places.push(segment);
                }
            }
        }
        if self.places.len() > PLACES {
            self.places.sort_by(|a, b| a.distance_m.total_cmp(&b.distance_m).then(a.point.cmp(&b.point)));
            self.places.truncate(PLACES);
            self.places.sort_by_key(|p| p.point);
        }
    }
}

/// Which way a position moves, where it tells.
struct Motion {
    /// East and north, of length 1.
    ahead: Option<[f64; 2]>,
    /// Variance of the direction and of how roads are drawn, rad².
    variance: f64,
}

impl Motion {
    fn of(point: &Point) -> Motion {
        let still = Motion { ahead: None, variance: 1.0 };
        let v = point.velocity.map(f64::from);
        let speed = (v[0] * v[0] + v[1] * v[1]).sqrt();
        let sigma = f64::from(point.velocity_sigma_mps) / speed.max(1e-6);
        if speed < SLOW_MPS || sigma > 1.0 {
            return still;
        }
        let variance = sigma * sigma + HEADING_SIGMA_RAD * HEADING_SIGMA_RAD;
        Motion { ahead: Some([v[0] / speed, v[1] / speed]), variance }
    }

    /// Log likelihood of the direction of motion on an edge.
    fn log(&self, place: &Segment, edge: u32) -> f64 {
        let Some(ahead) = self.ahead else { return 0.0 };
        let (x, y) = place.direction;
        let length = (x * x + y * y).sqrt();
        if length <= 0.0 {
            return 0.0;
        }
        let sign = if edge.is_multiple_of(2) { 1.0 } else { -1.0 };
        let cos = sign * (ahead[0] * x + ahead[1] * y) / length;
        -((1.0 - cos) / self.variance).min(HEADING_CAP)
    }
}
