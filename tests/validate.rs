//! `worldloom validate`: a data set as it is built keeps every rule; each planted defect is found, and nothing else.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::sync::atomic::AtomicBool;

use common::{run, small_world};
use polars::prelude::*;
use worldloom::dataset::Dataset;
use worldloom::dataset::manifest::Manifest;
use worldloom::dataset::rows::{FrameRow, ReferenceRow};
use worldloom::dataset::shard::ShardWriter;
use worldloom::dataset::unit::stage_file;
use worldloom::dataset::validate::{Rule, Validation, Watch, validate};
use worldloom::dataset::{geoparquet, tables};
use worldloom::record::{MapFeature, MapLayer};
use worldloom::sample::{SampleRow, Split};

/// Two drives with pictures and sweeps, built.
static SOUND: LazyLock<(tempfile::TempDir, PathBuf)> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("temporary folder");
    let config = small_world(folder.path(), 2);
    for drive in ["drive-00", "drive-01"] {
        let lidar = folder.path().join("drives").join(drive).join("lidar/top");
        fs::create_dir_all(&lidar).expect("writable");
        let start_ns = 1_714_521_600_000_000_000 + if drive == "drive-01" { 86_400_000_000_000 } else { 0 };
        let mut times = String::from("file,t_ns\n");
        for i in 0..10i64 {
            let points = (0..50 + i).flat_map(|k| [k as f32, 1.0, 0.5, 0.2]).flat_map(f32::to_le_bytes);
            fs::write(lidar.join(format!("{i:04}.bin")), points.collect::<Vec<u8>>()).expect("writable");
            times.push_str(&format!("{i:04}.bin,{}\n", start_ns + i * 400_000_000));
        }
        fs::write(lidar.join("times.csv"), times).expect("writable");
    }
    let out = folder.path().join("sound");
    let (code, _, stderr) = run(&["build", config.to_str().expect("UTF-8"), "--out", out.to_str().expect("UTF-8")]);
    assert_eq!(code, 0, "{stderr}");
    (folder, out)
});

/// The file of a table.
fn table(dir: &Path, folder: &str) -> PathBuf {
    let mut files: Vec<_> = fs::read_dir(dir.join(folder)).expect("a folder").flatten().map(|e| e.path()).collect();
    files.sort();
    files.remove(0)
}

fn look(dir: &Path, deep: bool) -> Validation {
    let watch = Watch { stop: &AtomicBool::new(false), advance: &|_| {} };
    validate(dir, deep, &watch).expect("a data set")
}

/// A copy of the sound data set.
fn copy() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("temporary folder");
    for file in worldloom::dataset::unit::list_files(&SOUND.1).expect("readable") {
        let to = folder.path().join(file.strip_prefix(&SOUND.1).expect("below"));
        fs::create_dir_all(to.parent().expect("inside")).expect("writable");
        fs::copy(&file, to).expect("writable");
    }
    folder
}

/// Makes the manifest list what is there.
fn relist(dir: &Path) {
    let mut manifest = Manifest::read(dir).expect("a manifest");
    let files = worldloom::dataset::unit::list_files(dir).expect("readable");
    let listed = files.iter().filter(|f| !f.ends_with("manifest.json"));
    manifest.files = listed.map(|f| stage_file(dir, f).expect("readable")).collect();
    manifest.files.sort();
    manifest.write(dir).expect("writable");
}

fn change_manifest(dir: &Path, change: impl FnOnce(&mut Manifest)) {
    let mut manifest = Manifest::read(dir).expect("a manifest");
    change(&mut manifest);
    manifest.write(dir).expect("writable");
}

/// The rules that a change breaks, once each time that it does.
fn planted(deep: bool, change: impl FnOnce(&Path)) -> Vec<(Rule, String)> {
    let folder = copy();
    change(folder.path());
    let found = look(folder.path(), deep);
    assert_eq!(found.more, 0);
    found.findings.into_iter().map(|finding| (finding.rule, finding.what)).collect()
}

