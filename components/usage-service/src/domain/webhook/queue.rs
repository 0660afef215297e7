//! What is written down about deliveries.

use serde::{Deserialize, Serialize};
use spinreel_api::alerts::Alert;
use spinreel_ledger::{Cell, DEAD_AFTER_MS, LedgerError, Lock, Roster};
use spinreel_platform::{Clock, Store, is_fresh};
use spinreel_webhook::schedule::{LONGEST_PAUSE_MS, is_due};

use crate::domain::alerts::place;

/// How far ahead the mark lies at most, in milliseconds: whatever was lost (the mark of somebody who died, or one that was
/// overwritten) is found by then.
pub(super) const LOOK_AT_LEAST_EVERY_MS: u64 = 600_000;

/// How long after it was written down a delivery is tried for the last time, in milliseconds.
pub(super) const LIFETIME_MS: u64 = 86_400_000;

/// An alert that is to be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::domain) struct Delivery {
    pub(super) user_id: String,
    pub(super) alert: Alert,
    /// Where the alert's entry is in its journal: what is delivered is the alert that counts, and nothing else.
    position: u64,
    /// Milliseconds since the Unix epoch.
    pub(super) written_ms: u64,
    /// How often it failed.
    pub(super) failures: u32,
    /// When it is tried next, in milliseconds since the Unix epoch.
    pub(super) next_ms: u64,
}

/// Whether the alert of a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    Stands,
    /// Whoever raises it may be about to write its place.
    NotYet,
    /// It never will, another entry counts, or the user is gone.
    Never,
}

/// What a look knows of numbers without a delivery.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Seen {
    /// No number up to this one gets a delivery any more.
    pub(super) aged: u64,
    /// The highest number that had been given at `head_ms`.
    head: u64,
    /// Milliseconds since the Unix epoch.
    head_ms: u64,
}

impl Delivery {
    /// A delivery of the alert whose entry is at `position`, due at once.
    pub(in crate::domain) fn new(user: &str, alert: Alert, position: u64, now_ms: u64) -> Self {
        Self {
            user_id: user.to_owned(),
            alert,
            position,
            written_ms: now_ms,
            failures: 0,
            next_ms: now_ms,
        }
    }

    pub(super) fn is_due(&self, now_ms: u64) -> bool {
        is_due(self.next_ms, now_ms, LONGEST_PAUSE_MS)
    }

    /// Costs one `get`.
    pub(super) async fn standing(
        &self,
        store: &impl Store,
        now_ms: u64,
    ) -> Result<Standing, LedgerError> {
        match place(&self.user_id, &self.alert.id).get(store).await? {
            Some(position) if position == self.position => Ok(Standing::Stands),
            None if now_ms <= self.written_ms.saturating_add(DEAD_AFTER_MS) => Ok(Standing::NotYet),
            _ => Ok(Standing::Never),
        }
    }
}

impl Seen {
    /// What is known at `now_ms`, when `head` is the highest number that was given.
    pub(super) fn at(self, head: u64, now_ms: u64) -> Self {
        let is_old = self.head_ms.saturating_add(DEAD_AFTER_MS) <= now_ms;
        if !is_old && self.head_ms <= now_ms {
            return self;
        }
        Self {
            // A clock that was set back tells nothing of how old the numbers are.
            aged: if is_old { self.head } else { self.aged },
            head,
            head_ms: now_ms,
        }
    }
}

/// The deliveries, of all users.
pub(in crate::domain) fn queue() -> Roster {
    Roster::new("usage/webhooks")
}

/// Writes a delivery down, under a number of its own.
pub(in crate::domain) async fn write_down(
    store: &impl Store,
    number: u64,
    delivery: &Delivery,
) -> Result<(), LedgerError> {
    queue().cell(number).set(store, delivery).await
}

/// The key whose removal takes a delivery back.
pub(in crate::domain) fn forget_key(number: u64) -> String {
    queue().cell::<Delivery>(number).key().to_owned()
}

/// Whether who got a number, or wrote a delivery down, at `since_ms` is too late for the next step of it: looks may take
/// it for dead before the step has its effect.
pub(in crate::domain) fn is_late(clock: &impl Clock, since_ms: u64) -> bool {
    !is_fresh(since_ms, clock.now_ms(), DEAD_AFTER_MS / 4 + 1)
}

/// When somebody has to look for deliveries, in milliseconds since the Unix epoch: what every request reads.
pub(in crate::domain) fn due_mark() -> Cell<u64> {
    Cell::new("usage/webhooks/due")
}

/// See [`Seen`].
pub(super) fn seen() -> Cell<Seen> {
    Cell::new("usage/webhooks/seen")
}

/// The digest of the endpoint that said that it is gone.
pub(super) fn gone() -> Cell<String> {
    Cell::new("usage/webhooks/gone")
}

/// The right to try a delivery.
pub(super) fn lock(number: u64) -> Lock {
    Lock::new(format!("usage/webhooks/lock/{number}"))
}
