//! `worldloom evaluate fusion`: numbers of `evo`, and of a drive whose error is known.

mod common;

use std::fs;

use serde_json::Value;

fn json(args: &[&str]) -> Value {
    let (code, stdout, stderr) = common::run(&[args, &["--json"]].concat());
    assert_eq!(code, 0, "{stderr}");
    serde_json::from_str(&stdout).expect("JSON")
}

fn near(value: &Value, want: f64, within: f64) {
    let value = value.as_f64().unwrap_or(f64::NAN);
    assert!((value - want).abs() <= within, "{value} is not {want}");
}

/// A wavy path and what a tracker might make of it: turned, scaled, drifting, 3 ms late. TUM.
fn tum(estimated: bool) -> String {
    let line = |i: i32| {
        let (k, a) = (f64::from(i), f64::from(i) * 0.02);
        let (mut x, mut y) = (40.0 * a.sin(), 30.0 * (1.0 - (2.0 * a).cos()));
        let (mut z, mut yaw, mut t) = (0.5 * (3.0 * a).sin(), a * 1.3, 1000.0 + k * 0.1);
        if estimated {
            x += 0.3 * (k * 0.7).sin();
            let (sin, cos) = 0.3_f64.sin_cos();
            (x, y) = (1.02 * (x * cos - y * sin) + 5.0, 1.02 * (x * sin + y * cos) - 2.0);
            (z, yaw, t) = (z + 0.01 * k, yaw + 0.32, t + 0.003);
        }
        format!("{t:.4} {x:.6} {y:.6} {z:.6} 0 0 {:.9} {:.9}\n", (yaw / 2.0).sin(), (yaw / 2.0).cos())
    };
    (0..400).map(line).collect()
}

#[test]
fn files_are_compared_as_evo_does() {
    let dir = tempfile::tempdir().expect("a folder");
    let (estimate, truth) = (dir.path().join("estimate.tum"), dir.path().join("truth.tum"));
    fs::write(&estimate, tum(true)).expect("written");
    fs::write(&truth, tum(false)).expect("written");
    let of = |path: &std::path::Path| path.to_str().expect("UTF-8").to_string();
    let found = json(&["evaluate", "fusion", &of(&estimate), "--truth", &of(&truth)]);
    // evo 1.38.1: APE of the translation, none, -a and -as; RPE over 100 m, all pairs.
    assert_eq!((&found["poses"], &found["rpe_100m_m"]["count"]), (&400.into(), &302.into()));
    near(&found["ate_m"]["rmse"], 11.768_530_227_624, 1e-9);
    near(&found["ate_aligned_m"]["rmse"], 1.347_216_265_245, 1e-9);
    near(&found["ate_scaled_m"]["rmse"], 1.125_748_168_329, 1e-9);
    near(&found["rpe_100m_m"]["rmse"], 1.988_241_314_626, 1e-9);

    fs::write(&truth, "1 2 3\n").expect("written");
    let (code, _, stderr) = common::run(&["evaluate", "fusion", &of(&estimate), "--truth", &of(&truth)]);
    assert!(code == 1 && stderr.contains("truth.tum") && stderr.contains("line 1"), "{stderr}");
}

#[test]
fn a_drive_two_metres_beside_its_truth_is_two_metres_off() {
    let dir = tempfile::tempdir().expect("a folder");
    let config = common::small_world(dir.path(), 1);
    let out = dir.path().join("out");
    let of = |path: &std::path::Path| path.to_str().expect("UTF-8").to_string();
    let (code, _, stderr) = common::run(&["build", &of(&config), "--out", &of(&out)]);
    assert_eq!(code, 0, "{stderr}");
    // The drive goes north; the truth 2 m to the east of it, looking 30 degrees to the east.
    let truth = dir.path().join("truth/drive-00");
    fs::create_dir_all(&truth).expect("a folder");
    let (east, half) = (2.0 / (111_319.5 * 37.3942_f64.to_radians().cos() * 1.001_24), 30.0_f64.to_radians());
    let mut poses = String::from("t_ns,lon,lat,height_m,qw,qx,qy,qz\n");
    let mut ways = String::from("t_ns,way_id,offset_m\n");
    for i in 0..=40 {
        let (t, lat) = (1_714_521_600_000_000_000_i64 + i64::from(i) * 100_000_000, 37.3942 + f64::from(i) / 110_985.0);
        poses.push_str(&format!("{t},{:.9},{lat:.9},40.0,{:.9},0,0,{:.9}\n", 127.111 + east, half.cos(), half.sin()));
        ways.push_str(&format!("{t},10,{}\n", i * 10));
    }
    fs::write(truth.join("poses.csv"), poses).expect("written");
    fs::write(truth.join("clock.csv"), "sensor,offset_ns\ngnss,0\nfront,5000000\n").expect("written");
    fs::write(truth.join("matched.csv"), ways).expect("written");
    let folder = of(&dir.path().join("truth"));
    let found = json(&["evaluate", "fusion", &of(&out), "--truth", &folder]);
    let drive = &found["drives"][0];
    assert_eq!(drive["recording_id"], "drive-00");
    near(&drive["horizontal_m"]["rmse"], 2.0, 0.02);
    near(&drive["heading_deg"]["median"], 30.0, 1.0);
    near(&drive["length_m"], 40.0, 0.2);
    near(&drive["rpe_1s_m"]["median"], 2.0 * 10.0 * 15.0_f64.to_radians().sin(), 0.3);
    let clocks = drive["clock"].as_array().expect("an array");
    assert!(clocks.len() == 1 && clocks[0]["sensor"] == "front" && clocks[0]["true_ms"] == 5.0, "{clocks:?}");
    near(&drive["ways"]["true_m"], 40.0, 0.5);
    let (code, text, _) = common::run(&["evaluate", "fusion", &of(&out), "--truth", &folder]);
    assert!(code == 0 && text.contains("drive-00") && text.contains("front"), "{text}");
    let (code, _, stderr) = common::run(&["evaluate", "fusion", &of(&out), "--truth", &of(&out)]);
    assert!(code == 2 && stderr.contains("no drive"), "{stderr}");
}

