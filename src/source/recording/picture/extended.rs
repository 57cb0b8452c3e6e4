//! ExtendedXMP: the XMP document of a JPEG that did not fit into one segment.
//!
//! Source: Adobe, *XMP Specification Part 3: Storage in Files* (2020), section 1.1.3.1. The main document names the extended
//! one by its digest in `xmpNote:HasExtendedXMP`; each segment has that name, the whole length and its own offset, and
//! segments come in any order.

use std::collections::BTreeMap;

/// Hex digits of the digest that names a document.
const GUID: usize = 32;
/// Name, length and offset before a segment's text.
const HEAD: usize = GUID + 8;
const NAMED_BY: &[u8] = b"HasExtendedXMP";

/// The segments of a file so far.
#[derive(Debug, Default)]
pub(super) struct Extended {
    documents: BTreeMap<Vec<u8>, Document>,
    bytes: u64,
}

#[derive(Debug, Default)]
struct Document {
    length: u32,
    parts: BTreeMap<u32, Vec<u8>>,
}

impl Extended {
    /// Takes a segment, its signature cut off, as long as all have no more than `limit` bytes.
    pub(super) fn add(&mut self, segment: &[u8], limit: u64) {
        self.bytes += segment.len() as u64;
        let Some((head, text)) = segment.split_at_checked(HEAD).filter(|_| self.bytes <= limit) else { return };
        let number = |at: usize| head[at..].first_chunk().map_or(0, |bytes| u32::from_be_bytes(*bytes));
        let document = self.documents.entry(head[..GUID].to_ascii_uppercase()).or_default();
        document.length = number(GUID);
        document.parts.insert(number(GUID + 4), text.to_vec());
    }

    /// The document that the main one names, put together; or why there is none, where segments say that there should be.
    pub(super) fn join(mut self, main: &[u8]) -> Result<Option<Vec<u8>>, &'static str> {
        if self.documents.is_empty() {
            return Ok(None);
        }
        let Some(guid) = named(main) else {
            return Err("its extended XMP is not named by its XMP and is left out");
        };
        let Some(document) = self.documents.remove(&guid) else {
            return Err("its extended XMP has another digest than its XMP names and is left out");
        };
        let mut whole = Vec::new();
        for (offset, text) in document.parts {
            if offset as usize != whole.len() {
                return Err("a part of its extended XMP is missing, and it is left out");
            }
            whole.extend(text);
        }
        match whole.len() == document.length as usize {
            true => Ok(Some(whole)),
            false => Err("a part of its extended XMP is missing, and it is left out"),
        }
    }
}

/// The digest that a main document names, be it an attribute or an element.
fn named(main: &[u8]) -> Option<Vec<u8>> {
    let at = main.windows(NAMED_BY.len()).position(|w| w == NAMED_BY)? + NAMED_BY.len();
    let value = main[at..].iter().position(|b| b.is_ascii_alphanumeric())? + at;
    let guid = main.get(value..value + GUID)?;
    guid.iter().all(u8::is_ascii_hexdigit).then(|| guid.to_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ONE: &[u8] = b"0123456789ABCDEF0123456789ABCDEF";

    fn segment(guid: &[u8], length: u32, offset: u32, text: &str) -> Vec<u8> {
        [guid, &length.to_be_bytes(), &offset.to_be_bytes(), text.as_bytes()].concat()
    }

    fn join(segments: &[Vec<u8>], main: &str) -> Result<Option<String>, &'static str> {
        let mut extended = Extended::default();
        segments.iter().for_each(|s| extended.add(s, 1000));
        extended.join(main.as_bytes()).map(|whole| whole.map(|w| String::from_utf8_lossy(&w).into_owned()))
    }

    #[test]
    fn segments_in_any_order_are_the_document_that_the_main_one_names() {
        let parts = [segment(ONE, 13, 9, "here"), segment(ONE, 13, 0, "all "), segment(ONE, 13, 4, "of it")];
        let whole = Ok(Some("all of ithere".to_string()));
        for main in [
            "<x xmpNote:HasExtendedXMP=\"0123456789ABCDEF0123456789ABCDEF\"/>",
            "<x xmpNote:HasExtendedXMP = '0123456789abcdef0123456789abcdef'/>",
            "<xmpNote:HasExtendedXMP>0123456789ABCDEF0123456789ABCDEF</xmpNote:HasExtendedXMP>",
        ] {
            assert_eq!(join(&parts, main), whole, "{main}");
        }
        // Beside one of another name, as a tool leaves it behind that writes a new one.
        let other = segment(&[b'7'; 32], 3, 0, "old");
        let beside = [parts.as_slice(), std::slice::from_ref(&other)].concat();
        let main = "<x xmpNote:HasExtendedXMP=\"0123456789ABCDEF0123456789ABCDEF\"/>";
        assert_eq!(join(&beside, main), whole);
        assert_eq!(join(&[], main), Ok(None));
        assert!(join(&[other], main).is_err_and(|why| why.contains("another digest")));
        assert!(join(&parts, "<x/>").is_err_and(|why| why.contains("not named")));
    }

    #[test]
    fn a_document_with_a_missing_part_is_none() {
        let main = "HasExtendedXMP=\"0123456789ABCDEF0123456789ABCDEF\"";
        let [a, b, c] = [segment(ONE, 13, 0, "all "), segment(ONE, 13, 4, "of it"), segment(ONE, 13, 9, "here")];
        for parts in [[a.clone(), b.clone()], [a.clone(), c.clone()], [b.clone(), c.clone()]] {
            assert!(join(&parts, main).is_err_and(|why| why.contains("is missing")));
        }
        // The same part twice is one; one that reaches over its neighbour fits nothing.
        assert!(join(&[a.clone(), b.clone(), c.clone(), b.clone()], main).is_ok());
        assert!(join(&[a, segment(ONE, 13, 3, "lof it"), c], main).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_document_or_none(bytes in prop::collection::vec(any::<u8>(), 0..80), main in prop::collection::vec(any::<u8>(), 0..40)) {
            let mut extended = Extended::default();
            extended.add(&bytes, 1000);
            extended.add(&[ONE, &bytes].concat(), 1000);
            let _ = extended.join(&[b"HasExtendedXMP=", main.as_slice()].concat());
        }
    }
}
