//! The tables of a recording folder beside positions: `imu.csv`, `wheel.csv`, `poses.csv`, `times.csv`.

use std::collections::BTreeMap;
use std::io::BufRead;
use std::path::Path;

use nalgebra::Vector3;

use crate::coord::Pose;
use crate::error::{ErrorKind, Location, Quarantine};
use crate::record::{ImuReading, PoseFix, WheelReading};
use crate::source::CsvColumns;
use crate::time::Timestamp;

use super::super::order;
use super::super::table::{Reason, Table, TimeRule};
use super::super::trace::place;

/// How one table is to be read.
pub(super) struct Rules<'a> {
    /// The file, for messages.
    pub path: &'a Path,
    /// The user's columns.
    pub mapping: &'a CsvColumns,
    /// What its times are.
    pub time: TimeRule,
}

/// `imu.csv`: `t_ns,ax_mps2,ay_mps2,az_mps2,wx_radps,wy_radps,wz_radps`.
///
/// # Errors
///
/// Where a column is missing or the file cannot be read.
pub(super) fn imu(r: impl BufRead, rules: &Rules, quarantine: &mut Quarantine) -> Result<Vec<ImuReading>, ErrorKind> {
    let mut table = Table::open(r, rules.mapping)?;
    let mut columns = [0; 6];
    for (column, name) in columns.iter_mut().zip(["ax_mps2", "ay_mps2", "az_mps2", "wx_radps", "wy_radps", "wz_radps"])
    {
        *column = table.required(name)?;
    }
    read(&mut table, rules, quarantine, |table, t| {
        let mut v = [0.0; 6];
        for (value, &column) in v.iter_mut().zip(&columns) {
            *value = table.needed(column)?;
        }
        let (accel, gyro) = (Vector3::new(v[0], v[1], v[2]), Vector3::new(v[3], v[4], v[5]));
        Ok(ImuReading { t: t.ok_or(NO_TIME)?, accel_mps2: accel, gyro_radps: gyro })
    })
}

/// `wheel.csv`: `t_ns,speed_mps[,steering_rad]`.
///
/// # Errors
///
/// As [`imu`].
pub(super) fn wheel(
    r: impl BufRead,
    rules: &Rules,
    quarantine: &mut Quarantine,
) -> Result<Vec<WheelReading>, ErrorKind> {
    let mut table = Table::open(r, rules.mapping)?;
    let (speed, steering) = (table.required("speed_mps")?, table.column("steering_rad"));
    read(&mut table, rules, quarantine, |table, t| {
        let speed_mps = table.needed(speed)?;
        Ok(WheelReading { t: t.ok_or(NO_TIME)?, speed_mps, steering_rad: table.number(steering)? })
    })
}

/// `poses.csv`: `t_ns,lon,lat,height_m,qw,qx,qy,qz`; without a time column, poses in the order of the trajectory.
///
/// # Errors
///
/// As [`imu`].
pub(super) fn poses(r: impl BufRead, rules: &Rules, quarantine: &mut Quarantine) -> Result<Vec<PoseFix>, ErrorKind> {
    let mut table = Table::open(r, rules.mapping)?;
    let (lon, lat, height) = (table.required("lon")?, table.required("lat")?, table.column("height_m"));
    let mut q = [0; 4];
    for (column, name) in q.iter_mut().zip(["qw", "qx", "qy", "qz"]) {
        *column = table.required(name)?;
    }
    let timed = table.has_time();
    read(&mut table, rules, quarantine, |table, t| {
        let mut wxyz = [0.0; 4];
        for (value, &column) in wxyz.iter_mut().zip(&q) {
            *value = table.needed(column)?;
        }
        let pose = Pose::from_wxyz([0.0; 3], wxyz).ok_or("its rotation is not a unit quaternion")?;
        if timed && t.is_none() {
            return Err(NO_TIME.into());
        }
        let place = place(table.needed(lon)?, table.needed(lat)?, table.number(height)?.unwrap_or(0.0))?;
        Ok(PoseFix { t, place, rotation: pose.rotation })
    })
}

/// `times.csv`: `file,t_ns`, by the file's name.
///
/// # Errors
///
/// As [`imu`].
pub(super) fn times(
    r: impl BufRead,
    rules: &Rules,
    quarantine: &mut Quarantine,
) -> Result<BTreeMap<String, Timestamp>, ErrorKind> {
    let mut table = Table::open(r, rules.mapping)?;
    let file = table.required("file")?;
    let mut times = BTreeMap::new();
    while table.advance()? {
        let row = table.text(Some(file)).map(|name| String::from_utf8_lossy(name).into_owned());
        let refused = match (row, table.time(rules.time)) {
            (Some(name), Ok(Some(t))) => times.insert(name, t).map(|_| "a file is named twice".into()),
            (None, _) => Some("the file's name is missing".into()),
            (_, Ok(None)) => Some(NO_TIME.into()),
            (_, Err(reason)) => Some(reason),
        };
        if let Some(reason) = refused {
            quarantine.refuse(&Location::line(rules.path, table.line()), reason);
        }
    }
    Ok(times)
}

