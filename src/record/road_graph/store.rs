//! A graph as a file that is mapped into memory, so that opening it again reads nothing it does not need.
//!
//! ```text
//! 0   8   "WLROADS" and the version of the layout
//! 8   32  blake3 of all that follows
//! 40  8   bytes of the header, little-endian
//! 48      the header, JSON: where each array lies, the classes and names, the caller's note
//!         the arrays, each from a multiple of 8 bytes, little-endian
//! ```

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use bytemuck::Pod;
use memmap2::Mmap;
use serde::{Deserialize, Serialize};

use super::RoadGraph;
use super::column::Column;
use super::grid::Grid;
use super::turns::Turns;
use crate::error::{ErrorKind, Result};

/// Begins every store; the last byte is the version of the layout.
const MAGIC: [u8; 8] = *b"WLROADS\x02";
/// Where the header begins.
const HEADER_AT: usize = 48;
/// Arrays begin at multiples of it.
const ALIGN: usize = 8;

#[derive(Debug, Default, Serialize, Deserialize)]
struct Header {
    /// Where each array lies in the file: first byte, bytes.
    arrays: BTreeMap<String, [u64; 2]>,
    classes: Vec<String>,
    names: Vec<String>,
    /// South, west and width of the grid.
    grid: [i64; 3],
    note: String,
}

impl RoadGraph {
    /// Writes the graph to a file that [`RoadGraph::open`] maps, with a note of the caller's.
    ///
    /// # Errors
    ///
    /// Where the file cannot be written. What is there then is no store: write beside, and rename.
    pub fn write(&self, path: &Path, note: &str) -> Result<()> {
        let failed = |e: std::io::Error| ErrorKind::io("write", e).in_file(path);
        let Grid { south, west, width, rows, columns, cells, entries } = &self.grid;
        let Turns { all, from, states } = &self.turns;
        let arrays: [(&str, &[u8]); 15] = [
            ("points", self.points.bytes()),
            ("along", self.along.bytes()),
            ("roads", self.roads.bytes()),
            ("stretches", self.stretches.bytes()),
            ("nodes", self.nodes.bytes()),
            ("out", self.out.bytes()),
            ("ways", self.ways.bytes()),
            ("turns", all.bytes()),
            ("turns_from", from.bytes()),
            ("turns_states", states.bytes()),
            ("grid_rows", rows.bytes()),
            ("grid_columns", columns.bytes()),
            ("grid_cells", cells.bytes()),
            ("grid_entries", entries.bytes()),
            ("end", &[]),
        ];
        let mut header = Header {
            classes: self.classes.clone(),
            names: self.names.clone(),
            grid: [*south, *west, *width],
            note: note.to_string(),
            ..Header::default()
        };
        // Places as wide as they can become, so that the header is as long as it will be.
        for (name, _) in &arrays {
            header.arrays.insert(name.to_string(), [u64::MAX; 2]);
        }
        let encode = |header: &Header| serde_json::to_vec(header).map_err(|e| failed(e.into()));
        let room = encode(&header)?.len().next_multiple_of(ALIGN);
        let mut at = HEADER_AT + room;
        for (name, bytes) in &arrays {
            header.arrays.insert(name.to_string(), [at as u64, bytes.len() as u64]);
            at = (at + bytes.len()).next_multiple_of(ALIGN);
        }
        let mut text = encode(&header)?;
        text.resize(room, b' ');

        let mut hash = blake3::Hasher::new();
        let padding = |bytes: &[u8]| [0; ALIGN][..bytes.len().next_multiple_of(ALIGN) - bytes.len()].to_vec();
        let length = (room as u64).to_le_bytes();
        hash.update(&length).update(&text);
        for (_, bytes) in &arrays {
            hash.update(bytes).update(&padding(bytes));
        }
        let mut file = std::io::BufWriter::new(File::create(path).map_err(failed)?);
        let mut put = |bytes: &[u8]| file.write_all(bytes).map_err(failed);
        put(&MAGIC)?;
        put(hash.finalize().as_bytes())?;
        put(&length)?;
        put(&text)?;
        for (_, bytes) in &arrays {
            put(bytes)?;
            put(&padding(bytes))?;
        }
        file.flush().map_err(failed)
    }

    /// Maps a file that [`RoadGraph::write`] wrote; the graph, and the note.
    ///
    /// # Errors
    ///
    /// Where it cannot be read, or is not whole or not of this version of the layout.
    pub fn open(path: &Path) -> Result<(RoadGraph, String)> {
        let file = File::open(path).map_err(|e| ErrorKind::io("open", e).in_file(path))?;
        // SAFETY: stores are written beside their place and renamed into it, never changed; whoever else writes to the
        // file while it is mapped changes numbers under us, which are read as numbers, with every index checked.
        let file = unsafe { Mmap::map(&file) }.map_err(|e| ErrorKind::io("map", e).in_file(path))?;
        let damaged = |what: &str| ErrorKind::Damaged(format!("a stored road graph: {what}")).in_file(path);
        if cfg!(target_endian = "big") {
            return Err(damaged("it is little-endian, this machine is not"));
        }
        if !file.starts_with(&MAGIC) || file.len() < HEADER_AT {
            return Err(damaged("it is none, or of another version"));
        }
        if blake3::Hasher::new().update(&file[40..]).finalize().as_bytes()[..] != file[8..40] {
            return Err(damaged("its bytes are not those that were written"));
        }
        let mut length = [0; 8];
        length.copy_from_slice(&file[40..HEADER_AT]);
        let end = usize::try_from(u64::from_le_bytes(length)).ok().and_then(|n| n.checked_add(HEADER_AT));
        let text = end.and_then(|end| file.get(HEADER_AT..end)).ok_or_else(|| damaged("it is cut"))?;
        let header: Header = serde_json::from_slice(text).map_err(|e| damaged(&e.to_string()))?;
        let arrays = Arrays { places: &header.arrays, file: Arc::new(file) };
        let graph = arrays.graph(&header).ok_or_else(|| damaged("an array is missing, or cut"))?;
        Ok((graph, header.note))
    }
}

