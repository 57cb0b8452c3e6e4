//! The positions that a trajectory is estimated from: GNSS fixes, else geotags of pictures; what cannot be is refused.

use std::cmp::Reverse;

use nalgebra::Vector3;

use crate::coord::{EnuFrame, Geodetic};
use crate::error::{Location, Quarantine};
use crate::record::{FrameRecord, Modality, Recording};

/// One sigma of a GNSS position whose receiver does not say, metres per axis: a phone or logger under open sky.
const GNSS_SIGMA_M: f64 = 3.0;
/// One sigma of a picture's geotag that does not say, metres per axis: phones in streets.
const GEOTAG_SIGMA_M: f64 = 5.0;
/// Vertical over horizontal sigma where only the horizontal one is known.
const VERTICAL_RATIO: f64 = 1.5;
/// Faster than this, m/s, is a jump and not a drive.
const FASTEST_MPS: f64 = 70.0;
/// Farther than this, metres, is a jump between neighbours without times.
const FARTHEST_M: f64 = 1000.0;
/// A geotag must be this far from its neighbours to be a stray, metres; and so many in a row may be strays.
const STRAY_M: f64 = 100.0;
const STRAYS: usize = 3;
/// A position may follow one of so many before it: a receiver that drifts off jumps back after seconds.
const WINDOW: usize = 256;
/// It may follow so many older ones, of those where a train broke off or paused for so long.
const FORKS: usize = 32;
const PAUSE_NS: i64 = 2_000_000_000;

/// One position, cleaned.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Position {
    /// Nanoseconds on the reference clock; all of a list have it or none.
    pub t_ns: Option<i64>,
    /// Where.
    pub place: Geodetic,
    /// One sigma per horizontal axis, metres.
    pub sigma_xy_m: f64,
    /// One sigma of the height, metres.
    pub sigma_z_m: f64,
    /// Index of the fix (or frame) in the recording.
    pub index: usize,
}

/// What positions came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PositionSource {
    /// GNSS fixes.
    Gnss,
    /// Geotags of pictures.
    Geotags,
}

/// The positions of a recording, ordered by time (as given without times), free of repeats and jumps.
pub(super) fn positions(recording: &Recording, quarantine: &mut Quarantine) -> (PositionSource, Vec<Position>) {
    let fixes = gnss(recording, quarantine);
    if fixes.len() >= 2 {
        return (PositionSource::Gnss, fixes);
    }
    (PositionSource::Geotags, geotags(recording, quarantine))
}

fn gnss(recording: &Recording, quarantine: &mut Quarantine) -> Vec<Position> {
    let at = |index: usize| Location::record(&recording.name, recording.gnss[index].record);
    let timed = recording.gnss.iter().any(|f| f.t.is_some());
    let mut all = Vec::with_capacity(recording.gnss.len());
    for (index, fix) in recording.gnss.iter().enumerate() {
        let sigma_xy_m = sigma_or(fix.sigma_xy_m, GNSS_SIGMA_M);
        match refusal(fix.place) {
            Some(reason) => quarantine.refuse(&at(index), reason),
            None if timed && fix.t.is_none() => quarantine.refuse(&at(index), "GNSS fix without a time"),
            None => all.push(Position {
                t_ns: fix.t.map(|t| t.ns()),
                place: fix.place,
                sigma_xy_m,
                sigma_z_m: sigma_or(fix.sigma_z_m, sigma_xy_m * VERTICAL_RATIO),
                index,
            }),
        }
    }
    let all = in_order(all, |index| quarantine.refuse(&at(index), "GNSS fix whose time repeats"));
    longest_chain(all, |index| quarantine.refuse(&at(index), "GNSS fix that jumps away"))
}

