//! The recording folder (DESIGN section 4) in the form that `synth` writes, and what goes wrong in folders.

use std::fs;
use std::path::Path;

use worldloom::coord::Geodetic;
use worldloom::error::Quarantine;
use worldloom::record::{FrameFormat, HeightDatum, Modality, Recording};
use worldloom::source::{RecordingOptions, probe, registry};
use worldloom::time::{ClockScale, Timestamp};

fn write(root: &Path, name: &str, bytes: impl AsRef<[u8]>) {
    let path = root.join(name);
    fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
    fs::write(path, bytes).expect("written");
}

fn picture(format: image::ImageFormat, width: u32, height: u32) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    image::RgbImage::new(width, height).write_to(&mut bytes, format).expect("encoded");
    bytes.into_inner()
}

/// Half a second of sound, 16 bit mono at 8 kHz: RIFF by hand.
fn wav() -> Vec<u8> {
    let mut bytes = b"RIFF".to_vec();
    bytes.extend(8036_u32.to_le_bytes());
    bytes.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    bytes.extend(8000_u32.to_le_bytes());
    bytes.extend(16000_u32.to_le_bytes());
    bytes.extend(b"\x02\0\x10\0data");
    bytes.extend(8000_u32.to_le_bytes());
    bytes.resize(bytes.len() + 8000, 0);
    bytes
}

/// A recording with every part.
fn full(root: &Path) {
    let jpeg = picture(image::ImageFormat::Jpeg, 64, 48);
    let png = picture(image::ImageFormat::Png, 64, 48);
    write(
        root,
        "recording.toml",
        "license = \"CC-BY-4.0\"\norigin = [127.1, 37.4, 50.0]\n[clock]\nimu = \"gps\"\nrear = \"unknown\"\n",
    );
    write(
        root,
        "calibration.json",
        r#"{"cameras": {"front": {"model": "pinhole", "width": 64, "height": 48, "intrinsics": [50, 50, 31.5, 23.5],
        "distortion": [], "ego_se3_sensor": {"t": [1, 0, 1.5], "q": [0.5, -0.5, 0.5, -0.5]}}},
        "lidars": {"top": {"ego_se3_sensor": {"t": [0, 0, 2], "q": [1, 0, 0, 0]}}}}"#,
    );
    write(
        root,
        "gnss.csv",
        "t_ns,lon,lat,height_m,speed_mps,course_deg,sigma_xy_m,sigma_z_m\n\
         1714521600000000000,127.1,37.4,50,10,90,1.5,3\n1714521601000000000,127.1001,37.4,50,10,90,1.5,3\n",
    );
    write(root, "imu.csv", "t_ns,ax_mps2,ay_mps2,az_mps2,wx_radps,wy_radps,wz_radps\n0,0,0,9.8,0,0,0\n");
    write(root, "wheel.csv", "t_ns,speed_mps,steering_rad\n1714521600000000000,9.9,0.01\n");
    write(root, "poses.csv", "t_ns,lon,lat,height_m,qw,qx,qy,qz\n1714521600000000000,127.1,37.4,50,1,0,0,0\n");
    write(root, "images/front/000001.jpg", &jpeg);
    write(root, "images/front/000000.jpg", &jpeg);
    write(
        root,
        "images/front/times.csv",
        "file,t_ns\n000000.jpg,1714521600000000000\n000001.jpg,1714521600500000000\n",
    );
    write(root, "images/rear/1714521600250000000.png", &png);
    write(root, "depth/front/000000.png", &png);
    write(root, "masks/front/000001.png", &png);
    write(root, "lidar/top/000000.bin", [0_u8; 48]);
    write(root, "lidar/top/times.csv", "file,t_ns\n000000.bin,1714521600100000000\n");
    write(root, "audio/cabin.wav", wav());
    write(root, "audio/times.csv", "file,t_ns\ncabin.wav,1714521600000000000\n");
}

fn read(root: &Path) -> (Recording, Quarantine) {
    let mut quarantine = Quarantine::new();
    let source = registry::open_recording(root, None, &RecordingOptions::default()).expect("opens");
    let mut recordings = source.read(&mut quarantine).expect("reads");
    (recordings.remove(0), quarantine)
}

