//! How often passwords may be guessed: at an account's address, and from a client's address.
//!
//! Each has failures that are free; after those, every guess has to wait for a pause since the last failure that doubles
//! with each further one. Failures count whether or not anybody has the address, and are forgotten after one to two
//! windows of [`WINDOW_MS`]. They keep from guessing only: a session that has begun goes on.
//!
//! A guess counts as `begun` **before** its password is hashed, and as `failed` after it; one that does not fail is taken
//! back. Past the free failures a guess may be made only where all that began before it have failed. So of many guesses
//! at once no more pass than one after another would. One whose caller dies never ends: of the free ones it costs one,
//! and past them it keeps others away until the window is over.
//!
//! Counters are never emptied, since somebody may be about to take a guess back: they come in generations. The time, or
//! a right password, begins a new one, and the last but one is cleared away. Addresses share a fixed number of buckets,
//! so that guessing at random addresses cannot fill the store.

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use spinreel_ledger::{Cell, Counter, LedgerError};
use spinreel_platform::{Clock, Store};

use super::validation::Email;

/// Failures of an account's address that cost no pause.
pub(crate) const FREE_OF_ACCOUNT: u64 = 10;
/// The same of a client's address, which many may share.
pub(crate) const FREE_OF_CLIENT: u64 = 100;
/// The longest pause, in seconds.
const MAX_PAUSE_S: u64 = 300;
/// How long failures are counted together, in milliseconds. Those of the window before count, too.
const WINDOW_MS: u64 = 900_000;
/// Characters of a digest that name a bucket: six bits each, so 262,144 buckets.
const BUCKET_CHARS: usize = 3;

/// The guesses at one account, or from one client.
#[derive(Debug)]
pub(crate) struct Attempts {
    prefix: String,
    free: u64,
}

/// A guess that may be made, and has to be brought to its end.
#[derive(Debug)]
#[must_use]
pub(crate) struct Guess<'a> {
    attempts: &'a Attempts,
    generation: u64,
    /// How many count that were before it.
    before: u64,
}

/// A guess that may not be made now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pause {
    /// Seconds until the next may be made; at least 1.
    pub(crate) wait_s: u64,
}

/// What is known of a bucket besides its counters.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct State {
    generation: u64,
    began_ms: u64,
    /// Failures of the window before.
    carried: u64,
    /// Failures, together with those: there are at least so many.
    failures: u64,
    /// When the last guess failed; when the generation began, where none did.
    at_ms: u64,
}

impl State {
    /// One that knows of no failures.
    fn fresh(generation: u64, now_ms: u64) -> Self {
        Self {
            generation,
            began_ms: now_ms,
            carried: 0,
            failures: 0,
            at_ms: now_ms,
        }
    }
}

impl Attempts {
    /// Guesses at the account with this address.
    pub(crate) fn at_account(email: &Email) -> Self {
        Self::new("account", email.digest(), FREE_OF_ACCOUNT)
    }

    /// Guesses that come from a client. Addresses of IPv6 count by their network (/64), which one client has as a whole;
    /// those who are not known count together.
    pub(crate) fn from_client(address: Option<&str>) -> Self {
        let address = address.unwrap_or("unknown");
        let network = match address.parse::<IpAddr>().map(|ip| ip.to_canonical()) {
            Ok(IpAddr::V6(ip)) => format!("{:x}/64", ip.to_bits() >> 64),
            Ok(IpAddr::V4(ip)) => ip.to_string(),
            Err(_) => address.to_owned(),
        };
        let digest = URL_SAFE_NO_PAD.encode(Sha256::digest(network));
        Self::new("client", &digest, FREE_OF_CLIENT)
    }

    fn new(kind: &str, digest: &str, free: u64) -> Self {
        let bucket: String = digest.chars().take(BUCKET_CHARS).collect();
        Self {
            prefix: format!("users/attempts/{kind}/{bucket}"),
            free,
        }
    }

