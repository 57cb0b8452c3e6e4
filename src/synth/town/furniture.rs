//! What stands along streets: crossings, trees, poles, signals, signs, and room for parked vehicles.

use crate::synth::dice::Dice;
use crate::synth::planar::{V2, inside, left, unit};
use crate::synth::scene::Board;

use super::lots::Building;
use super::network::{Arm, Network};
use super::plan::{Ground, PATCHES, RoadClass, v2};

/// A crossing on foot over one arm of a junction.
#[derive(Debug, Clone, Copy)]
pub struct Crossing {
    /// The junction.
    pub junction: usize,
    /// The arm that is crossed.
    pub arm: Arm,
    /// Whether signals guard it.
    pub signals: bool,
}

/// From the end of the kerb to a crossing's near edge, metres.
pub const CROSSING_FROM_M: f64 = 0.8;
/// To its far edge.
pub const CROSSING_TO_M: f64 = 4.8;
/// To the middle of the stop line.
pub const STOP_LINE_M: f64 = 6.8;

/// A tree.
pub struct Tree {
    /// Where.
    pub place: V2,
    /// Height, metres.
    pub height_m: f64,
    /// Height of the ground it stands on, metres.
    pub ground_m: f64,
    /// Varies its shape.
    pub seed: u32,
}

/// A pole.
pub struct Pole {
    /// Where.
    pub place: V2,
    /// Unit direction of its arm (towards the road).
    pub arm: V2,
    /// What it carries.
    pub kind: PoleKind,
}

/// What a pole carries.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum PoleKind {
    /// A street lamp.
    Lamp,
    /// Wires to the pole at this place.
    Wires(Option<V2>),
    /// Traffic lights on an arm of this length, metres, that face along `facing`.
    Signal {
        /// Towards the drivers who obey it.
        facing: V2,
        /// Length of the arm, metres.
        reach_m: f64,
    },
}

/// A sign on a pole.
pub struct Sign {
    /// Where.
    pub place: V2,
    /// Unit direction that its face looks to.
    pub facing: V2,
    /// Height of its middle, metres.
    pub height_m: f64,
    /// Width, metres.
    pub width_m: f64,
    /// Picture.
    pub board: Board,
    /// `traffic_sign` of OSM; empty for what is not a traffic sign.
    pub tag: String,
}

/// Room for one vehicle.
#[derive(Debug, Clone, Copy)]
pub struct Bay {
    /// Its middle.
    pub place: V2,
    /// Unit direction of its length.
    pub along: V2,
    /// Whether lines are painted around it.
    pub painted: bool,
}

/// Every crossing of the network: over each arm with pavements.
pub fn crossings(network: &Network) -> Vec<Crossing> {
    let mut all = Vec::new();
    for (j, junction) in network.junctions.iter().enumerate() {
        for &arm in &junction.arms {
            let [from, to] = network.segments[arm.segment].kerb_s;
            if network.street(arm.segment).plan.sidewalk_m > 0.0 && to - from > 26.0 {
                all.push(Crossing { junction: j, arm, signals: junction.signals });
            }
        }
    }
    all
}

/// Trees along streets, in parks and on the hill.
pub fn trees(network: &Network, buildings: &[Building], seed: u64) -> Vec<Tree> {
    let mut dice = Dice::new(seed, "trees");
    let mut all = Vec::new();
    for segment in 0..network.segments.len() {
        let street = network.street(segment);
        let [from, to] = network.segments[segment].kerb_s;
        let (every, high) = match street.plan.class {
            RoadClass::Primary => (11.0, 8.5),
            RoadClass::Secondary => (13.0, 7.5),
            _ => continue,
        };
        for side in [1.0, -1.0] {
            let mut s = from + 12.0 + dice.between(0.0, 3.0);
            while s < to - 12.0 {
                let dark = network.segments[segment].tunnel.is_some_and(|(a, b)| s > a - 4.0 && s < b + 4.0);
                if !dark {
                    let place = street.path.offset(s, side * (street.half_m() + 1.1));
                    let height_m = high * dice.between(0.8, 1.2);
                    all.push(Tree { place, height_m, ground_m: 0.14, seed: dice.seed() });
                }
                s += every * dice.between(0.9, 1.2);
            }
        }
    }
    for (ground, _, _, outline) in PATCHES {
        let outline: Vec<V2> = outline.iter().map(|&p| v2(p)).collect();
        let count = match ground {
            Ground::Park => (crate::synth::planar::area(&outline) / 150.0) as usize,
            Ground::Hill => 70,
            _ => 0,
        };
        for _ in 0..count * 2 {
            let (low, high) = bounds(&outline);
            let place = V2::new(dice.between(low.x, high.x), dice.between(low.y, high.y));
            let (tall, seed) = (dice.between(5.0, 10.0), dice.seed());
            let wet = PATCHES.iter().any(|p| {
                let o: Vec<V2> = p.3.iter().map(|&q| v2(q)).collect();
                p.0 == Ground::Pond && (inside(&o, place) || o.iter().any(|q| (q - place).norm() < 4.0))
            });
            let hidden = all.iter().any(|t: &Tree| (t.place - place).norm() < 4.0)
                || buildings.iter().any(|b| inside(&b.outline, place));
            if inside(&outline, place) && !wet && !hidden {
                let ground_m = if *ground == Ground::Hill { hill_height(place) } else { 0.14 };
                all.push(Tree { place, height_m: tall, ground_m, seed });
            }
        }
    }
    all
}

