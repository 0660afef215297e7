#![forbid(unsafe_code)]
//! State for services on a key-value store whose only atomic operation is `increment`.
//!
//! Spin's providers agree on little (compare-and-swap is broken on most of them), so every invariant here rests on
//! `increment` alone:
//!
//! - [`Counter`]: a sum that many writers move, with [`reserve`](Counter::reserve) against a limit.
//! - [`claim`]: one winner among many.
//! - [`Cell`]: a typed value with one writer at a time.
//! - [`Slots`]: numbered cells; numbers are never given twice.
//! - [`Lock`]: the right to work on something, one at a time, made of claims that end with their time;
//!   [`while_it_may`] stops the work with it.
//! - [`Intents`]: operations that are going on, for others to finish when they are abandoned.
//! - [`Roster`]: numbered cells whose dead cost nothing.
//! - [`Postings`]: which numbers of a list have a term.
//! - [`Journal`]: an append-only list whose old stretches are sealed, 64 entries to a key.

mod cell;
mod claim;
mod counter;
mod guard;
mod intents;
mod journal;
mod lock;
mod postings;
mod roster;
mod slots;

pub use cell::Cell;
pub use claim::claim;
pub use counter::{Counter, Reserved};
pub use guard::while_it_may;
pub use intents::{Intents, LEASE_MS, LOOK_EVERY, LOOK_PAGE, Look, Mark, Patience};
pub use journal::{Journal, JournalPage, SEAL_AFTER_MS, SEGMENT, Timed, Truncated};
pub use lock::{CALL_MS, Held, Lease, Lock, WINDOW_MS};
pub use postings::{Edits, Postings, PostingsWalk};
pub use roster::{Burial, DEAD_AFTER_MS, Found, ROSTER_SCAN, Roster, RosterPage, Walk};
pub use slots::Slots;

use spinreel_platform::StoreError;
use thiserror::Error;

/// Why the ledger could not answer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LedgerError {
    /// The store failed; the effect of a write is uncertain.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A key holds something that this version did not write.
    #[error("the value of {key} cannot be read: {reason}")]
    Corrupt {
        /// The key.
        key: String,
        /// What is wrong with its value.
        reason: String,
    },
}
