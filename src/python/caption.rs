//! [`Caption`].

use pyo3::prelude::*;

use crate::sample::{self, SampleRow};

/// A text about a window, with the map features that make it true.
#[pyclass(module = "worldloom", frozen)]
pub(super) struct Caption {
    caption: sample::Caption,
}

impl Caption {
    /// Those of a sample.
    pub(super) fn all(sample: &SampleRow) -> Vec<Caption> {
        sample.captions.iter().flatten().cloned().map(|caption| Caption { caption }).collect()
    }
}

#[pymethods]
impl Caption {
    /// ``"ko"`` or ``"en"``.
    #[getter]
    fn lang(&self) -> &str {
        &self.caption.lang
    }

    /// ``"caption"``, ``"route"`` or ``"spatial_qa"``.
    #[getter]
    fn task(&self) -> &str {
        &self.caption.task
    }

    /// The question, for tasks that have one.
    #[getter]
    fn question(&self) -> Option<&str> {
        self.caption.question.as_deref()
    }

    /// The text, or the answer.
    #[getter]
    fn text(&self) -> &str {
        &self.caption.text
    }

    /// Ids of map features, each in some layer of the map.
    #[getter]
    fn evidence(&self) -> Vec<String> {
        self.caption.evidence.clone()
    }

    fn __repr__(&self) -> String {
        format!("Caption({}, {}: {:?})", self.caption.lang, self.caption.task, self.caption.text)
    }
}
