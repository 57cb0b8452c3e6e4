//! Arrow IPC files (Feather V2) with flat columns: numbers, booleans and text, plain or compressed by LZ4 or Zstandard.
//!
//! A reader of its own because files come from strangers: every offset and length in them is checked against the
//! bytes that are there, and nothing is allocated on a file's word. The metadata is read by the verified flatbuffers
//! of `polars-arrow-format`.
//!
//! Source: Apache Arrow, *Columnar format*, sections "IPC File Format" and "Compression".

use std::io::{Read, Seek, SeekFrom};

use arrow_format::ipc::planus::ReadAsRoot;
use arrow_format::ipc::{
    CompressionType, Endianness, FieldRef, FooterRef, MessageHeaderRef, MessageRef, Precision, RecordBatchRef, TypeRef,
};

use crate::error::ErrorKind;

use super::Limits;

const FORMAT: &str = "Arrow IPC file";
const MAGIC: &[u8; 6] = b"ARROW1";

/// A column of a table, all batches joined. Nulls are NaN in floats, 0 in whole numbers and empty in text.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Column {
    /// Half, single or double precision.
    Float(Vec<f64>),
    /// Any whole numbers, booleans as 0 and 1; a u64 above i64 is clamped.
    Int(Vec<i64>),
    /// UTF-8.
    Text(Vec<String>),
}

impl Column {
    fn len(&self) -> usize {
        match self {
            Column::Float(v) => v.len(),
            Column::Int(v) => v.len(),
            Column::Text(v) => v.len(),
        }
    }
}

/// A table: its columns in file order.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Table {
    /// Rows of every column.
    pub(crate) rows: usize,
    columns: Vec<(String, Column, bool)>,
}

impl Table {
    /// Names, columns and whether a column is of double precision, in file order.
    pub(crate) fn columns(&self) -> impl Iterator<Item = (&str, &Column, bool)> {
        self.columns.iter().map(|(name, column, double)| (name.as_str(), column, *double))
    }

    /// A column of numbers as float64.
    pub(crate) fn floats(&self, name: &str) -> Result<Vec<f64>, ErrorKind> {
        match self.column(name)? {
            Column::Float(v) => Ok(v.clone()),
            Column::Int(v) => Ok(v.iter().map(|v| *v as f64).collect()),
            Column::Text(_) => Err(malformed(format!("column `{name}` holds text, not numbers"))),
        }
    }

    /// A column of whole numbers.
    pub(crate) fn ints(&self, name: &str) -> Result<&[i64], ErrorKind> {
        match self.column(name)? {
            Column::Int(v) => Ok(v),
            _ => Err(malformed(format!("column `{name}` holds no whole numbers"))),
        }
    }

    /// A column of text.
    pub(crate) fn text(&self, name: &str) -> Result<&[String], ErrorKind> {
        match self.column(name)? {
            Column::Text(v) => Ok(v),
            _ => Err(malformed(format!("column `{name}` holds no text"))),
        }
    }

    fn column(&self, name: &str) -> Result<&Column, ErrorKind> {
        let found = self.columns.iter().find(|(n, _, _)| n == name);
        found.map(|(_, column, _)| column).ok_or_else(|| malformed(format!("column `{name}` is missing")))
    }
}

/// The shape of a table, from its footer and the heads of its batches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shape {
    /// How many rows.
    pub(crate) rows: u64,
    /// Names of the columns, in file order.
    pub(crate) columns: Vec<String>,
}

/// The type of a flat column.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Half,
    Single,
    Double,
    Int { bytes: usize, signed: bool },
    Bool,
    Utf8 { wide: bool },
    Null,
}

