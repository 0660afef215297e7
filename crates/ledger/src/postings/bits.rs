//! A set of bits below [`SPAN`].

/// Bits in a set.
pub(super) const SPAN: u64 = 4_096;
const WORDS: usize = (SPAN / 64) as usize;

/// A set of bits below [`SPAN`]. Stored least significant first, up to the last byte that is not 0: at most 512 bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bits {
    words: [u64; WORDS],
}

impl Bits {
    /// None.
    pub(super) const EMPTY: Self = Self { words: [0; WORDS] };
    /// All.
    pub(super) const FULL: Self = Self {
        words: [u64::MAX; WORDS],
    };

    /// Reads a stored set; `None` where it is too long to be one.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut bits = Self::EMPTY;
        if bytes.len() > size_of_val(&bits.words) {
            return None;
        }
        for (number, byte) in bytes.iter().enumerate() {
            bits.words[number / 8] |= u64::from(*byte) << (number % 8 * 8);
        }
        Some(bits)
    }

    /// As it is stored.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes: Vec<u8> = self
            .words
            .iter()
            .flat_map(|word| word.to_le_bytes())
            .collect();
        let used = bytes.iter().rposition(|byte| *byte != 0);
        bytes.truncate(used.map_or(0, |last| last + 1));
        bytes
    }

    /// Puts a bit in, or takes it out.
    pub(super) fn set(&mut self, bit: u64, is_in: bool) {
        let word = &mut self.words[(bit / 64) as usize];
        match is_in {
            true => *word |= 1 << (bit % 64),
            false => *word &= !(1 << (bit % 64)),
        }
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.words.iter().all(|word| *word == 0)
    }

    /// The highest bit, `from` or below.
    pub(super) fn highest_at_or_below(&self, from: u64) -> Option<u64> {
        let first = (from / 64) as usize;
        for index in (0..=first).rev() {
            let mut word = self.words[index];
            if index == first {
                word &= u64::MAX >> (63 - from % 64);
            }
            if word != 0 {
                return Some(index as u64 * 64 + u64::from(word.ilog2()));
            }
        }
        None
    }

    /// Keeps those that are in both.
    pub(super) fn intersect(&mut self, other: &Self) {
        for (word, other) in self.words.iter_mut().zip(other.words) {
            *word &= other;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn bits_of(set: &BTreeSet<u64>) -> Bits {
        let mut bits = Bits::EMPTY;
        for bit in set {
            bits.set(*bit, true);
        }
        bits
    }

    proptest! {
        #[test]
        fn bits_are_a_set(
            one in prop::collection::btree_set(0..SPAN, 0..200),
            other in prop::collection::btree_set(0..SPAN, 0..200),
            from in 0..SPAN,
        ) {
            let bits = bits_of(&one);
            prop_assert_eq!(bits.highest_at_or_below(from), one.range(..=from).last().copied());
            prop_assert_eq!(bits.is_empty(), one.is_empty());
            prop_assert_eq!(Bits::from_bytes(&bits.to_bytes()), Some(bits.clone()));
            let mut both = bits.clone();
            both.intersect(&bits_of(&other));
            prop_assert_eq!(both, bits_of(&one.intersection(&other).copied().collect()));
            let mut none = bits;
            for bit in &one {
                none.set(*bit, false);
            }
            prop_assert!(none.is_empty());
        }
    }

    #[test]
    fn what_is_too_long_is_no_set() {
        assert_eq!(Bits::from_bytes(&[0; 513]), None);
        assert_eq!(Bits::from_bytes(&[0xff; 512]), Some(Bits::FULL));
    }
}
