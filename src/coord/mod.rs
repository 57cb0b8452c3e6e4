//! Layer 1: coordinates and frames.
//!
//! Frames (DESIGN, section 3): geodetic WGS84 degrees `lon, lat` with height in metres; the world frame of a
//! recording is ENU metres at its origin; the ego frame is FLU (x forward, y left, z up); a camera frame is RDF
//! (x right, y down, z forward). Transforms are named `dst_se3_src`.

pub mod camera;
pub mod crs;
mod geodetic;
mod h3;
pub mod hilbert;
mod plane;
mod pose;
pub mod tile;

pub use camera::{Camera, CameraIntrinsics, CameraModelKind, InvalidCamera, RowProjector};
pub use crs::Crs;
pub use geodetic::{BBox, Ecef, EnuFrame, Geodetic};
pub use h3::{InvalidCell, h3_cell, h3_disk, h3_near_path};
pub use plane::{LocalPlane, nearest_on_segment};
pub use pose::{Pose, heading_deg, wrap_degrees};
