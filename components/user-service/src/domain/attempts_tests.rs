#![allow(clippy::unwrap_used)]
use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;

use futures::FutureExt as _;
use futures::executor::block_on;
use proptest::prelude::*;
use spinreel_platform::memory::{CountingStore, ManualClock, MemoryStore, StoppingStore};

use super::super::failures::{WINDOW_MS, WRITE_WITHIN_MS};
use super::super::interleaving::{Dice, SteppedStore, interleave};
use super::*;

const NOW_MS: u64 = 1_700_000_000_000;
const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// Guesses at one place.
struct World {
    store: MemoryStore,
    clock: ManualClock,
    attempts: fn() -> Attempts,
}

impl World {
    fn new(attempts: fn() -> Attempts) -> Self {
        Self {
            store: MemoryStore::default(),
            clock: ManualClock::at(NOW_MS),
            attempts,
        }
    }

    fn of_account() -> Self {
        Self::new(|| at("ada@example.org"))
    }

    fn begin(&self) -> Result<Guess, Pause> {
        block_on(Guess::begin(&self.store, &self.clock, [(self.attempts)()])).unwrap()
    }

    fn end(&self, guess: Guess, is_right: bool) -> Result<(), Pause> {
        let (store, clock) = (&self.store, &self.clock);
        match is_right {
            true => block_on(guess.right(store, clock)).unwrap(),
            false => block_on(guess.wrong(store, clock)).unwrap(),
        }
    }

    fn fail(&self) {
        self.end(self.begin().unwrap(), false).unwrap();
    }

    fn succeed(&self) {
        self.end(self.begin().unwrap(), true).unwrap();
    }

    /// Seconds to wait; 0 where a guess may be made now.
    fn wait_s(&self) -> u64 {
        self.begin().err().map_or(0, |pause| pause.wait_s)
    }
}

fn at(address: &str) -> Attempts {
    Attempts::at_account(SECRET, &Email::parse(address).unwrap())
}

#[test]
fn some_failures_are_free_and_each_further_one_doubles_the_pause() {
    let world = World::of_account();
    for _ in 0..FREE_OF_ACCOUNT {
        assert_eq!(world.wait_s(), 0);
        world.fail();
    }
    let mut pauses = Vec::new();
    for _ in 0..8 {
        let wait_s = world.wait_s();
        pauses.push(wait_s);
        world.clock.advance_ms(wait_s * 1_000 - 1);
        assert_eq!(world.wait_s(), 1);
        world.clock.advance_ms(1);
        world.fail();
    }
    assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 64, 128]);
    assert_eq!(world.wait_s(), 256);
    world.clock.advance_ms(256_000);
    world.fail();
    assert_eq!(world.wait_s(), MAX_PAUSE_S);
}

#[test]
fn a_client_has_more_free_failures_than_an_account() {
    let world = World::new(|| Attempts::from_client(SECRET, Some("192.0.2.1")));
    for _ in 0..FREE_OF_CLIENT {
        world.fail();
    }
    assert_eq!(world.wait_s(), 1);
}

#[test]
fn failures_are_forgotten_after_one_to_two_windows() {
    for offset_ms in [0, WINDOW_MS / 2, WINDOW_MS - 1] {
        let world = World::of_account();
        world.fail();
        world.clock.advance_ms(offset_ms);
        for _ in 1..FREE_OF_ACCOUNT {
            world.fail();
        }
        world.clock.advance_ms(WINDOW_MS - 1);
        // They still count: the next one is not free.
        world.fail();
        assert_eq!(world.wait_s(), 2, "{offset_ms}");
        world.clock.advance_ms(2 * WINDOW_MS);
        for _ in 0..FREE_OF_ACCOUNT {
            world.fail();
        }
        assert_eq!(world.wait_s(), 1, "{offset_ms}");
    }
}

#[test]
fn a_right_password_forgives_at_an_account_and_not_at_a_client_nor_elsewhere() {
    let world = World::of_account();
    for _ in 0..FREE_OF_ACCOUNT {
        world.fail();
    }
    world.clock.advance_ms(1_000);
    world.succeed();
    for _ in 0..FREE_OF_ACCOUNT {
        world.fail();
    }
    assert_eq!(world.wait_s(), 1);
    let other = Guess::begin(&world.store, &world.clock, [at("eve@example.org")]);
    assert!(block_on(other).unwrap().is_ok());

    let world = World::new(|| Attempts::from_client(SECRET, None));
    for _ in 1..FREE_OF_CLIENT {
        world.fail();
    }
    world.succeed();
    world.fail();
    assert_eq!(world.wait_s(), 1);
}

#[test]
fn right_passwords_and_guesses_that_die_are_no_failures() {
    let world = World::of_account();
    world.fail();
    for _ in 0..100 {
        world.succeed();
        let _ = world.begin().unwrap();
    }
    assert_eq!(world.wait_s(), 0);
}

