//! Finding a needle in bytes that come in pieces.

use bytes::{Buf, Bytes};
use memchr::memmem::Finder;

/// What a [`Matcher`] makes of a piece.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// Bytes that stand before the needle.
    Before(Bytes),
    /// The needle ended: what is left of the piece follows it.
    Needle,
    /// The piece is used up.
    More,
}

/// Looks for a needle in one pass, however the bytes are cut: whole pieces with two-way string matching, and where the
/// needle may have begun at a piece's end, byte by byte with the automaton of Knuth, Morris and Pratt. No byte is kept
/// but as a number: what the needle's beginning says is known.
#[derive(Debug)]
pub(super) struct Matcher {
    needle: Bytes,
    finder: Finder<'static>,
    /// For each length of the needle's beginning that of its longest border: a proper beginning of it that it ends in.
    borders: Vec<usize>,
    /// How much of the needle's beginning the bytes so far end in.
    matched: usize,
    /// How many of the matched bytes, from the first, are not bytes of the stream.
    assumed: usize,
    /// Bytes looked at, each as often as it was.
    #[cfg(test)]
    pub(super) examined: u64,
}

impl Matcher {
    /// A matcher for a needle, which is not empty.
    pub(super) fn new(needle: impl Into<Bytes>) -> Self {
        let needle = needle.into();
        Self {
            finder: Finder::new(&needle).into_owned(),
            borders: borders(&needle),
            needle,
            matched: 0,
            assumed: 0,
            #[cfg(test)]
            examined: 0,
        }
    }

    /// Begins anew, as if the needle's first `assumed` bytes had just come.
    pub(super) fn restart(&mut self, assumed: usize) {
        (self.matched, self.assumed) = (assumed, assumed);
    }

    /// Takes bytes from the front of `piece`; to be repeated until it says [`Step::More`]. After [`Step::Needle`] the
    /// search begins anew.
    pub(super) fn step(&mut self, piece: &mut Bytes) -> Step {
        loop {
            if self.matched == self.needle.len() {
                self.restart(0);
                return Step::Needle;
            }
            if piece.is_empty() {
                return Step::More;
            }
            let before = match self.matched {
                0 => self.search(piece),
                _ => self.go_on(piece),
            };
            if !before.is_empty() {
                return Step::Before(before);
            }
        }
    }

    /// Searches a piece before which nothing of the needle has come; all that stands before the needle, or before what
    /// may be its beginning.
    fn search(&mut self, piece: &mut Bytes) -> Bytes {
        if let Some(at) = self.finder.find(piece) {
            self.count(at + self.needle.len());
            self.matched = self.needle.len();
            let before = piece.split_to(at);
            piece.advance(self.needle.len());
            return before;
        }
        let tail = piece.len().saturating_sub(self.needle.len() - 1);
        self.count(piece.len() + (piece.len() - tail));
        for byte in &piece[tail..] {
            self.matched = self.after(*byte);
        }
        let before = piece.split_to(piece.len() - self.matched);
        piece.clear();
        before
    }

    /// Goes on where the needle may have begun; the bytes of it that turn out to stand before the needle.
    fn go_on(&mut self, piece: &mut Bytes) -> Bytes {
        while self.matched > 0 && self.matched < self.needle.len() && !piece.is_empty() {
            self.count(1);
            let before = self.matched;
            self.matched = self.after(piece[0]);
            let released = match self.matched {
                // The byte itself is left to the search.
                0 => before,
                matched => {
                    piece.advance(1);
                    before + 1 - matched
                }
            };
            let assumed = self.assumed.min(released);
            self.assumed -= assumed;
            if released > assumed {
                return self.needle.slice(assumed..released);
            }
        }
        Bytes::new()
    }

    /// How much of the needle's beginning the bytes end in after one more.
    fn after(&self, byte: u8) -> usize {
        let mut matched = self.matched;
        loop {
            if self.needle[matched] == byte {
                return matched + 1;
            }
            if matched == 0 {
                return 0;
            }
            matched = self.borders[matched];
        }
    }

    #[cfg(test)]
    fn count(&mut self, bytes: usize) {
        self.examined += bytes as u64;
    }

    #[cfg(not(test))]
    fn count(&mut self, _: usize) {}
}

