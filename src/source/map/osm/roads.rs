//! Roads and what is derived from them: carriageways, lane dividers, sidewalks, crossings, stop lines; rails.

use geo::{Coord, Geometry, LineString, MultiPolygon, Point};

use super::features::{Context, Maker, push_stroke};
use super::store::{Store, StoredNode, StoredWay, TagList};
use super::tags;
use crate::record::{MapFeature, MapLayer};
use crate::source::map::shape::{self, Cap, Plane};

/// Width of a lane where nothing says, metres.
const LANE_M: f64 = 3.25;
/// Width of a sidewalk where nothing says, metres.
const SIDEWALK_M: f64 = 2.0;
/// Extent of a crossing along its road, metres.
const CROSSING_M: f64 = 4.0;
/// Rails that are there to be seen.
const RAILS: [&str; 9] =
    ["funicular", "light_rail", "miniature", "monorail", "narrow_gauge", "preserved", "rail", "subway", "tram"];

/// Whether vehicles drive on this class of `highway`.
pub fn is_carriageway(class: &str) -> bool {
    default_lanes(class).is_some()
}

/// Lanes of a two-way and of a one-way road of a class that does not say, and the width of one in metres.
fn default_lanes(class: &str) -> Option<(i32, i32, f64)> {
    Some(match class {
        "motorway" => (4, 2, 3.5),
        "trunk" => (2, 2, 3.5),
        "primary" | "secondary" => (2, 2, LANE_M),
        "tertiary" => (2, 1, LANE_M),
        "unclassified" | "residential" | "road" => (2, 1, 3.0),
        "motorway_link" | "trunk_link" | "primary_link" | "secondary_link" | "tertiary_link" => (2, 1, 3.5),
        "busway" => (2, 1, LANE_M),
        "living_street" => (1, 1, 5.0),
        "service" => (1, 1, 4.0),
        "track" => (1, 1, 3.0),
        _ => return None,
    })
}

/// A carriageway as its tags say it, or its class.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Carriageway {
    /// Lanes, both directions together.
    pub lanes: i32,
    /// Kerb to kerb, metres.
    pub width_m: f64,
    /// `yes`, `no`, `reverse`.
    pub oneway: &'static str,
}

/// The carriageway of a road; `None` for footways and the like.
pub fn carriageway(list: &TagList) -> Option<Carriageway> {
    let (two_way, one_way, lane_m) = default_lanes(list.get("highway")?)?;
    let oneway = tags::oneway(list);
    let told = tags::lanes(list, "lanes");
    let lanes = told.unwrap_or(if oneway == "no" { two_way } else { one_way });
    let lane_m = if told.is_some() { lane_m.min(LANE_M) } else { lane_m };
    let width_m = tags::width_m(list).filter(|w| *w <= 100.0).unwrap_or(f64::from(lanes) * lane_m);
    Some(Carriageway { lanes, width_m, oneway })
}

/// Which highways pass a node, and where on their way.
pub struct Roads {
    /// `(node, index of the way in the store, position on it)`, sorted.
    passes: Vec<(i64, u32, u32)>,
}

impl Roads {
    /// The roads of a store.
    pub fn of(store: &Store) -> Roads {
        let mut passes = Vec::new();
        for (w, way) in store.ways.iter().enumerate() {
            if way.tags.get("highway").is_some() && !way.tags.is("area", "yes") {
                let all = way.refs.iter().enumerate();
                passes.extend(all.map(|(i, node)| (*node, w as u32, i as u32)));
            }
        }
        passes.sort_unstable();
        Roads { passes }
    }

    /// `(way, position on it)` of every highway at a node, by way.
    fn at<'a>(&self, store: &'a Store, node: i64) -> impl Iterator<Item = (&'a StoredWay, usize)> {
        let from = self.passes.partition_point(|p| p.0 < node);
        self.passes[from..].iter().take_while(move |p| p.0 == node).map(|p| (&store.ways[p.1 as usize], p.2 as usize))
    }

    /// Half the width of the widest other carriageway at a node where three or more arms meet; 0 elsewhere.
    fn junction_m(&self, store: &Store, way: i64, node: i64) -> f64 {
        let (mut arms, mut widest) = (0, 0.0f64);
        for (other, i) in self.at(store, node) {
            let Some(carriageway) = carriageway(&other.tags) else { continue };
            arms += if i == 0 || i + 1 == other.refs.len() { 1 } else { 2 };
            if other.id != way {
                widest = widest.max(carriageway.width_m);
            }
        }
        if arms >= 3 { widest / 2.0 + 1.0 } else { 0.0 }
    }
}

