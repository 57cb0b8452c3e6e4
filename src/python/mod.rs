//! Layer 9: the native module of the Python package; one file a wrapped type, no logic of its own.

mod build;
mod caption;
mod dataset;
mod error;
mod export;
mod frame;
mod geo;
mod loader;
mod map_line;
mod matching;
mod query;
mod recording;
mod reference;
mod render;
mod sample;
mod sheet;
mod table;
mod values;

/// The native part of worldloom; import `worldloom` instead.
#[pyo3::pymodule]
#[pyo3(name = "_native")]
mod native {
    #[pymodule_export]
    use super::build::{build, main, probe};
    #[pymodule_export]
    use super::caption::Caption;
    #[pymodule_export]
    use super::dataset::{Dataset, SampleIterator, open, reopen};
    #[pymodule_export]
    use super::export::export;
    #[pymodule_export]
    use super::frame::Frame;
    #[pymodule_export]
    use super::geo::{Enu, cells, tile_bounds, tiles, transform};
    #[pymodule_export]
    use super::loader::Loader;
    #[pymodule_export]
    use super::map_line::MapLine;
    #[pymodule_export]
    use super::matching::{Roads, match_trace};
    #[pymodule_export]
    use super::recording::{Recording, Sensor};
    #[pymodule_export]
    use super::reference::Reference;
    #[pymodule_export]
    use super::render::{Camera, Crop, Map, Splat, bev};
    #[pymodule_export]
    use super::sample::Sample;
    #[pymodule_export]
    use super::sheet::Sheet;
    #[pymodule_export]
    use super::table::Table;

    #[pymodule_export]
    #[allow(non_upper_case_globals)]
    const __version__: &str = env!("CARGO_PKG_VERSION");
}
