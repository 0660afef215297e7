//! The catalogue: recording videos, forgetting them, and reading them, one by one and as lists.
//!
//! What it costs, in calls of the store, however many videos there are or ever were:
//!
//! | | reads | writes |
//! |---|---|---|
//! | [`create`] | 2 `get` | 1 `increment`, 1 `set_many` |
//! | [`update`] | 9 `get` | 1 `increment`, 1 `set_many` |
//! | [`find`] | 2 `get` | none |
//! | [`forget`] | 6 `get` for the lock and the record, 2 where the videos beside it were recorded at other times, 6 at most; and the same once more | 1 `increment`, 1 `delete_many` |
//! | [`page`] of n videos | 1 `get` for each and for each empty slot between them, 1 for the head, and one or two for each stretch of 4,096 slots that they are in | none |
//! | [`bury`] after a page that met at least 8 empty slots | 3 `get`; 1 where it strikes them | 1 `set` where at least 8 of them are dead for certain |
//!
//! So a page of n videos makes n + 2 reads below 4,096 slots and n + 3 above, and what deletions leave behind costs one
//! write for eight of them at most (and two more where a stretch ends).

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use spinreel_api::internal::StoredVideo;
use spinreel_ledger::{Cell, Found, LedgerError, Roster};
use spinreel_platform::{Clock, Store};
use thiserror::Error;

use super::feed;
use super::filter::Filter;
use super::indexing;
pub use super::indexing::index;
use super::listed::{MANY, list_of, record_at, watermark};
pub use super::listed::{bury, is_gone};
use super::owner_lock::OwnerLock;
pub use super::owner_lock::UpdateError;
use super::record::Record;
use super::terms::{CHUNK, Candidates, postings_of, wanted};
pub use super::update::{try_update, update};
use super::views;

/// How far from a video's slot there may be another one of it, in slots.
const COPY_DISTANCE: u64 = 3;
/// How long two that record one video at once are apart at most, in milliseconds.
const COPY_AGE_MS: u64 = 60_000;

/// What came of a video that was to be recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// The video is new.
    Created,
    /// It was there; what storage-service says of it is as given now.
    Known,
    /// Its owner is gone: it was not recorded, and is not to be told of again.
    OwnerGone,
}

/// Why a video was not recorded.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PutError {
    /// A video never changes hands.
    #[error("the video belongs to another user")]
    OtherOwner,
    /// The record could not be changed, or the state not be read or written.
    #[error(transparent)]
    Update(#[from] UpdateError),
}

impl From<LedgerError> for PutError {
    fn from(error: LedgerError) -> Self {
        Self::Update(error.into())
    }
}

/// A part of an owner's list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VideoPage {
    /// The videos, newest first.
    pub records: Vec<Record>,
    /// Where the next page begins: below this slot. `None` at the end of the list.
    pub next: Option<u64>,
    /// The slots that were empty on the way, newest first: for [`bury`].
    pub empty: Vec<u64>,
    /// The ids of those on the way that are to end, at the time of the look.
    pub over: Vec<String>,
    /// Whether [`index`] has much to do.
    pub is_index_due: bool,
}

impl VideoPage {
    /// Whether [`bury`] may have something to do.
    pub fn has_many_empty(&self) -> bool {
        self.empty.len() >= MANY
    }
}

/// Where a video's record is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Place {
    owner: String,
    slot: u64,
}

/// Records a video that is new; `describe` says what is known of it besides its file.
///
/// The ids must be [ids](super::id::is_id): they become parts of keys.
pub async fn create(
    store: &impl Store,
    clock: &impl Clock,
    id: &str,
    stored: StoredVideo,
    describe: impl FnOnce(&mut Record),
) -> Result<Put, PutError> {
    if is_gone(store, &stored.owner).await? {
        return Ok(Put::OwnerGone);
    }
    let slot = list_of(&stored.owner)
        .allocate_timely(store, clock, 1)
        .await?;
    let now_ms = clock.now_ms();
    let watermark = watermark(&stored.owner, slot, now_ms)?;
    let mut record = Record::new(id, slot, stored);
    record.recorded_ms = now_ms;
    describe(&mut record);
    let feed = feed::follow(store, clock, None, &mut record).await?;
    let place = Place {
        owner: record.stored.owner.clone(),
        slot,
    };
    let mut pairs = vec![
        // The place goes first: where a provider stores one after the other, a place with an empty slot is read as absent
        // and the next attempt begins anew, while a record without its place would be listed and not be found.
        place_cell(id).pair(&place)?,
        list_of(&place.owner).cell(slot).pair(&record)?,
        watermark,
    ];
    pairs.extend(feed.after);
    store.set_many(&pairs).await.map_err(LedgerError::from)?;
    // A purge beside this may not have seen it.
    if is_gone(store, &place.owner).await? {
        forget(store, clock, &record).await?;
        return Ok(Put::OwnerGone);
    }
    // The video is there whether or not this succeeds; a reader makes up for it.
    if slot % CHUNK == 0 {
        let _ = index(store, clock, &record.stored.owner).await;
    }
    if feed.is_index_due {
        let _ = feed::index(store, clock).await;
    }
    Ok(Put::Created)
}

/// Forgets a video and returns what it was. Harmless when repeated; repeating it also undoes a [`create`] that was late.
pub async fn remove(
    store: &impl Store,
    clock: &impl Clock,
    id: &str,
) -> Result<Option<Record>, UpdateError> {
    let record = find(store, id).await?;
    if let Some(record) = &record {
        forget(store, clock, record).await?;
    }
    Ok(record)
}

