//! What the layers hold, on a street written here.

use std::io::Write;

use geo::{Area, Geometry, Validation};

use super::*;
use crate::record::MapLayer;

fn features(body: &str) -> (Vec<MapFeature>, Quarantine) {
    let mut file = tempfile::Builder::new().suffix(".osm").tempfile().expect("a temporary file");
    write!(file, "<osm version=\"0.6\">{body}</osm>").expect("written");
    let source = OsmSource::open(file.path(), &MapOptions::default()).expect("an OSM file");
    let (mut all, mut quarantine) = (Vec::new(), Quarantine::new());
    let mut sink = |f| {
        all.push(f);
        Ok(())
    };
    source.read(None, &mut quarantine, &mut sink).expect("readable");
    (all, quarantine)
}

fn of(all: &[MapFeature], layer: MapLayer) -> Vec<&MapFeature> {
    all.iter().filter(|f| f.layer == layer).collect()
}

/// Nodes 1..=3 on a line to the north, about 111 m apart.
const NODES: &str = r#"<node id="1" lat="37.390" lon="127.11"/><node id="2" lat="37.391" lon="127.11">TAGS</node>
<node id="3" lat="37.392" lon="127.11"/>"#;

fn street(node_tags: &str, way_tags: &str) -> (Vec<MapFeature>, Quarantine) {
    let tag = |pairs: &str| -> String {
        pairs
            .split_whitespace()
            .filter_map(|p| p.split_once('='))
            .map(|(k, v)| format!(r#"<tag k="{k}" v="{v}"/>"#))
            .collect()
    };
    let way = r#"<way id="7"><nd ref="1"/><nd ref="2"/><nd ref="3"/>"#;
    features(&format!("{}{way}{}</way>", NODES.replace("TAGS", &tag(node_tags)), tag(way_tags)))
}

#[test]
fn a_road_has_its_tags_and_a_carriageway_of_its_width() {
    let (all, quarantine) = street("", "highway=secondary lanes=4 name=판교역로 name:en=Pangyoyeok-ro maxspeed=30mph");
    let road = of(&all, MapLayer::Road)[0];
    assert_eq!((road.id.as_str(), road.class.as_str()), ("way/7", "secondary"));
    assert_eq!(road.name_ko.as_deref(), Some("판교역로"));
    assert_eq!(road.name_en.as_deref(), Some("Pangyoyeok-ro"));
    assert_eq!(road.attributes.lanes, Some(4));
    assert!((road.attributes.maxspeed_kmh.expect("a limit") - 48.28).abs() < 0.01);
    let drivable = of(&all, MapLayer::Drivable)[0];
    assert!(drivable.derived);
    let Geometry::Polygon(area) = &drivable.geometry else { panic!("a polygon") };
    let plane = crate::source::map::shape::Plane::around(area);
    let metres = geo::MapCoords::map_coords(area, |c| plane.to_metres(c));
    // 222 m of 13 m, and half a disc at each end.
    assert!((metres.unsigned_area() - (221.97 * 13.0 + 132.7)).abs() < 5.0, "{}", metres.unsigned_area());
    let dividers = of(&all, MapLayer::LaneDivider);
    let paint: Vec<_> = dividers.iter().filter_map(|d| d.attributes.marking.as_deref()).collect();
    assert_eq!(paint, ["white_dashed", "yellow_solid", "white_dashed"]);
    assert!(quarantine.is_empty());
}

#[test]
fn a_crossing_node_is_a_rectangle_across_its_road() {
    let (all, _) = street("highway=crossing crossing=zebra", "highway=residential width=6");
    let crossing = of(&all, MapLayer::Crossing)[0];
    assert_eq!((crossing.id.as_str(), crossing.class.as_str(), crossing.derived), ("node/2", "zebra", true));
    let Geometry::Polygon(area) = &crossing.geometry else { panic!("a polygon") };
    let plane = crate::source::map::shape::Plane::around(area);
    let metres = geo::MapCoords::map_coords(area, |c| plane.to_metres(c));
    assert!((metres.unsigned_area() - 24.0).abs() < 1e-3);
}

#[test]
fn a_stop_line_covers_the_half_of_those_who_stop() {
    let (all, _) = street("highway=stop direction=forward", "highway=residential width=6");
    let Geometry::LineString(line) = &of(&all, MapLayer::StopLine)[0].geometry else { panic!("a line") };
    // To the north, those who drive forward keep east of the middle.
    assert!(line.0.iter().all(|c| c.x >= 127.11 - 1e-12) && line.0.iter().any(|c| c.x > 127.11 + 1e-6));
}

#[test]
fn a_signal_faces_those_who_come() {
    let (all, _) = street("highway=traffic_signals traffic_signals:direction=forward", "highway=residential");
    assert_eq!(of(&all, MapLayer::Signal)[0].attributes.direction_deg, Some(180.0));
}

#[test]
fn sidewalks_lie_on_the_sides_that_are_told() {
    let (all, _) = street("", "highway=residential sidewalk=both");
    assert_eq!(of(&all, MapLayer::Sidewalk).len(), 2);
    let (all, _) = street("", "highway=residential sidewalk=separate");
    assert!(of(&all, MapLayer::Sidewalk).is_empty());
}

#[test]
fn a_way_is_cut_where_its_nodes_are_missing() {
    let body = format!(
        "{NODES}<node id=\"5\" lat=\"37.394\" lon=\"127.11\"/><way id=\"7\"><nd ref=\"1\"/><nd ref=\"2\"/><nd ref=\"99\"/><nd ref=\"3\"/>\
         <nd ref=\"5\"/><tag k=\"highway\" v=\"path\"/></way>"
    );
    let (all, quarantine) = features(&body);
    let ids: Vec<_> = of(&all, MapLayer::Road).iter().map(|f| f.id.as_str()).collect();
    assert_eq!(ids, ["way/7/1", "way/7/2"]);
    assert_eq!(quarantine.total(), 1);
}

#[test]
fn a_relation_that_does_not_close_is_named() {
    let body = format!(
        "{NODES}<way id=\"7\"><nd ref=\"1\"/><nd ref=\"2\"/><nd ref=\"3\"/></way><relation id=\"9\">\
         <member type=\"way\" ref=\"7\" role=\"outer\"/><tag k=\"type\" v=\"multipolygon\"/><tag k=\"building\" v=\"yes\"/></relation>"
    );
    let (all, quarantine) = features(&body);
    assert!(all.is_empty());
    let (_, reason, _) = quarantine.iter().next().expect("it is told");
    assert!(reason.contains("relation/9"), "{reason}");
}

#[test]
fn a_surveyed_sidewalk_takes_the_place_of_the_derived_one() {
    let ring = "<nd ref=\"1\"/><nd ref=\"2\"/><nd ref=\"4\"/><nd ref=\"1\"/>";
    let tags = [("highway", "footway"), ("footway", "sidewalk"), ("area:highway", "footway")];
    let tags = tags.map(|(k, v)| format!("<tag k=\"{k}\" v=\"{v}\"/>")).concat();
    let (all, _) =
        features(&format!("{NODES}<node id=\"4\" lat=\"37.39\" lon=\"127.12\"/><way id=\"7\">{ring}{tags}</way>"));
    let sidewalks = of(&all, MapLayer::Sidewalk);
    assert_eq!((sidewalks.len(), sidewalks[0].derived), (1, false));
}

#[test]
fn ids_are_unique_and_geometries_valid_on_real_extracts() {
    let Some(data) = std::env::var_os("WORLDLOOM_DATA") else {
        eprintln!("skipped: WORLDLOOM_DATA is not set");
        return;
    };
    let data = std::path::PathBuf::from(data);
    for file in ["monaco-versions/monaco-2021.osm.pbf", "berlin-mitte/osm/berlin-siegessaeule.osm.gz"] {
        let source = OsmSource::open(&data.join(file), &MapOptions::default()).expect("an OSM file");
        let mut seen = std::collections::BTreeSet::new();
        let mut quarantine = Quarantine::new();
        let mut sink = |f: MapFeature| {
            assert!(f.geometry.is_valid(), "{:?} {}: {:?}", f.layer, f.id, f.geometry.validation_errors());
            assert!(!f.class.is_empty());
            let area = matches!(f.geometry, Geometry::Polygon(_) | Geometry::MultiPolygon(_));
            assert_eq!(f.layer.is_area(), area, "{:?} {}", f.layer, f.id);
            assert!(seen.insert((f.layer, f.id.clone())), "{:?} {} twice", f.layer, f.id);
            Ok(())
        };
        source.read(None, &mut quarantine, &mut sink).expect("readable");
        assert!(seen.len() > 500, "{file}: {}", seen.len());
    }
}
