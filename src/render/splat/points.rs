//! [`project`]: points of a source as a target sees them.

use nalgebra::Matrix3;
use pulp::{Arch, NullaryFnOnce};

use super::block::LANES;
use crate::coord::{Pose, RowProjector};

/// Vectors of points that are projected together.
const CHUNK: usize = 4;

/// `target_se3_source` in single precision, the rotation row by row.
pub(super) struct Motion {
    rotation: [[f32; 3]; 3],
    translation: [f32; 3],
}

impl Motion {
    pub(super) fn new(pose: &Pose) -> Motion {
        let r: Matrix3<f64> = pose.rotation.to_rotation_matrix().into_inner();
        let rotation = std::array::from_fn(|i| std::array::from_fn(|j| r[(i, j)] as f32));
        Motion { rotation, translation: std::array::from_fn(|i| pose.translation[i] as f32) }
    }

    /// One coordinate in the target's frame of points at rays x, y, z of some inverse depths, over their depth.
    #[inline(always)]
    fn along(&self, axis: usize, [x, y, z, near]: &[[f32; LANES]; 4]) -> [f32; LANES] {
        let ([a, b, c], t) = (self.rotation[axis], self.translation[axis]);
        let mut out = [0.0; LANES];
        for i in 0..LANES {
            out[i] = a * x[i] + b * y[i] + c * z[i] + t * near[i];
        }
        out
    }

    /// Metres that the target is away.
    pub(super) fn length(&self) -> f32 {
        self.translation.iter().map(|t| t * t).sum::<f32>().sqrt()
    }
}

/// Points at some rays (x, y, z), of some inverse depths, as the target sees them: columns, rows, nearness. All of one length.
#[inline(never)]
pub(super) fn project(
    projector: &RowProjector,
    motion: &Motion,
    rays: [&[f32]; 3],
    nearness: &[f32],
    out: [&mut [f32]; 3],
) {
    Arch::new().dispatch(Points { projector, motion, given: [rays[0], rays[1], rays[2], nearness], out });
}

/// Points to be projected, in vectors as wide as the machine's.
struct Points<'a> {
    projector: &'a RowProjector,
    motion: &'a Motion,
    given: [&'a [f32]; 4],
    out: [&'a mut [f32]; 3],
}

impl NullaryFnOnce for Points<'_> {
    type Output = ();

    #[inline(always)]
    #[allow(clippy::needless_range_loop)] // of lanes by their numbers the compiler makes vectors
    fn call(mut self) {
        let count = self.given[3].len();
        let mut chunk = [[[0.0; LANES]; CHUNK]; 4];
        for from in (0..count).step_by(CHUNK * LANES) {
            let end = (from + CHUNK * LANES).min(count);
            let used = (end - from).div_ceil(LANES);
            for k in 0..used {
                let at = from + k * LANES;
                let given = [
                    lanes(self.given[0], at),
                    lanes(self.given[1], at),
                    lanes(self.given[2], at),
                    lanes(self.given[3], at),
                ];
                chunk[0][k] = self.motion.along(0, &given);
                chunk[1][k] = self.motion.along(1, &given);
                chunk[2][k] = self.motion.along(2, &given);
                chunk[3][k] = given[3];
            }
            let [x, y, z, near] = &mut chunk;
            let (x, y, z) = (&mut x[..used], &mut y[..used], &mut z[..used]);
            let flat = (x.as_flattened_mut(), y.as_flattened_mut(), z.as_flattened_mut());
            self.projector.project(flat.0, flat.1, flat.2, near[..used].as_flattened());
            for (out, part) in self.out.iter_mut().zip([x, y, z]) {
                let (out, rest) = out[from..end].as_chunks_mut::<LANES>();
                for (out, part) in out.iter_mut().zip(&*part) {
                    *out = *part;
                }
                for (out, part) in rest.iter_mut().zip(part[used - 1]) {
                    *out = part;
                }
            }
        }
    }
}

/// Eight numbers from one on; zeros beyond the last.
#[inline(always)]
fn lanes(all: &[f32], from: usize) -> [f32; LANES] {
    let rest = &all[from..];
    if let Some(lanes) = rest.first_chunk() {
        return *lanes;
    }
    let mut lanes = [0.0; LANES];
    lanes[..rest.len()].copy_from_slice(rest);
    lanes
}

#[cfg(test)]
mod tests {
    use nalgebra::{UnitQuaternion, Vector3};

    use super::*;
    use crate::coord::{Camera, CameraIntrinsics, CameraModelKind};

    #[test]
    fn vectors_of_any_width_and_rows_of_any_length_give_the_same_bits() {
        use CameraModelKind::{Equirectangular, Ftheta, KannalaBrandt, Mei, Pinhole};
        let lenses: [(_, &[f64], &[f64]); 6] = [
            (Pinhole, &[220.0, 220.0, 199.5, 119.5], &[]),
            (Pinhole, &[230.0, 225.0, 205.0, 115.0], &[-0.25, 0.08, 0.001, -0.001, -0.01]),
            (KannalaBrandt, &[130.0, 130.0, 199.5, 149.5], &[0.02, -0.005, 0.001, -0.0002]),
            (Equirectangular, &[], &[]),
            (Mei, &[330.0, 330.0, 199.5, 149.5], &[1.6, 0.02, 0.3, 0.0004, -0.0003]),
            (Ftheta, &[0.33, 0.33, 199.5, 149.5], &[0.0, 473.6, -9.59, 24.95, -42.34, 15.14]),
        ];
        let motion =
            Motion::new(&Pose::new(Vector3::new(0.3, 0.1, -1.0), UnitQuaternion::from_euler_angles(0.02, 0.1, 0.01)));
        let numbers = |step: f32| (0..77).map(|i| (i as f32 * step).sin()).collect::<Vec<f32>>();
        let (x, y, z) = (numbers(0.7), numbers(1.3), numbers(0.9));
        let nearness: Vec<f32> = numbers(0.4).iter().map(|w| w.abs()).collect();
        for (model, intrinsics, distortion) in lenses {
            let (intrinsics, distortion) = (intrinsics.to_vec(), distortion.to_vec());
            let camera = CameraIntrinsics { model, width: 400, height: 300, intrinsics, distortion };
            let projector = RowProjector::new(&Camera::new(&camera).expect("a camera"));
            let projected = |part: std::ops::Range<usize>, wide: bool| {
                let mut out = [(); 3].map(|()| vec![0.0; part.len()]);
                let [u, v, w] = &mut out;
                let given = [&x, &y, &z, &nearness].map(|all| &all[part.clone()]);
                let points = Points { projector: &projector, motion: &motion, given, out: [u, v, w] };
                if wide {
                    Arch::new().dispatch(points)
                } else {
                    points.call()
                }
                out.map(|axis| axis.into_iter().map(f32::to_bits).collect::<Vec<u32>>())
            };
            let all = projected(0..77, true);
            assert_eq!(all, projected(0..77, false), "{model:?}");
            for part in [0..1, 3..8, 3..11, 5..50] {
                assert_eq!(all.clone().map(|axis| axis[part.clone()].to_vec()), projected(part, true), "{model:?}");
            }
        }
    }
}
