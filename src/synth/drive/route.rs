//! Routes over the streets and the smooth line that a vehicle follows along them, in right-hand traffic.

use std::collections::BTreeSet;

use crate::synth::dice::Dice;
use crate::synth::planar::{Path, V2, cross, meet, smooth};
use crate::synth::town::Town;
use crate::synth::town::furniture::STOP_LINE_M;
use crate::synth::town::plan::{RoadClass, v2};

/// One part of a route.
#[derive(Debug, Clone, PartialEq)]
pub enum Leg {
    /// Along a street (index into the plan) between the places nearest to two points.
    Street(usize, (f64, f64), (f64, f64)),
    /// Off the road, through these points.
    Free(Vec<(f64, f64)>),
}

/// What a vehicle meets along its line, by the running length.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Place {
    /// Metres along the line.
    pub s: f64,
    /// Metres along the line where it passes nearest to where its street meets the one before: in the middle of the turn, of
    /// which `s` is the end.
    pub meets_s: f64,
    /// The street; `None` off the road.
    pub street: Option<usize>,
    /// What the road allows, m/s.
    pub limit_mps: f64,
}

/// A stop at a red light or where another has the right of way.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Halt {
    /// Metres along the line.
    pub s: f64,
    /// For how long, seconds.
    pub dwell_s: f64,
}

/// The line that a vehicle follows.
pub struct Line {
    /// Where the rear axle goes, a point every [`STEP_M`].
    pub path: Path,
    /// What holds from each place on, in order.
    pub places: Vec<Place>,
    /// Halts, in order.
    pub halts: Vec<Halt>,
}

/// So near to where it is due, metres along the line, a place of a route lies: rounding its corners shortens it.
const DUE_M: f64 = 15.0;

/// Distance of the line's points, metres.
pub const STEP_M: f64 = 0.25;

/// The first drives of the town, each with turns, a halt and something special; further ones are drawn at random.
pub fn planned(index: usize) -> Option<Vec<Leg>> {
    use Leg::{Free, Street};
    Some(match index {
        // Through the tunnel, over the car park, off the road and back.
        0 => vec![
            Street(3, (-153.0, -88.0), (-156.0, -150.0)),
            Street(2, (-156.0, -150.0), (150.0, -149.0)),
            Street(4, (150.0, -149.0), (150.0, -70.0)),
            Street(9, (150.0, -70.0), (212.0, -67.0)),
            Free(vec![(219.0, -70.0), (232.0, -80.0), (240.0, -94.0), (236.0, -108.0), (229.5, -118.0)]),
            Street(10, (229.0, -122.0), (228.0, -145.0)),
            Street(2, (228.0, -145.0), (176.0, -148.0)),
        ],
        // Down a lane of shops, over the arterial, through the one-way street and back along the arterial.
        1 => vec![
            Street(1, (-62.0, 144.0), (10.0, 140.0)),
            Street(5, (10.0, 140.0), (4.0, 2.0)),
            Street(8, (4.0, 2.0), (34.0, -74.0)),
            Street(7, (34.0, -74.0), (150.0, -70.0)),
            Street(4, (150.0, -70.0), (152.0, 6.0)),
            Street(0, (152.0, 6.0), (-60.0, -1.0)),
        ],
        _ => return None,
    })
}

/// The first planned drive from shortly before its tunnel on: for small worlds.
pub fn excerpt() -> Vec<Leg> {
    let mut legs = planned(0).unwrap_or_default();
    legs.remove(0);
    legs[0] = Leg::Street(2, (-132.0, -150.0), (150.0, -149.0));
    legs
}

/// The stretch that the street-view surveys of a small world pass: out of the tunnel, round two corners.
pub fn surveyed() -> Vec<Leg> {
    use Leg::Street;
    vec![
        Street(2, (44.0, -150.0), (150.0, -149.0)),
        Street(4, (150.0, -149.0), (150.0, -70.0)),
        Street(9, (150.0, -70.0), (212.0, -67.0)),
    ]
}

