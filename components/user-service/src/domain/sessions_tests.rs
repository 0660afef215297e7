#![allow(clippy::unwrap_used)]
use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures::executor::block_on;
use proptest::prelude::*;
use spinreel_platform::memory::{ManualClock, MemoryStore, SeededRandom};

use super::super::interleaving::{Dice, SteppedStore, interleave};
use super::*;

const NOW_MS: u64 = 1_700_000_000_000;
const MONTH_S: u64 = 2_592_000;
const ADA: &str = "0190c0de-0000-7000-8000-000000000001";
const EVE: &str = "0190c0de-0000-7000-8000-000000000002";

struct House {
    store: MemoryStore,
    clock: ManualClock,
    random: SeededRandom,
}

impl House {
    fn new() -> Self {
        Self {
            store: MemoryStore::default(),
            clock: ManualClock::at(NOW_MS),
            random: SeededRandom::new(3),
        }
    }

    fn begin(&self, user_id: &str) -> Granted {
        let agent = Some("test/1");
        let session = begin(
            &self.store,
            &self.clock,
            &self.random,
            user_id,
            agent,
            MONTH_S,
        );
        block_on(session).unwrap()
    }

    fn refresh(&self, token: &str) -> Result<Granted, RefreshError> {
        block_on(refresh(&self.store, &self.clock, token, MONTH_S))
    }

    /// Lets the grace for the last answer end.
    fn later(&self) {
        self.clock.advance_ms(GRACE_MS + 1);
    }

    /// Of whom it was noted that a session ended.
    fn revoked(&self) -> Vec<String> {
        let revoked = revocations::after(&self.store, &self.clock, Some(0), 0);
        block_on(revoked).unwrap().user_ids
    }

    fn is_invalid(&self, token: &str) -> bool {
        matches!(self.refresh(token), Err(RefreshError::Invalid))
    }

    fn list(&self, user_id: &str) -> Vec<String> {
        let sessions = block_on(list(&self.store, &self.clock, user_id)).unwrap();
        sessions.into_iter().map(|(id, _)| id.to_string()).collect()
    }
}

fn is_reuse(result: &Result<Granted, RefreshError>) -> bool {
    matches!(result, Err(RefreshError::Reused { .. }))
}

#[test]
fn a_session_that_an_earlier_version_wrote_is_over_and_is_in_nobodys_way() {
    let house = House::new();
    let old = house.begin(ADA);
    let record = br#"{"created_at":"2023-11-14T22:13:20.000Z","turn":1}"#;
    block_on(house.store.set(old.id.cell().key(), record)).unwrap();
    assert!(house.is_invalid(&old.refresh_token));
    assert!(house.list(ADA).is_empty());
    let new = house.begin(ADA);
    assert!(house.refresh(&new.refresh_token).is_ok());
    block_on(end_all(&house.store, &house.clock, ADA)).unwrap();
    assert!(house.list(ADA).is_empty());
}

#[test]
fn a_token_gives_the_next_one_and_that_the_next() {
    let house = House::new();
    let mut granted = house.begin(ADA);
    let id = granted.id.clone();
    for _ in 0..5 {
        let next = house.refresh(&granted.refresh_token).unwrap();
        assert_eq!(next.id, id);
        assert_ne!(next.refresh_token, granted.refresh_token);
        granted = next;
    }
    assert_eq!(id.user_id(), ADA);
}

#[test]
fn a_token_whose_answer_was_lost_gives_the_same_answer_again_and_writes_nothing() {
    let house = House::new();
    let first = house.begin(ADA);
    let second = house.refresh(&first.refresh_token).unwrap();
    let record = || block_on(house.store.get(first.id.cell().key())).unwrap();
    let before = record();
    house.clock.advance_ms(GRACE_MS);
    for _ in 0..3 {
        let again = house.refresh(&first.refresh_token).unwrap();
        assert_eq!(again.refresh_token, second.refresh_token);
    }
    assert_eq!(record(), before);
    let third = house.refresh(&second.refresh_token).unwrap();
    assert!(house.refresh(&third.refresh_token).is_ok());
}

#[test]
fn a_token_used_twice_ends_the_session_for_the_thief_and_for_the_user() {
    let house = House::new();
    let first = house.begin(ADA);
    let second = house.refresh(&first.refresh_token).unwrap();
    house.later();
    let reuse = house.refresh(&first.refresh_token);
    assert!(matches!(reuse, Err(RefreshError::Reused { user_id }) if user_id == ADA));
    assert!(house.is_invalid(&second.refresh_token));
    assert!(house.list(ADA).is_empty());
    assert_eq!(house.revoked(), [ADA]);
}

