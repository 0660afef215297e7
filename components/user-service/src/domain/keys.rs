//! The keys that sign access tokens, and their rotation.
//!
//! A list in one cell, so that it costs one read, the newest first. Each key says from when on it is active; the newest
//! active one signs (where none is, since the clock was set back, the oldest). A new key is published [`PUBLISH_AHEAD_MS`] before it signs, so that who keeps a key set for half of
//! that time always has it. An old key stays published until the last token that it signed has expired. In an emergency a
//! new key signs at once, and the others are gone.
//!
//! The list is changed under a lock, by the one write that the lock is for: so no key that signs is lost to another
//! change. Who holds the lock and dies keeps others from rotating, and from the first key of all, for three minutes.
//!
//! Private halves are sealed. A key that cannot be opened, because the secret is another one now, counts as absent, and a
//! list that cannot be read as empty.

use serde::{Deserialize, Serialize};
use spinreel_api::Timestamp;
use spinreel_identity::{Jwks, Sealer, SigningKey};
use spinreel_ledger::{Cell, Held, LedgerError, Lock, while_it_may};
use spinreel_platform::{Clock, Random, Store};
use thiserror::Error;

const KEY: &str = "users/keys";
/// The purpose of the sealer of the private halves.
pub(crate) const SEALED_FOR: &str = "signing keys";
/// The most keys that are kept. No more than a few are needed, unless the secret changes more often than that.
const MAX_KEYS: usize = 16;
/// How long a new key is published before it signs, in milliseconds: twice as long as key sets may be kept.
pub(crate) const PUBLISH_AHEAD_MS: u64 = 600_000;
/// How long a key is published beyond the last token that it may have signed, in milliseconds: clocks differ.
const GRACE_MS: u64 = 60_000;
/// How often a change looks whether another one is ready, and how long it waits in between, in milliseconds.
const LOCK_TRIES: u32 = 30;
const LOCK_PAUSE_MS: u64 = 100;

/// Why there is no key to sign with, or no new one.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum KeysError {
    /// Another change takes too long, or died a moment ago.
    #[error("another change of the signing keys is at work")]
    Busy,
    /// The store failed.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

#[derive(Clone, Serialize, Deserialize)]
struct StoredKey {
    /// [`SigningKey::to_bytes`], sealed.
    sealed: String,
    active_from: Timestamp,
}

/// A key in the list.
struct Entry {
    stored: StoredKey,
    /// `None` where it cannot be opened.
    key: Option<SigningKey>,
}

impl Entry {
    /// The key, if there is one, and from when on it is active.
    fn usable(&self) -> Option<(&SigningKey, Timestamp)> {
        Some((self.key.as_ref()?, self.stored.active_from))
    }
}

/// The newest key after a rotation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rotated {
    pub(crate) kid: String,
    pub(crate) active_from: Timestamp,
    /// Whether it was made by this rotation.
    pub(crate) is_new: bool,
}

/// The list of keys and what it needs of the world.
pub(crate) struct Keys<'a, S, C, R> {
    pub(crate) store: &'a S,
    pub(crate) clock: &'a C,
    pub(crate) random: &'a R,
    /// For [`SEALED_FOR`].
    pub(crate) sealer: Sealer,
    /// How long an access token lives, in seconds.
    pub(crate) token_seconds: u64,
}

