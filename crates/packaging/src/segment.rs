//! Media segments: `styp`, `moof` and `mdat` of one track (ISO/IEC 14496-12, 8.8).

use crate::block::{self, Sample, Shape};
use crate::boxes::Writer;
use crate::index::{Index, IndexError, Place, Track};
use crate::init::TRACK_ID;

/// Data offset, then sample sizes; durations, flags, composition offsets (8.8.8).
const DATA_OFFSET: u32 = 0x1;
const DURATIONS: u32 = 0x100;
const SIZES: u32 = 0x200;
const FLAGS: u32 = 0x400;
const COMPOSITIONS: u32 = 0x800;
/// Of the track's fragment: a default duration and default flags; offsets count from the `moof` (8.8.7).
const DEFAULTS: u32 = 0x8 | 0x20 | 0x2_0000;
/// Flags of a sample that decoding can begin with, and of another one (8.8.3.1).
const SYNC: u32 = 0x0200_0000;
const NOT_SYNC: u32 = 0x0101_0000;

/// A piece of a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// These bytes.
    Made(Vec<u8>),
    /// Bytes of the file.
    File {
        /// The first one.
        start: u64,
        /// How many, at least 1.
        length: u64,
    },
}

/// A media segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaSegment {
    /// What it is made of: pieces of the file come in the file's order.
    pub pieces: Vec<Piece>,
}

impl MediaSegment {
    /// The segment `segment` of the track `track`, with its block of the index. Nothing outside the file is in it.
    pub fn new(
        index: &Index,
        track: usize,
        segment: usize,
        block: &[u8],
    ) -> Result<Self, IndexError> {
        Self::make(index, track, segment, block).ok_or(IndexError::Damaged)
    }

    fn make(index: &Index, track: usize, number: usize, block: &[u8]) -> Option<Self> {
        let track = index.head.tracks.get(track)?;
        let segment = track.segments.get(number)?;
        let place = track.places().nth(number)??;
        let time = track.decode_times().nth(number)?;
        let samples = block::read(block, segment.known())?;
        let head = head(u32::try_from(number).ok()?, time, &samples)?;
        let mut pieces = vec![Piece::Made(head)];
        pieces.extend(file_pieces(place, &samples)?);
        Some(Self { pieces })
    }
}

/// The stretches of the file that the samples take, those that touch as one; `None` where they do not fill the place.
fn file_pieces(place: Place, samples: &[Sample]) -> Option<Vec<Piece>> {
    let mut stretches: Vec<Place> = Vec::new();
    let mut at = place.start;
    for sample in samples {
        let start = at.checked_add(sample.gap)?;
        at = start.checked_add(sample.size.into())?;
        match stretches.last_mut() {
            Some(last) if last.end == start => last.end = at,
            _ => stretches.push(Place { start, end: at }),
        }
    }
    let pieces = stretches.iter().filter(|part| part.start < part.end);
    let pieces = pieces.map(|part| Piece::File {
        start: part.start,
        length: part.end - part.start,
    });
    (at == place.end).then(|| pieces.collect())
}

/// Everything before the samples.
fn head(number: u32, time: u64, samples: &[Sample]) -> Option<Vec<u8>> {
    let first = samples.first()?;
    let shape = Shape::of(samples);
    let mut writer = Writer::default();
    writer.boxed(b"styp", |writer| {
        writer.raw(b"msdh");
        writer.u32(0);
        writer.raw(b"msdh");
        writer.raw(b"msix");
    });
    let moof = writer.bytes.len();
    let mut data_offset = 0;
    writer.boxed(b"moof", |writer| {
        writer.full(b"mfhd", 0, 0, |writer| writer.u32(number + 1));
        writer.boxed(b"traf", |writer| {
            writer.full(b"tfhd", 0, DEFAULTS, |writer| {
                writer.u32(TRACK_ID);
                writer.u32(first.duration);
                writer.u32(flags(first));
            });
            writer.full(b"tfdt", 1, 0, |writer| writer.u64(time));
            writer.full(b"trun", 1, run_flags(shape), |writer| {
                writer.u32(u32::try_from(samples.len()).unwrap_or(u32::MAX));
                data_offset = writer.bytes.len();
                writer.u32(0);
                for sample in samples {
                    run_entry(writer, shape, sample);
                }
            });
        });
    });
    let offset = u32::try_from(writer.bytes.len() - moof + 8).ok()?;
    let place = writer.bytes.get_mut(data_offset..data_offset + 4)?;
    place.copy_from_slice(&offset.to_be_bytes());
    let bytes: u64 = samples.iter().map(|sample| u64::from(sample.size)).sum();
    writer.u32(u32::try_from(bytes + 8).ok()?);
    writer.raw(b"mdat");
    Some(writer.bytes)
}

