//! The blocks of a PBF file: `HeaderBlock` and `PrimitiveBlock` of `osmformat.proto`.
//!
//! Source: <https://wiki.openstreetmap.org/wiki/PBF_Format>. Elements are handed out as views into the block and
//! into scratch lists that are reused: no allocation per object.

use super::wire::{Deltas, Value, bad, field, packed, varint, zigzag};
use super::{Element, Kinds, Member, MemberKind, Node, Relation, Tags, Way};
use crate::error::ErrorKind;

/// Features of the format that this reader understands.
const KNOWN_FEATURES: [&str; 3] = ["OsmSchema-V0.6", "DenseNodes", "HistoricalInformation"];

/// Checks the features that a `HeaderBlock` requires of its reader.
pub fn check_header(mut block: &[u8]) -> Result<(), ErrorKind> {
    while let Some((number, value)) = field(&mut block)? {
        if let (4, Value::Bytes(name)) = (number, value)
            && !KNOWN_FEATURES.iter().any(|k| k.as_bytes() == name)
        {
            return Err(ErrorKind::Unsupported(format!("the PBF feature `{}`", String::from_utf8_lossy(name))));
        }
    }
    Ok(())
}

/// The part of a `PrimitiveBlock` that its groups need.
struct Frame<'a> {
    strings: Vec<&'a str>,
    granularity: i64,
    lat_offset: i64,
    lon_offset: i64,
}

impl<'a> Frame<'a> {
    fn text(&self, index: u64) -> Result<&'a str, ErrorKind> {
        let at = usize::try_from(index).ok();
        at.and_then(|i| self.strings.get(i)).copied().ok_or_else(|| bad(format!("no string {index} in the block")))
    }

    /// Degrees of a raw coordinate: exact nanodegrees, then one rounding.
    #[inline]
    fn degrees(&self, offset: i64, raw: i64) -> f64 {
        offset.wrapping_add(raw.wrapping_mul(self.granularity)) as f64 / 1e9
    }
}

/// Gives every visible element of the wanted kinds to `sink`; answers which kinds there are.
pub fn elements<'a>(block: &'a [u8], wanted: Kinds, sink: &mut dyn FnMut(Element<'_>)) -> Result<Kinds, ErrorKind> {
    let mut frame = Frame { strings: Vec::new(), granularity: 100, lat_offset: 0, lon_offset: 0 };
    let mut groups: Vec<&'a [u8]> = Vec::new();
    let mut rest = block;
    while let Some((number, value)) = field(&mut rest)? {
        match (number, value) {
            (1, Value::Bytes(table)) => strings(table, &mut frame.strings)?,
            (2, Value::Bytes(group)) => groups.push(group),
            (17, Value::Varint(n)) => frame.granularity = n as i64,
            (19, Value::Varint(n)) => frame.lat_offset = n as i64,
            (20, Value::Varint(n)) => frame.lon_offset = n as i64,
            _ => {}
        }
    }
    let mut found = Kinds::NONE;
    let mut scratch = Scratch::default();
    for mut group in groups {
        while let Some((number, value)) = field(&mut group)? {
            let Value::Bytes(message) = value else { continue };
            match number {
                1 => {
                    found.nodes = true;
                    if wanted.nodes {
                        node(&frame, message, &mut scratch, sink)?;
                    }
                }
                2 => {
                    found.nodes = true;
                    if wanted.nodes {
                        dense(&frame, message, &mut scratch, sink)?;
                    }
                }
                3 => {
                    found.ways = true;
                    if wanted.ways {
                        way(&frame, message, &mut scratch, sink)?;
                    }
                }
                4 => {
                    found.relations = true;
                    if wanted.relations {
                        relation(&frame, message, &mut scratch, sink)?;
                    }
                }
                _ => {} // changesets
            }
        }
    }
    Ok(found)
}

/// Lists that are reused from element to element.
#[derive(Default)]
struct Scratch<'a> {
    tags: Vec<(&'a str, &'a str)>,
    refs: Vec<i64>,
    members: Vec<Member<'a>>,
}

fn strings<'a>(mut table: &'a [u8], out: &mut Vec<&'a str>) -> Result<(), ErrorKind> {
    while let Some((number, value)) = field(&mut table)? {
        if let (1, Value::Bytes(text)) = (number, value) {
            let text =
                std::str::from_utf8(text).map_err(|_| bad(format!("string {} of a block is not UTF-8", out.len())))?;
            out.push(text);
        }
    }
    Ok(())
}

fn tags<'a>(
    frame: &Frame<'a>,
    mut keys: &[u8],
    mut values: &[u8],
    out: &mut Vec<(&'a str, &'a str)>,
) -> Result<(), ErrorKind> {
    out.clear();
    loop {
        match (packed(&mut keys)?, packed(&mut values)?) {
            (Some(k), Some(v)) => out.push((frame.text(k)?, frame.text(v)?)),
            (None, None) => return Ok(()),
            _ => return Err(bad("an object with more keys than values, or fewer")),
        }
    }
}

