//! Shortest ways from the end of an edge to all that is near: Dijkstra's algorithm over edges, going on where it stopped
//! when more is asked for, and remembered for the next positions.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use crate::record::{Mode, RoadGraph};

/// What turning round at a node costs in comparison with ways without, metres.
const TURN_ROUND_M: f64 = 100.0;
/// Tenths of it: everywhere, and where the road ends.
const ROUND: u16 = 10;
const DEAD_END: u16 = 3;
/// What turning by 90° costs in comparison with ways without, metres.
const TURN_M: f64 = 10.0;
/// Searches are remembered in sets of so many: …
const WAYS: usize = 4;
/// … in so many sets during the first trace, which comes by a street once, …
const FIRST_SETS: usize = 32;
/// … and in up to so many during later ones, which share streets, as long as they took less than a quarter of the graph's
/// memory.
const MOST_SETS: usize = 512;
/// No state.
const NONE: u32 = u32::MAX;

/// How a state was reached.
#[derive(Debug, Clone, Copy)]
struct Label {
    state: u32,
    /// Metres from the end of the first edge to the start of this one, with what turning costs.
    cost_m: f64,
    /// How far one turned on the way, 64 to a quarter of a turn.
    turns: u16,
    /// How often one turned round, in tenths.
    rounds: u16,
    /// Index of the label before; [`NONE`] at the first edge.
    before: u32,
    settled: bool,
}

impl Label {
    const START: Label = Label { state: NONE, cost_m: 0.0, turns: 0, rounds: 0, before: NONE, settled: false };

    /// Metres without what turning costs: not kept, since labels are most of a search's memory.
    fn length_m(&self) -> f64 {
        (self.cost_m - TURN_M * quarters(self.turns) - TURN_ROUND_M * tenths(self.rounds)).max(0.0)
    }
}

fn quarters(turns: u16) -> f64 {
    f64::from(turns) / 64.0
}

fn tenths(rounds: u16) -> f64 {
    f64::from(rounds) / 10.0
}

/// A way from one edge to another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Way {
    /// Metres from the end of the first to the start of the second.
    pub length_m: f64,
    /// How far one turns, in quarters of a turn, without turning round.
    pub turns: f64,
    /// How often one turns round; at a dead end, less than once.
    pub rounds: f64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Open {
    cost_m: f64,
    label: u32,
}

impl Eq for Open {}

impl Ord for Open {
    fn cmp(&self, other: &Open) -> Ordering {
        // The heap gives the greatest first. No cost is negative: their bits are in their order.
        other.cost_m.to_bits().cmp(&self.cost_m.to_bits()).then(other.label.cmp(&self.label))
    }
}

impl PartialOrd for Open {
    fn partial_cmp(&self, other: &Open) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// One search.
#[derive(Debug, Default)]
pub(super) struct Search {
    used: u64,
    labels: Vec<Label>,
    heap: BinaryHeap<Open>,
    /// Labels by state: open addressing, a power of two.
    table: Vec<u32>,
    /// Settled states that a restriction remembers: their edges and labels.
    remembering: Vec<(u32, u32)>,
}

impl Search {
    fn start(&mut self, graph: &RoadGraph, mode: Mode, source: u32) {
        self.labels.clear();
        self.heap.clear();
        self.remembering.clear();
        self.table.clear();
        self.table.resize(16, NONE);
        self.expand(graph, mode, source, Label::START, NONE);
    }

    /// Gives back the memory that it has no use for so far.
    fn shrink(&mut self) {
        self.labels.shrink_to_fit();
        self.heap.shrink_to_fit();
        self.remembering.shrink_to_fit();
    }

    /// Memory, bytes.
    fn bytes(&self) -> usize {
        size_of::<Search>()
            + self.labels.capacity() * size_of::<Label>()
            + self.heap.capacity() * size_of::<Open>()
            + self.table.capacity() * size_of::<u32>()
            + self.remembering.capacity() * size_of::<(u32, u32)>()
    }

    fn slot(&self, state: u32) -> usize {
        let mask = self.table.len() - 1;
        let mut at = (state.wrapping_mul(0x9e37_79b1) >> 7) as usize & mask;
        while self.table[at] != NONE && self.labels[self.table[at] as usize].state != state {
            at = (at + 1) & mask;
        }
        at
    }

    fn find(&self, state: u32) -> Option<u32> {
        Some(self.table[self.slot(state)]).filter(|l| *l != NONE)
    }

    /// Opens what follows a state, whose label says how far its *end* is.
    fn expand(&mut self, graph: &RoadGraph, mode: Mode, state: u32, ends: Label, before: u32) {
        let back_edge = graph.edge_of(state) ^ 1;
        let mut ways_on = 0;
        let mut back = None;
        graph.next_states(state, mode, |next| {
            if next.edge == back_edge {
                back = Some(next.state);
                return;
            }
            ways_on += 1;
            let cost_m = ends.cost_m + TURN_M * quarters(u16::from(next.turn));
            let turns = ends.turns.saturating_add(u16::from(next.turn));
            self.open(Label { state: next.state, cost_m, turns, before, ..ends });
        });
        if let Some(next) = back {
            let rounds = if ways_on == 0 { DEAD_END } else { ROUND };
            let cost_m = ends.cost_m + TURN_ROUND_M * tenths(rounds);
            self.open(Label { state: next, cost_m, rounds: ends.rounds.saturating_add(rounds), before, ..ends });
        }
    }

