//! What is stored of failures, and which of them count; see [`attempts`](super::attempts).

use serde::{Deserialize, Serialize};
use spinreel_ledger::{LedgerError, while_it_may};
use spinreel_platform::{Clock, Store};

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
        match now_ms.saturating_sub(state.began_ms) / WINDOW_MS {
            0 => state.carried + since,
            1 => since,
            _ => 0,
        }
    }

    /// A window that begins now, where the one before is over. It changes nothing about what counts.
    pub(crate) fn next_window(&self, now_ms: u64) -> Option<State> {
        let age_ms = |state: State| now_ms.saturating_sub(state.began_ms);
        if self.state.is_some_and(|state| age_ms(state) < WINDOW_MS) {
            return None;
        }
        Some(State {
            began_ms: now_ms,
            base: self.sum,
            carried: self.failures(self.sum, now_ms),
        })
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
    let in_time = || clock.now_ms().saturating_sub(began_ms) <= WRITE_WITHIN_MS;
    match while_it_may(in_time, store.set_many(states)).await {
        Some(written) => Ok(written.map(|()| true)?),
        None => Ok(false),
    }
}
