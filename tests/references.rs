//! Grounded samples, from the config to the warp, in a round square whose depth is exact.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::copied;
use common::square::{DAY_NS, Drive, NOON_NS, ORIGIN, cast, front, make, make_with, one_thing, panorama, sees, write};
use nalgebra::Vector3;
use worldloom::coord::{Camera, CameraIntrinsics, CameraModelKind, EnuFrame, Geodetic, Pose};
use worldloom::dataset::rows::{FrameRow, ReferenceRow};
use worldloom::dataset::{Dataset, DepthSource, WindowWarp};
use worldloom::render::{SourceRays, Splat, Surface, lidar_depth};
use worldloom::sample::SampleRow;
use worldloom::show::sheet;

const CONFIG: &str = r#"
[dataset]
name = "square"
license = "CC0-1.0"
[[recording]]
kind = "folder"
license = "CC0-1.0"
path = "drives/*"
[[recording]]
kind = "folder"
license = "CC0-1.0"
path = "surveys/*"
use = "reference"
[sample]
past_s = 1.0
future_s = 2.0
rate_hz = 2.0
stride_s = 1.0
[sample.references]
count = 2
min_days = 30
[split]
method = "none"
"#;

fn world(folder: &Path) -> PathBuf {
    world_of(folder, front())
}

/// A drive through the square with a camera, and three surveys of it.
fn world_of(folder: &Path, camera: CameraIntrinsics) -> PathBuf {
    let drive = Drive {
        name: "drive",
        channel: "front",
        camera,
        start_ns: NOON_NS,
        x: [-8.0, 2.0],
        y: 0.0,
        every_m: 1.0,
        depth: false,
    };
    write(&folder.join("drives"), &drive);
    let survey = |name, days: i64, y, depth| Drive {
        name,
        channel: "pano",
        camera: panorama(),
        start_ns: NOON_NS + days * DAY_NS,
        x: [-10.0, 8.0],
        y,
        every_m: 3.0,
        depth,
    };
    write(&folder.join("surveys"), &survey("autumn", 60, 1.5, true));
    write(&folder.join("surveys"), &survey("winter", -90, -4.0, false));
    // The same day, and nearer than all others.
    write(&folder.join("surveys"), &survey("twin", 0, 0.1, true));
    let config = folder.join("build.toml");
    fs::write(&config, CONFIG).expect("writable");
    config
}

#[test]
fn references_are_of_another_day_see_what_they_say_and_warp_to_the_target() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let config = world(folder.path());
    let (one, two) = (folder.path().join("one"), folder.path().join("two"));
    let built = make(&config, &one, 1);
    assert!(built.quarantine.is_empty(), "{:?}", built.quarantine);
    make(&config, &two, 2);
    for file in fs::read_dir(one.join("references")).expect("a folder") {
        let file = file.expect("an entry");
        let other = two.join("references").join(file.file_name());
        assert_eq!(fs::read(file.path()).expect("readable"), fs::read(other).expect("readable"));
    }

    let dataset = Dataset::open(&one).expect("a data set");
    assert!(dataset.len() >= 2);
    for i in 0..dataset.len() {
        let sample = dataset.sample(i).expect("read");
        let references = dataset.references(&sample.sample_id).expect("read");
        let roles: Vec<&str> = references.iter().map(|r| r.role.as_str()).collect();
        assert_eq!(roles, ["geometric", "semantic", "lookahead"]);
        assert!(references.iter().all(|r| r.recording_id != "twin" && r.dt_days.is_some_and(|d| d > 59.0)));
        let geometric = &references[0];
        assert_eq!((geometric.recording_id.as_str(), geometric.overlap_source.as_deref()), ("autumn", Some("depth")));
        assert!((geometric.distance_m - 1.5).abs() < 0.01, "{}", geometric.distance_m);
        let winter = references.iter().filter(|r| r.recording_id == "winter");
        assert!(winter.into_iter().all(|r| r.overlap_source.as_deref() == Some("footprint")));
        assert!(references[2].ahead_m.is_some_and(|m| (0.0..3.1).contains(&m)));

        let warp = dataset.warp(&sample, "front", None).expect("warped").expect("a reference");
        assert_eq!(warp.frame_id, geometric.frame_id);
        for tick in compare(&dataset, &sample, geometric, &warp) {
            assert!((tick.visible - tick.overlap).abs() <= 0.01, "{tick:?}");
            assert!(tick.decided >= 0.8 && tick.alike >= 0.99 && tick.psnr >= 30.0, "{tick:?}");
        }
        let page = sheet(&dataset, &sample).expect("drawn");
        let parts: Vec<&str> = page.parts.iter().map(|p| p.name.as_str()).collect();
        assert_eq!(parts[1..4], ["camera front", "warp front", "references front"]);
        assert!(page.problems.is_empty(), "{:?}", page.problems);
        let rays = dataset.rays(&sample, "front", [9, 16]).expect("read").expect("calibrated");
        assert_eq!(rays.shape(), [sample.poses.len(), 6, 9, 16]);
        assert!(dataset.rays(&sample, "front", [0, 16]).is_err());
    }
}

