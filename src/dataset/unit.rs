//! Staging, receipts and commit: how a build survives `kill -9` and still ends with the same bytes.
//!
//! A build works in the sibling folder `DIR.staging/`: `data/` is the data set to be, `receipts/` says which units
//! are done. A unit's files count only once its receipt is there, and a receipt is written in one rename after
//! everything it names is on disk. Commit renames (or exchanges) `data/` with `DIR` in one step, so a reader sees the
//! old data set or the new one, never a half.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::Whole;
use crate::error::{ErrorKind, Result};

/// A file of the data set as the manifest lists it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct StagedFile {
    /// Path relative to the data set, `/` between parts.
    pub path: String,
    /// Bytes.
    pub size: u64,
    /// blake3, hex.
    pub blake3: String,
}

/// What a finished unit leaves: hashes of its inputs and outputs, and what later phases need to know of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Receipt {
    /// The unit's name.
    pub unit: String,
    /// Hash of everything its outputs depend on.
    pub inputs: String,
    /// The files it wrote.
    pub outputs: Vec<StagedFile>,
    /// What it tells the report and the manifest.
    pub facts: serde_json::Value,
}

impl Receipt {
    /// Its facts as the type that its phase uses.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Damaged`] where they are of another version's shape.
    pub fn facts<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_value(self.facts.clone())
            .map_err(|e| ErrorKind::Damaged(format!("receipt of unit {}: {e}", self.unit)).bare())
    }
}

/// The staging folder of a data set, locked while it is held.
#[derive(Debug)]
pub struct Staging {
    target: PathBuf,
    root: PathBuf,
    // Held for its lock, which the operating system drops with the process, however it ends.
    _lock: File,
}

/// Whether the staging folder is held alone or with other workers of the same build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// A plain build: it commits, so nobody else may write.
    Alone,
    /// One of several workers (`--units I/N`).
    Shared,
}

impl Staging {
    /// Opens (or makes) the staging folder of `target` and locks it.
    ///
    /// # Errors
    ///
    /// Where another build holds it, or the folder cannot be made.
    pub fn open(target: &Path, hold: Hold) -> Result<Staging> {
        let root = staging_path(target);
        for folder in [root.join("data"), root.join("receipts")] {
            fs::create_dir_all(&folder).map_err(|e| ErrorKind::io("create folder", e).in_file(&folder))?;
        }
        let path = root.join("lock");
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(|e| ErrorKind::io("create", e).in_file(&path))?;
        let taken = match hold {
            Hold::Alone => lock.try_lock(),
            Hold::Shared => lock.try_lock_shared(),
        };
        match taken {
            Ok(()) => Ok(Staging { target: target.to_path_buf(), root, _lock: lock }),
            Err(fs::TryLockError::WouldBlock) => {
                Err(ErrorKind::Config("another build is writing this data set".to_string()).in_file(&root))
            }
            Err(fs::TryLockError::Error(e)) => Err(ErrorKind::io("lock", e).in_file(&path)),
        }
    }

    /// The folder that becomes the data set.
    pub fn data(&self) -> PathBuf {
        self.root.join("data")
    }

