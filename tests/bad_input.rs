//! Bad input ends in a clear error or a quarantine line that names file and record, and the rest is built.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::{run, small_world};

/// A small world with something broken in it, and what building it says.
struct Case {
    folder: tempfile::TempDir,
    config: PathBuf,
}

struct Outcome {
    code: i32,
    json: serde_json::Value,
    stderr: String,
}

impl Case {
    fn new() -> Case {
        let folder = tempfile::tempdir().expect("temporary folder");
        let config = small_world(folder.path(), 2);
        Case { folder, config }
    }

    fn path(&self, inner: &str) -> PathBuf {
        self.folder.path().join(inner)
    }

    fn write(&self, inner: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path(inner);
        fs::create_dir_all(path.parent().expect("inside")).expect("writable");
        fs::write(path, bytes).expect("writable");
    }

    fn config(&self, from: &str, to: &str) {
        let text = fs::read_to_string(&self.config).expect("readable");
        assert!(text.contains(from), "{from} is not in the config");
        fs::write(&self.config, text.replace(from, to)).expect("writable");
    }

    fn build(&self) -> Outcome {
        let (config, out) = (self.config.to_str().expect("UTF-8"), self.path("out"));
        let (code, stdout, stderr) = run(&["build", config, "--out", out.to_str().expect("UTF-8"), "--json"]);
        assert!(!stderr.contains("panicked"), "{stderr}");
        Outcome { code, json: serde_json::from_str(&stdout).unwrap_or_default(), stderr }
    }

    /// Builds, expects that something was left out, and returns the lines that say what.
    fn left_out(&self) -> Vec<String> {
        let outcome = self.build();
        assert_eq!(outcome.code, 3, "{}", outcome.stderr);
        assert!(outcome.json["counts"]["samples"].as_u64().is_some_and(|n| n > 0), "the rest is built");
        let lines = outcome.json["quarantine"].as_array().expect("a list");
        lines.iter().map(|l| l.as_str().expect("text").to_string()).collect()
    }

    /// Builds and expects a failure of a code; returns what it says.
    fn fails(&self, code: i32) -> String {
        let outcome = self.build();
        assert_eq!(outcome.code, code, "{}", outcome.stderr);
        assert!(!self.path("out").exists());
        outcome.stderr
    }
}

fn one_says(lines: &[String], words: &[&str]) {
    let found = lines.iter().any(|l| words.iter().all(|w| l.contains(w)));
    assert!(found, "no line has all of {words:?}: {lines:#?}");
}

const PICTURE: &str = "drives/drive-00/images/front/0003.jpg";

#[test]
fn a_picture_cut_short_is_left_out_by_name() {
    let case = Case::new();
    let bytes = fs::read(case.path(PICTURE)).expect("readable");
    case.write(PICTURE, &bytes[..bytes.len() / 2]);
    one_says(&case.left_out(), &["drives/drive-00/images/front/0003.jpg"]);
}

#[test]
fn a_picture_that_lies_about_its_size_is_left_out_by_name() {
    let case = Case::new();
    let mut bytes = fs::read(case.path(PICTURE)).expect("readable");
    let sof = bytes.windows(2).position(|w| w == [0xFF, 0xC0]).expect("a baseline JPEG");
    bytes[sof + 5] = 8; // height: 96 becomes 2,144
    case.write(PICTURE, &bytes);
    one_says(&case.left_out(), &["drives/drive-00/images/front/0003.jpg"]);
}

#[test]
fn a_picture_of_sixty_thousand_squared_pixels_is_refused_from_its_header() {
    let case = Case::new();
    let mut bytes = fs::read(case.path(PICTURE)).expect("readable");
    let sof = bytes.windows(2).position(|w| w == [0xFF, 0xC0]).expect("a baseline JPEG");
    bytes[sof + 5..sof + 9].copy_from_slice(&[0xEA, 0x60, 0xEA, 0x60]);
    case.write(PICTURE, &bytes);
    one_says(&case.left_out(), &["0003.jpg", "3600000000", "limit"]);
}

#[test]
fn a_png_that_is_none_is_left_out_by_name() {
    let case = Case::new();
    case.write("drives/drive-00/images/front/0099.png", b"\x89PNG\r\n\x1a\nnothing more");
    one_says(&case.left_out(), &["drives/drive-00/images/front/0099.png"]);
}

#[test]
fn a_table_that_cannot_be_read_is_named_and_its_drive_is_built_without_it() {
    let case = Case::new();
    case.write("drives/drive-00/imu.csv", "t_ns,force\n1,2\n");
    one_says(&case.left_out(), &["drives/drive-00/imu.csv", "ax_mps2"]);
}

#[test]
fn gnss_lines_that_are_none_are_named_and_the_rest_is_used() {
    let case = Case::new();
    let mut text = fs::read_to_string(case.path("drives/drive-00/gnss.csv")).expect("readable");
    text.push_str("not,a,line\n1714521604100000000,NaN,37.3946,40,0.1\n1714521604200000000,0,0,0,0.1\n");
    case.write("drives/drive-00/gnss.csv", text);
    let lines = case.left_out();
    one_says(&lines, &["drives/drive-00/gnss.csv", "line 43"]);
}

