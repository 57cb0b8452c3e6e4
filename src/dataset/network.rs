//! [`Network`]: street view as places with their stacks of dates, and links between neighbouring places along the roads.
//!
//! Pictures less than [`PLACE_M`] apart are one place. Where there is a map, each place lies on the road nearest to it, and
//! is linked to those that come next along the roads, over junctions too. Places off the roads (all, without a map) are
//! linked to those before and after them in their own recording.

use std::collections::{BTreeMap, BTreeSet};

use geo::{Geometry, LineString};
use rstar::{AABB, RTree, RTreeObject};
use serde::Serialize;

use super::Dataset;
use super::ground::calibration;
use super::rows::FrameRow;
use crate::coord::{Camera, LocalPlane, heading_deg, nearest_on_segment};
use crate::error::Result;
use crate::record::{MapLayer, Modality};

/// Pictures closer together than this are of one place, metres.
pub const PLACE_M: f64 = 4.0;
/// Places farther apart along the road than this are no neighbours, metres.
pub const LINK_M: f64 = 30.0;
/// A place farther from every road than this lies on none, metres.
const ROAD_M: f64 = 15.0;
/// Roads that vehicles do not use; a place lies on one of them only where no other is near.
const FOOTWAYS: [&str; 7] = ["footway", "path", "steps", "cycleway", "pedestrian", "bridleway", "corridor"];

/// A picture of a place.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Sight {
    /// Its frame.
    pub frame_id: String,
    /// Its recording.
    pub recording_id: String,
    /// Its time, nanoseconds UTC.
    pub t_ns: Option<i64>,
    /// Longitude, degrees.
    pub lon: f64,
    /// Latitude, degrees.
    pub lat: f64,
    /// Heading of its optical axis (a panorama: of its centre column), degrees clockwise from north.
    pub heading_deg: f64,
    /// One sigma of the heading, degrees, where the trajectory says.
    pub heading_sigma_deg: Option<f64>,
    /// Names of the same picture (by its bytes) that stand for it.
    pub also: Vec<String>,
}

/// Pictures of one place, the newest first; those without a time last.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Place {
    /// At least one.
    pub stack: Vec<Sight>,
}

impl Place {
    /// The picture that stands for the place: the newest.
    pub fn newest(&self) -> &Sight {
        &self.stack[0]
    }
}

/// A way from a place to a neighbour.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Link {
    /// Index of the place that it leaves.
    pub from: usize,
    /// Index of the place that it leads to.
    pub to: usize,
    /// Direction from one to the other, degrees clockwise from north.
    pub heading_deg: f64,
    /// Along the road, metres.
    pub length_m: f64,
}

/// Places and the links between them, each in both directions.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Network {
    /// By the frame that stands for them.
    pub places: Vec<Place>,
    /// By where they leave, then where they lead.
    pub links: Vec<Link>,
}

/// A picture with what the network needs to know of it.
#[derive(Debug, Clone)]
struct Shot {
    sight: Sight,
    s_m: f64,
    content: String,
}

impl Dataset {
    /// The street view of the data set as a network: its panoramas, where it has none all its pictures, of some channels
    /// or all.
    ///
    /// # Errors
    ///
    /// As [`frames`](Dataset::frames), [`track`](Dataset::track) and [`map_index`](Dataset::map_index).
    pub fn network(&self, channels: Option<&[String]>) -> Result<Network> {
        let mut shots: Vec<(bool, Shot)> = Vec::new();
        for row in 0..self.frames()?.height() {
            let frame = self.frame_at(row)?;
            let asked = channels.is_none_or(|channels| channels.contains(&frame.channel));
            if frame.modality == Modality::Camera.name() && asked {
                shots.extend(self.shot(frame)?);
            }
        }
        let panoramas = shots.iter().any(|(panorama, _)| *panorama);
        let shots = shots.into_iter().filter(|(panorama, _)| *panorama == panoramas).map(|(_, shot)| shot);
        let roads = self.map_index()?.features().iter().filter(|f| f.layer == MapLayer::Road);
        let lines: Vec<(bool, &LineString<f64>)> = roads
            .flat_map(|road| lines(&road.geometry).map(|line| (!FOOTWAYS.contains(&road.class.as_str()), line)))
            .collect();
        Ok(network(shots.collect(), &lines))
    }

