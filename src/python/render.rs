//! `worldloom.render`: rasters, views and warps on their own.

use std::collections::BTreeMap;
use std::path::PathBuf;

use nalgebra::Vector3;
use numpy::ndarray::ArrayView1;
use numpy::{IntoPyArray, PyArray2, PyArray3, PyReadonlyArray2, PyReadonlyArray3};
use pyo3::prelude::*;

use super::error::argument;
use super::values::{matrix, plane, pose, rows};
use crate::build::read_map;
use crate::coord::{self, CameraIntrinsics, CameraModelKind, EnuFrame, Geodetic, Pose};
use crate::error::Quarantine;
use crate::render::{self, BevConfig, MapIndex, SourceRays, Surface, panowalk};
use crate::source::MapOptions;

/// Pixels that a side of a picture may have, and cells that a map of rays may have.
const MOST_SIDE: u32 = 1 << 15;
const MOST_CELLS: usize = 1 << 26;

/// A camera: how points before it become pixels, and pixels rays.
///
/// Axes are right, down, forward; pixel (0, 0) is the centre of the top-left pixel.
///
/// Parameters
/// ----------
/// model
///     One of the names that `calibration.json` takes, e.g. ``"pinhole"`` or ``"equirectangular"``.
/// width
///     Of its pictures, pixels, at most 32768.
/// height
///     Of its pictures, pixels, at most 32768.
/// intrinsics
///     ``[fx, fy, cx, cy]`` in pixels; none for a whole panorama.
/// distortion
///     Coefficients in the model's order; none for none.
///
/// Raises
/// ------
/// ConfigError
///     For numbers that are no camera.
#[pyclass(module = "worldloom.render", frozen)]
pub(super) struct Camera {
    camera: coord::Camera,
}

impl Camera {
    /// The camera of a sensor; `None` where its numbers are none.
    pub(super) fn of(intrinsics: &CameraIntrinsics) -> Option<Camera> {
        coord::Camera::new(intrinsics).ok().map(|camera| Camera { camera })
    }

    fn with(intrinsics: &CameraIntrinsics) -> PyResult<Camera> {
        let CameraIntrinsics { width, height, .. } = *intrinsics;
        if width.max(height) > MOST_SIDE {
            let reason = format!("{width} x {height} pixels: a side has at most {MOST_SIDE}");
            return Err(argument(reason).into());
        }
        let camera = coord::Camera::new(intrinsics).map_err(|e| argument(e.to_string()))?;
        Ok(Camera { camera })
    }
}

#[pymethods]
impl Camera {
    #[new]
    #[pyo3(signature = (model, width, height, intrinsics = vec![], distortion = vec![]))]
    fn new(model: &str, width: u32, height: u32, intrinsics: Vec<f64>, distortion: Vec<f64>) -> PyResult<Camera> {
        let model: CameraModelKind = serde_json::from_value(model.into())
            .map_err(|_| argument(format!("no camera model {model:?}: see `calibration.json` in the documentation")))?;
        Camera::with(&CameraIntrinsics { model, width, height, intrinsics, distortion })
    }

