//! Making a graph out of lines: what a reader gives, and how restrictions find their edges.

use std::collections::{BTreeMap, BTreeSet};

use super::chain::{Atoms, Chain};
use super::grid::Grid;
use super::turns::{Sequence, Turns};
use super::{Modes, NOWHERE, Node, PER_DEGREE, Road, RoadGraph, RoadWay, Side, Stretch};

/// Longest way of edges that a restriction is followed over.
const LONGEST_VIA: usize = 24;

/// A line of a map that somebody may use.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RoadLine {
    /// Its id in the source.
    pub id: i64,
    /// The part of it, from 1, where the source was cut; 0 for a whole line.
    pub part: u16,
    /// Its feature id where that is not `way/ID`.
    pub name: Option<String>,
    /// Class in the source's words.
    pub class: String,
    /// Vertical order.
    pub level: i8,
    /// Whether it is a bridge.
    pub bridge: bool,
    /// Whether it is a tunnel.
    pub tunnel: bool,
    /// Speed limit, km/h; 0 where unknown.
    pub maxspeed_kmh: u8,
    /// The source's ids of its nodes, one a point: where two lines share one, they meet.
    pub nodes: Vec<i64>,
    /// Longitude and latitude, degrees.
    pub points: Vec<(f64, f64)>,
    /// Who may use it along its points, and against them.
    pub access: [Modes; 2],
}

/// What a turn restriction goes through.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Via {
    /// A node.
    Node(i64),
    /// Ways, in order.
    Ways(Vec<i64>),
}

/// A turn restriction in the words of the source.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Restriction {
    /// The way that one comes from.
    pub from: i64,
    /// What it goes through.
    pub via: Via,
    /// The way that one must not, or must, go to.
    pub to: i64,
    /// Whether `to` is the only way to go on.
    pub only: bool,
    /// For whom.
    pub modes: Modes,
}

/// What is special about a node: who cannot pass it.
pub type NodeFlags = BTreeMap<i64, Modes>;

/// Gathers lines, barriers and restrictions.
#[derive(Debug, Clone, Default)]
pub struct RoadGraphBuilder {
    /// Lines; of two with the same id, part and nodes one is kept.
    pub lines: Vec<RoadLine>,
    /// Who cannot pass a node.
    pub barriers: NodeFlags,
    /// Turn restrictions.
    pub restrictions: Vec<Restriction>,
}

impl RoadGraphBuilder {
    /// The graph; lines without two different points or without anybody who may use them are left out.
    ///
    /// The same whatever the order that lines came in. The number says how many restrictions name what is not there.
    pub fn build(mut self) -> (RoadGraph, usize) {
        self.lines.retain(|l| {
            let used = !l.access[0].is_none() || !l.access[1].is_none();
            let sound = |p: &(f64, f64)| p.0.abs() <= 180.0 && p.1.abs() <= 90.0;
            used && l.nodes.len() == l.points.len() && l.points.len() >= 2 && l.points.iter().all(sound)
        });
        self.lines.sort_by(|a, b| (a.id, a.part, &a.nodes).cmp(&(b.id, b.part, &b.nodes)));
        self.lines.dedup_by(|a, b| (a.id, a.part, &a.nodes) == (b.id, b.part, &b.nodes));
        let mut stops: BTreeSet<i64> = self.barriers.keys().copied().collect();
        self.stop_at_restrictions(&mut stops);
        let atoms = Atoms::of(&self.lines, &stops);
        let chains = atoms.chains();
        let mut graph = RoadGraph::default();
        let node_of = graph.add_roads(&atoms, &chains);
        for (&id, &barred) in &self.barriers {
            if let Some(node) = atoms.index(id).and_then(|dense| node_of.get(&dense)) {
                graph.nodes.vec()[*node as usize].barred = barred;
            }
        }
        graph.add_ways(&self.lines);
        let (sequences, lost) = Resolver { graph: &graph, atoms: &atoms, node_of: &node_of }.all(&self.restrictions);
        let follows = |edge: u32| -> Vec<u32> { graph.leaving(graph.ends(edge)[1]).to_vec() };
        graph.turns = Turns::of(sequences, graph.edge_count(), follows);
        graph.grid = Grid::of(&graph);
        (graph, lost)
    }

