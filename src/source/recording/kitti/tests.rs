//! Layouts written in the test, and the real ones of `WORLDLOOM_DATA`.

use std::path::PathBuf;

use nalgebra::Vector3;
use proptest::prelude::*;

use super::*;
use crate::coord::{Camera, heading_deg};
use crate::record::Modality;
use crate::time::ClockScale;

fn data(name: &str) -> Option<PathBuf> {
    let root = std::env::var_os("WORLDLOOM_DATA");
    if root.is_none() {
        eprintln!("skipped: WORLDLOOM_DATA is not set");
    }
    root.map(|root| Path::new(&root).join(name))
}

fn read(path: &Path, options: &RecordingOptions) -> (Result<Vec<Recording>>, Quarantine) {
    let mut quarantine = Quarantine::new();
    let recordings = open(path, options).and_then(|source| source.read(&mut quarantine));
    (recordings, quarantine)
}

fn write(path: &Path, bytes: impl AsRef<[u8]>) {
    std::fs::create_dir_all(path.parent().expect("inside")).expect("made");
    std::fs::write(path, bytes).expect("written");
}

#[test]
fn the_real_drive_has_its_place_its_mounts_and_its_missing_records() {
    let Some(path) = data("kitti-raw-0001") else { return };
    assert!(
        detect(&path)
            && detect(&path.join("2011_09_26"))
            && detect(&path.join("2011_09_26/2011_09_26_drive_0001_sync"))
    );
    let options = RecordingOptions { timezone: Some("+02:00".to_string()), ..RecordingOptions::default() };
    let (recordings, quarantine) = read(&path, &options);
    let recordings = recordings.expect("reads");
    let [drive] = recordings.as_slice() else { panic!("one drive") };
    assert_eq!(
        (drive.name.as_str(), drive.poses.len(), drive.gnss.len(), drive.imu.len()),
        ("2011_09_26_drive_0001_sync", 1, 1, 1)
    );
    let pose = &drive.poses[0];
    assert_eq!(pose.t.map(|t| t.to_string()).as_deref(), Some("2011-09-26T11:02:25.964389445Z"));
    assert_eq!(pose.place, crate::coord::Geodetic::new(8.4342971002335, 49.015003823272, 116.43032836914));
    let forward = pose.rotation * Vector3::x();
    // The yaw of -2.6087 rad from east and the course of the velocity agree.
    let heading = heading_deg(forward.x, forward.y);
    assert!((heading - (90.0 + 2.608_706_980_384_7_f64.to_degrees()).rem_euclid(360.0)).abs() < 1e-6, "{heading}");
    assert!((heading - drive.gnss[0].course_deg.expect("it moves")).abs() < 0.7);
    assert!((drive.gnss[0].speed_mps.expect("a speed") - 13.173).abs() < 0.01);
    assert_eq!(drive.imu[0].accel_mps2.z, 10.209865300506);
    // 107 of 108 OXTS records are missing, and all pictures and sweeps.
    let missing: Vec<_> =
        quarantine.iter().filter(|(_, reason, _)| reason.contains("not there")).map(|(_, _, r)| r.count).collect();
    assert_eq!(missing, [108, 108, 108, 108, 107, 108]);
    let (local, _) = read(&path, &RecordingOptions::default());
    assert!(local.expect("reads")[0].clocks.iter().all(|c| c.scale == ClockScale::Unknown));
}

/// The real day's calibration around a frame of the object benchmark, which has the same cameras within a millimetre.
#[test]
fn points_of_a_real_sweep_fall_into_the_real_picture() {
    let (Some(day), Some(object)) = (data("kitti-raw-0001"), data("kitti-000008")) else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let drive = folder.path().join("2011_09_26/2011_09_26_drive_0099_sync");
    let real = day.join("2011_09_26");
    for name in raw::CALIBRATIONS {
        write(&folder.path().join("2011_09_26").join(name), std::fs::read(real.join(name)).expect("there"));
    }
    let from = real.join("2011_09_26_drive_0001_sync");
    for name in
        ["oxts/timestamps.txt", "oxts/data/0000000000.txt", "velodyne_points/timestamps.txt", "image_02/timestamps.txt"]
    {
        write(&drive.join(name), std::fs::read(from.join(name)).expect("there"));
    }
    let copy = |from: &str, to: &str| write(&drive.join(to), std::fs::read(object.join(from)).expect("there"));
    copy("image_2/000008.png", "image_02/data/0000000000.png");
    copy("velodyne/000008.bin", "velodyne_points/data/0000000000.bin");
    let (recordings, quarantine) = read(folder.path(), &RecordingOptions::default());
    let recordings = recordings.expect("reads");
    let drive = &recordings[0];
    assert_eq!(drive.frames.len(), 2, "{quarantine:?}");
    assert_eq!(drive.frames[1].points, Some(17_238));
    let (camera, lidar) = (drive.sensor("image_02").expect("there"), drive.sensor("velodyne").expect("there"));
    let model = Camera::new(camera.camera.as_ref().expect("calibrated")).expect("valid");
    let camera_se3_lidar = camera.ego_se3_sensor.expect("mounted").inverse() * lidar.ego_se3_sensor.expect("mounted");
    let bytes = std::fs::read(object.join("velodyne/000008.bin")).expect("there");
    let cloud =
        super::super::lidar::read_points(&bytes, crate::record::FrameFormat::Bin, &RecordingOptions::default().limits)
            .expect("valid");
    let inside = (0..cloud.len())
        .filter_map(|i| model.project(camera_se3_lidar.apply(cloud.position(i)?)))
        .filter(|p| model.contains(*p))
        .count();
    // The sweep was cropped to this camera's view.
    assert!(inside as f64 > 0.99 * cloud.len() as f64, "{inside} of {}", cloud.len());
    assert_eq!(camera.modality, Some(Modality::Camera));
    // velodyne on the roof, behind and above the OXTS unit by the published numbers.
    assert!(
        (lidar.ego_se3_sensor.expect("mounted").translation - Vector3::new(0.8105, -0.3070, 0.8027)).norm() < 1e-3,
        "{:?}",
        lidar.ego_se3_sensor
    );
}

