//! Bandwidth, actions and alerts, on any store and clock.
//!
//! # Layout
//! - `reserve`: bytes are taken of the day's bandwidth before they are moved.
//! - `settle`: what was not moved is given back, and the action is written down.
//! - `playback`: what a viewer takes of a video within an hour is one action.
//! - `limits`: what a user may move on a day, where that is not what everybody may.
//! - `days`: what users see of their days, and the keys of a day. `tally`: how many actions a day has.
//! - `actions`: an action is written down. `list`: they are listed.
//! - `history`: which days there is something of. `seal`: those that are over take few keys. `rollup`: their totals.
//! - `alerts`: crossed shares of limits, each told once. `crossing`: that of the day's bandwidth.
//! - [`webhook`]: alerts leave the installation.
//! - `purge`: everything of a user goes.
//! - `validation`: what callers may say.
//!
//! # Keys
//! | `usage/{user}/…` | what |
//! |---|---|
//! | `{day}/in`, `{day}/out` | counters of bytes: moved, or reserved |
//! | `{day}/actions` | the tally: a counter of uploads, playbacks and deletions |
//! | `{day}/action/{position}` | an action, until its day is over |
//! | `playback/{hour}/{digest}` | a counter of the bytes of a playback, until its day is over |
//! | `history` | the days that are not sealed, and which rollups there are |
//! | `{day}/segment/{number}` | 64 actions of a day that is over |
//! | `rollup/{number}` | the totals of days that are over, of 64 days |
//! | `sealing/{window}` | the lock of who seals, or purges |
//! | `limit` | the user's own limit |
//! | `alerts/…`, `alert/{id}`, `alert-told/{id}` | alerts |
//!
//! # What it costs
//! | | `get` | writes |
//! |---|---|---|
//! | an upload, reserved and settled | 6 | 3 |
//! | an upload of `n` chunks of unknown length | 4 `n` + 2 | `n` + 2, and 1 where the last was too much |
//! | an upload that failed | 4 | 2 |
//! | a deletion | 2 | 2 |
//! | a range of a video | 5 | 2 |
//! | – the first of a playback | 7 | 4 |
//! | – that is cut off | – | 2 more |
//! | a transfer that is refused | 3 | 0 |
//! | today | 4 | 0 |
//! | `n` days | 8 + 3 for each day that is not sealed | 0 |
//! | a page of `n` of today's actions | `n` + 2, and 1 more for each playback | 0 |
//! | once for a day that is over, of `n` actions (at most 512) | `n` + 8, and 1 more for each playback | 3 |
//!
//! # What may go wrong
//! No transfer is written down, so nothing is settled twice and nothing is swept. Bytes are counted before they are moved, and
//! what was not moved is given back after, once. Whoever dies, or cannot be heard, in between leaves too much on the counter
//! of a day, never too little, and nobody is refused because of it for longer than that day.
//!
//! Bytes belong to the day of their reservation, wherever midnight falls. Where an upload took several reservations, each pays
//! for its own bytes: one that reserves as it goes would get past the limit of the new day otherwise.

mod actions;
mod alerts;
mod crossing;
mod days;
mod history;
mod limits;
mod list;
#[cfg(test)]
mod midnight_tests;
mod playback;
mod purge;
mod reserve;
mod rollup;
mod seal;
mod settle;
#[cfg(test)]
mod simulation_tests;
mod tally;
#[cfg(test)]
mod testing;
pub mod validation;
pub mod webhook;

use spinreel_ledger::LedgerError;
use thiserror::Error;

pub use alerts::{Raised, alerts_list};
pub use crossing::{Crossing, Nearing};
pub use list::{Place, actions_list};
pub use reserve::{Granted, Outcome};

/// The bandwidth and the actions of users.
#[derive(Debug, Clone, Copy)]
pub struct Usage<'a, S, C> {
    store: &'a S,
    clock: &'a C,
    limit_bytes: i64,
    webhook: bool,
}

impl<'a, S, C> Usage<'a, S, C> {
    /// On this store and clock, with `limit_bytes` per UTC day for users who have no limit of their own.
    pub fn new(store: &'a S, clock: &'a C, limit_bytes: i64) -> Self {
        Self {
            store,
            clock,
            limit_bytes,
            webhook: false,
        }
    }

    /// With a webhook, to which every alert that is raised is to be delivered, or without.
    #[must_use]
    pub fn with_webhook(mut self, webhook: bool) -> Self {
        self.webhook = webhook;
        self
    }
}

/// Why usage-service could not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum UsageError {
    /// The state could not be read or written.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl From<spinreel_platform::StoreError> for UsageError {
    fn from(error: spinreel_platform::StoreError) -> Self {
        Self::Ledger(error.into())
    }
}