#[test]
fn what_a_guess_costs() {
    let world = World::of_account();
    let store = CountingStore::new(&world.store);
    let guess = |is_right: bool| {
        let attempts = [at("ada@example.org"), Attempts::from_client(SECRET, None)];
        let guess = block_on(Guess::begin(&store, &world.clock, attempts)).unwrap();
        let Ok(guess) = guess else {
            let calls = store.take_calls();
            return (calls.reads(), calls.writes());
        };
        let told = match is_right {
            true => block_on(guess.right(&store, &world.clock)),
            false => block_on(guess.wrong(&store, &world.clock)),
        };
        told.unwrap().unwrap();
        let calls = store.take_calls();
        (calls.reads(), calls.writes())
    };
    assert_eq!(guess(true), (8, 0), "right");
    assert_eq!(guess(false), (8, 3), "the first failure of a window");
    assert_eq!(guess(false), (8, 2), "another failure");
    assert_eq!(guess(true), (8, 1), "right after failures");
    for _ in 1..FREE_OF_ACCOUNT {
        assert_eq!(guess(false), (8, 2), "another failure");
    }
    assert_eq!(guess(false), (8, 3), "the last free failure");
    assert_eq!(guess(false), (3, 0), "one that has to wait");
    world.clock.advance_ms(1_000);
    assert_eq!(guess(false), (9, 3), "a failure past the free ones");
}

#[test]
fn a_place_keeps_three_keys_however_many_windows_and_right_passwords_pass() {
    let world = World::of_account();
    for round in 0..40 {
        for _ in 0..12 {
            world.clock.advance_ms(world.wait_s() * 1_000);
            world.fail();
        }
        if round % 3 == 0 {
            world.clock.advance_ms(world.wait_s() * 1_000);
            world.succeed();
        }
        world
            .clock
            .advance_ms([WINDOW_MS, 2 * WINDOW_MS][round % 2]);
        assert_eq!(world.store.keys().len(), 3, "{:?}", world.store.keys());
    }
}