    /// Roads must not run through where a restriction begins or ends.
    fn stop_at_restrictions(&self, stops: &mut BTreeSet<i64>) {
        let mut via_ways: BTreeSet<i64> = BTreeSet::new();
        for restriction in &self.restrictions {
            match &restriction.via {
                Via::Node(node) => {
                    stops.insert(*node);
                }
                Via::Ways(ways) => via_ways.extend(ways),
            }
        }
        for line in self.lines.iter().filter(|l| via_ways.contains(&l.id)) {
            stops.extend([line.nodes.first(), line.nodes.last()].into_iter().flatten());
        }
    }
}

impl RoadGraph {
    /// Stores chains as roads; gives the graph's node of each of the atoms' that became one.
    fn add_roads(&mut self, atoms: &Atoms, chains: &[Chain]) -> BTreeMap<u32, u32> {
        let ends: BTreeSet<u32> = chains.iter().flat_map(|c| [c.nodes[0], c.nodes[c.nodes.len() - 1]]).collect();
        let node_of: BTreeMap<u32, u32> = ends.iter().enumerate().map(|(i, dense)| (*dense, i as u32)).collect();
        let mut leaving: Vec<(u32, u32)> = Vec::new();
        for chain in chains {
            let road = self.roads.len() as u32;
            let first_point = self.points.len() as u32;
            let mut along = 0.0;
            self.roads.vec().push(Road {
                first_point,
                first_stretch: self.stretches.len() as u32,
                from: node_of[&chain.nodes[0]],
                to: node_of[&chain.nodes[chain.nodes.len() - 1]],
                length_m: 0.0,
                access: atoms.access(chain.atoms[0]),
                headings: [chain.atoms[0], chain.atoms[chain.atoms.len() - 1]].map(|a| atoms.heading(a)),
                off_ground: 0,
            });
            let mut before: Option<(Stretch, f64)> = None;
            for (i, &dense) in chain.nodes.iter().enumerate() {
                self.points.vec().push(atoms.position(dense));
                self.along.vec().push(along as f32);
                let Some(&atom) = chain.atoms.get(i) else { continue };
                let sides = atoms.sides(atom);
                let goes_on = before.is_some_and(|(stretch, start)| {
                    let on = along - start;
                    stretch.sides.iter().zip(&sides).all(|(a, b)| {
                        let offset = f64::from(a.offset_m) + if a.reversed == 1 { -on } else { on };
                        (a.way, a.reversed) == (b.way, b.reversed)
                            && (a.way == NOWHERE || (offset - f64::from(b.offset_m)).abs() < 0.05)
                    })
                });
                if !goes_on {
                    let stretch = Stretch { point: first_point + i as u32, node: atoms.id(dense), sides, unused: 0 };
                    self.stretches.vec().push(stretch);
                    before = Some((stretch, along));
                }
                along += atoms.length_m(atom);
            }
            let stored = &mut self.roads.vec()[road as usize];
            stored.length_m = along as f32;
            leaving.extend([(stored.from, 2 * road), (stored.to, 2 * road + 1)]);
        }
        leaving.sort_unstable();
        for (dense, node) in &node_of {
            let first_out = leaving.partition_point(|l| l.0 < *node) as u32;
            self.nodes.vec().push(Node { id: atoms.id(*dense), first_out, barred: Modes::NONE, unused: [0; 3] });
        }
        self.out = leaving.into_iter().map(|l| l.1).collect::<Vec<u32>>().into();
        node_of
    }

    fn add_ways(&mut self, lines: &[RoadLine]) {
        let classes: BTreeSet<&str> = lines.iter().map(|l| l.class.as_str()).collect();
        self.classes = classes.into_iter().map(str::to_string).collect();
        let bridge = |l: &RoadLine| if l.bridge { RoadWay::BRIDGE } else { 0 };
        let tunnel = |l: &RoadLine| if l.tunnel { RoadWay::TUNNEL } else { 0 };
        *self.ways.vec() = lines
            .iter()
            .map(|l| RoadWay {
                id: l.id,
                part: l.part,
                class: self.classes.binary_search(&l.class).map_or(0, |c| c as u16),
                level: l.level,
                flags: bridge(l) | tunnel(l),
                maxspeed_kmh: l.maxspeed_kmh,
                unused: 0,
            })
            .collect();
        for road in 0..self.roads.len() {
            let ways = self.stretches[self.stretches_of(road as u32)].iter().flat_map(|s| s.sides.map(|s| s.way));
            let off = |way: u32| self.ways.get(way as usize).is_some_and(RoadWay::leaves_ground);
            let off_ground = u32::from(ways.into_iter().any(off));
            self.roads.vec()[road].off_ground = off_ground;
        }
        if lines.iter().any(|l| l.name.is_some()) {
            self.names = lines.iter().map(|l| l.name.clone().unwrap_or_else(|| format!("way/{}", l.id))).collect();
        }
    }

