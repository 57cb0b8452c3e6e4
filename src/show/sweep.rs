//! LiDAR from above: the sweeps at the anchor in the levelled ego frame, coloured by height.

use super::blocks::{Block, SMALL, TITLE, title};
use super::canvas::{Area, Canvas};
use super::ground::Ground;
use super::palette::{Colour, NIGHT, ramp};
use super::plan_view::{PlanView, draw_outlines, draw_scale_bar};
use super::words::{signed, tick_offsets};
use crate::coord::Pose;
use crate::dataset::Dataset;
use crate::dataset::rows::{FrameRow, RecordingRow};
use crate::error::{ErrorKind, Result};
use crate::record::Modality;
use crate::render::text::Weight;
use crate::sample::SampleRow;

/// Lines and words on the night.
const FAINT: Colour = [66, 72, 84];
const LIGHT: Colour = [190, 194, 202];

/// The points of the sweeps nearest to the anchor.
pub(super) struct Sweep {
    ground: Ground,
    channels: Vec<String>,
    /// x forward, y left, z up from the ego's origin, metres.
    points: Vec<[f32; 3]>,
    /// Height of the darkest and of the lightest colour, metres.
    heights: (f32, f32),
    note: String,
}

impl Sweep {
    /// The sweeps of a sample; `None` where it has none that can be placed. What cannot be read is added to `problems`.
    pub(super) fn new(
        dataset: &Dataset,
        sample: &SampleRow,
        recording: Option<&RecordingRow>,
        ground: Ground,
        problems: &mut Vec<String>,
    ) -> Option<Sweep> {
        let anchor = sample.anchor_tick() as i64;
        let own = || sample.frames.iter().filter(|f| f.modality == Modality::Lidar.name());
        let mut channels: Vec<String> = own().map(|f| f.channel.clone()).collect();
        channels.sort();
        channels.dedup();
        let mut points = Vec::new();
        let mut ticks = Vec::new();
        for channel in &channels {
            let nearest = own().filter(|f| f.channel == *channel).min_by_key(|f| (i64::from(f.tick) - anchor).abs())?;
            ticks.push(i64::from(nearest.tick));
            match dataset.frame(&nearest.frame_id).and_then(|f| placed(dataset, sample, recording, &f)) {
                Ok(more) => points.extend(more),
                Err(error) => problems.push(error.to_string()),
            }
        }
        if points.is_empty() {
            return None;
        }
        let mut z: Vec<f32> = points.iter().map(|p| p[2]).collect();
        z.sort_by(f32::total_cmp);
        let at = |share: f64| z[((z.len() - 1) as f64 * share) as usize];
        let (low, high) = (at(0.02), at(0.98));
        let when = match ticks.iter().all(|t| *t == anchor) {
            true => "at t0".to_string(),
            false => {
                let unit = if sample.pose_t_ns.is_some() { "s" } else { "m" };
                let offsets = tick_offsets(sample);
                let away = ticks.iter().filter_map(|t| offsets.get(usize::try_from(*t).ok()?)).map(|o| signed(*o));
                format!("{} {unit} from t0", away.collect::<Vec<_>>().join(", "))
            }
        };
        let note = format!("{} points {when}, from above, over the map's outlines", points.len());
        Some(Sweep { ground, channels, points, heights: (low, high.max(low + 0.5)), note })
    }

    /// The block, with the outlines of the map under the points.
    pub(super) fn over(self, map: &PlanView, side: f32) -> SweepView {
        let mut panel = Canvas::new(side, side, NIGHT);
        draw_outlines(&mut panel, map, side, FAINT);
        let ring_m = f64::from(super::plan_view::round_length(self.ground.half_m / 2.0));
        let middle = self.ground.pixel((0.0, 0.0), side);
        for ring in 1..=(self.ground.half_m / ring_m) as u32 {
            let (x, _) = self.ground.pixel((0.0, -ring_m * f64::from(ring)), side);
            panel.ring(middle, x - middle.0, [44, 49, 58], 1.0);
        }
        let (low, high) = self.heights;
        for p in &self.points {
            let (x, y) = self.ground.pixel((f64::from(p[0]), f64::from(p[1])), side);
            if !(x.is_finite() && y.is_finite()) {
                continue;
            }
            // The dark end of the ramp would not show on the night.
            let colour = ramp(0.25 + 0.75 * (p[2] - low) / (high - low));
            for (dx, dy) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
                panel.dot(x as i64 + dx, y as i64 + dy, colour);
            }
        }
        panel.circle(middle, 5.0, NIGHT);
        panel.circle(middle, 3.5, [255, 255, 255]);
        draw_scale_bar(&mut panel, &self.ground, side, LIGHT, NIGHT);
        draw_height_key(&mut panel, side, self.heights);
        SweepView { name: self.channels.join(" "), note: self.note, panel, side }
    }
}

/// A drawn sweep.
pub(super) struct SweepView {
    name: String,
    note: String,
    panel: Canvas,
    side: f32,
}

impl Block for SweepView {
    fn name(&self) -> String {
        format!("lidar {}", self.name)
    }

    fn height(&self, _width: f32) -> f32 {
        TITLE + self.side
    }

    fn draw(&self, canvas: &mut Canvas, area: Area) {
        let inner = title(canvas, area, &format!("LiDAR {}", self.name), &self.note);
        canvas.paste(inner.x, inner.y, &self.panel);
    }
}

fn draw_height_key(panel: &mut Canvas, side: f32, (low, high): (f32, f32)) {
    let (width, x, y) = (140.0, side - 156.0, side - 30.0);
    for column in 0..width as u32 {
        let colour = ramp(0.25 + 0.75 * column as f32 / width);
        panel.rect(Area::new(x + column as f32, y, 1.0, 8.0), colour);
    }
    panel.text(x, y + 9.0, SMALL, &metres(low), LIGHT, Weight::Regular);
    panel.text_to(x + width, y + 9.0, SMALL, &metres(high), LIGHT, Weight::Regular);
}

fn metres(value: f32) -> String {
    format!("{}{:.1} m", if value < 0.0 { "−" } else { "" }, value.abs())
}

/// The points of a sweep in the levelled ego frame at the anchor: by the sweep's own pose, else by the sensor's mount.
fn placed(
    dataset: &Dataset,
    sample: &SampleRow,
    recording: Option<&RecordingRow>,
    frame: &FrameRow,
) -> Result<Vec<[f32; 3]>> {
    let cloud = dataset.points(frame)?;
    let mount = recording.and_then(|r| r.sensors.iter().find(|s| s.channel == frame.channel)?.ego_se3_sensor);
    let ego_se3_sensor = match (frame.pose, mount) {
        (Some([x, y, z, q @ ..]), _) => {
            let pose = Pose::from_wxyz([x, y, z], q).ok_or_else(|| {
                let reason = format!("the pose of sweep `{}` is none", frame.frame_id);
                ErrorKind::Damaged(reason).in_file(dataset.dir())
            })?;
            dataset.ego_pose(sample)?.levelled().inverse() * pose
        }
        (None, Some(mount)) => mount,
        (None, None) => {
            let reason = format!("nobody says where sweep `{}` was taken", frame.frame_id);
            return Err(ErrorKind::Damaged(reason).in_file(dataset.dir()));
        }
    };
    let points = (0..cloud.len()).filter_map(|i| cloud.position(i)).map(|p| ego_se3_sensor.apply(p));
    Ok(points.filter(|p| p.iter().all(|v| v.is_finite())).map(|p| [p.x as f32, p.y as f32, p.z as f32]).collect())
}
