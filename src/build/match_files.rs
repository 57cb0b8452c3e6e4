//! A trace on the road graph of a map, on its own: what `worldloom match` and `worldloom.match` are made of.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use serde::Serialize;
use serde_json::{Value, json};

use crate::coord::BBox;
use crate::dataset::matched::{MatchedRow, matched_table};
use crate::error::{Error, ErrorKind, Location, Quarantine, Result};
use crate::fuse::matching::{Break, Matched, Matcher};
use crate::record::{GnssFix, Mode, Recording, RoadGraph, RoadGraphBuilder};
use crate::source::registry::{open_map, open_recording};
use crate::source::{CsvColumns, MapOptions, RecordingOptions};

use super::road_cache::Kept;

/// A trace and what came of it.
#[derive(Debug)]
pub struct TraceMatch {
    /// The roads.
    pub graph: Arc<RoadGraph>,
    /// The positions as read, track by track.
    pub tracks: Vec<Vec<GnssFix>>,
    /// Where they are, numbered over all tracks, and the path.
    pub matched: Matched,
    /// What was refused while reading.
    pub quarantine: Quarantine,
}

/// Reads the roads of a map, or opens what an earlier run kept of them (see `docs/matching.md`).
///
/// # Errors
///
/// Where it cannot be read, or is of a kind that has no roads to drive on.
pub fn read_roads(map: &Path, quarantine: &mut Quarantine) -> Result<RoadGraph> {
    // Lines that do not say what they are are roads here.
    let options =
        MapOptions { layer: Some("road".to_string()), label: map.display().to_string(), ..MapOptions::default() };
    let source = open_map(map, None, &options)?;
    let kept = Kept::of(map, source.kind(), source.files());
    if let Some((graph, refused)) = kept.as_ref().and_then(Kept::open) {
        quarantine.merge(refused);
        return Ok(graph);
    }
    let mut refused = Quarantine::new();
    let mut builder = RoadGraphBuilder::default();
    source.roads(None, &mut refused, &mut builder)?;
    let (graph, lost) = builder.build();
    if graph.is_empty() {
        let error =
            ErrorKind::Unsupported(format!("matching to this map (it is `{}`, without any road)", source.kind()));
        return Err(error.in_file(map).with_hint(
            "give an OSM extract (.osm, .osm.gz, .osm.pbf) of the area, or lines as GeoJSON or GeoParquet",
        ));
    }
    let lost_at = Location::file(map);
    refused.refuse_many(&lost_at, "a turn restriction whose ways are not in the map, or do not meet", lost as u64);
    if let Some(kept) = kept {
        kept.keep(&graph, &refused);
    }
    quarantine.merge(refused);
    Ok(graph)
}

/// Reads the tracks of a trace file, or the positions of a recording folder; at least one, none empty. `columns` has the
/// names of a CSV's columns by ours, as in a `[[recording]]`.
///
/// # Errors
///
/// Those of the readers, or where there is no position.
pub fn read_tracks(trace: &Path, columns: &CsvColumns, quarantine: &mut Quarantine) -> Result<Vec<Vec<GnssFix>>> {
    let options = RecordingOptions { columns: columns.clone(), ..RecordingOptions::default() };
    let recordings = open_recording(trace, None, &options)?.read(quarantine)?;
    let tracks: Vec<Vec<GnssFix>> = recordings.into_iter().map(positions).filter(|t| !t.is_empty()).collect();
    match tracks.is_empty() {
        true => Err(ErrorKind::malformed("trace", "no position in it").in_file(trace)),
        false => Ok(tracks),
    }
}

/// Matches a trace file or recording folder to the roads of a map.
///
/// # Errors
///
/// Those of [`read_tracks`] and [`read_roads`].
pub fn match_files(trace: &Path, columns: &CsvColumns, map: &Path, mode: Mode) -> Result<TraceMatch> {
    let mut quarantine = Quarantine::new();
    let tracks = read_tracks(trace, columns, &mut quarantine)?;
    let graph = read_roads(map, &mut quarantine)?;
    Ok(match_fixes(Arc::new(graph), mode, tracks, quarantine))
}