#[test]
fn every_part_of_a_recording_folder_is_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path().join("drive-1");
    full(&root);
    let (recording, quarantine) = read(&root);
    assert!(quarantine.is_empty(), "{quarantine:?}");
    assert_eq!((recording.name.as_str(), recording.license.as_str()), ("drive-1", "CC-BY-4.0"));
    assert_eq!(recording.origin, Some(Geodetic::new(127.1, 37.4, 50.0)));
    assert_eq!(recording.height_datum, HeightDatum::Ellipsoidal);
    assert_eq!((recording.gnss.len(), recording.wheel.len(), recording.poses.len()), (2, 1, 1));
    assert_eq!(recording.gnss[1].sigma_z_m, Some(3.0));
    let gps_epoch = Timestamp::parse("1980-01-06T00:00:00Z").expect("a time");
    assert_eq!(recording.imu[0].t, gps_epoch, "0 on a GPS clock");
    let clocks: Vec<_> = recording.clocks.iter().map(|c| (c.sensor.as_str(), c.scale)).collect();
    assert!(clocks.contains(&("imu", ClockScale::Gps)) && clocks.contains(&("rear", ClockScale::Unknown)));

    let frames: Vec<_> = recording
        .frames
        .iter()
        .map(|f| (f.channel.as_str(), f.modality, f.stem.as_str(), f.t.map(Timestamp::ns)))
        .collect();
    let start = 1_714_521_600_000_000_000;
    assert_eq!(
        frames,
        [
            ("cabin", Modality::Audio, "cabin", Some(start)),
            ("front", Modality::Camera, "000000", Some(start)),
            ("front", Modality::Camera, "000001", Some(start + 500_000_000)),
            ("front", Modality::Depth, "000000", Some(start)),
            ("front", Modality::Mask, "000001", Some(start + 500_000_000)),
            ("rear", Modality::Camera, "1714521600250000000", Some(start + 250_000_000)),
            ("top", Modality::Lidar, "000000", Some(start + 100_000_000)),
        ]
    );
    assert_eq!(recording.frames[0].duration_ms, Some(500.0));
    assert_eq!((recording.frames[5].format, recording.frames[5].width), (FrameFormat::Png, Some(64)));
    assert_eq!(recording.frames[6].points, Some(3));
    assert!(recording.sensor("front").is_some_and(|s| s.camera.is_some() && s.ego_se3_sensor.is_some()));
    assert!(recording.sensor("rear").is_some_and(|s| s.camera.is_none()));
    let sources: Vec<_> = recording.sources.iter().map(|s| &*s.path).collect();
    assert_eq!(sources, ["calibration.json", "gnss.csv", "imu.csv", "wheel.csv", "poses.csv"]);
    assert_eq!(&*recording.frames[1].source.path, "images/front/000000.jpg");
}

#[test]
fn files_are_listed_in_order_and_probe_counts_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path().join("drive-1");
    full(&root);
    let source = registry::open_recording(&root, Some("folder"), &RecordingOptions::default()).expect("opens");
    let files: Vec<_> = source.files().iter().map(|f| f.relative.as_str()).collect();
    assert!(files.is_sorted() && files.len() == 16 && files.contains(&"audio/times.csv"), "{files:?}");
    let probe = probe(&root).expect("known");
    for (what, count) in [("gnss", 2), ("images/front", 2), ("masks/front", 1), ("lidar/top", 1), ("audio/cabin", 1)] {
        assert_eq!(probe.counts.get(what), Some(&count), "{what}");
    }
    assert_eq!(probe.extent, Some([127.1, 37.4, 127.1001, 37.4]));
    assert!(probe.problems.is_empty());
}

#[test]
fn bad_media_are_refused_by_name_and_the_rest_is_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path().join("drive-1");
    full(&root);
    let jpeg = picture(image::ImageFormat::Jpeg, 64, 48);
    write(&root, "images/front/cut.jpg", &jpeg[..jpeg.len() - 20]);
    write(&root, "images/front/empty.jpg", b"");
    write(&root, "images/front/text.jpg", b"this is no picture");
    write(&root, "images/front/other-size.jpg", picture(image::ImageFormat::Jpeg, 32, 48));
    write(&root, "images/front/000000.png", picture(image::ImageFormat::Png, 64, 48));
    // A header of 60,000 x 60,000 pixels on the data of a small picture.
    let mut huge = jpeg.clone();
    let frame = huge.windows(2).position(|w| w == [0xff, 0xc0]).expect("a frame header") + 5;
    huge[frame..frame + 4].copy_from_slice(&[0xea, 0x60, 0xea, 0x60]);
    write(&root, "images/front/huge.jpg", &huge);
    write(&root, "lidar/top/cut.pcd", b"VERSION 0.7\nFIELDS x y z\n");
    write(&root, "audio/broken.wav", b"RIFF\x08\0\0\0WAVE");
    let (recording, quarantine) = read(&root);
    assert_eq!(recording.frames.len(), 7);
    let said: Vec<String> = quarantine.iter().map(|(file, reason, _)| format!("{file}: {reason}")).collect();
    for (file, reason) in [
        ("cut.jpg", "cut short"),
        ("empty.jpg", "empty"),
        ("text.jpg", "neither"),
        ("other-size.jpg", "calibration"),
        ("000000.png", "same name"),
        ("huge.jpg", "limit"),
        ("cut.pcd", "PCD"),
        ("broken.wav", "WAV"),
    ] {
        assert!(said.iter().any(|line| line.contains(file) && line.contains(reason)), "{file}: {said:#?}");
    }
    assert_eq!(quarantine.total(), 8, "{said:#?}");
}

