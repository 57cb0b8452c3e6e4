//! Grounded samples on a sheet: the reference warped into the target, and what the references show, how much of the
//! target they see, and where they were taken.

use image::RgbImage;
use image::imageops::thumbnail;
use nalgebra::Vector3;

use super::blocks::{Block, GAP, SMALL, TITLE, title};
use super::canvas::{Area, Canvas, Line, Spot, fit};
use super::ground::Ground;
use super::palette::{Colour, INK, MUTED, PANEL, PAPER, RULE, WHITE};
use super::pictures::empty;
use super::plan_view::PlanView;
use super::words::{signed, tick_offsets};
use crate::coord::{Camera, CameraModelKind, Pose};
use crate::dataset::rows::{FrameRow, ReferenceRow};
use crate::dataset::{Dataset, DepthSource, Posed};
use crate::error::{ErrorKind, Result};
use crate::render::panowalk::{Crop, pinhole};
use crate::render::text::Weight;
use crate::sample::SampleRow;
use crate::time::Timestamp;

/// Warps are drawn from pictures of this width at most, pixels.
const WARP_WIDTH: u32 = 480;
/// Width that a reference is cut or shrunk to, pixels.
const PICTURE_WIDTH: u32 = 720;
/// Height over width of a reference's cell.
const ASPECT: f32 = 9.0 / 16.0;
/// Degrees across that a panorama is cut to where the target is no pinhole.
const VIEW_DEG: f64 = 80.0;
/// Height of the curve of overlaps, and of the axis under it.
const CURVE: f32 = 96.0;
const AXIS: f32 = 22.0;
/// Room for words left of the curve.
const LEFT: f32 = 96.0;
/// Colours of the references, in their order, then again.
const COLOURS: [Colour; 4] = [[176, 58, 46], [31, 119, 122], [116, 84, 160], [150, 112, 22]];
/// What is drawn where nothing was seen.
const HOLE: [Colour; 2] = [[238, 235, 228], [225, 221, 212]];

/// The geometric reference of a camera, warped into its pictures; for [`super::pictures::Row`].
pub(super) struct Warped {
    /// Which frame was warped, and where its depth is from.
    pub(super) note: String,
    /// At each tick: colours with holes hatched, and the share that was seen.
    pub(super) pictures: Vec<Option<(RgbImage, f64)>>,
}

impl Warped {
    /// Warps; `None` where the camera has no geometric reference, or it cannot be warped, which `problems` then says.
    pub(super) fn new(
        dataset: &Dataset,
        sample: &SampleRow,
        channel: &str,
        problems: &mut Vec<String>,
    ) -> Option<Warped> {
        let pictures = dataset.pictures(sample, channel).ok()?;
        let sides = pictures.iter().flatten().find_map(|p| Some((p.width?, p.height?)))?;
        let (width, height) = (u32::try_from(sides.0).ok()?, u32::try_from(sides.1).ok()?);
        let small = width.min(WARP_WIDTH);
        let rows = (u64::from(height) * u64::from(small) / u64::from(width.max(1))).max(1) as u32;
        let warp = match dataset.warp(sample, channel, Some([small, rows])) {
            Ok(warp) => warp?,
            // A picture without depth is a reference all the same.
            Err(error) if matches!(error.kind(), ErrorKind::Unsupported(_)) => return None,
            Err(error) => {
                problems.push(error.to_string());
                return None;
            }
        };
        let (ticks, rows, columns) = warp.seen.dim();
        let picture = |tick: usize| {
            pictures.get(tick)?.as_ref()?;
            let mut seen = 0u32;
            let drawn = RgbImage::from_fn(columns as u32, rows as u32, |x, y| {
                let at = [tick, y as usize, x as usize];
                if warp.seen[at] == 0 {
                    return image::Rgb(HOLE[((x + y) / 5 % 2) as usize]);
                }
                seen += 1;
                image::Rgb([0, 1, 2].map(|c| warp.rgb[[at[0], at[1], at[2], c]]))
            });
            Some((drawn, f64::from(seen) / (rows * columns).max(1) as f64))
        };
        let depth = match warp.depth {
            DepthSource::File => "its own depth",
            DepthSource::Lidar => "the depth of its LiDAR",
        };
        let note = format!("{}, by {depth}; hatched: it saw nothing there", warp.frame_id);
        Some(Warped { note, pictures: (0..ticks).map(picture).collect() })
    }
}

