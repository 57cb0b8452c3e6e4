//! Layer 5: what leaves with a sample and what does not: metadata, regions, zones.

mod config;

pub use config::{Anonymize, Metadata, PrivacyConfig};