/// Reads names and row count without touching the values.
pub(crate) fn shape<R: Read + Seek>(reader: &mut R, limits: &Limits) -> Result<Shape, ErrorKind> {
    let io = |e| ErrorKind::io("read", e);
    let size = reader.seek(SeekFrom::End(0)).map_err(io)?;
    let tail = read_at(reader, size.saturating_sub(10), 10)?;
    let footer_length = footer_length(&tail, size)?;
    let footer = read_at(reader, size - 10 - footer_length, footer_length)?;
    let (fields, blocks) = read_footer(&footer)?;
    let mut rows = 0u64;
    for block in &blocks {
        let message = read_at(reader, block.offset, block.metadata.min(size))?;
        rows = rows.saturating_add(batch_rows(&read_batch(&message)?)?);
    }
    check_rows(rows, limits)?;
    Ok(Shape { rows, columns: fields.into_iter().map(|(name, _)| name).collect() })
}

/// Reads a whole table.
///
/// # Errors
///
/// [`ErrorKind::Malformed`] for bytes that are not such a file, [`ErrorKind::Unsupported`] for nested or
/// dictionary-encoded columns, [`ErrorKind::LimitExceeded`] above `limits`.
pub(crate) fn read(bytes: &[u8], limits: &Limits) -> Result<Table, ErrorKind> {
    let size = bytes.len() as u64;
    let footer_length = footer_length(bytes.get(bytes.len().saturating_sub(10)..).unwrap_or_default(), size)?;
    let footer = slice(bytes, size - 10 - footer_length, footer_length)?;
    let (fields, blocks) = read_footer(footer)?;
    let mut table = Table { rows: 0, columns: Vec::with_capacity(fields.len()) };
    for (name, kind) in &fields {
        let column = match kind {
            Kind::Half | Kind::Single | Kind::Double => Column::Float(Vec::new()),
            Kind::Int { .. } | Kind::Bool | Kind::Null => Column::Int(Vec::new()),
            Kind::Utf8 { .. } => Column::Text(Vec::new()),
        };
        table.columns.push((name.clone(), column, *kind == Kind::Double));
    }
    // All batches together may become this much.
    let mut budget = limits.inflated_bytes;
    for block in &blocks {
        let batch = read_batch(slice(bytes, block.offset, block.metadata)?)?;
        let rows = batch_rows(&batch)?;
        check_rows((table.rows as u64).saturating_add(rows), limits)?;
        let body = slice(bytes, block.offset.saturating_add(block.metadata), block.body)?;
        let mut batch = Batch::new(&batch, body, rows as usize, &mut budget)?;
        for ((_, kind), (_, column, _)) in fields.iter().zip(&mut table.columns) {
            batch.read_column(*kind, column)?;
        }
        table.rows += rows as usize;
    }
    if table.columns.iter().any(|(_, column, _)| column.len() != table.rows) {
        return Err(malformed("columns of different lengths"));
    }
    Ok(table)
}

/// Where a batch lies.
struct Block {
    offset: u64,
    metadata: u64,
    body: u64,
}

/// One batch: buffers in the order of its columns.
struct Batch<'a> {
    body: &'a [u8],
    rows: usize,
    nulls: std::vec::IntoIter<i64>,
    buffers: std::vec::IntoIter<(u64, u64)>,
    codec: Option<CompressionType>,
    budget: &'a mut u64,
}