    /// A picture and whether it is a panorama; `None` without a place.
    fn shot(&self, frame: FrameRow) -> Result<Option<(bool, Shot)>> {
        let (Some(lon), Some(lat), Some(heading_deg)) = (frame.lon, frame.lat, frame.heading_deg) else {
            return Ok(None);
        };
        let camera = calibration(self.recording(&frame.recording_id)?, &frame.channel);
        // One that shows a part of the surroundings is a picture like others.
        let panorama = camera.and_then(|c| Camera::new(c).ok()).is_some_and(|c| c.wraps());
        let sight = Sight {
            frame_id: frame.frame_id,
            recording_id: frame.recording_id,
            t_ns: frame.t_ns,
            lon,
            lat,
            heading_deg,
            heading_sigma_deg: frame.heading_sigma_deg,
            also: Vec::new(),
        };
        Ok(Some((panorama, Shot { sight, s_m: frame.s_m.unwrap_or(0.0), content: frame.checksum })))
    }
}

fn lines(geometry: &Geometry<f64>) -> Box<dyn Iterator<Item = &LineString<f64>> + '_> {
    match geometry {
        Geometry::LineString(line) => Box::new(std::iter::once(line)),
        Geometry::MultiLineString(many) => Box::new(many.iter()),
        _ => Box::new(std::iter::empty()),
    }
}

/// The network of pictures and roads; each road with whether vehicles use it.
fn network(mut shots: Vec<Shot>, roads: &[(bool, &LineString<f64>)]) -> Network {
    shots.retain(|s| s.sight.lon.is_finite() && s.sight.lat.is_finite());
    shots.sort_by(|a, b| a.sight.frame_id.cmp(&b.sight.frame_id));
    let Some(first) = shots.first() else { return Network::default() };
    let plane = LocalPlane::at(first.sight.lon, first.sight.lat);
    let at = |s: &Sight| plane.to_m(s.lon, s.lat);
    let place_of = gather(&shots, at);

    // Places by the frame that stands for each.
    let mut stacks: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (shot, place) in place_of.iter().enumerate() {
        stacks.entry(*place).or_default().push(shot);
    }
    let mut places: Vec<(Place, Vec<usize>)> =
        stacks.into_values().map(|members| (stack(&shots, &members), members)).collect();
    places.sort_by(|a, b| a.0.newest().frame_id.cmp(&b.0.newest().frame_id));
    let mut number = vec![0; shots.len()];
    for (index, (_, members)) in places.iter().enumerate() {
        members.iter().for_each(|shot| number[*shot] = index);
    }
    let places: Vec<Place> = places.into_iter().map(|(place, _)| place).collect();
    let spots: Vec<(f64, f64)> = places.iter().map(|p| at(p.newest())).collect();

    let mut found: BTreeMap<(usize, usize), f64> = BTreeMap::new();
    let mut add = |a: usize, b: usize, length_m: f64| {
        for key in [(a, b), (b, a)] {
            let known = found.entry(key).or_insert(length_m);
            *known = known.min(length_m);
        }
    };
    let roads = Roads::new(roads, &plane, &spots);
    let on_road = |place: usize| roads.on_road[place];
    roads.neighbours(&mut add);
    // In the order of each recording: where it was gone from one to the next.
    let mut order: Vec<usize> = (0..shots.len()).collect();
    let key = |i: usize| (shots[i].sight.recording_id.as_str(), shots[i].sight.t_ns);
    order.sort_by(|a, b| key(*a).cmp(&key(*b)).then(shots[*a].s_m.total_cmp(&shots[*b].s_m)));
    for pair in order.windows(2) {
        let [a, b] = [number[pair[0]], number[pair[1]]];
        let gone = (shots[pair[1]].s_m - shots[pair[0]].s_m).abs();
        let apart = libm::hypot(spots[a].0 - spots[b].0, spots[a].1 - spots[b].1);
        let one = shots[pair[0]].sight.recording_id == shots[pair[1]].sight.recording_id;
        if one && a != b && gone.max(apart) <= LINK_M && !(on_road(a) && on_road(b)) {
            add(a, b, gone.max(apart));
        }
    }
    let link = |((from, to), length_m): ((usize, usize), f64)| {
        let (a, b) = (spots[from], spots[to]);
        Link { from, to, heading_deg: heading_deg(b.0 - a.0, b.1 - a.1), length_m }
    };
    Network { links: found.into_iter().map(link).collect(), places }
}