/// Height of the hill over the tunnel at a place, metres: flat over the road, sloping to both sides.
pub fn hill_height(p: V2) -> f64 {
    let from_road = (p.y + 150.0).abs() - 11.5;
    if from_road <= 0.0 { HILL_M } else { (HILL_M - from_road * 0.45).max(0.14) }
}

/// Height of the hill over the road, metres.
pub const HILL_M: f64 = 7.0;

/// Lamps, poles with wires and signals.
pub fn poles(network: &Network) -> Vec<Pole> {
    let mut all = Vec::new();
    for segment in 0..network.segments.len() {
        let street = network.street(segment);
        let s = &network.segments[segment];
        let [from, to] = s.kerb_s;
        let lane = street.plan.class == RoadClass::Residential;
        if street.plan.class == RoadClass::Service {
            continue;
        }
        let every = if lane { 24.0 } else { 30.0 };
        let count = (((to - from) - 14.0) / every).floor().max(0.0) as usize;
        let mut last = None;
        for k in 0..=count {
            let at = from + 7.0 + ((to - from) - 14.0) * (k as f64 + 0.02) / (count as f64 + 0.04);
            let side = if lane || k % 2 == 0 { -1.0 } else { 1.0 };
            if s.tunnel.is_some_and(|(a, b)| at > a - 3.0 && at < b + 3.0) {
                continue;
            }
            let place = street.path.offset(at, side * (street.half_m() + 0.55));
            let arm = -left(street.path.direction(at)) * side;
            let kind = if lane { PoleKind::Wires(last) } else { PoleKind::Lamp };
            all.push(Pole { place, arm, kind });
            last = Some(place);
        }
    }
    for junction in network.junctions.iter().filter(|j| j.signals) {
        for arm in &junction.arms {
            let street = network.street(arm.segment);
            // Signals hang beyond the junction, at the right of those who drive in along this arm.
            let across = junction.arms.iter().filter(|o| o.direction.dot(&arm.direction) < -0.7);
            let opposite =
                across.min_by(|a, b| a.direction.dot(&arm.direction).total_cmp(&b.direction.dot(&arm.direction)));
            let (place, reach_m) = match opposite {
                Some(&o) => {
                    let half = network.street(o.segment).half_m();
                    (network.on_arm(o, 0.4, -(half + 0.8)), (half - 1.0).clamp(3.0, 8.0))
                }
                None => {
                    let across = junction.arms.iter().map(|a| network.street(a.segment).half_m()).fold(0.0, f64::max);
                    (junction.place - arm.direction * (across + 0.9) + left(arm.direction) * street.half_m(), 3.0)
                }
            };
            let toward = unit(-left(arm.direction));
            all.push(Pole { place, arm: toward, kind: PoleKind::Signal { facing: arm.direction, reach_m } });
        }
    }
    all
}

