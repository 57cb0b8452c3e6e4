//! [`Movers`]: which of the boxes in a recording move, and where they are at any time.

use std::collections::BTreeMap;

use super::Track;
use crate::coord::Pose;
use crate::record::Cuboid;

/// A thing whose middle goes faster than this over a second moves; what is drawn by hand wanders slower, m/s.
const MOVES_MPS: f64 = 0.5;
/// Half the time over which that is seen, nanoseconds.
const SEEN_NS: i64 = 500_000_000;
/// Boxes further apart say nothing of the time between them, nanoseconds.
const GAP_NS: i64 = 500_000_000;
/// Before its first and after its last box a thing is still there for so long: half the spacing of boxes at 10 Hz.
const AROUND_NS: i64 = 60_000_000;

/// A thing at one time.
#[derive(Debug, Clone, Copy, PartialEq)]
struct At {
    t_ns: i64,
    world_se3_box: Pose,
    size_m: [f64; 3],
    moves: bool,
}

/// The things of a recording that have boxes, in the world of its track.
#[derive(Debug, Clone, Default)]
pub struct Movers {
    things: Vec<Vec<At>>,
}

impl Movers {
    /// Places the boxes on a track; those at times that it does not reach are left out.
    ///
    /// A thing moves at a time where the middles of its boxes half a second before and after lie more than 0.5 m/s apart.
    /// One that was seen once is taken to move.
    pub fn new(cuboids: &[Cuboid], track: &Track) -> Movers {
        let mut things: BTreeMap<&str, Vec<At>> = BTreeMap::new();
        for cuboid in cuboids {
            let t_ns = cuboid.t.ns().saturating_add(track.clock_offset_ns(&cuboid.sensor));
            let Some(ego) = track.at_time(t_ns) else { continue };
            let world_se3_box = ego.pose * cuboid.ego_se3_box;
            let at = At { t_ns, world_se3_box, size_m: cuboid.size_m, moves: true };
            things.entry(&cuboid.track).or_default().push(at);
        }
        let mut things: Vec<Vec<At>> = things.into_values().collect();
        for thing in &mut things {
            thing.sort_by_key(|at| at.t_ns);
            thing.dedup_by_key(|at| at.t_ns);
            let moves: Vec<bool> = (0..thing.len()).map(|i| moves(thing, i)).collect();
            thing.iter_mut().zip(moves).for_each(|(at, moves)| at.moves = moves);
        }
        Movers { things }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.things.is_empty()
    }

    /// The things that move at a time: `world_se3_box`, and length, width and height in metres.
    ///
    /// Between two boxes of a thing its pose is interpolated.
    pub fn at(&self, t_ns: i64) -> Vec<(Pose, [f64; 3])> {
        self.things.iter().filter_map(|thing| moving(thing, t_ns)).collect()
    }
}

fn moves(thing: &[At], i: usize) -> bool {
    let t_ns = thing[i].t_ns;
    let near = |at: &&At| (at.t_ns - t_ns).abs() <= SEEN_NS;
    let (first, last) = (thing[..=i].iter().find(near), thing[i..].iter().rev().find(near));
    let (Some(first), Some(last)) = (first, last) else { return true };
    let seconds = (last.t_ns - first.t_ns) as f64 * 1e-9;
    let apart_m = (last.world_se3_box.translation - first.world_se3_box.translation).norm();
    seconds <= 0.0 || apart_m > MOVES_MPS * seconds
}

