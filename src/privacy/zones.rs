//! Exclusion zones: polygons that nothing may be made of.

use std::path::Path;

use geo::{Geometry, MultiPolygon};
use geojson::GeoJson;

use crate::error::{ErrorKind, Location, Result};

/// Reads the polygons (lon, lat degrees) of a GeoJSON file.
///
/// # Errors
///
/// Where the file cannot be read, is not GeoJSON, or holds anything but polygons: a zone that is not understood must
/// not be overlooked.
pub fn read_zones(path: &Path) -> Result<Vec<MultiPolygon<f64>>> {
    let text = std::fs::read_to_string(path).map_err(|e| ErrorKind::io("read", e).in_file(path))?;
    let json: GeoJson =
        text.parse().map_err(|e: geojson::Error| ErrorKind::malformed("GeoJSON", e.to_string()).in_file(path))?;
    let geometries: Vec<Option<geojson::Geometry>> = match json {
        GeoJson::FeatureCollection(all) => all.features.into_iter().map(|f| f.geometry).collect(),
        GeoJson::Feature(one) => vec![one.geometry],
        GeoJson::Geometry(one) => vec![Some(one)],
    };
    let mut zones = Vec::new();
    for (record, geometry) in geometries.into_iter().enumerate() {
        let refuse =
            |reason: &str| ErrorKind::malformed("exclusion zone", reason).at(Location::record(path, record as u64));
        let geometry = geometry.ok_or_else(|| refuse("it has no geometry"))?;
        let geometry = Geometry::<f64>::try_from(geometry).map_err(|e| refuse(&e.to_string()))?;
        match geometry {
            Geometry::Polygon(polygon) => zones.push(MultiPolygon(vec![polygon])),
            Geometry::MultiPolygon(polygons) => zones.push(polygons),
            _ => return Err(refuse("it is no polygon")),
        }
    }
    Ok(zones)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<MultiPolygon<f64>>> {
        let file = tempfile::NamedTempFile::new().expect("temporary file");
        std::fs::write(file.path(), text).expect("writable");
        read_zones(file.path())
    }

    #[test]
    fn polygons_are_zones_and_anything_else_is_an_error() {
        let polygon = r#"{"type":"Polygon","coordinates":[[[0,0],[1,0],[1,1],[0,0]]]}"#;
        assert_eq!(read(polygon).expect("a polygon").len(), 1);
        let error = read(r#"{"type":"Point","coordinates":[0,0]}"#).expect_err("a point has no inside");
        assert!(error.to_string().ends_with("record 0: not valid exclusion zone: it is no polygon"), "{error}");
        assert!(read("not json").is_err());
    }
}
