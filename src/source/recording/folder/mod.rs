//! `folder`: the recording folder (DESIGN section 4), a flat folder of pictures, or a single trace file.
//!
//! `recording.toml` and `calibration.json` say what the folder is; GNSS comes from `gnss.csv`, GPX or NMEA, positions
//! also from `poses.csv` and from EXIF. A single file with several tracks becomes one recording per track.

mod calibration;
mod listing;
mod media;
mod readings;
mod settings;
mod summary;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::{Error, ErrorKind, Location, Quarantine, Result};
use crate::record::{
    CameraIntrinsics, Clock, FrameRecord, HeightDatum, Modality, Recording, Sensor, SourceFile, SourceRef,
};
use crate::source::{CsvColumns, Probe, RecordingOptions, RecordingSource};
use crate::time::ClockScale;

use super::table::TimeRule;
use super::trace::Trace;
use super::trace_file::Tracks;
use super::{civil, media_file, trace, trace_file};
use listing::Listing;
use settings::Settings;
pub(super) use summary::probe_read;

/// The kind's name in the config.
pub(super) const KIND: &str = "folder";

/// A recording folder.
pub struct Folder {
    root: PathBuf,
    settings: Settings,
    listing: Listing,
    files: Vec<SourceFile>,
    options: RecordingOptions,
    zone_s: Option<i32>,
}

/// What reading gave beside the recordings.
#[derive(Default)]
pub(super) struct Remarks {
    /// What is worth saying in `probe`, with how often it was seen.
    pub notes: BTreeMap<String, u64>,
}

/// Whether a path looks like a recording folder, a folder of pictures or a trace file.
pub(crate) fn detect(path: &Path) -> bool {
    if path.is_file() {
        return trace_file::detect(path);
    }
    let marks = ["recording.toml", "gnss.csv", "poses.csv", "imu.csv", "calibration.json"];
    if marks.iter().any(|name| path.join(name).is_file()) || path.join("images").is_dir() {
        return true;
    }
    let Ok(entries) = std::fs::read_dir(path) else { return false };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .any(|name| listing::is_media(Modality::Camera, &name) || listing::is_trace(&name))
}

/// Whether a file's ending is that of a picture.
pub(super) fn is_picture(name: &str) -> bool {
    listing::is_media(Modality::Camera, name)
}

/// Opens a recording folder or a trace file.
///
/// # Errors
///
/// A broken `recording.toml` (with its line), an unknown timezone, or a folder that cannot be listed.
pub(crate) fn open(path: &Path, options: &RecordingOptions) -> Result<Box<dyn RecordingSource>> {
    if path.is_file() {
        return Ok(Box::new(trace_file::TraceFile::open(path, options)?));
    }
    let file = path.join("recording.toml");
    let settings = match std::fs::read_to_string(&file) {
        Ok(text) => Settings::parse(&text, &file)?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Settings::default(),
        Err(error) => return Err(ErrorKind::io("read", error).in_file(&file)),
    };
    let zone = settings.timezone.as_ref().or(options.timezone.as_ref());
    let zone_s = zone.map(|name| civil::zone(name).map_err(|kind| kind.in_file(path))).transpose()?;
    let listing = listing::list(path, &settings, options)?;
    let mut files = listing.files();
    if let Ok(metadata) = std::fs::metadata(&file) {
        let relative = "recording.toml".to_string();
        let at = files.partition_point(|f| f.relative < relative);
        files.insert(at, SourceFile { relative, absolute: file, size: metadata.len() });
    }
    Ok(Box::new(Folder { root: path.to_path_buf(), settings, listing, files, options: options.clone(), zone_s }))
}

impl RecordingSource for Folder {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn files(&self) -> &[SourceFile] {
        &self.files
    }

    fn probe(&self) -> Result<Probe> {
        let (mut quarantine, mut remarks) = (Quarantine::new(), Remarks::default());
        let recording = self.recording(&mut quarantine, &mut remarks)?;
        if self.listing.aside > 0 {
            remarks.notes.insert("files of other kinds lie beside these".to_string(), self.listing.aside);
        }
        Ok(summary::probe(&[recording], &remarks, &quarantine))
    }

    fn read(&self, quarantine: &mut Quarantine) -> Result<Vec<Recording>> {
        Ok(vec![self.recording(quarantine, &mut Remarks::default())?])
    }
}

