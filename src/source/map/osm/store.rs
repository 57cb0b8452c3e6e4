//! The objects of a file that features are made of, in memory: ways and relations with tags that a layer uses, tagged
//! nodes, and the positions of all nodes those refer to.

use geo::Coord;

use super::raw::{Element, Kinds, MemberKind, OsmFile, Tags};
use crate::error::{Location, Quarantine, Result};

/// Why a node is left out.
pub const MISPLACED: &str = "a node whose position is not a longitude and latitude";

/// An object without one of these keys is no feature.
const MAIN_KEYS: [&str; 19] = [
    "addr:housenumber",
    "amenity",
    "area:highway",
    "building",
    "building:part",
    "healthcare",
    "highway",
    "historic",
    "landuse",
    "leisure",
    "natural",
    "office",
    "public_transport",
    "railway",
    "road_marking",
    "shop",
    "tourism",
    "traffic_sign",
    "waterway",
];

/// Further keys that features are made of; others are not kept. Prefixes end in `:`.
const OTHER_KEYS: [&str; 31] = [
    "addr:place",
    "addr:street",
    "area",
    "building:levels",
    "crossing",
    "crossing:markings",
    "direction",
    "footway",
    "height",
    "junction",
    "lane_markings",
    "lanes",
    "lanes:backward",
    "lanes:forward",
    "layer",
    "bridge",
    "maxspeed",
    "name",
    "name:en",
    "name:ko",
    "oneway",
    "sidewalk",
    "sidewalk:both",
    "sidewalk:left",
    "sidewalk:right",
    "surface",
    "traffic_signals",
    "traffic_signals:direction",
    "traffic_sign:direction",
    "tunnel",
    "width",
];

/// Tags that were kept, in the order of the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TagList(Vec<(Box<str>, Box<str>)>);

impl TagList {
    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(k, _)| &**k == key).map(|(_, v)| &**v)
    }

    /// Whether a key has a value.
    pub fn is(&self, key: &str, value: &str) -> bool {
        self.get(key) == Some(value)
    }

    /// The tags of an element that features use; `None` where it has no main key.
    fn of(tags: Tags<'_>) -> Option<TagList> {
        if !tags.0.iter().any(|(k, _)| MAIN_KEYS.contains(k)) {
            return None;
        }
        let used = tags.0.iter().filter(|(k, v)| !v.is_empty() && (MAIN_KEYS.contains(k) || OTHER_KEYS.contains(k)));
        Some(TagList(used.map(|&(k, v)| (k.into(), v.into())).collect()))
    }
}

/// A way that is, or may be, a feature.
#[derive(Debug)]
pub struct StoredWay {
    /// Its id.
    pub id: i64,
    /// Its nodes.
    pub refs: Vec<i64>,
    /// Its tags.
    pub tags: TagList,
}

impl StoredWay {
    /// Whether it ends where it starts and may bound an area.
    pub fn is_closed(&self) -> bool {
        self.refs.len() >= 4 && self.refs.first() == self.refs.last()
    }
}

/// A multipolygon.
#[derive(Debug)]
pub struct StoredRelation {
    /// Its id.
    pub id: i64,
    /// Its member ways.
    pub ways: Vec<i64>,
    /// Its tags.
    pub tags: TagList,
}

/// A node with tags.
#[derive(Debug)]
pub struct StoredNode {
    /// Its id.
    pub id: i64,
    /// Degrees.
    pub at: Coord<f64>,
    /// Its tags.
    pub tags: TagList,
}

/// Everything that features are made of, each sorted by id and without repetition.
#[derive(Debug, Default)]
pub struct Store {
    /// Ways with tags.
    pub ways: Vec<StoredWay>,
    /// Multipolygons with tags.
    pub relations: Vec<StoredRelation>,
    /// Nodes with tags.
    pub nodes: Vec<StoredNode>,
    /// Member ways of multipolygons that have no tags of their own: id and nodes.
    members: Vec<(i64, Vec<i64>)>,
    node_ids: Vec<i64>,
    positions: Vec<Coord<f64>>,
}

impl Store {
    /// Reads a file in two or three passes. What is damaged is refused once.
    pub fn read(file: &OsmFile, quarantine: &mut Quarantine) -> Result<Store> {
        let mut store = Store::default();
        let fold = |part: Store| {
            store.ways.extend(part.ways);
            store.relations.extend(part.relations);
            store.nodes.extend(part.nodes);
            Ok(())
        };
        file.scan(Kinds::ALL, quarantine, Store::default, Store::add, fold)?;
        let place = |id| Location::record(file.path(), u64::try_from(id).unwrap_or(0));
        once(&mut store.ways, |w| w.id, |id| quarantine.refuse(&place(id), "a way that is given twice"));
        once(&mut store.relations, |r| r.id, |id| quarantine.refuse(&place(id), "a relation that is given twice"));
        once(&mut store.nodes, |n| n.id, |id| quarantine.refuse(&place(id), "a node that is given twice"));
        store.nodes.retain(|n| n.at.x.abs() <= 180.0 && n.at.y.abs() <= 90.0);
        store.read_members(file)?;
        store.read_positions(file, quarantine)?;
        Ok(store)
    }

