//! Layer 5: what leaves with a sample and what does not: metadata, regions, zones.

mod config;
mod withhold;

pub use config::{Anonymize, Metadata, PrivacyConfig};
pub use withhold::{Stretch, Withheld};
