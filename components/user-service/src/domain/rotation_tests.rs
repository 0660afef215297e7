#![allow(clippy::unwrap_used)]
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::Pin;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures::executor::block_on;
use proptest::prelude::*;
use spinreel_platform::StoreError;
use spinreel_platform::memory::{CountingStore, ManualClock, MemoryStore, StoppingStore};

use super::super::endings;
use super::super::interleaving::{Dice, SteppedStore, interleave};
use super::super::sessions::testing::{ADA, EVE, MONTH_S, World};
use super::*;

fn is_reuse(result: &Result<Granted, RefreshError>) -> bool {
    matches!(result, Err(RefreshError::Reused { .. }))
}

#[test]
fn a_token_gives_the_next_one_and_that_the_next() {
    let world = World::new();
    let mut granted = world.begin(ADA);
    let id = granted.id.clone();
    for _ in 0..5 * PLACES {
        world.later();
        let next = world.refresh(&granted.refresh_token).unwrap();
        assert_eq!(next.id, id);
        assert_ne!(next.refresh_token, granted.refresh_token);
        granted = next;
    }
    assert_eq!(id.user_id(), ADA);
}

#[test]
fn a_token_whose_answer_was_lost_gives_the_same_answer_again_and_writes_nothing() {
    let world = World::new();
    let first = world.begin(ADA);
    let second = world.refresh(&first.refresh_token).unwrap();
    world.clock.advance_ms(GRACE_MS);
    let store = CountingStore::new(&world.store);
    for _ in 0..3 {
        let again = refresh(&store, &world.clock, &first.refresh_token, MONTH_S);
        let again = block_on(again).unwrap();
        assert_eq!(again.refresh_token, second.refresh_token);
    }
    assert_eq!(store.calls().writes(), 0);
    let third = world.refresh(&second.refresh_token).unwrap();
    assert!(world.refresh(&third.refresh_token).is_ok());
}

#[test]
fn a_token_used_twice_ends_the_session_for_the_thief_and_for_the_user() {
    let world = World::new();
    let first = world.begin(ADA);
    let second = world.refresh(&first.refresh_token).unwrap();
    world.later();
    let reuse = world.refresh(&first.refresh_token);
    assert!(matches!(reuse, Err(RefreshError::Reused { user_id }) if user_id == ADA));
    assert!(world.is_invalid(&second.refresh_token));
    assert!(!world.is_live(&second));
    assert!(world.list(ADA).is_empty());
    assert_eq!(world.revoked(), [ADA]);
}

#[test]
fn a_token_that_is_any_number_of_turns_old_ends_the_session_however_soon_it_comes() {
    for turns in 2..=2 * PLACES + 3 {
        let world = World::new();
        let first = world.begin(ADA);
        let mut newest = first.refresh_token.clone();
        for _ in 0..turns {
            // Only where places are taken again there is something to wait for.
            if turns >= PLACES {
                world.later();
            }
            newest = world.refresh(&newest).unwrap().refresh_token;
        }
        assert!(is_reuse(&world.refresh(&first.refresh_token)), "{turns}");
        assert!(world.is_invalid(&newest), "{turns}");
    }
}

#[test]
fn who_knows_the_session_and_not_the_secret_of_a_turn_that_is_over_ends_the_session() {
    let world = World::new();
    let first = world.begin(ADA);
    let second = world.refresh(&first.refresh_token).unwrap();
    let forged = RefreshToken {
        secret: [0; 32],
        ..RefreshToken::parse(&first.refresh_token).unwrap()
    };
    assert!(is_reuse(&world.refresh(&forged.to_string())));
    assert!(world.is_invalid(&second.refresh_token));
}

#[test]
fn a_forged_token_is_refused_and_changes_nothing() {
    let world = World::new();
    let granted = world.begin(ADA);
    let second = world.refresh(&granted.refresh_token).unwrap();
    let zeros = URL_SAFE_NO_PAD.encode([0; 64]);
    let secrets = second.refresh_token.rsplit('.').next().unwrap();
    let own = URL_SAFE_NO_PAD.decode(secrets).unwrap();
    let half = URL_SAFE_NO_PAD.encode([&own[..32], &[0; 32]].concat());
    let short = URL_SAFE_NO_PAD.encode(&own[..63]);
    for forged in [
        format!("{ADA}.1.1.{zeros}"),
        format!("{ADA}.1.2.{zeros}"),
        format!("{ADA}.1.2.{half}"),
        format!("{ADA}.1.3.{secrets}"),
        format!("{ADA}.1.{}.{secrets}", 2 + PLACES),
        format!("{ADA}.1.{}.{secrets}", u64::MAX),
        format!("{ADA}.2.2.{secrets}"),
        format!("{EVE}.1.2.{secrets}"),
        format!("{ADA}.1.2.{short}"),
        format!("{ADA}.1.2.{secrets}.x"),
        format!("{ADA}.1.2"),
        format!("{ADA}.1.-2.{secrets}"),
        format!("x/{}.1.2.{secrets}", &ADA[2..]),
        String::new(),
    ] {
        assert!(world.is_invalid(&forged), "{forged}");
    }
    assert!(world.refresh(&second.refresh_token).is_ok());
}