/// Geotags of the pictures with times; of none has one, of the first channel that has any, in the order of names.
fn geotags(recording: &Recording, quarantine: &mut Quarantine) -> Vec<Position> {
    let at = |index: usize| Location::file(recording.frames[index].source.path.as_ref());
    let tagged = |f: &FrameRecord| f.modality == Modality::Camera && f.geotag.is_some();
    let timed = recording.frames.iter().any(|f| tagged(f) && f.t.is_some());
    let channel = recording.frames.iter().find(|f| tagged(f)).map(|f| f.channel.as_str());
    let mut all = Vec::new();
    for (index, frame) in recording.frames.iter().enumerate() {
        let Some(tag) = frame.geotag.filter(|_| tagged(frame)) else { continue };
        if timed && frame.t.is_none() || !timed && Some(frame.channel.as_str()) != channel {
            continue;
        }
        if let Some(reason) = refusal(tag.place) {
            quarantine.refuse(&at(index), reason);
            continue;
        }
        let sigma_xy_m = sigma_or(tag.sigma_xy_m, GEOTAG_SIGMA_M);
        // NaN marks an unknown height until all are known.
        let height_m = if tag.has_height { tag.place.height_m } else { f64::NAN };
        all.push(Position {
            t_ns: frame.t.map(|t| t.ns()),
            place: Geodetic { height_m, ..tag.place },
            sigma_xy_m,
            sigma_z_m: sigma_xy_m * VERTICAL_RATIO,
            index,
        });
    }
    fill_heights(&mut all);
    // The cameras of a rig fire together: a time that repeats is no defect here.
    let all = in_order(all, |_| ());
    let all = without_strays(all, |index| quarantine.refuse(&at(index), "geotag far from those before and after it"));
    longest_chain(all, |index| quarantine.refuse(&at(index), "geotag that jumps away"))
}

/// Why a place cannot be one, if so.
fn refusal(place: Geodetic) -> Option<&'static str> {
    if !place.is_valid() {
        Some("position that is not on the globe")
    } else if place.lon_deg == 0.0 && place.lat_deg == 0.0 {
        Some("position at 0, 0: a receiver without a fix")
    } else {
        None
    }
}

fn sigma_or(given: Option<f64>, default: f64) -> f64 {
    given.filter(|s| s.is_finite() && *s > 0.0).unwrap_or(default)
}

/// Unknown heights take the known one before them (the first known one at the start); all unknown are 0.
fn fill_heights(all: &mut [Position]) {
    let mut last = all.iter().map(|p| p.place.height_m).find(|h| h.is_finite()).unwrap_or(0.0);
    for position in all {
        if position.place.height_m.is_finite() {
            last = position.place.height_m;
        } else {
            position.place.height_m = last;
        }
    }
}

/// By time; of equal times the first stays, the others are given to `refuse`.
fn in_order(mut all: Vec<Position>, mut refuse: impl FnMut(usize)) -> Vec<Position> {
    all.sort_by_key(|p| p.t_ns);
    let mut last = None;
    all.retain(|p| {
        let repeats = p.t_ns.is_some() && p.t_ns == last;
        if repeats {
            refuse(p.index);
        }
        last = p.t_ns;
        !repeats
    });
    all
}

/// Positions without short runs that lie far from those before and after them; `refuse` gets the others.
///
/// A run of up to three is a stray where going over it is a detour of over 100 m and over eight times the usual step,
/// while those around it are near each other: a way there and back would have pictures on the way. After a pause of over
/// 60 s nothing is a stray: there was time to go.
fn without_strays(all: Vec<Position>, mut refuse: impl FnMut(usize)) -> Vec<Position> {
    let far = |a: &Position, b: &Position| {
        let flat = |p: &Position| Geodetic { height_m: 0.0, ..p.place };
        EnuFrame::new(flat(a)).to_enu(flat(b)).norm()
    };
    let paused = |a: &Position, b: &Position| {
        a.t_ns.zip(b.t_ns).is_some_and(|(a, b)| b.saturating_sub(a) > super::segment::LONGEST_GAP_NS)
    };
    let mut steps: Vec<f64> = all.windows(2).map(|w| far(&w[0], &w[1])).collect();
    steps.sort_by(f64::total_cmp);
    let usual = steps.get(steps.len() / 2).copied().unwrap_or(0.0);
    let least = STRAY_M.max(8.0 * usual);
    let mut kept: Vec<Position> = Vec::with_capacity(all.len());
    let mut i = 0;
    while i < all.len() {
        let stray = (1..=STRAYS).find(|&run| {
            let (Some(before), Some(after)) = (kept.last(), all.get(i + run)) else { return false };
            let last = &all[i + run - 1];
            if paused(before, &all[i]) || paused(last, after) {
                return false;
            }
            let there = far(before, &all[i]).min(far(last, after));
            there > least && far(before, after) < 0.2 * there
        });
        match stray {
            Some(run) => {
                all[i..i + run].iter().for_each(|p| refuse(p.index));
                i += run;
            }
            None => {
                kept.push(all[i]);
                i += 1;
            }
        }
    }
    kept
}

