//! Pictures and points of messages as files: what lies in a message as a file is given as it is, rows of pixels become a
//! PNG, packed points a PCD.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use image::ExtendedColorType;

use super::super::picture::encode_png;
use super::block;
use super::value::Value;
use crate::error::ErrorKind;
use crate::record::{MessageLayout, MessageRef};

/// The file that a message's payload is or becomes.
///
/// # Errors
///
/// Where the block cannot be read, or the payload is not as long as its message says.
pub(in crate::source) fn message_media(message: &MessageRef) -> Result<Vec<u8>, ErrorKind> {
    let bytes = block::read(&message.block)?;
    let range = usize::try_from(message.start).ok().zip(usize::try_from(message.length).ok());
    let payload = range.and_then(|(start, length)| bytes.get(start..start.checked_add(length)?));
    let payload = payload.ok_or_else(|| ErrorKind::malformed("message", "its block is shorter than it was"))?;
    match message.base64 {
        true => file(&decode_base64(payload)?, &message.layout),
        false => file(payload, &message.layout),
    }
}

/// Bytes in base64.
pub(super) fn decode_base64(text: &[u8]) -> Result<Vec<u8>, ErrorKind> {
    STANDARD.decode(text).map_err(|e| ErrorKind::malformed("base64", e.to_string()))
}

fn file(payload: &[u8], layout: &MessageLayout) -> Result<Vec<u8>, ErrorKind> {
    match *layout {
        MessageLayout::File => Ok(payload.to_vec()),
        MessageLayout::Pixels { width, height, step, channels, bgr } => {
            let mut pixels = rows(payload, u64::from(width) * u64::from(channels), height, step)?;
            if bgr {
                pixels.chunks_exact_mut(usize::from(channels)).for_each(|pixel| pixel.swap(0, 2));
            }
            let colour = match channels {
                1 => ExtendedColorType::L8,
                3 => ExtendedColorType::Rgb8,
                _ => ExtendedColorType::Rgba8,
            };
            encode_png(&pixels, width, height, colour)
        }
        MessageLayout::Points { ref header, stride, width, height, step } => {
            let mut pcd = header.clone().into_bytes();
            pcd.extend(rows(payload, u64::from(width) * u64::from(stride), height, step)?);
            Ok(pcd)
        }
    }
}

/// Rows of `row` bytes, what pads them taken off.
fn rows(payload: &[u8], row: u64, height: u32, step: u32) -> Result<Vec<u8>, ErrorKind> {
    let needed = rows_length(row, height, step);
    let fits = row <= u64::from(step) && needed.is_some_and(|needed| needed <= payload.len() as u64);
    if !fits {
        return Err(ErrorKind::malformed("message", "its data are shorter than its rows"));
    }
    let mut bytes = Vec::new();
    for i in 0..height as usize {
        let start = i * step as usize;
        bytes.extend_from_slice(&payload[start..start + row as usize]);
    }
    Ok(bytes)
}

/// Bytes of rows of which the last need not be padded.
fn rows_length(row: u64, height: u32, step: u32) -> Option<u64> {
    match height.checked_sub(1) {
        Some(before) => (u64::from(before) * u64::from(step)).checked_add(row),
        None => Some(0),
    }
}

/// The layout of a raw picture of `available` bytes.
pub(super) fn pixels(value: &Value, available: u64, limit: u64) -> Result<MessageLayout, String> {
    let encoding = value.text("encoding");
    let (channels, bgr) = match encoding.to_ascii_lowercase().as_str() {
        "mono8" | "8uc1" => (1, false),
        "rgb8" => (3, false),
        "bgr8" | "8uc3" => (3, true),
        "rgba8" => (4, false),
        "bgra8" | "8uc4" => (4, true),
        _ => return Err(format!("a raw picture of encoding `{encoding}` is not supported")),
    };
    let (width, height) = sides(value)?;
    if u64::from(width) * u64::from(height) > limit {
        return Err("the picture has more pixels than the limit".to_string());
    }
    let row = width * channels;
    let step = match value.int("step") {
        0 => row,
        step => u32::try_from(step).map_err(|_| "its step is no length".to_string())?,
    };
    if step < row || rows_length(u64::from(row), height, step).is_none_or(|needed| needed > available) {
        return Err("the picture's data are shorter than its rows".to_string());
    }
    Ok(MessageLayout::Pixels { width, height, step, channels: channels as u8, bgr })
}

