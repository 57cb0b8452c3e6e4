//! Recordings: one file or folder a format.

pub mod argoverse2;
pub mod audio;
mod civil;
mod csv_trace;
pub mod depth;
pub mod folder;
mod gpx;
pub mod lidar;
mod nmea;
mod order;
pub mod picture;
mod table;
mod trace;
mod trace_file;
