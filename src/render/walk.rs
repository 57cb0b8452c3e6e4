//! [`WalkOptions`]: a camera carried along panoramas: where it looks, in which order it sees them, what it sees.

use nalgebra::Vector3;
use ndarray::{Array2, Array3, ArrayView2, ArrayView3};

use super::panowalk::{Crop, YawPath, out_and_back, pinhole};
use crate::coord::{Camera, EnuFrame, Geodetic, InvalidCamera, Pose};
use crate::error::ErrorKind;

/// Where a walk looks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Gaze {
    /// Along the way, turned to the left by so many degrees.
    Follow {
        /// Degrees, left positive.
        offset_deg: f64,
    },
    /// At a place.
    LookAt {
        /// Degrees; where the height is not finite the view turns to the place but stays level.
        place: Geodetic,
    },
    /// From a heading on, turning evenly with every picture.
    Pan {
        /// Heading of the first, degrees clockwise from north.
        start_deg: f64,
        /// Degrees from one to the next, left positive.
        step_deg: f64,
    },
}

/// How a walk is taken.
#[derive(Debug, Clone, PartialEq)]
pub struct WalkOptions {
    /// The panorama channel; the first of the recording without it.
    pub channel: Option<String>,
    /// Where it looks.
    pub gaze: Gaze,
    /// Width and height of the pictures.
    pub size: [u32; 2],
    /// Horizontal field of view, degrees.
    pub fov_deg: f64,
    /// Mask what lies within so many degrees of straight down: the car, the mount.
    pub nadir_deg: f64,
    /// Metres along the recording to begin and to end at.
    pub between_m: [f64; 2],
    /// Whether it turns at the end and comes back over the same places, looking as on the way out.
    pub out_and_back: bool,
}

impl Default for WalkOptions {
    fn default() -> WalkOptions {
        WalkOptions {
            channel: None,
            gaze: Gaze::Follow { offset_deg: 0.0 },
            size: [640, 480],
            fov_deg: 90.0,
            nadir_deg: 0.0,
            between_m: [f64::NEG_INFINITY, f64::INFINITY],
            out_and_back: false,
        }
    }
}

impl WalkOptions {
    /// The camera that is carried: a pinhole without distortion.
    ///
    /// # Errors
    ///
    /// [`InvalidCamera`] where size and field of view are none of a camera.
    pub fn camera(&self) -> Result<Camera, InvalidCamera> {
        pinhole(self.size[0], self.size[1], self.fov_deg)
    }

    /// Whether a panorama at a path length lies on the way.
    pub fn passes(&self, s_m: Option<f64>) -> bool {
        s_m.is_some_and(|s| (self.between_m[0]..=self.between_m[1]).contains(&s))
    }

    /// `world_se3_camera` of the view from each of `route` (ENU metres of `frame`), without roll.
    pub fn views(&self, frame: &EnuFrame, route: &[Vector3<f64>]) -> Vec<Pose> {
        let path = match self.gaze {
            Gaze::Follow { offset_deg } => YawPath::Follow { offset_deg },
            Gaze::Pan { start_deg, step_deg } => YawPath::Pan { start_deg: 90.0 - start_deg, step_deg },
            Gaze::LookAt { place } => {
                let known = place.height_m.is_finite();
                let height_m = if known { place.height_m } else { frame.origin().height_m };
                let at = frame.to_enu(Geodetic { height_m, ..place });
                YawPath::LookAt { point: Vector3::new(at.x, at.y, if known { at.z } else { f64::NAN }) }
            }
        };
        path.views(route)
    }

    /// In which order a walk over `n` panoramas sees them.
    pub fn order(&self, n: usize) -> Vec<usize> {
        if self.out_and_back { out_and_back(n) } else { (0..n).collect() }
    }
}

/// What a view cut from a panorama shows.
#[derive(Debug, Clone, PartialEq)]
pub struct Cut {
    /// sRGB, shape `(H, W, 3)`.
    pub rgb: Array3<u8>,
    /// 255 where the nadir or the panorama's mask says not to learn, or the panorama ends, else 0; shape `(H, W)`.
    pub ignored: Array2<u8>,
}

/// Cuts the view `world_se3_view` of a camera from a panorama `(H, W, 3)`, whole or in part, that has the rotation of
/// `world_se3_panorama` and shows what `sphere` does, if at another size.
///
/// `mask` is not 0 where the panorama is not to be learned from, shape `(H, W)`; what touches such a pixel is left out.
///
/// # Errors
///
/// [`ErrorKind::Malformed`] where the mask is of another size than the panorama, or that has no pixels.
pub fn cut(
    panorama: ArrayView3<'_, u8>,
    mask: Option<ArrayView2<'_, u8>>,
    sphere: &Camera,
    world_se3_panorama: &Pose,
    world_se3_view: &Pose,
    camera: &Camera,
    nadir_deg: f64,
) -> Result<Cut, ErrorKind> {
    let (height, width, _) = panorama.dim();
    let turn = world_se3_panorama.rotation.inverse() * world_se3_view.rotation;
    let source = Camera::new(&sphere.intrinsics().resized(width as u32, height as u32))?;
    let crop = Crop::new(&source, camera, &Pose::new(Vector3::zeros(), turn), nadir_deg);
    let rgb = crop.cut(panorama)?;
    let mut ignored = crop.masked().clone();
    if let Some(mask) = mask {
        if mask.dim() != (height, width) {
            return Err(ErrorKind::malformed("mask", format!("it is not of the panorama's {width} x {height} pixels")));
        }
        let grey = Array3::from_shape_fn(
            (height, width, 3),
            |(row, column, _)| if mask[[row, column]] == 0 { 0 } else { 255 },
        );
        let masked = crop.cut(grey.view())?;
        ignored.indexed_iter_mut().for_each(|((row, column), own)| {
            *own |= if masked[[row, column, 0]] > 0 { 255 } else { 0 };
        });
    }
    Ok(Cut { rgb, ignored })
}
