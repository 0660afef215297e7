#![allow(clippy::unwrap_used)]
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;

use futures::FutureExt as _;
use futures::executor::block_on;
use spinreel_platform::memory::{ManualClock, MemoryStore, SeededRandom, StoppingStore};

use super::super::interleaving::{Dice, SteppedStore, interleave, pause};
use super::*;

const NOW_MS: u64 = 1_700_000_000_000;
const SECRET: &str = "0123456789abcdef0123456789abcdef";
const TOKEN_SECONDS: u64 = 120;
/// How long others keep a key set, in milliseconds.
const KEPT_MS: u64 = 300_000;

struct House {
    store: MemoryStore,
    clock: ManualClock,
    random: SeededRandom,
    secret: &'static str,
}

impl House {
    fn new() -> Self {
        Self {
            store: MemoryStore::default(),
            clock: ManualClock::at(NOW_MS),
            random: SeededRandom::new(5),
            secret: SECRET,
        }
    }

    fn sealer(&self) -> Sealer {
        Sealer::new(self.secret, SEALED_FOR)
    }

    fn keys(&self) -> Keys<'_, MemoryStore, ManualClock, SeededRandom> {
        self.keys_on(&self.store)
    }

    fn keys_on<'a, S: Store>(&'a self, store: &'a S) -> Keys<'a, S, ManualClock, SeededRandom> {
        Keys {
            store,
            clock: &self.clock,
            random: &self.random,
            sealer: self.sealer(),
            token_seconds: TOKEN_SECONDS,
        }
    }

    fn signs(&self) -> String {
        block_on(self.keys().current()).unwrap().id().to_owned()
    }

    fn published(&self) -> Vec<String> {
        let keys = block_on(self.keys().public()).unwrap().keys;
        keys.into_iter().map(|key| key.kid).collect()
    }

    fn rotate(&self, emergency: bool) -> Rotated {
        block_on(self.keys().rotate(emergency)).unwrap()
    }
}

#[test]
fn the_first_use_makes_a_key_and_later_uses_find_it() {
    let house = House::new();
    assert!(house.published().is_empty());
    let first = house.signs();
    assert_eq!(house.signs(), first);
    assert_eq!(house.published(), [first]);
}

#[test]
fn a_rotation_before_the_first_use_makes_a_key_that_signs_at_once() {
    let house = House::new();
    let rotated = house.rotate(false);
    assert_eq!(rotated.active_from, Timestamp::from_ms(NOW_MS));
    assert_eq!(house.signs(), rotated.kid);
}

#[test]
fn a_new_key_is_published_before_it_signs_and_an_old_one_until_its_tokens_are_over() {
    let house = House::new();
    let old = house.signs();
    house.clock.advance_ms(1_000_000);
    let new = house.rotate(false);
    assert!(new.is_new);
    assert_eq!(house.published(), [new.kid.clone(), old.clone()]);
    house.clock.advance_ms(PUBLISH_AHEAD_MS - 1);
    assert_eq!(house.signs(), old);
    house.clock.advance_ms(1);
    assert_eq!(house.signs(), new.kid);
    house.clock.advance_ms(TOKEN_SECONDS * 1_000 + GRACE_MS - 1);
    assert_eq!(house.published(), [new.kid.clone(), old]);
    house.clock.advance_ms(1);
    assert_eq!(house.published(), [new.kid]);
}

#[test]
fn a_rotation_while_a_key_is_waiting_gives_that_one_back() {
    let house = House::new();
    house.signs();
    let new = house.rotate(false);
    let keys = house.store.keys();
    house.clock.advance_ms(PUBLISH_AHEAD_MS - 1);
    let again = house.rotate(false);
    assert_eq!(
        again,
        Rotated {
            is_new: false,
            ..new.clone()
        }
    );
    assert_eq!(house.store.keys(), keys);
    house.clock.advance_ms(1);
    assert_ne!(house.rotate(false).kid, new.kid);
}

