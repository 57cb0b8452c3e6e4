//! Reading `build.toml`: strict parsing, `--set` overrides, and the rules that a schema cannot say, each error with
//! its line.

use std::path::{Path, PathBuf};

use crate::dataset::split::Splitter;
use crate::error::{Error, ErrorKind, Location, Result};
use crate::fuse::RegisterChoice;
use crate::sample::{Axis, SampleConfig};

use super::config::Config;

/// A configuration that holds, and where it came from.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The configuration with all defaults.
    pub config: Config,
    /// The folder that its paths are relative to.
    pub base: PathBuf,
    /// The file, for messages.
    pub path: PathBuf,
    text: String,
}

/// How pictures are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageOutput {
    /// As they are.
    Keep,
    /// Re-encoded as JPEG of a quality 1–100.
    Jpeg(u8),
    /// Re-encoded as lossless WebP.
    Webp,
}

/// Reads a config and applies `--set key=value` overrides (dotted keys; values in TOML, or plain text).
///
/// # Errors
///
/// [`ErrorKind::Config`] or [`ErrorKind::Malformed`] with the line, for anything that a build could not honour.
pub fn load(path: &Path, overrides: &[String]) -> Result<Loaded> {
    let text = std::fs::read_to_string(path).map_err(|e| ErrorKind::io("read", e).in_file(path))?;
    let mut config: Config = toml::from_str(&text).map_err(|e| toml_error(path, &text, &e))?;
    if !overrides.is_empty() {
        let mut table: toml::Table = toml::from_str(&text).map_err(|e| toml_error(path, &text, &e))?;
        for one in overrides {
            apply(&mut table, one)?;
        }
        config = table
            .try_into()
            .map_err(|e: toml::de::Error| ErrorKind::Config(format!("--set: {}", e.message())).in_file(path))?;
    }
    settle_walks(&mut config);
    let base = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_path_buf();
    let loaded = Loaded { config, base, path: path.to_path_buf(), text };
    loaded.check()?;
    Ok(loaded)
}

impl Loaded {
    /// An error at the line of `key` in the `nth` table named `table` (`[table]` or `[[table]]`).
    pub fn error(&self, table: &str, nth: usize, key: &str, reason: impl Into<String>) -> Error {
        let kind = ErrorKind::Config(reason.into());
        // A table that is written inline lies in a line of its owner's.
        let inline = || table.split_once('.').and_then(|(owner, own)| line_of(&self.text, owner, nth, own));
        match line_of(&self.text, table, nth, key).or_else(inline) {
            Some(line) => kind.at(Location::line(&self.path, line)),
            None => kind.in_file(&self.path),
        }
    }

    /// `output.image`, parsed.
    pub fn image_output(&self) -> Result<ImageOutput> {
        let image = self.config.output.image.as_str();
        let quality = image.strip_prefix("jpeg:").and_then(|q| q.parse::<u8>().ok()).filter(|q| (1..=100).contains(q));
        match (image, quality) {
            ("keep", _) => Ok(ImageOutput::Keep),
            ("webp", _) => Ok(ImageOutput::Webp),
            (_, Some(quality)) => Ok(ImageOutput::Jpeg(quality)),
            _ => Err(self.error("output", 0, "image", format!("`{image}` is none of keep, jpeg:1 to jpeg:100, webp"))),
        }
    }

    /// Refuses a recording's licence whose terms the data set's would drop.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] at the licence of the `nth` recording.
    pub fn check_terms(&self, nth: usize, license: &str) -> Result<()> {
        let own = &self.config.dataset.license;
        let dropped = dropped_terms(license, own);
        if dropped.is_empty() {
            return Ok(());
        }
        let terms = dropped.join(" and ");
        let reason = format!("the recording's {license} says {terms}, which the data set's {own} drops");
        Err(self.error("recording", nth, "license", reason))
    }