/// Matches tracks one after the other; each begins a part of its own.
pub fn match_fixes(graph: Arc<RoadGraph>, mode: Mode, tracks: Vec<Vec<GnssFix>>, quarantine: Quarantine) -> TraceMatch {
    let mut matcher = Matcher::new(&graph, mode);
    if let [track] = &tracks[..] {
        let matched = matcher.run(track);
        return TraceMatch { graph, tracks, matched, quarantine };
    }
    let mut all = Matched::default();
    all.points.reserve_exact(tracks.iter().map(Vec::len).sum());
    for (i, track) in tracks.iter().enumerate() {
        let mut one = matcher.run(track);
        if i > 0 {
            all.breaks.push(Break { index: all.points.len(), reason: "another track".to_string() });
        }
        let parts = all.path.last().map_or(0, |p| p.part + 1);
        one.path.iter_mut().for_each(|p| p.part += parts);
        one.breaks.iter_mut().for_each(|b| b.index += all.points.len());
        all.points.extend(one.points);
        all.path.extend(one.path);
        all.breaks.extend(one.breaks);
        all.sigma_m = one.sigma_m.max(all.sigma_m);
    }
    TraceMatch { graph, tracks, matched: all, quarantine }
}

/// The positions of a recording: GNSS fixes, else given poses, else geotags of pictures in their order.
fn positions(recording: Recording) -> Vec<GnssFix> {
    let at = |t, place, record| GnssFix {
        t,
        place,
        speed_mps: None,
        course_deg: None,
        sigma_xy_m: None,
        sigma_z_m: None,
        record,
    };
    if !recording.gnss.is_empty() {
        return recording.gnss;
    }
    if !recording.poses.is_empty() {
        return recording.poses.iter().enumerate().map(|(i, p)| at(p.t, p.place, i as u64)).collect();
    }
    let tagged = recording.frames.iter().enumerate();
    tagged.filter_map(|(i, f)| Some(at(f.t, f.geotag?.place, i as u64))).collect()
}

#[derive(Serialize)]
struct PointJson {
    index: usize,
    t_ns: Option<i64>,
    way_id: Option<i64>,
    offset_m: Option<f64>,
    lon: Option<f64>,
    lat: Option<f64>,
    distance_m: Option<f64>,
    probability: Option<f64>,
}

#[derive(Serialize)]
struct EdgeJson {
    way_id: i64,
    from_node: i64,
    to_node: i64,
    from_offset_m: f64,
    to_offset_m: f64,
    probability: f64,
}

#[derive(Serialize)]
struct BreakJson<'a> {
    index: usize,
    reason: &'a str,
}

/// Decimal places of metres and probabilities: a tenth of a millimetre, or a ten-thousandth.
const SHORT: usize = 4;
/// Decimal places of degrees: a millimetre.
const DEGREES: usize = 8;
/// Text is handed on in pieces of so many bytes.
const PIECE: usize = 1 << 16;

/// Rounded to a tenth of a millimetre, or a ten-thousandth.
fn short(value: f64) -> f64 {
    libm::round(value * 1e4) / 1e4
}

/// Degrees rounded to a millimetre or less.
fn degrees(value: f64) -> f64 {
    libm::round(value * 1e8) / 1e8
}

/// Adds a number rounded to so many decimal places as JSON has it, without zeros at its end; `null` where it is none.
///
/// It reads as [`short`] or [`degrees`] of the number. A number's shortest digits are sought in general; where the places
/// are known, they are those of a whole number.
fn put_decimal<const PLACES: usize>(out: &mut Vec<u8>, value: f64) {
    let power = const { 10_u64.pow(PLACES as u32) };
    let whole = libm::round(value * power as f64);
    // Beyond 15 digits the rounded number has others.
    if whole.is_nan() || whole.abs() >= 1e15 {
        let value = if value.is_finite() { (whole / power as f64).to_string() } else { "null".to_string() };
        out.extend_from_slice(value.as_bytes());
        return;
    }
    // From the last digit to the first; the copy that follows is the only one.
    let mut text = [b'0'; 32];
    let mut first = text.len();
    let mut put = |c: u8| {
        first -= 1;
        text[first] = c;
    };
    let digits = whole.abs() as u64;
    let (mut units, mut parts) = (digits / power, (digits % power) as u32);
    for _ in 0..PLACES {
        put(b'0' + (parts % 10) as u8);
        parts /= 10;
    }
    put(b'.');
    loop {
        put(b'0' + (units % 10) as u8);
        units /= 10;
        if units == 0 {
            break;
        }
    }
    if whole < 0.0 {
        put(b'-');
    }
    let zeros = text.iter().rev().take(PLACES - 1).take_while(|digit| **digit == b'0').count();
    out.extend_from_slice(&text[first..text.len() - zeros]);
}