    /// Its model's name.
    #[getter]
    fn model(&self) -> &'static str {
        self.camera.model().name()
    }

    /// Height and width of its pictures, pixels.
    #[getter]
    fn shape(&self) -> (u32, u32) {
        (self.camera.height(), self.camera.width())
    }

    /// ``[fx, fy, cx, cy]`` in pixels; empty for a whole panorama.
    #[getter]
    fn intrinsics(&self) -> Vec<f64> {
        self.camera.intrinsics().intrinsics.clone()
    }

    /// Distortion coefficients in the model's order; empty for none.
    #[getter]
    fn distortion(&self) -> Vec<f64> {
        self.camera.intrinsics().distortion.clone()
    }

    /// Find the pixels of points.
    ///
    /// Parameters
    /// ----------
    /// points
    ///     In the camera's axes, metres, shape (N, 3).
    ///
    /// Returns
    /// -------
    /// u and v, perhaps outside the picture, shape (N, 2); NaN where the model has no pixel for a point.
    fn project<'py>(&self, py: Python<'py>, points: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyArray2<f64>>> {
        let points = rows::<3>(py, points, "points")?;
        let points = points.as_array();
        let pixel = |p: ArrayView1<'_, f64>| {
            self.camera.project([p[0], p[1], p[2]].into()).map_or([f64::NAN; 2], |(u, v)| [u, v])
        };
        matrix(py, &py.detach(|| points.rows().into_iter().map(pixel).collect::<Vec<_>>()))
    }

    /// Find the rays through pixels.
    ///
    /// Parameters
    /// ----------
    /// pixels
    ///     u and v, shape (N, 2).
    ///
    /// Returns
    /// -------
    /// Unit vectors in the camera's axes, shape (N, 3); NaN where no ray of the model meets a pixel.
    fn unproject<'py>(&self, py: Python<'py>, pixels: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyArray2<f64>>> {
        let pixels = rows::<2>(py, pixels, "pixels")?;
        let pixels = pixels.as_array();
        let ray = |p: ArrayView1<'_, f64>| self.camera.unproject(p[0], p[1]).map_or([f64::NAN; 3], |ray| ray.into());
        matrix(py, &py.detach(|| pixels.rows().into_iter().map(ray).collect::<Vec<_>>()))
    }

    /// Map its rays at a grid, in Plücker coordinates.
    ///
    /// Parameters
    /// ----------
    /// grid
    ///     Rows and columns that the picture is divided into; those of the picture without one.
    /// frame_se3_camera
    ///     Where it stands, as x y z qw qx qy qz or a 4 × 4 matrix; at the origin without one.
    ///
    /// Returns
    /// -------
    /// Shape (6, h, w): the unit direction d, then the moment o × d; zeros where the camera has no ray.
    #[pyo3(signature = (grid = None, frame_se3_camera = None))]
    fn rays<'py>(
        &self,
        py: Python<'py>,
        grid: Option<[usize; 2]>,
        frame_se3_camera: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyArray3<f32>>> {
        let at = frame_se3_camera.map_or(Ok(Pose::identity()), |p| pose(py, &p, "frame_se3_camera"))?;
        let grid = grid.unwrap_or([self.camera.height() as usize, self.camera.width() as usize]);
        if !grid[0].checked_mul(grid[1]).is_some_and(|cells| (1..=MOST_CELLS).contains(&cells)) {
            return Err(argument(format!("a grid has 1 to {MOST_CELLS} cells, not {} x {}", grid[0], grid[1])).into());
        }
        Ok(py.detach(|| render::ray_map(&self.camera, grid, &at)).into_pyarray(py))
    }

    /// Get the camera of its pictures resized.
    ///
    /// Parameters
    /// ----------
    /// height
    ///     New height, pixels.
    /// width
    ///     New width, pixels.
    fn resized(&self, height: u32, width: u32) -> PyResult<Camera> {
        Camera::with(&self.camera.intrinsics().resized(width, height))
    }

    /// Get the camera of a part of its pictures.
    ///
    /// Parameters
    /// ----------
    /// top
    ///     First row.
    /// left
    ///     First column.
    /// height
    ///     Rows.
    /// width
    ///     Columns.
    fn cropped(&self, top: u32, left: u32, height: u32, width: u32) -> PyResult<Camera> {
        let part = self.camera.intrinsics().cropped(left, top, width, height);
        Camera::with(&part.map_err(|e| argument(e.to_string()))?)
    }

    fn __repr__(&self) -> String {
        format!("Camera('{}', {} x {})", self.model(), self.camera.width(), self.camera.height())
    }
}

/// A map, read once to be drawn around many poses.
///
/// Parameters
/// ----------
/// path
///     Anything that a ``[[map]]`` of a build reads as features, e.g. an OSM extract.
/// layer
///     Of features that do not say theirs, e.g. of plain GeoJSON.
/// crs
///     The system of coordinates where the map does not say it, e.g. ``"EPSG:5186"``.
/// columns
///     Our attribute by the map's own, as in a build's config.
/// zoom
///     Which level of a tile archive.
///
/// Raises
/// ------
/// FormatError
///     Where the file is not what it says.
#[pyclass(module = "worldloom.render", frozen)]
pub(super) struct Map {
    path: PathBuf,
    index: MapIndex,
    refused: Quarantine,
}