#[test]
fn gpx_times_out_of_order_twice_or_missing_are_named_and_the_rest_is_used() {
    let case = Case::new();
    let point = |second: u32, time: &str| {
        format!("<trkpt lat=\"{:.6}\" lon=\"127.111\">{time}</trkpt>\n", 37.394 + f64::from(second) * 1e-4)
    };
    let mut gpx = String::from("<gpx version=\"1.1\"><trk><trkseg>\n");
    for second in 0..20u32 {
        let stamp = match second {
            5 => 3,
            9 => 8,
            other => other,
        };
        let time = format!("<time>2024-05-01T00:00:{stamp:02}Z</time>");
        gpx.push_str(&point(second, if second == 12 { "" } else { &time }));
    }
    gpx.push_str("</trkseg></trk></gpx>");
    case.write("drives/drive-00/gnss.csv", "");
    fs::remove_file(case.path("drives/drive-00/gnss.csv")).expect("removable");
    case.write("drives/drive-00/walk.gpx", gpx);
    one_says(&case.left_out(), &["drives/drive-00/walk.gpx"]);
}

#[test]
fn broken_xml_of_a_map_is_named_with_its_place() {
    let case = Case::new();
    let text = fs::read_to_string(case.path("map/town.osm")).expect("readable");
    case.write("map/town.osm", &text[..text.len() - 120]);
    let outcome = case.build();
    assert!([1, 3].contains(&outcome.code), "{}", outcome.stderr);
    let said = format!("{}{}", outcome.stderr, outcome.json);
    assert!(said.contains("town.osm"), "{said}");
}

#[test]
fn a_truncated_pbf_is_named() {
    let Some(data) = common::worldloom_data() else { return };
    let case = Case::new();
    let bytes = fs::read(data.join("itinero-lille/network.osm.pbf")).expect("readable");
    case.write("map/town.osm.pbf", &bytes[..bytes.len() * 2 / 3]);
    case.config("map/town.osm\"", "map/town.osm.pbf\"");
    let outcome = case.build();
    assert!([1, 3].contains(&outcome.code), "{}", outcome.stderr);
    let said = format!("{}{}", outcome.stderr, outcome.json);
    assert!(said.contains("town.osm.pbf"), "{said}");
}

#[test]
fn a_tile_archive_with_a_lying_directory_is_named() {
    let Some(data) = common::worldloom_data() else { return };
    let case = Case::new();
    let mut bytes = fs::read(data.join("tile-archives/stamen_toner_raster_z3.pmtiles")).expect("readable");
    // The header's length of the root directory, far beyond the file.
    bytes[16..24].copy_from_slice(&u64::MAX.to_le_bytes());
    case.write("map/town.pmtiles", &bytes);
    case.config("map/town.osm\"", "map/town.pmtiles\"");
    let said = case.fails(1);
    assert!(said.contains("town.pmtiles"), "{said}");
}

#[test]
fn an_empty_folder_is_left_out_and_alone_it_is_an_error() {
    let case = Case::new();
    fs::create_dir_all(case.path("drives/empty")).expect("writable");
    one_says(&case.left_out(), &["drives/empty"]);

    let case = Case::new();
    fs::create_dir_all(case.path("nothing/here")).expect("writable");
    case.config("drives/*", "nothing/*");
    let outcome = case.build();
    assert!([1, 2].contains(&outcome.code), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("here"), "{}", outcome.stderr);
}

#[test]
fn a_path_that_does_not_exist_and_a_typing_error_name_their_line() {
    let case = Case::new();
    case.config("map/town.osm\"", "map/twon.osm\"");
    let said = case.fails(2);
    assert!(said.contains("build.toml, line 8") && said.contains("twon.osm"), "{said}");

    let case = Case::new();
    case.config("past_s", "past_seconds");
    let said = case.fails(2);
    assert!(said.contains("build.toml, line 18") && said.contains("past_seconds"), "{said}");
}

#[test]
fn an_option_that_a_kind_of_map_has_no_use_for_is_an_error() {
    let case = Case::new();
    case.config("[[map]]", "[[map]]\nzoom = 14");
    let said = case.fails(2);
    assert!(said.contains("build.toml") && said.contains("`zoom` means nothing to a map of kind `osm`"), "{said}");
}

#[test]
fn exif_without_a_place_or_with_nan_leaves_a_photo_without_a_place() {
    let case = Case::new();
    for i in 0..6u32 {
        let place = match i {
            2 => None,
            3 => Some([(0, 0), (0, 1), (0, 1)]),
            _ => Some([(37, 1), (23, 1), (i * 100 + 3000, 100)]),
        };
        case.write(&format!("photos/{i}.jpg"), photo(place));
    }
    case.config("drives/*\"\nlicense", "photos\"\nchannel = \"front\"\nlicense");
    case.config("past_s = 0.4\nfuture_s = 0.8", "axis = \"distance\"\npast_m = 5.0\nfuture_m = 10.0");
    one_says(&case.left_out(), &["photos/3.jpg"]);
}

