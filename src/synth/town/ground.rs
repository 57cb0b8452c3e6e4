//! The ground of the town: carriageways with their paint, kerbs, pavements, blocks, water and the tunnel.

use crate::synth::planar::{V2, left};
use crate::synth::scene::{Shade, Surface};

use super::Town;
use super::furniture::{Bay, CROSSING_FROM_M, CROSSING_TO_M, Crossing, STOP_LINE_M, hill_height};
use super::mesh::{Mesh, at, rectangle, still};
use super::plan::{Ground, PATCHES, RoadClass, TUNNEL_HEIGHT_M, v2};

/// Height of the pavement's top over the carriageway, metres.
pub const KERB_M: f64 = 0.15;
/// Height of the ground inside blocks.
const BLOCK_M: f64 = 0.14;
/// Height of the open ground at the edge of the town.
const BASE_M: f64 = -0.06;
/// Height of paint over asphalt: enough for a depth buffer at a hundred metres.
const PAINT_M: f64 = 0.012;
/// Width of a painted line.
const LINE_M: f64 = 0.15;

const WHITE: Surface = Surface::Paint { yellow: false };
const YELLOW: Surface = Surface::Paint { yellow: true };

/// All ground of the town.
pub fn build(town: &Town, mesh: &mut Mesh) {
    let far = 700.0;
    let corners = [V2::new(-far, -far), V2::new(far, -far), V2::new(far, far), V2::new(-far, far)];
    mesh.flat(corners, BASE_M, still(Surface::Grass, 1));
    for (k, block) in town.network.blocks().iter().enumerate() {
        mesh.area(block, BLOCK_M, still(Surface::Pavement, 40 + k as u32));
    }
    for segment in 0..town.network.segments.len() {
        carriageway(town, segment, mesh);
        lines(town, segment, mesh);
    }
    for j in 0..town.network.junctions.len() {
        junction(town, j, mesh);
    }
    for crossing in &town.crossings {
        zebra(town, crossing, mesh);
    }
    patches(mesh);
    for bay in town.bays.iter().filter(|b| b.painted) {
        bay_lines(bay, mesh);
    }
    tunnel(town, mesh);
}

/// Where no daylight falls.
pub fn shades(town: &Town) -> Vec<Shade> {
    town.network
        .segments
        .iter()
        .filter_map(|segment| {
            let (from, to) = segment.tunnel?;
            let street = &town.network.streets[segment.street];
            let reach = street.reach_m() + 0.6;
            let (a, b) = (street.path.at(from), street.path.at(to));
            // Daylight reaches a few metres in from each mouth; lamps give the rest.
            Some(Shade {
                min: nalgebra::Vector3::new(a.x + 5.0, a.y.min(b.y) - reach, -0.2),
                max: nalgebra::Vector3::new(b.x - 5.0, a.y.max(b.y) + reach, TUNNEL_HEIGHT_M + 0.1),
                sky: 0.22,
            })
        })
        .collect()
}

/// Asphalt, kerbs and pavements of a segment.
fn carriageway(town: &Town, segment: usize, mesh: &mut Mesh) {
    let street = town.network.street(segment);
    let s = &town.network.segments[segment];
    let (half, reach) = (street.half_m(), street.reach_m());
    let stations = street.path.stations(s.kerb_s[0], s.kerb_s[1], 15.0);
    for pair in stations.windows(2) {
        let p = |k: usize, d: f64| street.path.offset(pair[k], d);
        mesh.flat([p(0, -half), p(1, -half), p(1, half), p(0, half)], 0.0, still(Surface::Asphalt, segment as u32));
        if reach > half {
            for side in [1.0, -1.0] {
                let (inner, outer) = (half * side, reach * side);
                let (kerb, outer_kerb) = (half * side + 0.18 * side, outer);
                let strip = |a: f64, b: f64| {
                    if side > 0.0 { [p(0, a), p(1, a), p(1, b), p(0, b)] } else { [p(0, b), p(1, b), p(1, a), p(0, a)] }
                };
                mesh.flat(strip(inner, kerb), KERB_M, still(Surface::Kerb, 3));
                mesh.flat(strip(kerb, outer_kerb), KERB_M, still(Surface::Pavement, 7));
                // The kerb's face looks to the road, the pavement's back away from it.
                let (a, b, c, d) = (p(0, inner), p(1, inner), p(0, outer), p(1, outer));
                let (front, back) = if side > 0.0 { ([a, b], [d, c]) } else { ([b, a], [c, d]) };
                mesh.wall(front[0], front[1], [0.0, KERB_M], pair[0], still(Surface::Kerb, 3));
                mesh.wall(back[0], back[1], [BASE_M, KERB_M], pair[0], still(Surface::Kerb, 4));
            }
        }
    }
}

