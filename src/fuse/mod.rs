//! Layer 4: fusion. One clock, one frame, one ego trajectory: [`fuse`] turns a recording's segment into a [`Track`].

mod config;
mod track;

pub use config::{ClockChoice, FuseConfig, PoseChoice, RegisterChoice};
pub use track::{ClockOffset, FusedPose, PoseOrigin, Register, State, Track};
