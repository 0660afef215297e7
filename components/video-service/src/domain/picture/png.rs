//! PNG (W3C Recommendation, Third Edition, sections 5 and 11).

use super::{Size, split};

pub(super) const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";
const TOO_SHORT: &str = "it is cut off";

/// Walks all chunks, and checks the sum of each (section 5.3).
pub(super) fn size(bytes: &[u8]) -> Size {
    let mut rest = &bytes[SIGNATURE.len()..];
    let (mut size, mut has_pixels) = (None, false);
    loop {
        let (length, after) = split(rest, 4).ok_or(TOO_SHORT)?;
        let length = number(length) as usize;
        let (named, after) = length
            .checked_add(4)
            .and_then(|length| split(after, length))
            .ok_or(TOO_SHORT)?;
        let (sum, after) = split(after, 4).ok_or(TOO_SHORT)?;
        if crc32fast::hash(named) != number(sum) {
            return Err("the sum of a chunk is wrong");
        }
        let (name, data) = named.split_at(4);
        match (name, size) {
            (b"IHDR", None) => size = Some(header(data)?),
            (b"IHDR", Some(_)) => return Err("it has two headers"),
            (_, None) => return Err("it does not begin with its header"),
            (b"IDAT", Some(_)) => has_pixels = true,
            (b"IEND", Some(size)) => {
                return match (has_pixels, data.is_empty() && after.is_empty()) {
                    (false, _) => Err("it has no pixels"),
                    (true, false) => Err("something follows its end"),
                    (true, true) => Ok(size),
                };
            }
            (_, Some(_)) => {}
        }
        rest = after;
    }
}

/// The chunk IHDR (section 11.2.1).
fn header(data: &[u8]) -> Size {
    let &[
        w0,
        w1,
        w2,
        w3,
        h0,
        h1,
        h2,
        h3,
        depth,
        colour,
        compression,
        filter,
        interlace,
    ] = data
    else {
        return Err("its header has another length");
    };
    let depths: &[u8] = match colour {
        0 => &[1, 2, 4, 8, 16],
        3 => &[1, 2, 4, 8],
        2 | 4 | 6 => &[8, 16],
        _ => &[],
    };
    if !depths.contains(&depth) || compression != 0 || filter != 0 || interlace > 1 {
        return Err("its header has values that there are not");
    }
    Ok((number(&[w0, w1, w2, w3]), number(&[h0, h1, h2, h3])))
}

/// Four bytes, the highest first.
fn number(bytes: &[u8]) -> u32 {
    bytes
        .iter()
        .fold(0, |number, byte| number << 8 | u32::from(*byte))
}
