//! Layer 1: coordinates and frames.
//!
//! Frames (DESIGN, section 3): geodetic WGS84 degrees `lon, lat` with height in metres; the world frame of a
//! recording is ENU metres at its origin; the ego frame is FLU (x forward, y left, z up); a camera frame is RDF
//! (x right, y down, z forward). Transforms are named `dst_se3_src`.

mod geodetic;
mod pose;

pub use geodetic::{BBox, Ecef, EnuFrame, Geodetic};
pub use pose::{Pose, heading_deg, wrap_degrees};