#[test]
fn a_token_that_is_two_turns_old_ends_the_session_however_soon_it_comes() {
    let house = House::new();
    let first = house.begin(ADA);
    let second = house.refresh(&first.refresh_token).unwrap();
    let third = house.refresh(&second.refresh_token).unwrap();
    assert!(is_reuse(&house.refresh(&first.refresh_token)));
    assert!(house.is_invalid(&third.refresh_token));
}

#[test]
fn who_knows_the_session_and_not_the_secret_of_a_turn_that_is_over_ends_the_session() {
    let house = House::new();
    let first = house.begin(ADA);
    let second = house.refresh(&first.refresh_token).unwrap();
    let forged = RefreshToken {
        secret: [0; 32],
        ..RefreshToken::parse(&first.refresh_token).unwrap()
    };
    assert!(is_reuse(&house.refresh(&forged.to_string())));
    assert!(house.is_invalid(&second.refresh_token));
}

#[test]
fn another_session_of_the_user_goes_on_when_one_is_ended() {
    let house = House::new();
    let (phone, laptop) = (house.begin(ADA), house.begin(ADA));
    block_on(end(&house.store, &house.clock, &phone.id)).unwrap();
    assert!(house.is_invalid(&phone.refresh_token));
    let live = |id| block_on(is_live(&house.store, &house.clock, id)).unwrap();
    assert!(!live(&phone.id) && live(&laptop.id));
    assert!(house.refresh(&laptop.refresh_token).is_ok());
    assert_eq!(house.revoked(), [ADA]);
}

#[test]
fn the_other_sessions_of_a_user_end_and_the_one_that_is_kept_goes_on() {
    let house = House::new();
    let (phone, kept, laptop) = (house.begin(ADA), house.begin(ADA), house.begin(ADA));
    block_on(end_others(&house.store, &house.clock, &kept.id)).unwrap();
    assert_eq!(house.list(ADA), [kept.id.to_string()]);
    assert!(house.is_invalid(&phone.refresh_token));
    assert!(house.is_invalid(&laptop.refresh_token));
    assert!(house.refresh(&kept.refresh_token).is_ok());
    assert_eq!(house.revoked(), [ADA]);
}

#[test]
fn the_end_of_all_sessions_is_noted_once_even_where_none_was_good() {
    let house = House::new();
    let end_all = || block_on(end_all(&house.store, &house.clock, ADA)).unwrap();
    end_all();
    assert_eq!(house.revoked(), [ADA]);
    house.begin(ADA);
    house.begin(ADA);
    end_all();
    assert_eq!(house.revoked(), [ADA, ADA]);
}

#[test]
fn an_end_that_stopped_before_it_was_noted_is_noted_at_the_next_use() {
    let house = House::new();
    let granted = house.begin(ADA);
    let mark = granted.id.ended();
    block_on(mark.set(&house.store, &NOW_MS)).unwrap();
    assert!(house.revoked().is_empty());
    for _ in 0..2 {
        assert!(house.is_invalid(&granted.refresh_token));
        assert_eq!(house.revoked(), [ADA]);
    }
}

#[test]
fn all_sessions_of_a_user_end_together_and_no_others() {
    let house = House::new();
    let (phone, laptop, other) = (house.begin(ADA), house.begin(ADA), house.begin(EVE));
    assert_eq!(
        house.list(ADA),
        [laptop.id.to_string(), phone.id.to_string()]
    );
    block_on(end_all(&house.store, &house.clock, ADA)).unwrap();
    assert!(house.list(ADA).is_empty());
    assert!(house.is_invalid(&phone.refresh_token));
    assert!(house.is_invalid(&laptop.refresh_token));
    assert!(house.refresh(&other.refresh_token).is_ok());
    assert!(house.refresh(&house.begin(ADA).refresh_token).is_ok());
}

#[test]
fn a_session_expires_a_lifetime_after_its_last_use() {
    let house = House::new();
    let first = house.begin(ADA);
    house.clock.advance_ms(MONTH_S * 1_000 - 1);
    let second = house.refresh(&first.refresh_token).unwrap();
    house.clock.advance_ms(MONTH_S * 1_000 - 1);
    let third = house.refresh(&second.refresh_token).unwrap();
    house.clock.advance_ms(MONTH_S * 1_000);
    assert!(house.is_invalid(&third.refresh_token));
    assert!(house.list(ADA).is_empty());
}

