//! Blocks of logs: read from the file and unpacked, never to more than they say.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

use crate::error::ErrorKind;
use crate::record::{BlockRef, Codec};

/// Unpacks a block; `inflated` is what it must become.
///
/// # Errors
///
/// Where it is damaged or does not become as long as it says.
pub(in crate::source::recording) fn inflate(packed: &[u8], codec: Codec, inflated: u64) -> Result<Vec<u8>, ErrorKind> {
    // Room for what is likely: the size that the block claims may be anything.
    let mut bytes =
        Vec::with_capacity(usize::try_from(inflated).unwrap_or(usize::MAX).min(packed.len().saturating_mul(4)));
    let limit = inflated.saturating_add(1);
    let read = match codec {
        Codec::None => packed.take(limit).read_to_end(&mut bytes),
        Codec::Lz4 => lz4::Decoder::new(packed).and_then(|decoder| decoder.take(limit).read_to_end(&mut bytes)),
        Codec::Zstd => zstd::Decoder::new(packed).and_then(|decoder| decoder.take(limit).read_to_end(&mut bytes)),
        Codec::Bz2 => bzip2::read::MultiBzDecoder::new(packed).take(limit).read_to_end(&mut bytes),
    };
    match read {
        Ok(_) if bytes.len() as u64 == inflated => Ok(bytes),
        Ok(_) => Err(ErrorKind::malformed("compressed block", format!("it does not become {inflated} bytes"))),
        Err(error) => Err(ErrorKind::malformed("compressed block", error.to_string())),
    }
}

/// Reads and unpacks a block of a file.
pub(super) fn read(block: &BlockRef) -> Result<Vec<u8>, ErrorKind> {
    let io = |e| ErrorKind::io("read", e);
    let mut file = File::open(&block.path).map_err(|e| ErrorKind::io("open", e))?;
    file.seek(SeekFrom::Start(block.offset)).map_err(io)?;
    let mut packed = Vec::new();
    file.take(block.length).read_to_end(&mut packed).map_err(io)?;
    inflate(&packed, block.codec, block.inflated)
}