#[test]
fn a_times_table_that_names_missing_files_is_noticed() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path().join("drive-1");
    full(&root);
    write(&root, "images/front/times.csv", "file,t_ns\n000000.jpg,5\nlost.jpg,6\nlost-too.jpg,7\n");
    let (recording, quarantine) = read(&root);
    let front: Vec<_> = recording
        .frames
        .iter()
        .filter(|f| f.channel == "front" && f.modality == Modality::Camera)
        .map(|f| f.t)
        .collect();
    assert_eq!(front, [Some(Timestamp::from_ns(5)), None], "a picture without a row has no time");
    assert!(
        quarantine
            .iter()
            .any(|(file, reason, r)| file.ends_with("times.csv") && reason.contains("not there") && r.count == 2)
    );
}

/// A picture that says which part of a panorama of 64 × 32 pixels it is.
fn panorama(width: u32, height: u32, xmp: bool) -> Vec<u8> {
    let mut jpeg = picture(image::ImageFormat::Jpeg, width, height);
    if xmp {
        let xmp = format!(
            "http://ns.adobe.com/xap/1.0/\0<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF \
             xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'><rdf:Description \
             xmlns:GPano='http://ns.google.com/photos/1.0/panorama/' GPano:ProjectionType='equirectangular' \
             GPano:FullPanoWidthPixels='64' GPano:FullPanoHeightPixels='32' GPano:CroppedAreaImageWidthPixels='{width}' \
             GPano:CroppedAreaImageHeightPixels='{height}' GPano:CroppedAreaLeftPixels='0' \
             GPano:CroppedAreaTopPixels='0'/></rdf:RDF></x:xmpmeta>"
        );
        let mut segment = vec![0xff, 0xe1];
        segment.extend((xmp.len() as u16 + 2).to_be_bytes());
        segment.extend(xmp.as_bytes());
        jpeg.splice(2..2, segment);
    }
    jpeg
}

#[test]
fn a_picture_that_sees_otherwise_does_not_take_the_geometry_from_its_channel() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path().join("survey");
    write(
        &root,
        "gnss.csv",
        "t_ns,lon,lat,height_m\n1714521600000000000,127.1,37.4,50\n1714521603000000000,127.1001,37.4,50\n",
    );
    for name in ["a", "b", "c"] {
        write(&root, &format!("images/pano/{name}.jpg"), panorama(64, 32, true));
    }
    write(&root, "images/pano/bare.jpg", panorama(64, 32, false));
    write(&root, "images/pano/part.jpg", panorama(64, 20, true));
    let (recording, quarantine) = read(&root);
    let names: Vec<&str> = recording.frames.iter().map(|f| f.stem.as_str()).collect();
    assert_eq!(names, ["a", "b", "c"]);
    let camera = recording.sensor("pano").and_then(|s| s.camera.as_ref()).expect("a camera");
    assert_eq!((camera.width, camera.height, camera.intrinsics.len()), (64, 32, 0));
    let said: Vec<String> = quarantine.iter().map(|(file, reason, _)| format!("{file}: {reason}")).collect();
    for name in ["bare.jpg", "part.jpg"] {
        assert!(said.iter().any(|s| s.contains(name) && s.contains("3 other pictures of `pano`")), "{said:?}");
    }
    // Without a majority none is right, and that is said.
    fs::remove_file(root.join("images/pano/a.jpg")).expect("removed");
    let (recording, quarantine) = read(&root);
    assert!(recording.frames.len() == 4 && recording.sensor("pano").is_some_and(|s| s.camera.is_none()));
    assert!(quarantine.iter().any(|(_, reason, _)| reason.contains("not all the same part")));
}

#[test]
fn a_channel_can_lie_elsewhere_or_be_left_out() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path().join("drive-1");
    full(&root);
    write(&root, "cam 2/a.jpg", picture(image::ImageFormat::Jpeg, 64, 48));
    write(&root, "recording.toml", "id = \"other\"\n[channels.left]\npath = \"cam 2\"\n[channels.rear]\nskip = true\n");
    let (recording, _) = read(&root);
    let channels: Vec<_> = recording.frames.iter().map(|f| f.channel.as_str()).collect();
    assert!(channels.contains(&"left") && !channels.contains(&"rear"), "{channels:?}");
    assert_eq!(recording.name, "other");
}

