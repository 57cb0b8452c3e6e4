//! `worldloom stats` and `explain` on a small data set; help and completions of every subcommand.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::LazyLock;

use common::{run, small_world};
use serde_json::Value;

static SMALL: LazyLock<(tempfile::TempDir, PathBuf)> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("temporary folder");
    let config = small_world(folder.path(), 2);
    let out = folder.path().join("small");
    let (code, _, stderr) = run(&["build", config.to_str().expect("UTF-8"), "--out", out.to_str().expect("UTF-8")]);
    assert_eq!(code, 0, "{stderr}");
    (folder, out)
});

fn on_small(args: &[&str]) -> (i32, String, String) {
    let mut all = args.to_vec();
    all.insert(1, SMALL.1.to_str().expect("UTF-8"));
    run(&all)
}

fn json(args: &[&str]) -> Value {
    let (code, stdout, stderr) = on_small(&[args, &["--json"]].concat());
    assert_eq!(code, 0, "{stderr}");
    serde_json::from_str(&stdout).expect("JSON")
}

#[test]
fn stats_count_what_a_query_lists() {
    let (stats, samples) = (json(&["stats"]), json(&["query"]));
    let samples = samples.as_array().expect("an array");
    assert_eq!(stats["rows"]["samples"], samples.len());
    let mut splits: BTreeMap<&str, u64> = BTreeMap::new();
    for sample in samples {
        *splits.entry(sample["split"].as_str().expect("text")).or_default() += 1;
    }
    assert_eq!(stats["splits"], serde_json::json!(splits));
    // Two drives of 4 s at 10 m/s with 20 pictures each.
    assert_eq!((&stats["rows"]["frames"], &stats["channels"][0]["format"]), (&40.into(), &"jpg".into()));
    let near = |value: &Value, want: f64| (value.as_f64().expect("a number") - want).abs() < want * 0.01;
    assert!(near(&stats["km"], 0.08) && near(&stats["hours"], 8.0 / 3600.0), "{stats}");
    for histogram in stats["histograms"].as_array().expect("an array") {
        let bins = histogram["bins"].as_array().expect("an array").iter();
        let counted: u64 = bins.filter_map(|bin| bin["count"].as_u64()).sum();
        let counted = counted + histogram["missing"].as_u64().expect("a number");
        let of = if histogram["name"] == "samples a recording" { 2 } else { samples.len() as u64 };
        assert_eq!(counted, of, "{histogram}");
    }
    let (code, text, _) = on_small(&["stats"]);
    assert_eq!(code, 0);
    for part in ["0.1 km", "drive-01", "front", "CC-BY-4.0", "© OpenStreetMap contributors", "heading at t0", "█"] {
        assert!(text.contains(part), "no {part} in\n{text}");
    }
}

#[test]
fn explain_leads_from_a_sample_to_its_files() {
    let samples = json(&["query", "--where", "recording_id = 'drive-01'"]);
    let id = samples[1]["sample_id"].as_str().expect("text");
    let lineage = json(&["explain", id]);
    assert_eq!(lineage["sample_id"], id);
    assert_eq!(lineage["frames"].as_array().map(Vec::len), samples[1]["frames"].as_array().map(Vec::len));
    let frame = &lineage["frames"][0];
    let file = SMALL.0.path().join("drives/drive-01").join(frame["source_path"].as_str().expect("text"));
    let hash = blake3::hash(&std::fs::read(file).expect("the source")).to_hex().to_string();
    assert_eq!(frame["source_blake3"], hash);
    let shard = std::fs::read(SMALL.1.join(frame["shard"].as_str().expect("text"))).expect("a shard");
    let at = |key: &str| frame[key].as_u64().expect("a number") as usize;
    let stored = blake3::hash(&shard[at("offset")..at("offset") + at("length")]).to_hex().to_string();
    assert_eq!(frame["checksum"], stored);
    // The trace and the list of times belong to every sample; pictures of others do not.
    let source = |path: &str| {
        let all = lineage["sources"].as_array().expect("an array").iter();
        all.clone().find(|source| source["path"] == path).unwrap_or_else(|| panic!("no source {path}"))
    };
    let files: Vec<&str> = source("drives/drive-01")["files"]
        .as_array()
        .expect("an array")
        .iter()
        .filter_map(|f| f["path"].as_str())
        .collect();
    assert!(files.contains(&"drives/drive-01/gnss.csv") && files.contains(&"drives/drive-01/images/front/times.csv"));
    assert_eq!(files.len(), 2 + lineage["frames"].as_array().expect("an array").len());
    assert_eq!(source("map/town.osm")["license"], "ODbL-1.0");
    let mut evidence = lineage["evidence"].as_array().expect("an array").iter();
    assert!(evidence.any(|fact| fact["feature_id"] == "way/10" && fact["name"] == "판교역로"), "{lineage}");
    assert_eq!(lineage["config"]["sample"]["past_s"], 0.4);
    let cells = lineage["split"]["cells"].as_object().expect("cells");
    let of: BTreeSet<&str> = cells.values().filter_map(Value::as_str).collect();
    let split = samples[1]["split"].as_str().expect("text");
    assert!(if split == "buffer" { of.len() > 1 } else { of == BTreeSet::from([split]) }, "{split}: {cells:?}");

    let (code, text, stderr) = on_small(&["explain", &id[..8]]);
    assert_eq!(code, 0, "{stderr}");
    for part in
        [id, "drives/drive-01", "way/10 (road residential 판교역로)", "cells within 25 m", "shards/", "ODbL-1.0"]
    {
        assert!(text.contains(part), "no {part} in\n{text}");
    }
    let (code, _, stderr) = on_small(&["explain", &format!("{}zz", &id[..14])]);
    assert!(code == 1 && stderr.contains("nearest are") && stderr.contains(id), "{stderr}");
}

#[test]
fn every_subcommand_has_short_help_with_an_example_and_completes() {
    let (code, help, _) = run(&["--help"]);
    assert_eq!(code, 0);
    let commands =
        help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| line.starts_with("  "));
    let names: Vec<&str> =
        commands.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help").collect();
    assert!(["build", "query", "stats", "validate", "explain"].iter().all(|name| names.contains(name)), "{names:?}");
    for name in &names {
        let (code, short, _) = run(&[name, "-h"]);
        assert_eq!(code, 0);
        assert!(short.contains("Example: worldloom"), "{name} shows no example");
        assert!(short.lines().count() <= 30, "{name} -h is long:\n{short}");
        assert!(short.contains(&format!("worldloom {name}")));
    }
    for shell in ["bash", "zsh", "fish"] {
        let (code, script, _) = run(&["completions", shell]);
        assert_eq!(code, 0);
        for name in &names {
            assert!(script.contains(name), "{shell} does not complete {name}");
        }
        assert!(script.contains("geojson") && script.contains("deep"), "{shell}");
    }
}
