//! Phase 0: maps are read once, around the recordings, into `map/`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use rstar::{AABB, RTree, RTreeObject};
use serde::{Deserialize, Serialize};

use crate::coord::BBox;
use crate::dataset::manifest::SourceEntry;
use crate::dataset::rows::SourceRow;
use crate::dataset::tables::{write_map, write_sources};
use crate::error::{ErrorKind, Location, Quarantine, Result};
use crate::record::{LAYERS, MapFeature, MapLayer, RoadGraph, RoadGraphBuilder};
use crate::source::MapOptions;
use crate::source::registry::open_map;

use super::hash::hash_sources;
use super::imagery::copy_imagery;
use super::plan::{Plan, sample_config};
use super::{Loaded, check_stop};

/// Metres around recordings that maps are kept for, beside the reach of the BEV raster.
const MARGIN_M: f64 = 100.0;

/// What the unit of maps tells the later phases.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MapFacts {
    /// Features by layer, and tiles of the imagery.
    pub counts: BTreeMap<String, u64>,
    /// Rows of the manifest.
    pub sources: Vec<SourceEntry>,
    /// What was refused.
    pub quarantine: Quarantine,
    /// What a reader of the report should know.
    pub notes: Vec<String>,
}

/// Reads every feature of a map, of whichever kind it is.
///
/// # Errors
///
/// Where the map cannot be read at all.
pub fn read_map(map: &Path, options: MapOptions, quarantine: &mut Quarantine) -> Result<Vec<MapFeature>> {
    let options = MapOptions { label: map.display().to_string(), ..options };
    let mut features = Vec::new();
    open_map(map, None, &options)?.read(None, quarantine, &mut |feature| {
        features.push(feature);
        Ok(())
    })?;
    Ok(features)
}

/// Reads every map of the plan into `data/map/`; returns the files written and what there is to know of them.
///
/// # Errors
///
/// Where a map cannot be read at all, a file cannot be written, or the user interrupts.
pub fn build_maps(loaded: &Loaded, plan: &Plan, data: &Path, stop: &AtomicBool) -> Result<(Vec<PathBuf>, MapFacts)> {
    let areas = Areas::of(loaded, plan);
    let mut quarantine = Quarantine::new();
    let mut notes = Vec::new();
    let mut layers: BTreeMap<MapLayer, BTreeMap<String, MapFeature>> = BTreeMap::new();
    let mut repeats = 0u64;
    for (number, map) in plan.maps.iter().enumerate() {
        let mut refused = Quarantine::new();
        let mut near = 0u64;
        map.source.read(areas.whole, &mut refused, &mut |mut feature| {
            check_stop(stop)?;
            if !areas.touches(&feature) {
                return Ok(());
            }
            near += 1;
            let layer = layers.entry(feature.layer).or_default();
            match layer.get(&feature.id) {
                // The same feature from two overlapping extracts is one feature.
                Some(known) if known.geometry == feature.geometry => repeats += 1,
                // The same id for something else: maps of one kind may count alike.
                Some(_) => {
                    feature.id = format!("map{number}/{}", feature.id);
                    layer.insert(feature.id.clone(), feature);
                }
                None => {
                    layer.insert(feature.id.clone(), feature);
                }
            }
            Ok(())
        })?;
        if near == 0 && map.source.raster().is_none() {
            let place = Location::file(loaded.base.join(&loaded.config.map[number].path));
            refused.refuse(&place, "nothing of this map lies near the recordings");
        }
        quarantine.merge(refused.relabelled(&loaded.base.join(&loaded.config.map[number].path), &map.label));
    }
    if repeats > 0 {
        notes.push(format!("{repeats} map features occur in more than one map and are kept once"));
    }

    let folder = data.join("map");
    std::fs::create_dir_all(&folder).map_err(|e| ErrorKind::io("create folder", e).in_file(&folder))?;
    let mut paths = Vec::new();
    let mut counts = BTreeMap::new();
    for layer in LAYERS {
        let features: Vec<MapFeature> = layers.remove(&layer).unwrap_or_default().into_values().collect();
        counts.insert(layer.name().to_string(), features.len() as u64);
        let path = folder.join(format!("{}.parquet", layer.name()));
        write_map(&path, &features)?;
        paths.push(path);
    }
    if let Some(imagery) = copy_imagery(loaded, plan, data, &mut quarantine, &mut notes)? {
        counts.insert("imagery".to_string(), imagery.tiles);
        paths.push(imagery.path);
    }

    let mut sources = Vec::new();
    let mut rows: Vec<SourceRow> = Vec::new();
    for (number, map) in plan.maps.iter().enumerate() {
        let config = &loaded.config.map[number];
        let entry = format!("map/{number}");
        let (files, tree) = hash_sources(&map.label, &entry, map.source.files(), &BTreeMap::new())?;
        rows.extend(files);
        sources.push(SourceEntry {
            path: map.label.clone(),
            kind: map.source.kind().to_string(),
            entry,
            size: tree.size,
            blake3: tree.blake3,
            license: config.license.clone().unwrap_or_default(),
            attribution: config.attribution.clone(),
        });
    }
    let folder = data.join("sources");
    std::fs::create_dir_all(&folder).map_err(|e| ErrorKind::io("create folder", e).in_file(&folder))?;
    let path = folder.join("maps.parquet");
    write_sources(&path, &rows)?;
    paths.push(path);
    Ok((paths, MapFacts { counts, sources, quarantine, notes }))
}

