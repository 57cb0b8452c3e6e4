//! What of a drive is kept back: its ends and what lies in exclusion zones.

use geo::{Contains, MultiPolygon, Point};

use crate::fuse::{State, Track};

/// A stretch of a track that nothing may be made of; its ends are visible, and unbounded where the track's end is hidden.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stretch {
    /// From and to, nanoseconds; `None` on a track without a clock.
    pub t_ns: Option<(i64, i64)>,
    /// From and to along the path, metres.
    pub s_m: (f64, f64),
}

impl Stretch {
    /// Whether a path length, metres, lies strictly inside.
    fn holds(&self, s_m: f64) -> bool {
        s_m > self.s_m.0 && s_m < self.s_m.1
    }
}

/// The stretches of one track that are kept back, in order, none touching the next.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Withheld {
    stretches: Vec<Stretch>,
    /// How many rows of the track they hold.
    pub rows: usize,
}

impl Withheld {
    /// Finds what to keep back of `track`: what lies within `trim_ends_m` of path from either end, and what lies in one
    /// of `zones` (lon, lat degrees).
    ///
    /// A stretch reaches from the last row outside to the next row outside, so that no pose between rows is left inside
    /// a zone. Nothing is moved or renumbered: times and path lengths stay those of the whole recording.
    pub fn of(track: &Track, zones: &[MultiPolygon<f64>], trim_ends_m: f64) -> Withheld {
        let length_m = track.length_m();
        let start_m = track.rows.first().map_or(0.0, |r| r.s_m);
        let hidden: Vec<bool> = track
            .rows
            .iter()
            .map(|row| {
                let near_end =
                    trim_ends_m > 0.0 && (row.s_m - start_m < trim_ends_m || length_m - row.s_m < trim_ends_m);
                near_end || {
                    let place = track.place(&row.pose);
                    zones.iter().any(|zone| zone.contains(&Point::new(place.lon_deg, place.lat_deg)))
                }
            })
            .collect();
        let mut withheld = Withheld { stretches: Vec::new(), rows: hidden.iter().filter(|h| **h).count() };
        let mut i = 0;
        while i < hidden.len() {
            if !hidden[i] {
                i += 1;
                continue;
            }
            let end = hidden[i..].iter().position(|h| !h).map_or(hidden.len(), |n| i + n);
            // Where there is no row outside, the stretch has no end.
            let (from, to) = (i.checked_sub(1).map(|k| &track.rows[k]), track.rows.get(end));
            let from_s = from.map_or(f64::NEG_INFINITY, |r| r.s_m);
            let to_s = to.map_or(f64::INFINITY, |r| r.s_m);
            let t_ns = track
                .timed
                .then(|| (from.and_then(|r| r.t_ns).unwrap_or(i64::MIN), to.and_then(|r| r.t_ns).unwrap_or(i64::MAX)));
            match withheld.stretches.last_mut() {
                // One visible row between two stretches is the end of both.
                Some(last) if last.s_m.1 >= from_s && last.t_ns.map(|t| t.1) >= t_ns.map(|t| t.0) => {
                    last.s_m.1 = to_s;
                    last.t_ns = last.t_ns.zip(t_ns).map(|(a, b)| (a.0, b.1));
                }
                _ => withheld.stretches.push(Stretch { t_ns, s_m: (from_s, to_s) }),
            }
            i = end + 1;
        }
        withheld
    }

    /// What is kept back of a way along this track that turns at `turn_m` and comes back, as path lengths of the whole way.
    pub fn there_and_back(&self, turn_m: f64) -> Withheld {
        // What begins at the turn is not on the way.
        let there = self.stretches.iter().filter(|stretch| stretch.s_m.0 < turn_m);
        let there: Vec<Stretch> = there.map(|stretch| Stretch { t_ns: None, ..*stretch }).collect();
        let back = there.iter().rev().map(|s| Stretch { s_m: (2.0 * turn_m - s.s_m.1, 2.0 * turn_m - s.s_m.0), ..*s });
        Withheld { stretches: there.iter().copied().chain(back).collect(), rows: self.rows }
    }