/// A tick's picture beside what a reference is warped to there.
#[derive(Debug)]
struct Compared {
    /// The share of its pixels that the reference sees, by casting rays and as the data set has it.
    visible: f64,
    overlap: f64,
    /// The share of its pixels where the reference shows one thing, and of these the share that are holes in both or neither.
    decided: f64,
    alike: f64,
    /// Over what both see there, decibels.
    psnr: f64,
}

/// Compares a warp of the camera `front` with its own pictures and with what rays meet, pixel by pixel.
fn compare(dataset: &Dataset, sample: &SampleRow, reference: &ReferenceRow, warp: &WindowWarp) -> Vec<Compared> {
    let source = dataset.frame(&reference.frame_id).expect("there");
    let eye = dataset.posed(&source).expect("read").expect("calibrated").world_se3_camera;
    let eye = dataset.between(&sample.recording_id, &source.recording_id).expect("read") * eye;
    // The recording's frame begins at its first pose.
    let origin = EnuFrame::new(dataset.recording(&sample.recording_id).expect("there").origin);
    let shift = EnuFrame::new(ORIGIN).to_enu(origin.origin());
    let eye = eye.translation + shift;
    let mut ticks = Vec::new();
    for (tick, target) in dataset.pictures(sample, "front").expect("read").into_iter().enumerate() {
        let Some(target) = target else {
            assert!(reference.overlap[tick].is_nan());
            continue;
        };
        let posed = dataset.posed(&target).expect("read").expect("calibrated");
        let picture = dataset.image(&target).expect("a picture");
        let (mut visible, mut decided, mut alike, mut error, mut seen) = (0u32, 0u32, 0u32, 0.0, 0u32);
        for (column, row, pixel) in picture.enumerate_pixels() {
            let ray = posed.camera.unproject(f64::from(column), f64::from(row)).expect("a ray");
            let (from, ray) = (posed.world_se3_camera.translation + shift, posed.world_se3_camera.rotation * ray);
            let away = cast(from, ray).map(|(t, _)| from + ray * t - eye);
            let free = away.is_some_and(|away| sees(eye, away));
            visible += u32::from(free);
            // Where a pixel of the source holds two things it tells of one: at its edges nothing is asked.
            if away.is_some_and(|away| !one_thing(eye, away)) {
                continue;
            }
            let warped = warp.seen[[tick, row as usize, column as usize]] == 255;
            decided += 1;
            alike += u32::from(free == warped);
            if free && warped {
                seen += 1;
                for channel in 0..3 {
                    let found = warp.rgb[[tick, row as usize, column as usize, channel]];
                    error += (f64::from(pixel.0[channel]) - f64::from(found)).powi(2);
                }
            }
        }
        let pixels = f64::from(picture.width() * picture.height());
        ticks.push(Compared {
            visible: f64::from(visible) / pixels,
            overlap: reference.overlap[tick],
            decided: f64::from(decided) / pixels,
            alike: f64::from(alike) / f64::from(decided),
            psnr: 10.0 * (255.0_f64.powi(2) * 3.0 * f64::from(seen) / error).log10(),
        });
    }
    ticks
}

