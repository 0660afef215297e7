//! How many different viewers there were, in two kilobytes and without knowing whom.
//!
//! # Few
//! Up to [`MOST_KNOWN`] viewers each leave 32 bits of their hash. That many different ones are counted exactly, but where
//! two have the same bits: among 500 that happens once in 30,000 days.
//!
//! # Many
//! Past those, the hashes go into a HyperLogLog (Flajolet et al., 2007) of [`REGISTERS`] registers: each has the highest
//! rank, the number of trailing zeros and one, of the hashes that fell to it. A register has four bits, above a base that
//! all share and that rises with them; one that reached the highest value keeps it. The count is that of Ting ("Streamed
//! approximate counting of distinct elements", 2014): each change of the sketch counts as many as one change is likely to
//! stand for. Whatever a register can keep, the probability of a change is known exactly, so the count has no bias; its
//! standard error is √(ln 2 / [`REGISTERS`]): 1.3 %.
//!
//! A viewer who was counted changes nothing, so that repeating is harmless.

/// The most viewers of whom each is known by a part of the hash.
pub const MOST_KNOWN: usize = 500;
/// Registers of the other form.
pub const REGISTERS: usize = 3_968;
/// The highest value of a register.
const FULL: u8 = 15;
/// Bits of a hash that are kept of each known viewer, besides those that tell the register.
const KEPT_BITS: u32 = 20;
/// The forms, as the first byte tells them.
const FEW: u8 = 1;
const MANY: u8 = 2;
/// Bytes before the registers: the form, the base, the count.
const HEAD: usize = 10;

/// Viewers of a video on a day.
#[derive(Debug, Clone, PartialEq)]
pub enum Sketch {
    /// Known by register and kept bits, sorted.
    Few(Vec<u32>),
    /// As ranks.
    Many {
        /// What all registers have at least.
        base: u8,
        /// What was counted.
        count: f64,
        /// Ranks above the base, two to a byte.
        ranks: Vec<u8>,
    },
}

impl Default for Sketch {
    fn default() -> Self {
        Self::Few(Vec::new())
    }
}

impl Sketch {
    /// How many there were.
    pub fn count(&self) -> u64 {
        match self {
            Self::Few(known) => known.len() as u64,
            Self::Many { count, .. } => count.round() as u64,
        }
    }

    /// Takes in a viewer by a hash of 64 evenly distributed bits; whether that changed the sketch.
    pub fn add(&mut self, hash: u64) -> bool {
        if let Self::Few(known) = self {
            let kept = kept(hash);
            let Err(place) = known.binary_search(&kept) else {
                return false;
            };
            if known.len() < MOST_KNOWN {
                known.insert(place, kept);
                return true;
            }
            *self = many(known);
        }
        let Self::Many { base, count, ranks } = self else {
            return false;
        };
        raise(base, count, ranks, register(hash), rank(hash))
    }

    /// Whether a viewer has been taken in.
    pub fn has(&self, hash: u64) -> bool {
        !self.clone().add(hash)
    }

    /// At most 2,001 bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Few(known) => {
                let known = known.iter().flat_map(|kept| kept.to_le_bytes());
                [FEW].into_iter().chain(known).collect()
            }
            Self::Many { base, count, ranks } => {
                let mut bytes = vec![MANY, *base];
                bytes.extend(count.to_le_bytes());
                bytes.extend(ranks);
                bytes
            }
        }
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote; `None` where it is something else.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        match *bytes.first()? {
            FEW => {
                let (known, rest) = bytes[1..].as_chunks::<4>();
                let known: Vec<u32> = known.iter().map(|kept| u32::from_le_bytes(*kept)).collect();
                let is_sorted = known.windows(2).all(|pair| pair[0] < pair[1]);
                (rest.is_empty() && is_sorted && known.len() <= MOST_KNOWN)
                    .then_some(Self::Few(known))
            }
            MANY => {
                let (head, ranks) = bytes.split_at_checked(HEAD)?;
                let count = f64::from_le_bytes(head[2..].try_into().ok()?);
                (ranks.len() == REGISTERS / 2 && count.is_finite() && count >= 0.0).then(|| {
                    Self::Many {
                        base: head[1],
                        count,
                        ranks: ranks.to_vec(),
                    }
                })
            }
            _ => None,
        }
    }
}

/// Which register a hash falls to: by its upper half.
fn register(hash: u64) -> usize {
    (((hash >> 32) * REGISTERS as u64) >> 32) as usize
}

/// Its rank: by its lower half; 1 to 33.
fn rank(hash: u64) -> u8 {
    ((hash as u32).trailing_zeros() + 1) as u8
}

/// What is kept of a known viewer: the register, and the bits that the rank is read from.
fn kept(hash: u64) -> u32 {
    (register(hash) as u32) << KEPT_BITS | hash as u32 & ((1 << KEPT_BITS) - 1)
}

/// The other form of the same viewers, who were counted exactly.
fn many(known: &[u32]) -> Sketch {
    let (mut base, mut ranks) = (0, vec![0; REGISTERS / 2]);
    for kept in known {
        let bits = kept & ((1 << KEPT_BITS) - 1);
        // Where none of the kept bits is set the rank is higher, and more than a register has.
        let rank = (bits.trailing_zeros() + 1) as u8;
        let mut uncounted = 0.0;
        raise(
            &mut base,
            &mut uncounted,
            &mut ranks,
            (kept >> KEPT_BITS) as usize,
            rank,
        );
    }
    Sketch::Many {
        base,
        count: known.len() as f64,
        ranks,
    }
}