    fn check(&self) -> Result<()> {
        let c = &self.config;
        if c.dataset.name.trim().is_empty() {
            return Err(self.error("dataset", 0, "name", "the data set needs a name"));
        }
        self.check_spdx(&c.dataset.license, "dataset", 0)?;
        if c.recording.is_empty() {
            return Err(self.error("dataset", 0, "name", "there is no [[recording]] to build from"));
        }
        for (i, map) in c.map.iter().enumerate() {
            let Some(license) = map.license.as_deref().filter(|l| !l.trim().is_empty()) else {
                return Err(self.error("map", i, "path", NO_LICENSE));
            };
            self.check_spdx(license, "map", i)?;
        }
        for (i, recording) in c.recording.iter().enumerate() {
            let Some(license) = recording.license.as_deref().filter(|l| !l.trim().is_empty()) else {
                return Err(self.error("recording", i, "path", NO_LICENSE));
            };
            self.check_spdx(license, "recording", i)?;
            self.check_terms(i, license)?;
            // The defaults of a walk stand in no line.
            let written = recording.sample.is_some() && line_of(&self.text, "recording.sample", i, "").is_some();
            self.check_sample(&c.sample.with(recording.sample.as_ref()), written.then_some(i))?;
            if let Some((key, reason)) = recording.panowalk.as_ref().and_then(super::config::PanowalkConfig::problem) {
                return Err(self.error("recording.panowalk", i, key, reason));
            }
            for (channel, ignore) in &recording.ignore {
                if let Some((key, reason)) = ignore.problem() {
                    return Err(self.error(&format!("recording.ignore.{channel}"), i, key, reason));
                }
            }
        }
        self.check_sample(&c.sample, None)?;
        if c.fuse.register_scale && (c.fuse.register == RegisterChoice::Off || !c.fuse.r#match) {
            let reason =
                "a scale is found by laying a drive onto the map: that asks for `register = \"auto\"`, `match = true`";
            return Err(self.error("fuse", 0, "register_scale", reason));
        }
        self.image_output()?;
        let f = &c.split.fractions;
        if [f.train, f.val, f.test].iter().any(|x| !(0.0..=1.0).contains(x))
            || (f.train + f.val + f.test - 1.0).abs() > 1e-9
        {
            return Err(self.error("split", 0, "fractions", "fractions must lie in 0 to 1 and add up to 1"));
        }
        if c.split.cell > 15 {
            return Err(self.error("split", 0, "cell", format!("H3 resolution {} is not in 0 to 15", c.split.cell)));
        }
        if !(c.split.buffer_m >= 0.0 && c.split.buffer_m.is_finite()) {
            return Err(self.error("split", 0, "buffer_m", "a buffer is 0 m or more"));
        }
        if let Err(error) = Splitter::new(&c.split, c.dataset.seed) {
            return Err(self.error("split", 0, "buffer_m", error.kind().to_string()));
        }
        if !(c.privacy.trim_ends_m >= 0.0 && c.privacy.trim_ends_m.is_finite()) {
            return Err(self.error("privacy", 0, "trim_ends_m", "a trim is 0 m or more"));
        }
        if let Some(zones) = c.privacy.exclude.as_ref().filter(|zones| !self.base.join(zones).is_file()) {
            return Err(self.error("privacy", 0, "exclude", format!("there is no file `{zones}`")));
        }
        if c.output.shard_mb == 0 || c.output.shard_mb > 100_000 {
            return Err(self.error("output", 0, "shard_mb", "a shard has 1 to 100000 MB"));
        }
        Ok(())
    }

    fn check_spdx(&self, license: &str, table: &str, nth: usize) -> Result<()> {
        if is_spdx(license) {
            return Ok(());
        }
        let error = self.error(table, nth, "license", format!("`{license}` is no SPDX licence expression"));
        Err(error.with_hint("e.g. CC-BY-4.0, ODbL-1.0, LicenseRef-Ours, or NOASSERTION where it is not known"))
    }

    /// The rules of `[sample]`, or of the `[recording.sample]` of the recording `own`.
    fn check_sample(&self, s: &SampleConfig, own: Option<usize>) -> Result<()> {
        let (table, nth) = own.map_or(("sample", 0), |i| ("recording.sample", i));
        let fail = |key: &str, reason: &str| Err(self.error(table, nth, key, reason));
        let positive = |x: f64| x.is_finite() && x > 0.0;
        let at_least_0 = |x: f64| x.is_finite() && x >= 0.0;
        match s.axis {
            Axis::Time => {
                if !(positive(s.rate_hz) && s.rate_hz <= 1000.0) {
                    return fail("rate_hz", "a rate is more than 0 Hz and at most 1000 Hz");
                }
                if !(positive(s.stride_s) && s.stride_s >= 1e-3) {
                    return fail("stride_s", "a stride is at least 0.001 s");
                }
                if !at_least_0(s.past_s) || !at_least_0(s.future_s) || s.past_s + s.future_s <= 0.0 {
                    return fail("past_s", "past_s and future_s are 0 s or more, and not both 0");
                }
                if (s.past_s + s.future_s) * s.rate_hz > 100_000.0 {
                    return fail("rate_hz", "a window has at most 100000 ticks");
                }
            }
            Axis::Distance => {
                if !positive(s.step_m) || !positive(s.stride_m) {
                    return fail("step_m", "step_m and stride_m are more than 0 m");
                }
                if !at_least_0(s.past_m) || !at_least_0(s.future_m) || s.past_m + s.future_m <= 0.0 {
                    return fail("past_m", "past_m and future_m are 0 m or more, and not both 0");
                }
                if (s.past_m + s.future_m) / s.step_m > 100_000.0 {
                    return fail("step_m", "a window has at most 100000 ticks");
                }
            }
        }
        if let Some((key, reason)) = s.bev.problem() {
            let bev = if own.is_some() { "recording.sample.bev" } else { "sample.bev" };
            return Err(self.error(bev, nth, key, reason));
        }
        if let Some(language) = s.text.languages.iter().find(|l| !["ko", "en"].contains(&l.as_str())) {
            return fail("languages", &format!("texts are written in ko and en, not in `{language}`"));
        }
        if let Some(task) = s.text.tasks.iter().find(|t| !["caption", "route", "spatial_qa"].contains(&t.as_str())) {
            return fail("tasks", &format!("no text task `{task}`: caption, route, spatial_qa"));
        }
        if let Some(r) = &s.references {
            let table = if own.is_some() { "recording.sample.references" } else { "sample.references" };
            let wrong = |key: &str, reason: &str| Err(self.error(table, nth, key, reason));
            if r.count == 0 && !r.lookahead {
                return wrong("count", "a window gets at least one reference: leave the table out for none");
            }
            if !at_least_0(r.min_days) {
                return wrong("min_days", "min_days is 0 or more");
            }
            if !positive(r.max_distance_m) || r.max_distance_m > 1000.0 {
                return wrong("max_distance_m", "max_distance_m is more than 0 m, and 1000 m at most");
            }
            if !(0.0..=1.0).contains(&r.min_overlap) {
                return wrong("min_overlap", "min_overlap is a share from 0 to 1");
            }
        }
        Ok(())
    }
}

