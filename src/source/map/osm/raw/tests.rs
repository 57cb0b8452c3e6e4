//! What `raw` promises, on small files written here.

use std::io::Write;

use proptest::prelude::*;

use super::*;

/// Nodes, ways and relations of a file, with what was refused.
fn count(bytes: &[u8]) -> (Result<[usize; 3]>, Quarantine) {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(bytes).expect("written");
    let mut quarantine = Quarantine::new();
    let counted = OsmFile::open(file.path(), &Limits::default()).and_then(|osm| {
        let mut total = [0; 3];
        osm.scan(
            Kinds::ALL,
            &mut quarantine,
            || [0; 3],
            |n: &mut [usize; 3], element| match element {
                Element::Node(_) => n[0] += 1,
                Element::Way(_) => n[1] += 1,
                Element::Relation(_) => n[2] += 1,
            },
            |n| {
                total = [total[0] + n[0], total[1] + n[1], total[2] + n[2]];
                Ok(())
            },
        )?;
        Ok(total)
    });
    (counted, quarantine)
}

/// A PBF file of a header and one block: two dense nodes, a way and a relation.
fn small_pbf() -> Vec<u8> {
    fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
        [&[number << 3 | 2, bytes.len() as u8], bytes].concat()
    }
    fn blob(kind: &str, content: &[u8]) -> Vec<u8> {
        let blob = field(1, content);
        let header = [field(1, kind.as_bytes()), vec![3 << 3, blob.len() as u8]].concat();
        [&(header.len() as u32).to_be_bytes()[..], &header, &blob].concat()
    }
    let strings = [b"".as_slice(), b"highway", b"service"].map(|s| field(1, s)).concat();
    let dense = [field(1, &[2, 2]), field(8, &[20, 2]), field(9, &[40, 2]), field(10, &[0, 1, 2, 0])].concat();
    let way = [vec![1 << 3, 7], field(2, &[1]), field(3, &[2]), field(8, &[2, 2])].concat();
    let relation = [vec![1 << 3, 9], field(8, &[0]), field(9, &[14]), field(10, &[1])].concat();
    let group = [field(2, &dense), field(3, &way), field(4, &relation)].concat();
    let block = [field(1, &strings), field(2, &group)].concat();
    [blob("OSMHeader", &field(4, b"DenseNodes")), blob("OSMData", &block)].concat()
}

const SMALL_XML: &str = r#"<?xml version="1.0"?><osm version="0.6">
<node id="1" lat="37.1" lon="127.1"/><node id="2" lat="37.2" lon="127.2" visible="false"/>
<way id="7"><nd ref="1"/><nd ref="2"/><tag k="name" v="A &amp; B"/></way>
<relation id="9"><member type="way" ref="7" role="outer"/></relation></osm>"#;

#[test]
fn a_pbf_gives_its_elements() {
    let (counted, quarantine) = count(&small_pbf());
    assert_eq!(counted.expect("readable"), [2, 1, 1]);
    assert!(quarantine.is_empty(), "{quarantine:?}");
}

#[test]
fn deleted_objects_are_left_out_of_xml() {
    let (counted, quarantine) = count(SMALL_XML.as_bytes());
    assert_eq!(counted.expect("readable"), [1, 1, 1]);
    assert!(quarantine.is_empty());
}

#[test]
fn a_cut_pbf_gives_what_is_before_the_cut_and_names_the_byte() {
    let whole = small_pbf();
    let twice = [&whole[..], &whole[..whole.len() - 5]].concat();
    let (counted, quarantine) = count(&twice);
    assert_eq!(counted.expect("the first half is fine"), [2, 1, 1]);
    let (_, reason, refused) = quarantine.iter().next().expect("the cut is told");
    assert!(reason.contains("the file ends inside a blob"), "{reason}");
    assert!(refused.examples[0].contains("byte"), "{refused:?}");
}

#[test]
fn a_blob_that_lies_about_its_size_is_an_error_not_an_allocation() {
    let mut bytes = small_pbf();
    let at = bytes.iter().position(|&b| b == 3 << 3).expect("the size of the first blob");
    bytes.splice(at + 1..at + 2, [0xff, 0xff, 0xff, 0xff, 0x7f]);
    bytes[3] += 4;
    let (counted, _) = count(&bytes);
    let error = counted.expect_err("above the limit");
    assert!(matches!(error.kind(), ErrorKind::LimitExceeded { .. }), "{error}");
    assert!(error.location().is_some_and(|l| l.byte.is_some()));
}

#[test]
fn broken_xml_gives_what_is_before_the_break() {
    let (counted, quarantine) = count(&SMALL_XML.as_bytes()[..SMALL_XML.len() - 30]);
    assert_eq!(counted.expect("the first part is fine"), [1, 1, 0]);
    assert_eq!(quarantine.total(), 1);
}

#[test]
fn a_node_with_a_bad_position_is_refused_and_the_rest_is_read() {
    let text = SMALL_XML.replace("lat=\"37.1\"", "lat=\"north\"");
    let (counted, quarantine) = count(text.as_bytes());
    assert_eq!(counted.expect("readable"), [0, 1, 1]);
    assert_eq!(quarantine.total(), 1);
}

proptest! {
    #[test]
    fn mutated_pbf_never_panics(at in 0usize..200, byte: u8, cut in 0usize..200) {
        let mut bytes = small_pbf();
        let length = bytes.len();
        bytes[at % length] = byte;
        bytes.truncate(length - cut % length);
        let _any = count(&bytes);
    }

    #[test]
    fn mutated_xml_never_panics(at in 0usize..400, byte: u8) {
        let mut bytes = SMALL_XML.as_bytes().to_vec();
        let length = bytes.len();
        bytes[at % length] = byte;
        let _any = count(&bytes);
    }

    #[test]
    fn arbitrary_blocks_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _any = super::block::elements(&bytes, Kinds::ALL, &mut |_| {});
        let _any = super::block::inflate(&bytes, 1 << 20);
    }
}
