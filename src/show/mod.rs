//! Layer 7: what people look at. One sample as a contact sheet, drawn once for the command line, the report and
//! notebooks.

mod blocks;
mod canvas;
mod clip;
mod ground;
mod palette;
mod pictures;
mod plan_view;
mod sheet;
mod strips;
mod sweep;
mod words;

pub use sheet::{Part, Sheet, sheet};
