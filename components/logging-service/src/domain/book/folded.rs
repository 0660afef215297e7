//! The metrics: what the log comes to when it is folded, line by line.

use serde::{Deserialize, Serialize};
use spinreel_ledger::{Cell, LedgerError, SEGMENT};
use spinreel_platform::{Clock, Store};

use super::Book;
use crate::domain::journal::Block;
use crate::domain::metrics::Metrics;

/// The most stretches that one reader folds; what is beyond them is in the numbers of a later one.
const MAX_STRETCHES: u64 = 64;

/// What the segments so far come to. It outlives them.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Folded {
    /// How many segments that are.
    segments: u64,
    metrics: Metrics,
}

impl Folded {
    fn cell() -> Cell<Self> {
        Cell::new("logs/metrics")
    }

    fn absorb(&mut self, cells: &[(u64, Block)]) {
        let entries = cells.iter().flat_map(|(_, block)| block.entries());
        entries.for_each(|entry| self.metrics.absorb(&entry));
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
            let cells = self
                .journal
                .stretch::<Block>(self.store, stretch, 1..=last)
                .await?;
            folded.absorb(&cells);
        }
        Ok(folded.metrics)
    }

    /// Folds segments before `until`, a bounded number, with one writer at a time; returns how many are folded.
    pub(super) async fn fold(&self, until: u64, at_most: usize) -> Result<u64, LedgerError> {
        let mut folded = self.folded().await?;
        let from = folded.segments;
        for segment in (from..until).take(at_most) {
            let cells = self
                .journal
                .stretch::<Block>(self.store, segment, 1..=u64::MAX)
                .await?;
            folded.absorb(&cells);
            folded.segments = segment + 1;
        }
        if folded.segments > from {
            Folded::cell().set(self.store, &folded).await?;
        }
        Ok(folded.segments)
    }

    async fn folded(&self) -> Result<Folded, LedgerError> {
        let mut folded = Folded::cell().get(self.store).await?.unwrap_or_default();
        // What was dropped before there were metrics is not in them.
        folded.segments = folded.segments.max(self.journal.dropped(self.store).await?);
        Ok(folded)
    }
}
