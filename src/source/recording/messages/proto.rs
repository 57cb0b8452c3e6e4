//! Protocol Buffers: descriptors (`FileDescriptorSet`) and messages by them.
//!
//! Source: `protobuf.dev`, *Encoding*, and `google/protobuf/descriptor.proto`.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::Arc;

use super::value::Value;

const DEPTH: usize = 16;

#[derive(Debug, Clone, PartialEq)]
struct Field {
    name: Arc<str>,
    /// `FieldDescriptorProto.Type`.
    kind: u64,
    repeated: bool,
    message: Option<String>,
}

/// The messages of a schema, by full name without a leading dot.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Descriptors {
    messages: BTreeMap<String, HashMap<u64, Field>>,
    root: String,
}

/// A field as it stands in the bytes.
enum Raw {
    Number(u64),
    Bytes(Range<usize>),
}

/// Walks the fields of a message that lies at `range`.
fn walk(
    bytes: &[u8],
    range: Range<usize>,
    mut take: impl FnMut(u64, Raw) -> Result<(), &'static str>,
) -> Result<(), &'static str> {
    let mut at = range.start;
    while at < range.end {
        let key = varint(bytes, &mut at, range.end)?;
        let raw = match key & 7 {
            0 => Raw::Number(varint(bytes, &mut at, range.end)?),
            1 => Raw::Number(u64::from_le_bytes(fixed(bytes, &mut at, range.end)?)),
            5 => Raw::Number(u64::from(u32::from_le_bytes(fixed(bytes, &mut at, range.end)?))),
            2 => {
                let length = usize::try_from(varint(bytes, &mut at, range.end)?).map_err(|_| SHORT)?;
                let end = at.checked_add(length).filter(|end| *end <= range.end).ok_or(SHORT)?;
                let inside = at..end;
                at = end;
                Raw::Bytes(inside)
            }
            _ => return Err("a group, or no protobuf message"),
        };
        take(key >> 3, raw)?;
    }
    Ok(())
}

const SHORT: &str = "the message is cut off";

fn varint(bytes: &[u8], at: &mut usize, end: usize) -> Result<u64, &'static str> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = *bytes.get(*at).filter(|_| *at < end).ok_or(SHORT)?;
        *at += 1;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok(value);
        }
    }
    Err("a number has too many bytes")
}

fn fixed<const N: usize>(bytes: &[u8], at: &mut usize, end: usize) -> Result<[u8; N], &'static str> {
    let chunk = bytes.get(*at..end).and_then(|rest| rest.first_chunk::<N>()).ok_or(SHORT)?;
    *at += N;
    Ok(*chunk)
}

impl Descriptors {
    /// Parses a `FileDescriptorSet`; `root` is the message's full name.
    pub(super) fn parse(root: &str, bytes: &[u8]) -> Result<Descriptors, &'static str> {
        let mut messages = BTreeMap::new();
        walk(bytes, 0..bytes.len(), |number, raw| match (number, raw) {
            (1, Raw::Bytes(file)) => {
                let (mut package, mut inside) = (String::new(), Vec::new());
                walk(bytes, file, |number, raw| {
                    match (number, raw) {
                        (2, Raw::Bytes(name)) => package = text(bytes, name),
                        (4, Raw::Bytes(message)) => inside.push(message),
                        _ => {}
                    }
                    Ok(())
                })?;
                inside.into_iter().try_for_each(|message| descriptor(bytes, message, &package, &mut messages, 0))
            }
            _ => Ok(()),
        })?;
        if !messages.contains_key(root) {
            return Err("its schema does not define it");
        }
        Ok(Descriptors { messages, root: root.to_string() })
    }

    /// Decodes a message.
    pub(super) fn decode(&self, bytes: &[u8]) -> Result<Value, &'static str> {
        self.message(bytes, 0..bytes.len(), &self.root, 0)
    }

    fn message(&self, bytes: &[u8], range: Range<usize>, name: &str, depth: usize) -> Result<Value, &'static str> {
        let fields = self.messages.get(name).filter(|_| depth <= DEPTH).ok_or("its schema lacks a part")?;
        let mut values: Vec<(Arc<str>, Value)> = Vec::new();
        walk(bytes, range, |number, raw| {
            let Some(field) = fields.get(&number) else { return Ok(()) };
            let slot = values.iter().position(|(name, _)| *name == field.name);
            match (raw, field.kind) {
                // Packed numbers.
                (Raw::Bytes(inside), kind) if !matches!(kind, 9 | 11 | 12) => {
                    let mut numbers = match slot.map(|i| &mut values[i].1) {
                        Some(Value::Numbers(numbers)) => std::mem::take(numbers),
                        _ => Vec::new(),
                    };
                    let mut at = inside.start;
                    while at < inside.end {
                        let number = match kind {
                            1 | 6 | 16 => u64::from_le_bytes(fixed(bytes, &mut at, inside.end)?),
                            2 | 7 | 15 => u64::from(u32::from_le_bytes(fixed(bytes, &mut at, inside.end)?)),
                            _ => varint(bytes, &mut at, inside.end)?,
                        };
                        numbers.push(match scalar(kind, number) {
                            Value::Float(v) => v,
                            Value::Int(v) => v as f64,
                            _ => f64::NAN,
                        });
                    }
                    put(&mut values, slot, &field.name, Value::Numbers(numbers));
                }
                (raw, kind) => {
                    let value = match (raw, kind, &field.message) {
                        (Raw::Bytes(inside), 11, Some(name)) => self.message(bytes, inside, name, depth + 1)?,
                        (Raw::Bytes(inside), 9, _) => Value::Text(text(bytes, inside)),
                        (Raw::Bytes(inside), 12, _) => Value::Bytes(inside),
                        (Raw::Number(number), kind, _) => scalar(kind, number),
                        _ => return Ok(()),
                    };
                    match (field.repeated, slot.map(|i| &mut values[i].1)) {
                        (true, Some(Value::List(list))) => list.push(value),
                        (true, _) => put(&mut values, slot, &field.name, Value::List(vec![value])),
                        (false, _) => put(&mut values, slot, &field.name, value),
                    }
                }
            }
            Ok(())
        })?;
        Ok(Value::Struct(values))
    }
}

