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

#[test]
fn the_config_of_the_documentation_is_one_and_its_defaults_are_the_defaults() {
    use worldloom::build::config::Config;
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/config.md")).expect("readable");
    let written = page.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).expect("an example");
    let shown: Config = toml::from_str(written).expect("a config");
    let least = "[dataset]\nname = \"a\"\nlicense = \"CC0-1.0\"\n[sample.references]\n";
    let least: Config = toml::from_str(least).expect("a config");
    assert_eq!(shown.fuse, least.fuse);
    assert_eq!(shown.sample, least.sample);
    assert_eq!(shown.privacy, least.privacy);
    assert_eq!(shown.split, least.split);
    assert_eq!(shown.output, least.output);
}