    /// The receipt of a unit, if it is done with these `inputs` and its files are all there, byte for byte.
    ///
    /// # Errors
    ///
    /// Only where the disk fails; a receipt that does not fit is no receipt.
    pub fn receipt(&self, unit: &str, inputs: &str) -> Result<Option<Receipt>> {
        let path = self.receipt_path(unit);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(ErrorKind::io("read", e).in_file(&path)),
        };
        let Ok(receipt) = serde_json::from_slice::<Receipt>(&text) else { return Ok(None) };
        if receipt.inputs != inputs || receipt.unit != unit {
            return Ok(None);
        }
        for file in &receipt.outputs {
            let path = self.data().join(&file.path);
            match fs::metadata(&path) {
                Ok(m) if m.len() == file.size && hash_file(&path)? == file.blake3 => {}
                _ => return Ok(None),
            }
        }
        Ok(Some(receipt))
    }

    /// Declares a unit done: syncs and hashes its files, then writes its receipt in one rename.
    ///
    /// # Errors
    ///
    /// Where a file cannot be read, synced or written.
    pub fn finish(&self, unit: &str, inputs: &str, paths: &[PathBuf], facts: &impl Serialize) -> Result<Receipt> {
        let data = self.data();
        let mut outputs = Vec::with_capacity(paths.len());
        for path in paths {
            outputs.push(stage_file(&data, path)?);
        }
        outputs.sort();
        let facts = serde_json::to_value(facts).map_err(|e| ErrorKind::Damaged(format!("unit {unit}: {e}")).bare())?;
        let receipt = Receipt { unit: unit.to_string(), inputs: inputs.to_string(), outputs, facts };
        let text = serde_json::to_vec(&receipt).map_err(|e| ErrorKind::Damaged(format!("unit {unit}: {e}")).bare())?;
        write_atomic(&self.receipt_path(unit), &text)?;
        Ok(receipt)
    }

    /// Removes every file of `data/` that is not in `keep`: leftovers of killed units and of other plans.
    ///
    /// # Errors
    ///
    /// Where a file cannot be listed or removed.
    pub fn sweep(&self, keep: &BTreeMap<String, StagedFile>) -> Result<()> {
        let data = self.data();
        for path in list_files(&data)? {
            if !keep.contains_key(&relative(&data, &path)) {
                fs::remove_file(&path).map_err(|e| ErrorKind::io("remove", e).in_file(&path))?;
            }
        }
        remove_empty_folders(&data)
    }

    /// Makes `data/` the data set, in one step, and removes the staging folder.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Exists`] where a data set is there and may not be replaced; otherwise where the disk fails.
    pub fn commit(self, overwrite: bool) -> Result<()> {
        self.commit_named("manifest.json", overwrite)
    }

    /// The same for a folder that is known by another file than `manifest.json`: an export.
    ///
    /// # Errors
    ///
    /// As [`commit`](Staging::commit).
    pub fn commit_named(self, known_by: &str, overwrite: bool) -> Result<()> {
        let data = self.data();
        sync_folders(&data)?;
        let manifest = hash_file(&data.join(known_by))?;
        write_atomic(&self.root.join("committing"), manifest.as_bytes())?;
        if is_taken(&self.target) {
            if !overwrite {
                return Err(ErrorKind::Exists(self.target.clone()).bare());
            }
            exchange(&data, &self.target)?;
        } else {
            fs::rename(&data, &self.target).map_err(|e| ErrorKind::io("rename", e).in_file(&data))?;
        }
        if let Some(parent) = self.target.parent() {
            sync_folder(parent)?;
        }
        remove_staging(&self.root)
    }
}

/// Whether something lies at the target that a build must not simply replace; an empty folder is nothing.
pub fn is_taken(target: &Path) -> bool {
    match fs::read_dir(target) {
        Ok(mut entries) => entries.next().is_some(),
        Err(e) => e.kind() != std::io::ErrorKind::NotFound,
    }
}

/// `DIR.staging`, the sibling that a build of `DIR` works in.
pub fn staging_path(target: &Path) -> PathBuf {
    let mut name = target.file_name().unwrap_or_default().to_os_string();
    name.push(".staging");
    target.with_file_name(name)
}

/// Whether the last build of `target` was interrupted after its commit: then only its staging folder is left over,
/// which is removed, and nothing is to be done.
///
/// # Errors
///
/// Where the disk fails.
pub fn finish_interrupted_commit(target: &Path) -> Result<bool> {
    let root = staging_path(target);
    let manifest = target.join("manifest.json");
    if !root.exists() || !manifest.exists() {
        return Ok(false);
    }
    // The marker goes after `data/`: without either, only the last files of the cleaning were left.
    let done = match fs::read_to_string(root.join("committing")) {
        Ok(marker) => hash_file(&manifest)? == marker,
        Err(_) => !root.join("data").exists(),
    };
    if !done {
        return Ok(false);
    }
    remove_staging(&root)?;
    Ok(true)
}

/// Removes a staging folder whose data set is committed; the marker that says so goes after what it speaks of.
fn remove_staging(root: &Path) -> Result<()> {
    for folder in [root.join("data"), root.join("receipts"), root.to_path_buf()] {
        match fs::remove_dir_all(&folder) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                return Err(ErrorKind::io("remove", e).in_file(&folder));
            }
            _ => {}
        }
    }
    Ok(())
}

/// blake3 of a file, hex, read in bounded memory.
///
/// # Errors
///
/// Where the file cannot be read.
pub fn hash_file(path: &Path) -> Result<String> {
    let mut file = File::open(path).map_err(|e| ErrorKind::io("open", e).in_file(path))?;
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(hasher.finalize().to_hex().to_string()),
            Ok(n) => hasher.update(&buffer[..n]),
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(ErrorKind::io("read", e).in_file(path)),
        };
    }
}

/// Syncs and hashes a file under `data`.
///
/// # Errors
///
/// Where it cannot be read or synced.
pub fn stage_file(data: &Path, path: &Path) -> Result<StagedFile> {
    let file = File::open(path).map_err(|e| ErrorKind::io("open", e).in_file(path))?;
    file.sync_all().map_err(|e| ErrorKind::io("sync", e).in_file(path))?;
    let size = file.metadata().map_err(|e| ErrorKind::io("read", e).in_file(path))?.len();
    Ok(StagedFile { path: relative(data, path), size, blake3: hash_file(path)? })
}

