//! [`Loader`]: batches as dicts of numpy arrays.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use numpy::{IntoPyArray, PyArray1, PyArrayMethods};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::caption::Caption;
use super::error::argument;
use super::values::json_to_python;
use crate::dataset::Dataset;
use crate::loader::{self, Batch, LoaderConfig, LoaderState};

/// Batches of one rank, epoch after epoch; `Dataset.loader` makes one.
///
/// It is its own iterator: a ``for`` loop over it goes to the end of the epoch that it stands in, the next loop over the
/// next epoch. The next batch is made while the caller works on the last. After a fork, make a new one.
///
/// A batch of B samples is a dict of numpy arrays, T being the largest number of ticks that a sample of the loader has:
///
/// ``images``
///     By channel: RGB, shape (B, T, H, W, 3), uint8; 0 where there is no picture.
/// ``mask``
///     By channel: whether there is a picture, shape (B, T), bool.
/// ``intrinsics``
///     By channel: fx, fy, cx, cy of the pictures as they are here, shape (B, 4), float32; NaN where not calibrated.
/// ``poses``, ``actions``
///     As of `Sample`, shapes (B, T, 7) and (B, T, 4), float32; NaN beyond a sample's own ticks.
/// ``ticks``
///     How many ticks each sample has, shape (B,), int64.
/// ``warp``, ``warp_mask``
///     By channel, as of `Sample.warp`: the geometric reference warped into the pictures, shape (B, T, H, W, 3), uint8,
///     and 255 where it saw what is there, shape (B, T, H, W), uint8; 0 for samples without a reference that has depth.
///     Absent where they were not asked for.
/// ``rays``
///     By channel, as of `Sample.rays`: shape (B, T, 6, h, w), float32; absent where they were not asked for.
/// ``loss_weight``
///     By channel, as of `Sample.loss_weight`: shape (B, T, h, w), float32; absent where they were not asked for.
/// ``bev``
///     Bird's-eye rasters as of `Sample.bev`, shape (B, C, H, W), uint8; absent where they were not asked for.
/// ``sample_id``, ``captions``
///     Lists of B ids, and of B lists of captions.
#[pyclass(module = "worldloom", frozen)]
pub(super) struct Loader {
    inner: Mutex<loader::Loader>,
}

impl Loader {
    pub(super) fn new(data: Arc<Dataset>, rows: Arc<[usize]>, config: LoaderConfig) -> crate::Result<Loader> {
        Ok(Loader { inner: Mutex::new(loader::Loader::new(data, rows, config)?) })
    }

    fn inner(&self) -> MutexGuard<'_, loader::Loader> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl Loader {
    /// The epoch of the next batch, from 0.
    #[getter]
    fn epoch(&self) -> u64 {
        self.inner().epoch()
    }

    /// The camera channels of the batches.
    #[getter]
    fn cameras(&self) -> Vec<String> {
        self.inner().cameras().to_vec()
    }

    /// The samples that were left out because they cannot be read: reasons by id.
    #[getter]
    fn skipped<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        json_to_python(py, self.inner().skipped())
    }

    /// Return where the loader stands: seed, epoch, position in the epoch's order.
    ///
    /// All ranks have the same state after the same number of batches. It is plain numbers and text, fit for JSON.
    fn state_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        json_to_python(py, &self.inner().state())
    }

    /// Go on exactly where another loader of the same samples stood.
    ///
    /// The number of ranks and the batch size may be others: no sample of the epoch comes twice, none is left out.
    ///
    /// Parameters
    /// ----------
    /// state
    ///     What `state_dict` returned.
    ///
    /// Raises
    /// ------
    /// ConfigError
    ///     Where it is no such state, or that of other samples.
    fn load_state_dict(&self, py: Python<'_>, state: Bound<'_, PyAny>) -> PyResult<()> {
        let text: String = py.import("json")?.call_method1("dumps", (state,))?.extract()?;
        let state: LoaderState = serde_json::from_str(&text).map_err(|e| argument(format!("`state`: {e}")))?;
        Ok(self.inner().set_state(&state)?)
    }

    /// Return a loader that gives torch tensors instead of numpy arrays; the two share one position.
    ///
    /// Raises
    /// ------
    /// ImportError
    ///     Where torch is not installed.
    fn as_torch<'py>(slf: Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        slf.py().import("worldloom._torch")?.getattr("TorchLoader")?.call1((slf,))
    }

    fn __len__(&self) -> usize {
        self.inner().batches()
    }

    fn __iter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyDict>>> {
        py.check_signals()?;
        let batch = py.detach(|| self.inner().next_batch())?;
        batch.map(|batch| arrays(py, batch)).transpose()
    }

    fn __repr__(&self) -> String {
        let state = self.inner().state();
        format!("Loader(epoch {}, {} of {} samples)", state.epoch, state.position, state.samples)
    }
}

fn arrays(py: Python<'_>, batch: Batch) -> PyResult<Bound<'_, PyDict>> {
    let (size, ticks) = (batch.samples.len(), batch.ticks);
    let (images, mask, intrinsics) = (PyDict::new(py), PyDict::new(py), PyDict::new(py));
    for camera in batch.cameras {
        let shape = [size, ticks, camera.height, camera.width, 3];
        images.set_item(&camera.channel, PyArray1::from_vec(py, camera.pixels).reshape(shape)?)?;
        mask.set_item(&camera.channel, PyArray1::from_vec(py, camera.present).reshape([size, ticks])?)?;
        intrinsics.set_item(&camera.channel, PyArray1::from_vec(py, camera.intrinsics).reshape([size, 4])?)?;
    }
    let captions = batch.samples.iter().map(Caption::all).collect::<Vec<_>>();
    let own_ticks = batch.samples.iter().map(|s| s.poses.len() as i64).collect::<Vec<_>>();
    let dict = PyDict::new(py);
    dict.set_item("sample_id", batch.samples.into_iter().map(|s| s.sample_id).collect::<Vec<_>>())?;
    dict.set_item("images", images)?;
    dict.set_item("mask", mask)?;
    dict.set_item("intrinsics", intrinsics)?;
    dict.set_item("poses", PyArray1::from_vec(py, batch.poses).reshape([size, ticks, 7])?)?;
    dict.set_item("actions", PyArray1::from_vec(py, batch.actions).reshape([size, ticks, 4])?)?;
    dict.set_item("ticks", PyArray1::from_vec(py, own_ticks))?;
    dict.set_item("captions", captions)?;
    if !batch.warps.is_empty() {
        let (warp, seen) = (PyDict::new(py), PyDict::new(py));
        for one in batch.warps {
            warp.set_item(&one.channel, one.pixels.into_pyarray(py))?;
            seen.set_item(&one.channel, one.seen.into_pyarray(py))?;
        }
        dict.set_item("warp", warp)?;
        dict.set_item("warp_mask", seen)?;
    }
    if !batch.rays.is_empty() {
        let rays = PyDict::new(py);
        for (channel, maps) in batch.rays {
            rays.set_item(channel, maps.into_pyarray(py))?;
        }
        dict.set_item("rays", rays)?;
    }
    if !batch.loss_weights.is_empty() {
        let weights = PyDict::new(py);
        for (channel, weight) in batch.loss_weights {
            weights.set_item(channel, weight.into_pyarray(py))?;
        }
        dict.set_item("loss_weight", weights)?;
    }
    if let Some(bev) = batch.bev {
        dict.set_item("bev", bev.into_pyarray(py))?;
    }
    Ok(dict)
}
