//! Writes OSM PBF: dense nodes, ways and relations, zlib-compressed, sorted by type and id, no time in any byte.
//!
//! Source: <https://wiki.openstreetmap.org/wiki/PBF_Format> with `fileformat.proto` and `osmformat.proto`.

use std::collections::BTreeMap;
use std::io::Write;

use flate2::Compression;
use flate2::write::ZlibEncoder;

/// Tags of an element, in the order they are written.
pub type Tags = Vec<(String, String)>;

/// A node.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Id, unique among nodes.
    pub id: i64,
    /// Longitude in 1e-7 degrees.
    pub lon_e7: i64,
    /// Latitude in 1e-7 degrees.
    pub lat_e7: i64,
    /// Tags.
    pub tags: Tags,
}

/// A way.
#[derive(Debug, Clone, PartialEq)]
pub struct Way {
    /// Id, unique among ways.
    pub id: i64,
    /// Ids of its nodes.
    pub nodes: Vec<i64>,
    /// Tags.
    pub tags: Tags,
}

/// What kind of element a relation's member is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemberKind {
    /// A node.
    Node = 0,
    /// A way.
    Way = 1,
}

/// A relation.
#[derive(Debug, Clone, PartialEq)]
pub struct Relation {
    /// Id, unique among relations.
    pub id: i64,
    /// Kind, id and role of each member.
    pub members: Vec<(MemberKind, i64, String)>,
    /// Tags.
    pub tags: Tags,
}

/// A whole extract; each list is sorted by id.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Osm {
    /// Nodes.
    pub nodes: Vec<Node>,
    /// Ways.
    pub ways: Vec<Way>,
    /// Relations.
    pub relations: Vec<Relation>,
}

/// Elements of a block; osmosis and libosmium write as many.
const BLOCK: usize = 8000;

impl Osm {
    /// The bytes of the `.osm.pbf` file.
    pub fn to_pbf(&self) -> Vec<u8> {
        let mut out = Vec::new();
        blob(&mut out, "OSMHeader", &self.header());
        for nodes in self.nodes.chunks(BLOCK) {
            blob(&mut out, "OSMData", &node_block(nodes));
        }
        for ways in self.ways.chunks(BLOCK) {
            blob(&mut out, "OSMData", &way_block(ways));
        }
        for relations in self.relations.chunks(BLOCK) {
            blob(&mut out, "OSMData", &relation_block(relations));
        }
        out
    }

    /// A `HeaderBlock` with the box around all nodes, in nanodegrees.
    fn header(&self) -> Vec<u8> {
        let mut message = Vec::new();
        let (mut left, mut right, mut top, mut bottom) = (i64::MAX, i64::MIN, i64::MIN, i64::MAX);
        for node in &self.nodes {
            left = left.min(node.lon_e7);
            right = right.max(node.lon_e7);
            top = top.max(node.lat_e7);
            bottom = bottom.min(node.lat_e7);
        }
        if left <= right {
            let mut bbox = Vec::new();
            for (field, value) in [(1, left), (2, right), (3, top), (4, bottom)] {
                key(&mut bbox, field, 0);
                varint(&mut bbox, zigzag(value * 100));
            }
            bytes(&mut message, 1, &bbox);
        }
        bytes(&mut message, 4, b"OsmSchema-V0.6");
        bytes(&mut message, 4, b"DenseNodes");
        bytes(&mut message, 5, b"Sort.Type_then_ID");
        bytes(&mut message, 16, b"worldloom synth");
        message
    }
}

/// A block's strings in order of first use; index 0 is reserved as the delimiter of dense tags.
#[derive(Default)]
struct Strings {
    index: BTreeMap<String, u64>,
    table: Vec<u8>,
}

impl Strings {
    fn of(&mut self, text: &str) -> u64 {
        if let Some(&i) = self.index.get(text) {
            return i;
        }
        if self.index.is_empty() {
            bytes(&mut self.table, 1, b"");
        }
        let i = self.index.len() as u64 + 1;
        self.index.insert(text.to_string(), i);
        bytes(&mut self.table, 1, text.as_bytes());
        i
    }

    /// A `PrimitiveBlock` of one group.
    fn block(mut self, group: &[u8]) -> Vec<u8> {
        if self.index.is_empty() {
            bytes(&mut self.table, 1, b"");
        }
        let mut message = Vec::new();
        bytes(&mut message, 1, &self.table);
        bytes(&mut message, 2, group);
        message
    }

    /// The packed indices of keys (field 2) and values (field 3) of a way or relation.
    fn tags(&mut self, message: &mut Vec<u8>, tags: &Tags) {
        let keys: Vec<u64> = tags.iter().map(|t| self.of(&t.0)).collect();
        let values: Vec<u64> = tags.iter().map(|t| self.of(&t.1)).collect();
        packed(message, 2, keys);
        packed(message, 3, values);
    }
}

