//! Numbers in order, packed: by the gaps between them, or as a bit for each, whichever is shorter.

/// The most bytes of packed numbers in one value.
pub(super) const MOST_BYTES: usize = 512;

/// The first byte: which form the rest has.
const GAPS: u8 = 1;
const BITS: u8 = 2;

/// Packs numbers that are in order, each once. As gaps (LEB128) after the first, or as the first and a bit for each number
/// from there on, least significant first.
pub(super) fn pack(numbers: &[u64]) -> Vec<u8> {
    let Some((first, rest)) = numbers.split_first() else {
        return vec![GAPS];
    };
    let (gaps, bits) = sizes(numbers);
    let mut bytes = Vec::with_capacity(gaps.min(bits) + 5);
    bytes.push(if gaps <= bits { GAPS } else { BITS });
    push(&mut bytes, *first);
    if gaps <= bits {
        let mut previous = *first;
        for number in rest {
            push(&mut bytes, number - previous);
            previous = *number;
        }
    } else {
        let begin = bytes.len();
        bytes.resize(begin + bits, 0);
        for number in numbers {
            let bit = number - first;
            bytes[begin + (bit / 8) as usize] |= 1 << (bit % 8);
        }
    }
    bytes
}

/// Reads what was [packed](pack), of numbers below `limit`; `None` where it is something else.
pub(super) fn unpack(bytes: &[u8], limit: u64) -> Option<Vec<u64>> {
    let (form, mut rest) = bytes.split_first()?;
    let mut numbers = Vec::new();
    if rest.is_empty() {
        return (*form == GAPS).then_some(numbers);
    }
    let first = pull(&mut rest)?;
    match *form {
        GAPS => {
            let mut last = first;
            numbers.push(first);
            while !rest.is_empty() {
                let gap = pull(&mut rest).filter(|gap| *gap > 0)?;
                last = last.checked_add(gap)?;
                numbers.push(last);
            }
        }
        BITS if rest.len() <= MOST_BYTES => {
            for (index, byte) in rest.iter().enumerate() {
                let bits = (0..8).filter(|bit| byte >> bit & 1 == 1);
                let begin = first.checked_add(8 * index as u64)?;
                numbers.extend(bits.map(|bit| begin.saturating_add(bit)));
            }
        }
        _ => return None,
    }
    let is_below = numbers.last().is_none_or(|last| *last < limit);
    is_below.then_some(numbers)
}

/// How many of the first numbers fit into one value.
pub(super) fn fitting(numbers: &[u64]) -> usize {
    let Some(first) = numbers.first() else {
        return 0;
    };
    let (mut gaps, mut previous) = (0, *first);
    for (index, number) in numbers.iter().enumerate() {
        gaps += length(number - previous);
        previous = *number;
        let bits = ((number - first) / 8 + 1) as usize;
        if gaps.min(bits) > MOST_BYTES {
            return index;
        }
    }
    numbers.len()
}

/// Bytes of the gaps, and of the bits.
fn sizes(numbers: &[u64]) -> (usize, usize) {
    let gaps = numbers.windows(2).map(|pair| length(pair[1] - pair[0]));
    let span = match (numbers.first(), numbers.last()) {
        (Some(first), Some(last)) => (last - first) / 8 + 1,
        _ => 0,
    };
    (gaps.sum(), span as usize)
}

/// Bytes of a number as LEB128.
fn length(number: u64) -> usize {
    let bits = 64 - (number | 1).leading_zeros();
    bits.div_ceil(7) as usize
}

/// Writes a number as LEB128.
pub(super) fn push(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

/// Reads a number as LEB128; of up to 35 bits, which is more than any has here.
pub(super) fn pull(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..35).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    const LIMIT: u64 = 1 << 24;

    fn sets() -> impl Strategy<Value = Vec<u64>> {
        let set = prop_oneof![
            prop::collection::btree_set(0..LIMIT, 0..300),
            prop::collection::btree_set(5_000..9_000_u64, 0..3_000),
            (0..LIMIT - 4_000, 0..4_000_u64)
                .prop_map(|(from, count)| (from..from + count).collect()),
        ];
        set.prop_map(|set: BTreeSet<u64>| set.into_iter().collect())
    }

    proptest! {
        #[test]
        fn what_was_packed_comes_back(numbers in sets()) {
            let bytes = pack(&numbers);
            prop_assert_eq!(unpack(&bytes, LIMIT), Some(numbers.clone()));
            let fits = fitting(&numbers);
            prop_assert!(pack(&numbers[..fits]).len() <= 1 + 4 + MOST_BYTES);
            if fits < numbers.len() {
                prop_assert!(pack(&numbers[..=fits]).len() > MOST_BYTES);
            }
        }

        #[test]
        fn any_bytes_are_numbers_in_order_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            if let Some(numbers) = unpack(&bytes, LIMIT) {
                prop_assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]));
                prop_assert!(numbers.last().is_none_or(|last| *last < LIMIT));
            }
        }
    }

    #[test]
    fn few_far_apart_are_gaps_and_many_together_are_bits() {
        let far: Vec<u64> = (0..100).map(|number| number * 1_000).collect();
        assert_eq!(pack(&far).len(), 1 + 1 + 2 * 99);
        let near: Vec<u64> = (0..4_096).collect();
        assert_eq!(pack(&near).len(), 1 + 1 + 512);
        assert_eq!(fitting(&(0..5_000).collect::<Vec<_>>()), 4_096);
    }
}