impl<'a> Batch<'a> {
    fn new(
        batch: &RecordBatchRef<'_>,
        body: &'a [u8],
        rows: usize,
        budget: &'a mut u64,
    ) -> Result<Batch<'a>, ErrorKind> {
        let nodes = batch.nodes().map_err(broken)?.into_iter().flatten();
        let nulls: Vec<i64> = nodes.map(|n| if n.length() == rows as i64 { n.null_count() } else { -1 }).collect();
        if nulls.iter().any(|n| *n < 0) {
            return Err(malformed("columns of different lengths"));
        }
        let unsigned = |v: i64| u64::try_from(v).map_err(|_| malformed("a negative offset"));
        let mut buffers = Vec::new();
        for buffer in batch.buffers().map_err(broken)?.into_iter().flatten() {
            buffers.push((unsigned(buffer.offset())?, unsigned(buffer.length())?));
        }
        let codec = match batch.compression().map_err(broken)? {
            Some(compression) => Some(compression.codec().map_err(broken)?),
            None => None,
        };
        Ok(Batch { body, rows, nulls: nulls.into_iter(), buffers: buffers.into_iter(), codec, budget })
    }

    fn read_column(&mut self, kind: Kind, into: &mut Column) -> Result<(), ErrorKind> {
        let nulls = self.nulls.next().ok_or_else(|| malformed("a batch with too few columns"))?;
        // Columns may share bytes of the file, or have none: what they become counts.
        self.spend((self.rows as u64).saturating_mul(8))?;
        if kind == Kind::Null {
            push_ints(into, (0..self.rows).map(|_| 0));
            return Ok(());
        }
        let validity = self.next_buffer()?;
        if nulls > 0 && validity.len() < self.rows.div_ceil(8) {
            return Err(malformed("a validity bitmap is too short"));
        }
        let valid = |row: usize| nulls == 0 || bit(&validity, row);
        match kind {
            Kind::Half | Kind::Single | Kind::Double => {
                let size = match kind {
                    Kind::Half => 2,
                    Kind::Single => 4,
                    _ => 8,
                };
                let values = self.next_values(size)?;
                let Column::Float(column) = into else { return Ok(()) };
                column.extend(values.chunks_exact(size).enumerate().map(|(row, v)| match (valid(row), v) {
                    (true, &[a, b]) => f64::from(half::f16::from_le_bytes([a, b])),
                    (true, &[a, b, c, d]) => f64::from(f32::from_le_bytes([a, b, c, d])),
                    (true, &[a, b, c, d, e, f, g, h]) => f64::from_le_bytes([a, b, c, d, e, f, g, h]),
                    _ => f64::NAN,
                }));
            }
            Kind::Int { bytes, signed } => {
                let values = self.next_values(bytes)?;
                push_ints(
                    into,
                    values.chunks_exact(bytes).enumerate().map(|(row, v)| if valid(row) { int(v, signed) } else { 0 }),
                );
            }
            Kind::Bool => {
                let bits = self.next_buffer()?;
                if bits.len() < self.rows.div_ceil(8) {
                    return Err(malformed("a column of booleans is too short"));
                }
                push_ints(into, (0..self.rows).map(|row| i64::from(valid(row) && bit(&bits, row))));
            }
            Kind::Utf8 { wide } => {
                let size = if wide { 8 } else { 4 };
                let offsets = self.next_buffer()?;
                let text = self.next_buffer()?;
                // An empty column may leave its offsets out.
                if self.rows > 0 && offsets.len() / size <= self.rows {
                    return Err(malformed("a column of text has too few offsets"));
                }
                let Column::Text(column) = into else { return Ok(()) };
                let at = |row: usize| int(&offsets[row * size..(row + 1) * size], true);
                for row in 0..self.rows {
                    if !valid(row) {
                        column.push(String::new());
                        continue;
                    }
                    let range = usize::try_from(at(row)).ok().zip(usize::try_from(at(row + 1)).ok());
                    let bytes = range.and_then(|(start, end)| text.get(start..end));
                    let word = bytes.and_then(|b| std::str::from_utf8(b).ok());
                    // Rows may share bytes, so text counts against the budget once more.
                    let word = word.ok_or_else(|| malformed("a text lies outside its column or is not UTF-8"))?;
                    self.spend(word.len() as u64)?;
                    column.push(word.to_string());
                }
            }
            Kind::Null => {}
        }
        Ok(())
    }

    /// The next buffer, cut to `rows` values of `size` bytes.
    fn next_values(&mut self, size: usize) -> Result<std::borrow::Cow<'a, [u8]>, ErrorKind> {
        let needed = self.rows.saturating_mul(size);
        let buffer = self.next_buffer()?;
        match buffer {
            std::borrow::Cow::Borrowed(b) => b.get(..needed).map(std::borrow::Cow::Borrowed),
            std::borrow::Cow::Owned(mut b) if b.len() >= needed => {
                b.truncate(needed);
                Some(std::borrow::Cow::Owned(b))
            }
            std::borrow::Cow::Owned(_) => None,
        }
        .ok_or_else(|| malformed("a column is too short"))
    }

    fn next_buffer(&mut self) -> Result<std::borrow::Cow<'a, [u8]>, ErrorKind> {
        let (offset, length) = self.buffers.next().ok_or_else(|| malformed("a batch with too few buffers"))?;
        let raw = slice(self.body, offset, length)?;
        let Some(codec) = self.codec.filter(|_| !raw.is_empty()) else { return Ok(raw.into()) };
        let (head, packed) =
            raw.split_first_chunk::<8>().ok_or_else(|| malformed("a compressed buffer is too short"))?;
        let unpacked = match i64::from_le_bytes(*head) {
            -1 => return Ok(packed.into()),
            n => u64::try_from(n).map_err(|_| malformed("a negative length"))?,
        };
        self.spend(unpacked)?;
        let mut out = Vec::new();
        let done = match codec {
            CompressionType::Lz4Frame => {
                lz4::Decoder::new(packed).and_then(|decoder| decoder.take(unpacked).read_to_end(&mut out))
            }
            CompressionType::Zstd => {
                zstd::Decoder::with_buffer(packed).and_then(|decoder| decoder.take(unpacked).read_to_end(&mut out))
            }
        };
        done.map_err(|e| malformed(format!("a buffer does not unpack: {e}")))?;
        if out.len() as u64 != unpacked {
            return Err(malformed("a buffer unpacks to too few bytes"));
        }
        Ok(out.into())
    }

    fn spend(&mut self, bytes: u64) -> Result<(), ErrorKind> {
        let what = "unpacked bytes of an Arrow IPC file";
        let limit = *self.budget;
        *self.budget = limit.checked_sub(bytes).ok_or(ErrorKind::LimitExceeded { what, found: bytes, limit })?;
        Ok(())
    }
}

