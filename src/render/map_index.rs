//! [`MapIndex`]: map features by place.

use geo::{BoundingRect, Geometry, LineString};
use nalgebra::Vector3;
use rstar::{AABB, RTree, RTreeObject};

use crate::coord::{BBox, EnuFrame, Geodetic, heading_deg};
use crate::record::{MapFeature, MapLayer};

/// Map features in an R-tree over their bounds in degrees; answers come in the order of the features it was made from.
#[derive(Debug)]
pub struct MapIndex {
    features: Vec<MapFeature>,
    tree: RTree<Entry>,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    index: usize,
    bounds: BBox,
}

impl RTreeObject for Entry {
    type Envelope = AABB<[f64; 2]>;

    fn envelope(&self) -> Self::Envelope {
        AABB::from_corners([self.bounds.xmin, self.bounds.ymin], [self.bounds.xmax, self.bounds.ymax])
    }
}

/// The feature nearest to a place, and where on it.
#[derive(Debug, Clone, Copy)]
pub struct Nearest<'a> {
    /// The feature.
    pub feature: &'a MapFeature,
    /// Distance on the ground, metres; 0 inside a polygon.
    pub distance_m: f64,
    /// The nearest point of it, degrees.
    pub lon: f64,
    /// The nearest point of it, degrees.
    pub lat: f64,
    /// Direction of the line there, along its points, degrees clockwise from north; `None` for points and insides.
    pub bearing_deg: Option<f64>,
}

impl MapIndex {
    /// An index over features; those without a geometry's bounds are kept but never found.
    pub fn new(features: Vec<MapFeature>) -> MapIndex {
        let entries = features
            .iter()
            .enumerate()
            .filter_map(|(index, feature)| {
                let r = feature.geometry.bounding_rect()?;
                let bounds = BBox { xmin: r.min().x, ymin: r.min().y, xmax: r.max().x, ymax: r.max().y };
                Some(Entry { index, bounds })
            })
            .collect();
        MapIndex { features, tree: RTree::bulk_load(entries) }
    }

    /// All features, in their order.
    pub fn features(&self) -> &[MapFeature] {
        &self.features
    }

    /// The features whose bounds touch a box, of one layer or of all, in their order.
    pub fn in_box(&self, bbox: BBox, layer: Option<MapLayer>) -> Vec<&MapFeature> {
        let envelope = AABB::from_corners([bbox.xmin, bbox.ymin], [bbox.xmax, bbox.ymax]);
        let mut found: Vec<usize> = self.tree.locate_in_envelope_intersecting(&envelope).map(|e| e.index).collect();
        found.sort_unstable();
        found.into_iter().map(|i| &self.features[i]).filter(|f| layer.is_none_or(|l| f.layer == l)).collect()
    }

    /// The features of a layer within `max_m` of a place, nearest first (the earlier wins a tie).
    pub fn near(&self, layer: MapLayer, lon: f64, lat: f64, max_m: f64) -> Vec<Nearest<'_>> {
        let here = BBox { xmin: lon, ymin: lat, xmax: lon, ymax: lat };
        let frame = EnuFrame::new(Geodetic::new(lon, lat, 0.0));
        let mut found: Vec<Nearest<'_>> = self
            .in_box(here.grown_m(max_m * 1.01 + 1.0), Some(layer))
            .into_iter()
            .filter_map(|feature| nearest_on(feature, &frame))
            .filter(|n| n.distance_m <= max_m)
            .collect();
        found.sort_by(|a, b| a.distance_m.total_cmp(&b.distance_m));
        found
    }

    /// The feature of a layer nearest to a place, within `max_m`.
    pub fn nearest(&self, layer: MapLayer, lon: f64, lat: f64, max_m: f64) -> Option<Nearest<'_>> {
        self.near(layer, lon, lat, max_m).into_iter().next()
    }
}

