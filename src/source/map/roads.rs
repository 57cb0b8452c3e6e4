//! Roads for a graph out of features of the layer `road`: for maps that are lines with attributes, and no more.
//!
//! Lines meet where they share a vertex. `oneway` is kept; who may use a road follows from its class where that is one of
//! OpenStreetMap's, else everybody may.

use geo::{Geometry, LineString};

use super::osm::usual_access;
use crate::record::{MapFeature, MapLayer, Mode, Modes, RoadGraphBuilder, RoadLine};

/// Adds a feature, where it is a road and a line; the parts of several lines are numbered.
pub(super) fn add(feature: &MapFeature, builder: &mut RoadGraphBuilder) {
    if feature.layer != MapLayer::Road {
        return;
    }
    let lines: &[LineString<f64>] = match &feature.geometry {
        Geometry::LineString(line) => std::slice::from_ref(line),
        Geometry::MultiLineString(lines) => &lines.0,
        _ => return,
    };
    // Ids that are no numbers are counted instead; names stay.
    let number = feature.id.rsplit('/').next().and_then(|id| id.parse().ok());
    let id = number.unwrap_or(builder.lines.len() as i64 + 1);
    let usual = usual_access(&feature.class).unwrap_or(Modes::ALL);
    let on_foot = usual.and(Modes::only(Mode::Foot));
    let access = match feature.attributes.oneway.as_deref() {
        Some("yes" | "true" | "1" | "forward") => [usual, on_foot],
        Some("-1" | "reverse" | "backward") => [on_foot, usual],
        _ => [usual; 2],
    };
    for (part, line) in lines.iter().enumerate() {
        let points: Vec<(f64, f64)> = line.0.iter().map(|c| (c.x, c.y)).collect();
        builder.lines.push(RoadLine {
            id,
            part: if lines.len() > 1 { u16::try_from(part + 1).unwrap_or(u16::MAX) } else { 0 },
            name: (feature.id != format!("way/{id}")).then(|| feature.id.clone()),
            class: feature.class.clone(),
            level: feature.attributes.level.map_or(0, |l| l.clamp(-100, 100) as i8),
            bridge: feature.attributes.structure.as_deref() == Some("bridge"),
            tunnel: feature.attributes.structure.as_deref() == Some("tunnel"),
            maxspeed_kmh: feature.attributes.maxspeed_kmh.map_or(0, |v| v.clamp(0.0, 255.0) as u8),
            nodes: points.iter().map(|p| node(*p)).collect(),
            points,
            access,
        });
    }
}

/// A vertex as a node: the same for all that lie within a centimetre.
fn node((lon, lat): (f64, f64)) -> i64 {
    let [x, y] = [lon, lat].map(|d| libm::round(d * 1e7) as i64);
    (x << 32) | (y & 0xffff_ffff)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use crate::error::Quarantine;
    use crate::record::{Mode, RoadGraphBuilder};
    use crate::source::{MapOptions, map::geojson};

    #[test]
    fn lines_of_geojson_meet_where_they_share_a_vertex() {
        let line = |id: &str, oneway: &str, coordinates: &str| {
            format!(
                r#"{{"type":"Feature","properties":{{"id":"{id}","oneway":"{oneway}"}},"geometry":{{"type":"LineString","coordinates":{coordinates}}}}}"#
            )
        };
        let lines = [
            line("12", "no", "[[127.0,37.0],[127.001,37.0],[127.002,37.0]]"),
            line("main", "yes", "[[127.001,37.0],[127.001,37.001]]"),
        ];
        let mut file = tempfile::Builder::new().suffix(".geojson").tempfile().expect("a temporary file");
        write!(file, r#"{{"type":"FeatureCollection","features":[{}]}}"#, lines.join(",")).expect("written");
        let options = MapOptions { layer: Some("road".to_string()), ..MapOptions::default() };
        let source = geojson::open(file.path(), &options).expect("GeoJSON");
        let mut builder = RoadGraphBuilder::default();
        source.roads(None, &mut Quarantine::new(), &mut builder).expect("readable");
        let (graph, _) = builder.build();
        // The first line is two roads now.
        assert_eq!((graph.road_count(), graph.node_count()), (3, 4));
        let one_way: Vec<bool> = (0..graph.edge_count())
            .step_by(2)
            .map(|e| graph.allows(e, Mode::Car) != graph.allows(e + 1, Mode::Car))
            .collect();
        assert_eq!(one_way.iter().filter(|o| **o).count(), 1);
        assert!((0..graph.ways().len() as u32).any(|w| graph.feature_id(w) == "main"));
    }
}
