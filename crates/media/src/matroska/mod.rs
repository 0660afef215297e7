//! Matroska and WebM (RFC 9559).

mod blocks;
mod ebml;
mod entry;
mod tracks;

use bytes::Bytes;

use self::ebml::{Elements, HEADER, Header, float, header, number, text, unsigned};
use self::entry::Colour;
use self::tracks::{VP9, tracks};
use crate::codec::vp9_of_frame;
use crate::inspected::{InspectError, Inspected, Unplayable};
use crate::read::ReadAt;
use crate::reader::Reader;
use crate::summary::{Found, summary};
use crate::track::{Kind, Track};

pub(crate) use self::blocks::read_blocks;

/// The names of the containers.
pub(crate) const WEBM: &str = "webm";
pub(crate) const MATROSKA: &str = "mkv";

const EBML: u32 = 0x1a45_dfa3;
const SEGMENT: u32 = 0x1853_8067;
const SEEK_HEAD: u32 = 0x114d_9b74;
const INFO: u32 = 0x1549_a966;
const TRACKS: u32 = 0x1654_ae6b;
const CUES: u32 = 0x1c53_bb6b;
const CLUSTER: u32 = 0x1f43_b675;
/// Of clusters.
const BLOCK_GROUP: u32 = 0xa0;
const BLOCK: u32 = 0xa1;
const SIMPLE_BLOCK: u32 = 0xa3;
/// The flags of a block that say that it has several frames (10.2).
const LACING: u8 = 6;

/// How many elements of the first cluster are looked at for the first picture.
const MOST_BLOCKS: u32 = 256;
/// How much of a frame is read: more than its header.
const FRAME_HEAD: u64 = 16;

/// Whether a file that begins so is one of these.
pub(crate) fn is_matroska(first: &[u8]) -> bool {
    first.starts_with(&EBML.to_be_bytes())
}

/// An element in the file.
#[derive(Debug, Clone, Copy)]
struct Placed {
    header: Header,
    /// Where its content begins.
    inside: u64,
    /// Where it ends, which may be beyond the file's end; where its size is not known, the file's end.
    end: u64,
}

async fn placed<R: ReadAt>(reader: &mut Reader<'_, R>, at: u64) -> Result<Placed, InspectError> {
    let bytes = reader.get_up_to(at, HEADER).await?;
    let header = header(&bytes)?;
    let inside = at + header.header;
    let end = match header.size {
        Some(size) => inside.checked_add(size).ok_or(Unplayable::Damaged)?,
        None => reader.size(),
    };
    Ok(Placed {
        header,
        inside,
        end,
    })
}

async fn content<R: ReadAt>(
    reader: &mut Reader<'_, R>,
    placed: Placed,
) -> Result<Bytes, InspectError> {
    if placed.end > reader.size() {
        return Err(Unplayable::EndsBeforeIndex.into());
    }
    reader.get(placed.inside, placed.end - placed.inside).await
}

/// What the top of a segment says.
#[derive(Debug, Default)]
struct Top {
    info: Option<Bytes>,
    tracks: Option<Bytes>,
    /// Where the first cluster is.
    cluster: Option<Placed>,
    has_cues: bool,
    /// Where `SeekHead` says that `Info` and `Tracks` are.
    seek: [Option<u64>; 2],
}

/// Finds out what a Matroska or WebM file is.
pub(crate) async fn inspect<R: ReadAt>(
    reader: &mut Reader<'_, R>,
) -> Result<Inspected, InspectError> {
    let head = placed(reader, 0).await?;
    let container = container(&content(reader, head).await?)?;
    let segment = segment(reader, head.end).await?;
    let mut top = top(reader, segment).await?;
    for (part, position) in [(INFO, top.seek[0]), (TRACKS, top.seek[1])] {
        let slot = if part == INFO {
            &mut top.info
        } else {
            &mut top.tracks
        };
        if let (None, Some(position)) = (&slot, position) {
            let at = segment.inside.saturating_add(position);
            let found = placed(reader, at.min(reader.size())).await?;
            if found.header.id == part {
                *slot = Some(content(reader, found).await?);
            }
        }
    }
    let is_cut_off = segment.end > reader.size();
    let missing = if is_cut_off {
        Unplayable::EndsBeforeIndex
    } else {
        Unplayable::NoIndex
    };
    let (nanoseconds, timescale) = info(&top.info.ok_or(missing)?)?;
    let tracks = tracks(&top.tracks.ok_or(missing)?, timescale)?;
    let (mut tracks, colours): (Vec<Track>, Vec<Colour>) = tracks.into_iter().unzip();
    if is_cut_off {
        return Err(Unplayable::CutOff.into());
    }
    for track in &mut tracks {
        let ticks = u128::from(nanoseconds) * u128::from(track.timescale) / 1_000_000_000;
        track.duration = u64::try_from(ticks).map_err(|_| Unplayable::Damaged)?;
    }
    if let Some(cluster) = top.cluster {
        name_vp9(reader, cluster, &mut tracks, &colours).await?;
    }
    let found = Found {
        container,
        duration: (nanoseconds, 1_000_000_000),
        fast_start: top.has_cues,
        size: reader.size(),
    };
    let has_pictures = u64::from(top.cluster.is_some());
    summary(&found, tracks, true, |_| has_pictures)
}