fn put_integer(out: &mut Vec<u8>, value: impl itoa::Integer) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

impl PointJson {
    /// The point as it is written.
    fn rounded(self) -> PointJson {
        PointJson {
            offset_m: self.offset_m.map(short),
            lon: self.lon.map(degrees),
            lat: self.lat.map(degrees),
            distance_m: self.distance_m.map(short),
            probability: self.probability.map(short),
            ..self
        }
    }

    /// Adds the point as one JSON object.
    fn put(&self, out: &mut Vec<u8>) {
        let integer = |out: &mut Vec<u8>, value: Option<i64>| match value {
            Some(value) => put_integer(out, value),
            None => out.extend_from_slice(b"null"),
        };
        let short = |out: &mut Vec<u8>, value: Option<f64>| put_decimal::<SHORT>(out, value.unwrap_or(f64::NAN));
        let degrees = |out: &mut Vec<u8>, value: Option<f64>| put_decimal::<DEGREES>(out, value.unwrap_or(f64::NAN));
        out.extend_from_slice(b"{\"index\":");
        put_integer(out, self.index);
        out.extend_from_slice(b",\"t_ns\":");
        integer(out, self.t_ns);
        out.extend_from_slice(b",\"way_id\":");
        integer(out, self.way_id);
        out.extend_from_slice(b",\"offset_m\":");
        short(out, self.offset_m);
        out.extend_from_slice(b",\"lon\":");
        degrees(out, self.lon);
        out.extend_from_slice(b",\"lat\":");
        degrees(out, self.lat);
        out.extend_from_slice(b",\"distance_m\":");
        short(out, self.distance_m);
        out.extend_from_slice(b",\"probability\":");
        short(out, self.probability);
        out.push(b'}');
    }
}

impl TraceMatch {
    fn way_id(&self, way: u32) -> i64 {
        self.graph.ways().get(way as usize).map_or(0, |w| w.id)
    }

    /// Whether something was left unmatched or refused.
    pub fn is_partial(&self) -> bool {
        !self.matched.breaks.is_empty()
            || !self.quarantine.is_empty()
            || self.matched.points.iter().any(|p| p.way.is_none())
    }

    /// The boxes of the trace and of the roads, where nothing was matched and they share no place: another map is meant.
    pub fn apart(&self) -> Option<[BBox; 2]> {
        if self.matched.points.iter().any(|p| p.way.is_some()) {
            return None;
        }
        let places = self.tracks.iter().flatten().map(|fix| (fix.place.lon_deg, fix.place.lat_deg));
        let (trace, map) = (BBox::of_points(places)?, self.graph.extent()?);
        (!trace.intersects(&map)).then_some([trace, map])
    }

    /// Writes `{points, path, breaks}`; unmatched points have nulls.
    ///
    /// # Errors
    ///
    /// Where `out` cannot be written.
    pub fn write_json(&self, out: &mut dyn Write) -> Result<()> {
        let mut text = b"{\"points\":[".to_vec();
        for point in self.points() {
            if point.index > 0 {
                text.push(b',');
            }
            point.put(&mut text);
            if text.len() >= PIECE {
                out.write_all(&text).map_err(written)?;
                text.clear();
            }
        }
        out.write_all(&text).map_err(written)?;
        let rest = |out: &mut dyn Write| -> std::io::Result<()> {
            out.write_all(b"],\"path\":")?;
            serde_json::to_writer(&mut *out, &self.path().collect::<Vec<_>>())?;
            out.write_all(b",\"breaks\":")?;
            serde_json::to_writer(&mut *out, &self.breaks().collect::<Vec<_>>())?;
            out.write_all(b"}\n")
        };
        rest(out).map_err(written)
    }

    /// The same as a value.
    pub fn to_value(&self) -> Value {
        // Numbers, texts and lists alone: nothing of it can fail.
        let list = |all: Vec<std::result::Result<Value, _>>| -> Value {
            all.into_iter().map(std::result::Result::unwrap_or_default).collect()
        };
        json!({
            "points": list(self.points().map(|p| serde_json::to_value(p.rounded())).collect()),
            "path": list(self.path().map(serde_json::to_value).collect()),
            "breaks": list(self.breaks().map(serde_json::to_value).collect()),
        })
    }

