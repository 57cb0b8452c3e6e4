//! A data set of which only some samples are read: for pictures of a few of very many.

use std::collections::BTreeSet;
use std::path::Path;

use super::cells::{must, scan};
use super::manifest::Manifest;
use super::rows::FrameRow;
use super::{Dataset, decode, tables};
use crate::error::Result;
use crate::sample::SampleRow;

impl Dataset {
    /// The data set in `dir` as if it had only the samples given, and of frames only those named.
    ///
    /// It takes the memory of these rows and of one file of `frames/`, and needs no manifest on disk.
    ///
    /// # Errors
    ///
    /// [`crate::error::ErrorKind::Damaged`] naming the file of `frames/` that cannot be read.
    pub fn excerpt(
        dir: &Path,
        manifest: Manifest,
        samples: &[SampleRow],
        frame_ids: &BTreeSet<&str>,
    ) -> Result<Dataset> {
        let frames = frames(dir, frame_ids)?;
        let samples: Vec<&SampleRow> = samples.iter().collect();
        let (samples, frames) = (tables::samples_table(&samples), tables::frames_table(&frames));
        let ours = "rows that were read can be a table again";
        Ok(Dataset::of_tables(dir, manifest, samples.expect(ours), frames.expect(ours)))
    }
}

/// The rows of some frames; those that are not there are left out.
fn frames(dir: &Path, ids: &BTreeSet<&str>) -> Result<Vec<FrameRow>> {
    let mut found = Vec::new();
    if ids.is_empty() {
        return Ok(found);
    }
    scan(dir, "frames", tables::frames_table(&[]), &["frame_id"], &mut |table| {
        let of_row = |i| table.row(i, |cells, i| must("frame_id", cells.text("frame_id", i)));
        let mut rows = Vec::new();
        for i in 0..table.rows.height() {
            if ids.contains(of_row(i)?.as_str()) {
                rows.push(i);
            }
        }
        if !rows.is_empty() {
            let path = table.path.clone();
            let whole = super::cells::Table { rows: super::geoparquet::read(&path)?, path };
            for i in rows {
                found.push(whole.row(i, decode::frame)?);
            }
        }
        Ok(())
    })?;
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    #[test]
    fn an_excerpt_has_what_was_asked_for_and_its_media() {
        let dir = tempfile::tempdir().expect("a folder");
        fixture::write(dir.path(), &fixture::samples());
        let manifest = Manifest::read(dir.path()).expect("a manifest");
        std::fs::remove_file(dir.path().join("manifest.json")).expect("removable");
        let rows = [fixture::samples()[1].clone()];
        let excerpt = Dataset::excerpt(dir.path(), manifest, &rows, &["a/front/0"].into()).expect("read");
        assert_eq!((excerpt.len(), excerpt.frames().expect("read").height()), (1, 1));
        let frame = excerpt.frame("a/front/0").expect("there");
        assert_eq!(excerpt.image(&frame).expect("a picture").dimensions(), (2, 1));
        assert!(!excerpt.map_features().expect("read").is_empty());
    }
}
