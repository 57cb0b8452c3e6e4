//! The words of a sheet: its head, its texts, where it comes from.

use std::collections::BTreeMap;

use time::UtcOffset;
use time::macros::format_description;

use super::blocks::{Block, SMALL, TEXT, TITLE, flow, title, wider};
use super::canvas::{Area, Canvas, fit, wrap};
use super::palette::{FUTURE, INK, MUTED, RULE, WHITE, split_colour};
use crate::dataset::Dataset;
use crate::dataset::rows::RecordingRow;
use crate::record::{MapFeature, MapLayer};
use crate::render::text::{Weight, text_width};
use crate::sample::{Caption, SampleRow};
use crate::time::Timestamp;

/// Most texts that a sheet prints.
const MOST_TEXTS: usize = 12;

/// Id, place, time and motion.
pub(super) struct Head {
    dataset: String,
    id: String,
    split: crate::sample::Split,
    streets: String,
    facts: Vec<(&'static str, String)>,
}

impl Head {
    pub(super) fn new(
        dataset: &Dataset,
        sample: &SampleRow,
        recording: Option<&RecordingRow>,
        map: &[MapFeature],
    ) -> Head {
        let zone = recording.and_then(|r| timezone(dataset, r));
        let speed = sample.actions.get(sample.anchor_tick()).map(|a| a[0]).filter(|v| v.is_finite());
        let mut facts = time_facts(sample, zone.as_deref());
        facts.push(("speed", speed.map_or("unknown".to_string(), |v| format!("{:.1} km/h", f64::from(v) * 3.6))));
        facts.push(("heading", format!("{:.0}° {}", sample.heading_deg, compass(sample.heading_deg))));
        facts.push(("place", format!("{:.6}, {:.6}", sample.lon, sample.lat)));
        facts.push(("window", window(sample)));
        facts.push(("recording", format!("{} at {:.1} m", sample.recording_id, sample.s0_m)));
        Head {
            dataset: dataset.manifest().name.clone(),
            id: sample.sample_id.clone(),
            split: sample.split,
            streets: streets(sample, map),
            facts,
        }
    }

    fn fact_places(&self, width: f32) -> (Vec<(f32, f32)>, f32) {
        let widths: Vec<f32> = self.facts.iter().map(|(key, value)| wider(key, value, 18.0)).collect();
        flow(&widths, width, 34.0, 46.0)
    }
}

impl Block for Head {
    fn name(&self) -> String {
        "head".to_string()
    }

    fn height(&self, width: f32) -> f32 {
        let streets = if self.streets.is_empty() { 0.0 } else { 38.0 };
        48.0 + streets + self.fact_places(width).1
    }

