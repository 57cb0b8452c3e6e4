//! The fuzz targets of `fuzz/`, on a stable compiler: over their corpora, and over damaged seeds.

use std::fs;
use std::path::Path;

use proptest::prelude::*;

#[path = "../fuzz/targets.rs"]
mod targets;

use targets::TARGETS;

/// The corpus of a target, by file name; logs are those of the fixtures.
fn corpus(name: &str) -> Vec<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (folder, ending) = match name {
        "mcap" | "bag" => (root.join("tests/fixtures/logs"), name),
        _ => (root.join("fuzz/corpus").join(name), ""),
    };
    let entries = fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut paths: Vec<_> = entries.map(|e| e.expect("an entry").path()).collect();
    paths.retain(|p| p.to_string_lossy().ends_with(ending));
    paths.sort();
    assert!(!paths.is_empty(), "{name} has no seed");
    paths.iter().map(|p| fs::read(p).expect("readable")).collect()
}

#[test]
fn every_seed_is_read() {
    for (name, target) in TARGETS {
        for seed in corpus(name) {
            assert!(target(&seed) > 0, "a seed of {name} gives nothing: no damage of it goes deep");
        }
    }
}

#[test]
fn every_target_is_a_program() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let manifest = fs::read_to_string(root.join("Cargo.toml")).expect("readable");
    for (name, _) in TARGETS {
        let program = fs::read_to_string(root.join(format!("fuzz_targets/{name}.rs"))).expect("readable");
        assert!(program.contains(&format!("run(\"{name}\"")) && manifest.contains(&format!("name = \"{name}\"")));
    }
}

/// Damage: where, and what is done there.
#[derive(Debug, Clone)]
enum Damage {
    Flip(u8),
    Cut,
    Insert(Vec<u8>),
    Repeat(usize),
    Number(u32),
}

fn damage() -> impl Strategy<Value = (f64, Damage)> {
    let kind = prop_oneof![
        4 => any::<u8>().prop_map(Damage::Flip),
        1 => Just(Damage::Cut),
        1 => proptest::collection::vec(any::<u8>(), 1..9).prop_map(Damage::Insert),
        1 => (1usize..200).prop_map(Damage::Repeat),
        2 => prop_oneof![Just(0), Just(u32::MAX), Just(1 << 31), any::<u32>()].prop_map(Damage::Number),
    ];
    (0.0..1.0, kind)
}

fn apply(bytes: &mut Vec<u8>, (place, damage): &(f64, Damage)) {
    let at = (place * bytes.len() as f64) as usize;
    match damage {
        Damage::Flip(mask) => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= mask.max(&1);
            }
        }
        Damage::Cut => bytes.truncate(at),
        Damage::Insert(more) => {
            bytes.splice(at..at, more.iter().copied());
        }
        Damage::Repeat(length) => {
            let part = bytes[at..(at + length).min(bytes.len())].to_vec();
            bytes.splice(at..at, part);
        }
        Damage::Number(value) => {
            let end = (at + 4).min(bytes.len());
            bytes[at..end].copy_from_slice(&value.to_le_bytes()[..end - at]);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, ..ProptestConfig::default() })]

    #[test]
    fn damaged_seeds_end_in_a_word_not_in_a_panic(
        which in 0..TARGETS.len(),
        seed in any::<prop::sample::Index>(),
        damages in proptest::collection::vec(damage(), 1..6),
    ) {
        let (name, target) = TARGETS[which];
        let seeds = corpus(name);
        let mut bytes = seeds[seed.index(seeds.len())].clone();
        damages.iter().for_each(|d| apply(&mut bytes, d));
        let _ = target(&bytes);
    }
}
