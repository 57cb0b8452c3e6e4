//! [`Routes`]: the command of a route, told from the map: what to do at the next junction.

use std::collections::BTreeMap;

use geo::{Geometry, LineString};
use nalgebra::Vector2;

use crate::coord::{EnuFrame, Geodetic};
use crate::dataset::Dataset;
use crate::error::Result;
use crate::fuse::{FusedPose, Track};
use crate::record::MapLayer;
use crate::sample::SampleRow;

/// How far ahead of the anchor a junction counts, metres along the route.
const AHEAD_M: f64 = 60.0;
/// Less than this at a junction is straight on, degrees.
const STRAIGHT_DEG: f64 = 30.0;
/// How much of a road before and after a junction tells its direction there, metres.
const REACH_M: f64 = 10.0;
/// Ends of roads this near meet, metres.
const MEET_M: f64 = 0.5;
/// A matched way less probable than this is no route.
const LEAST_PROBABILITY: f64 = 0.5;

/// What to do at the next junction of a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Turn left.
    Left,
    /// Turn right.
    Right,
    /// Go straight on, or follow the road where there is no junction.
    Straight,
    /// The drive is not matched to the map there.
    Unknown,
}

impl Command {
    /// `left`, `right`, `straight`, `unknown`.
    pub fn name(self) -> &'static str {
        match self {
            Command::Left => "left",
            Command::Right => "right",
            Command::Straight => "straight",
            Command::Unknown => "unknown",
        }
    }
}

/// Roads of a map by their ids, and where they meet.
pub struct Routes<'a> {
    roads: BTreeMap<&'a str, &'a LineString<f64>>,
    /// How many roads have a point there, by its place in steps of about a centimetre.
    meetings: BTreeMap<[i64; 2], Vec<&'a str>>,
}

impl<'a> Routes<'a> {
    /// The roads of a data set's map.
    ///
    /// # Errors
    ///
    /// As [`Dataset::map_features`].
    pub fn new(dataset: &'a Dataset) -> Result<Routes<'a>> {
        let lines = dataset.map_features()?.iter().filter(|f| f.layer == MapLayer::Road);
        let lines = lines.filter_map(|f| match &f.geometry {
            Geometry::LineString(line) => Some((f.id.as_str(), line)),
            _ => None,
        });
        Ok(Routes::of(lines))
    }

    fn of(lines: impl IntoIterator<Item = (&'a str, &'a LineString<f64>)>) -> Routes<'a> {
        let roads: BTreeMap<&str, &LineString<f64>> = lines.into_iter().collect();
        let mut meetings: BTreeMap<[i64; 2], Vec<&str>> = BTreeMap::new();
        for (id, line) in &roads {
            for point in &line.0 {
                let ids = meetings.entry(steps(point.x, point.y)).or_default();
                if ids.last() != Some(id) {
                    ids.push(id);
                }
            }
        }
        Routes { roads, meetings }
    }

    /// What the route does at the first junction ahead of a sample's anchor where it does not go straight on: by the roads
    /// that the drive was matched to, and their directions in the map, never by the drive's own path.
    ///
    /// # Errors
    ///
    /// As [`Dataset::track`].
    pub fn command(&self, dataset: &Dataset, sample: &SampleRow) -> Result<Command> {
        let track = dataset.track(&sample.recording_id)?;
        let first = track.rows.partition_point(|r| r.s_m < sample.s0_m);
        let rows = track.rows[first..].iter().take_while(|r| r.s_m <= sample.s0_m + AHEAD_M);
        // Roads are told from the side that the drive comes from, so some of the way behind counts too.
        let behind = track.rows[..first].iter().rev().take_while(|r| r.s_m >= sample.s0_m - 2.0 * REACH_M).count();
        let rows: Vec<&FusedPose> = track.rows[first - behind..first].iter().chain(rows).collect();
        Ok(self.of_rows(&track, &rows, behind))
    }

