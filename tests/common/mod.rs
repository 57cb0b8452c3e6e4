//! What integration tests share: a tiny world to build from, and the program.
#![allow(dead_code)] // each test uses its part

pub mod square;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The real data, where this machine has it; says that the test is skipped where not.
pub fn worldloom_data() -> Option<PathBuf> {
    let path = std::env::var_os("WORLDLOOM_DATA").map(PathBuf::from);
    if path.is_none() {
        eprintln!("skipped: WORLDLOOM_DATA is not set");
    }
    path
}

/// Copies a folder and what is in it.
pub fn copied(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("writable");
    for entry in fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        let there = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copied(&path, &there);
        } else {
            fs::copy(&path, &there).expect("copied");
        }
    }
}

/// The program that these tests were built with.
pub fn worldloom() -> Command {
    Command::new(env!("CARGO_BIN_EXE_worldloom"))
}

/// Runs the program and returns its exit code, stdout and stderr.
pub fn run(args: &[&str]) -> (i32, String, String) {
    let Output { status, stdout, stderr } = worldloom().args(args).output().expect("the program starts");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (status.code().unwrap_or(-1), text(stdout), text(stderr))
}

/// Every file under a folder with the blake3 of its bytes.
pub fn tree(folder: &Path) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(here) = open.pop() {
        for entry in fs::read_dir(&here).expect("readable folder") {
            let path = entry.expect("readable entry").path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(folder).expect("below").to_string_lossy().into_owned();
                files.insert(name, blake3::hash(&fs::read(&path).expect("readable file")).to_hex().to_string());
            }
        }
    }
    files
}

/// Writes a world of `drives` short drives with pictures, and its map and `build.toml`; returns the config's path.
///
/// Every drive is its own unit (shards of 1 MB), so that a build has steps to be interrupted between.
pub fn small_world(folder: &Path, drives: usize) -> PathBuf {
    fs::create_dir_all(folder.join("map")).expect("writable");
    fs::write(folder.join("map/town.osm"), OSM).expect("writable");
    for drive in 0..drives {
        write_drive(&folder.join(format!("drives/drive-{drive:02}")), drive);
    }
    let config = folder.join("build.toml");
    fs::write(&config, CONFIG).expect("writable");
    config
}

const CONFIG: &str = r#"
[dataset]
name = "small"
license = "CC-BY-4.0"
seed = 7

[[map]]
path = "map/town.osm"
license = "ODbL-1.0"
attribution = "© OpenStreetMap contributors"

[[recording]]
kind = "folder"
path = "drives/*"
license = "CC-BY-4.0"

[sample]
past_s = 0.4
future_s = 0.8

[split]
cell = 10

[output]
shard_mb = 1
"#;

const OSM: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<osm version="0.6" generator="worldloom tests">
<node id="1" lat="37.3940" lon="127.1110"/>
<node id="2" lat="37.3960" lon="127.1110"/>
<node id="3" lat="37.3950" lon="127.1110"><tag k="highway" v="crossing"/><tag k="crossing" v="marked"/></node>
<way id="10"><nd ref="1"/><nd ref="3"/><nd ref="2"/>
<tag k="highway" v="residential"/><tag k="name" v="판교역로"/><tag k="name:en" v="Pangyoyeok-ro"/><tag k="lanes" v="2"/></way>
</osm>
"#;

/// A drive northwards at 10 m/s for 4 s with a picture five times a second.
pub fn write_drive(folder: &Path, seed: usize) {
    let images = folder.join("images/front");
    fs::create_dir_all(&images).expect("writable");
    let start_ns = 1_714_521_600_000_000_000 + seed as i64 * 86_400_000_000_000;
    let mut gnss = String::from("t_ns,lon,lat,height_m,sigma_xy_m\n");
    for i in 0..=40 {
        let lat = 37.3942 + f64::from(i) / 110_985.0;
        gnss.push_str(&format!("{},127.1110,{lat:.9},40.0,0.1\n", start_ns + i64::from(i) * 100_000_000));
    }
    fs::write(folder.join("gnss.csv"), gnss).expect("writable");
    let mut times = String::from("file,t_ns\n");
    for i in 0..20u32 {
        let picture = image::RgbImage::from_fn(160, 96, |x, y| {
            let noise = (x * 31 + y * 17 + i * 7 + seed as u32 * 13) % 97;
            image::Rgb([(x + i) as u8, (y * 2) as u8, noise as u8])
        });
        let name = format!("{i:04}.jpg");
        picture.save(images.join(&name)).expect("writable");
        times.push_str(&format!("{name},{}\n", start_ns + i64::from(i) * 200_000_000));
    }
    fs::write(images.join("times.csv"), times).expect("writable");
}
