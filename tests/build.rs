//! A build ends with the same bytes whatever happens: threads, workers, `kill -9`, a second try.

mod common;

use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use common::{run, small_world, tree, worldloom};

fn build(config: &Path, out: &Path, more: &[&str]) -> (i32, String, String) {
    let (config, out) = (config.to_str().expect("UTF-8"), out.to_str().expect("UTF-8"));
    let mut args = vec!["build", config, "--out", out];
    args.extend(more);
    run(&args)
}

fn must(result: (i32, String, String)) {
    assert_eq!(result.0, 0, "stdout: {}\nstderr: {}", result.1, result.2);
}

#[test]
fn one_thread_and_two_give_the_same_bytes() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let config = small_world(folder.path(), 3);
    let (one, two) = (folder.path().join("one"), folder.path().join("two"));
    must(build(&config, &one, &["--threads", "1"]));
    must(build(&config, &two, &["--threads", "2"]));
    assert_eq!(tree(&one), tree(&two));
    assert!(tree(&one).keys().any(|f| f.starts_with("shards/")));
}

#[test]
fn workers_that_share_the_units_give_the_same_bytes() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let config = small_world(folder.path(), 4);
    let (whole, shared) = (folder.path().join("whole"), folder.path().join("shared"));
    must(build(&config, &whole, &[]));
    // The second worker finds that the maps are not read yet and says so.
    assert_eq!(build(&config, &shared, &["--units", "1/2"]).0, 3);
    must(build(&config, &shared, &["--units", "0/2"]));
    must(build(&config, &shared, &["--units", "1/2"]));
    assert!(!shared.exists(), "workers do not commit");
    must(build(&config, &shared, &[]));
    assert_eq!(tree(&whole), tree(&shared));
}

#[test]
fn a_data_set_is_replaced_only_when_asked() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let config = small_world(folder.path(), 1);
    let out = folder.path().join("town");
    must(build(&config, &out, &[]));
    let before = tree(&out);
    let (code, _, stderr) = build(&config, &out, &[]);
    assert_eq!(code, 2);
    assert!(stderr.contains("exists already") && stderr.contains("--overwrite"), "{stderr}");
    assert_eq!(tree(&out), before);
    must(build(&config, &out, &["--overwrite", "--set", "dataset.seed=8"]));
    assert_ne!(tree(&out), before);
    assert!(!folder.path().join("town.staging").exists());
}

#[test]
fn a_folder_that_is_no_data_set_is_never_replaced() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let config = small_world(folder.path(), 1);
    let out = folder.path().join("precious");
    fs::create_dir(&out).expect("writable");
    fs::write(out.join("thesis.txt"), "years of work").expect("writable");
    assert_eq!(build(&config, &out, &["--overwrite"]).0, 2);
    assert_eq!(fs::read_to_string(out.join("thesis.txt")).expect("still there"), "years of work");
}

/// Kills builds at instants spread over the whole run, goes on each time, and compares with a build left in peace.
#[test]
fn killed_at_any_instant_the_same_command_goes_on_to_the_same_bytes() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let config = small_world(folder.path(), 6);
    let (calm, killed) = (folder.path().join("calm"), folder.path().join("killed"));
    let started = std::time::Instant::now();
    must(build(&config, &calm, &[]));
    let whole = started.elapsed();
    let want = tree(&calm);

    let mut interrupted = 0;
    for round in 0..12u32 {
        // Golden-ratio steps: spread over the run, the same on every machine relative to its speed.
        for attempt in 0..4u32 {
            let share = (f64::from(round * 4 + attempt) * 0.618_033_988_75).fract();
            let mut child = start(&config, &killed);
            std::thread::sleep(whole.mul_f64(share));
            let ended = child.try_wait().expect("a child of ours").is_some();
            child.kill().expect("a child of ours");
            child.wait().expect("a child of ours");
            if ended {
                break;
            }
            interrupted += 1;
        }
        if !killed.exists() {
            must(build(&config, &killed, &[]));
        }
        assert_eq!(tree(&killed), want, "after round {round}");
        let staging = folder.path().join("killed.staging");
        if staging.exists() {
            // Killed between the commit and the end: the same command only cleans up.
            must(build(&config, &killed, &[]));
            assert_eq!(tree(&killed), want);
        }
        assert!(!staging.exists());
        fs::remove_dir_all(&killed).expect("removable");
    }
    assert!(interrupted >= 6, "only {interrupted} builds were killed before their end");
}

fn start(config: &Path, out: &Path) -> Child {
    worldloom()
        .args(["build", config.to_str().expect("UTF-8"), "--out", out.to_str().expect("UTF-8")])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts")
}

