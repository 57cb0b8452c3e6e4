//! `recording.toml`: what a recording folder says about itself.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use crate::coord::Geodetic;
use crate::error::{Error, ErrorKind, Location, Result};
use crate::record::HeightDatum;
use crate::source::CsvColumns;
use crate::time::ClockScale;

/// What a recording has beside channels.
const TRACES: [&str; 4] = ["gnss", "imu", "wheel", "poses"];

/// The whole of `recording.toml`; every key is optional.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    /// Name of the recording, instead of the folder's.
    pub id: Option<String>,
    /// SPDX licence, instead of the config's.
    pub license: Option<String>,
    /// Origin of the ENU frame: `[lon, lat, height]`, degrees and metres.
    pub origin: Option<[f64; 3]>,
    /// What heights are measured from, where the traces do not say.
    pub height_datum: Option<HeightDatum>,
    /// Offset of local times from UTC, e.g. `+09:00`, instead of the config's.
    pub timezone: Option<String>,
    /// Clock by `gnss`, `imu`, `wheel`, `poses` or channel; `utc` where nothing is said.
    #[serde(default)]
    pub clock: BTreeMap<String, ClockScale>,
    /// CSV columns by our names, for each of `gnss`, `imu`, `wheel` and `poses`.
    #[serde(default)]
    pub columns: BTreeMap<String, CsvColumns>,
    /// Settings by channel.
    #[serde(default)]
    pub channels: BTreeMap<String, ChannelSettings>,
}

/// What can be said about one channel.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ChannelSettings {
    /// Its folder relative to the recording, instead of `images/CHANNEL`, `lidar/CHANNEL`, …
    pub path: Option<String>,
    /// Leave it out.
    #[serde(default)]
    pub skip: bool,
}

impl Settings {
    /// Parses the text of `recording.toml`.
    ///
    /// # Errors
    ///
    /// An unknown key, a wrong type or an impossible value, with its line.
    pub(super) fn parse(text: &str, path: &Path) -> Result<Settings> {
        let settings: Settings = toml::from_str(text).map_err(|error| {
            let start = error.span().map_or(0, |span| span.start).min(text.len());
            let line = 1 + text.as_bytes()[..start].iter().filter(|&&c| c == b'\n').count() as u64;
            ErrorKind::malformed("recording.toml", error.message().trim()).at(Location::line(path, line))
        })?;
        let wrong = |reason: String| -> Error { ErrorKind::malformed("recording.toml", reason).in_file(path) };
        if settings.origin().is_some_and(|o| !o.is_valid()) {
            return Err(wrong("`origin` is not `[lon, lat, height]` in degrees and metres".to_string()));
        }
        if let Some(name) = settings.columns.keys().find(|n| !TRACES.contains(&n.as_str())) {
            return Err(wrong(format!("`columns.{name}`: columns are those of gnss, imu, wheel or poses")));
        }
        let outside = |p: &str| Path::new(p).components().any(|c| !matches!(c, std::path::Component::Normal(_)));
        if let Some((name, _)) =
            settings.channels.iter().find(|(_, channel)| channel.path.as_deref().is_some_and(outside))
        {
            return Err(wrong(format!("`channels.{name}.path` must be a folder inside the recording")));
        }
        Ok(settings)
    }

    /// Checks that each clock is that of a trace or of one of `channels`: what is said of another is a typing error.
    ///
    /// # Errors
    ///
    /// The name that is none, with those that are known.
    pub(super) fn check_clocks<'a>(&'a self, channels: impl Iterator<Item = &'a str>) -> Result<(), ErrorKind> {
        let mut known: Vec<&str> = TRACES.to_vec();
        let mut channels: Vec<&str> = channels.chain(self.channels.keys().map(String::as_str)).collect();
        channels.retain(|name| !TRACES.contains(name));
        channels.sort_unstable();
        channels.dedup();
        known.extend(channels);
        match self.clock.keys().find(|name| !known.contains(&name.as_str())) {
            None => Ok(()),
            Some(name) => {
                let reason = format!("`clock.{name}`: there is no such sensor; there are: {}", known.join(", "));
                Err(ErrorKind::malformed("recording.toml", reason))
            }
        }
    }

    /// The origin of the ENU frame.
    pub(super) fn origin(&self) -> Option<Geodetic> {
        self.origin.map(|[lon, lat, height]| Geodetic::new(lon, lat, height))
    }

    /// The clock of a sensor.
    pub(super) fn clock(&self, sensor: &str) -> ClockScale {
        self.clock.get(sensor).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_optional_and_known_keys_are_read() {
        let text = "id = \"a\"\norigin = [127.1, 37.4, 50]\nheight_datum = \"orthometric\"\n[clock]\nimu = \"gps\"\n\
            [columns.gnss]\nlat = \"Latitude\"\n[channels.rear]\nskip = true\n";
        let settings = Settings::parse(text, Path::new("recording.toml")).expect("valid");
        assert_eq!((settings.clock("imu"), settings.clock("front")), (ClockScale::Gps, ClockScale::Utc));
        assert_eq!(settings.origin(), Some(Geodetic::new(127.1, 37.4, 50.0)));
        assert_eq!(Settings::parse("", Path::new("r")).expect("valid"), Settings::default());
    }

    #[test]
    fn the_clock_of_no_sensor_is_an_error_that_lists_those_there_are() {
        let check = |text: &str| {
            let settings = Settings::parse(text, Path::new("recording.toml")).expect("valid");
            settings.check_clocks(["rear", "front", "front"].into_iter())
        };
        assert!(check("[clock]\ngnss = \"gps\"\nposes = \"gps\"\nfront = \"unknown\"\n").is_ok());
        assert!(check("[clock]\ntop = \"gps\"\n[channels.top]\nskip = true\n").is_ok());
        let error = check("[clock]\ngnns = \"gps\"\n").expect_err("no sensor").to_string();
        assert!(
            error.ends_with("`clock.gnns`: there is no such sensor; there are: gnss, imu, wheel, poses, front, rear")
        );
    }

    #[test]
    fn a_typing_error_is_named_with_its_line() {
        let error =
            Settings::parse("id = \"a\"\nlicence = \"MIT\"\n", Path::new("recording.toml")).expect_err("unknown key");
        let text = error.to_string();
        assert!(text.starts_with("recording.toml, line 2:") && text.contains("licence"), "{text}");
        assert!(Settings::parse("[channels.a]\npath = \"../b\"\n", Path::new("r")).is_err());
    }
}