#[test]
fn a_session_that_turns_too_fast_has_to_wait_and_goes_on_then() {
    let world = World::new();
    let mut token = world.begin(ADA).refresh_token;
    let mut turns = 0;
    let refused = loop {
        match world.refresh(&token) {
            Ok(next) => token = next.refresh_token,
            Err(error) => break error,
        }
        turns += 1;
    };
    assert_eq!((refused, turns), (RefreshError::Busy, PLACES));
    world.clock.advance_ms(KEPT_MS);
    assert_eq!(world.refresh(&token).err(), Some(RefreshError::Busy));
    world.clock.advance_ms(1);
    assert!(world.refresh(&token).is_ok());
}

type Caller<'a> = Pin<Box<dyn Future<Output = Result<Granted, RefreshError>> + 'a>>;

/// `count` that use one token at once.
fn callers<'a>(
    store: &'a SteppedStore<'a>,
    clock: &'a ManualClock,
    token: &'a str,
    count: usize,
) -> Vec<Caller<'a>> {
    let caller = |_| -> Caller<'a> { Box::pin(refresh(store, clock, token, MONTH_S)) };
    (0..count).map(caller).collect()
}

/// The tokens that callers were given.
fn tokens(results: Vec<Option<Result<Granted, RefreshError>>>) -> Vec<String> {
    let granted = results.into_iter().flatten().flatten();
    granted.map(|granted| granted.refresh_token).collect()
}

#[test]
fn all_that_use_one_token_at_once_get_the_same_next_one() {
    for seed in 0..300 {
        let world = World::new();
        let granted = world.begin(ADA);
        let stepped = SteppedStore::new(&world.store, seed, 0);
        let callers = callers(&stepped, &world.clock, &granted.refresh_token, 5);
        let results = interleave(&Dice::new(seed), callers, || true);
        let tokens = tokens(results);
        assert_eq!(tokens.len(), 5, "seed {seed}");
        assert!(
            tokens.iter().all(|token| *token == tokens[0]),
            "seed {seed}"
        );
        assert!(world.refresh(&tokens[0]).is_ok(), "seed {seed}");
    }
}

#[test]
fn of_two_tokens_at_once_none_is_replaced_twice() {
    for seed in 0..300 {
        let world = World::new();
        let first = world.begin(ADA);
        let second = world.refresh(&first.refresh_token).unwrap();
        let stepped = SteppedStore::new(&world.store, seed, 0);
        let mut all = callers(&stepped, &world.clock, &first.refresh_token, 2);
        all.extend(callers(&stepped, &world.clock, &second.refresh_token, 2));
        let results = interleave(&Dice::new(seed), all, || true);
        let reused = results.iter().flatten().any(is_reuse);
        let tokens: BTreeSet<_> = tokens(results).into_iter().collect();
        assert!(tokens.len() <= 2, "seed {seed}");
        for token in tokens
            .iter()
            .filter(|token| **token != second.refresh_token)
        {
            // One that came two turns late has ended the session.
            assert_eq!(world.refresh(token).is_ok(), !reused, "seed {seed}");
        }
    }
}

#[test]
fn a_refresh_beside_the_end_of_the_session_does_not_bring_it_back() {
    for seed in 0..600 {
        let world = World::new();
        let granted = world.begin(ADA);
        let dice = Dice::new(seed);
        let stepped = SteppedStore::new(&world.store, seed, 0);
        let mut all = callers(&stepped, &world.clock, &granted.refresh_token, 2);
        let has_ended = RefCell::new(false);
        all.push(Box::pin(async {
            endings::end(&stepped, &world.clock, &granted.id).await?;
            *has_ended.borrow_mut() = true;
            Err(RefreshError::Invalid)
        }));
        // In every other run the refreshes may die.
        let results = interleave(&dice, all, || seed % 2 == 0 || !dice.falls(100));
        if !has_ended.take() {
            continue;
        }
        for token in tokens(results) {
            assert!(world.is_invalid(&token), "seed {seed}");
        }
        assert!(!world.is_live(&granted), "seed {seed}");
        assert!(world.list(ADA).is_empty(), "seed {seed}");
        assert!(!world.revoked().is_empty(), "seed {seed}");
    }
}