    fn of_rows(&self, track: &Track, rows: &[&FusedPose], anchor: usize) -> Command {
        let way = |row: &FusedPose| {
            let sure = row.match_probability >= LEAST_PROBABILITY;
            row.way.filter(|_| sure).and_then(|i| track.ways.get(i as usize)).map(String::as_str)
        };
        if rows.get(anchor).is_none_or(|row| way(row).is_none()) {
            return Command::Unknown;
        }
        let mut runs: Vec<Run<'_>> = Vec::new();
        for (i, row) in rows.iter().enumerate() {
            let Some(id) = way(row) else {
                // Behind an unmatched stretch nobody knows what comes.
                if i < anchor {
                    runs.clear();
                    continue;
                }
                break;
            };
            match runs.last_mut() {
                Some(run) if run.way == id => (run.last_m, run.end) = (row.way_offset_m, i),
                _ => runs.push(Run { way: id, first_m: row.way_offset_m, last_m: row.way_offset_m, end: i }),
            }
        }
        let turns =
            runs.windows(2).filter(|pair| pair[0].end >= anchor).filter_map(|pair| self.turn(&pair[0], &pair[1]));
        match turns.into_iter().find(|turn| turn.abs() > STRAIGHT_DEG) {
            Some(turn) if turn > 0.0 => Command::Left,
            Some(_) => Command::Right,
            None => Command::Straight,
        }
    }

    /// The turn from one road into the next, degrees to the left; `None` where they do not meet, or meet nothing else.
    fn turn(&self, from: &Run<'_>, to: &Run<'_>) -> Option<f64> {
        let (a, b) = (self.roads.get(from.way)?, self.roads.get(to.way)?);
        let frame = EnuFrame::new(Geodetic::new(a.0.first()?.x, a.0.first()?.y, 0.0));
        let flat = |line: &LineString<f64>| -> Vec<Vector2<f64>> {
            line.0.iter().map(|c| frame.to_enu(Geodetic::new(c.x, c.y, 0.0)).xy()).collect()
        };
        let (flat_a, flat_b) = (Chain::new(flat(a)), Chain::new(flat(b)));
        // Of the points that both have, the one nearest to where the drive leaves the first road.
        let mut best: Option<(f64, usize, usize)> = None;
        for (i, p) in flat_a.points.iter().enumerate() {
            for (j, _) in flat_b.points.iter().enumerate().filter(|(_, q)| (p - **q).norm() < MEET_M) {
                let far = (flat_a.along[i] - from.last_m).abs();
                if best.is_none_or(|(least, ..)| far < least) {
                    best = Some((far, i, j));
                }
            }
        }
        let (_, i, j) = best?;
        let others = self.meetings.get(&steps(a.0[i].x, a.0[i].y)).is_some_and(|ids| ids.len() > 2);
        let goes_on = |n: usize, chain: &Chain| n > 0 && n + 1 < chain.points.len();
        if !others && !goes_on(i, &flat_a) && !goes_on(j, &flat_b) {
            // One road that has two names.
            return None;
        }
        let (at_a, at_b) = (flat_a.along[i], flat_b.along[j]);
        let side = |offset: f64, other: f64, at: f64| if (offset - at).abs() > 0.1 { offset - at } else { other - at };
        let before = flat_a.at(at_a + side(from.first_m, from.last_m, at_a).clamp(-REACH_M, REACH_M));
        let after = flat_b.at(at_b + side(to.last_m, to.first_m, at_b).clamp(-REACH_M, REACH_M));
        let (into, out) = (flat_a.points[i] - before, after - flat_b.points[j]);
        (into.norm() > 0.1 && out.norm() > 0.1).then(|| libm::atan2(into.perp(&out), into.dot(&out)).to_degrees())
    }
}

/// A stretch of a route on one road.
struct Run<'a> {
    way: &'a str,
    /// Offsets along the road's geometry where the stretch begins and ends, metres.
    first_m: f64,
    last_m: f64,
    /// Its last row.
    end: usize,
}

/// A road in metres.
struct Chain {
    points: Vec<Vector2<f64>>,
    along: Vec<f64>,
}

impl Chain {
    fn new(points: Vec<Vector2<f64>>) -> Chain {
        let mut along = vec![0.0; points.len()];
        for i in 1..points.len() {
            along[i] = along[i - 1] + (points[i] - points[i - 1]).norm();
        }
        Chain { points, along }
    }

