//! From stored objects to features, in a fixed order: ways, multipolygons, nodes, each by id.

use std::path::Path;
use std::sync::Arc;

use geo::{Coord, Geometry, LineString, MultiPolygon, Point, Polygon};
use rayon::prelude::*;

use super::roads::Roads;
use super::store::{Store, StoredNode, StoredRelation, StoredWay, TagList};
use super::{areas, rings, roads, tags};
use crate::coord::BBox;
use crate::error::{Location, Quarantine, Result};
use crate::record::{MapAttributes, MapFeature, MapLayer};
use crate::source::map::shape::{self, Cap, Plane};

/// Objects turned into features at once, before they are handed on.
const BATCH: usize = 4096;

/// What all features of a source share.
pub struct Maker {
    /// The source as the config writes it.
    pub source: Arc<str>,
    /// Its licence.
    pub license: Arc<str>,
}

impl Maker {
    /// A feature with the names and the common attributes of its tags.
    pub fn feature(
        &self,
        layer: MapLayer,
        id: String,
        source_id: &str,
        geometry: Geometry<f64>,
        class: &str,
        list: &TagList,
    ) -> MapFeature {
        let name = list.get("name").map(str::to_string);
        let korean = list.get("name:ko").or_else(|| list.get("name").filter(|n| tags::is_hangul(n)));
        let structure = ["bridge", "tunnel"].into_iter().find(|k| tags::yes(list, k).is_some());
        MapFeature {
            id,
            layer,
            geometry,
            class: class.to_string(),
            name_ko: korean.map(str::to_string),
            name_en: list.get("name:en").map(str::to_string),
            name,
            attributes: MapAttributes {
                surface: list.get("surface").map(str::to_string),
                level: list.get("layer").and_then(|l| l.trim().parse().ok()),
                structure: structure.map(str::to_string),
                ..MapAttributes::default()
            },
            derived: false,
            source_id: source_id.to_string(),
            source: self.source.clone(),
            license: self.license.clone(),
        }
    }
}

/// The features that one object gives, and what was refused of it.
pub struct Made {
    /// Its features.
    pub features: Vec<MapFeature>,
    /// What was refused.
    pub quarantine: Quarantine,
}

/// What making a feature needs to look up.
pub struct Context<'a> {
    /// The objects.
    pub store: &'a Store,
    /// What features share.
    pub maker: &'a Maker,
    /// Which roads pass which nodes.
    pub roads: Roads,
    path: &'a Path,
    /// Ids of ways that are members of a multipolygon with tags.
    in_relation: Vec<i64>,
}

impl Context<'_> {
    fn place(&self, id: i64) -> Location {
        Location::record(self.path, u64::try_from(id).unwrap_or(0))
    }
}

/// Gives all features that touch `area` to `sink`.
pub fn emit(
    store: &Store,
    maker: &Maker,
    path: &Path,
    area: Option<BBox>,
    quarantine: &mut Quarantine,
    sink: &mut dyn FnMut(MapFeature) -> Result<()>,
) -> Result<()> {
    let mut in_relation: Vec<i64> = store.relations.iter().flat_map(|r| r.ways.iter().copied()).collect();
    in_relation.sort_unstable();
    let context = Context { store, maker, roads: Roads::of(store), path, in_relation };
    each(&store.ways, |w| way(&context, w, area), area, quarantine, sink)?;
    each(&store.relations, |r| relation(&context, r), area, quarantine, sink)?;
    each(&store.nodes, |n| node(&context, n), area, quarantine, sink)
}

fn each<T: Sync>(
    all: &[T],
    make: impl Fn(&T) -> Made + Sync,
    area: Option<BBox>,
    quarantine: &mut Quarantine,
    sink: &mut dyn FnMut(MapFeature) -> Result<()>,
) -> Result<()> {
    for batch in all.chunks(BATCH) {
        let made: Vec<Made> = batch.par_iter().map(&make).collect();
        for one in made {
            quarantine.merge(one.quarantine);
            for feature in one.features {
                if shape::touches(&feature.geometry, area) {
                    sink(feature)?;
                }
            }
        }
    }
    Ok(())
}

