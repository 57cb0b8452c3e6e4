//! [`Survey`]: what overviews need of every sample, in few bytes each.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::cells::{Cell, Cells, must, scan};
use super::{decode, geoparquet, tables};
use crate::error::Result;
use crate::sample::{SampleRow, Split, anchor_tick};

/// All samples of a data set, briefly. Read a file at a time, so it takes the memory of one.
#[derive(Debug, Clone, Default)]
pub struct Survey {
    /// The files of `samples/`, in order.
    files: Vec<PathBuf>,
    /// Ids of the recordings that samples are of, in order of appearance.
    pub recordings: Vec<String>,
    /// A row a sample, in the order of the data set.
    pub samples: Vec<Brief>,
    /// Samples by the licences that they name.
    pub licenses: BTreeMap<String, u64>,
}

/// A sample, briefly. What is not known is NaN.
#[derive(Debug, Clone, Copy)]
pub struct Brief {
    /// Which of [`Survey::recordings`].
    pub recording: u32,
    /// Part of the data.
    pub split: Split,
    /// Longitude of the anchor, degrees.
    pub lon: f64,
    /// Latitude of the anchor, degrees.
    pub lat: f64,
    /// Path length at the anchor, metres.
    pub s0_m: f64,
    /// Degrees clockwise from north.
    pub heading_deg: f64,
    /// Forward speed at the anchor, m/s.
    pub speed_mps: f64,
    /// Yaw rate at the anchor, rad/s.
    pub yaw_rate_radps: f64,
    /// As the column.
    pub pose_sigma_m: f64,
    /// As the column.
    pub sync_residual_ms: f64,
    /// As the column.
    pub interpolation_gap_ms: f64,
    /// As the column.
    pub match_probability: f64,
    /// As the column.
    pub register_residual_m: f64,
    /// Which of the files, and which row of it.
    at: (u32, u32),
}

const COLUMNS: [&str; 16] = [
    "recording_id",
    "t0_ns",
    "s0_m",
    "split",
    "lon",
    "lat",
    "heading_deg",
    "pose_t_ns",
    "pose_s_m",
    "actions",
    "pose_sigma_m",
    "sync_residual_ms",
    "interpolation_gap_ms",
    "match_probability",
    "register_residual_m",
    "licenses",
];

impl Survey {
    /// Reads `dir/samples/`.
    ///
    /// # Errors
    ///
    /// [`crate::error::ErrorKind::Damaged`] naming the file and the row that is not what the format asks for.
    pub fn read(dir: &Path) -> Result<Survey> {
        let mut survey = Survey::default();
        let mut numbers: BTreeMap<String, u32> = BTreeMap::new();
        scan(dir, "samples", tables::samples_table(&[]), &COLUMNS, &mut |table| {
            let file = survey.files.len() as u32;
            for i in 0..table.rows.height() {
                let (recording_id, licenses, mut brief) = table.row(i, brief)?;
                brief.at = (file, i as u32);
                let next = numbers.len() as u32;
                brief.recording = *numbers.entry(recording_id.clone()).or_insert_with(|| {
                    survey.recordings.push(recording_id);
                    next
                });
                for license in licenses {
                    *survey.licenses.entry(license).or_default() += 1;
                }
                survey.samples.push(brief);
            }
            survey.files.push(table.path.clone());
            Ok(())
        })?;
        Ok(survey)
    }

    /// The id of a sample's recording.
    pub fn recording_of(&self, sample: &Brief) -> &str {
        &self.recordings[sample.recording as usize]
    }

    /// The whole rows of some samples, in the order asked for.
    ///
    /// # Errors
    ///
    /// As [`read`](Survey::read).
    pub fn rows(&self, wanted: &[&Brief]) -> Result<Vec<SampleRow>> {
        let mut rows: Vec<Option<SampleRow>> = vec![None; wanted.len()];
        let mut by_file: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
        for (k, brief) in wanted.iter().enumerate() {
            by_file.entry(brief.at.0).or_default().push(k);
        }
        for (file, places) in by_file {
            let path = self.files[file as usize].clone();
            let table = super::cells::Table { rows: geoparquet::read(&path)?, path };
            for k in places {
                rows[k] = Some(table.row(wanted[k].at.1 as usize, decode::sample)?);
            }
        }
        Ok(rows.into_iter().flatten().collect())
    }
}

