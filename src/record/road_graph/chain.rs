//! From lines to roads: lines fall into segments between neighbouring nodes, and segments are joined again up to where
//! a decision has to be made.

use std::collections::BTreeSet;

use crate::coord::LocalPlane;

use super::build::{RoadLine, stored};
use super::{Modes, NOWHERE, PER_DEGREE, Side};

/// A segment between two neighbouring nodes, with a way for each direction.
#[derive(Debug, Clone, Copy)]
struct Atom {
    ends: [u32; 2],
    access: [Modes; 2],
    sides: [Side; 2],
    length_m: f64,
}

/// A segment in one of its two directions: `2 i` or `2 i + 1`.
pub(super) type Directed = u32;

/// Nodes and segments from one stop to the next.
#[derive(Debug)]
pub(super) struct Chain {
    /// Dense indices of the nodes; one more than there are segments.
    pub nodes: Vec<u32>,
    /// The segments.
    pub atoms: Vec<Directed>,
}

/// All segments of some lines.
pub(super) struct Atoms<'a> {
    ids: Vec<i64>,
    positions: Vec<[i32; 2]>,
    atoms: Vec<Atom>,
    /// Where the segments at each node begin in `at`.
    first: Vec<u32>,
    /// Segments leaving each node.
    at: Vec<Directed>,
    stops: &'a BTreeSet<i64>,
}

impl<'a> Atoms<'a> {
    /// The segments of lines; roads will end at `stops` (node ids).
    pub(super) fn of(lines: &[RoadLine], stops: &'a BTreeSet<i64>) -> Atoms<'a> {
        let mut ids: Vec<i64> = lines.iter().flat_map(|l| l.nodes.iter().copied()).collect();
        ids.sort_unstable();
        ids.dedup();
        let index = |id: &i64| ids.binary_search(id).unwrap_or_default() as u32;
        let mut positions = vec![[0; 2]; ids.len()];
        for line in lines {
            for (id, p) in line.nodes.iter().zip(&line.points) {
                positions[index(id) as usize] = stored(p.0, p.1);
            }
        }
        let mut atoms: Vec<Atom> = Vec::new();
        for (way, line) in lines.iter().enumerate() {
            let mut offset = 0.0;
            for pair in line.nodes.windows(2) {
                let (a, b) = (index(&pair[0]), index(&pair[1]));
                if a == b {
                    continue;
                }
                let length_m = metres(positions[a as usize], positions[b as usize]);
                let side = Side { way: way as u32, offset_m: offset as f32, reversed: 0 };
                let none = Side { way: NOWHERE, offset_m: 0.0, reversed: 0 };
                let sides = [0, 1].map(|i: usize| if line.access[i].is_none() { none } else { side });
                let atom = Atom { ends: [a, b], access: line.access, sides, length_m };
                offset += length_m;
                // All from the lower to the higher node.
                atoms.push(if a < b { atom } else { atom.turned() });
            }
        }
        let atoms = joined(atoms);
        let mut at: Vec<(u32, Directed)> = Vec::with_capacity(2 * atoms.len());
        for (i, atom) in atoms.iter().enumerate() {
            at.extend([(atom.ends[0], 2 * i as u32), (atom.ends[1], 2 * i as u32 + 1)]);
        }
        at.sort_unstable();
        let mut first: Vec<u32> = Vec::with_capacity(ids.len() + 1);
        let mut k = 0;
        for node in 0..=ids.len() as u32 {
            while at.get(k).is_some_and(|a| a.0 < node) {
                k += 1;
            }
            first.push(k as u32);
        }
        Atoms { ids, positions, atoms, first, at: at.into_iter().map(|a| a.1).collect(), stops }
    }

    /// The dense index of a node.
    pub(super) fn index(&self, id: i64) -> Option<u32> {
        self.ids.binary_search(&id).ok().map(|i| i as u32)
    }

    /// The id of a node.
    pub(super) fn id(&self, dense: u32) -> i64 {
        self.ids[dense as usize]
    }

    /// The stored position of a node.
    pub(super) fn position(&self, dense: u32) -> [i32; 2] {
        self.positions[dense as usize]
    }

    /// Who may use a segment: in its direction, against it.
    pub(super) fn access(&self, atom: Directed) -> [Modes; 2] {
        self.directed(atom).access
    }

    /// The ways of a segment: in its direction, against it.
    pub(super) fn sides(&self, atom: Directed) -> [Side; 2] {
        self.directed(atom).sides
    }

    /// Length of a segment, metres.
    pub(super) fn length_m(&self, atom: Directed) -> f64 {
        self.atoms[(atom / 2) as usize].length_m
    }

    /// Direction of a segment, clockwise from north, 256 to a turn.
    pub(super) fn heading(&self, atom: Directed) -> u8 {
        let [a, b] = self.directed(atom).ends.map(|n| self.position(n).map(|v| f64::from(v) / PER_DEGREE));
        let (x, y) = LocalPlane::at(a[0], a[1]).to_m(b[0], b[1]);
        let turns = libm::atan2(x, y) / std::f64::consts::TAU;
        libm::round(turns.rem_euclid(1.0) * 256.0) as u16 as u8
    }

    fn directed(&self, atom: Directed) -> Atom {
        let one = self.atoms[(atom / 2) as usize];
        if atom.is_multiple_of(2) { one } else { one.turned() }
    }

    fn leaving(&self, node: u32) -> &[Directed] {
        &self.at[self.first[node as usize] as usize..self.first[node as usize + 1] as usize]
    }

    /// Whether roads end at a node: anything but a mere bend between two segments that the same people may use.
    fn is_stop(&self, node: u32) -> bool {
        let [a, b] = self.leaving(node) else { return true };
        let (a, b) = (self.directed(*a), self.directed(*b));
        self.stops.contains(&self.id(node)) || a.access[0] != b.access[1] || a.access[1] != b.access[0]
    }

    /// Joins segments to chains between stops, each segment in one of them. Circles without a stop begin somewhere.
    pub(super) fn chains(&self) -> Vec<Chain> {
        let mut used = vec![false; self.atoms.len()];
        let mut chains = Vec::new();
        let nodes = 0..self.ids.len() as u32;
        for node in nodes.clone().filter(|n| self.is_stop(*n)).chain(nodes) {
            for &atom in self.leaving(node) {
                if !used[(atom / 2) as usize] {
                    chains.push(self.chain(node, atom, &mut used));
                }
            }
        }
        chains
    }

    fn chain(&self, start: u32, first: Directed, used: &mut [bool]) -> Chain {
        let mut chain = Chain { nodes: vec![start], atoms: Vec::new() };
        let mut next = Some(first);
        while let Some(atom) = next {
            used[(atom / 2) as usize] = true;
            let to = self.directed(atom).ends[1];
            chain.nodes.push(to);
            chain.atoms.push(atom);
            let go_on = to != start && !self.is_stop(to);
            next = self.leaving(to).iter().copied().find(|a| go_on && !used[(*a / 2) as usize]);
        }
        chain
    }
}

impl Atom {
    fn turned(self) -> Atom {
        let length = self.length_m as f32;
        let turn = |s: Side| match s.way {
            NOWHERE => s,
            _ => Side {
                offset_m: if s.reversed == 1 { (s.offset_m - length).max(0.0) } else { s.offset_m + length },
                reversed: 1 - s.reversed,
                ..s
            },
        };
        Atom {
            ends: [self.ends[1], self.ends[0]],
            access: [self.access[1], self.access[0]],
            sides: [turn(self.sides[1]), turn(self.sides[0])],
            length_m: self.length_m,
        }
    }