/// Writes a file so that it is there whole or not at all, and its name on disk.
fn write_atomic(path: &Path, bytes: &[u8]) -> Result<()> {
    let whole = Whole::create(path)?;
    whole.file().write_all(bytes).map_err(|e| ErrorKind::io("write", e).in_file(path))?;
    whole.keep()?;
    path.parent().map_or(Ok(()), sync_folder)
}

/// Every file under a folder, sorted by path.
///
/// # Errors
///
/// Where a folder cannot be listed.
pub fn list_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).map_err(|e| ErrorKind::io("list", e).in_file(&folder))? {
            let path = entry.map_err(|e| ErrorKind::io("list", e).in_file(&folder))?.path();
            if path.is_dir() { open.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    Ok(files)
}

impl Staging {
    fn receipt_path(&self, unit: &str) -> PathBuf {
        self.root.join("receipts").join(format!("{unit}.json"))
    }
}

/// `path` relative to `root`, with `/` between parts on every system.
pub fn relative(root: &Path, path: &Path) -> String {
    let inner = path.strip_prefix(root).unwrap_or(path);
    inner.components().map(|c| c.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}

fn remove_empty_folders(folder: &Path) -> Result<()> {
    for entry in fs::read_dir(folder).map_err(|e| ErrorKind::io("list", e).in_file(folder))?.flatten() {
        if entry.path().is_dir() {
            remove_empty_folders(&entry.path())?;
            // Fails where something is left in it, which is the point.
            let _ = fs::remove_dir(entry.path());
        }
    }
    Ok(())
}

fn sync_folders(folder: &Path) -> Result<()> {
    for entry in fs::read_dir(folder).map_err(|e| ErrorKind::io("list", e).in_file(folder))?.flatten() {
        if entry.path().is_dir() {
            sync_folders(&entry.path())?;
        }
    }
    sync_folder(folder)
}

/// Makes renames in a folder durable.
fn sync_folder(folder: &Path) -> Result<()> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    File::open(folder).and_then(|f| f.sync_all()).map_err(|e| ErrorKind::io("sync", e).in_file(folder))
}

/// Puts the folder `new` in the place of `old`, which ends up in the staging folder: in one step where the file system
/// can exchange two names, else with an instant between two renames.
fn exchange(new: &Path, old: &Path) -> Result<()> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        use rustix::io::Errno;
        match renameat_with(CWD, new, CWD, old, RenameFlags::EXCHANGE) {
            // Some network and FUSE file systems cannot.
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {}
            done => return done.map_err(|e| ErrorKind::io("exchange folders", e.into()).in_file(old)),
        }
    }
    let step = |from: &Path, to: &Path| fs::rename(from, to).map_err(|e| ErrorKind::io("rename", e).in_file(from));
    step(old, &new.with_file_name("replaced"))?;
    step(new, old)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn staged(folder: &Path, text: &str) -> Staging {
        let staging = Staging::open(&folder.join("town"), Hold::Alone).expect("a fresh folder");
        fs::write(staging.data().join("manifest.json"), text).expect("writable");
        staging
    }

    #[test]
    fn a_receipt_counts_only_while_its_files_are_as_it_says() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let staging = staged(folder.path(), "a");
        let file = staging.data().join("manifest.json");
        staging.finish("maps", "inputs", std::slice::from_ref(&file), &1).expect("written");
        assert!(staging.receipt("maps", "inputs").expect("readable").is_some());
        assert!(staging.receipt("maps", "other inputs").expect("readable").is_none());
        fs::write(&file, "b").expect("writable");
        assert!(staging.receipt("maps", "inputs").expect("readable").is_none());
    }

    #[test]
    fn commit_replaces_only_when_asked_and_leaves_no_staging() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let target = folder.path().join("town");
        staged(folder.path(), "first").commit(false).expect("nothing is there");
        let error = staged(folder.path(), "second").commit(false).expect_err("something is there");
        assert!(matches!(error.kind(), ErrorKind::Exists(_)));
        staged(folder.path(), "second").commit(true).expect("may replace");
        assert_eq!(fs::read_to_string(target.join("manifest.json")).expect("readable"), "second");
        assert!(!staging_path(&target).exists());
    }

    #[test]
    fn a_build_killed_right_after_its_commit_is_recognised_as_done() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let target = folder.path().join("town");
        staged(folder.path(), "done").commit(false).expect("nothing is there");
        assert!(!finish_interrupted_commit(&target).expect("readable"));
        let root = staging_path(&target);
        fs::create_dir_all(&root).expect("writable");
        fs::write(root.join("committing"), hash_file(&target.join("manifest.json")).expect("readable"))
            .expect("writable");
        assert!(finish_interrupted_commit(&target).expect("readable"));
        assert!(!root.exists());
    }

    #[test]
    fn two_builds_of_one_data_set_do_not_mix() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let _first = staged(folder.path(), "a");
        assert!(Staging::open(&folder.path().join("town"), Hold::Alone).is_err());
    }
}
