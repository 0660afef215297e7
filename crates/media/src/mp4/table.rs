//! The tables of `stbl` (ISO/IEC 14496-12, 8.6 and 8.7), checked against the file's size and left as they are.

use bytes::Bytes;

use super::boxes::{Boxes, Name};
use crate::cursor::Cursor;
use crate::inspected::Unplayable;
use crate::samples::{ChunkOffsets, SampleTable, Sizes, Tables};

/// How many samples there are, and how long they last together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Times {
    pub(super) samples: u64,
    pub(super) ticks: u64,
}

/// Reads `stts`. Where it is not there whole (no `tables`), `stsz` says how many samples there are, and nothing how long
/// they last.
pub(super) fn times(stbl: &Bytes, tables: bool) -> Result<Times, Unplayable> {
    if !tables {
        let samples = sizes(stbl, false)?.count().into();
        return Ok(Times { samples, ticks: 0 });
    }
    let entries = entries(stbl, *b"stts", 8)?.unwrap_or_default();
    let mut times = Times {
        samples: 0,
        ticks: 0,
    };
    let mut cursor = Cursor::new(&entries);
    while cursor.left() > 0 {
        let (count, duration) = (cursor.u32()?, cursor.u32()?);
        times.samples += u64::from(count);
        times.ticks = times
            .ticks
            .saturating_add(u64::from(count) * u64::from(duration));
    }
    Ok(times)
}

/// The tables, where they agree with each other and the file.
pub(super) fn tables(stbl: &Bytes, size: u64) -> Result<SampleTable, Unplayable> {
    let sizes = sizes(stbl, true)?;
    if sizes.count() == 0 {
        return Ok(SampleTable::None);
    }
    let chunk_offsets = match entries(stbl, *b"stco", 4)? {
        Some(offsets) => ChunkOffsets::Narrow(offsets),
        None => ChunkOffsets::Wide(entries(stbl, *b"co64", 8)?.ok_or(Unplayable::Damaged)?),
    };
    let tables = Tables {
        sizes,
        times: entries(stbl, *b"stts", 8)?.ok_or(Unplayable::Damaged)?,
        offsets: entries(stbl, *b"ctts", 8)?.unwrap_or_default(),
        chunks: entries(stbl, *b"stsc", 12)?.ok_or(Unplayable::Damaged)?,
        chunk_offsets,
        sync: entries(stbl, *b"stss", 4)?,
    };
    tables.check(size)?;
    Ok(SampleTable::Tables(tables))
}

/// Reads `stsz` or `stz2`.
fn sizes(stbl: &Bytes, tables: bool) -> Result<Sizes, Unplayable> {
    if let Some(content) = Boxes::find(stbl, *b"stsz")? {
        let mut cursor = Cursor::new(&content);
        cursor.full_box()?;
        let (size, count) = (cursor.u32()?, cursor.u32()?);
        return match size {
            0 if tables => each(32, count, cursor),
            size => Ok(Sizes::Fixed { size, count }),
        };
    }
    let content = Boxes::find(stbl, *b"stz2")?.ok_or(Unplayable::Damaged)?;
    let mut cursor = Cursor::new(&content);
    cursor.full_box()?;
    cursor.skip(3)?;
    let (bits, count) = (cursor.u8()?, cursor.u32()?);
    if !matches!(bits, 4 | 8 | 16) {
        return Err(Unplayable::Damaged);
    }
    if tables {
        each(bits, count, cursor)
    } else {
        Ok(Sizes::Fixed { size: 0, count })
    }
}

fn each(bits: u8, count: u32, mut cursor: Cursor) -> Result<Sizes, Unplayable> {
    let bytes = (u64::from(count) * u64::from(bits)).div_ceil(8);
    let bytes = usize::try_from(bytes).map_err(|_| Unplayable::Damaged)?;
    let sizes = cursor.take(bytes)?;
    Ok(Sizes::Each { bits, count, sizes })
}

/// The entries of a table that has a count before them, each of `width` bytes.
fn entries(stbl: &Bytes, name: Name, width: usize) -> Result<Option<Bytes>, Unplayable> {
    let Some(content) = Boxes::find(stbl, name)? else {
        return Ok(None);
    };
    let mut cursor = Cursor::new(&content);
    cursor.full_box()?;
    let count = usize::try_from(cursor.u32()?).map_err(|_| Unplayable::Damaged)?;
    let length = count.checked_mul(width).ok_or(Unplayable::Damaged)?;
    cursor.take(length).map(Some)
}
