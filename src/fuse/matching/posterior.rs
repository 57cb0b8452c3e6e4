//! How likely every state and every step is, given the whole trace (forward–backward).
//!
//! In probabilities, each column scaled to a sum of 1, not in their logs: a step then costs a multiplication instead of an
//! exponential. What any candidate may do (begin anew, leave the road) keeps every sum far from 0.

use super::lattice::Lattice;
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
    /// Turns the logs of all candidates and steps into their probabilities, given the whole trace.
    ///
    /// Errors of neighbouring positions are alike, more than the model knows: taken at its word it would be too sure. So
    /// log likelihoods are divided by [`TEMPERATURE`].
    pub(super) fn weigh(&mut self) {
        let without = [Without::of(false), Without::of(true)];
        self.weigh_forward(&without);
        self.weigh_backward(&without);
    }

    /// Fills `forward`, and takes the logs of steps to their exponentials. Leaves in the weight of each state how likely its
    /// position is there, divided by the sum that its column was scaled by.
    fn weigh_forward(&mut self, without: &[Without; 2]) {
        self.forward.clear();
        // Those that are kept are short numbers: the next column goes on from long ones.
        let (mut old, mut new): (Vec<f64>, Vec<f64>) = (Vec::new(), Vec::new());
        for i in 0..self.columns.len() {
            let (candidates, links) = (self.candidates_of(i), self.links_of(i));
            let candidates = &mut self.candidates[candidates];
            let column = &mut self.columns[i];
            let off = candidates.len();
            new.clear();
            match old.split_last() {
                None => {
                    new.resize(off, 1.0);
                    new.push(exp(-LEAVE / TEMPERATURE));
                }
                Some((was_off, on)) => {
                    let on: f64 = on.iter().sum();
                    let Without { anew, away } = &without[usize::from(column.gap)];
                    new.resize(off, on * anew[0] + was_off * anew[1]);
                    new.push(on * away[0] + was_off * away[1]);
                    for link in &mut self.links[links] {
                        link.weight = exp(f64::from(link.weight) / TEMPERATURE) as f32;
                        new[link.to as usize] += old[link.from as usize] * f64::from(link.weight);
                    }
                }
            }
            let highest = candidates.iter().map(|c| c.weight).fold(column.off, f64::max);
            let mut sum = 0.0;
            let weights = candidates.iter_mut().map(|c| &mut c.weight).chain([&mut column.off]);
            for (weight, new) in weights.zip(&mut new) {
                *weight = exp((*weight - highest) / TEMPERATURE);
                *new *= *weight;
                sum += *new;
            }
            let scale = 1.0 / sum;
            candidates.iter_mut().for_each(|c| c.weight *= scale);
            column.off *= scale;
            new.iter_mut().for_each(|n| *n = if *n < NOTHING { 0.0 } else { *n * scale });
            self.forward.extend(new.iter().map(|n| *n as f32));
            std::mem::swap(&mut old, &mut new);
        }
    }

    /// Fills the weights of candidates and steps with their probabilities.
    fn weigh_backward(&mut self, without: &[Without; 2]) {
        // How likely what comes is from each state, without and with its own position.
        let (mut here, mut next): (Vec<f64>, Vec<f64>) = (Vec::new(), Vec::new());
        for i in (0..self.columns.len()).rev() {
            let (candidates, forward) = (self.candidates_of(i), self.states_of(i));
            let after = self.columns.get(i + 1).map(|c| (c.gap, self.links_of(i + 1)));
            let candidates = &mut self.candidates[candidates];
            let forward = &self.forward[forward];
            let off = candidates.len();
            here.clear();
            match (after, next.split_last()) {
                (Some((gap, links)), Some((to_off, on))) => {
                    let on: f64 = on.iter().sum();
                    let Without { anew, away } = &without[usize::from(gap)];
                    here.resize(off, on * anew[0] + to_off * away[0]);
                    here.push(on * anew[1] + to_off * away[1]);
                    for link in &mut self.links[links] {
                        let onward = f64::from(link.weight) * next[link.to as usize];
                        here[link.from as usize] += onward;
                        link.weight = (f64::from(forward[link.from as usize]) * onward) as f32;
                    }
                }
                _ => here.resize(off + 1, 1.0),
            }
            next.clear();
            let own = candidates.iter().map(|c| c.weight).chain([self.columns[i].off]);
            next.extend(own.zip(&here).map(|(own, here)| own * here));
            for ((candidate, here), forward) in candidates.iter_mut().zip(&here).zip(forward) {
                candidate.weight = here * f64::from(*forward);
            }
        }
    }

    /// Fills `out` with the steps into a column that are at least so likely: `(link, probability)`.
    pub(super) fn likely_steps(&self, column: usize, least: f64, out: &mut Vec<(usize, f64)>) {
        out.clear();
        let links = self.links_of(column).map(|link| (link, f64::from(self.links[link].weight)));
        out.extend(links.filter(|l| l.1 >= least));
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
