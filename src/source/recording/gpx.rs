//! GPX 1.0 and 1.1: track points with time, height, speed, course and dilution of precision.
//!
//! Source: Topografix, GPX 1.0 and 1.1 schemas; Garmin TrackPointExtension v2 (`speed`, `course`). Names are told
//! without their namespace prefix, since writers mix them up. Speeds are m/s, courses degrees from true north.

use std::io::BufRead;
use std::path::{Path, PathBuf};

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use crate::error::{ErrorKind, Location, Quarantine};
use crate::record::{GnssFix, HeightDatum};
use crate::source::CsvColumns;
use crate::time::Timestamp;

use super::civil;
use super::table::TimeRule;
use super::trace::{SIGMA_PER_HDOP_M, Trace, place};

/// What a point of a track can say.
#[derive(Debug, Default)]
struct Point {
    lon: Option<f64>,
    lat: Option<f64>,
    ele: Option<f64>,
    time: Option<Timestamp>,
    speed: Option<f64>,
    course: Option<f64>,
    hdop: Option<f64>,
    vdop: Option<f64>,
    wrong: Option<&'static str>,
}

/// A leaf of a point that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Leaf {
    Ele,
    Time,
    Speed,
    Course,
    Hdop,
    Vdop,
}

impl Leaf {
    fn named(local_name: &str) -> Option<Leaf> {
        Some(match local_name {
            "ele" => Leaf::Ele,
            "time" => Leaf::Time,
            "speed" => Leaf::Speed,
            "course" => Leaf::Course,
            "hdop" => Leaf::Hdop,
            "vdop" => Leaf::Vdop,
            _ => return None,
        })
    }
}

/// The tracks of a GPX, one after the other.
pub(super) struct Tracks<B> {
    xml: Reader<B>,
    parser: Parser,
    path: PathBuf,
    over: bool,
}

impl<B: BufRead> Tracks<B> {
    /// The tracks of a GPX at `path`; `mapping` may hide `height_m` (by mapping it to an empty name) for loggers whose `ele`
    /// is no height.
    ///
    /// # Errors
    ///
    /// A key of `mapping` other than `height_m`.
    pub(super) fn open(source: B, path: &Path, mapping: &CsvColumns, rule: TimeRule) -> Result<Tracks<B>, ErrorKind> {
        if let Some((name, to)) = mapping.iter().find(|(name, to)| *name != "height_m" || !to.is_empty()) {
            let reason =
                format!("`columns` of a GPX can only hide its heights (`height_m = \"\"`), not map {name} to `{to}`");
            return Err(ErrorKind::Config(reason));
        }
        let parser = Parser { rule, heights: !mapping.contains_key("height_m"), ..Parser::default() };
        let mut xml = Reader::from_reader(source);
        xml.config_mut().check_end_names = false;
        Ok(Tracks { xml, parser, path: path.to_path_buf(), over: false })
    }

    /// The next track, empty or not; `None` after the last.
    ///
    /// Broken XML ends the reading: what came before stays, and the break goes to `quarantine`.
    ///
    /// # Errors
    ///
    /// Broken XML before the first point.
    pub(super) fn next(&mut self, quarantine: &mut Quarantine) -> Result<Option<Trace>, ErrorKind> {
        let (parser, path, xml) = (&mut self.parser, &self.path, &mut self.xml);
        let mut buffer = Vec::new();
        while !self.over {
            buffer.clear();
            match xml.read_event_into(&mut buffer) {
                Ok(Event::Start(element)) => parser.start(&element),
                Ok(Event::Empty(element)) => {
                    parser.start(&element);
                    parser.end(element.local_name().as_ref(), path, quarantine);
                }
                Ok(Event::Text(text)) if parser.leaf.is_some() => parser.text.push_str(&text),
                Ok(Event::CData(text)) if parser.leaf.is_some() => parser.text.push_str(&text),
                Ok(Event::End(element)) => parser.end(element.local_name().as_ref(), path, quarantine),
                Ok(Event::Eof) => {
                    self.over = true;
                    if parser.depth_gpx > 0 {
                        parser.broken(path, "the file is cut short", xml.buffer_position(), quarantine)?;
                    }
                }
                Ok(_) => {}
                Err(error) => {
                    self.over = true;
                    parser.broken(path, &error.to_string(), xml.error_position(), quarantine)?;
                }
            }
            if parser.track.is_some() {
                return Ok(parser.track.take());
            }
        }
        // A cut file leaves its last track open.
        if !parser.segments.is_empty() {
            parser.end_track();
        }
        Ok(parser.track.take())
    }

    /// What is worth saying without being refused, once all is read: waypoints and routes are counted.
    pub(super) fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        for (count, what) in [(self.parser.waypoints, "waypoints"), (self.parser.routes, "routes")] {
            if count > 0 {
                notes.push(format!("{count} {what} are not read"));
            }
        }
        if self.parser.no_zone {
            notes.push("times have no zone: they are taken for UTC unless `timezone` says otherwise".to_string());
        }
        notes
    }
}