/// Paint along a segment.
fn lines(town: &Town, segment: usize, mesh: &mut Mesh) {
    let street = town.network.street(segment);
    let plan = street.plan;
    let s = &town.network.segments[segment];
    if plan.class == RoadClass::Service {
        return;
    }
    let crossed = |begins: bool| {
        let found = town.crossings.iter().any(|c| c.arm.segment == segment && c.arm.begins == begins);
        if found { STOP_LINE_M } else { 0.5 }
    };
    let (from, to) = (s.kerb_s[0] + crossed(true), s.kerb_s[1] - crossed(false));
    let half = street.half_m();
    let mut stripe = |d: f64, a: f64, b: f64, surface: Surface| {
        for pair in street.path.stations(a, b, 20.0).windows(2) {
            let p = |k: usize, e: f64| street.path.offset(pair[k], d + e * LINE_M / 2.0);
            mesh.flat([p(0, -1.0), p(1, -1.0), p(1, 1.0), p(0, 1.0)], PAINT_M, still(surface, 5));
        }
    };
    let lanes = plan.forward + plan.backward;
    if plan.backward > 0 {
        let offsets: &[f64] = if lanes >= 4 { &[-0.16, 0.16] } else { &[0.0] };
        offsets.iter().for_each(|&d| stripe(d, from, to, YELLOW));
    }
    let edge = if plan.class == RoadClass::Tertiary { YELLOW } else { WHITE };
    for side in [1.0, -1.0] {
        stripe(side * (half - 0.3), s.kerb_s[0], s.kerb_s[1], edge);
    }
    for lane in 1..plan.forward.max(plan.backward) {
        for side in [1.0, -1.0] {
            let d = side * f64::from(lane) * plan.lane_m;
            // Lines are unbroken where drivers near a junction, and broken before: 3 m paint, 5 m gap.
            let (first, last) = if side > 0.0 { (from + 18.0, to) } else { (from, to - 18.0) };
            if side > 0.0 {
                stripe(d, from, first.min(to), WHITE);
            } else {
                stripe(d, last.max(from), to, WHITE);
            }
            let mut at = first;
            while at + 3.0 < last {
                stripe(d, at, at + 3.0, WHITE);
                at += 8.0;
            }
        }
    }
}

/// The surface of a junction and its corners.
fn junction(town: &Town, j: usize, mesh: &mut Mesh) {
    let arms = &town.network.junctions[j].arms;
    let mut outline: Vec<V2> = Vec::new();
    for (i, arm) in arms.iter().enumerate() {
        let half = town.network.street(arm.segment).half_m();
        outline.push(town.network.on_arm(*arm, 0.0, -half));
        let corner = town.network.corner(j, i);
        for (pair, outer) in corner.kerb.windows(2).zip(corner.outer.windows(2)) {
            let widths = [(pair[0] - outer[0]).norm(), (pair[1] - outer[1]).norm()];
            if widths[0].max(widths[1]) < 0.3 {
                continue;
            }
            // A corner runs clockwise about its pavement: the road lies at the left of its direction.
            mesh.flat([pair[1], pair[0], outer[0], outer[1]], KERB_M, still(Surface::Pavement, 7));
            mesh.wall(pair[1], pair[0], [0.0, KERB_M], 0.0, still(Surface::Kerb, 3));
            mesh.wall(outer[0], outer[1], [BASE_M, KERB_M], 0.0, still(Surface::Kerb, 4));
        }
        outline.extend(corner.kerb);
    }
    outline.dedup_by(|a, b| (*a - *b).norm() < 0.01);
    mesh.area(&outline, 0.0, still(Surface::Asphalt, 100 + j as u32));
}

