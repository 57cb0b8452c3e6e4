//! `argoverse2`: the vector map of an Argoverse 2 log: a `log_map_archive_*.json`, the `map/` folder with it, or a
//! whole log.
//!
//! | in the file | layer | geometry | class |
//! |---|---|---|---|
//! | lane segment | `lane` | centreline, with the mean distance of its boundaries as `width_m` | `vehicle`, `bike`, `bus` |
//! | lane segment | `road` | the same centreline, so that "nearest road" has an answer: the map has no roads | as above |
//! | painted boundary | `lane_divider` | boundary, once where two lanes share it | the paint, e.g. `solid_white` |
//! | drivable area | `drivable` | polygon | `drivable_area` |
//! | pedestrian crossing | `crossing` | polygon between its two edges | `pedestrian_crossing` |
//!
//! A boundary marked `NONE` or `UNKNOWN` has no paint and is left out. Lane segments inside a junction have
//! `_intersection` after their class. Ids are `lane/ID`, `drivable/ID`, `crossing/ID`, dividers `lane/ID/left`.
//! Centrelines and crossings are `derived`: the file has their edges.
//!
//! Source: `argoverse/av2-api`, `src/av2/map/map_api.py` and `lane_segment.py` (centreline: midpoints of both
//! boundaries resampled to as many points).

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use geo::{BooleanOps, BoundingRect, Geometry, LineString, MultiPolygon, Orient, Polygon, Validation};
use nalgebra::Vector3;
use serde::Deserialize;

use crate::coord::BBox;
use crate::error::{ErrorKind, Location, Quarantine, Result};
use crate::record::{MapAttributes, MapFeature, MapLayer, RoadGraphBuilder, SourceFile};
use crate::source::argoverse2_city::City;
use crate::source::{MapOptions, MapSource, Probe};

const KIND: &str = "argoverse2";
const FORMAT: &str = "Argoverse 2 map";

/// The file's own words. Source: the JSON of `log_map_archive_*.json`.
mod raw {
    use super::{BTreeMap, Deserialize};

    #[derive(Deserialize)]
    pub(super) struct Archive {
        pub(super) pedestrian_crossings: BTreeMap<String, serde_json::Value>,
        pub(super) lane_segments: BTreeMap<String, serde_json::Value>,
        pub(super) drivable_areas: BTreeMap<String, serde_json::Value>,
    }

    #[derive(Deserialize, Clone, Copy)]
    pub(super) struct Point {
        pub(super) x: f64,
        pub(super) y: f64,
    }

    #[derive(Deserialize)]
    pub(super) struct Crossing {
        pub(super) id: i64,
        pub(super) edge1: Vec<Point>,
        pub(super) edge2: Vec<Point>,
    }

    #[derive(Deserialize)]
    pub(super) struct Drivable {
        pub(super) id: i64,
        pub(super) area_boundary: Vec<Point>,
    }

    #[derive(Deserialize)]
    pub(super) struct Lane {
        pub(super) id: i64,
        pub(super) is_intersection: bool,
        pub(super) lane_type: String,
        pub(super) left_lane_boundary: Vec<Point>,
        pub(super) left_lane_mark_type: String,
        pub(super) right_lane_boundary: Vec<Point>,
        pub(super) right_lane_mark_type: String,
    }
}

/// A map file and the frame it is in.
pub struct Argoverse2Map {
    file: SourceFile,
    city: City,
    options: MapOptions,
}

/// Whether `path` is a map file or a `map/` folder with one. (A whole log is a recording first; name the kind.)
pub fn detect(path: &Path) -> bool {
    is_map_file(path) || map_in(path).is_some()
}

/// Whether the name is that of a map file.
pub(crate) fn is_map_file(path: &Path) -> bool {
    let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
    name.starts_with("log_map_archive_") && name.ends_with(".json") && path.is_file()
}

/// Opens the map of a log.
///
/// # Errors
///
/// Where there is no map file, or its name holds none of the six cities.
pub fn open(path: &Path, options: &MapOptions) -> Result<Box<dyn MapSource>> {
    let absolute = match is_map_file(path) {
        true => Some(path.to_path_buf()),
        false => map_in(path).or_else(|| map_in(&path.join("map"))),
    };
    let absolute = absolute.ok_or_else(|| ErrorKind::NotFound.in_file(path.join("log_map_archive_*.json")))?;
    let city = City::of_map_file(&absolute).map_err(|e| e.in_file(&absolute))?;
    let size = std::fs::metadata(&absolute).map_err(|e| ErrorKind::io("read", e).in_file(&absolute))?.len();
    let inside = absolute.strip_prefix(path).ok().filter(|p| !p.as_os_str().is_empty());
    let inside = inside.or(absolute.file_name().map(Path::new)).unwrap_or(&absolute);
    let parts: Vec<_> = inside.components().map(|c| c.as_os_str().to_string_lossy().into_owned()).collect();
    let file = SourceFile { relative: parts.join("/"), absolute: absolute.clone(), size };
    Ok(Box::new(Argoverse2Map { file, city, options: options.clone() }))
}

