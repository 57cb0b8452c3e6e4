//! Layer 4: pure functions from map, pictures and poses to arrays.

mod config;

pub use config::BevConfig;
