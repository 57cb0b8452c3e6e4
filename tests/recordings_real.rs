//! Recording folders and traces as they come from real devices (`WORLDLOOM_DATA` names the folder of real data).
//!
//! Counts of track points are those of gpxpy 1.6, counts of sentences and fixes those of pynmea2 1.19 (checksums
//! verified), EXIF values those of Pillow; the rest is said in the data's own READMEs.

use std::path::{Path, PathBuf};

use worldloom::error::Quarantine;
use worldloom::record::{CameraModelKind, FrameFormat, HeightDatum, Recording};
use worldloom::source::{RecordingOptions, probe, registry};
use worldloom::time::{ClockScale, Timestamp};

fn worldloom_data() -> Option<PathBuf> {
    let folder = std::env::var_os("WORLDLOOM_DATA").map(PathBuf::from);
    if folder.is_none() {
        eprintln!("skipped: WORLDLOOM_DATA does not name the folder of real data");
    }
    folder
}

fn read_with(path: &Path, options: &RecordingOptions) -> (Vec<Recording>, Quarantine) {
    let mut quarantine = Quarantine::new();
    let source = registry::open_recording(path, Some("folder"), options).expect("opens");
    let recordings = source.read(&mut quarantine).expect("reads");
    (recordings, quarantine)
}

fn read(path: &Path) -> (Vec<Recording>, Quarantine) {
    read_with(path, &RecordingOptions::default())
}

fn time(text: &str) -> Option<Timestamp> {
    Timestamp::parse(text).ok()
}

#[test]
fn gpx_tracks_have_the_points_that_gpxpy_finds() {
    let Some(data) = worldloom_data() else { return };
    for (file, counts) in [
        ("trace-formats/gpx/around-visnjan-with-car.gpx", &[104][..]),
        ("trace-formats/gpx/korita-zbevnica.gpx", &[358, 176, 337]),
        ("trace-formats/gpx/cerknicko-without-times.gpx", &[173, 52, 2, 44, 2, 2, 21]),
        ("trace-formats/gpx/Mojstrovka.gpx", &[184]),
        ("trace-formats/gpx/sf_30km_h.gpx", &[49]),
        ("graphhopper-matching/issue-13.gpx", &[29]),
        ("graphhopper-matching/issue-70.gpx", &[17]),
        ("graphhopper-matching/issue-127.gpx", &[2]),
        ("berlin-mitte/traces/berlin.gpx", &[5000]),
    ] {
        let (recordings, quarantine) = read(&data.join(file));
        let found: Vec<usize> = recordings.iter().map(|r| r.gnss.len()).collect();
        let refused: Vec<_> = quarantine.iter().map(|(_, reason, r)| (reason.to_string(), r.count)).collect();
        eprintln!("{file}: {found:?}, {refused:?}");
        assert_eq!(found, counts, "{file}: {refused:?}");
    }
}

#[test]
fn impossible_or_equal_times_cost_the_times_and_not_the_track() {
    let Some(data) = worldloom_data() else { return };
    for (file, count) in [("trace-formats/gpx/Mojstrovka.gpx", 184), ("graphhopper-matching/issue-13.gpx", 29)] {
        let (recordings, quarantine) = read(&data.join(file));
        assert!(recordings[0].gnss.iter().all(|fix| fix.t.is_none()), "{file}");
        assert_eq!(quarantine.total(), count, "{file}");
    }
}

#[test]
fn a_speed_drawn_at_30_km_h_is_found_again() {
    let Some(data) = worldloom_data() else { return };
    let (recordings, _) = read(&data.join("trace-formats/gpx/sf_30km_h.gpx"));
    let fixes = &recordings[0].gnss;
    let frame = worldloom::coord::EnuFrame::new(fixes[0].place);
    let path: Vec<_> =
        fixes.iter().map(|f| frame.to_enu(worldloom::coord::Geodetic { height_m: 0.0, ..f.place })).collect();
    let length: f64 = path.windows(2).map(|w| (w[1].xy() - w[0].xy()).norm()).sum();
    let (first, last) = (fixes[0].t.expect("a time"), fixes[48].t.expect("a time"));
    let speed = length / last.seconds_since(first) * 3.6;
    assert!((speed - 30.04).abs() < 0.2, "{speed} km/h over {length} m");
}

