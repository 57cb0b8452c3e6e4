//! Matching a fused trajectory.

use crate::record::{GnssFix, Mode, RoadGraph};
use crate::time::Timestamp;

use super::{Matched, Matcher};
use crate::fuse::{FusedPose, Track};

/// Fills the ways, offsets and probabilities of a track's rows; those off the road stay without. Returns the match, with a
/// point for each row.
///
/// Ways are named as features of the layer `road` are: `way/12`.
pub fn match_track(track: &mut Track, graph: &RoadGraph, mode: Mode) -> Matched {
    let fixes: Vec<GnssFix> = track.rows.iter().enumerate().map(|(i, row)| fix(track, i, row)).collect();
    let matched = Matcher::new(graph, mode).run(&fixes);
    let mut index_of = std::collections::BTreeMap::new();
    track.ways.clear();
    for (row, point) in track.rows.iter_mut().zip(&matched.points) {
        row.way = point.way.map(|way| {
            *index_of.entry(way).or_insert_with(|| {
                track.ways.push(graph.feature_id(way));
                track.ways.len() as u32 - 1
            })
        });
        row.way_offset_m = point.offset_m;
        row.match_probability = point.probability;
    }
    matched
}

/// A row as a position that knows where it is going.
fn fix(track: &Track, i: usize, row: &FusedPose) -> GnssFix {
    let known = |v: f64| Some(v).filter(|v| v.is_finite());
    GnssFix {
        t: row.t_ns.filter(|_| track.timed).map(Timestamp::from_ns),
        place: track.place(&row.pose),
        speed_mps: known(row.speed_mps),
        course_deg: known(row.speed_mps).map(|_| track.heading_deg(&row.pose)),
        sigma_xy_m: known(row.sigma_xy_m),
        sigma_z_m: known(row.sigma_z_m),
        record: i as u64,
    }
}
