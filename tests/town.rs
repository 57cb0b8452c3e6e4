//! `samples/town`: it is what `worldloom synth` writes, and the main job on it leaves nothing out.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::{run, tree};

fn sample_world() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/town")
}

fn utf8(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

#[test]
fn the_committed_world_is_what_the_command_in_its_readme_gives() {
    let readme = fs::read_to_string(sample_world().join("README.md")).expect("a note");
    let command = readme.split('`').find_map(|part| part.strip_prefix("worldloom synth ")).expect("a command");
    let folder = tempfile::tempdir().expect("temporary folder");
    let out = folder.path().join("town");
    let mut args = vec!["synth", "--out", utf8(&out)];
    args.extend(command.split(' '));
    let (code, _, stderr) = run(&args);
    assert_eq!(code, 0, "{stderr}");
    let (committed, fresh) = (tree(&sample_world()), tree(&out));
    let names = |files: &std::collections::BTreeMap<String, String>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&committed), names(&fresh));
    let changed: Vec<_> = committed.iter().filter(|(name, hash)| fresh.get(*name) != Some(hash)).collect();
    assert!(changed.is_empty(), "{} files differ, e.g. {:?}", changed.len(), changed.first());
}

#[test]
fn the_main_job_uses_everything_and_finds_nothing_wrong() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let out = folder.path().join("town");
    let config = sample_world().join("build.toml");
    let (code, stdout, stderr) = run(&["build", utf8(&config), "--out", utf8(&out), "--json"]);
    assert_eq!(code, 0, "{stdout}{stderr}");
    let manifest: serde_json::Value =
        serde_json::from_slice(&fs::read(out.join("manifest.json")).expect("a data set")).expect("JSON");
    let count = |what: &str| manifest["counts"][what].as_u64().unwrap_or(0);
    // Two drives and two surveys; surveys give pictures but no windows.
    assert_eq!(count("recordings"), 4);
    assert!(count("samples") >= 60, "{}", count("samples"));
    let media =
        |ending: &str| tree(&sample_world()).keys().filter(|f| !f.starts_with("truth/") && f.ends_with(ending)).count();
    // Each panorama of a survey has its depth and its mask.
    assert_eq!(media(".png"), 2 * 48);
    assert_eq!(count("frames") as usize, media(".jpg") + media(".feather") + media(".wav") + media(".png"));
    assert!(count("references") > 0, "{manifest:#?}");
    for layer in ["road", "lane_divider", "drivable", "crossing", "sidewalk", "building", "vegetation", "water", "sign"]
    {
        assert!(count(&format!("map/{layer}")) > 0, "no {layer}");
    }
    // A drive leaves its truth by no more than its GNSS does.
    let (code, stdout, stderr) = run(&["probe", utf8(&sample_world().join("drives/drive-1"))]);
    assert_eq!(code, 0, "{stdout}{stderr}");
    assert!(!stdout.contains("problem"), "{stdout}");
}
