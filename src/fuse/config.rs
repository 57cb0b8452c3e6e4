//! `[fuse]` of `build.toml`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `[fuse]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FuseConfig {
    /// Whose pose.
    pub pose: PoseChoice,
    /// Whose clock.
    pub clock: ClockChoice,
    /// Match to the road graph.
    pub r#match: bool,
    /// Rigid correction to the map.
    pub register: RegisterChoice,
    /// Whether the scale of the trajectory is unknown and found with the correction; then given poses may be moved too.
    pub register_scale: bool,
}

/// `fuse.pose`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PoseChoice {
    /// The source's when it has one, else estimated.
    Auto,
    /// The source's; an error without one.
    Source,
    /// Estimated, whatever the source has.
    Estimate,
}

/// `fuse.clock`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ClockChoice {
    /// Offsets are estimated from the data.
    Estimate,
    /// Timestamps are taken as they are.
    Trust,
}

/// `fuse.register`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RegisterChoice {
    /// Never.
    Off,
    /// Where the map supports it.
    Auto,
}

impl Default for FuseConfig {
    fn default() -> FuseConfig {
        FuseConfig {
            pose: PoseChoice::Auto,
            clock: ClockChoice::Estimate,
            r#match: true,
            register: RegisterChoice::Auto,
            register_scale: false,
        }
    }
}
