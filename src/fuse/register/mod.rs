//! Georegistration: a drive is laid onto the roads that it was matched to.

mod across;
mod chain;
mod drive;
mod fit;
mod similarity;

use std::collections::BTreeMap;

use nalgebra::Vector3;

use super::inertial::median;
use super::matching::Matched;
use super::{PoseOrigin, Track};
use crate::coord::{EnuFrame, Geodetic, Pose};
use crate::record::{Mode, RoadGraph};

pub use fit::{OnLine, Registration, Stretch, register, stretch_at};
use fit::{STRETCH_M, SURELY};
pub use similarity::Similarity;

/// Where a drive is this many times less sure of its place than it mostly is, the road that it was matched to is a guess.
const LOST: f64 = 3.0;
/// A match less likely than this says nothing of where a drive lies.
const LEAST_PROBABILITY: f64 = 0.8;
/// Points of a drive that are used lie this far apart, metres.
const STEP_M: f64 = 5.0;
/// Where on a two-way road an ego is expected, metres right of its middle, and one sigma beside the lane that it keeps.
const TWO_WAY_M: (f64, f64) = (2.5, 1.0);
/// The same of a road of one direction.
const ONE_WAY_M: (f64, f64) = (0.0, 1.3);
/// The same of who walks or cycles, or may: on either side, or on a way of their own.
const EITHER_SIDE_M: (f64, f64) = (0.0, 3.0);
/// Who is never faster than this for a tenth of the rows, m/s, may be on foot, whatever the mode says.
const DRIVES_MPS: f64 = 4.0;
/// One sigma of a road as it is drawn, metres.
const MAP_M: f64 = 1.0;
/// The least sigma of where a drive lies, and that of one that says none, metres.
const LEAST_M: f64 = 0.3;
const UNKNOWN_M: f64 = 15.0;
/// The same of one whose scale is what is wrong with it: the rest of its shape is taken to be right.
const UNKNOWN_BUT_FOR_SCALE_M: f64 = 3.0;

/// Corrects a matched track by the motion that lays it onto its roads, stretch by stretch, where that is more than chance,
/// and says how well the two agree.
///
/// Given poses are not moved: the map is seldom better than they are. An estimated track is moved where the correction
/// exceeds what its sigmas, the lanes of the roads and their drawing explain; its sigmas are then those of the correction.
///
/// With `scale`, that of the trajectory is taken to be unknown. Where the roads tell it for sure, the track is made larger and
/// turned about its middle, given poses too: speeds and path lengths grow with it, headings turn, heights stay.
///
/// [`Track::register`] has the correction as one motion (none: zeros) and the residual after it, and
/// [`Track::stretches`] what each stretch was moved by; the first stays `None` where too little lies on roads or the roads
/// do not fit.
///
/// `matched` has a point for each row. Which side of the road is driven on is taken from the drive: the right, unless the
/// left is more likely by far.
pub fn register_track(track: &mut Track, graph: &RoadGraph, mode: Mode, matched: &Matched, scale: bool) {
    let unknown_m = if scale { UNKNOWN_BUT_FOR_SCALE_M } else { UNKNOWN_M };
    let (points, lines) = on_lines(track, graph, mode, matched, unknown_m);
    let mirrored: Vec<OnLine> = points.iter().map(|p| OnLine { right_m: (-p.right_m.0, p.right_m.1), ..*p }).collect();
    let found = match (register(&points, &lines, scale), register(&mirrored, &lines, scale)) {
        (Some(right), Some(left)) if left.cost + SURELY < right.cost => left,
        (Some(right), _) => right,
        (None, _) => return,
    };
    let may_move = found.similarity.is_some() || track.rows.iter().all(|r| r.origin == PoseOrigin::Estimated);
    if found.accepted && may_move {
        apply(track, &found);
        track.register = Some(found.register);
        track.stretches = found.stretches;
        if let Some(similarity) = &found.similarity {
            lengthen(track, similarity.scale());
        }
    } else {
        track.register = found.as_it_is;
    }
}

