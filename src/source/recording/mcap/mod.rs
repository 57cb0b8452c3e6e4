//! `mcap`: logs of ROS 2 and Foxglove, one file or the parts of one recording in a folder.
//!
//! Messages in CDR (ROS 2), ROS 1's serialisation, JSON and Protocol Buffers (Foxglove's schemas); chunks as they are, in
//! LZ4 or in Zstandard. What is read of them says [`super::messages`]; times are the messages' own stamps, and the
//! time of logging where they have none.

mod raw;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;
use std::sync::Arc;

use crate::error::{ErrorKind, Location, Quarantine, Result};
use crate::record::{BlockRef, Codec, SourceFile};
use crate::source::{Limits, RecordingOptions, RecordingSource};

use super::files;
use super::folder;
use super::messages::{Collector, Encoding, Log, Place, Schema, inflate};
use raw::Record;

fn starts_right(path: &Path) -> bool {
    let mut magic = [0; 8];
    File::open(path).and_then(|mut file| file.read_exact(&mut magic)).is_ok() && magic == raw::MAGIC
}

/// The parts in a folder: rosbag2 splits long recordings, and writes `metadata.yaml` beside them.
fn parts(path: &Path) -> Vec<SourceFile> {
    let mut parts = files::entries(path, "").map(|e| e.files).unwrap_or_default();
    parts.retain(|file| file.relative.ends_with(".mcap"));
    parts
}

/// Whether `path` is an MCAP file or a folder with some.
pub(crate) fn detect(path: &Path) -> bool {
    if path.is_file() { starts_right(path) } else { parts(path).iter().any(|file| starts_right(&file.absolute)) }
}

/// Opens a file, or all files of a folder as one recording.
///
/// # Errors
///
/// Where there is none.
pub(crate) fn open(path: &Path, options: &RecordingOptions) -> Result<Box<dyn RecordingSource>> {
    let files = match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => {
            let relative = folder::folder_name(path);
            vec![SourceFile { relative, absolute: path.to_path_buf(), size: metadata.len() }]
        }
        _ => parts(path),
    };
    if files.is_empty() {
        return Err(ErrorKind::malformed("MCAP recording", "there is no `.mcap` file in it").in_file(path));
    }
    let (root, options) = (path.to_path_buf(), options.clone());
    Ok(Box::new(Log { kind: "mcap", ending: "mcap", read, root, files, options }))
}

/// What a file has told of its topics so far.
#[derive(Default)]
struct Seen {
    schemas: BTreeMap<u16, (String, String, Vec<u8>)>,
    /// The collector's number of a channel; `None` where its schema is unknown.
    channels: BTreeMap<u16, usize>,
    messages: u64,
}

