//! Mapbox Vector Tiles 1 and 2 into features.
//!
//! Source: <https://github.com/mapbox/vector-tile-spec/tree/master/2.1>. Layers are known by the names of the
//! OpenMapTiles, Protomaps, Mapbox Streets and Shortbread schemas. What lies in a tile's buffer belongs to its
//! neighbour and is cut off, so a road that crosses an edge is two features that meet there.

use fast_mvt::{MvtFeatureRef, MvtReaderRef, MvtValueRef};
use geo::algorithm::bool_ops::BooleanOps;
use geo::{Coord, Geometry, MapCoords, MultiLineString, MultiPoint, MultiPolygon, Rect};

use super::plain::{Plain, Plainer};
use crate::coord::tile::{Tile, level_place};
use crate::error::{ErrorKind, Location, Quarantine};
use crate::record::{MapFeature, MapLayer};

/// Largest extent of a layer: beyond it tile units are finer than any map.
const MAX_EXTENT: u32 = 1 << 16;

/// Decodes a tile; every feature that goes to a layer of ours is pushed to `out`.
///
/// With `layer` all features go there, whatever their own layer's name.
///
/// # Errors
///
/// Bytes that are no vector tile. Single features that cannot be used are refused, with their number in the layer.
pub fn features(
    bytes: &[u8],
    tile: Tile,
    layer: Option<MapLayer>,
    plainer: &Plainer,
    place: &Location,
    quarantine: &mut Quarantine,
    out: &mut Vec<MapFeature>,
) -> Result<(), ErrorKind> {
    let bad = |reason: String| ErrorKind::malformed("vector tile", reason);
    let reader = MvtReaderRef::new(bytes).map_err(|e| bad(e.to_string()))?;
    for (number, source) in reader.layers().enumerate() {
        let extent = source.extent();
        if extent == 0 || extent > MAX_EXTENT {
            return Err(bad(format!("layer `{}` has the extent {extent}", source.name())));
        }
        // Two layers of one name are against the specification; the second gets its number.
        let twice = reader.layers().take(number).any(|l| l.name() == source.name());
        if twice {
            quarantine.refuse(place, format!("the name of a second layer `{}`", source.name()));
        }
        let name = if twice { format!("{}#{number}", source.name()) } else { source.name().to_string() };
        for (index, feature) in source.features().enumerate() {
            let here = Location { record: Some(index as u64), ..place.clone() };
            let properties = match feature.properties_vec() {
                Ok(properties) => properties,
                Err(error) => {
                    quarantine.refuse(&here, format!("a feature of the layer `{name}`: {error}"));
                    continue;
                }
            };
            if properties.iter().any(|(_, value)| *value == MvtValueRef::Null) {
                quarantine.refuse(&here, format!("a feature of the layer `{name}`: a value of no known type"));
                continue;
            }
            let property = |key: &str| properties.iter().find(|(k, _)| *k == key).and_then(|(_, v)| text(v));
            let target = match layer {
                Some(layer) => Some((layer, property("class").unwrap_or_else(|| source.name().to_string()))),
                None => target(source.name(), &property),
            };
            let Some((layer, class)) = target else { continue };
            let id = format!("tile/{}/{}/{}/{name}/{index}", tile.z, tile.x, tile.y);
            let geometry = match geometry(feature, tile, extent) {
                Ok(Some(geometry)) => geometry,
                Ok(None) => continue,
                Err(reason) => {
                    quarantine.refuse(&here, format!("a feature of the layer `{name}`: {reason}"));
                    continue;
                }
            };
            let property = |key: &str| property(key).or_else(|| alias(key).iter().find_map(|k| property(k)));
            let class_of = |key: &str| if key == "class" { Some(class.clone()) } else { property(key) };
            let plain = Plain { id, layer, class: &class, geometry, property: &class_of };
            if let Err(reason) = plainer.features(plain, out) {
                quarantine.refuse(&here, format!("a feature of the layer `{name}`: {reason}"));
            }
        }
    }
    Ok(())
}

