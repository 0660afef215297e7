//! The samples of a track, from the compact tables of its file (ISO/IEC 14496-12, 8.6 and 8.7).
//!
//! The tables stay the bytes that they are in the file: an hour's film has a quarter of a million samples, and decoded they
//! would be many times the size.

use bytes::Bytes;

use crate::inspected::Unplayable;
use crate::packed::{Packed, Unpacking};

/// One sample: a picture, or a few milliseconds of sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// Where its bytes begin in the file.
    pub offset: u64,
    /// How many bytes it has.
    pub size: u32,
    /// How long it lasts, in the track's ticks: the decoding time of the next one is that much later.
    pub duration: u32,
    /// How much later than it is decoded it is shown, in the track's ticks; may be negative.
    pub composition_offset: i32,
    /// Whether decoding can begin with it.
    pub is_sync: bool,
}

/// The samples of a track, or none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SampleTable {
    /// Not described, or not kept.
    None,
    /// The tables of `stbl`.
    Tables(Tables),
    /// Made of movie fragments.
    Packed(Packed),
}

/// The tables of `stbl`, each without its header and count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tables {
    pub(crate) sizes: Sizes,
    /// `stts`: pairs of count and duration.
    pub(crate) times: Bytes,
    /// `ctts`: pairs of count and offset.
    pub(crate) offsets: Bytes,
    /// `stsc`: first chunk, samples per chunk, description.
    pub(crate) chunks: Bytes,
    /// `stco` or `co64`.
    pub(crate) chunk_offsets: ChunkOffsets,
    /// `stss`: numbers of samples; `None` where all are sync samples.
    pub(crate) sync: Option<Bytes>,
}

/// `stsz` or `stz2` (8.7.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Sizes {
    /// All alike.
    Fixed { size: u32, count: u32 },
    /// One each, of 4, 8, 16 or 32 bits.
    Each { bits: u8, count: u32, sizes: Bytes },
}

/// `stco` or `co64` (8.7.5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ChunkOffsets {
    Narrow(Bytes),
    Wide(Bytes),
}

/// The samples of a track in decoding order.
#[derive(Debug, Clone)]
pub struct Samples<'a>(Source<'a>);

#[derive(Debug, Clone)]
enum Source<'a> {
    None,
    Tables(Walk<'a>),
    Packed(Unpacking<'a>),
}

#[derive(Debug, Clone)]
struct Walk<'a> {
    tables: &'a Tables,
    /// The number of the next sample, from 0.
    next: u32,
    times: Runs<'a>,
    offsets: Runs<'a>,
    chunks: ChunkWalk<'a>,
    /// How many samples of the current chunk are left, and where the next one begins.
    left: u32,
    offset: u64,
    /// How many entries of `stss` are behind.
    sync: usize,
}

impl SampleTable {
    pub(crate) fn samples(&self) -> Samples<'_> {
        Samples(match self {
            Self::None => Source::None,
            Self::Packed(packed) => Source::Packed(packed.samples()),
            Self::Tables(tables) => Source::Tables(Walk {
                tables,
                next: 0,
                times: Runs::new(&tables.times),
                offsets: Runs::new(&tables.offsets),
                chunks: ChunkWalk::new(tables),
                left: 0,
                offset: 0,
                sync: 0,
            }),
        })
    }

    pub(crate) fn count(&self) -> u64 {
        match self {
            Self::None => 0,
            Self::Packed(packed) => packed.count,
            Self::Tables(tables) => tables.sizes.count().into(),
        }
    }
}

impl Iterator for Samples<'_> {
    type Item = Sample;

    fn next(&mut self) -> Option<Sample> {
        match &mut self.0 {
            Source::None => None,
            Source::Tables(walk) => walk.next(),
            Source::Packed(unpacking) => unpacking.next(),
        }
    }
}

impl Walk<'_> {
    fn next(&mut self) -> Option<Sample> {
        if self.next >= self.tables.sizes.count() {
            return None;
        }
        while self.left == 0 {
            let chunk = self.chunks.next()?.ok()?;
            (self.left, self.offset) = (chunk.samples, chunk.offset);
        }
        let (size, offset) = (self.tables.sizes.get(self.next)?, self.offset);
        let is_sync = match &self.tables.sync {
            None => true,
            Some(numbers) => {
                let is_sync = u32_at(numbers, self.sync * 4) == Some(self.next + 1);
                self.sync += usize::from(is_sync);
                is_sync
            }
        };
        self.left -= 1;
        self.next += 1;
        self.offset += u64::from(size);
        Some(Sample {
            offset,
            size,
            duration: self.times.next().unwrap_or_default(),
            composition_offset: self.offsets.next().unwrap_or_default().cast_signed(),
            is_sync,
        })
    }
}

