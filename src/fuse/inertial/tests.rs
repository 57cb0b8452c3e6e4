//! Drives made up of integrals, with the errors and the defects of sensors.

use nalgebra::{UnitQuaternion, Vector3};
use proptest::prelude::*;

use super::preintegrate::exp;
use crate::coord::{EnuFrame, Geodetic, Pose};
use crate::error::Quarantine;
use crate::fuse::{FuseConfig, Track, fuse};
use crate::record::{GnssFix, ImuReading, Recording, Sensor, WheelReading};
use crate::time::Timestamp;

mod told;

const GRAVITY: f64 = 9.7992;
const IMU_LATE_S: f64 = 0.08;
const WHEEL_EARLY_S: f64 = -0.05;

/// White noise of one sigma, by index.
fn noise(k: u64) -> f64 {
    let mut sum = 0.0;
    let mut x = k.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0xd1b5_4a32_d192_ed03;
    for _ in 0..12 {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        sum += (x >> 11) as f64 / (1u64 << 53) as f64;
    }
    sum - 6.0
}

/// Two minutes of town: bends, and a stop of ten seconds. Returns the truth (seconds, pose) at 100 Hz beside it.
fn town() -> (Recording, Vec<(f64, Pose)>, EnuFrame) {
    let frame = EnuFrame::new(Geodetic::new(127.0, 37.4, 60.0));
    let go = |t: f64| 1.0 / (1.0 + libm::exp(-(t - 60.0) * 2.0)) - 1.0 / (1.0 + libm::exp(-(t - 50.0) * 2.0));
    let speed = |t: f64| (9.0 + 4.0 * libm::sin(0.2 * t)) * (1.0 + go(t));
    let rate = |t: f64| (0.25 * libm::sin(0.31 * t) + 0.15 * libm::sin(0.11 * t + 1.0)) * (1.0 + go(t));
    let mut recording = Recording::new("town", "folder", "CC0-1.0");
    let stamp = |t: f64| Timestamp::from_ns(libm::round(t * 1e9) as i64);
    let (mut at, mut yaw, mut truth) = (Vector3::zeros(), 0.4, Vec::new());
    let antenna = Vector3::new(0.8, 0.0, 1.5);
    for k in 0..12_000u64 {
        let t = k as f64 * 0.01;
        let pose = Pose::new(at, exp(Vector3::new(0.0, 0.0, yaw)));
        truth.push((t, pose));
        let (v, w) = (speed(t), rate(t));
        let a = (speed(t + 0.005) - speed(t - 0.005)) / 0.01;
        recording.imu.push(ImuReading {
            t: stamp(t - IMU_LATE_S),
            accel_mps2: Vector3::new(
                a + 0.04 + 0.03 * noise(k),
                v * w + 0.03 * noise(k + 1),
                GRAVITY + 0.03 * noise(k + 2),
            ),
            gyro_radps: Vector3::new(0.002 * noise(k + 3), 0.002 * noise(k + 4), w + 0.003 + 0.002 * noise(k + 5)),
        });
        if k % 2 == 0 {
            let speed_mps = libm::round(1.012 * v * 50.0) / 50.0;
            recording.wheel.push(WheelReading { t: stamp(t - WHEEL_EARLY_S), speed_mps, steering_rad: None });
        }
        if k % 20 == 0 {
            let slow = Vector3::new(libm::sin(0.05 * t), libm::cos(0.04 * t), 1.0);
            let white = Vector3::new(noise(k + 6), noise(k + 7), noise(k + 8)) * 0.3;
            let velocity = pose.rotation * Vector3::new(v, w * antenna.x, 0.0);
            let course = libm::atan2(velocity.x, velocity.y) + 0.05 * noise(k + 9) / v.max(0.5);
            recording.gnss.push(GnssFix {
                t: Some(stamp(t)),
                place: frame.to_geodetic(pose.apply(antenna) + slow + white),
                speed_mps: Some((velocity.norm() + 0.05 * noise(k + 10)).abs()),
                course_deg: (v > 0.5).then(|| course.to_degrees().rem_euclid(360.0)),
                sigma_xy_m: Some(1.0),
                sigma_z_m: Some(1.5),
                record: k / 20,
            });
        }
        let (v, w) = (speed(t + 0.005), rate(t + 0.005));
        at += exp(Vector3::new(0.0, 0.0, yaw + 0.005 * w)) * Vector3::new(v * 0.01, 0.0, 0.0);
        yaw += w * 0.01;
    }
    let sensor = |channel: &str, t: Vector3<f64>| Sensor {
        channel: channel.into(),
        modality: None,
        camera: None,
        ego_se3_sensor: Some(Pose::new(t, UnitQuaternion::identity())),
    };
    recording.sensors = vec![sensor("gnss", antenna), sensor("imu", Vector3::zeros())];
    (recording, truth, frame)
}

