//! [`Mesh`]: triangles of simple shapes with texture coordinates in metres.

use nalgebra::{Vector2, Vector3};

use crate::synth::planar::{V2, fill, left, unit};
use crate::synth::scene::{Board, Surface, Thing, Triangle};

/// How a shape's triangles look and what they belong to.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    /// Surface.
    pub surface: Surface,
    /// Varies textures.
    pub seed: u32,
    /// Owner.
    pub thing: Thing,
}

/// The look of something that never moves.
pub fn still(surface: Surface, seed: u32) -> Look {
    Look { surface, seed, thing: Thing::Static }
}

/// Triangles and boards that are being put together.
#[derive(Default)]
pub struct Mesh {
    /// Triangles so far.
    pub triangles: Vec<Triangle>,
    /// Boards so far.
    pub boards: Vec<Board>,
}

/// A plane point at a height.
pub fn at(p: V2, z: f64) -> Vector3<f64> {
    Vector3::new(p.x, p.y, z)
}

impl Mesh {
    /// One triangle, counter-clockwise from outside.
    pub fn triangle(&mut self, corners: [Vector3<f64>; 3], uv: [Vector2<f32>; 3], look: Look) {
        let Look { surface, seed, thing } = look;
        self.triangles.push(Triangle { corners, uv, surface, seed, thing });
    }

    /// A quadrilateral, counter-clockwise from outside.
    pub fn quad(&mut self, c: [Vector3<f64>; 4], uv: [[f64; 2]; 4], look: Look) {
        let uv = uv.map(|t| Vector2::new(t[0] as f32, t[1] as f32));
        self.triangle([c[0], c[1], c[2]], [uv[0], uv[1], uv[2]], look);
        self.triangle([c[0], c[2], c[3]], [uv[0], uv[2], uv[3]], look);
    }

    /// A level quadrilateral, counter-clockwise from above; its texture lies in world metres.
    pub fn flat(&mut self, p: [V2; 4], z: f64, look: Look) {
        self.quad(p.map(|q| at(q, z)), p.map(|q| [q.x, q.y]), look);
    }

    /// A level area of any simple outline.
    pub fn area(&mut self, outline: &[V2], z: f64, look: Look) {
        for t in fill(outline) {
            let p = t.map(|i| outline[i]);
            self.triangle(p.map(|q| at(q, z)), p.map(|q| Vector2::new(q.x as f32, q.y as f32)), look);
        }
    }

    /// An upright wall from `a` to `b` whose outside is at the right of that direction; `u` starts at `u0`.
    pub fn wall(&mut self, a: V2, b: V2, z: [f64; 2], u0: f64, look: Look) {
        let u1 = u0 + (b - a).norm();
        let corners = [at(a, z[0]), at(b, z[0]), at(b, z[1]), at(a, z[1])];
        self.quad(corners, [[u0, z[0]], [u1, z[0]], [u1, z[1]], [u0, z[1]]], look);
    }

    /// Upright walls around a counter-clockwise outline.
    pub fn walls(&mut self, outline: &[V2], z: [f64; 2], look: Look) {
        let mut u = 0.0;
        for i in 0..outline.len() {
            let (a, b) = (outline[i], outline[(i + 1) % outline.len()]);
            self.wall(a, b, z, u, look);
            u += (b - a).norm();
        }
    }

    /// A closed block: walls and top around the rectangle of `half` sizes along `along` and to its left.
    pub fn block(&mut self, centre: V2, along: V2, half: [f64; 2], z: [f64; 2], look: Look) {
        let outline = rectangle(centre, along, half);
        self.walls(&outline, z, look);
        self.area(&outline, z[1], look);
    }

    /// An upright prism with a radius at its foot and its head.
    pub fn prism(&mut self, centre: V2, radii: [f64; 2], z: [f64; 2], sides: usize, look: Look) {
        let ring = |k: usize, r: f64| {
            let (sin, cos) = libm::sincos(std::f64::consts::TAU * k as f64 / sides as f64);
            centre + V2::new(cos, sin) * r
        };
        let arc = std::f64::consts::TAU / sides as f64 * radii[0];
        for k in 0..sides {
            let (a, b) = (ring(k, radii[0]), ring(k + 1, radii[0]));
            let (c, d) = (ring(k + 1, radii[1]), ring(k, radii[1]));
            let (u0, u1) = (arc * k as f64, arc * (k + 1) as f64);
            let corners = [at(a, z[0]), at(b, z[0]), at(c, z[1]), at(d, z[1])];
            self.quad(corners, [[u0, z[0]], [u1, z[0]], [u1, z[1]], [u0, z[1]]], look);
        }
    }

