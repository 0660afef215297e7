//! JPEG (ITU-T T.81, annex B).

use super::{Size, split};

pub(super) const SIGNATURE: &[u8] = b"\xff\xd8\xff";
const TOO_SHORT: &str = "it is cut off";

/// Walks all segments and the scans between them, to the marker of the end. Cameras put more behind it.
pub(super) fn size(bytes: &[u8]) -> Size {
    let mut rest = &bytes[2..];
    let (mut size, mut has_scan) = (None, false);
    loop {
        let (marker, after) = marker(rest)?;
        match marker {
            // EOI.
            0xd9 => {
                return match size {
                    Some(size) if has_scan => Ok(size),
                    _ => Err("it has no pixels"),
                };
            }
            // Those that stand alone: TEM, RST.
            0x01 | 0xd0..=0xd7 => {
                rest = after;
                continue;
            }
            // SOI.
            0xd8 => return Err("it begins twice"),
            _ => {}
        }
        let (length, _) = split(after, 2).ok_or(TOO_SHORT)?;
        let length = usize::from(number(length));
        let (segment, after) = split(after, length).ok_or(TOO_SHORT)?;
        let data = segment.get(2..).ok_or("a segment has no length")?;
        match marker {
            // SOF, but DHT, JPG and DAC, which are among them.
            0xc0..=0xcf if ![0xc4, 0xc8, 0xcc].contains(&marker) => {
                if size.is_some() {
                    return Err("it has two headers");
                }
                size = Some(frame(data)?);
            }
            // SOS, and what follows it.
            0xda if size.is_some() => {
                has_scan = true;
                rest = after_scan(after)?;
                continue;
            }
            0xda => return Err("its pixels come before its header"),
            _ => {}
        }
        rest = after;
    }
}

/// The next marker; it may be filled up with 0xFF (B.1.1.2).
fn marker(bytes: &[u8]) -> Result<(u8, &[u8]), &'static str> {
    let filled = bytes.strip_prefix(b"\xff").ok_or(match bytes.is_empty() {
        true => TOO_SHORT,
        false => "a segment does not begin with a marker",
    })?;
    let fill = filled.iter().take_while(|byte| **byte == 0xff).count();
    match filled[fill..].split_first() {
        Some((0, _)) => Err("a segment does not begin with a marker"),
        Some((marker, after)) => Ok((*marker, after)),
        None => Err(TOO_SHORT),
    }
}

/// The header of a frame (B.2.2): precision, height, width, components.
fn frame(data: &[u8]) -> Size {
    let &[_, h0, h1, w0, w1, components, ref rest @ ..] = data else {
        return Err(TOO_SHORT);
    };
    if components == 0 || rest.len() != 3 * usize::from(components) {
        return Err("its header has another length");
    }
    Ok((number(&[w0, w1]).into(), number(&[h0, h1]).into()))
}

/// What follows the entropy-coded bytes of a scan: there 0xFF is followed by 0 or the number of a restart (B.1.1.5).
fn after_scan(bytes: &[u8]) -> Result<&[u8], &'static str> {
    let mut rest = bytes;
    loop {
        let at = memchr::memchr(0xff, rest).ok_or(TOO_SHORT)?;
        rest = &rest[at..];
        match rest.get(1) {
            None => return Err(TOO_SHORT),
            Some(0 | 0xd0..=0xd7) => rest = &rest[2..],
            Some(_) => return Ok(rest),
        }
    }
}

/// Two bytes, the higher first.
fn number(bytes: &[u8]) -> u16 {
    bytes
        .iter()
        .fold(0, |number, byte| number << 8 | u16::from(*byte))
}
