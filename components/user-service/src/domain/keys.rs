//! The keys that sign access tokens, and their rotation.
//!
//! A list that only grows at its newer end. Each key says from when on it is active; the newest active one signs. A new
//! key is published [`PUBLISH_AHEAD_MS`] before it signs, so that who keeps a key set for half of that time always has
//! it. An old key stays published until the last token that it signed has expired. In an emergency a new key signs at
//! once, and the others are gone.
//!
//! Two callers that both find no key make one each, and so do two rotations at once, which harms nothing: the newer one
//! signs, both are published.
//!
//! Private halves are sealed. A key that cannot be opened, because the secret is another one now, counts as absent, and so
//! does one that an earlier version wrote.

use serde::{Deserialize, Serialize};
use spinreel_api::Timestamp;
use spinreel_identity::{Jwks, Sealer, SigningKey};
use spinreel_ledger::{DEAD_AFTER_MS, LedgerError, Roster};
use spinreel_platform::{Clock, Random, Store};

const PREFIX: &str = "users/keys";
/// The purpose of the sealer of the private halves.
pub(crate) const SEALED_FOR: &str = "signing keys";
/// The most places in the list that are looked at, from the newest down. All but a few are buried, unless as many
/// rotations as this die in a row.
const MAX_KEYS: usize = 64;
/// How long a new key is published before it signs, in milliseconds: twice as long as key sets may be kept.
pub(crate) const PUBLISH_AHEAD_MS: u64 = 600_000;
/// How long a key is published beyond the last token that it may have signed, in milliseconds: clocks differ.
const GRACE_MS: u64 = 60_000;

#[derive(Serialize, Deserialize)]
struct StoredKey {
    /// [`SigningKey::to_bytes`], sealed.
    sealed: String,
    created_at: Timestamp,
    active_from: Timestamp,
}

/// What a look at a place of the list finds.
struct Place {
    number: u64,
    /// `None` where its maker died or has not come to write it yet.
    stored: Option<StoredKey>,
    /// `None` where it cannot be opened, either.
    key: Option<SigningKey>,
}

