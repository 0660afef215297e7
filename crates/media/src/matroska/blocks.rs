//! The samples of Matroska: its blocks (RFC 9559, 5.1.3), which no table tells.

use super::ebml::{HEADER, number, unsigned};
use super::{BLOCK, BLOCK_GROUP, CLUSTER, LACING, Placed, SIMPLE_BLOCK, content, placed, segment};
use crate::collected::Collected;
use crate::inspected::{InspectError, Inspected, Unplayable};
use crate::read::{Limits, ReadAt};
use crate::reader::Reader;
use crate::samples::Sample;

/// Of clusters and block groups: when the cluster begins, how long a block lasts, and that it needs another one.
const TIMESTAMP: u32 = 0xe7;
const DURATION: u32 = 0x9b;
const REFERENCE: u32 = 0xfb;
/// The flag of a simple block that says that decoding can begin with it (10.2).
const KEY: u8 = 0x80;
/// The longest beginning of a block, in bytes: the track's number, the time and the flags.
const BLOCK_HEAD: u64 = 8 + 3;
/// The most elements that are looked at.
const MOST_ELEMENTS: u32 = 2_000_000;

/// Reads all blocks. Frames must be one to a block and in the order of their times: no picture is decoded before one that is shown
/// earlier, as in VP9 and AV1.
pub(crate) async fn read_blocks<R: ReadAt>(
    reader: &mut Reader<'_, R>,
    inspected: &mut Inspected,
    limits: Limits,
) -> Result<(), InspectError> {
    if reader.size() > limits.bytes {
        return Err(Unplayable::IndexTooLarge.into());
    }
    let mut collected = Collected::of_tracks(inspected, limits.memory)?;
    let head = placed(reader, 0).await?;
    let segment = segment(reader, head.end).await?;
    let end = segment.end.min(reader.size());
    let (mut at, mut cluster) = (segment.inside, 0);
    // The track of the newest block.
    let mut newest = None;
    for _ in 0..MOST_ELEMENTS {
        if at >= end {
            return Ok(Collected::finish(collected, inspected)?);
        }
        let found = match placed(reader, at).await {
            // The file ends in a header.
            Err(InspectError::Unplayable(Unplayable::Damaged)) if end - at < HEADER => {
                return Ok(Collected::finish(collected, inspected)?);
            }
            found => found?,
        };
        let id = found.header.id;
        if let CLUSTER | BLOCK_GROUP = id {
            at = found.inside;
            continue;
        }
        if found.end > end || found.header.size.is_none() {
            return Err(Unplayable::CutOff.into());
        }
        match id {
            TIMESTAMP => cluster = unsigned(&content(reader, found).await?)?,
            SIMPLE_BLOCK | BLOCK => {
                newest = block(reader, found, cluster, &mut collected).await?;
                if Collected::bytes(&collected) > limits.memory {
                    return Err(Unplayable::IndexTooLarge.into());
                }
            }
            DURATION | REFERENCE => {
                let value = unsigned(&content(reader, found).await?)?;
                let track = newest.and_then(|track: usize| collected.get_mut(track));
                let is_video = track.as_ref().is_some_and(|track| track.is_video);
                if let Some(sample) = track.and_then(Collected::newest) {
                    match id {
                        DURATION => sample.duration = u32::try_from(value).unwrap_or(u32::MAX),
                        _ => sample.is_sync &= !is_video,
                    }
                }
            }
            _ => {}
        }
        at = found.end;
    }
    Err(Unplayable::IndexTooLarge.into())
}

/// Collects the frame of a block; returns the place of its track, where that is known.
async fn block<R: ReadAt>(
    reader: &mut Reader<'_, R>,
    found: Placed,
    cluster: u64,
    collected: &mut [Collected],
) -> Result<Option<usize>, InspectError> {
    let head = reader.get_up_to(found.inside, BLOCK_HEAD).await?;
    let (track, length) = number(&head, 8, false)?;
    let fields = head.get(length..length + 3).ok_or(Unplayable::Damaged)?;
    let &[high, low, flags] = fields else {
        return Err(Unplayable::Damaged.into());
    };
    let Some(place) = collected.iter().position(|one| one.track == track) else {
        return Ok(None);
    };
    let Some(of_track) = collected.get_mut(place) else {
        return Ok(None);
    };
    let time = cluster.checked_add_signed(i16::from_be_bytes([high, low]).into());
    let time = time.filter(|time| *time >= of_track.newest_at());
    let offset = found.inside + length as u64 + 3;
    let size = found.end.checked_sub(offset);
    let size = size.and_then(|size| u32::try_from(size).ok());
    let (Some(time), Some(size), 0) = (time, size, flags & LACING) else {
        return Err(Unplayable::Damaged.into());
    };
    of_track.begin(time);
    // As long as the one before it, until more is known.
    let duration = of_track.newest().map_or(0, |before| before.duration);
    let is_key = found.header.id == BLOCK || flags & KEY != 0;
    let is_sync = is_key || !of_track.is_video;
    of_track.push(Sample {
        offset,
        size,
        duration,
        composition_offset: 0,
        is_sync,
    })?;
    Ok(Some(place))
}