    fn fixes(&self) -> impl Iterator<Item = &GnssFix> {
        self.tracks.iter().flatten()
    }

    fn points(&self) -> impl Iterator<Item = PointJson> {
        self.fixes().zip(&self.matched.points).enumerate().map(|(index, (fix, at))| {
            let on = |value: f64| at.way.map(|_| value);
            PointJson {
                index,
                t_ns: fix.t.map(|t| t.ns()),
                way_id: at.way.map(|w| self.way_id(w)),
                offset_m: on(at.offset_m),
                lon: on(at.lon),
                lat: on(at.lat),
                distance_m: on(at.distance_m),
                probability: on(at.probability),
            }
        })
    }

    fn path(&self) -> impl Iterator<Item = EdgeJson> {
        self.matched.path.iter().map(|edge| EdgeJson {
            way_id: self.way_id(edge.way),
            from_node: edge.nodes[0],
            to_node: edge.nodes[1],
            from_offset_m: short(edge.way_m[0]),
            to_offset_m: short(edge.way_m[1]),
            probability: short(edge.probability),
        })
    }

    fn breaks(&self) -> impl Iterator<Item = BreakJson<'_>> {
        self.matched.breaks.iter().map(|b| BreakJson { index: b.index, reason: &b.reason })
    }

    /// Writes GeoJSON: a line for each unbroken part of the path, then a point for each fix (where it is on the road,
    /// else where it was given).
    ///
    /// # Errors
    ///
    /// Where `out` cannot be written.
    pub fn write_geojson(&self, out: &mut dyn Write) -> Result<()> {
        write!(out, "{{\"type\":\"FeatureCollection\",\"features\":[").map_err(written)?;
        let mut before = "\n";
        let mut put = |feature: Value| {
            let done = write!(out, "{before}{feature}").map_err(written);
            before = ",\n";
            done
        };
        for part in self.matched.path.chunk_by(|a, b| a.part == b.part) {
            let mut line: Vec<[f64; 2]> = Vec::new();
            for edge in part {
                self.graph.line(edge.edge, edge.edge_m[0], edge.edge_m[1], |lon, lat, _| {
                    let at = [degrees(lon), degrees(lat)];
                    if line.last() != Some(&at) {
                        line.push(at);
                    }
                });
            }
            if line.len() == 1 {
                line.push(line[0]);
            }
            let mut ways: Vec<i64> = part.iter().map(|e| self.way_id(e.way)).collect();
            ways.dedup();
            let length_m: f64 = part.iter().map(|e| e.edge_m[1] - e.edge_m[0]).sum();
            let probability = part.iter().map(|e| e.probability).fold(1.0, f64::min);
            put(json!({
                "type": "Feature",
                "properties": {
                    "part": part[0].part, "length_m": short(length_m), "way_ids": ways, "probability": short(probability),
                },
                "geometry": {"type": "LineString", "coordinates": line},
            }))?;
        }
        for row in self.rows() {
            put(json!({
                "type": "Feature",
                "properties": {
                    "index": row.index, "t_ns": row.t_ns, "way_id": row.way_id, "offset_m": row.offset_m,
                    "distance_m": row.distance_m, "probability": row.probability,
                },
                "geometry": {"type": "Point", "coordinates": [degrees(row.lon), degrees(row.lat)]},
            }))?;
        }
        writeln!(out, "\n]}}").map_err(written)
    }

    /// Writes CSV, a row a fix: `index,t_ns,lon,lat,way_id,offset_m,matched_lon,matched_lat,distance_m,probability`,
    /// empty where it is unmatched.
    ///
    /// # Errors
    ///
    /// Where `out` cannot be written.
    pub fn write_csv(&self, out: &mut dyn Write) -> Result<()> {
        let text = |v: Option<f64>| v.map(|v| v.to_string()).unwrap_or_default();
        let whole = |v: Option<i64>| v.map(|v| v.to_string()).unwrap_or_default();
        writeln!(out, "index,t_ns,lon,lat,way_id,offset_m,matched_lon,matched_lat,distance_m,probability")
            .map_err(written)?;
        for (row, fix) in self.rows().iter().zip(self.fixes()) {
            let on = |v: f64| row.way_id.map(|_| degrees(v));
            writeln!(
                out,
                "{},{},{},{},{},{},{},{},{},{}",
                row.index,
                whole(row.t_ns),
                fix.place.lon_deg,
                fix.place.lat_deg,
                whole(row.way_id),
                text(row.offset_m),
                text(on(row.lon)),
                text(on(row.lat)),
                text(row.distance_m),
                text(row.probability),
            )
            .map_err(written)?;
        }
        Ok(())
    }

    /// Writes GeoParquet, a row a fix.
    ///
    /// # Errors
    ///
    /// Where `out` cannot be written.
    pub fn write_parquet(&self, out: &mut dyn Write) -> Result<()> {
        let bytes = matched_table(&self.rows())
            .and_then(|table| crate::dataset::geoparquet::encode(&table))
            .map_err(|e| ErrorKind::io("encode the answer", std::io::Error::other(e)).bare())?;
        out.write_all(&bytes).map_err(written)
    }

    fn rows(&self) -> Vec<MatchedRow> {
        let rows = self.fixes().zip(&self.matched.points).enumerate().map(|(index, (fix, at))| {
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
                way_id: at.way.map(|w| self.way_id(w)),
                offset_m: on(at.offset_m),
                distance_m: on(at.distance_m),
                probability: on(at.probability),
            }
        });
        rows.collect()
    }
}

