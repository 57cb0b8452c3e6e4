//! The map layers: ids, geometries, licences.

use std::collections::HashSet;
use std::path::Path;

use geo::{Geometry, Validation as _};

use super::Watch;
use super::findings::{Place, Rule, Validation};
use super::rows::Ids;
use super::tables::{check_box, each_row, files};
use crate::dataset::{decode, tables};
use crate::error::Result;
use crate::record::{LAYERS, MapFeature, MapLayer};

/// The features that samples may speak of.
#[derive(Default)]
pub(super) struct Features {
    /// Ids over all layers.
    pub all: HashSet<String>,
    /// Those of roads.
    pub roads: HashSet<String>,
    /// Whether some could not be read.
    pub partly: bool,
}

pub(super) fn check(dir: &Path, watch: &Watch<'_>, found: &mut Validation) -> Result<Features> {
    let mut features = Features::default();
    for path in files(dir, "map", false, found) {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let Some(layer) = LAYERS.into_iter().find(|layer| layer.name() == stem) else {
            let file = format!("map/{stem}.parquet");
            Place { found, file: &file, row: None }.report(Rule::Schema, format!("no map layer is called `{stem}`"));
            continue;
        };
        let mut ids = Ids::default();
        let read = each_row(
            dir,
            &[path],
            tables::map_table(&[]),
            watch,
            found,
            decode::feature(layer),
            |place, feature, shapes, i| {
                ids.check(place, &feature.id);
                check_feature(place, &feature);
                check_box(place, shapes, i);
                if layer == MapLayer::Road {
                    features.roads.insert(feature.id.clone());
                }
                features.all.insert(feature.id);
                Ok(())
            },
        )?;
        features.partly |= read.partly;
    }
    Ok(features)
}

fn check_feature(place: &mut Place<'_>, feature: &MapFeature) {
    let polygon = matches!(feature.geometry, Geometry::Polygon(_) | Geometry::MultiPolygon(_));
    let layer = feature.layer;
    place.expect(Rule::Geometry, !layer.is_area() || polygon, || {
        format!("`{}` is not a polygon, as all of {} are", feature.id, layer.name())
    });
    place.expect(Rule::Geometry, !polygon || feature.geometry.is_valid(), || {
        format!("`{}` is not a valid polygon: {}", feature.id, errors(&feature.geometry))
    });
    place.expect(Rule::Rows, !feature.class.is_empty(), || format!("`{}` has no class", feature.id));
    place.expect(Rule::Licences, !feature.license.trim().is_empty(), || format!("`{}` has no licence", feature.id));
}

fn errors(geometry: &Geometry<f64>) -> String {
    geometry.validation_errors().first().map(ToString::to_string).unwrap_or_default()
}
