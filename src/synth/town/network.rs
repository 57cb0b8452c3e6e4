//! Streets between junctions: their lines, widths, corners and blocks, worked out from the plan.

use std::collections::BTreeMap;

use crate::synth::planar::{Path, V2, bezier, cross, meet, smooth, unit};

use super::plan::{SIGNALS, STREETS, StreetPlan, TUNNEL, v2};

/// One street with its smooth line.
pub struct Street {
    /// What the plan says of it.
    pub plan: &'static StreetPlan,
    /// Its centre line, from the first knot to the last.
    pub path: Path,
}

impl Street {
    /// Half the width of the carriageway, metres.
    pub fn half_m(&self) -> f64 {
        f64::from(self.plan.forward + self.plan.backward) * self.plan.lane_m / 2.0
    }

    /// From the middle to the outer edge of the pavement, metres.
    pub fn reach_m(&self) -> f64 {
        self.half_m() + self.plan.sidewalk_m
    }
}

/// A stretch of a street between two junctions or ends.
pub struct Segment {
    /// Index of its street.
    pub street: usize,
    /// Where it begins and ends along the street, metres.
    pub from_s: f64,
    /// See `from_s`.
    pub to_s: f64,
    /// The junction at its beginning; `None` at the end of a street.
    pub from: Option<usize>,
    /// The junction at its end.
    pub to: Option<usize>,
    /// Where its kerbs begin and end along the street: beyond lies the junction's own surface.
    pub kerb_s: [f64; 2],
    /// Which part of it lies in the tunnel, metres along the street.
    pub tunnel: Option<(f64, f64)>,
}

/// One end of a segment at a junction.
#[derive(Debug, Clone, Copy)]
pub struct Arm {
    /// Which segment.
    pub segment: usize,
    /// Whether the segment begins (rather than ends) here.
    pub begins: bool,
    /// Unit direction away from the junction.
    pub direction: V2,
}

/// A place where streets meet.
pub struct Junction {
    /// Where.
    pub place: V2,
    /// Its arms, counter-clockwise from east.
    pub arms: Vec<Arm>,
    /// Whether it has traffic signals.
    pub signals: bool,
}

/// Streets, segments and junctions.
pub struct Network {
    /// As in the plan.
    pub streets: Vec<Street>,
    /// Between junctions.
    pub segments: Vec<Segment>,
    /// By place.
    pub junctions: Vec<Junction>,
}

/// The corner between an arm and the next one (counter-clockwise).
pub struct Corner {
    /// Along the kerb, from this arm's left kerb to the next arm's right one.
    pub kerb: Vec<V2>,
    /// Along the outer edge of the pavement, as many points.
    pub outer: Vec<V2>,
}

impl Network {
    /// The network of the plan.
    pub fn new() -> Network {
        let streets: Vec<Street> = STREETS
            .iter()
            .map(|plan| {
                let knots: Vec<V2> = plan.knots.iter().map(|&k| v2(k)).collect();
                Street { plan, path: Path::new(smooth(&knots)) }
            })
            .collect();
        // Knots that more than one street has, by their exact place; the order is that of the plan.
        let mut uses: BTreeMap<[u64; 2], Vec<usize>> = BTreeMap::new();
        let key = |k: (f64, f64)| [k.0.to_bits(), k.1.to_bits()];
        for (i, plan) in STREETS.iter().enumerate() {
            for &k in plan.knots {
                uses.entry(key(k)).or_default().push(i);
            }
        }
        let mut junctions: Vec<Junction> = Vec::new();
        let mut index = BTreeMap::new();
        for plan in STREETS {
            for &k in plan.knots {
                if uses[&key(k)].len() > 1 && !index.contains_key(&key(k)) {
                    index.insert(key(k), junctions.len());
                    junctions.push(Junction { place: v2(k), arms: Vec::new(), signals: SIGNALS.contains(&k) });
                }
            }
        }
        let mut segments = Vec::new();
        for (i, street) in streets.iter().enumerate() {
            let mut last = (0.0, index.get(&key(street.plan.knots[0])).copied());
            for (n, &k) in street.plan.knots.iter().enumerate().skip(1) {
                let here = index.get(&key(k)).copied();
                if here.is_none() && n + 1 < street.plan.knots.len() {
                    continue;
                }
                let s = street.path.nearest(v2(k)).0;
                let tunnel = tunnel_of(i, street).filter(|t| t.0 > last.0 && t.1 < s);
                segments.push(Segment {
                    street: i,
                    from_s: last.0,
                    to_s: s,
                    from: last.1,
                    to: here,
                    kerb_s: [last.0, s],
                    tunnel,
                });
                last = (s, here);
            }
        }
        for (i, segment) in segments.iter().enumerate() {
            let path = &streets[segment.street].path;
            let ends = [(segment.from, true, segment.from_s + 8.0), (segment.to, false, segment.to_s - 8.0)];
            for (junction, begins, toward) in ends {
                if let Some(j) = junction {
                    let direction = unit(path.at(toward) - junctions[j].place);
                    junctions[j].arms.push(Arm { segment: i, begins, direction });
                }
            }
        }
        for junction in &mut junctions {
            let angle = |a: &Arm| libm::atan2(a.direction.y, a.direction.x);
            junction.arms.sort_by(|a, b| angle(a).total_cmp(&angle(b)));
        }
        let mut network = Network { streets, segments, junctions };
        network.set_kerbs();
        network
    }

