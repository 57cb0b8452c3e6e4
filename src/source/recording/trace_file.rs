//! A single trace file as a source: GPX, NMEA, UBX, GeoJSON or CSV, plain or gzipped, one recording per track.

use std::io::{BufRead, Read};
use std::path::{Path, PathBuf};

use crate::error::{ErrorKind, Location, Quarantine, Result};
use crate::record::{Clock, Recording, SourceFile, SourceRef};
use crate::source::{CsvColumns, Limits, Probe, RecordingOptions, RecordingSource};
use crate::time::ClockScale;

use super::folder::{self, KIND, Remarks};
use super::table::TimeRule;
use super::trace::{self, Traces};
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
    if window.split(|&c| c == b'\n').take(20).any(nmea::is_sentence) {
        return Some(Format::Nmea);
    }
    let header = window.split(|&c| c == b'\n').next().unwrap_or_default();
    let separated = header.iter().any(|c| matches!(c, b',' | b';' | b'\t'));
    (separated && std::str::from_utf8(header).is_ok_and(|h| h.chars().any(char::is_alphabetic))).then_some(Format::Csv)
}

/// Whether a file looks like a trace: a trace's ending, and a start that its format has.
pub(super) fn detect(path: &Path) -> bool {
    let name = path.file_name().map(|n| n.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    const ENDINGS: [&str; 9] = [".gpx", ".nmea", ".nma", ".gga", ".ubx", ".log", ".csv", ".txt", ".geojson"];
    let named = ENDINGS.iter().any(|ending| name.ends_with(ending));
    named
        && trace::open(path, &Limits::default())
            .is_ok_and(|mut reader| reader.fill_buf().is_ok_and(|start| sniff(start).is_some()))
}

/// Reads the tracks of a file, whatever its format.
///
/// # Errors
///
/// Where it is no trace, or broken before its first fix.
pub(super) fn read(
    path: &Path,
    mapping: &CsvColumns,
    rule: TimeRule,
    limits: &Limits,
    quarantine: &mut Quarantine,
) -> Result<Traces, ErrorKind> {
    let mut reader = trace::open(path, limits)?;
    let start = reader.fill_buf().map_err(|e| ErrorKind::io("read", e))?;
    if start.is_empty() {
        return Err(ErrorKind::malformed("trace", "the file is empty"));
    }
    let format = sniff(start);
    if let Some(name) = format.and_then(Format::without_columns).filter(|_| !mapping.is_empty()) {
        quarantine.refuse(&Location::file(path), format!("{name} has no columns: the names given are left unused"));
    }
    match format {
        Some(Format::Gpx) => gpx::read(reader, path, mapping, rule, quarantine),
        Some(Format::Nmea) => nmea::read(reader, path, quarantine),
        Some(Format::Ubx) => {
            let mut bytes = Vec::new();
            reader.read_to_end(&mut bytes).map_err(|e| ErrorKind::io("read", e))?;
            // A log may hold raw measurements in UBX and positions in NMEA.
            match ubx::read(&bytes, path, quarantine) {
                Some(traces) => Ok(traces),
                None => nmea::read(bytes.as_slice(), path, quarantine),
            }
        }
        Some(Format::GeoJson) => geojson_trace::read(reader, path, rule, quarantine),
        Some(Format::Csv) => csv_trace::read(reader, path, mapping, rule, quarantine),
        None => Err(ErrorKind::malformed("trace", "it is neither GPX, NMEA, UBX, GeoJSON nor CSV with a header")),
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

    fn recordings(&self, quarantine: &mut Quarantine, remarks: &mut Remarks) -> Result<Vec<Recording>> {
        let rule = TimeRule { zone_s: self.zone_s, scale: ClockScale::Utc };
        let Traces { mut tracks, height_datum, scale, notes } =
            read(&self.path, &self.options.columns, rule, &self.options.limits, quarantine)
                .map_err(|kind| kind.in_file(&self.path))?
                .or_unknown_epoch();
        notes.into_iter().for_each(|note| *remarks.notes.entry(note).or_default() += 1);
        // Tracks without a name are called by their number in the file, empty ones counted.
        let single = tracks.iter().filter(|track| !track.fixes.is_empty()).count() == 1;
        for (i, track) in tracks.iter_mut().enumerate() {
            let number = (!single).then(|| (i + 1).to_string());
            track.name = track.name.take().or(number);
        }
        tracks.retain(|track| !track.fixes.is_empty());
        if tracks.is_empty() {
            let error = ErrorKind::malformed("trace", "no usable position in it").in_file(&self.path);
            return Err(match quarantine.iter().next() {
                Some((_, reason, refused)) => error.with_hint(format!("{}: {reason}", refused.examples[0])),
                None => error,
            });
        }
        let file = &self.files[0].relative;
        let stem = file.strip_suffix(".gz").unwrap_or(file);
        let stem = stem.rsplit_once('.').map_or(stem, |(stem, _)| stem);
        let mut recordings = Vec::with_capacity(tracks.len());
        for mut track in tracks {
            let name = track.name.take().map_or_else(|| stem.to_string(), |name| format!("{stem}-{name}"));
            let mut recording = Recording::new(name, KIND, &self.options.license);
            recording.height_datum = height_datum;
            recording.gnss = track.ordered(&self.path, scale, quarantine);
            recording.clocks.push(Clock { sensor: "gnss".to_string(), scale });
            recording.sources.push(SourceRef {
                path: file.as_str().into(),
                record: None,
                license: self.options.license.as_str().into(),
            });
            folder::complete_sensors(&mut recording);
            recordings.push(recording);
        }
        Ok(recordings)
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
        folder::probe_read(|quarantine, remarks| self.recordings(quarantine, remarks))
    }

    fn read(&self, quarantine: &mut Quarantine) -> Result<Vec<Recording>> {
        self.recordings(quarantine, &mut Remarks::default())
    }
}
