//! The samples of movie fragments (ISO/IEC 14496-12, 8.8.4 to 8.8.12).

use bytes::Bytes;

use super::boxes::Boxes;
use super::fragments::head_defaults;
use super::movie::Defaults;
use super::{content, placed};
use crate::collected::Collected;
use crate::cursor::Cursor;
use crate::inspected::{InspectError, Inspected, Unplayable};
use crate::read::ReadAt;
use crate::reader::Reader;
use crate::samples::Sample;

/// `sample_is_non_sync_sample`, and that a sample depends on others (8.8.3.1).
const NOT_SYNC: u32 = 0x0101_0000;

/// Reads all fragments; `memory` bytes of samples at most.
pub(crate) async fn read_fragments<R: ReadAt>(
    reader: &mut Reader<'_, R>,
    inspected: &mut Inspected,
    memory: u64,
) -> Result<(), InspectError> {
    let mut collected = Collected::of_tracks(inspected, memory)?;
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
            if Collected::bytes(&collected) > memory {
                return Err(Unplayable::IndexTooLarge.into());
            }
        }
        at = found.end;
        if at >= reader.size() {
            break;
        }
    }
    Ok(Collected::finish(collected, inspected)?)
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
        let track = u64::from(defaults.track);
        let Some(of_track) = collected.iter_mut().find(|one| one.track == track) else {
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
