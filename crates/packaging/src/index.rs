//! The index of a file: what playlists and the heads of segments are made of.
//!
//! The magic `SPX1`, the length of the head in 32 bits, big-endian, the head ([`Head`], as `postcard` writes it), and then the
//! blocks of all segments, track by track, one after the other.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::block::{Known, SYNC, Shape};

const MAGIC: [u8; 4] = *b"SPX1";
/// The bytes before the head.
pub(crate) const PREFIX: usize = 8;

/// Why an index cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum IndexError {
    /// It is none, or an older one.
    #[error("this is no index")]
    Foreign,
    /// It is one, and contradicts itself or the file.
    #[error("the index is damaged")]
    Damaged,
}

/// What is known of a file without its samples.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The size of the file, in bytes.
    pub file_size: u64,
    /// About how long a segment is, in seconds.
    pub target_s: u32,
    /// The tracks: the pictures first, where there are any.
    pub tracks: Vec<Track>,
}

/// A track.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Track {
    /// What it carries.
    pub kind: Kind,
    /// RFC 6381.
    pub codec: String,
    /// Ticks per second.
    pub timescale: u32,
    /// BCP 47 or ISO 639-2.
    pub language: Option<String>,
    /// The sample entry for an MP4 file (ISO/IEC 14496-12, 8.5.2), a whole box.
    pub sample_entry: Vec<u8>,
    /// The composition time that is shown first, in ticks.
    pub media_time: i64,
    /// How long nothing is shown at first, in ticks.
    pub delay: u64,
    /// The segments, one at least.
    pub segments: Vec<Segment>,
}

/// What a track carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// Pictures.
    Video {
        /// Pixels, before the rotation.
        width: u32,
        /// Pixels, before the rotation.
        height: u32,
        /// Degrees clockwise: 0, 90, 180 or 270.
        rotation: u16,
    },
    /// Sound.
    Audio {
        /// How many.
        channels: u16,
        /// Hertz.
        sample_rate: u32,
    },
}

/// A segment of a track.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    /// Ticks, of decoding.
    pub duration: u64,
    /// How many samples, one at least.
    pub samples: u32,
    /// Bytes of all samples.
    pub bytes: u64,
    /// Where its first sample begins, seen from the end of the segment before it (from 0 of the first).
    pub(crate) distance: i64,
    /// From its first byte in the file to its last.
    pub(crate) span: u64,
    /// The first sample.
    pub(crate) first_size: u32,
    pub(crate) first_duration: u32,
    pub(crate) first_composition: i32,
    /// Of the samples, and whether the first one is a sync sample: [`Known::to_byte`].
    pub(crate) shape: u8,
    /// Bytes of its block.
    pub(crate) block: u32,
}

impl Segment {
    /// Whether decoding can begin here.
    pub fn is_independent(&self) -> bool {
        self.shape & SYNC == SYNC
    }

    pub(crate) fn known(&self) -> Known {
        Known {
            count: self.samples,
            bytes: self.bytes,
            first_size: self.first_size,
            first_duration: self.first_duration,
            starts_with_sync: self.is_independent(),
            shape: Shape::from_byte(self.shape),
        }
    }
}

/// A head, and where the rest of its index is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    /// The head.
    pub head: Head,
    /// Where the first block begins, in bytes.
    pub(crate) blocks_at: u64,
}

/// How many bytes from the beginning on [`Index::read`] needs, by the first eight of an index.
pub fn head_length(prefix: &[u8]) -> Result<u64, IndexError> {
    let (magic, length) = prefix.split_first_chunk().ok_or(IndexError::Foreign)?;
    let length = length.first_chunk().ok_or(IndexError::Foreign)?;
    if *magic != MAGIC {
        return Err(IndexError::Foreign);
    }
    Ok(PREFIX as u64 + u64::from(u32::from_be_bytes(*length)))
}

impl Index {
    /// Reads the beginning of an index; more bytes than [`head_length`] do no harm. What it says lies within the file.
    pub fn read(beginning: &[u8]) -> Result<Self, IndexError> {
        let blocks_at = head_length(beginning)?;
        let end = usize::try_from(blocks_at).map_err(|_| IndexError::Damaged)?;
        let bytes = beginning.get(PREFIX..end).ok_or(IndexError::Damaged)?;
        let head: Head = postcard::from_bytes(bytes).map_err(|_| IndexError::Damaged)?;
        head.check().ok_or(IndexError::Damaged)?;
        Ok(Self { head, blocks_at })
    }

