//! Curves over a window: how the ego moves, what is heard.

use super::blocks::{Block, SMALL, TITLE, title};
use super::canvas::{Area, Canvas, Line, Spot};
use super::palette::{Colour, FUTURE, INK, MUTED, PANEL, PAST, RULE};
use super::words::{signed, tick_offsets};
use crate::dataset::Dataset;
use crate::record::Modality;
use crate::render::text::Weight;
use crate::sample::SampleRow;

/// Height of one curve, and of the axis under the last.
const CURVE: f32 = 92.0;
const AXIS: f32 = 24.0;
/// Room for names and numbers left of the curves.
const LEFT: f32 = 122.0;

/// Speed, acceleration and yaw rate over the ticks.
pub(super) struct Motion {
    offsets: Vec<f64>,
    curves: Vec<Curve>,
    anchor: usize,
    unit: &'static str,
}

struct Curve {
    name: &'static str,
    unit: &'static str,
    values: Vec<f64>,
}

impl Motion {
    /// `None` without a clock: there is no motion to speak of.
    pub(super) fn new(sample: &SampleRow) -> Option<Motion> {
        let column = |name, unit, at: usize, factor: f64| Curve {
            name,
            unit,
            values: sample.actions.iter().map(|a| f64::from(a[at]) * factor).collect(),
        };
        let mut curves = vec![
            column("speed", "m/s", 0, 1.0),
            column("acceleration", "m/s²", 1, 1.0),
            column("yaw rate", "°/s", 2, 180.0 / std::f64::consts::PI),
        ];
        if let Some(steering) = &sample.steering_rad {
            curves.push(Curve {
                name: "steering",
                unit: "°",
                values: steering.iter().map(|r| r.to_degrees()).collect(),
            });
        }
        curves.retain(|c| c.values.iter().any(|v| v.is_finite()));
        let unit = if sample.pose_t_ns.is_some() { "s" } else { "m" };
        let motion = Motion { offsets: tick_offsets(sample), curves, anchor: sample.anchor_tick(), unit };
        (!motion.curves.is_empty()).then_some(motion)
    }
}

impl Block for Motion {
    fn name(&self) -> String {
        "motion".to_string()
    }

    fn height(&self, _width: f32) -> f32 {
        TITLE + CURVE * self.curves.len() as f32 + AXIS
    }

    fn draw(&self, canvas: &mut Canvas, area: Area) {
        let inner = title(canvas, area, "Motion", "at each tick; left turns are positive");
        let plot = Area::new(inner.x + LEFT, inner.y, inner.width - LEFT, CURVE * self.curves.len() as f32);
        let axis = Axis::new(&self.offsets, plot);
        for (i, curve) in self.curves.iter().enumerate() {
            let band = Area::new(plot.x, plot.y + CURVE * i as f32, plot.width, CURVE - 10.0);
            canvas.rect(band, PANEL);
            let known = curve.values.iter().copied().filter(|v| v.is_finite());
            let (low, high) = known.fold((0.0_f64, 0.0_f64), |(l, h), v| (l.min(v), h.max(v)));
            let (low, high) = span(low, high);
            let y = |v: f64| band.bottom() - 8.0 - ((v - low) / (high - low)) as f32 * (band.height - 16.0);
            canvas.rect(Area::new(band.x, y(0.0) - 0.5, band.width, 1.0), RULE);
            let spots: Vec<(usize, Spot)> = (0..self.offsets.len().min(curve.values.len()))
                .filter(|k| curve.values[*k].is_finite())
                .map(|k| (k, (axis.x(self.offsets[k]), y(curve.values[k]))))
                .collect();
            for pair in spots.windows(2) {
                let colour = if pair[1].0 <= self.anchor { PAST } else { FUTURE };
                canvas.line(&[pair[0].1, pair[1].1], Line::solid(colour, 2.5));
            }
            for (k, spot) in &spots {
                canvas.circle(*spot, 3.0, if *k <= self.anchor { PAST } else { FUTURE });
            }
            canvas.text(inner.x, band.y + 6.0, SMALL, curve.name, INK, Weight::Bold);
            let at_anchor = curve.values.get(self.anchor).filter(|v| v.is_finite());
            let value = at_anchor.map_or("unknown".to_string(), |v| format!("{} {}", two(*v), curve.unit));
            canvas.text(inner.x, band.y + 24.0, SMALL, &value, INK, Weight::Regular);
            canvas.text(
                inner.x,
                band.y + 42.0,
                SMALL,
                &format!("{} to {}", two(low), two(high)),
                MUTED,
                Weight::Regular,
            );
        }
        axis.draw(canvas, plot, self.unit);
    }
}

/// What a clip sounds like over the window.
pub(super) struct Wave {
    channel: String,
    note: String,
    offsets: Vec<f64>,
    /// Lowest and highest sample of each column, −1…1, over the whole window.
    columns: Vec<Option<(f32, f32)>>,
}

/// Columns of a wave.
const COLUMNS: usize = 620;

