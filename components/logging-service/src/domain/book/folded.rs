//! The metrics: what the log comes to when it is folded, line by line.

use serde::{Deserialize, Serialize};
use spinreel_api::logs::LogEntry;
use spinreel_ledger::{Cell, LedgerError, SEGMENT};
use spinreel_platform::{Clock, Store};

use super::Book;
use crate::domain::journal::Block;
use crate::domain::metrics::Metrics;

/// The most stretches that one reader folds; what is beyond them is in the numbers of a later one.
const MAX_STRETCHES: u64 = 64;

/// What the segments so far come to. It outlives them.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Folded {
    /// How many segments that are.
    pub(super) segments: u64,
    metrics: Metrics,
}

impl Folded {
    pub(super) fn cell() -> Cell<Self> {
        Cell::new("logs/metrics")
    }

    /// Adds the next segment.
    pub(super) fn add_segment<'a>(&mut self, entries: impl Iterator<Item = &'a LogEntry>) {
        entries.for_each(|entry| self.metrics.absorb(entry));
        self.segments += 1;
    }
}

impl<S: Store, C: Clock> Book<'_, S, C> {
    /// The metrics of all entries so far.
    ///
    /// Numbers never go down: what is folded is a beginning of the journal, and only gets longer. Costs four `get`s, one
    /// for each stretch that is not folded yet, and one for each cell of those that are not sealed.
    pub async fn metrics(&self) -> Result<Metrics, LedgerError> {
        let mut folded = self.folded().await?;
        let head = self.journal.head(self.store).await?;
        let last = head.min((folded.segments + MAX_STRETCHES) * SEGMENT);
        for stretch in folded.segments..last.div_ceil(SEGMENT) {
            let entries = self.entries(stretch, last).await?;
            folded.add_segment(entries.iter().map(|(_, entry)| entry));
        }
        Ok(folded.metrics)
    }

    pub(super) async fn folded(&self) -> Result<Folded, LedgerError> {
        let mut folded = Folded::cell().get(self.store).await?.unwrap_or_default();
        // What was dropped before there were metrics is not in them.
        folded.segments = folded.segments.max(self.journal.dropped(self.store).await?);
        Ok(folded)
    }

    /// The entries of a stretch, up to the cell `last`, with the moments of their arrival in milliseconds since the Unix
    /// epoch.
    pub(super) async fn entries(
        &self,
        stretch: u64,
        last: u64,
    ) -> Result<Vec<(u64, LogEntry)>, LedgerError> {
        let cells = self
            .journal
            .stretch::<Block>(self.store, stretch, 1..=last)
            .await?;
        let of_cell = |block: &Block| -> Vec<(u64, LogEntry)> {
            block
                .entries()
                .map(|entry| (block.received_ms, entry))
                .collect()
        };
        Ok(cells.iter().flat_map(|(_, block)| of_cell(block)).collect())
    }
}
