//! [`View`]: a stored picture as a consumer gets it: a pinhole without distortion, cut and resized, and what that does to
//! its camera.

use fast_image_resize::images::Image;
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use image::{RgbImage, imageops};
use nalgebra::Vector3;
use ndarray::{Array2, ArrayView3};

use super::cuts::{CUT_FOV_DEG, cut_deg, seen_rows, turn_deg, turned_left};
use crate::coord::{Camera, CameraIntrinsics, CameraModelKind, Pose};
use crate::error::{ErrorKind, Result};
use crate::render::panowalk::{Crop, pinhole};

/// Pixels a side that an exported picture may have.
pub const MOST_PIXELS: u32 = 8192;

/// What a consumer wants of pictures.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Wish {
    /// Width and height; the picture is cut to their aspect around its middle, then resized. As stored without.
    pub size: Option<[u32; 2]>,
    /// Even width and height, as H.264 with 4:2:0 colour needs: the last column or row is cut off.
    pub even: bool,
    /// Leave a lens's distortion in, for consumers that know its model; panoramas are cut all the same.
    pub distorted: bool,
    /// Turn of a panorama's cut from the panorama's z axis, degrees to the left; as far as it goes where the panorama is a
    /// part.
    pub yaw_deg: f64,
}

/// How the pictures of one camera become those of a consumer.
#[derive(Debug, Clone)]
pub struct View {
    source: Camera,
    camera: Camera,
    yaw_deg: f64,
    /// Rotation only: the view's axes in the source camera's.
    source_se3_view: Pose,
    /// To a pinhole at the picture's own scale, where the source is none.
    undistort: Option<Crop>,
    /// Left, top, width and height of what is kept of that.
    window: [u32; 4],
    /// Resized to.
    size: [u32; 2],
    told: Vec<String>,
}

impl View {
    /// Finds how pictures of `source` become what is wished for.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] for a size of no pixels or more than [`MOST_PIXELS`] a side;
    /// [`ErrorKind::Malformed`] where the source is no camera that a pinhole can be made of.
    pub fn new(source: &Camera, wish: Wish) -> Result<View> {
        if let Some(size) = wish.size.filter(|s| s.iter().any(|n| !(1..=MOST_PIXELS).contains(n))) {
            let what = format!("{} x {} is not a size of 1 to {MOST_PIXELS} pixels a side", size[0], size[1]);
            return Err(ErrorKind::Config(what).bare());
        }
        let mut told = Vec::new();
        let native = native(source, wish, &mut told).map_err(|e| ErrorKind::from(e).bare())?;
        let yaw_deg = if source.is_panorama() { turn_deg(source, wish.yaw_deg) } else { 0.0 };
        let source_se3_view = turned_left(yaw_deg);
        let undistort = (!told.is_empty()).then(|| Crop::new(source, &native, &source_se3_view, 0.0));

        let [width, height] = [native.width(), native.height()];
        let mut window = match wish.size {
            Some(size) => middle([width, height], size),
            None => [0, 0, width, height],
        };
        let mut size = wish.size.unwrap_or([window[2], window[3]]);
        if wish.even && size.iter().any(|n| n % 2 == 1) {
            if size.contains(&1) {
                return Err(ErrorKind::Config("a picture one pixel wide or high cannot be made even".into()).bare());
            }
            let even = size.map(|n| n & !1);
            told.push(format!("cut from {} x {} to the even {} x {}", size[0], size[1], even[0], even[1]));
            if wish.size.is_none() {
                (window[2], window[3]) = (even[0], even[1]);
            }
            size = even;
        }
        if window[2..] != [width, height] || size != [window[2], window[3]] {
            told.push(format!(
                "{} x {} pixels from column {}, row {} on, resized to {} x {}",
                window[2], window[3], window[0], window[1], size[0], size[1]
            ));
        }
        let cut = native.intrinsics().cropped(window[0], window[1], window[2], window[3]);
        let camera = cut.and_then(|cut| Camera::new(&cut.resized(size[0], size[1])));
        let camera = camera.map_err(|e| ErrorKind::from(e).bare())?;
        Ok(View { source: source.clone(), camera, yaw_deg, source_se3_view, undistort, window, size, told })
    }

    /// How far the view is turned to the left from the source's z axis, degrees: as wished, as far as a part of a panorama
    /// goes.
    pub fn yaw_deg(&self) -> f64 {
        self.yaw_deg
    }