    fn draw(&self, canvas: &mut Canvas, area: Area) {
        let end = canvas.text(area.x, area.y, 36.0, &self.id, INK, Weight::Bold);
        let label = self.split.name();
        let chip = Area::new(end + 18.0, area.y + 8.0, text_width(label, TEXT, Weight::Bold) + 20.0, 24.0);
        canvas.rect(chip, split_colour(self.split));
        canvas.text(chip.x + 10.0, chip.y + 3.0, TEXT, label, WHITE, Weight::Bold);
        let name = fit(&self.dataset, TEXT, Weight::Regular, area.right() - chip.right() - 20.0);
        canvas.text_to(area.right(), area.y + 12.0, TEXT, &name, MUTED, Weight::Regular);
        let mut y = area.y + 48.0;
        if !self.streets.is_empty() {
            let streets = fit(&self.streets, 24.0, Weight::Regular, area.width);
            canvas.text(area.x, y, 24.0, &streets, INK, Weight::Regular);
            y += 38.0;
        }
        for ((key, value), (dx, dy)) in self.facts.iter().zip(self.fact_places(area.width).0) {
            canvas.text(area.x + dx, y + dy, SMALL, key, MUTED, Weight::Regular);
            canvas.text(area.x + dx, y + dy + 16.0, 18.0, value, INK, Weight::Regular);
        }
    }
}

/// The streets that a sample's texts and its matched ways speak of, as on the spot and in English.
fn streets(sample: &SampleRow, map: &[MapFeature]) -> String {
    let texts = sample.captions.iter().flatten().flat_map(|c| &c.evidence);
    let ways = sample.match_way_ids.iter().flatten();
    let wanted: Vec<&str> = texts.chain(ways).map(String::as_str).collect();
    let roads = map.iter().filter(|f| f.layer == MapLayer::Road && wanted.contains(&f.id.as_str()));
    let roads: BTreeMap<&str, &MapFeature> = roads.map(|f| (f.id.as_str(), f)).collect();
    let mut names: Vec<String> = Vec::new();
    for id in wanted {
        let Some(road) = roads.get(id) else { continue };
        let local = road.name_ko.as_ref().or(road.name.as_ref());
        let name = match (local, &road.name_en) {
            (Some(local), Some(english)) if local != english => format!("{local} {english}"),
            (local, english) => local.or(english.as_ref()).cloned().unwrap_or_default(),
        };
        if !name.is_empty() && !names.contains(&name) {
            names.push(name);
        }
    }
    names.join("  ·  ")
}

/// The window in its own unit, and its ticks.
fn window(sample: &SampleRow) -> String {
    let offsets = tick_offsets(sample);
    let unit = if sample.pose_t_ns.is_some() { "s" } else { "m" };
    let (first, last) = (offsets.first().copied().unwrap_or(0.0), offsets.last().copied().unwrap_or(0.0));
    format!("{} to {} {unit}, {} ticks", signed(first), signed(last), offsets.len())
}

/// Where each tick is from the anchor: seconds, without a clock metres.
pub(super) fn tick_offsets(sample: &SampleRow) -> Vec<f64> {
    match (&sample.pose_t_ns, sample.t0_ns) {
        (Some(times), Some(t0)) => times.iter().map(|t| t.saturating_sub(t0) as f64 / 1e9).collect(),
        _ => sample.pose_s_m.iter().map(|s| s - sample.s0_m).collect(),
    }
}

/// A number of one digit with its sign, 0 without.
pub(super) fn signed(value: f64) -> String {
    let text = format!("{:.1}", value.abs());
    match text.as_str() {
        "0.0" => "0".to_string(),
        _ if value < 0.0 => format!("−{text}"),
        _ => format!("+{text}"),
    }
}

/// The eight winds.
fn compass(heading_deg: f64) -> &'static str {
    const WINDS: [&str; 8] = ["N", "NE", "E", "SE", "S", "SW", "W", "NW"];
    WINDS[((heading_deg / 45.0).round() as i64).rem_euclid(8) as usize]
}

/// The config's `timezone` of a recording.
fn timezone(dataset: &Dataset, recording: &RecordingRow) -> Option<String> {
    let entry = usize::try_from(recording.entry).ok()?;
    dataset.manifest().config.get("recording")?.get(entry)?.get("timezone")?.as_str().map(String::from)
}

/// The anchor's time in UTC and on a clock of the place: of the config's zone or Korea's, else by the sun's mean time,
/// which tells the light without a table of the world's zones.
fn time_facts(sample: &SampleRow, zone: Option<&str>) -> Vec<(&'static str, String)> {
    let Some(t0) = sample.t0_ns else { return vec![("time", "no clock".to_string())] };
    if !Timestamp::from_ns(t0).is_date() {
        return vec![("time (clock of unknown epoch)", format!("{:.3} s", t0 as f64 / 1e9))];
    }
    let format = format_description!("[offset_hour sign:mandatory]:[offset_minute]");
    let given = zone.and_then(|z| UtcOffset::parse(z, &format).ok()).map(|o| ("local", o, true));
    // All land in this box keeps Korea's time.
    let in_korea = (124.0..132.0).contains(&sample.lon) && (33.0..39.0).contains(&sample.lat);
    let korea = UtcOffset::from_hms(9, 0, 0).ok().filter(|_| in_korea).map(|o| ("local (KST)", o, true));
    let sun = UtcOffset::from_whole_seconds((sample.lon * 240.0) as i32).ok().map(|o| ("mean solar time", o, false));
    let utc = ("UTC", UtcOffset::UTC, true);
    let clocks = std::iter::once(utc).chain(given.or(korea).or(sun));
    clocks.map(|(label, offset, whole)| (label, clock_text(t0, offset, whole))).collect()
}

