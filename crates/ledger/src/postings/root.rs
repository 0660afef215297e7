//! What is stored of a term: a few numbers, or the leaves that have many.

use super::bits::{Bits, SPAN};

/// How many numbers stand in the root itself.
const MOST_FEW: usize = 32;
/// The first byte of a stored root: which form the rest has.
const FEW: u8 = 1;
const MANY: u8 = 2;

/// The root of a term in one region: positions below [`SPAN`]², a leaf for each [`SPAN`] of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Root {
    /// The positions, in order: at most 32, stored as 4 bytes each.
    Few(Vec<u64>),
    /// Which leaves have any.
    Many(Bits),
}

impl Root {
    /// A term that nothing has.
    pub(super) const EMPTY: Self = Self::Few(Vec::new());

    /// Reads a stored root; `None` where it is none.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        match bytes.split_first()? {
            (&FEW, rest) => {
                let (numbers, odd) = rest.as_chunks::<4>();
                let numbers = numbers
                    .iter()
                    .map(|bytes| u64::from(u32::from_le_bytes(*bytes)));
                odd.is_empty().then(|| Self::Few(numbers.collect()))
            }
            (&MANY, rest) => Bits::from_bytes(rest).map(Self::Many),
            _ => None,
        }
    }

    /// As it is stored.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Few(positions) => {
                let positions = positions.iter();
                let bytes = positions.flat_map(|position| (*position as u32).to_le_bytes());
                [FEW].into_iter().chain(bytes).collect()
            }
            Self::Many(leaves) => [&[MANY], leaves.to_bytes().as_slice()].concat(),
        }
    }

    /// The leaves that have any.
    pub(super) fn leaves(&self) -> Bits {
        match self {
            Self::Many(leaves) => leaves.clone(),
            Self::Few(positions) => {
                let mut leaves = Bits::EMPTY;
                for position in positions {
                    leaves.set(position / SPAN, true);
                }
                leaves
            }
        }
    }

    /// What a leaf has, where the root itself says so.
    pub(super) fn few_in(&self, leaf: u64) -> Option<Bits> {
        let Self::Few(positions) = self else {
            return None;
        };
        let mut bits = Bits::EMPTY;
        for position in positions.iter().filter(|position| *position / SPAN == leaf) {
            bits.set(position % SPAN, true);
        }
        Some(bits)
    }

    /// Whether so many stand in the root itself.
    pub(super) fn are_few(count: usize) -> bool {
        count <= MOST_FEW
    }
}
