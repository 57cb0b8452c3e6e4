//! Rows of pictures: a camera's frames over the ticks, and panoramas unrolled.

use image::RgbImage;
use image::imageops::thumbnail;
use rayon::prelude::*;

use super::blocks::{Block, GAP, SMALL, TITLE, title};
use super::canvas::{Area, Canvas, fit};
use super::grounded::Warped;
use super::palette::{FUTURE, INK, MUTED, PANEL, PAST, RULE, ramp};
use super::words::{signed, tick_offsets};
use crate::dataset::Dataset;
use crate::dataset::rows::FrameRow;
use crate::error::{ErrorKind, Result};
use crate::record::Modality;
use crate::render::text::Weight;
use crate::sample::SampleRow;

/// Most pictures in a row.
const MOST: usize = 8;
/// Largest height of a cell, pixels.
const CELL_HEIGHT: f32 = 280.0;
/// Height of a cell's label, and of the ribbon of ticks above the cells.
const LABEL: f32 = 22.0;
const RIBBON: f32 = 16.0;
/// Depth that is drawn lightest, metres.
const FAR_M: f32 = 60.0;

/// A channel's frames over the ticks of a window.
pub(super) struct Row {
    channel: String,
    modality: Modality,
    note: String,
    /// Height over width of its pictures.
    aspect: f32,
    anchor: usize,
    present: Vec<bool>,
    cells: Vec<Cell>,
    unit: &'static str,
    /// What the row shows in place of its own frames, e.g. `warp front`.
    instead: Option<String>,
}

struct Cell {
    tick: usize,
    offset: f64,
    late_ms: Option<f64>,
    /// Share of a warp that is no hole.
    seen: Option<f64>,
    picture: Option<RgbImage>,
}

impl Row {
    /// The row of a channel of a sample; reasons why a picture cannot be drawn are added to `problems`.
    pub(super) fn new(
        dataset: &Dataset,
        sample: &SampleRow,
        channel: &str,
        modality: Modality,
        problems: &mut Vec<String>,
    ) -> Row {
        let offsets = tick_offsets(sample);
        let anchor = sample.anchor_tick();
        let mut ids: Vec<Option<&str>> = vec![None; offsets.len()];
        for frame in sample.frames.iter().filter(|f| f.channel == channel && f.modality == modality.name()) {
            if let Some(id) = usize::try_from(frame.tick).ok().and_then(|tick| ids.get_mut(tick)) {
                *id = Some(&frame.frame_id);
            }
        }
        let present: Vec<bool> = ids.iter().map(Option::is_some).collect();
        let ticks = choose(&present, anchor);
        let shown: Vec<(Cell, Option<String>)> = ticks
            .par_iter()
            .map(|&tick| {
                let time = sample.pose_t_ns.as_ref().and_then(|t| t.get(tick).copied());
                let mut cell = Cell { tick, offset: offsets[tick], late_ms: None, seen: None, picture: None };
                let Some(id) = ids[tick] else { return (cell, None) };
                match dataset.frame(id).and_then(|frame| Ok((picture(dataset, &frame, modality)?, frame))) {
                    Ok((picture, frame)) => {
                        let late = frame.t_ns.zip(time).map(|(t, tick)| t.saturating_sub(tick) as f64 / 1e6);
                        cell.late_ms = late;
                        cell.picture = Some(picture);
                        (cell, None)
                    }
                    Err(error) => (cell, Some(error.to_string())),
                }
            })
            .collect();
        problems.extend(shown.iter().filter_map(|(_, problem)| problem.clone()));
        let cells: Vec<Cell> = shown.into_iter().map(|(cell, _)| cell).collect();
        let sides = cells.iter().find_map(|c| c.picture.as_ref()).map(RgbImage::dimensions);
        let (width, height) = sides.unwrap_or((16, 9));
        let count = present.iter().filter(|p| **p).count();
        let size = sides.map_or(String::new(), |(w, h)| format!("{w} × {h}, "));
        Row {
            channel: channel.to_string(),
            modality,
            note: format!("{size}{count} of {} ticks have one", present.len()),
            aspect: height as f32 / width.max(1) as f32,
            anchor,
            present,
            cells,
            unit: if sample.pose_t_ns.is_some() { "s" } else { "m" },
            instead: None,
        }
    }

    /// The same ticks with a reference warped into each.
    pub(super) fn warped(&self, warped: Warped) -> Row {
        let Warped { note, mut pictures } = warped;
        let cell = |cell: &Cell| {
            let warp = pictures.get_mut(cell.tick).and_then(Option::take);
            let seen = warp.as_ref().map(|(_, seen)| *seen);
            Cell {
                tick: cell.tick,
                offset: cell.offset,
                late_ms: None,
                seen,
                picture: warp.map(|(picture, _)| picture),
            }
        };
        Row {
            channel: self.channel.clone(),
            modality: self.modality,
            note,
            aspect: self.aspect,
            anchor: self.anchor,
            present: self.present.clone(),
            cells: self.cells.iter().map(cell).collect(),
            unit: self.unit,
            instead: Some(format!("warp {}", self.channel)),
        }
    }

