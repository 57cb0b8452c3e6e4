//! [`headings`]: where the pictures of a photo sequence look, from their compass, their path and each other.
//!
//! A compass is off by some degrees, now and then by half a turn; a path tells the direction of travel, but not how the
//! camera was held. The angle between the two is the same for a sequence: its middle joins them, and a picture that
//! differs from it by half a turn has a flipped compass.

use crate::coord::{heading_deg, wrap_degrees};
use crate::error::{Location, Quarantine};
use crate::record::{Modality, Recording};

use super::Track;

/// One sigma of a compass in a street, degrees: iron of vehicles and houses.
pub(super) const COMPASS_DEG: f64 = 12.0;
/// No compass is better than this, degrees.
const COMPASS_BEST_DEG: f64 = 1.5;
/// From so many pictures on, how good the compass is is taken from themselves.
const MANY: usize = 8;
/// A compass within so many degrees of half a turn from the others is flipped.
const FLIP_DEG: f64 = 40.0;
/// Pictures whose neighbours lie closer than this say nothing of the path, metres.
const SHORT_M: f64 = 2.0;
/// Neighbours farther away than this say nothing of the path at a picture, metres.
const LONG_M: f64 = 100.0;
/// So many pictures with compass and path are needed to tell a flip.
const FEW: usize = 3;
/// One sigma of a place whose trajectory does not say, metres.
const PLACE_SIGMA_M: f64 = 3.0;
/// So many candidates are tried for the middle of angles.
const TRIES: usize = 256;

/// A picture of a sequence, in its order.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sighting {
    /// East and north, metres.
    pub at: (f64, f64),
    /// One sigma per axis, metres.
    pub sigma_m: f64,
    /// Degrees clockwise from north, where the picture says.
    pub compass_deg: Option<f64>,
    /// One sigma of it, degrees, where the source says: what structure from motion found.
    pub compass_sigma_deg: Option<f64>,
}

/// What a heading rests on, with gravity: pitch and roll are the picture's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum HeadingSource {
    /// The compass alone.
    Compass,
    /// The direction of travel and how the others of the sequence were held.
    Path,
    /// Both.
    Fusion,
}

/// Where a picture looks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Heading {
    /// Degrees clockwise from north.
    pub deg: f64,
    /// One sigma, degrees.
    pub sigma_deg: f64,
    /// What it rests on.
    pub source: HeadingSource,
    /// Whether its compass was off by half a turn, and was turned.
    pub flipped: bool,
}

/// The headings of a sequence; `None` where neither compass nor path says anything.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Headings {
    /// One a picture.
    pub each: Vec<Option<Heading>>,
    /// How the camera is held: degrees clockwise from the direction of travel, where compass and path both know.
    pub held_deg: Option<f64>,
}

/// Finds the headings of a sequence.
///
/// The path at a picture is the chord between its neighbours (2 to 100 m). The angle at which the camera is held is the
/// one with the least sum of deviations, each cut at 60°, of compass against path. Compass and path are then weighed by
/// their variances; a compass 140° or more off that is turned by half a turn. Fewer than three pictures with both tell
/// nothing of each other, and their compass stays as it is; so does a heading whose source says how good it is.
pub fn headings(pictures: &[Sighting]) -> Headings {
    let paths: Vec<Option<(f64, f64)>> = (0..pictures.len()).map(|i| path(pictures, i)).collect();
    let apart = |(picture, path): (&Sighting, &Option<(f64, f64)>)| Some(turn(picture.compass_deg? - path.as_ref()?.0));
    let both: Vec<f64> = pictures.iter().zip(&paths).filter_map(apart).collect();
    let held = (both.len() >= FEW).then(|| middle(&both)).flatten();
    let agree: Vec<f64> =
        held.map_or(Vec::new(), |held| both.iter().map(|a| turn(a - held)).filter(|d| d.abs() < 60.0).collect());
    // How good this compass is, its own sequence tells where there is enough of it: by the median of the deviations.
    let compass_sigma = if agree.len() < MANY {
        COMPASS_DEG
    } else {
        let mut off: Vec<f64> = agree.iter().map(|d| d.abs()).collect();
        off.sort_by(f64::total_cmp);
        (1.4826 * off[off.len() / 2]).clamp(COMPASS_BEST_DEG, 2.0 * COMPASS_DEG)
    };
    let held_sigma = compass_sigma / (agree.len().max(1) as f64).sqrt();

    let one = |(picture, path): (&Sighting, &Option<(f64, f64)>)| {
        if let Some((deg, sigma)) = picture.compass_deg.zip(picture.compass_sigma_deg) {
            return Some(made(deg, sigma, HeadingSource::Compass, false));
        }
        let by_path = path.zip(held).map(|((deg, sigma), held)| (deg + held, libm::hypot(sigma, held_sigma)));
        match (picture.compass_deg, by_path) {
            (None, None) => None,
            (Some(compass), None) => Some(made(compass, compass_sigma, HeadingSource::Compass, false)),
            (None, Some((deg, sigma))) => Some(made(deg, sigma, HeadingSource::Path, false)),
            (Some(compass), Some((deg, sigma))) => {
                let off = turn(compass - deg);
                let flipped = off.abs() > 180.0 - FLIP_DEG;
                let off = if flipped { turn(off - 180.0) } else { off };
                if off.abs() > 60.0 {
                    // Neither: the path is the better witness.
                    return Some(made(deg, sigma, HeadingSource::Path, false));
                }
                let (a, b) = (1.0 / (sigma * sigma), 1.0 / (compass_sigma * compass_sigma));
                Some(made(deg + off * b / (a + b), (1.0 / (a + b)).sqrt(), HeadingSource::Fusion, flipped))
            }
        }
    };
    Headings { each: pictures.iter().zip(&paths).map(one).collect(), held_deg: held }
}

