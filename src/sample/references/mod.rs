//! References: street view of a window's place from another day, chosen by place, date and what it sees.
//!
//! Pure functions of pictures and windows: who calls them knows the tables, the splits and the depth.

mod choose;
mod footprint;
mod index;

pub use choose::{Choice, Chosen, Overlap, OverlapSource, Role, Window, choose};
pub use footprint::{Footprint, View, directions};
pub use index::{Picture, PictureIndex};