fn flags(sample: &Sample) -> u32 {
    if sample.is_sync { SYNC } else { NOT_SYNC }
}

fn run_flags(shape: Shape) -> u32 {
    let if_so = |is_so: bool, flag: u32| if is_so { flag } else { 0 };
    DATA_OFFSET
        | SIZES
        | if_so(shape.durations, DURATIONS)
        | if_so(shape.syncs, FLAGS)
        | if_so(shape.compositions, COMPOSITIONS)
}

fn run_entry(writer: &mut Writer, shape: Shape, sample: &Sample) {
    if shape.durations {
        writer.u32(sample.duration);
    }
    writer.u32(sample.size);
    if shape.syncs {
        writer.u32(flags(sample));
    }
    if shape.compositions {
        writer.u32(sample.composition.cast_unsigned());
    }
}

impl Track {
    /// How many bytes a segment has before its samples, and in all.
    pub(crate) fn segment_lengths(&self, segment: usize) -> Option<(u64, u64)> {
        let segment = self.segments.get(segment)?;
        let shape = Shape::from_byte(segment.shape);
        let words =
            1 + u64::from(shape.durations) + u64::from(shape.syncs) + u64::from(shape.compositions);
        let head = EMPTY_HEAD + 4 * words * u64::from(segment.samples);
        Some((head, head + segment.bytes))
    }
}

/// The bytes of [`head`] without its entries: `styp` 24, `moof` 8 with `mfhd` 16, `traf` 8, `tfhd` 24, `tfdt` 20 and `trun` 20,
/// and the header of `mdat` 8.
const EMPTY_HEAD: u64 = 24 + 8 + 16 + 8 + 24 + 20 + 20 + 8;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_length_of_a_head_is_known_without_its_samples() {
        for shape in 0..8 {
            let shape = Shape::from_byte(shape);
            let sample = |n: u32| Sample {
                gap: 0,
                size: 10,
                duration: if shape.durations { 1 + n } else { 1 },
                composition: i32::from(shape.compositions),
                is_sync: !shape.syncs || n == 0,
            };
            let samples: Vec<Sample> = (0..5).map(sample).collect();
            assert_eq!(Shape::of(&samples), shape);
            let words = 1 + [shape.durations, shape.syncs, shape.compositions]
                .iter()
                .filter(|has| **has)
                .count();
            let head = head(0, 0, &samples).unwrap();
            assert_eq!(head.len() as u64, EMPTY_HEAD + 4 * 5 * words as u64);
        }
    }

    #[test]
    fn samples_that_touch_are_one_piece_and_must_fill_their_place() {
        let sample = |gap: u64, size: u32| Sample {
            gap,
            size,
            duration: 1,
            composition: 0,
            is_sync: true,
        };
        let samples = [sample(0, 5), sample(0, 0), sample(0, 5), sample(10, 7)];
        let file = |start, length| Piece::File { start, length };
        let place = |end| Place { start: 100, end };
        let expected = vec![file(100, 10), file(120, 7)];
        assert_eq!(file_pieces(place(127), &samples), Some(expected));
        assert_eq!(file_pieces(place(126), &samples), None);
        assert_eq!(file_pieces(place(128), &samples), None);
    }
}
