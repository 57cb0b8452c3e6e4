//! A segment written in the test, a damaged one, and the real one of `WORLDLOOM_DATA`.

use std::path::Path;

use proptest::prelude::*;

use super::super::npy::tests::saved;
use super::*;
use crate::coord::{EnuFrame, Geodetic, heading_deg};
use crate::time::Timestamp;

/// A car at 10 m/s towards the east from (-122.4 E, 37.7 N), seen by its phone for a second from GPS week 2000, 100 s.
fn segment(folder: &Path, start_s: f64) {
    let save = |name: &str, rows: usize, numbers: Vec<f64>| {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().expect("inside")).expect("made");
        let width = numbers.len() / rows;
        let shape = if width == 1 { format!("{rows},") } else { format!("{rows}, {width}") };
        let bytes = numbers.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<_>>();
        std::fs::write(path, saved("<f8", &shape, &bytes)).expect("written");
    };
    let frame = EnuFrame::new(Geodetic::new(-122.4, 37.7, 20.0));
    let times: Vec<f64> = (0..21).map(|i| start_s + f64::from(i) * 0.05).collect();
    let places: Vec<Geodetic> =
        times.iter().map(|t| frame.to_geodetic(Vector3::new((t - 500.0) * 10.0, 0.0, 0.0))).collect();
    save("global_pose/frame_times", 21, times.clone());
    save("global_pose/frame_gps_times", 21, times.iter().flat_map(|t| [2000.0, t - 400.0]).collect());
    save(
        "global_pose/frame_positions",
        21,
        places.iter().flat_map(|p| p.to_ecef().iter().copied().collect::<Vec<_>>()).collect(),
    );
    // Forward (east), right (south), down in ECEF.
    let enu_r_ecef = frame.enu_r_ecef();
    let (east, north, up) =
        (enu_r_ecef.row(0).transpose(), enu_r_ecef.row(1).transpose(), enu_r_ecef.row(2).transpose());
    let device = nalgebra::Matrix3::from_columns(&[east, -north, -up]);
    let q = Pose::from_rotation_matrix(&device, Vector3::zeros()).wxyz();
    save("global_pose/frame_orientations", 21, times.iter().flat_map(|_| q).collect());
    save("processed_log/CAN/speed/t", 21, times.clone());
    save("processed_log/CAN/speed/value", 21, vec![10.0; 21]);
    save("processed_log/CAN/steering_angle/t", 21, times.clone());
    save("processed_log/CAN/steering_angle/value", 21, vec![16.88; 21]);
    save("processed_log/CAN/raw_can/address", 2, vec![705.0, 608.0]);
    save("processed_log/IMU/gyro/t", 21, times.clone());
    save("processed_log/IMU/gyro/value", 21, vec![0.0; 63]);
    save("processed_log/IMU/accelerometer/t", 21, times.iter().map(|t| t + 0.001).collect());
    save("processed_log/IMU/accelerometer/value", 21, times.iter().flat_map(|_| [0.0, 0.0, -9.8]).collect());
    let fix = |t: &f64, p: &Geodetic| [p.lat_deg, p.lon_deg, 10.0, (t - 400.0) * 1e3 + 1_525_564_782_000.0, 20.0, 90.0];
    save("processed_log/GNSS/live_gnss_ublox/t", 21, times.clone());
    save(
        "processed_log/GNSS/live_gnss_ublox/value",
        21,
        times.iter().zip(&places).flat_map(|(t, p)| fix(t, p)).collect(),
    );
}

fn read(path: &Path) -> (Vec<Recording>, Quarantine) {
    let mut quarantine = Quarantine::new();
    let source = open(path, &RecordingOptions::default()).expect("opens");
    (source.read(&mut quarantine).expect("reads"), quarantine)
}