    /// Begins a guess, where one may be made.
    pub(crate) async fn begin(
        &self,
        store: &impl Store,
        clock: &impl Clock,
    ) -> Result<Result<Guess<'_>, Pause>, LedgerError> {
        let state = self.state(store, clock).await?;
        // Who has to wait anyway is told so by a read.
        if let Some(pause) = self.pause(state.failures, state.at_ms, clock) {
            return Ok(Err(pause));
        }
        let generation = state.generation;
        let begun = self.begun(generation).add(store, 1).await?;
        let guess = Guess {
            attempts: self,
            generation,
            before: state.carried + u64::try_from(begun - 1).unwrap_or(0),
        };
        if guess.before < self.free {
            return Ok(Ok(guess));
        }
        let mut pause = Some(Pause { wait_s: 1 });
        if self.failed(generation).get(store).await? == begun - 1 {
            // Once more: the last of them may have failed after the first look.
            let state = self.cell().get(store).await?.unwrap_or(state);
            pause = self.pause(guess.before, state.at_ms, clock);
        }
        let Some(pause) = pause else {
            return Ok(Ok(guess));
        };
        guess.take_back(store).await?;
        Ok(Err(pause))
    }

    /// How long to wait after so many failures, the last of them at `at_ms`.
    fn pause(&self, failures: u64, at_ms: u64, clock: &impl Clock) -> Option<Pause> {
        let beyond = u32::try_from(failures.checked_sub(self.free)?).unwrap_or(u32::MAX);
        let pause_s = 2_u64.saturating_pow(beyond).min(MAX_PAUSE_S);
        let until_ms = at_ms.saturating_add(pause_s * 1_000);
        let left_ms = until_ms.saturating_sub(clock.now_ms());
        (left_ms > 0).then(|| Pause {
            wait_s: left_ms.div_ceil(1_000),
        })
    }

    /// The generation that counts now; a new one where its window is over.
    async fn state(&self, store: &impl Store, clock: &impl Clock) -> Result<State, LedgerError> {
        let now_ms = clock.now_ms();
        let state = self.cell().get(store).await?;
        let age_ms = |state: &State| now_ms.saturating_sub(state.began_ms);
        if let Some(state) = state
            && age_ms(&state) < WINDOW_MS
        {
            return Ok(state);
        }
        let mut next = State::fresh(1, now_ms);
        if let Some(state) = state {
            next.generation = state.generation + 1;
            if age_ms(&state) < 2 * WINDOW_MS {
                let failed = self.failed(state.generation).get(store).await?;
                next.carried = u64::try_from(failed).unwrap_or(0);
                next.failures = next.carried;
                next.at_ms = state.at_ms;
            }
        }
        self.start(store, &next).await?;
        Ok(next)
    }

    /// Begins a generation. Of two that do so at once, both begin the same.
    async fn start(&self, store: &impl Store, state: &State) -> Result<(), LedgerError> {
        self.cell().set(store, state).await?;
        // In the last one somebody may still be at work.
        if let Some(old) = state.generation.checked_sub(2).filter(|old| *old > 0) {
            let keys = [self.key("begun", old), self.key("failed", old)];
            store.delete_many(&keys).await?;
        }
        Ok(())
    }

    fn cell(&self) -> Cell<State> {
        Cell::new(format!("{}/state", self.prefix))
    }

    fn begun(&self, generation: u64) -> Counter {
        Counter::new(self.key("begun", generation))
    }

    fn failed(&self, generation: u64) -> Counter {
        Counter::new(self.key("failed", generation))
    }

    fn key(&self, part: &str, generation: u64) -> String {
        format!("{}/{part}/{generation}", self.prefix)
    }
}

impl Guess<'_> {
    /// It was wrong.
    pub(crate) async fn fail(
        self,
        store: &impl Store,
        clock: &impl Clock,
    ) -> Result<(), LedgerError> {
        let failed = self.attempts.failed(self.generation);
        let known = u64::try_from(failed.get(store).await?).unwrap_or(0);
        let cell = self.attempts.cell();
        // A right password may have begun another generation by now.
        if let Some(state) = cell.get(store).await?
            && state.generation == self.generation
        {
            let state = State {
                failures: state.failures.max(state.carried + known + 1),
                at_ms: clock.now_ms(),
                ..state
            };
            cell.set(store, &state).await?;
        }
        // After its time: who sees the one has to see the other.
        failed.add(store, 1).await?;
        Ok(())
    }

    /// It was right, and all failures before it are forgotten.
    pub(crate) async fn forgive(
        self,
        store: &impl Store,
        clock: &impl Clock,
    ) -> Result<(), LedgerError> {
        if self.before > 0 {
            let next = State::fresh(self.generation + 1, clock.now_ms());
            self.attempts.start(store, &next).await?;
        }
        self.take_back(store).await
    }

    /// It was right, or was not made after all: as if it had never begun.
    pub(crate) async fn take_back(self, store: &impl Store) -> Result<(), LedgerError> {
        let begun = self.attempts.begun(self.generation);
        begun.add(store, -1).await?;
        Ok(())
    }
}

#[cfg(test)]
#[path = "attempts_tests.rs"]
mod tests;