/// What [`Tables::check`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Totals {
    /// Bytes of all samples.
    pub(crate) bytes: u64,
}

impl Tables {
    /// Looks whether the tables agree with each other, and all samples are within the first `size` bytes of the file. Costs
    /// a step for each chunk, and for each sample that has a size of its own.
    pub(crate) fn check(&self, size: u64) -> Result<Totals, Unplayable> {
        let count = self.sizes.count();
        let (mut done, mut bytes) = (0_u32, 0_u64);
        for chunk in ChunkWalk::new(self) {
            let chunk = chunk?;
            // The last chunk may be told to have more than there are.
            let samples = chunk.samples.min(count - done);
            let length = self.sizes.sum(done, samples).ok_or(Unplayable::Damaged)?;
            let end = chunk.offset.checked_add(length).ok_or(Unplayable::CutOff)?;
            if samples > 0 && end > size {
                return Err(Unplayable::CutOff);
            }
            bytes = bytes.saturating_add(length);
            done += samples;
            if done == count {
                break;
            }
        }
        if done < count {
            return Err(Unplayable::Damaged);
        }
        if let Some(numbers) = &self.sync {
            let mut last = 0;
            for at in (0..numbers.len()).step_by(4) {
                let number = u32_at(numbers, at).ok_or(Unplayable::Damaged)?;
                if number <= last {
                    return Err(Unplayable::Damaged);
                }
                last = number;
            }
        }
        Ok(Totals { bytes })
    }
}

impl Sizes {
    pub(crate) fn count(&self) -> u32 {
        match self {
            Self::Fixed { count, .. } | Self::Each { count, .. } => *count,
        }
    }

    fn get(&self, index: u32) -> Option<u32> {
        let index = index as usize;
        match self {
            Self::Fixed { size, .. } => Some(*size),
            Self::Each { bits, sizes, .. } => match bits {
                4 => {
                    let pair = sizes.get(index / 2)?;
                    Some(u32::from(if index.is_multiple_of(2) {
                        pair >> 4
                    } else {
                        pair & 15
                    }))
                }
                8 => sizes.get(index).copied().map(u32::from),
                16 => Some(u16::from_be_bytes(array_at(sizes, index * 2)?).into()),
                _ => u32_at(sizes, index * 4),
            },
        }
    }

    /// The bytes of `samples` samples from `first` on.
    fn sum(&self, first: u32, samples: u32) -> Option<u64> {
        match self {
            Self::Fixed { size, .. } => Some(u64::from(*size) * u64::from(samples)),
            Self::Each { .. } => {
                let mut sum = 0;
                for index in first..first.checked_add(samples)? {
                    sum += u64::from(self.get(index)?);
                }
                Some(sum)
            }
        }
    }
}

/// Pairs of a count and a value, value by value. Past the end the last value goes on, as in `stts` that are too short.
#[derive(Debug, Clone)]
struct Runs<'a> {
    table: &'a [u8],
    at: usize,
    left: u32,
    value: u32,
}

impl<'a> Runs<'a> {
    fn new(table: &'a [u8]) -> Self {
        Self {
            table,
            at: 0,
            left: 0,
            value: 0,
        }
    }

    fn next(&mut self) -> Option<u32> {
        while self.left == 0 {
            let (Some(count), Some(value)) =
                (u32_at(self.table, self.at), u32_at(self.table, self.at + 4))
            else {
                return Some(self.value);
            };
            (self.left, self.value) = (count, value);
            self.at += 8;
        }
        self.left -= 1;
        Some(self.value)
    }
}

/// A chunk: samples that lie one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Chunk {
    samples: u32,
    offset: u64,
}

/// The chunks, each with its samples: `stsc` beside `stco`.
#[derive(Debug, Clone)]
struct ChunkWalk<'a> {
    tables: &'a Tables,
    /// The number of the next chunk, from 0.
    next: u32,
    /// Where the next entry of `stsc` is, and how many samples the current one gives a chunk.
    at: usize,
    samples: u32,
}

impl<'a> ChunkWalk<'a> {
    fn new(tables: &'a Tables) -> Self {
        Self {
            tables,
            next: 0,
            at: 0,
            samples: 0,
        }
    }
}