/// The names that the schemas give to an attribute of ours.
fn alias(ours: &str) -> &'static [&'static str] {
    match ours {
        "height_m" => &["render_height", "height"],
        "structure" => &["brunnel"],
        "level" => &["layer", "pmap:level"],
        "maxspeed_kmh" => &["maxspeed"],
        "width_m" => &["width"],
        "name_en" => &["name:en", "name_int"],
        "name_ko" => &["name:ko"],
        _ => &[],
    }
}

fn text(value: &MvtValueRef<'_>) -> Option<String> {
    Some(match value {
        MvtValueRef::String(s) => (*s).to_string(),
        MvtValueRef::Float(n) => n.to_string(),
        MvtValueRef::Double(n) => n.to_string(),
        MvtValueRef::Int(n) | MvtValueRef::SInt(n) => n.to_string(),
        MvtValueRef::UInt(n) => n.to_string(),
        MvtValueRef::Bool(yes) => yes.to_string(),
        MvtValueRef::Null => return None,
    })
}

/// Our layer and the class of a feature, by the name of its layer and its properties.
fn target(name: &str, property: &dyn Fn(&str) -> Option<String>) -> Option<(MapLayer, String)> {
    let first = |keys: &[&str]| keys.iter().find_map(|k| property(k)).filter(|v| !v.is_empty());
    let green =
        ["forest", "wood", "grass", "meadow", "park", "garden", "scrub", "grassland", "orchard", "vineyard", "heath"];
    let kind = || first(&["kind_detail", "highway", "railway", "subclass", "class", "kind", "type", "pmap:kind"]);
    match name {
        "transportation" | "roads" | "road" | "streets" | "street" => {
            let rail = first(&["railway"]).is_some()
                || first(&["class", "kind", "pmap:kind"])
                    .is_some_and(|c| matches!(c.as_str(), "rail" | "transit" | "major_rail" | "minor_rail"));
            let water = first(&["class", "kind"]).is_some_and(|c| c == "ferry");
            let layer = if rail { MapLayer::Rail } else { MapLayer::Road };
            (!water).then(|| (layer, kind().unwrap_or_else(|| "road".into())))
        }
        "transit" => first(&["railway"]).map(|class| (MapLayer::Rail, class)),
        "building" | "buildings" => {
            let class = first(&["building", "class", "kind", "type"]).filter(|c| c != "building:part");
            Some((MapLayer::Building, class.unwrap_or_else(|| "building".into())))
        }
        "water" | "water_polygons" | "ocean" => {
            Some((MapLayer::Water, first(&["natural", "class", "kind", "water"]).unwrap_or_else(|| "water".into())))
        }
        "waterway" | "water_lines" | "physical_line" => {
            let class = first(&["waterway", "class", "kind"])?;
            matches!(class.as_str(), "river" | "stream" | "canal" | "drain" | "ditch")
                .then_some((MapLayer::Water, class))
        }
        "landcover" | "landuse" | "natural" | "land" | "park" | "landuse_overlay" | "sites" => {
            let keys = ["landuse", "natural", "leisure", "subclass", "class", "kind", "type", "pmap:kind"];
            let found = keys.iter().filter_map(|k| property(k)).find(|c| green.contains(&c.as_str()));
            found.map(|class| (MapLayer::Vegetation, class))
        }
        "poi" | "pois" | "poi_label" => {
            property("name")?;
            let class =
                first(&["amenity", "shop", "tourism", "subclass", "class", "kind", "type", "maki", "pmap:kind"]);
            Some((MapLayer::Poi, class.unwrap_or_else(|| "poi".into())))
        }
        _ => None,
    }
}