#[pymethods]
impl Map {
    #[new]
    #[pyo3(signature = (path, layer = None, *, crs = None, columns = None, zoom = None))]
    fn new(
        py: Python<'_>,
        path: PathBuf,
        layer: Option<String>,
        crs: Option<String>,
        columns: Option<BTreeMap<String, String>>,
        zoom: Option<u8>,
    ) -> PyResult<Map> {
        let options = MapOptions { layer, crs, columns: columns.unwrap_or_default(), zoom, ..MapOptions::default() };
        let mut refused = Quarantine::new();
        let index = py.detach(|| read_map(&path, options, &mut refused).map(MapIndex::new))?;
        Ok(Map { path, index, refused })
    }

    /// What of the map is left out, a line for each reason.
    #[getter]
    fn left_out(&self) -> Vec<String> {
        self.refused.lines().iter().map(ToString::to_string).collect()
    }

    fn __len__(&self) -> usize {
        self.index.features().len()
    }

    fn __repr__(&self) -> String {
        format!("Map('{}', {} features)", self.path.display(), self.index.features().len())
    }
}

/// Draw the map around a place as a bird's-eye raster.
///
/// Row 0 lies farthest ahead, column 0 farthest to the left; the centre of cell (r, c) is ``(H/2 - r - 0.5)`` cells ahead
/// of the place and ``(W/2 - c - 0.5)`` to its left.
///
/// Parameters
/// ----------
/// map
///     What to draw.
/// pose
///     Longitude and latitude, and where ahead is: degrees clockwise from north.
/// size_m
///     Extent ahead and to the left, metres; 100 by 100 without one.
/// resolution_m
///     Side of a cell, metres.
/// layers
///     A channel each; those that a build draws without any, but for the route.
///
/// Returns
/// -------
/// 0 or 1, shape (C, H, W), uint8.
///
/// Raises
/// ------
/// ConfigError
///     For a layer that there is not, or a raster that is empty or too large.
#[pyfunction]
#[pyo3(signature = (map, pose, *, size_m = [100.0, 100.0], resolution_m = 0.5, layers = None))]
pub(super) fn bev<'py>(
    py: Python<'py>,
    map: &Map,
    pose: (f64, f64, f64),
    size_m: [f64; 2],
    resolution_m: f64,
    layers: Option<Vec<String>>,
) -> PyResult<Bound<'py, PyArray3<u8>>> {
    let (lon, lat, heading_deg) = pose;
    let place = Geodetic::new(lon, lat, 0.0);
    if !(place.is_valid() && heading_deg.is_finite()) {
        return Err(argument(format!("no pose has longitude {lon}, latitude {lat}, heading {heading_deg}")).into());
    }
    let drawn = |layer: &String| layer != render::ROUTE;
    let layers = layers.unwrap_or_else(|| BevConfig::default().layers.into_iter().filter(drawn).collect());
    let config = BevConfig { size_m, resolution_m, layers };
    let frame = EnuFrame::new(place);
    let at = Pose::level(Vector3::zeros(), heading_deg);
    Ok(py.detach(|| render::bev(&map.index, &frame, &at, &[], &config))?.into_pyarray(py))
}

/// A pair of cameras, made once to warp many pictures with depth from the one into the other.
///
/// Parameters
/// ----------
/// source
///     The camera that takes the pictures.
/// target
///     The camera to warp into.
#[pyclass(module = "worldloom.render", frozen)]
pub(super) struct Splat {
    rays: SourceRays,
    splat: render::Splat,
}

/// Colours, where they were seen, and depth.
type Warped<'py> = (Bound<'py, PyArray3<u8>>, Bound<'py, PyArray2<u8>>, Bound<'py, PyArray2<f32>>);

#[pymethods]
impl Splat {
    #[new]
    fn new(py: Python<'_>, source: &Camera, target: &Camera) -> Splat {
        py.detach(|| {
            let rays = SourceRays::new(&source.camera);
            Splat { splat: render::Splat::new(&rays, &target.camera), rays }
        })
    }

