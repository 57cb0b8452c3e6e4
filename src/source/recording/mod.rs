//! Recordings: one file or folder a format.
