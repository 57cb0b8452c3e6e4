//! Layer 5: what leaves with a sample and what does not: metadata, regions, zones.

mod config;
mod strip;
mod withhold;

pub use config::{Anonymize, Metadata, PrivacyConfig};
pub use strip::strip_metadata;
pub use withhold::{Stretch, Withheld};