fn node_block(nodes: &[Node]) -> Vec<u8> {
    let mut strings = Strings::default();
    let mut tags = Vec::new();
    for node in nodes {
        for (k, v) in &node.tags {
            tags.push(strings.of(k));
            tags.push(strings.of(v));
        }
        tags.push(0);
    }
    let mut dense = Vec::new();
    packed(&mut dense, 1, deltas(nodes.iter().map(|n| n.id)));
    packed(&mut dense, 8, deltas(nodes.iter().map(|n| n.lat_e7)));
    packed(&mut dense, 9, deltas(nodes.iter().map(|n| n.lon_e7)));
    packed(&mut dense, 10, tags);
    let mut group = Vec::new();
    bytes(&mut group, 2, &dense);
    strings.block(&group)
}

fn way_block(ways: &[Way]) -> Vec<u8> {
    let mut strings = Strings::default();
    let mut group = Vec::new();
    for way in ways {
        let mut message = Vec::new();
        key(&mut message, 1, 0);
        varint(&mut message, way.id as u64);
        strings.tags(&mut message, &way.tags);
        packed(&mut message, 8, deltas(way.nodes.iter().copied()));
        bytes(&mut group, 3, &message);
    }
    strings.block(&group)
}

fn relation_block(relations: &[Relation]) -> Vec<u8> {
    let mut strings = Strings::default();
    let mut group = Vec::new();
    for relation in relations {
        let mut message = Vec::new();
        key(&mut message, 1, 0);
        varint(&mut message, relation.id as u64);
        strings.tags(&mut message, &relation.tags);
        let roles: Vec<u64> = relation.members.iter().map(|m| strings.of(&m.2)).collect();
        packed(&mut message, 8, roles);
        packed(&mut message, 9, deltas(relation.members.iter().map(|m| m.1)));
        packed(&mut message, 10, relation.members.iter().map(|m| m.0 as u64));
        bytes(&mut group, 4, &message);
    }
    strings.block(&group)
}

/// A `BlobHeader` and its `Blob`.
fn blob(out: &mut Vec<u8>, kind: &str, message: &[u8]) {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::new(9));
    let zlib = encoder.write_all(message).and_then(|()| encoder.finish()).expect("writing to memory does not fail");
    let mut body = Vec::new();
    key(&mut body, 2, 0);
    varint(&mut body, message.len() as u64);
    bytes(&mut body, 3, &zlib);
    let mut header = Vec::new();
    bytes(&mut header, 1, kind.as_bytes());
    key(&mut header, 3, 0);
    varint(&mut header, body.len() as u64);
    out.extend((header.len() as u32).to_be_bytes());
    out.extend(header);
    out.extend(body);
}

/// Differences between neighbours, zigzag-coded.
fn deltas(values: impl Iterator<Item = i64>) -> Vec<u64> {
    let mut last = 0;
    values.map(|v| zigzag(v - std::mem::replace(&mut last, v))).collect()
}

fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

fn key(out: &mut Vec<u8>, field: u64, wire: u64) {
    varint(out, field << 3 | wire);
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn bytes(out: &mut Vec<u8>, field: u64, value: &[u8]) {
    key(out, field, 2);
    varint(out, value.len() as u64);
    out.extend(value);
}

fn packed(out: &mut Vec<u8>, field: u64, values: impl IntoIterator<Item = u64>) {
    let mut body = Vec::new();
    for value in values {
        varint(&mut body, value);
    }
    bytes(out, field, &body);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_reader_finds_every_element_tag_and_member() {
        let tags = |k: &str, v: &str| vec![(k.to_string(), v.to_string())];
        let osm = Osm {
            nodes: vec![
                Node { id: 1, lon_e7: 1_271_112_000, lat_e7: 373_947_000, tags: vec![] },
                Node { id: 5, lon_e7: -1_271_112_001, lat_e7: -373_947_001, tags: tags("name", "판교역") },
            ],
            ways: vec![Way { id: 1001, nodes: vec![5, 1, 5], tags: tags("highway", "primary") }],
            relations: vec![Relation {
                id: 7,
                members: vec![(MemberKind::Way, 1001, "outer".into()), (MemberKind::Node, 1, "via".into())],
                tags: tags("type", "multipolygon"),
            }],
        };
        let mut seen = Vec::new();
        osmpbf::ElementReader::new(std::io::Cursor::new(osm.to_pbf()))
            .for_each(|element| match element {
                osmpbf::Element::DenseNode(n) => {
                    let tags: Vec<_> = n.tags().map(|(k, v)| format!("{k}={v}")).collect();
                    seen.push(format!("n{} {} {} {tags:?}", n.id(), n.decimicro_lon(), n.decimicro_lat()));
                }
                osmpbf::Element::Way(w) => seen.push(format!("w{} {:?}", w.id(), w.refs().collect::<Vec<_>>())),
                osmpbf::Element::Relation(r) => {
                    let members: Vec<_> =
                        r.members().map(|m| (m.member_id, m.role().unwrap_or("?").to_string())).collect();
                    seen.push(format!("r{} {members:?}", r.id()));
                }
                osmpbf::Element::Node(_) => seen.push("a plain node".into()),
            })
            .expect("readable");
        assert_eq!(
            seen,
            [
                "n1 1271112000 373947000 []",
                "n5 -1271112001 -373947001 [\"name=판교역\"]",
                "w1001 [5, 1, 5]",
                "r7 [(1001, \"outer\"), (1, \"via\")]",
            ]
        );
    }
}
