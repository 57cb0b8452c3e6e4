//! The table of kinds: the one place that knows every reader.

use std::path::Path;

use crate::error::{ErrorKind, Result};

use super::{MapOptions, MapSource, Probe, RecordingOptions, RecordingSource, map, recording};

/// A kind of map: its name in the config, how to recognise it and how to open it.
pub struct MapKind {
    /// The name in the config.
    pub name: &'static str,
    /// Whether a path looks like this kind (cheap: names and first bytes).
    pub detect: fn(&Path) -> bool,
    /// Which of `layer`, `columns`, `crs` and `zoom` it has a use for.
    pub options: &'static [&'static str],
    /// Opens it.
    pub open: fn(&Path, &MapOptions) -> Result<Box<dyn MapSource>>,
}

/// A kind of recording.
pub struct RecordingKind {
    /// The name in the config.
    pub name: &'static str,
    /// Whether a path looks like this kind.
    pub detect: fn(&Path) -> bool,
    /// Opens it.
    pub open: fn(&Path, &RecordingOptions) -> Result<Box<dyn RecordingSource>>,
}

/// Every kind of map; the first that recognises a path wins.
pub const MAPS: &[MapKind] = &[
    MapKind { name: "argoverse2", options: &[], detect: map::argoverse2::detect, open: map::argoverse2::open },
    MapKind { name: "osm", options: &[], detect: map::osm::detect, open: map::osm::open },
    MapKind {
        name: "pmtiles",
        options: &["layer", "columns", "zoom"],
        detect: map::pmtiles::detect,
        open: map::pmtiles::open,
    },
    MapKind {
        name: "mbtiles",
        options: &["layer", "columns", "zoom"],
        detect: map::mbtiles::detect,
        open: map::mbtiles::open,
    },
    MapKind {
        name: "tiles",
        options: &["layer", "columns", "zoom"],
        detect: map::tiles::detect,
        open: map::tiles::open,
    },
    MapKind {
        name: "geojson",
        options: &["layer", "columns", "crs"],
        detect: map::geojson::detect,
        open: map::geojson::open,
    },
    MapKind {
        name: "geoparquet",
        options: &["layer", "columns", "crs"],
        detect: map::geoparquet::detect,
        open: map::geoparquet::open,
    },
];

/// Every kind of recording; the first that recognises a path wins.
pub const RECORDINGS: &[RecordingKind] = &[
    RecordingKind { name: "argoverse2", detect: recording::argoverse2::detect, open: recording::argoverse2::open },
    RecordingKind { name: "comma2k19", detect: recording::comma2k19::detect, open: recording::comma2k19::open },
    RecordingKind { name: "kitti", detect: recording::kitti::detect, open: recording::kitti::open },
    RecordingKind { name: "mcap", detect: recording::mcap::detect, open: recording::mcap::open },
    RecordingKind { name: "rosbag1", detect: recording::rosbag1::detect, open: recording::rosbag1::open },
    RecordingKind { name: "opensfm", detect: recording::opensfm::detect, open: recording::opensfm::open },
    RecordingKind { name: "mapillary", detect: recording::mapillary::detect, open: recording::mapillary::open },
    RecordingKind { name: "folder", detect: recording::folder::detect, open: recording::folder::open },
];

/// Opens a map of a kind, or of the kind that recognises it.
///
/// # Errors
///
/// An unknown kind (the hint lists those there are), a path that no kind recognises, or the reader's own error.
pub fn open_map(path: &Path, kind: Option<&str>, options: &MapOptions) -> Result<Box<dyn MapSource>> {
    must_exist(path)?;
    let row = match kind {
        Some(name) => MAPS.iter().find(|k| k.name == name).ok_or_else(|| unknown(name, MAPS.iter().map(|k| k.name))),
        None => MAPS.iter().find(|k| (k.detect)(path)).ok_or_else(|| unrecognised(path, MAPS.iter().map(|k| k.name))),
    }?;
    (row.open)(path, options)
}

/// Refuses options that a kind of map has no use for: they would change nothing, silently.
///
/// # Errors
///
/// [`ErrorKind::Config`], which names the option.
pub fn check_map_options(kind: &str, options: &MapOptions) -> Result<()> {
    let used = MAPS.iter().find(|k| k.name == kind).map_or(&[][..], |k| k.options);
    let given = [
        ("layer", options.layer.is_some()),
        ("columns", !options.columns.is_empty()),
        ("crs", options.crs.is_some()),
        ("zoom", options.zoom.is_some()),
    ];
    match given.iter().find(|(name, given)| *given && !used.contains(name)) {
        None => Ok(()),
        Some((name, _)) => {
            let hint = match used {
                [] => format!("leave it out: `{kind}` has no options"),
                used => format!("leave it out; options of `{kind}`: {}", used.join(", ")),
            };
            Err(ErrorKind::Config(format!("`{name}` means nothing to a map of kind `{kind}`")).bare().with_hint(hint))
        }
    }
}