    /// A straight bar between two points with a square section of `half` metres.
    pub fn bar(&mut self, a: Vector3<f64>, b: Vector3<f64>, half: f64, look: Look) {
        let d = b - a;
        let length = d.norm();
        let side = d.cross(&Vector3::z()).try_normalize(1e-9).unwrap_or(Vector3::x());
        let up = side.cross(&d).normalize();
        let ring = |p: Vector3<f64>| [side + up, up - side, -side - up, side - up].map(|o| p + o * half);
        let (p, q) = (ring(a), ring(b));
        for k in 0..4 {
            let n = (k + 1) % 4;
            // Seen from outside: along the bar, then around it.
            self.quad([p[n], p[k], q[k], q[n]], [[0.0, 0.0], [0.1, 0.0], [0.1, length], [0.0, length]], look);
        }
    }

    /// A board whose face looks along `facing`, its middle at `centre`, `width` × `height` metres; grey at the back.
    pub fn board(&mut self, centre: Vector3<f64>, facing: V2, [width, height]: [f64; 2], board: Board) {
        let index = self.boards.iter().position(|b| *b == board).unwrap_or_else(|| {
            self.boards.push(board);
            self.boards.len() - 1
        });
        // Seen from the front, the board's right is at the left of its facing turned about.
        let right = left(unit(facing)) * (width / 2.0);
        let (r, up) = (Vector3::new(right.x, right.y, 0.0), Vector3::z() * (height / 2.0));
        let c = [centre - r - up, centre + r - up, centre + r + up, centre - r + up];
        let uv = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]];
        self.quad(c, uv, still(Surface::Board(index as u32), 0));
        let back = Vector3::new(facing.x, facing.y, 0.0) * -0.02;
        let c = [c[1] + back, c[0] + back, c[3] + back, c[2] + back];
        self.quad(c, uv, still(Surface::Metal, 0));
    }
}

/// The rectangle of `half` sizes along a unit direction and to its left, counter-clockwise.
pub fn rectangle(centre: V2, along: V2, half: [f64; 2]) -> [V2; 4] {
    let (x, y) = (along * half[0], left(along) * half[1]);
    [centre - x - y, centre + x - y, centre + x + y, centre - x + y]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outward(mesh: &Mesh, middle: Vector3<f64>) -> bool {
        mesh.triangles.iter().all(|t| {
            let n = (t.corners[1] - t.corners[0]).cross(&(t.corners[2] - t.corners[0]));
            n.dot(&(t.corners[0] - middle)) > 0.0
        })
    }

    #[test]
    fn closed_shapes_show_their_outside() {
        let look = still(Surface::Metal, 0);
        let mut block = Mesh::default();
        block.block(V2::new(1.0, 2.0), V2::new(0.6, 0.8), [2.0, 1.0], [0.0, 3.0], look);
        assert!(outward(&block, Vector3::new(1.0, 2.0, 1.5)));
        let mut prism = Mesh::default();
        prism.prism(V2::zeros(), [1.0, 0.6], [0.0, 2.0], 6, look);
        assert!(outward(&prism, Vector3::new(0.0, 0.0, 1.0)));
        for tip in [Vector3::new(0.0, 0.0, 4.0), Vector3::new(3.0, 1.0, 0.5), Vector3::new(-2.0, 0.3, 1.0)] {
            let mut bar = Mesh::default();
            bar.bar(Vector3::zeros(), tip, 0.1, look);
            assert!(outward(&bar, tip / 2.0), "{tip}");
        }
    }

    #[test]
    fn a_board_is_read_from_where_it_faces() {
        let mut mesh = Mesh::default();
        let board = Board { lines: vec!["판교".into()], background: [0; 3], foreground: [255; 3], aspect: 2.0 };
        mesh.board(Vector3::zeros(), V2::new(0.0, -1.0), [2.0, 1.0], board);
        let t = &mesh.triangles[0];
        let normal = (t.corners[1] - t.corners[0]).cross(&(t.corners[2] - t.corners[0]));
        assert!(normal.y < 0.0, "faces south");
        // Whoever stands in the south and looks north has east at the right: u grows eastwards.
        assert!(t.corners[1].x > t.corners[0].x && t.uv[1].x > t.uv[0].x);
    }
}
