//! The samples of movie fragments (ISO/IEC 14496-12, 8.8.4 to 8.8.12).

use bytes::Bytes;

use super::boxes::Boxes;
use super::fragments::head_defaults;
use super::movie::Defaults;
use super::{content, placed};
use crate::cursor::Cursor;
use crate::inspected::{InspectError, Inspected, Unplayable};
use crate::packed::Packing;
use crate::read::ReadAt;
use crate::reader::Reader;
use crate::samples::{Sample, SampleTable};

/// `sample_is_non_sync_sample`, and that a sample depends on others (8.8.3.1).
const NOT_SYNC: u32 = 0x0101_0000;

/// The samples of a track while they are collected.
#[derive(Debug)]
struct Collected {
    track: u32,
    is_video: bool,
    packing: Packing,
    /// How many bytes the packed samples may have.
    memory: u64,
    /// When the first sample is decoded, and when the next one is if nothing else is said.
    first: Option<u64>,
    next: u64,
    /// What was told of a sample that is not packed yet: when it is decoded.
    newest_at: u64,
}

/// Reads all fragments; `memory` bytes of samples at most.
pub(crate) async fn read_fragments<R: ReadAt>(
    reader: &mut Reader<'_, R>,
    inspected: &mut Inspected,
    memory: u64,
) -> Result<(), InspectError> {
    let mut collected = Vec::new();
    for track in &inspected.tracks {
        let mut of_track = Collected {
            track: u32::try_from(track.id).map_err(|_| Unplayable::Damaged)?,
            is_video: matches!(track.kind, crate::Kind::Video { .. }),
            packing: Packing::default(),
            memory,
            first: None,
            next: 0,
            newest_at: 0,
        };
        for sample in track.samples() {
            of_track.push(sample)?;
        }
        collected.push(of_track);
    }
    let mut at = 0;
    while let Some(found) = placed(reader, at).await? {
        if found.end > reader.size() {
            return Err(Unplayable::CutOff.into());
        }
        if found.header.name == *b"moof" {
            let moof = content(reader, found).await?;
            fragment(
                &moof,
                at,
                reader.size(),
                &inspected.defaults,
                &mut collected,
            )?;
            if collected.iter().map(|one| one.packing.len()).sum::<u64>() > memory {
                return Err(Unplayable::IndexTooLarge.into());
            }
        }
        at = found.end;
        if at >= reader.size() {
            break;
        }
    }
    for (track, of_track) in inspected.tracks.iter_mut().zip(collected) {
        let first = i64::try_from(of_track.first.unwrap_or(0)).map_err(|_| Unplayable::Damaged)?;
        track.edit.media_time = track.edit.media_time.saturating_sub(first);
        track.duration = of_track.next.saturating_sub(of_track.first.unwrap_or(0));
        track.table = SampleTable::Packed(of_track.packing.finish());
    }
    Ok(())
}

impl Collected {
    fn push(&mut self, sample: Sample) -> Result<(), Unplayable> {
        if self.packing.len() > self.memory {
            return Err(Unplayable::IndexTooLarge);
        }
        self.first.get_or_insert(self.next);
        self.newest_at = self.next;
        self.next = self.next.saturating_add(sample.duration.into());
        self.packing.push(sample);
        Ok(())
    }

    /// What comes next is decoded at that time: the sample before it lasts until then.
    fn begin(&mut self, time: u64) {
        let lasts = time.checked_sub(self.newest_at);
        if let (Some(newest), Some(lasts)) = (self.packing.newest(), lasts) {
            newest.duration = u32::try_from(lasts).unwrap_or(newest.duration);
        }
        self.next = time;
    }
}

/// Collects the samples of the `moof` that begins at `at`.
fn fragment(
    moof: &Bytes,
    at: u64,
    size: u64,
    known: &[Defaults],
    collected: &mut [Collected],
) -> Result<(), Unplayable> {
    // Where the data of a track begins that does not say it: after that of the one before it.
    let mut end = at;
    for child in Boxes::of(moof) {
        let (name, traf) = child?;
        if name != *b"traf" {
            continue;
        }
        let head = Boxes::find(&traf, *b"tfhd")?.ok_or(Unplayable::Damaged)?;
        let defaults = head_defaults(&head, known)?;
        let base = base(&head, at, end)?;
        let Some(of_track) = collected.iter_mut().find(|one| one.track == defaults.track) else {
            continue;
        };
        end = base;
        for child in Boxes::of(&traf) {
            let (name, content) = child?;
            match &name {
                b"tfdt" => {
                    let mut cursor = Cursor::new(&content);
                    let (version, _) = cursor.full_box()?;
                    of_track.begin(cursor.u32_or_u64(version == 1)?);
                }
                b"trun" => end = run(&content, base, end, size, defaults, of_track)?,
                _ => {}
            }
        }
    }
    Ok(())
}

/// What offsets of a `traf` count from (8.8.7.1).
fn base(tfhd: &Bytes, moof: u64, before: u64) -> Result<u64, Unplayable> {
    let mut cursor = Cursor::new(tfhd);
    let (_, flags) = cursor.full_box()?;
    cursor.skip(4)?;
    match flags {
        _ if flags & 0x1 != 0 => cursor.u64(),
        _ if flags & 0x2_0000 != 0 => Ok(moof),
        _ => Ok(before),
    }
}

/// Collects the samples of a `trun`; returns where their bytes end.
fn run(
    trun: &Bytes,
    base: u64,
    end: u64,
    size: u64,
    defaults: Defaults,
    of_track: &mut Collected,
) -> Result<u64, Unplayable> {
    let mut cursor = Cursor::new(trun);
    let (_, flags) = cursor.full_box()?;
    let count = cursor.u32()?;
    let mut offset = end;
    if flags & 0x1 != 0 {
        let relative = i64::from(cursor.u32()?.cast_signed());
        offset = base
            .checked_add_signed(relative)
            .ok_or(Unplayable::CutOff)?;
    }
    let first_flags = match flags & 0x4 {
        0 => None,
        _ => Some(cursor.u32()?),
    };
    let fields = (flags & 0xf00).count_ones() as usize;
    let length = (count as usize).checked_mul(4 * fields);
    // Samples about which nothing is said have bytes, else there would be no end of them.
    let is_bounded = flags & 0x200 != 0 || u64::from(defaults.size) * u64::from(count) <= size;
    if length.is_none_or(|length| length > cursor.left())
        || !is_bounded
        || (fields == 0 && defaults.size == 0 && count > 0)
    {
        return Err(Unplayable::Damaged);
    }
    for index in 0..count {
        let mut field = |bit: u32, usual: u32| match flags & bit {
            0 => Ok(usual),
            _ => cursor.u32(),
        };
        let duration = field(0x100, defaults.duration)?;
        let bytes = field(0x200, defaults.size)?;
        let usual = first_flags.filter(|_| index == 0).unwrap_or(defaults.flags);
        let sample_flags = field(0x400, usual)?;
        let composition_offset = field(0x800, 0)?.cast_signed();
        let after = offset.checked_add(bytes.into()).filter(|end| *end <= size);
        let after = after.ok_or(Unplayable::CutOff)?;
        of_track.push(Sample {
            offset,
            size: bytes,
            duration,
            composition_offset,
            is_sync: !of_track.is_video || sample_flags & NOT_SYNC == 0,
        })?;
        offset = after;
    }
    Ok(offset)
}