/// Lenses other than a pinhole, with figures of the folder's calibration: 150 degrees and more across.
fn lenses() -> [CameraIntrinsics; 3] {
    use CameraModelKind::{Ftheta, KannalaBrandt, Mei};
    let of = |model, focal: f64, distortion: &[f64]| CameraIntrinsics {
        model,
        width: 320,
        height: 180,
        intrinsics: vec![focal, focal, 159.5, 89.5],
        distortion: distortion.to_vec(),
    };
    [
        of(KannalaBrandt, 120.0, &[0.01, -0.002, 0.0, 0.0]),
        of(Mei, 240.0, &[1.2, -0.05, 0.01, 0.001, -0.001]),
        // The angle by the radius, and a shear.
        of(Ftheta, 1.0, &[0.0, 0.0077, 0.0, 1e-8, 0.0, 0.0, 1.0, 0.001, 0.0005, 0.0]),
    ]
}

#[test]
fn a_drive_of_any_lens_is_read_stored_and_warped_to() {
    for lens in lenses() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let config = world_of(folder.path(), lens.clone());
        let out = folder.path().join("out");
        let built = make(&config, &out, 2);
        assert!(built.quarantine.is_empty(), "{:?}", built.quarantine);
        let dataset = Dataset::open(&out).expect("a data set");
        let sample = dataset.sample(0).expect("read");
        let recording = dataset.recording(&sample.recording_id).expect("there");
        let front = recording.sensors.iter().find(|sensor| sensor.channel == "front").expect("there");
        assert_eq!(front.camera.as_ref(), Some(&lens));
        let geometric = &dataset.references(&sample.sample_id).expect("read")[0];
        assert_eq!(geometric.overlap_source.as_deref(), Some("depth"));
        let warp = dataset.warp(&sample, "front", None).expect("warped").expect("a reference");
        for tick in compare(&dataset, &sample, geometric, &warp) {
            assert!((tick.visible - tick.overlap).abs() <= 0.01, "{lens:?} {tick:?}");
            assert!(tick.decided >= 0.8 && tick.alike >= 0.99 && tick.psnr >= 30.0, "{lens:?} {tick:?}");
        }
    }
}

#[test]
fn depth_of_the_wrong_size_is_told_and_the_plan_stands_in() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let config = world(folder.path());
    for entry in fs::read_dir(folder.path().join("surveys/autumn/depth/pano")).expect("a folder") {
        let wrong = image::ImageBuffer::<image::Luma<u16>, Vec<u16>>::from_pixel(64, 32, image::Luma([500]));
        wrong.save(entry.expect("an entry").path()).expect("writable");
    }
    let out = folder.path().join("out");
    let built = make(&config, &out, 2);
    assert!(
        built.quarantine.iter().any(|line| line.contains("depth") && line.contains("640 x 320")),
        "{:?}",
        built.quarantine
    );
    let dataset = Dataset::open(&out).expect("a data set");
    let sample = dataset.sample(0).expect("read");
    let references = dataset.references(&sample.sample_id).expect("read");
    assert!(references.len() == 3 && references.iter().all(|r| r.overlap_source.as_deref() == Some("footprint")));
    assert!(dataset.warp(&sample, "front", None).is_err());
}

/// A picture's camera, where it was, and the depth of what it shows.
type Seen = (Camera, Pose, Option<ndarray::Array2<f32>>);

/// How alike a drive's next picture is to what a picture is warped to by LiDAR: PSNR over the pixels that are seen in dB, and
/// their share.
fn next_pictures(dataset: &Dataset, of: &dyn Fn(&FrameRow) -> Option<Seen>) -> (f64, f64) {
    let (mut error, mut seen, mut all, mut warped) = (0.0, 0u32, 0u32, 0);
    let mut samples: Vec<_> = (0..dataset.len()).map(|i| dataset.sample(i).expect("read")).collect();
    // Their order in a data set depends on where they lie, their ids on the config.
    samples.sort_by(|a, b| (&a.recording_id, a.t0_ns).cmp(&(&b.recording_id, b.t0_ns)));
    for sample in samples.iter().step_by(11) {
        let pictures: Vec<_> = dataset.pictures(sample, "front").expect("read").into_iter().flatten().collect();
        for pair in pictures.windows(2).step_by(4) {
            let [a, b] = pair else { continue };
            let (Some((camera, from, Some(depth))), Some((next_camera, to, _))) = (of(a), of(b)) else { continue };
            warped += 1;
            let rays = SourceRays::new(&camera);
            let surface = Surface::new(&rays, depth.view(), None).expect("of its size");
            let (first, next) = (dataset.image(a).expect("a picture"), dataset.image(b).expect("a picture"));
            let size = (first.height() as usize, first.width() as usize, 3);
            let rgb = ndarray::ArrayView3::from_shape(size, first.as_raw()).expect("of its size");
            let warp = Splat::new(&rays, &next_camera).warp(rgb, &surface, &(to.inverse() * from)).expect("warped");
            for (column, row, pixel) in next.enumerate_pixels() {
                all += 1;
                if warp.seen[[row as usize, column as usize]] == 255 {
                    seen += 1;
                    for channel in 0..3 {
                        let found = warp.rgb[[row as usize, column as usize, channel]];
                        error += (f64::from(pixel.0[channel]) - f64::from(found)).powi(2);
                    }
                }
            }
        }
    }
    assert!(warped >= 8, "{warped}");
    (10.0 * (255.0_f64.powi(2) * 3.0 * f64::from(seen) / error).log10(), f64::from(seen) / f64::from(all))
}

