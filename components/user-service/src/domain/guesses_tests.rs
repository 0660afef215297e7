#![allow(clippy::unwrap_used)]
use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;

use futures::FutureExt as _;
use futures::executor::block_on;
use spinreel_platform::memory::{CountingStore, ManualClock, MemoryStore, StoppingStore};

use super::super::attempts::{FREE, FREE_OF_ACCOUNT, FREE_OF_CLIENT};
use super::super::device::Device;
use super::super::failures::{WINDOW_MS, WRITE_WITHIN_MS};
use super::super::interleaving::{Dice, SteppedStore, interleave};
use super::super::validation::Email;
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

    fn of_own() -> Self {
        Self::new(|| Attempts::at_own("ada"))
    }

    fn of_client() -> Self {
        Self::new(|| client(Some("192.0.2.1")))
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

/// The counts of a stranger: the client's, the account's from the client, the account's.
fn of_stranger(client: Option<&str>, address: &str) -> [Attempts; 3] {
    let email = Email::parse(address).unwrap();
    let counts = Attempts::of_stranger(SECRET, client, Some(&email));
    counts.try_into().unwrap()
}

fn client(address: Option<&str>) -> Attempts {
    Attempts::of_stranger(SECRET, address, None).remove(0)
}

#[test]
fn some_failures_are_free_and_each_further_one_doubles_the_pause() {
    let world = World::of_own();
    for _ in 0..FREE {
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
    let world = World::of_client();
    for _ in 0..FREE_OF_CLIENT {
        world.fail();
    }
    assert_eq!(world.wait_s(), 1);
}

#[test]
fn failures_past_the_free_ones_are_forgotten_after_one_to_two_windows() {
    for offset_ms in [0, WINDOW_MS / 2, WINDOW_MS - 1] {
        let world = World::of_own();
        world.fail();
        world.clock.advance_ms(offset_ms);
        for _ in 1..FREE {
            world.fail();
        }
        world.clock.advance_ms(WINDOW_MS - 1);
        // They still count: the next one is not free.
        world.fail();
        assert_eq!(world.wait_s(), 2, "{offset_ms}");
        world.clock.advance_ms(2 * WINDOW_MS);
        // The last one may be as old as it is: nothing has asked since.
        for _ in 1..FREE {
            world.fail();
        }
        assert_eq!(world.wait_s(), 1, "{offset_ms}");
        world.clock.advance_ms(2 * WINDOW_MS);
        for _ in 0..FREE {
            world.fail();
        }
        assert_eq!(world.wait_s(), 1, "{offset_ms}");
    }
}

#[test]
fn a_clock_that_is_set_back_stops_nobody_for_longer_than_a_pause_and_forgives_nothing() {
    for back_ms in [1_000, WINDOW_MS, 10 * WINDOW_MS] {
        let world = World::of_own();
        for _ in 0..FREE + 3 {
            world.clock.advance_ms(world.wait_s() * 1_000);
            world.fail();
        }
        assert_eq!(world.wait_s(), 8);
        world.clock.set_ms(NOW_MS - back_ms);
        // The first look notices it.
        let noticed_s = world.wait_s();
        assert!((1..=8).contains(&noticed_s), "{back_ms}: {noticed_s}");
        world.clock.advance_ms(noticed_s * 1_000);
        assert_eq!(world.wait_s(), 0, "{back_ms}");
        world.fail();
        assert!(world.wait_s() > 1, "{back_ms}");
    }
}

#[test]
fn a_right_password_forgives_at_the_own_account_alone() {
    let world = World::of_own();
    for _ in 0..FREE {
        world.fail();
    }
    world.clock.advance_ms(1_000);
    world.succeed();
    for _ in 0..FREE {
        world.fail();
    }
    assert_eq!(world.wait_s(), 1);
    let other = Guess::begin(&world.store, &world.clock, [Attempts::at_own("eve")]);
    assert!(block_on(other).unwrap().is_ok());

    // Others may share a place: whoever has an account there could guess on and on.
    let device = |nonce: &str| Attempts::of_device(SECRET, &Device::named(nonce));
    let [client, pair, account] = of_stranger(Some("192.0.2.1"), "ada@example.org");
    for attempts in [client, pair, account, device("a")] {
        assert!(!attempts.forgives, "{attempts:?}");
    }
}

#[test]
fn a_stranger_who_fails_at_every_opening_stops_no_other_client() {
    let (store, clock) = (MemoryStore::default(), ManualClock::at(NOW_MS));
    let begin = |client: &str| {
        let counts = of_stranger(Some(client), "ada@example.org");
        block_on(Guess::begin(&store, &clock, counts)).unwrap()
    };
    // For an hour.
    let mut failed = 0;
    while clock.now_ms() < NOW_MS + 4 * WINDOW_MS {
        match begin("192.0.2.1") {
            Ok(guess) => {
                block_on(guess.wrong(&store, &clock)).unwrap().unwrap();
                failed += 1;
            }
            Err(pause) => clock.advance_ms(pause.wait_s * 1_000),
        }
        assert!(begin("198.51.100.1").is_ok(), "after {failed}");
    }
    assert!(failed > FREE);
}

#[test]
fn many_clients_together_guess_at_one_account_no_more_than_is_free() {
    let (store, clock) = (MemoryStore::default(), ManualClock::at(NOW_MS));
    let guess = |client: u64, address: &str| {
        let client = format!("2001:db8:0:{client:x}::1");
        let counts = of_stranger(Some(&client), address);
        let guess = block_on(Guess::begin(&store, &clock, counts)).unwrap()?;
        block_on(guess.wrong(&store, &clock)).unwrap()
    };
    let told = (0..400).filter(|client| guess(*client, "ada@example.org").is_ok());
    assert_eq!(told.count() as u64, FREE_OF_ACCOUNT);
    assert!(guess(7, "eve@example.org").is_ok());
    // A device that is known is not stopped.
    let device = Attempts::of_device(SECRET, &Device::named("of ada"));
    let known = Guess::begin(&store, &clock, [device]);
    assert!(block_on(known).unwrap().is_ok());
}

#[test]
fn registrations_are_counted_before_they_are_looked_at_and_from_each_client_apart() {
    let world = World::of_client();
    let (store, clock) = (&world.store, &world.clock);
    let register =
        |client: &str| block_on(count_registration(store, clock, SECRET, Some(client))).unwrap();
    for _ in 0..FREE_OF_CLIENT {
        assert_eq!(register("192.0.2.1"), Ok(()));
    }
    assert_eq!(register("192.0.2.1"), Err(Pause { wait_s: 1 }));
    assert_eq!(register("192.0.2.2"), Ok(()));
    // Nor do they keep anybody from signing in.
    assert_eq!(world.wait_s(), 0);
    clock.advance_ms(1_000);
    assert_eq!(register("192.0.2.1"), Ok(()));
    assert_eq!(register("192.0.2.1"), Err(Pause { wait_s: 2 }));
}

#[test]
fn right_passwords_and_guesses_that_die_are_no_failures() {
    let world = World::of_own();
    world.fail();
    for _ in 0..100 {
        world.succeed();
        let _ = world.begin().unwrap();
    }
    assert_eq!(world.wait_s(), 0);
}

#[test]
fn what_a_guess_costs() {
    let world = World::of_own();
    let store = CountingStore::new(&world.store);
    let guess = |is_right: bool| {
        let attempts = of_stranger(None, "ada@example.org");
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
    assert_eq!(guess(true), (12, 0), "right");
    for _ in 1..FREE {
        assert_eq!(guess(false), (12, 3), "a failure");
        assert_eq!(guess(true), (12, 0), "right after failures");
    }
    assert_eq!(guess(false), (12, 4), "the last free failure");
    assert_eq!(guess(false), (5, 0), "one that has to wait");
    world.clock.advance_ms(1_000);
    assert_eq!(
        guess(false),
        (14, 5),
        "the first failure past the free ones"
    );
    world.clock.advance_ms(2_000);
    assert_eq!(guess(false), (13, 4), "another one");
}

#[test]
fn a_count_keeps_three_keys_however_many_windows_and_right_passwords_pass() {
    let world = World::of_own();
    let expected = Attempts::at_own("ada").keys();
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
        let keys = world.store.keys();
        assert!(
            keys.len() == 3 && expected.iter().all(|key| keys.contains(key)),
            "{keys:?}"
        );
    }
}

#[test]
fn a_guess_that_began_before_others_failed_is_told_only_where_one_after_another_would_be() {
    for (failed, is_told) in [(0, true), (8, true), (9, true), (10, false), (11, false)] {
        for is_right in [false, true] {
            let world = World::of_own();
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
        let world = World::of_own();
        for _ in 0..FREE {
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
        // The first begins a window.
        assert_eq!(costs, [3, 2, 2], "{outcomes:?}");
        // The right one among them has forgiven nothing.
        assert_eq!(world.wait_s(), 8);
    }
}

#[test]
fn a_failure_that_dies_before_its_time_is_written_costs_one_pause_from_when_it_is_noticed() {
    let world = World::of_own();
    for _ in 0..FREE {
        world.fail();
    }
    world.clock.advance_ms(1_000);
    let guess = world.begin().unwrap();
    // The look, the window and the count.
    let dying = StoppingStore::dying_before_call(&world.store, 5);
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
        for calls in 0..4 {
            let world = World::of_own();
            for _ in 0..FREE {
                world.fail();
            }
            world.clock.advance_ms(2 * WINDOW_MS);
            let guess = world.begin().unwrap();
            let stopping = StoppingStore::before_call(&world.store, calls);
            let mut slow = Box::pin(guess.wrong(&stopping, &world.clock));
            assert!((&mut slow).now_or_never().is_none());
            world.clock.advance_ms(pause_ms);
            for _ in 0..FREE {
                world.fail();
            }
            let late = block_on(slow).unwrap();
            assert!(
                late.is_err_and(|pause| pause.wait_s >= 2),
                "{pause_ms} {calls}"
            );
            world.clock.advance_ms(WINDOW_MS - 1);
            assert_eq!(world.wait_s(), 0);
            world.fail();
            assert!(world.wait_s() >= 4, "{pause_ms} {calls}");
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
        let world = World::of_own();
        let dice = Dice::new(seed);
        let failed = dice.below(FREE as usize + 3) as u64;
        for _ in 0..failed {
            world.fail();
            world.clock.advance_ms(4_000);
        }
        // Every pause is over by now, and in some runs a window or two.
        let windows = dice.below(4) as u64;
        world
            .clock
            .advance_ms(MAX_PAUSE_S * 1_000 + windows * WINDOW_MS);
        // The first one past the free ones began a window, after which those before it do not count any more; and all
        // are forgotten where the last one, of as many as the free ones, is older than two windows.
        let counted = match windows {
            0 => failed,
            1 if failed == FREE => failed,
            _ if failed == FREE => 0,
            _ if failed > FREE => failed - FREE,
            _ => failed,
        };
        let stepped = SteppedStore::new(&world.store, seed, [0, 40][seed as usize % 2]);
        let callers = (0..15).map(|_| wrong(&world, &stepped)).collect();
        let results = interleave(&dice, callers, || !dice.falls(10));
        let told = results
            .into_iter()
            .filter(|told| *told == Some(true))
            .count() as u64;
        let allowed = FREE.saturating_sub(counted).max(1);
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
        let world = World::of_own();
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
        let world = World::of_own();
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
        assert!(told <= 3 * FREE, "seed {seed}: {told}");
    }
}