/// A reference as it is shown.
struct Shown {
    row: ReferenceRow,
    /// Its place, degrees.
    place: Option<(f64, f64)>,
    /// `2025-10-29`.
    date: Option<String>,
    picture: Option<RgbImage>,
}

/// The references of a camera.
pub(super) struct References {
    channel: String,
    shown: Vec<Shown>,
    ground: Ground,
    map: RgbImage,
    offsets: Vec<f64>,
    unit: &'static str,
}

/// Side of the map inset, pixels.
const INSET: f32 = 330.0;

impl References {
    /// `None` where the camera has none.
    pub(super) fn new(
        dataset: &Dataset,
        sample: &SampleRow,
        channel: &str,
        plan: &PlanView,
        ground: Ground,
        problems: &mut Vec<String>,
    ) -> Option<References> {
        let rows = dataset.references(&sample.sample_id).unwrap_or_default();
        let target = target_at_anchor(dataset, sample, channel);
        let mut shown = Vec::new();
        for row in rows.into_iter().filter(|r| r.channel.as_deref() == Some(channel)) {
            let frame = match dataset.frame(&row.frame_id) {
                Ok(frame) => frame,
                Err(error) => {
                    problems.push(error.to_string());
                    continue;
                }
            };
            let picture = view(dataset, sample, &frame, target.as_ref());
            let picture = picture.map_err(|e| problems.push(e.to_string())).ok();
            let date = frame.t_ns.map(Timestamp::from_ns).filter(|t| t.is_date());
            let date = date.map(|t| t.to_string().chars().take(10).collect());
            shown.push(Shown { place: frame.lon.zip(frame.lat), date, picture, row });
        }
        let unit = if sample.pose_t_ns.is_some() { "s" } else { "m" };
        let references = References {
            channel: channel.to_string(),
            shown,
            ground,
            map: plan.picture(INSET),
            offsets: tick_offsets(sample),
            unit,
        };
        (!references.shown.is_empty()).then_some(references)
    }

    /// Width of a cell, and height of the row of pictures with their words.
    fn cells(&self, width: f32) -> (f32, f32) {
        let room = width - INSET - 3.0 * GAP;
        let n = self.shown.len().max(3) as f32;
        let cell = ((room - (n - 1.0) * GAP) / n).floor().max(1.0);
        (cell, cell * ASPECT + WORDS)
    }

    fn draw_curve(&self, canvas: &mut Canvas, area: Area) {
        let band = Area::new(area.x + LEFT, area.y, area.width - LEFT, area.height);
        canvas.rect(band, PANEL);
        let (first, last) = (self.offsets.first().copied().unwrap_or(0.0), self.offsets.last().copied().unwrap_or(0.0));
        let span = (last - first).max(1e-9);
        let x = |offset: f64| band.x + 8.0 + ((offset - first) / span) as f32 * (band.width - 16.0);
        let y = |share: f64| band.bottom() - 6.0 - share.clamp(0.0, 1.0) as f32 * (band.height - 12.0);
        for share in [0.0, 0.5, 1.0] {
            canvas.rect(Area::new(band.x, y(share) - 0.5, band.width, 1.0), RULE);
            canvas.text_to(
                band.x - 8.0,
                y(share) - 8.0,
                SMALL,
                &format!("{:.0} %", 100.0 * share),
                MUTED,
                Weight::Regular,
            );
        }
        canvas.text(area.x, area.y - 2.0, SMALL, "overlap", INK, Weight::Bold);
        for (i, shown) in self.shown.iter().enumerate().rev() {
            let colour = COLOURS[i % COLOURS.len()];
            let known = self.offsets.iter().zip(&shown.row.overlap).filter(|(_, s)| !s.is_nan());
            let spots: Vec<Spot> = known.map(|(offset, share)| (x(*offset), y(*share))).collect();
            let dash = (shown.row.overlap_source.as_deref() == Some("footprint")).then_some([5.0, 4.0]);
            canvas.line(&spots, Line { colour, width: 2.5, dash });
            spots.iter().for_each(|spot| canvas.circle(*spot, 3.0, colour));
        }
        for offset in [first, 0.0, last] {
            let label = if offset == 0.0 { "t0".to_string() } else { format!("{} {}", signed(offset), self.unit) };
            let at = x(offset).clamp(band.x + 24.0, band.right() - 28.0);
            canvas.text_at(at, band.bottom() + 3.0, SMALL, &label, MUTED, Weight::Regular);
        }
    }
}