fn put(values: &mut Vec<(Arc<str>, Value)>, slot: Option<usize>, name: &Arc<str>, value: Value) {
    match slot {
        Some(slot) => values[slot].1 = value,
        None => values.push((name.clone(), value)),
    }
}

/// A number of a `FieldDescriptorProto.Type`.
fn scalar(kind: u64, number: u64) -> Value {
    match kind {
        1 => Value::Float(f64::from_bits(number)),
        2 => Value::Float(f64::from(f32::from_bits(number as u32))),
        5 | 15 => Value::Int(i64::from(number as u32 as i32)),
        17 | 18 => Value::Int((number >> 1) as i64 ^ -((number & 1) as i64)),
        _ => Value::Int(number as i64),
    }
}

fn text(bytes: &[u8], range: Range<usize>) -> String {
    String::from_utf8_lossy(&bytes[range]).into_owned()
}

/// A `DescriptorProto` and those nested in it.
fn descriptor(
    bytes: &[u8],
    range: Range<usize>,
    scope: &str,
    messages: &mut BTreeMap<String, HashMap<u64, Field>>,
    depth: usize,
) -> Result<(), &'static str> {
    if depth > DEPTH {
        return Err("its schema is nested too deeply");
    }
    let (mut name, mut fields, mut nested) = (String::new(), HashMap::new(), Vec::new());
    walk(bytes, range, |number, raw| {
        match (number, raw) {
            (1, Raw::Bytes(inside)) => name = text(bytes, inside),
            (3, Raw::Bytes(inside)) => nested.push(inside),
            (2, Raw::Bytes(inside)) => {
                let mut field = Field { name: Arc::from(""), kind: 0, repeated: false, message: None };
                let mut key = 0;
                walk(bytes, inside, |number, raw| {
                    match (number, raw) {
                        (1, Raw::Bytes(inside)) => field.name = Arc::from(text(bytes, inside)),
                        (3, Raw::Number(number)) => key = number,
                        (4, Raw::Number(label)) => field.repeated = label == 3,
                        (5, Raw::Number(kind)) => field.kind = kind,
                        (6, Raw::Bytes(inside)) => {
                            field.message = Some(text(bytes, inside).trim_start_matches('.').to_string());
                        }
                        _ => {}
                    }
                    Ok(())
                })?;
                fields.insert(key, field);
            }
            _ => {}
        }
        Ok(())
    })?;
    let full = if scope.is_empty() { name } else { format!("{scope}.{name}") };
    nested.into_iter().try_for_each(|inside| descriptor(bytes, inside, &full, messages, depth + 1))?;
    messages.insert(full, fields);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_bytes_are_survived(schema in proptest::collection::vec(any::<u8>(), 0..120), message in proptest::collection::vec(any::<u8>(), 0..120)) {
            if let Ok(descriptors) = Descriptors::parse("", &schema) {
                let _ = descriptors.decode(&message);
            }
        }
    }
}
