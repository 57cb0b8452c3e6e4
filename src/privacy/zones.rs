//! Exclusion zones: polygons that nothing may be made of.

use std::path::Path;

use geo::{Geometry, MultiPolygon};

use crate::error::{ErrorKind, Result};
use crate::source::map::geojson::read_geometries;

/// Reads the polygons (lon, lat degrees) of a GeoJSON file.
///
/// # Errors
///
/// Where the file cannot be read, is not GeoJSON, or holds anything but polygons: a zone that is not understood must
/// not be overlooked.
pub fn read_zones(path: &Path) -> Result<Vec<MultiPolygon<f64>>> {
    let mut zones = Vec::new();
    for geometry in read_geometries(path)? {
        match geometry {
            Geometry::Polygon(polygon) => zones.push(MultiPolygon(vec![polygon])),
            Geometry::MultiPolygon(polygons) => zones.push(polygons),
            _ => return Err(ErrorKind::malformed("exclusion zones", "a geometry is no polygon").in_file(path)),
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
        assert!(error.to_string().ends_with("not valid exclusion zones: a geometry is no polygon"), "{error}");
        assert!(read("not json").is_err());
    }
}
