//! All entries, for as long as the retention says.
//!
//! # Layout
//! - [`Book::append`]: takes entries in.
//! - [`Book::page`] (`read`): pages of what a reader looks for, either way.
//! - [`Export`] (`export`): all of it, as it stands.
//! - [`Tail`] (`tail`): what arrives, as it arrives.
//! - [`Book::metrics`] (`folded`): what all of it comes to.
//! - [`Book::tidy`] (`tidy`): seals stretches of the journal, moves the index on, drops what is old (`keep`).

mod export;
mod folded;
mod keep;
mod position;
mod read;
mod tail;
mod tidy;

pub use export::Export;
pub use position::Position;
pub use read::Found;
pub use tail::Tail;
pub use tidy::TidyError;

use spinreel_api::logs::LogEntry;
use spinreel_ledger::{Journal, LedgerError, SEGMENT};
use spinreel_platform::{Clock, Store};

use super::class::PerClass;
use super::journal::blocks;

/// How long entries are kept. What is older goes in whole stretches of the journal, the oldest first. Where there are more of
/// a class, they are taken out of the oldest stretches, which go when nothing is left of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// How many days after their arrival, 0 for ever.
    pub days: u64,
    /// How many of each class, 0 for any number. A few more stay: a stretch is only touched where so many are left.
    pub entries: PerClass,
}

/// The log.
///
/// What it costs, in calls of the store, however many entries there are:
///
/// | | calls |
/// |---|---|
/// | [`append`](Self::append), a batch | 1 `increment`, 1 `set_many` |
/// | [`page`](Self::page), of the newest | 2 `get`; the stretch that is not sealed, 1 and 1 for each of its cells; 1 for each sealed one |
/// | – by user, request, action, service or level | 1 for the index's levels, 1 for each run of it (3 of each level at most) |
/// | – by time | 1 for the index's levels, 2 for each change of the node of zones |
/// | [`tidy`](Self::tidy), once in 64 cells | about 100 for each stretch that became full |
#[derive(Debug, Clone)]
pub struct Book<'a, S, C> {
    store: &'a S,
    clock: &'a C,
    retention: Retention,
    journal: Journal,
}

impl<'a, S: Store, C: Clock> Book<'a, S, C> {
    /// On this store and clock.
    pub fn new(store: &'a S, clock: &'a C, retention: Retention) -> Self {
        Self {
            store,
            clock,
            retention,
            journal: Journal::new("logs/journal"),
        }
    }

    /// Reads a key of the store, to learn how long that takes.
    pub async fn look(&self) -> Result<(), LedgerError> {
        self.journal.head(self.store).await.map(drop)
    }

    /// Appends entries that were checked; returns whether the journal wants to be [tidied](Self::tidy).
    pub async fn append(&self, entries: &[LogEntry]) -> Result<bool, LedgerError> {
        if entries.is_empty() {
            return Ok(false);
        }
        let blocks =
            blocks(entries, self.clock.now_ms()).map_err(|error| LedgerError::Corrupt {
                key: "logs/journal".to_owned(),
                reason: error.to_string(),
            })?;
        let last = self.journal.append(self.store, self.clock, &blocks).await?;
        let before = last.saturating_sub(blocks.len() as u64);
        Ok(before / SEGMENT < last / SEGMENT)
    }

    /// Entries that arrived before this moment are not shown, in milliseconds since the Unix epoch.
    fn kept_since(&self) -> u64 {
        match self.retention.days {
            0 => 0,
            days => (self.clock.now_ms()).saturating_sub(days.saturating_mul(86_400_000)),
        }
    }
}

#[cfg(test)]
mod costs;
#[cfg(test)]
mod tests;