/// A thing at a time, where it is known then and moves.
fn moving(thing: &[At], t_ns: i64) -> Option<(Pose, [f64; 3])> {
    let after = thing.partition_point(|at| at.t_ns < t_ns);
    let (before, next) = (after.checked_sub(1).and_then(|i| thing.get(i)), thing.get(after));
    let found = match (before, next) {
        (Some(a), Some(b)) if b.t_ns - a.t_ns <= GAP_NS => {
            let w = (t_ns - a.t_ns) as f64 / (b.t_ns - a.t_ns) as f64;
            let size_m = std::array::from_fn(|k| a.size_m[k].max(b.size_m[k]));
            let world_se3_box = a.world_se3_box.interpolate(&b.world_se3_box, w);
            At { t_ns, world_se3_box, size_m, moves: a.moves || b.moves }
        }
        (a, b) => {
            let near = |at: &&At| (at.t_ns - t_ns).abs() <= AROUND_NS;
            *b.filter(near).or(a.filter(near))?
        }
    };
    found.moves.then_some((found.world_se3_box, found.size_m))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use nalgebra::Vector3;

    use super::*;
    use crate::coord::{EnuFrame, Geodetic};
    use crate::error::Quarantine;
    use crate::fuse::{FuseConfig, fuse};
    use crate::record::{PoseFix, Recording};
    use crate::time::Timestamp;

    /// An ego that drives east at 10 m/s for 4 s, its poses given.
    fn track() -> Track {
        let mut recording = Recording::new("east", "argoverse2", "CC0-1.0");
        let frame = EnuFrame::new(Geodetic::new(127.0, 37.0, 0.0));
        recording.poses = (0..=40)
            .map(|i| PoseFix {
                t: Some(Timestamp::from_ns(i * 100_000_000)),
                place: frame.to_geodetic(Vector3::new(i as f64, 0.0, 0.0)),
                rotation: Pose::identity().rotation,
            })
            .collect();
        fuse(&recording, &FuseConfig::default(), &mut Quarantine::new()).expect("two positions")
    }

    /// A thing that goes along x of the world from `x0` at `speed`, with a box every 100 ms.
    fn thing(name: &str, x0: f64, speed: f64, times: impl Iterator<Item = i64>) -> Vec<Cuboid> {
        let at = |i: i64| Cuboid {
            t: Timestamp::from_ns(i * 100_000_000),
            sensor: Arc::from("lidar"),
            track: Arc::from(name),
            ego_se3_box: Pose::new(
                Vector3::new(x0 + speed * i as f64 * 0.1 - i as f64, 3.0, 0.0),
                Pose::identity().rotation,
            ),
            size_m: [4.0, 2.0, 1.5],
        };
        times.map(at).collect()
    }

    #[test]
    fn what_moves_is_told_from_what_the_ego_passes() {
        let mut cuboids = thing("parked", 20.0, 0.0, 0..=40);
        cuboids.extend(thing("car", 5.0, 8.0, 0..=40));
        cuboids.extend(thing("wanders", 30.0, 0.3, 0..=40));
        let movers = Movers::new(&cuboids, &track());
        // Halfway between two boxes.
        let at = movers.at(1_050_000_000);
        assert_eq!(at.len(), 1, "{at:?}");
        assert!((at[0].0.translation.x - (5.0 + 8.0 * 1.05)).abs() < 1e-4, "{at:?}");
        assert_eq!(at[0].1, [4.0, 2.0, 1.5]);
    }

    #[test]
    fn a_thing_is_where_it_was_seen_alone() {
        let mut cuboids = thing("goes", 5.0, 8.0, 10..=14);
        cuboids.extend(thing("once", 30.0, 0.0, 20..=20));
        let movers = Movers::new(&cuboids, &track());
        let count = |t_ns: i64| movers.at(t_ns).len();
        assert_eq!((count(900_000_000), count(950_000_000), count(1_450_000_000), count(1_600_000_000)), (0, 1, 1, 0));
        assert_eq!((count(1_990_000_000), count(2_100_000_000)), (1, 0));
        // A gap of more than half a second says nothing.
        let mut gap = thing("gap", 5.0, 8.0, 0..=2);
        gap.extend(thing("gap", 5.0, 8.0, 20..=22));
        assert!(Movers::new(&gap, &track()).at(1_000_000_000).is_empty());
    }
}