#[derive(Default)]
struct Parser {
    rule: TimeRule,
    heights: bool,
    /// The track that was read to its end.
    track: Option<Trace>,
    /// The segments of the track that is being read.
    segments: Vec<Trace>,
    point: Option<Point>,
    leaf: Option<Leaf>,
    text: String,
    record: u64,
    waypoints: u64,
    routes: u64,
    no_zone: bool,
    any_height: bool,
    depth_gpx: u32,
}

impl Parser {
    fn start(&mut self, element: &BytesStart) {
        let name = element.local_name();
        let name: &str = name.as_ref();
        if self.point.is_some() {
            self.leaf = Leaf::named(name);
            self.text.clear();
            return;
        }
        match name {
            "gpx" => self.depth_gpx += 1,
            "trkseg" => self.segments.push(Trace::default()),
            "wpt" => self.waypoints += 1,
            "rte" => self.routes += 1,
            "trkpt" => {
                let mut point = Point::default();
                for attribute in element.attributes().with_checks(false).flatten() {
                    let key: &str = attribute.key.as_ref();
                    match key {
                        "lon" => point.lon = attribute.value.trim().parse().ok(),
                        "lat" => point.lat = attribute.value.trim().parse().ok(),
                        _ => {}
                    }
                }
                self.point = Some(point);
            }
            _ => {}
        }
    }

    fn end(&mut self, name: &str, path: &Path, quarantine: &mut Quarantine) {
        match name {
            "trkpt" => {
                if let Some(point) = self.point.take() {
                    self.add(&point, path, quarantine);
                }
                self.leaf = None;
            }
            "trk" => self.end_track(),
            "gpx" => self.depth_gpx = self.depth_gpx.saturating_sub(1),
            _ => {
                if let Some(leaf) = self.leaf.take() {
                    self.set(leaf);
                }
            }
        }
    }

    fn set(&mut self, leaf: Leaf) {
        let Some(point) = &mut self.point else { return };
        let text = self.text.trim();
        if text.is_empty() {
            return;
        }
        if leaf == Leaf::Time {
            let civil = civil::parse(text.as_bytes());
            self.no_zone |= civil.is_some_and(|c| c.offset_s.is_none());
            match civil.and_then(|c| c.instant(self.rule.zone_s)) {
                Some(t) => point.time = Some(t),
                None => point.wrong = Some("its time is not a time"),
            }
            return;
        }
        let number: Option<f64> = text.parse().ok();
        match (leaf, number) {
            (Leaf::Ele, _) if !self.heights => {}
            // The rest decorates a position that is good without it.
            (Leaf::Ele, Some(v)) => point.ele = Some(v),
            (Leaf::Ele, None) => point.wrong = Some("its height is not a number"),
            (Leaf::Speed, Some(v)) if v.is_finite() && v >= 0.0 => point.speed = Some(v),
            (Leaf::Course, Some(v)) if (0.0..=360.0).contains(&v) => point.course = Some(v),
            (Leaf::Hdop, Some(v)) if v.is_finite() && v > 0.0 => point.hdop = Some(v),
            (Leaf::Vdop, Some(v)) if v.is_finite() && v > 0.0 => point.vdop = Some(v),
            _ => {}
        }
    }

    fn add(&mut self, point: &Point, path: &Path, quarantine: &mut Quarantine) {
        let record = self.record;
        self.record += 1;
        let found = match (point.wrong, point.lon, point.lat) {
            (Some(reason), ..) => Err(reason),
            (None, Some(lon), Some(lat)) => place(lon, lat, point.ele.unwrap_or(0.0)),
            _ => Err("its `lon` or `lat` is missing or not a number"),
        };
        match found {
            Ok(place) => {
                self.any_height |= point.ele.is_some();
                if self.segments.is_empty() {
                    self.segments.push(Trace::default());
                }
                let fix = GnssFix {
                    t: point.time,
                    place,
                    speed_mps: point.speed,
                    course_deg: point.course,
                    sigma_xy_m: point.hdop.map(|dop| dop * SIGMA_PER_HDOP_M),
                    sigma_z_m: point.vdop.map(|dop| dop * SIGMA_PER_HDOP_M),
                    record,
                };
                if let Some(segment) = self.segments.last_mut() {
                    segment.push(fix, 0);
                }
            }
            Err(reason) => quarantine.refuse(&Location::record(path, record), reason),
        }
    }

    /// Joins a track's segments; some loggers write the newest first.
    fn end_track(&mut self) {
        self.segments.retain(|segment| !segment.fixes.is_empty());
        self.segments.sort_by_key(|segment| segment.fixes[0].t);
        // `ele` is above mean sea level by the schema.
        let height_datum = if self.any_height { HeightDatum::Orthometric } else { HeightDatum::None };
        self.any_height = false;
        let mut track = Trace { height_datum, ..Trace::default() };
        for segment in self.segments.drain(..) {
            track.fixes.extend(segment.fixes);
            track.lines.extend(segment.lines);
        }
        self.track = Some(track);
    }