#[test]
fn in_an_emergency_a_new_key_signs_at_once_and_all_others_are_gone() {
    let house = House::new();
    house.signs();
    house.rotate(false);
    let rescue = house.rotate(true);
    assert_eq!(rescue.active_from, Timestamp::from_ms(NOW_MS));
    assert_eq!(house.signs(), rescue.kid);
    assert_eq!(house.published(), [rescue.kid]);
    house.clock.advance_ms(PUBLISH_AHEAD_MS + 1);
    assert_eq!(house.published().len(), 1);
}

#[test]
fn keys_stay_few_however_often_they_are_rotated() {
    let house = House::new();
    house.signs();
    for _ in 0..100 {
        house.clock.advance_ms(3_600_000);
        house.rotate(false);
    }
    assert_eq!(house.store.keys(), [KEY]);
    assert_eq!(house.published().len(), 2);
}

#[test]
fn who_dies_at_a_change_delays_the_next_one_for_minutes_only() {
    for calls in 0..6 {
        let house = House::new();
        let dying = StoppingStore::dying_before_call(&house.store, calls);
        let made = house.keys_on(&dying).current().now_or_never();
        let is_busy = block_on(house.keys().current()).err() == Some(KeysError::Busy);
        // Between the claim of the lock and the key.
        assert_eq!(
            is_busy,
            (2..=5).contains(&calls) && made.is_none(),
            "{calls}"
        );
        house.clock.advance_ms(2 * spinreel_ledger::WINDOW_MS);
        let first = house.signs();
        assert_eq!(house.published(), [first], "{calls}");
    }
}

#[test]
fn a_key_of_another_secret_counts_as_absent_and_is_replaced() {
    let mut house = House::new();
    let old = house.signs();
    house.secret = "another secret that nobody can guess";
    assert!(house.published().is_empty());
    let new = house.signs();
    assert_ne!(new, old);
    assert_eq!(house.published(), std::slice::from_ref(&new));
    assert_eq!(house.signs(), new);
}

#[test]
fn no_private_half_is_stored_in_the_clear() {
    let house = House::new();
    let key = block_on(house.keys().current()).unwrap();
    let stored = block_on(house.store.get(KEY)).unwrap();
    let text = String::from_utf8(stored.unwrap()).unwrap();
    use base64::Engine as _;
    let seed = base64::engine::general_purpose::STANDARD_NO_PAD.encode(&key.to_bytes()[..30]);
    assert!(!text.contains(&seed));
    let stored: Vec<StoredKey> = serde_json::from_str(&text).unwrap();
    assert_eq!(house.sealer().open(&stored[0].sealed), Some(key.to_bytes()));
}