/// `way/1`, or `way/1/2` for the second of several parts.
pub fn part_id(id: &str, part: usize, parts: usize) -> String {
    if parts == 1 { id.to_string() } else { format!("{id}/{}", part + 1) }
}

/// Whether a way is a line of its own: a highway, a rail or a painted line.
pub fn is_line(list: &TagList) -> bool {
    let road = list.get("highway").is_some() && !list.is("area", "yes");
    let rail = list.get("railway").is_some_and(|r| RAILS.contains(&r));
    road || rail || list.is("road_marking", "stop_line")
}

/// The features of a line, part by part.
pub fn lines(context: &Context<'_>, way: &StoredWay, parts: &[(usize, Vec<Coord<f64>>)], out: &mut Vec<MapFeature>) {
    let id = format!("way/{}", way.id);
    let list = &way.tags;
    let mut count = Counters::default();
    for (i, (from, line)) in parts.iter().enumerate() {
        let part = part_id(&id, i, parts.len());
        let whole = Geometry::LineString(LineString::new(line.clone()));
        if let Some(class) = list.get("railway").filter(|r| RAILS.contains(r)) {
            out.push(context.maker.feature(MapLayer::Rail, part.clone(), &id, whole.clone(), class, list));
        }
        if list.is("road_marking", "stop_line") {
            out.push(context.maker.feature(MapLayer::StopLine, part.clone(), &id, whole.clone(), "stop_line", list));
        }
        let Some(class) = list.get("highway").filter(|_| !list.is("area", "yes")) else { continue };
        let road = carriageway(list);
        let mut feature = context.maker.feature(MapLayer::Road, part.clone(), &id, whole.clone(), class, list);
        feature.attributes.lanes = tags::lanes(list, "lanes");
        feature.attributes.oneway = Some(tags::oneway(list).to_string());
        feature.attributes.width_m = tags::width_m(list);
        feature.attributes.maxspeed_kmh = tags::maxspeed_kmh(list);
        out.push(feature);

        let plane = Plane::around(&LineString::new(line.clone()));
        let metres: Vec<Coord<f64>> = line.iter().map(|c| plane.to_metres(*c)).collect();
        let street = Street { maker: context.maker, way, id: &id, plane, line: &metres };
        if let Some(road) = road {
            let mut made = street.made(MapLayer::Drivable, part.clone(), class);
            made.attributes.width_m = Some(road.width_m);
            push_stroke(made, &plane, &metres, road.width_m / 2.0, Cap::Round, out);
            let ends = [way.refs[*from], way.refs[from + line.len() - 1]];
            let ends = ends.map(|node| context.roads.junction_m(context.store, way.id, node));
            street.dividers(road, ends, &mut count, out);
            street.sidewalks(road, ends, &mut count, out);
        }
        match list.get("footway") {
            Some("crossing") => {
                let class = crossing_class(list).or_else(|| class_of_node(context, way)).unwrap_or("crossing");
                let width = tags::width_m(list).unwrap_or(CROSSING_M);
                let mut made = street.made(MapLayer::Crossing, part, class);
                made.attributes.width_m = Some(width);
                push_stroke(made, &plane, &metres, width / 2.0, Cap::Butt, out);
            }
            Some("sidewalk") => {
                let width = tags::width_m(list).unwrap_or(SIDEWALK_M);
                let mut made = street.made(MapLayer::Sidewalk, part, "sidewalk");
                made.attributes.width_m = Some(width);
                push_stroke(made, &plane, &metres, width / 2.0, Cap::Round, out);
            }
            _ => {}
        }
    }
}

/// Numbers of the parts made so far, so that ids are unique in a layer.
#[derive(Default)]
struct Counters {
    dividers: usize,
    sidewalks: usize,
}

/// A part of a road in metres.
struct Street<'a> {
    maker: &'a Maker,
    way: &'a StoredWay,
    id: &'a str,
    plane: Plane,
    line: &'a [Coord<f64>],
}

