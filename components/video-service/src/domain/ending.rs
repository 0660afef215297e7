//! The end of a video for good: its files go, and then its record.
//!
//! First the record is marked as ending, with an entry in a queue: from then on nobody sees the video. Then its files are
//! deleted, and the record with the last one. A crash in between is made up for by whoever meets the record, or by the
//! sweep, which works through the queue. All of it is harmless when repeated.

use std::fmt::Display;

use spinreel_api::internal::Attachment;
use spinreel_api::operations::SweptVideos;
use spinreel_ledger::LedgerError;
use spinreel_platform::{Clock, Store};
use thiserror::Error;

use super::catalogue::{UpdateError, find, forget, try_update};
use super::queue::Queue;
use super::record::Record;

/// How long after its begin the sweep takes up an ending, in milliseconds: until then whoever began it goes on.
const LEFT_ALONE_MS: u64 = 60_000;

/// Deletes files, with the quota that they take: storage-service.
#[expect(async_fn_in_trait, reason = "used by generic code on one thread")]
pub trait Files {
    /// Why that failed.
    type Error: Display;
    /// Deletes a file of `owner`; no error where there is none.
    async fn delete(&self, owner: &str, location: &str) -> Result<(), Self::Error>;
    /// Ends an upload of `owner`; no error where there is none, or it is a file by now.
    async fn end_upload(&self, owner: &str, upload: &str) -> Result<(), Self::Error>;
}

/// Why a video has not ended. It goes on to end.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EndError {
    /// The record could not be changed.
    #[error(transparent)]
    Update(#[from] UpdateError),
    /// A file could not be deleted.
    #[error("a file could not be deleted: {0}")]
    Files(String),
}

impl From<LedgerError> for EndError {
    fn from(error: LedgerError) -> Self {
        Self::Update(error.into())
    }
}

/// Marks a video as ending where `may` says so of its record, which is read under the lock; `Ok(None)` where there is no
/// such video, or it is ending already.
pub async fn begin<E>(
    store: &impl Store,
    clock: &impl Clock,
    id: &str,
    may: impl FnOnce(&Record) -> Result<(), E>,
) -> Result<Option<Result<Record, E>>, UpdateError> {
    try_update(store, clock, id, |record| {
        may(record)?;
        record.ending = true;
        Ok(())
    })
    .await
}

/// Deletes the files of a video that is ending, and then its record.
pub async fn finish(
    store: &impl Store,
    clock: &impl Clock,
    files: &impl Files,
    record: &Record,
) -> Result<(), EndError> {
    if let Some(upload) = &record.upload {
        files
            .end_upload(&record.stored.owner, upload)
            .await
            .map_err(|error| EndError::Files(error.to_string()))?;
    }
    for location in locations(record) {
        files
            .delete(&record.stored.owner, location)
            .await
            .map_err(|error| EndError::Files(error.to_string()))?;
    }
    Ok(forget(store, clock, record).await?)
}

/// Ends a video that is ending, or whose time in the trash is over; nothing where it is neither. Returns what it was.
pub async fn end_if_over(
    store: &impl Store,
    clock: &impl Clock,
    files: &impl Files,
    id: &str,
) -> Result<Option<Record>, EndError> {
    let Some(record) = find(store, id).await? else {
        return Ok(None);
    };
    let record = match record.ending {
        true => record,
        false => {
            let now_ms = clock.now_ms();
            let may = |record: &Record| record.is_over(now_ms).then_some(()).ok_or(());
            match begin(store, clock, id, may).await? {
                Some(Ok(record)) => record,
                Some(Err(())) | None => return Ok(None),
            }
        }
    };
    finish(store, clock, files, &record).await?;
    Ok(Some(record))
}

/// The files of a video: the bytes last, so that what tells of them goes first.
fn locations(record: &Record) -> impl Iterator<Item = &str> {
    attachments(record)
        .map(|attachment| attachment.location.as_str())
        .chain([record.stored.location.as_str()])
        .filter(|location| !location.is_empty())
}

/// The files of a video besides its bytes.
pub fn attachments(record: &Record) -> impl Iterator<Item = &Attachment> {
    let captions = record.captions.iter().map(|caption| &caption.attachment);
    record.poster.iter().chain(captions).chain(&record.index)
}

/// Whether a video has more files than its bytes.
pub fn has_attachments(record: &Record) -> bool {
    record.poster.is_some() || !record.captions.is_empty() || record.index.is_some()
}

/// Ends what is due, and tells `ended` of each: a page of the videos whose time in the trash is over, and of those whose ending stopped half-way.
pub async fn sweep(
    store: &impl Store,
    clock: &impl Clock,
    files: &impl Files,
    mut ended: impl FnMut(&Record),
) -> Result<SweptVideos, LedgerError> {
    let mut swept = SweptVideos::default();
    for queue in [Queue::Endings, Queue::Trash] {
        let oldest = queue.oldest(store, clock).await?;
        let mut done = None;
        let mut is_through = true;
        for (number, entry) in &oldest.entries {
            if let Some(entry) = entry {
                match look(store, clock, files, queue, *number, entry).await {
                    Looked::Waits => {
                        is_through = false;
                        break;
                    }
                    Looked::Ended(record) => {
                        ended(&record);
                        swept.ended += 1;
                    }
                    Looked::Nothing => {}
                    Looked::Failed => {
                        swept.pending += 1;
                        is_through = false;
                        break;
                    }
                }
            }
            done = Some(*number);
        }
        if let (Some(to), Some((from, _))) = (done, oldest.entries.first()) {
            queue.finish(store, *from, to).await?;
        }
        swept.more |= is_through && oldest.more;
    }
    Ok(swept)
}

/// What a look at an entry came to.
enum Looked {
    /// Its video, and all after it, are not due.
    Waits,
    /// Its video ended.
    Ended(Box<Record>),
    /// Its video is gone, or is where it was before.
    Nothing,
    /// It could not be done now.
    Failed,
}

async fn look(
    store: &impl Store,
    clock: &impl Clock,
    files: &impl Files,
    queue: Queue,
    number: u64,
    entry: &super::queue::Entry,
) -> Looked {
    let record = match find(store, &entry.id).await {
        Ok(Some(record)) => record,
        Ok(None) => return Looked::Nothing,
        Err(_) => return Looked::Failed,
    };
    let now_ms = clock.now_ms();
    match queue {
        Queue::Trash if record.trash_entry != Some(number) => return Looked::Nothing,
        Queue::Trash if !record.is_over(now_ms) => return Looked::Waits,
        Queue::Endings if !record.ending => return Looked::Nothing,
        Queue::Endings if now_ms.saturating_sub(entry.at_ms) < LEFT_ALONE_MS => {
            return Looked::Waits;
        }
        Queue::Trash | Queue::Endings | Queue::Files => {}
    }
    match end_if_over(store, clock, files, &entry.id).await {
        Ok(Some(record)) => Looked::Ended(Box::new(record)),
        Ok(None) => Looked::Nothing,
        Err(_) => Looked::Failed,
    }
}

#[cfg(test)]
#[path = "ending_tests.rs"]
mod tests;
