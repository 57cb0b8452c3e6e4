//! `rosbag1`: a bag of ROS 1, format 2.0, read from the front: chunks as they are, in LZ4 or in bzip2.
//!
//! What is read of its messages says [`super::messages`]; times are the messages' own stamps, and the time of recording
//! where they have none.

mod raw;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;
use std::sync::Arc;

use crate::error::{ErrorKind, Location, Quarantine, Result};
use crate::record::{BlockRef, Codec, SourceFile};
use crate::source::{Limits, RecordingOptions, RecordingSource};

use super::folder;
use super::messages::{Collector, Encoding, Log, Place, Schema, inflate};
use raw::{Fields, Op};

/// Whether a file begins as a bag does.
pub(crate) fn detect(path: &Path) -> bool {
    let mut start = [0; raw::MAGIC.len()];
    path.is_file() && File::open(path).and_then(|mut file| file.read_exact(&mut start)).is_ok() && start == raw::MAGIC
}

/// Opens a bag.
///
/// # Errors
///
/// Where it is not there.
pub(crate) fn open(path: &Path, options: &RecordingOptions) -> Result<Box<dyn RecordingSource>> {
    let size = std::fs::metadata(path).map_err(|e| ErrorKind::io("read", e).in_file(path))?.len();
    let files = vec![SourceFile { relative: folder::folder_name(path), absolute: path.to_path_buf(), size }];
    let (root, options) = (path.to_path_buf(), options.clone());
    Ok(Box::new(Log { kind: "rosbag1", ending: "bag", read, root, files, options }))
}

/// What a bag has told of its topics so far.
#[derive(Default)]
struct Seen {
    topics: BTreeMap<u32, usize>,
    messages: u64,
}

/// Reads a bag from its front; damage costs the record or chunk that it is in.
///
/// # Errors
///
/// Where it does not begin as a bag does, or cannot be read.
fn read(
    file: &SourceFile,
    limits: &Limits,
    collector: &mut Collector,
    quarantine: &mut Quarantine,
) -> Result<(), ErrorKind> {
    let path = &file.absolute;
    let mut reader = BufReader::with_capacity(1 << 20, File::open(path).map_err(|e| ErrorKind::io("open", e))?);
    let mut magic = [0; raw::MAGIC.len()];
    reader.read_exact(&mut magic).map_err(|_| ErrorKind::malformed("ROS bag", "it is too short"))?;
    if magic != raw::MAGIC {
        return Err(ErrorKind::malformed("ROS bag", "it does not begin with `#ROSBAG V2.0`"));
    }
    let relative: Arc<str> = file.relative.as_str().into();
    let mut seen = Seen::default();
    let mut at = raw::MAGIC.len() as u64;
    let (mut header, mut data) = (Vec::new(), Vec::new());
    while at < file.size {
        let here = Location::byte(path, at);
        // Header and data, each behind its length.
        let mut parts = [(0, 0); 2];
        let mut cut = false;
        for (part, buffer) in parts.iter_mut().zip([&mut header, &mut data]) {
            let mut length = [0; 4];
            cut = reader.read_exact(&mut length).is_err();
            let length = u64::from(u32::from_le_bytes(length));
            *part = (at + 4, length);
            at = at.saturating_add(4 + length);
            cut |= at > file.size;
            if cut {
                break;
            }
            buffer.clear();
            reader.by_ref().take(length).read_to_end(buffer).map_err(|e| ErrorKind::io("read", e))?;
        }
        if cut {
            quarantine.refuse(&here, "the bag is cut short: it is read up to its last whole record");
            return Ok(());
        }
        let (offset, length) = parts[1];
        let result = Fields::parse(&header).and_then(|fields| match fields.op()? {
            Op::Chunk => {
                let codec = fields.codec()?;
                let inflated = u64::from(fields.u32("size")?);
                if inflated > limits.inflated_bytes {
                    let limit = limits.inflated_bytes;
                    return Err(ErrorKind::LimitExceeded { what: "size of an unpacked chunk", found: inflated, limit });
                }
                let bytes = inflate(&data, codec, inflated)?;
                let block = Arc::new(BlockRef { path: path.clone(), offset, length, codec, inflated });
                for record in raw::records(&bytes) {
                    let (header, start, data) = record?;
                    let place =
                        |record| Place { path, relative: &relative, block: &block, start: start as u64, record };
                    if let Err(kind) = seen.take(&Fields::parse(header)?, data, place, collector, quarantine) {
                        quarantine.refuse(&here, kind);
                    }
                }
                Ok(())
            }
            _ => {
                let block =
                    Arc::new(BlockRef { path: path.clone(), offset, length, codec: Codec::None, inflated: length });
                let place = |record| Place { path, relative: &relative, block: &block, start: 0, record };
                seen.take(&fields, &data, place, collector, quarantine)
            }
        });
        if let Err(kind) = result {
            quarantine.refuse(&here, kind);
        }
    }
    Ok(())
}

impl Seen {
    fn take<'p>(
        &mut self,
        fields: &Fields,
        data: &[u8],
        place: impl Fn(u64) -> Place<'p>,
        collector: &mut Collector,
        quarantine: &mut Quarantine,
    ) -> Result<(), ErrorKind> {
        match fields.op()? {
            Op::Connection => {
                let id = fields.u32("conn")?;
                let topic = fields.text("topic")?;
                let inner = Fields::parse(data)?;
                let schema = Schema {
                    name: inner.text("type")?,
                    encoding: Some(Encoding::Ros1),
                    definition: inner.get("message_definition").unwrap_or_default(),
                };
                let number = collector.topic(topic, &schema);
                self.topics.insert(id, number);
            }
            Op::Message => {
                let place = place(self.messages);
                self.messages += 1;
                let (id, time) = (fields.u32("conn")?, fields.time("time")?);
                match self.topics.get(&id) {
                    Some(&topic) => collector.message(topic, time, data, &place, quarantine),
                    None => quarantine
                        .refuse(&Location::record(place.path, place.record), "a message of an unknown connection"),
                }
            }
            _ => {}
        }
        Ok(())
    }
}