const NO_TIME: &str = "the time is missing";

/// A record that has a time.
trait Timed {
    fn t(&self) -> Option<Timestamp>;
}

impl Timed for ImuReading {
    fn t(&self) -> Option<Timestamp> {
        Some(self.t)
    }
}

impl Timed for WheelReading {
    fn t(&self) -> Option<Timestamp> {
        Some(self.t)
    }
}

impl Timed for PoseFix {
    fn t(&self) -> Option<Timestamp> {
        self.t
    }
}

/// Rows to records, in order of time; the rest to the quarantine with its line.
fn read<R: BufRead, T: Timed>(
    table: &mut Table<R>,
    rules: &Rules,
    quarantine: &mut Quarantine,
    parse: impl Fn(&Table<R>, Option<Timestamp>) -> Result<T, Reason>,
) -> Result<Vec<T>, ErrorKind> {
    let (mut records, mut lines) = (Vec::new(), Vec::new());
    while table.advance()? {
        match table.time(rules.time).and_then(|t| parse(table, t)) {
            Ok(record) => {
                records.push(record);
                lines.push(table.line());
            }
            Err(reason) => quarantine.refuse(&Location::line(rules.path, table.line()), reason),
        }
    }
    // All or none have times: `parse` sees to that.
    let times: Vec<Timestamp> = records.iter().filter_map(Timed::t).collect();
    if times.len() < records.len() {
        return Ok(records);
    }
    let verdicts = order::judge(&times);
    for (verdict, line) in verdicts.iter().zip(&lines) {
        if let Some(reason) = verdict.reason() {
            quarantine.refuse(&Location::line(rules.path, *line), reason);
        }
    }
    Ok(records.into_iter().zip(verdicts).filter_map(|(r, v)| v.reason().is_none().then_some(r)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(mapping: &CsvColumns) -> Rules<'_> {
        Rules { path: Path::new("t.csv"), mapping, time: TimeRule::default() }
    }

    #[test]
    fn readings_are_ordered_and_bad_lines_named() {
        let text = "t_ns,speed_mps,steering_rad\n10,1,0.1\n20,2,\n20,9,\n15,9,\n30,inf,\n40,4,\n";
        let mut quarantine = Quarantine::new();
        let wheel = wheel(text.as_bytes(), &rules(&CsvColumns::new()), &mut quarantine).expect("reads");
        assert_eq!(wheel.iter().map(|w| w.t.ns()).collect::<Vec<_>>(), [10, 20, 40]);
        assert_eq!((wheel[0].steering_rad, wheel[1].steering_rad), (Some(0.1), None));
        let places: Vec<_> = quarantine.iter().flat_map(|(_, _, r)| r.examples.clone()).collect();
        assert_eq!(places, ["t.csv, line 6", "t.csv, line 4", "t.csv, line 5"]);
    }

    #[test]
    fn imu_and_poses_need_all_their_columns() {
        let mapping = CsvColumns::new();
        assert!(imu("t_ns,ax_mps2\n".as_bytes(), &rules(&mapping), &mut Quarantine::new()).is_err());
        let text = "t_ns,lon,lat,height_m,qw,qx,qy,qz\n1,127,37,5,1,0,0,0\n2,127,37,5,0,0,0,0\n3,127,37,5,1,1,0,0\n\
                    4,127,37,5,0.7071,0,0,0.7071\n";
        let mut quarantine = Quarantine::new();
        let poses = poses(text.as_bytes(), &rules(&mapping), &mut quarantine).expect("reads");
        assert_eq!((poses.len(), quarantine.total()), (2, 2));
        assert!((poses[1].rotation.norm() - 1.0).abs() < 1e-12);
        let lines: Vec<_> = quarantine.iter().flat_map(|(_, _, r)| r.examples.clone()).collect();
        assert_eq!(lines, ["t.csv, line 3", "t.csv, line 4"]);
    }

    #[test]
    fn times_are_found_by_file_name() {
        let mapping = CsvColumns::new();
        let mut quarantine = Quarantine::new();
        let times = times("file,t_ns\na.jpg,5\nb.jpg,\n".as_bytes(), &rules(&mapping), &mut quarantine).expect("reads");
        assert_eq!(times.get("a.jpg").map(|t| t.ns()), Some(5));
        assert_eq!(quarantine.total(), 1);
    }
}
