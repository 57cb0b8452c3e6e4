//! Messages of ROS: their definitions (`.msg` texts), and their bytes as ROS 1 and CDR (ROS 2) write them.
//!
//! Sources: the ROS wiki (*msg*, *Bags/Format/2.0*), `design.ros2.org` (*interface definition*), OMG's *DDS-XTypes* 1.3
//! section 7.4 (plain CDR: numbers aligned to their size behind the four bytes of the encapsulation).

use std::collections::BTreeMap;
use std::sync::Arc;

use super::value::Value;

/// Messages in messages deeper than this are no sensor data.
const DEPTH: usize = 16;

/// How bytes of a message are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wire {
    /// ROS 1: packed, little endian.
    Ros1,
    /// ROS 2: plain CDR.
    Cdr,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Bool,
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    U64,
    I64,
    F32,
    F64,
    Text,
    /// ROS 1's time and duration: two 32-bit numbers.
    Time,
    Struct(usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    One,
    Fixed(usize),
    Sequence,
}

#[derive(Debug, Clone, PartialEq)]
struct Field {
    name: Arc<str>,
    kind: Kind,
    shape: Shape,
}

/// A definition with all that it needs; the first type is the message.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Definition {
    types: Vec<Vec<Field>>,
}

/// `pkg/msg/Type` as `pkg/Type`.
pub(super) fn short_name(name: &str) -> String {
    match name.split('/').collect::<Vec<_>>().as_slice() {
        [package, "msg", kind] => format!("{package}/{kind}"),
        _ => name.to_string(),
    }
}

impl Definition {
    /// Parses a definition and those behind it, each after a line of `=` and `MSG: pkg/Type`.
    pub(super) fn parse(name: &str, text: &str) -> Result<Definition, String> {
        let mut texts: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        let main = short_name(name);
        let mut current = main.clone();
        texts.insert(current.clone(), Vec::new());
        for line in text.lines() {
            let line = line.trim();
            if let Some(next) = line.strip_prefix("MSG:") {
                current = short_name(next.trim());
                texts.insert(current.clone(), Vec::new());
            } else if !(line.len() > 10 && line.bytes().all(|c| c == b'=')) {
                texts.entry(current.clone()).or_default().push(line);
            }
        }
        let names: Vec<String> =
            std::iter::once(main.clone()).chain(texts.keys().filter(|n| **n != main).cloned()).collect();
        let mut types = Vec::with_capacity(names.len());
        for name in &names {
            let package = name.split('/').next().unwrap_or_default();
            let fields = texts[name].iter().filter_map(|line| field(line, package, &names).transpose());
            types.push(fields.collect::<Result<Vec<Field>, String>>()?);
        }
        Ok(Definition { types })
    }

    /// Decodes a message.
    pub(super) fn decode(&self, bytes: &[u8], wire: Wire) -> Result<Value, &'static str> {
        // Parts may take no bytes at all, so their number has a bound of its own.
        let budget = bytes.len().saturating_mul(4).saturating_add(4096);
        let mut cursor = Cursor { bytes, at: 0, start: 0, cdr: wire == Wire::Cdr, big: false, budget };
        if cursor.cdr {
            // The representation: 0 and 1 are plain CDR, big and little endian.
            match bytes.get(..4) {
                Some([0, order @ (0 | 1), _, _]) => cursor.big = *order == 0,
                Some(_) => return Err("its CDR representation is not supported"),
                None => return Err(SHORT),
            }
            (cursor.at, cursor.start) = (4, 4);
        }
        cursor.structure(self, 0, 0)
    }
}

/// A line's field; `None` for a constant, a comment or an empty line.
fn field(line: &str, package: &str, names: &[String]) -> Result<Option<Field>, String> {
    let line = line.split('#').next().unwrap_or_default().trim();
    let Some((kind, rest)) = line.split_once(char::is_whitespace) else { return Ok(None) };
    let rest = rest.trim_start();
    let name = rest.split(|c: char| c.is_whitespace() || c == '=').next().unwrap_or_default();
    // `uint8 FLAG=1` and `uint8 FLAG = 1` are constants; a default follows without a sign.
    if name.is_empty() || rest[name.len()..].trim_start().starts_with('=') {
        return Ok(None);
    }
    let (base, shape) = match kind.split_once('[') {
        Some((base, size)) => match size.trim_end_matches(']') {
            "" => (base, Shape::Sequence),
            size if size.starts_with("<=") => (base, Shape::Sequence),
            size => (base, Shape::Fixed(size.parse().map_err(|_| format!("`{kind}` is no type"))?)),
        },
        None => (kind, Shape::One),
    };
    let kind = match base {
        "bool" => Kind::Bool,
        "byte" | "char" | "uint8" => Kind::U8,
        "int8" => Kind::I8,
        "uint16" => Kind::U16,
        "int16" => Kind::I16,
        "uint32" => Kind::U32,
        "int32" => Kind::I32,
        "uint64" => Kind::U64,
        "int64" => Kind::I64,
        "float32" => Kind::F32,
        "float64" => Kind::F64,
        "time" | "duration" => Kind::Time,
        text if text == "string" || text.starts_with("string<=") => Kind::Text,
        other => {
            let full = short_name(other);
            let beside = format!("{package}/{full}");
            let header = format!("std_msgs/{full}");
            let found = names.iter().position(|n| *n == full || *n == beside);
            let found = found.or_else(|| names.iter().position(|n| *n == header));
            Kind::Struct(found.ok_or_else(|| format!("the definition of `{other}` is missing"))?)
        }
    };
    Ok(Some(Field { name: Arc::from(name), kind, shape }))
}

