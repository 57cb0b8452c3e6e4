//! Layer 4: pure functions from map, pictures and poses to arrays.

mod bev;
mod boxes;
mod compensate;
mod config;
mod ignore;
pub mod imagery;
mod lanes;
mod lidar_depth;
mod map_index;
pub mod panowalk;
mod rays;
mod splat;
mod stencil;
pub mod text;
mod trace;
mod view;
pub mod walk;

pub use bev::{BevGrid, bev};
pub use boxes::{box_mask, points_in_boxes};
pub use compensate::compensate;
pub use config::{BevConfig, ROUTE};
pub use ignore::{IgnoreConfig, loss_weight};
pub use imagery::Imagery;
pub use lidar_depth::lidar_depth;
pub use map_index::{MapIndex, Nearest};
pub use rays::ray_map;
pub use splat::{SourceRays, Splat, Surface, Warp};
pub use view::{ViewLine, map_view};
