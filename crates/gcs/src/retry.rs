use spinreel_platform::{Clock, Random, back_off_ms};

use crate::error::Error;

/// How often and how long an idempotent call is tried again: exponential back-off with jitter
/// (<https://cloud.google.com/storage/docs/retry-strategy#exponential-backoff>), within two bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// How many failures end a call; 1 means no retry at all. In an upload they are counted anew whenever the bucket
    /// stored more.
    pub attempts: u32,
    /// How many milliseconds after its beginning (in an upload: its last progress) a call is not tried again.
    pub total_ms: u64,
    /// The pause after the first failure, in milliseconds; it doubles with every further one. The true pause lies
    /// between half of it and all of it.
    pub first_pause_ms: u64,
    /// The longest pause of our own, in milliseconds. A longer `Retry-After` is obeyed where the bounds allow it.
    pub longest_pause_ms: u64,
}

impl Default for RetryPolicy {
    /// Six attempts within 30 seconds: somebody is waiting for the answer.
    fn default() -> Self {
        Self {
            attempts: 6,
            total_ms: 30_000,
            first_pause_ms: 250,
            longest_pause_ms: 8_000,
        }
    }
}

/// The failures of one call.
pub(crate) struct Retries<'a, C, R> {
    policy: RetryPolicy,
    clock: &'a C,
    random: &'a R,
    began_ms: u64,
    failures: u32,
}

impl<'a, C: Clock, R: Random> Retries<'a, C, R> {
    pub(crate) fn new(policy: RetryPolicy, clock: &'a C, random: &'a R) -> Self {
        Self {
            policy,
            clock,
            random,
            began_ms: clock.now_ms(),
            failures: 0,
        }
    }

    /// Waits before the next attempt.
    ///
    /// # Errors
    /// Gives `error` back, at once, when there is to be no next attempt.
    pub(crate) async fn pause(&mut self, error: Error) -> Result<(), Error> {
        self.failures += 1;
        if !error.is_retriable() || self.failures >= self.policy.attempts {
            return Err(error);
        }
        let pause_ms = self.next_pause_ms().max(error.retry_after_ms());
        let elapsed_ms = self.clock.now_ms().abs_diff(self.began_ms);
        if elapsed_ms.saturating_add(pause_ms) > self.policy.total_ms {
            return Err(error);
        }
        self.clock.sleep_ms(pause_ms).await;
        Ok(())
    }

    /// Forgets the failures: the bucket is getting on.
    pub(crate) fn progress(&mut self) {
        self.failures = 0;
        self.began_ms = self.clock.now_ms();
    }

    fn next_pause_ms(&self) -> u64 {
        let policy = &self.policy;
        back_off_ms(
            policy.first_pause_ms,
            policy.longest_pause_ms,
            self.failures,
            self.random,
        )
    }
}

#[cfg(test)]
mod tests;
