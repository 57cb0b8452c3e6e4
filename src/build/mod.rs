//! Layer 8: config, plan, run: the only place that knows the whole path of an item.

pub mod config;
