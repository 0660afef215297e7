//! Changing a video's record under the lock of its owner's videos.

use std::convert::Infallible;

use spinreel_ledger::LedgerError;
use spinreel_platform::{Clock, Store};

use super::catalogue::{find, forget};
use super::feed;
use super::listed::{is_gone, list_of};
use super::owner_lock::{OwnerLock, UpdateError};
use super::queue::{Entry, Queue};
use super::record::Record;
use super::terms::{changes, own_terms, postings_of};

/// Changes the record of a video; `None` where there is no such video. Of two changes at once each sees what the other
/// did, so `change` should only touch what it is about. Where it changes nothing, nothing is written.
///
/// All changes of a record after its creation go through here or through [`try_update`]. A video that is ending is
/// changed no more, and counts as absent. Costs 9 `get`, 1 `increment` and 1 `set_many`, and 1 `increment` more where the video
/// comes into the feed or the trash.
pub async fn update(
    store: &impl Store,
    clock: &impl Clock,
    id: &str,
    change: impl FnOnce(&mut Record),
) -> Result<Option<Record>, UpdateError> {
    let changed = try_update(store, clock, id, |record| {
        change(record);
        Ok::<(), Infallible>(())
    })
    .await?;
    Ok(changed.map(|result| match result {
        Ok(record) => record,
        Err(never) => match never {},
    }))
}

/// As [`update`], where `change` may refuse: then nothing is written.
pub async fn try_update<E>(
    store: &impl Store,
    clock: &impl Clock,
    id: &str,
    change: impl FnOnce(&mut Record) -> Result<(), E>,
) -> Result<Option<Result<Record, E>>, UpdateError> {
    let Some(before) = find(store, id).await? else {
        return Ok(None);
    };
    let owner = before.stored.owner;
    let lock = OwnerLock::acquire(store, clock, &owner).await?;
    // Whoever removed it meanwhile is seen here.
    let Some(before) = find(store, id).await?.filter(|record| !record.ending) else {
        lock.release(store).await?;
        return Ok(None);
    };
    let mut record = before.clone();
    if let Err(refusal) = change(&mut record) {
        lock.release(store).await?;
        return Ok(Some(Err(refusal)));
    }
    if record == before {
        lock.release(store).await?;
        return Ok(Some(Ok(record)));
    }
    if ends_links(&before, &record) {
        record.playback_epoch = before.playback_epoch + 1;
    }
    let record = write(store, clock, lock, &before, record).await?;
    if is_gone(store, &owner).await? {
        // A purge beside this may not have seen what was written.
        forget(store, clock, &record).await?;
        return Ok(None);
    }
    Ok(Some(Ok(record)))
}

/// Whether a change ends the playback links that were given before: who may see the video is decided anew, and what comes
/// out of the trash has been there.
fn ends_links(before: &Record, after: &Record) -> bool {
    before.visibility != after.visibility
        || before.deleted_at.is_some() != after.deleted_at.is_some()
}

/// Writes a changed record, and all that follows from it, and gives the lock back. Returns the record as it is now.
async fn write(
    store: &impl Store,
    clock: &impl Clock,
    mut lock: OwnerLock,
    before: &Record,
    mut record: Record,
) -> Result<Record, UpdateError> {
    let mut pairs = enqueue(store, clock, &mut record).await?;
    let mut feed = feed::follow(store, clock, Some(before), &mut record).await?;
    pairs.append(&mut feed.before);
    let mut after = Vec::new();
    if record.slot <= lock.state.indexed {
        let (has, has_no_more) = changes(&own_terms(before), &own_terms(&record), record.slot);
        let postings = postings_of(&record.stored.owner);
        // What is found and is not there costs a look; what is there and is not found is lost.
        pairs.append(&mut postings.edit(store, &has).await?);
        after = postings.edit(store, &has_no_more).await?;
    }
    let list = list_of(&record.stored.owner);
    pairs.push(list.cell(record.slot).pair(&record)?);
    pairs.append(&mut feed.after);
    pairs.append(&mut after);
    if let Some(key) = feed.emptied {
        lock.leave(key);
    }
    lock.commit(store, clock, pairs).await?;
    feed.burial.finish(store).await?;
    if feed.is_index_due {
        // The change is made whether or not this succeeds; a reader makes up for it.
        let _ = feed::index(store, clock).await;
    }
    Ok(record)
}

/// Gives a video that came into the trash, or that is ending, its entry in the queue; and takes it from one that is
/// restored. Costs 1 `increment` where there is a new entry.
async fn enqueue(
    store: &impl Store,
    clock: &impl Clock,
    record: &mut Record,
) -> Result<Vec<(String, Vec<u8>)>, LedgerError> {
    let mut pairs = Vec::new();
    let id = &record.id;
    let queues = [
        (
            Queue::Trash,
            record.deleted_at.is_some(),
            &mut record.trash_entry,
        ),
        (Queue::Endings, record.ending, &mut record.ending_entry),
    ];
    for (queue, belongs, entry) in queues {
        match (belongs, *entry) {
            (true, None) => {
                let number = queue.allocate(store).await?;
                *entry = Some(number);
                let value = Entry {
                    id: id.clone(),
                    at_ms: clock.now_ms(),
                    files: None,
                };
                pairs.push(queue.cell(number).pair(&value)?);
            }
            // The entry stays until the queue comes to it: what counts is that the record names it.
            (false, Some(_)) => *entry = None,
            (true, Some(_)) | (false, None) => {}
        }
    }
    Ok(pairs)
}

#[cfg(test)]
#[path = "update_tests.rs"]
mod tests;
