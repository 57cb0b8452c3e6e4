//! The positions that a trajectory is estimated from: GNSS fixes, else geotags of pictures; what cannot be is refused.

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
/// So many trains of thought about where the drive goes are followed at a time.
const CHAINS: usize = 8;

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

/// The longest train of positions whose neighbours a vehicle can reach from each other; `refuse` gets the others.
///
/// Each position joins the latest train that it can have come from, else starts its own: neither a jump away nor a wrong
/// start takes the drive with it.
fn longest_chain(all: Vec<Position>, mut refuse: impl FnMut(usize)) -> Vec<Position> {
    let mut chains: Vec<Vec<usize>> = Vec::new();
    let mut lost: Vec<usize> = Vec::new();
    for (i, position) in all.iter().enumerate() {
        let reachable = |chain: &&mut Vec<usize>| chain.last().is_some_and(|last| reaches(&all[*last], position));
        chains.sort_by_key(|chain| std::cmp::Reverse(chain.last().copied()));
        match chains.iter_mut().find(reachable) {
            Some(chain) => chain.push(i),
            None => {
                chains.push(vec![i]);
                if chains.len() > CHAINS {
                    // The shortest of the older ones gives way.
                    let shortest = (0..chains.len() - 1).min_by_key(|c| chains[*c].len()).unwrap_or(0);
                    lost.extend(chains.swap_remove(shortest));
                }
            }
        }
    }
    let Some(best) =
        (0..chains.len()).max_by_key(|c| (chains[*c].len(), std::cmp::Reverse(chains[*c].first().copied())))
    else {
        return all;
    };
    let kept = chains.swap_remove(best);
    lost.extend(chains.into_iter().flatten());
    lost.sort_unstable();
    lost.into_iter().for_each(|i| refuse(all[i].index));
    kept.into_iter().map(|i| all[i]).collect()
}

/// Whether a vehicle gets from `a` to `b`, within three sigmas of both.
fn reaches(a: &Position, b: &Position) -> bool {
    let flat = |p: &Position| Geodetic { height_m: 0.0, ..p.place };
    let apart_m = EnuFrame::new(flat(a)).to_enu(flat(b)).norm();
    let slack_m = 3.0 * libm::hypot(a.sigma_xy_m, b.sigma_xy_m);
    match (a.t_ns, b.t_ns) {
        (Some(ta), Some(tb)) => apart_m - slack_m <= FASTEST_MPS * (i128::from(tb) - i128::from(ta)) as f64 / 1e9,
        _ => apart_m - slack_m <= FARTHEST_M,
    }
}