/// The seed of each picture's place: the nearest earlier seed within reach, else it becomes one.
fn gather(shots: &[Shot], at: impl Fn(&Sight) -> (f64, f64)) -> Vec<usize> {
    let mut seeds: RTree<Entry> = RTree::new();
    let mut place_of = Vec::with_capacity(shots.len());
    for (index, shot) in shots.iter().enumerate() {
        let (x, y) = at(&shot.sight);
        let near = seeds.locate_in_envelope(&around(x, y, PLACE_M));
        let near = near.map(|e| (libm::hypot(e.at[0] - x, e.at[1] - y), e.index)).filter(|(d, _)| *d < PLACE_M);
        match near.min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1))) {
            Some((_, seed)) => place_of.push(seed),
            None => {
                seeds.insert(Entry { at: [x, y], to: [x, y], index });
                place_of.push(index);
            }
        }
    }
    place_of
}

/// The pictures of a place, newest first; those of the same bytes as one.
fn stack(shots: &[Shot], members: &[usize]) -> Place {
    let mut by_content: BTreeMap<&str, Sight> = BTreeMap::new();
    for shot in members.iter().map(|&i| &shots[i]) {
        match by_content.get_mut(shot.content.as_str()) {
            Some(first) => first.also.push(shot.sight.frame_id.clone()),
            None => {
                by_content.insert(&shot.content, shot.sight.clone());
            }
        }
    }
    let mut stack: Vec<Sight> = by_content.into_values().collect();
    stack.sort_by(|a, b| b.t_ns.cmp(&a.t_ns).then(a.frame_id.cmp(&b.frame_id)));
    Place { stack }
}

fn around(x: f64, y: f64, reach: f64) -> AABB<[f64; 2]> {
    AABB::from_corners([x - reach, y - reach], [x + reach, y + reach])
}

/// A point or a segment in an R-tree, metres.
#[derive(Debug, Clone, Copy)]
struct Entry {
    at: [f64; 2],
    to: [f64; 2],
    index: usize,
}

impl RTreeObject for Entry {
    type Envelope = AABB<[f64; 2]>;

    fn envelope(&self) -> Self::Envelope {
        AABB::from_corners(self.at, self.to)
    }
}

/// Places and road ends, and how far it is along the roads from each to the next.
struct Roads {
    /// Whether a place lies on a road.
    on_road: Vec<bool>,
    /// By knot (places first, then ends of stretches): the next knots and the metres to them.
    next: Vec<Vec<(usize, f64)>>,
}

