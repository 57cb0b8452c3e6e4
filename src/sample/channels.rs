//! Which channels of a recording go into samples.

use glob::Pattern;

use crate::error::{ErrorKind, Result};
use crate::record::Modality;

use super::SampleConfig;

/// The globs of `sample.cameras`, `sample.lidar` and `sample.audio`, ready to be asked.
#[derive(Debug, Clone)]
pub struct ChannelFilter {
    cameras: Vec<Pattern>,
    lidar: Vec<Pattern>,
    audio: Vec<Pattern>,
}

impl ChannelFilter {
    /// The filter of a config.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] that names a glob which is none.
    pub fn new(config: &SampleConfig) -> Result<ChannelFilter> {
        let globs = |key: &str, list: &[String]| -> Result<Vec<Pattern>> {
            list.iter()
                .map(|text| {
                    Pattern::new(text).map_err(|e| {
                        ErrorKind::Config(format!("`sample.{key}`: `{text}` is not a glob: {}", e.msg)).bare()
                    })
                })
                .collect()
        };
        Ok(ChannelFilter {
            cameras: globs("cameras", &config.cameras)?,
            lidar: globs("lidar", &config.lidar)?,
            audio: globs("audio", &config.audio)?,
        })
    }

    /// Whether samples take the observations of a channel; depth and masks go with their camera.
    pub fn takes(&self, modality: Modality, channel: &str) -> bool {
        let globs = match modality {
            Modality::Camera | Modality::Depth | Modality::Mask => &self.cameras,
            Modality::Lidar => &self.lidar,
            Modality::Audio => &self.audio,
        };
        globs.iter().any(|glob| glob.matches(channel))
    }
}