/// Raises a register to a rank, and counts that; whether it was lower.
fn raise(base: &mut u8, count: &mut f64, ranks: &mut [u8], register: usize, rank: u8) -> bool {
    let value = rank.saturating_sub(*base).min(FULL);
    if value <= get(ranks, register) {
        return false;
    }
    *count += 1.0 / probability(*base, ranks);
    set(ranks, register, value);
    while (0..REGISTERS).all(|register| get(ranks, register) > 0) {
        *base += 1;
        for register in 0..REGISTERS {
            let value = get(ranks, register);
            // A full one keeps that: it may have been higher.
            if value < FULL {
                set(ranks, register, value - 1);
            }
        }
    }
    true
}

/// How likely it is that a new viewer changes the registers.
fn probability(base: u8, ranks: &[u8]) -> f64 {
    let mut of_value = [0_u32; FULL as usize + 1];
    for byte in ranks {
        of_value[usize::from(byte & 15)] += 1;
        of_value[usize::from(byte >> 4)] += 1;
    }
    let (_, open) = of_value.split_last().unwrap_or((&0, &[]));
    let sum: f64 = (0_i32..)
        .zip(open)
        .map(|(value, count)| f64::from(*count) * 0.5_f64.powi(value + i32::from(base)))
        .sum();
    // Where all are full nothing changes, and nobody asks.
    sum.max(f64::MIN_POSITIVE) / REGISTERS as f64
}

fn get(ranks: &[u8], register: usize) -> u8 {
    let byte = ranks[register / 2];
    match register % 2 {
        0 => byte & 15,
        _ => byte >> 4,
    }
}

fn set(ranks: &mut [u8], register: usize, value: u8) {
    let byte = &mut ranks[register / 2];
    *byte = match register % 2 {
        0 => *byte & 0xf0 | value,
        _ => *byte & 0x0f | value << 4,
    };
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Hashes of chance (SplitMix64).
    fn hashes(seed: u64) -> impl Iterator<Item = u64> {
        // Streams of neighbours must not overlap.
        let mut state = seed.wrapping_mul(0xd134_2543_de82_ef95).rotate_left(32);
        std::iter::repeat_with(move || {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut hash = state;
            hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            hash ^ (hash >> 31)
        })
    }

    fn of(seed: u64, viewers: usize) -> Sketch {
        let mut sketch = Sketch::default();
        for hash in hashes(seed).take(viewers) {
            sketch.add(hash);
        }
        sketch
    }

    #[test]
    fn few_are_counted_exactly() {
        for seed in 0..20 {
            for viewers in [0, 1, 2, 10, 100, MOST_KNOWN] {
                assert_eq!(of(seed, viewers).count(), viewers as u64, "seed {seed}");
            }
        }
    }

    #[test]
    fn the_change_of_form_is_not_seen() {
        for seed in 0..20 {
            let count = of(seed, MOST_KNOWN + 50).count();
            assert!(count.abs_diff(550) <= 16, "seed {seed}: {count}");
        }
    }

    #[test]
    fn many_are_counted_within_three_per_cent() {
        for viewers in [1_000, 10_000, 100_000] {
            let count = of(1, viewers).count();
            let error = count as f64 / viewers as f64 - 1.0;
            assert!(error.abs() < 0.03, "{viewers}: {count}");
        }
    }

    #[test]
    fn the_error_at_a_hundred_thousand_is_one_and_a_third_per_cent_and_has_no_bias() {
        const SEEDS: u64 = 64;
        let errors: Vec<f64> = (0..SEEDS)
            .map(|seed| of(seed, 100_000).count() as f64 / 100_000.0 - 1.0)
            .collect();
        let mean = errors.iter().sum::<f64>() / SEEDS as f64;
        let squares: f64 = errors.iter().map(|error| error * error).sum();
        let deviation = (squares / SEEDS as f64).sqrt();
        assert!(mean.abs() < 0.005, "the mean is {mean}");
        assert!(deviation < 0.016, "the deviation is {deviation}");
        let within = errors.iter().filter(|error| error.abs() < 0.03).count();
        assert!(within >= 61, "{within} of {SEEDS}");
    }

    #[test]
    fn who_comes_again_changes_nothing() {
        for viewers in [10, MOST_KNOWN, MOST_KNOWN + 1, 30_000] {
            let mut sketch = of(7, viewers);
            let before = sketch.clone();
            for hash in hashes(7).take(viewers) {
                assert!(sketch.has(hash));
                assert!(!sketch.add(hash));
            }
            assert_eq!(sketch, before);
        }
    }

    #[test]
    fn a_sketch_fits_into_two_kilobytes_and_comes_back() {
        for viewers in [0, 1, MOST_KNOWN, MOST_KNOWN + 1, 50_000] {
            let sketch = of(3, viewers);
            let bytes = sketch.to_bytes();
            assert!(bytes.len() <= 2_001, "{} bytes", bytes.len());
            assert_eq!(Sketch::from_bytes(&bytes), Some(sketch));
            assert!(Sketch::from_bytes(&bytes[..bytes.len() - 1]).is_none());
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let _ = Sketch::from_bytes(&bytes);
        }

        #[test]
        fn a_full_sketch_of_any_ranks_takes_more(base in 0..40_u8, byte in any::<u8>(), hash in any::<u64>()) {
            let mut sketch = Sketch::Many { base, count: 1.0, ranks: vec![byte; REGISTERS / 2] };
            sketch.add(hash);
            prop_assert!(sketch.has(hash));
        }
    }
}
