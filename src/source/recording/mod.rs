//! Recordings: one file or folder a format.

pub mod argoverse2;
pub mod audio;
mod civil;
pub mod comma2k19;
mod csv_trace;
pub mod depth;
mod files;
pub mod folder;
mod geojson_trace;
mod gpx;
pub mod kitti;
pub mod lidar;
pub mod mapillary;
pub mod mcap;
mod media_file;
mod messages;
mod nmea;
mod npy;
pub mod opensfm;
mod order;
pub mod picture;
pub mod rosbag1;
mod table;
mod trace;
pub(in crate::source) mod trace_file;
mod ubx;
mod video;

/// One sigma of a heading that structure from motion found, degrees: it is tied to the north by positions of some metres.
const MOTION_HEADING_DEG: f64 = 2.0;

pub(in crate::source) use messages::message_media;
pub(in crate::source) use video::video_media;
