//! Who may use a way, and in which direction: the access tags of OpenStreetMap.
//!
//! Sources: the OSM wiki's *Key:access* (the hierarchy of keys: `motorcar` before `motor_vehicle` before `vehicle` before
//! `access`), *Key:oneway*, *Key:oneway:bicycle*, *Key:cycleway*, *Key:barrier*. Drives do happen where only some may go,
//! so `private`, `destination`, `delivery` and the like count as allowed: only `no` and its kin keep a mode out.

use super::graph::Tagged;
use crate::record::{Mode, Modes};

/// Keys that speak of a mode, the most special first.
fn keys(mode: Mode) -> &'static [&'static str] {
    match mode {
        Mode::Car => &["motorcar", "motor_vehicle", "vehicle", "access"],
        Mode::Bicycle => &["bicycle", "vehicle", "access"],
        Mode::Foot => &["foot", "access"],
    }
}

/// Who may use a class of `highway` that says nothing more.
pub(in crate::source::map) fn by_class(class: &str) -> Option<Modes> {
    let car = Modes::only(Mode::Car);
    let bicycle = Modes::only(Mode::Bicycle);
    let foot = Modes::only(Mode::Foot);
    Some(match class {
        "motorway" | "motorway_link" => car,
        "trunk" | "trunk_link" | "primary" | "primary_link" | "secondary" | "secondary_link" | "tertiary"
        | "tertiary_link" | "unclassified" | "residential" | "living_street" | "service" | "road" | "track" => {
            Modes::ALL
        }
        "cycleway" | "path" => bicycle.with(foot),
        "footway" | "pedestrian" | "steps" | "bridleway" | "corridor" | "busway" | "bus_guideway" => foot,
        _ => return None,
    })
}

/// What a value of an access key says; `None` where it says nothing that we know.
fn allowed(value: &str) -> Option<bool> {
    match value {
        "no" | "use_sidepath" | "emergency" | "psv" | "bus" | "taxi" | "military" => Some(false),
        "yes" | "designated" | "official" | "permissive" | "private" | "destination" | "customers" | "delivery"
        | "permit" | "residents" | "agricultural" | "forestry" | "dismount" | "unknown" | "discouraged" => Some(true),
        _ => None,
    }
}

/// What the tags say of a mode, with keys ending in `suffix` (`:forward`, `:backward` or nothing).
fn told(tags: &Tagged, mode: Mode, suffix: &str) -> Option<bool> {
    keys(mode).iter().find_map(|key| {
        let with = (!suffix.is_empty()).then(|| tags.get(&format!("{key}{suffix}"))).flatten();
        with.and_then(allowed).or_else(|| tags.get(key).and_then(allowed))
    })
}

/// Who may use a way along its nodes, and against them; nobody both ways where it is no road.
pub(super) fn of_way(tags: &Tagged) -> [Modes; 2] {
    let closed = [Modes::NONE; 2];
    let Some(class) = tags.get("highway") else { return closed };
    let Some(mut usual) = by_class(class) else { return closed };
    if tags.is("area", "yes") {
        return closed;
    }
    if tags.is("motorroad", "yes") {
        usual = usual.and(Modes::only(Mode::Car));
    }
    [":forward", ":backward"].map(|suffix| {
        Modes::where_(|mode| {
            let may = told(tags, mode, suffix).unwrap_or(usual.has(mode));
            may && direction(tags, mode)[usize::from(suffix == ":backward")]
        })
    })
}

/// Whether `oneway` lets a mode go along the nodes, and against them.
fn direction(tags: &Tagged, mode: Mode) -> [bool; 2] {
    let read = |value: Option<&str>| match value? {
        "yes" | "true" | "1" => Some([true, false]),
        "-1" | "reverse" => Some([false, true]),
        "no" | "false" | "0" | "reversible" | "alternating" => Some([true, true]),
        _ => None,
    };
    let round = matches!(tags.get("junction"), Some("roundabout" | "circular"));
    let implied = if round || tags.is("highway", "motorway") { [true, false] } else { [true, true] };
    let general = || read(tags.get("oneway")).unwrap_or(implied);
    match mode {
        Mode::Car => {
            let own = read(tags.get("oneway:motorcar")).or_else(|| read(tags.get("oneway:motor_vehicle")));
            own.or_else(|| read(tags.get("oneway:vehicle"))).unwrap_or_else(general)
        }
        Mode::Bicycle => {
            let own = read(tags.get("oneway:bicycle")).or_else(|| read(tags.get("oneway:vehicle")));
            own.unwrap_or_else(|| if contraflow(tags) { [true, true] } else { general() })
        }
        Mode::Foot => read(tags.get("oneway:foot")).unwrap_or([true, true]),
    }
}