    /// Whether `self` serves one direction and `other` the opposite one, so that together they are one segment.
    fn completes(&self, other: &Atom, direction: usize) -> bool {
        let (mine, theirs) = (self.access, other.access);
        let within = |a: Modes, b: Modes| a.without(b).is_none() && a != b;
        within(theirs[direction], mine[direction]) && within(mine[1 - direction], theirs[1 - direction])
    }
}

/// Two one-way segments there and back between the same two nodes are one segment for both directions.
fn joined(mut atoms: Vec<Atom>) -> Vec<Atom> {
    // Stable: of several the one of the earlier line comes first.
    atoms.sort_by_key(|a| a.ends);
    let mut out: Vec<Atom> = Vec::with_capacity(atoms.len());
    let mut group = 0;
    for atom in atoms {
        if out.get(group).is_none_or(|a| a.ends != atom.ends) {
            group = out.len();
        }
        let partner = out[group..].iter_mut().find_map(|other| {
            let direction = [0, 1].into_iter().find(|d| atom.completes(other, *d))?;
            Some((other, direction))
        });
        match partner {
            Some((other, direction)) => {
                other.access[direction] = atom.access[direction];
                other.sides[direction] = atom.sides[direction];
            }
            None => out.push(atom),
        }
    }
    out
}

/// Length of the straight line between two stored positions, metres.
fn metres(a: [i32; 2], b: [i32; 2]) -> f64 {
    let [a, b] = [a, b].map(|p| p.map(|v| f64::from(v) / PER_DEGREE));
    let plane = LocalPlane::at(a[0], (a[1] + b[1]) / 2.0);
    let ((ax, ay), (bx, by)) = (plane.to_m(a[0], a[1]), plane.to_m(b[0], b[1]));
    libm::hypot(bx - ax, by - ay)
}
