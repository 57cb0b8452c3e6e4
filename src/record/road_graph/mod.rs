//! [`RoadGraph`]: who may drive, ride or walk where, as directed edges with their geometry.
//!
//! A *road* runs from junction to junction and is stored once; it gives two directed *edges*, `2 r` along its geometry
//! and `2 r + 1` against it, each with the modes that may use it. What lies between two junctions is one road, however
//! many ways (in OpenStreetMap's sense) or nodes it is drawn with: [`Stretch`]es say which way a place of it belongs to,
//! so that nothing which is found on the graph depends on how a map is cut.

mod build;
mod chain;
mod column;
mod grid;
mod modes;
mod store;
mod turns;

use crate::coord::{BBox, LocalPlane};

pub use build::{NodeFlags, Restriction, RoadGraphBuilder, RoadLine, Via};
pub use grid::{Nearby, Segment};
pub use modes::{Mode, Modes};

use column::Column;
use grid::Grid;
use turns::Turns;

/// No way: the side of a one-way road that nobody may use.
const NOWHERE: u32 = u32::MAX;
/// Stored coordinates per degree.
const PER_DEGREE: f64 = 1e7;

/// A way of the source that roads are made of.
#[derive(Debug, Clone, Copy, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
pub struct RoadWay {
    /// Its id in the source.
    pub id: i64,
    /// The part of it, from 1, where the source was cut at the edge of an extract; 0 for a whole way.
    pub part: u16,
    /// Its class in the source's words, as an index into [`RoadGraph::class`].
    pub class: u16,
    /// Vertical order at crossings without junction.
    pub level: i8,
    /// [`RoadWay::BRIDGE`] and [`RoadWay::TUNNEL`].
    flags: u8,
    /// Speed limit, km/h; 0 where unknown.
    pub maxspeed_kmh: u8,
    unused: u8,
}

impl RoadWay {
    const BRIDGE: u8 = 1;
    const TUNNEL: u8 = 2;

    /// Whether it is a bridge.
    pub fn is_bridge(&self) -> bool {
        self.flags & RoadWay::BRIDGE != 0
    }

    /// Whether it is a tunnel.
    pub fn is_tunnel(&self) -> bool {
        self.flags & RoadWay::TUNNEL != 0
    }

    /// Whether it is a tunnel, a bridge, or of another level than 0.
    pub fn leaves_ground(&self) -> bool {
        self.level != 0 || self.flags != 0
    }
}

/// A road between two nodes of the graph.
#[derive(Debug, Clone, Copy, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
struct Road {
    first_point: u32,
    first_stretch: u32,
    from: u32,
    to: u32,
    length_m: f32,
    /// Along the geometry, against it.
    access: [Modes; 2],
    /// Direction of the geometry where it begins and where it ends, clockwise from north, 256 to a turn.
    headings: [u8; 2],
    /// 1 where a way of it leaves the ground: a tunnel, a bridge, or of another level than 0.
    off_ground: u32,
}

/// The part of a road that belongs to one way in each direction.
#[derive(Debug, Clone, Copy, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
struct Stretch {
    /// The source's id of the node where it begins.
    node: i64,
    /// Along the road, against it.
    sides: [Side; 2],
    /// The point where it begins.
    point: u32,
    unused: u32,
}

/// A way beside a road.
#[derive(Debug, Clone, Copy, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
struct Side {
    /// Index of the way, or [`NOWHERE`].
    way: u32,
    /// Metres along the way where the stretch begins (at its point, whichever the side).
    offset_m: f32,
    /// 1 where the way is drawn against the road, else 0.
    reversed: u32,
}

/// A junction, a dead end, or another place that roads must not run through.
#[derive(Debug, Clone, Copy, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
struct Node {
    id: i64,
    first_out: u32,
    /// Who cannot pass.
    barred: Modes,
    unused: [u8; 3],
}

/// A piece of an edge on one way, as [`RoadGraph::pieces`] gives it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Piece {
    /// Index of the way.
    pub way: u32,
    /// The source's ids of the nodes at its ends, in the direction of travel.
    pub nodes: [i64; 2],
    /// Metres along the edge where it begins and ends.
    pub edge_m: [f64; 2],
    /// Metres along the way where it begins and ends; falling where the way is drawn the other way.
    pub way_m: [f64; 2],
}

/// What may follow a state, as [`RoadGraph::next_states`] gives it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NextState {
    /// The state.
    pub state: u32,
    /// Its edge.
    pub edge: u32,
    /// How far one turns into it, either way: 0 is straight on, 64 a quarter of a turn, 128 back.
    pub turn: u8,
}