/// Settles where the pictures of a recording look: geotagged ones of cameras whose mount nobody knows. Flipped compasses
/// are told in `quarantine`.
///
/// Places are those of the `track`.
pub fn settle_headings(recording: &mut Recording, track: &Track, quarantine: &mut Quarantine) {
    let mounted = |channel: &str| recording.sensor(channel).is_some_and(|s| s.ego_se3_sensor.is_some());
    let pictures: Vec<usize> = (0..recording.frames.len())
        .filter(|&i| {
            let frame = &recording.frames[i];
            frame.modality == Modality::Camera && frame.geotag.is_some() && !mounted(&frame.channel)
        })
        .collect();
    // Frames are by channel, then time or name.
    let one = |a: &usize, b: &usize| recording.frames[*a].channel == recording.frames[*b].channel;
    let channels: Vec<&[usize]> = pictures.chunk_by(one).collect();
    for of_one in channels {
        let placed: Vec<(usize, Sighting)> = of_one
            .iter()
            .filter_map(|&i| {
                let frame = &recording.frames[i];
                let state = track.at_frame(frame)?;
                let sigma_m = track.rows.get(state.row).map(|row| row.sigma_xy_m).filter(|s| s.is_finite() && *s > 0.0);
                let compass_deg = frame.geotag.and_then(|g| g.heading_deg);
                let compass_sigma_deg = frame.geotag.and_then(|g| g.heading_sigma_deg);
                let at = (state.pose.translation.x, state.pose.translation.y);
                let sigma_m = sigma_m.unwrap_or(PLACE_SIGMA_M);
                Some((i, Sighting { at, sigma_m, compass_deg, compass_sigma_deg }))
            })
            .collect();
        let sightings: Vec<Sighting> = placed.iter().map(|(_, s)| *s).collect();
        // Without any compass a camera looks ahead, as all do whose mount nobody knows.
        let mut said = sightings.iter().filter_map(|s| s.compass_deg);
        let Some(first) = said.next() else { continue };
        // One that says the same to the last digit is none: cameras without a compass write 0.
        if first == 0.0 && sightings.len() >= FEW && said.all(|c| c == first) {
            for (i, _) in placed {
                if let Some(tag) = &mut recording.frames[i].geotag {
                    tag.heading_deg = None;
                }
            }
            continue;
        }
        for ((i, _), heading) in placed.into_iter().zip(headings(&sightings).each) {
            let Some(heading) = heading else { continue };
            let frame = &mut recording.frames[i];
            if heading.flipped {
                let place = Location::file(frame.source.path.as_ref());
                quarantine.refuse(&place, "its compass is half a turn off from those before and after it: turned");
            }
            if let Some(tag) = &mut frame.geotag {
                tag.heading_deg = Some(heading.deg);
                tag.heading_sigma_deg = Some(heading.sigma_deg);
            }
        }
    }
}

fn made(deg: f64, sigma_deg: f64, source: HeadingSource, flipped: bool) -> Heading {
    Heading { deg: wrap_degrees(deg), sigma_deg, source, flipped }
}

/// The direction of travel at a picture and its sigma, degrees: along the chord between the pictures around it.
fn path(pictures: &[Sighting], i: usize) -> Option<(f64, f64)> {
    let far = |j: usize, k: usize| {
        let (a, b) = (pictures[j].at, pictures[k].at);
        libm::hypot(b.0 - a.0, b.1 - a.1)
    };
    // Standing, the neighbours next to it say nothing: go on until one is far enough.
    let before = (0..i).rev().find(|&j| far(j, i) >= 0.5 * SHORT_M).filter(|&j| far(j, i) <= LONG_M).unwrap_or(i);
    let after = (i + 1..pictures.len()).find(|&k| far(i, k) >= 0.5 * SHORT_M).filter(|&k| far(i, k) <= LONG_M);
    let after = after.unwrap_or(i);
    let length = far(before, after);
    if before == after || length < SHORT_M {
        return None;
    }
    let (a, b) = (&pictures[before], &pictures[after]);
    let across = libm::hypot(a.sigma_m, b.sigma_m);
    let along = |a: (f64, f64), b: (f64, f64)| heading_deg(b.0 - a.0, b.1 - a.1);
    // In a bend the chord may be off by a part of the turn.
    let bend = match before < i && i < after {
        true => 0.25 * turn(along(pictures[i].at, b.at) - along(a.at, pictures[i].at)).abs(),
        false => 0.0,
    };
    let sigma = libm::hypot(libm::atan2(across, length).to_degrees(), bend);
    Some((along(a.at, b.at), sigma))
}