    /// Warp a picture forward.
    ///
    /// Parameters
    /// ----------
    /// picture
    ///     RGB, shape (h, w, 3), uint8.
    /// depth
    ///     Of its pixels, metres along z, of panoramas along the ray, shape (h, w); what is not positive is unknown.
    /// target_se3_source
    ///     Where the source stands in the target's axes, as x y z qw qx qy qz or a 4 × 4 matrix.
    /// moving
    ///     Pixels of the picture to leave out, where true or not 0, shape (h, w).
    ///
    /// Returns
    /// -------
    /// What the target sees: RGB, shape (H, W, 3), uint8; 255 where the source saw it, else 0, shape (H, W), uint8; and
    /// its depth, metres, NaN in holes, shape (H, W), float32.
    ///
    /// Raises
    /// ------
    /// FormatError
    ///     Where shapes are not those of the source's pictures.
    #[pyo3(signature = (picture, depth, target_se3_source, *, moving = None))]
    fn warp<'py>(
        &self,
        py: Python<'py>,
        picture: PyReadonlyArray3<'py, u8>,
        depth: &Bound<'py, PyAny>,
        target_se3_source: &Bound<'py, PyAny>,
        moving: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Warped<'py>> {
        let motion = pose(py, target_se3_source, "target_se3_source")?;
        let depth: PyReadonlyArray2<'py, f32> = plane(py, depth, "float32", "depth")?;
        let (picture, depth) = (picture.as_array(), depth.as_array());
        let moving = moving.map(|m| plane::<bool>(py, &m, "bool", "moving")).transpose()?;
        let moving = moving.map(|m| m.as_array().mapv(u8::from));
        let moving = moving.as_ref().map(|m| m.view());
        let warp = py.detach(|| {
            let surface = Surface::new(&self.rays, depth, moving)?;
            self.splat.warp(picture, &surface, &motion)
        });
        let warp = warp.map_err(|e| e.bare())?;
        Ok((warp.rgb.into_pyarray(py), warp.seen.into_pyarray(py), warp.depth.into_pyarray(py)))
    }
}

/// A view out of pictures of another camera at the same place, made once for many pictures.
///
/// A perspective out of panoramas, a fisheye made a pinhole.
///
/// Parameters
/// ----------
/// source
///     The camera that takes the pictures.
/// target
///     The camera to look with.
/// yaw_deg
///     How far it looks to the left of the source, degrees.
/// pitch_deg
///     How far it looks up, degrees.
///
/// Raises
/// ------
/// ConfigError
///     Where an angle is not finite.
#[pyclass(module = "worldloom.render", frozen)]
pub(super) struct Crop {
    crop: panowalk::Crop,
}

#[pymethods]
impl Crop {
    #[new]
    #[pyo3(signature = (source, target, yaw_deg = 0.0, pitch_deg = 0.0))]
    fn new(py: Python<'_>, source: &Camera, target: &Camera, yaw_deg: f64, pitch_deg: f64) -> PyResult<Crop> {
        if !(yaw_deg.is_finite() && pitch_deg.is_finite()) {
            return Err(argument(format!("no view is turned by {yaw_deg} and {pitch_deg} degrees")).into());
        }
        // Both look along x of the same axes, forward, left and up; the view is turned in them.
        let ahead = Pose::flu_se3_rdf().rotation;
        let view = panowalk::level_view(Vector3::zeros(), yaw_deg.to_radians(), pitch_deg.to_radians());
        let source_se3_view = Pose::new(Vector3::zeros(), ahead.inverse() * view.rotation);
        let crop = py.detach(|| panowalk::Crop::new(&source.camera, &target.camera, &source_se3_view, 0.0));
        Ok(Crop { crop })
    }

    /// Cut the view out of a picture.
    ///
    /// Parameters
    /// ----------
    /// picture
    ///     RGB, shape (h, w, 3), uint8.
    ///
    /// Returns
    /// -------
    /// RGB, shape (H, W, 3), uint8; black where the source has no pixel.
    ///
    /// Raises
    /// ------
    /// FormatError
    ///     Where the picture is not of the source's size.
    fn cut<'py>(&self, py: Python<'py>, picture: PyReadonlyArray3<'py, u8>) -> PyResult<Bound<'py, PyArray3<u8>>> {
        let picture = picture.as_array();
        Ok(py.detach(|| self.crop.cut(picture)).map_err(|e| e.bare())?.into_pyarray(py))
    }
}