/// Fills in how windows of walks are cut where the config does not say: along the way, and of the walk's own camera.
fn settle_walks(config: &mut Config) {
    for recording in &mut config.recording {
        let Some(walk) = &recording.panowalk else { continue };
        let sample = recording.sample.get_or_insert_default();
        sample.axis.get_or_insert(Axis::Distance);
        sample.cameras.get_or_insert_with(|| vec![walk.name.clone()]);
        sample.lidar.get_or_insert_default();
        sample.audio.get_or_insert_default();
    }
}

/// Whether a text has the form of an SPDX licence expression: identifiers joined by `AND`, `OR`, `WITH`.
fn is_spdx(license: &str) -> bool {
    let bare = license.replace(['(', ')'], " ");
    let words: Vec<&str> = bare.split_whitespace().collect();
    let id = |word: &str| word.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '+' | ':'));
    let joins = |word: &str| matches!(word, "AND" | "OR" | "WITH");
    words.len() % 2 == 1 && words.iter().enumerate().all(|(i, word)| joins(word) == (i % 2 == 1) && id(word))
}

const NO_LICENSE: &str = "a source needs a `license` (SPDX, or NOASSERTION where it is not known)";

/// The terms NC, ND and SA of a Creative Commons licence that another licence does not keep.
fn dropped_terms(source: &str, dataset: &str) -> Vec<&'static str> {
    let has = |license: &str, term: &str| license.to_ascii_uppercase().split(['-', ' ']).any(|part| part == term);
    ["NC", "ND", "SA"].into_iter().filter(|term| has(source, term) && !has(dataset, term)).collect()
}

/// Sets `a.b.0.c=value` in a table.
fn apply(table: &mut toml::Table, one: &str) -> Result<()> {
    let usage = || ErrorKind::Config(format!("--set {one}: expected KEY=VALUE, e.g. sample.rate_hz=10")).bare();
    let (key, text) = one.split_once('=').ok_or_else(usage)?;
    let parsed = toml::from_str::<toml::Table>(&format!("v = {text}")).ok().and_then(|mut t| t.remove("v"));
    let value = parsed.unwrap_or_else(|| toml::Value::String(text.to_string()));
    let parts: Vec<&str> = key.trim().split('.').collect();
    let (last, path) = parts.split_last().filter(|(l, _)| !l.is_empty()).ok_or_else(usage)?;
    let mut root = toml::Value::Table(std::mem::take(table));
    let mut here = &mut root;
    for part in path {
        here = match here {
            toml::Value::Array(items) => {
                let count = items.len();
                let index = part.parse::<usize>().ok().filter(|i| *i < count).ok_or_else(usage)?;
                &mut items[index]
            }
            toml::Value::Table(t) => {
                t.entry((*part).to_string()).or_insert_with(|| toml::Value::Table(toml::Table::new()))
            }
            _ => return Err(usage()),
        };
    }
    match here {
        toml::Value::Table(t) => t.insert((*last).to_string(), value),
        _ => return Err(usage()),
    };
    if let toml::Value::Table(t) = root {
        *table = t;
    }
    Ok(())
}

