//! The samples of one segment, in as few bytes as may be.
//!
//! A block has, one after the other: the parameters of four Rice codes and the unit of the composition offsets (a byte each,
//! the unit in 64 bits of them), and then for each sample the difference of its size from the average, and what its segment's
//! [`Shape`] says that differs among them: its duration, its composition offset, whether it is a sync sample, and how far
//! behind the one before it it lies in the file.

use crate::bits::{BitReader, BitWriter, best_k, unzigzag, zigzag};

/// One sample of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sample {
    /// How many bytes lie between the one before it and this one; of the first, 0.
    pub(crate) gap: u64,
    /// Bytes.
    pub(crate) size: u32,
    /// Ticks.
    pub(crate) duration: u32,
    /// Ticks.
    pub(crate) composition: i32,
    pub(crate) is_sync: bool,
}

/// What is the same in all samples of a segment, and what is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Whether durations differ, beside the last one.
    pub(crate) durations: bool,
    /// Whether there are composition offsets.
    pub(crate) compositions: bool,
    /// Whether some samples are sync samples and others are not.
    pub(crate) syncs: bool,
    /// Whether other bytes lie between the samples.
    pub(crate) gaps: bool,
}

impl Shape {
    pub(crate) fn of(samples: &[Sample]) -> Self {
        let mut pairs = samples.windows(2);
        Self {
            durations: pairs
                .clone()
                .any(|pair| pair[0].duration != pair[1].duration),
            compositions: samples.iter().any(|sample| sample.composition != 0),
            syncs: pairs.any(|pair| pair[0].is_sync != pair[1].is_sync),
            gaps: samples.iter().any(|sample| sample.gap != 0),
        }
    }

    pub(crate) fn to_byte(self) -> u8 {
        u8::from(self.durations)
            | u8::from(self.compositions) << 1
            | u8::from(self.syncs) << 2
            | u8::from(self.gaps) << 3
    }

    pub(crate) fn from_byte(byte: u8) -> Self {
        let has = |place: u8| byte >> place & 1 == 1;
        Self {
            durations: has(0),
            compositions: has(1),
            syncs: has(2),
            gaps: has(3),
        }
    }
}

/// What the index's head says of a segment's samples, which the block does not repeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) count: u32,
    /// Bytes of all samples.
    pub(crate) bytes: u64,
    /// The first one's size and duration, and whether it is a sync sample.
    pub(crate) first_size: u32,
    pub(crate) first_duration: u32,
    pub(crate) starts_with_sync: bool,
    pub(crate) shape: Shape,
}

impl Known {
    pub(crate) fn of(samples: &[Sample]) -> Option<Self> {
        let first = samples.first()?;
        Some(Self {
            count: u32::try_from(samples.len()).ok()?,
            bytes: samples.iter().map(|sample| u64::from(sample.size)).sum(),
            first_size: first.size,
            first_duration: first.duration,
            starts_with_sync: first.is_sync,
            shape: Shape::of(samples),
        })
    }

    /// The average size, rounded down.
    fn average(self) -> i64 {
        let average = self.bytes.checked_div(self.count.into()).unwrap_or(0);
        average.try_into().unwrap_or(i64::MAX)
    }
}

/// Writes the samples of a segment.
pub(crate) fn write(samples: &[Sample], known: Known) -> Vec<u8> {
    let shape = known.shape;
    let average = known.average();
    let unit = samples
        .iter()
        .fold(0, |unit, sample| {
            gcd(unit, sample.composition.unsigned_abs())
        })
        .max(1);
    let size = |sample: &Sample| zigzag(i64::from(sample.size) - average);
    let step = |now: u32, before: u32| zigzag(i64::from(now) - i64::from(before));
    let offset = |sample: &Sample| i64::from(sample.composition) / i64::from(unit);
    let steps = |of: &dyn Fn(&Sample, Option<&Sample>) -> u64| -> Vec<u64> {
        let before = std::iter::once(None).chain(samples.iter().map(Some));
        let pairs = samples.iter().zip(before);
        pairs.map(|(sample, before)| of(sample, before)).collect()
    };
    let sizes = steps(&|sample, _| size(sample));
    let durations = steps(&|sample, before| {
        step(
            sample.duration,
            before.map_or(known.first_duration, |b| b.duration),
        )
    });
    let offsets = steps(&|sample, before| zigzag(offset(sample) - before.map_or(0, offset)));
    let gaps = steps(&|sample, _| sample.gap);
    let parameter = |values: &[u64]| best_k(values.iter().copied());
    let k = [&sizes, &durations, &offsets, &gaps].map(|values| parameter(values));
    let mut writer = BitWriter::default();
    for k in k {
        writer.rice(k.into(), 3);
    }
    if shape.compositions {
        writer.rice(unit.into(), 10);
    }
    for (at, sample) in samples.iter().enumerate() {
        writer.rice(sizes[at], k[0]);
        if shape.durations {
            writer.rice(durations[at], k[1]);
        }
        if shape.compositions {
            writer.rice(offsets[at], k[2]);
        }
        if shape.syncs {
            writer.bit(sample.is_sync);
        }
        if shape.gaps {
            writer.rice(gaps[at], k[3]);
        }
    }
    writer.into_bytes()
}

