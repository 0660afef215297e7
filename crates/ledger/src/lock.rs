use spinreel_platform::{Clock, Store};

use crate::LedgerError;

/// How long a window of a [`Lock`] of a long lease is, in milliseconds.
pub const WINDOW_MS: u64 = 120_000;
/// How long a call of the store may take until it has its effect, in milliseconds; one that takes longer never has
/// one. All leases are made with this in mind.
pub const CALL_MS: u64 = 20_000;

/// How long a [`Lock`] lasts, and so how long one who died is in the way: one and a half windows at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    window_ms: u64,
    /// How long before its end a lock is taken for lost: a call may take half of it, and the clocks of two instances differ
    /// by as much.
    margin_ms: u64,
}

impl Lease {
    /// For work that asks others, which may take its time: a holder has 20 seconds at least, and one who died is in the way
    /// for three minutes at most.
    pub const LONG: Self = Self {
        window_ms: WINDOW_MS,
        margin_ms: 2 * CALL_MS,
    };
    /// For a few calls of the store in a row that somebody waits for: a holder has two seconds at least, and one who died is
    /// in the way for half a minute at most. Takes for granted that a write made under the lock has its effect within four
    /// seconds or never, and that clocks differ by less.
    pub const SHORT: Self = Self {
        window_ms: 20_000,
        margin_ms: 8_000,
    };

    /// How long one who died is in the way at most, in milliseconds.
    pub const fn longest_ms(self) -> u64 {
        self.window_ms + self.window_ms / 2
    }

    /// When half of a window is over, in milliseconds since the Unix epoch.
    fn half_over(self, window: u64) -> u64 {
        window * self.window_ms + self.window_ms / 2
    }
}

/// The right to work on something, for one at a time, that outlives no holder for long.
///
/// Time is cut into windows, and a window's right is a claim: a key of its own. Who has claimed one looks for claims of
/// the windows beside it, since a holder may have come just before the border, or be late. So of two that claim in
/// neighbouring windows at least one sees the other and steps back. A holder may go on until half of the next window is
/// over; one that dies is in nobody's way after that, and leaves one key that means nothing any more.
#[derive(Debug, Clone)]
pub struct Lock {
    prefix: String,
    lease: Lease,
}

/// A [`Lock`] that is held.
#[derive(Debug, Clone)]
pub struct Held {
    key: String,
    good_until_ms: u64,
}

impl Lock {
    /// The lock under `prefix`, of a [long](Lease::LONG) lease.
    pub fn new(prefix: impl Into<String>) -> Self {
        Self {
            prefix: prefix.into(),
            lease: Lease::LONG,
        }
    }

    /// The same lock with another lease. All who use it must name the same.
    #[must_use]
    pub fn with_lease(self, lease: Lease) -> Self {
        Self { lease, ..self }
    }

    /// Takes the lock; `None` where somebody has it, or had it a moment ago and died.
    ///
    /// What the lock guards must be read again after this: it may have changed while somebody else held the lock.
    pub async fn acquire(
        &self,
        store: &impl Store,
        clock: &impl Clock,
    ) -> Result<Option<Held>, LedgerError> {
        let window = clock.now_ms() / self.lease.window_ms;
        let key = self.key(window);
        if store.increment(&key, 1).await? != 1 {
            return Ok(None);
        }
        let held = Held {
            key,
            good_until_ms: (self.lease.half_over(window + 1)).saturating_sub(self.lease.margin_ms),
        };
        let before = match window.checked_sub(1) {
            Some(before) => self.is_claimed(store, before).await?,
            None => false,
        };
        let may_still_work = clock.now_ms() < self.lease.half_over(window);
        if (before && may_still_work)
            || self.is_claimed(store, window + 1).await?
            || !held.is_good(clock)
        {
            held.release(store).await?;
            return Ok(None);
        }
        Ok(Some(held))
    }

    /// Takes the lock away from whoever has it: only where nobody can be alive that does.
    pub async fn break_open(
        &self,
        store: &impl Store,
        clock: &impl Clock,
    ) -> Result<(), LedgerError> {
        let window = clock.now_ms() / self.lease.window_ms;
        let keys: Vec<String> = (window.saturating_sub(1)..=window + 1)
            .map(|window| self.key(window))
            .collect();
        Ok(store.delete_many(&keys).await?)
    }

    async fn is_claimed(&self, store: &impl Store, window: u64) -> Result<bool, LedgerError> {
        Ok(store.get(&self.key(window)).await?.is_some())
    }

    fn key(&self, window: u64) -> String {
        format!("{}/{window}", self.prefix)
    }
}

