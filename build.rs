//! Tells `build/road_cache.rs` which readers a program has, so that graphs which other readers made are not taken for theirs.

#![allow(clippy::print_stdout)] // it is how build scripts speak

use std::fs;
use std::path::{Path, PathBuf};

/// What a road graph is made by.
const READERS: [&str; 3] = ["src/coord", "src/record", "src/source/map"];

fn main() {
    let mut files = Vec::new();
    for reader in READERS {
        println!("cargo:rerun-if-changed={reader}");
        gather(Path::new(reader), &mut files);
    }
    files.sort();
    // FNV-1a, 64 bits: it need not withstand anybody.
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for file in files {
        for byte in fs::read(file).unwrap_or_default() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
        }
    }
    println!("cargo:rustc-env=WORLDLOOM_READERS={hash:016x}");
}

fn gather(path: &Path, files: &mut Vec<PathBuf>) {
    match fs::read_dir(path) {
        Ok(entries) => entries.flatten().for_each(|entry| gather(&entry.path(), files)),
        Err(_) => files.push(path.to_path_buf()),
    }
}
