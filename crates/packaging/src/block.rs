//! The samples of one segment, in as few bytes as may be.
//!
//! A block has, one after the other: the size in the middle of all, and what each sample's size is away from it, or from that of the
//! sync sample before it, where it is one among others. And then what its segment's [`Shape`] says that differs among them:
//! durations, composition offsets, which are sync samples, and how far behind the one before it each lies in the file. What
//! is the same for many samples in a row is a run. The size of the first one is in the head.

use crate::bits::{BitReader, BitWriter, best_k, median, unzigzag, zigzag};

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

    fn to_byte(self) -> u8 {
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

/// The bit beside a shape's that says that the first sample is a sync sample.
pub(crate) const SYNC: u8 = 1 << 4;

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

    /// The shape and the kind of the first sample in a byte.
    pub(crate) fn to_byte(self) -> u8 {
        let sync = if self.starts_with_sync { SYNC } else { 0 };
        self.shape.to_byte() | sync
    }
}

/// The bits that a parameter of a code, a unit, and a size or a gap in the middle are written with at least.
const PARAMETER: u32 = 3;
const UNIT: u32 = 10;
const MIDDLE: u32 = 8;

/// Writes the samples of a segment.
pub(crate) fn write(samples: &[Sample], known: Known) -> Vec<u8> {
    let shape = known.shape;
    let mut writer = BitWriter::default();
    let mut sizes: Vec<u64> = samples.iter().map(|sample| sample.size.into()).collect();
    let middle = median(&mut sizes);
    writer.rice(middle, MIDDLE);
    let mut guess = Guess::new(known, middle);
    let differences = samples.iter().map(|sample| {
        let difference = distance(sample.size.into(), guess.size(sample.is_sync));
        guess.is(sample.size, sample.is_sync);
        difference
    });
    let differences: Vec<u64> = differences.collect();
    all(&mut writer, differences.get(1..).unwrap_or_default());
    let unit = samples
        .iter()
        .map(|sample| sample.composition.unsigned_abs());
    let unit = unit.fold(0, gcd).max(1);
    if shape.durations {
        let durations = samples.iter().map(|sample| i64::from(sample.duration));
        let steps = steps(known.first_duration.into(), durations);
        runs(
            &mut writer,
            steps.map(|step| (step != 0).then_some(zigzag(step))),
        );
    }
    if shape.compositions {
        writer.rice(unit.into(), UNIT);
        let offsets = samples
            .iter()
            .map(|sample| i64::from(sample.composition) / i64::from(unit));
        let steps: Vec<u64> = steps(0, offsets).map(zigzag).collect();
        all(&mut writer, &steps);
    }
    if shape.syncs {
        let syncs = samples.iter().map(|sample| i64::from(sample.is_sync));
        let steps = steps(known.starts_with_sync.into(), syncs);
        runs(&mut writer, steps.map(|step| (step != 0).then_some(0)));
    }
    if shape.gaps {
        let gaps = samples.iter().skip(1).map(|sample| sample.gap);
        let mut some: Vec<u64> = gaps.clone().filter(|gap| *gap > 0).collect();
        let middle = median(&mut some);
        writer.rice(middle, MIDDLE);
        let has_none = some.len() + 1 < samples.len();
        writer.bit(has_none);
        let gaps = gaps.map(|gap| (gap > 0).then(|| distance(gap, middle)));
        match has_none {
            true => runs(&mut writer, gaps),
            false => all(&mut writer, &gaps.flatten().collect::<Vec<u64>>()),
        }
    }
    writer.into_bytes()
}

/// What each value is more than the one before it.
fn steps(first: i64, values: impl Iterator<Item = i64>) -> impl Iterator<Item = i64> {
    values.scan(first, |before, value| {
        let step = value - *before;
        *before = value;
        Some(step)
    })
}

/// Writes numbers with the parameter that is best for them.
fn all(writer: &mut BitWriter, values: &[u64]) {
    let k = best_k(values);
    writer.rice(k.into(), PARAMETER);
    for value in values {
        writer.rice(*value, k);
    }
}

/// Writes numbers, most of which are none: how many are none, then one that is not, and so on.
fn runs(writer: &mut BitWriter, values: impl Iterator<Item = Option<u64>>) {
    let (mut lengths, mut numbers, mut length) = (Vec::new(), Vec::new(), 0);
    for value in values {
        match value {
            None => length += 1,
            Some(number) => {
                lengths.push(length);
                numbers.push(number);
                length = 0;
            }
        }
    }
    let k = [best_k(&lengths), best_k(&numbers)];
    for k in k {
        writer.rice(k.into(), PARAMETER);
    }
    for (length, number) in lengths.into_iter().zip(numbers) {
        writer.rice(length, k[0]);
        writer.rice(number, k[1]);
    }
    if length > 0 {
        writer.rice(length, k[0]);
    }
}

fn read_k(reader: &mut BitReader<'_>) -> Option<u32> {
    let k = u32::try_from(reader.rice(PARAMETER)?).ok()?;
    Some(k).filter(|k| *k < 40)
}

/// Reads what [`runs`] wrote.
struct Runs {
    k: [u32; 2],
    /// How many are none before the next number.
    left: u64,
}