#[test]
fn the_object_benchmark_is_known_but_no_recording() {
    let Some(path) = data("kitti-000008") else { return };
    assert!(detect(&path));
    let probe = open(&path, &RecordingOptions::default()).and_then(|s| s.probe()).expect("probes");
    assert_eq!((probe.counts["image_2"], probe.counts["velodyne"]), (1, 1));
    let (recordings, _) = read(&path, &RecordingOptions::default());
    assert!(recordings.expect_err("no place").to_string().contains("neither place nor time"));
}

#[test]
fn an_odometry_sequence_lies_where_its_recording_toml_says() {
    let folder = tempfile::tempdir().expect("a folder");
    let sequence = folder.path().join("sequences/00");
    write(&sequence.join("times.txt"), "0.000000e+00\n1.036224e-01\n2.072e-01\n");
    write(
        &sequence.join("calib.txt"),
        "P0: 718.856 0 607.1928 0 0 718.856 185.2157 0 0 0 1 0\nP1: 718.856 0 607.1928 -386.1448 0 718.856 185.2157 0 0 0 1 0\nP2: 718.856 0 607.1928 0 0 718.856 185.2157 0 0 0 1 0\nP3: 718.856 0 607.1928 0 0 718.856 185.2157 0 0 0 1 0\nTr: 0 -1 0 0 0 0 -1 -0.08 1 0 0 -0.27\n",
    );
    write(
        &folder.path().join("poses/00.txt"),
        "1 0 0 0 0 1 0 0 0 0 1 0\n1 0 0 0 0 1 0 0 0 0 1 1\n2 0 0 0 0 1 0 0 0 0 1 2\n",
    );
    write(&sequence.join("velodyne/000001.bin"), [0_u8; 32]);
    write(&sequence.join("velodyne/000007.bin"), [0_u8; 32]);
    let (error, _) = read(folder.path(), &RecordingOptions::default());
    assert!(error.expect_err("no place").hint().is_some_and(|hint| hint.contains("origin")));
    write(&sequence.join("recording.toml"), "origin = [8.4, 49.0, 110.0]\nheading_deg = 90.0\n");
    let (recordings, quarantine) = read(folder.path(), &RecordingOptions::default());
    let recordings = recordings.expect("reads");
    let sequence = &recordings[0];
    // A matrix that is no rotation, and a sweep without a time.
    assert_eq!((sequence.poses.len(), sequence.frames.len(), quarantine.total()), (2, 1, 2), "{quarantine:?}");
    let frame = crate::coord::EnuFrame::new(sequence.poses[0].place);
    let moved = frame.to_enu(sequence.poses[1].place);
    assert!((moved - Vector3::new(1.0, 0.0, 0.0)).norm() < 1e-6, "a metre ahead is a metre east: {moved}");
    let forward = sequence.poses[1].rotation * Vector3::x();
    assert!((forward - Vector3::x()).norm() < 1e-6, "{forward}");
    let lidar = sequence.sensor("velodyne").and_then(|s| s.ego_se3_sensor).expect("mounted");
    assert!((lidar.apply(Vector3::x()) - Vector3::new(0.73, 0.0, 0.08)).norm() < 1e-9, "{lidar:?}");
    assert_eq!(sequence.poses[1].t.map(|t| t.ns()), Some(103_622_400));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn damaged_texts_never_panic(which in 0_usize..4, at in any::<prop::sample::Index>(), byte: u8, cut in any::<prop::sample::Index>()) {
        let folder = tempfile::tempdir().expect("a folder");
        let drive = folder.path().join("2011_09_26/drive");
        let times = "2011-09-26 13:02:25.964389445\n2011-09-26 13:02:26.074347616\n";
        let oxts = "49.015 8.4343 116.43 0.0357 0.009 -2.6 -6.8 -11.2 13.17 -0.12 -0.03 -0.44 0.04 10.2 -0.3 -0.3 10.2 0.009 \
            -0.02 -0.01 0.008 -0.02 -0.018 0.02 0.01 4 11 6 6 6\n";
        let rigid = "R: 1 0 0 0 1 0 0 0 1\nT: 1 2 3\n";
        let cameras = "S_rect_02: 8 4\nP_rect_02: 7 0 4 1 0 7 2 0 0 0 1 0\nR_rect_00: 1 0 0 0 1 0 0 0 1\n";
        let mut texts = [
            (drive.join("oxts/timestamps.txt"), times.as_bytes().to_vec()),
            (drive.join("oxts/data/0000000000.txt"), oxts.as_bytes().to_vec()),
            (drive.join("calib_imu_to_velo.txt"), rigid.as_bytes().to_vec()),
            (drive.join("calib_cam_to_cam.txt"), cameras.as_bytes().to_vec()),
        ];
        let text = &mut texts[which].1;
        let at = at.index(text.len());
        text[at] = byte;
        text.truncate(1 + cut.index(2 * text.len()).min(text.len() - 1));
        texts.iter().for_each(|(path, text)| write(path, text));
        let _ = read(folder.path(), &RecordingOptions::default());
    }
}