#[test]
fn minutes_of_a_route_are_one_recording_on_one_clock() {
    let folder = tempfile::tempdir().expect("a folder");
    let route = folder.path().join("b0c9|2018-08-02--08-34-47");
    segment(&route.join("9"), 500.0);
    segment(&route.join("10"), 501.05);
    assert!(
        detect(folder.path()) && detect(&route) && detect(&route.join("9")) && !detect(&route.join("9/global_pose"))
    );
    let (recordings, quarantine) = read(folder.path());
    assert!(quarantine.is_empty(), "{quarantine:?}");
    let [recording] = recordings.as_slice() else { panic!("one recording") };
    assert_eq!(recording.name, "b0c9|2018-08-02--08-34-47");
    assert_eq!(
        (recording.poses.len(), recording.gnss.len(), recording.imu.len(), recording.wheel.len()),
        (42, 42, 42, 42)
    );
    // GPS week 2000 began on 2018-05-06; GPS was 18 s ahead of UTC.
    let first = recording.poses[0].t.expect("a time");
    assert_eq!(first.to_string(), "2018-05-06T00:01:22Z");
    assert_eq!(recording.gnss[0].t, Some(first));
    let pose = &recording.poses[0];
    let forward = pose.rotation * Vector3::x();
    assert!((heading_deg(forward.x, forward.y) - 90.0).abs() < 1e-6, "{forward}");
    assert!((pose.rotation * Vector3::z() - Vector3::z()).norm() < 1e-6, "the ego's z axis points up");
    let imu = recording.sensor("imu").and_then(|s| s.ego_se3_sensor).expect("mounted");
    assert!((imu.rotation * recording.imu[0].accel_mps2 - Vector3::new(0.0, 0.0, 9.8)).norm() < 1e-9);
    assert!((recording.wheel[0].steering_rad.expect("a RAV4") - 1_f64.to_radians()).abs() < 1e-12);
    let (alone, _) = read(&route.join("9"));
    assert_eq!(alone[0].name, "b0c9|2018-08-02--08-34-47--9");
}

#[test]
fn pictures_of_the_video_are_at_the_times_of_their_poses() {
    let folder = tempfile::tempdir().expect("a folder");
    let route = folder.path().join("b0c9|2018-08-02--08-34-47");
    segment(&route.join("9"), 500.0);
    segment(&route.join("10"), 501.05);
    let video = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/hevc/closed.hevc");
    std::fs::copy(&video, route.join("9/video.hevc")).expect("copied");
    std::fs::copy(&video, route.join("10/video.hevc")).expect("copied");
    let (recordings, quarantine) = read(folder.path());
    assert!(quarantine.is_empty(), "{quarantine:?}");
    let [recording] = recordings.as_slice() else { panic!("one recording") };
    // 15 pictures a minute where there are 21 times.
    assert_eq!(recording.frames.len(), 30);
    for (k, frame) in recording.frames.iter().enumerate() {
        let row = if k < 15 { k } else { k + 6 };
        assert_eq!(frame.t, recording.poses[row].t, "picture {k}");
        assert_eq!(frame.source.record, Some(k as u64 % 15));
    }
    assert_eq!((recording.frames[0].stem.as_str(), recording.frames[29].stem.as_str()), ("9-0000", "10-0014"));
    let source = open(folder.path(), &RecordingOptions::default()).expect("opens");
    assert_eq!(source.files().iter().filter(|f| f.relative.ends_with("video.hevc")).count(), 2);
    let bytes: Vec<Vec<u8>> = recording.frames.iter().map(|f| source.media(f).expect("decodes")).collect();
    assert!(bytes[0] == bytes[15] && bytes[0] != bytes[1]);
    let front = recording.sensor("front").expect("a camera");
    assert!(front.camera.is_none(), "its size is not the phone's");
    assert_eq!(front.ego_se3_sensor, Some(Pose::flu_se3_rdf()));
    assert!(recording.clocks.iter().any(|c| c.sensor == "front" && c.scale == ClockScale::Utc));
    let probe = source.probe().expect("probes");
    assert!(probe.notes.iter().any(|note| note.contains("ends before frame_times")), "{:?}", probe.notes);
}

#[test]
fn what_is_missing_or_broken_costs_itself() {
    let folder = tempfile::tempdir().expect("a folder");
    let minute = folder.path().join("3");
    segment(&minute, 500.0);
    std::fs::remove_dir_all(minute.join("global_pose")).expect("removed");
    std::fs::write(minute.join("processed_log/IMU/gyro/value"), b"\x93NUMPY").expect("written");
    std::fs::write(minute.join("processed_log/CAN/raw_can/address"), saved("<i8", "1,", &330_i64.to_le_bytes()))
        .expect("written");
    std::fs::write(minute.join("video.hevc"), b"").expect("written");
    let (recordings, quarantine) = read(folder.path());
    let recording = &recordings[0];
    assert_eq!(
        (recording.poses.len(), recording.gnss.len(), recording.imu.len(), recording.wheel.len()),
        (0, 21, 0, 21)
    );
    // Without poses the receiver's stamps say what the time since boot is.
    assert!((recording.wheel[0].t - recording.gnss[0].t.expect("a time")).abs() < 1000);
    assert!((recording.wheel[0].steering_rad.expect("a Civic") - 16.88_f64.to_radians() / 15.38).abs() < 1e-12);
    assert!(quarantine.iter().any(|(file, reason, _)| file.ends_with("gyro/value") && reason.contains("NPY")));
    let probe = open(folder.path(), &RecordingOptions::default()).and_then(|s| s.probe()).expect("probes");
    assert_eq!((probe.kind.as_str(), probe.counts["gnss"]), ("comma2k19", 21));
    assert!(probe.notes.iter().any(|note| note.contains("video.hevc")), "{:?}", probe.notes);
    std::fs::remove_dir_all(minute.join("processed_log/GNSS")).expect("removed");
    let error = open(folder.path(), &RecordingOptions::default()).and_then(|s| s.read(&mut Quarantine::new()));
    assert!(error.expect_err("no position").to_string().contains("no segment has"));
}

