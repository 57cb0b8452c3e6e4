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
mod media_file;
mod nmea;
mod npy;
pub mod opensfm;
mod order;
pub mod picture;
mod table;
mod trace;
mod trace_file;
mod ubx;
