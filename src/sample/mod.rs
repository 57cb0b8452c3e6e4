//! Layer 5: windows over a fused track become samples.

mod config;
mod row;

pub use config::{Axis, ReferencesConfig, SampleConfig, SampleOverride, TextConfig};
pub use row::{Caption, PrivacyState, SampleFrame, SampleRow, Split};
