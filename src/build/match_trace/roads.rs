//! The roads that traces are matched to.

use std::path::Path;

use crate::build::road_cache::Kept;
use crate::error::{ErrorKind, Location, Quarantine, Result};
use crate::record::{RoadGraph, RoadGraphBuilder};
use crate::source::MapOptions;
use crate::source::registry::open_map;

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