#[test]
fn a_session_that_was_forgotten_beside_a_refresh_leaves_no_keys() {
    for calls in 0..12 {
        let world = World::new();
        let granted = world.begin(ADA);
        let stopping = StoppingStore::before_call(&world.store, calls);
        let token = &granted.refresh_token;
        let mut slow = Box::pin(refresh(&stopping, &world.clock, token, MONTH_S));
        let done = futures::FutureExt::now_or_never(&mut slow);
        let keys = block_on(sessions::keys_of_all(&world.store, ADA)).unwrap();
        block_on(world.store.delete_many(&keys)).unwrap();
        let done = done.unwrap_or_else(|| block_on(slow));
        let left: Vec<_> = world.store.keys();
        let turns = left.iter().filter(|key| key.contains("/turn/")).count();
        assert_eq!(turns, 0, "{calls}");
        if done.is_ok() {
            assert!(calls > 5, "{calls}");
        }
    }
}

#[test]
fn callers_that_die_and_a_store_that_fails_never_leave_two_good_tokens() {
    for seed in 0..500 {
        let world = World::new();
        let granted = world.begin(ADA);
        let dice = Dice::new(seed);
        let stepped = SteppedStore::new(&world.store, seed, 50);
        let callers = callers(&stepped, &world.clock, &granted.refresh_token, 3);
        let results = interleave(&dice, callers, || !dice.falls(30));
        let tokens = tokens(results);
        assert!(
            tokens.iter().all(|token| *token == tokens[0]),
            "seed {seed}"
        );
        // Whoever died keeps nobody away, and nobody is taken for a thief.
        world.later();
        let good = tokens.first().unwrap_or(&granted.refresh_token);
        match world.refresh(good) {
            Ok(next) => assert!(world.refresh(&next.refresh_token).is_ok(), "seed {seed}"),
            // The turn ended and its answer was lost for longer than the grace.
            Err(error) => assert!(tokens.is_empty() && is_reuse(&Err(error)), "seed {seed}"),
        }
    }
}

#[test]
fn a_caller_that_dies_at_any_step_keeps_nobody_away() {
    for calls in 0..12 {
        let world = World::new();
        let granted = world.begin(ADA);
        let token = &granted.refresh_token;
        let dying = StoppingStore::dying_before_call(&world.store, calls);
        let died = refresh(&dying, &world.clock, token, MONTH_S);
        let early = futures::FutureExt::now_or_never(died);
        let late = world.refresh(token).unwrap().refresh_token;
        if let Some(early) = early {
            assert_eq!(early.unwrap().refresh_token, late, "{calls}");
            assert!(calls > 5, "{calls}");
        }
        world.later();
        assert!(world.refresh(&late).is_ok(), "{calls}");
    }
}

/// A session all of whose places are taken, by turns that may be written over; and its token.
fn with_full_places(world: &World) -> String {
    let mut token = world.begin(ADA).refresh_token;
    for _ in 0..PLACES + 3 {
        world.much_later();
        token = world.refresh(&token).unwrap().refresh_token;
    }
    token
}

/// Uses a token and those after it, as often as that is possible up to `turns`; gives the last two.
fn go_on(world: &World, token: &str, turns: u64) -> [String; 2] {
    let mut last = [token.to_owned(), token.to_owned()];
    for _ in 0..turns {
        world.clock.advance_ms(1);
        match world.refresh(&last[1]) {
            Ok(next) => last = [last[1].clone(), next.refresh_token],
            Err(error) => assert_eq!(error, RefreshError::Busy),
        }
    }
    last
}

/// A store where others are at work between a call that writes and its effect.
struct Interrupted<'a> {
    store: &'a MemoryStore,
    meanwhile: RefCell<Option<Box<dyn FnOnce() + 'a>>>,
}

impl Store for Interrupted<'_> {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.store.get(key).await
    }
    async fn set(&self, key: &str, value: &[u8]) -> Result<(), StoreError> {
        self.store.set(key, value).await
    }
    async fn set_many(&self, pairs: &[(String, Vec<u8>)]) -> Result<(), StoreError> {
        if let Some(meanwhile) = self.meanwhile.take() {
            meanwhile();
        }
        self.store.set_many(pairs).await
    }
    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.store.delete(key).await
    }
    async fn delete_many(&self, keys: &[String]) -> Result<(), StoreError> {
        self.store.delete_many(keys).await
    }
    async fn increment(&self, key: &str, delta: i64) -> Result<i64, StoreError> {
        self.store.increment(key, delta).await
    }
}