    /// The point so far along; the ends beyond them.
    fn at(&self, along_m: f64) -> Vector2<f64> {
        let i = self.along.partition_point(|a| *a <= along_m).clamp(1, self.points.len() - 1);
        let span = self.along[i] - self.along[i - 1];
        let share = if span > 0.0 { ((along_m - self.along[i - 1]) / span).clamp(0.0, 1.0) } else { 0.0 };
        self.points[i - 1] + (self.points[i] - self.points[i - 1]) * share
    }
}

fn steps(lon: f64, lat: f64) -> [i64; 2] {
    [lon, lat].map(|v| (v * 1e7).round() as i64)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::coord::Pose;
    use crate::fuse::PoseOrigin;
    use crate::record::HeightDatum;

    /// A street to the east, cut at a junction; another to the north and south; a bend without a junction.
    fn roads() -> Vec<(&'static str, LineString<f64>)> {
        let m = 1.0 / 111_000.0;
        let line = |points: &[(f64, f64)]| points.iter().map(|(e, n)| (e * m, n * m)).collect::<LineString<f64>>();
        vec![
            ("way/west", line(&[(-100.0, 0.0), (0.0, 0.0)])),
            // Drawn against the direction of the drive.
            ("way/east", line(&[(80.0, 0.0), (0.0, 0.0)])),
            ("way/north", line(&[(0.0, 100.0), (0.0, 0.0)])),
            ("way/south", line(&[(0.0, 0.0), (0.0, -100.0)])),
            ("way/bend", line(&[(80.0, 0.0), (80.0, 60.0)])),
        ]
    }

    fn command(runs: &[(&str, f64, f64)]) -> Command {
        let roads = roads();
        let routes = Routes::of(roads.iter().map(|(id, line)| (*id, line)));
        let ways: Vec<String> = roads.iter().map(|(id, _)| id.to_string()).collect();
        let row = |id: &str, offset: f64| FusedPose {
            t_ns: None,
            s_m: 0.0,
            pose: Pose::identity(),
            speed_mps: f64::NAN,
            acceleration_mps2: f64::NAN,
            yaw_rate_radps: f64::NAN,
            sigma_xy_m: f64::NAN,
            sigma_z_m: f64::NAN,
            sigma_heading_deg: f64::NAN,
            origin: PoseOrigin::Source,
            way: ways.iter().position(|w| w == id).map(|i| i as u32),
            way_offset_m: offset,
            match_probability: 1.0,
        };
        let rows: Vec<FusedPose> = runs.iter().flat_map(|(id, a, b)| [row(id, *a), row(id, *b)]).collect();
        let track = Track {
            frame: EnuFrame::new(Geodetic::new(0.0, 0.0, 0.0)),
            height_datum: HeightDatum::None,
            timed: false,
            rows: Vec::new(),
            ways,
            clock: Vec::new(),
            register: None,
            stretches: Vec::new(),
            input_t_ns: Vec::new(),
            input_s_m: Vec::new(),
            frame_s_m: BTreeMap::new(),
        };
        routes.of_rows(&track, &rows.iter().collect::<Vec<_>>(), 0)
    }

    #[test]
    fn the_map_tells_left_from_right_whichever_way_roads_are_drawn() {
        assert_eq!(command(&[("way/west", 70.0, 98.0), ("way/north", 97.0, 70.0)]), Command::Left);
        assert_eq!(command(&[("way/west", 70.0, 98.0), ("way/south", 3.0, 30.0)]), Command::Right);
        assert_eq!(command(&[("way/west", 70.0, 98.0), ("way/east", 77.0, 50.0)]), Command::Straight);
        // Back the other way.
        assert_eq!(command(&[("way/east", 50.0, 78.0), ("way/north", 97.0, 70.0)]), Command::Right);
        assert_eq!(command(&[("way/north", 70.0, 98.0), ("way/east", 77.0, 50.0)]), Command::Left);
    }

    #[test]
    fn a_bend_without_a_junction_is_followed_and_no_match_is_unknown() {
        assert_eq!(command(&[("way/east", 50.0, 2.0), ("way/bend", 3.0, 40.0)]), Command::Straight);
        assert_eq!(command(&[("way/west", 10.0, 40.0)]), Command::Straight);
        assert_eq!(command(&[("way/nowhere", 10.0, 40.0)]), Command::Unknown);
    }
}