    fn add(&mut self, element: Element<'_>) {
        match element {
            Element::Node(node) => {
                if let Some(tags) = TagList::of(node.tags) {
                    self.nodes.push(StoredNode { id: node.id, at: Coord { x: node.lon, y: node.lat }, tags });
                }
            }
            Element::Way(way) => {
                if let Some(tags) = TagList::of(way.tags) {
                    self.ways.push(StoredWay { id: way.id, refs: way.refs.to_vec(), tags });
                }
            }
            Element::Relation(relation) => {
                if relation.tags.get("type") == Some("multipolygon")
                    && let Some(tags) = TagList::of(relation.tags)
                {
                    let ways = relation.members.iter().filter(|m| m.kind == MemberKind::Way).map(|m| m.id).collect();
                    self.relations.push(StoredRelation { id: relation.id, ways, tags });
                }
            }
        }
    }

    fn read_members(&mut self, file: &OsmFile) -> Result<()> {
        let mut wanted: Vec<i64> = self.relations.iter().flat_map(|r| r.ways.iter().copied()).collect();
        wanted.sort_unstable();
        wanted.dedup();
        wanted.retain(|id| self.ways.binary_search_by_key(id, |w| w.id).is_err());
        if wanted.is_empty() {
            return Ok(());
        }
        let members = &mut self.members;
        file.scan(
            Kinds::WAYS,
            &mut Quarantine::new(),
            Vec::new,
            |found: &mut Vec<(i64, Vec<i64>)>, element| {
                if let Element::Way(way) = element
                    && wanted.binary_search(&way.id).is_ok()
                {
                    found.push((way.id, way.refs.to_vec()));
                }
            },
            |found| {
                members.extend(found);
                Ok(())
            },
        )?;
        members.sort_by_key(|m| m.0);
        members.dedup_by_key(|m| m.0);
        Ok(())
    }

    fn read_positions(&mut self, file: &OsmFile, quarantine: &mut Quarantine) -> Result<()> {
        let refs = self.ways.iter().map(|w| &w.refs).chain(self.members.iter().map(|m| &m.1));
        let mut ids: Vec<i64> = refs.flatten().copied().collect();
        ids.sort_unstable();
        ids.dedup();
        let nowhere = Coord { x: f64::NAN, y: f64::NAN };
        let mut positions = vec![nowhere; ids.len()];
        let mut misplaced = 0;
        file.scan(
            Kinds::NODES,
            &mut Quarantine::new(),
            || (Vec::new(), 0),
            |(found, misplaced): &mut (Vec<(usize, Coord<f64>)>, u64), element| {
                if let Element::Node(node) = element {
                    if !(node.lon.abs() <= 180.0 && node.lat.abs() <= 90.0) {
                        *misplaced += 1;
                    } else if let Ok(at) = ids.binary_search(&node.id) {
                        found.push((at, Coord { x: node.lon, y: node.lat }));
                    }
                }
            },
            |(found, wrong)| {
                misplaced += wrong;
                for (at, position) in found {
                    positions[at] = position;
                }
                Ok(())
            },
        )?;
        quarantine.refuse_many(&Location::file(file.path()), MISPLACED, misplaced);
        (self.node_ids, self.positions) = (ids, positions);
        Ok(())
    }

    /// Where a node is; `None` where it lies outside the extract.
    pub fn position(&self, node: i64) -> Option<Coord<f64>> {
        let at = self.node_ids.binary_search(&node).ok()?;
        Some(self.positions[at]).filter(|p| !p.x.is_nan())
    }

    /// The nodes of a way, with tags or as a member of a multipolygon.
    pub fn refs_of(&self, way: i64) -> Option<&[i64]> {
        if let Ok(at) = self.ways.binary_search_by_key(&way, |w| w.id) {
            return Some(&self.ways[at].refs);
        }
        self.members.binary_search_by_key(&way, |m| m.0).ok().map(|at| self.members[at].1.as_slice())
    }

    /// The parts of a way that lie in the extract: `(index of the first node, positions)`, two positions or more.
    pub fn parts(&self, refs: &[i64]) -> Vec<(usize, Vec<Coord<f64>>)> {
        let mut parts: Vec<(usize, Vec<Coord<f64>>)> = Vec::new();
        let mut open = false;
        for (i, &node) in refs.iter().enumerate() {
            match self.position(node) {
                Some(p) if open => parts.last_mut().map(|part| part.1.push(p)).unwrap_or_default(),
                Some(p) => {
                    parts.push((i, vec![p]));
                    open = true;
                }
                None => open = false,
            }
        }
        parts.retain(|(_, points)| points.windows(2).any(|w| w[0] != w[1]));
        parts
    }
}

/// Sorts by id and keeps the last of those with the same id.
fn once<T>(all: &mut Vec<T>, id: impl Fn(&T) -> i64, mut repeated: impl FnMut(i64)) {
    all.reverse();
    all.sort_by_key(&id);
    all.dedup_by(|b, a| {
        let same = id(a) == id(b);
        if same {
            repeated(id(a));
        }
        same
    });
}
