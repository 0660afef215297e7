#![allow(clippy::unwrap_used)]
use futures::executor::block_on;
use proptest::prelude::*;
use spinreel_platform::memory::StoppingStore;

use super::super::endings::{end, end_all, end_others};
use super::super::interleaving::{Dice, SteppedStore, interleave};
use super::testing::{ADA, EVE, MONTH_S, World};
use super::*;

#[test]
fn a_session_that_an_earlier_version_wrote_is_over_and_is_in_nobodys_way() {
    let world = World::new();
    let old = world.begin(ADA);
    let record = br#"{"created_at":"2023-11-14T22:13:20.000Z","turn":1}"#;
    block_on(world.store.set(old.id.record().key(), record)).unwrap();
    assert!(world.is_invalid(&old.refresh_token));
    assert!(world.list(ADA).is_empty());
    let new = world.begin(ADA);
    assert!(world.refresh(&new.refresh_token).is_ok());
    block_on(end_all(&world.store, &world.clock, ADA)).unwrap();
    assert!(world.list(ADA).is_empty());
}

#[test]
fn another_session_of_the_user_goes_on_when_one_is_ended() {
    let world = World::new();
    let (phone, laptop) = (world.begin(ADA), world.begin(ADA));
    block_on(end(&world.store, &world.clock, &phone.id)).unwrap();
    assert!(world.is_invalid(&phone.refresh_token));
    assert!(!world.is_live(&phone) && world.is_live(&laptop));
    assert!(world.refresh(&laptop.refresh_token).is_ok());
    assert_eq!(world.revoked(), [ADA]);
}

#[test]
fn the_other_sessions_of_a_user_end_and_the_one_that_is_kept_goes_on() {
    let world = World::new();
    let (phone, kept, laptop) = (world.begin(ADA), world.begin(ADA), world.begin(ADA));
    block_on(end_others(&world.store, &world.clock, &kept.id)).unwrap();
    assert_eq!(world.list(ADA), [kept.id.to_string()]);
    assert!(world.is_invalid(&phone.refresh_token));
    assert!(world.is_invalid(&laptop.refresh_token));
    assert!(world.refresh(&kept.refresh_token).is_ok());
    assert_eq!(world.revoked(), [ADA]);
}

#[test]
fn the_end_of_all_sessions_is_noted_once_and_not_again_where_none_was_good() {
    let world = World::new();
    let end_all = || block_on(end_all(&world.store, &world.clock, ADA)).unwrap();
    end_all();
    assert!(world.revoked().is_empty());
    world.begin(ADA);
    world.begin(ADA);
    for _ in 0..2 {
        end_all();
        assert_eq!(world.revoked(), [ADA]);
    }
}

#[test]
fn a_session_that_is_over_is_noted_whichever_of_its_ends_died_where() {
    for calls in 0..12 {
        let world = World::new();
        let (phone, laptop) = (world.begin(ADA), world.begin(ADA));
        let dying = StoppingStore::dying_before_call(&world.store, calls);
        let ending = end_all(&dying, &world.clock, ADA);
        let died = futures::FutureExt::now_or_never(ending).is_none();
        for granted in [&phone, &laptop] {
            let is_over = !world.is_live(granted);
            assert!(!is_over || world.revoked() == [ADA], "{calls}");
            assert_eq!(world.is_invalid(&granted.refresh_token), is_over, "{calls}");
        }
        // Once more, and it is done.
        block_on(end_all(&world.store, &world.clock, ADA)).unwrap();
        assert!(world.list(ADA).is_empty());
        assert_eq!(died, calls < 7, "{calls}");
    }
}

#[test]
fn all_sessions_of_a_user_end_together_and_no_others() {
    let world = World::new();
    let (phone, laptop, other) = (world.begin(ADA), world.begin(ADA), world.begin(EVE));
    assert_eq!(
        world.list(ADA),
        [laptop.id.to_string(), phone.id.to_string()]
    );
    block_on(end_all(&world.store, &world.clock, ADA)).unwrap();
    assert!(world.list(ADA).is_empty());
    assert!(world.is_invalid(&phone.refresh_token));
    assert!(world.is_invalid(&laptop.refresh_token));
    assert!(world.refresh(&other.refresh_token).is_ok());
    assert!(world.refresh(&world.begin(ADA).refresh_token).is_ok());
}

#[test]
fn a_session_expires_a_lifetime_after_its_last_use() {
    let world = World::new();
    let first = world.begin(ADA);
    world.clock.advance_ms(MONTH_S * 1_000 - 1);
    let second = world.refresh(&first.refresh_token).unwrap();
    world.clock.advance_ms(MONTH_S * 1_000 - 1);
    assert!(world.is_live(&second));
    let third = world.refresh(&second.refresh_token).unwrap();
    world.clock.advance_ms(MONTH_S * 1_000 - 1);
    assert!(world.is_live(&third));
    assert_eq!(world.list(ADA).len(), 1);
    world.clock.advance_ms(1);
    assert!(!world.is_live(&third));
    assert!(world.is_invalid(&third.refresh_token));
    assert!(world.list(ADA).is_empty());
}

