//! [`Card`]: what each folder says of itself: axes, units, pixels, order, what is owed and what was left out.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use serde::Serialize;

use super::Target;

/// The file that makes a folder an export.
pub(super) const EXPORT: &str = "export.json";

/// One line of a convention, e.g. (`pose`, `camera to world`).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Convention {
    /// What it is about.
    pub what: String,
    /// What holds.
    pub holds: String,
}

/// What a folder is, for whoever finds it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Card {
    /// In one sentence.
    pub about: String,
    /// Files and what they hold.
    pub layout: Vec<Convention>,
    /// Axes, units and order.
    pub conventions: Vec<Convention>,
    /// What the consumer's own reader does without a word, and what was done about it.
    pub reader: Vec<String>,
    /// Numbers about the whole export that consumers ask for, for machines.
    pub facts: serde_json::Map<String, serde_json::Value>,
}

impl Card {
    /// A card with what holds for every export.
    pub fn new(about: impl Into<String>) -> Card {
        Card { about: about.into(), ..Card::default() }
            .convention("lengths and times", "metres; seconds, or nanoseconds and microseconds where the name says so")
            .convention(
                "recording's world",
                "local ENU: x east, y north, z up, from the recording's origin (WGS84 longitude, latitude, height)",
            )
    }

    /// With a file or folder.
    pub fn file(mut self, path: impl Into<String>, holds: impl Into<String>) -> Card {
        self.layout.push(Convention { what: path.into(), holds: holds.into() });
        self
    }

    /// With a convention.
    pub fn convention(mut self, what: impl Into<String>, holds: impl Into<String>) -> Card {
        self.conventions.push(Convention { what: what.into(), holds: holds.into() });
        self
    }

    /// With something that the consumer's reader does.
    pub fn reader(mut self, does: impl Into<String>) -> Card {
        self.reader.push(does.into());
        self
    }

    /// With a fact for machines.
    pub fn fact(mut self, name: &str, value: impl Into<serde_json::Value>) -> Card {
        self.facts.insert(name.to_string(), value.into());
        self
    }

    pub(super) fn summary<'a>(&'a self, summary: &'a Summary<'a>) -> Full<'a> {
        Full {
            format_version: 1,
            about: &self.about,
            layout: &self.layout,
            conventions: &self.conventions,
            reader: &self.reader,
            facts: &self.facts,
            summary,
        }
    }

    pub(super) fn markdown(&self, full: &Full<'_>) -> String {
        let Summary { target, dataset, samples, clips, left_out, notes, licenses, attributions } = full.summary;
        let mut text = format!("# {} export of {dataset}\n\n{}\n\n", target.name(), self.about);
        let _ = writeln!(text, "{clips} clips of {samples} samples.\n");
        let table = |text: &mut String, title: &str, head: &str, rows: &[Convention]| {
            let _ = writeln!(text, "## {title}\n\n{head}\n|---|---|");
            for row in rows {
                let _ = writeln!(text, "| {} | {} |", row.what.replace('|', "\\|"), row.holds.replace('|', "\\|"));
            }
            text.push('\n');
        };
        table(&mut text, "Files", "| file | holds |", &self.layout);
        table(&mut text, "Conventions", "| what | holds |", &self.conventions);
        let counted = |text: &mut String, title: &str, counts: &BTreeMap<String, u64>| {
            if !counts.is_empty() {
                let _ = writeln!(text, "## {title}\n");
                for (what, count) in counts {
                    let _ = writeln!(text, "- {count} × {what}");
                }
                text.push('\n');
            }
        };
        if !self.reader.is_empty() {
            let _ = writeln!(text, "## What its reader does\n");
            for does in &self.reader {
                let _ = writeln!(text, "- {does}");
            }
            text.push('\n');
        }
        counted(&mut text, "Left out", left_out);
        counted(&mut text, "Changed on the way", notes);
        let list = |set: &BTreeSet<String>| set.iter().cloned().collect::<Vec<_>>().join("; ");
        let _ = writeln!(text, "## Licence\n\n{}", list(licenses));
        if !attributions.is_empty() {
            let _ = writeln!(text, "\nAttribution: {}", list(attributions));
        }
        text
    }
}

/// What came of an export, as its folder tells it.
#[derive(Debug, Serialize)]
pub(super) struct Summary<'a> {
    pub target: Target,
    pub dataset: &'a str,
    pub samples: u64,
    pub clips: u64,
    pub left_out: &'a BTreeMap<String, u64>,
    pub notes: &'a BTreeMap<String, u64>,
    pub licenses: &'a BTreeSet<String>,
    pub attributions: &'a BTreeSet<String>,
}

/// The card with what came of the export.
#[derive(Debug, Serialize)]
pub(super) struct Full<'a> {
    format_version: u32,
    about: &'a str,
    #[serde(flatten)]
    summary: &'a Summary<'a>,
    layout: &'a [Convention],
    conventions: &'a [Convention],
    reader: &'a [String],
    facts: &'a serde_json::Map<String, serde_json::Value>,
}