impl Runs {
    fn read(reader: &mut BitReader<'_>) -> Option<Self> {
        let k = [read_k(reader)?, read_k(reader)?];
        let left = reader.rice(k[0])?;
        Some(Self { k, left })
    }

    /// The next one; `is_last` where none comes after it.
    fn next(&mut self, reader: &mut BitReader<'_>, is_last: bool) -> Option<Option<u64>> {
        if let Some(left) = self.left.checked_sub(1) {
            self.left = left;
            return Some(None);
        }
        let number = reader.rice(self.k[1])?;
        if !is_last {
            self.left = reader.rice(self.k[0])?;
        }
        Some(Some(number))
    }
}

/// What a sample's size may be.
struct Guess {
    middle: u64,
    /// The size of the last sync sample, where samples of either kind are among them.
    sync: Option<u64>,
}

impl Guess {
    fn new(known: Known, middle: u64) -> Self {
        let sync = known.shape.syncs.then_some(middle);
        let mut guess = Self { middle, sync };
        guess.is(known.first_size, known.starts_with_sync);
        guess
    }

    fn size(&self, is_sync: bool) -> u64 {
        self.sync.filter(|_| is_sync).unwrap_or(self.middle)
    }

    /// A sample's size is known.
    fn is(&mut self, size: u32, is_sync: bool) {
        if is_sync && self.sync.is_some() {
            self.sync = Some(size.into());
        }
    }
}

/// How far a number is from the one that was guessed: by all 64 bits, so that any two have a distance.
fn distance(value: u64, guessed: u64) -> u64 {
    zigzag(value.wrapping_sub(guessed).cast_signed())
}

fn at_distance(distance: u64, guessed: u64) -> u64 {
    guessed.wrapping_add_signed(unzigzag(distance))
}

/// Reads them again; `None` where they are not whole, or contradict what is known of them.
pub(crate) fn read(bytes: &[u8], known: Known) -> Option<Vec<Sample>> {
    let shape = known.shape;
    let count = known.count as usize;
    let mut reader = BitReader::new(bytes);
    let middle = reader.rice(MIDDLE)?;
    // A sample takes at least a bit, so whatever the head says there are not more.
    if count > bytes.len().checked_mul(8)? {
        return None;
    }
    let first = Sample {
        gap: 0,
        size: known.first_size,
        duration: known.first_duration,
        composition: 0,
        is_sync: known.starts_with_sync,
    };
    let k = read_k(&mut reader)?;
    let differences: Option<Vec<u64>> = (1..count).map(|_| reader.rice(k)).collect();
    let differences = differences?;
    let mut samples = vec![first; count];
    let last = count.checked_sub(1)?;
    if shape.durations {
        let mut runs = Runs::read(&mut reader)?;
        let mut duration = i64::from(known.first_duration);
        for (at, sample) in samples.iter_mut().enumerate() {
            let step = runs.next(&mut reader, at == last)?.map_or(0, unzigzag);
            duration = duration.checked_add(step)?;
            sample.duration = u32::try_from(duration).ok()?;
        }
    }
    if shape.compositions {
        let unit = i64::try_from(reader.rice(UNIT)?).ok()?;
        let k = read_k(&mut reader)?;
        let mut offset = 0_i64;
        for sample in &mut samples {
            offset = offset.checked_add(unzigzag(reader.rice(k)?))?;
            sample.composition = i32::try_from(offset.checked_mul(unit)?).ok()?;
        }
    }
    if shape.syncs {
        let mut runs = Runs::read(&mut reader)?;
        let mut is_sync = known.starts_with_sync;
        for (at, sample) in samples.iter_mut().enumerate() {
            is_sync ^= runs.next(&mut reader, at == last)?.is_some();
            sample.is_sync = is_sync;
        }
    }
    if shape.gaps {
        let middle = reader.rice(MIDDLE)?;
        if reader.bit()? {
            let mut runs = Runs::read(&mut reader)?;
            for (at, sample) in samples.iter_mut().enumerate().skip(1) {
                let gap = runs.next(&mut reader, at == last)?;
                sample.gap = gap.map_or(0, |gap| at_distance(gap, middle));
            }
        } else {
            let k = read_k(&mut reader)?;
            for sample in samples.iter_mut().skip(1) {
                sample.gap = at_distance(reader.rice(k)?, middle);
            }
        }
    }
    let mut guess = Guess::new(known, middle);
    for (sample, difference) in samples.iter_mut().skip(1).zip(differences) {
        let size = at_distance(difference, guess.size(sample.is_sync));
        sample.size = u32::try_from(size).ok()?;
        guess.is(sample.size, sample.is_sync);
    }
    let total: u64 = samples.iter().map(|sample| u64::from(sample.size)).sum();
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
        // Nothing lies before the first one.
        let first = |mut samples: Vec<Sample>| {
            samples[0].gap = 0;
            samples
        };
        proptest::collection::vec(sample, 1..60).prop_map(first)
    }

    proptest! {
        #[test]
        fn samples_come_back(samples in samples()) {
            let known = Known::of(&samples).unwrap();
            prop_assert_eq!(Shape::from_byte(known.to_byte()), known.shape);
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