/// Whether an `Info` message says that the object exists (history files hold deleted ones too).
fn visible(mut info: &[u8]) -> Result<bool, ErrorKind> {
    while let Some((number, value)) = field(&mut info)? {
        if let (6, Value::Varint(n)) = (number, value) {
            return Ok(n != 0);
        }
    }
    Ok(true)
}

fn node<'a>(
    frame: &Frame<'a>,
    mut message: &'a [u8],
    scratch: &mut Scratch<'a>,
    sink: &mut dyn FnMut(Element<'_>),
) -> Result<(), ErrorKind> {
    let (mut id, mut lat, mut lon, mut keys, mut values, mut shown) = (None, None, None, &[][..], &[][..], true);
    while let Some((number, value)) = field(&mut message)? {
        match (number, value) {
            (1, Value::Varint(n)) => id = Some(zigzag(n)),
            (2, Value::Bytes(b)) => keys = b,
            (3, Value::Bytes(b)) => values = b,
            (4, Value::Bytes(b)) => shown = visible(b)?,
            (8, Value::Varint(n)) => lat = Some(zigzag(n)),
            (9, Value::Varint(n)) => lon = Some(zigzag(n)),
            _ => {}
        }
    }
    if !shown {
        return Ok(());
    }
    let (Some(id), Some(lat), Some(lon)) = (id, lat, lon) else {
        return Err(bad("a node without id or position"));
    };
    tags(frame, keys, values, &mut scratch.tags)?;
    sink(Element::Node(Node {
        id,
        lon: frame.degrees(frame.lon_offset, lon),
        lat: frame.degrees(frame.lat_offset, lat),
        tags: Tags(&scratch.tags),
    }));
    Ok(())
}

fn dense<'a>(
    frame: &Frame<'a>,
    mut message: &'a [u8],
    scratch: &mut Scratch<'a>,
    sink: &mut dyn FnMut(Element<'_>),
) -> Result<(), ErrorKind> {
    let (mut ids, mut lats, mut lons) = (&[][..], &[][..], &[][..]);
    let (mut tagged, mut shown): (&[u8], &[u8]) = (&[], &[]);
    while let Some((number, value)) = field(&mut message)? {
        let Value::Bytes(bytes) = value else { continue };
        match number {
            1 => ids = bytes,
            5 => {
                let mut info = bytes;
                while let Some((number, value)) = field(&mut info)? {
                    if let (6, Value::Bytes(b)) = (number, value) {
                        shown = b;
                    }
                }
            }
            8 => lats = bytes,
            9 => lons = bytes,
            10 => tagged = bytes,
            _ => {}
        }
    }
    let (mut ids, mut lats, mut lons) = (Deltas::new(ids), Deltas::new(lats), Deltas::new(lons));
    let all_shown = shown.is_empty();
    while let Some(id) = ids.next()? {
        let (Some(lat), Some(lon)) = (lats.next()?, lons.next()?) else {
            return Err(bad("dense nodes with fewer positions than ids"));
        };
        scratch.tags.clear();
        while let Some(key) = packed(&mut tagged)? {
            if key == 0 {
                break;
            }
            let value = packed(&mut tagged)?.ok_or_else(|| bad("a key without a value in dense nodes"))?;
            scratch.tags.push((frame.text(key)?, frame.text(value)?));
        }
        if all_shown || packed(&mut shown)? != Some(0) {
            sink(Element::Node(Node {
                id,
                lon: frame.degrees(frame.lon_offset, lon),
                lat: frame.degrees(frame.lat_offset, lat),
                tags: Tags(&scratch.tags),
            }));
        }
    }
    Ok(())
}

fn way<'a>(
    frame: &Frame<'a>,
    mut message: &'a [u8],
    scratch: &mut Scratch<'a>,
    sink: &mut dyn FnMut(Element<'_>),
) -> Result<(), ErrorKind> {
    let (mut id, mut keys, mut values, mut refs, mut shown) = (None, &[][..], &[][..], &[][..], true);
    while let Some((number, value)) = field(&mut message)? {
        match (number, value) {
            (1, Value::Varint(n)) => id = Some(n as i64),
            (2, Value::Bytes(b)) => keys = b,
            (3, Value::Bytes(b)) => values = b,
            (4, Value::Bytes(b)) => shown = visible(b)?,
            (8, Value::Bytes(b)) => refs = b,
            _ => {}
        }
    }
    if !shown {
        return Ok(());
    }
    let id = id.ok_or_else(|| bad("a way without an id"))?;
    tags(frame, keys, values, &mut scratch.tags)?;
    scratch.refs.clear();
    let mut refs = Deltas::new(refs);
    while let Some(node) = refs.next()? {
        scratch.refs.push(node);
    }
    sink(Element::Way(Way { id, refs: &scratch.refs, tags: Tags(&scratch.tags) }));
    Ok(())
}