/// Expects one finding, of a rule, that says `what`.
fn one(rule: Rule, what: &str, change: impl FnOnce(&Path)) {
    let found = planted(true, |dir| {
        change(dir);
        relist(dir);
    });
    assert!(matches!(&found[..], [(r, text)] if *r == rule && text.contains(what)), "{rule:?}, {what}: {found:?}");
}

/// Changes samples.
fn samples(change: impl FnOnce(&mut Vec<SampleRow>)) -> impl FnOnce(&Path) {
    |dir| {
        let dataset = Dataset::open(dir).expect("a data set");
        let mut rows: Vec<SampleRow> = (0..dataset.len()).map(|i| dataset.sample(i).expect("a row")).collect();
        assert!(rows.len() > 3 && !rows[1].frames.is_empty());
        change(&mut rows);
        tables::write_samples(&table(dir, "samples"), &rows).expect("writable");
    }
}

/// Changes frames.
fn frames(change: impl FnOnce(&mut Vec<FrameRow>)) -> impl FnOnce(&Path) {
    |dir| {
        let dataset = Dataset::open(dir).expect("a data set");
        let all = 0..dataset.frames().expect("readable").height();
        let mut rows: Vec<FrameRow> = all.map(|i| dataset.frame_at(i).expect("a row")).collect();
        change(&mut rows);
        tables::write_frames(&table(dir, "frames"), &rows).expect("writable");
    }
}

/// Changes a table as columns.
fn columns(folder: &'static str, change: impl FnOnce(&mut DataFrame)) -> impl FnOnce(&Path) {
    move |dir| {
        let path = table(dir, folder);
        let mut rows = geoparquet::read(&path).expect("readable");
        change(&mut rows);
        geoparquet::write(&path, &rows).expect("writable");
    }
}

/// Replaces a number of the first row.
fn first_number(rows: &mut DataFrame, column: &str, change: impl Fn(f64) -> f64) {
    let old = rows.column(column).and_then(|c| c.f64()).expect("numbers").clone();
    let new = old.iter().enumerate().map(|(i, v)| if i == 0 { v.map(&change) } else { v });
    let new = Float64Chunked::from_iter_options(column.into(), new);
    rows.with_column(new.into_column()).expect("as many rows");
}

#[test]
fn a_data_set_as_built_keeps_every_rule() {
    for deep in [false, true] {
        let found = look(&SOUND.1, deep);
        assert_eq!(found.findings, []);
        let mut rules: Vec<&str> = found.looked_at.keys().map(|rule| rule.name()).collect();
        rules.retain(|rule| deep || *rule != "media");
        let all = [
            "files",
            "manifest",
            "schema",
            "row-groups",
            "rows",
            "ids",
            "resolves",
            "order",
            "geometry",
            "place",
            "ticks",
            "poses",
            "sync",
            "split",
            "licences",
            "shards",
            "media",
        ];
        assert_eq!(rules, all[..if deep { 17 } else { 16 }]);
    }
}

#[test]
fn files_are_as_the_manifest_lists_them() {
    let readme = |dir: &Path| dir.join("README.md");
    let found = planted(false, |dir| fs::remove_file(readme(dir)).expect("there"));
    assert_eq!(found, [(Rule::Files, "is listed in the manifest but not there".to_string())]);
    let found = planted(false, |dir| fs::write(dir.join("notes.txt"), "x").expect("writable"));
    assert_eq!(found, [(Rule::Files, "is there but not listed in the manifest".to_string())]);
    let found = planted(false, |dir| fs::write(readme(dir), "short").expect("writable"));
    assert!(matches!(&found[..], [(Rule::Files, what)] if what.starts_with("has 5 bytes")), "{found:?}");
    let other = |dir: &Path| {
        let text = fs::read(readme(dir)).expect("there");
        fs::write(readme(dir), text.iter().map(|b| b ^ 1).collect::<Vec<u8>>()).expect("writable");
    };
    assert_eq!(planted(false, other), []);
    assert!(matches!(&planted(true, other)[..], [(Rule::Files, what)] if what.starts_with("has the blake3")));
    let index = |dir: &Path| {
        fs::create_dir(dir.join("index")).expect("writable");
        fs::write(dir.join("index/boxes"), "x").expect("writable");
    };
    assert_eq!(planted(true, index), []);
}