#[test]
fn a_forged_token_is_refused_and_changes_nothing() {
    let house = House::new();
    let granted = house.begin(ADA);
    let second = house.refresh(&granted.refresh_token).unwrap();
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
        format!("{ADA}.2.2.{secrets}"),
        format!("{EVE}.1.2.{secrets}"),
        format!("{ADA}.1.2.{short}"),
        format!("{ADA}.1.2.{secrets}.x"),
        format!("{ADA}.1.2"),
        format!("{ADA}.1.-2.{secrets}"),
        format!("x/{}.1.2.{secrets}", &ADA[2..]),
        String::new(),
    ] {
        assert!(house.is_invalid(&forged), "{forged}");
    }
    assert!(house.refresh(&second.refresh_token).is_ok());
}

#[test]
fn neither_a_token_nor_its_secrets_are_stored() {
    let house = House::new();
    let granted = house.begin(ADA);
    let secrets = granted.refresh_token.rsplit('.').next().unwrap();
    block_on(async {
        for key in house.store.keys() {
            let value = house.store.get(&key).await.unwrap().unwrap();
            let value = String::from_utf8_lossy(&value).into_owned();
            assert!(!value.contains(&secrets[..20]) && !value.contains(&secrets[45..65]));
        }
    });
}

#[test]
fn a_user_has_a_bounded_number_of_sessions_and_of_keys() {
    let house = House::new();
    let oldest = house.begin(ADA);
    let second = house.begin(ADA);
    let mut second_token = second.refresh_token;
    for n in 2..=MAX_SESSIONS {
        second_token = house.refresh(&second_token).unwrap().refresh_token;
        let granted = house.begin(ADA);
        if n % 2 == 0 {
            block_on(end(&house.store, &house.clock, &granted.id)).unwrap();
        }
    }
    assert!(house.is_invalid(&oldest.refresh_token));
    assert!(house.refresh(&second_token).is_ok());
    for _ in 0..100 {
        house.begin(ADA);
    }
    assert_eq!(house.list(ADA).len() as u64, MAX_SESSIONS);
    let keys = house.store.keys();
    let of_sessions = keys.iter().filter(|key| key.starts_with(&prefix(ADA)));
    assert_eq!(of_sessions.count() as u64, MAX_SESSIONS + 1);
}

#[test]
fn a_long_user_agent_is_cut() {
    let house = House::new();
    let agent = "ä".repeat(1_000);
    block_on(async {
        begin(
            &house.store,
            &house.clock,
            &house.random,
            ADA,
            Some(&agent),
            MONTH_S,
        )
        .await
        .unwrap();
        let sessions = list(&house.store, &house.clock, ADA).await.unwrap();
        assert_eq!(
            sessions[0].1.user_agent.as_ref().unwrap().chars().count(),
            MAX_USER_AGENT
        );
    });
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
        let house = House::new();
        let granted = house.begin(ADA);
        let stepped = SteppedStore::new(&house.store, seed, 0);
        let callers = callers(&stepped, &house.clock, &granted.refresh_token, 5);
        let results = interleave(&Dice::new(seed), callers, || true);
        let tokens = tokens(results);
        assert_eq!(tokens.len(), 5, "seed {seed}");
        assert!(
            tokens.iter().all(|token| *token == tokens[0]),
            "seed {seed}"
        );
        assert!(house.refresh(&tokens[0]).is_ok(), "seed {seed}");
    }
}

#[test]
fn of_two_tokens_at_once_none_is_replaced_twice() {
    for seed in 0..300 {
        let house = House::new();
        let first = house.begin(ADA);
        let second = house.refresh(&first.refresh_token).unwrap();
        let stepped = SteppedStore::new(&house.store, seed, 0);
        let mut all = callers(&stepped, &house.clock, &first.refresh_token, 2);
        all.extend(callers(&stepped, &house.clock, &second.refresh_token, 2));
        let results = interleave(&Dice::new(seed), all, || true);
        let reused = results.iter().flatten().any(is_reuse);
        let tokens: BTreeSet<_> = tokens(results).into_iter().collect();
        assert!(tokens.len() <= 2, "seed {seed}");
        for token in tokens
            .iter()
            .filter(|token| **token != second.refresh_token)
        {
            // One that came two turns late has ended the session.
            assert_eq!(house.refresh(token).is_ok(), !reused, "seed {seed}");
        }
    }
}

