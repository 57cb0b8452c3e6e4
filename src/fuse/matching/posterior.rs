//! How likely every state and every step is, given the whole trace (forward–backward).

use super::lattice::{Column, Lattice, Link};
use super::{BREAK, LEAVE, TEMPERATURE};

/// Terms less than the greatest by this change nothing that is told, nats.
const NEGLIGIBLE: f64 = 25.0;

impl Lattice {
    /// Fills the probabilities of all states.
    ///
    /// Errors of neighbouring positions are alike, more than the model knows: taken at its word it would be too sure. So
    /// log likelihoods are divided by [`TEMPERATURE`].
    pub(super) fn weigh(&mut self) {
        let mut sums = Vec::new();
        for i in 0..self.columns.len() {
            let (before, rest) = self.columns.split_at_mut(i);
            rest[0].weigh_forward(before.last(), &mut sums);
        }
        for i in (0..self.columns.len()).rev() {
            let (columns, after) = self.columns.split_at_mut(i + 1);
            columns[i].weigh_backward(after.first(), &mut sums);
        }
    }
}

fn log(value: f64) -> f64 {
    value / TEMPERATURE
}

/// What any candidate gets without a step that leads to it (or away from it), and what being off the road gets, given
/// the logs of the states next to them; `gap` where they say nothing.
fn without_steps(next: &[f64], gap: bool) -> [Sum; 2] {
    let (mut on, mut anew, mut away) = (Sum::default(), Sum::default(), Sum::default());
    let (off, candidates) = (next[next.len() - 1], &next[..next.len() - 1]);
    candidates.iter().for_each(|f| on.add(*f));
    if gap {
        on.add(off);
        anew.add(on.log());
        away.add(on.log() + log(-LEAVE));
    } else {
        anew.add(on.log() + log(-BREAK));
        anew.add(off + log(-LEAVE));
        away.add(on.log() + log(-LEAVE));
        away.add(off);
    }
    [anew, away]
}

impl Column {
    fn weigh_forward(&mut self, before: Option<&Column>, sums: &mut Vec<Sum>) {
        let [mut anew, mut away] = [Sum::default(); 2];
        match before {
            Some(before) => [anew, away] = without_steps(&before.forward, self.gap),
            None => {
                anew.add(0.0);
                away.add(log(-LEAVE));
            }
        }
        sums.clear();
        sums.resize(self.candidates.len(), anew);
        sums.push(away);
        for link in before.into_iter().flat_map(|b| self.links.iter().map(move |l| (b, l))) {
            sums[link.1.to as usize].add(link.0.forward[link.1.from as usize] + log(f64::from(link.1.log)));
        }
        let mut forward = std::mem::take(&mut self.forward);
        forward.clear();
        forward.extend(sums.iter().enumerate().map(|(s, sum)| sum.log() + log(self.log(s))));
        self.forward = forward;
    }

    fn weigh_backward(&mut self, after: Option<&Column>, sums: &mut Vec<Sum>) {
        let [mut anew, mut away] = [Sum::default(); 2];
        match after {
            Some(after) if after.gap => {
                let mut all = Sum::default();
                let leave = |s: usize| if s + 1 == after.states() { log(-LEAVE) } else { 0.0 };
                after.backward.iter().enumerate().for_each(|(s, b)| all.add(b + leave(s)));
                [anew, away] = [all, all];
            }
            Some(after) => [anew, away] = without_steps(&after.backward, false),
            None => {
                anew.add(0.0);
                away.add(0.0);
            }
        }
        sums.clear();
        sums.resize(self.candidates.len(), anew);
        sums.push(away);
        for link in after.into_iter().flat_map(|a| a.links.iter().map(move |l| (a, l))) {
            sums[link.1.from as usize].add(link.0.backward[link.1.to as usize] + log(f64::from(link.1.log)));
        }
        let mut total = Sum::default();
        let mut backward = std::mem::take(&mut self.backward);
        backward.clear();
        for (state, sum) in sums.iter().enumerate() {
            total.add(self.forward[state] + sum.log());
            backward.push(sum.log() + log(self.log(state)));
        }
        self.backward = backward;
        self.total = total.log();
        self.probability.clear();
        for (forward, sum) in self.forward.iter().zip(&*sums) {
            let log = forward + sum.log() - self.total;
            self.probability.push(if log > -NEGLIGIBLE { libm::exp(log) } else { 0.0 });
        }
    }

    /// Steps into this column that are not negligible, with their probabilities: `(from, to, probability)`.
    pub(super) fn likely_steps(&self, before: &Column, least: f64) -> Vec<(u16, u16, f64)> {
        let floor = libm::log(least);
        let of = |link: &Link| {
            let step = log(f64::from(link.log));
            let log = before.forward[link.from as usize] + step + self.backward[link.to as usize] - self.total;
            (log >= floor).then(|| (link.from, link.to, libm::exp(log)))
        };
        self.links.iter().filter_map(of).collect()
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
        Sum { highest: f64::NEG_INFINITY, rest: 1.0 }
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
            // Of nothing the greatest is minus infinity.
            self.rest = 1.0 + if fall > -NEGLIGIBLE { self.rest * libm::exp(fall) } else { 0.0 };
            self.highest = log;
        }
    }

    fn log(&self) -> f64 {
        // Mostly one term outweighs the rest.
        if self.rest == 1.0 { self.highest } else { self.highest + libm::log(self.rest) }
    }
}