/// The name of the container, from the header's `DocType` (RFC 8794, 11.2.4).
fn container(head: &Bytes) -> Result<&'static str, Unplayable> {
    for child in Elements::of(head) {
        if let (0x4282, name) = child? {
            return match text(&name)?.as_str() {
                "webm" => Ok(WEBM),
                "matroska" => Ok(MATROSKA),
                _ => Err(Unplayable::UnknownContainer),
            };
        }
    }
    Err(Unplayable::UnknownContainer)
}

/// The segment, which may have something to skip before it.
async fn segment<R: ReadAt>(
    reader: &mut Reader<'_, R>,
    mut at: u64,
) -> Result<Placed, InspectError> {
    while at < reader.size() {
        let found = match placed(reader, at).await {
            // The file ends in a header.
            Err(InspectError::Unplayable(Unplayable::Damaged)) if reader.size() - at < HEADER => {
                break;
            }
            found => found?,
        };
        if found.header.id == SEGMENT {
            return Ok(found);
        }
        at = found.end;
    }
    Err(Unplayable::EndsBeforeIndex.into())
}

/// Reads what comes before the first cluster.
async fn top<R: ReadAt>(reader: &mut Reader<'_, R>, segment: Placed) -> Result<Top, InspectError> {
    let mut top = Top::default();
    let mut at = segment.inside;
    let end = segment.end.min(reader.size());
    while at < end {
        let found = match placed(reader, at).await {
            // The file ends in a header.
            Err(InspectError::Unplayable(Unplayable::Damaged)) if end - at < HEADER => break,
            found => found?,
        };
        match found.header.id {
            INFO => top.info = Some(content(reader, found).await?),
            TRACKS => top.tracks = Some(content(reader, found).await?),
            SEEK_HEAD => top.seek = seek_head(&content(reader, found).await?)?,
            CUES => top.has_cues = true,
            CLUSTER => {
                top.cluster = Some(found);
                break;
            }
            _ => {}
        }
        at = found.end;
    }
    Ok(top)
}

/// Where `Info` and `Tracks` are, from the segment's content on (RFC 9559, 5.1.1).
fn seek_head(content: &Bytes) -> Result<[Option<u64>; 2], Unplayable> {
    let mut seek = [None, None];
    for entry in Elements::of(content) {
        let (mut id, mut position) = (0, None);
        if let (0x4dbb, entry) = entry? {
            for child in Elements::of(&entry) {
                match child? {
                    (0x53ab, content) => id = unsigned(&content)?,
                    (0x53ac, content) => position = Some(unsigned(&content)?),
                    _ => {}
                }
            }
        }
        for (slot, part) in seek.iter_mut().zip([INFO, TRACKS]) {
            if id == u64::from(part) {
                *slot = position;
            }
        }
    }
    Ok(seek)
}

/// The length in nanoseconds, 0 where it is not said, and the ticks per second, from `Info` (5.1.2).
fn info(content: &Bytes) -> Result<(u64, u32), Unplayable> {
    let (mut scale, mut duration) = (1_000_000, 0.0);
    for child in Elements::of(content) {
        match child? {
            (0x002a_d7b1, content) => scale = unsigned(&content)?,
            (0x4489, content) => duration = float(&content)?,
            _ => {}
        }
    }
    let nanoseconds = duration * scale as f64;
    // Ten thousand years are no film.
    if scale == 0 || !(0.0..3e20).contains(&nanoseconds) {
        return Err(Unplayable::Damaged);
    }
    let timescale = u32::try_from(1_000_000_000 / scale).unwrap_or(u32::MAX);
    Ok((nanoseconds.round() as u64, timescale.max(1)))
}

/// Names the tracks of VP9 by their first frames in the first cluster. One whose frame is not found keeps the bare name.
async fn name_vp9<R: ReadAt>(
    reader: &mut Reader<'_, R>,
    cluster: Placed,
    tracks: &mut [Track],
    colours: &[Colour],
) -> Result<(), InspectError> {
    let mut at = cluster.inside;
    let end = cluster.end.min(reader.size());
    for _ in 0..MOST_BLOCKS {
        let is_missing = tracks.iter().any(|track| track.codec == VP9);
        if !is_missing || at + 2 > end {
            break;
        }
        let found = placed(reader, at).await?;
        match found.header.id {
            // A group is looked into: the block is its first element as a rule.
            BLOCK_GROUP => {
                at = found.inside;
                continue;
            }
            BLOCK | SIMPLE_BLOCK => {
                let block = reader.get_up_to(found.inside, FRAME_HEAD + 8).await?;
                let (track, length) = number(&block, 8, false)?;
                // After the track's number: the time, and flags, two of which say that frames are laced.
                let frame = block.get(length + 3..).unwrap_or_default();
                let is_laced = block
                    .get(length + 2)
                    .is_none_or(|flags| flags & LACING != 0);
                let track = tracks
                    .iter_mut()
                    .zip(colours)
                    .find(|(known, _)| known.id == track && known.codec == VP9);
                if let (Some((track, colour)), false) = (track, is_laced)
                    && let Kind::Video {
                        width,
                        height,
                        frame_rate,
                        ..
                    } = track.kind
                {
                    let rate = frame_rate.map_or(0, |rate| rate.thousandths);
                    if let Some(vp9) = vp9_of_frame(frame, width, height, rate) {
                        track.codec = vp9.named(VP9);
                        let entry = entry::vp9(width, height, vp9, *colour);
                        track.sample_entry = entry.unwrap_or_default();
                    }
                }
            }
            CLUSTER => break,
            _ => {}
        }
        at = found.end;
    }
    Ok(())
}
