//! Areas and places: buildings, vegetation, water, squares; points of interest and addresses.

use geo::{Centroid, Coord, Geometry, Point};

use super::features::{Context, push_stroke};
use super::store::TagList;
use super::{roads, tags};
use crate::record::{MapFeature, MapLayer};
use crate::source::map::shape::{Cap, Plane};

const GREEN_LANDUSE: [&str; 12] = [
    "allotments",
    "flowerbed",
    "forest",
    "grass",
    "greenfield",
    "greenery",
    "meadow",
    "orchard",
    "plant_nursery",
    "recreation_ground",
    "village_green",
    "vineyard",
];
const GREEN_NATURAL: [&str; 7] = ["fell", "grassland", "heath", "scrub", "shrubbery", "tree_group", "wood"];
const GREEN_LEISURE: [&str; 4] = ["dog_park", "garden", "nature_reserve", "park"];
/// Keys whose value is the class of a point of interest, by rank.
const PLACES: [&str; 9] =
    ["amenity", "shop", "tourism", "public_transport", "historic", "leisure", "healthcare", "office", "railway"];

/// The area layers that tags ask for, with the class in each.
pub fn kinds(list: &TagList) -> Vec<(MapLayer, &str)> {
    let mut found = Vec::new();
    if let Some(class) = tags::yes(list, "building").or_else(|| tags::yes(list, "building:part")) {
        found.push((MapLayer::Building, class));
    }
    let green = [("landuse", &GREEN_LANDUSE[..]), ("natural", &GREEN_NATURAL[..]), ("leisure", &GREEN_LEISURE[..])];
    let green = green.into_iter().find_map(|(key, values)| list.get(key).filter(|v| values.contains(v)));
    if let Some(class) = green {
        found.push((MapLayer::Vegetation, class));
    }
    let wet = [("natural", &["water"][..]), ("waterway", &["riverbank", "dock"]), ("landuse", &["reservoir", "basin"])];
    if let Some(class) = wet.into_iter().find_map(|(key, values)| list.get(key).filter(|v| values.contains(v))) {
        found.push((MapLayer::Water, class));
    }
    if let Some(class) = tags::yes(list, "area:highway") {
        let layer = match class {
            "crossing" => MapLayer::Crossing,
            _ if list.is("footway", "crossing") => MapLayer::Crossing,
            "footway" | "sidewalk" | "pedestrian" | "path" | "steps" | "cycleway" => MapLayer::Sidewalk,
            _ => MapLayer::Drivable,
        };
        found.push((layer, class));
    }
    if let Some(class) = list.get("highway")
        && list.is("area", "yes")
    {
        match class {
            _ if list.is("footway", "crossing") => found.push((MapLayer::Crossing, class)),
            "pedestrian" | "footway" | "path" | "cycleway" | "platform" => found.push((MapLayer::Sidewalk, class)),
            _ if roads::is_carriageway(class) => found.push((MapLayer::Drivable, class)),
            _ => {}
        }
    }
    found
}

/// Whether tags make a point of interest or an address.
pub fn is_place(list: &TagList) -> bool {
    list.get("addr:housenumber").is_some() || list.get("name").is_some() && poi_class(list).is_some()
}

fn poi_class(list: &TagList) -> Option<&str> {
    let station = |key: &str, value: &str| key != "railway" || matches!(value, "station" | "halt" | "tram_stop");
    PLACES.iter().find_map(|key| tags::yes(list, key).filter(|v| station(key, v)))
}

/// The features of an area, each in its layer; the centroid where it is a place too.
pub fn features(context: &Context<'_>, id: &str, geometry: &Geometry<f64>, list: &TagList, out: &mut Vec<MapFeature>) {
    for (layer, class) in kinds(list) {
        // A surveyed area takes the place of one derived from the same way's line.
        out.retain(|f| f.layer != layer || f.id != id);
        let mut feature = context.maker.feature(layer, id.to_string(), id, geometry.clone(), class, list);
        if layer == MapLayer::Building {
            feature.attributes.height_m = tags::height_m(list);
        }
        out.push(feature);
    }
    if is_place(list)
        && let Some(centre) = geometry.centroid()
    {
        places(context, id, centre.0, true, list, out);
    }
}

/// The point of interest and the address at a point.
pub fn places(
    context: &Context<'_>,
    id: &str,
    at: Coord<f64>,
    derived: bool,
    list: &TagList,
    out: &mut Vec<MapFeature>,
) {
    let point = Geometry::Point(Point(at));
    if list.get("name").is_some()
        && let Some(class) = poi_class(list)
    {
        let poi = context.maker.feature(MapLayer::Poi, id.to_string(), id, point.clone(), class, list);
        out.push(MapFeature { derived, ..poi });
    }
    if let Some(number) = list.get("addr:housenumber") {
        let street = list.get("addr:street").or_else(|| list.get("addr:place"));
        let name = street.map_or_else(|| number.to_string(), |s| format!("{s} {number}"));
        let name_ko = tags::is_hangul(&name).then(|| name.clone());
        let address = context.maker.feature(MapLayer::Address, id.to_string(), id, point, "address", list);
        out.push(MapFeature { derived, name: Some(name), name_ko, name_en: None, ..address });
    }
}

/// Width of a waterway in metres, where it is drawn as a line and does not say; `None` for what is no open water.
fn water_width_m(class: &str) -> Option<f64> {
    match class {
        "river" => Some(12.0),
        "canal" => Some(8.0),
        "stream" => Some(3.0),
        "drain" => Some(1.5),
        "ditch" => Some(1.0),
        _ => None,
    }
}

/// Lines that stand for areas: waterways and rows of trees, given their width. Water in a culvert is not seen.
pub fn strips(
    context: &Context<'_>,
    id: &str,
    parts: &[(usize, Vec<Coord<f64>>)],
    list: &TagList,
    out: &mut Vec<MapFeature>,
) {
    let water = list.get("waterway").filter(|_| tags::yes(list, "tunnel").is_none());
    let (layer, class, default_m) = match water.and_then(|c| water_width_m(c).map(|w| (c, w))) {
        Some((class, width)) => (MapLayer::Water, class, width),
        None if list.is("natural", "tree_row") => (MapLayer::Vegetation, "tree_row", 3.0),
        None => return,
    };
    let width = tags::width_m(list).unwrap_or(default_m);
    for (i, (_, line)) in parts.iter().enumerate() {
        let part = roads::part_id(id, i, parts.len());
        let plane = Plane::around(&geo::LineString::new(line.clone()));
        let metres: Vec<Coord<f64>> = line.iter().map(|c| plane.to_metres(*c)).collect();
        let mut made = context.maker.feature(layer, part, id, Geometry::Point(Point(line[0])), class, list);
        made.attributes.width_m = Some(width);
        push_stroke(made, &plane, &metres, width / 2.0, Cap::Round, out);
    }
}
