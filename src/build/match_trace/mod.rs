//! A trace on the road graph of a map, on its own and track by track: what `worldloom match` and `worldloom.match` are made of.
//!
//! Tracks are read, matched and written one after the other ([`match_file`] and a [`MatchWriter`]), so that memory follows the
//! longest of them and not the file.

mod decimal;
mod geojson;
mod json;
mod roads;
mod table;
mod track;
mod writer;

use std::cell::OnceCell;
use std::path::Path;
use std::sync::Arc;

use crate::coord::BBox;
use crate::error::{ErrorKind, Quarantine, Result};
use crate::fuse::matching::Matcher;
use crate::record::{GnssFix, Mode, Recording, RoadGraph};
use crate::source::registry::open_recording;
use crate::source::{CsvColumns, RecordingOptions};

pub use roads::read_roads;
pub use track::MatchedTrack;
pub use writer::{MatchFormat, MatchWriter};

/// What is left to say of a trace once its tracks are matched.
#[derive(Debug, Default)]
pub struct MatchSummary {
    /// Positions in all.
    pub fixes: usize,
    /// Those on no road.
    pub unmatched: usize,
    /// Interruptions of the path.
    pub breaks: usize,
    /// Whether the first time is a date, where there are times.
    pub dated: Option<bool>,
    /// What was refused while reading.
    pub quarantine: Quarantine,
    trace: Option<BBox>,
    roads: Option<BBox>,
}

impl MatchSummary {
    /// Whether something was left unmatched or refused.
    pub fn is_partial(&self) -> bool {
        self.breaks > 0 || self.unmatched > 0 || !self.quarantine.is_empty()
    }

    /// The boxes of the trace and of the roads, where nothing was matched and they share no place: another map is meant.
    pub fn apart(&self) -> Option<[BBox; 2]> {
        let (trace, map) = (self.trace?, self.roads?);
        (self.unmatched == self.fixes && !trace.intersects(&map)).then_some([trace, map])
    }
}

/// Matches the tracks of a trace file, or the positions of a recording folder, and gives each to `sink`.
///
/// `columns` has the names of a CSV's columns by ours, as in a `[[recording]]`. `roads` is asked once there is a track, with
/// a place for what it refuses.
///
/// # Errors
///
/// Those of the readers, of `roads` and of `sink`; where there is no position.
pub fn match_file(
    trace: &Path,
    columns: &CsvColumns,
    mode: Mode,
    roads: impl Fn(&mut Quarantine) -> Result<Arc<RoadGraph>>,
    sink: &mut dyn FnMut(&MatchedTrack<'_>) -> Result<()>,
) -> Result<MatchSummary> {
    let options = RecordingOptions { columns: columns.clone(), ..RecordingOptions::default() };
    let source = open_recording(trace, None, &options)?;
    let graph = OnceCell::new();
    let mut run = None;
    let (mut of_trace, mut of_map) = (Quarantine::new(), Quarantine::new());
    source.each(&mut of_trace, &mut |recording| {
        let fixes = positions(recording);
        if fixes.is_empty() {
            return Ok(());
        }
        let graph = match graph.get() {
            Some(graph) => graph,
            None => {
                let read = roads(&mut of_map)?;
                graph.get_or_init(|| read)
            }
        };
        run.get_or_insert_with(|| Run::new(graph, mode)).track(&fixes, sink)
    })?;
    let Some(run) = run else { return Err(ErrorKind::malformed("trace", "no position in it").in_file(trace)) };
    of_trace.merge(of_map);
    Ok(MatchSummary { quarantine: of_trace, ..run.summary })
}

/// Matches positions, in their order, and gives them to `sink`.
///
/// # Errors
///
/// Those of `sink`.
pub fn match_fixes(
    graph: &RoadGraph,
    mode: Mode,
    fixes: &[GnssFix],
    sink: &mut dyn FnMut(&MatchedTrack<'_>) -> Result<()>,
) -> Result<MatchSummary> {
    let mut run = Run::new(graph, mode);
    run.track(fixes, sink)?;
    Ok(run.summary)
}

/// Tracks that are matched one after the other.
struct Run<'a> {
    graph: &'a RoadGraph,
    matcher: Matcher<'a>,
    summary: MatchSummary,
    /// Unbroken parts of the path so far.
    parts: u32,
}

impl<'a> Run<'a> {
    fn new(graph: &'a RoadGraph, mode: Mode) -> Run<'a> {
        let summary = MatchSummary { roads: graph.extent(), ..MatchSummary::default() };
        Run { graph, matcher: Matcher::new(graph, mode), summary, parts: 0 }
    }

    fn track(&mut self, fixes: &[GnssFix], sink: &mut dyn FnMut(&MatchedTrack<'_>) -> Result<()>) -> Result<()> {
        let matched = self.matcher.run(fixes);
        let track = MatchedTrack::new(self.graph, fixes, &matched, self.summary.fixes, self.parts);
        let summary = &mut self.summary;
        summary.breaks += track.breaks().count();
        summary.unmatched += matched.points.iter().filter(|point| point.way.is_none()).count();
        summary.fixes += fixes.len();
        summary.dated = summary.dated.or_else(|| fixes.iter().find_map(|fix| fix.t).map(|t| t.is_date()));
        let places = fixes.iter().map(|fix| (fix.place.lon_deg, fix.place.lat_deg));
        summary.trace = BBox::around(summary.trace, BBox::of_points(places));
        self.parts = matched.path.last().map_or(self.parts, |edge| self.parts + edge.part + 1);
        sink(&track)
    }
}

/// The positions of a recording: GNSS fixes, else given poses, else geotags of pictures in their order.
fn positions(recording: Recording) -> Vec<GnssFix> {
    if !recording.gnss.is_empty() {
        return recording.gnss;
    }
    if !recording.poses.is_empty() {
        return recording.poses.iter().enumerate().map(|(i, p)| GnssFix::at(p.t, p.place, i as u64)).collect();
    }
    let tagged = recording.frames.iter().enumerate();
    tagged.filter_map(|(i, f)| Some(GnssFix::at(f.t, f.geotag?.place, i as u64))).collect()
}

#[cfg(test)]
mod tests;