impl Wave {
    /// The clips of a channel over the window; what cannot be read is added to `problems`.
    pub(super) fn new(
        dataset: &Dataset,
        sample: &SampleRow,
        channel: &str,
        problems: &mut Vec<String>,
    ) -> Option<Wave> {
        let (times, t0) = (sample.pose_t_ns.as_ref()?, sample.t0_ns?);
        let (first, last) = (*times.first()?, *times.last()?);
        let width_ns = last.checked_sub(first).filter(|w| *w > 0)? as f64;
        let mut columns: Vec<Option<(f32, f32)>> = vec![None; COLUMNS];
        let mut note = String::new();
        let clips = sample.frames.iter().filter(|f| f.channel == channel && f.modality == Modality::Audio.name());
        for clip in clips {
            let read = dataset.frame(&clip.frame_id).and_then(|frame| Ok((dataset.sound(&frame)?, frame)));
            let (sound, frame) = match read {
                Ok(read) => read,
                Err(error) => {
                    problems.push(error.to_string());
                    continue;
                }
            };
            let Some(start) = frame.t_ns else { continue };
            note = format!("{} Hz, {} channels", sound.sample_rate_hz, sound.channels);
            let step_ns = 1e9 / f64::from(sound.sample_rate_hz.max(1));
            let begin = start.saturating_sub(first) as f64;
            for (i, all) in sound.samples.chunks(usize::from(sound.channels.max(1))).enumerate() {
                let column = ((begin + i as f64 * step_ns) / width_ns * COLUMNS as f64).floor();
                if !(0.0..COLUMNS as f64).contains(&column) {
                    continue;
                }
                let value = all.iter().sum::<f32>() / all.len() as f32;
                let cell = &mut columns[column as usize];
                *cell = Some(cell.map_or((value, value), |(low, high)| (low.min(value), high.max(value))));
            }
        }
        let offsets = times.iter().map(|t| t.saturating_sub(t0) as f64 / 1e9).collect();
        let some = columns.iter().any(Option::is_some);
        some.then(|| Wave { channel: channel.to_string(), note, offsets, columns })
    }
}

impl Block for Wave {
    fn name(&self) -> String {
        format!("audio {}", self.channel)
    }

    fn height(&self, _width: f32) -> f32 {
        TITLE + CURVE + AXIS
    }

    fn draw(&self, canvas: &mut Canvas, area: Area) {
        let inner = title(canvas, area, &self.channel, &self.note);
        let plot = Area::new(inner.x + LEFT, inner.y, inner.width - LEFT, CURVE);
        let axis = Axis::new(&self.offsets, plot);
        let band = Area::new(plot.x, plot.y, plot.width, CURVE - 10.0);
        canvas.rect(band, PANEL);
        let loudest = self.columns.iter().flatten().fold(0.0_f32, |m, (low, high)| m.max(low.abs()).max(high.abs()));
        let scale = (band.height / 2.0 - 4.0) / loudest.max(1e-4);
        let middle = band.y + band.height / 2.0;
        let (begin, end) = (axis.x(axis.first), axis.x(axis.last));
        let anchor = axis.x(0.0);
        for (i, column) in self.columns.iter().enumerate() {
            let Some((low, high)) = column else { continue };
            let x = begin + (end - begin) * (i as f32 + 0.5) / COLUMNS as f32;
            let (top, bottom) = (middle - high * scale, middle - low * scale);
            let colour = if x <= anchor { PAST } else { FUTURE };
            canvas.rect(Area::new(x.floor(), top, 1.0, (bottom - top).max(1.0)), colour);
        }
        let peak = 20.0 * loudest.max(1e-6).log10();
        canvas.text(inner.x, band.y + 6.0, SMALL, "loudness", INK, Weight::Bold);
        canvas.text(
            inner.x,
            band.y + 24.0,
            SMALL,
            &format!("peak {}{:.0} dBFS", minus(peak < 0.0), peak.abs()),
            INK,
            Weight::Regular,
        );
        axis.draw(canvas, plot, "s");
    }
}

/// The axis of ticks.
struct Axis {
    first: f64,
    last: f64,
    left: f32,
    width: f32,
}

impl Axis {
    fn new(offsets: &[f64], plot: Area) -> Axis {
        let (first, last) = (offsets.first().copied().unwrap_or(0.0), offsets.last().copied().unwrap_or(0.0));
        Axis { first, last: last.max(first + 1e-9), left: plot.x + 10.0, width: plot.width - 20.0 }
    }

    fn x(&self, offset: f64) -> f32 {
        self.left + ((offset - self.first) / (self.last - self.first)) as f32 * self.width
    }

    /// The anchor's line and the numbers under the plot.
    fn draw(&self, canvas: &mut Canvas, plot: Area, unit: &str) {
        let y = plot.bottom() - 6.0;
        mark(canvas, self.x(0.0), plot, INK);
        canvas.text_at(self.x(0.0), y, SMALL, "t0", INK, Weight::Bold);
        for offset in [self.first, self.last] {
            let x = self.x(offset);
            if (x - self.x(0.0)).abs() > 46.0 {
                let label = format!("{} {unit}", signed(offset));
                match offset < 0.0 {
                    true => drop(canvas.text(x - 10.0, y, SMALL, &label, MUTED, Weight::Regular)),
                    false => canvas.text_to(x + 10.0, y, SMALL, &label, MUTED, Weight::Regular),
                }
            }
        }
    }
}

fn mark(canvas: &mut Canvas, x: f32, plot: Area, colour: Colour) {
    let line = Line { colour, width: 1.0, dash: Some([3.0, 3.0]) };
    canvas.line(&[(x, plot.y), (x, plot.bottom() - 10.0)], line);
}

/// Ends of a scale around values that hold 0: never empty.
fn span(low: f64, high: f64) -> (f64, f64) {
    if high - low < 0.2 { (low - 0.1, high + 0.1) } else { (low, high) }
}

fn two(value: f64) -> String {
    let text = format!("{:.2}", value.abs());
    format!("{}{text}", minus(value < 0.0 && text != "0.00"))
}

fn minus(negative: bool) -> &'static str {
    if negative { "−" } else { "" }
}