/// Whether a cycleway runs against the one-way traffic.
fn contraflow(tags: &Tagged) -> bool {
    let opposite = |key: &str| tags.get(key).is_some_and(|v| v.starts_with("opposite"));
    let both_ways = |key: &str| matches!(tags.get(key), Some("no" | "-1"));
    ["cycleway", "cycleway:left", "cycleway:right", "cycleway:both"].into_iter().any(opposite)
        || ["cycleway:left:oneway", "cycleway:right:oneway", "cycleway:both:oneway"].into_iter().any(both_ways)
}

/// Who cannot pass a node.
pub(super) fn barred(tags: &Tagged) -> Modes {
    let car = Modes::only(Mode::Car);
    let by_kind = match tags.get("barrier") {
        Some("bollard" | "block" | "cycle_barrier" | "jersey_barrier" | "chain" | "log" | "debris" | "planter") => car,
        Some("stile" | "turnstile" | "full-height_turnstile" | "kissing_gate" | "horse_stile") => {
            car.with(Modes::only(Mode::Bicycle))
        }
        Some("wall" | "fence" | "hedge" | "retaining_wall" | "city_wall") => Modes::ALL,
        // Gates and lift gates open for those who drive there.
        _ => Modes::NONE,
    };
    Modes::where_(|mode| told(tags, mode, "").map_or(by_kind.has(mode), |may| !may))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(pairs: &str) -> Tagged {
        Tagged(pairs.split_whitespace().filter_map(|p| p.split_once('=')).map(|(k, v)| (k.into(), v.into())).collect())
    }

    fn names(modes: Modes) -> Vec<&'static str> {
        Mode::ALL.into_iter().filter(|m| modes.has(*m)).map(Mode::name).collect()
    }

    #[test]
    fn ways_let_in_whom_their_tags_let_in() {
        let cases: [(&str, &[&str], &[&str]); 15] = [
            ("highway=residential", &["car", "bicycle", "foot"], &["car", "bicycle", "foot"]),
            ("highway=motorway", &["car"], &[]),
            ("highway=residential oneway=yes", &["car", "bicycle", "foot"], &["foot"]),
            ("highway=residential oneway=yes oneway:bicycle=no", &["car", "bicycle", "foot"], &["bicycle", "foot"]),
            (
                "highway=residential oneway=yes cycleway:left=opposite_lane",
                &["car", "bicycle", "foot"],
                &["bicycle", "foot"],
            ),
            ("highway=tertiary oneway=-1", &["foot"], &["car", "bicycle", "foot"]),
            ("highway=primary junction=roundabout", &["car", "bicycle", "foot"], &["foot"]),
            ("highway=service access=no motorcar=yes", &["car"], &["car"]),
            ("highway=residential vehicle=no bicycle=yes", &["bicycle", "foot"], &["bicycle", "foot"]),
            ("highway=footway bicycle=yes", &["bicycle", "foot"], &["bicycle", "foot"]),
            ("highway=trunk motorroad=yes", &["car"], &["car"]),
            ("highway=residential motor_vehicle:backward=no", &["car", "bicycle", "foot"], &["bicycle", "foot"]),
            ("highway=residential access=private", &["car", "bicycle", "foot"], &["car", "bicycle", "foot"]),
            ("highway=proposed", &[], &[]),
            ("highway=pedestrian area=yes", &[], &[]),
        ];
        for (text, along, against) in cases {
            let got = of_way(&tags(text)).map(names);
            assert_eq!((&got[0][..], &got[1][..]), (along, against), "{text}");
        }
    }

    #[test]
    fn barriers_keep_out_whom_they_keep_out() {
        assert_eq!(names(barred(&tags("barrier=bollard"))), ["car"]);
        assert_eq!(names(barred(&tags("barrier=bollard motor_vehicle=yes"))), Vec::<&str>::new());
        assert_eq!(names(barred(&tags("barrier=gate access=no foot=yes"))), ["car", "bicycle"]);
        assert_eq!(names(barred(&tags("barrier=lift_gate"))), Vec::<&str>::new());
    }
}
