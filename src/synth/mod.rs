//! A simulated town and drives with ground truth, made of layers 1–4: for `samples/` and for tests.

pub mod scene;