/// Reads a file from its front; damage costs the record or chunk that it is in.
///
/// # Errors
///
/// Where it does not begin as an MCAP file does, or cannot be read.
fn read(
    file: &SourceFile,
    limits: &Limits,
    collector: &mut Collector,
    quarantine: &mut Quarantine,
) -> Result<(), ErrorKind> {
    let path = &file.absolute;
    let mut reader = BufReader::with_capacity(1 << 20, File::open(path).map_err(|e| ErrorKind::io("open", e))?);
    let mut magic = [0; 8];
    reader.read_exact(&mut magic).map_err(|_| ErrorKind::malformed("MCAP", "it is too short"))?;
    if magic != raw::MAGIC {
        return Err(ErrorKind::malformed("MCAP", "it does not begin with MCAP's magic bytes"));
    }
    let relative: Arc<str> = file.relative.as_str().into();
    let mut seen = Seen::default();
    let (mut at, mut content) = (8_u64, Vec::new());
    loop {
        let here = Location::byte(path, at);
        let (kind, length) = match raw::head(&mut reader) {
            Ok(Some(head)) => head,
            // A whole file has an end of its data section, which stops the loop.
            Ok(None) => {
                quarantine.refuse(&here, raw::cut());
                return Ok(());
            }
            Err(error @ ErrorKind::Io { .. }) => return Err(error),
            Err(error) => {
                quarantine.refuse(&here, error);
                return Ok(());
            }
        };
        let content_at = at + 9;
        at = content_at.saturating_add(length);
        if at > file.size {
            quarantine.refuse(&here, raw::cut());
            return Ok(());
        }
        if length > limits.inflated_bytes {
            quarantine.refuse(
                &here,
                ErrorKind::LimitExceeded { what: "size of a record", found: length, limit: limits.inflated_bytes },
            );
            std::io::copy(&mut reader.by_ref().take(length), &mut std::io::sink())
                .map_err(|e| ErrorKind::io("read", e))?;
            continue;
        }
        content.clear();
        reader.by_ref().take(length).read_to_end(&mut content).map_err(|e| ErrorKind::io("read", e))?;
        let block = |codec, offset: u64, length: usize, inflated| {
            Arc::new(BlockRef { path: path.clone(), offset, length: length as u64, codec, inflated })
        };
        match raw::parse(kind, &content) {
            Ok(Record::End) => return Ok(()),
            Ok(Record::Chunk { codec, inflated, crc, at, data }) => {
                let block = block(codec, content_at + at as u64, data.len(), inflated);
                match unpack(data, codec, inflated, crc, limits) {
                    Ok(bytes) => {
                        for record in raw::records(&bytes) {
                            let taken = record.and_then(|(start, kind, content)| {
                                let place = |at: usize, record| Place {
                                    path,
                                    relative: &relative,
                                    block: &block,
                                    start: (start + at) as u64,
                                    record,
                                };
                                seen.take(&raw::parse(kind, content)?, place, collector, quarantine);
                                Ok(())
                            });
                            if let Err(kind) = taken {
                                quarantine.refuse(&here, kind);
                            }
                        }
                    }
                    Err(kind) => quarantine.refuse(&here, kind),
                }
            }
            Ok(record) => {
                let block = block(Codec::None, content_at, content.len(), length);
                let place =
                    |at: usize, record| Place { path, relative: &relative, block: &block, start: at as u64, record };
                seen.take(&record, place, collector, quarantine);
            }
            Err(kind) => quarantine.refuse(&here, kind),
        }
    }
}

/// A chunk's records, their checksum verified.
fn unpack(data: &[u8], codec: Codec, inflated: u64, crc: u32, limits: &Limits) -> Result<Vec<u8>, ErrorKind> {
    if inflated > limits.inflated_bytes {
        let limit = limits.inflated_bytes;
        return Err(ErrorKind::LimitExceeded { what: "size of an unpacked chunk", found: inflated, limit });
    }
    let bytes = inflate(data, codec, inflated)?;
    // A checksum of 0 is none.
    if crc != 0 {
        let mut sum = flate2::Crc::new();
        sum.update(&bytes);
        if sum.sum() != crc {
            return Err(ErrorKind::malformed("MCAP", "the checksum of a chunk is wrong"));
        }
    }
    Ok(bytes)
}

impl Seen {
    fn take<'p>(
        &mut self,
        record: &Record,
        place: impl Fn(usize, u64) -> Place<'p>,
        collector: &mut Collector,
        quarantine: &mut Quarantine,
    ) {
        match *record {
            Record::Schema { id, name, encoding, data } => {
                self.schemas.entry(id).or_insert_with(|| (name.to_string(), encoding.to_string(), data.to_vec()));
            }
            Record::Channel { id, schema, topic, encoding } => {
                if self.channels.contains_key(&id) {
                    return;
                }
                // A channel need not have a schema; then nothing says what its messages are.
                let none = ("no schema".to_string(), String::new(), Vec::new());
                let (name, definition, data) = self.schemas.get(&schema).unwrap_or(&none);
                let encoding = match (encoding, definition.as_str()) {
                    ("cdr", "ros2msg") => Some(Encoding::Cdr),
                    ("ros1", "ros1msg") => Some(Encoding::Ros1),
                    ("json", _) => Some(Encoding::Json),
                    ("protobuf", "protobuf") => Some(Encoding::Proto),
                    _ => None,
                };
                let number = collector.topic(topic, &Schema { name, encoding, definition: data });
                self.channels.insert(id, number);
            }
            Record::Message { channel, log_ns, at, data } => {
                let place = place(at, self.messages);
                self.messages += 1;
                match (self.channels.get(&channel), i64::try_from(log_ns)) {
                    (Some(topic), Ok(log_ns)) => collector.message(*topic, log_ns, data, &place, quarantine),
                    (None, _) => {
                        quarantine
                            .refuse(&Location::record(place.path, place.record), "a message of an unknown channel");
                    }
                    (_, Err(_)) => {
                        quarantine.refuse(&Location::record(place.path, place.record), "its time is out of range");
                    }
                }
            }
            _ => {}
        }
    }
}