#[test]
fn an_overwrite_killed_at_any_instant_leaves_the_old_or_the_new_data_set() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let config = small_world(folder.path(), 3);
    let out = folder.path().join("town");
    must(build(&config, &out, &["--set", "dataset.name=old"]));
    let old = tree(&out);
    let fresh = folder.path().join("fresh");
    let started = std::time::Instant::now();
    must(build(&config, &fresh, &[]));
    let whole = started.elapsed();
    let new = tree(&fresh);
    for round in 0..8u32 {
        let mut child = worldloom()
            .args(["build", config.to_str().expect("UTF-8"), "--out", out.to_str().expect("UTF-8"), "--overwrite"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program starts");
        std::thread::sleep(whole.mul_f64((f64::from(round) * 0.618_033_988_75).fract()) + Duration::from_millis(1));
        child.kill().expect("a child of ours");
        child.wait().expect("a child of ours");
        let now = tree(&out);
        assert!(now == old || now == new, "round {round} left something else");
    }
    must(build(&config, &out, &["--overwrite"]));
    assert_eq!(tree(&out), new);
}

/// A tile whose pixels say where they are.
fn coded_tile(x: u32, y: u32) -> Vec<u8> {
    let picture =
        image::RgbImage::from_fn(256, 256, |c, r| image::Rgb([c as u8, r as u8, (x % 8 + 8 * (y % 8)) as u8]));
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut bytes, image::ImageFormat::Png).expect("encoded");
    bytes.into_inner()
}

#[test]
fn tiles_around_the_path_are_copied_as_they_are_and_sampled_where_the_cells_lie() {
    use worldloom::coord::tile::{Tile, level_pixel};
    use worldloom::dataset::{Dataset, IMAGERY};
    use worldloom::render::BevGrid;
    use worldloom::source::map::pmtiles::Archive;

    let folder = tempfile::tempdir().expect("temporary folder");
    let config = small_world(folder.path(), 1);
    let mut text = fs::read_to_string(&config).expect("written");
    text += "\n[[map]]\npath = \"xyz\"\nlicense = \"CC-BY-4.0\"\nattribution = \"© flyers\"\n";
    fs::write(&config, text).expect("writable");
    // The drive goes 40 m north from here; zoom 18 is what cells of half a metre need, 19 is too fine.
    let start = Tile::of(127.1110, 37.3942, 18);
    let mut written = std::collections::BTreeMap::new();
    for (dx, dy) in (-4..=4_i64).flat_map(|dx| (-4..=4_i64).map(move |dy| (dx, dy))) {
        let (x, y) = ((i64::from(start.x) + dx) as u32, (i64::from(start.y) + dy) as u32);
        let at = folder.path().join(format!("xyz/18/{x}"));
        fs::create_dir_all(&at).expect("writable");
        let bytes = if (dx, dy) == (1, 0) { b"no picture".to_vec() } else { coded_tile(x, y) };
        fs::write(at.join(format!("{y}.png")), &bytes).expect("writable");
        written.insert((x, y), bytes);
    }
    let fine = folder.path().join(format!("xyz/19/{}", start.x * 2));
    fs::create_dir_all(&fine).expect("writable");
    fs::write(fine.join(format!("{}.png", start.y * 2)), coded_tile(0, 0)).expect("writable");

    let out = folder.path().join("out");
    let (code, stdout, stderr) = build(&config, &out, &[]);
    assert_eq!(code, 3, "{stdout} {stderr}");
    assert!(stdout.contains(&format!("xyz/18/{}/{}", start.x + 1, start.y)), "the damaged tile is named: {stdout}");
    let again = folder.path().join("again");
    assert_eq!(build(&config, &again, &["--threads", "1"]).0, 3);
    assert_eq!(tree(&out), tree(&again));

    let archive = Archive::open(&out.join(IMAGERY), 1 << 24).expect("an archive");
    assert_eq!(archive.attribution(), Some("© flyers"));
    assert_eq!(archive.levels().keys().copied().collect::<Vec<_>>(), [18]);
    let copied = &archive.levels()[&18];
    // 71 m of raster and 100 m of margin reach over the next tile of 121 m, and not over four.
    assert!(copied.contains(&(start.x - 1, start.y)) && !copied.contains(&(start.x - 4, start.y)), "{copied:?}");
    for &(x, y) in copied {
        assert_eq!(archive.bytes_of(18, x, y).expect("read").as_ref(), written.get(&(x, y)), "{x} {y}");
    }

    let dataset = Dataset::open(&out).expect("a data set");
    assert_eq!(dataset.manifest().counts["map/imagery"], copied.len() as u64);
    assert!(dataset.manifest().files.iter().any(|f| f.path == IMAGERY));
    let sample = dataset.sample(0).expect("a sample");
    let raster = dataset.bev_image(&sample).expect("sampled").expect("imagery");
    assert_eq!(raster.dim(), (200, 200, 3));
    let track = dataset.track(&sample.recording_id).expect("a track");
    let bev = dataset.sample_config(&sample.recording_id).expect("a config").bev;
    let grid = BevGrid::new(&track.frame, &dataset.ego_pose(&sample).expect("a pose"), &bev).expect("a grid");
    for (row, column) in [(100, 100), (0, 0), (37, 150), (199, 60)] {
        let place = grid.place(row as f64, column as f64);
        let (px, py) = level_pixel(place.lon_deg, place.lat_deg, 18, 256);
        let tile = Tile::of(place.lon_deg, place.lat_deg, 18);
        let got = [0, 1, 2].map(|channel| f64::from(raster[[row, column, channel]]));
        let (x, y) = (px.rem_euclid(256.0), py.rem_euclid(256.0));
        if x < 255.0 && y < 255.0 {
            assert!((got[0] - x).abs() <= 1.0 && (got[1] - y).abs() <= 1.0, "{row} {column}: {got:?}, not {x} {y}");
            assert_eq!(got[2], f64::from(tile.x % 8 + 8 * (tile.y % 8)));
        }
    }
}
