//! Roads for a [`RoadGraph`](crate::record::RoadGraph): lines with who may use them, barriers and turn restrictions.

use crate::coord::BBox;
use crate::error::{Quarantine, Result};
use crate::record::{Mode, Modes, Restriction, RoadGraphBuilder, RoadLine, Via};

use super::access;
use super::raw::{Element, Kinds, MemberKind, OsmFile, Relation, Tags};

/// Keys that a graph is made of; others are not kept.
fn is_used(key: &str) -> bool {
    const FIRST: [&str; 14] = [
        "highway",
        "area",
        "motorroad",
        "junction",
        "oneway",
        "cycleway",
        "access",
        "vehicle",
        "motor_vehicle",
        "motorcar",
        "bicycle",
        "foot",
        "barrier",
        "restriction",
    ];
    const OTHER: [&str; 5] = ["layer", "bridge", "tunnel", "maxspeed", "except"];
    let first = key.split(':').next().unwrap_or(key);
    FIRST.contains(&first) || OTHER.contains(&key)
}

/// The tags of an element that a graph is made of.
#[derive(Debug, Clone, Default)]
pub(super) struct Tagged(pub Vec<(Box<str>, Box<str>)>);

impl Tagged {
    fn of(tags: Tags<'_>) -> Tagged {
        Tagged(tags.0.iter().filter(|(k, _)| is_used(k)).map(|&(k, v)| (k.into(), v.into())).collect())
    }

    /// The value of a key.
    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(k, _)| &**k == key).map(|(_, v)| &**v)
    }

    /// Whether a key has a value.
    pub(super) fn is(&self, key: &str, value: &str) -> bool {
        self.get(key) == Some(value)
    }
}

/// What a file says of its roads, before the positions of their nodes are known.
#[derive(Default)]
struct Found {
    lines: Vec<RoadLine>,
    barriers: Vec<(i64, Modes)>,
    restrictions: Vec<Restriction>,
}

impl Found {
    fn add(&mut self, element: Element<'_>) {
        match element {
            Element::Node(node) => {
                let speaks = |(k, _): &(&str, &str)| *k == "barrier" || *k == "access";
                if node.tags.0.iter().any(speaks) {
                    let barred = access::barred(&Tagged::of(node.tags));
                    if !barred.is_none() {
                        self.barriers.push((node.id, barred));
                    }
                }
            }
            Element::Way(way) => {
                if way.tags.get("highway").is_none() || way.refs.len() < 2 {
                    return;
                }
                let tags = Tagged::of(way.tags);
                let access = access::of_way(&tags);
                if access[0].is_none() && access[1].is_none() {
                    return;
                }
                let yes = |key: &str| tags.get(key).is_some_and(|v| v != "no");
                let level = tags.get("layer").and_then(|l| l.trim().parse().ok()).unwrap_or(0);
                self.lines.push(RoadLine {
                    id: way.id,
                    class: tags.get("highway").unwrap_or_default().to_string(),
                    level,
                    bridge: yes("bridge"),
                    tunnel: yes("tunnel"),
                    maxspeed_kmh: maxspeed_kmh(&tags),
                    nodes: way.refs.to_vec(),
                    access,
                    ..RoadLine::default()
                });
            }
            Element::Relation(relation) => restrictions(&relation, &mut self.restrictions),
        }
    }
}

fn maxspeed_kmh(tags: &Tagged) -> u8 {
    let Some(text) = tags.get("maxspeed") else { return 0 };
    super::tags::speed_kmh(text).map_or(0, |v| libm::round(v).min(255.0) as u8)
}

