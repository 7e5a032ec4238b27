//! Damage to DER: each element of a structure, in its tag, its length and its content.

use core::ops::Range;

/// A place in a structure whose change matters.
pub(crate) struct Place {
    /// As "2.0.1 length": by position in each structure from the outermost.
    pub(crate) name: String,
    /// Which byte, and which bit of it.
    pub(crate) at: usize,
    pub(crate) bit: u8,
}

/// The lowest bit of each element's tag and length, the lowest of its content's first byte and the highest of its
/// content's last.
pub(crate) fn places(der: &[u8]) -> Vec<Place> {
    let mut places = Vec::new();
    elements(der, 0..der.len(), "", &mut places);
    places
}

fn elements(der: &[u8], within: Range<usize>, path: &str, places: &mut Vec<Place>) {
    let mut at = within.start;
    for number in 0.. {
        if at >= within.end {
            return;
        }
        let path = if path.is_empty() { number.to_string() } else { format!("{path}.{number}") };
        let content = content(der, at);
        let mut place = |what: &str, at, bit| places.push(Place { name: format!("{path} {what}"), at, bit });
        place("tag", at, 0);
        place("length", content.start - 1, 0);
        if !content.is_empty() {
            place("first", content.start, 0);
            place("last", content.end - 1, 7);
        }
        const CONSTRUCTED: u8 = 0x20;
        if der[at] & CONSTRUCTED != 0 {
            elements(der, content.clone(), &path, places);
        }
        at = content.end;
    }
}

/// Where the content of the element at `at` lies.
fn content(der: &[u8], at: usize) -> Range<usize> {
    let short = usize::from(der[at + 1]);
    let (start, length) = match short.checked_sub(0x80) {
        None => (at + 2, short),
        Some(bytes) => {
            let digits = &der[at + 2..at + 2 + bytes];
            (at + 2 + bytes, digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)))
        }
    };
    start..start + length
}
