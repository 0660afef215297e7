//! Movie fragments (ISO/IEC 14496-12, 8.8): how long they last, from a few of them.

use bytes::Bytes;

use super::boxes::Boxes;
use super::movie::{Defaults, Movie, frame_rate};
use super::{Placed, content, placed};
use crate::cursor::Cursor;
use crate::inspected::{InspectError, Unplayable};
use crate::read::ReadAt;
use crate::reader::Reader;
use crate::track::{Kind, Track};

/// How many reads are kept for the end of the file.
const READS_FOR_THE_END: u32 = 3;
/// The most streams of whose indexes something is kept.
const MOST_STREAMS: usize = 64;
/// The most of a file's end that is read to find `mfra`, in bytes.
const MOST_OF_THE_END: u64 = 256 * 1024;

/// What fragments say of the film.
#[derive(Debug, Clone, Default)]
pub(super) struct Fragments {
    /// Of each track that was met.
    runs: Vec<Run>,
    /// When streams end by what `sidx` says of each.
    indexed: Vec<Indexed>,
    /// Where not all was looked at: how many bytes of fragments are there for so many that were.
    share: Option<(u64, u64)>,
}

/// What was seen of a track.
#[derive(Debug, Clone, Copy)]
struct Run {
    track: u64,
    samples: u64,
    ticks: u64,
    /// When the first sample begins and the last one that was seen ends, in ticks.
    start: u64,
    end: u64,
}

/// What the indexes of a stream say.
#[derive(Debug, Clone, Copy)]
struct Indexed {
    /// The stream's id, which is the track's as a rule.
    stream: u32,
    /// When it ends, in nanoseconds.
    end: u128,
}

/// What times of different ticks are compared and subtracted in.
const NANOSECONDS: u32 = 1_000_000_000;

fn nanoseconds(ticks: u64, timescale: u32) -> u128 {
    u128::from(ticks) * u128::from(NANOSECONDS) / u128::from(timescale.max(1))
}

impl Fragments {
    /// How many samples of a track were seen.
    pub(super) fn samples(&self, track: u64) -> u64 {
        self.run(track).map_or(0, |run| run.samples)
    }

    fn run(&self, track: u64) -> Option<&Run> {
        self.runs.iter().find(|run| run.track == track)
    }

    /// How long the film is, in ticks and ticks per second: from the beginning of the first track to the end of the last.
    pub(super) fn duration(&self, tracks: &[Track]) -> Option<(u64, u32)> {
        let seen = tracks.iter().filter_map(|track| {
            let run = self.run(track.id)?;
            // What an edit list leaves out is not seen.
            let skipped = u64::try_from(track.edit.media_time).unwrap_or(0);
            let shown = |time: u64| {
                let time = time
                    .saturating_sub(skipped)
                    .saturating_add(track.edit.delay);
                nanoseconds(time, track.timescale)
            };
            Some((shown(run.start), shown(run.end)))
        });
        let (start, mut end) = seen.reduce(|(start, end), (other_start, other_end)| {
            (start.min(other_start), end.max(other_end))
        })?;
        if let Some(indexed) = self.indexed.iter().map(|indexed| indexed.end).max() {
            end = indexed;
        }
        let mut length = end.saturating_sub(start);
        if let Some((all, seen)) = self.share {
            length = length * u128::from(all) / u128::from(seen.max(1));
        }
        Some((u64::try_from(length).ok()?, NANOSECONDS))
    }

    /// Tells the tracks what they could not know.
    pub(super) fn complete(&self, tracks: &mut [Track]) {
        for track in tracks {
            let Some(run) = self.run(track.id) else {
                continue;
            };
            if let Kind::Video {
                frame_rate: rate, ..
            } = &mut track.kind
            {
                *rate = rate.or_else(|| frame_rate(track.timescale, run.samples, run.ticks));
            }
            if self.share.is_none() {
                track.duration = track.duration.max(run.end);
            }
        }
    }

    fn add_index(&mut self, index: &SegmentIndex) {
        let length = nanoseconds(index.ticks, index.timescale);
        let has_room = self.indexed.len() < MOST_STREAMS;
        let known = self
            .indexed
            .iter_mut()
            .find(|known| known.stream == index.stream);
        if let Some(known) = known {
            known.end += length;
        } else if has_room {
            self.indexed.push(Indexed {
                stream: index.stream,
                end: nanoseconds(index.earliest, index.timescale) + length,
            });
        }
    }

