//! [`Column`]: an array of plain values, in memory or in a mapped file.

use std::ops::{Deref, Range};
use std::sync::Arc;

use bytemuck::Pod;
use memmap2::Mmap;

/// Values in a row: owned while a graph is made, a part of a mapped file once it is opened from one.
#[derive(Debug, Clone)]
pub(super) enum Column<T: Pod> {
    /// In memory.
    Owned(Vec<T>),
    /// Bytes of a file, which [`Column::mapped`] found to be whole values.
    Mapped(Arc<Mmap>, Range<usize>),
}

impl<T: Pod> Column<T> {
    /// A part of a mapped file; `None` where it is not there, or does not hold whole, aligned values.
    pub(super) fn mapped(file: &Arc<Mmap>, range: Range<usize>) -> Option<Column<T>> {
        bytemuck::try_cast_slice::<u8, T>(file.get(range.clone())?).ok()?;
        Some(Column::Mapped(Arc::clone(file), range))
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
            Column::Mapped(file, range) => bytemuck::cast_slice(&file[range.clone()]),
        }
    }
}

impl<T: Pod> From<Vec<T>> for Column<T> {
    fn from(values: Vec<T>) -> Column<T> {
        Column::Owned(values)
    }
}
