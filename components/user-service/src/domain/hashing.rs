//! How many passwords are hashed: each takes 19 MiB of memory, and a processor for some 40 ms.
//!
//! So many requests a second may begin to hash, whatever they hash. Known users (a known device, a session) have as many
//! as all others together, so that strangers cannot take theirs.
//!
//! # What is stored
//! A counter that only grows, and a [`Second`]: when it began, and the sum at that time. A request counts itself, and may
//! hash where no more than the allowed ones counted since the second's sum. The first one past them writes the next second,
//! where this one is over, *before* it counts itself; so a second that is written late has an older sum, and allows fewer.
//! Who is refused writes nothing, but for those that raced. Nothing is given back, so that a crash cannot keep anything.

use serde::{Deserialize, Serialize};
use spinreel_ledger::{Cell, Counter, LedgerError, while_it_may};
use spinreel_platform::{Clock, Store, is_fresh};

const SECOND_MS: u64 = 1_000;

/// Who has a password hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Who {
    /// Somebody with a session, or from a device that is known.
    Known,
    /// Anybody else.
    Stranger,
}

/// From when on requests count.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Second {
    began_ms: u64,
    /// The counter's sum at that time.
    base: u64,
}

/// Whether a request may hash now, of `allowed` in a second. Costs 2 reads and a write, one more write for the first past
/// the allowed ones, and no write where it may not.
pub(crate) async fn may_begin(
    store: &impl Store,
    clock: &impl Clock,
    who: Who,
    allowed: u64,
) -> Result<bool, LedgerError> {
    let prefix = match who {
        Who::Known => "users/hashing/known",
        Who::Stranger => "users/hashing/strangers",
    };
    let counter = Counter::new(format!("{prefix}/begun"));
    let cell: Cell<Second> = Cell::new(format!("{prefix}/second"));
    let began_ms = clock.now_ms();
    // The counter first: whoever counted before that has written the second that it counts in.
    let sum = u64::try_from(counter.get(store).await?).unwrap_or(0);
    let second = cell.get(store).await?;
    let mut base = second.map_or(0, |second| second.base);
    if sum.saturating_sub(base) >= allowed {
        // One that lies ahead of the clock is from before the clock was set.
        if second.is_some_and(|second| is_fresh(second.began_ms, began_ms, SECOND_MS)) {
            return Ok(false);
        }
        base = sum;
        let next = Second { began_ms, base };
        let in_time = || is_fresh(began_ms, clock.now_ms(), SECOND_MS);
        match while_it_may(in_time, cell.set(store, &next)).await {
            Some(written) => written?,
            None => return Ok(false),
        }
    }
    let sum = u64::try_from(counter.add(store, 1).await?).unwrap_or(0);
    Ok(sum.saturating_sub(base) <= allowed)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::future::Future;
    use std::pin::Pin;

    use futures::FutureExt as _;
    use futures::executor::block_on;
    use spinreel_platform::memory::{CountingStore, ManualClock, MemoryStore, StoppingStore};

    use super::super::interleaving::{Dice, SteppedStore, interleave};
    use super::*;

    const NOW_MS: u64 = 1_700_000_000_000;
    const ALLOWED: u64 = 5;

    fn begin(store: &impl Store, clock: &ManualClock, who: Who) -> bool {
        block_on(may_begin(store, clock, who, ALLOWED)).unwrap()
    }

    fn begun_of(store: &impl Store, clock: &ManualClock, requests: u64) -> u64 {
        let begun = (0..requests).filter(|_| begin(store, clock, Who::Stranger));
        begun.count() as u64
    }

    #[test]
    fn so_many_begin_in_a_second_and_the_others_are_refused_without_a_write() {
        let (store, clock) = (
            CountingStore::<MemoryStore>::default(),
            ManualClock::at(NOW_MS),
        );
        let cost = || {
            let is_begun = begin(&store, &clock, Who::Stranger);
            let calls = store.take_calls();
            (is_begun, calls.reads(), calls.writes())
        };
        for _ in 0..ALLOWED {
            assert_eq!(cost(), (true, 2, 1));
        }
        for second in 0..3 {
            // Those before were begun at unknown times.
            assert_eq!(cost(), (true, 2, 2), "{second}");
            for _ in 1..ALLOWED {
                assert_eq!(cost(), (true, 2, 1), "{second}");
            }
            for _ in 0..20 {
                assert_eq!(cost(), (false, 2, 0), "{second}");
            }
            clock.advance_ms(SECOND_MS - 1);
            assert_eq!(cost(), (false, 2, 0), "{second}");
            clock.advance_ms(1);
        }
        assert_eq!(store.inner().keys().len(), 2);
    }

    #[test]
    fn strangers_do_not_take_what_known_users_have() {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(NOW_MS));
        begun_of(&store, &clock, 100);
        assert!(!begin(&store, &clock, Who::Stranger));
        assert!(begin(&store, &clock, Who::Known));
    }

    #[test]
    fn a_clock_that_is_set_back_or_on_keeps_nobody_out_for_longer_than_a_second() {
        for (set_ms, at_once) in [
            (NOW_MS - 86_400_000, true),
            (NOW_MS - 1, true),
            (NOW_MS + 999, false),
            (NOW_MS + 86_400_000, true),
        ] {
            let (store, clock) = (MemoryStore::default(), ManualClock::at(NOW_MS));
            begun_of(&store, &clock, 100);
            clock.set_ms(set_ms);
            assert_eq!(begin(&store, &clock, Who::Stranger), at_once, "{set_ms}");
        }
    }

    #[test]
    fn one_that_dies_anywhere_costs_the_others_at_most_its_own_place() {
        for calls in 0..4 {
            let (store, clock) = (MemoryStore::default(), ManualClock::at(NOW_MS));
            begun_of(&store, &clock, ALLOWED);
            let dying = StoppingStore::dying_before_call(&store, calls);
            let died = may_begin(&dying, &clock, Who::Stranger, ALLOWED).now_or_never();
            assert!(died.is_none(), "{calls}");
            let begun = begun_of(&store, &clock, 20);
            assert!((ALLOWED - 1..=ALLOWED).contains(&begun), "{calls}: {begun}");
            clock.advance_ms(SECOND_MS);
            assert_eq!(begun_of(&store, &clock, 20), ALLOWED, "{calls}");
        }
    }

    #[test]
    fn of_many_at_once_no_more_begin_than_one_after_another() {
        type Caller<'a> = Pin<Box<dyn Future<Output = bool> + 'a>>;
        let mut most = 0;
        for seed in 0..1_000 {
            let (store, clock) = (MemoryStore::default(), ManualClock::at(NOW_MS));
            let dice = Dice::new(seed);
            // What was begun before, at unknown times; in some runs all that may be.
            let before = begun_of(&store, &clock, dice.below(ALLOWED as usize + 1) as u64);
            let stepped = SteppedStore::new(&store, seed, [0, 40][seed as usize % 2]);
            let callers = (0..40).map(|_| -> Caller<'_> {
                Box::pin(async {
                    let begun = may_begin(&stepped, &clock, Who::Stranger, ALLOWED).await;
                    begun == Ok(true)
                })
            });
            let results = interleave(&dice, callers.collect(), || !dice.falls(10));
            let begun = results.into_iter().filter(|begun| *begun == Some(true));
            let begun = begun.count() as u64;
            // A second may begin right after the last ones of before.
            assert!(
                begun + before <= 2 * ALLOWED,
                "seed {seed}: {begun} after {before}"
            );
            most = most.max(begun);
        }
        assert!(most > ALLOWED, "{most}");
    }
}
