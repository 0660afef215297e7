//! What is stored of failures, and which of them count; see [`guesses`](super::guesses).

use serde::{Deserialize, Serialize};
use spinreel_ledger::{LedgerError, while_it_may};
use spinreel_platform::{Clock, Store, is_fresh};

/// How long failures are counted together, in milliseconds. Those of the window before count, too.
pub(crate) const WINDOW_MS: u64 = 900_000;
/// How long after its look a state may be written, in milliseconds.
pub(crate) const WRITE_WITHIN_MS: u64 = 10_000;

/// Which failures count.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct State {
    /// When its window began.
    pub(crate) began_ms: u64,
    /// The counter's sum at that time.
    pub(crate) base: u64,
    /// Failures of the window before.
    pub(crate) carried: u64,
}

impl State {
    /// Whether its window goes on; one that begins long after the clock's time is from before the clock was set.
    fn goes_on(&self, now_ms: u64) -> bool {
        now_ms.abs_diff(self.began_ms) < WINDOW_MS
    }

    /// Whether its window is over, so that what it carried is forgotten.
    fn is_over(&self, now_ms: u64) -> bool {
        now_ms.saturating_sub(self.began_ms) >= WINDOW_MS
    }
}

/// The last failure past the free ones.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Last {
    /// The counter's sum with it.
    pub(crate) sum: u64,
    pub(crate) at_ms: u64,
}

/// What a look at the store finds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look {
    pub(crate) state: Option<State>,
    pub(crate) sum: u64,
}

impl Look {
    /// How many failures count, if the counter had this sum.
    pub(crate) fn failures(&self, sum: u64, now_ms: u64) -> u64 {
        let Some(state) = self.state else { return sum };
        let since = sum.saturating_sub(state.base);
        match state.is_over(now_ms) {
            true => since,
            false => state.carried + since,
        }
    }

    /// Whether so many failures count that they have to be forgotten some time, and no window says when.
    pub(crate) fn needs_window(&self, free: u64, now_ms: u64) -> bool {
        let goes_on = self.state.is_some_and(|state| state.goes_on(now_ms));
        !goes_on && self.failures(self.sum, now_ms) >= free
    }

    /// A window that begins now. What counts now counts in it, too, unless even the last failure is older than two.
    pub(crate) fn new_window(&self, last: Option<Last>, now_ms: u64) -> State {
        let is_old =
            |last: Last| last.sum == self.sum && now_ms.saturating_sub(last.at_ms) >= 2 * WINDOW_MS;
        let carried = match last.is_some_and(is_old) {
            true => 0,
            false => self.failures(self.sum, now_ms),
        };
        State {
            began_ms: now_ms,
            base: self.sum,
            carried,
        }
    }
}

/// Writes states that were made of looks since `began_ms`; `false` where that was too long ago: a window that began long
/// ago would be over too early.
pub(crate) async fn write(
    store: &impl Store,
    clock: &impl Clock,
    began_ms: u64,
    states: &[(String, Vec<u8>)],
) -> Result<bool, LedgerError> {
    if states.is_empty() {
        return Ok(true);
    }
    let in_time = || is_fresh(began_ms, clock.now_ms(), WRITE_WITHIN_MS + 1);
    match while_it_may(in_time, store.set_many(states)).await {
        Some(written) => Ok(written.map(|()| true)?),
        None => Ok(false),
    }
}
