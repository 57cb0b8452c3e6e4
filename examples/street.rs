//! Renders a short street that shows every surface: for looking at textures, and for timing the renderer.
//!
//! `cargo run --example street -- OUT_FOLDER`

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use nalgebra::{Matrix3, Vector2, Vector3};
use ndarray::Array3;
use worldloom::coord::{Camera, CameraIntrinsics, CameraModelKind, Pose};
use worldloom::synth::raster::Renderer;
use worldloom::synth::scene::{Board, Light, Scene, Surface, Thing, Triangle};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let out = PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| "out/street".into()));
    fs::create_dir_all(&out)?;
    for (name, scene) in [("summer", street(0.0)), ("autumn", street(0.8))] {
        let start = Instant::now();
        let renderer = Renderer::new(&scene);
        eprintln!("{name}: {} triangles prepared in {:.2?}", scene.triangles.len(), start.elapsed());
        let front = Camera::new(&CameraIntrinsics {
            model: CameraModelKind::Pinhole,
            width: 640,
            height: 360,
            intrinsics: vec![420.0, 420.0, 319.5, 179.5],
            distortion: vec![],
        })?;
        let panorama = Camera::new(&CameraIntrinsics {
            model: CameraModelKind::Equirectangular,
            width: 1024,
            height: 512,
            intrinsics: vec![],
            distortion: vec![],
        })?;
        for (view, camera, at, heading) in [
            ("front", &front, Vector3::new(-1.7, 2.0, 1.6), 0.0),
            ("side", &front, Vector3::new(1.7, 40.0, 1.8), 62.0),
            ("pano", &panorama, Vector3::new(-1.7, 40.0, 2.4), 0.0),
        ] {
            let pose = Pose::level(at, heading) * ego_se3_camera();
            let start = Instant::now();
            let picture = renderer.render(camera, &pose);
            eprintln!("{name} {view}: {:.2?}", start.elapsed());
            save(&picture.rgb, &out.join(format!("{name}-{view}.png")))?;
        }
    }
    Ok(())
}

/// RDF axes in a FLU body.
fn ego_se3_camera() -> Pose {
    Pose::from_rotation_matrix(&Matrix3::new(0.0, 0.0, 1.0, -1.0, 0.0, 0.0, 0.0, -1.0, 0.0), Vector3::zeros())
}

fn save(rgb: &Array3<u8>, path: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let (height, width, _) = rgb.dim();
    let bytes: Vec<u8> = rgb.iter().copied().collect();
    image::save_buffer(path, &bytes, width as u32, height as u32, image::ColorType::Rgb8)?;
    Ok(())
}

