//! Changes of account records: one at a time.
//!
//! A record has several writers: its owner, admins, a sign-in that finds an old hash, the departure. Each holds the
//! account's lock, reads the record under it, and writes it while the lock is good. So no change is lost, and no record
//! comes back that was deleted. A writer whose write failed keeps the lock until it is over by itself: the write may
//! still have its effect. A change costs 3 writes: the lock, all that is written at once, and the lock again.

use spinreel_ledger::{Held, LedgerError, Lock, while_it_may};
use spinreel_platform::{Clock, Store};
use thiserror::Error;

use super::accounts::{Account, find, record, record_key};
use super::directory;

/// How often a change looks whether another one is ready, and how long it waits in between, in milliseconds.
const LOCK_TRIES: u32 = 30;
const LOCK_PAUSE_MS: u64 = 100;

/// Why an account was not changed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum ChangeError {
    /// There is no such account, or it is departing.
    #[error("there is no such account")]
    Unknown,
    /// Another change takes too long, or died a moment ago.
    #[error("another change of the account is at work")]
    Busy,
    /// The store failed. The change may have been made or not.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// Changes an account by `alter`, which gets the record as it is now; where it fails, nothing is changed. Gives the
/// account as it is then.
pub(crate) async fn change<E: From<ChangeError>>(
    store: &impl Store,
    clock: &impl Clock,
    id: &str,
    alter: impl AsyncFnOnce(&mut Account) -> Result<(), E>,
) -> Result<Account, E> {
    change_together(store, clock, id, async |account: &mut Account| {
        alter(account).await?;
        Ok(Vec::new())
    })
    .await
}

/// As [`change`], where `alter` gives what is to be written in the same call, before the record: a part of it may come to
/// be alone.
pub(crate) async fn change_together<E: From<ChangeError>>(
    store: &impl Store,
    clock: &impl Clock,
    id: &str,
    alter: impl AsyncFnOnce(&mut Account) -> Result<Vec<(String, Vec<u8>)>, E>,
) -> Result<Account, E> {
    let held = acquire(store, clock, id).await?;
    match altered(store, id, alter).await {
        Ok(Some((account, pairs))) => {
            if !pairs.is_empty() {
                write(store, clock, &held, &pairs).await?;
            }
            release(store, clock, held).await;
            Ok(account)
        }
        Ok(None) => {
            release(store, clock, held).await;
            Err(ChangeError::Unknown.into())
        }
        Err(error) => {
            release(store, clock, held).await;
            Err(error)
        }
    }
}

/// The account as it shall be, and what is to be written for that.
async fn altered<E: From<ChangeError>>(
    store: &impl Store,
    id: &str,
    alter: impl AsyncFnOnce(&mut Account) -> Result<Vec<(String, Vec<u8>)>, E>,
) -> Result<Option<(Account, Vec<(String, Vec<u8>)>)>, E> {
    let found = find(store, id).await.map_err(ChangeError::from)?;
    let Some(before) = found.filter(|account| account.leaving_since.is_none()) else {
        return Ok(None);
    };
    let mut account = before.clone();
    let mut pairs = alter(&mut account).await?;
    if account != before {
        let own = [
            record(&account.id).pair(&account),
            directory::entry(&account),
        ];
        for pair in own {
            pairs.push(pair.map_err(ChangeError::from)?);
        }
    }
    Ok(Some((account, pairs)))
}

async fn write(
    store: &impl Store,
    clock: &impl Clock,
    held: &Held,
    pairs: &[(String, Vec<u8>)],
) -> Result<(), ChangeError> {
    let written = while_it_may(|| held.is_good(clock), store.set_many(pairs)).await;
    Ok(written
        .ok_or(ChangeError::Busy)?
        .map_err(LedgerError::from)?)
}

/// Deletes an account's record, and before that its entry in the [directory] and these keys: its names are free from then
/// on. Costs 2 writes.
pub(crate) async fn remove(
    store: &impl Store,
    clock: &impl Clock,
    account: &Account,
    also: &[String],
) -> Result<(), ChangeError> {
    let held = acquire(store, clock, &account.id).await?;
    let mut keys = also.to_vec();
    keys.push(directory::entry_key(account));
    keys.push(record_key(&account.id));
    keys.push(held.key().to_owned());
    let removed = while_it_may(|| held.is_good(clock), store.delete_many(&keys)).await;
    Ok(removed
        .ok_or(ChangeError::Busy)?
        .map_err(LedgerError::from)?)
}

/// The lock of an account's record.
pub(crate) fn lock(id: &str) -> Lock {
    Lock::new(format!("users/account-lock/{id}"))
}

