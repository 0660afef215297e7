//! What is done from time to time, by whoever fills a stretch of the journal.

use spinreel_ledger::{LedgerError, Lock, while_it_may};
use spinreel_platform::{Clock, Store};
use thiserror::Error;

use super::Book;
use super::folded::Folded;
use crate::domain::index::levels::Levels;
use crate::domain::index::{IndexError, pairs_of};
use crate::domain::journal::Block;

/// How many stretches are put in the index at most in one go, and how many dropped: for whom time does not end it.
const STRETCHES: usize = 4_096;
/// How many stretches are sealed by one write.
const AT_ONCE: usize = 8;
/// How long one goes on while there is more to do, in milliseconds: there is where many clients hand large batches in. Some
/// platforms end an instance after half a minute.
const WORK_MS: u64 = 20_000;
/// How many pages of the index are merged, or deleted, at most beside a stretch: more than a stretch makes necessary,
/// which is a page in 32 stretches for each level.
const INDEX_STEPS: usize = 4;

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
        let began_ms = self.clock.now_ms();
        let is_over = || self.clock.now_ms().abs_diff(began_ms) > WORK_MS;
        let mut levels = Levels::cell().get(self.store).await?.unwrap_or_default();
        let mut folded = self.folded().await?;
        let were_folded = folded.segments;
        let mut sealed = self.journal.sealed(self.store).await?;
        for _ in 0..STRETCHES {
            if folded.segments.min(levels.indexed()) >= sealed {
                let journal = &self.journal;
                journal
                    .seal_many::<Block>(self.store, self.clock, AT_ONCE)
                    .await?;
                sealed = journal.sealed(self.store).await?;
            }
            let is_new = self.take_in(&mut levels, &mut folded, sealed).await?;
            for _ in 0..INDEX_STEPS {
                if !levels.merge_step(self.store).await? {
                    break;
                }
            }
            if !is_new || is_over() {
                break;
            }
        }
        if folded.segments > were_folded {
            Folded::cell().set(self.store, &folded).await?;
        }
        let done = folded.segments.min(levels.indexed());
        for _ in 0..STRETCHES {
            if !self.drop_oldest(done).await? || is_over() {
                break;
            }
        }
        self.strip(done, STRETCHES, is_over).await?;
        let dropped = self.journal.dropped(self.store).await?;
        for _ in 0..STRETCHES {
            if !levels.drop_step(self.store, dropped).await? || is_over() {
                break;
            }
        }
        Ok(())
    }

    /// Puts the next sealed segment in the index and in the metrics; returns whether there was one. The metrics are
    /// written down later, and may be behind where that was not done.
    async fn take_in(
        &self,
        levels: &mut Levels,
        folded: &mut Folded,
        sealed: u64,
    ) -> Result<bool, TidyError> {
        let segment = folded.segments.min(levels.indexed());
        if segment >= sealed {
            return Ok(false);
        }
        let entries = self.entries(segment, u64::MAX).await?;
        if folded.segments == segment {
            folded.add_segment(entries.iter().map(|(_, entry)| entry));
        }
        if levels.indexed() == segment {
            let pairs = pairs_of(self.store, levels, &entries).await?;
            let written = self.store.set_many(&pairs).await;
            written.map_err(LedgerError::from)?;
        }
        Ok(true)
    }
}