/// A crossing's bars, its tactile paving, the stop line and the arrows before it.
fn zebra(town: &Town, crossing: &Crossing, mesh: &mut Mesh) {
    let (network, arm) = (&town.network, crossing.arm);
    let street = network.street(arm.segment);
    let plan = street.plan;
    let half = street.half_m();
    let on = |b: f64, d: f64| network.on_arm(arm, b, d);
    let mut patch = |b: [f64; 2], d: [f64; 2], z: f64, surface: Surface| {
        let p = [on(b[0], d[0]), on(b[1], d[0]), on(b[1], d[1]), on(b[0], d[1])];
        mesh.flat(p, z, still(surface, 9));
    };
    let bars = ((2.0 * half - 0.6) / 0.9) as usize;
    let first = -(bars as f64 * 0.9 - 0.45) / 2.0;
    for k in 0..bars {
        let d = first + 0.9 * k as f64;
        patch([CROSSING_FROM_M, CROSSING_TO_M], [d, d + 0.45], PAINT_M, WHITE);
    }
    if plan.sidewalk_m > 1.6 {
        let tactile = Surface::Plain([0.62, 0.44, 0.04]);
        for d in [[half + 0.25, half + 0.85], [-half - 0.85, -half - 0.25]] {
            patch([CROSSING_FROM_M, CROSSING_TO_M], d, KERB_M + 0.006, tactile);
        }
    }
    let incoming = if arm.begins { plan.backward } else { plan.forward };
    if incoming == 0 {
        return;
    }
    let inner = if plan.backward == 0 { -half + 0.3 } else { 0.3 };
    patch([STOP_LINE_M - 0.25, STOP_LINE_M + 0.25], [inner, half - 0.35], PAINT_M, WHITE);
    let kinds = network.junctions[crossing.junction].arms.len();
    for lane in 0..incoming {
        let d = if plan.backward == 0 { 0.0 } else { (f64::from(lane) + 0.5) * plan.lane_m };
        let is_left = lane == 0 && incoming > 1;
        arrow(&|b, e| on(STOP_LINE_M + 10.0 - b, d - e), is_left, kinds > 3 || !is_left, mesh);
    }
}

/// An arrow of paint in a frame of metres forward and to the right of a lane's middle.
fn arrow(place: &dyn Fn(f64, f64) -> V2, is_left: bool, is_straight: bool, mesh: &mut Mesh) {
    // Corners in metres forward and to the left, counter-clockwise from above.
    let mut patch = |corners: &[(f64, f64)]| {
        let outline: Vec<V2> = corners.iter().map(|&(f, l)| place(f, -l)).collect();
        mesh.area(&outline, PAINT_M, still(WHITE, 11));
    };
    patch(&[(-2.2, -0.08), (0.9, -0.08), (0.9, 0.08), (-2.2, 0.08)]);
    if is_straight {
        patch(&[(0.9, -0.38), (2.4, 0.0), (0.9, 0.38)]);
    }
    if is_left {
        patch(&[(0.1, 0.08), (0.45, 0.08), (0.45, 0.65), (0.1, 0.65)]);
        patch(&[(-0.35, 0.65), (0.9, 0.65), (0.28, 1.25)]);
    }
}

/// Parks, ponds, the car park, gravel and the wooded hill.
fn patches(mesh: &mut Mesh) {
    for (k, (ground, _, _, outline)) in PATCHES.iter().enumerate() {
        let outline: Vec<V2> = outline.iter().map(|&p| v2(p)).collect();
        let seed = 60 + k as u32;
        match ground {
            Ground::Park => mesh.area(&outline, BLOCK_M + 0.02, still(Surface::Grass, seed)),
            Ground::Pond => mesh.area(&outline, BLOCK_M + 0.04, still(Surface::Water, seed)),
            Ground::Parking => mesh.area(&outline, -0.005, still(Surface::Asphalt, seed)),
            Ground::Gravel => mesh.area(&outline, -0.01, still(Surface::Gravel, seed)),
            Ground::Hill => hill(&outline, mesh),
        }
    }
}

