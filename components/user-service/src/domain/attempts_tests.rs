#![allow(clippy::unwrap_used)]
use std::future::Future;
use std::pin::Pin;

use futures::executor::block_on;
use proptest::prelude::*;
use spinreel_platform::memory::{CountingStore, ManualClock, MemoryStore};

use super::super::interleaving::{Dice, SteppedStore, interleave};
use super::*;

const NOW_MS: u64 = 1_700_000_000_000;

struct House {
    store: MemoryStore,
    clock: ManualClock,
    attempts: Attempts,
}

impl House {
    fn new(attempts: Attempts) -> Self {
        Self {
            store: MemoryStore::default(),
            clock: ManualClock::at(NOW_MS),
            attempts,
        }
    }

    fn of_account() -> Self {
        Self::new(at("ada@example.org"))
    }

    fn begin(&self) -> Result<Guess<'_>, Pause> {
        block_on(self.attempts.begin(&self.store, &self.clock)).unwrap()
    }

    fn fail(&self) {
        let guess = self.begin().unwrap();
        block_on(guess.fail(&self.store, &self.clock)).unwrap();
    }

    fn succeed(&self) {
        let guess = self.begin().unwrap();
        block_on(guess.forgive(&self.store, &self.clock)).unwrap();
    }

    /// Seconds to wait; 0 where a guess may be made now.
    fn wait_s(&self) -> u64 {
        match self.begin() {
            Ok(guess) => {
                block_on(guess.take_back(&self.store)).unwrap();
                0
            }
            Err(Pause { wait_s }) => wait_s,
        }
    }
}

fn at(address: &str) -> Attempts {
    Attempts::at_account(&Email::parse(address).unwrap())
}

#[test]
fn some_failures_are_free_and_each_further_one_doubles_the_pause() {
    let house = House::of_account();
    for _ in 0..FREE_OF_ACCOUNT {
        assert_eq!(house.wait_s(), 0);
        house.fail();
    }
    let mut pauses = Vec::new();
    for _ in 0..8 {
        let wait_s = house.wait_s();
        pauses.push(wait_s);
        house.clock.advance_ms(wait_s * 1_000 - 1);
        assert_eq!(house.wait_s(), 1);
        house.clock.advance_ms(1);
        house.fail();
    }
    assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 64, 128]);
    assert_eq!(house.wait_s(), 256);
    house.clock.advance_ms(256_000);
    house.fail();
    assert_eq!(house.wait_s(), MAX_PAUSE_S);
}

#[test]
fn a_client_has_more_free_failures_than_an_account() {
    let house = House::new(Attempts::from_client(Some("192.0.2.1")));
    for _ in 0..FREE_OF_CLIENT {
        house.fail();
    }
    assert_eq!(house.wait_s(), 1);
}

#[test]
fn failures_are_forgotten_after_one_to_two_windows() {
    for offset_ms in [0, WINDOW_MS / 2, WINDOW_MS - 1] {
        let house = House::of_account();
        house.succeed();
        house.clock.advance_ms(offset_ms);
        for _ in 0..FREE_OF_ACCOUNT {
            house.fail();
        }
        house.clock.advance_ms(WINDOW_MS - 1);
        // They still count: the next one is not free.
        house.fail();
        assert_eq!(house.wait_s(), 2, "{offset_ms}");
        house.clock.advance_ms(2 * WINDOW_MS);
        for _ in 0..FREE_OF_ACCOUNT {
            house.fail();
        }
    }
}

#[test]
fn a_right_password_clears_an_account_and_leaves_others() {
    let house = House::of_account();
    for _ in 0..FREE_OF_ACCOUNT {
        house.fail();
    }
    house.clock.advance_ms(1_000);
    house.succeed();
    for _ in 0..FREE_OF_ACCOUNT {
        house.fail();
    }
    assert_eq!(house.wait_s(), 1);
    let other = at("eve@example.org");
    let guess = block_on(other.begin(&house.store, &house.clock));
    assert!(guess.unwrap().is_ok());
}

#[test]
fn what_was_begun_and_taken_back_is_as_if_it_had_never_been() {
    let house = House::of_account();
    for _ in 0..100 {
        let guess = house.begin().unwrap();
        block_on(guess.take_back(&house.store)).unwrap();
    }
    assert_eq!(house.wait_s(), 0);
}

#[test]
fn right_passwords_at_the_same_time_are_no_failures() {
    let house = House::of_account();
    let right: Vec<_> = (1..FREE_OF_ACCOUNT)
        .map(|_| house.begin().unwrap())
        .collect();
    house.fail();
    for guess in right {
        block_on(guess.take_back(&house.store)).unwrap();
    }
    assert_eq!(house.wait_s(), 0);
}

