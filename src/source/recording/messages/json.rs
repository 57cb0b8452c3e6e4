//! Messages in JSON, as Foxglove's schemas have them.

use std::sync::Arc;

use super::value::Value;

/// Decodes a message.
pub(super) fn decode(bytes: &[u8]) -> Result<Value, &'static str> {
    let json: serde_json::Value = serde_json::from_slice(bytes).map_err(|_| "it is not valid JSON")?;
    Ok(value(json))
}

/// serde_json bounds the depth.
fn value(json: serde_json::Value) -> Value {
    use serde_json::Value as Json;
    match json {
        Json::Null => Value::Struct(Vec::new()),
        Json::Bool(v) => Value::Int(i64::from(v)),
        Json::Number(n) => n.as_i64().map(Value::Int).unwrap_or_else(|| Value::Float(n.as_f64().unwrap_or(f64::NAN))),
        Json::String(text) => Value::Text(text),
        Json::Array(list) => Value::List(list.into_iter().map(value).collect()),
        Json::Object(fields) => {
            Value::Struct(fields.into_iter().map(|(name, v)| (Arc::from(name.as_str()), value(v))).collect())
        }
    }
}