impl<S: Store, C: Clock, R: Random> Keys<'_, S, C, R> {
    /// The key that signs; makes the first one. Costs a read, and 3 writes for the first one.
    pub(crate) async fn current(&self) -> Result<SigningKey, KeysError> {
        for attempt in 0..LOCK_TRIES {
            if attempt > 0 {
                self.clock.sleep_ms(LOCK_PAUSE_MS).await;
            }
            if let Some(key) = self.signing(&self.read().await?) {
                return Ok(key.clone());
            }
            if let Some(held) = self.lock().acquire(self.store, self.clock).await? {
                let entries = self.read().await?;
                if let Some(key) = self.signing(&entries) {
                    self.release(held).await;
                    return Ok(key.clone());
                }
                let (key, _) = self.make(held, 0, false).await?;
                return Ok(key);
            }
        }
        Err(KeysError::Busy)
    }

    /// The public halves that tokens are to be checked with, the newest first. Costs a read.
    pub(crate) async fn public(&self) -> Result<Jwks, LedgerError> {
        let entries = self.needed(self.read().await?);
        let keys = entries.iter().filter_map(Entry::usable);
        Ok(Jwks {
            keys: keys.map(|(key, _)| key.jwk()).collect(),
        })
    }

    /// Makes a new key that will be active when everybody knows it, or gives back the one that is waiting for that.
    /// In an `emergency` the new key is active at once, and all older ones are deleted: tokens that they signed are
    /// worth nothing any more. Old keys that nobody needs are deleted in any case. Costs 3 writes.
    pub(crate) async fn rotate(&self, emergency: bool) -> Result<Rotated, KeysError> {
        for attempt in 0..LOCK_TRIES {
            if attempt > 0 {
                self.clock.sleep_ms(LOCK_PAUSE_MS).await;
            }
            if !emergency && let Some(waiting) = self.waiting(&self.read().await?) {
                return Ok(waiting);
            }
            if let Some(held) = self.lock().acquire(self.store, self.clock).await? {
                return self.rotate_under(held, emergency).await;
            }
        }
        Err(KeysError::Busy)
    }

    async fn rotate_under(&self, held: Held, emergency: bool) -> Result<Rotated, KeysError> {
        let entries = self.read().await?;
        if !emergency && let Some(waiting) = self.waiting(&entries) {
            self.release(held).await;
            return Ok(waiting);
        }
        let is_first = entries.iter().filter_map(Entry::usable).next().is_none();
        let ahead_ms = if emergency || is_first {
            0
        } else {
            PUBLISH_AHEAD_MS
        };
        let (key, active_from) = self.make(held, ahead_ms, emergency).await?;
        Ok(Rotated {
            kid: key.id().to_owned(),
            active_from,
            is_new: true,
        })
    }

    /// The key that is published and does not sign yet. One that is active only after a longer time than keys wait was
    /// active before the clock was set back.
    fn waiting(&self, entries: &[Entry]) -> Option<Rotated> {
        let now = self.now();
        let signing = self.signing(entries)?.id();
        let waits = |(key, active_from): &(&SigningKey, Timestamp)| {
            *active_from > now
                && active_from.as_ms() - now.as_ms() <= PUBLISH_AHEAD_MS
                && key.id() != signing
        };
        let mut usable = entries.iter().filter_map(Entry::usable);
        let (key, active_from) = usable.find(waits)?;
        Some(Rotated {
            kid: key.id().to_owned(),
            active_from,
            is_new: false,
        })
    }

    /// Makes a key that is active in `ahead_ms` milliseconds, with the others that are needed or `alone`, and gives the
    /// lock back.
    async fn make(
        &self,
        held: Held,
        ahead_ms: u64,
        alone: bool,
    ) -> Result<(SigningKey, Timestamp), KeysError> {
        let key = SigningKey::generate();
        let mut nonce = [0; Sealer::NONCE];
        self.random.fill(&mut nonce);
        let others = match alone {
            true => Vec::new(),
            false => self.needed(self.read().await?),
        };
        let stored = StoredKey {
            sealed: self.sealer.seal(nonce, &key.to_bytes()),
            active_from: Timestamp::from_ms(self.clock.now_ms().saturating_add(ahead_ms)),
        };
        let active_from = stored.active_from;
        let others = others.into_iter().map(|entry| entry.stored);
        let list: Vec<StoredKey> = [stored].into_iter().chain(others).take(MAX_KEYS).collect();
        let cell = Self::cell();
        let writing = while_it_may(|| held.is_good(self.clock), cell.set(self.store, &list));
        // A write that failed may have its effect yet: it needs the lock until then.
        writing.await.ok_or(KeysError::Busy)??;
        self.release(held).await;
        Ok((key, active_from))
    }

    async fn release(&self, held: Held) {
        if held.is_good(self.clock) {
            // A lock that stays is in nobody's way for long.
            let _ = held.release(self.store).await;
        }
    }

    async fn read(&self) -> Result<Vec<Entry>, LedgerError> {
        let list = match Self::cell().get(self.store).await {
            // An earlier version wrote it.
            Err(LedgerError::Corrupt { .. }) => None,
            read => read?,
        };
        let open = |stored: StoredKey| Entry {
            key: self.open(&stored),
            stored,
        };
        Ok(list.unwrap_or_default().into_iter().map(open).collect())
    }

    fn open(&self, stored: &StoredKey) -> Option<SigningKey> {
        let bytes = self.sealer.open(&stored.sealed)?;
        SigningKey::from_bytes(&bytes).ok()
    }

    /// The newest key that is active. Where none is, since the clock was set back, the oldest: it is known best.
    fn signing<'e>(&self, entries: &'e [Entry]) -> Option<&'e SigningKey> {
        let is_active = |entry: &&Entry| self.active_ms(entry).is_some();
        let active = entries.iter().find(is_active);
        let oldest = || entries.iter().rfind(|entry| entry.key.is_some());
        active.or_else(oldest)?.key.as_ref()
    }

    /// The keys down to the first that has been active for so long that nobody needs older ones.
    fn needed(&self, mut entries: Vec<Entry>) -> Vec<Entry> {
        let longest_ms = self
            .token_seconds
            .saturating_mul(1_000)
            .saturating_add(GRACE_MS);
        let ends_the_older =
            |entry: &Entry| self.active_ms(entry).is_some_and(|ms| ms >= longest_ms);
        if let Some(last) = entries.iter().position(ends_the_older) {
            entries.truncate(last + 1);
        }
        entries
    }

    /// For how long a key has been active, in milliseconds; `None` where it is not.
    fn active_ms(&self, entry: &Entry) -> Option<u64> {
        let (_, active_from) = entry.usable()?;
        self.now().as_ms().checked_sub(active_from.as_ms())
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_ms(self.clock.now_ms())
    }

    fn cell() -> Cell<Vec<StoredKey>> {
        Cell::new(KEY)
    }

    fn lock(&self) -> Lock {
        Lock::new("users/keys-lock")
    }
}

#[cfg(test)]
#[path = "keys_tests.rs"]
mod tests;
