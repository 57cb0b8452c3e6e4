//! Layer 5: windows over a fused track become samples.

mod action;
mod caption;
mod channels;
mod config;
mod grid;
pub mod references;
mod row;
mod window;

pub use caption::{Josa, LANGUAGES, TASKS, captions};
pub use channels::ChannelFilter;
pub use config::{Axis, ReferencesConfig, SampleConfig, SampleOverride, TextConfig};
pub use grid::tick_offsets;
pub use row::{Caption, PrivacyState, SampleFrame, SampleRow, Split, anchor_tick};
pub use window::{Observation, WindowInput, WindowStats, windows};
