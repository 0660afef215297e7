//! MP4, fragmented MP4 and QuickTime (ISO/IEC 14496-12; QuickTime File Format).

mod boxes;
mod entry;
mod fragments;
mod movie;
mod runs;
mod skeleton;
mod table;

use bytes::Bytes;

use self::boxes::{HEADER, Header, header};
use self::entry::Dialect;
use self::fragments::Fragments;
use self::movie::Movie;
use crate::inspected::{InspectError, Inspected, Unplayable};
use crate::read::ReadAt;
use crate::reader::Reader;
use crate::summary::{Found, summary};

pub(crate) use self::movie::{Defaults, frame_rate};
pub(crate) use self::runs::read_fragments;

/// The boxes that files begin with, also those from before there was `ftyp`.
const FIRST_BOXES: [[u8; 4]; 10] = [
    *b"ftyp", *b"styp", *b"moov", *b"mdat", *b"free", *b"skip", *b"wide", *b"pnot", *b"uuid",
    *b"moof",
];

/// Whether a file that begins so is one of these.
pub(crate) fn is_mp4(first: &[u8]) -> bool {
    first
        .get(4..8)
        .is_some_and(|name| FIRST_BOXES.iter().any(|known| name == known))
}

/// A box of the file itself.
#[derive(Debug, Clone, Copy)]
struct Placed {
    at: u64,
    header: Header,
    /// Where the next one begins, which may be beyond the file's end.
    end: u64,
}

/// The box at `at`; `None` at the end of the file, and where less than a header is left.
async fn placed<R: ReadAt>(
    reader: &mut Reader<'_, R>,
    at: u64,
) -> Result<Option<Placed>, InspectError> {
    let bytes = reader.get_up_to(at, HEADER).await?;
    if bytes.len() < 8 {
        return Ok(None);
    }
    let header = header(&bytes)?;
    let end = match header.size {
        Some(size) => at.checked_add(size).ok_or(Unplayable::Damaged)?,
        None => reader.size(),
    };
    Ok(Some(Placed { at, header, end }))
}

/// The content of a box that is in the file.
async fn content<R: ReadAt>(
    reader: &mut Reader<'_, R>,
    placed: Placed,
) -> Result<Bytes, InspectError> {
    let at = placed.at + placed.header.header;
    // A box that has 16 bytes of header and ends with the file after 8 has no content.
    reader.get(at, placed.end.saturating_sub(at)).await
}

/// Finds out what an MP4 or QuickTime file is.
pub(crate) async fn inspect<R: ReadAt>(
    reader: &mut Reader<'_, R>,
) -> Result<Inspected, InspectError> {
    let mut dialect = Dialect::QuickTime;
    let (mut at, mut fast_start) = (0, true);
    let moov = loop {
        let Some(found) = placed(reader, at).await? else {
            return Err(Unplayable::NoIndex.into());
        };
        if found.end > reader.size() {
            return Err(Unplayable::EndsBeforeIndex.into());
        }
        match &found.header.name {
            b"ftyp" => {
                let brand = reader.get_up_to(at + found.header.header, 4).await?;
                // Without an `ftyp`, and with this brand, it is QuickTime.
                if *brand != *b"qt  " {
                    dialect = Dialect::Iso;
                }
            }
            b"mdat" | b"moof" => fast_start = false,
            b"moov" => break found,
            _ => {}
        }
        at = found.end;
    };
    let movie = read_movie(reader, moov, dialect).await?;
    let (duration, fragments) = duration(reader, &movie, moov.end).await?;
    let found = Found {
        container: match dialect {
            Dialect::Iso => "mp4",
            Dialect::QuickTime => "mov",
        },
        duration,
        fast_start,
        size: reader.size(),
    };
    let mut tracks = movie.tracks;
    if let Some(fragments) = &fragments {
        fragments.complete(&mut tracks);
    }
    let pictures = |id| match &fragments {
        Some(fragments) => fragments.samples(id),
        None => 0,
    };
    let mut inspected = summary(&found, tracks, fragments.is_some(), pictures)?;
    if let Some(extends) = movie.extends {
        inspected.defaults = extends.defaults;
    }
    Ok(inspected)
}

async fn read_movie<R: ReadAt>(
    reader: &mut Reader<'_, R>,
    moov: Placed,
    dialect: Dialect,
) -> Result<Movie, InspectError> {
    let size = reader.size();
    if moov.end - moov.at <= reader.memory() {
        let content = content(reader, moov).await?;
        return Ok(movie::movie(&content, dialect, size, true)?);
    }
    let skeleton = skeleton::skeleton(reader, moov).await?;
    Ok(movie::movie(&skeleton, dialect, size, false)?)
}

/// How long the film is, as ticks and ticks per second; and what its fragments say, where it has some.
async fn duration<R: ReadAt>(
    reader: &mut Reader<'_, R>,
    movie: &Movie,
    at: u64,
) -> Result<((u64, u32), Option<Fragments>), InspectError> {
    let of_movie = (movie.duration, movie.timescale);
    let Some(extends) = &movie.extends else {
        let longest = movie
            .tracks
            .iter()
            .map(|track| (track.duration, track.timescale))
            .max_by_key(|(ticks, timescale)| {
                u128::from(*ticks) * 1_000_000 / u128::from(*timescale)
            });
        let duration = if movie.duration > 0 {
            of_movie
        } else {
            longest.unwrap_or(of_movie)
        };
        return Ok((duration, None));
    };
    let fragments = fragments::read(reader, movie, at).await?;
    let duration = match extends.duration {
        0 => fragments.duration(&movie.tracks).unwrap_or(of_movie),
        duration => (duration, movie.timescale),
    };
    Ok((duration, Some(fragments)))
}
