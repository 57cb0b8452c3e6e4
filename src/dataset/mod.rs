//! Layer 6: the data set on disk (DESIGN section 5, `docs/format.md`): written, read, queried, validated.

mod config;
pub mod rows;
pub mod unit;

pub use config::{Fractions, OutputConfig, SplitConfig, SplitMethod};
