//! Pictures, sweeps, clips, depth and masks of a recording folder, as frames with their headers read.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;

use crate::error::{Location, Quarantine};
use crate::record::{FrameRecord, Modality};
use crate::source::CsvColumns;
use crate::time::{ClockScale, Timestamp};

use super::super::media_file::{self, Context};
use super::super::table::TimeRule;
use super::super::{civil, trace};
use super::listing::Channel;
use super::readings;

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
    let opened: Vec<_> =
        channel.files.par_iter().map(|file| media_file::open(file, &channel.name, channel.modality, context)).collect();
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
