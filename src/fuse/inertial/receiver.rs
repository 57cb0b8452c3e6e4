//! What a receiver says of its own motion, held against what its positions do.
//!
//! Speeds in another unit look fine by themselves, and the smoother would follow them: metres a second are believed where
//! they are those of the way that was gone.

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

/// A stretch between two fixes: metres.
struct Way {
    from: usize,
    to: usize,
    metres: f64,
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
            out.push(Way { from, to, metres });
            from = to;
        }
    }
    out
}

/// Puts speeds of a receiver right whose unit is plain, and takes out speeds that are not those of its way.
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
}

/// How many times the way is what the speeds along it come to; `None` where one of its fixes has no speed.
fn ratio(fixes: &[Fix], way: &Way) -> Option<f64> {
    let mut metres = 0.0;
    for pair in fixes[way.from..=way.to].windows(2) {
        metres += 0.5 * (pair[0].speed_mps? + pair[1].speed_mps?) * (pair[1].t - pair[0].t);
    }
    Some(metres / way.metres)
}
