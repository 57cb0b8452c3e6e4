//! [`sheet`]: a sample on one page.

use std::collections::BTreeSet;

use image::RgbImage;
use serde::Serialize;

use super::blocks::Block;
use super::canvas::{Area, Canvas};
use super::ground::Ground;
use super::grounded::{References, Warped};
use super::palette::PAPER;
use super::pictures::{Panorama, Row};
use super::plan_view::PlanView;
use super::strips::{Motion, Wave};
use super::sweep::Sweep;
use super::words::{Head, Provenance, Texts};
use crate::coord::CameraIntrinsics;
use crate::dataset::Dataset;
use crate::dataset::rows::RecordingRow;
use crate::error::Result;
use crate::record::Modality;
use crate::sample::SampleRow;

/// Width of a sheet, its margin, the space between columns and between blocks; pixels.
const WIDTH: f32 = 1600.0;
const MARGIN: f32 = 44.0;
const GUTTER: f32 = 36.0;
const BLOCK_GAP: f32 = 26.0;

/// A contact sheet.
#[derive(Debug)]
pub struct Sheet {
    /// The picture, 1600 pixels wide.
    pub picture: RgbImage,
    /// What is drawn, and where.
    pub parts: Vec<Part>,
    /// What could not be drawn, and why.
    pub problems: Vec<String>,
}

/// A part of a sheet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Part {
    /// `head`, `camera front`, `warp front`, `references front`, `panorama pano`, `depth front`, `map`, `lidar top`, `motion`, `audio cabin`, `texts`,
    /// `provenance`.
    pub name: String,
    /// Left edge, pixels.
    pub x: u32,
    /// Top edge, pixels.
    pub y: u32,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
}