#[test]
fn a_list_says_when_each_session_was_used_last() {
    let world = World::new();
    let (phone, _) = (world.begin(ADA), world.begin(ADA));
    let created = Timestamp::from_ms(world.clock.now_ms());
    world.later();
    world.refresh(&phone.refresh_token).unwrap();
    let used = Timestamp::from_ms(world.clock.now_ms());
    let list = block_on(list(&world.store, &world.clock, ADA)).unwrap();
    let times = |session: &Listed| (session.created_at, session.last_used_at);
    assert_eq!(times(&list[0]), (created, created));
    assert_eq!(times(&list[1]), (created, used));
}

#[test]
fn neither_a_token_nor_its_secrets_are_stored() {
    let world = World::new();
    let first = world.begin(ADA);
    let second = world.refresh(&first.refresh_token).unwrap();
    for granted in [first, second] {
        let secrets = granted.refresh_token.rsplit('.').next().unwrap();
        for key in world.store.keys() {
            let value = block_on(world.store.get(&key)).unwrap().unwrap();
            let value = String::from_utf8_lossy(&value).into_owned();
            assert!(!value.contains(&secrets[..20]) && !value.contains(&secrets[45..65]));
        }
    }
}

#[test]
fn a_user_has_a_bounded_number_of_sessions_and_of_keys() {
    let world = World::new();
    let oldest = world.begin(ADA);
    let second = world.begin(ADA);
    let mut second_token = second.refresh_token;
    for n in 2..=MAX_SESSIONS {
        world.much_later();
        second_token = world.refresh(&second_token).unwrap().refresh_token;
        let granted = world.begin(ADA);
        if n % 2 == 0 {
            block_on(end(&world.store, &world.clock, &granted.id)).unwrap();
        }
    }
    assert!(world.is_invalid(&oldest.refresh_token) && !world.is_live(&oldest));
    assert!(world.refresh(&second_token).is_ok());
    for _ in 0..100 {
        world.begin(ADA);
    }
    assert_eq!(world.list(ADA).len() as u64, MAX_SESSIONS);
    let keys = world.store.keys();
    let of_sessions = keys.iter().filter(|key| key.starts_with(&prefix(ADA)));
    // The counter, the last uses, and a round that is over.
    let most = MAX_SESSIONS + ROUND + 2;
    assert!(of_sessions.count() as u64 <= most, "{keys:?}");
}

#[test]
fn a_beginning_that_dies_anywhere_leaves_no_session_too_many_for_longer_than_a_round() {
    for calls in 0..8 {
        let world = World::new();
        let oldest = world.begin(ADA);
        for _ in 1..MAX_SESSIONS {
            world.begin(ADA);
        }
        let dying = StoppingStore::dying_before_call(&world.store, calls);
        let beginning = begin(&dying, &world.clock, &world.random, ADA, None, MONTH_S);
        let begun = futures::FutureExt::now_or_never(beginning);
        if begun.is_some() {
            assert!(!world.is_live(&oldest), "{calls}");
            assert_eq!(calls, 6);
            return;
        }
        // Where the number was taken the oldest is good for no refresh.
        assert_eq!(
            world.is_invalid(&oldest.refresh_token),
            calls > 0,
            "{calls}"
        );
        for _ in 0..ROUND {
            world.begin(ADA);
        }
        assert!(!world.is_live(&oldest), "{calls}");
        assert!(world.revoked().len() as u64 >= ROUND, "{calls}");
        assert_eq!(
            world.list(ADA).len() as u64,
            MAX_SESSIONS - u64::from(calls > 0)
        );
    }
    panic!("it never comes to its end");
}

#[test]
fn sessions_that_begin_at_once_are_never_too_many() {
    for seed in 0..60 {
        let world = World::new();
        let first: Vec<Granted> = (0..MAX_SESSIONS).map(|_| world.begin(ADA)).collect();
        let stepped = SteppedStore::new(&world.store, seed, 0);
        let callers = (0..10)
            .map(|_| -> std::pin::Pin<Box<dyn Future<Output = _>>> {
                let World { clock, random, .. } = &world;
                Box::pin(begin(&stepped, clock, random, ADA, None, MONTH_S))
            })
            .collect();
        interleave(&Dice::new(seed), callers, || true);
        assert_eq!(world.list(ADA).len() as u64, MAX_SESSIONS, "seed {seed}");
        for (index, granted) in first.iter().enumerate() {
            assert_eq!(world.is_live(granted), index >= 10, "seed {seed}");
        }
    }
}

#[test]
fn a_long_user_agent_is_cut() {
    let world = World::new();
    let agent = "ä".repeat(1_000);
    let World {
        store,
        clock,
        random,
    } = &world;
    block_on(async {
        let agent = Some(agent.as_str());
        let begun = begin(store, clock, random, ADA, agent, MONTH_S).await;
        begun.unwrap();
        let sessions = list(store, clock, ADA).await.unwrap();
        let kept = sessions[0].user_agent.as_ref().unwrap();
        assert_eq!(kept.chars().count(), MAX_USER_AGENT);
    });
}

proptest! {
    #[test]
    fn a_session_id_survives_its_text(number in 1_u64..) {
        let id = SessionId { user_id: ADA.to_owned(), number };
        prop_assert_eq!(SessionId::parse(&id.to_string()), Some(id));
    }
}