#[test]
fn a_local_time_without_a_zone_takes_the_zone_of_the_config() {
    let Some(data) = worldloom_data() else { return };
    let path = data.join("berlin-mitte/traces/berlin.gpx");
    let mut options = RecordingOptions { timezone: Some("+01:00".to_string()), ..RecordingOptions::default() };
    // The year that this logger writes into `ele` is no height.
    options.columns.insert("height_m".to_string(), String::new());
    let (recordings, quarantine) = read_with(&path, &options);
    assert_eq!(recordings[0].gnss[0].t, time("2013-03-16T13:56:31.693672Z"));
    assert_eq!((recordings[0].height_datum, quarantine.total()), (HeightDatum::None, 0));
}

#[test]
fn a_table_of_132_tracks_without_times_becomes_132_recordings() {
    let Some(data) = worldloom_data() else { return };
    let (recordings, quarantine) = read(&data.join("berlin-mitte/traces/berlin_gps_traces.csv.gz"));
    assert_eq!(recordings.len(), 132);
    assert_eq!(recordings.iter().map(|r| r.gnss.len()).sum::<usize>(), 75_000);
    assert_eq!(recordings[0].name, "berlin_gps_traces-0");
    let track_51 = recordings.iter().find(|r| r.name == "berlin_gps_traces-51").expect("track 51");
    assert_eq!(track_51.gnss.len(), 1793);
    assert!(quarantine.is_empty());
}

#[test]
fn columns_delimiter_and_zone_of_a_foreign_table_are_mapped() {
    let Some(data) = worldloom_data() else { return };
    let mut options = RecordingOptions::default();
    for (ours, theirs) in [("lon", "X"), ("lat", "Y"), ("time", "t"), ("track", "trajectory_id")] {
        options.columns.insert(ours.to_string(), theirs.to_string());
    }
    let (recordings, quarantine) = read_with(&data.join("trace-formats/csv/demodata_geolife.csv"), &options);
    assert_eq!(recordings.len(), 5);
    let kept: u64 = recordings.iter().map(|r| r.gnss.len() as u64).sum();
    assert_eq!(kept + quarantine.total(), 5908);
    assert_eq!(recordings[0].gnss[0].t, time("2008-12-11T04:42:14Z"));

    options.columns = [("lon", "longitude"), ("lat", "latitude"), ("height_m", "altitude"), ("t_ms", "millis")]
        .into_iter()
        .chain([("speed_kmh", "speed"), ("course_deg", "course")])
        .map(|(ours, theirs)| (ours.to_string(), theirs.to_string()))
        .collect();
    let (recordings, quarantine) = read_with(&data.join("dresden-car/2014-03-26-000-Data.csv"), &options);
    assert_eq!((recordings[0].gnss.len(), quarantine.total()), (10_800, 0));
    let fix = recordings[0].gnss[0];
    assert_eq!(fix.t.map(Timestamp::ns), Some(1_395_837_505_119_146_000));
    assert!((fix.speed_mps.expect("a speed") - 2.42 / 3.6).abs() < 1e-12);
}

