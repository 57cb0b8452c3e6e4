//! A single trace file as a source: GPX, NMEA, UBX, GeoJSON or CSV, plain or gzipped, one recording per track.

use std::io::{BufRead, Read};
use std::path::{Path, PathBuf};

use crate::error::{ErrorKind, Location, Quarantine, Result};
use crate::record::{Clock, Recording, SourceFile, SourceRef};
use crate::source::{CsvColumns, Limits, Probe, RecordingOptions, RecordingSource};
use crate::time::ClockScale;

use super::folder::{self, KIND, Remarks};
use super::table::TimeRule;
use super::trace::{self, Trace};
use super::{civil, csv_trace, geojson_trace, gpx, nmea, ubx};

/// The trace formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Gpx,
    Nmea,
    Ubx,
    Csv,
    GeoJson,
}

impl Format {
    /// Its name, where a user's names of columns mean nothing in it.
    fn without_columns(self) -> Option<&'static str> {
        match self {
            Format::Nmea => Some("NMEA"),
            Format::Ubx => Some("UBX"),
            Format::GeoJson => Some("GeoJSON"),
            Format::Gpx | Format::Csv => None,
        }
    }
}

/// What a start of a file looks like.
fn sniff(start: &[u8]) -> Option<Format> {
    let start = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start).trim_ascii_start();
    let window = &start[..start.len().min(4096)];
    let contains = |needle: &[u8]| window.windows(needle.len()).any(|w| w == needle);
    if start.starts_with(b"<") && contains(b"<gpx") {
        return Some(Format::Gpx);
    }
    if start.starts_with(b"{") && (contains(b"\"coordinates\"") || contains(b"\"Feature")) {
        return Some(Format::GeoJson);
    }
    if ubx::is_start(start) {
        return Some(Format::Ubx);
    }
    // Loggers put lines of their own before and between; a sentence in the first lines is enough.
    if window.split(|&c| matches!(c, b'\n' | b'\r')).take(40).any(nmea::is_sentence) {
        return Some(Format::Nmea);
    }
    let header = window.split(|&c| c == b'\n').next().unwrap_or_default();
    let separated = header.iter().any(|c| matches!(c, b',' | b';' | b'\t'));
    // Text in UTF-16 is full of zeros.
    let text = separated && !header.contains(&0);
    (text && std::str::from_utf8(header).is_ok_and(|h| h.chars().any(char::is_alphabetic))).then_some(Format::Csv)
}