/// Height of the words under a picture.
const WORDS: f32 = 60.0;

impl Block for References {
    fn name(&self) -> String {
        format!("references {}", self.channel)
    }

    fn height(&self, width: f32) -> f32 {
        let left = self.cells(width).1 + GAP + CURVE + AXIS;
        TITLE + left.max(INSET)
    }

    fn draw(&self, canvas: &mut Canvas, area: Area) {
        let note = format!(
            "the same place on other days, looking where {} looks at t0; share of its picture that they see, dashed where no depth is known",
            self.channel
        );
        let inner = title(canvas, area, &format!("References of {}", self.channel), &note);
        let (cell, high) = self.cells(inner.width);
        for (i, shown) in self.shown.iter().enumerate() {
            let place = Area::new(inner.x + i as f32 * (cell + GAP), inner.y, cell, (cell * ASPECT).floor());
            match &shown.picture {
                Some(picture) => paste(canvas, place, picture),
                None => empty(canvas, place, "cannot be read"),
            }
            let colour = COLOURS[i % COLOURS.len()];
            badge(canvas, (place.x + 15.0, place.y + 15.0), i, colour);
            let mean = mean(&shown.row.overlap).map_or(String::new(), |m| format!(", sees {:.0} %", 100.0 * m));
            let ahead = shown.row.ahead_m.map_or(String::new(), |m| format!(", {m:.0} m beyond the end"));
            let date = shown.date.as_deref().unwrap_or("no date");
            let apart = shown.row.dt_days.map_or(String::new(), |d| format!(" · {d:.0} days apart"));
            let lines = [
                (shown.row.role.clone(), Weight::Bold, colour),
                (format!("{date}{apart}"), Weight::Regular, INK),
                (format!("{:.1} m from the path{mean}{ahead}", shown.row.distance_m), Weight::Regular, MUTED),
            ];
            for (k, (text, weight, colour)) in lines.iter().enumerate() {
                let text = fit(text, SMALL, *weight, cell);
                canvas.text(place.x, place.bottom() + 4.0 + 18.0 * k as f32, SMALL, &text, *colour, *weight);
            }
        }
        let left = inner.width - INSET - 3.0 * GAP;
        self.draw_curve(canvas, Area::new(inner.x, inner.y + high + GAP, left, CURVE));

        let (x, y) = (inner.right() - INSET, inner.y);
        let mut inset = Canvas::new(INSET, INSET, PAPER);
        inset.picture(0.0, 0.0, &self.map);
        // From the last to the first, so that the geometric one lies on top.
        for (i, shown) in self.shown.iter().enumerate().rev() {
            let Some((lon, lat)) = shown.place else { continue };
            let (px, py) = self.ground.pixel(self.ground.local(lon, lat), INSET);
            // One beyond the map stands at its border.
            let spot = (px.clamp(13.0, INSET - 13.0), py.clamp(13.0, INSET - 13.0));
            badge(&mut inset, spot, i, COLOURS[i % COLOURS.len()]);
        }
        canvas.paste(x, y, &inset);
        canvas.frame(Area::new(x, y, INSET, INSET), RULE, 1.0);
    }
}

