#![allow(clippy::unwrap_used)]
use std::future::Future;
use std::pin::Pin;

use futures::executor::block_on;
use spinreel_platform::memory::{ManualClock, MemoryStore, SeededRandom, StoppingStore};

use super::super::accounts::change;
use super::super::accounts::testing::{id, registered};
use super::super::interleaving::{Dice, SteppedStore, interleave};
use super::super::sessions;
use super::*;

const NOW_MS: u64 = 1_700_000_000_000;
const NEW: &str = "a new password";
const OTHER: &str = "another new password";
const MANY: u64 = 1_000;

struct House {
    store: MemoryStore,
    clock: ManualClock,
    random: SeededRandom,
}

impl House {
    fn new() -> Self {
        let house = Self {
            store: MemoryStore::default(),
            clock: ManualClock::at(NOW_MS),
            random: SeededRandom::new(1),
        };
        block_on(registered(&house.store, &house.clock, 1));
        house
    }

    fn issue(&self) -> Result<String, ChangeError> {
        let token = ResetToken::by_chance(&id(1), &self.random);
        let expires_at = block_on(issue(&self.store, &self.clock, &token, Vec::new()))?;
        assert_eq!(expires_at.as_ms(), self.clock.now_ms() + LIFETIME_MS);
        Ok(token.to_string())
    }

    fn complete(&self, token: &str, password: &str) -> Result<(), ResetError> {
        let House {
            store,
            clock,
            random,
        } = self;
        block_on(complete(store, clock, random, MANY, token, password)).map(drop)
    }

    fn has(&self, password: &str) -> bool {
        let account = block_on(find(&self.store, &id(1))).unwrap().unwrap();
        passwords::verify(password, &account.password_hash)
    }

    fn sessions(&self) -> usize {
        let list = block_on(sessions::list(&self.store, &self.clock, &id(1)));
        list.unwrap().len()
    }

    fn set_disabled(&self, disabled: bool) {
        let (store, clock, id) = (&self.store, &self.clock, id(1));
        let set = change(store, clock, &id, async |account: &mut Account| {
            account.disabled = disabled;
            Ok::<_, ChangeError>(())
        });
        block_on(set).unwrap();
    }
}

#[test]
fn a_token_sets_a_password_once_and_ends_all_sessions() {
    let house = House::new();
    let (store, clock, id) = (&house.store, &house.clock, id(1));
    block_on(sessions::begin(store, clock, &house.random, &id, None, 60)).unwrap();
    let token = house.issue().unwrap();
    house.complete(&token, NEW).unwrap();
    assert!(house.has(NEW));
    assert_eq!(house.sessions(), 0);
    assert_eq!(house.complete(&token, OTHER), Err(ResetError::Invalid));
    assert!(house.has(NEW));
}

#[test]
fn the_store_has_no_token() {
    let house = House::new();
    let token = house.issue().unwrap();
    let (_, secret) = token.split_once('.').unwrap();
    for key in house.store.keys() {
        let value = block_on(house.store.get(&key)).unwrap().unwrap();
        let holds = |text: &[u8]| value.windows(text.len()).any(|part| part == text);
        assert!(!holds(secret.as_bytes()), "{key}");
        assert!(!holds(&URL_SAFE_NO_PAD.decode(secret).unwrap()), "{key}");
    }
    assert!(!format!("{:?}", ResetToken::parse(&token)).contains(secret));
}

#[test]
fn a_bad_password_leaves_the_token_good() {
    let house = House::new();
    let token = house.issue().unwrap();
    for bad in ["short", "password1", "user1@example.org"] {
        let refused = house.complete(&token, bad);
        assert!(matches!(refused, Err(ResetError::Fault(_))), "{bad}");
    }
    house.complete(&token, NEW).unwrap();
}