/// The map file in a folder; the first by name.
fn map_in(folder: &Path) -> Option<PathBuf> {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.path());
    files.filter(|p| is_map_file(p)).min()
}

impl MapSource for Argoverse2Map {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn files(&self) -> &[SourceFile] {
        std::slice::from_ref(&self.file)
    }

    fn probe(&self) -> Result<Probe> {
        let mut probe = Probe { kind: KIND.to_string(), ..Probe::default() };
        let mut quarantine = Quarantine::new();
        let mut extent: Option<BBox> = None;
        self.read(None, &mut quarantine, &mut |feature| {
            *probe.counts.entry(feature.layer.name().to_string()).or_default() += 1;
            if let Some(bbox) = bbox(&feature.geometry) {
                extent = Some(extent.map_or(bbox, |e| e.union(&bbox)));
            }
            Ok(())
        })?;
        probe.notes.push(format!("city frame of {}", self.city.name));
        Ok(probe.with_extent(extent).with_problems(&quarantine))
    }

    fn read(
        &self,
        area: Option<BBox>,
        quarantine: &mut Quarantine,
        sink: &mut dyn FnMut(MapFeature) -> Result<()>,
    ) -> Result<()> {
        let path = &self.file.absolute;
        let limit = self.options.limits.file_bytes;
        if self.file.size > limit {
            return Err(ErrorKind::LimitExceeded { what: "size of a map", found: self.file.size, limit }.in_file(path));
        }
        let bytes = std::fs::read(path).map_err(|e| ErrorKind::io("read", e).in_file(path))?;
        let archive: raw::Archive = serde_json::from_slice(&bytes).map_err(|e| {
            let line = Location::line(path, e.line() as u64);
            ErrorKind::malformed(FORMAT, e.to_string()).at(line)
        })?;
        let mut features = Vec::new();
        let mut painted = BTreeSet::new();
        let mut take = |id: &str, made: Result<Vec<MapFeature>, ErrorKind>| match made {
            Ok(made) => features.extend(made),
            Err(kind) => quarantine.refuse(&Location::file(path), format!("{kind} (`{id}`)")),
        };
        // Objects come in the order of their ids.
        for (id, value) in archive.lane_segments {
            take(&id, parse(value).and_then(|lane| self.lane(&lane, &mut painted)));
        }
        for (id, value) in archive.drivable_areas {
            take(&id, parse(value).and_then(|area| self.drivable(&area)));
        }
        for (id, value) in archive.pedestrian_crossings {
            take(&id, parse(value).and_then(|crossing| self.crossing(&crossing)));
        }
        for feature in features {
            let touches = match (area, bbox(&feature.geometry)) {
                (Some(area), Some(bbox)) => area.intersects(&bbox),
                (Some(_), None) => false,
                (None, _) => true,
            };
            if touches {
                sink(feature)?;
            }
        }
        Ok(())
    }

    fn roads(&self, area: Option<BBox>, quarantine: &mut Quarantine, builder: &mut RoadGraphBuilder) -> Result<()> {
        self.read(area, quarantine, &mut |feature| {
            super::roads::add(&feature, builder);
            Ok(())
        })
    }
}

fn parse<T: for<'de> Deserialize<'de>>(value: serde_json::Value) -> Result<T, ErrorKind> {
    serde_json::from_value(value).map_err(|e| malformed(e.to_string()))
}

/// A painted boundary as its points in centimetres, the same in both directions.
type Paint = (String, Vec<(i64, i64)>);