/// The point of a feature nearest to the origin of `frame`.
fn nearest_on<'a>(feature: &'a MapFeature, frame: &EnuFrame) -> Option<Nearest<'a>> {
    use geo::{Contains, CoordsIter, Point};
    let origin = frame.origin();
    let inside =
        |distance_m| Nearest { feature, distance_m, lon: origin.lon_deg, lat: origin.lat_deg, bearing_deg: None };
    let flat = |lon: f64, lat: f64| frame.to_enu(Geodetic::new(lon, lat, 0.0));
    let here = Point::new(origin.lon_deg, origin.lat_deg);
    let rings: Vec<&LineString<f64>> = match &feature.geometry {
        Geometry::Polygon(p) if p.contains(&here) => return Some(inside(0.0)),
        Geometry::MultiPolygon(m) if m.contains(&here) => return Some(inside(0.0)),
        Geometry::LineString(line) => vec![line],
        Geometry::MultiLineString(lines) => lines.iter().collect(),
        Geometry::Polygon(p) => std::iter::once(p.exterior()).chain(p.interiors()).collect(),
        Geometry::MultiPolygon(m) => {
            m.iter().flat_map(|p| std::iter::once(p.exterior()).chain(p.interiors())).collect()
        }
        other => {
            let points = other.coords_iter().map(|c| (flat(c.x, c.y), c));
            let (p, c) = points.min_by(|a, b| a.0.xy().norm().total_cmp(&b.0.xy().norm()))?;
            return Some(Nearest { feature, distance_m: p.xy().norm(), lon: c.x, lat: c.y, bearing_deg: None });
        }
    };
    let mut best: Option<(f64, Vector3<f64>, Vector3<f64>)> = None;
    for ring in rings {
        for segment in ring.0.windows(2) {
            let (a, b) = (flat(segment[0].x, segment[0].y), flat(segment[1].x, segment[1].y));
            let along = b - a;
            let length2 = along.x * along.x + along.y * along.y;
            let w = if length2 > 0.0 { (-(a.x * along.x + a.y * along.y) / length2).clamp(0.0, 1.0) } else { 0.0 };
            let p = a + along * w;
            let distance = (p.x * p.x + p.y * p.y).sqrt();
            if best.is_none_or(|(d, ..)| distance < d) {
                best = Some((distance, p, along));
            }
        }
    }
    let (distance_m, p, along) = best?;
    let place = frame.to_geodetic(p);
    let bearing_deg = (along.x != 0.0 || along.y != 0.0).then(|| heading_deg(along.x, along.y));
    Some(Nearest { feature, distance_m, lon: place.lon_deg, lat: place.lat_deg, bearing_deg })
}

#[cfg(test)]
mod tests {
    use super::*;
    use geo::line_string;

    fn road(id: &str, lon: f64) -> MapFeature {
        let line = line_string![(x: lon, y: 37.0), (x: lon, y: 37.01)];
        MapFeature::example(id, MapLayer::Road, "residential", Geometry::LineString(line))
    }

    #[test]
    fn the_nearest_road_is_found_with_its_distance_and_direction() {
        let map = MapIndex::new(vec![road("way/1", 127.0), road("way/2", 127.001)]);
        let found = map.nearest(MapLayer::Road, 127.0001, 37.005, 50.0).expect("a road 9 m away");
        assert_eq!(found.feature.id, "way/1");
        // pyproj Geod(ellps="WGS84"): 8.9006 m for 0.0001 degrees of longitude at 37.005 N.
        assert!((found.distance_m - 8.9006).abs() < 1e-3, "{}", found.distance_m);
        assert!(found.bearing_deg.is_some_and(|b| b.min(360.0 - b) < 1e-3));
        assert!(map.nearest(MapLayer::Road, 127.0005, 37.005, 20.0).is_none());
        assert!(map.nearest(MapLayer::Water, 127.0, 37.005, 20.0).is_none());
    }
}
