//! The lock of an owner's videos: they change one at a time.
//!
//! Giving a lock back would be a durable write of its own. So the owner's state has a version, and each version has a
//! [`Lock`] of its own: whoever holds it writes the change and the next version in one call, and with that nobody asks
//! for the old lock any more. One that comes late gets the lock of a version that is over, sees so, and lets it go. What
//! is left is the key of the old lock; the state remembers such keys, and they are deleted many at a time.
//!
//! The lock has a short lease: somebody waits for it, and one who died is in the way for half a minute at most. A change is a
//! few reads and one write. The write is not begun when the lease is over, so one that was slow changes nothing.

use serde::{Deserialize, Serialize};
use spinreel_ledger::{Cell, Held, Lease, LedgerError, Lock, while_it_may};
use spinreel_platform::{Clock, Store, StoreError};
use thiserror::Error;

/// How long one waits for the lock at most, in milliseconds.
const PATIENCE_MS: u64 = 5_000;
/// The first pause of one that waits, in milliseconds; they double.
const FIRST_PAUSE_MS: u64 = 2;
/// The longest pause, in milliseconds.
const LONGEST_PAUSE_MS: u64 = 100;
/// How many keys without a meaning are worth the write that deletes them.
const MANY_STALE: usize = 16;

/// Why a video was not changed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum UpdateError {
    /// Another change of the same owner's videos goes on, or died a moment ago. Nothing was changed.
    #[error("another change of this owner's videos goes on")]
    Busy,
    /// The state could not be read or written; the effect is uncertain.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// What is kept for an owner besides the videos. Written under the lock only.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct OwnerState {
    /// How many changes there were.
    version: u64,
    /// Keys that mean nothing any more.
    stale: Vec<String>,
    /// Slots up to this one are in the postings.
    pub(super) indexed: u64,
}

/// The lock of an owner's videos, held.
#[derive(Debug)]
pub(super) struct OwnerLock {
    owner: String,
    held: Held,
    /// As it was when the lock was taken; what is changed here is written by [`commit`](Self::commit).
    pub(super) state: OwnerState,
}

impl OwnerLock {
    /// Waits for the lock. What it guards must be read after this.
    ///
    /// Costs 4 `get` and 1 `increment` where nobody has it, and 1 `delete_many` once in 16 times.
    pub(super) async fn acquire(
        store: &impl Store,
        clock: &impl Clock,
        owner: &str,
    ) -> Result<Self, UpdateError> {
        let began = clock.now_ms();
        let mut pause = FIRST_PAUSE_MS;
        loop {
            let state = state_of(store, owner).await?;
            if let Some(held) = lock(owner, state.version).acquire(store, clock).await? {
                if state_of(store, owner).await?.version == state.version {
                    let mut taken = Self {
                        owner: owner.to_owned(),
                        held,
                        state,
                    };
                    taken.tidy(store).await?;
                    return Ok(taken);
                }
                held.release(store).await?;
            }
            if clock.now_ms().abs_diff(began) >= PATIENCE_MS {
                return Err(UpdateError::Busy);
            }
            clock.sleep_ms(pause).await;
            pause = (2 * pause).min(LONGEST_PAUSE_MS);
        }
    }

    /// Deletes the keys that mean nothing, where they are many. One that dies before the commit leaves them on the list,
    /// for the next one.
    async fn tidy(&mut self, store: &impl Store) -> Result<(), LedgerError> {
        if self.state.stale.len() >= MANY_STALE {
            store.delete_many(&self.state.stale).await?;
            self.state.stale.clear();
        }
        Ok(())
    }

    /// Has a key deleted some time after the commit.
    pub(super) fn leave(&mut self, key: String) {
        self.state.stale.push(key);
    }

    /// Writes `pairs` in their order, and gives the lock back with them: 1 `set_many`.
    pub(super) async fn commit(
        mut self,
        store: &impl Store,
        clock: &impl Clock,
        mut pairs: Vec<(String, Vec<u8>)>,
    ) -> Result<(), UpdateError> {
        self.check(clock)?;
        self.state.version += 1;
        let key = self.held.key().to_owned();
        self.leave(key);
        // Last: where a provider stores one after the other, all is written before the next one may begin.
        pairs.push(state_cell(&self.owner).pair(&self.state)?);
        self.in_time(clock, store.set_many(&pairs)).await
    }

    /// Deletes `keys` in their order, and gives the lock back with them: 1 `delete_many`.
    pub(super) async fn commit_removal(
        self,
        store: &impl Store,
        clock: &impl Clock,
        mut keys: Vec<String>,
    ) -> Result<(), UpdateError> {
        self.check(clock)?;
        keys.push(self.held.key().to_owned());
        self.in_time(clock, store.delete_many(&keys)).await
    }

    /// A write under the lock. One whose answer comes when the lease is over may have met what another one did.
    async fn in_time(
        &self,
        clock: &impl Clock,
        write: impl Future<Output = Result<(), StoreError>>,
    ) -> Result<(), UpdateError> {
        let written = while_it_may(|| self.held.is_good(clock), write).await;
        let late = || Err(StoreError::Failed("the lease was over first".to_owned()));
        Ok(written.unwrap_or_else(late).map_err(LedgerError::from)?)
    }

    /// Gives the lock back, with nothing changed: 1 `delete`.
    pub(super) async fn release(self, store: &impl Store) -> Result<(), LedgerError> {
        self.held.release(store).await
    }

    fn check(&self, clock: &impl Clock) -> Result<(), UpdateError> {
        match self.held.is_good(clock) {
            true => Ok(()),
            false => Err(UpdateError::Busy),
        }
    }
}

/// Ends a lock whose holder is dead for certain, since its caller vouches that nobody else is at work: the next version has a
/// lock of its own, and the dead one's key stays. Costs 1 `get` and 1 `set`.
pub async fn end_dead(store: &impl Store, owner: &str) -> Result<(), LedgerError> {
    let mut state = state_of(store, owner).await?;
    state.version += 1;
    state_cell(owner).set(store, &state).await
}

/// The keys of an owner's state, for a purge. Costs 1 `get`.
pub(super) async fn state_keys(
    store: &impl Store,
    owner: &str,
) -> Result<Vec<String>, LedgerError> {
    let cell = state_cell(owner);
    let Some(state) = cell.get(store).await? else {
        return Ok(Vec::new());
    };
    let mut keys = state.stale;
    keys.push(cell.key().to_owned());
    Ok(keys)
}

/// Costs 1 `get`.
pub(super) async fn state_of(store: &impl Store, owner: &str) -> Result<OwnerState, LedgerError> {
    Ok(state_cell(owner).get(store).await?.unwrap_or_default())
}

fn state_cell(owner: &str) -> Cell<OwnerState> {
    Cell::new(format!("videos/{owner}/state"))
}

fn lock(owner: &str, version: u64) -> Lock {
    Lock::new(format!("videos/{owner}/lock/{version}")).with_lease(Lease::SHORT)
}
