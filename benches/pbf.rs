//! PBF objects a second: nodes, ways and relations of Porto with their tags, as `raw` streams them, and as features.
//!
//! Reads `$WORLDLOOM_DATA/porto-osm/porto_portugal.osm.pbf`; without it, says so. `benchmarks/pbf_vs_pyosmium.py`
//! compares with pyosmium.
#![allow(missing_docs)] // criterion's macros make undocumented functions

use std::hint::black_box;
use std::path::PathBuf;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use worldloom::Quarantine;
use worldloom::source::map::osm::raw::{Element, Kinds, OsmFile};
use worldloom::source::registry::open_map;
use worldloom::source::{Limits, MapOptions};

/// Nodes, ways and relations of the file, by pyosmium.
const OBJECTS: u64 = 347_944 + 51_458 + 357;

fn porto(c: &mut Criterion) {
    let Some(data) = std::env::var_os("WORLDLOOM_DATA").map(PathBuf::from) else {
        eprintln!("skipped: WORLDLOOM_DATA is not set");
        return;
    };
    let path = data.join("porto-osm/porto_portugal.osm.pbf");
    let mut group = c.benchmark_group("porto");
    group.throughput(Throughput::Elements(OBJECTS));
    group.sample_size(10);
    group.bench_function("raw", |b| {
        b.iter(|| {
            let file = OsmFile::open(&path, &Limits::default()).expect("an OSM file");
            let mut total = 0usize;
            let size = |n: &mut usize, element: Element<'_>| {
                *n += match element {
                    Element::Node(node) => node.tags.0.len(),
                    Element::Way(way) => way.refs.len() + way.tags.0.len(),
                    Element::Relation(relation) => relation.members.len() + relation.tags.0.len(),
                }
            };
            let fold = |n| {
                total += n;
                Ok(())
            };
            file.scan(Kinds::ALL, &mut Quarantine::new(), || 0, size, fold).expect("readable");
            black_box(total)
        });
    });
    group.bench_function("features", |b| {
        b.iter(|| {
            let map = open_map(&path, Some("osm"), &MapOptions::default()).expect("an OSM file");
            let mut count = 0usize;
            let mut sink = |feature| {
                black_box(feature);
                count += 1;
                Ok(())
            };
            map.read(None, &mut Quarantine::new(), &mut sink).expect("readable");
            count
        });
    });
    group.finish();
}

criterion_group!(benches, porto);
criterion_main!(benches);