/// A random route of about `length_m` metres that turns where it can and never back.
pub fn wander(town: &Town, dice: &mut Dice, length_m: f64) -> Vec<Leg> {
    let mut best = (0.0, Vec::new());
    for _ in 0..20 {
        let (length, legs) = stroll(town, dice, length_m, |_| true);
        if length > best.0 {
            best = (length, legs);
        }
        if best.0 >= length_m {
            break;
        }
    }
    best.1
}

/// A random route of at least `length_m` metres, however long: it keeps to ways that lead on for ever, and may come round again.
pub fn tour(town: &Town, dice: &mut Dice, length_m: f64) -> Vec<Leg> {
    let network = &town.network;
    let mut lasting: BTreeSet<(usize, bool)> =
        (0..network.segments.len()).flat_map(|i| [(i, true), (i, false)]).filter(|&way| drivable(town, way)).collect();
    loop {
        let leads_on = |&(segment, forward): &(usize, bool)| {
            let end = if forward { network.segments[segment].to } else { network.segments[segment].from };
            end.is_some_and(|junction| {
                let arms = &network.junctions[junction].arms;
                arms.iter().any(|arm| arm.segment != segment && lasting.contains(&(arm.segment, arm.begins)))
            })
        };
        let left: BTreeSet<_> = lasting.iter().copied().filter(leads_on).collect();
        if left.len() == lasting.len() {
            break;
        }
        lasting = left;
    }
    stroll(town, dice, length_m, |way| lasting.contains(&way)).1
}

/// Whether a segment (and whether it is taken forwards) may be driven.
fn drivable(town: &Town, (segment, forward): (usize, bool)) -> bool {
    let plan = town.network.street(segment).plan;
    plan.class != RoadClass::Service && (forward || plan.backward > 0)
}

/// One try of [`wander`], on ways that are `wanted`: it ends early where every way on leads out of the town.
fn stroll(town: &Town, dice: &mut Dice, length_m: f64, wanted: impl Fn((usize, bool)) -> bool) -> (f64, Vec<Leg>) {
    let network = &town.network;
    let drivable = |segment: usize, forward: bool| drivable(town, (segment, forward)) && wanted((segment, forward));
    let starts: Vec<(usize, bool)> = (0..network.segments.len())
        .flat_map(|i| [(i, true), (i, false)])
        .filter(|&(i, forward)| {
            let end = if forward { network.segments[i].to } else { network.segments[i].from };
            drivable(i, forward) && end.is_some() && network.segments[i].tunnel.is_none()
        })
        .collect();
    let (mut segment, mut forward) = starts[dice.below(starts.len())];
    let mut legs = Vec::new();
    let mut done = 0.0;
    loop {
        let s = &network.segments[segment];
        let path = &network.street(segment).path;
        let (from, to) = if forward { (s.from_s, s.to_s) } else { (s.to_s, s.from_s) };
        let (p, q) = (path.at(from), path.at(to));
        legs.push(Leg::Street(s.street, (p.x, p.y), (q.x, q.y)));
        done += (to - from).abs();
        let Some(junction) = (if forward { s.to } else { s.from }) else { break };
        let onward: Vec<_> = network.junctions[junction]
            .arms
            .iter()
            .filter(|a| a.segment != segment && drivable(a.segment, a.begins))
            .filter(|a| {
                // Ways that leave the town end a route too early.
                let far = &network.segments[a.segment];
                done >= length_m || if a.begins { far.to.is_some() } else { far.from.is_some() }
            })
            .collect();
        if done >= length_m || onward.is_empty() {
            break;
        }
        let arm = onward[dice.below(onward.len())];
        (segment, forward) = (arm.segment, arm.begins);
    }
    (done, legs)
}

