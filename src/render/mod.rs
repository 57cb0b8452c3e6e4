//! Layer 4: pure functions from map, pictures and poses to arrays.

mod config;
mod map_index;
pub mod text;

pub use config::BevConfig;
pub use map_index::{MapIndex, Nearest};