impl Street<'_> {
    /// A derived feature whose geometry is still to come.
    fn made(&self, layer: MapLayer, id: String, class: &str) -> MapFeature {
        let nowhere = Geometry::Point(Point::new(0.0, 0.0));
        let made = self.maker.feature(layer, id, self.id, nowhere, class, &self.way.tags);
        MapFeature { derived: true, ..made }
    }

    /// The line beside the road's, cut back at junctions.
    fn beside(&self, left_m: f64, ends: [f64; 2]) -> Option<Vec<Coord<f64>>> {
        shape::trim(&shape::offset(self.line, left_m), ends[0], ends[1])
    }

    /// Lines between lanes: yellow between directions, white and dashed between lanes of one direction.
    ///
    /// Only where lanes are told, or the class is one that is always painted.
    fn dividers(&self, road: Carriageway, ends: [f64; 2], count: &mut Counters, out: &mut Vec<MapFeature>) {
        let list = &self.way.tags;
        let class = list.get("highway").unwrap_or_default();
        let painted = tags::lanes(list, "lanes").is_some()
            || matches!(class, "motorway" | "trunk" | "primary" | "secondary" | "tertiary");
        if list.is("lane_markings", "no") || !painted || road.lanes < 2 {
            return;
        }
        let forward = match (road.oneway, tags::lanes(list, "lanes:forward"), tags::lanes(list, "lanes:backward")) {
            ("no", Some(n), _) if n < road.lanes => Some(n),
            ("no", _, Some(n)) if n < road.lanes => Some(road.lanes - n),
            ("no", ..) => Some((road.lanes + 1) / 2),
            _ => None,
        };
        let lane_m = road.width_m / f64::from(road.lanes);
        for boundary in 1..road.lanes {
            let left_m = f64::from(boundary) * lane_m - road.width_m / 2.0;
            let Some(line) = self.beside(left_m, ends) else { continue };
            count.dividers += 1;
            let centre = forward == Some(boundary);
            let (class, marking) = if centre { ("centre", "yellow_solid") } else { ("lane", "white_dashed") };
            let line = line.iter().map(|c| self.plane.to_degrees(*c)).collect();
            let id = format!("{}/{}", self.id, count.dividers);
            let mut made = self.made(MapLayer::LaneDivider, id, class);
            made.geometry = Geometry::LineString(LineString::new(line));
            made.attributes.marking = Some(marking.to_string());
            if shape::in_range(&made.geometry) {
                out.push(made);
            }
        }
    }

    /// Strips beside the carriageway, where `sidewalk` says that there are any and they are not drawn apart.
    fn sidewalks(&self, road: Carriageway, ends: [f64; 2], count: &mut Counters, out: &mut Vec<MapFeature>) {
        let list = &self.way.tags;
        let both = matches!(list.get("sidewalk"), Some("both" | "yes")) || list.is("sidewalk:both", "yes");
        for (side, sign) in [("left", 1.0), ("right", -1.0)] {
            let key = if sign > 0.0 { "sidewalk:left" } else { "sidewalk:right" };
            if !(both || list.is("sidewalk", side) || list.is(key, "yes")) {
                continue;
            }
            count.sidewalks += 1;
            let Some(line) = self.beside(sign * (road.width_m + SIDEWALK_M) / 2.0, ends) else { continue };
            let mut made = self.made(MapLayer::Sidewalk, format!("{}/{}", self.id, count.sidewalks), side);
            made.class = "sidewalk".to_string();
            made.attributes.width_m = Some(SIDEWALK_M);
            push_stroke(made, &self.plane, &line, SIDEWALK_M / 2.0, Cap::Butt, out);
        }
    }
}

fn crossing_class(list: &TagList) -> Option<&str> {
    let unsaid = |v: &&str| matches!(*v, "yes" | "marked");
    let told = list.get("crossing").filter(|v| !unsaid(v));
    told.or_else(|| tags::yes(list, "crossing:markings").filter(|v| !unsaid(v))).or_else(|| list.get("crossing"))
}

/// The class of the crossing node that a crossing way passes.
fn class_of_node<'a>(context: &Context<'a>, way: &StoredWay) -> Option<&'a str> {
    let nodes = &context.store.nodes;
    way.refs.iter().find_map(|node| {
        let at = nodes.binary_search_by_key(node, |n| n.id).ok()?;
        let list = &nodes[at].tags;
        crossing_class(list).filter(|_| list.is("highway", "crossing"))
    })
}

