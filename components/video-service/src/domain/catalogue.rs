//! The catalogue: recording videos, forgetting them, and reading them, one by one and as lists.

use spinreel_api::internal::StoredVideo;
use spinreel_ledger::{Cell, LedgerError, Slots};
use spinreel_platform::Store;
use thiserror::Error;

use super::filter::Filter;
use super::record::Record;

/// How many slots a page looks at before it ends early, with a cursor to go on.
pub const SCAN: u64 = 512;

/// What came of [`put`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// The video is new.
    Created,
    /// It was there; what storage-service says of it is as given now.
    Known,
}

/// Why a video was not recorded.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PutError {
    /// A video never changes hands.
    #[error("the video belongs to another user")]
    OtherOwner,
    /// The state could not be read or written; the effect is uncertain.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// A part of an owner's list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VideoPage {
    /// The videos, newest first.
    pub records: Vec<Record>,
    /// Where the next page begins: below this slot. `None` at the end of the list.
    pub next: Option<u64>,
}

/// Records that `id` is there, as `stored` describes it. Harmless when repeated.
///
/// The ids must be [ids](super::id::is_id): they become parts of keys.
pub async fn put(store: &impl Store, id: &str, stored: StoredVideo) -> Result<Put, PutError> {
    match find(store, id).await? {
        Some(record) if record.stored.owner != stored.owner => Err(PutError::OtherOwner),
        Some(record) => {
            refresh(store, record, stored).await?;
            Ok(Put::Known)
        }
        None => {
            create(store, id, stored).await?;
            Ok(Put::Created)
        }
    }
}

async fn create(store: &impl Store, id: &str, stored: StoredVideo) -> Result<(), LedgerError> {
    let list = list_of(&stored.owner);
    let number = list.allocate(store, 1).await?;
    let entry = list.cell(number).pair(&id.to_owned())?;
    let record = record_cell(id).pair(&Record::new(id, number, stored))?;
    // The entry goes first: where a provider stores one after the other, an entry without a record is skipped by
    // readers and the next attempt begins anew.
    store.set_many(&[entry, record]).await?;
    Ok(())
}

async fn refresh(
    store: &impl Store,
    mut record: Record,
    stored: StoredVideo,
) -> Result<(), LedgerError> {
    let entry: Cell<String> = list_of(&record.stored.owner).cell(record.slot);
    if entry.get(store).await?.is_none() {
        entry.set(store, &record.id).await?;
    }
    if record.stored != stored {
        record.stored = stored;
        record_cell(&record.id).set(store, &record).await?;
    }
    Ok(())
}

/// Forgets a video and returns what it was. Harmless when repeated.
pub async fn remove(store: &impl Store, id: &str) -> Result<Option<Record>, LedgerError> {
    let cell = record_cell(id);
    let Some(record) = cell.get(store).await? else {
        return Ok(None);
    };
    let entry: Cell<String> = list_of(&record.stored.owner).cell(record.slot);
    store
        .delete_many(&[cell.key().to_owned(), entry.key().to_owned()])
        .await?;
    Ok(Some(record))
}

/// The video `id`, whoever may see it.
pub async fn find(store: &impl Store, id: &str) -> Result<Option<Record>, LedgerError> {
    record_cell(id).get(store).await
}

/// The videos of `owner` that `filter` takes, newest first: at most `limit` of them, from the slots below `below` (from
/// the newest where that is `None`).
///
/// A page may end early, even empty, with a place to go on: it looks at [`SCAN`] slots at most.
pub async fn page(
    store: &impl Store,
    owner: &str,
    below: Option<u64>,
    limit: usize,
    filter: &Filter,
) -> Result<VideoPage, LedgerError> {
    let list = list_of(owner);
    let head = list.head(store).await?;
    let newest = below.map_or(head, |below| below.saturating_sub(1).min(head));
    let oldest = newest.saturating_sub(SCAN - 1).max(1);
    let mut records = Vec::new();
    let mut number = newest;
    while number >= oldest && records.len() < limit {
        if let Some(record) = listed(store, &list, owner, number).await?
            && filter.takes(&record)
        {
            records.push(record);
        }
        number -= 1;
    }
    Ok(VideoPage {
        records,
        next: (number > 0).then_some(number + 1),
    })
}

/// The video that a slot of `owner`'s list stands for.
async fn listed(
    store: &impl Store,
    list: &Slots,
    owner: &str,
    number: u64,
) -> Result<Option<Record>, LedgerError> {
    let entry: Cell<String> = list.cell(number);
    let Some(id) = entry.get(store).await? else {
        return Ok(None);
    };
    let record = find(store, &id).await?;
    Ok(record.filter(|record| record.slot == number && record.stored.owner == owner))
}

fn record_cell(id: &str) -> Cell<Record> {
    Cell::new(format!("videos/video/{id}"))
}

fn list_of(owner: &str) -> Slots {
    Slots::new(format!("videos/{owner}/list"))
}

#[cfg(test)]
#[path = "catalogue_tests.rs"]
mod tests;
