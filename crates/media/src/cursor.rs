//! Numbers out of bytes that a stranger made.

use bytes::Bytes;

use crate::inspected::Unplayable;

/// Reads big-endian numbers one after the other. Past the end everything is [`Unplayable::Damaged`].
#[derive(Debug, Clone)]
pub(crate) struct Cursor(Bytes);

impl Cursor {
    pub(crate) fn new(bytes: &Bytes) -> Self {
        Self(bytes.clone())
    }

    pub(crate) fn left(&self) -> usize {
        self.0.len()
    }

    /// The next `length` bytes, without copying them.
    pub(crate) fn take(&mut self, length: usize) -> Result<Bytes, Unplayable> {
        if length > self.0.len() {
            return Err(Unplayable::Damaged);
        }
        Ok(self.0.split_to(length))
    }

    pub(crate) fn skip(&mut self, length: usize) -> Result<(), Unplayable> {
        self.take(length).map(drop)
    }

    /// All that is left.
    pub(crate) fn rest(self) -> Bytes {
        self.0
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Unplayable> {
        let bytes = self.take(N)?;
        bytes.as_ref().try_into().map_err(|_| Unplayable::Damaged)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, Unplayable> {
        Ok(u8::from_be_bytes(self.array()?))
    }

    pub(crate) fn u16(&mut self) -> Result<u16, Unplayable> {
        Ok(u16::from_be_bytes(self.array()?))
    }

    pub(crate) fn u24(&mut self) -> Result<u32, Unplayable> {
        let [a, b, c] = self.array()?;
        Ok(u32::from_be_bytes([0, a, b, c]))
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Unplayable> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    pub(crate) fn u64(&mut self) -> Result<u64, Unplayable> {
        Ok(u64::from_be_bytes(self.array()?))
    }

    /// A number of 32 bits, or of 64 where that is so.
    pub(crate) fn u32_or_u64(&mut self, is_wide: bool) -> Result<u64, Unplayable> {
        if is_wide {
            self.u64()
        } else {
            self.u32().map(u64::from)
        }
    }

    /// The version and the flags of a full box (ISO/IEC 14496-12, 4.2).
    pub(crate) fn full_box(&mut self) -> Result<(u8, u32), Unplayable> {
        Ok((self.u8()?, self.u24()?))
    }
}