/// The unit direction of a way at a node, in the node's plane.
fn direction_at(context: &Context<'_>, plane: &Plane, way: &StoredWay, at: usize) -> Option<Coord<f64>> {
    let near = |i: usize| way.refs.get(i).and_then(|n| context.store.position(*n)).map(|p| plane.to_metres(p));
    let here = near(at)?;
    let before = at.checked_sub(1).and_then(near).unwrap_or(here);
    let after = near(at + 1).unwrap_or(here);
    shape::direction(before, after)
}

/// The features of a node on a road: a crossing, a stop line.
pub fn node(context: &Context<'_>, node: &StoredNode, out: &mut Vec<MapFeature>) {
    let list = &node.tags;
    let crossing = list.is("highway", "crossing") && !list.is("crossing", "no");
    let stop = list.is("highway", "stop") || list.is("road_marking", "stop_line");
    if !crossing && !stop {
        return;
    }
    let ways: Vec<(&StoredWay, usize)> = context.roads.at(context.store, node.id).collect();
    // A crossing that is drawn as a way is given its width there.
    if crossing && ways.iter().any(|(w, _)| w.tags.is("footway", "crossing")) {
        return;
    }
    let road = ways
        .iter()
        .filter_map(|&(way, i)| carriageway(&way.tags).map(|c| (way, i, c)))
        .reduce(|a, b| if b.2.width_m > a.2.width_m { b } else { a });
    let id = format!("node/{}", node.id);
    let plane = Plane::at(node.at.x, node.at.y);
    let origin = Coord { x: 0.0, y: 0.0 };
    let found = road.and_then(|(way, i, c)| direction_at(context, &plane, way, i).map(|d| (way, i, c, d)));
    if crossing {
        let class = crossing_class(list).unwrap_or("crossing");
        let shape = match found {
            Some((_, _, carriageway, d)) => shape::rectangle(origin, d, CROSSING_M, carriageway.width_m),
            // On no road of the extract: as large as a narrow one.
            None => shape::disc(origin, CROSSING_M / 2.0),
        };
        if let Some(geometry) = shape::area_from_plane(&plane, &MultiPolygon::new(vec![shape])) {
            let made =
                context.maker.feature(MapLayer::Crossing, id, &format!("node/{}", node.id), geometry, class, list);
            out.push(MapFeature { derived: true, ..made });
        }
        return;
    }
    let Some((way, i, carriageway, d)) = found else { return };
    let half = carriageway.width_m / 2.0;
    // Where the sign does not say, it stops those who come to the nearer end of the way.
    let forward = match list.get("direction") {
        Some("forward") => true,
        Some("backward") => false,
        _ => 2 * i + 1 >= way.refs.len(),
    };
    let (from, to) = match (carriageway.oneway, forward) {
        ("yes" | "reverse", _) => (-half, half),
        (_, true) => (-half, 0.0),
        (_, false) => (0.0, half),
    };
    let left = shape::left(d);
    let end = |m: f64| plane.to_degrees(Coord { x: left.x * m, y: left.y * m });
    let geometry = Geometry::LineString(LineString::new(vec![end(from), end(to)]));
    if shape::in_range(&geometry) {
        let class = if list.is("highway", "stop") { "stop" } else { "stop_line" };
        let made = context.maker.feature(MapLayer::StopLine, id, &format!("node/{}", node.id), geometry, class, list);
        out.push(MapFeature { derived: true, ..made });
    }
}

/// Which way a sign or signal faces, degrees clockwise from north: a bearing, or against the traffic of its way.
pub fn facing(context: &Context<'_>, node: &StoredNode, keys: &[&str]) -> Option<f64> {
    let told = keys.iter().find_map(|k| node.tags.get(k))?;
    if let Some(bearing) = tags::compass_deg(told) {
        return Some(bearing);
    }
    let against = match told {
        "forward" => -1.0,
        "backward" => 1.0,
        _ => return None,
    };
    let (way, i) = context.roads.at(context.store, node.id).find(|(w, _)| carriageway(&w.tags).is_some())?;
    let d = direction_at(context, &Plane::at(node.at.x, node.at.y), way, i)?;
    Some(libm::atan2(d.x * against, d.y * against).to_degrees().rem_euclid(360.0))
}
