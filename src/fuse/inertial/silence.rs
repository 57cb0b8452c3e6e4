//! How far off a trajectory may be where nothing was felt or heard of the ego for seconds.
//!
//! The filter is linear about one way through: it knows how sure it is of that way, not that there are others. In between
//! two fixes the ego may have gone around a block, so it is taken to be accelerated at random, as it is on the rest of the
//! drive, with place and velocity known at both ends (a Wiener process of velocities: Särkkä & Svensson 2023, *Bayesian
//! Filtering and Smoothing*, section 4.3, conditioned on both ends).

use super::Drive;
use super::model::Nav;
use super::nodes::Nodes;
use nalgebra::Vector2;

/// What a drive shows of itself is how far the middle of a window lies from a smooth way between its ends: windows of so
/// many seconds, where there are so many.
const WINDOWS_S: [f64; 5] = [4.0, 8.0, 16.0, 32.0, 64.0];
const LEAST_WINDOWS: usize = 8;
/// With fewer, it is taken for town; and no drive is so even that less could happen where nobody looks: m²/s³ an axis, for
/// each second of silence.
const TOWN: f64 = 0.3;
const LEAST: f64 = 0.005;
/// What is left of it where wheels tell how far it went, if not where to.
const WITH_WHEELS: f64 = 0.3;

/// The least one sigma of place (metres, an axis) and heading (radians) at each node; zeros where something was heard.
pub(super) fn unheard(drive: &Drive, nodes: &Nodes, navs: &[Nav]) -> Vec<[f64; 2]> {
    let silent: Vec<bool> = nodes.fix_before.iter().map(|fix| drive.is_silent(*fix)).collect();
    if !silent.contains(&true) {
        return vec![[0.0; 2]; navs.len()];
    }
    let shown = WINDOWS_S.map(|window_s| Some((window_s, restlessness(nodes, navs, &silent, window_s)?)));
    let heard = if drive.wheel.is_empty() { 1.0 } else { WITH_WHEELS };
    let of = |k: usize| {
        let Some((from, to)) = drive.fixes.get(nodes.fix_before[k]).zip(drive.fixes.get(nodes.fix_before[k] + 1))
        else {
            return [0.0; 2];
        };
        let (all, past) = (to.t - from.t, nodes.t[k] - from.t);
        // Turns and stops take a while, so that more of them go into longer windows.
        let longest = shown.iter().flatten().rfind(|(window_s, _)| *window_s <= all).or(shown[0].as_ref());
        let density = heard * all * longest.map_or(TOWN, |(window_s, density)| (density / window_s).max(LEAST));
        let (both, cube) = (past * (all - past).max(0.0), all * all * all);
        let place = density * both * both * both / (3.0 * cube);
        let velocity = density * both * (all * all - 3.0 * both) / cube;
        [place.sqrt(), libm::atan2(velocity.max(0.0).sqrt(), navs[k].v.xy().norm())]
    };
    (0..navs.len()).map(|k| if silent[k] { of(k) } else { [0.0; 2] }).collect()
}

/// The spectral density of what accelerates a drive, per axis, m²/s³: what the middles of windows without silence say;
/// `None` where there are too few.
fn restlessness(nodes: &Nodes, navs: &[Nav], silent: &[bool], window_s: f64) -> Option<f64> {
    let at = |t: f64| nodes.t.partition_point(|of| *of < t).min(nodes.t.len() - 1);
    let (mut square, mut count, mut first) = (0.0, 0, 0);
    while nodes.t[first] + window_s <= nodes.t[nodes.t.len() - 1] {
        let [next, middle, last] = [0.25, 0.5, 1.0].map(|share| at(nodes.t[first] + share * window_s));
        if !silent[first..last].contains(&true) {
            let (a, b) = (&navs[first], &navs[last]);
            let length_s = nodes.t[last] - nodes.t[first];
            // Of the cubic with these ends (Hermite).
            let smooth: Vector2<f64> = 0.5 * (a.p.xy() + b.p.xy()) + length_s / 8.0 * (a.v.xy() - b.v.xy());
            square += 0.5 * (navs[middle].p.xy() - smooth).norm_squared() * 192.0 / (length_s * length_s * length_s);
            count += 1;
        }
        first = next.max(first + 1);
    }
    (count >= LEAST_WINDOWS).then(|| square / count as f64)
}