fn way(context: &Context<'_>, way: &StoredWay, area: Option<BBox>) -> Made {
    let mut made = Made { features: Vec::new(), quarantine: Quarantine::new() };
    let parts = context.store.parts(&way.refs);
    if let Some(area) = area {
        // Widths and offsets reach no further than this beyond the nodes.
        let all = BBox::of_points(parts.iter().flat_map(|p| p.1.iter().map(|c| (c.x, c.y))));
        if !all.is_some_and(|b| b.grown_m(600.0).intersects(&area)) {
            return made;
        }
    }
    let missing = way.refs.iter().filter(|n| context.store.position(**n).is_none()).count();
    if missing > 0 {
        let reason = "a way cut where its nodes lie outside the extract (record: its id)";
        made.quarantine.refuse(&context.place(way.id), reason);
    } else if parts.is_empty() {
        made.quarantine.refuse(&context.place(way.id), "a way without two different nodes (record: its id)");
    }
    let id = format!("way/{}", way.id);
    if roads::is_line(&way.tags) {
        roads::lines(context, way, &parts, &mut made.features);
    }
    let kinds = areas::kinds(&way.tags);
    let wants_area = !kinds.is_empty() || areas::is_place(&way.tags);
    if wants_area && way.is_closed() {
        if missing == 0
            && let Some((_, ring)) = parts.first()
        {
            let polygon = Polygon::new(LineString::new(ring.clone()), Vec::new());
            match shape::valid_area(MultiPolygon::new(vec![polygon])) {
                Some(geometry) => areas::features(context, &id, &geometry, &way.tags, &mut made.features),
                None => made.quarantine.refuse(&context.place(way.id), "an area without extent (record: its way id)"),
            }
        }
    } else if !kinds.is_empty() && missing == 0 && context.in_relation.binary_search(&way.id).is_err() {
        made.quarantine.refuse(&context.place(way.id), "an area whose way is not closed (record: its way id)");
    }
    areas::strips(context, &id, &parts, &way.tags, &mut made.features);
    made
}

fn relation(context: &Context<'_>, relation: &StoredRelation) -> Made {
    let mut made = Made { features: Vec::new(), quarantine: Quarantine::new() };
    if areas::kinds(&relation.tags).is_empty() && !areas::is_place(&relation.tags) {
        return made;
    }
    let id = format!("relation/{}", relation.id);
    let mut ways = Vec::with_capacity(relation.ways.len());
    let mut missing = 0;
    for way in &relation.ways {
        let points = context.store.refs_of(*way).map(|refs| {
            refs.iter().map(|n| context.store.position(*n).map(|p| (*n, p))).collect::<Option<Vec<(i64, Coord<f64>)>>>()
        });
        match points {
            Some(Some(points)) => ways.push(points),
            _ => missing += 1,
        }
    }
    let place = context.place(relation.id);
    if missing > 0 {
        made.quarantine.refuse(&place, format!("{id}: {missing} member ways lie outside the extract"));
    }
    let assembled = rings::assemble(&ways);
    if missing == 0
        && let Some(node) = assembled.open_at.first()
    {
        made.quarantine.refuse(&place, format!("{id}: a ring does not close at node/{node}"));
    }
    // With a shell missing, a hole would look like a shell: such a relation is left out whole.
    if missing > 0 || !assembled.open_at.is_empty() {
        return made;
    }
    match assembled.geometry {
        Some(geometry) => areas::features(context, &id, &geometry, &relation.tags, &mut made.features),
        None => made.quarantine.refuse(&place, format!("{id}: no ring with an area")),
    }
    made
}

fn node(context: &Context<'_>, node: &StoredNode) -> Made {
    let mut features = Vec::new();
    let id = format!("node/{}", node.id);
    let maker = context.maker;
    let list = &node.tags;
    let point = Geometry::Point(Point(node.at));
    roads::node(context, node, &mut features);
    if list.is("natural", "tree") {
        let plane = Plane::at(node.at.x, node.at.y);
        let crown = shape::disc(Coord { x: 0.0, y: 0.0 }, 1.5);
        if let Some(geometry) = shape::area_from_plane(&plane, &MultiPolygon::new(vec![crown])) {
            let mut tree = maker.feature(MapLayer::Vegetation, id.clone(), &id, geometry, "tree", list);
            tree.attributes.height_m = tags::height_m(list);
            tree.derived = true;
            features.push(tree);
        }
    }
    if let Some(sign) = tags::yes(list, "traffic_sign") {
        let mut sign = maker.feature(MapLayer::Sign, id.clone(), &id, point.clone(), sign, list);
        sign.attributes.direction_deg = roads::facing(context, node, &["traffic_sign:direction", "direction"]);
        sign.attributes.height_m = tags::height_m(list);
        features.push(sign);
    }
    if list.is("highway", "traffic_signals") {
        let class = list.get("traffic_signals").unwrap_or("traffic_signals");
        let mut signal = maker.feature(MapLayer::Signal, id.clone(), &id, point, class, list);
        signal.attributes.direction_deg = roads::facing(context, node, &["traffic_signals:direction", "direction"]);
        features.push(signal);
    }
    areas::places(context, &id, node.at, false, list, &mut features);
    Made { features, quarantine: Quarantine::new() }
}

/// Pushes the area within `half_m` of a line in degrees as a derived feature, one or many polygons.
pub fn push_stroke(
    made: MapFeature,
    plane: &Plane,
    line: &[Coord<f64>],
    half_m: f64,
    cap: Cap,
    out: &mut Vec<MapFeature>,
) {
    if let Some(geometry) = shape::area_from_plane(plane, &shape::stroke(line, half_m, cap)) {
        out.push(MapFeature { geometry, derived: true, ..made });
    }
}