/// The line of a route; whether it halts at a junction with signals is left to chance.
pub fn line(town: &Town, legs: &[Leg], dice: &mut Dice) -> Line {
    let mut points: Vec<V2> = Vec::new();
    let mut marks: Vec<(usize, Option<usize>, f64)> = Vec::new();
    // Where, how far along its leg, of which leg, how long.
    let mut halts_at: Vec<(V2, f64, usize, f64)> = Vec::new();
    let mut lane = 0.5;
    for (k, leg) in legs.iter().enumerate() {
        let (own, street, limit) = match leg {
            Leg::Free(knots) => {
                let mut all: Vec<V2> = points.last().copied().into_iter().collect();
                all.extend(knots.iter().map(|&p| v2(p)));
                (smooth(&all), None, 4.2)
            }
            Leg::Street(index, from, to) => {
                let before = if k > 0 { turn_between(town, &legs[k - 1], leg) } else { 0.0 };
                let after = legs.get(k + 1).map_or(0.0, |next| turn_between(town, leg, next));
                let (run, last) = street_run(town, *index, v2(*from), v2(*to), lane, before, after);
                lane = last;
                let plan = town.network.streets[*index].plan;
                // The planned drives halt at their first junction with signals, so that each has a halt.
                let signals = town.network.junction_at(*to).is_some_and(|j| town.network.junctions[j].signals);
                let red = dice.chance(0.55) || halts_at.is_empty();
                if k + 1 < legs.len() && signals && red {
                    let stop = Path::new(run.iter().copied());
                    let along = stop.length() - STOP_LINE_M - 3.2;
                    halts_at.push((stop.at(along), along, k, dice.between(3.0, 6.0)));
                }
                (run, Some(*index), f64::from(plan.maxspeed_kmh) / 3.6 * 0.88)
            }
        };
        if let (Some(&p), Some(&before), [q, next, ..]) =
            (points.last(), points.len().checked_sub(2).and_then(|i| points.get(i)), &own[..])
        {
            points.extend(turn(p, p - before, *q, next - q));
        }
        marks.push((points.len(), street, limit));
        points.extend(own);
    }
    let raw = Path::new(points.iter().copied());
    let path = relaxed(&raw);
    let mut along = vec![0.0];
    along.extend(points.windows(2).scan(0.0, |sum, pair| {
        *sum += (pair[1] - pair[0]).norm();
        Some(*sum)
    }));
    // A route may come through the same place again: each is looked for where it is due.
    let due = |p: V2, s: f64| path.nearest_within(p, s - DUE_M, s + DUE_M).0;
    let scale = path.length() / raw.length();
    let places: Vec<Place> = marks
        .iter()
        .zip(legs)
        .map(|(&(i, street, limit_mps), leg)| {
            let i = i.min(points.len() - 1);
            let s = if i == 0 { 0.0 } else { due(points[i], along[i] * scale) };
            let meets_s = match leg {
                Leg::Street(_, from, _) if i > 0 => due(v2(*from), s).min(s),
                _ => s,
            };
            Place { s, meets_s, street, limit_mps }
        })
        .collect();
    let halts = halts_at.into_iter().map(|(p, on, k, dwell_s)| Halt { s: due(p, places[k].s + on), dwell_s }).collect();
    Line { path, places, halts }
}

/// Angle from one leg into the next, radians, left positive.
fn turn_between(town: &Town, one: &Leg, next: &Leg) -> f64 {
    let ends = |leg: &Leg, at_end: bool| match leg {
        Leg::Free(knots) => {
            let path = Path::new(knots.iter().map(|&p| v2(p)));
            path.direction(if at_end { path.length() } else { 0.0 })
        }
        Leg::Street(index, from, to) => {
            let path = &town.network.streets[*index].path;
            let (a, b) = (path.nearest(v2(*from)).0, path.nearest(v2(*to)).0);
            let sign = if b > a { 1.0 } else { -1.0 };
            path.direction(if at_end { b - 6.0 * sign } else { a + 6.0 * sign }) * sign
        }
    };
    let (d, e) = (ends(one, true), ends(next, false));
    libm::atan2(cross(d, e), d.dot(&e))
}

