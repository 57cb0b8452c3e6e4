//! Pictures, sweeps, clips, depth and masks of a recording folder, as frames with their headers read.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::sync::Arc;

use rayon::prelude::*;

use crate::error::{ErrorKind, Location, Quarantine};
use crate::record::{FrameFormat, FrameRecord, MediaRef, Modality, SourceFile, SourceRef};
use crate::source::{CsvColumns, Limits};
use crate::time::{ClockScale, Timestamp};

use super::super::picture::{self, Remark};
use super::super::table::TimeRule;
use super::super::{audio, civil, lidar, trace};
use super::listing::{Channel, stem};
use super::readings;

/// What all media of a recording share.
pub(super) struct Context<'a> {
    /// SPDX licence.
    pub license: Arc<str>,
    /// Seconds east of UTC of local times, where the user said.
    pub zone_s: Option<i32>,
    /// What is accepted.
    pub limits: &'a Limits,
}

/// Reads the headers of a channel's files. `pictures` gives depth and masks the time of the picture of the same name.
///
/// # Errors
///
/// Where its `times.csv` cannot be read; a bad file goes to `quarantine`. `notes` counts what is worth saying.
pub(super) fn read(
    channel: &Channel,
    scale: ClockScale,
    context: &Context,
    pictures: &[FrameRecord],
    quarantine: &mut Quarantine,
    notes: &mut BTreeMap<String, u64>,
) -> crate::Result<Vec<FrameRecord>> {
    let time = TimeRule { zone_s: context.zone_s.unwrap_or(0), scale };
    let mut times = match &channel.times {
        Some(file) => {
            let rules = readings::Rules { path: &file.absolute, mapping: &CsvColumns::new(), time };
            trace::open(&file.absolute, context.limits)
                .and_then(|reader| readings::times(reader, &rules, quarantine))
                .map_err(|kind| kind.in_file(&file.absolute))?
        }
        None => BTreeMap::new(),
    };
    let by_stem: BTreeMap<&str, Option<Timestamp>> = pictures
        .iter()
        .filter(|f| f.channel == channel.name && f.modality == Modality::Camera)
        .map(|f| (f.stem.as_str(), f.t))
        .collect();
    let opened: Vec<_> = channel.files.par_iter().map(|file| open(file, channel, context)).collect();
    let mut stems = BTreeSet::new();
    let mut frames = Vec::with_capacity(opened.len());
    for (file, opened) in channel.files.iter().zip(opened) {
        let place = Location::file(&file.absolute);
        let named = file.relative.rsplit('/').next().and_then(|name| times.remove(name));
        let (mut frame, remarks) = match opened {
            Ok(opened) => opened,
            Err(kind) => {
                quarantine.refuse(&place, kind);
                continue;
            }
        };
        let named = named.or_else(|| times.remove(&frame.stem));
        if !stems.insert(frame.stem.clone()) {
            quarantine.refuse(&place, "another file of its channel has the same name");
            continue;
        }
        let twin = || by_stem.get(frame.stem.as_str()).copied().flatten();
        frame.t = named.or(frame.t).or_else(twin).or_else(|| time_of_name(&frame.stem, scale));
        for remark in remarks {
            // A time that a table gives is no loss in EXIF.
            if remark.refused && !(remark.text.contains("without time") && frame.t.is_some()) {
                quarantine.refuse(&place, remark.text);
            } else if !remark.refused {
                *notes.entry(format!("{}: {}", channel.name, remark.text)).or_default() += 1;
            }
        }
        frames.push(frame);
    }
    // Several audio channels share one table, so only folders of one channel can tell.
    if let (Some(file), true) = (&channel.times, channel.modality != Modality::Audio) {
        quarantine.refuse_many(
            &Location::file(&file.absolute),
            "names a file that is not there or cannot be used",
            times.len() as u64,
        );
    }
    frames.sort_by(|a, b| (a.t.is_none(), a.t, &a.stem).cmp(&(b.t.is_none(), b.t, &b.stem)));
    Ok(frames)
}

/// A name that is a time in nanoseconds: at least 15 digits, so that a plain number is none.
fn time_of_name(stem: &str, scale: ClockScale) -> Option<Timestamp> {
    let all_digits = stem.len() >= 15 && stem.bytes().all(|c| c.is_ascii_digit());
    all_digits.then(|| civil::count_ns(stem.as_bytes(), 1)).flatten().and_then(|ns| civil::utc_of_count(ns, scale))
}

/// One file as a frame, by its headers.
fn open(file: &SourceFile, channel: &Channel, context: &Context) -> Result<(FrameRecord, Vec<Remark>), ErrorKind> {
    let by_name = Path::new(&file.relative)
        .extension()
        .and_then(|e| FrameFormat::from_extension(e.to_str()?))
        .ok_or_else(|| ErrorKind::Unsupported("this file's ending".to_string()))?;
    let mut frame = FrameRecord {
        channel: channel.name.clone(),
        modality: channel.modality,
        t: None,
        geotag: None,
        stem: stem(&file.relative).to_string(),
        format: by_name,
        media: MediaRef::File(file.absolute.clone()),
        size: file.size,
        width: None,
        height: None,
        orientation: 1,
        intrinsics: None,
        points: None,
        duration_ms: None,
        source: SourceRef { path: file.relative.as_str().into(), record: None, license: context.license.clone() },
    };
    if file.size == 0 {
        return Err(ErrorKind::malformed("file", "it is empty"));
    }
    if file.size > context.limits.file_bytes {
        let limit = context.limits.file_bytes;
        return Err(ErrorKind::LimitExceeded { what: "number of bytes", found: file.size, limit });
    }
    let mut remarks = Vec::new();
    match channel.modality {
        Modality::Camera | Modality::Mask | Modality::Depth if by_name != FrameFormat::Npy => {
            let picture = picture::read(&file.absolute, context.zone_s, context.limits)?;
            frame.format = picture.format;
            (frame.width, frame.height) = (Some(picture.width), Some(picture.height));
            // Depth and masks go with the pixels of their camera, which says the rest.
            if channel.modality == Modality::Camera {
                frame.orientation = picture.orientation;
                frame.t = picture.t;
                frame.geotag = picture.geotag;
                frame.intrinsics = picture.intrinsics;
                remarks = picture.remarks;
            }
        }
        Modality::Audio => {
            let clip = audio::read(&file.absolute)?;
            frame.format = clip.format;
            frame.duration_ms = Some(clip.duration_ms);
        }
        Modality::Lidar => {
            let mut reader = BufReader::new(File::open(&file.absolute).map_err(|e| ErrorKind::io("open", e))?);
            frame.points = Some(lidar::header(&mut reader, by_name, context.limits)?.points);
        }
        _ => {}
    }
    Ok((frame, remarks))
}
