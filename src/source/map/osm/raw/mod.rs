//! OSM files as they are: a stream of nodes, ways and relations with their tags, from PBF or XML.
//!
//! [`OsmFile::scan`] is the one way in: PBF blocks are decoded in parallel and folded in file order, XML is decoded
//! in batches; either way memory holds a few blocks, never the file.

mod block;
mod pbf;
pub(in crate::source::map) mod wire;
mod xml;

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use crate::error::{ErrorKind, Quarantine, Result};
use crate::source::Limits;

/// Largest header of a PBF blob that the specification allows, bytes.
const MAX_HEADER: u32 = 64 * 1024;
/// Largest blob that the specification allows, bytes, packed or unpacked.
const MAX_BLOB: u64 = 32 << 20;

/// Tags of an element: pairs of key and value, in the order of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tags<'a>(pub &'a [(&'a str, &'a str)]);

impl<'a> Tags<'a> {
    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&'a str> {
        self.0.iter().find(|(k, _)| *k == key).map(|(_, v)| *v)
    }
}

/// A node: a position with tags.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Node<'a> {
    /// Its id.
    pub id: i64,
    /// Longitude, degrees; NaN or out of range where the file says so.
    pub lon: f64,
    /// Latitude, degrees.
    pub lat: f64,
    /// Its tags.
    pub tags: Tags<'a>,
}

/// A way: node ids in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Way<'a> {
    /// Its id.
    pub id: i64,
    /// Its nodes.
    pub refs: &'a [i64],
    /// Its tags.
    pub tags: Tags<'a>,
}

/// What a member of a relation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemberKind {
    /// A node.
    Node,
    /// A way.
    Way,
    /// Another relation.
    Relation,
}

/// A member of a relation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member<'a> {
    /// What it is.
    pub kind: MemberKind,
    /// Its id.
    pub id: i64,
    /// Its role, e.g. `outer`; often empty.
    pub role: &'a str,
}

/// A relation: members with roles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Relation<'a> {
    /// Its id.
    pub id: i64,
    /// Its members.
    pub members: &'a [Member<'a>],
    /// Its tags.
    pub tags: Tags<'a>,
}

/// One element of a file. Deleted ones (`visible = false`) are never handed out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Element<'a> {
    /// A node.
    Node(Node<'a>),
    /// A way.
    Way(Way<'a>),
    /// A relation.
    Relation(Relation<'a>),
}

/// Which kinds of elements are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kinds {
    /// Nodes.
    pub nodes: bool,
    /// Ways.
    pub ways: bool,
    /// Relations.
    pub relations: bool,
}

impl Kinds {
    /// Every kind.
    pub const ALL: Kinds = Kinds { nodes: true, ways: true, relations: true };
    /// No kind.
    pub const NONE: Kinds = Kinds { nodes: false, ways: false, relations: false };
    /// Nodes only.
    pub const NODES: Kinds = Kinds { nodes: true, ways: false, relations: false };
    /// Ways only.
    pub const WAYS: Kinds = Kinds { nodes: false, ways: true, relations: false };

    fn meets(self, other: Kinds) -> bool {
        self.nodes && other.nodes || self.ways && other.ways || self.relations && other.relations
    }
}

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Pbf,
    Xml,
}

/// An OSM file, PBF or XML, the latter plain or gzipped.
#[derive(Debug)]
pub struct OsmFile {
    path: PathBuf,
    encoding: Encoding,
    gzipped: bool,
    limits: Limits,
    /// Kinds in each PBF blob, known after the first scan: later ones skip blobs without what they want.
    seen: Mutex<Vec<Kinds>>,
}

/// The first bytes of a file, inflated where it is gzipped, and whether it is.
pub fn head(path: &Path) -> std::io::Result<(Vec<u8>, bool)> {
    let mut bytes = Vec::new();
    File::open(path)?.take(4096).read_to_end(&mut bytes)?;
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return Ok((bytes, false));
    }
    let mut plain = Vec::new();
    // A cut gzip stream still gives its beginning.
    let _cut = flate2::read::MultiGzDecoder::new(&bytes[..]).take(4096).read_to_end(&mut plain);
    Ok((plain, true))
}

fn encoding(head: &[u8]) -> Option<Encoding> {
    if block::looks_like_pbf(head) {
        return Some(Encoding::Pbf);
    }
    let text = String::from_utf8_lossy(head);
    (text.contains("<osm ") || text.contains("<osm>")).then_some(Encoding::Xml)
}

/// Whether the first bytes of a file are those of OSM data.
pub fn detect(path: &Path) -> bool {
    path.is_file() && head(path).is_ok_and(|(bytes, _)| encoding(&bytes).is_some())
}

impl OsmFile {
    /// Looks at the first bytes of a file; reads nothing else yet.
    ///
    /// # Errors
    ///
    /// A missing or empty file, or one that is neither PBF nor OSM XML.
    pub fn open(path: &Path, limits: &Limits) -> Result<OsmFile> {
        let (bytes, gzipped) = head(path).map_err(|e| ErrorKind::io("read", e).in_file(path))?;
        let Some(encoding) = encoding(&bytes) else {
            let reason = if bytes.is_empty() { "the file is empty" } else { "neither PBF nor XML with an <osm> root" };
            return Err(ErrorKind::malformed("OSM data", reason).in_file(path));
        };
        Ok(OsmFile { path: path.to_path_buf(), encoding, gzipped, limits: *limits, seen: Mutex::new(Vec::new()) })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// `PBF` or `XML`.
    pub fn encoding_name(&self) -> &'static str {
        match self.encoding {
            Encoding::Pbf => "PBF",
            Encoding::Xml => "XML",
        }
    }

    /// Hands every element of the wanted kinds to `visit`, a block at a time.
    ///
    /// Each block starts from `fresh()`; what the blocks gathered goes to `fold` in the order of the file, whatever
    /// the number of threads. A damaged block is refused with its byte and the rest is read; where the file itself
    /// is cut short or its framing is broken, what lies before is used.
    ///
    /// # Errors
    ///
    /// Where nothing of the file can be read, or `fold` fails.
    pub fn scan<T: Send>(
        &self,
        wanted: Kinds,
        quarantine: &mut Quarantine,
        fresh: impl Fn() -> T + Sync,
        visit: impl Fn(&mut T, Element<'_>) + Sync,
        fold: impl FnMut(T) -> Result<()>,
    ) -> Result<()> {
        let file = File::open(&self.path).map_err(|e| ErrorKind::io("open", e).in_file(&self.path))?;
        let reader: Box<dyn BufRead + Send> = if self.gzipped {
            Box::new(BufReader::new(flate2::bufread::MultiGzDecoder::new(BufReader::new(file))))
        } else {
            Box::new(BufReader::with_capacity(1 << 16, file))
        };
        match self.encoding {
            Encoding::Pbf => pbf::scan(self, reader, wanted, quarantine, &fresh, &visit, fold),
            Encoding::Xml => xml::scan(self, reader, wanted, quarantine, &fresh, &visit, fold),
        }
    }

    fn kinds_of_blob(&self, blob: usize) -> Option<Kinds> {
        self.seen.lock().ok()?.get(blob).copied()
    }

    fn remember(&self, kinds: Vec<Kinds>) {
        if let Ok(mut seen) = self.seen.lock() {
            *seen = kinds;
        }
    }
}

#[cfg(test)]
mod tests;
