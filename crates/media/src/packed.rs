//! Samples in a few bytes each, for files that have no tables of them.

use bytes::Bytes;

use crate::samples::Sample;

/// Samples one after the other, each as what differs from the one before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Packed {
    bytes: Bytes,
    pub(crate) count: u64,
}

/// Packs samples.
#[derive(Debug, Default)]
pub(crate) struct Packing {
    bytes: Vec<u8>,
    count: u64,
    last: Last,
    /// The newest sample, whose duration the next fragment may correct.
    newest: Option<Sample>,
}

/// Unpacks them again.
#[derive(Debug, Clone)]
pub(crate) struct Unpacking<'a> {
    bytes: &'a [u8],
    last: Last,
}

/// What the next sample differs from.
#[derive(Debug, Clone, Copy, Default)]
struct Last {
    /// Where the bytes of the last sample end.
    end: u64,
    duration: u32,
    composition_offset: i32,
}

impl Packing {
    pub(crate) fn push(&mut self, sample: Sample) {
        if let Some(newest) = self.newest.replace(sample) {
            self.write(newest);
        }
    }

    /// The newest sample, to be corrected.
    pub(crate) fn newest(&mut self) -> Option<&mut Sample> {
        self.newest.as_mut()
    }

    /// How many bytes there are.
    pub(crate) fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    pub(crate) fn finish(mut self) -> Packed {
        if let Some(newest) = self.newest.take() {
            self.write(newest);
        }
        Packed {
            bytes: self.bytes.into(),
            count: self.count,
        }
    }

    fn write(&mut self, sample: Sample) {
        let gap = sample.offset.wrapping_sub(self.last.end).cast_signed();
        let duration = i64::from(sample.duration) - i64::from(self.last.duration);
        let composition =
            i64::from(sample.composition_offset) - i64::from(self.last.composition_offset);
        self.number(u64::from(sample.size) << 1 | u64::from(sample.is_sync));
        for difference in [gap, duration, composition] {
            // Small numbers of either sign are few bits.
            self.number((difference << 1 ^ difference >> 63).cast_unsigned());
        }
        self.last = Last::after(&sample);
        self.count += 1;
    }

    /// Seven bits a byte, the lowest first.
    fn number(&mut self, mut value: u64) {
        while value > 0x7f {
            self.bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.bytes.push(value as u8);
    }
}

impl Last {
    fn after(sample: &Sample) -> Self {
        Self {
            end: sample.offset.wrapping_add(sample.size.into()),
            duration: sample.duration,
            composition_offset: sample.composition_offset,
        }
    }
}

impl Packed {
    pub(crate) fn samples(&self) -> Unpacking<'_> {
        Unpacking {
            bytes: &self.bytes,
            last: Last::default(),
        }
    }
}

impl Unpacking<'_> {
    pub(crate) fn next(&mut self) -> Option<Sample> {
        let size = self.number()?;
        let (gap, duration, composition) =
            (self.difference()?, self.difference()?, self.difference()?);
        let sample = Sample {
            offset: self.last.end.wrapping_add_signed(gap),
            size: (size >> 1) as u32,
            duration: (i64::from(self.last.duration) + duration) as u32,
            composition_offset: (i64::from(self.last.composition_offset) + composition) as i32,
            is_sync: size & 1 == 1,
        };
        self.last = Last::after(&sample);
        Some(sample)
    }

    fn difference(&mut self) -> Option<i64> {
        let value = self.number()?;
        Some((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
    }

    fn number(&mut self) -> Option<u64> {
        let (mut value, mut shift) = (0, 0);
        loop {
            let (byte, rest) = self.bytes.split_first()?;
            self.bytes = rest;
            value |= u64::from(byte & 0x7f).checked_shl(shift)?;
            if byte & 0x80 == 0 {
                return Some(value);
            }
            shift += 7;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_comes_back() {
        let sample = |offset, size, duration, composition_offset, is_sync| Sample {
            offset,
            size,
            duration,
            composition_offset,
            is_sync,
        };
        let samples = [
            sample(1_000, 500, 512, 1_024, true),
            sample(1_500, 20, 512, -512, false),
            sample(10, 0, 0, i32::MIN, false),
            sample(u64::MAX, u32::MAX, u32::MAX, i32::MAX, true),
            sample(0, 1, 1, 0, false),
        ];
        let mut packing = Packing::default();
        for sample in samples {
            packing.push(sample);
        }
        let packed = packing.finish();
        assert_eq!(packed.count, 5);
        let mut unpacking = packed.samples();
        let unpacked: Vec<_> = std::iter::from_fn(|| unpacking.next()).collect();
        assert_eq!(unpacked, samples);
    }
}
