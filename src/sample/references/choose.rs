//! [`choose`]: which pictures a window gets.

use crate::coord::{LocalPlane, heading_deg};
use crate::error::Result;
use crate::sample::ReferencesConfig;

use super::index::{Picture, PictureIndex};

/// Of the pictures that may be taken, so many of the nearest are looked at.
const CANDIDATES: usize = 64;
/// Nanoseconds a day.
const DAY_NS: f64 = 86_400e9;

/// What a reference is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The nearest, to be warped into the target.
    Geometric,
    /// Seen from elsewhere, given as it is.
    Semantic,
    /// The picture nearest the window's end and beyond it, to steer towards.
    Lookahead,
}

impl Role {
    /// The name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Role::Geometric => "geometric",
            Role::Semantic => "semantic",
            Role::Lookahead => "lookahead",
        }
    }
}

/// How an overlap was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OverlapSource {
    /// The reference's depth, warped into the target.
    Depth,
    /// Places and angles of view alone.
    Footprint,
}

impl OverlapSource {
    /// The name in tables.
    pub fn name(self) -> &'static str {
        match self {
            OverlapSource::Depth => "depth",
            OverlapSource::Footprint => "footprint",
        }
    }
}

/// How much of the target a picture sees.
#[derive(Debug, Clone, PartialEq)]
pub struct Overlap {
    /// Share of the target picture at each tick, NaN where there is none; shape (T,).
    pub shares: Vec<f64>,
    /// How it was found.
    pub source: OverlapSource,
}

impl Overlap {
    /// The mean over the ticks that have a target picture; 0 where none has.
    pub fn mean(&self) -> f64 {
        let known: Vec<f64> = self.shares.iter().copied().filter(|s| !s.is_nan()).collect();
        if known.is_empty() { 0.0 } else { known.iter().sum::<f64>() / known.len() as f64 }
    }
}

/// A window of a drive, as far as references go.
#[derive(Debug, Clone, Copy)]
pub struct Window<'a> {
    /// The number of its recording, as of [`Picture::recording`].
    pub recording: u32,
    /// Time of the anchor, nanoseconds UTC.
    pub t0_ns: Option<i64>,
    /// Its trajectory, `(lon, lat)` degrees.
    pub path: &'a [(f64, f64)],
    /// Longitude and latitude of the anchor, degrees.
    pub anchor: (f64, f64),
    /// Heading at the anchor, degrees clockwise from north.
    pub heading_deg: f64,
}

/// A picture that a window gets.
#[derive(Debug, Clone, PartialEq)]
pub struct Chosen {
    /// Its number in the index.
    pub picture: usize,
    /// What for.
    pub role: Role,
    /// Days between it and the anchor; `None` where one has no time.
    pub dt_days: Option<f64>,
    /// To the window's path on the ground, metres.
    pub distance_m: f64,
    /// From the anchor, degrees, left positive, (-180, 180].
    pub bearing_deg: f64,
    /// What it sees of the target.
    pub overlap: Overlap,
    /// Metres beyond the window's end; of a lookahead only.
    pub ahead_m: Option<f64>,
}

/// What a window gets, and where it gets no geometric reference, why.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Choice {
    /// Geometric first, then semantic in the order they were chosen, then the lookahead.
    pub chosen: Vec<Chosen>,
    /// Why no picture sees the target.
    pub why_none: Option<&'static str>,
}