#[test]
fn every_key_that_a_race_of_first_users_signs_with_is_published() {
    type Caller<'a> = Pin<Box<dyn Future<Output = Result<SigningKey, KeysError>> + 'a>>;
    for seed in 0..50 {
        let house = House::new();
        let stepped = SteppedStore::new(&house.store, seed, 0);
        let keys = house.keys_on(&stepped);
        let callers = (0..5)
            .map(|_| -> Caller<'_> { Box::pin(keys.current()) })
            .collect();
        let results = interleave(&Dice::new(seed), callers, || true);
        let published = house.published();
        for key in results.into_iter().flatten() {
            let id = key.unwrap().id().to_owned();
            assert!(published.contains(&id), "seed {seed}");
        }
    }
}

/// A few steps in which time passes.
async fn idle() {
    for _ in 0..4 {
        pause().await;
    }
}

/// Rotations, signers and readers of the key set beside each other, some of which die. Whatever anybody signs can be
/// checked with every key set of the five minutes before it, and with every one until the token expires.
#[test]
fn a_token_can_be_checked_with_any_key_set_that_is_kept_whenever_it_was_signed() {
    type Caller<'a> = Pin<Box<dyn Future<Output = Result<(), KeysError>> + 'a>>;
    let (mut most_keys, mut rotations) = (0, 0);
    for seed in 0..20 {
        let house = House::new();
        house.signs();
        house.clock.advance_ms(2 * PUBLISH_AHEAD_MS);
        let stepped = SteppedStore::new(&house.store, seed, 0);
        let keys = house.keys_on(&stepped);
        let signed = RefCell::new(Vec::new());
        let published = RefCell::new(Vec::new());
        let mut callers: Vec<Caller<'_>> = Vec::new();
        for _ in 0..3 {
            callers.push(Box::pin(async {
                for _ in 0..400 {
                    idle().await;
                    let key = keys.current().await?;
                    let at_ms = house.clock.now_ms();
                    signed.borrow_mut().push((at_ms, key.id().to_owned()));
                }
                Ok(())
            }));
            callers.push(Box::pin(async {
                for _ in 0..400 {
                    idle().await;
                    let set = keys.public().await?;
                    let kids: Vec<_> = set.keys.into_iter().map(|key| key.kid).collect();
                    published.borrow_mut().push((house.clock.now_ms(), kids));
                }
                Ok(())
            }));
            callers.push(Box::pin(async {
                for _ in 0..400 {
                    idle().await;
                    match keys.rotate(false).await {
                        // Somebody died with the lock.
                        Err(KeysError::Busy) => {}
                        rotated => drop(rotated?),
                    }
                }
                Ok(())
            }));
        }
        let dice = Dice::new(seed);
        interleave(&dice, callers, || {
            // Others make some fifty steps between two of one caller, for which a call may take 20 seconds.
            house.clock.advance_ms(dice.below(250) as u64);
            dice.below(20_000) > 0
        });
        let (signed, published) = (signed.take(), published.take());
        for (at_ms, kid) in &signed {
            for (published_ms, kids) in &published {
                let last_ms = at_ms + TOKEN_SECONDS * 1_000;
                if (at_ms - KEPT_MS..=last_ms).contains(published_ms) {
                    let after_ms = *published_ms as i64 - *at_ms as i64;
                    assert!(kids.contains(kid), "seed {seed}, {after_ms} ms");
                }
            }
        }
        let kids: BTreeSet<_> = signed.iter().map(|(_, kid)| kid).collect();
        rotations += kids.len() - 1;
        let most = published.iter().map(|(_, kids)| kids.len()).max();
        most_keys = most_keys.max(most.unwrap_or(0));
    }
    assert!(rotations > 20, "{rotations}");
    assert!(most_keys > 2, "{most_keys}");
}

#[test]
fn a_key_that_an_earlier_version_wrote_signs_nothing_and_is_in_nobodys_way() {
    let house = House::new();
    let old = br#"{"key":"AAAA","created_at":"2023-11-14T22:13:20.000Z"}"#;
    block_on(house.store.set(KEY, old)).unwrap();
    assert!(house.published().is_empty());
    let first = house.signs();
    assert_eq!(house.published(), std::slice::from_ref(&first));
    assert_eq!(house.signs(), first);
}

#[test]
fn after_the_clock_was_set_back_the_known_key_signs_and_can_be_rotated() {
    for back_ms in [1, PUBLISH_AHEAD_MS, 10 * PUBLISH_AHEAD_MS] {
        let house = House::new();
        let first = house.signs();
        house.clock.set_ms(NOW_MS - back_ms);
        assert_eq!(house.signs(), first, "{back_ms}");
        assert_eq!(house.published(), std::slice::from_ref(&first));
        let rotated = block_on(house.keys().rotate(false)).unwrap();
        assert!(rotated.is_new && rotated.kid != first, "{back_ms}");
        assert_eq!(house.signs(), first, "{back_ms}");
        // It waits: no other one is made meanwhile.
        let again = block_on(house.keys().rotate(false)).unwrap();
        assert_eq!((again.kid, again.is_new), (rotated.kid.clone(), false));
        house.clock.advance_ms(PUBLISH_AHEAD_MS);
        assert_eq!(house.signs(), rotated.kid, "{back_ms}");
    }
}