/// The run along a street in its lanes, and the lane at its end (0.5 is the innermost lane's middle).
fn street_run(town: &Town, index: usize, from: V2, to: V2, lane: f64, before: f64, after: f64) -> (Vec<V2>, f64) {
    let street = &town.network.streets[index];
    let (a, b) = (street.path.nearest(from).0, street.path.nearest(to).0);
    let sign = if b > a { 1.0 } else { -1.0 };
    let lanes = f64::from(if sign > 0.0 { street.plan.forward } else { street.plan.backward });
    let choose = |turn: f64, keep: f64| match turn {
        t if t > 0.5 => 0.5,
        t if t < -0.5 => lanes - 0.5,
        _ => keep.clamp(0.5, lanes - 0.5),
    };
    let first = choose(before, lane);
    let last = choose(after, first);
    // The kerbs' ends at the junctions of this run; elsewhere the run begins and ends where it was told to.
    let pull = |s: f64, begin: bool| {
        let arms = town.network.segments.iter().filter(|g| g.street == index);
        arms.flat_map(|g| [(g.from_s, g.kerb_s[0], true), (g.to_s, g.kerb_s[1], false)])
            .find(|&(at, _, opens)| (at - s).abs() < 0.5 && opens == (begin == (sign > 0.0)))
            .map_or(s, |(_, kerb, _)| kerb)
    };
    let (a, b) = (pull(a, true), pull(b, false));
    let length = (b - a).abs();
    let inner = if street.plan.backward == 0 { street.half_m() } else { 0.0 };
    let stations = street.path.stations(a.min(b), a.max(b), 1.0);
    let mut run: Vec<V2> = stations
        .iter()
        .map(|&s| {
            let w = (((s - a).abs() / length - 0.2) / 0.45).clamp(0.0, 1.0);
            let blend = w * w * (3.0 - 2.0 * w);
            let at = first + (last - first) * blend;
            // Right of the direction of travel: the driver's side of the street's line.
            street.path.offset(s, (inner - at * street.plan.lane_m) * sign)
        })
        .collect();
    if sign < 0.0 {
        run.reverse();
    }
    (run, last)
}

/// The way through a junction from `p` (driving along `d`) to `q` (driving along `e`).
fn turn(p: V2, d: V2, q: V2, e: V2) -> Vec<V2> {
    let (d, e) = (d / d.norm(), e / e.norm());
    let direct = (q - p).norm();
    let corner = meet(p, d, q, e).filter(|m| (m - p).dot(&d) > 0.0 && (q - m).dot(&e) > 0.0);
    let (h1, h2) = corner.map_or((direct * 0.4, direct * 0.4), |m| ((m - p).norm() * 0.58, (q - m).norm() * 0.58));
    let (c1, c2) = (p + d * h1, q - e * h2);
    let parts = (direct / 0.5).ceil().max(2.0) as usize;
    (1..parts)
        .map(|k| {
            let t = k as f64 / parts as f64;
            let u = 1.0 - t;
            p * (u * u * u) + c1 * (3.0 * u * u * t) + c2 * (3.0 * u * t * t) + q * (t * t * t)
        })
        .collect()
}