    /// Width and height of a cell.
    fn cell(&self, width: f32) -> (f32, f32) {
        let n = self.cells.len().max(1) as f32;
        let widest = ((width - (n - 1.0) * GAP) / n).floor().max(1.0);
        let height = (widest * self.aspect).clamp(1.0, CELL_HEIGHT);
        ((height / self.aspect).min(widest).max(1.0), height)
    }
}

impl Block for Row {
    fn name(&self) -> String {
        self.instead.clone().unwrap_or_else(|| format!("{} {}", self.modality.name(), self.channel))
    }

    fn height(&self, width: f32) -> f32 {
        TITLE + RIBBON + self.cell(width).1 + LABEL
    }

    fn draw(&self, canvas: &mut Canvas, area: Area) {
        let text = match (self.modality, &self.instead) {
            (_, Some(_)) => format!("{} warped from another day", self.channel),
            (Modality::Camera, None) => self.channel.clone(),
            (other, None) => format!("{} {}", self.channel, other.name()),
        };
        let inner = title(canvas, area, &text, &self.note);
        ribbon(canvas, Area::new(inner.x, inner.y, inner.width, RIBBON), self);
        let (width, height) = self.cell(inner.width);
        for (i, cell) in self.cells.iter().enumerate() {
            let x = (inner.x + i as f32 * (width + GAP)).round();
            let place = Area::new(x, inner.y + RIBBON, width, height);
            match &cell.picture {
                Some(picture) => {
                    // A picture of another shape keeps it, in the middle of its cell.
                    let own = picture.height() as f32 / picture.width().max(1) as f32;
                    let h = height.min(width * own);
                    let w = (h / own).min(width);
                    let small = thumbnail(picture, (w.round() as u32).max(1), (h.round() as u32).max(1));
                    canvas.picture(place.x + (width - w) / 2.0, place.y + (height - h) / 2.0, &small);
                }
                None => empty(canvas, place, if self.present[cell.tick] { "cannot be read" } else { "no frame" }),
            }
            let at_anchor = cell.tick == self.anchor;
            if at_anchor {
                canvas.frame(place, FUTURE, 3.0);
            }
            let weight = if at_anchor { Weight::Bold } else { Weight::Regular };
            let label = if at_anchor { "t0".to_string() } else { format!("{} {}", signed(cell.offset), self.unit) };
            let end = canvas.text(x, place.bottom() + 4.0, SMALL, &label, INK, weight);
            if let Some(seen) = cell.seen {
                let seen = format!("{:.0} % seen", 100.0 * seen);
                canvas.text_to(place.right(), place.bottom() + 4.0, SMALL, &seen, MUTED, Weight::Regular);
            }
            if let Some(late) = cell.late_ms.filter(|ms| ms.abs() >= 0.5) {
                let late = fit(
                    &format!("{}{:.0} ms", if late < 0.0 { "−" } else { "+" }, late.abs()),
                    SMALL,
                    Weight::Regular,
                    place.right() - end - 8.0,
                );
                canvas.text_to(place.right(), place.bottom() + 4.0, SMALL, &late, MUTED, Weight::Regular);
            }
        }
    }
}

/// The ticks that are shown: all of few; of many every nth around the anchor, each moved to the nearest tick with a frame
/// where it has none; where only few have one, those and the anchor.
fn choose(present: &[bool], anchor: usize) -> Vec<usize> {
    let n = present.len();
    if n <= MOST {
        return (0..n).collect();
    }
    if present.iter().filter(|p| **p).count() < MOST {
        return (0..n).filter(|tick| present[*tick] || *tick == anchor).collect();
    }
    let step = (2..=n).find(|step| anchor / step + (n - 1 - anchor) / step < MOST).unwrap_or(n);
    let near = |tick: usize| {
        let reach = (step - 1) / 2;
        let mut found = (1..=reach).flat_map(|d| [tick.checked_sub(d), tick.checked_add(d)]).flatten();
        found.find(|t| tick != anchor && present.get(*t) == Some(&true)).unwrap_or(tick)
    };
    let ticks = (anchor % step..n).step_by(step);
    ticks.map(|tick| if present[tick] { tick } else { near(tick) }).collect()
}

/// A line of all ticks: full where there is a frame, the anchor taller.
fn ribbon(canvas: &mut Canvas, area: Area, row: &Row) {
    let n = row.present.len().max(1) as f32;
    let step = (area.width / n).min(24.0);
    for (tick, present) in row.present.iter().enumerate() {
        let x = area.x + tick as f32 * step;
        let mark = Area::new(x, area.y, (step - 3.0).max(1.0), 6.0);
        let colour = match tick {
            _ if !present => RULE,
            _ if tick == row.anchor => FUTURE,
            _ if tick < row.anchor => PAST,
            _ => MUTED,
        };
        canvas.rect(mark, colour);
        if row.cells.iter().any(|c| c.tick == tick) {
            canvas.rect(Area::new(x, area.y + 8.0, mark.width, 2.0), colour);
        }
    }
}

