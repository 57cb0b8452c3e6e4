//! Shards: members are where frames say, each of one frame; with `deep`, the bytes are what the rows say.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{Read as _, Seek, SeekFrom};
use std::path::Path;

use rayon::prelude::*;

use super::Watch;
use super::findings::{Place, Rule, Validation};
use super::rows::{Frame, Frames};
use crate::dataset::unit::{list_files, relative};
use crate::error::{ErrorKind, Result};
use crate::record::FrameFormat;
use crate::source::Limits;
use crate::source::recording::lidar::read_points;
use crate::source::recording::picture::read_picture;

/// Frames that one thread reads before it opens the shard anew.
const BATCH: usize = 32;

pub(super) fn check(dir: &Path, frames: &Frames, deep: bool, watch: &Watch<'_>, found: &mut Validation) -> Result<()> {
    let mut by_shard: BTreeMap<String, Vec<&Frame>> = BTreeMap::new();
    for path in list_files(dir)? {
        let name = relative(dir, &path);
        if name.starts_with("shards/") {
            by_shard.insert(name, Vec::new());
        }
    }
    for frame in &frames.all {
        let mut place = Place { found, file: &frame.at.0, row: Some(frame.at.1) };
        match by_shard.get_mut(&*frame.shard) {
            Some(of_shard) => of_shard.push(frame),
            None => place.report(Rule::Shards, format!("its shard `{}` is not there", frame.shard)),
        }
    }
    for (name, mut of_shard) in by_shard {
        watch.step(0)?;
        of_shard.sort_by_key(|frame| frame.offset);
        let path = dir.join(&name);
        let members = match members(&path) {
            Ok(members) => members,
            Err(reason) => {
                Place { found, file: &name, row: None }.report(Rule::Shards, format!("is not a whole tar: {reason}"));
                continue;
            }
        };
        let placed = check_members(&name, &of_shard, &members, frames.read.partly, found);
        if deep {
            let batches = placed.par_chunks(BATCH).map(|batch| read_batch(&path, batch, watch));
            for batch in batches.collect::<Result<Vec<Validation>>>()? {
                found.merge(batch);
            }
        }
    }
    Ok(())
}

/// A member of a tar.
struct Member {
    /// First byte of its data, and bytes.
    at: (u64, u64),
    regular: bool,
}

/// The members of a tar by their names, a name that repeats in the order of the file.
fn members(path: &Path) -> std::io::Result<BTreeMap<String, Vec<Member>>> {
    let file = File::open(path)?;
    let length = file.metadata()?.len();
    let mut archive = tar::Archive::new(file);
    let mut members: BTreeMap<String, Vec<Member>> = BTreeMap::new();
    for entry in archive.entries_with_seek()? {
        let entry = entry?;
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let at = (entry.raw_file_position(), entry.size());
        if at.0.checked_add(at.1).is_none_or(|end| end > length) {
            return Err(std::io::Error::other(format!("it ends inside `{name}`")));
        }
        members.entry(name).or_default().push(Member { at, regular: entry.header().entry_type().is_file() });
    }
    Ok(members)
}

/// The frames whose bytes are where they say.
fn check_members<'a>(
    shard: &str,
    frames: &[&'a Frame],
    members: &BTreeMap<String, Vec<Member>>,
    partly: bool,
    found: &mut Validation,
) -> Vec<&'a Frame> {
    let mut wanted: HashMap<String, &Frame> = HashMap::new();
    let mut placed = Vec::new();
    for frame in frames {
        let name = format!("{}.{}", frame.id, frame.format);
        let mut place = Place { found, file: &frame.at.0, row: Some(frame.at.1) };
        let says = u64::try_from(frame.offset).ok().zip(u64::try_from(frame.length).ok());
        let at = members.get(&name).and_then(|all| all.first()).map(|member| member.at);
        place.expect(Rule::Shards, at.is_some() && at == says, || match at {
            Some((offset, length)) => format!(
                "says that its bytes are {} from {} of {shard}, `{name}` is {length} from {offset}",
                frame.length, frame.offset
            ),
            None => format!("{shard} has no member `{name}`"),
        });
        if at.is_some() && at == says {
            placed.push(*frame);
        }
        wanted.insert(name, frame);
    }
    for (name, all) in members {
        let mut place = Place { found, file: shard, row: None };
        let fine = all.len() == 1 && all.iter().all(|member| member.regular);
        place.expect(Rule::Shards, fine, || format!("member `{name}` is not one regular file"));
        let used = partly || wanted.contains_key(name);
        place.expect(Rule::Shards, used, || format!("member `{name}` belongs to no frame"));
    }
    placed
}

/// Reads frames one by one.
fn read_batch(path: &Path, frames: &[&Frame], watch: &Watch<'_>) -> Result<Validation> {
    let mut found = Validation::default();
    let mut file = File::open(path).map_err(|e| ErrorKind::io("open", e).in_file(path))?;
    for frame in frames {
        watch.step(frame.length.unsigned_abs())?;
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(frame.offset.unsigned_abs()))
            .and_then(|_| (&mut file).take(frame.length.unsigned_abs()).read_to_end(&mut bytes))
            .map_err(|e| ErrorKind::io("read", e).in_file(path))?;
        check_bytes(&mut Place { found: &mut found, file: &frame.at.0, row: Some(frame.at.1) }, frame, &bytes);
    }
    Ok(found)
}

fn check_bytes(place: &mut Place<'_>, frame: &Frame, bytes: &[u8]) {
    let hash = blake3::hash(bytes).to_hex();
    let same = hash.as_str() == frame.checksum;
    place.expect(Rule::Media, same, || format!("its bytes have the blake3 {hash}, it says {}", frame.checksum));
    let Some(format) = FrameFormat::from_extension(&frame.format).filter(|_| same) else { return };
    let limits = Limits::default();
    match format {
        FrameFormat::Jpg | FrameFormat::Png | FrameFormat::Webp => {
            let size = read_picture(bytes, format, &limits).map(|picture| (picture.width(), picture.height()));
            let says = frame.size.map(|(w, h)| (w.unsigned_abs(), h.unsigned_abs()));
            let fine = matches!(&size, Ok(size) if says.is_none_or(|says| says == *size));
            place.expect(Rule::Media, fine, || match size {
                Ok((w, h)) => format!("its picture has {w} × {h} pixels, it says {:?}", frame.size.unwrap_or_default()),
                Err(reason) => format!("its picture does not decode: {reason}"),
            });
        }
        FrameFormat::Pcd
        | FrameFormat::Bin
        | FrameFormat::Ply
        | FrameFormat::Las
        | FrameFormat::Laz
        | FrameFormat::Feather => {
            let points = read_points(bytes, format, &limits).map(|cloud| cloud.len());
            let fine = matches!(&points, Ok(points) if frame.points.is_some_and(|says| says as usize == *points));
            place.expect(Rule::Media, fine, || match points {
                Ok(points) => format!("its sweep has {points} points, it says {}", frame.points.unwrap_or_default()),
                Err(reason) => format!("its sweep does not parse: {reason}"),
            });
        }
        FrameFormat::Wav | FrameFormat::Flac | FrameFormat::Npy => {}
    }
}
