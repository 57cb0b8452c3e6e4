//! Exports of a round square, from the config to the files: what counts as a clip.

mod common;

use std::path::Path;
use std::sync::atomic::AtomicBool;

use common::square::{Drive, NOON_NS, front, make, write};
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

fn built(folder: &Path) -> Dataset {
    let config = folder.join("build.toml");
    std::fs::write(&config, CONFIG).expect("writable");
    let built = make(&config, &folder.join("data"), 2);
    assert!(built.quarantine.is_empty(), "{:?}", built.quarantine);
    Dataset::open(folder.join("data")).expect("a data set")
}

fn exported(dataset: &Dataset, target: Target, out: &Path) -> Exported {
    let rows = (0..dataset.len()).collect();
    let options =
        ExportOptions { target, out: out.to_path_buf(), rows, cameras: Vec::new(), size: None, overwrite: false };
    export(dataset, &options, &|_| {}, &AtomicBool::new(false)).expect("exported")
}

#[test]
fn clips_are_what_the_consumer_can_use() {
    let folder = tempfile::tempdir().expect("temporary folder");
    drive(folder.path(), 1.0);
    let dataset = built(folder.path());
    let samples = dataset.len() as u64;
    assert!(samples > 0);
    let clips = |target: Target| exported(&dataset, target, &folder.path().join(target.name()));
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
    let dataset = built(folder.path());
    let out = folder.path().join("nwm");
    let told = exported(&dataset, Target::Nwm, &out);
    assert_eq!(told.clips, 0);
    assert!(told.left_out["trajectories of one picture, which have no step"] > 0, "{:?}", told.left_out);
    assert!(told.notes.contains_key("no trajectory in the training split: metric_waypoint_spacing is 1"));
    let names = std::fs::read_to_string(out.join("data_splits/worldloom/train/traj_names.txt")).expect("readable");
    assert_eq!(names, "");
    assert!(!out.join("worldloom").exists());
}