    fn broken(&mut self, path: &Path, reason: &str, byte: u64, quarantine: &mut Quarantine) -> Result<(), ErrorKind> {
        let kind = ErrorKind::malformed("GPX", format!("{reason} (at byte {byte})"));
        if self.record == 0 {
            return Err(kind);
        }
        quarantine.refuse(&Location::byte(path, byte), kind);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::recording::trace::Traces;
    use proptest::prelude::*;

    fn read(source: &[u8], mapping: &CsvColumns, quarantine: &mut Quarantine) -> Result<Traces, ErrorKind> {
        let mut tracks = Tracks::open(source, Path::new("a.gpx"), mapping, TimeRule::default())?;
        let mut all = Vec::new();
        while let Some(track) = tracks.next(quarantine)? {
            all.push(track);
        }
        Ok(Traces { tracks: all, notes: tracks.notes() })
    }

    fn parse(text: &str) -> (Result<Traces, ErrorKind>, Quarantine) {
        let mut quarantine = Quarantine::new();
        (read(text.as_bytes(), &CsvColumns::new(), &mut quarantine), quarantine)
    }

    #[test]
    fn points_carry_time_height_speed_course_and_error() {
        let (traces, quarantine) = parse(
            "<?xml version='1.0'?><gpx xmlns:t='x'><wpt lat='1' lon='2'><time>2020-01-01T00:00:00Z</time></wpt><trk><trkseg>\
             <trkpt lat='37.4' lon='127.1'><ele>50.5</ele><time>2024-05-01T00:00:00.5+09:00</time><hdop>2</hdop>\
             <extensions><t:TrackPointExtension><t:speed>3.5</t:speed><t:course>90</t:course></t:TrackPointExtension>\
             </extensions></trkpt><trkpt lat='37.5' lon='127.1'/></trkseg></trk></gpx>",
        );
        let traces = traces.expect("valid");
        let fixes = &traces.tracks[0].fixes;
        assert_eq!(fixes[0].t.map(|t| t.to_string()).as_deref(), Some("2024-04-30T15:00:00.5Z"));
        assert_eq!((fixes[0].speed_mps, fixes[0].course_deg, fixes[0].sigma_xy_m), (Some(3.5), Some(90.0), Some(6.0)));
        assert_eq!((fixes[0].place.height_m, fixes[1].t, fixes.len()), (50.5, None, 2));
        assert_eq!((traces.tracks[0].height_datum, traces.notes.len()), (HeightDatum::Orthometric, 1));
        assert!(quarantine.is_empty());
    }

    #[test]
    fn bad_points_are_refused_by_their_record_and_the_rest_is_read() {
        let (traces, quarantine) = parse(
            "<gpx><trk><trkseg><trkpt lat='nan' lon='1'/><trkpt lat='0' lon='0'/><trkpt lat='1'/>\
             <trkpt lat='1' lon='1'><time>yesterday</time></trkpt><trkpt lat='1' lon='1'/></trkseg></trk></gpx>",
        );
        assert_eq!(traces.expect("valid").tracks[0].fixes.iter().map(|f| f.record).collect::<Vec<_>>(), [4]);
        assert_eq!(quarantine.total(), 4);
        assert!(quarantine.iter().any(|(_, _, r)| r.examples[0] == "a.gpx, record 3"));
    }

    #[test]
    fn a_cut_file_keeps_what_came_before_and_says_where() {
        let (traces, quarantine) = parse("<gpx><trk><trkseg><trkpt lat='1' lon='1'/><trkpt lat='1' lo");
        assert_eq!(traces.expect("partly valid").tracks[0].fixes.len(), 1);
        assert!(quarantine.iter().any(|(file, reason, _)| file == "a.gpx" && reason.contains("byte")));
        assert!(parse("<gpx><trk").0.is_err());
    }

    #[test]
    fn heights_that_are_none_can_be_hidden() {
        let text = b"<gpx><trk><trkseg><trkpt lat='1' lon='1'><ele>2013</ele></trkpt></trkseg></trk></gpx>" as &[u8];
        let hide = CsvColumns::from([("height_m".to_string(), String::new())]);
        let track = read(text, &hide, &mut Quarantine::new()).expect("valid").tracks.remove(0);
        assert_eq!((track.fixes[0].place.height_m, track.height_datum), (0.0, HeightDatum::None));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_in_part_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let with_start = [b"<gpx><trk><trkseg><trkpt lat='1' lon='1'><time>2020", bytes.as_slice()].concat();
            for bytes in [bytes, with_start] {
                let _ = read(bytes.as_slice(), &CsvColumns::new(), &mut Quarantine::new());
            }
        }
    }
}