/// A small JPEG with an EXIF latitude of three rationals at 127.1 E.
fn photo(lat: Option<[(u32, u32); 3]>) -> Vec<u8> {
    let mut picture = Vec::new();
    let pixels = image::RgbImage::from_fn(32, 32, |x, y| image::Rgb([(x * 8) as u8, (y * 8) as u8, 90]));
    image::codecs::jpeg::JpegEncoder::new(&mut picture).encode_image(&pixels).expect("encodable");
    let Some(lat) = lat else { return picture };
    let lon = [(127, 1), (6, 1), (0, 1)];
    // TIFF, big endian: IFD0 with one entry (GPS IFD), the GPS IFD with N, lat, E, lon, then the rationals.
    let mut tiff = b"MM\0\x2a\0\0\0\x08\0\x01".to_vec();
    let entry = |tag: u16, kind: u16, count: u32, value: [u8; 4]| {
        let mut bytes = tag.to_be_bytes().to_vec();
        bytes.extend(kind.to_be_bytes());
        bytes.extend(count.to_be_bytes());
        bytes.extend(value);
        bytes
    };
    tiff.extend(entry(0x8825, 4, 1, 26u32.to_be_bytes()));
    tiff.extend([0; 4]);
    tiff.extend(4u16.to_be_bytes());
    let rationals = 26 + 2 + 4 * 12 + 4;
    tiff.extend(entry(1, 2, 2, *b"N\0\0\0"));
    tiff.extend(entry(2, 5, 3, (rationals as u32).to_be_bytes()));
    tiff.extend(entry(3, 2, 2, *b"E\0\0\0"));
    tiff.extend(entry(4, 5, 3, (rationals as u32 + 24).to_be_bytes()));
    tiff.extend([0; 4]);
    for (n, d) in lat.into_iter().chain(lon) {
        tiff.extend(u32::to_be_bytes(n));
        tiff.extend(u32::to_be_bytes(d));
    }
    let mut app1 = b"\xFF\xE1".to_vec();
    app1.extend(((tiff.len() + 8) as u16).to_be_bytes());
    app1.extend(b"Exif\0\0");
    app1.extend(tiff);
    picture.splice(2..2, app1);
    picture
}

/// A full disk: an error that says so, and with room again the same command goes on to the same bytes.
///
/// Needs the right to mount a small tmpfs; says that it is skipped without.
#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_an_error_and_with_room_the_build_goes_on() {
    let case = Case::new();
    let disk = case.path("disk");
    fs::create_dir(&disk).expect("writable");
    let mount = |options: &str| {
        let args = ["-t", "tmpfs", "-o", options, "tmpfs"];
        std::process::Command::new("mount").args(args).arg(&disk).output().is_ok_and(|o| o.status.success())
    };
    if !mount("size=200k") {
        eprintln!("skipped: a tmpfs cannot be mounted here");
        return;
    }
    let _unmount = Unmount(&disk);
    let out = disk.join("town");
    let (config, out) = (case.config.to_str().expect("UTF-8"), out.to_str().expect("UTF-8"));
    let (code, _, stderr) = run(&["build", config, "--out", out]);
    assert_eq!(code, 1, "{stderr}");
    assert!(stderr.contains("No space left") && stderr.contains("hint: free some space"), "{stderr}");
    assert!(mount("remount,size=64m"), "the disk can grow");
    let (code, _, stderr) = run(&["build", config, "--out", out]);
    assert_eq!(code, 0, "{stderr}");
    let calm = case.path("calm");
    run(&["build", config, "--out", calm.to_str().expect("UTF-8")]);
    assert_eq!(common::tree(Path::new(out)), common::tree(&calm));
}

#[cfg(target_os = "linux")]
struct Unmount<'a>(&'a Path);

#[cfg(target_os = "linux")]
impl Drop for Unmount<'_> {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg(self.0).output();
    }
}

#[test]
fn a_recording_that_two_entries_mean_is_refused_by_their_numbers() {
    let case = Case::new();
    let entry = "[[recording]]\nkind = \"folder\"\npath = \"drives/drive-00\"\nlicense = \"CC-BY-4.0\"\n\n[sample]";
    case.config("[sample]", entry);
    let told = case.fails(2);
    assert!(told.contains("drives/drive-00") && told.contains("`[[recording]]` 1 and by 2"), "{told}");
}

#[test]
fn pictures_of_another_size_than_their_calibration_share_a_line() {
    let case = Case::new();
    let camera = r#"{"cameras": {"front": {"model": "pinhole", "width": 640, "height": 480,
        "intrinsics": [500, 500, 319.5, 239.5], "distortion": [], "ego_se3_sensor": {"t": [0, 0, 1], "q": [1, 0, 0, 0]}}}}"#;
    case.write("drives/drive-00/calibration.json", camera);
    let lines = case.left_out();
    one_says(&lines, &["drives/drive-00/images/front: its size is not the 640 x 480", "files: 0000.jpg, 0001.jpg"]);
    assert_eq!(lines.iter().filter(|line| line.contains("its size is not")).count(), 1);
}
