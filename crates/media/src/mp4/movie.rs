//! The `moov` box (ISO/IEC 14496-12, 8.2): what the file is, and where its samples are.

use bytes::Bytes;
use spinreel_api::videos::FrameRate;

use super::boxes::Boxes;
use super::entry::{self, Dialect};
use super::table;
use crate::cursor::Cursor;
use crate::inspected::Unplayable;
use crate::samples::SampleTable;
use crate::track::{Edit, Kind, Track};

/// The most tracks that are looked at. Each costs memory, and no film has as many.
const MOST_TRACKS: usize = 64;
/// The most empty edits at the beginning of an edit list that are added up.
const MOST_EMPTY_EDITS: u32 = 16;

/// A movie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Movie {
    /// Ticks per second of `duration`.
    pub(super) timescale: u32,
    /// 0 where it is not said.
    pub(super) duration: u64,
    pub(super) tracks: Vec<Track>,
    /// What is said of fragments; `None` where there are none.
    pub(super) extends: Option<Extends>,
}

/// `mvex` (8.8.1).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Extends {
    /// The length with all fragments, in the movie's ticks (`mehd`); 0 where it is not said.
    pub(super) duration: u64,
    /// Each track's defaults.
    pub(super) defaults: Vec<Defaults>,
}

/// `trex` (8.8.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Defaults {
    pub(crate) track: u32,
    pub(crate) duration: u32,
    pub(crate) size: u32,
    pub(crate) flags: u32,
}

/// Reads the content of a `moov` of a file of `size` bytes. Without `tables` the samples' tables are not there, and of each
/// there is the beginning only.
pub(super) fn movie(
    moov: &Bytes,
    dialect: Dialect,
    size: u64,
    tables: bool,
) -> Result<Movie, Unplayable> {
    let header = Boxes::find(moov, *b"mvhd")?.ok_or(Unplayable::Damaged)?;
    let (timescale, duration) = timing(&header)?;
    let mut movie = Movie {
        timescale,
        duration: known(duration),
        tracks: Vec::new(),
        extends: None,
    };
    for child in Boxes::of(moov) {
        let (name, content) = child?;
        match &name {
            b"trak" if movie.tracks.len() == MOST_TRACKS => return Err(Unplayable::IndexTooLarge),
            b"trak" => {
                let track = track(&content, dialect, timescale, size, tables)?;
                movie.tracks.extend(track);
            }
            b"mvex" => movie.extends = Some(extends(&content)?),
            _ => {}
        }
    }
    Ok(movie)
}

/// Ticks per second and length, which `mvhd` and `mdhd` begin with alike (8.2.2, 8.4.2).
fn timing(content: &Bytes) -> Result<(u32, u64), Unplayable> {
    let mut cursor = Cursor::new(content);
    let (version, _) = cursor.full_box()?;
    cursor.skip(if version == 1 { 16 } else { 8 })?;
    let timescale = cursor.u32()?;
    let duration = cursor.u32_or_u64(version == 1)?;
    if timescale == 0 {
        return Err(Unplayable::Damaged);
    }
    Ok((timescale, duration))
}

/// A length; all ones say that it is not known.
fn known(duration: u64) -> u64 {
    if duration == u64::MAX || duration == u64::from(u32::MAX) {
        0
    } else {
        duration
    }
}

/// Reads a `trak`. One that is neither pictures nor sound, and cannot be read, is passed over.
fn track(
    trak: &Bytes,
    dialect: Dialect,
    movie_timescale: u32,
    size: u64,
    tables: bool,
) -> Result<Option<Track>, Unplayable> {
    let need = |bytes: &Bytes, name| -> Result<Bytes, Unplayable> {
        Boxes::find(bytes, name)?.ok_or(Unplayable::Damaged)
    };
    let mdia = need(trak, *b"mdia")?;
    let handler = need(&mdia, *b"hdlr")?;
    let handler: [u8; 4] = handler
        .get(8..12)
        .and_then(|name| name.try_into().ok())
        .ok_or(Unplayable::Damaged)?;
    let read = || -> Result<Track, Unplayable> {
        let (id, rotation) = track_header(&need(trak, *b"tkhd")?)?;
        let mdhd = need(&mdia, *b"mdhd")?;
        let (timescale, duration) = timing(&mdhd)?;
        let stbl = need(&need(&mdia, *b"minf")?, *b"stbl")?;
        let (name, sample_entry) = entry::first(&need(&stbl, *b"stsd")?)?;
        let times = table::times(&stbl, tables)?;
        let table = if tables {
            table::tables(&stbl, size)?
        } else {
            SampleTable::None
        };
        let (kind, codec) = match &handler {
            b"vide" => {
                let visual = entry::visual(name, &sample_entry)?;
                let kind = Kind::Video {
                    width: visual.width,
                    height: visual.height,
                    rotation,
                    frame_rate: frame_rate(timescale, times.samples, times.ticks),
                };
                (kind, visual.codec)
            }
            b"soun" => {
                let sound = entry::sound(name, &sample_entry, dialect)?;
                let kind = Kind::Audio {
                    channels: sound.channels,
                    sample_rate: sound.sample_rate,
                };
                (kind, sound.codec)
            }
            _ => (Kind::Other, entry::four_characters(name)),
        };
        let edit = match Boxes::find(trak, *b"edts")? {
            Some(edts) => match Boxes::find(&edts, *b"elst")? {
                Some(elst) => edit(&elst, movie_timescale, timescale)?,
                None => Edit::default(),
            },
            None => Edit::default(),
        };
        Ok(Track {
            id: id.into(),
            kind,
            codec,
            timescale,
            duration: match known(duration) {
                0 => times.ticks,
                duration => duration,
            },
            language: language(&mdhd),
            sample_entry,
            edit,
            table,
        })
    };
    match read() {
        Err(_) if !matches!(&handler, b"vide" | b"soun") => Ok(None),
        track => track.map(Some),
    }
}