fn borders(needle: &[u8]) -> Vec<usize> {
    let mut borders = vec![0; needle.len() + 1];
    let mut border = 0;
    for (at, byte) in needle.iter().enumerate().skip(1) {
        while border > 0 && needle[border] != *byte {
            border = borders[border];
        }
        border += usize::from(needle[border] == *byte);
        borders[at + 1] = border;
    }
    borders
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What stands between the needles of a text, the last without one after it; and the bytes examined.
    fn split(needle: &[u8], text: &[u8], lengths: &[usize], assumed: usize) -> (Vec<Vec<u8>>, u64) {
        let mut matcher = Matcher::new(needle.to_vec());
        matcher.restart(assumed);
        let mut parts = vec![Vec::new()];
        let (mut rest, mut lengths) = (Bytes::copy_from_slice(text), lengths.iter().cycle());
        while !rest.is_empty() {
            let length = lengths
                .next()
                .map_or(rest.len(), |length| (*length).min(rest.len()));
            let mut piece = rest.split_to(length);
            loop {
                match matcher.step(&mut piece) {
                    Step::Before(bytes) => {
                        assert!(!bytes.is_empty());
                        let last = parts.last_mut();
                        last.into_iter().for_each(|part| part.extend(&bytes));
                    }
                    Step::Needle => parts.push(Vec::new()),
                    Step::More => break,
                }
            }
        }
        // What may have been the needle's beginning and was not.
        let open = matcher.needle.slice(matcher.assumed..matcher.matched);
        let last = parts.last_mut();
        last.into_iter().for_each(|part| part.extend(&open));
        (parts, matcher.examined)
    }

    /// The same, by looking everywhere.
    fn split_simply(needle: &[u8], text: &[u8]) -> Vec<Vec<u8>> {
        let (mut parts, mut at) = (vec![Vec::new()], 0);
        while at < text.len() {
            if text[at..].starts_with(needle) {
                parts.push(Vec::new());
                at += needle.len();
            } else {
                let last = parts.last_mut();
                last.into_iter().for_each(|part| part.push(text[at]));
                at += 1;
            }
        }
        parts
    }

    /// Needles with many borders, and texts that nearly have them.
    fn letters(most: usize) -> impl Strategy<Value = Vec<u8>> {
        proptest::collection::vec(prop_oneof![Just(b'\r'), Just(b'\n'), Just(b'-')], 0..most)
    }

    proptest! {
        #[test]
        fn needles_are_found_however_the_text_is_cut(
            needle in letters(7).prop_filter("a needle", |needle| !needle.is_empty()),
            text in letters(120),
            lengths in proptest::collection::vec(1_usize..20, 1..8),
        ) {
            let (parts, _) = split(&needle, &text, &lengths, 0);
            prop_assert_eq!(parts, split_simply(&needle, &text));
        }

        #[test]
        fn what_is_assumed_counts_and_does_not_come_out(
            text in letters(60),
            lengths in proptest::collection::vec(1_usize..20, 1..8),
        ) {
            let needle = b"\r\n--\r\n";
            let (parts, _) = split(needle, &text, &lengths, 2);
            let mut expected = split_simply(needle, &[b"\r\n", &text[..]].concat());
            // A needle that began in what was assumed leaves nothing before it, else that stands first.
            let assumed = expected[0].len().min(2);
            expected[0].drain(..assumed);
            prop_assert_eq!(parts, expected);
        }
    }

    #[test]
    fn no_byte_is_examined_more_than_a_few_times_however_the_text_is_cut() {
        let needle = b"\r\n--------------------------------X";
        let length = 100_000;
        for (what, text) in [
            ("line feeds", vec![b'\n'; length]),
            ("line ends", b"\r\n".repeat(length / 2)),
            ("dashes", vec![b'-'; length]),
            (
                "nearly the needle",
                b"\r\n------------------------------".repeat(length / 32),
            ),
            ("needles", needle.repeat(length / needle.len())),
        ] {
            for lengths in [
                &[1][..],
                &[2, 1],
                &[needle.len() - 1],
                &[needle.len()],
                &[4096],
                &[],
            ] {
                let (_, examined) = split(needle, &text, lengths, 0);
                assert!(
                    examined <= 3 * text.len() as u64,
                    "{what} in {lengths:?}: {examined}"
                );
            }
        }
    }
}