/// Chooses references for a window.
///
/// Candidates are the pictures of other recordings within `max_distance_m` of the window's path, captured at least
/// `min_days` before or after (a picture without a date only where `min_days` is 0), that `allowed` lets through; of
/// two with the same bytes the nearer; of them all the 64 nearest. `overlap` says what each sees of the target.
///
/// The nearest that sees `min_overlap` on average over the ticks is the geometric reference. The others of `count` are
/// chosen one by one among those which see as much, each as far as can be in bearing from those before. The lookahead
/// is the picture nearest to the window's end among those beyond it. Ties go to the nearer picture, then to the lower
/// number: the choice does not depend on any order.
///
/// # Errors
///
/// Those of `overlap`.
pub fn choose(
    index: &PictureIndex,
    window: &Window<'_>,
    config: &ReferencesConfig,
    allowed: impl Fn(usize) -> bool,
    overlap: impl Fn(usize) -> Result<Overlap>,
) -> Result<Choice> {
    let (candidates, why_none) = candidates(index, window, config, allowed);
    let Some(last) = window.path.last() else { return Ok(Choice::default()) };
    let plane = LocalPlane::at(window.anchor.0, window.anchor.1);
    let bearing = |picture: &Picture| {
        let (east, north) = plane.to_m(picture.lon, picture.lat);
        if east == 0.0 && north == 0.0 { 0.0 } else { turn(window.heading_deg - heading_deg(east, north)) }
    };
    let made = |number: usize, distance_m: f64, role: Role, overlap: Overlap, ahead_m: Option<f64>| {
        let picture = index.picture(number);
        let dt_days = dt_days(window, picture);
        Chosen { picture: number, role, dt_days, distance_m, bearing_deg: bearing(picture), overlap, ahead_m }
    };

    let mut seeing = Vec::new();
    let mut chosen: Vec<Chosen> = Vec::new();
    for &(number, distance) in &candidates {
        let overlap = overlap(number)?;
        if overlap.mean() >= config.min_overlap && overlap.mean() > 0.0 {
            seeing.push((number, distance, overlap));
        }
    }
    let why_none = match (why_none, seeing.is_empty()) {
        (None, true) => Some("no picture sees enough of the target (min_overlap)"),
        (why, _) => why,
    };
    for n in 0..config.count as usize {
        let spread = |number: usize| {
            let own = bearing(index.picture(number));
            chosen.iter().map(|c| turn(own - c.bearing_deg).abs()).fold(f64::INFINITY, f64::min)
        };
        // They come nearest first; a later one must be better.
        let mut best: Option<(usize, f64)> = None;
        for (i, (number, ..)) in seeing.iter().enumerate() {
            let spread = spread(*number);
            if best.is_none_or(|(_, most)| spread > most) {
                best = Some((i, spread));
            }
        }
        let Some((i, _)) = best else { break };
        let (number, distance, overlap) = seeing.remove(i);
        let role = if n == 0 { Role::Geometric } else { Role::Semantic };
        chosen.push(made(number, distance, role, overlap, None));
    }

    if config.lookahead {
        let end = plane.to_m(last.0, last.1);
        let (sin, cos) = libm::sincos(end_heading(window, &plane).to_radians());
        let beyond = candidates.iter().filter_map(|&(number, distance)| {
            let picture = index.picture(number);
            let (x, y) = plane.to_m(picture.lon, picture.lat);
            let (dx, dy) = (x - end.0, y - end.1);
            let ahead = dx * sin + dy * cos;
            (ahead >= 0.0).then(|| (libm::hypot(dx, dy), number, distance, ahead))
        });
        let nearest = beyond.min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        if let Some((_, number, distance, ahead)) = nearest {
            chosen.push(made(number, distance, Role::Lookahead, overlap(number)?, Some(ahead)));
        }
    }
    Ok(Choice { chosen, why_none })
}

/// The pictures that a window may get, nearest first, with their distances; and why there are none.
fn candidates(
    index: &PictureIndex,
    window: &Window<'_>,
    config: &ReferencesConfig,
    allowed: impl Fn(usize) -> bool,
) -> (Vec<(usize, f64)>, Option<&'static str>) {
    let mut found = index.near_path(window.path, config.max_distance_m);
    found.retain(|&(number, _)| index.picture(number).recording != window.recording);
    if found.is_empty() {
        return (found, Some("no picture of another recording is near (max_distance_m)"));
    }
    found.retain(|&(number, _)| {
        let apart = dt_days(window, index.picture(number));
        apart.map_or(config.min_days <= 0.0, |days| days >= config.min_days)
    });
    if found.is_empty() {
        return (found, Some("no picture is known to be of another date (min_days)"));
    }
    found.retain(|&(number, _)| allowed(number));
    if found.is_empty() {
        return (found, Some("all pictures lie in another split"));
    }
    let mut known: Vec<u64> = Vec::new();
    found.retain(|&(number, _)| {
        let content = index.picture(number).content;
        let new = known.len() < CANDIDATES && !known.contains(&content);
        known.extend(new.then_some(content));
        new
    });
    (found, None)
}

fn dt_days(window: &Window<'_>, picture: &Picture) -> Option<f64> {
    window.t0_ns.zip(picture.t_ns).map(|(a, b)| a.abs_diff(b) as f64 / DAY_NS)
}

/// The direction of travel at the window's end, degrees clockwise from north.
fn end_heading(window: &Window<'_>, plane: &LocalPlane) -> f64 {
    let flat: Vec<(f64, f64)> = window.path.iter().map(|&(lon, lat)| plane.to_m(lon, lat)).collect();
    let Some(end) = flat.last() else { return window.heading_deg };
    // Over a metre, so that standing does not turn it.
    let back = flat.iter().rev().find(|p| libm::hypot(end.0 - p.0, end.1 - p.1) >= 1.0);
    back.map_or(window.heading_deg, |p| heading_deg(end.0 - p.0, end.1 - p.1))
}

/// The angle in (-180, 180].
fn turn(degrees: f64) -> f64 {
    180.0 - (180.0 - degrees).rem_euclid(360.0)
}

#[cfg(test)]
mod tests;
