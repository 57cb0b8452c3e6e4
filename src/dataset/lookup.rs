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
        let begin: Vec<(usize, &str)> = ids
            .iter()
            .enumerate()
            .filter_map(|(row, id)| Some((row, id?)))
            .filter(|(_, id)| id.starts_with(name))
            .collect();
        match &begin[..] {
            [(row, _)] if !name.is_empty() => return Ok(*row),
            _ => {}
        }
        let error = ErrorKind::Unknown { what: "sample", name: name.to_string() }.in_file(self.dir());
        if self.is_empty() {
            return Err(error.with_hint("the data set has no samples"));
        }
        let last = self.len() - 1;
        if name.is_empty() {
            return Err(error.with_hint(format!("name an id, the beginning of one, or a number from 0 to {last}")));
        }
        if begin.is_empty() {
            let near = nearest(ids.iter().flatten(), name).join(", ");
            let hint = format!("nearest are {near}; a number from 0 to {last} names a sample, too");
            return Err(error.with_hint(hint));
        }
        let some = begin.iter().take(NEAR).map(|(_, id)| *id).collect::<Vec<_>>().join(", ");
        let more = if begin.len() > NEAR { ", …" } else { "" };
        Err(error.with_hint(format!("{} ids begin so: {some}{more}", begin.len())))
    }
}

/// Ids that an error names.
const NEAR: usize = 5;

/// The ids that share most letters at the same places with a name, the best first.
fn nearest<'a>(ids: impl Iterator<Item = &'a str>, name: &str) -> Vec<&'a str> {
    let alike = |id: &str| id.chars().zip(name.chars()).filter(|(a, b)| a.eq_ignore_ascii_case(b)).count();
    let mut all: Vec<(std::cmp::Reverse<usize>, &str)> = ids.map(|id| (std::cmp::Reverse(alike(id)), id)).collect();
    all.sort_unstable();
    all.into_iter().take(NEAR).map(|(_, id)| id).collect()
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
        assert_eq!(hint("ab"), "2 ids begin so: abc1, abd2");
        assert!(hint("abx1").starts_with("nearest are abc1, abd2, s"), "{}", hint("abx1"));
        assert!(hint("zz").contains("from 0 to 39") && hint("").contains("from 0") && hint("40").contains("from 0"));
    }
}