    /// Counts the samples of a `moof`.
    fn add(&mut self, moof: &Bytes, movie: &Movie) -> Result<(), Unplayable> {
        for child in Boxes::of(moof) {
            let (name, traf) = child?;
            if name != *b"traf" {
                continue;
            }
            let part = part(&traf, movie)?;
            let known = self.runs.iter().position(|run| run.track == part.track);
            match known.and_then(|index| self.runs.get_mut(index)) {
                Some(run) => {
                    run.samples += part.samples;
                    run.ticks = run.ticks.saturating_add(part.ticks);
                    let start = part.start.unwrap_or(run.end);
                    run.end = start.saturating_add(part.ticks);
                }
                // What is of no track is passed over.
                None if movie.tracks.iter().any(|track| track.id == part.track) => {
                    let start = part.start.unwrap_or(0);
                    self.runs.push(Run {
                        track: part.track,
                        samples: part.samples,
                        ticks: part.ticks,
                        start,
                        end: start.saturating_add(part.ticks),
                    });
                }
                None => {}
            }
        }
        Ok(())
    }
}

/// What a `traf` has.
#[derive(Debug, Clone, Copy)]
struct Part {
    track: u64,
    /// The decoding time of the first sample, where `tfdt` says it.
    start: Option<u64>,
    samples: u64,
    ticks: u64,
}

/// Reads a `traf`.
fn part(traf: &Bytes, movie: &Movie) -> Result<Part, Unplayable> {
    let head = Boxes::find(traf, *b"tfhd")?.ok_or(Unplayable::Damaged)?;
    let extends = movie.extends.as_ref();
    let defaults = head_defaults(&head, extends.map_or(&[], |extends| &extends.defaults))?;
    let mut part = Part {
        track: defaults.track.into(),
        start: None,
        samples: 0,
        ticks: 0,
    };
    for child in Boxes::of(traf) {
        let (name, content) = child?;
        match &name {
            b"tfdt" => {
                let mut cursor = Cursor::new(&content);
                let (version, _) = cursor.full_box()?;
                part.start = Some(cursor.u32_or_u64(version == 1)?);
            }
            b"trun" => {
                let (samples, ticks) = run(content, defaults.duration)?;
                part.samples += samples;
                part.ticks = part.ticks.saturating_add(ticks);
            }
            _ => {}
        }
    }
    Ok(part)
}

/// The defaults of a `tfhd` (8.8.7), with those of `trex` where it has none.
pub(super) fn head_defaults(tfhd: &Bytes, known: &[Defaults]) -> Result<Defaults, Unplayable> {
    let mut cursor = Cursor::new(tfhd);
    let (_, flags) = cursor.full_box()?;
    let track = cursor.u32()?;
    let known = known.iter().find(|known| known.track == track);
    let mut defaults = Defaults {
        track,
        ..known.copied().unwrap_or_default()
    };
    if flags & 0x1 != 0 {
        cursor.skip(8)?;
    }
    if flags & 0x2 != 0 {
        cursor.skip(4)?;
    }
    if flags & 0x8 != 0 {
        defaults.duration = cursor.u32()?;
    }
    if flags & 0x10 != 0 {
        defaults.size = cursor.u32()?;
    }
    if flags & 0x20 != 0 {
        defaults.flags = cursor.u32()?;
    }
    Ok(defaults)
}

/// How many samples a `trun` (8.8.8) has, and how long they last.
fn run(trun: Bytes, default: u32) -> Result<(u64, u64), Unplayable> {
    let mut cursor = Cursor::new(&trun);
    let (_, flags) = cursor.full_box()?;
    let count = cursor.u32()?;
    cursor.skip(4 * (flags & 0x5).count_ones() as usize)?;
    let fields = (flags & 0xf00).count_ones() as usize;
    let length = (count as usize).checked_mul(4 * fields);
    if length.is_none_or(|length| length > cursor.left()) {
        return Err(Unplayable::Damaged);
    }
    if flags & 0x100 == 0 {
        return Ok((count.into(), u64::from(count) * u64::from(default)));
    }
    let mut ticks = 0;
    for _ in 0..count {
        ticks += u64::from(cursor.u32()?);
        cursor.skip(4 * (fields - 1))?;
    }
    Ok((count.into(), ticks))
}