    /// The source's id of the way that an edge begins or ends on.
    fn end_way(&self, edge: u32, end: usize) -> i64 {
        let range = self.stretches_of(edge / 2);
        let side = (edge % 2) as usize;
        let at = if (side == 0) == (end == 0) { range.start } else { range.end - 1 };
        let Side { way, .. } = self.stretches[at].sides[side];
        self.ways.get(way as usize).map_or(i64::MIN, |w| w.id)
    }
}

/// Finds the edges that restrictions speak of.
struct Resolver<'a> {
    graph: &'a RoadGraph,
    atoms: &'a Atoms<'a>,
    node_of: &'a BTreeMap<u32, u32>,
}

impl Resolver<'_> {
    fn all(&self, restrictions: &[Restriction]) -> (Vec<Sequence>, usize) {
        let wanted: BTreeSet<i64> =
            restrictions.iter().filter(|r| matches!(r.via, Via::Ways(_))).map(|r| r.from).collect();
        let mut from_edges: BTreeMap<i64, Vec<u32>> = BTreeMap::new();
        for edge in (0..self.graph.edge_count()).filter(|_| !wanted.is_empty()) {
            let way = self.graph.end_way(edge, 1);
            if wanted.contains(&way) {
                from_edges.entry(way).or_default().push(edge);
            }
        }
        let (mut sequences, mut lost) = (Vec::new(), 0);
        for restriction in restrictions {
            let before = sequences.len();
            match &restriction.via {
                Via::Node(id) => self.at_node(restriction, *id, &mut sequences),
                Via::Ways(ways) => {
                    for &edge in from_edges.get(&restriction.from).into_iter().flatten() {
                        self.follow(restriction, ways, &mut vec![edge], 0, &mut sequences);
                    }
                }
            }
            lost += usize::from(sequences.len() == before);
        }
        (sequences, lost)
    }

    fn at_node(&self, restriction: &Restriction, id: i64, out: &mut Vec<Sequence>) {
        let Some(&node) = self.atoms.index(id).and_then(|dense| self.node_of.get(&dense)) else { return };
        let leaving = self.graph.leaving(node);
        for from in leaving.iter().map(|e| e ^ 1).filter(|e| self.graph.end_way(*e, 1) == restriction.from) {
            self.push(restriction, vec![from], out);
        }
    }

    /// Adds a sequence where `to` can follow its last edge.
    fn push(&self, restriction: &Restriction, edges: Vec<u32>, out: &mut Vec<Sequence>) {
        let Some(&last) = edges.last() else { return };
        let leaving = self.graph.leaving(self.graph.ends(last)[1]);
        // Only `from` and `to` of the same way speak of turning back.
        let is_to = |e: &u32| {
            self.graph.end_way(*e, 0) == restriction.to && (*e != last ^ 1 || restriction.from == restriction.to)
        };
        let to: Vec<u32> = leaving.iter().copied().filter(is_to).collect();
        if to.is_empty() {
            return;
        }
        let forbidden = match restriction.only {
            true => leaving.iter().copied().filter(|e| !to.contains(e)).collect(),
            false => to,
        };
        out.push(Sequence { edges, forbidden, modes: restriction.modes });
    }

    /// Follows the via ways from the last of `edges`, which lies on way `at - 1` of them.
    fn follow(
        &self,
        restriction: &Restriction,
        ways: &[i64],
        edges: &mut Vec<u32>,
        at: usize,
        out: &mut Vec<Sequence>,
    ) {
        let last = edges[edges.len() - 1];
        if at == ways.len() {
            self.push(restriction, edges.clone(), out);
        }
        if edges.len() > LONGEST_VIA {
            return;
        }
        for &next in self.graph.leaving(self.graph.ends(last)[1]) {
            if next == last ^ 1 || edges.contains(&next) {
                continue;
            }
            let way = self.graph.end_way(next, 0);
            let step = if at > 0 && way == ways[at - 1] {
                at
            } else if at < ways.len() && way == ways[at] {
                at + 1
            } else {
                continue;
            };
            edges.push(next);
            self.follow(restriction, ways, edges, step, out);
            edges.pop();
        }
    }
}

/// Degrees as they are stored.
pub(super) fn stored(lon: f64, lat: f64) -> [i32; 2] {
    // Rounded to the nearest; within ±180° that fits.
    [lon, lat].map(|d| libm::round(d * PER_DEGREE) as i32)
}
