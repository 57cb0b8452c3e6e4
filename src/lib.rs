//! worldloom turns maps, street-view imagery and sensor traces into spatially indexed multimodal training samples
//! for world models in driving and robotics.
//!
//! The layers, each using only those above it (a test holds the direction): [`coord`] and [`time`]; [`record`];
//! [`source`]; [`fuse`] and [`render`]; [`sample`] and [`privacy`]; [`dataset`]; [`loader`], [`export`]
//! and [`show`]; [`build`]; [`cli`].
//! `docs/architecture.md` walks an item through them.

pub mod coord;
pub mod error;
pub mod time;

pub mod record;
pub mod source;

pub mod fuse;
pub mod render;
pub mod synth;

pub mod privacy;
pub mod sample;

pub mod dataset;
pub mod export;
pub mod loader;
pub mod show;

pub mod build;
pub mod cli;

#[cfg(feature = "python")]
mod python;

pub use error::{Error, ErrorKind, Location, Quarantine, Result};