impl Folder {
    fn recording(&self, quarantine: &mut Quarantine, remarks: &mut Remarks) -> Result<Recording> {
        let settings = &self.settings;
        let license = settings.license.as_ref().unwrap_or(&self.options.license);
        let name = match &settings.id {
            Some(id) => id.clone(),
            None => folder_name(&self.root),
        };
        let mut recording = Recording::new(name, KIND, license);
        recording.origin = settings.origin();
        recording.sensors = match &self.listing.calibration {
            Some(file) => {
                let text = std::fs::read_to_string(&file.absolute)
                    .map_err(|e| ErrorKind::io("read", e).in_file(&file.absolute))?;
                calibration::parse(&text, &file.absolute)?
            }
            None => Vec::new(),
        };
        let channels = self.listing.channels.iter().map(|channel| channel.name.as_str());
        let known = channels.chain(recording.sensors.iter().map(|sensor| sensor.channel.as_str()));
        settings.check_clocks(known).map_err(|kind| kind.in_file(self.root.join("recording.toml")))?;
        self.traces(&mut recording, quarantine, remarks);
        self.media(&mut recording, quarantine, remarks)?;
        if let Some(datum) = settings.height_datum {
            recording.height_datum = datum;
        }
        self.positions_or_error(&recording, quarantine)?;
        of_one_kind(&mut recording, quarantine);
        complete_sensors(&mut recording);
        Ok(recording)
    }

    /// GNSS, IMU, wheels and poses.
    fn traces(&self, recording: &mut Recording, quarantine: &mut Quarantine, remarks: &mut Remarks) {
        let license: Arc<str> = recording.license.as_str().into();
        let none = CsvColumns::new();
        let columns = |sensor: &str| self.settings.columns.get(sensor).unwrap_or(&none);
        let rule = |sensor: &str| TimeRule { zone_s: self.zone_s.unwrap_or(0), scale: self.settings.clock(sensor) };
        let mut used = Vec::new();
        used.extend(self.listing.calibration.as_ref());

        // The config's columns are those of the positions: no other table of a folder needs a mapping so often.
        let mut gnss_columns = self.options.columns.clone();
        gnss_columns.extend(columns("gnss").clone());
        let mut all = Vec::with_capacity(self.listing.gnss.len());
        for file in &self.listing.gnss {
            let mut notes = Vec::new();
            let read = self.tracks(file, &gnss_columns, rule("gnss"), &mut notes, quarantine);
            let Some(tracks) = or_refuse(read, &file.absolute, quarantine) else { continue };
            notes.into_iter().for_each(|note| *remarks.notes.entry(note).or_default() += 1);
            all.push((file, tracks));
        }
        // Beside traces with dates, one without any cannot be put in order.
        let holds = |track: &Trace, scale| track.scale == scale && track.is_timed();
        if all.iter().flat_map(|(_, tracks)| tracks).any(|track| holds(track, ClockScale::Utc)) {
            all.retain_mut(|(file, tracks)| {
                let before = tracks.len();
                tracks.retain(|track| {
                    let dated = !holds(track, ClockScale::Unknown);
                    if !dated {
                        let reason = "it holds no date, and the traces beside it do: left out";
                        quarantine.refuse_many(&Location::file(&file.absolute), reason, track.fixes.len() as u64);
                    }
                    dated
                });
                before == 0 || !tracks.is_empty()
            });
        }
        let mut parts = Vec::new();
        let mut scale = rule("gnss").scale;
        for (file, tracks) in all {
            for track in tracks {
                if track.is_timed() {
                    scale = track.scale;
                }
                if recording.height_datum == HeightDatum::None {
                    recording.height_datum = track.height_datum;
                }
                parts.push(track.ordered(&file.absolute, quarantine));
            }
            used.push(file);
        }
        // Loggers start a new file or segment at will: together they are one trace, in order of time.
        parts.retain(|part| !part.is_empty());
        parts.sort_by_key(|part| part[0].t);
        let lines = vec![0; parts.iter().map(Vec::len).sum()];
        let joined = Trace { lines, fixes: parts.concat(), scale, ..Trace::default() };
        recording.gnss = if self.listing.gnss.len() > 1 || parts.len() > 1 {
            joined.ordered(&self.root, quarantine)
        } else {
            joined.fixes
        };

        macro_rules! table {
            ($name:literal, $file:ident) => {
                if let Some(file) = &self.listing.$file {
                    let rules = readings::Rules { path: &file.absolute, mapping: columns($name), time: rule($name) };
                    let read = trace::open(&file.absolute, &self.options.limits)
                        .and_then(|reader| readings::$file(reader, &rules, quarantine));
                    if let Some(rows) = or_refuse(read, &file.absolute, quarantine) {
                        recording.$file = rows;
                        used.push(file);
                    }
                }
            };
        }
        table!("imu", imu);
        table!("wheel", wheel);
        table!("poses", poses);
        if !recording.poses.is_empty() {
            recording.height_datum = HeightDatum::Ellipsoidal;
        }
        for (sensor, present, scale) in [
            ("gnss", !recording.gnss.is_empty(), scale),
            ("imu", !recording.imu.is_empty(), rule("imu").scale),
            ("wheel", !recording.wheel.is_empty(), rule("wheel").scale),
            ("poses", !recording.poses.is_empty(), rule("poses").scale),
        ] {
            if present {
                recording.clocks.push(Clock { sensor: sensor.to_string(), scale });
            }
        }
        recording.sources.extend(used.into_iter().map(|file| SourceRef {
            path: file.relative.as_str().into(),
            record: None,
            license: license.clone(),
        }));
    }

