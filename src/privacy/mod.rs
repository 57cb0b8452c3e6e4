//! Layer 5: what leaves with a sample and what does not: metadata, regions, zones.

mod config;
mod strip;
mod withhold;
mod zones;

pub use config::{Anonymize, Metadata, PrivacyConfig};
pub use strip::strip_metadata;
pub use withhold::{Stretch, Withheld};
pub use zones::read_zones;