/// A street that runs north, 120 m long.
fn street(autumn: f32) -> Scene {
    let mut draw = Draw::default();
    draw.flat([-200.0, -200.0], [200.0, 300.0], -0.12, Surface::Grass, 1);
    draw.flat([-7.0, -60.0], [7.0, 200.0], 0.0, Surface::Asphalt, 2);
    draw.flat([7.0, 60.0], [120.0, 74.0], 0.0, Surface::Asphalt, 2);
    for (left, right) in [(-11.0, -7.0), (7.0, 11.0)] {
        for (from, to) in if left > 0.0 { vec![(-60.0, 58.0), (76.0, 200.0)] } else { vec![(-60.0, 200.0)] } {
            draw.flat(
                [left + 0.2 * f64::from(left > 0.0), from],
                [right - 0.2 * f64::from(left < 0.0), to],
                0.15,
                Surface::Pavement,
                3,
            );
            let kerb = if left > 0.0 { left } else { right - 0.2 };
            draw.block([kerb, from, 0.0], [kerb + 0.2, to, 0.151], Surface::Kerb, Surface::Kerb, 4, Thing::Static);
        }
    }
    for x in [-0.15, 0.05] {
        draw.flat([x, -60.0], [x + 0.1, 50.0], 0.004, Surface::Paint { yellow: true }, 5);
    }
    for k in 0..24 {
        let y = -60.0 + 8.0 * f64::from(k);
        for x in [-3.5, 3.4] {
            draw.flat([x, y], [x + 0.12, y + 3.0], 0.004, Surface::Paint { yellow: false }, 5);
        }
    }
    for k in 0..14 {
        let x = -6.6 + f64::from(k);
        draw.flat([x, 52.0], [x + 0.5, 56.0], 0.004, Surface::Paint { yellow: false }, 6);
    }
    draw.flat([-6.8, 49.0], [-0.2, 49.4], 0.004, Surface::Paint { yellow: false }, 6);
    let blocks = [
        (-35.0, 0.0, 18.0, 12.0, 1, true),
        (-35.0, 20.0, 21.0, 24.0, 4, true),
        (-38.0, 45.0, 24.0, 60.0, 0, false),
        (-36.0, 74.0, 24.0, 30.0, 3, false),
        (-35.0, 104.0, 30.0, 18.0, 5, true),
        (11.5, -10.0, 21.0, 15.0, 5, true),
        (11.5, 14.0, 18.0, 9.0, 1, true),
        (13.0, 34.0, 24.0, 36.0, 2, false),
        (13.0, 78.0, 30.0, 45.0, 3, false),
        (12.0, 112.0, 24.0, 21.0, 4, true),
    ];
    for (k, &(x, y, length, height, style, shops)) in blocks.iter().enumerate() {
        draw.building([x, y], [x + 23.0, y + length], height, style, shops, k as u32 * 17 + 3);
    }
    for k in 0..9 {
        for x in [-8.2, 8.2] {
            draw.tree([x, -8.0 + 15.0 * f64::from(k)], 100 + k * 2 + u32::from(x > 0.0));
        }
    }
    let paints = [[0.75, 0.75, 0.74], [0.03, 0.03, 0.035], [0.28, 0.29, 0.30], [0.30, 0.02, 0.02], [0.03, 0.07, 0.20]];
    for (k, y) in [8.0, 15.0, 22.5, 33.0, 80.0, 87.0].into_iter().enumerate() {
        draw.car([if k % 2 == 0 { 5.9 } else { -5.9 }, y], paints[k % 5], 50 + k as u32);
    }
    draw.block([10.0, 26.0, 0.15], [10.15, 26.15, 3.4], Surface::Metal, Surface::Metal, 9, Thing::Static);
    draw.board([8.9, 26.0, 2.7], 2.2, 0.6, 0);
    draw.block([-9.1, 30.0, 0.15], [-9.0, 30.1, 2.8], Surface::Metal, Surface::Metal, 9, Thing::Static);
    draw.board([-9.4, 29.98, 2.2], 0.65, 0.65, 1);
    draw.block([-11.0, 140.0, -0.1], [11.0, 140.5, 6.0], Surface::Concrete, Surface::Concrete, 9, Thing::Static);
    draw.flat([20.0, -60.0], [80.0, -12.0], -0.05, Surface::Water, 8);
    Scene {
        triangles: draw.triangles,
        boards: vec![
            Board {
                lines: vec!["판교역로".into(), "Pangyoyeok-ro".into()],
                background: [0, 78, 152],
                foreground: [255; 3],
                aspect: 2.2 / 0.6,
            },
            Board { lines: vec!["30".into()], background: [250; 3], foreground: [200, 20, 30], aspect: 1.0 },
        ],
        shades: vec![],
        light: Light {
            sun: Vector3::new(-0.45, -0.55, 0.7).normalize(),
            sun_rgb: [2.6, 2.45, 2.2],
            sky_rgb: [0.55, 0.68, 0.9],
            autumn,
            haze: 0.0012,
        },
    }
}

#[derive(Default)]
struct Draw {
    triangles: Vec<Triangle>,
}

impl Draw {
    fn quad(&mut self, c: [Vector3<f64>; 4], uv: [[f64; 2]; 4], surface: Surface, seed: u32, thing: Thing) {
        let uv = uv.map(|[u, v]| Vector2::new(u as f32, v as f32));
        for [i, j, k] in [[0, 1, 2], [0, 2, 3]] {
            let (corners, uv) = ([c[i], c[j], c[k]], [uv[i], uv[j], uv[k]]);
            self.triangles.push(Triangle { corners, uv, surface, seed, thing });
        }
    }

    fn flat(&mut self, [x0, y0]: [f64; 2], [x1, y1]: [f64; 2], z: f64, surface: Surface, seed: u32) {
        let corners = [[x0, y0], [x1, y0], [x1, y1], [x0, y1]];
        self.quad(corners.map(|[x, y]| Vector3::new(x, y, z)), corners, surface, seed, Thing::Static);
    }

