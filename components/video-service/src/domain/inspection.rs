//! What a stored file is as a video: found out by a few ranged reads after it was announced, and kept in its record.
//!
//! An announcement comes before storage-service has entered the file, so whoever inspects right after it waits for the file
//! for a moment. Where that dies, whoever meets the video later inspects it ([`is_due`]).

use std::fmt::Display;

use bytes::Bytes;
use spinreel_ledger::LedgerError;
use spinreel_media::{Limits, ReadAt, ReadError, inspection_of};
use spinreel_platform::{Clock, Store};
use thiserror::Error;

use super::catalogue::{UpdateError, find, update};
use super::record::Record;

/// How long the request that announced a file has for its inspection before another request does it, in milliseconds.
const LEFT_ALONE_MS: u64 = 5_000;
/// How long to wait for a file that was announced: the first pause in milliseconds, and how often it doubles.
const FIRST_PAUSE_MS: u64 = 5;
const PAUSES: u32 = 9;

/// The bytes of stored files: storage-service.
#[expect(async_fn_in_trait, reason = "used by generic code on one thread")]
pub trait Contents {
    /// Why they cannot be had.
    type Error: Display;
    /// `length` bytes of a file of `owner`, from `offset` on; `None` where there is no such file.
    async fn read(
        &self,
        owner: &str,
        location: &str,
        offset: u64,
        length: u64,
    ) -> Result<Option<Bytes>, Self::Error>;
}

/// Why a file was not inspected. It is tried again.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InspectionError {
    /// The record could not be changed.
    #[error(transparent)]
    Update(#[from] UpdateError),
    /// The file could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl From<LedgerError> for InspectionError {
    fn from(error: LedgerError) -> Self {
        Self::Update(error.into())
    }
}

/// Whether nobody has found out yet what a video's file is.
pub fn is_missing(record: &Record) -> bool {
    let is_known = record.media.is_some() || record.unplayable.is_some();
    !is_known && !record.ending && !record.stored.location.is_empty()
}

/// Whether a request that meets the video is to inspect it, since the one that announced the file did not.
pub fn is_due(record: &Record, now_ms: u64) -> bool {
    let announced_ms = record.recorded_ms.max(record.stored.created_at.as_ms());
    is_missing(record) && announced_ms.saturating_add(LEFT_ALONE_MS) < now_ms
}

/// Finds out what the file of a video is and keeps it in the record; nothing where that is known, or the video is gone.
///
/// Costs 16 reads of the file at most, and the 2 `get` of [`find`], twice, and an [`update`].
pub async fn inspect_file(
    store: &impl Store,
    clock: &impl Clock,
    contents: &impl Contents,
    id: &str,
) -> Result<(), InspectionError> {
    let Some(record) = find(store, id).await?.filter(is_missing) else {
        return Ok(());
    };
    let mut file = File {
        contents,
        clock,
        record: &record,
        pauses: PAUSES,
    };
    let inspection = inspection_of(&mut file, Limits::default()).await?;
    // Another request may have done it, or the bytes may be others now.
    let is_same = |now: &Record| is_missing(now) && now.stored == record.stored;
    if find(store, id).await?.is_some_and(|now| is_same(&now)) {
        update(store, clock, id, |now| {
            if is_same(now) {
                now.inspected(Some(inspection));
            }
        })
        .await?;
    }
    Ok(())
}

/// The file of a video.
struct File<'a, F, C> {
    contents: &'a F,
    clock: &'a C,
    record: &'a Record,
    /// How often it may still be waited for.
    pauses: u32,
}

impl<F: Contents, C: Clock> ReadAt for File<'_, F, C> {
    async fn read_at(&mut self, offset: u64, length: u64) -> Result<Bytes, ReadError> {
        let stored = &self.record.stored;
        loop {
            let read = self
                .contents
                .read(&stored.owner, &stored.location, offset, length)
                .await;
            match read {
                Ok(Some(bytes)) => return Ok(bytes),
                Ok(None) if self.pauses > 0 => {
                    self.clock
                        .sleep_ms(FIRST_PAUSE_MS << (PAUSES - self.pauses))
                        .await;
                    self.pauses -= 1;
                }
                Ok(None) => return Err(ReadError("there is no such file".to_owned())),
                Err(error) => return Err(ReadError(error.to_string())),
            }
        }
    }

    fn size(&self) -> u64 {
        self.record.stored.size
    }
}

#[cfg(test)]
#[path = "inspection_tests.rs"]
mod tests;
