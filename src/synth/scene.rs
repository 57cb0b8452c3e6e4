//! [`Scene`]: the town as textured triangles; what the rasteriser draws and the LiDAR hits.

use nalgebra::{Vector2, Vector3};

/// How a surface looks; procedural textures are functions of its `uv` in metres and of `seed`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Surface {
    /// Asphalt with grain and patches.
    Asphalt,
    /// White or yellow road paint, a little worn.
    Paint {
        /// Yellow rather than white.
        yellow: bool,
    },
    /// Paving slabs.
    Pavement,
    /// Kerb stone.
    Kerb,
    /// Grass.
    Grass,
    /// Bare soil and gravel (off the road).
    Gravel,
    /// Water.
    Water,
    /// A façade with windows by storey of 3 m; `style` picks material and colours: 0 apartment block with balconies,
    /// 1 brick villa, 2 office with ribbon windows, 3 curtain wall, 4 stone-clad shop house, 5 plain render.
    /// `uv` in metres: u from the left corner as seen from outside, v up from the ground. Windows repeat every 4 m
    /// (style 0), 1.5 m (2 and 3) or 3 m: a wall whose u runs to a multiple of 12 or 3 has no window cut by its corner.
    Facade {
        /// Which look.
        style: u8,
    },
    /// A shop front at street level, 3.4 m high with its sign band; `uv` as of a façade, a shop every 6 m (style 0),
    /// 4.5 m (1) or 7.5 m (2).
    Shop {
        /// Which look.
        style: u8,
    },
    /// A flat roof.
    Roof,
    /// Tree bark.
    Bark,
    /// Leaves.
    Leaves,
    /// Metal of poles and guard rails.
    Metal,
    /// Plain colour (vehicles, boards), linear RGB 0–1.
    Plain([f32; 3]),
    /// Vehicle glass.
    Glass,
    /// A board with text: index into [`Scene::boards`]; `uv` runs 0–1 over the board from its lower left corner as
    /// seen from the front. From behind it is bare metal.
    Board(u32),
    /// Concrete of tunnel walls.
    Concrete,
}

/// What a triangle belongs to, for masks, LiDAR intensity and truth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Thing {
    /// Never moves.
    Static,
    /// A parked vehicle: gone or another on another date.
    Parked,
}

/// One triangle, counter-clockwise seen from outside, ENU metres at the town's origin.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Triangle {
    /// Corners, metres.
    pub corners: [Vector3<f64>; 3],
    /// Texture coordinates of the corners (metres on the surface, or 0–1 for boards).
    pub uv: [Vector2<f32>; 3],
    /// How it looks.
    pub surface: Surface,
    /// Varies textures between buildings, trees, vehicles.
    pub seed: u32,
    /// What it belongs to.
    pub thing: Thing,
}

/// A board's picture: a street-name sign, a traffic sign.
#[derive(Debug, Clone, PartialEq)]
pub struct Board {
    /// Lines of text, top to bottom.
    pub lines: Vec<String>,
    /// Background, sRGB.
    pub background: [u8; 3],
    /// Text and rim, sRGB.
    pub foreground: [u8; 3],
    /// Width over height.
    pub aspect: f32,
}

/// The light of a day.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Light {
    /// Direction towards the sun, ENU, unit.
    pub sun: Vector3<f64>,
    /// Colour and strength of the sun, linear RGB.
    pub sun_rgb: [f32; 3],
    /// Colour and strength of the sky, linear RGB.
    pub sky_rgb: [f32; 3],
    /// Share of leaves that are brown (autumn), 0–1.
    pub autumn: f32,
    /// Haze per metre.
    pub haze: f32,
}

/// A place that the open sky does not reach, e.g. the inside of a tunnel: axis-aligned in ENU, metres.
///
/// No sun falls on a surface point inside it, and only the share `sky` of the sky's light does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shade {
    /// Lower corner.
    pub min: Vector3<f64>,
    /// Upper corner.
    pub max: Vector3<f64>,
    /// Share of the sky's light, 0–1.
    pub sky: f32,
}

/// The town on one date.
#[derive(Debug, Clone, PartialEq)]
pub struct Scene {
    /// All surfaces.
    pub triangles: Vec<Triangle>,
    /// Pictures of boards.
    pub boards: Vec<Board>,
    /// Dark places.
    pub shades: Vec<Shade>,
    /// The light of that date.
    pub light: Light,
}
