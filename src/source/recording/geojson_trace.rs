//! Traces as GeoJSON: a line is a track, points are one track together.
//!
//! GeoJSON has no times of its own. Those that togeojson and its kin write are read: `coordTimes` (or `times`, also
//! under `coordinateProperties`) of a line, `time` or `timestamp` of a point, in ISO 8601.

use std::io::BufRead;
use std::path::Path;

use serde_json::Value;

use crate::error::{ErrorKind, Location, Quarantine};
use crate::record::{GnssFix, HeightDatum};
use crate::time::Timestamp;

use super::civil;
use super::table::TimeRule;
use super::trace::{Trace, Traces, place};

/// Geometry collections may lie in each other this deep.
const MAX_DEPTH: u32 = 8;

/// Reads the lines and points of a GeoJSON file; what is no position goes to `quarantine` with its number.
///
/// # Errors
///
/// Where it is not JSON, or cannot be read on.
pub(super) fn read(
    mut reader: impl BufRead,
    path: &Path,
    rule: TimeRule,
    quarantine: &mut Quarantine,
) -> Result<Traces, ErrorKind> {
    let mut text = Vec::new();
    reader.read_to_end(&mut text).map_err(|e| ErrorKind::io("read", e))?;
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&text);
    let value: Value = serde_json::from_slice(text).map_err(|e| ErrorKind::malformed("GeoJSON", e.to_string()))?;
    let mut found = Found { path, rule, quarantine, lines: Vec::new(), points: Trace::default(), number: 0 };
    match value.get("features").and_then(Value::as_array) {
        Some(features) => features.iter().for_each(|f| found.feature(f)),
        None => found.feature(&value),
    }
    let mut tracks = found.lines;
    if !found.points.fixes.is_empty() {
        tracks.push(found.points);
    }
    Ok(Traces { tracks, notes: Vec::new() })
}

struct Found<'a> {
    path: &'a Path,
    rule: TimeRule,
    quarantine: &'a mut Quarantine,
    lines: Vec<Trace>,
    points: Trace,
    number: u64,
}

impl Found<'_> {
    fn feature(&mut self, feature: &Value) {
        let none = Value::Null;
        let (geometry, properties) = match feature.get("geometry") {
            Some(geometry) => (geometry, feature.get("properties").unwrap_or(&none)),
            None => (feature, &none),
        };
        self.geometry(geometry, properties, 0);
    }

    fn geometry(&mut self, geometry: &Value, properties: &Value, depth: u32) {
        let coordinates = geometry.get("coordinates").unwrap_or(&Value::Null);
        let times = ["coordTimes", "times"].into_iter().find_map(|key| {
            properties.get(key).or_else(|| properties.get("coordinateProperties").and_then(|p| p.get(key)))
        });
        let all = |v: &Value| v.as_array().cloned().unwrap_or_default();
        match geometry.get("type").and_then(Value::as_str) {
            Some("Point") => {
                let time = ["time", "timestamp"].into_iter().find_map(|key| properties.get(key));
                let fix = self.fix(coordinates, time);
                add(&mut self.points, fix);
            }
            Some("MultiPoint") => {
                for (i, position) in all(coordinates).iter().enumerate() {
                    let fix = self.fix(position, times.and_then(|t| t.get(i)));
                    add(&mut self.points, fix);
                }
            }
            Some("LineString") => self.line(coordinates, times),
            Some("MultiLineString") => {
                for (i, line) in all(coordinates).iter().enumerate() {
                    self.line(line, times.and_then(|t| t.get(i)));
                }
            }
            Some("GeometryCollection") if depth < MAX_DEPTH => {
                for one in all(geometry.get("geometries").unwrap_or(&Value::Null)) {
                    self.geometry(&one, properties, depth + 1);
                }
            }
            // Areas are no traces.
            _ => {}
        }
    }

    fn line(&mut self, coordinates: &Value, times: Option<&Value>) {
        let mut trace = Trace::default();
        for (i, position) in coordinates.as_array().into_iter().flatten().enumerate() {
            add(&mut trace, self.fix(position, times.and_then(|t| t.get(i))));
        }
        if !trace.fixes.is_empty() {
            self.lines.push(trace);
        }
    }

    /// A position, and what its height is measured from.
    fn fix(&mut self, position: &Value, time: Option<&Value>) -> Option<(GnssFix, HeightDatum)> {
        let record = self.number;
        self.number += 1;
        let number = |i: usize| position.get(i).and_then(Value::as_f64);
        let at = match (number(0), number(1)) {
            (Some(lon), Some(lat)) => place(lon, lat, number(2).unwrap_or(0.0)),
            _ => Err("its position is not two numbers"),
        };
        match at {
            Ok(place) => {
                let t = time.and_then(Value::as_str).and_then(|t| self.time(t));
                Some((GnssFix::at(t, place, record), number(2).map_or(HeightDatum::None, |_| HeightDatum::Ellipsoidal)))
            }
            Err(reason) => {
                self.quarantine.refuse(&Location::record(self.path, record), reason);
                None
            }
        }
    }

    fn time(&self, text: &str) -> Option<Timestamp> {
        civil::parse(text.as_bytes())?.instant(self.rule.zone_s)
    }
}

/// Adds a position to a track; one with a height says what those of the track are measured from.
fn add(trace: &mut Trace, found: Option<(GnssFix, HeightDatum)>) {
    let Some((fix, datum)) = found else { return };
    trace.push(fix, 0);
    if datum != HeightDatum::None {
        trace.height_datum = datum;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn traces(text: &str) -> (Traces, Quarantine) {
        let mut quarantine = Quarantine::new();
        let traces = read(text.as_bytes(), Path::new("a.geojson"), TimeRule::default(), &mut quarantine).expect("JSON");
        (traces, quarantine)
    }

    #[test]
    fn a_line_with_times_is_a_track() {
        let text = r#"{"type":"Feature","properties":{"coordTimes":["2024-05-01T00:00:00Z","2024-05-01T00:00:01Z",null]},
            "geometry":{"type":"LineString","coordinates":[[4.8,51.2],[4.81,51.2,12],["x"]]}}"#;
        let (traces, quarantine) = traces(text);
        assert_eq!((traces.tracks.len(), traces.tracks[0].fixes.len(), quarantine.total()), (1, 2, 1));
        assert!(traces.tracks[0].fixes[1].t > traces.tracks[0].fixes[0].t);
    }

    #[test]
    fn points_are_one_track() {
        let point = |x: f64| {
            format!(r#"{{"type":"Feature","properties":{{}},"geometry":{{"type":"Point","coordinates":[{x},51]}}}}"#)
        };
        let (traces, _) =
            traces(&format!(r#"{{"type":"FeatureCollection","features":[{},{}]}}"#, point(4.1), point(4.2)));
        assert_eq!((traces.tracks.len(), traces.tracks[0].fixes.len()), (1, 2));
    }
}
