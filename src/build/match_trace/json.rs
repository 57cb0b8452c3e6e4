//! `{points, path, breaks}` as JSON.

use std::io::{self, Seek, Write};

use serde::Serialize;
use tempfile::SpooledTempFile;

use crate::fuse::matching::MatchedPoint;
use crate::record::GnssFix;

use super::MatchedTrack;
use super::decimal::{DEGREES, SHORT, put_decimal, put_integer, short};
use super::writer::Answer;

/// Text is handed on in pieces of so many bytes.
const PIECE: usize = 1 << 15;
/// Lists that come later are kept in memory up to so many bytes each, and put aside in pieces of so many.
const IN_MEMORY: usize = 1 << 16;
const LATER_PIECE: usize = 1 << 13;

/// An answer that is being written.
#[derive(Default)]
pub(super) struct Json {
    text: Vec<u8>,
    begun: bool,
    path: Later,
    breaks: Later,
}

#[derive(Serialize)]
struct EdgeJson {
    way_id: i64,
    from_node: i64,
    to_node: i64,
    from_offset_m: f64,
    to_offset_m: f64,
    probability: f64,
}

#[derive(Serialize)]
struct BreakJson<'a> {
    index: usize,
    reason: &'a str,
}

impl Answer for Json {
    fn track(&mut self, track: &MatchedTrack<'_>, out: &mut dyn Write) -> io::Result<()> {
        for (index, fix, at) in track.points() {
            let before: &[u8] = if self.begun { b"," } else { b"{\"points\":[" };
            self.begun = true;
            self.text.extend_from_slice(before);
            put_point(&mut self.text, index, fix, at, at.way.map(|way| track.way_id(way)));
            if self.text.len() >= PIECE {
                out.write_all(&self.text)?;
                self.text.clear();
            }
        }
        for edge in track.path() {
            self.path.add(&EdgeJson {
                way_id: track.way_id(edge.way),
                from_node: edge.nodes[0],
                to_node: edge.nodes[1],
                from_offset_m: short(edge.way_m[0]),
                to_offset_m: short(edge.way_m[1]),
                probability: short(edge.probability),
            })?;
        }
        track.breaks().try_for_each(|(index, reason)| self.breaks.add(&BreakJson { index, reason }))
    }

    fn finish(&mut self, out: &mut dyn Write) -> io::Result<()> {
        if !self.begun {
            self.text.extend_from_slice(b"{\"points\":[");
        }
        out.write_all(&self.text)?;
        out.write_all(b"],\"path\":[")?;
        self.path.copy(out)?;
        out.write_all(b"],\"breaks\":[")?;
        self.breaks.copy(out)?;
        out.write_all(b"]}\n")
    }
}

/// The items of a list that is written later.
struct Later {
    file: SpooledTempFile,
    text: Vec<u8>,
    any: bool,
}

impl Default for Later {
    fn default() -> Later {
        Later { file: SpooledTempFile::new(IN_MEMORY), text: Vec::new(), any: false }
    }
}

impl Later {
    fn add(&mut self, item: &impl Serialize) -> io::Result<()> {
        if self.any {
            self.text.push(b',');
        }
        self.any = true;
        serde_json::to_writer(&mut self.text, item)?;
        if self.text.len() >= LATER_PIECE { self.put_aside() } else { Ok(()) }
    }

    fn put_aside(&mut self) -> io::Result<()> {
        self.file.write_all(&self.text)?;
        self.text.clear();
        Ok(())
    }

    fn copy(&mut self, out: &mut dyn Write) -> io::Result<()> {
        self.put_aside()?;
        self.file.rewind()?;
        io::copy(&mut self.file, out).map(|_| ())
    }
}

/// Adds a point as one JSON object.
fn put_point(out: &mut Vec<u8>, index: usize, fix: &GnssFix, at: &MatchedPoint, way_id: Option<i64>) {
    let integer = |out: &mut Vec<u8>, value: Option<i64>| match value {
        Some(value) => put_integer(out, value),
        None => out.extend_from_slice(b"null"),
    };
    let on = |value: f64| if way_id.is_some() { value } else { f64::NAN };
    out.extend_from_slice(b"{\"index\":");
    put_integer(out, index);
    out.extend_from_slice(b",\"t_ns\":");
    integer(out, fix.t.map(|t| t.ns()));
    out.extend_from_slice(b",\"way_id\":");
    integer(out, way_id);
    out.extend_from_slice(b",\"offset_m\":");
    put_decimal::<SHORT>(out, on(at.offset_m));
    out.extend_from_slice(b",\"lon\":");
    put_decimal::<DEGREES>(out, on(at.lon));
    out.extend_from_slice(b",\"lat\":");
    put_decimal::<DEGREES>(out, on(at.lat));
    out.extend_from_slice(b",\"distance_m\":");
    put_decimal::<SHORT>(out, on(at.distance_m));
    out.extend_from_slice(b",\"probability\":");
    put_decimal::<SHORT>(out, on(at.probability));
    out.push(b'}');
}
