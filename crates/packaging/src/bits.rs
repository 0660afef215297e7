//! Numbers of few bits: Rice codes, with a way out for those that are large.

/// So many ones in a row stand for a number that follows with how many bits it has.
const ESCAPE: u32 = 12;
/// The bits that say how many bits a number has.
const LENGTH: u32 = 6;
/// The highest `k` that is used, so that what is above the lowest `k` bits fits where it is put back.
const MOST_K: u32 = 39;

/// Writes bits, the highest of a byte first.
#[derive(Debug, Default)]
pub(crate) struct BitWriter {
    bytes: Vec<u8>,
    /// How many bits of the last byte are taken; 0: all.
    used: u8,
}

impl BitWriter {
    pub(crate) fn bit(&mut self, bit: bool) {
        if self.used == 0 {
            self.bytes.push(0);
        }
        if let Some(last) = self.bytes.last_mut() {
            *last |= u8::from(bit) << (7 - self.used);
        }
        self.used = (self.used + 1) % 8;
    }

    fn bits(&mut self, value: u64, count: u32) {
        for place in (0..count).rev() {
            self.bit(value >> place & 1 == 1);
        }
    }

    /// A number whose lowest `k` bits are written as they are, and the rest in ones.
    pub(crate) fn rice(&mut self, value: u64, k: u32) {
        let high = value >> k;
        if high >= u64::from(ESCAPE) {
            for _ in 0..ESCAPE {
                self.bit(true);
            }
            // One at least, and 64 at most.
            let length = value.ilog2() + 1;
            self.bits((length - 1).into(), LENGTH);
            self.bits(value, length);
            return;
        }
        for _ in 0..high {
            self.bit(true);
        }
        self.bit(false);
        self.bits(value, k);
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// Reads what a [`BitWriter`] wrote; `None` past the end.
#[derive(Debug)]
pub(crate) struct BitReader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> BitReader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub(crate) fn bit(&mut self) -> Option<bool> {
        let byte = self.bytes.get(self.at / 8)?;
        let bit = byte >> (7 - self.at % 8) & 1 == 1;
        self.at += 1;
        Some(bit)
    }

    fn bits(&mut self, count: u32) -> Option<u64> {
        let mut value = 0;
        for _ in 0..count {
            value = value << 1 | u64::from(self.bit()?);
        }
        Some(value)
    }

    pub(crate) fn rice(&mut self, k: u32) -> Option<u64> {
        let mut high = 0;
        while self.bit()? {
            high += 1;
            if high == ESCAPE {
                let length = u32::try_from(self.bits(LENGTH)?).ok()? + 1;
                return self.bits(length);
            }
        }
        Some(u64::from(high) << k | self.bits(k)?)
    }
}

/// The `k` with which these numbers take the fewest bits.
pub(crate) fn best_k(values: &[u64]) -> u32 {
    let cost = |k: u32| -> u64 {
        let bits = |value: &u64| match value >> k {
            high if high < ESCAPE.into() => high + 1 + u64::from(k),
            _ => u64::from(ESCAPE + LENGTH + 64 - value.leading_zeros()),
        };
        values.iter().map(bits).sum()
    };
    // No number is shorter with more bits than the longest one has.
    let longest = values
        .iter()
        .max()
        .map_or(0, |most| 64 - most.leading_zeros());
    let all = 0..=longest.min(MOST_K);
    all.min_by_key(|k| cost(*k)).unwrap_or(0)
}

/// The number in the middle of them; 0 where there is none.
pub(crate) fn median(values: &mut [u64]) -> u64 {
    let middle = values.len() / 2;
    match values.is_empty() {
        true => 0,
        false => *values.select_nth_unstable(middle).1,
    }
}

/// Small numbers of either sign as small ones without.
pub(crate) fn zigzag(value: i64) -> u64 {
    (value.cast_unsigned() << 1) ^ (value >> 63).cast_unsigned()
}

/// The way back.
pub(crate) fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_come_back(values in proptest::collection::vec(prop_oneof![0_u64..300, any::<u64>()], 0..50)) {
            let k = best_k(&values);
            let mut writer = BitWriter::default();
            for value in &values {
                writer.rice(*value, k);
                writer.bit(true);
            }
            let bytes = writer.into_bytes();
            let mut reader = BitReader::new(&bytes);
            for value in values {
                prop_assert_eq!(reader.rice(k), Some(value));
                prop_assert_eq!(reader.bit(), Some(true));
            }
        }

        #[test]
        fn signs_come_back(value in any::<i64>()) {
            prop_assert_eq!(unzigzag(zigzag(value)), value);
        }

        #[test]
        fn any_bytes_are_read_to_their_end(bytes in proptest::collection::vec(any::<u8>(), 0..50), k in 0_u32..40) {
            let mut reader = BitReader::new(&bytes);
            let mut count = 0;
            while reader.rice(k).is_some() {
                count += 1;
            }
            prop_assert!(count <= 8 * bytes.len());
        }
    }
}
