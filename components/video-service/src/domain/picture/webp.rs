//! WebP (RFC 9649, section 2).

use super::{Size, split};

const TOO_SHORT: &str = "it is cut off";

/// Whether these are the bytes of a WebP file.
pub(super) fn is_one(bytes: &[u8]) -> bool {
    bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP")
}

/// Walks all chunks to the end that the file's header says.
pub(super) fn size(bytes: &[u8]) -> Size {
    let (head, rest) = split(bytes, 12).ok_or(TOO_SHORT)?;
    let length = number(&head[4..8]) as usize;
    // The length counts the four letters; an odd one is filled up.
    match length.checked_sub(4) {
        Some(length) if rest.len() < length => return Err(TOO_SHORT),
        Some(length) if rest.len() == length + length % 2 || rest.len() == length => {}
        _ => return Err("something follows its end"),
    }
    let (name, data, mut rest) = chunk(rest)?;
    let mut has_pixels = name != b"VP8X";
    let size = match name {
        b"VP8 " => lossy(data)?,
        b"VP8L" => lossless(data)?,
        b"VP8X" => extended(data)?,
        _ => return Err("it does not begin with its header"),
    };
    while !rest.is_empty() {
        let (name, data, after) = chunk(rest)?;
        has_pixels |= match name {
            b"VP8 " => lossy(data).map(|_| true)?,
            b"VP8L" => lossless(data).map(|_| true)?,
            b"ANMF" => true,
            _ => false,
        };
        rest = after;
    }
    match has_pixels {
        true => Ok(size),
        false => Err("it has no pixels"),
    }
}

/// A chunk's name, its data, and what follows it.
type Chunk<'a> = (&'a [u8], &'a [u8], &'a [u8]);

/// The next chunk (section 2.3); the last one need not be filled up.
fn chunk(bytes: &[u8]) -> Result<Chunk<'_>, &'static str> {
    let (head, rest) = split(bytes, 8).ok_or(TOO_SHORT)?;
    let (name, length) = head.split_at(4);
    let length = number(length) as usize;
    let (data, rest) = split(rest, length).ok_or(TOO_SHORT)?;
    let rest = match length % 2 {
        0 => rest,
        _ => rest.get(1..).unwrap_or_default(),
    };
    Ok((name, data, rest))
}

/// The header of a key frame of VP8 (RFC 6386, section 9.1).
fn lossy(data: &[u8]) -> Size {
    let &[tag, _, _, 0x9d, 0x01, 0x2a, w0, w1, h0, h1, _, ..] = data else {
        return Err("it has no key frame");
    };
    if tag & 1 != 0 {
        return Err("it has no key frame");
    }
    let side = |low, high| u32::from(u16::from_le_bytes([low, high]) & 0x3fff);
    Ok((side(w0, w1), side(h0, h1)))
}

/// The header of a lossless picture (RFC 9649, section 3.4): two sides of 14 bits, less one.
fn lossless(data: &[u8]) -> Size {
    let &[0x2f, a, b, c, d, _, ..] = data else {
        return Err("its pixels have no header");
    };
    let bits = u32::from_le_bytes([a, b, c, d]);
    if bits >> 29 != 0 {
        return Err("its pixels are of a version that there is not");
    }
    Ok(((bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1))
}

/// The header of an extended file (RFC 9649, section 2.7): two sides of 24 bits, less one.
fn extended(data: &[u8]) -> Size {
    let &[_, _, _, _, w0, w1, w2, h0, h1, h2] = data else {
        return Err("its header has another length");
    };
    let side = |a, b, c| u32::from_le_bytes([a, b, c, 0]) + 1;
    Ok((side(w0, w1, w2), side(h0, h1, h2)))
}

/// Four bytes, the lowest first.
fn number(bytes: &[u8]) -> u32 {
    bytes
        .iter()
        .rev()
        .fold(0, |number, byte| number << 8 | u32::from(*byte))
}
