//! Sensors that say what cannot be: put right or left out, with a line.

use super::*;

/// What comes of the drive as `spoil` leaves it, with GNSS alone or with the other sensors: the track, the report, and how
/// far it is off (metres, degrees).
fn spoilt(alone: bool, spoil: impl Fn(&mut Recording)) -> (Track, Quarantine, (f64, f64)) {
    let (mut recording, truth, frame) = town();
    if alone {
        recording.imu.clear();
        recording.wheel.clear();
    }
    spoil(&mut recording);
    let (track, quarantine) = fused(&recording);
    let off = off(&track, &truth, &frame);
    (track, quarantine, off)
}

/// The only line of a report.
fn line(quarantine: &Quarantine) -> &str {
    let lines: Vec<&str> = quarantine.iter().map(|(_, reason, _)| reason).collect();
    assert_eq!(lines.len(), 1, "{lines:?}");
    lines[0]
}

fn speeds(recording: &mut Recording, by: f64) {
    recording.gnss.iter_mut().for_each(|f| f.speed_mps = f.speed_mps.map(|v| v * by));
}

fn courses(recording: &mut Recording, of: impl Fn(f64) -> f64) {
    recording.gnss.iter_mut().for_each(|f| f.course_deg = f.course_deg.map(&of));
}

#[test]
fn speeds_of_a_receiver_in_other_units_are_put_right_by_its_positions() {
    let alike = |a: (f64, f64), b: (f64, f64)| (a.0 - b.0).abs() < 0.01 && (a.1 - b.1).abs() < 0.01;
    let (_, _, good) = spoilt(true, |_| {});
    for (name, factor) in [("km/h", 3.6), ("knots", 1.9438)] {
        let (_, quarantine, bad) = spoilt(true, |r| speeds(r, factor));
        let said = line(&quarantine);
        assert!(said.starts_with("GNSS speeds are") && said.ends_with(&format!("taken to be {name}")), "{said}");
        assert!(alike(bad, good), "{name}: {bad:?} {good:?}");
    }
    // Wheels are then held against what was put right.
    let (_, _, good) = spoilt(false, |_| {});
    let (_, quarantine, bad) = spoilt(false, |r| speeds(r, 3.6));
    assert!(line(&quarantine).starts_with("GNSS") && alike(bad, good), "{quarantine:?} {bad:?} {good:?}");
    let (_, quarantine, bad) = spoilt(false, |r| {
        speeds(r, 3.6);
        r.wheel.iter_mut().for_each(|w| w.speed_mps *= 3.6);
    });
    assert!(says(&quarantine, "wheel speeds are 3.6") && alike(bad, good), "{quarantine:?} {bad:?} {good:?}");
}

#[test]
fn speeds_of_a_receiver_that_fit_no_unit_are_left_out() {
    for factor in [0.0, 0.28, -1.0] {
        let (_, quarantine, (metres, degrees)) = spoilt(true, |r| speeds(r, factor));
        assert!(line(&quarantine).ends_with("times those of its positions: left out"), "{quarantine:?}");
        assert!(metres < 1.2 && degrees < 2.5, "{factor}: {metres} {degrees}");
    }
    let (_, quarantine, (metres, degrees)) = spoilt(false, |r| {
        r.gnss.iter_mut().skip(300).for_each(|f| f.speed_mps = f.speed_mps.map(|v| v * 3.6));
    });
    assert!(line(&quarantine).ends_with("in km/h at others: left out"), "{quarantine:?}");
    assert!(metres < 1.0 && degrees < 1.0, "{metres} {degrees}");
}

#[test]
fn courses_that_are_not_those_of_the_way_are_left_out() {
    type Of = fn(f64) -> f64;
    let bad: [(bool, Of, &str); 3] = [
        (true, |_| 0.0, "always 0 degrees"),
        (false, |_| 0.0, "always 0 degrees"),
        (true, |c| 90.0 - c, "off the way it goes"),
    ];
    for (alone, of, why) in bad {
        let (_, quarantine, (metres, degrees)) = spoilt(alone, |r| courses(r, of));
        assert!(line(&quarantine).contains(why), "{quarantine:?}");
        assert!(metres < 1.2 && degrees < if alone { 2.5 } else { 1.0 }, "{why}: {metres} {degrees}");
    }
    // Magnetic north is off by a little, and a course that never changes may be that of a straight road.
    assert!(spoilt(false, |r| courses(r, |c| c + 12.0)).1.is_empty());
    let frame = EnuFrame::new(Geodetic::new(127.0, 37.4, 60.0));
    let north = |r: &mut Recording| {
        for fix in &mut r.gnss {
            fix.place = frame.to_geodetic(Vector3::new(0.0, fix.record as f64 * 2.0, 0.0));
            (fix.speed_mps, fix.course_deg) = (Some(10.0), Some(0.0));
        }
    };
    assert!(spoilt(true, north).1.is_empty());
}