fn sides(value: &Value) -> Result<(u32, u32), String> {
    let side = |name: &str| u32::try_from(value.int(name)).ok().filter(|v| (1..=1 << 20).contains(v));
    side("width").zip(side("height")).ok_or_else(|| "its width and height are no size".to_string())
}

/// A field of a point: name, offset, size in bytes, PCD's letter of its type.
struct Field {
    name: String,
    offset: u64,
    size: u64,
    letter: char,
}

/// The layout of a cloud of `available` bytes, and how many points it has; `foxglove` says whose numbers types have.
pub(super) fn points(
    value: &Value,
    available: u64,
    foxglove: bool,
    limit: u64,
) -> Result<(MessageLayout, u64), String> {
    let kinds: [(u64, char); 9] = match foxglove {
        true => [(0, 'U'), (1, 'U'), (1, 'I'), (2, 'U'), (2, 'I'), (4, 'U'), (4, 'I'), (4, 'F'), (8, 'F')],
        false => [(0, 'U'), (1, 'I'), (1, 'U'), (2, 'I'), (2, 'U'), (4, 'I'), (4, 'U'), (4, 'F'), (8, 'F')],
    };
    if value.int("is_bigendian") != 0 {
        return Err("points in big-endian order are not supported".to_string());
    }
    let stride = value.int(if foxglove { "point_stride" } else { "point_step" });
    let stride = u64::try_from(stride).ok().filter(|s| (1..=65_536).contains(s)).ok_or("its point has no size")?;
    let mut fields = Vec::new();
    for field in value.list("fields") {
        let kind = usize::try_from(field.int(if foxglove { "type" } else { "datatype" })).unwrap_or(0);
        let (size, letter) = kinds.get(kind).copied().filter(|k| k.0 > 0).ok_or("a field's type is unknown")?;
        let count = if foxglove { 1 } else { field.int("count").max(1) };
        let offset = u64::try_from(field.int("offset")).map_err(|_| "a field has no offset")?;
        let name: String = field.text("name").chars().map(|c| if c.is_ascii_graphic() { c } else { '_' }).collect();
        // Counts above one are arrays that a cloud has no place for: they are passed over as padding.
        if count == 1 && !name.is_empty() {
            fields.push(Field { name, offset, size, letter });
        }
    }
    fields.sort_by_key(|f| f.offset);
    let (mut names, mut sizes, mut types, mut counts) = (String::new(), String::new(), String::new(), String::new());
    let mut column = |name: &str, size: u64, letter: char, count: u64| {
        names += &format!(" {name}");
        sizes += &format!(" {size}");
        types += &format!(" {letter}");
        counts += &format!(" {count}");
    };
    let mut at = 0;
    for field in &fields {
        if field.offset < at || field.offset + field.size > stride {
            return Err("its fields overlap or leave the point".to_string());
        }
        if field.offset > at {
            column("_", 1, 'U', field.offset - at);
        }
        column(&field.name, field.size, field.letter, 1);
        at = field.offset + field.size;
    }
    if at < stride {
        column("_", 1, 'U', stride - at);
    }
    let (width, height) = match foxglove {
        true => (u32::try_from(available / stride).map_err(|_| "it has too many points")?, 1),
        false => {
            let side = |name: &str| u32::try_from(value.int(name)).map_err(|_| "its width or height is no size");
            (side("width")?, side("height")?)
        }
    };
    let points = u64::from(width) * u64::from(height);
    if points > limit {
        return Err("the cloud has more points than the limit".to_string());
    }
    let row = u64::from(width) * stride;
    let step = match value.int("row_step") {
        step if foxglove || step == 0 || height <= 1 => row,
        step => u64::try_from(step).map_err(|_| "its step is no length")?,
    };
    let step = u32::try_from(step).map_err(|_| "its rows are too long")?;
    if u64::from(step) < row || rows_length(row, height, step).is_none_or(|needed| needed > available) {
        return Err("the cloud's data are shorter than its points".to_string());
    }
    let header = format!(
        "# .PCD v0.7\nVERSION 0.7\nFIELDS{names}\nSIZE{sizes}\nTYPE{types}\nCOUNT{counts}\nWIDTH {width}\nHEIGHT {height}\n\
         VIEWPOINT 0 0 0 1 0 0 0\nPOINTS {points}\nDATA binary\n"
    );
    Ok((MessageLayout::Points { header, stride: stride as u32, width, height, step }, points))
}
