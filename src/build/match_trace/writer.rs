//! An answer in one of the formats, written while tracks are matched.

use std::io::{self, Write};

use crate::error::{Error, ErrorKind, Result};

use super::MatchedTrack;
use super::geojson::Geojson;
use super::json::Json;
use super::table::{Csv, Parquet};

/// How an answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MatchFormat {
    /// `{points, path, breaks}`; unmatched points have nulls. Path and breaks are kept in a temporary file while points come.
    Json,
    /// Track by track a line for each unbroken part of the path, then a point for each fix (where it is on the road, else
    /// where it was given).
    Geojson,
    /// A row a fix: `index,t_ns,lon,lat,way_id,offset_m,matched_lon,matched_lat,distance_m,probability`, empty where it is
    /// unmatched.
    Csv,
    /// A row a fix, as GeoParquet. All rows are held, since what they extend over comes before them.
    Parquet,
}

/// Writes an answer.
pub struct MatchWriter<'a> {
    out: &'a mut dyn Write,
    answer: Box<dyn Answer>,
}

/// What a format does with a track, and once there are no more.
pub(super) trait Answer {
    fn track(&mut self, track: &MatchedTrack<'_>, out: &mut dyn Write) -> io::Result<()>;
    fn finish(&mut self, out: &mut dyn Write) -> io::Result<()>;
}

impl<'a> MatchWriter<'a> {
    /// A writer; nothing is written before the first track.
    pub fn new(format: MatchFormat, out: &'a mut dyn Write) -> MatchWriter<'a> {
        let answer: Box<dyn Answer> = match format {
            MatchFormat::Json => Box::new(Json::default()),
            MatchFormat::Geojson => Box::new(Geojson::default()),
            MatchFormat::Csv => Box::new(Csv::default()),
            MatchFormat::Parquet => Box::new(Parquet::default()),
        };
        MatchWriter { out, answer }
    }

    /// Adds a track.
    ///
    /// # Errors
    ///
    /// Where the output, or a temporary file, cannot be written.
    pub fn track(&mut self, track: &MatchedTrack<'_>) -> Result<()> {
        self.answer.track(track, self.out).map_err(written)
    }

    /// Ends the answer.
    ///
    /// # Errors
    ///
    /// As [`MatchWriter::track`].
    pub fn finish(mut self) -> Result<()> {
        self.answer.finish(self.out).and_then(|()| self.out.flush()).map_err(written)
    }
}

fn written(error: io::Error) -> Error {
    ErrorKind::io("write the answer", error).bare()
}