    /// Where the block of a segment is in the index: its first byte and how many; `None` where there is no such segment.
    pub fn block(&self, track: usize, segment: usize) -> Option<(u64, u64)> {
        self.head.tracks.get(track)?.segments.get(segment)?;
        let before = self.head.tracks.get(..track)?.iter();
        let before = before.flat_map(|track| &track.segments);
        let own = self.head.tracks.get(track)?.segments.get(..segment)?;
        let at = before.chain(own).map(|segment| u64::from(segment.block));
        let length = self.head.tracks.get(track)?.segments.get(segment)?.block;
        Some((self.blocks_at + at.sum::<u64>(), length.into()))
    }
}

impl Head {
    pub(crate) fn write(&self, blocks: &[u8]) -> Option<Vec<u8>> {
        let head = postcard::to_allocvec(self).ok()?;
        let length = u32::try_from(head.len()).ok()?;
        let mut bytes = MAGIC.to_vec();
        bytes.extend(length.to_be_bytes());
        bytes.extend(head);
        bytes.extend(blocks);
        Some(bytes)
    }

    /// Whether every segment lies within the file, and every sum fits.
    fn check(&self) -> Option<()> {
        for track in &self.tracks {
            (track.timescale > 0 && !track.segments.is_empty()).then_some(())?;
            let mut time = track.delay;
            let mut samples = 0_u32;
            for place in track.places() {
                let place = place?;
                (place.start <= place.end && place.end <= self.file_size).then_some(())?;
            }
            for segment in &track.segments {
                time = time.checked_add(segment.duration)?;
                samples = samples.checked_add(segment.samples)?;
                (segment.samples > 0 && segment.bytes <= segment.span).then_some(())?;
                i64::try_from(time).ok()?;
            }
        }
        Some(())
    }
}

/// Where the samples of a segment lie in the file; the end is not included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) start: u64,
    pub(crate) end: u64,
}

impl Track {
    /// The places of the segments; `None` where one cannot be.
    pub(crate) fn places(&self) -> impl Iterator<Item = Option<Place>> {
        self.segments.iter().scan(Some(0_u64), |end, segment| {
            let place = end.and_then(|before| {
                let start = before.checked_add_signed(segment.distance)?;
                let end = start.checked_add(segment.span)?;
                Some(Place { start, end })
            });
            *end = place.map(|place| place.end);
            Some(place)
        })
    }

    /// The decoding time of the first sample of each segment, in ticks, with the track's delay.
    pub(crate) fn decode_times(&self) -> impl Iterator<Item = u64> {
        self.segments.iter().scan(self.delay, |time, segment| {
            let own = *time;
            *time = time.saturating_add(segment.duration);
            Some(own)
        })
    }

    /// When each segment begins to be shown and when all of them end, in ticks: never below 0, and never backwards.
    pub(crate) fn shown_times(&self) -> Vec<u64> {
        let edited = |time: u64, composition: i64| {
            let time = i128::from(time) + i128::from(composition) - i128::from(self.media_time);
            u64::try_from(time.max(0)).unwrap_or(u64::MAX)
        };
        let mut times: Vec<u64> = Vec::with_capacity(self.segments.len() + 1);
        let mut floor = 0;
        let mut last = (0, 0);
        for (time, segment) in self.decode_times().zip(&self.segments) {
            floor = edited(time, segment.first_composition.into()).max(floor);
            times.push(floor);
            last = (
                time.saturating_add(segment.duration),
                i64::from(segment.first_composition),
            );
        }
        times.push(edited(last.0, last.1).max(floor));
        times
    }

    /// When the track ends, in milliseconds.
    pub fn end_ms(&self) -> u64 {
        let end = self.shown_times().last().copied().unwrap_or(0);
        let ms = u128::from(end) * 1_000 / u128::from(self.timescale.max(1));
        ms.try_into().unwrap_or(u64::MAX)
    }

    /// Whether decoding can begin with each segment.
    pub(crate) fn is_independent(&self) -> bool {
        self.segments.iter().all(Segment::is_independent)
    }
}

impl Kind {
    /// Whether it is pictures.
    pub fn is_video(self) -> bool {
        matches!(self, Self::Video { .. })
    }
}
