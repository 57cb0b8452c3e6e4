//! Puts traces in order of time, and says which records have to be left out for it.

use std::path::Path;

use crate::error::{Location, Quarantine};
use crate::time::Timestamp;

/// Times before the first GPS satellites (1980) are a receiver that does not know the date yet.
pub(super) const FIRST_PLAUSIBLE: Timestamp = Timestamp::from_ns(315_964_800_000_000_000);

/// What becomes of one record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It keeps its place.
    Keep,
    /// Its time is that of a record before it.
    Duplicate,
    /// Its time lies before that of a record that stays.
    Backwards,
}

/// Keeps the longest strictly rising run of times and refuses the rest; of equal times the first stays.
///
/// One time far in the future costs itself and not all that follow it, which "later than the last one" would.
/// Longest increasing subsequence by patience sorting, O(n log n); a trace that is in order costs O(n).
pub(super) fn judge(times: &[Timestamp]) -> Vec<Verdict> {
    let mut verdicts = vec![Verdict::Keep; times.len()];
    if times.windows(2).all(|w| w[0] < w[1]) {
        return verdicts;
    }
    // From the end, so that of two equally long runs the one with the earlier records wins. tails[k]: the latest time
    // that starts a rising run of k + 1 records; next[i]: the one behind i in its run.
    let mut tails: Vec<usize> = Vec::new();
    let mut next = vec![usize::MAX; times.len()];
    for (i, &t) in times.iter().enumerate().rev() {
        let k = tails.partition_point(|&j| times[j] > t);
        if k > 0 {
            next[i] = tails[k - 1];
        }
        match tails.get_mut(k) {
            Some(tail) => *tail = i,
            None => tails.push(i),
        }
    }
    let mut keep = vec![false; times.len()];
    let mut at = tails.last().copied().unwrap_or(usize::MAX);
    while at != usize::MAX {
        keep[at] = true;
        at = next[at];
    }
    let mut last = None;
    for i in 0..times.len() {
        if keep[i] {
            last = Some(times[i]);
        } else {
            verdicts[i] = if last == Some(times[i]) { Verdict::Duplicate } else { Verdict::Backwards };
        }
    }
    verdicts
}

impl Verdict {
    /// Why the record was refused; `None` where it was not.
    pub(super) fn reason(self) -> Option<&'static str> {
        match self {
            Verdict::Keep => None,
            Verdict::Duplicate => Some("has the same time as the record before it"),
            Verdict::Backwards => Some("time goes back"),
        }
    }
}

/// The records (each with its number in the file at `path`) whose times rise; the others go to `quarantine`.
pub(super) fn rising<T>(
    records: Vec<(u64, T)>,
    time: impl Fn(&T) -> Timestamp,
    path: &Path,
    quarantine: &mut Quarantine,
) -> Vec<T> {
    let verdicts = judge(&records.iter().map(|(_, record)| time(record)).collect::<Vec<_>>());
    let mut kept = Vec::with_capacity(records.len());
    for ((number, record), verdict) in records.into_iter().zip(verdicts) {
        match verdict.reason() {
            None => kept.push(record),
            Some(reason) => quarantine.refuse(&Location::record(path, number), reason),
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::Verdict::{Backwards, Duplicate, Keep};
    use super::*;
    use proptest::prelude::*;

    fn of(times: &[i64]) -> Vec<Verdict> {
        judge(&times.iter().map(|&t| Timestamp::from_ns(t)).collect::<Vec<_>>())
    }

    #[test]
    fn one_wrong_time_costs_one_record() {
        assert_eq!(of(&[1, 2, 99, 3, 4]), [Keep, Keep, Backwards, Keep, Keep]);
        assert_eq!(of(&[1, 2, 2, 3]), [Keep, Keep, Duplicate, Keep]);
        assert_eq!(of(&[5, 1, 2, 3]), [Backwards, Keep, Keep, Keep]);
        assert_eq!(of(&[1, 3, 2, 4]), [Keep, Keep, Backwards, Keep]);
    }

    proptest! {
        #[test]
        fn what_stays_rises(times in proptest::collection::vec(-20_i64..20, 0..60)) {
            let verdicts = of(&times);
            let kept: Vec<i64> = times.iter().zip(&verdicts).filter(|(_, v)| **v == Keep).map(|(t, _)| *t).collect();
            prop_assert!(kept.windows(2).all(|w| w[0] < w[1]));
            prop_assert!(times.is_empty() || !kept.is_empty());
        }
    }
}