#[test]
fn a_client_is_its_address_or_its_network() {
    let prefix = |address| Attempts::from_client(SECRET, address).prefix;
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

#[test]
fn which_addresses_share_a_place_depends_on_the_secret() {
    let email = |number| Email::parse(&format!("user{number}@example.org")).unwrap();
    let prefix = |secret, number| Attempts::at_account(secret, &email(number)).prefix;
    let same = (0..100)
        .filter(|number| prefix(SECRET, *number) == prefix("another secret", *number))
        .count();
    assert!(same < 3, "{same}");
}

#[test]
fn a_guess_that_began_before_others_failed_is_told_only_where_one_after_another_would_be() {
    for (failed, is_told) in [(0, true), (8, true), (9, true), (10, false), (11, false)] {
        for is_right in [false, true] {
            let world = World::of_account();
            let slow = world.begin().unwrap();
            for _ in 0..failed {
                world.clock.advance_ms(5_000);
                world.fail();
            }
            let told = world.end(slow, is_right);
            assert_eq!(told.is_ok(), is_told, "{failed} {is_right}");
        }
    }
}

#[test]
fn of_guesses_that_began_in_one_pause_the_first_is_told_and_what_the_others_found_does_not_show() {
    for outcomes in [[false, false, true], [false, true, false]] {
        let world = World::of_account();
        for _ in 0..FREE_OF_ACCOUNT {
            world.fail();
        }
        world.clock.advance_ms(1_000);
        let guesses: Vec<_> = outcomes.iter().map(|_| world.begin().unwrap()).collect();
        let store = CountingStore::new(&world.store);
        let mut told = Vec::new();
        let mut costs = Vec::new();
        for (guess, is_right) in guesses.into_iter().zip(outcomes) {
            let end = match is_right {
                true => block_on(guess.right(&store, &world.clock)),
                false => block_on(guess.wrong(&store, &world.clock)),
            };
            told.push(end.unwrap());
            costs.push(store.take_calls().writes());
        }
        let pause = |wait_s| Err(Pause { wait_s });
        assert_eq!(told, [Ok(()), pause(4), pause(8)], "{outcomes:?}");
        assert_eq!(costs, [2, 2, 2], "{outcomes:?}");
        // The right one among them has forgiven nothing.
        assert_eq!(world.wait_s(), 8);
    }
}

#[test]
fn a_failure_that_dies_before_its_time_is_written_costs_one_pause_from_when_it_is_noticed() {
    let world = World::of_account();
    for _ in 0..FREE_OF_ACCOUNT {
        world.fail();
    }
    world.clock.advance_ms(1_000);
    let guess = world.begin().unwrap();
    // The look, and the count.
    let dying = StoppingStore::dying_before_call(&world.store, 3);
    let died = guess.wrong(&dying, &world.clock).now_or_never();
    assert!(died.is_none());
    world.clock.advance_ms(MAX_PAUSE_S * 1_000);
    assert_eq!(world.wait_s(), 2);
    world.clock.advance_ms(2_000);
    assert_eq!(world.wait_s(), 0);
}

#[test]
fn a_window_that_is_written_late_forgets_nothing() {
    for pause_ms in [0, WRITE_WITHIN_MS, WINDOW_MS, 2 * WINDOW_MS, 3 * WINDOW_MS] {
        // Before each of its reads, and before the write.
        for calls in 0..3 {
            let world = World::of_account();
            world.fail();
            world.clock.advance_ms(2 * WINDOW_MS);
            let guess = world.begin().unwrap();
            let stopping = StoppingStore::before_call(&world.store, calls);
            let mut slow = Box::pin(guess.wrong(&stopping, &world.clock));
            assert!((&mut slow).now_or_never().is_none());
            world.clock.advance_ms(pause_ms);
            for _ in 0..FREE_OF_ACCOUNT {
                world.fail();
            }
            let late = block_on(slow).unwrap();
            assert_eq!(late, Err(Pause { wait_s: 2 }), "{pause_ms} {calls}");
            world.clock.advance_ms(WINDOW_MS - 1);
            assert_eq!(world.wait_s(), 0);
            world.fail();
            assert_eq!(world.wait_s(), 4, "{pause_ms} {calls}");
        }
    }
}

type Caller<'a> = Pin<Box<dyn Future<Output = bool> + 'a>>;

/// A guess from its beginning to its end.
async fn guess(
    world: &World,
    store: &impl Store,
    is_right: bool,
) -> Result<Result<(), Pause>, LedgerError> {
    let guess = match Guess::begin(store, &world.clock, [(world.attempts)()]).await? {
        Ok(guess) => guess,
        Err(pause) => return Ok(Err(pause)),
    };
    match is_right {
        true => guess.right(store, &world.clock).await,
        false => guess.wrong(store, &world.clock).await,
    }
}

/// A wrong guess; whether it was told so.
fn wrong<'a>(world: &'a World, store: &'a impl Store) -> Caller<'a> {
    Box::pin(async { matches!(guess(world, store, false).await, Ok(Ok(()))) })
}

#[test]
fn of_many_guesses_at_once_no_more_are_told_than_one_after_another() {
    let mut least = u64::MAX;
    for seed in 0..400 {
        let world = World::of_account();
        let dice = Dice::new(seed);
        let failed = dice.below(FREE_OF_ACCOUNT as usize + 3) as u64;
        for _ in 0..failed {
            world.fail();
            world.clock.advance_ms(4_000);
        }
        // Every pause is over by now, and in some runs a window or two.
        let windows = dice.below(4) as u64;
        world
            .clock
            .advance_ms(MAX_PAUSE_S * 1_000 + windows * WINDOW_MS);
        let counted = if windows < 2 { failed } else { 0 };
        let stepped = SteppedStore::new(&world.store, seed, [0, 40][seed as usize % 2]);
        let callers = (0..15).map(|_| wrong(&world, &stepped)).collect();
        let results = interleave(&dice, callers, || !dice.falls(10));
        let told = results
            .into_iter()
            .filter(|told| *told == Some(true))
            .count() as u64;
        let allowed = FREE_OF_ACCOUNT.saturating_sub(counted).max(1);
        assert!(told <= allowed, "seed {seed}: {told} of {allowed}");
        least = least.min(allowed - told);
    }
    assert_eq!(least, 0);
}

#[test]
fn a_right_guess_among_many_is_found_no_more_often_than_one_after_another() {
    // One of forty is right, and ten are free: a quarter.
    let rounds = 400;
    let mut found = 0;
    for seed in 0..rounds {
        let world = World::of_account();
        let dice = Dice::new(seed);
        let stepped = SteppedStore::new(&world.store, seed, 0);
        let is_found = Cell::new(false);
        let right = dice.below(40);
        let callers = (0..40)
            .map(|number| -> Caller<'_> {
                if number != right {
                    return wrong(&world, &stepped);
                }
                let (world, stepped, is_found) = (&world, &stepped, &is_found);
                Box::pin(async move {
                    let told = guess(world, stepped, true).await.unwrap();
                    is_found.set(told.is_ok());
                    false
                })
            })
            .collect();
        interleave(&dice, callers, || true);
        found += u64::from(is_found.get());
    }
    assert!((rounds / 8..rounds * 3 / 8).contains(&found), "{found}");
}

#[test]
fn right_passwords_among_guesses_never_give_more_than_the_free_ones_each() {
    for seed in 0..300 {
        let world = World::of_account();
        let stepped = SteppedStore::new(&world.store, seed, 0);
        let mut callers: Vec<Caller<'_>> = Vec::new();
        for _ in 0..2 {
            callers.push(Box::pin(async {
                let _ = guess(&world, &stepped, true).await.unwrap();
                false
            }));
        }
        callers.extend((0..30).map(|_| wrong(&world, &stepped)));
        let results = interleave(&Dice::new(seed), callers, || true);
        let told = results
            .into_iter()
            .filter(|told| *told == Some(true))
            .count() as u64;
        assert!(told <= 3 * FREE_OF_ACCOUNT, "seed {seed}: {told}");
    }
}

proptest! {
    #[test]
    fn an_address_of_a_client_never_gets_into_keys_as_it_is(address in "\\PC*") {
        let prefix = Attempts::from_client(SECRET, Some(&address)).prefix;
        let place = prefix.strip_prefix("users/attempts/client/").unwrap();
        prop_assert_eq!(place.len(), PLACE_CHARS);
        prop_assert!(!place.contains('/'));
    }
}
