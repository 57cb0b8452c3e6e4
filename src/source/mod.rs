//! Layer 3: readers. One file or folder a format; [`registry`] is the one place that knows them all.
//!
//! Adding a format is adding one file or folder here and one row in the registry: see `docs/adding-a-format.md`.

mod argoverse2_city;
mod arrow_ipc;
pub mod map;
mod options;
mod probe;
pub mod recording;
pub mod registry;
mod traits;
pub mod trajectory_file;

pub use options::{CsvColumns, Limits, MapOptions, RecordingOptions};
pub use probe::{Probe, probe};
pub use traits::{MapSource, RasterTiles, RecordingSource, TileEncoding};
