//! Layer 7: decode, batch, shuffle, shard over ranks, resume.
