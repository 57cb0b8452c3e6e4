//! Layer 4: pure functions from map, pictures and poses to arrays.

mod config;
pub mod text;

pub use config::BevConfig;
