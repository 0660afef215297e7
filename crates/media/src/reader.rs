//! Reads within [`Limits`].

use bytes::Bytes;

use crate::inspected::{InspectError, Unplayable};
use crate::read::{Limits, ReadAt};

/// What the first read takes, in bytes: enough to tell that something is no video.
const FIRST: u64 = 4 * 1024;
/// What each later read takes at least, in bytes, so that small things beside each other cost one.
const AHEAD: u64 = 64 * 1024;

/// The same where things are far from each other, and where they are all over the file.
const SPARSE_AHEAD: u64 = 8 * 1024;
const DENSE_AHEAD: u64 = 512 * 1024;

/// A file with what was read of it last.
#[derive(Debug)]
pub(crate) struct Reader<'a, R> {
    source: &'a mut R,
    left: Limits,
    /// What each read but the first takes at least, in bytes.
    ahead: u64,
    window: Bytes,
    window_at: u64,
}

impl<'a, R: ReadAt> Reader<'a, R> {
    pub(crate) fn new(source: &'a mut R, limits: Limits) -> Self {
        Self {
            source,
            left: limits,
            ahead: AHEAD,
            window: Bytes::new(),
            window_at: 0,
        }
    }

    /// As [`new`](Self::new), for small things that are far from each other.
    pub(crate) fn sparse(source: &'a mut R, limits: Limits) -> Self {
        Self {
            ahead: SPARSE_AHEAD,
            ..Self::new(source, limits)
        }
    }

    /// As [`new`](Self::new), for small things that are all over the file.
    pub(crate) fn dense(source: &'a mut R, limits: Limits) -> Self {
        Self {
            ahead: DENSE_AHEAD,
            ..Self::new(source, limits)
        }
    }

    pub(crate) fn size(&self) -> u64 {
        self.source.size()
    }

    /// How many reads are left.
    pub(crate) fn reads_left(&self) -> u32 {
        self.left.reads
    }

    /// How many bytes may be kept at once.
    pub(crate) fn memory(&self) -> u64 {
        self.left.memory.min(self.left.bytes)
    }

    /// Exactly `length` bytes from `offset` on. A read takes more where they are few, for those that come next.
    ///
    /// What is beyond the end of the file is [`Unplayable::CutOff`].
    pub(crate) async fn get(&mut self, offset: u64, length: u64) -> Result<Bytes, InspectError> {
        let end = offset.checked_add(length).ok_or(Unplayable::Damaged)?;
        if end > self.size() {
            return Err(Unplayable::CutOff.into());
        }
        let in_window = |at: u64, window: &Bytes| {
            let start = offset.checked_sub(at)?;
            let range = usize::try_from(start).ok()?..usize::try_from(start + length).ok()?;
            (range.end <= window.len()).then(|| window.slice(range))
        };
        if let Some(bytes) = in_window(self.window_at, &self.window) {
            return Ok(bytes);
        }
        let least = if offset == 0 { FIRST } else { self.ahead };
        let wanted = length.max(least).min(self.size() - offset);
        if self.left.reads == 0 || wanted > self.memory() {
            return Err(Unplayable::IndexTooLarge.into());
        }
        self.left.reads -= 1;
        self.left.bytes -= wanted;
        // What was there before is let go first.
        self.window = Bytes::new();
        self.window = self.source.read_at(offset, wanted).await?;
        self.window_at = offset;
        in_window(offset, &self.window)
            .ok_or_else(|| crate::ReadError("a range came short".to_owned()).into())
    }

    /// As [`get`](Self::get), as many bytes as the file has, `most` at most.
    pub(crate) async fn get_up_to(
        &mut self,
        offset: u64,
        most: u64,
    ) -> Result<Bytes, InspectError> {
        let length = self.size().saturating_sub(offset).min(most);
        self.get(offset, length).await
    }
}
