#![allow(clippy::unwrap_used)]
use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;

use futures::FutureExt as _;
use futures::executor::block_on;
use spinreel_platform::memory::{ManualClock, MemoryStore, StoppingStore};

use super::super::interleaving::{Dice, SteppedStore, interleave};
use super::testing::id;
use super::*;

type Caller<'a> = Pin<Box<dyn Future<Output = Result<Account, RegisterError>> + 'a>>;

const NOW_MS: u64 = 1_700_000_000_000;

fn new(number: usize, email: &str, username: &str) -> NewAccount {
    NewAccount {
        id: id(number),
        email: Email::parse(email).unwrap(),
        username: username.to_owned(),
        role: Role::User,
        password_hash: "$argon2id$".to_owned(),
    }
}

async fn found(store: &MemoryStore, email: &str) -> Option<Account> {
    find_by_email(store, &Email::parse(email).unwrap())
        .await
        .unwrap()
}

#[test]
fn an_account_is_found_by_its_id_and_by_every_spelling_of_its_address() {
    let (store, clock) = (MemoryStore::default(), ManualClock::at(NOW_MS));
    block_on(async {
        let account = register(&store, &clock, new(1, "Ada@Example.org", "ada"))
            .await
            .unwrap();
        assert_eq!(account.email, "Ada@example.org");
        assert_eq!(account.created_at, Timestamp::from_ms(NOW_MS));
        assert!(find(&store, &id(1)).await.unwrap() == Some(account.clone()));
        assert!(found(&store, "aDA@example.ORG").await == Some(account));
        assert!(found(&store, "eve@example.org").await.is_none());
    });
}

#[test]
fn what_is_no_id_is_nobodys() {
    let store = MemoryStore::default();
    block_on(async {
        store.set("users/account/x", b"broken").await.unwrap();
        for text in ["", "x", "../email/x", "0190c0de000070008000000000000001"] {
            assert!(find(&store, text).await.unwrap().is_none(), "{text}");
        }
    });
}

#[test]
fn a_taken_address_and_a_taken_username_are_told_apart_and_leave_nothing_behind() {
    let (store, clock) = (MemoryStore::default(), ManualClock::at(NOW_MS));
    block_on(async {
        register(&store, &clock, new(1, "ada@example.org", "ada"))
            .await
            .unwrap();
        for (email, username, error) in [
            ("ADA@example.org", "eve", RegisterError::EmailTaken),
            ("eve@example.org", "ada", RegisterError::UsernameTaken),
            ("ada@example.org", "ada", RegisterError::EmailTaken),
        ] {
            let email_read = Email::parse(email).unwrap();
            let free = check_free(&store, &clock, &email_read, username).await;
            assert_eq!(free, Err(error.clone()));
            let refused = register(&store, &clock, new(2, email, username)).await;
            assert_eq!(refused.err(), Some(error));
            assert!(find(&store, &id(2)).await.unwrap().is_none());
        }
        // Neither name is blocked by the attempts that failed.
        register(&store, &clock, new(3, "eve@example.org", "eve"))
            .await
            .unwrap();
    });
}

#[test]
fn an_account_whose_username_went_to_another_while_it_was_taken_for_dead_cannot_sign_in() {
    let (store, clock) = (MemoryStore::default(), ManualClock::at(NOW_MS));
    block_on(async {
        let slow = new(1, "ada@example.org", "ada");
        let email = Name::email(&slow.email)
            .claim(&store, &clock, &slow.id)
            .await
            .unwrap()
            .unwrap();
        let username = Name::username("ada")
            .claim(&store, &clock, &slow.id)
            .await
            .unwrap()
            .unwrap();
        assert!(!Name::username("ada").is_free(&store, &clock).await.unwrap());
        clock.advance_ms(PENDING_MS + 1);
        let quick = register(&store, &clock, new(2, "eve@example.org", "ada"))
            .await
            .unwrap();
        let late = Account {
            id: slow.id,
            email: "ada@example.org".to_owned(),
            ..quick.clone()
        };
        let pairs = [
            email.pair().unwrap(),
            username.pair().unwrap(),
            record(&late.id).pair(&late).unwrap(),
        ];
        store.set_many(&pairs).await.unwrap();
        assert!(found(&store, "ada@example.org").await.is_none());
        assert!(found(&store, "eve@example.org").await == Some(quick));
    });
}

