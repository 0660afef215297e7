//! Pages of the index: which segments have which terms.

use std::collections::{BTreeMap, BTreeSet};

use super::term::Term;

/// Terms with the segments that have them. Segments are counted from the first of the page's run.
///
/// As bytes (postcard): for each term, in their order, the term and the bytes of its segments; these are the first
/// segment and the gaps to the ones after it. So a reader steps over what it does not want, and a term that is in every
/// segment takes a byte for each.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Postings(BTreeMap<Term, BTreeSet<u32>>);

impl Postings {
    /// Notes that a segment has a term.
    pub fn add(&mut self, term: Term, segment: u32) {
        self.0.entry(term).or_default().insert(segment);
    }

    /// Adds a page of a run that begins `offset` segments after this page's, but only terms that `takes`.
    pub fn absorb(&mut self, bytes: &[u8], offset: u32, takes: impl Fn(Term) -> bool) {
        for (term, segments) in records(bytes).filter(|(term, _)| takes(*term)) {
            let of_term = self.0.entry(term).or_default();
            of_term.extend(decode(segments).map(|segment| segment.saturating_add(offset)));
        }
    }

    /// The page's bytes.
    pub fn encode(&self) -> Result<Vec<u8>, postcard::Error> {
        let mut bytes = Vec::new();
        for (term, segments) in &self.0 {
            let mut of_term = Vec::with_capacity(segments.len());
            let mut before = 0;
            for segment in segments {
                of_term = postcard::to_extend(&(segment - before), of_term)?;
                before = *segment;
            }
            bytes = postcard::to_extend(&(*term, of_term.as_slice()), bytes)?;
        }
        Ok(bytes)
    }
}

/// The segments that have `term`, by a page's bytes, ascending.
pub fn find(bytes: &[u8], term: Term) -> Vec<u32> {
    records(bytes)
        .take_while(|(found, _)| *found <= term)
        .find(|(found, _)| *found == term)
        .map(|(_, segments)| decode(segments).collect())
        .unwrap_or_default()
}

/// A page's records. Bytes that are no record end it.
fn records(mut bytes: &[u8]) -> impl Iterator<Item = (Term, &[u8])> {
    std::iter::from_fn(move || {
        let (record, rest) = postcard::take_from_bytes::<(Term, &[u8])>(bytes).ok()?;
        bytes = rest;
        Some(record)
    })
}

fn decode(mut bytes: &[u8]) -> impl Iterator<Item = u32> {
    let mut before = 0_u32;
    std::iter::from_fn(move || {
        let (gap, rest) = postcard::take_from_bytes::<u32>(bytes).ok()?;
        bytes = rest;
        before = before.saturating_add(gap);
        Some(before)
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn page(of: &[(Term, u32)]) -> Postings {
        let mut page = Postings::default();
        for (term, segment) in of {
            page.add(*term, *segment);
        }
        page
    }

    #[test]
    fn a_term_of_every_segment_takes_a_byte_for_each() {
        let everywhere: Vec<(Term, u32)> = (0..1_000).map(|segment| (7, segment)).collect();
        let bytes = page(&everywhere).encode().unwrap();
        assert_eq!(bytes.len(), 1_000 + 3);
    }

    proptest! {
        #[test]
        fn what_was_noted_is_found(noted in prop::collection::vec((0..40_u32, 0..5_000_u32), 0..200)) {
            let bytes = page(&noted).encode().unwrap();
            for term in 0..41 {
                let mut expected: Vec<u32> = noted.iter().filter(|(t, _)| *t == term).map(|(_, s)| *s).collect();
                expected.sort_unstable();
                expected.dedup();
                prop_assert_eq!(find(&bytes, term), expected);
            }
        }

        #[test]
        fn pages_of_neighbours_make_the_page_of_all(
            first in prop::collection::vec((any::<Term>(), 0..16_u32), 0..100),
            second in prop::collection::vec((any::<Term>(), 0..16_u32), 0..100),
            border in any::<Term>(),
        ) {
            let mut merged = Postings::default();
            for (run, offset) in [(&first, 0), (&second, 16)] {
                merged.absorb(&page(run).encode().unwrap(), offset, |term| term >= border);
            }
            let all: Vec<(Term, u32)> = (first.iter().copied())
                .chain(second.iter().map(|(term, segment)| (*term, segment + 16)))
                .filter(|(term, _)| *term >= border)
                .collect();
            prop_assert_eq!(merged, page(&all));
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), term in any::<Term>()) {
            find(&bytes, term);
            Postings::default().absorb(&bytes, u32::MAX, |_| true);
        }
    }
}