impl Held {
    /// Whether a call that is made now still has its effect under the lock: to be asked before each that must.
    pub fn is_good(&self, clock: &impl Clock) -> bool {
        clock.now_ms() < self.good_until_ms
    }

    /// The key whose deletion gives the lock back, to be deleted together with others.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Gives the lock back. Not to be repeated after an error: by then it may be somebody else's.
    pub async fn release(self, store: &impl Store) -> Result<(), LedgerError> {
        Ok(store.delete(&self.key).await?)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use futures::FutureExt as _;
    use futures::executor::block_on;
    use spinreel_platform::memory::{ManualClock, MemoryStore};

    use super::*;
    use spinreel_platform::memory::StoppingStore;

    const MARGIN_MS: u64 = Lease::LONG.margin_ms;
    /// The beginning of some window.
    const START: u64 = 10_000 * WINDOW_MS;

    fn lock() -> Lock {
        Lock::new("l")
    }

    #[test]
    fn one_at_a_time_and_the_next_one_after_the_release() {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(START));
        block_on(async {
            let held = lock().acquire(&store, &clock).await.unwrap().unwrap();
            assert!(lock().acquire(&store, &clock).await.unwrap().is_none());
            held.release(&store).await.unwrap();
            assert!(lock().acquire(&store, &clock).await.unwrap().is_some());
        });
    }

    #[test]
    fn a_refused_one_leaves_nothing_that_lasts_beyond_the_window() {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(START));
        block_on(async {
            let held = lock().acquire(&store, &clock).await.unwrap().unwrap();
            lock().acquire(&store, &clock).await.unwrap();
            held.release(&store).await.unwrap();
            assert!(store.keys().is_empty());
        });
    }

    #[test]
    fn a_holder_from_the_end_of_a_window_keeps_its_right_and_loses_it_in_time() {
        let (store, clock) = (
            MemoryStore::default(),
            ManualClock::at(START + WINDOW_MS - 1),
        );
        block_on(async {
            let held = lock().acquire(&store, &clock).await.unwrap().unwrap();
            clock.advance_ms(WINDOW_MS / 2 - MARGIN_MS - 1);
            assert!(held.is_good(&clock));
            assert!(lock().acquire(&store, &clock).await.unwrap().is_none());
            clock.advance_ms(MARGIN_MS + 2);
            assert!(!held.is_good(&clock));
            assert!(lock().acquire(&store, &clock).await.unwrap().is_some());
        });
    }

    #[test]
    fn of_two_at_the_border_of_windows_at_most_one_gets_it_wherever_they_stand_still() {
        for calls in 0..6 {
            let store = MemoryStore::default();
            let late_clock = ManualClock::at(START - 1);
            let clock = ManualClock::at(START);
            let stopping = StoppingStore::before_call(&store, calls);
            let mut late = Box::pin(async {
                let lock = lock();
                lock.acquire(&stopping, &late_clock).await
            });
            let first = (&mut late).now_or_never();
            let other = block_on(lock().acquire(&store, &clock)).unwrap();
            let late = match first {
                Some(done) => done.unwrap(),
                None => block_on(late).unwrap(),
            };
            assert!(
                late.is_none() || other.is_none(),
                "both hold it, at call {calls}"
            );
        }
    }

    #[test]
    fn one_who_died_is_in_the_way_until_its_lease_is_over_and_no_longer() {
        for lease in [Lease::LONG, Lease::SHORT] {
            let lock = || lock().with_lease(lease);
            for offset in [0, lease.window_ms / 2, lease.window_ms - 1] {
                let began = 10_000 * lease.window_ms + offset;
                let (store, clock) = (MemoryStore::default(), ManualClock::at(began));
                block_on(async {
                    let held = lock().acquire(&store, &clock).await.unwrap().unwrap();
                    clock.set_ms(held.good_until_ms + lease.margin_ms - 1);
                    assert!(!held.is_good(&clock));
                    assert!(lock().acquire(&store, &clock).await.unwrap().is_none());
                    clock.set_ms(began + lease.longest_ms());
                    assert!(lock().acquire(&store, &clock).await.unwrap().is_some());
                });
            }
        }
    }

    #[test]
    fn a_lock_that_is_broken_open_can_be_had() {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(START));
        block_on(async {
            lock().acquire(&store, &clock).await.unwrap().unwrap();
            clock.advance_ms(WINDOW_MS);
            lock().break_open(&store, &clock).await.unwrap();
            assert!(lock().acquire(&store, &clock).await.unwrap().is_some());
        });
    }
}
