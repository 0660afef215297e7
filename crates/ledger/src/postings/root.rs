//! What is stored of a term in one region: its numbers, or the leaves that have them.

use super::REGION;
use super::numbers::{pack, pull, push, unpack};

/// The first byte of a stored root: which form the rest has.
const FEW: u8 = 1;
const MANY: u8 = 2;

/// The root of a term in one region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Root {
    /// The positions, in order, packed.
    Few(Vec<u64>),
    /// The leaves, in order; the first begins at 0.
    Many(Vec<LeafAt>),
}

/// Where a leaf begins. It ends where the next one begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LeafAt {
    pub(super) start: u64,
    /// Whether nothing is in it: then nobody needs to read it.
    pub(super) is_empty: bool,
}

impl Root {
    /// A term that nothing has.
    pub(super) const EMPTY: Self = Self::Few(Vec::new());

    /// Reads a stored root; `None` where it is none.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (form, mut rest) = bytes.split_first()?;
        match *form {
            FEW => unpack(rest, REGION).map(Self::Few),
            MANY => {
                let (mut leaves, mut end) = (Vec::new(), 0);
                while !rest.is_empty() {
                    // The gap to the one before, and in the lowest bit whether it is empty.
                    let word = pull(&mut rest)?;
                    let (gap, is_empty) = (word >> 1, word & 1 == 1);
                    let is_right = leaves.is_empty() == (gap == 0);
                    let start = Some(end + gap).filter(|start| is_right && *start < REGION)?;
                    leaves.push(LeafAt { start, is_empty });
                    end = start;
                }
                (!leaves.is_empty()).then_some(Self::Many(leaves))
            }
            _ => None,
        }
    }

    /// As it is stored.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Few(positions) => [&[FEW], pack(positions).as_slice()].concat(),
            Self::Many(leaves) => {
                let (mut bytes, mut before) = (vec![MANY], 0);
                for leaf in leaves {
                    push(
                        &mut bytes,
                        (leaf.start - before) << 1 | u64::from(leaf.is_empty),
                    );
                    before = leaf.start;
                }
                bytes
            }
        }
    }

    /// Grows with how many positions there are: a walk begins with the rarest term.
    pub(super) fn weight(&self) -> usize {
        match self {
            Self::Few(positions) => positions.len(),
            Self::Many(leaves) => leaves.len() << 16,
        }
    }
}

/// The index of the leaf that a position belongs to.
pub(super) fn leaf_of(leaves: &[LeafAt], position: u64) -> usize {
    leaves
        .partition_point(|leaf| leaf.start <= position)
        .saturating_sub(1)
}

/// Where a leaf ends: its positions are below that.
pub(super) fn end_of(leaves: &[LeafAt], index: usize) -> u64 {
    leaves.get(index + 1).map_or(REGION, |next| next.start)
}
