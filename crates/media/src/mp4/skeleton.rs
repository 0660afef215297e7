//! A `moov` that is larger than memory may be: its boxes without what the large ones hold.

use bytes::Bytes;

use super::boxes::Name;
use super::{Placed, placed};
use crate::inspected::{InspectError, Unplayable};
use crate::read::ReadAt;
use crate::reader::Reader;

/// The boxes that are looked into.
const CONTAINERS: [Name; 6] = [*b"trak", *b"mdia", *b"minf", *b"stbl", *b"edts", *b"mvex"];
/// The boxes that may be large, and of which only the beginning is kept.
const TABLES: [Name; 11] = [
    *b"stts", *b"ctts", *b"stsz", *b"stz2", *b"stsc", *b"stco", *b"co64", *b"stss", *b"sdtp",
    *b"sbgp", *b"subs",
];
/// What is kept of a table: enough for the counts of all of them.
const BEGINNING: u64 = 12;
/// The most that a skeleton has.
const MOST: usize = 256 * 1024;

/// The content of a `moov` in which each table has its beginning only, and nothing is that is not needed.
pub(super) async fn skeleton<R: ReadAt>(
    reader: &mut Reader<'_, R>,
    moov: Placed,
) -> Result<Bytes, InspectError> {
    let mut skeleton = Vec::new();
    // Where the boxes that are open end in the file, and begin in the skeleton.
    let mut open: Vec<(u64, usize)> = Vec::new();
    let mut at = moov.at + moov.header.header;
    loop {
        while let Some((_, start)) = open.pop_if(|(end, _)| at + 8 > *end) {
            close(&mut skeleton, start);
        }
        let parent_end = open.last().map_or(moov.end, |(end, _)| *end);
        if at + 8 > moov.end {
            break;
        }
        let child = placed(reader, at).await?.ok_or(Unplayable::Damaged)?;
        if child.end > parent_end || skeleton.len() > MOST {
            return Err(Unplayable::IndexTooLarge.into());
        }
        let name = child.header.name;
        let inside = at + child.header.header;
        at = child.end;
        let kept = if CONTAINERS.contains(&name) {
            at = inside;
            open.push((child.end, skeleton.len()));
            begin(&mut skeleton, name);
            continue;
        } else if TABLES.contains(&name) {
            BEGINNING.min(child.end - inside)
        } else if matches!(&name, b"udta" | b"meta" | b"free" | b"skip" | b"uuid") {
            continue;
        } else {
            child.end - inside
        };
        if kept > MOST as u64 {
            return Err(Unplayable::IndexTooLarge.into());
        }
        let start = skeleton.len();
        begin(&mut skeleton, name);
        skeleton.extend_from_slice(&reader.get(inside, kept).await?);
        close(&mut skeleton, start);
    }
    Ok(skeleton.into())
}

fn begin(skeleton: &mut Vec<u8>, name: Name) {
    skeleton.extend_from_slice(&[0; 4]);
    skeleton.extend_from_slice(&name);
}

/// Writes the size of the box that began at `start`, which is below 4 GiB.
fn close(skeleton: &mut [u8], start: usize) {
    let size = (skeleton.len() - start) as u32;
    if let Some(field) = skeleton.get_mut(start..start + 4) {
        field.copy_from_slice(&size.to_be_bytes());
    }
}
