//! [`Dataset`]: a finished data set, opened for reading.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::ops::Deref;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use memmap2::Mmap;
use ndarray::Array2;
use polars::prelude::DataFrame;

use super::cells::{Table, load};
use super::late::{Indexed, Late};
use super::manifest::{MANIFEST, Manifest};
use super::query::{BoxTree, box_tree};
use super::rows::{FrameRow, RecordingRow, ReferenceRow};
use super::{decode, tables};
use crate::error::{ErrorKind, Result};
use crate::fuse::Track;
use crate::record::{LAYERS, MapFeature, MapLayer};
use crate::render::{Imagery, MapIndex, SourceRays};
use crate::sample::{SampleConfig, SampleRow};

/// What is found once for each camera, by recording and channel.
type ByCamera<T> = Mutex<BTreeMap<(String, String), T>>;

/// A data set: its manifest and samples in memory, the other tables read when first asked for, media mapped.
///
/// Cheap to share between threads. Samples are counted from 0 over all files of `samples/` in the order of their
/// names, which is the order of `query` and of the loader.
#[derive(Debug)]
pub struct Dataset {
    dir: PathBuf,
    manifest: Manifest,
    samples: Table,
    sample_ids: OnceLock<HashMap<String, usize>>,
    boxes: OnceLock<BoxTree>,
    frames: Late<Indexed>,
    poses: Late<Indexed>,
    recordings: Late<BTreeMap<String, RecordingRow>>,
    references: Late<Indexed>,
    map: Late<MapIndex>,
    pub(super) imagery: Late<Option<Imagery>>,
    shards: Mutex<BTreeMap<String, Arc<Mmap>>>,
    pub(super) tracks: Mutex<BTreeMap<String, Arc<Track>>>,
    /// Rays of cameras, by recording and channel.
    pub(super) rays: ByCamera<Arc<SourceRays>>,
    /// What the config says to leave out of pictures, by recording and channel.
    pub(super) ignored: ByCamera<Option<Arc<Array2<u8>>>>,
    /// LiDAR sweeps by recording: times and rows of `frames`.
    pub(super) sweeps: Late<BTreeMap<String, Vec<(i64, usize)>>>,
}

impl Dataset {
    /// Opens the data set at `dir`.
    ///
    /// # Errors
    ///
    /// Those of [`Manifest::read`]; [`ErrorKind::Damaged`] naming the file of `samples/` that cannot be read.
    pub fn open(dir: impl AsRef<Path>) -> Result<Dataset> {
        let manifest = Manifest::read(dir.as_ref())?;
        Dataset::of_folder(dir.as_ref(), manifest)
    }

    /// The data set at `dir` with a manifest that is not there yet: one that is being built.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Damaged`] naming the file of `samples/` that cannot be read.
    pub fn of_folder(dir: &Path, manifest: Manifest) -> Result<Dataset> {
        let samples = load(dir, "samples", tables::samples_table(&[]))?;
        Ok(Dataset::assemble(dir.to_path_buf(), manifest, samples, Late::default()))
    }

    /// A data set of tables that are in memory, the others and the media in `dir`.
    pub(super) fn of_tables(dir: &Path, manifest: Manifest, samples: DataFrame, frames: DataFrame) -> Dataset {
        let table = |name: &str, rows| Table { path: dir.join(name), rows };
        let frames = Late::made(Indexed::new(table("frames", frames), "frame_id"));
        Dataset::assemble(dir.to_path_buf(), manifest, table("samples", samples), frames)
    }

    fn assemble(dir: PathBuf, manifest: Manifest, samples: Table, frames: Late<Indexed>) -> Dataset {
        Dataset {
            dir,
            manifest,
            samples,
            sample_ids: OnceLock::new(),
            boxes: OnceLock::new(),
            frames,
            poses: Late::default(),
            recordings: Late::default(),
            references: Late::default(),
            map: Late::default(),
            imagery: Late::default(),
            shards: Mutex::default(),
            tracks: Mutex::default(),
            rays: Mutex::default(),
            ignored: Mutex::default(),
            sweeps: Late::default(),
        }
    }

