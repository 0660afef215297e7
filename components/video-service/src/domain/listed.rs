//! The slots of an owner's list: what they hold, and which of the empty ones are dead.
//!
//! A slot is filled once, within half of [`DEAD_AFTER_MS`] of being given, or never, and slots are given in order. So an
//! empty slot is dead for certain when one at or above it was given longer ago than that. Who records a video writes
//! down a watermark together with it, which costs no call: "all slots up to this one had been given by then". The last
//! watermarks of three periods of [`DEAD_AFTER_MS`] are kept. One of them is old however busy the owner is: whoever
//! records in every period has one of the period before the last.

use serde::{Deserialize, Serialize};
use spinreel_ledger::{Cell, DEAD_AFTER_MS, LedgerError, Roster};
use spinreel_platform::{Clock, Store};

use super::record::Record;

/// How many dead slots are worth the write that strikes them.
pub(super) const MANY: usize = 8;
/// How many periods have a watermark.
const PERIODS: u64 = 3;

/// All slots up to one had been given at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Watermark {
    /// The slot.
    slot: u64,
    /// The time, in milliseconds since the Unix epoch.
    at_ms: u64,
}

/// The list of `owner`'s videos.
pub(super) fn list_of(owner: &str) -> Roster {
    Roster::new(format!("videos/{owner}/list"))
}

/// What a slot holds. Costs 1 `get`.
pub(super) async fn record_at(
    store: &impl Store,
    list: &Roster,
    slot: u64,
) -> Result<Option<Record>, LedgerError> {
    let record = list.cell::<Record>(slot).get(store).await?;
    Ok(record.map(|record| Record { slot, ..record }))
}

/// What has to be written together with the record of a slot that was given just now.
pub(super) fn watermark(
    owner: &str,
    slot: u64,
    now_ms: u64,
) -> Result<(String, Vec<u8>), LedgerError> {
    let period = now_ms / DEAD_AFTER_MS % PERIODS;
    let watermark = Watermark {
        slot,
        at_ms: now_ms,
    };
    watermark_cell(owner, period).pair(&watermark)
}

/// Those of `empty` that are dead for certain. Costs 3 `get`.
pub(super) async fn dead(
    store: &impl Store,
    clock: &impl Clock,
    owner: &str,
    empty: &[u64],
) -> Result<Vec<u64>, LedgerError> {
    let mut old = 0;
    for period in 0..PERIODS {
        if let Some(watermark) = watermark_cell(owner, period).get(store).await?
            && clock.now_ms().abs_diff(watermark.at_ms) > DEAD_AFTER_MS
        {
            old = old.max(watermark.slot);
        }
    }
    Ok(empty.iter().copied().filter(|slot| *slot <= old).collect())
}

/// Strikes the `empty` slots of a [page](super::catalogue::page) of `owner` that are dead for certain, so that readers
/// step over them; nothing where they are fewer than 8. What this could not do is left to the next reader.
///
/// Costs nothing where `empty` has fewer than 8, else 3 `get`, and where it strikes 1 `get` and 1 `set` (and what a
/// [`Roster`] needs where a stretch begins or ends).
pub async fn bury(
    store: &impl Store,
    clock: &impl Clock,
    owner: &str,
    empty: &[u64],
) -> Result<(), LedgerError> {
    if empty.len() < MANY {
        return Ok(());
    }
    let dead = dead(store, clock, owner, empty).await?;
    if dead.len() < MANY {
        return Ok(());
    }
    list_of(owner).bury(store, &dead).await
}

/// Deletes the watermarks of a list that nobody will read any more. Costs 3 `get`, and 1 `delete_many` where there are any.
pub(super) async fn forget_watermarks(store: &impl Store, owner: &str) -> Result<(), LedgerError> {
    let mut keys = Vec::new();
    for period in 0..PERIODS {
        let cell = watermark_cell(owner, period);
        if store.get(cell.key()).await?.is_some() {
            keys.push(cell.key().to_owned());
        }
    }
    if keys.is_empty() {
        return Ok(());
    }
    Ok(store.delete_many(&keys).await?)
}

/// Notes for good that an owner is gone. Costs 1 `get`, and the first time 1 `set`.
pub(super) async fn bury_owner(
    store: &impl Store,
    clock: &impl Clock,
    owner: &str,
) -> Result<(), LedgerError> {
    match is_gone(store, owner).await? {
        true => Ok(()),
        false => tombstone(owner).set(store, &clock.now_ms()).await,
    }
}

/// Whether an owner is gone. Costs 1 `get`.
pub async fn is_gone(store: &impl Store, owner: &str) -> Result<bool, LedgerError> {
    Ok(tombstone(owner).get(store).await?.is_some())
}

/// Since when an owner is gone, in milliseconds since the Unix epoch.
fn tombstone(owner: &str) -> Cell<u64> {
    Cell::new(format!("videos/{owner}/gone"))
}

fn watermark_cell(owner: &str, period: u64) -> Cell<Watermark> {
    Cell::new(format!("videos/{owner}/watermark/{period}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use futures::executor::block_on;
    use spinreel_platform::memory::{ManualClock, MemoryStore};

    use super::*;

    /// A whole number of periods.
    const START: u64 = 3_000 * DEAD_AFTER_MS;

    async fn give(store: &MemoryStore, slot: u64, now_ms: u64) {
        let (key, value) = watermark("ada", slot, now_ms).unwrap();
        store.set(&key, &value).await.unwrap();
    }

    async fn dead_of_ten(store: &MemoryStore, now_ms: u64) -> Vec<u64> {
        let slots: Vec<u64> = (1..=10).collect();
        let clock = ManualClock::at(now_ms);
        dead(store, &clock, "ada", &slots).await.unwrap()
    }

    #[test]
    fn a_slot_is_dead_when_one_at_or_above_it_is_old_and_not_before() {
        let store = MemoryStore::default();
        block_on(async {
            assert!(dead_of_ten(&store, START).await.is_empty());
            give(&store, 3, START).await;
            assert!(dead_of_ten(&store, START + DEAD_AFTER_MS).await.is_empty());
            let dead = dead_of_ten(&store, START + DEAD_AFTER_MS + 1).await;
            assert_eq!(dead, [1, 2, 3]);
        });
    }

    #[test]
    fn whoever_records_without_a_pause_has_an_old_watermark_at_any_time() {
        let store = MemoryStore::default();
        let pause = DEAD_AFTER_MS / 5;
        block_on(async {
            for slot in 1..=1_000 {
                let now_ms = START + slot * pause;
                give(&store, slot, now_ms).await;
                let given: Vec<u64> = (1..=slot).collect();
                let clock = ManualClock::at(now_ms);
                let dead = dead(&store, &clock, "ada", &given).await.unwrap();
                let youngest = dead.last().copied().unwrap_or(0);
                assert!(youngest + 5 < slot || youngest == 0, "{slot}");
                assert!(youngest + 15 > slot, "{slot}");
            }
        });
    }
}