fn written(error: std::io::Error) -> Error {
    ErrorKind::io("write the answer", error).bare()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coord::Geodetic;
    use crate::record::{Modes, RoadLine};
    use crate::time::Timestamp;

    #[test]
    fn decimals_read_as_the_rounded_number() {
        let text = |value: f64, places: usize| {
            let mut out = Vec::new();
            match places {
                SHORT => put_decimal::<SHORT>(&mut out, value),
                _ => put_decimal::<DEGREES>(&mut out, value),
            }
            String::from_utf8(out).expect("text")
        };
        for (value, want) in
            [(0.0, "0.0"), (-0.0, "0.0"), (12.5, "12.5"), (-0.00004, "0.0"), (-0.25, "-0.25"), (7.00009, "7.0001")]
        {
            assert_eq!(text(value, SHORT), want);
        }
        assert_eq!(text(-127.123_456_789, DEGREES), "-127.12345679");
        assert_eq!((text(f64::NAN, SHORT), text(1e300, SHORT).parse()), ("null".to_string(), Ok(1e300)));
        for k in 0..20_000 {
            let value = (f64::from(k) - 10_000.0) * 0.013_579_3;
            assert_eq!(text(value, SHORT).parse(), Ok(short(value)));
            assert_eq!(text(value, DEGREES).parse(), Ok(degrees(value)));
        }
    }

    #[test]
    fn the_text_says_what_the_value_says() {
        let mut builder = RoadGraphBuilder::default();
        builder.lines.push(RoadLine {
            id: 7,
            nodes: vec![1, 2],
            points: vec![(127.0, 37.0), (127.01, 37.0)],
            access: [Modes::ALL; 2],
            ..RoadLine::default()
        });
        let (graph, _) = builder.build();
        let fix = |k: i64, lat: f64| GnssFix {
            t: Timestamp::from_seconds(1.7e9 + k as f64),
            place: Geodetic::new(127.001 + 1e-4 * k as f64, lat, 0.0),
            speed_mps: None,
            course_deg: None,
            sigma_xy_m: None,
            sigma_z_m: None,
            record: k as u64,
        };
        let near: Vec<GnssFix> = (0..9).map(|k| fix(k, 37.000_02)).collect();
        let far: Vec<GnssFix> = (0..3).map(|k| fix(k, 37.5)).collect();
        let found = match_fixes(Arc::new(graph), Mode::Car, vec![near, far], Quarantine::new());
        let mut text = Vec::new();
        found.write_json(&mut text).expect("written");
        let read: Value = serde_json::from_slice(&text).expect("JSON");
        assert_eq!(read, found.to_value());
        assert_eq!(read["points"].as_array().map(Vec::len), Some(12));
        assert_eq!((&read["points"][0]["way_id"], &read["points"][11]["way_id"]), (&json!(7), &Value::Null));
        assert_eq!(read["breaks"].as_array().map(Vec::len), Some(2));
    }
}