    fn open(&mut self, fresh: Label) {
        let at = self.slot(fresh.state);
        let label = match self.table[at] {
            NONE => {
                let label = self.labels.len() as u32;
                self.labels.push(fresh);
                self.table[at] = label;
                if self.labels.len() * 2 > self.table.len() {
                    self.grow();
                }
                label
            }
            label => {
                let known = &mut self.labels[label as usize];
                if known.cost_m <= fresh.cost_m {
                    return;
                }
                *known = fresh;
                label
            }
        };
        self.heap.push(Open { cost_m: fresh.cost_m, label });
    }

    fn grow(&mut self) {
        let size = self.table.len() * 2;
        self.table.clear();
        self.table.resize(size, NONE);
        for label in 0..self.labels.len() as u32 {
            let at = self.slot(self.labels[label as usize].state);
            self.table[at] = label;
        }
    }

    /// The best label of an edge within a bound, searching on as far as that needs.
    fn label_of(&mut self, graph: &RoadGraph, mode: Mode, edge: u32, bound_m: f64) -> Option<u32> {
        let mut cheapest = self.find(edge).filter(|l| self.labels[*l as usize].settled);
        for &(_, label) in self.remembering.iter().filter(|r| r.0 == edge) {
            let cost = |l: u32| self.labels[l as usize].cost_m;
            // The one that was found first, of equal ones.
            if cheapest.is_none_or(|c| cost(label).total_cmp(&cost(c)).then(label.cmp(&c)).is_lt()) {
                cheapest = Some(label);
            }
        }
        if let Some(label) = cheapest {
            return Some(label).filter(|l| self.labels[*l as usize].cost_m <= bound_m);
        }
        while let Some(&Open { cost_m, label }) = self.heap.peek() {
            if cost_m > bound_m {
                break;
            }
            self.heap.pop();
            let known = self.labels[label as usize];
            if known.settled || cost_m > known.cost_m {
                continue;
            }
            self.labels[label as usize].settled = true;
            let (state, reached) = (known.state, graph.edge_of(known.state));
            let along = graph.length_m(reached);
            let ends = Label { cost_m: known.cost_m + along, ..known };
            self.expand(graph, mode, state, ends, label);
            if state != reached {
                self.remembering.push((reached, label));
            }
            if reached == edge {
                return Some(label);
            }
        }
        None
    }

    /// The way to the start of an edge, no costlier than the bound.
    pub(super) fn way_to(&mut self, graph: &RoadGraph, mode: Mode, edge: u32, bound_m: f64) -> Option<Way> {
        let label = self.label_of(graph, mode, edge, bound_m)?;
        let found = self.labels[label as usize];
        Some(Way { length_m: found.length_m(), turns: quarters(found.turns), rounds: tenths(found.rounds) })
    }

    /// Adds the edges between the source and an edge to `out`, in order, both left out.
    pub(super) fn edges_to(&mut self, graph: &RoadGraph, mode: Mode, edge: u32, bound_m: f64, out: &mut Vec<u32>) {
        let Some(label) = self.label_of(graph, mode, edge, bound_m) else { return };
        let first = out.len();
        let mut at = self.labels[label as usize].before;
        while at != NONE {
            out.push(graph.edge_of(self.labels[at as usize].state));
            at = self.labels[at as usize].before;
        }
        out[first..].reverse();
    }
}

/// Searches by their first edge, in sets of a few; of a set the one that was asked for longest ago is forgotten.
#[derive(Debug, Default)]
pub(super) struct Searches {
    /// First edges, [`WAYS`] a set.
    sources: Vec<u32>,
    all: Vec<Search>,
    clock: u64,
}

impl Searches {
    /// To be called before each trace: makes room for more searches. Those so far are forgotten where there was less.
    pub(super) fn begin_trace(&mut self, graph: &RoadGraph) {
        let size = (self.all.len() * 2).clamp(FIRST_SETS * WAYS, MOST_SETS * WAYS);
        if size == self.all.len() {
            return;
        }
        self.all.iter_mut().for_each(Search::shrink);
        let bytes: usize = self.all.iter().map(Search::bytes).sum();
        if bytes * 4 <= graph.bytes() {
            self.sources.clear();
            self.sources.resize(size, NONE);
            self.all.resize_with(size, Search::default);
        }
    }

    /// The search from the end of an edge, for [`Searches::get`] until the next is asked for.
    pub(super) fn from(&mut self, graph: &RoadGraph, mode: Mode, edge: u32) -> usize {
        self.clock += 1;
        let sets = self.all.len() / WAYS;
        let first = (edge.wrapping_mul(0x9e37_79b1) >> 16) as usize % sets * WAYS;
        let set = first..first + WAYS;
        let at = match set.clone().find(|i| self.sources[*i] == edge) {
            Some(at) => at,
            None => {
                let at = set.min_by_key(|i| self.all[*i].used).unwrap_or(first);
                self.all[at].start(graph, mode, edge);
                self.sources[at] = edge;
                at
            }
        };
        self.all[at].used = self.clock;
        at
    }

    /// A search.
    pub(super) fn get(&mut self, at: usize) -> &mut Search {
        &mut self.all[at]
    }
}
