//! A path and its positions as GeoJSON.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::MatchedTrack;
use super::decimal::{degrees, short};
use super::writer::Answer;

/// An answer that is being written.
#[derive(Default)]
pub(super) struct Geojson {
    begun: bool,
}

impl Geojson {
    fn put(&mut self, feature: &Value, out: &mut dyn Write) -> io::Result<()> {
        let before = if self.begun { ",\n" } else { "{\"type\":\"FeatureCollection\",\"features\":[\n" };
        self.begun = true;
        write!(out, "{before}{feature}")
    }
}

impl Answer for Geojson {
    fn track(&mut self, track: &MatchedTrack<'_>, out: &mut dyn Write) -> io::Result<()> {
        for part in track.path().chunk_by(|a, b| a.part == b.part) {
            let mut line: Vec<[f64; 2]> = Vec::new();
            for edge in part {
                track.graph().line(edge.edge, edge.edge_m[0], edge.edge_m[1], |lon, lat, _| {
                    let at = [degrees(lon), degrees(lat)];
                    if line.last() != Some(&at) {
                        line.push(at);
                    }
                });
            }
            if line.len() == 1 {
                line.push(line[0]);
            }
            let mut ways: Vec<i64> = part.iter().map(|e| track.way_id(e.way)).collect();
            ways.dedup();
            let length_m: f64 = part.iter().map(|e| e.edge_m[1] - e.edge_m[0]).sum();
            let probability = part.iter().map(|e| e.probability).fold(1.0, f64::min);
            let feature = json!({
                "type": "Feature",
                "properties": {
                    "part": track.part(&part[0]), "length_m": short(length_m), "way_ids": ways,
                    "probability": short(probability),
                },
                "geometry": {"type": "LineString", "coordinates": line},
            });
            self.put(&feature, out)?;
        }
        for row in track.rows() {
            let feature = json!({
                "type": "Feature",
                "properties": {
                    "index": row.index, "t_ns": row.t_ns, "way_id": row.way_id, "offset_m": row.offset_m,
                    "distance_m": row.distance_m, "probability": row.probability,
                },
                "geometry": {"type": "Point", "coordinates": [degrees(row.lon), degrees(row.lat)]},
            });
            self.put(&feature, out)?;
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut dyn Write) -> io::Result<()> {
        if !self.begun {
            write!(out, "{{\"type\":\"FeatureCollection\",\"features\":[")?;
        }
        writeln!(out, "\n]}}")
    }
}
