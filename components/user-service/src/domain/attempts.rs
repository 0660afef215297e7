//! How often the password of an address may be guessed.
//!
//! Failures are counted per address and window of time, whether or not anybody has the address. Addresses share
//! a fixed number of buckets, so that guessing at random addresses cannot fill the store.

use spinreel_ledger::{Cell, Counter, LedgerError};
use spinreel_platform::{Clock, Store};

use super::validation::Email;

/// Length of a window, in milliseconds.
const WINDOW_MS: u64 = 300_000;
/// Failures in a window after which nothing is tried any more. Guesses that are being checked at the same moment
/// all count as the next one.
const MAX_FAILURES: i64 = 10;
/// Characters of an address's digest that name its bucket: six bits each, so 262,144 buckets.
const BUCKET_CHARS: usize = 3;

/// The failures of an address in the present window.
#[derive(Debug)]
pub(crate) struct Attempts {
    prefix: String,
    window: u64,
    now_ms: u64,
}

impl Attempts {
    /// Those of `email`, now.
    pub(crate) fn of(email: &Email, clock: &impl Clock) -> Self {
        let now_ms = clock.now_ms();
        let bucket: String = email.digest().chars().take(BUCKET_CHARS).collect();
        Self {
            prefix: format!("users/attempts/{bucket}"),
            window: now_ms / WINDOW_MS,
            now_ms,
        }
    }

    /// Seconds to wait before the next guess; `None` where it may be made now.
    pub(crate) async fn wait_seconds(
        &self,
        store: &impl Store,
    ) -> Result<Option<u64>, LedgerError> {
        if self.counter(self.window).get(store).await? < MAX_FAILURES {
            return Ok(None);
        }
        let end_ms = (self.window + 1) * WINDOW_MS;
        Ok(Some(end_ms.saturating_sub(self.now_ms).div_ceil(1_000)))
    }

    /// Counts a failure. The first one of a window clears away the last window that had any.
    pub(crate) async fn count_failure(&self, store: &impl Store) -> Result<(), LedgerError> {
        if self.counter(self.window).add(store, 1).await? != 1 {
            return Ok(());
        }
        let last = Cell::<u64>::new(format!("{}/last", self.prefix));
        if let Some(window) = last.get(store).await?
            && window != self.window
        {
            store.delete(&self.counter_key(window)).await?;
        }
        last.set(store, &self.window).await
    }

    fn counter(&self, window: u64) -> Counter {
        Counter::new(self.counter_key(window))
    }

    fn counter_key(&self, window: u64) -> String {
        format!("{}/{window}", self.prefix)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use futures::executor::block_on;
    use spinreel_platform::memory::{ManualClock, MemoryStore};

    use super::*;

    async fn fail(store: &MemoryStore, clock: &ManualClock, address: &str, times: i64) {
        for _ in 0..times {
            let email = Email::parse(address).unwrap();
            Attempts::of(&email, clock)
                .count_failure(store)
                .await
                .unwrap();
        }
    }

    async fn wait(store: &MemoryStore, clock: &ManualClock, address: &str) -> Option<u64> {
        let email = Email::parse(address).unwrap();
        Attempts::of(&email, clock)
            .wait_seconds(store)
            .await
            .unwrap()
    }

    #[test]
    fn the_wait_lasts_to_the_end_of_the_window() {
        let (store, clock) = (
            MemoryStore::default(),
            ManualClock::at(7 * WINDOW_MS + 1_500),
        );
        block_on(async {
            fail(&store, &clock, "ada@example.org", MAX_FAILURES - 1).await;
            assert_eq!(wait(&store, &clock, "ada@example.org").await, None);
            fail(&store, &clock, "ada@example.org", 1).await;
            assert_eq!(wait(&store, &clock, "ADA@example.org").await, Some(299));
            assert_eq!(wait(&store, &clock, "eve@example.org").await, None);
            clock.advance_ms(WINDOW_MS - 1_501);
            assert_eq!(wait(&store, &clock, "ada@example.org").await, Some(1));
            clock.advance_ms(1);
            assert_eq!(wait(&store, &clock, "ada@example.org").await, None);
        });
    }

    #[test]
    fn a_bucket_keeps_two_keys_however_many_windows_pass() {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(0));
        block_on(async {
            for _ in 0..20 {
                fail(&store, &clock, "ada@example.org", 3).await;
                clock.advance_ms(2 * WINDOW_MS);
            }
            assert_eq!(store.keys().len(), 2);
        });
    }
}
