//! The one error type of the crate, and the quarantine of what readers refused.
//!
//! An [`Error`] has a [`kind`](Error::kind), a [`location`](Error::location) (a place in the *user's data*: file,
//! record, line, byte) and, where we know one, a [`hint`](Error::hint). Parsers return an [`ErrorKind`]; only the
//! reader, which knows the place, turns it into an [`Error`] with [`ErrorKind::at`] or [`ErrorKind::in_file`].

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// `Result` with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, and where in the user's data. One word wide, so that `Result<u64>` stays small.
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    location: Option<Location>,
    hint: Option<String>,
}

/// The cases that a caller may want to treat differently.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The operating system refused to read, write, rename or create.
    #[error("cannot {action}")]
    Io {
        /// What was tried, e.g. `read` or `create folder`.
        action: &'static str,
        /// The operating system's answer.
        #[source]
        source: io::Error,
    },
    /// The path does not exist.
    #[error("no such file or folder")]
    NotFound,
    /// Bytes that are not what their format asks for.
    #[error("not valid {format}: {reason}")]
    Malformed {
        /// The format's name as users know it, e.g. `PCD`.
        format: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// A count or size above what a reader accepts from untrusted input.
    #[error("{what} is {found}, above the limit of {limit}")]
    LimitExceeded {
        /// What was counted.
        what: &'static str,
        /// How many there are.
        found: u64,
        /// How many are accepted.
        limit: u64,
    },
    /// A valid input of a kind that is not supported.
    #[error("{0} is not supported")]
    Unsupported(String),
    /// The configuration (or the command line) asks for something impossible.
    #[error("{0}")]
    Config(String),
    /// The target exists and may not be replaced.
    #[error("{0} exists already")]
    Exists(PathBuf),
    /// Something asked for by name is not in the data set.
    #[error("no {what} `{name}`")]
    Unknown {
        /// The kind of thing, e.g. `sample`.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// A data set whose files contradict each other or their checksums.
    #[error("damaged data set: {0}")]
    Damaged(String),
    /// The user interrupted the run; what was done is kept.
    #[error("interrupted; run the same command again to go on")]
    Interrupted,
}

/// A place in the input: a file, then a record (from 0), a line (from 1) or a byte offset.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Location {
    /// The file or folder.
    pub source: PathBuf,
    /// The record, counted from 0.
    pub record: Option<u64>,
    /// The line, counted from 1.
    pub line: Option<u64>,
    /// The byte offset, counted from 0.
    pub byte: Option<u64>,
}

impl Location {
    /// A file or folder as a whole.
    pub fn file(path: impl Into<PathBuf>) -> Location {
        Location { source: path.into(), ..Location::default() }
    }

    /// The record `record` (from 0) of a file.
    pub fn record(path: impl Into<PathBuf>, record: u64) -> Location {
        Location { record: Some(record), ..Location::file(path) }
    }

    /// The line `line` (from 1) of a file.
    pub fn line(path: impl Into<PathBuf>, line: u64) -> Location {
        Location { line: Some(line), ..Location::file(path) }
    }

    /// The byte `byte` (from 0) of a file.
    pub fn byte(path: impl Into<PathBuf>, byte: u64) -> Location {
        Location { byte: Some(byte), ..Location::file(path) }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.source.display())?;
        if let Some(record) = self.record {
            write!(f, ", record {record}")?;
        }
        if let Some(line) = self.line {
            write!(f, ", line {line}")?;
        }
        if let Some(byte) = self.byte {
            write!(f, ", byte {byte}")?;
        }
        Ok(())
    }
}

impl ErrorKind {
    /// Shorthand for [`ErrorKind::Malformed`].
    pub fn malformed(format: &'static str, reason: impl Into<String>) -> ErrorKind {
        ErrorKind::Malformed { format, reason: reason.into() }
    }

    /// An I/O failure while doing `action`; a missing file becomes [`ErrorKind::NotFound`].
    pub fn io(action: &'static str, source: io::Error) -> ErrorKind {
        if source.kind() == io::ErrorKind::NotFound { ErrorKind::NotFound } else { ErrorKind::Io { action, source } }
    }

    /// The error of this kind at a place.
    pub fn at(self, location: Location) -> Error {
        Error(Box::new(Inner { kind: self, location: Some(location), hint: None }))
    }

    /// The error of this kind in a file as a whole.
    pub fn in_file(self, path: impl AsRef<Path>) -> Error {
        self.at(Location::file(path.as_ref()))
    }

    /// The error of this kind, at no particular place.
    pub fn bare(self) -> Error {
        Error(Box::new(Inner { kind: self, location: None, hint: None }))
    }
}

