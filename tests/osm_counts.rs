//! OSM files hold as many nodes, ways and relations as pyosmium 4 counts in them (`tests/python/test_osm_counts.py`).

use std::path::PathBuf;

use worldloom::source::MapOptions;
use worldloom::source::registry::open_map;

/// File, nodes, ways, relations, ways with `highway`.
const GOLDEN: [(&str, u64, u64, u64, u64); 14] = [
    ("berlin-mitte/osm/berlin-siegessaeule.osm.gz", 5117, 418, 50, 146),
    ("berlin-mitte/osm/neukolln.osm", 4771, 700, 18, 211),
    ("graphhopper-matching/issue-70.osm.gz", 264, 36, 3, 29),
    ("graphhopper-matching/map-issue13.osm.gz", 144, 23, 4, 21),
    ("itinero-lille/network.osm.pbf", 16402, 2943, 113, 447),
    ("karlsruhe-hdmap/k733/k733_2020-09-15.osm", 288, 59, 38, 0),
    // pyosmium counts 1141: it does not know that the editor marked way 44218 as deleted (`action="delete"`).
    ("karlsruhe-hdmap/lanelet2/mapping_example.osm", 2258, 1140, 456, 0),
    ("monaco-versions/monaco-2012.osm.gz", 13739, 1944, 77, 866),
    ("monaco-versions/monaco-2021.osm.pbf", 25423, 4106, 243, 2379),
    ("motis-matching/karlsruhe-kirchfeld.osm.pbf", 29539, 4834, 101, 907),
    ("motis-matching/london-northern-line.osm.pbf", 73770, 20282, 1089, 16652),
    ("motis-matching/neuss-s11.osm.pbf", 26898, 5001, 321, 1284),
    ("portland-osm-dem/osm/portland-central-filtered.osm.pbf", 42293, 7188, 443, 7182),
    ("porto-osm/porto_portugal.osm.pbf", 347944, 51458, 357, 51349),
];

#[test]
fn counts_equal_those_of_pyosmium() {
    let Some(data) = std::env::var_os("WORLDLOOM_DATA").map(PathBuf::from) else {
        eprintln!("skipped: WORLDLOOM_DATA is not set");
        return;
    };
    for (file, nodes, ways, relations, highways) in GOLDEN {
        let source = open_map(&data.join(file), Some("osm"), &MapOptions::default()).expect("an OSM file");
        let probe = source.probe().expect("readable");
        let count = |what: &str| probe.counts.get(what).copied().unwrap_or(0);
        let found = (count("nodes"), count("ways"), count("relations"), count("ways/highway"));
        assert_eq!(found, (nodes, ways, relations, highways), "{file}");
        assert!(probe.problems.is_empty(), "{file}: {:?}", probe.problems);
    }
}
