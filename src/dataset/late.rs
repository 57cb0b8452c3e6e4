//! [`Late`] and [`Indexed`]: what a data set reads when it is first asked for.

use std::collections::HashMap;
use std::sync::OnceLock;

use super::cells::Table;
use crate::error::Result;

/// A table with the rows of each value of one text column.
#[derive(Debug)]
pub(super) struct Indexed {
    pub(super) table: Table,
    rows: HashMap<String, Vec<usize>>,
}

impl Indexed {
    pub(super) fn new(table: Table, column: &str) -> Indexed {
        let mut rows: HashMap<String, Vec<usize>> = HashMap::new();
        let keys = table.rows.column(column).and_then(|c| c.str()).expect("the schema was checked on reading");
        for (i, key) in keys.iter().enumerate() {
            match key.and_then(|key| rows.get_mut(key)) {
                Some(of_key) => of_key.push(i),
                None => drop(key.map(|key| rows.insert(key.to_string(), vec![i]))),
            }
        }
        Indexed { table, rows }
    }

    /// The rows of a value.
    pub(super) fn of(&self, key: &str) -> &[usize] {
        self.rows.get(key).map_or(&[], Vec::as_slice)
    }
}

/// A value that is made when first asked for, unless making it fails.
///
/// No lock is held meanwhile: making it may use a pool of threads, and one of them that waits there takes on other work,
/// which may ask for the same value. Two threads that ask at once may both make it; the first one's stays.
#[derive(Debug)]
pub(super) struct Late<T>(OnceLock<T>);

impl<T> Default for Late<T> {
    fn default() -> Late<T> {
        Late(OnceLock::new())
    }
}

impl<T> Late<T> {
    /// One that is there already.
    pub(super) fn made(value: T) -> Late<T> {
        Late(OnceLock::from(value))
    }

    pub(super) fn get(&self, make: impl FnOnce() -> Result<T>) -> Result<&T> {
        if let Some(value) = self.0.get() {
            return Ok(value);
        }
        let value = make()?;
        Ok(self.0.get_or_init(|| value))
    }
}