fn brief(cells: &Cells<'_>, i: usize) -> Cell<(String, Vec<String>, Brief)> {
    let float = |name| must(name, cells.float(name, i));
    let known = |name| Ok::<f64, String>(cells.float(name, i)?.unwrap_or(f64::NAN));
    let split = must("split", cells.text("split", i))?;
    let s0_m = float("s0_m")?;
    let (times, t0) = (cells.longs("pose_t_ns", i)?, cells.long("t0_ns", i)?);
    let actions: Vec<[f32; 4]> = must("actions", cells.vectors("actions", i))?;
    let anchor = anchor_tick(times.as_deref(), t0, &must("pose_s_m", cells.floats("pose_s_m", i))?, s0_m);
    let action = actions.get(anchor).copied().unwrap_or([f32::NAN; 4]).map(f64::from);
    let brief = Brief {
        recording: 0,
        split: Split::from_name(&split).ok_or_else(|| format!("no split is called `{split}`"))?,
        lon: float("lon")?,
        lat: float("lat")?,
        s0_m,
        heading_deg: float("heading_deg")?,
        speed_mps: action[0],
        yaw_rate_radps: action[2],
        pose_sigma_m: known("pose_sigma_m")?,
        sync_residual_ms: known("sync_residual_ms")?,
        interpolation_gap_ms: known("interpolation_gap_ms")?,
        match_probability: known("match_probability")?,
        register_residual_m: known("register_residual_m")?,
        at: (0, 0),
    };
    let recording_id = must("recording_id", cells.text("recording_id", i))?;
    Ok((recording_id, must("licenses", cells.texts("licenses", i))?, brief))
}

/// The trajectory of every recording, `(lon, lat)` degrees, with points at least `step_m` apart; read a file at a time.
///
/// # Errors
///
/// As [`Survey::read`].
pub fn tracks(dir: &Path, step_m: f64) -> Result<BTreeMap<String, Vec<(f64, f64)>>> {
    let mut tracks: BTreeMap<String, Vec<(f64, f64)>> = BTreeMap::new();
    // Degrees are long enough: this is for pictures.
    let step_lat = step_m / 111_000.0;
    scan(dir, "poses", tables::poses_table(&[]), &["recording_id", "lon", "lat"], &mut |table| {
        for i in 0..table.rows.height() {
            let (id, p) = table.row(i, |cells, i| {
                let float = |name| must(name, cells.float(name, i));
                Ok((must("recording_id", cells.text("recording_id", i))?, (float("lon")?, float("lat")?)))
            })?;
            let track = tracks.entry(id).or_default();
            let far = |q: &(f64, f64)| {
                let east = (p.0 - q.0) * libm::cos(p.1.to_radians());
                libm::hypot(east, p.1 - q.1) >= step_lat
            };
            if track.last().is_none_or(far) {
                track.push(p);
            }
        }
        Ok(())
    })?;
    Ok(tracks)
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    #[test]
    fn a_survey_has_every_sample_in_order_and_finds_its_row_again() {
        let dir = tempfile::tempdir().expect("a folder");
        let samples = fixture::samples();
        fixture::write(dir.path(), &samples);
        let survey = Survey::read(dir.path()).expect("read");
        assert_eq!(survey.samples.len(), samples.len());
        assert_eq!(survey.licenses["CC-BY-4.0"], samples.len() as u64);
        let some: Vec<&Brief> = [33, 2, 20].map(|i| &survey.samples[i]).to_vec();
        let dataset = super::super::Dataset::open(dir.path()).expect("a data set");
        for (row, i) in survey.rows(&some).expect("read").iter().zip([33, 2, 20]) {
            let same = dataset.sample(i).expect("there");
            let brief = &survey.samples[i];
            assert_eq!(row.sample_id, same.sample_id);
            assert_eq!((brief.lon, brief.split, survey.recording_of(brief)), (row.lon, row.split, &*row.recording_id));
            let speed = row.actions[row.anchor_tick()][0];
            assert_eq!(brief.speed_mps.to_bits(), f64::from(speed).to_bits());
        }
    }

    #[test]
    fn tracks_are_thinned() {
        let dir = tempfile::tempdir().expect("a folder");
        fixture::write(dir.path(), &fixture::samples());
        // Recordings `a` and `b` go 295 m east, a row each 5 m.
        let tracks = tracks(dir.path(), 24.0).expect("read");
        assert_eq!(tracks.values().map(Vec::len).collect::<Vec<_>>(), [12, 12]);
    }
}
