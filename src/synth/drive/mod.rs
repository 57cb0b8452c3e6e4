//! Drives through the town: where they go, how fast, and what the truth of every moment is.

pub mod motion;
pub mod route;
pub mod sensors;