/// Whether a clock is told to be unknown.
fn unknown(track: &Track, sensor: &str) -> bool {
    track.clock.iter().any(|c| c.sensor == sensor && c.method.is_none() && c.offset_ms.is_none() && !c.applied)
}

#[test]
fn sensors_that_are_left_out_have_no_clock() {
    let (track, quarantine, _) = spoilt(false, |r| r.wheel.iter_mut().for_each(|w| w.speed_mps *= 7.0));
    assert!(line(&quarantine).ends_with("left out") && unknown(&track, "wheel") && !unknown(&track, "imu"));
    let (track, quarantine, _) = spoilt(false, |r| r.imu.iter_mut().for_each(|i| i.accel_mps2 *= 3.0));
    assert!(line(&quarantine).ends_with("left out") && unknown(&track, "imu") && !unknown(&track, "wheel"));
}

#[test]
fn wheels_that_turn_backwards_all_along_are_turned_round() {
    let (_, _, good) = spoilt(false, |_| {});
    let (track, quarantine, bad) = spoilt(false, |r| r.wheel.iter_mut().for_each(|w| w.speed_mps = -w.speed_mps));
    assert!(line(&quarantine).starts_with("wheel speeds are negative all along"), "{quarantine:?}");
    assert!(bad == good && !unknown(&track, "wheel"), "{bad:?} {good:?}");
}

#[test]
fn sensors_that_are_leap_seconds_apart_are_told() {
    let late = |t: &mut Timestamp, s: i64| *t = Timestamp::from_ns(t.ns() + s * 1_000_000_000);
    let shift = |s: i64| {
        spoilt(false, |r| {
            r.imu.iter_mut().for_each(|i| late(&mut i.t, s));
            r.wheel.iter_mut().for_each(|w| late(&mut w.t, s));
        })
    };
    let (track, quarantine, _) = shift(-18);
    assert!(line(&quarantine).starts_with("times of GNSS are 18 s ahead of the IMU and the wheels"), "{quarantine:?}");
    assert!((clock(&track, "imu").0 - 18_000.0 - 1e3 * IMU_LATE_S).abs() < 20.0);
    let (_, quarantine, _) = shift(18);
    assert!(line(&quarantine).starts_with("times of the IMU and the wheels are 18 s ahead of GNSS"), "{quarantine:?}");
    assert!(shift(-15).1.is_empty());
}

#[test]
fn an_imu_that_is_not_of_the_drive_is_left_out_and_one_of_its_half_is_no_worse_than_none() {
    let (_, _, none) = spoilt(false, |r| r.imu.clear());
    let days = |t: &mut Timestamp| *t = Timestamp::from_ns(t.ns() - 1_000_000_000_000_000);
    let fast = |t: &mut Timestamp| *t = Timestamp::from_ns(t.ns() / 1000);
    let boot = spoilt(false, |r| r.imu.iter_mut().for_each(|i| days(&mut i.t)));
    let micro = spoilt(false, |r| r.imu.iter_mut().for_each(|i| fast(&mut i.t)));
    let short = spoilt(false, |r| r.imu.retain(|i| i.t.ns() < 20_000_000_000));
    for (track, quarantine, off) in [&boot, &micro, &short] {
        assert!(line(quarantine).ends_with("% of the time of the fixes: the IMU is left out"), "{quarantine:?}");
        assert!(*off == none && unknown(track, "imu"), "{off:?} {none:?}");
    }
    for first in [true, false] {
        let (track, quarantine, (metres, degrees)) =
            spoilt(false, |r| r.imu.retain(|i| (i.t.ns() < 60_000_000_000) == first));
        assert!(line(&quarantine).contains("the rest is bridged") && !unknown(&track, "imu"), "{quarantine:?}");
        assert!(metres < none.0 + 0.05 && degrees < none.1 + 0.05, "{metres} {degrees} {none:?}");
    }
}