/// The restrictions that a relation states: one for each `from` and each `to`.
fn restrictions(relation: &Relation<'_>, out: &mut Vec<Restriction>) {
    if relation.tags.get("type") != Some("restriction") {
        return;
    }
    let tags = Tagged::of(relation.tags);
    let vehicles = Modes::only(Mode::Car).with(Modes::only(Mode::Bicycle));
    let told = [
        ("restriction", vehicles),
        ("restriction:motorcar", Modes::only(Mode::Car)),
        ("restriction:bicycle", Modes::only(Mode::Bicycle)),
    ];
    let Some((value, mut modes)) = told.into_iter().find_map(|(key, modes)| tags.get(key).map(|v| (v, modes))) else {
        return;
    };
    let only = value.starts_with("only_");
    if !only && !value.starts_with("no_") {
        return;
    }
    for excepted in tags.get("except").unwrap_or_default().split(';') {
        match excepted.trim() {
            "motorcar" | "motor_vehicle" => modes = modes.without(Modes::only(Mode::Car)),
            "bicycle" => modes = modes.without(Modes::only(Mode::Bicycle)),
            "vehicle" => modes = Modes::NONE,
            _ => {}
        }
    }
    let ways = |role: &str| -> Vec<i64> {
        let of_role = |m: &&super::raw::Member<'_>| m.kind == MemberKind::Way && m.role == role;
        relation.members.iter().filter(of_role).map(|m| m.id).collect()
    };
    let node = relation.members.iter().find(|m| m.kind == MemberKind::Node && m.role == "via").map(|m| m.id);
    let via = match (node, ways("via")) {
        (Some(node), _) => Via::Node(node),
        (None, ways) if !ways.is_empty() => Via::Ways(ways),
        _ => return,
    };
    if modes.is_none() {
        return;
    }
    for from in ways("from") {
        for to in ways("to") {
            out.push(Restriction { from, via: via.clone(), to, only, modes });
        }
    }
}

/// Adds the roads of a file to a graph; ways are cut where their nodes lie outside the extract.
///
/// # Errors
///
/// Those of [`OsmFile::scan`].
pub(super) fn read(
    file: &OsmFile,
    area: Option<BBox>,
    quarantine: &mut Quarantine,
    builder: &mut RoadGraphBuilder,
) -> Result<()> {
    let mut found = Found::default();
    file.scan(Kinds::ALL, quarantine, Found::default, Found::add, |part| {
        found.lines.extend(part.lines);
        found.barriers.extend(part.barriers);
        found.restrictions.extend(part.restrictions);
        Ok(())
    })?;
    let positions = Positions::read(file, &found.lines)?;
    for line in found.lines {
        let mut parts: Vec<RoadLine> = Vec::new();
        let mut open = false;
        for node in &line.nodes {
            let Some(at) = positions.of(*node) else {
                open = false;
                continue;
            };
            if !open {
                parts.push(RoadLine { nodes: Vec::new(), points: Vec::new(), ..line.clone() });
                open = true;
            }
            if let Some(part) = parts.last_mut() {
                part.nodes.push(*node);
                part.points.push(at);
            }
        }
        // As parts of features are numbered.
        parts.retain(|p| p.points.windows(2).any(|w| w[0] != w[1]));
        let many = parts.len() > 1;
        for (i, mut part) in parts.into_iter().enumerate() {
            let bounds = BBox::of_points(part.points.iter().copied());
            if area.is_none_or(|a| bounds.is_some_and(|b| b.intersects(&a))) {
                part.part = if many { u16::try_from(i + 1).unwrap_or(u16::MAX) } else { 0 };
                builder.lines.push(part);
            }
        }
    }
    // The last that a file says of a node or way counts, as elsewhere.
    for (node, barred) in found.barriers {
        let all = builder.barriers.entry(node).or_default();
        *all = all.with(barred);
    }
    builder.restrictions.extend(found.restrictions);
    Ok(())
}

/// Where the nodes of lines are.
struct Positions {
    ids: Vec<i64>,
    at: Vec<(f64, f64)>,
}

impl Positions {
    fn read(file: &OsmFile, lines: &[RoadLine]) -> Result<Positions> {
        let mut ids: Vec<i64> = lines.iter().flat_map(|l| l.nodes.iter().copied()).collect();
        ids.sort_unstable();
        ids.dedup();
        let mut at = vec![(f64::NAN, f64::NAN); ids.len()];
        let wanted = &ids;
        file.scan(
            Kinds::NODES,
            &mut Quarantine::new(),
            Vec::new,
            |found: &mut Vec<(usize, (f64, f64))>, element| {
                if let Element::Node(node) = element
                    && node.lon.abs() <= 180.0
                    && node.lat.abs() <= 90.0
                    && let Ok(i) = wanted.binary_search(&node.id)
                {
                    found.push((i, (node.lon, node.lat)));
                }
            },
            |found| {
                found.into_iter().for_each(|(i, place)| at[i] = place);
                Ok(())
            },
        )?;
        Ok(Positions { ids, at })
    }

    fn of(&self, node: i64) -> Option<(f64, f64)> {
        let i = self.ids.binary_search(&node).ok()?;
        Some(self.at[i]).filter(|p| !p.0.is_nan())
    }
}
