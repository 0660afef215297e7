//! Putting an owner's new videos into the postings.

use std::collections::BTreeMap;

use spinreel_ledger::{Edits, LedgerError};
use spinreel_platform::{Clock, Store};

use super::listed::{dead, list_of, record_at};
use super::owner_lock::{OwnerLock, UpdateError};
use super::record::Record;
use super::terms::{CHUNK, CHUNKS, note, own_terms, postings_of};

/// Puts videos above the watermark into the postings, 256 at most, and raises it. Harmless when repeated; what dies leaves
/// all to the next one.
///
/// Costs for each 64 videos 5 `get` and 1 for each of them and for each of their terms, 1 `increment` and 1 `set_many`.
pub async fn index(store: &impl Store, clock: &impl Clock, owner: &str) -> Result<(), UpdateError> {
    for _ in 0..CHUNKS {
        if !index_chunk(store, clock, owner).await? {
            break;
        }
    }
    Ok(())
}

/// Whether there may be more.
async fn index_chunk(
    store: &impl Store,
    clock: &impl Clock,
    owner: &str,
) -> Result<bool, UpdateError> {
    let mut lock = OwnerLock::acquire(store, clock, owner).await?;
    let list = list_of(owner);
    let head = list.head(store).await?;
    let begin = lock.state.indexed;
    let last = head.min(begin + CHUNK);
    let (mut records, mut empty) = (Vec::new(), Vec::new());
    for slot in begin + 1..=last {
        match record_at(store, &list, slot).await? {
            Some(record) => records.push(record),
            None => empty.push(slot),
        }
    }
    // One that may yet be filled, and all above it, wait.
    let end = match empty.is_empty() {
        true => last,
        false => {
            let dead = dead(store, clock, owner, &empty).await?;
            let waits = empty.iter().find(|slot| !dead.contains(slot));
            waits.map_or(last, |slot| slot - 1)
        }
    };
    if end == begin {
        lock.release(store).await?;
        return Ok(false);
    }
    let mut edits = Edits::new();
    for record in records.iter().filter(|record| record.slot <= end) {
        note(&mut edits, &own_terms(record), record.slot, true);
    }
    let pairs = postings_of(owner).edit(store, &edits).await?;
    lock.state.indexed = end;
    lock.commit(store, clock, pairs).await?;
    Ok(end == last && head > last)
}

/// The keys of the postings of these videos' terms, for a purge of the whole list. Costs 1 `get` for each of the terms.
pub(super) async fn keys_of(
    store: &impl Store,
    owner: &str,
    records: impl Iterator<Item = &Record>,
) -> Result<Vec<String>, LedgerError> {
    let postings = postings_of(owner);
    let mut terms = BTreeMap::new();
    for record in records {
        terms.extend(
            own_terms(record)
                .into_iter()
                .map(|term| (term, record.slot)),
        );
    }
    let mut keys = Vec::new();
    for (term, slot) in terms {
        keys.extend(postings.keys_of(store, &term, slot).await?);
    }
    Ok(keys)
}

/// Whether so many are above the watermark that a reader should have them put into the postings.
pub(super) fn is_due(head: u64, watermark: u64) -> bool {
    head.saturating_sub(watermark) >= CHUNK
}

/// How far an owner's list is in the postings. Costs 1 `get`.
pub(super) async fn watermark(store: &impl Store, owner: &str) -> Result<u64, LedgerError> {
    Ok(super::owner_lock::state_of(store, owner).await?.indexed)
}