/// `2024-05-01 09:00:03.4`, or `09:00` where `whole` is not asked for.
fn clock_text(t_ns: i64, offset: UtcOffset, whole: bool) -> String {
    let shifted = Timestamp::from_ns(t_ns) + i64::from(offset.whole_seconds()) * 1_000_000_000;
    // RFC 3339 as if it were UTC: the digits are what is wanted.
    let text = shifted.to_string().trim_end_matches('Z').replacen('T', " ", 1);
    match whole {
        true => text.chars().take(23).collect(),
        false => text.chars().skip(11).take(5).collect(),
    }
}

/// The texts of a sample, Korean first.
pub(super) struct Texts {
    texts: Vec<Caption>,
    more: usize,
}

impl Texts {
    pub(super) fn new(sample: &SampleRow) -> Option<Texts> {
        let mut texts = sample.captions.clone().filter(|c| !c.is_empty())?;
        texts.sort_by_key(|c| (c.lang != "ko", c.lang.clone()));
        // Both languages get their share of the room.
        let mut taken: BTreeMap<String, usize> = BTreeMap::new();
        let languages = texts.iter().map(|c| c.lang.as_str()).collect::<std::collections::BTreeSet<_>>().len();
        let all = texts.len();
        texts.retain(|c| {
            let n = taken.entry(c.lang.clone()).or_default();
            *n += 1;
            *n <= MOST_TEXTS / languages.max(1)
        });
        Some(Texts { more: all - texts.len(), texts })
    }