#[test]
fn the_manifest_says_what_there_is() {
    let manifest = |change: fn(&mut Manifest)| planted(false, |dir| change_manifest(dir, change));
    let one = |found: &[(Rule, String)], what: &str| {
        assert!(matches!(found, [(Rule::Manifest, text)] if text.contains(what)), "{found:?}");
    };
    one(&manifest(|m| m.counts.extend([("poses".to_string(), 1)])), "it counts 1 poses, there are");
    one(&manifest(|m| m.counts.retain(|table, _| table != "frames")), "does not count");
    one(&manifest(|m| m.config["split"]["cell"] = 77.into()), "H3 resolutions end at 15");
    one(&manifest(|m| drop(m.config["dataset"].as_object_mut().map(|d| d.shift_remove("seed")))), "dataset.seed");
    one(&manifest(|m| m.files.reverse()), "not in order");
    let found = manifest(|m| m.sources[0].license.clear());
    assert!(found.iter().all(|(rule, _)| *rule == Rule::Licences) && !found.is_empty(), "{found:?}");
}

#[test]
fn tables_have_their_columns_and_are_geoparquet() {
    one(Rule::Schema, "no column `split`", columns("samples", |rows| drop(rows.drop_in_place("split"))));
    one(Rule::Schema, "does not have the same columns as poses/", |dir| {
        let path = table(dir, "poses");
        let rows = geoparquet::read(&path).expect("readable");
        let mut rest = rows.slice(20, rows.height());
        let extra = Int32Chunked::full("extra".into(), 1, rest.height());
        rest.with_column(extra.into_column()).expect("as many rows");
        geoparquet::write(&path, &rows.head(Some(20))).expect("writable");
        geoparquet::write(&dir.join("poses/rest.parquet"), &rest).expect("writable");
    });
    one(Rule::Schema, "not GeoParquet 1.1", |dir| {
        let path = table(dir, "frames");
        let mut rows = geoparquet::read(&path).expect("readable");
        ParquetWriter::new(fs::File::create(&path).expect("writable")).finish(&mut rows).expect("written");
    });
    one(Rule::Schema, "not a readable Parquet file", |dir| {
        let path = table(dir, "poses");
        let bytes = fs::read(&path).expect("there");
        fs::write(path, &bytes[..bytes.len() / 2]).expect("writable");
    });
    one(Rule::Schema, "no file of this table", |dir| fs::remove_dir_all(dir.join("poses")).expect("there"));
    one(Rule::Schema, "no map layer is called `roads`", |dir| {
        fs::copy(dir.join("map/road.parquet"), dir.join("map/roads.parquet")).expect("writable");
    });
    one(
        Rule::Rows,
        "no split is called `dev`",
        columns("samples", |rows| {
            let names = StringChunked::from_iter_values(
                "split".into(),
                (0..rows.height()).map(|i| if i == 0 { "dev" } else { "train" }),
            );
            let old = rows.column("split").and_then(|c| c.str()).expect("text").clone();
            let names = names.iter().zip(old.iter()).enumerate().map(|(i, (new, old))| if i == 0 { new } else { old });
            let names = StringChunked::from_iter_options("split".into(), names);
            rows.with_column(names.into_column()).expect("as many rows");
        }),
    );
    one(Rule::Rows, "`register_inliers` is not a share", samples(|rows| rows[0].register_inliers = Some(1.5)));
    one(Rule::Rows, "no format is called `gif`", |dir| {
        frames(|rows| {
            let row = rows.iter_mut().find(|row| row.frame_id == "drive-00/front/0000").expect("there");
            row.format = "gif".to_string();
        })(dir);
        // The member's name ends in its format.
        let shard = fs::read_dir(dir.join("shards")).expect("a folder").flatten().map(|e| e.path()).min();
        let shard = shard.expect("a shard");
        let text = fs::read(&shard).expect("there");
        fs::write(shard, renamed(text, "0000.jpg", "0000.gif")).expect("writable");
    });
}