impl Error {
    /// What went wrong.
    pub fn kind(&self) -> &ErrorKind {
        &self.0.kind
    }

    /// Where in the user's data.
    pub fn location(&self) -> Option<&Location> {
        self.0.location.as_ref()
    }

    /// One sentence on what the user can do, where we know it.
    pub fn hint(&self) -> Option<&str> {
        if let Some(hint) = &self.0.hint {
            return Some(hint);
        }
        match self.kind() {
            ErrorKind::NotFound => Some("check the path; relative paths in a config start at the config's own folder"),
            ErrorKind::Exists(_) => Some("pass `--overwrite` to replace it, or choose another `--out`"),
            ErrorKind::Io { source, .. } if source.kind() == io::ErrorKind::StorageFull => {
                Some("free some space and run the same command again: what is done is kept")
            }
            _ => None,
        }
    }

    /// The same error with advice of its own.
    pub fn with_hint(mut self, hint: impl Into<String>) -> Error {
        self.0.hint = Some(hint.into());
        self
    }

    /// The kind and the location, taken apart.
    pub fn into_parts(self) -> (ErrorKind, Option<Location>) {
        (self.0.kind, self.0.location)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.location {
            Some(location) => write!(f, "{location}: {}", self.0.kind),
            None => write!(f, "{}", self.0.kind),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error").field("kind", &self.0.kind).field("location", &self.0.location).finish()
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&self.0.kind)
    }
}

/// Records that readers refused, and why. Counts are exact; examples are kept for the first few of each reason.
///
/// Ends in the build report and in `report.html`; whoever refuses a record says so here and goes on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Vec<(String, String, Refused)>", from = "Vec<(String, String, Refused)>")]
pub struct Quarantine {
    reasons: BTreeMap<(String, String), Refused>,
}

/// How often one file failed for one reason, with the first places.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// How many records.
    pub count: u64,
    /// The first few places, e.g. `drive.csv, line 3`.
    pub examples: Vec<String>,
}

/// How many places a [`Quarantine`] keeps per file and reason.
const EXAMPLES: usize = 5;
/// How many names stand for the files of a [`RefusedLine`].
const NAMES: usize = 3;

/// A line of what was refused, for people to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedLine<'a> {
    /// The file; of several that were refused as a whole their folder.
    pub place: &'a str,
    /// Why.
    pub reason: &'a str,
    /// How many records; of several files, how many files.
    pub count: u64,
    /// The first place, or the names of the first files.
    pub first: String,
}

impl fmt::Display for RefusedLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RefusedLine { place, reason, count, first } = self;
        match count {
            1 => write!(f, "{first}: {reason}"),
            // The first place begins with the file; of files in a folder it is their names.
            times if first.starts_with(place) => write!(f, "{first}: {reason} ({times} times)"),
            files => write!(f, "{place}: {reason} ({files} files: {first})"),
        }
    }
}

impl Quarantine {
    /// An empty quarantine.
    pub fn new() -> Quarantine {
        Quarantine::default()
    }

    /// Refuses the record at `location` because of `reason`.
    pub fn refuse(&mut self, location: &Location, reason: impl fmt::Display) {
        self.refuse_many(location, reason, 1);
    }

    /// Refuses `count` records of a file for one `reason`.
    pub fn refuse_many(&mut self, location: &Location, reason: impl fmt::Display, count: u64) {
        if count == 0 {
            return;
        }
        let key = (location.source.display().to_string(), reason.to_string());
        let refused = self.reasons.entry(key).or_default();
        refused.count += count;
        if refused.examples.len() < EXAMPLES {
            refused.examples.push(location.to_string());
        }
    }

    /// Refuses what `error` names.
    pub fn refuse_error(&mut self, error: &Error) {
        let location = error.location().cloned().unwrap_or_default();
        self.refuse(&location, error.kind());
    }

    /// How many records were refused in all.
    pub fn total(&self) -> u64 {
        self.reasons.values().map(|r| r.count).sum()
    }

    /// Whether nothing was refused.
    pub fn is_empty(&self) -> bool {
        self.reasons.is_empty()
    }

