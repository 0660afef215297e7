//! What is done from time to time, by whoever fills a stretch of the journal.

use spinreel_ledger::{LedgerError, Lock, SEGMENT, while_it_may};
use spinreel_platform::{Clock, Store};
use thiserror::Error;

use super::Book;
use crate::domain::index::levels::Levels;
use crate::domain::index::{IndexError, pairs_of, zones};
use crate::domain::journal::Block;

/// How many stretches are sealed, put in the index, folded and dropped at most in one go: more than are filled meanwhile, so
/// that a backlog shrinks.
const STRETCHES: usize = 4;
/// How many pages of the index are merged, or deleted, at most in one go.
const INDEX_STEPS: usize = 8;

/// Why the log could not be tidied.
#[derive(Debug, Error)]
pub enum TidyError {
    /// The store.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The index.
    #[error(transparent)]
    Index(#[from] IndexError),
}

impl<S: Store, C: Clock> Book<'_, S, C> {
    /// Seals full stretches of the journal, puts them in the index, moves the index and the metrics on, and drops what is
    /// past the retention: a bounded number of each. One at a time does it; where somebody is at work, there is nothing to do.
    ///
    /// Each step writes what it makes before the value that says so, and makes the same when it is done again.
    pub async fn tidy(&self) -> Result<(), TidyError> {
        let lock = Lock::new("logs/tidying");
        let Some(held) = lock.acquire(self.store, self.clock).await? else {
            return Ok(());
        };
        let done = while_it_may(|| held.is_good(self.clock), self.tidy_alone()).await;
        // After an error a call may have its effect yet; a lock that stays is in nobody's way for long.
        if let Some(outcome) = done {
            outcome?;
            held.release(self.store).await?;
        }
        Ok(())
    }

    async fn tidy_alone(&self) -> Result<(), TidyError> {
        for _ in 0..STRETCHES {
            if !self.journal.seal::<Block>(self.store, self.clock).await? {
                break;
            }
        }
        let cell = Levels::cell();
        let mut levels = cell.get(self.store).await?.unwrap_or_default();
        let sealed = self.journal.sealed(self.store).await?;
        for _ in 0..STRETCHES {
            if levels.indexed() >= sealed {
                break;
            }
            self.put_in_index(&mut levels).await?;
        }
        for _ in 0..INDEX_STEPS {
            if !levels.merge_step(self.store).await? {
                break;
            }
            cell.set(self.store, &levels).await?;
        }
        let folded = self.fold(levels.indexed(), STRETCHES).await?;
        for _ in 0..STRETCHES {
            if !self.drop_oldest(folded).await? {
                break;
            }
        }
        let dropped = self.journal.dropped(self.store).await?;
        for _ in 0..STRETCHES {
            if !levels.drop_step(self.store, dropped).await? {
                break;
            }
            cell.set(self.store, &levels).await?;
        }
        Ok(())
    }

    async fn put_in_index(&self, levels: &mut Levels) -> Result<(), TidyError> {
        let segment = levels.indexed();
        let (first, last) = (segment * SEGMENT + 1, (segment + 1) * SEGMENT);
        let cells = self
            .journal
            .stretch::<Block>(self.store, segment, first..=last)
            .await?;
        let blocks: Vec<Block> = cells.into_iter().map(|(_, block)| block).collect();
        let pairs = pairs_of(self.store, levels, &blocks).await?;
        self.store
            .set_many(&pairs)
            .await
            .map_err(LedgerError::from)?;
        Ok(())
    }

    /// Drops the oldest segment where it is past the retention, and before the segment `done`; returns whether it was.
    async fn drop_oldest(&self, done: u64) -> Result<bool, LedgerError> {
        let oldest = self.journal.dropped(self.store).await?;
        if oldest >= done {
            return Ok(false);
        }
        // A zone that is gone belongs to a segment whose dropping was not finished.
        if let Some(zone) = zones::of_segment(self.store, oldest).await? {
            let is_old = zone.received_ms < self.kept_since();
            let left = zones::through(self.store, done)
                .await?
                .saturating_sub(zone.through);
            let are_many = self.retention.entries > 0 && left >= self.retention.entries;
            if !is_old && !are_many {
                return Ok(false);
            }
        }
        let nodes = zones::ended_by(oldest);
        if !nodes.is_empty() {
            self.store.delete_many(&nodes).await?;
        }
        self.journal.drop_oldest(self.store).await
    }
}
