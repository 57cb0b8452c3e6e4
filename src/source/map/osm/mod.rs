//! OpenStreetMap: PBF and XML files into map features.
//!
//! A file is read in passes ([`store`]): objects with tags that a layer uses, then member ways of multipolygons, then
//! the positions of the nodes those need. What lies outside the extract is cut off and counted, never guessed.
//! [`raw`] streams the objects as they are, for whoever needs more than features. Traffic is taken to keep right.

mod access;
mod areas;
mod features;
mod graph;
pub mod raw;
mod rings;
mod roads;
mod store;
mod tags;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;

use crate::coord::BBox;
use crate::error::{ErrorKind, Location, Quarantine, Result};
use crate::record::{MapFeature, RoadGraphBuilder, SourceFile};
use crate::source::{MapOptions, MapSource, Probe};

pub(super) use access::by_class as usual_access;
use raw::{Element, Kinds, OsmFile};
pub(super) use tags::{is_hangul, metres};

/// Whether a path is an OSM file: by its first bytes, since `.pbf` may be a vector tile.
pub fn detect(path: &Path) -> bool {
    raw::detect(path)
}

/// Opens an OSM file.
///
/// # Errors
///
/// A missing or empty file, or one that is neither PBF nor OSM XML.
pub fn open(path: &Path, options: &MapOptions) -> Result<Box<dyn MapSource>> {
    Ok(Box::new(OsmSource::open(path, options)?))
}

/// An OSM file as a map.
#[derive(Debug)]
pub struct OsmSource {
    file: OsmFile,
    files: Vec<SourceFile>,
    label: Arc<str>,
    license: Arc<str>,
}

impl OsmSource {
    /// Opens an OSM file; see [`open`].
    pub fn open(path: &Path, options: &MapOptions) -> Result<OsmSource> {
        let size = std::fs::metadata(path).map_err(|e| ErrorKind::io("read", e).in_file(path))?.len();
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        Ok(OsmSource {
            file: OsmFile::open(path, &options.limits)?,
            files: vec![SourceFile { relative: name, absolute: path.to_path_buf(), size }],
            label: options.label.as_str().into(),
            license: options.license.as_str().into(),
        })
    }
}

/// What a block adds to a probe.
#[derive(Default)]
struct Counted {
    nodes: u64,
    ways: u64,
    relations: u64,
    highways: u64,
    buildings: u64,
    misplaced: u64,
    extent: Option<BBox>,
}

impl Counted {
    fn add(&mut self, element: Element<'_>) {
        match element {
            Element::Node(node) => {
                self.nodes += 1;
                if node.lon.abs() <= 180.0 && node.lat.abs() <= 90.0 {
                    let at = BBox { xmin: node.lon, ymin: node.lat, xmax: node.lon, ymax: node.lat };
                    self.extent = Some(self.extent.map_or(at, |e| e.union(&at)));
                } else {
                    self.misplaced += 1;
                }
            }
            Element::Way(way) => {
                self.ways += 1;
                self.highways += u64::from(way.tags.get("highway").is_some());
                self.buildings += u64::from(way.tags.get("building").is_some());
            }
            Element::Relation(_) => self.relations += 1,
        }
    }

    fn merge(&mut self, other: Counted) {
        self.nodes += other.nodes;
        self.ways += other.ways;
        self.relations += other.relations;
        self.highways += other.highways;
        self.buildings += other.buildings;
        self.misplaced += other.misplaced;
        self.extent = BBox::around(self.extent, other.extent);
    }
}

impl MapSource for OsmSource {
    fn kind(&self) -> &'static str {
        "osm"
    }

    fn files(&self) -> &[SourceFile] {
        &self.files
    }

    fn probe(&self) -> Result<Probe> {
        let mut quarantine = Quarantine::new();
        let mut all = Counted::default();
        self.file.scan(Kinds::ALL, &mut quarantine, Counted::default, Counted::add, |one| {
            all.merge(one);
            Ok(())
        })?;
        quarantine.refuse_many(&Location::file(self.file.path()), store::MISPLACED, all.misplaced);
        let mut probe = Probe { kind: "osm".into(), ..Probe::default() };
        for (name, count) in [
            ("nodes", all.nodes),
            ("ways", all.ways),
            ("relations", all.relations),
            ("ways/highway", all.highways),
            ("ways/building", all.buildings),
        ] {
            probe.counts.insert(name.into(), count);
        }
        probe.notes.push(format!("encoding: {}", self.file.encoding_name()));
        Ok(probe.with_extent(all.extent).with_problems(&quarantine))
    }

    fn read(
        &self,
        area: Option<BBox>,
        quarantine: &mut Quarantine,
        sink: &mut dyn FnMut(MapFeature) -> Result<()>,
    ) -> Result<()> {
        let store = store::Store::read(&self.file, quarantine)?;
        let maker = features::Maker { source: self.label.clone(), license: self.license.clone() };
        features::emit(&store, &maker, self.file.path(), area, quarantine, sink)
    }

    fn roads(&self, area: Option<BBox>, quarantine: &mut Quarantine, builder: &mut RoadGraphBuilder) -> Result<()> {
        graph::read(&self.file, area, quarantine, builder)
    }
}
