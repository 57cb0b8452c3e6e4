//! What `probe` says of recordings.

use crate::coord::{BBox, Geodetic};
use crate::error::{Quarantine, Result};
use crate::record::{Modality, Recording, Sensor};
use crate::source::Probe;
use crate::time::{ClockScale, Timestamp};

use super::Remarks;

/// What reading a source tells: the probe of readers that have no quicker way to know.
///
/// # Errors
///
/// Those of `read`.
pub(in crate::source::recording) fn probe_read(
    read: impl FnOnce(&mut Quarantine, &mut Remarks) -> Result<Vec<Recording>>,
) -> Result<Probe> {
    let (mut quarantine, mut remarks) = (Quarantine::new(), Remarks::default());
    let recordings = read(&mut quarantine, &mut remarks)?;
    Ok(probe(&recordings, &remarks, &quarantine))
}

/// Counts, extent, times, sensors, notes and problems of recordings.
pub(super) fn probe(recordings: &[Recording], remarks: &Remarks, quarantine: &Quarantine) -> Probe {
    let kind = recordings.first().map_or(super::KIND, |recording| recording.kind);
    let mut probe = Probe { kind: kind.to_string(), ..Probe::default() };
    let mut count = |what: String, n: usize| {
        if n > 0 {
            *probe.counts.entry(what).or_default() += n as u64;
        }
    };
    count("recordings".to_string(), recordings.len());
    let (mut times, mut places): (Vec<Timestamp>, Vec<Geodetic>) = (Vec::new(), Vec::new());
    for recording in recordings {
        count("gnss".to_string(), recording.gnss.len());
        count("imu".to_string(), recording.imu.len());
        count("wheel".to_string(), recording.wheel.len());
        count("poses".to_string(), recording.poses.len());
        for frame in &recording.frames {
            let folder = super::listing::FOLDERS.iter().find(|(_, modality)| *modality == frame.modality);
            count(format!("{}/{}", folder.map_or("", |f| f.0), frame.channel), 1);
        }
        times.extend(recording.gnss.iter().filter_map(|f| f.t));
        times.extend(recording.poses.iter().filter_map(|p| p.t));
        times.extend(recording.frames.iter().filter_map(|f| f.t));
        times.extend(recording.imu.iter().map(|r| r.t));
        times.extend(recording.wheel.iter().map(|r| r.t));
        places.extend(recording.gnss.iter().map(|f| f.place));
        places.extend(recording.poses.iter().map(|p| p.place));
        places.extend(recording.frames.iter().filter_map(|f| f.geotag).map(|g| g.place));
    }
    let ends = times.iter().min().zip(times.iter().max());
    probe.times = ends.map(|(first, last)| [first.to_string(), last.to_string()]);
    if let [first, ..] = recordings {
        probe.sensors = first.sensors.iter().map(describe).collect();
        let clocks = recordings.iter().flat_map(|r| &r.clocks).filter(|c| c.scale != ClockScale::Utc);
        let mut others: Vec<String> = clocks.map(|c| format!("{} runs on {:?} time", c.sensor, c.scale)).collect();
        others.dedup();
        probe.notes.extend(others);
        probe.notes.push(format!("heights: {}", first.height_datum.name()));
    }
    probe.notes.extend(
        remarks.notes.iter().map(|(note, n)| if *n > 1 { format!("{note} ({n} times)") } else { note.clone() }),
    );
    probe.with_extent(BBox::of_points(places.iter().map(|p| (p.lon_deg, p.lat_deg)))).with_problems(quarantine)
}

/// One sensor in words.
fn describe(sensor: &Sensor) -> String {
    let what = sensor.modality.map_or("", Modality::name);
    let mut line = if what.is_empty() { sensor.channel.clone() } else { format!("{}: {what}", sensor.channel) };
    if let Some(camera) = &sensor.camera {
        line += &format!(", {} {} x {}", camera.model.name(), camera.width, camera.height);
    }
    line + if sensor.ego_se3_sensor.is_some() { ", mounted" } else { ", mount unknown" }
}
