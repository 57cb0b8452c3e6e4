//! Media shards: tar files in WebDataset naming, the same bytes on every machine.
//!
//! A member is `frame_id.extension` with mode 0644, owner 0 and time 0. Names of up to 100 bytes (255 where they can
//! be cut at a `/`) stand in the POSIX ustar header; longer ones get a GNU long-name record, which every tar reads.
//! Source: POSIX.1-2017, pax, *ustar Interchange Format*; WebDataset: the key is the name up to its first dot.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::error::{Error, ErrorKind, Result};

/// A tar block, bytes.
const BLOCK: u64 = 512;

/// Where the bytes of a member lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// The shard relative to the data set, e.g. `shards/drive-01-000.tar`.
    pub shard: String,
    /// First byte of the member's data in the shard.
    pub offset: i64,
    /// Bytes.
    pub length: i64,
    /// blake3 of the bytes, hex.
    pub checksum: String,
}

/// Writes the media of a unit to `NAME-000.tar`, `NAME-001.tar`, …, a new one where the last would grow past the limit.
///
/// No file is made before the first member. Must be [`finish`](ShardWriter::finish)ed.
pub struct ShardWriter {
    folder: PathBuf,
    unit: String,
    limit_bytes: u64,
    open: Option<Open>,
    done: Vec<PathBuf>,
}

struct Open {
    path: PathBuf,
    file: BufWriter<File>,
    size: u64,
}

impl ShardWriter {
    /// A writer into `dir/shards`, which is made where it does not exist.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`] where the folder cannot be made.
    pub fn new(dir: &Path, unit_name: &str, limit_bytes: u64) -> Result<ShardWriter> {
        let folder = dir.join("shards");
        std::fs::create_dir_all(&folder).map_err(|e| ErrorKind::io("create folder", e).in_file(&folder))?;
        Ok(ShardWriter { folder, unit: unit_name.to_string(), limit_bytes, open: None, done: Vec::new() })
    }

    /// Appends the bytes of a frame as `frame_id.extension`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`] where the shard cannot be written.
    pub fn append(&mut self, frame_id: &str, extension: &str, bytes: &[u8]) -> Result<Placed> {
        let name = format!("{frame_id}.{extension}");
        let header = headers(&name, bytes.len() as u64)
            .map_err(|e| ErrorKind::io("name tar member", e).in_file(self.folder.join(&name)))?;
        let length = bytes.len() as u64;
        let padding = length.next_multiple_of(BLOCK) - length;
        let member = header.len() as u64 + length + padding;
        // Two zero blocks end a tar.
        if self.open.as_ref().is_some_and(|o| o.size + member + 2 * BLOCK > self.limit_bytes) {
            self.close()?;
        }
        let number = self.done.len();
        let shard = format!("{}-{number:03}.tar", self.unit);
        let open = match &mut self.open {
            Some(open) => open,
            None => {
                let path = self.folder.join(&shard);
                let file = File::create(&path).map_err(|e| ErrorKind::io("create file", e).in_file(&path))?;
                self.open.insert(Open { path, file: BufWriter::with_capacity(1 << 18, file), size: 0 })
            }
        };
        let offset = open.size + header.len() as u64;
        open.put(&header)?;
        open.put(bytes)?;
        open.put(&[0; BLOCK as usize][..padding as usize])?;
        Ok(Placed {
            shard: format!("shards/{shard}"),
            offset: offset as i64,
            length: length as i64,
            checksum: blake3::hash(bytes).to_hex().to_string(),
        })
    }

    /// Ends and syncs the last shard; the shards written, in order.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`] where it cannot be written.
    pub fn finish(mut self) -> Result<Vec<PathBuf>> {
        self.close()?;
        Ok(self.done)
    }

    fn close(&mut self) -> Result<()> {
        let Some(mut open) = self.open.take() else { return Ok(()) };
        open.put(&[0; 2 * BLOCK as usize])?;
        let synced = open.file.flush().and_then(|()| open.file.get_ref().sync_all());
        synced.map_err(|e| open.error(e))?;
        self.done.push(open.path);
        Ok(())
    }
}

impl Open {
    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        self.size += bytes.len() as u64;
        self.file.write_all(bytes).map_err(|e| self.error(e))
    }

    fn error(&self, error: std::io::Error) -> Error {
        ErrorKind::io("write", error).in_file(&self.path)
    }
}