fn relation<'a>(
    frame: &Frame<'a>,
    mut message: &'a [u8],
    scratch: &mut Scratch<'a>,
    sink: &mut dyn FnMut(Element<'_>),
) -> Result<(), ErrorKind> {
    let (mut id, mut keys, mut values, mut shown) = (None, &[][..], &[][..], true);
    let (mut roles, mut ids, mut kinds): (&[u8], &[u8], &[u8]) = (&[], &[], &[]);
    while let Some((number, value)) = field(&mut message)? {
        match (number, value) {
            (1, Value::Varint(n)) => id = Some(n as i64),
            (2, Value::Bytes(b)) => keys = b,
            (3, Value::Bytes(b)) => values = b,
            (4, Value::Bytes(b)) => shown = visible(b)?,
            (8, Value::Bytes(b)) => roles = b,
            (9, Value::Bytes(b)) => ids = b,
            (10, Value::Bytes(b)) => kinds = b,
            _ => {}
        }
    }
    if !shown {
        return Ok(());
    }
    let id = id.ok_or_else(|| bad("a relation without an id"))?;
    tags(frame, keys, values, &mut scratch.tags)?;
    scratch.members.clear();
    let mut ids = Deltas::new(ids);
    while let Some(member) = ids.next()? {
        let (Some(role), Some(kind)) = (packed(&mut roles)?, packed(&mut kinds)?) else {
            return Err(bad("a relation with more members than roles"));
        };
        let kind = match kind {
            0 => MemberKind::Node,
            1 => MemberKind::Way,
            2 => MemberKind::Relation,
            other => return Err(bad(format!("a member of type {other}"))),
        };
        scratch.members.push(Member { kind, id: member, role: frame.text(role)? });
    }
    sink(Element::Relation(Relation { id, members: &scratch.members, tags: Tags(&scratch.tags) }));
    Ok(())
}

/// `BlobHeader`: the type of the blob that follows and its size in bytes.
pub fn blob_header(mut message: &[u8]) -> Result<(&[u8], u64), ErrorKind> {
    let (mut kind, mut size) = (None, None);
    while let Some((number, value)) = field(&mut message)? {
        match (number, value) {
            (1, Value::Bytes(b)) => kind = Some(b),
            (3, Value::Varint(n)) => size = Some(n),
            _ => {}
        }
    }
    match (kind, size) {
        (Some(kind), Some(size)) => Ok((kind, size)),
        _ => Err(bad("a blob header without type or size")),
    }
}

/// The inflated content of a `Blob`.
///
/// # Errors
///
/// `Unsupported` for compressions other than none and zlib; `LimitExceeded` above `limit` bytes (a size is never
/// believed: no more is allocated than was announced, and no more is inflated either).
pub fn inflate(mut blob: &[u8], limit: u64) -> Result<Vec<u8>, ErrorKind> {
    let (mut raw, mut zlib, mut raw_size, mut other) = (None, None, None, None);
    while let Some((number, value)) = field(&mut blob)? {
        match (number, value) {
            (1, Value::Bytes(b)) => raw = Some(b),
            (2, Value::Varint(n)) => raw_size = Some(n),
            (3, Value::Bytes(b)) => zlib = Some(b),
            (4, Value::Bytes(_)) => other = Some("LZMA"),
            (5, Value::Bytes(_)) => other = Some("bzip2"),
            (6, Value::Bytes(_)) => other = Some("LZ4"),
            (7, Value::Bytes(_)) => other = Some("Zstandard"),
            _ => {}
        }
    }
    if let Some(bytes) = raw {
        return Ok(bytes.to_vec());
    }
    let Some(bytes) = zlib else {
        return Err(match other {
            Some(name) => ErrorKind::Unsupported(format!("{name} compression in PBF")),
            None => bad("a blob without content"),
        });
    };
    let size = raw_size.ok_or_else(|| bad("a compressed blob without its size"))?;
    if size > limit {
        return Err(ErrorKind::LimitExceeded { what: "size of a PBF blob", found: size, limit });
    }
    let mut out = Vec::with_capacity(size as usize);
    let mut inflater = flate2::Decompress::new(true);
    inflater
        .decompress_vec(bytes, &mut out, flate2::FlushDecompress::Finish)
        .map_err(|e| bad(format!("a blob that does not inflate: {e}")))?;
    if out.len() as u64 != size {
        return Err(bad(format!("a blob of {} bytes that announced {size}", out.len())));
    }
    Ok(out)
}

/// The first four bytes of every blob: the size of its header, big-endian.
pub fn looks_like_pbf(first: &[u8]) -> bool {
    let Some((size, mut rest)) = first.split_first_chunk::<4>() else { return false };
    let size = u32::from_be_bytes(*size);
    // BlobHeader starts with field 1, a string: the type of the first blob.
    (1..super::MAX_HEADER).contains(&size)
        && varint(&mut rest).is_ok_and(|key| key == 0x0a)
        && varint(&mut rest).is_ok_and(|length| length == 9)
        && rest.starts_with(b"OSMHeader")
}