impl Iterator for ChunkWalk<'_> {
    type Item = Result<Chunk, Unplayable>;

    fn next(&mut self) -> Option<Self::Item> {
        let offset = match &self.tables.chunk_offsets {
            ChunkOffsets::Narrow(offsets) => u32_at(offsets, self.next as usize * 4)?.into(),
            ChunkOffsets::Wide(offsets) => {
                u64::from_be_bytes(array_at(offsets, self.next as usize * 8)?)
            }
        };
        match u32_at(&self.tables.chunks, self.at) {
            // The first entry must be for the first chunk, and each later one for a later chunk.
            Some(first) if first <= self.next || (self.next == 0 && first != 1) => {
                return Some(Err(Unplayable::Damaged));
            }
            Some(first) if first == self.next + 1 => {
                let Some(samples) = u32_at(&self.tables.chunks, self.at + 4) else {
                    return Some(Err(Unplayable::Damaged));
                };
                self.samples = samples;
                self.at += 12;
            }
            _ => {}
        }
        self.next += 1;
        Some(Ok(Chunk {
            samples: self.samples,
            offset,
        }))
    }
}

fn array_at<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at.checked_add(N)?)?.try_into().ok()
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    array_at(bytes, at).map(u32::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(values: &[u32]) -> Bytes {
        values
            .iter()
            .flat_map(|value| value.to_be_bytes())
            .collect()
    }

    fn tables() -> Tables {
        Tables {
            sizes: Sizes::Each {
                bits: 32,
                count: 5,
                sizes: table(&[10, 20, 30, 40, 50]),
            },
            times: table(&[2, 100, 1, 50]),
            offsets: table(&[1, 7, 4, (-3_i32).cast_unsigned()]),
            chunks: table(&[1, 2, 1, 3, 1, 1]),
            chunk_offsets: ChunkOffsets::Narrow(table(&[1_000, 2_000, 3_000])),
            sync: Some(table(&[1, 4])),
        }
    }

    fn flat(tables: Tables) -> Vec<(u64, u32, u32, i32, bool)> {
        let table = SampleTable::Tables(tables);
        let sample = |s: Sample| {
            (
                s.offset,
                s.size,
                s.duration,
                s.composition_offset,
                s.is_sync,
            )
        };
        table.samples().map(sample).collect()
    }

    #[test]
    fn samples_are_made_of_all_tables() {
        let expected = [
            (1_000, 10, 100, 7, true),
            (1_010, 20, 100, -3, false),
            (2_000, 30, 50, -3, false),
            (2_030, 40, 50, -3, true),
            (3_000, 50, 50, -3, false),
        ];
        assert_eq!(flat(tables()), expected);
        assert_eq!(tables().check(3_050), Ok(Totals { bytes: 150 }));
        assert_eq!(tables().check(3_049), Err(Unplayable::CutOff));
    }

    #[test]
    fn sizes_of_four_eight_and_sixteen_bits_are_read() {
        for (bits, sizes) in [
            (4, vec![0x12, 0x30]),
            (8, vec![1, 2, 3]),
            (16, vec![0, 1, 0, 2, 0, 3]),
        ] {
            let sizes = Sizes::Each {
                bits,
                count: 3,
                sizes: sizes.into(),
            };
            let read: Vec<u32> = flat(Tables {
                sizes,
                sync: None,
                ..tables()
            })
            .iter()
            .map(|sample| sample.1)
            .collect();
            assert_eq!(read, [1, 2, 3], "{bits} bits");
        }
    }

    #[test]
    fn tables_that_contradict_each_other_are_damaged() {
        let damaged = [
            // The second entry goes back; the first is not for the first chunk; there are not enough chunks.
            Tables {
                chunks: table(&[1, 2, 1, 1, 1, 1]),
                ..tables()
            },
            Tables {
                chunks: table(&[2, 2, 1]),
                ..tables()
            },
            Tables {
                chunk_offsets: ChunkOffsets::Narrow(table(&[0])),
                ..tables()
            },
            Tables {
                sync: Some(table(&[4, 1])),
                ..tables()
            },
        ];
        for tables in damaged {
            assert_eq!(
                tables.check(u64::MAX),
                Err(Unplayable::Damaged),
                "{tables:?}"
            );
        }
    }

    #[test]
    fn four_thousand_million_samples_cost_a_step_for_each_chunk() {
        let sizes = Sizes::Fixed {
            size: 1,
            count: u32::MAX,
        };
        let chunks = table(&[1, u32::MAX, 1]);
        let huge = Tables {
            sizes,
            chunks,
            ..tables()
        };
        assert_eq!(huge.check(1_000_000), Err(Unplayable::CutOff));
    }
}