#[test]
fn a_registration_that_takes_too_long_gives_its_names_back() {
    let (store, clock) = (MemoryStore::default(), ManualClock::at(NOW_MS));
    let dice = Dice::new(1);
    let stepped = SteppedStore::new(&store, 1, 0);
    let caller: Caller<'_> = Box::pin(register(&stepped, &clock, new(1, "ada@example.org", "ada")));
    let results = interleave(&dice, vec![caller], || {
        clock.advance_ms(WRITE_WITHIN_MS / 4);
        true
    });
    assert!(matches!(results[0], Some(Err(RegisterError::TooSlow))));
    let again = block_on(register(&store, &clock, new(2, "ada@example.org", "ada")));
    assert!(again.is_ok());
}

#[test]
fn a_registration_that_dies_before_any_call_or_between_two_keys_leaves_an_account_or_free_names() {
    let mut made = Vec::new();
    for calls in 0.. {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(NOW_MS));
        let dying = StoppingStore::dying_before_call(&store, calls);
        let registering = register(&dying, &clock, new(1, "ada@example.org", "ada"));
        let is_done = registering.now_or_never().is_some();
        block_on(async {
            let account = found(&store, "ada@example.org").await;
            made.push(account.is_some());
            for name in [
                Name::username("ada"),
                Name::email(&Email::parse("ada@example.org").unwrap()),
            ] {
                wait_until_settled(&store, &clock, &name).await;
            }
            let again = register(&store, &clock, new(2, "ada@example.org", "ada")).await;
            assert_eq!(again.is_ok(), account.is_none(), "{calls}");
            let holder = found(&store, "ada@example.org").await.unwrap();
            assert_eq!(holder.id == id(1), account.is_some(), "{calls}");
        });
        if is_done {
            break;
        }
    }
    // Without and with its record, which is the fourth key of the one call that writes it.
    let without = made.iter().filter(|made| !**made).count();
    assert_eq!(made[without..], [true; 3]);
}

#[test]
fn of_a_thousand_at_once_for_one_username_one_wins() {
    for seed in 0..20 {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(NOW_MS));
        let stepped = SteppedStore::new(&store, seed, 0);
        let callers = (0..1_000)
            .map(|n| -> Caller<'_> {
                let email = format!("user{n}@example.org");
                Box::pin(register(&stepped, &clock, new(n, &email, "ada")))
            })
            .collect();
        let results = interleave(&Dice::new(seed), callers, || true);
        let winners: Vec<_> = results.iter().flatten().flatten().collect();
        assert_eq!(winners.len(), 1, "seed {seed}");
        for result in results.iter().flatten() {
            assert!(
                matches!(result, Ok(_) | Err(RegisterError::UsernameTaken)),
                "seed {seed}"
            );
        }
        let holder = block_on(Name::username("ada").holder(&store)).unwrap();
        assert_eq!(holder.as_ref(), Some(&winners[0].id), "seed {seed}");
        // The losers' addresses are free at once.
        block_on(async {
            for n in [0, 500, 999] {
                let email = format!("user{n}@example.org");
                if winners[0].email != email {
                    let name = format!("user{n}");
                    register(&store, &clock, new(2_000 + n, &email, &name))
                        .await
                        .unwrap();
                }
            }
        });
    }
}

/// What may go wrong in a run of [`storm`].
#[derive(Debug, Clone, Copy)]
struct Weather {
    deaths_per_mille: usize,
    failures_per_mille: usize,
    stalls_per_mille: usize,
}