/// The id, and the degrees clockwise that the matrix turns by, of a `tkhd` (8.3.2). A matrix that mirrors, or turns by less
/// than a quarter, counts as the quarter that is next.
fn track_header(tkhd: &Bytes) -> Result<(u32, u16), Unplayable> {
    let mut cursor = Cursor::new(tkhd);
    let (version, _) = cursor.full_box()?;
    let is_wide = version == 1;
    cursor.skip(if is_wide { 16 } else { 8 })?;
    let id = cursor.u32()?;
    cursor.skip(4 + if is_wide { 8 } else { 4 } + 16)?;
    // Where (1, 0) goes to says by how much the picture is turned: 16.16 numbers.
    let (x, y) = (cursor.u32()?.cast_signed(), cursor.u32()?.cast_signed());
    let rotation = match (x, y) {
        _ if x.unsigned_abs() >= y.unsigned_abs() => 180 * u16::from(x < 0),
        _ if y > 0 => 90,
        _ => 270,
    };
    Ok((id, rotation))
}

/// The language of an `mdhd` (8.4.2): three letters of five bits. QuickTime's own numbers are not told.
fn language(mdhd: &Bytes) -> Option<String> {
    let at = if mdhd.first() == Some(&1) { 32 } else { 20 };
    let packed = u16::from_be_bytes(mdhd.get(at..at + 2)?.try_into().ok()?);
    let letters = [packed >> 10, packed >> 5, packed].map(|letter| (letter & 31) as u8 + 0x60);
    let language = String::from_utf8(letters.to_vec()).ok()?;
    let is_language = packed >> 15 == 0 && letters.iter().all(u8::is_ascii_lowercase);
    (is_language && language != "und").then_some(language)
}

/// Reads an `elst` (8.6.6): empty edits at the beginning, and the first that shows something.
fn edit(elst: &Bytes, movie_timescale: u32, timescale: u32) -> Result<Edit, Unplayable> {
    let mut cursor = Cursor::new(elst);
    let (version, _) = cursor.full_box()?;
    let count = cursor.u32()?;
    let mut edit = Edit::default();
    let mut empty = 0_u128;
    for _ in 0..count.min(MOST_EMPTY_EDITS) {
        let duration = cursor.u32_or_u64(version == 1)?;
        let media_time = match version {
            1 => cursor.u64()?.cast_signed(),
            _ => cursor.u32()?.cast_signed().into(),
        };
        cursor.skip(4)?;
        if media_time >= 0 {
            edit.media_time = media_time;
            break;
        }
        empty += u128::from(duration);
    }
    let movie_timescale = u128::from(movie_timescale);
    let delay = (empty * u128::from(timescale) + movie_timescale / 2) / movie_timescale;
    edit.delay = u64::try_from(delay).map_err(|_| Unplayable::Damaged)?;
    Ok(edit)
}

/// Reads an `mvex`.
fn extends(mvex: &Bytes) -> Result<Extends, Unplayable> {
    let mut extends = Extends::default();
    for child in Boxes::of(mvex) {
        let (name, content) = child?;
        let mut cursor = Cursor::new(&content);
        match &name {
            b"mehd" => {
                let (version, _) = cursor.full_box()?;
                extends.duration = known(cursor.u32_or_u64(version == 1)?);
            }
            b"trex" if extends.defaults.len() == MOST_TRACKS => {
                return Err(Unplayable::IndexTooLarge);
            }
            b"trex" => {
                cursor.full_box()?;
                let track = cursor.u32()?;
                cursor.skip(4)?;
                extends.defaults.push(Defaults {
                    track,
                    duration: cursor.u32()?,
                    size: cursor.u32()?,
                    flags: cursor.u32()?,
                });
            }
            _ => {}
        }
    }
    Ok(extends)
}

/// Pictures a second, on average, to the nearest thousandth.
pub(crate) fn frame_rate(timescale: u32, samples: u64, ticks: u64) -> Option<FrameRate> {
    let (ticks, product) = (
        u128::from(ticks),
        u128::from(timescale) * u128::from(samples) * 1_000,
    );
    let thousandths = product.checked_add(ticks / 2)?.checked_div(ticks)?;
    let thousandths = u32::try_from(thousandths).ok()?;
    (thousandths > 0).then_some(FrameRate { thousandths })
}