    /// Draws each segment's kerbs back from its junctions, so far that the corners have room to turn.
    fn set_kerbs(&mut self) {
        for junction in &self.junctions {
            let n = junction.arms.len();
            for i in 0..n {
                let arm = junction.arms[i];
                let own = self.streets[self.segments[arm.segment].street].half_m();
                let mut back: f64 = 3.0;
                for other in [junction.arms[(i + 1) % n], junction.arms[(i + n - 1) % n]] {
                    let sin = cross(arm.direction, other.direction).abs();
                    let cos = arm.direction.dot(&other.direction);
                    if sin < 0.5 {
                        continue;
                    }
                    let street = &self.streets[self.segments[other.segment].street];
                    let radius = if own > 6.0 && street.half_m() > 6.0 { 7.0 } else { 4.5 };
                    back = back.max((street.half_m() + own * cos.abs()) / sin + radius);
                }
                let segment = &mut self.segments[arm.segment];
                if arm.begins {
                    segment.kerb_s[0] = segment.from_s + back;
                } else {
                    segment.kerb_s[1] = segment.to_s - back;
                }
            }
        }
    }

    /// The street of a segment.
    pub fn street(&self, segment: usize) -> &Street {
        &self.streets[self.segments[segment].street]
    }

    /// `d` metres to the left of an arm's middle (looking away from the junction), `beyond` metres past its kerb's end.
    pub fn on_arm(&self, arm: Arm, beyond: f64, d: f64) -> V2 {
        let segment = &self.segments[arm.segment];
        let path = &self.streets[segment.street].path;
        if arm.begins {
            path.offset(segment.kerb_s[0] + beyond, d)
        } else {
            path.offset(segment.kerb_s[1] - beyond, -d)
        }
    }

    /// The corner after arm `i` of junction `j`.
    pub fn corner(&self, j: usize, i: usize) -> Corner {
        let arms = &self.junctions[j].arms;
        let (a, b) = (arms[i], arms[(i + 1) % arms.len()]);
        let (sa, sb) = (self.street(a.segment), self.street(b.segment));
        let curve = |da: f64, db: f64| {
            let (p, q) = (self.on_arm(a, 0.0, da), self.on_arm(b, 0.0, -db));
            let toward = meet(p, self.on_arm(a, 1.0, da) - p, q, self.on_arm(b, 1.0, -db) - q);
            let near = toward.filter(|m| (m - p).norm() < 40.0 && (m - q).norm() < 40.0);
            bezier(p, near.unwrap_or((p + q) / 2.0), q, 8)
        };
        Corner { kerb: curve(sa.half_m(), sb.half_m()), outer: curve(sa.reach_m(), sb.reach_m()) }
    }

    /// The blocks that streets close in: outlines along the outer edges of their pavements, counter-clockwise.
    pub fn blocks(&self) -> Vec<Vec<V2>> {
        let mut blocks = Vec::new();
        let mut used = vec![[false; 2]; self.segments.len()];
        for start in 0..self.segments.len() {
            for along in [true, false] {
                if let Some(outline) = self.block_left_of(start, along, &mut used) {
                    blocks.push(outline);
                }
            }
        }
        blocks
    }

    /// The block to the left of a segment driven along (or against) its street; `None` where it is open or known.
    fn block_left_of(&self, start: usize, along: bool, used: &mut [[bool; 2]]) -> Option<Vec<V2>> {
        let (mut segment, mut forward) = (start, along);
        let mut outline = Vec::new();
        loop {
            if std::mem::replace(&mut used[segment][usize::from(forward)], true) {
                return None;
            }
            let s = &self.segments[segment];
            let street = self.street(segment);
            let mut stations = street.path.stations(s.kerb_s[0], s.kerb_s[1], 30.0);
            if !forward {
                stations.reverse();
            }
            let reach = if forward { street.reach_m() } else { -street.reach_m() };
            outline.extend(stations.into_iter().map(|at| street.path.offset(at, reach)));
            let junction = &self.junctions[if forward { s.to } else { s.from }?];
            let j = if forward { s.to } else { s.from }?;
            // Arriving by this arm, the way on that keeps the block at the left is the arm before it.
            let n = junction.arms.len();
            let arrived = junction.arms.iter().position(|a| a.segment == segment && a.begins != forward)?;
            let next = (arrived + n - 1) % n;
            let mut turn = self.corner(j, next).outer;
            turn.reverse();
            outline.extend(turn);
            let arm = junction.arms[next];
            (segment, forward) = (arm.segment, arm.begins);
            if (segment, forward) == (start, along) {
                break;
            }
        }
        outline.dedup_by(|a, b| (*a - *b).norm() < 0.05);
        (crate::synth::planar::area(&outline) > 0.0).then_some(outline)
    }

    /// The junction at a place of the plan.
    pub fn junction_at(&self, place: (f64, f64)) -> Option<usize> {
        self.junctions.iter().position(|j| (j.place - v2(place)).norm() < 0.5)
    }
}

impl Default for Network {
    fn default() -> Network {
        Network::new()
    }
}

/// The stretch of a street that lies in the tunnel.
fn tunnel_of(index: usize, street: &Street) -> Option<(f64, f64)> {
    let (street_index, from, to) = TUNNEL;
    let s = |x: f64| street.path.nearest(V2::new(x, -150.0)).0;
    (index == street_index).then(|| (s(from), s(to)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synth::planar::area;

    #[test]
    fn streets_meet_in_junctions_and_close_blocks_in() {
        let network = Network::new();
        assert!(network.junctions.iter().all(|j| j.arms.len() >= 3), "a junction has three arms or more");
        for s in &network.segments {
            assert!(s.kerb_s[1] - s.kerb_s[0] > 8.0, "{} {:?}", network.streets[s.street].plan.name, s.kerb_s);
        }
        let blocks = network.blocks();
        assert_eq!(blocks.len(), 8);
        assert!(blocks.iter().all(|b| area(b) > 1000.0));
        assert_eq!(network.segments.iter().filter(|s| s.tunnel.is_some()).count(), 1);
    }
}