/// A tar whose first member of a name has another of the same length, with the checksum of its header.
fn renamed(mut tar: Vec<u8>, old: &str, new: &str) -> Vec<u8> {
    let at = tar.windows(old.len()).position(|w| w == old.as_bytes()).expect("a member of this name");
    tar[at..at + new.len()].copy_from_slice(new.as_bytes());
    let block = at / 512 * 512;
    let mut header = tar::Header::new_old();
    header.as_mut_bytes().copy_from_slice(&tar[block..block + 512]);
    header.set_cksum();
    tar[block..block + 512].copy_from_slice(header.as_bytes());
    tar
}

#[test]
fn ids_are_unique_and_what_is_referred_to_is_there() {
    one(Rule::Ids, "is also the id of", samples(|rows| rows[1].sample_id = rows[0].sample_id.clone()));
    one(Rule::Ids, "is also the id of", |dir| {
        frames(|rows| rows.push(rows[0].clone()))(dir);
        change_manifest(dir, |m| *m.counts.get_mut("frames").expect("counted") += 1);
    });
    one(Rule::Resolves, "no frame `nobody`", samples(|rows| rows[1].frames[0].frame_id = "nobody".to_string()));
    one(
        Rule::Resolves,
        "not of its recording, channel and modality",
        samples(|rows| {
            rows[1].frames[0].channel = "rear".to_string();
        }),
    );
    one(
        Rule::Resolves,
        "evidence `way/999`",
        samples(|rows| {
            let captions = rows[2].captions.as_mut().expect("the map has a road here");
            captions[0].evidence = vec!["way/999".to_string()];
        }),
    );
    one(Rule::Resolves, "`way/7` is no road", samples(|rows| rows[2].match_way_ids = Some(vec!["way/7".to_string()])));
    one(
        Rule::Resolves,
        "no recording `nobody`",
        columns("poses", |rows| {
            let old = rows.column("recording_id").and_then(|c| c.str()).expect("text").clone();
            let new = old.iter().enumerate().map(|(i, id)| if i == 5 { Some("nobody") } else { id });
            let new = StringChunked::from_iter_options("recording_id".into(), new);
            rows.with_column(new.into_column()).expect("as many rows");
        }),
    );
    one(
        Rule::Resolves,
        "`drives/elsewhere` is not in the manifest",
        samples(|rows| {
            rows[0].sources.push("drives/elsewhere".to_string());
        }),
    );
    let reference = |change: fn(&mut ReferenceRow)| {
        move |dir: &Path| {
            let dataset = Dataset::open(dir).expect("a data set");
            let row = (0..dataset.len()).map(|i| dataset.sample(i).expect("a row"));
            let sample = row.into_iter().find(|row| row.recording_id == "drive-00").expect("one");
            let frame = (0..).map(|i| dataset.frame_at(i).expect("a row")).find(|f| f.recording_id == "drive-01");
            let mut row = ReferenceRow {
                sample_id: sample.sample_id,
                frame_id: frame.expect("one").frame_id,
                role: "geometric".to_string(),
                recording_id: "drive-01".to_string(),
                dt_days: Some(1.0),
                distance_m: 1.0,
                bearing_deg: None,
                channel: None,
                overlap: vec![0.5; sample.poses.len()],
                overlap_source: None,
                ahead_m: None,
            };
            change(&mut row);
            fs::create_dir_all(dir.join("references")).expect("writable");
            tables::write_references(&dir.join("references/a.parquet"), &[row]).expect("writable");
        }
    };
    assert_eq!(
        planted(false, |dir| {
            reference(|_| {})(dir);
            relist(dir);
        }),
        []
    );
    one(Rule::Resolves, "no sample `nobody`", reference(|row| row.sample_id = "nobody".to_string()));
    one(Rule::Resolves, "is of recording `drive-01`", reference(|row| row.recording_id = "drive-02".to_string()));
    one(Rule::Ticks, "has an overlap for 1 ticks", reference(|row| row.overlap.truncate(1)));
    one(Rule::Rows, "an overlap is not a share", reference(|row| row.overlap[0] = 1.5));
    one(Rule::Schema, "no file of this table", |dir| {
        change_manifest(dir, |m| m.config["sample"]["references"] = serde_json::json!({"count": 3}));
    });
}

