//! How likely every state and every step is, given the whole trace (forward–backward).

use super::lattice::{Column, Lattice};
use super::{BREAK, LEAVE, TEMPERATURE};

/// Terms less than the greatest by this change nothing that is told, nats.
const NEGLIGIBLE: f64 = 25.0;

impl Lattice {
    /// Fills the probabilities of all states.
    ///
    /// Errors of neighbouring positions are alike, which the model does not know: taken at its word it would be far too
    /// sure. So log likelihoods are divided by [`TEMPERATURE`].
    pub(super) fn weigh(&mut self) {
        for i in 0..self.columns.len() {
            let (before, rest) = self.columns.split_at_mut(i);
            rest[0].weigh_forward(before.last());
        }
        for i in (0..self.columns.len()).rev() {
            let (columns, after) = self.columns.split_at_mut(i + 1);
            columns[i].weigh_backward(after.first());
        }
    }
}

fn log(value: f64) -> f64 {
    value / TEMPERATURE
}

impl Column {
    fn weigh_forward(&mut self, before: Option<&Column>) {
        let off = self.candidates.len();
        let mut sums = vec![Sum::default(); self.states()];
        match before {
            None => sums.iter_mut().enumerate().for_each(|(s, sum)| sum.add(if s == off { log(-LEAVE) } else { 0.0 })),
            Some(before) if self.gap => {
                let mut all = Sum::default();
                before.forward.iter().for_each(|f| all.add(*f));
                for (s, sum) in sums.iter_mut().enumerate() {
                    sum.add(all.log() + if s == off { log(-LEAVE) } else { 0.0 });
                }
            }
            Some(before) => {
                let before_off = before.candidates.len();
                let mut on = Sum::default();
                before.forward[..before_off].iter().for_each(|f| on.add(*f));
                for sum in &mut sums[..off] {
                    sum.add(on.log() + log(-BREAK));
                    sum.add(before.forward[before_off] + log(-LEAVE));
                }
                for link in &self.links {
                    sums[link.to as usize].add(before.forward[link.from as usize] + log(f64::from(link.log)));
                }
                sums[off].add(on.log() + log(-LEAVE));
                sums[off].add(before.forward[before_off]);
            }
        }
        self.forward = sums.iter().enumerate().map(|(s, sum)| sum.log() + log(self.log(s))).collect();
    }

    fn weigh_backward(&mut self, after: Option<&Column>) {
        let off = self.candidates.len();
        let mut sums = vec![Sum::default(); self.states()];
        match after {
            None => sums.iter_mut().for_each(|sum| sum.add(0.0)),
            Some(after) if after.gap => {
                let last = after.candidates.len();
                let mut all = Sum::default();
                after
                    .backward
                    .iter()
                    .enumerate()
                    .for_each(|(s, b)| all.add(b + if s == last { log(-LEAVE) } else { 0.0 }));
                sums.iter_mut().for_each(|sum| sum.add(all.log()));
            }
            Some(after) => {
                let after_off = after.candidates.len();
                let mut on = Sum::default();
                after.backward[..after_off].iter().for_each(|b| on.add(*b));
                for sum in &mut sums[..off] {
                    sum.add(on.log() + log(-BREAK));
                    sum.add(after.backward[after_off] + log(-LEAVE));
                }
                for link in &after.links {
                    sums[link.from as usize].add(after.backward[link.to as usize] + log(f64::from(link.log)));
                }
                sums[off].add(on.log() + log(-LEAVE));
                sums[off].add(after.backward[after_off]);
            }
        }
        let mut total = Sum::default();
        self.backward.clear();
        for (state, sum) in sums.iter().enumerate() {
            total.add(self.forward[state] + sum.log());
            self.backward.push(sum.log() + log(self.log(state)));
        }
        let total = total.log();
        let likely = |(state, sum): (usize, &Sum)| libm::exp(self.forward[state] + sum.log() - total);
        self.probability = sums.iter().enumerate().map(likely).collect();
    }

    /// Steps into this column that are not negligible, with their probabilities: `(from, to, probability)`.
    pub(super) fn likely_steps(&self, before: &Column, least: f64) -> Vec<(u16, u16, f64)> {
        let mut total = Sum::default();
        for state in 0..self.states() {
            total.add(self.forward[state] + self.backward[state] - log(self.log(state)));
        }
        let total = total.log();
        let of = |from: u16, to: u16, step: f64| {
            libm::exp(before.forward[from as usize] + log(step) + self.backward[to as usize] - total)
        };
        self.links.iter().map(|l| (l.from, l.to, of(l.from, l.to, f64::from(l.log)))).filter(|l| l.2 >= least).collect()
    }
}

/// A sum of numbers given by their logs.
#[derive(Debug, Clone, Copy)]
struct Sum {
    highest: f64,
    rest: f64,
}

impl Default for Sum {
    fn default() -> Sum {
        Sum { highest: f64::NEG_INFINITY, rest: 0.0 }
    }
}

impl Sum {
    fn add(&mut self, log: f64) {
        if log == f64::NEG_INFINITY {
            return;
        }
        if log <= self.highest {
            if log > self.highest - NEGLIGIBLE {
                self.rest += libm::exp(log - self.highest);
            }
        } else {
            let fall = self.highest - log;
            self.rest = 1.0 + if fall > -NEGLIGIBLE { self.rest * libm::exp(fall) } else { 0.0 };
            self.highest = log;
        }
    }

    fn log(&self) -> f64 {
        if self.rest > 0.0 { self.highest + libm::log(self.rest) } else { f64::NEG_INFINITY }
    }
}