fn fused(recording: &Recording) -> (Track, Quarantine) {
    let mut quarantine = Quarantine::new();
    let track = fuse(recording, &FuseConfig::default(), &mut quarantine).expect("fuses");
    (track, quarantine)
}

/// RMSE of positions (metres) and headings (degrees) of a track.
fn off(track: &Track, truth: &[(f64, Pose)], frame: &EnuFrame) -> (f64, f64) {
    let (mut square, mut turned, mut n) = (0.0, 0.0, 0.0);
    for row in &track.rows {
        let k = (row.t_ns.expect("a time") / 10_000_000) as usize;
        let Some((_, pose)) = truth.get(k) else { continue };
        square += (frame.to_enu(track.place(&row.pose)) - pose.translation).xy().norm_squared();
        turned += libm::remainder(row.pose.yaw_rad() - pose.yaw_rad(), std::f64::consts::TAU).to_degrees().powi(2);
        n += 1.0;
    }
    (f64::sqrt(square / n), f64::sqrt(turned / n))
}

fn clock(track: &Track, sensor: &str) -> (f64, f64) {
    let said = track.clock.iter().find(|c| c.sensor == sensor).expect("a row");
    (said.offset_ms.expect("known"), said.sigma_ms.expect("a sigma"))
}

fn says(quarantine: &Quarantine, text: &str) -> bool {
    quarantine.iter().any(|(_, reason, _)| reason.contains(text))
}

#[test]
fn a_drive_comes_out_better_than_its_fixes_with_clocks_and_error_bars_that_hold() {
    let (recording, truth, frame) = town();
    let (track, quarantine) = fused(&recording);
    assert!(quarantine.is_empty());
    let (metres, degrees) = off(&track, &truth, &frame);
    // The slow error of the receiver is 1 m on the mean.
    assert!(metres < 1.0 && degrees < 0.3, "{metres} {degrees}");
    for (sensor, true_ms) in [("imu", 1e3 * IMU_LATE_S), ("wheel", 1e3 * WHEEL_EARLY_S)] {
        let (ms, sigma) = clock(&track, sensor);
        assert!((ms - true_ms).abs() < 3.0 * sigma && sigma < 8.0, "{sensor}: {ms} ± {sigma}");
    }
    // Standing still it keeps its heading and its place.
    let at = |t: i64| track.at_time(t * 1_000_000_000).expect("on the track").pose;
    assert!((at(52).translation - at(58).translation).norm() < 0.2 && at(52).angle_to(&at(58)) < 0.01);
    let row = track.at_time(30_000_000_000).expect("on the track");
    let speed = 9.0 + 4.0 * libm::sin(6.0);
    assert!((track.mix(&row, |r| r.speed_mps) - speed).abs() < 0.1);
}

#[test]
fn a_tunnel_is_bridged_with_error_bars_that_grow() {
    let (mut recording, truth, frame) = town();
    recording.gnss.retain(|f| !(20_000_000_000..40_000_000_000).contains(&f.t.expect("a time").ns()));
    let sigma =
        |track: &Track, t: i64| track.mix(&track.at_time(t * 1_000_000_000).expect("on the track"), |r| r.sigma_xy_m);
    let (track, _) = fused(&recording);
    assert!(off(&track, &truth, &frame).0 < 1.2, "{:?}", off(&track, &truth, &frame));
    let inside = sigma(&track, 30);
    recording.imu.clear();
    recording.wheel.clear();
    let (track, _) = fused(&recording);
    assert!(sigma(&track, 30) > 3.0 * sigma(&track, 15) && sigma(&track, 30) > 3.0 * inside);
}

