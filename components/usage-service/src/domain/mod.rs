//! Bandwidth, actions and alerts, on any store and clock.
//!
//! # Layout
//! - `reserve`: a transfer takes its part of the day's bandwidth before it begins.
//! - `settle`: it ends; what it did not use is given back, and the action is written down.
//! - `sweep`: what died is given back by whoever comes later, and what is over is forgotten.
//! - `limits`: what a user may move on a day, where that is not what everybody may.
//! - `days`, `actions`: what users see of it.
//! - `alerts`: crossed shares of limits, each told once.
//! - [`webhook`]: they leave the installation.
//! - `lists`: the lists that only grow, and their sealing.
//! - `purge`: everything of a user goes.
//! - `transfer`: what is written down about a transfer, and under which keys. `validation`: what callers may say.
//!
//! Bytes are counted twice on purpose. `usage/{user}/{day}/bytes` is what the limit is held against: settled bytes
//! and reservations. The other counters of the day are what users see: settled bytes and numbers of actions.
//!
//! A transfer belongs to the day of its reservation, wherever midnight falls. Where an action took several transfers, each
//! pays for its own part: an upload that reserves as it goes would get past the limit of the new day otherwise.
//!
//! A crash between any two writes leaves the first one too high or right, never too low; and as it belongs to one
//! day, nobody is refused because of it for longer than that day.

mod actions;
mod alerts;
mod crossing;
mod days;
mod limits;
mod lists;
#[cfg(test)]
mod midnight_tests;
mod purge;
mod reserve;
mod settle;
mod sweep;
#[cfg(test)]
mod testing;
mod transfer;
pub mod validation;
pub mod webhook;

use spinreel_ledger::LedgerError;
use thiserror::Error;

pub use alerts::Raised;
pub use crossing::Crossing;
pub use lists::List;
pub use reserve::Reservation;
pub use sweep::{SWEEP_SIZE, Swept};
pub use transfer::{EXPIRES_AFTER_MS, REMEMBERED_MS};

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
    /// Another call is reserving for the same transfer, and its outcome is not known yet.
    #[error("another call is reserving for this transfer")]
    Busy,
    /// The transfer was settled, or was taken for dead and given up.
    #[error("this transfer is over")]
    Over,
}

impl From<spinreel_platform::StoreError> for UsageError {
    fn from(error: spinreel_platform::StoreError) -> Self {
        Self::Ledger(error.into())
    }
}
