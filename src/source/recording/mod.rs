//! Recordings: one file or folder a format.

pub mod lidar;