    fn each(&self, width: f32, mut line: impl FnMut(f32, Row<'_>)) -> f32 {
        let mut y = 0.0;
        let mut lang = "";
        for text in &self.texts {
            if text.lang != lang {
                lang = &text.lang;
                line(y, Row::Language(lang));
            }
            line(y, Row::Task(&text.task));
            let column = width - INDENT;
            for piece in text.question.iter().flat_map(|q| wrap(q, TEXT, Weight::Regular, column)) {
                line(y, Row::Question(&piece));
                y += LINE;
            }
            for piece in wrap(&text.text, TEXT, Weight::Regular, column) {
                line(y, Row::Text(&piece));
                y += LINE;
            }
            y += 8.0;
        }
        if self.more > 0 {
            line(y, Row::Question(&format!("… and {} more", self.more)));
            y += LINE;
        }
        y
    }
}

enum Row<'a> {
    Language(&'a str),
    Task(&'a str),
    Question(&'a str),
    Text(&'a str),
}

const INDENT: f32 = 122.0;
const LINE: f32 = 22.0;

impl Block for Texts {
    fn name(&self) -> String {
        "texts".to_string()
    }

    fn height(&self, width: f32) -> f32 {
        TITLE + self.each(width, |_, _| {})
    }

    fn draw(&self, canvas: &mut Canvas, area: Area) {
        let inner = title(canvas, area, "Texts", "made from the map and the trajectory");
        self.each(inner.width, |dy, row| {
            let y = inner.y + dy;
            match row {
                Row::Language(lang) => drop(canvas.text(inner.x, y, TEXT, lang, FUTURE, Weight::Bold)),
                Row::Task(task) => drop(canvas.text(inner.x + 28.0, y + 2.0, SMALL, task, MUTED, Weight::Regular)),
                Row::Question(text) => drop(canvas.text(inner.x + INDENT, y, TEXT, text, MUTED, Weight::Regular)),
                Row::Text(text) => drop(canvas.text(inner.x + INDENT, y, TEXT, text, INK, Weight::Regular)),
            }
        });
    }
}

/// Where a sample comes from, what it owes, and how far it can be trusted.
pub(super) struct Provenance {
    rows: Vec<(&'static str, String)>,
}

impl Provenance {
    pub(super) fn new(sample: &SampleRow, recording: Option<&RecordingRow>) -> Provenance {
        let or = |value: Option<String>, none: &str| value.unwrap_or_else(|| none.to_string());
        let join = |list: &[String]| if list.is_empty() { "none".to_string() } else { list.join(", ") };
        let clocks = recording.map(|r| {
            let one = |c: &crate::fuse::ClockOffset| {
                let offset = c.offset_ms.map_or("not estimated".to_string(), |ms| format!("{ms:+.1} ms"));
                let applied = if c.applied { "" } else { ", not applied" };
                format!("{} {offset} ({}{applied})", c.sensor, c.method.as_deref().unwrap_or("unknown"))
            };
            if r.clock.is_empty() { "none".to_string() } else { r.clock.iter().map(one).collect::<Vec<_>>().join("; ") }
        });
        let matched = sample.match_way_ids.as_ref().map(|ways| {
            let sure = sample.match_probability.map_or(String::new(), |p| format!(", probability {p:.2}"));
            format!("{}{sure}", join(ways))
        });
        let privacy = &sample.privacy;
        let detector =
            privacy.detector.as_ref().map_or(String::new(), |d| format!(", {d}: {} regions", privacy.regions));
        let ms = |v: Option<f64>| v.map(|v| format!("{v:.1} ms"));
        let metres = |v: Option<f64>| v.map(|v| format!("{v:.2} m"));
        Provenance {
            rows: vec![
                ("sources", join(&sample.sources)),
                ("licences", join(&sample.licenses)),
                (
                    "attribution",
                    if sample.attributions.is_empty() { "none given".into() } else { sample.attributions.join("; ") },
                ),
                ("poses", format!("{}, sigma {}", sample.pose_source, or(metres(sample.pose_sigma_m), "unknown"))),
                ("sync residual", or(ms(sample.sync_residual_ms), "unknown")),
                ("longest gap", or(ms(sample.interpolation_gap_ms), "unknown")),
                ("clocks", or(clocks, "unknown")),
                ("map match", or(matched, "not matched")),
                ("map residual", or(metres(sample.register_residual_m), "not registered")),
                ("privacy", format!("{}{detector}", privacy.state)),
            ],
        }
    }

    fn lines(&self, width: f32) -> Vec<(&'static str, Vec<String>)> {
        self.rows.iter().map(|(key, value)| (*key, wrap(value, TEXT, Weight::Regular, width - INDENT))).collect()
    }
}

impl Block for Provenance {
    fn name(&self) -> String {
        "provenance".to_string()
    }

    fn height(&self, width: f32) -> f32 {
        TITLE + self.lines(width).iter().map(|(_, lines)| LINE * lines.len() as f32 + 5.0).sum::<f32>()
    }

    fn draw(&self, canvas: &mut Canvas, area: Area) {
        let inner = title(canvas, area, "Provenance", "where it comes from, and how far it can be trusted");
        let mut y = inner.y;
        for (i, (key, lines)) in self.lines(inner.width).into_iter().enumerate() {
            if i > 0 {
                canvas.rect(Area::new(inner.x, y - 3.0, inner.width, 1.0), RULE);
            }
            canvas.text(inner.x, y + 2.0, SMALL, key, MUTED, Weight::Regular);
            for line in lines {
                canvas.text(inner.x + INDENT, y, TEXT, &line, INK, Weight::Regular);
                y += LINE;
            }
            y += 5.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_on_the_clock_of_the_place() {
        // 2024-05-01T00:00:03.4Z
        let t = 1_714_521_603_400_000_000;
        assert_eq!(clock_text(t, UtcOffset::UTC, true), "2024-05-01 00:00:03.4");
        let kst = UtcOffset::from_hms(9, 0, 0).expect("nine hours");
        assert_eq!(clock_text(t, kst, true), "2024-05-01 09:00:03.4");
        assert_eq!(clock_text(t, kst, false), "09:00");
    }

    #[test]
    fn numbers_and_winds_are_short() {
        assert_eq!([-1.0, -0.04, 0.0, 2.6].map(signed), ["−1.0", "0", "0", "+2.6"]);
        assert_eq!([0.0, 44.0, 337.6, 359.9, 180.0].map(compass), ["N", "NE", "N", "N", "S"]);
    }
}