/// The receiver's own fixes as a trajectory: straight between fixes, level, along its course.
struct Raw {
    frame: EnuFrame,
    fixes: Vec<(i64, Vector3<f64>, f64)>,
}

impl Raw {
    fn read(file: &Path, origin: Geodetic) -> Raw {
        let (frame, mut course) = (EnuFrame::new(origin), 0.0);
        let text = fs::read_to_string(file).expect("readable");
        let fixes = text.lines().skip(1).map(|line| {
            let cells: Vec<&str> = line.split(',').collect();
            let number = |i: usize| cells[i].parse::<f64>().expect("a number");
            // Standing still it has none.
            course = if cells[5].is_empty() { course } else { number(5) };
            let place = Geodetic { lon_deg: number(1), lat_deg: number(2), height_m: number(3) };
            (cells[0].parse().expect("a time"), frame.to_enu(place), course)
        });
        Raw { fixes: fixes.collect(), frame }
    }

    fn at(&self, t_ns: i64) -> Option<Pose> {
        let after = self.fixes.partition_point(|fix| fix.0 < t_ns);
        let ((t0, a, course), (t1, b, _)) = (self.fixes.get(after.checked_sub(1)?)?, self.fixes.get(after)?);
        let share = (t_ns - t0) as f64 / (t1 - t0) as f64;
        Some(Pose::level(a + (b - a) * share, *course))
    }
}

/// Makes the receiver of a drive 8 m off.
fn put_off(drive: &Path) {
    let file = drive.join("gnss.csv");
    let text = fs::read_to_string(&file).expect("readable");
    let moved = text.lines().enumerate().map(|(i, line)| {
        let mut cells: Vec<String> = line.split(',').map(String::from).collect();
        for (cell, off) in [(1, 6.0 / 88_400.0), (2, 5.0 / 111_000.0)] {
            if i > 0 {
                cells[cell] = format!("{:.9}", cells[cell].parse::<f64>().expect("a number") + off);
            }
        }
        cells.join(",") + "\n"
    });
    fs::write(&file, moved.collect::<String>()).expect("writable");
}

/// How far the windows of a drive begin from where they did, metres.
fn off_truth(dataset: &Dataset, recording_id: &str, truth: &Path) -> f64 {
    let text = fs::read_to_string(truth).expect("readable");
    let rows: Vec<Vec<f64>> = text
        .lines()
        .skip(1)
        .map(|line| line.split(',').take(4).map(|cell| cell.parse().expect("a number")).collect())
        .collect();
    let samples = (0..dataset.len()).map(|i| dataset.sample(i).expect("read"));
    let (mut square, mut count) = (0.0, 0.0);
    for sample in samples.filter(|s| s.recording_id == recording_id) {
        let t_ns = sample.t0_ns.expect("a time") as f64;
        let Some(row) = rows.get(rows.partition_point(|row| row[0] < t_ns)) else { continue };
        let there = EnuFrame::new(Geodetic { lon_deg: row[1], lat_deg: row[2], height_m: row[3] });
        let place = Geodetic { lon_deg: sample.lon, lat_deg: sample.lat, height_m: row[3] };
        square += there.to_enu(place).xy().norm_squared();
        count += 1.0;
    }
    (square / count).sqrt()
}