    /// Where it lies.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Its manifest.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// How many samples it has.
    pub fn len(&self) -> usize {
        self.samples.rows.height()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The `samples` table: all files as one.
    pub fn samples(&self) -> &DataFrame {
        &self.samples.rows
    }

    /// The sample of row `i`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unknown`] from [`len`](Dataset::len) on, [`ErrorKind::Damaged`] where the row is not what the
    /// format asks for.
    pub fn sample(&self, i: usize) -> Result<SampleRow> {
        if i >= self.len() {
            return Err(ErrorKind::Unknown { what: "sample", name: i.to_string() }.in_file(&self.dir));
        }
        self.samples.row(i, decode::sample)
    }

    /// Longitude and latitude of the anchors of some rows, degrees.
    pub fn anchors(&self, rows: &[usize]) -> Vec<[f64; 2]> {
        let column = |name| self.samples.rows.column(name).and_then(|c| c.f64());
        let checked = "the schema was checked when the table was read";
        let (lon, lat) = (column("lon").expect(checked), column("lat").expect(checked));
        rows.iter().map(|&row| [lon, lat].map(|c| c.get(row).unwrap_or(f64::NAN))).collect()
    }

    /// The rows of each recording's samples, ascending.
    pub fn by_recording(&self) -> BTreeMap<String, Vec<usize>> {
        let checked = "the schema was checked when the table was read";
        let ids = self.samples.rows.column("recording_id").and_then(|c| c.str()).expect(checked);
        let mut rows: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (row, id) in ids.iter().enumerate() {
            rows.entry(id.unwrap_or_default().to_string()).or_default().push(row);
        }
        rows
    }

    /// The row of a sample.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unknown`] where there is none of this id.
    pub fn find(&self, sample_id: &str) -> Result<usize> {
        let ids = self.sample_ids.get_or_init(|| {
            let ids = self.samples.rows.column("sample_id").and_then(|c| c.str());
            let ids = ids.expect("the schema was checked when the table was read");
            ids.iter().enumerate().filter_map(|(i, id)| Some((id?.to_string(), i))).collect()
        });
        let unknown = || ErrorKind::Unknown { what: "sample", name: sample_id.to_string() }.in_file(&self.dir);
        ids.get(sample_id).copied().ok_or_else(unknown)
    }

    /// The `frames` table: all files as one.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Damaged`] naming the file that cannot be read; so do all of the following.
    pub fn frames(&self) -> Result<&DataFrame> {
        Ok(&self.frame_table()?.table.rows)
    }

    /// The `poses` table: all files as one.
    ///
    /// # Errors
    ///
    /// As [`frames`](Dataset::frames).
    pub fn poses(&self) -> Result<&DataFrame> {
        Ok(&self.pose_table()?.table.rows)
    }

    /// A frame by its id.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unknown`] where there is none; as [`frames`](Dataset::frames).
    pub fn frame(&self, frame_id: &str) -> Result<FrameRow> {
        let frames = self.frame_table()?;
        let unknown = || ErrorKind::Unknown { what: "frame", name: frame_id.to_string() }.in_file(&self.dir);
        let i = frames.of(frame_id).first().copied().ok_or_else(unknown)?;
        frames.table.row(i, decode::frame)
    }

    /// The frame of row `i` of [`frames`](Dataset::frames).
    ///
    /// # Errors
    ///
    /// As [`frame`](Dataset::frame).
    pub fn frame_at(&self, i: usize) -> Result<FrameRow> {
        self.frame_table()?.table.row(i, decode::frame)
    }

    /// All recordings, by their ids.
    ///
    /// # Errors
    ///
    /// As [`frames`](Dataset::frames).
    pub fn recordings(&self) -> Result<&BTreeMap<String, RecordingRow>> {
        self.recordings.get(|| read_recordings(&self.dir))
    }

    /// A recording by its id.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unknown`] where there is none; as [`frames`](Dataset::frames).
    pub fn recording(&self, recording_id: &str) -> Result<&RecordingRow> {
        let unknown = || ErrorKind::Unknown { what: "recording", name: recording_id.to_string() }.in_file(&self.dir);
        self.recordings()?.get(recording_id).ok_or_else(unknown)
    }

    /// The references of a sample, in the order of the table; none where the data set was built without.
    ///
    /// # Errors
    ///
    /// As [`frames`](Dataset::frames).
    pub fn references(&self, sample_id: &str) -> Result<Vec<ReferenceRow>> {
        let references = self.references.get(|| {
            let empty = tables::references_table(&[]);
            let path = self.dir.join("references");
            let table = match path.is_dir() {
                true => load(&self.dir, "references", empty)?,
                false => Table { path, rows: empty.expect("our own tables can be built without rows") },
            };
            Ok(Indexed::new(table, "sample_id"))
        })?;
        references.of(sample_id).iter().map(|&i| references.table.row(i, decode::reference)).collect()
    }

    /// All map features, layer by layer.
    ///
    /// # Errors
    ///
    /// As [`frames`](Dataset::frames); a layer without a file has no features.
    pub fn map_features(&self) -> Result<&[MapFeature]> {
        Ok(self.map_index()?.features())
    }

    /// The map features by place, read and indexed once.
    ///
    /// # Errors
    ///
    /// As [`map_features`](Dataset::map_features).
    pub fn map_index(&self) -> Result<&MapIndex> {
        self.map.get(|| Ok(MapIndex::new(read_map(&self.dir)?)))
    }

    /// The table of a map layer, as stored; without rows where it has no file.
    ///
    /// # Errors
    ///
    /// As [`frames`](Dataset::frames).
    pub fn map_table(&self, layer: MapLayer) -> Result<DataFrame> {
        map_table(&self.dir, layer)
    }

    /// The bytes of a frame, mapped from its shard; their checksum is not looked at.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Damaged`] naming the shard, where it is not there or too short.
    pub fn media(&self, frame: &FrameRow) -> Result<Media> {
        let shard = self.shard(&frame.shard)?;
        let range = usize::try_from(frame.offset).ok().zip(usize::try_from(frame.length).ok());
        let range = range.and_then(|(first, length)| Some(first..first.checked_add(length)?));
        match range.filter(|r| r.end <= shard.len()) {
            Some(range) => Ok(Media { shard, range }),
            None => {
                let reason = format!("frame `{}` lies beyond the end of its shard", frame.frame_id);
                Err(ErrorKind::Damaged(reason).in_file(self.dir.join(&frame.shard)))
            }
        }
    }

    /// The bytes of a frame, after comparing their checksum.
    ///
    /// # Errors
    ///
    /// As [`media`](Dataset::media); [`ErrorKind::Damaged`] where the checksum differs.
    pub fn media_checked(&self, frame: &FrameRow) -> Result<Media> {
        let media = self.media(frame)?;
        if blake3::hash(&media).to_hex().as_str() == frame.checksum {
            return Ok(media);
        }
        let reason = format!("the bytes of frame `{}` do not have its checksum", frame.frame_id);
        Err(ErrorKind::Damaged(reason).in_file(self.dir.join(&frame.shard)))
    }

    /// The `[sample]` settings of a recording: the config's, with those of its own `[[recording]]` over them.
    ///
    /// # Errors
    ///
    /// As [`recording`](Dataset::recording); [`ErrorKind::Damaged`] where the manifest's config is not one.
    pub fn sample_config(&self, recording_id: &str) -> Result<SampleConfig> {
        let entry = usize::try_from(self.recording(recording_id)?.entry).unwrap_or(usize::MAX);
        self.manifest.sample_config(entry).map_err(|e| e.into_parts().0.in_file(self.dir.join(MANIFEST)))
    }

    /// The index over the boxes of samples.
    pub(super) fn boxes(&self) -> &BoxTree {
        self.boxes.get_or_init(|| box_tree(&self.samples.rows))
    }

    fn frame_table(&self) -> Result<&Indexed> {
        self.frames.get(|| Ok(Indexed::new(load(&self.dir, "frames", tables::frames_table(&[]))?, "frame_id")))
    }

    pub(super) fn pose_table(&self) -> Result<&Indexed> {
        self.poses.get(|| Ok(Indexed::new(load(&self.dir, "poses", tables::poses_table(&[]))?, "recording_id")))
    }

    /// A shard, mapped once.
    fn shard(&self, name: &str) -> Result<Arc<Mmap>> {
        let mut shards = self.shards.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(shard) = shards.get(name) {
            return Ok(shard.clone());
        }
        let path = self.dir.join(name);
        let damaged = |reason: &str| ErrorKind::Damaged(reason.to_string()).in_file(&path);
        // The name comes from a file: it must not lead out of the data set.
        if !Path::new(name).components().all(|c| matches!(c, Component::Normal(_))) {
            return Err(damaged("a shard's path leads out of the data set"));
        }
        let file = File::open(&path).map_err(|e| damaged(&format!("the shard cannot be opened ({e})")))?;
        // SAFETY: a finished data set is never written to (a rebuild renames a new folder into its place, which leaves
        // this file as it is), so the mapped bytes do not change under us.
        let shard = unsafe { Mmap::map(&file) }.map_err(|e| damaged(&format!("the shard cannot be mapped ({e})")))?;
        Ok(shards.entry(name.to_string()).or_insert(Arc::new(shard)).clone())
    }
}

/// The bytes of a frame: a window into a mapped shard, which stays open while this lives.
#[derive(Debug, Clone)]
pub struct Media {
    shard: Arc<Mmap>,
    range: std::ops::Range<usize>,
}

impl Deref for Media {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.shard[self.range.clone()]
    }
}

