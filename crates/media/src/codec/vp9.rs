use bytes::Bytes;

use crate::cursor::Cursor;
use crate::inspected::Unplayable;

/// VP8 and VP9: `vpcC` (VP Codec ISO Media File Format Binding), named by its section "Codecs Parameter String": profile,
/// level, bits.
pub(crate) fn vp(entry: &str, config: &Bytes) -> Result<String, Unplayable> {
    let mut cursor = Cursor::new(config);
    cursor.full_box()?;
    let [profile, level, depths] = cursor.array()?;
    let vp = Vp {
        profile,
        level,
        bits: depths >> 4,
    };
    Ok(vp.named(entry))
}

/// What VP8 and VP9 are named by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Vp {
    pub(crate) profile: u8,
    /// Ten times what it is called.
    pub(crate) level: u8,
    /// Of a sample.
    pub(crate) bits: u8,
}

impl Vp {
    /// The name, by the four characters of the sample entry.
    pub(crate) fn named(self, entry: &str) -> String {
        let Self {
            profile,
            level,
            bits,
        } = self;
        format!("{entry}.{profile:02}.{level:02}.{bits:02}")
    }
}

/// The levels of VP9 (its "Levels" page): pictures' luma samples, luma samples a second, level.
const LEVELS: [(u64, u64, u8); 14] = [
    (36_864, 829_440, 10),
    (73_728, 2_764_800, 11),
    (122_880, 4_608_000, 20),
    (245_760, 9_216_000, 21),
    (552_960, 20_736_000, 30),
    (983_040, 36_864_000, 31),
    (2_228_224, 83_558_400, 40),
    (2_228_224, 160_432_128, 41),
    (8_912_896, 311_951_360, 50),
    (8_912_896, 588_251_136, 51),
    (8_912_896, 1_176_502_272, 52),
    (35_651_584, 1_176_502_272, 60),
    (35_651_584, 2_353_004_544, 61),
    (35_651_584, 4_706_009_088, 62),
];

/// VP9 where the container has no `vpcC` (WebM): profile and bits from the first frame's header (VP9 bitstream, 6.2), the
/// level from the size of the pictures and how many there are a second (in thousandths). `None`: no key frame of VP9.
pub(crate) fn vp9_of_frame(frame: &[u8], width: u32, height: u32, thousandths: u32) -> Option<Vp> {
    let first = *frame.first()?;
    if first >> 6 != 0b10 {
        return None;
    }
    let profile = (first >> 5 & 1) | (first >> 4 & 1) << 1;
    // One more reserved bit with profile 3, then: shows an existing frame, is no key frame, is shown, is error resilient.
    let at = if profile == 3 { 5 } else { 4 };
    let bit = |at: usize| Some(frame.get(at / 8)? >> (7 - at % 8) & 1);
    if bit(at)? != 0 || bit(at + 1)? != 0 {
        return None;
    }
    let sync = at + 4;
    let mut code = 0_u32;
    for at in sync..sync + 24 {
        code = code << 1 | u32::from(bit(at)?);
    }
    if code != 0x49_8342 {
        return None;
    }
    let bits = match profile {
        0 | 1 => 8,
        _ if bit(sync + 24)? == 0 => 10,
        _ => 12,
    };
    let samples = u64::from(width) * u64::from(height);
    let rate = samples.saturating_mul(thousandths.into()) / 1_000;
    let level = LEVELS
        .iter()
        .find(|(most, most_rate, _)| samples <= *most && rate <= *most_rate);
    Some(Vp {
        profile,
        level: level.map_or(62, |level| level.2),
        bits,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_record_is_named() {
        let config = Bytes::from_static(&[1, 0, 0, 0, 2, 31, 0xa2]);
        assert_eq!(vp("vp09", &config).as_deref(), Ok("vp09.02.31.10"));
        assert_eq!(vp("vp09", &config.slice(..6)), Err(Unplayable::Damaged));
    }

    #[test]
    fn a_key_frame_says_profile_and_bits_and_its_size_the_level() {
        let vp9_of_frame =
            |frame: &[u8], w, h, rate| Some(vp9_of_frame(frame, w, h, rate)?.named("vp09"));
        let key = [0x82, 0x49, 0x83, 0x42, 0x00];
        assert_eq!(
            vp9_of_frame(&key, 1920, 1080, 30_000).as_deref(),
            Some("vp09.00.40.08")
        );
        assert_eq!(
            vp9_of_frame(&key, 160, 90, 25_000).as_deref(),
            Some("vp09.00.10.08")
        );
        let ten_bits = [0x92, 0x49, 0x83, 0x42, 0x00];
        assert_eq!(
            vp9_of_frame(&ten_bits, 1280, 720, 60_000).as_deref(),
            Some("vp09.02.40.10")
        );
        for wrong in [
            &[0x86, 0x49, 0x83, 0x42, 0][..],
            &[0x82, 0x49, 0x83, 0x43, 0],
            &[0x82],
            &[],
        ] {
            assert_eq!(vp9_of_frame(wrong, 160, 90, 25_000), None, "{wrong:?}");
        }
    }
}