#[test]
fn a_drive_s_next_picture_is_what_its_lidar_warps_it_to_and_the_better_the_more_is_fused() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let (samples, town) = (Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/town"), folder.path().join("town"));
    copied(&samples, &town);
    for drive in fs::read_dir(town.join("drives")).expect("a folder") {
        put_off(&drive.expect("an entry").path());
    }
    let built = |register: &str| {
        // It needs no references, which take their time.
        let near = ["sample.references.max_distance_m=0.001".to_string(), format!("fuse.register=\"{register}\"")];
        let out = folder.path().join(register);
        make_with(&town.join("build.toml"), &out, 0, &near);
        Dataset::open(&out).expect("a data set")
    };
    let fused = |dataset: &Dataset| {
        next_pictures(dataset, &|picture| {
            let posed = dataset.posed(picture).expect("read").expect("calibrated");
            let known = dataset.picture_depth(picture).expect("read");
            assert!(known.as_ref().is_none_or(|known| known.source == DepthSource::Lidar));
            Some((posed.camera, posed.world_se3_camera, known.map(|known| known.depth)))
        })
    };
    let (smoothed, registered) = (built("off"), built("auto"));

    // By the fixes alone: pictures and sweeps at their own times, each where the receiver says.
    let raw = |picture: &FrameRow| {
        let recording = smoothed.recording(&picture.recording_id).expect("there");
        let file = town.join("drives").join(&picture.recording_id).join("gnss.csv");
        let raw = Raw::read(&file, recording.origin);
        let mount = |channel: &str| recording.sensors.iter().find(|s| s.channel == channel)?.ego_se3_sensor;
        let placed = |frame: &FrameRow| Some(raw.at(frame.t_source_ns?)? * mount(&frame.channel)?);
        let (camera, at) = (smoothed.posed(picture).expect("read")?.camera, placed(picture)?);
        assert!((raw.frame.to_geodetic(Vector3::zeros()).lon_deg - recording.origin.lon_deg).abs() < 1e-9);
        let mut points = Vec::new();
        for (t_ns, row) in smoothed.sweep_rows(&picture.recording_id).expect("read") {
            if (t_ns - picture.t_ns?).abs() > 500_000_000 {
                continue;
            }
            let sweep = smoothed.frame_at(*row).expect("read");
            let cloud = smoothed.points(&sweep).expect("points");
            let place = at.inverse() * placed(&sweep)?;
            let origin = Vector3::from(cloud.origin);
            points.extend(cloud.xyz.iter().map(|p| place.apply(origin + Vector3::from(p.map(f64::from)))));
        }
        let depth = (!points.is_empty()).then(|| lidar_depth(&camera, points));
        Some((camera, at, depth))
    };
    let table = [next_pictures(&smoothed, &raw), fused(&smoothed), fused(&registered)];
    let truth = samples.join("truth/drive-1/poses.csv");
    let off = [&smoothed, &registered].map(|dataset| off_truth(dataset, "drive-1", &truth));
    eprintln!(
        "raw GNSS, smoothed, registered: PSNR in dB and share of pixels: {table:.2?}; metres from truth: {off:.2?}"
    );
    // The other drive is too short to tell an error from another lane.
    let recording = registered.recording("drive-1").expect("there");
    assert!(recording.register.and_then(|r| r.covariance).is_some() && !recording.register_stretches.is_empty());
    for sample in (0..registered.len()).map(|i| registered.sample(i).expect("read")) {
        let moved = sample.recording_id == "drive-1";
        assert!(sample.register_inliers.is_none_or(|share| (0.6..=1.0).contains(&share) || moved), "{sample:?}");
        let covariance = sample.register_covariance_m2;
        assert!(covariance.is_some() == moved && covariance.is_none_or(|[xx, xy, yy]| xy * xy < xx * yy), "{sample:?}");
    }
    assert!(off[0] > 5.0 && off[1] < 2.0, "{off:?}");
    let [raw, smoothed, registered] = table;
    assert!(smoothed.0 >= 20.0 && registered.0 >= 20.0 && smoothed.1 > 0.25 && registered.1 > 0.25, "{table:?}");
    // What moves a drive onto the map changes little from one picture to the next.
    assert!(smoothed.0 > raw.0 + 0.5 && registered.0 > smoothed.0 - 0.1, "{table:?}");
}
