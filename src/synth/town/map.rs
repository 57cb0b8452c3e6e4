//! The town as OSM elements: what a careful mapper would have drawn of it.

use std::collections::BTreeMap;

use crate::coord::heading_deg;
use crate::synth::planar::{V2, left};

use super::Town;
use super::furniture::{CROSSING_FROM_M, CROSSING_TO_M, PoleKind, STOP_LINE_M};
use super::lots::Use;
use super::network::Arm;
use super::pbf::{MemberKind, Node, Osm, Relation, Tags, Way};
use super::plan::{Ground, PATCHES, RoadClass, v2};

/// A stretch of a street that is one OSM way.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StreetWay {
    /// Its id in the map.
    pub id: i64,
    /// Which street.
    pub street: usize,
    /// From where along the street, metres.
    pub from_s: f64,
    /// To where.
    pub to_s: f64,
    /// Whether it lies in the tunnel.
    pub tunnel: bool,
}

/// Ids of streets' ways start here, of other ways at [`OTHER_WAYS`].
const STREET_WAYS: i64 = 1001;
const OTHER_WAYS: i64 = 2001;

/// No left turn from this street, driven along its line, into that one, at this junction.
const RESTRICTED: (usize, usize, (f64, f64)) = (0, 5, (4.0, 2.0));

/// The ways of all streets: a street is cut where its tunnel begins and ends.
pub fn street_ways(town: &Town) -> Vec<StreetWay> {
    let mut ways: Vec<StreetWay> = Vec::new();
    for (street, s) in town.network.streets.iter().enumerate() {
        let mut cuts = vec![(0.0, false)];
        let tunnel = town.network.segments.iter().filter(|g| g.street == street).find_map(|g| g.tunnel);
        cuts.extend(tunnel.iter().flat_map(|t| [(t.0, true), (t.1, false)]));
        // A turn restriction starts with a way that ends at its junction.
        if street == RESTRICTED.0 {
            cuts.push((s.path.nearest(v2(RESTRICTED.2)).0, false));
        }
        for (k, &(from_s, tunnel)) in cuts.iter().enumerate() {
            let to_s = cuts.get(k + 1).map_or(s.path.length(), |c| c.0);
            ways.push(StreetWay { id: STREET_WAYS + ways.len() as i64, street, from_s, to_s, tunnel });
        }
    }
    ways
}

/// The town's map.
pub fn osm(town: &Town) -> Osm {
    let mut map = Drawing { town, osm: Osm::default(), shared: BTreeMap::new() };
    map.streets();
    map.crossings();
    map.buildings();
    map.patches();
    map.points();
    map.restriction();
    map.osm
}

struct Drawing<'a> {
    town: &'a Town,
    osm: Osm,
    /// Nodes that several ways use, by their place in millimetres.
    shared: BTreeMap<(i64, i64), i64>,
}

fn tag(tags: &mut Tags, key: &str, value: impl Into<String>) {
    tags.push((key.to_string(), value.into()));
}

fn metres(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_string()
}

