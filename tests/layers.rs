//! The layers of `src/` point one way (DESIGN section 2): each folder uses only itself and those above it.

use std::fs;
use std::path::Path;

/// Folder and rank; a folder may use folders of a smaller rank, and those of the same rank that are named with it.
const LAYERS: &[(&str, u32, &[&str])] = &[
    ("error.rs", 0, &[]),
    ("coord", 1, &[]),
    ("time", 1, &[]),
    ("record", 2, &[]),
    ("source", 3, &[]),
    ("fuse", 4, &[]),
    ("render", 4, &["fuse"]),
    ("synth", 5, &[]),
    ("privacy", 5, &[]),
    ("sample", 5, &["privacy"]),
    ("dataset", 6, &[]),
    ("loader", 7, &[]),
    ("export", 7, &[]),
    ("show", 7, &[]),
    ("build", 8, &[]),
    ("cli", 9, &[]),
    ("python", 9, &["cli"]),
];

#[test]
fn every_module_uses_only_the_layers_above_it() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut wrong = Vec::new();
    let mut seen = 0;
    for &(layer, rank, siblings) in LAYERS {
        for file in files(&src.join(layer)) {
            let text = fs::read_to_string(&file).expect("readable source");
            for (number, line) in text.lines().enumerate() {
                for used in uses(line) {
                    seen += 1;
                    let Some(&(_, other, _)) = LAYERS.iter().find(|l| l.0.trim_end_matches(".rs") == used) else {
                        continue;
                    };
                    let own = layer.trim_end_matches(".rs") == used;
                    if !(own || other < rank || siblings.contains(&used.as_str())) {
                        wrong.push(format!("{}:{}: `{layer}` uses `{used}`", file.display(), number + 1));
                    }
                }
            }
        }
    }
    assert!(seen > 20, "found only {seen} uses: the test looks in the wrong place");
    assert!(wrong.is_empty(), "layers point the wrong way:\n{}", wrong.join("\n"));
}

/// The top-level modules that a line names after `crate::`, also inside `use crate::{a, b}`.
fn uses(line: &str) -> Vec<String> {
    let code = line.split("//").next().unwrap_or("");
    let mut found = Vec::new();
    for part in code.split("crate::").skip(1) {
        let word = |s: &str| s.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
        match part.strip_prefix('{') {
            Some(list) => found.extend(list.split(',').map(|item| word(item.trim()))),
            None => found.push(word(part)),
        }
    }
    found
}

fn files(path: &Path) -> Vec<std::path::PathBuf> {
    if path.is_file() {
        return vec![path.to_path_buf()];
    }
    let mut all = Vec::new();
    for entry in fs::read_dir(path).into_iter().flatten().flatten() {
        all.extend(files(&entry.path()));
    }
    all.retain(|f| f.extension().is_some_and(|e| e == "rs"));
    all
}