    /// The consumer's camera: a pinhole, without distortion unless that was wished for.
    pub fn camera(&self) -> &Camera {
        &self.camera
    }

    /// The consumer's camera as numbers.
    pub fn intrinsics(&self) -> &CameraIntrinsics {
        self.camera.intrinsics()
    }

    /// `[fx, fy, cx, cy]`, pixels; (0, 0) is the centre of the top-left pixel.
    pub fn k(&self) -> [f64; 4] {
        let k = &self.intrinsics().intrinsics;
        [k[0], k[1], k[2], k[3]]
    }

    /// Width and height of the consumer's pictures.
    pub fn size(&self) -> [u32; 2] {
        self.size
    }

    /// Where the consumer's camera is, given where the stored one is.
    pub fn pose(&self, world_se3_source: &Pose) -> Pose {
        *world_se3_source * self.source_se3_view
    }

    /// What was done to the pictures, for people; empty where nothing was.
    pub fn told(&self) -> &[String] {
        &self.told
    }

    /// Whether pictures stay as they are stored, to the bit.
    pub fn is_whole(&self) -> bool {
        self.told.is_empty()
    }

    /// The consumer's picture.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Malformed`] where the picture is not of the camera's size.
    pub fn picture(&self, stored: RgbImage) -> Result<RgbImage> {
        let wrong = |e: String| ErrorKind::malformed("picture", e).bare();
        if [stored.width(), stored.height()] != [self.source.width(), self.source.height()] {
            let [w, h] = [self.source.width(), self.source.height()];
            return Err(wrong(format!("it has {} x {} pixels, its camera {w} x {h}", stored.width(), stored.height())));
        }
        let native = match &self.undistort {
            None => stored,
            Some(crop) => {
                let shape = (stored.height() as usize, stored.width() as usize, 3);
                let pixels = ArrayView3::from_shape(shape, stored.as_raw()).map_err(|e| wrong(e.to_string()))?;
                let cut = crop.cut(pixels).map_err(ErrorKind::bare)?;
                let (height, width, _) = cut.dim();
                RgbImage::from_raw(width as u32, height as u32, cut.into_raw_vec_and_offset().0)
                    .ok_or_else(|| wrong("the cut has another size than its camera".into()))?
            }
        };
        let [left, top, width, height] = self.window;
        let whole = [left, top, width, height] == [0, 0, native.width(), native.height()];
        let part = if whole { native } else { imageops::crop_imm(&native, left, top, width, height).to_image() };
        resize(part, self.size)
    }

    /// Depth of the stored picture as depth along z of the consumer's, metres: that of the stored pixel nearest to where
    /// each pixel looks; NaN where nobody knows. Shape `(H, W)`.
    ///
    /// `depth` is along z, of a panorama along the ray, shape `(H, W)` of the stored picture.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Malformed`] where it is not of the camera's size.
    pub fn depth(&self, depth: &Array2<f32>) -> Result<Array2<f32>> {
        let [w, h] = [self.source.width() as usize, self.source.height() as usize];
        if depth.dim() != (h, w) {
            let reason = format!("its shape is {:?}, its camera's ({h}, {w})", depth.shape());
            return Err(ErrorKind::malformed("depth", reason).bare());
        }
        let along_ray = self.source.is_panorama();
        Ok(Array2::from_shape_fn((self.size[1] as usize, self.size[0] as usize), |(row, column)| {
            let Some((ray, place)) = self.look(column as f64, row as f64) else { return f32::NAN };
            let far = f64::from(depth[place]);
            let scale = if along_ray { far } else { far / (self.source_se3_view.rotation * ray).z };
            let z = ray.z * scale;
            if z > 0.0 && z.is_finite() { z as f32 } else { f32::NAN }
        }))
    }

    /// A mask of the stored picture (not 0: to be left out) in the consumer's, by the nearest pixel; what the camera
    /// does not see is to be left out. Shape `(H, W)`; `None` where it is not of the stored picture's size.
    pub fn mask(&self, mask: &Array2<u8>) -> Option<Array2<u8>> {
        if mask.dim() != (self.source.height() as usize, self.source.width() as usize) {
            return None;
        }
        Some(Array2::from_shape_fn((self.size[1] as usize, self.size[0] as usize), |(row, column)| {
            self.look(column as f64, row as f64).map_or(255, |(_, place)| mask[place])
        }))
    }