fn toml_error(path: &Path, text: &str, error: &toml::de::Error) -> Error {
    let kind = ErrorKind::Config(error.message().trim_end().replace('\n', " "));
    match error.span() {
        Some(span) => {
            kind.at(Location::line(path, 1 + text[..span.start.min(text.len())].matches('\n').count() as u64))
        }
        None => kind.in_file(path),
    }
}

/// The line (from 1) of `key` in the `nth` table of a name; of the table's header where the key is not written.
///
/// `recording.sample` counts by the `[[recording]]` that it belongs to.
fn line_of(text: &str, table: &str, nth: usize, key: &str) -> Option<u64> {
    let owner = table.split('.').next().unwrap_or(table);
    let mut owners = 0;
    let mut current: Option<&str> = None;
    let mut header_line = None;
    for (i, line) in text.lines().enumerate() {
        let code = line.split('#').next().unwrap_or("").trim();
        if let Some(name) = code.strip_prefix('[') {
            let name = name.trim_matches(['[', ']', ' ']);
            let array = code.starts_with("[[");
            if array && name == owner {
                owners += 1;
            }
            let right_one = owners == 0 || owners == nth + 1;
            current = (name == table && right_one).then_some(name);
            if current.is_some() && header_line.is_none() {
                header_line = Some(i as u64 + 1);
            }
        } else if current.is_some()
            && let Some((name, _)) = code.split_once('=')
            && name.trim() == key
        {
            return Some(i as u64 + 1);
        }
    }
    header_line
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOWN: &str = r#"
[dataset]
name = "town"
license = "CC-BY-4.0"

[[map]]
path = "map/town.osm.pbf"
license = "ODbL-1.0"

[[recording]]
path = "drives/*"
license = "CC-BY-4.0"
"#;

    fn load_text(text: &str, overrides: &[&str]) -> Result<Loaded> {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("build.toml");
        std::fs::write(&path, text).expect("writable");
        load(&path, &overrides.iter().map(ToString::to_string).collect::<Vec<_>>())
    }

    fn message(text: &str) -> String {
        let error = load_text(text, &[]).expect_err("must be refused");
        let line = error.location().and_then(|l| l.line);
        format!("line {}: {}", line.unwrap_or(0), error.kind())
    }

    #[test]
    fn a_config_is_read_with_its_defaults() {
        let loaded = load_text(TOWN, &[]).expect("valid");
        assert_eq!(loaded.config.sample, SampleConfig::default());
        assert_eq!(loaded.config.split.cell, 8);
    }

    #[test]
    fn a_typing_error_names_its_line() {
        let text = TOWN.to_string() + "\n[sample]\nrate_hzz = 5\n";
        assert!(message(&text).starts_with("line 15: unknown field `rate_hzz`"), "{}", message(&text));
    }

    #[test]
    fn a_source_without_a_licence_is_refused_at_its_line() {
        let text = TOWN.replace("license = \"ODbL-1.0\"\n", "");
        assert_eq!(message(&text), format!("line 7: {NO_LICENSE}"));
    }

    #[test]
    fn a_recordings_terms_may_not_be_dropped() {
        let text = TOWN.replace(
            "path = \"drives/*\"\nlicense = \"CC-BY-4.0\"",
            "path = \"drives/*\"\nlicense = \"CC-BY-NC-SA-4.0\"",
        );
        assert_eq!(
            message(&text),
            "line 12: the recording's CC-BY-NC-SA-4.0 says NC and SA, which the data set's CC-BY-4.0 drops"
        );
    }

    #[test]
    fn wrong_units_and_shares_are_refused() {
        let text = TOWN.to_string() + "\n[split]\nfractions = { train = 80, val = 10, test = 10 }\n";
        assert!(message(&text).starts_with("line 15: fractions"), "{}", message(&text));
        let text = TOWN.to_string() + "\n[sample]\nrate_hz = 0\n";
        assert!(message(&text).starts_with("line 15: a rate"), "{}", message(&text));
        for other in ["register = \"off\"", "match = false"] {
            let text = format!("{TOWN}\n[fuse]\n{other}\nregister_scale = true\n");
            assert!(message(&text).starts_with("line 16: a scale is found by"), "{}", message(&text));
        }
    }

    #[test]
    fn set_overrides_keys_and_is_checked_like_the_file() {
        let loaded =
            load_text(TOWN, &["sample.rate_hz=10", "dataset.name=city", "recording.0.channel=front"]).expect("valid");
        assert_eq!(loaded.config.sample.rate_hz, 10.0);
        assert_eq!(loaded.config.dataset.name, "city");
        assert_eq!(loaded.config.recording[0].channel.as_deref(), Some("front"));
        assert!(load_text(TOWN, &["sample.rate=10"]).is_err());
        assert!(load_text(TOWN, &["nonsense"]).is_err());
    }
}