/// Draws a sample: its frames over the ticks, references of other days and what they warp to, the map around it with the way driven, LiDAR, motion, sound, texts and
/// where it comes from. What a sample lacks has no part; what is there but cannot be read is said in
/// [`problems`](Sheet::problems).
///
/// # Errors
///
/// Where a table or the map of the data set is damaged.
pub fn sheet(dataset: &Dataset, sample: &SampleRow) -> Result<Sheet> {
    let recording = dataset.recordings()?.get(&sample.recording_id);
    let map = dataset.map_index()?;
    let config = dataset.sample_config(&sample.recording_id)?;
    let mut problems = Vec::new();
    let column = (WIDTH - 2.0 * MARGIN - GUTTER) / 2.0;

    let ground = Ground::around(sample, config.bev.size_m);
    let plan = PlanView::new(ground, sample, map);
    let references = dataset.references(&sample.sample_id)?;
    let has_references = |channel: &str| references.iter().any(|r| r.channel.as_deref() == Some(channel));
    // The references of a panorama are those of the other cameras again.
    let others = references.iter().filter_map(|r| r.channel.as_deref()).any(|c| !is_panorama(recording, c));
    let has_references = |channel: &str| has_references(channel) && !(others && is_panorama(recording, channel));
    let mut wide: Vec<Box<dyn Block>> = vec![Box::new(Head::new(dataset, sample, recording, map.features()))];
    for (channel, modality) in channels(sample) {
        if modality == Modality::Camera && camera(recording, channel).is_some_and(CameraIntrinsics::is_sphere) {
            wide.extend(Panorama::new(dataset, sample, channel).map(|p| Box::new(p) as Box<dyn Block>));
        }
        let row = Row::new(dataset, sample, channel, modality, &mut problems);
        let grounded = modality == Modality::Camera && has_references(channel);
        let warp = if grounded { Warped::new(dataset, sample, channel, &mut problems) } else { None };
        let warp = warp.map(|warp| row.warped(warp));
        wide.push(Box::new(row));
        wide.extend(warp.map(|warp| Box::new(warp) as Box<dyn Block>));
        if grounded {
            let references = References::new(dataset, sample, channel, &plan, ground, &mut problems);
            wide.extend(references.map(|r| Box::new(r) as Box<dyn Block>));
        }
    }

    let sweep = Sweep::new(dataset, sample, recording, ground, &mut problems).map(|s| s.over(&plan, column.floor()));
    let mut tall: Vec<Box<dyn Block>> = vec![Box::new(plan)];
    tall.extend(sweep.map(|s| Box::new(s) as Box<dyn Block>));
    let mut rest: Vec<Box<dyn Block>> = Vec::new();
    rest.extend(Motion::new(sample).map(|m| Box::new(m) as Box<dyn Block>));
    let clips = sample.frames.iter().filter(|f| f.modality == Modality::Audio.name());
    let microphones: BTreeSet<&str> = clips.map(|f| f.channel.as_str()).collect();
    for channel in microphones {
        rest.extend(Wave::new(dataset, sample, channel, &mut problems).map(|w| Box::new(w) as Box<dyn Block>));
    }
    rest.extend(Texts::new(sample).map(|t| Box::new(t) as Box<dyn Block>));
    rest.push(Box::new(Provenance::new(sample, recording)));

    // Wide blocks from the top; below them two columns, each block going where there is more room.
    let mut places: Vec<(Box<dyn Block>, Area)> = Vec::new();
    let mut y = MARGIN;
    for block in wide {
        let area = Area::new(MARGIN, y, WIDTH - 2.0 * MARGIN, block.height(WIDTH - 2.0 * MARGIN).ceil());
        y = area.bottom() + BLOCK_GAP;
        places.push((block, area));
    }
    let mut bottoms = [y, y];
    let sided = tall.into_iter().map(|b| (b, Some(0))).chain(rest.into_iter().map(|b| (b, None)));
    for (block, side) in sided {
        let side = side.unwrap_or(usize::from(bottoms[1] <= bottoms[0]));
        let x = MARGIN + side as f32 * (column + GUTTER);
        let area = Area::new(x, bottoms[side], column, block.height(column).ceil());
        bottoms[side] = area.bottom() + BLOCK_GAP;
        places.push((block, area));
    }
    let mut canvas = Canvas::new(WIDTH, bottoms[0].max(bottoms[1]) - BLOCK_GAP + MARGIN, PAPER);
    for (block, area) in &places {
        block.draw(&mut canvas, *area);
    }
    let parts = places.iter().map(|(block, area)| Part {
        name: block.name(),
        x: area.x as u32,
        y: area.y as u32,
        width: area.width as u32,
        height: area.height as u32,
    });
    Ok(Sheet { parts: parts.collect(), picture: canvas.into_picture(), problems })
}

/// The channels that have rows: cameras by name, each followed by its depth and its mask.
fn channels(sample: &SampleRow) -> BTreeSet<(&str, Modality)> {
    let drawn = [Modality::Camera, Modality::Depth, Modality::Mask];
    let all = sample.frames.iter().filter_map(|f| Some((f.channel.as_str(), Modality::from_name(&f.modality)?)));
    all.filter(|(_, modality)| drawn.contains(modality)).collect()
}

fn is_panorama(recording: Option<&RecordingRow>, channel: &str) -> bool {
    camera(recording, channel).is_some_and(|c| c.model.is_panorama())
}