/// A minute of an hour as NMEA has it: `ddmm.mmmmmmm`.
fn minutes(degrees: f64) -> String {
    format!("{:02.0}{:010.7}", degrees.trunc(), 60.0 * degrees.fract())
}

#[test]
fn a_trace_or_one_drive_by_itself_is_truth_too() {
    let dir = tempfile::tempdir().expect("a folder");
    let config = common::small_world(dir.path(), 2);
    let out = dir.path().join("out");
    let of = |path: &std::path::Path| path.to_str().expect("UTF-8").to_string();
    let (code, _, stderr) = common::run(&["build", &of(&config), "--out", &of(&out)]);
    assert_eq!(code, 0, "{stderr}");
    // The second drive, on the 2nd of May 2024, two metres to the east of where it is said to have gone.
    let east = 2.0 / (111_319.5 * 37.3942_f64.to_radians().cos() * 1.001_24);
    let start_ns = 1_714_608_000_000_000_000_i64;
    let (mut nmea, mut poses) = (String::new(), String::from("t_ns,lon,lat,height_m,qw,qx,qy,qz\n"));
    for i in 0..=40 {
        let (lon, lat) = (127.111 + east, 37.3942 + f64::from(i) / 110_985.0);
        let body =
            format!("GPRMC,0000{:05.2},A,{},N,{},E,19.4,0.0,020524,,", f64::from(i) * 0.1, minutes(lat), minutes(lon));
        let sum = body.bytes().fold(0, |sum, byte| sum ^ byte);
        nmea.push_str(&format!("${body}*{sum:02X}\r\n"));
        let half = 0.5_f64.sqrt();
        poses.push_str(&format!(
            "{},{lon:.9},{lat:.9},40.0,{half:.9},0,0,{half:.9}\n",
            start_ns + i64::from(i) * 100_000_000
        ));
    }
    let trace = dir.path().join("reference.nmea");
    fs::write(&trace, nmea).expect("written");
    let drive = dir.path().join("any-name");
    fs::create_dir_all(&drive).expect("a folder");
    fs::write(drive.join("poses.csv"), poses).expect("written");
    for (truth, name) in [(&trace, "reference"), (&drive, "any-name"), (&drive.join("poses.csv"), "any-name")] {
        let found = json(&["evaluate", "fusion", &of(&out), "--truth", &of(truth)]);
        let drives = found["drives"].as_array().expect("an array");
        assert_eq!(
            (drives.len(), &drives[0]["recording_id"], &drives[0]["drive"]),
            (1, &"drive-01".into(), &name.into())
        );
        near(&drives[0]["horizontal_m"]["rmse"], 2.0, 0.02);
        assert_eq!(drives[0]["heading_deg"].is_null(), truth == &trace, "{found}");
        near(&drives[0]["rpe_1s_m"]["median"], 0.0, 0.1);
        let (code, text, _) = common::run(&["evaluate", "fusion", &of(&out), "--truth", &of(truth)]);
        assert!(code == 0 && text.contains("drive-01") || text.contains(name), "{text}");
    }
    // What keeps a truth from being compared is said.
    let nmea = fs::read_to_string(&trace).expect("read");
    let undated = nmea.replace("020524", "");
    let gga: String = (0..9)
        .map(|i| {
            let body = format!("GPGGA,00000{i}.00,3723.652,N,12706.66,E,1,08,1.0,40.0,M,0.0,M,,");
            format!("${body}*{:02X}\r\n", body.bytes().fold(0, |sum, byte| sum ^ byte))
        })
        .collect();
    let csv = |t: &str| format!("{t},lon,lat\n1714000000,127.111,37.3942\n1714000001,127.111,37.3943\n");
    for (name, text, said) in [
        (
            "undated.nmea",
            gga + &undated,
            ["times of undated have no date", "41 were refused: NMEA: the checksum is wrong"],
        ),
        ("untimed.csv", csv("index"), ["none of the 2 positions of untimed has a time", ""]),
        (
            "before.csv",
            csv("t_s"),
            ["from 2024-04-24T23:06:40Z to 2024-04-24T23:06:41Z", "from 2024-05-01T00:00:00Z to 2"],
        ),
    ] {
        let truth = dir.path().join(name);
        fs::write(&truth, text).expect("written");
        let (code, _, stderr) = common::run(&["evaluate", "fusion", &of(&out), "--truth", &of(&truth)]);
        assert!(code == 2 && said.iter().all(|part| stderr.contains(part)), "{code} {stderr}");
    }
}