/// Street-name boards at junctions and traffic signs along segments.
pub fn signs(network: &Network) -> Vec<Sign> {
    let mut all = Vec::new();
    let board = |lines: &[&str], background, foreground, aspect| Board {
        lines: lines.iter().map(|l| (*l).to_string()).collect(),
        background,
        foreground,
        aspect,
    };
    for (i, segment) in network.segments.iter().enumerate() {
        let street = network.street(i);
        let plan = street.plan;
        let [from, to] = segment.kerb_s;
        let edge = street.half_m() + if plan.sidewalk_m > 0.0 { 0.5 } else { 0.9 };
        for (at, along) in [(from + 6.0, 1.0), (to - 6.0, -1.0)] {
            // Along the street stands at the right of forward traffic, against it at the left of the line.
            if along < 0.0 && plan.backward == 0 {
                let place = street.path.offset(at, -edge);
                let facing = street.path.direction(at);
                let no_entry = board(&["진입금지"], [200, 25, 30], [250, 250, 250], 1.0);
                all.push(Sign { place, facing, height_m: 2.4, width_m: 0.7, board: no_entry, tag: "no_entry".into() });
                continue;
            }
            let place = street.path.offset(at + along * 3.0, -edge * along);
            let facing = -street.path.direction(at) * along;
            if plan.backward == 0 {
                let one_way = board(&["일방통행"], [20, 80, 170], [250, 250, 250], 1.6);
                all.push(Sign { place, facing, height_m: 2.3, width_m: 0.9, board: one_way, tag: "oneway".into() });
            } else if plan.class != RoadClass::Service {
                let limit = plan.maxspeed_kmh.to_string();
                let round = board(&[&limit], [250, 250, 250], [200, 25, 30], 1.0);
                let tag = format!("maxspeed:{limit}");
                all.push(Sign { place, facing, height_m: 2.5, width_m: 0.65, board: round, tag });
            }
        }
    }
    for (j, junction) in network.junctions.iter().enumerate() {
        let n = junction.arms.len();
        for i in 0..n {
            let corner = network.corner(j, i);
            let (a, b) = (junction.arms[i], junction.arms[(i + 1) % n]);
            let (sa, sb) = (network.street(a.segment), network.street(b.segment));
            if sa.plan.name == sb.plan.name || sa.plan.name.is_empty() || sb.plan.name.is_empty() || i % 2 == 1 {
                continue;
            }
            let middle = corner.kerb.len() / 2;
            let place = corner.kerb[middle] + unit(corner.outer[middle] - corner.kerb[middle]) * 0.6;
            for (street, arm, height_m) in [(sa, a, 3.1), (sb, b, 2.6)] {
                let name = board(&[street.plan.name, street.plan.name_en], [15, 70, 160], [250, 250, 250], 3.4);
                let facing = left(arm.direction);
                let tag = String::new();
                all.push(Sign { place, facing, height_m, width_m: 1.5, board: name, tag });
            }
        }
    }
    all
}

/// Room for parked vehicles: at kerbs of small streets where nothing stands, and the bays of the car park.
pub fn bays(network: &Network, poles: &[Pole], signs: &[Sign]) -> Vec<Bay> {
    let mut all = Vec::new();
    for segment in 0..network.segments.len() {
        let street = network.street(segment);
        let [from, to] = network.segments[segment].kerb_s;
        // On narrow streets vehicles stand half on the pavement, as they do; the driven lane stays clear.
        let (sides, inset): (&[f64], f64) = match street.plan.class {
            RoadClass::Residential if street.plan.backward == 0 => (&[1.0], -0.75),
            RoadClass::Residential => (&[1.0, -1.0], -0.75),
            RoadClass::Tertiary => (&[1.0, -1.0], -0.6),
            _ => continue,
        };
        for &side in sides {
            let mut s = from + 14.0;
            while s < to - 14.0 {
                let place = street.path.offset(s, side * (street.half_m() - inset));
                all.push(Bay { place, along: street.path.direction(s) * -side, painted: false });
                s += 6.3;
            }
        }
    }
    all.retain(|bay: &Bay| {
        let clear = |p: V2| (p - bay.place).norm() > 2.9;
        poles.iter().all(|p| clear(p.place)) && signs.iter().all(|s| clear(s.place))
    });
    for (ground, _, _, outline) in PATCHES {
        if *ground == Ground::Parking {
            let (a, b) = (v2(outline[0]), v2(outline[1]));
            let (c, d) = (v2(outline[3]), v2(outline[2]));
            for (p, q, inward) in [(a, b, 1.0), (c, d, -1.0)] {
                let along = unit(q - p);
                let into = left(along) * inward;
                let count = ((q - p).norm() / 2.6) as usize;
                for k in 0..count {
                    let place = p + along * (2.6 * k as f64 + 1.5) + into * 2.7;
                    all.push(Bay { place, along: into, painted: true });
                }
            }
        }
    }
    all
}

/// Lower and upper corner of an outline's box.
fn bounds(outline: &[V2]) -> (V2, V2) {
    let start = (outline[0], outline[0]);
    outline.iter().fold(start, |(low, high), p| (low.inf(p), high.sup(p)))
}
