//! Layer 9: the native module of the Python package; one file a wrapped type, no logic of its own.
