//! Maps: one file or folder a format. What several of them need of plane geometry is in [`shape`].

pub mod argoverse2;
pub mod osm;
pub mod shape;
