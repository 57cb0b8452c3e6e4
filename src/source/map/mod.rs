//! Maps: one file or folder a format.

pub mod argoverse2;