/// The header blocks of a member: one, or three where its name needs a long-name record.
fn headers(name: &str, size: u64) -> std::io::Result<Vec<u8>> {
    let mut header = tar::Header::new_ustar();
    header.set_size(size);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_entry_type(tar::EntryType::Regular);
    let mut blocks = Vec::with_capacity(3 * BLOCK as usize);
    if header.set_path(name).is_err() {
        let long = name.len() as u64 + 1;
        let mut record = tar::Header::new_gnu();
        record.as_gnu_mut().expect("made as GNU").name[..13].copy_from_slice(b"././@LongLink");
        record.set_size(long);
        record.set_mode(0o644);
        record.set_uid(0);
        record.set_gid(0);
        record.set_mtime(0);
        record.set_entry_type(tar::EntryType::GNULongName);
        record.set_cksum();
        blocks.extend_from_slice(record.as_bytes());
        blocks.extend_from_slice(name.as_bytes());
        blocks.resize((BLOCK + long.next_multiple_of(BLOCK)) as usize, 0);
        // What a reader without long names shows: the end of the name, which differs between members.
        let tail = name.char_indices().map(|(i, _)| i).find(|i| name.len() - i <= 100).unwrap_or(0);
        header.set_path(name[tail..].trim_start_matches('/'))?;
    }
    header.set_cksum();
    blocks.extend_from_slice(header.as_bytes());
    Ok(blocks)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Seek, SeekFrom};

    /// `(name, data offset, data)` of each member, by the `tar` crate.
    fn members(path: &Path) -> Vec<(String, u64, Vec<u8>)> {
        let mut archive = tar::Archive::new(File::open(path).expect("a shard"));
        let entries = archive.entries().expect("a tar");
        let member = |entry: std::io::Result<tar::Entry<'_, File>>| {
            let mut entry = entry.expect("a member");
            let mut data = Vec::new();
            entry.read_to_end(&mut data).expect("data");
            (entry.path().expect("a name").to_string_lossy().into_owned(), entry.raw_file_position(), data)
        };
        entries.map(member).collect()
    }

    #[test]
    fn members_lie_where_they_were_placed_whatever_the_length_of_their_name() {
        let dir = tempfile::tempdir().expect("a folder");
        let mut shards = ShardWriter::new(dir.path(), "u", 1 << 20).expect("a folder");
        let long = |n: usize| "x".repeat(n);
        let names = [
            "a/front/1".to_string(),
            format!("{}/front/{}", long(80), long(80)),
            format!("a/front/{}", long(120)),
            format!("a/front/{}", long(300)),
            format!("{}/front/{}", long(200), long(90)),
        ];
        let placed: Vec<Placed> = names
            .iter()
            .enumerate()
            .map(|(i, n)| shards.append(n, "bin", &vec![i as u8; 700 * i]).expect("written"))
            .collect();
        let files = shards.finish().expect("written");
        assert_eq!(files.len(), 1);
        let found = members(&files[0]);
        let mut file = File::open(&files[0]).expect("a shard");
        for ((name, place), (member, offset, data)) in names.iter().zip(&placed).zip(&found) {
            assert_eq!(&format!("{name}.bin"), member);
            assert_eq!((place.offset as u64, place.length as usize), (*offset, data.len()));
            let mut bytes = vec![0; data.len()];
            file.seek(SeekFrom::Start(*offset)).expect("inside");
            file.read_exact(&mut bytes).expect("inside");
            assert_eq!(&bytes, data);
            assert_eq!(place.checksum, blake3::hash(data).to_hex().to_string());
        }
        assert_eq!(found.len(), names.len());
    }

    #[test]
    fn a_shard_is_ended_before_it_would_grow_past_the_limit() {
        let dir = tempfile::tempdir().expect("a folder");
        let mut shards = ShardWriter::new(dir.path(), "u", 10 * 1024).expect("a folder");
        for i in 0..10 {
            shards.append(&format!("a/{i}"), "bin", &[i; 3000]).expect("written");
        }
        let big =
            shards.append("a/big", "bin", &[0; 20_000]).expect("a member larger than the limit has its own shard");
        let files = shards.finish().expect("written");
        assert_eq!(big.shard, "shards/u-005.tar");
        assert_eq!(files.len(), 6);
        for file in &files[..5] {
            assert!(file.metadata().expect("a file").len() <= 10 * 1024);
            assert_eq!(members(file).len(), 2);
        }
    }

    #[test]
    fn a_unit_without_media_has_no_shard() {
        let dir = tempfile::tempdir().expect("a folder");
        assert!(ShardWriter::new(dir.path(), "u", 1 << 20).expect("a folder").finish().expect("done").is_empty());
    }
}