/// The hill over the tunnel as a grid; the mouths of the tunnel stay open.
fn hill(outline: &[V2], mesh: &mut Mesh) {
    let (west, east) = (outline[0].x, outline[1].x);
    let (south, north) = (outline[0].y, outline[2].y);
    let columns = 12;
    let rows: [f64; 10] = [south, -176.0, -169.0, -161.5, -159.4, -140.6, -138.5, -131.0, -124.0, north];
    for c in 0..columns {
        let x = [0, 1].map(|k| west + (east - west) * f64::from(c + k) / f64::from(columns));
        for r in 0..rows.len() - 1 {
            let p = [
                V2::new(x[0], rows[r]),
                V2::new(x[1], rows[r]),
                V2::new(x[1], rows[r + 1]),
                V2::new(x[0], rows[r + 1]),
            ];
            mesh.quad(p.map(|q| at(q, hill_height(q))), p.map(|q| [q.x, q.y]), still(Surface::Grass, 90));
        }
    }
    for x in [west, east] {
        for r in 0..rows.len() - 1 {
            let (a, b) = (V2::new(x, rows[r]), V2::new(x, rows[r + 1]));
            let (ha, hb) = (hill_height(a), hill_height(b));
            let low = if rows[r] == -159.4 { TUNNEL_HEIGHT_M } else { BASE_M };
            let mut c = [at(a, low), at(b, low), at(b, hb), at(a, ha)];
            if x < 0.0 {
                c = [c[1], c[0], c[3], c[2]];
            }
            mesh.quad(c, c.map(|q| [q.y, q.z]), still(Surface::Concrete, 91));
        }
    }
}

/// Walls, ceiling and lamps of the tunnel.
fn tunnel(town: &Town, mesh: &mut Mesh) {
    for segment in &town.network.segments {
        let Some((from, to)) = segment.tunnel else { continue };
        let street = &town.network.streets[segment.street];
        let reach = street.reach_m();
        let p = |s: f64, d: f64| street.path.offset(s, d);
        for pair in street.path.stations(from, to, 20.0).windows(2) {
            let look = still(Surface::Concrete, 92);
            mesh.wall(p(pair[0], reach), p(pair[1], reach), [0.0, TUNNEL_HEIGHT_M], pair[0], look);
            mesh.wall(p(pair[1], -reach), p(pair[0], -reach), [0.0, TUNNEL_HEIGHT_M], -pair[1], look);
            // Seen from below, the ceiling turns the other way.
            let c = [p(pair[0], reach), p(pair[1], reach), p(pair[1], -reach), p(pair[0], -reach)];
            mesh.quad(c.map(|q| at(q, TUNNEL_HEIGHT_M)), c.map(|q| [q.x, q.y]), look);
            let lamp = pair[0] + 3.0;
            for d in [-street.half_m() * 0.5, street.half_m() * 0.5] {
                let c = [p(lamp, d + 0.2), p(lamp + 1.6, d + 0.2), p(lamp + 1.6, d - 0.2), p(lamp, d - 0.2)];
                let glow = still(Surface::Plain([6.0, 5.4, 4.2]), 0);
                mesh.quad(c.map(|q| at(q, TUNNEL_HEIGHT_M - 0.05)), c.map(|q| [q.x, q.y]), glow);
            }
        }
    }
}

/// White lines around a bay of the car park.
fn bay_lines(bay: &Bay, mesh: &mut Mesh) {
    for d in [-1.3, 1.3] {
        let middle = bay.place + left(bay.along) * d;
        mesh.flat(rectangle(middle, bay.along, [2.5, 0.06]), 0.008, still(WHITE, 12));
    }
}
