//! How people name samples.

use super::Dataset;
use crate::error::{ErrorKind, Result};

impl Dataset {
    /// The row of a sample that a person names: by its id, by its number from 0, or by the beginning of its id.
    ///
    /// Digits alone are a number where there are so many samples, else the beginning of an id.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unknown`] where nothing fits, or where more than one id begins so.
    pub fn find_like(&self, name: &str) -> Result<usize> {
        if let Ok(row) = self.find(name) {
            return Ok(row);
        }
        if let Some(row) = name.parse::<usize>().ok().filter(|row| *row < self.len()) {
            return Ok(row);
        }
        let ids = self.samples().column("sample_id").and_then(|c| c.str());
        let ids = ids.expect("the schema was checked when the table was read");
        let mut begin = ids.iter().enumerate().filter(|(_, id)| id.is_some_and(|id| id.starts_with(name)));
        match (begin.next(), begin.count()) {
            (Some((row, _)), 0) if !name.is_empty() => Ok(row),
            (first, more) => {
                let error = ErrorKind::Unknown { what: "sample", name: name.to_string() }.in_file(self.dir());
                Err(match (first, self.len()) {
                    (Some(_), _) if !name.is_empty() => {
                        error.with_hint(format!("{} ids begin so: add a letter", more + 1))
                    }
                    (_, 0) => error.with_hint("the data set has no samples"),
                    (_, n) => {
                        error.with_hint(format!("name an id, the beginning of one, or a number from 0 to {}", n - 1))
                    }
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Dataset, fixture};

    #[test]
    fn a_sample_is_found_by_id_number_and_beginning() {
        let dir = tempfile::tempdir().expect("a folder");
        let mut rows = fixture::samples();
        rows[5].sample_id = "abc1".to_string();
        rows[6].sample_id = "abd2".to_string();
        fixture::write(dir.path(), &rows);
        let dataset = Dataset::open(dir.path()).expect("a data set");
        let at = dataset.find("abc1").expect("there");
        assert_eq!(dataset.find_like("abc1").expect("by id"), at);
        assert_eq!(dataset.find_like("abc").expect("by its beginning"), at);
        assert_eq!(dataset.find_like("7").expect("by number"), 7);
        let hint = |name: &str| dataset.find_like(name).expect_err("none").hint().unwrap_or_default().to_string();
        assert!(hint("ab").contains("2 ids begin so"));
        assert!(hint("zz").contains("from 0 to 39") && hint("").contains("from 0") && hint("40").contains("from 0"));
    }
}
