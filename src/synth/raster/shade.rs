//! [`Air`]: sky, clouds, haze, ambient light, exposure and the way to sRGB.

use nalgebra::Vector3;

use crate::synth::noise::{fractal, hash, mix, smooth};
use crate::synth::scene::Light;

const SRGB_STEPS: usize = 4096;

/// The air and the camera's exposure under one day's light.
#[derive(Debug, Clone)]
pub(super) struct Air {
    light: Light,
    sun: Vector3<f32>,
    exposure: f32,
    clouds: u32,
    srgb: Vec<u8>,
}

impl Air {
    pub(super) fn new(light: &Light) -> Air {
        let sun = light.sun.map(|c| c as f32);
        let level = 0.62 * sun.z.max(0.15) * luminance(light.sun_rgb) + 1.1 * luminance(light.sky_rgb);
        let srgb = (0..=SRGB_STEPS)
            .map(|k| {
                let x = k as f32 / SRGB_STEPS as f32;
                let y = if x <= 0.003_130_8 { 12.92 * x } else { 1.055 * libm::powf(x, 1.0 / 2.4) - 0.055 };
                (y * 255.0 + 0.5) as u8
            })
            .collect();
        Air {
            light: *light,
            sun,
            exposure: 1.0 / level.max(1e-3),
            clouds: hash(light.sun.x.to_bits() as u32 ^ (light.sun.x.to_bits() >> 32) as u32),
            srgb,
        }
    }

    /// Radiance of the sky in a unit direction; below the horizon, of distant ground in haze.
    pub(super) fn sky(&self, direction: &Vector3<f32>) -> [f32; 3] {
        let horizon = self.horizon(direction);
        if direction.z <= 0.0 {
            return [0, 1, 2].map(|c| horizon[c] * mix(0.55, 1.0, smooth(-0.08, 0.0, direction.z)));
        }
        let z = direction.z;
        let rise = 1.0 - (1.0 - z) * (1.0 - z) * (1.0 - z) * (1.0 - z);
        let zenith = [0.42, 0.68, 1.16];
        let mut colour = [0, 1, 2].map(|c| mix(horizon[c], self.light.sky_rgb[c] * zenith[c] * 1.25, rise));
        // Clouds lie in a plane above; they thin out towards the horizon, where the plane is seen at a flat angle.
        let scale = 1.0 / (z + 0.12);
        let (x, y) = (direction.x * scale, direction.y * scale);
        let shape = fractal(x, y, 1.4, 0.04, 0.01, self.clouds) + 0.35 * fractal(x, y, 4.0, 2.0, 0.01, self.clouds ^ 7);
        let cover = smooth(0.0, 0.42, shape) * smooth(0.02, 0.22, z) * 0.85;
        let thick = smooth(0.1, 0.6, shape);
        let bright = luminance(self.light.sky_rgb) * 1.5 + 0.16 * luminance(self.light.sun_rgb);
        let cloud = [1.0, 0.99, 0.98].map(|c: f32| c * bright * mix(1.0, 0.78, thick));
        colour = [0, 1, 2].map(|c| mix(colour[c], cloud[c], cover));
        let near_sun = direction.dot(&self.sun).max(0.0);
        let glow = 0.25 * smooth(0.8, 1.0, near_sun)
            + 0.6 * smooth(0.985, 1.0, near_sun)
            + 8.0 * smooth(0.9994, 0.9998, near_sun);
        [0, 1, 2].map(|c| colour[c] + self.light.sun_rgb[c] * glow * (1.0 - 0.7 * cover))
    }

    fn horizon(&self, direction: &Vector3<f32>) -> [f32; 3] {
        let towards_sun = 0.5 + 0.5 * direction.dot(&self.sun);
        let tint = [1.25, 1.3, 1.32];
        [0, 1, 2].map(|c| self.light.sky_rgb[c] * tint[c] + self.light.sun_rgb[c] * 0.05 * towards_sun)
    }

    /// Light from sky above and from the ground below that falls on a surface facing `normal`.
    pub(super) fn ambient(&self, normal: &Vector3<f32>) -> [f32; 3] {
        let up = 0.5 + 0.5 * normal.z;
        let ground = [0.20, 0.19, 0.17];
        let sun_on_ground = self.sun.z.max(0.0);
        [0, 1, 2].map(|c| {
            let sky = self.light.sky_rgb[c];
            sky * up + ground[c] * (sky + 0.6 * self.light.sun_rgb[c] * sun_on_ground) * (1.0 - up)
        })
    }

    /// Light after `range` metres of air.
    pub(super) fn haze(&self, light: [f32; 3], range: f32, direction: &Vector3<f32>) -> [f32; 3] {
        let through = libm::expf(-self.light.haze.max(0.0) * range);
        let air = self.horizon(direction);
        [0, 1, 2].map(|c| mix(air[c], light[c], through))
    }

    /// Strength of a lamp-lit interior: as bright as it looks by day.
    pub(super) fn glow(&self) -> f32 {
        0.8 / self.exposure
    }

    /// Exposed and tone-mapped (the ACES fit of K. Narkowicz), 0–1, linear.
    pub(super) fn expose(&self, light: [f32; 3]) -> [f32; 3] {
        light.map(|c| {
            let x = (c * self.exposure).max(0.0) * 0.8;
            ((x * (2.51 * x + 0.03)) / (x * (2.43 * x + 0.59) + 0.14)).clamp(0.0, 1.0)
        })
    }

    /// sRGB bytes of a tone-mapped colour.
    pub(super) fn encode(&self, rgb: [f32; 3]) -> [u8; 3] {
        rgb.map(|c| self.srgb[(c.clamp(0.0, 1.0) * SRGB_STEPS as f32 + 0.5) as usize])
    }
}

fn luminance(rgb: [f32; 3]) -> f32 {
    0.2126 * rgb[0] + 0.7152 * rgb[1] + 0.0722 * rgb[2]
}
