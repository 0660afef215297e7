use bytes::Bytes;

use crate::cursor::Cursor;
use crate::inspected::Unplayable;

const ES_DESCRIPTOR: u8 = 3;
const DECODER_CONFIG: u8 = 4;
const DECODER_SPECIFIC: u8 = 5;

/// What an `esds` says of its stream (ISO/IEC 14496-1, 7.2.6.6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Elementary {
    /// The kind of the stream (registered at mp4ra.org), such as 0x40 for AAC.
    pub(crate) object_type: u8,
    /// Its decoder's own configuration; empty where there is none.
    pub(crate) specific: Bytes,
}

/// What an `AudioSpecificConfig` says (ISO/IEC 14496-3, 1.6.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AudioConfig {
    /// 2 for AAC-LC.
    pub(crate) object_type: u8,
    /// `None` where the stream itself says it.
    pub(crate) channels: Option<u16>,
    /// Samples of sound a second; `None` where the number is reserved.
    pub(crate) sample_rate: Option<u32>,
}

/// Reads the content of an `esds`.
pub(crate) fn elementary(esds: &Bytes) -> Result<Elementary, Unplayable> {
    let mut cursor = Cursor::new(esds);
    cursor.full_box()?;
    let mut stream = Cursor::new(&descriptor(&mut cursor, ES_DESCRIPTOR)?);
    stream.skip(2)?;
    let flags = stream.u8()?;
    if flags & 0x80 != 0 {
        stream.skip(2)?;
    }
    if flags & 0x40 != 0 {
        let url = stream.u8()?;
        stream.skip(url.into())?;
    }
    if flags & 0x20 != 0 {
        stream.skip(2)?;
    }
    let mut config = Cursor::new(&descriptor(&mut stream, DECODER_CONFIG)?);
    let object_type = config.u8()?;
    config.skip(12)?;
    let specific = descriptor(&mut config, DECODER_SPECIFIC).unwrap_or_default();
    Ok(Elementary {
        object_type,
        specific,
    })
}

/// The content of the next descriptor, which must have that tag (7.2.2.1; its length has 7 bits a byte, 4 bytes at most).
fn descriptor(cursor: &mut Cursor, tag: u8) -> Result<Bytes, Unplayable> {
    if cursor.u8()? != tag {
        return Err(Unplayable::Damaged);
    }
    let mut length = 0;
    for _ in 0..4 {
        let byte = cursor.u8()?;
        length = length << 7 | usize::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            break;
        }
    }
    // Writers that count the descriptor's own header too are common: what is there is taken.
    cursor.take(length.min(cursor.left()))
}

const SAMPLE_RATES: [u32; 13] = [
    96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000,
    7_350,
];

/// Reads an `AudioSpecificConfig`; `None` where it is cut off.
pub(crate) fn audio_config(specific: &[u8]) -> Option<AudioConfig> {
    let mut at = 0;
    let mut bits = |count: u32| {
        let mut value = 0_u32;
        for _ in 0..count {
            let bit = specific.get(at / 8)? >> (7 - at % 8) & 1;
            value = value << 1 | u32::from(bit);
            at += 1;
        }
        Some(value)
    };
    let mut object_type = bits(5)?;
    if object_type == 31 {
        object_type = 32 + bits(6)?;
    }
    let index = bits(4)?;
    let sample_rate = match index {
        15 => Some(bits(24)?),
        index => SAMPLE_RATES.get(index as usize).copied(),
    };
    let channels = match bits(4)? {
        count @ 1..=6 => Some(count as u16),
        7 => Some(8),
        11 => Some(7),
        12 | 14 => Some(8),
        _ => None,
    };
    Some(AudioConfig {
        object_type: object_type as u8,
        channels,
        sample_rate,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn an_esds_of_aac_is_read() {
        let esds = Bytes::from_static(&[
            0, 0, 0, 0, 3, 0x80, 0x80, 0x80, 0x22, 0, 2, 0, 4, 0x80, 0x80, 0x80, 0x14, 0x40, 0x15,
            0, 0, 0, 0, 1, 0xf4, 0, 0, 1, 0xf4, 0, 5, 0x80, 0x80, 0x80, 2, 0x12, 0x10, 6, 0x80,
            0x80, 0x80, 1, 2,
        ]);
        let read = elementary(&esds).unwrap();
        assert_eq!(
            (read.object_type, &read.specific[..]),
            (0x40, &[0x12, 0x10][..])
        );
        let config = audio_config(&read.specific).unwrap();
        let expected = AudioConfig {
            object_type: 2,
            channels: Some(2),
            sample_rate: Some(44_100),
        };
        assert_eq!(config, expected);
        for end in 0..30 {
            assert_eq!(
                elementary(&esds.slice(..end)),
                Err(Unplayable::Damaged),
                "{end}"
            );
        }
    }

    #[test]
    fn explicit_rates_and_extended_types_are_read() {
        // 31 and 10 more: type 42; index 15 and 24 bits: 48,000; one channel.
        let bits =
            "11111".to_owned() + "001010" + "1111" + "000000001011101110000000" + "0001" + "00000";
        let bytes: Vec<u8> = bits
            .as_bytes()
            .chunks(8)
            .map(|byte| byte.iter().fold(0, |value, bit| value << 1 | (bit - b'0')))
            .collect();
        let config = audio_config(&bytes).unwrap();
        let expected = AudioConfig {
            object_type: 42,
            channels: Some(1),
            sample_rate: Some(48_000),
        };
        assert_eq!(config, expected);
        assert_eq!(audio_config(&[0x12]), None);
    }
}