/// Registrations that fight over few names while callers die, the store fails, and the clock leaps so that living
/// callers are taken for dead. Afterwards: no name has two accounts, who was told of an account has it, and no name
/// is stuck.
fn storm(seed: u64, weather: Weather) {
    const NAMES: usize = 2;
    let (store, clock) = (MemoryStore::default(), ManualClock::at(NOW_MS));
    let dice = Dice::new(seed);
    let stepped = SteppedStore::new(&store, seed + 1, weather.failures_per_mille);
    let email = |n: usize| format!("user{n}@example.org");
    let username = |n: usize| format!("name{n}");
    let callers = (0..24)
        .map(|n| -> Caller<'_> {
            let new = new(n, &email(dice.below(NAMES)), &username(dice.below(NAMES)));
            Box::pin(register(&stepped, &clock, new))
        })
        .collect();
    let results = interleave(&dice, callers, || {
        if dice.falls(weather.stalls_per_mille) {
            clock.advance_ms(PENDING_MS + 1);
        }
        !dice.falls(weather.deaths_per_mille)
    });
    let told: Vec<_> = results.iter().flatten().flatten().collect();
    let emails: BTreeSet<_> = told.iter().map(|account| &account.email).collect();
    let usernames: BTreeSet<_> = told.iter().map(|account| &account.username).collect();
    assert_eq!(
        (emails.len(), usernames.len()),
        (told.len(), told.len()),
        "seed {seed} {weather:?}"
    );
    block_on(async {
        for account in &told {
            let known = found(&store, &account.email).await;
            assert!(known.as_ref() == Some(*account), "seed {seed} {weather:?}");
        }
        for n in 0..NAMES {
            let (email, username) = (email(n), username(n));
            let other_email = format!("other{n}@example.org");
            let other_username = format!("other{n}");
            let at_name = Name::username(&username);
            let at_email = Name::email(&Email::parse(&email).unwrap());
            wait_until_settled(&store, &clock, &at_name).await;
            wait_until_settled(&store, &clock, &at_email).await;

            let holder = at_name.holder(&store).await.unwrap();
            if let (Some(id), 0) = (&holder, weather.stalls_per_mille) {
                // Nobody has a username but cannot sign in with it.
                let account = find(&store, id).await.unwrap().unwrap();
                let known = found(&store, &account.email).await;
                assert!(known == Some(account), "seed {seed} {weather:?}");
            }
            let result = register(&store, &clock, new(100 + n, &other_email, &username)).await;
            assert_eq!(result.is_ok(), holder.is_none(), "seed {seed} {weather:?}");

            let holder = at_email.holder(&store).await.unwrap();
            let result = register(&store, &clock, new(200 + n, &email, &other_username)).await;
            assert_eq!(result.is_ok(), holder.is_none(), "seed {seed} {weather:?}");
        }
    });
}

/// Lets time pass until every attempt at the name is decided. A claim whose owner wrote nothing must be noticed
/// first, and there is one such claim at most for each look.
async fn wait_until_settled(store: &MemoryStore, clock: &ManualClock, name: &Name) {
    for _ in 0..24 {
        let _ = name.is_free(store, clock).await.unwrap();
        clock.advance_ms(PENDING_MS + 1);
    }
}

#[test]
fn no_name_is_shared_or_stuck_when_callers_die() {
    for seed in 0..500 {
        let weather = Weather {
            deaths_per_mille: 20,
            failures_per_mille: 0,
            stalls_per_mille: 0,
        };
        storm(seed, weather);
    }
}

#[test]
fn no_name_is_shared_or_stuck_when_the_store_fails() {
    for seed in 0..500 {
        let weather = Weather {
            deaths_per_mille: 0,
            failures_per_mille: 200,
            stalls_per_mille: 0,
        };
        storm(seed, weather);
    }
}

#[test]
fn no_name_is_shared_or_stuck_when_the_living_are_taken_for_dead() {
    for seed in 0..1_000 {
        let weather = Weather {
            deaths_per_mille: 10,
            failures_per_mille: 10,
            stalls_per_mille: 100,
        };
        storm(seed, weather);
    }
}