fn camera<'a>(recording: Option<&'a RecordingRow>, channel: &str) -> Option<&'a CameraIntrinsics> {
    recording?.sensors.iter().find(|s| s.channel == channel)?.camera.as_ref()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::dataset::fixture;
    use crate::dataset::rows::FrameRow;
    use crate::dataset::shard::ShardWriter;
    use crate::dataset::tables::write_frames;
    use crate::sample::SampleFrame;

    fn written() -> (tempfile::TempDir, Dataset) {
        let dir = tempfile::tempdir().expect("a folder");
        fixture::write(dir.path(), &fixture::samples());
        let dataset = Dataset::open(dir.path()).expect("a data set");
        (dir, dataset)
    }

    fn names(sheet: &Sheet) -> Vec<&str> {
        sheet.parts.iter().map(|p| p.name.as_str()).collect()
    }

    /// The share of a part's pixels that are not paper.
    fn ink(sheet: &Sheet, part: &Part) -> f64 {
        let all = (part.y..part.y + part.height).flat_map(|y| (part.x..part.x + part.width).map(move |x| (x, y)));
        let inked = all.filter(|&(x, y)| sheet.picture.get_pixel(x, y).0 != PAPER).count();
        inked as f64 / f64::from(part.width * part.height)
    }

    #[test]
    fn every_part_of_a_full_sample_is_drawn_and_none_covers_another() {
        let (_dir, dataset) = written();
        let sheet = sheet(&dataset, &fixture::sample("s1", "a", 10.0, 0.0, true)).expect("drawn");
        assert_eq!(names(&sheet), ["head", "camera front", "map", "motion", "texts", "provenance"]);
        assert!(sheet.problems.is_empty(), "{:?}", sheet.problems);
        let (width, height) = sheet.picture.dimensions();
        assert_eq!(width, 1600);
        for (i, a) in sheet.parts.iter().enumerate() {
            assert!(a.x + a.width <= width && a.y + a.height <= height, "{a:?} leaves the sheet");
            assert!(ink(&sheet, a) > 0.02, "{a:?} is empty");
            for b in &sheet.parts[i + 1..] {
                let apart =
                    a.x + a.width <= b.x || b.x + b.width <= a.x || a.y + a.height <= b.y || b.y + b.height <= a.y;
                assert!(apart, "{a:?} covers {b:?}");
            }
        }
        // Outside of the parts there is nothing but paper.
        let inside =
            |x, y| sheet.parts.iter().any(|p| (p.x..p.x + p.width).contains(&x) && (p.y..p.y + p.height).contains(&y));
        let spilled = sheet.picture.enumerate_pixels().find(|&(x, y, p)| p.0 != PAPER && !inside(x, y));
        assert_eq!(spilled, None, "something is drawn outside of its part");
    }

    #[test]
    fn korean_texts_are_drawn() {
        let (_dir, dataset) = written();
        let mut row = fixture::sample("s1", "a", 10.0, 0.0, true);
        let drawn = |row: &SampleRow| {
            let sheet = sheet(&dataset, row).expect("drawn");
            let part = sheet.parts.iter().find(|p| p.name == "texts").expect("it has texts").clone();
            ink(&sheet, &part) * f64::from(part.width * part.height)
        };
        row.captions.as_mut().expect("a full sample").truncate(1);
        let korean = drawn(&row);
        row.captions.as_mut().expect("a full sample")[0].text = ".".to_string();
        assert!(korean > drawn(&row) + 500.0, "Hangul leaves no ink");
    }

    #[test]
    fn a_sample_without_clock_pictures_texts_or_map_is_drawn() {
        let (dir, _) = written();
        std::fs::remove_dir_all(dir.path().join("map")).expect("removable");
        let dataset = Dataset::open(dir.path()).expect("a data set");
        let sheet = sheet(&dataset, &fixture::sample("s0", "b", 5.0, 0.0, false)).expect("drawn");
        assert_eq!(names(&sheet), ["head", "map", "provenance"]);
    }

    #[test]
    fn a_picture_that_is_not_there_is_a_problem_not_a_failure() {
        let (dir, dataset) = written();
        std::fs::remove_file(dir.path().join("shards/a-000.tar")).expect("removable");
        let sheet = sheet(&dataset, &fixture::sample("s1", "a", 10.0, 0.0, true)).expect("drawn");
        assert_eq!(sheet.problems.len(), 1);
        assert!(sheet.problems[0].contains("a-000.tar") && names(&sheet).contains(&"camera front"));
    }

    /// Adds an observation at the anchor to the data set and to a sample.
    fn add(
        dir: &Path,
        row: &mut SampleRow,
        channel: &str,
        modality: &str,
        format: &str,
        bytes: &[u8],
        frame: FrameRow,
    ) {
        let mut shard = ShardWriter::new(dir, channel, 1 << 20).expect("a folder");
        let frame_id = format!("a/{channel}/0");
        let placed = shard.append(&frame_id, format, bytes).expect("written");
        shard.finish().expect("written");
        let frame = FrameRow {
            frame_id: frame_id.clone(),
            channel: channel.to_string(),
            modality: modality.to_string(),
            shard: placed.shard,
            offset: placed.offset,
            length: placed.length,
            checksum: placed.checksum,
            format: format.to_string(),
            ..frame
        };
        write_frames(&dir.join(format!("frames/{channel}.parquet")), &[frame]).expect("written");
        let (channel, modality) = (channel.to_string(), modality.to_string());
        row.frames.push(SampleFrame { channel, modality, tick: 1, frame_id });
    }

    #[test]
    fn a_sweep_lies_where_its_points_are() {
        let (dir, _) = written();
        // KITTI: x forward, y left, z up, reflectance; as little-endian float32.
        let points: Vec<f32> = [[20.0, 0.0, 0.0, 0.5], [0.0, -30.0, 2.0, 0.5]].concat();
        let bytes: Vec<u8> = points.iter().flat_map(|v| v.to_le_bytes()).collect();
        let mut row = fixture::sample("s1", "a", 10.0, 0.0, true);
        // Where the ego is at this anchor: 10 m east of the origin, looking east.
        let pose = Some([10.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0]);
        let frame = FrameRow { pose, ..fixture::frame("", "a", true) };
        add(dir.path(), &mut row, "top", "lidar", "bin", &bytes, frame);
        let dataset = Dataset::open(dir.path()).expect("a data set");
        let sheet = sheet(&dataset, &row).expect("drawn");
        let part = sheet.parts.iter().find(|p| p.name == "lidar top").expect("it has a sweep");
        // 100 m over the panel's width, the ego in the middle, under the title.
        let (scale, middle) = (part.width as f32 / 100.0, part.width as f32 / 2.0);
        let top = (part.height - part.width) as f32;
        for (forward, left) in [(20.0, 0.0), (0.0, -30.0)] {
            let (x, y) = (part.x as f32 + middle - left * scale, part.y as f32 + top + middle - forward * scale);
            let pixel = sheet.picture.get_pixel(x as u32, y as u32).0;
            let light: u32 = pixel.iter().map(|v| u32::from(*v)).sum();
            assert!(light > 200, "no point at {forward} m ahead, {left} m left: {pixel:?}");
        }
    }

    #[test]
    fn a_clip_is_drawn_where_it_sounds() {
        let (dir, _) = written();
        let mut row = fixture::sample("s1", "a", 10.0, 0.0, true);
        let t0 = row.t0_ns.expect("a full sample");
        // One second of full scale from the anchor on; the window goes from -0.5 s to 1.5 s.
        let mut bytes = std::io::Cursor::new(Vec::new());
        let (channels, sample_rate, bits_per_sample) = (1, 8_000, 16);
        let spec = hound::WavSpec { channels, sample_rate, bits_per_sample, sample_format: hound::SampleFormat::Int };
        let mut writer = hound::WavWriter::new(&mut bytes, spec).expect("a header");
        for i in 0..8_000 {
            writer.write_sample(if i % 2 == 0 { i16::MAX } else { i16::MIN }).expect("a sample");
        }
        writer.finalize().expect("an end");
        let frame = FrameRow { t_ns: Some(t0), ..fixture::frame("", "a", true) };
        add(dir.path(), &mut row, "cabin", "audio", "wav", &bytes.into_inner(), frame);
        let dataset = Dataset::open(dir.path()).expect("a data set");
        let sheet = sheet(&dataset, &row).expect("drawn");
        let part = sheet.parts.iter().find(|p| p.name == "audio cabin").expect("it has a clip");
        // The plot begins 132 pixels from the left and ends 10 before the right edge; a line above its middle.
        let (left, width) = ((part.x + 132) as f32, (part.width - 142) as f32);
        let loud = |t: f32| {
            let x = left + width * (t + 0.5) / 2.0;
            sheet.picture.get_pixel(x as u32, part.y + 50).0 == crate::show::palette::FUTURE
        };
        assert_eq!([-0.3, 0.2, 0.8, 1.3].map(loud), [false, true, true, false]);
    }
}
