use bytes::Bytes;

use crate::cursor::Cursor;
use crate::inspected::Unplayable;

/// AV1: `av1C` (AV1 in ISOBMFF, 2.3.3), named by its section 5: profile, level and tier, bits.
pub(crate) fn av1(config: &Bytes) -> Result<String, Unplayable> {
    let mut cursor = Cursor::new(config);
    let [_version, levels, depths] = cursor.array()?;
    let (profile, level) = (levels >> 5, levels & 0x1f);
    let tier = if depths & 0x80 == 0 { 'M' } else { 'H' };
    let bits = match (depths & 0x40 != 0, depths & 0x20 != 0) {
        (false, _) => 8,
        (true, false) => 10,
        (true, true) => 12,
    };
    Ok(format!("av01.{profile}.{level:02}{tier}.{bits:02}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profile_level_tier_and_bits_are_named() {
        let name = |config: &[u8]| av1(&Bytes::copy_from_slice(config));
        assert_eq!(name(&[0x81, 4, 0x0c, 0]).as_deref(), Ok("av01.0.04M.08"));
        assert_eq!(name(&[0x81, 0x4d, 0xe0]).as_deref(), Ok("av01.2.13H.12"));
        assert_eq!(name(&[0x81, 4, 0x4c]).as_deref(), Ok("av01.0.04M.10"));
        assert_eq!(name(&[0x81]), Err(Unplayable::Damaged));
    }
}