    /// The tracks of a trace; what is worth saying of them goes to `notes`.
    fn tracks(
        &self,
        file: &SourceFile,
        columns: &CsvColumns,
        rule: TimeRule,
        notes: &mut Vec<String>,
        quarantine: &mut Quarantine,
    ) -> Result<Vec<Trace>, ErrorKind> {
        let said_utc = self.settings.clock.get("gnss") == Some(&ClockScale::Utc);
        let mut tracks = Tracks::open(&file.absolute, columns, rule, &self.options.limits, false, quarantine)?;
        let mut all = Vec::new();
        while let Some(track) = tracks.next(quarantine)? {
            all.push(if said_utc { track } else { track.or_unknown_epoch(notes) });
        }
        notes.extend(tracks.notes());
        Ok(all)
    }

    /// Pictures first: depth and masks take their times from them.
    fn media(&self, recording: &mut Recording, quarantine: &mut Quarantine, remarks: &mut Remarks) -> Result<()> {
        let context = media_file::Context {
            license: recording.license.as_str().into(),
            zone_s: self.zone_s,
            limits: &self.options.limits,
        };
        let (pictures, others): (Vec<_>, Vec<_>) =
            self.listing.channels.iter().partition(|c| c.modality == Modality::Camera);
        for channel in pictures.into_iter().chain(others) {
            let scale = self.settings.clock(&channel.name);
            let mut frames = media::read(channel, scale, &context, &recording.frames, quarantine, &mut remarks.notes)?;
            refuse_other_sizes(&mut frames, recording.sensor(&channel.name), quarantine);
            if !frames.is_empty() && !recording.clocks.iter().any(|c| c.sensor == channel.name) {
                recording.clocks.push(Clock { sensor: channel.name.clone(), scale });
            }
            recording.frames.extend(frames);
        }
        let heights = recording.frames.iter().any(|f| f.geotag.is_some_and(|g| g.has_height));
        if heights && recording.height_datum == HeightDatum::None && recording.gnss.is_empty() {
            // EXIF counts from sea level.
            recording.height_datum = HeightDatum::Orthometric;
        }
        // Stable: within a channel and modality the frames are in order already.
        recording.frames.sort_by(|a, b| (&a.channel, a.modality).cmp(&(&b.channel, b.modality)));
        Ok(())
    }

    fn positions_or_error(&self, recording: &Recording, quarantine: &Quarantine) -> Result<()> {
        let placed = recording.frames.iter().any(|f| f.geotag.is_some());
        if placed || !recording.gnss.is_empty() || !recording.poses.is_empty() {
            return Ok(());
        }
        let error = |reason: &str| -> Error { ErrorKind::malformed("recording folder", reason).in_file(&self.root) };
        if self.files.is_empty() {
            return Err(error("there is nothing in it that is read")
                .with_hint("a recording folder holds gnss.csv, GPX, NMEA, poses.csv or pictures with EXIF positions"));
        }
        let refused = quarantine.iter().next().map(|(file, reason, _)| format!("{file}: {reason}"));
        let hint = refused
            .map_or("give gnss.csv, GPX, NMEA, poses.csv or pictures with EXIF positions".to_string(), |r| {
                format!("what could not be used begins with: {r}")
            });
        Err(error("nothing in it gives a position").with_hint(hint))
    }
}

/// What was read of a file; one that cannot be read is refused, and the recording goes on without it.
fn or_refuse<T>(read: Result<T, ErrorKind>, file: &Path, quarantine: &mut Quarantine) -> Option<T> {
    read.map_err(|kind| quarantine.refuse(&Location::file(file), kind)).ok()
}

/// Pictures of another size than their calibration's would be projected wrongly.
pub(super) fn refuse_other_sizes(frames: &mut Vec<FrameRecord>, sensor: Option<&Sensor>, quarantine: &mut Quarantine) {
    let Some(camera) = sensor.and_then(|s| s.camera.as_ref()) else { return };
    frames.retain(|frame| {
        let fits = frame.modality != Modality::Camera
            || (frame.width, frame.height) == (Some(camera.width), Some(camera.height));
        if !fits && let crate::record::MediaRef::File(path) = &frame.media {
            let reason = format!("its size is not the {} x {} of its calibration", camera.width, camera.height);
            quarantine.refuse(&crate::error::Location::file(path), reason);
        }
        fits
    });
}