#[test]
fn orientations_that_are_none_cost_their_poses_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let minute = folder.path().join("3");
    segment(&minute, 500.0);
    let path = minute.join("global_pose/frame_orientations");
    let mut bytes = std::fs::read(&path).expect("written");
    let body = bytes.len() - 21 * 4 * 8;
    // The third is all zeros, the fourth twice as long.
    bytes[body + 2 * 32..body + 3 * 32].fill(0);
    for number in bytes[body + 3 * 32..body + 4 * 32].chunks_exact_mut(8) {
        let value = f64::from_le_bytes(number.try_into().expect("eight bytes"));
        number.copy_from_slice(&(2.0 * value).to_le_bytes());
    }
    std::fs::write(&path, bytes).expect("writable");
    let (recordings, quarantine) = read(folder.path());
    assert_eq!(recordings[0].poses.len(), 19);
    let told: Vec<_> = quarantine.iter().map(|(_, reason, refused)| (reason, refused.count)).collect();
    assert_eq!(told, [("it has no orientation of norm 1", 2)]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn damaged_arrays_never_panic(which in 0_usize..ARRAYS.len(), at in 0_usize..400, byte: u8, cut in 0_usize..400) {
        let folder = tempfile::tempdir().expect("a folder");
        segment(&folder.path().join("3"), 500.0);
        let path = folder.path().join("3").join(ARRAYS[which]);
        let mut bytes = std::fs::read(&path).expect("there");
        let at = at % bytes.len();
        bytes[at] = byte;
        bytes.truncate(bytes.len() - cut.min(bytes.len()));
        std::fs::write(&path, bytes).expect("written");
        let _ = open(folder.path(), &RecordingOptions::default()).and_then(|s| s.read(&mut Quarantine::new()));
    }
}

#[test]
fn the_real_segment_agrees_with_numpy_and_pyproj() {
    let Some(root) = std::env::var_os("WORLDLOOM_DATA") else {
        eprintln!("skipped: WORLDLOOM_DATA is not set");
        return;
    };
    let (recordings, quarantine) = read(&Path::new(&root).join("comma2k19-sf"));
    assert!(quarantine.is_empty(), "{quarantine:?}");
    let recording = &recordings[0];
    assert_eq!(recording.name, "segment40");
    assert_eq!(
        (recording.poses.len(), recording.gnss.len(), recording.imu.len(), recording.wheel.len()),
        (1200, 579, 6256, 4974)
    );
    assert_eq!(recording.gnss[0].t.map(|t| t.to_string()).as_deref(), Some("2018-08-02T16:14:48.299Z"));
    // numpy 2.4, pyproj 3.7: EPSG:4978 to 4979 of the hundredth frame, and the course of its velocity.
    let pose = &recording.poses[100];
    assert!(
        (pose.place.lon_deg + 122.472_271_132_346_6).abs() < 1e-10
            && (pose.place.lat_deg - 37.721_516_060_075_69).abs() < 1e-10
    );
    assert!((pose.place.height_m - 30.006_513).abs() < 1e-5);
    assert!((pose.t.expect("a time").seconds_since(Timestamp::from_ns(0)) - 1_533_226_493.396_93).abs() < 1e-5);
    let forward = pose.rotation * Vector3::x();
    assert!((heading_deg(forward.x, forward.y) - 2.2359).abs() < 1.5, "{forward}");
    assert!((pose.rotation * Vector3::z()).z > 0.99);
    let rest: f64 = recording.imu.iter().map(|r| r.accel_mps2.z).sum::<f64>() / 6256.0;
    assert!((rest + 9.66123).abs() < 1e-4, "{rest}");
    assert!(recording.wheel.iter().all(|w| w.steering_rad.is_some()), "the CAN addresses are those of the RAV4");
}