/// The angle with the least sum of deviations from `angles`, each cut at 60°.
fn middle(angles: &[f64]) -> Option<f64> {
    let cost = |of: f64| angles.iter().map(|a| turn(a - of).abs().min(60.0)).sum::<f64>();
    let tries = angles.iter().step_by(angles.len().div_ceil(TRIES).max(1));
    let best = tries.map(|a| (cost(*a), *a)).min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)))?.1;
    // The mean of those that agree with it.
    let agree: Vec<f64> = angles.iter().map(|a| turn(a - best)).filter(|d| d.abs() < 60.0).collect();
    Some(turn(best + agree.iter().sum::<f64>() / agree.len().max(1) as f64))
}

/// The angle in (-180, 180].
fn turn(degrees: f64) -> f64 {
    180.0 - (180.0 - degrees).rem_euclid(360.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Northwards, 5 m apart, the camera held 90° to the right, the compass off by a few degrees.
    fn walk(n: usize) -> Vec<Sighting> {
        let wobble = |i: usize| ((i * 7919 % 11) as f64 - 5.0) * 1.5;
        let one = |i: usize| Sighting {
            at: (0.0, 5.0 * i as f64),
            sigma_m: 0.5,
            compass_deg: Some(90.0 + wobble(i)),
            compass_sigma_deg: None,
        };
        (0..n).map(one).collect()
    }

    #[test]
    fn a_flipped_compass_is_found_and_turned() {
        let mut pictures = walk(20);
        for i in [4, 5, 13] {
            pictures[i].compass_deg = pictures[i].compass_deg.map(|c| c + 180.0);
        }
        let found = headings(&pictures);
        assert!((found.held_deg.expect("both") - 90.0).abs() < 3.0, "{found:?}");
        for (i, heading) in found.each.iter().enumerate() {
            let heading = heading.expect("known");
            assert_eq!(heading.flipped, [4, 5, 13].contains(&i), "{i}");
            assert!(turn(heading.deg - 90.0).abs() < 6.0 && heading.sigma_deg < COMPASS_DEG, "{heading:?}");
            assert_eq!(heading.source, HeadingSource::Fusion);
        }
    }

    #[test]
    fn a_picture_without_a_compass_is_held_as_the_others() {
        let mut pictures = walk(10);
        pictures[3].compass_deg = None;
        pictures[6].compass_deg = Some(0.0);
        let found = headings(&pictures);
        for i in [3, 6] {
            let heading = found.each[i].expect("by the path");
            assert!(heading.source == HeadingSource::Path && turn(heading.deg - 90.0).abs() < 6.0, "{heading:?}");
        }
    }

    #[test]
    fn few_or_standing_pictures_keep_their_compass() {
        let pair = headings(&walk(2));
        assert!(pair.held_deg.is_none() && pair.each.iter().flatten().all(|h| h.source == HeadingSource::Compass));
        let standing: Vec<Sighting> = walk(8).into_iter().map(|p| Sighting { at: (0.0, 0.0), ..p }).collect();
        let standing = headings(&standing);
        assert!(
            standing.each.iter().flatten().all(|h| h.source == HeadingSource::Compass && h.sigma_deg == COMPASS_DEG)
        );
        let nothing = Sighting { compass_deg: None, ..walk(1)[0] };
        assert_eq!(headings(&[nothing]).each, [None]);
        assert_eq!(headings(&[]), Headings::default());
    }

    #[test]
    fn what_structure_from_motion_found_is_neither_turned_nor_bent() {
        let mut pictures = walk(20);
        pictures[7].compass_deg = Some(271.0);
        pictures[7].compass_sigma_deg = Some(2.0);
        let heading = headings(&pictures).each[7].expect("known");
        assert_eq!((heading.deg, heading.sigma_deg, heading.flipped), (271.0, 2.0, false));
    }

    #[test]
    fn a_standstill_takes_the_path_around_it_and_a_corner_is_turned() {
        let mut pictures = walk(9);
        for (i, picture) in pictures[4..7].iter_mut().enumerate() {
            picture.at = (0.3 * (i % 2) as f64, 15.0);
        }
        let found = headings(&pictures);
        assert!(found.each.iter().flatten().all(|h| turn(h.deg - 90.0).abs() < 12.0), "{found:?}");
    }
}