#[test]
fn nmea_of_a_drive_has_one_fix_an_epoch_and_names_its_broken_lines() {
    let Some(data) = worldloom_data() else { return };
    let (recordings, quarantine) =
        read(&data.join("mountain-view-nmea-span/MTV.Local1.ublox-F9K.20200206-181434.nmea"));
    let fixes = &recordings[0].gnss;
    assert_eq!((fixes.len(), quarantine.total()), (1653, 13));
    assert_eq!((fixes[0].t, fixes[1652].t), (time("2020-02-07T02:14:17Z"), time("2020-02-07T02:43:04Z")));
    assert_eq!(recordings[0].height_datum, HeightDatum::Ellipsoidal);
    assert!((fixes[0].place.height_m - (4.4 - 30.0)).abs() < 1e-9);
    assert!(quarantine.iter().all(|(_, reason, _)| reason.contains("checksum")));
    let sigma = |i: usize| fixes[i].sigma_xy_m;
    assert_eq!(sigma(0), Some(0.4), "quality 5: a float solution");

    let (recordings, quarantine) = read(&data.join("trace-formats/nmea/nmea1.log"));
    assert_eq!(recordings[0].gnss.len(), 993);
    assert_eq!(
        quarantine.iter().map(|(_, reason, r)| (reason, r.count)).collect::<Vec<_>>(),
        [("NMEA: the receiver had no fix (void)", 314)]
    );
    assert!(recordings[0].gnss[0].t.is_some_and(|t| t.to_string().starts_with("2017-03-31T11:01:24")));
    let (recordings, _) = read(&data.join("trace-formats/nmea/nmea_with_sat_info.log"));
    assert_eq!(recordings[0].gnss.len(), 36);
}

#[test]
fn nmea_whose_dates_are_all_damaged_keeps_its_fixes_on_an_unknown_clock() {
    let Some(data) = worldloom_data() else { return };
    let (recordings, quarantine) = read(&data.join("mountain-view-nmea-span/MTV.Local1.SPAN.20200206-181434.gga"));
    assert_eq!((recordings[0].gnss.len(), quarantine.total()), (1748, 1748));
    assert_eq!(recordings[0].clocks[0].scale, ClockScale::Unknown);
    let first = recordings[0].gnss[0].t.map(Timestamp::ns);
    assert_eq!(first, Some((2 * 3600 + 13 * 60 + 31) * 1_000_000_000), "02:13:31 after midnight");
}

#[test]
fn exif_places_and_times_are_those_that_are_published() {
    let Some(data) = worldloom_data() else { return };
    let (recordings, quarantine) = read(&data.join("exif-stills/portland"));
    let frames = &recordings[0].frames;
    assert_eq!((recordings[0].name.as_str(), frames.len(), quarantine.total()), ("portland", 2, 0));
    for (frame, lat, lon, t) in [
        (&frames[0], 45.516903, -122.572765, "2018-06-08T20:24:10Z"),
        (&frames[1], 45.510723, -122.576051, "2018-06-08T20:32:28Z"),
    ] {
        let place = frame.geotag.expect("a place").place;
        assert!((place.lat_deg - lat).abs() < 1e-6 && (place.lon_deg - lon).abs() < 1e-6, "{place:?}");
        assert_eq!((frame.t, frame.width, frame.height), (time(t), Some(3840), Some(2160)));
    }

    let (recordings, quarantine) = read(&data.join("exif-stills/arezzo"));
    let frames = &recordings[0].frames;
    assert_eq!(frames.len(), 9);
    // GPS dates of this camera are a day late: said for each picture.
    assert_eq!(quarantine.total(), 9);
    assert_eq!(frames[0].t, time("2008-10-22T14:27:07.24Z"));
    assert!(frames.windows(2).all(|w| w[0].t < w[1].t));
    let place = frames[0].geotag.expect("a place").place;
    assert!((place.lat_deg - 43.467_448).abs() < 1e-6 && (place.lon_deg - 11.885_127).abs() < 1e-6);
}

#[test]
fn a_full_panorama_is_told_by_gpano_and_its_heading_of_zero_is_not_believed() {
    let Some(data) = worldloom_data() else { return };
    let (recordings, _) = read(&data.join("exif-stills/equirect"));
    let frame = &recordings[0].frames[0];
    assert_eq!(frame.intrinsics.as_ref().map(|i| i.model), Some(CameraModelKind::Equirectangular));
    assert_eq!((frame.width, frame.height, frame.format), (Some(5760), Some(2880), FrameFormat::Jpg));
    let tag = frame.geotag.expect("a place");
    assert!((tag.place.lat_deg - 52.443412).abs() < 1e-6 && (tag.place.lon_deg - 6.889934).abs() < 1e-6);
    assert_eq!((tag.heading_deg, frame.t), (None, time("2020-05-09T12:16:30Z")));

    let (recordings, _) = read(&data.join("toulouse-pano/photos"));
    let frames = &recordings[0].frames;
    let order: Vec<&str> = frames.iter().map(|f| &f.stem[..8]).collect();
    assert_eq!(order, ["3d16947c", "4e13d11f", "b95fc968", "8c06bea9"], "by time, not by name");
    assert_eq!(frames[0].t, time("2023-11-06T14:28:09Z"));
    assert!(frames.iter().all(|f| f.geotag.is_some_and(|g| g.heading_deg.is_none() && g.has_height)));
    assert_eq!(
        recordings[0].sensors[0].camera.as_ref().map(|c| c.model),
        Some(CameraModelKind::Equirectangular),
        "all pictures see alike, so the channel does"
    );
}

