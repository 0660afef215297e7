use std::fmt::Write as _;

use bytes::Bytes;

use crate::cursor::Cursor;
use crate::inspected::Unplayable;

/// HEVC: `hvcC` (ISO/IEC 14496-15, 8.3.3.1), named by its annex E.3: profile space and profile, compatibility flags from the
/// last to the first, tier and level, and constraints without the zeros at their end.
pub(crate) fn hevc(entry: &str, config: &Bytes) -> Result<String, Unplayable> {
    let mut cursor = Cursor::new(config);
    cursor.skip(1)?;
    let profile = cursor.u8()?;
    let compatibility = cursor.u32()?.reverse_bits();
    let constraints: [u8; 6] = cursor.array()?;
    let level = cursor.u8()?;
    let space = ["", "A", "B", "C"][usize::from(profile >> 6)];
    let tier = if profile & 0x20 == 0 { 'L' } else { 'H' };
    let mut name = format!(
        "{entry}.{space}{}.{compatibility:x}.{tier}{level}",
        profile & 0x1f
    );
    let last = constraints.iter().rposition(|byte| *byte != 0);
    for byte in constraints.iter().take(last.map_or(0, |last| last + 1)) {
        // Writing to a string cannot fail.
        let _ = write!(name, ".{byte:x}");
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn main_main_10_and_high_tier_have_the_names_that_players_know() {
        let name = |config: &[u8]| hevc("hvc1", &Bytes::copy_from_slice(config));
        let main = [1, 1, 0x60, 0, 0, 0, 0x90, 0, 0, 0, 0, 0, 93];
        assert_eq!(name(&main).as_deref(), Ok("hvc1.1.6.L93.90"));
        let main_10 = [1, 2, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 153];
        assert_eq!(name(&main_10).as_deref(), Ok("hvc1.2.4.L153"));
        let high = [1, 0x62, 0x20, 0, 0, 0, 0xb0, 0, 1, 0, 0, 0, 150];
        assert_eq!(name(&high).as_deref(), Ok("hvc1.A2.4.H150.b0.0.1"));
        assert_eq!(name(&main[..12]), Err(Unplayable::Damaged));
    }
}