/// The part of a feature's geometry that lies in its tile, in degrees; `None` where it is all in the buffer, or of the
/// type `UNKNOWN`, which the specification lets a reader leave out.
fn geometry(feature: MvtFeatureRef<'_>, tile: Tile, extent: u32) -> Result<Option<Geometry<f64>>, String> {
    if feature.geometry_commands().is_empty() {
        return Err("no geometry".to_string());
    }
    if !matches!(feature.geom_type_value(), Some(1..=3)) {
        return Ok(None);
    }
    let whole =
        feature.geometry().map_err(|e| e.to_string())?.map_coords(|c| Coord { x: f64::from(c.x), y: f64::from(c.y) });
    let side = f64::from(extent);
    let square = Rect::new(Coord { x: 0.0, y: 0.0 }, Coord { x: side, y: side }).to_polygon();
    // The far edges belong to the next tile, so that a point on an edge is not two.
    let here = |p: &geo::Point<f64>| (0.0..side).contains(&p.x()) && (0.0..side).contains(&p.y());
    let lines = |lines: MultiLineString<f64>| {
        let cut = if inside(&lines, side) { lines } else { square.clip(&lines, false) };
        (!cut.0.is_empty()).then_some(Geometry::MultiLineString(cut))
    };
    let areas = |areas: MultiPolygon<f64>| {
        let cut = if inside(&areas, side) { areas } else { areas.intersection(&square) };
        (!cut.0.is_empty()).then_some(Geometry::MultiPolygon(cut))
    };
    let cut = match whole {
        Geometry::Point(p) => here(&p).then_some(Geometry::Point(p)),
        Geometry::MultiPoint(many) => {
            let kept: Vec<_> = many.0.into_iter().filter(here).collect();
            (!kept.is_empty()).then(|| Geometry::MultiPoint(MultiPoint::new(kept)))
        }
        Geometry::LineString(line) => lines(MultiLineString::new(vec![line])),
        Geometry::MultiLineString(many) => lines(many),
        Geometry::Polygon(one) => areas(MultiPolygon::new(vec![one])),
        Geometry::MultiPolygon(many) => areas(many),
        _ => None,
    };
    let (west, north) = (f64::from(tile.x) * side, f64::from(tile.y) * side);
    Ok(cut.map(|g| {
        g.map_coords(|c| {
            let (x, y) = level_place(west + c.x - 0.5, north + c.y - 0.5, tile.z, extent);
            Coord { x, y }
        })
    }))
}

/// Whether all coordinates lie in the tile: then there is nothing to cut.
fn inside(geometry: &impl geo::CoordsIter<Scalar = f64>, side: f64) -> bool {
    geometry.coords_iter().all(|c| (0.0..=side).contains(&c.x) && (0.0..=side).contains(&c.y))
}

