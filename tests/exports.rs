//! Exports of a round square, from the config to the files: what counts as a clip, and masks.

mod common;

use std::path::Path;
use std::sync::atomic::AtomicBool;

use common::square::{DAY_NS, Drive, NOON_NS, front, make, panorama, write};
use image::{DynamicImage, GrayImage, Luma};
use worldloom::dataset::Dataset;
use worldloom::export::{ExportOptions, Exported, Target, export};

const CONFIG: &str = r#"
[dataset]
name = "square"
license = "CC0-1.0"
[[recording]]
kind = "folder"
license = "CC0-1.0"
path = "drives/*"
[sample]
past_s = 1.0
future_s = 2.0
rate_hz = 2.0
stride_s = 1.0
[split]
method = "none"
"#;
/// Beside it, street view of another day.
const REFERENCES: &str = r#"
[[recording]]
kind = "folder"
license = "CC0-1.0"
path = "surveys/*"
use = "reference"
[sample.references]
count = 1
min_days = 30
"#;

/// A drive past the column with a picture every `every_m` metres, without depth.
fn drive(folder: &Path, every_m: f64) {
    let drive = Drive {
        name: "drive",
        channel: "front",
        camera: front(),
        start_ns: NOON_NS,
        x: [-8.0, 2.0],
        y: 0.0,
        every_m,
        depth: false,
    };
    write(&folder.join("drives"), &drive);
}

fn built(folder: &Path, config: &str) -> Dataset {
    let file = folder.join("build.toml");
    std::fs::write(&file, config).expect("writable");
    let built = make(&file, &folder.join("data"), 2);
    assert!(built.quarantine.is_empty(), "{:?}", built.quarantine);
    Dataset::open(folder.join("data")).expect("a data set")
}

/// Masks what `masked` says of the pictures of a channel with these numbers, all of one size.
fn mask(recording: &Path, channel: &str, size: [u32; 2], numbers: &[u32], masked: impl Fn(u32, u32) -> bool) {
    let folder = recording.join("masks").join(channel);
    std::fs::create_dir_all(&folder).expect("writable");
    let mask = GrayImage::from_fn(size[0], size[1], |u, v| Luma([if masked(u, v) { 255 } else { 0 }]));
    for number in numbers {
        mask.save(folder.join(format!("{number:04}.png"))).expect("writable");
    }
}

fn grey(file: &Path) -> GrayImage {
    match image::open(file).expect("a picture") {
        DynamicImage::ImageLuma8(picture) => picture,
        other => panic!("{} is {:?}", file.display(), other.color()),
    }
}

fn exported(dataset: &Dataset, target: Target, size: Option<[u32; 2]>, out: &Path) -> Exported {
    let rows = (0..dataset.len()).collect();
    let options = ExportOptions { target, out: out.to_path_buf(), rows, cameras: Vec::new(), size, overwrite: false };
    export(dataset, &options, &|_| {}, &AtomicBool::new(false)).expect("exported")
}

#[test]
fn clips_are_what_the_consumer_can_use() {
    let folder = tempfile::tempdir().expect("temporary folder");
    drive(folder.path(), 1.0);
    let dataset = built(folder.path(), CONFIG);
    let samples = dataset.len() as u64;
    assert!(samples > 0);
    let clips = |target: Target| exported(&dataset, target, None, &folder.path().join(target.name()));
    let pairs = clips(Target::Dust3r);
    assert_eq!((pairs.samples, pairs.clips), (samples, 0));
    assert_eq!(pairs.left_out["samples and cameras none of whose pictures is in a pair"], samples);
    assert_eq!(pairs.left_out["scenes without a pair of pictures that overlap"], 1);
    for target in [Target::Nwm, Target::Colmap, Target::Nerfstudio] {
        let told = clips(target);
        assert_eq!((told.clips, told.left_out.len()), (samples, 0), "{target:?}");
    }
}

#[test]
fn trajectories_of_one_picture_are_left_out() {
    let folder = tempfile::tempdir().expect("temporary folder");
    // A picture every three seconds: each stands alone at two ticks a second.
    drive(folder.path(), 6.0);
    let dataset = built(folder.path(), CONFIG);
    let out = folder.path().join("nwm");
    let told = exported(&dataset, Target::Nwm, None, &out);
    assert_eq!(told.clips, 0);
    assert!(told.left_out["trajectories of one picture, which have no step"] > 0, "{:?}", told.left_out);
    assert!(told.notes.contains_key("no trajectory in the training split: metric_waypoint_spacing is 1"));
    let names = std::fs::read_to_string(out.join("data_splits/worldloom/train/traj_names.txt")).expect("readable");
    assert_eq!(names, "");
    assert!(!out.join("worldloom").exists());
}