/// Moves every row by the similarity, where there is one, and by what lies between the middles of its stretches beside that;
/// before the first and after the last by theirs. What changes from one stretch to the next leaves headings, speeds and path
/// lengths as they are: it is decimetres.
fn apply(track: &mut Track, found: &Registration) {
    let stretches = &found.stretches;
    if let Some(similarity) = &found.similarity {
        let turn = Pose::level(Vector3::zeros(), 90.0 - similarity.yaw_rad().to_degrees()).rotation;
        for row in &mut track.rows {
            let shift = similarity.shift(row.pose.translation.xy());
            row.pose.translation += Vector3::new(shift.x, shift.y, 0.0);
            row.pose.rotation = turn * row.pose.rotation;
            row.speed_mps *= similarity.scale();
            row.acceleration_mps2 *= similarity.scale();
        }
    }
    for row in &mut track.rows {
        let after = stretches.partition_point(|stretch| stretch.s_m <= row.s_m);
        let (a, b) = (after.saturating_sub(1), after.min(stretches.len() - 1));
        let length_m = stretches[b].s_m - stretches[a].s_m;
        let share = if length_m > 0.0 { ((row.s_m - stretches[a].s_m) / length_m).clamp(0.0, 1.0) } else { 0.0 };
        let between = |a: f64, b: f64| a + share * (b - a);
        row.pose.translation.x += between(found.beside[a].x, found.beside[b].x);
        row.pose.translation.y += between(found.beside[a].y, found.beside[b].y);
        row.sigma_xy_m = match row.sigma_xy_m.is_finite() {
            true => row.sigma_xy_m * between(found.left[a], found.left[b]),
            false => between(stretches[a].sigma_m, stretches[b].sigma_m),
        };
    }
}

/// Makes the path lengths of a track so many times larger.
fn lengthen(track: &mut Track, scale: f64) {
    let all =
        track.rows.iter_mut().map(|row| &mut row.s_m).chain(track.stretches.iter_mut().map(|stretch| &mut stretch.s_m));
    all.chain(&mut track.input_s_m).chain(track.frame_s_m.values_mut()).for_each(|s_m| *s_m *= scale);
}

/// The rows that lie on a road for sure, with the roads as lines in the track's frame; and between them some that do not, so
/// that what is known there fades. Where no sigma is said, it is `unknown_m`, metres.
fn on_lines(
    track: &Track,
    graph: &RoadGraph,
    mode: Mode,
    matched: &Matched,
    unknown_m: f64,
) -> (Vec<OnLine>, Vec<Vec<[f64; 2]>>) {
    let (mut points, mut lines, mut index_of) = (Vec::new(), Vec::new(), BTreeMap::new());
    let mut last_m = f64::NEG_INFINITY;
    let drives = mode == Mode::Car && drives(track);
    let said = track.rows.iter().map(|row| row.sigma_xy_m).filter(|sigma| sigma.is_finite());
    let lost_m = LOST * median(said.collect()).unwrap_or(f64::INFINITY);
    for (row, point) in track.rows.iter().zip(&matched.points) {
        let lost = row.sigma_xy_m > lost_m;
        let edge = point.edge.filter(|_| point.probability >= LEAST_PROBABILITY && !lost);
        if row.s_m - last_m < if edge.is_some() { STEP_M } else { STRETCH_M } {
            continue;
        }
        last_m = row.s_m;
        let line = edge.map(|edge| {
            *index_of.entry(edge).or_insert_with(|| {
                lines.push(line_of(&track.frame, graph, edge));
                lines.len() - 1
            })
        });
        // An edge is drawn the way that it is driven.
        let right_m = match edge {
            _ if !drives => EITHER_SIDE_M,
            Some(edge) if graph.back(edge, mode).is_some() => TWO_WAY_M,
            _ => ONE_WAY_M,
        };
        points.push(OnLine {
            s_m: row.s_m,
            at: [row.pose.translation.x, row.pose.translation.y],
            trajectory_m: if row.sigma_xy_m.is_finite() { row.sigma_xy_m.max(LEAST_M) } else { unknown_m },
            line,
            right_m,
            line_m: MAP_M,
        });
    }
    (points, lines)
}

/// Whether it is as fast as walkers and cyclists are not; pictures without times say nothing of it.
fn drives(track: &Track) -> bool {
    let known = track.rows.iter().filter(|row| row.speed_mps.is_finite()).count();
    let fast = track.rows.iter().filter(|row| row.speed_mps > DRIVES_MPS).count();
    fast * 10 > known
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

#[cfg(test)]
mod tests;
