//! The keys that sign access tokens.
//!
//! An append-only list: the current key is the last one, and all are published, so that tokens of earlier keys stay
//! good. Two callers that both find no key make one each, which harms nothing.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde::{Deserialize, Serialize};
use spinreel_api::Timestamp;
use spinreel_identity::{Jwks, SigningKey};
use spinreel_ledger::{LedgerError, Slots};
use spinreel_platform::{Clock, Store};

const PREFIX: &str = "users/keys";
/// The most places in the list that are looked at, from the newest down.
const MAX_KEYS: u64 = 32;

#[derive(Serialize, Deserialize)]
struct StoredKey {
    /// [`SigningKey::to_bytes`] in base64.
    key: String,
    created_at: Timestamp,
}

/// The key that signs; makes the first one.
pub(crate) async fn current(
    store: &impl Store,
    clock: &impl Clock,
) -> Result<SigningKey, LedgerError> {
    let slots = Slots::new(PREFIX);
    for number in newest_first(slots.head(store).await?) {
        if let Some(key) = read(&slots, store, number).await? {
            return Ok(key);
        }
    }
    let key = SigningKey::generate();
    let stored = StoredKey {
        key: STANDARD_NO_PAD.encode(key.to_bytes()),
        created_at: Timestamp::from_ms(clock.now_ms()),
    };
    let number = slots.allocate(store, 1).await?;
    slots.cell(number).set(store, &stored).await?;
    Ok(key)
}

/// The public halves of all keys, the newest first.
pub(crate) async fn public(store: &impl Store) -> Result<Jwks, LedgerError> {
    let slots = Slots::new(PREFIX);
    let mut keys = Vec::new();
    for number in newest_first(slots.head(store).await?) {
        if let Some(key) = read(&slots, store, number).await? {
            keys.push(key.jwk());
        }
    }
    Ok(Jwks { keys })
}

fn newest_first(head: u64) -> impl Iterator<Item = u64> {
    (head.saturating_sub(MAX_KEYS) + 1..=head).rev()
}

/// The key of a place; `None` where its maker died or has not come to write it yet.
async fn read(
    slots: &Slots,
    store: &impl Store,
    number: u64,
) -> Result<Option<SigningKey>, LedgerError> {
    let Some(stored) = slots.cell::<StoredKey>(number).get(store).await? else {
        return Ok(None);
    };
    let bytes = STANDARD_NO_PAD.decode(stored.key).unwrap_or_default();
    SigningKey::from_bytes(&bytes)
        .map(Some)
        .map_err(|error| LedgerError::Corrupt {
            key: format!("{PREFIX}/{number}"),
            reason: error.to_string(),
        })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::future::Future;
    use std::pin::Pin;

    use futures::executor::block_on;
    use spinreel_platform::memory::{ManualClock, MemoryStore};

    use super::super::interleaving::{Dice, SteppedStore, interleave};
    use super::*;

    #[test]
    fn the_first_use_makes_a_key_and_later_uses_find_it() {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(1));
        block_on(async {
            assert!(public(&store).await.unwrap().keys.is_empty());
            let first = current(&store, &clock).await.unwrap();
            let again = current(&store, &clock).await.unwrap();
            assert_eq!(again.id(), first.id());
            assert_eq!(public(&store).await.unwrap().keys, [first.jwk()]);
        });
    }

    #[test]
    fn a_place_that_was_never_filled_is_skipped() {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(1));
        block_on(async {
            let first = current(&store, &clock).await.unwrap();
            Slots::new(PREFIX).allocate(&store, 1).await.unwrap();
            assert_eq!(current(&store, &clock).await.unwrap().id(), first.id());
            assert_eq!(public(&store).await.unwrap().keys.len(), 1);
        });
    }

    #[test]
    fn a_key_that_was_spoilt_is_an_error_and_not_replaced() {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(1));
        block_on(async {
            current(&store, &clock).await.unwrap();
            let spoilt = StoredKey {
                key: "AAAA".to_owned(),
                created_at: Timestamp::from_ms(1),
            };
            Slots::new(PREFIX)
                .cell(1)
                .set(&store, &spoilt)
                .await
                .unwrap();
            assert!(matches!(
                current(&store, &clock).await,
                Err(LedgerError::Corrupt { .. })
            ));
        });
    }

    #[test]
    fn every_key_that_a_race_of_first_users_signs_with_is_published() {
        type Caller<'a> = Pin<Box<dyn Future<Output = Result<SigningKey, LedgerError>> + 'a>>;
        for seed in 0..50 {
            let (store, clock) = (MemoryStore::default(), ManualClock::at(1));
            let stepped = SteppedStore::new(&store, seed, 0);
            let callers = (0..5)
                .map(|_| -> Caller<'_> { Box::pin(current(&stepped, &clock)) })
                .collect();
            let results = interleave(&Dice::new(seed), callers, || true);
            let published = block_on(public(&store)).unwrap();
            for key in results.into_iter().flatten() {
                assert!(published.find(key.unwrap().id()).is_some(), "seed {seed}");
            }
        }
    }
}
