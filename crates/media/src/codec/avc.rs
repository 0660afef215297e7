use bytes::Bytes;

use crate::cursor::Cursor;
use crate::inspected::Unplayable;

/// H.264: `avcC` (ISO/IEC 14496-15, 5.3.3.1), named by RFC 6381, section 3.3: profile, constraints and level.
pub(crate) fn avc(entry: &str, config: &Bytes) -> Result<String, Unplayable> {
    let mut cursor = Cursor::new(config);
    let [_version, profile, constraints, level] = cursor.array()?;
    Ok(format!("{entry}.{profile:02x}{constraints:02x}{level:02x}"))
}