#[test]
fn samples_lie_on_their_grid_in_their_order_with_their_poses() {
    one(
        Rule::Order,
        "comes before",
        columns("samples", |rows| {
            let back: Vec<IdxSize> = (0..rows.height() as IdxSize).rev().collect();
            *rows = rows.take(&IdxCa::from_vec("".into(), back)).expect("rows that there are");
        }),
    );
    one(Rule::Place, "h3 is 8c30e0000000dff", samples(|rows| rows[0].h3 = "8c30e0000000dff".to_string()));
    one(Rule::Place, "heading_deg is 360", samples(|rows| rows[0].heading_deg = 360.0));
    one(Rule::Ticks, "poses, but", samples(|rows| rows[0].actions.truncate(2)));
    one(Rule::Ticks, "at tick 99", samples(|rows| rows[1].frames[0].tick = 99));
    one(
        Rule::Ticks,
        "has two frames of front",
        samples(|rows| {
            let again = rows[1].frames[0].clone();
            rows[1].frames.push(again);
        }),
    );
    one(
        Rule::Ticks,
        "not at the config's offsets",
        samples(|rows| {
            // Not one whose pictures lie half a tick away as it is.
            let near = rows.iter_mut().find(|row| row.sync_residual_ms.is_some_and(|ms| ms < 50.0));
            near.and_then(|row| row.pose_t_ns.as_mut()).expect("timed")[3] += 100;
        }),
    );
    one(Rule::Poses, "w < 0", samples(|rows| rows[0].poses[4][3..].iter_mut().for_each(|v| *v = -*v)));
    one(Rule::Poses, "not a finite pose with a unit quaternion", samples(|rows| rows[0].poses[4][3] *= 1.01));
    one(
        Rule::Poses,
        "at the anchor is",
        samples(|rows| {
            let anchor = rows[0].anchor_tick();
            rows[0].poses[anchor][1] = 0.25;
        }),
    );
    one(
        Rule::Poses,
        "world_se3_ego has a quaternion with w < 0",
        columns("poses", |rows| {
            for part in ["qw", "qx", "qy", "qz"] {
                first_number(rows, part, |v| -v);
            }
        }),
    );
    one(
        Rule::Poses,
        "world_se3_sensor",
        frames(|rows| {
            let pose = rows[0].pose.get_or_insert([0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0]);
            pose[3..].copy_from_slice(&[0.0; 4]);
        }),
    );
    one(
        Rule::Sync,
        "its frames say",
        samples(|rows| {
            rows[1].sync_residual_ms = rows[1].sync_residual_ms.map(|ms| ms + 5.0);
        }),
    );
    one(
        Rule::Split,
        "by the rule it belongs in",
        samples(|rows| {
            rows[0].split = if rows[0].split == Split::Val { Split::Test } else { Split::Val };
        }),
    );
    one(Rule::Licences, "names no licence", samples(|rows| rows[0].licenses.clear()));
    one(
        Rule::Licences,
        "`CC-BY-9.0`, which no source has",
        samples(|rows| rows[0].licenses.push("CC-BY-9.0".to_string())),
    );
    one(Rule::Licences, "does not name `© OpenStreetMap contributors`", samples(|rows| rows[0].attributions.clear()));
    one(Rule::Licences, "has no licence", frames(|rows| rows[0].license.clear()));
}