/// GNSS alone at 1 Hz around blocks for four minutes, a corner every 15 s after almost a stop; the truth at each tenth of a second.
fn blocks() -> (Recording, Vec<Vector3<f64>>, EnuFrame) {
    let frame = EnuFrame::new(Geodetic::new(127.0, 37.4, 60.0));
    let mut recording = Recording::new("blocks", "folder", "CC0-1.0");
    let (mut at, mut yaw, mut truth) = (Vector3::zeros(), 0.3, Vec::new());
    for k in 0..2400u64 {
        truth.push(at);
        let corner = [1.0, 1.0, -1.0, 1.0, 1.0, -1.0, -1.0][(k / 150) as usize % 7];
        let speed = if (90..120).contains(&(k % 150)) { 0.5 } else { 9.0 };
        let rate = if k % 150 >= 120 { corner * std::f64::consts::FRAC_PI_2 / 3.0 } else { 0.0 };
        if k % 10 == 0 {
            let white = Vector3::new(noise(k), noise(k + 1), noise(k + 2)) * 0.5;
            recording.gnss.push(GnssFix {
                t: Some(Timestamp::from_ns(k as i64 * 100_000_000)),
                place: frame.to_geodetic(at + white),
                speed_mps: Some(speed + 0.05 * noise(k + 3)),
                course_deg: Some((90.0 - f64::to_degrees(yaw)).rem_euclid(360.0)),
                sigma_xy_m: Some(1.0),
                sigma_z_m: Some(1.0),
                record: k,
            });
        }
        at += exp(Vector3::new(0.0, 0.0, yaw + 0.05 * rate)) * Vector3::new(0.1 * speed, 0.0, 0.0);
        yaw += rate * 0.1;
    }
    (recording, truth, frame)
}

#[test]
fn where_nothing_is_heard_for_long_places_are_as_uncertain_as_they_are_wrong() {
    let (whole, truth, frame) = blocks();
    let (mut nees, mut count) = (0.0, 0.0);
    for from in [70, 100, 115] {
        let gap = from * 1_000_000_000..(from + 30) * 1_000_000_000;
        let mut recording = whole.clone();
        recording.gnss.retain(|f| !gap.contains(&f.t.expect("a time").ns()));
        let (track, _) = fused(&recording);
        let (mut most, mut sigma) = (0.0_f64, 0.0_f64);
        for row in track.rows.iter().filter(|row| gap.contains(&row.t_ns.expect("a time"))) {
            let place = truth[(row.t_ns.expect("a time") / 100_000_000) as usize];
            let off = (frame.to_enu(track.place(&row.pose)) - place).xy();
            nees += off.norm_squared() / (2.0 * row.sigma_xy_m * row.sigma_xy_m);
            (most, sigma, count) = (most.max(off.norm()), sigma.max(row.sigma_xy_m), count + 1.0);
        }
        eprintln!("{from}: NEES {:.2}, at most {most:.1} m off at {sigma:.1} m", nees / count);
        assert!(most < 4.0 * sigma, "{from}: {most} m off at {sigma} m");
    }
    assert!((0.1..6.0).contains(&(nees / count)), "{}", nees / count);
}

/// GNSS alone at 1 Hz through a tunnel of 20 or 40 s from 100 s on, in which it turns half round at 9 m/s, to the left or to
/// the right. Returns the heading (radians, left positive) at each tenth of a second beside it.
fn tunnel(turn: f64, length_s: f64) -> (Recording, Vec<f64>) {
    let frame = EnuFrame::new(Geodetic::new(127.0, 37.4, 60.0));
    let mut recording = Recording::new("tunnel", "folder", "CC0-1.0");
    let (mut at, mut yaw, mut truth) = (Vector3::zeros(), 0.3, Vec::new());
    let bend = 95.0..105.0 + length_s;
    for k in 0..2400u64 {
        let t = k as f64 * 0.1;
        truth.push(yaw);
        let half = turn * std::f64::consts::PI / (length_s + 10.0);
        let rate = if bend.contains(&t) { half } else { 0.1 * libm::sin(0.2 * t) };
        if k % 10 == 0 && !(100.0..100.0 + length_s).contains(&t) {
            let white = Vector3::new(noise(k), noise(k + 1), noise(k + 2)) * 0.05;
            recording.gnss.push(GnssFix {
                t: Some(Timestamp::from_ns(k as i64 * 100_000_000)),
                place: frame.to_geodetic(at + white),
                speed_mps: Some(9.0 + 0.05 * noise(k + 3)),
                course_deg: Some((90.0 - f64::to_degrees(yaw)).rem_euclid(360.0)),
                sigma_xy_m: None,
                sigma_z_m: None,
                record: k,
            });
        }
        at += exp(Vector3::new(0.0, 0.0, yaw + 0.05 * rate)) * Vector3::new(0.9, 0.0, 0.0);
        yaw += rate * 0.1;
    }
    (recording, truth)
}