struct Arrays<'a> {
    places: &'a BTreeMap<String, [u64; 2]>,
    file: Arc<Mmap>,
}

impl Arrays<'_> {
    fn column<T: Pod>(&self, name: &str) -> Option<Column<T>> {
        let [at, bytes] = self.places.get(name)?.map(|n| usize::try_from(n).ok());
        Column::mapped(&self.file, at?..at?.checked_add(bytes?)?)
    }

    fn graph(&self, header: &Header) -> Option<RoadGraph> {
        let [south, west, width] = header.grid;
        Some(RoadGraph {
            points: self.column("points")?,
            along: self.column("along")?,
            roads: self.column("roads")?,
            stretches: self.column("stretches")?,
            nodes: self.column("nodes")?,
            out: self.column("out")?,
            ways: self.column("ways")?,
            classes: header.classes.clone(),
            names: header.names.clone(),
            turns: Turns {
                all: self.column("turns")?,
                from: self.column("turns_from")?,
                states: self.column("turns_states")?,
            },
            grid: Grid {
                south,
                west,
                width,
                rows: self.column("grid_rows")?,
                columns: self.column("grid_columns")?,
                cells: self.column("grid_cells")?,
                entries: self.column("grid_entries")?,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Mode, Modes, Nearby, Restriction, RoadGraphBuilder, RoadLine, Via};
    use super::*;
    use crate::coord::LocalPlane;

    /// A block of streets with a bridge and a restriction.
    fn graph() -> RoadGraph {
        let node = |x: i64, y: i64| 10 * x + y + 1;
        let place = |x: i64, y: i64| (127.0 + 1e-3 * x as f64, 37.5 + 1e-3 * y as f64);
        let line = |id: i64, ends: [(i64, i64); 2]| RoadLine {
            id,
            class: if id % 2 == 0 { "residential" } else { "primary" }.to_string(),
            bridge: id == 3,
            level: i8::from(id == 3),
            nodes: ends.map(|(x, y)| node(x, y)).to_vec(),
            points: ends.map(|(x, y)| place(x, y)).to_vec(),
            access: [Modes::ALL, if id == 4 { Modes::NONE } else { Modes::ALL }],
            ..RoadLine::default()
        };
        let mut builder = RoadGraphBuilder::default();
        for i in 0..3 {
            for j in 0..2 {
                builder.lines.push(line(1 + 10 * i + j, [(i, j), (i, j + 1)]));
                builder.lines.push(line(5 + 10 * i + j, [(j, i), (j + 1, i)]));
            }
        }
        builder.lines.push(line(3, [(0, 0), (2, 2)]));
        let restriction = Restriction { from: 1, via: Via::Node(node(0, 1)), to: 15, only: false, modes: Modes::ALL };
        builder.restrictions.push(restriction);
        let (graph, lost) = builder.build();
        assert_eq!(lost, 0);
        graph
    }

    #[test]
    fn a_stored_graph_is_the_graph() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let (path, graph) = (folder.path().join("a.roads"), graph());
        graph.write(&path, "a note").expect("written");
        let (opened, note) = RoadGraph::open(&path).expect("opened");
        assert_eq!((note.as_str(), opened.bytes()), ("a note", graph.bytes()));
        assert_eq!(opened.ways(), graph.ways());
        assert_eq!(opened.class(0), graph.class(0));
        let next = |graph: &RoadGraph| -> Vec<Vec<u32>> {
            let of = |state| {
                let mut found: Vec<u32> = Vec::new();
                graph.next_states(state, Mode::Car, |next| found.push(next.state));
                found
            };
            (0..graph.state_count()).map(of).collect()
        };
        assert_eq!(next(&opened), next(&graph));
        let near = |graph: &RoadGraph| {
            let mut found = Nearby::default();
            graph.near(&LocalPlane::at(127.0, 37.5), (127.0005, 37.5008), 90.0, &mut found);
            found.segments
        };
        assert!(!near(&graph).is_empty());
        assert_eq!(near(&opened), near(&graph));
    }

    #[test]
    fn any_damage_is_told() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("a.roads");
        graph().write(&path, "").expect("written");
        let whole = std::fs::read(&path).expect("readable");
        let tells = |bytes: &[u8]| {
            std::fs::write(&path, bytes).expect("writable");
            RoadGraph::open(&path).is_err()
        };
        assert!(!tells(&whole));
        for at in (0..whole.len()).step_by(41) {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            assert!(tells(&changed), "a flipped bit of byte {at}");
            assert!(tells(&whole[..at]), "cut at {at}");
        }
    }
}