impl Roads {
    fn new(roads: &[(bool, &LineString<f64>)], plane: &LocalPlane, spots: &[(f64, f64)]) -> Roads {
        let stretches = stretches(roads, plane);
        let mut segments = Vec::new();
        for (index, stretch) in stretches.iter().enumerate() {
            for (k, pair) in stretch.points.windows(2).enumerate() {
                segments.push((index, k, pair[0], pair[1]));
            }
        }
        let entries = segments.iter().enumerate();
        let entries = entries.map(|(index, s)| Entry { at: [s.2.0, s.2.1], to: [s.3.0, s.3.1], index }).collect();
        let tree: RTree<Entry> = RTree::bulk_load(entries);
        // On which stretch each place lies, and how far along it.
        let mut on_stretch: Vec<Vec<(f64, usize)>> = vec![Vec::new(); stretches.len()];
        let mut on_road = vec![false; spots.len()];
        for (place, &(x, y)) in spots.iter().enumerate() {
            let near = tree.locate_in_envelope_intersecting(&around(x, y, ROAD_M));
            let near = near.filter_map(|entry| {
                let (stretch, k, a, b) = segments[entry.index];
                let (share, _, distance) = nearest_on_segment((x, y), a, b);
                let along = stretches[stretch].along[k] + share * libm::hypot(b.0 - a.0, b.1 - a.1);
                (distance <= ROAD_M).then_some((!stretches[stretch].drivable, distance, entry.index, stretch, along))
            });
            let best = near.min_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)).then(a.2.cmp(&b.2)));
            if let Some((.., stretch, along)) = best {
                on_stretch[stretch].push((along, place));
                on_road[place] = true;
            }
        }
        let knots = spots.len() + 1 + stretches.iter().flat_map(|s| s.ends).max().unwrap_or(0);
        let mut next: Vec<Vec<(usize, f64)>> = vec![Vec::new(); knots];
        for (stretch, mut on) in stretches.iter().zip(on_stretch) {
            on.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            let [from, to] = stretch.ends.map(|end| spots.len() + end);
            let length = stretch.along.last().copied().unwrap_or(0.0);
            let chain = [(0.0, from)].into_iter().chain(on).chain([(length, to)]).collect::<Vec<_>>();
            for pair in chain.windows(2) {
                let length = pair[1].0 - pair[0].0;
                next[pair[0].1].push((pair[1].1, length));
                next[pair[1].1].push((pair[0].1, length));
            }
        }
        Roads { on_road, next }
    }

    /// Gives every pair of places that follow each other along the roads, with no third between them.
    fn neighbours(&self, add: &mut impl FnMut(usize, usize, f64)) {
        let places = self.on_road.len();
        for place in (0..places).filter(|p| self.on_road[*p]) {
            // Shortest ways that pass no other place; few knots lie within reach.
            let mut known: BTreeMap<usize, f64> = BTreeMap::new();
            let mut open: BTreeSet<(u64, usize)> = BTreeSet::new();
            // Of non-negative numbers, bits are ordered as the numbers.
            open.insert((0.0_f64.to_bits(), place));
            known.insert(place, 0.0);
            while let Some((bits, knot)) = open.pop_first() {
                let gone = f64::from_bits(bits);
                if known.get(&knot).is_some_and(|best| *best < gone) {
                    continue;
                }
                if knot < places && knot != place {
                    add(place, knot, gone);
                    continue;
                }
                for &(to, length) in &self.next[knot] {
                    let whole = gone + length;
                    if whole <= LINK_M && known.get(&to).is_none_or(|best| whole < *best) {
                        known.insert(to, whole);
                        open.insert((whole.to_bits(), to));
                    }
                }
            }
        }
    }
}

/// A road between two points where roads meet or end.
struct Stretch {
    points: Vec<(f64, f64)>,
    /// Metres from the first point to each.
    along: Vec<f64>,
    /// Numbers of its ends.
    ends: [usize; 2],
    drivable: bool,
}