impl Argoverse2Map {
    fn lane(&self, lane: &raw::Lane, painted: &mut BTreeSet<Paint>) -> Result<Vec<MapFeature>, ErrorKind> {
        let (left, right) = (metric(&lane.left_lane_boundary)?, metric(&lane.right_lane_boundary)?);
        let n = left.0.len().max(right.0.len());
        let pairs: Vec<_> = resampled(&left, n).into_iter().zip(resampled(&right, n)).collect();
        let centre: LineString = pairs.iter().map(|(l, r)| ((l.x + r.x) / 2.0, (l.y + r.y) / 2.0)).collect();
        let width_m = pairs.iter().map(|(l, r)| libm::hypot(l.x - r.x, l.y - r.y)).sum::<f64>() / n as f64;
        let class = lane.lane_type.to_ascii_lowercase() + if lane.is_intersection { "_intersection" } else { "" };
        let geometry = Geometry::LineString(self.line(&centre)?);
        let id = format!("lane/{}", lane.id);
        let mut features = Vec::new();
        for layer in [MapLayer::Lane, MapLayer::Road] {
            let mut feature = self.feature(id.clone(), layer, geometry.clone(), &class, true);
            feature.attributes.width_m = Some(width_m);
            feature.attributes.lanes = Some(1);
            feature.attributes.oneway = Some("yes".to_string());
            features.push(feature);
        }
        for (side, boundary, mark) in
            [("left", &left, &lane.left_lane_mark_type), ("right", &right, &lane.right_lane_mark_type)]
        {
            if matches!(mark.as_str(), "NONE" | "UNKNOWN") || !painted.insert(paint(mark, boundary)) {
                continue;
            }
            let marking = mark.to_ascii_lowercase();
            let line = Geometry::LineString(self.line(boundary)?);
            let mut feature = self.feature(format!("{id}/{side}"), MapLayer::LaneDivider, line, &marking, false);
            feature.source_id = id.clone();
            feature.attributes.marking = Some(in_our_order(&marking));
            features.push(feature);
        }
        Ok(features)
    }

    fn drivable(&self, area: &raw::Drivable) -> Result<Vec<MapFeature>, ErrorKind> {
        let ring = ring(area.area_boundary.iter().copied())?;
        self.polygons(&format!("drivable/{}", area.id), MapLayer::Drivable, ring, "drivable_area", false)
    }

    fn crossing(&self, crossing: &raw::Crossing) -> Result<Vec<MapFeature>, ErrorKind> {
        let (Some(start), Some(end)) = (crossing.edge1.first(), crossing.edge1.last()) else {
            return Err(malformed("a crossing without an edge"));
        };
        let (Some(other_start), Some(other_end)) = (crossing.edge2.first(), crossing.edge2.last()) else {
            return Err(malformed("a crossing without an edge"));
        };
        // The edges may run the same way or against each other: join the ends that lie nearest.
        let gap = |a: &raw::Point, b: &raw::Point| libm::hypot(a.x - b.x, a.y - b.y);
        let same_way = gap(end, other_end) + gap(start, other_start) <= gap(end, other_start) + gap(start, other_end);
        let edge1 = crossing.edge1.iter().copied();
        let ring = match same_way {
            true => ring(edge1.chain(crossing.edge2.iter().rev().copied())),
            false => ring(edge1.chain(crossing.edge2.iter().copied())),
        }?;
        self.polygons(&format!("crossing/{}", crossing.id), MapLayer::Crossing, ring, "pedestrian_crossing", true)
    }

    /// A ring in metres as valid polygons in degrees, an id each.
    fn polygons(
        &self,
        id: &str,
        layer: MapLayer,
        ring: LineString,
        class: &str,
        derived: bool,
    ) -> Result<Vec<MapFeature>, ErrorKind> {
        let polygon = Polygon::new(ring, Vec::new());
        let MultiPolygon(parts) = match polygon.is_valid() {
            true => MultiPolygon(vec![polygon]),
            // A ring that crosses itself: what the even-odd rule calls inside.
            false => polygon.union(&MultiPolygon(Vec::new())),
        };
        if parts.is_empty() {
            return Err(malformed("an area without extent"));
        }
        let several = parts.len() > 1;
        let part_id = |i: usize| if several { format!("{id}/{i}") } else { id.to_string() };
        let mut features = Vec::with_capacity(parts.len());
        for (i, part) in parts.into_iter().enumerate() {
            let holes = part.interiors().iter().map(|hole| self.line(hole)).collect::<Result<_, _>>()?;
            let part = Polygon::new(self.line(part.exterior())?, holes).orient(geo::orient::Direction::Default);
            let mut feature = self.feature(part_id(i), layer, Geometry::Polygon(part), class, derived);
            feature.source_id = id.to_string();
            features.push(feature);
        }
        Ok(features)
    }

    /// A line of the city frame in degrees.
    fn line(&self, metres: &LineString) -> Result<LineString, ErrorKind> {
        let place = |p: &geo::Coord| {
            let place =
                self.city.place(Vector3::new(p.x, p.y, 0.0)).ok_or_else(|| malformed("a point off the earth"))?;
            Ok(geo::Coord { x: place.lon_deg, y: place.lat_deg })
        };
        Ok(LineString(metres.0.iter().map(place).collect::<Result<Vec<_>, ErrorKind>>()?))
    }