impl Drawing<'_> {
    /// A new node.
    fn node(&mut self, p: V2, tags: Tags) -> i64 {
        let place = self.town.frame.to_geodetic(nalgebra::Vector3::new(p.x, p.y, 0.0));
        let id = self.osm.nodes.len() as i64 + 1;
        let e7 = |deg: f64| libm::round(deg * 1e7) as i64;
        self.osm.nodes.push(Node { id, lon_e7: e7(place.lon_deg), lat_e7: e7(place.lat_deg), tags });
        id
    }

    /// The node of a place that several ways share, with these tags added to it.
    fn shared(&mut self, p: V2, mut tags: Tags) -> i64 {
        let key = (libm::round(p.x * 1e3) as i64, libm::round(p.y * 1e3) as i64);
        if let Some(&id) = self.shared.get(&key) {
            self.osm.nodes[id as usize - 1].tags.append(&mut tags);
            return id;
        }
        let id = self.node(p, tags);
        self.shared.insert(key, id);
        id
    }

    fn way(&mut self, nodes: Vec<i64>, tags: Tags) -> i64 {
        let id = match self.osm.ways.last() {
            Some(last) if last.id >= OTHER_WAYS => last.id + 1,
            _ => OTHER_WAYS,
        };
        self.osm.ways.push(Way { id, nodes, tags });
        id
    }

    /// A closed way around an outline.
    fn area(&mut self, outline: &[V2], tags: Tags) -> i64 {
        let mut nodes: Vec<i64> = outline.iter().map(|&p| self.node(p, Vec::new())).collect();
        nodes.push(nodes[0]);
        self.way(nodes, tags)
    }

    fn streets(&mut self) {
        let town = self.town;
        for junction in town.network.junctions.iter().filter(|j| j.signals) {
            let tags = vec![("highway".into(), "traffic_signals".into()), ("traffic_signals".into(), "signal".into())];
            self.shared(junction.place, tags);
        }
        for way in street_ways(town) {
            let street = &town.network.streets[way.street];
            let plan = street.plan;
            let mut places = vec![way.from_s, way.to_s];
            places.extend(&street.path.lengths);
            let crossed = town.crossings.iter().filter(|c| town.network.segments[c.arm.segment].street == way.street);
            places.extend(crossed.map(|c| self.crossing_s(c.arm)));
            places.retain(|&s| s >= way.from_s && s <= way.to_s);
            places.sort_by(f64::total_cmp);
            places.dedup_by(|a, b| (*a - *b).abs() < 0.05);
            let nodes = places.into_iter().map(|s| self.shared(street.path.at(s), Vec::new())).collect();
            let mut tags = Tags::new();
            tag(&mut tags, "highway", plan.class.tag());
            if !plan.name.is_empty() {
                tag(&mut tags, "name", plan.name);
                tag(&mut tags, "name:en", plan.name_en);
            }
            tag(&mut tags, "lanes", (plan.forward + plan.backward).to_string());
            if plan.backward == 0 {
                tag(&mut tags, "oneway", "yes");
            } else if plan.forward > 1 {
                tag(&mut tags, "lanes:forward", plan.forward.to_string());
                tag(&mut tags, "lanes:backward", plan.backward.to_string());
            }
            tag(&mut tags, "maxspeed", plan.maxspeed_kmh.to_string());
            tag(&mut tags, "surface", "asphalt");
            tag(&mut tags, "width", metres(2.0 * street.half_m()));
            tag(&mut tags, "sidewalk", if plan.sidewalk_m > 0.0 { "both" } else { "no" });
            if plan.sidewalk_m > 0.0 {
                tag(&mut tags, "sidewalk:both:width", metres(plan.sidewalk_m));
            }
            if way.tunnel {
                tag(&mut tags, "tunnel", "yes");
                tag(&mut tags, "layer", "-1");
                tag(&mut tags, "lit", "yes");
            }
            if plan.class == RoadClass::Service {
                tag(&mut tags, "access", "destination");
            }
            self.osm.ways.push(Way { id: way.id, nodes, tags });
        }
    }

    /// Where along its street a crossing's middle lies.
    fn crossing_s(&self, arm: Arm) -> f64 {
        let kerb = self.town.network.segments[arm.segment].kerb_s;
        let back = (CROSSING_FROM_M + CROSSING_TO_M) / 2.0;
        if arm.begins { kerb[0] + back } else { kerb[1] - back }
    }

    fn crossings(&mut self) {
        let town = self.town;
        for crossing in &town.crossings {
            let street = town.network.street(crossing.arm.segment);
            let kind = if crossing.signals { "traffic_signals" } else { "uncontrolled" };
            let s = self.crossing_s(crossing.arm);
            let mut tags = Tags::new();
            tag(&mut tags, "highway", "crossing");
            tag(&mut tags, "crossing", kind);
            tag(&mut tags, "crossing:markings", "zebra");
            let middle = self.shared(street.path.at(s), tags.clone());
            let reach = street.half_m();
            let ends = [reach, -reach].map(|d| self.node(street.path.offset(s, d), Vec::new()));
            tags[0].1 = "footway".into();
            tag(&mut tags, "footway", "crossing");
            tag(&mut tags, "width", metres(CROSSING_TO_M - CROSSING_FROM_M));
            self.way(vec![ends[0], middle, ends[1]], tags);
            let plan = street.plan;
            // A stop line lies over the lanes that drive towards the junction.
            let incoming = if crossing.arm.begins { plan.backward } else { plan.forward };
            if incoming > 0 {
                let inner = if plan.backward == 0 { -street.half_m() } else { 0.0 };
                let line = [inner, street.half_m()].map(|d| {
                    let p = town.network.on_arm(crossing.arm, STOP_LINE_M, d);
                    self.node(p, Vec::new())
                });
                self.way(line.to_vec(), vec![("road_marking".into(), "solid_stop_line".into())]);
            }
        }
    }

    fn buildings(&mut self) {
        let town = self.town;
        for building in &town.buildings {
            let mut tags = Tags::new();
            let kind = match building.use_ {
                Use::Office => "office",
                Use::Shops => "retail",
                Use::Apartments => "apartments",
                Use::House => "house",
            };
            tag(&mut tags, "building", kind);
            tag(&mut tags, "building:levels", building.levels.to_string());
            tag(&mut tags, "height", metres(building.height_m));
            if let Some(name) = &building.name {
                tag(&mut tags, "name", name.clone());
            }
            self.address(&mut tags, building.street, &building.number);
            self.area(&building.outline, tags);
            let (a, b) = (building.outline[0], building.outline[1]);
            let inward = left(b - a) / (b - a).norm() * 2.0;
            for (k, shop) in building.shops.iter().enumerate() {
                let w = (k as f64 + 0.5) / building.shops.len() as f64;
                let mut tags = Tags::new();
                tag(&mut tags, shop.tag.0, shop.tag.1);
                tag(&mut tags, "name", shop.name);
                tag(&mut tags, "name:en", shop.name_en);
                self.address(&mut tags, building.street, &building.number);
                self.node(a + (b - a) * w + inward, tags);
            }
        }
    }

    fn address(&self, tags: &mut Tags, street: usize, number: &str) {
        tag(tags, "addr:province", "경기도");
        tag(tags, "addr:city", "성남시");
        tag(tags, "addr:district", "분당구");
        tag(tags, "addr:street", self.town.network.streets[street].plan.name);
        tag(tags, "addr:housenumber", number);
    }

    fn patches(&mut self) {
        let mut pond = None;
        let mut around = None;
        for (ground, name, name_en, outline) in PATCHES {
            let outline: Vec<V2> = outline.iter().map(|&p| v2(p)).collect();
            let mut tags = Tags::new();
            let (key, value) = match ground {
                Ground::Park => ("leisure", "park"),
                Ground::Pond => ("natural", "water"),
                Ground::Parking => ("amenity", "parking"),
                Ground::Gravel => ("landuse", "brownfield"),
                Ground::Hill => ("natural", "wood"),
            };
            tag(&mut tags, key, value);
            if *ground == Ground::Gravel {
                tag(&mut tags, "surface", "gravel");
            }
            if !name.is_empty() {
                tag(&mut tags, "name", *name);
                tag(&mut tags, "name:en", *name_en);
            }
            // The park around the pond is a multipolygon with the pond as a hole.
            let is_around = *ground == Ground::Park && around.is_none();
            let id = self.area(&outline, if is_around { Tags::new() } else { tags.clone() });
            if is_around {
                around = Some((id, tags));
            } else if *ground == Ground::Pond {
                pond = Some(id);
            }
        }
        if let (Some((outer, mut tags)), Some(inner)) = (around, pond) {
            tags.insert(0, ("type".into(), "multipolygon".into()));
            let members = vec![(MemberKind::Way, outer, "outer".into()), (MemberKind::Way, inner, "inner".into())];
            self.osm.relations.push(Relation { id: 1, members, tags });
        }
    }

    fn points(&mut self) {
        let town = self.town;
        for tree in &town.trees {
            let tags = vec![("natural".into(), "tree".into()), ("height".into(), metres(tree.height_m))];
            self.node(tree.place, tags);
        }
        for pole in &town.poles {
            let tags = match pole.kind {
                PoleKind::Lamp => vec![("highway".into(), "street_lamp".into())],
                PoleKind::Wires(_) => vec![("power".into(), "pole".into())],
                PoleKind::Signal { .. } => continue,
            };
            self.node(pole.place, tags);
        }
        for sign in town.signs.iter().filter(|s| !s.tag.is_empty()) {
            let mut tags = Tags::new();
            let (kind, value) = sign.tag.split_once(':').unwrap_or((&sign.tag, ""));
            tag(&mut tags, "traffic_sign", kind);
            if !value.is_empty() {
                tag(&mut tags, kind, value);
            }
            tag(&mut tags, "direction", libm::round(heading_deg(sign.facing.x, sign.facing.y)).to_string());
            self.node(sign.place, tags);
        }
        for (place, tags) in [
            (
                V2::new(-100.0, 30.0),
                &[("railway", "station"), ("station", "subway"), ("name", "판교역"), ("name:en", "Pangyo Station")][..],
            ),
            (V2::new(-84.0, 22.0), &[("railway", "subway_entrance"), ("ref", "1"), ("name", "판교역 1번 출구")][..]),
            (V2::new(-40.0, -13.5), &[("highway", "bus_stop"), ("name", "판교역"), ("name:en", "Pangyo Station")][..]),
            (
                V2::new(60.0, 152.0),
                &[("highway", "bus_stop"), ("name", "낙생육교"), ("name:en", "Naksaeng Bridge")][..],
            ),
        ] {
            self.node(place, tags.iter().map(|(k, v)| ((*k).to_string(), (*v).to_string())).collect());
        }
    }

    /// No left turn from 판교역로 (driving east) into 판교역로25번길.
    fn restriction(&mut self) {
        let ways = street_ways(self.town);
        let by_street = |street: usize| ways.iter().find(|w| w.street == street).map(|w| w.id);
        let via = self.shared(v2(RESTRICTED.2), Vec::new());
        if let (Some(from), Some(to)) = (by_street(RESTRICTED.0), by_street(RESTRICTED.1)) {
            let members = vec![
                (MemberKind::Way, from, "from".into()),
                (MemberKind::Node, via, "via".into()),
                (MemberKind::Way, to, "to".into()),
            ];
            let tags = vec![("type".into(), "restriction".into()), ("restriction".into(), "no_left_turn".into())];
            self.osm.relations.push(Relation { id: 2, members, tags });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_map_refers_only_to_what_it_holds_and_is_sorted() {
        let town = Town::new(7);
        let map = osm(&town);
        let ids: Vec<i64> = map.nodes.iter().map(|n| n.id).collect();
        assert!(ids.windows(2).all(|w| w[0] < w[1]));
        assert!(map.ways.windows(2).all(|w| w[0].id < w[1].id));
        assert!(map.ways.iter().all(|w| w.nodes.len() >= 2 && w.nodes.iter().all(|n| ids.binary_search(n).is_ok())));
        let signals = map.nodes.iter().filter(|n| n.tags.iter().any(|t| t.1 == "traffic_signals")).count();
        assert!(signals >= 8);
    }

    #[test]
    fn streets_that_meet_share_a_node() {
        let map = osm(&Town::new(7));
        let streets: Vec<&Way> = map.ways.iter().filter(|w| w.id < OTHER_WAYS).collect();
        let shared = streets.iter().flat_map(|w| &w.nodes).fold(BTreeMap::<i64, usize>::new(), |mut m, n| {
            *m.entry(*n).or_default() += 1;
            m
        });
        assert!(shared.values().filter(|&&n| n > 1).count() >= 15);
        assert_eq!(map.osm_hash(), osm(&Town::new(7)).osm_hash());
    }

    impl Osm {
        fn osm_hash(&self) -> String {
            blake3::hash(&self.to_pbf()).to_hex().to_string()
        }
    }
}
