//! Layer 1: time. [`Timestamp`] is int64 nanoseconds since the Unix epoch, UTC; GPS and TAI are converted on reading.

mod leap;
mod timestamp;

pub use leap::{ClockScale, gps_minus_utc_s, gps_to_utc, tai_to_utc};
pub use timestamp::{ParseTimestampError, Timestamp};