/// Adds the sensors that have data but no calibration; a camera whose pictures all see alike gets what they say.
pub(super) fn complete_sensors(recording: &mut Recording) {
    let add = |sensors: &mut Vec<Sensor>, channel: &str, modality| {
        if !sensors.iter().any(|s| s.channel == channel) {
            sensors.push(Sensor { channel: channel.to_string(), modality, camera: None, ego_se3_sensor: None });
        }
    };
    let mut sensors = std::mem::take(&mut recording.sensors);
    for frame in &recording.frames {
        // Depth and masks are their camera's.
        let modality = match frame.modality {
            Modality::Depth | Modality::Mask => Modality::Camera,
            other => other,
        };
        add(&mut sensors, &frame.channel, Some(modality));
    }
    let traces =
        [("gnss", recording.gnss.is_empty()), ("imu", recording.imu.is_empty()), ("wheel", recording.wheel.is_empty())];
    for (name, empty) in traces {
        if !empty {
            add(&mut sensors, name, None);
        }
    }
    for sensor in sensors.iter_mut().filter(|s| s.camera.is_none() && s.modality == Some(Modality::Camera)) {
        let mut seen =
            recording.frames.iter().filter(|f| f.channel == sensor.channel && f.modality == Modality::Camera);
        let first = seen.next().and_then(|f| f.intrinsics.clone());
        if first.is_some() && seen.all(|f| f.intrinsics == first) {
            sensor.camera = first;
        }
    }
    recording.sensors = sensors;
}

/// Leaves out pictures that see otherwise than most of their channel, where these are panoramas and no calibration says how
/// they see: a sphere and a part of it, or one without its XMP, are not of one camera.
fn of_one_kind(recording: &mut Recording, quarantine: &mut Quarantine) {
    let calibrated = |channel: &str| recording.sensor(channel).is_some_and(|s| s.camera.is_some());
    let pictures = || recording.frames.iter().filter(|f| f.modality == Modality::Camera);
    let panoramas = pictures().filter(|f| f.intrinsics.as_ref().is_some_and(|i| i.model.is_panorama()));
    let mut kinds: BTreeMap<&str, Vec<(&Option<CameraIntrinsics>, usize)>> =
        panoramas.map(|f| (f.channel.as_str(), Vec::new())).filter(|(channel, _)| !calibrated(channel)).collect();
    for frame in pictures() {
        let Some(kinds) = kinds.get_mut(frame.channel.as_str()) else { continue };
        match kinds.iter_mut().find(|(kind, _)| **kind == frame.intrinsics) {
            Some((_, count)) => *count += 1,
            None => kinds.push((&frame.intrinsics, 1)),
        }
    }
    let mut most: BTreeMap<String, (CameraIntrinsics, usize)> = BTreeMap::new();
    for (channel, kinds) in kinds.into_iter().filter(|(_, kinds)| kinds.len() > 1) {
        let panoramas = kinds.iter().filter(|(kind, _)| kind.as_ref().is_some_and(|i| i.model.is_panorama()));
        let all: usize = kinds.iter().map(|(_, count)| count).sum();
        match panoramas.clone().max_by_key(|(_, count)| *count) {
            Some((Some(kind), count)) if 2 * count > all => {
                most.insert(channel.to_string(), (kind.clone(), *count));
            }
            Some(_) => {
                let reason = format!(
                    "pictures of `{channel}` are not all the same part of a panorama: none has a geometry; give each \
                     kind a channel of its own"
                );
                let panoramas: usize = panoramas.map(|(_, count)| count).sum();
                quarantine.refuse_many(&Location::file(&recording.name), reason, panoramas as u64);
            }
            None => {}
        }
    }
    recording.frames.retain(|frame| {
        let most = most.get(&frame.channel).filter(|_| frame.modality == Modality::Camera);
        let Some((_, count)) = most.filter(|(kind, _)| frame.intrinsics.as_ref() != Some(kind)) else { return true };
        let reason = format!(
            "sees otherwise than {count} other pictures of `{}`, which are panoramas: give it a channel of its own",
            frame.channel
        );
        quarantine.refuse(&Location::file(frame.media.path()), reason);
        false
    });
}

/// The last part of a path; of `.` and the like, of the folder that it stands for.
pub(super) fn folder_name(path: &Path) -> String {
    let last = |p: &Path| p.file_name().map(|name| name.to_string_lossy().into_owned());
    last(path).or_else(|| last(&path.canonicalize().ok()?)).unwrap_or_else(|| "recording".to_string())
}
