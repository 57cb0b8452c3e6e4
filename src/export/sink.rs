//! [`Sink`]: what a consumer's format has to do, and the loop that feeds it.

use super::crew::each;
use super::{Card, Job, Shot};
use crate::error::{Error, Result};

/// Samples that are worked on before what was made of them is taken in.
const BATCH: usize = 32;

/// A consumer's format.
pub trait Sink: Sync {
    /// What the end needs to know of a shot.
    type Made: Send;

    /// Writes what belongs to one shot alone. Runs on any thread and in any order, so it may depend on nothing else.
    ///
    /// # Errors
    ///
    /// [`Skip::LeftOut`] where the consumer cannot use the shot.
    fn make(&self, job: &Job<'_>, shot: &Shot<'_>) -> Result<Self::Made, Skip>;

    /// Writes what is about all shots, which come in the data set's order; says how many of them the consumer can use,
    /// and what the folder is.
    ///
    /// # Errors
    ///
    /// Where the data set cannot be read or the folder not be written.
    fn finish(&self, job: &Job<'_>, made: Vec<Self::Made>) -> Result<(u64, Card)>;
}

/// Why a shot was not written.
#[derive(Debug)]
pub enum Skip {
    /// The consumer cannot use it, for this reason: the same words for the same reason, since they are counted.
    LeftOut(String),
    /// The export cannot go on.
    Failed(Error),
}

impl From<Error> for Skip {
    fn from(error: Error) -> Skip {
        Skip::Failed(error)
    }
}

impl Skip {
    /// Left out, for a reason.
    pub fn because(reason: impl Into<String>) -> Skip {
        Skip::LeftOut(reason.into())
    }
}

/// What came of the shots of one sample.
type Shots<M> = Vec<Result<M, Skip>>;

/// Feeds a sink with the shots of some samples; how many the consumer can use, and its card.
///
/// # Errors
///
/// As [`super::export`].
pub(super) fn run<S: Sink>(
    sink: &S,
    job: &Job<'_>,
    rows: &[usize],
    tell: &(dyn Fn(u64) + Sync),
) -> Result<(u64, Card)> {
    let mut all = Vec::new();
    for batch in rows.chunks(BATCH) {
        job.check_stop()?;
        let one = |&row: &usize| -> Result<Shots<S::Made>> {
            let sample = job.dataset.sample(row)?;
            let shots = job.shots(&sample)?;
            if shots.is_empty() {
                return Ok(vec![Err(Skip::because("a sample without a picture of these cameras"))]);
            }
            let made: Vec<_> = shots.iter().map(|shot| sink.make(job, shot)).collect();
            if made.iter().any(Result::is_ok) {
                job.owe(&sample);
            }
            Ok(made)
        };
        let made: Vec<Result<Shots<S::Made>>> = each(batch, one);
        for shots in made {
            for shot in shots? {
                match shot {
                    Ok(made) => all.push(made),
                    Err(Skip::LeftOut(reason)) => job.leave_out(reason, 1),
                    Err(Skip::Failed(error)) => return Err(error),
                }
            }
        }
        tell(batch.len() as u64);
    }
    sink.finish(job, all)
}