/// The longest train of positions whose neighbours a vehicle can reach from each other; `refuse` gets the others.
///
/// A dynamic programme: each position follows whichever of those before it ends the longest train and is in reach, the
/// latest of equal ones, else it starts a train of its own. So neither a wrong start, nor a jump away, nor a wrong place
/// that is within reach because the receiver was silent before it takes the drive with it: what follows joins where that
/// train was still right. Asked are the last [`WINDOW`] positions, and of older ones those after which a train may have
/// gone wrong, [`FORKS`] at most; where every position is reached from the one before, nothing but that one.
pub(super) fn longest_chain(all: Vec<Position>, mut refuse: impl FnMut(usize)) -> Vec<Position> {
    let places: Vec<Vector3<f64>> = all.iter().map(|p| Geodetic { height_m: 0.0, ..p.place }.to_ecef()).collect();
    let reaches = |j: usize, i: usize| reaches(&all[j], &all[i], (places[j] - places[i]).norm());
    let mut ends: Vec<Train> = Vec::with_capacity(all.len());
    let mut forks: Vec<usize> = Vec::new();
    for i in 0..all.len() {
        if let Some(old) = i.checked_sub(WINDOW + 1)
            && (is_pause(&all[old], &all[old + 1]) || !reaches(old, old + 1))
        {
            forks.push(old);
            if forks.len() > FORKS {
                // The shortest gives way, the oldest of equal ones.
                let shortest = (0..FORKS).min_by_key(|f| ends[forks[*f]].length).unwrap_or(0);
                forks.remove(shortest);
            }
        }
        let mut best = Train { length: 1, longest: 1, start: i, before: None };
        let recent = (i.saturating_sub(WINDOW)..i).rev();
        for j in recent {
            // Nothing up to here ends a longer one.
            if ends[j].longest < best.length {
                break;
            }
            best.follow(j, &ends, &reaches, i);
        }
        forks.iter().rev().for_each(|&j| best.follow(j, &ends, &reaches, i));
        best.longest = best.length.max(ends.last().map_or(0, |e| e.longest));
        ends.push(best);
    }
    // Of equally long ones that which starts first, then that which ends first.
    let last = (0..all.len()).max_by_key(|&i| (ends[i].length, Reverse(ends[i].start), Reverse(i)));
    let mut kept = vec![false; all.len()];
    let mut at = last;
    while let Some(i) = at {
        kept[i] = true;
        at = ends[i].before;
    }
    let chain = all.into_iter().zip(kept).filter_map(|(position, kept)| {
        if !kept {
            refuse(position.index);
        }
        kept.then_some(position)
    });
    chain.collect()
}

/// The longest train that ends with a position.
struct Train {
    length: usize,
    /// Length of the longest that ends with this position or one before it.
    longest: usize,
    /// Its first position.
    start: usize,
    /// The position before the last.
    before: Option<usize>,
}

impl Train {
    /// Follows the train that ends with `j` where that makes it longer, and `i`, its last position, is in reach.
    fn follow(&mut self, j: usize, ends: &[Train], reaches: &impl Fn(usize, usize) -> bool, i: usize) {
        if ends[j].length >= self.length && reaches(j, i) {
            (self.length, self.start, self.before) = (ends[j].length + 1, ends[j].start, Some(j));
        }
    }
}

/// Whether so much time passes between two positions that a wrong place is within reach of a right one.
fn is_pause(a: &Position, b: &Position) -> bool {
    a.t_ns.zip(b.t_ns).is_some_and(|(a, b)| b.saturating_sub(a) > PAUSE_NS)
}

