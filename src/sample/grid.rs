//! The grid of windows: which anchors there are, and the ticks around each (DESIGN section 5, "Ticks").

use crate::error::{ErrorKind, Result};
use crate::fuse::{State, Track};

use super::{Axis, SampleConfig};

/// More ticks than this in a window are a mistake in the config.
const MOST_TICKS: i64 = 100_000;
/// More anchors than this in a segment would not fit in memory.
const MOST_ANCHORS: i64 = 10_000_000;
/// What a product of decimal fractions may miss its integer by.
const SLACK: f64 = 1e-9;

/// The grid that a config lays over every track.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Grid {
    axis: Axis,
    /// Ticks before the anchor.
    past: i64,
    /// Ticks after it.
    future: i64,
    /// Nanoseconds, or metres, between ticks.
    step: f64,
    /// Nanoseconds, or metres, between anchors.
    stride: f64,
}

/// Offsets of a window's ticks from its anchor: nanoseconds on the time axis, metres on the distance axis.
///
/// # Errors
///
/// [`ErrorKind::Config`] for numbers that give no grid.
pub fn tick_offsets(config: &SampleConfig) -> Result<Vec<f64>> {
    let grid = Grid::new(config)?;
    Ok((-grid.past..=grid.future).map(|k| k as f64 * grid.step).collect())
}

/// An anchor: the `n`-th multiple of the stride.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Anchor(pub i64);

impl Grid {
    /// The grid of a config.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] for numbers that give no grid.
    pub fn new(config: &SampleConfig) -> Result<Grid> {
        let (past, future, step, stride, keys) = match config.axis {
            Axis::Time => {
                let (past, future) = (config.past_s * config.rate_hz, config.future_s * config.rate_hz);
                let stride_ns = libm::round(config.stride_s * 1e9);
                (past, future, 1e9 / config.rate_hz, stride_ns, "past_s, future_s, rate_hz, stride_s")
            }
            Axis::Distance => {
                let (past, future) = (config.past_m / config.step_m, config.future_m / config.step_m);
                (past, future, config.step_m, config.stride_m, "past_m, future_m, step_m, stride_m")
            }
        };
        let smallest = if config.axis == Axis::Time { 1.0 } else { 1e-3 };
        let fine = |v: f64| v.is_finite() && v >= smallest;
        if !(fine(step) && fine(stride) && past >= 0.0 && future >= 0.0 && past + future < MOST_TICKS as f64) {
            let reason = format!("`[sample]`: {keys} must be positive and give fewer than {MOST_TICKS} ticks");
            return Err(ErrorKind::Config(reason).bare());
        }
        let whole = |v: f64| libm::floor(v + SLACK) as i64;
        Ok(Grid { axis: config.axis, past: whole(past), future: whole(future), step, stride })
    }

    /// Index of the anchor among the ticks.
    pub fn anchor_tick(&self) -> usize {
        self.past as usize
    }

    /// Half the distance of ticks, in nanoseconds or metres.
    pub fn half_step(&self) -> f64 {
        self.step / 2.0
    }

    /// The anchors inside a track, ascending, whether or not a window around them is full.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::LimitExceeded`] where there are too many to hold.
    pub fn anchors(&self, track: &Track) -> Result<Vec<Anchor>> {
        let (Some(first), Some(last)) = (track.rows.first(), track.rows.last()) else { return Ok(Vec::new()) };
        let (from, to) = match (self.axis, first.t_ns, last.t_ns) {
            (Axis::Time, Some(from), Some(to)) if track.timed => {
                let stride = self.stride as i64;
                (-(-i128::from(from)).div_euclid(i128::from(stride)), i128::from(to).div_euclid(i128::from(stride)))
            }
            (Axis::Time, ..) => return Ok(Vec::new()),
            (Axis::Distance, ..) => (
                libm::ceil(first.s_m / self.stride - SLACK) as i128,
                libm::floor(last.s_m / self.stride + SLACK) as i128,
            ),
        };
        let count = to - from + 1;
        if count > i128::from(MOST_ANCHORS) {
            let found = u64::try_from(count).unwrap_or(u64::MAX);
            return Err(
                ErrorKind::LimitExceeded { what: "windows of a segment", found, limit: MOST_ANCHORS as u64 }.bare()
            );
        }
        // Multiples of a stride of at least 1 ns that lie between two int64 are int64.
        Ok((from..=to).filter_map(|n| i64::try_from(n).ok()).map(Anchor).collect())
    }

    /// What an anchor's id is made of: its time in nanoseconds, or its number along the path.
    pub fn key(&self, anchor: Anchor) -> (&'static str, i64) {
        match self.axis {
            Axis::Time => ("t", self.t_ns(anchor, 0).unwrap_or(i64::MAX)),
            Axis::Distance => ("s", anchor.0),
        }
    }

    /// The states at the ticks of an anchor, or why the window is not full.
    pub fn ticks(&self, anchor: Anchor, track: &Track) -> std::result::Result<Vec<State>, &'static str> {
        let ticks = (-self.past..=self.future).map(|k| self.state(anchor, k, track)).collect::<Option<Vec<State>>>();
        let unbroken = |ticks: &Vec<State>| match &ticks[..] {
            [first, .., last] => track.is_unbroken(first, last, self.axis == Axis::Time),
            _ => true,
        };
        ticks.filter(unbroken).ok_or_else(|| match self.fits(anchor, track) {
            true => "window lies in a pause of over 60 s between positions, or crosses one",
            false => "window reaches beyond the track",
        })
    }

    /// Whether a window lies between the ends of a track.
    fn fits(&self, anchor: Anchor, track: &Track) -> bool {
        let (Some(first), Some(last)) = (track.rows.first(), track.rows.last()) else { return false };
        [-self.past, self.future].into_iter().all(|k| match self.axis {
            Axis::Time => self.t_ns(anchor, k).is_some_and(|t| first.t_ns <= Some(t) && Some(t) <= last.t_ns),
            Axis::Distance => {
                let s_m = anchor.0 as f64 * self.stride + k as f64 * self.step;
                (first.s_m - SLACK..=last.s_m + SLACK).contains(&s_m)
            }
        })
    }

    fn state(&self, anchor: Anchor, k: i64, track: &Track) -> Option<State> {
        match self.axis {
            Axis::Time => track.at_time(self.t_ns(anchor, k)?),
            Axis::Distance => {
                let s_m = anchor.0 as f64 * self.stride + k as f64 * self.step;
                // A sum of fractions may miss the ends of the path by an ulp.
                let within = s_m.max(track.rows.first()?.s_m).min(track.length_m());
                ((s_m - within).abs() <= SLACK).then(|| track.at_distance(within))?.map(|state| State { s_m, ..state })
            }
        }
    }

    /// Time of a tick on the time axis.
    fn t_ns(&self, anchor: Anchor, k: i64) -> Option<i64> {
        let t0 = anchor.0.checked_mul(self.stride as i64)?;
        t0.checked_add(libm::round(k as f64 * self.step) as i64)
    }
}