/// The recordings of a data set's folder, by their ids.
///
/// # Errors
///
/// [`ErrorKind::Damaged`] naming the file.
pub(super) fn read_recordings(dir: &Path) -> Result<BTreeMap<String, RecordingRow>> {
    let table = load(dir, "recordings", tables::recordings_table(&[]))?;
    let rows = (0..table.rows.height()).map(|i| table.row(i, decode::recording));
    rows.map(|row| row.map(|r| (r.recording_id.clone(), r))).collect()
}

/// The map features of a data set's folder, or of one that is being built, layer by layer.
///
/// # Errors
///
/// [`ErrorKind::Damaged`] naming the file; a layer without a file has no features.
pub fn read_map(dir: &Path) -> Result<Vec<MapFeature>> {
    let mut all = Vec::new();
    for layer in LAYERS {
        let table = Table { path: map_path(dir, layer), rows: map_table(dir, layer)? };
        for i in 0..table.rows.height() {
            all.push(table.row(i, decode::feature(layer))?);
        }
    }
    Ok(all)
}

fn map_path(dir: &Path, layer: MapLayer) -> PathBuf {
    dir.join("map").join(format!("{}.parquet", layer.name()))
}

fn map_table(dir: &Path, layer: MapLayer) -> Result<DataFrame> {
    let empty = tables::map_table(&[]).expect("our own tables can be built without rows");
    let path = map_path(dir, layer);
    if path.is_file() { super::cells::checked(&path, &empty) } else { Ok(empty) }
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    fn written() -> (tempfile::TempDir, Dataset) {
        let dir = tempfile::tempdir().expect("a folder");
        fixture::write(dir.path(), &fixture::samples());
        let dataset = Dataset::open(dir.path()).expect("a data set");
        (dir, dataset)
    }

    /// Equal where NaN is NaN.
    fn same(a: &SampleRow, b: &SampleRow) -> bool {
        format!("{a:?}") == format!("{b:?}")
    }

    #[test]
    fn what_was_written_is_read_back_null_or_not() {
        let (_dir, dataset) = written();
        let rows = fixture::samples();
        assert_eq!(dataset.len(), rows.len());
        for row in &rows {
            let read = dataset.sample(dataset.find(&row.sample_id).expect("there")).expect("read");
            assert!(same(row, &read), "{row:?}\n{read:?}");
        }
        for (id, full) in [("a", true), ("b", false)] {
            assert_eq!(dataset.recording(id).expect("read"), &fixture::recording(id, full));
            let frame = dataset.frame(&format!("{id}/front/0")).expect("read");
            let placed = fixture::frame(&frame.frame_id, id, full);
            let FrameRow { shard, offset, length, checksum, .. } = frame.clone();
            assert_eq!(frame, FrameRow { shard, offset, length, checksum, ..placed });
        }
        assert_eq!(dataset.map_features().expect("read"), fixture::map());
        let references = dataset.references("s0").expect("read");
        assert_eq!(format!("{references:?}"), format!("{:?}", [fixture::reference(true), fixture::reference(false)]));
        assert!(dataset.references("s1").expect("read").is_empty());
    }

    #[test]
    fn a_track_is_the_one_that_wrote_the_poses() {
        let (_dir, dataset) = written();
        let timed = dataset.track("a").expect("read");
        let state = timed.at_time(1_700_000_000_250_000_000).expect("inside");
        assert!((state.pose.translation.x - 2.5).abs() < 1e-9 && (state.s_m - 2.5).abs() < 1e-9);
        assert_eq!(timed.ways, ["way/1"]);
        let untimed = dataset.track("b").expect("read");
        assert!(!untimed.timed && untimed.at_distance(10.0).is_some());
    }

    #[test]
    fn media_are_mapped_and_their_damage_is_found() {
        let (dir, dataset) = written();
        let frame = dataset.frame("a/front/0").expect("there");
        assert_eq!(&dataset.media_checked(&frame).expect("whole")[..], fixture::picture());
        assert_eq!(dataset.image(&frame).expect("a picture").dimensions(), (2, 1));
        let wrong = FrameRow { checksum: "0".repeat(64), ..frame.clone() };
        let error = dataset.media_checked(&wrong).expect_err("another checksum");
        assert!(error.to_string().contains("shards/a-000.tar"), "{error}");
        let beyond = FrameRow { offset: 1 << 40, ..frame.clone() };
        assert!(matches!(dataset.media(&beyond).expect_err("beyond").kind(), ErrorKind::Damaged(_)));
        let outside = FrameRow { shard: "../a-000.tar".to_string(), ..frame.clone() };
        assert!(matches!(dataset.media(&outside).expect_err("outside").kind(), ErrorKind::Damaged(_)));
        let missing = FrameRow { shard: "shards/b-000.tar".to_string(), ..frame };
        assert!(dataset.media(&missing).expect_err("not there").to_string().contains("b-000.tar"));
        drop(dir);
    }

    #[test]
    fn workers_that_ask_for_the_same_table_at_once_all_get_it() {
        use rayon::prelude::*;
        for _ in 0..8 {
            let (_dir, dataset) = written();
            let all = (0..64).into_par_iter().map(|_| dataset.frame("a/front/0").map(|f| f.length));
            assert!(all.all(|length| length.is_ok()));
        }
    }

    #[test]
    fn a_garbled_or_missing_file_is_named() {
        let dir = tempfile::tempdir().expect("a folder");
        let error = Dataset::open(dir.path()).expect_err("no data set");
        assert!(error.hint().expect("a hint").contains("manifest.json"));
        fixture::write(dir.path(), &fixture::samples());
        let path = dir.path().join("samples/b.parquet");
        let whole = std::fs::read(&path).expect("a file");
        for garbled in [&whole[..whole.len() / 2], b"PAR1", b""] {
            std::fs::write(&path, garbled).expect("written");
            let error = Dataset::open(dir.path()).expect_err("garbled");
            assert!(matches!(error.kind(), ErrorKind::Damaged(_)), "{error}");
            assert!(error.to_string().contains("samples/b.parquet"), "{error}");
        }
        std::fs::copy(dir.path().join("frames/a.parquet"), &path).expect("copied");
        let error = Dataset::open(dir.path()).expect_err("another table");
        assert!(error.to_string().contains("no column `sample_id`"), "{error}");
        std::fs::write(dir.path().join("manifest.json"), r#"{"format_version": 99}"#).expect("written");
        let error = Dataset::open(dir.path()).expect_err("another version");
        assert!(error.to_string().contains("version 99"), "{error}");
    }
}
