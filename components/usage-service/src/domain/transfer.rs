use serde::{Deserialize, Serialize};
use spinreel_api::internal::Direction;
use spinreel_api::{Day, Timestamp};
use spinreel_ledger::{Cell, Counter, Slots};
use spinreel_platform::{Clock, Store};

use super::{Usage, UsageError};

/// A reservation that nobody settled for this long is taken for dead and given back, in milliseconds.
pub const EXPIRES_AFTER_MS: u64 = 6 * 3_600_000;
/// How long the id of a transfer that is over is remembered at least, in milliseconds.
pub const REMEMBERED_MS: u64 = 3_600_000;
/// How often a reservation whose caller died on the way may be begun anew.
pub(super) const ATTEMPTS: u32 = 3;
/// How long a caller may take from being given a slot to filling it, in milliseconds.
pub(super) const FILL_WITHIN_MS: u64 = 300_000;

/// Where a transfer is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum State {
    /// Written down; whether the day's counter moved is not known.
    Pending,
    /// The day's counter holds its bytes.
    Held,
    /// Taken for dead: its bytes were given back.
    Expired,
    /// Settled.
    Settled,
}

/// What is written down about a transfer before a counter moves.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Transfer {
    pub(super) state: State,
    /// The day whose counters it moves, wherever midnight falls.
    pub(super) day: Day,
    /// The bytes reserved.
    pub(super) bytes: i64,
    pub(super) direction: Option<Direction>,
    pub(super) at: Timestamp,
    /// Where it stands in the user's list of transfers.
    pub(super) slot: u64,
    /// Which claim its caller won.
    pub(super) attempt: u32,
}

impl Transfer {
    /// The bytes that the day's counter holds for it, as far as that is known.
    pub(super) fn held(&self) -> i64 {
        match self.state {
            State::Held => self.bytes,
            State::Pending | State::Expired | State::Settled => 0,
        }
    }
}

/// A transfer's place in the user's list, by which it is found when nobody knows its id any more.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Slot {
    pub(super) id: String,
    /// When it is looked at again.
    pub(super) until: Timestamp,
    /// Whether the transfer is over: then it is forgotten at `until`, and given back otherwise.
    pub(super) over: bool,
}

/// The keys of one transfer of one user.
#[derive(Debug, Clone)]
pub(super) struct Keys {
    prefix: String,
}

impl Keys {
    pub(super) fn new(user: &str, id: &str) -> Self {
        Self {
            prefix: format!("usage/{user}/transfer/{id}"),
        }
    }

    pub(super) fn record(&self) -> Cell<Transfer> {
        Cell::new(self.prefix.as_str())
    }

    /// The claim to reserve, a new one for every attempt.
    pub(super) fn reserve_claim(&self, attempt: u32) -> String {
        format!("{}/reserve/{attempt}", self.prefix)
    }

    /// The [`Settlement`].
    pub(super) fn settlement(&self) -> Settlement {
        Settlement(Counter::new(format!("{}/settle", self.prefix)))
    }

    /// Everything but the slot, in an order in which it may be deleted: the claims, which would open again, last.
    pub(super) fn all(&self) -> Vec<String> {
        let claims = (1..=ATTEMPTS).map(|attempt| self.reserve_claim(attempt));
        std::iter::once(self.prefix.clone())
            .chain(claims)
            .chain([format!("{}/settle", self.prefix)])
            .collect()
    }
}

/// Who may move a transfer's bytes: one counter that settling moves by 1 and sweeping by 2³², so that one increment
/// tells the first of each, and which of the two came first.
#[derive(Debug, Clone)]
pub(super) struct Settlement(Counter);

/// What sweeping adds.
const SWEEP: i64 = 1 << 32;

/// What a settler may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SettleRight {
    /// Move the reserved bytes and write the action down.
    All,
    /// Write the action down; the reserved bytes were given back before.
    WithoutReservation,
    /// Nothing: another settlement came first.
    Nothing,
}

impl Settlement {
    pub(super) async fn settle(&self, store: &impl Store) -> Result<SettleRight, UsageError> {
        let sum = self.0.add(store, 1).await?;
        Ok(match (sum % SWEEP, sum / SWEEP) {
            (1, 0) => SettleRight::All,
            (1, _) => SettleRight::WithoutReservation,
            _ => SettleRight::Nothing,
        })
    }

    /// Whether the reserved bytes are the sweeper's to give back, and whether somebody has settled.
    pub(super) async fn sweep(&self, store: &impl Store) -> Result<(bool, bool), UsageError> {
        let sum = self.0.add(store, SWEEP).await?;
        Ok((sum == SWEEP, sum % SWEEP > 0))
    }
}

/// The list of a user's transfers.
pub(super) fn transfers(user: &str) -> Slots {
    Slots::new(transfers_prefix(user))
}

pub(super) fn transfers_prefix(user: &str) -> String {
    format!("usage/{user}/transfers")
}

impl<S: Store, C: Clock> Usage<'_, S, C> {
    /// A new place at the end of the user's list.
    pub(super) async fn new_slot(&self, user: &str) -> Result<u64, UsageError> {
        loop {
            let began = self.clock.now_ms();
            let slot = transfers(user).allocate(self.store, 1).await?;
            // Whoever stood still for long must not fill a slot that may have been stepped over by now.
            if self.clock.now_ms().saturating_sub(began) <= FILL_WITHIN_MS {
                return Ok(slot);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use futures::executor::block_on;
    use spinreel_platform::memory::MemoryStore;

    use super::*;

    #[test]
    fn of_a_settlement_and_a_sweep_the_first_has_the_bytes() {
        block_on(async {
            let store = MemoryStore::default();
            let settled_first = Keys::new("u", "a").settlement();
            assert_eq!(
                settled_first.settle(&store).await.unwrap(),
                SettleRight::All
            );
            assert_eq!(settled_first.sweep(&store).await.unwrap(), (false, true));
            assert_eq!(
                settled_first.settle(&store).await.unwrap(),
                SettleRight::Nothing
            );
            let swept_first = Keys::new("u", "b").settlement();
            assert_eq!(swept_first.sweep(&store).await.unwrap(), (true, false));
            assert_eq!(swept_first.sweep(&store).await.unwrap(), (false, false));
            let late = swept_first.settle(&store).await.unwrap();
            assert_eq!(late, SettleRight::WithoutReservation);
            assert_eq!(
                swept_first.settle(&store).await.unwrap(),
                SettleRight::Nothing
            );
        });
    }
}
