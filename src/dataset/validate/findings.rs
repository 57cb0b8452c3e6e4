//! What does not hold in a data set, where, and how often each rule was looked at.

use std::collections::BTreeMap;

use serde::Serialize;

/// A rule of the format (`docs/format.md`, `docs/validate.md`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)] // `docs/validate.md` says what each asks for
pub enum Rule {
    Files,
    Manifest,
    Schema,
    RowGroups,
    Rows,
    Ids,
    Resolves,
    Order,
    Geometry,
    Place,
    Ticks,
    Poses,
    Sync,
    Split,
    Licences,
    Shards,
    Media,
}

/// Something that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The rule.
    pub rule: Rule,
    /// The file, relative to the data set.
    pub file: String,
    /// The row in it, from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub row: Option<u64>,
    /// What is there, and what should be.
    pub what: String,
}

/// What a validation found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Validation {
    /// How often each rule was looked at; one that is not here is no evidence either way.
    pub looked_at: BTreeMap<Rule, u64>,
    /// What does not hold, the first of each rule and file.
    pub findings: Vec<Finding>,
    /// Findings beyond these.
    pub more: u64,
    #[serde(skip)]
    kept: BTreeMap<(Rule, String), u64>,
}

/// Findings that are kept per rule and file; one mistake in a program often repeats in every row.
const KEPT: u64 = 20;

impl Rule {
    /// Its name in answers.
    pub fn name(self) -> &'static str {
        match self {
            Rule::Files => "files",
            Rule::Manifest => "manifest",
            Rule::Schema => "schema",
            Rule::RowGroups => "row-groups",
            Rule::Rows => "rows",
            Rule::Ids => "ids",
            Rule::Resolves => "resolves",
            Rule::Order => "order",
            Rule::Geometry => "geometry",
            Rule::Place => "place",
            Rule::Ticks => "ticks",
            Rule::Poses => "poses",
            Rule::Sync => "sync",
            Rule::Split => "split",
            Rule::Licences => "licences",
            Rule::Shards => "shards",
            Rule::Media => "media",
        }
    }
}

impl Validation {
    /// How much does not hold.
    pub fn total(&self) -> u64 {
        self.findings.len() as u64 + self.more
    }

    /// Adds all of `other`.
    pub(super) fn merge(&mut self, other: Validation) {
        for (rule, n) in other.looked_at {
            *self.looked_at.entry(rule).or_default() += n;
        }
        for finding in other.findings {
            self.add(finding);
        }
        self.more += other.more;
    }

    fn add(&mut self, finding: Finding) {
        let kept = self.kept.entry((finding.rule, finding.file.clone())).or_default();
        if *kept < KEPT {
            *kept += 1;
            self.findings.push(finding);
        } else {
            self.more += 1;
        }
    }
}

/// Where one looks: a file, perhaps a row of it. What does not hold there goes to the validation.
pub(super) struct Place<'a> {
    pub(super) found: &'a mut Validation,
    pub(super) file: &'a str,
    pub(super) row: Option<u64>,
}

impl Place<'_> {
    /// Looks once; where the rule does not hold, `what` says what is wrong.
    pub(super) fn expect(&mut self, rule: Rule, holds: bool, what: impl FnOnce() -> String) {
        *self.found.looked_at.entry(rule).or_default() += 1;
        if !holds {
            self.found.add(Finding { rule, file: self.file.to_string(), row: self.row, what: what() });
        }
    }

    /// Something that does not hold.
    pub(super) fn report(&mut self, rule: Rule, what: impl Into<String>) {
        let what = what.into();
        self.expect(rule, false, || what);
    }
}
