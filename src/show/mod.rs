//! Layer 7: what people look at: a sample as a contact sheet, a data set as a report.

mod blocks;
mod canvas;
mod cards;
mod chart;
mod clip;
mod coverage;
mod ground;
mod grounded;
mod html;
mod palette;
mod pictures;
mod plan_view;
mod quality;
mod report;
mod sheet;
mod strips;
mod sweep;
mod words;

pub use report::{BuildFacts, report};
pub use sheet::{Part, Sheet, sheet};