    fn feature(&self, id: String, layer: MapLayer, geometry: Geometry, class: &str, derived: bool) -> MapFeature {
        MapFeature {
            source_id: id.clone(),
            id,
            layer,
            geometry,
            class: class.to_string(),
            name: None,
            name_ko: None,
            name_en: None,
            attributes: MapAttributes::default(),
            derived,
            source: Arc::from(self.options.label.as_str()),
            license: Arc::from(self.options.license.as_str()),
        }
    }
}

/// A ring in metres.
fn ring(points: impl Iterator<Item = raw::Point>) -> Result<LineString, ErrorKind> {
    let ring: LineString = points.map(|p| (p.x, p.y)).collect();
    if ring.0.len() < 3 || ring.0.iter().any(|p| !(p.x.is_finite() && p.y.is_finite())) {
        return Err(malformed("an area with fewer than three points"));
    }
    Ok(ring)
}

/// A boundary in metres, without points that repeat.
fn metric(points: &[raw::Point]) -> Result<LineString, ErrorKind> {
    let mut line: Vec<geo::Coord> = points.iter().map(|p| geo::Coord { x: p.x, y: p.y }).collect();
    line.dedup();
    if line.len() < 2 || line.iter().any(|p| !(p.x.is_finite() && p.y.is_finite())) {
        return Err(malformed("a boundary with fewer than two points"));
    }
    Ok(LineString(line))
}

/// `n >= 2` points along a line, evenly by length, both ends included.
fn resampled(line: &LineString, n: usize) -> Vec<geo::Coord> {
    let step = |l: &geo::Line| libm::hypot(l.end.x - l.start.x, l.end.y - l.start.y);
    let total: f64 = line.lines().map(|l| step(&l)).sum();
    let mut out = Vec::with_capacity(n);
    let mut lines = line.lines();
    let (mut walked, mut current) = (0.0, lines.next());
    for i in 0..n {
        let target = total * i as f64 / (n - 1) as f64;
        while let Some(l) = current {
            let length = step(&l);
            // The last segment takes what rounding leaves over.
            if walked + length >= target || lines.len() == 0 {
                let w = ((target - walked) / length).clamp(0.0, 1.0);
                out.push(l.start + (l.end - l.start) * w);
                break;
            }
            walked += length;
            current = lines.next();
        }
    }
    out
}

/// What two lanes that share a boundary have in common.
fn paint(mark: &str, boundary: &LineString) -> Paint {
    let centimetres = |v: f64| libm::round(v * 100.0) as i64;
    let points: Vec<(i64, i64)> = boundary.0.iter().map(|p| (centimetres(p.x), centimetres(p.y))).collect();
    let back: Vec<(i64, i64)> = points.iter().rev().copied().collect();
    (mark.to_string(), points.min(back))
}

/// `solid_white` as `white_solid`: colour first, as `MapAttributes::marking` has it.
fn in_our_order(mark: &str) -> String {
    let colours = ["white", "yellow", "blue"];
    match colours.into_iter().find_map(|c| mark.strip_suffix(c).map(|style| (c, style.trim_end_matches('_')))) {
        Some((colour, style)) => format!("{colour}_{style}"),
        None => mark.to_string(),
    }
}

fn bbox(geometry: &Geometry) -> Option<BBox> {
    let rect = geometry.bounding_rect()?;
    Some(BBox { xmin: rect.min().x, ymin: rect.min().y, xmax: rect.max().x, ymax: rect.max().y })
}

fn malformed(reason: impl Into<String>) -> ErrorKind {
    ErrorKind::malformed(FORMAT, reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_resampled_evenly_with_both_ends() {
        let line = LineString::from(vec![(0.0, 0.0), (1.0, 0.0), (1.0, 3.0)]);
        let points: Vec<(f64, f64)> = resampled(&line, 5).into_iter().map(|p| (p.x, p.y)).collect();
        assert_eq!(points, [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (1.0, 2.0), (1.0, 3.0)]);
    }

    #[test]
    fn a_boundary_shared_by_two_lanes_is_painted_once_whichever_way_it_runs() {
        let there = LineString::from(vec![(0.0, 0.0), (5.0, 1.0)]);
        let back = LineString::from(vec![(5.0, 1.0), (0.0, 0.0)]);
        assert_eq!(paint("SOLID_WHITE", &there), paint("SOLID_WHITE", &back));
        assert_eq!(in_our_order("double_solid_yellow"), "yellow_double_solid");
        assert_eq!(in_our_order("dash_solid"), "dash_solid");
    }
}
