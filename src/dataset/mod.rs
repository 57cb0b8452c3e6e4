//! Layer 6: the data set on disk (DESIGN section 5, `docs/format.md`): written, read, queried, validated.

pub mod answer;
mod cells;
mod columns;
mod config;
mod decode;
pub mod evaluate;
mod excerpt;
#[cfg(test)]
pub(crate) mod fixture;
pub mod geoparquet;
pub mod ground;
pub mod histogram;
mod late;
mod later;
pub mod lineage;
mod lookup;
pub mod manifest;
pub mod matched;
mod media;
pub mod network;
pub mod query;
mod reader;
pub mod rows;
mod scene;
pub mod shard;
pub mod split;
pub mod stats;
pub mod survey;
pub mod tables;
mod track;
mod truth;
pub mod unit;
pub mod validate;
pub mod walk;
mod weights;
pub mod where_expr;
mod whole;

pub use config::{Fractions, OutputConfig, SplitConfig, SplitMethod};
pub use ground::{DepthSource, PictureDepth, Posed, WindowWarp};
pub use query::Query;
pub use reader::{Dataset, Media, read_map};
pub use scene::IMAGERY;
pub use whole::Whole;