#[test]
fn boxes_cover_geometries_and_areas_are_polygons() {
    one(
        Rule::Geometry,
        "its bbox does not cover",
        columns("samples", |rows| {
            let bbox = rows.column("bbox").and_then(|c| c.struct_()).expect("a struct").clone();
            let fields: Vec<Series> = bbox
                .fields_as_series()
                .into_iter()
                .map(|field| match field.name().as_str() {
                    "ymax" => {
                        let edge = field.f64().expect("numbers").clone();
                        let moved = edge.iter().enumerate().map(|(i, v)| if i == 2 { v.map(|v| v - 1e-6) } else { v });
                        Float64Chunked::from_iter_options("ymax".into(), moved).into_series()
                    }
                    _ => field,
                })
                .collect();
            let bbox = StructChunked::from_series("bbox".into(), rows.height(), fields.iter()).expect("a struct");
            rows.with_column(bbox.into_column()).expect("as many rows");
        }),
    );
    one(
        Rule::Geometry,
        "not the point of its lon, lat",
        columns("frames", |rows| first_number(rows, "lon", |v| v + 1e-6)),
    );
    let crossing = |change: fn(&mut MapFeature)| {
        move |dir: &Path| {
            let mut features = worldloom::dataset::read_map(dir).expect("a map");
            features.retain(|f| f.layer == MapLayer::Crossing);
            change(&mut features[0]);
            tables::write_map(&dir.join("map/crossing.parquet"), &features).expect("writable");
        }
    };
    static LINE: [(f64, f64); 2] = [(127.0, 37.0), (127.001, 37.0)];
    static KNOT: [(f64, f64); 5] = [(127.0, 37.0), (127.1, 37.1), (127.1, 37.0), (127.0, 37.1), (127.0, 37.0)];
    one(
        Rule::Geometry,
        "is not a polygon, as all of crossing are",
        crossing(|f| {
            f.geometry = geo::Geometry::LineString(geo::LineString::from(LINE.to_vec()));
        }),
    );
    one(
        Rule::Geometry,
        "is not a valid polygon",
        crossing(|f| {
            f.geometry = geo::Geometry::Polygon(geo::Polygon::new(geo::LineString::from(KNOT.to_vec()), Vec::new()));
        }),
    );
    one(Rule::Licences, "has no licence", crossing(|f| f.license = " ".into()));
    one(Rule::Rows, "has no class", crossing(|f| f.class.clear()));
}

#[test]
fn shards_hold_what_frames_say() {
    one(Rule::Shards, "says that its bytes are", frames(|rows| rows[3].offset += 512));
    one(Rule::Shards, "its shard `shards/gone.tar` is not there", |dir| {
        // The member without its frame is the other half of the same defect, so it goes too.
        let dataset = Dataset::open(dir).expect("a data set");
        let extra = dataset.frame_at(0).expect("a row");
        frames(|rows| {
            let frame_id = "drive-00/front/gone".to_string();
            rows.push(FrameRow { frame_id, shard: "shards/gone.tar".to_string(), ..extra });
        })(dir);
        change_manifest(dir, |m| *m.counts.get_mut("frames").expect("counted") += 1);
    });
    one(Rule::Shards, "member `stray/1.jpg` belongs to no frame", |dir| {
        let mut shard = ShardWriter::new(dir, "stray", 1 << 20).expect("a folder");
        shard.append("stray/1", "jpg", b"x").expect("written");
        shard.finish().expect("written");
    });
    one(Rule::Shards, "is not a whole tar", |dir| {
        let mut shard = ShardWriter::new(dir, "stray", 1 << 20).expect("a folder");
        shard.append("stray/1", "jpg", &[7; 9000]).expect("written");
        let shard = shard.finish().expect("written").remove(0);
        fs::File::options().write(true).open(shard).and_then(|f| f.set_len(5000)).expect("writable");
    });
}

