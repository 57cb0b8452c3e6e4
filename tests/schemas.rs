//! `schemas/` holds what `worldloom schema` prints.

use std::fs;
use std::path::Path;

#[test]
fn the_schemas_are_those_of_the_types() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas");
    let all = worldloom::build::schemas::all();
    for (name, text) in &all {
        let file = folder.join(format!("{name}.schema.json"));
        let written = fs::read_to_string(&file).unwrap_or_default();
        assert_eq!(&written, text, "run: worldloom schema {name} > schemas/{name}.schema.json");
    }
    assert_eq!(fs::read_dir(folder).expect("schemas/").count(), all.len());
}