impl Place {
    /// The key, if there is one, and from when on it is active.
    fn usable(&self) -> Option<(&SigningKey, Timestamp)> {
        Some((self.key.as_ref()?, self.stored.as_ref()?.active_from))
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
    /// The key that signs; makes the first one.
    pub(crate) async fn current(&self) -> Result<SigningKey, LedgerError> {
        let is_active = |place: &Place| self.active_ms(place).is_some();
        let places = self.look(is_active).await?;
        // Only now: a key may have become active while the ones before it were read.
        if let Some(newest) = places.into_iter().find(is_active)
            && let Some(key) = newest.key
        {
            return Ok(key);
        }
        let (key, _) = self.make(0).await?;
        Ok(key)
    }

    /// The public halves that tokens are to be checked with, the newest first.
    pub(crate) async fn public(&self) -> Result<Jwks, LedgerError> {
        let places = self.look(|place| self.ends_the_older(place)).await?;
        let keys = places.iter().filter_map(Place::usable);
        Ok(Jwks {
            keys: keys.map(|(key, _)| key.jwk()).collect(),
        })
    }

    /// Makes a new key that will be active when everybody knows it, or gives back the one that is waiting for that.
    /// In an `emergency` the new key is active at once, and all older ones are deleted: tokens that they signed are
    /// worth nothing any more. Old keys that nobody needs are deleted in any case.
    pub(crate) async fn rotate(&self, emergency: bool) -> Result<Rotated, LedgerError> {
        let places = self.look(|_| false).await?;
        let usable = || places.iter().filter_map(Place::usable);
        let now = Timestamp::from_ms(self.clock.now_ms());
        if !emergency && let Some((key, active_from)) = usable().find(|(_, from)| *from > now) {
            return Ok(Rotated {
                kid: key.id().to_owned(),
                active_from,
                is_new: false,
            });
        }
        let ahead_ms = if emergency || usable().next().is_none() {
            0
        } else {
            PUBLISH_AHEAD_MS
        };
        let (key, active_from) = self.make(ahead_ms).await?;
        let needed = if emergency {
            0
        } else {
            let last = places.iter().position(|place| self.ends_the_older(place));
            last.map_or(places.len(), |last| last + 1)
        };
        self.remove(&places, needed).await?;
        Ok(Rotated {
            kid: key.id().to_owned(),
            active_from,
            is_new: true,
        })
    }

    /// Deletes the keys from `needed` on, and buries the places that are dead.
    async fn remove(&self, places: &[Place], needed: usize) -> Result<(), LedgerError> {
        let roster = Roster::new(PREFIX);
        let now_ms = self.clock.now_ms();
        let is_old = |place: &Place| {
            let stored = place.stored.as_ref();
            stored.is_some_and(|key| now_ms.saturating_sub(key.created_at.as_ms()) > DEAD_AFTER_MS)
        };
        // Numbers are given in order: those below an old key's are as old, so that whoever got one is dead.
        let old = places.iter().position(is_old).unwrap_or(places.len());
        let (mut keys, mut dead) = (Vec::new(), Vec::new());
        for (index, place) in places.iter().enumerate() {
            let is_gone = match place.stored {
                Some(_) => index >= needed,
                None => index > old,
            };
            if is_gone {
                dead.push(place.number);
                keys.push(roster.cell::<StoredKey>(place.number).key().to_owned());
            }
        }
        if keys.is_empty() {
            return Ok(());
        }
        self.store.delete_many(&keys).await?;
        roster.bury(self.store, &dead).await
    }

    /// Makes a key that is active in `ahead_ms` milliseconds.
    async fn make(&self, ahead_ms: u64) -> Result<(SigningKey, Timestamp), LedgerError> {
        let key = SigningKey::generate();
        let mut nonce = [0; Sealer::NONCE];
        self.random.fill(&mut nonce);
        let roster = Roster::new(PREFIX);
        let number = roster.allocate_timely(self.store, self.clock, 1).await?;
        let now_ms = self.clock.now_ms();
        let stored = StoredKey {
            sealed: self.sealer.seal(nonce, &key.to_bytes()),
            created_at: Timestamp::from_ms(now_ms),
            active_from: Timestamp::from_ms(now_ms.saturating_add(ahead_ms)),
        };
        roster.cell(number).set(self.store, &stored).await?;
        Ok((key, stored.active_from))
    }

    /// The places from the newest down to the first that is the `last` one wanted.
    async fn look(&self, last: impl Fn(&Place) -> bool) -> Result<Vec<Place>, LedgerError> {
        let roster = Roster::new(PREFIX);
        let head = roster.head(self.store).await?;
        let mut walk = roster.walk(self.store, None, head);
        let mut places = Vec::new();
        while places.len() < MAX_KEYS
            && let Some(number) = walk.next().await?
        {
            let stored = match roster.cell::<StoredKey>(number).get(self.store).await {
                // An earlier version wrote it.
                Err(LedgerError::Corrupt { .. }) => None,
                read => read?,
            };
            let key = stored.as_ref().and_then(|stored| self.open(stored));
            let place = Place {
                number,
                stored,
                key,
            };
            let is_last = last(&place);
            places.push(place);
            if is_last {
                break;
            }
        }
        Ok(places)
    }

    fn open(&self, stored: &StoredKey) -> Option<SigningKey> {
        let bytes = self.sealer.open(&stored.sealed)?;
        SigningKey::from_bytes(&bytes).ok()
    }

    /// For how long the key of this place has been active, in milliseconds; `None` where it is not.
    fn active_ms(&self, place: &Place) -> Option<u64> {
        let (_, active_from) = place.usable()?;
        self.clock.now_ms().checked_sub(active_from.as_ms())
    }

    /// Whether the key of this place has been active for so long that nobody needs older ones.
    fn ends_the_older(&self, place: &Place) -> bool {
        let longest_ms = self
            .token_seconds
            .saturating_mul(1_000)
            .saturating_add(GRACE_MS);
        self.active_ms(place).is_some_and(|ms| ms >= longest_ms)
    }
}

#[cfg(test)]
#[path = "keys_tests.rs"]
mod tests;