#[test]
fn pictures_without_a_time_have_none_and_take_place_and_heading_from_exif() {
    let Some(data) = worldloom_data() else { return };
    let options = RecordingOptions { channel: Some("front".to_string()), ..RecordingOptions::default() };
    let (recordings, quarantine) = read_with(&data.join("berlin-mitte/images"), &options);
    let frames = &recordings[0].frames;
    assert_eq!((frames.len(), quarantine.total(), frames[0].channel.as_str()), (3, 0, "front"));
    let tag = frames[0].geotag.expect("a place");
    assert_eq!((tag.heading_deg, tag.sigma_xy_m, frames[0].t), (Some(54.74463), Some(5.0), None));
    assert!((tag.place.lat_deg - 52.518917).abs() < 1e-6 && (tag.place.lon_deg - 13.400294).abs() < 1e-6);
    // 35 mm on a side of 36: the focal length that OpenSfM starts from as well (0.9722 of the width).
    let camera = frames[0].intrinsics.as_ref().expect("a focal length");
    assert!((camera.intrinsics[0] / 3264.0 - 0.9722).abs() < 1e-4);
}

#[test]
fn damaged_or_bare_pictures_are_read_without_a_place() {
    let Some(data) = worldloom_data() else { return };
    let (recordings, _) = read(&data.join("exif-stills/edge"));
    let frames = &recordings[0].frames;
    let found: Vec<_> = frames.iter().map(|f| (f.stem.as_str(), f.geotag.is_some())).collect();
    assert!(found.contains(&("corrupt_exif_large_thumbnail", false)) && found.contains(&("test_exif", true)));
    let tag = frames.iter().find_map(|f| f.geotag).expect("a place");
    assert!((tag.place.lat_deg - 35.912517).abs() < 1e-6 && tag.heading_deg == Some(1.0));

    let fisheye = registry::open_recording(&data.join("exif-stills/fisheye"), None, &RecordingOptions::default())
        .expect("opens")
        .read(&mut Quarantine::new());
    assert!(fisheye.expect_err("no position").to_string().contains("position"));
}

#[test]
fn probe_says_what_lies_there() {
    let Some(data) = worldloom_data() else { return };
    let probe = probe(&data.join("toulouse-pano/photos")).expect("known");
    assert_eq!((probe.kind.as_str(), probe.counts.get("images/camera")), ("folder", Some(&4)));
    let [west, south, east, north] = probe.extent.expect("positions");
    assert!(west > 1.456 && east < 1.457 && south > 43.612 && north < 43.613);
    assert_eq!(probe.times.map(|t| t[0].clone()).as_deref(), Some("2023-11-06T14:28:09Z"));
    assert!(probe.notes.iter().any(|n| n.contains("heading") && n.contains("4 times")), "{:?}", probe.notes);
}

#[test]
fn a_trace_without_a_date_is_left_out_beside_one_with_dates() {
    let Some(data) = worldloom_data() else { return };
    let (recordings, quarantine) = read(&data.join("mountain-view-nmea-span"));
    assert_eq!((recordings[0].gnss.len(), recordings[0].clocks[0].scale), (1653, ClockScale::Utc));
    let left: Vec<u64> =
        quarantine.iter().filter(|(_, reason, _)| reason.contains("no date")).map(|r| r.2.count).collect();
    assert_eq!(left, [1748]);
}