/// The number of a reference on a disc of its colour.
fn badge(canvas: &mut Canvas, spot: Spot, number: usize, colour: Colour) {
    canvas.circle(spot, 11.5, WHITE);
    canvas.circle(spot, 10.0, colour);
    canvas.text_at(spot.0, spot.1 - 8.0, SMALL, &(number + 1).to_string(), WHITE, Weight::Bold);
}

/// A picture that keeps its shape, in the middle of a place.
fn paste(canvas: &mut Canvas, place: Area, picture: &RgbImage) {
    let own = picture.height() as f32 / picture.width().max(1) as f32;
    let height = place.height.min(place.width * own);
    let width = (height / own).min(place.width);
    let small = thumbnail(picture, (width.round() as u32).max(1), (height.round() as u32).max(1));
    canvas.picture(place.x + (place.width - width) / 2.0, place.y + (place.height - height) / 2.0, &small);
}

fn mean(shares: &[f64]) -> Option<f64> {
    let known: Vec<f64> = shares.iter().copied().filter(|s| !s.is_nan()).collect();
    (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
}

/// The camera's picture nearest to the anchor, where its pose is known.
fn target_at_anchor(dataset: &Dataset, sample: &SampleRow, channel: &str) -> Option<Posed> {
    let anchor = sample.anchor_tick();
    let pictures = dataset.pictures(sample, channel).ok()?;
    let nearest = pictures.iter().enumerate().filter_map(|(tick, p)| Some((tick.abs_diff(anchor), p.as_ref()?)));
    dataset.posed(nearest.min_by_key(|(apart, _)| *apart)?.1).ok()?
}

/// A reference's picture; of a panorama the part that looks where the target does.
fn view(dataset: &Dataset, sample: &SampleRow, frame: &FrameRow, target: Option<&Posed>) -> Result<RgbImage> {
    let picture = dataset.image(frame)?;
    let posed = dataset.posed(frame)?;
    let panorama = posed.filter(|p| p.camera.is_panorama());
    let (Some(panorama), Some(target)) = (panorama, target) else { return Ok(picture) };
    let height = (PICTURE_WIDTH as f32 * ASPECT) as u32;
    let Ok(camera) = pinhole(PICTURE_WIDTH, height, across_deg(&target.camera)) else { return Ok(picture) };
    let here = dataset.between(&sample.recording_id, &frame.recording_id)? * panorama.world_se3_camera;
    let turn = here.rotation.inverse() * target.world_se3_camera.rotation;
    let size = [picture.width() as usize, picture.height() as usize];
    let source = panorama.camera.intrinsics().resized(picture.width(), picture.height());
    let Ok(source) = Camera::new(&source) else { return Ok(picture) };
    let crop = Crop::new(&source, &camera, &Pose::new(Vector3::zeros(), turn), 0.0);
    let rgb = ndarray::ArrayView3::from_shape((size[1], size[0], 3), picture.as_raw());
    let cut = rgb.ok().and_then(|rgb| crop.cut(rgb).ok());
    let cut = cut.and_then(|cut| RgbImage::from_raw(PICTURE_WIDTH, height, cut.into_raw_vec_and_offset().0));
    Ok(cut.unwrap_or(picture))
}

/// The angle of view of a pinhole across, degrees; of other cameras a common one.
fn across_deg(camera: &Camera) -> f64 {
    let focal = camera.intrinsics().intrinsics.first().copied().filter(|_| camera.model() == CameraModelKind::Pinhole);
    focal.map_or(VIEW_DEG, |focal| (2.0 * libm::atan(0.5 * f64::from(camera.width()) / focal)).to_degrees())
}