#[test]
fn masks_go_along_with_their_pictures_through_cut_and_resize() {
    let folder = tempfile::tempdir().expect("temporary folder");
    drive(folder.path(), 1.0);
    // The left half of 320 x 180: of the middle 180 x 180 at half the size, the 45 columns to the left.
    mask(&folder.path().join("drives/drive"), "front", [320, 180], &[3, 4], |u, _| u < 160);
    let dataset = built(folder.path(), CONFIG);
    let half = |file: &Path| {
        let mask = grey(file);
        assert_eq!(mask.dimensions(), (90, 90));
        assert!(mask.enumerate_pixels().all(|(u, _, p)| p.0[0] == if u < 45 { 0 } else { 255 }));
    };

    let out = folder.path().join("colmap");
    exported(&dataset, Target::Colmap, Some([90, 90]), &out);
    let masks = out.join("drive/masks/front");
    let mut names: Vec<String> = std::fs::read_dir(&masks)
        .expect("a folder")
        .map(|file| file.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    assert_eq!(names.len(), 2, "only where there is a mask");
    for name in &names {
        half(&masks.join(name));
        let picture = name.strip_suffix(".png").expect("the picture's name and `.png`");
        assert!(out.join("drive/images/front").join(picture).is_file());
    }

    let out = folder.path().join("nerfstudio");
    exported(&dataset, Target::Nerfstudio, Some([90, 90]), &out);
    let text = std::fs::read_to_string(out.join("drive/transforms.json")).expect("readable");
    let scene: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    for frame in scene["frames"].as_array().expect("frames") {
        // nerfstudio takes masks for all pictures or for none.
        let path = frame["mask_path"].as_str().expect("a mask");
        let picture = frame["file_path"].as_str().expect("a picture");
        assert_eq!(path.replacen("masks", "images", 1).replace(".png", ".jpg"), picture);
        let colmap = path.strip_prefix("masks/front/").expect("its camera").replace(".png", ".jpg.png");
        match names.contains(&colmap) {
            true => half(&out.join("drive").join(path)),
            false => assert!(grey(&out.join("drive").join(path)).pixels().all(|p| p.0[0] == 255)),
        }
    }
}

#[test]
fn without_masks_none_are_written() {
    let folder = tempfile::tempdir().expect("temporary folder");
    drive(folder.path(), 1.0);
    let dataset = built(folder.path(), CONFIG);
    for target in [Target::Colmap, Target::Nerfstudio] {
        let out = folder.path().join(target.name());
        exported(&dataset, target, None, &out);
        assert!(!out.join("drive/masks").exists());
    }
    let text = std::fs::read_to_string(folder.path().join("nerfstudio/drive/transforms.json")).expect("readable");
    assert!(!text.contains("mask_path"));
}

#[test]
fn a_refset_has_the_masks_of_its_target_and_of_its_references() {
    let folder = tempfile::tempdir().expect("temporary folder");
    drive(folder.path(), 1.0);
    let survey = Drive {
        name: "autumn",
        channel: "pano",
        camera: panorama(),
        start_ns: NOON_NS + 60 * DAY_NS,
        x: [-10.0, 8.0],
        y: 1.5,
        every_m: 3.0,
        depth: false,
    };
    write(&folder.path().join("surveys"), &survey);
    mask(&folder.path().join("drives/drive"), "front", [320, 180], &[3, 4], |u, _| u < 160);
    // What lies below the horizon.
    mask(&folder.path().join("surveys/autumn"), "pano", [640, 320], &[0, 1, 2, 3, 4, 5, 6], |_, v| v >= 160);
    let dataset = built(folder.path(), &format!("{CONFIG}{REFERENCES}"));
    let out = folder.path().join("refset");
    let told = exported(&dataset, Target::Refset, None, &out);
    assert!(told.clips > 0, "{:?}", told.left_out);
    assert!(told.notes.keys().filter(|note| note.starts_with("pictures of `pano` of `autumn`")).count() <= 1);
    let mut targets = 0;
    for clip in std::fs::read_dir(&out).expect("a folder").map(|e| e.expect("an entry").path()).filter(|p| p.is_dir()) {
        let reference = grey(&clip.join("refs/00.mask.png"));
        let picture = image::open(clip.join("refs/00.jpg")).expect("a picture");
        assert_eq!(reference.dimensions(), (picture.width(), picture.height()));
        let middle = reference.height() / 2;
        assert!(reference.enumerate_pixels().all(|(_, v, p)| v.abs_diff(middle) < 2 || (p.0[0] == 0) == (v > middle)));
        let Ok(masks) = std::fs::read_dir(clip.join("target_mask")) else { continue };
        for file in masks.map(|file| file.expect("an entry").path()) {
            targets += 1;
            assert!(grey(&file).enumerate_pixels().all(|(u, _, p)| (p.0[0] == 0) == (u < 160)));
        }
    }
    assert!(targets >= 2, "{targets}");
}
