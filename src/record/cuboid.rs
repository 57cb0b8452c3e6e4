//! [`Cuboid`]: a box that somebody drew around a thing.

use std::sync::Arc;

use crate::coord::Pose;
use crate::time::Timestamp;

/// A box around a thing at one time.
#[derive(Debug, Clone, PartialEq)]
pub struct Cuboid {
    /// When, on the clock of the sensor in whose data it was drawn.
    pub t: Timestamp,
    /// That sensor's channel.
    pub sensor: Arc<str>,
    /// Which thing: boxes of one thing share it.
    pub track: Arc<str>,
    /// `ego_se3_box`: its middle and its axes, x along its length and z up.
    pub ego_se3_box: Pose,
    /// Length, width, height in metres.
    pub size_m: [f64; 3],
}