#[test]
fn at_the_edges_of_a_tunnel_it_neither_leaps_nor_reverses() {
    for (turn, length_s) in [(1.0, 20.0), (-1.0, 20.0), (1.0, 40.0), (-1.0, 40.0)] {
        let (recording, truth) = tunnel(turn, length_s);
        let (track, _) = fused(&recording);
        for row in &track.rows {
            let t = row.t_ns.expect("a time") as f64 / 1e9;
            let fine = row.acceleration_mps2.abs() < 4.0 && row.yaw_rate_radps.abs() < 1.0;
            assert!(fine, "{t}: {} m/s², {} rad/s", row.acceleration_mps2, row.yaw_rate_radps);
            let outside = !(98.0..102.0 + length_s).contains(&t);
            assert!(row.speed_mps > if outside { 7.0 } else { 0.0 }, "{turn}, {t}: {} m/s", row.speed_mps);
            // It turns the way round that leads to the other end.
            let off = libm::remainder(row.pose.yaw_rad() - truth[(t * 10.0).round() as usize], std::f64::consts::TAU);
            assert!(off.abs() < 0.7, "{turn}, {t}: {:.0} degrees off", off.to_degrees());
        }
    }
}

#[test]
fn sensors_whose_clock_is_set_on_the_way_are_left_out_on_one_side() {
    let (mut recording, truth, frame) = town();
    let set = |t: &mut Timestamp| *t = Timestamp::from_ns(t.ns() + 3_000_000_000 * i64::from(t.ns() > 80_000_000_000));
    recording.imu.iter_mut().for_each(|r| set(&mut r.t));
    recording.wheel.iter_mut().for_each(|w| set(&mut w.t));
    let (track, quarantine) = fused(&recording);
    let said = |text: &str| quarantine.iter().any(|(_, reason, n)| reason.contains(text) && n.count > 500);
    assert!(said("inertial readings whose clock was set") && said("wheel speeds whose clock was set"));
    let (metres, degrees) = off(&track, &truth, &frame);
    assert!(metres < 1.2 && degrees < 1.5, "{metres} {degrees}");
    for (sensor, true_ms) in [("imu", 1e3 * IMU_LATE_S), ("wheel", 1e3 * WHEEL_EARLY_S)] {
        let (ms, sigma) = clock(&track, sensor);
        assert!((ms - true_ms).abs() < 3.0 * sigma && sigma < 15.0, "{sensor}: {ms} ± {sigma}");
    }
}

#[test]
fn wheel_speeds_whose_unit_changes_on_the_way_are_left_out() {
    let (mut recording, truth, frame) = town();
    recording.wheel.iter_mut().filter(|w| w.t.ns() > 70_000_000_000).for_each(|w| w.speed_mps *= 3.6);
    let (track, quarantine) = fused(&recording);
    assert!(says(&quarantine, "in km/h at others"), "{quarantine:?}");
    let (metres, degrees) = off(&track, &truth, &frame);
    assert!(metres < 1.05 && degrees < 1.0, "{metres} {degrees}");
}

#[test]
fn without_an_imu_or_wheels_it_still_is_better_than_its_fixes() {
    let (mut recording, truth, frame) = town();
    recording.imu.clear();
    let (track, _) = fused(&recording);
    let (metres, degrees) = off(&track, &truth, &frame);
    assert!(metres < 1.05 && degrees < 1.5, "{metres} {degrees}");
    recording.wheel.clear();
    let (track, _) = fused(&recording);
    let (metres, degrees) = off(&track, &truth, &frame);
    assert!(metres < 1.1 && degrees < 2.5, "{metres} {degrees}");
}

#[test]
fn an_imu_that_nobody_calibrated_finds_up_and_ahead() {
    let (mut recording, truth, frame) = town();
    let turned = exp(Vector3::new(2.0, 0.4, -1.0));
    for reading in &mut recording.imu {
        reading.accel_mps2 = turned * reading.accel_mps2;
        reading.gyro_radps = turned * reading.gyro_radps;
    }
    let right = recording.sensors.clone();
    recording.sensors.retain(|s| s.channel != "imu");
    let (track, quarantine) = fused(&recording);
    let (metres, degrees) = off(&track, &truth, &frame);
    assert!(quarantine.is_empty() && metres < 1.2 && degrees < 1.0, "{metres} {degrees}");
    // A calibration that puts gravity elsewhere is not believed.
    recording.sensors = right;
    let (track, quarantine) = fused(&recording);
    let (metres, degrees) = off(&track, &truth, &frame);
    assert!(says(&quarantine, "gravity") && metres < 1.2 && degrees < 1.0, "{metres} {degrees}");
}