    /// Whether nothing is kept back.
    pub fn is_empty(&self) -> bool {
        self.stretches.is_empty()
    }

    /// The stretches, in order.
    pub fn stretches(&self) -> &[Stretch] {
        &self.stretches
    }

    /// Whether a state of the ego lies strictly inside a stretch: rows and frames there are dropped.
    pub fn covers(&self, state: &State) -> bool {
        self.stretches.iter().any(|stretch| match (stretch.t_ns, state.t_ns) {
            (Some((from, to)), Some(t)) => t > from && t < to,
            _ => stretch.holds(state.s_m),
        })
    }

    /// Whether a path length, metres, lies strictly inside a stretch.
    pub fn hides(&self, s_m: f64) -> bool {
        self.stretches.iter().any(|stretch| stretch.holds(s_m))
    }

    /// Whether the way between two states of the ego shares more than an end with a stretch.
    pub fn touches(&self, first: &State, last: &State) -> bool {
        self.stretches.iter().any(|stretch| match (stretch.t_ns, first.t_ns, last.t_ns) {
            (Some((from, to)), Some(a), Some(b)) => b > from && a < to,
            _ => last.s_m > stretch.s_m.0 && first.s_m < stretch.s_m.1,
        })
    }
}

#[cfg(test)]
mod tests {
    use geo::{Geometry, polygon};

    use super::*;
    use crate::coord::Geodetic;
    use crate::error::Quarantine;
    use crate::fuse::{FuseConfig, fuse};
    use crate::record::{GnssFix, Recording};
    use crate::time::Timestamp;

    /// Northwards from 37 N at 10 m/s for 20 s, a fix a second.
    fn north() -> Track {
        let mut recording = Recording::new("north", "folder", "CC0-1.0");
        recording.gnss = (0..=20u32)
            .map(|i| {
                let t = Timestamp::from_ns(i64::from(i) * 1_000_000_000);
                let place = Geodetic::new(127.0, 37.0 + f64::from(i) * 10.0 / 110_985.0, 0.0);
                GnssFix { sigma_xy_m: Some(0.1), ..GnssFix::at(Some(t), place, u64::from(i)) }
            })
            .collect();
        fuse(&recording, &FuseConfig::default(), &mut Quarantine::new()).expect("two positions")
    }

    #[test]
    fn nothing_is_withheld_unless_asked_for() {
        assert!(Withheld::of(&north(), &[], 0.0).is_empty());
    }

    #[test]
    fn both_ends_are_trimmed_by_path_length() {
        let track = north();
        let withheld = Withheld::of(&track, &[], 50.0);
        let hidden = |t: i64| withheld.covers(&track.at_time(t * 1_000_000_000).expect("on the track"));
        assert!(hidden(0) && hidden(3) && hidden(17) && hidden(20));
        assert!(!hidden(6) && !hidden(10) && !hidden(14));
    }

    #[test]
    fn what_lies_in_a_zone_is_withheld_and_windows_that_touch_it_too() {
        let track = north();
        let degrees = |metres: f64| 37.0 + metres / 110_985.0;
        let Geometry::Polygon(zone) = Geometry::from(polygon![
            (x: 126.9, y: degrees(95.0)), (x: 127.1, y: degrees(95.0)),
            (x: 127.1, y: degrees(105.0)), (x: 126.9, y: degrees(105.0)),
        ]) else {
            unreachable!("a polygon")
        };
        let withheld = Withheld::of(&track, &[MultiPolygon(vec![zone])], 0.0);
        let at = |t: f64| track.at_time((t * 1e9) as i64).expect("on the track");
        assert!(withheld.covers(&at(10.0)) && !withheld.covers(&at(9.0)) && !withheld.covers(&at(11.0)));
        assert!(withheld.touches(&at(8.0), &at(12.0)) && withheld.touches(&at(9.7), &at(9.8)));
        assert!(!withheld.touches(&at(5.0), &at(9.0)) && !withheld.touches(&at(11.0), &at(15.0)));
        assert!(withheld.hides(100.0) && !withheld.hides(85.0) && !withheld.hides(115.0));
    }
}
