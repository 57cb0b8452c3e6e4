//! Framing of a PBF file: blobs one after the other, decoded in parallel, folded in order.

use std::io::{BufRead, Read};

use rayon::prelude::*;

use super::wire::bad;
use super::{Element, Kinds, MAX_BLOB, MAX_HEADER, OsmFile, block};
use crate::error::{ErrorKind, Location, Quarantine, Result};

/// Blobs in memory at once.
const BATCH: usize = 16;

/// A packed blob and where its frame starts.
struct Blob {
    byte: u64,
    header: bool,
    bytes: Vec<u8>,
}

/// What became of a blob.
struct Decoded<T> {
    byte: u64,
    gathered: Option<T>,
    kinds: Kinds,
    failed: Option<ErrorKind>,
}

/// Reads the blobs of a file, then ends or says what is wrong with the frame at a byte.
struct Frames<R> {
    reader: R,
    byte: u64,
}

impl<R: Read> Frames<R> {
    fn take(&mut self, length: u64, what: &str) -> Result<Vec<u8>, ErrorKind> {
        let mut bytes = Vec::new();
        let read = self.reader.by_ref().take(length).read_to_end(&mut bytes);
        read.map_err(|e| ErrorKind::io("read", e))?;
        if (bytes.len() as u64) < length {
            return Err(bad(format!("the file ends inside {what}")));
        }
        self.byte += length;
        Ok(bytes)
    }

    /// The next blob; `None` at the end of the file. `skip(is_header)` leaves its bytes out.
    fn next(&mut self, skip: impl Fn() -> bool) -> Result<Option<Blob>, ErrorKind> {
        let byte = self.byte;
        let mut size = Vec::new();
        self.reader.by_ref().take(4).read_to_end(&mut size).map_err(|e| ErrorKind::io("read", e))?;
        if size.is_empty() {
            return Ok(None);
        }
        let Some((size, _)) = size.split_first_chunk::<4>() else {
            return Err(bad("the file ends inside the size of a blob header"));
        };
        self.byte += 4;
        let size = u32::from_be_bytes(*size);
        if size > MAX_HEADER {
            let (found, limit) = (u64::from(size), u64::from(MAX_HEADER));
            return Err(ErrorKind::LimitExceeded { what: "size of a PBF blob header", found, limit });
        }
        let header = self.take(u64::from(size), "a blob header")?;
        let (kind, length) = block::blob_header(&header)?;
        if length > MAX_BLOB {
            return Err(ErrorKind::LimitExceeded { what: "size of a PBF blob", found: length, limit: MAX_BLOB });
        }
        let is_header = kind == b"OSMHeader";
        let wanted = is_header || kind == b"OSMData" && !skip();
        let mut bytes = self.take(length, "a blob")?;
        if !wanted {
            bytes.clear();
        }
        Ok(Some(Blob { byte, header: is_header, bytes }))
    }
}

pub(super) fn scan<T: Send>(
    file: &OsmFile,
    reader: Box<dyn BufRead + Send>,
    wanted: Kinds,
    quarantine: &mut Quarantine,
    fresh: &(impl Fn() -> T + Sync),
    visit: &(impl Fn(&mut T, Element<'_>) + Sync),
    mut fold: impl FnMut(T) -> Result<()>,
) -> Result<()> {
    let path = file.path();
    let mut frames = Frames { reader, byte: 0 };
    let mut all_kinds: Vec<Kinds> = Vec::new();
    let mut first_failure = None;
    let mut any = false;
    let mut ended = false;
    while !ended {
        let mut batch = Vec::with_capacity(BATCH);
        let mut broken = None;
        while batch.len() < BATCH {
            let index = all_kinds.len() + batch.len();
            match frames.next(|| file.kinds_of_blob(index).is_some_and(|k| !k.meets(wanted))) {
                Ok(Some(blob)) => batch.push(blob),
                Ok(None) => {
                    ended = true;
                    break;
                }
                Err(kind) => {
                    broken = Some((frames.byte, kind));
                    ended = true;
                    break;
                }
            }
        }
        let decoded: Vec<Decoded<T>> = batch.into_par_iter().map(|blob| decode(&blob, wanted, fresh, visit)).collect();
        for one in decoded {
            let kinds = file.kinds_of_blob(all_kinds.len());
            all_kinds.push(kinds.unwrap_or(one.kinds));
            any |= one.failed.is_none();
            if let Some(kind) = one.failed {
                if matches!(kind, ErrorKind::Unsupported(_)) && !any {
                    return Err(kind.at(Location::byte(path, one.byte)));
                }
                quarantine.refuse(&Location::byte(path, one.byte), format!("a damaged block: {kind}"));
                first_failure.get_or_insert((one.byte, kind));
            }
            if let Some(gathered) = one.gathered {
                fold(gathered)?;
            }
        }
        if let Some((byte, kind)) = broken {
            quarantine.refuse(&Location::byte(path, byte), format!("the rest of the file: {kind}"));
            first_failure.get_or_insert((byte, kind));
        }
    }
    file.remember(all_kinds);
    match first_failure {
        Some((byte, kind)) if !any => Err(kind.at(Location::byte(path, byte))),
        _ => Ok(()),
    }
}

fn decode<T>(blob: &Blob, wanted: Kinds, fresh: &impl Fn() -> T, visit: &impl Fn(&mut T, Element<'_>)) -> Decoded<T> {
    let mut decoded = Decoded { byte: blob.byte, gathered: None, kinds: Kinds::NONE, failed: None };
    if blob.bytes.is_empty() {
        return decoded;
    }
    let content = match block::inflate(&blob.bytes, MAX_BLOB) {
        Ok(content) => content,
        Err(kind) => return Decoded { failed: Some(kind), ..decoded },
    };
    if blob.header {
        decoded.failed = block::check_header(&content).err();
        return decoded;
    }
    let mut gathered = fresh();
    match block::elements(&content, wanted, &mut |element| visit(&mut gathered, element)) {
        Ok(kinds) => decoded.kinds = kinds,
        // Which kinds it holds is not known: a later scan looks again.
        Err(kind) => (decoded.kinds, decoded.failed) = (Kinds::ALL, Some(kind)),
    }
    decoded.gathered = Some(gathered);
    decoded
}