/// How many features each layer of a tile has, in the order of the tile.
///
/// # Errors
///
/// Bytes that are no vector tile, or a feature whose geometry or tags do not decode.
#[cfg(test)]
fn counts(bytes: &[u8]) -> Result<Vec<(String, usize)>, ErrorKind> {
    let bad = |e: fast_mvt::MvtError| ErrorKind::malformed("vector tile", e.to_string());
    let reader = MvtReaderRef::new(bytes).map_err(bad)?;
    let mut all = Vec::new();
    for layer in reader.layers() {
        for feature in layer.features() {
            feature.geometry().map_err(bad)?;
            feature.properties_vec().map_err(bad)?;
        }
        all.push((layer.name().to_string(), layer.feature_count()));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use fast_mvt::MvtLayerBuilder;
    use geo::{BoundingRect, LineString};
    use proptest::prelude::*;

    use super::*;
    use crate::source::MapOptions;

    fn decode(bytes: &[u8]) -> (Result<(), ErrorKind>, Vec<MapFeature>, Quarantine) {
        let tile = Tile::new(14, 13_972, 6_349).expect("a tile of Pangyo");
        let (mut out, mut quarantine) = (Vec::new(), Quarantine::new());
        let plainer = Plainer::new(&MapOptions::default());
        let place = Location::file("14/13972/6349");
        let done = features(bytes, tile, None, &plainer, &place, &mut quarantine, &mut out);
        (done, out, quarantine)
    }

    fn road() -> Vec<u8> {
        let line = LineString::from(vec![(-100, 2048), (5000, 2048)]);
        let mut feature = MvtLayerBuilder::new("transportation")
            .and_then(|l| l.feature(&Geometry::LineString(line)))
            .expect("a feature");
        feature.tag("class", "primary").expect("a tag");
        feature.end().encode()
    }

    #[test]
    fn a_road_is_cut_at_the_edges_of_its_tile() {
        let (done, out, quarantine) = decode(&road());
        done.expect("a tile");
        assert!(quarantine.is_empty());
        assert_eq!((out.len(), out[0].layer, out[0].class.as_str()), (1, MapLayer::Road, "primary"));
        let bounds = Tile::new(14, 13_972, 6_349).expect("a tile").bounds();
        let rect = out[0].geometry.bounding_rect().expect("bounds");
        assert!((rect.min().x - bounds.xmin).abs() < 1e-9 && (rect.max().x - bounds.xmax).abs() < 1e-9);
    }

    #[test]
    fn what_the_specification_forbids_is_refused_and_the_rest_is_read() {
        // Tags of a key that is not there; a feature whose geometry is another field.
        for (from, to) in
            [(&[0x12, 0x02, 0x00, 0x00][..], &[0x12, 0x02, 0x07, 0x00][..]), (&[0x18, 0x02, 0x22], &[0x18, 0x02, 0x2a])]
        {
            let good = road();
            let at = good.windows(from.len()).position(|w| w == from);
            let Some(at) = at else { panic!("the bytes of a road") };
            let mut bad = good.clone();
            bad[at..at + to.len()].copy_from_slice(to);
            let (done, out, quarantine) = decode(&bad);
            assert!(out.is_empty() && (done.is_err() || quarantine.total() == 1), "{out:?} {quarantine:?}");
        }
        // The same layer twice: told once, both read.
        let (done, out, quarantine) = decode(&[road(), road()].concat());
        done.expect("a tile");
        assert_eq!((out.len(), quarantine.total()), (2, 1));
        assert_ne!(out[0].id, out[1].id);
    }

    #[test]
    fn san_francisco_has_as_many_features_as_mapbox_vector_tile_finds() {
        let Some(data) = std::env::var_os("WORLDLOOM_DATA") else {
            eprintln!("skipped: WORLDLOOM_DATA is not set");
            return;
        };
        // mapbox-vector-tile 2.2: features of all layers, and of the layer `building`.
        let golden = [
            ("5237-12665", 1448, 1299),
            ("5237-12666", 1035, 856),
            ("5237-12667", 1131, 950),
            ("5238-12665", 1575, 1440),
            ("5238-12666", 2353, 2185),
            ("5238-12667", 1653, 1398),
            ("5239-12665", 1814, 1695),
            ("5239-12666", 1970, 1718),
            ("5239-12667", 2541, 2355),
        ];
        for (name, all, buildings) in golden {
            let path = std::path::Path::new(&data).join(format!("tile-archives/mvt-sanfrancisco/15-{name}.mvt"));
            let found = counts(&std::fs::read(path).expect("readable")).expect("a tile");
            let of = |layer: &str| found.iter().find(|(n, _)| n == layer).map_or(0, |(_, n)| *n);
            assert_eq!((found.iter().map(|(_, n)| n).sum::<usize>(), of("building")), (all, buildings), "{name}");
        }
    }

    proptest! {
        #[test]
        fn mutated_tiles_never_panic(at in 0usize..200, byte: u8, cut in 0usize..100) {
            let mut bytes = road();
            let length = bytes.len();
            bytes[at % length] = byte;
            bytes.truncate(length - cut % length);
            let _any = decode(&bytes);
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _any = decode(&bytes);
        }
    }
}