fn push_ints(into: &mut Column, values: impl Iterator<Item = i64>) {
    if let Column::Int(column) = into {
        column.extend(values);
    }
}

fn bit(bits: &[u8], row: usize) -> bool {
    bits.get(row / 8).is_some_and(|byte| byte >> (row % 8) & 1 == 1)
}

/// A little-endian whole number of 1, 2, 4 or 8 bytes.
fn int(bytes: &[u8], signed: bool) -> i64 {
    let mut raw = [0u8; 8];
    raw[..bytes.len()].copy_from_slice(bytes);
    let bits = u64::from_le_bytes(raw);
    let unused = 64 - 8 * bytes.len() as u32;
    if signed { (bits << unused) as i64 >> unused } else { i64::try_from(bits).unwrap_or(i64::MAX) }
}

fn footer_length(tail: &[u8], size: u64) -> Result<u64, ErrorKind> {
    let Some((length, b"ARROW1")) = tail.split_first_chunk::<4>() else {
        let hint = if tail.ends_with(b"FEA1") { "Feather version 1" } else { "no `ARROW1` at the end: cut short?" };
        return Err(malformed(hint));
    };
    let length = u64::from(u32::from_le_bytes(*length));
    if length + 10 + MAGIC.len() as u64 > size {
        return Err(malformed("the footer is longer than the file"));
    }
    Ok(length)
}

/// Names and types of the columns, in file order.
type Fields = Vec<(String, Kind)>;

fn read_footer(footer: &[u8]) -> Result<(Fields, Vec<Block>), ErrorKind> {
    let footer = FooterRef::read_as_root(footer).map_err(broken)?;
    let schema = footer.schema().map_err(broken)?.ok_or_else(|| malformed("no schema"))?;
    if schema.endianness().map_err(broken)? != Endianness::Little {
        return Err(ErrorKind::Unsupported("a big-endian Arrow IPC file".to_string()));
    }
    let mut fields = Vec::new();
    for field in schema.fields().map_err(broken)?.into_iter().flatten() {
        let field = field.map_err(broken)?;
        let name = field.name().map_err(broken)?.unwrap_or_default().to_string();
        let kind = kind(&field, &name)?;
        fields.push((name, kind));
    }
    let mut blocks = Vec::new();
    for block in footer.record_batches().map_err(broken)?.into_iter().flatten() {
        let parts = (
            u64::try_from(block.offset()),
            u64::try_from(block.meta_data_length()),
            u64::try_from(block.body_length()),
        );
        let (Ok(offset), Ok(metadata), Ok(body)) = parts else {
            return Err(malformed("a negative offset"));
        };
        blocks.push(Block { offset, metadata, body });
    }
    Ok((fields, blocks))
}

