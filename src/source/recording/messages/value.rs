//! [`Value`]: a message of any encoding, decoded.

use std::ops::Range;
use std::sync::Arc;

use nalgebra::Vector3;

use crate::coord::Pose;

/// A field's value. Numbers of all sizes are `Int` or `Float`; long arrays of numbers are not boxed one by one.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    /// A whole number or a truth value.
    Int(i64),
    /// A fraction.
    Float(f64),
    /// Text; in JSON, also bytes in base64.
    Text(String),
    /// Where an array of bytes lies in the message.
    Bytes(Range<usize>),
    /// An array of numbers.
    Numbers(Vec<f64>),
    /// An array of anything else.
    List(Vec<Value>),
    /// Fields by name.
    Struct(Vec<(Arc<str>, Value)>),
}

impl Value {
    /// A field by its path, e.g. `pose.position.x`. ROS 1 writes `K` where ROS 2 writes `k`.
    pub(super) fn at(&self, path: &str) -> Option<&Value> {
        path.split('.').try_fold(self, |value, name| match value {
            Value::Struct(fields) => fields.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v),
            _ => None,
        })
    }

    /// A number; Protocol Buffers leave out what is 0.
    pub(super) fn number(&self, path: &str) -> f64 {
        match self.at(path) {
            Some(Value::Int(v)) => *v as f64,
            Some(Value::Float(v)) => *v,
            // JSON has no NaN, so writers put it into quotes.
            Some(Value::Text(text)) => text.parse().unwrap_or(f64::NAN),
            _ => 0.0,
        }
    }

    /// A whole number.
    pub(super) fn int(&self, path: &str) -> i64 {
        match self.at(path) {
            Some(Value::Int(v)) => *v,
            Some(Value::Float(v)) => *v as i64,
            _ => 0,
        }
    }

    /// A text, empty where there is none.
    pub(super) fn text(&self, path: &str) -> &str {
        match self.at(path) {
            Some(Value::Text(text)) => text,
            _ => "",
        }
    }

    /// An array of numbers, empty where there is none.
    pub(super) fn numbers(&self, path: &str) -> Vec<f64> {
        match self.at(path) {
            Some(Value::Numbers(numbers)) => numbers.clone(),
            Some(Value::List(list)) => list
                .iter()
                .map(|v| match v {
                    Value::Int(v) => *v as f64,
                    Value::Float(v) => *v,
                    _ => f64::NAN,
                })
                .collect(),
            _ => Vec::new(),
        }
    }

    /// The parts of an array, none where there is none.
    pub(super) fn list(&self, path: &str) -> &[Value] {
        match self.at(path) {
            Some(Value::List(list)) => list,
            _ => &[],
        }
    }

    /// A vector of `x`, `y`, `z`.
    pub(super) fn vector(&self, path: &str) -> Vector3<f64> {
        let part = |name: &str| self.at(path).map_or(0.0, |v| v.number(name));
        Vector3::new(part("x"), part("y"), part("z"))
    }

    /// A transform of a translation and a quaternion `x, y, z, w`; `None` where it is none.
    pub(super) fn pose(&self, translation: &str, rotation: &str) -> Option<Pose> {
        let t = self.vector(translation);
        let q = self.at(rotation)?;
        Pose::from_wxyz([t.x, t.y, t.z], [q.number("w"), q.number("x"), q.number("y"), q.number("z")])
    }

    /// Nanoseconds of a time of seconds and nanoseconds, whatever they are called; `None` where there is none.
    pub(super) fn time_ns(&self, path: &str) -> Option<i64> {
        let Some(Value::Struct(fields)) = self.at(path) else { return None };
        let part = |names: &[&str]| {
            let found = fields.iter().find(|(name, _)| names.contains(&name.as_ref())).map(|(_, value)| value);
            match found {
                Some(Value::Int(v)) => *v,
                _ => 0,
            }
        };
        part(&["sec", "secs", "seconds"])
            .checked_mul(1_000_000_000)?
            .checked_add(part(&["nsec", "nsecs", "nanosec", "nanos"]))
    }
}
