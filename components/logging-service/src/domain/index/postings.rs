//! Pages of the index: which segments have which terms.

use std::collections::{BTreeMap, BTreeSet};

use super::term::Term;

/// Terms with the segments that have them. Segments are counted from the first of the page's run.
///
/// As bytes: how many terms there are, the terms in their order, where the segments of each end, and then the segments:
/// of each term the first one and the gaps to the ones after it (postcard's integers). All other numbers are 32 bits,
/// little-endian. So a term is found by halving, and one that is in every segment takes a byte for each.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Postings(BTreeMap<Term, BTreeSet<u32>>);

impl Postings {
    /// Notes that a segment has a term.
    pub fn add(&mut self, term: Term, segment: u32) {
        self.0.entry(term).or_default().insert(segment);
    }

    /// Adds a page of a run that begins `offset` segments after this page's, but only terms that `takes`.
    pub fn absorb(&mut self, bytes: &[u8], offset: u32, takes: impl Fn(Term) -> bool) {
        let Some(parts) = Parts::of(bytes) else {
            return;
        };
        let terms = (0..parts.terms.len()).filter_map(|place| Some((place, parts.term(place)?)));
        for (place, term) in terms.filter(|(_, term)| takes(*term)) {
            let of_term = self.0.entry(term).or_default();
            of_term.extend(
                parts
                    .segments(place)
                    .map(|segment| segment.saturating_add(offset)),
            );
        }
    }

    /// The page's bytes.
    pub fn encode(&self) -> Result<Vec<u8>, postcard::Error> {
        let mut ends = Vec::with_capacity(self.0.len());
        let mut all_segments = Vec::new();
        for segments in self.0.values() {
            let mut before = 0;
            for segment in segments {
                all_segments = postcard::to_extend(&(segment - before), all_segments)?;
                before = *segment;
            }
            ends.push(number(all_segments.len())?);
        }
        let mut bytes = number(self.0.len())?.to_vec();
        bytes.extend(self.0.keys().flat_map(|term| term.to_le_bytes()));
        bytes.extend(ends.into_iter().flatten());
        bytes.append(&mut all_segments);
        Ok(bytes)
    }
}

const WORD: usize = size_of::<u32>();

fn number(number: usize) -> Result<[u8; WORD], postcard::Error> {
    let number = u32::try_from(number).map_err(|_| postcard::Error::SerializeBufferFull)?;
    Ok(number.to_le_bytes())
}

/// The parts of a page's bytes.
struct Parts<'a> {
    terms: &'a [[u8; WORD]],
    ends: &'a [[u8; WORD]],
    segments: &'a [u8],
}

impl<'a> Parts<'a> {
    /// `None` where the bytes are no page.
    fn of(bytes: &'a [u8]) -> Option<Self> {
        let (count, rest) = bytes.split_first_chunk::<WORD>()?;
        let size = usize::try_from(u32::from_le_bytes(*count))
            .ok()?
            .checked_mul(WORD)?;
        let (terms, rest) = rest.split_at_checked(size)?;
        let (ends, segments) = rest.split_at_checked(size)?;
        Some(Self {
            terms: terms.as_chunks().0,
            ends: ends.as_chunks().0,
            segments,
        })
    }

    fn term(&self, place: usize) -> Option<Term> {
        self.terms.get(place).map(|term| Term::from_le_bytes(*term))
    }

    fn end(&self, place: usize) -> Option<usize> {
        let end = u32::from_le_bytes(*self.ends.get(place)?);
        usize::try_from(end).ok()
    }

    /// The segments of the term at a place, ascending. What is no number ends them.
    fn segments(&self, place: usize) -> impl Iterator<Item = u32> + use<'a> {
        let begin = match place.checked_sub(1) {
            None => Some(0),
            Some(before) => self.end(before),
        };
        let range = begin.zip(self.end(place)).map(|(begin, end)| begin..end);
        let mut bytes = range
            .and_then(|range| self.segments.get(range))
            .unwrap_or_default();
        let mut before = 0_u32;
        std::iter::from_fn(move || {
            let (gap, rest) = postcard::take_from_bytes::<u32>(bytes).ok()?;
            bytes = rest;
            before = before.saturating_add(gap);
            Some(before)
        })
    }
}

/// The segments that have `term`, by a page's bytes, ascending.
pub fn find(bytes: &[u8], term: Term) -> Vec<u32> {
    let Some(parts) = Parts::of(bytes) else {
        return Vec::new();
    };
    let found = parts
        .terms
        .binary_search_by_key(&term, |found| Term::from_le_bytes(*found));
    found.map_or_else(|_| Vec::new(), |place| parts.segments(place).collect())
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
        assert_eq!(bytes.len(), 1_000 + 3 * WORD);
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
