//! A few samples that stand for all: a picture, the map around, a sentence.

use std::collections::BTreeSet;
use std::path::Path;

use super::ground::Ground;
use super::html::{drawing, escape, photo};
use super::plan_view::PlanView;
use crate::dataset::Dataset;
use crate::dataset::manifest::Manifest;
use crate::dataset::survey::{Brief, Survey};
use crate::error::Result;
use crate::record::Modality;
use crate::sample::{SampleFrame, SampleRow};

/// Largest picture of a card, pixels.
const PHOTO: (u32, u32) = (420, 210);
/// Side of a card's map, pixels.
const MAP: f32 = 210.0;
/// How many samples are looked at for each that is shown, to find some with pictures.
const CHOICE: usize = 3;

/// Samples that lie far from each other, those with pictures first, and a data set that has only them.
///
/// # Errors
///
/// As [`Survey::rows`] and [`Dataset::excerpt`].
pub(super) fn choose(
    dir: &Path,
    manifest: &Manifest,
    survey: &Survey,
    pictured: &BTreeSet<&str>,
    most: usize,
) -> Result<(Dataset, Vec<SampleRow>)> {
    let of_pictured = |s: &&Brief| pictured.contains(survey.recording_of(s));
    let mut candidates: Vec<&Brief> = survey.samples.iter().filter(of_pictured).collect();
    if candidates.is_empty() {
        candidates = survey.samples.iter().collect();
    }
    let mut rows = survey.rows(&spread(&candidates, CHOICE * most))?;
    // Stable: among equals the order of the spread stays.
    rows.sort_by_key(|row| anchor_picture(row).is_none());
    rows.truncate(most);
    let frames = rows.iter().filter_map(|row| Some(anchor_picture(row)?.frame_id.as_str())).collect();
    let dataset = Dataset::excerpt(dir, manifest.clone(), &rows, &frames)?;
    Ok((dataset, rows))
}

/// Samples that lie far from each other: each next one farthest from those before (Gonzalez 1985), the first of the data
/// set first.
fn spread<'a>(samples: &[&'a Brief], most: usize) -> Vec<&'a Brief> {
    let mut chosen: Vec<&Brief> = Vec::new();
    let mut distance = vec![f64::INFINITY; samples.len()];
    let mut next = (!samples.is_empty()).then_some(0);
    while let Some(at) = next.filter(|at| chosen.len() < most && distance[*at] > 0.0) {
        let here = samples[at];
        chosen.push(here);
        let east = libm::cos(here.lat.to_radians());
        for (d, s) in distance.iter_mut().zip(samples) {
            *d = d.min(libm::hypot((s.lon - here.lon) * east, s.lat - here.lat));
        }
        // The first of the farthest: `max_by` would take the last.
        next = (0..samples.len()).reduce(|best, i| if distance[i] > distance[best] { i } else { best });
    }
    chosen
}

/// The camera frame nearest to the anchor, of a channel that looks ahead where names tell.
fn anchor_picture(sample: &SampleRow) -> Option<&SampleFrame> {
    let anchor = sample.anchor_tick() as i64;
    let cameras = sample.frames.iter().filter(|f| f.modality == Modality::Camera.name());
    cameras.min_by_key(|f| (!f.channel.contains("front"), (i64::from(f.tick) - anchor).abs(), f.channel.as_str()))
}

/// A sample as a figure.
///
/// # Errors
///
/// Where the map cannot be read; a picture that cannot is left out, the map remains.
pub(super) fn card(dataset: &Dataset, sample: &SampleRow) -> Result<String> {
    let id = &sample.sample_id;
    let picture = anchor_picture(sample).and_then(|frame| {
        let picture = dataset.frame(&frame.frame_id).and_then(|row| dataset.image(&row)).ok()?;
        Some(photo(&picture, PHOTO.0, PHOTO.1, &format!("{} of sample {id}", frame.channel)))
    });
    let size_m = dataset.sample_config(&sample.recording_id)?.bev.size_m;
    let plan = PlanView::new(Ground::around(sample, size_m), sample, dataset.map_index()?);
    let map = drawing(&plan.picture(MAP), &format!("map around sample {id}"));
    let texts = sample.captions.iter().flatten().filter(|c| c.task == "caption");
    let texts: String =
        texts.map(|c| format!("<br/><span lang=\"{0}\">{1}</span>", escape(&c.lang), escape(&c.text))).collect();
    let split = sample.split.name();
    Ok(format!(
        "<figure class=\"card\"><div>{}{map}</div><figcaption><code>{}</code> <b class=\"chip {split}\">{split}</b>{texts}</figcaption></figure>",
        picture.unwrap_or_default(),
        escape(id)
    ))
}