/// Roads as compact arrays: about 50 bytes a road and 12 a point, and a grid that finds them by place.
#[derive(Debug, Clone, Default)]
pub struct RoadGraph {
    points: Column<[i32; 2]>,
    /// Metres from the start of the road to each point.
    along: Column<f32>,
    roads: Column<Road>,
    stretches: Column<Stretch>,
    nodes: Column<Node>,
    out: Column<u32>,
    ways: Column<RoadWay>,
    classes: Vec<String>,
    /// Names of ways where they are not `way/ID`.
    names: Vec<String>,
    turns: Turns,
    grid: Grid,
}

impl RoadGraph {
    /// How many directed edges there are, usable or not: twice the roads.
    pub fn edge_count(&self) -> u32 {
        2 * self.roads.len() as u32
    }

    /// How many roads there are.
    pub fn road_count(&self) -> usize {
        self.roads.len()
    }

    /// How many junctions and dead ends there are.
    pub fn node_count(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there is no road at all.
    pub fn is_empty(&self) -> bool {
        self.roads.is_empty()
    }

    /// Bytes of the arrays.
    pub fn bytes(&self) -> usize {
        use std::mem::size_of_val;
        size_of_val(&self.points[..])
            + size_of_val(&self.along[..])
            + size_of_val(&self.roads[..])
            + size_of_val(&self.stretches[..])
            + size_of_val(&self.nodes[..])
            + size_of_val(&self.out[..])
            + size_of_val(&self.ways[..])
            + self.grid.bytes()
    }

    /// The ways of the source.
    pub fn ways(&self) -> &[RoadWay] {
        &self.ways
    }

    /// The class of a way, e.g. `residential`.
    pub fn class(&self, way: u32) -> &str {
        let class = self.ways.get(way as usize).and_then(|w| self.classes.get(w.class as usize));
        class.map_or("", String::as_str)
    }

    /// The id of a way's feature in the layer `road`: `way/12`, or `way/12/2` for the second part of a cut one.
    pub fn feature_id(&self, way: u32) -> String {
        if let Some(name) = self.names.get(way as usize) {
            return name.clone();
        }
        match self.ways.get(way as usize) {
            Some(RoadWay { id, part: 0, .. }) => format!("way/{id}"),
            Some(RoadWay { id, part, .. }) => format!("way/{id}/{part}"),
            None => String::new(),
        }
    }

    /// Whether a mode may use an edge.
    pub fn allows(&self, edge: u32, mode: Mode) -> bool {
        self.roads[(edge / 2) as usize].access[(edge % 2) as usize].has(mode)
    }

    /// Whether a mode may use a road along its geometry, and against it.
    #[inline]
    pub fn usable(&self, road: u32, mode: Mode) -> [bool; 2] {
        self.roads[road as usize].access.map(|a| a.has(mode))
    }

    /// Whether a way of a road is a tunnel, a bridge, or of another level than 0.
    #[inline]
    pub fn leaves_ground(&self, road: u32) -> bool {
        self.roads[road as usize].off_ground == 1
    }

    /// The storey of an edge `m` metres along: its level, else 1 on a bridge and −1 in a tunnel.
    pub fn storey(&self, edge: u32, m: f64) -> i8 {
        if !self.leaves_ground(edge / 2) {
            return 0;
        }
        match self.ways.get(self.way_at(edge, m).0 as usize) {
            Some(way @ RoadWay { level: 0, .. }) => i8::from(way.is_bridge()) - i8::from(way.is_tunnel()),
            Some(RoadWay { level, .. }) => *level,
            None => 0,
        }
    }

    /// Length of an edge, metres.
    #[inline]
    pub fn length_m(&self, edge: u32) -> f64 {
        f64::from(self.roads[(edge / 2) as usize].length_m)
    }

    /// The nodes of an edge, in the direction of travel.
    pub fn ends(&self, edge: u32) -> [u32; 2] {
        let road = &self.roads[(edge / 2) as usize];
        if edge.is_multiple_of(2) { [road.from, road.to] } else { [road.to, road.from] }
    }

    /// The source's id of a node.
    pub fn node_id(&self, node: u32) -> i64 {
        self.nodes[node as usize].id
    }

    /// The edges that leave a node, usable or not, ascending.
    #[inline]
    fn leaving(&self, node: u32) -> &[u32] {
        let from = self.nodes[node as usize].first_out as usize;
        let to = self.nodes.get(node as usize + 1).map_or(self.out.len(), |n| n.first_out as usize);
        &self.out[from..to]
    }

    /// How many states a search has: an edge, or an edge that was entered by a turn which a restriction remembers.
    pub fn state_count(&self) -> u32 {
        self.edge_count() + self.turns.extra()
    }

    /// The edge of a state.
    #[inline]
    pub fn edge_of(&self, state: u32) -> u32 {
        if state < self.edge_count() { state } else { self.turns.edge(state - self.edge_count()) }
    }

    /// Gives `visit` what may follow a state for a mode: the states across the node at the end of its edge.
    ///
    /// The edge back is among them; restrictions are kept.
    #[inline]
    pub fn next_states(&self, state: u32, mode: Mode, mut visit: impl FnMut(NextState)) {
        let roads = &self.roads[..];
        let edge = self.edge_of(state);
        let road = &roads[(edge / 2) as usize];
        let (node, leaving) = match edge % 2 {
            0 => (road.to, road.headings[1]),
            _ => (road.from, road.headings[0].wrapping_add(128)),
        };
        let barred = self.nodes[node as usize].barred.has(mode);
        let restricted = self.turns.concerns(state);
        for &next in self.leaving(node) {
            let onto = &roads[(next / 2) as usize];
            if !onto.access[(next % 2) as usize].has(mode) || barred && next != edge ^ 1 {
                continue;
            }
            let state = match restricted {
                false => next,
                true => match self.turns.turn(state, next, mode) {
                    Some(state) => state,
                    None => continue,
                },
            };
            let entering = if next.is_multiple_of(2) { onto.headings[0] } else { onto.headings[1].wrapping_add(128) };
            let turn = entering.wrapping_sub(leaving);
            visit(NextState { state, edge: next, turn: turn.min(turn.wrapping_neg()) });
        }
    }

    /// The points of a road: degrees and metres from its start.
    #[inline]
    fn road_points(&self, road: u32) -> std::ops::Range<usize> {
        let from = self.roads[road as usize].first_point as usize;
        let to = self.roads.get(road as usize + 1).map_or(self.points.len(), |r| r.first_point as usize);
        from..to
    }

    /// The smallest box around all roads; `None` without one.
    pub fn extent(&self) -> Option<BBox> {
        BBox::of_points((0..self.points.len()).map(|point| self.degrees(point)))
    }

    #[inline]
    fn degrees(&self, point: usize) -> (f64, f64) {
        let [x, y] = self.points[point];
        (f64::from(x) / PER_DEGREE, f64::from(y) / PER_DEGREE)
    }

    /// Metres along an edge of a place given along its road, and the other way round.
    #[inline]
    pub fn along_edge(&self, edge: u32, m: f64) -> f64 {
        if edge.is_multiple_of(2) { m } else { (self.length_m(edge) - m).max(0.0) }
    }

    /// Where `m` metres along an edge are: longitude and latitude, degrees. The ends beyond them.
    pub fn place(&self, edge: u32, m: f64) -> (f64, f64) {
        let m = self.along_edge(edge, m);
        let range = self.road_points(edge / 2);
        let i = self.segment_at(&range, m);
        let (along, points) = (&self.along[i..i + 2], &self.points[i..i + 2]);
        let [a, b] = [points[0], points[1]].map(|p| p.map(|v| f64::from(v) / PER_DEGREE));
        let (from, to) = (f64::from(along[0]), f64::from(along[1]));
        let w = if to > from { ((m - from) / (to - from)).clamp(0.0, 1.0) } else { 0.0 };
        (a[0] + (b[0] - a[0]) * w, a[1] + (b[1] - a[1]) * w)
    }

    /// The index of the point at or before `m` metres along a road that is not its last.
    #[inline]
    fn segment_at(&self, range: &std::ops::Range<usize>, m: f64) -> usize {
        let inner = &self.along[range.start + 1..range.end - 1];
        range.start + inner.partition_point(|&a| f64::from(a) <= m)
    }

    /// The places of an edge between two offsets, ends included: `(lon, lat, metres along the edge)`.
    pub fn line(&self, edge: u32, from_m: f64, to_m: f64, mut visit: impl FnMut(f64, f64, f64)) {
        let (lon, lat) = self.place(edge, from_m);
        visit(lon, lat, from_m);
        let range = self.road_points(edge / 2);
        let inner = range.start + 1..range.end - 1;
        let mut point = |i: usize| {
            let m = self.along_edge(edge, f64::from(self.along[i]));
            if m > from_m && m < to_m {
                let (lon, lat) = self.degrees(i);
                visit(lon, lat, m);
            }
        };
        if edge.is_multiple_of(2) {
            let first = inner.start + self.along[inner.clone()].partition_point(|&a| f64::from(a) <= from_m);
            (first..inner.end).take_while(|&i| f64::from(self.along[i]) < to_m).for_each(&mut point);
        } else {
            let low = self.along_edge(edge, to_m);
            let first = inner.start + self.along[inner.clone()].partition_point(|&a| f64::from(a) <= low);
            let end = inner.start
                + self.along[inner.clone()].partition_point(|&a| f64::from(a) < self.along_edge(edge, from_m));
            (first..end).rev().for_each(&mut point);
        }
        if to_m > from_m {
            let (lon, lat) = self.place(edge, to_m);
            visit(lon, lat, to_m);
        }
    }

    /// The direction of travel of an edge at an offset: a vector east, north of any length.
    pub fn direction(&self, edge: u32, m: f64) -> (f64, f64) {
        let range = self.road_points(edge / 2);
        let i = self.segment_at(&range, self.along_edge(edge, m));
        let (a, b) = (self.degrees(i), self.degrees(i + 1));
        let (x, y) = LocalPlane::at(a.0, a.1).to_m(b.0, b.1);
        if edge.is_multiple_of(2) { (x, y) } else { (-x, -y) }
    }

    /// The stretches of a road.
    #[inline]
    fn stretches_of(&self, road: u32) -> std::ops::Range<usize> {
        let from = self.roads[road as usize].first_stretch as usize;
        let to = self.roads.get(road as usize + 1).map_or(self.stretches.len(), |r| r.first_stretch as usize);
        from..to
    }

    /// Which way `m` metres along an edge lie on, and how many metres along that way.
    pub fn way_at(&self, edge: u32, m: f64) -> (u32, f64) {
        let (road, side) = (edge / 2, (edge % 2) as usize);
        let m = self.along_edge(edge, m);
        let range = self.stretches_of(road);
        let first = range.start;
        // Most roads are one stretch.
        let at = if range.len() == 1 {
            first
        } else {
            let along = &self.along[..];
            let inner = &self.stretches[first + 1..range.end];
            first + inner.partition_point(|s| f64::from(along[s.point as usize]) <= m)
        };
        self.on_way(at, side, m)
    }

    /// The way and the metres along it at `m` metres along the road, within a stretch.
    #[inline]
    fn on_way(&self, stretch: usize, side: usize, m: f64) -> (u32, f64) {
        let Stretch { point, sides, .. } = self.stretches[stretch];
        // What nobody may drive still lies on the way of the other direction.
        let side = if sides[side].way == NOWHERE { sides[1 - side] } else { sides[side] };
        let on = m - f64::from(self.along[point as usize]);
        let offset_m = f64::from(side.offset_m) + if side.reversed == 1 { -on } else { on };
        (side.way, offset_m.max(0.0))
    }

    /// The pieces of an edge between two offsets in the direction of travel, a piece a way.
    pub fn pieces(&self, edge: u32, from_m: f64, to_m: f64, out: &mut Vec<Piece>) {
        let (road, side) = (edge / 2, (edge % 2) as usize);
        let range = self.stretches_of(road);
        let length = self.length_m(edge);
        let first = out.len();
        for at in range.clone() {
            let start = f64::from(self.along[self.stretches[at].point as usize]);
            let last = at + 1 == range.end;
            let end = if last { length } else { f64::from(self.along[self.stretches[at + 1].point as usize]) };
            let end_node = if last { self.node_id(self.roads[road as usize].to) } else { self.stretches[at + 1].node };
            let start_node = self.stretches[at].node;
            let (edge_m, nodes) = match side {
                0 => ([start, end], [start_node, end_node]),
                _ => ([length - end, length - start], [end_node, start_node]),
            };
            let edge_m = [edge_m[0].max(from_m), edge_m[1].min(to_m)];
            if edge_m[1] < edge_m[0] || (edge_m[1] == edge_m[0] && from_m < to_m) {
                continue;
            }
            let on_road = edge_m.map(|m| self.along_edge(edge, m));
            let (way, begin) = self.on_way(at, side, on_road[0]);
            let (_, finish) = self.on_way(at, side, on_road[1]);
            out.push(Piece { way, nodes, edge_m, way_m: [begin, finish] });
        }
        if side == 1 {
            out[first..].reverse();
        }
        if from_m >= to_m {
            out.truncate(first + 1);
        }
    }

    /// Fills `found` with every segment of a road within `radius_m` of a place (degrees), in the order of roads.
    pub fn near(&self, plane: &LocalPlane, at: (f64, f64), radius_m: f64, found: &mut Nearby) {
        self.grid.near(self, plane, at, radius_m, found);
    }

    /// The edge that runs the same way back: the other side of the road, where a mode may use it.
    pub fn back(&self, edge: u32, mode: Mode) -> Option<u32> {
        Some(edge ^ 1).filter(|e| self.allows(*e, mode))
    }
}