/// The roads around the recordings, of all maps that have any; `None` where none has.
///
/// Ways are those of `map/road.parquet`: what reading refuses was told when that was written.
///
/// # Errors
///
/// Where a map cannot be read at all.
pub fn road_graph(loaded: &Loaded, plan: &Plan) -> Result<Option<RoadGraph>> {
    let areas = Areas::of(loaded, plan);
    let mut builder = RoadGraphBuilder::default();
    for map in &plan.maps {
        map.source.roads(areas.whole, &mut Quarantine::new(), &mut builder)?;
    }
    builder.lines.retain(|l| BBox::of_points(l.points.iter().copied()).is_some_and(|b| areas.touches_box(&b)));
    let (graph, _) = builder.build();
    Ok(Some(graph).filter(|g| !g.is_empty()))
}

/// Metres around the positions of a config entry's recordings that its samples can show, with a margin.
pub fn reach_m(loaded: &Loaded, entry: usize) -> f64 {
    sample_config(loaded, entry).bev.reach_m() + MARGIN_M
}

/// Where maps are wanted: the boxes of all segments, grown by what a sample can show.
struct Areas {
    whole: Option<BBox>,
    boxes: RTree<Area>,
}

struct Area(BBox);

impl RTreeObject for Area {
    type Envelope = AABB<[f64; 2]>;

    fn envelope(&self) -> Self::Envelope {
        AABB::from_corners([self.0.xmin, self.0.ymin], [self.0.xmax, self.0.ymax])
    }
}

impl Areas {
    fn of(loaded: &Loaded, plan: &Plan) -> Areas {
        let mut boxes: Vec<BBox> = Vec::new();
        for source in &plan.sources {
            let reach = reach_m(loaded, source.entry);
            boxes.extend(source.segments.iter().map(|s| s.bounds.grown_m(reach)));
        }
        let whole = boxes.iter().copied().reduce(|a, b| a.union(&b));
        Areas { whole, boxes: RTree::bulk_load(boxes.into_iter().map(Area).collect()) }
    }

    fn touches_box(&self, bbox: &BBox) -> bool {
        let envelope = AABB::from_corners([bbox.xmin, bbox.ymin], [bbox.xmax, bbox.ymax]);
        self.boxes.locate_in_envelope_intersecting(&envelope).next().is_some()
    }

    fn touches(&self, feature: &MapFeature) -> bool {
        use geo::BoundingRect;
        feature.geometry.bounding_rect().is_some_and(|r| {
            self.touches_box(&BBox { xmin: r.min().x, ymin: r.min().y, xmax: r.max().x, ymax: r.max().y })
        })
    }
}