    /// Upright walls around a rectangle from `z0` to `z1`; v counts from `foot`.
    fn walls(
        &mut self,
        [x0, y0]: [f64; 2],
        [x1, y1]: [f64; 2],
        [z0, z1]: [f64; 2],
        surface: Surface,
        seed: u32,
        thing: Thing,
    ) {
        let ring = [[x0, y0], [x1, y0], [x1, y1], [x0, y1]];
        for k in 0..4 {
            let (a, b) = (ring[k], ring[(k + 1) % 4]);
            let long = (a[0] - b[0]).hypot(a[1] - b[1]);
            let corners = [[a[0], a[1], z0], [b[0], b[1], z0], [b[0], b[1], z1], [a[0], a[1], z1]].map(Vector3::from);
            self.quad(corners, [[0.0, z0], [long, z0], [long, z1], [0.0, z1]], surface, seed, thing);
        }
    }

    fn block(&mut self, a: [f64; 3], b: [f64; 3], side: Surface, top: Surface, seed: u32, thing: Thing) {
        self.walls([a[0], a[1]], [b[0], b[1]], [a[2], b[2]], side, seed, thing);
        let corners = [[a[0], a[1]], [b[0], a[1]], [b[0], b[1]], [a[0], b[1]]];
        self.quad(corners.map(|[x, y]| Vector3::new(x, y, b[2])), corners, top, seed, thing);
    }

    fn building(&mut self, a: [f64; 2], b: [f64; 2], height: f64, style: u8, shops: bool, seed: u32) {
        let mut foot = 0.0;
        if shops {
            self.walls(a, b, [0.0, 3.4], Surface::Shop { style }, seed, Thing::Static);
            foot = 3.4;
        }
        self.walls(a, b, [foot, height], Surface::Facade { style }, seed, Thing::Static);
        self.flat(a, b, height - 0.8, Surface::Roof, seed);
        self.flat(a, b, height - 0.8, Surface::Roof, seed);
    }

    fn tree(&mut self, [x, y]: [f64; 2], seed: u32) {
        self.walls([x - 0.14, y - 0.14], [x + 0.14, y + 0.14], [0.1, 3.4], Surface::Bark, seed, Thing::Static);
        for k in 0..5u32 {
            let turn = f64::from(k) * 2.4 + f64::from(seed);
            let centre = Vector3::new(x + 0.9 * libm::cos(turn), y + 0.9 * libm::sin(turn), 4.0 + 0.55 * f64::from(k));
            self.ball(centre, 1.9 - 0.16 * f64::from(k), Surface::Leaves, seed);
        }
    }

    fn ball(&mut self, centre: Vector3<f64>, radius: f64, surface: Surface, seed: u32) {
        let (rings, spokes) = (6, 9);
        let at = |i: i32, j: i32| {
            let polar = f64::from(i) / f64::from(rings) * std::f64::consts::PI;
            let turn = f64::from(j) / f64::from(spokes) * std::f64::consts::TAU;
            centre
                + radius
                    * Vector3::new(
                        libm::sin(polar) * libm::cos(turn),
                        libm::sin(polar) * libm::sin(turn),
                        libm::cos(polar),
                    )
        };
        for i in 0..rings {
            for j in 0..spokes {
                let uv = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]];
                self.quad([at(i, j), at(i + 1, j), at(i + 1, j + 1), at(i, j + 1)], uv, surface, seed, Thing::Static);
            }
        }
    }

    fn car(&mut self, [x, y]: [f64; 2], paint: [f32; 3], seed: u32) {
        let (paint, black) = (Surface::Plain(paint), Surface::Plain([0.015; 3]));
        self.block([x - 0.9, y - 2.2, 0.35], [x + 0.9, y + 2.2, 0.9], paint, paint, seed, Thing::Parked);
        self.block([x - 0.78, y - 1.5, 0.9], [x + 0.78, y + 1.0, 1.42], Surface::Glass, paint, seed, Thing::Parked);
        for (dx, dy) in [(-0.9, -1.4), (0.7, -1.4), (-0.9, 1.4), (0.7, 1.4)] {
            let low = [x + dx, y + dy - 0.32, 0.0];
            self.block(low, [low[0] + 0.2, low[1] + 0.64, 0.62], black, black, seed, Thing::Parked);
        }
    }

    /// A board that faces south.
    fn board(&mut self, [x, y, z]: [f64; 3], width: f64, height: f64, index: u32) {
        let corners = [[x, y, z], [x + width, y, z], [x + width, y, z + height], [x, y, z + height]].map(Vector3::from);
        let uv = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]];
        self.quad(corners, uv, Surface::Board(index), 1, Thing::Static);
    }
}
