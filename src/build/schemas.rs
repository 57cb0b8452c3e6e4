//! JSON Schemas of the files that users write, generated from the types that read them.
//!
//! `schemas/` holds them as files; a test holds the two in sync.

use schemars::{JsonSchema, schema_for};

use super::config::Config;

/// Every schema: its name and its text.
pub fn all() -> Vec<(&'static str, String)> {
    vec![("build", text::<Config>("worldloom build.toml"))]
}

fn text<T: JsonSchema>(title: &str) -> String {
    let mut schema = schema_for!(T);
    schema.insert("title".to_string(), title.into());
    let mut text = serde_json::to_string_pretty(&schema).expect("a schema is plain JSON");
    text.push('\n');
    text
}
