//! A matched track, as answers tell it.

use crate::dataset::matched::MatchedRow;
use crate::fuse::matching::{Matched, MatchedPoint, PathEdge};
use crate::record::{GnssFix, RoadGraph};

use super::decimal::short;

/// A track of a trace and what came of it; positions are numbered over all tracks.
#[derive(Debug, Clone, Copy)]
pub struct MatchedTrack<'a> {
    graph: &'a RoadGraph,
    fixes: &'a [GnssFix],
    matched: &'a Matched,
    first: usize,
    parts: u32,
}

impl<'a> MatchedTrack<'a> {
    /// A track behind so many positions and parts of the path of other tracks; `matched` has a point for each of `fixes`.
    pub(super) fn new(
        graph: &'a RoadGraph,
        fixes: &'a [GnssFix],
        matched: &'a Matched,
        first: usize,
        parts: u32,
    ) -> MatchedTrack<'a> {
        MatchedTrack { graph, fixes, matched, first, parts }
    }

    /// The source's id of a way.
    pub(super) fn way_id(&self, way: u32) -> i64 {
        self.graph.ways().get(way as usize).map_or(0, |w| w.id)
    }

    /// The roads.
    pub(super) fn graph(&self) -> &'a RoadGraph {
        self.graph
    }

    /// Number, position as read, and where it is on the road.
    pub(super) fn points(&self) -> impl Iterator<Item = (usize, &'a GnssFix, &'a MatchedPoint)> {
        let numbered = self.fixes.iter().zip(&self.matched.points).enumerate();
        let first = self.first;
        numbered.map(move |(i, (fix, at))| (first + i, fix, at))
    }

    /// The edges driven.
    pub(super) fn path(&self) -> &'a [PathEdge] {
        &self.matched.path
    }

    /// The number of an edge's unbroken part, over all tracks.
    pub(super) fn part(&self, edge: &PathEdge) -> u32 {
        self.parts + edge.part
    }

    /// Interruptions: the number of the first position after each, and why. Each track but the first begins with one.
    pub(super) fn breaks(&self) -> impl Iterator<Item = (usize, &'a str)> {
        let another = (self.first > 0).then_some((self.first, "another track"));
        let first = self.first;
        another.into_iter().chain(self.matched.breaks.iter().map(move |b| (first + b.index, b.reason.as_str())))
    }

    /// The positions as rows of a table, rounded.
    pub(super) fn rows(&self) -> impl Iterator<Item = MatchedRow> {
        let track = *self;
        self.points().map(move |(index, fix, at)| {
            let on = |value: f64| at.way.map(|_| short(value));
            let (lon, lat) = match at.way {
                Some(_) => (at.lon, at.lat),
                None => (fix.place.lon_deg, fix.place.lat_deg),
            };
            MatchedRow {
                index: index as i64,
                t_ns: fix.t.map(|t| t.ns()),
                lon,
                lat,
                way_id: at.way.map(|way| track.way_id(way)),
                offset_m: on(at.offset_m),
                distance_m: on(at.distance_m),
                probability: on(at.probability),
            }
        })
    }
}
