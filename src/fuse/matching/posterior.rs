//! How likely every state and every step is, given the whole trace (forward–backward).
//!
//! In probabilities, each column scaled to a sum of 1, not in their logs: a step then costs a multiplication instead of an
//! exponential. What any candidate may do (begin anew, leave the road) keeps every sum far from 0.

use super::lattice::{Lattice, State};
use super::{BREAK, LEAVE, TEMPERATURE};

/// Probabilities less than this are none, so that numbers stay normal.
const NOTHING: f64 = 1e-200;

/// What leads from any state to any other without a step.
struct Without {
    /// From a candidate, or off the road, to a candidate.
    anew: [f64; 2],
    /// From a candidate, or off the road, to being off the road.
    away: [f64; 2],
}

impl Without {
    fn of(gap: bool) -> Without {
        let leave = exp(-LEAVE / TEMPERATURE);
        match gap {
            true => Without { anew: [1.0; 2], away: [leave; 2] },
            false => Without { anew: [exp(-BREAK / TEMPERATURE), leave], away: [leave, 1.0] },
        }
    }
}

impl Lattice {
    /// Fills the probabilities of all states: `forward` given what was up to their columns, `probability` given all.
    ///
    /// `ahead` is what makes a step likely: `forward[from] * weight * ahead[to]` is its probability given all.
    ///
    /// Errors of neighbouring positions are alike, more than the model knows: taken at its word it would be too sure. So
    /// log likelihoods are divided by [`TEMPERATURE`].
    pub(super) fn weigh(&mut self) {
        for link in &mut self.links {
            link.weight = exp(f64::from(link.weight) / TEMPERATURE) as f32;
        }
        let states = self.candidates.len() + self.columns.len();
        for values in [&mut self.forward, &mut self.ahead, &mut self.probability] {
            values.clear();
            values.resize(states, 0.0);
        }
        let without = [Without::of(false), Without::of(true)];
        self.weigh_forward(&without);
        self.weigh_backward(&without);
    }

    /// Fills `forward`; leaves in `ahead` how likely each position is in its states, divided by the sum that its column
    /// was scaled by.
    fn weigh_forward(&mut self, without: &[Without; 2]) {
        for i in 0..self.columns.len() {
            let (column, states, links) = (self.columns[i], self.states_of(i), self.links_of(i));
            let before = i.checked_sub(1).map(|before| self.states_of(before));
            let candidates = &self.candidates[self.candidates_of(i)];
            let likely = &mut self.ahead[states.clone()];
            let (old, new) = self.forward.split_at_mut(states.start);
            let new = &mut new[..likely.len()];
            let off = candidates.len();
            match before {
                None => {
                    new[..off].fill(1.0);
                    new[off] = exp(-LEAVE / TEMPERATURE);
                }
                Some(before) => {
                    let old = &old[before];
                    let (on, was_off): (f64, f64) = (old[..old.len() - 1].iter().sum(), old[old.len() - 1]);
                    let Without { anew, away } = &without[usize::from(column.gap)];
                    new[..off].fill(on * anew[0] + was_off * anew[1]);
                    new[off] = on * away[0] + was_off * away[1];
                    for link in &self.links[links] {
                        new[link.to as usize] += old[link.from as usize] * f64::from(link.weight);
                    }
                }
            }
            let highest = candidates.iter().map(|c| c.log).fold(column.off, f64::max);
            let mut sum = 0.0;
            for (state, (likely, new)) in likely.iter_mut().zip(&mut *new).enumerate() {
                let log = candidates.get(state).map_or(column.off, |c| c.log);
                *likely = exp((log - highest) / TEMPERATURE);
                *new *= *likely;
                sum += *new;
            }
            let scale = 1.0 / sum;
            likely.iter_mut().for_each(|l| *l *= scale);
            new.iter_mut().for_each(|n| *n = if *n < NOTHING { 0.0 } else { *n * scale });
        }
    }

    /// Fills `probability`, and completes `ahead`.
    fn weigh_backward(&mut self, without: &[Without; 2]) {
        for i in (0..self.columns.len()).rev() {
            let states = self.states_of(i);
            let after = self.columns.get(i + 1).map(|c| (c.gap, self.states_of(i + 1).len(), self.links_of(i + 1)));
            let here = &mut self.probability[states.clone()];
            let off = here.len() - 1;
            let (ahead, next) = self.ahead.split_at_mut(states.end);
            match after {
                None => here.fill(1.0),
                Some((gap, next_states, links)) => {
                    let next = &next[..next_states];
                    let (on, to_off): (f64, f64) = (next[..next.len() - 1].iter().sum(), next[next.len() - 1]);
                    let Without { anew, away } = &without[usize::from(gap)];
                    here[..off].fill(on * anew[0] + to_off * away[0]);
                    here[off] = on * anew[1] + to_off * away[1];
                    for link in &self.links[links] {
                        here[link.from as usize] += f64::from(link.weight) * next[link.to as usize];
                    }
                }
            }
            let ahead = &mut ahead[states.start..];
            for ((here, ahead), forward) in here.iter_mut().zip(ahead).zip(&self.forward[states]) {
                *ahead *= *here;
                *here *= forward;
            }
        }
    }

    /// Fills `out` with the steps into a column that are at least so likely: `(link, probability)`.
    pub(super) fn likely_steps(&self, column: usize, least: f64, out: &mut Vec<(usize, f64)>) {
        out.clear();
        let before = self.states_of(column - 1).start;
        let here = self.states_of(column).start;
        let of = |link: usize| {
            let step = &self.links[link];
            let at = |first: usize, state: State| first + state as usize;
            let from = self.forward[at(before, step.from)];
            from * f64::from(step.weight) * self.ahead[at(here, step.to)]
        };
        out.extend(self.links_of(column).map(|l| (l, of(l))).filter(|l| l.1 >= least));
    }
}

/// `e` to the power of a number that is not above 0, right to 1e-10 of itself; 0 below −690.
///
/// Source: Cody and Waite (1980), *Software manual for the elementary functions*: the power of two is taken out, a
/// polynomial does the rest. Three times as fast as libm's, and as independent of the machine.
fn exp(x: f64) -> f64 {
    /// Adding it rounds to an integer, which then lies in the last bits: 1.5 × 2⁵².
    const ROUND: f64 = 6_755_399_441_055_744.0;
    if x < -690.0 {
        return 0.0;
    }
    let rounded = x * std::f64::consts::LOG2_E + ROUND;
    let power = f64::from_bits(rounded.to_bits().wrapping_add(1023) << 52);
    let r = x - (rounded - ROUND) * std::f64::consts::LN_2;
    let r2 = r * r;
    let low = 1.0 + r + r2 * (0.5 + r * (1.0 / 6.0));
    let middle = 1.0 / 24.0 + r * (1.0 / 120.0) + r2 * (1.0 / 720.0 + r * (1.0 / 5040.0));
    let high = 1.0 / 40_320.0 + r * (1.0 / 362_880.0);
    let r4 = r2 * r2;
    power * (low + r4 * (middle + r4 * high))
}

#[cfg(test)]
mod tests {
    use super::exp;

    #[test]
    fn the_exponential_is_one() {
        for k in 0..=69_000 {
            let x = -f64::from(k) / 100.0;
            let want = libm::exp(x);
            assert!((exp(x) - want).abs() <= 1e-10 * want, "{x}");
        }
        assert_eq!((exp(0.0), exp(-691.0), exp(f64::NEG_INFINITY)), (1.0, 0.0, 0.0));
    }
}
