//! Cuts a file's tracks into segments.

use spinreel_media as media;

use crate::block::{self, Known, Sample};
use crate::entry;
use crate::index::{Head, Kind, Segment, Track};

/// How large segments and the index may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// After so many seconds a segment ends with the next sync sample.
    pub target_s: u32,
    /// Bytes of samples, after which one ends wherever it is. A single sample may have more.
    pub segment_bytes: u64,
    /// Samples of a segment.
    pub segment_samples: usize,
    /// Bytes of the file that a segment is read out of.
    pub span: u64,
    /// Bytes of an index that may be more than 1 % of its file.
    pub small_index: u64,
    /// Bytes of any index.
    pub index: u64,
    /// Tracks of sound.
    pub audios: usize,
}

impl Limits {
    /// With segments of about that many seconds.
    pub fn of_target(target_s: u32) -> Self {
        Self {
            target_s: target_s.max(1),
            segment_bytes: 32 * 1024 * 1024,
            segment_samples: 4_096,
            span: 256 * 1024 * 1024,
            small_index: 1024 * 1024,
            index: 16 * 1024 * 1024,
            audios: 8,
        }
    }
}

/// The index of a file of `size` bytes; `None` where it cannot be packaged: a codec that players do not take, samples that
/// were not [read](media::read_samples) or lie beyond the file's end, tracks without any, or an index that would be too large.
pub fn index(inspected: &media::Inspected, size: u64, limits: Limits) -> Option<Vec<u8>> {
    if inspected.samples_unread {
        return None;
    }
    let (mut head, mut blocks) = (
        Head {
            file_size: size,
            target_s: limits.target_s,
            tracks: Vec::new(),
        },
        Vec::new(),
    );
    for track in chosen(inspected, limits) {
        let (track, own) = track_of(track, size, limits)?;
        head.tracks.push(track);
        blocks.extend(own);
        (blocks.len() as u64 <= limits.index).then_some(())?;
    }
    if head.tracks.is_empty() {
        return None;
    }
    let bytes = head.write(&blocks)?;
    let most = (size / 100).clamp(limits.small_index, limits.index);
    (bytes.len() as u64 <= most).then_some(bytes)
}

/// Whether [`index`] could come to something, as far as that is known without the samples.
pub fn is_packageable(inspected: &media::Inspected, limits: Limits) -> bool {
    let mut entries =
        chosen(inspected, limits).map(|track| entry::packageable(&track.sample_entry));
    entries.all(|entry| entry.is_some())
}

/// The first pictures, and the sound.
fn chosen(inspected: &media::Inspected, limits: Limits) -> impl Iterator<Item = &media::Track> {
    let of = |wanted: fn(&media::Kind) -> bool| {
        inspected
            .tracks
            .iter()
            .filter(move |track| wanted(&track.kind))
    };
    let videos = of(|kind| matches!(kind, media::Kind::Video { .. })).take(1);
    let audios = of(|kind| matches!(kind, media::Kind::Audio { .. })).take(limits.audios);
    videos.chain(audios)
}

fn track_of(track: &media::Track, size: u64, limits: Limits) -> Option<(Track, Vec<u8>)> {
    let kind = match track.kind {
        media::Kind::Video {
            width,
            height,
            rotation,
            ..
        } => Kind::Video {
            width,
            height,
            rotation,
        },
        media::Kind::Audio {
            channels,
            sample_rate,
        } => Kind::Audio {
            channels,
            sample_rate,
        },
        media::Kind::Other => return None,
    };
    let sample_entry = entry::packageable(&track.sample_entry)?;
    let mut cutter = Cutter::new(track.timescale, size, limits);
    for sample in track.samples() {
        cutter.add(sample)?;
    }
    let (segments, blocks) = cutter.finish()?;
    let track = Track {
        kind,
        codec: track.codec.clone(),
        timescale: track.timescale,
        language: track.language.clone(),
        sample_entry,
        media_time: track.edit.media_time.max(0),
        // What is to be shown before the media begins is shown later, since an edit list has no other way to say so.
        delay: track
            .edit
            .delay
            .checked_add(track.edit.media_time.min(0).unsigned_abs())?,
        segments,
    };
    Some((track, blocks))
}

/// Collects samples until they are a segment.
pub(crate) struct Cutter {
    limits: Limits,
    /// The size of the file.
    size: u64,
    /// Ticks after which a segment ends.
    target: u64,
    samples: Vec<Sample>,
    duration: u64,
    bytes: u64,
    /// Where the segment begins and ends in the file, so far.
    start: u64,
    end: u64,
    /// Where the segment before it ended.
    before: u64,
    segments: Vec<Segment>,
    blocks: Vec<u8>,
}

impl Cutter {
    pub(crate) fn new(timescale: u32, size: u64, limits: Limits) -> Self {
        Self {
            limits,
            size,
            target: u64::from(timescale) * u64::from(limits.target_s),
            samples: Vec::new(),
            duration: 0,
            bytes: 0,
            start: 0,
            end: 0,
            before: 0,
            segments: Vec::new(),
            blocks: Vec::new(),
        }
    }

    /// `None` where the track cannot be packaged.
    pub(crate) fn add(&mut self, sample: media::Sample) -> Option<()> {
        let end = sample.offset.checked_add(sample.size.into())?;
        (end <= self.size).then_some(())?;
        if !self.samples.is_empty() {
            let is_long = self.duration >= self.target && sample.is_sync;
            let is_large = self.bytes + u64::from(sample.size) > self.limits.segment_bytes
                || self.samples.len() >= self.limits.segment_samples
                || end.saturating_sub(self.start) > self.limits.span
                || sample.offset < self.end;
            if is_long || is_large {
                self.cut()?;
            }
        }
        if self.samples.is_empty() {
            (self.start, self.end) = (sample.offset, sample.offset);
        }
        self.samples.push(Sample {
            gap: sample.offset.checked_sub(self.end)?,
            size: sample.size,
            duration: sample.duration,
            composition: sample.composition_offset,
            is_sync: sample.is_sync,
        });
        self.duration = self.duration.checked_add(sample.duration.into())?;
        self.bytes += u64::from(sample.size);
        self.end = end;
        Some(())
    }

    fn cut(&mut self) -> Option<()> {
        let known = Known::of(&self.samples)?;
        let block = block::write(&self.samples, known);
        let distance = i128::from(self.start) - i128::from(self.before);
        self.segments.push(Segment {
            duration: self.duration,
            samples: known.count,
            bytes: known.bytes,
            distance: distance.try_into().ok()?,
            span: self.end - self.start,
            first_size: known.first_size,
            first_duration: known.first_duration,
            first_composition: self.samples.first()?.composition,
            shape: known.to_byte(),
            block: u32::try_from(block.len()).ok()?,
        });
        self.blocks.extend(block);
        (self.blocks.len() as u64 <= self.limits.index).then_some(())?;
        self.before = self.end;
        self.samples.clear();
        (self.duration, self.bytes) = (0, 0);
        Some(())
    }

    /// `None` where there was no sample.
    pub(crate) fn finish(mut self) -> Option<(Vec<Segment>, Vec<u8>)> {
        if !self.samples.is_empty() {
            self.cut()?;
        }
        let is_empty = self.segments.is_empty();
        (!is_empty).then_some((self.segments, self.blocks))
    }
}