/// Whether a file's name ends as those of traces do.
fn is_named(path: &Path) -> bool {
    let name = path.file_name().map(|n| n.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    const ENDINGS: [&str; 9] = [".gpx", ".nmea", ".nma", ".gga", ".ubx", ".log", ".csv", ".txt", ".geojson"];
    ENDINGS.iter().any(|ending| name.ends_with(ending))
}

/// Why a file that is named as a trace cannot be one; `None` where it may, or its name or its start says nothing.
pub(in crate::source) fn flaw(path: &Path) -> Option<ErrorKind> {
    if !is_named(path) {
        return None;
    }
    let mut reader = trace::open(path, &Limits::default()).ok()?;
    let start = reader.fill_buf().ok()?;
    sniff(start).is_none().then(|| flaw_of(start)).flatten()
}

/// What keeps a start of a file from being that of a trace.
fn flaw_of(start: &[u8]) -> Option<ErrorKind> {
    let malformed = |reason: &str| Some(ErrorKind::malformed("trace", reason));
    if start.is_empty() {
        return malformed("the file is empty");
    }
    // With its mark, or as Latin letters and digits look in it.
    let pair = |i: usize| start.get(2 * i..2 * i + 2).unwrap_or(&[1, 1]);
    let halves =
        |zero: usize| (0..4).all(|i| pair(i)[zero] == 0 && pair(i)[1 - zero].is_ascii() && pair(i)[1 - zero] > 0);
    if start.starts_with(b"\xff\xfe") || start.starts_with(b"\xfe\xff") || halves(0) || halves(1) {
        return malformed("it is text in UTF-16: save it as UTF-8");
    }
    let line = start.split(|&c| matches!(c, b'\n' | b'\r')).next().unwrap_or_default();
    let number = |field: &[u8]| std::str::from_utf8(field).is_ok_and(|f| f.trim().parse::<f64>().is_ok());
    let values = [b',', b';', b'\t'].iter().any(|d| {
        let mut fields = line.split(|c| c == d);
        line.contains(d) && fields.all(|field| field.trim_ascii().is_empty() || number(field))
    });
    if values {
        return malformed(
            "it has no header: the first line of a CSV names the columns `lon`, `lat` and, where there are times, `t_s` (or \
             `t_ms`, `t_us`, `t_ns`, `time`)",
        );
    }
    None
}

/// Whether a file looks like a trace: a trace's ending, and a start that its format has.
pub(super) fn detect(path: &Path) -> bool {
    is_named(path)
        && trace::open(path, &Limits::default())
            .is_ok_and(|mut reader| reader.fill_buf().is_ok_and(|start| sniff(start).is_some()))
}

/// The tracks of a file, one after the other, whatever its format.
pub(super) enum Tracks {
    Gpx(gpx::Tracks<Box<dyn BufRead>>),
    Csv(csv_trace::Tracks<Box<dyn BufRead>>),
    /// Of formats that are read as a whole.
    Read(std::vec::IntoIter<Trace>, Vec<String>),
}

impl Tracks {
    /// Opens a file. A first pass over a CSV tells whether its tracks can be given before it is read to the end; whoever
    /// holds them together, and not `one_by_one`, has no use for it.
    ///
    /// # Errors
    ///
    /// Where it is no trace.
    pub(super) fn open(
        path: &Path,
        mapping: &CsvColumns,
        rule: TimeRule,
        limits: &Limits,
        one_by_one: bool,
        quarantine: &mut Quarantine,
    ) -> Result<Tracks, ErrorKind> {
        let mut reader = trace::open(path, limits)?;
        let start = reader.fill_buf().map_err(|e| ErrorKind::io("read", e))?;
        let format = sniff(start);
        if let Some(name) = format.and_then(Format::without_columns).filter(|_| !mapping.is_empty()) {
            quarantine.refuse(&Location::file(path), format!("{name} has no columns: the names given are left unused"));
        }
        let read = match format {
            Some(Format::Gpx) => return Ok(Tracks::Gpx(gpx::Tracks::open(reader, path, mapping, rule)?)),
            Some(Format::Csv) => {
                let scattered = !one_by_one || csv_trace::is_scattered(trace::open(path, limits)?, mapping)?;
                return Ok(Tracks::Csv(csv_trace::Tracks::open(reader, path, mapping, rule, scattered)?));
            }
            Some(Format::Nmea) => nmea::read(reader, path, quarantine)?,
            Some(Format::Ubx) => {
                let mut bytes = Vec::new();
                reader.read_to_end(&mut bytes).map_err(|e| ErrorKind::io("read", e))?;
                // A log may hold raw measurements in UBX and positions in NMEA.
                match ubx::read(&bytes, path, quarantine) {
                    Some(traces) => traces,
                    None => nmea::read(bytes.as_slice(), path, quarantine)?,
                }
            }
            Some(Format::GeoJson) => geojson_trace::read(reader, path, rule, quarantine)?,
            None => {
                let reason = "it is neither GPX, NMEA, UBX, GeoJSON nor CSV with a header";
                return Err(flaw_of(start).unwrap_or_else(|| ErrorKind::malformed("trace", reason)));
            }
        };
        Ok(Tracks::Read(read.tracks.into_iter(), read.notes))
    }

    /// The next track, as it is in the file; `None` after the last.
    ///
    /// # Errors
    ///
    /// Where the file cannot be read on, or is broken before its first fix.
    pub(super) fn next(&mut self, quarantine: &mut Quarantine) -> Result<Option<Trace>, ErrorKind> {
        match self {
            Tracks::Gpx(tracks) => tracks.next(quarantine),
            Tracks::Csv(tracks) => tracks.next(quarantine),
            Tracks::Read(tracks, _) => Ok(tracks.next()),
        }
    }

    /// Whether another track is sure to follow the one that was given last; `false` where that is not known yet.
    fn goes_on(&self) -> bool {
        matches!(self, Tracks::Csv(tracks) if tracks.goes_on())
    }

    /// What is worth saying without being refused, once all is read.
    pub(super) fn notes(self) -> Vec<String> {
        match self {
            Tracks::Gpx(tracks) => tracks.notes(),
            Tracks::Csv(_) => Vec::new(),
            Tracks::Read(_, notes) => notes,
        }
    }
}

/// A trace file.
pub struct TraceFile {
    path: PathBuf,
    files: Vec<SourceFile>,
    options: RecordingOptions,
    zone_s: i32,
}

impl TraceFile {
    /// Opens a trace file; it is read later.
    ///
    /// # Errors
    ///
    /// Where it is not there, or the timezone is unknown.
    pub fn open(path: &Path, options: &RecordingOptions) -> Result<TraceFile> {
        let metadata = std::fs::metadata(path).map_err(|e| ErrorKind::io("read", e).in_file(path))?;
        let zone_s = match &options.timezone {
            Some(name) => civil::zone(name).map_err(|kind| kind.in_file(path))?,
            None => 0,
        };
        let relative = folder::folder_name(path);
        let files = vec![SourceFile { relative, absolute: path.to_path_buf(), size: metadata.len() }];
        Ok(TraceFile { path: path.to_path_buf(), files, options: options.clone(), zone_s })
    }

    /// Gives a recording a track; `one_by_one` no more than two are held.
    fn recordings(
        &self,
        one_by_one: bool,
        quarantine: &mut Quarantine,
        remarks: &mut Remarks,
        sink: &mut dyn FnMut(Recording) -> Result<()>,
    ) -> Result<()> {
        let rule = TimeRule { zone_s: self.zone_s, scale: ClockScale::Utc };
        let in_file = |kind: ErrorKind| kind.in_file(&self.path);
        let mut tracks =
            Tracks::open(&self.path, &self.options.columns, rule, &self.options.limits, one_by_one, quarantine)
                .map_err(in_file)?;
        let mut notes = Vec::new();
        // Tracks without a name are called by their number in the file, empty ones counted; unless it is the only one, which the
        // first waits to know.
        let (mut number, mut waiting, mut several) = (0, None, false);
        while let Some(track) = tracks.next(quarantine).map_err(in_file)? {
            number += 1;
            if track.fixes.is_empty() {
                continue;
            }
            let track = track.or_unknown_epoch(&mut notes);
            several |= waiting.is_some() || tracks.goes_on();
            for (number, mut track) in [waiting.take(), Some((number, track))].into_iter().flatten() {
                if several {
                    track.name = track.name.or_else(|| Some(number.to_string()));
                    sink(self.recording(track, quarantine))?;
                } else {
                    waiting = Some((number, track));
                }
            }
        }
        notes.extend(tracks.notes());
        notes.into_iter().for_each(|note| *remarks.notes.entry(note).or_default() += 1);
        match waiting {
            Some((_, only)) => sink(self.recording(only, quarantine)),
            None if several => Ok(()),
            None => {
                let error = ErrorKind::malformed("trace", "no usable position in it").in_file(&self.path);
                Err(match quarantine.iter().next() {
                    Some((_, reason, refused)) => error.with_hint(format!("{}: {reason}", refused.examples[0])),
                    None => error,
                })
            }
        }
    }

    fn all(&self, quarantine: &mut Quarantine, remarks: &mut Remarks) -> Result<Vec<Recording>> {
        let mut all = Vec::new();
        self.recordings(false, quarantine, remarks, &mut |recording| {
            all.push(recording);
            Ok(())
        })?;
        Ok(all)
    }

    fn recording(&self, track: Trace, quarantine: &mut Quarantine) -> Recording {
        let file = &self.files[0].relative;
        let stem = file.strip_suffix(".gz").unwrap_or(file);
        let stem = stem.rsplit_once('.').map_or(stem, |(stem, _)| stem);
        let name = track.name.as_ref().map_or_else(|| stem.to_string(), |name| format!("{stem}-{name}"));
        let mut recording = Recording::new(name, KIND, &self.options.license);
        recording.height_datum = track.height_datum;
        recording.clocks.push(Clock { sensor: "gnss".to_string(), scale: track.scale });
        recording.gnss = track.ordered(&self.path, quarantine);
        recording.sources.push(SourceRef {
            path: file.as_str().into(),
            record: None,
            license: self.options.license.as_str().into(),
        });
        folder::complete_sensors(&mut recording);
        recording
    }
}

impl RecordingSource for TraceFile {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn files(&self) -> &[SourceFile] {
        &self.files
    }

    fn probe(&self) -> Result<Probe> {
        folder::probe_read(|quarantine, remarks| self.all(quarantine, remarks))
    }

    fn read(&self, quarantine: &mut Quarantine) -> Result<Vec<Recording>> {
        self.all(quarantine, &mut Remarks::default())
    }

    fn each(&self, quarantine: &mut Quarantine, sink: &mut dyn FnMut(Recording) -> Result<()>) -> Result<()> {
        self.recordings(true, quarantine, &mut Remarks::default(), sink)
    }
}
