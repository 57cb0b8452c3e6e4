//! Maps: one file or folder a format.