#[test]
fn traces_of_several_files_are_joined_in_order_of_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path().join("walk");
    let gpx = |minute: u32| {
        format!(
            "<gpx><trk><trkseg><trkpt lat='37.4' lon='127.1'><time>2024-05-01T00:{minute:02}:00Z</time></trkpt>\
             <trkpt lat='37.4' lon='127.1'><time>2024-05-01T00:{minute:02}:05Z</time></trkpt></trkseg></trk></gpx>"
        )
    };
    write(&root, "a.gpx", gpx(20));
    write(&root, "b.gpx", gpx(10));
    let (recording, quarantine) = read(&root);
    assert!(recording.gnss.len() == 4 && recording.gnss.windows(2).all(|w| w[0].t < w[1].t) && quarantine.is_empty());
}

#[test]
fn times_since_boot_are_a_clock_of_unknown_epoch_that_all_sensors_share() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path();
    write(root, "gnss.csv", "t_s,lon,lat\n1,127.1,37.4\n2,127.1001,37.4\n3,127.1002,37.4\n");
    write(root, "wheel.csv", "t_s,speed_mps\n1.5,9\n2.5,9\n");
    let (recording, quarantine) = read(root);
    assert!(quarantine.is_empty());
    assert_eq!(recording.gnss[2].t, Some(Timestamp::from_ns(3_000_000_000)));
    assert_eq!(recording.wheel[1].t, Timestamp::from_ns(2_500_000_000));
    assert!(recording.clocks.iter().any(|c| c.sensor == "gnss" && c.scale == ClockScale::Unknown));
    let notes = probe(root).expect("probed").notes;
    assert!(notes.iter().any(|note| note.contains("clock of unknown epoch")), "{notes:?}");
    // Who says that they are UTC is believed: then they are before any receiver.
    write(root, "recording.toml", "[clock]\ngnss = \"utc\"\n");
    let (recording, quarantine) = read(root);
    assert!(recording.gnss.len() == 3 && recording.gnss.iter().all(|fix| fix.t.is_none()) && quarantine.total() == 3);
}

#[test]
fn the_clock_of_a_sensor_that_is_not_there_is_an_error() {
    let folder = tempfile::tempdir().expect("a folder");
    full(folder.path());
    write(folder.path(), "recording.toml", "[clock]\ngnns = \"gps\"\n");
    let error = probe(folder.path()).expect_err("refused").to_string();
    assert!(
        error.contains("recording.toml") && error.contains("`clock.gnns`") && error.contains("gnss, imu"),
        "{error}"
    );
}

#[test]
fn a_trace_without_dates_is_left_out_beside_one_with_dates() {
    let folder = tempfile::tempdir().expect("a folder");
    let gpx = |times: [&str; 2]| {
        let point = |t: &str| format!("<trkpt lat='37.4' lon='127.1'><time>{t}</time></trkpt>");
        format!("<gpx><trk><trkseg>{}</trkseg></trk></gpx>", times.map(point).concat())
    };
    write(folder.path(), "a.gpx", gpx(["1970-01-01T00:00:01Z", "1970-01-01T00:00:02Z"]));
    write(folder.path(), "b.gpx", gpx(["2024-05-01T00:00:01Z", "2024-05-01T00:00:02Z"]));
    let (recording, quarantine) = read(folder.path());
    assert!(recording.gnss.len() == 2 && recording.gnss.iter().all(|fix| fix.t.is_some_and(Timestamp::is_date)));
    assert!(quarantine.total() == 2 && quarantine.iter().all(|(file, ..)| file.ends_with("a.gpx")));
}

#[test]
fn a_folder_that_gives_nothing_is_a_clear_error() {
    let folder = tempfile::tempdir().expect("a folder");
    let open = |path: &Path| {
        registry::open_recording(path, Some("folder"), &RecordingOptions::default())
            .and_then(|source| source.read(&mut Quarantine::new()))
            .expect_err("nothing to read")
    };
    let empty = open(folder.path());
    assert!(empty.to_string().contains("nothing in it") && empty.hint().is_some(), "{empty}");
    let missing = open(&folder.path().join("missing"));
    assert!(missing.to_string().contains("no such file"), "{missing}");
    write(folder.path(), "images/front/a.png", picture(image::ImageFormat::Png, 8, 8));
    assert!(open(folder.path()).to_string().contains("gives a position"));
    write(folder.path(), "recording.toml", "licence = \"MIT\"\n");
    assert!(open(folder.path()).to_string().contains("recording.toml, line 1"));
}