/// Roads cut where they share a point with another, or with themselves.
fn stretches(roads: &[(bool, &LineString<f64>)], plane: &LocalPlane) -> Vec<Stretch> {
    let key = |c: &geo::Coord<f64>| (c.x.to_bits(), c.y.to_bits());
    let mut uses: BTreeMap<(u64, u64), u32> = BTreeMap::new();
    for coord in roads.iter().flat_map(|(_, line)| &line.0) {
        *uses.entry(key(coord)).or_default() += 1;
    }
    let mut ends: BTreeMap<(u64, u64), usize> = BTreeMap::new();
    let mut number = |c: &geo::Coord<f64>| {
        let next = ends.len();
        *ends.entry(key(c)).or_insert(next)
    };
    let mut all = Vec::new();
    for (drivable, line) in roads {
        let mut first = 0;
        for last in 1..line.0.len() {
            if uses[&key(&line.0[last])] < 2 && last + 1 < line.0.len() {
                continue;
            }
            let points: Vec<(f64, f64)> = line.0[first..=last].iter().map(|c| plane.to_m(c.x, c.y)).collect();
            let mut along = vec![0.0];
            for pair in points.windows(2) {
                along.push(along[along.len() - 1] + libm::hypot(pair[1].0 - pair[0].0, pair[1].1 - pair[0].1));
            }
            let ends = [number(&line.0[first]), number(&line.0[last])];
            all.push(Stretch { points, along, ends, drivable: *drivable });
            first = last;
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: (f64, f64) = (127.0, 37.4);

    fn degrees(x: f64, y: f64) -> (f64, f64) {
        LocalPlane::at(AT.0, AT.1).to_deg(x, y)
    }

    fn shot(recording: &str, number: i64, day: i64, x: f64, y: f64) -> Shot {
        let (lon, lat) = degrees(x, y);
        let frame_id = format!("{recording}/pano/{number:03}");
        let sight = Sight {
            frame_id: frame_id.clone(),
            recording_id: recording.to_string(),
            t_ns: Some(day * 86_400_000_000_000 + number * 1_000_000_000),
            lon,
            lat,
            heading_deg: 90.0,
            heading_sigma_deg: None,
            also: Vec::new(),
        };
        Shot { sight, s_m: 10.0 * number as f64, content: frame_id }
    }

    fn road(points: &[(f64, f64)]) -> LineString<f64> {
        points.iter().map(|&(x, y)| degrees(x, y)).collect()
    }

    fn ids(network: &Network) -> Vec<(&str, &str)> {
        let id = |place: usize| network.places[place].newest().frame_id.as_str();
        network.links.iter().map(|l| (id(l.from), id(l.to))).collect()
    }

    #[test]
    fn pictures_of_a_place_are_a_stack_newest_first_and_the_same_picture_counts_once() {
        let mut twin = shot("b", 9, 400, 0.5, 0.5);
        twin.content = "b/pano/000".to_string();
        let shots = vec![shot("a", 0, 100, 0.0, 0.0), shot("b", 0, 400, 1.0, 1.0), twin, shot("c", 0, 200, 9.0, 0.0)];
        let network = network(shots, &[]);
        assert_eq!(network.places.len(), 2);
        let stack: Vec<&str> = network.places[0].stack.iter().map(|s| s.frame_id.as_str()).collect();
        assert_eq!(stack, ["b/pano/000", "a/pano/000"]);
        assert_eq!(network.places[0].newest().also, ["b/pano/009"]);
        assert!(network.links.is_empty(), "of different recordings, and no road");
    }

    #[test]
    fn without_a_map_places_follow_each_other_as_they_were_passed() {
        let network = network((0..3).map(|i| shot("a", i, 1, 10.0 * i as f64, 0.0)).collect(), &[]);
        assert_eq!(
            ids(&network),
            [
                ("a/pano/000", "a/pano/001"),
                ("a/pano/001", "a/pano/000"),
                ("a/pano/001", "a/pano/002"),
                ("a/pano/002", "a/pano/001"),
            ]
        );
        assert!(
            (network.links[0].heading_deg - 90.0).abs() < 0.01 && (network.links[1].heading_deg - 270.0).abs() < 0.01
        );
        assert!((network.links[0].length_m - 10.0).abs() < 1e-3);
    }

    #[test]
    fn links_follow_the_roads_over_junctions_and_interleave_recordings() {
        // An eastward road; another leaves it to the north at x = 30, drawn as a road of its own.
        let (east, north) = (road(&[(0.0, 0.0), (30.0, 0.0), (60.0, 0.0)]), road(&[(30.0, 0.0), (30.0, 60.0)]));
        let shots = vec![
            shot("a", 0, 1, 10.0, 1.0),
            shot("a", 1, 1, 24.0, 1.0),
            shot("a", 2, 1, 31.0, 12.0),
            shot("b", 0, 2, 17.0, -1.0),
            shot("b", 1, 2, 36.0, -1.0),
            // Beside no road, but passed after the one before.
            shot("b", 2, 2, 55.0, -20.0),
        ];
        let network = network(shots, &[(true, &east), (true, &north)]);
        let found = ids(&network);
        let both = |a, b| found.contains(&(a, b)) && found.contains(&(b, a));
        assert!(both("a/pano/000", "b/pano/000") && both("b/pano/000", "a/pano/001"), "{found:?}");
        assert!(
            both("a/pano/001", "a/pano/002") && both("a/pano/001", "b/pano/001") && both("a/pano/002", "b/pano/001")
        );
        assert!(!both("a/pano/000", "a/pano/001"), "another lies between");
        assert!(both("b/pano/001", "b/pano/002"), "off the road it goes on in its recording");
        let link = network.links.iter().find(|l| (l.from, l.to) == (1, 2)).expect("over the junction");
        assert!((link.length_m - 18.0).abs() < 0.01, "6 m to the junction and 12 m beyond: {}", link.length_m);
    }
}