const SHORT: &str = "the message is shorter than its definition";

struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Where alignment counts from.
    start: usize,
    cdr: bool,
    big: bool,
    /// How many more structures there may be.
    budget: usize,
}

impl Cursor<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], &'static str> {
        if self.cdr {
            self.at += (N - (self.at - self.start) % N) % N;
        }
        let taken = self.bytes.get(self.at..).and_then(|rest| rest.first_chunk::<N>()).ok_or(SHORT)?;
        self.at += N;
        let mut taken = *taken;
        if self.big {
            taken.reverse();
        }
        Ok(taken)
    }

    fn length(&mut self) -> Result<usize, &'static str> {
        let length = u32::from_le_bytes(self.take()?) as usize;
        // Whatever the elements are, they cannot be more than the bytes that are left.
        if length > self.bytes.len().saturating_sub(self.at) { Err(SHORT) } else { Ok(length) }
    }

    fn number(&mut self, kind: Kind) -> Result<Value, &'static str> {
        Ok(match kind {
            Kind::Bool | Kind::U8 => Value::Int(i64::from(self.take::<1>()?[0])),
            Kind::I8 => Value::Int(i64::from(i8::from_le_bytes(self.take()?))),
            Kind::U16 => Value::Int(i64::from(u16::from_le_bytes(self.take()?))),
            Kind::I16 => Value::Int(i64::from(i16::from_le_bytes(self.take()?))),
            Kind::U32 => Value::Int(i64::from(u32::from_le_bytes(self.take()?))),
            Kind::I32 => Value::Int(i64::from(i32::from_le_bytes(self.take()?))),
            Kind::U64 => Value::Int(i64::from_le_bytes(self.take()?)),
            Kind::I64 => Value::Int(i64::from_le_bytes(self.take()?)),
            Kind::F32 => Value::Float(f64::from(f32::from_le_bytes(self.take()?))),
            _ => Value::Float(f64::from_le_bytes(self.take()?)),
        })
    }

    fn structure(&mut self, definition: &Definition, index: usize, depth: usize) -> Result<Value, &'static str> {
        if depth > DEPTH {
            return Err("its definition is nested too deeply");
        }
        self.budget = self.budget.checked_sub(1).ok_or("it has more parts than bytes")?;
        let fields = definition.types.get(index).ok_or(SHORT)?;
        let mut values = Vec::with_capacity(fields.len());
        for field in fields {
            values.push((field.name.clone(), self.field(definition, field, depth)?));
        }
        Ok(Value::Struct(values))
    }

    fn field(&mut self, definition: &Definition, field: &Field, depth: usize) -> Result<Value, &'static str> {
        let count = match field.shape {
            Shape::One => return self.one(definition, field.kind, depth),
            Shape::Fixed(count) if count > self.bytes.len() => return Err(SHORT),
            Shape::Fixed(count) => count,
            Shape::Sequence => self.length()?,
        };
        match field.kind {
            Kind::U8 | Kind::I8 | Kind::Bool => {
                let range = self.at..self.at + count;
                self.bytes.get(range.clone()).ok_or(SHORT)?;
                self.at = range.end;
                Ok(Value::Bytes(range))
            }
            Kind::Text | Kind::Time | Kind::Struct(_) => {
                let mut list = Vec::new();
                for _ in 0..count {
                    list.push(self.one(definition, field.kind, depth)?);
                }
                Ok(Value::List(list))
            }
            number => {
                let mut numbers = Vec::with_capacity(count.min(self.bytes.len() / 2));
                for _ in 0..count {
                    numbers.push(match self.number(number)? {
                        Value::Float(v) => v,
                        Value::Int(v) => v as f64,
                        _ => f64::NAN,
                    });
                }
                Ok(Value::Numbers(numbers))
            }
        }
    }

    fn one(&mut self, definition: &Definition, kind: Kind, depth: usize) -> Result<Value, &'static str> {
        match kind {
            Kind::Struct(index) => self.structure(definition, index, depth + 1),
            Kind::Text => {
                let length = self.length()?;
                let bytes = &self.bytes[self.at..self.at + length];
                self.at += length;
                // CDR counts the zero behind the text.
                let text = if self.cdr { bytes.strip_suffix(&[0]).unwrap_or(bytes) } else { bytes };
                Ok(Value::Text(String::from_utf8_lossy(text).into_owned()))
            }
            Kind::Time => {
                let (sec, nsec) = (u32::from_le_bytes(self.take()?), u32::from_le_bytes(self.take()?));
                let part = |name: &str, v: u32| (Arc::from(name), Value::Int(i64::from(v)));
                Ok(Value::Struct(vec![part("sec", sec), part("nsec", nsec)]))
            }
            number => self.number(number),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TEXT: &str = "# a comment\nstd_msgs/Header header\nuint8 FLAG = 3\nbool on false\nfloat64[3] d\nPart[] parts\n\
        string<=10 name\nuint8[] data\n================================================================================\n\
        MSG: std_msgs/Header\nbuiltin_interfaces/Time stamp\nstring frame_id\n================\n\
        MSG: builtin_interfaces/Time\nint32 sec\nuint32 nanosec\n===========\nMSG: demo/Part\nuint16 n\n";

    #[test]
    fn cdr_is_aligned_and_ros_1_is_packed() {
        let definition = Definition::parse("demo/msg/Whole", TEXT).expect("a definition");
        let mut cdr = vec![0, 1, 0, 0];
        cdr.extend([7, 0, 0, 0, 5, 0, 0, 0, 3, 0, 0, 0, b'a', b'b', 0, 1]);
        cdr.extend([1.0_f64, 2.0, 3.0].map(f64::to_le_bytes).concat());
        cdr.extend([2, 0, 0, 0, 1, 0, 2, 0, 2, 0, 0, 0, b'x', 0, 0, 0, 2, 0, 0, 0, 8, 9]);
        let mut ros1 = vec![7, 0, 0, 0, 5, 0, 0, 0, 2, 0, 0, 0, b'a', b'b', 1];
        ros1.extend([1.0_f64, 2.0, 3.0].map(f64::to_le_bytes).concat());
        ros1.extend([2, 0, 0, 0, 1, 0, 2, 0, 1, 0, 0, 0, b'x', 2, 0, 0, 0, 8, 9]);
        for (bytes, wire) in [(cdr, Wire::Cdr), (ros1, Wire::Ros1)] {
            let value = definition.decode(&bytes, wire).expect("decodes");
            assert_eq!(value.time_ns("header.stamp"), Some(7_000_000_005));
            assert_eq!((value.text("header.frame_id"), value.int("on"), value.text("name")), ("ab", 1, "x"));
            assert_eq!(value.numbers("D"), [1.0, 2.0, 3.0]);
            assert_eq!(value.list("parts").iter().map(|p| p.int("n")).collect::<Vec<_>>(), [1, 2]);
            let Some(Value::Bytes(range)) = value.at("data") else { panic!("bytes") };
            assert_eq!(bytes[range.clone()], [8, 9]);
            for cut in 0..bytes.len() {
                assert!(definition.decode(&bytes[..cut], wire).is_err(), "{cut}");
            }
        }
        assert!(Definition::parse("a/B", "Missing x").is_err());
        // Arrays in arrays of nothing would never end.
        let nothing: String = (0..12).map(|i| format!("MSG: a/T{i}\nT{}[99] x\n", i + 1)).collect();
        let endless = Definition::parse("a/T", &format!("T0[99] x\n{nothing}MSG: a/T12\n")).expect("a definition");
        assert_eq!(endless.decode(&[0; 100], Wire::Ros1), Err("it has more parts than bytes"));
    }

    proptest! {
        #[test]
        fn any_text_and_bytes_are_survived(text in "(uint8|string|time|B|a/B|float32)(\\[[0-9]{0,3}\\])? [a-z]{1,3}\\n(MSG: a/B\\n)?(int8|B) x\\n", bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            if let Ok(definition) = Definition::parse("a/A", &text) {
                let _ = (definition.decode(&bytes, Wire::Cdr), definition.decode(&bytes, Wire::Ros1));
            }
        }
    }
}
