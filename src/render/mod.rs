//! Layer 4: pure functions from map, pictures and poses to arrays.

mod bev;
mod compensate;
mod config;
pub mod imagery;
mod map_index;
mod stencil;
pub mod text;
mod trace;
mod view;

pub use bev::{BevGrid, bev};
pub use compensate::compensate;
pub use config::BevConfig;
pub use imagery::Imagery;
pub use map_index::{MapIndex, Nearest};
pub use view::{ViewLine, map_view};
