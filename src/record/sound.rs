//! [`Sound`]: a clip, decoded.

/// A clip of sound.
#[derive(Debug, Clone, PartialEq)]
pub struct Sound {
    /// Samples in −1…1, channels interleaved, shape `(N, channels)`.
    pub samples: Vec<f32>,
    /// How many channels, at least one.
    pub channels: u16,
    /// Samples a second.
    pub sample_rate_hz: u32,
}
