//! A fast source of decisions that is the same for a seed, everywhere and for ever.

use std::cell::Cell;

/// A die that always falls the same way for a seed (SplitMix64; no source of secrets).
#[derive(Debug)]
pub(super) struct Dice(Cell<u64>);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(Cell::new(seed ^ 0x5851_f42d_4c95_7f2d))
    }

    /// 64 bits.
    pub(super) fn roll(&self) -> u64 {
        let state = self.0.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.0.set(state);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`, which is not 0.
    pub(super) fn below(&self, end: u64) -> u64 {
        self.roll() % end
    }

    /// An index of something that has `length` parts, which is not 0.
    pub(super) fn index(&self, length: usize) -> usize {
        (self.roll() % length as u64) as usize
    }

    /// One of several.
    pub(super) fn pick<T: Copy>(&self, of: &[T]) -> T {
        of[self.index(of.len())]
    }

    /// True so many times in ten thousand; no number is used up where it never falls.
    pub(super) fn falls(&self, in_ten_thousand: u64) -> bool {
        in_ten_thousand > 0 && self.below(10_000) < in_ten_thousand
    }
}
