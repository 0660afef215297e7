//! Sample entries of what Matroska carries, as MP4 has them (ISO/IEC 14496-12, 8.5.2).

use bytes::Bytes;

use super::ebml::{Elements, unsigned};
use crate::codec::Vp;
use crate::cursor::Cursor;
use crate::inspected::Unplayable;

/// Colours that are not told (ISO/IEC 23091-2).
const UNSPECIFIED: u8 = 2;
/// What Opus is decoded at, in hertz, whatever it was made of.
const OPUS_RATE: u32 = 48_000;

/// What `Colour` (RFC 9559, 5.1.4.1.28.16) says, by the numbers of ISO/IEC 23091-2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Colour {
    primaries: u8,
    transfer: u8,
    matrix: u8,
    is_full_range: bool,
}

impl Default for Colour {
    fn default() -> Self {
        Self {
            primaries: UNSPECIFIED,
            transfer: UNSPECIFIED,
            matrix: UNSPECIFIED,
            is_full_range: false,
        }
    }
}

impl Colour {
    pub(super) fn read(content: &Bytes) -> Result<Self, Unplayable> {
        let mut colour = Self::default();
        let number =
            |content: &Bytes| unsigned(content).map(|n| u8::try_from(n).unwrap_or(UNSPECIFIED));
        for child in Elements::of(content) {
            match child? {
                (0x55b1, content) => colour.matrix = number(&content)?,
                (0x55b9, content) => colour.is_full_range = number(&content)? == 2,
                (0x55ba, content) => colour.transfer = number(&content)?,
                (0x55bb, content) => colour.primaries = number(&content)?,
                _ => {}
            }
        }
        Ok(colour)
    }
}

/// VP9 with `vpcC` (VP Codec ISO Media File Format Binding); `None` where the colours are not subsampled as in profiles 0 and 2,
/// which is in the frames alone.
pub(super) fn vp9(width: u32, height: u32, vp9: Vp, colour: Colour) -> Option<Bytes> {
    let is_subsampled = matches!(vp9.profile, 0 | 2);
    // 1: the colours of four samples in a square are one, where the upper left one is.
    let depths = vp9.bits << 4 | 1 << 1 | u8::from(colour.is_full_range);
    let config = [
        &[1, 0, 0, 0, vp9.profile, vp9.level, depths][..],
        &[colour.primaries, colour.transfer, colour.matrix, 0, 0],
    ];
    let config = boxed(b"vpcC", &config)?;
    is_subsampled.then(|| visual(b"vp09", width, height, &config))?
}

/// AV1, whose `CodecPrivate` is the content of `av1C` (AV1 in ISOBMFF, 2.3).
pub(super) fn av1(width: u32, height: u32, private: &[u8]) -> Option<Bytes> {
    visual(b"av01", width, height, &boxed(b"av1C", &[private])?)
}

/// Opus, whose `CodecPrivate` is the header of RFC 7845, section 5.1: `dOps` (Opus in ISOBMFF, 4.3.2) has the same, with the
/// highest byte first.
pub(super) fn opus(private: &Bytes) -> Option<Bytes> {
    let mut cursor = Cursor::new(private);
    let (magic, version) = (cursor.array::<8>().ok()?, cursor.u8().ok()?);
    let channels = cursor.u8().ok()?;
    let skip = u16::from_le_bytes(cursor.array().ok()?);
    let rate = u32::from_le_bytes(cursor.array().ok()?);
    let gain = u16::from_le_bytes(cursor.array().ok()?);
    // How the channels are mapped, a byte at least.
    let mapping = cursor.rest();
    if magic != *b"OpusHead" || version > 15 || mapping.is_empty() {
        return None;
    }
    let config = boxed(
        b"dOps",
        &[
            &[0, channels],
            &skip.to_be_bytes(),
            &rate.to_be_bytes(),
            &gain.to_be_bytes(),
            &mapping,
        ],
    )?;
    let entry = [
        &[0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0][..],
        &u16::from(channels).to_be_bytes(),
        &[0, 16, 0, 0, 0, 0],
        &(OPUS_RATE << 16).to_be_bytes(),
        &config,
    ];
    boxed(b"Opus", &entry)
}

/// A `VisualSampleEntry` (12.1.3).
fn visual(kind: &[u8; 4], width: u32, height: u32, config: &[u8]) -> Option<Bytes> {
    let pixels = |count: u32| u16::try_from(count).ok().map(u16::to_be_bytes);
    let entry = [
        // The data reference, and what is reserved.
        &[0, 0, 0, 0, 0, 0, 0, 1][..],
        &[0; 16],
        &pixels(width)?,
        &pixels(height)?,
        // 72 pixels an inch, in 16.16 numbers; a picture a sample; no name; colours without alpha.
        &[0, 72, 0, 0, 0, 72, 0, 0, 0, 0, 0, 0, 0, 1],
        &[0; 32],
        &[0, 24, 0xff, 0xff],
        config,
    ];
    boxed(kind, &entry)
}

fn boxed(kind: &[u8; 4], content: &[&[u8]]) -> Option<Bytes> {
    let length: usize = content.iter().map(|part| part.len()).sum();
    let length = u32::try_from(length.checked_add(8)?).ok()?;
    let mut bytes = length.to_be_bytes().to_vec();
    bytes.extend(kind);
    bytes.extend(content.concat());
    Some(bytes.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opus_has_its_header_the_other_way_round() {
        let head = b"OpusHead\x01\x02\x38\x01\x80\xbb\0\0\0\0\0";
        let entry = opus(&Bytes::from_static(head)).unwrap_or_default();
        let config = b"\0\0\0\x13dOps\0\x02\x01\x38\0\0\xbb\x80\0\0\0";
        assert!(entry.ends_with(config), "{entry:?}");
        assert_eq!(entry.len(), 8 + 28 + config.len());
        assert_eq!(opus(&Bytes::from_static(&head[..18])), None);
        assert_eq!(
            opus(&Bytes::from_static(
                b"OpusTags\x01\x02\x38\x01\x80\xbb\0\0\0\0\0"
            )),
            None
        );
    }

    #[test]
    fn vp9_says_its_colours_and_other_subsampling_is_none() {
        let vp = Vp {
            profile: 2,
            level: 31,
            bits: 10,
        };
        let colour = [
            0x55, 0xb1, 0x81, 9, 0x55, 0xb9, 0x81, 2, 0x55, 0xba, 0x81, 16, 0x55, 0xbb, 0x81, 9,
        ];
        let colour = Colour::read(&Bytes::copy_from_slice(&colour)).unwrap_or_default();
        let entry = vp9(1920, 1080, vp, colour).unwrap_or_default();
        assert!(
            entry.ends_with(b"vpcC\x01\0\0\0\x02\x1f\xa3\x09\x10\x09\0\0"),
            "{entry:?}"
        );
        assert_eq!(entry.len(), 8 + 78 + 20);
        assert_eq!(vp9(1920, 1080, Vp { profile: 1, ..vp }, colour), None);
        assert_eq!(vp9(70_000, 1080, vp, colour), None);
    }
}