    /// The ray of a pixel in the view's axes, and the row and column of the stored pixel nearest to it.
    fn look(&self, u: f64, v: f64) -> Option<(Vector3<f64>, (usize, usize))> {
        let ray = self.camera.unproject(u, v)?;
        let at = self.source.project(self.source_se3_view.rotation * ray);
        let (u, v) = at.filter(|at| self.source.shows(*at))?;
        let [w, h] = [f64::from(self.source.width()), f64::from(self.source.height())];
        let column = libm::round(u).rem_euclid(w);
        Some((ray, (libm::round(v).clamp(0.0, h - 1.0) as usize, column as usize)))
    }
}

/// The camera at the picture's own scale that a consumer's picture is cut from; tells where that is another one.
fn native(source: &Camera, wish: Wish, told: &mut Vec<String>) -> Result<Camera, crate::coord::InvalidCamera> {
    let stored = source.intrinsics();
    let (width, height) = (stored.width, stored.height);
    match stored.model {
        _ if wish.distorted && !source.is_panorama() => Ok(source.clone()),
        CameraModelKind::Pinhole => {
            if stored.distortion.iter().any(|c| *c != 0.0) {
                told.push("undistorted to a pinhole of the same focal length".to_string());
            }
            Camera::new(&CameraIntrinsics { distortion: Vec::new(), ..stored.clone() })
        }
        CameraModelKind::KannalaBrandt | CameraModelKind::Mei | CameraModelKind::Ftheta => {
            told.push(format!("cut from the fisheye as a pinhole of {CUT_FOV_DEG} degrees across"));
            pinhole(width, height, CUT_FOV_DEG)
        }
        CameraModelKind::Equirectangular => {
            let fov_deg = cut_deg(source);
            // As many pixels across as the panorama has on the horizon in the middle of the cut.
            let across = 2.0 * libm::tan(0.5 * fov_deg.to_radians()) / source.pixel_rad();
            let cut = [across, across * 0.75].map(|n| (libm::round(n / 2.0) as u32 * 2).max(2));
            told.push(format!("cut from the panorama as a pinhole of {} degrees across", libm::round(fov_deg)));
            seen_rows(source, &pinhole(cut[0], cut[1], fov_deg)?)
        }
    }
}

/// The largest part around the middle with the aspect of `size`: left, top, width, height.
fn middle([width, height]: [u32; 2], size: [u32; 2]) -> [u32; 4] {
    let (w, h, a, b) = (u64::from(width), u64::from(height), u64::from(size[0]), u64::from(size[1]));
    let (across, down) = if w * b > h * a { ((h * a / b).max(1), h) } else { (w, (w * b / a).max(1)) };
    [((w - across) / 2) as u32, ((h - down) / 2) as u32, across as u32, down as u32]
}

