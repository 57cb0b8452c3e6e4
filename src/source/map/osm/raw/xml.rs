//! OSM XML (API 0.6, Overpass, JOSM): pulled element by element.
//!
//! Source: <https://wiki.openstreetmap.org/wiki/OSM_XML>. Deleted objects (`visible="false"`, JOSM's
//! `action="delete"`) are left out.

use std::io::{self, BufRead, Read};

use quick_xml::events::{BytesStart, Event};

use super::{Element, Kinds, Member, MemberKind, Node, OsmFile, Relation, Tags, Way};
use crate::error::{ErrorKind, Location, Quarantine, Result};

/// Elements that are gathered before they are folded.
const BATCH: usize = 8192;
/// Bytes that one XML event (a start tag, a text) may take.
const MAX_EVENT: u64 = 16 << 20;
/// Nodes, tags and members of one object.
const MAX_CHILDREN: usize = 1 << 20;

/// A reader that ends after [`MAX_EVENT`] bytes unless it is told that a new event starts.
struct Guard<R> {
    inner: R,
    left: u64,
}

impl<R: BufRead> Read for Guard<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.fill_buf()?.read(buffer)?;
        self.consume(n);
        Ok(n)
    }
}

impl<R: BufRead> BufRead for Guard<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.left == 0 {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "an XML tag of more than 16 MiB"));
        }
        self.inner.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.left = self.left.saturating_sub(amount as u64);
        self.inner.consume(amount);
    }
}

/// The object that is being read.
struct Open {
    kind: MemberKind,
    id: i64,
    position: (f64, f64),
    shown: bool,
    tags: Vec<(String, String)>,
    refs: Vec<i64>,
    members: Vec<(MemberKind, i64, String)>,
}