async fn acquire(store: &impl Store, clock: &impl Clock, id: &str) -> Result<Held, ChangeError> {
    for attempt in 0..LOCK_TRIES {
        if attempt > 0 {
            clock.sleep_ms(LOCK_PAUSE_MS).await;
        }
        if let Some(held) = lock(id).acquire(store, clock).await? {
            return Ok(held);
        }
    }
    Err(ChangeError::Busy)
}

async fn release(store: &impl Store, clock: &impl Clock, held: Held) {
    if held.is_good(clock) {
        // A lock that stays is in nobody's way for long.
        let _ = held.release(store).await;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::cell::RefCell;
    use std::future::Future;
    use std::pin::Pin;

    use futures::executor::block_on;
    use spinreel_ledger::WINDOW_MS;
    use spinreel_platform::memory::{ManualClock, MemoryStore};

    use super::super::accounts::testing::{id, registered};
    use super::super::interleaving::{Dice, SteppedStore, interleave};
    use super::*;

    const NOW_MS: u64 = 1_700_000_000_000;

    type Caller<'a> = Pin<Box<dyn Future<Output = Result<(), ChangeError>> + 'a>>;

    async fn add_one(store: &impl Store, clock: &impl Clock) -> Result<(), ChangeError> {
        change(store, clock, &id(1), async |account: &mut Account| {
            *account.storage_limit.get_or_insert(0) += 1;
            Ok::<_, ChangeError>(())
        })
        .await
        .map(drop)
    }

    #[test]
    fn no_change_of_many_at_once_is_lost() {
        for seed in 0..50 {
            let (store, clock) = (MemoryStore::default(), ManualClock::at(NOW_MS));
            block_on(registered(&store, &clock, 1));
            let stepped = SteppedStore::new(&store, seed, 0);
            let callers = (0..6)
                .map(|_| -> Caller<'_> { Box::pin(add_one(&stepped, &clock)) })
                .collect();
            let results = interleave(&Dice::new(seed), callers, || true);
            let made = results.iter().flatten().flatten().count() as u64;
            let account = block_on(find(&store, &id(1))).unwrap().unwrap();
            assert_eq!(account.storage_limit.unwrap_or(0), made, "seed {seed}");
            assert!(made > 0, "seed {seed}");
        }
    }

    #[test]
    fn a_record_that_was_deleted_meanwhile_does_not_come_back() {
        for seed in 0..300 {
            let (store, clock) = (MemoryStore::default(), ManualClock::at(NOW_MS));
            let account = block_on(registered(&store, &clock, 1));
            let dice = Dice::new(seed);
            let stepped = SteppedStore::new(&store, seed, 50);
            let removed = RefCell::new(false);
            let mut callers: Vec<Caller<'_>> = vec![Box::pin(async {
                remove(&stepped, &clock, &account, &[]).await?;
                *removed.borrow_mut() = true;
                Ok(())
            })];
            for _ in 0..3 {
                callers.push(Box::pin(add_one(&stepped, &clock)));
            }
            interleave(&dice, callers, || {
                if dice.falls(20) {
                    clock.advance_ms(WINDOW_MS / 3);
                }
                !dice.falls(20)
            });
            if removed.take() {
                let found = block_on(find(&store, &id(1))).unwrap();
                assert!(found.is_none(), "seed {seed}");
            }
        }
    }

    #[test]
    fn a_change_that_is_refused_changes_nothing_and_leaves_no_lock() {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(NOW_MS));
        block_on(async {
            let account = registered(&store, &clock, 1).await;
            let (keys, nobody) = (store.keys(), id(2));
            let refused = change(
                &store,
                &clock,
                &account.id,
                async |account: &mut Account| {
                    account.disabled = true;
                    Err(ChangeError::Busy)
                },
            );
            assert_eq!(refused.await.err(), Some(ChangeError::Busy));
            assert!(find(&store, &account.id).await.unwrap() == Some(account));
            let unknown = change(&store, &clock, &nobody, async |_: &mut Account| {
                Ok::<_, ChangeError>(())
            });
            assert_eq!(unknown.await.err(), Some(ChangeError::Unknown));
            assert_eq!(store.keys(), keys);
        });
    }

    #[test]
    fn a_departing_account_is_changed_no_more() {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(NOW_MS));
        block_on(async {
            let mut account = registered(&store, &clock, 1).await;
            account.leaving_since = Some(account.created_at);
            record(&account.id).set(&store, &account).await.unwrap();
            assert_eq!(add_one(&store, &clock).await, Err(ChangeError::Unknown));
        });
    }
}