/// Looks at the fragments from `at` on: at all of them where that takes few reads or a `sidx` tells the rest, else at the
/// first ones and, where `mfra` says where they are, the last ones.
pub(super) async fn read<R: ReadAt>(
    reader: &mut Reader<'_, R>,
    movie: &Movie,
    mut at: u64,
) -> Result<Fragments, InspectError> {
    let first = at;
    // What the movie itself has comes before all fragments.
    let has_some = |track: &&Track| track.sample_count() > 0;
    let runs = movie.tracks.iter().filter(has_some).map(|track| Run {
        track: track.id,
        samples: 0,
        ticks: 0,
        start: 0,
        end: track.duration,
    });
    let mut fragments = Fragments {
        runs: runs.collect(),
        ..Fragments::default()
    };
    let mut behind_index = None;
    let mut tried_the_end = false;
    while at < reader.size() {
        if reader.reads_left() <= READS_FOR_THE_END && !tried_the_end && !fragments.runs.is_empty()
        {
            tried_the_end = true;
            if let Some(last) = last_fragment(reader).await?
                && last >= at
            {
                at = last;
                continue;
            }
        }
        if reader.reads_left() == 0 {
            fragments.share = Some((reader.size() - first, at - first));
            break;
        }
        let Some(found) = placed(reader, at).await? else {
            break;
        };
        if found.end > reader.size() {
            return Err(Unplayable::CutOff.into());
        }
        match &found.header.name {
            b"sidx" => {
                let index = segment_index(&content(reader, found).await?, found)?;
                if index.is_flat {
                    fragments.add_index(&index);
                    behind_index = behind_index.max(Some(index.end));
                }
            }
            b"moof" => {
                fragments.add(&content(reader, found).await?, movie)?;
                if let Some(end) = behind_index.take() {
                    if end > reader.size() {
                        return Err(Unplayable::CutOff.into());
                    }
                    at = end.max(found.end);
                    continue;
                }
            }
            _ => {}
        }
        at = found.end;
    }
    Ok(fragments)
}

/// A `sidx` (8.16.3).
struct SegmentIndex {
    stream: u32,
    timescale: u32,
    /// When what it tells of begins, and how long it is.
    earliest: u64,
    ticks: u64,
    /// Where what it tells of ends in the file.
    end: u64,
    /// Whether it tells of fragments, and not of further indexes.
    is_flat: bool,
}

fn segment_index(sidx: &Bytes, placed: Placed) -> Result<SegmentIndex, Unplayable> {
    let mut cursor = Cursor::new(sidx);
    let (version, _) = cursor.full_box()?;
    let stream = cursor.u32()?;
    let timescale = cursor.u32()?;
    let earliest = cursor.u32_or_u64(version == 1)?;
    let first_offset = cursor.u32_or_u64(version == 1)?;
    cursor.skip(2)?;
    let count = cursor.u16()?;
    let mut index = SegmentIndex {
        stream,
        timescale,
        earliest,
        ticks: 0,
        end: placed
            .end
            .checked_add(first_offset)
            .ok_or(Unplayable::Damaged)?,
        is_flat: timescale > 0,
    };
    for _ in 0..count {
        let reference = cursor.u32()?;
        index.is_flat &= reference >> 31 == 0;
        index.ticks += u64::from(cursor.u32()?);
        index.end = index.end.saturating_add(u64::from(reference & 0x7fff_ffff));
        cursor.skip(4)?;
    }
    Ok(index)
}

/// Where the last fragment is, where the file's end says it: `mfro` tells how long `mfra` is, which ends with the file (8.8.9
/// to 8.8.11).
async fn last_fragment<R: ReadAt>(reader: &mut Reader<'_, R>) -> Result<Option<u64>, InspectError> {
    let size = reader.size();
    let length = size.min(MOST_OF_THE_END);
    let end = reader.get(size - length, length).await?;
    let length = usize::try_from(length).unwrap_or(0);
    let last = |count: usize| length.checked_sub(count).map(|start| end.slice(start..));
    let Some(mfro) = last(16).filter(|mfro| mfro.starts_with(b"\0\0\0\x10mfro")) else {
        return Ok(None);
    };
    let mut cursor = Cursor::new(&mfro.slice(12..));
    let Some(mfra) = last(cursor.u32()? as usize) else {
        return Ok(None);
    };
    let Some(mfra) = Boxes::find(&mfra, *b"mfra")? else {
        return Ok(None);
    };
    let mut latest = None;
    for child in Boxes::of(&mfra) {
        let (name, content) = child?;
        if name == *b"tfra" {
            latest = latest.max(last_entry(content)?);
        }
    }
    Ok(latest)
}

/// Where the last fragment of a `tfra` is.
fn last_entry(tfra: Bytes) -> Result<Option<u64>, Unplayable> {
    let mut cursor = Cursor::new(&tfra);
    let (version, _) = cursor.full_box()?;
    cursor.skip(4)?;
    let lengths = cursor.u32()?;
    let numbers = (lengths & 3) + (lengths >> 2 & 3) + (lengths >> 4 & 3) + 3;
    let width = if version == 1 { 8 } else { 4 };
    let count = cursor.u32()? as usize;
    let Some(before) = count.checked_sub(1) else {
        return Ok(None);
    };
    let entry = 2 * width + numbers as usize;
    cursor.skip(before.checked_mul(entry).ok_or(Unplayable::Damaged)?)?;
    cursor.skip(width)?;
    cursor.u32_or_u64(version == 1).map(Some)
}