impl Open {
    fn hand_out(&self, wanted: Kinds, visit: &mut dyn FnMut(Element<'_>)) {
        let asked = match self.kind {
            MemberKind::Node => wanted.nodes,
            MemberKind::Way => wanted.ways,
            MemberKind::Relation => wanted.relations,
        };
        if !asked || !self.shown {
            return;
        }
        let tags: Vec<(&str, &str)> = self.tags.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        let tags = Tags(&tags);
        match self.kind {
            MemberKind::Node => {
                let (lon, lat) = self.position;
                visit(Element::Node(Node { id: self.id, lon, lat, tags }));
            }
            MemberKind::Way => visit(Element::Way(Way { id: self.id, refs: &self.refs, tags })),
            MemberKind::Relation => {
                let members: Vec<Member<'_>> =
                    self.members.iter().map(|(kind, id, role)| Member { kind: *kind, id: *id, role }).collect();
                visit(Element::Relation(Relation { id: self.id, members: &members, tags }));
            }
        }
    }
}

fn bad(reason: impl Into<String>) -> ErrorKind {
    ErrorKind::malformed("OSM XML", reason)
}

fn attribute(tag: &BytesStart<'_>, name: &str) -> Result<Option<String>, ErrorKind> {
    for attribute in tag.attributes().with_checks(false) {
        let attribute = attribute.map_err(|e| bad(e.to_string()))?;
        if attribute.key.as_ref() == name {
            return quick_xml::escape::unescape(&attribute.value)
                .map(|v| Some(v.into_owned()))
                .map_err(|e| bad(e.to_string()));
        }
    }
    Ok(None)
}

fn number(tag: &BytesStart<'_>, name: &str) -> Result<i64, ErrorKind> {
    let text = attribute(tag, name)?.ok_or_else(|| bad(format!("no `{name}`")))?;
    text.trim().parse().map_err(|_| bad(format!("`{name}` is not a whole number")))
}

fn member_kind(name: &str) -> Option<MemberKind> {
    match name {
        "node" => Some(MemberKind::Node),
        "way" => Some(MemberKind::Way),
        "relation" => Some(MemberKind::Relation),
        _ => None,
    }
}

fn open_object(kind: MemberKind, tag: &BytesStart<'_>) -> Result<Open, ErrorKind> {
    let id = number(tag, "id")?;
    let shown = attribute(tag, "visible")?.as_deref() != Some("false")
        && attribute(tag, "action")?.as_deref() != Some("delete");
    let mut position = (f64::NAN, f64::NAN);
    if kind == MemberKind::Node && shown {
        let degrees = |name: &str| -> Result<f64, ErrorKind> {
            let text = attribute(tag, name)?.ok_or_else(|| bad(format!("a node without `{name}`")))?;
            text.trim().parse().map_err(|_| bad(format!("`{name}` is not a number")))
        };
        position = (degrees("lon")?, degrees("lat")?);
    }
    Ok(Open { kind, id, position, shown, tags: Vec::new(), refs: Vec::new(), members: Vec::new() })
}

fn add_child(open: &mut Open, tag: &BytesStart<'_>) -> Result<(), ErrorKind> {
    if open.tags.len() + open.refs.len() + open.members.len() >= MAX_CHILDREN {
        let limit = MAX_CHILDREN as u64;
        return Err(ErrorKind::LimitExceeded { what: "parts of one object", found: limit + 1, limit });
    }
    match tag.name().as_ref() {
        "tag" => {
            let key = attribute(tag, "k")?.ok_or_else(|| bad("a tag without `k`"))?;
            let value = attribute(tag, "v")?.ok_or_else(|| bad("a tag without `v`"))?;
            open.tags.push((key, value));
        }
        "nd" => open.refs.push(number(tag, "ref")?),
        "member" => {
            let kind = attribute(tag, "type")?;
            let kind = kind.as_deref().and_then(member_kind);
            let kind = kind.ok_or_else(|| bad("a member of an unknown type"))?;
            let role = attribute(tag, "role")?.unwrap_or_default();
            open.members.push((kind, number(tag, "ref")?, role));
        }
        _ => {} // bounds, center, geometry hints of Overpass
    }
    Ok(())
}

pub(super) fn scan<T>(
    file: &OsmFile,
    reader: Box<dyn BufRead + Send>,
    wanted: Kinds,
    quarantine: &mut Quarantine,
    fresh: &impl Fn() -> T,
    visit: &impl Fn(&mut T, Element<'_>),
    mut fold: impl FnMut(T) -> Result<()>,
) -> Result<()> {
    let path = file.path();
    let mut xml = quick_xml::Reader::from_reader(Guard { inner: reader, left: MAX_EVENT });
    let mut buffer = Vec::new();
    let mut open: Option<Open> = None;
    // The object that is skipped because a part of it is wrong.
    let mut refused = false;
    let mut gathered = fresh();
    let mut count = 0usize;
    let mut in_root = false;
    let mut any = false;
    let failure = loop {
        buffer.clear();
        xml.get_mut().left = MAX_EVENT;
        let byte = xml.buffer_position();
        if !file.gzipped && byte > file.limits.file_bytes || byte > file.limits.file_bytes.saturating_mul(16) {
            let limit = file.limits.file_bytes;
            break Some((byte, ErrorKind::LimitExceeded { what: "bytes of XML", found: byte, limit }));
        }
        let event = match xml.read_event_into(&mut buffer) {
            Ok(event) => event,
            Err(error) => break Some((xml.error_position(), bad(error.to_string()))),
        };
        let mut finished = false;
        match &event {
            Event::Eof if in_root || open.is_some() => break Some((byte, bad("the file ends before </osm>"))),
            Event::Eof => break None,
            Event::Start(tag) | Event::Empty(tag) => {
                let name = tag.name();
                let whole = matches!(event, Event::Empty(_));
                let outcome = match (member_kind(name.as_ref()), &mut open) {
                    (Some(kind), None) => {
                        refused = false;
                        open_object(kind, tag).map(|object| {
                            open = Some(object);
                            finished = whole;
                        })
                    }
                    (None, Some(object)) => add_child(object, tag),
                    (None, None) if name.as_ref() == "osm" => {
                        in_root = !whole;
                        any = true;
                        Ok(())
                    }
                    _ => Ok(()),
                };
                if let Err(kind) = outcome
                    && !refused
                {
                    quarantine.refuse(&Location::byte(path, byte), kind);
                    refused = !whole || open.is_some();
                    open = None;
                }
            }
            Event::End(tag) => {
                finished = member_kind(tag.name().as_ref()).is_some();
                in_root &= tag.name().as_ref() != "osm";
            }
            _ => {}
        }
        if finished && let Some(object) = open.take() {
            object.hand_out(wanted, &mut |element| visit(&mut gathered, element));
            count += 1;
            if count.is_multiple_of(BATCH) {
                fold(std::mem::replace(&mut gathered, fresh()))?;
            }
        }
    };
    fold(gathered)?;
    match failure {
        Some((byte, kind)) if !any => Err(kind.at(Location::byte(path, byte))),
        Some((byte, kind)) => {
            quarantine.refuse(&Location::byte(path, byte), format!("the rest of the file: {kind}"));
            Ok(())
        }
        None => Ok(()),
    }
}
