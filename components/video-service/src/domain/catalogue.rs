//! The catalogue: recording videos, forgetting them, and reading them, one by one and as lists.
//!
//! What it costs, in calls of the store, however many videos there are or ever were:
//!
//! | | calls |
//! |---|---|
//! | [`put`], a new video | 1 `get`, 1 `increment`, 1 `set_many` |
//! | [`put`], one that is there | 2 `get`; 1 `set` where something changed |
//! | [`remove`], [`purge`](super::purge) for each video | 2 `get`, 1 `delete_many`, 1 `set` (and what a [`Roster`] needs where a stretch begins or ends) |
//! | [`find`] | 1 `get` |
//! | [`page`] of n videos | 2 `get` for each, 1 for the head, and one or two for each stretch of 4,096 slots that they are in |

use spinreel_api::internal::StoredVideo;
use spinreel_ledger::{Cell, Found, LedgerError, Roster};
use spinreel_platform::{Clock, Store};
use thiserror::Error;

use super::filter::Filter;
use super::listed::{Entry, Reading};
use super::record::Record;

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
pub async fn put(
    store: &impl Store,
    clock: &impl Clock,
    id: &str,
    stored: StoredVideo,
) -> Result<Put, PutError> {
    match find(store, id).await? {
        Some(record) if record.stored.owner != stored.owner => Err(PutError::OtherOwner),
        Some(record) => {
            refresh(store, clock, record, stored).await?;
            Ok(Put::Known)
        }
        None => {
            enlist(store, clock, Record::new(id, 0, stored)).await?;
            Ok(Put::Created)
        }
    }
}

async fn refresh(
    store: &impl Store,
    clock: &impl Clock,
    mut record: Record,
    stored: StoredVideo,
) -> Result<(), LedgerError> {
    let slot = list_of(&record.stored.owner).cell::<Entry>(record.slot);
    let changed = record.stored != stored;
    record.stored = stored;
    if slot.get(store).await?.is_none() {
        // An empty slot may be buried by now: the video gets a new one.
        enlist(store, clock, record).await
    } else if changed {
        record_cell(&record.id).set(store, &record).await
    } else {
        Ok(())
    }
}

/// Writes a record down, with a new slot in its owner's list.
async fn enlist(
    store: &impl Store,
    clock: &impl Clock,
    mut record: Record,
) -> Result<(), LedgerError> {
    let list = list_of(&record.stored.owner);
    record.slot = list.allocate_timely(store, clock, 1).await?;
    let entry = Entry {
        id: record.id.clone(),
        recorded_ms: clock.now_ms(),
    };
    let entry = list.cell(record.slot).pair(&entry)?;
    let record = record_cell(&record.id).pair(&record)?;
    // The entry goes first: where a provider stores one after the other, an entry without a record is skipped by
    // readers and the next attempt begins anew.
    store.set_many(&[entry, record]).await?;
    Ok(())
}

/// Forgets a video and returns what it was. Harmless when repeated; repeating it also undoes a [`put`] that was late.
pub async fn remove(store: &impl Store, id: &str) -> Result<Option<Record>, LedgerError> {
    let record = find(store, id).await?;
    if let Some(record) = &record {
        forget(store, record).await?;
    }
    Ok(record)
}

/// Forgets a video that was [found](find).
pub async fn forget(store: &impl Store, record: &Record) -> Result<(), LedgerError> {
    let cell = record_cell(&record.id);
    let list = list_of(&record.stored.owner);
    let entry = list.cell::<Entry>(record.slot);
    store
        .delete_many(&[cell.key().to_owned(), entry.key().to_owned()])
        .await?;
    // Only the one that was given a slot fills it, and it has been: it is empty for good. A slot that could not be
    // buried costs readers a look, until one of them buries it.
    let _ = list.bury(store, &[record.slot]).await;
    Ok(())
}

/// The video `id`, whoever may see it.
pub async fn find(store: &impl Store, id: &str) -> Result<Option<Record>, LedgerError> {
    record_cell(id).get(store).await
}

/// The videos of `owner` that `filter` takes, newest first: at most `limit` of them, from the slots below `below` (from
/// the newest where that is `None`).
///
/// A page may end early, even empty, with a place to go on: it looks at [`ROSTER_SCAN`](spinreel_ledger::ROSTER_SCAN)
/// slots at most. Slots that it finds dead it buries.
pub async fn page(
    store: &impl Store,
    clock: &impl Clock,
    owner: &str,
    below: Option<u64>,
    limit: usize,
    filter: &Filter,
) -> Result<VideoPage, LedgerError> {
    let list = list_of(owner);
    let mut reading = Reading::at(clock.now_ms());
    let look = async |number| -> Result<Found<Record>, LedgerError> {
        let Some(entry) = list.cell::<Entry>(number).get(store).await? else {
            return Ok(Found::Nothing);
        };
        let record = find(store, &entry.id)
            .await?
            .filter(|record| record.slot == number && record.stored.owner == owner);
        reading.saw(number, &entry, record.is_some());
        Ok(match record {
            None => Found::Nothing,
            Some(record) if filter.takes(&record) => Found::Item(record),
            Some(_) => Found::Other,
        })
    };
    let page = list.page(store, below, limit, look).await?;
    // The page is good whether or not the next one gets cheaper.
    let _ = reading.bury(store, &list, &page.empty).await;
    Ok(VideoPage {
        records: page.items.into_iter().map(|(_, record)| record).collect(),
        next: page.next,
    })
}

fn record_cell(id: &str) -> Cell<Record> {
    Cell::new(format!("videos/video/{id}"))
}

pub(super) fn list_of(owner: &str) -> Roster {
    Roster::new(format!("videos/{owner}/list"))
}

#[cfg(test)]
#[path = "catalogue_costs.rs"]
mod costs;
#[cfg(test)]
#[path = "catalogue_tests.rs"]
mod tests;
