//! What is heard in the cabin: the engine by speed, the tyres, and the indicator before a turn.

use std::io::Cursor;
use std::ops::Range;

use crate::error::{ErrorKind, Result};
use crate::synth::dice::Dice;
use crate::synth::drive::motion::Motion;

/// A WAV file (mono, 16 bits) of these seconds of the drive, as far as it goes, `hz` samples a second.
pub(super) fn wav(motion: &Motion, span_s: Range<f64>, hz: u32, dice: &mut Dice) -> Result<Vec<u8>> {
    let rate = f64::from(hz);
    let count = ((motion.duration_s().min(span_s.end) - span_s.start).max(0.0) * rate) as usize;
    let (mut turns, mut tyres) = (0.0, 0.0);
    let mut samples: Vec<i16> = Vec::with_capacity(count);
    let (mut speed, mut turning) = (0.0, false);
    for k in 0..count {
        let t = span_s.start + k as f64 / rate;
        // The drive changes slowly: every 10 ms is enough.
        if k % (hz as usize / 100) == 0 {
            speed = motion.speed_mps(t).max(0.0);
            turning = (0..6).any(|j| motion.yaw_rate_radps(t + 0.5 * f64::from(j)).abs() > 0.18);
        }
        // An engine of four cylinders, 780 turns a minute at rest, in three gears.
        let gear = [1.0, 0.62, 0.45][usize::from(speed > 4.5) + usize::from(speed > 9.0)];
        turns += (13.0 + speed * 7.5 * gear) / rate;
        let beat = |order: f64| libm::sin(std::f64::consts::TAU * turns * order);
        let engine = 0.55 * beat(2.0) + 0.25 * beat(4.0) + 0.12 * beat(1.0) + 0.06 * beat(6.0);
        tyres += 0.25 * (dice.between(-1.0, 1.0) - tyres);
        let click = turning && (t * 3.0).fract() < 0.006;
        let clicks = if click { dice.between(-1.0, 1.0) } else { 0.0 };
        let sound = 0.12 * engine * (1.0 + speed / 20.0) + 0.03 * tyres * speed.min(16.0) / 4.0 + 0.2 * clicks;
        samples.push(libm::round(sound.clamp(-1.0, 1.0) * 32_000.0) as i16);
    }
    let mut bytes = Cursor::new(Vec::new());
    let spec =
        hound::WavSpec { channels: 1, sample_rate: hz, bits_per_sample: 16, sample_format: hound::SampleFormat::Int };
    let broken = |e: hound::Error| ErrorKind::Damaged(format!("a WAV file: {e}")).bare();
    let mut writer = hound::WavWriter::new(&mut bytes, spec).map_err(broken)?;
    for sample in samples {
        writer.write_sample(sample).map_err(broken)?;
    }
    writer.finalize().map_err(broken)?;
    Ok(bytes.into_inner())
}
