//! A simulated town and drives with ground truth, made of layers 1–4: for `samples/` and for tests.

pub mod dice;
pub mod drive;
mod noise;
pub mod planar;
pub mod raster;
pub mod rays;
pub mod scene;
pub mod town;
pub mod world;