fn kind(field: &FieldRef<'_>, name: &str) -> Result<Kind, ErrorKind> {
    let unsupported = || ErrorKind::Unsupported(format!("the type of column `{name}` in an Arrow IPC file"));
    if field.dictionary().map_err(broken)?.is_some() {
        return Err(unsupported());
    }
    Ok(match field.type_().map_err(broken)? {
        Some(TypeRef::FloatingPoint(float)) => match float.precision().map_err(broken)? {
            Precision::Half => Kind::Half,
            Precision::Single => Kind::Single,
            Precision::Double => Kind::Double,
        },
        Some(TypeRef::Int(number)) => match number.bit_width().map_err(broken)? {
            bits @ (8 | 16 | 32 | 64) => {
                Kind::Int { bytes: bits as usize / 8, signed: number.is_signed().map_err(broken)? }
            }
            _ => return Err(unsupported()),
        },
        Some(TypeRef::Timestamp(_)) => Kind::Int { bytes: 8, signed: true },
        Some(TypeRef::Bool(_)) => Kind::Bool,
        Some(TypeRef::Utf8(_)) => Kind::Utf8 { wide: false },
        Some(TypeRef::LargeUtf8(_)) => Kind::Utf8 { wide: true },
        Some(TypeRef::Null(_)) => Kind::Null,
        _ => return Err(unsupported()),
    })
}

/// The record batch in an encapsulated message: a continuation marker, a length, then the flatbuffer.
fn read_batch(message: &[u8]) -> Result<RecordBatchRef<'_>, ErrorKind> {
    // Files from before Arrow 0.15 have no marker.
    let skip = if message.starts_with(&[0xff; 4]) { 8 } else { 4 };
    let flatbuffer = message.get(skip..).ok_or_else(|| malformed("a message is too short"))?;
    match MessageRef::read_as_root(flatbuffer).map_err(broken)?.header().map_err(broken)? {
        Some(MessageHeaderRef::RecordBatch(batch)) => Ok(batch),
        _ => Err(malformed("a block is no record batch")),
    }
}

fn batch_rows(batch: &RecordBatchRef<'_>) -> Result<u64, ErrorKind> {
    u64::try_from(batch.length().map_err(broken)?).map_err(|_| malformed("a negative number of rows"))
}

fn check_rows(rows: u64, limits: &Limits) -> Result<(), ErrorKind> {
    if rows > limits.points {
        return Err(ErrorKind::LimitExceeded {
            what: "number of rows of an Arrow IPC file",
            found: rows,
            limit: limits.points,
        });
    }
    Ok(())
}

fn slice(bytes: &[u8], offset: u64, length: u64) -> Result<&[u8], ErrorKind> {
    let range = usize::try_from(offset).ok().zip(usize::try_from(offset.saturating_add(length)).ok());
    range.and_then(|(start, end)| bytes.get(start..end)).ok_or_else(|| malformed("an offset lies outside the file"))
}

/// Reads `length` bytes at `offset`; memory grows with what is there, not with what is asked for.
fn read_at<R: Read + Seek>(reader: &mut R, offset: u64, length: u64) -> Result<Vec<u8>, ErrorKind> {
    let mut bytes = Vec::new();
    reader.seek(SeekFrom::Start(offset)).map_err(|e| ErrorKind::io("read", e))?;
    reader.take(length).read_to_end(&mut bytes).map_err(|e| ErrorKind::io("read", e))?;
    if bytes.len() as u64 != length {
        return Err(malformed("an offset lies outside the file"));
    }
    Ok(bytes)
}

fn broken(error: arrow_format::ipc::planus::Error) -> ErrorKind {
    malformed(format!("broken metadata: {error}"))
}

fn malformed(reason: impl Into<String>) -> ErrorKind {
    ErrorKind::malformed(FORMAT, reason)
}
