//! Layer 4: pure functions from map, pictures and poses to arrays.

mod bev;
mod config;
mod map_index;
mod stencil;
pub mod text;

pub use bev::{BevGrid, bev};
pub use config::BevConfig;
pub use map_index::{MapIndex, Nearest};