/// Resizes with an antialiasing triangle filter, as the loader does.
fn resize(picture: RgbImage, [width, height]: [u32; 2]) -> Result<RgbImage> {
    let from = [picture.width(), picture.height()];
    if from == [width, height] {
        return Ok(picture);
    }
    let wrong = |e: String| ErrorKind::malformed("picture", e).bare();
    let pixels = Image::from_vec_u8(from[0], from[1], picture.into_raw(), PixelType::U8x3);
    let pixels = pixels.map_err(|e| wrong(e.to_string()))?;
    let mut out = Image::new(width, height, PixelType::U8x3);
    let how = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear));
    Resizer::new().resize(&pixels, &mut out, Some(&how)).map_err(|e| wrong(e.to_string()))?;
    RgbImage::from_raw(width, height, out.into_vec()).ok_or_else(|| wrong("it was resized to another size".into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn camera(model: CameraModelKind, size: [u32; 2], intrinsics: &[f64], distortion: &[f64]) -> Camera {
        let (intrinsics, distortion) = (intrinsics.to_vec(), distortion.to_vec());
        Camera::new(&CameraIntrinsics { model, width: size[0], height: size[1], intrinsics, distortion })
            .expect("a camera")
    }

    /// A picture that says in each pixel which direction it looks: smooth on the sphere.
    fn looks(camera: &Camera) -> RgbImage {
        RgbImage::from_fn(camera.width(), camera.height(), |u, v| {
            let ray = camera.unproject(f64::from(u), f64::from(v)).unwrap_or_default();
            image::Rgb([ray.x, ray.y, ray.z].map(|c| (127.5 + 127.0 * c).round() as u8))
        })
    }

    fn cameras() -> Vec<Camera> {
        use CameraModelKind::{Equirectangular, Ftheta, KannalaBrandt, Mei, Pinhole};
        vec![
            camera(Pinhole, [320, 180], &[190.0, 190.0, 159.5, 89.5], &[]),
            camera(Pinhole, [320, 180], &[190.0, 191.0, 150.0, 80.0], &[-0.2, 0.05, 0.001, -0.002, 0.01]),
            camera(KannalaBrandt, [320, 240], &[120.0, 120.0, 160.0, 120.0], &[0.02, -0.005, 0.0, 0.0]),
            camera(Mei, [320, 240], &[330.0, 330.0, 160.0, 120.0], &[1.6, 0.02, 0.3, 0.0004, -0.0003]),
            camera(Ftheta, [320, 240], &[0.27, 0.27, 160.0, 120.0], &[0.0, 473.6, -9.59, 24.95, -42.34, 15.14]),
            camera(Equirectangular, [512, 256], &[], &[]),
            camera(Equirectangular, [300, 120], &[81.5, 81.5, 140.0, 50.0], &[]),
        ]
    }

    #[test]
    fn every_pixel_of_a_view_looks_where_its_camera_says() {
        let wishes = [
            Wish::default(),
            Wish { size: Some([160, 96]), ..Wish::default() },
            Wish { size: Some([100, 100]), even: true, yaw_deg: 120.0, ..Wish::default() },
        ];
        for (source, wish) in cameras().iter().flat_map(|c| wishes.map(|w| (c, w))) {
            let view = View::new(source, wish).expect("a view");
            let picture = view.picture(looks(source)).expect("of the camera's size");
            assert_eq!([picture.width(), picture.height()], view.size());
            // The outermost pixels of a resized picture also show what lies beside them.
            let mut off: Vec<f64> = Vec::new();
            for (u, v, pixel) in picture.enumerate_pixels() {
                if pixel.0 == [0; 3] {
                    continue;
                }
                let ray = view.camera().unproject(f64::from(u), f64::from(v)).expect("a pinhole");
                let ray = view.source_se3_view.rotation * ray;
                let told = Vector3::from(pixel.0.map(|c| (f64::from(c) - 127.5) / 127.0));
                off.push((told - ray).norm());
            }
            off.sort_by(f64::total_cmp);
            assert!(off.len() * 10 > picture.pixels().len() * 8, "{wish:?}: {} seen", off.len());
            assert!(off[off.len() * 99 / 100] < 0.02, "{:?} {wish:?}: {}", source.model(), off[off.len() * 99 / 100]);
        }
    }

    #[test]
    fn depth_of_a_wall_stays_a_wall() {
        // Six metres ahead of the source, across its axis.
        for source in cameras() {
            let panorama = source.is_panorama();
            let depth = Array2::from_shape_fn((source.height() as usize, source.width() as usize), |(row, column)| {
                let ray = source.unproject(column as f64, row as f64).filter(|ray| ray.z > 0.05);
                ray.map_or(f32::NAN, |ray| if panorama { (6.0 / ray.z) as f32 } else { 6.0 })
            });
            let view = View::new(&source, Wish { size: Some([64, 48]), ..Wish::default() }).expect("a view");
            let depth = view.depth(&depth).expect("of the camera's size");
            let seen: Vec<f32> = depth.iter().copied().filter(|d| d.is_finite()).collect();
            assert!(seen.len() > 64 * 48 / 2);
            assert!(seen.iter().all(|d| (d - 6.0).abs() < 0.12), "{:?}", source.model());
        }
    }

    #[test]
    fn a_pinhole_of_even_size_is_left_alone() {
        let whole = View::new(&cameras()[0], Wish { even: true, ..Wish::default() }).expect("a view");
        assert!(whole.is_whole() && whole.k() == [190.0, 190.0, 159.5, 89.5]);
        let odd = camera(CameraModelKind::Pinhole, [321, 181], &[190.0, 190.0, 159.5, 89.5], &[]);
        let even = View::new(&odd, Wish { even: true, ..Wish::default() }).expect("a view");
        assert_eq!((even.size(), even.k()), ([320, 180], [190.0, 190.0, 159.5, 89.5]));
        assert!(!even.is_whole());
        assert!(View::new(&odd, Wish { size: Some([0, 5]), ..Wish::default() }).is_err());
    }
}