/// Opens a recording of a kind, or of the kind that recognises it.
///
/// # Errors
///
/// As [`open_map`].
pub fn open_recording(path: &Path, kind: Option<&str>, options: &RecordingOptions) -> Result<Box<dyn RecordingSource>> {
    must_exist(path)?;
    let row = match kind {
        Some(name) => {
            RECORDINGS.iter().find(|k| k.name == name).ok_or_else(|| unknown(name, RECORDINGS.iter().map(|k| k.name)))
        }
        None => RECORDINGS
            .iter()
            .find(|k| (k.detect)(path))
            .ok_or_else(|| unrecognised(path, RECORDINGS.iter().map(|k| k.name))),
    }?;
    (row.open)(path, options)
}

/// Says what a path is: maps are tried before recordings.
///
/// # Errors
///
/// As [`open_map`].
pub fn probe(path: &Path) -> Result<Probe> {
    must_exist(path)?;
    let mut probe = if let Some(row) = MAPS.iter().find(|k| (k.detect)(path)) {
        (row.open)(path, &MapOptions::default())?.probe()?
    } else if let Some(row) = RECORDINGS.iter().find(|k| (k.detect)(path)) {
        (row.open)(path, &RecordingOptions::default())?.probe()?
    } else {
        let mut kinds: Vec<&str> = MAPS.iter().map(|k| k.name).chain(RECORDINGS.iter().map(|k| k.name)).collect();
        kinds.sort_unstable();
        kinds.dedup();
        return Err(unrecognised(path, kinds.into_iter()));
    };
    probe.path = path.display().to_string();
    Ok(probe)
}

fn must_exist(path: &Path) -> Result<()> {
    std::fs::metadata(path).map(|_| ()).map_err(|e| ErrorKind::io("read", e).in_file(path))
}

fn unknown<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> crate::Error {
    ErrorKind::Unknown { what: "kind", name: name.to_string() }
        .bare()
        .with_hint(format!("kinds: {}", known.collect::<Vec<_>>().join(", ")))
}

/// Of a path that no kind recognises: what is wrong with it, where its name and its start say so.
fn unrecognised<'a>(path: &Path, known: impl Iterator<Item = &'a str>) -> crate::Error {
    if std::fs::metadata(path).is_ok_and(|m| m.is_file() && m.len() == 0) {
        return ErrorKind::malformed("map or recording", "the file is empty").in_file(path);
    }
    if let Some(flaw) = recording::trace_file::flaw(path) {
        return flaw.in_file(path);
    }
    let known = known.collect::<Vec<_>>().join(", ");
    ErrorKind::Unsupported("this kind of file or folder".to_string())
        .in_file(path)
        .with_hint(format!("it looks like none of: {known}; a config can name its `kind`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_no_kind_recognises_is_told_what_is_wrong_with_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let gga = "$GPGGA,100000.00,4806.00000,N,01130.00000,E,1,08,1.0,50.0,M,20.0,M,,*5C\r\n";
        let utf16 = |mark: &[u8]| [mark, &gga.bytes().flat_map(|b| [b, 0]).collect::<Vec<_>>()].concat();
        for (name, bytes, said) in [
            ("a.csv", Vec::new(), "the file is empty"),
            ("a.pmtiles", Vec::new(), "the file is empty"),
            ("a.nmea", utf16(b"\xff\xfe"), "UTF-16: save it as UTF-8"),
            ("b.nmea", utf16(b""), "UTF-16: save it as UTF-8"),
            ("b.csv", b"1714521600,127.1,37.4\n1714521601,127.1,37.4\n".to_vec(), "no header: the first line of a CSV"),
            ("c.csv", b"1.5;-2;\r\n".to_vec(), "`lon`, `lat`"),
            ("d.csv", b"2024-05-01T00:00:00Z,127.1,37.4\n".to_vec(), "no header"),
            ("a.xyz", b"1,2\n".to_vec(), "is not supported"),
        ] {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).expect("written");
            let mapless = |path: &Path| open_recording(path, None, &RecordingOptions::default())?.probe();
            for error in [probe(&path).err(), mapless(&path).err()] {
                let error = error.expect("refused").to_string();
                assert!(error.contains(said) && error.contains(name), "{error}");
            }
        }
    }
}