/// Reads them again; `None` where they are not whole, or contradict what is known of them.
pub(crate) fn read(bytes: &[u8], known: Known) -> Option<Vec<Sample>> {
    let shape = known.shape;
    let average = known.average();
    let mut reader = BitReader::new(bytes);
    let mut k = [0_u32; 4];
    for k in &mut k {
        *k = u32::try_from(reader.rice(3)?).ok().filter(|k| *k < 40)?;
    }
    let unit = match shape.compositions {
        true => i64::try_from(reader.rice(10)?).ok()?,
        false => 1,
    };
    // A sample takes at least a bit, so whatever the head says there are not more.
    let most = bytes.len().checked_mul(8)?;
    if known.count as usize > most {
        return None;
    }
    let mut samples = Vec::with_capacity(known.count as usize);
    let (mut duration, mut offset, mut total) = (known.first_duration, 0_i64, 0_u64);
    for _ in 0..known.count {
        let size = average.checked_add(unzigzag(reader.rice(k[0])?))?;
        let size = u32::try_from(size).ok()?;
        total += u64::from(size);
        if shape.durations {
            let step = unzigzag(reader.rice(k[1])?);
            duration = u32::try_from(i64::from(duration).checked_add(step)?).ok()?;
        }
        if shape.compositions {
            offset = offset.checked_add(unzigzag(reader.rice(k[2])?))?;
        }
        samples.push(Sample {
            size,
            duration,
            composition: i32::try_from(offset.checked_mul(unit)?).ok()?,
            is_sync: match shape.syncs {
                true => reader.bit()?,
                false => known.starts_with_sync,
            },
            gap: match shape.gaps {
                true => reader.rice(k[3])?,
                false => 0,
            },
        });
    }
    (total == known.bytes).then_some(samples)
}

fn gcd(one: u32, other: u32) -> u32 {
    match other {
        0 => one,
        _ => gcd(other, one % other),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn samples() -> impl Strategy<Value = Vec<Sample>> {
        let any = (
            prop_oneof![Just(0), 0_u64..1_000, any::<u64>()],
            prop_oneof![0_u32..5_000, any::<u32>()],
            prop_oneof![Just(512_u32), any::<u32>()],
            prop_oneof![Just(0), (0..5).prop_map(|n| n * 512), any::<i32>()],
            any::<bool>(),
        );
        let sample = any.prop_map(|(gap, size, duration, composition, is_sync)| Sample {
            gap,
            size,
            duration,
            composition,
            is_sync,
        });
        proptest::collection::vec(sample, 1..60)
    }

    proptest! {
        #[test]
        fn samples_come_back(samples in samples()) {
            let known = Known::of(&samples).unwrap();
            prop_assert_eq!(Shape::from_byte(known.shape.to_byte()), known.shape);
            prop_assert_eq!(read(&write(&samples, known), known), Some(samples));
        }

        #[test]
        fn any_bytes_are_samples_or_none(
            bytes in proptest::collection::vec(any::<u8>(), 0..80),
            count in any::<u32>(),
            total in any::<u64>(),
            first in any::<u32>(),
            shape in 0_u8..16,
        ) {
            let known = Known {
                count,
                bytes: total,
                first_size: first,
                first_duration: first,
                starts_with_sync: true,
                shape: Shape::from_byte(shape),
            };
            if let Some(samples) = read(&bytes, known) {
                prop_assert_eq!(samples.len(), count as usize);
            }
        }
    }

    #[test]
    fn sound_takes_less_than_a_byte_a_sample() {
        // AAC at 128 kbit/s: 370 bytes a frame, give or take some.
        let frames: Vec<Sample> = (0_u32..187)
            .map(|n| Sample {
                gap: 0,
                size: 350 + n * 7_919 % 41,
                duration: 1_024,
                composition: 0,
                is_sync: true,
            })
            .collect();
        let known = Known::of(&frames).unwrap();
        assert!(write(&frames, known).len() < frames.len());
    }
}