/// Forgets a video that was [found](find). Its slot stays in the list as an empty one, until a reader who meets many of
/// them [buries](bury) them.
pub async fn forget(
    store: &impl Store,
    clock: &impl Clock,
    record: &Record,
) -> Result<(), UpdateError> {
    let list = list_of(&record.stored.owner);
    // A change beside this would bring the record back.
    let lock = OwnerLock::acquire(store, clock, &record.stored.owner).await?;
    // As it is under the lock: another change may have taken it out of the feed.
    let found = find(store, &record.id).await?;
    let number = found.as_ref().unwrap_or(record).feed_number;
    let mut keys: Vec<String> = number.into_iter().map(feed::cell_key).collect();
    // The place goes last: a removal that is repeated begins there.
    keys.extend(copies(store, &list, record).await?);
    keys.push(slot_key(&list, record.slot));
    keys.push(views::key(&record.id));
    keys.push(place_key(&record.id));
    lock.commit_removal(store, clock, keys).await?;
    if let Some(number) = number {
        feed::feed().bury(store, &[number]).await?;
    }
    // One that was written meanwhile has no place any more. One that comes later has: it goes when this is repeated.
    let late = copies(store, &list, record).await?;
    if !late.is_empty() {
        store.delete_many(&late).await.map_err(LedgerError::from)?;
    }
    Ok(())
}

/// The keys of other slots that hold a record of the same video. Two that recorded it at once, each with a slot, leave
/// such a one; they are near each other in the list, since their numbers were taken at the same time.
///
/// Costs 2 `get` where the videos beside it were recorded at other times, 6 at most.
async fn copies(
    store: &impl Store,
    list: &Roster,
    record: &Record,
) -> Result<Vec<String>, LedgerError> {
    let mut copies = Vec::new();
    for upwards in [true, false] {
        for distance in 1..=COPY_DISTANCE {
            let slot = if upwards {
                record.slot.checked_add(distance)
            } else {
                record.slot.checked_sub(distance)
            };
            let Some(slot) = slot.filter(|slot| *slot > 0) else {
                break;
            };
            match record_at(store, list, slot).await {
                Ok(Some(other)) if other.id == record.id => copies.push(slot_key(list, slot)),
                Ok(Some(other)) if !at_once(&other, record) => break,
                // One that cannot be read is no reason to keep this one.
                Ok(_) | Err(LedgerError::Corrupt { .. }) => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(copies)
}

/// Whether two were recorded at a time at which one video can have been recorded twice.
fn at_once(one: &Record, other: &Record) -> bool {
    one.recorded_ms.abs_diff(other.recorded_ms) <= COPY_AGE_MS
}

/// The video `id`, whoever may see it.
pub async fn find(store: &impl Store, id: &str) -> Result<Option<Record>, LedgerError> {
    let Some(place) = place_cell(id).get(store).await? else {
        return Ok(None);
    };
    let record = record_at(store, &list_of(&place.owner), place.slot).await?;
    Ok(record.filter(|record| record.id == id && record.stored.owner == place.owner))
}

/// The videos of `owner` that `filter` takes, newest first: at most `limit` of them, from the slots below `below` (from
/// the newest where that is `None`).
///
/// A page may end early, even empty, with a place to go on: it looks at [`ROSTER_SCAN`](spinreel_ledger::ROSTER_SCAN)
/// slots at most. A video that two recorded at once is on a page once (for 1 `get` more); where one page ends and the next
/// begins between its slots, it is on both.
pub async fn page(
    store: &impl Store,
    owner: &str,
    below: Option<u64>,
    limit: usize,
    filter: &Filter,
) -> Result<VideoPage, LedgerError> {
    let list = list_of(owner);
    let (mut seen, mut twice, mut over) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
    let look = async |slot| -> Result<Found<Record>, LedgerError> {
        let Some(record) = record_at(store, &list, slot).await? else {
            return Ok(Found::Nothing);
        };
        if !seen.insert(record.id.clone()) {
            twice.insert(record.id.clone());
        }
        if record.is_over(filter.now_ms) {
            over.push(record.id.clone());
        }
        Ok(if filter.takes(&record) {
            Found::Item(record)
        } else {
            Found::Other
        })
    };
    let mut is_index_due = false;
    let page = match wanted(filter) {
        None => list.page(store, below, limit, look).await?,
        Some(terms) => {
            let head = list.head(store).await?;
            let watermark = indexing::watermark(store, owner).await?;
            is_index_due = indexing::is_due(head, watermark);
            let (postings, range) = (postings_of(owner), (below, head, watermark));
            let lists = (&list, &postings);
            let candidates = Candidates::new(lists, store, range, terms, BTreeSet::new());
            candidates.page(limit, look).await?
        }
    };
    let mut records: Vec<Record> = page.items.into_iter().map(|(_, record)| record).collect();
    for id in twice {
        let place = place_cell(&id).get(store).await?;
        let slot = place.map(|place| place.slot);
        records.retain(|record| record.id != id || Some(record.slot) == slot);
    }
    Ok(VideoPage {
        records,
        next: page.next,
        empty: page.empty,
        over,
        is_index_due,
    })
}

/// The key of a slot.
pub(super) fn slot_key(list: &Roster, slot: u64) -> String {
    list.cell::<Record>(slot).key().to_owned()
}

/// The key that says where a video is.
pub(super) fn place_key(id: &str) -> String {
    format!("videos/video/{id}")
}

fn place_cell(id: &str) -> Cell<Place> {
    Cell::new(place_key(id))
}

#[cfg(test)]
#[path = "catalogue_costs.rs"]
mod costs;
#[cfg(test)]
#[path = "catalogue_tests.rs"]
mod tests;
