//! [`Column`]: an array of plain values, in memory or in a mapped file.
//!
//! Matching looks at an array hundreds of times a position. To cut a file's bytes and to check how they lie each time takes a
//! tenth of its time, so that is done once: hence the `unsafe` of this module, which nothing outside can misuse.

use std::ops::{Deref, Range};
use std::ptr::NonNull;
use std::sync::Arc;

use bytemuck::Pod;
use memmap2::Mmap;

/// Values in a row: owned while a graph is made, a part of a mapped file once it is opened from one.
#[derive(Debug, Clone)]
pub(super) enum Column<T: Pod> {
    /// In memory.
    Owned(Vec<T>),
    /// In a file.
    Mapped(Mapped<T>),
}

/// Whole, aligned values in a mapped file.
#[derive(Debug, Clone)]
pub(super) struct Mapped<T: Pod> {
    /// Where they are, within the bytes of `_file`.
    values: NonNull<[T]>,
    /// What keeps them mapped: it is never written to, and its bytes stay where they are, whoever moves the handle.
    _file: Arc<Mmap>,
}

// SAFETY: the values are read only, as those of an `Arc<[T]>` are, and a `Pod` is plain data.
unsafe impl<T: Pod + Sync> Send for Mapped<T> {}
// SAFETY: as above.
unsafe impl<T: Pod + Sync> Sync for Mapped<T> {}

impl<T: Pod> Column<T> {
    /// A part of a mapped file; `None` where it is not there, or does not hold whole, aligned values.
    pub(super) fn mapped(file: &Arc<Mmap>, range: Range<usize>) -> Option<Column<T>> {
        let values = bytemuck::try_cast_slice::<u8, T>(file.get(range)?).ok()?;
        Some(Column::Mapped(Mapped { values: NonNull::from(values), _file: Arc::clone(file) }))
    }

    /// The values, to be added to. Those of a file are copied first.
    pub(super) fn vec(&mut self) -> &mut Vec<T> {
        if let Column::Mapped(..) = self {
            *self = Column::Owned(self.to_vec());
        }
        match self {
            Column::Owned(values) => values,
            Column::Mapped(..) => unreachable!("it was just copied"),
        }
    }

    /// The bytes of all values, as a file has them.
    pub(super) fn bytes(&self) -> &[u8] {
        bytemuck::cast_slice(self)
    }
}

impl<T: Pod> Default for Column<T> {
    fn default() -> Column<T> {
        Column::Owned(Vec::new())
    }
}

impl<T: Pod> Deref for Column<T> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        match self {
            Column::Owned(values) => values,
            // SAFETY: `Column::mapped` made it of a slice of the file, which lives as long as `self`.
            Column::Mapped(mapped) => unsafe { mapped.values.as_ref() },
        }
    }
}

impl<T: Pod> From<Vec<T>> for Column<T> {
    fn from(values: Vec<T>) -> Column<T> {
        Column::Owned(values)
    }
}