#[test]
fn a_refresh_beside_the_end_of_the_session_does_not_bring_it_back() {
    for seed in 0..300 {
        let house = House::new();
        let granted = house.begin(ADA);
        let stepped = SteppedStore::new(&house.store, seed, 0);
        let mut all = callers(&stepped, &house.clock, &granted.refresh_token, 2);
        all.push(Box::pin(async {
            end(&stepped, &house.clock, &granted.id).await?;
            Err(RefreshError::Invalid)
        }));
        let results = interleave(&Dice::new(seed), all, || true);
        for token in tokens(results) {
            assert!(house.is_invalid(&token), "seed {seed}");
        }
        assert!(house.list(ADA).is_empty(), "seed {seed}");
        assert!(!house.revoked().is_empty(), "seed {seed}");
    }
}

#[test]
fn callers_that_die_and_a_store_that_fails_never_leave_two_good_tokens() {
    for seed in 0..500 {
        let house = House::new();
        let granted = house.begin(ADA);
        let dice = Dice::new(seed);
        let stepped = SteppedStore::new(&house.store, seed, 50);
        let callers = callers(&stepped, &house.clock, &granted.refresh_token, 3);
        let results = interleave(&dice, callers, || !dice.falls(30));
        let tokens = tokens(results);
        assert!(
            tokens.iter().all(|token| *token == tokens[0]),
            "seed {seed}"
        );
        // Whoever died with the lock keeps nobody away for long, and nobody is taken for a thief.
        house.clock.advance_ms(2 * spinreel_ledger::WINDOW_MS);
        let good = tokens.first().unwrap_or(&granted.refresh_token);
        match house.refresh(good) {
            Ok(next) => assert!(house.refresh(&next.refresh_token).is_ok(), "seed {seed}"),
            // The turn ended and its answer was lost for longer than the grace.
            Err(error) => assert!(tokens.is_empty() && is_reuse(&Err(error)), "seed {seed}"),
        }
    }
}

#[test]
fn a_caller_that_dies_at_any_step_only_delays_the_others() {
    for steps in 0..16 {
        let house = House::new();
        let granted = house.begin(ADA);
        let token = &granted.refresh_token;
        let stepped = SteppedStore::new(&house.store, 0, 0);
        let alone = callers(&stepped, &house.clock, token, 1);
        let mut left = steps;
        let dying = interleave(&Dice::new(0), alone, || {
            left -= 1;
            left >= 0
        });
        let wait = || house.clock.advance_ms(2 * spinreel_ledger::WINDOW_MS);
        let late = match house.refresh(token) {
            Err(RefreshError::Busy) => {
                wait();
                house.refresh(token)
            }
            other => other,
        };
        let late = late.unwrap().refresh_token;
        assert!(tokens(dying).iter().all(|token| *token == late), "{steps}");
        wait();
        assert!(house.refresh(&late).is_ok(), "{steps}");
    }
}

#[test]
fn a_holder_that_lost_the_lock_writes_nothing_any_more() {
    for steps in 0..16 {
        let house = House::new();
        let granted = house.begin(ADA);
        let token = &granted.refresh_token;
        let stepped = SteppedStore::new(&house.store, 0, 0);
        let alone = callers(&stepped, &house.clock, token, 1);
        let mut left = steps;
        let mut last = None;
        let slow = interleave(&Dice::new(0), alone, || {
            left -= 1;
            if left == 0 {
                // It stands still, and others go on.
                house.clock.advance_ms(2 * spinreel_ledger::WINDOW_MS);
                let second = house.refresh(token);
                // Where it had written before, its answer was lost for longer than the grace.
                last = second.ok().map(|second| {
                    let third = house.refresh(&second.refresh_token).unwrap();
                    third.refresh_token
                });
            }
            true
        });
        let Some(last) = last else { continue };
        let session = block_on(granted.id.cell().get(&house.store)).unwrap();
        match slow.into_iter().flatten().next() {
            Some(Err(RefreshError::Reused { .. })) => assert_eq!(session, None, "{steps}"),
            _ => assert!(house.refresh(&last).is_ok(), "{steps}"),
        }
    }
}

proptest! {
    #[test]
    fn no_text_is_a_refresh_token_and_none_panics(text in "\\PC*|[0-9a-f.-]{0,80}") {
        let house = House::new();
        house.begin(ADA);
        prop_assert!(house.is_invalid(&text));
    }

    #[test]
    fn a_session_id_survives_its_text(number in 1_u64..) {
        let id = SessionId { user_id: ADA.to_owned(), number };
        prop_assert_eq!(SessionId::parse(&id.to_string()), Some(id));
    }
}