#[test]
fn units_that_are_mixed_up_are_said_and_put_right() {
    let (good, truth, frame) = town();
    let mut recording = good.clone();
    recording.wheel.iter_mut().for_each(|w| w.speed_mps *= 3.6);
    recording.imu.iter_mut().for_each(|r| r.accel_mps2 /= 9.80665);
    recording.imu.iter_mut().for_each(|r| r.gyro_radps *= 180.0 / std::f64::consts::PI);
    let (track, quarantine) = fused(&recording);
    assert!(says(&quarantine, "km/h") && says(&quarantine, "in g") && says(&quarantine, "degrees a second"));
    let (metres, degrees) = off(&track, &truth, &frame);
    assert!(metres < 1.0 && degrees < 0.3, "{metres} {degrees}");
    let mut recording = good;
    recording.wheel.iter_mut().for_each(|w| w.speed_mps *= 7.0);
    assert!(says(&fused(&recording).1, "left out"));
}

#[test]
fn an_imu_with_gaps_and_an_end_is_used_where_it_is() {
    let (mut recording, truth, frame) = town();
    let at = |r: &ImuReading| r.t.ns() / 1_000_000_000;
    recording.imu.retain(|r| at(r) < 90 && !(30..33).contains(&at(r)));
    recording.imu[500].gyro_radps.x = f64::NAN;
    recording.imu[700].t = recording.imu[699].t;
    let (track, quarantine) = fused(&recording);
    let (metres, degrees) = off(&track, &truth, &frame);
    assert!(says(&quarantine, "cover 72 %") && quarantine.total() == 3, "{quarantine:?}");
    assert!(metres < 1.1 && degrees < 0.5, "{metres} {degrees}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]
    #[test]
    fn whatever_the_sensors_say_the_track_is_finite_and_in_order(
        imu in prop::collection::vec((0i64..40_000_000_000, prop::array::uniform6(-40.0..40.0f64)), 0..400),
        wheel in prop::collection::vec((any::<i64>(), prop::num::f64::ANY), 0..60),
        places in prop::collection::vec((-1e3..1e3f64, -1e3..1e3f64, prop::option::of(0.0..50.0f64)), 2..60),
    ) {
        let frame = EnuFrame::new(Geodetic::new(127.0, 37.4, 60.0));
        let mut recording = Recording::new("any", "folder", "CC0-1.0");
        recording.gnss = places.iter().enumerate().map(|(k, (x, y, speed_mps))| GnssFix {
            t: Some(Timestamp::from_ns(k as i64 * 700_000_000)),
            place: frame.to_geodetic(Vector3::new(x / 20.0 + k as f64 * 5.0, y / 20.0, 0.0)),
            speed_mps: *speed_mps,
            course_deg: speed_mps.map(|v| v * 7.0),
            sigma_xy_m: None,
            sigma_z_m: None,
            record: k as u64,
        }).collect();
        recording.imu = imu.iter().map(|(t, v)| ImuReading {
            t: Timestamp::from_ns(*t),
            accel_mps2: Vector3::new(v[0], v[1], v[2] + 9.8),
            gyro_radps: Vector3::new(v[3], v[4], v[5]) / 10.0,
        }).collect();
        recording.wheel = wheel.iter().map(|(t, v)| WheelReading { t: Timestamp::from_ns(*t), speed_mps: *v, steering_rad: None }).collect();
        let Ok(track) = fuse(&recording, &FuseConfig::default(), &mut Quarantine::new()) else { return Ok(()) };
        prop_assert!(track.rows.windows(2).all(|w| w[0].s_m <= w[1].s_m && w[0].t_ns < w[1].t_ns));
        for row in &track.rows {
            let all = row.pose.translation.iter().chain(row.pose.rotation.coords.iter());
            prop_assert!(all.chain([&row.speed_mps, &row.yaw_rate_radps, &row.sigma_xy_m]).all(|v| v.is_finite()));
        }
    }
}