#[test]
fn a_token_is_over_after_half_an_hour_and_no_other_text_is_one() {
    let house = House::new();
    let token = house.issue().unwrap();
    let wrong = [
        String::new(),
        ".".to_owned(),
        token.replace(&id(1), &id(2)),
        format!("{token}A"),
        token[..token.len() - 4].to_owned(),
        ResetToken::by_chance(&id(1), &house.random).to_string(),
        ResetToken::by_chance("nobody/..", &house.random).to_string(),
    ];
    for wrong in &wrong {
        assert_eq!(
            house.complete(wrong, NEW),
            Err(ResetError::Invalid),
            "{wrong}"
        );
    }
    house.clock.advance_ms(LIFETIME_MS - 1);
    assert!(matches!(
        house.complete(&token, "short"),
        Err(ResetError::Fault(_))
    ));
    house.clock.advance_ms(1);
    assert_eq!(house.complete(&token, NEW), Err(ResetError::Invalid));
}

#[test]
fn a_newer_token_and_another_password_end_the_older_one() {
    let house = House::new();
    let (old, new) = (house.issue().unwrap(), house.issue().unwrap());
    assert_eq!(house.complete(&old, NEW), Err(ResetError::Invalid));
    house.complete(&new, NEW).unwrap();
    let before_change = house.issue().unwrap();
    let hash = passwords::hash(OTHER, &house.random).unwrap();
    let (store, clock, id) = (&house.store, &house.clock, id(1));
    let set = change(store, clock, &id, async |account: &mut Account| {
        account.password_hash = hash;
        Ok::<_, ChangeError>(())
    });
    block_on(set).unwrap();
    assert_eq!(
        house.complete(&before_change, NEW),
        Err(ResetError::Invalid)
    );
}

#[test]
fn an_account_that_cannot_be_used_gets_none_and_none_is_good() {
    let house = House::new();
    let token = house.issue().unwrap();
    house.set_disabled(true);
    assert_eq!(house.issue().err(), Some(ChangeError::Unknown));
    assert_eq!(house.complete(&token, NEW), Err(ResetError::Invalid));
    house.set_disabled(false);
    house.complete(&token, NEW).unwrap();
    let nobody = ResetToken::by_chance(&id(2), &house.random);
    let issued = block_on(issue(&house.store, &house.clock, &nobody, Vec::new()));
    assert_eq!(issued.err(), Some(ChangeError::Unknown));
}

#[test]
fn of_two_that_use_a_token_at_once_one_does() {
    type Caller<'a> = Pin<Box<dyn Future<Output = Result<Account, ResetError>> + 'a>>;
    for seed in 0..10 {
        let house = House::new();
        let token = house.issue().unwrap();
        let stepped = SteppedStore::new(&house.store, seed, 0);
        let House { clock, random, .. } = &house;
        let callers = [NEW, OTHER].map(|password| -> Caller<'_> {
            Box::pin(complete(&stepped, clock, random, MANY, &token, password))
        });
        let results = interleave(&Dice::new(seed), callers.into(), || true);
        let done: Vec<bool> = results
            .into_iter()
            .map(|one| one.unwrap().is_ok())
            .collect();
        assert_eq!(done.iter().filter(|done| **done).count(), 1, "seed {seed}");
        assert_eq!([house.has(NEW), house.has(OTHER)], done[..], "seed {seed}");
    }
}

#[test]
fn one_that_died_before_any_call_left_the_token_good_or_the_password_new() {
    let (mut finished, mut calls) = (false, 0);
    while !finished {
        let house = House::new();
        let token = house.issue().unwrap();
        {
            let dying = StoppingStore::dying_before_call(&house.store, calls);
            let (clock, random) = (&house.clock, &house.random);
            let completing = complete(&dying, clock, random, MANY, &token, NEW);
            finished = futures::FutureExt::now_or_never(completing).is_some();
        }
        // The lock of one that died is in nobody's way for long.
        house.clock.advance_ms(300_000);
        let again = house.complete(&token, OTHER);
        assert_eq!(again.is_ok(), house.has(OTHER), "at call {calls}");
        assert_eq!(
            again == Err(ResetError::Invalid),
            house.has(NEW),
            "at call {calls}"
        );
        calls += 1;
    }
    assert!(calls > 8, "it has more calls than {calls}");
}
