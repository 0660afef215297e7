//! Changing a video's record under the lock of its owner's videos.

use std::convert::Infallible;

use spinreel_ledger::LedgerError;
use spinreel_platform::{Clock, Store};

use super::catalogue::find;
use super::listed::{is_gone, list_of};
use super::owner_lock::{OwnerLock, UpdateError};
use super::record::Record;

/// Changes the record of a video; `None` where there is no such video. Of two changes at once each sees what the other
/// did, so `change` should only touch what it is about. Where it changes nothing, nothing is written.
///
/// All changes of a record after its creation go through here or through [`try_update`]. A video that is ending is
/// changed no more, and counts as absent. Costs 9 `get`, 1 `increment` and 1 `set_many`.
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
    write(store, clock, lock, &record).await?;
    if is_gone(store, &owner).await? {
        // A purge beside this may not have seen what was written.
        super::catalogue::forget(store, clock, &record).await?;
        return Ok(None);
    }
    Ok(Some(Ok(record)))
}

/// Writes a changed record, and all that follows from it, and gives the lock back.
async fn write(
    store: &impl Store,
    clock: &impl Clock,
    lock: OwnerLock,
    record: &Record,
) -> Result<(), UpdateError> {
    let list = list_of(&record.stored.owner);
    let pairs = vec![
        list.cell(record.slot)
            .pair(record)
            .map_err(LedgerError::from)?,
    ];
    lock.commit(store, clock, pairs).await
}

#[cfg(test)]
#[path = "update_tests.rs"]
mod tests;
