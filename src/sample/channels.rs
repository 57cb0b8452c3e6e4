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

    /// The globs that match none of some channels, each with its key in `[sample]`; `*` needs none.
    pub fn idle<'a>(&self, channels: impl Iterator<Item = (Modality, &'a str)> + Clone) -> Vec<(&'static str, String)> {
        let lists = [("cameras", &self.cameras), ("lidar", &self.lidar), ("audio", &self.audio)];
        let of = |key: &str, modality: Modality| match modality {
            Modality::Camera | Modality::Depth | Modality::Mask => key == "cameras",
            Modality::Lidar => key == "lidar",
            Modality::Audio => key == "audio",
        };
        let mut idle = Vec::new();
        for (key, globs) in lists {
            for glob in globs.iter().filter(|glob| glob.as_str() != "*") {
                if !channels.clone().any(|(modality, channel)| of(key, modality) && glob.matches(channel)) {
                    idle.push((key, glob.as_str().to_string()));
                }
            }
        }
        idle
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
