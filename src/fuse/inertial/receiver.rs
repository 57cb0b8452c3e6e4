//! What a receiver says of its own motion, held against what its positions do.
//!
//! Speeds in another unit and courses of a logger that has none look fine by themselves, and the smoother would follow
//! them: metres a second and directions are believed where they are those of the way that was gone.

use super::units::{SpeedUnit, unit};
use super::{Fix, MOST_SPEED};
use crate::error::{Location, Quarantine};
use crate::record::Recording;

/// A stretch of the way is at least so long, metres and sigmas of its ends: noise neither lengthens nor turns it by much.
const LEAST_M: f64 = 10.0;
const LEAST_SIGMAS: f64 = 5.0;
/// It takes at most this long, and fixes within it are no farther apart, seconds: in between speeds hardly change.
const LONGEST_S: f64 = 10.0;
const APART_S: f64 = 5.0;
/// Fewer stretches than this say nothing of courses.
const FEWEST: usize = 10;
/// A course is off the way from this on, degrees: magnetic north and a compass in a car are within. One in three of them are
/// none, whatever they are; who backs with a compass does so for less.
const ASIDE_DEG: f64 = 45.0;
/// Where all courses are the same, one stretch in ten that is off by so much, degrees, shows that it is none.
const CONSTANT_ASIDE_DEG: f64 = 20.0;

/// A stretch between two fixes: metres, and its direction, radians from east to north.
struct Way {
    from: usize,
    to: usize,
    metres: f64,
    bearing: f64,
}

/// Stretches of the way, one after the other, over which it is plain how far and where the receiver went.
fn ways(fixes: &[Fix]) -> Vec<Way> {
    let mut from = 0;
    let mut out = Vec::new();
    for to in 1..fixes.len() {
        if fixes[to].t - fixes[to - 1].t > APART_S {
            from = to;
        }
        while fixes[to].t - fixes[from].t > LONGEST_S {
            from += 1;
        }
        let (a, b) = (&fixes[from], &fixes[to]);
        let moved = (b.at - a.at).xy();
        let metres = moved.norm();
        if metres > LEAST_M.max(LEAST_SIGMAS * a.sigma_xy_m.max(b.sigma_xy_m)) {
            out.push(Way { from, to, metres, bearing: libm::atan2(moved.y, moved.x) });
            from = to;
        }
    }
    out
}

/// Puts speeds of a receiver right whose unit is plain, and takes out speeds and courses that are not those of its way.
pub(super) fn hold_to_way(recording: &Recording, fixes: &mut [Fix], quarantine: &mut Quarantine) {
    let ways = ways(fixes);
    let place = Location::file(&recording.name);
    let said = fixes.iter().filter(|f| f.speed_mps.is_some()).count() as u64;
    match unit(ways.iter().filter_map(|way| ratio(fixes, way)).collect()) {
        SpeedUnit::Metres => {}
        SpeedUnit::Other(name, factor, ratio) => {
            let reason = format!("GNSS speeds are {ratio:.2} times those of its positions: taken to be {name}");
            quarantine.refuse(&place, reason);
            fixes.iter_mut().for_each(|f| f.speed_mps = f.speed_mps.map(|v| v / factor));
        }
        SpeedUnit::Mixed(name) => {
            let reason = format!("GNSS speeds are in m/s at times and in {name} at others: left out");
            quarantine.refuse_many(&place, reason, said);
            fixes.iter_mut().for_each(|f| f.speed_mps = None);
        }
        SpeedUnit::None(ratio) => {
            let reason = format!("GNSS speeds are {ratio:.2} times those of its positions: left out");
            quarantine.refuse_many(&place, reason, said);
            fixes.iter_mut().for_each(|f| f.speed_mps = None);
        }
    }
    fixes.iter_mut().for_each(|f| f.speed_mps = f.speed_mps.filter(|v| (0.0..MOST_SPEED).contains(v)));
    if let Some(reason) = astray(fixes, &ways) {
        let said = fixes.iter().filter(|f| f.course_rad.is_some()).count() as u64;
        quarantine.refuse_many(&place, reason, said);
        fixes.iter_mut().for_each(|f| f.course_rad = None);
    }
}

/// How many times the way is what the speeds along it come to; `None` where one of its fixes has no speed.
fn ratio(fixes: &[Fix], way: &Way) -> Option<f64> {
    let mut metres = 0.0;
    for pair in fixes[way.from..=way.to].windows(2) {
        metres += 0.5 * (pair[0].speed_mps? + pair[1].speed_mps?) * (pair[1].t - pair[0].t);
    }
    Some(metres / way.metres)
}

/// Why the courses are none; `None` where they are those of the way, or too few to tell.
fn astray(fixes: &[Fix], ways: &[Way]) -> Option<String> {
    // By how much the mean course along each stretch is off it, degrees.
    let off: Vec<f64> = (ways.iter())
        .filter_map(|way| {
            let courses = fixes[way.from..=way.to].iter().filter_map(|f| f.course_rad);
            let (sin, cos, n) =
                courses.map(libm::sincos).fold((0.0, 0.0, 0), |sum, c| (sum.0 + c.0, sum.1 + c.1, sum.2 + 1));
            let off = libm::remainder(libm::atan2(sin, cos) - way.bearing, std::f64::consts::TAU);
            (2 * n > way.to - way.from).then(|| off.to_degrees().abs())
        })
        .collect();
    if off.len() < FEWEST {
        return None;
    }
    let beyond = |degrees: f64| off.iter().filter(|o| **o > degrees).count();
    let (aside, all) = (beyond(ASIDE_DEG), off.len());
    let along = ways.iter().flat_map(|way| &fixes[way.from..way.to]);
    let mut courses: Vec<f64> = along.filter_map(|f| f.course_rad).collect();
    courses.sort_unstable_by(f64::total_cmp);
    let middle = *courses.get(courses.len() / 2)?;
    let same = courses.iter().filter(|c| (*c - middle).abs() < 1e-9).count();
    if 10 * same > 9 * courses.len() && 10 * beyond(CONSTANT_ASIDE_DEG) > all {
        let degrees = (90.0 - middle.to_degrees()).rem_euclid(360.0);
        return Some(format!("GNSS courses are always {degrees:.0} degrees, whichever way it goes: left out"));
    }
    (3 * aside > all).then(|| {
        format!(
            "GNSS courses are over {ASIDE_DEG:.0} degrees off the way it goes ({aside} of {all} stretches): left out"
        )
    })
}
