//! Where the bytes of a file come from.

use bytes::Bytes;
use thiserror::Error;

/// A file that is read by ranges.
pub trait ReadAt {
    /// Exactly `length` bytes from `offset` on, both in bytes. Never asked for a byte at or beyond [`size`](Self::size).
    async fn read_at(&mut self, offset: u64, length: u64) -> Result<Bytes, ReadError>;
    /// The file's size, in bytes.
    fn size(&self) -> u64;
}

/// Why a range could not be read. It says nothing about the file.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the file cannot be read: {0}")]
pub struct ReadError(pub String);

/// How much may be read to find out what a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Ranged reads.
    pub reads: u32,
    /// Bytes of all reads together.
    pub bytes: u64,
    /// Bytes of the file that are kept in memory at once.
    pub memory: u64,
}

impl Limits {
    /// What [`read_samples`](crate::read_samples) may take of a fragmented file: an hour in fragments of two seconds.
    pub(crate) const FRAGMENTS: Self = Self {
        reads: 2_048,
        bytes: 32 * 1024 * 1024,
        memory: 3 * 1024 * 1024,
    };
    /// The same of Matroska, whose blocks are all over the file.
    pub(crate) const BLOCKS: Self = Self {
        bytes: 512 * 1024 * 1024,
        ..Self::FRAGMENTS
    };
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            reads: 16,
            bytes: 8 * 1024 * 1024,
            memory: 7 * 512 * 1024,
        }
    }
}

/// Bytes in memory, for tests and for files that are small.
impl ReadAt for Bytes {
    async fn read_at(&mut self, offset: u64, length: u64) -> Result<Bytes, ReadError> {
        let beyond = || ReadError("a range is beyond the end".to_owned());
        let start = usize::try_from(offset).map_err(|_| beyond())?;
        let length = usize::try_from(length).map_err(|_| beyond())?;
        let end = start.checked_add(length).ok_or_else(beyond)?;
        if end > self.len() {
            return Err(beyond());
        }
        Ok(self.slice(start..end))
    }

    fn size(&self) -> u64 {
        self.len() as u64
    }
}