/// The path without corners: three moving averages over 3.5 m come close to a Gaussian of 1.8 m, whose curvature
/// a driver could steer.
fn relaxed(raw: &Path) -> Path {
    let count = (raw.length() / STEP_M).ceil() as usize;
    let mut points: Vec<V2> = (0..=count).map(|k| raw.at((k as f64 * STEP_M).min(raw.length()))).collect();
    const HALF: usize = 7;
    for _ in 0..3 {
        let n = points.len();
        let mirrored = |i: isize| -> V2 {
            let last = n as isize - 1;
            match i {
                i if i < 0 => points[0] * 2.0 - points[(-i).min(last) as usize],
                i if i > last => points[n - 1] * 2.0 - points[(2 * last - i).max(0) as usize],
                i => points[i as usize],
            }
        };
        points = (0..n as isize)
            .map(|i| {
                let sum: V2 = (-(HALF as isize)..=HALF as isize).map(|k| mirrored(i + k)).sum();
                sum / (2 * HALF + 1) as f64
            })
            .collect();
    }
    Path::new(points)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tour_is_as_long_as_is_asked() {
        for seed in 0..10 {
            let (town, mut dice) = (Town::new(seed), Dice::new(seed, "tour"));
            let legs = tour(&town, &mut dice, 5_000.0);
            let line = line(&town, &legs, &mut dice);
            // Corners are cut.
            assert!((4_500.0..6_000.0).contains(&line.path.length()), "{seed}: {} m", line.path.length());
            assert!(line.places.windows(2).all(|w| w[0].s < w[1].s), "{seed}");
        }
    }

    #[test]
    fn a_route_that_comes_round_again_is_on_the_street_of_its_turn() {
        let town = Town::new(201);
        let mut loops = 0;
        for k in 0..40 {
            let mut dice = Dice::new(201, &format!("route/{k}"));
            let legs = wander(&town, &mut dice, 600.0);
            let line = line(&town, &legs, &mut dice);
            assert!(line.places.windows(2).all(|w| w[0].s < w[1].s), "{k}: {:?}", line.places);
            for (i, place) in line.places.iter().enumerate() {
                let until = line.places.get(i + 1).map_or(line.path.length(), |next| next.s);
                let middle = line.path.at((place.s + until) / 2.0);
                let Some(street) = place.street else { continue };
                let (_, off_m) = town.network.streets[street].path.nearest(middle);
                assert!(off_m < town.network.streets[street].half_m() + 1.0, "{k}, leg {i}: {off_m} m off");
                let (Leg::Street(_, from, _), true) = (&legs[i], i > 0) else { continue };
                let passed_m = (line.path.at(place.meets_s) - v2(*from)).norm();
                assert!(place.meets_s <= place.s && passed_m < 16.0, "{k}, leg {i}: {passed_m} m from the junction");
            }
            let streets: Vec<_> = line.places.iter().map(|p| p.street).collect();
            loops += usize::from((0..streets.len()).any(|i| streets.iter().skip(i + 2).any(|s| *s == streets[i])));
        }
        assert!(loops > 3, "{loops}");
    }

    fn sharpest(line: &Line) -> f64 {
        let p = &line.path.points;
        (4..p.len() - 4)
            .map(|i| {
                let (a, b) = (p[i] - p[i - 4], p[i + 4] - p[i]);
                libm::atan2(cross(a, b), a.dot(&b)).abs() / (4.0 * STEP_M)
            })
            .fold(0.0, f64::max)
    }

    #[test]
    fn a_car_can_steer_every_line_and_keeps_to_the_right() {
        let town = Town::new(7);
        for k in 0..8 {
            let mut dice = Dice::new(7, &format!("route/{k}"));
            let legs = planned(k).unwrap_or_else(|| wander(&town, &mut dice, 500.0));
            let line = line(&town, &legs, &mut dice);
            assert!(line.path.length() > 200.0, "{k}: {}", line.path.length());
            assert!(sharpest(&line) < 1.0 / 4.0, "{k}: curvature {}", sharpest(&line));
            let first = match &legs[0] {
                Leg::Street(i, from, to) => (*i, v2(*to) - v2(*from)),
                Leg::Free(_) => continue,
            };
            let street = &town.network.streets[first.0];
            let start = line.path.points[8];
            let (s, _) = street.path.nearest(start);
            let side = cross(street.path.direction(s), start - street.path.at(s));
            let along = street.path.direction(s).dot(&first.1).signum();
            assert!(street.plan.backward == 0 || side * along < 0.0, "{k}: drives at the left");
        }
    }

    #[test]
    fn a_planned_drive_leaves_the_road_and_halts() {
        let town = Town::new(7);
        let line = line(&town, &planned(0).expect("planned"), &mut Dice::new(7, "route/0"));
        assert!(line.places.iter().any(|p| p.street.is_none()));
        assert!(!line.halts.is_empty());
        assert!(line.places.windows(2).all(|w| w[0].s < w[1].s), "{:?}", line.places);
    }
}