/// A place without a picture.
pub(super) fn empty(canvas: &mut Canvas, area: Area, reason: &str) {
    canvas.rect(area, PANEL);
    canvas.frame(area, RULE, 1.0);
    let reason = fit(reason, SMALL, Weight::Regular, area.width - 8.0);
    canvas.text_at(area.x + area.width / 2.0, area.y + area.height / 2.0 - 8.0, SMALL, &reason, MUTED, Weight::Regular);
}

/// What a frame looks like: a photograph, depth by colour, a mask in white.
fn picture(dataset: &Dataset, frame: &FrameRow, modality: Modality) -> Result<RgbImage> {
    if modality != Modality::Depth {
        return dataset.image(frame);
    }
    let media = dataset.media(frame)?;
    let depth = image::load_from_memory(&media).map_err(|e| {
        let reason = format!("the depth of frame `{}` is not drawn ({e})", frame.frame_id);
        ErrorKind::Unsupported(reason).in_file(dataset.dir().join(&frame.shard))
    })?;
    let depth = depth.into_luma16();
    Ok(RgbImage::from_fn(depth.width(), depth.height(), |x, y| {
        // Centimetres; 0 is unknown.
        match depth.get_pixel(x, y).0[0] {
            0 => image::Rgb(RULE),
            cm => image::Rgb(ramp(1.0 - (f32::from(cm) / 100.0 / FAR_M).sqrt())),
        }
    }))
}

/// A full panorama of the anchor, cut to what is not sky and car roof.
pub(super) struct Panorama {
    channel: String,
    picture: RgbImage,
}

/// Degrees above and below the horizon that a panorama shows.
const BAND_DEG: f32 = 40.0;

impl Panorama {
    /// The panorama nearest to the anchor among a channel's frames; `None` where none can be drawn.
    pub(super) fn new(dataset: &Dataset, sample: &SampleRow, channel: &str) -> Option<Panorama> {
        let anchor = sample.anchor_tick() as i64;
        let own = sample.frames.iter().filter(|f| f.channel == channel && f.modality == Modality::Camera.name());
        let nearest = own.min_by_key(|f| (i64::from(f.tick) - anchor).abs())?;
        let picture = dataset.frame(&nearest.frame_id).and_then(|frame| dataset.image(&frame)).ok()?;
        Some(Panorama { channel: channel.to_string(), picture })
    }
}

impl Block for Panorama {
    fn name(&self) -> String {
        format!("panorama {}", self.channel)
    }

    fn height(&self, width: f32) -> f32 {
        TITLE + (width * 2.0 * BAND_DEG / 360.0).round() + LABEL
    }

    fn draw(&self, canvas: &mut Canvas, area: Area) {
        let (w, h) = self.picture.dimensions();
        let note = format!("{w} × {h}, {BAND_DEG:.0}° above and below the horizon, nearest to t0");
        let inner = title(canvas, area, &format!("{} panorama", self.channel), &note);
        let rows = (h as f32 * 2.0 * BAND_DEG / 180.0).round().max(1.0) as u32;
        let band = image::imageops::crop_imm(&self.picture, 0, (h - rows.min(h)) / 2, w, rows.min(h)).to_image();
        let height = inner.height - LABEL;
        canvas.picture(inner.x, inner.y, &thumbnail(&band, inner.width as u32, (height as u32).max(1)));
        for (share, label) in [(0.25, "left"), (0.5, "ahead"), (0.75, "right")] {
            let x = inner.x + inner.width * share;
            canvas.rect(Area::new(x - 0.5, inner.y + height, 1.0, 5.0), MUTED);
            canvas.text_at(x, inner.y + height + 5.0, SMALL, label, MUTED, Weight::Regular);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shown_ticks_are_few_hold_the_anchor_and_prefer_those_with_a_frame() {
        assert_eq!(choose(&[true; 5], 1), [0, 1, 2, 3, 4]);
        let all = choose(&[true; 21], 5);
        assert_eq!(all, [2, 5, 8, 11, 14, 17, 20]);
        // A frame each fifth tick, from tick 1: few enough to show them all.
        let sparse: Vec<bool> = (0..21).map(|k| k % 5 == 1).collect();
        assert_eq!(choose(&sparse, 5), [1, 5, 6, 11, 16]);
        // A frame each third tick of sixty: cells move to one where it is within reach, the anchor never.
        let many: Vec<bool> = (0..60).map(|k| k % 3 == 1).collect();
        let ticks = choose(&many, 20);
        assert!(ticks.contains(&20) && ticks.iter().all(|t| *t == 20 || many[*t]), "{ticks:?}");
        for n in 9..200 {
            assert!(choose(&vec![true; n], n / 3).len() <= MOST);
        }
    }
}