#[test]
fn deep_reads_every_frame() {
    let bytes_of = |dir: &Path, id: &str, change: &dyn Fn(&mut [u8])| {
        let frame = Dataset::open(dir).and_then(|d| d.frame(id)).expect("a frame");
        let shard = dir.join(&frame.shard);
        let mut tar = fs::read(&shard).expect("there");
        let range = frame.offset as usize..(frame.offset + frame.length) as usize;
        change(&mut tar[range.clone()]);
        let checksum = blake3::hash(&tar[range]).to_hex().to_string();
        fs::write(shard, tar).expect("writable");
        checksum
    };
    one(Rule::Media, "its bytes have the blake3", |dir| {
        bytes_of(dir, "drive-00/front/0003", &|bytes| bytes[200] ^= 1);
    });
    one(Rule::Media, "its picture does not decode", |dir| {
        let checksum = bytes_of(dir, "drive-00/front/0003", &|bytes| {
            let half = bytes.len() / 2;
            bytes[half..].fill(0);
        });
        frames(|rows| {
            let row = rows.iter_mut().find(|row| row.frame_id == "drive-00/front/0003").expect("there");
            row.checksum = checksum;
        })(dir);
    });
    one(
        Rule::Media,
        "its picture has 160 × 96 pixels, it says (161, 96)",
        frames(|rows| {
            rows.iter_mut().find(|row| row.modality == "camera").expect("one").width = Some(161);
        }),
    );
    one(
        Rule::Media,
        "points, it says 7",
        frames(|rows| {
            rows.iter_mut().find(|row| row.modality == "lidar").expect("one").points = Some(7);
        }),
    );
    let shallow = planted(false, |dir| {
        frames(|rows| rows[0].checksum = "0".repeat(64))(dir);
        relist(dir);
    });
    assert_eq!(shallow, []);
}

#[test]
fn the_command_says_where_and_how_many() {
    let folder = copy();
    let dir = folder.path();
    let text = |args: &[&str]| run(&[&["validate", dir.to_str().expect("UTF-8")][..], args].concat());
    let (code, stdout, stderr) = text(&["--deep"]);
    assert_eq!(code, 0, "{stdout}{stderr}");
    assert!(stdout.contains("nothing is wrong in") && stdout.contains("under 17 rules"), "{stdout}");
    samples(|rows| rows[2].licenses.clear())(dir);
    relist(dir);
    let (code, stdout, _) = text(&[]);
    assert_eq!(code, 3);
    let (first, rest) = stdout.split_once('\n').expect("lines");
    let file = table(dir, "samples").file_name().expect("a name").to_string_lossy().into_owned();
    assert!(first.starts_with(&format!("samples/{file}, row ")), "{first}");
    assert!(first.ends_with("names no licence [licences]") && rest.contains("1 finding in"), "{stdout}");
    let (code, stdout, _) = text(&["--json"]);
    let json: serde_json::Value = serde_json::from_str(&stdout).expect("JSON");
    assert_eq!((code, json["findings"][0]["rule"].as_str(), json["more"].as_u64()), (3, Some("licences"), Some(0)));
    assert!(json["looked_at"]["split"].as_u64().is_some_and(|n| n > 5));

    fs::write(dir.join("manifest.json"), r#"{"format_version": 99}"#).expect("writable");
    assert_eq!(text(&[]).0, 1);
    fs::remove_file(dir.join("manifest.json")).expect("there");
    let (code, _, stderr) = text(&[]);
    assert!(code == 1 && stderr.contains("manifest.json"), "{stderr}");
}