    /// `(file, reason, refused)`, ordered by file, then reason.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str, &Refused)> {
        self.reasons.iter().map(|((file, reason), refused)| (file.as_str(), reason.as_str(), refused))
    }

    /// A line a file and reason; files of one folder that were refused as a whole for one reason share a line. Ordered by
    /// place, then reason.
    pub fn lines(&self) -> Vec<RefusedLine<'_>> {
        let mut groups: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
        let mut lines = Vec::new();
        for (file, reason, refused) in self.iter() {
            match file.rfind(['/', '\\']) {
                Some(end) if refused.count == 1 && refused.examples.iter().all(|example| example == file) => {
                    groups.entry((&file[..end], reason)).or_default().push(file);
                }
                _ => {
                    let first = refused.examples.first().cloned().unwrap_or_default();
                    lines.push(RefusedLine { place: file, reason, count: refused.count, first });
                }
            }
        }
        lines.extend(groups.into_iter().map(|((folder, reason), files)| match files[..] {
            [file] => RefusedLine { place: file, reason, count: 1, first: file.to_string() },
            _ => {
                let names = files.iter().take(NAMES).map(|file| &file[folder.len() + 1..]);
                let more = if files.len() > NAMES { ", …" } else { "" };
                let first = names.collect::<Vec<_>>().join(", ") + more;
                RefusedLine { place: folder, reason, count: files.len() as u64, first }
            }
        }));
        lines.sort_by_key(|line| (line.place, line.reason));
        lines
    }

    /// The same with `root` written as `label`, so that reports do not tell where on a machine a source lay.
    pub fn relabelled(self, root: &Path, label: &str) -> Quarantine {
        let root = root.display().to_string();
        // A longer name that begins with it is another.
        let ends = |rest: &str| rest.is_empty() || rest.starts_with(['/', '\\', ',', ' ', ':']);
        let rename = |text: &str| match text.strip_prefix(&root).filter(|rest| ends(rest)) {
            Some(rest) => format!("{label}{rest}"),
            None => text.to_string(),
        };
        let reasons = self.reasons.into_iter().map(|((file, reason), refused)| {
            let examples = refused.examples.iter().map(|e| rename(e)).collect();
            ((rename(&file), reason), Refused { count: refused.count, examples })
        });
        Quarantine { reasons: reasons.collect() }
    }

    /// Adds all of `other`.
    pub fn merge(&mut self, other: Quarantine) {
        for (key, refused) in other.reasons {
            let mine = self.reasons.entry(key).or_default();
            mine.count += refused.count;
            let room = EXAMPLES.saturating_sub(mine.examples.len());
            mine.examples.extend(refused.examples.into_iter().take(room));
        }
    }
}

impl From<Quarantine> for Vec<(String, String, Refused)> {
    fn from(quarantine: Quarantine) -> Self {
        quarantine.reasons.into_iter().map(|((file, reason), refused)| (file, reason, refused)).collect()
    }
}

impl From<Vec<(String, String, Refused)>> for Quarantine {
    fn from(rows: Vec<(String, String, Refused)>) -> Self {
        Quarantine { reasons: rows.into_iter().map(|(file, reason, refused)| ((file, reason), refused)).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_file_record_and_reason() {
        let error = ErrorKind::malformed("wheel CSV", "expected `t_ns,speed_mps`").at(Location::record("drive.csv", 1));
        assert_eq!(error.to_string(), "drive.csv, record 1: not valid wheel CSV: expected `t_ns,speed_mps`");
    }

    #[test]
    fn a_quarantine_counts_all_and_keeps_the_first_examples() {
        let mut quarantine = Quarantine::new();
        for line in 1..=9 {
            quarantine.refuse(&Location::line("a.gpx", line), "time goes back");
        }
        let (file, reason, refused) = quarantine.iter().next().expect("one entry");
        assert_eq!((file, reason, refused.count, refused.examples.len()), ("a.gpx", "time goes back", 9, EXAMPLES));
        assert_eq!(refused.examples[0], "a.gpx, line 1");
    }

    #[test]
    fn files_of_a_folder_that_were_refused_as_a_whole_share_a_line() {
        let mut quarantine = Quarantine::new();
        for name in ["1.jpg", "2.jpg", "3.jpg", "4.jpg"] {
            quarantine.refuse(&Location::file(format!("drive/front/{name}")), "its size is not 4 x 3");
        }
        quarantine.refuse(&Location::file("drive/front/5.jpg"), "it is empty");
        quarantine.refuse(&Location::line("drive/gnss.csv", 7), "time goes back");
        quarantine.refuse(&Location::line("drive/gnss.csv", 9), "time goes back");
        let lines = quarantine.lines();
        let told: Vec<_> = lines.iter().map(|l| (l.place, l.reason, l.count, l.first.as_str())).collect();
        let want = [
            ("drive/front", "its size is not 4 x 3", 4, "1.jpg, 2.jpg, 3.jpg, …"),
            ("drive/front/5.jpg", "it is empty", 1, "drive/front/5.jpg"),
            ("drive/gnss.csv", "time goes back", 2, "drive/gnss.csv, line 7"),
        ];
        assert_eq!(told, want);
    }
}