#[test]
fn a_write_that_takes_long_brings_no_turn_back() {
    for turns in 1..=2 * PLACES + 2 {
        let world = World::new();
        let first = with_full_places(&world);
        let last = RefCell::default();
        let store = Interrupted {
            store: &world.store,
            meanwhile: RefCell::new(Some(Box::new(|| {
                world.clock.advance_ms(CALL_MS / 2);
                *last.borrow_mut() = go_on(&world, &first, turns);
                world.clock.advance_ms(CALL_MS / 2);
            }))),
        };
        let late = refresh(&store, &world.clock, &first, MONTH_S);
        assert!(futures::FutureExt::now_or_never(late).unwrap().is_ok());
        let [spent, newest] = last.take();
        world.much_later();
        let next = world.refresh(&newest);
        assert!(next.is_ok(), "{turns}");
        assert!(is_reuse(&world.refresh(&spent)), "{turns}");
        assert!(world.is_invalid(&newest), "{turns}");
    }
}

#[test]
fn one_that_stands_still_for_long_between_its_look_and_its_write_writes_nothing() {
    for turns in [1, PLACES, PLACES + 1, 2 * PLACES + 1] {
        // The reads before the write: more would be after it.
        for calls in 0..6 {
            let world = World::new();
            let first = with_full_places(&world);
            let stopping = StoppingStore::before_call(&world.store, calls);
            let mut slow = Box::pin(refresh(&stopping, &world.clock, &first, MONTH_S));
            assert!(futures::FutureExt::now_or_never(&mut slow).is_none());
            let mut last = [first.clone(), first.clone()];
            for _ in 0..turns {
                world.much_later();
                last = go_on(&world, &last[1], 1);
            }
            world.later();
            let slow = block_on(slow);
            let is_over = is_reuse(&slow);
            assert!(
                is_over || slow == Err(RefreshError::Busy),
                "{turns} {calls}"
            );
            world.much_later();
            let [spent, newest] = last;
            assert_eq!(world.refresh(&newest).is_ok(), !is_over, "{turns} {calls}");
            assert_ne!(is_reuse(&world.refresh(&spent)), is_over, "{turns} {calls}");
        }
    }
}

/// Many that use whatever tokens there are, and stand still for as long as a call may take, or for longer between two
/// calls. Of no turn there are ever two tokens, and none that was followed by two others is good again.
#[test]
fn a_ratchet_never_goes_back_whoever_stands_still() {
    let mut turns = 0;
    for seed in 0..150 {
        let world = World::new();
        let dice = Dice::new(seed);
        let first = world.begin(ADA).refresh_token;
        let stepped = SteppedStore::new(&world.store, seed, 0);
        let known = RefCell::new(BTreeMap::from([(1, first)]));
        let callers = (0..4)
            .map(|_| -> Pin<Box<dyn Future<Output = ()> + '_>> {
                Box::pin(async {
                    for _ in 0..60 {
                        let newest = known.borrow().last_key_value().unwrap().1.clone();
                        match refresh(&stepped, &world.clock, &newest, MONTH_S).await {
                            Ok(granted) => {
                                let token = RefreshToken::parse(&granted.refresh_token).unwrap();
                                let mut known = known.borrow_mut();
                                let of_turn = known
                                    .entry(token.turn)
                                    .or_insert_with(|| granted.refresh_token.clone());
                                assert_eq!(*of_turn, granted.refresh_token, "seed {seed}");
                            }
                            Err(RefreshError::Busy) => {}
                            // Whoever stands still with a token that others used is taken for a thief.
                            Err(RefreshError::Reused { .. } | RefreshError::Invalid) => return,
                            Err(error) => panic!("seed {seed}: {error}"),
                        }
                    }
                })
            })
            .collect();
        interleave(&dice, callers, || {
            if dice.falls(400) {
                world.clock.advance_ms(dice.below(2_000) as u64);
            }
            if dice.falls(3) {
                world.clock.advance_ms(CALL_MS);
            }
            true
        });
        let known = known.take();
        turns += known.len();
        if let Some(old) = known
            .len()
            .checked_sub(3)
            .and_then(|n| known.values().nth(n))
        {
            let result = world.refresh(old);
            assert!(is_reuse(&result) || matches!(result, Err(RefreshError::Invalid)));
        }
        assert!(world.is_invalid(known.values().last().unwrap()) || known.len() < 3);
    }
    assert!(turns > 1_000, "{turns}");
}

proptest! {
    #[test]
    fn no_text_is_a_refresh_token_and_none_panics(text in "\\PC*|[0-9a-f.-]{0,80}") {
        let world = World::new();
        world.begin(ADA);
        prop_assert!(world.is_invalid(&text));
    }
}
