//! [`Tracer`]: straight lines in space as the polylines that a camera makes of them.

use nalgebra::{UnitQuaternion, Vector3};

use crate::coord::{Camera, CameraIntrinsics, CameraModelKind};

/// Lines end this far before the plane of a pinhole camera, metres.
const NEAR_M: f64 = 0.1;
/// A piece of a line that subtends more than this, radians, is halved whatever it looks like.
const WIDEST: f64 = 0.07;
/// Pixels that a piece may deviate from the curve.
const DEVIATION_PX: f64 = 0.25;
/// How often a line is halved at most.
const DEEPEST: u32 = 14;
/// How often the border of a model is approached by halving.
const BORDER_STEPS: u32 = 24;

/// A pixel and its distance from the camera: `[u, v, depth]`.
type Seen = [f64; 3];

/// Collects the polylines of one feature.
pub struct Tracer<'a> {
    camera: &'a Camera,
    /// Of a panorama whose middle is not ahead: it as if it were, and the turn of points into its frame.
    centred: Option<(Camera, UnitQuaternion<f64>)>,
    lines: Vec<Vec<Seen>>,
}

impl<'a> Tracer<'a> {
    /// A tracer for a camera's pictures.
    pub fn new(camera: &'a Camera) -> Tracer<'a> {
        let centred = (camera.middle_rad() != 0.0).then(|| centred(camera)).flatten();
        Tracer { camera, centred, lines: Vec::new() }
    }

    /// The polylines so far, all on the picture, of at least two points.
    pub fn finish(self) -> Vec<Vec<Seen>> {
        self.lines
    }

    /// Adds the straight line between two points in the camera frame (RDF, metres). Where it goes on from the end of the
    /// last one, so does its polyline.
    pub fn segment(&mut self, a: Vector3<f64>, b: Vector3<f64>) {
        match self.camera.model() {
            CameraModelKind::Pinhole => {
                if let Some((a, b)) = before_plane(a, b) {
                    self.piece(a, b, 0);
                }
            }
            CameraModelKind::Equirectangular => match self.centred {
                Some((_, turn)) => self.around(turn * a, turn * b),
                None => self.around(a, b),
            },
            CameraModelKind::KannalaBrandt | CameraModelKind::Mei | CameraModelKind::Ftheta => self.piece(a, b, 0),
        }
    }

    /// On a panorama with its middle ahead: a line that crosses the half plane behind the camera leaves at one side of the
    /// picture and comes back at the other.
    fn around(&mut self, mut a: Vector3<f64>, mut b: Vector3<f64>) {
        // A point right behind is on both sides: it takes the other end's.
        if a.x == 0.0 {
            a.x = 0.0_f64.copysign(b.x);
        }
        if b.x == 0.0 {
            b.x = 0.0_f64.copysign(a.x);
        }
        if a.x.is_sign_positive() == b.x.is_sign_positive() {
            return self.piece(a, b, 0);
        }
        let crossing = a + (b - a) * (a.x / (a.x - b.x));
        if crossing.z >= 0.0 {
            return self.piece(a, b, 0);
        }
        let side = |x: f64| Vector3::new(0.0_f64.copysign(x), crossing.y, crossing.z);
        self.piece(a, side(a.x), 0);
        self.piece(side(b.x), b, 0);
    }

    /// A piece that is halved until it is small and straight in the picture.
    fn piece(&mut self, a: Vector3<f64>, b: Vector3<f64>, depth: u32) {
        let middle = (a + b) / 2.0;
        let wide = libm::atan2(a.cross(&b).norm(), a.dot(&b)) > WIDEST;
        let ends = (self.see(a), self.see(b));
        let fine = depth >= DEEPEST
            || !wide
                && match (ends, self.see(middle)) {
                    ((Some(p), Some(q)), Some(m)) => self.beyond(p, q) || deviation(p, q, m) <= DEVIATION_PX,
                    _ => true,
                };
        if !fine {
            self.piece(a, middle, depth + 1);
            return self.piece(middle, b, depth + 1);
        }
        match ends {
            (Some(p), Some(q)) => self.push(p, q),
            (Some(p), None) => self.push(p, self.border(a, p, b)),
            (None, Some(q)) => self.push(self.border(b, q, a), q),
            (None, None) => {}
        }
    }

    fn see(&self, p: Vector3<f64>) -> Option<Seen> {
        let camera = self.centred.as_ref().map_or(self.camera, |(camera, _)| camera);
        let (u, v) = camera.project(p)?;
        Some([u, v, p.norm()])
    }

    /// The last point that the model holds for, on the way from `inside` (seen as `seen`) to `outside`.
    fn border(&self, mut inside: Vector3<f64>, mut seen: Seen, mut outside: Vector3<f64>) -> Seen {
        for _ in 0..BORDER_STEPS {
            let middle = (inside + outside) / 2.0;
            match self.see(middle) {
                Some(m) => (inside, seen) = (middle, m),
                None => outside = middle,
            }
        }
        seen
    }

    /// Whether both pixels are beyond the same side of the picture.
    fn beyond(&self, p: Seen, q: Seen) -> bool {
        let mut sides = self.size().into_iter().enumerate();
        sides.any(|(axis, high)| p[axis].max(q[axis]) < -0.5 || p[axis].min(q[axis]) > high)
    }

    /// The picture's right and lower border.
    fn size(&self) -> [f64; 2] {
        [f64::from(self.camera.width()) - 0.5, f64::from(self.camera.height()) - 0.5]
    }

    /// Adds what of a straight line between two pixels is on the picture.
    fn push(&mut self, p: Seen, q: Seen) {
        // Liang and Barsky (1984), A new concept and method for line clipping.
        let (mut t0, mut t1) = (0.0_f64, 1.0_f64);
        for (axis, high) in self.size().into_iter().enumerate() {
            let d = q[axis] - p[axis];
            let (before, after) = (-0.5 - p[axis], high - p[axis]);
            if d == 0.0 {
                if before > 0.0 || after < 0.0 {
                    return;
                }
                continue;
            }
            let (s, t) = if d > 0.0 { (before / d, after / d) } else { (after / d, before / d) };
            t0 = t0.max(s);
            t1 = t1.min(t);
        }
        if t0 >= t1 {
            return;
        }
        let at = |t: f64| match t {
            0.0 => p,
            1.0 => q,
            _ => {
                // Along a straight line it is the inverse distance that goes evenly with the pixels.
                let inverse = (1.0 - t) / p[2] + t / q[2];
                [p[0] + (q[0] - p[0]) * t, p[1] + (q[1] - p[1]) * t, 1.0 / inverse]
            }
        };
        let (start, end) = (at(t0), at(t1));
        match self.lines.last_mut() {
            Some(line) if line.last() == Some(&start) => line.push(end),
            _ => self.lines.push(vec![start, end]),
        }
    }
}

/// A panorama's camera turned to the middle of its picture, with the turn of points.
fn centred(camera: &Camera) -> Option<(Camera, UnitQuaternion<f64>)> {
    let mut intrinsics: CameraIntrinsics = camera.intrinsics().clone();
    *intrinsics.intrinsics.get_mut(2)? = 0.5 * f64::from(intrinsics.width) - 0.5;
    let turn = UnitQuaternion::from_axis_angle(&Vector3::y_axis(), -camera.middle_rad());
    Some((Camera::new(&intrinsics).ok()?, turn))
}

/// The part of a line that is before a pinhole's near plane.
fn before_plane(a: Vector3<f64>, b: Vector3<f64>) -> Option<(Vector3<f64>, Vector3<f64>)> {
    let cut = || {
        let mut p = a + (b - a) * ((NEAR_M - a.z) / (b.z - a.z));
        p.z = NEAR_M;
        p
    };
    match (a.z >= NEAR_M, b.z >= NEAR_M) {
        (true, true) => Some((a, b)),
        (true, false) => Some((a, cut())),
        (false, true) => Some((cut(), b)),
        (false, false) => None,
    }
}

/// Pixels between `m` and the straight line from `p` to `q`.
fn deviation(p: Seen, q: Seen, m: Seen) -> f64 {
    crate::coord::nearest_on_segment((m[0], m[1]), (p[0], p[1]), (q[0], q[1])).2
}