/// Whether a vehicle gets from `a` to `b`, which are `apart_m` apart, within three sigmas of both.
fn reaches(a: &Position, b: &Position, apart_m: f64) -> bool {
    let slack_m = 3.0 * libm::hypot(a.sigma_xy_m, b.sigma_xy_m);
    match (a.t_ns, b.t_ns) {
        (Some(ta), Some(tb)) => apart_m - slack_m <= FASTEST_MPS * (i128::from(tb) - i128::from(ta)) as f64 / 1e9,
        _ => apart_m - slack_m <= FARTHEST_M,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn position(index: usize, east_m: f64, north_m: f64) -> Position {
        let place = Geodetic::new(127.0 + east_m / 88_996.0, 37.0 + north_m / 110_985.0, 0.0);
        Position { t_ns: None, place, sigma_xy_m: 5.0, sigma_z_m: 8.0, index }
    }

    #[test]
    fn geotags_hundreds_of_metres_beside_their_neighbours_are_strays() {
        let mut all: Vec<Position> = (0..20).map(|i| position(i, 8.0 * i as f64, 0.0)).collect();
        all[5] = position(5, 40.0, 400.0);
        all[11] = position(11, 500.0, -300.0);
        all[12] = position(12, 506.0, -300.0);
        let mut refused = Vec::new();
        let kept = without_strays(all, |index| refused.push(index));
        assert_eq!((refused.as_slice(), kept.len()), (&[5, 11, 12][..], 17));
    }

    #[test]
    fn a_way_there_and_back_and_a_leap_to_another_street_stay() {
        let there_and_back = (0..30).map(|i| position(i, 20.0 * (15.0 - (i as f64 - 15.0).abs()), 0.0)).collect();
        let leap = (0..20).map(|i| position(i, if i < 10 { 8.0 * i as f64 } else { 900.0 + 8.0 * i as f64 }, 0.0));
        for all in [there_and_back, leap.collect(), vec![position(0, 0.0, 0.0), position(1, 900.0, 0.0)], Vec::new()] {
            let count = all.len();
            assert_eq!(without_strays(all, |index| panic!("{index} is no stray")).len(), count);
        }
    }

    /// A drive at 15 m/s to the east, so many positions a second.
    fn drive(count: usize, hertz: f64) -> Vec<Position> {
        let at = |i: usize| Position {
            t_ns: Some((i as f64 / hertz * 1e9) as i64),
            sigma_xy_m: 3.0,
            ..position(i, 15.0 * i as f64 / hertz, 0.0)
        };
        (0..count).map(at).collect()
    }

    fn refused(all: Vec<Position>) -> Vec<usize> {
        let (count, mut refused) = (all.len(), Vec::new());
        let kept = longest_chain(all, |index| refused.push(index));
        assert_eq!(kept.len() + refused.len(), count);
        assert!(kept.windows(2).all(|w| w[0].index < w[1].index));
        refused
    }

    #[test]
    fn wrong_places_after_a_silence_cost_themselves_and_not_the_drive_before_it() {
        // 300 m off, within reach of what lies before the silence of 20 s, and not of what follows in the next 4 s.
        let lost = |count: usize| {
            let mut all = drive(3000, 10.0);
            all[1200..1200 + count].iter_mut().for_each(|p| p.place.lat_deg += 300.0 / 110_985.0);
            all.drain(1000..1200);
            refused(all)
        };
        for count in [1, 5, 40] {
            assert_eq!(lost(count), (1200..1200 + count).collect::<Vec<_>>());
        }
        // Where they are more than what they cost, they stay.
        for count in [60, 400] {
            assert!(lost(count).len() < 60, "{:?}", lost(count));
        }
    }

    #[test]
    fn a_receiver_that_wanders_off_and_jumps_back_leaves_the_drive_before_it() {
        let mut all = drive(600, 10.0);
        for (k, p) in all[300..320].iter_mut().enumerate() {
            p.place.lat_deg += 15.0 * k as f64 / 110_985.0;
        }
        let refused = refused(all);
        assert!(!refused.is_empty() && refused.iter().all(|i| (300..320).contains(i)), "{refused:?}");
    }

    #[test]
    fn neither_a_wrong_start_nor_a_long_stay_elsewhere_takes_the_drive_with_it() {
        for wrong in [0..40, 500..1100, 2960..3000] {
            let mut all = drive(3000, 10.0);
            all[wrong.clone()].iter_mut().for_each(|p| p.place.lat_deg += 0.2);
            assert_eq!(refused(all), wrong.collect::<Vec<_>>());
        }
        assert!(refused(drive(3000, 10.0)).is_empty() && refused(Vec::new()).is_empty());
    }

    proptest! {
        #[test]
        fn a_wrong_place_costs_no_other(
            hertz in 1.0..20.0_f64, silence in 0_usize..100, wrong in 0_usize..200, east in -5e3..5e3_f64,
            north in -5e3..5e3_f64,
        ) {
            let mut all = drive(300, hertz);
            let (lon, lat) = (east / 88_996.0, north / 110_985.0);
            let place = all[100 + wrong].place;
            all[100 + wrong].place = Geodetic::new(place.lon_deg + lon, place.lat_deg + lat, 0.0);
            all.drain(100..100 + silence.min(wrong));
            let refused = refused(all);
            prop_assert!(refused.iter().all(|i| *i == 100 + wrong), "{:?}", refused);
        }
    }
}