#[test]
fn a_guess_that_never_ends_keeps_others_away_until_the_window_is_over() {
    let house = House::of_account();
    let _ = house.begin().unwrap();
    for _ in 1..FREE_OF_ACCOUNT {
        house.fail();
    }
    house.clock.advance_ms(WINDOW_MS - 1);
    assert_eq!(house.wait_s(), 1);
    house.clock.advance_ms(1);
    assert_eq!(house.wait_s(), 0);
}

#[test]
fn a_bucket_keeps_few_keys_however_many_windows_and_right_passwords_pass() {
    let house = House::of_account();
    for round in 0..40 {
        for _ in 0..2 {
            house.fail();
        }
        if round % 3 == 0 {
            house.succeed();
        }
        house
            .clock
            .advance_ms([WINDOW_MS, 2 * WINDOW_MS][round % 2]);
        assert!(house.store.keys().len() <= 5, "{:?}", house.store.keys());
    }
}

#[test]
fn who_has_to_wait_costs_one_read() {
    let house = House::of_account();
    for _ in 0..FREE_OF_ACCOUNT {
        house.fail();
    }
    let store = CountingStore::new(&house.store);
    let refused = block_on(house.attempts.begin(&store, &house.clock)).unwrap();
    assert!(refused.is_err());
    assert_eq!((store.calls().reads(), store.calls().writes()), (1, 0));
}

#[test]
fn a_client_is_its_address_or_its_network() {
    let prefix = |address| Attempts::from_client(address).prefix;
    assert_eq!(
        prefix(Some("2001:db8:1:2::1")),
        prefix(Some("2001:db8:1:2:ffff::9"))
    );
    assert_ne!(
        prefix(Some("2001:db8:1:2::1")),
        prefix(Some("2001:db8:1:3::1"))
    );
    assert_eq!(prefix(Some("::ffff:192.0.2.1")), prefix(Some("192.0.2.1")));
    assert_ne!(prefix(Some("192.0.2.1")), prefix(Some("192.0.2.2")));
    assert_ne!(prefix(None), prefix(Some("192.0.2.1")));
    assert!(!prefix(None).starts_with("users/attempts/account/"));
}

type Caller<'a> = Pin<Box<dyn Future<Output = bool> + 'a>>;

/// Tells whether its guess was made; it was wrong.
async fn guess(attempts: &Attempts, store: &impl Store, clock: &ManualClock) -> bool {
    match attempts.begin(store, clock).await {
        Ok(Ok(guess)) => {
            let _ = guess.fail(store, clock).await;
            true
        }
        _ => false,
    }
}

#[test]
fn of_many_guesses_at_once_no_more_are_made_than_one_after_another() {
    for seed in 0..300 {
        let house = House::of_account();
        let dice = Dice::new(seed);
        let failed = dice.below(FREE_OF_ACCOUNT as usize + 3) as u64;
        for _ in 0..failed {
            house.fail();
            house.clock.advance_ms(4_000);
        }
        // Every pause is over by now.
        house.clock.advance_ms(MAX_PAUSE_S * 1_000);
        let stepped = SteppedStore::new(&house.store, seed, [0, 40][seed as usize % 2]);
        let callers = (0..12)
            .map(|_| -> Caller<'_> { Box::pin(guess(&house.attempts, &stepped, &house.clock)) })
            .collect();
        let results = interleave(&dice, callers, || !dice.falls(10));
        let made = results
            .into_iter()
            .filter(|made| *made == Some(true))
            .count() as u64;
        let allowed = FREE_OF_ACCOUNT.saturating_sub(failed).max(1);
        assert!(made <= allowed, "seed {seed}: {made} of {allowed}");
    }
}

#[test]
fn right_passwords_among_guesses_never_give_more_than_the_free_ones_each() {
    for seed in 0..300 {
        let house = House::of_account();
        let stepped = SteppedStore::new(&house.store, seed, 0);
        let mut callers: Vec<Caller<'_>> = Vec::new();
        for _ in 0..2 {
            callers.push(Box::pin(async {
                let guess = house.attempts.begin(&stepped, &house.clock).await;
                if let Ok(Ok(guess)) = guess {
                    guess.forgive(&stepped, &house.clock).await.unwrap();
                }
                false
            }));
        }
        for _ in 0..30 {
            callers.push(Box::pin(guess(&house.attempts, &stepped, &house.clock)));
        }
        let results = interleave(&Dice::new(seed), callers, || true);
        let made = results
            .into_iter()
            .filter(|made| *made == Some(true))
            .count() as u64;
        assert!(made <= 3 * FREE_OF_ACCOUNT, "seed {seed}: {made}");
    }
}

proptest! {
    #[test]
    fn an_address_of_a_client_never_gets_into_keys_as_it_is(address in "\\PC*") {
        let prefix = Attempts::from_client(Some(&address)).prefix;
        let bucket = prefix.strip_prefix("users/attempts/client/").unwrap();
        prop_assert_eq!(bucket.len(), BUCKET_CHARS);
        prop_assert!(!bucket.contains('/'));
    }
}
