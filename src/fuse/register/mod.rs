//! Georegistration: a drive is laid onto the roads that it was matched to.

mod fit;

use std::collections::BTreeMap;

use super::matching::Matched;
use super::{PoseOrigin, Register, Track};
use crate::coord::{EnuFrame, Geodetic, Pose};
use crate::record::{Mode, RoadGraph};

pub use fit::{OnLine, RegisterPrior, Registration, register};

/// A match less likely than this says nothing of where a drive lies.
const LEAST_PROBABILITY: f64 = 0.8;
/// Points of a drive that are used lie this far apart, metres.
const STEP_M: f64 = 5.0;
/// Where on a two-way road an ego is expected, metres right of its middle, and one sigma of it: somewhere on its half.
const TWO_WAY_M: (f64, f64) = (2.5, 1.8);
/// The same of a road of one direction.
const ONE_WAY_M: (f64, f64) = (0.0, 2.0);
/// One sigma of a road as it is drawn, metres.
const MAP_M: f64 = 1.0;
/// What estimated trajectories are off by, turned: degrees.
const YAW_DEG: f64 = 0.1;
/// Bounds of one sigma of where a whole drive lies, metres.
const SHIFT_M: (f64, f64) = (0.3, 15.0);
/// The cost of driving on the left is this share of the right's where a country drives on the left.
const CLEARLY: f64 = 0.7;

/// Corrects a matched track by the rigid motion that lays it onto its roads, where that is more than chance, and says how
/// well the two agree.
///
/// Given poses are not moved: the map is seldom better than they are. An estimated track is moved where the correction
/// exceeds what its sigmas, the lanes of the roads and their drawing explain. [`Track::register`] has the correction (none:
/// zeros) and the residual after it; it stays `None` where too little lies on roads or the roads do not fit.
///
/// `matched` has a point for each row. Which side of the road is driven on is taken from the drive: the right, unless the
/// left fits clearly better.
pub fn register_track(track: &mut Track, graph: &RoadGraph, mode: Mode, matched: &Matched) {
    let mut sigmas: Vec<f64> = track.rows.iter().map(|r| r.sigma_xy_m).filter(|s| s.is_finite()).collect();
    sigmas.sort_by(f64::total_cmp);
    let sigma_m = sigmas.get(sigmas.len() / 2).copied().unwrap_or(SHIFT_M.0).clamp(SHIFT_M.0, SHIFT_M.1);
    let (points, lines) = on_lines(track, graph, mode, matched);
    let mirrored: Vec<OnLine> = points.iter().map(|p| OnLine { right_m: (-p.right_m.0, p.right_m.1), ..*p }).collect();
    let prior = RegisterPrior { shift_m: sigma_m, yaw_deg: YAW_DEG };
    let (right, left) = (register(&points, &lines, prior), register(&mirrored, &lines, prior));
    let found = match (right, left) {
        (Some(right), Some(left)) if left.cost < CLEARLY * right.cost => left,
        (Some(right), _) => right,
        (None, _) => return,
    };
    let may_move = track.rows.iter().all(|r| r.origin == PoseOrigin::Estimated);
    if found.accepted && may_move {
        apply(track, &found.register);
        track.register = Some(found.register);
    } else {
        track.register = found.as_it_is;
    }
}

/// Moves every row.
fn apply(track: &mut Track, by: &Register) {
    let turn = Pose::level(nalgebra::Vector3::new(by.dx_m, by.dy_m, 0.0), 90.0 - by.dyaw_deg);
    for row in &mut track.rows {
        row.pose = turn * row.pose;
    }
}

/// The rows that lie on a road for sure, with the roads as lines in the track's frame.
fn on_lines(track: &Track, graph: &RoadGraph, mode: Mode, matched: &Matched) -> (Vec<OnLine>, Vec<Vec<[f64; 2]>>) {
    let (mut points, mut lines, mut index_of) = (Vec::new(), Vec::new(), BTreeMap::new());
    let mut last_m = f64::NEG_INFINITY;
    for (row, point) in track.rows.iter().zip(&matched.points) {
        let sure = point.probability >= LEAST_PROBABILITY && row.s_m - last_m >= STEP_M;
        let Some(edge) = point.edge.filter(|_| sure) else { continue };
        last_m = row.s_m;
        let line = *index_of.entry(edge).or_insert_with(|| {
            lines.push(line_of(&track.frame, graph, edge));
            lines.len() - 1
        });
        let two_way = graph.back(edge, mode).is_some();
        points.push(OnLine {
            at: [row.pose.translation.x, row.pose.translation.y],
            line,
            // An edge is drawn the way that it is driven.
            forward: true,
            right_m: if two_way { TWO_WAY_M } else { ONE_WAY_M },
            sigma_m: MAP_M,
        });
    }
    (points, lines)
}

fn line_of(frame: &EnuFrame, graph: &RoadGraph, edge: u32) -> Vec<[f64; 2]> {
    let height_m = frame.origin().height_m;
    let mut line = Vec::new();
    graph.line(edge, 0.0, graph.length_m(edge), |lon, lat, _| {
        let at = frame.to_enu(Geodetic::new(lon, lat, height_m));
        line.push([at.x, at.y]);
    });
    line
}
