//! Matching while the trace is still coming, with a bounded lag.
//!
//! A window over the last fixes is matched as a whole trace is; of each fix the place is told once so many later ones are
//! known. Memory and time per fix are bounded. A place may differ from that in the whole trace, which knows more.

use crate::record::{GnssFix, Mode, RoadGraph};

use super::{MatchedPoint, Matcher};

/// Fixes before those that are still to be told which a window holds, in lags.
const CONTEXT: usize = 3;

/// A trace that is matched fix by fix.
#[derive(Debug)]
pub struct MatchStream<'a> {
    matcher: Matcher<'a>,
    window: Vec<GnssFix>,
    /// Index in the trace of the window's first fix.
    first: usize,
    /// Index in the trace of the next fix to be told.
    next: usize,
    lag: usize,
}

impl<'a> MatchStream<'a> {
    /// A stream that tells of a fix once `lag` later ones are there, at the latest after half as many again; at least 2.
    pub fn new(graph: &'a RoadGraph, mode: Mode, lag: usize) -> MatchStream<'a> {
        let lag = lag.max(2);
        MatchStream { matcher: Matcher::new(graph, mode), window: Vec::new(), first: 0, next: 0, lag }
    }

    /// Takes the next fix; gives those that are settled now, with their index in the trace.
    pub fn push(&mut self, fix: GnssFix) -> Vec<(usize, MatchedPoint)> {
        self.window.push(fix);
        let end = self.first + self.window.len();
        if end < self.next + self.lag + self.lag.div_ceil(2) {
            return Vec::new();
        }
        self.settle(end - self.lag)
    }

    /// Gives all that is left.
    pub fn finish(mut self) -> Vec<(usize, MatchedPoint)> {
        self.settle(self.first + self.window.len())
    }

    fn settle(&mut self, until: usize) -> Vec<(usize, MatchedPoint)> {
        let matched = self.matcher.run(&self.window);
        let told = (self.next..until).map(|i| (i, matched.points[i - self.first])).collect();
        self.next = until;
        let keep_from = until.saturating_sub(CONTEXT * self.lag).max(self.first);
        self.window.drain(..keep_from - self.first);
        self.first = keep_from;
        told
    }
}
