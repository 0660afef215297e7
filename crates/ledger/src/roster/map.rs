//! One map of the dead: a bit for each of [`SPAN`] numbers, or for each of as many maps a level below.

/// Bits in a map.
pub(super) const SPAN: u64 = 4_096;

/// The first byte of a stored map: which form the rest has.
const BITMAP: u8 = 1;

/// A set of bits below [`SPAN`]: the dead. Stored as one byte for the form and then the bits, least significant first,
/// up to the last byte that is not 0: at most 513 bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Map {
    words: [u64; (SPAN / 64) as usize],
}

impl Map {
    /// The map of which nothing is known to be dead.
    pub(super) const EMPTY: Self = Self {
        words: [0; (SPAN / 64) as usize],
    };

    /// Reads a stored map. What cannot be read says nothing: a map is a hint that may be lost.
    pub(super) fn from_bytes(bytes: &[u8]) -> Self {
        let mut map = Self::EMPTY;
        if let Some((&BITMAP, bits)) = bytes.split_first()
            && bits.len() <= size_of_val(&map.words)
        {
            for (number, byte) in bits.iter().enumerate() {
                map.words[number / 8] |= u64::from(*byte) << (number % 8 * 8);
            }
        }
        map
    }

    /// As it is stored.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![BITMAP];
        bytes.extend(self.words.iter().flat_map(|word| word.to_le_bytes()));
        let used = bytes.iter().rposition(|byte| *byte != 0);
        bytes.truncate(used.map_or(1, |last| last + 1));
        bytes
    }

    /// Strikes `bit` and returns whether that is news.
    pub(super) fn strike(&mut self, bit: u64) -> bool {
        let word = &mut self.words[(bit / 64) as usize];
        let old = *word;
        *word |= 1 << (bit % 64);
        *word != old
    }

    /// Whether `bit` is dead.
    pub(super) fn is_dead(&self, bit: u64) -> bool {
        self.words[(bit / 64) as usize] >> (bit % 64) & 1 == 1
    }

    /// Whether all are dead.
    pub(super) fn is_full(&self) -> bool {
        self.words.iter().all(|word| *word == u64::MAX)
    }

    /// The highest bit that is not dead, `from` or below.
    pub(super) fn living_at_or_below(&self, from: u64) -> Option<u64> {
        let highest = (from / 64) as usize;
        for index in (0..=highest).rev() {
            let mut living = !self.words[index];
            if index == highest {
                living &= u64::MAX >> (63 - from % 64);
            }
            if living != 0 {
                return Some(index as u64 * 64 + u64::from(living.ilog2()));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn map_of(bits: &BTreeSet<u64>) -> Map {
        let mut map = Map::EMPTY;
        for bit in bits {
            assert!(map.strike(*bit), "{bit}");
            assert!(!map.strike(*bit), "{bit}");
        }
        map
    }

    proptest! {
        #[test]
        fn a_map_is_a_set_of_bits(bits in prop::collection::btree_set(0..SPAN, 0..200), from in 0..SPAN) {
            let map = map_of(&bits);
            prop_assert!((0..SPAN).all(|bit| map.is_dead(bit) == bits.contains(&bit)));
            let living = (0..=from).rev().find(|bit| !bits.contains(bit));
            prop_assert_eq!(map.living_at_or_below(from), living);
            prop_assert_eq!(Map::from_bytes(&map.to_bytes()), map);
        }

        #[test]
        fn whatever_is_stored_can_be_read(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            let map = Map::from_bytes(&bytes);
            prop_assert_eq!(Map::from_bytes(&map.to_bytes()), map);
        }
    }

    #[test]
    fn a_full_map_has_nothing_living_and_one_short_of_it_has() {
        let mut map = map_of(&(0..SPAN).filter(|bit| *bit != 77).collect());
        assert!(!map.is_full());
        assert_eq!(map.living_at_or_below(SPAN - 1), Some(77));
        assert_eq!(map.living_at_or_below(76), None);
        map.strike(77);
        assert!(map.is_full());
        assert_eq!(map.living_at_or_below(SPAN - 1), None);
    }

    #[test]
    fn a_stored_map_is_as_long_as_its_last_bit_needs() {
        for (bit, length) in [(0, 2), (7, 2), (8, 3), (SPAN - 1, 513)] {
            assert_eq!(map_of(&[bit].into()).to_bytes().len(), length, "{bit}");
        }
    }

    #[test]
    fn a_map_that_is_no_map_says_nothing() {
        for bytes in [&b""[..], b"\x00\xff", b"\x02\xff", &[1; 514]] {
            assert_eq!(Map::from_bytes(bytes), Map::EMPTY, "{bytes:?}");
        }
    }
}
