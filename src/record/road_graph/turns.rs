//! Turns that are forbidden, or that a later turn depends on.
//!
//! A restriction over via ways (`from`, then `via`…, then not `to`) depends on where one came from. So whoever enters the
//! first via edge from `from` is in a *state* of its own there, beside the edge's usual one, and the next, until the
//! restriction is over. A search over states instead of edges then keeps every restriction.

use std::collections::BTreeMap;

use super::column::Column;
use super::{Mode, Modes};

/// Marks a turn that must not be taken.
const FORBIDDEN: u32 = u32::MAX;

/// What is special about turning from a state into an edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
pub(super) struct Turn {
    from: u32,
    to: u32,
    modes: Modes,
    unused: [u8; 3],
    /// The state that one is in afterwards, or [`FORBIDDEN`].
    into: u32,
}

/// A restriction as edges: after `edges` in this order, `forbidden` must not follow.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Sequence {
    /// The first edge, then those of via ways.
    pub edges: Vec<u32>,
    /// What must not follow.
    pub forbidden: Vec<u32>,
    /// For whom.
    pub modes: Modes,
}

/// Sequences that have begun: which, and how many of its edges are passed.
type Begun = Vec<(usize, usize)>;

/// All special turns of a graph.
#[derive(Debug, Clone, Default)]
pub(super) struct Turns {
    pub(super) all: Column<Turn>,
    /// States with special turns, ascending.
    pub(super) from: Column<u32>,
    /// The edge of each state beyond those of edges.
    pub(super) states: Column<u32>,
}

impl Turns {
    /// The turns of restrictions in a graph with so many edges.
    ///
    /// `follows` gives the edges that may follow an edge without any restriction.
    pub(super) fn of(mut sequences: Vec<Sequence>, edges: u32, follows: impl Fn(u32) -> Vec<u32>) -> Turns {
        sequences.sort();
        sequences.dedup();
        let mut turns = Turns::default();
        let mut known: BTreeMap<(u32, Begun), u32> = BTreeMap::new();
        let mut queue: Vec<(u32, u32, Begun)> = Vec::new();
        let starts = |edge: u32| -> Begun {
            let first = |s: &Sequence| s.edges.first() == Some(&edge);
            sequences.iter().enumerate().filter(|(_, s)| first(s)).map(|(i, _)| (i, 1)).collect()
        };
        let mut firsts: Vec<u32> = sequences.iter().filter_map(|s| s.edges.first().copied()).collect();
        firsts.sort_unstable();
        firsts.dedup();
        queue.extend(firsts.iter().map(|e| (*e, *e, starts(*e))));
        while let Some((state, edge, active)) = queue.pop() {
            for next in follows(edge) {
                let over = |&(s, passed): &(usize, usize)| {
                    let sequence: &Sequence = &sequences[s];
                    passed == sequence.edges.len() && sequence.forbidden.contains(&next)
                };
                let forbidden =
                    active.iter().filter(|a| over(a)).fold(Modes::NONE, |m, a| m.with(sequences[a.0].modes));
                if !forbidden.is_none() {
                    turns.all.vec().push(Turn {
                        from: state,
                        to: next,
                        modes: forbidden,
                        unused: [0; 3],
                        into: FORBIDDEN,
                    });
                }
                let mut going_on: Begun = active
                    .iter()
                    .filter(|(s, passed)| sequences[*s].edges.get(*passed) == Some(&next))
                    .map(|(s, passed)| (*s, passed + 1))
                    .collect();
                if going_on.is_empty() {
                    continue;
                }
                going_on.extend(starts(next));
                going_on.sort_unstable();
                let key = (next, going_on.clone());
                let into = match known.get(&key) {
                    Some(state) => *state,
                    None => {
                        let fresh = edges + turns.states.len() as u32;
                        turns.states.vec().push(next);
                        known.insert(key, fresh);
                        queue.push((fresh, next, going_on));
                        fresh
                    }
                };
                turns.all.vec().push(Turn {
                    from: state,
                    to: next,
                    modes: Modes::ALL.without(forbidden),
                    unused: [0; 3],
                    into,
                });
            }
        }
        turns.all.vec().sort_unstable();
        let mut from: Vec<u32> = turns.all.iter().map(|t| t.from).collect();
        from.dedup();
        turns.from = from.into();
        turns
    }

    /// How many states there are beyond one an edge.
    pub(super) fn extra(&self) -> u32 {
        self.states.len() as u32
    }

    /// The edge of such a state.
    pub(super) fn edge(&self, extra: u32) -> u32 {
        self.states[extra as usize]
    }

    /// Whether anything is special about turning from a state.
    pub(super) fn concerns(&self, state: u32) -> bool {
        self.from.binary_search(&state).is_ok()
    }

    /// The state after turning from a state into an edge; `None` where that is forbidden.
    pub(super) fn turn(&self, state: u32, edge: u32, mode: Mode) -> Option<u32> {
        let first = self.all.partition_point(|t| (t.from, t.to) < (state, edge));
        let special = self.all[first..].iter().take_while(|t| (t.from, t.to) == (state, edge));
        match special.filter(|t| t.modes.has(mode)).min_by_key(|t| t.into != FORBIDDEN) {
            Some(turn) if turn.into == FORBIDDEN => None,
            Some(turn) => Some(turn.into),
            None => Some(edge),
        }
    }
}
